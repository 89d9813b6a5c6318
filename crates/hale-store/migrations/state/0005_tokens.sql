-- API tokens: who may come in from elsewhere. Of a token only its digest is kept.

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    data       TEXT NOT NULL
);
CREATE INDEX tokens_by_name ON tokens (name, created_at);
