//! Abstract text: a string of which some pieces are not known.
//!
//! The interpreter folds words as the shell would. What only the run can tell (a variable of the
//! environment, the output of a program) becomes one private-use character that says what is known
//! about the piece: anything, one path segment, a secret, code from the network. Such a string can be
//! joined, split, stored in a variable or a file and parsed again like any other, and what it carries is
//! never lost on the way. Text from outside is cleaned of these characters first.

/// Anything at all, also nothing.
pub const ANY: char = '\u{F0001}';
/// Something without a slash or blank that is not empty: a number, a date, a host name.
pub const SEGMENT: char = '\u{F0002}';
/// Paths below what stands before it, found by listing: it cannot climb out.
pub const BELOW: char = '\u{F0003}';
/// A private key, a password hash, the environment.
pub const SECRET: char = '\u{F0004}';
/// Text fetched over HTTPS from a named host.
pub const FETCHED: char = '\u{F0005}';
/// Text fetched from a bare address, over plain HTTP, or from a paste site.
pub const FETCHED_UNSAFE: char = '\u{F0006}';
/// The home directory of whoever runs this.
pub const HOME: char = '\u{F0007}';
/// The directory in which the command starts, which is not known.
pub const START_DIRECTORY: char = '\u{F0008}';
/// An active `*`.
pub const STAR: char = '\u{F0009}';
/// An active `?`.
pub const QUESTION: char = '\u{F000A}';
/// An active `[`; its members follow up to a plain `]`.
pub const BRACKET: char = '\u{F000B}';
/// What an interactive shell prints.
pub const SHELL_OUTPUT: char = '\u{F000C}';

/// What a decoder made of something that is not known.
pub const DECODED: char = '\u{F000D}';

/// Longest text that is carried along; beyond it only what it is made of is kept.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Whether this character stands for something that is not known.
pub fn is_mark(c: char) -> bool {
    ('\u{F0000}'..='\u{F00FF}').contains(&c)
}

/// Takes the marks, and what stands for packed bytes, out of text from outside.
pub fn clean(text: &str) -> String {
    let ours = '\u{F0000}'..='\u{F01FF}';
    text.chars().map(|c| if ours.contains(&c) { '\u{FFFD}' } else { c }).collect()
}

fn is_unknown(c: char) -> bool {
    matches!(c, ANY | SEGMENT | BELOW | SECRET | FETCHED | FETCHED_UNSAFE | SHELL_OUTPUT | DECODED)
}

/// Whether every byte of the text is known; a home directory and globs are not.
pub fn is_literal(text: &str) -> bool {
    !text.chars().any(is_mark)
}

/// Whether some piece is not known. Home, the starting directory and globs do not count.
pub fn has_unknown(text: &str) -> bool {
    text.chars().any(is_unknown)
}

/// Whether there is an active glob.
pub fn has_glob(text: &str) -> bool {
    text.contains([STAR, QUESTION, BRACKET])
}

/// What a text is made of once nothing else can be said about it: its marks, each once.
pub fn residue(text: &str) -> String {
    let mut out = String::new();
    out.push(ANY);
    for mark in [BELOW, SECRET, FETCHED, FETCHED_UNSAFE, SHELL_OUTPUT, DECODED] {
        if text.contains(mark) {
            out.push(mark);
        }
    }
    out
}

/// The text, or its residue where it is too long to carry.
pub fn bounded(text: String) -> String {
    if text.len() > TEXT_BYTES_MAX { residue(&text) } else { text }
}

/// The text as a person would read it.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ANY | SEGMENT | BELOW | SHELL_OUTPUT | DECODED => out.push('…'),
            packed if ('\u{F0010}'..='\u{F01FF}').contains(&packed) => {
                if !out.ends_with('…') {
                    out.push('…');
                }
            }
            SECRET => out.push_str("…secret…"),
            FETCHED | FETCHED_UNSAFE => out.push_str("…fetched…"),
            HOME => out.push('~'),
            START_DIRECTORY => out.push('.'),
            STAR => out.push('*'),
            QUESTION => out.push('?'),
            BRACKET => out.push('['),
            other => out.push(other),
        }
    }
    out
}

