//! process.kill on real children.

use std::time::{Duration, Instant};

use hale_act::Reconciled;
use hale_model::ProcRef;
use hale_model::action::Action;

use crate::support::{Victim, World, block_on, carry_out, eventually, id, reference};

fn kill(targets: Vec<ProcRef>) -> Action {
    Action::ProcessKill { targets, grace_secs: 1, force: false, group: false }
}

#[test]
fn term_is_enough_for_most_and_kill_comes_after_the_grace_period() {
    block_on(async {
        let actuator = World::new().actuator();
        let (polite, stubborn) = (Victim::sleeper(), Victim::stubborn());
        let bystander = Victim::sleeper();
        let started = Instant::now();
        let action = kill(vec![polite.target.clone(), stubborn.target.clone()]);
        let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
        let took = started.elapsed();
        assert!(outcome.done && outcome.exit == Some(0), "{outcome:?}");
        assert_eq!(
            outcome.detail,
            format!("ended by TERM: {}; ended by KILL: {}", polite.target, stubborn.target)
        );
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
        assert!(!polite.alive() && !stubborn.alive() && bystander.alive());
        // What is gone cannot be killed again.
        let error = carry_out(&actuator, &action).await.unwrap_err();
        assert!(error.is_refusal() && error.kind() == "target_gone", "{error}");
        assert!(
            matches!(actuator.reconcile(&id(), &action, None).await, Reconciled::Done(o) if o.done)
        );
    });
}

#[test]
fn a_polite_process_does_not_cost_the_whole_grace_period() {
    block_on(async {
        let victim = Victim::sleeper();
        let action = Action::ProcessKill {
            targets: vec![victim.target.clone()],
            grace_secs: 30,
            force: false,
            group: false,
        };
        let started = Instant::now();
        carry_out(&World::new().actuator(), &action).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn force_is_kill_at_once() {
    block_on(async {
        let victim = Victim::stubborn();
        let targets = vec![victim.target.clone()];
        let action = Action::ProcessKill { targets, grace_secs: 60, force: true, group: false };
        let (_, outcome) = carry_out(&World::new().actuator(), &action).await.unwrap();
        assert_eq!(outcome.detail, format!("ended by KILL: {}", victim.target));
    });
}

#[test]
fn a_reused_pid_is_refused_and_its_new_owner_lives() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        let stale = kill(vec![victim.as_reused()]);
        let error = actuator.pre_state(&stale).await.unwrap_err();
        assert_eq!((error.kind(), error.is_refusal()), ("target_changed", true));
        // Even with a pre-state from before the reuse, the last look refuses.
        let pre = actuator.pre_state(&kill(vec![victim.target.clone()])).await.unwrap();
        let error = actuator.apply(&id(), &stale, &pre).await.unwrap_err();
        assert_eq!(error.kind(), "target_changed");
        assert!(victim.alive());
    });
}

#[test]
fn one_reused_pid_among_many_is_left_out_and_named() {
    block_on(async {
        let actuator = World::new().actuator();
        let (victim, stranger) = (Victim::sleeper(), Victim::sleeper());
        let action = kill(vec![victim.target.clone(), stranger.as_reused()]);
        let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert!(outcome.done && outcome.detail.contains("was gone before"), "{}", outcome.detail);
        assert!(!victim.alive() && stranger.alive());
    });
}

#[test]
fn a_group_is_killed_member_by_member_and_the_neighbours_live() {
    block_on(async {
        // The leader ignores TERM and keeps making children; so do its children.
        let nest = "trap '' TERM; (trap '' TERM; sleep 60) & sleep 60 & (sleep 60 & exec sleep 60) & echo ready; while :; do sleep 0.2; done";
        let (nest, neighbour) = (Victim::shell(nest), Victim::sleeper());
        eventually("the nest is full", || nest.group().len() >= 5);
        let targets = vec![nest.target.clone()];
        let action = Action::ProcessKill { targets, grace_secs: 1, force: false, group: true };
        let (pre, outcome) = carry_out(&World::new().actuator(), &action).await.unwrap();
        assert_eq!(pre.facts["targets"][nest.target.key()]["group"], nest.target.pid);
        assert!(outcome.done, "{}", outcome.detail);
        assert_eq!(nest.group(), Vec::<i32>::new());
        assert!(neighbour.alive());
    });
}

#[test]
fn hale_and_those_it_runs_under_are_never_killed_not_even_as_members_of_a_group() {
    block_on(async {
        let actuator = World::new().actuator();
        let own = reference(std::process::id() as i32).unwrap();
        // None: the parent lies outside the container.
        let parent = rustix::process::getppid().and_then(|p| reference(p.as_raw_nonzero().get()));
        let init = reference(1);
        for target in [Some(own), parent, init].into_iter().flatten() {
            let error = actuator.pre_state(&kill(vec![target.clone()])).await.unwrap_err();
            assert_eq!(error.kind(), "forbidden", "{target}");
            let pre = hale_model::action::PreState {
                read_at: hale_model::Timestamp::now(),
                facts: serde_json::Value::Null,
            };
            let error = actuator.apply(&id(), &kill(vec![target]), &pre).await.unwrap_err();
            assert_eq!(error.kind(), "forbidden");
        }
        // A child in this test's own group: the group goes, the test stays.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let targets = vec![reference(child.id() as i32).unwrap()];
        // The runner's other tests share the group, so only what can be refused safely is looked at.
        let pgrp = rustix::process::getpgrp();
        if pgrp == rustix::process::getpid() {
            let action = Action::ProcessKill { targets, grace_secs: 1, force: false, group: true };
            let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
            assert!(outcome.detail.contains("hale itself"), "{}", outcome.detail);
        } else {
            eprintln!("SKIPPED the group of the test itself: the test shares it with its runner");
        }
        let _ = child.kill();
        child.wait().unwrap();
    });
}

#[test]
fn a_stopped_process_takes_its_term() {
    block_on(async {
        let actuator = World::new().actuator();
        let victim = Victim::sleeper();
        carry_out(&actuator, &Action::ProcessPause { target: victim.target.clone() })
            .await
            .unwrap();
        assert_eq!(victim.state(), Some('T'));
        let (_, outcome) = carry_out(&actuator, &kill(vec![victim.target.clone()])).await.unwrap();
        assert_eq!(outcome.detail, format!("ended by TERM: {}", victim.target));
    });
}

#[test]
fn another_users_process_is_a_permission_error() {
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED another_users_process_is_a_permission_error: root may kill anyone");
        return;
    }
    block_on(async {
        let foreign = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            use std::os::unix::fs::MetadataExt as _;
            let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
            let foreign = entry.metadata().ok()?.uid() != rustix::process::geteuid().as_raw();
            (foreign && pid > 100).then(|| reference(pid))?
        });
        let Some(foreign) = foreign else {
            eprintln!("SKIPPED another_users_process_is_a_permission_error: nobody else is here");
            return;
        };
        let error = carry_out(&World::new().actuator(), &kill(vec![foreign])).await.unwrap_err();
        assert!(matches!(error.kind(), "permission_denied" | "forbidden"), "{error}");
    });
}
