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
pub fn collection(own: &Path) -> Result<Vec<Figure>> {
    let program = own.with_file_name("examples").join("collect");
    if !program.is_file() {
        let how = "build it: cargo build --release -p hale-observe --examples";
        return Ok(vec![Figure::skipped("one full collection", how)]);
    }
    let output = Command::new(&program)
        .args(["20", "300", "10000"])
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |count: &str, limit: f64| {
        let what = format!("one full collection, {count} processes, median of 20");
        match median_millis(&text, &format!("{count} processes")) {
            Some(millis) => Figure::below(&what, millis, limit, "ms"),
            None => Figure::skipped(&what, &format!("{} printed no such line", program.display())),
        }
    };
    Ok(vec![figure("300", 10.0), figure("10000", 150.0)])
}

/// The second of the four figures at the end of the line with this name: first, median, greatest, CPU.
fn median_millis(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains(&format!(", {name}")))?;
    line.split_ascii_whitespace().rev().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::median_millis;

    #[test]
    fn the_median_of_the_named_line() {
        let text = "roots  first ms median ms max ms cpu ms\n\
                    this machine (61 seen)  9.1 2.1 3.1 1.0\n\
                    generated, 300 processes (300 seen)  9.00 4.25 5.00 4.10\n";
        assert_eq!(median_millis(text, "300 processes"), Some(4.25));
        assert_eq!(median_millis(text, "10000 processes"), None);
    }
}
