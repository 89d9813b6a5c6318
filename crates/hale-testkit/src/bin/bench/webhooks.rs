//! Webhooks accepted durably: how many a second over connections that are kept, how long each waits,
//! and what a kill -9 in the middle of it loses. Alertmanager, which keeps nothing on disk before it
//! answers, takes its own alerts at the same load for comparison, where it is installed.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::Figure;

/// Connections that are kept, one request at a time on each.
const SENDERS: usize = 64;
const LOAD: Duration = Duration::from_secs(6);
const START_SECS_MAX: u64 = 30;
const BUDGET_PER_SEC: f64 = 10_000.0;
const ALERTMANAGER: &str = "/usr/bin/prometheus-alertmanager";

/// What one sender saw.
#[derive(Default)]
struct Seen {
    accepted: Vec<(usize, u64)>,
    refused: u64,
    millis: Vec<f64>,
}

/// Runs all of it.
pub fn webhooks(hale: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let place = dir.join("webhooks");
    std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
    let config = place.join("config.toml");
    let port = free_port()?;
    let text = format!(
        "[general]\ninterval_secs = 5\n[server]\nlisten = \"127.0.0.1:{port}\"\nwebhook_rate_per_sec = 1000000\n\
         [containers]\nengine = \"off\"\n[notifications]\nterminal = false\ndesktop = false\n"
    );
    std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
    let mut agent = Agent::start(hale, &place, port)?;
    let request = |sender: usize, n: u64| {
        let body = format!(
            r#"{{"incident_id":"bench-{sender}-{n}","service":"service-{}","type":"errors","severity":"medium","message":"5 % of requests fail","logs":["GET /quote 500"],"metrics":{{"error_percent":5.0}}}}"#,
            n % 50
        );
        post("/webhook", port, &body)
    };
    // As long as no file has grown and no page is warm, nothing is measured.
    load(port, Duration::from_secs(1), &|sender, n| request(sender + 1000, n), None)?;
    let steady = load(port, LOAD, &request, None)?;
    let mut figures = told(&steady, LOAD);
    let stormed = load(port, LOAD / 2, &|sender, n| request(sender + 2000, n), Some(&mut agent))?;
    drop(agent);
    let _agent = Agent::start(hale, &place, port)?;
    figures.push(lost(hale, &place, &stormed)?);
    figures.push(peer(&place)?);
    Ok(figures)
}

pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

struct Agent {
    child: Child,
}

