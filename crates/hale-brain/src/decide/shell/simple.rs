//! Simple commands: words resolved, aliases and functions looked up, then judged.

use brush_parser::ast::{self, CommandPrefixOrSuffixItem as Item};
use hale_model::action::Risk;

use super::effects::Write;
use super::handlers;
use super::machine::{HOLE, Machine, Variable};
use super::options::{Parsed, Style};
use super::registry::{Command, Known, registry};
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE};
use super::{builtins, paths, verbs};

/// Alternatives of variables that are tried one after the other.
const ALTERNATIVES_MAX: usize = 4;
/// Commands that a pattern in the place of a command may stand for, and that are tried.
const CANDIDATES_MAX: usize = 8;

/// Elements of an array that are told apart.
const ELEMENTS_MAX: usize = 256;

/// Programs that a glob or a half-known name is compared with.
const CANDIDATES: [&str; 30] = [
    "rm",
    "dd",
    "sh",
    "bash",
    "shred",
    "mkfs",
    "mkfs.ext4",
    "chmod",
    "chown",
    "kill",
    "killall",
    "pkill",
    "reboot",
    "shutdown",
    "halt",
    "poweroff",
    "mv",
    "cp",
    "nc",
    "ncat",
    "curl",
    "wget",
    "cat",
    "tee",
    "truncate",
    "find",
    "python3",
    "perl",
    "userdel",
    "iptables",
];

/// The words and surroundings of a simple command.
#[derive(Default)]
struct Gathered<'a> {
    assignments: Vec<&'a ast::Assignment>,
    redirects: Vec<&'a ast::IoRedirect>,
    arguments: Vec<String>,
}

impl Machine {
    pub(super) fn simple(&mut self, simple: &ast::SimpleCommand) -> String {
        if let Some(output) = self.alias_code(simple) {
            return output;
        }
        let saved = (self.alternative, self.alternatives);
        (self.alternative, self.alternatives) = (0, 1);
        let mut output = self.simple_once(simple);
        let count = self.alternatives.min(1 + ALTERNATIVES_MAX);
        for alternative in 1..count {
            self.alternative = alternative;
            output.push_str(&self.simple_once(simple));
        }
        (self.alternative, self.alternatives) = saved;
        output
    }

