//! Orient, first half: what is wrong, and what will be.
//!
//! [`Orient`] turns snapshots into findings (rules as data and detectors in code, one file each),
//! predictions and health; [`AlertBook`] gives findings a life. Both tell time by the snapshot, keep
//! bounded state, and give the same output for the same input.

mod alerts;
mod anomaly;
mod baseline;
mod clock;
mod container;
mod detectors;
mod duplicates;
pub(crate) mod expression;
pub(crate) mod facts;
mod filling;
#[doc(hidden)]
pub mod fuzzing;
mod ghost_storm;
mod health;
mod hot_process;
mod http;
mod journal_burst;
mod judge;
mod kin;
mod leak;
pub mod log_health;
mod memory;
mod memory_pressure;
pub(crate) mod message;
pub mod miner;
mod oom;
mod orphan;
pub mod reported;
mod rules;
mod service;
mod slope;
mod stale;
pub mod stream_anomaly;
mod trend;
mod zombie;

use hale_model::alert::{Finding, Subject};
use hale_model::config::{Config, DeclaredService};
use hale_model::health::{Health, Prediction};
use hale_model::snapshot::Snapshot;
use hale_model::traffic::SloState;

pub use alerts::{ACTED, AlertBook, AlertChange, NO_PROOF};
pub use health::health_of;
pub use memory::BrainMemory;
pub use rules::{RuleError, Rules};

use clock::Clock;
use detectors::View;
use judge::Judge;
use kin::Kin;
use memory::Learned;

/// What one turn concludes.
#[derive(Clone, Debug, PartialEq)]
pub struct Orientation {
    /// What is wrong now, worst first.
    pub findings: Vec<Finding>,
    /// What will be full, soonest first.
    pub predictions: Vec<Prediction>,
    /// How well the machine is, judged by these findings.
    pub health: Health,
    /// Where the promises about services stand.
    pub slos: Vec<SloState>,
}

/// Judges one machine, turn after turn.
pub struct Orient {
    judge: Judge,
    learned: Learned,
    boot_id: String,
    clock: Clock,
}

impl Orient {
    /// Starts with what an earlier run remembered; an empty memory for a first start.
    pub fn new(rules: Rules, memory: BrainMemory) -> Self {
        let memory = memory.if_readable();
        Orient {
            judge: Judge::new(rules, memory.held),
            learned: memory.learned,
            boot_id: memory.boot_id,
            clock: Clock::default(),
        }
    }

    /// Judges one snapshot. Durations are told by its boot time; a jump of the wall clock changes
    /// nothing. A first snapshot has no rates: what needs them starts with the second.
    pub fn turn(&mut self, snapshot: &Snapshot, config: &Config) -> Orientation {
        if snapshot.host.boot_id != self.boot_id {
            self.learned.trends.clear();
            self.judge.forget();
            self.boot_id.clone_from(&snapshot.host.boot_id);
        }
        let tick = self.clock.advance(snapshot, config);
        let kin = Kin::new(snapshot, config);
        let view = View { snapshot, config, tick, kin: &kin };
        filling::learn(&view, &mut self.learned);
        http::learn(&view, &mut self.learned);
        let mut findings = self.judge.turn(&view, &mut self.learned);
        findings.extend(reported::findings(snapshot, config.general.language));
        findings.sort_by_cached_key(|f| {
            (std::cmp::Reverse(f.severity), f.kind.clone(), f.subject.key())
        });
        for finding in &mut findings {
            if let Some(service) = declared(finding, snapshot, config) {
                finding.suggested_actions = service.commands();
            }
        }
        let predictions = filling::predictions(&view, &self.learned);
        let health = health::from_findings(snapshot, &findings, config);
        let slos = http::slo_states(&view, &self.learned);
        Orientation { findings, predictions, health, slos }
    }

    /// What to store, so that a restart goes on where this run stopped.
    pub fn memory(&self) -> BrainMemory {
        BrainMemory::new(self.boot_id.clone(), self.learned.clone(), self.judge.held())
    }
}

/// The declared service that a finding is about: systemd's own commands say nothing of it.
fn declared<'a>(
    finding: &Finding,
    snapshot: &Snapshot,
    config: &'a Config,
) -> Option<&'a DeclaredService> {
    let Subject::Unit { unit } = &finding.subject else { return None };
    snapshot.unit(unit).filter(|stat| stat.service_type == "declared")?;
    config.services.iter().find(|service| service.name == *unit)
}