/// Turns active globs back into their plain characters, as a shell does where nothing matches.
pub fn unglobbed(text: &str) -> String {
    if !has_glob(text) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            STAR => '*',
            QUESTION => '?',
            BRACKET => '[',
            other => other,
        })
        .collect()
}

/// Makes the globs of a literal pattern active: what an unquoted expansion does.
pub fn globbed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '*' => STAR,
            '?' => QUESTION,
            '[' => BRACKET,
            other => other,
        })
        .collect()
}

/// Text from computed bytes. Marks that the source carried stay; marks that the bytes happen to spell
/// do not.
pub fn clean_bytes(bytes: Vec<u8>, source: &str) -> String {
    let decoded = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    decoded
        .chars()
        .map(|c| if is_mark(c) && !source.contains(c) { '\u{FFFD}' } else { c })
        .collect()
}

/// Whether a name can be what the pattern (with active globs) matches. Unknown pieces match like `*`
/// within a segment.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let mut budget = 4096;
    matches_from(&pattern, &name, &mut budget)
}

fn matches_from(pattern: &[char], name: &[char], budget: &mut u32) -> bool {
    if *budget == 0 {
        return true;
    }
    *budget -= 1;
    let Some((&first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        STAR | ANY => (0..=name.len()).any(|n| {
            name.get(..n).is_some_and(|taken| first == ANY || !taken.contains(&'/'))
                && matches_from(rest, name.get(n..).unwrap_or_default(), budget)
        }),
        SEGMENT => (1..=name.len()).any(|n| {
            name.get(..n).is_some_and(|taken| !taken.contains(&'/'))
                && matches_from(rest, name.get(n..).unwrap_or_default(), budget)
        }),
        QUESTION => match name.split_first() {
            Some((&c, tail)) if c != '/' => matches_from(rest, tail, budget),
            _ => false,
        },
        BRACKET => {
            let Some(close) = closing_bracket(rest) else { return false };
            let Some((&c, tail)) = name.split_first() else { return false };
            let members = rest.get(..close).unwrap_or_default();
            c != '/'
                && bracket_holds(members, c)
                && matches_from(rest.get(close + 1..).unwrap_or_default(), tail, budget)
        }
        plain => match name.split_first() {
            Some((&c, tail)) if c == plain => matches_from(rest, tail, budget),
            _ => false,
        },
    }
}

fn closing_bracket(rest: &[char]) -> Option<usize> {
    let from = match rest {
        ['!' | '^', ']', ..] => 2,
        [']', ..] | ['!' | '^', ..] => 1,
        _ => 0,
    };
    rest.iter().enumerate().skip(from).find(|(_, c)| **c == ']').map(|(at, _)| at)
}

fn bracket_holds(members: &[char], c: char) -> bool {
    let (negated, members) = match members {
        ['!' | '^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    // Character classes are taken to hold: better a match too many.
    if members.contains(&':') && (members.contains(&BRACKET) || members.contains(&'[')) {
        return true;
    }
    let mut held = false;
    let mut at = 0;
    while let Some(&low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(&high)) => {
                held |= (low..=high).contains(&c);
                at += 3;
            }
            _ => {
                held |= low == c;
                at += 1;
            }
        }
    }
    held != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_the_shell_has_them() {
        for (pattern, name, expected) in [
            ("/bin/r?", "/bin/rm", true),
            ("/???/?m", "/bin/rm", true),
            ("/???/?m", "/sbin/rm", false),
            ("/e*c", "/etc", true),
            ("/b[ij]n", "/bin", true),
            ("/b[!i]n", "/bin", false),
            ("/[a-f]tc", "/etc", true),
            ("*", "a/b", false),
            ("[", "[", false),
        ] {
            assert_eq!(glob_matches(&globbed(pattern), name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn text_from_outside_carries_no_marks() {
        assert!(is_literal(&clean("a\u{F0001}b\u{F0004}")));
    }
}
