//! How rare a number is among those before it: a histogram with fading memory, and beyond its end
//! the tail of a Pareto distribution (peaks over threshold, Hill's estimator).

/// Bins of one octave: neighbours differ by 4 %.
const BINS_PER_OCTAVE: f64 = 16.0;
/// Octaves below the first number that are told apart; what is smaller shares a bin.
const OCTAVES_BELOW: f64 = 40.0;
/// Bins in all: 80 octaves.
const BINS: usize = 1280;
/// Numbers that are remembered; older ones fade.
const MEMORY_ROWS: f64 = 5000.0;
/// Fewer say nothing about rarity.
const MIN_ROWS: f64 = 20.0;
/// Share of the numbers that counts as the tail, and how many at least.
const TAIL_SHARE: f64 = 0.02;
const TAIL_MIN_ROWS: f64 = 4.0;
/// So many above a number, and counting is trusted; with fewer, the fitted tail has its say.
const COUNTED_ROWS: f64 = 4.0;
/// The steepest tail that is believed: few numbers make it look steeper than it is.
const MAX_STEEPNESS: f64 = 12.0;
/// Half the width of a bin in natural logarithm would divide by zero; this keeps it off.
const MIN_EXCESS: f64 = 0.01;
/// The weight of one row grows instead of all others shrinking; at this it is set back.
const MAX_WEIGHT: f64 = 1e100;
/// Nothing is rarer than one in 10 to the power of this.
const MAX_SURPRISE: f64 = 30.0;

/// What was seen, weighted by age.
pub(super) struct Tail {
    counts: Vec<f64>,
    total: f64,
    /// Weight of the newest row.
    weight: f64,
    /// Above this bin there is nothing.
    highest: usize,
    /// Of the first number that was not zero, so that any unit fits.
    origin_log2: Option<f64>,
}

impl Tail {
    pub(super) fn new() -> Self {
        Tail { counts: vec![0.0; BINS], total: 0.0, weight: 1.0, highest: 0, origin_log2: None }
    }

    /// -log10 of the probability of a number at least this large, judged by those before it; then
    /// learns it. `magnitude` is finite and not negative.
    pub(super) fn surprise(&mut self, magnitude: f64) -> f64 {
        let surprise = self.judge(magnitude);
        self.learn(magnitude);
        surprise
    }

    fn judge(&self, magnitude: f64) -> f64 {
        let total = self.total / self.weight;
        if total < MIN_ROWS || magnitude <= 0.0 {
            return 0.0;
        }
        let bin = self.bin_of(magnitude);
        let upper_share = self.share_of_bin_above(magnitude, bin);
        let wanted = (TAIL_SHARE * total).max(TAIL_MIN_ROWS) * self.weight;
        let (mut count, mut log_sum, mut above) = (0.0, 0.0, 0.0);
        let mut start = self.highest + 1;
        while start > 0 && count < wanted {
            start -= 1;
            let here = self.counts.get(start).copied().unwrap_or(0.0);
            if start > bin {
                above += here;
            } else if start == bin {
                above += upper_share * here;
            }
            count += here;
            log_sum += here * log2_of(start);
        }
        let surprise = if bin > start {
            let from = log2_of(start);
            let excess = (log_sum / count - from) * std::f64::consts::LN_2;
            let steepness = (1.0 / (excess + MIN_EXCESS)).min(MAX_STEEPNESS);
            let beyond =
                (self.log2_from_origin(magnitude) - from).max(0.0) * std::f64::consts::LOG10_2;
            let fitted = -(count / self.total).log10() + steepness * beyond;
            let counted = -((above + 0.5 * self.weight) / self.total).log10();
            let trust = (above / self.weight / COUNTED_ROWS).min(1.0);
            trust * counted + (1.0 - trust) * fitted
        } else {
            let between: f64 = self.counts.get(bin + 1..start).unwrap_or(&[]).iter().sum();
            let own = self.counts.get(bin).copied().unwrap_or(0.0);
            let above = if bin == start {
                count - (1.0 - upper_share) * own
            } else {
                count + between + upper_share * own
            };
            -(above.max(0.5 * self.weight) / self.total).log10()
        };
        surprise.clamp(0.0, MAX_SURPRISE)
    }

    fn log2_from_origin(&self, magnitude: f64) -> f64 {
        magnitude.log2() - self.origin_log2.unwrap_or(0.0)
    }

    /// How much of its bin lies above a number.
    fn share_of_bin_above(&self, magnitude: f64, bin: usize) -> f64 {
        let upper_log2 = (bin + 1) as f64 / BINS_PER_OCTAVE - OCTAVES_BELOW;
        ((upper_log2 - self.log2_from_origin(magnitude)) * BINS_PER_OCTAVE).clamp(0.0, 1.0)
    }

    /// The first bin holds zero.
    fn bin_of(&self, magnitude: f64) -> usize {
        if magnitude <= 0.0 {
            return 0;
        }
        let bin = (self.log2_from_origin(magnitude) + OCTAVES_BELOW) * BINS_PER_OCTAVE;
        bin.clamp(1.0, (BINS - 1) as f64) as usize
    }

    fn learn(&mut self, magnitude: f64) {
        if magnitude > 0.0 && self.origin_log2.is_none() {
            self.origin_log2 = Some(magnitude.log2());
        }
        let bin = self.bin_of(magnitude);
        self.weight /= 1.0 - 1.0 / MEMORY_ROWS;
        self.total += self.weight;
        self.highest = self.highest.max(bin);
        if let Some(count) = self.counts.get_mut(bin) {
            *count += self.weight;
        }
        if self.weight > MAX_WEIGHT {
            for count in &mut self.counts {
                *count /= self.weight;
            }
            self.total /= self.weight;
            self.weight = 1.0;
        }
    }
}

/// The middle of a bin.
fn log2_of(bin: usize) -> f64 {
    (bin as f64 + 0.5) / BINS_PER_OCTAVE - OCTAVES_BELOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_is_the_logarithm_of_the_share_above() {
        let mut tail = Tail::new();
        for n in 0..2000 {
            tail.surprise(f64::from(n % 1000 + 1));
        }
        for (magnitude, expected) in [(500.0, 0.30), (900.0, 1.0), (1.0, 0.0), (0.0, 0.0)] {
            let surprise = tail.judge(magnitude);
            assert!((surprise - expected).abs() < 0.06, "{magnitude}: {surprise}");
        }
        let far: Vec<f64> = [2e3, 1e4, 1e6].map(|m| tail.judge(m)).to_vec();
        assert!(far.is_sorted() && far[0] > 3.0, "{far:?}");
        assert_eq!(tail.judge(f64::MAX), MAX_SURPRISE);
    }

    #[test]
    fn what_repeats_surprises_less_each_time() {
        let mut tail = Tail::new();
        for _ in 0..1000 {
            tail.surprise(1.0);
        }
        let again: Vec<f64> = (0..8).map(|_| tail.surprise(50.0)).collect();
        assert!(again.is_sorted_by(|a, b| a > b), "{again:?}");
        assert!(again[0] > 5.0 && again[7] < 5.0, "{again:?}");
    }

    #[test]
    fn memory_fades_and_weights_never_overflow() {
        let mut tail = Tail::new();
        // 3 million rows: the weight is set back twice.
        for n in 0..3_000_000 {
            tail.learn(if n < 1000 { 100.0 } else { 1.0 });
        }
        assert!(tail.total.is_finite() && tail.weight < MAX_WEIGHT);
        assert!((tail.total / tail.weight - MEMORY_ROWS).abs() < 2.0);
        assert!(tail.judge(100.0) > 3.0);
    }
}
