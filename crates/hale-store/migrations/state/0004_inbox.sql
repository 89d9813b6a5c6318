-- What others reported over HTTP. A row is one occurrence of one trouble under one sender's id:
-- `new` until the loop has looked at it (also when it changed), `open`, `ending` when the sender says
-- that it is over, `closed`. Rows with the same `group_key` are about the same trouble.

CREATE TABLE inbox (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    occurrence  INTEGER NOT NULL,
    marker      TEXT,
    group_key   TEXT NOT NULL,
    state       TEXT NOT NULL,
    incident_id TEXT,
    received_at INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    closed_at   INTEGER,
    close_reason TEXT,
    digest      TEXT NOT NULL,
    subject     TEXT,
    data        TEXT NOT NULL
);
CREATE INDEX inbox_by_id ON inbox (id);
CREATE UNIQUE INDEX inbox_by_sender ON inbox (external_id, source, occurrence);
CREATE INDEX inbox_by_group ON inbox (group_key, state);
CREATE INDEX inbox_not_closed ON inbox (state) WHERE closed_at IS NULL;
CREATE INDEX inbox_by_incident ON inbox (incident_id) WHERE incident_id IS NOT NULL;
