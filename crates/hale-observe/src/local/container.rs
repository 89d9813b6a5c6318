//! Containers, as Docker or Podman report them over their socket.
//!
//! One call lists them all. A container is asked about in full only when something about it may have
//! changed: its state, its first process (told by its start time, so that a restart between two looks
//! shows), its health, and now and then. Memory and CPU come from its cgroup where that can be read,
//! else from the engine.

mod cgroup;
mod engine;
mod stat;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::ContainerSummary;
use hale_model::container::{ContainerHealth, ContainerSample, ContainerStat, ContainerState};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::engine::{Engine, Failure};
use super::EngineAccess;
use super::read::{ReadError, Scratch};
use super::worker::{Moment, Reading};

/// Containers kept, the newest; the rest is not asked for.
const CONTAINERS_MAX: usize = 1024;
/// Containers asked about in full in one collection; the rest has its turn in the next.
const INSPECTS_MAX: usize = 128;
/// Containers whose figures the engine is asked for in one collection.
const STATS_MAX: usize = 16;
/// All calls of one collection together.
const COLLECT_TIMEOUT_SECS: u64 = 4;
/// What is known about a container in which nothing seems to change is at most this old.
const INSPECT_AGE_MAX_SECS: u64 = 120;
const RECONNECT_PAUSE_MAX_SECS: u64 = 60;
const NANOS_PER_SEC: u64 = 1_000_000_000;

pub(crate) struct ContainerCollector {
    access: EngineAccess,
    proc: PathBuf,
    sys: PathBuf,
    scratch: Scratch,
    engine: Option<Engine>,
    /// Told when something happened that is worth a look before the next one is due.
    stirred: Arc<Notify>,
    listener: Option<JoinHandle<()>>,
    known: HashMap<String, Known>,
    failures: u32,
    retry_due_ns: u64,
    last_error: String,
}

struct Known {
    stat: ContainerStat,
    /// State and health in the words of the list, when it was asked about in full.
    told: Told,
    first_process_start_ticks: Option<u64>,
    cgroup: Option<cgroup::Place>,
    due_ns: u64,
}

/// What the list tells that would make its details old.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    state: ContainerState,
    health: Option<ContainerHealth>,
}

impl ContainerCollector {
    pub(crate) fn new(access: EngineAccess, proc: PathBuf, sys: PathBuf) -> Self {
        ContainerCollector {
            access,
            proc,
            sys,
            scratch: Scratch::default(),
            engine: None,
            stirred: Arc::default(),
            listener: None,
            known: HashMap::new(),
            failures: 0,
            retry_due_ns: 0,
            last_error: String::new(),
        }
    }

    pub(crate) async fn collect(&mut self, moment: Moment) -> Reading<ContainerSample> {
        let started = Instant::now();
        let mut reading = match self.containers(moment, started).await {
            Ok(reading) => {
                self.failures = 0;
                reading
            }
            Err(Failure::Absent(why)) => {
                self.engine = None;
                self.failures = 0;
                self.known.clear();
                let mut reading = Reading::of(ContainerSample::default());
                reading.absent = true;
                reading.note(why);
                reading
            }
            Err(Failure::Broken(why)) => {
                self.engine = None;
                self.failures = self.failures.saturating_add(1);
                let pause_secs = (1 << self.failures.min(6)).min(RECONNECT_PAUSE_MAX_SECS);
                self.retry_due_ns = moment.boottime_ns.saturating_add(pause_secs * NANOS_PER_SEC);
                self.last_error.clone_from(&why);
                Reading::failed(ReadError::Other(why))
            }
        };
        reading.took_us = started.elapsed().as_micros() as u64;
        reading
    }

