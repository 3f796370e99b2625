-- The audit trail. A row is one link in the chain of its writer. Rows are only added; the client's address, the
-- user agent and the salt can be set to null, and old rows can be deleted. `occurred_at` is in microseconds since
-- 1970. `actor` is `system` or `user:` and an id, or null for the client itself.
CREATE TABLE gatewright_audit (
    writer TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    occurred_at BIGINT NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C",
    actor TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    session_id TEXT COLLATE "C",
    client_address TEXT COLLATE "C",
    user_agent TEXT COLLATE "C",
    login_name TEXT COLLATE "C",
    method TEXT COLLATE "C",
    route TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    detail TEXT COLLATE "C",
    salt BYTEA,
    personal_digest BYTEA NOT NULL,
    mac BYTEA,
    PRIMARY KEY (writer, number)
);

CREATE INDEX gatewright_audit_time ON gatewright_audit (occurred_at);
CREATE INDEX gatewright_audit_event ON gatewright_audit (event, occurred_at, writer, number);
CREATE INDEX gatewright_audit_subject ON gatewright_audit (subject, occurred_at);
CREATE INDEX gatewright_audit_actor ON gatewright_audit (actor, occurred_at);

INSERT INTO gatewright_migrations (version) VALUES (4);
