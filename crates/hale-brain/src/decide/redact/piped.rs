//! Credentials that no name stands beside: what is piped into a program that reads a password from
//! its standard input, and what a program that shows a secret has printed.

use super::kinds::{Found, Kind};
use super::look::{self, ahead, blanks, byte_before, is_word, line_before, line_end};
use super::net;
use super::offers;
use super::prose;
use super::shapes;
use super::values::{Value, opening_quote, shell_word};
use super::words::List;

/// The most words of an `echo` that are read.
const ECHO_WORDS_MAX: usize = 4;

/// `echo X | sudo -S …`, `<(echo X)`; the words of `echo` or `printf` begin at `end`.
pub(super) fn echo(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| is_word(b) || matches!(b, b'-' | b'.')) {
        return;
    }
    let Some(v) = echoed(found, end) else { return };
    let rest = found.slice(v.end, line_end(bytes, v.end));
    let substituted = line_before(bytes, start).ends_with(b"<(");
    let read = rest.split_once('|').is_some_and(|(_, reader)| reads_password(reader));
    let line = line_before(bytes, start);
    let of_command =
        ["password-command", "passcommand", "pass_command", "askpass", "password_command"]
            .iter()
            .any(|w| look::contains(line, w.as_bytes()));
    let to_file = offers::is_telling_file(rest)
        && (shapes::is_told_password(found.slice(v.start, v.end))
            || net::is_joined_words(found.slice(v.start, v.end)));
    let of_key =
        of_command || to_file || substituted && (shapes::is_random(found.slice(v.start, v.end)));
    if read || of_key {
        hide(found, v);
    }
}

/// The last word that `echo` or `printf` writes, before a pipe or the end of the command.
fn echoed(found: &Found<'_>, mut at: usize) -> Option<Value> {
    let mut last = None;
    for _ in 0..ECHO_WORDS_MAX {
        at = blanks(found.bytes, at);
        if !found
            .bytes
            .get(at)
            .is_some_and(|b| !matches!(b, b'|' | b';' | b'&' | b')' | b'>' | b'\n'))
        {
            break;
        }
        let word = shell_word(found.text, at)?;
        let text = found.slice(word.start, word.end);
        at = word.end + usize::from(word.quoted);
        if word.quoted || !text.starts_with('-') {
            last = Some(word).filter(|_| !text.starts_with('%'));
        }
        // The quote that closes a command inside a command.
        if !word.quoted && matches!(found.bytes.get(word.end), Some(b'"' | b'\'')) {
            break;
        }
    }
    last
}

/// `cryptsetup open … <<< 'X'`; the value begins at `end`.
pub(super) fn here_string(found: &mut Found<'_>, start: usize, end: usize) {
    let before = String::from_utf8_lossy(line_before(found.bytes, start));
    if !reads_password(&before) {
        return;
    }
    if let Some(v) = shell_word(found.text, end) {
        hide(found, v);
    }
}

/// Whether one of these words is a program, or an option, that reads a password from its input.
fn reads_password(command: &str) -> bool {
    command
        .split_ascii_whitespace()
        .any(|word| word == "-S" || List::StdinReaders.has(word.rsplit('/').next().unwrap_or(word)))
}

fn hide(found: &mut Found<'_>, v: Value) {
    let text = found.slice(v.start, v.end);
    // `user:password` goes to chpasswd, which has a rule of its own.
    if text.len() < 4
        || shapes::is_nothing(text)
        || shapes::is_stop_word(text)
        || shapes::is_path(text)
    {
        return;
    }
    found.add_everywhere(v.start, v.end, Kind::Secret);
}

