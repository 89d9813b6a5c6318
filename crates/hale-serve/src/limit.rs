//! How often somebody may ask: a bucket of tokens a caller that fills again at a steady rate. However
//! many callers there are, memory is bounded: those not heard of for longest are forgotten first, and
//! begin with a full bucket.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Callers that a limiter knows apart, about.
const CALLERS_MAX: usize = 8_192;
/// Who has no token left is told to wait this long at most.
const WAIT_SECS_MAX: f64 = 3_600.0;

/// How much, how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    /// Tokens that come back in a second.
    pub(crate) per_sec: f64,
    /// Tokens in a full bucket.
    pub(crate) burst: f64,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// A bucket for each caller.
pub(crate) struct Limiter<K> {
    rate: Rate,
    buckets: Mutex<Generations<K>>,
}

/// Two generations: whoever was heard of lately is in the young one, and the old one is forgotten as a
/// whole when the young one is full.
struct Generations<K> {
    young: HashMap<K, Bucket>,
    old: HashMap<K, Bucket>,
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        let buckets = Generations { young: HashMap::new(), old: HashMap::new() };
        Limiter { rate, buckets: Mutex::new(buckets) }
    }

    /// Takes tokens out of the caller's bucket.
    ///
    /// # Errors
    /// There are too few: the seconds until there are enough, at least 1.
    pub(crate) fn take(&self, caller: &K, tokens: f64, now: Instant) -> Result<(), u32> {
        self.with(caller, now, |bucket| {
            if bucket.tokens >= tokens {
                bucket.tokens -= tokens;
                return Ok(());
            }
            Err(self.wait_secs(tokens - bucket.tokens))
        })
    }

    /// Whether there are so many tokens, without taking any.
    ///
    /// # Errors
    /// As [`Limiter::take`].
    pub(crate) fn look(&self, caller: &K, tokens: f64, now: Instant) -> Result<(), u32> {
        self.with(caller, now, |bucket| {
            if bucket.tokens >= tokens {
                Ok(())
            } else {
                Err(self.wait_secs(tokens - bucket.tokens))
            }
        })
    }

    fn wait_secs(&self, missing: f64) -> u32 {
        (missing / self.rate.per_sec).min(WAIT_SECS_MAX).ceil().max(1.0) as u32
    }

    fn with<T>(&self, caller: &K, now: Instant, work: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.young.contains_key(caller) {
            let known = all.old.remove(caller);
            if all.young.len() >= CALLERS_MAX / 2 {
                all.old = std::mem::take(&mut all.young);
            }
            let full = Bucket { tokens: self.rate.burst, at: now };
            all.young.insert(caller.clone(), known.unwrap_or(full));
        }
        let mut full = Bucket { tokens: self.rate.burst, at: now };
        let bucket = all.young.get_mut(caller).unwrap_or(&mut full);
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * self.rate.per_sec).min(self.rate.burst);
        bucket.at = now;
        work(bucket)
    }
}

/// One caller an address: of IPv6 the /64, which is what one machine may choose from freely.
pub(crate) fn caller_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;

    const RATE: Rate = Rate { per_sec: 2.0, burst: 3.0 };

    #[test]
    fn a_burst_passes_and_then_the_steady_rate() {
        let (limiter, begun) = (Limiter::new(RATE), Instant::now());
        let take = |ms| limiter.take(&"a", 1.0, begun + Duration::from_millis(ms));
        assert_eq!([take(0), take(0), take(0), take(0)], [Ok(()), Ok(()), Ok(()), Err(1)]);
        assert_eq!([take(500), take(500), take(60_000)], [Ok(()), Err(1), Ok(())]);
        assert_eq!(limiter.take(&"b", 1.0, begun), Ok(()));
        assert_eq!(limiter.take(&"b", 11.0, begun), Err(5));
    }

    #[test]
    fn looking_costs_nothing() {
        let (limiter, now) = (Limiter::new(RATE), Instant::now());
        for _ in 0..10 {
            assert_eq!(limiter.look(&"a", 3.0, now), Ok(()));
        }
        assert_eq!(limiter.take(&"a", 3.0, now), Ok(()));
        assert_eq!(limiter.look(&"a", 1.0, now), Err(1));
    }

    #[test]
    fn a_clock_that_stands_still_or_steps_back_gives_nothing_away() {
        let (limiter, now) = (Limiter::new(RATE), Instant::now() + Duration::from_secs(100));
        assert_eq!(limiter.take(&"a", 3.0, now), Ok(()));
        assert_eq!(limiter.take(&"a", 1.0, now - Duration::from_secs(50)), Err(1));
    }

    #[test]
    fn callers_without_number_are_forgotten_but_not_the_busy_one() {
        let (limiter, now) = (Limiter::new(RATE), Instant::now());
        assert_eq!(limiter.take(&u32::MAX, 3.0, now), Ok(()));
        for caller in 0..100_000 {
            let _ = limiter.take(&caller, 1.0, now);
            assert_eq!(limiter.take(&u32::MAX, 1.0, now), Err(1), "{caller}");
        }
        let all = limiter.buckets.lock().unwrap();
        assert!(all.young.len() + all.old.len() <= CALLERS_MAX);
    }

    #[test]
    fn an_address_of_ipv6_counts_with_its_neighbours() {
        let caller = |text: &str| caller_of(text.parse().unwrap()).to_string();
        assert_eq!(caller("10.0.0.7"), "10.0.0.7");
        assert_eq!(caller("::ffff:10.0.0.7"), "10.0.0.7");
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
