//! Playbooks: treatments as data. The types of the file (its JSON Schema is made from them), and what
//! screens show of them. Reading, matching and aiming are in hale-brain; nothing here decides.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{ActionKind, PlanStep, Verdict};
use crate::alert::{AlertKind, Severity};
use crate::sample::Source;

/// What the first line of a playbook says: the version of its format.
pub const PLAYBOOK_SCHEMA: &str = "hale.playbook.v1";

/// A span of time in a playbook: `90s`, `5m`, `2h`, `1d`, or a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// In seconds.
    pub secs: u64,
}

impl Span {
    /// So many seconds.
    pub const fn of_secs(secs: u64) -> Span {
        Span { secs }
    }

    /// The span that a text names; none if it names none.
    pub fn parse(text: &str) -> Option<Span> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "" | "s" | "sec" | "secs" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Span { secs: count.parse::<u64>().ok()?.checked_mul(factor)? })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.secs {
            s if s > 0 && s % 86_400 == 0 => (s / 86_400, "d"),
            s if s > 0 && s % 3600 == 0 => (s / 3600, "h"),
            s if s > 0 && s % 60 == 0 => (s / 60, "m"),
            s => (s, "s"),
        };
        write!(f, "{count}{unit}")
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;

        impl serde::de::Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time such as 90s, 5m, 2h or 1d")
            }

            fn visit_u64<E: serde::de::Error>(self, secs: u64) -> Result<Span, E> {
                Ok(Span { secs })
            }

            fn visit_i64<E: serde::de::Error>(self, secs: i64) -> Result<Span, E> {
                u64::try_from(secs)
                    .map(Span::of_secs)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(secs), &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(SpanVisitor)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A span of time: `90s`, `5m`, `2h`, `1d`, or a number of seconds.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+(s|sec|secs|m|min|h|d)?$" },
                { "type": "integer", "minimum": 0 },
            ],
        })
    }
}

/// A playbook: when it applies, what it takes to be the cause, what is done in which order, how
/// success is told, what happens where it is not, and when a person is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// `hale.playbook.v1`
    #[schemars(regex(pattern = r"^hale\.playbook\.v1$"))]
    pub schema: String,
    /// Its name: at most 64 of a-z, 0-9 and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,63}$"))]
    pub name: String,
    /// Its version: raise it with every change, the timeline names it.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// One line.
    pub title: String,
    /// What it is for, and when not to use it.
    #[serde(default)]
    pub description: String,
    /// false: it is listed and never used by itself.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When it applies.
    pub trigger: Trigger,
    /// What is checked before anything is done, and what is then taken to be the cause.
    pub diagnosis: PlaybookDiagnosis,
    /// The rungs of a ladder: the first that applies is done; the next only where it did not help.
    pub treatment: Vec<Rung>,
    /// How success is told, beside what each action must show by itself.
    #[serde(default)]
    pub verification: PlaybookVerification,
    /// What happens to what was done where it did not help.
    #[serde(default)]
    pub rollback: Rollback,
    /// When a person is called.
    pub escalation: Escalation,
}

fn yes() -> bool {
    true
}

/// When a playbook applies. Everything that is written must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The kinds of alert: one of these.
    pub alerts: Vec<AlertKind>,
    /// At least so severe.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// What the alert is about: one of these. Empty: anything.
    #[serde(default)]
    pub subject: Vec<SubjectType>,
    /// Labels that whoever reported it must have given, each with this value; `*` stands for any text.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Open for at least so long.
    #[serde(default)]
    pub open_for: Option<Span>,
    /// Conditions in the language of rules over `alert`, `subject`, `vars`, `labels`, `target`,
    /// `system`, `host`, `tcp` and `config`: all must be true. What is not known is not true.
    #[serde(default)]
    pub when: Vec<String>,
}

/// What an alert is about, by its type.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The machine as a whole.
    Machine,
    /// One process.
    Process,
    /// Processes that belong together.
    ProcessGroup,
    /// A systemd unit.
    Unit,
    /// A file system.
    Mount,
    /// A sensor or a GPU.
    Sensor,
    /// A metric.
    Metric,
    /// A kind of message in the journal.
    Journal,
    /// A container.
    Container,
    /// A service, as traces and webhooks name it.
    Service,
    /// A Kubernetes workload.
    Workload,
    /// One of hale's sources.
    Source,
}

