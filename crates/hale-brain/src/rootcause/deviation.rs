//! How far a figure is from what is usual for it: in its own noise, and in its own unit.

/// Values of before that are needed to call anything usual.
const USUAL_MIN: usize = 5;
/// A recent level is better than an old one, if there is as much of it.
const RECENT_MIN: usize = 5;
/// Noise is at least this share of the usual level.
const NOISE_SHARE_MIN: f64 = 0.1;
/// Standard deviations at which a deviation is believed by half.
const HALF_SIGMAS: f64 = 4.0;
/// From the median of absolute deviations, and from their 90th percentile, to a standard deviation.
const SIGMA_OF_MEDIAN: f64 = 1.4826;
const SIGMA_OF_P90: f64 = 1.0 / 1.645;
/// No figure is further away than this: infinities would win every sum.
const FINITE_MAX: f64 = 1e12;

/// A figure against what is usual for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    /// In standard deviations of its noise; negative: better than usual.
    pub sigmas: f64,
    /// In the figure's own unit.
    pub excess: f64,
}

impl Deviation {
    /// With figures that were worked out elsewhere; none where one of them is no number.
    pub fn new(sigmas: f64, excess: f64) -> Option<Deviation> {
        let bounded = |x: f64| x.clamp(-FINITE_MAX, FINITE_MAX);
        let known = !sigmas.is_nan() && !excess.is_nan();
        known.then(|| Deviation { sigmas: bounded(sigmas), excess: bounded(excess) })
    }

    /// Compares what is `now` with what is `usual`, at the level that it had `recent`ly where enough of that is
    /// known: what is usual by day may not be by night. Higher is worse. `floor`: what is always noise, in
    /// the figure's unit. None: too little is known.
    pub fn of(usual: &[f64], recent: &[f64], now: &[f64], floor: f64) -> Option<Deviation> {
        if usual.len() + recent.len() < USUAL_MIN || now.is_empty() {
            return None;
        }
        let level = if recent.len() >= RECENT_MIN {
            median(recent)
        } else {
            median(&[usual, recent].concat())
        };
        let noise = spread(usual).max(spread(recent)).max(NOISE_SHARE_MIN * level.abs()).max(floor);
        let excess = highest_two(now) - level;
        Deviation::new(excess / noise.max(1e-9), excess)
    }

    /// What is left of it when another explains its part of it: what a caller waits, less what the
    /// callee works.
    #[must_use]
    pub fn beyond(self, other: Deviation) -> Deviation {
        if self.excess <= 0.0 {
            return Deviation::default();
        }
        let left = (self.excess - other.excess.max(0.0)).max(0.0);
        Deviation { sigmas: self.sigmas * left / self.excess, excess: left }
    }

    /// How surely it is no chance, 0..1.
    pub fn confidence(self) -> f64 {
        let squared = self.sigmas.max(0.0).powi(2);
        squared / (squared + HALF_SIGMAS.powi(2))
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(0.0);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or(upper);
    (lower + upper) / 2.0
}

/// Noise: robust against faults among what is called usual, and not blind for its tail.
fn spread(values: &[f64]) -> f64 {
    if values.len() < USUAL_MIN {
        return 0.0;
    }
    let center = median(values);
    let away = sorted(&values.iter().map(|v| (v - center).abs()).collect::<Vec<_>>());
    let p90 = away.get(away.len() * 9 / 10).or(away.last()).copied().unwrap_or(0.0);
    (median(&away) * SIGMA_OF_MEDIAN).max(p90 * SIGMA_OF_P90)
}

/// The mean of the two highest: one odd value counts half.
fn highest_two(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let highest: Vec<f64> = sorted.iter().rev().take(2).copied().collect();
    highest.iter().sum::<f64>() / highest.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_jump_is_told_in_its_noise_and_in_its_unit() {
        let usual: Vec<f64> = (0..100).map(|n| 10.0 + f64::from(n % 5)).collect();
        for (recent, now, sigmas, excess) in [
            (&[][..], &[12.0, 12.0][..], 0.0, 0.0),
            (&[][..], &[12.0, 32.0, 32.0][..], 13.5, 20.0),
            (&[][..], &[12.0, 32.0, 12.0][..], 6.7, 10.0),
            // By now the level is another one; the noise is the same.
            (&[30.0, 31.0, 32.0, 33.0, 34.0][..], &[32.0, 32.0][..], 0.0, 0.0),
            (&[][..], &[2.0, 2.0][..], -6.7, -10.0),
        ] {
            let told = Deviation::of(&usual, recent, now, 0.0).unwrap();
            let rounded = (told.sigmas * 10.0).round() / 10.0;
            assert_eq!((rounded, told.excess), (sigmas, excess), "{recent:?} {now:?}");
        }
    }

    #[test]
    fn too_little_is_not_judged_and_what_never_varied_has_a_floor() {
        assert_eq!(Deviation::of(&[1.0; 4], &[], &[9.0], 0.0), None);
        assert_eq!(Deviation::of(&[1.0; 9], &[], &[], 0.0), None);
        let told = Deviation::of(&[0.0; 9], &[], &[3.0], 1.0).unwrap();
        assert_eq!(told, Deviation { sigmas: 3.0, excess: 3.0 });
        assert_eq!(Deviation::new(f64::NAN, 0.0), None);
        assert!(Deviation::new(f64::INFINITY, 1.0).unwrap().confidence() <= 1.0);
    }

    #[test]
    fn what_the_callee_explains_is_no_delay() {
        let caller = Deviation { sigmas: 8.0, excess: 0.2 };
        let left = |excess| caller.beyond(Deviation { sigmas: 1.0, excess });
        assert_eq!(left(0.2), Deviation::default());
        assert_eq!(left(0.1), Deviation { sigmas: 4.0, excess: 0.1 });
        assert_eq!(left(-3.0), caller);
    }
}
