//! The door for reports: a thread with a connection of its own takes what waits and commits it as
//! one, so that a thousand senders share one sync of the disk. Whoever is told that a report was
//! accepted finds it after a crash of hale and, since the log is synced before the answer, after a
//! power cut too as far as the disk keeps what it says it has written.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use hale_model::report::{Receipt, Report};

use crate::state::inbox::Prepared;
use crate::state::writers_waiting;
use crate::{Access, State, StoreError};

/// Requests that wait for the disk.
const QUEUE_REQUESTS_MAX: usize = 8192;
/// Bytes of all that wait.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Reports in one transaction.
const BATCH_REPORTS_MAX: usize = 2048;
/// Reports that are not over, on disk.
const OPEN_REPORTS_MAX: u64 = 1_000_000;
/// They are counted anew after so many were accepted.
const RECOUNT_REPORTS: u64 = 10_000;
/// The longest that the loop's own writing is let go first.
const YIELD_MS_MAX: u64 = 50;

/// What becomes of a request.
type Done = Box<dyn FnOnce(Result<Vec<Receipt>, Arc<StoreError>>) + Send>;

struct Job {
    reports: Vec<Prepared>,
    bytes: usize,
    done: Done,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// Too many wait for the disk, or for the loop.
    #[error("{0}")]
    Full(&'static str),
    /// The thread has ended.
    #[error("the inbox is closed")]
    Closed,
    /// A report that cannot be written as JSON.
    #[error("a report cannot be written as JSON")]
    Report(#[source] serde_json::Error),
}

#[derive(Debug, Default)]
struct Load {
    queued_bytes: AtomicUsize,
    open_reports: AtomicU64,
}

/// Takes reports in. Cloning it is cheap; the thread ends with the last of them.
#[derive(Clone)]
pub struct Inbox {
    jobs: SyncSender<Job>,
    load: Arc<Load>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("load", &self.load).finish_non_exhaustive()
    }
}

impl Inbox {
    /// Opens the database and starts the thread; `news` is called after each commit that brought
    /// something the loop has to look at.
    ///
    /// # Errors
    /// If the database cannot be opened or the thread not be started.
    pub fn start(
        path: &Path,
        news: impl Fn() + Send + 'static,
    ) -> Result<(Inbox, JoinHandle<()>), StoreError> {
        let state = State::open(path, Access::Write)?;
        let load = Arc::new(Load::default());
        load.open_reports.store(state.reports_not_closed()?, Ordering::Relaxed);
        let (jobs, waiting) = sync_channel(QUEUE_REQUESTS_MAX);
        let shared = load.clone();
        let thread = std::thread::Builder::new()
            .name("hale-inbox".to_owned())
            .spawn(move || write(state, &waiting, &shared, news))
            .map_err(|e| StoreError::Io {
                path: path.to_owned(),
                operation: "start the thread that writes reports to".to_owned(),
                source: e,
            })?;
        Ok((Inbox { jobs, load }, thread))
    }

    /// Queues reports, all or none; `done` is called from the thread once they are on disk, or
    /// could not be written.
    ///
    /// # Errors
    /// Nothing was taken; `done` is not called.
    pub fn put(
        &self,
        reports: Vec<Report>,
        done: impl FnOnce(Result<Vec<Receipt>, Arc<StoreError>>) + Send + 'static,
    ) -> Result<(), InboxError> {
        if self.load.open_reports.load(Ordering::Relaxed) >= OPEN_REPORTS_MAX {
            return Err(InboxError::Full("too many reports are open already"));
        }
        let reports = reports
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(InboxError::Report)?;
        let bytes = reports.iter().map(Prepared::bytes).sum::<usize>();
        if self.load.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES_MAX {
            self.load.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(InboxError::Full("too much waits for the disk"));
        }
        self.jobs.try_send(Job { reports, bytes, done: Box::new(done) }).map_err(|refused| {
            self.load.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => InboxError::Full("too many requests wait for the disk"),
                TrySendError::Disconnected(_) => InboxError::Closed,
            }
        })
    }
}

fn write(mut state: State, waiting: &Receiver<Job>, load: &Load, news: impl Fn()) {
    let mut since_count = 0;
    while let Ok(first) = waiting.recv() {
        let mut count = first.reports.len();
        let mut batch = vec![first];
        while count < BATCH_REPORTS_MAX
            && let Ok(job) = waiting.try_recv()
        {
            count += job.reports.len();
            batch.push(job);
        }
        let_others_write();
        let written = state.atomically(|state| {
            let of = |job: &Job| {
                let receipts = job.reports.iter().map(|report| state.accept_report(report));
                receipts.collect::<Result<Vec<_>, _>>()
            };
            batch.iter().map(of).collect::<Result<Vec<_>, _>>()
        });
        since_count += count as u64;
        let bytes: usize = batch.iter().map(|job| job.bytes).sum();
        load.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        match written {
            Ok(receipts) => {
                news();
                for (job, receipts) in batch.into_iter().zip(receipts) {
                    (job.done)(Ok(receipts));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for job in batch {
                    (job.done)(Err(error.clone()));
                }
            }
        }
        if since_count >= RECOUNT_REPORTS {
            since_count = 0;
            if let Ok(open) = state.reports_not_closed() {
                load.open_reports.store(open, Ordering::Relaxed);
            }
        }
    }
}

/// SQLite gives the right to write to whoever asks at the right moment, so that a thread that writes
/// all the time starves the others. The loop of the same process goes first.
fn let_others_write() {
    for _ in 0..YIELD_MS_MAX {
        if writers_waiting() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
