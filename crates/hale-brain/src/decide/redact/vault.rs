//! Values and their placeholders, in one conversation. The same value has the same placeholder; what
//! in a text only looks like a placeholder gets one itself, so that nothing in the outgoing text that
//! has the form `<kind-number>` was there before, and the way back is exact.

use std::collections::HashMap;
use std::sync::Arc;

use super::kinds::{Found, Kind};

/// The longest number in a placeholder, in digits.
const NUMBER_DIGITS_MAX: usize = 9;
/// `<secret-999999999>`
const PLACEHOLDER_BYTES_MAX: usize = 9 + NUMBER_DIGITS_MAX;

/// What the placeholders of one conversation stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Vault {
    numbers: HashMap<Arc<str>, (Kind, usize)>,
    values: [Vec<Arc<str>>; Kind::ALL.len()],
}

impl Vault {
    /// Writes the placeholder of a value.
    pub fn write(&mut self, kind: Kind, value: &str, out: &mut String) {
        use std::fmt::Write as _;
        let (kind, number) = match self.numbers.get(value) {
            Some(known) => *known,
            None => {
                let value: Arc<str> = Arc::from(value);
                let values = &mut self.values[kind.index()];
                values.push(Arc::clone(&value));
                self.numbers.insert(value, (kind, values.len()));
                (kind, values.len())
            }
        };
        // Writing into a String cannot fail.
        let _ = write!(out, "<{}-{number}>", kind.label());
    }

    /// How many different values of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.values[kind.index()].len()
    }

    /// Every value and its kind.
    pub fn values(&self) -> impl Iterator<Item = (Kind, &str)> {
        Kind::ALL
            .into_iter()
            .flat_map(|kind| self.values[kind.index()].iter().map(move |v| (kind, &**v)))
    }

    /// Puts the values back.
    pub fn restore(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (at, _) in text.match_indices('<') {
            let Some((kind, number, end)) = placeholder(text.as_bytes(), at) else { continue };
            let Some(value) = self.values[kind.index()].get(number.wrapping_sub(1)) else {
                continue;
            };
            out.push_str(&text[from..at]);
            out.push_str(value);
            from = end;
        }
        out.push_str(&text[from..]);
        out
    }
}

/// The placeholder that begins here: kind, number, and where it ends.
fn placeholder(bytes: &[u8], at: usize) -> Option<(Kind, usize, usize)> {
    let rest = bytes.get(at..)?.strip_prefix(b"<")?;
    let rest = &rest[..rest.len().min(PLACEHOLDER_BYTES_MAX)];
    let kind = Kind::ALL.into_iter().find(|kind| {
        rest.starts_with(kind.label().as_bytes()) && rest.get(kind.label().len()) == Some(&b'-')
    })?;
    let digits = &rest[kind.label().len() + 1..];
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0
        || count > NUMBER_DIGITS_MAX
        || digits[0] == b'0'
        || digits.get(count) != Some(&b'>')
    {
        return None;
    }
    let number = digits[..count].iter().fold(0, |n, d| n * 10 + usize::from(d - b'0'));
    Some((kind, number, at + 1 + kind.label().len() + 1 + count + 1))
}

/// Finds what only looks like a placeholder, and the beginning of one at the very end: two texts that
/// are put together must not make one either.
pub(super) fn find(found: &mut Found<'_>) {
    for (at, _) in found.text.match_indices('<') {
        if let Some((_, _, end)) = placeholder(found.bytes, at) {
            found.add(at, end, Kind::Text);
        }
    }
    let tail = found.bytes.len().saturating_sub(PLACEHOLDER_BYTES_MAX);
    if let Some(at) = found.bytes[tail..].iter().rposition(|b| *b == b'<')
        && begins_placeholder(&found.bytes[tail + at + 1..])
    {
        found.add(tail + at, found.bytes.len(), Kind::Text);
    }
}

/// Whether this, after a `<`, could go on to become a placeholder.
fn begins_placeholder(rest: &[u8]) -> bool {
    Kind::ALL.into_iter().any(|kind| {
        let label = kind.label().as_bytes();
        if rest.len() <= label.len() {
            return label.starts_with(rest);
        }
        rest.starts_with(label)
            && rest[label.len()] == b'-'
            && rest[label.len() + 1..].iter().all(u8::is_ascii_digit)
            && rest.get(label.len() + 1) != Some(&b'0')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_a_placeholder() {
        for (text, expected) in [
            ("<ip-1>", Some((Kind::Ip, 1, 6))),
            ("<secret-120> x", Some((Kind::Secret, 120, 12))),
            ("<ip-0>", None),
            ("<ip-01>", None),
            ("<ip->", None),
            ("<IP-1>", None),
            ("<ip-1", None),
            ("<port-1>", None),
            ("<ip-1234567890>", None),
        ] {
            assert_eq!(placeholder(text.as_bytes(), 0), expected, "{text}");
        }
    }
}
