//! A job that holds a write transaction nearly all the time, so that every other writer waits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::FAULT_TIME_MAX;

/// How long it keeps the lock.
const HELD: Duration = Duration::from_millis(1400);
/// How long it lets others at it.
const FREE: Duration = Duration::from_millis(40);

/// The job.
#[derive(Default)]
pub struct HeldTransaction {
    running: Arc<AtomicBool>,
}

impl HeldTransaction {
    /// Begins, on a connection of its own. Does nothing if it runs already.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn begin(&self, database: &Path) -> rusqlite::Result<()> {
        if self.running.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let opened = Connection::open(database).and_then(|connection| {
            connection.busy_timeout(Duration::from_secs(5))?;
            Ok(connection)
        });
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                self.running.store(false, Ordering::SeqCst);
                return Err(error);
            }
        };
        let running = self.running.clone();
        std::thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < FAULT_TIME_MAX {
                // Another writer may hold it for longer than that: then the next round has it.
                if let Ok(transaction) =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)
                {
                    std::thread::sleep(HELD);
                    let _ = transaction.rollback();
                }
                std::thread::sleep(FREE);
            }
            running.store(false, Ordering::SeqCst);
        });
        Ok(())
    }

    /// Whether it is there.
    pub fn is_active(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }
}
