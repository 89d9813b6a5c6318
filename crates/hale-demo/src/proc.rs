//! What the kernel says about this very process.

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

/// Time in which a thread of this process ran or wanted to, in seconds: what it computes, however busy
/// the machine is with others.
fn wanted_secs() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of = |thread: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
        let (ran_ns, waited_ns) = (numbers.next()?, numbers.next()?);
        // Whoever waits much more than it runs is crowded out, not busy.
        Some((ran_ns + waited_ns.min(ran_ns)) as f64 / 1e9)
    };
    threads.filter_map(of).sum()
}

/// The share of one core that was wanted between two readings.
pub struct CpuMeter {
    at: Instant,
    secs: f64,
}

impl CpuMeter {
    /// Starts from now.
    pub fn new() -> CpuMeter {
        CpuMeter { at: Instant::now(), secs: wanted_secs() }
    }

    /// Percent of one core since the last reading.
    pub fn read(&mut self) -> f64 {
        let (at, secs) = (Instant::now(), wanted_secs());
        let elapsed = at.duration_since(self.at).as_secs_f64().max(0.001);
        let percent = (secs - self.secs).max(0.0) / elapsed * 100.0;
        (self.at, self.secs) = (at, secs);
        percent
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
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed().as_millis() < 120 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(meter.read() > 1.0, "{sum}");
    }
}
