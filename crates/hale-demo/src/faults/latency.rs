//! A pool of workers, of which some are never given back.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::FAULT_TIME_MAX;

/// Workers.
const SLOTS: u32 = 4;
/// Whoever waits longer for a worker is served beside the pool.
const WAIT_MAX: Duration = Duration::from_millis(1200);

/// Workers that searches of the catalog share.
pub struct Slots {
    free: Arc<Semaphore>,
    leaked: Mutex<Option<(Instant, OwnedSemaphorePermit)>>,
}

impl Slots {
    /// All of them free.
    pub fn new() -> Slots {
        Slots { free: Arc::new(Semaphore::new(SLOTS as usize)), leaked: Mutex::default() }
    }

    /// Waits for a worker; none: nobody came back in time.
    pub async fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.forget_old();
        let waited = tokio::time::timeout(WAIT_MAX, self.free.clone().acquire_owned()).await;
        waited.ok().and_then(Result::ok)
    }

    /// All workers are taken, and nobody gives them back.
    pub async fn leak(&self) {
        if self.is_active() {
            return;
        }
        if let Ok(all) = self.free.clone().acquire_many_owned(SLOTS).await {
            *self.leaked.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((Instant::now(), all));
        }
    }

    /// Whether they are gone.
    pub fn is_active(&self) -> bool {
        self.forget_old();
        self.leaked.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn forget_old(&self) {
        let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        if leaked.as_ref().is_some_and(|(since, _)| since.elapsed() > FAULT_TIME_MAX) {
            *leaked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn whoever_comes_after_the_leak_waits() {
        let slots = Slots::new();
        assert!(slots.take().await.is_some());
        slots.leak().await;
        assert!(slots.is_active());
        let begun = Instant::now();
        assert!(slots.take().await.is_none());
        assert!(begun.elapsed() >= WAIT_MAX);
    }
}
