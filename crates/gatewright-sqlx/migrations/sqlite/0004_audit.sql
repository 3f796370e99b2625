-- The audit trail. A row is one link in the chain of its writer. Rows are only added; the client's address, the
-- user agent and the salt can be set to null, and old rows can be deleted. `occurred_at` is in microseconds since
-- 1970. `actor` is `system` or `user:` and an id, or null for the client itself.
CREATE TABLE gatewright_audit (
    writer TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    occurred_at INTEGER NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    cause TEXT,
    actor TEXT,
    subject TEXT,
    session_id TEXT,
    client_address TEXT,
    user_agent TEXT,
    login_name TEXT,
    method TEXT,
    route TEXT,
    request_id TEXT,
    detail TEXT,
    salt BLOB,
    personal_digest BLOB NOT NULL,
    mac BLOB,
    PRIMARY KEY (writer, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX gatewright_audit_time ON gatewright_audit (occurred_at);
CREATE INDEX gatewright_audit_event ON gatewright_audit (event, occurred_at, writer, number);
CREATE INDEX gatewright_audit_subject ON gatewright_audit (subject, occurred_at);
CREATE INDEX gatewright_audit_actor ON gatewright_audit (actor, occurred_at);

INSERT INTO gatewright_migrations (version) VALUES (4);
