//! Credentials that their place in a line tells: protocols, tables of secrets, and configurations of devices
//! where a word of the syntax stands directly before the value.

use super::kinds::{Found, Kind};
use super::look::{self, ahead, blanks, byte_before, line_before, line_end};
use super::net;
use super::piped;
use super::shapes;
use super::values::shell_word;

/// What follows a word of the syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `WIFI:T:WPA;S:name;P:X;;`
    Wifi,
    /// `Login OK: [user/X]` of RADIUS.
    Bracket,
    /// `on >X ~keys` of Redis.
    Acl,
    /// `AUTH X`, `AUTH user X` at the prompt of Redis.
    Auth,
    /// `: EAP "X"` of IPsec.
    Ipsec,
    /// `snmp-server host H version 2c X`
    Trap,
    /// `key 7 X`, `auth-port 1812 key X`
    DeviceKey,
    /// `md5 X`, `ascii-text "X"`: the next word.
    Next,
    /// `cat /run/secrets/db⏎X`
    File,
    /// `{X}` or X up to the next tag.
    Element,
    /// The last word of the line.
    Last,
    /// A UUID, or hex, as the next word.
    Id,
    /// `check_mysql!user!X!3306`
    Bangs,
    /// `alg:name:X`
    Tsig,
    /// `"random_password", … "result":"X"`
    Result,
    /// `user:X` or `user/X`
    Pair,
    /// `define('AUTH_KEY', 'X')`
    Salt,
    /// `12 SHA1 X` of keys for NTP.
    NumberedKey,
    /// `register => user:X@host`
    Register,
    /// `"value": "X"` of a key of a storage account, some lines below.
    StorageKey,
}

/// The words, in lower case.
pub(super) const WORDS: &[(&str, Place)] = &[
    ("wifi:", Place::Wifi),
    ("login ok: [", Place::Bracket),
    ("login ok (", Place::Bracket),
    ("login incorrect", Place::Bracket),
    ("invalid user: [", Place::Bracket),
    (" on >", Place::Acl),
    ("resetpass >", Place::Acl),
    ("setuser ", Place::Acl),
    ("> auth ", Place::Auth),
    (": eap ", Place::Ipsec),
    (": xauth ", Place::Ipsec),
    (": rsa ", Place::Ipsec),
    (": ecdsa ", Place::Ipsec),
    (": p12 ", Place::Ipsec),
    (": pkcs8 ", Place::Ipsec),
    (": ntlm ", Place::Ipsec),
    (" version 2c ", Place::Trap),
    (" version 1 ", Place::Trap),
    ("informs version 2c ", Place::Trap),
    (" key ", Place::DeviceKey),
    ("pre-shared-key ascii-text ", Place::Next),
    ("pre-shared-key hexadecimal ", Place::Next),
    ("pre-shared-secret ", Place::Next),
    (" -passwd /users/", Place::Next),
    ("cat /", Place::File),
    ("cat ~", Place::File),
    ("cat .", Place::File),
    ("\"keyname\":", Place::StorageKey),
    ("sanitize-payload ", Place::Acl),
    ("<master>", Place::Element),
    ("hotp/", Place::Last),
    ("secretid ", Place::Id),
    ("secret_id ", Place::Id),
    ("secret id ", Place::Id),
    ("tlspsk ", Place::Id),
    ("check_command ", Place::Bangs),
    ("check_command\t", Place::Bangs),
    ("nsupdate -y ", Place::Tsig),
    ("-y hmac-", Place::Tsig),
    ("\"random_password\"", Place::Result),
    ("+cpin=", Place::Next),
    ("key content ", Place::Last),
    ("username=", Place::Pair),
    ("userid=", Place::Pair),
    ("allow ", Place::Pair),
    (" sha1 ", Place::NumberedKey),
    (" sha256 ", Place::NumberedKey),
    (" md5 ", Place::NumberedKey),
    (" aes128cmac ", Place::NumberedKey),
    ("register => ", Place::Register),
    ("_key', '", Place::Salt),
    ("_salt', '", Place::Salt),
    ("_key',  '", Place::Salt),
    ("_salt',  '", Place::Salt),
];

