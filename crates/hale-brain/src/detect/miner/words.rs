//! Which words are vocabulary: a known word says what happened, an unknown one is likely a name.
//!
//! The list is general English and the vocabulary of system administration; endings widen it.

use std::collections::HashSet;
use std::sync::OnceLock;

const LIST: &str = include_str!("words.txt");
/// Longest word that is looked up; anything longer is no vocabulary.
const WORD_BYTES_MAX: usize = 24;
/// A word with an English ending is vocabulary from this length on.
const DERIVED_BYTES_MIN: usize = 6;

const ENDINGS: [&str; 14] = [
    "tion", "sion", "ment", "able", "ible", "ness", "ance", "ence", "ally", "ical", "less", "ing",
    "ed", "ly",
];

fn list() -> &'static HashSet<&'static str> {
    static WORDS: OnceLock<HashSet<&'static str>> = OnceLock::new();
    WORDS.get_or_init(|| LIST.split_ascii_whitespace().collect())
}

/// Whether a word of letters is vocabulary, in any case and inflection.
pub(super) fn is_known(word: &[u8]) -> bool {
    if word.len() > WORD_BYTES_MAX {
        return false;
    }
    let Ok(word) = std::str::from_utf8(word) else { return false };
    let lower = word.to_ascii_lowercase();
    if list().contains(lower.as_str()) {
        return true;
    }
    if lower.len() >= DERIVED_BYTES_MIN && ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        return true;
    }
    let stem = lower.strip_suffix("es").or_else(|| lower.strip_suffix('s'));
    let stems = [stem, lower.strip_suffix('s'), lower.strip_suffix("er")];
    stems.into_iter().flatten().any(|stem| stem.len() > 2 && list().contains(stem))
}
