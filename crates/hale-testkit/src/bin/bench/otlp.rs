//! Spans digested by a running agent over HTTP, and the memory it takes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::Figure;
use crate::idle::start_agent;

const SPANS_PER_BATCH: u64 = 500;
const CONNECTIONS: usize = 2;
const RUN: Duration = Duration::from_secs(8);
const PORT: u16 = 24_318;

/// Sends batches of a shop's spans as fast as they are taken.
pub fn spans(hale: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let config = format!(
        "[general]\ninterval_secs = 1\n[notifications]\nterminal = false\ndesktop = false\n\
         [server]\nlisten = \"\"\n[otlp]\ngrpc_listen = \"\"\nhttp_listen = \"127.0.0.1:{PORT}\"\n"
    );
    let place = dir.join("otlp");
    let agent = start_agent(hale, &place, &config)?;
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
        ensure!(Instant::now() < until, "the agent does not listen on port {PORT}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let begun = Instant::now();
    let senders: Vec<_> =
        (0..CONNECTIONS).map(|n| std::thread::spawn(move || send(n as u64, begun))).collect();
    let mut sent = 0;
    for sender in senders {
        sent += sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
    }
    let per_sec = sent as f64 / begun.elapsed().as_secs_f64();
    let rss = peak_mib(agent.0.id())?;
    let what = format!("OTLP spans digested, HTTP protobuf, {CONNECTIONS} connections");
    Ok(vec![
        Figure {
            what,
            figure: format!("{per_sec:.0} spans/s"),
            budget: "≥ 100000 spans/s".to_owned(),
            met: Some(per_sec >= 100_000.0),
        },
        Figure::below("agent while digesting spans, peak RSS", rss, 200.0, "MiB"),
    ])
}

fn peak_mib(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("read VmHWM")?;
    Ok(kib / 1024.0)
}

fn send(sender: u64, begun: Instant) -> Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", PORT)).context("connect")?;
    stream.set_nodelay(true).context("set TCP_NODELAY")?;
    let mut sent = 0;
    let mut reply = [0; 1024];
    while begun.elapsed() < RUN {
        let body = batch(sender << 40 | sent);
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).context("send a head")?;
        stream.write_all(&body).context("send a batch")?;
        let n = stream.read(&mut reply).context("read the answer")?;
        let told = String::from_utf8_lossy(reply.get(..n).unwrap_or_default()).into_owned();
        ensure!(told.starts_with("HTTP/1.1 200"), "refused: {told:.200}");
        sent += SPANS_PER_BATCH;
    }
    Ok(sent)
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    let (mut any, mut pair) = (Vec::new(), Vec::new());
    field(&mut any, 1, value.as_bytes());
    field(&mut pair, 1, key.as_bytes());
    field(&mut pair, 2, &any);
    pair
}

/// Spans of one service as SDKs send them: eight attributes each, a fiftieth with an error.
fn batch(first: u64) -> Vec<u8> {
    let mut scope = Vec::new();
    for n in first..first + SPANS_PER_BATCH {
        let mut span = Vec::new();
        let mut trace = [9; 16];
        trace[8..].copy_from_slice(&(n / 4 + 1).to_be_bytes());
        field(&mut span, 1, &trace);
        field(&mut span, 2, &(n + 1).to_be_bytes());
        if n % 4 != 0 {
            field(&mut span, 4, &n.to_be_bytes());
        }
        field(&mut span, 5, format!("GET /item/{}", n % 20).as_bytes());
        varint(&mut span, 6 << 3);
        varint(&mut span, 1 + n % 3);
        for (number, at) in [(7_u64, 1_000_000_000_u64), (8, 1_000_000_000 + n % 977 * 10_000)] {
            varint(&mut span, number << 3 | 1);
            span.extend_from_slice(&at.to_le_bytes());
        }
        for (key, value) in [
            ("http.request.method", "GET"),
            ("http.route", "/item/{id}"),
            ("url.scheme", "http"),
            ("server.address", "items.internal"),
            ("network.protocol.version", "1.1"),
            ("user_agent.original", "bench/1.0 (like a browser)"),
            ("client.address", "10.1.2.3"),
            ("thread.name", "worker-7"),
        ] {
            field(&mut span, 9, &attribute(key, value));
        }
        if n % 50 == 0 {
            let mut status = Vec::new();
            field(&mut status, 2, b"upstream timed out");
            varint(&mut status, 3 << 3);
            varint(&mut status, 2);
            field(&mut span, 15, &status);
        }
        field(&mut scope, 2, &span);
    }
    let (mut resource, mut spans, mut request) = (Vec::new(), Vec::new(), Vec::new());
    let service = format!("service-{}", first / SPANS_PER_BATCH % 12);
    field(&mut resource, 1, &attribute("service.name", &service));
    field(&mut resource, 1, &attribute("host.name", "bench"));
    field(&mut spans, 1, &resource);
    field(&mut spans, 2, &scope);
    field(&mut request, 1, &spans);
    request
}
