//! How durations are distributed, in little room: a histogram whose buckets grow by a fixed factor,
//! so that every quantile is within [`RELATIVE_ERROR`] of the true one (DDSketch, Masson et al.,
//! VLDB 2019). Two sketches add up to the sketch of both.

use serde::{Deserialize, Serialize};

/// A quantile is at most this share off.
pub const RELATIVE_ERROR: f64 = 0.02;
/// From one bucket to the next: (1 + error) / (1 - error).
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// 1 µs to a day; what is longer counts as the longest.
const BUCKETS_MAX: usize = 640;

/// Durations in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sketch {
    /// The bucket that `counts` begins with.
    first: u16,
    counts: Vec<u64>,
    count: u64,
    sum_us: u64,
    max_us: u64,
    /// With the longest it bounds every quantile: durations that are all alike are told exactly.
    min_us: u64,
}

fn bucket_of(us: u64) -> usize {
    if us <= 1 {
        return 0;
    }
    let at = ((us as f64).ln() / GAMMA.ln()).ceil();
    (at as usize).min(BUCKETS_MAX - 1)
}

/// The middle of a bucket, by relative error.
fn middle_us(bucket: usize) -> f64 {
    let exponent = i32::try_from(bucket).unwrap_or(i32::MAX);
    if exponent == 0 { 1.0 } else { 2.0 * GAMMA.powi(exponent) / (GAMMA + 1.0) }
}

impl Sketch {
    /// Takes in one duration.
    pub fn add(&mut self, us: u64) {
        self.add_times(us, 1);
    }

    /// Takes in one duration so many times.
    pub fn add_times(&mut self, us: u64, times: u64) {
        if times == 0 {
            return;
        }
        if let Some(slot) = self.slot(bucket_of(us)) {
            *slot = slot.saturating_add(times);
        }
        self.min_us = if self.count == 0 { us } else { self.min_us.min(us) };
        self.count = self.count.saturating_add(times);
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(times));
        self.max_us = self.max_us.max(us);
    }

    fn slot(&mut self, bucket: usize) -> Option<&mut u64> {
        let first = usize::from(self.first);
        if self.counts.is_empty() {
            self.first = u16::try_from(bucket).ok()?;
            self.counts.push(0);
            return self.counts.first_mut();
        }
        if bucket < first {
            let missing = first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = u16::try_from(bucket).ok()?;
            return self.counts.first_mut();
        }
        let at = bucket - first;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts.get_mut(at)
    }

    /// Takes in everything of another.
    pub fn merge(&mut self, other: &Sketch) {
        for (at, n) in other.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let bucket = (usize::from(other.first) + at).min(BUCKETS_MAX - 1);
            if let Some(slot) = self.slot(bucket) {
                *slot = slot.saturating_add(*n);
            }
        }
        if other.count > 0 {
            self.min_us =
                if self.count == 0 { other.min_us } else { self.min_us.min(other.min_us) };
        }
        self.count = self.count.saturating_add(other.count);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in milliseconds; 0 where it is empty.
    pub fn max_ms(&self) -> f64 {
        self.max_us as f64 / 1000.0
    }

    /// All of them together, in milliseconds.
    pub fn sum_ms(&self) -> f64 {
        self.sum_us as f64 / 1000.0
    }

    /// The mean in milliseconds; none where it is empty.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_us as f64 / 1000.0 / self.count as f64)
    }

    /// The duration in milliseconds that `q` (0..1) of them do not exceed; none where it is empty.
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let total: u64 = self.counts.iter().fold(0, |all, n| all.saturating_add(*n));
        if total == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * (total - 1) as f64).round() as u64;
        let mut below = 0_u64;
        for (at, n) in self.counts.iter().enumerate() {
            below = below.saturating_add(*n);
            if below > rank {
                let us = middle_us(usize::from(self.first) + at);
                let longest = self.max_us.max(1) as f64;
                return Some(us.max(self.min_us as f64).min(longest) / 1000.0);
            }
        }
        Some(self.max_ms())
    }

    /// How many took longer than `ms`, within the relative error.
    pub fn count_above_ms(&self, ms: f64) -> u64 {
        let limit = bucket_of((ms.max(0.0) * 1000.0) as u64);
        let above =
            self.counts.iter().enumerate().filter(|(at, _)| usize::from(self.first) + at > limit);
        above.fold(0, |all, (_, n)| all.saturating_add(*n))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|v| sketch.add(*v));
        sketch
    }

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        assert_eq!(Sketch::default().quantile_ms(0.5), None);
        assert_eq!(Sketch::default().mean_ms(), None);
        assert_eq!(Sketch::default().count_above_ms(0.0), 0);
    }

    #[test]
    fn durations_that_are_all_alike_are_told_exactly() {
        assert_eq!(of(&[40_000; 7]).quantile_ms(0.95), Some(40.0));
    }

    #[test]
    fn what_is_above_a_limit_is_counted() {
        let sketch = of(&[10_000, 20_000, 300_000, 400_000]);
        assert_eq!(sketch.count_above_ms(100.0), 2);
        assert_eq!(sketch.count_above_ms(1000.0), 0);
        assert_eq!(sketch.count_above_ms(1.0), 4);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_relative_error(
            values in proptest::collection::vec(1_u64..86_000_000_000, 1..300),
            q in 0.0..=1.0_f64,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (q * (sorted.len() - 1) as f64).round() as usize;
            let exact = sorted[rank] as f64 / 1000.0;
            let told = of(&values).quantile_ms(q).unwrap();
            prop_assert!((told - exact).abs() <= exact * 1.01 * RELATIVE_ERROR + 0.001,
                "{told} for {exact}");
        }

        #[test]
        fn merging_is_adding_everything(
            a in proptest::collection::vec(any::<u64>(), 0..50),
            b in proptest::collection::vec(any::<u64>(), 0..50),
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let both: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(merged, of(&both));
        }

        #[test]
        fn a_stored_sketch_is_the_same(values in proptest::collection::vec(any::<u64>(), 0..50)) {
            let sketch = of(&values);
            let text = serde_json::to_string(&sketch).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), sketch);
        }
    }
}
