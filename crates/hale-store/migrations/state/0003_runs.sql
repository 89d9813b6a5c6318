-- What was run for people, and which sentence came to which commands.

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    plan_id     TEXT NOT NULL,
    step        INTEGER NOT NULL,
    action_id   TEXT NOT NULL,
    at          INTEGER NOT NULL,
    sentence    TEXT,
    command     TEXT NOT NULL,
    working_dir TEXT,
    risk        TEXT NOT NULL,
    origin      TEXT NOT NULL,
    exit        INTEGER,
    duration_ms INTEGER,
    data        TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (at);
CREATE INDEX runs_by_plan ON runs (plan_id);

-- `key` is the sentence normalised; `document` its row in the index.
CREATE TABLE sentences (
    document  INTEGER PRIMARY KEY,
    key       TEXT NOT NULL UNIQUE,
    successes INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    data      TEXT NOT NULL
);
CREATE INDEX sentences_by_time ON sentences (last_at);

CREATE VIRTUAL TABLE sentence_index USING fts5 (
    sentence,
    content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
