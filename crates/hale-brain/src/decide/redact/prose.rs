//! Sentences that tell a credential: `Das Passwort für den Zugang lautet X`, `비밀번호는 X 입니다`, and the
//! answer on the next line. Which words name a password, and what stands between them and its value, is
//! data, language by language (`rules/redact/prose.toml`). A value must look like one: what a policy says
//! of passwords (`must have 12 characters`) does not.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;

use super::kinds::{Found, Kind};
use super::look::{ahead, byte_before, line_before, line_end};
use super::shapes;
use super::words::List;

/// How far behind its word a value is looked for, in bytes.
const SENTENCE_BYTES_MAX: usize = 240;
/// The longest value of a sentence, in bytes.
const VALUE_BYTES_MAX: usize = 200;
/// The lines below an announcement that are read.
const NEXT_LINES_MAX: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: Vec<Language>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Language {
    #[serde(rename = "name")]
    _name: String,
    passwords: Vec<String>,
    keys: Vec<String>,
    logins: Vec<String>,
    copulas: Vec<String>,
    fillers: Vec<String>,
}

/// What the word of a sentence names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A password.
    Password,
    /// A key or token.
    Key,
    /// A user and a password.
    Login,
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let text = include_str!("../../../../../rules/redact/prose.toml");
    toml::from_str::<File>(text).map(|file| file.language).unwrap_or_default()
});

/// What may stand before a value, of all languages: the word says nothing else there.
static COPULAS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LANGUAGES.iter().flat_map(|l| l.copulas.iter().map(String::as_str)).collect());
static FILLERS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LANGUAGES.iter().flat_map(|l| l.fillers.iter().map(String::as_str)).collect());

/// The words that begin such a sentence.
pub(super) fn words() -> Vec<(&'static str, Named)> {
    let mut seen = HashSet::new();
    let of = |list: &'static [String], named| list.iter().map(move |w| (w.as_str(), named));
    LANGUAGES
        .iter()
        .flat_map(|l| {
            of(&l.passwords, Named::Password)
                .chain(of(&l.keys, Named::Key))
                .chain(of(&l.logins, Named::Login))
        })
        .filter(|(word, _)| seen.insert(word.to_ascii_lowercase()))
        .collect()
}

/// One token of a sentence: a run without blanks, of letters of Latin or of others.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    start: usize,
    text: &'a str,
    latin: bool,
}

/// Whether a character belongs to what a value could be written with.
fn is_latin(c: char) -> bool {
    c < '\u{370}' && !matches!(c, '«' | '»')
}

fn tokens(text: &str, from: usize) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let latin = is_latin(first);
        let end = rest
            .char_indices()
            .find(|(_, c)| c.is_whitespace() || is_latin(*c) != latin)
            .map_or(rest.len(), |(i, _)| i);
        let token = Token { start: from + at, text: &rest[..end], latin };
        at += end;
        Some(token)
    })
}

/// A word that names a credential stands at `start..end`.
pub(super) fn at(found: &mut Found<'_>, start: usize, end: usize, named: Named) {
    let bytes = found.bytes;
    let word = found.slice(start, end).trim();
    let letters = |b: u8| b.is_ascii_alphanumeric();
    let before = byte_before(bytes, start);
    let glued_after = bytes.get(end).copied().is_some_and(letters);
    if word.len() <= 5 && (before.is_some_and(letters) || glued_after)
        || matches!(before, Some(b'$' | b'{' | b'<' | b'/' | b'_' | b'.' | b'%' | b'\\'))
    {
        return;
    }
    // The word's own end: `passordet`, `паролем`, `password's`.
    let rest = found.text.get(end..).unwrap_or_default();
    let tail = rest.char_indices().take(16).find(|(_, c)| {
        let cjk = *c >= '\u{2e80}';
        !c.is_alphabetic() || cjk
    });
    let after = tail.map_or(end, |(at, _)| end + at);
    if matches!(
        bytes.get(after),
        Some(b'_' | b'=' | b'(' | b'[' | b'{' | b'\\' | b'"' | b'\'' | b'<' | b'>' | b'$' | b'%')
    ) && named != Named::Login
        && !(bytes.get(after) == Some(&b'\'') && bytes.get(after + 1) == Some(&b's'))
    {
        return;
    }
    let stop =
        line_end(bytes, after).min(found.text.floor_char_boundary(after + SENTENCE_BYTES_MAX));
    let Some(sentence) = found.text.get(after..stop) else { return };
    if matches!(sentence.as_bytes(), [b'?' | b'&' | b';', next, ..] if next.is_ascii_alphanumeric())
    {
        return;
    }
    if named == Named::Login {
        let said = sentence.starts_with([' ', ':', ',', '：']) || !sentence.is_ascii();
        if said && !glued_after {
            login(found, after, sentence);
        }
        return;
    }
    let told = sentence_value(found, after, sentence, named);
    if !told {
        next_lines(found, start, after, named);
    }
}

