-- The client of each login; null if it is not known.
ALTER TABLE gatewright_sessions ADD COLUMN address TEXT;
ALTER TABLE gatewright_sessions ADD COLUMN user_agent TEXT;

INSERT INTO gatewright_migrations (version) VALUES (2);
