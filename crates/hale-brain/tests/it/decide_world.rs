//! A small machine for tests: hale (run by ada from her shell), sshd, a web service, an orphan.

use std::sync::Arc;

use hale_model::action::{
    Action, ActionRecord, ActionState, Actor, Decision, Expectation, PlanStep, Risk, Verdict,
};
use hale_model::alert::{Alert, AlertKind, AlertState, Evidence, Severity, Subject};
use hale_model::ids::Fingerprint;
use hale_model::sample::{
    HostFacts, OriginalParent, ParentKnownBy, ProcessInfo, Source, SourceState, SourceStatus,
    UnitStat,
};
use hale_model::snapshot::{Mount, Process, Snapshot, System};
use hale_model::{ActionId, AlertId, EvidenceId, MachineId, ProcRef, Timestamp};

pub const ADA: u32 = 1000;
pub const SEC: u64 = 1_000_000_000;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn process(pid: i32, ppid: i32, name: &str, change: impl FnOnce(&mut Process)) -> Process {
    let mut process = Process {
        pid,
        start_ticks: 1000 + pid as u64,
        age_secs: 7200.0,
        ppid,
        original_parent: None,
        pgid: pid,
        sid: 1,
        state: 'S',
        cpu_percent: Some(0.0),
        rss_bytes: 10 << 20,
        mem_percent: Some(0.1),
        threads: 1,
        nice: 0,
        open_fds: Some(8),
        read_bytes_per_sec: Some(0.0),
        write_bytes_per_sec: Some(0.0),
        info: Arc::new(ProcessInfo {
            name: name.chars().take(15).collect(),
            cmdline: name.to_owned(),
            exe: Some(format!("/usr/bin/{}", name.split(' ').next().unwrap_or(name))),
            uid: ADA,
            user: "ada".to_owned(),
            ..ProcessInfo::default()
        }),
    };
    change(&mut process);
    process
}

pub fn info(process: &mut Process) -> &mut ProcessInfo {
    Arc::make_mut(&mut process.info)
}

pub fn by_root(process: &mut Process) {
    info(process).uid = 0;
    info(process).user = "root".to_owned();
}

pub fn in_unit(unit: &str) -> impl Fn(&mut Process) {
    move |process| {
        info(process).unit = Some(unit.to_owned());
        info(process).cgroup = Some(format!("/system.slice/{unit}"));
    }
}

pub fn left_behind_by(parent: &str) -> impl Fn(&mut Process) {
    move |process| {
        process.ppid = 1;
        process.original_parent = Some(Arc::new(OriginalParent {
            process: Some(ProcRef { pid: 4000, start_ticks: 1, name: parent.to_owned() }),
            name: parent.to_owned(),
            cmdline: parent.to_owned(),
            known_by: ParentKnownBy::Observed,
        }));
    }
}

pub fn unit(name: &str, active: &str, result: &str, main_pid: i32) -> UnitStat {
    UnitStat {
        service_type: "simple".to_owned(),
        unit: name.to_owned(),
        active_state: active.to_owned(),
        sub_state: if active == "active" { "running" } else { "dead" }.to_owned(),
        result: result.to_owned(),
        exit_status: i32::from(result == "exit-code"),
        restarts: 0,
        main_pid,
        invocation_id: format!("{name}-run-1"),
    }
}

pub fn mount(point: &str, free_percent: f64) -> Mount {
    Mount {
        mount_point: point.to_owned(),
        device: "/dev/vda1".to_owned(),
        fs_type: "ext4".to_owned(),
        total_bytes: 10 << 30,
        used_bytes: 9 << 30,
        available_bytes: 1 << 30,
        free_percent,
        inode_free_percent: Some(50.0),
        ..Mount::default()
    }
}

