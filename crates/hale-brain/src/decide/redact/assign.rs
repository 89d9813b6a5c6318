//! Names and their values: `KEY=value`, `"key": "value"`, `--key value`, `<key>value</key>`,
//! `key is value`, and every other way to write that something is called a password and is this.

use super::calls;
use super::code;
use super::headers;
use super::keys::{Key, classify};
use super::kinds::{Found, Kind};
use super::look::{
    self, LINE_LOOK_BYTES_MAX, ahead, back, bare, blanks, byte_before, is_key, is_one_of, is_word,
    line_before, line_end,
};
use super::names;
use super::places;
use super::prose;
use super::shapes;
use super::values::{self, Value, begins_line, opening_quote, shell_word, value};
use super::words::List;

/// The longest name of a value.
const NAME_BYTES_MAX: usize = 96;
/// A name that says too little, with what may stand behind it.
const AUTH: &[&str] = &["auth:", "auth=", "auth\"", "auth'", "auth "];

/// How name and value are joined; the looser, the more the value itself must tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// `=`, `=>`, `>` of an element, `"value":`.
    Equals,
    /// `:`
    Colon,
    /// `--name value`
    Option,
    /// `"name", "value"` and `name("value")`
    Argument,
    /// `name 'value'`
    Quote,
    /// `name is value`
    Told,
    /// `name value`
    Blank,
}

/// A word that may be (part of) a name stands at `hit`; returns where to go on.
pub(super) fn at(found: &mut Found<'_>, hit_start: usize) -> usize {
    let bytes = found.bytes;
    let mut start = back(bytes, hit_start, NAME_BYTES_MAX, is_key);
    let mut end = ahead(bytes, hit_start, NAME_BYTES_MAX, is_key);
    while end > hit_start && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    // `\nDB_PASSWORD`: the letter belongs to the escape.
    if byte_before(bytes, start) == Some(b'\\')
        && matches!(bytes[start], b'n' | b't' | b'r')
        && start + 1 < hit_start
    {
        start += 1;
    }
    // `https://oauth2:TOKEN@host`: the URL's own look.
    if bytes[..start].ends_with(b"://") {
        return end;
    }
    let name = found.slice(start, end);
    let key = classify(name);
    match key {
        Key::Other => end,
        Key::Authorization => headers::authorization(found, end),
        Key::Cookie => {
            let before = found.spans.len();
            let done = headers::cookies(found, start, end);
            // `auth.erlangCookie=X`: no cookie of a browser.
            let own = name.len() > 6
                && !look::contains(name.as_bytes(), b"set")
                && !is_one_of(name, &["http_cookie", "cookie2"])
                || headers::is_of_erlang(bytes, start);
            if own && found.spans.len() == before {
                return secret_value(found, Key::Token, start, end).unwrap_or(end);
            }
            done
        }
        Key::Host => {
            host_value(found, name, end);
            end
        }
        // `public key: X`
        Key::Random
            if look::words_before(bytes, start).next().is_some_and(|w| {
                is_one_of(bare(w), &["public", "pub", "host", "pubkey", "publickey"])
            }) =>
        {
            end
        }
        Key::Password | Key::Token | Key::Loose | Key::Random | Key::Digits => {
            secret_value(found, key, start, end).unwrap_or_else(|| {
                found.heads.push(start);
                end
            })
        }
    }
}

