//! `container.restart`, `container.start`, `container.stop`, `container.set_memory`: containers of
//! Docker or Podman, through the engine's API.
//!
//! A container is its id, judged in one of its runs: if it was started anew since, the plan is about a
//! run that no longer exists. Names reach the engine only as text in an error; no shell is involved.

mod engine;

use std::time::Duration;

use hale_model::Timestamp;
use hale_model::action::{Outcome, PreState, Undo};
use hale_model::container::{ContainerRef, ContainerState, is_container_id, is_container_name};
use hale_model::text::{bytes, printable, shorten};
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::roots::EngineAccess;
use engine::{Engine, Found, Took};

/// How often a container is looked at while the engine may still be at it.
const SETTLE_LOOK: Duration = Duration::from_millis(250);

/// What to have the engine do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Restart,
    Start,
    Stop,
    SetMemory(u64),
}

impl Job {
    fn verb(self) -> &'static str {
        match self {
            Job::Restart => "restart",
            Job::Start => "start",
            Job::Stop => "stop",
            Job::SetMemory(_) => "set the memory limit of",
        }
    }
}

/// Which container, and which of its runs was judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub job: Job,
    pub container: &'a ContainerRef,
}

impl Target<'_> {
    fn shown(&self) -> String {
        shown(self.container)
    }
}

fn shown(container: &ContainerRef) -> String {
    format!("container {}", shorten(&printable(&container.name), 80))
}

pub(crate) async fn pre_state(
    access: &EngineAccess,
    target: &Target<'_>,
) -> Result<Value, ActError> {
    let (_, found) = look(access, target).await?;
    Ok(json!({
        "container": found.name,
        "id": target.container.id,
        "memory_limit_bytes": found.memory_limit_bytes,
        "started_at": found.started_at,
        "state": found.state,
    }))
}

/// The container as it is now, if it is what was judged and can take such a job.
async fn look(access: &EngineAccess, target: &Target<'_>) -> Result<(Engine, Found), ActError> {
    check_identity(target.job.verb(), target.container)?;
    let engine = Engine::connect(access).await?;
    let found = engine.find(target.job.verb(), target.container).await?;
    check(target, &found)?;
    Ok((engine, found))
}

/// Only whole ids reach the engine's API, only plain names the hints that people paste.
fn check_identity(operation: &str, container: &ContainerRef) -> Result<(), ActError> {
    if is_container_id(&container.id) && is_container_name(&container.name) {
        return Ok(());
    }
    let why = "not the name and the whole id of a container";
    Err(ActError::failed(operation, shown(container), why))
}

fn check(target: &Target<'_>, found: &Found) -> Result<(), ActError> {
    let judged = target.container;
    let changed = |what: String| Err(ActError::TargetChanged { target: target.shown(), what });
    if found.name != judged.name {
        let name = shorten(&printable(&found.name), 80);
        return changed(format!("its id is that of container {name} now"));
    }
    if judged.started_at.is_some() && found.started_at != judged.started_at {
        return changed(format!("its run began {} and not {}", when(found), at(judged.started_at)));
    }
    if matches!(target.job, Job::SetMemory(_)) && found.memory_limit_bytes == 0 {
        // Engines can set a limit while a container runs, and cannot lift one: there is no way back.
        let why = "it has no limit, and one that is set could not be lifted again";
        return Err(ActError::failed(target.job.verb(), target.shown(), why));
    }
    match found.state {
        ContainerState::Removing | ContainerState::Dead => {
            Err(ActError::TargetGone { target: target.shown() })
        }
        ContainerState::Paused if target.job != Job::Stop => Err(ActError::failed(
            target.job.verb(),
            target.shown(),
            format!("a person froze it; `docker unpause {}` goes on", judged.name),
        )),
        ContainerState::Created
        | ContainerState::Running
        | ContainerState::Paused
        | ContainerState::Restarting
        | ContainerState::Exited
        | ContainerState::Unknown => Ok(()),
    }
}

fn at(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "never".to_owned(), |at| at.to_string())
}

fn when(found: &Found) -> String {
    at(found.started_at)
}

