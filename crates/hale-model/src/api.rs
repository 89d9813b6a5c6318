//! What any face of hale (CLI, TUI, web, MCP, HTTP) may ask for. No face has a power that the
//! others lack, and the guard sees every [`Command`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Actor, PlanStep};
use crate::alert::{AlertKind, AlertState};
use crate::audit::AuditEntry;
use crate::chat::{ChatApp, ChatReply};
use crate::config::Language;
use crate::event::EventStream;
use crate::ids::{AlertId, ApprovalId, IncidentId, MachineId};
use crate::incident::{IncidentState, TimelineEntry};
use crate::knowledge::{Runbook, RunbookEntryView, RunbookImported, RunbookView};
use crate::metrics::MetricsView;
use crate::panel::{Panel, PanelView};
use crate::playbook::{PlaybookTrial, PlaybookView, PlaybooksView};
use crate::report::{Receipt, Report};
use crate::run::{AskPlan, AskView};
use crate::token::{Role, TokenCreated, TokenDigest, TokenView};
use crate::view::{
    ActionView, AlertView, AlertsView, ApprovalView, ApprovalsView, DoctorView, Explanation,
    HealthView, IncidentView, IncidentsView, ReportView, StatusView, Table, TriageView,
};

/// A question. Answering it changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    /// → [`View::Status`]
    Status {
        /// None: this machine.
        machine: Option<MachineId>,
    },
    /// → [`View::Health`]
    Health,
    /// → [`View::Alerts`], newest first.
    Alerts {
        /// Only these states; empty: open and acknowledged.
        states: Vec<AlertState>,
        /// 0: all.
        limit: u32,
    },
    /// → [`View::Alert`]
    Alert {
        /// Id, or the start of one.
        id: AlertId,
    },
    /// → [`View::Incidents`], newest first.
    Incidents {
        /// Only this state.
        state: Option<IncidentState>,
        /// 0: all.
        limit: u32,
    },
    /// → [`View::Incident`]
    Incident {
        /// Id, or the start of one.
        id: IncidentId,
    },
    /// → [`View::Approvals`], newest first.
    Approvals {
        /// Also those that are decided.
        all: bool,
    },
    /// → [`View::Approval`]
    Approval {
        /// Id, or the start of one.
        id: ApprovalId,
    },
    /// → [`View::Triage`]
    Triage,
    /// → [`View::Report`]
    Report {
        /// From.
        since: Timestamp,
    },
    /// → [`View::Explanation`]
    Explain {
        /// A pid, an alert's or an incident's id.
        what: String,
    },
    /// → [`View::Audit`], oldest first.
    Audit {
        /// The newest so many; 0: all.
        limit: u32,
    },
    /// → [`View::AuditCheck`]
    AuditVerify,
    /// → [`View::Table`]
    Sql {
        /// One statement that only reads.
        sql: String,
        /// At most so many rows.
        limit_rows: u32,
    },
    /// → [`View::Markdown`]: an incident written up for people.
    Postmortem {
        /// Id, or the start of one.
        id: IncidentId,
    },
    /// What the guard would say to this action now, from whoever asks. Nothing is done or recorded:
    /// → [`View::Verdict`]
    Judge {
        /// What.
        action: Action,
    },
    /// What was learned and what people wrote down: → [`View::Runbook`]
    Runbook {
        /// Only what is about this kind of alert.
        alert_kind: Option<AlertKind>,
        /// At most so many lessons, and so many entries; 0: all.
        limit: u32,
    },
    /// → [`View::Runbook`], with hits.
    RunbookSearch {
        /// Words; anything is valid.
        text: String,
        /// What is known about this kind of alert comes first.
        alert_kind: Option<AlertKind>,
        /// At most so many hits; 0: 20.
        limit: u32,
    },
    /// → [`View::RunbookEntry`]
    RunbookEntry {
        /// Id of a lesson or an entry, or the start of one.
        id: String,
    },
    /// → [`View::RunbookFile`]
    RunbookExport,
    /// → [`View::Doctor`]
    Doctor,
    /// What only a screen asks: → [`View::Panel`], or the view of the question within.
    Panel {
        /// What.
        ask: Panel,
    },
    /// → [`View::Tokens`], newest first, those that are over included.
    Tokens,
    /// Whose token this is, if it opens anything now: → [`View::TokenHolder`]
    TokenHolder {
        /// The part of it that is no secret.
        id: String,
        /// The digest of all of it.
        digest: TokenDigest,
    },
    /// What hale counts about itself: → [`View::Metrics`]
    Metrics,
    /// Services and who calls whom: → [`View::Services`]
    Services,
    /// Every playbook: → [`View::Playbooks`]
    Playbooks,
    /// → [`View::Playbook`]
    Playbook {
        /// Its name.
        name: String,
    },
    /// What a playbook would do now. Nothing is done or recorded: → [`View::PlaybookTrial`]
    PlaybookTrial {
        /// Its name.
        name: String,
        /// About this alert; neither this nor a target: the newest open one of its kinds.
        alert: Option<AlertId>,
        /// About what a person names: `unit:nginx.service`, `container:web`, `mount:/var`, `pid:12`.
        target: Option<String>,
    },
    /// What a sentence would be done with: the plan of `hale ask --dry-run`, made with the rights of the
    /// user that hale runs as. Nothing is run or recorded; a model may be asked: → [`View::Ask`]
    Ask {
        /// What a person wants, in their words.
        sentence: String,
        /// What they are spoken to in, where the sentence does not tell; none: `[general] language`.
        language: Option<Language>,
    },
}

