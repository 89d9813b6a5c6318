//! `hale playbooks list|show|check|run`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hale_model::AlertId;
use hale_model::action::{Decision, PlanStep, Verdict};
use hale_model::api::{ApiError, Command, ErrorKind, Query, View};
use hale_model::playbook::{
    ConditionSeen, Playbook, PlaybookOrigin, PlaybookProblem, PlaybookTrial, PlaybookView,
    PlaybooksView, TriedRung, TriedStep,
};
use hale_model::text::printable;
use hale_model::view::ActionView;

use super::{consent, show};
use crate::context::{self, Context, Desk, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{
    BOLD, CYAN, Columns, DIM, GREEN, PLAIN, RED, YELLOW, cell, paint, styled, width, wrap,
};

/// Files that one `check` reads.
const LIMIT_CHECKED_FILES: usize = 1000;

/// `hale playbooks`
#[derive(Debug, Subcommand)]
pub enum PlaybooksCommand {
    /// Every playbook: those that come with hale, and your own
    List,
    /// One in full
    Show {
        /// Its name
        name: String,
    },
    /// Check files before they are used: with no file, your own beside the configuration
    Check {
        /// YAML files, or folders of them
        files: Vec<PathBuf>,
    },
    /// Hold one against the machine, and carry out its next rung step by step
    Run(RunArgs),
}

/// `hale playbooks run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Its name
    name: String,
    /// About this alert (default: the newest open one of its kinds)
    #[arg(long, value_name = "ID", conflicts_with = "target")]
    alert: Option<String>,
    /// About this: machine, unit:NAME, container:NAME, mount:PATH, pid:PID, service:NAME,
    /// workload:NAMESPACE/deployment/NAME
    #[arg(long)]
    target: Option<String>,
    /// This rung instead of the first that can be done
    #[arg(long, value_name = "NAME")]
    rung: Option<String>,
    /// Only show what would be done, and what the guard says to it
    #[arg(long)]
    dry_run: bool,
    /// Do not ask (what is critical asks all the same)
    #[arg(short, long)]
    yes: bool,
    /// Also where its conditions do not hold
    #[arg(long)]
    anyway: bool,
}

pub async fn run(context: &Context, command: PlaybooksCommand) -> Ended {
    match command {
        PlaybooksCommand::List => {
            let desk = context.connect().await?;
            let playbooks = view!(desk.ask(Query::Playbooks).await, Playbooks);
            context.screen.answer(&playbooks, |playbooks| listed(playbooks))?;
            for problem in &playbooks.problems {
                context.screen.talk(&paint(RED, &printable(&problem.to_string())));
            }
            Ok(if playbooks.problems.is_empty() { Exit::Done } else { Exit::Degraded })
        }
        PlaybooksCommand::Show { name } => {
            let desk = context.connect().await?;
            let playbook = view!(desk.ask(Query::Playbook { name }).await, Playbook);
            context.screen.answer(&playbook, |playbook| shown(playbook))
        }
        PlaybooksCommand::Check { files } => check(context, files),
        PlaybooksCommand::Run(arguments) => carry_out(context, arguments).await,
    }
}

/// What `check` answers.
#[derive(Debug, serde::Serialize)]
struct Checked {
    /// Files that are in order.
    right: Vec<String>,
    /// What is wrong with the others.
    problems: Vec<PlaybookProblem>,
}

fn check(context: &Context, files: Vec<PathBuf>) -> Ended {
    let mut paths = Vec::new();
    if files.is_empty() {
        paths = context::own_playbook_paths(&context.config_path)?;
    }
    for file in files {
        if file.is_dir() {
            paths.extend(context::yaml_files(&file)?);
        } else {
            paths.push(file);
        }
    }
    if paths.len() > LIMIT_CHECKED_FILES {
        let what = format!("these are {} files, over {LIMIT_CHECKED_FILES}", paths.len());
        return Err(Failure::usage(what, "name fewer at once"));
    }
    let mut checked = Checked { right: Vec::new(), problems: Vec::new() };
    let mut names: Vec<(String, String)> = Vec::new();
    for path in &paths {
        check_one(path, &mut checked, &mut names)?;
    }
    context.screen.answer(&checked, told)?;
    Ok(if checked.problems.is_empty() { Exit::Done } else { Exit::Failed })
}

