//! Parameter expansion: `${…}` in all its forms.

use super::machine::{HOLE, Machine};
use super::text::{self, ANY, HOME, SEGMENT, START_DIRECTORY};
use super::words::{Fields, ansi_c};

impl Machine {
    pub(super) fn parameter_expression(
        &mut self,
        expression: &str,
        quoted: bool,
        fields: &mut Fields,
    ) {
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

    /// Whether an element was set under this key, which need be no number.
    fn is_associative(&self, name: &str, index: &str) -> bool {
        self.state.variables.contains_key(&format!("{name}[{index}]"))
    }

    /// The values of a parameter; `None` where it is not set as far as is known.
    fn parameter(&mut self, name: &str, index: Option<&str>) -> Option<Vec<String>> {
        if name == "@" || name == "*" {
            return Some(self.state.positional.clone());
        }
        if let Ok(number) = name.parse::<usize>() {
            return match number {
                0 => Some(vec![self.special_parameter('0')]),
                n => self.state.positional.get(n - 1).cloned().map(|value| vec![value]),
            };
        }
        if let [c @ ('#' | '?' | '-' | '$' | '!')] = *name.chars().collect::<Vec<_>>() {
            return Some(vec![self.special_parameter(c)]);
        }
        match index {
            None => self.variable(name).map(|value| vec![value]),
            Some("@" | "*") => self.state.array(name),
            Some(index) if self.is_associative(name, index) => {
                self.peek(&format!("{name}[{index}]")).map(|value| vec![value])
            }
            Some(index) => {
                let number = self.arithmetic_value(index);
                let name = self.state.target(name).to_owned();
                let elements = self.state.variables.get(&name).map(|v| v.values.clone())?;
                let at = match number {
                    Some(n) if n < 0 => usize::try_from(elements.len() as i64 + n).ok(),
                    Some(n) => usize::try_from(n).ok(),
                    None => None,
                };
                Some(vec![match at {
                    Some(at) => {
                        let set = elements.get(at).filter(|v| *v != HOLE);
                        set.cloned().unwrap_or_default()
                    }
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
        if value.starts_with([HOME, START_DIRECTORY]) && matches!(first, Some('#' | '%')) {
            // An absolute path of which only the first character is known.
            let pattern = self.operand(pattern);
            let pattern = across(&pattern);
            let root = first == Some('%')
                && doubled
                && ["x", "x/x"].iter().all(|rest| text::glob_matches(&pattern, rest));
            let same = trimmed("/x/x", &pattern, first == Some('#'), doubled) == "/x/x";
            return match (root, same) {
                (true, _) => "/".to_owned(),
                (false, true) => value.to_owned(),
                (false, false) => text::residue(value),
            };
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
        let pattern = across(&self.operand(operand.get(..split).unwrap_or_default()));
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

/// A pattern whose stars match slashes too, as they do in expansions.
fn across(pattern: &str) -> String {
    pattern.replace(text::STAR, &ANY.to_string())
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
    let pattern = &across(pattern);
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
    if value.starts_with([HOME, START_DIRECTORY]) && offset == 0 && length == Some(1) {
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