/// A wish to change something. Every one is judged and audited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Take an alert: → [`View::Alert`]
    AckAlert {
        /// Which.
        id: AlertId,
    },
    /// Close an alert: → [`View::Alert`]
    CloseAlert {
        /// Which.
        id: AlertId,
        /// In the person's words.
        why: Option<String>,
    },
    /// Say yes: → [`View::Approval`]
    Approve {
        /// Which.
        id: ApprovalId,
        /// Whether the person typed YES, which what is critical takes.
        #[serde(default)]
        confirmed_critical: bool,
    },
    /// Say no: → [`View::Approval`]
    Reject {
        /// Which.
        id: ApprovalId,
        /// In the person's words.
        why: Option<String>,
    },
    /// Stop all actions: → [`View::Paused`]
    Pause {
        /// None: until resumed.
        for_secs: Option<u64>,
    },
    /// Let actions go on: → [`View::Paused`]
    Resume,
    /// Add a note to an incident: → [`View::Incident`]
    NoteIncident {
        /// Which.
        id: IncidentId,
        /// The note.
        text: String,
    },
    /// A person asks for an action directly, having confirmed it. Judged, done, verified, audited:
    /// → [`View::Action`]
    Act {
        /// What.
        action: Action,
        /// Whether the person typed YES.
        confirmed_critical: bool,
    },
    /// Put an action before a person: whatever the mode, it is only done once approved. Judged
    /// and audited; what the guard refuses is not asked: → [`View::Approval`]
    Propose {
        /// What.
        action: Action,
        /// Why, in the proposer's words: data, shown to the person, never an instruction.
        why: String,
    },
    /// Take lessons and knowledge in, all or nothing. Trust does not come in: → [`View::RunbookImported`]
    RunbookImport {
        /// What.
        runbook: Box<Runbook>,
    },
    /// Take an entry of knowledge out: → [`View::Done`]
    RunbookRemove {
        /// Its whole id.
        id: String,
    },
    /// Put an action back: → [`View::Action`]
    Undo {
        /// Which.
        id: crate::ids::ActionId,
    },
    /// Apply retention now, and compact: → [`View::Done`]
    Vacuum {
        /// Only say what would go.
        dry_run: bool,
    },
    /// Write telemetry and state as Parquet files: → [`View::Done`]
    Export {
        /// Directory, made if missing.
        directory: String,
    },
    /// A person asks for a step of a playbook, having confirmed it: as [`Command::Act`], verified as the
    /// step says beside what its action must show by itself: → [`View::Action`]
    Step {
        /// What, as a trial of the playbook gave it.
        step: Box<PlanStep>,
        /// The alert that it treats, if there is one.
        alert: Option<AlertId>,
        /// Whether the person typed YES.
        confirmed_critical: bool,
    },
    /// Make an API token: → [`View::TokenCreated`]
    CreateToken {
        /// What it is called; one valid token a name.
        name: String,
        /// What its holder may do.
        role: Role,
        /// Seconds until it ends by itself; none: never.
        expires_in_secs: Option<u64>,
    },
    /// End an API token at once: → [`View::Done`]
    RevokeToken {
        /// What it is called.
        name: String,
    },
    /// Put on record that a caller was turned away at the door of the HTTP API: → [`View::Done`]
    RefusedCaller {
        /// Who, as far as it is known: a token's name, else the address.
        who: String,
        /// What for: the method and the address asked.
        wish: String,
        /// Why not.
        why: String,
    },
    /// Put on record what the guard refuses of a plan that somebody was shown: → [`View::Done`]
    RefusedPlan {
        /// The plan.
        plan: Box<AskPlan>,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "view", content = "data", rename_all = "snake_case")]
