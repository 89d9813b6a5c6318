//! `process.kill`: TERM, a grace period, then KILL, each process through its own pidfd. No undo.

use std::collections::BTreeSet;
use std::time::Duration;

use hale_model::ProcRef;
use hale_model::action::{Outcome, Undo};
use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::proc::{Found, Pinned, Procs, forbid_own_line, replaced, wait_until_gone};

/// How long the kernel may take to end a process after KILL.
const GONE_AFTER_KILL: Duration = Duration::from_secs(5);
/// Longest grace period between TERM and KILL.
const MAX_GRACE_SECS: u32 = 600;
/// Members that appear in a process group while it is being killed are looked for this often.
const MAX_GROUP_ROUNDS: u32 = 3;
/// Processes that one action may hold pinned.
const MAX_PINNED: usize = 4096;
/// Processes that the outcome names one by one.
const MAX_NAMED: usize = 20;

/// What to kill, and how.
pub(crate) struct Kill<'a> {
    pub targets: &'a [ProcRef],
    pub grace_secs: u32,
    pub force: bool,
    pub group: bool,
}

/// How one process ended, or why it did not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not yet known.
    Pending,
    /// It had exited before the signal arrived.
    GoneAlready,
    /// TERM was enough.
    Term,
    /// It took KILL.
    Kill,
    /// The kernel refused the signal.
    Denied(Errno),
    /// It lives on after KILL.
    Left,
}

struct Victim {
    pinned: Pinned,
    fate: Fate,
}

pub(crate) fn pre_state(procs: &Procs, kill: &Kill<'_>) -> Result<Value, ActError> {
    let own_line = procs.own_line();
    let mut targets = serde_json::Map::new();
    let mut refusal = None;
    let mut alive = 0;
    for target in sorted(kill.targets) {
        forbid_own_line(target, &own_line)?;
        let fact = match procs.find(target) {
            Found::Alive(stat) => {
                alive += 1;
                let pgrp = kill.group.then_some(stat.pgrp);
                json!({"exe": procs.exe(target.pid), "group": pgrp, "uid": procs.uid(target.pid)})
            }
            Found::Gone => json!("gone"),
            Found::Replaced(stat) => {
                refusal = Some(replaced(target, &stat));
                json!("gone")
            }
        };
        targets.insert(target.key(), fact);
    }
    if alive == 0 {
        return Err(refusal.unwrap_or_else(|| ActError::TargetGone { target: names(kill.targets) }));
    }
    Ok(json!({ "targets": targets }))
}

fn sorted(targets: &[ProcRef]) -> Vec<&ProcRef> {
    let mut sorted: Vec<_> = targets.iter().collect();
    sorted.sort_by_key(|t| (t.pid, t.start_ticks));
    sorted.dedup_by(|a, b| a.same_process(b));
    sorted
}

pub(crate) async fn apply(procs: &Procs, kill: &Kill<'_>) -> Result<Outcome, ActError> {
    let own_line = procs.own_line();
    let mut notes = Vec::new();
    let mut victims = pin_targets(procs, kill, &own_line, &mut notes)?;
    if kill.group {
        let members = group_members(procs, &victims, &own_line, &mut notes)?;
        victims.extend(members);
    }
    let first = if kill.force { Signal::KILL } else { Signal::TERM };
    send(procs, &mut victims, first);
    if victims.iter().all(|v| matches!(v.fate, Fate::Denied(_))) {
        return Err(denied(&victims));
    }
    if !kill.force {
        let grace = Duration::from_secs(u64::from(kill.grace_secs.min(MAX_GRACE_SECS)));
        wait_for(&victims, grace).await;
        settle(&mut victims, Fate::Term);
    }
    kill_the_rest(procs, kill, &own_line, &mut victims, &mut notes).await?;
    Ok(outcome(procs, &victims, &notes))
}