fn check_one(
    path: &Path,
    checked: &mut Checked,
    names: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    let file = path.display().to_string();
    let text = context::read_small(path, "the playbook")?;
    let ready = match hale_engine::playbooks::check(&file, &text) {
        Ok(ready) => ready,
        Err(problems) => {
            checked.problems.extend(problems);
            return Ok(());
        }
    };
    let name = ready.playbook.name;
    if let Some((_, first)) = names.iter().find(|(known, _)| *known == name) {
        checked.problems.push(PlaybookProblem {
            file,
            line: 1,
            field: "name".to_owned(),
            what: format!("{first} holds a playbook `{name}` too"),
            hint: Some("give one of them another name".to_owned()),
        });
        return Ok(());
    }
    names.push((name, file.clone()));
    checked.right.push(file);
    Ok(())
}

fn told(checked: &Checked) -> String {
    if checked.right.is_empty() && checked.problems.is_empty() {
        return "There is no playbook of your own; docs/playbooks.md shows one.".to_owned();
    }
    let right = checked.right.iter().map(|f| format!("{}  {}\n", paint(GREEN, "ok"), printable(f)));
    let wrong = checked.problems.iter();
    let wrong = wrong.map(|p| format!("{}  {}\n", paint(RED, "wrong"), printable(&p.to_string())));
    right.chain(wrong).collect()
}

async fn carry_out(context: &Context, arguments: RunArgs) -> Ended {
    let desk = context.connect().await?;
    let trial = view!(
        desk.ask(Query::PlaybookTrial {
            name: arguments.name.clone(),
            alert: arguments.alert.clone().map(AlertId),
            target: arguments.target.clone(),
        })
        .await,
        PlaybookTrial
    );
    if arguments.dry_run {
        return context.screen.answer(&trial, |trial| tried(trial));
    }
    if !context.screen.json {
        context.screen.talk(&tried(&trial));
    }
    let rung = chosen(&trial, &arguments)?;
    let mut done: Vec<ActionView> = Vec::new();
    for TriedStep { step, verdict } in &rung.steps {
        if let Some(ended) = stopped(context, &desk, &arguments, step, verdict).await? {
            return Ok(ended);
        }
        let alert = trial.alert_id.clone().map(AlertId);
        let action = view!(do_step(&desk, step, alert).await, Action);
        let exit = show::action_exit(&action);
        if !context.screen.json {
            context.screen.print(&show::action(&action))?;
        }
        done.push(*action);
        if exit != Exit::Done {
            context.screen.talk(&next(&trial, rung));
            return finish(context, &done, exit);
        }
    }
    finish(context, &done, Exit::Done)
}

fn finish(context: &Context, done: &[ActionView], exit: Exit) -> Ended {
    if context.screen.json {
        context.screen.print_json(&done)?;
    }
    Ok(exit)
}

/// The rung to carry out.
fn chosen<'a>(trial: &'a PlaybookTrial, arguments: &RunArgs) -> Result<&'a TriedRung, Failure> {
    if !trial.applies && !arguments.anyway {
        let unmet = trial.conditions.iter().filter(|condition| condition.holds != Some(true));
        let unmet: Vec<&str> = unmet.map(|condition| condition.text.as_str()).collect();
        let what = format!("{} does not apply: {}", trial.name, unmet.join("; "));
        return Err(ApiError::new(ErrorKind::Refused, what)
            .hint("--dry-run shows every condition; --anyway leaves them to you")
            .into());
    }
    let rung = match &arguments.rung {
        Some(name) => trial.rungs.iter().find(|rung| rung.rung == *name).ok_or_else(|| {
            let names: Vec<&str> = trial.rungs.iter().map(|rung| rung.rung.as_str()).collect();
            Failure::usage(
                format!("{} has no rung `{name}`", trial.name),
                format!("there are {}", names.join(", ")),
            )
        })?,
        None => trial.rungs.iter().find(|rung| rung.not_because.is_none()).ok_or_else(|| {
            let why: Vec<String> = trial.rungs.iter().filter_map(why_not).collect();
            Failure::failed(
                format!("no rung of {} can be done: {}", trial.name, why.join("; ")),
                "--dry-run shows the whole ladder",
            )
        })?,
    };
    match why_not(rung) {
        Some(why) => Err(Failure::failed(
            format!("this rung cannot be done: {why}"),
            "--dry-run shows the whole ladder",
        )),
        None => Ok(rung),
    }
}

fn why_not(rung: &TriedRung) -> Option<String> {
    rung.not_because.as_ref().map(|why| format!("`{}`: {why}", rung.rung))
}

