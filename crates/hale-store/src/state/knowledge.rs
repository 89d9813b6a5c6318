//! What people wrote down, and the full-text index over that and over lessons.

use hale_model::alert::AlertKind;
use hale_model::ids::hex_digest;
use hale_model::knowledge::{Knowledge, KnowledgeOrigin, RunbookRef, StoredKnowledge};
use hale_model::lesson::Lesson;
use rusqlite::{Row, params};

use super::State;
use crate::StoreError;

/// Words of a search that are looked for; the rest is left out.
const SEARCH_WORDS_MAX: usize = 32;
/// Bytes of a search that are read.
const SEARCH_BYTES_MAX: usize = 4096;
/// Answers to one search.
const SEARCH_HITS_MAX: u32 = 1000;
/// Weights of title, kinds, tags and body in BM25.
const WEIGHTS: &str = "8.0, 4.0, 4.0, 1.0";

/// The digest of the shipped entries that this file holds.
const SHIPPED_KEY: &str = "knowledge.shipped";

/// One thing of the runbook.
#[derive(Clone, Debug, PartialEq)]
pub enum RunbookRecord {
    /// What was learned.
    Lesson(Box<Lesson>),
    /// What was written down.
    Knowledge(Box<StoredKnowledge>),
}

impl RunbookRecord {
    /// What names it.
    pub fn reference(&self) -> RunbookRef {
        match self {
            RunbookRecord::Lesson(lesson) => RunbookRef::Lesson(lesson.id()),
            RunbookRecord::Knowledge(stored) => RunbookRef::Knowledge(stored.entry.id.clone()),
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct TextHit {
    /// What.
    pub record: RunbookRecord,
    /// BM25: greater is better.
    pub score: f64,
}

impl State {
    /// Whether this file has room for knowledge: one that an older hale made has none until this
    /// one opens it for writing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn holds_knowledge(&self) -> Result<bool, StoreError> {
        let sql = "SELECT name FROM sqlite_schema WHERE name = 'runbook_index'";
        let table = self.value::<String>("look for knowledge", sql, [])?;
        // A file that another command made holds the table, and nothing in it yet.
        Ok(table.is_some() && self.setting(SHIPPED_KEY)?.is_some())
    }

    /// Brings the entries that are part of hale up to date; those that a person has replaced stay.
    ///
    /// # Errors
    /// If they cannot be written; then all is as it was.
    pub fn ship_knowledge(&mut self, shipped: &[Knowledge]) -> Result<(), StoreError> {
        let texts = shipped
            .iter()
            .map(|entry| self.json("ship knowledge", entry))
            .collect::<Result<Vec<_>, _>>()?;
        let digest = hex_digest(&texts.iter().map(String::as_str).collect::<Vec<_>>(), 32);
        if self.setting(SHIPPED_KEY)?.as_deref() == Some(digest.as_str()) {
            return Ok(());
        }
        self.atomically(|state| {
            let held = state.list_knowledge(0)?;
            let is_shipped = |k: &&StoredKnowledge| k.origin == KnowledgeOrigin::Shipped;
            for old in held.iter().filter(is_shipped) {
                if shipped.iter().all(|new| new.id != old.entry.id) {
                    state.remove_knowledge(&old.entry.id)?;
                }
            }
            for new in shipped {
                let replaced = |k: &StoredKnowledge| {
                    k.entry.id == new.id && k.origin == KnowledgeOrigin::Imported
                };
                if !held.iter().any(replaced) {
                    state.put_knowledge(new, KnowledgeOrigin::Shipped)?;
                }
            }
            state.set_setting(SHIPPED_KEY, &digest)
        })
    }

    /// Lets the next [`State::ship_knowledge`] look at every entry again.
    fn forget_shipped(&self) -> Result<(), StoreError> {
        self.set_setting(SHIPPED_KEY, "")
    }

    /// Stores an entry in place of the one with the same id.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_knowledge(
        &self,
        entry: &Knowledge,
        origin: KnowledgeOrigin,
    ) -> Result<(), StoreError> {
        let operation = "store knowledge";
        let kinds: Vec<&str> = entry.alert_kinds.iter().map(AlertKind::as_str).collect();
        let (kinds, tags) = (kinds.join(" "), entry.tags.join(" "));
        let data = self.json(operation, entry)?;
        self.transaction(|state| {
            let sql = "INSERT INTO knowledge VALUES (?1,?2,?3,?4,?5,?6,?7,?8) \
                       ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, \
                       title = excluded.title, alert_kinds = excluded.alert_kinds, \
                       tags = excluded.tags, updated = excluded.updated, \
                       origin = excluded.origin, data = excluded.data";
            let values = params![
                entry.id,
                entry.kind.as_str(),
                entry.title,
                kinds,
                tags,
                entry.updated.to_string(),
                origin.as_str(),
                data,
            ];
            state.execute(operation, sql, values)?;
            let sql = "DELETE FROM knowledge_alert_kinds WHERE knowledge_id = ?1";
            state.execute(operation, sql, [&entry.id])?;
            let sql = "INSERT OR IGNORE INTO knowledge_alert_kinds VALUES (?1, ?2)";
            for kind in &entry.alert_kinds {
                state.execute(operation, sql, [kind.as_str(), &entry.id])?;
            }
            let title = format!("{} {}", entry.id, entry.title);
            state.index("knowledge", &entry.id, [&title, &kinds, &tags, &entry.body])
        })
    }

    /// Takes an entry out; false if there is none with this id. One that is part of hale comes
    /// back with the next [`State::ship_knowledge`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remove_knowledge(&self, id: &str) -> Result<bool, StoreError> {
        let operation = "remove knowledge";
        self.transaction(|state| {
            let removed = state.execute(operation, "DELETE FROM knowledge WHERE id = ?1", [id])?;
            state.unindex("knowledge", id)?;
            state.forget_shipped()?;
            Ok(removed > 0)
        })
    }

