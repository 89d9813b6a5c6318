//! Answers: the value on the lines below the one that asks for it, or that announces it.

use super::kinds::{Found, Kind};
use super::look::{ahead, line_before, line_end};
use super::net;
use super::prose::{Named, State, is_copula, is_hex, is_other, is_value};
use super::shapes;
use super::words::List;

/// The lines below an announcement that are read.
const NEXT_LINES_MAX: usize = 4;

/// The line asks, or announces, and the answer is below: `Password for the user:⏎  X`, and in a chat
/// `what's the pw?⏎ann: X`. The word begins at `start`, its sentence at `from`.
pub(super) fn next_lines(found: &mut Found<'_>, start: usize, from: usize, named: Named) {
    let bytes = found.bytes;
    let end = line_end(bytes, from);
    if !matches!(bytes.get(end), Some(b'\n' | b'\r')) {
        return;
    }
    let line = found.slice(start - line_before(bytes, start).len(), end).trim_end();
    let announces = line.ends_with([':', '：']) || line.ends_with("=>");
    // Indented, `key: password` is a configuration's.
    let chat = !line.starts_with([' ', '\t']);
    let asks =
        line.contains(['?', '？']) || chat && message(line).is_some_and(|said| !said.is_empty());
    if !announces && !asks {
        return;
    }
    let mut at = end;
    let mut read = 0;
    while read < NEXT_LINES_MAX && at < bytes.len() {
        at = ahead(bytes, at, 4, |b| b == b'\n' || b == b'\r');
        let stop = line_end(bytes, at);
        let text = found.slice(at, stop);
        read += 1;
        let said = if asks { message(text).unwrap_or(text) } else { text }.trim();
        let from = at + (said.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        at = stop;
        if !matches!(bytes.get(stop), Some(b'\n' | b'\r') | None) || said.is_empty() {
            continue;
        }
        let words: Vec<&str> = said.split_whitespace().collect();
        if asks
            && named == Named::Password
            && let Some(phrase) = passphrase(said, &words)
        {
            let at = from + (phrase.as_ptr() as usize - said.as_ptr() as usize);
            return found.add_everywhere(at, at + phrase.len(), Kind::Secret);
        }
        if words.len() > 8 {
            return;
        }
        let alone = words.len() == 1;
        let mut before = "";
        for word in words {
            let core =
                word.trim_matches(['"', '\'', '`', ',', '(', ')']).trim_end_matches(['.', ';']);
            let told = is_copula(&before.to_lowercase());
            before = word;
            let state =
                if (alone || told) && !core.contains('@') { State::Told } else { State::Clause };
            let bare = alone && (is_hex(core, 16) || shapes::is_random(core));
            let key = named == Named::Key && !alone && shapes::is_random(core) && core.len() >= 20;
            let joined = alone && asks && net::is_joined_words(core);
            if joined
                || !core.ends_with(':')
                    && !is_other(core)
                    && (bare
                        || key
                        || is_value(core, state, Named::Password)
                        || alone
                            && asks
                            && is_value(core, state, Named::Pin)
                            && named == Named::Pin)
            {
                let at = from + (core.as_ptr() as usize - said.as_ptr() as usize);
                found.add_everywhere(at, at + core.len(), Kind::Secret);
                return;
            }
        }
        if announces && !asks {
            return;
        }
    }
}

/// `gravel otter minus candle 52`: four words or more that no sentence is made of, and a number.
fn passphrase<'a>(said: &'a str, words: &[&'a str]) -> Option<&'a str> {
    let odd = |w: &str| {
        (3..=12).contains(&w.len())
            && w.bytes().all(|b| b.is_ascii_lowercase())
            && !List::StopWords.has(w)
            && !List::ProseWords.has(w)
    };
    let mut first = 0;
    for (at, word) in words.iter().take(24).enumerate() {
        let number = (1..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
        if number && at - first >= 4 {
            let begin = words[first].as_ptr() as usize - said.as_ptr() as usize;
            let end = word.as_ptr() as usize - said.as_ptr() as usize + word.len();
            return said.get(begin..end);
        }
        if !odd(word) {
            first = at + 1;
        }
    }
    None
}

/// What is said in a line of a chat, behind the time and the name: `[09:03] ann: X`, `<ann> X`.
fn message(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    let mut named = false;
    for _ in 0..6 {
        let word = rest.split_whitespace().next()?;
        let time = word.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && word.contains([':', '-', '/', '.'])
            && word.bytes().all(|b| {
                b.is_ascii_digit() || matches!(b, b':' | b'-' | b'/' | b',' | b'.' | b'T' | b'Z')
            });
        let closed = word.starts_with('[') && word.ends_with(']')
            || matches!(word, "-" | "—" | "AM" | "PM" | "am" | "pm" | "AM]" | "PM]")
            || word.starts_with('[')
                && word[1..]
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'/' | b',' | b'-'))
            || word.ends_with(']') && word.bytes().next().is_some_and(|b| b.is_ascii_digit());
        let nick = word.starts_with('<') && word.ends_with('>') && word.len() <= 34
            || (word.ends_with(':') || word.ends_with('>'))
                && word.len() > 1
                && word.len() <= 34
                && !word.contains(['"', '=', '/']);
        let first = rest
            .split_whitespace()
            .nth(1)
            .is_some_and(|next| next.ends_with(':') && next.len() > 1)
            && word.chars().all(char::is_alphabetic)
            && word.chars().next().is_some_and(char::is_uppercase);
        if !(time || closed || nick || first) {
            break;
        }
        rest = rest[word.len()..].trim_start();
        if nick {
            named = true;
            break;
        }
    }
    named.then_some(rest)
}
