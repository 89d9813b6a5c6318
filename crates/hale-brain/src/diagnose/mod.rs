//! From alerts to a cause and a cure, and to words for people. No model is needed for any of it.
//!
//! [`correlate`] says which alerts are one trouble, [`diagnose`] which of them is the cause and what
//! to do about it. The rest says to people what is known: [`explain_process`], [`triage`],
//! [`postmortem`] and so on.

mod causes;
mod cleaning;
mod containers;
mod correlate;
mod culprit;
mod experience;
mod explain;
pub mod investigate;
mod judgement;
mod play;
mod postmortem;
mod programs;
mod remembered;
mod reported;
mod scope;
mod services;
mod steps;
mod treat;
mod triage;
mod workloads;
mod writers;

use hale_model::Timestamp;
use hale_model::action::{ActionRecord, Actor, Plan};
use hale_model::alert::{Alert, AlertState};
use hale_model::config::Config;
use hale_model::incident::{Diagnosis, DiagnosisSource, Incident};
use hale_model::lesson::Lesson;
use hale_model::playbook::{EscalationCall, PlaybookOrigin};
use hale_model::snapshot::Snapshot;
use hale_model::{EvidenceId, PlanId};

pub use causes::{ALL as CAUSES, Cause};
pub use correlate::{Correlation, correlate};
pub use explain::{explain_alert, explain_incident, explain_process};
pub use play::{Climbed, Plays, Tried, try_playbook};
pub use postmortem::postmortem;
pub use reported::{is_disproved, seen_well, to_ask};
pub use triage::triage;
pub(crate) use workloads::named as workload_named;

use crate::playbook::Ready;
use crate::remember;
use experience::{Chosen, NoCure};

/// A diagnosis cites at most this many observations, the lead's first.
const MAX_CITED: usize = 12;

/// However often a cure has worked, it proves the cause no better than this.
const CONFIDENCE_BY_LESSON_MAX: f64 = 0.95;

/// Everything that a diagnosis depends on.
#[derive(Clone, Debug)]
pub struct DiagnoseInput<'a> {
    /// The moment of the diagnosis.
    pub now: Timestamp,
    /// The incident.
    pub incident: &'a Incident,
    /// Its alerts.
    pub alerts: &'a [Alert],
    /// The newest observation.
    pub snapshot: &'a Snapshot,
    /// The configuration.
    pub config: &'a Config,
    /// What was learned.
    pub lessons: &'a [Lesson],
    /// What was done about this incident so far: what was tried in vain is not tried again.
    pub tried: &'a [ActionRecord],
    /// Playbooks, where hale goes by any.
    pub plays: Option<Plays<'a>>,
}

/// What hale thinks, and what it would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosed {
    /// The cause.
    pub diagnosis: Diagnosis,
    /// The cure, if one is known.
    pub plan: Option<Plan>,
    /// Why there is none, in words for a person.
    pub no_plan_because: Option<String>,
    /// Who is called now, where a playbook says so.
    pub call: Option<EscalationCall>,
    /// The record of the known cure, in words, if the plan is that: then nobody else needs to be
    /// asked for a diagnosis.
    pub seen_before: Option<String>,
}

/// Finds the cause among the alerts of an incident, and the cure that is aimed at it.
pub fn diagnose(input: &DiagnoseInput<'_>) -> Diagnosed {
    let alerts = from_cause_to_effect(input.alerts);
    let Some(lead) = alerts.first() else {
        return Diagnosed {
            // What was found once is not forgotten because there is nothing left to look at.
            diagnosis: input.incident.diagnosis.clone().unwrap_or_else(|| {
                judgement::unknown("Nothing is known about this incident by now.")
            }),
            plan: None,
            no_plan_because: Some("no alert of it is left to treat".to_owned()),
            call: None,
            seen_before: None,
        };
    };
    let mut diagnosis = judge(input, lead, &alerts);
    match experience::choose(input, &alerts, &diagnosis.cause_kind) {
        Ok(chosen) => {
            if let Some(lesson) = chosen.known {
                recognise(&mut diagnosis, lesson, input);
            }
            if let Some((ready, _)) = &chosen.play {
                go_by(&mut diagnosis, ready, chosen.alert, lead);
            }
            let seen_before = chosen.known.map(remember::seen_before);
            let plan = Some(plan(input, chosen));
            Diagnosed { diagnosis, plan, no_plan_because: None, call: None, seen_before }
        }
        Err(NoCure { why, call }) => Diagnosed {
            // What a playbook took to be the cause stays the cause when its ladder has ended.
            diagnosis: match &input.incident.diagnosis {
                Some(earlier) if call.is_some() => earlier.clone(),
                Some(_) | None => diagnosis,
            },
            plan: None,
            no_plan_because: Some(why),
            call,
            seen_before: None,
        },
    }
}

