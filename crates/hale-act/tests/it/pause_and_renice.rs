//! process.pause and process.renice on real children.

use hale_act::Reconciled;
use hale_model::action::{Action, Undo};

use crate::support::{Victim, World, block_on, carry_out, id};

#[test]
fn a_pause_stops_and_its_undo_continues_however_often() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let action = Action::ProcessPause { target: victim.target.clone() };
        let (pre, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert!(victim.stopped());
        assert_eq!(outcome.undo, Undo::Continue { target: victim.target.clone() });
        assert!(
            matches!(actuator.reconcile(&id(), &action, Some(&pre)).await, Reconciled::Done(o) if o.undo == outcome.undo)
        );
        assert!(matches!(actuator.reconcile(&id(), &action, None).await, Reconciled::Unknown(_)));
        for _ in 0..2 {
            actuator.undo(&id(), &outcome.undo).await.unwrap();
            assert!(victim.alive() && !victim.stopped());
        }
        assert!(matches!(
            actuator.reconcile(&id(), &action, Some(&pre)).await,
            Reconciled::NotDone(_)
        ));
    });
}

#[test]
fn what_was_stopped_before_is_not_continued_by_the_undo() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let action = Action::ProcessPause { target: victim.target.clone() };
        carry_out(&actuator, &action).await.unwrap();
        let (pre, second) = carry_out(&actuator, &action).await.unwrap();
        assert!(second.done && matches!(second.undo, Undo::None { .. }));
        actuator.undo(&id(), &second.undo).await.unwrap();
        assert!(victim.stopped());
        assert!(
            matches!(actuator.reconcile(&id(), &action, Some(&pre)).await, Reconciled::Done(o) if matches!(o.undo, Undo::None { .. }))
        );
    });
}

#[test]
fn a_reused_pid_is_neither_stopped_nor_continued_nor_reniced() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let stale = victim.as_reused();
        for action in [
            Action::ProcessPause { target: stale.clone() },
            Action::ProcessRenice { target: stale.clone(), nice: 19 },
        ] {
            let error = carry_out(&actuator, &action).await.unwrap_err();
            assert_eq!(error.kind(), "target_changed");
        }
        for undo in [
            Undo::Continue { target: stale.clone() },
            Undo::Renice { target: stale.clone(), nice: 3, set: None },
        ] {
            let error = actuator.undo(&id(), &undo).await.unwrap_err();
            assert_eq!(error.kind(), "target_gone", "{error}");
        }
        assert_eq!((victim.stopped(), victim.nice()), (false, own_nice()));
    });
}

fn own_nice() -> i32 {
    rustix::process::getpriority_process(None).unwrap()
}

#[test]
fn renice_reaches_every_thread_and_says_when_the_way_back_needs_root() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let (old, new) = (own_nice(), 15.max(own_nice() + 1));
        let action = Action::ProcessRenice { target: victim.target.clone(), nice: new };
        let (pre, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert_eq!(victim.nice(), new);
        assert_eq!(pre.facts["nice"], old);
        assert_eq!(
            outcome.undo,
            Undo::Renice { target: victim.target.clone(), nice: old, set: Some(new) }
        );
        assert!(
            matches!(actuator.reconcile(&id(), &action, Some(&pre)).await, Reconciled::Done(o) if o.undo == outcome.undo)
        );
        // A repeat changes nothing and has nothing to undo.
        let (_, again) = carry_out(&actuator, &action).await.unwrap();
        assert!(again.done && matches!(again.undo, Undo::None { .. }));
        if crate::support::has_cap_sys_nice() {
            for _ in 0..2 {
                actuator.undo(&id(), &outcome.undo).await.unwrap();
                assert_eq!(victim.nice(), old);
            }
        } else {
            assert!(outcome.detail.contains("may need root"), "{}", outcome.detail);
        }
    });
}

#[test]
fn a_value_that_somebody_else_gave_since_is_not_overwritten_by_the_undo() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let (hales, theirs) = (15.max(own_nice() + 1), 17.max(own_nice() + 2));
        let action = Action::ProcessRenice { target: victim.target.clone(), nice: hales };
        let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
        let pid = rustix::process::Pid::from_raw(victim.target.pid);
        rustix::process::setpriority_process(pid, theirs).unwrap();
        let error = actuator.undo(&id(), &outcome.undo).await.unwrap_err();
        assert_eq!(error.kind(), "target_changed", "{error}");
        assert!(error.to_string().contains(&format!("nice {theirs} since")), "{error}");
        assert_eq!(victim.nice(), theirs);
    });
}

#[test]
fn a_value_that_is_no_nice_value_is_refused_before_anything_is_touched() {
    block_on(async {
        let victim = Victim::sleeper();
        for nice in [-21, 20, i32::MAX] {
            let action = Action::ProcessRenice { target: victim.target.clone(), nice };
            let error = World::new().actuator().pre_state(&action).await.unwrap_err();
            assert!(error.to_string().contains("-20 to 19"), "{error}");
        }
    });
}