/// Where a reading of a sentence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Directly behind the word itself.
    Beside,
    /// Directly behind what announces a value.
    Told,
    /// Somewhere in the clause.
    Clause,
    /// Behind a comma: another clause.
    Beyond,
}

fn sentence_value(found: &mut Found<'_>, from: usize, sentence: &str, named: Named) -> bool {
    let mut state = State::Beside;
    let mut any = false;
    let mut skip_to = 0;
    let mut open: Option<char> = None;
    for token in tokens(sentence, from) {
        if token.start < skip_to {
            continue;
        }
        if !token.latin {
            let last = token.text.chars().next_back();
            open = last.filter(|c| matches!(c, '“' | '„' | '‘' | '「' | '『' | '‹' | '«'));
            state = after_word(token.text, state, false);
            continue;
        }
        if let Some((start, end)) =
            value_of(found, token, state, named, open, from + sentence.len())
        {
            found.add_everywhere(start, end, Kind::Secret);
            any = true;
            skip_to = end;
            state = State::Clause;
            open = None;
            continue;
        }
        open = None;
        state = after_word(token.text, state, true);
        // A sentence of its own.
        let ends = token.text.ends_with(['.', '!']) && token.text.len() > 3;
        let next = sentence[token.start + token.text.len() - from..].trim_start();
        if ends && next.chars().next().is_some_and(char::is_uppercase) && !any {
            state = State::Beyond;
        }
    }
    any
}

/// What the next word means after this one.
fn after_word(word: &str, state: State, latin: bool) -> State {
    let bare = word.trim_matches(|c: char| matches!(c, ',' | '.' | ';' | '(' | ')' | '"' | '*'));
    let colon = word.ends_with([':', '=', '：', '→']) || word.ends_with("->");
    let comma = word.ends_with([',', ';', '，', '。', '；', '、']);
    let lower;
    let bare = if bare.bytes().any(|b| b.is_ascii_uppercase()) {
        lower = bare.to_ascii_lowercase();
        &lower
    } else {
        bare
    };
    let glued = !latin && COPULAS.iter().any(|c| !c.is_ascii() && bare.ends_with(c));
    let copula = COPULAS.contains(bare) || glued;
    match state {
        State::Beyond => State::Beyond,
        _ if comma && state != State::Beside => State::Beyond,
        _ if colon || copula => State::Told,
        State::Told if FILLERS.contains(bare) || bare.is_empty() => State::Told,
        State::Beside if bare.is_empty() || word.chars().all(|c| matches!(c, '"' | '\'' | '`')) => {
            State::Beside
        }
        State::Beside | State::Told | State::Clause => State::Clause,
    }
}