pub fn world() -> Snapshot {
    let sources = Source::ALL
        .iter()
        .map(|source| SourceStatus {
            source: *source,
            state: SourceState::Fresh,
            last_fresh_at: Some(at(0)),
            took_us: 1,
            note: None,
            lost: 0,
        })
        .collect();
    let mut snapshot = Snapshot {
        machine_id: MachineId::from("box"),
        collected_at: at(0),
        boottime_ns: 10_000 * SEC,
        elapsed_secs: Some(5.0),
        host: Arc::new(HostFacts { cores: 2, ticks_per_sec: 100, ..HostFacts::default() }),
        sources,
        system: System {
            mem_total_bytes: Some(8 << 30),
            mem_used_percent: Some(50.0),
            ..System::default()
        },
        processes: vec![
            process(1, 0, "systemd", by_root),
            process(2, 0, "kthreadd", |p| {
                by_root(p);
                info(p).kernel_thread = true;
                info(p).cmdline.clear();
            }),
            process(100, 1, "sshd", |p| {
                by_root(p);
                in_unit("ssh.service")(p);
            }),
            process(200, 1, "nginx: master process", |p| {
                by_root(p);
                info(p).name = "nginx".to_owned();
                in_unit("nginx.service")(p);
            }),
            process(201, 200, "nginx: worker process", |p| {
                info(p).name = "nginx".to_owned();
                in_unit("nginx.service")(p);
            }),
            process(500, 100, "-bash", |p| {
                p.sid = 500;
                info(p).unit = Some("session-3.scope".to_owned());
            }),
            process(600, 500, "hale up", |p| info(p).name = "hale".to_owned()),
            process(650, 100, "-bash", |p| p.sid = 650),
            process(700, 1, "python3 mcp_server.py --port 7001", left_behind_by("claude")),
            process(701, 1, "python3 mcp_server.py --port 7002", left_behind_by("claude")),
            process(750, 500, "python3 train.py", |p| p.pgid = 749),
            process(751, 750, "python3 train.py", |p| p.pgid = 749),
            process(760, 1, "dead", |p| p.state = 'Z'),
            process(800, 1, "bobs-job", |p| {
                info(p).uid = 1001;
                info(p).user = "bob".to_owned();
            }),
        ],
        own_pids: vec![600, 500, 100, 1],
        mounts: vec![mount("/", 4.0), mount("/data", 4.0)],
        devices: Vec::new(),
        interfaces: Vec::new(),
        tcp_states: Default::default(),
        listeners: Vec::new(),
        gpus: Vec::new(),
        temperatures: Vec::new(),
        units: vec![
            unit("ssh.service", "active", "success", 100),
            unit("nginx.service", "active", "success", 200),
            unit("report.service", "failed", "exit-code", 0),
        ],
        journal: Vec::new(),
        workloads: Vec::new(),
        containers: vec![hale_model::container::Container {
            stat: crate::containers::web(),
            cpu_percent: None,
            memory_percent: None,
        }],
        probes: Vec::new(),
        scraped: Vec::new(),
        reports: Vec::new(),
        writers: Vec::new(),
        stalled: Vec::new(),
        traffic: None,
    };
    snapshot.processes.sort_by_key(|p| p.pid);
    snapshot
}

pub fn later(snapshot: &Snapshot, secs: u64) -> Snapshot {
    let mut next = snapshot.clone();
    next.boottime_ns += secs * SEC;
    next.collected_at =
        Timestamp::from_second(snapshot.collected_at.as_second() + secs as i64).unwrap();
    next
}

pub fn stale(snapshot: &mut Snapshot, source: Source) {
    let status = snapshot.sources.iter_mut().find(|s| s.source == source).unwrap();
    status.state = SourceState::Stale;
}

pub fn the(snapshot: &Snapshot, pid: i32) -> ProcRef {
    snapshot.process(pid).unwrap().proc_ref()
}

pub fn kill(targets: Vec<ProcRef>) -> Action {
    Action::ProcessKill { targets, grace_secs: 10, force: false, group: false }
}

pub fn restart(unit: &str) -> Action {
    Action::ServiceRestart { unit: unit.to_owned(), invocation_id: Some(format!("{unit}-run-1")) }
}

