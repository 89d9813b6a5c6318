//! `hale history`: what was run. On a terminal a picker: type to search, look at the output, run again, copy.
//! Elsewhere a plain list, or JSON.

mod picker;
mod screen;

use std::collections::HashMap;
use std::io::IsTerminal as _;

use clap::Args;
use hale_engine::companion;
use hale_model::run::{Run, RunsView};

use super::ask;
use crate::context::Context;
use crate::exit::{Ended, Exit};
use crate::screen::{Columns, GREEN, RED, cell, local, styled, width};

/// Runs that the picker holds.
const PICKER_RUNS_MAX: u32 = 10_000;

/// `hale history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// At most so many, newest first; 0: all
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// A list, on a terminal too
    #[arg(long)]
    plain: bool,
}

pub async fn run(context: &Context, arguments: HistoryArgs) -> Ended {
    let settings = context.settings()?;
    let on_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if on_terminal && !context.screen.json && !arguments.plain {
        let entries = entries(companion::runs(&settings, PICKER_RUNS_MAX)?);
        if !entries.is_empty() {
            return match screen::pick(entries)? {
                Some(run) => ask::again(context, &run).await,
                None => Ok(Exit::Done),
            };
        }
    }
    let runs = companion::runs(&settings, arguments.limit)?;
    context.screen.answer(&RunsView { runs }, |view| listed(&view.runs))
}

/// Runs of the same command as one entry, the newest standing for all.
fn entries(runs: Vec<Run>) -> Vec<picker::Entry> {
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut entries: Vec<picker::Entry> = Vec::new();
    for run in runs {
        match at.get(&run.command).and_then(|at| entries.get_mut(*at)) {
            Some(entry) => entry.times += 1,
            None => {
                at.insert(run.command.clone(), entries.len());
                entries.push(picker::Entry { run, times: 1 });
            }
        }
    }
    entries
}

fn listed(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "Nothing was run yet: hale ask \"…\"".to_owned();
    }
    let mut columns = Columns::new(&["WHEN", "EXIT", "RISK", "FROM", "COMMAND"], &[1]);
    for run in runs {
        let exit = run.exit.map_or_else(|| "–".to_owned(), |exit| exit.to_string());
        columns.row([
            cell(local(run.at)),
            styled(exit, if run.succeeded() { GREEN } else { RED }),
            cell(run.risk.as_str()),
            cell(run.origin.as_str()),
            cell(&run.command),
        ]);
    }
    columns.render(width())
}