fn secret_value(found: &mut Found<'_>, key: Key, start: usize, end: usize) -> Option<usize> {
    let bytes = found.bytes;
    let closed = closers(bytes, end);
    let after = blanks(bytes, closed);
    let name = found.slice(start, end);
    // `login($user, $pass)->ok`: a variable among others.
    if byte_before(bytes, start) == Some(b'$') && bytes[end..closed].contains(&b')') {
        return None;
    }
    // "name": { "value": "…" }
    if closed > end
        && let Some(value_at) = places::value_of_object(found, closed)
    {
        return take(found, key, Join::Equals, start, value_at);
    }
    // name=value, name: value, name => value
    if let Some((join, value_at)) = separator(bytes, after, closed > end || after == end) {
        if let Some(assigned) = typed(bytes, after, value_at) {
            return take(found, key, Join::Equals, start, assigned);
        }
        if let Some(done) = block_scalar(found, key, start, value_at) {
            return Some(done);
        }
        return take(found, key, join, start, value_at);
    }
    // <name>value</name>, <name attribute="…">value</name>, name="password">value<
    if let Some(value_at) = element(bytes, start, closed) {
        let value_at = calls::inner_element(bytes, value_at);
        let end = ahead(bytes, value_at, values::VALUE_BYTES_MAX, |b| b != b'<' && b != b'\n');
        return accept(
            found,
            key,
            Join::Equals,
            start,
            Value { start: value_at, end, quoted: true },
        );
    }
    // variable "db_password" { default = "…" }
    if closed > end
        && let Some(value_at) = calls::block_default(bytes, after)
    {
        return take(found, key, Join::Equals, start, value_at);
    }
    // "name": "DB_PASSWORD", "value": "…"
    let far = || places::value_of_record(found, start, end);
    if let Some(value_at) = sibling(bytes, closed).or_else(far) {
        return take(found, key, Join::Equals, start, value_at);
    }
    // name="password"⏎⏎value of a multipart form
    if let Some(value_at) = form_part(bytes, closed) {
        let end = line_end(bytes, value_at);
        return accept(
            found,
            key,
            Join::Equals,
            start,
            Value { start: value_at, end, quoted: true },
        );
    }
    // define('NAME', 'value'), set("name", "value")
    if closed > end && bytes.get(after) == Some(&b',') {
        let next = blanks(bytes, after + 1);
        opening_quote(bytes, next)?;
        return take(found, key, Join::Argument, start, next);
    }
    if closed == end && bytes.get(end) == Some(&b'(') && opening_quote(bytes, end + 1).is_some() {
        return take(found, key, Join::Argument, start, end + 1);
    }
    if after == closed || closed > end {
        return None;
    }
    // --name value, -name value
    if name.starts_with('-') && !byte_before(bytes, start).is_some_and(is_word) {
        let word = shell_word(found.text, after)?;
        if !word.quoted && bytes.get(word.start) == Some(&b'-') {
            return None;
        }
        return accept(found, key, Join::Option, start, word);
    }
    if let Some(v) = calls::after_form(found, after) {
        return accept(found, key, Join::Option, start, v);
    }
    spoken(found, key, start, end, after)
}

/// What may stand between a name and its separator: quotes, brackets, emphasis.
fn closers(bytes: &[u8], end: usize) -> usize {
    ahead(bytes, end, 8, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b']' | b'*' | b')'))
}

/// The separator at `at`, and where its value begins.
fn separator(bytes: &[u8], at: usize, _tight: bool) -> Option<(Join, usize)> {
    let rest = &bytes[at.min(bytes.len())..];
    let (join, length) = match rest {
        [b'=', b'>', ..] => (Join::Equals, 2),
        [b'=', b'=', ..] => (Join::Equals, 2),
        [b'=', ..] => (Join::Equals, 1),
        [b':', b'=', ..] => (Join::Equals, 2),
        [b'-', b'>', ..] => (Join::Equals, 2),
        [b'?' | b'+' | b'!', b'=', ..] => (Join::Equals, 2),
        [b'<', b'<', b'<', ..] => (Join::Option, 3),
        [b':', b':', b' ', ..] => (Join::Equals, 2),
        [b':', b':', ..] => return None,
        [b':', b'/', b'/', ..] => return None,
        [b':', ..] => (Join::Colon, 1),
        [b'%', b'3', b'D' | b'd', ..] => (Join::Equals, 3),
        [0xef, 0xbc, 0x9a, ..] => (Join::Colon, 3),
        _ => return None,
    };
    Some((join, blanks(bytes, at + length)))
}

/// `token: &str = "…"`: after the colon stands a type; where the value begins.
fn typed(bytes: &[u8], colon: usize, at: usize) -> Option<usize> {
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let end = ahead(bytes, at, 32, |b| {
        is_word(b) || matches!(b, b'&' | b'<' | b'>' | b'\'' | b' ' | b'?' | b':' | b'(' | b')')
    });
    let quoted =
        bytes.get(end) == Some(&b'=') && opening_quote(bytes, blanks(bytes, end + 1)).is_some();
    (end > at && quoted).then(|| blanks(bytes, end + 1))
}

