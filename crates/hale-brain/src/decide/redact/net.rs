//! The net under the sentences: where a line speaks of a credential, what nobody would have chosen as a word
//! or a name is taken for one, whatever the sentence's language, shape and order. The nearer and the plainer
//! the word, the less the value must tell.

use super::kinds::{Found, Kind};
use super::look::{ahead, back, bare, byte_before, contains, is_word};
use super::prose::{Named, is_copula, is_filler, is_other, is_unmistakable};
use super::shapes;
use super::words::List;

/// How much of a line is read on each side of its word, in bytes.
const SIDE_BYTES_MAX: usize = 400;
/// The most tokens that are read of one line.
const TOKENS_MAX: usize = 120;
/// How far from its word a value may stand, in tokens.
const NEAR_TOKENS_MAX: usize = 14;
/// The lines below an announcement of codes that are read.
const CODE_LINES_MAX: usize = 16;

/// A word that names a credential, where a sentence may be about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heat {
    pub start: usize,
    pub end: usize,
    pub named: Named,
}

/// Notes the word at `start..end` if it stands as a word, not as a part of a name.
pub(super) fn note(found: &mut Found<'_>, start: usize, end: usize, named: Named) {
    let bytes = found.bytes;
    let before = byte_before(bytes, start);
    let after = bytes.get(end).copied();
    let short = end - start <= 5;
    if before.is_some_and(|b| matches!(b, b'_' | b'/' | b'.' | b'$' | b'%' | b'{' | b'@' | b'\\'))
        || before == Some(b'-') && !byte_before(bytes, start - 1).is_some_and(is_word)
        || after.is_some_and(|b| matches!(b, b'_' | b'=' | b'/' | b'(' | b'['))
        || matches!(after, Some(b'-' | b'.' | b'"' | b'\'' | b':'))
            && bytes.get(end + 1).is_some_and(|b| is_word(*b) || *b == b':')
        || short
            && (before.is_some_and(|b| b.is_ascii_alphanumeric())
                || after.is_some_and(|b| b.is_ascii_alphanumeric()))
    {
        return;
    }
    found.heats.push(Heat { start, end, named });
}

/// Goes over the lines that were noted.
pub(super) fn find(found: &mut Found<'_>) {
    let mut heats = std::mem::take(&mut found.heats);
    heats.sort_by_key(|heat| heat.start);
    let mut done = 0;
    let mut rest = heats.as_slice();
    while let Some(first) = rest.first() {
        let bytes = found.bytes;
        let ends = |b: u8| b != b'\n' && b != b'\r';
        let from = back(bytes, first.start, SIDE_BYTES_MAX, ends).max(done);
        let to = ahead(bytes, first.end.max(done), SIDE_BYTES_MAX, ends);
        let here = rest.iter().take_while(|heat| heat.start < to).count().max(1);
        let (line, later) = rest.split_at(here);
        rest = later;
        if from < to {
            in_line(found, from, to, line);
            done = to;
        }
    }
}

/// A run without blanks, without the marks of writing around it.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    start: usize,
    text: &'a str,
    /// With the marks.
    raw: &'a str,
}

fn tokens<'a>(found: &Found<'a>, from: usize, to: usize) -> Vec<Token<'a>> {
    let line = found.slice(from, to);
    let base = found.text.ceil_char_boundary(from);
    let foreign = |c: char| c >= '\u{370}' && !matches!(c, '\u{2010}'..='\u{2015}');
    line.split(|c: char| c.is_whitespace() || matches!(c, '|' | '"' | '`' | '—' | '“' | '”' | '„'))
        .flat_map(|run| {
            let mut pieces = Vec::new();
            let mut at = 0;
            for (i, c) in run.char_indices() {
                let other = run[at..i].chars().next_back();
                if other.is_some_and(|o| foreign(o) != foreign(c)) {
                    pieces.push(&run[at..i]);
                    at = i;
                }
            }
            pieces.push(&run[at..]);
            pieces
        })
        .filter(|raw| !raw.is_empty())
        .take(TOKENS_MAX)
        .map(|raw| {
            let text = raw
                .trim_start_matches(['\'', '(', '[', '*', '<', '>', '«', '¿', ',', ':', '‘'])
                .trim_end_matches(['\'', ')', ']', '*', ',', ';', ':', '.', '»', '>', '’', '?']);
            Token { start: base + (text.as_ptr() as usize - line.as_ptr() as usize), text, raw }
        })
        .collect()
}

