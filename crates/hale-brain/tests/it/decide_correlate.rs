//! Which alerts are one trouble, and which are two.

use hale_brain::diagnose::{Correlation, correlate};
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::incident::{Incident, IncidentState};
use hale_model::snapshot::Snapshot;
use proptest::prelude::*;

use crate::decide_world::*;

fn busy() -> Snapshot {
    let mut snapshot = world();
    for p in &mut snapshot.processes {
        if matches!(p.pid, 750 | 751 | 700) {
            p.cpu_percent = Some(90.0 + f64::from(p.pid) / 100.0);
            p.mem_percent = Some(30.0);
        }
    }
    snapshot.units[1].result = "oom-kill".to_owned();
    snapshot
}

/// What becomes of these: incidents are named by letters in the order in which they appear.
fn story(opened: &[Alert], open: &[(Incident, Vec<Alert>)]) -> String {
    let snapshot = busy();
    let answers = correlate(at(0), opened, open, &snapshot);
    let name = |id| {
        let alerts = opened.iter().chain(open.iter().flat_map(|(_, alerts)| alerts));
        alerts.clone().find(|a| a.id == id).map(|a| a.kind.to_string()).unwrap()
    };
    answers
        .into_iter()
        .map(|answer| match answer {
            Correlation::New(incident) => {
                let alerts: Vec<String> = incident.alerts.into_iter().map(name).collect();
                format!("new [{}]", alerts.join(" "))
            }
            Correlation::Join { incident, alert } => {
                let at = open.iter().position(|(i, _)| i.id == incident).unwrap();
                format!("{} → {at}", name(alert))
            }
        })
        .collect::<Vec<_>>()
        .join(" · ")
}

fn incident_of(alerts: Vec<Alert>) -> (Incident, Vec<Alert>) {
    match correlate(at(0), &alerts, &[], &busy()).remove(0) {
        Correlation::New(incident) => (incident, alerts),
        Correlation::Join { .. } => panic!("there is nothing to join"),
    }
}

fn moved(mut alert: Alert, seconds: i64) -> Alert {
    alert.first_seen_at = at(seconds);
    alert.last_seen_at = at(seconds);
    alert.id = hale_model::AlertId::of(&alert.fingerprint, at(seconds));
    alert
}

fn closed(mut alert: Alert) -> Alert {
    alert.state = AlertState::Closed;
    alert
}

fn oom(unit: &str) -> Alert {
    about_unit(AlertKind::KernelOom, unit)
}

fn flood(origin: &str) -> Alert {
    let subject =
        Subject::Journal { origin: origin.to_owned(), template: "cannot connect".to_owned() };
    alert(AlertKind::JournalBurst, subject, "many like messages")
}

#[test]
fn alerts_that_open_together() {
    let w = busy();
    let process = |kind, pid| about_process(kind, &w, pid);
    use AlertKind::*;
    for (name, opened, expected) in [
        ("one", vec![about_machine(MemoryHigh)], "new [memory.high]"),
        ("none", vec![], ""),
        (
            "two independent faults",
            vec![process(ProcessLeak, 750), about_mount(DiskSpace, "/data")],
            "new [process.leak] · new [disk.space]",
        ),
        (
            "a leak and what follows from it",
            vec![about_machine(MemoryHigh), process(ProcessLeak, 750), about_machine(SwapHigh)],
            "new [memory.high process.leak swap.high]",
        ),
        (
            "a small leak does not explain full memory",
            vec![about_machine(MemoryHigh), process(ProcessLeak, 800)],
            "new [memory.high] · new [process.leak]",
        ),
        (
            "two spinners and the load: the hotter has it",
            vec![process(CpuHotProcess, 700), process(CpuHotProcess, 750), about_machine(LoadHigh)],
            "new [cpu.hot_process] · new [cpu.hot_process load.high]",
        ),
        (
            "parent and child are one tree",
            vec![process(ProcessLeak, 750), process(CpuHotProcess, 751)],
            "new [process.leak cpu.hot_process]",
        ),
        (
            "children of one shell are not",
            vec![process(ProcessLeak, 750), process(CpuHotProcess, 700)],
            "new [process.leak] · new [cpu.hot_process]",
        ),
        (
            "two mounts",
            vec![about_mount(DiskSpace, "/"), about_mount(DiskSpace, "/data")],
            "new [disk.space] · new [disk.space]",
        ),
        (
            "one mount",
            vec![
                about_mount(DiskFilling, "/"),
                about_mount(DiskInodes, "/"),
                about_mount(DiskSpace, "/"),
            ],
            "new [disk.filling disk.inodes disk.space]",
        ),
        (
            "leak, OOM kill and failure of one service",
            vec![
                process(ProcessLeak, 201),
                oom("nginx.service"),
                about_unit(ServiceFailed, "nginx.service"),
            ],
            "new [process.leak kernel.oom service.failed]",
        ),
        (
            "an OOM kill without a unit, and a unit that ended by one",
            vec![about_machine(KernelOom), about_unit(ServiceFailed, "nginx.service")],
            "new [kernel.oom service.failed]",
        ),
        (
            "an OOM kill without a unit, and a unit that ended otherwise",
            vec![about_machine(KernelOom), about_unit(ServiceFailed, "report.service")],
            "new [kernel.oom] · new [service.failed]",
        ),
        (
            "a unit's complaints and its failure",
            vec![flood("nginx"), about_unit(ServiceFlapping, "nginx.service"), flood("cron")],
            "new [journal.burst service.flapping] · new [journal.burst]",
        ),
        (
            "processes of two services",
            vec![process(CpuHotProcess, 201), oom("report.service")],
            "new [cpu.hot_process] · new [kernel.oom]",
        ),
    ] {
        assert_eq!(story(&opened, &[]), expected, "{name}");
    }
}

