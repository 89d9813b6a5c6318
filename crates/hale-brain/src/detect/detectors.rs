//! The detectors in code: one file and one line here each.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::Subject;
use hale_model::config::Config;
use hale_model::sample::Source;
use hale_model::snapshot::{Process, Snapshot};

use super::anomaly::Anomaly;
use super::clock::Tick;
use super::container::{ContainerRestarting, ContainerUnhealthy};
use super::duplicates::Duplicates;
use super::filling::Filling;
use super::ghost_storm::GhostStorm;
use super::hot_process::HotProcess;
use super::http::{HttpErrors, HttpLatency};
use super::journal_burst::JournalBurst;
use super::kin::Kin;
use super::leak::Leak;
use super::memory::Learned;
use super::memory_pressure::MemoryPressure;
use super::message::Vars;
use super::oom::Oom;
use super::orphan::Orphan;
use super::service::{ServiceFailed, ServiceFlapping};
use super::stale::Stale;
use super::zombie::Zombie;

/// What a detector sees of one turn.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) config: &'a Config,
    pub(super) tick: Tick,
    pub(super) kin: &'a Kin<'a>,
}

impl View<'_> {
    /// Share of all memory, 0..100; none where the size of memory is not known.
    pub(super) fn mem_percent(&self, bytes: u64) -> Option<f64> {
        let total = self.snapshot.system.mem_total_bytes?;
        hale_model::snapshot::percent(bytes as f64, total as f64)
    }
}

/// One observation that supports a claim.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    pub(super) source: Source,
    pub(super) metric: &'static str,
    pub(super) text: String,
    pub(super) value: Option<f64>,
    pub(super) unit: Option<&'static str>,
}

/// What a detector says about a snapshot, before the rule gives it words and a severity.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) subject: Subject,
    pub(super) vars: Vars,
    pub(super) proofs: Vec<Proof>,
    /// When it began, where the detector knows better than "when first claimed".
    pub(super) since: Option<Timestamp>,
    /// Within the margin of hysteresis: keeps a claim alive, but does not start one.
    pub(super) marginal: bool,
}

/// A piece of code that looks at every snapshot. It keeps what it needs between turns, within limits.
pub(super) trait Detector: Send {
    /// What it sees now. Same turns, same claims.
    fn detect(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Claim>;
}

/// A detector by its name, with the figures that its claims carry.
pub(super) struct Registered {
    pub(super) name: &'static str,
    pub(super) vars: &'static [&'static str],
    pub(super) make: fn() -> Box<dyn Detector>,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! register {
    ($($name:literal => $detector:ident,)*) => {
        const ALL: &[Registered] = &[$(Registered {
            name: $name,
            vars: $detector::VARS,
            make: || Box::new($detector::default()),
        },)*];
    };
}

type FdLeak = super::leak::FdLeak;

register! {
    "anomaly" => Anomaly,
    "container_restarting" => ContainerRestarting,
    "container_unhealthy" => ContainerUnhealthy,
    "duplicates" => Duplicates,
    "fd_leak" => FdLeak,
    "filling" => Filling,
    "ghost_storm" => GhostStorm,
    "hot_process" => HotProcess,
    "http_errors" => HttpErrors,
    "http_latency" => HttpLatency,
    "journal_burst" => JournalBurst,
    "leak" => Leak,
    "memory_pressure" => MemoryPressure,
    "oom" => Oom,
    "orphan" => Orphan,
    "service_failed" => ServiceFailed,
    "service_flapping" => ServiceFlapping,
    "stale" => Stale,
    "zombie" => Zombie,
}

pub(super) fn by_name(name: &str) -> Option<&'static Registered> {
    ALL.iter().find(|d| d.name == name)
}

pub(super) fn names() -> String {
    ALL.iter().map(|d| d.name).collect::<Vec<_>>().join(", ")
}

/// Builds the figures of a claim.
pub(super) fn vars<const N: usize>(pairs: [(&str, serde_json::Value); N]) -> Vars {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>()
}

/// Longest command line within a figure, in bytes.
const MAX_COMMAND_BYTES: usize = 160;

/// The figures that every claim about one process carries.
pub(super) fn process_vars(p: &Process) -> Vars {
    vars([
        ("pid", p.pid.into()),
        ("start_ticks", p.start_ticks.into()),
        ("name", p.info.name.as_str().into()),
        ("command", short_command(p).into()),
        ("user", p.info.user.as_str().into()),
        ("unit", p.info.unit.as_deref().map_or(serde_json::Value::Null, Into::into)),
        ("container", p.info.container.as_deref().map_or(serde_json::Value::Null, Into::into)),
    ])
}

pub(super) fn short_command(p: &Process) -> String {
    hale_model::text::shorten(&p.command(), MAX_COMMAND_BYTES)
}

/// A claim about one process.
pub(super) fn about_process<const N: usize>(
    p: &Process,
    figures: [(&str, serde_json::Value); N],
    proofs: Vec<Proof>,
) -> Claim {
    let mut all = process_vars(p);
    all.extend(vars(figures));
    Claim {
        subject: Subject::Process { process: p.proc_ref() },
        vars: all,
        proofs,
        since: None,
        marginal: false,
    }
}