/// `kubectl get secret …⏎X`, `vault kv get -field=password … → X`: the command's words go on at `end`.
pub(super) fn shown(found: &mut Found<'_>, end: usize) {
    let bytes = found.bytes;
    let stop = line_end(bytes, end);
    let line = found.slice(end, stop);
    let selects = ["jsonpath", "template", "data.", "-field", "query", "base64", "output"]
        .iter()
        .any(|w| line.contains(w));
    let arrow = ["→ ", "-> ", "=> ", ": "]
        .iter()
        .filter_map(|a| line.rfind(a).map(|at| (end + at + a.len(), stop)))
        .max();
    let next = (stop + 1, line_end(bytes, (stop + 1).min(bytes.len())));
    for (from, to) in arrow.into_iter().chain([next]) {
        let text = found.slice(from.min(bytes.len()), to);
        let word = text.trim().trim_matches(['"', '\'']);
        let one = !word.is_empty() && !word.contains(' ') && !word.starts_with(['{', '[']);
        let code = (6..=8).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_digit())
            && ["otp", "oath", "2fa", "mfa"]
                .iter()
                .any(|w| line_before(bytes, stop).windows(w.len()).any(|x| x == w.as_bytes()));
        if code {
            let at = from + (word.as_ptr() as usize - text.as_ptr() as usize);
            found.add_everywhere(at, at + word.len(), Kind::Secret);
            return;
        }
        let wrapped = word.len() >= 8 && super::base64::decode(word).is_some();
        let secret = shapes::is_told_password(word)
            || net::is_joined_words(word)
            || is_letters_of_key(word)
            || shapes::is_credential(word)
            || (selects && wrapped && !shapes::is_name(word));
        let told = shapes::is_told_password(word) || net::is_joined_words(word);
        // A line of `.pgpass`, of which only the last field is secret, has a look of its own.
        let fields = word.matches(':').count() == 4;
        if one && secret && !fields && !shapes::is_path(word) && (!shapes::is_name(word) || told) {
            let at = from + (word.as_ptr() as usize - text.as_ptr() as usize);
            found.add_everywhere(at, at + word.len(), Kind::Secret);
            return;
        }
    }
}

/// Twenty capitals in no order, as Erlang makes its cookies.
fn is_letters_of_key(word: &str) -> bool {
    word.len() == 20 && word.bytes().all(|b| b.is_ascii_uppercase()) && shapes::entropy(word) > 3.0
}

/// `stats auth user:X`, `auth=('user', 'X')`, `credentials root/X`: what names the pair ends at `end`.
pub(super) fn login(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| b.is_ascii_alphabetic()) {
        return;
    }
    let at = ahead(bytes, end, 12, |b| {
        matches!(b, b' ' | b'"' | b'\'' | b'=' | b':' | b',' | b'(' | b'\\')
    });
    let user = ahead(bytes, at, 64, |b| is_word(b) || matches!(b, b'.' | b'-' | b'@'));
    let joined = matches!(byte_before(bytes, end), Some(b'=' | b':' | b'\''));
    if at == end && !joined || user == at {
        return;
    }
    let name = found.slice(at, user);
    let (from, quoted) = match bytes.get(user) {
        Some(b':') => (user + 1, false),
        Some(b'/') if found.slice(start, end).len() > 5 => (user + 1, false),
        Some(b' ') if bytes[user..].starts_with(b" / ") => (user + 3, false),
        Some(b'"' | b'\'') => {
            let next = ahead(bytes, user + 1, 3, |b| matches!(b, b',' | b' '));
            match opening_quote(bytes, next) {
                Some((_, _, inside)) if next > user + 1 => (inside, true),
                Some(_) | None => return,
            }
        }
        Some(_) | None => return,
    };
    let to = ahead(bytes, from, 256, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>')
    });
    let word = found.slice(from, to);
    let word = if quoted { word } else { word.trim_end_matches([',', ';', '.', ')', ']', '}']) };
    let algorithm = matches!(name, "sha1" | "sha256" | "sha512" | "md5" | "http" | "https");
    if !algorithm && shapes::is_told_password(word) && !word.contains('/') {
        found.add_everywhere(from, from + word.len(), Kind::Secret);
    }
}