pub(crate) async fn apply(
    access: &EngineAccess,
    target: &Target<'_>,
    pre: &PreState,
) -> Result<Outcome, ActError> {
    let (engine, before) = look(access, target).await?;
    if pre_started_at(pre) != before.started_at {
        let what = format!("it was started anew: {}", when(&before));
        return Err(ActError::TargetChanged { target: target.shown(), what });
    }
    if let Some(outcome) = nothing_to_do(target, &before) {
        return Ok(outcome);
    }
    let took = match target.job {
        Job::Restart => engine.restart(target.container).await?,
        Job::Start => engine.start(target.container).await?,
        Job::Stop => engine.stop(target.container).await?,
        Job::SetMemory(limit) => engine.set_memory(target.container, limit, &before).await?,
    };
    let after = engine.find(target.job.verb(), target.container).await.ok();
    Ok(outcome(target, &before, &took, after.as_ref()))
}

fn pre_started_at(pre: &PreState) -> Option<Timestamp> {
    pre.facts["started_at"].as_str().and_then(|text| text.parse().ok())
}

/// Starting what runs, stopping what does not, setting what is set, is done already.
fn nothing_to_do(target: &Target<'_>, before: &Found) -> Option<Outcome> {
    let (done, said) = match target.job {
        Job::Restart => (false, String::new()),
        Job::Start => (before.state == ContainerState::Running, before.state.to_string()),
        Job::Stop => (rests(before.state), before.state.to_string()),
        Job::SetMemory(limit) => {
            (before.memory_limit_bytes == limit, format!("limited to {}", bytes(limit)))
        }
    };
    done.then(|| Outcome {
        done: true,
        exit: Some(0),
        detail: format!("{} was {said} already", target.shown()),
        undo: Undo::nothing_changed(),
    })
}

fn rests(state: ContainerState) -> bool {
    matches!(state, ContainerState::Exited | ContainerState::Created | ContainerState::Dead)
}

/// The way back. `after`: the run that the action began; without it any run counts.
fn undo_of(target: &Target<'_>, before: &Found, after: Option<&Found>) -> Undo {
    let run = |started_at| ContainerRef { started_at, ..target.container.clone() };
    match target.job {
        Job::Start => {
            Undo::StopContainer { container: run(after.and_then(|found| found.started_at)) }
        }
        Job::Stop => Undo::StartContainer { container: run(None) },
        // The run that was ended cannot come back; that the container runs can.
        Job::Restart if !rests(before.state) => Undo::StartContainer { container: run(None) },
        Job::Restart => Undo::None { why: "it was not running before".to_owned() },
        Job::SetMemory(set) => Undo::ContainerMemory {
            container: run(None),
            limit_bytes: before.memory_limit_bytes,
            set_bytes: Some(set),
        },
    }
}

fn outcome(target: &Target<'_>, before: &Found, took: &Took, after: Option<&Found>) -> Outcome {
    let name = target.shown();
    let now = after.map_or_else(
        || "its state now is not known".to_owned(),
        |found| format!("it is {} now, it was {} before", found.said(), before.said()),
    );
    let verb = target.job.verb();
    let (done, said) = match took {
        Took::Done => (true, format!("{verb} {name}: done")),
        Took::Silent(secs) => {
            (false, format!("{verb} {name}: the engine gave no answer in {secs} s"))
        }
        Took::Failed(why) => (false, format!("{verb} {name}: {why}")),
    };
    Outcome {
        done,
        exit: Some(i32::from(!done)),
        detail: format!("{said}; {now}"),
        undo: undo_of(target, before, after),
    }
}

