-- The states of the throttle: what each key has counted, in bytes that only Gatewright reads. A key is its kind
-- and a digest. `expires_at` is in microseconds since 1970.
CREATE TABLE gatewright_throttle (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 17),
    state BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX gatewright_throttle_expiry ON gatewright_throttle (expires_at);

INSERT INTO gatewright_migrations (version) VALUES (3);
