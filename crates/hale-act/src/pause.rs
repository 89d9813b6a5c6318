//! `process.pause`: STOP. Undone by CONT.

use std::time::Duration;

use hale_model::ProcRef;
use hale_model::action::{Outcome, PreState, Undo};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::proc::{Found, Procs, Stat, forbid_own_line};

/// How long the kernel may take to stop or continue every thread.
const STATE_CHANGE_LIMIT: Duration = Duration::from_secs(2);
const STATE_POLL_INTERVAL: Duration = Duration::from_millis(10);

pub(crate) fn pre_state(procs: &Procs, target: &ProcRef) -> Result<Value, ActError> {
    forbid_own_line(target, &procs.own_line())?;
    let stat = procs.require(target)?;
    Ok(json!({
        "exe": procs.exe(target.pid),
        "stopped": is_stopped(&stat),
        "target": target.key(),
        "uid": procs.uid(target.pid),
    }))
}

/// Stopped by a signal. A traced process ('t') is a debugger's business.
fn is_stopped(stat: &Stat) -> bool {
    stat.state == 'T'
}

pub(crate) async fn apply(procs: &Procs, target: &ProcRef) -> Result<Outcome, ActError> {
    forbid_own_line(target, &procs.own_line())?;
    let pinned = procs.pin(target)?;
    if is_stopped(&procs.require(target)?) {
        return Ok(already_stopped(target));
    }
    pinned
        .signal(Signal::STOP)
        .map_err(|e| ActError::from_errno("pause", target.to_string(), e))?;
    let stopped = wait_for_state(procs, target, true).await;
    let detail = if stopped {
        format!("{target} is stopped")
    } else {
        format!(
            "STOP was sent to {target}, but it is not stopped after {} s",
            STATE_CHANGE_LIMIT.as_secs()
        )
    };
    Ok(Outcome {
        done: stopped,
        exit: Some(0),
        detail,
        undo: Undo::Continue { target: target.clone() },
    })
}

fn already_stopped(target: &ProcRef) -> Outcome {
    Outcome {
        done: true,
        exit: Some(0),
        detail: format!("{target} was stopped already"),
        undo: Undo::None { why: "it was stopped before hale came".to_owned() },
    }
}

async fn wait_for_state(procs: &Procs, target: &ProcRef, stopped: bool) -> bool {
    let deadline = tokio::time::Instant::now() + STATE_CHANGE_LIMIT;
    loop {
        match procs.find(target) {
            Found::Alive(stat) if is_stopped(&stat) == stopped => return true,
            Found::Gone | Found::Replaced(_) => return false,
            Found::Alive(_) => {}
        }
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(STATE_POLL_INTERVAL).await;
    }
}

/// CONT. A process that runs already needs nothing; of one that has ended nothing can be put back.
pub(crate) async fn undo(procs: &Procs, target: &ProcRef) -> Result<String, ActError> {
    forbid_own_line(target, &procs.own_line())?;
    let pinned = match procs.pin(target) {
        Ok(pinned) => pinned,
        Err(ActError::TargetChanged { target, .. }) => return Err(ActError::TargetGone { target }),
        Err(error) => return Err(error),
    };
    pinned
        .signal(Signal::CONT)
        .map_err(|e| ActError::from_errno("continue", target.to_string(), e))?;
    if wait_for_state(procs, target, false).await {
        Ok(format!("{target} runs again"))
    } else {
        Err(ActError::failed(
            "continue",
            target.to_string(),
            "CONT was sent, but it is still stopped",
        ))
    }
}

pub(crate) fn reconcile(procs: &Procs, target: &ProcRef, pre: Option<&PreState>) -> Reconciled {
    match procs.find(target) {
        Found::Alive(stat) if !is_stopped(&stat) => {
            Reconciled::NotDone(format!("{target} is not stopped"))
        }
        Found::Alive(_) => match pre.map(|p| p.facts["stopped"].as_bool()) {
            Some(Some(true)) => Reconciled::Done(already_stopped(target)),
            Some(Some(false)) => Reconciled::Done(Outcome {
                done: true,
                exit: None,
                detail: format!("{target} is stopped"),
                undo: Undo::Continue { target: target.clone() },
            }),
            _ => Reconciled::Unknown(format!(
                "{target} is stopped, but how it was before is not known: \
                 `kill -CONT {}` lets it run",
                target.pid
            )),
        },
        Found::Gone | Found::Replaced(_) => Reconciled::NotDone(format!("{target} has ended")),
    }
}
