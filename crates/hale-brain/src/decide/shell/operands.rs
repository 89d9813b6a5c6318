//! Operands that the shell evaluates as code.
//!
//! A subscript is arithmetic, and arithmetic carries out the substitutions in it: `printf -v 'a[$(c)]'`,
//! `[[ $x -eq 1 ]]` and `$((x))` with such a text in `x` run `c`, quotes or not. Prompts, callbacks and
//! word lists of completion are code of the same kind. Whatever text reaches such a place is expanded
//! here once more, as the shell will do it, and what it runs is judged.

use brush_parser::ast;
use hale_model::action::Risk;

use super::machine::Machine;
use super::options::{Parsed, Style};
use super::text;

/// Variables that one arithmetic expression is followed through.
const NAMES_MAX: usize = 16;
/// Elements of one array that are looked at.
const ELEMENTS_MAX: usize = 16;

/// Judges the operands that a builtin evaluates, before it is run.
pub(super) fn builtin(machine: &mut Machine, name: &str, arguments: &[String]) {
    match name {
        "printf" => {
            if let Some(name) = arguments.first().and_then(|a| a.strip_prefix("-v")) {
                let attached = (!name.is_empty()).then_some(name);
                let name = attached.or_else(|| arguments.get(1).map(String::as_str));
                machine.name_operand(name.unwrap_or_default());
            }
        }
        "declare" | "typeset" | "local" | "export" | "readonly" => declared(machine, arguments),
        "let" => arguments.iter().for_each(|expression| machine.arithmetic_operand(expression)),
        "read" => {
            let parsed = posix(arguments, &["-d", "-n", "-N", "-p", "-t", "-u", "-i", "-a"]);
            machine.name_operands(parsed.values(&["-a"]).into_iter());
            machine.name_operands(parsed.operands.iter().map(String::as_str));
        }
        "mapfile" | "readarray" => {
            let parsed = posix(arguments, &["-d", "-n", "-O", "-s", "-u", "-C", "-c"]);
            machine.name_operands(parsed.operands.iter().map(String::as_str));
            machine.arithmetic_operands(parsed.values(&["-n", "-O", "-s", "-c"]).into_iter());
            // The callback gets an index and a line behind it.
            for code in parsed.values(&["-C"]) {
                machine.callback(&format!("{code} 0 {}", text::ANY));
            }
        }
        "unset" => {
            let names = arguments.iter().map(String::as_str).filter(|a| !a.starts_with('-'));
            machine.name_operands(names);
        }
        "test" | "[" => {
            let names = arguments.windows(2).filter_map(|pair| match pair {
                [option, name] if option == "-v" || option == "-R" => Some(name.as_str()),
                _ => None,
            });
            machine.name_operands(names);
        }
        "wait" => {
            let parsed = posix(arguments, &["-p"]);
            machine.name_operands(parsed.values(&["-p"]).into_iter());
        }
        "compgen" | "complete" => completion(machine, arguments),
        "shift" if machine.state.positional_known => {
            let count = arguments.first().map_or(Some(1), |count| count.parse().ok());
            let kept = machine.state.positional.len();
            // More than there are leaves them as they are.
            let count = count.filter(|count| *count <= kept).unwrap_or_default();
            machine.state.positional.drain(..count);
        }
        "bind" => {
            let parsed = posix(arguments, &["-x"]);
            for binding in parsed.values(&["-x"]) {
                let code = binding.rsplit_once("\":").map_or(binding, |(_, code)| code);
                machine.callback(code.trim().trim_matches('"'));
            }
        }
        "fc" => {
            let parsed = posix(arguments, &["-e"]);
            for editor in parsed.values(&["-e"]).into_iter().filter(|editor| *editor != "-") {
                machine.callback(editor);
            }
        }
        "enable" => {
            let parsed = posix(arguments, &["-f"]);
            if parsed.has(&["-f"]) {
                machine.hit(
                    "shell.preload",
                    Risk::Critical,
                    "puts a library into the shell that nobody has looked into",
                    "",
                );
            }
        }
        _ => {}
    }
}

fn posix(arguments: &[String], values: &[&str]) -> Parsed {
    let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
    Parsed::new(arguments, Style::Posix, &values)
}

fn declared(machine: &mut Machine, arguments: &[String]) {
    let parsed = Parsed::new(arguments, Style::Gnu, &[]);
    let integer = parsed.has(&["-i"]);
    let reference = parsed.has(&["-n"]);
    for operand in &parsed.operands {
        let (name, value) = match split_assignment(operand) {
            Some((name, value)) => (name, Some(value)),
            None => (operand.as_str(), None),
        };
        machine.name_operand(name);
        if integer {
            machine.state.integers.insert(name.trim_end_matches('+').to_owned());
        }
        match value {
            Some(value) if reference => machine.name_operand(value),
            Some(value) if integer => machine.arithmetic_operand(value),
            // A list in quotes is expanded when it is assigned.
            Some(value) if value.starts_with('(') && holds_substitution(value) => {
                machine.expanded_again(value);
            }
            Some(_) | None => {}
        }
    }
}

fn completion(machine: &mut Machine, arguments: &[String]) {
    let values = ["-A", "-G", "-W", "-F", "-C", "-X", "-P", "-S", "-o", "-V"];
    let parsed = posix(arguments, &values);
    for code in parsed.values(&["-C"]) {
        machine.callback(code);
    }
    for words in parsed.values(&["-W"]) {
        if holds_substitution(words) {
            machine.expanded_again(words);
        }
    }
    for function in parsed.values(&["-F"]) {
        machine.in_subshell(|machine| machine.call(function, &[]));
    }
}

