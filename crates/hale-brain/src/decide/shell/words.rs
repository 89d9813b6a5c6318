//! Words: quotes, variables, substitutions, braces, tilde and globs, folded as bash would.

use super::arithmetic;
use super::braces::braces;
use super::machine::Machine;
use super::scan;
use super::text::{self, ANY, BRACKET, HOME, QUESTION, SEGMENT, STAR};

/// Nesting of quotes and substitutions within one word.
pub(super) const WORD_NESTING_MAX: u32 = 24;
/// Fields that one word may become.
const FIELDS_MAX: usize = 256;

/// Fields under construction.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) done: Vec<String>,
    current: Option<String>,
}

impl Fields {
    pub(super) fn push(&mut self, c: char) {
        self.current.get_or_insert_default().push(c);
    }

    pub(super) fn quoted(&mut self, text: &str) {
        self.current.get_or_insert_default().push_str(text);
    }

    pub(super) fn end(&mut self) {
        if let Some(field) = self.current.take()
            && self.done.len() < FIELDS_MAX
        {
            self.done.push(field);
        }
    }

    /// An unquoted expansion: split at the separators, its globs active.
    fn split(&mut self, value: &str, separators: &str) {
        for c in value.chars() {
            if separators.contains(c) {
                self.end();
            } else {
                self.push(match c {
                    '*' => STAR,
                    '?' => QUESTION,
                    '[' => BRACKET,
                    other => other,
                });
            }
        }
    }
}

/// Whether a raw word is what it looks like.
fn is_plain(raw: &str) -> bool {
    !raw.bytes().any(|b| {
        matches!(
            b,
            b'\\' | b'\'' | b'"' | b'$' | b'`' | b'*' | b'?' | b'[' | b'{' | b'~' | b'<' | b'>'
        )
    })
}

impl Machine {
    /// A word of a command: any number of fields, globs active.
    pub(super) fn expand_fields(&mut self, raw: &str) -> Vec<String> {
        if is_plain(raw) {
            return vec![raw.to_owned()];
        }
        let mut fields = Fields::default();
        for word in braces(raw) {
            self.walk_word(&word, &mut fields);
            fields.end();
        }
        fields.done
    }

    /// A word where nothing is split: an assignment, a here-string, a redirection, `case`.
    pub(super) fn expand_single(&mut self, raw: &str) -> String {
        if is_plain(raw) {
            return raw.to_owned();
        }
        let mut fields = Fields::default();
        let saved = std::mem::replace(&mut self.splitting, false);
        self.walk_word(raw, &mut fields);
        self.splitting = saved;
        fields.end();
        text::bounded(fields.done.join(" "))
    }

    /// The body of a here-document with expansions.
    pub(super) fn expand_heredoc(&mut self, body: &str) -> String {
        let mut fields = Fields::default();
        self.walk(body, true, true, &mut fields);
        fields.end();
        text::bounded(fields.done.join(" "))
    }

    pub(super) fn walk_word(&mut self, raw: &str, fields: &mut Fields) {
        match tilde(raw) {
            Some((user, rest)) => {
                let directory = self.tilde_directory(user);
                fields.quoted(&directory);
                self.walk(rest, false, false, fields);
            }
            None => self.walk(raw, false, false, fields),
        }
    }

    fn tilde_directory(&mut self, user: &str) -> String {
        match user {
            "" => self.variable("HOME").unwrap_or_else(|| HOME.to_string()),
            "+" => self.state.cwd.clone(),
            "-" => ANY.to_string(),
            "root" => "/root".to_owned(),
            other => format!("/home/{other}"),
        }
    }

    /// Walks raw text. In quotes nothing is split and `'` is plain; in a here-document `"` is too.
    fn walk(&mut self, raw: &str, quoted: bool, heredoc: bool, fields: &mut Fields) {
        self.word_nesting += 1;
        if self.word_nesting > WORD_NESTING_MAX || !self.spend(1) {
            self.unresolved_word();
            fields.push(ANY);
            self.word_nesting -= 1;
            return;
        }
        let mut at = 0;
        while let Some(c) = raw.get(at..).and_then(|rest| rest.chars().next()) {
            let next = match c {
                '\\' => self.escape(raw, at, quoted, heredoc, fields),
                '\'' if !quoted => scan::after_single_quote(raw, at + 1).inspect(|end| {
                    fields.quoted(raw.get(at + 1..end - 1).unwrap_or_default());
                }),
                '"' if !heredoc && !quoted => self.double_quoted(raw, at + 1, fields),
                '`' => scan::after_backquote(raw, at + 1).inspect(|end| {
                    let inner = raw.get(at + 1..end - 1).unwrap_or_default();
                    let code = unescaped_backquote(inner, quoted);
                    let output = self.substitute(&code);
                    self.add(&output, quoted, fields);
                }),
                '$' => self.dollar(raw, at, quoted, heredoc, fields),
                '<' | '>' if !quoted && raw.get(at + 1..).is_some_and(|r| r.starts_with('(')) => {
                    scan::after_parenthesis(raw, at + 2, WORD_NESTING_MAX).inspect(|end| {
                        let code = raw.get(at + 2..end - 1).unwrap_or_default().to_owned();
                        let path = self.process_substitution(&code, c == '<');
                        fields.quoted(&path);
                    })
                }
                '*' if !quoted => Some(self.mark(STAR, at, fields)),
                '?' if !quoted => Some(self.mark(QUESTION, at, fields)),
                '[' if !quoted && raw.get(at + 1..).is_some_and(|rest| rest.contains(']')) => {
                    Some(self.mark(BRACKET, at, fields))
                }
                other => {
                    fields.push(other);
                    Some(at + other.len_utf8())
                }
            };
            match next {
                Some(end) => at = end,
                None => {
                    self.unresolved_word();
                    fields.push(ANY);
                    break;
                }
            }
        }
        self.word_nesting -= 1;
    }

