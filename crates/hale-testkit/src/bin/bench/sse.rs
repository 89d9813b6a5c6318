//! Ten thousand clients that open the live stream and never read, while things happen: how many get in,
//! what the others are told, what the agent's memory does, and how long a question waits meanwhile.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hale_testkit::world::rss_bytes;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Figure;
use crate::idle::start_agent;
use crate::webhooks::{answer, free_port, post, wait_for};

const CLIENTS: usize = 10_000;
/// Open files beside those of clients.
const OWN_FILES: u64 = 200;
/// Longer than a client that does not read is waited for.
const HOLD: Duration = Duration::from_secs(40);
/// Between two questions, and between two reports that make events.
const PACE: Duration = Duration::from_millis(50);
/// Kept after an event has grown the buffers of all who watch.
const RSS_GROWTH_MIB_MAX: f64 = 128.0;
const WAIT_MS_MAX: f64 = 250.0;

/// Runs it.
pub fn sse(hale: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let what = format!("{CLIENTS} clients of the stream that never read");
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < CLIENTS as u64 + OWN_FILES {
        return Ok(vec![Figure::skipped(&what, &format!("only {files} files may be open"))]);
    }
    let port = free_port()?;
    let config = format!(
        "[general]\ninterval_secs = 1\n[server]\nlisten = \"127.0.0.1:{port}\"\n[otlp]\nenabled = false\n\
         [containers]\nengine = \"off\"\n[notifications]\nterminal = false\ndesktop = false\n"
    );
    let agent = start_agent(hale, &dir.join("sse"), &config)?;
    let pid = agent.0.id() as i32;
    wait_for(port)?;
    let mut asker = Asker::new(port)?;
    let calm = asker.ask_for(Duration::from_secs(5))?;
    let before = mib(pid);
    let done = AtomicBool::new(false);
    let (clients, opening, most, waits) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut waits = Vec::new();
            while !done.load(Ordering::Relaxed) {
                waits.extend(asker.ask_for(Duration::from_secs(1))?);
            }
            anyhow::Ok(waits)
        });
        let held = hold(port, pid);
        done.store(true, Ordering::Relaxed);
        let waits = asking.join().map_err(|_| anyhow::anyhow!("whoever asks panicked"))??;
        let (clients, opening, most) = held?;
        anyhow::Ok((clients, opening, most, waits))
    })?;
    let (mut watching, mut turned_away, mut unanswered) = (0, 0, 0);
    for stream in &clients {
        match status_of(stream) {
            Some(200) => watching += 1,
            Some(503) => turned_away += 1,
            Some(_) | None => unanswered += 1,
        }
    }
    drop(clients);
    sleep(Duration::from_secs(2));
    let after = mib(pid);
    Ok(vec![
        Figure {
            what: format!("{what}, opened in {:.1} s", opening.as_secs_f64()),
            figure: format!("{watching} watch, {turned_away} told 503, {unanswered} otherwise"),
            budget: "all told".to_owned(),
            met: Some(watching > 0 && unanswered == 0),
        },
        Figure::below(
            "  growth of the agent's RSS by them",
            most - before,
            RSS_GROWTH_MIB_MAX,
            "MiB",
        ),
        Figure::beside(
            "  RSS before, at most, after",
            format!("{before:.1}, {most:.1}, {after:.1} MiB"),
        ),
        Figure::below("  p95 of /api/v1/health meanwhile", p95(waits), WAIT_MS_MAX, "ms"),
        Figure::beside("  p95 of /api/v1/health before", format!("{:.2} ms", p95(calm))),
    ])
}

/// Opens them all, and holds them: the clients, how long opening took, the greatest RSS in MiB.
fn hold(port: u16, pid: i32) -> Result<(Vec<TcpStream>, Duration, f64)> {
    let opened = Instant::now();
    let mut clients = Vec::with_capacity(CLIENTS);
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    for n in 0..CLIENTS {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))
            .with_context(|| format!("client {n}"))?;
        // One that was turned away already may be gone.
        let _ = stream.write_all(request.as_bytes());
        clients.push(stream);
    }
    let (opening, begun, mut most) = (opened.elapsed(), Instant::now(), mib(pid));
    while begun.elapsed() < HOLD {
        sleep(Duration::from_millis(500));
        most = most.max(mib(pid));
    }
    Ok((clients, opening, most))
}

fn mib(pid: i32) -> f64 {
    rss_bytes(pid) as f64 / (1024.0 * 1024.0)
}

fn p95(mut millis: Vec<f64>) -> f64 {
    millis.sort_by(f64::total_cmp);
    millis.get(millis.len() * 95 / 100).copied().unwrap_or(f64::NAN)
}

/// What a client was answered, without reading it.
fn status_of(stream: &TcpStream) -> Option<u16> {
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    let mut head = [0; 12];
    let seen = stream.peek(&mut head).ok()?;
    std::str::from_utf8(head.get(..seen)?).ok()?.split(' ').nth(1)?.parse().ok()
}

/// One who asks, and reports what makes events.
struct Asker {
    port: u16,
    stream: BufReader<TcpStream>,
    reported: u64,
}

impl Asker {
    fn new(port: u16) -> Result<Asker> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("connect to the agent")?;
        stream.set_nodelay(true).context("set up the connection")?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).context("set up the connection")?;
        Ok(Asker { port, stream: BufReader::new(stream), reported: 0 })
    }

    fn exchange(&mut self, request: &str) -> Result<u16> {
        self.stream.get_mut().write_all(request.as_bytes()).context("ask the agent")?;
        answer(&mut self.stream)
    }

    /// Milliseconds of each answer.
    fn ask_for(&mut self, during: Duration) -> Result<Vec<f64>> {
        let (begun, mut waits) = (Instant::now(), Vec::new());
        let question =
            format!("GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        while begun.elapsed() < during {
            self.reported += 1;
            let body = format!(
                r#"{{"incident_id":"sse-{}","service":"shop-{}","type":"errors","severity":"medium","message":"{}"}}"#,
                self.reported,
                self.reported % 20,
                "5 % of requests fail ".repeat(20)
            );
            let request = post("/webhook", self.port, &body);
            let status = self.exchange(&request)?;
            ensure!((200..300).contains(&status), "a report was answered {status}");
            let asked = Instant::now();
            let status = self.exchange(&question)?;
            ensure!(status == 200, "a question was answered {status}");
            waits.push(asked.elapsed().as_secs_f64() * 1000.0);
            sleep(PACE);
        }
        Ok(waits)
    }
}
