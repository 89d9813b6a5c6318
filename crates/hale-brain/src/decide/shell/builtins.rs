//! What the shell itself does: directories, variables, eval, source, trap, read.

use hale_model::action::Risk;

use super::machine::Machine;
use super::options::{Parsed, Style};
use super::text::{self, ANY};
use super::{operands, paths, simple};

/// Runs a builtin; `None` where the name is none.
pub(super) fn run(
    machine: &mut Machine,
    name: &str,
    arguments: &[String],
    network: (bool, bool),
) -> Option<String> {
    operands::builtin(machine, name, arguments);
    let nothing = String::new;
    Some(match name {
        ":" | "true" | "false" | "exit" | "return" | "break" | "continue" | "shift" | "wait"
        | "jobs" | "fg" | "bg" | "times" | "getopts" | "hash" | "shopt" | "disown" | "suspend"
        | "logout" | "caller" | "compgen" | "complete" | "compopt" | "ulimit" | "umask"
        | "bind" | "enable" | "help" | "let" | "type" | "dirs" | "sleep" => {
            if name == "hash"
                && let [option, path, name] = arguments
                && option == "-p"
            {
                machine.state.aliases.insert(name.clone(), path.clone());
            }
            if name == "let" {
                for argument in arguments {
                    if let Some((name, value)) = argument.split_once('=') {
                        let value = machine.arithmetic_text(value);
                        machine.assign(name, value);
                    }
                }
            }
            nothing()
        }
        "test" | "[" => nothing(),
        "cd" | "pushd" | "popd" => {
            change_directory(machine, name, arguments);
            nothing()
        }
        "pwd" => machine.state.cwd.clone(),
        "eval" => eval(machine, arguments),
        "source" | "." => source(machine, arguments),
        "trap" => trap(machine, arguments),
        "alias" => alias(machine, arguments),
        "unalias" => {
            for name in arguments {
                machine.state.aliases.remove(name);
            }
            nothing()
        }
        "export" | "declare" | "typeset" | "local" | "readonly" => {
            declare(machine, name, arguments)
        }
        "unset" => {
            unset(machine, arguments);
            nothing()
        }
        "set" => set(machine, arguments),
        "read" => {
            read(machine, arguments);
            nothing()
        }
        "mapfile" | "readarray" => {
            let lines = machine.stdin.take().unwrap_or_else(|| ANY.to_string());
            if let Some(name) = arguments.last().filter(|a| !a.starts_with('-')) {
                let values: Vec<String> = lines.lines().take(256).map(str::to_owned).collect();
                machine.state.variables.entry(name.clone()).or_default().values = values;
            }
            nothing()
        }
        "exec" => exec(machine, arguments, network),
        "command" | "builtin" => {
            let parsed = Parsed::new(arguments, Style::Posix, &[]);
            if parsed.has(&["-v", "-V"]) {
                return Some(machine.which(&parsed.operands));
            }
            machine.execute_program(&parsed.operands, network)
        }
        "history" => history(machine, arguments),
        "fc" => ANY.to_string(),
        _ => return None,
    })
}

impl Machine {
    /// The path of a program, as `which` and `command -v` print it.
    pub(super) fn which(&mut self, names: &[String]) -> String {
        let lines: Vec<String> = names
            .iter()
            .map(|name| if name.contains('/') { name.clone() } else { format!("/usr/bin/{name}") })
            .collect();
        lines.join("\n")
    }
}

fn change_directory(machine: &mut Machine, name: &str, arguments: &[String]) {
    if name == "popd" {
        machine.state.cwd = ANY.to_string();
        return;
    }
    let target = arguments.iter().find(|a| !a.starts_with('-') || a.as_str() == "-");
    machine.state.cwd = match target.map(String::as_str) {
        None => machine.peek("HOME").unwrap_or_default(),
        Some("-") => ANY.to_string(),
        Some(target) => {
            let resolved = paths::absolute(target, &machine.state.cwd);
            if resolved.contains(text::SEGMENT) || resolved.contains(ANY) {
                // A directory that is not known: everything in it is not known either.
                resolved
            } else {
                resolved
            }
        }
    };
}

fn eval(machine: &mut Machine, arguments: &[String]) -> String {
    let code = text::unglobbed(&simple::joined(arguments));
    if code.trim().is_empty() {
        return String::new();
    }
    machine.run_text(&code)
}

impl Machine {
    /// Runs text that is used as code. Where none of it is known, that is the finding.
    pub(super) fn run_text(&mut self, code: &str) -> String {
        let known: String = code.chars().filter(|c| !text::is_mark(*c)).collect();
        if code.contains([text::FETCHED, text::FETCHED_UNSAFE]) {
            self.remote_code(code);
        }
        if super::packed::is_packed(code) {
            self.unknown_code(code);
            return ANY.to_string();
        }
        if known.trim().is_empty() {
            if text::has_unknown(code) {
                self.unknown_code(code);
            }
            return ANY.to_string();
        }
        let part = self.part.clone();
        let output = self.run(code);
        self.part = part;
        output
    }

