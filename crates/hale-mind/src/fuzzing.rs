//! What reads the answers of providers, as functions of bytes, for the targets in `fuzz/`. Not for use:
//! names and meaning may change at any time.
//!
//! # Panics
//! Where a parser does, and where its answer breaks a promise of its own.

use hale_model::config::ProviderKind;

use crate::draft::Draft;
use crate::provider;
use crate::scrub::scrub;
use crate::sse::Cutter;
use crate::types::Delta;

/// An answer of every provider: the first byte says whose, the second where the network cuts it and
/// whether it is streamed; the rest is the body.
pub fn answers(bytes: &[u8]) {
    let [whose, how, body @ ..] = bytes else { return };
    let kind = ProviderKind::ALL[usize::from(*whose) % ProviderKind::ALL.len()];
    let mut draft = Draft::default();
    let text = String::from_utf8_lossy(body);
    if how & 1 == 1 {
        let _ = provider::whole(kind, &mut draft, &text);
    } else {
        let mut cutter = Cutter::new(provider::framing(kind));
        let piece = usize::from(how >> 1) + 1;
        let mut events = Vec::new();
        for piece in body.chunks(piece) {
            events.extend(cutter.feed(piece).unwrap_or_default());
        }
        events.extend(cutter.finish());
        let _ = events.iter().try_for_each(|event| provider::event(kind, &mut draft, event));
    }
    let words: usize = draft
        .news()
        .iter()
        .map(|delta| match delta {
            Delta::Text(text) | Delta::Thought(text) => text.len(),
            Delta::Asking { .. } | Delta::Tool(_) | Delta::Failed(_) => 0,
        })
        .sum();
    assert!(words as u64 <= draft.written_bytes);
    if let Ok(finished) = draft.finish(how & 2 == 2, 0) {
        assert!(!finished.text.trim().is_empty() || !finished.tool_calls.is_empty());
    }
    let status = 400 + u16::from(*how);
    provider::fault_of(kind, status, None, &text);
}

/// What takes keys out of texts: the first line is the key.
pub fn scrubbing(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (key, detail) = text.split_once('\n').unwrap_or((&text, ""));
    let shown = scrub(&format!("{detail}{key}{detail}"), Some(key));
    assert!(!shown.chars().any(char::is_control));
    // Shorter ones are words that a message may hold anyway.
    if key.len() >= 8 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+/=".contains(&b)) {
        assert!(!shown.contains(key), "{shown}");
    }
}

/// What a browser, or whatever else, says at the port of a sign-in; and the same bytes as the answer of
/// a token endpoint.
pub fn sign_in(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // Only who knows the state brings a code.
    let brings_code = crate::oauth::brings_code(&text, "127.0.0.1:8085", "S7Kq");
    assert!(!brings_code || text.contains("callback"));
    assert!(!crate::oauth::brings_code(&text, "127.0.0.1:8085", "never\0said"));
    crate::oauth::read_tokens(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// The seeds of the fuzz targets, as they are in the repository.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder =
            format!("{}/../../fuzz/seeds/{target}", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        let files = std::fs::read_dir(folder).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Real answers with some bytes changed, dropped or doubled.
        #[test]
        fn damaged_answers_are_read_without_a_panic(
            which in any::<Index>(),
            slips in proptest::collection::vec((any::<Index>(), any::<u8>(), 0u8..4), 0..6),
        ) {
            let seeds = seeds("model_answers");
            let mut bytes = which.get(&seeds).clone();
            for (at, byte, how) in slips {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, byte),
                    _ => bytes.truncate(at + 1),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            answers(&bytes);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            answers(&bytes);
            scrubbing(&bytes);
            sign_in(&bytes);
        }

        /// Heads of requests with some bytes changed or dropped.
        #[test]
        fn damaged_answers_of_a_browser_are_read_without_a_panic(
            which in any::<Index>(),
            slips in proptest::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..6),
        ) {
            let seeds = seeds("sign_in");
            let mut bytes = which.get(&seeds).clone();
            for (at, byte, drops) in slips {
                let at = at.index(bytes.len().max(1));
                if drops && at < bytes.len() {
                    bytes.remove(at);
                } else if at < bytes.len() {
                    bytes[at] = byte;
                }
            }
            sign_in(&bytes);
        }
    }
}
