//! Command lines that carry a credential: `mysql -pX`, `curl -u user:X`, `sshpass -p X`. Which option
//! of which command does is data (`rules/redact/commands.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

use super::headers;
use super::hosts;
use super::kinds::{Found, Kind};
use super::look::{self, blanks, byte_before, is_word, line_end};
use super::shapes;
use super::urls;
use super::values::{Value, shell_word};
use super::words::List;

/// The most words of one command that are read.
const WORDS_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    command: Vec<Rule>,
}

/// What one group of commands takes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rule {
    names: Vec<String>,
    secret: Vec<String>,
    attached: Vec<String>,
    login: Vec<String>,
    login_percent: Vec<String>,
    cookies: Vec<String>,
    pass_source: Vec<String>,
    after: Vec<String>,
    after_start: Vec<String>,
    uuid_operands: bool,
    host: Vec<String>,
    host_operand: bool,
    last_operand: Vec<String>,
    operand: usize,
    stdin_login: bool,
    random_operands: bool,
    oracle: bool,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let text = include_str!("../../../../../rules/redact/commands.toml");
    toml::from_str::<File>(text).map(|file| file.command).unwrap_or_default()
});

/// The name of every command, and the number of its rule.
pub(super) fn names() -> impl Iterator<Item = (&'static str, usize)> {
    RULES.iter().enumerate().flat_map(|(at, rule)| rule.names.iter().map(move |n| (n.as_str(), at)))
}

/// A command's name stands at `start..end`.
pub(super) fn at(found: &mut Found<'_>, start: usize, end: usize, rule: usize) {
    let bytes = found.bytes;
    let Some(rule) = RULES.get(rule) else { return };
    let inside = |b: u8| is_word(b) || matches!(b, b'-' | b'.' | b'=');
    if byte_before(bytes, start).is_some_and(inside) || !ends_name(bytes.get(end).copied(), rule) {
        return;
    }
    if rule.stdin_login {
        return stdin_login(found, start);
    }
    read(found, end, rule);
}

/// Whether the name of a command ends before this byte; `vncpasswd: stored …` is what it printed.
fn ends_name(next: Option<u8>, rule: &Rule) -> bool {
    matches!(next, Some(b' ' | b'\t' | b'"' | b'\'' | b'\n' | b'\\') | None)
        || rule.uuid_operands && next == Some(b':')
}

/// Goes over the words of the command.
fn read(found: &mut Found<'_>, end: usize, rule: &Rule) {
    let text = found.text;
    let stop = line_end(found.bytes, end);
    let is = |list: &[String], word: &str| list.iter().any(|o| o == word);
    let (mut at, mut operands) = (skip_list_marks(found.bytes, end), 0);
    let mut takes_last = false;
    for _ in 0..WORDS_MAX {
        at = skip_list_marks(found.bytes, at);
        if at >= stop || matches!(found.bytes[at], b'|' | b';' | b'&' | b'\n' | b')') {
            return;
        }
        let Some(word) = shell_word(text, at) else { return };
        let w = &text[word.start..word.end];
        at = after(found.bytes, word);
        let next = || {
            shell_word(text, skip_list_marks(found.bytes, at))
                .filter(|v| v.start < stop && v.end > v.start)
        };
        takes_last |= is(&rule.last_operand, w);
        if is(&rule.secret, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                secret(found, v);
            }
        } else if is(&rule.login, w) || is(&rule.login_percent, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                login(found, v, if is(&rule.login, w) { ':' } else { '%' });
            }
        } else if is(&rule.cookies, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                headers::cookie_pairs(found, v.start - usize::from(v.quoted));
            }
        } else if is(&rule.pass_source, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                pass_source(found, v, w);
            }
        } else if is(&rule.after, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                secret(found, v);
            }
        } else if is(&rule.host, w) {
            if let Some(v) = next() {
                at = after(found.bytes, v);
                hosts::told(found, v.start, v.end);
            }
        } else if rule
            .after_start
            .iter()
            .any(|o| look::starts_with_ignoring_case(w.as_bytes(), o.as_bytes()))
        {
            if let Some(v) = next().filter(|v| !matches!(found.bytes[v.start], b'/' | b'*')) {
                at = after(found.bytes, v);
                secret(found, v);
            }
        } else if let Some(option) =
            rule.attached.iter().find(|o| w.starts_with(o.as_str()) && w.len() > o.len())
        {
            attached(found, word, option.len());
        } else if let Some(option) =
            rule.login.iter().find(|o| w.starts_with(o.as_str()) && o.len() == 2 && w.contains(':'))
        {
            login(found, Value { start: word.start + option.len(), ..word }, ':');
        } else if let Some((_, v)) = w.split_once('=').filter(|(o, _)| is(&rule.login, o)) {
            login(found, Value { start: word.end - v.len(), ..word }, ':');
        } else if !w.starts_with('-') {
            // `-c 3`: what belongs to an option.
            if rule.host_operand && w.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            operands += 1;
            operand(found, word, rule, operands, takes_last);
        }
    }
}

/// Blanks, a continued line, and the commas and quotes of a list of words in JSON.
fn skip_list_marks(bytes: &[u8], at: usize) -> usize {
    let mut at = blanks(bytes, at);
    if bytes[at.min(bytes.len())..].starts_with(b"\\\n") {
        at = blanks(bytes, at + 2);
    }
    if bytes[at.min(bytes.len())..].starts_with(b"\",")
        || bytes[at.min(bytes.len())..].starts_with(b"',")
    {
        at = blanks(bytes, at + 2);
    }
    at
}

