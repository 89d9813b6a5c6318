//! Steps of a plan: an action with exact targets, the command a person would type, and what must be
//! seen afterwards.

use hale_model::ProcRef;
use hale_model::action::{Action, CleanMeans, Condition, Expectation, PlanStep};
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::config::{Config, DeclaredService};
use hale_model::sample::{Source, UnitStat};
use hale_model::snapshot::{Mount, Process};

use super::{DiagnoseInput, containers};

/// Between TERM and KILL.
const GRACE_SECS: u32 = 10;

/// How long the end of processes must be seen to last, and by when.
const KILL_HOLD_SECS: u64 = 10;
const KILL_WITHIN_SECS: u64 = 60;

/// A service that starts and falls over does so within seconds.
const UNIT_HOLD_SECS: u64 = 15;
/// Where the service itself says that it is well, it need not say so for long.
pub(super) const SAID_HOLD_SECS: u64 = 2;
/// systemd itself gives up starting after 90 s.
const UNIT_WITHIN_SECS: u64 = 120;

const RENICE_HOLD_SECS: u64 = 5;
const RENICE_WITHIN_SECS: u64 = 30;

const CLEAN_HOLD_SECS: u64 = 10;
const CLEAN_WITHIN_SECS: u64 = 120;

/// The nice value that gives way to everything at the usual one.
pub(super) const YIELDING_NICE: i32 = 10;

/// That the finding is gone, where that shows within the time of a verification. A mean over
/// minutes, a forecast, a heat sink, or a thing that has happened, take longer: there only the
/// effect on the target proves anything.
pub(super) fn finding_gone(alert: &Alert) -> Option<Condition> {
    let shows_at_once = match alert.kind {
        AlertKind::ProcessGhostStorm
        | AlertKind::ProcessLeak
        | AlertKind::ProcessFdLeak
        | AlertKind::ProcessOrphan
        | AlertKind::ProcessZombie
        | AlertKind::ProcessDuplicates
        | AlertKind::CpuHotProcess
        | AlertKind::MemoryHigh
        | AlertKind::MemoryPressure
        | AlertKind::SwapHigh
        | AlertKind::DiskSpace
        | AlertKind::DiskInodes
        | AlertKind::ServiceFailed
        | AlertKind::ContainerUnhealthy
        | AlertKind::SourceStale => true,
        // Traces show it at once; what others report ends when they say so.
        AlertKind::HttpErrors | AlertKind::HttpLatency => {
            alert.evidence.iter().any(|e| e.source == Source::Otlp)
        }
        AlertKind::DiskFilling
        | AlertKind::LoadHigh
        | AlertKind::TemperatureHigh
        | AlertKind::KernelOom
        | AlertKind::ServiceFlapping
        | AlertKind::ContainerRestarting
        | AlertKind::JournalBurst
        | AlertKind::MetricAnomaly
        | AlertKind::Rule(_) => false,
    };
    shows_at_once.then(|| Condition::FindingGone {
        alert_kind: alert.kind.clone(),
        subject: alert.subject.clone(),
    })
}

/// Ends exactly these processes.
pub(super) fn kill(alert: &Alert, targets: Vec<ProcRef>, why: String) -> PlanStep {
    let mut conditions = vec![Condition::ProcessesGone { targets: targets.clone() }];
    conditions.extend(finding_gone(alert));
    let pids: Vec<String> = targets.iter().map(|t| t.pid.to_string()).collect();
    PlanStep {
        command: format!("kill {}", pids.join(" ")),
        expectation: Expectation {
            conditions,
            hold_secs: KILL_HOLD_SECS,
            within_secs: KILL_WITHIN_SECS,
        },
        action: kill_action(targets),
        why,
    }
}

/// Ends exactly these processes, with time to end by themselves.
pub(super) fn kill_action(targets: Vec<ProcRef>) -> Action {
    Action::ProcessKill { targets, grace_secs: GRACE_SECS, force: false, group: false }
}

/// Lets a process give way to others.
///
/// # Errors
/// It does so already.
pub(super) fn renice(process: &Process, why: String) -> Result<PlanStep, String> {
    let target = process.proc_ref();
    if process.nice >= YIELDING_NICE {
        return Err(format!("{target} gives way already (nice {})", process.nice));
    }
    Ok(PlanStep {
        command: format!("renice -n {YIELDING_NICE} -p {}", target.pid),
        expectation: Expectation {
            conditions: vec![Condition::ProcessNice {
                target: target.clone(),
                nice: YIELDING_NICE,
            }],
            hold_secs: RENICE_HOLD_SECS,
            within_secs: RENICE_WITHIN_SECS,
        },
        action: Action::ProcessRenice { target, nice: YIELDING_NICE },
        why,
    })
}

