//! Histograms as services send them, explicit buckets and exponential ones alike: of many points one
//! distribution, of a count that only grows the part since it was sent before, and of that the quantiles.
//! Within a bucket what was counted is taken to lie evenly, as Prometheus does; but where the buckets are too
//! wide for what they hold, the mean says better how far up it can lie (Markov's inequality).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::fold::Resource;

/// Buckets of one metric; a metric with more has no quantiles.
pub const BUCKETS_MAX: usize = 512;
/// Growing histograms that are remembered; of further ones nothing but the mean is told.
const REMEMBERED_MAX: usize = 1024;
/// One that was not sent for so long makes room.
const REMEMBERED_SECS: u64 = 900;

/// So many between two bounds; the lower one is not part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    low: f64,
    high: f64,
    count: u64,
}

/// How what was counted is distributed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Whether it counts since its start, and not since it was sent before.
    pub cumulative: bool,
    /// By their bounds.
    buckets: Vec<Bucket>,
    /// Of all values; 0: not told.
    sum: f64,
    /// More buckets than are kept, or bounds that are none.
    unreadable: bool,
}

/// What is told of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// Half of it was at most this.
    pub p50: f64,
    /// 95 of 100 were at most this.
    pub p95: f64,
    /// 99 of 100 were at most this.
    pub p99: f64,
}

impl Distribution {
    /// Nothing yet, of a metric that counts so.
    pub fn new(cumulative: bool) -> Distribution {
        Distribution { cumulative, ..Distribution::default() }
    }

    /// Takes in a point with explicit bounds: one count more than there are bounds.
    pub fn explicit(&mut self, bounds: &[f64], counts: &[u64]) {
        if counts.is_empty() {
            return;
        }
        let ascend = bounds.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if counts.len() != bounds.len() + 1 || !ascend || bounds.iter().any(|b| b.is_nan()) {
            self.unreadable = true;
            return;
        }
        let lows = std::iter::once(f64::NEG_INFINITY).chain(bounds.iter().copied());
        let highs = bounds.iter().copied().chain(std::iter::once(f64::INFINITY));
        for ((low, high), count) in lows.zip(highs).zip(counts) {
            self.add(low, high, *count);
        }
    }

    /// Takes in one side of an exponential point: the first bucket's index and the counts, of values below
    /// zero too.
    pub fn exponential(&mut self, scale: i32, offset: i32, counts: &[u64], negative: bool) {
        // From -10 to 20 the specification has scales; beyond there is no number between two bounds.
        if !(-32..=32).contains(&scale) {
            self.unreadable |= !counts.is_empty();
            return;
        }
        let step = 2f64.powi(-scale);
        let bound = |index: i64| (index as f64 * step).exp2();
        for (index, count) in (i64::from(offset)..).zip(counts) {
            let (low, high) = (bound(index), bound(index + 1));
            if *count > 0 && !low.is_nan() && low < high {
                let (low, high) = if negative { (-high, -low) } else { (low, high) };
                self.add(low, high, *count);
            }
        }
    }

    /// Takes in the sum of a point's values.
    pub fn sum(&mut self, sum: f64) {
        self.sum += sum;
    }

    /// Takes in what an exponential point counted as zero.
    pub fn zeros(&mut self, count: u64) {
        self.add(0.0, 0.0, count);
    }

    fn add(&mut self, low: f64, high: f64, count: u64) {
        if count == 0 {
            return;
        }
        let order = |b: &Bucket| b.high.total_cmp(&high).then(b.low.total_cmp(&low));
        match self.buckets.binary_search_by(order) {
            Ok(at) => {
                if let Some(known) = self.buckets.get_mut(at) {
                    known.count = known.count.saturating_add(count);
                }
            }
            Err(_) if self.buckets.len() >= BUCKETS_MAX => self.unreadable = true,
            Err(at) => self.buckets.insert(at, Bucket { low, high, count }),
        }
    }

    fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, b| sum.saturating_add(b.count))
    }

    /// The quantiles; none where nothing was counted or it cannot be read.
    pub fn quantiles(&self) -> Option<Quantiles> {
        (!self.unreadable && self.total() > 0).then(|| Quantiles {
            p50: self.quantile(0.5),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
        })
    }

    /// Values above zero cannot lie above their mean by more than this, so many of them.
    fn bound(&self, share: f64) -> f64 {
        let from_zero = self.buckets.iter().all(|b| b.bottom() >= 0.0);
        let mean = self.sum / self.total() as f64;
        if from_zero && mean.is_finite() && mean > 0.0 {
            mean / (1.0 - share)
        } else {
            f64::INFINITY
        }
    }

    fn quantile(&self, share: f64) -> f64 {
        self.within(share).min(self.bound(share))
    }

    fn within(&self, share: f64) -> f64 {
        let rank = share * self.total() as f64;
        let mut below = 0.0;
        let mut at = 0.0;
        for bucket in &self.buckets {
            let count = bucket.count as f64;
            at = bucket.at((rank - below) / count);
            below += count;
            if below >= rank {
                break;
            }
        }
        at
    }

    /// What was counted since `before`; none where that cannot be told: its buckets are others now.
    fn since(&self, before: &Distribution) -> Option<Distribution> {
        let total = self.total();
        if total < before.total() {
            // It began anew: all of it is since then.
            return Some(self.clone());
        }
        let mut rest = self.clone();
        for was in &before.buckets {
            let same = |b: &&mut Bucket| b.low == was.low && b.high == was.high;
            let bucket = rest.buckets.iter_mut().find(same)?;
            bucket.count = bucket.count.checked_sub(was.count)?;
        }
        rest.buckets.retain(|b| b.count > 0);
        rest.sum -= before.sum;
        Some(rest)
    }
}

