//! Playbooks: what is read and what is refused, which one applies, what it aims at what, and how its
//! ladder is climbed.

use hale_brain::decide::{GuardInput, judge};
use hale_brain::diagnose::{
    Climbed, Correlation, DiagnoseInput, Diagnosed, Plays, correlate, diagnose, try_playbook,
};
use hale_brain::fuzzing;
use hale_brain::playbook::{Playbooks, check};
use hale_model::action::{ActionKind, ActionState, Actor, Decision, Risk};
use hale_model::alert::{Alert, AlertKind, Severity, Subject};
use hale_model::config::{Config, Mode};
use hale_model::container::{Container, ContainerStat, ContainerState};
use hale_model::incident::{DiagnosisSource, Incident};
use hale_model::lesson::Lesson;
use hale_model::playbook::{OnFailure, PlaybookOrigin, Span};
use hale_model::snapshot::Snapshot;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::decide_world::*;

const SMALL: &str = "\
schema: hale.playbook.v1
name: small
version: 1
title: A small one
trigger:
  alerts: [disk.space]
diagnosis:
  cause_kind: disk_full
  explanation: It is full.
treatment:
  - rung: first
    steps:
      - action: disk.clean
        why: It helps.
escalation:
  tell: ada
";

fn own(text: &str) -> Playbooks {
    let playbooks = Playbooks::with_own(&[("own.yaml".to_owned(), text.to_owned())]);
    assert_eq!(playbooks.problems(), &[], "{text}");
    playbooks
}

fn incident(alerts: &[Alert]) -> Incident {
    let first = match correlate(at(0), &alerts[..1], &[], &world()).remove(0) {
        Correlation::New(incident) => incident,
        Correlation::Join { .. } => panic!("there is nothing to join"),
    };
    Incident { alerts: alerts.iter().map(|a| a.id.clone()).collect(), ..first }
}

pub fn asked(
    alert: &Alert,
    snapshot: &Snapshot,
    config: &Config,
    playbooks: &Playbooks,
    climbed: &[Climbed],
    now: i64,
) -> Diagnosed {
    asked_after(alert, snapshot, config, Plays { playbooks, climbed, recent: &[] }, now)
}

fn asked_after(
    alert: &Alert,
    snapshot: &Snapshot,
    config: &Config,
    plays: Plays<'_>,
    now: i64,
) -> Diagnosed {
    let alerts = [alert.clone()];
    diagnose(&DiagnoseInput {
        now: at(now),
        incident: &incident(&alerts),
        alerts: &alerts,
        snapshot,
        config,
        lessons: &[],
        tried: &[],
        plays: Some(plays),
    })
}

pub fn told(diagnosed: &Diagnosed) -> String {
    let Some(plan) = &diagnosed.plan else {
        let why = diagnosed.no_plan_because.as_deref().unwrap_or("?");
        let call = diagnosed.call.as_ref().map(|call| format!("\n  calls: {}", call.text()));
        return format!(
            "{}: no plan: {why}{}",
            diagnosed.diagnosis.cause_kind,
            call.unwrap_or_default()
        );
    };
    let whose = plan.playbook.as_ref().map_or("hale's own cure".to_owned(), ToString::to_string);
    let mut text = format!("{}: {whose}", diagnosed.diagnosis.cause_kind);
    for step in &plan.steps {
        let conditions: Vec<String> = step
            .expectation
            .conditions
            .iter()
            .map(|c| format!("{c:?}").split([' ', '{']).next().unwrap_or_default().to_owned())
            .collect();
        text += &format!(
            "\n  {} {}: {} for {} s within {} s",
            step.action.kind(),
            step.action.target(),
            conditions.join(" "),
            step.expectation.hold_secs,
            step.expectation.within_secs
        );
    }
    text
}

fn with_container(name: &str, pid: i32, change: impl FnOnce(&mut ContainerStat)) -> Snapshot {
    let mut snapshot = world();
    let mut stat = ContainerStat {
        id: "c".repeat(64),
        name: name.to_owned(),
        image: format!("{name}:1"),
        state: ContainerState::Running,
        started_at: Some(at(-600)),
        restart_policy: "no".to_owned(),
        memory_limit_bytes: Some(256 << 20),
        pid,
        ..ContainerStat::default()
    };
    change(&mut stat);
    snapshot.containers.push(Container {
        stat,
        cpu_percent: Some(1.0),
        memory_percent: Some(90.0),
    });
    snapshot
}

