//! What a turn of detection costs, in time and memory: `cargo run --release --example turn`.
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and its own memory"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hale_brain::detect::{AlertBook, BrainMemory, Orient, Rules, health_of};
use hale_model::config::Config;
use hale_model::ids::MachineId;
use hale_model::sample::{
    HostFacts, JournalEntry, Pressure, ProcessInfo, Source, SourceState, SourceStatus, UnitStat,
};
use hale_model::snapshot::{Mount, Process, Snapshot, System};

const TURNS: u32 = 720;
const MIB: u64 = 1 << 20;

fn main() {
    println!("processes  mean µs  p99 µs  max µs  memory KiB  stored KiB  findings");
    for count in [300, 10_000] {
        measure(count);
    }
    let start = Instant::now();
    let rules = Rules::built_in();
    println!("built-in rules load in {:?}", start.elapsed());
    drop(rules);
}

fn measure(count: i32) {
    let config = Config::default();
    let before = resident_kib();
    let mut now = snapshot(count);
    let with_snapshot = resident_kib();
    let mut orient = Orient::new(Rules::built_in(), BrainMemory::default());
    let mut book = AlertBook::new(Vec::new());
    let mut took: Vec<Duration> = Vec::new();
    let mut findings = 0;
    for turn in 0..TURNS {
        now.boottime_ns += 5_000_000_000;
        now.collected_at += jiff::SignedDuration::from_secs(5);
        for p in &mut now.processes {
            p.age_secs += 5.0;
            let noise = (u64::from(turn) * 7 + p.pid as u64 * 13) % 64;
            p.rss_bytes = (20 + p.pid as u64 % 200) * MIB + noise * MIB / 32;
            p.cpu_percent = Some(noise as f64 / 64.0);
        }
        let start = Instant::now();
        let orientation = orient.turn(&now, &config);
        book.step(&now, &orientation.findings, &config);
        let open: Vec<_> = book.open().collect();
        health_of(&now, &open, &config);
        took.push(start.elapsed());
        findings = orientation.findings.len();
        now.elapsed_secs = Some(5.0);
    }
    let memory = resident_kib().saturating_sub(with_snapshot);
    took.sort();
    let mean = took.iter().sum::<Duration>() / TURNS;
    let p99 = took[took.len() * 99 / 100];
    let stored = serde_json::to_vec(&orient.memory()).expect("memory is JSON").len() / 1024;
    println!(
        "{count:>9}  {:>7}  {:>6}  {:>6}  {memory:>10}  {stored:>10}  {findings:>8}   (the snapshot itself {} KiB)",
        mean.as_micros(),
        p99.as_micros(),
        took.last().map_or(0, Duration::as_micros),
        with_snapshot.saturating_sub(before),
    );
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn snapshot(count: i32) -> Snapshot {
    let at: hale_model::Timestamp = "2026-01-27T00:00:00Z".parse().expect("a time");
    let status = |source| SourceStatus {
        source,
        state: SourceState::Fresh,
        last_fresh_at: Some(at),
        took_us: 0,
        note: None,
        lost: 0,
    };
    let some = Some(1.0);
    Snapshot {
        machine_id: MachineId("bench".into()),
        collected_at: at,
        boottime_ns: 1_000_000_000_000,
        elapsed_secs: None,
        host: Arc::new(HostFacts { cores: 4, ..HostFacts::default() }),
        sources: Source::ALL.map(status).to_vec(),
        system: System {
            cpu_total: some,
            cpu_iowait: some,
            load1: some,
            load5: some,
            mem_total_bytes: Some(1 << 40),
            mem_used_bytes: Some(1 << 36),
            mem_available_bytes: Some(1 << 39),
            mem_used_percent: Some(6.0),
            swap_used_percent: some,
            cpu_pressure: Some(Pressure::default()),
            memory_pressure: Some(Pressure::default()),
            io_pressure: Some(Pressure::default()),
            disk_read_mbps: some,
            disk_write_mbps: some,
            net_rx_mbps: some,
            net_tx_mbps: some,
            process_count: Some(count as u64),
            ..System::default()
        },
        processes: (1..=count).map(process).collect(),
        own_pids: vec![1],
        mounts: (0..8).map(mount).collect(),
        devices: Vec::new(),
        interfaces: Vec::new(),
        tcp_states: [("established".to_owned(), 40)].into(),
        listeners: Vec::new(),
        gpus: Vec::new(),
        temperatures: Vec::new(),
        units: (0..150).map(unit).collect(),
        journal: (0..5).map(|n| entry(n, at)).collect(),
        containers: Vec::new(),
        probes: Vec::new(),
        scraped: Vec::new(),
        reports: Vec::new(),
        writers: Vec::new(),
        stalled: Vec::new(),
        workloads: Vec::new(),
        traffic: None,
    }
}

fn process(pid: i32) -> Process {
    let name = if pid == 1 { "systemd".to_owned() } else { format!("worker{}", pid % 50) };
    Process {
        pid,
        start_ticks: 100,
        age_secs: 600.0,
        ppid: if pid == 1 { 0 } else { 1 + pid / 100 },
        original_parent: None,
        pgid: pid,
        sid: 1,
        state: 'S',
        cpu_percent: Some(0.1),
        rss_bytes: 30 * MIB,
        mem_percent: Some(0.1),
        threads: 2,
        nice: 0,
        open_fds: Some(20),
        read_bytes_per_sec: Some(0.0),
        write_bytes_per_sec: Some(0.0),
        info: Arc::new(ProcessInfo {
            cmdline: format!("/usr/bin/{name} --config /etc/{name}.conf --id {pid}"),
            exe: Some(format!("/usr/bin/{name}")),
            cgroup: Some("/user.slice/user-1000.slice/session-2.scope".into()),
            name,
            ..ProcessInfo::default()
        }),
    }
}

fn mount(n: u64) -> Mount {
    Mount {
        mount_point: format!("/mnt/{n}"),
        total_bytes: 1 << 36,
        used_bytes: 1 << 34,
        available_bytes: 3 << 34,
        free_percent: 75.0,
        inode_free_percent: Some(80.0),
        ..Mount::default()
    }
}

fn unit(n: u32) -> UnitStat {
    UnitStat {
        unit: format!("unit{n}.service"),
        active_state: "active".into(),
        sub_state: "running".into(),
        restarts: n % 3,
        ..UnitStat::default()
    }
}

fn entry(n: u32, at: hale_model::Timestamp) -> JournalEntry {
    JournalEntry {
        logged_at: at,
        priority: 4,
        unit: Some("unit1.service".into()),
        identifier: "unit1".into(),
        pid: Some(7),
        kernel: false,
        message: format!("connection {n} from 10.0.0.{n} timed out after {}ms", n * 17),
    }
}
