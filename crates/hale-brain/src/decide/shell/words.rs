//! Words: quotes, variables, substitutions, braces, tilde and globs, folded as bash would.

use super::arithmetic;
use super::machine::Machine;
use super::scan;
use super::text::{self, ANY, BRACKET, HOME, QUESTION, SEGMENT, STAR};

/// Nesting of quotes and substitutions within one word.
pub(super) const WORD_NESTING_MAX: u32 = 24;
/// Words that brace expansion may make of one.
const BRACE_WORDS_MAX: usize = 64;
/// Fields that one word may become.
const FIELDS_MAX: usize = 256;

/// Fields under construction.
#[derive(Default)]
struct Fields {
    done: Vec<String>,
    current: Option<String>,
}

impl Fields {
    fn push(&mut self, c: char) {
        self.current.get_or_insert_default().push(c);
    }

    fn quoted(&mut self, text: &str) {
        self.current.get_or_insert_default().push_str(text);
    }

    fn end(&mut self) {
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

    fn walk_word(&mut self, raw: &str, fields: &mut Fields) {
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

    fn add(&mut self, value: &str, quoted: bool, fields: &mut Fields) {
        if quoted || !self.splitting {
            fields.quoted(value);
        } else {
            let separators = self.separators();
            fields.split(value, &separators);
        }
    }

    fn add_all(&mut self, values: &[String], quoted: bool, at: bool, fields: &mut Fields) {
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

    fn arithmetic_value(&mut self, expression: &str) -> Option<i64> {
        let expanded = self.expand_heredoc(expression);
        let lookup = |name: &str| -> Option<i64> {
            self.peek(name).and_then(|value| value.trim().parse().ok())
        };
        arithmetic::evaluate(&expanded, &lookup)
    }

    fn special_parameter(&mut self, c: char) -> String {
        match c {
            '0' => "bash".to_owned(),
            '1'..='9' => {
                let index = c.to_digit(10).map_or(0, |d| d as usize);
                self.state.positional.get(index - 1).cloned().unwrap_or_default()
            }
            '#' => self.state.positional.len().to_string(),
            '-' => "himBHs".to_owned(),
            _ => SEGMENT.to_string(),
        }
    }

    fn parameter_expression(&mut self, expression: &str, quoted: bool, fields: &mut Fields) {
        // ${#x}, ${#a[@]}
        if let Some(name) = expression.strip_prefix('#')
            && !name.is_empty()
            && let Some((name, index, "")) = parameter_name(name)
        {
            let length = match (self.parameter(name, index), index) {
                (Some(values), Some("@" | "*")) => values.len().to_string(),
                (Some(values), _) => match values.first() {
                    Some(v) if text::is_literal(v) => v.chars().count().to_string(),
                    _ => SEGMENT.to_string(),
                },
                (None, _) => SEGMENT.to_string(),
            };
            return self.add(&length, quoted, fields);
        }
        let (indirect, expression) = match expression.strip_prefix('!') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, expression),
        };
        let Some((name, index, operation)) = parameter_name(expression) else {
            self.unresolved_word();
            return fields.push(ANY);
        };
        let all = matches!(index, Some("@" | "*")) || matches!(name, "@" | "*");
        let joined_at = index == Some("@") || name == "@";
        let mut values = self.parameter(name, index);
        if indirect {
            if operation == "*" || operation == "@" {
                return fields.push(ANY);
            }
            values = match values.as_deref().and_then(<[String]>::first) {
                Some(target) if text::is_literal(target) => {
                    let target = target.clone();
                    parameter_name(&target).and_then(|(n, i, _)| self.parameter(n, i))
                }
                _ => None,
            };
        }
        let values = self.operate(name, values, operation, all);
        if all {
            self.add_all(&values, quoted, joined_at, fields);
        } else {
            let value = values.into_iter().next().unwrap_or_default();
            self.add(&value, quoted, fields);
        }
    }

    /// The values of a parameter; `None` where it is not set as far as is known.
    fn parameter(&mut self, name: &str, index: Option<&str>) -> Option<Vec<String>> {
        if name == "@" || name == "*" {
            return Some(self.state.positional.clone());
        }
        if let Ok(number) = name.parse::<usize>() {
            return match number {
                0 => Some(vec!["bash".to_owned()]),
                n => self.state.positional.get(n - 1).cloned().map(|value| vec![value]),
            };
        }
        if let [c @ ('#' | '?' | '-' | '$' | '!')] = *name.chars().collect::<Vec<_>>() {
            return Some(vec![self.special_parameter(c)]);
        }
        match index {
            None => self.variable(name).map(|value| vec![value]),
            Some("@" | "*") => self.state.array(name),
            Some(index) => {
                let elements = self.state.array(name)?;
                let number = self.arithmetic_value(index);
                let at = match number {
                    Some(n) if n < 0 => usize::try_from(elements.len() as i64 + n).ok(),
                    Some(n) => usize::try_from(n).ok(),
                    None => None,
                };
                Some(vec![match at {
                    Some(at) => elements.get(at).cloned().unwrap_or_default(),
                    None => ANY.to_string(),
                }])
            }
        }
    }

    /// Applies `:-x`, `#x`, `/x/y`, `:1:2`, `^^`, `@Q` and their like.
    fn operate(
        &mut self,
        name: &str,
        values: Option<Vec<String>>,
        operation: &str,
        all: bool,
    ) -> Vec<String> {
        if operation.is_empty() {
            return values.unwrap_or_else(|| vec![ANY.to_string()]);
        }
        let (colon, conditional) = match operation.strip_prefix(':') {
            Some(rest) if rest.starts_with(['-', '=', '?', '+']) => (true, rest),
            _ => (false, operation),
        };
        if conditional.starts_with(['-', '=', '?', '+']) {
            return self.conditional(name, values, conditional, colon);
        }
        let values = values.unwrap_or_else(|| vec![ANY.to_string()]);
        if let Some(range) = operation.strip_prefix(':') {
            return self.range(values, range, all);
        }
        values.iter().map(|value| self.transformed(value, operation)).collect()
    }

    fn conditional(
        &mut self,
        name: &str,
        values: Option<Vec<String>>,
        operation: &str,
        colon: bool,
    ) -> Vec<String> {
        let word = operation.get(1..).unwrap_or_default();
        let word = self.operand(word);
        let empty = |values: &[String]| colon && values.iter().all(String::is_empty);
        let known = values.filter(|values| !empty(values));
        match (operation.chars().next(), known) {
            // Set or not is not known where the variable comes from outside: the text that is
            // written here counts.
            (Some('+'), _) => vec![word],
            (Some('?'), None) => vec![ANY.to_string()],
            (_, Some(values)) => values,
            (Some('='), None) => {
                self.assign(name, word.clone());
                vec![word]
            }
            (_, None) => vec![word],
        }
    }

    /// The expanded operand of an expansion, without its quotes.
    fn operand(&mut self, raw: &str) -> String {
        let mut fields = Fields::default();
        let saved = std::mem::replace(&mut self.splitting, false);
        self.walk_word(raw, &mut fields);
        self.splitting = saved;
        fields.end();
        fields.done.join(" ")
    }

    fn range(&mut self, values: Vec<String>, range: &str, all: bool) -> Vec<String> {
        let (offset, length) = match range.split_once(':') {
            Some((offset, length)) => (offset.to_owned(), Some(length.to_owned())),
            None => (range.to_owned(), None),
        };
        let offset = self.arithmetic_value(&offset);
        let length = length.map(|length| self.arithmetic_value(&length));
        let (Some(offset), None | Some(Some(_))) = (offset, length) else {
            return vec![ANY.to_string()];
        };
        let length = length.flatten();
        if all {
            // ${@:1} counts from the shell's name.
            let from = usize::try_from(offset).unwrap_or(0).saturating_sub(1);
            let take = length.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            return values.into_iter().skip(from).take(take).collect();
        }
        values.iter().map(|value| substring(value, offset, length)).collect()
    }

    fn transformed(&mut self, value: &str, operation: &str) -> String {
        let mut characters = operation.chars();
        let first = characters.next();
        let doubled = first.is_some() && characters.next() == first;
        let pattern = operation.get(if doubled { 2 } else { 1 }..).unwrap_or_default();
        if text::has_unknown(value) && first != Some('@') {
            return text::residue(value);
        }
        match first {
            Some('#') => {
                let pattern = self.operand(pattern);
                trimmed(value, &pattern, true, doubled)
            }
            Some('%') => {
                let pattern = self.operand(pattern);
                trimmed(value, &pattern, false, doubled)
            }
            Some('/') => self.replaced(value, pattern, doubled),
            Some('^') if doubled => value.to_uppercase(),
            Some(',') if doubled => value.to_lowercase(),
            Some('^') => first_changed(value, |c| c.to_ascii_uppercase()),
            Some(',') => first_changed(value, |c| c.to_ascii_lowercase()),
            Some('@') => match operation {
                "@U" => value.to_uppercase(),
                "@L" => value.to_lowercase(),
                "@u" => first_changed(value, |c| c.to_ascii_uppercase()),
                "@E" => ansi_c(value),
                "@P" => self.expand_heredoc(value),
                _ => value.to_owned(),
            },
            _ => {
                self.unresolved_word();
                ANY.to_string()
            }
        }
    }

    fn replaced(&mut self, value: &str, operand: &str, every: bool) -> String {
        let (anchor, operand) = match operand.chars().next() {
            Some(c @ ('#' | '%')) if !every => (Some(c), operand.get(1..).unwrap_or_default()),
            _ => (None, operand),
        };
        let split = unescaped_slash(operand);
        let pattern = self.operand(operand.get(..split).unwrap_or_default());
        let replacement = self.operand(operand.get(split + 1..).unwrap_or_default());
        if pattern.is_empty() {
            return value.to_owned();
        }
        let characters: Vec<char> = value.chars().collect();
        // Every start is tried with every end.
        if !self.spend(u32::try_from(characters.len().pow(2) / 16).unwrap_or(u32::MAX)) {
            return text::residue(value);
        }
        let mut out = String::new();
        let mut at = 0;
        let mut replaced = false;
        while at < characters.len() {
            let may = (every || !replaced) && (anchor != Some('#') || at == 0);
            let end = (at + 1..=characters.len()).rev().find(|end| {
                let piece: String = characters.get(at..*end).unwrap_or_default().iter().collect();
                may && (anchor != Some('%') || *end == characters.len())
                    && text::glob_matches(&pattern, &piece)
            });
            if !self.spend(1) {
                return ANY.to_string();
            }
            match end {
                Some(end) => {
                    out.push_str(&replacement);
                    replaced = true;
                    at = end;
                }
                None => {
                    out.extend(characters.get(at));
                    at += 1;
                }
            }
        }
        out
    }
}

fn unescaped_slash(operand: &str) -> usize {
    let bytes = operand.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'/' if at > 0 => return at,
            _ => at += 1,
        }
    }
    operand.len()
}

