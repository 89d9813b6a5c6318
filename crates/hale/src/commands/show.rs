//! How alerts, actions, incidents and approvals look, wherever they are shown.

use hale_model::Timestamp;
use hale_model::alert::Severity;
use hale_model::text::{self, printable};
use hale_model::view::{ActionView, AlertView, ApprovalView, IncidentView};

use crate::exit::Exit;
use crate::screen::{
    ALARM, BOLD, CYAN, Cell, Columns, DIM, GREEN, PLAIN, RED, YELLOW, ago, cell, local, paint,
    secs_between, severity_style, styled, width, wrap,
};

/// Further away than this means: until someone resumes.
const FOR_GOOD_SECS: u64 = 10 * 365 * 86_400;

/// `until 2026-01-27 01:00:00` or `until \`hale resume\``
pub fn pause_end(until: Timestamp) -> String {
    if secs_between(Timestamp::now(), until) > FOR_GOOD_SECS {
        "until `hale resume`".to_owned()
    } else {
        format!("until {}", local(until))
    }
}

/// The exit code that an action's end means.
pub fn action_exit(action: &ActionView) -> Exit {
    match action.state.as_str() {
        "succeeded" | "undone" | "planned" | "intended" | "running" => Exit::Done,
        "refused" => Exit::Refused,
        "awaiting_approval" => Exit::NeedsApproval,
        _ => Exit::Failed,
    }
}

pub fn severity_cell(severity: Severity) -> Cell {
    styled(severity.as_str(), severity_style(severity))
}

fn state_style(state: &str) -> anstyle::Style {
    match state {
        "succeeded" | "resolved" | "approved" | "used" | "closed" => GREEN,
        "failed" | "unknown" | "escalated" => ALARM,
        "refused" | "rejected" | "undone" => RED,
        "awaiting_approval" | "pending" | "running" | "acting" | "verifying" => YELLOW,
        _ => PLAIN,
    }
}

/// A list of alerts.
pub fn alerts(alerts: &[AlertView]) -> String {
    if alerts.is_empty() {
        return "No alerts.".to_owned();
    }
    let mut columns = Columns::new(&["ID", "SEVERITY", "STATE", "SINCE", "KIND", "SUMMARY"], &[]);
    for alert in alerts {
        columns.row([
            cell(&alert.id),
            severity_cell(alert.severity),
            cell(&alert.state),
            cell(ago(alert.first_seen_at)),
            cell(&alert.kind),
            cell(&alert.summary),
        ]);
    }
    columns.render(width())
}

/// One alert in full.
pub fn alert(alert: &AlertView) -> String {
    let mut out = title(&alert.summary, alert.severity);
    let mut facts = Facts::default();
    let mut fact = |name: &str, value: String| facts.add(name, &value);
    fact("id", alert.id.clone());
    fact("kind", alert.kind.clone());
    fact("about", alert.subject.clone());
    fact("machine", alert.machine_id.to_string());
    fact("state", alert.state.clone());
    fact("since", format!("{} ({})", local(alert.first_seen_at), ago(alert.first_seen_at)));
    fact("last seen", format!("{} ({})", local(alert.last_seen_at), ago(alert.last_seen_at)));
    if let Some(closed) = alert.closed_at {
        let why = alert.close_reason.as_deref().unwrap_or("no reason given");
        fact("closed", format!("{}: {why}", local(closed)));
    }
    if let Some(incident) = &alert.incident_id {
        fact("incident", incident.clone());
    }
    out.push_str(&facts.render());
    if !alert.evidence.is_empty() {
        out.push_str(&format!("\n{}\n", paint(BOLD, "Evidence")));
        let mut evidence = Columns::new(&[], &[]).indent(2);
        for item in &alert.evidence {
            evidence.row([
                styled(item.id.as_str(), DIM),
                cell(local(item.observed_at)),
                cell(item.source.as_str()),
                cell(&item.text),
            ]);
        }
        out.push_str(&evidence.render(width()));
    }
    // Of what is over, the pids may be others' by now.
    if !alert.suggested_actions.is_empty() && alert.closed_at.is_none() {
        out.push_str(&format!("\n{}\n", paint(BOLD, "What may help")));
        for command in &alert.suggested_actions {
            out.push_str(&format!("  {}\n", paint(CYAN, &printable(command))));
        }
    }
    out
}

fn title(text: &str, severity: Severity) -> String {
    format!(
        "{} {}\n",
        paint(severity_style(severity), &severity.as_str().to_uppercase()),
        paint(BOLD, &printable(text))
    )
}

/// A list of incidents.
pub fn incidents(incidents: &[IncidentView]) -> String {
    if incidents.is_empty() {
        return "No incidents.".to_owned();
    }
    let mut columns = Columns::new(&["ID", "SEVERITY", "STATE", "OPENED", "LASTED", "TITLE"], &[]);
    for incident in incidents {
        columns.row([
            cell(&incident.id),
            severity_cell(incident.severity),
            styled(&incident.state, state_style(&incident.state)),
            cell(local(incident.opened_at)),
            cell(lasted(incident)),
            cell(&incident.title),
        ]);
    }
    columns.render(width())
}

fn lasted(incident: &IncidentView) -> String {
    let end = incident.closed_at.unwrap_or_else(Timestamp::now);
    text::duration(secs_between(incident.opened_at, end))
}