fn in_line(found: &mut Found<'_>, from: usize, to: usize, heats: &[Heat]) {
    let line = &found.bytes[from..to];
    let open = [&b"public"[..], b"fingerprint", b"checksum", b"digest", b"pubkey"]
        .iter()
        .any(|w| contains(line, w));
    let tokens = tokens(found, from, to);
    // Where the words stand, in tokens.
    let place = |at: usize| tokens.iter().take_while(|t| t.start + t.text.len() <= at).count();
    let places: Vec<(usize, Named)> = heats.iter().map(|h| (place(h.start), h.named)).collect();
    let mut spans = if open { Vec::new() } else { groups(&tokens, &places) };
    for (at, token) in tokens.iter().enumerate() {
        let Some(look) = Look::of(token.text) else { continue };
        let inside = |h: &Heat| token.start < h.end && h.start < token.start + token.text.len();
        // `NAME = "…"`: what is assigned to.
        let assigned = at == 0 && tokens.get(1).is_some_and(|t| t.raw == "=");
        if assigned || heats.iter().any(inside) {
            continue;
        }
        let before = at.checked_sub(1).and_then(|i| tokens.get(i));
        // `"trace_id": "X"`: the mark between stands alone.
        let namer = before
            .filter(|t| t.raw != ":")
            .or_else(|| at.checked_sub(2).and_then(|i| tokens.get(i)).filter(|t| t.raw.len() > 2));
        let named_by = namer.is_some_and(|t| names_a_thing(t.raw));
        let tells =
            |t: &Token<'_>| t.raw.ends_with([':', '=', '：']) || is_copula(&t.text.to_lowercase());
        let told = before.is_some_and(|t| {
            let earlier = at.checked_sub(2).and_then(|i| tokens.get(i));
            tells(t) || is_filler(t.text) && earlier.is_some_and(tells)
        });
        let near = |named: &[Named]| {
            places
                .iter()
                .filter(|(_, n)| named.contains(n))
                .map(|(place, _)| place.abs_diff(at))
                .min()
                .is_some_and(|distance| distance <= NEAR_TOKENS_MAX)
        };
        let of_password = near(&[Named::Password, Named::Pin, Named::Login]);
        let as_password = of_password && stands_as(&tokens, at, &places);
        let taken = match look {
            Look::Generated => {
                let beside = token.text.len() >= 12 && near(&[Named::Key]);
                !named_by && !open && (of_password || beside)
            }
            Look::Chosen => !named_by && of_password && !open,
            Look::Words => of_password && told && !named_by,
            Look::Long => !open && !named_by && near(&[Named::Key, Named::Password]),
            Look::Hex => !open && !named_by && told && near(&[Named::Key]),
        };
        if taken || as_password && !matches!(look, Look::Hex) {
            spans.push((token.start, token.start + token.text.len()));
        }
    }
    for (start, end) in spans {
        found.add_everywhere(start, end, Kind::Secret);
    }
    codes_below(found, to, &places, &tokens);
}

/// Whether a word says what the next one is, and that it is no credential: `session X`, `trace_id=X`.
pub(super) fn names_a_thing(raw: &str) -> bool {
    let word = bare(raw);
    let last = word.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let camel = last.bytes().rposition(|b| b.is_ascii_uppercase()).unwrap_or_default();
    let tail = last.get(camel..).unwrap_or_default();
    List::NetNamed.has(word)
        || last.len() < word.len() && List::NetNamed.has(last)
        || camel > 0 && List::NetNamed.has(tail)
        || camel > 1 && last.get(camel - 1..).is_some_and(|t| List::NetNamed.has(t))
}

/// `X as password`, `X als Kennwort`: the value stands before a word for `as` that stands before the word.
fn stands_as(tokens: &[Token<'_>], at: usize, places: &[(usize, Named)]) -> bool {
    let links = tokens.get(at + 1..).unwrap_or_default();
    links.iter().take(3).enumerate().any(|(gap, token)| {
        List::NetAs.has(token.text)
            && places.iter().any(|(place, _)| *place > at + gap + 1 && *place <= at + gap + 4)
    })
}

/// What a token alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Letters of both cases with digits or marks all through.
    Generated,
    /// Words with a number, joined as people join them for passwords.
    Chosen,
    /// Words joined, nothing else.
    Words,
    /// Twenty characters or more without structure.
    Long,
    /// Thirty-two hex digits or more.
    Hex,
}

