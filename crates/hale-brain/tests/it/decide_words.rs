//! What people are told.

use hale_brain::diagnose::{
    DiagnoseInput, diagnose, explain_alert, explain_incident, explain_process, postmortem, triage,
};
use hale_model::action::{
    ActionRecord, ActionState, Approval, ApprovalState, Outcome, Reason, Undo, Verification,
};
use hale_model::alert::{Alert, AlertKind, AlertState, Severity};
use hale_model::config::Config;
use hale_model::health::{Health, HealthFactor};
use hale_model::incident::{Agent, Incident, IncidentState, TimelineEntry};
use hale_model::view::Explanation;
use hale_model::{ApprovalId, IncidentId, MachineId};
use insta::assert_snapshot;

use crate::decide_world::*;

fn told(e: &Explanation) -> String {
    let mut text = format!("{} ({:.2})\n{}\n", e.subject, e.confidence, e.what);
    text += &e.why.iter().map(|w| format!("  why: {w}\n")).collect::<String>();
    text += &e.facts.iter().map(|(n, v)| format!("  {n}: {v}\n")).collect::<String>();
    text += &e.advice.iter().map(|a| format!("  do: {a}\n")).collect::<String>();
    text += &e.commands.iter().map(|c| format!("  $ {c}\n")).collect::<String>();
    text
}

fn an_incident() -> (Incident, Vec<Alert>, Vec<ActionRecord>, Vec<TimelineEntry>) {
    let w = world();
    let mut alert = storm(&w, &[700, 701]);
    let mut incident = Incident {
        id: IncidentId::of(&alert.id),
        external_ids: Vec::new(),
        title: alert.summary.clone(),
        state: IncidentState::Resolved,
        severity: Severity::High,
        machine_id: MachineId::from("box"),
        opened_at: at(0),
        closed_at: Some(at(42)),
        alerts: vec![alert.id.clone()],
        diagnosis: None,
    };
    let diagnosed = diagnose(&DiagnoseInput {
        plays: None,
        tried: &[],
        now: at(5),
        incident: &incident,
        alerts: std::slice::from_ref(&alert),
        snapshot: &w,
        config: &Config::default(),
        lessons: &[],
    });
    incident.diagnosis = Some(diagnosed.diagnosis);
    let step = diagnosed.plan.unwrap().steps.remove(0);
    let mut record =
        done(step.action.clone(), AlertKind::ProcessGhostStorm, ActionState::Succeeded);
    record.step = step;
    record.incident_id = Some(incident.id.clone());
    record.verdict.reasons = vec![Reason {
        rule: "guard.autonomy.safe_pair".to_owned(),
        text: "safe under its conditions".to_owned(),
    }];
    record.outcome = Some(Outcome {
        done: true,
        exit: None,
        detail: "TERM: 700 701".to_owned(),
        undo: Undo::None { why: "what has ended cannot be continued".to_owned() },
    });
    record.verification = Some(Verification {
        verified: true,
        decided_at: at(40),
        observations: vec!["2 of 2 processes are gone".to_owned(), "held for 10 s".to_owned()],
    });
    alert.state = AlertState::Closed;
    alert.closed_at = Some(at(41));
    alert.close_reason = Some("acted".to_owned());
    let timeline = vec![TimelineEntry {
        ts: at(0),
        agent: Agent::Scout,
        kind: "alert_opened".to_owned(),
        text: "a line\nwith `code` and <b>".to_owned(),
    }];
    (incident, vec![alert], vec![record], timeline)
}

