-- What people wrote down, and one full-text index over that and over lessons.

CREATE TABLE knowledge (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    title       TEXT NOT NULL,
    alert_kinds TEXT NOT NULL,
    tags        TEXT NOT NULL,
    updated     TEXT NOT NULL,
    origin      TEXT NOT NULL,
    data        TEXT NOT NULL
);

CREATE TABLE knowledge_alert_kinds (
    alert_kind   TEXT NOT NULL,
    knowledge_id TEXT NOT NULL REFERENCES knowledge (id) ON DELETE CASCADE,
    PRIMARY KEY (alert_kind, knowledge_id)
) WITHOUT ROWID;
CREATE INDEX knowledge_alert_kinds_by_id ON knowledge_alert_kinds (knowledge_id);

-- Which document of the index is what. `ref` is an entry's id, or a lesson's three keys with the
-- unit separator (31) between them.
CREATE TABLE runbook_documents (
    document INTEGER PRIMARY KEY,
    what     TEXT NOT NULL,
    ref      TEXT NOT NULL,
    UNIQUE (what, ref)
);

-- Only the index: the texts stand in their own tables. Words are found by their stem.
CREATE VIRTUAL TABLE runbook_index USING fts5 (
    title, kinds, tags, body,
    content = '', contentless_delete = 1,
    tokenize = 'porter unicode61 remove_diacritics 2'
);

-- Embeddings, as given by whoever has a model: little-endian f32. `digest` is of the text that was
-- embedded, so that a changed text is known to need a new one.
CREATE TABLE runbook_vectors (
    document INTEGER NOT NULL REFERENCES runbook_documents (document) ON DELETE CASCADE,
    model    TEXT NOT NULL,
    digest   TEXT NOT NULL,
    vector   BLOB NOT NULL,
    PRIMARY KEY (model, document)
) WITHOUT ROWID;
CREATE INDEX runbook_vectors_by_document ON runbook_vectors (document);

-- Lessons from before there was an index.
INSERT INTO runbook_documents (what, ref)
    SELECT 'lesson', alert_kind || char(31) || action_kind || char(31) || target_class
    FROM lessons ORDER BY alert_kind, action_kind, target_class;
INSERT INTO runbook_index (rowid, title, kinds, tags, body)
    SELECT d.document,
           l.action_kind || ' ' || l.target_class,
           l.alert_kind,
           '',
           coalesce(l.withdrawn, '')
    FROM lessons l
    JOIN runbook_documents d
      ON d.what = 'lesson'
     AND d.ref = l.alert_kind || char(31) || l.action_kind || char(31) || l.target_class;
