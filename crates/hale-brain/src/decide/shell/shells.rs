//! Shells, editors, make, git, awk and kill: programs whose arguments are code or name processes.

use hale_model::action::Risk;

use super::effects::Write;
use super::machine::{Machine, PART_CHARS_MAX};
use super::options::{Parsed, Style};
use super::paths;
use super::simple;
use super::text::{self, ANY, SHELL_OUTPUT};

impl Machine {
    pub(super) fn shell(
        &mut self,
        name: &str,
        arguments: &[String],
        network: (bool, bool),
    ) -> String {
        let values = ["-o", "+o", "-O", "+O", "--rcfile", "--init-file"].map(str::to_owned);
        let parsed = Parsed::new(arguments, Style::Posix, &values);
        if parsed.has(&["--help", "--version"]) {
            return ANY.to_string();
        }
        let letters = |letter: &str| parsed.options.iter().any(|(o, _)| o == letter);
        let checks_only = letters("-n") || parsed.values(&["-o"]).contains(&"noexec");
        for file in parsed
            .values(&["--rcfile", "--init-file"])
            .iter()
            .map(|v| (*v).to_owned())
            .collect::<Vec<_>>()
        {
            let content = self.content(&file);
            if content.chars().any(|c| !text::is_mark(c))
                || content.contains([text::FETCHED, text::FETCHED_UNSAFE])
            {
                self.in_subshell(|machine| machine.run_text(&content));
            }
        }
        if letters("-c") {
            let mut operands = parsed.operands.iter().cloned();
            let code = operands.next().unwrap_or_default();
            let zero = operands.next();
            let positional: Vec<String> = operands.collect();
            if checks_only {
                return String::new();
            }
            return self.in_subshell(|machine| {
                machine.state.functions.clear();
                machine.state.positional = positional;
                machine.state.positional_known = true;
                if let Some(zero) = zero {
                    machine.assign("0", zero);
                }
                machine.run_text(&code)
            });
        }
        if let Some(script) = parsed.operand(0).filter(|script| !letters("-s") && *script != "-") {
            return if checks_only { String::new() } else { self.script(name, script, &parsed) };
        }
        self.shell_on_stdin(&parsed, network, checks_only)
    }

    fn script(&mut self, name: &str, script: &str, parsed: &Parsed) -> String {
        let content = self.content(script);
        let known = content.chars().any(|c| !text::is_mark(c));
        let rest = parsed.operands.get(1..).unwrap_or_default().to_vec();
        if known || content.contains([text::FETCHED, text::FETCHED_UNSAFE]) {
            return self.run_script(&content, name, &rest);
        }
        if Machine::is_substitution(script)
            || matches!(script, "/dev/stdin" | "-")
            || text::has_unknown(script)
            || content.contains(text::DECODED)
        {
            self.unknown_code(&content);
        } else {
            self.hit(
                "shell.script",
                Risk::Warning,
                format!("runs the script {}, which is not looked into", text::shown(script)),
                "read it first",
            );
        }
        ANY.to_string()
    }

    fn shell_on_stdin(
        &mut self,
        parsed: &Parsed,
        network: (bool, bool),
        checks_only: bool,
    ) -> String {
        if network.0 || network.1 {
            self.hit("shell.reverse_shell", Risk::Deny, "connects a shell to the network", "");
            return ANY.to_string();
        }
        if checks_only {
            return String::new();
        }
        match self.stdin.clone() {
            Some(code) => {
                let literal = code.chars().any(|c| !text::is_mark(c));
                let positional = parsed.operands.clone();
                if literal || code.contains([text::FETCHED, text::FETCHED_UNSAFE]) {
                    self.in_subshell(|machine| {
                        machine.state.positional = positional;
                        machine.state.positional_known = true;
                        machine.stdin = Some(ANY.to_string());
                        machine.run_text(&code)
                    })
                } else if code.is_empty() {
                    String::new()
                } else {
                    self.unknown_code(&code);
                    text::residue(&SHELL_OUTPUT.to_string())
                }
            }
            None => {
                if !parsed.has(&["-l", "--login"]) || parsed.operands.is_empty() {
                    self.hit(
                        "shell.interactive",
                        Risk::Warning,
                        "opens a shell: what is typed there is not seen here",
                        "name the command",
                    );
                }
                text::residue(&SHELL_OUTPUT.to_string())
            }
        }
    }

