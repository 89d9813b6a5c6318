//! Credentials that stand in the place of one: an argument of a call that logs in, what a dialogue sends
//! after it was asked for a password, the second line of a block for user and password, and Base64 that is
//! decoded at once and holds the assignment of a secret.

use super::base64;
use super::kinds::{Found, Kind};
use super::look::{self, ahead, back, blanks, byte_before, line_before, line_end};
use super::shapes;
use super::values::{Value, opening_quote, value};

/// Ends of the names of calls that take a credential.
pub(super) const CALLS: &[&str] = &[
    "connect(",
    "login(",
    "__construct(",
    "bind(",
    "bind_s(",
    "auth(",
    "authenticate(",
    "signin(",
    "sign_in(",
    "logon(",
    "logonuser(",
    "mysqli(",
    "pdo(",
    "imap_open(",
    "config(",
    "client(",
    "dial(",
    "setpassword(",
    "set_password(",
    "createconnection(",
    "getconnection(",
    "createuser(",
    "create_user(",
    "credential(",
    "credentials(",
    "networkcredential(",
    "passwordauthentication(",
    "usernamepasswordauthenticationtoken(",
    "basicauth(",
    "basic_auth(",
    "setbasicauth(",
    "setauth(",
    "set_auth(",
    "username_pw_set(",
    "setcredentials(",
    "plainauth(",
    "newclient(",
    "new_client(",
    "newstaticcredentials(",
    "newstaticcredentialsprovider(",
    "staticcredentials(",
    "connection(",
    "create_engine(",
    "ssh2_auth_password(",
    "ftp_login(",
    "ldap_bind(",
    "mysql_connect(",
    "mysqli_connect(",
    "mysql_real_connect(",
    "pg_connect(",
    "oci_connect(",
    "setapikey(",
    "set_api_key(",
    "apikey(",
    "configure(",
    "initialize(",
    "init(",
    "usernamepasswordcredential(",
    "clientsecretcredential(",
    "azurekeycredential(",
    "httpbasicauth(",
    "basicawscredentials(",
    "setpass(",
    "auth_token(",
    "settoken(",
    "set_token(",
    "setaccesstoken(",
    "withtoken(",
    "fernet(",
    "password(",
    "api(",
    "session(",
    "unlock(",
    "decrypt(",
    "verify_password(",
    "check_password(",
    "verifypassword(",
    "checkpassword(",
    "password_verify(",
    "hashpw(",
    "password_hash(",
    "set_secret(",
    "setsecret(",
    "keycredential(",
    "bearer(",
    "bearer_auth(",
    "bearer_token(",
    "withbearertoken(",
];
/// The most arguments of a call that are read.
const ARGUMENTS_MAX: usize = 8;
/// Names of calls whose third argument or a later one is a password whatever it looks like.
const LOGIN_CALLS: &[&str] = &[
    "connect(",
    "__construct(",
    "mysqli(",
    "pdo(",
    "getconnection(",
    "ldap_bind(",
    "imap_open(",
    "mysqli_connect(",
    "mysql_connect(",
    "oci_connect(",
    "mysql_real_connect(",
    "ssh2_auth_password(",
    "ftp_login(",
    "plainauth(",
    "logonuser(",
];

