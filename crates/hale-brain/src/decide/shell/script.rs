//! Short programs of scripting languages: tokens, and a folder of constant expressions that reports
//! every call it meets.
//!
//! This is no parser of Python or Perl. It knows what the bodies of `-c` and `-e` are made of:
//! strings, names, calls, assignments, and the usual ways to hide a string. A call whose arguments it
//! cannot fold is reported with unknown ones, and whoever judges it fails closed.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens and values each place names the few that matter to it"
)]

use std::collections::BTreeMap;

use super::folding::{bytes_of, is_word_call, joined, method_of, percent, plus, rot13, words_of};
pub use super::lexer::tokens;
use super::produce::{decode_base, decode_hex};
use super::text::{self, ANY};

mod calls;
mod statements;

/// Nesting of expressions.
const NESTING_MAX: u32 = 24;

/// A language, as far as its spelling differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python.
    Python,
    /// Perl.
    Perl,
    /// Ruby.
    Ruby,
    /// JavaScript.
    JavaScript,
    /// PHP.
    Php,
    /// Lua.
    Lua,
    /// AWK.
    Awk,
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A name; sigils and module separators included.
    Name(String),
    /// A string; whether variables in it are replaced.
    Text(String, bool),
    /// A command in backquotes.
    Command(String),
    /// A number.
    Number(i64),
    /// A sign.
    Sign(char),
    /// The end of a line.
    Line,
}

/// A folded value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, possibly with unknown pieces.
    Text(String),
    /// A number.
    Number(i64),
    /// A list or tuple.
    List(Vec<Value>),
    /// A module, function or object that is known by name only.
    Name(String),
    /// A keyword argument.
    Keyword(String, Box<Value>),
    /// Anything.
    Unknown,
}

impl Value {
    /// The value as text.
    pub fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::List(values) => values.iter().map(Value::text).collect::<Vec<_>>().join(" "),
            Value::Keyword(_, value) => value.text(),
            Value::Name(_) | Value::Unknown => ANY.to_string(),
        }
    }
}

/// Who is told of calls.
pub trait Host {
    /// A call: its full name, its arguments; what it gives back. For a method of a value the value
    /// comes first.
    fn call(&mut self, name: &str, arguments: &[Value]) -> Value;
    /// A command in backquotes.
    fn command(&mut self, code: &str) -> Value;
}

/// Folds a body, reporting calls to the host.
pub fn fold(language: Language, body: &str, host: &mut dyn Host) {
    let tokens = tokens(language, body);
    let mut folder = Folder {
        language,
        tokens: &tokens,
        at: 0,
        nesting: 0,
        names: BTreeMap::new(),
        host,
        turn: 0,
        longest: 0,
    };
    // A loop is folded once for each of its constants.
    loop {
        folder.program();
        folder.turn += 1;
        if folder.turn >= folder.longest.min(TURNS_MAX) {
            break;
        }
        folder.at = 0;
    }
}

/// Constants of a loop that are looked at.
const TURNS_MAX: usize = 8;

struct Folder<'a> {
    language: Language,
    tokens: &'a [Token],
    at: usize,
    nesting: u32,
    names: BTreeMap<String, Value>,
    host: &'a mut dyn Host,
    /// Which of its constants a loop variable stands for, and how many the longest loop has.
    turn: usize,
    longest: usize,
}

impl Folder<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn sign(&self, offset: usize) -> Option<char> {
        match self.tokens.get(self.at + offset) {
            Some(Token::Sign(c)) => Some(*c),
            _ => None,
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let eaten = self.sign(0) == Some(c);
        self.at += usize::from(eaten);
        eaten
    }

    fn skip_lines(&mut self) {
        while self.peek() == Some(&Token::Line) {
            self.at += 1;
        }
    }

