//! Where quoted and bracketed parts of shell text end. Quick scans, no meaning.

/// The byte after the `'` that closes a string opened just before `from`.
pub fn after_single_quote(text: &str, from: usize) -> Option<usize> {
    text.get(from..)?.find('\'').map(|n| from + n + 1)
}

/// The byte after the `'` that closes `$'…'`, in which a backslash escapes.
pub fn after_ansi_quote(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The byte after the closing backquote.
pub fn after_backquote(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'`' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The byte after the closing double quote.
pub fn after_double_quote(text: &str, from: usize, nesting: u32) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            b'`' => at = after_backquote(text, at + 1)?,
            b'$' => at = after_dollar(text, at, nesting)?,
            _ => at += 1,
        }
    }
    None
}

/// The byte after what a `$` at `at` begins; just after the `$` if it begins nothing bracketed.
fn after_dollar(text: &str, at: usize, nesting: u32) -> Option<usize> {
    match text.as_bytes().get(at + 1) {
        Some(b'(') => after_parenthesis(text, at + 2, nesting.checked_sub(1)?),
        Some(b'{') => after_brace(text, at + 2, nesting.checked_sub(1)?),
        _ => Some(at + 1),
    }
}

/// The byte after the `}` of `${…}` opened just before `from`.
pub fn after_brace(text: &str, from: usize, nesting: u32) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'}' => return Some(at + 1),
            b'\'' => at = after_single_quote(text, at + 1)?,
            b'"' => at = after_double_quote(text, at + 1, nesting.checked_sub(1)?)?,
            b'`' => at = after_backquote(text, at + 1)?,
            b'$' if bytes.get(at + 1) == Some(&b'\'') => at = after_ansi_quote(text, at + 2)?,
            b'$' => at = after_dollar(text, at, nesting)?,
            _ => at += 1,
        }
    }
    None
}

/// The byte after the `)` that closes a command or process substitution opened just before `from`.
/// Knows quotes, comments, here-documents and the unbalanced `)` of `case`.
pub fn after_parenthesis(text: &str, from: usize, nesting: u32) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    let mut depth = 1_usize;
    let mut cases: Vec<usize> = Vec::new();
    let mut heredocs: Vec<String> = Vec::new();
    let mut word_start = true;
    while let Some(&byte) = bytes.get(at) {
        let starts_word = word_start;
        word_start = matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')');
        match byte {
            b'\\' => at += 2,
            b'\'' => at = after_single_quote(text, at + 1)?,
            b'"' => at = after_double_quote(text, at + 1, nesting.checked_sub(1)?)?,
            b'`' => at = after_backquote(text, at + 1)?,
            b'$' if bytes.get(at + 1) == Some(&b'\'') => at = after_ansi_quote(text, at + 2)?,
            b'$' => at = after_dollar(text, at, nesting)?,
            b'#' if starts_word => {
                at += text.get(at..)?.find('\n').unwrap_or(text.len() - at);
            }
            b'<' if text.get(at..)?.starts_with("<<<") => at += 3,
            b'<' if text.get(at..)?.starts_with("<<") => {
                let (delimiter, end) = heredoc_delimiter(text, at + 2);
                heredocs.push(delimiter);
                at = end;
            }
            b'\n' if !heredocs.is_empty() => {
                at = after_heredocs(text, at + 1, &heredocs);
                heredocs.clear();
            }
            b'(' => {
                depth += 1;
                at += 1;
            }
            b')' if cases.last() == Some(&depth) => at += 1,
            b')' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            b'c' if starts_word && is_word(text, at, "case") => {
                cases.push(depth);
                at += 4;
            }
            b'e' if starts_word && is_word(text, at, "esac") => {
                cases.pop();
                at += 4;
            }
            _ => at += 1,
        }
    }
    None
}

fn is_word(text: &str, at: usize, word: &str) -> bool {
    text.get(at..).and_then(|rest| rest.strip_prefix(word)).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with([' ', '\t', '\n', ';', ')', '|', '&'])
    })
}

/// The delimiter of a here-document without its quotes, and where it ends.
fn heredoc_delimiter(text: &str, from: usize) -> (String, usize) {
    let rest = text.get(from..).unwrap_or_default();
    let skipped = rest.len() - rest.trim_start_matches(['-', ' ', '\t']).len();
    let word = rest.get(skipped..).unwrap_or_default();
    let end = word
        .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | ')'))
        .unwrap_or(word.len());
    let delimiter = word.get(..end).unwrap_or_default().replace(['\'', '"', '\\'], "");
    (delimiter, from + skipped + end)
}

