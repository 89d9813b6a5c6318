//! Telemetry is written and read by a short-lived process of hale's own.
//!
//! DuckDB brings some 50 MiB into a process that touches it, and may take its time on a slow disk. A
//! watchman may do neither, so the agent keeps what it has measured for a few minutes and then lets
//! `hale telemetry-worker` store it; questions go the same way, after what waits has been stored. A
//! crash inside the database engine costs one answer, not the watch. Without a program to start
//! (tests, commands with no agent) the same work is done in this process.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hale_model::Timestamp;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::health::{Health, Prediction};
use hale_model::sample::{JournalEntry, ProcessInfo, Sample};
use hale_model::snapshot::Snapshot;
use hale_model::view::{Table, Trend};
use hale_store::{Access, StoreError, Telemetry};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::files::Files;

/// Jobs that may wait while the worker works.
const QUEUE_JOBS_MAX: usize = 64;
/// Samples that wait before they are written together; a question writes them at once.
const SAMPLES_PER_WRITE: usize = 5;
/// Samples that may wait while they cannot be written: at one a minute, an hour.
const WAITING_SAMPLES_MAX: usize = 60;
/// Journal entries that wait before they are written.
const JOURNAL_ENTRIES_PER_WRITE: usize = 2_000;
/// How long a worker waits for another one to let go of the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// What `ps` and `top` call a worker.
const WORKER_NAME: &std::ffi::CStr = c"hale-telemetry";
/// The same while the agent starts: it watches with or without the file.
const START_WAIT: Duration = Duration::from_secs(2);
/// A worker that takes longer ends itself.
const WORKER_TIMEOUT: Duration = Duration::from_secs(120);

/// One stored sample with all that goes with it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Batch {
    sample: Sample,
    snapshot: Snapshot,
    /// Entries of the snapshots in between, which are not stored themselves.
    journal: Vec<JournalEntry>,
    health: Health,
    predictions: Vec<Prediction>,
}

impl Batch {
    pub(crate) fn new(
        sample: &Sample,
        snapshot: &Snapshot,
        journal: Vec<JournalEntry>,
        health: Health,
        predictions: Vec<Prediction>,
    ) -> Batch {
        let (mut sample, mut snapshot) = hale_store::storable(sample, snapshot);
        for process in sample.process.iter_mut().flat_map(|p| &mut p.processes) {
            process.info = masked(&process.info);
        }
        for process in &mut snapshot.processes {
            process.info = masked(&process.info);
        }
        Batch { sample, snapshot, journal, health, predictions }
    }
}

/// Questions that are answered at the same time: each may take a fifth of a gigabyte.
const QUESTIONS_AT_ONCE: usize = 2;
/// How long a further one waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked whether whoever asked is still there.
const GONE_EVERY: Duration = Duration::from_millis(50);

/// A process as it is recorded: its command line may hold what opens doors.
fn masked(info: &Arc<ProcessInfo>) -> Arc<ProcessInfo> {
    let cmdline = crate::masks::text(&info.cmdline);
    if cmdline == info.cmdline {
        return info.clone();
    }
    Arc::new(ProcessInfo { cmdline, ..ProcessInfo::clone(info) })
}

