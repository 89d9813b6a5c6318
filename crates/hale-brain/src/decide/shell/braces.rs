//! Brace expansion: `{a,b}`, `{1..5}`.

use super::scan;
use super::words::WORD_NESTING_MAX;

/// Words that brace expansion may make of one.
const BRACE_WORDS_MAX: usize = 64;

/// Brace expansion of a raw word; quotes and substitutions are left alone.
pub(super) fn braces(raw: &str) -> Vec<String> {
    let mut out = Vec::new();
    expand_braces(raw, 0, &mut out);
    out
}

fn expand_braces(raw: &str, nesting: u32, out: &mut Vec<String>) {
    let found =
        if nesting < WORD_NESTING_MAX && raw.contains('{') { brace_part(raw) } else { None };
    let Some((open, close, members)) = found else {
        if out.len() < BRACE_WORDS_MAX {
            out.push(raw.to_owned());
        }
        return;
    };
    let head = raw.get(..open).unwrap_or_default();
    let tail = raw.get(close..).unwrap_or_default();
    for member in members {
        if out.len() >= BRACE_WORDS_MAX {
            return;
        }
        expand_braces(&format!("{head}{member}{tail}"), nesting + 1, out);
    }
}

/// The first brace expression: where it begins, the byte after it, and its members.
fn brace_part(raw: &str) -> Option<(usize, usize, Vec<String>)> {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'{'
            && let Some((end, members)) = brace_members(raw, at)
        {
            return Some((at, end, members));
        }
        at = after_piece(raw, at)?;
    }
    None
}

/// The byte after the quoted, substituted or plain piece at `at`.
fn after_piece(raw: &str, at: usize) -> Option<usize> {
    let bytes = raw.as_bytes();
    match (bytes.get(at)?, bytes.get(at + 1)) {
        (b'\\', _) => Some(at + 2),
        (b'\'', _) => scan::after_single_quote(raw, at + 1),
        (b'"', _) => scan::after_double_quote(raw, at + 1, WORD_NESTING_MAX),
        (b'`', _) => scan::after_backquote(raw, at + 1),
        (b'$', Some(b'\'')) => scan::after_ansi_quote(raw, at + 2),
        (b'$', Some(b'{')) => scan::after_brace(raw, at + 2, WORD_NESTING_MAX),
        (b'$' | b'<' | b'>', Some(b'(')) => scan::after_parenthesis(raw, at + 2, WORD_NESTING_MAX),
        _ => Some(at + 1),
    }
}

fn brace_members(raw: &str, open: usize) -> Option<(usize, Vec<String>)> {
    let bytes = raw.as_bytes();
    let mut at = open + 1;
    let mut start = at;
    let mut depth = 0_u32;
    let mut members = Vec::new();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                depth += 1;
                at += 1;
            }
            b'}' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b'}' => {
                members.push(raw.get(start..at)?.to_owned());
                if members.len() > 1 {
                    return Some((at + 1, members));
                }
                let sequence = sequence(members.first()?)?;
                return Some((at + 1, sequence));
            }
            b',' if depth == 0 => {
                members.push(raw.get(start..at)?.to_owned());
                at += 1;
                start = at;
            }
            b' ' | b'\t' | b'\n' => return None,
            _ => at = after_piece(raw, at)?,
        }
    }
    None
}

/// `1..5`, `a..e`, `0..10..2`.
fn sequence(text: &str) -> Option<Vec<String>> {
    let mut parts = text.split("..");
    let (from, to, step) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let step = step.map_or(Some(1), |s| s.parse::<i64>().ok())?.unsigned_abs().max(1);
    let letter = |s: &str| match *s.as_bytes() {
        [b] if b.is_ascii_alphabetic() => Some(i64::from(b)),
        _ => None,
    };
    let (numeric, from, to) = match (from.parse::<i64>(), to.parse::<i64>()) {
        (Ok(from), Ok(to)) => (true, from, to),
        _ => (false, letter(from)?, letter(to)?),
    };
    let count = (from.abs_diff(to) / step).min(BRACE_WORDS_MAX as u64);
    (0..=count)
        .map(|n| {
            let offset = i64::try_from(n.checked_mul(step)?).ok()?;
            let value =
                if from <= to { from.checked_add(offset)? } else { from.checked_sub(offset)? };
            if numeric {
                Some(value.to_string())
            } else {
                u8::try_from(value).ok().map(|b| char::from(b).to_string())
            }
        })
        .collect()
}
