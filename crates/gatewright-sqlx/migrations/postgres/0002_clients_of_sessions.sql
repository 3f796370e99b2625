-- The client of each login; null if it is not known.
ALTER TABLE gatewright_sessions ADD COLUMN address TEXT COLLATE "C", ADD COLUMN user_agent TEXT COLLATE "C";

INSERT INTO gatewright_migrations (version) VALUES (2);
