//! The command line: every command, option and its help. The doc comments are the manual, and
//! `docs/reference/cli.md` is made from them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keeps Linux machines healthy: watches, explains, cures what it may, proves the cure.
#[derive(Debug, Parser)]
#[command(name = "hale", version, max_term_width = 100, infer_subcommands = false)]
#[command(after_help = "Exit: 0 done · 1 failed · 2 wrong usage · 3 refused by the guard · \
                        4 needs approval · 5 degraded (data stale or partial)")]
pub struct Cli {
    /// What all commands take.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The configuration file [default: ~/.config/hale/config.toml]
    #[arg(long, global = true, env = "HALE_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Where hale keeps its files [default: ~/.local/share/hale]
    #[arg(long, global = true, env = "HALE_DATA_DIR", value_name = "DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
    /// Answer with JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on standard error
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent in the foreground: the loop, the API and the dashboard
    Up(UpArgs),
    /// One live look at this machine: health, load, open alerts (needs no agent)
    Status(StatusArgs),
    /// What happened: incidents, actions, trends, forecasts
    Report {
        /// From so long ago: 90s, 15m, 24h, 7d
        #[arg(long, default_value = "24h", value_parser = span, value_name = "SPAN")]
        since: u64,
    },
    /// What a process, alert or incident is, why it runs or fired, and what to do
    Explain(crate::commands::explain::ExplainArgs),
    /// Show what a process is, confirm, end it, verify, log
    Kill(KillArgs),
    /// Any other action by hand: judged, confirmed, verified, logged
    Act(crate::commands::act::ActArgs),
    /// Say what you want: a plan with its risks, your yes, and it runs (also `hale "SENTENCE"`)
    Ask(crate::commands::ask::AskArgs),
    /// What was run, to be looked up and run again
    History(crate::commands::history::HistoryArgs),
    /// Alerts
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Incidents
    #[command(subcommand)]
    Incidents(IncidentsCommand),
    /// Questions that wait for a person
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Say yes to an action that waits (critical: type YES)
    Approve {
        /// The approval's id, or the start of it
        id: String,
        /// End only when the action has been verified, or has failed
        #[arg(long)]
        wait: bool,
    },
    /// Say no to an action that waits
    Reject {
        /// The approval's id, or the start of it
        id: String,
        /// Why not
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Stop all actions; watching goes on
    Pause {
        /// For so long: 30m, 1h; without it until `hale resume`
        #[arg(long = "for", value_parser = duration, value_name = "SPAN")]
        for_secs: Option<u64>,
    },
    /// Let actions go on
    Resume,
    /// Put an action back
    Undo {
        /// The action's id
        id: String,
    },
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What the logs and the state say is wrong, most urgent first, and what to do
    Health(crate::commands::health::HealthArgs),
    /// Choose a model, keep its key, set the mode: by questions, or wholly by flags
    Setup(crate::commands::setup::SetupArgs),
    /// Sign in to Google, instead of a key for Gemini
    Login(crate::commands::login::LoginArgs),
    /// Check hale itself: files, permissions, sources, agent
    Doctor(crate::commands::doctor::DoctorArgs),
    /// The same answers for programs: a JSON envelope on stdout, always
    #[command(subcommand)]
    Robot(RobotCommand),
    /// What the robot envelopes look like
    #[command(subcommand)]
    RobotDocs(RobotDocsCommand),
    /// The verdict on a shell command, with rules and reasons; runs nothing
    Guard(crate::commands::guard::GuardArgs),
    /// Read-only SQL over telemetry and state
    Query(QueryArgs),
    /// The dashboard in the browser, signed in
    Open(crate::commands::open::OpenArgs),
    /// API tokens: who may come in from elsewhere, and as what
    #[command(subcommand)]
    Token(crate::commands::token::TokenCommand),
    /// Every decision and action, in a chain that shows any later change
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What hale has learned, and what people wrote down
    #[command(subcommand)]
    Runbook(crate::commands::runbook::RunbookCommand),
    /// Treatments as data: list, read, check, try and run them
    #[command(subcommand)]
    Playbooks(crate::commands::playbooks::PlaybooksCommand),
    /// Answer an AI client over the Model Context Protocol on standard input and output
    ///
    /// Its tools read; `propose_action` puts an action before a person, and nothing else is done.
    Mcp,
    /// The systemd unit that runs the agent
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Apply retention now, and compact
    Vacuum {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Write telemetry and state as Parquet files
    Export {
        /// Where to; made if missing
        directory: PathBuf,
    },
    /// Detectors as filters: standard input to standard output, no agent, no network
    #[command(subcommand)]
    Detect(crate::commands::detect::DetectCommand),
    /// Hide secrets, addresses and names in text on standard input: what a model would be sent
    Redact(crate::commands::redact::RedactArgs),
    /// Log lines, grouped by message: no agent, no network
    #[command(subcommand)]
    Logs(crate::commands::logs::LogsCommand),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A marketplace that fails, and an agent that heals it, before your eyes
    Demo(crate::commands::demo::DemoArgs),
    /// One service of the demo's marketplace
    #[command(subcommand, hide = true)]
    DemoRole(crate::commands::demo::role::DemoRoleCommand),
    /// Store or read telemetry for the agent, away from its memory
    #[command(hide = true)]
    TelemetryWorker,
    /// Print a generated reference page
    #[command(hide = true)]
    Reference {
        /// Which page
        page: ReferencePage,
    },
}

/// `hale up`
#[derive(Args, Debug)]
pub struct UpArgs {
    /// Address and port of the API and the dashboard instead of `[server] listen`; "" for none
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Serve other machines without encryption: tokens can be read on the way
    #[arg(long)]
    pub insecure_http: bool,
    /// Look, decide, act where that is allowed, verify, and end
    #[arg(long)]
    pub once: bool,
}

/// `hale status`
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Another machine than this one
    #[arg(long, value_name = "ID")]
    pub machine: Option<String>,
}

/// `hale kill`
#[derive(Args, Debug)]
pub struct KillArgs {
    /// Which process
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: i32,
    /// KILL at once instead of TERM, a grace period, then KILL
    #[arg(long)]
    pub force: bool,
    /// Also the other members of its process group
    #[arg(long)]
    pub group: bool,
    /// Seconds between TERM and KILL
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=300), value_name = "SECS")]
    pub grace: u32,
    /// Do not ask (what is critical asks all the same)
    #[arg(short, long)]
    pub yes: bool,
}

