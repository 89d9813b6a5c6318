//! Many like messages in the journal within a minute.
//!
//! Counted by when hale received them: a backlog that is read after a start is no burst, so the
//! first turn does not count. Lines of the OOM killer have an alert of their own.

use std::collections::{BTreeMap, VecDeque};

use hale_model::alert::Subject;
use hale_model::sample::{JournalEntry, Source};
use hale_model::text::shorten;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;
use super::miner::{Miner, MinerLimits, TemplateId};
use super::oom;

/// A burst is judged over this time.
const WINDOW_SECS: f64 = 60.0;
/// Most pairs of an origin and a template; what comes beyond counts as `…` of its origin.
const MAX_TEMPLATES: usize = 2000;
/// Bytes of a template that are shown.
const MAX_TEMPLATE_BYTES: usize = 200;
/// What the miner may hold: more than the pairs, for a template lives longer than a burst.
const MINER_LIMITS: MinerLimits = MinerLimits {
    templates_max: 2 * MAX_TEMPLATES,
    template_bytes_max: 1024 * 1024,
    line_bytes_max: 1024,
    values_max: 12,
};
/// Most entries of one turn whose template is worked out; the rest count as `…`.
const MAX_ENTRIES_PER_TURN: usize = 5000;
/// Priority warning and worse.
const MAX_PRIORITY: u8 = 4;
/// Stands for messages that differ.
const MIXED: &str = "…";
/// Messages that differ are a burst at so many times the limit.
const MIXED_FACTOR: f64 = 2.0;
/// A burst lasts until the rate is below this share of the limit.
const MARGIN: f64 = 0.5;

/// An origin and one of its templates; none for messages that differ.
type Key = (String, Option<TemplateId>);

/// What has come of one template.
#[derive(Default)]
struct Counts {
    /// As it is shown, unchanged while it is counted: alerts are told apart by it.
    text: String,
    /// (boot time in nanoseconds, how many), oldest first.
    seen: VecDeque<(u64, u32)>,
}

pub(super) struct JournalBurst {
    miner: Miner,
    counts: BTreeMap<Key, Counts>,
}

impl Default for JournalBurst {
    fn default() -> Self {
        JournalBurst { miner: Miner::new(MINER_LIMITS), counts: BTreeMap::new() }
    }
}

impl JournalBurst {
    pub(super) const VARS: &[&str] = &["origin", "template", "per_minute", "limit", "unit"];
}

impl Detector for JournalBurst {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.tick.gap {
            self.counts.clear();
            return Vec::new();
        }
        self.count(view);
        self.forget(view);
        let limit = f64::from(view.config.thresholds.journal_burst_per_minute);
        let mut claims = Vec::new();
        let mut totals: BTreeMap<&str, (f64, bool)> = BTreeMap::new();
        for ((origin, template), counts) in &self.counts {
            let per_minute = counts.seen.iter().map(|(_, n)| f64::from(*n)).sum::<f64>();
            let total = totals.entry(origin).or_default();
            total.0 += per_minute;
            if template.is_some() && per_minute >= MARGIN * limit {
                total.1 = true;
                claims.push(claim(view, origin, &counts.text, per_minute, limit, 1.0));
            }
        }
        for (origin, (total, named)) in totals {
            if !named && total >= MARGIN * MIXED_FACTOR * limit {
                claims.push(claim(view, origin, MIXED, total, limit, MIXED_FACTOR));
            }
        }
        claims
    }
}

impl JournalBurst {
    fn count(&mut self, view: &View<'_>) {
        let mut new: BTreeMap<Key, u32> = BTreeMap::new();
        for (at, entry) in view.snapshot.journal.iter().enumerate() {
            if entry.priority > MAX_PRIORITY || oom::is_about_oom(entry) {
                continue;
            }
            let template =
                (at < MAX_ENTRIES_PER_TURN).then(|| self.miner.learn_content(&entry.message));
            *new.entry((origin(entry), template)).or_default() += 1;
        }
        for (key, n) in new {
            let known = self.counts.contains_key(&key) || self.counts.len() < MAX_TEMPLATES;
            let key = if known { key } else { (key.0, None) };
            let text = key.1.and_then(|id| self.miner.pattern(id));
            let counts = self.counts.entry(key).or_default();
            if counts.seen.is_empty() {
                counts.text = shorten(&text.unwrap_or_default(), MAX_TEMPLATE_BYTES);
            }
            counts.seen.push_back((view.tick.now_ns, n));
        }
    }

    fn forget(&mut self, view: &View<'_>) {
        self.counts.retain(|_, counts| {
            let seen = &mut counts.seen;
            while seen.front().is_some_and(|(at, _)| view.tick.since(*at) >= WINDOW_SECS) {
                seen.pop_front();
            }
            !seen.is_empty()
        });
    }
}

/// Unit, or identifier, that logs.
fn origin(entry: &JournalEntry) -> String {
    if entry.kernel {
        return "kernel".to_owned();
    }
    entry.unit.clone().unwrap_or_else(|| entry.identifier.clone())
}

fn claim(
    view: &View<'_>,
    origin: &str,
    template: &str,
    per_minute: f64,
    limit: f64,
    factor: f64,
) -> Claim {
    let unit = view.snapshot.unit(origin).map(|u| u.unit.clone());
    Claim {
        subject: Subject::Journal { origin: origin.to_owned(), template: template.to_owned() },
        vars: vars([
            ("origin", origin.into()),
            ("template", template.into()),
            ("per_minute", per_minute.into()),
            ("limit", limit.into()),
            ("unit", unit.into()),
        ]),
        proofs: vec![Proof {
            source: Source::Journal,
            metric: "per_minute",
            text: format!("{per_minute:.0} messages of {origin} within a minute: {template}"),
            value: Some(per_minute),
            unit: Some("count"),
        }],
        since: None,
        marginal: per_minute < factor * limit,
    }
}
