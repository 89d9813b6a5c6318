//! The spans seen last, so that a child finds its parent whichever of the two comes first: they come
//! from different processes, in different batches. Bounded; the oldest goes first.

use std::collections::{HashMap, VecDeque};

/// Spans that are remembered: about 12 MiB.
const SPANS_MAX: usize = 200_000;

/// No node.
pub(super) const NOBODY: u32 = u32::MAX;

/// What is known of a span. One that was only named by a child is not [`Note::arrived`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    /// Key of its parent; 0: none.
    pub parent: u64,
    /// Who sent it.
    pub service: u32,
    /// Whom it calls, as far as its attributes tell.
    pub callee: u32,
    /// The service that answered it, whose span came first.
    pub answered_by: u32,
    /// How long that took, in microseconds.
    pub answer_us: u32,
    pub arrived: bool,
    /// It answers a request.
    pub serves: bool,
    /// It makes a call.
    pub calls: bool,
    pub failed: bool,
    /// Something that it waited for has failed.
    pub failed_below: bool,
    /// The answer that came first had failed.
    pub answer_failed: bool,
    /// Its error was counted as passed on.
    pub passed_on: bool,
    /// Its call was counted.
    pub counted: bool,
}

impl Default for Note {
    fn default() -> Self {
        Note {
            parent: 0,
            service: NOBODY,
            callee: NOBODY,
            answered_by: NOBODY,
            answer_us: 0,
            arrived: false,
            serves: false,
            calls: false,
            failed: false,
            failed_below: false,
            answer_failed: false,
            passed_on: false,
            counted: false,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Index {
    notes: HashMap<u64, Note>,
    oldest_first: VecDeque<u64>,
}

impl Index {
    /// The note of this span, made where there is none; none for "no span".
    pub(super) fn note(&mut self, key: u64) -> Option<&mut Note> {
        if key == 0 {
            return None;
        }
        if !self.notes.contains_key(&key) {
            if self.oldest_first.len() >= SPANS_MAX
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.notes.remove(&oldest);
            }
            self.oldest_first.push_back(key);
        }
        Some(self.notes.entry(key).or_default())
    }

    pub(super) fn clear(&mut self) {
        *self = Index::default();
    }
}

/// A span within its trace, as one number. Ids are random, so that two spans meet once in 2^64.
pub(super) fn key(trace_id: &[u8; 16], span_id: u64) -> u64 {
    if span_id == 0 {
        return 0;
    }
    let half = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(trace_id.get(at..at + 8).unwrap_or(&[0; 8]));
        u64::from_be_bytes(bytes)
    };
    (half(0).rotate_left(17) ^ half(8) ^ span_id.rotate_left(31)).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_oldest_span_is_forgotten_first() {
        let mut index = Index::default();
        for at in 1..=SPANS_MAX as u64 + 10 {
            index.note(at).unwrap().arrived = true;
        }
        assert_eq!(index.notes.len(), SPANS_MAX);
        assert!(!index.notes.contains_key(&10));
        assert!(index.notes.contains_key(&11));
    }

    #[test]
    fn no_span_has_no_key() {
        assert_eq!(key(&[7; 16], 0), 0);
        assert_ne!(key(&[7; 16], 1), key(&[7; 16], 2));
        assert_ne!(key(&[7; 16], 1), key(&[8; 16], 1));
    }
}
