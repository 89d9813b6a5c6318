//! `hale ask "SENTENCE"`, also `hale "SENTENCE"`: a sentence becomes a plan; the plan is shown with the
//! guard's word on every command; the person decides; it runs, and what came of it is kept.

mod carry_out;
mod first;
mod shown;

use std::io::IsTerminal as _;

use clap::Args;
use hale_engine::companion::{Companion, RUN_SECS_MAX, Said, Sources, Step};
use hale_model::action::Risk;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::run::{AskPlan, AskView, PlanOrigin};
use hale_model::text::{printable, printable_lines};

use super::consent;
use crate::cli::duration;
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, CYAN, DIM, paint};

pub use first::with_ask;

/// Questions of a model that are put to the person.
const QUESTIONS_MAX: usize = 3;

/// `hale ask`
#[derive(Args, Debug)]
pub struct AskArgs {
    /// What you want, in your words: English, French or Korean
    #[arg(required_unless_present = "list", value_name = "SENTENCE")]
    sentence: Vec<String>,
    /// Do not ask (what is critical asks all the same)
    #[arg(short, long)]
    yes: bool,
    /// Only show the plan
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print the exact bytes that a model would be sent, and stop
    #[arg(long)]
    show_prompt: bool,
    /// Ask no model: what hale knows by itself, and what was done before
    #[arg(long, conflicts_with = "model")]
    local: bool,
    /// Ask a model even where hale knows by itself
    #[arg(long)]
    model: bool,
    /// List the sentences that need no model
    #[arg(long, conflicts_with = "sentence")]
    list: bool,
    /// End a command after so long
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "SPAN")]
    timeout: u64,
}

/// One run of `hale ask` or of the history.
struct Session<'a> {
    context: &'a Context,
    companion: Companion,
    /// Answer y where a plain yes is enough.
    yes: bool,
    /// Whether a person can answer.
    interactive: bool,
    /// Whether a model may be asked what to do after a failure.
    ask_model: bool,
}

pub async fn run(context: &Context, arguments: AskArgs) -> Ended {
    if arguments.list {
        return shown::list(context);
    }
    let sentence = arguments.sentence.join(" ");
    let mut session = session(context, arguments.yes, arguments.timeout).await?;
    session.ask_model = !arguments.local;
    if arguments.show_prompt {
        return show_prompt(context, &mut session.companion, &sentence).await;
    }
    let sources = match (arguments.local, arguments.model) {
        (true, _) => Sources::Local,
        (_, true) => Sources::Model,
        (false, false) => Sources::All,
    };
    let mut plan = session.companion.plan(&sentence, sources, &mut news(context)).await?;
    for _ in 0..QUESTIONS_MAX {
        let Some(question) = plan.question.clone() else { break };
        if !session.interactive || arguments.dry_run {
            break;
        }
        context.screen.talk(&printable_lines(&question));
        let words = session.prompt("> ").await?.unwrap_or_default();
        if words.is_empty() {
            break;
        }
        plan = session.companion.reply(&sentence, &words, &mut news(context)).await?;
    }
    session.go(plan, arguments.dry_run).await
}

/// Runs a command of the history again, in the same way as a new one.
pub async fn again(context: &Context, run: &hale_model::run::Run) -> Ended {
    let session = session(context, false, 3600).await?;
    let plan = session.companion.again(run);
    session.go(plan, false).await
}

async fn session(context: &Context, yes: bool, timeout_secs: u64) -> Result<Session<'_>, Failure> {
    let timeout_secs = u32::try_from(timeout_secs).unwrap_or(u32::MAX);
    if !(1..=RUN_SECS_MAX).contains(&timeout_secs) {
        return Err(Failure::usage(
            format!("--timeout is not between 1s and {RUN_SECS_MAX}s"),
            "write 30s, 10m or 2h",
        ));
    }
    let working_dir = std::env::current_dir().map_err(|e| {
        Failure::failed(
            format!("the current directory cannot be told: {e}"),
            "change into a directory that exists",
        )
    })?;
    let companion = Companion::new(context.settings()?, working_dir, timeout_secs).await;
    let interactive = std::io::stdin().is_terminal() && !context.screen.json;
    Ok(Session { context, companion, yes, interactive, ask_model: true })
}

/// News from a model, as talk.
fn news(context: &Context) -> impl FnMut(Said) + Send + use<> {
    let screen = context.screen;
    let mut thinking = false;
    move |said| match said {
        Said::Asking { provider, model } => {
            thinking = false;
            screen.talk(&paint(DIM, &printable(&format!("asking {provider} {model} …"))));
        }
        Said::Thought(words) => {
            if !screen.quiet {
                let lead = if thinking { "" } else { "  " };
                thinking = true;
                anstream::eprint!("{}", paint(DIM, &format!("{lead}{}", printable_lines(&words))));
            }
        }
        Said::Failed(why) => screen.talk(&paint(DIM, &printable(&why))),
    }
}

