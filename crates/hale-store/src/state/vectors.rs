//! Embeddings of the runbook. They are given by whoever has a model that makes them; here they are
//! kept, and known to be out of date when the text they were made from has changed.

use hale_model::ids::hex_digest;
use rusqlite::{Row, params};

use super::State;
use super::knowledge::RunbookRecord;
use crate::StoreError;

/// Numbers of one embedding.
const DIMENSIONS_MAX: usize = 8192;
/// Bytes of a text that is embedded: what follows says little about what it is.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// A text that waits for its embedding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToEmbed {
    /// Which document of the index.
    pub document: i64,
    /// Title, words to find it by, text.
    pub text: String,
    /// To be given back with the embedding.
    pub digest: String,
}

/// A stored embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVector {
    /// Which document of the index: [`State::runbook_record`] says what it is about.
    pub document: i64,
    /// As it was given.
    pub vector: Vec<f32>,
}

impl State {
    /// Texts of which this model has made no embedding, or of an earlier text; at most so many.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn unembedded(&self, model: &str, limit: usize) -> Result<Vec<ToEmbed>, StoreError> {
        let sql = "SELECT d.document, v.digest FROM runbook_documents d \
                   LEFT JOIN runbook_vectors v ON v.document = d.document AND v.model = ?1 \
                   ORDER BY d.document";
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
        let documents = self.rows("look for what has no embedding", sql, [model], read)?;
        let mut waiting = Vec::new();
        for (document, digest) in documents {
            if waiting.len() >= limit {
                break;
            }
            let Some(record) = self.runbook_record(document)? else { continue };
            let text = text_of(&record);
            let now = hex_digest(&[&text], 32);
            if digest.as_deref() != Some(now.as_str()) {
                waiting.push(ToEmbed { document, text, digest: now });
            }
        }
        Ok(waiting)
    }

    /// Keeps an embedding. `digest` is that of [`State::unembedded`].
    ///
    /// # Errors
    /// If there is no such document, it has too many numbers, or it cannot be written.
    pub fn put_vector(
        &self,
        document: i64,
        model: &str,
        digest: &str,
        vector: &[f32],
    ) -> Result<(), StoreError> {
        if vector.is_empty() || vector.len() > DIMENSIONS_MAX {
            let why =
                format!("an embedding has 1 to {DIMENSIONS_MAX} numbers, not {}", vector.len());
            return Err(StoreError::Refused { why });
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
        let sql = "INSERT INTO runbook_vectors VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (model, document) DO UPDATE SET digest = excluded.digest, \
                   vector = excluded.vector";
        self.execute("store an embedding", sql, params![document, model, digest, bytes]).map(drop)
    }

    /// Every embedding that this model made.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn vectors(&self, model: &str) -> Result<Vec<StoredVector>, StoreError> {
        let sql = "SELECT document, vector FROM runbook_vectors WHERE model = ?1 ORDER BY document";
        self.rows("read embeddings", sql, [model], |row| {
            let (numbers, _) = row.get_ref(1)?.as_blob()?.as_chunks::<4>();
            let vector = numbers.iter().map(|n| f32::from_le_bytes(*n)).collect();
            Ok(StoredVector { document: row.get(0)?, vector })
        })
    }
}

fn text_of(record: &RunbookRecord) -> String {
    let text = match record {
        RunbookRecord::Lesson(lesson) => format!(
            "{} cured {} on {}. {}",
            lesson.action_kind,
            lesson.alert_kind,
            lesson.target_class,
            lesson.summary.as_deref().unwrap_or_default()
        ),
        RunbookRecord::Knowledge(stored) => {
            format!(
                "{}\n{}\n{}",
                stored.entry.title,
                stored.entry.tags.join(", "),
                stored.entry.body
            )
        }
    };
    hale_model::text::shorten(&text, TEXT_BYTES_MAX)
}