/// Restarts a unit, in the very run that was judged. One that says itself whether it is well is asked,
/// and need not be watched for long.
pub(super) fn restart(
    input: &DiagnoseInput<'_>,
    alert: &Alert,
    unit: &UnitStat,
    troublemakers: Vec<ProcRef>,
    why: String,
) -> PlanStep {
    let mut step = restart_and_watch(alert, unit, troublemakers, why);
    if let Some(service) = declared(input.config, unit) {
        step.command = service.restart_command();
    }
    let own = declared(input.config, unit).map(|service| service.health_url.clone());
    let own = own.filter(|url| containers::may_ask_url(input, url));
    if own.is_some() {
        step.expectation.hold_secs = SAID_HOLD_SECS;
    }
    // What a report names is asked where nothing else is, and shortens nothing: it may be anybody's.
    let asked = own.or_else(|| told_url(input, alert, unit));
    step.expectation.conditions.extend(asked.map(|url| Condition::HttpOk { url }));
    step
}

/// Restarts a unit of which nothing is known but its state. The processes that made the trouble must be
/// gone with it.
pub(super) fn restart_and_watch(
    alert: &Alert,
    unit: &UnitStat,
    troublemakers: Vec<ProcRef>,
    why: String,
) -> PlanStep {
    let name = unit.unit.clone();
    let mut conditions = vec![
        Condition::UnitActive { unit: name.clone() },
        Condition::UnitSteady { unit: name.clone(), restarts: unit.restarts },
    ];
    if !troublemakers.is_empty() {
        conditions.push(Condition::ProcessesGone { targets: troublemakers });
    }
    conditions.extend(finding_gone(alert));
    PlanStep {
        command: format!("systemctl restart {}", shell_word(&name)),
        expectation: Expectation {
            conditions,
            hold_secs: UNIT_HOLD_SECS,
            within_secs: UNIT_WITHIN_SECS,
        },
        action: restart_action(unit),
        why,
    }
}

/// Restarts a unit in the run that was seen.
pub(super) fn restart_action(unit: &UnitStat) -> Action {
    let run = &unit.invocation_id;
    Action::ServiceRestart {
        unit: unit.unit.clone(),
        invocation_id: (!run.is_empty()).then(|| run.clone()),
    }
}

/// What the configuration says of a unit that no systemd runs.
fn declared<'a>(config: &'a Config, unit: &UnitStat) -> Option<&'a DeclaredService> {
    let is_declared = unit.service_type == "declared";
    config.services.iter().find(|service| is_declared && service.name == unit.unit)
}

/// Where a person reads why a unit fails; nowhere that is known for what no systemd runs.
pub(super) fn log_hint(unit: &UnitStat) -> String {
    if unit.service_type == "declared" {
        return String::new();
    }
    format!(" (`journalctl -u {}`)", shell_word(&unit.unit))
}

/// Where to ask whether a unit is well, as whoever reported the trouble says.
fn told_url(input: &DiagnoseInput<'_>, alert: &Alert, unit: &UnitStat) -> Option<String> {
    let of_unit = matches!(&alert.subject, Subject::Unit { unit: name } if *name == unit.unit);
    let told = alert.vars.get("health_url").and_then(serde_json::Value::as_str)?;
    (of_unit && containers::may_ask_url(input, told)).then(|| told.to_owned())
}

/// Frees space on a mount.
pub(super) fn clean(
    alert: &Alert,
    mount: &Mount,
    means: Vec<CleanMeans>,
    target_free_percent: f64,
    must_have_free_percent: Option<f64>,
    why: String,
) -> PlanStep {
    let mut conditions: Vec<Condition> = must_have_free_percent
        .map(|free_percent| Condition::MountFree {
            mount_point: mount.mount_point.clone(),
            free_percent,
        })
        .into_iter()
        .collect();
    conditions.extend(finding_gone(alert));
    let commands: Vec<String> = means.iter().map(clean_command).collect();
    PlanStep {
        command: commands.join(" && "),
        expectation: Expectation {
            conditions,
            hold_secs: CLEAN_HOLD_SECS,
            within_secs: CLEAN_WITHIN_SECS,
        },
        action: Action::DiskClean {
            mount_point: mount.mount_point.clone(),
            means,
            target_free_percent,
        },
        why,
    }
}

fn clean_command(means: &CleanMeans) -> String {
    match means {
        CleanMeans::JournalVacuum { keep_bytes } => {
            format!("journalctl --vacuum-size={}M", keep_bytes / (1024 * 1024))
        }
        CleanMeans::PackageCache => "apt-get clean".to_owned(),
        CleanMeans::OldFiles { directories, older_than_secs }
        | CleanMeans::MakeRoom { directories, older_than_secs } => {
            let directories: Vec<String> = directories.iter().map(|d| shell_word(d)).collect();
            format!(
                "find {} -xdev -type f -mmin +{} -print",
                directories.join(" "),
                older_than_secs / 60
            )
        }
    }
}

/// The word as a shell reads it back.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:+=,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (given, expected) in [
            ("nginx.service", "nginx.service"),
            (r"dev-disk\x2d1.service", r"'dev-disk\x2d1.service'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(given), expected);
        }
    }
}
