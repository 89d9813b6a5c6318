//! Sentences that tell a credential: `Das Passwort für den Zugang lautet X`, `비밀번호는 X 입니다`, and the
//! answer on the next line. Which words name a password, and what stands between them and its value, is
//! data, language by language (`rules/redact/prose.toml`). A value must look like one: what a policy says
//! of passwords (`must have 12 characters`) does not.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::answers;
use super::kinds::{Found, Kind};
use super::look::{back, byte_before, line_end};
use super::net;
use super::shapes;
use super::words::List;

/// How far behind its word a value is looked for, in bytes.
const SENTENCE_BYTES_MAX: usize = 240;
/// The longest value of a sentence, in bytes.
const VALUE_BYTES_MAX: usize = 200;

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
    near: Vec<String>,
    codes: Vec<String>,
    copulas: Vec<String>,
    into: Vec<String>,
    fillers: Vec<String>,
}

/// What the word of a sentence names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A password.
    Password,
    /// A number that opens, or a password.
    Pin,
    /// A key or token.
    Key,
    /// A user and a password.
    Login,
    /// Codes that work once, and the key of an authenticator.
    Code,
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let text = include_str!("../../../../../rules/redact/prose.toml");
    toml::from_str::<File>(text).map(|file| file.language).unwrap_or_default()
});

/// What may stand before a value: the word says nothing else there. Every language has its own, and those
/// of the first, which are marks; the words of English are in every language's sentences, and so it has the
/// others' where they cannot be English.
static COPULAS: LazyLock<Vec<HashSet<&'static str>>> = LazyLock::new(|| {
    let of = |l: &'static Language| l.copulas.iter().map(String::as_str);
    let marks = || LANGUAGES.first().into_iter().flat_map(of);
    let others = || LANGUAGES.iter().flat_map(of).filter(|c| !c.is_ascii());
    let english = |at: usize| at <= ENGLISH;
    LANGUAGES
        .iter()
        .enumerate()
        .map(|(at, l)| {
            let borrowed = others().filter(move |_| english(at));
            of(l).chain(marks()).chain(borrowed).collect()
        })
        .collect()
});
static FILLERS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LANGUAGES.iter().flat_map(|l| l.fillers.iter().map(String::as_str)).collect());
static INTO: LazyLock<Vec<HashSet<&'static str>>> = LazyLock::new(|| {
    LANGUAGES.iter().map(|l| l.into.iter().map(String::as_str).collect()).collect()
});
/// Whether a word, in lower case, is a copula of any language.
pub(super) fn is_copula(word: &str) -> bool {
    COPULAS.iter().any(|set| set.contains(word))
}

/// Whether a word may stand between a copula and its value.
pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.contains(word)
}

/// The place of English in the list.
const ENGLISH: usize = 1;

/// The languages that a word is of, a bit each.
pub(super) type Languages = u32;

/// The words that begin such a sentence.
pub(super) fn words() -> Vec<(&'static str, Named, Languages)> {
    let of = |list: &'static [String], named| list.iter().map(move |w| (w.as_str(), named));
    let mut words: Vec<(&str, Named, Languages)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, l) in LANGUAGES.iter().enumerate() {
        let of_languages = if at == 0 { Languages::MAX } else { 1 << at };
        let all = of(&l.passwords, Named::Password)
            .chain(of(&l.keys, Named::Key))
            .chain(of(&l.logins, Named::Login));
        for (word, named) in all {
            let lower = word.to_lowercase();
            let digits = ["pin", "code", "kod", "код", "番号"].iter().any(|w| lower.contains(w));
            let named = if named == Named::Password && digits { Named::Pin } else { named };
            let place = *places.entry(word.to_ascii_lowercase()).or_insert(words.len());
            match words.get_mut(place) {
                Some((_, _, languages)) => *languages |= of_languages,
                None => words.push((word, named, of_languages)),
            }
        }
    }
    words
}

