//! The report on one incident, as Markdown and without blame: impact, timeline, cause with its evidence,
//! what worked, what did not, follow-ups. It says what is not known as plainly as what is, and names no
//! person: who decided what is in the audit chain.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hale_model::action::{ActionRecord, ActionState, Actor, Undo};
use hale_model::alert::{Alert, AlertState};
use hale_model::incident::{Agent, DiagnosisSource, Incident, IncidentState, TimelineEntry};
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
    impact(&mut report, incident, alerts);
    story(&mut report, timeline);
    cause(&mut report, incident, alerts);
    worked(&mut report, incident, alerts, actions);
    did_not_work(&mut report, incident, actions);
    follow_ups(&mut report, incident, alerts, actions);
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

fn impact(report: &mut Report, incident: &Incident, alerts: &[Alert]) {
    report.heading("Impact");
    if alerts.is_empty() {
        report.line("No alert of it is on record.");
    }
    for alert in alerts {
        let until = alert.closed_at.unwrap_or(alert.last_seen_at);
        let lasted = if alert.state == AlertState::Closed { "lasted" } else { "has lasted" };
        report.item(&format!(
            "{}: {} ({}), since {}, {lasted} {}: {}",
            text(&alert.subject.to_string()),
            alert.kind,
            alert.severity,
            second(alert.first_seen_at),
            secs(alert.first_seen_at, until),
            text(&alert.summary)
        ));
    }
    let missing = incident.alerts.iter().filter(|id| !alerts.iter().any(|a| a.id == **id)).count();
    if missing > 0 && !alerts.is_empty() {
        report.item(&format!("{missing} more of its alerts are not on record any more."));
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

/// Whether the world was seen to be as the action should leave it.
fn is_proven(record: &ActionRecord) -> bool {
    record.state == ActionState::Succeeded
        && record.verification.as_ref().is_some_and(|seen| seen.verified)
}

fn worked(report: &mut Report, incident: &Incident, alerts: &[Alert], actions: &[ActionRecord]) {
    report.heading("What worked");
    let mut is_any = false;
    if let Some(first) = alerts.iter().map(|a| a.first_seen_at).min() {
        let sources: BTreeSet<&str> =
            alerts.iter().flat_map(|a| a.evidence.iter().map(|e| e.source.as_str())).collect();
        let by = match sources.into_iter().collect::<Vec<_>>().join(", ") {
            sources if sources.is_empty() => String::new(),
            sources => format!(" by {}", text(&sources)),
        };
        report.item(&format!("It was seen at {}{by}.", second(first)));
        is_any = true;
    }
    let cures: Vec<&ActionRecord> = actions.iter().filter(|r| is_proven(r)).collect();
    if let (Some(closed), false) = (incident.closed_at, cures.is_empty()) {
        let took = secs(incident.opened_at, closed);
        report.item(&format!("{took} from its beginning to the verified end."));
    }
    for record in &cures {
        report.line("");
        action(report, record);
    }
    if cures.is_empty() {
        if is_any {
            report.line("");
        }
        report.line("Nothing that was done is proven to have helped.");
    }
}

fn did_not_work(report: &mut Report, incident: &Incident, actions: &[ActionRecord]) {
    report.heading("What did not");
    let failed: Vec<&ActionRecord> = actions.iter().filter(|r| !is_proven(r)).collect();
    let mut items = Vec::new();
    match &incident.diagnosis {
        None => items.push("The cause was not found.".to_owned()),
        Some(d) if d.confidence < 0.5 => {
            items.push(format!("The cause is a guess: {:.0} % sure.", 100.0 * d.confidence));
        }
        Some(_) => {}
    }
    if incident.state == IncidentState::Escalated {
        items
            .push("hale could not, or was not allowed to, end it: it is with a person.".to_owned());
    }
    items.iter().for_each(|item| report.item(item));
    for (at, record) in failed.iter().enumerate() {
        if at > 0 || !items.is_empty() {
            report.line("");
        }
        action(report, record);
    }
    if items.is_empty() && failed.is_empty() {
        report.line("Nothing that is on record.");
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
        Actor::Hale => "hale",
        Actor::Model => "a language model",
        Actor::User { .. } | Actor::Chat { .. } | Actor::Token { .. } | Actor::Browser => {
            "a person"
        }
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
        if let Undo::None { why } = &outcome.undo {
            report.item(&format!("Cannot be undone: {}", text(why)));
        } else {
            report.item(&format!("Undo: {}", text(&outcome.undo.describe())));
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

fn follow_ups(
    report: &mut Report,
    incident: &Incident,
    alerts: &[Alert],
    actions: &[ActionRecord],
) {
    report.heading("Follow-ups");
    let mut items = Vec::new();
    if incident.state == IncidentState::Escalated {
        items.push("a person has to take over".to_owned());
    }
    for alert in alerts.iter().filter(|a| a.state != AlertState::Closed) {
        items.push(format!("{} is still open: {}", alert.kind, text(&alert.summary)));
    }
    items.extend(actions.iter().filter_map(follow_up));
    if let Some(prevention) = incident.diagnosis.as_ref().and_then(|d| d.prevention.as_ref()) {
        items.push(text(prevention));
    }
    let undone = |record: &&ActionRecord| {
        record.state == ActionState::Undone
            && record.verification.as_ref().is_some_and(|seen| seen.verified)
    };
    let undone: Vec<&ActionRecord> = actions.iter().filter(undone).collect();
    items.extend(undone.iter().map(|record| {
        let (kind, target) = (record.step.action.kind(), text(&record.step.action.target()));
        format!("{kind} {target} cured it and was put back since: the trouble may come back")
    }));
    let cured = !undone.is_empty() || actions.iter().any(is_proven);
    if incident.state == IncidentState::Resolved && !cured {
        items.push("it ended without a cure by hale: whatever caused it may come back".to_owned());
    }
    if incident.diagnosis.is_none() {
        let id = &incident.id;
        items.push(format!(
            "find the cause, and write it down: {}",
            code(&format!("hale incidents note {id} TEXT"))
        ));
    }
    if items.is_empty() {
        report.line("None: nothing is open, and no way to prevent it is known.");
    }
    items.iter().for_each(|item| report.item(&format!("[ ] {item}")));
}

fn follow_up(record: &ActionRecord) -> Option<String> {
    let (kind, target) = (record.step.action.kind(), text(&record.step.action.target()));
    match record.state {
        ActionState::AwaitingApproval => Some(format!("{kind} {target} waits for a person")),
        ActionState::Unknown => {
            Some(format!("whether {kind} {target} was done is not known: look"))
        }
        ActionState::Failed => Some(format!("find out why {kind} {target} failed")),
        ActionState::Planned
        | ActionState::Refused
        | ActionState::Intended
        | ActionState::Running
        | ActionState::Succeeded
        | ActionState::Undone => None,
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
            text(&nameless(entry))
        ));
    }
}

/// What was said, without who said it: lines about what a person did begin with who they are.
fn nameless(entry: &TimelineEntry) -> String {
    const DEEDS: [&str; 5] = ["ack", "close", "approve", "reject", "undone"];
    let is_deed = entry.agent == Agent::Person && DEEDS.contains(&entry.kind.as_str());
    match entry.text.split_once(' ') {
        Some((_, rest)) if is_deed => format!("a person {rest}"),
        Some(_) | None => entry.text.clone(),
    }
}
