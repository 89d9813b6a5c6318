//! How much room there is for connections: bounded, and less where the system allows fewer open files.
//! Where all places are taken, whoever has been silent for longest gives way to whoever comes: clients
//! that connect and say nothing, however many, keep nobody out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::stream::LIMIT_WATCHERS;

/// Connections that are open at once on one listener; further ones wait in the kernel's queue. More
/// than may watch the stream: watchers never shut the others out.
const LIMIT_CONNECTIONS: usize = 2_048;
/// Listeners that share this process's files: TCP and unix.
const LISTENERS: u64 = 2;
/// Files that are left to the databases, to what is read of the machine, and to the receivers.
const RESERVED_FILES: u64 = 256;
/// Open files that are asked for. What they cost is bounded by what opens them.
const WANTED_FILES: u64 = 65_536;
/// Whoever connects has so long to make a request, however many wait.
const SILENT_MIN: Duration = Duration::from_secs(1);
/// What there is room for whatever the system allows.
const LEAST_CONNECTIONS: usize = 32;

/// Lets this process open more files, up to what its user may; how many it may open now.
pub fn raise_open_files() -> u64 {
    if let Err(error) = hale_spawn::raise_open_files(WANTED_FILES) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    hale_spawn::open_files_max()
}

/// Connections that one listener may have open.
pub(crate) fn connections_max() -> usize {
    connections_of(hale_spawn::open_files_max())
}

fn connections_of(open_files: u64) -> usize {
    let each = open_files.saturating_sub(RESERVED_FILES) / LISTENERS;
    usize::try_from(each).unwrap_or(usize::MAX).clamp(LEAST_CONNECTIONS, LIMIT_CONNECTIONS)
}

/// Clients that may watch the stream at once.
pub(crate) fn watchers_max() -> usize {
    (connections_max() / 2).min(LIMIT_WATCHERS)
}

/// The places of one listener.
#[derive(Clone)]
pub(crate) struct Room {
    slots: Arc<Semaphore>,
    silent: Arc<Mutex<Silent>>,
}

/// Connections that have not made a request yet, oldest first.
#[derive(Default)]
struct Silent {
    next: u64,
    all: BTreeMap<u64, (Instant, CancellationToken)>,
}

/// The place of one connection; given back when dropped.
pub(crate) struct Place {
    _slot: OwnedSemaphorePermit,
    silence: Silence,
}

/// Tells that a connection has made a request.
#[derive(Clone)]
pub(crate) struct Silence {
    id: u64,
    given_up: CancellationToken,
    silent: Arc<Mutex<Silent>>,
}

impl Room {
    pub(crate) fn new(places: usize) -> Self {
        Room { slots: Arc::new(Semaphore::new(places)), silent: Arc::default() }
    }

    /// A place, as soon as there is one; none: there will be no more.
    pub(crate) async fn place(&self) -> Option<Place> {
        let slot = self.slot().await?;
        let given_up = CancellationToken::new();
        let id = {
            let mut silent = lock(&self.silent);
            let id = silent.next;
            silent.next += 1;
            silent.all.insert(id, (Instant::now(), given_up.clone()));
            id
        };
        Some(Place { _slot: slot, silence: Silence { id, given_up, silent: self.silent.clone() } })
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = self.slots.clone().try_acquire_owned() {
                return Some(slot);
            }
            let look_again = self.give_one_up();
            tokio::select! {
                slot = self.slots.clone().acquire_owned() => return slot.ok(),
                () = tokio::time::sleep(look_again) => {}
            }
        }
    }

    /// Gives up the oldest silent connection, if it has had its time; when to look again.
    fn give_one_up(&self) -> Duration {
        let mut silent = lock(&self.silent);
        let Some(oldest) = silent.all.first_entry() else { return SILENT_MIN };
        let left = SILENT_MIN.saturating_sub(oldest.get().0.elapsed());
        if left.is_zero() {
            oldest.remove().1.cancel();
            return SILENT_MIN;
        }
        left
    }
}

impl Place {
    pub(crate) fn silence(&self) -> Silence {
        self.silence.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.silence.end();
    }
}

impl Silence {
    /// A request came: the connection keeps its place from now on.
    pub(crate) fn end(&self) {
        lock(&self.silent).all.remove(&self.id);
    }

    /// Returns once the place is given to somebody else.
    pub(crate) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

fn lock(silent: &Mutex<Silent>) -> std::sync::MutexGuard<'_, Silent> {
    silent.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn where_few_files_may_be_open_there_is_less_room() {
        for (files, expected) in [
            (u64::MAX, LIMIT_CONNECTIONS),
            (65_536, LIMIT_CONNECTIONS),
            (4_096, 1_920),
            (1_024, 384),
            (256, LEAST_CONNECTIONS),
            (0, LEAST_CONNECTIONS),
        ] {
            assert_eq!(connections_of(files), expected, "{files}");
        }
    }

    #[tokio::test]
    async fn the_oldest_silent_one_gives_way_and_who_has_spoken_never() {
        let room = Room::new(2);
        let (spoken, silent) = (room.place().await.unwrap(), room.place().await.unwrap());
        spoken.silence().end();
        let given_up = silent.silence();
        // As a connection does when it is told to.
        let ending = tokio::spawn(async move {
            given_up.given_up().await;
            drop(silent);
        });
        let third = room.place().await.unwrap();
        ending.await.unwrap();
        assert!(!spoken.silence().given_up.is_cancelled());
        third.silence().end();
        // Nobody is silent any more: who comes waits until one goes.
        let waiting = tokio::spawn(async move { room.place().await.is_some() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && !spoken.silence().given_up.is_cancelled());
        drop(spoken);
        assert!(waiting.await.unwrap());
        drop(third);
    }
}
