//! `process.renice`: another nice value for every thread. Undone by the old one.

use hale_model::ProcRef;
use hale_model::action::{Outcome, PreState, Undo};
use rustix::io::Errno;
use rustix::process::{Pid, setpriority_process};
use rustix::thread::{CapabilitySet, capabilities};
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::proc::{Found, Procs, forbid_own_line};

pub(crate) fn pre_state(procs: &Procs, target: &ProcRef, nice: i32) -> Result<Value, ActError> {
    check_range(target, nice)?;
    forbid_own_line(target, &procs.own_line())?;
    let stat = procs.require(target)?;
    Ok(json!({
        "exe": procs.exe(target.pid),
        "nice": stat.nice,
        "target": target.key(),
        "uid": procs.uid(target.pid),
    }))
}

fn check_range(target: &ProcRef, nice: i32) -> Result<(), ActError> {
    if (-20..=19).contains(&nice) {
        return Ok(());
    }
    let why = format!("{nice} is no nice value: -20 to 19");
    Err(ActError::failed("renice", target.to_string(), why))
}

pub(crate) fn apply(procs: &Procs, target: &ProcRef, nice: i32) -> Result<Outcome, ActError> {
    check_range(target, nice)?;
    forbid_own_line(target, &procs.own_line())?;
    let pinned = procs.pin(target)?;
    let old = procs.require(target)?.nice;
    if old == nice {
        return Ok(Outcome {
            done: true,
            exit: Some(0),
            detail: format!("{target} had nice {nice} already"),
            undo: Undo::nothing_changed(),
        });
    }
    let threads = set_threads(procs, target, old, nice)?;
    // The call takes a pid. That it hit the right process is certain only if that one still lives.
    if pinned.exited() {
        return Ok(Outcome {
            done: false,
            exit: None,
            detail: format!("{target} ended while its nice value was being set"),
            undo: Undo::None { why: "the process has ended".to_owned() },
        });
    }
    let mut detail = format!("nice of {target} changed from {old} to {nice} ({threads} threads)");
    if nice > old && !may_lower() {
        detail.push_str(&format!("; setting {old} again may need root (CAP_SYS_NICE)"));
    }
    Ok(Outcome {
        done: true,
        exit: Some(0),
        detail,
        undo: Undo::Renice { target: target.clone(), nice: old, set: Some(nice) },
    })
}

/// Root in a container often may not.
fn may_lower() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_NICE))
}

/// Linux keeps a nice value a thread: those that share the main thread's value follow it, those
/// that were given their own keep it.
fn set_threads(procs: &Procs, target: &ProcRef, old: i32, new: i32) -> Result<usize, ActError> {
    set(target, target.pid, new)?;
    let mut changed = vec![target.pid];
    for thread in procs.threads(target.pid) {
        if thread.pid == target.pid || thread.nice != old {
            continue;
        }
        match set(target, thread.pid, new) {
            Ok(()) => changed.push(thread.pid),
            // It ended in between.
            Err(ActError::TargetGone { .. }) => {}
            Err(error) => {
                // All or nothing: an error must mean that nothing was changed.
                for tid in changed {
                    let _ = set(target, tid, old);
                }
                return Err(error);
            }
        }
    }
    Ok(changed.len())
}

fn set(target: &ProcRef, tid: i32, nice: i32) -> Result<(), ActError> {
    let result = match Pid::from_raw(tid) {
        Some(pid) if tid > 1 => setpriority_process(Some(pid), nice),
        Some(_) | None => Err(Errno::INVAL),
    };
    result.map_err(|errno| {
        ActError::from_errno("renice", target.to_string(), errno)
            .with_next("a lower nice value, or another user's process, needs root (CAP_SYS_NICE)")
    })
}

/// The old value again, unless somebody has given it another one than hale since.
pub(crate) fn undo(
    procs: &Procs,
    target: &ProcRef,
    old: i32,
    set: Option<i32>,
) -> Result<String, ActError> {
    check_range(target, old)?;
    forbid_own_line(target, &procs.own_line())?;
    let now = match procs.find(target) {
        Found::Alive(stat) => stat.nice,
        Found::Gone | Found::Replaced(_) => {
            return Err(ActError::TargetGone { target: target.to_string() });
        }
    };
    if now == old {
        return Ok(format!("{target} has nice {old} already"));
    }
    if let Some(set) = set.filter(|set| *set != now) {
        let what = format!("somebody gave it nice {now} since, hale had set {set}");
        return Err(ActError::TargetChanged { target: target.to_string(), what });
    }
    let _pinned = procs.pin(target)?;
    set_threads(procs, target, now, old)?;
    Ok(format!("nice of {target} is {old} again"))
}

pub(crate) fn reconcile(
    procs: &Procs,
    target: &ProcRef,
    nice: i32,
    pre: Option<&PreState>,
) -> Reconciled {
    let stat = match procs.find(target) {
        Found::Alive(stat) => stat,
        Found::Gone | Found::Replaced(_) => {
            return Reconciled::NotDone(format!("{target} has ended"));
        }
    };
    if stat.nice != nice {
        return Reconciled::NotDone(format!("nice of {target} is {}", stat.nice));
    }
    let old = pre.and_then(|p| p.facts["nice"].as_i64()).and_then(|n| i32::try_from(n).ok());
    let undo = match old {
        Some(old) if old != nice => {
            Undo::Renice { target: target.clone(), nice: old, set: Some(nice) }
        }
        Some(_) => Undo::nothing_changed(),
        None => Undo::None { why: "the value before is not known".to_owned() },
    };
    Reconciled::Done(Outcome {
        done: true,
        exit: None,
        detail: format!("nice of {target} is {nice}"),
        undo,
    })
}