    fn simple_once(&mut self, simple: &ast::SimpleCommand) -> String {
        let mut gathered = Gathered::default();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.gather(item, &mut gathered);
        }
        if let Some(word) = &simple.word_or_name {
            gathered.arguments.extend(self.command_words(&word.value));
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.gather_argument(item, &mut gathered);
        }
        let outer = std::mem::replace(&mut self.part, joined(&gathered.arguments));
        let mut redirections = self.redirections(gathered.redirects.iter().copied());
        if gathered.arguments.is_empty() {
            for assignment in &gathered.assignments {
                self.assignment(assignment);
                self.prompt_hook(assignment);
            }
            // `$(< file)` prints the file.
            let output = redirections.stdin.take().unwrap_or_default();
            let output = if redirections.stdout.is_empty() { output } else { String::new() };
            self.part = redirections.shown();
            let output = self.deliver(&redirections, output);
            self.part = outer;
            return output;
        }
        let saved = self.state.variables.clone();
        for assignment in &gathered.assignments {
            self.assignment(assignment);
            self.environment(assignment);
        }
        let stdin = self.stdin.clone();
        if redirections.stdin.is_some() {
            self.stdin.clone_from(&redirections.stdin);
        }
        let network = (redirections.network_in, redirections.network_out);
        let output = self.execute(&gathered.arguments, network);
        if redirections.stdin.is_none() {
            // `read` took its line from what the others share.
        } else {
            self.stdin = stdin;
        }
        if !gathered.assignments.is_empty() {
            self.state.variables = saved;
        }
        let output = self.deliver(&redirections, output);
        self.drain_sinks(&gathered.arguments, &output);
        self.part = outer;
        output
    }

    fn gather<'a>(&mut self, item: &'a Item, gathered: &mut Gathered<'a>) {
        match item {
            Item::AssignmentWord(assignment, _) => gathered.assignments.push(assignment),
            Item::IoRedirect(_) | Item::Word(_) | Item::ProcessSubstitution(..) => {
                self.gather_argument(item, gathered);
            }
        }
    }

    fn gather_argument<'a>(&mut self, item: &'a Item, gathered: &mut Gathered<'a>) {
        match item {
            Item::IoRedirect(redirect) => gathered.redirects.push(redirect),
            Item::Word(word) | Item::AssignmentWord(_, word) => {
                gathered.arguments.extend(self.expand_fields(&word.value));
            }
            Item::ProcessSubstitution(kind, subshell) => {
                let read = matches!(kind, ast::ProcessSubstitutionKind::Read);
                let code = subshell.list.to_string();
                gathered.arguments.push(self.process_substitution(&code, read));
            }
        }
    }

    /// The first word; an alias made here is replaced as an interactive shell would.
    fn command_words(&mut self, raw: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut raw = raw.to_owned();
        for _ in 0..8 {
            let Some(alias) = self.state.aliases.get(&raw).cloned() else { break };
            let mut parts = alias.split_whitespace().map(str::to_owned);
            let first = parts.next().unwrap_or_default();
            let rest: Vec<String> = parts.collect();
            words.splice(0..0, rest);
            if first == raw {
                break;
            }
            raw = first;
        }
        let mut first = self.expand_fields(&raw);
        let rest: Vec<String> = words.iter().flat_map(|word| self.expand_fields(word)).collect();
        first.extend(rest);
        first
    }

    pub(super) fn assignment(&mut self, assignment: &ast::Assignment) {
        let values = match &assignment.value {
            ast::AssignmentValue::Scalar(word) => vec![self.expand_single(&word.value)],
            ast::AssignmentValue::Array(words) => {
                let mut values: Vec<String> = Vec::new();
                for (index, word) in words {
                    let fields = self.expand_fields(&word.value);
                    let at = index.as_ref().map(|i| self.arithmetic_text(&i.value).parse());
                    match at {
                        Some(Ok(at)) if at < ELEMENTS_MAX => {
                            if values.len() <= at {
                                values.resize(at + 1, HOLE.to_owned());
                            }
                            if let Some(slot) = values.get_mut(at) {
                                *slot = fields.concat();
                            }
                        }
                        _ => values.extend(fields),
                    }
                }
                values
            }
        };
        match &assignment.name {
            ast::AssignmentName::VariableName(name) => {
                let scalar = matches!(assignment.value, ast::AssignmentValue::Scalar(_));
                let variable = self.state.variables.entry(name.clone()).or_default();
                match (assignment.append, scalar) {
                    (false, _) => *variable = Variable { values, otherwise: Vec::new() },
                    (true, true) => {
                        let before = variable.values.first().cloned().unwrap_or_default();
                        let whole = before + &values.concat();
                        *variable =
                            Variable { values: vec![text::bounded(whole)], otherwise: Vec::new() };
                    }
                    (true, false) => variable.values.extend(values),
                }
                self.assigned(name);
                for value in self.state.array(name).unwrap_or_default().iter().take(16) {
                    self.hook_variable(name, value);
                }
            }
            ast::AssignmentName::ArrayElementName(name, index) => {
                if index.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
                    self.assign(&format!("{name}[{index}]"), values.concat());
                }
                let at: Option<usize> = self.arithmetic_text(index).parse().ok();
                let variable = self.state.variables.entry(name.clone()).or_default();
                let value = values.concat();
                match at {
                    Some(at) if at < ELEMENTS_MAX => {
                        if variable.values.len() <= at {
                            variable.values.resize(at + 1, HOLE.to_owned());
                        }
                        if let Some(slot) = variable.values.get_mut(at) {
                            *slot = value;
                        }
                    }
                    _ => variable.values = vec![ANY.to_string()],
                }
            }
        }
    }

    /// Variables whose code the shell itself runs, sooner or later.
    fn prompt_hook(&mut self, assignment: &ast::Assignment) {
        if let ast::AssignmentName::VariableName(name) = &assignment.name
            && matches!(name.as_str(), "PROMPT_COMMAND" | "PS0" | "PS1" | "PS2" | "PS4")
        {
            let value = self.peek(name).unwrap_or_default();
            if name == "PROMPT_COMMAND" && self.state.functions.contains_key(&value) {
                self.in_subshell(|machine| machine.run(&value));
            }
            self.code_variable(name, &value);
        }
    }

    /// Variables that make a program run code.
    pub(super) fn environment(&mut self, assignment: &ast::Assignment) {
        let ast::AssignmentName::VariableName(name) = &assignment.name else { return };
        let value = self.peek(name).unwrap_or_default();
        self.code_variable(name, &value);
    }

    /// As [`Machine::environment`], for a name and a value.
    pub(super) fn code_variable(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.hook_variable(name, value);
        match name {
            "PAGER"
            | "GIT_PAGER"
            | "MANPAGER"
            | "EDITOR"
            | "VISUAL"
            | "GIT_EDITOR"
            | "GIT_SSH_COMMAND"
            | "GIT_SSH"
            | "GIT_EXTERNAL_DIFF"
            | "GIT_SEQUENCE_EDITOR"
            | "PROMPT_COMMAND"
            | "LESSOPEN"
            | "BROWSER"
            | "GIT_ASKPASS"
            | "SSH_ASKPASS"
            | "SUDO_EDITOR"
            | "RSYNC_RSH" => {
                let code = value.trim_start_matches('|').to_owned();
                if code.contains(|c: char| c.is_whitespace() || c == ';')
                    || text::has_unknown(&code)
                {
                    self.in_subshell(|machine| machine.run(&code));
                }
            }
            // Prompts and options are expanded, and what is substituted in them runs.
            "PS0" | "PS1" | "PS4" | "ENV" | "MAKEFLAGS" | "GNUMAKEFLAGS" | "TAR_OPTIONS"
                if value.contains(['$', '`']) || name == "TAR_OPTIONS" =>
            {
                let code = match value.split_once("(shell ").or(value.split_once("command=")) {
                    Some((_, code)) => code.trim_end_matches(')').replace('\\', ""),
                    None => format!("echo \"{value}\""),
                };
                self.critical_only(|machine| machine.in_subshell(|machine| machine.run(&code)));
            }
            _ if [
                "PAGER",
                "EDITOR",
                "_RSH",
                "_COMMAND",
                "_CMD",
                "ASKPASS",
                "LESSCLOSE",
                "_SHELL",
                "_HOOK",
            ]
            .iter()
            .any(|part| name.ends_with(part))
                && value.trim().contains(char::is_whitespace)
                && !matches!(
                    name,
                    "PAGER"
                        | "EDITOR"
                        | "MANPAGER"
                        | "GIT_PAGER"
                        | "GIT_EDITOR"
                        | "SUDO_EDITOR"
                        | "GIT_SEQUENCE_EDITOR"
                        | "GIT_SSH_COMMAND"
                        | "PROMPT_COMMAND"
                        | "GIT_ASKPASS"
                        | "SSH_ASKPASS"
                        | "RSYNC_RSH"
                ) =>
            {
                let code = value.to_owned();
                self.critical_only(|machine| machine.in_subshell(|machine| machine.run(&code)));
            }
            _ if name.starts_with("GIT_CONFIG_VALUE_") || name == "GIT_CONFIG_PARAMETERS" => {
                let code = value.rsplit("='").next().unwrap_or(value);
                let code = code.trim_matches(['\'', ' ']).trim_start_matches('!').to_owned();
                self.critical_only(|machine| machine.in_subshell(|machine| machine.run(&code)));
            }
            "BASH_ENV" | "ENV" | "PYTHONSTARTUP" | "PERL5OPT" | "RUBYOPT" | "NODE_OPTIONS" => {
                let content = self.content(value);
                if text::is_literal(&content) {
                    self.in_subshell(|machine| machine.run(&content));
                } else if content.contains([FETCHED, FETCHED_UNSAFE]) {
                    self.remote_code(&content);
                }
            }
            "LD_PRELOAD" | "LD_AUDIT" | "LD_LIBRARY_PATH"
                if name == "LD_PRELOAD" || name == "LD_AUDIT" =>
            {
                let content: String =
                    value.split([':', ' ']).map(|library| self.content(library)).collect();
                if content.contains([FETCHED, FETCHED_UNSAFE]) {
                    self.remote_code(&content);
                }
                self.hit(
                    "shell.preload",
                    Risk::Critical,
                    "puts a library into the program that nobody has looked into",
                    "",
                );
            }
            _ => {}
        }
    }

    /// `>(code)` whose writer is not known to have written.
    fn drain_sinks(&mut self, arguments: &[String], output: &str) {
        for argument in arguments {
            if let Some(code) = self.sinks.remove(argument) {
                let stdin = text::residue(output);
                self.in_subshell(|machine| {
                    machine.stdin = Some(stdin);
                    machine.run(&code);
                });
            }
        }
    }

    /// Runs a command whose words are resolved; what it prints.
    pub(super) fn execute(&mut self, arguments: &[String], network: (bool, bool)) -> String {
        self.deeper(|machine| machine.execute_here(arguments, network))
    }

    fn execute_here(&mut self, arguments: &[String], network: (bool, bool)) -> String {
        let Some((name, rest)) = arguments.split_first() else { return String::new() };
        if !self.spend(1) {
            return ANY.to_string();
        }
        if name.is_empty() {
            return if rest.is_empty() { String::new() } else { self.execute(rest, network) };
        }
        if name.contains([FETCHED, FETCHED_UNSAFE]) {
            self.remote_code(name);
            return ANY.to_string();
        }
        if text::has_unknown(name) || text::has_glob(name) {
            return self.unresolved_command(name, rest);
        }
        if let Some(output) = self.call(name, rest) {
            return output;
        }
        self.execute_program(arguments, network)
    }

    /// As [`Machine::execute`], functions of that name left aside: what `command` does.
    pub(super) fn execute_program(
        &mut self,
        arguments: &[String],
        network: (bool, bool),
    ) -> String {
        let Some((name, rest)) = arguments.split_first() else { return String::new() };
        if text::has_unknown(name) || text::has_glob(name) {
            return self.unresolved_command(name, rest);
        }
        let plain = self.program(name);
        if let Some(output) = builtins::run(self, &plain, rest, network) {
            return output;
        }
        self.judge_program(&plain, name, rest, network)
    }

    /// The name by which the registry knows a program.
    fn program(&self, name: &str) -> String {
        if !name.contains('/') && !name.starts_with(text::is_mark) {
            return name.to_owned();
        }
        let resolved = self.resolve(name);
        // A link made here is what it leads to.
        let known = self.programs.get(&resolved).cloned();
        known.unwrap_or_else(|| {
            let base = paths::base(&resolved);
            let plain = !base.is_empty() && text::is_literal(base);
            if plain { base } else { paths::base(name) }.to_owned()
        })
    }

    fn judge_program(
        &mut self,
        plain: &str,
        name: &str,
        rest: &[String],
        network: (bool, bool),
    ) -> String {
        self.loads(plain, name, rest);
        if name.contains('/') {
            let resolved = self.resolve(name);
            if let Some(service) = ["/etc/init.d/", "/etc/rc.d/init.d/", "/etc/rc.d/"]
                .iter()
                .find_map(|directory| resolved.strip_prefix(directory))
                .filter(|service| !service.contains('/') && !self.files.contains_key(&resolved))
            {
                let words: Vec<String> = ["service".to_owned(), service.to_owned()]
                    .into_iter()
                    .chain(rest.iter().cloned())
                    .collect();
                return self.execute(&words, network);
            }
            if !self.programs.contains_key(&resolved)
                && let Some(content) = self.files.get(&resolved).cloned()
            {
                return self.run_script(&content, plain, rest);
            }
            if self.is_fetched(&resolved) {
                self.remote_code(&FETCHED_UNSAFE.to_string());
                return ANY.to_string();
            }
        }
        if let Some(words) = Machine::stands_for(plain, rest) {
            return self.execute(&words, network);
        }
        if self.file_server(plain, rest) {
            return ANY.to_string();
        }
        self.fetching(plain, rest);
        // The older program is the newer one's subcommand.
        if let Some(engine) = plain.strip_suffix("-compose")
            && matches!(engine, "docker" | "podman" | "nerdctl")
        {
            let words: Vec<String> =
                std::iter::once("compose".to_owned()).chain(rest.iter().cloned()).collect();
            return self.judge_program(engine, engine, &words, network);
        }
        match registry().find(plain) {
            Some(Known::ReadOnly) => self.carried(rest),
            Some(Known::Command(command)) => self.described(command, plain, rest, network),
            None => {
                // The shell calls it for a name that it does not find.
                let words: Vec<String> =
                    std::iter::once(plain.to_owned()).chain(rest.iter().cloned()).collect();
                for hook in ["command_not_found_handle", "command_not_found_handler"] {
                    if !name.contains('/') && self.state.functions.contains_key(hook) {
                        self.call(hook, &words);
                    }
                }
                self.hidden(plain, rest, None);
                if !self.self_described(name, rest) {
                    self.unknown_program(plain);
                }
                self.carried(rest)
            }
        }
    }

    fn unknown_program(&mut self, name: &str) {
        let text = format!("{} is not known here: what it does cannot be told", text::shown(name));
        self.hit("shell.unknown_program", Risk::Warning, text, "");
    }

    fn unresolved_command(&mut self, name: &str, rest: &[String]) -> String {
        let literal = name.chars().filter(|c| c.is_ascii_alphanumeric()).count();
        if text::has_glob(name) || literal > 0 {
            let pattern = name.trim_start_matches('\u{F0001}');
            let fits = |candidate: &&&str| {
                ["", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].iter().any(|directory| {
                    text::glob_matches(pattern, &format!("{directory}{candidate}"))
                })
            };
            for candidate in CANDIDATES.iter().filter(fits).take(CANDIDATES_MAX) {
                let part =
                    std::mem::replace(&mut self.part, format!("{candidate} {}", joined(rest)));
                self.judge_program(candidate, candidate, rest, (false, false));
                self.part = part;
            }
        }
        self.hit(
            "shell.unresolved_command",
            Risk::Critical,
            "which command this is cannot be known before it runs",
            "write the command's name plainly",
        );
        ANY.to_string()
    }

    /// A command that the registry describes.
    fn described(
        &mut self,
        command: &'static Command,
        name: &str,
        rest: &[String],
        network: (bool, bool),
    ) -> String {
        let parsed = Parsed::new(rest, command.style, &command.value_options);
        let asks = |o: &(String, Option<String>)| match o.0.as_str() {
            "--help" => true,
            // `install NAME --version 1.2` asks for that version, not for the program's own.
            "--version" => o.1.is_none() && !rest.windows(2).any(names_a_version),
            _ => false,
        };
        let harmless = |o: &(String, Option<String>)| command.harmless.contains(&o.0);
        // A negated dry run (`--dry-run=none`, `=false`) is none.
        let denied = |o: &(String, Option<String>)| {
            matches!(o.1.as_deref(), Some("none" | "false" | "no" | "0"))
        };
        let wraps = command
            .runs
            .as_ref()
            .is_some_and(|runs| runs.operands_from.is_some() || runs.shell_from.is_some());
        let help = parsed.options.iter().any(asks) && (!wraps || parsed.operands.is_empty());
        if help || parsed.options.iter().any(|o| harmless(o) && !denied(o)) {
            for (_, value) in parsed.options.iter().filter(|(o, _)| command.writes.contains(o)) {
                if let Some(path) = value.clone().filter(|_| !help) {
                    self.write(&Write::new(&path, &ANY.to_string()));
                }
            }
            // A dry run starts its hooks all the same.
            if !help {
                self.code_options(command.handler, &parsed);
            }
            return self.carried(rest);
        }
        let stdin = self.stdin.clone();
        match command.rule.iter().find(|rule| rule.matches(&parsed, stdin.as_deref())) {
            Some(rule) if rule.risk > Risk::Info && rule.acts(&parsed) => {
                let reason = if rule.reason.is_empty() { &command.reason } else { &rule.reason };
                self.hit(&rule.id, rule.risk, reason.clone(), &rule.instead);
            }
            None if command.risk == Risk::Warning && self.by_verb(command, name, rest) => {}
            None if command.risk > Risk::Info => {
                let reason =
                    if command.reason.is_empty() { "changes state" } else { &command.reason };
                self.hit(&command.id, command.risk, reason, &command.instead);
            }
            Some(_) | None => {}
        }
        self.code_options(command.handler, &parsed);
        self.hidden(name, rest, Some(command));
        self.effects_of(command, &parsed, rest);
        if let Some(runs) = &command.runs {
            self.wrapped(runs, name, &parsed, rest);
        }
        match command.handler {
            Some(handler) => handlers::run(self, handler, name, &parsed, rest, network),
            None => self.carried(rest),
        }
    }

    /// Lets the verb decide where no rule of a described program does; whether it did.
    fn by_verb(&mut self, command: &Command, name: &str, rest: &[String]) -> bool {
        let wraps =
            command.runs.as_ref().is_some_and(|r| r.operands_from.is_some() && r.sub.is_empty());
        let git = command.handler == Some(handlers::Handler::Git);
        if wraps || git || command.style == Style::Plain && command.rule.is_empty() {
            return false;
        }
        let subcommands = command.verbs || command.rule.iter().any(|rule| !rule.sub.is_empty());
        let known = match (command.verbs, subcommands) {
            (true, _) => verbs::Known::Verbs,
            (false, true) => verbs::Known::Subcommands,
            (false, false) => verbs::Known::Operands,
        };
        if subcommands && verbs::is_preview(rest) {
            return true;
        }
        match verbs::spoken(rest, known) {
            Some(verbs::Verb::Destroys) => {
                self.destructive_verb(name);
                true
            }
            Some(verbs::Verb::Reads) => subcommands,
            None if subcommands && command.handler.is_none() => {
                let stdin = self.stdin.clone().unwrap_or_default();
                let destroys =
                    verbs::carried(rest, command.verbs).into_iter().any(|c| verbs::statements(c))
                        || verbs::statements(&stdin);
                if destroys {
                    self.destructive_verb(name);
                }
                let codes = verbs::carried(rest, command.verbs);
                destroys || (command.verbs && stdin.is_empty() && verbs::statements_read(&codes))
            }
            None => false,
        }
    }

    /// Options whose value a program runs: hooks, filters, editors, checkpoint actions. Only what is
    /// dangerous counts: the value of an option with such a name need not be code.
    fn code_options(&mut self, handler: Option<handlers::Handler>, parsed: &Parsed) {
        const NAMES: [&str; 17] = [
            "exec", "command", "cmd", "script", "hook", "invoke", "shell", "action", "pager",
            "editor", "rsh", "askpass", "program", "unzip", "filter", "trigger", "on-",
        ];
        use handlers::Handler as H;
        if matches!(
            handler,
            Some(
                H::Sql
                    | H::Redis
                    | H::Mongo
                    | H::Editor
                    | H::Find
                    | H::Curl
                    | H::Git
                    | H::Docker
                    | H::Filter
                    | H::Archive
                    | H::Ansible
            )
        ) {
            return;
        }
        for (name, value) in &parsed.options {
            let Some(value) = value else { continue };
            let (key, code) = match value.split_once('=') {
                Some((key, code)) if !key.contains(' ') => (format!("{name}{key}"), code),
                _ => (name.clone(), value.as_str()),
            };
            let key = key.to_ascii_lowercase();
            if !code.contains(char::is_whitespace) || !NAMES.iter().any(|n| key.contains(n)) {
                continue;
            }
            let kept = std::mem::take(&mut self.hits);
            let code = code.to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
            let found = std::mem::replace(&mut self.hits, kept);
            for hit in found.into_iter().filter(|h| {
                h.risk >= Risk::Critical
                    && !h.id.starts_with("shell.unresolved")
                    && h.id != "shell.parse"
            }) {
                self.hits.push(hit);
            }
        }
    }

    /// What a program passes on of what it read, as far as it matters: secrets and foreign code.
    pub(super) fn carried(&mut self, arguments: &[String]) -> String {
        let mut seen = self.stdin.clone().unwrap_or_default();
        for argument in arguments.iter().take(64) {
            if argument.starts_with('-') && !argument.contains('/') {
                continue;
            }
            seen.push_str(argument);
            let path = argument.rsplit('=').next().unwrap_or(argument).trim_start_matches('@');
            if path.contains('/')
                || path.starts_with('.')
                || self.files.contains_key(&self.resolve(path))
            {
                seen.push_str(&self.content(path));
            }
        }
        text::residue(&seen)
    }
}

/// Words as a line.
pub(super) fn joined(arguments: &[String]) -> String {
    arguments.join(" ")
}

/// Whether this is `--version` with a number of a version behind it.
fn names_a_version(pair: &[String]) -> bool {
    let [option, value] = pair else { return false };
    let number = value.trim_start_matches(['=', '<', '>', '~', '^', 'v', ' ']);
    option == "--version" && number.starts_with(|c: char| c.is_ascii_digit())
}