fn about_container(kind: AlertKind, name: &str) -> Alert {
    let subject = Subject::Container { id: "c".repeat(64), name: name.to_owned() };
    alert(kind, subject, &format!("container {name} is in trouble"))
}

pub fn about_service(kind: AlertKind, service: &str) -> Alert {
    let subject = Subject::Service { service: service.to_owned() };
    alert(kind, subject, &format!("{service} is in trouble"))
}

#[test]
fn every_shipped_playbook_is_in_order_and_found_by_its_file() {
    let playbooks = Playbooks::shipped();
    assert_eq!(playbooks.problems(), &[]);
    let list: String = playbooks
        .view()
        .playbooks
        .iter()
        .map(|view| {
            let book = &view.playbook;
            assert_eq!(view.file, format!("playbooks/{}.yaml", book.name));
            assert_eq!(view.origin, PlaybookOrigin::Shipped);
            assert!(view.specificity > 0, "{} would never be asked before hale's cure", book.name);
            let rungs: Vec<&str> = book.treatment.iter().map(|r| r.rung.as_str()).collect();
            format!("{} v{}: {} [{}]\n", book.name, book.version, book.title, rungs.join(" → "))
        })
        .collect();
    assert_snapshot!(list, @r#"
container-unhealthy v1: Container unhealthy [restart → more memory]
database-latency v1: Database latency [restart its container → restart its service]
disk-space v1: Free disk space [what can be fetched again → old files to the quarantine]
errors-after-deploy v1: Error spike after a deploy [restart its container → restart its service]
memory-leak v1: Memory leak in a service [restart its container → restart its service]
unstick-machine v1: Unstick a machine [give way → restart what it belongs to → end it]
workload-errors v1: A workload of Kubernetes fails or is slow [restart → roll back → one more pod]
"#);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test finds its checkout when it runs")]
fn every_playbook_file_is_registered() {
    let folder = format!("{}/../../playbooks", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("playbooks/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    files.sort();
    let shipped = Playbooks::shipped().view();
    let registered: Vec<String> = shipped.playbooks.into_iter().map(|view| view.file).collect();
    assert_eq!(files, registered);
}

/// The small playbook with one thing changed.
fn spoilt(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    SMALL.replacen(from, to, 1)
}

#[test]
fn what_is_wrong_is_told_with_file_line_key_and_the_nearest_right_one() {
    let step = "      - action: disk.clean\n        why: It helps.\n";
    let instead = |lines: &str| spoilt(step, lines);
    let deep = format!("title: {}", "[".repeat(500));
    let cases = [
        ("an unknown key", spoilt("title:", "titel:")),
        ("an unknown key of a step", spoilt("        why", "        wy")),
        ("a missing key", spoilt("  cause_kind: disk_full\n", "")),
        ("a key given twice", spoilt("version: 1", "version: 1\nversion: 2")),
        ("a wrong type", spoilt("version: 1", "version: one")),
        ("an unknown action", spoilt("disk.clean", "disk.cleen")),
        ("a slip in a kind of alert", spoilt("disk.space", "disk.spaec")),
        ("no kind of alert", spoilt("[disk.space]", "[]")),
        ("another format", spoilt("hale.playbook.v1", "hale.playbook.v7")),
        ("a name with a space", spoilt("name: small", "name: so small")),
        ("a condition that is none", spoilt("[disk.space]", "[disk.space]\n  when: ['vars.x <']")),
        (
            "a condition on what nobody knows",
            spoilt("[disk.space]", "[disk.space]\n  when:\n    - 'sytem.load1 > 1.0'"),
        ),
        (
            "a key that the action has no use for",
            instead("      - action: disk.clean\n        nice: 3\n        why: It helps.\n"),
        ),
        (
            "a key that the action needs",
            instead("      - action: command.run\n        why: It helps.\n"),
        ),
        (
            "a target that the action cannot have",
            instead("      - action: disk.clean\n        target: owner\n        why: It helps.\n"),
        ),
        (
            "a target that is none",
            instead("      - action: disk.clean\n        target: subjct\n        why: It helps.\n"),
        ),
        (
            "a command that the guard refuses",
            instead(
                "      - action: command.run\n        command: 'rm -rf / --no-preserve-root'\n        why: It helps.\n",
            ),
        ),
        (
            "a figure within quotes",
            instead(
                "      - action: command.run\n        command: 'du \"{mount_point}\"'\n        why: It helps.\n",
            ),
        ),
        ("a span that is none", spoilt("tell: ada", "tell: ada\n  after: soon")),
        (
            "a proof that cannot be had",
            spoilt("escalation:", "verification: {hold: 5m, within: 1m}\nescalation:"),
        ),
        (
            "no rung",
            spoilt(
                "treatment:\n  - rung: first\n    steps:\n",
                "treatment: []\nxs:\n    - steps:\n",
            ),
        ),
        ("an alias", spoilt("title: A small one", "title: &a A small one\ndescription: *a")),
        ("endless nesting", spoilt("title: A small one", &deep)),
        ("two documents", format!("{SMALL}---\n{SMALL}")),
        ("no YAML", "\t{{{".to_owned()),
        ("nothing", String::new()),
        ("a control character", spoilt("small one", "small\u{7} one")),
    ];
    let table: String = cases
        .iter()
        .map(|(name, text)| {
            let problems = check("own.yaml", text).unwrap_err();
            let lines: Vec<String> = problems.iter().map(|p| format!("  {p}\n")).collect();
            format!("{name}\n{}", lines.concat())
        })
        .collect();
    assert_snapshot!(table, @r#"
an unknown key
  own.yaml:4: titel: there is no key `titel` here; did you mean `title`?
an unknown key of a step
  own.yaml:14: treatment.steps.wy: there is no key `wy` here; did you mean `why`?
a missing key
  own.yaml:8: diagnosis.cause_kind: `cause_kind` is missing
a key given twice
  own.yaml:4: version: `version` is given twice
a wrong type
  own.yaml:3: version: it cannot be read: invalid u32
an unknown action
  own.yaml:13: treatment.steps.action: there is no `disk.cleen` here; did you mean `disk.clean`?
a slip in a kind of alert
  own.yaml:6: trigger.alerts: no kind of alert `disk.spaec`; did you mean `disk.space`?
no kind of alert
  own.yaml:6: trigger.alerts: no kind of alert is named; name at least one kind of alert: `alerts: [disk.space]`
another format
  own.yaml:1: schema: this version of the format is not known; write `schema: hale.playbook.v1`
a name with a space
  own.yaml:2: name: a name is at most 64 of a-z, 0-9 and `-`
a condition that is none
  own.yaml:7: trigger.when: `vars.x <` is not an expression: ERROR: <input>:1:9: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
a condition on what nobody knows
  own.yaml:8: trigger.when: `sytem.load1 > 1.0`: `sytem` is not known here; known are alert, config, host, labels, subject, system, target, tcp, vars
a key that the action has no use for
  own.yaml:14: treatment.steps.nice: `disk.clean` has no use for it; it takes free_percent, journal_keep_mib, means, older_than
a key that the action needs
  own.yaml:13: treatment.steps.command: `command.run` needs it
a target that the action cannot have
  own.yaml:14: treatment.steps.target: `disk.clean` cannot be aimed at that
a target that is none
  own.yaml:14: treatment.steps.target: a target is `subject`, `owner`, `culprit`, or `unit:`, `container:`, `mount:` or `workload:` with a name; did you mean `subject`?
a command that the guard refuses
  own.yaml:14: treatment.steps.command: the guard refuses this command: deletes /, which the host stands on
a figure within quotes
  own.yaml:14: treatment.steps.command: a figure stands within quotes; a figure is quoted by hale: leave out the quotes around it
a span that is none
  own.yaml:17: escalation.after: string "soon" where a span of time such as 90s, 5m, 2h or 1d belongs
a proof that cannot be had
  own.yaml:15: verification.hold: what must hold so long cannot be seen within `within`
no rung
  own.yaml:11: xs: there is no key `xs` here; there are schema, name, version, title, description, enabled, trigger, diagnosis, treatment, verification, rollback, escalation
an alias
  own.yaml:4: more than a playbook may hold; no anchors, aliases or merge keys, one document, at most 4000 values, nested at most 12 deep
endless nesting
  own.yaml:4: title: it cannot be read: expected string scalar
two documents
  own.yaml:17: more than a playbook may hold; no anchors, aliases or merge keys, one document, at most 4000 values, nested at most 12 deep
no YAML
  own.yaml:1: it cannot be read: unclosed bracket '{'
nothing
  own.yaml:1: it cannot be read: unexpected end of input
a control character
  own.yaml:4: a control character, which no playbook needs
"#);
}

#[test]
fn a_bomb_of_aliases_costs_nothing() {
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (above, below) in ('a'..'i').zip('b'..='i') {
        let many = vec![format!("*{above}"); 9].join(", ");
        text.push_str(&format!("{below}: &{below} [{many}]\n"));
    }
    assert!(check("bomb.yaml", &text).is_err());
    let wide = format!("schema: hale.playbook.v1\nx: [{}]", "1, ".repeat(20_000));
    assert!(check("wide.yaml", &wide).is_err());
    let long = format!("title: {}", "x".repeat(100_000));
    assert!(check("long.yaml", &long).is_err());
}

#[test]
fn spans_are_written_as_people_write_them() {
    for (text, secs, shown) in [
        ("90s", Some(90), "90s"),
        ("120", Some(120), "2m"),
        ("5m", Some(300), "5m"),
        ("2h", Some(7200), "2h"),
        ("1d", Some(86_400), "1d"),
        ("0", Some(0), "0s"),
        ("soon", None, ""),
        ("-1s", None, ""),
        ("99999999999999999999d", None, ""),
    ] {
        let span = Span::parse(text);
        assert_eq!(span.map(|s| s.secs), secs, "{text}");
        assert_eq!(span.map(|s| s.to_string()).unwrap_or_default(), shown);
    }
}

#[test]
fn shipped_playbooks_aim_at_what_is_observed() {
    let config = Config {
        allowlist: hale_model::config::Allowlist {
            cleanable_paths: vec!["/data/tmp".to_owned()],
            ..Default::default()
        },
        ..Config::default()
    };
    let playbooks = Playbooks::shipped();
    let mut loaded = world();
    loaded.system.load1 = Some(9.0);
    loaded.system.cpu_iowait = Some(1.0);
    let hog = loaded.processes.iter_mut().find(|p| p.pid == 750).unwrap();
    hog.cpu_percent = Some(190.0);
    let mut inside = with_container("web", 200, |_| {});
    for process in inside.processes.iter_mut().filter(|p| p.pid == 750) {
        info(process).container = Some("c".repeat(64));
    }
    let fresh_start = with_container("checkout", 0, |stat| stat.started_at = Some(at(-120)));
    let old_start = with_container("checkout", 0, |stat| stat.started_at = Some(at(-86_400)));
    let database = with_container("orders-db", 0, |_| {});
    let cases = [
        ("a full disk", about_mount(AlertKind::DiskSpace, "/"), world()),
        ("a full disk with old files only", about_mount(AlertKind::DiskSpace, "/data"), world()),
        ("a stuck machine", about_machine(AlertKind::LoadHigh), loaded),
        ("a load that nobody explains", about_machine(AlertKind::LoadHigh), world()),
        ("a leak in a service", about_process(AlertKind::ProcessLeak, &world(), 201), world()),
        ("a leak in a container", about_process(AlertKind::ProcessLeak, &inside, 750), inside),
        (
            "a leak that belongs to nothing",
            about_process(AlertKind::ProcessLeak, &world(), 750),
            world(),
        ),
        (
            "an unhealthy container",
            about_container(AlertKind::ContainerUnhealthy, "web"),
            with_container("web", 0, |_| {}),
        ),
        (
            "errors right after a start",
            about_service(AlertKind::HttpErrors, "checkout"),
            fresh_start,
        ),
        ("errors long after a start", about_service(AlertKind::HttpErrors, "checkout"), old_start),
        ("a slow database", about_service(AlertKind::HttpLatency, "orders-db"), database),
        (
            "something slow that is no database",
            about_service(AlertKind::HttpLatency, "adbc"),
            with_container("adbc", 0, |_| {}),
        ),
    ];
    let table: String = cases
        .iter()
        .map(|(name, alert, snapshot)| {
            let diagnosed = asked(alert, snapshot, &config, &playbooks, &[], 5);
            format!("{name}\n  {}\n", told(&diagnosed))
        })
        .collect();
    assert_snapshot!(table, @r#"
a full disk
  disk_full: playbook disk-space v1, rung 1 of 2: what can be fetched again
  disk.clean /: MountFree FindingGone for 10 s within 120 s
a full disk with old files only
  disk_full: playbook disk-space v1, rung 2 of 2: old files to the quarantine
  disk.clean /data: MountFree FindingGone for 10 s within 120 s
a stuck machine
  cpu_spinner: playbook unstick-machine v1, rung 1 of 3: give way
  process.renice 750 (python3 train.p): ProcessNice for 2 s within 60 s
a load that nobody explains
  cpu_overload: no plan: no single process explains the load: a person decides what may wait
a leak in a service
  memory_leak: playbook memory-leak v1, rung 2 of 2: restart its service
  service.restart nginx.service: UnitActive UnitSteady ProcessesGone FindingGone for 15 s within 120 s
a leak in a container
  memory_leak: playbook memory-leak v1, rung 1 of 2: restart its container
  container.restart web: ContainerRunning ContainerSteady ProcessesGone FindingGone for 10 s within 120 s
a leak that belongs to nothing
  memory_leak: hale's own cure
  process.kill 750 (python3 train.p): ProcessesGone FindingGone for 10 s within 60 s
an unhealthy container
  container_unhealthy: playbook container-unhealthy v1, rung 1 of 2: restart
  container.restart web: ContainerRunning ContainerSteady FindingGone for 10 s within 120 s
errors right after a start
  bad_deploy: playbook errors-after-deploy v1, rung 1 of 2: restart its container
  container.restart checkout: ContainerRunning ContainerSteady FindingGone for 10 s within 300 s
errors long after a start
  unknown: hale's own cure
  container.restart checkout: ContainerRunning ContainerSteady FindingGone for 10 s within 120 s
a slow database
  database_slow: playbook database-latency v1, rung 1 of 2: restart its container
  container.restart orders-db: ContainerRunning ContainerSteady FindingGone for 10 s within 300 s
something slow that is no database
  unknown: hale's own cure
  container.restart adbc: ContainerRunning ContainerSteady FindingGone for 10 s within 120 s
"#);
}

pub fn climb(diagnosed: &Diagnosed, ended: bool) -> Climbed {
    let usage = diagnosed.plan.as_ref().unwrap().playbook.clone().unwrap();
    Climbed { usage, ended, did_not_hold: false }
}

const LADDER: &str = "\
schema: hale.playbook.v1
name: report-again
version: 3
title: The report
trigger:
  alerts: [service.failed]
diagnosis:
  cause_kind: report_stuck
  explanation: '{subject} fell over.'
treatment:
  - rung: restart
    steps:
      - {action: service.restart, why: It may have been bad luck.}
  - rung: never
    when: 'system.load1 > 1000.0'
    steps:
      - {action: service.stop, why: Nobody gets here.}
  - rung: start what it needs
    steps:
      - {action: service.restart, target: 'unit:nginx.service', why: It asks nginx.}
      - {action: service.restart, why: It begins anew.}
verification: {hold: 30s, within: 3m}
rollback: {on_failure: keep, by_hand: 'Look into /var/log/report.'}
escalation:
  after: 30m
  tell: the report team
  message: '{subject} does not come back'
  commands: ['journalctl -u {subject}']
";

#[test]
fn a_ladder_is_climbed_rung_by_rung_and_ends_with_a_person() {
    let playbooks = own(LADDER);
    let alert = about_unit(AlertKind::ServiceFailed, "report.service");
    let (snapshot, config) = (world(), Config::default());
    let at_rung =
        |climbed: &[Climbed], now| asked(&alert, &snapshot, &config, &playbooks, climbed, now);
    let first = at_rung(&[], 5);
    let waiting = at_rung(&[climb(&first, false)], 10);
    let second = at_rung(&[climb(&first, true)], 20);
    let ended = at_rung(&[climb(&first, true), climb(&second, true)], 30);
    let late = at_rung(&[climb(&first, true)], 1801);
    let table: String = [
        ("first", &first),
        ("while a person is asked", &waiting),
        ("after it failed", &second),
        ("after all failed", &ended),
        ("too late for another", &late),
    ]
    .iter()
    .map(|(name, diagnosed)| format!("{name}\n  {}\n", told(diagnosed)))
    .collect();
    assert_snapshot!(table, @r#"
first
  report_stuck: playbook report-again v3, rung 1 of 3: restart
  service.restart report.service: UnitActive UnitSteady FindingGone for 30 s within 180 s
while a person is asked
  report_stuck: playbook report-again v3, rung 1 of 3: restart
  service.restart report.service: UnitActive UnitSteady FindingGone for 30 s within 180 s
after it failed
  report_stuck: playbook report-again v3, rung 3 of 3: start what it needs
  service.restart nginx.service: UnitActive UnitSteady for 15 s within 120 s
  service.restart report.service: UnitActive UnitSteady FindingGone for 30 s within 180 s
after all failed
  unit_failed: no plan: playbook report-again v3: every rung was tried: `restart`, `start what it needs` (left out: `never` does not apply)
  calls: playbook report-again v3: every rung was tried: `restart`, `start what it needs` (left out: `never` does not apply); tell the report team. report.service does not come back. Look into /var/log/report
too late for another
  unit_failed: no plan: playbook report-again v3: it goes on after 30m
  calls: playbook report-again v3: it goes on after 30m; tell the report team. report.service does not come back. Look into /var/log/report
"#);
    let usage = first.plan.unwrap().playbook.unwrap();
    assert_eq!(usage.on_failure, OnFailure::Keep);
    assert_eq!(usage.call.commands, ["journalctl -u report.service"]);
    assert_eq!(first.diagnosis.cause, "report.service fell over.");
}

#[test]
fn a_rung_that_repeats_a_cure_which_did_not_hold_is_left_out_whatever_that_cured() {
    let playbooks = own(LADDER);
    let alert = about_unit(AlertKind::ServiceFailed, "report.service");
    let (snapshot, config) = (world(), Config::default());
    for (unit, after_secs, rung) in [
        ("report.service", 600, "start what it needs"),
        ("report.service", 1800, "restart"),
        ("other.service", 600, "restart"),
    ] {
        let cure = done(restart(unit), AlertKind::MemoryHigh, ActionState::Succeeded);
        let plays = Plays { playbooks: &playbooks, climbed: &[], recent: &[cure] };
        let diagnosed = asked_after(&alert, &snapshot, &config, plays, after_secs);
        assert_eq!(climb(&diagnosed, false).usage.rung, rung, "{unit} after {after_secs} s");
    }
}

#[test]
fn a_rung_that_has_cured_this_trouble_is_known_and_any_other_is_not() {
    let playbooks = own(LADDER);
    let alert = about_unit(AlertKind::ServiceFailed, "report.service");
    let (snapshot, config) = (world(), Config::default());
    let lesson = |cause: &str, successes, failures| Lesson {
        successes,
        failures,
        last_success_at: Some(at(0)),
        cause_kind: Some(cause.to_owned()),
        ..Lesson::new(AlertKind::ServiceFailed, ActionKind::ServiceRestart, "report.service", at(0))
    };
    for (name, lesson, source) in [
        ("worked", lesson("report_stuck", 1, 0), DiagnosisSource::Runbook),
        ("worked, hale's own word for it", lesson("unit_failed", 1, 0), DiagnosisSource::Runbook),
        ("another trouble", lesson("dependency_down", 1, 0), DiagnosisSource::Local),
        ("as often in vain", lesson("report_stuck", 1, 1), DiagnosisSource::Local),
        (
            "withdrawn",
            Lesson { withdrawn: Some("x".into()), ..lesson("report_stuck", 3, 0) },
            DiagnosisSource::Local,
        ),
    ] {
        let alerts = [alert.clone()];
        let diagnosed = diagnose(&DiagnoseInput {
            now: at(5),
            incident: &incident(&alerts),
            alerts: &alerts,
            snapshot: &snapshot,
            config: &config,
            lessons: &[lesson],
            tried: &[],
            plays: Some(Plays { playbooks: &playbooks, climbed: &[], recent: &[] }),
        });
        assert_eq!(diagnosed.diagnosis.source, source, "{name}");
        assert_eq!(diagnosed.seen_before.is_some(), source == DiagnosisSource::Runbook, "{name}");
        // The order is the playbook's, whatever is remembered.
        let usage = diagnosed.plan.unwrap().playbook.unwrap();
        assert_eq!(usage.to_string(), "playbook report-again v3, rung 1 of 3: restart", "{name}");
    }
}

#[test]
fn the_more_specific_playbook_wins_then_the_users_own_then_hale() {
    let kinds_only = spoilt("name: small", "name: kinds-only");
    let alert = |severity| Alert { severity, ..about_mount(AlertKind::DiskSpace, "/") };
    let strict = spoilt("name: small", "name: strict").replace(
        "[disk.space]",
        "[disk.space]\n  severity: critical\n  subject: [mount]\n  when: ['true']",
    );
    let files = [("a.yaml".to_owned(), kinds_only.clone()), ("b.yaml".to_owned(), strict)];
    let playbooks = Playbooks::with_own(&files);
    let who = |playbooks: &Playbooks, severity| {
        let plan = asked(&alert(severity), &world(), &Config::default(), playbooks, &[], 5).plan;
        plan.unwrap().playbook.map(|usage| usage.name)
    };
    assert_eq!(who(&playbooks, Severity::Critical).as_deref(), Some("strict"));
    // `disk-space` demands that it is about a mount, and evidence: more than the user's own does.
    assert_eq!(who(&playbooks, Severity::High).as_deref(), Some("disk-space"));
    let replaced = spoilt("name: small", "name: disk-space\nenabled: false");
    let off = own(&replaced);
    assert_eq!(off.by_name("disk-space").unwrap().origin, PlaybookOrigin::Own);
    assert_eq!(who(&off, Severity::High), None, "hale's own cure");
    let with_own_kind = Playbooks::with_own(&[
        ("a.yaml".to_owned(), kinds_only),
        ("off.yaml".to_owned(), replaced),
    ]);
    assert_eq!(who(&with_own_kind, Severity::High).as_deref(), Some("kinds-only"));
}

#[test]
fn labels_and_figures_of_whoever_reported_it_can_be_demanded() {
    let text = spoilt(
        "[disk.space]",
        "[disk.space]\n  labels: {team: 'shop*'}\n  open_for: 1m\n  when: ['vars.percent < 10.0', 'labels.zone == \"a\"']",
    );
    let playbooks = own(&text);
    let mut alert = about_mount(AlertKind::DiskSpace, "/");
    let name = |alert: &Alert, now| {
        let config = Config::default();
        let plan = asked(alert, &world(), &config, &playbooks, &[], now).plan.unwrap();
        plan.playbook.unwrap().name
    };
    assert_eq!(name(&alert, 90), "disk-space", "nothing is known of labels");
    alert.vars.insert("percent".to_owned(), 7.into());
    alert.vars.insert("labels".to_owned(), serde_json::json!({"team": "shop-2", "zone": "a"}));
    assert_eq!(name(&alert, 90), "small");
    assert_eq!(name(&alert, 30), "disk-space", "not open for long enough");
    alert.vars.insert("labels".to_owned(), serde_json::json!({"team": "post", "zone": "a"}));
    assert_eq!(name(&alert, 90), "disk-space", "another team's");
}

#[test]
fn a_playbook_can_do_nothing_that_the_guard_would_not_allow() {
    let text = LADDER
        .replace(
            "service.restart, why: It may",
            "service.restart, target: 'unit:ssh.service', why: It may",
        )
        .replace("[service.failed]", "[service.failed, process.leak]");
    let playbooks = own(&text);
    let alert = about_unit(AlertKind::ServiceFailed, "report.service");
    let mut config = Config::default();
    config.general.mode = Mode::Auto;
    config.allowlist.protected_units = vec!["ssh.service".to_owned()];
    let snapshot = world();
    let plan = asked(&alert, &snapshot, &config, &playbooks, &[], 5).plan.unwrap();
    let verdict = judge(&GuardInput {
        now: at(5),
        mode: Mode::Auto,
        action: &plan.steps[0].action,
        alert_kind: Some(&plan.alert_kind),
        actor: &plan.made_by,
        own_uid: ADA,
        snapshot: &snapshot,
        config: &config,
        paused_until: None,
        recent: &[],
        in_flight: &[],
        lessons: &[],
        approved: false,
        confirmed_critical: false,
    });
    assert_eq!(plan.made_by, Actor::Hale);
    assert_eq!((verdict.decision, verdict.risk), (Decision::Deny, Risk::Deny));
    // What is not granted asks, in auto too.
    let plan = asked(&alert, &snapshot, &config, &own(LADDER), &[], 5).plan.unwrap();
    let verdict = judge(&GuardInput {
        action: &plan.steps[0].action,
        now: at(5),
        mode: Mode::Auto,
        alert_kind: Some(&plan.alert_kind),
        actor: &plan.made_by,
        own_uid: ADA,
        snapshot: &snapshot,
        config: &config,
        paused_until: None,
        recent: &[],
        in_flight: &[],
        lessons: &[],
        approved: false,
        confirmed_critical: false,
    });
    assert_eq!(verdict.decision, Decision::Ask);
}

#[test]
fn a_hostile_figure_stays_one_word_of_a_command() {
    let text = spoilt(
        "      - action: disk.clean\n        why: It helps.\n",
        "      - action: command.run\n        command: 'du -sh {mount_point}'\n        why: Look at {mount_point}.\n",
    );
    let playbooks = own(&text);
    let mut alert = about_mount(AlertKind::DiskSpace, "/");
    let command = |alert: &Alert| {
        let diagnosed = asked(alert, &world(), &Config::default(), &playbooks, &[], 5);
        diagnosed.plan.unwrap().steps.remove(0).command
    };
    alert.vars.insert("mount_point".to_owned(), "/x; reboot $(id)".into());
    let off = spoilt("name: small", "name: disk-space\nenabled: false");
    let both =
        Playbooks::with_own(&[("a.yaml".to_owned(), text.clone()), ("off.yaml".to_owned(), off)]);
    let diagnosed = asked(&alert, &world(), &Config::default(), &both, &[], 5);
    assert_eq!(diagnosed.plan.unwrap().steps[0].command, "du -sh '/x; reboot $(id)'");
    // Where a figure is not known the command is not run with a hole in it.
    alert.vars.remove("mount_point");
    assert_eq!(command(&alert), "apt-get clean && journalctl --vacuum-size=512M");
}

#[test]
fn a_dry_run_tells_every_condition_and_every_rung() {
    let playbooks = own(LADDER);
    let ready = playbooks.by_name("report-again").unwrap();
    let alerts = [about_unit(AlertKind::ServiceFailed, "gone.service")];
    let (snapshot, config) = (world(), Config::default());
    let tried = try_playbook(
        &DiagnoseInput {
            now: at(5),
            incident: &incident(&alerts),
            alerts: &alerts,
            snapshot: &snapshot,
            config: &config,
            lessons: &[],
            tried: &[],
            plays: None,
        },
        ready,
        &alerts[0],
    );
    let conditions: String =
        tried.conditions.iter().map(|c| format!("{:?} {}\n", c.holds, c.text)).collect();
    let rungs: String = tried
        .rungs
        .iter()
        .map(|(name, steps)| match steps {
            Ok(steps) => format!("{name}: {} steps\n", steps.len()),
            Err(why) => format!("{name}: {why}\n"),
        })
        .collect();
    assert_snapshot!(format!("{}\n{conditions}{rungs}", tried.cause), @r#"
gone.service fell over.
Some(true) alert is service.failed
restart: gone.service belongs to no service
never: its condition is not known now
start what it needs: gone.service belongs to no service
"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_upsets_the_reader(text in "\\PC{0,400}") {
        fuzzing::playbook(&text);
    }

    #[test]
    fn no_change_to_a_playbook_upsets_the_reader(
        at in 0..SMALL.len(), remove in 0..12_usize, insert in "[ \\n:&*!|>{}\\[\\],'\"#%@`a-z0-9-]{0,8}"
    ) {
        let mut text = SMALL.to_owned();
        let end = (at + remove).min(text.len());
        text.replace_range(at..end, &insert);
        fuzzing::playbook(&text);
    }

    #[test]
    fn what_is_read_can_be_told_as_json_and_read_again(hold in 0..3600_u64, confidence in 0.0..1.0_f64) {
        let text = SMALL
            .replace("escalation:", &format!("verification: {{hold: {hold}}}\nescalation:"))
            .replace("explanation:", &format!("confidence: {confidence}\n  explanation:"));
        let ready = check("a.yaml", &text).unwrap();
        let json = serde_json::to_string(&ready.playbook).unwrap();
        prop_assert_eq!(check("a.json", &json).unwrap().playbook, ready.playbook);
    }
}
