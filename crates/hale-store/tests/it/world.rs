//! A machine to store.

use std::collections::BTreeMap;
use std::sync::Arc;

use hale_model::action::*;
use hale_model::alert::*;
use hale_model::ids::*;
use hale_model::incident::*;
use hale_model::sample::*;
use hale_model::snapshot::Snapshot;
use hale_model::{MachineId, Timestamp};

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).unwrap()
}

pub fn machine() -> MachineId {
    "web-1".into()
}

pub fn alert(n: u64) -> Alert {
    let fingerprint = Fingerprint::of(&machine(), "process.leak", &format!("process:{n}"));
    Alert {
        id: AlertId::of(&fingerprint, at(n as i64)),
        fingerprint,
        machine_id: machine(),
        kind: AlertKind::ProcessLeak,
        severity: Severity::High,
        state: AlertState::Open,
        subject: Subject::Process {
            process: ProcRef { pid: n as i32, start_ticks: 7, name: "leaky".into() },
        },
        summary: "leaky grows by 3 MiB/s; it's \"big\" — naïve 日本".into(),
        vars: BTreeMap::from([("rss_bytes".into(), serde_json::json!(1_u64 << 40))]),
        evidence: vec![Evidence {
            id: EvidenceId::of(&machine(), "process:1", "rss", at(0)),
            source: Source::Process,
            observed_at: at(0),
            text: "RSS 412 MiB".into(),
            value: Some(0.1 + 0.2),
            unit: Some("bytes".into()),
        }],
        suggested_actions: vec!["hale explain 1".into()],
        first_seen_at: at(n as i64),
        last_seen_at: at(n as i64 + 5),
        closed_at: None,
        close_reason: None,
        flaps: 0,
        incident_id: None,
    }
}

pub fn incident(n: u64) -> Incident {
    Incident {
        id: IncidentId::of(&alert(n).id),
        external_ids: Vec::new(),
        title: format!("leaky on web-1 ({n})"),
        state: IncidentState::Open,
        severity: Severity::High,
        machine_id: machine(),
        opened_at: at(n as i64),
        closed_at: None,
        alerts: vec![alert(n).id],
        diagnosis: Some(Diagnosis {
            cause_kind: "memory_leak".into(),
            cause: "leaky never frees".into(),
            confidence: 0.8,
            source: DiagnosisSource::Local,
            evidence: Vec::new(),
            prevention: None,
        }),
    }
}

pub fn action(n: u64) -> ActionRecord {
    ActionRecord {
        id: ActionId::of("pl-1", n as usize),
        plan_id: None,
        incident_id: Some(incident(1).id),
        alert_id: Some(alert(1).id),
        alert_kind: Some(AlertKind::ProcessLeak),
        machine_id: machine(),
        requested_by: Actor::Hale,
        step: PlanStep {
            action: Action::ServiceRestart { unit: "leaky.service".into(), invocation_id: None },
            why: "it leaks".into(),
            command: "systemctl restart leaky.service".into(),
            expectation: Expectation {
                conditions: vec![Condition::UnitActive { unit: "leaky.service".into() }],
                hold_secs: 10,
                within_secs: 60,
            },
        },
        verdict: Verdict {
            decision: Decision::Allow,
            risk: Risk::Warning,
            reversible: true,
            blast_radius: 1,
            reasons: vec![Reason { rule: "guard.ok".into(), text: "allowed".into() }],
        },
        state: ActionState::Intended,
        created_at: at(n as i64),
        intended_at: Some(at(n as i64)),
        finished_at: None,
        boot_id: "boot-1".into(),
        pre_state: None,
        outcome: None,
        verification: None,
        note: None,
    }
}

pub fn approval(n: u64) -> Approval {
    Approval {
        id: ApprovalId::of(&action(n).id, at(n as i64)),
        action_id: action(n).id,
        binding: "b".repeat(32),
        state: ApprovalState::Pending,
        created_at: at(n as i64),
        expires_at: at(n as i64 + 600),
        decided_at: None,
        decided_by: None,
        why: None,
    }
}