/// The bytes on standard output, where they would go on standard error. Nothing is sent.
async fn show_prompt(context: &Context, companion: &mut Companion, sentence: &str) -> Ended {
    let mut nobody = |_: Said| {};
    if let Ok(plan) = companion.plan(sentence, Sources::Local, &mut nobody).await {
        let known =
            format!("Answered here ({}): nothing would leave. A model would be sent:", plan.origin);
        context.screen.talk(&printable(&known));
    }
    for outgoing in companion.outgoing(sentence)? {
        let line =
            format!("{}: POST {}, {} bytes", outgoing.provider, outgoing.url, outgoing.body.len());
        context.screen.talk(&paint(DIM, &printable(&line)));
        context.screen.print_data(&outgoing.body)?;
    }
    Ok(Exit::Done)
}

/// What the person lets happen.
enum Consent {
    /// Run it; whether YES was typed.
    Run { confirmed_critical: bool },
    /// Not run.
    Not(Exit),
}

impl Session<'_> {
    /// Shows a plan, asks, carries it out, and says how it ended.
    async fn go(mut self, plan: AskPlan, dry_run: bool) -> Ended {
        if plan.refused().is_some() {
            self.show(&plan, true)?;
            self.companion.note_refusal(&plan)?;
            let reasons = plan.steps.iter().filter_map(shown::refusal).collect::<Vec<_>>();
            let message = format!("refused: {}", reasons.join("; "));
            return Err(ApiError::new(ErrorKind::Refused, message).into());
        }
        if plan.steps.is_empty() {
            self.show(&plan, true)?;
            let asked = plan.question.is_some();
            return Ok(if asked { Exit::NeedsApproval } else { Exit::Done });
        }
        if dry_run {
            self.show(&plan, true)?;
            return Ok(Exit::Done);
        }
        match self.consent(&plan, true).await? {
            Consent::Not(exit) => Ok(exit),
            Consent::Run { confirmed_critical } => {
                let view = self.carry_out(plan, confirmed_critical).await?;
                if self.context.screen.json {
                    self.context.screen.print_json(&view)?;
                }
                Ok(if view.succeeded == Some(true) { Exit::Done } else { Exit::Failed })
            }
        }
    }

    /// The plan: as data where nothing is going to run, as talk beside a command's own output.
    fn show(&self, plan: &AskPlan, is_data: bool) -> Result<(), Failure> {
        let screen = self.context.screen;
        match (screen.json, is_data) {
            (true, true) => screen.print_json(&AskView::only_shown(plan.clone())),
            (true, false) => Ok(()),
            (false, true) => screen.print(&shown::plan(plan)),
            (false, false) => {
                anstream::eprintln!("{}", shown::plan(plan).trim_end());
                Ok(())
            }
        }
    }

    /// Shows it and asks, where there is anything to ask.
    async fn consent(&mut self, plan: &AskPlan, is_first: bool) -> Result<Consent, Failure> {
        let risk = plan.risk();
        let known = matches!(plan.origin, PlanOrigin::Local { .. } | PlanOrigin::Remembered { .. })
            && plan.similar_to.is_none();
        let only_reads = risk == Risk::Info;
        let can_answer = self.interactive;
        if !can_answer && !self.yes {
            self.show(plan, is_first)?;
            let why = "Nothing was run: there is no terminal to say yes on. Add --yes.";
            self.context.screen.talk(why);
            return Ok(Consent::Not(if only_reads { Exit::Done } else { Exit::NeedsApproval }));
        }
        if risk >= Risk::Critical && !can_answer {
            self.show(plan, is_first)?;
            let message = "critical: a person types YES on a terminal; --yes is not enough";
            self.context.screen.talk(message);
            return Ok(Consent::Not(Exit::NeedsApproval));
        }
        self.show(plan, false)?;
        if risk >= Risk::Critical {
            let typed = self.prompt("This is critical. Type YES to go on: ").await?;
            return Ok(match typed.as_deref() {
                Some("YES") => Consent::Run { confirmed_critical: true },
                Some(_) | None => self.declined(),
            });
        }
        // What only reads, and was not thought up just now, is simply done.
        if self.yes || (only_reads && known) {
            return Ok(Consent::Run { confirmed_critical: false });
        }
        let question = if plan.steps.len() == 1 { "Run it? [y/N] " } else { "Run them? [y/N] " };
        let answer = self.prompt(question).await?.unwrap_or_default();
        if matches!(answer.as_str(), "y" | "Y" | "yes" | "Yes" | "YES") {
            return Ok(Consent::Run { confirmed_critical: false });
        }
        Ok(self.declined())
    }

    fn declined(&self) -> Consent {
        self.context.screen.talk("Nothing was run.");
        Consent::Not(Exit::NeedsApproval)
    }

    /// Asks on the terminal; none where the person pressed Ctrl-C.
    async fn prompt(&self, question: &'static str) -> Result<Option<String>, Failure> {
        let asked = tokio::task::spawn_blocking(move || consent::prompt(question));
        tokio::select! {
            answer = asked => match answer {
                Ok(answer) => answer.map(Some),
                Err(_) => Ok(None),
            },
            // Once a command has run, Ctrl-C no longer ends hale by itself.
            _ = tokio::signal::ctrl_c() => {
                anstream::eprintln!();
                Ok(None)
            }
        }
    }
}

/// A heading before the output of a step.
fn step_line(number: usize, of: usize, step: &Step) -> String {
    let count = if of > 1 { format!("[{number}/{of}] ") } else { String::new() };
    format!(
        "{}{}",
        paint(BOLD, &count),
        paint(CYAN, &format!("$ {}", printable_lines(&step.command)))
    )
}
