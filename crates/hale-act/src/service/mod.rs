//! `service.start`, `service.stop`, `service.restart`: systemd units over D-Bus.
//!
//! A unit is judged by its invocation id: if it has another by now, someone restarted it since, and
//! the plan is about a run that no longer exists.

pub(crate) mod declared;
mod systemd;

use hale_model::action::{Outcome, PreState, Undo};
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::roots::BusAccess;
use systemd::{JOB_LIMIT, Job, JobEnd, Systemd, UnitState};

pub(crate) use systemd::Job as ServiceJob;

/// Which unit, and which of its runs was judged.
pub(crate) struct Target<'a> {
    pub job: Job,
    pub unit: &'a str,
    pub invocation_id: Option<&'a str>,
}

pub(crate) async fn pre_state(bus: &BusAccess, target: &Target<'_>) -> Result<Value, ActError> {
    check_name(target)?;
    let systemd = Systemd::connect(bus).await?;
    let state = systemd.unit(target.unit).await?;
    check(target, &state)?;
    Ok(json!({
        "active_state": state.active,
        "invocation_id": state.invocation_id,
        "unit": target.unit,
    }))
}

/// Names go into D-Bus calls and hints: systemd's own alphabet only, and always with a suffix.
fn check_name(target: &Target<'_>) -> Result<(), ActError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if target.unit.len() <= 255 && target.unit.contains('.') && target.unit.chars().all(legal) {
        return Ok(());
    }
    let name = hale_model::text::shorten(&hale_model::text::printable(target.unit), 80);
    Err(ActError::failed(target.job.verb(), name, "not a unit name such as nginx.service"))
}

fn check(target: &Target<'_>, state: &UnitState) -> Result<(), ActError> {
    match state.load.as_str() {
        "not-found" => return Err(ActError::TargetGone { target: target.unit.to_owned() }),
        "masked" => {
            return Err(ActError::failed(
                target.job.verb(),
                target.unit,
                format!("the unit is masked; `systemctl unmask {}` lifts that", target.unit),
            ));
        }
        _ => {}
    }
    match target.invocation_id {
        Some(judged) if state.invocation_id.as_deref() != Some(judged) => {
            Err(ActError::TargetChanged {
                target: target.unit.to_owned(),
                what: format!(
                    "it runs as invocation {} and not {judged}",
                    state.invocation_id.as_deref().unwrap_or("none")
                ),
            })
        }
        _ => Ok(()),
    }
}

pub(crate) async fn apply(
    bus: &BusAccess,
    target: &Target<'_>,
    pre: &PreState,
) -> Result<Outcome, ActError> {
    check_name(target)?;
    let systemd = Systemd::connect(bus).await?;
    let before = systemd.unit(target.unit).await?;
    check(target, &before)?;
    let pre_invocation = pre.facts["invocation_id"].as_str();
    if pre_invocation != before.invocation_id.as_deref() {
        check(
            &Target { invocation_id: Some(pre_invocation.unwrap_or("none")), ..*target },
            &before,
        )?;
    }
    if let Some(outcome) = nothing_to_do(target, &before) {
        return Ok(outcome);
    }
    let starts = target.job != Job::Stop;
    if starts && before.result.as_deref() == Some("start-limit-hit") {
        // Else systemd refuses any start until the limit's interval is over.
        systemd.reset_failed(target.unit).await?;
    }
    let end = systemd.run(target.job, target.unit, JOB_LIMIT).await?;
    let after = systemd.unit(target.unit).await.ok();
    Ok(outcome(target, &before, &end, after.as_ref()))
}

/// Starting what runs, or stopping what does not, is done already.
fn nothing_to_do(target: &Target<'_>, before: &UnitState) -> Option<Outcome> {
    let done = match target.job {
        Job::Start => before.is_active(),
        Job::Stop => matches!(before.active.as_str(), "inactive" | "failed"),
        Job::Restart => false,
    };
    done.then(|| Outcome {
        done: true,
        exit: Some(0),
        detail: format!("{} was {} already", target.unit, before.active),
        undo: Undo::nothing_changed(),
    })
}

