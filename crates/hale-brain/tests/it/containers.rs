//! Containers: what is found, what the guard says, what is planned and what proves a cure.

use hale_brain::diagnose::{Correlation, DiagnoseInput, correlate, diagnose};
use hale_brain::verify::Watch;
use hale_model::Timestamp;
use hale_model::action::{Action, Condition, Decision, Expectation};
use hale_model::alert::{Alert, AlertKind, Subject};
use hale_model::config::Mode;
use hale_model::container::{
    Container, ContainerHealth, ContainerRef, ContainerStat, ContainerState, Probe, ProbeTarget,
};
use hale_model::sample::{Pressure, Source, StalledCgroup};
use hale_model::snapshot::Snapshot;

use crate::decide_guard::Ask;
use crate::decide_world::*;
use crate::detect_scenario::World;

const MIB: u64 = 1 << 20;

fn started(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(1_800_000_000 + second).ok()
}

pub fn web() -> ContainerStat {
    ContainerStat {
        id: "ab".repeat(32),
        name: "web".to_owned(),
        image: "shop:1".to_owned(),
        state: ContainerState::Running,
        started_at: started(0),
        restart_policy: "no".to_owned(),
        pid: 5000,
        addresses: [("bridge".to_owned(), "172.17.0.2".to_owned())].into(),
        ..ContainerStat::default()
    }
}

fn with(change: impl FnOnce(&mut ContainerStat)) -> Vec<Container> {
    let mut stat = web();
    change(&mut stat);
    vec![Container { stat, cpu_percent: None, memory_percent: None }]
}

fn snapshot(change: impl FnOnce(&mut ContainerStat)) -> Snapshot {
    Snapshot { containers: with(change), ..world() }
}

fn unhealthy(stat: &mut ContainerStat) {
    stat.health = Some(ContainerHealth::Unhealthy);
    stat.failing_streak = 3;
    stat.health_output = Some("connection refused".to_owned());
}

fn exited(code: i32) -> impl Fn(&mut ContainerStat) {
    move |stat| {
        stat.state = ContainerState::Exited;
        stat.exit_code = Some(code);
        stat.pid = 0;
    }
}

/// What is found in a machine with this container, two looks later.
fn found(granted: bool, change: impl Fn(&mut ContainerStat)) -> String {
    let mut scenario = World::new();
    if granted {
        scenario.config.allowlist.restartable_containers = vec!["w*".to_owned()];
    }
    scenario.now.containers = with(change);
    scenario.run(15, |_| {});
    let findings = &scenario.last.as_ref().unwrap().findings;
    let about = |kind: &AlertKind| matches!(kind, AlertKind::ContainerUnhealthy);
    let all: Vec<_> =
        findings.iter().filter(|f| about(&f.kind)).map(|f| f.summary.clone()).collect();
    if all.is_empty() { "well".to_owned() } else { all.join("; ") }
}

#[test]
fn a_container_that_waits_for_memory_is_named_and_not_the_engine_around_it() {
    let mut scenario = World::new();
    scenario.now.containers = with(|_| {});
    let pressure = Pressure { full_avg10: 70.0, some_avg10: 90.0, ..Pressure::default() };
    scenario.now.system.memory_pressure = Some(pressure);
    scenario.now.stalled = vec![StalledCgroup {
        cgroup: format!("/system.slice/docker-{}.scope", web().id),
        container: Some(web().id),
        pressure,
        used_bytes: Some(255 * MIB),
        limit_bytes: Some(256 * MIB),
        ..StalledCgroup::default()
    }];
    scenario.run(60, |_| {});
    insta::assert_snapshot!(
        scenario.story(),
        @"35s: opened critical memory.pressure [container web] container web waits for memory 70 % of the time (255 MiB / 256 MiB)"
    );
}

