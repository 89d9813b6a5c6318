//! What the kernel says about this very process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Instant;

/// Anonymous memory that this process holds: what a leak grows, without the program and its libraries.
pub fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Time in which each thread of this process ran or wanted to, in seconds: what it computes, however busy
/// the machine is with others.
fn wanted_secs() -> BTreeMap<OsString, f64> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return BTreeMap::new() };
    let of = |thread: std::io::Result<std::fs::DirEntry>| -> Option<(OsString, f64)> {
        let thread = thread.ok()?;
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
        let (ran_ns, waited_ns) = (numbers.next()?, numbers.next()?);
        // Whoever waits much more than it runs is crowded out, not busy.
        Some((thread.file_name(), (ran_ns + waited_ns.min(ran_ns)) as f64 / 1e9))
    };
    threads.filter_map(of).collect()
}

/// The share of one core that the busiest thread wanted between two readings. Requests are shared out
/// among threads, so that none of them is busy all the time, also on a slow machine.
pub struct CpuMeter {
    at: Instant,
    secs: BTreeMap<OsString, f64>,
    /// The last reading, in percent.
    last: f64,
}

impl CpuMeter {
    /// Starts from now.
    pub fn new() -> CpuMeter {
        CpuMeter { at: Instant::now(), secs: wanted_secs(), last: 0.0 }
    }

    /// Percent of one core since the last reading, or since the one before if that was less: a burst is
    /// none that lasts.
    pub fn read(&mut self) -> f64 {
        let (at, secs) = (Instant::now(), wanted_secs());
        let elapsed = at.duration_since(self.at).as_secs_f64().max(0.001);
        let since = |(thread, now): (&OsString, &f64)| now - self.secs.get(thread).unwrap_or(&0.0);
        let busiest = secs.iter().map(since).fold(0.0, f64::max);
        let percent = busiest / elapsed * 100.0;
        let lasting = percent.min(self.last);
        (self.at, self.secs, self.last) = (at, secs, percent);
        lasting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_to_is_counted() {
        let before = anonymous_bytes();
        let block = vec![1_u8; 32 * 1024 * 1024];
        let after = anonymous_bytes();
        assert!(after >= before + 16 * 1024 * 1024, "{before} {after} {}", block.len());
    }

    #[test]
    fn a_busy_loop_shows_as_cpu() {
        let mut meter = CpuMeter::new();
        let mut compute = || {
            let begun = Instant::now();
            let mut sum = 0_u64;
            while begun.elapsed().as_millis() < 120 {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
            meter.read()
        };
        assert!(compute() < 1.0, "once is a burst");
        assert!(compute() > 1.0, "twice is not");
    }
}
