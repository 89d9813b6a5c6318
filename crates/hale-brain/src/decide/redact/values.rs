//! Where a value begins and ends: quoted, escaped several times over, bare in a URL, a line, a list.

use super::look::{ahead, back, blanks, byte_before, is_word};

/// The longest value that is read.
pub(super) const VALUE_BYTES_MAX: usize = 8 * 1024;

/// A value, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub start: usize,
    pub end: usize,
    pub quoted: bool,
}

/// The quote that opens at `at`: its byte, the backslashes before it, and where its inside begins.
pub(super) fn opening_quote(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let slashes = ahead(bytes, at, 8, |b| b == b'\\') - at;
    match bytes.get(at + slashes) {
        Some(q @ (b'"' | b'\'' | b'`')) => Some((*q, slashes, at + slashes + 1)),
        _ => None,
    }
}

/// The value at `at`, if any stands there.
pub(super) fn value(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let at = skip_wrappers(bytes, at);
    if let Some((quote, slashes, start)) = opening_quote(bytes, at) {
        return Some(quoted(text, quote, slashes, start));
    }
    let curly =
        text.get(at..).and_then(|t| t.chars().next()).filter(|c| matches!(c, '“' | '‘' | '«'));
    if let Some(open) = curly {
        let start = at + open.len_utf8();
        let end = text[start..]
            .char_indices()
            .take(256)
            .find(|(_, c)| matches!(c, '”' | '’' | '»' | '\n'));
        return Some(Value { start, end: start + end?.0, quoted: true });
    }
    let end = bare_end(bytes, at);
    (end > at).then_some(Value { start: at, end, quoted: false })
}

/// `Some("…")`, `Secret("…")`, `b"…"`, `!!str …`, `$'…'`
fn skip_wrappers(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..3 {
        if bytes[at.min(bytes.len())..].starts_with(b"!!") {
            let tag = ahead(bytes, at + 2, 16, |b| b.is_ascii_alphabetic());
            at = blanks(bytes, tag);
            continue;
        }
        let letters = ahead(bytes, at, 16, |b| b.is_ascii_alphabetic());
        if bytes.get(letters) == Some(&b'(') && opening_quote(bytes, letters + 1).is_some() {
            at = letters + 1;
        } else if letters - at <= 2
            && letters > at
            && matches!(bytes.get(letters), Some(b'"' | b'\''))
        {
            at = letters;
        } else if matches!(bytes.get(at), Some(b'$' | b'@' | b'['))
            && matches!(bytes.get(at + 1), Some(b'"' | b'\''))
        {
            at += 1;
        } else {
            break;
        }
    }
    at
}

/// To the quote that closes: the next of the same kind, escaped as often as the opening one.
fn quoted(text: &str, quote: u8, slashes: usize, start: usize) -> Value {
    let bytes = text.as_bytes();
    let limit = (start + VALUE_BYTES_MAX).min(bytes.len());
    let mut at = start;
    let mut run = 0;
    while at < limit {
        match bytes[at] {
            b'\\' => run += 1,
            b'\n' => break,
            b if b == quote && run <= slashes => {
                return Value { start, end: at - run.min(slashes), quoted: true };
            }
            _ => run = 0,
        }
        at += 1;
    }
    // Never closed: what stands up to a blank.
    let end = ahead(bytes, start, VALUE_BYTES_MAX, |b| !b.is_ascii_whitespace() && b != quote);
    Value { start, end: floor(text, end), quoted: false }
}

