//! What something is, why it runs or fired, and what to do: for people.

use hale_model::action::ActionRecord;
use hale_model::alert::{Alert, AlertState, Subject};
use hale_model::incident::{Incident, IncidentState};
use hale_model::sample::ParentKnownBy;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::{bytes, duration, printable, shorten};
use hale_model::view::Explanation;

use crate::decide::names::{is_orphan, service_of};
use crate::decide::registry::is_interactive_session;

use super::programs::purpose;
use super::second;
use super::steps::shell_word;

/// Ancestors that are shown.
const MAX_ANCESTORS: usize = 16;
const MAX_COMMAND_BYTES: usize = 300;

/// What a process is; none if no process has this pid.
pub fn explain_process(snapshot: &Snapshot, pid: i32, alerts: &[Alert]) -> Option<Explanation> {
    let process = snapshot.process(pid)?;
    let known = purpose(&process.info);
    let fired: Vec<&Alert> = alerts
        .iter()
        .filter(|a| a.state != AlertState::Closed)
        .filter(|a| a.subject.processes().iter().any(|p| process.is(p)))
        .collect();
    let mut why = vec![started_by(process, snapshot)];
    why.extend(fired.iter().map(|a| format!("{}: {}", a.kind, a.summary)));
    if fired.is_empty() {
        why.push(usual(process));
    }
    let (advice, commands) = process_advice(process, snapshot, &fired);
    Some(Explanation {
        subject: process.proc_ref().to_string(),
        what: what_is(process, known),
        why,
        facts: process_facts(process, snapshot),
        advice,
        commands,
        confidence: if known.is_some() { 0.9 } else { 0.6 },
    })
}

fn what_is(process: &Process, known: Option<&str>) -> String {
    let command = shorten(&printable(&process.command()), MAX_COMMAND_BYTES);
    if process.is_zombie() {
        return format!("{command}: dead, and not yet collected by its parent, {}", process.ppid);
    }
    match known {
        Some(purpose) => format!("{command}: {purpose}"),
        None => format!("{command}: not a program that hale knows by name"),
    }
}

fn lineage(process: &Process, snapshot: &Snapshot) -> String {
    let mut chain = vec![process.proc_ref().to_string()];
    let mut at = process;
    for _ in 0..MAX_ANCESTORS {
        let Some(parent) = snapshot.process(at.ppid).filter(|p| p.pid != at.pid) else { break };
        chain.push(parent.proc_ref().to_string());
        at = parent;
    }
    chain.join(" ← ")
}

fn started_by(process: &Process, snapshot: &Snapshot) -> String {
    if process.info.kernel_thread {
        return "The kernel started it.".to_owned();
    }
    if let Some(parent) = &process.original_parent {
        let how = match parent.known_by {
            ParentKnownBy::Observed => "hale saw it",
            ParentKnownBy::Session => "its session tells",
            ParentKnownBy::Trace => "it bears its traces",
        };
        return format!(
            "It was started by {} ({how}), which is gone: it is an orphan, taken in by {}.",
            parent.process.as_ref().map_or_else(|| parent.name.clone(), ToString::to_string),
            process.ppid,
        );
    }
    if let Some(unit) = service_of(&process.info) {
        let main = snapshot.unit(unit).is_some_and(|u| u.main_pid == process.pid);
        let part = if main { "It is the main process of" } else { "It belongs to" };
        return format!("{part} {unit}: systemd started it, and starts it again if told to.");
    }
    if let Some(container) = &process.info.container {
        return format!("It runs in container {}.", shorten(container, 15));
    }
    match snapshot.process(process.ppid) {
        Some(parent) if parent.pid > 1 => format!(
            "It was started by {}: {}.",
            parent.proc_ref(),
            shorten(&printable(&parent.command()), 100)
        ),
        Some(_) | None if is_orphan(process, snapshot) => {
            "It has no parent but the machine's first process: a daemon, or left behind.".to_owned()
        }
        Some(_) | None => "Who started it cannot be seen.".to_owned(),
    }
}

fn usual(process: &Process) -> String {
    let cpu = process.cpu_percent.unwrap_or_default();
    let memory = process.mem_percent.unwrap_or_default();
    match (cpu >= 50.0, memory >= 10.0) {
        (false, false) => "It uses little, and no alert is open about it.".to_owned(),
        (true, false) => format!("It uses {cpu:.0} % of a core now; no alert is open about it."),
        (false, true) => format!("It holds {memory:.0} % of memory; no alert is open about it."),
        (true, true) => format!(
            "It uses {cpu:.0} % of a core and {memory:.0} % of memory; no alert is open about it."
        ),
    }
}

