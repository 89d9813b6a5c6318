//! Time as detectors tell it: by `CLOCK_BOOTTIME`, never by the wall clock, which jumps.

use hale_model::config::Config;
use hale_model::snapshot::Snapshot;

/// So many intervals without a turn are a gap (the machine slept, or the agent was starved): what
/// lies between is not known, and windows start anew.
const GAP_INTERVALS: u64 = 3;
/// The least gap, in seconds.
const MIN_GAP_SECS: u64 = 5;

/// Where a turn stands in time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tick {
    /// Boot time in nanoseconds.
    pub(super) now_ns: u64,
    /// Seconds since the turn before; 0 on the first.
    pub(super) passed_secs: f64,
    /// The first turn, or the first after a boot: nothing of before counts.
    pub(super) first: bool,
    /// Too long ago was the turn before.
    pub(super) gap: bool,
}

impl Tick {
    /// Seconds between an earlier moment and now.
    pub(super) fn since(&self, then_ns: u64) -> f64 {
        self.now_ns.saturating_sub(then_ns) as f64 / 1e9
    }
}

/// Remembers the turn before.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<(u64, String)>,
}

impl Clock {
    /// The next turn. One that is older than the last, or of another boot, counts as a first.
    pub(super) fn advance(&mut self, snapshot: &Snapshot, config: &Config) -> Tick {
        let now_ns = snapshot.boottime_ns;
        let same_boot = self
            .last
            .as_ref()
            .filter(|(then, boot)| *boot == snapshot.host.boot_id && *then <= now_ns);
        let passed_ns = same_boot.map(|(then, _)| now_ns - then);
        let gap_secs = config.general.interval_secs.saturating_mul(GAP_INTERVALS).max(MIN_GAP_SECS);
        self.last = Some((now_ns, snapshot.host.boot_id.clone()));
        Tick {
            now_ns,
            passed_secs: passed_ns.map_or(0.0, |ns| ns as f64 / 1e9),
            first: passed_ns.is_none(),
            gap: passed_ns.is_none_or(|ns| ns > gap_secs.saturating_mul(1_000_000_000)),
        }
    }
}