pub(super) fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where a value without quotes ends.
fn bare_end(bytes: &[u8], start: usize) -> usize {
    let stop = ahead(bytes, start, VALUE_BYTES_MAX, |b| {
        !b.is_ascii_whitespace() && !b.is_ascii_control() && !matches!(b, b'"' | b'`' | b'<' | b'>')
    });
    let mut depth = 0usize;
    let mut at = start;
    while at < stop {
        match bytes[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => break,
            b')' | b']' | b'}' => depth -= 1,
            b'\\'
                if matches!(bytes.get(at + 1), Some(b'"' | b'\'' | b'n' | b'r' | b't' | b'\\'))
                    && ends_escaped(bytes, at) =>
            {
                break;
            }
            b'\'' if !bytes.get(at + 1).is_some_and(|b| is_word(*b)) => break,
            // A list goes on: `;Encrypt=True`, `&ssl=true`, `, user: x`.
            b';' | b'&' | b',' | b'|' if begins_next(bytes, at + 1, stop, bytes[at]) => break,
            _ => {}
        }
        at += 1;
    }
    while at > start && matches!(bytes[at - 1], b',' | b';' | b'.' | b':') {
        at -= 1;
    }
    at
}

/// `\n` written out ends a value when the text around it is written that way.
fn ends_escaped(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1) {
        Some(b'"' | b'\'') => true,
        Some(b'n') => bytes.get(at + 2).is_none_or(|b| {
            !b.is_ascii_lowercase() && !b.is_ascii_digit() || is_key_ahead(bytes, at + 2)
        }),
        Some(b'r') => bytes.get(at + 2) == Some(&b'\\'),
        Some(b'\\') => matches!(bytes.get(at + 2), Some(b'n' | b'"')),
        _ => false,
    }
}

fn is_key_ahead(bytes: &[u8], at: usize) -> bool {
    let end = ahead(bytes, at, 64, |b| is_word(b) || matches!(b, b'.' | b'-'));
    end > at && matches!(bytes.get(end), Some(b'=' | b':'))
}

/// Whether after this separator something else begins.
fn begins_next(bytes: &[u8], at: usize, stop: usize, separator: u8) -> bool {
    if at >= stop {
        return true;
    }
    let end = ahead(bytes, at, 64, |b| is_word(b) || matches!(b, b'.' | b'-' | b'%' | b' '));
    let key_follows = end > at && matches!(bytes.get(end), Some(b'=' | b':'));
    match separator {
        b',' => key_follows || matches!(bytes[at], b'\'' | b'{' | b'[' | b'\\'),
        b'|' => key_follows || bytes[at] == b'|',
        b'&' => key_follows || bytes[at] == b'&',
        _ => key_follows,
    }
}

/// One word of a command line at `at`: quoted or bare, as the shell would read it.
pub(super) fn shell_word(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let at = blanks(bytes, at);
    if let Some((quote, slashes, start)) = opening_quote(bytes, at) {
        return Some(quoted(text, quote, slashes, start));
    }
    if matches!(bytes.get(at), Some(b'$')) && bytes.get(at + 1) == Some(&b'\'') {
        return Some(quoted(text, b'\'', 0, at + 2));
    }
    let mut end = ahead(bytes, at, VALUE_BYTES_MAX, |b| {
        !b.is_ascii_whitespace()
            && !b.is_ascii_control()
            && !matches!(b, b'"' | b'`' | b';' | b'|' | b'<' | b'>' | b')')
    });
    // Inside a quoted text the quote ends the word.
    while end > at && matches!(bytes[end - 1], b'\'' | b',' | b'\\') {
        end -= 1;
    }
    let end = floor(text, end);
    (end > at).then_some(Value { start: at, end, quoted: false })
}

/// Whether the key that begins at `at` begins its line: after blanks, a dash of a list, `export`, a
/// quote or a comment mark.
pub(super) fn begins_line(bytes: &[u8], at: usize) -> bool {
    let start = back(bytes, at, 128, |b| b != b'\n');
    if byte_before(bytes, start).is_some_and(|b| b != b'\n') {
        return false;
    }
    let before = bytes[start..at].trim_ascii();
    matches!(
        before,
        b"" | b"-"
            | b"export"
            | b"set"
            | b"\""
            | b"'"
            | b"- \""
            | b"#"
            | b"ENV"
            | b"ARG"
            | b"-e"
            | b"\\\""
            | b"+"
            | b"declare -x"
            | b"- name:"
            | b"$"
            | b">"
            | b"*"
            | b"//"
            | b"<"
            | b"local"
            | b"setenv"
            | b"readonly"
            | b"- -e"
            | b"{\""
            | b"{"
    )
}