#[test]
fn who_is_unwell_and_who_was_only_stopped() {
    let always = |stat: &mut ContainerStat| stat.restart_policy = "always".to_owned();
    let asked = |asked: Option<bool>| move |stat: &mut ContainerStat| stat.end_asked = asked;
    type Change = Box<dyn Fn(&mut ContainerStat)>;
    let all = |changes: Vec<Change>| {
        move |stat: &mut ContainerStat| {
            changes.iter().for_each(|change| change(stat));
        }
    };
    let rows: Vec<(&str, bool, Change, &str)> = vec![
        ("runs", true, Box::new(|_| {}), "well"),
        (
            "its check fails",
            false,
            Box::new(unhealthy),
            "container web is not well: its health check failed 3 times in a row",
        ),
        ("starts", false, Box::new(|s| s.health = Some(ContainerHealth::Starting)), "well"),
        ("ended well", true, Box::new(exited(0)), "well"),
        ("failed, and nobody minds", false, Box::new(exited(1)), "well"),
        (
            "failed, and should run",
            true,
            Box::new(exited(1)),
            "container web is not well: it ended with status 1",
        ),
        (
            "failed, and its policy keeps it",
            false,
            Box::new(all(vec![Box::new(exited(1)), Box::new(always)])),
            "container web is not well: it ended with status 1",
        ),
        (
            "stopped by a person, with whatever status",
            true,
            Box::new(all(vec![Box::new(exited(1)), Box::new(asked(Some(true)))])),
            "well",
        ),
        ("killed, who knows by whom", true, Box::new(exited(137)), "well"),
        (
            "killed, and not by the engine",
            true,
            Box::new(all(vec![Box::new(exited(137)), Box::new(asked(Some(false)))])),
            "container web is not well: it ended with status 137",
        ),
        (
            "killed at its limit, and not by the engine",
            true,
            Box::new(all(vec![
                Box::new(exited(137)),
                Box::new(asked(Some(false))),
                Box::new(|s| s.memory_limit_bytes = Some(MIB)),
            ])),
            "container web is not well: it was killed, and not by the engine: most likely for want \
             of memory",
        ),
        (
            "killed by the kernel, and the engine heard of it",
            true,
            Box::new(all(vec![Box::new(exited(137)), Box::new(|s| s.oom_killed = true)])),
            "container web is not well: the kernel ended it for want of memory",
        ),
        ("paused", true, Box::new(|s| s.state = ContainerState::Paused), "well"),
        (
            "kubelet's",
            true,
            Box::new(all(vec![Box::new(unhealthy), Box::new(|s| s.kubernetes = true)])),
            "well",
        ),
    ];
    for (name, granted, change, expected) in rows {
        assert_eq!(found(granted, change), expected, "{name}");
    }
}

#[test]
fn memory_that_runs_into_its_limit_is_told_before_it_is_there() {
    let used = |steps: &[u64]| {
        let mut scenario = World::new();
        let mut told = 0;
        for mib in steps {
            scenario.now.containers = with(|stat| {
                stat.memory_bytes = Some(mib * MIB);
                stat.memory_limit_bytes = Some(100 * MIB);
            });
            scenario.run(5, |_| {});
            let findings = &scenario.last.as_ref().unwrap().findings;
            told += findings.iter().filter(|f| f.kind == AlertKind::ContainerUnhealthy).count();
        }
        told
    };
    assert_eq!(used(&[40, 60, 75, 85, 92, 97]), 3, "grows into its limit");
    assert_eq!(used(&[95, 95, 95, 95, 95, 95]), 0, "sized to its limit");
    assert_eq!(used(&[60, 95, 60, 95, 60, 95]), 0, "takes and gives back");
    assert_eq!(used(&[10, 20, 30, 40, 50, 60]), 0, "has room");
}

#[test]
fn what_keeps_restarting_is_told_as_that() {
    let mut scenario = World::new();
    let mut kinds = Vec::new();
    for count in [0, 1, 2, 3, 4] {
        scenario.now.containers = with(|stat| {
            stat.restart_count = count;
            stat.started_at = started(i64::from(count));
            stat.exit_code = Some(3);
        });
        scenario.run(5, |_| {});
        let findings = &scenario.last.as_ref().unwrap().findings;
        let told = findings.iter().find(|f| f.kind == AlertKind::ContainerRestarting);
        kinds.push(told.map(|f| f.summary.clone()).unwrap_or_default());
    }
    assert_eq!(
        kinds,
        [
            "",
            "",
            "",
            "container web restarted 3 times within 10m, last exit status 3",
            "container web restarted 4 times within 10m, last exit status 3",
        ]
    );
}

fn restart(change: impl FnOnce(&mut ContainerRef)) -> Action {
    let mut container = web().container_ref();
    change(&mut container);
    Action::ContainerRestart { container }
}

fn verdict(change: impl FnOnce(&mut Ask), action: &Action) -> String {
    let ask = Ask::new(|ask| {
        ask.snapshot = snapshot(unhealthy);
        ask.alert_kind = Some(AlertKind::ContainerUnhealthy);
        ask.mode = Mode::Auto;
        change(ask);
    });
    let verdict = ask.judge(action);
    format!("{} {}", verdict.decision.as_str(), verdict.reasons[0].rule)
}

