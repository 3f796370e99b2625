-- Where each login came from; null where that is not known.
ALTER TABLE gatewright_sessions ADD COLUMN address TEXT;
ALTER TABLE gatewright_sessions ADD COLUMN user_agent TEXT;