impl SubjectType {
    /// The name in playbooks, JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            SubjectType::Machine => "machine",
            SubjectType::Process => "process",
            SubjectType::ProcessGroup => "process_group",
            SubjectType::Unit => "unit",
            SubjectType::Mount => "mount",
            SubjectType::Sensor => "sensor",
            SubjectType::Metric => "metric",
            SubjectType::Journal => "journal",
            SubjectType::Container => "container",
            SubjectType::Service => "service",
            SubjectType::Workload => "workload",
            SubjectType::Source => "source",
        }
    }

    /// The type of a subject.
    pub fn of(subject: &crate::alert::Subject) -> SubjectType {
        use crate::alert::Subject;
        match subject {
            Subject::Machine => SubjectType::Machine,
            Subject::Process { .. } => SubjectType::Process,
            Subject::ProcessGroup { .. } => SubjectType::ProcessGroup,
            Subject::Unit { .. } => SubjectType::Unit,
            Subject::Mount { .. } => SubjectType::Mount,
            Subject::Sensor { .. } => SubjectType::Sensor,
            Subject::Metric { .. } => SubjectType::Metric,
            Subject::Journal { .. } => SubjectType::Journal,
            Subject::Container { .. } => SubjectType::Container,
            Subject::Service { .. } => SubjectType::Service,
            Subject::Workload { .. } => SubjectType::Workload,
            Subject::Source { .. } => SubjectType::Source,
        }
    }
}

/// What is checked before anything is done, and what is then taken to be the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookDiagnosis {
    /// The cause's short name: `disk_full`, `memory_leak`, … or one of your own.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub cause_kind: String,
    /// The cause in a sentence or two; `{figure}` stands for a figure of the alert.
    pub explanation: String,
    /// How sure that is, 0..1.
    #[serde(default = "even_chance")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Sources that must have been read just now.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// What must be seen: where one is not true or not known, the playbook does not apply.
    #[serde(default)]
    pub evidence: Vec<Check>,
    /// How to keep it from happening again.
    #[serde(default)]
    pub prevention: Option<String>,
}

fn even_chance() -> f64 {
    0.7
}

/// One thing that must be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A condition, as in `trigger.when`.
    pub check: String,
    /// What it shows, in words; `{figure}` stands for a figure of the alert.
    pub says: String,
}

/// One rung of the ladder: steps that are done in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Its name.
    pub rung: String,
    /// Only where this is true; as in `trigger.when`.
    #[serde(default)]
    pub when: Option<String>,
    /// In this order; the first that fails ends the rung.
    pub steps: Vec<Step>,
}

/// One action, with what it needs. Which of the optional keys an action takes is in docs/playbooks.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What.
    pub action: ActionKind,
    /// On what: `subject` (what the alert is about), `owner` (the unit, container or workload that it
    /// belongs to), `culprit` (the one process that explains a shortage of the machine), or by name:
    /// `unit:nginx.service`, `container:web`, `workload:shop/deployment/web`, `mount:/var`.
    #[serde(default = "the_subject")]
    pub target: String,
    /// Why this helps, for people.
    pub why: String,
    /// process.kill: KILL at once.
    #[serde(default)]
    pub force: Option<bool>,
    /// process.kill: between TERM and KILL.
    #[serde(default)]
    pub grace: Option<Span>,
    /// process.renice: from -20 to 19.
    #[serde(default)]
    #[schemars(range(min = -20, max = 19))]
    pub nice: Option<i32>,
    /// disk.clean: ways of cleaning, in this order. Not given: all that apply.
    #[serde(default)]
    pub means: Option<Vec<Means>>,
    /// disk.clean: what of the journal may remain, in MiB.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub journal_keep_mib: Option<u64>,
    /// disk.clean: only files that were not changed for so long.
    #[serde(default)]
    pub older_than: Option<Span>,
    /// disk.clean: enough free space, in percent.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub free_percent: Option<f64>,
    /// container.set_memory: the new limit as a multiple of the old one.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 16.0))]
    pub memory_factor: Option<f64>,
    /// k8s.scale: so many replicas, within `[kubernetes]`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000))]
    pub replicas: Option<u32>,
    /// k8s.scale: so many more (or fewer) than now, within `[kubernetes]`.
    #[serde(default)]
    #[schemars(range(min = -10_000, max = 10_000))]
    pub replicas_by: Option<i32>,
    /// command.run: in bash's grammar; `{figure}` becomes one quoted word.
    #[serde(default)]
    pub command: Option<String>,
    /// command.run: ended after so long.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// notify: what; `{figure}` stands for a figure of the alert.
    #[serde(default)]
    pub message: Option<String>,
    /// notify: how bad.
    #[serde(default)]
    pub severity: Option<Severity>,
}

fn the_subject() -> String {
    "subject".to_owned()
}

/// A way of cleaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// Downloaded package files.
    PackageCache,
    /// Archived entries of the journal.
    Journal,
    /// Old files of `[allowlist] cleanable_paths`, to the quarantine.
    OldFiles,
}

