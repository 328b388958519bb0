-- What conditions compare the next result with.
CREATE TABLE baselines (
    pipeline  TEXT NOT NULL,
    condition TEXT NOT NULL,
    evaluated TEXT NOT NULL,
    delivered TEXT NOT NULL,
    PRIMARY KEY (pipeline, condition)
) STRICT, WITHOUT ROWID;