    /// The entry whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn knowledge(&self, id_or_prefix: &str) -> Result<Option<StoredKnowledge>, StoreError> {
        let entry: Option<Knowledge> = self.by_prefix("entry", "knowledge", id_or_prefix)?;
        let Some(entry) = entry else { return Ok(None) };
        let sql = "SELECT origin FROM knowledge WHERE id = ?1";
        let origin: Option<String> = self.value("read knowledge", sql, [&entry.id])?;
        Ok(Some(StoredKnowledge { entry, origin: origin_of(origin.as_deref()) }))
    }

    /// Entries by id. 0: all.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn list_knowledge(&self, limit: u32) -> Result<Vec<StoredKnowledge>, StoreError> {
        let sql = "SELECT data, origin FROM knowledge ORDER BY id LIMIT ?1";
        self.stored_knowledge("list knowledge", sql, [super::sql_limit(limit)])
    }

    /// Entries about this kind of alert, by id.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn knowledge_about(&self, kind: &AlertKind) -> Result<Vec<StoredKnowledge>, StoreError> {
        let sql = "SELECT data, origin FROM knowledge_alert_kinds \
                   JOIN knowledge ON knowledge.id = knowledge_id \
                   WHERE alert_kind = ?1 ORDER BY knowledge.id";
        self.stored_knowledge("look for knowledge about an alert", sql, [kind.as_str()])
    }

    fn stored_knowledge(
        &self,
        operation: &str,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<StoredKnowledge>, StoreError> {
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let rows = self.rows(operation, sql, params, read)?;
        rows.iter()
            .map(|(data, origin)| {
                let entry = self.parse(operation, data)?;
                Ok(StoredKnowledge { entry, origin: origin_of(Some(origin.as_str())) })
            })
            .collect()
    }

    /// What holds these words, best first; more of them, and rarer ones, count more. Any text is a
    /// valid search: nothing in it is read as an operator.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn search_runbook(&self, words: &str, limit: u32) -> Result<Vec<TextHit>, StoreError> {
        let limit = if limit == 0 { SEARCH_HITS_MAX } else { limit.min(SEARCH_HITS_MAX) };
        let Some(query) = match_query(words) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT rowid, -bm25(runbook_index, {WEIGHTS}) FROM runbook_index \
             WHERE runbook_index MATCH ?1 ORDER BY 2 DESC, rowid LIMIT ?2"
        );
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?));
        let found = self.rows("search the runbook", &sql, params![query, limit], read)?;
        let mut hits = Vec::with_capacity(found.len());
        for (document, score) in found {
            if let Some(record) = self.runbook_record(document)? {
                hits.push(TextHit { record, score });
            }
        }
        Ok(hits)
    }

    /// What a document of the index is about; none if it is gone.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn runbook_record(&self, document: i64) -> Result<Option<RunbookRecord>, StoreError> {
        let operation = "read a runbook entry";
        let sql = "SELECT what, ref FROM runbook_documents WHERE document = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found = self.rows(operation, sql, [document], read)?;
        let Some((what, reference)) = found.into_iter().next() else { return Ok(None) };
        if what == "knowledge" {
            let sql = "SELECT data, origin FROM knowledge WHERE id = ?1";
            let entries = self.stored_knowledge(operation, sql, [reference])?;
            return Ok(entries.into_iter().next().map(|k| RunbookRecord::Knowledge(Box::new(k))));
        }
        let mut keys = reference.splitn(3, KEY_SEPARATOR);
        let (Some(alert), Some(action), Some(class)) = (keys.next(), keys.next(), keys.next())
        else {
            return Ok(None);
        };
        let lesson = self.lesson_with_key(alert, action, class)?;
        Ok(lesson.map(|lesson| RunbookRecord::Lesson(Box::new(lesson))))
    }

    /// Puts the words of a document into the index in place of its earlier ones.
    fn index(&self, what: &str, reference: &str, columns: [&str; 4]) -> Result<(), StoreError> {
        let operation = "index for searching";
        let sql = "INSERT OR IGNORE INTO runbook_documents (what, ref) VALUES (?1, ?2)";
        let is_new = self.execute(operation, sql, [what, reference])? > 0;
        let document = self.document(what, reference)?;
        if !is_new {
            self.execute(operation, "DELETE FROM runbook_index WHERE rowid = ?1", [document])?;
        }
        let [title, kinds, tags, body] = columns;
        let sql = "INSERT INTO runbook_index (rowid, title, kinds, tags, body) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.execute(operation, sql, params![document, title, kinds, tags, body]).map(drop)
    }

    fn unindex(&self, what: &str, reference: &str) -> Result<(), StoreError> {
        let operation = "take out of the index";
        if let Some(document) = self.document(what, reference)? {
            self.execute(operation, "DELETE FROM runbook_index WHERE rowid = ?1", [document])?;
            let sql = "DELETE FROM runbook_documents WHERE document = ?1";
            self.execute(operation, sql, [document])?;
        }
        Ok(())
    }

    fn document(&self, what: &str, reference: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT document FROM runbook_documents WHERE what = ?1 AND ref = ?2";
        self.value("look for a document", sql, [what, reference])
    }

    /// Puts a lesson's words into the index. Part of storing it.
    pub(super) fn index_lesson(&self, lesson: &Lesson) -> Result<(), StoreError> {
        let cause = lesson.cause_kind.as_deref().unwrap_or_default();
        let title = format!("{} {}", lesson.action_kind, lesson.target_class);
        let kinds = format!("{} {cause}", lesson.alert_kind);
        let said = [&lesson.summary, &lesson.withdrawn, &lesson.subject_class];
        let body: Vec<&str> = said.into_iter().flatten().map(String::as_str).collect();
        self.index("lesson", &lesson_key(lesson), [&title, &kinds, "", &body.join(" ")])
    }
}