fn first_changed(value: &str, change: impl Fn(char) -> char) -> String {
    let mut characters = value.chars();
    characters.next().map(change).into_iter().chain(characters).collect()
}

fn trimmed(value: &str, pattern: &str, front: bool, longest: bool) -> String {
    let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).collect();
    cuts.push(value.len());
    let matching = |cut: &&usize| {
        let (head, tail) = value.split_at_checked(**cut).unwrap_or((value, ""));
        text::glob_matches(pattern, if front { head } else { tail })
    };
    // The shortest prefix is the first cut, the shortest suffix the last.
    let cut = if front != longest {
        cuts.iter().find(matching)
    } else {
        cuts.iter().rev().find(matching)
    };
    match cut {
        Some(cut) if front => value.get(*cut..).unwrap_or_default().to_owned(),
        Some(cut) => value.get(..*cut).unwrap_or_default().to_owned(),
        None => value.to_owned(),
    }
}

fn substring(value: &str, offset: i64, length: Option<i64>) -> String {
    // A home directory begins with a slash, whoever owns it.
    if value.starts_with([HOME]) && offset == 0 && length == Some(1) {
        return "/".to_owned();
    }
    if !text::is_literal(value) {
        return text::residue(value);
    }
    let characters: Vec<char> = value.chars().collect();
    let count = characters.len() as i64;
    let from = if offset < 0 { count + offset } else { offset };
    let to = match length {
        None => count,
        Some(n) if n < 0 => count + n,
        Some(n) => from.saturating_add(n),
    };
    let index = |n: i64| usize::try_from(n.clamp(0, count)).unwrap_or(0);
    characters.get(index(from)..index(to)).unwrap_or_default().iter().collect()
}

/// `~user` at the front of a word, and the rest of it.
fn tilde(raw: &str) -> Option<(&str, &str)> {
    let rest = raw.strip_prefix('~')?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (user, rest) = rest.split_at_checked(end)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    user.chars().all(plain).then_some((user, rest))
}

/// Name, index and operation of the inside of `${…}`.
fn parameter_name(expression: &str) -> Option<(&str, Option<&str>, &str)> {
    let first = expression.chars().next()?;
    let end = if first == '_' || first.is_ascii_alphabetic() {
        expression.find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
    } else if first.is_ascii_digit() {
        expression.find(|c: char| !c.is_ascii_digit())
    } else if "@*#?-$!".contains(first) {
        Some(1)
    } else {
        return None;
    };
    let (name, rest) = expression.split_at_checked(end.unwrap_or(expression.len()))?;
    match rest.strip_prefix('[') {
        Some(inner) => {
            let close = inner.find(']')?;
            Some((name, inner.get(..close), inner.get(close + 1..)?))
        }
        None => Some((name, None, rest)),
    }
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

/// Brace expansion of a raw word; quotes and substitutions are left alone.
fn braces(raw: &str) -> Vec<String> {
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
