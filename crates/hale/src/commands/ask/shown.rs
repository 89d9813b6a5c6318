//! How a plan looks: what was understood, each command with its risk, and the guard's reasons.

use anstyle::Style;
use hale_engine::companion::{Intent, intents};
use hale_model::action::{Decision, Risk};
use hale_model::run::{AskPlan, AskStep, PlanOrigin};
use hale_model::text::{printable, printable_lines};

use crate::context::Context;
use crate::exit::Ended;
use crate::screen::{ALARM, BOLD, CYAN, DIM, GREEN, RED, YELLOW, local, paint, width, wrap};

/// Columns before a command.
const INDENT: usize = 14;

pub fn risk_style(risk: Risk) -> Style {
    match risk {
        Risk::Info => GREEN,
        Risk::Warning => YELLOW,
        Risk::Critical => RED,
        Risk::Deny => ALARM,
    }
}

/// A plan in full.
pub fn plan(plan: &AskPlan) -> String {
    let mut out = String::new();
    for paragraph in plan.reasoning.lines().filter(|line| !line.trim().is_empty()) {
        for line in wrap(paragraph, width()) {
            out.push_str(&format!("{}\n", paint(BOLD, &line)));
        }
    }
    if !plan.steps.is_empty() {
        out.push_str(&format!("{}\n", paint(DIM, &source(plan))));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        push_step(&mut out, index + 1, step, &plan.reasoning);
    }
    if let Some(question) = &plan.question {
        out.push_str(&format!("{}\n", printable_lines(question)));
    }
    out
}

/// Where it comes from.
fn source(plan: &AskPlan) -> String {
    printable(&match &plan.origin {
        PlanOrigin::Local { intent } => format!("known here: {intent}"),
        PlanOrigin::Remembered { last_at, .. } => match &plan.similar_to {
            None => format!("done before on {}", local(*last_at)),
            Some(said) => format!("done before on {} for: {said}", local(*last_at)),
        },
        PlanOrigin::Model { provider, model } => format!("from {provider} {model}"),
        PlanOrigin::Heal { rule } => format!("what helps after such a failure: {rule}"),
        PlanOrigin::History => "run before".to_owned(),
    })
}

fn push_step(out: &mut String, number: usize, step: &AskStep, said: &str) {
    let risk = step.verdict.risk;
    // What is refused for now has a lower risk, and is not run all the same.
    let level = match (step.verdict.decision, risk) {
        (Decision::Deny, Risk::Info | Risk::Warning | Risk::Critical) => paint(ALARM, "REFUSED  "),
        _ => paint(risk_style(risk), &format!("{:<9}", risk.as_str().to_uppercase())),
    };
    // A command is never cut or wrapped: what is shown is what runs.
    for (line_number, line) in
        printable_lines(&step.command.replace('\t', "    ")).lines().enumerate()
    {
        let lead = match line_number {
            0 => format!("{number:>3} {level} "),
            _ => " ".repeat(INDENT),
        };
        out.push_str(&format!("{lead}{}\n", paint(CYAN, line)));
    }
    if !step.why.is_empty() && step.why != said {
        push_note(out, &step.why, DIM);
    }
    for reason in reasons(step) {
        push_note(out, &reason, risk_style(risk));
    }
}

fn push_note(out: &mut String, text: &str, style: Style) {
    for line in wrap(text, width().saturating_sub(INDENT)) {
        out.push_str(&format!("{}{}\n", " ".repeat(INDENT), paint(style, &line)));
    }
}

/// The guard's reasons, without those that only say that a person decides.
fn reasons(step: &AskStep) -> Vec<String> {
    let says_more = |rule: &str| !matches!(rule, "guard.person" | "guard.critical_needs_yes");
    let reasons = step.verdict.reasons.iter().filter(|reason| says_more(&reason.rule));
    // The command itself stands above already.
    let about = format!("{}: ", step.command);
    reasons
        .map(|r| format!("{} [{}]", r.text.strip_prefix(&about).unwrap_or(&r.text), r.rule))
        .collect()
}

/// Why a step is refused; none where it is not.
pub fn refusal(step: &AskStep) -> Option<String> {
    let first = step.verdict.reasons.first().filter(|_| step.verdict.decision == Decision::Deny)?;
    Some(format!("{} [{}]", first.text, first.rule))
}

/// Everything that needs no model.
pub fn list(context: &Context) -> Ended {
    let intents = intents(&context.load_config()?);
    context.screen.answer(&intents, |intents| {
        let mut out = String::new();
        let mut subject = "";
        for intent in intents {
            if intent.subject != subject {
                subject = &intent.subject;
                out.push_str(&format!("{}\n", paint(BOLD, subject)));
            }
            push_intent(&mut out, intent);
        }
        out
    })
}

fn push_intent(out: &mut String, intent: &Intent) {
    let example = intent.examples.first().map(String::as_str).unwrap_or_default();
    out.push_str(&format!("  {} {}\n", example, paint(DIM, &intent.id)));
}
