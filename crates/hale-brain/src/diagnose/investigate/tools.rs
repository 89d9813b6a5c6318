//! What a model may look at. Every tool only reads; there is none that changes anything, and none
//! that takes a command.

use hale_model::text::duration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;

/// The tool through which a model hands in its answer.
pub(super) const SUBMIT: &str = "submit_diagnosis";

const TOOLS: &[&str] = &[
    "query_telemetry",
    "list_processes",
    "process",
    "read_journal",
    "log_templates",
    "unit",
    "containers",
    "recent_changes",
    "search_runbook",
];

const ROWS_MAX: u32 = 100;
const SECS_MAX: u64 = 7 * 24 * 3600;
const WORDS_BYTES_MAX: usize = 2000;

/// A tool as a provider is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON schema of its arguments.
    pub input_schema: Value,
}

/// By what processes are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Resident memory.
    #[default]
    Memory,
    /// Share of CPU.
    Cpu,
    /// Age, youngest first.
    Started,
}

/// A read, its arguments checked.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolRequest {
    /// One statement that only reads, over telemetry and state.
    Sql {
        /// The statement.
        sql: String,
    },
    /// Processes.
    Processes {
        /// In this order.
        order: Order,
        /// Only those whose command holds this.
        contains: Option<String>,
        /// At most so many.
        limit: u32,
    },
    /// One process in detail.
    Process {
        /// Which.
        pid: i32,
    },
    /// Journal entries, newest last.
    Journal {
        /// Only of this unit.
        unit: Option<String>,
        /// Only those that hold this.
        contains: Option<String>,
        /// Of the last so many seconds.
        since_secs: u64,
        /// At most so many, the newest.
        limit: u32,
    },
    /// The journal as templates with their counts.
    LogTemplates {
        /// Only of this unit.
        unit: Option<String>,
        /// Of the last so many seconds.
        since_secs: u64,
    },
    /// A systemd unit's state.
    Unit {
        /// Which.
        unit: String,
    },
    /// Containers, and their state.
    Containers,
    /// Packages installed, configuration files changed, reboots.
    RecentChanges {
        /// Of the last so many seconds.
        since_secs: u64,
    },
    /// What was learned, and what is known.
    Runbook {
        /// Words.
        query: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Arguments {
    sql: Option<String>,
    order: Order,
    contains: Option<String>,
    limit: Option<u32>,
    pid: Option<i32>,
    unit: Option<String>,
    since_secs: Option<u64>,
    query: Option<String>,
}

impl ToolRequest {
    /// The read that a model asks for.
    ///
    /// # Errors
    /// There is no such tool, or its arguments are wrong; in words for the model.
    pub fn parse(name: &str, arguments: &Value) -> Result<ToolRequest, String> {
        if !TOOLS.contains(&name) {
            return Err(format!("there is no tool `{name}`"));
        }
        let arguments = if arguments.is_null() { json!({}) } else { arguments.clone() };
        let given: Arguments =
            serde_json::from_value(arguments).map_err(|e| format!("`{name}`: {e}"))?;
        let word = |value: Option<String>| -> Result<Option<String>, String> {
            match value {
                Some(text) if text.len() > WORDS_BYTES_MAX || text.contains('\0') => {
                    Err(format!("`{name}`: an argument is over {WORDS_BYTES_MAX} bytes"))
                }
                Some(text) if text.trim().is_empty() => Ok(None),
                other => Ok(other),
            }
        };
        let needed = |what: &str, value: Option<String>| {
            word(value)?.ok_or_else(|| format!("`{name}` needs `{what}`"))
        };
        let limit = given.limit.unwrap_or(20).clamp(1, ROWS_MAX);
        let since_secs = given.since_secs.unwrap_or(3600).clamp(1, SECS_MAX);
        Ok(match name {
            "query_telemetry" => ToolRequest::Sql { sql: needed("sql", given.sql)? },
            "list_processes" => ToolRequest::Processes {
                order: given.order,
                contains: word(given.contains)?,
                limit,
            },
            "process" => ToolRequest::Process {
                pid: given.pid.filter(|p| *p > 0).ok_or("`process` needs a `pid` above 0")?,
            },
            "read_journal" => ToolRequest::Journal {
                unit: word(given.unit)?,
                contains: word(given.contains)?,
                since_secs,
                limit,
            },
            "log_templates" => ToolRequest::LogTemplates { unit: word(given.unit)?, since_secs },
            "unit" => ToolRequest::Unit { unit: needed("unit", given.unit)? },
            "containers" => ToolRequest::Containers,
            "recent_changes" => ToolRequest::RecentChanges { since_secs },
            "search_runbook" => ToolRequest::Runbook { query: needed("query", given.query)? },
            other => return Err(format!("there is no tool `{other}`")),
        })
    }

    /// For people who watch.
    pub fn in_words(&self) -> String {
        let of =
            |unit: &Option<String>| unit.as_ref().map(|u| format!(" of {u}")).unwrap_or_default();
        match self {
            ToolRequest::Sql { sql } => format!("telemetry: {sql}"),
            ToolRequest::Processes { order, contains, limit } => {
                let which = contains.as_ref().map(|c| format!(" like `{c}`")).unwrap_or_default();
                format!("the first {limit} processes{which} by {order:?}").to_lowercase()
            }
            ToolRequest::Process { pid } => format!("process {pid}"),
            ToolRequest::Journal { unit, contains, since_secs, .. } => {
                let with = contains.as_ref().map(|c| format!(" with `{c}`")).unwrap_or_default();
                format!("the journal{} of the last {}{with}", of(unit), duration(*since_secs))
            }
            ToolRequest::LogTemplates { unit, since_secs } => {
                format!("log templates{} of the last {}", of(unit), duration(*since_secs))
            }
            ToolRequest::Unit { unit } => format!("unit {unit}"),
            ToolRequest::Containers => "containers".to_owned(),
            ToolRequest::RecentChanges { since_secs } => {
                format!("what changed in the last {}", duration(*since_secs))
            }
            ToolRequest::Runbook { query } => format!("the runbook: {query}"),
        }
    }
}

/// Every tool that reads.
pub fn tool_specs() -> Vec<ToolSpec> {
    let text = || json!({"type": "string"});
    let secs = || json!({"type": "integer", "minimum": 1, "maximum": SECS_MAX});
    let rows = || json!({"type": "integer", "minimum": 1, "maximum": ROWS_MAX});
    let spec = |name: &str, description: &str, required: &[&str], properties: Value| ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema: json!({
            "type": "object", "additionalProperties": false,
            "required": required, "properties": properties,
        }),
    };
    vec![
        spec(
            "query_telemetry",
            "Read-only SQL (DuckDB dialect) over telemetry and state. SHOW TABLES lists the tables; \
             sys_samples, sys_top_processes, disk_samples, net_samples, journal_events and others.",
            &["sql"],
            json!({"sql": text()}),
        ),
        spec(
            "list_processes",
            "Processes as they are now.",
            &[],
            json!({
                "order": {"type": "string", "enum": ["memory", "cpu", "started"]},
                "contains": text(), "limit": rows(),
            }),
        ),
        spec(
            "process",
            "One process: who started it, its unit, memory, files, age.",
            &["pid"],
            json!({"pid": {"type": "integer", "minimum": 1}}),
        ),
        spec(
            "read_journal",
            "Journal entries (priority warning or worse, and the kernel's).",
            &[],
            json!({"unit": text(), "contains": text(), "since_secs": secs(), "limit": rows()}),
        ),
        spec(
            "log_templates",
            "The journal grouped into templates with counts: what is frequent, what is new.",
            &[],
            json!({"unit": text(), "since_secs": secs()}),
        ),
        spec("unit", "A systemd unit's state.", &["unit"], json!({"unit": text()})),
        spec("containers", "Containers and their state.", &[], json!({})),
        spec(
            "recent_changes",
            "Packages installed or removed, configuration files changed, reboots.",
            &[],
            json!({"since_secs": secs()}),
        ),
        spec(
            "search_runbook",
            "What cured such trouble here before, and known solutions.",
            &["query"],
            json!({"query": text()}),
        ),
    ]
}

/// The same and the one that hands in the answer.
pub(super) fn offered() -> Vec<ToolSpec> {
    let mut tools = tool_specs();
    tools.push(ToolSpec {
        name: SUBMIT.to_owned(),
        description: "Hand in the diagnosis. Ends the investigation.".to_owned(),
        input_schema: answer::schema(),
    });
    tools
}
