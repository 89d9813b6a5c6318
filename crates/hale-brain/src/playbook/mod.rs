//! Playbooks: treatments as data, shipped with hale or a user's own. A playbook says when it applies,
//! what must be seen first, which steps are tried in which order, and who is called where none helps.
//!
//! It yields a plan like any other diagnosis, and that plan goes through the guard step by step: a
//! playbook can do nothing that the guard would not allow. Aiming its steps at what is observed is
//! done beside the other cures, in `diagnose`.

mod check;
mod facts;
#[doc(hidden)]
pub mod fuzzing;
mod read;
mod target;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::{Alert, AlertState};
use hale_model::config::Config;
use hale_model::playbook::{
    ConditionSeen, Playbook, PlaybookOrigin, PlaybookProblem, PlaybookView, PlaybooksView, Rung,
    SubjectType,
};
use hale_model::snapshot::Snapshot;

pub(crate) use facts::Found;
pub(crate) use target::Target;

use crate::decide::names::glob;
use crate::detect::expression::{Expression, on_deep_stack};
use crate::detect::message;
use check::Conditions;

/// Playbooks that a user may add.
const OWN_PLAYBOOKS_MAX: usize = 200;

macro_rules! shipped {
    ($($name:literal,)*) => {
        /// Every playbook that comes with hale: its file and its text.
        const SHIPPED: &[(&str, &str)] = &[$((
            concat!("playbooks/", $name, ".yaml"),
            include_str!(concat!("../../../../playbooks/", $name, ".yaml")),
        ),)*];
    };
}

shipped! {
    "container-unhealthy",
    "database-latency",
    "disk-space",
    "errors-after-deploy",
    "memory-leak",
    "unstick-machine",
    "workload-errors",
}

/// A playbook that was found in order.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Itself.
    pub playbook: Playbook,
    /// Where it comes from.
    pub origin: PlaybookOrigin,
    /// Its file.
    pub file: String,
    conditions: Conditions,
}

/// The playbooks that hale goes by.
#[derive(Clone, Debug, Default)]
pub struct Playbooks {
    all: Vec<Ready>,
    problems: Vec<PlaybookProblem>,
}

/// Reads and checks one playbook.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(file: &str, text: &str) -> Result<Ready, Vec<PlaybookProblem>> {
    let read = || ready(file, text, PlaybookOrigin::Own);
    on_deep_stack(read).unwrap_or_else(|| Err(vec![no_thread(file)]))
}

fn no_thread(file: &str) -> PlaybookProblem {
    PlaybookProblem {
        file: file.to_owned(),
        line: 1,
        field: String::new(),
        what: "there was no memory for a thread to read it".to_owned(),
        hint: Some("free memory and start again".to_owned()),
    }
}

fn ready(file: &str, text: &str, origin: PlaybookOrigin) -> Result<Ready, Vec<PlaybookProblem>> {
    let playbook = read::read(file, text).map_err(|problem| vec![problem])?;
    let conditions = check::check(file, text, &playbook)?;
    Ok(Ready { playbook, origin, file: file.to_owned(), conditions })
}

impl Playbooks {
    /// Those that come with hale.
    pub fn shipped() -> Playbooks {
        Playbooks::with_own(&[])
    }

    /// Those that come with hale, and a user's own, given as (file, text). One of a shipped name
    /// takes that playbook's place. What cannot be used is reported and left out.
    pub fn with_own(files: &[(String, String)]) -> Playbooks {
        Playbooks::read(SHIPPED, files)
    }

    /// What is wrong with a user's own playbooks, without reading those that come with hale.
    pub fn problems_of(files: &[(String, String)]) -> Vec<PlaybookProblem> {
        if files.is_empty() { Vec::new() } else { Playbooks::read(&[], files).problems }
    }

    fn read(shipped: &[(&str, &str)], files: &[(String, String)]) -> Playbooks {
        let read = || {
            let mut playbooks = Playbooks::default();
            for (file, text) in shipped {
                match ready(file, text, PlaybookOrigin::Shipped) {
                    Ok(ready) => playbooks.all.push(ready),
                    Err(problems) => playbooks.problems.extend(problems),
                }
            }
            playbooks.add_own(files);
            playbooks.all.sort_by(|a, b| a.playbook.name.cmp(&b.playbook.name));
            playbooks
        };
        let no_thread = || files.iter().map(|(file, _)| no_thread(file)).collect();
        on_deep_stack(read).unwrap_or_else(|| Playbooks { all: Vec::new(), problems: no_thread() })
    }

