//! The database file of the marketplace: policies. One process owns it; one connection writes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::market::Policy;

/// Policies that a list shows.
const LISTED_MAX: u32 = 50;
/// Tries to get the lock, each after a pause: 8 s in all.
const LOCK_TRIES_MAX: i32 = 1600;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The policies.
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn open(path: &Path) -> rusqlite::Result<Store> {
        let mut connection = Connection::open(path)?;
        // SQLite's own handler sleeps ever longer, and would miss the moments between two locks.
        connection.busy_handler(Some(|tries| {
            std::thread::sleep(LOCK_PAUSE);
            tries < LOCK_TRIES_MAX
        }))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS policies (
                number INTEGER PRIMARY KEY,
                holder TEXT NOT NULL,
                product TEXT NOT NULL,
                cover_eur INTEGER NOT NULL,
                monthly_cents INTEGER NOT NULL
            ) STRICT",
        )?;
        Ok(Store { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a policy, numbered next. Waits while somebody else writes.
    ///
    /// # Errors
    /// SQLite's own; busy, if the lock was not free for eight seconds.
    pub fn insert(&self, policy: &Policy) -> rusqlite::Result<i64> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        connection.execute(
            "INSERT INTO policies (holder, product, cover_eur, monthly_cents) VALUES (?1, ?2, ?3, ?4)",
            params![
                policy.holder,
                policy.product,
                number(policy.cover_eur),
                number(policy.monthly_cents)
            ],
        )?;
        Ok(connection.last_insert_rowid())
    }

    /// Takes one back, whose receipt could not be written.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn remove(&self, number: i64) -> rusqlite::Result<()> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute("DELETE FROM policies WHERE number = ?1", [number]).map(|_| ())
    }

    /// The newest.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn newest(&self) -> rusqlite::Result<Vec<Policy>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(
            "SELECT number, holder, product, cover_eur, monthly_cents FROM policies
             ORDER BY number DESC LIMIT ?1",
        )?;
        let amount = |value: i64| u64::try_from(value).unwrap_or(0);
        let rows = statement.query_map([LISTED_MAX], |row| {
            Ok(Policy {
                number: row.get(0)?,
                holder: row.get(1)?,
                product: row.get(2)?,
                cover_eur: amount(row.get(3)?),
                monthly_cents: amount(row.get(4)?),
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::Instant;

    use super::*;
    use crate::faults::HeldTransaction;

    fn policy() -> Policy {
        Policy {
            number: 0,
            holder: "Ada".to_owned(),
            product: "travel".to_owned(),
            cover_eur: 500,
            monthly_cents: 90,
        }
    }

    #[test]
    fn a_held_transaction_makes_writers_wait_and_nobody_fail() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("m.db")).unwrap();
        assert_eq!(store.insert(&policy()).unwrap(), 1);
        let job = HeldTransaction::default();
        job.begin(store.path()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        assert_eq!(store.insert(&policy()).unwrap(), 2);
        assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
        // Readers are not held up: a write-ahead log keeps them apart.
        assert_eq!(store.newest().unwrap().len(), 2);
        assert!(job.is_active());
    }
}
