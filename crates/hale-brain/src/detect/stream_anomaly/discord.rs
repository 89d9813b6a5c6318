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
/// Lags that are handled side by side, and how many of those are judged in one go.
const LANES: usize = 16;
const BLOCK: usize = 8 * LANES;
/// A sum that falls below this share of what left it is mostly rounding, and is taken anew.
const CANCELLED: f64 = 1e-9;

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

    /// Root mean square distance to the third-nearest run that does not overlap the last one; None
    /// while there are too few. To be called once after each [`History::push`].
    pub(super) fn distance(&mut self, history: &History) -> Option<f64> {
        let seen = history.newest_first();
        let (&now, earlier) = seen.split_first()?;
        let left = seen.get(self.rows..).and_then(|s| s.split_first());
        let (&left, before_left) = left.unwrap_or((&0.0, &[]));
        let both = before_left.len().min(HISTORY_ROWS);
        let (moving, growing) = self.squares.split_at_mut(both);
        let blocks = moving
            .chunks_mut(BLOCK)
            .zip(earlier.chunks(BLOCK))
            .zip(before_left.chunks(BLOCK))
            .enumerate();
        for (at, ((squares, entering), leaving)) in blocks {
            if advance(squares, entering, leaving, now, left) {
                renew(squares, leaving, left, seen, self.rows, at * BLOCK);
            }
        }
        for (square, then) in growing.iter_mut().zip(earlier.get(both..).unwrap_or(&[])) {
            *square += (now - then) * (now - then);
        }
        self.renew = (self.renew + 1) % HISTORY_ROWS;
        if let Some(square) = self.squares.get_mut(self.renew) {
            *square = by_definition(seen, self.rows, self.renew + 1).unwrap_or(*square);
        }
        // Lags below the length overlap the run itself; above, the history does not reach.
        let last = HISTORY_ROWS.min(seen.len().saturating_sub(self.rows));
        let complete = self.squares.get(self.rows - 1..last).unwrap_or(&[]);
        let enough = complete.len() >= self.rows + NEIGHBOURS;
        enough.then(|| (nth_smallest(complete).max(0.0) / self.rows as f64).sqrt())
    }
}

/// Moves sums on by one row. True if one of them may have lost its digits.
fn advance(squares: &mut [f64], entering: &[f64], leaving: &[f64], now: f64, left: f64) -> bool {
    // Lanes of a length that the compiler knows become vector instructions.
    let (wide, rest) = squares.as_chunks_mut::<LANES>();
    let (entering_wide, entering_rest) = entering.split_at(wide.len() * LANES);
    let (leaving_wide, leaving_rest) = leaving.split_at(wide.len() * LANES);
    let mut short = [0.0_f64; LANES];
    let lanes =
        entering_wide.as_chunks::<LANES>().0.iter().zip(leaving_wide.as_chunks::<LANES>().0);
    for (squares, (entering, leaving)) in wide.iter_mut().zip(lanes) {
        for lane in 0..LANES {
            let more = (now - entering[lane]) * (now - entering[lane]);
            let less = (left - leaving[lane]) * (left - leaving[lane]);
            squares[lane] += more - less;
            let lacks = CANCELLED * less - squares[lane];
            short[lane] = if lacks > short[lane] { lacks } else { short[lane] };
        }
    }
    let mut lost = short.iter().any(|&lacks| lacks > 0.0);
    for ((square, then), gone) in rest.iter_mut().zip(entering_rest).zip(leaving_rest) {
        let less = (left - gone) * (left - gone);
        *square += (now - then) * (now - then) - less;
        lost |= *square < CANCELLED * less;
    }
    lost
}

/// Takes those sums anew that lost their digits; the first is that of lag `from` + 1.
fn renew(squares: &mut [f64], leaving: &[f64], left: f64, seen: &[f64], rows: usize, from: usize) {
    for (at, (square, gone)) in squares.iter_mut().zip(leaving).enumerate() {
        if *square < CANCELLED * (left - gone) * (left - gone) {
            *square = by_definition(seen, rows, from + at + 1).unwrap_or(*square);
        }
    }
}

/// The sum of squared differences between the last rows and those `lag` before; None where the
/// history does not reach.
fn by_definition(seen: &[f64], rows: usize, lag: usize) -> Option<f64> {
    let (run, other) = (seen.get(..rows)?, seen.get(lag..lag + rows)?);
    Some(run.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum())
}

/// The [`NEIGHBOURS`]th smallest. Blocks whose least is too large are passed over.
fn nth_smallest(squares: &[f64]) -> f64 {
    let mut nearest = [f64::INFINITY; NEIGHBOURS];
    for block in squares.chunks(BLOCK) {
        let (wide, rest) = block.as_chunks::<LANES>();
        let mut least = [f64::INFINITY; LANES];
        for squares in wide {
            for lane in 0..LANES {
                least[lane] = if squares[lane] < least[lane] { squares[lane] } else { least[lane] };
            }
        }
        let furthest = nearest[NEIGHBOURS - 1];
        if !least.iter().chain(rest).any(|&square| square < furthest) {
            continue;
        }
        for &square in block {
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
                let distance = discord.distance(&history).unwrap_or(0.0);
                if row < 80 || row % 97 == 0 {
                    let expected = slow(&values, discord.rows);
                    assert!((distance - expected).abs() < 1e-6, "{row}: {distance} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_was_huge_leaves_nothing_behind() {
        for huge in [1e3, 1e9, 1e18, 1e60] {
            let (mut history, mut discord) = (History::new(4), Discord::new(4));
            for row in 0..9000 {
                let wave = 0.1 * f64::from(row % 10);
                history.push(if row == 3000 { huge } else { wave });
                let distance = discord.distance(&history).unwrap_or(0.0);
                let strange = (3000..3004).contains(&row);
                assert!(row < 100 || strange == (distance > 1e-7), "{huge} {row}: {distance}");
                assert!(row < 100 || strange == (distance > 100.0), "{huge} {row}: {distance}");
            }
        }
    }
}
