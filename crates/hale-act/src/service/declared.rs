//! `service.restart` of a service that the configuration declares (`[[services]]`): the program that
//! restarts it is run as it stands there, without a shell, under a time limit.
//!
//! Such a service is judged by the pid and the start time of its main process: if it has another by
//! now, someone restarted it since. Starting one that died is restarting it; there is no stop.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hale_model::action::{Outcome, PreState, Undo};
use hale_model::config::DeclaredService;
use hale_model::text;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{Job, Target};
use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::proc::Procs;

/// A program that takes longer is ended.
const RESTART_LIMIT: Duration = Duration::from_secs(90);
/// What it says on standard error, for the record.
const SAID_BYTES_MAX: u64 = 4096;
/// Whatever it started may keep its output open: that is not waited for.
const LINGER: Duration = Duration::from_millis(200);
/// A new main process must have shown itself by then.
const SHOW_LIMIT: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(20);
const PID_FILE_BYTES_MAX: usize = 64;

/// The run of the service, if it runs.
fn run_of(procs: &Procs, service: &DeclaredService) -> Option<String> {
    let text = std::fs::read(Path::new(&service.pid_file)).ok()?;
    let text = String::from_utf8_lossy(text.get(..PID_FILE_BYTES_MAX).unwrap_or(&text));
    let pid: i32 = text.split_whitespace().next()?.parse().ok().filter(|pid| *pid > 0)?;
    let start_ticks = procs.start_ticks_of(pid)?;
    Some(DeclaredService::run_id(pid, start_ticks))
}

pub(crate) fn pre_state(
    procs: &Procs,
    service: &DeclaredService,
    target: &Target<'_>,
) -> Result<Value, ActError> {
    let run = run_of(procs, service);
    check(target, run.as_deref())?;
    Ok(json!({
        "active_state": if run.is_some() { "active" } else { "failed" },
        "invocation_id": run,
        "unit": target.unit,
        "restart": service.restart,
    }))
}

fn check(target: &Target<'_>, run: Option<&str>) -> Result<(), ActError> {
    if target.job == Job::Stop {
        return Err(ActError::Unsupported {
            operation: "stop".to_owned(),
            why: format!(
                "{} is declared in [[services]], which says only how to restart it",
                target.unit
            ),
            next: "stop it as its own supervisor has it".to_owned(),
        });
    }
    match (target.invocation_id, run) {
        (Some(judged), Some(run)) if judged != run => Err(ActError::TargetChanged {
            target: target.unit.to_owned(),
            what: format!("it runs as {run} and not {judged}"),
        }),
        _ => Ok(()),
    }
}

pub(crate) async fn apply(
    procs: &Procs,
    service: &DeclaredService,
    target: &Target<'_>,
    pre: &PreState,
) -> Result<Outcome, ActError> {
    let before = run_of(procs, service);
    check(target, before.as_deref())?;
    if before.as_deref() != pre.facts["invocation_id"].as_str() {
        return Err(ActError::TargetChanged {
            target: target.unit.to_owned(),
            what: "it is not in the run that was looked at".to_owned(),
        });
    }
    if target.job == Job::Start && before.is_some() {
        return Ok(Outcome {
            done: true,
            exit: Some(0),
            detail: format!("{} was active already", target.unit),
            undo: Undo::nothing_changed(),
        });
    }
    let (exit, said) = run(service, target).await?;
    let after =
        if exit == Some(0) { new_run(procs, service, before.as_deref()).await } else { None };
    let now = match &after {
        Some(run) => format!("it runs as {run} now"),
        None => "no new process of it has shown itself".to_owned(),
    };
    let code = exit.map_or_else(|| "was ended".to_owned(), |code| format!("exit status {code}"));
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Ok(Outcome {
        done: after.is_some(),
        exit,
        detail: format!("restart {}: {code}{said}; {now}", target.unit),
        undo: Undo::None { why: "the run that was ended cannot come back".to_owned() },
    })
}

/// Runs the program that restarts it: its exit status, none if its time was over, and what it said.
async fn run(
    service: &DeclaredService,
    target: &Target<'_>,
) -> Result<(Option<i32>, String), ActError> {
    let failed = |why: String| ActError::failed(target.job.verb(), target.unit, why);
    let Some((program, arguments)) = service.restart.split_first() else {
        return Err(failed("no program restarts it".to_owned()));
    };
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = hale_spawn::spawn_async(&mut command)
        .map_err(|error| failed(format!("{program} cannot be started: {error}")))?;
    let stderr = child.stderr.take();
    let status = tokio::time::timeout(RESTART_LIMIT, child.wait()).await;
    let mut said = Vec::new();
    if let Some(stderr) = stderr {
        // What it has not said by now is not waited for.
        let _ =
            tokio::time::timeout(LINGER, stderr.take(SAID_BYTES_MAX).read_to_end(&mut said)).await;
    }
    let said = text::shorten(&text::printable(String::from_utf8_lossy(&said).trim()), 300);
    match status {
        Ok(Ok(status)) => Ok((status.code(), said)),
        Ok(Err(error)) => Err(failed(format!("{program} cannot be waited for: {error}"))),
        Err(_) => {
            // Ended with its handle: `kill_on_drop`.
            Ok((None, format!("no end within {} s", RESTART_LIMIT.as_secs())))
        }
    }
}

async fn new_run(procs: &Procs, service: &DeclaredService, before: Option<&str>) -> Option<String> {
    let deadline = tokio::time::Instant::now() + SHOW_LIMIT;
    loop {
        let run = run_of(procs, service).filter(|run| Some(run.as_str()) != before);
        if run.is_some() || tokio::time::Instant::now() >= deadline {
            return run;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

pub(crate) fn reconcile(
    procs: &Procs,
    service: &DeclaredService,
    target: &Target<'_>,
    pre: Option<&PreState>,
) -> Reconciled {
    let Some(pre) = pre else {
        return Reconciled::Unknown(format!("what {} was before is not known", target.unit));
    };
    let (before, now) = (pre.facts["invocation_id"].as_str(), run_of(procs, service));
    match now {
        Some(run) if Some(run.as_str()) != before => Reconciled::Done(Outcome {
            done: true,
            exit: None,
            detail: format!("{} runs as {run}", target.unit),
            undo: Undo::None { why: "the run that was ended cannot come back".to_owned() },
        }),
        Some(_) => Reconciled::NotDone(format!("{} is in the same run as before", target.unit)),
        None if before.is_none() => {
            Reconciled::NotDone(format!("{} is dead as before", target.unit))
        }
        None => Reconciled::Unknown(format!(
            "{} has ended; whether it is being started cannot be told",
            target.unit
        )),
    }
}
