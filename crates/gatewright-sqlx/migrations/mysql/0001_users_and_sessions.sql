-- Times are microseconds since 1970, epochs the bits of a 64-bit number. Text is kept as bytes: no collation folds case,
-- accents or trailing spaces. MySQL commits each statement that makes a table, so each must bear to be run again.
CREATE TABLE IF NOT EXISTS gatewright_users (
    id VARBINARY(128) NOT NULL PRIMARY KEY,
    email VARBINARY(254) NOT NULL UNIQUE,
    password_hash VARBINARY(1024) NOT NULL,
    role VARBINARY(64) NOT NULL,
    is_active BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    INDEX gatewright_users_role (role, is_active)
) ENGINE = InnoDB;

-- Users may live in another store, so no foreign key. `seq` is the order in which sessions began. The idle end is never
-- later than the absolute one, so it alone decides when a session is over.
CREATE TABLE IF NOT EXISTS gatewright_sessions (
    id VARBINARY(36) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL AUTO_INCREMENT UNIQUE,
    user_id VARBINARY(128) NOT NULL,
    epoch BIGINT NOT NULL,
    seed VARBINARY(32) NOT NULL CHECK (length(seed) = 32),
    scopes BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    current_digest VARBINARY(32) NOT NULL CHECK (length(current_digest) = 32),
    previous_digest VARBINARY(32) CHECK (length(previous_digest) = 32),
    rotated_at BIGINT NOT NULL,
    INDEX gatewright_sessions_user (user_id, seq),
    INDEX gatewright_sessions_idle (idle_expires_at)
) ENGINE = InnoDB;

-- Logins of one user take turns: each locks one of these rows until it is done.
CREATE TABLE IF NOT EXISTS gatewright_session_locks (
    stripe INT NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

INSERT IGNORE INTO gatewright_session_locks (stripe)
WITH RECURSIVE stripes (stripe) AS (SELECT 0 UNION ALL SELECT stripe + 1 FROM stripes WHERE stripe < 255)
SELECT stripe FROM stripes;
