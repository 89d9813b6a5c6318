//! How long one full local collection takes: `collect [RUNS] [PROCESSES…]`.
//!
//! Without process counts: this machine, then generated `/proc` trees of 300 and 10,000 processes.
//! Budgets: 300 in under 10 ms, 10,000 in under 150 ms.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring tool for developers, which generates the trees it reads"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hale_model::sample::Sample;
use hale_observe::{BusAccess, JournalAccess, LocalObserver, Roots};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u32>().expect("a number"));
    let runs = arguments.next().unwrap_or(20).max(2);
    let mut counts: Vec<u32> = arguments.collect();
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9}",
        "roots", "first ms", "median ms", "max ms", "cpu ms"
    );
    measure("this machine", Roots::default(), runs, Duration::from_millis(200)).await;
    if counts.is_empty() {
        counts = vec![300, 10_000];
    }
    for count in counts {
        let dir = tempfile::tempdir().expect("a temporary directory");
        generate(dir.path(), count).expect("a generated /proc");
        let roots = Roots {
            proc: dir.path().to_owned(),
            kmsg: dir.path().join("kmsg"),
            journal: JournalAccess::Disabled,
            system_bus: BusAccess::Disabled,
            ..Roots::default()
        };
        measure(&format!("generated, {count} processes"), roots, runs, Duration::ZERO).await;
    }
}

async fn measure(name: &str, roots: Roots, runs: u32, pause: Duration) {
    let mut observer = LocalObserver::new(roots, None);
    let mut took_ms = Vec::new();
    let mut processes = 0;
    let cpu_before = cpu_ms();
    for _ in 0..runs {
        let started = Instant::now();
        let sample = observer.collect().await;
        took_ms.push(started.elapsed().as_secs_f64() * 1000.0);
        processes = sample.process.as_ref().map_or(0, |p| p.processes.len());
        if std::env::var_os("SOURCES").is_some() {
            print_sources(&sample);
        }
        tokio::time::sleep(pause).await;
    }
    let cpu_each = (cpu_ms() - cpu_before) / f64::from(runs);
    let first = took_ms.remove(0);
    took_ms.sort_by(f64::total_cmp);
    let (median, max) = (took_ms[took_ms.len() / 2], took_ms[took_ms.len() - 1]);
    let name = format!("{name} ({processes} seen)");
    let rss = rss_mib();
    println!("{name:<42} {first:>9.2} {median:>9.2} {max:>9.2} {cpu_each:>9.2} {rss:>9.1}");
}

/// With `SOURCES=1`: each source, and what systemd and the journal said.
fn print_sources(sample: &Sample) {
    for source in &sample.sources {
        let lost = source.lost;
        println!("  {:<8} {:>7} us lost {lost} {:?}", source.source, source.took_us, source.note);
    }
    for unit in sample.unit.iter().flat_map(|u| &u.units).filter(|u| u.active_state != "inactive") {
        println!("  {unit:?}");
    }
    for mount in sample.disk.iter().flat_map(|d| &d.mounts) {
        println!("  {mount:?}");
    }
    if let Some(journal) = &sample.journal {
        println!("  {:?} {:?} after {:?}", journal.backend, journal.entries, journal.cursor);
    }
}

/// CPU time of this process so far.
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1000.0 + time.tv_nsec as f64 / 1e6
}

/// Resident memory of this process, with all that was collected before.
fn rss_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn generate(proc: &Path, count: u32) -> std::io::Result<()> {
    for file in ["meminfo", "vmstat", "stat", "loadavg", "diskstats", "uptime"] {
        fs::copy(Path::new("/proc").join(file), proc.join(file))?;
    }
    fs::create_dir_all(proc.join("net"))?;
    fs::create_dir_all(proc.join("self"))?;
    fs::copy("/proc/net/dev", proc.join("net/dev"))?;
    fs::copy("/proc/self/mountinfo", proc.join("self/mountinfo"))?;
    for pid in 1..=count {
        let dir = proc.join(pid.to_string());
        fs::create_dir_all(dir.join("fd"))?;
        let parent = if pid <= 10 { u32::from(pid > 1) } else { 2 + pid % 9 };
        let fields = "S PARENT 1 1 0 -1 4194304 900 0 0 0 12 34 0 0 20 0 3 0 START 1000000 250 \
            18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 4 5 6 7 0";
        let fields = fields
            .replace("PARENT", &parent.to_string())
            .replace("START", &(100 + pid).to_string());
        fs::write(dir.join("stat"), format!("{pid} (worker{}) {fields}\n", pid % 50))?;
        fs::write(dir.join("cmdline"), format!("/usr/bin/worker\0--shard\0{pid}\0"))?;
        fs::write(dir.join("status"), "Name:\tworker\nUid:\t1000\t1000\t1000\t1000\n")?;
        fs::write(dir.join("cgroup"), format!("0::/system.slice/worker@{}.service\n", pid % 50))?;
        fs::write(dir.join("io"), "read_bytes: 4096\nwrite_bytes: 8192\n")?;
        for fd in 0..3 {
            fs::write(dir.join("fd").join(fd.to_string()), "")?;
        }
    }
    Ok(())
}
