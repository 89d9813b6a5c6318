//! What the tools of [`super::tools`] take, and how strictly it is read: lengths and counts have
//! limits, and a field that nobody knows is an error, since it may have been meant to matter.

use hale_model::action::Action;
use hale_model::alert::{AlertKind, AlertState};
use hale_model::incident::IncidentState;
use hale_model::text::{parse_duration, shorten};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of an id, a pid or a name.
pub(super) const ID_BYTES_MAX: usize = 256;
/// Bytes of a statement, or of a command.
pub(super) const STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of words to search for, and of a reason.
pub(super) const TEXT_BYTES_MAX: usize = 4096;
/// Entries of any list.
const ENTRIES_MAX: u32 = 1000;
/// Entries of a list where nothing is said.
const ENTRIES_DEFAULT: u32 = 50;
/// The longest time that is looked back.
const SINCE_SECS_MAX: u64 = 366 * 86_400;
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfMachine {
    /// The machine's id; without it, the machine hale runs on.
    pub machine: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ById {
    /// The id, or the start of it.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByName {
    /// The name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentence {
    /// What is wanted, in English, French or Korean.
    #[schemars(length(min = 1, max = 4096))]
    pub sentence: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertsOf {
    /// Only these states; empty: open and acknowledged.
    #[serde(default)]
    pub states: Vec<AlertState>,
    /// At most so many.
    #[serde(default = "entries_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentsOf {
    /// Only this state.
    pub state: Option<IncidentState>,
    /// At most so many.
    #[serde(default = "entries_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalsOf {
    /// Also those that are decided.
    #[serde(default)]
    pub all: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// So long ago: 90s, 15m, 24h, 7d.
    #[serde(default = "day")]
    pub since: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// A pid, an alert's id or an incident's id.
    #[schemars(length(min = 1, max = 256))]
    pub what: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    /// The newest so many.
    #[serde(default = "entries_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    /// One statement that only reads.
    #[schemars(length(min = 1, max = 65536))]
    pub sql: String,
    /// At most so many rows.
    #[serde(default = "entries_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit_rows: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunbookOf {
    /// Only what is about this kind of alert, such as `disk.space`.
    pub alert_kind: Option<String>,
    /// At most so many lessons, and so many entries.
    #[serde(default = "entries_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Words to look for.
    #[schemars(length(min = 1, max = 4096))]
    pub text: String,
    /// What is known about this kind of alert comes first.
    pub alert_kind: Option<String>,
    /// At most so many hits.
    #[serde(default = "hits_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShellCommand {
    /// A command line in bash's grammar.
    #[schemars(length(min = 1, max = 65536))]
    pub command: String,
    /// An absolute directory to judge it in.
    pub working_dir: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfAction {
    /// The action. Processes are named by pid, start_ticks and name, as `status` shows them.
    #[schemars(with = "Action")]
    pub action: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposal {
    /// The action. Processes are named by pid, start_ticks and name, as `status` shows them.
    #[schemars(with = "Action")]
    pub action: Value,
    /// Why it should be done, for the person who decides.
    #[schemars(length(min = 1, max = 4096))]
    pub why: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogHealthOf {
    /// Judge the logs of so long: 90s, 15m, 24h, 7d.
    #[serde(default = "hour")]
    pub since: String,
    /// Compare them with the logs of so long before.
    #[serde(default = "day")]
    pub past: String,
    /// At most so many findings.
    #[serde(default = "hits_default")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

fn entries_default() -> u32 {
    ENTRIES_DEFAULT
}

fn hits_default() -> u32 {
    20
}

fn hour() -> String {
    "1h".to_owned()
}

fn day() -> String {
    "24h".to_owned()
}

pub(super) fn bounded(name: &str, text: String, limit_bytes: usize) -> Result<String, String> {
    if text.is_empty() {
        Err(format!("`{name}` is empty"))
    } else if text.len() > limit_bytes {
        Err(format!("`{name}` has {} bytes, over {limit_bytes}", text.len()))
    } else if text.contains('\0') {
        Err(format!("`{name}` holds a NUL"))
    } else {
        Ok(text)
    }
}

pub(super) fn entries(name: &str, limit: u32) -> Result<u32, String> {
    if (1..=ENTRIES_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(format!("`{name}` is {limit}: 1 to {ENTRIES_MAX}"))
    }
}

pub(super) fn span(name: &str, text: &str) -> Result<u64, String> {
    let secs =
        parse_duration(&shorten(text, ID_BYTES_MAX)).map_err(|e| format!("`{name}`: {e}"))?;
    if secs == 0 || secs > SINCE_SECS_MAX {
        return Err(format!("`{name}` is {secs} s: 1s to {}d", SINCE_SECS_MAX / 86_400));
    }
    Ok(secs)
}

pub(super) fn ago(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let secs = i64::try_from(span(name, text)?).map_err(|e| e.to_string())?;
    now.checked_sub(SignedDuration::from_secs(secs)).map_err(|e| format!("`{name}`: {e}"))
}

pub(super) fn kind(name: Option<String>) -> Result<Option<AlertKind>, String> {
    let Some(name) = name else { return Ok(None) };
    let name = bounded("alert_kind", name, ID_BYTES_MAX)?;
    serde_json::from_value(Value::String(name)).map(Some).map_err(|error| told(&error))
}

/// Reads an action strictly: what it does not have (a claimed risk, a misspelt option) is an error,
/// for a person would approve something else than the client meant.
pub(super) fn action(given: Value) -> Result<Action, String> {
    let action: Action =
        serde_json::from_value(given.clone()).map_err(|e| format!("`action`: {}", told(&e)))?;
    let known = serde_json::to_value(&action).map_err(|error| told(&error))?;
    unknown(&given, &known, "action").map_or(Ok(action), |field| {
        Err(format!("`{}` is no field of this action", shorten(&field, ID_BYTES_MAX)))
    })
}

/// The first field of `given` that was not read.
fn unknown(given: &Value, known: &Value, place: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let place = format!("{place}.{name}");
            match known.get(name) {
                Some(known) => unknown(value, known, &place),
                None => Some(place),
            }
        }),
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).find_map(|(value, known)| unknown(value, known, place))
        }
        (_, _) => None,
    }
}

pub(super) fn told(error: &serde_json::Error) -> String {
    shorten(&error.to_string(), 1024)
}
