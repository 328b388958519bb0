-- What conditions compare the next result with.
CREATE TABLE baselines (
    pipeline  TEXT NOT NULL,
    condition TEXT NOT NULL,
    evaluated TEXT NOT NULL,
    delivered TEXT NOT NULL,
    PRIMARY KEY (pipeline, condition)
) STRICT, WITHOUT ROWID;

-- Attempts of a step before its run was last reopened.
ALTER TABLE steps ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