/// The value that a token is or begins, if it is one there.
fn value_of(
    found: &Found<'_>,
    token: Token<'_>,
    state: State,
    named: Named,
    open: Option<char>,
    stop: usize,
) -> Option<(usize, usize)> {
    let rest = found.text.get(token.start..stop)?;
    let told = matches!(state, State::Told | State::Beside);
    // Quoted: to the quote that closes, blanks and all.
    let quote = match open {
        Some(open) => Some((closing(open), 0)),
        None => rest
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\'' | '`' | '*' | '<' | '«'))
            .map(|c| (closing(c), c.len_utf8())),
    };
    if let Some((close, skip)) = quote {
        let mut inner = &rest[skip..];
        let mut skip = skip;
        // **bold** of Markdown
        while close == '*' && inner.starts_with('*') {
            inner = &inner[1..];
            skip += 1;
        }
        let end = inner
            .char_indices()
            .take(VALUE_BYTES_MAX)
            .find(|(_, c)| *c == close || close == '”' && *c == '“');
        if let Some((end, _)) = end {
            let inner = &inner[..end];
            if told && named == Named::Password && is_passphrase(inner, 2)
                || is_value(inner, state, named)
            {
                return Some((token.start + skip, token.start + skip + inner.len()));
            }
        }
    }
    let text = token.text;
    let lead =
        text.len() - text.trim_start_matches(['"', '\'', '`', '(', '[', '*', ':', '=']).len();
    // `user:X` and `-p X` belong to others; `密码:X` begins with the colon.
    let state = if text[..lead].contains([':', '=']) && state != State::Beyond {
        State::Told
    } else {
        state
    };
    let inner = text[lead..].trim_end_matches(['"', '\'', '`', ',', ';', '.', ':', ')', ']']);
    // `密码:X,请在…`: a comma inside belongs to the sentence if nothing of a value follows it.
    let inner = inner.split_once(['"', '`']).map_or(inner, |(value, _)| value);
    let at = token.start + lead;
    if is_value(inner, state, named) {
        return Some((at, at + inner.len()));
    }
    if named == Named::Password && state == State::Told {
        let words = found.text.get(at..stop)?;
        let words = &words[..words.find(['.', ',', ';', '(', '/', '"']).unwrap_or(words.len())];
        if is_passphrase(words.trim_end(), 4) {
            return Some((at, at + words.trim_end().len()));
        }
    }
    None
}

fn closing(open: char) -> char {
    match open {
        '“' | '„' => '”',
        '‘' => '’',
        '「' => '」',
        '『' => '』',
        '«' => '»',
        '<' => '>',
        other => other,
    }
}

/// Words that no sentence is made of: `correct horse battery staple`, also joined by dashes.
fn is_passphrase(v: &str, least: usize) -> bool {
    let dashed = !v.contains(' ');
    let words: Vec<&str> = if dashed { v.split('-').collect() } else { v.split(' ').collect() };
    let least = if dashed { 4 } else { least };
    (least..=12).contains(&words.len())
        && words.iter().all(|w| {
            (3..=14).contains(&w.len())
                && w.bytes().all(|b| b.is_ascii_alphanumeric())
                && w.bytes().skip(1).all(|b| !b.is_ascii_uppercase())
                && !w.bytes().all(|b| b.is_ascii_digit())
                && !List::StopWords.has(w)
                && !List::ProseWords.has(w)
        })
}

fn is_value(v: &str, state: State, named: Named) -> bool {
    if v.len() < 4 || v.len() > VALUE_BYTES_MAX || is_other(v) {
        return false;
    }
    let told = state == State::Told;
    match named {
        Named::Password => {
            is_unmistakable(v)
                || told && is_told(v)
                || state == State::Beside && (shapes::is_strong_password(v) && is_told(v))
                || told && v.len() >= 16 && shapes::is_random(v)
                || told && is_pin(v)
        }
        Named::Key => {
            let long = v.len() >= 12 && (shapes::is_random(v) || is_unmistakable(v))
                || shapes::is_uuid(v)
                || is_hex(v, 16);
            match state {
                State::Told | State::Beside => long || is_unmistakable(v),
                State::Clause | State::Beyond => false,
            }
        }
        Named::Login => is_unmistakable(v) || is_told(v),
    }
}

/// Four to eight digits that are no year.
fn is_pin(v: &str) -> bool {
    (4..=8).contains(&v.len())
        && v.bytes().all(|b| b.is_ascii_digit())
        && !(v.len() == 4 && (v.starts_with("19") || v.starts_with("20")))
}