impl Look {
    fn of(v: &str) -> Option<Look> {
        if !(8..=200).contains(&v.len())
            || !v.is_ascii()
            || shapes::is_uuid(v)
            || shapes::is_ulid(v)
            || shapes::is_nothing(v)
            || v.starts_with("0x")
            || v.starts_with("age1")
            || ["AAAAC3Nza", "AAAAB3Nza", "AAAAE2Vj", "AAAAGnNr"].iter().any(|p| v.starts_with(p))
        {
            return None;
        }
        if v.bytes().all(|b| b.is_ascii_hexdigit()) {
            let c = shapes::classes(v);
            return (v.len() >= 32 && c.digit && c.lower != c.upper).then_some(Look::Hex);
        }
        let base64 = v.len() >= 40
            && v.bytes().all(|b| is_word(b) || matches!(b, b'+' | b'/' | b'=' | b'-'))
            && !v.starts_with('/')
            && shapes::is_random(v)
            && shapes::class_runs(v) * 4 >= v.len();
        if base64 {
            return Some(Look::Long);
        }
        if is_other(v) || v.contains(['/', ',']) || is_account(v) {
            return (v.matches('.').count() >= 3).then(|| words(v)).flatten();
        }
        let c = shapes::classes(v);
        let runs = shapes::class_runs(v);
        let digits = v.bytes().filter(u8::is_ascii_digit).count();
        let alphanumeric = v.bytes().all(|b| b.is_ascii_alphanumeric());
        let joined = v.bytes().all(|b| is_word(b) || b == b'-');
        let one_case = c.digit && (c.lower != c.upper) && alphanumeric;
        if v.len() >= 20
            && joined
            && (shapes::is_random(v) && !v.contains(['-', '_']) && !shapes::is_wordy(v)
                || !shapes::is_wordy(v) && c.lower && c.upper && c.digit && runs * 4 >= v.len())
        {
            return Some(Look::Long);
        }
        if let Some(look) = words(v) {
            return Some(look);
        }
        let generated = is_unmistakable(v) && !v.contains(['=', '+', ';', '&'])
            || c.lower && c.upper && digits >= 2 && joined && runs >= 6 && !shapes::is_wordy(v)
            || one_case && v.len() >= 12 && runs >= 6 && c.lower;
        // `AuthDialogV2`: a name of a program's.
        let core = v.trim_end_matches(|c: char| c.is_ascii_digit());
        if alphanumeric && v.len() - core.len() <= 2 && shapes::is_name(core) {
            return None;
        }
        if joined && v.contains('-') && is_unspeakable(v) {
            return Some(Look::Words);
        }
        generated.then_some(Look::Generated)
    }
}

/// `ann@db-1`
fn is_account(v: &str) -> bool {
    v.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && user.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_' | b'.'))
            && host
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    })
}

/// Letters of which nobody makes a word, in both cases.
fn is_unspeakable(v: &str) -> bool {
    let c = shapes::classes(v);
    let mute = |p: &str| {
        p.len() >= 4
            && p.bytes().all(|b| b.is_ascii_lowercase())
            && !p.bytes().any(|b| b"aeiouy".contains(&b))
    };
    c.lower && c.upper && v.split('-').any(mute)
}

/// `Zebra-kestrel5635`, `granite_velvet_tundra50`, `winter-bronze-saturn`: words that are joined.
pub(super) fn is_joined_words(v: &str) -> bool {
    words(v).is_some()
}

/// Whether a sentence about a way in could offer it.
pub(super) fn is_offered(v: &str) -> bool {
    let look = Look::of(v);
    matches!(look, Some(Look::Generated | Look::Chosen))
        || look == Some(Look::Words) && v.matches(['.', '-', '_']).count() >= 3
}

/// The same, with a number or a capital: nothing else is called so.
pub(super) fn is_chosen_words(v: &str) -> bool {
    words(v) == Some(Look::Chosen)
}

