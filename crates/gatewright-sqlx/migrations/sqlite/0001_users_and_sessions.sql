-- Times are microseconds since 1970. Epochs are unsigned 64-bit numbers, stored as signed ones with
-- the same bits. Text is compared byte for byte.
-- `email` is the address as it was entered, which is shown and mailed. `email_key` is its form for comparisons.
-- `username_key` is that of the user name; both are null for a user without a user name.
CREATE TABLE gatewright_users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    username TEXT,
    username_key TEXT UNIQUE,
    password_hash TEXT NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A user has any number of roles.
CREATE TABLE gatewright_user_roles (
    role TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (role, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX gatewright_user_roles_user ON gatewright_user_roles (user_id);

-- The users may be in another store, so there is no foreign key. `seq` is the order of creation.
-- `auth_time` is when the user last proved who they are, `amr` how: methods of RFC 8176, separated by
-- spaces, or null if they are not known.
CREATE TABLE gatewright_sessions (
    id TEXT NOT NULL UNIQUE,
    seq INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT,
    last_used_at INTEGER NOT NULL,
    pending_used_at INTEGER NOT NULL,
    earlier_used_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    current_digest BLOB NOT NULL CHECK (length(current_digest) = 32),
    used BLOB NOT NULL CHECK (length(used) <= 320),
    rotated_at INTEGER NOT NULL,
    rotated_by_address TEXT,
    rotated_by_user_agent TEXT,
    foreign_graces INTEGER NOT NULL,
    foreign_grace_seen INTEGER NOT NULL CHECK (foreign_grace_seen IN (0, 1))
) STRICT;

CREATE INDEX gatewright_sessions_user ON gatewright_sessions (user_id);

-- The idle expiry is never later than the absolute expiry, so it alone decides when a session has
-- expired.
CREATE INDEX gatewright_sessions_idle ON gatewright_sessions (idle_expires_at);

-- The files that have run. Every file ends with its own number, also if another tool runs it.
CREATE TABLE gatewright_migrations (version INTEGER NOT NULL PRIMARY KEY) STRICT;

INSERT INTO gatewright_migrations (version) VALUES (1);