/// A word of the syntax stands at `start..end`.
pub(super) fn at(found: &mut Found<'_>, start: usize, end: usize, place: Place) {
    let bytes = found.bytes;
    let stop = line_end(bytes, end);
    match place {
        Place::Wifi => wifi(found, end, stop),
        Place::Bracket => bracket(found, end, stop),
        Place::Acl => acl(found, start, stop),
        Place::Auth => last_word(found, end, stop),
        Place::Ipsec => {
            let rest = found.slice(end, stop);
            if let Some((_, inside)) = rest.split_once('"') {
                let value = inside.split('"').next().unwrap_or_default();
                let from = end + (value.as_ptr() as usize - rest.as_ptr() as usize);
                hide(found, from, from + value.len());
            }
        }
        Place::Trap => {
            if look::contains(line_before(bytes, start), b"snmp-server") {
                next(found, end, stop);
            }
        }
        Place::DeviceKey => device_key(found, start, end, stop),
        Place::Next => {
            let from = if bytes.get(end.saturating_sub(1)) == Some(&b'/') {
                // The user's name first, then the password, or the old one and the new one.
                let user = ahead(bytes, end, 64, |b| !b.is_ascii_whitespace());
                let second = shell_word(found.text, user).filter(|v| v.end <= stop);
                if let Some(v) = second {
                    next(found, v.end + usize::from(v.quoted), stop);
                }
                user
            } else {
                end
            };
            next(found, from, stop);
        }
        Place::File => {
            let file = &bytes[end..stop];
            let tells = [&b"pass"[..], b"secret", b"token", b"cookie", b"cred", b".key", b"_key"]
                .iter()
                .any(|w| look::contains(file, w));
            if tells && !look::contains(file, b".pub") && !file.contains(&b'<') {
                piped::shown(found, end);
            }
        }
        Place::StorageKey => storage_key(found, end),
        Place::Element => {
            let to = ahead(bytes, end, 200, |b| b != b'<' && b != b'\n');
            let v = found.slice(end, to);
            if v.len() >= 16 && (v.starts_with('{') || shapes::is_random(v)) {
                found.add_everywhere(end, to, Kind::Secret);
            }
        }
        Place::Last => {
            let line = found.slice(end, stop).trim_end();
            let word = line.rsplit([' ', '\t']).next().unwrap_or_default();
            let from = end + (word.as_ptr() as usize - line.as_ptr() as usize);
            if shapes::is_told_password(word)
                || net::is_joined_words(word)
                || shapes::is_random(word)
            {
                hide(found, from, from + word.len());
            }
        }
        Place::Id => {
            let from = blanks(bytes, end);
            let to = ahead(bytes, from, 128, |b| !b.is_ascii_whitespace() && b != b',');
            let v = found.slice(from, to);
            let hex = v.len() >= 32 && v.bytes().all(|b| b.is_ascii_hexdigit());
            if shapes::is_uuid(v) || hex {
                hide(found, from, to);
            }
        }
        Place::Salt => {
            let v = found.slice(end, stop);
            let to = v.find("')").unwrap_or(0);
            let c = shapes::classes(&v[..to]);
            if to >= 32 && c.digit && c.lower && c.upper {
                found.add_everywhere(end, end + to, Kind::Secret);
            }
        }
        Place::NumberedKey => {
            let number = line_before(bytes, start).trim_ascii();
            let numbered = (1..=5).contains(&number.len()) && number.iter().all(u8::is_ascii_digit);
            let line = found.slice(end, stop).trim_end();
            if numbered && !line.contains(' ') && line.len() >= 8 && !shapes::is_path(line) {
                hide(found, end, end + line.len());
            }
        }
        Place::Bangs => bangs(found, end, stop),
        Place::Tsig => {
            let from = ahead(bytes, blanks(bytes, end), 1, |b| b == b'"' || b == b'\'');
            let to =
                ahead(bytes, from, 300, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'');
            let v = found.slice(from, to);
            if let Some((_, key)) = v.rsplit_once(':')
                && super::base64::decode(key).is_some()
            {
                hide(found, to - key.len(), to);
            }
        }
        Place::Result => result(found, end),
        Place::Pair => pair(found, start, end, stop),
        Place::Register => {
            let line = found.slice(end, stop);
            if let Some((login, _)) = line.rsplit_once('@')
                && let Some(colon) = login.rfind(':')
            {
                hide(found, end + colon + 1, end + login.len());
            }
        }
    }
}

fn hide(found: &mut Found<'_>, from: usize, to: usize) {
    let value = found.slice(from, to);
    if value.len() >= 4 && !shapes::is_nothing(value) && !shapes::is_stop_word(value) {
        found.add_everywhere(from, to, Kind::Secret);
    }
}

/// The next word of the line.
fn next(found: &mut Found<'_>, at: usize, stop: usize) {
    if let Some(v) = shell_word(found.text, at).filter(|v| v.end <= stop && v.end > v.start) {
        hide(found, v.start, v.end);
    }
}

