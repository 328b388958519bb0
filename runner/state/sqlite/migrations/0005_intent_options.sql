-- What an upload was opened with: one that was opened with something else is not
-- gone on with.
ALTER TABLE intents ADD COLUMN options TEXT NOT NULL DEFAULT '';
