//! A thread that sorts the same list for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::FAULT_TIME_MAX;

/// Numbers in the list.
const LIST_LEN: u64 = 4096;

/// A computation that does not come to its end.
#[derive(Default)]
pub struct RunawayThread {
    running: Arc<AtomicBool>,
}

impl RunawayThread {
    /// Begins. Does nothing if it runs already.
    pub fn begin(&self) {
        if self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let running = self.running.clone();
        std::thread::spawn(move || {
            let begun = Instant::now();
            let mut seed = 1_u64;
            while begun.elapsed() < FAULT_TIME_MAX {
                let mut list: Vec<u64> = (0..LIST_LEN)
                    .map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left((seed % 64) as u32))
                    .collect();
                list.sort_unstable();
                seed = std::hint::black_box(list).first().map_or(1, |first| first | 1);
            }
            running.store(false, Ordering::SeqCst);
        });
    }

    /// Whether it is there.
    pub fn is_active(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }
}