    async fn containers(
        &mut self,
        moment: Moment,
        started: Instant,
    ) -> Result<Reading<ContainerSample>, Failure> {
        let now_ns = moment.boottime_ns;
        // The first failure is tried again at once: an engine that was restarted is back in no time.
        if self.failures > 1 && now_ns < self.retry_due_ns {
            let why = format!("{} (tried again soon)", self.last_error);
            return Ok(Reading::failed(ReadError::Other(why)));
        }
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => self.engine.insert(Engine::connect(&self.access).await?).clone(),
        };
        self.listen(&engine);
        let listed = engine.list(CONTAINERS_MAX).await?;
        let mut reading = Reading::of(ContainerSample::default());
        if listed.len() >= CONTAINERS_MAX {
            reading.note(format!("only the newest {CONTAINERS_MAX} containers are read"));
        }
        let late = |started: Instant| started.elapsed() > Duration::from_secs(COLLECT_TIMEOUT_SECS);
        let (mut inspects, mut stats) = (0, 0);
        let mut containers = Vec::with_capacity(listed.len());
        let mut known = HashMap::with_capacity(listed.len());
        for summary in listed {
            let Some(id) = summary.id.clone().filter(|id| !id.is_empty()) else { continue };
            let told = told_by(&summary);
            let mut entry = match self.known.remove(&id) {
                Some(known) if !self.is_due(&known, &told, now_ns) => known,
                before if inspects >= INSPECTS_MAX || late(started) => {
                    before.unwrap_or_else(|| Known::unread(&summary, told))
                }
                before => {
                    inspects += 1;
                    match self.read(&engine, &id, told, now_ns, before.as_ref()).await? {
                        Some(known) => known,
                        // Removed between the list and the question.
                        None => {
                            reading.lost += 1;
                            continue;
                        }
                    }
                }
            };
            stat::from_list(&mut entry.stat, &summary);
            let unread = !self.measure(&mut entry);
            if unread && stats < STATS_MAX && !late(started) {
                stats += 1;
                engine.measure(&mut entry.stat).await;
            }
            containers.push(entry.stat.clone());
            known.insert(id, entry);
        }
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        self.known = known;
        reading.value = Ok(ContainerSample { engine: engine.name().to_owned(), containers });
        Ok(reading)
    }

    /// Told when a container ended or its health changed; only after a first collection.
    pub(crate) fn stirred(&self) -> Arc<Notify> {
        self.stirred.clone()
    }

    /// Hears what happens between two collections, if anybody waits for it.
    fn listen(&mut self, engine: &Engine) {
        let somebody_waits = Arc::strong_count(&self.stirred) > 1;
        let hears = self.listener.as_ref().is_some_and(|listener| !listener.is_finished());
        if somebody_waits && !hears {
            let (engine, stirred) = (engine.clone(), self.stirred.clone());
            self.listener = Some(tokio::spawn(engine.listen(stirred)));
        }
    }

    /// Whether it has to be asked about in full again.
    fn is_due(&mut self, known: &Known, told: &Told, now_ns: u64) -> bool {
        if now_ns >= known.due_ns || known.told != *told {
            return true;
        }
        match (told.state, told.health) {
            // Checks that fail in a row are counted.
            (ContainerState::Running, Some(health)) if health != ContainerHealth::Healthy => true,
            // The same first process: it did not restart in between.
            (ContainerState::Running, _) => {
                let now = self.start_ticks(known.stat.pid);
                now.is_none() || now != known.first_process_start_ticks
            }
            (ContainerState::Exited | ContainerState::Created | ContainerState::Dead, _) => false,
            (
                ContainerState::Paused
                | ContainerState::Restarting
                | ContainerState::Removing
                | ContainerState::Unknown,
                _,
            ) => true,
        }
    }

    async fn read(
        &mut self,
        engine: &Engine,
        id: &str,
        told: Told,
        now_ns: u64,
        before: Option<&Known>,
    ) -> Result<Option<Known>, Failure> {
        let Some(full) = engine.inspect(id).await? else { return Ok(None) };
        let mut stat = stat::of(id, &full);
        if stat.state == ContainerState::Exited && stat.exit_code != Some(0) {
            // How this very end came about was found out before, or is asked now.
            let known = before.filter(|b| b.stat.finished_at == stat.finished_at);
            stat.end_asked = match known.and_then(|known| known.stat.end_asked) {
                Some(asked) => Some(asked),
                None => engine.end_asked(&stat).await,
            };
        }
        let first_process_start_ticks = self.start_ticks(stat.pid);
        let cgroup = cgroup::Place::of(&mut self.scratch, &self.proc, &self.sys, stat.pid, id);
        // In turns, not all at once.
        let spread = id.bytes().map(u64::from).sum::<u64>() % 60;
        let age_secs = INSPECT_AGE_MAX_SECS - spread;
        let due_ns = now_ns.saturating_add(age_secs * NANOS_PER_SEC);
        // As the list told it: what changed since is told by the next list.
        Ok(Some(Known { stat, told, first_process_start_ticks, cgroup, due_ns }))
    }

    /// Reads memory and CPU from its cgroup. Whether there was nothing more to ask.
    fn measure(&mut self, known: &mut Known) -> bool {
        let stat = &mut known.stat;
        if !matches!(stat.state, ContainerState::Running | ContainerState::Paused) {
            (stat.memory_bytes, stat.cpu_usec) = (None, None);
            return true;
        }
        let Some(place) = &known.cgroup else { return false };
        let figures = place.read(&mut self.scratch);
        (stat.memory_bytes, stat.cpu_usec) = (figures.memory_bytes, figures.cpu_usec);
        // It may be changed while the container runs, and nothing else tells.
        if figures.memory_bytes.is_some() {
            stat.memory_limit_bytes = figures.limit_bytes;
        }
        stat.memory_bytes.is_some()
    }

    fn start_ticks(&mut self, pid: i32) -> Option<u64> {
        const LIMIT_BYTES: usize = 2048;
        if pid <= 0 {
            return None;
        }
        let text = self.scratch.read(&self.proc.join(format!("{pid}/stat")), LIMIT_BYTES).ok()?;
        super::process::start_ticks(text)
    }
}

impl Drop for ContainerCollector {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Known {
    fn unread(summary: &ContainerSummary, told: Told) -> Known {
        let mut stat = ContainerStat {
            id: summary.id.clone().unwrap_or_default(),
            ..ContainerStat::default()
        };
        stat::from_list(&mut stat, summary);
        Known { stat, told, first_process_start_ticks: None, cgroup: None, due_ns: 0 }
    }
}

fn told_by(summary: &ContainerSummary) -> Told {
    let state = summary.state.map(|s| s.to_string()).unwrap_or_default();
    Told {
        state: ContainerState::parse(&state),
        health: stat::health_of_status(summary.status.as_deref().unwrap_or_default()),
    }
}
