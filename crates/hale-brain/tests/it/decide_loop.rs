//! The whole of the brain on one fault: real detectors, one incident, a plan, a verdict, a proof.

use hale_brain::decide::{GuardInput, judge};
use hale_brain::detect::{AlertBook, AlertChange, BrainMemory, Orient, Rules};
use hale_brain::diagnose::{Correlation, DiagnoseInput, correlate, diagnose};
use hale_brain::verify::Watch;
use hale_model::action::{Actor, Decision, Plan};
use hale_model::alert::Alert;
use hale_model::config::{Config, Mode};
use hale_model::incident::Incident;
use hale_model::snapshot::Snapshot;

use crate::decide_world::*;

/// Looks every five seconds until an alert leads to an incident with a plan.
fn until_planned(
    orient: &mut Orient,
    book: &mut AlertBook,
    fault: &Snapshot,
    config: &Config,
) -> (Incident, Plan, String, Snapshot) {
    for turn in 1..200 {
        let mut now = later(fault, 5 * turn);
        now.processes.iter_mut().for_each(|p| p.age_secs += 5.0 * turn as f64);
        let oriented = orient.turn(&now, config);
        let opened: Vec<Alert> = book
            .step(&now, &oriented.findings, config)
            .into_iter()
            .filter_map(|change| match change {
                AlertChange::Opened(alert) => Some(alert),
                AlertChange::Escalated(_)
                | AlertChange::Reopened(_)
                | AlertChange::Updated(_)
                | AlertChange::Closed(_) => None,
            })
            .collect();
        for answer in correlate(now.collected_at, &opened, &[], &now) {
            let Correlation::New(incident) = answer else { continue };
            let alerts: Vec<Alert> =
                opened.iter().filter(|a| incident.alerts.contains(&a.id)).cloned().collect();
            let diagnosed = diagnose(&DiagnoseInput {
                plays: None,
                tried: &[],
                now: now.collected_at,
                incident: &incident,
                alerts: &alerts,
                snapshot: &now,
                config,
                lessons: &[],
            });
            if let Some(plan) = diagnosed.plan {
                return (incident, plan, diagnosed.diagnosis.cause_kind, now);
            }
        }
    }
    panic!("no incident with a plan came of it");
}

/// The pids that the plan would signal, after the guard has let it through alone, and whether the
/// cure is proven when `cured` is what the world looks like from then on.
fn heal(
    mut fault: Snapshot,
    config: &Config,
    cured: impl Fn(&mut Snapshot),
) -> (String, String, Vec<i32>, bool) {
    fault.mounts.iter_mut().for_each(|m| m.free_percent = 60.0);
    let mut orient = Orient::new(Rules::built_in(), BrainMemory::default());
    let mut book = AlertBook::new(Vec::new());
    let (_, plan, cause, seen) = until_planned(&mut orient, &mut book, &fault, config);
    let step = &plan.steps[0];
    let verdict = judge(&GuardInput {
        now: seen.collected_at,
        mode: Mode::Auto,
        action: &step.action,
        alert_kind: Some(&plan.alert_kind),
        actor: &Actor::Hale,
        own_uid: ADA,
        snapshot: &seen,
        config,
        paused_until: None,
        recent: &[],
        in_flight: &[],
        lessons: &[],
        approved: false,
        confirmed_critical: false,
    });
    assert_eq!(verdict.decision, Decision::Allow, "{:?}", verdict.reasons);
    let mut watch = Watch::new(step.expectation.clone(), seen.boottime_ns);
    let proven = (1..60).find_map(|turn| {
        let mut now = later(&seen, 5 * turn);
        cured(&mut now);
        let oriented = orient.turn(&now, config);
        watch.step(&now, &oriented.findings)
    });
    let pids = step.action.processes().iter().map(|p| p.pid).collect();
    (cause, step.command.clone(), pids, proven.unwrap().verified)
}

fn storm_of_twelve() -> Snapshot {
    let mut snapshot = world();
    snapshot.units.clear();
    for pid in 3000..3012 {
        snapshot.processes.push(process(pid, 1, "python3 mcp_server.py", |p| {
            left_behind_by("claude")(p);
            p.rss_bytes = 60 << 20;
            p.mem_percent = Some(0.75);
        }));
    }
    for pid in 3100..3103 {
        snapshot.processes.push(process(pid, 750, "python3 other_server.py", |p| {
            p.rss_bytes = 60 << 20;
            p.mem_percent = Some(0.75);
        }));
    }
    snapshot.processes.retain(|p| !matches!(p.pid, 700 | 701 | 760));
    snapshot
}

#[test]
fn twelve_ghosts_are_ended_and_their_three_twins_are_not() {
    let (cause, command, pids, proven) = heal(storm_of_twelve(), &Config::default(), |s| {
        s.processes.retain(|p| !(3000..3012).contains(&p.pid));
    });
    assert_eq!(cause, "ghost_storm");
    assert_eq!(pids, (3000..3012).collect::<Vec<_>>());
    assert!(command.starts_with("kill 3000 3001 "));
    assert!(proven);
}

#[test]
fn one_ghost_that_lives_on_is_no_cure() {
    let (.., proven) = heal(storm_of_twelve(), &Config::default(), |s| {
        s.processes.retain(|p| !(3000..3011).contains(&p.pid));
    });
    assert!(!proven);
}

#[test]
fn a_failed_unit_that_may_be_restarted_is() {
    let mut config = Config::default();
    config.allowlist.restartable_units = vec!["report.service".to_owned()];
    let mut fault = world();
    fault.processes.retain(|p| !matches!(p.pid, 700 | 701 | 760));
    let up = |s: &mut Snapshot| {
        let unit = s.units.iter_mut().find(|u| u.unit == "report.service").unwrap();
        *unit = hale_model::sample::UnitStat {
            invocation_id: "run-2".to_owned(),
            ..crate::decide_world::unit("report.service", "active", "success", 900)
        };
    };
    let (cause, command, _, proven) = heal(fault.clone(), &config, up);
    assert_eq!((cause.as_str(), proven), ("unit_failed", true));
    assert_eq!(command, "systemctl restart report.service");
    let (.., proven) = heal(fault.clone(), &config, |_| {});
    assert!(!proven);

    // A one-shot unit is well when it has run to its end; any other is then gone.
    for (service_type, cured) in [("oneshot", true), ("simple", false)] {
        let (.., proven) = heal(fault.clone(), &config, |s| {
            let unit = s.units.iter_mut().find(|u| u.unit == "report.service").unwrap();
            *unit = hale_model::sample::UnitStat {
                invocation_id: "run-2".to_owned(),
                service_type: service_type.to_owned(),
                ..crate::decide_world::unit("report.service", "inactive", "success", 0)
            };
        });
        assert_eq!(proven, cured, "{service_type}");
    }
}
