//! Trouble that others report: what hale makes of it, and the cure where the thing they name is
//! observed here. Their words are evidence; what is done is decided by what is seen, and proved by
//! looking again.

use hale_model::action::{Condition, PlanStep};
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::config::{Config, DeclaredService};
use hale_model::container::{ContainerHealth, ContainerStat, ContainerState, ProbeTarget};
use hale_model::report::Report;
use hale_model::sample::{Source, UnitStat};
use hale_model::snapshot::Snapshot;
use hale_model::text::printable;

use super::judgement::{Judged, judged, last_lines, sentence};
use super::treat::{Treatment, none};
use super::{DiagnoseInput, causes, cleaning, containers, steps};
use crate::decide::names::unit_pattern;
use crate::detect::reported::{behind, is_only_reported};

/// The cure of a reported trouble; none: what hale observes itself decides.
pub(super) fn treat(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    alerts: &[&Alert],
) -> Option<Treatment> {
    let open = behind(input.snapshot, &alert.kind, &alert.subject)?;
    if let Some(treatment) = make_room(input, alert) {
        return Some(treatment);
    }
    match &alert.subject {
        Subject::Unit { unit } => {
            let stat = input.snapshot.unit(unit)?;
            Some(restart(input, alert, alerts, stat))
        }
        Subject::Service { service } => containers::named(input.snapshot, &alert.subject)
            .is_none()
            .then(|| none(not_here(&open.report, service))),
        Subject::Machine
        | Subject::Process { .. }
        | Subject::ProcessGroup { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Container { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => None,
    }
}

/// Why nothing can be done about what is not here: what the report named, as far as it named anything.
fn not_here(report: &Report, service: &str) -> String {
    let named = [("container", &report.container), ("unit", &report.unit)].into_iter();
    let named = named.filter_map(|(what, name)| Some(format!("no {what} {}", name.as_ref()?)));
    let pid = report.pid.map(|pid| format!("no process {pid}"));
    let missing: Vec<String> = named.chain(pid).map(|text| printable(&text)).collect();
    match missing.as_slice() {
        [] => format!(
            "nothing that hale observes on this machine is `{service}`: a report that names its \
             container, unit or pid can be acted on"
        ),
        missing => format!(
            "there is {} here: the report may mean another machine, or name it otherwise",
            missing.join(" and ")
        ),
    }
}

/// A service that says it has no room, and says where to ask whether it has some again: old files of
/// the directories that may be cleaned go to the quarantine. Without a place to ask nothing would prove it.
fn make_room(input: &DiagnoseInput<'_>, alert: &Alert) -> Option<Treatment> {
    let of_space = matches!(alert.kind, AlertKind::DiskSpace | AlertKind::DiskFilling);
    let of_service = matches!(
        alert.subject,
        Subject::Unit { .. } | Subject::Container { .. } | Subject::Service { .. }
    );
    if !of_space || !of_service {
        return None;
    }
    let (mount, means) = cleaning::room(input.snapshot, input.config)?;
    let why =
        "It has no room; files in cleanable_paths that nobody changed for a day make some, and \
               can be brought back."
            .to_owned();
    let step = steps::clean(alert, mount, vec![means], 100.0, None, why);
    let before = step.expectation.conditions.len();
    let step = with_health(input, alert, step);
    (step.expectation.conditions.len() > before).then(|| Treatment::Steps(vec![step]))
}

/// A container that holds this share of what it may, in percent, is short of memory by hale's own look;
/// so is a unit whose main process holds the second share of the machine's.
const FULL_PERCENT_MIN: f64 = 80.0;
const HOLDS_MUCH_PERCENT_MIN: f64 = 20.0;
/// One that keeps this share of a processor busy, in percent, is busy by hale's own look.
const BUSY_PERCENT_MIN: f64 = 80.0;
/// Words for a thing that has ended. What runs has not.
const ENDED: [&str; 8] = ["crash", "crashed", "down", "died", "dead", "exited", "failed", "absent"];

/// What a report is checked with before anything is done about it: where the thing that it names says
/// whether it is well. None for what hale sees itself.
pub fn to_ask(snapshot: &Snapshot, config: &Config, alert: &Alert) -> Option<ProbeTarget> {
    asking(snapshot, config, alert).map(|(target, _)| target)
}

/// The same, and who says that it is to be asked there. Where the configuration does, a report has no say
/// in it.
fn asking(
    snapshot: &Snapshot,
    config: &Config,
    alert: &Alert,
) -> Option<(ProbeTarget, ProbeSource)> {
    if !is_only_reported(&alert.evidence) {
        return None;
    }
    let own = match (containers::named(snapshot, &alert.subject), &alert.subject) {
        (Some(stat), _) => containers::own_probe(config, stat),
        (None, Subject::Unit { unit }) => {
            let of_unit = |service: &&DeclaredService| service.name == *unit;
            config.services.iter().find(of_unit).and_then(DeclaredService::health_target)
        }
        (None, _) => return None,
    };
    let told = containers::told_probe(alert).map(|target| (target, ProbeSource::Report));
    let found = own.map(|target| (target, ProbeSource::Own)).or(told);
    found.filter(|(target, _)| containers::may_ask(snapshot, config, target))
}

/// Who names an address where something is asked whether it is well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProbeSource {
    /// The configuration, or a label of the container.
    Own,
    /// Whoever reports, which may be anybody.
    Report,
}

/// Whether hale, looking for itself, sees well what others report as ill, and everything that could say
/// says so; in words. `alerts`: those of the same incident.
pub fn seen_well(
    snapshot: &Snapshot,
    config: &Config,
    alert: &Alert,
    alerts: &[&Alert],
) -> Option<String> {
    let key = alert.subject.key();
    let seen_ill = |a: &&Alert| {
        a.state != AlertState::Closed && !is_only_reported(&a.evidence) && a.subject.key() == key
    };
    let from_traces = |a: &&Alert| a.evidence.iter().any(|e| e.source == Source::Otlp);
    if !is_only_reported(&alert.evidence) || alerts.iter().any(|a| seen_ill(a) || from_traces(a)) {
        return None;
    }
    let open = behind(snapshot, &alert.kind, &alert.subject)?;
    let mut said = Vec::new();
    if let Some((target, source)) = asking(snapshot, config, alert) {
        match snapshot.probe(&target).filter(|probe| probe.ok) {
            Some(probe) => said.push(match &target {
                ProbeTarget::Http { url } => format!("{} from {url}", probe.status.unwrap_or(200)),
                ProbeTarget::Tcp { address } => format!("{address} is open"),
            }),
            None if source == ProbeSource::Own => return None,
            // An address of the sender's own choice that does not answer is no more than its word.
            None => {}
        }
    }
    let state = match containers::named(snapshot, &alert.subject) {
        Some(stat) => container_well(snapshot, stat, &mut said)?,
        None => unit_well(snapshot, &alert.subject)?,
    };
    // That it runs says little about how it does.
    if said.is_empty() && !says_ended(&open.report) {
        return None;
    }
    said.push(state);
    let name = &open.report.service;
    Some(format!("reported, but hale sees {name} healthy ({})", said.join(", ")))
}

/// Whether the report says that its thing has ended: that it is seen to run then disproves it, which it does
/// for no word about how it does.
fn says_ended(report: &Report) -> bool {
    let words = report.kind_text.to_lowercase();
    words.split(|c: char| !c.is_alphanumeric()).any(|word| ENDED.contains(&word))
}

/// Whether what others report is not so: they say that it has ended, and it is seen well.
pub fn is_disproved(
    snapshot: &Snapshot,
    config: &Config,
    alert: &Alert,
    alerts: &[&Alert],
) -> bool {
    behind(snapshot, &alert.kind, &alert.subject).is_some_and(|open| says_ended(&open.report))
        && seen_well(snapshot, config, alert, alerts).is_some()
}

fn container_well(
    snapshot: &Snapshot,
    stat: &ContainerStat,
    said: &mut Vec<String>,
) -> Option<String> {
    match stat.health {
        Some(ContainerHealth::Healthy) => said.push("its health check says healthy".to_owned()),
        Some(ContainerHealth::Starting | ContainerHealth::Unhealthy) => return None,
        None => {}
    }
    let now = snapshot.container(&stat.id, &stat.name)?;
    let full = now.memory_percent.is_some_and(|percent| percent >= FULL_PERCENT_MIN);
    let busy = now.cpu_percent.is_some_and(|cpu| cpu >= BUSY_PERCENT_MIN);
    if stat.state != ContainerState::Running || full || busy {
        return None;
    }
    let since = stat.started_at.map(|at| format!(" since {}", super::second(at)));
    Some(format!("running{}", since.unwrap_or_default()))
}

fn unit_well(snapshot: &Snapshot, subject: &Subject) -> Option<String> {
    let Subject::Unit { unit } = subject else { return None };
    let stat = snapshot.unit(unit).filter(|stat| stat.active_state == "active")?;
    let main = snapshot.process(stat.main_pid);
    let busy = main.and_then(|p| p.cpu_percent).is_some_and(|cpu| cpu >= BUSY_PERCENT_MIN);
    let full = main.and_then(|p| p.mem_percent).is_some_and(|mem| mem >= HOLDS_MUCH_PERCENT_MIN);
    if busy || full {
        return None;
    }
    let age = main.map(|p| std::time::Duration::from_secs_f64(p.age_secs));
    let since = age.map(|age| format!(" since {}", super::second(snapshot.collected_at - age)));
    Some(format!("active{}", since.unwrap_or_default()))
}

fn restart(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    alerts: &[&Alert],
    unit: &UnitStat,
) -> Treatment {
    let name = &unit.unit;
    if let Some(pattern) = unit_pattern(&input.config.allowlist.protected_units, name) {
        return none(format!(
            "{name} is protected (`{pattern}` in [allowlist] protected_units): a person decides"
        ));
    }
    if matches!(alert.kind, AlertKind::DiskSpace | AlertKind::DiskInodes | AlertKind::DiskFilling) {
        return none(format!("a restart of {name} frees no space: see what it keeps"));
    }
    let flaps = alerts
        .iter()
        .any(|a| a.kind == AlertKind::ServiceFlapping && a.subject.key() == alert.subject.key());
    if flaps || unit.result == "start-limit-hit" {
        return none(format!(
            "{name} fails at every start: a person has to mend it{}",
            steps::log_hint(unit)
        ));
    }
    let why = if unit.active_state == "active" {
        format!("A restart has {name} begin anew.")
    } else {
        format!("{name} is {}: it is down until it is started again.", unit.active_state)
    };
    Treatment::Steps(vec![steps::restart(input, alert, unit, Vec::new(), why)])
}

/// The proof of room is what the service itself answers, where the sender said where to ask: nothing else
/// that hale sees would show it.
fn with_health(input: &DiagnoseInput<'_>, alert: &Alert, mut step: PlanStep) -> PlanStep {
    let told = alert.vars.get("health_url").and_then(serde_json::Value::as_str);
    let Some(url) = told.filter(|url| containers::may_ask_url(input, url)) else { return step };
    step.expectation.conditions.push(Condition::HttpOk { url: url.to_owned() });
    step.expectation.hold_secs = steps::SAID_HOLD_SECS;
    step
}

/// What hale makes of an alert that rests on reports alone.
pub(super) fn judge(input: &DiagnoseInput<'_>, lead: &Alert) -> Option<Judged> {
    if !is_only_reported(&lead.evidence) {
        return None;
    }
    let said = sentence(&lead.summary);
    let snapshot = input.snapshot;
    let alerts: Vec<&Alert> = input.alerts.iter().collect();
    if let Some(well) = seen_well(snapshot, input.config, lead, &alerts) {
        return Some(judged(causes::REPORTED, 0.3, format!("{said} {}.", capital(&well))));
    }
    let (seen, confidence) = match &lead.subject {
        Subject::Unit { unit } => match snapshot.unit(unit) {
            Some(stat) => {
                let state = format!("{unit} is {} ({})", stat.active_state, stat.sub_state);
                (format!("hale sees that {state}.{}", last_lines(unit, snapshot)), 0.6)
            }
            None => (format!("{unit} is not loaded any more."), 0.3),
        },
        Subject::Container { id, name } => match snapshot.container(id, name) {
            Some(found) => {
                let health = found.stat.health.map(|h| format!(", its check says {}", h.as_str()));
                let health = health.unwrap_or_default();
                (format!("hale sees that container {name} is {}{health}.", found.stat.state), 0.6)
            }
            None => (format!("Container {name} is not here any more."), 0.3),
        },
        Subject::Process { process } => match snapshot.living(process) {
            Some(_) => (format!("{process} lives."), 0.6),
            None => (format!("{process} is gone by now."), 0.3),
        },
        Subject::Machine
        | Subject::ProcessGroup { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Service { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => {
            ("hale observes nothing of it on this machine.".to_owned(), 0.3)
        }
    };
    Some(judged(causes::REPORTED, confidence, format!("{said} {seen}")))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
