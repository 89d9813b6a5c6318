//! Services that fail or are slow, as their traces tell: which one is the cause, in words, and the
//! cure of what runs it. Whoever only passes errors on is not treated.

use hale_model::ProcRef;
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::sample::UnitStat;
use hale_model::snapshot::{Process, Snapshot};
use hale_model::text::duration;
use serde_json::Value;

use super::causes;
use super::judgement::{Judged, judged};
use super::treat::{Treatment, none, touchable};
use super::{DiagnoseInput, containers, steps};

fn text<'a>(alert: &'a Alert, name: &str) -> Option<&'a str> {
    alert.vars.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn number(alert: &Alert, name: &str) -> Option<f64> {
    alert.vars.get(name).and_then(Value::as_f64)
}

/// The service that this alert takes to be the first that fails; none for an alert that does not come
/// from traces.
pub(super) fn suspect(alert: &Alert) -> Option<&str> {
    matches!(alert.kind, AlertKind::HttpErrors | AlertKind::HttpLatency)
        .then(|| text(alert, "suspect"))
        .flatten()
}

/// The names from the service that an alert from traces is about to its suspect; empty for others.
pub(super) fn path(alert: &Alert) -> Vec<String> {
    let Some(_) = suspect(alert) else { return Vec::new() };
    text(alert, "path").map(|p| p.split(" → ").map(str::to_owned).collect()).unwrap_or_default()
}

/// Whether this alert is about the suspect itself, and not about one that suffers from it.
pub(super) fn is_the_suspect(alert: &Alert) -> bool {
    matches!(&alert.subject, Subject::Service { service } if suspect(alert) == Some(service))
}

/// The cause that an alert from traces speaks for.
pub(super) fn judge(lead: &Alert) -> Option<Judged> {
    let suspect = suspect(lead)?;
    let errors = lead.kind == AlertKind::HttpErrors;
    let mut said = lead.summary.trim().to_owned();
    said.push('.');
    let silent = !matches!(text(lead, "suspect_kind"), None | Some("service"));
    let unanswered = number(lead, "unanswered").unwrap_or(0.0);
    let requests = number(lead, "requests").unwrap_or(0.0);
    let doing = if errors { "fails" } else { "is slow" };
    if !is_the_suspect(lead) && silent {
        said.push_str(&format!(
            " {suspect} sends no telemetry of its own; its callers say that it {doing}."
        ));
        return Some(judged(causes::DEPENDENCY_FAILING, 0.7, said));
    }
    if errors && is_the_suspect(lead) && requests > 0.0 && unanswered >= 0.9 * requests {
        said.push_str(" Nobody answers there: it is down, or cannot be reached.");
    } else if is_the_suspect(lead) {
        said.push_str(&format!(" What it calls itself is well, so the cause is in {suspect}."));
    }
    if let Some(message) = text(lead, "said") {
        let operation = text(lead, "operation").unwrap_or("a request");
        said.push_str(&format!(" {operation} says: “{message}”."));
    }
    if let (Some(version), Some(ago)) = (text(lead, "version"), number(lead, "deployed_secs_ago")) {
        let before = text(lead, "version_before").unwrap_or("another");
        let ago = duration(ago.max(0.0) as u64);
        said.push_str(&format!(" Version {version} came {ago} ago, after {before}."));
        return Some(judged(causes::BAD_DEPLOY, 0.75, said));
    }
    let cause = if errors { causes::SERVICE_FAILING } else { causes::SERVICE_SLOW };
    Some(judged(cause, if is_the_suspect(lead) { 0.8 } else { 0.7 }, said))
}

/// The cure of an alert that comes from traces; none for others.
pub(super) fn treat(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    alerts: &[&Alert],
) -> Option<Treatment> {
    let suspect = suspect(alert)?;
    let service = Subject::Service { service: suspect.to_owned() };
    let told = text(alert, "container_id").map(|id| Subject::Container {
        id: id.to_owned(),
        name: text(alert, "container").unwrap_or_default().to_owned(),
    });
    let container = told
        .and_then(|subject| containers::named(input.snapshot, &subject))
        .or_else(|| containers::named(input.snapshot, &service));
    if let Some(container) = container {
        return Some(containers::treat(input, alert, alerts, container));
    }
    if let Some(unit) = unit(alert, suspect, input.snapshot) {
        return Some(restart(input, alert, suspect, unit));
    }
    if let Some(process) = process(alert) {
        return Some(end(input, alert, suspect, &process));
    }
    let workload = text(alert, "deployment")
        .map(|d| format!(" (`kubectl rollout undo deployment/{d}`)"))
        .unwrap_or_default();
    Some(none(format!(
        "nothing that hale observes on this machine is known to run {suspect}: a person has to look \
         there{workload}"
    )))
}

/// The unit that runs it: as its process tells, or by its name.
fn unit<'a>(alert: &Alert, suspect: &str, snapshot: &'a Snapshot) -> Option<&'a UnitStat> {
    let told = text(alert, "unit").and_then(|unit| snapshot.unit(unit));
    let pid = number(alert, "pid").map(|pid| pid as i32);
    let main = || snapshot.units.iter().find(|u| u.main_pid > 1 && Some(u.main_pid) == pid);
    let named = || snapshot.unit(&format!("{suspect}.service"));
    told.or_else(main).or_else(named)
}

fn restart(input: &DiagnoseInput<'_>, alert: &Alert, suspect: &str, unit: &UnitStat) -> Treatment {
    let why = format!("{suspect} is {}; a restart has it begin anew.", unit.unit);
    Treatment::Steps(vec![steps::restart(input, alert, unit, Vec::new(), why)])
}

fn process(alert: &Alert) -> Option<ProcRef> {
    Some(ProcRef {
        pid: number(alert, "pid")? as i32,
        start_ticks: alert.vars.get("start_ticks").and_then(Value::as_u64)?,
        name: text(alert, "process_name")?.to_owned(),
    })
}

/// A process that belongs to nothing that could be restarted is only ended where somebody is there
/// who can start it again.
fn end(input: &DiagnoseInput<'_>, alert: &Alert, suspect: &str, process: &ProcRef) -> Treatment {
    let found = match touchable(input, process) {
        Ok(found) => found,
        Err(none) => return none,
    };
    match supervisor(input.snapshot, found) {
        Some(parent) => {
            let why = format!(
                "{suspect} is {process}, which belongs to no unit or container; when it ends, its \
                 parent {} can start it again.",
                parent.proc_ref()
            );
            Treatment::Steps(vec![steps::kill(alert, vec![process.clone()], why)])
        }
        None => none(format!(
            "{suspect} is {process}, and nothing is known that would start it again: a person \
             restarts it"
        )),
    }
}

/// Programs whose work it is to start again what ended.
const SUPERVISORS: [&str; 8] =
    ["runsv", "s6-supervise", "supervisord", "supervise", "pm2", "monit", "circusd", "hale-demo"];

fn supervisor<'a>(snapshot: &'a Snapshot, process: &Process) -> Option<&'a Process> {
    let parent = snapshot.process(process.ppid).filter(|p| p.pid > 1)?;
    let program = parent.info.cmdline.split(' ').take(2).filter_map(|w| w.rsplit('/').next());
    let mut names = program.chain([parent.info.name.as_str()]);
    names.any(|name| SUPERVISORS.contains(&name)).then_some(parent)
}
