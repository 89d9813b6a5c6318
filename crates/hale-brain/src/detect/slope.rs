//! Straight lines through noisy points.

/// Most points that a slope is taken over: pairs grow with the square.
const MAX_POINTS: usize = 48;

/// Theil–Sen: the median of the slopes between all pairs, in y per x. Up to 29 % of the points may
/// be wild without moving it. None for fewer than two distinct x.
pub(super) fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let step = points.len().div_ceil(MAX_POINTS).max(1);
    let kept: Vec<_> = points.iter().copied().step_by(step).collect();
    let mut slopes = Vec::with_capacity(kept.len() * kept.len() / 2);
    for (i, (x1, y1)) in kept.iter().enumerate() {
        for (x2, y2) in &kept[i + 1..] {
            let run = x2 - x1;
            if run > 0.0 {
                slopes.push((y2 - y1) / run);
            }
        }
    }
    median(&mut slopes)
}

/// The middle; none of an empty slice. Reorders it.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, value, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*value)
}

/// A robust line: value at x = 0, slope, and how well it fits (1: all points on it; 0: the points
/// lie as far from it as it rises).
pub(super) struct Line {
    pub(super) at_zero: f64,
    pub(super) slope: f64,
    pub(super) fit: f64,
}

/// The line through these points; none for fewer than three.
pub(super) fn line(points: &[(f64, f64)]) -> Option<Line> {
    let (first, last) = (points.first()?, points.last()?);
    let slope = theil_sen(points).filter(|_| points.len() >= 3)?;
    let mut starts: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    let at_zero = median(&mut starts)?;
    let mut off: Vec<f64> = points.iter().map(|(x, y)| (y - at_zero - slope * x).abs()).collect();
    let typical = median(&mut off)?;
    let rise = (slope * (last.0 - first.0)).abs();
    let fit = if rise > 0.0 { (1.0 - 4.0 * typical / rise).max(0.0) } else { 0.0 };
    Some(Line { at_zero, slope, fit })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn wild_points_do_not_move_the_line() {
        let mut points: Vec<(f64, f64)> =
            (0..30).map(|i| (f64::from(i), 5.0 + 2.0 * f64::from(i))).collect();
        points[4].1 = 1e6;
        points[20].1 = -1e6;
        let line = line(&points).unwrap();
        assert!((line.slope - 2.0).abs() < 0.01, "{}", line.slope);
        assert!((line.at_zero - 5.0).abs() < 0.1);
        assert!(line.fit > 0.95);
        assert!(theil_sen(&[(1.0, 1.0)]).is_none());
        assert!(theil_sen(&[(1.0, 1.0), (1.0, 2.0)]).is_none());
    }
}
