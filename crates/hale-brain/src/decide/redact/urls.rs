//! URLs: the password before the `@`, a short name in the host's place, tokens for user names.

use super::kinds::{Found, Kind};
use super::look::{ahead, back, byte_before, is_one_of, is_word};
use super::names;
use super::shapes;
use super::words::List;

/// How much of a URL is looked at.
const AUTHORITY_BYTES_MAX: usize = 1024;

/// A URL whose `://` stands at `at`.
pub(super) fn at(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let scheme_start = back(bytes, at, 32, |b| is_word(b) || matches!(b, b'+' | b'-' | b'.'));
    let scheme = found.slice(scheme_start, at);
    if scheme.is_empty() {
        return;
    }
    let start = at + 3;
    let stop = ahead(bytes, start, AUTHORITY_BYTES_MAX, |b| {
        !b.is_ascii_whitespace() && !b.is_ascii_control() && !matches!(b, b'"' | b'`' | b'<' | b'>')
    });
    let rest = &bytes[start..stop];
    // Passwords may hold `/`, `?`, `#` though a URL should escape them: the last `@` before the next
    // blank is the one, if what stands before the first slash has a colon and no `@`.
    let plain = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let mut sign = rest[..plain].iter().rposition(|b| *b == b'@');
    if sign.is_none() && plain < rest.len() {
        sign = userinfo_with_slash(rest, plain);
    }
    let host_start = match sign {
        Some(sign) => {
            userinfo(found, scheme, start, start + sign);
            start + sign + 1
        }
        None => start,
    };
    hosts(found, scheme, host_start, stop);
}

/// `/reset-password/X`, `/invite/X`: whoever has the link gets in; the part before stands at `start..end`.
pub(super) fn way_in(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start) != Some(b'/') || bytes.get(end) != Some(&b'/') {
        return;
    }
    let from = end + 1;
    let to = ahead(bytes, from, 256, |b| is_word(b) || matches!(b, b'-' | b'.' | b'~' | b'='));
    let v = found.slice(from, to).trim_end_matches('.');
    if shapes::is_uuid(v) || v.len() >= 20 && shapes::is_random(v) {
        found.add_everywhere(from, from + v.len(), Kind::Secret);
    }
}

/// `user:pa/ss@host`: a colon before the slash, no port after it, and an `@` later on.
fn userinfo_with_slash(rest: &[u8], slash: usize) -> Option<usize> {
    let colon = rest[..slash].iter().position(|b| *b == b':')?;
    if rest[colon + 1..slash].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sign = slash + rest[slash..].iter().position(|b| *b == b'@')?;
    let after = &rest[sign + 1..];
    let host = after.iter().take_while(|b| is_word(**b) || matches!(b, b'.' | b'-')).count();
    let ends = after.get(host).is_none_or(|b| matches!(b, b':' | b'/' | b'?' | b','));
    (host > 0 && ends).then_some(sign)
}

fn userinfo(found: &mut Found<'_>, scheme: &str, start: usize, end: usize) {
    let info = found.slice(start, end);
    if let Some(colon) = info.find(':') {
        let (user, password) = (&info[..colon], &info[colon + 1..]);
        // `https://user:password@…`: how such a URL is written.
        let form = is_one_of(user, &["user", "username", "login", "name"])
            && is_one_of(password, &["pass", "password", "passwd", "pwd", "secret", "pw"]);
        if !form && !shapes::is_placeholder(password) && password != "x-oauth-basic" {
            found.add_everywhere(start + colon + 1, end, Kind::Secret);
        }
        if shapes::is_random(user) && !user.contains('.')
            || (user.len() >= 20 && shapes::is_credential(user))
        {
            found.add_everywhere(start, start + colon, Kind::Secret);
        }
        return;
    }
    // A token in the user's place, the public half of a Sentry DSN.
    if shapes::is_random(info)
        || (is_one_of(scheme, &["http", "https"])
            && info.len() >= 16
            && shapes::is_credential(info))
    {
        found.add_everywhere(start, end, Kind::Secret);
    }
}

/// Hosts of one or more labels, several between commas.
fn hosts(found: &mut Found<'_>, scheme: &str, start: usize, stop: usize) {
    let scheme = scheme.rsplit(['+', ':']).next().unwrap_or(scheme);
    if List::NoHostSchemes.has(scheme) {
        return;
    }
    let bytes = found.bytes;
    let mut at = start;
    for _ in 0..16 {
        let end = ahead(bytes, at, 253, |b| is_word(b) || matches!(b, b'.' | b'-'));
        let end = at + found.slice(at, end).trim_end_matches(['.', '-']).len();
        if end == at || end > stop {
            return;
        }
        let name = found.slice(at, end);
        let next = bytes.get(end).copied();
        // `https://api.${domain}`: its first part only.
        let partial = next == Some(b'.')
            && matches!(bytes.get(end + 1), Some(b'$' | b'{' | b'%' | b'<' | b'#' | b'['));
        let ends =
            !partial && next.is_none_or(|b| !is_word(b) && !matches!(b, b'$' | b'{' | b'%' | b'@'));
        let begins_word = name.as_bytes()[0].is_ascii_alphabetic();
        if ends
            && begins_word
            && !name.contains('.')
            && !names::is_open_host(name)
            && !shapes::is_uuid(name)
        {
            let everywhere = names::is_host_shaped(name) && name.contains('-');
            if everywhere {
                found.add_everywhere(at, end, Kind::Host);
            } else {
                found.add(at, end, Kind::Host);
            }
        }
        let port =
            if next == Some(b':') { ahead(bytes, end + 1, 6, |b| b.is_ascii_digit()) } else { end };
        if bytes.get(port) != Some(&b',') {
            return;
        }
        at = port + 1;
    }
}

/// `scott/tiger@db1:1521/orcl` after `jdbc:oracle:thin:` and `sqlplus `; `at` is where the user begins.
pub(super) fn oracle_login(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let user = ahead(bytes, at, 64, |b| is_word(b) || b == b'$' || b == b'#');
    if user == at || bytes.get(user) != Some(&b'/') {
        return;
    }
    let end = ahead(bytes, user + 1, 128, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'@' | b'"' | b'\'')
    });
    if bytes.get(end) == Some(&b'@')
        && end > user + 1
        && !shapes::is_placeholder(found.slice(user + 1, end))
        && byte_before(bytes, user) != Some(b'/')
    {
        found.add_everywhere(user + 1, end, Kind::Secret);
    }
}

/// `user:password@tcp(host:3306)/database`; the `@` stands at `at`.
pub(super) fn go_login(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let start = back(bytes, at, 256, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`' | b'/' | b'=')
    });
    let Some((user, password)) = found.text.get(start..at).and_then(|login| login.split_once(':'))
    else {
        return;
    };
    if !password.is_empty() && !shapes::is_placeholder(password) {
        found.add_everywhere(start + user.len() + 1, at, Kind::Secret);
    }
}
