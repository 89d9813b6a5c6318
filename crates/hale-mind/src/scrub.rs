//! Takes keys out of texts that come from servers: some repeat the key, whole or in part, in what they
//! say about it.

use hale_model::text::{printable, shorten};

/// Bytes of a detail that is shown.
const DETAIL_BYTES_MAX: usize = 300;
/// Consecutive characters of a key that may not be seen.
const WINDOW_CHARS: usize = 6;
const MASK: &str = "[key]";

/// A detail that can be shown: no part of the secret, no control characters, not long.
pub(crate) fn scrub(detail: &str, secret: Option<&str>) -> String {
    let masked = match secret {
        Some(secret) if !secret.is_empty() => mask(detail, secret),
        Some(_) | None => detail.to_owned(),
    };
    shorten(&printable(&masked), DETAIL_BYTES_MAX)
}

/// Replaces every run of characters that the secret also holds, from [`WINDOW_CHARS`] on, together
/// with what clings to it.
fn mask(detail: &str, secret: &str) -> String {
    let window = WINDOW_CHARS.min(secret.chars().count());
    let secret: Vec<char> = secret.chars().collect();
    let text: Vec<char> = detail.chars().collect();
    let mut hidden = vec![false; text.len()];
    for start in 0..text.len().saturating_sub(window.saturating_sub(1)) {
        let piece = &text[start..start + window];
        if secret.windows(window).any(|part| part == piece) {
            hidden[start..start + window].fill(true);
        }
    }
    let clings = |c: char| c.is_ascii_alphanumeric() || "-_.*…".contains(c);
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let end = (at..text.len()).find(|i| !clings(text[*i]) && !hidden[*i]).unwrap_or(text.len());
        if end > at {
            if hidden[at..end].iter().any(|h| *h) {
                out.push_str(MASK);
            } else {
                out.extend(&text[at..end]);
            }
        }
        if let Some(c) = text.get(end) {
            out.push(*c);
        }
        at = end + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_part_of_the_key_is_left() {
        let key = "sk-proj-Ab12Cd34Ef56Gh78";
        for (detail, expected) in [
            (
                "Incorrect API key provided: sk-proj-Ab12Cd34Ef56Gh78.",
                "Incorrect API key provided: [key]",
            ),
            ("key sk-proj-********Gh78 is wrong", "key [key] is wrong"),
            ("{\"key\":\"sk-proj-Ab12Cd34Ef56Gh78\"}", "{\"key\":\"[key]\"}"),
            ("no key here", "no key here"),
        ] {
            assert_eq!(scrub(detail, Some(key)), expected);
        }
        assert_eq!(scrub("a\u{1b}[31mb", None), printable("a\u{1b}[31mb"));
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it(key in "[A-Za-z0-9_+/=-]{6,60}", before in ".{0,40}", after in ".{0,40}") {
            let shown = scrub(&format!("{before}{key}{after}"), Some(&key));
            prop_assert!(!shown.contains(&key), "{shown}");
        }
    }
}
