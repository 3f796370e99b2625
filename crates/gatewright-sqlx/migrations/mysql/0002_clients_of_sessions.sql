-- The client of each login; null if it is not known.
-- The statement must be repeatable, and MySQL has no ADD COLUMN IF NOT EXISTS.
SET @gatewright_step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE gatewright_sessions ADD COLUMN address VARBINARY(45), ADD COLUMN user_agent VARBINARY(256)',
    'DO 0') FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'gatewright_sessions' AND column_name = 'address');
PREPARE gatewright_step FROM @gatewright_step;
EXECUTE gatewright_step;
DEALLOCATE PREPARE gatewright_step;

INSERT IGNORE INTO gatewright_migrations (version) VALUES (2);
