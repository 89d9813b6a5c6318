//! What spans lines: private keys in their armour, also with `\n` written out; Kubernetes Secrets; and
//! the files that hold one credential a line (`.pgpass`, `smbpasswd`).

use super::keys::{Key, classify};
use super::kinds::{Found, Kind};
use super::look::{self, ahead, back, byte_before, is_key, is_word, line_end};
use super::shapes;
use super::values::{VALUE_BYTES_MAX, opening_quote, value};

/// The longest armoured body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest Kubernetes object that is read for being a Secret.
const OBJECT_BYTES_MAX: usize = 128 * 1024;

/// `-----BEGIN … PRIVATE KEY-----`; the label begins at `end`. Returns where to go on.
pub(super) fn armour(found: &mut Found<'_>, end: usize) -> usize {
    let bytes = found.bytes;
    let dashes = b"-----".as_slice();
    let label_end =
        ahead(bytes, end, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'#' | b'.'));
    let label = found.slice(end, label_end);
    let closing = ahead(bytes, label_end, 5, |b| b == b'-');
    let secret = ["PRIVATE", "STATIC KEY", "SECRET", "ENCRYPTED", "PGP MESSAGE", " SEED"]
        .iter()
        .any(|w| look::contains(label.as_bytes(), w.as_bytes()))
        && !look::contains(label.as_bytes(), b"PUBLIC");
    if closing - label_end < 4 || !secret {
        return end;
    }
    let mut stop = closing;
    let limit = (closing + BODY_BYTES_MAX).min(bytes.len());
    // Base64, blanks, escapes, marks before lines (`> `, `| `), headers such as `Proc-Type: 4,ENCRYPTED`.
    while stop < limit {
        let b = bytes[stop];
        let of_body = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'+' | b'/'
                    | b'='
                    | b'\n'
                    | b'\r'
                    | b'\t'
                    | b' '
                    | b'\\'
                    | b':'
                    | b','
                    | b'-'
                    | b'.'
                    | b'('
                    | b')'
                    | b'>'
                    | b'|'
                    | b'#'
                    | b'"'
                    | b'\''
                    | b'@'
                    | b'_'
                    | b'%'
            );
        if !of_body || (b == b'-' && bytes[stop..].starts_with(dashes)) {
            break;
        }
        // A quote ends the body unless the text goes on in another line's quote.
        if matches!(b, b'"' | b'\'') && !body_goes_on(bytes, stop) {
            break;
        }
        stop += 1;
    }
    let ends = look::starts_with_ignoring_case(&bytes[stop..], b"-----END");
    if !ends {
        stop = truncated(bytes, closing, stop);
    }
    // The lines of the armour say what it is, and nothing of it.
    let from = after_breaks(bytes, closing);
    let to = back(bytes, stop, 64, |b| b.is_ascii_whitespace() || matches!(b, b'>' | b'|' | b'#'));
    let to = if ends && bytes[..to].ends_with(b"\\n") { to - 2 } else { to };
    found.add(from.min(to), to, Kind::Secret);
    if ends {
        let tail = ahead(bytes, stop + 8, 72, |b| b != b'-' && b != b'\n');
        stop = ahead(bytes, tail, 5, |b| b == b'-');
    }
    stop
}

/// Behind the breaks of lines, also written out.
fn after_breaks(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..4 {
        at = ahead(bytes, at, 64, |b| b.is_ascii_whitespace());
        let rest = &bytes[at.min(bytes.len())..];
        if rest.starts_with(b"\\n") || rest.starts_with(b"\\r") {
            at += 2;
        } else {
            break;
        }
    }
    at
}

/// `"…\n" +⏎ "…"`: a key written in pieces in a program.
fn body_goes_on(bytes: &[u8], quote: usize) -> bool {
    let next = ahead(bytes, quote + 1, 64, |b| {
        b.is_ascii_whitespace() || matches!(b, b'+' | b'"' | b'\'' | b'\\' | b',' | b'.')
    });
    let line =
        ahead(bytes, next, 40, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    next > quote + 1 && (line - next >= 40 || bytes[next..].starts_with(b"-----END"))
}

/// A key whose end is missing: its lines of Base64.
fn truncated(bytes: &[u8], from: usize, limit: usize) -> usize {
    let mut end = from;
    let mut at = from;
    while at < limit {
        let start =
            ahead(bytes, at, 16, |b| b.is_ascii_whitespace() || matches!(b, b'>' | b'|' | b'#'));
        let start =
            if bytes[start.min(bytes.len())..].starts_with(b"\\n") { start + 2 } else { start };
        let stop = ahead(bytes, start, 4096, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
        });
        if stop - start < 16 {
            break;
        }
        end = stop.min(limit);
        at = stop;
    }
    end
}