/// Between the keys of a lesson in `runbook_documents.ref`.
const KEY_SEPARATOR: char = '\u{1f}';

fn lesson_key(lesson: &Lesson) -> String {
    let (alert, action) = (lesson.alert_kind.as_str(), lesson.action_kind.as_str());
    format!("{alert}{KEY_SEPARATOR}{action}{KEY_SEPARATOR}{}", lesson.target_class)
}

fn origin_of(name: Option<&str>) -> KnowledgeOrigin {
    if name == Some(KnowledgeOrigin::Shipped.as_str()) {
        KnowledgeOrigin::Shipped
    } else {
        KnowledgeOrigin::Imported
    }
}

/// Words that stand in every question and say nothing about it.
const STOP_WORDS: [&str; 44] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from",
    "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on",
    "or", "so", "that", "the", "there", "this", "to", "was", "what", "when", "where", "which",
    "why", "with", "you",
];

/// A search in FTS5's language: every word quoted, any of them enough. None if there is no word.
pub(super) fn match_query(text: &str) -> Option<String> {
    let mut end = text.len().min(SEARCH_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let words = text[..end].split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        if seen.len() < SEARCH_WORDS_MAX && !seen.contains(&word) {
            seen.push(word);
        }
    }
    let says_nothing = |word: &&str| STOP_WORDS.contains(&word.to_lowercase().as_str());
    if !seen.iter().all(says_nothing) {
        seen.retain(|word| !says_nothing(word));
    }
    let quoted: Vec<String> = seen.iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_an_operator() {
        for (given, expected) in [
            ("", None),
            (" -*()\"'", None),
            ("disk full", Some("\"disk\" OR \"full\"")),
            ("NOT a NEAR(b) title:c*", Some("\"NEAR\" OR \"b\" OR \"title\" OR \"c\"")),
            ("a a \"a\"", Some("\"a\"")),
            ("Why is the disk full?", Some("\"disk\" OR \"full\"")),
            ("디스크 가득", Some("\"디스크\" OR \"가득\"")),
        ] {
            assert_eq!(match_query(given).as_deref(), expected, "{given}");
        }
    }
}