/// How success is told. What each action must show by itself, and that the alert's finding is gone
/// where that shows at once, is always asked; this adds to it and never takes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookVerification {
    /// The finding must be gone, also where that takes its time.
    #[serde(default)]
    pub finding_gone: bool,
    /// The subject's mount has at least so much free.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub mount_free_percent: Option<f64>,
    /// These units are active.
    #[serde(default)]
    pub units_active: Vec<String>,
    /// These answer a GET with 200 to 299; only this machine and containers on it are asked.
    #[serde(default)]
    pub http_ok: Vec<String>,
    /// These take a TCP connection; only this machine and containers on it are asked.
    #[serde(default)]
    pub tcp_open: Vec<String>,
    /// How long everything must hold without a break; the action's own time where it is longer.
    #[serde(default)]
    pub hold: Option<Span>,
    /// Given up after so long; the action's own time where none is given.
    #[serde(default)]
    pub within: Option<Span>,
}

/// What happens to what was done where it did not help.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// `undo`: it is put back where it can be. `keep`: it stays, because half a cure is better than none.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What a person does about what cannot be put back.
    #[serde(default)]
    pub by_hand: Option<String>,
}

/// What happens to what was done where it did not help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// As the action's registry says.
    #[default]
    Undo,
    /// It stays.
    Keep,
}

/// When a person is called: when every rung was tried in vain, or earlier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// No further rung is begun so long after the alert opened: then a person is called.
    #[serde(default)]
    pub after: Option<Span>,
    /// Who: a person, a team, a rota. Shown in every notification of the escalation.
    pub tell: String,
    /// What they should know; `{figure}` stands for a figure of the alert.
    #[serde(default)]
    pub message: Option<String>,
    /// Commands to look with; `{figure}` becomes one quoted word.
    #[serde(default)]
    pub commands: Vec<String>,
}

/// Which rung of which playbook a plan is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookUse {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The rung's name.
    pub rung: String,
    /// Its place on the ladder, from 1.
    pub rung_number: u32,
    /// Rungs in all.
    pub rungs: u32,
    /// What happens to what was done where it did not help.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Who is called where it does not help.
    pub call: EscalationCall,
}

/// Who is called, and what for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EscalationCall {
    /// A person, a team, a rota.
    pub tell: String,
    /// Why now.
    pub why: String,
    /// What they should know.
    pub message: Option<String>,
    /// What they can do about what cannot be put back.
    pub by_hand: Option<String>,
    /// Commands to look with.
    pub commands: Vec<String>,
}

impl EscalationCall {
    /// In one text: why, who, what they should know.
    pub fn text(&self) -> String {
        let mut text = format!("{}; tell {}", self.why, self.tell);
        for more in self.message.iter().chain(&self.by_hand) {
            text.push_str(". ");
            text.push_str(more.trim_end_matches('.'));
        }
        text
    }
}

impl fmt::Display for PlaybookUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "playbook {} v{}, rung {} of {}: {}",
            self.name, self.version, self.rung_number, self.rungs, self.rung
        )
    }
}

/// Where a playbook comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaybookOrigin {
    /// It comes with hale.
    Shipped,
    /// It is the user's own.
    Own,
}

impl PlaybookOrigin {
    /// The name in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            PlaybookOrigin::Shipped => "shipped",
            PlaybookOrigin::Own => "own",
        }
    }
}

/// Something that is wrong with a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookProblem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The key: `trigger.alerts`; empty where the text is not YAML at all.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl fmt::Display for PlaybookProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlaybookProblem {}

/// A playbook as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookView {
    /// Where it comes from.
    pub origin: PlaybookOrigin,
    /// Its file.
    pub file: String,
    /// How specific its trigger is: of several that apply the one with the greatest number is used.
    pub specificity: u32,
    /// Itself.
    pub playbook: Playbook,
}

/// Every playbook, and what is wrong with those that cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybooksView {
    /// By name.
    pub playbooks: Vec<PlaybookView>,
    /// Of the user's own files.
    pub problems: Vec<PlaybookProblem>,
}

/// One condition of a playbook, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionSeen {
    /// The condition, in words.
    pub text: String,
    /// Whether it holds; none: not known.
    pub holds: Option<bool>,
}

/// One step as it would be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedStep {
    /// What, aimed at what is there now.
    pub step: PlanStep,
    /// What the guard says to it, asked by the loop itself.
    pub verdict: Verdict,
}

/// One rung as it would be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedRung {
    /// Its name.
    pub rung: String,
    /// Its steps; empty where it cannot be done now.
    pub steps: Vec<TriedStep>,
    /// Why it cannot be done now.
    pub not_because: Option<String>,
}

/// A playbook held against the machine as it is now. Nothing is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlaybookTrial {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The alert it was held against; none for a target that a person named.
    pub alert_id: Option<String>,
    /// What it would be done to, for people.
    pub subject: String,
    /// Whether it would be used by itself.
    pub applies: bool,
    /// Conditions of trigger and diagnosis, as they are now.
    pub conditions: Vec<ConditionSeen>,
    /// What would be taken to be the cause.
    pub cause: String,
    /// The ladder.
    pub rungs: Vec<TriedRung>,
    /// Who is called where nothing helps.
    pub tell: String,
}
