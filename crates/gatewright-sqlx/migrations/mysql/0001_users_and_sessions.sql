-- Times are microseconds since 1970. Epochs are unsigned 64-bit numbers, stored as signed ones with
-- the same bits. Text is stored as bytes, because collations can treat different texts as equal:
-- case, accents, trailing spaces. MySQL commits after each statement that creates a table, so every
-- statement must be repeatable.
-- `email` is the address as it was entered, which is shown and mailed. `email_key` is its form for comparisons.
-- `username_key` is that of the user name; both are null for a user without a user name.
CREATE TABLE IF NOT EXISTS gatewright_users (
    id VARBINARY(128) NOT NULL PRIMARY KEY,
    email VARBINARY(254) NOT NULL,
    email_key VARBINARY(254) NOT NULL UNIQUE,
    username VARBINARY(64),
    username_key VARBINARY(254) UNIQUE,
    password_hash VARBINARY(1024) NOT NULL,
    is_active BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE = InnoDB;

-- A user has any number of roles. The primary key lists the holders of a role in the order of their ids, in
-- which they are locked.
CREATE TABLE IF NOT EXISTS gatewright_user_roles (
    role VARBINARY(64) NOT NULL,
    user_id VARBINARY(128) NOT NULL,
    PRIMARY KEY (role, user_id),
    INDEX gatewright_user_roles_user (user_id)
) ENGINE = InnoDB;

-- The users may be in another store, so there is no foreign key. `seq` is the order of creation.
-- The idle expiry is never later than the absolute expiry, so it alone decides when a session has
-- expired.
-- `auth_time` is when the user last proved who they are, `amr` how: methods of RFC 8176, separated by
-- spaces, or null if they are not known.
CREATE TABLE IF NOT EXISTS gatewright_sessions (
    id VARBINARY(36) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL AUTO_INCREMENT UNIQUE,
    user_id VARBINARY(128) NOT NULL,
    epoch BIGINT NOT NULL,
    seed VARBINARY(32) NOT NULL CHECK (length(seed) = 32),
    scopes BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    amr VARBINARY(255),
    last_used_at BIGINT NOT NULL,
    pending_used_at BIGINT NOT NULL,
    earlier_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    current_digest VARBINARY(32) NOT NULL CHECK (length(current_digest) = 32),
    used VARBINARY(320) NOT NULL,
    rotated_at BIGINT NOT NULL,
    rotated_by_address VARBINARY(45),
    rotated_by_user_agent VARBINARY(256),
    foreign_graces BIGINT NOT NULL,
    foreign_grace_seen BOOLEAN NOT NULL,
    INDEX gatewright_sessions_user (user_id, seq),
    INDEX gatewright_sessions_idle (idle_expires_at)
) ENGINE = InnoDB;

-- Parallel logins of one user run one after the other: each locks the same row until its
-- transaction ends. Unlike a named lock, a row cannot be locked by a user without rights on the
-- table.
CREATE TABLE IF NOT EXISTS gatewright_session_locks (
    stripe BIGINT NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

INSERT IGNORE INTO gatewright_session_locks (stripe)
WITH RECURSIVE stripes (stripe) AS (SELECT 0 UNION ALL SELECT stripe + 1 FROM stripes WHERE stripe < 255)
SELECT stripe FROM stripes;

-- The files that have run. Every file ends with its own number, also if another tool runs it.
CREATE TABLE IF NOT EXISTS gatewright_migrations (version BIGINT NOT NULL PRIMARY KEY) ENGINE = InnoDB;

INSERT IGNORE INTO gatewright_migrations (version) VALUES (1);
