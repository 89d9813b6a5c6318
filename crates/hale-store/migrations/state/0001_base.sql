-- State. Times are microseconds since 1970 UTC. `data` is the whole record as JSON and is what is
-- read back; the columns beside it are what people and indexes look for.

CREATE TABLE alerts (
    id            TEXT PRIMARY KEY,
    fingerprint   TEXT NOT NULL,
    machine_id    TEXT NOT NULL,
    kind          TEXT NOT NULL,
    severity      TEXT NOT NULL,
    state         TEXT NOT NULL,
    subject       TEXT NOT NULL,
    summary       TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    closed_at     INTEGER,
    close_reason  TEXT,
    flaps         INTEGER NOT NULL,
    incident_id   TEXT,
    data          TEXT NOT NULL
);
CREATE INDEX alerts_by_state ON alerts (state, first_seen_at);
CREATE INDEX alerts_by_time ON alerts (first_seen_at);
CREATE INDEX alerts_by_incident ON alerts (incident_id);

CREATE TABLE incidents (
    id         TEXT PRIMARY KEY,
    machine_id TEXT NOT NULL,
    title      TEXT NOT NULL,
    state      TEXT NOT NULL,
    severity   TEXT NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER,
    cause_kind TEXT,
    cause      TEXT,
    confidence REAL,
    data       TEXT NOT NULL
);
CREATE INDEX incidents_by_state ON incidents (state, opened_at);
CREATE INDEX incidents_by_time ON incidents (opened_at);

CREATE TABLE timeline (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id TEXT NOT NULL,
    ts          INTEGER NOT NULL,
    agent       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    data        TEXT NOT NULL
);
CREATE INDEX timeline_by_incident ON timeline (incident_id, id);

CREATE TABLE plans (
    id          TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL,
    alert_id    TEXT NOT NULL,
    alert_kind  TEXT NOT NULL,
    machine_id  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    data        TEXT NOT NULL
);
CREATE INDEX plans_by_incident ON plans (incident_id);

CREATE TABLE actions (
    id           TEXT PRIMARY KEY,
    plan_id      TEXT,
    incident_id  TEXT,
    alert_id     TEXT,
    alert_kind   TEXT,
    machine_id   TEXT NOT NULL,
    kind         TEXT NOT NULL,
    target       TEXT NOT NULL,
    risk         TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    state        TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    intended_at  INTEGER,
    finished_at  INTEGER,
    exit         INTEGER,
    verified     INTEGER,
    note         TEXT,
    data         TEXT NOT NULL
);
CREATE INDEX actions_by_incident ON actions (incident_id);
CREATE INDEX actions_by_state ON actions (state);
CREATE INDEX actions_by_time ON actions (created_at);

CREATE TABLE approvals (
    id         TEXT PRIMARY KEY,
    action_id  TEXT NOT NULL REFERENCES actions (id),
    binding    TEXT NOT NULL,
    state      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    why        TEXT,
    data       TEXT NOT NULL
);
CREATE INDEX approvals_by_action ON approvals (action_id);
CREATE INDEX approvals_by_state ON approvals (state);

CREATE TABLE lessons (
    alert_kind         TEXT NOT NULL,
    action_kind        TEXT NOT NULL,
    target_class       TEXT NOT NULL,
    successes          INTEGER NOT NULL,
    approved_successes INTEGER NOT NULL,
    failures           INTEGER NOT NULL,
    last_at            INTEGER NOT NULL,
    withdrawn          TEXT,
    data               TEXT NOT NULL,
    PRIMARY KEY (alert_kind, action_kind, target_class)
);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE cursors (
    machine_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    cursor_key TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (machine_id, source, cursor_key)
);

-- Times are text here: the very bytes that were hashed.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    ts        TEXT NOT NULL,
    actor     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    subject   TEXT NOT NULL,
    details   TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
);

-- How long the chain is and how it ends, so that a missing end is seen.
CREATE TABLE audit_head (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    entries INTEGER NOT NULL,
    hash    TEXT NOT NULL
);