fn undo_of(target: &Target<'_>, was_active: bool) -> Undo {
    let unit = target.unit.to_owned();
    match target.job {
        Job::Start => Undo::StopUnit { unit },
        Job::Stop => Undo::StartUnit { unit },
        // The run that was ended cannot come back; that the unit runs can.
        Job::Restart if was_active => Undo::StartUnit { unit },
        Job::Restart => Undo::None { why: "it was not running before".to_owned() },
    }
}

fn outcome(
    target: &Target<'_>,
    before: &UnitState,
    end: &JobEnd,
    after: Option<&UnitState>,
) -> Outcome {
    let verb = target.job.verb();
    let now = after.map_or_else(
        || "its state now is not known".to_owned(),
        |s| format!("it is {} ({}) now, it was {} before", s.active, s.sub, before.active),
    );
    let (done, said) = match end {
        JobEnd::Result(result) => (result == "done", format!("{verb} {}: {result}", target.unit)),
        JobEnd::StillRunning => (
            false,
            format!("{verb} {}: no end of the job within {} s", target.unit, JOB_LIMIT.as_secs()),
        ),
    };
    Outcome {
        done,
        exit: Some(i32::from(!done)),
        detail: format!("{said}; {now}"),
        undo: undo_of(target, before.is_active()),
    }
}

/// Starts or stops the unit again, unless it is so already.
pub(crate) async fn undo(bus: &BusAccess, job: Job, unit: &str) -> Result<String, ActError> {
    let target = Target { job, unit, invocation_id: None };
    check_name(&target)?;
    let systemd = Systemd::connect(bus).await?;
    let before = systemd.unit(unit).await?;
    check(&target, &before)?;
    if let Some(outcome) = nothing_to_do(&target, &before) {
        return Ok(outcome.detail);
    }
    if job != Job::Stop && before.result.as_deref() == Some("start-limit-hit") {
        systemd.reset_failed(unit).await?;
    }
    match systemd.run(job, unit, JOB_LIMIT).await? {
        JobEnd::Result(result) if result == "done" => Ok(format!("{} {unit}: done", job.verb())),
        JobEnd::Result(result) => Err(ActError::failed(job.verb(), unit, result)),
        JobEnd::StillRunning => {
            let why = format!("no end of the job within {} s", JOB_LIMIT.as_secs());
            Err(ActError::failed(job.verb(), unit, why))
        }
    }
}

pub(crate) async fn reconcile(
    bus: &BusAccess,
    target: &Target<'_>,
    pre: Option<&PreState>,
) -> Reconciled {
    let look = async {
        check_name(target)?;
        Systemd::connect(bus).await?.unit(target.unit).await
    };
    match look.await {
        Ok(state) => judge(target, &state, pre),
        Err(error) => Reconciled::Unknown(error.to_string()),
    }
}