impl Machine {
    /// Text that is evaluated as arithmetic.
    pub(super) fn arithmetic_operand(&mut self, expression: &str) {
        if expression.contains(text::DECODED) {
            return self.unknown_code(expression);
        }
        let mut seen = Vec::new();
        self.arithmetic_names(expression, &mut seen);
    }

    fn arithmetic_operands<'a>(&mut self, expressions: impl Iterator<Item = &'a str>) {
        for expression in expressions {
            self.arithmetic_operand(expression);
        }
    }

    /// The substitutions in an expression, and those in the values of the variables that it names: they
    /// are expressions themselves.
    fn arithmetic_names(&mut self, expression: &str, seen: &mut Vec<String>) {
        if holds_substitution(expression) {
            self.expanded_again(expression);
        }
        for name in expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let first = name.chars().next();
            if first.is_none_or(|c| c.is_ascii_digit())
                || seen.len() >= NAMES_MAX
                || seen.iter().any(|known| known == name)
            {
                continue;
            }
            let mut values = self.state.array(name).unwrap_or_default();
            values.truncate(ELEMENTS_MAX);
            values.extend(self.peek(name).filter(|value| !values.contains(value)));
            seen.push(name.to_owned());
            for value in values {
                if value.contains(text::DECODED) {
                    self.unknown_code(&value);
                } else if value.chars().any(|c| c.is_ascii_alphabetic() || c == '`') {
                    self.arithmetic_names(&value, seen);
                }
            }
        }
    }

    /// The name of a variable: its subscript is evaluated.
    pub(super) fn name_operand(&mut self, name: &str) {
        if name.contains(text::DECODED) {
            return self.unknown_code(name);
        }
        if let Some((_, subscript)) = name.split_once('[') {
            self.arithmetic_operand(subscript);
        } else if holds_substitution(name) {
            self.expanded_again(name);
        }
    }

    fn name_operands<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.name_operand(name);
        }
    }

    /// What the shell expands a second time: the substitutions in it run.
    pub(super) fn expanded_again(&mut self, text: &str) {
        let text = text::unglobbed(text);
        let unescaped = text.replace("\\$", "$").replace("\\`", "`");
        self.in_subshell(|machine| machine.expand_heredoc(&text));
        if unescaped != text {
            self.in_subshell(|machine| machine.expand_heredoc(&unescaped));
        }
    }

    /// Code that is called later or for every line.
    fn callback(&mut self, code: &str) {
        let code = code.to_owned();
        self.in_subshell(|machine| machine.run_text(&code));
    }

    /// Values that a variable is given: those of an integer are evaluated.
    pub(super) fn assigned(&mut self, name: &str) {
        if self.state.integers.contains(name) {
            for value in self.state.array(name).unwrap_or_default().iter().take(ELEMENTS_MAX) {
                self.arithmetic_operand(value);
            }
        }
    }

    /// An alias that is more than one command: it is put in the place of the word and read again.
    pub(super) fn alias_code(&mut self, simple: &ast::SimpleCommand) -> Option<String> {
        let name = &simple.word_or_name.as_ref()?.value;
        let alias = self.state.aliases.get(name)?;
        if !alias.contains([';', '|', '&', '\n', '<', '>', '(', '{', '`', '$', '#', '\'', '"']) {
            return None;
        }
        let suffix = simple.suffix.as_ref().map(ToString::to_string).unwrap_or_default();
        let (name, alias) = (name.clone(), alias.clone());
        let code = format!("{alias} {suffix}");
        // A name is not replaced within what it stands for.
        self.state.aliases.remove(&name);
        let output = self.run_text(&code);
        self.state.aliases.insert(name, alias);
        Some(output)
    }

    /// `[[ A -eq B ]]`, `[[ -v NAME ]]`.
    pub(super) fn test_unary(&mut self, predicate: &ast::UnaryPredicate, operand: &str) {
        use ast::UnaryPredicate as P;
        if matches!(predicate, P::ShellVariableIsSetAndAssigned | P::ShellVariableIsSetAndNameRef) {
            self.name_operand(operand);
        }
    }

    /// As [`Machine::test_unary`], of two operands.
    pub(super) fn test_binary(&mut self, predicate: &ast::BinaryPredicate, a: &str, b: &str) {
        use ast::BinaryPredicate as P;
        if matches!(
            predicate,
            P::ArithmeticEqualTo
                | P::ArithmeticNotEqualTo
                | P::ArithmeticLessThan
                | P::ArithmeticLessThanOrEqualTo
                | P::ArithmeticGreaterThan
                | P::ArithmeticGreaterThanOrEqualTo
        ) {
            self.arithmetic_operand(a);
            self.arithmetic_operand(b);
        }
    }
}

/// Whether there is something in a text that an expansion would run or look up.
pub(super) fn holds_substitution(text: &str) -> bool {
    text.contains('`') || text.contains("$(") || text.contains("${") || text.contains("$[")
}

/// NAME and VALUE of an assignment; an `=` within the subscript is part of it.
fn split_assignment(operand: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let at = operand.char_indices().find_map(|(at, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })?;
    Some((operand.get(..at)?, operand.get(at + 1..)?))
}

/// `{NAME}` before a redirection of `exec`, which the grammar takes for a word.
pub(super) fn is_descriptor(word: &str) -> bool {
    word.strip_prefix('{').and_then(|w| w.strip_suffix('}')).is_some_and(|name| {
        name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
            && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}
