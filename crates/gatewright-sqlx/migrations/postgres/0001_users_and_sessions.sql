-- Times are microseconds since 1970, epochs the bits of a 64-bit number. Text is compared and ordered byte for byte,
-- whatever the database's own collation.
CREATE TABLE gatewright_users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    is_active BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX gatewright_users_role ON gatewright_users (role, is_active);

-- Users may live in another store, so no foreign key. `seq` is the order in which sessions began.
CREATE TABLE gatewright_sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    user_id TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    seed BYTEA NOT NULL CHECK (octet_length(seed) = 32),
    scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    current_digest BYTEA NOT NULL CHECK (octet_length(current_digest) = 32),
    previous_digest BYTEA CHECK (octet_length(previous_digest) = 32),
    rotated_at BIGINT NOT NULL
);

CREATE INDEX gatewright_sessions_user ON gatewright_sessions (user_id, seq);

-- The idle end is never later than the absolute one, so it alone decides when a session is over.
CREATE INDEX gatewright_sessions_idle ON gatewright_sessions (idle_expires_at);