pub fn alert(kind: AlertKind, subject: Subject, summary: &str) -> Alert {
    let machine = MachineId::from("box");
    let fingerprint = Fingerprint::of(&machine, kind.as_str(), &subject.key());
    let source = match &subject {
        Subject::Unit { .. } => Source::Unit,
        Subject::Mount { .. } => Source::Disk,
        Subject::Machine => Source::Memory,
        Subject::Process { .. } | Subject::ProcessGroup { .. } => Source::Process,
        Subject::Sensor { .. } | Subject::Metric { .. } => Source::Cpu,
        Subject::Journal { .. } => Source::Journal,
        Subject::Container { .. } => Source::Container,
        Subject::Service { .. } | Subject::Workload { .. } => Source::Otlp,
        Subject::Source { source } => *source,
    };
    Alert {
        id: AlertId::of(&fingerprint, at(0)),
        machine_id: machine.clone(),
        severity: Severity::High,
        state: AlertState::Open,
        summary: summary.to_owned(),
        vars: Default::default(),
        evidence: vec![Evidence {
            id: EvidenceId::of(&machine, &subject.key(), kind.as_str(), at(0)),
            source,
            observed_at: at(0),
            text: format!("seen: {summary}"),
            value: None,
            unit: None,
        }],
        suggested_actions: vec!["hale status".to_owned()],
        first_seen_at: at(0),
        last_seen_at: at(0),
        closed_at: None,
        close_reason: None,
        flaps: 0,
        incident_id: None,
        fingerprint,
        kind,
        subject,
    }
}

pub fn about_process(kind: AlertKind, snapshot: &Snapshot, pid: i32) -> Alert {
    let process = the(snapshot, pid);
    let summary = format!("{kind} of {process}");
    alert(kind, Subject::Process { process }, &summary)
}

pub fn about_unit(kind: AlertKind, unit: &str) -> Alert {
    let summary = format!("{kind} of {unit}");
    alert(kind, Subject::Unit { unit: unit.to_owned() }, &summary)
}

pub fn about_mount(kind: AlertKind, mount_point: &str) -> Alert {
    let summary = format!("{kind} of {mount_point}");
    alert(kind, Subject::Mount { mount_point: mount_point.to_owned() }, &summary)
}

pub fn about_machine(kind: AlertKind) -> Alert {
    let summary = format!("{kind}");
    alert(kind, Subject::Machine, &summary)
}

pub fn storm(snapshot: &Snapshot, pids: &[i32]) -> Alert {
    let members: Vec<ProcRef> = pids.iter().map(|pid| the(snapshot, *pid)).collect();
    let label = format!("{} × python3 mcp_server.py", pids.len());
    let subject = Subject::ProcessGroup {
        group_key: "python3 mcp_server.py".to_owned(),
        label: label.clone(),
        members,
        pgids: pids.to_vec(),
        cgroup: None,
    };
    alert(AlertKind::ProcessGhostStorm, subject, &label)
}

pub fn done(action: Action, alert_kind: AlertKind, state: ActionState) -> ActionRecord {
    ActionRecord {
        id: ActionId::of(&action.target(), 0),
        plan_id: None,
        incident_id: None,
        alert_id: None,
        alert_kind: Some(alert_kind),
        machine_id: MachineId::from("box"),
        requested_by: Actor::Hale,
        step: PlanStep {
            action,
            why: "It helps.".to_owned(),
            command: "do it".to_owned(),
            expectation: Expectation { conditions: Vec::new(), hold_secs: 0, within_secs: 0 },
        },
        verdict: Verdict {
            decision: Decision::Allow,
            risk: Risk::Warning,
            reversible: false,
            blast_radius: 1,
            reasons: Vec::new(),
        },
        state,
        created_at: at(-100),
        intended_at: Some(at(-100)),
        finished_at: Some(at(-90)),
        boot_id: String::new(),
        pre_state: None,
        outcome: None,
        verification: None,
        note: None,
    }
}
