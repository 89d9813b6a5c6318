//! A metric far from what is usual at this hour.
//!
//! A value is unusual when its score, in deviations, was above the threshold on three turns in a
//! row. Each metric has its own threshold, which is steered so that the alarms stay within the
//! budget: every episode raises it, and it sinks slowly at just the rate at which the metric's share
//! of the budget would raise it. While a metric is being learned, episodes teach the threshold and
//! are not reported.

use std::collections::BTreeMap;

use hale_model::alert::Subject;

use super::baseline::{METRICS, Metric, hour_of};
use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

/// Turns in a row.
const TURNS: usize = 3;
/// Threshold to begin with, in deviations.
const FIRST_THRESHOLD: f64 = 6.0;
/// It never sinks below, and never rises above.
const THRESHOLDS: (f64, f64) = (5.0, 1000.0);
/// An episode raises it by this factor.
const RAISE: f64 = 1.3;
/// While learning, it is raised above what was seen, by this factor.
const LEARNING_MARGIN: f64 = 1.15;
/// An episode lasts until the score is below this share of the threshold.
const MARGIN: f64 = 0.6;
/// No turn teaches more than this.
const MAX_STEP_SECS: f64 = 120.0;

#[derive(Default)]
pub(super) struct Anomaly {
    recent: BTreeMap<&'static str, Recent>,
}

#[derive(Default)]
struct Recent {
    scores: Vec<f64>,
    in_episode: bool,
}

impl Recent {
    /// The least score of the last turns, if all point the same way.
    fn steady(&self) -> f64 {
        let same = self.scores.windows(2).all(|w| (w[0] > 0.0) == (w[1] > 0.0));
        if self.scores.len() < TURNS || !same {
            return 0.0;
        }
        self.scores.iter().map(|s| s.abs()).fold(f64::INFINITY, f64::min)
    }
}

impl Anomaly {
    pub(super) const VARS: &[&str] = &["metric", "value", "usual", "deviation", "score"];
}

impl Detector for Anomaly {
    fn detect(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Claim> {
        if view.tick.gap {
            self.recent.clear();
        }
        let hour = hour_of(view.snapshot);
        METRICS.iter().filter_map(|metric| self.watch(view, learned, metric, hour)).collect()
    }
}

impl Anomaly {
    fn watch(
        &mut self,
        view: &View<'_>,
        learned: &mut Learned,
        metric: &Metric,
        hour: usize,
    ) -> Option<Claim> {
        let value = (metric.of)(&view.snapshot.system).filter(|v| v.is_finite())?;
        if !view.snapshot.is_fresh(metric.source) {
            return None;
        }
        let found = self.judge(view, learned, metric, hour, value);
        let secs = view.tick.passed_secs.min(MAX_STEP_SECS);
        if secs > 0.0 {
            learned.baselines.learn(metric, value, hour, secs);
        }
        found
    }

    fn judge(
        &mut self,
        view: &View<'_>,
        learned: &mut Learned,
        metric: &Metric,
        hour: usize,
        value: f64,
    ) -> Option<Claim> {
        let thresholds = &view.config.thresholds;
        let budget = thresholds.anomaly_budget_per_day / METRICS.len() as f64;
        let compared =
            learned.baselines.get(metric)?.compare(metric.judged(value), hour, metric.floor)?;
        let recent = self.recent.entry(metric.name).or_default();
        recent.scores.push(compared.score);
        let surplus = recent.scores.len().saturating_sub(TURNS);
        recent.scores.drain(..surplus);
        let steady = recent.steady();

        let baseline = learned.baselines.get_mut(metric);
        let learning = baseline.learned_secs < thresholds.anomaly_min_hours * 3600.0;
        if baseline.threshold == 0.0 {
            baseline.threshold = FIRST_THRESHOLD;
        }
        let before = baseline.threshold;
        let was_in_episode = recent.in_episode;
        recent.in_episode = steady > if was_in_episode { MARGIN * before } else { before };
        if learning {
            baseline.threshold = before.max(LEARNING_MARGIN * steady);
        } else if recent.in_episode && !was_in_episode {
            baseline.threshold = before * RAISE;
        } else if !recent.in_episode {
            let days = view.tick.passed_secs.min(MAX_STEP_SECS) / 86_400.0;
            baseline.threshold = before * RAISE.powf(-budget * days);
        }
        baseline.threshold = baseline.threshold.clamp(THRESHOLDS.0, THRESHOLDS.1);
        let claimed = recent.in_episode && !learning && budget > 0.0;
        claimed.then(|| claim(metric, value, compared, steady))
    }
}

fn claim(metric: &Metric, value: f64, c: super::baseline::Compared, steady: f64) -> Claim {
    let usual = metric.shown(c.mean);
    let deviation = (metric.shown(c.mean + c.sigma) - usual).abs();
    Claim {
        subject: Subject::Metric { metric: metric.name.to_owned() },
        vars: vars([
            ("metric", metric.name.into()),
            ("value", value.into()),
            ("usual", usual.into()),
            ("deviation", deviation.into()),
            ("score", steady.into()),
        ]),
        proofs: vec![Proof {
            source: metric.source,
            metric: metric.name,
            text: format!(
                "{} is {value:.1}; usual at this hour is {usual:.1} ± {deviation:.1} ({:.0} deviations off)",
                metric.name,
                c.score.abs()
            ),
            value: Some(value),
            unit: None,
        }],
        since: None,
        marginal: false,
    }
}