/// How this ends before the step is done: refused by the guard, or not wanted.
async fn stopped(
    context: &Context,
    desk: &Desk,
    arguments: &RunArgs,
    step: &PlanStep,
    verdict: &Verdict,
) -> Result<Option<Exit>, Failure> {
    if arguments.yes {
        return Ok(None);
    }
    // A question whose answer would be refused is not put.
    consent::refused_for_good(desk, &step.action).await?;
    let deed = format!("{} on {}", step.action.kind(), step.action.target());
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(ApiError::new(
            ErrorKind::NeedsApproval,
            format!("{deed} is not done without a yes"),
        )
        .hint("run this on a terminal, or add --yes")
        .into());
    }
    let question = format!("{} ({} risk)? [y/N] ", printable(&deed), verdict.risk);
    if consent::asked(&question)? {
        return Ok(None);
    }
    context.screen.talk("Nothing more was done.");
    Ok(Some(Exit::NeedsApproval))
}

/// Does it; where the guard finds it critical, only once the person has typed YES.
async fn do_step(desk: &Desk, step: &PlanStep, alert: Option<AlertId>) -> Result<View, Failure> {
    let wish = |confirmed_critical| Command::Step {
        step: Box::new(step.clone()),
        alert: alert.clone(),
        confirmed_critical,
    };
    match desk.wish(wish(false)).await {
        Err(error) if error.kind == ErrorKind::NeedsApproval => {
            let at_terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
            if at_terminal {
                anstream::eprintln!("{}", printable(&error.message));
            }
            if !at_terminal || !consent::typed_yes()? {
                return Err(error.into());
            }
            Ok(desk.wish(wish(true)).await?)
        }
        answer => Ok(answer?),
    }
}

/// What comes after a rung that did not help.
fn next(trial: &PlaybookTrial, rung: &TriedRung) -> String {
    let mut after = trial.rungs.iter().skip_while(|r| r.rung != rung.rung).skip(1);
    match after.find(|r| r.not_because.is_none()) {
        Some(next) => format!("The next rung is `{}`: --rung '{}'", next.rung, next.rung),
        None => format!("That was the last rung: tell {}", printable(&trial.tell)),
    }
}

fn listed(view: &PlaybooksView) -> String {
    let header = ["PLAYBOOK", "VERSION", "FROM", "USED", "ALERTS", "WHAT"];
    let mut columns = Columns::new(&header, &[1]);
    for PlaybookView { origin, playbook, .. } in &view.playbooks {
        let kinds: Vec<&str> = playbook.trigger.alerts.iter().map(|kind| kind.as_str()).collect();
        let used = if playbook.enabled { ("yes", GREEN) } else { ("no", DIM) };
        columns.row([
            cell(&playbook.name),
            cell(playbook.version.to_string()),
            styled(origin.as_str(), if *origin == PlaybookOrigin::Own { CYAN } else { PLAIN }),
            styled(used.0, used.1),
            cell(kinds.join(" ")),
            cell(&playbook.title),
        ]);
    }
    columns.render(width())
}

fn paragraph(out: &mut String, text: &str) {
    for line in wrap(&printable(text.trim()), width().saturating_sub(2)) {
        out.push_str(&format!("  {line}\n"));
    }
}

fn heading(out: &mut String, text: &str) {
    out.push_str(&format!("\n{}\n", paint(BOLD, text)));
}

fn shown(view: &PlaybookView) -> String {
    let book = &view.playbook;
    let mut out = format!("{}\n", paint(BOLD, &printable(&book.title)));
    let used = if book.enabled { "" } else { " · not used by itself" };
    let head =
        format!("{} v{} · {} · {}{used}", book.name, book.version, view.origin.as_str(), view.file);
    out.push_str(&format!("{}\n", paint(DIM, &printable(&head))));
    if !book.description.is_empty() {
        out.push('\n');
        paragraph(&mut out, &book.description);
    }
    trigger_shown(&mut out, book);
    heading(&mut out, "Diagnosis");
    let diagnosis = &book.diagnosis;
    let sure = (100.0 * diagnosis.confidence).round();
    paragraph(
        &mut out,
        &format!("{} ({sure} % sure): {}", diagnosis.cause_kind, diagnosis.explanation),
    );
    for check in &diagnosis.evidence {
        paragraph(&mut out, &format!("· {} ({})", check.says, check.check));
    }
    heading(&mut out, "Treatment");
    for (at, rung) in book.treatment.iter().enumerate() {
        let when = rung.when.as_ref().map(|when| format!(" (only if {when})")).unwrap_or_default();
        paragraph(&mut out, &format!("{}. {}{when}", at + 1, rung.rung));
        for step in &rung.steps {
            let what = step.command.as_deref().unwrap_or(&step.target);
            paragraph(&mut out, &format!("   {} on {what}: {}", step.action, step.why));
        }
    }
    heading(&mut out, "Verification");
    paragraph(&mut out, &verification_shown(book));
    heading(&mut out, "Rollback");
    let failed = match book.rollback.on_failure {
        hale_model::playbook::OnFailure::Undo => "what did not help is put back where it can be",
        hale_model::playbook::OnFailure::Keep => "what was done stays",
    };
    paragraph(&mut out, failed);
    if let Some(by_hand) = &book.rollback.by_hand {
        paragraph(&mut out, by_hand);
    }
    heading(&mut out, "Escalation");
    let escalation = &book.escalation;
    let after = escalation.after.map(|after| format!(", no later than {after} after it began"));
    let call = format!("tell {}{}", escalation.tell, after.unwrap_or_default());
    paragraph(&mut out, &call);
    if let Some(message) = &escalation.message {
        paragraph(&mut out, message);
    }
    out
}