    fn mark(&self, mark: char, at: usize, fields: &mut Fields) -> usize {
        fields.push(mark);
        at + 1
    }

    fn escape(
        &mut self,
        raw: &str,
        at: usize,
        quoted: bool,
        heredoc: bool,
        fields: &mut Fields,
    ) -> Option<usize> {
        let Some(c) = raw.get(at + 1..).and_then(|rest| rest.chars().next()) else {
            fields.push('\\');
            return Some(at + 1);
        };
        let end = at + 1 + c.len_utf8();
        if c == '\n' {
            return Some(end);
        }
        let special = !quoted || matches!(c, '$' | '`' | '\\') || (c == '"' && !heredoc);
        if !special {
            fields.push('\\');
        }
        fields.push(c);
        Some(end)
    }

    fn double_quoted(&mut self, raw: &str, from: usize, fields: &mut Fields) -> Option<usize> {
        let end = scan::after_double_quote(raw, from, WORD_NESTING_MAX)?;
        // `"$@"` without parameters leaves no field at all.
        let inner = raw.get(from..end - 1)?;
        if inner != "$@" && inner != "${@}" {
            fields.quoted("");
        }
        self.walk(inner, true, false, fields);
        Some(end)
    }

    pub(super) fn add(&mut self, value: &str, quoted: bool, fields: &mut Fields) {
        if quoted || !self.splitting {
            fields.quoted(value);
        } else {
            let separators = self.separators();
            fields.split(value, &separators);
        }
    }

    pub(super) fn add_all(
        &mut self,
        values: &[String],
        quoted: bool,
        at: bool,
        fields: &mut Fields,
    ) {
        if quoted && !at {
            fields.quoted(&values.join(" "));
            return;
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                if self.splitting { fields.end() } else { fields.push(' ') }
            }
            if quoted {
                fields.quoted(value);
            } else {
                self.add(value, false, fields);
            }
        }
    }

    fn separators(&mut self) -> String {
        match self.variable("IFS") {
            Some(ifs) if text::is_literal(&ifs) => ifs,
            _ => " \t\n".to_owned(),
        }
    }

    fn dollar(
        &mut self,
        raw: &str,
        at: usize,
        quoted: bool,
        heredoc: bool,
        fields: &mut Fields,
    ) -> Option<usize> {
        let rest = raw.get(at + 1..)?;
        let Some(c) = rest.chars().next() else {
            fields.push('$');
            return Some(at + 1);
        };
        match c {
            '\'' if !quoted => {
                let end = scan::after_ansi_quote(raw, at + 2)?;
                fields.quoted(&ansi_c(raw.get(at + 2..end - 1)?));
                Some(end)
            }
            '"' if !quoted && !heredoc => self.double_quoted(raw, at + 2, fields),
            '(' => self.dollar_parenthesis(raw, at, quoted, fields),
            '{' => {
                let end = scan::after_brace(raw, at + 2, WORD_NESTING_MAX)?;
                let expression = raw.get(at + 2..end - 1)?.to_owned();
                self.parameter_expression(&expression, quoted, fields);
                Some(end)
            }
            '[' => {
                let close = rest.find(']')?;
                let expression = rest.get(1..close)?.to_owned();
                let value = self.arithmetic_text(&expression);
                self.add(&value, quoted, fields);
                Some(at + 2 + close)
            }
            // A parameter alone may be anything; within a word it is there to hide the word.
            '@' | '*' | '1'..='9' if !self.state.positional_known && raw.len() == 2 => {
                self.add(&ANY.to_string(), quoted, fields);
                Some(at + 2)
            }
            '@' | '*' => {
                let values = self.state.positional.clone();
                self.add_all(&values, quoted, c == '@', fields);
                Some(at + 2)
            }
            '#' | '?' | '-' | '$' | '!' | '0'..='9' => {
                let value = self.special_parameter(c);
                self.add(&value, quoted, fields);
                Some(at + 2)
            }
            c if c == '_' || c.is_ascii_alphabetic() => {
                let end = rest
                    .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                let name = rest.get(..end)?.to_owned();
                let value = self.variable(&name).unwrap_or_else(|| ANY.to_string());
                self.add(&value, quoted, fields);
                Some(at + 1 + end)
            }
            _ => {
                fields.push('$');
                Some(at + 1)
            }
        }
    }

    fn dollar_parenthesis(
        &mut self,
        raw: &str,
        at: usize,
        quoted: bool,
        fields: &mut Fields,
    ) -> Option<usize> {
        let end = scan::after_parenthesis(raw, at + 2, WORD_NESTING_MAX)?;
        let inner = raw.get(at + 2..end - 1)?;
        let arithmetic = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let value = match arithmetic {
            Some(expression) => {
                let expression = expression.to_owned();
                self.arithmetic_text(&expression)
            }
            None => {
                let code = inner.to_owned();
                self.substitute(&code)
            }
        };
        self.add(&value, quoted, fields);
        Some(end)
    }

    /// The value of an arithmetic expression as text; substitutions inside are run.
    pub(super) fn arithmetic_text(&mut self, expression: &str) -> String {
        match self.arithmetic_value(expression) {
            Some(value) => value.to_string(),
            None => SEGMENT.to_string(),
        }
    }

    pub(super) fn arithmetic_value(&mut self, expression: &str) -> Option<i64> {
        let expanded = self.expand_heredoc(expression);
        // A variable's value is an expression too, and the substitutions in it are carried out.
        self.arithmetic_operand(&expanded);
        let lookup = |name: &str| -> Option<i64> {
            self.peek(name).and_then(|value| value.trim().parse().ok())
        };
        arithmetic::evaluate(&expanded, &lookup)
    }

    pub(super) fn special_parameter(&mut self, c: char) -> String {
        match c {
            '0' => self.peek("0").unwrap_or_else(|| "bash".to_owned()),
            '1'..='9' => {
                let index = c.to_digit(10).map_or(0, |d| d as usize);
                self.state.positional.get(index - 1).cloned().unwrap_or_default()
            }
            '#' => self.state.positional.len().to_string(),
            '-' => "himBHs".to_owned(),
            _ => SEGMENT.to_string(),
        }
    }
}

