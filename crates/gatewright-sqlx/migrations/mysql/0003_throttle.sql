-- The states of the throttle: what each key has counted, in bytes that only Gatewright reads. A key is its kind
-- and a digest. `expires_at` is in microseconds since 1970.
CREATE TABLE IF NOT EXISTS gatewright_throttle (
    id VARBINARY(17) NOT NULL PRIMARY KEY CHECK (length(id) = 17),
    state BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    INDEX gatewright_throttle_expiry (expires_at)
) ENGINE = InnoDB;

-- A step of the throttle locks a row for each of its keys, whether the key has a state or not.
CREATE TABLE IF NOT EXISTS gatewright_throttle_locks (
    stripe BIGINT NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

-- MySQL ends a recursion after 1,000 rows.
INSERT IGNORE INTO gatewright_throttle_locks (stripe)
WITH RECURSIVE digits (digit) AS (SELECT 0 UNION ALL SELECT digit + 1 FROM digits WHERE digit < 31)
SELECT high.digit * 32 + low.digit FROM digits high CROSS JOIN digits low;

INSERT IGNORE INTO gatewright_migrations (version) VALUES (3);
