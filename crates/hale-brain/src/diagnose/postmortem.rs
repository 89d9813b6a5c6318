//! The report on one incident, as Markdown: what happened, what it did, why, what was done, what
//! proves it, and what is left. It says what is not known as plainly as what is.

use std::fmt::Write as _;

use hale_model::action::{ActionRecord, ActionState, Actor, Undo};
use hale_model::alert::{Alert, AlertState};
use hale_model::incident::{DiagnosisSource, Incident, IncidentState, TimelineEntry};
use hale_model::text::{duration, printable};

use super::second;

/// Writes the report.
pub fn postmortem(
    incident: &Incident,
    alerts: &[Alert],
    actions: &[ActionRecord],
    timeline: &[TimelineEntry],
) -> String {
    let mut report = Report::default();
    report.line(&format!("# {}", text(&incident.title)));
    report.line("");
    head(&mut report, incident);
    what_happened(&mut report, incident, alerts);
    impact(&mut report, alerts);
    cause(&mut report, incident, alerts);
    done(&mut report, actions);
    left(&mut report, incident, alerts, actions);
    prevention(&mut report, incident);
    story(&mut report, timeline);
    report.0
}

#[derive(Default)]
struct Report(String);

impl Report {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let _ = write!(self.0, "\n## {heading}\n\n");
    }

    fn item(&mut self, item: &str) {
        let _ = writeln!(self.0, "- {item}");
    }
}

