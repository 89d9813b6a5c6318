//! What can be asked, as data: one `rules/intents/*.toml` a subject.
//!
//! ```toml
//! [[intent]]
//! id = "files.big"
//! need = ["file big", "file over"]    # any one line; of each word of it a token; `a|b` is either
//! may = "top disk"                    # concepts that may stand there too
//! not = "first"                       # concepts beside which it is another request
//! path = "file"                       # the path has to look like one of a file, or of a "project"
//! slots = ["path=.", "size=1G", "unit!", "glob?"]   # default, required, optional
//! changes = true                      # it means to change something: no questions, no past tense
//! priority = 2                        # wins where another fits equally well
//! tool = "docker|podman"              # one of these must be installed
//! run = "find @{path} …"              # or [["pm:apt", "apt …"], ["", "…"]], the first that holds
//! # or: [[intent.steps]] with run and why = { en, fr, ko }
//! en = "Finds …"                      # the explanation, likewise fr and ko
//! ex = { en = ["…"], fr = ["…"], ko = ["…"] }
//! ```

use hale_model::config::Language;
use serde::Deserialize;

use super::Nearest;
use super::error::RouteError;
use super::host::is_condition;
use super::lexicon::{Concept, Lexicon};
use super::matching::accepts;
use super::names;
use super::template::{self, Filled, Part, SlotKind};
use super::values::{self, Value};

/// Most intents of one file, and most steps of one intent.
const INTENTS_PER_FILE_MAX: usize = 200;
const STEPS_MAX: usize = 4;
/// Less than the weight of a concept: priority never outweighs what a sentence says.
const PRIORITY_MAX: u32 = 9;

/// What a person can ask, for help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentInfo {
    /// The id, `subject.what`.
    pub id: String,
    /// The subject: the id up to its dot.
    pub subject: String,
    /// Whether it means to change something.
    pub changes: bool,
    /// Sentences that it understands.
    pub examples: Examples,
}

/// Example sentences by language, at least one of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// English
    pub en: Vec<String>,
    /// French
    pub fr: Vec<String>,
    /// Korean
    pub ko: Vec<String>,
}

impl Examples {
    /// The examples of one language.
    pub fn of(&self, language: Language) -> &[String] {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
            Language::Ko => &self.ko,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    intent: Vec<IntentText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentText {
    id: String,
    need: Vec<String>,
    #[serde(default)]
    may: String,
    #[serde(default)]
    not: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    slots: Vec<String>,
    #[serde(default)]
    changes: bool,
    #[serde(default)]
    priority: u32,
    #[serde(default)]
    tool: String,
    run: Option<RunText>,
    #[serde(default)]
    steps: Vec<StepText>,
    en: String,
    fr: String,
    ko: String,
    ex: Examples,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RunText {
    One(String),
    By(Vec<[String; 2]>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    run: RunText,
    why: WhyText,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhyText {
    en: String,
    fr: String,
    ko: String,
}

/// An intent, ready to be matched.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) id: String,
    /// Alternatives; of each, groups of concepts of which one must be present.
    pub(super) needs: Vec<Vec<Vec<Concept>>>,
    pub(super) may: Vec<Concept>,
    /// Beside one of these the sentence asks for something else.
    pub(super) not: Vec<Concept>,
    pub(super) path: PathKind,
    pub(super) slots: Vec<Slot>,
    pub(super) changes: bool,
    /// Decides between intents that fit equally well.
    pub(super) priority: u32,
    /// One of these must be installed; none: nothing special is needed.
    pub(super) tools: Vec<String>,
    pub(super) steps: Vec<Step>,
    explanation: Prose,
    examples: Examples,
}

/// What the path of an intent has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    Any,
    /// A file by its name: `README.md`, `./Makefile`.
    File,
    /// A file by its name, outside the folders of the system: one that may be under git.
    ProjectFile,
    /// Anything that may be under git.
    Project,
    /// Nothing that is plainly a file.
    Folder,
    /// A folder in which files may be deleted by their names: neither the root nor one of the system.
    InnerFolder,
}

impl PathKind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => PathKind::Any,
            "file" => PathKind::File,
            "project file" => PathKind::ProjectFile,
            "project" => PathKind::Project,
            "folder" => PathKind::Folder,
            "inner folder" => PathKind::InnerFolder,
            _ => return None,
        })
    }

    /// Whether a path can be one of that kind, as far as its spelling tells.
    pub(super) fn fits(self, path: &str) -> bool {
        let folders = ["/etc", "/var", "/usr", "/boot", "/bin", "/sbin", "/lib", "/proc", "/sys"];
        let of_system = || {
            let within = |folder| {
                path.strip_prefix(folder)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            folders.into_iter().any(within)
        };
        match self {
            PathKind::Any => true,
            PathKind::File => names::is_called_like_a_file(path),
            PathKind::ProjectFile => names::is_called_like_a_file(path) && !of_system(),
            PathKind::Project => !of_system(),
            PathKind::Folder => !names::is_called_like_a_file(path),
            PathKind::InnerFolder => {
                let written_by_programs =
                    path.starts_with("/var/") || path.starts_with("/usr/local/");
                path.contains(char::is_alphanumeric)
                    && (!of_system() || written_by_programs)
                    && !names::is_called_like_a_file(path)
            }
        }
    }
}

