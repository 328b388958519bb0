-- Pipelines that come after others ask what has ended since they last looked.
CREATE INDEX runs_finished ON runs (pipeline, finished_at) WHERE finished_at IS NOT NULL;