/// What a worker can do.
#[derive(Serialize, Deserialize)]
pub(crate) enum Work {
    /// Make the file if it is missing; set it aside if it is torn. → [`Done::Stored`]
    Prepare,
    /// → [`Done::Stored`]
    Store {
        /// The sample stored before these, whose counters theirs are compared with.
        before: Option<Box<Sample>>,
        batches: Vec<Batch>,
    },
    /// → [`Done::Table`]
    Query { sql: String, limit_rows: u32 },
    /// → [`Done::Trends`]
    Trends { since: Timestamp, until: Timestamp, interval_secs: u64 },
    /// → [`Done::Words`]
    Retain { now: Timestamp, retention_hours: u64, dry_run: bool },
    /// → [`Done::Words`]
    Export { directory: PathBuf },
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Done {
    /// What had to be set aside, in words.
    Stored(Option<String>),
    /// Why nothing can be stored now; it is tried again.
    Later(String),
    Table(Table),
    Trends {
        trends: Vec<Trend>,
        coverage: f64,
    },
    Words(String),
}

/// Does one piece of work on the files of a data directory, in this process.
pub(crate) fn perform(files: &Files, work: &Work) -> Result<Done, ApiError> {
    let deadline = Instant::now() + BUSY_WAIT;
    let (telemetry, state) = (files.telemetry(), files.state());
    let result = match work {
        Work::Prepare => {
            let opened =
                patiently(Instant::now() + START_WAIT, || Telemetry::open_or_set_aside(&telemetry));
            match opened {
                Ok((_, set_aside)) => Ok(Done::Stored(set_aside)),
                // Another program made it what it is: not for this one to write.
                Err(error @ (StoreError::Newer { .. } | StoreError::MigrationChanged { .. })) => {
                    Err(error)
                }
                // The watch does not wait for a disk with room, or for whoever reads the file.
                Err(error) => Ok(Done::Later(chained(&error))),
            }
        }
        Work::Store { before, batches } => {
            patiently(deadline, || Telemetry::open_or_set_aside(&telemetry)).and_then(
                |(mut telemetry, set_aside)| {
                    store(&mut telemetry, before.as_deref(), batches)?;
                    Ok(Done::Stored(set_aside))
                },
            )
        }
        Work::Query { sql, limit_rows } => {
            patiently(deadline, || hale_store::query_readonly(&telemetry, &state, sql, *limit_rows))
                .map(Done::Table)
        }
        Work::Trends { since, until, interval_secs } => {
            match patiently(deadline, || Telemetry::open(&telemetry, Access::Read)) {
                Ok(telemetry) => telemetry.trends(*since).and_then(|trends| {
                    let coverage = telemetry.coverage(*since, *until, *interval_secs)?;
                    Ok(Done::Trends { trends, coverage })
                }),
                Err(StoreError::Missing { .. }) => {
                    Ok(Done::Trends { trends: Vec::new(), coverage: 0.0 })
                }
                Err(error) => Err(error),
            }
        }
        Work::Retain { now, retention_hours, dry_run } => {
            patiently(deadline, || Telemetry::open(&telemetry, Access::Write))
                .and_then(|mut telemetry| telemetry.retain(*now, *retention_hours, *dry_run))
                .map(Done::Words)
        }
        Work::Export { directory } => {
            patiently(deadline, || hale_store::export_readonly(&telemetry, &state, directory))
                .map(Done::Words)
        }
    };
    result.map_err(store_error)
}

/// Workers hold the file for milliseconds: nobody should ever see that it is locked.
fn patiently<T>(
    deadline: Instant,
    mut open: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        match open() {
            Err(StoreError::Busy { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn store(
    telemetry: &mut Telemetry,
    before: Option<&Sample>,
    batches: &[Batch],
) -> Result<(), StoreError> {
    if let Some(before) = before {
        telemetry.go_on_from(before);
    }
    for batch in batches {
        let at = batch.snapshot.collected_at;
        telemetry.append_journal(&batch.snapshot.machine_id, at, &batch.journal)?;
        telemetry.append(&batch.sample, &batch.snapshot)?;
        telemetry.append_health(&batch.health)?;
        batch.predictions.iter().try_for_each(|p| telemetry.append_prediction(p))?;
    }
    telemetry.flush()
}

/// The whole of `hale telemetry-worker`: one piece of work from standard input, the answer to
/// standard output. Not for people.
///
/// # Errors
/// If its input is not what an agent of this version writes.
pub fn telemetry_worker(data_dir: &Path) -> Result<(), ApiError> {
    let wrong = |what: &dyn std::fmt::Display| {
        ApiError::new(ErrorKind::Usage, format!("telemetry-worker: {what}"))
            .hint("this command is the agent's own; ask with `hale query`")
    };
    // Started through /proc/self/exe it would be called `exe`. A name is no reason to fail.
    let _ = rustix::thread::set_name(WORKER_NAME);
    std::thread::spawn(|| {
        std::thread::sleep(WORKER_TIMEOUT);
        std::process::exit(1);
    });
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text).map_err(|e| wrong(&e))?;
    let work: Work = serde_json::from_slice(&text).map_err(|e| wrong(&e))?;
    let answer = perform(&Files::new(data_dir), &work);
    let out = serde_json::to_vec(&answer).map_err(|e| wrong(&e))?;
    std::io::stdout().lock().write_all(&out).map_err(|e| wrong(&e))
}

/// Where work is done: in a process of its own, or right here.
#[derive(Clone)]
struct Workshop {
    files: Files,
    program: Option<PathBuf>,
}

impl Workshop {
    fn perform(&self, work: &Work) -> Result<Done, ApiError> {
        self.perform_for(work, &CancellationToken::new())
    }

    /// For somebody who may go away before it is done.
    fn perform_for(&self, work: &Work, gone: &CancellationToken) -> Result<Done, ApiError> {
        match &self.program {
            Some(program) => self.in_child(program, work, gone),
            None => perform(&self.files, work),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "starts hale itself, to keep DuckDB out of it")]
    fn in_child(
        &self,
        program: &Path,
        work: &Work,
        gone: &CancellationToken,
    ) -> Result<Done, ApiError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            ApiError::new(ErrorKind::Failed, format!("the telemetry worker {what}: {error}"))
        };
        let input = serde_json::to_vec(work).map_err(|e| failed("cannot be told its work", &e))?;
        let mut command = Command::new(program);
        command
            .arg("--data-dir")
            .arg(&self.files.dir)
            .arg("telemetry-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child =
            hale_spawn::spawn(&mut command).map_err(|e| failed("could not be started", &e))?;
        // It reads everything before it answers, so neither side waits for the other.
        let told = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&input));
        let output = read_while(&mut child, gone);
        if gone.is_cancelled() {
            let _ = child.kill();
        }
        let status = child.wait().map_err(|e| failed("was lost", &e))?;
        if gone.is_cancelled() {
            return Err(nobody_waits());
        }
        let output = output.map_err(|e| failed("was lost", &e))?;
        told.map_err(|e| failed("did not read its work", &e))?;
        if !status.success() {
            return Err(failed("ended", &status));
        }
        serde_json::from_slice::<Result<Done, ApiError>>(&output)
            .map_err(|e| failed("gave no answer", &e))?
    }
}

/// All that a worker says, or what it said until nobody waits for it any more.
fn read_while(child: &mut Child, gone: &CancellationToken) -> std::io::Result<Vec<u8>> {
    let Some(mut stdout) = child.stdout.take() else { return Ok(Vec::new()) };
    let (sender, answer) = sync_channel(1);
    std::thread::Builder::new().name("telemetry-answer".to_owned()).spawn(move || {
        let mut said = Vec::new();
        let _ = sender.send(stdout.read_to_end(&mut said).map(|_| said));
    })?;
    loop {
        match answer.recv_timeout(GONE_EVERY) {
            Ok(said) => return said,
            Err(RecvTimeoutError::Timeout) if !gone.is_cancelled() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Ok(Vec::new());
            }
        }
    }
}