/// `hale alerts`
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Alerts, newest first
    List {
        /// Only these states instead of open and acknowledged
        #[arg(long, value_enum, value_delimiter = ',')]
        state: Vec<AlertStateArg>,
        /// Closed ones too
        #[arg(long, conflicts_with = "state")]
        all: bool,
        /// At most so many; 0: all
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One alert with its evidence
    Show {
        /// Its id, or the start of it
        id: String,
    },
    /// Take it: it no longer notifies
    Ack {
        /// Its id, or the start of it
        id: String,
    },
    /// Close it
    Close {
        /// Its id, or the start of it
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
}

/// States of an alert.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AlertStateArg {
    /// Nobody has taken it
    Open,
    /// Taken by a person
    Acknowledged,
    /// Over
    Closed,
}

/// `hale incidents`
#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// Incidents, newest first
    List {
        /// Only this state
        #[arg(long, value_enum)]
        state: Option<IncidentStateArg>,
        /// At most so many; 0: all
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One incident with its story
    Show {
        /// Its id, or the start of it
        id: String,
    },
    /// The story again, step by step
    Replay {
        /// Its id, or a file that `hale incidents export` wrote
        id: String,
        /// So many times as fast as it was; without it, at once
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
        speed: Option<u32>,
    },
    /// Add a note to the story
    Note {
        /// Its id, or the start of it
        id: String,
        /// The note
        text: String,
    },
    /// A postmortem as Markdown
    Postmortem {
        /// Its id, or the start of it
        id: String,
    },
    /// One JSON file with everything: story, alerts, decisions, actions, telemetry
    Export {
        /// Its id, or the start of it
        id: String,
        /// Where to; without it, standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// States of an incident.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum IncidentStateArg {
    /// Seen, nothing decided
    Open,
    /// The cause is looked for
    Diagnosing,
    /// A person has to decide
    AwaitingApproval,
    /// An action runs
    Acting,
    /// The effect is watched
    Verifying,
    /// Over
    Resolved,
    /// A person is needed
    Escalated,
}

/// `hale approvals`
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// What waits, newest first
    List {
        /// Also what is decided
        #[arg(long)]
        all: bool,
    },
    /// One of them, with the guard's reasons
    Show {
        /// Its id, or the start of it
        id: String,
    },
}