/// `lantern_Monsun_42`, `brisk.brisk.34`, `pepper.Falke-97`: two words and a number, joined as no name is.
fn is_mixed(v: &str) -> bool {
    let marks: Vec<u8> = v.bytes().filter(|b| !b.is_ascii_alphanumeric()).collect();
    let pieces: Vec<&str> = v.split(['-', '_', '.', '#', '*', '+']).collect();
    let ([a, b, number], [first, second]) = (&pieces[..], &marks[..]) else { return false };
    let word = |w: &&str| {
        (3..=12).contains(&w.len())
            && w.as_bytes()[0].is_ascii_alphabetic()
            && w.bytes().skip(1).all(|b| b.is_ascii_lowercase())
            && !is_of_names(w)
    };
    let capital = |w: &str| w.as_bytes()[0].is_ascii_uppercase();
    (2..=4).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && word(a)
        && word(b)
        && (first != second
            || *first == b'.'
            || capital(b) && !capital(a)
            || capital(a) && *first == b'_')
}

/// Words that names are made of, and hardly a password.
pub(super) fn is_of_names(w: &str) -> bool {
    List::StopWords.has(w)
        || List::ProseWords.has(w)
        || List::HostRoles.has(w)
        || List::NamedThings.has(w)
        || List::NamesOfThings.has(w)
}

fn words(v: &str) -> Option<Look> {
    if is_mixed(v) {
        return Some(Look::Chosen);
    }
    let core = v.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = v.len() - core.len();
    let separator = core.bytes().find(|b| !b.is_ascii_alphabetic())?;
    if !matches!(separator, b'-' | b'_' | b'.' | b'#') || number > 6 {
        return None;
    }
    let pieces: Vec<&str> = core.split(char::from(separator)).collect();
    let is_plain_word = |w: &&str| {
        (3..=12).contains(&w.len())
            && w.bytes().skip(1).all(|b| b.is_ascii_lowercase())
            && w.as_bytes()[0].is_ascii_alphabetic()
            && !is_of_names(w)
    };
    if !pieces.iter().all(is_plain_word) {
        return None;
    }
    let capital = core.as_bytes()[0].is_ascii_uppercase();
    let code = separator == b'.' && List::CodeRoots.has(pieces[0]);
    match (pieces.len(), number) {
        (2, 3..) if capital && separator != b'.' => Some(Look::Chosen),
        (3.., 2..) if !code => Some(Look::Chosen),
        (4.., 0) if !code && !capital => Some(Look::Words),
        (3.., 0) if separator != b'.' && !capital => Some(Look::Words),
        _ => None,
    }
}

/// `9poh xax7 cklh 80dj`, `0m0s2-h5ms7`: codes in groups, near a word for them.
fn groups(tokens: &[Token<'_>], places: &[(usize, Named)]) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let length = tokens[at].text.len();
        let same = |t: &&Token<'_>| t.text.len() == length && is_group(t.text);
        let run: Vec<&Token<'_>> = tokens[at..]
            .iter()
            .enumerate()
            .take_while(|(i, t)| same(t) && (*i == 0 || !t.raw.starts_with('(')))
            .map(|(_, t)| t)
            .take(32)
            .collect();
        let number = |t: &&&Token<'_>| t.text.bytes().all(|b| b.is_ascii_digit());
        // Not `404s`: what is counted.
        let mixed = |t: &&&Token<'_>| {
            t.text.bytes().any(|b| b.is_ascii_digit())
                && !number(t)
                && !shapes::is_time_or_measure(t.text)
        };
        let letters = run.iter().any(|t| t.text.bytes().any(|b| b.is_ascii_alphabetic()));
        let told = at > 0 && tokens[at - 1].raw.ends_with(':') && run.len() == 4;
        // `more than 1024 open`: words, and a number.
        let (numbers, mixed) =
            (run.iter().filter(number).count(), run.iter().filter(mixed).count());
        let said = |t: &&Token<'_>| List::ProseWords.has(t.text) || List::StopWords.has(t.text);
        let many = run.len() >= 3
            && (4..=6).contains(&length)
            && letters
            && (mixed > 0 || numbers * 2 >= run.len() || told && numbers == 0)
            && !run.iter().any(said)
            && ((mixed + numbers) * 3 >= run.len() || told);
        if many && let (Some(first), Some(last)) = (run.first(), run.last()) {
            spans.push((first.start, last.start + last.text.len()));
        }
        at += if many { run.len() } else { 1 };
    }
    if places.iter().any(|(_, named)| *named == Named::Code) {
        spans.extend(
            tokens.iter().filter(|t| is_code(t.text)).map(|t| (t.start, t.start + t.text.len())),
        );
    }
    spans
}

