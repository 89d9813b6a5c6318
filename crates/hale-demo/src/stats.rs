//! What a service remembers of its last requests, to notice by itself that something is wrong.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests remembered.
const REQUESTS_MAX: usize = 512;

/// One request that was answered.
#[derive(Clone, Copy, Debug)]
struct Answered {
    at: Instant,
    /// Time spent here, without waiting for other services.
    own: Duration,
    /// Whether it failed by this service's own fault.
    failed: bool,
}

/// The last requests.
#[derive(Debug, Default)]
pub struct Stats {
    recent: Mutex<VecDeque<Answered>>,
}

/// What they say about some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    /// Requests.
    pub count: usize,
    /// Of those, how many failed by this service's own fault.
    pub failed: usize,
    /// The median of the time spent here.
    pub median: Duration,
}

impl Stats {
    /// Remembers one.
    pub fn answered(&self, own: Duration, failed: bool) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == REQUESTS_MAX {
            recent.pop_front();
        }
        recent.push_back(Answered { at: Instant::now(), own, failed });
    }

    /// Those that ended within this time.
    pub fn within(&self, span: Duration) -> Recent {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let young: Vec<Answered> =
            recent.iter().copied().filter(|answered| answered.at.elapsed() <= span).collect();
        let mut own: Vec<Duration> = young.iter().map(|answered| answered.own).collect();
        own.sort();
        Recent {
            count: young.len(),
            failed: young.iter().filter(|answered| answered.failed).count(),
            median: own.get(own.len() / 2).copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_requests_count() {
        let stats = Stats::default();
        for millis in [1, 2, 900] {
            stats.answered(Duration::from_millis(millis), millis == 900);
        }
        let recent = stats.within(Duration::from_secs(60));
        assert_eq!((recent.count, recent.failed, recent.median.as_millis()), (3, 1, 2));
        for _ in 0..REQUESTS_MAX {
            stats.answered(Duration::from_millis(5), false);
        }
        let recent = stats.within(Duration::from_secs(60));
        assert_eq!((recent.count, recent.failed), (REQUESTS_MAX, 0));
        assert_eq!(stats.within(Duration::ZERO).count, 0);
    }
}
