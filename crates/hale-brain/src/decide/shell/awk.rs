//! AWK programs: what they run, write and print.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens each place names the few that matter to it"
)]

use std::collections::BTreeMap;

use hale_model::action::Risk;

use super::effects::Write;
use super::machine::Machine;
use super::script::{self, Language};
use super::text::{self, ANY};

impl Machine {
    /// An AWK program; what it prints where that can be told.
    pub(super) fn awk_program(&mut self, program: &str, input: &str) -> Option<String> {
        let program = without_patterns(program);
        let program = program.as_str();
        let tokens = script::tokens(Language::Awk, program);
        for (at, token) in tokens.iter().enumerate() {
            let string = |offset: usize| match tokens.get(at + offset) {
                Some(script::Token::Text(text, _)) => Some(text.clone()),
                _ => None,
            };
            match token {
                script::Token::Name(name) if name == "system" => {
                    let code =
                        string(2).filter(|_| tokens.get(at + 3) == Some(&script::Token::Sign(')')));
                    let code = code.unwrap_or_else(|| self.awk_text(&tokens, at + 2, input));
                    self.in_subshell(|machine| machine.run_text(&code));
                }
                // "cmd" | getline, cmd | getline
                script::Token::Sign('|') if matches!(tokens.get(at + 1), Some(script::Token::Name(n)) if n == "getline") =>
                {
                    let before = tokens.get(..at).unwrap_or_default();
                    let statement = awk_statement(before);
                    let code = self.awk_joined(statement, &self.awk_names(before));
                    self.in_subshell(|machine| machine.run_text(&code));
                }
                // print "x" | "cmd", print x | cmd
                script::Token::Sign('|')
                    if !matches!(tokens.get(at + 1), Some(script::Token::Sign('|')))
                        && at > 0
                        && !matches!(tokens.get(at - 1), Some(script::Token::Sign('|'))) =>
                {
                    let before = tokens.get(..at).unwrap_or_default();
                    let after = tokens.get(at + 1..).unwrap_or_default();
                    let after = match after {
                        [script::Token::Sign('&'), rest @ ..] => rest,
                        whole => whole,
                    };
                    let code = self.awk_joined(after, &self.awk_names(&tokens));
                    let statement = awk_statement(before);
                    let printing = statement.iter().position(
                        |t| matches!(t, script::Token::Name(n) if n.starts_with("print")),
                    );
                    let fed = printing.and_then(|from| statement.get(from..));
                    let fed = fed.map_or_else(
                        || text::residue(input),
                        |statement| self.awk_printed(&tokens, statement, input),
                    );
                    self.in_subshell(|machine| {
                        machine.stdin = Some(fed);
                        machine.run_text(&code)
                    });
                }
                // print > "file"
                script::Token::Sign('>') => {
                    let before = tokens.get(..at).unwrap_or_default();
                    let printing = before
                        .iter()
                        .rposition(
                            |t| matches!(t, script::Token::Name(n) if n.starts_with("print")),
                        )
                        .filter(|from| {
                            let between = before.get(*from..).unwrap_or_default();
                            !between
                                .iter()
                                .any(|t| matches!(t, script::Token::Sign(';' | '{' | '}')))
                        });
                    let append = tokens.get(at + 1) == Some(&script::Token::Sign('>'));
                    let comparing = matches!(
                        tokens.get(at + 1),
                        Some(script::Token::Number(_) | script::Token::Sign('='))
                    );
                    if let Some(from) = printing.filter(|_| !comparing) {
                        let path = self.awk_target(&tokens, at + 1 + usize::from(append));
                        let statement = before.get(from..).unwrap_or_default();
                        let content = self.awk_printed(&tokens, statement, input);
                        self.write(&Write::new(&path, &content).appending(append));
                    }
                }
                script::Token::Text(text, _) if text.starts_with("/inet/") => {
                    self.hit(
                        "shell.reverse_shell",
                        Risk::Deny,
                        "AWK opens a network connection",
                        "",
                    );
                }
                _ => {}
            }
        }
        if let Some(printed) = self.awk_constants(&tokens, &self.awk_names(&tokens))
            && !program.contains('$')
            && program.contains("BEGIN")
        {
            return Some(printed);
        }
        // BEGIN{print "…"} prints what it says.
        let literal: Vec<String> = tokens
            .windows(3)
            .filter_map(|group| match group {
                [
                    script::Token::Name(print),
                    script::Token::Text(text, _),
                    script::Token::Sign('}' | ';') | script::Token::Line,
                ] if print == "print" || print == "printf" => Some(format!("{text}\n")),
                _ => None,
            })
            .collect();
        if !literal.is_empty() && !program.contains('$') && program.contains("BEGIN") {
            return Some(literal.concat());
        }
        if let [print @ ("{print}" | "1" | "{print $0}" | "{ print }")] = [program.trim()] {
            return Some(input.to_owned()).filter(|_| !print.is_empty());
        }
        awk_fields(program, input)
    }