/// Letters of one case, and digits.
fn is_group(v: &str) -> bool {
    let c = shapes::classes(v);
    v.bytes().all(|b| b.is_ascii_alphanumeric()) && !(c.lower && c.upper)
}

/// `0m0s2-h5ms7`, `8Z3K-QP2M-71VX`, `4821-9934`: groups of a code that works once.
fn is_code(v: &str) -> bool {
    let pieces: Vec<&str> = v.split('-').collect();
    let digits = v.bytes().filter(u8::is_ascii_digit).count();
    let date = pieces.len() == 3 && v.len() == 10 && digits == 8;
    let grouped = (2..=8).contains(&pieces.len())
        && pieces.iter().all(|p| (3..=8).contains(&p.len()) && is_group(p))
        && pieces.iter().all(|p| p.len() == pieces[0].len());
    let one = v.len() >= 8
        && v.len() <= 16
        && is_group(v)
        && (digits == v.len() && v.len() == 8 || digits >= 2 && shapes::class_runs(v) >= 3);
    !date && digits >= 2 && (grouped || one) && !shapes::is_time_or_measure(v)
}

/// Codes on the lines below the one that announces them.
fn codes_below(found: &mut Found<'_>, to: usize, places: &[(usize, Named)], line: &[Token<'_>]) {
    let announces = line.last().is_some_and(|t| t.raw.ends_with([':', '.', '：', ')']));
    if !announces || !places.iter().any(|(_, named)| *named == Named::Code) {
        return;
    }
    let mut at = to;
    let mut spans = Vec::new();
    for _ in 0..CODE_LINES_MAX {
        at = ahead(found.bytes, at, 4, |b| b == b'\n' || b == b'\r');
        let stop = ahead(found.bytes, at, SIDE_BYTES_MAX, |b| b != b'\n' && b != b'\r');
        let row = tokens(found, at, stop);
        let before = spans.len();
        let code = |t: &&Token<'_>| is_code(t.text);
        spans.extend(row.iter().filter(code).map(|t| (t.start, t.start + t.text.len())));
        if stop == at || !row.is_empty() && spans.len() == before && before > 0 {
            break;
        }
        at = stop;
    }
    for (start, end) in spans {
        found.add_everywhere(start, end, Kind::Secret);
    }
}

/// Eight groups of six digits, as BitLocker writes them; the run of digits begins at `at`.
pub(super) fn numerical_password(found: &mut Found<'_>, at: usize) {
    let end = ahead(found.bytes, at, 55, |b| b.is_ascii_digit() || b == b'-');
    let text = found.slice(at, end);
    let groups = |t: &str| t.split('-').filter(|g| g.len() == 6).count();
    if text.len() == 55 && groups(text) == 8 && byte_before(found.bytes, at) != Some(b'-') {
        found.add_everywhere(at, end, Kind::Secret);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_generated_and_what_does_not() {
        for v in [
            "Zebra-kestrel5635",
            "granite_velvet_tundra_bronze50",
            "kT9vQx2LmZ84pd",
            "Lantern2025#x",
            "mtqz-4wbxc-Ka7ivz",
            "winter_bronze_saturn_harbor",
        ] {
            assert!(Look::of(v).is_some(), "{v}");
        }
        for v in [
            "INC-77120",
            "v2.4.1-rc3",
            "2026-03-01T10:14:55Z",
            "9f8e7d6c5b4a",
            "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
            "ssh-ed25519",
            "com.acme.auth.PasswordHasherV2",
            "db-prod-15",
            "rotate-tokens-28391440-x7k2p",
            "AES-256-GCM",
            "/var/lib/app/secret_v2",
            "access_token_v1",
            "PasswordAuthentication",
            "AuthDialogV2",
            "user_login_attempts",
        ] {
            assert_eq!(Look::of(v), None, "{v}");
        }
    }
}