fn state_name(state: char) -> &'static str {
    match state {
        'R' => "running",
        'S' => "waiting",
        'D' => "waiting for storage, cannot be interrupted",
        'Z' => "dead, not collected",
        'T' => "stopped",
        't' => "stopped by a debugger",
        'I' => "idle",
        'X' => "dead",
        _ => "unknown",
    }
}

fn process_facts(process: &Process, snapshot: &Snapshot) -> Vec<(String, String)> {
    let children = snapshot.processes.iter().filter(|p| p.ppid == process.pid).count();
    let group = match process.process_group() {
        Some(group) => {
            let of_it = |p: &&Process| p.process_group() == Some(group);
            format!("{group} ({} processes)", snapshot.processes.iter().filter(of_it).count())
        }
        None if process.info.kernel_thread => "none".to_owned(),
        None => "of another pid namespace".to_owned(),
    };
    let share = process.mem_percent.map(|m| format!(" ({m:.1} % of memory)")).unwrap_or_default();
    let optional = [
        ("cpu", process.cpu_percent.map(|cpu| format!("{cpu:.1} % of one core"))),
        ("open files", process.open_fds.map(|fds| fds.to_string())),
        ("reads", process.read_bytes_per_sec.map(|r| format!("{}/s", bytes(r as u64)))),
        ("writes", process.write_bytes_per_sec.map(|w| format!("{}/s", bytes(w as u64)))),
        ("unit", process.info.unit.clone()),
        ("container", process.info.container.clone()),
        ("program file", process.info.exe.clone()),
    ];
    let mut facts = vec![
        ("user".to_owned(), process.info.user.clone()),
        ("state".to_owned(), state_name(process.state).to_owned()),
        ("running for".to_owned(), duration(process.age_secs as u64)),
        ("memory".to_owned(), format!("{}{share}", bytes(process.rss_bytes))),
        ("threads".to_owned(), process.threads.to_string()),
        ("nice".to_owned(), process.nice.to_string()),
        ("parents".to_owned(), lineage(process, snapshot)),
        ("children".to_owned(), children.to_string()),
        ("process group".to_owned(), group),
    ];
    let given =
        optional.into_iter().filter_map(|(name, value)| value.map(|v| (name.to_owned(), v)));
    facts.extend(given.map(|(name, value)| (name, printable(&value))));
    facts
}

fn process_advice(
    process: &Process,
    snapshot: &Snapshot,
    fired: &[&Alert],
) -> (Vec<String>, Vec<String>) {
    if snapshot.own_pids.contains(&process.pid) {
        return (vec!["Leave it: hale runs in it.".to_owned()], Vec::new());
    }
    if process.info.kernel_thread {
        return (vec!["Leave it: it is part of the kernel.".to_owned()], Vec::new());
    }
    if process.is_zombie() {
        let advice = "It cannot be killed; its parent has to collect it. Look at the parent.";
        return (vec![advice.to_owned()], vec![format!("hale explain {}", process.ppid)]);
    }
    if let Some(unit) = service_of(&process.info) {
        let word = shell_word(unit);
        let advice = format!("Act on its unit, {unit}, not on the process.");
        if snapshot.unit(unit).is_some_and(|stat| stat.service_type == "declared") {
            let advice = format!("Act on the service {unit} of [[services]], not on the process.");
            return (vec![advice], vec!["hale config show".to_owned()]);
        }
        return (
            vec![advice],
            vec![format!("systemctl status {word}"), format!("journalctl -u {word} -n 50")],
        );
    }
    if is_interactive_session(process) {
        let advice = "Somebody may be sitting in it: ask before ending it.".to_owned();
        return (vec![advice], vec!["who".to_owned()]);
    }
    let kill = format!("hale kill {}", process.pid);
    if fired.is_empty() {
        let advice = "Nothing needs to be done about it.".to_owned();
        return (vec![advice], Vec::new());
    }
    if process.original_parent.is_some() {
        return (vec!["Nobody waits for it any more: it can be ended.".to_owned()], vec![kill]);
    }
    let advice = "If nobody needs it, end it; whoever started it may start it again.".to_owned();
    (vec![advice], vec![kill])
}

