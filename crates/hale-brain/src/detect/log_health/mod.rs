//! What a stretch of logs says about a machine: what is new in it, what comes more often than it
//! used to, which known trouble it tells of, and what to do. No model takes part.
//!
//! Messages are grouped by origin and template. A stretch is judged against the time before it and
//! against what earlier runs remembered.

mod groups;
mod knowledge;
mod rank;
mod when;

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::Severity;
use serde::{Deserialize, Serialize};

use super::miner::{Miner, MinerLimits, split_header};
pub use groups::level_of;
use groups::{Group, Groups};
pub use knowledge::{Knowledge, KnowledgeError, Problem};
pub use when::moment;

/// Templates that are remembered between runs; the longest unseen are forgotten first.
const KNOWN_MAX: usize = 5000;
/// A message from further ahead has a wrong time, and is left out.
const AHEAD_SECS_MAX: i64 = 60;

/// The times that are compared.
#[derive(Clone, Copy, Debug)]
pub struct LogSpans {
    /// The end of what is judged.
    pub now: Timestamp,
    /// Seconds before it that are judged; none: everything, and it is compared with nothing.
    pub since_secs: Option<u64>,
    /// Seconds before those that they are compared with.
    pub past_secs: u64,
}

impl LogSpans {
    fn window_from(&self) -> i64 {
        let now = self.now.as_second();
        self.since_secs.map_or(i64::MIN, |secs| now.saturating_sub_unsigned(secs))
    }

    /// The oldest moment that counts.
    pub fn from(&self) -> Timestamp {
        let second = self.window_from().saturating_sub_unsigned(self.past_secs);
        Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
    }
}

/// One message as it came.
#[derive(Clone, Copy, Debug)]
pub struct LogMessage<'a> {
    /// When; none where it does not say.
    pub at: Option<Timestamp>,
    /// The unit or program that speaks.
    pub origin: &'a str,
    /// Whether the origin is a unit of systemd.
    pub is_unit: bool,
    /// syslog priority: 0 emergency … 7 debug.
    pub priority: u8,
    /// The message without its header.
    pub text: &'a [u8],
}

/// What earlier runs have seen: fingerprints of templates, with the first and last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownTemplates {
    /// By fingerprint.
    pub seen: BTreeMap<String, (i64, i64)>,
}

/// Why a message is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStatus {
    /// There is nothing to compare it with.
    Unknown,
    /// It comes at its usual rate.
    Steady,
    /// It comes much more often than before.
    Burst,
    /// It never came before.
    New,
}

/// One thing that the logs say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogFinding {
    /// 1 is first.
    pub rank: u32,
    /// How bad.
    pub severity: Severity,
    /// Whether it is new or more than usual.
    pub status: LogStatus,
    /// The unit or program that speaks.
    pub origin: String,
    /// What is wrong, in a few words: the known problem, or the template.
    pub title: String,
    /// Messages in the time that is judged.
    pub count: u64,
    /// Messages to be expected in that time, going by the time before; none where that is not known.
    pub usual_count: Option<f64>,
    /// Most messages within one minute.
    pub peak_per_minute: u64,
    /// The first of them.
    pub first_at: Option<Timestamp>,
    /// The last of them.
    pub last_at: Option<Timestamp>,
    /// The messages with `<*>` for what varies, most frequent first.
    pub templates: Vec<String>,
    /// The last message as it came.
    pub example: String,
    /// The known problem's name.
    pub problem: Option<String>,
    /// What is behind it.
    pub cause: Option<String>,
    /// What to do, in order.
    pub fix: Vec<String>,
    /// What to type to see more.
    pub commands: Vec<String>,
}

/// What a stretch of logs says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogHealth {
    /// The end of what is judged.
    pub until: Timestamp,
    /// Seconds that are judged; none: all there was.
    pub since_secs: Option<u64>,
    /// Seconds before those for which there are logs; 0: nothing to compare with.
    pub past_secs: u64,
    /// Messages judged.
    pub messages: u64,
    /// Messages before those.
    pub past_messages: u64,
    /// Messages of neither time, which were passed over.
    pub outside: u64,
    /// Different messages among those judged.
    pub templates: usize,
    /// Of those, new ones that are no trouble.
    pub new_quiet: usize,
    /// What is worth telling, most urgent first.
    pub findings: Vec<LogFinding>,
    /// Findings that were left out.
    pub left_out: usize,
}

