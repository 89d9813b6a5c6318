//! What hale must not forget: alerts, incidents, plans, actions, approvals, lessons, audit. SQLite in
//! WAL mode: any number of processes read while one writes, and writers wait for one another.

mod approvals;
mod audit;
pub(crate) mod inbox;
mod knowledge;
mod memory;
mod open;
mod records;
mod runs;
mod tallies;
mod tokens;
mod vectors;

pub use approvals::Take;
pub use knowledge::{RunbookRecord, TextHit};
pub use vectors::{StoredVector, ToEmbed};

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use hale_model::Timestamp;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// Writers of this process that wait for the database.
static WRITERS_WAITING: AtomicUsize = AtomicUsize::new(0);

/// How many of this process's writers wait; for one that writes all the time and lets them go first.
pub(crate) fn writers_waiting() -> usize {
    WRITERS_WAITING.load(Ordering::Relaxed)
}

/// One of them, for as long as this lives.
struct Waiting;

impl Waiting {
    fn begin() -> Waiting {
        WRITERS_WAITING.fetch_add(1, Ordering::Relaxed);
        Waiting
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WRITERS_WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Makes the file if it is missing, and brings it up to date.
    Write,
    /// Never makes or changes it.
    Read,
}

/// The state database. One connection; to be used by one thread at a time.
pub struct State {
    path: PathBuf,
    connection: Connection,
    /// End of the audit chain as of the open transaction, to be noted beside the database after it.
    pending_head: RefCell<Option<audit::Head>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("path", &self.path).finish_non_exhaustive()
    }
}

impl State {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does all of `work` or nothing of it, durably: it is on disk when this returns. Other
    /// processes see it all at once.
    ///
    /// # Errors
    /// What `work` returned, or why it could not be written; nothing of it is stored then.
    pub fn atomically<T>(
        &mut self,
        work: impl FnOnce(&State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.durably(work)
    }

    /// As [`State::atomically`]; joins the transaction that is open, if one is.
    fn durably<T>(
        &self,
        work: impl FnOnce(&State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.connection.is_autocommit() {
            return work(self);
        }
        self.batch("make writing durable", "PRAGMA synchronous = FULL")?;
        let result = self.transaction(work);
        self.batch("make writing quick again", "PRAGMA synchronous = NORMAL")?;
        result
    }

    /// BEGIN IMMEDIATE … COMMIT; joins the transaction that is open, if one is.
    fn transaction<T>(
        &self,
        work: impl FnOnce(&State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.connection.is_autocommit() {
            return work(self);
        }
        let waiting = Waiting::begin();
        self.batch("begin a transaction", "BEGIN IMMEDIATE")?;
        drop(waiting);
        let result = work(self).and_then(|value| {
            self.batch("commit", "COMMIT")?;
            Ok(value)
        });
        match result {
            Ok(value) => {
                self.note_head();
                Ok(value)
            }
            Err(error) => {
                self.pending_head.take();
                // SQLite may have rolled back by itself (disk full): then there is nothing to undo.
                if !self.connection.is_autocommit() {
                    self.batch("roll back", "ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    fn batch(&self, operation: &str, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|e| self.error(operation, e))
    }

    fn execute(
        &self,
        operation: &str,
        sql: &str,
        params: impl Params,
    ) -> Result<usize, StoreError> {
        let _waiting = self.connection.is_autocommit().then(Waiting::begin);
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|e| self.error(operation, e))
    }

    fn rows<T>(
        &self,
        operation: &str,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, map)?.collect())
            .map_err(|e| self.error(operation, e))
    }

    fn value<T: FromSql>(
        &self,
        operation: &str,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional())
            .map_err(|e| self.error(operation, e))
    }

    /// Records read back from their JSON, which is the query's only column.
    fn records<T: DeserializeOwned>(
        &self,
        operation: &str,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<T>, StoreError> {
        let texts: Vec<String> = self.rows(operation, sql, params, |row| row.get(0))?;
        texts.iter().map(|text| self.parse(operation, text)).collect()
    }

    /// The record of `table` whose id is, or starts with, this.
    fn by_prefix<T: DeserializeOwned>(
        &self,
        noun: &'static str,
        table: &'static str,
        prefix: &str,
    ) -> Result<Option<T>, StoreError> {
        if prefix.is_empty() {
            return Ok(None);
        }
        let operation = format!("look for {noun} `{prefix}`");
        let sql = format!(
            "SELECT id, data FROM {table} WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1 \
             ORDER BY id LIMIT 4"
        );
        let found: Vec<(String, String)> =
            self.rows(&operation, &sql, [prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match found.as_slice() {
            [] => Ok(None),
            [(id, data), rest @ ..] if id == prefix || rest.is_empty() => {
                self.parse(&operation, data).map(Some)
            }
            many => Err(StoreError::Ambiguous {
                noun,
                prefix: prefix.to_owned(),
                matches: many.iter().map(|(id, _)| id.clone()).collect(),
            }),
        }
    }

    fn parse<T: DeserializeOwned>(&self, operation: &str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|source| self.record_error(operation, source))
    }

    fn json<T: Serialize>(&self, operation: &str, record: &T) -> Result<String, StoreError> {
        serde_json::to_string(record).map_err(|source| self.record_error(operation, source))
    }

    fn record_error(&self, operation: &str, source: serde_json::Error) -> StoreError {
        StoreError::Record { path: self.path.clone(), operation: operation.to_owned(), source }
    }

    fn error(&self, operation: &str, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, operation, source)
    }

    /// Runs one of our own reads over a table, row by row; for copies of state into other databases.
    pub(crate) fn each_row(
        &self,
        operation: &str,
        sql: &str,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(sql).map_err(|e| self.error(operation, e))?;
        let mut rows = statement.query([]).map_err(|e| self.error(operation, e))?;
        while let Some(row) = rows.next().map_err(|e| self.error(operation, e))? {
            visit(row)?;
        }
        Ok(())
    }
}

/// A time as it is stored.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A limit as SQLite wants it: -1 is none.
fn sql_limit(limit: u32) -> i64 {
    if limit == 0 { -1 } else { i64::from(limit) }
}