#[test]
fn a_process_is_explained() {
    let w = world();
    let storm = storm(&w, &[700, 701]);
    let pids = [700, 200, 201, 650, 600, 2, 760, 800];
    let all: String = pids
        .iter()
        .map(|pid| told(&explain_process(&w, *pid, std::slice::from_ref(&storm)).unwrap()) + "\n")
        .collect();
    assert_snapshot!(all, @r#"
700 (python3 mcp_ser) (0.90)
python3 mcp_server.py --port 7001: runs Python: the script stands in its arguments
  why: It was started by 4000 (claude) (hale saw it), which is gone: it is an orphan, taken in by 1.
  why: process.ghost_storm: 2 × python3 mcp_server.py
  user: ada
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 700 (python3 mcp_ser) ← 1 (systemd)
  children: 0
  process group: 700 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/python3
  do: Nobody waits for it any more: it can be ended.
  $ hale kill 700

200 (nginx) (0.90)
nginx: master process: web server and proxy
  why: It is the main process of nginx.service: systemd started it, and starts it again if told to.
  why: It uses little, and no alert is open about it.
  user: root
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 200 (nginx) ← 1 (systemd)
  children: 1
  process group: 200 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  unit: nginx.service
  program file: /usr/bin/nginx:
  do: Act on its unit, nginx.service, not on the process.
  $ systemctl status nginx.service
  $ journalctl -u nginx.service -n 50

201 (nginx) (0.90)
nginx: worker process: web server and proxy
  why: It belongs to nginx.service: systemd started it, and starts it again if told to.
  why: It uses little, and no alert is open about it.
  user: ada
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 201 (nginx) ← 200 (nginx) ← 1 (systemd)
  children: 0
  process group: 201 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  unit: nginx.service
  program file: /usr/bin/nginx:
  do: Act on its unit, nginx.service, not on the process.
  $ systemctl status nginx.service
  $ journalctl -u nginx.service -n 50

650 (-bash) (0.90)
-bash: a shell: somebody's terminal, or a script
  why: It was started by 100 (sshd): sshd.
  why: It uses little, and no alert is open about it.
  user: ada
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 650 (-bash) ← 100 (sshd) ← 1 (systemd)
  children: 0
  process group: 650 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/-bash
  do: Somebody may be sitting in it: ask before ending it.
  $ who

600 (hale) (0.90)
hale up: this program: watches the machine
  why: It was started by 500 (-bash): -bash.
  why: It uses little, and no alert is open about it.
  user: ada
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 600 (hale) ← 500 (-bash) ← 100 (sshd) ← 1 (systemd)
  children: 0
  process group: 600 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/hale
  do: Leave it: hale runs in it.

2 (kthreadd) (0.90)
[kthreadd]: a thread of the kernel
  why: The kernel started it.
  why: It uses little, and no alert is open about it.
  user: root
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 2 (kthreadd)
  children: 0
  process group: 2 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/kthreadd
  do: Leave it: it is part of the kernel.

760 (dead) (0.60)
dead: dead, and not yet collected by its parent, 1
  why: It has no parent but the machine's first process: a daemon, or left behind.
  why: It uses little, and no alert is open about it.
  user: ada
  state: dead, not collected
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 760 (dead) ← 1 (systemd)
  children: 0
  process group: 760 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/dead
  do: It cannot be killed; its parent has to collect it. Look at the parent.
  $ hale explain 1

800 (bobs-job) (0.60)
bobs-job: not a program that hale knows by name
  why: It has no parent but the machine's first process: a daemon, or left behind.
  why: It uses little, and no alert is open about it.
  user: bob
  state: waiting
  running for: 2h
  memory: 10 MiB (0.1 % of memory)
  threads: 1
  nice: 0
  parents: 800 (bobs-job) ← 1 (systemd)
  children: 0
  process group: 800 (1 processes)
  cpu: 0.0 % of one core
  open files: 8
  reads: 0 B/s
  writes: 0 B/s
  program file: /usr/bin/bobs-job
  do: Nothing needs to be done about it.
"#);
    assert!(explain_process(&w, 9999, &[]).is_none());
}

#[test]
fn an_alert_and_an_incident_are_explained() {
    let (incident, alerts, actions, _) = an_incident();
    let mut open = alerts[0].clone();
    open.state = AlertState::Open;
    let mut gone = world();
    gone.processes.retain(|p| p.pid < 700);
    let text = [
        told(&explain_alert(&alerts[0], &gone, Some(&incident))),
        told(&explain_alert(&open, &gone, None)),
        told(&explain_incident(&incident, &alerts, &actions)),
    ]
    .join("\n");
    assert_snapshot!(text, @r#"
process.ghost_storm al-a2b63e89fd (0.90)
2 × python3 mcp_server.py
  why: process: seen: 2 × python3 mcp_server.py
  why: cause (90 % sure): 2 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end.
  kind: process.ghost_storm
  severity: high
  state: closed
  about: 2 × python3 mcp_server.py
  since: 2027-01-15T08:00:00Z
  lasted: 0s
  incident: in-527e60590d
  closed: acted
  do: It is over; nothing needs to be done now.
  do: Have the program that starts these processes end them when it ends (a process group, a cgroup, PR_SET_PDEATHSIG).

process.ghost_storm al-a2b63e89fd (0.50)
2 × python3 mcp_server.py
  why: process: seen: 2 × python3 mcp_server.py
  kind: process.ghost_storm
  severity: high
  state: open
  about: 2 × python3 mcp_server.py
  since: 2027-01-15T08:00:00Z
  lasted: 0s
  closed: acted
  do: What it is about is gone by now: it will close by itself.
  $ hale status

incident in-527e60590d (0.90)
2 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end.
  why: process.ghost_storm: 2 × python3 mcp_server.py
  why: process.kill 2 × python3 mcp_ser: 700 701: succeeded
  state: resolved
  severity: high
  since: 2027-01-15T08:00:00Z
  until: 2027-01-15T08:00:42Z
  cause: ghost_storm
  do: It is over; nothing needs to be done now.
  do: Have the program that starts these processes end them when it ends (a process group, a cgroup, PR_SET_PDEATHSIG).
  $ hale incidents show in-527e60590d
"#);
}

#[test]
fn the_report_on_a_cured_incident() {
    let (incident, alerts, actions, timeline) = an_incident();
    assert_snapshot!(postmortem(&incident, &alerts, &actions, &timeline), @r#"
# 2 × python3 mcp\_server.py

- Incident: in-527e60590d on box
- Severity: high
- State: resolved
- Began: 2027-01-15T08:00:00Z
- Ended: 2027-01-15T08:00:42Z, after 42s

## Impact

- 2 × python3 mcp\_server.py: process.ghost_storm (high), since 2027-01-15T08:00:00Z, lasted 41s: 2 × python3 mcp\_server.py

What users of this machine noticed of it hale cannot see.

## Timeline

- 2027-01-15T08:00:00Z Scout (alert\_opened): a line�with \`code\` and \<b\>

## Cause

2 × python3 mcp\_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end.

`ghost_storm` — 90 % sure, by rules and correlation. It rests on:

- 2027-01-15T08:00:00Z process (ob-4ce7475dd9): seen: 2 × python3 mcp\_server.py

## What worked

- It was seen at 2027-01-15T08:00:00Z by process.
- 42s from its beginning to the verified end.

### process.kill 2 × python3 mcp\_ser: 700 701 — succeeded

- Wanted by hale at 2027-01-15T07:58:20Z: Nobody uses these 2 processes any more; ending them frees 20 MiB.
- As a command: `kill 700 701`
- Guard: allow, warning risk (`guard.autonomy.safe_pair`: safe under its conditions)
- Outcome: TERM: 700 701
- Cannot be undone: what has ended cannot be continued
- Proof, 2027-01-15T08:00:40Z: 2 of 2 processes are gone; held for 10 s

## What did not

Nothing that is on record.

## Follow-ups

- [ ] Have the program that starts these processes end them when it ends (a process group, a cgroup, PR\_SET\_PDEATHSIG).
"#);
}

#[test]
fn the_report_on_an_incident_that_nobody_cured_says_so() {
    let (mut incident, mut alerts, mut actions, _) = an_incident();
    incident.state = IncidentState::Escalated;
    incident.closed_at = None;
    alerts[0].state = AlertState::Open;
    actions[0].state = ActionState::Failed;
    actions[0].note = Some("verification failed".to_owned());
    actions[0].verification = Some(Verification {
        verified: false,
        decided_at: at(70),
        observations: vec!["not so: still alive: 701".to_owned()],
    });
    let report = postmortem(&incident, &alerts, &actions, &[]);
    let end = report.split("## What did not").nth(1).unwrap();
    assert_snapshot!(end, @r#"


- hale could not, or was not allowed to, end it: it is with a person.

### process.kill 2 × python3 mcp\_ser: 700 701 — failed

- Wanted by hale at 2027-01-15T07:58:20Z: Nobody uses these 2 processes any more; ending them frees 20 MiB.
- As a command: `kill 700 701`
- Guard: allow, warning risk (`guard.autonomy.safe_pair`: safe under its conditions)
- Outcome: TERM: 700 701
- Cannot be undone: what has ended cannot be continued
- Not proven, 2027-01-15T08:01:10Z: not so: still alive: 701
- Note: verification failed

## Follow-ups

- [ ] a person has to take over
- [ ] process.ghost_storm is still open: 2 × python3 mcp\_server.py
- [ ] find out why process.kill 2 × python3 mcp\_ser: 700 701 failed
- [ ] Have the program that starts these processes end them when it ends (a process group, a cgroup, PR\_SET\_PDEATHSIG).
"#);
    assert!(report.contains("Not proven, "));
    assert!(report.contains("Ended: not yet"));

    let nothing = Incident { diagnosis: None, ..incident };
    let report = postmortem(&nothing, &[], &[], &[]);
    for said in [
        "Not known: no diagnosis was made.",
        "Nothing that was done is proven to have helped.",
        "The cause was not found.",
        "No alert of it is on record.",
    ] {
        assert!(report.contains(said), "{said}");
    }
}

fn health(score: f64) -> Health {
    Health {
        machine_id: MachineId::from("box"),
        at: at(0),
        score,
        severity: Severity::Medium,
        top_issue: None,
        factors: vec![
            HealthFactor {
                id: "sources".to_owned(),
                score,
                severity: Severity::Medium,
                why: "units could never be read".to_owned(),
            },
            HealthFactor {
                id: "memory".to_owned(),
                score,
                severity: Severity::Medium,
                why: "80 % in use".to_owned(),
            },
        ],
    }
}

#[test]
fn the_most_urgent_comes_first() {
    let (mut escalated, alerts, actions, _) = an_incident();
    escalated.state = IncidentState::Escalated;
    let mut treated = escalated.clone();
    treated.id = IncidentId::from("in-2");
    treated.state = IncidentState::Verifying;
    treated.alerts.clear();
    let mut lone = about_mount(AlertKind::DiskSpace, "/data");
    lone.severity = Severity::Critical;
    let mut low = about_machine(AlertKind::MetricAnomaly);
    low.severity = Severity::Low;
    let approval = Approval {
        id: ApprovalId::from("ap-1"),
        action_id: actions[0].id.clone(),
        binding: String::new(),
        state: ApprovalState::Pending,
        created_at: at(0),
        expires_at: at(60),
        decided_at: None,
        decided_by: None,
        why: None,
    };
    let old = Approval { state: ApprovalState::Expired, ..approval.clone() };
    let view = triage(
        &[low, lone, alerts[0].clone()],
        &[treated, escalated],
        &[(old, actions[0].clone()), (approval, actions[0].clone())],
        &health(0.3),
    );
    let table: String = view
        .items
        .iter()
        .map(|i| {
            format!(
                "{} {} | {} | {} | {}\n",
                i.rank,
                i.severity,
                i.what,
                i.why,
                i.commands.join(", ")
            )
        })
        .collect();
    assert_snapshot!(table, @r#"
1 critical | disk.space: disk.space of /data | seen: disk.space of /data | hale status, hale explain al-503033fe45, hale alerts ack al-503033fe45
2 high | process.kill 2 × python3 mcp_ser: 700 701 waits for your yes (warning risk) | Nobody uses these 2 processes any more; ending them frees 20 MiB. | hale approvals show ap-1, hale approve ap-1, hale reject ap-1
3 high | 2 × python3 mcp_server.py (escalated) | 2 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end. (90 % sure) | hale incidents show in-527e60590d
4 high | 2 × python3 mcp_server.py (verifying) | 2 × python3 mcp_server.py. 2 processes live on with 20 MiB: they were started by claude, which is gone and never told them to end. (90 % sure) | hale incidents show in-2
5 medium | sources is weak (0.30 of 1) | units could never be read | hale doctor
6 low | metric.anomaly: metric.anomaly | seen: metric.anomaly | hale status, hale explain al-7629a8a677, hale alerts ack al-7629a8a677
"#);
}

#[test]
fn with_nothing_to_do_triage_is_empty_and_blind_spots_are_something_to_do() {
    assert!(triage(&[], &[], &[], &health(1.0)).items.is_empty());
    let blind = triage(&[], &[], &[], &health(0.2)).items;
    assert_eq!(blind.len(), 2);
    assert!(blind.iter().any(|i| i.commands == ["hale doctor"]));
}
