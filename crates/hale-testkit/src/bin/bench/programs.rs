//! Figures of programs that run once: a cold `hale status`, and the collectors' own benchmark.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{Figure, median};

const STATUS_RUNS: u32 = 20;

/// `hale status` as a fresh process, with no agent.
pub fn status(hale: &Path, dir: &Path) -> Result<Figure> {
    let config = dir.join("empty.toml");
    std::fs::write(&config, "").with_context(|| format!("write {}", config.display()))?;
    let mut times = Vec::new();
    for _ in 0..STATUS_RUNS {
        let start = Instant::now();
        let output = Command::new(hale)
            .arg("--data-dir")
            .arg(dir.join("status"))
            .arg("--config")
            .arg(&config)
            .arg("status")
            .env("HOME", dir)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("run {}", hale.display()))?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        // 5: some source is stale; a look all the same.
        let code = output.status.code();
        ensure!(
            matches!(code, Some(0 | 5)),
            "hale status ended with {code:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let what = format!("hale status, no agent, median of {STATUS_RUNS} runs");
    Ok(Figure::below(&what, median(&mut times), 100.0, "ms"))
}

/// `hale-observe`'s own example measures a collection; it lies in `examples/` beside this program.
pub fn collection(own: &Path) -> Vec<Figure> {
    let what = |count: u32| format!("one full collection, {count} processes");
    let Some(program) =
        own.parent().map(|dir| dir.join("examples/collect")).filter(|p| p.is_file())
    else {
        return vec![Figure::skipped(
            &what(300),
            "build it: cargo build --release -p hale-observe --examples",
        )];
    };
    [(300, 10.0), (10_000, 150.0)]
        .into_iter()
        .map(|(count, limit)| match measure(&program, count) {
            Ok(millis) => Figure::below(&what(count), millis, limit, "ms"),
            Err(error) => Figure::skipped(&what(count), &format!("{error:#}")),
        })
        .collect()
}

fn measure(program: &Path, count: u32) -> Result<f64> {
    let output = Command::new(program)
        .arg(count.to_string())
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    millis(&text)
        .with_context(|| format!("no figure in ms in what {} says: {text}", program.display()))
}

/// The first figure in milliseconds.
fn millis(text: &str) -> Option<f64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.windows(2).find(|pair| pair[1].starts_with("ms"))?.first()?.parse().ok()
}