/// A sample `second`s after boot; `load` drives the counters.
pub fn sample(second: i64, processes: usize) -> Sample {
    let n = second as u64;
    let process = |pid: usize| ProcessStat {
        pid: pid as i32,
        start_ticks: 10,
        ppid: 1,
        original_parent: None,
        pgid: pid as i32,
        sid: 1,
        state: if pid.is_multiple_of(50) { 'Z' } else { 'S' },
        utime_ticks: n * pid as u64 % 90,
        stime_ticks: n,
        nice: 0,
        threads: 1,
        rss_bytes: pid as u64 * 1_000_000,
        open_fds: Some((1000 - pid.min(1000)) as u32),
        read_bytes: Some(n * 10),
        write_bytes: None,
        info: Arc::new(ProcessInfo {
            name: format!("worker-{pid}"),
            cmdline: format!("/usr/bin/worker --number {pid} {}", "x".repeat(300)),
            user: "www-data".into(),
            unit: Some("worker.service".into()),
            ..ProcessInfo::default()
        }),
    };
    Sample {
        machine_id: machine(),
        collected_at: at(second),
        boottime_ns: n * 1_000_000_000,
        host: Arc::new(HostFacts {
            hostname: "web-1".into(),
            boot_id: "boot-1".into(),
            ticks_per_sec: 100,
            cores: 2,
            ..HostFacts::default()
        }),
        sources: vec![SourceStatus {
            source: Source::Gpu,
            state: SourceState::Absent,
            last_fresh_at: None,
            took_us: 3,
            note: Some("no GPU".into()),
            lost: 0,
        }],
        process: Some(ProcessSample {
            processes: (1..=processes).map(process).collect(),
            own_pids: vec![1],
        }),
        memory: Some(MemorySample {
            total_bytes: 16 << 30,
            available_bytes: (12 << 30) - n * 1_000_000,
            buffers_bytes: 1 << 20,
            cached_bytes: 2 << 30,
            swap_total_bytes: 1 << 30,
            swap_free_bytes: 1 << 29,
            swap_in_pages: n * 3,
            ..MemorySample::default()
        }),
        cpu: Some(CpuSample {
            total: CpuTicks {
                user: n * 40,
                system: n * 10,
                idle: n * 140,
                iowait: n * 10,
                ..CpuTicks::default()
            },
            cores: vec![CpuTicks { user: n * 20, ..CpuTicks::default() }; 2],
            load: [0.5, 0.4, 0.3],
            runnable: 1,
            frequency_mhz: vec![2000, 3000],
            temperatures: vec![Temperature {
                label: "coretemp/0".into(),
                celsius: 51.5,
                critical_celsius: None,
            }],
            pressure: Some(Pressure { some_avg10: 1.5, ..Pressure::default() }),
        }),
        gpu: Some(GpuSample {
            gpus: vec![GpuStat {
                vendor: "nvidia".into(),
                memory_used_bytes: 9,
                ..GpuStat::default()
            }],
        }),
        disk: Some(DiskSample {
            devices: vec![DeviceCounters {
                device: "nvme0n1".into(),
                reads: n * 10,
                read_bytes: n * 2_097_152,
                read_ms: n * 20,
                writes: n * 5,
                write_bytes: n * 1_048_576,
                write_ms: n * 10,
                busy_ms: n * 100,
            }],
            mounts: vec![MountUsage {
                mount_point: "/".into(),
                device: "/dev/nvme0n1p1".into(),
                fs_type: "ext4".into(),
                total_bytes: 1000,
                free_bytes: 300,
                available_bytes: 250,
                inodes_total: 100,
                inodes_free: 40,
                read_only: false,
            }],
            pressure: None,
        }),
        journal: Some(JournalSample {
            backend: JournalBackend::Journald,
            entries: vec![JournalEntry {
                logged_at: at(second),
                priority: 4,
                unit: Some("worker.service".into()),
                identifier: "worker".into(),
                pid: Some(9),
                kernel: false,
                message: format!("warning {second}"),
            }],
            cursor: None,
        }),
        network: Some(NetworkSample {
            interfaces: vec![
                InterfaceCounters {
                    interface: "eth0".into(),
                    rx_bytes: n * 1_048_576,
                    tx_bytes: n * 524_288,
                    ..InterfaceCounters::default()
                },
                InterfaceCounters {
                    interface: "lo".into(),
                    rx_bytes: n * 999_999_999,
                    ..InterfaceCounters::default()
                },
            ],
            tcp_states: BTreeMap::from([("established".into(), 3)]),
            listeners: Vec::new(),
        }),
        unit: None,
        container: None,
        workload: None,
        probes: Vec::new(),
        scraped: None,
        traffic: None,
    }
}

pub fn snapshot(sample: &Sample, before: Option<&Sample>) -> Snapshot {
    Snapshot::derive(sample, before)
}
