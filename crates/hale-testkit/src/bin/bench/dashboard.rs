//! The dashboard: what its first load costs over HTTP, and how long the questions of its screens take over
//! a day of telemetry (`hale-store`'s own example asks them).

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::idle::start_agent;
use crate::webhooks::{answered, free_port, wait_for};
use crate::{Figure, median};

const LOADS: usize = 20;
const QUERY_P95_MS_MAX: f64 = 200.0;
const FIRST_LOAD_KIB_MAX: f64 = 400.0;
/// What the example prints a line for.
const ASKED: [&str; 2] = ["courses of 8 figures over 24 h", "the machine at a past moment"];

/// Runs both.
pub fn dashboard(hale: &Path, own: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let mut figures = first_load(hale, dir)?;
    figures.extend(questions(own)?);
    Ok(figures)
}

fn first_load(hale: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let port = free_port()?;
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n[otlp]\nenabled = false\n[containers]\nengine = \"off\"\n\
         [notifications]\nterminal = false\ndesktop = false\n"
    );
    let _agent = start_agent(hale, &dir.join("dashboard"), &config)?;
    wait_for(port)?;
    let page = String::from_utf8(get(port, &["/".to_owned()], "identity")?.concat())?;
    let mut paths = vec!["/".to_owned()];
    paths
        .extend(page.split('"').filter(|part| part.starts_with("/assets/")).map(ToOwned::to_owned));
    if paths.len() < 2 {
        return Ok(vec![Figure::skipped(
            "first load of the dashboard",
            "it was not built: make web",
        )]);
    }
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..LOADS {
        let begun = Instant::now();
        bytes = get(port, &paths, "br, gzip")?.iter().map(Vec::len).sum();
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let what = format!("first load of the dashboard: {} files, compressed", paths.len());
    Ok(vec![
        Figure::below(&what, bytes as f64 / 1024.0, FIRST_LOAD_KIB_MAX, "KiB"),
        Figure::beside(
            &format!("  the same over loopback, one connection, median of {LOADS}"),
            format!("{:.2} ms", median(&mut times)),
        ),
    ])
}

/// The bodies of these, one after the other.
fn get(port: u16, paths: &[String], encoding: &str) -> Result<Vec<Vec<u8>>> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
    let mut bodies = Vec::new();
    for path in paths {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: {encoding}\r\n\r\n"
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let (status, body) = answered(&mut stream)?;
        ensure!(status == 200, "{path}: {status}");
        bodies.push(body);
    }
    Ok(bodies)
}

fn questions(own: &Path) -> Result<Vec<Figure>> {
    let program = own.with_file_name("examples").join("store_bench");
    if !program.is_file() {
        let how = "build it: cargo build --release -p hale-store --examples";
        return Ok(vec![Figure::skipped("questions of the dashboard over 24 h", how)]);
    }
    let output =
        Command::new(&program).output().with_context(|| format!("run {}", program.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |what: &str| match crate::recall::p50_p95(&text, what) {
        Some((p50, p95)) => {
            let name = format!("a day of samples: {what}, p95 (p50 {p50:.2} ms)");
            Figure::below(&name, p95, QUERY_P95_MS_MAX, "ms")
        }
        None => Figure::skipped(what, &format!("{} printed no such line", program.display())),
    };
    Ok(ASKED.iter().map(|what| line(what)).collect())
}