/// Reads a stretch of logs, in any order, in bounded memory.
pub struct LogStudy {
    spans: LogSpans,
    miner: Miner,
    groups: Groups,
    oldest: Option<i64>,
    messages: u64,
    past_messages: u64,
    outside: u64,
}

impl LogStudy {
    /// An empty study of these times.
    pub fn new(spans: LogSpans) -> Self {
        LogStudy {
            spans,
            miner: Miner::new(MinerLimits::default()),
            groups: Groups::default(),
            oldest: None,
            messages: 0,
            past_messages: 0,
            outside: 0,
        }
    }

    /// Takes a message in. One without a time counts as within what is judged.
    pub fn add(&mut self, message: &LogMessage<'_>) {
        let second = message.at.map(Timestamp::as_second);
        if let Some(second) = second {
            if second < self.spans.from().as_second()
                || second > self.spans.now.as_second() + AHEAD_SECS_MAX
            {
                self.outside += 1;
                return;
            }
            self.oldest = Some(self.oldest.map_or(second, |oldest| oldest.min(second)));
        }
        let past = second.is_some_and(|second| second < self.spans.window_from());
        if past {
            self.past_messages += 1;
        } else {
            self.messages += 1;
        }
        let template = self.miner.learn_bytes(message.text);
        self.groups.add(message, template, past);
    }

    /// Takes a line of a log file in: its header tells the rest.
    pub fn add_line(&mut self, line: &[u8], file: &str, zone: &jiff::tz::TimeZone) {
        let header = split_header(line);
        if header.content.is_empty() {
            return;
        }
        let program = header.program.map(String::from_utf8_lossy);
        let message = LogMessage {
            at: header.time.and_then(|time| moment(time, self.spans.now, zone)),
            origin: program.as_deref().unwrap_or(file),
            is_unit: false,
            priority: level_of(header.level, header.content),
            text: header.content,
        };
        self.add(&message);
    }

    /// Seconds before the judged time for which there are logs.
    fn past_secs(&self) -> u64 {
        let oldest = self.oldest.unwrap_or(i64::MAX);
        u64::try_from(self.spans.window_from().saturating_sub(oldest)).unwrap_or(0)
    }

    /// The judgement, with at most so many findings; `known` is brought up to date.
    pub fn judge(
        self,
        knowledge: &Knowledge,
        known: &mut KnownTemplates,
        findings_max: usize,
    ) -> LogHealth {
        let past_secs = self.past_secs();
        let judged = rank::judge(&self, knowledge, known, past_secs);
        self.remember(known);
        let mut findings = judged.findings;
        let left_out = findings.len().saturating_sub(findings_max);
        findings.truncate(findings_max);
        for (finding, rank) in findings.iter_mut().zip(1..) {
            finding.rank = rank;
        }
        LogHealth {
            until: self.spans.now,
            since_secs: self.spans.since_secs,
            past_secs,
            messages: self.messages,
            past_messages: self.past_messages,
            outside: self.outside,
            templates: judged.templates,
            new_quiet: judged.new_quiet,
            findings,
            left_out,
        }
    }

    fn remember(&self, known: &mut KnownTemplates) {
        for (origin, group) in self.groups.iter() {
            let Some(fingerprint) = self.fingerprint(origin, group) else { continue };
            let (first, last) = group.seen(self.spans.now.as_second());
            let seen = known.seen.entry(fingerprint).or_insert((first, last));
            *seen = (seen.0.min(first), seen.1.max(last));
        }
        if known.seen.len() > KNOWN_MAX {
            let mut ages: Vec<i64> = known.seen.values().map(|(_, last)| *last).collect();
            ages.sort_unstable_by_key(|age| std::cmp::Reverse(*age));
            let oldest = ages.get(KNOWN_MAX).copied().unwrap_or(i64::MIN);
            known.seen.retain(|_, (_, last)| *last > oldest);
        }
    }

    /// Names a group in every run.
    fn fingerprint(&self, origin: &str, group: &Group) -> Option<String> {
        let pattern = self.miner.pattern(group.template)?;
        Some(hale_model::ids::hex_digest(&[origin, &pattern], 16))
    }
}
