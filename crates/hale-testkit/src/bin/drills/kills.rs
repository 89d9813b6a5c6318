//! When to kill -9 the agent: moments that are random, and the same again for the same seed.

use std::time::Duration;

/// Most of what a quick drill does happens within this time after the fault.
const WITHIN_MILLIS: u64 = 14_000;
const PER_DRILL: u32 = 3;

/// How often the agent has yet to be killed.
pub struct Kills {
    wanted: u32,
    /// How often it was.
    pub done: u32,
    state: u64,
}

impl Kills {
    /// So many kills, at moments that follow from the seed.
    pub fn new(wanted: u32, seed: u64) -> Kills {
        Kills { wanted, done: 0, state: seed }
    }

    /// How many are left to do.
    pub fn left(&self) -> u32 {
        self.wanted.saturating_sub(self.done)
    }

    /// Moments for the next drill, counted from the fault.
    pub fn plan(&mut self) -> Vec<Option<Duration>> {
        let count = self.left().min(PER_DRILL);
        let mut times: Vec<Duration> =
            (0..count).map(|_| Duration::from_millis(self.next() % WITHIN_MILLIS)).collect();
        times.sort();
        times.into_iter().map(Some).collect()
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_moments_in_order() {
        let plan = Kills::new(50, 7).plan();
        assert_eq!(plan, Kills::new(50, 7).plan());
        assert_ne!(plan, Kills::new(50, 8).plan());
        assert_eq!(plan.len(), 3);
        assert!(plan.is_sorted());
    }

    #[test]
    fn no_more_kills_than_wanted() {
        let mut kills = Kills::new(4, 1);
        kills.done = 3;
        assert_eq!(kills.plan().len(), 1);
        kills.done = 4;
        assert!(kills.plan().is_empty());
    }
}
