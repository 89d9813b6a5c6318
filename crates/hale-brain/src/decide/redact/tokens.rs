//! Credentials that tell what they are by their first letters. The list is data
//! (`rules/redact/tokens.toml`): the prefixes go into one automaton, and only where one stands is its
//! pattern tried, on a bounded piece of text.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;
use serde::Deserialize;

use super::kinds::{Found, Kind};
use super::look::{ahead, back, byte_before, is_word};
use super::shapes;

/// The longest token of the list.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    token: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Stable name, for whoever reads the list.
    #[cfg_attr(not(test), expect(dead_code, reason = "names the rule in the file"))]
    id: String,
    prefixes: Vec<String>,
    pattern: String,
    /// Letters and digits may stand directly before the prefix.
    #[serde(default)]
    inside: bool,
    /// So many bytes of the token stand before the prefix at most.
    #[serde(default)]
    back: usize,
    /// What is shorter is no token, in bytes.
    #[serde(default)]
    least: usize,
    /// So many digits of the token stand before the prefix at most, and four at least.
    #[serde(default)]
    back_digits: usize,
    /// The prefix is not telling enough: the rest must have no structure.
    #[serde(default)]
    random: bool,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

struct Tokens {
    rules: Vec<Rule>,
    automaton: AhoCorasick,
    /// For every prefix in the automaton, the rules to try where it stands.
    tried: Vec<Vec<usize>>,
}

static TOKENS: LazyLock<Option<Tokens>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../../../../../rules/redact/tokens.toml")).ok()?;
    let mut prefixes: Vec<&str> =
        file.token.iter().flat_map(|r| r.prefixes.iter().map(String::as_str)).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let tried = prefixes
        .iter()
        .map(|prefix| {
            let begins = |rule: &Rule| rule.prefixes.iter().any(|p| prefix.starts_with(p.as_str()));
            (0..file.token.len()).filter(|at| begins(&file.token[*at])).collect()
        })
        .collect();
    let automaton =
        super::automaton().match_kind(MatchKind::LeftmostLongest).build(&prefixes).ok()?;
    Some(Tokens { rules: file.token, automaton, tried })
});

impl Rule {
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&format!("^(?:{})", self.pattern)).ok()).as_ref()
    }

    /// The token whose prefix stands at `at`.
    fn token(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        if !self.inside && byte_before(bytes, at).is_some_and(is_word) && !after_escape(bytes, at) {
            return None;
        }
        let mut end = (at + TOKEN_BYTES_MAX).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let captures = self.regex()?.captures(&text[at..end])?;
        let found = captures.get(1).or_else(|| captures.get(0))?;
        let (mut start, mut end) = (at + found.start(), at + found.end());
        while end > start && matches!(bytes[end - 1], b'.' | b',' | b':') {
            end -= 1;
        }
        if self.back > 0 {
            start = back(bytes, start, self.back, |b| {
                is_word(b) || matches!(b, b'+' | b'/' | b'-' | b'.' | b'~')
            });
        }
        if self.back_digits > 0 {
            start = back(bytes, start, self.back_digits, |b| b.is_ascii_digit());
            if at < start + 4 {
                return None;
            }
        }
        if end - start < self.least {
            return None;
        }
        if self.random && !has_no_structure(&text[start..end]) {
            return None;
        }
        Some((start, end))
    }
}

/// `sk-learn-pipeline-model` is a name, not a key.
fn has_no_structure(token: &str) -> bool {
    let rest = token.split_once(['-', '_', '.']).map_or(token, |(_, rest)| rest);
    let c = shapes::classes(rest);
    c.digit && (c.lower || c.upper) && !shapes::is_name(rest) && shapes::entropy(rest) >= 2.8
}

/// `\nTOKEN` in escaped text: the letter before belongs to the escape.
fn after_escape(bytes: &[u8], at: usize) -> bool {
    matches!(byte_before(bytes, at), Some(b'n' | b't' | b'r'))
        && byte_before(bytes, at - 1) == Some(b'\\')
}

/// Finds every token of the list.
pub(super) fn find(found: &mut Found<'_>) {
    let Some(tokens) = TOKENS.as_ref() else { return };
    let text = found.text;
    let mut done = 0;
    for hit in tokens.automaton.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        for rule in &tokens.tried[hit.pattern().as_usize()] {
            if let Some((start, end)) = tokens.rules[*rule].token(text, hit.start()) {
                found.add_everywhere(start, end, Kind::Secret);
                done = end;
                break;
            }
        }
    }
    aws_secrets_beside_ids(found);
}

/// `AKIA… <40 characters>`: the secret half of an AWS pair needs no name beside its id.
fn aws_secrets_beside_ids(found: &mut Found<'_>) {
    let bytes = found.bytes;
    let ids: Vec<usize> = found
        .spans
        .iter()
        .filter(|s| matches!(bytes.get(s.start..s.start + 4), Some(b"AKIA" | b"ASIA" | b"GOOG")))
        .map(|s| s.end)
        .collect();
    for id_end in ids {
        let start = ahead(bytes, id_end, 8, |b| {
            matches!(b, b' ' | b'\t' | b',' | b':' | b';' | b'"' | b'\'' | b'/')
        });
        let end = ahead(bytes, start, 64, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'=')
        });
        if start > id_end && end - start == 40 && shapes::is_random(found.slice(start, end)) {
            found.add_everywhere(start, end, Kind::Secret);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "tests")]

    #[test]
    fn every_pattern_of_the_list_compiles() {
        let tokens = super::TOKENS.as_ref().expect("the list can be read");
        for rule in &tokens.rules {
            assert!(rule.regex().is_some(), "{}", rule.id);
        }
    }
}