fn nobody_waits() -> ApiError {
    ApiError::new(ErrorKind::Failed, "the question was given up: whoever asked it has gone")
}

/// Questions that are being answered.
#[derive(Default)]
struct Turns {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// One of them, for as long as this lives.
struct Turn<'a>(&'a Turns);

impl Turns {
    fn take(&self, gone: &CancellationToken) -> Result<Turn<'_>, ApiError> {
        let deadline = Instant::now() + TURN_WAIT;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= QUESTIONS_AT_ONCE {
            if gone.is_cancelled() {
                return Err(nobody_waits());
            }
            if Instant::now() >= deadline {
                let message =
                    format!("{QUESTIONS_AT_ONCE} other questions are still being answered");
                return Err(ApiError::new(ErrorKind::Degraded, message).hint(
                    "ask again in a moment; a question is stopped after 30 s, or when whoever asked it ends",
                ));
            }
            taken = self
                .freed
                .wait_timeout(taken, GONE_EVERY)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *taken += 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(1);
        self.0.freed.notify_one();
    }
}

enum Job {
    Store(Box<Batch>),
    Ask(Work, SyncSender<Result<Done, ApiError>>),
    /// Store what waits, so that a question finds it.
    Write(SyncSender<()>),
    Stop,
}

/// The way to the thread that sees to telemetry.
#[derive(Clone)]
pub(crate) struct TelemetryHandle {
    jobs: SyncSender<Job>,
    lost: Arc<Mutex<Losses>>,
    workshop: Workshop,
    turns: Arc<Turns>,
}