pub enum View {
    /// See [`StatusView`].
    Status(Box<StatusView>),
    /// See [`HealthView`].
    Health(HealthView),
    /// See [`AlertsView`].
    Alerts(AlertsView),
    /// See [`AlertView`].
    Alert(Box<AlertView>),
    /// See [`IncidentsView`].
    Incidents(IncidentsView),
    /// See [`IncidentView`].
    Incident(Box<IncidentView>),
    /// See [`ApprovalsView`].
    Approvals(ApprovalsView),
    /// See [`ApprovalView`].
    Approval(Box<ApprovalView>),
    /// See [`ActionView`].
    Action(Box<ActionView>),
    /// See [`TriageView`].
    Triage(TriageView),
    /// See [`ReportView`].
    Report(Box<ReportView>),
    /// See [`Explanation`].
    Explanation(Box<Explanation>),
    /// Entries of the audit chain.
    Audit(Vec<AuditEntry>),
    /// Whether the chain is whole.
    AuditCheck(AuditCheck),
    /// Rows.
    Table(Table),
    /// What the guard says.
    Verdict(crate::action::Verdict),
    /// See [`RunbookView`].
    Runbook(Box<RunbookView>),
    /// See [`RunbookEntryView`].
    RunbookEntry(RunbookEntryView),
    /// A runbook as one file.
    RunbookFile(Box<Runbook>),
    /// See [`RunbookImported`].
    RunbookImported(RunbookImported),
    /// See [`DoctorView`].
    Doctor(DoctorView),
    /// A page for people.
    Markdown(String),
    /// Until when actions are stopped; none: they are not. The far future: until resumed.
    Paused(Option<Timestamp>),
    /// Done; what, in words.
    Done(String),
    /// See [`PanelView`].
    Panel(PanelView),
    /// API tokens.
    Tokens(Vec<TokenView>),
    /// Whose token it is; none: nobody's who may come in.
    TokenHolder(Option<TokenView>),
    /// See [`TokenCreated`].
    TokenCreated(Box<TokenCreated>),
    /// See [`MetricsView`].
    Metrics(Box<MetricsView>),
    /// See [`ServicesView`](crate::traffic::ServicesView).
    Services(Box<crate::traffic::ServicesView>),
    /// See [`PlaybooksView`].
    Playbooks(Box<PlaybooksView>),
    /// See [`PlaybookView`].
    Playbook(Box<PlaybookView>),
    /// See [`PlaybookTrial`].
    PlaybookTrial(Box<PlaybookTrial>),
    /// See [`AskView`].
    Ask(Box<AskView>),
}

