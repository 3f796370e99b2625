-- The states of the throttle: what each key has counted, in bytes that only Gatewright reads. A key is its kind
-- and a digest. `expires_at` is in microseconds since 1970.
CREATE TABLE gatewright_throttle (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 17),
    state BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX gatewright_throttle_expiry ON gatewright_throttle (expires_at);

-- A step of the throttle locks a row for each of its keys, whether the key has a state or not.
CREATE TABLE gatewright_throttle_locks (
    stripe BIGINT NOT NULL PRIMARY KEY
);

INSERT INTO gatewright_throttle_locks (stripe) SELECT generate_series(0, 1023);

INSERT INTO gatewright_migrations (version) VALUES (3);