#[derive(Default)]
struct Losses {
    samples: u64,
    last_error: Option<String>,
}

pub(crate) struct TelemetryThread {
    handle: TelemetryHandle,
    thread: JoinHandle<()>,
}

impl TelemetryThread {
    /// Prepares the file. A torn one is set aside, which is said in words; a newer one refuses.
    pub(crate) fn start(
        files: &Files,
        program: Option<PathBuf>,
    ) -> Result<(TelemetryThread, Option<String>), ApiError> {
        let workshop = Workshop { files: files.clone(), program };
        let mut losses = Losses::default();
        let set_aside = match workshop.perform(&Work::Prepare)? {
            Done::Stored(set_aside) => set_aside,
            Done::Later(why) => {
                tracing::warn!("telemetry waits to be stored: {why}");
                losses.last_error = Some(why);
                None
            }
            Done::Table(_) | Done::Trends { .. } | Done::Words(_) => None,
        };
        let (jobs, receiver) = sync_channel(QUEUE_JOBS_MAX);
        let lost = Arc::new(Mutex::new(losses));
        let (lost_there, workshop_there) = (lost.clone(), workshop.clone());
        let handle = TelemetryHandle { jobs, lost, workshop, turns: Arc::default() };
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || Keeper::new(workshop_there, lost_there).run(&receiver))
            .map_err(|e| {
                ApiError::new(ErrorKind::Failed, format!("cannot start the telemetry thread: {e}"))
            })?;
        Ok((TelemetryThread { handle, thread }, set_aside))
    }

    pub(crate) fn handle(&self) -> &TelemetryHandle {
        &self.handle
    }

    /// Writes what waits, then ends the thread.
    pub(crate) fn stop(self) {
        if self.handle.jobs.send(Job::Stop).is_ok() {
            let _ = self.thread.join();
        }
    }
}

impl TelemetryHandle {
    /// Never waits: a full queue loses the sample and counts it.
    pub(crate) fn store(&self, batch: Batch) {
        match self.jobs.try_send(Job::Store(Box::new(batch))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.samples += 1;
            }
        }
    }

    /// Applies retention when there is time for it; never waits.
    pub(crate) fn retain(&self, now: Timestamp, retention_hours: u64) {
        let (reply, _) = sync_channel(1);
        let work = Work::Retain { now, retention_hours, dry_run: false };
        if self.jobs.try_send(Job::Ask(work, reply)).is_err() {
            tracing::warn!("telemetry is busy; retention is applied an hour later");
        }
    }

    /// Has work done after what waits was stored. Waits for the worker: not for the loop.
    pub(crate) fn ask(&self, work: Work) -> Result<Done, ApiError> {
        let ending =
            || ApiError::new(ErrorKind::Failed, "the agent is ending: telemetry is closed");
        let (reply, answer) = sync_channel(1);
        self.jobs.send(Job::Ask(work, reply)).map_err(|_| ending())?;
        answer.recv().map_err(|_| ending())?
    }

    /// Answers a statement beside whatever is being stored, after what waits was stored. Waits for the
    /// worker, until nobody waits for the answer any more.
    pub(crate) fn query(
        &self,
        sql: String,
        limit_rows: u32,
        gone: &CancellationToken,
    ) -> Result<Done, ApiError> {
        let ending =
            || ApiError::new(ErrorKind::Failed, "the agent is ending: telemetry is closed");
        let _turn = self.turns.take(gone)?;
        let (reply, written) = sync_channel(1);
        self.jobs.send(Job::Write(reply)).map_err(|_| ending())?;
        written.recv().map_err(|_| ending())?;
        self.workshop.perform_for(&Work::Query { sql, limit_rows }, gone)
    }

    /// What could not be stored, in words; none if nothing was lost.
    pub(crate) fn losses(&self) -> Option<String> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let count = format!("{} samples were lost", lost.samples);
        match (&lost.last_error, lost.samples) {
            (None, 0) => None,
            (None, _) => Some(format!("telemetry: {count}")),
            (Some(error), 0) => Some(format!("telemetry waits to be stored: {error}")),
            (Some(error), _) => Some(format!("telemetry waits to be stored: {error}; {count}")),
        }
    }
}

