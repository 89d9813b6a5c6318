//! Credentials that no word for one stands beside: what a sentence about a way in offers (`try X for the admin
//! account`), and what a here-document writes into a file of passwords.

use super::kinds::{Found, Kind};
use super::look::{self, ahead, bare, byte_before, is_word, line_before, line_end, words_before};
use super::net;
use super::shapes;
use super::words::List;

/// The most lines of a here-document that are read.
const LINES_MAX: usize = 64;

/// What may begin an offer, in lower case, and whether the value stands behind it.
pub(super) const WORDS: &[(&str, bool)] = &[
    ("try ", true),
    ("use ", true),
    ("enter ", true),
    ("wants ", true),
    ("admin and ", true),
    ("root and ", true),
    ("admin with ", true),
    ("root with ", true),
    ("nimm ", true),
    ("nimm mal ", true),
    ("versuch ", true),
    ("probier ", true),
    ("essaie ", true),
    ("essayez ", true),
    ("utilise ", true),
    ("prueba ", true),
    ("prueba con ", true),
    ("usa ", true),
    ("prova ", true),
    ("prova con ", true),
    ("tenta ", true),
    ("tente ", true),
    ("spróbuj ", true),
    ("użyj ", true),
    ("zkus ", true),
    ("попробуй ", true),
    ("используй ", true),
    ("спробуй ", true),
    ("prøv ", true),
    ("använd ", true),
    ("bruk ", true),
    ("kokeile ", true),
    ("probeer ", true),
    ("gebruik ", true),
    (" gets you in", false),
    (" lets you in", false),
    (" gets me in", false),
    (" got me in", false),
    (" unlocks ", false),
    (" opens ", false),
];

/// An offer's word stands at `start..end`.
pub(super) fn at(found: &mut Found<'_>, start: usize, end: usize, behind: bool) {
    let bytes = found.bytes;
    if byte_before(bytes, start).is_some_and(|b| is_word(b) || matches!(b, b'-' | b'/' | b'.'))
        && behind
    {
        return;
    }
    let word_end = |at: usize| ahead(bytes, at, 80, |b| !b.is_ascii_whitespace());
    // `use root / X on db1`: a name and what goes with it.
    let login = word_end(end);
    let pair = behind && bytes[login..].starts_with(b" / ");
    let (from, to) = if pair {
        (login + 3, word_end(login + 3))
    } else if behind {
        (end, login)
    } else {
        let word = words_before(bytes, start).next().map_or(0, str::len);
        (start - word, start)
    };
    let raw = found.slice(from, to);
    let v = raw
        .trim_start_matches(['"', '\'', '`', '(', '*'])
        .trim_end_matches(['"', '\'', '`', ',', ';', ':', ')', '*', '.']);
    if v.len() < 8 || !net::is_offered(v) {
        return;
    }
    // A way in is spoken of, in the same line.
    let line = found.slice(start - line_before(bytes, start).len(), line_end(bytes, end));
    let way_in = pair && shapes::is_told_password(v)
        || look::contains(line.as_bytes(), b"log in")
        || look::contains(line.as_bytes(), b"sign in")
        || look::contains(line.as_bytes(), b"passw")
        || line
            .split([' ', ',', '.', '?', '!', '/', '-'])
            .take(60)
            .any(|w| List::AccessWords.has(bare(w)));
    if way_in || !behind && net::is_chosen_words(v) {
        let at = from + (v.as_ptr() as usize - raw.as_ptr() as usize);
        found.add_everywhere(at, at + v.len(), Kind::Secret);
    }
}

/// `cat > ~/.vault_pass <<EOF⏎X⏎EOF`: the two marks stand at `start..end`.
pub(super) fn here_document(found: &mut Found<'_>, start: usize, end: usize) {
    let bytes = found.bytes;
    if byte_before(bytes, start) == Some(b'<') || bytes.get(end) == Some(&b'<') {
        return;
    }
    let stop = line_end(bytes, end);
    let line = found.slice(start - line_before(bytes, start).len(), stop);
    let mark_at = ahead(bytes, end, 4, |b| matches!(b, b'-' | b'~' | b' ' | b'\'' | b'"'));
    let mark_end = ahead(bytes, mark_at.min(stop), 32, is_word);
    let mark = found.slice(mark_at, mark_end);
    if mark.is_empty() || !is_telling_file(line) {
        return;
    }
    let mut at = stop;
    let mut spans = Vec::new();
    for _ in 0..LINES_MAX {
        at = ahead(bytes, at, 2, |b| b == b'\n' || b == b'\r');
        let to = line_end(bytes, at);
        let text = found.slice(at, to);
        let word = text.trim();
        if word == mark || to == at || word.contains("<<") {
            break;
        }
        let told =
            shapes::is_told_password(word) || net::is_joined_words(word) || shapes::is_random(word);
        let comment = word.starts_with(['#', '-', '[']) || word.contains(['=', ':']);
        if told && !comment && !word.contains(' ') && !shapes::is_path(word) {
            let from = at + (word.as_ptr() as usize - text.as_ptr() as usize);
            spans.push((from, from + word.len()));
        }
        at = to;
    }
    for (from, to) in spans {
        found.add_everywhere(from, to, Kind::Secret);
    }
}

/// Whether a line writes into a file whose name tells that it holds credentials.
pub(super) fn is_telling_file(line: &str) -> bool {
    let files = line.match_indices('>').map(|(at, _)| at + 1);
    let tee = line.find("tee ").map(|at| at + 4);
    files.chain(tee).any(|at| {
        let file = line[at..].trim_start_matches(['>', ' ', '"', '\'']);
        let file = file.strip_prefix("-a ").unwrap_or(file);
        let file = file.split([' ', ';', '&', '<', '|']).next().unwrap_or_default();
        !file.ends_with(".pub")
            && ["pass", "secret", "token", "cred", "key", ".pw", "cookie", "vault"]
                .iter()
                .any(|w| look::contains(file.as_bytes(), w.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{KnownSecrets, Redactor};

    #[test]
    fn what_is_offered_for_a_way_in_goes_and_names_stay() {
        let redact = |text: &str| Redactor::new(KnownSecrets::default()).redact(text);
        for (text, expected) in [
            ("try kT9vQx2LmZ84pd for the admin account", "try <secret-1> for the admin account"),
            (
                "use retry-limit-5000 for the admin account",
                "use retry-limit-5000 for the admin account",
            ),
            ("use UserServiceImpl2 for admin tests", "use UserServiceImpl2 for admin tests"),
            ("Zebra-kestrel5635 gets you in", "<secret-1> gets you in"),
            (
                "cat > .vault_pass <<EOF\nwinter_bronze_saturn\nEOF",
                "cat > .vault_pass <<EOF\n<secret-1>\nEOF",
            ),
            (
                "cat > app.conf <<EOF\nwinter_bronze_saturn\nEOF",
                "cat > app.conf <<EOF\nwinter_bronze_saturn\nEOF",
            ),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
