//! What others report to hale over HTTP (a webhook), in one shape whoever sent it: the report, the
//! receipt for it, and which kind of alert its words mean.
//!
//! A report is a claim, never an instruction: what it names counts only where hale observes the same
//! thing, and its texts are data wherever they are shown.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{AlertKind, Severity, Subject};
use crate::ids::{IncidentId, hex_digest};
use crate::incident::IncidentState;

/// Longest name of an alert kind that a sender may make up, in bytes.
const KIND_BYTES_MAX: usize = 64;

/// Who reports.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReportSource {
    /// hale's own format, `POST /webhook`.
    Native,
    /// Alertmanager, version 4 of its webhook.
    Alertmanager,
    /// Grafana's alerting.
    Grafana,
    /// GitHub: failed workflows and deployments.
    Github,
}

impl ReportSource {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportSource::Native => "native",
            ReportSource::Alertmanager => "alertmanager",
            ReportSource::Grafana => "grafana",
            ReportSource::Github => "github",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            ReportSource::Native => "a webhook",
            ReportSource::Alertmanager => "Alertmanager",
            ReportSource::Grafana => "Grafana",
            ReportSource::Github => "GitHub",
        }
    }
}

impl fmt::Display for ReportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What someone reports about one trouble, checked and cut to size at the door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Who.
    pub source: ReportSource,
    /// The sender's own id of the trouble: an incident id, or an alert's fingerprint.
    pub external_id: String,
    /// What tells one occurrence of that id from the next (when it began, which run), where the
    /// sender says so.
    #[serde(default)]
    pub occurrence: Option<String>,
    /// The service it is about.
    pub service: String,
    /// The machine it is about, where the sender says so; none: this one.
    #[serde(default)]
    pub host: Option<String>,
    /// The sender's word for the kind of trouble.
    pub kind_text: String,
    /// What that word means here.
    pub kind: AlertKind,
    /// How bad, as the sender says.
    pub severity: Severity,
    /// In the sender's words.
    pub message: String,
    /// Lines of log that came with it, newest last.
    #[serde(default)]
    pub logs: Vec<String>,
    /// Figures that came with it.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// A container's name.
    #[serde(default)]
    pub container: Option<String>,
    /// A systemd unit's name.
    #[serde(default)]
    pub unit: Option<String>,
    /// A process.
    #[serde(default)]
    pub pid: Option<i32>,
    /// Where to ask whether the service is well.
    #[serde(default)]
    pub health_url: Option<String>,
    /// When hale received it.
    pub received_at: Timestamp,
    /// Whether it says that the trouble is over.
    #[serde(default)]
    pub resolved: bool,
}

impl Report {
    /// Reports with the same key are about the same trouble, whatever ids their senders give them.
    pub fn group_key(&self) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        hex_digest(
            &[
                self.kind.as_str(),
                &self.service,
                &text(&self.host),
                &text(&self.container),
                &text(&self.unit),
                &self.pid.map(|pid| pid.to_string()).unwrap_or_default(),
            ],
            16,
        )
    }

    /// What it says, without when it came: a sender that tries again sends the same.
    pub fn content_digest(&self) -> String {
        let timeless = Report { received_at: Timestamp::UNIX_EPOCH, ..self.clone() };
        hex_digest(&[&serde_json::to_string(&timeless).unwrap_or_default()], 16)
    }

    /// hale's id for the n-th time that this trouble is reported, n from 1.
    pub fn incident_id(&self, occurrence: u32) -> IncidentId {
        let parts = [self.source.as_str(), &self.external_id, &occurrence.to_string()];
        IncidentId(format!("in-{}", hex_digest(&parts, 10)))
    }
}

/// A trouble that is reported and not over yet, as the loop sees it: every report with the same
/// [`Report::group_key`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenReport {
    /// hale's id of the first of these reports, and of the incident that it begins.
    pub id: IncidentId,
    /// The newest of them.
    pub report: Report,
    /// What of this machine it is about, decided when it came.
    pub subject: Subject,
    /// When the first of them came.
    pub since: Timestamp,
    /// How many ids of senders are in it.
    pub reporters: u32,
}

/// What a sender is told once its report is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The sender's own id.
    pub incident_id: String,
    /// hale's id for it: `hale incidents show ID`.
    pub id: IncidentId,
    /// Where the incident is in its life.
    pub state: IncidentState,
    /// Why it begins nothing, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a report names beside its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// A container.
    pub container: bool,
    /// A unit.
    pub unit: bool,
    /// A process.
    pub pid: bool,
}