/// `name: |` and the indented lines below it.
fn block_scalar(found: &mut Found<'_>, key: Key, start: usize, at: usize) -> Option<usize> {
    let bytes = found.bytes;
    if !matches!(bytes.get(at), Some(b'|' | b'>')) {
        return None;
    }
    let mark = ahead(bytes, at + 1, 3, |b| matches!(b, b'-' | b'+') || b.is_ascii_digit());
    let mut line = ahead(bytes, mark, 2, |b| b == b'\r' || b == b' ');
    if bytes.get(line) != Some(&b'\n') {
        return None;
    }
    line += 1;
    let indent = |line: usize| ahead(bytes, line, 64, |b| b == b' ' || b == b'\t') - line;
    let own =
        ahead(bytes, back(bytes, start, LINE_LOOK_BYTES_MAX, |b| b != b'\n'), 64, |b| b == b' ');
    let own = own - back(bytes, own, LINE_LOOK_BYTES_MAX, |b| b != b'\n');
    let first = indent(line);
    if first <= own {
        return Some(at);
    }
    // Lines that are no value are read again: they may be names with values of their own.
    let mut again = None;
    for _ in 0..200 {
        if line >= bytes.len() || indent(line) < first {
            break;
        }
        let from = line + indent(line);
        let to = ahead(bytes, from, values::VALUE_BYTES_MAX, |b| b != b'\n' && b != b'\r');
        let v = Value { start: from, end: to, quoted: true };
        if accept(found, key, Join::Equals, start, v).is_none() {
            again = again.or(Some(from));
        }
        line = ahead(bytes, to, values::VALUE_BYTES_MAX, |b| b != b'\n') + 1;
    }
    Some(again.unwrap_or(line).min(bytes.len()))
}

/// Where the text of an element begins, if the name is one's tag or attribute.
fn element(bytes: &[u8], start: usize, closed: usize) -> Option<usize> {
    if bytes.get(closed) == Some(&b'>') {
        let tag = matches!(byte_before(bytes, start), Some(b'<' | b':' | b'"' | b'\''))
            // Markdown: `<password>` in a sentence.
            && bytes.get(closed + 1) != Some(&b'`');
        return tag.then_some(closed + 1);
    }
    // Attributes between: only of a tag.
    let is_tag = matches!(byte_before(bytes, start), Some(b'<' | b':'));
    if is_tag && bytes.get(closed) == Some(&b' ') {
        let end = ahead(bytes, closed, 200, |b| b != b'>' && b != b'<' && b != b'\n');
        let attribute = &bytes[closed..end];
        let own_value = attribute
            .windows(7)
            .any(|w| w.eq_ignore_ascii_case(b"value=\"") || w.eq_ignore_ascii_case(b"value='"));
        if bytes.get(end) == Some(&b'>') && !own_value && byte_before(bytes, end) != Some(b'/') {
            return Some(end + 1);
        }
    }
    None
}

/// The value of a pair that is written as two: a name, then a value.
fn sibling(bytes: &[u8], closed: usize) -> Option<usize> {
    let at = ahead(bytes, closed, 80, |b| {
        b.is_ascii_whitespace() || matches!(b, b',' | b'"' | b'\'' | b'\\' | b';' | b'{' | b'/')
    });
    // <name>db.password</name><value>…, <key>AuthPassword</key><string>…
    if bytes[closed..].starts_with(b"</") {
        let tag = ahead(bytes, closed, 32, |b| b != b'>') + 1;
        let next = ahead(bytes, tag, 80, |b| b.is_ascii_whitespace());
        let end = ahead(bytes, next, 32, |b| b != b'>' && b != b'/');
        let opens = bytes.get(next) == Some(&b'<') && bytes.get(end) == Some(&b'>');
        return (opens && end > next + 1).then_some(end + 1);
    }
    if at == closed {
        return None;
    }
    let end = ahead(bytes, at, 16, is_word);
    let word = std::str::from_utf8(&bytes[at..end]).unwrap_or_default();
    if !List::ValueWords.has(word) {
        return None;
    }
    let closed = closers(bytes, end);
    let (_, at) = separator(bytes, blanks(bytes, closed), true)?;
    // A reference instead of a value: `value: { secretKeyRef: … }`, `"value": {`
    (!matches!(bytes.get(at), Some(b'{' | b'\n'))).then_some(at)
}

