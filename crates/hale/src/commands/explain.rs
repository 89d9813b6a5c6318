//! `hale explain PID|ALERT|INCIDENT`

use hale_model::api::Query;
use hale_model::view::Explanation;

use crate::context::{Context, view};
use crate::exit::Ended;
use crate::screen::{BOLD, CYAN, Columns, DIM, cell, paint, styled, width, wrap};

pub async fn run(context: &Context, what: String) -> Ended {
    let desk = context.connect().await?;
    let explanation = view!(desk.ask(Query::Explain { what }).await, Explanation);
    context.screen.answer(&explanation, |e| shown(e, usize::MAX))
}

/// In words, with at most so many facts.
pub fn shown(explanation: &Explanation, limit_facts: usize) -> String {
    let columns = width();
    let mut out = String::new();
    let heading = hale_model::text::printable(&explanation.subject);
    out.push_str(&format!("{}\n", paint(BOLD, &heading)));
    let mut paragraph = |text: &str, mark: &str| {
        for (index, line) in wrap(text, columns - 4).iter().enumerate() {
            let lead = if index == 0 { mark } else { "  " };
            out.push_str(&format!("  {lead}{line}\n"));
        }
    };
    paragraph(&explanation.what, "");
    for why in &explanation.why {
        paragraph(why, "· ");
    }
    if !explanation.facts.is_empty() {
        let mut facts = Columns::new(&[], &[]).indent(2);
        for (name, value) in explanation.facts.iter().take(limit_facts) {
            facts.row([styled(name, DIM), cell(value)]);
        }
        out.push('\n');
        out.push_str(&facts.render(columns));
    }
    if !explanation.advice.is_empty() || !explanation.commands.is_empty() {
        out.push_str(&format!("\n{}\n", paint(BOLD, "What to do")));
    }
    for advice in &explanation.advice {
        for (index, line) in wrap(advice, columns - 4).iter().enumerate() {
            let lead = if index == 0 { "· " } else { "  " };
            out.push_str(&format!("  {lead}{line}\n"));
        }
    }
    for command in &explanation.commands {
        let command = hale_model::text::printable(command);
        out.push_str(&format!("    {}\n", paint(CYAN, &command)));
    }
    out
}