/// The kind of alert that a sender's word means. A built-in name is itself; a known word is what it
/// says about the thing that is named; anything else is a rule of the sender's own.
pub fn kind_of(text: &str, names: Names) -> AlertKind {
    let name = normal(text);
    if let Some(kind) = AlertKind::BUILT_IN.iter().find(|kind| kind.as_str() == name) {
        return kind.clone();
    }
    let words: Vec<&str> = name.split(['.', '_']).filter(|word| !word.is_empty()).collect();
    let says = |any: &[&str]| words.iter().any(|word| any.contains(word));
    let down = || match (names.container, names.unit || names.pid) {
        (true, _) => AlertKind::ContainerUnhealthy,
        (false, _) => AlertKind::ServiceFailed,
    };
    // From the most telling word to the least.
    if says(&["inode", "inodes"]) {
        AlertKind::DiskInodes
    } else if says(&["disk", "filesystem", "storage", "volume"]) {
        AlertKind::DiskSpace
    } else if says(&["fd", "fds", "descriptors"]) && names.pid {
        AlertKind::ProcessFdLeak
    } else if says(&["pressure", "psi"]) && says(&["memory", "mem"]) {
        AlertKind::MemoryPressure
    } else if says(&["swap"]) {
        AlertKind::SwapHigh
    } else if says(&["crashloop", "crashlooping", "looping", "restarting", "restarts", "flapping"])
    {
        if names.container { AlertKind::ContainerRestarting } else { AlertKind::ServiceFlapping }
    } else if says(&[
        "crash",
        "crashed",
        "down",
        "failed",
        "unavailable",
        "exited",
        "dead",
        "absent",
        "unhealthy",
        "unreachable",
    ]) {
        down()
    } else if says(&["latency", "slow", "timeout", "timeouts", "duration"]) {
        AlertKind::HttpLatency
    } else if says(&["error", "errors", "5xx", "exceptions"]) {
        AlertKind::HttpErrors
    } else if says(&["memory", "mem", "oom", "leak", "rss", "heap"]) {
        if names.pid { AlertKind::ProcessLeak } else { AlertKind::MemoryHigh }
    } else if says(&["cpu", "load"]) {
        if names.pid { AlertKind::CpuHotProcess } else { AlertKind::LoadHigh }
    } else if says(&["temperature", "overheating", "thermal"]) {
        AlertKind::TemperatureHigh
    } else {
        AlertKind::Rule(if name.is_empty() { "reported".to_owned() } else { name })
    }
}

/// `HighMemoryUsage`, `high-memory usage` → `high_memory_usage`: words in lower case. Never longer
/// than the limit, nothing but letters (of any script), digits, `_` and `.`.
fn normal(text: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if name.len() + c.len_utf8() > KIND_BYTES_MAX {
            break;
        }
        if c.is_alphabetic() && !c.is_ascii() {
            // Lower case may be longer, or more than one character: then it stays as it is.
            let mut lower = c.to_lowercase();
            let one =
                lower.next().filter(|l| lower.next().is_none() && l.len_utf8() <= c.len_utf8());
            name.push(one.unwrap_or(c));
        } else if c.is_ascii_alphanumeric() {
            let begins =
                c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
            if begins && !name.ends_with(['_', '.']) {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        } else if c == '.' && !name.is_empty() {
            name.push('.');
        } else if !name.is_empty() && !name.ends_with(['_', '.']) {
            name.push('_');
        }
        before = c;
    }
    name.trim_end_matches(['_', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_senders_become_kinds() {
        let none = Names::default();
        let container = Names { container: true, ..none };
        let unit = Names { unit: true, ..none };
        let pid = Names { pid: true, ..none };
        for (text, names, expected) in [
            ("memory", none, "memory.high"),
            ("memory", container, "memory.high"),
            ("memory", pid, "process.leak"),
            ("HighMemoryUsage", none, "memory.high"),
            ("process.leak", none, "process.leak"),
            ("cpu", pid, "cpu.hot_process"),
            ("HostHighCpuLoad", none, "load.high"),
            ("latency", none, "http.latency"),
            ("errors", none, "http.errors"),
            ("HTTP 5xx", none, "http.errors"),
            ("crash", unit, "service.failed"),
            ("crash", container, "container.unhealthy"),
            ("InstanceDown", none, "service.failed"),
            ("KubePodCrashLooping", none, "service.flapping"),
            ("crashloop", container, "container.restarting"),
            ("disk", none, "disk.space"),
            ("NodeFilesystemAlmostOutOfInodes", none, "disk.inodes"),
            ("NodeFilesystemSpaceFillingUp", none, "disk.space"),
            ("Watchdog", none, "watchdog"),
            ("$(reboot)", none, "reboot"),
            ("結帳", none, "結帳"),
            ("메모리", none, "메모리"),
            ("Überlast im Netz", none, "überlast_im_netz"),
            ("⚠ ♥", none, "reported"),
            ("", none, "reported"),
        ] {
            assert_eq!(kind_of(text, names).as_str(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_made_up_kind_is_short_and_plain(text in any::<String>()) {
            let kind = kind_of(&text, Names::default());
            prop_assert!(!kind.as_str().is_empty() && kind.as_str().len() <= KIND_BYTES_MAX);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
            let foreign = |c: char| !c.is_ascii() && c.is_alphabetic();
            prop_assert!(kind.as_str().chars().all(|c| plain(c) || foreign(c)));
        }
    }
}