/// What a playbook takes to be the cause, where it treats the alert that is nearest to the cause.
fn go_by(diagnosis: &mut Diagnosis, ready: &Ready, alert: &Alert, lead: &Alert) {
    if alert.id != lead.id {
        return;
    }
    let said = &ready.playbook.diagnosis;
    let shipped = ready.origin == PlaybookOrigin::Shipped;
    // A person's own playbook is their word; one of hale's says no more than hale already found.
    if shipped && diagnosis.confidence >= said.confidence {
        return;
    }
    diagnosis.cause_kind.clone_from(&said.cause_kind);
    diagnosis.cause = ready.cause(alert);
    diagnosis.confidence = said.confidence;
    if let Some(prevention) = &said.prevention {
        diagnosis.prevention = Some(prevention.trim().to_owned());
    }
}

/// The trouble is one that was cured before: nobody else needs to be asked what it is.
fn recognise(diagnosis: &mut Diagnosis, lesson: &Lesson, input: &DiagnoseInput<'_>) {
    diagnosis.source = DiagnosisSource::Runbook;
    if lesson.cause_kind.as_ref() == Some(&diagnosis.cause_kind) {
        let reliability = remember::reliability(lesson, input.now, &input.config.autonomy);
        let confidence = diagnosis.confidence.max(reliability.min(CONFIDENCE_BY_LESSON_MAX));
        diagnosis.confidence = (confidence * 100.0).round() / 100.0;
    }
}

/// Open alerts (all, if none is open), the one nearest to the cause first.
fn from_cause_to_effect(alerts: &[Alert]) -> Vec<&Alert> {
    let mut sorted: Vec<&Alert> = alerts.iter().filter(|a| a.state != AlertState::Closed).collect();
    if sorted.is_empty() {
        sorted = alerts.iter().collect();
    }
    sorted.sort_by_key(|a| {
        (
            causes::depth(&a.kind),
            !services::is_the_suspect(a),
            std::cmp::Reverse(a.severity),
            a.first_seen_at,
            a.id.clone(),
        )
    });
    sorted
}

fn judge(input: &DiagnoseInput<'_>, lead: &Alert, alerts: &[&Alert]) -> Diagnosis {
    // What was found to be the cause stays the cause when only its effects are left.
    let earlier = input.incident.diagnosis.as_ref().filter(|d| {
        causes::depth_of_slug(&d.cause_kind).is_some_and(|d| d < causes::depth(&lead.kind))
    });
    // Nor is the cause known better for a service that nobody asks any more.
    let silent = lead.vars.get("silent_since").is_some_and(|since| !since.is_null());
    if let Some(earlier) = earlier.or(input.incident.diagnosis.as_ref().filter(|_| silent)) {
        return earlier.clone();
    }
    let judged = judgement::judge(input, lead, alerts);
    Diagnosis {
        cause_kind: judged.cause.slug.to_owned(),
        cause: judged.text,
        confidence: judgement::weigh(input, lead, alerts, judged.confidence),
        source: DiagnosisSource::Local,
        evidence: cite(alerts),
        prevention: Some(judged.cause.prevention.to_owned()),
    }
}

/// All of the lead's evidence, then the newest of each other alert.
fn cite(alerts: &[&Alert]) -> Vec<EvidenceId> {
    let lead = alerts.iter().take(1).flat_map(|a| a.evidence.iter());
    let others = alerts.iter().skip(1).filter_map(|a| a.evidence.last());
    let mut cited: Vec<EvidenceId> = Vec::new();
    for evidence in lead.chain(others) {
        if cited.len() < MAX_CITED && !cited.contains(&evidence.id) {
            cited.push(evidence.id.clone());
        }
    }
    cited
}

/// A moment for people: nobody reads nanoseconds.
fn second(at: hale_model::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn plan(input: &DiagnoseInput<'_>, chosen: Chosen<'_>) -> Plan {
    Plan {
        id: PlanId::of(&input.incident.id, input.now),
        incident_id: input.incident.id.clone(),
        alert_id: chosen.alert.id.clone(),
        alert_kind: chosen.alert.kind.clone(),
        machine_id: input.incident.machine_id.clone(),
        created_at: input.now,
        steps: chosen.steps,
        made_by: Actor::Hale,
        playbook: chosen.play.map(|(_, usage)| usage),
    }
}