    /// The file after `>` or `>>`, as far as it is constant.
    fn awk_target(&self, tokens: &[script::Token], from: usize) -> String {
        let names = self.awk_names(tokens);
        let mut path = String::new();
        for token in tokens.get(from..).unwrap_or_default() {
            match token {
                script::Token::Text(text, _) => path.push_str(text),
                script::Token::Name(name) => match names.get(name.as_str()) {
                    Some(value) => path.push_str(value),
                    None => path.push_str(&self.peek(name).unwrap_or_else(|| ANY.to_string())),
                },
                script::Token::Sign('(' | ')') => {}
                script::Token::Sign('$') => path.push(ANY),
                _ => break,
            }
        }
        if path.is_empty() { ANY.to_string() } else { path }
    }

    /// What one print statement gives: its constants, with what is not known between them.
    fn awk_printed(
        &self,
        tokens: &[script::Token],
        statement: &[script::Token],
        input: &str,
    ) -> String {
        // A bare `print` gives the line.
        if statement.len() == 1 {
            return if input.is_empty() { ANY.to_string() } else { input.to_owned() };
        }
        let names = self.awk_names(tokens);
        if let Some(constant) = self.awk_constants(statement, &names) {
            return constant;
        }
        let mut out = String::new();
        for token in statement.iter().skip(1) {
            match token {
                script::Token::Text(text, _) => out.push_str(text),
                script::Token::Sign(',') => out.push(' '),
                script::Token::Sign('$') | script::Token::Name(_) => {
                    out.push_str(&text::residue(input));
                }
                _ => {}
            }
        }
        out.push('\n');
        out
    }

    /// What the print statements of a program give, where all of them are constant.
    fn awk_constants(
        &self,
        tokens: &[script::Token],
        names: &BTreeMap<&str, String>,
    ) -> Option<String> {
        use script::Token;
        let mut out = String::new();
        let mut printed = false;
        for (at, token) in tokens.iter().enumerate() {
            let Token::Name(name) = token else { continue };
            if name != "print" && name != "printf" {
                continue;
            }
            let mut arguments = vec![String::new()];
            for token in tokens.get(at + 1..).unwrap_or_default() {
                let last = arguments.last_mut()?;
                match token {
                    Token::Text(text, _) => last.push_str(text),
                    Token::Number(number) => last.push_str(&number.to_string()),
                    Token::Name(name) => match names.get(name.as_str()) {
                        Some(value) => last.push_str(value),
                        None => last.push_str(&self.peek(name)?),
                    },
                    Token::Sign(',') => arguments.push(String::new()),
                    Token::Sign('(' | ')') => {}
                    Token::Sign(';' | '}' | '|' | '>') | Token::Line => break,
                    Token::Sign(_) | Token::Command(_) => return None,
                }
            }
            printed = true;
            if name == "printf" {
                out.push_str(&awk_formatted(arguments));
            } else {
                out.push_str(&arguments.join(" "));
                out.push('\n');
            }
        }
        printed.then_some(out)
    }