    pub(super) fn editor(&mut self, name: &str, arguments: &[String]) -> String {
        let mut files: Vec<String> = Vec::new();
        let mut rest = arguments.iter();
        let mut reads = name == "view";
        let mut commands: Vec<String> = Vec::new();
        let line_editor = matches!(name, "ed" | "red" | "ex")
            || arguments.iter().any(|a| matches!(a.as_str(), "-es" | "-e" | "-s"));
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-sc" | "-ec" | "-nc" | "-esc" | "-Esc" | "-Ec"
                    if !matches!(name, "nano" | "ed") =>
                {
                    commands.extend(rest.next().cloned());
                }
                "-c" | "--cmd" | "--eval" | "-eval" | "--execute"
                    if !matches!(name, "nano" | "ed") =>
                {
                    commands.extend(rest.next().cloned());
                }
                "-R" | "-M" | "--readonly" | "--version" | "--help" => reads = true,
                "-u" | "-S" | "-T" | "-l" | "--load" if !matches!(name, "ed" | "nano") => {
                    rest.next();
                }
                other => match other.strip_prefix('+') {
                    Some(command) if !command.is_empty() => commands.push(command.to_owned()),
                    _ if other.starts_with('-') => {}
                    _ => files.push(other.to_owned()),
                },
            }
        }
        if line_editor && let Some(stdin) = self.stdin.clone() {
            commands.extend(stdin.lines().map(str::to_owned));
        }
        for command in &commands {
            self.editor_command(command);
        }
        let plain = |c: &String| c.trim().trim_start_matches(':').trim_end_matches('!').to_owned();
        let empties = commands.iter().any(|c| {
            matches!(
                plain(c).as_str(),
                "%d" | ",d" | "1,$d" | "%d_" | "%delete" | "g/^/d" | "g/.*/d" | "%d _"
            )
        });
        // Scripted without a write it saves nothing.
        let ed = matches!(name, "ed" | "red");
        let saves = |c: &String| {
            let c = plain(c);
            if ed {
                // Behind the lines it is for: `w`, `1,5w`, `$w file`, `wq`.
                let verb =
                    c.trim_start_matches(|d: char| d.is_ascii_digit() || ",.$%;+- ".contains(d));
                return verb.starts_with(['w', 'W']) || verb == "x";
            }
            c.contains(['w', 'x']) && c.len() < 24
                || c.contains("|w")
                || c.contains("| w")
                || c.starts_with("up")
                || c.contains("ZZ")
        };
        let scripted = !commands.is_empty();
        if scripted
            && !commands.iter().any(saves)
            && (ed || commands.iter().any(|c| plain(c).starts_with('q')))
        {
            reads = true;
        }
        if !reads {
            let content = commands.join("\n");
            for file in files {
                let write = Write::new(&file, if empties { "" } else { &content });
                self.write(&if empties { write } else { write.edit() });
            }
        }
        ANY.to_string()
    }

    fn editor_command(&mut self, command: &str) {
        let command = command.trim().trim_start_matches(':');
        let command =
            command.strip_prefix("silent").map_or(command, |c| c.trim_start_matches('!')).trim();
        // Emacs Lisp.
        for call in
            ["shell-command", "call-process", "delete-directory", "delete-file", "start-process"]
        {
            if let Some((_, after)) = command.split_once(call) {
                let strings: Vec<&str> = after.split('"').skip(1).step_by(2).collect();
                let first = strings.first().copied().unwrap_or("$unknown");
                let code = match call {
                    "delete-directory" => format!("rm -rf {first}"),
                    "delete-file" => format!("rm {first}"),
                    "shell-command" => first.to_owned(),
                    _ => strings.join(" "),
                };
                self.in_subshell(|machine| machine.run_text(&code));
                return;
            }
        }
        let quoted = |rest: &str| {
            rest.trim_start_matches(['\'', '"', ' '])
                .split(['\'', '"'])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let calls = [
            "system(",
            "libcallnr(",
            "libcall(",
            "systemlist(",
            "os.execute(",
            "io.popen(",
            "term_start(",
            "job_start(",
        ];
        // `!cmd`, `%!cmd`, `r !cmd`, `w !cmd`, `exe "!cmd"`, ed's `e !cmd`.
        let bang = command.split_once('!').filter(|(head, code)| {
            let head = head.trim().trim_start_matches(|c: char| {
                c.is_ascii_digit() || matches!(c, '%' | ',' | '.' | '$')
            });
            !code.is_empty()
                && matches!(
                    head,
                    "" | "r"
                        | "read"
                        | "w"
                        | "write"
                        | "e"
                        | "f"
                        | "exe '"
                        | "exe \""
                        | "execute '"
                        | "execute \""
                        | "sil"
                        | "norm :"
                        | "terminal ++noclose"
                        | "ter"
                )
        });
        if let Some((_, rest)) = calls.iter().find_map(|call| command.split_once(call)) {
            let code = quoted(rest);
            self.in_subshell(|machine| machine.run_text(&code));
        } else if let Some((_, code)) = bang {
            let code = code.trim_matches(['\'', '"']).to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
        } else if let Some(code) =
            ["term ", "terminal ", "te "].iter().find_map(|t| command.strip_prefix(t))
        {
            let code = code.to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
        } else if command.starts_with("py") && command.contains(' ') {
            let body = command.split_once(' ').map(|(_, b)| b.to_owned()).unwrap_or_default();
            self.in_subshell(|machine| machine.run_body("python", &body));
        }
    }

    pub(super) fn make(&mut self, parsed: &Parsed, arguments: &[String]) -> String {
        self.builds(arguments);
        for argument in arguments {
            if let Some((name, value)) = argument.split_once('=')
                && matches!(name, "SHELL" | ".SHELLFLAGS")
                && !value.is_empty()
            {
                self.hit(
                    "development.make.shell",
                    Risk::Critical,
                    "replaces the shell of every recipe",
                    "",
                );
            }
        }
        for code in
            parsed.values(&["--eval", "-E"]).iter().map(|v| (*v).to_owned()).collect::<Vec<_>>()
        {
            let recipes: Vec<String> = code
                .lines()
                .flat_map(|line| {
                    let shell =
                        line.split("$(shell ").nth(1).map(|c| c.trim_end_matches(')').to_owned());
                    let recipe = line
                        .split_once(':')
                        .map(|(_, r)| r.trim_start_matches([';', ' ', '\t', '=']).to_owned());
                    let tabbed = line.strip_prefix('\t').map(str::to_owned);
                    [shell, tabbed, recipe].into_iter().flatten()
                })
                .collect();
            for recipe in recipes {
                let recipe = recipe.trim_start_matches(['@', '-', '+']).to_owned();
                self.in_subshell(|machine| machine.run_text(&recipe));
            }
        }
        let file = parsed.value(&["-f", "--file", "--makefile"]).map(str::to_owned);
        let content = match file.as_deref() {
            Some("-" | "/dev/stdin" | "/dev/fd/0") => self.stdin.clone(),
            Some(path) => self.files.get(&self.resolve(path)).cloned(),
            None => self.files.get(&self.resolve("Makefile")).cloned(),
        };
        for line in content.iter().flat_map(|c| c.lines()) {
            let recipe = line.strip_prefix('\t').or_else(|| line.split_once(';').map(|(_, r)| r));
            if let Some(recipe) = recipe {
                let recipe = recipe.trim_start_matches(['@', '-', '+']).replace("$$", "$");
                self.in_subshell(|machine| machine.run_text(&recipe));
            }
        }
        ANY.to_string()
    }

    pub(super) fn awk(&mut self, parsed: &Parsed) -> String {
        let mut operands = parsed.operands.clone();
        let mut programs: Vec<String> =
            parsed.values(&["-e", "--source"]).iter().map(|v| (*v).to_owned()).collect();
        let from_file =
            parsed.values(&["-f", "--file"]).iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        for file in &from_file {
            programs.push(self.content(file));
        }
        if programs.is_empty() && !operands.is_empty() {
            programs.push(operands.remove(0));
        }
        let files: Vec<String> = operands.iter().filter(|o| !o.contains('=')).cloned().collect();
        let input = self.input(&files);
        for (name, value) in parsed
            .values(&["-v"])
            .iter()
            .filter_map(|v| v.split_once('='))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
        {
            self.assign(&name, value);
        }
        let mut output = text::residue(&input);
        for program in &programs {
            let program = text::unglobbed(program);
            if let Some(printed) = self.awk_program(&program, &input) {
                output = printed;
            }
        }
        output
    }

    pub(super) fn git(&mut self, _parsed: &Parsed, arguments: &[String]) -> String {
        let values =
            ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"]
                .map(str::to_owned);
        let outer = Parsed::new(arguments, Style::Posix, &values);
        let sub = outer.operand(0).unwrap_or_default().to_owned();
        let at = outer.positions.first().copied().unwrap_or(arguments.len());
        let rest = arguments.get(at + 1..).unwrap_or_default();
        for setting in outer
            .values(&["-c", "--config-env"])
            .iter()
            .map(|v| (*v).to_owned())
            .collect::<Vec<_>>()
        {
            if let Some((key, value)) = setting.split_once('=') {
                self.git_setting(key, value);
                if key.to_ascii_lowercase().strip_prefix("alias.") == Some(sub.as_str()) {
                    self.git_alias(value, rest);
                }
            }
        }
        self.secret_in_git(&outer, &sub, rest);
        match sub.as_str() {
            "clean"
                if rest
                    .iter()
                    .any(|a| a.starts_with('-') && (a.contains('f') || a == "--force"))
                    && !rest.iter().any(|a| {
                        a == "--dry-run"
                            || (a.starts_with('-') && !a.starts_with("--") && a.contains('n'))
                    }) =>
            {
                // Untracked files of a system directory are the system.
                let top = outer.value(&["-C", "--work-tree"]).unwrap_or(".").to_owned();
                let resolved = self.resolve(&top);
                if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                    let how = super::effects::Delete { recursive: true, ..Default::default() };
                    self.delete(&top, how);
                }
            }
            "bisect" if rest.first().is_some_and(|a| a == "run") => {
                let command = rest.get(1..).unwrap_or_default().to_vec();
                self.in_subshell(|machine| machine.execute(&command, (false, false)));
            }
            "rebase" | "grep" | "submodule" | "filter-branch" | "difftool" | "mergetool"
            | "clone" | "fetch" | "ls-remote" | "pull" | "push" | "archive" => {
                self.git_commands(&sub, rest);
                if sub == "clone" {
                    self.cloned(rest);
                }
            }
            "config" => {
                let plain: Vec<&String> = rest.iter().filter(|a| !a.starts_with('-')).collect();
                if let [key, value] = plain.as_slice() {
                    let (key, value) = ((*key).clone(), (*value).clone());
                    self.git_setting(&key, &value);
                }
            }
            _ => {}
        }
        self.carried(arguments)
    }

    /// A secret that is added, committed and pushed leaves the machine.
    fn secret_in_git(&mut self, outer: &Parsed, sub: &str, rest: &[String]) {
        let top = outer.value(&["-C", "--work-tree"]).unwrap_or(".").to_owned();
        let everything = |a: &String| matches!(a.as_str(), "-A" | "--all" | "-u" | "--update");
        match sub {
            "add" | "stage" => {
                let secret = |path: &String| {
                    let path = if path.starts_with('/') || path.starts_with(text::HOME) {
                        path.clone()
                    } else {
                        format!("{top}/{path}")
                    };
                    let resolved = self.resolve(&path);
                    // Files of a project that merely have such a name are its own affair.
                    let outside = resolved.starts_with('/') || resolved.starts_with(text::HOME);
                    (outside
                        && paths::is_secret(&resolved)
                        && !paths::is_system_top(&resolved)
                        && path != top)
                        || self.holds_copied_secret(&path)
                };
                let named = rest.iter().filter(|a| !a.starts_with('-')).any(secret);
                let all = rest.iter().any(everything) && self.holds_copied_secret(&top);
                self.secret_staged |= named || all;
            }
            "commit" => {
                let short = |a: &String| {
                    a.starts_with('-')
                        && !a.starts_with("--")
                        && a.chars().skip(1).any(|c| c == 'a')
                };
                let all = rest.iter().any(|a| a == "--all" || short(a));
                self.secret_committed |=
                    self.secret_staged || (all && self.holds_copied_secret(&top));
            }
            "push"
                if self.secret_committed && !rest.iter().any(|a| a == "-n" || a == "--dry-run") =>
            {
                self.send(&text::SECRET.to_string(), "another repository", false);
            }
            _ => {}
        }
    }

    /// A call of an alias that was made on the spot: what it stands for is judged, not its name.
    fn git_alias(&mut self, value: &str, rest: &[String]) {
        let part: String = text::shown(&self.part).chars().take(PART_CHARS_MAX).collect();
        self.hits.retain(|hit| hit.id != "git.change" || hit.part != part);
        if rest.is_empty() {
            return;
        }
        let words: Vec<String> =
            rest.iter().map(|w| format!("'{}'", w.replace('\'', ""))).collect();
        let value = match value.strip_prefix('!') {
            Some(code) => code.to_owned(),
            None => format!("git {value}"),
        };
        let code = format!("{value} {}", words.join(" "));
        self.in_subshell(|machine| machine.run_text(&code));
    }

    fn git_commands(&mut self, sub: &str, rest: &[String]) {
        let values = [
            "-x",
            "--exec",
            "-O",
            "--open-files-in-pager",
            "-u",
            "--upload-pack",
            "--receive-pack",
            "--tree-filter",
            "--index-filter",
            "--msg-filter",
            "--env-filter",
            "-c",
            "--config",
            "-x",
            "--extcmd",
            "--remote",
        ];
        let parsed = super::files::gnu(rest, &values);
        let codes = parsed.values(&[
            "-x",
            "--exec",
            "-O",
            "--open-files-in-pager",
            "--upload-pack",
            "-u",
            "--receive-pack",
            "--tree-filter",
            "--index-filter",
            "--msg-filter",
            "--env-filter",
            "--extcmd",
        ]);
        for code in codes.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>() {
            if sub == "push" && !code.contains(' ') && !code.contains('/') {
                continue;
            }
            self.in_subshell(|machine| machine.run_text(&code));
        }
        if sub == "submodule" && parsed.operand(0) == Some("foreach") {
            let code = simple::joined(parsed.operands.get(1..).unwrap_or_default());
            self.in_subshell(|machine| machine.run_text(&code));
        }
        for operand in &parsed.operands {
            if let Some(code) = operand.strip_prefix("ext::") {
                let code = code.to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
        }
    }

    /// Settings that are commands.
    fn git_setting(&mut self, key: &str, value: &str) {
        let key = key.to_ascii_lowercase();
        let command = key.starts_with("alias.")
            || matches!(
                key.as_str(),
                "core.pager"
                    | "core.editor"
                    | "core.sshcommand"
                    | "core.fsmonitor"
                    | "diff.external"
                    | "credential.helper"
                    | "sequence.editor"
                    | "core.askpass"
                    | "gpg.program"
                    | "core.hookspath"
                    | "core.gitproxy"
            )
            || key.starts_with("pager.")
            || key.ends_with(".textconv")
            || key.ends_with(".clean")
            || key.ends_with(".smudge")
            || key.ends_with(".cmd");
        if !command {
            return;
        }
        let alias = key.starts_with("alias.");
        match value.strip_prefix('!') {
            Some(code) => {
                let code = code.to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
            None if alias => {
                let code = format!("git {value}");
                self.in_subshell(|machine| machine.run_text(&code));
            }
            None if value.contains([' ', ';', '$', '`', '|']) => {
                let code = value.to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
            None => {}
        }
    }
}
