//! What to look at first.

use hale_model::action::{ActionRecord, Approval, ApprovalState};
use hale_model::alert::{Alert, AlertState, Severity};
use hale_model::health::Health;
use hale_model::incident::{Incident, IncidentState};
use hale_model::view::{TriageItem, TriageView};

/// Commands of one item.
const MAX_COMMANDS: usize = 5;

/// A factor of health with a lower score than this is worth a line of its own.
const WEAK_SCORE: f64 = 0.5;

/// Of equal severity, what waits for a person comes before what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waits {
    ForAnAnswer,
    ForAPerson,
    Open,
    BeingTreated,
    Weakness,
}

struct Ranked {
    severity: Severity,
    waits: Waits,
    key: String,
    what: String,
    why: String,
    commands: Vec<String>,
}

/// Everything that needs somebody, most urgent first: questions that wait for an answer, incidents
/// that hale cannot cure, open trouble, weak spots.
pub fn triage(
    alerts: &[Alert],
    incidents: &[Incident],
    approvals: &[(Approval, ActionRecord)],
    health: &Health,
) -> TriageView {
    let mut ranked: Vec<Ranked> = Vec::new();
    let pending = approvals.iter().filter(|(a, _)| a.state == ApprovalState::Pending);
    ranked.extend(pending.map(|(approval, record)| question(approval, record, incidents)));
    let open = incidents.iter().filter(|i| i.state != IncidentState::Resolved);
    ranked.extend(open.map(|incident| trouble(incident, alerts)));
    let known: Vec<&Incident> =
        incidents.iter().filter(|i| i.state != IncidentState::Resolved).collect();
    let single = alerts
        .iter()
        .filter(|a| a.state != AlertState::Closed)
        .filter(|a| !known.iter().any(|i| belongs(a, i)));
    ranked.extend(single.map(lone_alert));
    ranked.extend(weaknesses(health, ranked.is_empty()));
    ranked.sort_by(|a, b| (b.severity, a.waits, &a.key).cmp(&(a.severity, b.waits, &b.key)));
    let items = ranked
        .into_iter()
        .zip(1..)
        .map(|(r, rank)| TriageItem {
            rank,
            severity: r.severity,
            what: r.what,
            why: r.why,
            commands: r.commands.into_iter().take(MAX_COMMANDS).collect(),
        })
        .collect();
    TriageView { items }
}

fn belongs(alert: &Alert, incident: &Incident) -> bool {
    alert.incident_id.as_ref() == Some(&incident.id) || incident.alerts.contains(&alert.id)
}

fn question(approval: &Approval, record: &ActionRecord, incidents: &[Incident]) -> Ranked {
    let incident = incidents.iter().find(|i| record.incident_id.as_ref() == Some(&i.id));
    let action = &record.step.action;
    Ranked {
        severity: incident.map_or(Severity::Medium, |i| i.severity),
        waits: Waits::ForAnAnswer,
        key: approval.id.to_string(),
        what: format!(
            "{} {} waits for your yes ({} risk)",
            action.kind(),
            action.target(),
            record.verdict.risk
        ),
        why: record.step.why.clone(),
        commands: vec![
            format!("hale approvals show {}", approval.id),
            format!("hale approve {}", approval.id),
            format!("hale reject {}", approval.id),
        ],
    }
}

fn trouble(incident: &Incident, alerts: &[Alert]) -> Ranked {
    let waits = match incident.state {
        IncidentState::Escalated => Waits::ForAPerson,
        IncidentState::Open
        | IncidentState::Diagnosing
        | IncidentState::AwaitingApproval
        | IncidentState::Resolved => Waits::Open,
        IncidentState::Acting | IncidentState::Verifying => Waits::BeingTreated,
    };
    let mut commands = vec![format!("hale incidents show {}", incident.id)];
    let own = alerts.iter().filter(|a| belongs(a, incident) && a.state != AlertState::Closed);
    for command in own.flat_map(|a| a.suggested_actions.iter()) {
        if !commands.contains(command) {
            commands.push(command.clone());
        }
    }
    Ranked {
        severity: incident.severity,
        waits,
        key: incident.id.to_string(),
        what: format!("{} ({})", incident.title, incident.state),
        why: match &incident.diagnosis {
            Some(d) => format!("{} ({:.0} % sure)", d.cause, 100.0 * d.confidence),
            None => "its cause is not known yet".to_owned(),
        },
        commands,
    }
}

fn lone_alert(alert: &Alert) -> Ranked {
    let mut commands = alert.suggested_actions.clone();
    commands.push(format!("hale explain {}", alert.id));
    if alert.state == AlertState::Open {
        commands.push(format!("hale alerts ack {}", alert.id));
    }
    Ranked {
        severity: alert.severity,
        waits: Waits::Open,
        key: alert.id.to_string(),
        what: format!("{}: {}", alert.kind, alert.summary),
        why: alert.evidence.first().map_or_else(String::new, |e| e.text.clone()),
        commands,
    }
}

/// What health counts as weak. What alerts say already is not said twice: with any of them only
/// blind spots are listed.
fn weaknesses(health: &Health, nothing_else: bool) -> Vec<Ranked> {
    health
        .factors
        .iter()
        .filter(|f| f.score < WEAK_SCORE && (nothing_else || f.id == "sources"))
        .map(|f| Ranked {
            severity: f.severity,
            waits: Waits::Weakness,
            key: f.id.clone(),
            what: format!("{} is weak ({:.2} of 1)", f.id, f.score),
            why: f.why.clone(),
            commands: vec![
                if f.id == "sources" { "hale doctor" } else { "hale status" }.to_owned(),
            ],
        })
        .collect()
}
