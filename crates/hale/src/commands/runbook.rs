//! `hale runbook list|search|show|export|import|remove`

use std::collections::VecDeque;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hale_model::alert::AlertKind;
use hale_model::api::{Command, Query};
use hale_model::knowledge::{
    BODY_BYTES_MAX, Knowledge, KnowledgeView, LessonView, RUNBOOK_ITEMS_MAX, Runbook,
    RunbookEntryView, RunbookHit, RunbookImported, RunbookView, Trust,
};
use hale_model::text::printable;

use crate::context::{Context, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{
    BOLD, CYAN, Columns, DIM, GREEN, PLAIN, RED, YELLOW, cell, counted, local, paint, styled,
    width, wrap,
};

/// Bytes of a Markdown file: its text and a front matter.
const LIMIT_MARKDOWN_BYTES: u64 = BODY_BYTES_MAX as u64 + 32 * 1024;
/// Bytes of a file that `hale runbook export` wrote.
const LIMIT_RUNBOOK_BYTES: u64 = 64 * 1024 * 1024;
/// Folders below the one that is imported.
const LIMIT_FOLDERS: usize = 1000;
/// Files with something wrong that are told at once.
const LIMIT_TOLD_FILES: usize = 20;

/// `hale runbook`
#[derive(Debug, Subcommand)]
pub enum RunbookCommand {
    /// What hale has learned, and what people wrote down
    List {
        /// Only what is about this kind of alert: service.failed, disk.space, …
        #[arg(long, value_name = "ALERT KIND", value_parser = alert_kind)]
        about: Option<AlertKind>,
        /// At most so many of each; 0: all
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// What fits these words best; the name of an alert kind brings what is known about it first
    Search {
        /// Any words
        #[arg(required = true, num_args = 1..)]
        words: Vec<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// One lesson or one entry
    Show {
        /// Its id, or the start of it
        id: String,
    },
    /// Everything as one JSON file, without what is part of hale itself
    Export {
        /// Where to; without it, standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take in a file that `export` wrote, a Markdown file, or a folder of them; all or nothing
    Import {
        /// File or folder; `-` is standard input, with what `export` writes
        path: PathBuf,
    },
    /// Take out an entry that was imported
    Remove {
        /// Its whole id
        id: String,
    },
}

fn alert_kind(name: &str) -> Result<AlertKind, std::convert::Infallible> {
    name.parse()
}

pub async fn run(context: &Context, command: RunbookCommand) -> Ended {
    match command {
        RunbookCommand::List { about, limit } => {
            let desk = context.connect().await?;
            let view = view!(desk.ask(Query::Runbook { alert_kind: about, limit }).await, Runbook);
            context.screen.answer(&view, |view| listed(view))
        }
        RunbookCommand::Search { words, limit } => {
            let desk = context.connect().await?;
            let query = Query::RunbookSearch { text: words.join(" "), alert_kind: None, limit };
            let view = view!(desk.ask(query).await, Runbook);
            context.screen.answer(&view, |view| found(&view.hits))
        }
        RunbookCommand::Show { id } => {
            let desk = context.connect().await?;
            let entry = view!(desk.ask(Query::RunbookEntry { id }).await, RunbookEntry);
            context.screen.answer(&entry, |entry| match entry {
                RunbookEntryView::Lesson(lesson) => lesson_shown(lesson),
                RunbookEntryView::Knowledge(entry) => knowledge_shown(entry),
            })
        }
        RunbookCommand::Export { output } => export(context, output.as_deref()).await,
        RunbookCommand::Import { path } => {
            let runbook = read(&path)?;
            let brings_lessons = !runbook.lessons.is_empty();
            let desk = context.connect().await?;
            let wish = Command::RunbookImport { runbook: Box::new(runbook) };
            let imported = view!(desk.wish(wish).await, RunbookImported);
            let ended = context.screen.answer(&imported, imported_shown)?;
            if brings_lessons {
                context.screen.talk(
                    "What was learned elsewhere is proposed, told and searched; it lets nothing be done alone here.",
                );
            }
            Ok(ended)
        }
        RunbookCommand::Remove { id } => {
            let desk = context.connect().await?;
            let done = view!(desk.wish(Command::RunbookRemove { id }).await, Done);
            context.screen.answer(&done, |done| printable(done))
        }
    }
}

async fn export(context: &Context, output: Option<&Path>) -> Ended {
    let desk = context.connect().await?;
    let runbook = view!(desk.ask(Query::RunbookExport).await, RunbookFile);
    let Some(path) = output else {
        context.screen.print_json(&runbook)?;
        return Ok(Exit::Done);
    };
    let failed = |why: String| {
        Failure::failed(
            format!("the runbook cannot be written to {}: {why}", path.display()),
            "check the directory and its permissions",
        )
    };
    let text = serde_json::to_string_pretty(&runbook).map_err(|e| failed(e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|e| failed(e.to_string()))?;
    context.screen.talk(&format!(
        "{}, {} → {}",
        counted(runbook.lessons.len(), "lesson"),
        counted(runbook.knowledge.len(), "entry"),
        path.display()
    ));
    Ok(Exit::Done)
}

/// What a file or a folder holds; everything that is wrong with it is told at once.
fn read(path: &Path) -> Result<Runbook, Failure> {
    if path == Path::new("-") {
        return from_stdin();
    }
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, &e.to_string()))?;
    let files = if metadata.is_dir() { files_below(path)? } else { vec![path.to_owned()] };
    let mut runbook = Runbook::new(Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    for file in &files {
        if is_markdown(file) {
            let text = text_of(file, LIMIT_MARKDOWN_BYTES)?;
            match Knowledge::from_markdown(&text, &file.display().to_string()) {
                Ok(entry) => runbook.knowledge.push(entry),
                Err(errors) => wrong.push(errors.to_string()),
            }
        } else {
            let text = text_of(file, LIMIT_RUNBOOK_BYTES)?;
            match serde_json::from_str::<Runbook>(&text) {
                Ok(more) if files.len() == 1 => runbook = more,
                Ok(more) => {
                    runbook.lessons.extend(more.lessons);
                    runbook.knowledge.extend(more.knowledge);
                }
                Err(error) => wrong.push(json_error(file, &error)),
            }
        }
    }
    if wrong.is_empty() {
        return Ok(runbook);
    }
    let told = wrong.iter().take(LIMIT_TOLD_FILES).cloned().collect::<Vec<_>>().join("\n");
    let more = wrong.len().saturating_sub(LIMIT_TOLD_FILES);
    let more = if more > 0 { format!("\n{}", counted(more, "more file")) } else { String::new() };
    let hint = "nothing was taken in; docs/runbook.md shows the form of an entry";
    Err(Failure::usage(format!("{told}{more}"), hint))
}

/// What `hale runbook export` writes, through a pipe.
fn from_stdin() -> Result<Runbook, Failure> {
    let name = Path::new("standard input");
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LIMIT_RUNBOOK_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|e| unreadable(name, &e.to_string()))?;
    if bytes.len() as u64 > LIMIT_RUNBOOK_BYTES {
        return Err(unreadable(name, &format!("it is over {LIMIT_RUNBOOK_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable(name, "it is not UTF-8"))?;
    serde_json::from_str(&text).map_err(|error| {
        let hint = "nothing was taken in; give what `hale runbook export` writes";
        Failure::usage(json_error(name, &error), hint)
    })
}

fn json_error(file: &Path, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&at).unwrap_or(&text);
    format!("{}:{}: {}", file.display(), error.line(), printable(what))
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "md" || e == "markdown")
}

/// Every Markdown and JSON file below a folder, by name. Links are not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = VecDeque::from([folder.to_owned()]);
    let mut seen = 0;
    while let Some(folder) = folders.pop_front() {
        seen += 1;
        let entries = std::fs::read_dir(&folder);
        for entry in entries.map_err(|e| unreadable(&folder, &e.to_string()))? {
            let entry = entry.map_err(|e| unreadable(&folder, &e.to_string()))?;
            let kind = entry.file_type().map_err(|e| unreadable(&entry.path(), &e.to_string()))?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push_back(path);
            } else if kind.is_file()
                && (is_markdown(&path) || path.extension().is_some_and(|e| e == "json"))
            {
                files.push(path);
            }
        }
        if seen > LIMIT_FOLDERS || files.len() > RUNBOOK_ITEMS_MAX {
            return Err(Failure::usage(
                format!(
                    "there are over {LIMIT_FOLDERS} folders or {RUNBOOK_ITEMS_MAX} files in it"
                ),
                "name the folder that holds the entries",
            ));
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(
            format!("{} holds no Markdown and no JSON file", folder.display()),
            "name a file, or a folder with entries; docs/runbook.md shows one",
        ));
    }
    files.sort();
    Ok(files)
}

fn text_of(path: &Path, limit_bytes: u64) -> Result<String, Failure> {
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, &e.to_string()))?;
    // A pipe would hang the command, a device might never end.
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut bytes))
        .map_err(|e| unreadable(path, &e.to_string()))?;
    if bytes.len() as u64 > limit_bytes {
        return Err(unreadable(path, &format!("it is over {limit_bytes} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(path, "it is not UTF-8"))
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::failed(
        format!("{} cannot be read: {why}", path.display()),
        "name a Markdown file, a file that `hale runbook export` wrote, or a folder of them",
    )
}

fn imported_shown(count: &RunbookImported) -> String {
    format!("{} added, {} changed, {} unchanged", count.added, count.changed, count.unchanged)
}

fn trust_style(trust: Trust) -> anstyle::Style {
    match trust {
        Trust::Earned => GREEN,
        Trust::Known => PLAIN,
        Trust::Unproven => YELLOW,
        Trust::Withdrawn => RED,
    }
}

fn listed(view: &RunbookView) -> String {
    let mut out = String::new();
    if view.lessons.is_empty() {
        out.push_str("Nothing was learned yet: a lesson comes with every cure that is verified.\n");
    } else {
        let header = ["LESSON", "TRUST", "RELIABLE", "WORKED", "FAILED", "LAST", "WHAT"];
        let mut columns = Columns::new(&header, &[2, 3, 4]);
        for lesson in &view.lessons {
            columns.row([
                styled(&lesson.id, DIM),
                styled(lesson.trust.as_str(), trust_style(lesson.trust)),
                cell(format!("{:.0} %", 100.0 * lesson.reliability)),
                cell(times(lesson.successes, lesson.foreign_successes)),
                cell(times(lesson.failures, lesson.foreign_failures)),
                cell(local(lesson.last_at)),
                cell(&lesson.title),
            ]);
        }
        out.push_str(&columns.render(width()));
    }
    if !view.knowledge.is_empty() {
        out.push('\n');
        let mut columns = Columns::new(&["ENTRY", "KIND", "UPDATED", "FROM", "TITLE"], &[]);
        for entry in &view.knowledge {
            columns.row([
                cell(&entry.id),
                cell(entry.kind.as_str()),
                cell(entry.updated.to_string()),
                cell(entry.origin.as_str()),
                cell(&entry.title),
            ]);
        }
        out.push_str(&columns.render(width()));
    }
    out
}

/// `3`, or `3+2` with two elsewhere.
fn times(here: u32, elsewhere: u32) -> String {
    if elsewhere == 0 { here.to_string() } else { format!("{here}+{elsewhere}") }
}

fn found(hits: &[RunbookHit]) -> String {
    if hits.is_empty() {
        return "Nothing fits these words; `hale runbook list` shows everything.".to_owned();
    }
    let mut out = String::new();
    for hit in hits {
        let how = format!("{} · {}", hit.what, hit.by.as_str());
        out.push_str(&format!(
            "{} {}  {}\n",
            paint(BOLD, &printable(&hit.id)),
            printable(&hit.title),
            paint(DIM, &how)
        ));
        if !hit.excerpt.is_empty() {
            for line in wrap(&printable(&hit.excerpt), width().saturating_sub(4)) {
                out.push_str(&format!("    {line}\n"));
            }
        }
    }
    out.push_str(&format!("\n{}\n", paint(DIM, "hale runbook show ID")));
    out
}

fn lesson_shown(lesson: &LessonView) -> String {
    let mut out = format!("{}\n\n", paint(BOLD, &printable(&lesson.title)));
    let mut columns = Columns::new(&[], &[]).indent(2);
    let mut fact = |name: &str, value: String| {
        columns.row([styled(name, DIM), cell(value)]);
    };
    fact("id", lesson.id.clone());
    fact("alert", lesson.alert_kind.clone());
    let optional = [
        ("about", &lesson.subject_class),
        ("cause", &lesson.cause_kind),
        ("symptom", &lesson.summary),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            fact(name, value.clone());
        }
    }
    fact("action", lesson.action_kind.clone());
    fact("on", lesson.target_class.clone());
    fact("trust", lesson.trust.as_str().to_owned());
    fact("reliable", format!("{:.0} %", 100.0 * lesson.reliability));
    fact(
        "verified here",
        format!("{} ({} approved in a row)", lesson.successes, lesson.approved_successes),
    );
    fact("failed here", lesson.failures.to_string());
    if lesson.foreign_successes + lesson.foreign_failures > 0 {
        let elsewhere =
            format!("worked {}, failed {}", lesson.foreign_successes, lesson.foreign_failures);
        fact("elsewhere", elsewhere);
    }
    fact("last", local(lesson.last_at));
    if let Some(incident) = &lesson.incident_id {
        fact("learned from", incident.clone());
    }
    if let Some(why) = &lesson.withdrawn {
        fact("withdrawn", why.clone());
    }
    out.push_str(&columns.render(width()));
    out
}

fn knowledge_shown(entry: &KnowledgeView) -> String {
    let mut out = format!("{}\n", paint(BOLD, &printable(&entry.title)));
    let about = [entry.alert_kinds.join(", "), entry.tags.join(", ")];
    let about: Vec<String> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let head =
        format!("{} · {} · {} · {}", entry.id, entry.kind, entry.updated, entry.origin.as_str());
    out.push_str(&format!("{}\n", paint(DIM, &printable(&head))));
    if !about.is_empty() {
        out.push_str(&format!("{}\n", paint(DIM, &printable(&about.join(" · ")))));
    }
    out.push('\n');
    for line in entry.body.as_deref().unwrap_or_default().lines() {
        // Tabs are the only control characters that an entry may hold.
        let line = printable(&line.replace('\t', "    "));
        let is_command = line.starts_with("    ");
        out.push_str(&if is_command { paint(CYAN, &line) } else { line });
        out.push('\n');
    }
    out
}