/// `hale config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// What is in force
    Show,
    /// Edit the file with $EDITOR; it is replaced only if what you wrote is valid
    Edit,
    /// Say what is wrong with the file
    Check {
        /// Another file
        file: Option<PathBuf>,
    },
    /// Where the file is
    Path,
    /// Keep a dated copy of the file beside it
    Snapshot,
}

/// `hale robot`
#[derive(Debug, Subcommand)]
pub enum RobotCommand {
    /// How well every machine is, with reasons
    Health,
    /// What to do next, most urgent first
    Triage,
    /// This machine in full
    Status,
    /// One machine in full
    Machine {
        /// Its id
        id: String,
    },
    /// Every machine in brief
    Machines,
    /// Open and acknowledged alerts
    Alerts {
        /// Closed ones too
        #[arg(long)]
        all: bool,
        /// At most so many; 0: all
        #[arg(long, default_value_t = 0)]
        limit: u32,
    },
    /// Incidents with their story
    Incidents {
        /// Only this state
        #[arg(long, value_enum)]
        state: Option<IncidentStateArg>,
        /// At most so many; 0: all
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// What waits for a person
    Approvals {
        /// Also what is decided
        #[arg(long)]
        all: bool,
    },
    /// Treatments as data, and what is wrong with your own
    Playbooks,
    /// Services that send telemetry: requests, errors, latency, who calls whom, objectives
    Services,
    /// What hale has learned, and what people wrote down
    Runbook {
        /// Only what fits these words, best first
        #[arg(long, value_name = "WORDS")]
        search: Option<String>,
        /// At most so many of each; 0: all
        #[arg(long, default_value_t = 0)]
        limit: u32,
    },
}

/// `hale robot-docs`
#[derive(Debug, Subcommand)]
pub enum RobotDocsCommand {
    /// The JSON Schema of every envelope
    Schemas,
    /// What every command answers on this machine, now
    Examples,
}

/// `hale query`
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// One statement that only reads
    pub sql: String,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
    /// At most so many rows
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Aligned columns
    Table,
    /// A list of objects
    Json,
    /// Markdown
    Md,
    /// Comma-separated, with a header
    Csv,
}

/// `hale audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The newest entries, oldest first
    List {
        /// So many; 0: all
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Whether any entry was edited, removed or reordered
    Verify,
}

/// `hale service`
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Write, enable and start the unit: of the system as root, else of the user
    Install {
        /// Only print it
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop, disable and remove the unit
    Uninstall {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

/// Generated pages.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReferencePage {
    /// docs/reference/cli.md
    Cli,
    /// docs/reference/config.md
    Config,
    /// docs/reference/robot-schemas.json
    RobotSchemas,
    /// docs/reference/playbook.schema.json
    Playbook,
    /// docs/reference/openapi.json
    Openapi,
}

pub fn duration(text: &str) -> Result<u64, String> {
    hale_model::text::parse_duration(text)
}

/// A duration in which something can have happened.
pub fn span(text: &str) -> Result<u64, String> {
    match duration(text)? {
        0 => Err(format!("`{text}` is no time at all: write 90s, 15m, 1h, 24h or 7d")),
        secs => Ok(secs),
    }
}