/// Words that begin no sentence about a value, but tell that their line may hold one.
pub(super) fn near() -> impl Iterator<Item = (&'static str, Named)> {
    let of = |list: &'static [String], named| list.iter().map(move |w| (w.as_str(), named));
    LANGUAGES.iter().flat_map(move |l| of(&l.near, Named::Key).chain(of(&l.codes, Named::Code)))
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
pub(super) fn at(found: &mut Found<'_>, start: usize, end: usize, named: Named, of: Languages) {
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
    if is_in_route(bytes, start, end) {
        return;
    }
    // The word's own end: `passordet`, `паролем`, `password's`.
    let rest = found.text.get(end..).unwrap_or_default();
    let foreign = word.chars().next_back().is_some_and(|c| !is_latin(c));
    let tail = rest.char_indices().take(16).find(|(_, c)| {
        let cjk = *c >= '\u{2e80}';
        !c.is_alphabetic() || cjk || foreign && c.is_ascii()
    });
    let after = tail.map_or(end, |(at, _)| end + at);
    if matches!(
        bytes.get(after),
        Some(
            b'_' | b'='
                | b'('
                | b'['
                | b'{'
                | b'\\'
                | b'"'
                | b'\''
                | b'<'
                | b'>'
                | b'$'
                | b'%'
                | b'@'
        )
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
    let told = sentence_value(found, after, sentence, named, of);
    if !told {
        answers::next_lines(found, start, after, named);
    }
}

/// `^/reset-password/(.*)$`: a part of a path or of a pattern for one.
fn is_in_route(bytes: &[u8], start: usize, end: usize) -> bool {
    let from = back(bytes, start, 128, |b| !b.is_ascii_whitespace());
    let rooted = matches!(bytes[from], b'^' | b'/' | b'~');
    let goes_on = matches!(bytes.get(end), Some(b'/' | b'-' | b'?' | b'$' | b'*'));
    from < start && rooted && (goes_on || bytes[from] == b'^')
}

/// Where a reading of a sentence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Directly behind the word itself.
    Beside,
    /// Directly behind what announces a value.
    Told,
    /// Directly behind a word that other things follow as well.
    Into,
    /// Somewhere in the clause.
    Clause,
    /// Behind a comma: another clause.
    Beyond,
}

fn sentence_value(
    found: &mut Found<'_>,
    from: usize,
    sentence: &str,
    named: Named,
    of: Languages,
) -> bool {
    let mut state = State::Beside;
    let mut any = false;
    let mut skip_to = 0;
    let mut open: Option<char> = None;
    let mut before = "";
    for token in tokens(sentence, from) {
        if token.start < skip_to {
            continue;
        }
        // `Modelo X9`, `ticket X9`: it says what it is.
        let named_by = state != State::Told && net::names_a_thing(before);
        before = token.text;
        if !token.latin {
            let last = token.text.chars().next_back();
            open = last.filter(|c| matches!(c, '“' | '„' | '‘' | '「' | '『' | '‹' | '«'));
            state = after_word(token.text, state, false, of);
            continue;
        }
        if let Some((start, end)) =
            value_of(found, token, state, named, open, from + sentence.len()).filter(|_| !named_by)
        {
            found.add_everywhere(start, end, Kind::Secret);
            any = true;
            skip_to = end;
            state = State::Clause;
            open = None;
            continue;
        }
        open = None;
        state = after_word(token.text, state, true, of);
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
fn after_word(word: &str, state: State, latin: bool, of: Languages) -> State {
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
    let is_of = |at: &usize| of & (1 << *at) != 0;
    let mut copulas = COPULAS.iter().enumerate().filter(|(at, _)| is_of(at)).map(|(_, set)| set);
    let copula = copulas.any(|set| {
        set.contains(bare) || !latin && set.iter().any(|c| !c.is_ascii() && bare.ends_with(c))
    });
    let mut preposition = INTO.iter().enumerate().filter(|(at, _)| is_of(at));
    // `password policy: X`: of something else.
    let other = matches!(
        bare.trim_end_matches([':', '：']),
        "policy"
            | "manager"
            | "hasher"
            | "hash"
            | "complexity"
            | "richtlinie"
            | "strength"
            | "field"
            | "fields"
            | "rule"
            | "rules"
            | "length"
            | "requirements"
            | "criteria"
            | "history"
            | "settings"
            | "validator"
            | "generator"
    );
    match state {
        State::Beyond => State::Beyond,
        State::Beside if other && colon => State::Beyond,
        _ if comma && state != State::Beside => State::Beyond,
        _ if colon || copula => State::Told,
        _ if preposition.any(|(_, set)| set.contains(bare)) => State::Into,
        State::Told if FILLERS.contains(bare) || bare.is_empty() => State::Told,
        State::Beside if bare.is_empty() || word.chars().all(|c| matches!(c, '"' | '\'' | '`')) => {
            State::Beside
        }
        State::Beside | State::Told | State::Into | State::Clause => State::Clause,
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
    let told = matches!(state, State::Told | State::Beside | State::Into);
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
            // `<Mock name='pw'>`: how Python prints an object.
            if close == '>' && inner.contains('=') || inner.contains(" = ") {
                return None;
            }
            if told && matches!(named, Named::Password | Named::Pin) && is_passphrase(inner, 2)
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
    let inner = text[lead..].trim_end_matches(['"', '\'', '`', ',', ';', '.', ':', ')', ']', '(']);
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
    let words: Vec<&str> =
        if dashed { v.split(['-', '_']).collect() } else { v.split(' ').collect() };
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

pub(super) fn is_value(v: &str, state: State, named: Named) -> bool {
    if v.len() < 4 || v.len() > VALUE_BYTES_MAX || is_other(v) {
        return false;
    }
    let told = state == State::Told;
    let beside = state == State::Beside && v.len() >= 5;
    match named {
        Named::Password | Named::Pin => {
            let pin = named == Named::Pin && (told || beside) && is_pin(v);
            let joined = matches!(state, State::Told | State::Into) && net::is_chosen_words(v);
            pin || joined
                || is_unmistakable(v)
                || told && is_told(v)
                || state == State::Beside && (shapes::is_strong_password(v) && is_told(v))
                || state == State::Into && is_marked(v)
                || told && v.len() >= 16 && shapes::is_random(v)
                || named == Named::Password
                    && (told || state == State::Beside)
                    && is_letters(v, told)
        }
        Named::Key | Named::Code => {
            let wordy = shapes::is_wordy(v) && v.bytes().all(|b| b.is_ascii_alphanumeric());
            let long = v.len() >= 12 && !wordy && (shapes::is_random(v) || is_unmistakable(v))
                || shapes::is_uuid(v)
                || is_hex(v, 16);
            match state {
                State::Told | State::Beside => long || is_unmistakable(v),
                State::Into | State::Clause | State::Beyond => false,
            }
        }
        Named::Login => is_unmistakable(v) || is_told(v),
    }
}

/// `MarbleCanyon` where it is told, `BlueMarbleCanyon` beside its word, `JxwKwETyWTaBug`: words put together, or
/// letters of which nobody makes any.
fn is_letters(v: &str, told: bool) -> bool {
    if !(8..=40).contains(&v.len()) || !v.bytes().all(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let humps = super::keys::words(v);
    let word = |w: &&str| {
        (3..=10).contains(&w.len())
            && w.as_bytes()[0].is_ascii_uppercase()
            && w[1..].bytes().all(|b| b.is_ascii_lowercase())
            && !net::is_of_names(w)
    };
    let joined = humps.len() >= if told { 2 } else { 3 }
        && humps.len() <= 5
        && humps.iter().all(word)
        && !List::TwoWordNames.has(v);
    let c = shapes::classes(v);
    let scrambled = c.lower
        && c.upper
        && v.len() >= 10
        && shapes::class_runs(v) * 3 >= v.len()
        && !shapes::is_wordy(v);
    joined || scrambled
}

/// Four to eight digits that are no year.
fn is_pin(v: &str) -> bool {
    (4..=8).contains(&v.len())
        && v.bytes().all(|b| b.is_ascii_digit())
        && !(v.len() == 4 && (v.starts_with("19") || v.starts_with("20")))
}

/// Hex digits of both kinds, so many at least.
pub(super) fn is_hex(v: &str, least: usize) -> bool {
    let c = shapes::classes(v);
    v.len() >= least && v.bytes().all(|b| b.is_ascii_hexdigit()) && c.digit && (c.lower != c.upper)
}

/// What has a form of its own and is no password: addresses, URLs, paths, pairs, code, measures, terms.
pub(super) fn is_other(v: &str) -> bool {
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
        && !digits.is_empty()
        && digits.trim_start_matches('-').chars().all(|c| c.is_alphabetic() && !c.is_uppercase());
    let dotted = v.split('.').count() >= 3
        && v.split('.').all(|p| {
            !p.is_empty()
                && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    let hex = v.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    let lower = core.to_ascii_lowercase();
    let term =
        List::ProseTerms.words().any(|t| lower.starts_with(t) && (t.len() > 2 || core.len() <= 6));
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
        || hex
        || pair
        || counted
        || dotted
        || term
        || marked
        || slashed
        || bracketed
        || shapes::is_nothing(v)
        || shapes::is_time_or_measure(core) && !is_pin(v)
        || shapes::is_number(core) && !is_pin(v)
        || shapes::is_stop_word(core)
        || (shapes::is_path(v) && !v.bytes().any(|b| matches!(b, b'!' | b'#' | b'$' | b'^' | b'*')))
}

/// Where the sentence says that it follows: letters, and digits or marks inside.
fn is_told(v: &str) -> bool {
    // `#a-section`: a mark that only begins it says nothing.
    let core = v.trim_end_matches(['!', '?']).trim_start_matches('#');
    let c = shapes::classes(core);
    let letters = c.lower || c.upper;
    // `web-12`, `INC0048213`, `PostgreSQL16`: what tickets, hosts and programs are called.
    let ticket = c.upper && !c.lower && !c.special && shapes::is_name(core);
    shapes::is_told_password(core)
        && !ticket
        && (c.digit || c.special && c.lower && c.upper && core.len() >= 7)
        || letters && v.len() >= 8 && is_unmistakable(v)
}

/// Letters, digits, and a mark anywhere: `beacon_meadow449!`.
fn is_marked(v: &str) -> bool {
    let c = shapes::classes(v);
    v.len() >= 7 && (c.lower || c.upper) && c.digit && c.special && is_told(v)
}

/// What nobody writes who does not mean a password: letters, with marks or digits all through.
pub(super) fn is_unmistakable(v: &str) -> bool {
    if !(7..=64).contains(&v.len()) || !v.bytes().all(|b| b.is_ascii_graphic()) || is_other(v) {
        return false;
    }
    let core = v.trim_end_matches(['!', '?', '.', ',', '+']);
    let c = shapes::classes(v);
    let inner = shapes::classes(core);
    let core = core.trim_start_matches('#');
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
            && shapes::class_runs(core) >= 4
            && !shapes::is_wordy(core)
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
            let named = user.bytes().any(|b| b.is_ascii_alphabetic())
                && user.len() <= 40
                && !v.starts_with('/')
                // `feature/login-v3`
                && !(core.as_bytes()[user.len()] == b'/' && shapes::is_name(v));
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
            "sommer2024",
        ] {
            assert!(is_value(word, State::Told, Named::Password), "{word}");
        }
    }
}