    fn name(&self, offset: usize) -> Option<&str> {
        match self.tokens.get(self.at + offset) {
            Some(Token::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn expression(&mut self) -> Value {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            self.nesting -= 1;
            self.at += 1;
            return Value::Unknown;
        }
        let mut value = self.postfix();
        loop {
            match self.sign(0) {
                Some('+') if self.sign(1) != Some('=') => {
                    self.at += 1;
                    self.skip_lines();
                    let right = self.postfix();
                    value = plus(&value, &right);
                }
                Some('.')
                    if matches!(self.language, Language::Perl | Language::Php | Language::Lua) =>
                {
                    self.at += 1;
                    self.eat('.');
                    let right = self.postfix();
                    value = Value::Text(value.text() + &right.text());
                }
                Some('*') => {
                    self.at += 1;
                    let right = self.postfix();
                    value = match (&value, &right) {
                        (Value::Text(t), Value::Number(n)) | (Value::Number(n), Value::Text(t)) => {
                            Value::Text(text::bounded(
                                t.repeat(usize::try_from(*n).unwrap_or(0).min(256)),
                            ))
                        }
                        _ => Value::Unknown,
                    };
                }
                Some('%')
                    if matches!(value, Value::Text(_)) && self.language == Language::Python =>
                {
                    self.at += 1;
                    let right = self.postfix();
                    value = percent(&value.text(), &right);
                }
                Some('/')
                    if self.language == Language::Python && matches!(value, Value::Text(_)) =>
                {
                    self.at += 1;
                    let right = self.postfix().text();
                    value = Value::Text(if right.starts_with('/') {
                        right
                    } else {
                        format!("{}/{right}", value.text().trim_end_matches('/'))
                    });
                }
                Some('^' | '-' | '/') => {
                    self.at += 1;
                    self.postfix();
                    value = Value::Unknown;
                }
                _ => break,
            }
        }
        self.nesting -= 1;
        value
    }

    fn postfix(&mut self) -> Value {
        let mut value = self.primary();
        loop {
            let arrow = self.sign(0) == Some('-') && self.sign(1) == Some('>');
            let dotted = self.sign(0) == Some('.')
                && !matches!(self.language, Language::Perl | Language::Php | Language::Lua);
            let safe = self.sign(0) == Some('?') && self.sign(1) == Some('.');
            if arrow
                || dotted
                || safe
                || (self.sign(0) == Some(':') && self.language == Language::Lua)
            {
                let skip = if arrow || safe { 2 } else { 1 };
                let Some(method) = self.name(skip).map(str::to_owned) else { break };
                self.at += skip + 1;
                value = self.member(&value, &method);
                continue;
            }
            match self.sign(0) {
                Some('[') => value = self.index(value),
                Some('(') if matches!(value, Value::Name(_)) => {
                    let arguments = self.arguments();
                    if let Value::Name(name) = &value {
                        let name = name.clone();
                        value = self.called(&name, &arguments);
                    }
                }
                _ => break,
            }
        }
        value
    }

    fn member(&mut self, value: &Value, method: &str) -> Value {
        let full = match value {
            Value::Name(name) => Some(format!("{name}.{method}")),
            _ => None,
        };
        if self.binds_block(value, method) {
            return Value::Unknown;
        }
        if self.sign(0) != Some('(') {
            return match full {
                Some(full) => self.names.get(&full).cloned().unwrap_or(Value::Name(full)),
                // Ruby calls without parentheses: "x".reverse
                None if matches!(self.language, Language::Ruby | Language::JavaScript) => {
                    method_of(value, method, &[]).unwrap_or(Value::Unknown)
                }
                None => method_of(value, method, &[]).unwrap_or_else(|| value.clone()),
            };
        }
        let arguments = self.arguments();
        if let Some(full) = full {
            return self.called(&full, &arguments);
        }
        match method_of(value, method, &arguments) {
            Some(result) => result,
            None => {
                let mut all = vec![value.clone()];
                all.extend(arguments);
                self.host.call(&format!(".{method}"), &all)
            }
        }
    }

    fn index(&mut self, value: Value) -> Value {
        // [::-1] turns a string round.
        let reversed = self.tokens.get(self.at + 1..self.at + 6)
            == Some(&[
                Token::Sign(':'),
                Token::Sign(':'),
                Token::Sign('-'),
                Token::Number(1),
                Token::Sign(']'),
            ]);
        if reversed {
            self.at += 6;
            return match value {
                Value::Text(t) if text::is_literal(&t) => Value::Text(t.chars().rev().collect()),
                other => other,
            };
        }
        self.at += 1;
        let index = self.expression();
        let mut sliced = false;
        while self.at < self.tokens.len() && !self.eat(']') {
            sliced = true;
            self.at += 1;
        }
        if sliced {
            return Value::Text(text::residue(&value.text()));
        }
        match (&value, &index) {
            (Value::List(items), Value::Number(n)) => usize::try_from(*n)
                .ok()
                .and_then(|n| items.get(n).cloned())
                .unwrap_or(Value::Unknown),
            (Value::Text(t), Value::Number(n)) if text::is_literal(t) => {
                let c = usize::try_from(*n).ok().and_then(|n| t.chars().nth(n));
                c.map_or(Value::Unknown, |c| Value::Text(c.to_string()))
            }
            (Value::Name(name), _) if name.ends_with("environ") || name.ends_with("ENV") => {
                Value::Text(ANY.to_string())
            }
            // child_process["exec" + "Sync"], vars(os)["system"]
            (Value::Name(object), Value::Text(member)) if text::is_literal(member) => {
                Value::Name(format!("{}.{member}", object.trim_end_matches(".__dict__")))
            }
            _ => Value::Unknown,
        }
    }

    fn arguments(&mut self) -> Vec<Value> {
        self.at += 1;
        self.list(')')
    }

    fn list(&mut self, close: char) -> Vec<Value> {
        let mut values = Vec::new();
        while self.at < self.tokens.len() {
            self.skip_lines();
            if self.eat(close) {
                break;
            }
            let before = self.at;
            let generator = self.generator();
            let keyword = self
                .name(0)
                .map(str::to_owned)
                .filter(|_| self.sign(1) == Some('=') && self.sign(2) != Some('='));
            if let Some(keyword) = keyword {
                self.at += 2;
                let value = self.expression();
                values.push(Value::Keyword(keyword, Box::new(value)));
            } else {
                self.argument(&mut values);
            }
            self.skip_lines();
            self.at = self.at.max(generator);
            // A comprehension: `X for x in Y`.
            if self.name(0) == Some("for") {
                self.loop_variable();
                while self.at < self.tokens.len() && self.sign(0) != Some(close) {
                    let here = self.at;
                    self.expression();
                    self.at = self.at.max(here + 1);
                }
                continue;
            }
            if self.eat(',') || (self.sign(0) == Some('=') && self.sign(1) == Some('>')) {
                if self.sign(0) == Some('=') {
                    self.at += 2;
                }
                continue;
            }
            let stuck = self.at == before;
            if stuck || (self.sign(0) != Some(close) && self.sign(0).is_some()) {
                self.at += 1;
            }
        }
        values
    }

    /// One argument or element; `*list`, `...list` stand for all of theirs.
    fn argument(&mut self, values: &mut Vec<Value>) {
        let spread = match self.language {
            Language::Python | Language::Ruby if self.sign(0) == Some('*') => {
                1 + usize::from(self.sign(1) == Some('*'))
            }
            Language::JavaScript | Language::Php
                if [0, 1, 2].iter().all(|n| self.sign(*n) == Some('.')) =>
            {
                3
            }
            _ => 0,
        };
        self.at += spread;
        match self.expression() {
            Value::List(items) if spread > 0 => values.extend(items),
            value => values.push(value),
        }
    }

    /// Sets the variable of a comprehension (`X for x in Y`) before X is looked at; where it ends.
    fn generator(&mut self) -> usize {
        if self.language != Language::Python {
            return 0;
        }
        let before = self.at;
        let mut depth = 0_u32;
        let found = self.tokens.iter().enumerate().skip(before).find_map(|(at, token)| {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') if depth == 0 => return Some(None),
                Token::Sign(')' | ']' | '}') => depth -= 1,
                Token::Sign(',') if depth == 0 => return Some(None),
                Token::Name(name) if name == "for" && depth == 0 => return Some(Some(at)),
                _ => {}
            }
            None
        });
        let Some(Some(at)) = found else { return 0 };
        if at == before {
            return 0;
        }
        self.at = at;
        self.nesting += 1;
        if self.nesting <= NESTING_MAX {
            while self.name(0) == Some("for") {
                self.loop_variable();
            }
        }
        self.nesting -= 1;
        let end = self.at;
        self.at = before;
        end
    }

    fn primary(&mut self) -> Value {
        let Some(token) = self.peek().cloned() else { return Value::Unknown };
        self.at += 1;
        match token {
            Token::Text(body, interpolated) => {
                let mut whole = if interpolated { self.interpolated(&body) } else { body };
                while let Some(Token::Text(more, interpolated)) = self.peek().cloned() {
                    if self.language == Language::Lua {
                        break;
                    }
                    self.at += 1;
                    whole.push_str(&if interpolated { self.interpolated(&more) } else { more });
                }
                Value::Text(whole)
            }
            Token::Command(code) => {
                let code = self.interpolated(&code);
                self.host.command(&code)
            }
            Token::Number(number) => Value::Number(number),
            Token::Sign('[') => Value::List(self.list(']')),
            Token::Sign('{') if self.language == Language::Lua => Value::List(self.list('}')),
            Token::Sign('(') => {
                let mut values = self.list(')');
                if values.len() == 1 { values.remove(0) } else { Value::List(values) }
            }
            Token::Sign('-') => match self.peek() {
                Some(Token::Number(n)) => {
                    let n = *n;
                    self.at += 1;
                    Value::Number(-n)
                }
                _ => Value::Unknown,
            },
            Token::Sign('$') | Token::Sign('@') | Token::Sign('&') | Token::Sign('!') => {
                Value::Unknown
            }
            Token::Name(name) => self.named(&name),
            // A symbol.
            Token::Sign(':') if self.language == Language::Ruby && self.name(0).is_some() => {
                let symbol = self.name(0).unwrap_or_default().to_owned();
                self.at += 1;
                Value::Text(symbol)
            }
            Token::Sign(_) | Token::Line => {
                self.at -= 1;
                Value::Unknown
            }
        }
    }

    fn named(&mut self, name: &str) -> Value {
        // A dotted name whose first part is a variable: an alias of a module, or a value's method.
        if let Some(changed) = self.grown(name) {
            return changed;
        }
        if let Some((head, tail)) = name.split_once('.')
            && !self.names.contains_key(name)
            && let Some(value) = self.names.get(head).cloned()
        {
            let mut value = value;
            for (index, part) in tail.split('.').enumerate() {
                let last = index + 1 == tail.split('.').count();
                value = match &value {
                    Value::Name(object) if !last => Value::Name(format!("{object}.{part}")),
                    _ if last => self.member(&value, part),
                    _ => Value::Unknown,
                };
            }
            return value;
        }
        if self.sign(0) == Some('(') {
            let arguments = self.arguments();
            let full = match self.names.get(name) {
                Some(Value::Name(full)) => full.clone(),
                // PHP calls what a variable names.
                Some(Value::Text(function)) if name.starts_with('$') => function.clone(),
                _ => name.to_owned(),
            };
            return self.called(&full, &arguments);
        }
        if matches!(
            name,
            "new"
                | "await"
                | "return"
                | "print"
                | "puts"
                | "echo"
                | "not"
                | "and"
                | "or"
                | "if"
                | "lambda"
        ) {
            return if matches!(name, "new" | "await") { self.postfix() } else { Value::Unknown };
        }
        let words = matches!(self.language, Language::Perl | Language::Ruby | Language::Php);
        let starts = matches!(
            self.peek(),
            Some(Token::Text(..) | Token::Name(_) | Token::Command(_) | Token::Number(_))
        ) || (matches!(self.sign(0), Some('[' | '*'))
            && self.language == Language::Ruby);
        if words && starts && !name.starts_with(['$', '@', '%']) && is_word_call(name) {
            let mut arguments = Vec::new();
            self.argument(&mut arguments);
            while self.eat(',') {
                self.skip_lines();
                self.argument(&mut arguments);
            }
            return self.called(name, &arguments);
        }
        self.names.get(name).cloned().unwrap_or_else(|| Value::Name(name.to_owned()))
    }

    /// Variables in a string.
    fn interpolated(&self, body: &str) -> String {
        let mut out = String::new();
        let mut rest = body;
        let braces = matches!(self.language, Language::Python);
        while let Some(at) = rest.find(['$', '@', '#', '{']) {
            let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.push_str(head);
            let name = |text: &str| -> String {
                text.chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect()
            };
            let shell = matches!(self.language, Language::Perl | Language::Php);
            let (found, length) = if shell && tail.starts_with('$') {
                let inner = name(tail.get(1..).unwrap_or_default());
                (format!("${inner}"), 1 + inner.len())
            } else if tail.starts_with("#{")
                || tail.starts_with("${")
                || (braces && tail.starts_with('{'))
            {
                let open = if tail.starts_with('{') { 1 } else { 2 };
                let close = tail.find('}').unwrap_or(tail.len());
                (
                    tail.get(open..close).unwrap_or_default().trim().to_owned(),
                    (close + 1).min(tail.len()),
                )
            } else {
                (String::new(), 0)
            };
            if found.len() > usize::from(shell) {
                let quoted = found.trim_matches(['"', '\'']);
                match self.names.get(&found) {
                    None if braces && quoted.len() + 2 == found.len() => out.push_str(quoted),
                    Some(value) => out.push_str(&value.text()),
                    None if found.parse::<i64>().is_ok() => out.push_str(&found),
                    None => out.push(ANY),
                }
                rest = tail.get(length..).unwrap_or_default();
            } else {
                out.extend(tail.chars().next());
                rest = tail.get(1..).unwrap_or_default();
            }
        }
        out.push_str(rest);
        out
    }
}
