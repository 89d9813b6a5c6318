//! Values of any unit and size on one scale: deviations from the recent median, with large ones
//! compressed like counts are (square root), so that busy hours do not look stranger than quiet ones.

/// Rows whose median and spread are taken.
const WINDOW_ROWS: usize = 2000;
/// Median and spread are taken anew after so many rows, and more often while there are few.
const REFRESH_ROWS: u64 = 50;
const REFRESH_ROWS_EARLY: u64 = 5;
const EARLY_ROWS: u64 = 100;
/// From the distance between the quartiles to the standard deviation of a normal distribution, and
/// from that between the 5 % and 95 % quantiles.
const QUARTILES_TO_SIGMA: f64 = 1.35;
const WIDE_TO_SIGMA: f64 = 3.3;
/// What the wide quantiles count where the quartiles say nothing (a metric that mostly rests).
const WIDE_SHARE: f64 = 0.3;
/// Of a metric that never moved, so much of its size counts as a deviation.
const RELATIVE_FLOOR: f64 = 1e-3;
const ABSOLUTE_FLOOR: f64 = 1e-9;
/// Deviations that are told apart.
const MAX_DEVIATIONS: f64 = 1e6;

/// The recent values, their median and their spread.
pub(super) struct Scale {
    recent: Vec<f64>,
    sorted: Vec<f64>,
    rows: u64,
    median: f64,
    sigma: f64,
}

impl Scale {
    pub(super) fn new() -> Self {
        Scale { recent: Vec::new(), sorted: Vec::new(), rows: 0, median: 0.0, sigma: 1.0 }
    }

    /// Takes in a value and gives it on the common scale; finite for every finite value.
    pub(super) fn stabilised(&mut self, value: f64) -> f64 {
        let at = (self.rows % WINDOW_ROWS as u64) as usize;
        match self.recent.get_mut(at) {
            Some(oldest) => *oldest = value,
            None => self.recent.push(value),
        }
        let every = if self.rows < EARLY_ROWS { REFRESH_ROWS_EARLY } else { REFRESH_ROWS };
        if self.rows.is_multiple_of(every) {
            self.refresh();
        }
        self.rows += 1;
        let deviations =
            ((value - self.median) / self.sigma).clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS);
        deviations.signum() * ((1.0 + deviations.abs()).sqrt() - 1.0)
    }

    fn refresh(&mut self) {
        self.sorted.clone_from(&self.recent);
        let rows = self.sorted.len();
        let mut quantile = |at: usize| *self.sorted.select_nth_unstable_by(at, f64::total_cmp).1;
        self.median = quantile(rows / 2);
        let quartiles = quantile(rows * 3 / 4) - quantile(rows / 4);
        let wide = quantile(rows * 95 / 100) - quantile(rows * 5 / 100);
        self.sigma = (quartiles / QUARTILES_TO_SIGMA).max(WIDE_SHARE * wide / WIDE_TO_SIGMA);
        if self.sigma <= 0.0 {
            let mean_deviation =
                self.recent.iter().map(|v| (v - self.median).abs() / rows as f64).sum::<f64>();
            let floor = ABSOLUTE_FLOOR + RELATIVE_FLOOR * self.median.abs();
            self.sigma = mean_deviation.max(floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(values: impl IntoIterator<Item = f64>) -> f64 {
        let mut scale = Scale::new();
        values.into_iter().map(|v| scale.stabilised(v)).last().unwrap()
    }

    #[test]
    fn unit_and_offset_do_not_matter() {
        let wave = |i: u32| f64::from(i * 37 % 101);
        let plain = last((0..500).map(wave));
        let scaled = last((0..500).map(|i| 1e6 + 4096.0 * wave(i)));
        assert!((plain - scaled).abs() < 1e-9, "{plain} {scaled}");
    }

    #[test]
    fn every_finite_value_has_a_finite_place() {
        for value in [0.0, -1e150, 1e150, f64::MIN_POSITIVE] {
            let steady = std::iter::repeat_n(5.0, 300);
            assert!(last(steady.chain([value])).is_finite(), "{value}");
        }
        assert_eq!(last(std::iter::repeat_n(7.0, 300)), 0.0);
    }
}