/// One incident in full.
pub fn incident(incident: &IncidentView) -> String {
    let mut out = title(&incident.title, incident.severity);
    let mut facts = Facts::default();
    let mut fact = |name: &str, value: String| facts.add(name, &value);
    fact("id", incident.id.clone());
    fact("state", incident.state.clone());
    fact("machine", incident.machine_id.to_string());
    fact("opened", format!("{} ({})", local(incident.opened_at), ago(incident.opened_at)));
    if let Some(closed) = incident.closed_at {
        fact("closed", format!("{}, after {}", local(closed), lasted(incident)));
    }
    fact("alerts", incident.alerts.join(" "));
    out.push_str(&facts.render());
    if let Some(diagnosis) = &incident.diagnosis {
        let confidence = format!("{:.0} % sure", diagnosis.confidence * 100.0);
        out.push_str(&format!("\n{} {}\n", paint(BOLD, "Cause"), paint(DIM, &confidence)));
        push_wrapped(&mut out, &diagnosis.cause, 2);
        if let Some(prevention) = &diagnosis.prevention {
            push_wrapped(&mut out, &format!("To keep it from happening again: {prevention}"), 2);
        }
    }
    for action in &incident.actions {
        out.push('\n');
        out.push_str(&self::action(action));
    }
    out.push_str(&format!("\n{}\n{}", paint(BOLD, "Story"), story(incident)));
    out
}

/// The timeline, one line an entry.
pub fn story(incident: &IncidentView) -> String {
    let mut out = String::new();
    for entry in &incident.timeline {
        let lines = wrap(&entry.text, width().saturating_sub(30));
        for (index, line) in lines.iter().enumerate() {
            let (when, who) = if index == 0 {
                (local(entry.ts), entry.agent.as_str())
            } else {
                (String::new(), "")
            };
            out.push_str(&format!("  {} {who:<7} {line}\n", paint(DIM, &format!("{when:<19}"))));
        }
    }
    out
}

fn push_wrapped(out: &mut String, text: &str, indent: usize) {
    for line in wrap(text, width().saturating_sub(indent)) {
        out.push_str(&format!("{:indent$}{line}\n", ""));
    }
}

/// One action in full.
pub fn action(action: &ActionView) -> String {
    let mut facts = Facts::default();
    action_facts(&mut facts, action);
    format!("{}{}", action_title(action), facts.render())
}

fn action_title(action: &ActionView) -> String {
    format!(
        "{} {}  {}\n",
        paint(BOLD, &printable(&action.kind)),
        printable(&action.target),
        paint(state_style(&action.state), &action.state.replace('_', " "))
    )
}

fn action_facts(facts: &mut Facts, action: &ActionView) {
    facts.add("id", &action.id);
    facts.add("risk", &format!("{}, verdict {}", action.risk, action.verdict));
    facts.add_all("because", &action.reasons);
    if !action.why.is_empty() {
        facts.add("why", &action.why);
    }
    if let Some(detail) = &action.detail {
        facts.add("did", detail);
    }
    facts.add_all("seen", &action.observations);
    if let Some(undo) = &action.undo {
        facts.add("undo", undo);
    }
}

/// Names and values, wrapped.
#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl Facts {
    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Several values under one name.
    fn add_all(&mut self, name: &str, values: &[String]) {
        for (index, value) in values.iter().enumerate() {
            self.add(if index == 0 { name } else { "" }, value);
        }
    }

    fn render(&self) -> String {
        let names = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut out = String::new();
        for (name, value) in &self.0 {
            for (index, line) in wrap(value, width().saturating_sub(names + 4)).iter().enumerate() {
                let name = if index == 0 { name.as_str() } else { "" };
                out.push_str(&format!("  {}  {line}\n", paint(DIM, &format!("{name:<names$}"))));
            }
        }
        out
    }
}

/// A list of approvals.
pub fn approvals(approvals: &[ApprovalView]) -> String {
    if approvals.is_empty() {
        return "Nothing waits for you.".to_owned();
    }
    let mut columns = Columns::new(&["ID", "STATE", "RISK", "LAPSES", "ACTION", "TARGET"], &[]);
    for approval in approvals {
        let left = secs_between(Timestamp::now(), approval.expires_at);
        let lapses = match (approval.state.as_str(), left) {
            ("pending", 0) => "now".to_owned(),
            ("pending", left) => format!("in {}", text::duration(left)),
            _ => "–".to_owned(),
        };
        columns.row([
            cell(&approval.id),
            styled(&approval.state, state_style(&approval.state)),
            cell(approval.verdict.risk.as_str()),
            cell(lapses),
            cell(&approval.action.kind),
            cell(&approval.action.target),
        ]);
    }
    columns.render(width())
}

/// One approval in full.
pub fn approval(approval: &ApprovalView) -> String {
    let mut facts = Facts::default();
    facts.add("approval", &format!("{} {}", approval.id, approval.state));
    facts.add("asked", &local(approval.created_at));
    facts.add("lapses", &local(approval.expires_at));
    if let Some(incident) = &approval.incident_id {
        facts.add("incident", incident);
    }
    if let Some(who) = &approval.decided_by {
        let why = approval.why.as_deref().map_or(String::new(), |why| format!(": {why}"));
        facts.add("decided", &format!("by {who}{why}"));
    }
    // A proposal that hale carries out itself (restart a service…) has no command line.
    if !approval.action.command.is_empty() {
        facts.add("command", &approval.action.command);
    }
    action_facts(&mut facts, &approval.action);
    let mut out = format!("{}{}", action_title(&approval.action), facts.render());
    if approval.state == "pending" {
        let id = printable(&approval.id);
        out.push_str(&format!(
            "\n  {}   {}\n",
            paint(CYAN, &format!("hale approve {id}")),
            paint(CYAN, &format!("hale reject {id} --why …"))
        ));
    }
    out
}
