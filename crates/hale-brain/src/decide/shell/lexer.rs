//! Tokens of short programs: names, strings, numbers, signs.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens and values each place names the few that matter to it"
)]

use super::script::{Language, Token};
use super::words::ansi_c;

/// Tokens of one body that are looked at.
const TOKENS_MAX: usize = 4096;

/// Takes a body apart.
pub fn tokens(language: Language, body: &str) -> Vec<Token> {
    let characters: Vec<char> = body.chars().collect();
    let mut lexer = Lexer { language, characters, at: 0, out: Vec::new() };
    while lexer.at < lexer.characters.len() && lexer.out.len() < TOKENS_MAX {
        lexer.token();
    }
    lexer.out
}

struct Lexer {
    language: Language,
    characters: Vec<char>,
    at: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn get(&self, offset: usize) -> Option<char> {
        self.characters.get(self.at + offset).copied()
    }

    fn token(&mut self) {
        let Some(c) = self.get(0) else { return };
        let next = self.get(1);
        let hash = !matches!(self.language, Language::JavaScript | Language::Lua);
        let slashes = matches!(self.language, Language::JavaScript | Language::Php);
        match c {
            '\n' => {
                self.at += 1;
                self.out.push(Token::Line);
            }
            _ if c.is_whitespace() => self.at += 1,
            '#' if hash && next != Some('{') => self.skip_line(),
            '/' if slashes && next == Some('/') => self.skip_line(),
            '-' if self.language == Language::Lua && next == Some('-') => self.skip_line(),
            '\'' | '"' => self.string(c),
            '`' => {
                let text = self.quoted('`');
                self.out.push(if self.language == Language::JavaScript {
                    Token::Text(text, true)
                } else {
                    Token::Command(text)
                });
            }
            '%' if self.language == Language::Ruby && next == Some('x') => self.delimited(2, true),
            '%' if self.language == Language::Ruby && matches!(next, Some('w' | 'W')) => {
                self.delimited(2, false);
                self.words('[', ']');
            }
            '%' if self.language == Language::Ruby
                && matches!(next, Some('q' | 'Q'))
                && self.get(2).is_some_and(|c| matches!(c, '(' | '{' | '[' | '<' | '|')) =>
            {
                self.delimited(2, false);
            }
            _ if c.is_ascii_digit() => self.number(),
            _ if c == '_'
                || c.is_alphabetic()
                || (matches!(c, '$' | '@')
                    && matches!(
                        self.language,
                        Language::Perl | Language::Php | Language::Ruby
                    )) =>
            {
                self.name(c)
            }
            _ => {
                self.at += 1;
                self.out.push(Token::Sign(c));
            }
        }
    }

