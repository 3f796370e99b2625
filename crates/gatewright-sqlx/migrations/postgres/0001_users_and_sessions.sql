-- Times are microseconds since 1970. Epochs are unsigned 64-bit numbers, stored as signed ones with
-- the same bits. Text is compared and ordered byte for byte; the database's default collation has
-- no effect.
-- `email` is the address as it was entered, which is shown and mailed. `email_key` is its form for comparisons.
-- `username_key` is that of the user name; both are null for a user without a user name.
CREATE TABLE gatewright_users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email TEXT COLLATE "C" NOT NULL,
    email_key TEXT COLLATE "C" NOT NULL UNIQUE,
    username TEXT COLLATE "C",
    username_key TEXT COLLATE "C" UNIQUE,
    password_hash TEXT COLLATE "C" NOT NULL,
    is_active BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A user has any number of roles. The primary key lists the holders of a role in the order of their ids, in
-- which they are locked.
CREATE TABLE gatewright_user_roles (
    role TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (role, user_id)
);

CREATE INDEX gatewright_user_roles_user ON gatewright_user_roles (user_id);

-- The users may be in another store, so there is no foreign key. `seq` is the order of creation.
-- `auth_time` is when the user last proved who they are, `amr` how: methods of RFC 8176, separated by
-- spaces, or null if they are not known.
CREATE TABLE gatewright_sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    user_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    seed BYTEA NOT NULL CHECK (octet_length(seed) = 32),
    scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    amr TEXT COLLATE "C",
    last_used_at BIGINT NOT NULL,
    pending_used_at BIGINT NOT NULL,
    earlier_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    current_digest BYTEA NOT NULL CHECK (octet_length(current_digest) = 32),
    used BYTEA NOT NULL CHECK (octet_length(used) <= 320),
    rotated_at BIGINT NOT NULL,
    rotated_by_address TEXT COLLATE "C",
    rotated_by_user_agent TEXT COLLATE "C",
    foreign_graces BIGINT NOT NULL,
    foreign_grace_seen BOOLEAN NOT NULL
);

CREATE INDEX gatewright_sessions_user ON gatewright_sessions (user_id, seq);

-- The idle expiry is never later than the absolute expiry, so it alone decides when a session has
-- expired.
CREATE INDEX gatewright_sessions_idle ON gatewright_sessions (idle_expires_at);

-- Parallel logins of one user run one after the other: each locks the same row until its
-- transaction ends. Unlike an advisory lock, a row cannot be locked by a role without rights on the
-- table.
CREATE TABLE gatewright_session_locks (
    stripe BIGINT NOT NULL PRIMARY KEY
);

INSERT INTO gatewright_session_locks (stripe) SELECT generate_series(0, 255);

-- The files that have run. Every file ends with its own number, also if another tool runs it.
CREATE TABLE gatewright_migrations (version BIGINT NOT NULL PRIMARY KEY);

INSERT INTO gatewright_migrations (version) VALUES (1);
