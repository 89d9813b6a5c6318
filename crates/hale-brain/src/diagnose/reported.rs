//! Trouble that others report: what hale makes of it, and the cure where the thing they name is
//! observed here. Their words are evidence; what is done is decided by what is seen, and proved by
//! looking again.

use hale_model::action::{Condition, PlanStep};
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::report::OpenReport;
use hale_model::sample::UnitStat;
use hale_model::text::duration;

use super::judgement::{Judged, judged, last_lines, sentence};
use super::treat::{Treatment, none};
use super::{DiagnoseInput, causes, cleaning, containers, steps};
use crate::decide::names::unit_pattern;
use crate::detect::reported::{behind, is_only_reported};

/// Reported again so soon after a verified cure, the same cure would not hold either.
const HELD_SECS_MIN: i64 = 1800;

/// The cure of a reported trouble; none: what hale observes itself decides.
pub(super) fn treat(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    alerts: &[&Alert],
) -> Option<Treatment> {
    let open = behind(input.snapshot, &alert.kind, &alert.subject)?;
    if let Some(why) = came_back(open) {
        return Some(none(why));
    }
    if let Some(treatment) = make_room(input, alert) {
        return Some(treatment);
    }
    match &alert.subject {
        Subject::Unit { unit } => {
            let stat = input.snapshot.unit(unit)?;
            Some(restart(input, alert, alerts, stat))
        }
        Subject::Service { service } => {
            containers::named(input.snapshot, &alert.subject).is_none().then(|| {
                none(format!(
                    "nothing that hale observes on this machine is `{service}`: a report that names \
                     its container, unit or pid can be acted on"
                ))
            })
        }
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

fn came_back(open: &OpenReport) -> Option<String> {
    let cured = open.cured_before_at?;
    let since = open.since.as_second().saturating_sub(cured.as_second());
    (since < HELD_SECS_MIN).then(|| {
        let ago = duration(u64::try_from(since).unwrap_or(0));
        format!(
            "it is reported again {ago} after its cure was verified: the same cure would not hold"
        )
    })
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
            "{name} fails at every start: a person has to mend it (`journalctl -u {name}`)"
        ));
    }
    let why = if unit.active_state == "active" {
        format!("A restart has {name} begin anew.")
    } else {
        format!("{name} is {}: it is down until it is started again.", unit.active_state)
    };
    Treatment::Steps(vec![steps::restart(input, alert, unit, Vec::new(), why)])
}

/// The proof is what the service itself answers, where the sender said where to ask.
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