    /// The text of an AWK expression up to its closing parenthesis, unknown where it is not constant.
    fn awk_text(&self, tokens: &[script::Token], from: usize, input: &str) -> String {
        let names = self.awk_names(tokens);
        let mut out = String::new();
        let tail = tokens.get(from..).unwrap_or_default();
        let mut skip = 0;
        for (at, token) in tail.iter().enumerate() {
            if at < skip {
                continue;
            }
            match token {
                script::Token::Name(name) if name == "sprintf" => {
                    let (formatted, length) = awk_sprintf(tail.get(at..).unwrap_or_default());
                    out.push_str(&formatted);
                    skip = at + length;
                }
                script::Token::Text(text, _) => out.push_str(text),
                script::Token::Sign(')') => break,
                script::Token::Sign('$') | script::Token::Number(_) if out.ends_with(ANY) => {}
                script::Token::Sign('$') => {
                    let line = input.lines().next().unwrap_or_default();
                    if text::is_literal(line) && !line.is_empty() {
                        out.push_str(line)
                    } else {
                        out.push(ANY)
                    }
                }
                script::Token::Name(name) => match names.get(name.as_str()) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&self.peek(name).unwrap_or_else(|| ANY.to_string())),
                },
                script::Token::Command(_)
                | script::Token::Number(_)
                | script::Token::Sign(_)
                | script::Token::Line => {}
            }
        }
        out
    }

    /// Variables that a program sets, as far as they are constant: what is joined to them included. One that
    /// is something else later is not known: which of the two is used is not followed.
    fn awk_names<'t>(&self, tokens: &'t [script::Token]) -> BTreeMap<&'t str, String> {
        use script::Token;
        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        for (at, pair) in tokens.windows(2).enumerate() {
            let [Token::Name(name), Token::Sign('=')] = pair else { continue };
            if tokens.get(at + 2) == Some(&Token::Sign('=')) {
                continue;
            }
            let value = self.awk_joined(tokens.get(at + 2..).unwrap_or_default(), &names);
            let other = names.get(name.as_str()).is_some_and(|before| !value.starts_with(before));
            names.insert(name, if other { ANY.to_string() } else { value });
        }
        names
    }

    /// What the parts of an expression give, one after the other, up to the end of its statement.
    fn awk_joined(&self, tokens: &[script::Token], names: &BTreeMap<&str, String>) -> String {
        use script::Token;
        let mut out = String::new();
        let mut skip = 0;
        for (at, token) in tokens.iter().enumerate() {
            if at < skip {
                continue;
            }
            match token {
                Token::Name(name) if name == "sprintf" => {
                    let (formatted, length) = awk_sprintf(tokens.get(at..).unwrap_or_default());
                    out.push_str(&formatted);
                    skip = at + length;
                }
                Token::Text(text, _) => out.push_str(text),
                Token::Number(number) => out.push_str(&number.to_string()),
                Token::Name(name) => match names.get(name.as_str()) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&self.peek(name).unwrap_or_else(|| ANY.to_string())),
                },
                Token::Sign('(' | ')') => {}
                Token::Sign(';' | '}' | '|') | Token::Line => break,
                Token::Sign(_) | Token::Command(_) => out.push(ANY),
            }
        }
        out
    }
}

/// `sprintf(FORMAT, …)` with constants, and how many tokens it is.
fn awk_sprintf(tokens: &[script::Token]) -> (String, usize) {
    use script::Token;
    let end = tokens.iter().position(|t| *t == Token::Sign(')')).unwrap_or(tokens.len());
    let mut arguments = Vec::new();
    for token in tokens.get(2..end).unwrap_or_default() {
        match token {
            Token::Text(text, _) => arguments.push(text.clone()),
            Token::Number(number) => arguments.push(number.to_string()),
            Token::Sign(',') => {}
            _ => return (ANY.to_string(), end + 1),
        }
    }
    (awk_formatted(arguments), end + 1)
}