/// Puts a container back. It may have been made anew since: then there is nothing to put back.
pub(crate) async fn undo(
    access: &EngineAccess,
    container: &ContainerRef,
    job: Job,
    set_bytes: Option<u64>,
) -> Result<String, ActError> {
    check_identity(job.verb(), container)?;
    let engine = Engine::connect(access).await?;
    let before = engine.find(job.verb(), container).await?;
    let name = shown(container);
    let target = Target { job, container };
    if let Some(outcome) = nothing_to_do(&target, &before) {
        return Ok(outcome.detail);
    }
    if let Some(set) = set_bytes.filter(|set| *set != before.memory_limit_bytes) {
        let what = format!(
            "somebody changed its limit since: it is {}, hale had set {}",
            bytes(before.memory_limit_bytes),
            bytes(set)
        );
        return Err(ActError::TargetChanged { target: name, what });
    }
    // A run that a person began since is theirs.
    if job == Job::Stop && container.started_at.is_some() {
        check(&target, &before)?;
    }
    let took = match job {
        Job::Start | Job::Restart => engine.start(container).await?,
        Job::Stop => engine.stop(container).await?,
        Job::SetMemory(limit) => engine.set_memory(container, limit, &before).await?,
    };
    match took {
        Took::Done => Ok(format!("{} {name}: done", job.verb())),
        Took::Failed(why) => Err(ActError::failed(job.verb(), name, why)),
        Took::Silent(secs) => {
            let why = format!("the engine gave no answer in {secs} s");
            Err(ActError::failed(job.verb(), name, why))
        }
    }
}

pub(crate) async fn reconcile(
    access: &EngineAccess,
    target: &Target<'_>,
    pre: Option<&PreState>,
) -> Reconciled {
    let found = async {
        check_identity(target.job.verb(), target.container)?;
        let engine = Engine::connect(access).await?;
        let found = engine.find(target.job.verb(), target.container).await?;
        Ok::<_, ActError>((engine, found))
    };
    match found.await {
        Ok((engine, found)) => settled(&engine, target, found, pre).await,
        Err(error) => Reconciled::Unknown(error.to_string()),
    }
}

/// An engine goes on with a job when whoever asked for it is gone, and a container may take its whole
/// grace period to end. Until that is over, "as before" means nothing.
async fn settled(
    engine: &Engine,
    target: &Target<'_>,
    mut found: Found,
    pre: Option<&PreState>,
) -> Reconciled {
    loop {
        let judged = judge(target, &found, pre);
        let still_may_be = pre
            .is_some_and(|pre| Timestamp::now().duration_since(pre.read_at) < found.settles_in());
        if !matches!(judged, Reconciled::NotDone(_)) || !still_may_be {
            return judged;
        }
        tokio::time::sleep(SETTLE_LOOK).await;
        match engine.find(target.job.verb(), target.container).await {
            Ok(now) => found = now,
            Err(error) => return Reconciled::Unknown(error.to_string()),
        }
    }
}

