//! How much of something is used, over ten minutes, two hours and a day, and when it will be full.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::slope::{line, theil_sen};

/// Windows in seconds: a burst, a task, a day.
const WINDOWS_SECS: [f64; 3] = [600.0, 7200.0, 86_400.0];
/// Points each window is divided into.
const POINTS: usize = 40;
/// Most things that are followed.
const MAX_TRENDS: usize = 256;
/// Points without which there is no forecast.
const MIN_POINTS: usize = 6;
/// Seconds without which there is no forecast.
const MIN_SPAN_SECS: f64 = 60.0;
/// How many times the observed span a forecast may reach with full confidence.
const HORIZON: f64 = 4.0;
/// Growth that counts, as a share of the whole.
const MIN_GROWTH: f64 = 0.005;
/// Slope of the last third against that of the whole.
const MIN_LATE_GROWTH: f64 = 0.3;

/// When something will be full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    pub(super) eta_secs: f64,
    /// 0..1: how well a line fits, times how far it is drawn out.
    pub(super) confidence: f64,
    pub(super) per_sec: f64,
    pub(super) span_secs: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Ring {
    /// (seconds since boot, value).
    points: VecDeque<(f64, f64)>,
}

impl Ring {
    fn add(&mut self, now: f64, value: f64, window: f64) {
        let due = self.points.back().is_none_or(|(at, _)| now - at >= window / POINTS as f64);
        if due {
            self.points.push_back((now, value));
        }
        while self.points.len() > POINTS + 1
            || self.points.front().is_some_and(|(at, _)| now - at > window)
        {
            self.points.pop_front();
        }
    }

    fn forecast(&self, now: f64, value: f64, whole: f64) -> Option<Forecast> {
        let (start, at_start) = *self.points.front()?;
        // Most things rest most of the time; a line costs a thousand times this question.
        if value - at_start < 0.5 * MIN_GROWTH * whole {
            return None;
        }
        let mut points: Vec<(f64, f64)> =
            self.points.iter().map(|(at, v)| (at - start, *v)).collect();
        if points.last().is_some_and(|(at, _)| *at < now - start) {
            points.push((now - start, value));
        }
        let span = now - start;
        if points.len() < MIN_POINTS || span < MIN_SPAN_SECS || value >= whole {
            return None;
        }
        let line = line(&points)?;
        let late = theil_sen(&points[points.len() * 2 / 3..])?;
        let grown = line.slope * span;
        if grown < MIN_GROWTH * whole || late < MIN_LATE_GROWTH * line.slope {
            return None;
        }
        // From the line, not from the last point, which may be wild.
        let at_now = (line.at_zero + line.slope * span).clamp(value.min(whole), whole);
        let eta_secs = (whole - at_now) / line.slope;
        let reach = if eta_secs > 0.0 { (HORIZON * span / eta_secs).min(1.0) } else { 1.0 };
        Some(Forecast {
            eta_secs,
            confidence: line.fit * reach,
            per_sec: line.slope,
            span_secs: span,
        })
    }
}

/// One thing that fills up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Trend {
    rings: [Ring; 3],
}

/// Everything that fills up, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Trends {
    by_name: BTreeMap<String, Trend>,
}

impl Trends {
    /// Notes how much of it is used now.
    pub(super) fn add(&mut self, name: &str, now_secs: f64, value: f64) {
        if !value.is_finite() {
            return;
        }
        if !self.by_name.contains_key(name) {
            if self.by_name.len() >= MAX_TRENDS {
                return;
            }
            self.by_name.insert(name.to_owned(), Trend::default());
        }
        if let Some(trend) = self.by_name.get_mut(name) {
            for (ring, window) in trend.rings.iter_mut().zip(WINDOWS_SECS) {
                ring.add(now_secs, value, window);
            }
        }
    }

    /// Forgets what is no longer there.
    pub(super) fn keep(&mut self, exists: impl Fn(&str) -> bool) {
        self.by_name.retain(|name, _| exists(name));
    }

    /// Times since boot mean nothing after another boot.
    pub(super) fn clear(&mut self) {
        self.by_name.clear();
    }

    /// The forecast that deserves most confidence.
    pub(super) fn forecast(
        &self,
        name: &str,
        now_secs: f64,
        value: f64,
        whole: f64,
    ) -> Option<Forecast> {
        let trend = self.by_name.get(name)?;
        let each = trend.rings.iter().filter_map(|ring| ring.forecast(now_secs, value, whole));
        each.max_by(|a, b| a.confidence.total_cmp(&b.confidence))
    }
}
