//! `bench`: prints each budget that applies to one machine with its figure beside it. It judges in
//! words only: a figure over its budget is printed so, and is no failure of the program.

mod alert;
mod dashboard;
mod demo;
mod filters;
mod idle;
mod otlp;
mod programs;
mod rca;
mod recall;
mod sse;
mod webhooks;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Print each budget with its figure.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// An optimised hale; by default the one beside this program
    #[arg(long)]
    hale: Option<PathBuf>,
    /// How long the idle agent is watched, after half a minute of settling
    #[arg(long, default_value_t = 3)]
    minutes: u64,
    /// Only these parts: idle, collect, status, filters, rca, recall, alert, webhooks, sse, otlp, dashboard, demo; may be given again
    #[arg(long)]
    only: Vec<String>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One line of the table.
#[derive(Serialize)]
pub struct Figure {
    /// What was measured, and how often.
    pub what: String,
    /// The figure with its unit; or why there is none.
    pub figure: String,
    /// What it should be; empty where it stands for comparison.
    pub budget: String,
    /// Whether it is within its budget; none where there is no figure or no budget.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure that has to stay below a limit.
    pub fn below(what: &str, value: f64, limit: f64, unit: &str) -> Figure {
        Figure {
            what: what.to_owned(),
            figure: format!("{value:.2} {unit}"),
            budget: format!("< {limit} {unit}"),
            met: Some(value < limit),
        }
    }

    /// A figure that stands beside another for comparison.
    pub fn beside(what: &str, figure: String) -> Figure {
        Figure { what: what.to_owned(), figure, budget: String::new(), met: None }
    }

    /// No figure, and why.
    pub fn skipped(what: &str, why: &str) -> Figure {
        Figure::beside(what, format!("SKIPPED: {why}"))
    }
}

/// The middle of the values; with an even count the greater of the two in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let own = std::env::current_exe().context("find own program")?;
    let hale = cli.hale.clone().unwrap_or_else(|| own.with_file_name("hale"));
    anyhow::ensure!(hale.is_file(), "{} is missing; build it first: make release", hale.display());
    let dir = std::env::temp_dir().join(format!("hale-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    let wanted = |part: &str| cli.only.is_empty() || cli.only.iter().any(|p| p == part);

    let mut figures = Vec::new();
    if wanted("collect") {
        eprintln!("bench: collection …");
        figures.extend(programs::collection(&own)?);
    }
    if wanted("status") {
        eprintln!("bench: hale status …");
        figures.push(programs::status(&hale, &dir)?);
    }
    if wanted("filters") {
        eprintln!("bench: guard, redaction, logs, anomalies …");
        figures.extend(filters::filters(&hale, &dir)?);
    }
    if wanted("demo") {
        eprintln!("bench: the demo, ten runs each fault …");
        figures.extend(demo::demo(&hale)?);
    }
    if wanted("rca") {
        eprintln!("bench: causes of labelled faults …");
        figures.extend(rca::rca(&own)?);
    }
    if wanted("recall") {
        eprintln!("bench: recall …");
        figures.extend(recall::recall(&own)?);
    }
    if wanted("alert") {
        eprintln!("bench: fault to alert …");
        figures.push(alert::fault_to_alert(&hale, &dir)?);
    }
    if wanted("webhooks") {
        eprintln!("bench: webhooks …");
        figures.extend(webhooks::webhooks(&hale, &dir)?);
    }
    if wanted("otlp") {
        eprintln!("bench: OTLP …");
        figures.extend(otlp::spans(&hale, &dir)?);
    }
    if wanted("sse") {
        eprintln!("bench: clients of the stream that never read …");
        figures.extend(sse::sse(&hale, &dir)?);
    }
    if wanted("dashboard") {
        eprintln!("bench: the dashboard …");
        figures.extend(dashboard::dashboard(&hale, &own, &dir)?);
    }
    if wanted("idle") {
        eprintln!("bench: idle for {} min …", cli.minutes);
        figures.extend(idle::idle(&hale, &dir, cli.minutes)?);
    }
    println!("{}", render(&figures));
    if let Some(file) = &cli.json {
        let text = serde_json::to_string_pretty(&figures).context("make JSON")?;
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}

fn render(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["what", "figure", "budget", "met"]);
    for figure in figures {
        let met = figure.met.map_or("–", |met| if met { "yes" } else { "NO" });
        table.add_row([&figure.what, &figure.figure, &figure.budget, met]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 3.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn a_figure_over_its_budget_says_so() {
        assert_eq!(Figure::below("x", 0.5, 0.5, "%").met, Some(false));
        assert_eq!(Figure::below("x", 0.4, 0.5, "%").met, Some(true));
    }
}