#[test]
fn alerts_that_open_while_incidents_are_open() {
    let w = busy();
    let process = |kind, pid| about_process(kind, &w, pid);
    use AlertKind::*;
    let leak = || incident_of(vec![process(ProcessLeak, 750)]);
    let disk = || incident_of(vec![about_mount(DiskSpace, "/data")]);
    let memory = || incident_of(vec![about_machine(MemoryHigh)]);
    for (name, opened, open, expected) in [
        (
            "an effect, long after",
            moved(about_machine(MemoryHigh), 3600),
            vec![disk(), leak()],
            "memory.high → 1",
        ),
        (
            "a cause that was found later",
            process(ProcessLeak, 750),
            vec![memory()],
            "process.leak → 0",
        ),
        (
            "another cause of what is explained already",
            process(ProcessGhostStorm, 700),
            vec![incident_of(vec![process(ProcessLeak, 750), about_machine(MemoryHigh)])],
            "new [process.ghost_storm]",
        ),
        ("something else", about_mount(DiskSpace, "/"), vec![disk(), leak()], "new [disk.space]"),
        (
            "of another machine",
            {
                let mut other = about_mount(DiskInodes, "/data");
                other.machine_id = "other".into();
                other
            },
            vec![disk()],
            "new [disk.inodes]",
        ),
        (
            "a minute after what is over",
            moved(about_mount(DiskInodes, "/data"), 50),
            vec![{
                let (incident, alerts) = disk();
                (incident, alerts.into_iter().map(closed).collect())
            }],
            "disk.inodes → 0",
        ),
        (
            "long after what is over",
            moved(about_mount(DiskInodes, "/data"), 500),
            vec![{
                let (incident, alerts) = disk();
                (incident, alerts.into_iter().map(closed).collect())
            }],
            "new [disk.inodes]",
        ),
        (
            "an incident that is resolved",
            about_mount(DiskInodes, "/data"),
            vec![{
                let (mut incident, alerts) = disk();
                incident.state = IncidentState::Resolved;
                (incident, alerts)
            }],
            "new [disk.inodes]",
        ),
    ] {
        assert_eq!(story(&[opened], &open), expected, "{name}");
    }
}

#[test]
fn the_title_is_that_of_the_cause_and_the_severity_the_worst() {
    let mut effect = about_machine(AlertKind::MemoryHigh);
    effect.severity = hale_model::alert::Severity::Critical;
    let cause = about_process(AlertKind::ProcessLeak, &busy(), 750);
    let (incident, _) = incident_of(vec![effect, cause.clone()]);
    assert_eq!(incident.title, cause.summary);
    assert_eq!(incident.severity, hale_model::alert::Severity::Critical);
}

proptest! {
    #[test]
    fn every_alert_is_answered_once_whatever_opens(
        picks in prop::collection::vec((0..AlertKind::BUILT_IN.len(), 0..7_usize, -100_i64..100), 0..12),
        known in 0..4_usize,
    ) {
        let w = busy();
        let all: Vec<Alert> = picks
            .into_iter()
            .map(|(kind, what, when)| {
                let kind = AlertKind::BUILT_IN[kind].clone();
                moved(match what {
                    0 => about_machine(kind),
                    1 => about_mount(kind, "/data"),
                    2 => about_unit(kind, "nginx.service"),
                    3 => storm(&w, &[700, 701]),
                    4 => about_process(kind, &w, 750),
                    5 => about_process(kind, &w, 751),
                    _ => about_process(kind, &w, 201),
                }, when)
            })
            .collect();
        let mut distinct: Vec<Alert> = Vec::new();
        for alert in all {
            if !distinct.iter().any(|a| a.id == alert.id) {
                distinct.push(alert);
            }
        }
        let (before, opened) = distinct.split_at(known.min(distinct.len()));
        let open: Vec<_> = before.iter().map(|a| incident_of(vec![a.clone()])).collect();
        let answers = correlate(at(0), opened, &open, &w);
        prop_assert_eq!(&answers, &correlate(at(0), opened, &open, &w));
        let mut answered: Vec<_> = answers
            .into_iter()
            .flat_map(|answer| match answer {
                Correlation::New(incident) => incident.alerts,
                Correlation::Join { alert, .. } => vec![alert],
            })
            .collect();
        let mut asked: Vec<_> = opened.iter().map(|a| a.id.clone()).collect();
        answered.sort();
        asked.sort();
        prop_assert_eq!(answered, asked);
    }
}