/// The body of a form's part: after an empty line.
fn form_part(bytes: &[u8], closed: usize) -> Option<usize> {
    [&b"\r\n\r\n"[..], b"\n\n", b"\\r\\n\\r\\n"]
        .iter()
        .find(|gap| bytes[closed..].starts_with(gap))
        .filter(|_| look::contains(line_before(bytes, closed), b"form-data"))
        .map(|gap| closed + gap.len())
}

/// The value at `at`, taken if it may be one.
fn take(found: &mut Found<'_>, key: Key, join: Join, start: usize, at: usize) -> Option<usize> {
    if matches!(found.bytes.get(at), Some(b'[')) && opening_quote(found.bytes, at + 1).is_some() {
        return list(found, key, join, start, at + 1);
    }
    let mut v = value(found.text, at)?;
    // A line `name: several words`, quoted by nothing: a passphrase is known by its line.
    if v.start == at
        && !v.quoted
        && key == Key::Password
        && join == Join::Colon
        && begins_line(found.bytes, start)
    {
        v.end = v.end.max(whole_passphrase(found, v));
    }
    accept(found, key, join, start, v)
}

/// `["…", "…"]`
fn list(found: &mut Found<'_>, key: Key, join: Join, start: usize, mut at: usize) -> Option<usize> {
    for _ in 0..64 {
        opening_quote(found.bytes, at)?;
        let v = value(found.text, at)?;
        accept(found, key, join, start, v);
        let closed = closers(found.bytes, v.end);
        let comma = ahead(found.bytes, closed, 8, |b| b.is_ascii_whitespace());
        if found.bytes.get(comma) != Some(&b',') {
            return Some(comma);
        }
        at = ahead(found.bytes, comma + 1, 64, |b| b.is_ascii_whitespace());
    }
    Some(at)
}

/// Words joined by blanks that only a passphrase would be: the rest of the line, up to a comment.
fn whole_passphrase(found: &Found<'_>, v: Value) -> usize {
    let end = line_end(found.bytes, v.start);
    let line = found.slice(v.start, values::floor(found.text, end));
    let line = line.find(" #").map_or(line, |at| &line[..at]).trim_end();
    let words: Vec<&str> = line.split(' ').collect();
    let all_words = (3..=12).contains(&words.len())
        && words.iter().all(|w| {
            w.len() >= 3 && w.bytes().all(|b| b.is_ascii_lowercase()) && !shapes::is_stop_word(w)
        });
    if all_words { v.start + line.len() } else { v.end }
}