impl Bucket {
    fn bottom(&self) -> f64 {
        if self.low == f64::NEG_INFINITY && self.high > 0.0 { 0.0 } else { self.low }
    }

    /// The value so far into it. Of a bucket without an end, its other end; what begins nowhere begins at
    /// zero, where it ends above it.
    fn at(&self, share: f64) -> f64 {
        let low = self.bottom();
        match (low.is_finite(), self.high.is_finite()) {
            (true, true) => low + (self.high - low) * share.clamp(0.0, 1.0),
            (true, false) => low,
            (false, true) => self.high,
            // One bucket of everything says nothing of where.
            (false, false) => 0.0,
        }
    }
}

/// Growing histograms as they were sent last, so that quantiles are of what came since.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    last: HashMap<u64, (Distribution, u64)>,
}

impl Histograms {
    /// The quantiles of what was counted since this metric of this sender came before, at first since its
    /// start; and whether there was room to remember it. `now_ns` as of the last turn.
    pub(super) fn quantiles(
        &mut self,
        resource: &Resource<'_>,
        metric: &str,
        told: &Distribution,
        now_ns: u64,
    ) -> (Option<Quantiles>, bool) {
        if !told.cumulative || told.unreadable {
            return (told.quantiles(), true);
        }
        let key = key_of(resource, metric);
        if !self.last.contains_key(&key) && !self.make_room(now_ns) {
            return (None, false);
        }
        let before = self.last.insert(key, (told.clone(), now_ns));
        let fresh = match before {
            Some((before, _)) => told.since(&before),
            None => Some(told.clone()),
        };
        (fresh.and_then(|d| d.quantiles()), true)
    }

    fn make_room(&mut self, now_ns: u64) -> bool {
        if self.last.len() >= REMEMBERED_MAX {
            let kept_ns = REMEMBERED_SECS * 1_000_000_000;
            self.last.retain(|_, (_, sent_ns)| now_ns.saturating_sub(*sent_ns) <= kept_ns);
        }
        self.last.len() < REMEMBERED_MAX
    }
}