#[test]
fn what_the_guard_says_about_containers() {
    type Change = Box<dyn FnOnce(&mut Ask)>;
    let granted = |ask: &mut Ask| {
        ask.config.allowlist.restartable_containers = vec!["we*".to_owned()];
    };
    let rows: Vec<(&str, Change, Action, &str)> = vec![
        ("not listed", Box::new(|_| {}), restart(|_| {}), "ask guard.autonomy.condition"),
        ("listed", Box::new(granted), restart(|_| {}), "allow guard.autonomy.safe_pair"),
        (
            "listed, another symptom",
            Box::new(move |ask| {
                granted(ask);
                ask.alert_kind = Some(AlertKind::ContainerRestarting);
            }),
            restart(|_| {}),
            "ask guard.autonomy.none",
        ),
        (
            "listed, only watched",
            Box::new(move |ask| {
                granted(ask);
                ask.mode = Mode::Observe;
            }),
            restart(|_| {}),
            "deny guard.mode.observe",
        ),
        (
            "started anew since",
            Box::new(granted),
            restart(|c| c.started_at = started(-1)),
            "deny guard.container_changed",
        ),
        (
            "gone",
            Box::new(move |ask| {
                granted(ask);
                ask.snapshot.containers.clear();
            }),
            restart(|_| {}),
            "deny guard.target_unobserved",
        ),
        (
            "not read just now",
            Box::new(move |ask| {
                granted(ask);
                stale(&mut ask.snapshot, Source::Container);
            }),
            restart(|_| {}),
            "deny guard.target_unobserved",
        ),
        (
            "protected",
            Box::new(|ask| {
                ask.config.allowlist.protected_containers = vec!["w*".to_owned()];
            }),
            restart(|_| {}),
            "deny guard.protected_container",
        ),
        (
            "kubelet's",
            Box::new(move |ask| {
                granted(ask);
                ask.snapshot = snapshot(|stat| stat.kubernetes = true);
            }),
            restart(|_| {}),
            "deny guard.protected_container",
        ),
        (
            "hale runs in it",
            Box::new(move |ask| {
                granted(ask);
                let home = Some("ab".repeat(32));
                for process in ask.snapshot.processes.iter_mut().filter(|p| p.pid == 600) {
                    info(process).container.clone_from(&home);
                }
            }),
            restart(|_| {}),
            "deny guard.own_process",
        ),
        (
            "a name for a shell",
            Box::new(granted),
            restart(|c| c.name = "web;reboot".to_owned()),
            "deny guard.argument",
        ),
        (
            "half an id",
            Box::new(granted),
            restart(|c| c.id = "abababababab".to_owned()),
            "deny guard.argument",
        ),
        (
            "in flight",
            Box::new(move |ask| {
                granted(ask);
                ask.in_flight = vec![format!("container:{}", "ab".repeat(32))];
            }),
            restart(|_| {}),
            "deny guard.in_flight",
        ),
        (
            "stop",
            Box::new(granted),
            Action::ContainerStop { container: web().container_ref() },
            "ask guard.critical_needs_yes",
        ),
        (
            "a limit below what it uses",
            Box::new(|ask| ask.snapshot = snapshot(|stat| stat.memory_bytes = Some(80 * MIB))),
            Action::ContainerSetMemory { container: web().container_ref(), limit_bytes: 64 * MIB },
            "ask guard.critical_needs_yes",
        ),
        (
            "a limit beyond the machine",
            Box::new(|_| {}),
            Action::ContainerSetMemory { container: web().container_ref(), limit_bytes: 1 << 40 },
            "deny guard.argument",
        ),
    ];
    for (name, change, action, expected) in rows {
        assert_eq!(verdict(change, &action), expected, "{name}");
    }
}

fn about(kind: AlertKind) -> Alert {
    let subject = Subject::Container { id: "ab".repeat(32), name: "web".to_owned() };
    alert(kind, subject, "container web is not well")
}