/// A value that an intent takes.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) kind: SlotKind,
    pub(super) required: bool,
    pub(super) default: Option<Filled>,
}

/// A step: the variants of its command with their conditions, and what it is for.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) variants: Vec<(String, Vec<Part>)>,
    why: Option<Prose>,
}

type Prose = [Vec<Part>; 3];

impl Intent {
    /// What help shows.
    pub(super) fn info(&self) -> IntentInfo {
        let subject = self.id.split('.').next().unwrap_or(&self.id).to_owned();
        let examples = self.examples.clone();
        IntentInfo { id: self.id.clone(), subject, changes: self.changes, examples }
    }

    /// The intent as an answer to whoever was not understood.
    pub(super) fn near(&self, language: Language) -> Nearest {
        let example = self.examples.of(language).first().cloned().unwrap_or_default();
        Nearest { intent: self.id.clone(), example }
    }

    pub(super) fn explanation(&self, language: Language) -> &[Part] {
        &self.explanation[super::lexicon::language_index(language)]
    }

    /// What a step is for; the whole explanation where there is but one.
    pub(super) fn why<'a>(&'a self, step: &'a Step, language: Language) -> &'a [Part] {
        let prose = step.why.as_ref().unwrap_or(&self.explanation);
        &prose[super::lexicon::language_index(language)]
    }
}

/// Reads the intents of one file; what is wrong with one does not spoil the others.
pub(super) fn read(
    origin: &str,
    text: &str,
    lexicon: &Lexicon,
    problems: &mut Vec<RouteError>,
) -> Vec<Intent> {
    let mut intents = Vec::new();
    let mut report = |subject: &str, what: String| {
        problems.push(RouteError {
            origin: origin.to_owned(),
            subject: subject.to_owned(),
            what,
            next_step: "write it as its neighbours are written".to_owned(),
        });
    };
    let file: FileText = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            report("file", error.to_string());
            return intents;
        }
    };
    if file.intent.len() > INTENTS_PER_FILE_MAX {
        report("file", format!("more than {INTENTS_PER_FILE_MAX} intents"));
        return intents;
    }
    for intent in file.intent {
        let id = intent.id.clone();
        match compile(intent, lexicon) {
            Ok(intent) => intents.push(intent),
            Err(what) => report(&id, what),
        }
    }
    intents
}

fn compile(text: IntentText, lexicon: &Lexicon) -> Result<Intent, String> {
    let needs = text.need.iter().map(|line| need(line, lexicon)).collect::<Result<Vec<_>, _>>()?;
    if needs.iter().any(Vec::is_empty) || needs.is_empty() {
        return Err("`need` is empty".to_owned());
    }
    let slots = text.slots.iter().map(|slot| read_slot(slot)).collect::<Result<Vec<_>, _>>()?;
    if [&text.ex.en, &text.ex.fr, &text.ex.ko].iter().any(|list| list.is_empty()) {
        return Err("`ex` lacks a language".to_owned());
    }
    let explanation = prose(&WhyText { en: text.en, fr: text.fr, ko: text.ko }, &slots)?;
    let mut steps = Vec::new();
    if let Some(run) = text.run {
        steps.push(Step { variants: variants(run, &slots)?, why: None });
    }
    for step in text.steps {
        let why = Some(prose(&step.why, &slots)?);
        steps.push(Step { variants: variants(step.run, &slots)?, why });
    }
    if steps.is_empty() || steps.len() > STEPS_MAX {
        return Err(format!("it has {} steps; 1 to {STEPS_MAX} are allowed", steps.len()));
    }
    Ok(Intent {
        id: text.id,
        needs,
        may: concepts(&text.may, lexicon)?,
        not: concepts(&text.not, lexicon)?,
        path: PathKind::named(&text.path).ok_or(format!("`{}` is no kind of path", text.path))?,
        slots,
        changes: text.changes,
        priority: text.priority.min(PRIORITY_MAX),
        tools: text.tool.split('|').filter(|t| !t.is_empty()).map(str::to_owned).collect(),
        steps,
        explanation,
        examples: text.ex,
    })
}

