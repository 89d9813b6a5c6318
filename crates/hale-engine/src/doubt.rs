//! Reports that hale checks before it believes them: what they are about is asked whether it is well, and
//! where all that could say so says yes, nothing is done to it. It is watched for a while instead. What was
//! reported to have ended and ran on all the time is over then; else a person has the word.

use hale_brain::diagnose;
use hale_model::IncidentId;
use hale_model::alert::{Alert, AlertState};
use hale_model::container::ProbeTarget;
use hale_model::incident::Agent;
use hale_model::snapshot::Snapshot;

use crate::core::Core;

/// Turns that a case waits for an answer; after them it is judged without.
const WAIT_TURNS_MAX: u32 = 4;
/// Addresses that one case has asked.
const ASKED_MAX: usize = 8;
/// What is seen well is asked again and again for so long.
const WATCH_SECS: u64 = 60;

/// How far a case has looked for itself.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    /// What is to be asked in the next look.
    asking: Vec<ProbeTarget>,
    waited_turns: u32,
    waits: bool,
    /// Since when what is reported is seen well, while that is watched.
    watched_since_ns: Option<u64>,
    /// Whether what is reported was seen well in the newest diagnosis.
    pub(crate) doubted: bool,
}

impl Core {
    /// What cases ask in the next look.
    pub(crate) fn asked_in_doubt(&self) -> impl Iterator<Item = ProbeTarget> {
        self.cases.values().flat_map(|case| case.doubt.asking.iter().cloned())
    }

    /// Whether a case waits for an answer.
    pub(crate) fn looks_for_itself(&self) -> bool {
        self.cases.values().any(|case| case.doubt.waits)
    }

    /// Whether the case has to wait until what its reports are about was asked.
    pub(crate) fn looks_first(&mut self, id: &IncidentId, snapshot: &Snapshot) -> bool {
        let Some(case) = self.cases.get(id) else { return false };
        let open: Vec<Alert> =
            self.alerts_of(case).into_iter().filter(|a| a.state != AlertState::Closed).collect();
        let config = &self.settings.config;
        let asked = open.iter().filter_map(|alert| diagnose::to_ask(snapshot, config, alert));
        let targets: Vec<ProbeTarget> = asked.take(ASKED_MAX).collect();
        let answered = targets.iter().all(|target| snapshot.probe(target).is_some());
        let all: Vec<&Alert> = open.iter().collect();
        let well =
            open.iter().any(|alert| diagnose::seen_well(snapshot, config, alert, &all).is_some());
        let Some(case) = self.cases.get_mut(id) else { return false };
        let doubt = &mut case.doubt;
        if case.needs_diagnosis {
            let waits = !answered && doubt.waited_turns < WAIT_TURNS_MAX;
            doubt.waited_turns = if waits { doubt.waited_turns + 1 } else { 0 };
            doubt.waits = waits;
            doubt.doubted = well && !waits;
            doubt.watched_since_ns = doubt.doubted.then_some(snapshot.boottime_ns);
            doubt.asking = if waits || doubt.doubted { targets } else { Vec::new() };
            return waits;
        }
        doubt.waits = false;
        let Some(since) = doubt.watched_since_ns else { return false };
        if answered && !well {
            // Ill by now, or seen by hale itself: judged anew in this very turn.
            *doubt = Doubt::default();
            case.needs_diagnosis = true;
        } else if snapshot.boottime_ns.saturating_sub(since) >= WATCH_SECS * 1_000_000_000 {
            doubt.watched_since_ns = None;
            doubt.asking.clear();
            let config = &self.settings.config;
            let disproved = |alert: &&Alert| diagnose::is_disproved(snapshot, config, alert, &all);
            let disproved: Vec<Alert> = open.iter().filter(disproved).cloned().collect();
            let text = format!("watched for {WATCH_SECS} s: it stayed well, though it is reported");
            self.think(id, Agent::Scout, "watched", text.clone());
            for alert in disproved {
                self.close_reported(&alert, &text);
            }
        }
        false
    }
}