/// Hex digits of both kinds, so many at least.
fn is_hex(v: &str, least: usize) -> bool {
    let c = shapes::classes(v);
    v.len() >= least && v.bytes().all(|b| b.is_ascii_hexdigit()) && c.digit && (c.lower != c.upper)
}

/// What has a form of its own and is no password: addresses, URLs, paths, pairs, code, measures, terms.
fn is_other(v: &str) -> bool {
    let core = v.trim_end_matches(['!', '?']);
    let mail = v.split_once('@').is_some_and(|(a, b)| {
        !a.is_empty()
            && b.split('.').count() >= 2
            && b.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
    });
    let pair = v.split_once('=').is_some_and(|(name, rest)| {
        shapes::is_identifier(name)
            && name.len() >= 2
            && !name.bytes().any(|b| b.is_ascii_digit())
            && !rest.trim_matches('=').is_empty()
    });
    let digits = core.trim_start_matches(|c: char| c.is_ascii_digit());
    // `8-stellig`, `12-character`, `90d`, `2nd`
    let counted = digits.len() < core.len()
        && digits.trim_start_matches('-').chars().all(|c| c.is_alphabetic() && !c.is_uppercase());
    let dotted = v.split('.').count() >= 3
        && v.split('.').all(|p| {
            !p.is_empty()
                && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    let lower = core.to_ascii_lowercase();
    let term = List::ProseTerms.words().any(|t| lower.starts_with(t));
    let marked = v.contains("://")
        || v.contains("::")
        || v.contains(['(', ')', '{', '}', '<', '>', '|', '\\'])
        || v.starts_with(['-', '/', '~', '@', '$', '&']) && v.len() < 8;
    let slashed = v.contains('/')
        && !v.bytes().any(|b| matches!(b, b'!' | b'#' | b'$' | b'^' | b'*' | b'?' | b'+'));
    let bracketed = v.contains(['[', ']']);
    // `ops:$2y$…`, `port:Eth1`
    let named = v.split_once(':').is_some_and(|(name, _)| {
        name.len() >= 2 && name.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
    });
    mail || named
        || pair
        || counted
        || dotted
        || term
        || marked
        || slashed
        || bracketed
        || shapes::is_nothing(v)
        || shapes::is_time_or_measure(core)
        || shapes::is_number(core) && !is_pin(v)
        || shapes::is_stop_word(core)
        || (shapes::is_path(v) && !v.bytes().any(|b| matches!(b, b'!' | b'#' | b'$' | b'^' | b'*')))
}

/// Where the sentence says that it follows: letters, and digits or marks inside.
fn is_told(v: &str) -> bool {
    let core = v.trim_end_matches(['!', '?']);
    let c = shapes::classes(core);
    let letters = c.lower || c.upper;
    // `web-12`, `INC0048213`, `PostgreSQL16`: what tickets, hosts and programs are called.
    let ticket = c.upper && !c.lower && !c.special && shapes::is_name(core);
    shapes::is_told_password(core) && !ticket && (c.digit || c.special && core.len() >= 7)
        || letters && v.len() >= 8 && is_unmistakable(v)
}

/// What nobody writes who does not mean a password: letters, with marks or digits all through.
fn is_unmistakable(v: &str) -> bool {
    if !(7..=64).contains(&v.len()) || !v.bytes().all(|b| b.is_ascii_graphic()) || is_other(v) {
        return false;
    }
    let core = v.trim_end_matches(['!', '?', '.', ',']);
    let c = shapes::classes(v);
    let inner = shapes::classes(core);
    let letters = c.lower || c.upper;
    let mark = core.bytes().any(|b| {
        matches!(b, b'!' | b'#' | b'$' | b'%' | b'^' | b'*' | b'?' | b'~' | b'@' | b'&' | b'+')
    });
    let closing_mark =
        v.ends_with(['!', '?', '$', '#', '*']) && inner.lower && inner.upper && inner.digit;
    letters && c.digit && (mark || closing_mark) && !is_template(v)
        || letters && mark && c.lower && c.upper && core.len() >= 9 && !is_template(v)
        || c.lower
            && c.upper
            && c.digit
            && class_runs(core) >= 4
            && !v.contains(['.', ':', '/', '_', '-', '@', '='])
}

/// `%s`, `$1`, `&amp;`, `C++17`, `a+b`
fn is_template(v: &str) -> bool {
    let marks = v.bytes().filter(|b| matches!(b, b'%' | b'$' | b'&' | b'+')).count();
    let others = v.bytes().any(|b| matches!(b, b'!' | b'#' | b'^' | b'*' | b'?' | b'~' | b'@'));
    let percent = v
        .as_bytes()
        .windows(3)
        .any(|w| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit());
    percent
        || marks > 0
            && !others
            && (v.starts_with(['%', '$', '&']) && !v.bytes().skip(1).any(|b| b.is_ascii_digit())
                || v.contains("++"))
}

/// Runs of one class: `Kestrel`, `SQL` and `16` are one each.
fn class_runs(v: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    };
    let bytes = v.as_bytes();
    let switches = bytes
        .windows(2)
        .filter(|w| {
            class(w[0]) != class(w[1]) && !(w[0].is_ascii_uppercase() && w[1].is_ascii_lowercase())
        })
        .count();
    switches + 1
}

/// `login is admin / X`, `creds: a:X`; what follows the word begins at `from`.
fn login(found: &mut Found<'_>, from: usize, sentence: &str) {
    let mut separated = false;
    let mut users = 0;
    for token in tokens(sentence, from).take(16) {
        let text = token.text;
        let core = text.trim_matches(['"', '\'', '`', ',', '(', ')', '*', ';']);
        if core.is_empty() || matches!(core, "/" | "|" | ":" | "-") {
            separated |= users > 0 && matches!(core, "/" | "|");
            continue;
        }
        let at = token.start + (core.as_ptr() as usize - text.as_ptr() as usize);
        if separated {
            let v = core.trim_end_matches(['.', ':']);
            if is_value(v, State::Told, Named::Password) {
                found.add_everywhere(at, at + v.len(), Kind::Secret);
            }
            return;
        }
        if let Some((user, v)) = core.split_once(['/', ':', '|']) {
            let v = v.trim_end_matches(['.', ':']);
            let named = user.bytes().any(|b| b.is_ascii_alphabetic()) && user.len() <= 40;
            if named && is_value(v, State::Told, Named::Password) {
                found.add_everywhere(
                    at + user.len() + 1,
                    at + user.len() + 1 + v.len(),
                    Kind::Secret,
                );
                return;
            }
        }
        users += 1;
        if text.ends_with('.') && users > 3 {
            return;
        }
    }
}

/// The line asks, or announces, and the answer is below: `Password for the user:⏎  X`, and in a chat
/// `what's the pw?⏎ann: X`. The word begins at `start`, its sentence at `from`.
fn next_lines(found: &mut Found<'_>, start: usize, from: usize, named: Named) {
    let bytes = found.bytes;
    let end = line_end(bytes, from);
    if !matches!(bytes.get(end), Some(b'\n' | b'\r')) {
        return;
    }
    let line = found.slice(start - line_before(bytes, start).len(), end).trim_end();
    let announces = line.ends_with([':', '：']) || line.ends_with("=>");
    let asks = line.contains(['?', '？']) || message(line).is_some_and(|m| m.len() < line.len());
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
        let said = message(text).unwrap_or(text).trim();
        let from = at + (said.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        at = stop;
        if !matches!(bytes.get(stop), Some(b'\n' | b'\r') | None) || said.is_empty() {
            continue;
        }
        let words: Vec<&str> = said.split_whitespace().collect();
        if words.len() > 8 {
            return;
        }
        let alone = words.len() == 1;
        for word in words {
            let core =
                word.trim_matches(['"', '\'', '`', ',', '(', ')']).trim_end_matches(['.', ';']);
            let state = if alone && !core.contains('@') { State::Told } else { State::Clause };
            let bare = alone && (is_hex(core, 16) || shapes::is_random(core));
            let key = named == Named::Key && !alone && shapes::is_random(core) && core.len() >= 20;
            if !core.ends_with(':')
                && !is_other(core)
                && (bare || key || is_value(core, state, Named::Password))
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
                    .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'/' | b','))
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

/// Words after which the words of a seed stand.
pub(super) const SEED_WORDS: &[&str] = &[
    "seed phrase",
    "seed-phrase",
    "seedphrase",
    "mnemonic",
    "recovery phrase",
    "recovery seed",
    "recovery words",
    "secret phrase",
    "backup phrase",
    "wallet seed",
    "wallet words",
    "seed words",
    "wallet phrase",
    "seed:",
    "seed is",
    "bip39",
    "bip-39",
    "frase semilla",
    "frase de recuper",
    "phrase de récup",
    "wiederherstellungs",
    "сид-фраза",
    "сид фраза",
    "мнемоник",
    "seedfrase",
    "frase seed",
    "fraza seed",
    "frase de recuperação",
    "herstelzin",
    "助记词",
    "助記詞",
    "ニーモニック",
    "니모닉",
    "복구 문구",
    "シードフレーズ",
    "リカバリーフレーズ",
    "unseal words",
];
/// How far behind its name a seed ends, in bytes.
const SEED_BYTES_MAX: usize = 700;
/// The shortest and the longest list of words that is a seed, with some of its words cut off.
const SEED_WORDS_MIN: usize = 11;
const SEED_WORDS_MAX: usize = 25;

/// `Seed phrase (12 words): velvet harbor …`, numbered, quoted, or one a line; the name ends at `end`.
pub(super) fn seed(found: &mut Found<'_>, end: usize) {
    let stop = found.text.floor_char_boundary(end + SEED_BYTES_MAX);
    let Some(text) = found.text.get(end..stop) else { return };
    let mut run: Option<(usize, usize)> = None;
    let mut count = 0;
    let mut at = 0;
    for word in text.split(|c: char| {
        c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '[' | ']' | '(' | ')' | '`' | '|' | ':')
    }) {
        let from = at;
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        let word_core =
            word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '#'));
        let numbering = word_core.is_empty();
        let of_seed = (3..=8).contains(&word_core.len())
            && word_core.bytes().all(|b| b.is_ascii_lowercase())
            && !List::StopWords.has(word_core)
            && !List::ProseWords.has(word_core);
        if numbering {
            continue;
        }
        if of_seed && count < SEED_WORDS_MAX {
            let begin = from + word.len() - word_core.len();
            run = Some((run.map_or(begin, |(start, _)| start), from + word.len()));
            count += 1;
        } else {
            if count >= SEED_WORDS_MIN {
                break;
            }
            (run, count) = (None, 0);
        }
    }
    if let Some((start, stop)) = run.filter(|_| count >= SEED_WORDS_MIN) {
        found.add_everywhere(end + start, end + stop, Kind::Secret);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_languages_can_be_read() {
        assert!(LANGUAGES.len() > 15);
        assert!(LANGUAGES.iter().all(|l| !l.passwords.is_empty() && !l.copulas.is_empty()));
    }

    #[test]
    fn what_is_no_password_where_one_is_told() {
        for word in [
            "sha256-hashed",
            "INC0048213",
            "web-12",
            "12-character",
            "90d",
            "2026-04-01",
            "10.1.2.3",
            "ann@acme.example",
            "https://acme.example/Reset1",
            "required!",
            "RFC7617",
            "AES-256-GCM",
            "String!",
            "user=Ann12",
            "8자",
            "C++17",
            "OAuth2",
        ] {
            assert!(!is_value(word, State::Told, Named::Password), "{word}");
        }
        for word in [
            "hunter2!",
            "Lantern!Falcon18",
            "te*p3vN^Xa2J",
            "FA75yEpmKFd",
            "Saturn_Cloud7964*",
            "4711",
            "sommer2024",
        ] {
            assert!(is_value(word, State::Told, Named::Password), "{word}");
        }
    }
}