/// Pins every target that is still itself. Others are noted; with none left it is a refusal.
fn pin_targets(
    procs: &Procs,
    kill: &Kill<'_>,
    own_line: &BTreeSet<i32>,
    notes: &mut Vec<String>,
) -> Result<Vec<Victim>, ActError> {
    let mut victims = Vec::new();
    let mut refusal = None;
    for target in sorted(kill.targets) {
        forbid_own_line(target, own_line)?;
        if victims.len() >= MAX_PINNED {
            notes.push(format!("only the first {MAX_PINNED} were taken on"));
            break;
        }
        match procs.pin(target) {
            Ok(pinned) => victims.push(Victim { pinned, fate: Fate::Pending }),
            Err(error) if error.is_refusal() => {
                notes.push(format!("{target} was gone before"));
                if !matches!(refusal, Some(ActError::TargetChanged { .. })) {
                    refusal = Some(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    match refusal {
        Some(error) if victims.is_empty() => Err(error),
        _ if victims.is_empty() => {
            Err(ActError::failed("kill", "no process", "the plan names none"))
        }
        _ => Ok(victims),
    }
}

/// The other members of the victims' process groups as they are now, same owner only.
///
/// A group id cannot be given to a new group while one of its members lives, so the groups are read
/// off victims that have not exited: a reused group id is never followed.
fn group_members(
    procs: &Procs,
    victims: &[Victim],
    own_line: &BTreeSet<i32>,
    notes: &mut Vec<String>,
) -> Result<Vec<Victim>, ActError> {
    let mut groups = BTreeSet::new();
    for victim in victims {
        let pid = victim.pinned.target.pid;
        let (Some(stat), Some(uid)) = (procs.stat(pid), procs.uid(pid)) else { continue };
        if !victim.pinned.exited() && stat.pgrp > 1 {
            groups.insert((stat.pgrp, uid));
        }
    }
    let known: BTreeSet<i32> = victims.iter().map(|v| v.pinned.target.pid).collect();
    let mut members = Vec::new();
    for stat in procs.all()? {
        if !stat.lives() || known.contains(&stat.pid) || !groups.iter().any(|g| g.0 == stat.pgrp) {
            continue;
        }
        let target = stat.reference();
        if let Err(error) = forbid_own_line(&target, own_line) {
            push_once(notes, error.to_string());
            continue;
        }
        if !procs.uid(stat.pid).is_some_and(|uid| groups.contains(&(stat.pgrp, uid))) {
            push_once(
                notes,
                format!("{target} is in the group but belongs to another user: left alone"),
            );
            continue;
        }
        if known.len() + members.len() >= MAX_PINNED {
            push_once(notes, format!("only {MAX_PINNED} members were taken on"));
            break;
        }
        // Whoever left the group, or the world, since the listing is not followed.
        let Ok(pinned) = procs.pin(&target) else { continue };
        if procs.stat(stat.pid).is_some_and(|now| now.pgrp == stat.pgrp) {
            members.push(Victim { pinned, fate: Fate::Pending });
        }
    }
    Ok(members)
}

fn push_once(notes: &mut Vec<String>, note: String) {
    if !notes.contains(&note) {
        notes.push(note);
    }
}

fn send(procs: &Procs, victims: &mut [Victim], signal: Signal) {
    for victim in victims.iter_mut().filter(|v| v.fate == Fate::Pending) {
        match victim.pinned.signal(signal) {
            Ok(()) => {
                // A stopped process takes TERM only once it continues.
                let stopped = procs.stat(victim.pinned.target.pid).is_some_and(|s| s.state == 'T');
                if signal == Signal::TERM && stopped {
                    let _ = victim.pinned.signal(Signal::CONT);
                }
            }
            Err(Errno::SRCH) => victim.fate = Fate::GoneAlready,
            Err(errno) => victim.fate = Fate::Denied(errno),
        }
    }
}

async fn wait_for(victims: &[Victim], limit: Duration) {
    let pending: Vec<&Pinned> =
        victims.iter().filter(|v| v.fate == Fate::Pending).map(|v| &v.pinned).collect();
    wait_until_gone(&pending, limit).await;
}

fn settle(victims: &mut [Victim], fate: Fate) {
    for victim in victims.iter_mut().filter(|v| v.fate == Fate::Pending && v.pinned.exited()) {
        victim.fate = fate;
    }
}

/// KILL to whoever is left, and to those that joined the group meanwhile.
async fn kill_the_rest(
    procs: &Procs,
    kill: &Kill<'_>,
    own_line: &BTreeSet<i32>,
    victims: &mut Vec<Victim>,
    notes: &mut Vec<String>,
) -> Result<(), ActError> {
    for round in 0..MAX_GROUP_ROUNDS {
        if kill.group {
            // Listing fails only if /proc itself does; those already pinned are still dealt with.
            let joined = group_members(procs, victims, own_line, notes).unwrap_or_default();
            if round > 0 && joined.is_empty() {
                break;
            }
            victims.extend(joined);
        } else if round > 0 {
            break;
        }
        send(procs, victims, Signal::KILL);
    }
    wait_for(victims, GONE_AFTER_KILL).await;
    settle(victims, Fate::Kill);
    for victim in victims.iter_mut().filter(|v| v.fate == Fate::Pending) {
        victim.fate = Fate::Left;
    }
    Ok(())
}

fn denied(victims: &[Victim]) -> ActError {
    let errno = victims.iter().find_map(|v| match v.fate {
        Fate::Denied(errno) => Some(errno),
        Fate::Pending | Fate::GoneAlready | Fate::Term | Fate::Kill | Fate::Left => None,
    });
    let targets: Vec<_> = victims.iter().map(|v| v.pinned.target.clone()).collect();
    ActError::from_errno("kill", names(&targets), errno.unwrap_or(Errno::PERM))
}

fn outcome(procs: &Procs, victims: &[Victim], notes: &[String]) -> Outcome {
    let with = |wanted: fn(Fate) -> bool| -> Vec<ProcRef> {
        victims.iter().filter(|v| wanted(v.fate)).map(|v| v.pinned.target.clone()).collect()
    };
    let mut parts = Vec::new();
    let mut part = |label: &str, targets: &[ProcRef]| {
        if !targets.is_empty() {
            parts.push(format!("{label} {}", names(targets)));
        }
    };
    part("ended by TERM:", &with(|f| f == Fate::Term));
    part("ended by KILL:", &with(|f| f == Fate::Kill));
    part("had exited already:", &with(|f| f == Fate::GoneAlready));
    let refused = with(|f| matches!(f, Fate::Denied(_)));
    part("not permitted:", &refused);
    for victim in victims.iter().filter(|v| v.fate == Fate::Left) {
        parts.push(still_there(procs, &victim.pinned.target));
    }
    parts.extend(notes.iter().cloned());
    let errno = victims.iter().find_map(|v| match v.fate {
        Fate::Denied(errno) => Some(errno.raw_os_error()),
        Fate::Pending | Fate::GoneAlready | Fate::Term | Fate::Kill | Fate::Left => None,
    });
    let left = victims.iter().any(|v| v.fate == Fate::Left);
    Outcome {
        done: errno.is_none() && !left,
        exit: errno.or((!left).then_some(0)),
        detail: parts.join("; "),
        undo: no_undo(),
    }
}

fn no_undo() -> Undo {
    Undo::None { why: "a process that ended cannot be brought back".to_owned() }
}

/// Why a process outlives KILL, said honestly.
fn still_there(procs: &Procs, target: &ProcRef) -> String {
    match procs.find(target) {
        Found::Alive(stat) if stat.state == 'D' => format!(
            "still there: {target} sleeps uninterruptibly (D) in the kernel; KILL takes effect when its I/O ends"
        ),
        Found::Alive(stat) => format!(
            "still there {} s after KILL: {target} in state {}",
            GONE_AFTER_KILL.as_secs(),
            stat.state
        ),
        Found::Gone | Found::Replaced(_) => format!("ended late: {target}"),
    }
}

fn names(targets: &[ProcRef]) -> String {
    let mut names: Vec<_> = targets
        .iter()
        .take(MAX_NAMED)
        .map(|t| hale_model::text::printable(&t.to_string()))
        .collect();
    if targets.len() > MAX_NAMED {
        names.push(format!("and {} more", targets.len() - MAX_NAMED));
    }
    names.join(", ")
}

/// Who of the targets lives? That is all that can be seen after a crash.
pub(crate) fn reconcile(procs: &Procs, kill: &Kill<'_>) -> Reconciled {
    let targets = sorted(kill.targets);
    let alive: Vec<ProcRef> = targets
        .iter()
        .filter(|t| matches!(procs.find(t), Found::Alive(_)))
        .map(|t| (*t).clone())
        .collect();
    if alive.len() == targets.len() {
        return Reconciled::NotDone(format!("still running: {}", names(&alive)));
    }
    let gone = targets.len() - alive.len();
    let detail = if alive.is_empty() {
        format!("all {gone} are gone; whether by hale's signal cannot be told")
    } else {
        format!(
            "interrupted: {gone} of {} are gone; still running: {}",
            targets.len(),
            names(&alive)
        )
    };
    Reconciled::Done(Outcome { done: alive.is_empty(), exit: None, detail, undo: no_undo() })
}
