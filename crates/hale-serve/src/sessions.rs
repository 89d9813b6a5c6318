//! Signed-in browsers: one-time links, and the sessions that come of them. Both are random words of 256
//! bits, of which only digests are kept, in memory: they end with the agent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use hale_model::token::TokenDigest;

/// Links that were given and not used.
const LINKS_MAX: usize = 16;
/// A link that is not used by then opens nothing.
pub(crate) const LINK_SECS: u64 = 900;
/// Browsers that are signed in at once; the one not heard of for longest gives way.
const SESSIONS_MAX: usize = 256;
/// A session that nobody uses ends after so long.
const IDLE_SECS: u64 = 12 * 3600;
/// A session ends after so long whatever happens.
pub(crate) const SESSION_SECS: u64 = 7 * 86_400;
/// Bytes of randomness in a word.
const RANDOM_BYTES: usize = 32;

type Digest = [u8; 32];

/// In whose name a browser came in.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    /// Of the user that hale runs as, who alone is given links.
    Owner,
    /// Of whoever has this token, for as long as it is valid.
    Token { id: String, digest: TokenDigest },
}

struct Session {
    holder: Holder,
    begun: Instant,
    used: Instant,
}

#[derive(Default)]
struct Kept {
    links: HashMap<Digest, Instant>,
    sessions: HashMap<Digest, Session>,
}

/// Links and sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<Kept>,
}

/// The system gives no random numbers.
#[derive(Debug)]
pub(crate) struct NoRandom;

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A word that signs one browser in, once.
    pub(crate) fn new_link(&self, now: Instant) -> Result<String, NoRandom> {
        let word = random_word()?;
        let mut kept = self.kept();
        kept.links.retain(|_, given| !is_over(*given, now, LINK_SECS));
        if kept.links.len() >= LINKS_MAX
            && let Some(oldest) =
                kept.links.iter().min_by_key(|(_, given)| **given).map(|(d, _)| *d)
        {
            kept.links.remove(&oldest);
        }
        kept.links.insert(digest(&word), now);
        Ok(word)
    }

    /// Whether this word was given; from now on it opens nothing.
    pub(crate) fn use_link(&self, word: &str, now: Instant) -> bool {
        self.kept().links.remove(&digest(word)).is_some_and(|given| !is_over(given, now, LINK_SECS))
    }

    /// Begins a session: the word that the browser shows from now on.
    pub(crate) fn begin(&self, holder: Holder, now: Instant) -> Result<String, NoRandom> {
        let word = random_word()?;
        let mut kept = self.kept();
        kept.sessions.retain(|_, session| !session.is_over(now));
        if kept.sessions.len() >= SESSIONS_MAX
            && let Some(idle) = kept.sessions.iter().min_by_key(|(_, s)| s.used).map(|(d, _)| *d)
        {
            kept.sessions.remove(&idle);
        }
        kept.sessions.insert(digest(&word), Session { holder, begun: now, used: now });
        Ok(word)
    }

    /// Whose session this is, and the seconds until it ends at the latest.
    pub(crate) fn holder(&self, word: &str, now: Instant) -> Option<(Holder, u64)> {
        let mut kept = self.kept();
        let session = kept.sessions.get_mut(&digest(word))?;
        if session.is_over(now) {
            return None;
        }
        session.used = now;
        let left =
            SESSION_SECS.saturating_sub(now.saturating_duration_since(session.begun).as_secs());
        Some((session.holder.clone(), left))
    }

    /// Ends a session: its word opens nothing any more.
    pub(crate) fn end(&self, word: &str) -> bool {
        self.kept().sessions.remove(&digest(word)).is_some()
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        is_over(self.used, now, IDLE_SECS) || is_over(self.begun, now, SESSION_SECS)
    }
}

fn is_over(since: Instant, now: Instant, secs: u64) -> bool {
    now.saturating_duration_since(since) >= Duration::from_secs(secs)
}

/// Words are looked up by digest: how long that takes says nothing about the words that are kept.
fn digest(word: &str) -> Digest {
    *blake3::hash(word.as_bytes()).as_bytes()
}

fn random_word() -> Result<String, NoRandom> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_link_opens_once_and_not_for_ever() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (first, second) = (sessions.new_link(now).unwrap(), sessions.new_link(now).unwrap());
        assert_ne!(first, second);
        assert!(sessions.use_link(&first, now));
        assert!(!sessions.use_link(&first, now));
        assert!(!sessions.use_link(&second, now + Duration::from_secs(LINK_SECS)));
        assert!(!sessions.use_link("", now));
    }

    #[test]
    fn the_oldest_link_gives_way() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let oldest = sessions.new_link(now).unwrap();
        for n in 1..=LINKS_MAX as u64 {
            sessions.new_link(now + Duration::from_millis(n)).unwrap();
        }
        assert!(!sessions.use_link(&oldest, now));
        assert_eq!(sessions.kept().links.len(), LINKS_MAX);
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_a_week_at_most() {
        let (sessions, begun) = (Sessions::default(), Instant::now());
        let at = |hours: u64| begun + Duration::from_secs(hours * 3600);
        let word = sessions.begin(Holder::Owner, begun).unwrap();
        let idle = sessions.begin(Holder::Owner, begun).unwrap();
        for hours in (0..168).step_by(11) {
            assert!(sessions.holder(&word, at(hours)).is_some(), "{hours}");
        }
        assert!(sessions.holder(&word, at(168)).is_none());
        assert!(sessions.holder(&idle, at(12)).is_none());
    }

    #[test]
    fn what_was_ended_is_over_and_the_idlest_gives_way() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let word = sessions.begin(Holder::Owner, now).unwrap();
        assert!(sessions.end(&word));
        assert!(!sessions.end(&word));
        assert!(sessions.holder(&word, now).is_none());
        let idlest = sessions.begin(Holder::Owner, now).unwrap();
        for n in 1..=SESSIONS_MAX as u64 {
            sessions.begin(Holder::Owner, now + Duration::from_millis(n)).unwrap();
        }
        assert!(sessions.holder(&idlest, now).is_none());
        assert_eq!(sessions.kept().sessions.len(), SESSIONS_MAX);
    }
}