fn after_heredocs(text: &str, from: usize, delimiters: &[String]) -> usize {
    let mut at = from;
    for delimiter in delimiters {
        loop {
            let rest = text.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let end = rest.find('\n').map_or(rest.len(), |n| n + 1);
            at += end;
            let line = rest.get(..end).unwrap_or_default();
            if line.trim_end_matches('\n').trim_start_matches('\t') == delimiter {
                break;
            }
        }
    }
    at
}

/// Deepest nesting of parentheses: the parser tries each as arithmetic and as a subshell, and where
/// both fail the work doubles with each level.
const PARENTHESES_MAX: usize = 8;
/// Deepest nesting of `case`, for the same reason.
const CASES_MAX: usize = 5;

/// Whether text is nested so deep that it is not parsed. `limit` is for all kinds together.
pub fn is_too_deep(text: &str, limit: usize) -> bool {
    let (mut parentheses, mut cases, mut deepest) = (0_usize, 0_usize, (0_usize, 0_usize));
    let mut word = String::new();
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars().chain(std::iter::once(' ')) {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some(_), '\\') if quote == Some('"') => escaped = true,
            // Substitutions in double quotes are parsed, too.
            (Some('"'), '(' | ')') | (None, '(' | ')') => {
                parentheses =
                    if c == '(' { parentheses + 1 } else { parentheses.saturating_sub(1) };
            }
            (None, '\'' | '"') => quote = Some(c),
            (None, '\\') => escaped = true,
            _ => {}
        }
        deepest.0 = deepest.0.max(parentheses);
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        match word.as_str() {
            "case" if quote.is_none() => cases += 1,
            "esac" => cases = cases.saturating_sub(1),
            _ => {}
        }
        deepest.1 = deepest.1.max(cases);
        word.clear();
    }
    has_long_chain(text)
        || deepest.0 > PARENTHESES_MAX
        || deepest.1 > CASES_MAX
        || nesting_bound(text) > limit
}

/// Whether a test or an arithmetic expression may hold more signs in a row (`! ! !`, `- - -`), or more
/// joined parts (`a && b && …`), than the parser has stack for: it goes down once for each.
fn has_long_chain(text: &str) -> bool {
    const SIGNS_MAX: usize = 64;
    const PARTS_MAX: usize = 128;
    if !["[[", "((", "$["].iter().any(|open| text.contains(open)) {
        return false;
    }
    let mut run = 0_usize;
    for c in text.chars() {
        match c {
            '!' | '-' | '+' | '~' => run += 1,
            _ if c.is_whitespace() => {}
            _ => run = 0,
        }
        if run > SIGNS_MAX {
            return true;
        }
    }
    text.matches("&&").count() + text.matches("||").count() > PARTS_MAX
}

/// How deep brackets, quotes and compound commands may be nested in the text, at most. Never too
/// low, so that text within the limit is safe to parse on a small stack.
fn nesting_bound(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0_usize;
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        match word.as_str() {
            "if" | "for" | "while" | "until" | "case" | "select" | "do" | "coproc" | "function" => {
                depth += 1;
            }
            "fi" | "done" | "esac" => depth = depth.saturating_sub(1),
            _ => {}
        }
        word.clear();
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitutions_end_where_the_shell_ends_them() {
        for (inner, rest) in [
            ("echo a)", "b"),
            ("echo ')' \")\" \\) $(x ')'))", ""),
            ("case x in a) b;; (c) d;; esac)", "z"),
            ("echo # )\n)", ""),
            ("cat <<E\n)\nE\n)", "t"),
            ("cat <<'E'\nit's )\nE\n)", ""),
            ("echo $'\\')')", ""),
            ("echo `x )`)", "q"),
        ] {
            let text = format!("{inner}{rest}");
            assert_eq!(after_parenthesis(&text, 0, 9), Some(inner.len()), "{inner}");
        }
        assert_eq!(after_parenthesis("echo (", 0, 9), None);
        assert_eq!(after_parenthesis(&"$(".repeat(100), 0, 9), None);
    }
}
