//! Telemetry is written by a thread of its own: DuckDB may take its time, the loop may not wait.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hale_model::Timestamp;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::health::{Health, Prediction};
use hale_model::sample::{JournalEntry, Sample};
use hale_model::snapshot::Snapshot;
use hale_store::{StoreError, Telemetry};

/// Jobs that may wait for a slow disk. A stored sample a minute: over an hour.
const QUEUE_JOBS_MAX: usize = 64;

pub(crate) enum Job {
    Store {
        sample: Box<Sample>,
        snapshot: Arc<Snapshot>,
        /// Entries of the snapshots in between, which are not stored themselves.
        journal: Vec<JournalEntry>,
        health: Health,
        predictions: Vec<Prediction>,
    },
    Retain {
        now: Timestamp,
        retention_hours: u64,
    },
    Stop,
}

/// The way to the telemetry thread, and to the database for questions.
#[derive(Clone)]
pub(crate) struct TelemetryHandle {
    jobs: SyncSender<Job>,
    database: Arc<Mutex<Telemetry>>,
    lost: Arc<Mutex<Losses>>,
}

#[derive(Default)]
struct Losses {
    jobs: u64,
    last_error: Option<String>,
}

pub(crate) struct TelemetryThread {
    handle: TelemetryHandle,
    thread: Option<JoinHandle<()>>,
}

impl TelemetryThread {
    /// Opens the file; a torn one is set aside and said so. The watch does not depend on it.
    pub(crate) fn start(path: &PathBuf) -> Result<(TelemetryThread, Option<String>), StoreError> {
        let (telemetry, set_aside) = Telemetry::open_or_set_aside(path)?;
        let (jobs, receiver) = sync_channel(QUEUE_JOBS_MAX);
        let database = Arc::new(Mutex::new(telemetry));
        let lost = Arc::new(Mutex::new(Losses::default()));
        let handle = TelemetryHandle { jobs, database: database.clone(), lost: lost.clone() };
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || run(&receiver, &database, &lost))
            .map_err(|e| StoreError::io(path, "start the telemetry thread for", e))?;
        Ok((TelemetryThread { handle, thread: Some(thread) }, set_aside))
    }

    pub(crate) fn handle(&self) -> &TelemetryHandle {
        &self.handle
    }

    /// Writes what is queued, then ends the thread.
    pub(crate) fn stop(mut self) {
        let _ = self.handle.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl TelemetryHandle {
    /// Never waits: a full queue loses the job and counts it.
    pub(crate) fn send(&self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.jobs += 1;
                tracing::warn!(
                    lost = lost.jobs,
                    "telemetry queue is full; a sample was not stored"
                );
            }
        }
    }

    /// Runs something on the database. Waits for the thread: not for the loop.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Telemetry) -> Result<T, StoreError>,
    ) -> Result<T, ApiError> {
        let mut telemetry = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut telemetry).map_err(store_error)
    }

    /// What could not be stored, in words; none if nothing was lost.
    pub(crate) fn losses(&self) -> Option<String> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match (&lost.last_error, lost.jobs) {
            (None, 0) => None,
            (None, jobs) => Some(format!("{jobs} telemetry samples were not stored: queue full")),
            (Some(error), jobs) => {
                Some(format!("telemetry: {error} ({jobs} samples lost to a full queue)"))
            }
        }
    }
}

fn run(jobs: &Receiver<Job>, database: &Mutex<Telemetry>, lost: &Mutex<Losses>) {
    while let Ok(job) = jobs.recv() {
        let mut telemetry = database.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match job {
            Job::Store { sample, snapshot, journal, health, predictions } => telemetry
                .append_journal(&snapshot.machine_id, snapshot.collected_at, &journal)
                .and_then(|()| telemetry.append(&sample, &snapshot))
                .and_then(|()| telemetry.append_health(&health))
                .and_then(|()| predictions.iter().try_for_each(|p| telemetry.append_prediction(p)))
                .and_then(|()| telemetry.flush()),
            Job::Retain { now, retention_hours } => {
                telemetry.retain(now, retention_hours, false).map(|did| tracing::info!("{did}"))
            }
            Job::Stop => {
                if let Err(error) = telemetry.flush() {
                    tracing::warn!("{error}");
                }
                return;
            }
        };
        let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => lost.last_error = None,
            Err(error) => {
                tracing::warn!("{error}");
                lost.last_error = Some(error.to_string());
            }
        }
    }
}

/// A store error as people's words.
pub(crate) fn store_error(error: StoreError) -> ApiError {
    let kind = match error {
        StoreError::Refused { .. }
        | StoreError::Query { .. }
        | StoreError::Timeout { .. }
        | StoreError::TooLarge { .. } => ErrorKind::Usage,
        _ => ErrorKind::Failed,
    };
    let hint = error.hint();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    ApiError { kind, message, hint }
}