fn planned(alerts: &[Alert], snapshot: &Snapshot, change: impl FnOnce(&mut Ask)) -> String {
    let ask = Ask::new(change);
    let incident = match correlate(at(0), &alerts[..1], &[], snapshot).remove(0) {
        Correlation::New(incident) => incident,
        Correlation::Join { .. } => panic!("there is nothing to join"),
    };
    let diagnosed = diagnose(&DiagnoseInput {
        plays: None,
        tried: &[],
        now: at(5),
        incident: &incident,
        alerts,
        snapshot,
        config: &ask.config,
        lessons: &[],
    });
    match diagnosed.plan {
        Some(plan) => {
            let step = &plan.steps[0];
            let conditions = step.expectation.conditions.iter();
            let conditions: Vec<String> = conditions
                .map(|c| match c {
                    Condition::HttpOk { url } => format!("GET {url}"),
                    other => format!("{other:?}").split(' ').next().unwrap_or_default().to_owned(),
                })
                .collect();
            format!(
                "{}; {} for {} s",
                step.command,
                conditions.join(", "),
                step.expectation.hold_secs
            )
        }
        None => diagnosed.no_plan_because.unwrap(),
    }
}

#[test]
fn what_is_planned_for_containers() {
    let ill = about(AlertKind::ContainerUnhealthy);
    let looping = about(AlertKind::ContainerRestarting);
    let basic = "ContainerRunning, ContainerSteady";
    assert_eq!(
        planned(std::slice::from_ref(&ill), &snapshot(unhealthy), |_| {}),
        format!("docker restart web; {basic}, ContainerHealthy, FindingGone for 2 s")
    );
    assert_eq!(
        planned(std::slice::from_ref(&ill), &snapshot(exited(1)), |_| {}),
        format!("docker restart web; {basic}, FindingGone for 10 s")
    );
    let probed = snapshot(|stat| stat.probe = Some("http://:8080/ok".to_owned()));
    assert_eq!(
        planned(std::slice::from_ref(&ill), &probed, |_| {}),
        format!("docker restart web; {basic}, GET http://web:8080/ok, FindingGone for 2 s")
    );
    // Whoever reports it may say where to ask, but not have hale ask anybody.
    for (url, asked) in [
        ("http://127.0.0.1:8080/", true),
        ("http://172.17.0.2:8080/", true),
        ("http://169.254.169.254/", false),
        ("http://127.0.0.1:7979/", false),
        ("http://10.9.8.7/", false),
    ] {
        let mut told = ill.clone();
        told.vars.insert("health_url".to_owned(), url.into());
        let plan = planned(&[told], &snapshot(unhealthy), |_| {});
        assert_eq!(plan.contains(&format!("GET {url}")), asked, "{url}: {plan}");
    }
    // That shortens nothing: what it answers is its sender's word.
    let mut told = ill.clone();
    told.vars.insert("health_url".to_owned(), "http://127.0.0.1:8080/".into());
    assert_eq!(
        planned(&[told], &snapshot(exited(1)), |_| {}),
        format!("docker restart web; {basic}, GET http://127.0.0.1:8080/, FindingGone for 10 s")
    );
    let both = [ill.clone(), looping.clone()];
    assert_eq!(
        planned(&both, &snapshot(exited(1)), |_| {}),
        "starting container web once more repeats what fails at every start: a person has to mend \
         it (`docker logs --tail 50 web`), or stop it"
    );
    let mut starved = looping;
    starved.vars.insert("oom_killed".to_owned(), true.into());
    let limited = |stat: &mut ContainerStat| stat.memory_limit_bytes = Some(64 * MIB);
    let mut roomy = snapshot(limited);
    roomy.system.mem_available_bytes = Some(4 << 30);
    assert_eq!(
        planned(std::slice::from_ref(&starved), &roomy, |_| {}),
        "docker update --memory 100663296 --memory-swap -1 web; ContainerMemoryLimit, \
         ContainerHealthy for 10 s"
    );
    let mut tight = snapshot(limited);
    tight.system.mem_available_bytes = Some(40 * MIB);
    assert!(planned(&[starved], &tight, |_| {}).starts_with("starting container web once more"));
    for (name, world, expected) in [
        ("paused", snapshot(|s| s.state = ContainerState::Paused), "a person froze container web"),
        (
            "gone",
            Snapshot { containers: Vec::new(), ..world() },
            "container web is not among the observed containers any more",
        ),
        ("kubelet's", snapshot(|s| s.kubernetes = true), "container web belongs to Kubernetes"),
    ] {
        let said = planned(std::slice::from_ref(&ill), &world, |_| {});
        assert!(said.starts_with(expected), "{name}: {said}");
    }
}

