//! One metric, one number at a time: how strange is this row, given the rows before it?
//!
//! Four views look at every row, none with a model of what the metric is: how far the last 16, 32 and
//! 64 rows are from anything in the history (so that a season of any length is no surprise once it has
//! been seen), and how near the value is to the edge of all that was seen. Each view is turned into a
//! surprise by its own past: -log10 of how often it was that large. The surprises add up.
//!
//! What comes out is a pulse: the first row of something strange is marked, the rows that follow are
//! not, because an alert that repeats itself on every row is noise. Deliberately absent: time stamps
//! (the history knows seasons by their shape), knowledge of rows to come, settings.

mod discord;
#[doc(hidden)]
pub mod fuzzing;
mod rows;
mod tail;

use discord::{Discord, History};
use tail::Tail;

pub use rows::{Header, HeaderError, Row, RowError};

/// Scores from here on are alerts.
pub const ALERT_SCORE: f64 = 0.5;
/// The most that a row which is no alert can get.
const MAX_QUIET_SCORE: f64 = 0.4999;
/// Rows of the runs that are compared.
const RUN_ROWS: [usize; 3] = [16, 32, 64];
/// What all runs together weigh; the edge of the range weighs 1.
const RUNS_WEIGHT: f64 = 2.0;
/// The weighted sum of surprises that is an alert.
const ALERT_SURPRISE: f64 = 3.55;
/// Rows at the start that are only learned from.
pub const LEARNING_ROWS: u64 = 150;
/// After an alert, so large a share of the rows so far belongs to it, within these bounds.
const EPISODE_SHARE: f64 = 0.04;
const EPISODE_ROWS: (f64, f64) = (30.0, 600.0);
/// Larger values count as this: sums and squares of them stay finite.
const MAX_VALUE: f64 = 1e150;

/// Scores the rows of one metric in the order in which they were measured. Bounded memory (about
/// 100 KiB) and time a row, however many there are.
pub struct StreamAnomaly {
    history: History,
    discords: [(Discord, Tail); RUN_ROWS.len()],
    range: Range,
    edge: Tail,
    rows: u64,
    quiet_until: u64,
}

impl Default for StreamAnomaly {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamAnomaly {
    /// Knows nothing yet.
    pub fn new() -> Self {
        StreamAnomaly {
            history: History::new(RUN_ROWS.into_iter().max().unwrap_or_default()),
            discords: RUN_ROWS.map(|rows| (Discord::new(rows), Tail::new())),
            range: Range::default(),
            edge: Tail::new(),
            rows: 0,
            quiet_until: 0,
        }
    }

    /// How strange this value is after those before it: 0 to 1, [`ALERT_SCORE`] and above is an
    /// alert. A value that is not finite is not learned and scores 0.
    pub fn score(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let surprise = self.surprise(value.clamp(-MAX_VALUE, MAX_VALUE));
        let row = self.rows;
        self.rows += 1;
        if row < LEARNING_ROWS {
            return 0.0;
        }
        let score = 1.0 - (-surprise / ALERT_SURPRISE).exp2();
        if surprise < ALERT_SURPRISE {
            return score.min(MAX_QUIET_SCORE);
        }
        if row < self.quiet_until {
            return (score / 2.0).min(MAX_QUIET_SCORE);
        }
        let episode = (EPISODE_SHARE * row as f64).clamp(EPISODE_ROWS.0, EPISODE_ROWS.1);
        self.quiet_until = row + episode as u64;
        score.max(ALERT_SCORE)
    }

    fn surprise(&mut self, value: f64) -> f64 {
        self.history.push(value);
        let mut sum = self.range.edge(value).map_or(0.0, |edge| self.edge.surprise(edge));
        for (discord, tail) in &mut self.discords {
            if let Some(distance) = discord.distance(&self.history) {
                sum += RUNS_WEIGHT / RUN_ROWS.len() as f64 * tail.surprise(distance);
            }
        }
        sum
    }
}

/// The smallest and the largest value so far; both fade, slowly.
#[derive(Default)]
struct Range {
    bounds: Option<(f64, f64)>,
    rows: u64,
}

impl Range {
    /// Rows before the range means something.
    const MIN_ROWS: u64 = 20;
    /// Each row takes so small a share off either end, or one wild value would blind it for ever.
    const FADING_SHARE: f64 = 1e-5;
    /// A range narrower than this share of the values counts as so wide.
    const RELATIVE_WIDTH_MIN: f64 = 1e-6;

    /// Where a value lies: 0.5 in the middle of all before it, 1 at the edge, more beyond.
    /// None while there is too little before it.
    fn edge(&mut self, value: f64) -> Option<f64> {
        let (low, high) = self.bounds.unwrap_or((value, value));
        let faded = Self::FADING_SHARE * (high - low);
        self.bounds = Some(((low + faded).min(value), (high - faded).max(value)));
        self.rows += 1;
        if self.rows <= Self::MIN_ROWS + 1 {
            return None;
        }
        let width = (high - low)
            .max(Self::RELATIVE_WIDTH_MIN * high.abs().max(low.abs()))
            .max(f64::MIN_POSITIVE);
        Some(((value - high).max(low - value) / width + 1.0).clamp(0.0, f64::MAX))
    }
}