/// Whether the value is to be hidden, by what its name promises and how it is joined.
fn accept(found: &mut Found<'_>, key: Key, join: Join, start: usize, v: Value) -> Option<usize> {
    let text = found.text.get(v.start..v.end)?;
    let mut v = v;
    let trimmed = text.trim();
    v.start += text.len() - text.trim_start().len();
    v.end = v.start + trimmed.len();
    if trimmed.is_empty() {
        return None;
    }
    // X-Hub-Signature-256: sha256=…
    if let Some((_, rest)) =
        trimmed.split_once('=').filter(|(name, _)| matches!(*name, "sha1" | "sha256" | "sha512"))
    {
        let v = Value { start: v.end - rest.len(), ..v };
        return accept(found, key, join, start, v);
    }
    // `input("New password: ")`: what is asked.
    if v.quoted && trimmed.ends_with(':') && trimmed.contains(' ') {
        return None;
    }
    // ODBC puts a value into braces.
    let inner = trimmed.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    if let Some(inner) = inner.filter(|i| key == Key::Password && shapes::is_told_password(i)) {
        let v = Value { start: v.start + 1, end: v.end - 1, quoted: true };
        return (!inner.contains('{')).then(|| accept(found, key, join, start, v))?;
    }
    // `arn:aws:secretsmanager:…:secret:name`: one name among others.
    if key == Key::Loose && join == Join::Colon && byte_before(found.bytes, start) == Some(b':') {
        return None;
    }
    if !v.quoted && matches!(join, Join::Equals | Join::Colon) && is_code(found, start, v.start) {
        return None;
    }
    let yes = match key {
        Key::Password => password(found, join, start, trimmed, v),
        Key::Token => match join {
            Join::Told | Join::Blank => {
                trimmed.len() >= 12
                    && shapes::is_credential(trimmed)
                    && (shapes::is_random(trimmed)
                        || shapes::is_strong_password(trimmed)
                        || shapes::is_uuid(trimmed)
                            && !look::contains(line_before(found.bytes, v.start), b"id "))
            }
            Join::Quote => shapes::is_random(trimmed) || shapes::is_strong_password(trimmed),
            // `createToken('IDENTIFIER')`
            Join::Argument if trimmed.bytes().all(|b| b.is_ascii_uppercase()) => false,
            Join::Equals | Join::Colon | Join::Option | Join::Argument => {
                shapes::is_credential(trimmed)
                    || join == Join::Equals && is_named_secret(found, start, trimmed)
                    || join == Join::Equals && is_weak_secret(found, start, trimmed)
            }
        },
        Key::Loose => match join {
            Join::Told | Join::Blank | Join::Quote => {
                shapes::is_random(trimmed) || shapes::is_strong_password(trimmed)
            }
            Join::Equals | Join::Colon | Join::Option | Join::Argument => {
                shapes::is_credential(trimmed) && !shapes::is_name(trimmed)
                    || shapes::is_chosen(trimmed)
                    || join == Join::Equals && is_weak_secret(found, start, trimmed)
            }
        },
        // `creds: user/X`, `stats auth user:X`: the pair has a look of its own.
        Key::Random if shapes::is_login(trimmed) => false,
        // `auth: "X"`
        Key::Random if v.quoted && is_one_of(found.slice(start, start + 5), AUTH) => {
            prose::is_unmistakable(trimmed) || shapes::is_random(trimmed)
        }
        Key::Random => match join {
            Join::Told | Join::Blank | Join::Quote | Join::Option => {
                trimmed.len() >= 20 && shapes::is_random(trimmed) && !shapes::is_ulid(trimmed)
            }
            Join::Equals | Join::Colon | Join::Argument => {
                shapes::is_random(trimmed) || shapes::is_mnemonic(trimmed)
            }
        },
        Key::Digits => {
            (3..=8).contains(&trimmed.len())
                && trimmed.bytes().all(|b| b.is_ascii_digit())
                && matches!(join, Join::Equals | Join::Colon)
        }
        Key::Authorization | Key::Cookie | Key::Host | Key::Other => false,
    };
    if !yes {
        return None;
    }
    let long = trimmed.len() >= 8 || (trimmed.len() >= 6 && shapes::is_told_password(trimmed));
    // `"old" -> "new"` of a plan
    if let Some(next) = found.bytes[v.end..].strip_prefix(b"\" -> \"") {
        let from = found.bytes.len() - next.len();
        let to = ahead(found.bytes, from, values::VALUE_BYTES_MAX, |b| b != b'"' && b != b'\n');
        found.add(from, to, Kind::Secret);
    }
    if long && !shapes::is_name(trimmed) {
        found.add_everywhere(v.start, v.end, Kind::Secret);
    } else {
        found.add(v.start, v.end, Kind::Secret);
    }
    Some(v.end)
}

/// `token = request.headers["X-Token"]`: where the value comes from.
fn is_code(found: &Found<'_>, start: usize, at: usize) -> bool {
    let name = found.slice(start, ahead(found.bytes, start, NAME_BYTES_MAX, is_key));
    code::is_expression(found.bytes, at, !name.bytes().any(|b| b.is_ascii_lowercase()))
        || code::is_named(found, start, at)
        || code::is_cmdlet(found.bytes, start, at)
}

/// `API_KEY=correcthorse`: no look of a secret, but a name that leaves nothing else.
fn is_weak_secret(found: &Found<'_>, start: usize, v: &str) -> bool {
    let name = found.slice(start, ahead(found.bytes, start, NAME_BYTES_MAX, is_key));
    let environment = !name.bytes().any(|b| b.is_ascii_lowercase());
    let one_word = v.bytes().all(|b| b.is_ascii_alphanumeric());
    environment
        && v.len() >= 8
        && one_word
        && !shapes::is_number(v)
        && !shapes::is_stop_word(v)
        && !shapes::is_nothing(v)
}