    fn add_own(&mut self, files: &[(String, String)]) {
        for (file, text) in files.iter().take(OWN_PLAYBOOKS_MAX) {
            match ready(file, text, PlaybookOrigin::Own) {
                Ok(own) => self.put(own),
                Err(problems) => self.problems.extend(problems),
            }
        }
        if let Some((file, _)) = files.get(OWN_PLAYBOOKS_MAX) {
            self.problems.push(PlaybookProblem {
                file: file.clone(),
                line: 1,
                field: String::new(),
                what: format!("there are more than {OWN_PLAYBOOKS_MAX} playbooks"),
                hint: Some("remove some".to_owned()),
            });
        }
    }

    fn put(&mut self, own: Ready) {
        let name = &own.playbook.name;
        match self.all.iter_mut().find(|ready| ready.playbook.name == *name) {
            Some(first) if first.origin == PlaybookOrigin::Own => {
                self.problems.push(PlaybookProblem {
                    file: own.file.clone(),
                    line: 1,
                    field: "name".to_owned(),
                    what: format!("{} already holds a playbook `{name}`", first.file),
                    hint: Some("give one of them another name".to_owned()),
                });
            }
            Some(shipped) => *shipped = own,
            None => self.all.push(own),
        }
    }

    /// The playbook of this name.
    pub fn by_name(&self, name: &str) -> Option<&Ready> {
        self.all.iter().find(|ready| ready.playbook.name == name)
    }

    /// The name most like this one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        read::nearest(name, self.all.iter().map(|ready| ready.playbook.name.as_str()))
    }

    /// What is wrong with those that cannot be used.
    pub fn problems(&self) -> &[PlaybookProblem] {
        &self.problems
    }

    /// All of them, for screens.
    pub fn view(&self) -> PlaybooksView {
        PlaybooksView {
            playbooks: self.all.iter().map(Ready::view).collect(),
            problems: self.problems.clone(),
        }
    }

    /// Those that apply to this alert, the most specific first; of equals the user's own first.
    pub(crate) fn matching<'a>(&'a self, seen: &Seen<'_>) -> Vec<&'a Ready> {
        let mut matching: Vec<&Ready> =
            self.all.iter().filter(|ready| ready.playbook.enabled && ready.applies(seen)).collect();
        matching.sort_by_key(|ready| {
            let own = ready.origin == PlaybookOrigin::Own;
            (Reverse(ready.specificity()), Reverse(own), ready.playbook.name.clone())
        });
        matching
    }
}

/// What a playbook is held against.
pub(crate) struct Seen<'a> {
    pub(crate) alert: &'a Alert,
    pub(crate) found: Found<'a>,
    open_secs: i64,
    snapshot: &'a Snapshot,
    context: cel::Context<'static, 'static>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(
        now: Timestamp,
        alert: &'a Alert,
        snapshot: &'a Snapshot,
        config: &Config,
    ) -> Seen<'a> {
        let found = Found::of(&alert.subject, snapshot);
        let facts = facts::of_alert(now, alert, &found, snapshot, config);
        let open_secs = now.duration_since(alert.first_seen_at).as_secs();
        Seen { alert, found, open_secs, snapshot, context: facts::context(&facts) }
    }

    pub(crate) fn open_secs(&self) -> u64 {
        u64::try_from(self.open_secs).unwrap_or(0)
    }
}

impl Ready {
    /// How specific its trigger is: what it demands beyond a kind of alert.
    pub fn specificity(&self) -> u32 {
        let trigger = &self.playbook.trigger;
        let demands = usize::from(trigger.severity.is_some())
            + usize::from(!trigger.subject.is_empty())
            + usize::from(trigger.open_for.is_some())
            + trigger.labels.len()
            + trigger.when.len()
            + self.playbook.diagnosis.evidence.len();
        u32::try_from(demands).unwrap_or(u32::MAX)
    }

    /// Whether it goes before hale's own cure: it demands more than a kind of alert, or is the user's own.
    pub(crate) fn is_stricter(&self) -> bool {
        self.origin == PlaybookOrigin::Own || self.specificity() > 0
    }

    /// For screens.
    pub fn view(&self) -> PlaybookView {
        PlaybookView {
            origin: self.origin,
            file: self.file.clone(),
            specificity: self.specificity(),
            playbook: self.playbook.clone(),
        }
    }