/// The program with its regular expressions taken out: what they match is text.
fn without_patterns(program: &str) -> String {
    let mut out = String::with_capacity(program.len());
    let mut characters = program.chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' if quoted => {
                out.push(c);
                out.extend(characters.next());
                continue;
            }
            '"' => quoted = !quoted,
            '/' if !quoted => {
                let before = out.trim_end().chars().next_back();
                let starts = before.is_none_or(|b| "{};(,!~&|\n".contains(b));
                let rest: String = characters.clone().take_while(|r| *r != '\n').collect();
                if starts && let Some(length) = pattern_length(&rest) {
                    out.push('1');
                    for _ in 0..length {
                        characters.next();
                    }
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The characters up to and with the slash that ends a regular expression.
fn pattern_length(rest: &str) -> Option<usize> {
    let mut escaped = false;
    let mut bracket = false;
    for (at, c) in rest.chars().enumerate() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => bracket = true,
            ']' => bracket = false,
            '/' if !bracket => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The tokens since the last end of a statement.
fn awk_statement(tokens: &[script::Token]) -> &[script::Token] {
    use script::Token;
    let end = |t: &Token| matches!(t, Token::Sign(';' | '{' | '}') | Token::Line);
    let from = tokens.iter().rposition(end).map_or(0, |at| at + 1);
    let statement = tokens.get(from..).unwrap_or_default();
    // What is still open was opened for what follows: `while ((cmd | getline) > 0)`.
    let open = statement.iter().rposition(|t| *t == Token::Sign('('));
    match open.and_then(|at| statement.get(at + 1..)) {
        Some(rest) if !rest.contains(&Token::Sign(')')) => rest,
        Some(_) | None => statement,
    }
}

/// `printf` of AWK: `%c` of a number is that character.
fn awk_formatted(mut arguments: Vec<String>) -> String {
    let format = arguments.first().cloned().unwrap_or_default();
    let directives = format.split('%').skip(1).filter(|d| !d.is_empty());
    for (at, directive) in directives.enumerate() {
        let letter = directive.chars().find(char::is_ascii_alphabetic);
        if letter == Some('c')
            && let Some(argument) = arguments.get_mut(at + 1)
            && let Some(c) = argument.parse().ok().and_then(char::from_u32)
        {
            *argument = c.to_string();
        }
    }
    super::produce::formatted(&arguments)
}

/// `{print $N}` over known input; `{print "text", $N}` with unknown fields.
fn awk_fields(program: &str, input: &str) -> Option<String> {
    let body =
        program.trim().strip_prefix('{')?.strip_suffix('}')?.trim().strip_prefix("print")?.trim();
    if body.is_empty() || !text::is_literal(input) {
        // Generated commands: the words around the fields are known.
        let first = body.strip_prefix('"')?.split('"').next()?;
        return Some(format!("{first}{}\n", text::residue(input)));
    }
    let mut out = String::new();
    for line in input.lines().take(64) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let mut words = Vec::new();
        for part in body.split(',') {
            let mut word = String::new();
            for token in script::tokens(Language::Awk, part) {
                match token {
                    script::Token::Text(text, _) => word.push_str(&text),
                    script::Token::Number(0) => word.push_str(line),
                    script::Token::Number(n) => {
                        let field =
                            usize::try_from(n).ok().and_then(|n| fields.get(n.checked_sub(1)?));
                        word.push_str(field.copied().unwrap_or_default());
                    }
                    script::Token::Sign('$') => {}
                    script::Token::Name(name) if name == "NF" => {
                        word.push_str(fields.last().copied().unwrap_or_default())
                    }
                    script::Token::Name(_)
                    | script::Token::Sign(_)
                    | script::Token::Command(_)
                    | script::Token::Line => return None,
                }
            }
            words.push(word);
        }
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    Some(out)
}