/// `~user` at the front of a word, and the rest of it.
fn tilde(raw: &str) -> Option<(&str, &str)> {
    let rest = raw.strip_prefix('~')?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (user, rest) = rest.split_at_checked(end)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    user.chars().all(plain).then_some((user, rest))
}

fn unescaped_backquote(inner: &str, quoted: bool) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek() {
            Some(&next)
                if c == '\\' && (matches!(next, '`' | '\\' | '$') || (quoted && next == '"')) =>
            {
                out.push(next);
                characters.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// The escapes of `$'…'`, `echo -e` and `printf`.
pub(super) fn ansi_c(text: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut buffer = [0_u8; 4];
    while let Some(c) = characters.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let Some(escape) = characters.next() else {
            bytes.push(b'\\');
            break;
        };
        let mut digits = |radix: u32, most: usize| -> Option<u32> {
            let mut taken = String::new();
            while taken.len() < most
                && let Some(digit) = characters.peek().filter(|d| d.is_digit(radix))
            {
                taken.push(*digit);
                characters.next();
            }
            u32::from_str_radix(&taken, radix).ok()
        };
        let code = match escape {
            'n' => Some(u32::from(b'\n')),
            't' => Some(u32::from(b'\t')),
            'r' => Some(u32::from(b'\r')),
            'a' => Some(7),
            'b' => Some(8),
            'e' | 'E' => Some(27),
            'f' => Some(12),
            'v' => Some(11),
            'x' => digits(16, 2),
            'c' => characters.next().map(|c| u32::from(c) & 0x1f),
            '0'..='7' => {
                let first = escape.to_digit(8).unwrap_or(0);
                // `echo -e` and `%b` write `\0nnn`, quotes `\nnn`.
                let most = if first == 0 { 3 } else { 2 };
                let mut value = first;
                let mut taken = 0;
                while taken < most
                    && let Some(digit) = characters.peek().and_then(|d| d.to_digit(8))
                {
                    value = value * 8 + digit;
                    taken += 1;
                    characters.next();
                }
                Some(value & 0xff)
            }
            'u' | 'U' => {
                let value = digits(16, if escape == 'u' { 4 } else { 8 });
                if let Some(c) = value.and_then(char::from_u32) {
                    bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                }
                continue;
            }
            '\\' | '\'' | '"' | '?' => Some(u32::from(escape)),
            other => {
                bytes.push(b'\\');
                bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
                continue;
            }
        };
        bytes.extend(code.and_then(|code| u8::try_from(code).ok()));
    }
    text::clean_bytes(bytes, text)
}