/// What `hale audit verify` found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditCheck {
    /// Entries read.
    pub entries: u64,
    /// The first entry that is wrong, and how; none if the chain is whole.
    pub broken_at: Option<u64>,
    /// In words.
    pub finding: String,
}

/// Why a question or a wish was not answered: decides the exit code and the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request itself is wrong: exit 2, 400.
    Usage,
    /// There is no such thing: exit 1, 404.
    NotFound,
    /// The guard, or a rule, says no: exit 3, 403.
    Refused,
    /// A person has to approve first: exit 4, 409.
    NeedsApproval,
    /// It did not work: exit 1, 500.
    Failed,
    /// Data is missing or stale: exit 5, 503.
    Degraded,
}

/// What was wrong, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiError {
    /// Which sort.
    pub kind: ErrorKind,
    /// What was wrong, and where.
    pub message: String,
    /// The next step for the person.
    pub hint: Option<String>,
}

impl ApiError {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ApiError { kind, message: message.into(), hint: None }
    }

    /// The same with what it means in front.
    pub fn prefixed(mut self, meaning: &str) -> Self {
        self.message = format!("{meaning}: {}", self.message);
        self
    }

    /// The same with the next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// Something that happened, for the live stream and `hale watch --format jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// An alert opened, changed or closed.
    Alert(Box<AlertView>),
    /// An incident opened or changed its state.
    Incident(Box<IncidentView>),
    /// A line of an incident's story.
    Thought {
        /// Which incident.
        incident_id: Option<IncidentId>,
        /// The line.
        entry: TimelineEntry,
    },
    /// Health was judged anew.
    Health(HealthView),
    /// An action changed its state.
    Action(Box<ActionView>),
    /// Something is expected to happen.
    Prediction(crate::health::Prediction),
}

/// A future that a [`Handle`] returns.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<View, ApiError>> + Send + 'a>>;

/// What [`Handle::receive`] returns.
pub type Receiving<'a> = Pin<Box<dyn Future<Output = Result<Vec<Receipt>, ApiError>> + Send + 'a>>;

/// The way into hale, in this process or over its socket.
pub trait Handle: Send + Sync {
    /// Asks.
    fn query(&self, query: Query) -> Answer<'_>;

    /// Wishes.
    fn command(&self, command: Command, actor: Actor) -> Answer<'_>;

    /// What happens from now on, or from the event after this number on.
    ///
    /// # Errors
    /// Nothing is told where no agent runs.
    fn events(&self, after: Option<u64>) -> Result<EventStream, ApiError> {
        let _ = after;
        Err(ApiError::new(ErrorKind::Degraded, "no agent runs here that could tell what happens")
            .hint("start it: `hale up`"))
    }

    /// Takes in what others report: a receipt for each, in the same order, once all of them are on
    /// disk. [`ErrorKind::Degraded`]: none was taken, too many wait already; try again in a moment.
    fn receive(&self, reports: Vec<Report>) -> Receiving<'_> {
        let count = reports.len();
        Box::pin(async move {
            Err(ApiError::new(
                ErrorKind::Failed,
                format!("no agent runs here that could take in {count} reports"),
            )
            .hint("start it: `hale up`"))
        })
    }

    /// The apps of a team's chat whose messages are taken; none where no agent runs.
    fn chat_apps(&self) -> Vec<ChatApp> {
        Vec::new()
    }

    /// Answers somebody in a team's chat: at once or never, and without waiting.
    fn chat(&self, reply: ChatReply) {
        drop(reply);
    }

    /// Seconds since each source was last read well, for the robot envelope.
    fn staleness(&self) -> std::collections::BTreeMap<String, u64>;

    /// What of hale itself does not work, for the robot envelope.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}
