//! What was run for people, newest first, and the sentences that came to commands which succeeded.

use hale_model::run::{RememberedPlan, Run};
use rusqlite::params;

use super::knowledge::match_query;
use super::{State, micros, sql_limit};
use crate::StoreError;

/// Runs that are kept; the oldest go first.
const RUNS_KEPT_MAX: u32 = 10_000;
/// Sentences that are kept; the ones that were not said for longest go first.
const SENTENCES_KEPT_MAX: u32 = 2_000;
/// Answers to one search for a sentence.
const SENTENCE_HITS_MAX: u32 = 20;

impl State {
    fn holds_runs(&self) -> Result<bool, StoreError> {
        self.has_table("sentence_index")
    }

    /// Whether this file has a table: one that an older hale made lacks the newest until this one
    /// opens it for writing.
    pub(crate) fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT name FROM sqlite_schema WHERE name = ?1";
        self.value::<String>("look for a table", sql, [name]).map(|found| found.is_some())
    }

    /// Stores a run, or what became of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_run(&self, run: &Run) -> Result<(), StoreError> {
        let operation = "store a run";
        let sql = "INSERT INTO runs VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) \
                   ON CONFLICT (id) DO UPDATE SET exit = excluded.exit, \
                   duration_ms = excluded.duration_ms, data = excluded.data";
        let values = params![
            run.id.as_str(),
            run.plan_id.as_str(),
            run.step,
            run.action_id.as_str(),
            micros(run.at),
            run.sentence,
            run.command,
            run.working_dir,
            run.risk.as_str(),
            run.origin.to_string(),
            run.exit,
            run.duration_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            self.json(operation, run)?,
        ];
        self.transaction(|state| {
            state.execute(operation, sql, values)?;
            let sql = "DELETE FROM runs WHERE id IN \
                       (SELECT id FROM runs ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET ?1)";
            state.execute("forget the oldest runs", sql, [RUNS_KEPT_MAX]).map(drop)
        })
    }

    /// What was run, newest first; 0 is no limit.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        if !self.holds_runs()? {
            return Ok(Vec::new());
        }
        self.records(
            "list runs",
            "SELECT data FROM runs ORDER BY at DESC, rowid DESC LIMIT ?1",
            [sql_limit(limit)],
        )
    }

    /// The run whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn run(&self, id_or_prefix: &str) -> Result<Option<Run>, StoreError> {
        if !self.holds_runs()? {
            return Ok(None);
        }
        self.by_prefix("run", "runs", id_or_prefix)
    }

    /// Keeps what a sentence came to, in place of what it came to before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_sentence(&self, plan: &RememberedPlan) -> Result<(), StoreError> {
        let operation = "remember a sentence";
        let data = self.json(operation, plan)?;
        self.transaction(|state| {
            let sql = "INSERT INTO sentences (key, successes, last_at, data) VALUES (?1,?2,?3,?4) \
                       ON CONFLICT (key) DO UPDATE SET successes = excluded.successes, \
                       last_at = excluded.last_at, data = excluded.data";
            let values = params![plan.key, plan.successes, micros(plan.last_at), data];
            state.execute(operation, sql, values)?;
            let sql = "SELECT document FROM sentences WHERE key = ?1";
            let document: Option<i64> = state.value(operation, sql, [&plan.key])?;
            let sql = "DELETE FROM sentence_index WHERE rowid = ?1";
            state.execute(operation, sql, [document])?;
            let sql = "INSERT INTO sentence_index (rowid, sentence) VALUES (?1, ?2)";
            state.execute(operation, sql, params![document, plan.sentence])?;
            state.forget_oldest_sentences()
        })
    }

    fn forget_oldest_sentences(&self) -> Result<(), StoreError> {
        let operation = "forget the oldest sentences";
        let sql = "SELECT key FROM sentences ORDER BY last_at DESC LIMIT -1 OFFSET ?1";
        let old: Vec<String> = self.rows(operation, sql, [SENTENCES_KEPT_MAX], |row| row.get(0))?;
        old.iter().try_for_each(|key| self.forget_sentence(key).map(drop))
    }

    /// Forgets what a sentence came to; whether there was anything.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn forget_sentence(&self, key: &str) -> Result<bool, StoreError> {
        let operation = "forget a sentence";
        self.transaction(|state| {
            let sql = "DELETE FROM sentence_index \
                       WHERE rowid IN (SELECT document FROM sentences WHERE key = ?1)";
            state.execute(operation, sql, [key])?;
            let sql = "DELETE FROM sentences WHERE key = ?1";
            state.execute(operation, sql, [key]).map(|count| count > 0)
        })
    }

    /// What this very sentence, normalised, came to.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn sentence(&self, key: &str) -> Result<Option<RememberedPlan>, StoreError> {
        if !self.holds_runs()? {
            return Ok(None);
        }
        let sql = "SELECT data FROM sentences WHERE key = ?1";
        Ok(self.records("recall a sentence", sql, [key])?.into_iter().next())
    }

    /// Sentences that share words with this one, nearest first (BM25).
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn sentences_like(
        &self,
        text: &str,
        limit: u32,
    ) -> Result<Vec<RememberedPlan>, StoreError> {
        let Some(query) = match_query(text) else { return Ok(Vec::new()) };
        if !self.holds_runs()? {
            return Ok(Vec::new());
        }
        let limit = if limit == 0 { SENTENCE_HITS_MAX } else { limit.min(SENTENCE_HITS_MAX) };
        self.records(
            "search sentences",
            "SELECT s.data FROM sentence_index i JOIN sentences s ON s.document = i.rowid \
             WHERE sentence_index MATCH ?1 ORDER BY bm25(sentence_index), s.last_at DESC LIMIT ?2",
            params![query, limit],
        )
    }
}
