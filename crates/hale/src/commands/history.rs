//! `hale history`: what was run, to be looked up, and run again.

use clap::Args;
use hale_engine::companion;
use hale_model::run::{Run, RunsView};

use crate::context::Context;
use crate::exit::Ended;
use crate::screen::{Columns, GREEN, RED, cell, local, styled, width};

/// `hale history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// At most so many; 0: all
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

pub async fn run(context: &Context, arguments: HistoryArgs) -> Ended {
    let runs = companion::runs(&context.settings()?, arguments.limit)?;
    context.screen.answer(&RunsView { runs }, |view| listed(&view.runs))
}

fn listed(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "Nothing was run yet.".to_owned();
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