fn after(bytes: &[u8], word: Value) -> usize {
    let end = if word.quoted {
        look::ahead(bytes, word.end, 9, |b| b == b'\\' || b == b'"' || b == b'\'' || b == b'`')
    } else {
        word.end
    };
    look::ahead(bytes, end, 1, |b| b == b',')
}

fn secret(found: &mut Found<'_>, v: Value) {
    let w = found.slice(v.start, v.end);
    let value = w.strip_prefix("pass:").unwrap_or(w);
    let port_or_path = shapes::is_number(value) && value.len() <= 5
        || shapes::is_path(value) && value.starts_with(['/', '.', '~']);
    if value.len() < 3
        || shapes::is_nothing(value)
        || port_or_path
        || value.starts_with('-') && !v.quoted
        || value.contains("=\"")
    {
        return;
    }
    // `-p name=value`: a parameter.
    if value.split_once('=').is_some_and(|(name, rest)| {
        shapes::is_identifier(name) && name.len() > 1 && !rest.is_empty() && shapes::is_plain(name)
    }) {
        return;
    }
    add(found, v.end - value.len(), v.end);
}

fn add(found: &mut Found<'_>, start: usize, end: usize) {
    if end - start >= 8 && !shapes::is_name(found.slice(start, end)) {
        found.add_everywhere(start, end, Kind::Secret);
    } else {
        found.add(start, end, Kind::Secret);
    }
}

/// `-pX`
fn attached(found: &mut Found<'_>, word: Value, option: usize) {
    let mut v = Value { start: word.start + option, ..word };
    if matches!(found.bytes[v.start], b'\'' | b'"') {
        let Some(inner) = shell_word(found.text, v.start) else { return };
        v = inner;
    }
    let w = found.slice(v.start, v.end);
    // `-port 3306`, `-parallel`: an option of several letters.
    if w.len() < 3
        || shapes::is_nothing(w)
        || shapes::is_number(w) && w.len() <= 5
        || w.starts_with('/')
        || (shapes::is_plain(w)
            && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && w.len() < 8
            && is_option_word(w))
    {
        return;
    }
    add(found, v.start, v.end);
}

fn is_option_word(w: &str) -> bool {
    List::OptionRests.has(w)
}

/// `user:password`
fn login(found: &mut Found<'_>, v: Value, separator: char) {
    let w = found.slice(v.start, v.end);
    // lftp writes `user,password`.
    let comma = (separator == ':' && !w.contains(':')).then(|| w.split_once(',')).flatten();
    let Some((user, password)) = w.split_once(separator).or(comma) else {
        if shapes::is_random(w) {
            add(found, v.start, v.end);
        }
        return;
    };
    if !password.is_empty() && !shapes::is_placeholder(password) && !password.starts_with("//") {
        add(found, v.end - password.len(), v.end);
    }
    if shapes::is_random(user) {
        add(found, v.start, v.start + user.len());
    }
}

/// `-passin pass:X`
fn pass_source(found: &mut Found<'_>, v: Value, option: &str) {
    let w = found.slice(v.start, v.end);
    let value = match w.strip_prefix("pass:") {
        Some(value) => value,
        None if matches!(option, "-k" | "-K") => w,
        None => return,
    };
    if !shapes::is_nothing(value) && !shapes::is_path(value) {
        add(found, v.end - value.len(), v.end);
    }
}

fn operand(found: &mut Found<'_>, v: Value, rule: &Rule, number: usize, takes_last: bool) {
    let w = found.slice(v.start, v.end);
    let chosen = (rule.operand == number
        || (takes_last && number >= 2 && shapes::is_told_password(w)))
        && !shapes::is_nothing(w)
        && !shapes::is_path(w);
    let long = shapes::is_random(w) || rule.uuid_operands && (shapes::is_uuid(w) || is_hex_key(w));
    if chosen || (rule.random_operands && long && !w.trim_end_matches('=').contains('=')) {
        add(found, v.start, v.end);
    }
    if rule.host_operand && number == 1 {
        hosts::told(found, v.start, v.end);
    }
    if rule.oracle {
        urls::oracle_login(found, v.start);
    }
}

/// Sixteen hex digits, as a scrambled password of VNC has.
fn is_hex_key(w: &str) -> bool {
    w.len() == 16
        && w.bytes().all(|b| b.is_ascii_hexdigit())
        && w.bytes().any(|b| b.is_ascii_digit())
        && w.bytes().any(|b| b.is_ascii_alphabetic())
}

/// `echo 'user:password' | chpasswd`
fn stdin_login(found: &mut Found<'_>, start: usize) {
    let before = look::line_before(found.bytes, start);
    let from = start - before.len();
    let Some(text) = found.text.get(from..start) else { return };
    let mut at = from;
    for word in text.split([' ', '"', '\'', '\n']) {
        if let Some((user, password)) = word.split_once(':')
            && !user.is_empty()
            && password.len() >= 4
            && !shapes::is_nothing(password)
            && !shapes::is_time_or_measure(word)
        {
            let end = at + word.len();
            add(found, end - password.len(), end);
        }
        at += word.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_commands_can_be_read() {
        assert!(super::RULES.len() > 10);
    }
}