/// What the container's state says about whether the job was done.
fn judge(target: &Target<'_>, now: &Found, pre: Option<&PreState>) -> Reconciled {
    let name = target.shown();
    let Some(pre) = pre else {
        let said = now.said();
        return Reconciled::Unknown(format!("{name} is {said}, but what it was is not known"));
    };
    let before = Found {
        name: now.name.clone(),
        state: pre.facts["state"].as_str().map_or(ContainerState::Unknown, ContainerState::parse),
        started_at: pre_started_at(pre),
        memory_limit_bytes: pre.facts["memory_limit_bytes"].as_u64().unwrap_or(0),
        memory_swap_bytes: 0,
        exit_code: None,
        stop_secs: 0,
    };
    let done = |done: bool| {
        Reconciled::Done(Outcome {
            done,
            exit: None,
            detail: format!("{name} is {}", now.said()),
            undo: undo_of(target, &before, Some(now)),
        })
    };
    let not_done = || Reconciled::NotDone(format!("{name} is {} as before", now.said()));
    let same_run = before.started_at == now.started_at;
    let ran = !rests(before.state);
    let runs = now.state == ContainerState::Running;
    match target.job {
        Job::SetMemory(limit) if now.memory_limit_bytes == limit => done(true),
        Job::SetMemory(_) if now.memory_limit_bytes == before.memory_limit_bytes => not_done(),
        Job::SetMemory(_) => Reconciled::Unknown(format!("{name} has yet another limit")),
        Job::Start if runs && ran && same_run => Reconciled::Done(Outcome {
            done: true,
            exit: None,
            detail: format!("{name} was running already"),
            undo: Undo::nothing_changed(),
        }),
        Job::Start if same_run => not_done(),
        Job::Start => done(runs),
        Job::Restart if same_run && (runs == ran) => not_done(),
        Job::Restart => done(runs),
        Job::Stop if rests(now.state) && ran => done(true),
        Job::Stop if same_run => not_done(),
        Job::Stop => Reconciled::Unknown(format!("{name} is {}, in another run", now.said())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    fn container() -> ContainerRef {
        ContainerRef { id: "ab".repeat(32), name: "web".to_owned(), started_at: run(1) }
    }

    fn run(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn found(state: &str, second: i64, limit: u64) -> Found {
        Found {
            name: "web".to_owned(),
            state: ContainerState::parse(state),
            started_at: run(second),
            memory_limit_bytes: limit,
            memory_swap_bytes: 0,
            exit_code: None,
            stop_secs: 0,
        }
    }

    fn pre(state: &str, second: i64) -> PreState {
        PreState {
            read_at: Timestamp::UNIX_EPOCH,
            facts: json!({"state": state, "started_at": run(second), "memory_limit_bytes": 64}),
        }
    }

    #[test]
    fn after_a_crash_the_container_says_what_was_done() {
        let table = [
            (Job::Restart, pre("running", 1), found("running", 1, 64), "not done"),
            (Job::Restart, pre("running", 1), found("running", 2, 64), "done true"),
            (Job::Restart, pre("running", 1), found("exited", 1, 64), "done false"),
            (Job::Restart, pre("running", 1), found("exited", 2, 64), "done false"),
            (Job::Restart, pre("exited", 1), found("exited", 1, 64), "not done"),
            (Job::Restart, pre("exited", 1), found("running", 2, 64), "done true"),
            (Job::Start, pre("exited", 1), found("running", 2, 64), "done true"),
            (Job::Start, pre("exited", 1), found("exited", 1, 64), "not done"),
            (Job::Start, pre("exited", 1), found("exited", 2, 64), "done false"),
            (Job::Start, pre("running", 1), found("running", 1, 64), "done true"),
            (Job::Stop, pre("running", 1), found("exited", 1, 64), "done true"),
            (Job::Stop, pre("running", 1), found("running", 1, 64), "not done"),
            (Job::Stop, pre("running", 1), found("running", 2, 64), "unknown"),
            (Job::SetMemory(96), pre("running", 1), found("running", 1, 96), "done true"),
            (Job::SetMemory(96), pre("running", 1), found("running", 1, 64), "not done"),
            (Job::SetMemory(96), pre("running", 1), found("running", 1, 80), "unknown"),
        ];
        let container = container();
        for (job, pre, now, expected) in table {
            let target = Target { job, container: &container };
            let got = match judge(&target, &now, Some(&pre)) {
                Reconciled::Done(outcome) => format!("done {}", outcome.done),
                Reconciled::NotDone(_) => "not done".to_owned(),
                Reconciled::Unknown(_) => "unknown".to_owned(),
            };
            assert_eq!(got, expected, "{job:?} {} {now:?}", pre.facts);
            assert!(matches!(judge(&target, &now, None), Reconciled::Unknown(_)));
        }
    }

    #[test]
    fn another_run_another_name_and_what_is_being_removed_are_refusals() {
        let container = container();
        let target = Target { job: Job::Restart, container: &container };
        check(&target, &found("running", 1, 0)).unwrap();
        check(&target, &found("exited", 1, 0)).unwrap();
        let renamed = Found { name: "other".to_owned(), ..found("running", 1, 0) };
        for (now, kind) in [
            (found("running", 2, 0), "target_changed"),
            (renamed, "target_changed"),
            (found("removing", 1, 0), "target_gone"),
            (found("paused", 1, 0), "failed"),
        ] {
            assert_eq!(check(&target, &now).unwrap_err().kind(), kind, "{now:?}");
        }
    }

    #[test]
    fn only_whole_ids_and_plain_names_reach_the_engine() {
        let good = container();
        check_identity("restart", &good).unwrap();
        for name in ["", "$(reboot)", "a b", "web;ls", "../web", "web\n", "-rf"] {
            let bad = ContainerRef { name: name.to_owned(), ..good.clone() };
            check_identity("restart", &bad).unwrap_err();
        }
        for id in ["", "abab", "web", &"AB".repeat(32), &"zz".repeat(32), "../../containers"] {
            let bad = ContainerRef { id: id.to_owned(), ..good.clone() };
            check_identity("restart", &bad).unwrap_err();
        }
    }
}