/// `PDO->__construct('dsn', 'user', 'X')`, `login("X")`: the arguments begin at `end`.
pub(super) fn call(found: &mut Found<'_>, start: usize, end: usize) {
    let name = found.slice(start, end);
    let positional = LOGIN_CALLS.iter().any(|n| name.eq_ignore_ascii_case(n));
    let mut at = end;
    for number in 0..ARGUMENTS_MAX {
        at = ahead(found.bytes, at, 64, |b| b.is_ascii_whitespace());
        // `token="X"`: an argument with a name has its own look.
        let from = at;
        if opening_quote(found.bytes, at).is_some() {
            let Some(v) = value(found.text, at) else { return };
            let text = found.slice(v.start, v.end);
            let told = positional && number >= 2 && shapes::is_told_password(text);
            if v.quoted && (is_argument(text) || told) {
                found.add_everywhere(v.start, v.end, Kind::Secret);
            }
            at = ahead(found.bytes, v.end, 9, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\'));
        }
        at = ahead(found.bytes, at, 128, |b| {
            !matches!(b, b',' | b')' | b'\n' | b'"' | b'\'' | b'(')
        });
        if found.bytes.get(at) != Some(&b',') || at < from {
            return;
        }
        at += 1;
    }
}

/// A word in quotes that only a credential looks like.
fn is_argument(v: &str) -> bool {
    let c = shapes::classes(v);
    let marks = v
        .bytes()
        .filter(|b| matches!(b, b'!' | b'#' | b'$' | b'^' | b'*' | b'?' | b'~' | b'@' | b'%'))
        .count();
    let strong = shapes::is_strong_password(v)
        && !v.contains([' ', ':', '.'])
        && (c.lower && c.upper && c.digit && marks > 0 || c.digit && marks > 1)
        && !v.starts_with(['%', '#', '$', '@', '^']);
    let mixed = c.lower && c.upper && c.digit && v.len() >= 10 && shapes::class_runs(v) >= 5;
    mixed && v.bytes().all(|b| b.is_ascii_alphanumeric())
        || strong
        || shapes::is_random(v) && !v.contains(['/', ':', ';', '=', ' ', ','])
        || v.len() == 40 && shapes::is_random(v)
}

/// `send "X\r"` of expect, `sendline('X')`: sent when a password was asked for just before; what is sent
/// begins at `end`.
pub(super) fn sent(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    let floor = found.text.ceil_char_boundary(start.saturating_sub(200));
    let before = found.slice(floor, start);
    let asked =
        ["assword", "assphrase", "passwd", "PIN", "asswort", "pass:", "mot de passe", "ontraseña"]
            .iter()
            .filter_map(|w| before.rfind(w))
            .max();
    // What was sent since then was the answer.
    let Some(asked) = asked else { return };
    if before[asked..].contains("send") {
        return;
    }
    let at = blanks(bytes, end);
    let at = if bytes[at..].starts_with(b"-- ") { blanks(bytes, at + 3) } else { at };
    let at = ahead(bytes, at, 1, |b| b == b'(' || b == b'b');
    let Some(v) = value(found.text, at) else { return };
    let text = found.slice(v.start, v.end);
    let text = ["\\r\\n", "\\n\\r", "\\r", "\\n"]
        .iter()
        .find_map(|e| text.strip_suffix(e))
        .unwrap_or(text);
    if text.len() >= 3 && !shapes::is_nothing(text) && !text.starts_with('$') {
        found.add_everywhere(v.start, v.start + text.len(), Kind::Secret);
    }
}

/// `334 UGFzc3dvcmQ6` of SMTP: the next line is the password; the prompt ends at `end`.
pub(super) fn prompted(found: &mut Found<'_>, end: usize) {
    if let Some((from, to)) = last_word_of_next_line(found, end) {
        let word = found.slice(from, to);
        if word.len() >= 4 && base64::decode(word).is_some() {
            found.add_everywhere(from, to, Kind::Secret);
        }
    }
}

/// `AUTH PLAIN`, `334`: the next line, or the one after it, holds user and password after a NUL.
pub(super) fn challenged(found: &mut Found<'_>, end: usize) {
    let mut at = end;
    for _ in 0..2 {
        let Some((from, to)) = last_word_of_next_line(found, at) else { return };
        let holds = base64::decode(found.slice(from, to))
            .is_some_and(|plain| plain.iter().filter(|b| **b == 0).count() == 2);
        if holds {
            return found.add_everywhere(from, to, Kind::Secret);
        }
        at = to;
    }
}

fn last_word_of_next_line(found: &Found<'_>, at: usize) -> Option<(usize, usize)> {
    let bytes = found.bytes;
    let end = line_end(bytes, at);
    let next = ahead(bytes, end, 4, |b| b == b'\n' || b == b'\r');
    if next == end {
        return None;
    }
    let stop = line_end(bytes, next);
    let line = found.slice(next, stop).trim_end().trim_end_matches(['"', '\'']);
    let word = line.rsplit([' ', '\t', '"', '\'']).next()?;
    let from = next + line.len() - word.len();
    (!word.is_empty()).then_some((from, from + word.len()))
}

/// `<auth-user-pass>⏎user⏎X⏎</auth-user-pass>`; the tag ends at `end`.
pub(super) fn user_pass_block(found: &mut Found<'_>, end: usize) {
    let bytes = found.bytes;
    let eol = |at: usize| ahead(bytes, line_end(bytes, at), 2, |b| b == b'\n' || b == b'\r');
    let second = eol(eol(end));
    let from = blanks(bytes, second);
    let to = line_end(bytes, from);
    let text = found.slice(from, to).trim_end();
    if from > end && !text.is_empty() && !text.starts_with('<') {
        found.add_everywhere(from, from + text.len(), Kind::Secret);
    }
}

/// `echo X | base64 -d`, `base64 -d <<< X`, `atob("X")`: what decodes stands at `start..end`.
pub(super) fn decoded(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    let of_blob =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    // Before it, over a pipe.
    let gap = back(bytes, start, 24, |b| b == b' ' || b == b'|' || b == b'"' || b == b'\'');
    if bytes[gap..start].contains(&b'|') {
        let from = back(bytes, gap, 8 * 1024, of_blob);
        reveal(found, from, gap);
    }
    let at = ahead(bytes, end, 16, |b| {
        matches!(b, b' ' | b'<' | b'"' | b'\'' | b'(' | b'b' | b'\\') && b != b'\n'
    });
    let mut from = at;
    // The `b` may have been the blob's own.
    while from > end
        && bytes[from - 1] == b'b'
        && byte_before(bytes, from - 1).is_some_and(|b| !matches!(b, b'(' | b' '))
    {
        from -= 1;
    }
    let to = ahead(bytes, from, 8 * 1024, of_blob);
    reveal(found, from, to);
}

/// Hides Base64 whose text assigns a secret.
fn reveal(found: &mut Found<'_>, from: usize, to: usize) {
    let blob = found.slice(from, to);
    if blob.len() < 12 {
        return;
    }
    let Some(plain) = base64::decode(blob) else { return };
    // PowerShell encodes UTF-16.
    let wide = plain.len() >= 4 && plain.len().is_multiple_of(2) && plain[1] == 0 && plain[3] == 0;
    let plain: Vec<u8> = if wide { plain.chunks(2).map(|pair| pair[0]).collect() } else { plain };
    let text = String::from_utf8_lossy(&plain);
    if text.contains('\u{fffd}') {
        return;
    }
    let mut inner = Found::new(&text);
    super::tokens::find(&mut inner);
    super::scan::find(&mut inner);
    let one = shapes::is_strong_password(text.trim()) && !text.trim().contains(' ');
    if one || inner.spans.iter().any(|s| s.kind == Kind::Secret) {
        found.add_everywhere(from, to, Kind::Secret);
    }
}

/// `variable "db_password" { … default = "X" }` of Terraform: the block opens at `at`; where its value is.
pub(super) fn block_default(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let stop = ahead(bytes, at, 600, |b| b != b'}');
    let body = bytes.get(at..stop)?;
    let name = body.windows(7).position(|w| w == b"default")?;
    let equals = blanks(bytes, at + name + 7);
    if bytes.get(equals) != Some(&b'=')
        || look::contains(line_before(bytes, at + name), b"description")
    {
        return None;
    }
    let value = blanks(bytes, equals + 1);
    opening_quote(bytes, value).map(|_| value)
}

/// `<Password><Value>X</Value>`: the text of the element begins with another one; where that one's begins.
pub(super) fn inner_element(bytes: &[u8], at: usize) -> usize {
    let open = ahead(bytes, at, 64, |b| b.is_ascii_whitespace());
    if bytes.get(open) != Some(&b'<') {
        return at;
    }
    let end = ahead(bytes, open + 1, 32, |b| b.is_ascii_alphabetic());
    let name = &bytes[open + 1..end];
    let inner = [&b"value"[..], b"string", b"text", b"plaintext", b"content", b"secret"]
        .iter()
        .any(|n| n.eq_ignore_ascii_case(name));
    if inner && bytes.get(end) == Some(&b'>') { end + 1 } else { at }
}

/// `set passwd ENC X`, `password cipher X`, `secret sha512 X`: a word of the form of the value before it.
pub(super) fn after_form(found: &Found<'_>, at: usize) -> Option<Value> {
    const FORMS: &[&str] = &[
        "ENC",
        "cipher",
        "irreversible-cipher",
        "ciphertext",
        "cleartext",
        "plaintext",
        "plain-text",
        "clear-text",
        "encrypted",
        "hashed",
        "sha512",
        "sha256",
        "md5",
        "simple",
        "hash",
        "irreversible",
        "plain",
        "clear",
        "unencrypted",
        "aes",
        "type6",
        "encrypted-password",
    ];
    let end = ahead(found.bytes, at, 24, |b| !b.is_ascii_whitespace());
    if !look::is_one_of(found.slice(at, end), FORMS) {
        return None;
    }
    let from = blanks(found.bytes, end);
    let v = super::values::shell_word(found.text, from)?;
    let text = found.slice(v.start, v.end);
    (from > end
        && v.end <= line_end(found.bytes, from)
        && (shapes::is_told_password(text) || shapes::is_random(text)))
    .then_some(v)
}