fn need(line: &str, lexicon: &Lexicon) -> Result<Vec<Vec<Concept>>, String> {
    line.split_whitespace().map(|group| concepts(&group.replace('|', " "), lexicon)).collect()
}

fn concepts(list: &str, lexicon: &Lexicon) -> Result<Vec<Concept>, String> {
    list.split_whitespace()
        .map(|name| lexicon.concept(name).ok_or(format!("the lexicon has no concept `{name}`")))
        .collect()
}

fn read_slot(text: &str) -> Result<Slot, String> {
    let end = text.find(['=', '!', '?']).ok_or(format!("`{text}` ends with none of = ! ?"))?;
    let (name, mark) = text.split_at(end);
    let kind = SlotKind::named(name).ok_or(format!("no slot is called `{name}`"))?;
    let default = match mark.strip_prefix('=') {
        Some(default) => Some(Filled::Value(read_default(kind, default)?)),
        None => None,
    };
    Ok(Slot { kind, required: mark == "!", default })
}

/// A default, which has to be a value of its slot's kind.
fn read_default(kind: SlotKind, text: &str) -> Result<Value, String> {
    let value = match kind {
        SlotKind::Since => values::moment_named(text),
        SlotKind::Path
        | SlotKind::To
        | SlotKind::Archive
        | SlotKind::Size
        | SlotKind::Port
        | SlotKind::Pid
        | SlotKind::Count
        | SlotKind::Unit
        | SlotKind::Package
        | SlotKind::User
        | SlotKind::Group
        | SlotKind::Host
        | SlotKind::Glob
        | SlotKind::Text
        | SlotKind::Content
        | SlotKind::Container
        | SlotKind::Image
        | SlotKind::Branch
        | SlotKind::Commit
        | SlotKind::Mode
        | SlotKind::Interface
        | SlotKind::Program
        | SlotKind::Device
        | SlotKind::Lines
        | SlotKind::Zone
        | SlotKind::Epoch
        | SlotKind::Url => {
            values::readings(text, text).iter().find_map(|value| accepts(kind, value))
        }
    };
    value.ok_or(format!("`{text}` is no {}", kind.name()))
}

fn prose(why: &WhyText, slots: &[Slot]) -> Result<Prose, String> {
    let read = |text: &str| checked(text, slots);
    Ok([read(&why.en)?, read(&why.fr)?, read(&why.ko)?])
}

fn variants(run: RunText, slots: &[Slot]) -> Result<Vec<(String, Vec<Part>)>, String> {
    let lines = match run {
        RunText::One(line) => vec![[String::new(), line]],
        RunText::By(lines) => lines,
    };
    let mut variants = Vec::new();
    for [condition, line] in lines {
        if !is_condition(&condition) {
            return Err(format!("`{condition}` is no condition"));
        }
        variants.push((condition, checked(&line, slots)?));
    }
    Ok(variants)
}

/// A template whose slots the intent has; one that can be empty stands in a section of its own.
fn checked(text: &str, slots: &[Slot]) -> Result<Vec<Part>, String> {
    let parts = template::parse(text)?;
    for (kind, bare) in template::slots_used(&parts) {
        let name = kind.name();
        let slot = slots.iter().find(|slot| slot.kind == kind);
        let slot = slot.ok_or(format!("`{name}` is used but not among the slots"))?;
        if bare && !slot.required && slot.default.is_none() {
            return Err(format!("`{name}` may be empty: put it into `@[{name}|…]`"));
        }
    }
    Ok(parts)
}