/// `"AUTH" "default" "X"` of Redis, `AUTH PLAIN X` of mail: what follows the word, which ends at `end`.
pub(super) fn protocol(found: &mut Found<'_>, end: usize) {
    let stop = line_end(found.bytes, end);
    let mut last = None;
    let mut at = ahead(found.bytes, end, 2, |b| matches!(b, b'"' | b'\\'));
    // `"auth": "A07712"`: a field, and perhaps of a payment.
    let field = found.bytes.get(blanks(found.bytes, at)) == Some(&b':');
    for _ in 0..2 {
        at = blanks(found.bytes, at);
        let Some(word) = shell_word(found.text, at).filter(|w| w.end <= stop && w.end > w.start)
        else {
            break;
        };
        at = ahead(found.bytes, word.end, 2, |b| matches!(b, b'"' | b'\'' | b'\\'));
        last = Some(word).filter(|w| {
            let text = found.slice(w.start, w.end);
            !field && shapes::is_told_password(text)
                || field && prose::is_unmistakable(text)
                || shapes::is_random(text)
        });
        if last.is_some() && !matches!(found.bytes.get(blanks(found.bytes, at)), Some(b'"')) {
            break;
        }
    }
    if let Some(v) = last {
        hide(found, v);
    }
}

/// `"isp-user" * "X"` of secrets for PPP; the star, between blanks, stands at `at..end`.
pub(super) fn ppp_secret(found: &mut Found<'_>, at: usize, end: usize) {
    let line = line_before(found.bytes, at);
    let name = line.trim_ascii();
    if name.is_empty()
        || name.starts_with(b"#")
        || name.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'(' | b'=' | b'/'))
    {
        return;
    }
    let from = blanks(found.bytes, end - 1);
    let Some(v) = shell_word(found.text, from) else { return };
    let after = v.end + usize::from(v.quoted);
    let rest = found.slice(after, line_end(found.bytes, after)).trim();
    let text = found.slice(v.start, v.end);
    let addresses = rest.split_whitespace().all(|w| {
        matches!(w, "*" | "\"*\"" | "-")
            || w.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'/' | b':'))
    });
    if addresses
        && (shapes::is_strong_password(text) || net::is_joined_words(text))
        && !text.contains([':', ',', ';'])
    {
        hide(found, v);
    }
}

/// `[smtp.example.org]:587 user:X`, as maps of mail relays have it; the line begins at `at`.
pub(super) fn relay_line(found: &mut Found<'_>, at: usize) {
    let bytes = found.bytes;
    let host = ahead(bytes, at + 1, 253, |b| is_word(b) || matches!(b, b'.' | b'-'));
    if bytes.get(host) != Some(&b']') {
        return;
    }
    let port = ahead(bytes, host + 1, 6, |b| b == b':' || b.is_ascii_digit());
    let from = blanks(bytes, port);
    let Some(login) = found.slice(from, line_end(bytes, from)).split_ascii_whitespace().next()
    else {
        return;
    };
    if port == host + 1 || from == port {
        return;
    }
    // `[logo]: https://…` of Markdown, `[main]: state:running` of a log.
    let numbered = port > host + 2;
    if let Some((user, password)) = login.split_once(':')
        && !user.is_empty()
        && password.len() >= 4
        && numbered
        && !login.contains("://")
        && !shapes::is_nothing(password)
        && !shapes::is_number(password)
    {
        let start = from + user.len() + 1;
        found.add_everywhere(start, start + password.len(), Kind::Secret);
    }
}

/// `auth sha X priv aes 128 Y`, `md5 X`: keys in the configuration of network devices; the words of
/// the command go on at `end`.
pub(super) fn device(found: &mut Found<'_>, end: usize) {
    let stop = line_end(found.bytes, end);
    let mut at = end;
    let mut awaits = false;
    for _ in 0..16 {
        at = blanks(found.bytes, at);
        if at >= stop {
            return;
        }
        let to = ahead(found.bytes, at, 128, |b| !b.is_ascii_whitespace());
        let raw = found.slice(at, to);
        let word = raw.trim_matches(['"', '\'']);
        let algorithm = look::is_one_of(
            word,
            &[
                "md5",
                "sha",
                "sha256",
                "sha512",
                "des",
                "3des",
                "aes",
                "aes-256",
                "key",
                "key-string",
            ],
        );
        let typed = word.bytes().all(|b| b.is_ascii_digit()) && word.len() <= 3;
        if awaits && !algorithm && !typed {
            if word.len() >= 4 && !shapes::is_nothing(word) && !shapes::is_stop_word(word) {
                let from = at + (word.as_ptr() as usize - raw.as_ptr() as usize);
                found.add_everywhere(from, from + word.len(), Kind::Secret);
            }
            awaits = false;
        }
        awaits |= algorithm;
        at = to;
    }
}