/// What the unit's state says about whether the job was done.
fn judge(target: &Target<'_>, state: &UnitState, pre: Option<&PreState>) -> Reconciled {
    let unit = target.unit;
    let Some(pre) = pre else {
        return Reconciled::Unknown(format!(
            "{unit} is {}, but what it was before is not known",
            state.active
        ));
    };
    let old_run = pre.facts["invocation_id"].as_str();
    let was_active = pre.facts["active_state"].as_str() == Some("active");
    let same_run = old_run == state.invocation_id.as_deref();
    if state.is_changing() {
        return Reconciled::Unknown(format!("{unit} is {} ({})", state.active, state.sub));
    }
    let done = |done: bool| {
        Reconciled::Done(Outcome {
            done,
            exit: None,
            detail: format!("{unit} is {} ({})", state.active, state.sub),
            undo: undo_of(target, was_active),
        })
    };
    let not_done = || Reconciled::NotDone(format!("{unit} is {} as before", state.active));
    match target.job {
        Job::Start if state.is_active() && was_active && same_run => Reconciled::Done(Outcome {
            done: true,
            exit: None,
            detail: format!("{unit} was active already"),
            undo: Undo::nothing_changed(),
        }),
        Job::Start if state.is_active() => done(true),
        Job::Start if same_run => not_done(),
        Job::Start => done(false),
        Job::Restart if same_run && state.is_active() == was_active => not_done(),
        Job::Restart => done(state.is_active()),
        Job::Stop if !state.is_active() && was_active => done(true),
        Job::Stop if same_run => not_done(),
        Job::Stop => Reconciled::Unknown(format!("{unit} is {}, in another run", state.active)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use hale_model::Timestamp;

    use super::*;

    fn state(active: &str, run: Option<&str>) -> UnitState {
        UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: "x".to_owned(),
            invocation_id: run.map(str::to_owned),
            result: None,
        }
    }

    fn pre(active: &str, run: &str) -> PreState {
        PreState {
            read_at: Timestamp::UNIX_EPOCH,
            facts: json!({"active_state": active, "invocation_id": run, "unit": "a.service"}),
        }
    }

    #[test]
    fn after_a_crash_the_unit_says_what_was_done() {
        let table = [
            (Job::Restart, pre("active", "r1"), state("active", Some("r1")), "not done"),
            (Job::Restart, pre("active", "r1"), state("active", Some("r2")), "done true"),
            (Job::Restart, pre("active", "r1"), state("failed", Some("r2")), "done false"),
            (Job::Restart, pre("active", "r1"), state("inactive", Some("r1")), "done false"),
            (Job::Restart, pre("failed", "r1"), state("failed", Some("r1")), "not done"),
            (Job::Restart, pre("active", "r1"), state("activating", Some("r2")), "unknown"),
            (Job::Start, pre("inactive", "r1"), state("active", Some("r2")), "done true"),
            (Job::Start, pre("inactive", "r1"), state("inactive", Some("r1")), "not done"),
            (Job::Start, pre("inactive", "r1"), state("failed", Some("r2")), "done false"),
            (Job::Start, pre("active", "r1"), state("active", Some("r1")), "done true"),
            (Job::Stop, pre("active", "r1"), state("inactive", Some("r1")), "done true"),
            (Job::Stop, pre("active", "r1"), state("active", Some("r1")), "not done"),
            (Job::Stop, pre("active", "r1"), state("active", Some("r2")), "unknown"),
            (Job::Stop, pre("active", "r1"), state("deactivating", Some("r1")), "unknown"),
        ];
        for (job, pre, now, expected) in table {
            let target = Target { job, unit: "a.service", invocation_id: None };
            let got = match judge(&target, &now, Some(&pre)) {
                Reconciled::Done(outcome) => format!("done {}", outcome.done),
                Reconciled::NotDone(_) => "not done".to_owned(),
                Reconciled::Unknown(_) => "unknown".to_owned(),
            };
            assert_eq!(got, expected, "{job:?} {:?} {now:?}", pre.facts);
        }
    }

    #[test]
    fn another_run_is_a_refusal_and_a_masked_unit_a_failure() {
        let target = Target { job: Job::Restart, unit: "a.service", invocation_id: Some("r1") };
        check(&target, &state("active", Some("r1"))).unwrap();
        for run in [None, Some("r2")] {
            assert_eq!(check(&target, &state("active", run)).unwrap_err().kind(), "target_changed");
        }
        let masked = UnitState { load: "masked".to_owned(), ..state("inactive", None) };
        assert!(!check(&target, &masked).unwrap_err().is_refusal());
        let missing = UnitState { load: "not-found".to_owned(), ..state("inactive", None) };
        assert!(check(&target, &missing).unwrap_err().is_refusal());
    }

    #[test]
    fn only_unit_names_reach_the_bus() {
        for (unit, legal) in [
            ("nginx.service", true),
            ("getty@tty1.service", true),
            ("dev-disk-by\\x2dlabel-x.mount", true),
            ("nginx", false),
            ("a b.service", false),
            ("../x.service", false),
            ("$(x).service", false),
            ("", false),
        ] {
            let target = Target { job: Job::Start, unit, invocation_id: None };
            assert_eq!(check_name(&target).is_ok(), legal, "{unit}");
        }
    }
}
