//! What the store costs: memory and time of opening, storing a sample a minute, and asking.
//!
//! `cargo run --release -p hale-store --example store_bench [samples]`
#![allow(clippy::print_stdout, reason = "figures are its output")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hale_model::panel::SERIES_METRICS;
use hale_model::sample::*;
use hale_model::snapshot::Snapshot;
use hale_model::{MachineId, Timestamp};
use hale_store::{Access, State, Telemetry, moment_sql, query_readonly, series_sql};

const PROCESSES: i32 = 300;
const STARTS: u32 = 20;
/// Questions of each kind.
const ASKED: i64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("start-only") {
        return Ok(());
    }
    let samples: i64 = argument.map_or(Ok(1440), |n| n.parse())?;
    let dir = std::env::temp_dir().join(format!("hale-store-bench-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    let result = run(&dir, samples);
    std::fs::remove_dir_all(&dir)?;
    result
}

fn run(dir: &Path, samples: i64) -> Result<(), Box<dyn Error>> {
    println!("start of a program linked to libduckdb.so: {:?}", start_cost()?);
    println!("{:<44} {}", "at start", memory()?);
    let (state_path, path) = (dir.join("state.db"), dir.join("telemetry.duckdb"));
    let begun = Instant::now();
    let state = State::open(&state_path, Access::Write)?;
    println!("{:<44} {} {:?}", "state made", memory()?, begun.elapsed());
    let begun = Instant::now();
    let mut telemetry = Telemetry::open(&path, Access::Write)?;
    println!("{:<44} {} {:?}", "telemetry made", memory()?, begun.elapsed());
    drop(telemetry);
    let begun = Instant::now();
    telemetry = Telemetry::open(&path, Access::Write)?;
    println!("{:<44} {} {:?}", "telemetry opened again", memory()?, begun.elapsed());
    store(&mut telemetry, samples)?;
    println!("file {} KiB", std::fs::metadata(&path)?.len() / 1024);
    for sql in [
        "SELECT collected_at, cpu_total, mem_used_bytes, disk_read_mbps FROM sys_samples ORDER BY collected_at DESC LIMIT 5",
        "SELECT date_trunc('hour', collected_at) AS hour, avg(cpu_total), max(mem_used_percent) FROM sys_samples GROUP BY hour ORDER BY hour",
        "SELECT comm, max(mem_bytes) FROM sys_top_processes GROUP BY comm ORDER BY 2 DESC LIMIT 10",
        "SELECT count(*) FROM alerts",
    ] {
        let begun = Instant::now();
        let rows = telemetry.query(Some(&state_path), sql, 1000)?.rows.len();
        println!("{:<44} {} {:?}", format!("query, {rows} rows"), memory()?, begun.elapsed());
    }
    let metrics = SERIES_METRICS[..8].iter().map(|m| (*m).to_owned()).collect::<Vec<_>>();
    ask("courses of 8 figures over 24 h", |n| {
        let step = (samples * 60) as f64 / 300.0;
        let sql = series_sql(&metrics, at(0), at(samples * 60 - n % 60), step);
        Ok(telemetry.query(Some(&state_path), &sql, 1000)?.rows.len())
    })?;
    ask("the machine at a past moment", |n| {
        let sql = moment_sql(at(n * 7919 % (samples * 60)));
        Ok(telemetry.query(Some(&state_path), &sql, 1000)?.rows.len())
    })?;
    let begun = Instant::now();
    let said = telemetry.retain(at(samples * 60), 1, false)?;
    println!("{:<44} {} {:?}", "retention", memory()?, begun.elapsed());
    println!("{said}");
    drop(telemetry);
    println!("{:<44} {}", "telemetry closed", memory()?);
    let begun = Instant::now();
    query_readonly(&path, &state_path, "SELECT count(*) FROM sys_samples", 1)?;
    println!("{:<44} {} {:?}", "one question with no agent", memory()?, begun.elapsed());
    let begun = Instant::now();
    for n in 0..1000 {
        state.append_audit(at(n), "hale", "verdict", "x", &serde_json::json!({ "n": n }))?;
    }
    println!("{:<44} {} {:?}", "1000 audit entries", memory()?, begun.elapsed());
    let begun = Instant::now();
    let check = state.verify_audit()?;
    println!("{:<44} {} {:?}", format!("{} verified", check.entries), memory()?, begun.elapsed());
    Ok(())
}

/// Asks so often, and prints how long the middle and the slowest of twenty took.
fn ask(
    what: &str,
    mut question: impl FnMut(i64) -> Result<usize, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (mut millis, mut rows) = (Vec::new(), 0);
    for n in 0..ASKED {
        let begun = Instant::now();
        rows = question(n)?;
        millis.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    millis.sort_by(f64::total_cmp);
    let at = |percent: usize| millis.get(millis.len() * percent / 100).copied().unwrap_or(0.0);
    println!("{what}: p50 {:.2} ms, p95 {:.2} ms, {rows} rows", at(50), at(95));
    Ok(())
}

fn store(telemetry: &mut Telemetry, samples: i64) -> Result<(), Box<dyn Error>> {
    let (mut last, mut spent, mut most) = (None::<Sample>, Duration::ZERO, Duration::ZERO);
    for n in 1..=samples {
        let now = sample(n);
        let snapshot = Snapshot::derive(&now, last.as_ref());
        let begun = Instant::now();
        telemetry.append(&now, &snapshot)?;
        telemetry.flush()?;
        let took = begun.elapsed();
        spent += took;
        most = most.max(took);
        last = Some(now);
        if [1, 10, 60, 360, samples].contains(&n) {
            println!(
                "{:<44} {}",
                format!("{n} samples of {PROCESSES} processes stored"),
                memory()?
            );
        }
    }
    let io = std::fs::read_to_string("/proc/self/io")?;
    let written = io.lines().find_map(|l| l.strip_prefix("wchar: ")).unwrap_or("0");
    println!("written: {} KiB a sample", written.parse::<i64>()? / samples / 1024);
    let mean = spent / u32::try_from(samples)?;
    println!("append and flush: mean {mean:?}, longest {most:?}");
    println!("at one a minute: {:.4} % of a core", 100.0 * mean.as_secs_f64() / 60.0);
    Ok(())
}

/// The mean time from fork to exit of a program that only links the library.
fn start_cost() -> Result<Duration, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let begun = Instant::now();
    for _ in 0..STARTS {
        Command::new(&program).arg("start-only").stdout(Stdio::null()).status()?;
    }
    Ok(begun.elapsed() / STARTS)
}

fn memory() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = |name: &str| -> u64 {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let mib = |name| kib(name) as f64 / 1024.0;
    Ok(format!(
        "RSS {:5.1} MiB (own {:4.1}, files {:4.1})",
        mib("VmRSS"),
        mib("RssAnon"),
        mib("RssFile")
    ))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn sample(minute: i64) -> Sample {
    let n = minute as u64 * 60;
    let process = |pid: i32| ProcessStat {
        pid,
        start_ticks: 100,
        ppid: 1,
        original_parent: None,
        pgid: pid,
        sid: 1,
        state: 'S',
        utime_ticks: n * u64::from(pid.unsigned_abs()) % 997 + n,
        stime_ticks: n,
        nice: 0,
        threads: 4,
        rss_bytes: u64::from(pid.unsigned_abs()) * 1_000_000 + n * 37 % 65_536,
        open_fds: Some(pid.unsigned_abs() % 90),
        read_bytes: Some(n * 4096),
        write_bytes: Some(n * 8192),
        info: Arc::new(ProcessInfo {
            name: format!("worker-{pid}"),
            cmdline: format!("/usr/lib/app/worker --shard {pid} --config /etc/app/worker.toml"),
            user: "www-data".to_owned(),
            unit: Some("app.service".to_owned()),
            ..ProcessInfo::default()
        }),
    };
    Sample {
        machine_id: MachineId::local("bench"),
        collected_at: at(n as i64),
        boottime_ns: n * 1_000_000_000,
        host: Arc::new(HostFacts { boot_id: "boot".to_owned(), ..HostFacts::default() }),
        sources: Vec::new(),
        process: Some(ProcessSample {
            processes: (1..=PROCESSES).map(process).collect(),
            own_pids: Vec::new(),
        }),
        memory: Some(MemorySample {
            total_bytes: 16 << 30,
            available_bytes: (8 << 30) + n * 12_345 % (1 << 30),
            ..MemorySample::default()
        }),
        cpu: Some(CpuSample {
            total: CpuTicks { user: n * 37, idle: n * 160, ..CpuTicks::default() },
            cores: vec![CpuTicks::default(); 8],
            load: [n as f64 % 7.0 / 3.0, 0.5, 0.4],
            ..CpuSample::default()
        }),
        gpu: None,
        disk: Some(DiskSample {
            devices: (0..2)
                .map(|d| DeviceCounters {
                    device: format!("nvme{d}n1"),
                    read_bytes: n * 123_457,
                    write_bytes: n * 76_543,
                    ..DeviceCounters::default()
                })
                .collect(),
            mounts: (0..6)
                .map(|m| MountUsage {
                    mount_point: format!("/mnt/{m}"),
                    total_bytes: 1 << 40,
                    free_bytes: (1 << 39) - n * 4096,
                    ..MountUsage::default()
                })
                .collect(),
            pressure: None,
        }),
        journal: None,
        network: Some(NetworkSample {
            interfaces: (0..4)
                .map(|i| InterfaceCounters {
                    interface: format!("eth{i}"),
                    rx_bytes: n * 55_555,
                    tx_bytes: n * 44_444,
                    ..InterfaceCounters::default()
                })
                .collect(),
            ..NetworkSample::default()
        }),
        unit: None,
        container: None,
        workload: None,
        probes: Vec::new(),
        scraped: None,
        traffic: None,
    }
}
