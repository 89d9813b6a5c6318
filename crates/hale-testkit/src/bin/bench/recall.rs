//! Recall over 10,000 lessons and as many entries: `hale-engine`'s own example measures it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Figure;

const WHAT: [&str; 4] = [
    "lessons by signature",
    "three words by BM25, best 20",
    "common words by BM25, best 20",
    "embeddings by cosine, best 20",
];
/// A person who searches must not wait, and no turn of the loop either.
const LIMIT_P95_MS: f64 = 100.0;

/// The figures of the example that lies in `examples/` beside this program.
pub fn recall(own: &Path) -> Result<Vec<Figure>> {
    let program = own.with_file_name("examples").join("recall_bench");
    if !program.is_file() {
        let how = "build it: cargo build --release -p hale-engine --examples";
        return Ok(vec![Figure::skipped("recall over 10,000 lessons and entries", how)]);
    }
    let output = Command::new(&program)
        .arg("10000")
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |what: &str| match p50_p95(&text, what) {
        Some((p50, p95)) => {
            let name = format!("recall, 10,000 + 10,000: {what}, p95 (p50 {p50:.2} ms)");
            Figure::below(&name, p95, LIMIT_P95_MS, "ms")
        }
        None => Figure::skipped(what, &format!("{} printed no such line", program.display())),
    };
    Ok(WHAT.iter().map(|what| figure(what)).collect())
}

/// The two figures of the line that begins with this.
pub fn p50_p95(text: &str, what: &str) -> Option<(f64, f64)> {
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": p50 "))?;
    let (p50, rest) = line.split_once(" ms, p95 ")?;
    Some((p50.parse().ok()?, rest.split_once(" ms")?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn the_figures_of_the_named_line() {
        let text =
            "10000 entries stored\nlessons by signature: p50 1.25 ms, p95 3.50 ms, 7 found\n";
        assert_eq!(p50_p95(text, WHAT[0]), Some((1.25, 3.5)));
        assert_eq!(p50_p95(text, WHAT[1]), None);
    }
}
