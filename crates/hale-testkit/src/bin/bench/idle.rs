//! What the agent costs while nothing happens, with prometheus-node-exporter scraped at the same interval
//! in the same minutes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use hale_testkit::world::{self, rss_bytes, stat};

use crate::Figure;

const INTERVAL: Duration = Duration::from_secs(5);
/// Between two looks at the memory.
const LOOK_APART: Duration = Duration::from_millis(50);
const SETTLE: Duration = Duration::from_secs(30);
const EXPORTER: &str = "prometheus-node-exporter";
/// Ticks a second in `/proc`: part of the kernel's interface, whatever its own timer does.
const USER_HZ: f64 = 100.0;
const BODY_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A program that ends with this value.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.0.id() as i32);
        // Ended already: just as well.
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        for _ in 0..100 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `hale up` with this configuration; returns when it answers.
pub fn start_agent(hale: &Path, dir: &Path, config: &str) -> Result<Running> {
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let file = dir.join("config.toml");
    fs::write(&file, config).with_context(|| format!("write {}", file.display()))?;
    let log = dir.join("up.log");
    let out = File::create(&log).with_context(|| format!("make {}", log.display()))?;
    let err = out.try_clone().context("share the log")?;
    let data = dir.join("data");
    let child = Command::new(hale)
        .arg("--data-dir")
        .arg(&data)
        .arg("--config")
        .arg(&file)
        .arg("up")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .with_context(|| format!("start {}", hale.display()))?;
    let mut running = Running(child);
    for _ in 0..300 {
        if std::os::unix::net::UnixStream::connect(data.join("hale.sock")).is_ok() {
            return Ok(running);
        }
        if let Ok(Some(status)) = running.0.try_wait() {
            bail!(
                "hale up ended at once ({status}): {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
        }
        sleep(Duration::from_millis(50));
    }
    bail!("hale up does not answer after 15 s: {}", fs::read_to_string(&log).unwrap_or_default())
}

/// Watches both for so many minutes.
pub fn idle(hale: &Path, dir: &Path, minutes: u64) -> Result<Vec<Figure>> {
    ensure!(minutes > 0, "--minutes must be at least 1");
    let config = "[general]\ninterval_secs = 5\n[notifications]\nterminal = false\ndesktop = false\n[server]\nlisten = \"\"\n";
    let agent = start_agent(hale, &dir.join("idle"), config)?;
    let exporter = start_exporter()?;
    let scrape = || exporter.as_ref().map(|(_, address)| scrape(address)).transpose();
    let settled = Instant::now() + SETTLE;
    while Instant::now() < settled {
        scrape()?;
        sleep(INTERVAL);
    }
    let pids = (agent.0.id() as i32, exporter.as_ref().map(|(running, _)| running.0.id() as i32));
    let start = Instant::now();
    let (hale_before, exporter_before) = (cpu_secs(pids.0), pids.1.map(cpu_secs));
    let memory = Memory::watch(pids.0);
    while start.elapsed() < Duration::from_secs(minutes * 60) {
        scrape()?;
        sleep(INTERVAL);
    }
    let wall = start.elapsed().as_secs_f64();
    let memory = memory.end()?;
    ensure!(stat(pids.0).is_some(), "hale up ended while it was watched");
    let share = |before: f64, pid: i32| (cpu_secs(pid) - before) * 100.0 / wall;
    let count = world::processes().len();
    let of = format!("of the agent at 5 s over {minutes} min, {count} processes");
    let anonymous: u64 = world::family(pids.0).into_iter().map(world::anonymous_bytes).sum();
    let mut figures = vec![
        Figure::below(&format!("CPU {of}"), share(hale_before, pids.0), 0.5, "% of a core"),
        Figure::below(
            &format!("memory {of}, its workers with it, median"),
            mib(memory.median),
            64.0,
            "MiB",
        ),
        Figure::beside(
            "  the same at its worst",
            format!("{:.1} MiB ({} looks 50 ms apart)", mib(memory.most), memory.looks),
        ),
        Figure::beside(
            "  a worker lives in",
            format!(
                "{:.2} % of the looks",
                memory.with_worker as f64 * 100.0 / memory.looks as f64
            ),
        ),
    ];
    figures.push(Figure::beside(
        "  the same at the end without pages of programs and libraries",
        format!("{:.1} MiB", mib(anonymous)),
    ));
    match (pids.1, exporter_before) {
        (Some(pid), Some(before)) => {
            figures.push(Figure::beside(
                "  node_exporter scraped at 5 s, same minutes",
                format!("{:.2} % of a core, {:.1} MiB", share(before, pid), mib(rss_bytes(pid))),
            ));
        }
        _ => figures
            .push(Figure::skipped("  node_exporter", &format!("{EXPORTER} is not installed"))),
    }
    Ok(figures)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// What an agent and its workers hold together, looked at often: a worker lives for a fraction of a second.
/// Shared pages count once (proportional set size).
struct Memory {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, bool)>>,
}

/// The distribution.
struct Held {
    median: u64,
    most: u64,
    looks: usize,
    with_worker: usize,
}

impl Memory {
    fn watch(pid: i32) -> Memory {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut looks = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let family = world::family(pid);
                let with_worker = family.len() > 1;
                looks.push((family.into_iter().map(world::pss_bytes).sum(), with_worker));
                sleep(LOOK_APART);
            }
            looks
        });
        Memory { stop, thread }
    }

    fn end(self) -> Result<Held> {
        self.stop.store(true, Ordering::Relaxed);
        let looks = self.thread.join().map_err(|_| anyhow!("the looks at memory panicked"))?;
        let mut held: Vec<u64> = looks.iter().map(|(bytes, _)| *bytes).filter(|b| *b > 0).collect();
        held.sort_unstable();
        let (Some(most), Some(median)) = (held.last(), held.get(held.len() / 2)) else {
            bail!("the agent's memory cannot be read: /proc/PID/smaps_rollup");
        };
        let with_worker = looks.iter().filter(|(_, worker)| *worker).count();
        Ok(Held { median: *median, most: *most, looks: looks.len(), with_worker })
    }
}

/// CPU time of a process, its living children and those it has waited for.
fn cpu_secs(pid: i32) -> f64 {
    let own: u64 = world::family(pid).into_iter().filter_map(stat).map(|s| s.cpu_ticks).sum();
    let ended = stat(pid).map_or(0, |s| s.ended_children_ticks);
    (own + ended) as f64 / USER_HZ
}

fn start_exporter() -> Result<Option<(Running, String)>> {
    let port = TcpListener::bind("127.0.0.1:0")
        .context("find a free port")?
        .local_addr()
        .context("read the port")?;
    let address = port.to_string();
    let spawned = Command::new(EXPORTER)
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let running = match spawned {
        Ok(child) => Running(child),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("start {EXPORTER}")),
    };
    for _ in 0..100 {
        if TcpStream::connect(&address).is_ok() {
            return Ok(Some((running, address)));
        }
        sleep(Duration::from_millis(50));
    }
    bail!("{EXPORTER} does not listen on {address} after 5 s")
}

fn scrape(address: &str) -> Result<()> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .context("ask for the metrics")?;
    let mut answer = Vec::new();
    stream.take(BODY_MAX_BYTES).read_to_end(&mut answer).context("read the metrics")?;
    ensure!(
        answer.windows(14).any(|w| w == b"node_cpu_secon"),
        "{address} did not answer with metrics"
    );
    Ok(())
}