/// The private lines of a PuTTY key file.
pub(super) fn putty(found: &mut Found<'_>, end: usize) -> usize {
    let bytes = found.bytes;
    let limit = (end + BODY_BYTES_MAX).min(bytes.len());
    let mut at = line_end(bytes, end) + 1;
    let mut lines = 0;
    let from = at;
    while at < limit {
        let stop =
            ahead(bytes, at, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        let mac = look::starts_with_ignoring_case(&bytes[at..], b"private-mac:");
        if mac {
            let stop = line_end(bytes, at);
            found.add(at + 12, stop, Kind::Secret);
            break;
        }
        if stop == at || lines > 400 {
            break;
        }
        lines += 1;
        found.add(at, stop, Kind::Secret);
        at = ahead(bytes, stop, 2, |b| b == b'\r' || b == b'\n');
        if at == stop {
            break;
        }
    }
    at.max(from).min(bytes.len())
}

/// `kind: Secret` stands at `at`: every value below `data:` and `stringData:` of its object. Nothing
/// before `floor` is looked at; returns where the object ends.
pub(super) fn kubernetes_secret(found: &mut Found<'_>, at: usize, floor: usize) -> usize {
    let json = matches!(byte_before(found.bytes, at + 1), Some(b'"' | b'\\'));
    let (start, end) =
        if json { braces_around(found, at, floor) } else { document_around(found, at, floor) };
    let text = found.text.get(start..end).unwrap_or_default();
    for (hit, name) in text.match_indices("data").chain(text.match_indices("stringData")) {
        let from = start + hit;
        let name_end = from + name.len();
        if byte_before(found.bytes, from).is_some_and(|b| is_word(b) || b == b'-' || b == b'.') {
            continue;
        }
        let closed = ahead(found.bytes, name_end, 8, |b| matches!(b, b'"' | b'\\' | b'\'' | b' '));
        if found.bytes.get(closed) != Some(&b':') {
            continue;
        }
        let body = ahead(found.bytes, closed + 1, 64, |b| b.is_ascii_whitespace() && b != b'\n');
        match found.bytes.get(body) {
            Some(b'{') => {
                json_values(found, body + 1, end);
                flow_values(found, body + 1, end);
            }
            Some(b'\n' | b'\r') => yaml_values(found, from, body, end),
            _ => {}
        }
    }
    end
}

/// The YAML document, or the item of a list, that a place belongs to.
fn document_around(found: &Found<'_>, at: usize, floor: usize) -> (usize, usize) {
    let bytes = found.bytes;
    let mut start = at.saturating_sub(OBJECT_BYTES_MAX).max(floor);
    let mut end = (at + OBJECT_BYTES_MAX).min(bytes.len());
    while !found.text.is_char_boundary(start) {
        start += 1;
    }
    while !found.text.is_char_boundary(end) {
        end -= 1;
    }
    let (before, after) = (found.slice(start, at), found.slice(at, end));
    let edges = ["\n---", "\n- apiVersion:", "\n- data:", "\n- kind:"];
    let from =
        edges.iter().filter_map(|edge| before.rfind(edge)).max().map_or(start, |i| start + i);
    let to = edges.iter().filter_map(|edge| after.find(edge)).min().map_or(end, |i| at + i);
    (from, to)
}

/// The JSON object that a place belongs to.
fn braces_around(found: &Found<'_>, at: usize, floor: usize) -> (usize, usize) {
    let bytes = found.bytes;
    let lowest = at.saturating_sub(OBJECT_BYTES_MAX).max(floor);
    let highest = (at + OBJECT_BYTES_MAX).min(bytes.len());
    let (mut start, mut depth) = (at, 0usize);
    while start > lowest {
        match bytes[start - 1] {
            b'}' => depth += 1,
            b'{' if depth == 0 => break,
            b'{' => depth -= 1,
            _ => {}
        }
        start -= 1;
    }
    let (mut end, mut depth) = (at, 0usize);
    while end < highest {
        match bytes[end] {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            _ => {}
        }
        end += 1;
    }
    while !found.text.is_char_boundary(start) {
        start += 1;
    }
    while !found.text.is_char_boundary(end) {
        end -= 1;
    }
    (start, end.max(start))
}

/// `{"name":"value", …}` up to the brace that closes.
fn json_values(found: &mut Found<'_>, mut at: usize, end: usize) {
    for _ in 0..512 {
        let bytes = found.bytes;
        at = ahead(bytes, at, 256, |b| b.is_ascii_whitespace() || b == b',');
        if at >= end || opening_quote(bytes, at).is_none() {
            return;
        }
        let Some(name) = value(found.text, at) else { return };
        let colon = ahead(bytes, name.end, 16, |b| matches!(b, b'"' | b'\\' | b'\''));
        if bytes.get(colon) != Some(&b':') {
            return;
        }
        let from = ahead(bytes, colon + 1, 16, |b| b.is_ascii_whitespace());
        if opening_quote(bytes, from).is_none() {
            return;
        }
        let Some(v) = value(found.text, from) else { return };
        if !is_setting(found.slice(name.start, name.end), found.slice(v.start, v.end)) {
            hidden_datum(found, v.start, v.end);
        }
        at = ahead(bytes, v.end, 8, |b| matches!(b, b'"' | b'\\' | b'\''));
    }
}

/// `{name: value, other: value}` without quotes.
fn flow_values(found: &mut Found<'_>, start: usize, end: usize) {
    let Some(text) = found.text.get(start..end) else { return };
    let text = &text[..text.find(['}', '"', '\n']).unwrap_or(text.len())];
    let mut at = start;
    for pair in text.split(',') {
        if let Some((name, v)) = pair.split_once(": ") {
            let from = at + name.len() + 2;
            hidden_datum(found, from, from + v.trim_end().len());
        }
        at += pair.len() + 1;
    }
}

/// `name:1001:LM-HASH:NT-HASH:`, as Samba and dumps of Windows have it; the colon before the number
/// stands at `colon`. Returns whether it was one.
pub(super) fn windows_hashes(found: &mut Found<'_>, colon: usize) -> bool {
    let bytes = found.bytes;
    let hash = |at: usize| {
        let end = ahead(bytes, at, 33, |b| b.is_ascii_hexdigit() || b == b'*' || b == b'X');
        (end - at == 32 && bytes.get(end) == Some(&b':')).then_some(end)
    };
    let number = ahead(bytes, colon + 1, 10, |b| b.is_ascii_digit());
    if number == colon + 1 || bytes.get(number) != Some(&b':') {
        return false;
    }
    let Some(first) = hash(number + 1) else { return false };
    let Some(second) = hash(first + 1) else { return false };
    found.add_everywhere(number + 1, first, Kind::Secret);
    found.add_everywhere(first + 1, second, Kind::Secret);
    true
}

/// Lines indented more than `data:` itself.
fn yaml_values(found: &mut Found<'_>, name_start: usize, mut at: usize, end: usize) {
    let bytes = found.bytes;
    let line = back(bytes, name_start, 256, |b| b != b'\n');
    let own = name_start - line;
    let mut block: Option<usize> = None;
    for _ in 0..2000 {
        at = ahead(bytes, at, 2, |b| b == b'\r') + 1;
        if at >= end {
            return;
        }
        let from = ahead(bytes, at, 128, |b| b == b' ');
        let stop = ahead(bytes, from, VALUE_BYTES_MAX, |b| b != b'\n' && b != b'\r');
        let indent = from - at;
        at = stop;
        if from == stop {
            continue;
        }
        if indent <= own {
            return;
        }
        if block.is_some_and(|b| indent > b) {
            // A file in a value: what its lines say has its own look.
            let name = ahead(bytes, from, 64, is_key);
            let of_file = name > from
                && bytes.get(name) == Some(&b':')
                && matches!(bytes.get(name + 1), Some(b' ' | b'\n' | b'\r') | None);
            if of_file {
                let from_value = look::blanks(bytes, name + 1);
                let v = found.slice(from_value, stop);
                if from_value < stop && !is_setting(found.slice(from, name), v) {
                    hidden_datum(found, from_value, stop);
                }
                continue;
            }
            hidden_datum(found, from, stop);
            continue;
        }
        block = None;
        let name = ahead(bytes, from, 256, |b| is_key(b) || b == b'"' || b == b'\'' || b == b'/');
        if bytes.get(name) != Some(&b':') {
            continue;
        }
        let value_at = look::blanks(bytes, name + 1);
        if matches!(bytes.get(value_at), Some(b'|' | b'>')) {
            block = Some(indent);
        } else if value_at < stop
            && let Some(v) = value(found.text, value_at)
            && !is_setting(found.slice(from, name), found.slice(v.start, v.end))
        {
            hidden_datum(found, v.start, v.end.min(stop));
        }
    }
}

/// `SMTP_PORT: "587"`: a number or a switch, whose name promises no secret.
fn is_setting(name: &str, v: &str) -> bool {
    let plain = v.len() <= 5 && v.bytes().all(|b| b.is_ascii_digit())
        || look::is_one_of(v, &["true", "false", "yes", "no", "on", "off", "null"]);
    plain && matches!(classify(name.trim_matches(['"', '\''])), Key::Other | Key::Host)
}

fn hidden_datum(found: &mut Found<'_>, start: usize, end: usize) {
    if let Some(v) = found.text.get(start..end)
        && !shapes::is_placeholder(v)
    {
        if v.len() >= 8 && !shapes::is_name(v) {
            found.add_everywhere(start, end, Kind::Secret);
        } else {
            found.add(start, end, Kind::Secret);
        }
    }
}

/// `host:5432:database:user:password`: the colon before the port stands at `colon`.
pub(super) fn pgpass(found: &mut Found<'_>, colon: usize) -> bool {
    let bytes = found.bytes;
    let start =
        back(bytes, colon, 253, |b| is_word(b) || matches!(b, b'.' | b'-' | b'*' | b'[' | b']'));
    let is_field = |b: u8| is_word(b) || matches!(b, b'-' | b'.' | b'*' | b'$' | b'@' | b'+');
    let port = ahead(bytes, colon + 1, 5, |b| b.is_ascii_digit() || b == b'*');
    if start == colon || port == colon + 1 || bytes.get(port) != Some(&b':') {
        return false;
    }
    let database = ahead(bytes, port + 1, 63, is_field);
    let user = ahead(bytes, database + 1, 63, is_field);
    if database == port + 1
        || bytes.get(database) != Some(&b':')
        || user == database + 1
        || bytes.get(user) != Some(&b':')
    {
        return false;
    }
    let end =
        ahead(bytes, user + 1, 256, |b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\''));
    let (host, user_name, password) =
        (found.slice(start, colon), found.slice(database + 1, user), found.slice(user + 1, end));
    let host_named = host == "*"
        || host.bytes().any(|b| b.is_ascii_alphabetic())
        || host.bytes().filter(|b| *b == b'.').count() == 3;
    let user_named = user_name == "*" || user_name.bytes().any(|b| b.is_ascii_alphabetic());
    let long_port = port - colon > 2 || bytes[colon + 1] == b'*';
    // Messages of compilers have places in that form too: `main.rs:12:5:error:x`.
    let source = host.rsplit_once('.').is_some_and(|(_, end)| {
        matches!(
            end,
            "rs" | "py"
                | "go"
                | "c"
                | "h"
                | "js"
                | "ts"
                | "java"
                | "rb"
                | "sh"
                | "cpp"
                | "yaml"
                | "yml"
                | "json"
                | "tf"
                | "log"
                | "conf"
        )
    });
    if !host_named
        || !user_named
        || !long_port
        || source
        || password.len() < 4
        || shapes::is_nothing(password)
        || password.contains("::")
        || found.bytes[port + 1..database].iter().all(u8::is_ascii_digit)
        || password.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') && password.contains(':')
    {
        return false;
    }
    let starts_word = byte_before(bytes, start)
        .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b':' | b'"' | b'\'' | b'>'));
    if !starts_word
        || (shapes::is_name(password)
            && shapes::is_plain(password)
            && end < bytes.len()
            && !matches!(bytes[end], b'\n' | b'\r' | b'"' | b'\''))
    {
        return false;
    }
    found.add_everywhere(user + 1, end, Kind::Secret);
    true
}
