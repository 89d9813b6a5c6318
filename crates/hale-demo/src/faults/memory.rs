//! A leak: memory that is written to, kept, and never asked for again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::FAULT_TIME_MAX;

/// What one round keeps.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(20);

/// Blocks that nobody frees before the process ends or the time is over.
#[derive(Default)]
pub struct Leak {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    running: Arc<AtomicBool>,
}

impl Leak {
    /// Begins to leak, up to so many bytes. Does nothing if it leaks already.
    pub fn begin(&self, limit_bytes: u64) {
        if self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let (kept, running) = (self.kept.clone(), self.running.clone());
        std::thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < FAULT_TIME_MAX {
                let mut blocks = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if ((blocks.len() + 1) * BLOCK_BYTES) as u64 <= limit_bytes {
                    // Written to, so that the kernel really has to give it.
                    blocks.push(vec![0xA5; BLOCK_BYTES]);
                }
                drop(blocks);
                std::thread::sleep(PAUSE);
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
            running.store(false, Ordering::SeqCst);
        });
    }

    /// Whether it is there.
    pub fn is_active(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    #[cfg(test)]
    fn bytes(&self) -> u64 {
        (self.kept.lock().unwrap_or_else(PoisonError::into_inner).len() * BLOCK_BYTES) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::anonymous_bytes;

    #[test]
    fn a_leak_takes_real_memory_and_stops_at_its_limit() {
        let before = anonymous_bytes();
        let leak = Leak::default();
        assert!(!leak.is_active());
        let limit = 24 * 1024 * 1024;
        leak.begin(limit);
        leak.begin(limit);
        let begun = Instant::now();
        while leak.bytes() < limit && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(PAUSE);
        }
        std::thread::sleep(PAUSE * 5);
        assert_eq!(leak.bytes(), limit);
        assert!(anonymous_bytes() >= before + limit / 2);
        assert!(leak.is_active());
    }
}