fn wifi(found: &mut Found<'_>, end: usize, stop: usize) {
    let text = found.slice(end, stop);
    let open = if text.starts_with("P:") { Some(2) } else { text.find(";P:").map(|at| at + 3) };
    let Some(open) = open.filter(|_| text.contains("S:")) else { return };
    let mut escaped = false;
    let length = text[open..].bytes().take_while(|b| {
        let ends = *b == b';' && !escaped;
        escaped = *b == b'\\' && !escaped;
        !ends && *b != b'"'
    });
    let length = length.count();
    hide(found, end + open, end + open + length);
}

/// `[user/X]`; without a password stands `[user]` or `[user/<via Auth-Type = EAP>]`.
fn bracket(found: &mut Found<'_>, end: usize, stop: usize) {
    let from = end.saturating_sub(1);
    let text = found.slice(from, stop);
    let Some((open, slash)) = text
        .rfind('[')
        .and_then(|open| text[open..].find('/').map(|slash| (open, open + slash + 1)))
    else {
        return;
    };
    let user = &text[open + 1..slash - 1];
    let to = text[slash..].rfind("] (").or_else(|| text[slash..].rfind(']'));
    if let Some(to) = to
        && !user.contains(' ')
        && !text[slash..].starts_with('<')
    {
        hide(found, from + slash, from + slash + to);
    }
}

/// The arguments of a check, which exclamation marks separate.
fn bangs(found: &mut Found<'_>, end: usize, stop: usize) {
    let line = found.slice(end, stop);
    let mut spans = Vec::new();
    for word in line.split('!').skip(1) {
        let word = word.split([' ', '\t']).next().unwrap_or_default();
        let at = end + (word.as_ptr() as usize - line.as_ptr() as usize);
        if shapes::is_strong_password(word) || net::is_joined_words(word) {
            spans.push((at, at + word.len()));
        }
    }
    for (from, to) in spans {
        hide(found, from, to);
    }
}

/// What a generator of passwords gave, some fields further on.
fn result(found: &mut Found<'_>, end: usize) {
    let stop = ahead(found.bytes, end, 400, |_| true);
    let text = found.slice(end, stop);
    let Some(at) = text.find("\"result\"") else { return };
    let rest = text[at + 8..].trim_start_matches([' ', ':']);
    let Some(value) = rest.strip_prefix('"').and_then(|r| r.split('"').next()) else { return };
    if rest.len() > value.len() + 1 && value.len() >= 6 {
        let from = end + (value.as_ptr() as usize - text.as_ptr() as usize);
        hide(found, from, from + value.len());
    }
}

/// A user's name and a password where a name alone was meant.
fn pair(found: &mut Found<'_>, start: usize, end: usize, stop: usize) {
    let text = found.slice(end, stop);
    let word = text.trim_start_matches(['"', '\'']);
    let lead = text.len() - word.len();
    let to =
        word.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '@'));
    let word = &word[..to.unwrap_or(word.len())];
    let oracle = found.slice(start, end).eq_ignore_ascii_case("userid=");
    let Some(at) = word.find(|c| c == ':' || oracle && c == '/') else { return };
    let v = &word[at + 1..];
    let plain = !found.slice(start, end).ends_with('=') && !shapes::is_strong_password(v);
    if at > 0
        && !plain
        && !v.contains(['/', ':'])
        && (shapes::is_told_password(v) || net::is_joined_words(v))
    {
        hide(found, end + lead + at + 1, end + lead + word.len());
    }
}

fn acl(found: &mut Found<'_>, start: usize, stop: usize) {
    let start = start - line_before(found.bytes, start).len();
    let line = found.slice(start, stop);
    let of_redis = line.contains('~')
        || line.contains("+@")
        || line.contains("allkeys")
        || look::contains(line.as_bytes(), b"setuser")
        || line.contains("resetpass");
    if !of_redis {
        return;
    }
    let mut spans = Vec::new();
    for word in line.split([' ', '"', '\'']).filter(|w| w.starts_with(['>', '<', '#'])) {
        let at = start + (word.as_ptr() as usize - line.as_ptr() as usize) + 1;
        spans.push((at, at + word.len() - 1));
    }
    for (from, to) in spans {
        hide(found, from, to);
    }
}

/// One word, or two of which the second is the password.
fn last_word(found: &mut Found<'_>, end: usize, stop: usize) {
    let line = found.slice(end, stop).trim_end();
    let words: Vec<&str> = line.split_whitespace().collect();
    if let Some(last) = words.last().filter(|_| words.len() <= 2) {
        let value = last.trim_matches(['"', '\'']);
        let from = end + (value.as_ptr() as usize - line.as_ptr() as usize);
        hide(found, from, from + value.len());
    }
}