/// Who sends what. Two senders that say nothing of themselves but their service are one.
fn key_of(resource: &Resource<'_>, metric: &str) -> u64 {
    let Resource { service, instance_id, version, container_id, pid, host, .. } = resource;
    let mut hasher = DefaultHasher::new();
    (service, instance_id, version, container_id, pid, host, metric).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn explicit(bounds: &[f64], counts: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        distribution.explicit(bounds, counts);
        distribution
    }

    fn told(distribution: &Distribution) -> Option<(f64, f64, f64)> {
        distribution.quantiles().map(|q| (q.p50, q.p95, q.p99))
    }

    #[test]
    fn quantiles_lie_within_their_buckets_as_prometheus_has_it() {
        // 100 requests of up to 100 ms, evenly in two buckets.
        assert_eq!(told(&explicit(&[0.05, 0.1], &[50, 50, 0])), Some((0.05, 0.095, 0.099)));
        // Beyond the last bound nothing is known but that bound.
        assert_eq!(told(&explicit(&[1.0], &[1, 99])), Some((1.0, 1.0, 1.0)));
        assert_eq!(told(&explicit(&[-5.0, 5.0], &[100, 0, 0])), Some((-5.0, -5.0, -5.0)));
        assert_eq!(told(&explicit(&[1.0], &[0, 0])), None, "nothing was counted");
        assert_eq!(told(&explicit(&[], &[])), None, "no buckets were sent");
        for (bounds, counts) in
            [(&[1.0, 2.0][..], &[1, 2][..]), (&[2.0, 1.0], &[1, 2, 3]), (&[f64::NAN], &[1, 2])]
        {
            assert_eq!(told(&explicit(bounds, counts)), None, "{bounds:?} {counts:?}");
        }
    }

    #[test]
    fn where_buckets_are_too_wide_the_mean_bounds_the_quantiles() {
        let mut seconds = explicit(&[0.0, 5.0, 10.0], &[0, 1000, 0, 0]);
        seconds.sum(2.0);
        let (p50, p95, p99) = told(&seconds).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        // 2 ms each cannot be 2.5 s.
        assert!(near(p50, 0.004) && near(p95, 0.04) && near(p99, 0.2), "{p50} {p95} {p99}");
        let mut fitting = explicit(&[0.05, 0.1], &[50, 50, 0]);
        fitting.sum(5.0);
        assert_eq!(told(&fitting), Some((0.05, 0.095, 0.099)));
        let mut below_zero = explicit(&[-5.0, 5.0], &[50, 50, 0]);
        below_zero.sum(1.0);
        let (p50, p95, p99) = told(&below_zero).unwrap();
        // The mean says nothing where values may cancel each other.
        assert!(near(p50, -5.0) && near(p95, 4.0) && near(p99, 4.8), "{p50} {p95} {p99}");
    }

    #[test]
    fn exponential_buckets_are_powers_of_their_base() {
        let mut distribution = Distribution::default();
        // Scale 0, base 2: (1, 2], (2, 4], (4, 8]
        distribution.exponential(0, 0, &[10, 80, 10], false);
        assert_eq!(told(&distribution), Some((3.0, 6.0, 7.6)));
        distribution.zeros(100);
        distribution.exponential(0, 0, &[100], true);
        let quantiles = distribution.quantiles().unwrap();
        assert_eq!(quantiles.p50, 0.0);
        assert!((3.0..=4.0).contains(&quantiles.p95), "{quantiles:?}");
    }

    #[test]
    fn points_of_one_metric_add_up() {
        let mut both = explicit(&[10.0], &[4, 0]);
        both.explicit(&[10.0], &[0, 4]);
        assert_eq!(both.total(), 8);
        assert_eq!(both.buckets.len(), 2);
    }

    #[test]
    fn what_only_grows_is_told_by_what_came_since() {
        let mut histograms = Histograms::default();
        let shop = Resource { service: "shop", pid: 7, ..Resource::default() };
        let mut tell = |resource: &Resource<'_>, counts: &[u64]| {
            let grown = Distribution { cumulative: true, ..explicit(&[1.0, 2.0], counts) };
            let (quantiles, room) = histograms.quantiles(resource, "wait", &grown, 1);
            assert!(room);
            quantiles.map(|q| q.p50)
        };
        assert_eq!(tell(&shop, &[100, 0, 0]), Some(0.5), "at first since its start");
        assert_eq!(tell(&shop, &[100, 10, 0]), Some(1.5), "then the new ones alone");
        assert_eq!(tell(&shop, &[100, 10, 0]), None, "nothing came");
        let other = Resource { pid: 8, ..shop };
        assert_eq!(tell(&other, &[100, 0, 0]), Some(0.5), "another sender is another count");
        assert_eq!(tell(&shop, &[2, 0, 0]), Some(0.5), "it began anew");
        assert_eq!(tell(&shop, &[1, 4, 0]), None, "what sank and grew cannot be told apart");
        assert_eq!(tell(&shop, &[1, 4, 6]), Some(2.0));
    }

    #[test]
    fn room_is_bounded_and_the_silent_make_it() {
        let mut histograms = Histograms::default();
        let growing = Distribution { cumulative: true, ..explicit(&[1.0], &[1, 0]) };
        let shop = Resource { service: "shop", ..Resource::default() };
        for n in 0..REMEMBERED_MAX {
            assert!(histograms.quantiles(&shop, &format!("m{n}"), &growing, 1).1);
        }
        assert_eq!(histograms.quantiles(&shop, "more", &growing, 2), (None, false));
        let later = (REMEMBERED_SECS + 1) * 1_000_000_000;
        let (quantiles, room) = histograms.quantiles(&shop, "more", &growing, later + 1);
        assert!(quantiles.is_some() && room);
        assert_eq!(histograms.last.len(), 1);
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_any_numbers_are_borne(
            bounds in proptest::collection::vec(any::<f64>(), 0..20),
            counts in proptest::collection::vec(any::<u64>(), 0..20),
            scale in any::<i32>(),
            offset in any::<i32>(),
            negative in any::<bool>(),
        ) {
            let mut distribution = explicit(&bounds, &counts);
            distribution.exponential(scale, offset, &counts, negative);
            distribution.zeros(counts.len() as u64);
            if let Some(q) = distribution.quantiles() {
                prop_assert!(q.p50 <= q.p95 && q.p95 <= q.p99, "{q:?}");
                prop_assert!(!q.p50.is_nan() && !q.p99.is_nan());
            }
        }

        #[test]
        fn quantiles_are_within_the_bucket_of_the_true_ones(
            values in proptest::collection::vec(0.0f64..100.0, 1..200),
        ) {
            let bounds: Vec<f64> = (1..=20).map(|n| f64::from(n) * 5.0).collect();
            let mut counts = vec![0_u64; bounds.len() + 1];
            for value in &values {
                let at = bounds.iter().position(|b| value <= b).unwrap();
                counts[at] += 1;
            }
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let q = explicit(&bounds, &counts).quantiles().unwrap();
            for (share, told) in [(0.5, q.p50), (0.95, q.p95), (0.99, q.p99)] {
                let rank = (share * values.len() as f64).ceil().max(1.0) as usize;
                let truth = sorted[rank - 1];
                prop_assert!((told - truth).abs() <= 5.0 + 1e-9, "{share}: {told} for {truth}");
            }
        }
    }
}