/// `jwt.secret=my-secret-key-2026`: a name's look, but this secret has no name.
fn is_named_secret(found: &Found<'_>, start: usize, v: &str) -> bool {
    let name = found.slice(start, ahead(found.bytes, start, NAME_BYTES_MAX, is_key));
    let lower = name.to_ascii_lowercase();
    let of_program =
        ["jwt", "session", "cookie", "client", "signing", "hmac", "webhook", "consumer"]
            .iter()
            .any(|part| lower.contains(part));
    lower.ends_with("secret")
        && of_program
        && v.len() >= 12
        && v.bytes().any(|b| b.is_ascii_digit())
        && !shapes::is_nothing(v)
        && !shapes::is_path(v)
}

fn password(found: &Found<'_>, join: Join, start: usize, v: &str, at: Value) -> bool {
    if shapes::is_nothing(v)
        || shapes::is_number(v) && v.matches('.').count() > 3
        || !v.chars().any(char::is_alphanumeric)
        || shapes::is_path(v)
            && (v.starts_with(['/', '.', '~']) || v.contains('.') && !shapes::is_strong_password(v))
    {
        return false;
    }
    let name = found.slice(start, ahead(found.bytes, start, NAME_BYTES_MAX, is_key));
    let short_name = is_one_of(name, &["pass", "pw", "community", "PASS"]);
    match join {
        Join::Equals | Join::Option => {
            let counts = short_name && shapes::is_number(v);
            // `password = config.get(…)`: code, not a value.
            let code = !at.quoted
                && (v.contains('(') && v.ends_with([')', ']', '}'])
                    || found.bytes.get(at.end) == Some(&b'('));
            !shapes::is_stop_word(v) && !counts && !code
        }
        Join::Argument => {
            !shapes::is_stop_word(v)
                && !v.contains(' ')
                && (shapes::is_told_password(v) || !shapes::is_name(v) && v.len() >= 6)
        }
        Join::Quote if v.contains(' ') => shapes::is_quoted_phrase(v),
        Join::Quote => {
            !v.contains(' ')
                && !shapes::is_stop_word(v)
                && (shapes::is_told_password(v) || (v.len() >= 6 && !shapes::is_plain(v)))
        }
        Join::Told => shapes::is_told_password(v),
        Join::Blank => shapes::is_strong_password(v),
        Join::Colon => {
            if shapes::is_stop_word(v) {
                return false;
            }
            let ends_line = found.bytes[at.end..]
                .iter()
                .take(8)
                .find(|b| !matches!(b, b'"' | b'\'' | b' ' | b'\\'))
                .is_none_or(|b| matches!(b, b'\n' | b'\r' | b'#' | b',' | b'}' | b';'));
            if at.quoted {
                return !v.contains(' ')
                    || byte_before(found.bytes, at.start).is_none_or(|b| b != b'\'')
                    || ends_line;
            }
            let telling =
                shapes::is_told_password(v) && !short_name || shapes::is_strong_password(v);
            telling
                || (ends_line
                    && !short_name
                    && v.len() >= 3
                    && (begins_line(found.bytes, start) || !shapes::is_plain(v)))
        }
    }
}

/// `use X as the password`
fn as_the_password(found: &mut Found<'_>, key: Key, start: usize) {
    if !matches!(key, Key::Password | Key::Token) {
        return;
    }
    let mut words = look::words_before(found.bytes, start);
    let value = match (words.next(), words.next(), words.next()) {
        (Some("as"), Some(value), _) => value,
        (Some("the" | "your" | "my" | "new"), Some("as"), Some(value)) => value,
        _ => return,
    };
    if shapes::is_strong_password(value) {
        let line = line_before(found.bytes, start);
        let from = start - line.len() + (value.as_ptr() as usize - line.as_ptr() as usize);
        found.add_everywhere(from, from + value.len(), Kind::Secret);
    }
}