/// `key X` at the beginning of its line, or behind a port's number; perhaps with the type of the form.
fn device_key(found: &mut Found<'_>, start: usize, end: usize, stop: usize) {
    let bytes = found.bytes;
    let before = line_before(bytes, start).trim_ascii();
    let behind_port = byte_before(bytes, start).is_some_and(|b| b.is_ascii_digit())
        && look::contains(before, b"port ");
    if !(before.is_empty() && byte_before(bytes, start).is_none_or(|b| b == b'\n' || b == b' ')
        || behind_port)
    {
        return;
    }
    let mut from = end;
    let form = ahead(bytes, from, 2, |b| b.is_ascii_digit());
    if form > from && bytes.get(form) == Some(&b' ') {
        from = blanks(bytes, form);
    }
    let value = found.slice(from, stop).trim_end();
    let one = !value.contains(' ');
    if one && (shapes::is_told_password(value) || net::is_joined_words(value)) {
        hide(found, from, from + value.len());
    }
}

/// 64 bytes in Base64 as the value some fields below.
fn storage_key(found: &mut Found<'_>, end: usize) {
    let stop = ahead(found.bytes, end, 300, |b| b != b'}');
    let text = found.slice(end, stop);
    let Some(at) = text.find("\"value\"") else { return };
    let rest = &text[at + 7..];
    let value = rest.trim_start_matches([' ', ':', '"']).split('"').next().unwrap_or_default();
    if value.len() >= 40 && shapes::is_random(value) {
        let from = end + (value.as_ptr() as usize - text.as_ptr() as usize);
        found.add_everywhere(from, from + value.len(), Kind::Secret);
    }
}

/// The name of a parameter, `"/prod/api/token"`, or of an output, stands around `start..end`: its value some fields further
/// on in the same object.
pub(super) fn value_of_record(found: &Found<'_>, start: usize, end: usize) -> Option<usize> {
    let bytes = found.bytes;
    let quote = bytes.get(end).copied().filter(|b| matches!(b, b'"' | b'\''))?;
    let open = look::back(bytes, start, 120, |b| b != quote && b != b'\n' && b != b' ');
    if byte_before(bytes, open) != Some(quote) {
        return None;
    }
    let head = line_before(bytes, open - 1).trim_ascii_end();
    let key = head.strip_suffix(b":").or(head.strip_suffix(b"="))?;
    let key = key.trim_ascii_end();
    let key = key.strip_suffix(b"\"").unwrap_or(key);
    let named =
        [&b"name"[..], b"key", b"path", b"parameter", b"variable", b"id", b"title", b"label"]
            .iter()
            .any(|n| key.len() >= n.len() && key[key.len() - n.len()..].eq_ignore_ascii_case(n));
    named.then(|| field(found, end + 1))?
}

/// `"db_password": { "sensitive": true, "value": "X" }`: an object under the name.
pub(super) fn value_of_object(found: &Found<'_>, closed: usize) -> Option<usize> {
    let colon = blanks(found.bytes, closed);
    if !matches!(found.bytes.get(colon), Some(b':' | b'=')) {
        return None;
    }
    let open = ahead(found.bytes, colon + 1, 32, |b| b.is_ascii_whitespace());
    (found.bytes.get(open) == Some(&b'{')).then(|| field(found, open + 1))?
}

/// Where the value of the field that is called so begins, in the same object or block.
fn field(found: &Found<'_>, from: usize) -> Option<usize> {
    let bytes = found.bytes;
    let stop = ahead(bytes, from, 320, |b| !matches!(b, b'{' | b'}'));
    let text = found.slice(from, stop);
    let text = &text[..text.find("\n\n").unwrap_or(text.len())];
    // <setting name="X"><value>…
    if let Some(open) = text.find("<value>").filter(|open| !text[..*open].contains("</")) {
        return Some(from + open + 7);
    }
    let mut at = 0;
    while let Some(hit) = text.get(at..)?.find(['v', 'V', 'S']) {
        let place = at + hit;
        at = place + 1;
        let word = &text[place..];
        let Some(name) = ["value", "Value", "SecretString"].iter().find(|n| word.starts_with(**n))
        else {
            continue;
        };
        let before = text[..place].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '/') {
            continue;
        }
        let after = word[name.len()..].trim_start_matches(['"', '\'']).trim_start();
        if let Some(rest) = after.strip_prefix([':', '=']) {
            let rest = rest.trim_start();
            // A reference, not a value.
            let quoted = rest.starts_with(['"', '\'']);
            return quoted.then(|| from + (rest.as_ptr() as usize - text.as_ptr() as usize));
        }
    }
    None
}