    /// Runs the content of a script in a shell of its own.
    pub(super) fn run_script(&mut self, content: &str, name: &str, arguments: &[String]) -> String {
        let interpreter = content.lines().next().and_then(|line| line.strip_prefix("#!"));
        let language = interpreter
            .and_then(|line| line.split_whitespace().rfind(|word| !word.starts_with('-')))
            .map(paths::base)
            .unwrap_or("sh");
        if !matches!(language, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish")
            && interpreter.is_some()
        {
            return self.run_body(language, content);
        }
        // A script that starts itself more than once breeds.
        let breeds = starts_itself(content) > 1 && content.contains(['&', '|']);
        if breeds {
            self.hit(
                "shell.fork_bomb",
                Risk::Deny,
                "a script that starts itself over and over",
                "limit how many processes it starts",
            );
        }
        let name = name.to_owned();
        let content = content.to_owned();
        self.in_subshell(|machine| {
            machine.state.positional = arguments.to_vec();
            machine.state.positional_known = true;
            machine.assign("0", name);
            machine.run_text(&content)
        })
    }
}

/// How often a script starts the file it is in.
fn starts_itself(content: &str) -> usize {
    let commands = ["sh", "exec", "nohup", "setsid", "do", "then", "else", "source"];
    content
        .match_indices("$0")
        .filter(|(at, _)| {
            let before = content.get(..*at).unwrap_or_default().trim_end_matches([' ', '"', '{']);
            before.is_empty()
                || before.ends_with(['\n', ';', '&', '|', '('])
                || commands.iter().any(|word| before.ends_with(word))
        })
        .count()
}

fn source(machine: &mut Machine, arguments: &[String]) -> String {
    let Some(path) = arguments.iter().find(|a| !a.starts_with('-')) else { return String::new() };
    let content = machine.content(path);
    let known: String = content.chars().filter(|c| !text::is_mark(*c)).collect();
    if !known.is_empty() || content.contains([text::FETCHED, text::FETCHED_UNSAFE]) {
        return machine.run_text(&content);
    }
    if Machine::is_substitution(path)
        || matches!(path.as_str(), "/dev/stdin" | "/dev/fd/0")
        || content.contains(text::DECODED)
    {
        machine.unknown_code(&content);
        return ANY.to_string();
    }
    machine.hit(
        "shell.script",
        Risk::Warning,
        format!("runs the script {}, which is not looked into", text::shown(path)),
        "read it first",
    );
    ANY.to_string()
}

fn trap(machine: &mut Machine, arguments: &[String]) -> String {
    // Only prints what is set.
    if arguments.first().is_some_and(|a| matches!(a.as_str(), "-p" | "-l" | "-P")) {
        return String::new();
    }
    let mut operands = arguments.iter().filter(|a| a.as_str() != "--");
    if let (Some(code), Some(_)) = (operands.next(), operands.next())
        && code != "-"
    {
        let code = code.clone();
        machine.in_subshell(|machine| machine.run_text(&code));
    }
    String::new()
}

fn alias(machine: &mut Machine, arguments: &[String]) -> String {
    for argument in arguments {
        if let Some((name, value)) = argument.split_once('=') {
            machine.state.aliases.insert(name.to_owned(), value.to_owned());
        }
    }
    String::new()
}

fn declare(machine: &mut Machine, name: &str, arguments: &[String]) -> String {
    let parsed = Parsed::new(arguments, Style::Gnu, &[]);
    let prints = parsed.has(&["-p", "-x"]) && parsed.operands.is_empty();
    if prints || (arguments.is_empty() && name != "local") {
        return text::residue(&text::SECRET.to_string());
    }
    for operand in &parsed.operands {
        if let Some((name, value)) = operand.split_once('=') {
            let list = value.strip_prefix('(').and_then(|v| v.strip_suffix(')'));
            match list {
                Some(list) => {
                    // `([key]=value …)`
                    for pair in list.split_whitespace() {
                        if let Some((key, value)) =
                            pair.strip_prefix('[').and_then(|p| p.split_once("]="))
                        {
                            let value = machine.expand_fields(value).concat();
                            machine.assign(&format!("{name}[{key}]"), value);
                        }
                    }
                    let values =
                        list.split_whitespace().flat_map(|w| machine.expand_fields(w)).collect();
                    machine.state.variables.entry(name.to_owned()).or_default().values = values;
                }
                None => {
                    if parsed.has(&["-n"]) {
                        machine.state.references.insert(name.to_owned(), value.to_owned());
                    } else {
                        machine.assign(name.trim_end_matches('+'), value.to_owned());
                    }
                }
            }
            let value = value.to_owned();
            let name = name.to_owned();
            machine.code_variable(&name, &value);
            if matches!(name.as_str(), "HISTFILE" | "HISTSIZE" | "HISTFILESIZE" | "HISTCONTROL")
                && matches!(value.as_str(), "/dev/null" | "0" | "")
            {
                machine.hit(
                    "shell.trail.history_off",
                    Risk::Deny,
                    "turns the record of commands off",
                    "",
                );
            }
        }
    }
    String::new()
}

fn unset(machine: &mut Machine, arguments: &[String]) {
    for name in arguments {
        machine.state.variables.remove(name);
        machine.state.references.remove(name);
        machine.state.functions.remove(name);
        if matches!(name.as_str(), "HISTFILE" | "PROMPT_COMMAND") && name == "HISTFILE" {
            machine.hit(
                "shell.trail.history_off",
                Risk::Deny,
                "turns the record of commands off",
                "",
            );
        }
    }
}

fn set(machine: &mut Machine, arguments: &[String]) -> String {
    if arguments.is_empty() {
        return text::residue(&text::SECRET.to_string());
    }
    let after = arguments.iter().position(|a| a == "--");
    if let Some(at) = after {
        machine.state.positional = arguments.get(at + 1..).unwrap_or_default().to_vec();
        machine.state.positional_known = true;
    } else if arguments.first().is_some_and(|a| !a.starts_with(['-', '+'])) {
        machine.state.positional = arguments.to_vec();
        machine.state.positional_known = true;
    }
    if arguments.windows(2).any(|w| matches!(w, [a, b] if a == "+o" && b == "history")) {
        machine.hit("shell.trail.history_off", Risk::Deny, "turns the record of commands off", "");
    }
    String::new()
}

fn read(machine: &mut Machine, arguments: &[String]) {
    let values = ["-d", "-n", "-N", "-p", "-t", "-u", "-i", "-a"].map(str::to_owned);
    let parsed = Parsed::new(arguments, Style::Posix, &values);
    let (line, rest) = match &machine.stdin {
        None => (ANY.to_string(), None),
        Some(text) => match text.split_once(['\n', '\0']) {
            Some((line, rest)) => (line.to_owned(), Some(rest.to_owned())),
            None => (text.clone(), Some(String::new())),
        },
    };
    if rest.is_some() {
        machine.stdin = rest;
    }
    if let Some(name) = parsed.value(&["-a"]) {
        let name = name.to_owned();
        let values = line.split_whitespace().map(str::to_owned).collect();
        machine.state.variables.entry(name).or_default().values = values;
        return;
    }
    let names = if parsed.operands.is_empty() { vec!["REPLY".to_owned()] } else { parsed.operands };
    let separators = machine.peek("IFS").unwrap_or_default();
    let is_separator = |c: char| separators.contains(c);
    let mut rest = line.as_str();
    for (index, name) in names.iter().enumerate() {
        let last = index + 1 == names.len();
        let trimmed = rest.trim_start_matches(is_separator);
        let value = if last {
            trimmed.trim_end_matches(is_separator).to_owned()
        } else {
            let end = trimmed.find(is_separator).unwrap_or(trimmed.len());
            rest = trimmed.get(end..).unwrap_or_default();
            trimmed.get(..end).unwrap_or_default().to_owned()
        };
        // Words of an unknown line are unknown, also those that nothing is left for.
        let value =
            if value.is_empty() && text::has_unknown(&line) { text::residue(&line) } else { value };
        machine.assign(name, value);
    }
}

fn exec(machine: &mut Machine, arguments: &[String], network: (bool, bool)) -> String {
    let values = ["-a".to_owned()];
    let parsed = Parsed::new(arguments, Style::Posix, &values);
    if parsed.operands.iter().all(|word| operands::is_descriptor(word)) {
        // Redirections only: from here on the shell reads from there.
        return String::new();
    }
    machine.execute(&parsed.operands, network)
}

fn history(machine: &mut Machine, arguments: &[String]) -> String {
    if arguments
        .iter()
        .any(|a| a.starts_with('-') && !a.starts_with("--") && a.contains(['c', 'd']))
    {
        machine.hit("shell.trail.history", Risk::Deny, "erases the record of commands", "");
    } else if arguments.iter().any(|a| matches!(a.as_str(), "-w" | "-a")) {
        machine.hit("shell.write.file", Risk::Warning, "writes the history file", "");
    }
    ANY.to_string()
}
