//! HTTP headers whose whole value is a credential: `Authorization` with its schemes, cookies.

use super::keys::{Key, classify};
use super::kinds::{Found, Kind};
use super::look::{ahead, blanks, byte_before, contains, is_one_of, line_before, line_end};
use super::shapes;
use super::values::opening_quote;
use super::words::List;

/// The longest header that is read.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// `Authorization: SCHEME CREDENTIAL`; the name ends at `end`.
pub(super) fn authorization(found: &mut Found<'_>, end: usize) -> usize {
    let bytes = found.bytes;
    let closed = ahead(bytes, end, 8, |b| matches!(b, b'"' | b'\'' | b'\\' | b']' | b' '));
    let at = match bytes.get(closed) {
        // `authorization::v1`: a path of code.
        Some(b':') if bytes.get(closed + 1) == Some(&b':') => return end,
        Some(b':' | b'=') => {
            blanks(bytes, closed + 1 + usize::from(bytes.get(closed + 1) == Some(&b'>')))
        }
        // ("Authorization", "Bearer …")
        Some(b',') if opening_quote(bytes, blanks(bytes, closed + 1)).is_some() => {
            blanks(bytes, closed + 1)
        }
        // proxy_set_header Authorization "Basic …";
        Some(_)
            if bytes.get(end) == Some(&b' ')
                && opening_quote(bytes, blanks(bytes, end)).is_some() =>
        {
            blanks(bytes, end)
        }
        _ => return end,
    };
    let at = ahead(bytes, at, 2, |b| b == b'[' || b == b' ');
    let (start, stop) = match opening_quote(bytes, at) {
        Some((quote, _, start)) => {
            (start, ahead(bytes, start, HEADER_BYTES_MAX, |b| b != quote && b != b'\n'))
        }
        None => (
            at,
            ahead(bytes, at, HEADER_BYTES_MAX, |b| {
                !matches!(b, b'\n' | b'\r' | b'"' | b'\'' | b'`')
            }),
        ),
    };
    credential(found, start, stop, line_end(bytes, start));
    stop
}

/// A scheme and what follows it.
fn credential(found: &mut Found<'_>, start: usize, stop: usize, line: usize) {
    let bytes = found.bytes;
    let stop = stop - usize::from(byte_before(bytes, stop) == Some(b'\\') && stop > start);
    let Some(text) = found.text.get(start..stop) else { return };
    let scheme_end = start + text.find([' ', '\t']).unwrap_or(text.len());
    let scheme = found.slice(start, scheme_end);
    if !List::AuthSchemes.has(scheme) {
        // A scheme that nobody knows: `Authorization: Acme 5d0bda75-…`.
        let second = blanks(bytes, scheme_end);
        let word = found.slice(second, stop).split([' ', ',']).next().unwrap_or_default();
        if scheme.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
            && (shapes::is_random(word) || shapes::is_uuid(word))
        {
            found.add_everywhere(second, second + word.len(), Kind::Secret);
            return;
        }
        // No scheme: the first word is the credential, if it looks like one.
        let word = scheme.trim_end_matches([',', ';', '.']);
        if shapes::is_credential(word) || shapes::is_strong_password(word) {
            found.add_everywhere(start, start + word.len(), Kind::Secret);
        }
        return;
    }
    let at = blanks(bytes, scheme_end);
    let rest = found.text.get(at..stop).unwrap_or_default();
    let whole = found.text.get(at..line).unwrap_or(rest);
    if is_parameters(whole) {
        return parameters(found, at, line);
    }
    let word = rest
        .split([' ', '\t', ','])
        .next()
        .unwrap_or_default()
        .trim_end_matches([';', '.', '\\', ')', '}']);
    if !shapes::is_placeholder(word) && word.len() >= 4 && !shapes::is_stop_word(word) {
        found.add_everywhere(at, at + word.len(), Kind::Secret);
    }
}

/// `username="x", response="…"`
fn is_parameters(rest: &str) -> bool {
    let name =
        rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    name > 0
        && name < 24
        && rest.as_bytes().get(name) == Some(&b'=')
        && rest.len() > name + 2
        && rest.as_bytes().get(name + 1) != Some(&b'=')
}

