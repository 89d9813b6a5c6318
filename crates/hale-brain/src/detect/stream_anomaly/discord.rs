//! Is there any time before that looked like the last rows? The distance from the last `rows` values
//! to the nearest runs of the same length in the history: the streaming (left) matrix profile, after
//! Yeh and others, "Matrix Profile I" (2016), without its normalisation, because level matters here.
//!
//! The squared distance at each lag is kept and moved on by one row: one term enters, one leaves, so
//! a row costs the length of the history and not that times the length of the run.

/// Rows back that are compared.
pub(super) const HISTORY_ROWS: usize = 2048;
/// Which of the nearest counts: with the third, what happened once or twice is still new.
const NEIGHBOURS: usize = 3;
/// Lags whose nearest is looked at in one go.
const CHUNK: usize = 16;
/// A smaller mean square is rounding.
const MIN_MEAN_SQUARE: f64 = 1e-12;

/// The last rows, newest first and contiguous.
pub(super) struct History {
    buffer: Vec<f64>,
    newest: usize,
    rows: usize,
    keep: usize,
}

impl History {
    /// Keeps what runs of up to `longest` rows need.
    pub(super) fn new(longest: usize) -> Self {
        let keep = HISTORY_ROWS + longest + 1;
        History { buffer: vec![0.0; 2 * keep], newest: 2 * keep, rows: 0, keep }
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.newest == 0 {
            let (front, back) = self.buffer.split_at_mut(self.keep);
            back.copy_from_slice(front);
            self.newest = self.keep;
        }
        self.newest -= 1;
        if let Some(slot) = self.buffer.get_mut(self.newest) {
            *slot = value;
        }
        self.rows = (self.rows + 1).min(self.keep);
    }

    /// The rows, newest first.
    fn newest_first(&self) -> &[f64] {
        self.buffer.get(self.newest..self.newest + self.rows).unwrap_or(&[])
    }
}

/// Distances of the last `rows` values to each run in the history.
pub(super) struct Discord {
    rows: usize,
    /// Sum of squared differences, by lag - 1.
    squares: Vec<f64>,
    /// The lag whose sum is next taken anew, so that rounding never adds up.
    renew: usize,
}

impl Discord {
    pub(super) fn new(rows: usize) -> Self {
        Discord { rows, squares: vec![0.0; HISTORY_ROWS], renew: 0 }
    }

    /// Root mean square distance to the third-nearest run that does not overlap the last one; 0
    /// while there are too few. To be called once after each [`History::push`].
    pub(super) fn distance(&mut self, history: &History) -> f64 {
        let seen = history.newest_first();
        let Some((&now, earlier)) = seen.split_first() else { return 0.0 };
        for (square, then) in self.squares.iter_mut().zip(earlier) {
            *square += (now - then) * (now - then);
        }
        if let Some((&left, before_it)) = seen.get(self.rows..).and_then(|s| s.split_first()) {
            for (square, then) in self.squares.iter_mut().zip(before_it) {
                *square -= (left - then) * (left - then);
            }
        }
        self.renew_one(seen);
        // Lags below the length overlap the run itself; above, the history does not reach.
        let last = HISTORY_ROWS.min((seen.len() + 1).saturating_sub(self.rows + 1));
        let complete = self.squares.get(self.rows - 1..last).unwrap_or(&[]);
        if complete.len() < self.rows + NEIGHBOURS {
            return 0.0;
        }
        let mean_square = nth_smallest(complete) / self.rows as f64;
        if mean_square < MIN_MEAN_SQUARE { 0.0 } else { mean_square.sqrt() }
    }

    fn renew_one(&mut self, seen: &[f64]) {
        self.renew = (self.renew + 1) % HISTORY_ROWS;
        let run = seen.get(..self.rows);
        let other = seen.get(self.renew + 1..self.renew + 1 + self.rows);
        if let (Some(run), Some(other), Some(square)) =
            (run, other, self.squares.get_mut(self.renew))
        {
            *square = run.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
        }
    }
}

/// The [`NEIGHBOURS`]th smallest. Chunks whose least is too large are passed over.
fn nth_smallest(squares: &[f64]) -> f64 {
    let mut nearest = [f64::INFINITY; NEIGHBOURS];
    for chunk in squares.chunks(CHUNK) {
        let least = chunk.iter().fold(f64::INFINITY, |a, &b| if b < a { b } else { a });
        if least >= nearest[NEIGHBOURS - 1] {
            continue;
        }
        for &square in chunk {
            if square < nearest[NEIGHBOURS - 1] {
                nearest[NEIGHBOURS - 1] = square;
                nearest.sort_unstable_by(f64::total_cmp);
            }
        }
    }
    nearest[NEIGHBOURS - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, without any sum carried on.
    fn slow(values: &[f64], rows: usize) -> f64 {
        let now = values.len() - 1;
        let last = HISTORY_ROWS.min((now + 1).saturating_sub(rows));
        let mut squares: Vec<f64> = (rows..=last)
            .map(|lag| (0..rows).map(|k| (values[now - k] - values[now - k - lag]).powi(2)).sum())
            .collect();
        if squares.len() < rows + NEIGHBOURS {
            return 0.0;
        }
        squares.sort_by(f64::total_cmp);
        (squares[NEIGHBOURS - 1] / rows as f64).sqrt()
    }

    #[test]
    fn the_carried_sums_agree_with_the_definition() {
        let (mut history, mut state) = (History::new(16), 7_u64);
        let mut discords = [1, 4, 16].map(Discord::new);
        let mut values = Vec::new();
        for row in 0..6000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let value = f64::from(row % 50) + (state >> 60) as f64;
            values.push(value);
            history.push(value);
            for discord in &mut discords {
                let distance = discord.distance(&history);
                if row < 80 || row % 97 == 0 {
                    let expected = slow(&values, discord.rows);
                    assert!((distance - expected).abs() < 1e-6, "{row}: {distance} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_was_huge_leaves_nothing_behind() {
        let (mut history, mut discord) = (History::new(4), Discord::new(4));
        let wave = |row: u32| f64::from(row % 10);
        for row in 0..9000 {
            history.push(if row == 3000 { 1e3 } else { wave(row) });
            let distance = discord.distance(&history);
            if row > 100 {
                assert_eq!(distance > 100.0, (3000..3004).contains(&row), "{row}: {distance}");
                assert!(distance < 1e-6 || (3000..3004).contains(&row), "{row}: {distance}");
            }
        }
    }
}
