//! Messages counted by origin and template.

use std::collections::BTreeMap;

use super::LogMessage;
use crate::detect::miner::TemplateId;
use hale_model::Timestamp;

/// Groups of one study; messages of further ones are counted, but not judged.
const GROUPS_MAX: usize = 20_000;
/// Bytes of an example.
const EXAMPLE_BYTES_MAX: usize = 300;
const MINUTE_SECS: i64 = 60;

/// What has come of one template from one origin.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) template: TemplateId,
    pub(super) is_unit: bool,
    /// The worst priority in the judged time.
    pub(super) priority: u8,
    pub(super) count: u64,
    pub(super) past: u64,
    pub(super) first_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    /// Of all, those of the past too.
    oldest: Option<i64>,
    pub(super) peak_per_minute: u64,
    /// The minute that is counted, and how many it has; messages come in order, forwards or back.
    minute: (i64, u64),
    pub(super) example: String,
}

impl Group {
    fn add(&mut self, message: &LogMessage<'_>, past: bool) {
        let second = message.at.map(Timestamp::as_second);
        self.oldest = match (self.oldest, second) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if past {
            self.past += 1;
            return;
        }
        self.count += 1;
        self.priority = self.priority.min(message.priority);
        let newer = message.at >= self.last_at;
        if newer || self.example.is_empty() {
            let text = String::from_utf8_lossy(
                message.text.get(..EXAMPLE_BYTES_MAX).unwrap_or(message.text),
            );
            self.example = hale_model::text::shorten(&text, EXAMPLE_BYTES_MAX);
        }
        self.last_at = self.last_at.max(message.at);
        self.first_at = match (self.first_at, message.at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let minute = second.unwrap_or(0).div_euclid(MINUTE_SECS);
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        self.minute.1 += 1;
        self.peak_per_minute = self.peak_per_minute.max(self.minute.1);
    }

    /// The first and the last second it was seen at.
    pub(super) fn seen(&self, now: i64) -> (i64, i64) {
        let last = self.last_at.map(Timestamp::as_second).or(self.oldest).unwrap_or(now);
        (self.oldest.unwrap_or(now), last)
    }
}

/// All groups of a study.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_origin: BTreeMap<String, BTreeMap<TemplateId, Group>>,
    count: usize,
}

impl Groups {
    pub(super) fn add(&mut self, message: &LogMessage<'_>, template: TemplateId, past: bool) {
        if !self.by_origin.contains_key(message.origin) && self.count < GROUPS_MAX {
            self.by_origin.insert(message.origin.to_owned(), BTreeMap::new());
        }
        let Some(groups) = self.by_origin.get_mut(message.origin) else { return };
        if let Some(group) = groups.get_mut(&template) {
            group.add(message, past);
        } else if self.count < GROUPS_MAX {
            self.count += 1;
            let mut group = Group {
                template,
                is_unit: message.is_unit,
                priority: 7,
                count: 0,
                past: 0,
                first_at: None,
                last_at: None,
                oldest: None,
                peak_per_minute: 0,
                minute: (0, 0),
                example: String::new(),
            };
            group.add(message, past);
            groups.insert(template, group);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.by_origin
            .iter()
            .flat_map(|(origin, groups)| groups.values().map(move |group| (origin.as_str(), group)))
    }
}

/// The syslog priority of a line: of its level where it has one, else of the words in it.
pub fn level_of(level: Option<&[u8]>, content: &[u8]) -> u8 {
    if let Some(level) = level {
        let is = |names: &[&str]| names.iter().any(|n| level.eq_ignore_ascii_case(n.as_bytes()));
        let priority = match () {
            () if is(&["emerg", "panic"]) => 0,
            () if is(&["alert"]) => 1,
            () if is(&["crit", "critical", "fatal", "f", "severe", "failure"]) => 2,
            () if is(&["error", "err", "e"]) => 3,
            () if is(&["warn", "warning", "w"]) => 4,
            () if is(&["notice"]) => 5,
            () if is(&["debug", "trace", "fine", "d", "v"]) => 7,
            () => 6,
        };
        return priority;
    }
    let text = String::from_utf8_lossy(content).to_ascii_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if holds(&["panic", "fatal", "emergency"]) {
        2
    } else if holds(&["error"]) {
        3
    } else if holds(&["warn", "refused", "timed out", "timeout", "invalid", "retry", "deprecated"])
    {
        4
    } else {
        6
    }
}