/// What an alert means.
pub fn explain_alert(
    alert: &Alert,
    snapshot: &Snapshot,
    incident: Option<&Incident>,
) -> Explanation {
    let diagnosis = incident.and_then(|i| i.diagnosis.as_ref());
    let mut why: Vec<String> =
        alert.evidence.iter().map(|e| format!("{}: {}", e.source, e.text)).collect();
    why.extend(
        diagnosis.map(|d| format!("cause ({:.0} % sure): {}", 100.0 * d.confidence, d.cause)),
    );
    let lasted = alert.last_seen_at.as_second() - alert.first_seen_at.as_second();
    let mut facts = vec![
        ("kind".to_owned(), alert.kind.to_string()),
        ("severity".to_owned(), alert.severity.to_string()),
        ("state".to_owned(), alert.state.as_str().to_owned()),
        ("about".to_owned(), printable(&alert.subject.to_string())),
        ("since".to_owned(), second(alert.first_seen_at)),
        ("lasted".to_owned(), duration(u64::try_from(lasted).unwrap_or(0))),
    ];
    facts.extend(incident.map(|i| ("incident".to_owned(), i.id.to_string())));
    facts.extend(alert.close_reason.as_ref().map(|r| ("closed".to_owned(), r.clone())));

    let mut advice = Vec::new();
    if alert.state == AlertState::Closed {
        advice.push("It is over; nothing needs to be done now.".to_owned());
    } else if let Some(gone) = gone(alert, snapshot) {
        advice.push(gone);
    }
    advice.extend(diagnosis.and_then(|d| d.prevention.clone()));
    let mut commands = Vec::new();
    // Of what is over, the pids may be others' by now.
    if alert.state != AlertState::Closed {
        commands.extend(alert.suggested_actions.iter().cloned());
        if let [process] = alert.subject.processes() {
            commands.push(format!("hale explain {}", process.pid));
        }
    }
    Explanation {
        subject: format!("{} {}", alert.kind, alert.id),
        what: printable(&alert.summary),
        why,
        facts,
        advice,
        commands,
        confidence: diagnosis.map_or(0.5, |d| d.confidence),
    }
}

/// Whether what an open alert is about is no longer there.
fn gone(alert: &Alert, snapshot: &Snapshot) -> Option<String> {
    let processes = alert.subject.processes();
    let all_gone = !processes.is_empty() && processes.iter().all(|p| snapshot.find(p).is_none());
    let mount_gone = matches!(&alert.subject, Subject::Mount { mount_point }
        if snapshot.mount(mount_point).is_none());
    (all_gone || mount_gone)
        .then(|| "What it is about is gone by now: it will close by itself.".to_owned())
}

/// What an incident is, what was done about it, and what is left.
pub fn explain_incident(
    incident: &Incident,
    alerts: &[Alert],
    actions: &[ActionRecord],
) -> Explanation {
    let diagnosis = incident.diagnosis.as_ref();
    let mut why: Vec<String> =
        alerts.iter().map(|a| format!("{}: {}", a.kind, a.summary)).collect();
    why.extend(actions.iter().map(|a| {
        format!("{} {}: {}", a.step.action.kind(), a.step.action.target(), a.state.as_str())
    }));
    let confidence = diagnosis.map_or(0.3, |d| d.confidence);
    let mut facts = vec![
        ("state".to_owned(), incident.state.to_string()),
        ("severity".to_owned(), incident.severity.to_string()),
        ("since".to_owned(), second(incident.opened_at)),
    ];
    facts.extend(incident.closed_at.map(|at| ("until".to_owned(), second(at))));
    facts.extend(diagnosis.map(|d| ("cause".to_owned(), d.cause_kind.clone())));

    let mut advice = vec![next_step(incident.state).to_owned()];
    advice.extend(diagnosis.and_then(|d| d.prevention.clone()));
    let mut commands = vec![format!("hale incidents show {}", incident.id)];
    if incident.state == IncidentState::AwaitingApproval {
        commands.insert(0, "hale approvals list".to_owned());
    }
    let open = alerts.iter().filter(|a| a.state != AlertState::Closed);
    for command in open.flat_map(|a| a.suggested_actions.iter()) {
        if !commands.contains(command) {
            commands.push(command.clone());
        }
    }
    Explanation {
        subject: format!("incident {}", incident.id),
        what: diagnosis.map_or_else(|| incident.title.clone(), |d| d.cause.clone()),
        why,
        facts,
        advice,
        commands,
        confidence,
    }
}

fn next_step(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open | IncidentState::Diagnosing => {
            "It is open; hale does nothing by itself about it."
        }
        IncidentState::AwaitingApproval => "A person has to say yes or no.",
        IncidentState::Acting => "It is being treated now.",
        IncidentState::Verifying => "It was treated; the effect is being watched.",
        IncidentState::Resolved => "It is over; nothing needs to be done now.",
        IncidentState::Escalated => "hale cannot or may not cure it: a person is needed.",
    }
}
