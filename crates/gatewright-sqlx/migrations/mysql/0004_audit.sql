-- The audit trail. A row is one link in the chain of its writer. Rows are only added; the client's address, the
-- user agent and the salt can be set to null, and old rows can be deleted. `occurred_at` is in microseconds since
-- 1970. `actor` is `system` or `user:` and an id, or null for the client itself.
CREATE TABLE IF NOT EXISTS gatewright_audit (
    writer VARBINARY(64) NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    occurred_at BIGINT NOT NULL,
    event VARBINARY(64) NOT NULL,
    outcome VARBINARY(64) NOT NULL,
    cause VARBINARY(512),
    actor VARBINARY(160),
    subject VARBINARY(128),
    session_id VARBINARY(64),
    client_address VARBINARY(64),
    user_agent VARBINARY(256),
    login_name VARBINARY(64),
    method VARBINARY(32),
    route VARBINARY(256),
    request_id VARBINARY(64),
    detail VARBINARY(1024),
    salt VARBINARY(16),
    personal_digest VARBINARY(32) NOT NULL,
    mac VARBINARY(32),
    PRIMARY KEY (writer, number),
    INDEX gatewright_audit_time (occurred_at),
    INDEX gatewright_audit_event (event, occurred_at, writer, number),
    INDEX gatewright_audit_subject (subject, occurred_at),
    INDEX gatewright_audit_actor (actor, occurred_at)
) ENGINE = InnoDB;

INSERT IGNORE INTO gatewright_migrations (version) VALUES (4);