/// Of a scheme with parameters: those that prove something.
fn parameters(found: &mut Found<'_>, start: usize, stop: usize) {
    let mut at = start;
    while at < stop {
        let Some(part) = found.text.get(at..stop) else { return };
        let part = &part[..part.find([',', ' ', '&', ';']).unwrap_or(part.len())];
        let Some(equals) = part.find('=') else {
            at += part.len() + 1;
            continue;
        };
        let name = part[..equals].trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        let raw = part[equals + 1..].trim_matches(['"', '\'', '\\']);
        let begin = at + equals + 1 + part[equals + 1..].find(raw).unwrap_or(0);
        // `Credential=AKIA…/20261120/eu-west-1/s3/aws4_request`: what follows is the scope.
        let raw = if is_one_of(name, &["credential"]) {
            raw.split_once('/').map_or(raw, |(id, _)| id)
        } else {
            raw
        };
        if List::AuthProofs.has(name) && shapes::is_credential(raw) {
            found.add(begin, begin + raw.len(), Kind::Secret);
        }
        at += part.len() + 1;
    }
}

/// `Bearer …` without its header's name.
pub(super) fn scheme_alone(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return;
    }
    let at = blanks(bytes, end);
    let stop = ahead(bytes, at, HEADER_BYTES_MAX, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    });
    let word = found.slice(at, stop).trim_end_matches('.');
    let basic = found.slice(start, end).trim_end().eq_ignore_ascii_case("basic");
    let yes = if basic {
        holds_user_and_password(word)
    } else {
        shapes::is_random(word) || shapes::is_uuid(word)
    };
    if yes {
        found.add_everywhere(at, at + word.len(), Kind::Secret);
    }
}

/// Whether Base64 text is `user:password`.
pub(super) fn holds_user_and_password(word: &str) -> bool {
    super::base64::decode(word).is_some_and(|plain| {
        let text = String::from_utf8_lossy(&plain);
        text.find(':').is_some_and(|at| at > 0 && at + 1 < text.len())
            && text.chars().all(|c| !c.is_control() && c != '\u{fffd}')
    })
}

/// `cookie` in a line about Erlang: what nodes know each other by.
pub(super) fn is_of_erlang(bytes: &[u8], start: usize) -> bool {
    contains(line_before(bytes, start), b"erlang ")
}

/// `Cookie: a=b; c=d`; the name stands at `start..end`.
pub(super) fn cookies(found: &mut Found<'_>, start: usize, end: usize) -> usize {
    let bytes = found.bytes;
    let closed = ahead(bytes, end, 8, |b| matches!(b, b'"' | b'\'' | b'\\' | b']' | b' '));
    let option =
        byte_before(bytes, start) == Some(b'-') || found.slice(start, end).starts_with('-');
    let at = match bytes.get(closed) {
        Some(b':' | b'=') => blanks(bytes, closed + 1),
        Some(_) if option && closed > end => blanks(bytes, end),
        _ => return end,
    };
    cookie_pairs(found, at)
}

/// `name=value; name=value`, quoted or to the end of the line.
pub(super) fn cookie_pairs(found: &mut Found<'_>, at: usize) -> usize {
    let bytes = found.bytes;
    let at = ahead(bytes, at, 2, |b| b == b'[' || b == b' ');
    let (start, stop) = match opening_quote(bytes, at) {
        Some((quote, _, start)) => {
            (start, ahead(bytes, start, HEADER_BYTES_MAX, |b| b != quote && b != b'\n'))
        }
        None => {
            (at, ahead(bytes, at, HEADER_BYTES_MAX, |b| !matches!(b, b'\n' | b'\r' | b'"' | b'\'')))
        }
    };
    let mut at = start;
    while at < stop {
        let Some(part) = found.text.get(at..stop) else { break };
        let part = &part[..part.find([';', ',']).unwrap_or(part.len())];
        if let Some(equals) = part.find('=') {
            let name = part[..equals].trim();
            let word = part[equals + 1..].trim_matches(|c: char| c.is_whitespace() || c == '\\');
            let word = word.split(' ').next().unwrap_or_default();
            let begin = at + equals + 1 + part[equals + 1..].find(word).unwrap_or(0);
            if is_session(name, word) {
                found.add_everywhere(begin, begin + word.len(), Kind::Secret);
            }
        }
        at += part.len() + 1;
    }
    stop
}

/// Whether a cookie lets somebody in: by its name, or because its value has no other use.
fn is_session(name: &str, value: &str) -> bool {
    if value.len() < 6 || shapes::is_placeholder(value) || List::CookieAttributes.has(name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let named = !matches!(classify(name), Key::Other | Key::Host)
        || [
            "sess",
            "sid",
            "auth",
            "token",
            "login",
            "remember",
            "jwt",
            "csrf",
            "xsrf",
            "identity",
            "credential",
            "sso",
        ]
        .iter()
        .any(|part| lower.contains(part));
    if named {
        return shapes::is_credential(value)
            || (value.len() >= 12 && !shapes::is_name(value))
            || value.contains('%') && value.len() >= 16;
    }
    shapes::is_random(value) && !lower.starts_with("_g") && !lower.starts_with("utm")
}
