//! `hale explain PID|ALERT|INCIDENT`

use clap::Args;
use hale_engine::investigate::{Advice, Conclusion, JudgedProposal, ModelDiagnosis, Thought};
use hale_model::api::Query;
use hale_model::text::printable;
use hale_model::view::Explanation;
use serde_json::json;

use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Exit};
use crate::screen::{BOLD, CYAN, Columns, DIM, cell, paint, styled, width, wrap};

/// `hale explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A pid, or the id of an alert or an incident
    what: String,
    /// Ask no language model, even where one is configured
    #[arg(long)]
    no_model: bool,
    /// Print the exact bytes that would be sent to a language model, and send nothing
    #[arg(long, conflicts_with = "no_model")]
    show_prompt: bool,
}

pub async fn run(context: &Context, arguments: ExplainArgs) -> Ended {
    let ExplainArgs { what, no_model, show_prompt } = arguments;
    let desk = context.connect().await?;
    let explanation = view!(desk.ask(Query::Explain { what }).await, Explanation);
    if show_prompt {
        return prompt(context, &desk, &explanation).await;
    }
    // What is known here is shown at once; a model may take its time.
    if !context.screen.json {
        context.screen.print(&shown(&explanation, usize::MAX))?;
    }
    let advice = if no_model { None } else { advice(context, &desk, &explanation).await? };
    if context.screen.json {
        let mut value = json!(explanation);
        if let Some(Advice { conclusion: Conclusion::Diagnosed(found), proposals }) = &advice {
            value["model"] = json!({
                "diagnosis": found.diagnosis,
                "claims": found.claims.iter().map(|c| json!({
                    "text": c.text, "evidence": c.evidence, "grounded": c.grounded(),
                })).collect::<Vec<_>>(),
                "objections": found.objections,
                "proposals": proposals,
            });
        }
        context.screen.print_json(&value)?;
    } else {
        let proposals = advice.as_ref().map(|a| a.proposals.as_slice()).unwrap_or_default();
        match advice.as_ref().map(|a| &a.conclusion) {
            None => {}
            Some(Conclusion::Diagnosed(found)) => {
                context.screen.print(&second_opinion(found, proposals))?;
            }
            Some(Conclusion::Discarded { why, .. }) => {
                context.screen.talk(&format!("The model's answer is not used: {}", printable(why)));
            }
            Some(Conclusion::Unavailable { why }) => {
                // The reason says itself that nobody answered, where that is what happened.
                let why = printable(why);
                let said = why.strip_prefix("no model answered: ").unwrap_or(&why);
                context.screen.talk(&format!("No model answered: {said}"));
            }
        }
    }
    Ok(Exit::Done)
}

async fn advice(
    context: &Context,
    desk: &Desk,
    explanation: &Explanation,
) -> Result<Option<Advice>, crate::exit::Failure> {
    let settings = context.settings()?;
    let think = |thought: Thought| {
        let line = format!("{}: {}", thought.agent.as_str(), thought.text);
        context.screen.talk(&paint(DIM, &line).to_string());
    };
    Ok(hale_engine::advise(&settings, desk.handle.clone(), explanation, think).await)
}

async fn prompt(context: &Context, desk: &Desk, explanation: &Explanation) -> Ended {
    let settings = context.settings()?;
    let prompts = hale_engine::advice_prompt(&settings, desk.handle.clone(), explanation).await;
    let Some(first) = prompts.first() else {
        context.screen.talk("No model is configured: nothing would be sent.");
        return Ok(Exit::Done);
    };
    context.screen.print(&format!("{first}\n"))?;
    Ok(Exit::Done)
}

fn second_opinion(found: &ModelDiagnosis, proposals: &[JudgedProposal]) -> String {
    let columns = width();
    let mut out = format!(
        "\n{} ({:.0} % sure)\n",
        paint(BOLD, "What a model thinks"),
        100.0 * found.diagnosis.confidence
    );
    let mut paragraph = |text: &str, mark: &str| {
        for (index, line) in wrap(&printable(text), columns - 4).iter().enumerate() {
            let lead = if index == 0 { mark } else { "  " };
            out.push_str(&format!("  {lead}{line}\n"));
        }
    };
    paragraph(&found.diagnosis.cause, "");
    for claim in found.claims.iter().filter(|claim| !claim.grounded()) {
        paragraph(&format!("rests on nothing that was observed: {}", claim.text), "? ");
    }
    for objection in &found.objections {
        paragraph(&format!("against it: {objection}"), "· ");
    }
    for proposal in proposals {
        let verb = if proposal.is_refused() { "refused" } else { "it would" };
        paragraph(&format!("{verb}: {}", proposal.command), "· ");
        paragraph(&format!("guard: {}", guards_words(proposal)), "  ");
        if !proposal.explanation.trim().is_empty() {
            paragraph(&format!("the model says: {}", proposal.explanation), "  ");
        }
    }
    let prevention = found.diagnosis.prevention.as_ref();
    if let Some(prevention) = prevention.filter(|words| !words.trim().is_empty()) {
        paragraph(&format!("to prevent it: {prevention}"), "· ");
    }
    out
}

/// hale's own verdict on a proposal, whatever the model claims.
fn guards_words(proposal: &JudgedProposal) -> String {
    let Some(verdict) = &proposal.verdict else {
        return proposal.unnamed.clone().unwrap_or_default();
    };
    let reason = verdict.reasons.first();
    let reason = reason.map(|r| format!(": {} [{}]", r.text, r.rule)).unwrap_or_default();
    format!("{}, {} risk{reason}", verdict.decision.as_str(), verdict.risk)
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