/// `password is X`, `the token X expired`, `PASSWORD 'X'`, `requirepass X`.
fn spoken(
    found: &mut Found<'_>,
    key: Key,
    start: usize,
    end: usize,
    after: usize,
) -> Option<usize> {
    let bytes = found.bytes;
    // `$TOKEN --next`: a reference, and after it something else.
    if matches!(byte_before(bytes, start), Some(b'$')) || bytes[after..].starts_with(b"--") {
        return None;
    }
    as_the_password(found, key, start);
    // The command's first word is the name of the network.
    if is_one_of(found.slice(start, end), &["wpa_passphrase"]) {
        return None;
    }
    if opening_quote(bytes, after).is_some() {
        let v = value(found.text, after)?;
        return accept(found, key, Join::Quote, start, v);
    }
    if let Some(v) = directive(found, key, start, end, after) {
        return accept(found, key, Join::Option, start, v);
    }
    let mut at = after;
    let mut join = Join::Blank;
    let mut whose = false;
    for _ in 0..7 {
        let word_end = ahead(bytes, at, 256, |b| !b.is_ascii_whitespace());
        let word = found.text.get(at..word_end)?;
        let link = bare(word);
        // `password for root@db1: X`: whose it is, then the value.
        // `Unseal Key 1: X`, `Unseal Key (will be hidden): X`
        let number =
            !link.is_empty() && link.len() <= 2 && link.bytes().all(|b| b.is_ascii_digit());
        let aside = word.starts_with('(') && !word.ends_with(':') || word.ends_with("):");
        // `PASSWORD elastic = X`
        let next = blanks(bytes, word_end);
        if bytes[next..].starts_with(b"= ") && shapes::is_name(word) {
            at = blanks(bytes, next + 1);
            join = Join::Told;
            break;
        }
        let arrow = matches!(word, "→" | "->" | "=>");
        let linked = List::Links.has(link) && word.len() <= link.len() + 2;
        let of_whom = whose && (shapes::is_name(word) || word.ends_with(':'));
        if !(linked || arrow || number || of_whom || aside) {
            break;
        }
        whose = is_one_of(link, &["for", "of", "user"]);
        if List::TellingLinks.has(link) || word.ends_with(':') || arrow {
            join = Join::Told;
        }
        at = blanks(bytes, word_end);
    }
    let v = if join == Join::Blank { shell_word(found.text, at)? } else { value(found.text, at)? };
    // The last word of a line, told as the password, whatever marks are in it.
    let line_left =
        found.slice(v.start, line_end(bytes, v.start)).trim_end().trim_end_matches(['.', ')', ',']);
    if join == Join::Told
        && !v.quoted
        && !line_left.contains(' ')
        && v.end < v.start + line_left.len()
    {
        let v = Value { end: v.start + line_left.len(), ..v };
        return accept(found, key, join, start, v);
    }
    let trimmed = found.slice(v.start, v.end).trim_end_matches(['.', ',', ':', ';', '!', '?', ')']);
    let trimmed = trimmed.strip_suffix("**").unwrap_or(trimmed);
    // `password reset of AccountServiceImpl2`
    let name = shapes::is_wordy(trimmed)
        && trimmed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if join == Join::Blank && !v.quoted && name && at > after {
        return None;
    }
    accept(found, key, join, start, Value { end: v.start + trimmed.len(), ..v })
}

