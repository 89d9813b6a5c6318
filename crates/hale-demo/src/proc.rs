//! What the kernel says about this very process.

use std::time::Instant;

/// Clock ticks a second in `/proc/self/stat` (`USER_HZ`, 100 on every Linux).
const TICKS_PER_SEC: f64 = 100.0;

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

/// CPU time this process has used so far, in seconds.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold anything: the numbers begin after the last one.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |index: usize| -> f64 {
        rest.split_whitespace().nth(index).and_then(|n| n.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SEC
}

/// The share of one core that was used between two readings.
pub struct CpuMeter {
    at: Instant,
    secs: f64,
}

impl CpuMeter {
    /// Starts from now.
    pub fn new() -> CpuMeter {
        CpuMeter { at: Instant::now(), secs: cpu_secs() }
    }

    /// Percent of one core since the last reading.
    pub fn read(&mut self) -> f64 {
        let (at, secs) = (Instant::now(), cpu_secs());
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
