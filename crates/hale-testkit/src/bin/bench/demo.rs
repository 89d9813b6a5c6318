//! From a fault of the demo's marketplace to the verified recovery, ten runs each fault: services as
//! processes, agent in a pid namespace of its own, no model.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Figure, median};

const RUNS: usize = 10;
const FAULTS: [&str; 7] = ["memory", "cpu", "latency", "db_latency", "errors", "crash", "disk"];
/// Faults for which there is a budget.
const WITH_BUDGET: [&str; 3] = ["memory", "errors", "crash"];
const BUDGET_SECS: f64 = 5.0;
const APART: [&str; 4] = ["--pid", "--fork", "--kill-child", "--mount-proc"];

/// Every fault.
pub fn demo(hale: &Path) -> Result<Vec<Figure>> {
    let what = "demo: fault to verified recovery";
    let possible = Command::new("unshare").args(APART).arg("true").stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        return Ok(vec![Figure::skipped(what, "no pid namespace may be made here")]);
    }
    FAULTS.iter().map(|fault| of(hale, fault)).collect()
}

fn of(hale: &Path, fault: &str) -> Result<Figure> {
    let mut secs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let output = Command::new("unshare")
            .args(APART)
            .arg(hale)
            .args(["demo", "--processes", "--once", "--json", "--fault", fault])
            .stderr(Stdio::null())
            .output()
            .context("run hale demo")?;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        secs.extend(told[0]["recovered_secs"].as_f64());
    }
    let cured = secs.len();
    let most = secs.iter().copied().fold(0.0, f64::max);
    let middle = median(&mut secs);
    let what =
        format!("demo: {fault} to verified recovery, {cured} of {RUNS} cured, at most {most:.1} s");
    Ok(if WITH_BUDGET.contains(&fault) {
        let mut figure = Figure::below(&what, middle, BUDGET_SECS, "s");
        // One that is not cured is no figure within a budget.
        figure.met = figure.met.map(|met| met && cured == RUNS);
        figure
    } else {
        Figure::beside(&what, format!("{middle:.2} s"))
    })
}