impl Agent {
    fn start(hale: &Path, place: &Path, port: u16) -> Result<Agent> {
        let log = place.join("up.log");
        let file =
            std::fs::File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let child = Command::new(hale)
            .arg("--config")
            .arg(place.join("config.toml"))
            .arg("--data-dir")
            .arg(place.join("data"))
            .arg("up")
            .env("HOME", place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("run {}", hale.display()))?;
        let agent = Agent { child };
        wait_for(port).with_context(|| {
            format!("hale up: {}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn wait_for(port: u16) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(begun.elapsed().as_secs() < START_SECS_MAX, "nobody listens on port {port}");
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

pub fn post(path: &str, port: u16, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

type Make<'a> = &'a (dyn Fn(usize, u64) -> String + Sync);

/// Everyone sends for that long; with an agent given, it is killed at the end of it, in mid-load.
fn load(
    port: u16,
    during: Duration,
    make: Make<'_>,
    kill: Option<&mut Agent>,
) -> Result<Vec<Seen>> {
    let stop = AtomicBool::new(false);
    scope(|scope| {
        let stop = &stop;
        let senders: Vec<_> =
            (0..SENDERS).map(|n| scope.spawn(move || send(port, n, make, stop))).collect();
        sleep(during);
        if let Some(agent) = kill {
            agent.child.kill().context("kill the agent")?;
            agent.child.wait().context("wait for the agent")?;
        }
        stop.store(true, Ordering::Relaxed);
        let seen = senders.into_iter().map(|s| s.join().unwrap_or_default());
        Ok(seen.collect())
    })
}

fn send(port: u16, sender: usize, make: Make<'_>, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return seen };
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut stream = BufReader::new(stream);
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let request = make(sender, n);
        let begun = Instant::now();
        if stream.get_mut().write_all(request.as_bytes()).is_err() {
            break;
        }
        match answer(&mut stream) {
            Ok(200..=299) => {
                seen.accepted.push((sender, n));
                seen.millis.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            Ok(_) => seen.refused += 1,
            Err(_) => break,
        }
    }
    seen
}

pub fn answer(stream: &mut BufReader<TcpStream>) -> Result<u16> {
    Ok(answered(stream)?.0)
}

/// The status and the body of an answer whose length is told.
pub fn answered(stream: &mut BufReader<TcpStream>) -> Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    ensure!(stream.read_line(&mut line)? > 0, "closed");
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).context("no status")?;
    let mut length = 0;
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "closed");
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().context("length")?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

fn rate(seen: &[Seen], during: Duration) -> f64 {
    seen.iter().map(|s| s.accepted.len()).sum::<usize>() as f64 / during.as_secs_f64()
}

fn percentile(seen: &[Seen], share: f64) -> f64 {
    let mut all: Vec<f64> = seen.iter().flat_map(|s| s.millis.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    let at = (all.len() as f64 * share) as usize;
    all.get(at.min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn told(seen: &[Seen], during: Duration) -> Vec<Figure> {
    let per_sec = rate(seen, during);
    let refused: u64 = seen.iter().map(|s| s.refused).sum();
    vec![
        Figure {
            what: format!(
                "webhooks accepted durably, {SENDERS} connections, load from the same cores"
            ),
            figure: format!("{per_sec:.0}/s, {refused} refused"),
            budget: format!("≥ {BUDGET_PER_SEC}/s"),
            met: Some(per_sec >= BUDGET_PER_SEC),
        },
        Figure::beside(
            "webhooks, until the answer",
            format!("p50 {:.1} ms, p99 {:.1} ms", percentile(seen, 0.5), percentile(seen, 0.99)),
        ),
    ]
}

/// What was accepted before the kill and is in no incident after it.
fn lost(hale: &Path, place: &Path, seen: &[Seen]) -> Result<Figure> {
    let output = Command::new(hale)
        .arg("--config")
        .arg(place.join("config.toml"))
        .arg("--data-dir")
        .arg(place.join("data"))
        .args(["robot", "incidents", "--limit", "0"])
        .env("HOME", place)
        .output()
        .with_context(|| format!("run {}", hale.display()))?;
    let envelope: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read the incidents")?;
    let incidents = envelope["data"]["incidents"].as_array().cloned().unwrap_or_default();
    let ids = incidents.iter().filter_map(|i| i["external_ids"].as_array()).flatten();
    let ids: Vec<&str> = ids.filter_map(serde_json::Value::as_str).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    let accepted: Vec<String> = seen
        .iter()
        .flat_map(|s| s.accepted.iter().map(|(sender, n)| format!("bench-{}-{n}", sender + 2000)))
        .collect();
    let lost = accepted.iter().filter(|id| !known.contains(id.as_str())).count();
    let twice = ids.len() - known.len();
    Ok(Figure {
        what: "webhooks accepted before a kill -9 in mid-load".to_owned(),
        figure: format!("{} accepted, {lost} lost, {twice} in two incidents", accepted.len()),
        budget: "0 lost".to_owned(),
        met: Some(lost == 0 && twice == 0 && !accepted.is_empty()),
    })
}

/// Alertmanager under the same load.
fn peer(place: &Path) -> Result<Figure> {
    let what = "the same load on Alertmanager (not durable)";
    if !Path::new(ALERTMANAGER).is_file() {
        return Ok(Figure::skipped(what, "prometheus-alertmanager is not installed"));
    }
    let port = free_port()?;
    let config = place.join("am.yml");
    std::fs::write(&config, "route:\n  receiver: none\nreceivers:\n- name: none\n")
        .with_context(|| format!("write {}", config.display()))?;
    let child = Command::new(ALERTMANAGER)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", place.join("am").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("run {ALERTMANAGER}"))?;
    let _peer = Agent { child };
    wait_for(port)?;
    let request = |sender: usize, n: u64| {
        let body = format!(
            r#"[{{"labels":{{"alertname":"Errors","service":"service-{}","id":"{sender}-{n}"}},"annotations":{{"summary":"5 % of requests fail"}}}}]"#,
            n % 50
        );
        post("/api/v2/alerts", port, &body)
    };
    load(port, Duration::from_secs(1), &request, None)?;
    let seen = load(port, LOAD / 2, &request, None)?;
    let figure = format!("{:.0}/s, p99 {:.1} ms", rate(&seen, LOAD / 2), percentile(&seen, 0.99));
    Ok(Figure::beside(what, figure))
}