/// Lines that are a name, a blank and a value: netrc, `requirepass x`, `ENV NAME value`.
fn directive(found: &Found<'_>, key: Key, start: usize, end: usize, after: usize) -> Option<Value> {
    let bytes = found.bytes;
    let line = line_before(bytes, start);
    let name = found.slice(start, end);
    let word_end = ahead(bytes, after, 512, |b| !b.is_ascii_whitespace());
    let v = Value { start: after, end: word_end, quoted: false };
    // `community include:`, `community **impact**`: of a sentence.
    if matches!(byte_before(bytes, word_end), Some(b':')) {
        return None;
    }
    let rest = &bytes[word_end..line_end(bytes, word_end)];
    let alone = rest.trim_ascii().is_empty();
    let netrc = matches!(name, "password" | "passwd")
        && (look::contains(line, b"machine ")
            || look::words_before(bytes, start).nth(1).is_some_and(|w| w == "login"));
    if netrc {
        return Some(v);
    }
    let lead = line.trim_ascii();
    // `username ann password 0 X`, and no sentence about users.
    let of_user = lead.starts_with(b"user")
        || lead.starts_with(b"set ")
        || !shapes::is_plain(found.slice(after, word_end).trim_end_matches([')', '.']));
    let only = lead.is_empty()
        || matches!(lead, b"ENV" | b"ARG" | b"set" | b"setenv" | b"default" | b"user");
    let told = List::Directives.has(name)
        && (only
            || look::contains(line, b"config set")
            || look::contains(line, b"snmp-server")
            || of_user && look::contains(line, b"user ")
            || of_user && look::contains(line, b"username "));
    let environment =
        matches!(lead, b"ENV" | b"ARG" | b"setenv") && matches!(key, Key::Password | Key::Token);
    let ends = alone
        || look::contains(line, b"snmp-server")
        || environment
        || is_one_of(name, &["rocommunity", "rwcommunity"]);
    let config_set = look::contains(line, b"config set");
    if (told || environment || config_set) && ends {
        // Cisco: `password 7 0822455D0A16`
        let digit = word_end == after + 1 && bytes[after].is_ascii_digit();
        return (!digit).then_some(v);
    }
    let typed = bytes.get(after..after + 2).is_some_and(|b| b[0].is_ascii_digit() && b[1] == b' ');
    if typed && (is_one_of(name, &["secret", "password", "key"])) {
        let from = after + 2;
        let to = ahead(bytes, from, 256, |b| !b.is_ascii_whitespace());
        return Some(Value { start: from, end: to, quoted: false }).filter(|_| to - from >= 6);
    }
    None
}

/// `IDENTIFIED BY 'X'`, `IDENTIFIED WITH plugin AS "X"`; what comes after the first word begins at `at`.
pub(super) fn identified(found: &mut Found<'_>, at: usize) {
    let stop = ahead(found.bytes, at, 128, |b| !matches!(b, b';' | b'\n' | b'(' | b')'));
    let mut from = at;
    for _ in 0..4 {
        let end = ahead(found.bytes, from, 64, |b| !b.is_ascii_whitespace());
        let word = found.text.get(from..end).unwrap_or_default();
        from = blanks(found.bytes, end);
        if from >= stop {
            return;
        }
        if is_one_of(word, &["by", "as", "using"]) {
            let Some(v) = shell_word(found.text, from) else { return };
            let text = found.slice(v.start, v.end);
            // `identified itself as X`, `identified by its name`
            let said = is_one_of(word, &["by"])
                && (found.slice(at.saturating_sub(12), at).contains("IDENTIFIED")
                    || [&b"create "[..], b"alter ", b"grant "]
                        .iter()
                        .any(|w| look::contains(line_before(found.bytes, at), w)));
            if !v.quoted && !said {
                return;
            }
            if !shapes::is_nothing(text) && !is_one_of(text, &["password", "random", "externally"])
            {
                accept(found, Key::Password, Join::Option, from, v);
            }
            return;
        }
    }
}

/// `hostname=web-12`, `"_HOSTNAME":"web12"`, `node: worker-3`
fn host_value(found: &mut Found<'_>, name: &str, end: usize) {
    let bytes = found.bytes;
    let Some((_, at)) = separator(bytes, blanks(bytes, closers(bytes, end)), true) else { return };
    let start = opening_quote(bytes, at).map_or(at, |(_, _, inside)| inside);
    // `host=db-1:5432`, `server=db-1,1433`, `instance="db-1:9100"`
    let end = ahead(bytes, start, 254, |b| is_word(b) || matches!(b, b'-' | b'.'));
    let host = found.slice(start, end);
    // `--instance=orders-pg16`: a database of a cloud's.
    let option = line_before(bytes, at).ends_with(b"--instance=");
    if host.is_empty()
        || option
        || host.contains('.')
        || !host.as_bytes()[0].is_ascii_alphabetic()
        || names::is_open_host(host)
    {
        return;
    }
    if !host.bytes().all(|b| is_word(b) || b == b'-') || shapes::is_stop_word(host) {
        return;
    }
    let sure = List::HostNameKeys.has(name)
        && (host.contains('-')
            || host.bytes().any(|b| b.is_ascii_digit())
            || name.starts_with('_'));
    let numbered = is_one_of(name, &["host"])
        && host.contains('-')
        && host.bytes().any(|b| b.is_ascii_digit())
        && !names::is_region(host);
    if sure || numbered || names::is_host_shaped(host) {
        found.add_everywhere(start, end, Kind::Host);
    }
}
