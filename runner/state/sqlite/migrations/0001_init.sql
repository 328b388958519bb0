-- Times are integers in UTC: whole seconds for slots and watermarks,
-- microseconds for all else; a time that is not set is NULL. Problems, results,
-- plans, receipts and objects are JSON.

CREATE TABLE runs (
    id               TEXT    NOT NULL PRIMARY KEY,
    pipeline         TEXT    NOT NULL,
    slot             INTEGER NOT NULL,
    triggered_by     TEXT    NOT NULL,
    generation       TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    interval_start   INTEGER,
    problem          TEXT,
    owner            TEXT    NOT NULL,
    lease_until      INTEGER,
    claims           INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    created_at       INTEGER,
    started_at       INTEGER,
    finished_at      INTEGER
) STRICT;

CREATE INDEX runs_of_pipeline ON runs (pipeline, id);
-- The few runs that are not final, in the order in which they are claimed.
CREATE INDEX runs_open ON runs (slot, id) WHERE status IN ('queued', 'running');

CREATE TABLE steps (
    run         TEXT    NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    address     TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    token       BLOB,
    result      TEXT,
    problem     TEXT,
    next_try    INTEGER,
    started_at  INTEGER,
    finished_at INTEGER,
    PRIMARY KEY (run, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE watermarks (
    pipeline TEXT    NOT NULL PRIMARY KEY,
    schedule TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every slot that ever fired. Rows outlive their runs: a watermark may be set
-- back, and a pipeline that follows others fires their slots late and out of
-- order, so no second is ever so old that it could not come again. A pipeline
-- that fires every hour adds some 300 kB a year.
CREATE TABLE slots (
    pipeline TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    PRIMARY KEY (pipeline, slot)
) STRICT, WITHOUT ROWID;

-- The newest slot of each pipeline that succeeded; outlives the run, too.
CREATE TABLE successes (
    pipeline TEXT    NOT NULL PRIMARY KEY,
    slot     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger. It names runs without referencing them, since it outlives them.
CREATE TABLE deliveries (
    id         TEXT    NOT NULL PRIMARY KEY,
    pipeline   TEXT    NOT NULL,
    sink       TEXT    NOT NULL,
    slot       INTEGER NOT NULL,
    run        TEXT    NOT NULL,
    plan       TEXT,
    done       INTEGER NOT NULL,
    receipt    TEXT,
    planned_at INTEGER,
    done_at    INTEGER
) STRICT;

CREATE INDEX deliveries_of_run ON deliveries (run, id);

CREATE TABLE intents (
    seq       INTEGER PRIMARY KEY, -- oldest first
    delivery  TEXT    NOT NULL REFERENCES deliveries (id),
    key       TEXT    NOT NULL,
    upload_id TEXT    NOT NULL,
    sha256    TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    settled   INTEGER NOT NULL,
    object    TEXT, -- what stands there; NULL if unsettled or aborted
    UNIQUE (delivery, key, upload_id)
) STRICT;

CREATE TABLE generations (
    digest   TEXT    NOT NULL PRIMARY KEY,
    saved_at INTEGER -- when it was last saved
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    sha256 BLOB NOT NULL PRIMARY KEY,
    data   BLOB NOT NULL
) STRICT;

CREATE TABLE generation_files (
    generation TEXT NOT NULL REFERENCES generations (digest) ON DELETE CASCADE,
    path       TEXT NOT NULL,
    blob       BLOB NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (generation, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX generation_files_of_blob ON generation_files (blob);

CREATE TABLE last_good (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    digest TEXT    NOT NULL REFERENCES generations (digest)
) STRICT;