    fn skip_line(&mut self) {
        while self.get(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn number(&mut self) {
        let mut digits = String::new();
        while let Some(c) = self.get(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            digits.push(c);
            self.at += 1;
        }
        let clean = digits.replace('_', "");
        let value = if let Some(hex) = clean.strip_prefix("0x") {
            i64::from_str_radix(hex, 16)
        } else if let Some(octal) = clean.strip_prefix("0o") {
            i64::from_str_radix(octal, 8)
        } else {
            clean.parse()
        };
        self.out.push(value.map_or(Token::Name(digits), Token::Number));
    }

    fn name(&mut self, first: char) {
        let mut name = String::new();
        name.push(first);
        self.at += 1;
        while let Some(c) = self.get(0) {
            let dotted = c == '.'
                && matches!(
                    self.language,
                    Language::Python | Language::JavaScript | Language::Ruby | Language::Lua
                )
                && self.get(1).is_some_and(|n| n == '_' || n.is_alphabetic());
            let module = c == ':'
                && self.get(1) == Some(':')
                && self.get(2).is_some_and(|n| n == '_' || n.is_alphabetic());
            if c == '_'
                || c.is_alphanumeric()
                || dotted
                || (c == '!' && self.language == Language::Ruby && self.get(1) != Some('='))
            {
                name.push(c);
                self.at += 1;
            } else if module {
                name.push_str("::");
                self.at += 2;
            } else {
                break;
            }
        }
        let quote = self.get(0);
        match (self.language, name.as_str()) {
            // r'…', b"…", f'…'
            (Language::Python, "r" | "b" | "f" | "u" | "rb" | "br" | "fr" | "R" | "B" | "F")
                if matches!(quote, Some('\'' | '"')) =>
            {
                let formatted = name.contains(['f', 'F']);
                self.string(quote.unwrap_or('"'));
                if let Some(Token::Text(_, interpolated)) = self.out.last_mut() {
                    *interpolated = formatted;
                }
            }
            (Language::Perl, "q" | "qq" | "qw" | "qx")
                if quote.is_some_and(|c| !c.is_alphanumeric() && c != ',' && c != '=') =>
            {
                self.delimited(0, name == "qx");
                if name == "qw" {
                    self.words('(', ')');
                }
            }
            (Language::Perl, "m" | "s" | "y" | "tr")
                if quote.is_some_and(|c| matches!(c, '/' | '{' | '|' | '#' | '!')) =>
            {
                self.delimited(0, false);
                self.out.pop();
            }
            _ => self.out.push(Token::Name(name)),
        }
    }

    /// The string just read, as a list of its words.
    fn words(&mut self, open: char, close: char) {
        if let Some(Token::Text(body, _)) = self.out.pop() {
            self.out.push(Token::Sign(open));
            for word in body.split_whitespace() {
                self.out.extend([Token::Text(word.to_owned(), false), Token::Sign(',')]);
            }
            self.out.push(Token::Sign(close));
        }
    }

    /// `%x(…)`, `qx{…}`, `q(…)`.
    fn delimited(&mut self, skip: usize, command: bool) {
        self.at += skip;
        while self.get(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let Some(open) = self.get(0) else { return };
        let close = match open {
            '(' => ')',
            '{' => '}',
            '[' => ']',
            '<' => '>',
            other => other,
        };
        let mut body = String::new();
        let mut depth = 0_u32;
        self.at += 1;
        while let Some(c) = self.get(0) {
            self.at += 1;
            if c == '\\'
                && let Some(escaped) = self.get(0).filter(|e| *e == open || *e == close)
            {
                body.push(escaped);
                self.at += 1;
                continue;
            }
            if c == open && open != close {
                depth += 1;
            } else if c == close {
                if depth == 0 {
                    break;
                }
                depth -= 1;
            }
            body.push(c);
        }
        self.out.push(if command { Token::Command(body) } else { Token::Text(body, true) });
    }

    fn string(&mut self, quote: char) {
        let triple = self.get(1) == Some(quote)
            && self.get(2) == Some(quote)
            && self.language == Language::Python;
        if triple {
            self.at += 3;
            let mut body = String::new();
            while let Some(c) = self.get(0) {
                if c == quote && self.get(1) == Some(quote) && self.get(2) == Some(quote) {
                    self.at += 3;
                    break;
                }
                body.push(c);
                self.at += 1;
            }
            self.out.push(Token::Text(ansi_c(&body), false));
            return;
        }
        let raw = self.quoted(quote);
        let plain = quote == '\''
            && matches!(self.language, Language::Perl | Language::Ruby | Language::Php);
        let interpolates = quote == '"'
            && matches!(self.language, Language::Perl | Language::Ruby | Language::Php);
        let body = if plain { raw.replace("\\'", "'").replace("\\\\", "\\") } else { ansi_c(&raw) };
        self.out.push(Token::Text(body, interpolates));
    }

    /// The raw inside of a quoted string.
    fn quoted(&mut self, quote: char) -> String {
        let mut body = String::new();
        self.at += 1;
        while let Some(c) = self.get(0) {
            self.at += 1;
            if c == quote {
                break;
            }
            body.push(c);
            if c == '\\'
                && let Some(escaped) = self.get(0)
            {
                body.push(escaped);
                self.at += 1;
            }
        }
        body
    }
}