#[test]
fn a_leak_inside_of_a_container_restarts_the_container() {
    let mut world = snapshot(|_| {});
    for process in world.processes.iter_mut().filter(|p| p.pid == 750) {
        info(process).container = Some("ab".repeat(32));
    }
    let leak = about_process(AlertKind::ProcessLeak, &world, 750);
    let plan = planned(&[leak], &world, |_| {});
    assert_eq!(
        plan,
        "docker restart web; ContainerRunning, ContainerSteady, ProcessesGone, FindingGone for 10 s"
    );
}

const ENDED_NS: u64 = 10_000 * SEC;

/// What a watch over a restart says, look by look: one a second after the action.
fn watched(looks: Vec<Snapshot>) -> String {
    let container = web().container_ref();
    let conditions = vec![
        Condition::ContainerRunning { container: container.clone() },
        Condition::ContainerSteady { container: container.clone() },
        Condition::ContainerHealthy { container },
        Condition::HttpOk { url: "http://web:8080/".to_owned() },
    ];
    let mut watch = Watch::new(Expectation { conditions, hold_secs: 2, within_secs: 60 }, ENDED_NS);
    assert_eq!(watch.probes().len(), 1);
    for (at, look) in (1..).zip(looks) {
        let look = Snapshot { boottime_ns: ENDED_NS + at * SEC, ..look };
        if let Some(seen) = watch.step(&look, &[]) {
            let word = if seen.verified { "cured" } else { "given up" };
            return format!("{word} at {at} s");
        }
    }
    "undecided".to_owned()
}

fn look(ok: Option<bool>, change: impl FnOnce(&mut ContainerStat)) -> Snapshot {
    let mut look = snapshot(|stat| {
        stat.started_at = started(100);
        stat.health = Some(ContainerHealth::Healthy);
        change(stat);
    });
    look.probes = ok
        .map(|ok| Probe {
            target: ProbeTarget::Http { url: "http://web:8080/".to_owned() },
            asked_at_boottime_ns: ENDED_NS + 1,
            ok,
            status: None,
            latency_ms: 1.0,
            text: "200 OK in 1 ms".to_owned(),
            attempts: 1,
        })
        .into_iter()
        .collect();
    look
}

#[test]
fn what_proves_that_a_restart_has_helped() {
    let well = || look(Some(true), |_| {});
    let starting = || look(Some(false), |s| s.health = Some(ContainerHealth::Starting));
    let again = || {
        look(Some(true), |s| {
            s.restart_count = 1;
            s.started_at = started(101);
        })
    };
    for (name, looks, expected) in [
        ("well at once", vec![well(), well(), well()], "cured at 3 s"),
        ("needs a while", vec![starting(), starting(), well(), well(), well()], "cured at 5 s"),
        ("one look proves nothing", vec![well()], "undecided"),
        (
            "still the old run",
            vec![look(Some(true), |s| s.started_at = started(0)); 5],
            "undecided",
        ),
        ("nobody asked it yet", vec![look(None, |_| {}); 5], "undecided"),
        ("does not answer", vec![look(Some(false), |_| {}); 5], "undecided"),
        ("ill again", vec![starting(), look(Some(true), unhealthy)], "given up at 2 s"),
        ("falls over", vec![well(), again()], "given up at 2 s"),
        ("ends", vec![well(), look(Some(true), exited(1))], "undecided"),
        ("gone", vec![Snapshot { containers: Vec::new(), ..well() }; 4], "undecided"),
    ] {
        assert_eq!(watched(looks), expected, "{name}");
    }
}

#[test]
fn an_engine_that_is_silent_verifies_nothing() {
    let container = web().container_ref();
    let conditions = vec![Condition::ContainerStopped { container }];
    let mut watch = Watch::new(Expectation { conditions, hold_secs: 0, within_secs: 60 }, ENDED_NS);
    let mut unread = Snapshot { boottime_ns: ENDED_NS + SEC, ..snapshot(exited(0)) };
    stale(&mut unread, Source::Container);
    assert_eq!(watch.step(&unread, &[]), None);
    let read = Snapshot { boottime_ns: ENDED_NS + 2 * SEC, ..snapshot(exited(0)) };
    assert!(watch.step(&read, &[]).unwrap().verified);
    let asked = Ask::new(|ask| ask.snapshot = unread).judge(&restart(|_| {}));
    assert_eq!(asked.decision, Decision::Deny);
}