/// Text from outside, in one line and without a meaning of its own in Markdown.
fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '#') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// A command as code; a backtick in it would end the code.
fn code(command: &str) -> String {
    let fence = if command.contains('`') { "``" } else { "`" };
    let pad = if fence.len() > 1 { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", printable(command))
}

fn secs(from: jiff::Timestamp, to: jiff::Timestamp) -> String {
    duration(u64::try_from(to.as_second() - from.as_second()).unwrap_or(0))
}

fn head(report: &mut Report, incident: &Incident) {
    report.item(&format!("Incident: {} on {}", incident.id, text(incident.machine_id.as_str())));
    report.item(&format!("Severity: {}", incident.severity));
    report.item(&format!("State: {}", incident.state));
    report.item(&format!("Began: {}", second(incident.opened_at)));
    match incident.closed_at {
        Some(at) => {
            report.item(&format!("Ended: {}, after {}", second(at), secs(incident.opened_at, at)))
        }
        None => report.item("Ended: not yet"),
    }
    if !incident.external_ids.is_empty() {
        report.item(&format!("Known elsewhere as: {}", text(&incident.external_ids.join(", "))));
    }
}

fn what_happened(report: &mut Report, incident: &Incident, alerts: &[Alert]) {
    report.heading("What happened");
    if alerts.is_empty() {
        report.line("No alert of it is on record.");
    }
    for alert in alerts {
        report.item(&format!(
            "{} {} ({}): {}",
            second(alert.first_seen_at),
            alert.kind,
            alert.severity,
            text(&alert.summary)
        ));
    }
    let missing = incident.alerts.iter().filter(|id| !alerts.iter().any(|a| a.id == **id)).count();
    if missing > 0 && !alerts.is_empty() {
        report.item(&format!("{missing} more of its alerts are not on record any more."));
    }
}

fn impact(report: &mut Report, alerts: &[Alert]) {
    report.heading("Impact");
    for alert in alerts {
        let until = alert.closed_at.unwrap_or(alert.last_seen_at);
        let open = if alert.state == AlertState::Closed { "lasted" } else { "has lasted" };
        report.item(&format!(
            "{}: {open} {}",
            text(&alert.subject.to_string()),
            secs(alert.first_seen_at, until)
        ));
    }
    report.line("\nWhat users of this machine noticed of it hale cannot see.");
}

fn cause(report: &mut Report, incident: &Incident, alerts: &[Alert]) {
    report.heading("Cause");
    let Some(diagnosis) = &incident.diagnosis else {
        report.line("Not known: no diagnosis was made.");
        return;
    };
    report.line(&text(&diagnosis.cause));
    let by = match diagnosis.source {
        DiagnosisSource::Local => "rules and correlation",
        DiagnosisSource::Runbook => "a lesson learned here",
        DiagnosisSource::Model => "a language model",
    };
    report.line(&format!(
        "\n{} — {:.0} % sure, by {by}. It rests on:\n",
        code(&diagnosis.cause_kind),
        100.0 * diagnosis.confidence
    ));
    if diagnosis.evidence.is_empty() {
        report.item("no observation: this is a guess");
    }
    for id in &diagnosis.evidence {
        let found = alerts.iter().flat_map(|a| a.evidence.iter()).find(|e| e.id == *id);
        match found {
            Some(e) => {
                let at = second(e.observed_at);
                report.item(&format!("{at} {} ({id}): {}", e.source, text(&e.text)));
            }
            // The alert has newer evidence by now; the id still names the observation.
            None => report.item(&format!("{id} (an earlier observation)")),
        }
    }
}

fn done(report: &mut Report, actions: &[ActionRecord]) {
    report.heading("What was done");
    if actions.is_empty() {
        report.line("Nothing.");
    }
    for (at, record) in actions.iter().enumerate() {
        if at > 0 {
            report.line("");
        }
        action(report, record);
    }
}

fn action(report: &mut Report, record: &ActionRecord) {
    let what = &record.step.action;
    report.line(&format!(
        "### {} {} — {}\n",
        what.kind(),
        text(&what.target()),
        record.state.as_str()
    ));
    let by = match &record.requested_by {
        Actor::Hale => "hale".to_owned(),
        Actor::Model => "a language model".to_owned(),
        Actor::User { uid } => format!("user {uid}"),
        Actor::Chat { channel, user } => format!("{} in {}", text(user), text(channel)),
        Actor::Token { name } => format!("the holder of the token {}", text(name)),
        Actor::Browser => "the person at the dashboard".to_owned(),
    };
    report.item(&format!(
        "Wanted by {by} at {}: {}",
        second(record.created_at),
        text(&record.step.why)
    ));
    report.item(&format!("As a command: {}", code(&record.step.command)));
    let verdict = &record.verdict;
    let because = verdict
        .reasons
        .first()
        .map_or_else(String::new, |r| format!(" ({}: {})", code(&r.rule), text(&r.text)));
    report.item(&format!("Guard: {}, {} risk{because}", verdict.decision.as_str(), verdict.risk));
    if let Some(outcome) = &record.outcome {
        report.item(&format!("Outcome: {}", text(&outcome.detail)));
        match &outcome.undo {
            Undo::None { why } => report.item(&format!("Cannot be undone: {}", text(why))),
            Undo::Continue { .. }
            | Undo::Renice { .. }
            | Undo::StartUnit { .. }
            | Undo::StopUnit { .. }
            | Undo::StartContainer { .. }
            | Undo::StopContainer { .. }
            | Undo::ContainerMemory { .. }
            | Undo::RestoreFiles { .. } => {
                report.item(&format!("Undo: {}", text(&outcome.undo.describe())));
            }
        }
    }
    match &record.verification {
        Some(seen) => {
            let verdict = if seen.verified { "Proof" } else { "Not proven" };
            report.item(&format!(
                "{verdict}, {}: {}",
                second(seen.decided_at),
                text(&seen.observations.join("; "))
            ));
        }
        None if record.intended_at.is_some() => {
            report.item("Proof: none, its effect was not watched to the end")
        }
        None => report.item("It was not tried"),
    }
    if let Some(note) = &record.note {
        report.item(&format!("Note: {}", text(note)));
    }
}

fn left(report: &mut Report, incident: &Incident, alerts: &[Alert], actions: &[ActionRecord]) {
    report.heading("What is left");
    let mut anything = false;
    let mut item = |line: String| {
        report.item(&line);
        anything = true;
    };
    for alert in alerts.iter().filter(|a| a.state != AlertState::Closed) {
        item(format!("{} is still open: {}", alert.kind, text(&alert.summary)));
    }
    for record in actions {
        let target = text(&record.step.action.target());
        match record.state {
            ActionState::AwaitingApproval => {
                item(format!("{} {target} waits for a person", record.step.action.kind()))
            }
            ActionState::Unknown => item(format!(
                "whether {} {target} was done is not known: look",
                record.step.action.kind()
            )),
            ActionState::Failed => item(format!("{} {target} failed", record.step.action.kind())),
            ActionState::Planned
            | ActionState::Refused
            | ActionState::Intended
            | ActionState::Running
            | ActionState::Succeeded
            | ActionState::Undone => {}
        }
    }
    let proven = actions.iter().any(|a| a.verification.as_ref().is_some_and(|v| v.verified));
    if incident.state == IncidentState::Escalated {
        item("a person has to take over".to_owned());
    } else if incident.state == IncidentState::Resolved && !proven {
        item("it ended without a cure by hale: whatever caused it may come back".to_owned());
    }
    if !anything {
        report.line("Nothing is open.");
    }
}

fn prevention(report: &mut Report, incident: &Incident) {
    report.heading("Prevention");
    match incident.diagnosis.as_ref().and_then(|d| d.prevention.as_ref()) {
        Some(prevention) => report.line(&text(prevention)),
        None => report.line("None is known."),
    }
}

fn story(report: &mut Report, timeline: &[TimelineEntry]) {
    report.heading("Timeline");
    if timeline.is_empty() {
        report.line("Nothing was written down.");
    }
    for entry in timeline {
        report.item(&format!(
            "{} {} ({}): {}",
            second(entry.ts),
            entry.agent.as_str(),
            text(&entry.kind),
            text(&entry.text)
        ));
    }
}