fn trigger_shown(out: &mut String, book: &Playbook) {
    heading(out, "Trigger");
    let trigger = &book.trigger;
    let kinds: Vec<&str> = trigger.alerts.iter().map(|kind| kind.as_str()).collect();
    let mut demands = vec![format!("alert {}", kinds.join(", "))];
    demands.extend(trigger.severity.map(|severity| format!("severity {severity} or worse")));
    if !trigger.subject.is_empty() {
        let types: Vec<&str> = trigger.subject.iter().map(|t| t.as_str()).collect();
        demands.push(format!("about a {}", types.join(" or ")));
    }
    demands.extend(trigger.open_for.map(|least| format!("open for {least}")));
    demands.extend(trigger.labels.iter().map(|(name, value)| format!("label {name} = {value}")));
    demands.extend(trigger.when.iter().cloned());
    for demand in demands {
        paragraph(out, &format!("· {demand}"));
    }
}

fn verification_shown(book: &Playbook) -> String {
    let wanted = &book.verification;
    let mut all = vec!["what each action must show by itself".to_owned()];
    if wanted.finding_gone {
        all.push("the finding is gone".to_owned());
    }
    all.extend(wanted.mount_free_percent.map(|free| format!("{free} % free")));
    all.extend(wanted.units_active.iter().map(|unit| format!("{unit} active")));
    all.extend(wanted.http_ok.iter().map(|url| format!("{url} answers")));
    all.extend(wanted.tcp_open.iter().map(|address| format!("{address} open")));
    let hold = wanted.hold.map(|hold| format!(", for {hold}")).unwrap_or_default();
    let within = wanted.within.map(|within| format!(", within {within}")).unwrap_or_default();
    format!("{}{hold}{within}", all.join(", "))
}

fn tried(trial: &PlaybookTrial) -> String {
    let applies = if trial.applies { ("applies", GREEN) } else { ("does not apply", YELLOW) };
    let mut out = format!(
        "{} to {}: {}\n",
        paint(BOLD, &format!("{} v{}", trial.name, trial.version)),
        printable(&trial.subject),
        paint(applies.1, applies.0)
    );
    for ConditionSeen { text, holds } in &trial.conditions {
        let (mark, style) = match holds {
            Some(true) => ("yes", GREEN),
            Some(false) => ("no ", RED),
            None => ("?  ", YELLOW),
        };
        out.push_str(&format!("  {}  {}\n", paint(style, mark), printable(text)));
    }
    heading(&mut out, "Cause");
    paragraph(&mut out, &trial.cause);
    heading(&mut out, "Ladder");
    for (at, rung) in trial.rungs.iter().enumerate() {
        out.push_str(&format!("  {}. {}\n", at + 1, printable(&rung.rung)));
        if let Some(why) = &rung.not_because {
            out.push_str(&format!("     {}\n", paint(DIM, &printable(&format!("not now: {why}")))));
        }
        for TriedStep { step, verdict } in &rung.steps {
            step_shown(&mut out, step, verdict);
        }
    }
    out.push_str(&format!("  then: tell {}\n", printable(&trial.tell)));
    out
}

fn step_shown(out: &mut String, step: &PlanStep, verdict: &Verdict) {
    let (word, style) = match verdict.decision {
        Decision::Allow => ("allow", GREEN),
        Decision::Ask => ("ask", YELLOW),
        Decision::Deny => ("deny", RED),
    };
    let kind = step.action.kind();
    out.push_str(&format!(
        "     {} {}  {}\n",
        paint(BOLD, kind.as_str()),
        printable(&step.action.target()),
        paint(style, &format!("{word}, {} risk", verdict.risk))
    ));
    if !step.command.is_empty() {
        out.push_str(&format!("       {}\n", paint(CYAN, &printable(&step.command))));
    }
    if let Some(reason) = verdict.reasons.first() {
        let why = format!("guard: {} [{}]", reason.text, reason.rule);
        out.push_str(&format!("       {}\n", paint(DIM, &printable(&why))));
    }
}