    fn applies(&self, seen: &Seen<'_>) -> bool {
        self.playbook.trigger.alerts.contains(&seen.alert.kind)
            && seen.alert.state != AlertState::Closed
            && self.conditions(seen).iter().all(|condition| condition.holds == Some(true))
    }

    /// Every condition of trigger and diagnosis, as it is now.
    pub(crate) fn conditions(&self, seen: &Seen<'_>) -> Vec<ConditionSeen> {
        let trigger = &self.playbook.trigger;
        let alert = seen.alert;
        let mut all = Vec::new();
        let mut add = |text: String, holds: Option<bool>| all.push(ConditionSeen { text, holds });
        let kinds: Vec<&str> = trigger.alerts.iter().map(|kind| kind.as_str()).collect();
        add(format!("alert is {}", kinds.join(" or ")), Some(trigger.alerts.contains(&alert.kind)));
        if let Some(least) = trigger.severity {
            add(format!("severity is at least {least}"), Some(alert.severity >= least));
        }
        if !trigger.subject.is_empty() {
            let types: Vec<&str> = trigger.subject.iter().map(|t| t.as_str()).collect();
            let holds = trigger.subject.contains(&SubjectType::of(&alert.subject));
            add(format!("it is about a {}", types.join(" or ")), Some(holds));
        }
        if let Some(least) = trigger.open_for {
            let holds = seen.open_secs() >= least.secs;
            add(format!("open for {least}"), Some(holds));
        }
        let labels = facts::labels(alert);
        for (name, wanted) in &trigger.labels {
            let given = labels.get(name).and_then(serde_json::Value::as_str);
            add(format!("label {name} is {wanted}"), given.map(|given| glob(wanted, given)));
        }
        for source in &self.playbook.diagnosis.sources {
            let text = format!("the {source} source was read");
            add(text, Some(seen.snapshot.is_fresh(*source)));
        }
        for (source, expression) in trigger.when.iter().zip(&self.conditions.when) {
            add(source.clone(), expression.truth(&seen.context));
        }
        for (check, expression) in
            self.playbook.diagnosis.evidence.iter().zip(&self.conditions.evidence)
        {
            let text = format!("{} ({})", words(&check.says, alert), check.check);
            add(text, expression.truth(&seen.context));
        }
        all
    }

    /// The rungs, with whether each applies now.
    pub(crate) fn rungs<'a>(
        &'a self,
        seen: &'a Seen<'_>,
    ) -> impl Iterator<Item = (&'a Rung, Option<bool>)> {
        self.playbook.treatment.iter().zip(&self.conditions.rungs).map(|(rung, when)| {
            let holds = |when: &Expression| when.truth(&seen.context);
            (rung, when.as_ref().map_or(Some(true), holds))
        })
    }

    /// What it takes to be the cause, with what was seen for it.
    pub(crate) fn cause(&self, alert: &Alert) -> String {
        let diagnosis = &self.playbook.diagnosis;
        let mut text = words(&diagnosis.explanation, alert);
        for check in &diagnosis.evidence {
            text.push(' ');
            text.push_str(&words(&check.says, alert));
            if !text.ends_with(['.', '!', '?']) {
                text.push('.');
            }
        }
        text
    }
}

/// A text with the figures of an alert.
pub(crate) fn words(template: &str, alert: &Alert) -> String {
    message::sentence(template.trim(), &figures(alert))
}

/// A command with the figures of an alert, each one quoted word; none where one is not known.
pub(crate) fn command(template: &str, alert: &Alert) -> Option<String> {
    message::command(template, &figures(alert))
}

/// The figures of an alert, its subject and summary among them.
fn figures(alert: &Alert) -> BTreeMap<String, serde_json::Value> {
    let mut figures = alert.vars.clone();
    figures.entry("subject".to_owned()).or_insert_with(|| alert.subject.to_string().into());
    figures.entry("summary".to_owned()).or_insert_with(|| alert.summary.as_str().into());
    figures
}

/// A command with a harmless word for each figure, to be judged before any alert is there.
fn with_samples(command: &str) -> String {
    let names = message::placeholders(command).into_iter();
    let names = names.map(|name| (name.to_owned(), serde_json::Value::from("figure")));
    message::command(command, &names.collect()).unwrap_or_else(|| command.to_owned())
}