/// The thread's own things.
struct Keeper {
    workshop: Workshop,
    waiting: VecDeque<Batch>,
    /// The sample stored last.
    before: Option<Box<Sample>>,
    lost: Arc<Mutex<Losses>>,
    first: bool,
}

impl Keeper {
    fn new(workshop: Workshop, lost: Arc<Mutex<Losses>>) -> Keeper {
        Keeper { workshop, waiting: VecDeque::new(), before: None, lost, first: true }
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Store(batch) => {
                    self.waiting.push_back(*batch);
                    let entries: usize = self.waiting.iter().map(|b| b.journal.len()).sum();
                    // The first one at once: whoever just started hale asks soon.
                    let due = std::mem::take(&mut self.first)
                        || self.waiting.len() >= SAMPLES_PER_WRITE
                        || entries >= JOURNAL_ENTRIES_PER_WRITE;
                    if due {
                        self.write();
                    }
                }
                Job::Ask(work, reply) => {
                    self.write();
                    let _ = reply.send(self.workshop.perform(&work));
                }
                Job::Write(written) => {
                    self.write();
                    let _ = written.send(());
                }
                Job::Stop => return self.write(),
            }
        }
    }

    /// Stores what waits. What cannot be stored goes on waiting, the newest hour of it.
    fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let work =
            Work::Store { before: self.before.take(), batches: self.waiting.drain(..).collect() };
        let result = self.workshop.perform(&work);
        let Work::Store { before, mut batches } = work else { return };
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(done) => {
                lost.last_error = match done {
                    Done::Stored(set_aside) => set_aside,
                    Done::Later(_) | Done::Table(_) | Done::Trends { .. } | Done::Words(_) => None,
                };
                self.before = batches.pop().map(|b| Box::new(b.sample));
            }
            Err(error) => {
                tracing::warn!("{}", error.message);
                lost.last_error = Some(error.message);
                self.before = before;
                self.waiting = batches.into();
                while self.waiting.len() > WAITING_SAMPLES_MAX {
                    self.waiting.pop_front();
                    lost.samples += 1;
                }
            }
        }
    }
}

/// A store error as people's words.
pub(crate) fn store_error(error: StoreError) -> ApiError {
    let kind = match error {
        StoreError::Refused { .. } => ErrorKind::Refused,
        StoreError::Query { .. } | StoreError::Timeout { .. } | StoreError::TooLarge => {
            ErrorKind::Usage
        }
        StoreError::NotFound { .. } | StoreError::Ambiguous { .. } => ErrorKind::NotFound,
        StoreError::Missing { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Newer { .. }
        | StoreError::MigrationChanged { .. }
        | StoreError::Busy { .. }
        | StoreError::Full { .. }
        | StoreError::Io { .. }
        | StoreError::Sqlite { .. }
        | StoreError::Duckdb { .. }
        | StoreError::Record { .. } => ErrorKind::Failed,
    };
    ApiError { kind, message: chained(&error), hint: error.hint() }
}

/// An error with its causes: the one place that prints them, since no `Display` does.
pub(crate) fn chained(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}
