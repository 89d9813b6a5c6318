//! Options that load code: script files, modules and libraries that are not looked into, hooks that run
//! in dry runs too.

use hale_model::action::Risk;

use super::effects::Write;
use super::hooks::{Place, is_program};
use super::machine::Machine;
use super::registry::registry;
use super::text::{self, ANY};

/// Lines of one script file that are judged.
const LINES_MAX: usize = 64;

/// Programs and their options that name a file of code.
const SCRIPTS: &[(&[&str], &[&str])] = &[
    (&["sh", "bash", "dash", "ksh", "mksh", "zsh"], &["--rcfile", "--init-file"]),
    (&["gdb", "cgdb"], &["-x", "-ix", "-command", "--command", "-init-command", "--init-command"]),
    (&["lldb"], &["-s", "-S", "--source", "--source-before-file"]),
    (&["vi", "vim", "nvim", "view", "ex", "gvim", "vimdiff"], &["-S", "-u", "-U"]),
    (&["emacs"], &["-l", "--load", "--script", "-x"]),
    (&["awk", "gawk", "mawk", "nawk", "original-awk"], &["-f", "--file", "-E", "--exec"]),
    (&["awk", "gawk"], &["-i", "--include"]),
    (&["sed", "gsed"], &["-f", "--file"]),
    (&["dc"], &["-f", "--file"]),
    (&["curl"], &["-K", "--config"]),
    (&["wget", "wget2"], &["--config"]),
    (&["ssh", "scp", "sftp", "autossh"], &["-F"]),
    (&["sqlite3"], &["-init", "--init"]),
];

/// Programs and their options that name a library.
const LIBRARIES: &[(&[&str], &[&str])] = &[
    (&["gawk", "awk"], &["-l", "--load"]),
    (&["ssh", "scp", "sftp"], &["-I"]),
    (&["ssh-keygen"], &["-D", "-w"]),
    (&["ssh-add"], &["-s", "-S"]),
    (&["openssl"], &["-engine", "-provider-path", "-engine_impl"]),
    (&["nmap", "sqlite3"], &["--load-extension"]),
];

impl Machine {
    /// What a program loads or starts before it does what its arguments say.
    pub(super) fn loads(&mut self, program: &str, name: &str, arguments: &[String]) {
        if let Some(body) = name.strip_prefix("BASH_FUNC_").and_then(|f| f.split_once("%%=")) {
            // A function that is handed on in the environment.
            let code = format!("f{}; f", body.1);
            self.in_subshell(|machine| machine.run_text(&code));
            self.execute(arguments, (false, false));
            return;
        }
        if name.contains('/')
            && registry().find(program).is_some()
            && self.place(name) == Place::Open
            && !self.is_known_program(name)
        {
            self.hit(
                "shell.script",
                Risk::Warning,
                format!("runs the program {}, which is not looked into", text::shown(name)),
                "look at it first",
            );
        }
        self.used_variables(program, arguments);
        self.script_files(program, arguments);
        self.libraries(program, arguments);
        match program {
            "awk" | "gawk" | "mawk" | "nawk" => self.awk_loads(arguments),
            "dc" => self.desk_calculator(arguments),
            "make" | "gmake" | "bmake" => self.make_always(arguments),
            "rsync" => {
                for command in values(arguments, &["-e", "--rsh", "--rsync-path"]) {
                    self.started(&command);
                }
            }
            "git" => self.git_loads(arguments),
            "php" => self.php_settings(arguments),
            "nmap" => {
                for script in values(arguments, &["--script"]) {
                    for file in script.split(',').filter(|s| s.contains('/')) {
                        self.unread(file);
                    }
                }
            }
            _ if ["perl*", "ruby*", "irb", "node", "nodejs", "java", "bun"]
                .iter()
                .any(|p| is_program(p, program)) =>
            {
                self.module_options(program, arguments);
            }
            _ => {}
        }
    }

    fn script_files(&mut self, program: &str, arguments: &[String]) {
        for (programs, options) in SCRIPTS {
            if !programs.contains(&program) {
                continue;
            }
            for file in values(arguments, options) {
                if file == "inplace" {
                    continue;
                }
                let file = if file == "-" { "/dev/stdin".to_owned() } else { file };
                // A configuration of one's own is no news.
                let own = self.place(&file) != Place::Open;
                if options.contains(&"-F") && own {
                    continue;
                }
                let content = self.content(&file);
                if content.chars().any(|c| !text::is_mark(c)) {
                    self.known_script(program, &content);
                } else {
                    self.unread(&file);
                }
            }
        }
    }

    /// A script file whose content is known, as the same program would be given it line by line.
    fn known_script(&mut self, program: &str, content: &str) {
        let words =
            |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).to_owned()).collect() };
        let lines = content.lines().map(str::trim).filter(|l| !l.is_empty()).take(LINES_MAX);
        let commands: Vec<Vec<String>> = match program {
            "sed" | "gsed" => vec![words(&["sed", "-e", content])],
            "awk" | "gawk" | "mawk" | "nawk" => vec![words(&["awk", content])],
            "gdb" | "cgdb" => lines.map(|line| words(&["gdb", "-batch", "-ex", line])).collect(),
            "lldb" => lines.map(|line| words(&["lldb", "-o", line])).collect(),
            "vi" | "vim" | "nvim" | "view" | "ex" | "gvim" | "vimdiff" => {
                lines.map(|line| words(&["vim", "-R", "-c", line])).collect()
            }
            "curl" => {
                let settings = lines.filter(|l| !l.starts_with('#')).flat_map(|line| {
                    let at = line.find(['=', ':', ' ']).unwrap_or(line.len());
                    let (key, value) = line.split_at_checked(at).unwrap_or((line, ""));
                    let key = key.trim().trim_start_matches('-');
                    let dashes = if key.len() == 1 { "-" } else { "--" };
                    let value = value.trim_start_matches(['=', ':', ' ']).trim_matches('"');
                    [format!("{dashes}{key}"), value.to_owned()]
                });
                vec![
                    std::iter::once("curl".to_owned())
                        .chain(settings.filter(|w| !w.is_empty()))
                        .collect(),
                ]
            }
            "dc" => return self.desk_code(content),
            _ => return,
        };
        for command in commands {
            self.in_subshell(|machine| machine.execute(&command, (false, false)));
        }
    }

    fn libraries(&mut self, program: &str, arguments: &[String]) {
        let options = LIBRARIES.iter().filter(|(programs, _)| programs.contains(&program));
        let mut files: Vec<String> =
            options.flat_map(|(_, options)| values(arguments, options)).collect();
        if matches!(program, "ssh" | "scp" | "sftp") {
            let settings = values(arguments, &["-o"]);
            files.extend(settings.iter().filter_map(|setting| {
                let (key, value) = setting.split_once(['=', ' '])?;
                matches!(
                    key.to_ascii_lowercase().as_str(),
                    "pkcs11provider" | "securitykeyprovider"
                )
                .then(|| value.to_owned())
            }));
        }
        for file in files.iter().filter(|file| file.contains('/')) {
            if matches!(self.place(file), Place::Open | Place::Owned) {
                self.hit(
                    "shell.preload",
                    Risk::Critical,
                    format!(
                        "loads the library {}, which nobody has looked into",
                        text::shown(file)
                    ),
                    "",
                );
            }
        }
    }

    /// `-i inplace`, `@include`, `@load`.
    fn awk_loads(&mut self, arguments: &[String]) {
        let programs: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
        if values(arguments, &["-i", "--include"]).iter().any(|v| v == "inplace") {
            // The first operand that is no option's value is the program.
            let mut skip = false;
            let operands = arguments.iter().filter(|argument| {
                let value = std::mem::take(&mut skip);
                skip = matches!(argument.as_str(), "-i" | "-v" | "-F" | "-f" | "-e" | "--include");
                !value && !argument.starts_with('-')
            });
            let from_file = !values(arguments, &["-f", "--file", "-e"]).is_empty();
            let files: Vec<String> = operands.skip(usize::from(!from_file)).cloned().collect();
            for file in files.iter().filter(|file| !file.contains('=')) {
                self.write(&Write::new(file, &ANY.to_string()).edit());
            }
        }
        for program in programs.iter().filter(|p| p.contains('@')) {
            for (directive, rest) in [("@include", true), ("@load", false)] {
                let Some((_, after)) = program.split_once(directive) else { continue };
                let file = after.split('"').nth(1).unwrap_or_default().to_owned();
                if rest {
                    self.unread(&file);
                } else if file.contains('/') {
                    self.hit(
                        "shell.preload",
                        Risk::Critical,
                        "loads a library that nobody has looked into",
                        "",
                    );
                }
            }
        }
    }

    /// `dc`: `!` runs the rest of the line.
    fn desk_calculator(&mut self, arguments: &[String]) {
        for program in values(arguments, &["-e", "--expression"]) {
            self.desk_code(&program);
        }
        let files = values(arguments, &["-e", "--expression", "-f", "--file"]);
        for file in arguments.iter().filter(|a| !a.starts_with('-') && !files.contains(a)) {
            let content = self.content(file);
            self.unread(file);
            self.desk_code(&content);
        }
        if let Some(program) = self.stdin.clone() {
            self.desk_code(&program);
        }
    }

    fn desk_code(&mut self, program: &str) {
        for line in program.lines().take(LINES_MAX) {
            let Some((_, code)) = line.split_once('!') else { continue };
            // `!<r`, `!=r`, `!>r` compare.
            if !code.starts_with(['<', '=', '>']) {
                let code = code.split(']').next().unwrap_or_default().to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
        }
    }

    /// What make runs although it is told to run nothing: `$(shell …)`, `!=`, recipes that begin with `+`.
    fn make_always(&mut self, arguments: &[String]) {
        let mut texts = values(arguments, &["--eval", "-E"]);
        for file in values(arguments, &["-f", "--file", "--makefile"]) {
            let content = if file == "-" {
                self.stdin.clone().unwrap_or_default()
            } else {
                self.content(&file)
            };
            let literal = content.chars().any(|c| !text::is_mark(c));
            if !literal && self.place(&file) == Place::Open && file.starts_with('/') {
                self.unread(&file);
            }
            texts.push(content);
        }
        texts.extend(self.files.get(&self.resolve("Makefile")).cloned());
        if arguments.iter().any(|a| a.starts_with("SHELL=") && a.len() > 6) {
            self.hit(
                "development.make.shell",
                Risk::Critical,
                "replaces the shell of every recipe",
                "",
            );
        }
        for text in texts {
            for line in text.lines().take(LINES_MAX) {
                for code in always_run(line) {
                    self.in_subshell(|machine| machine.run_text(&code));
                }
            }
        }
    }

    /// Settings of git that name a program, and the directory of its own programs.
    fn git_loads(&mut self, arguments: &[String]) {
        for place in values(arguments, &["--exec-path"]) {
            self.hook_variable("GIT_EXEC_PATH", &place);
        }
        for setting in values(arguments, &["-c"]) {
            let Some((key, value)) = setting.split_once('=') else { continue };
            let key = key.to_ascii_lowercase();
            let command = matches!(
                key.as_str(),
                "core.pager"
                    | "core.editor"
                    | "core.sshcommand"
                    | "core.fsmonitor"
                    | "core.askpass"
                    | "core.gitproxy"
                    | "core.hookspath"
                    | "core.attributesfile"
                    | "diff.external"
                    | "sequence.editor"
                    | "gpg.program"
                    | "credential.helper"
                    | "uploadpack.packobjectshook"
                    | "include.path"
            ) || key.starts_with("pager.")
                || [".textconv", ".clean", ".smudge", ".cmd", ".program", ".command"]
                    .iter()
                    .any(|end| key.ends_with(end));
            if command && value.contains('/') && !value.contains(char::is_whitespace) {
                self.started(value);
            }
        }
    }

    /// `php -d auto_prepend_file=…`, `-d extension=…`.
    fn php_settings(&mut self, arguments: &[String]) {
        for setting in values(arguments, &["-d", "--define"]) {
            let Some((key, value)) = setting.split_once('=') else { continue };
            match key.trim() {
                "auto_prepend_file" | "auto_append_file" => {
                    let content = self.content(value);
                    if content.chars().any(|c| !text::is_mark(c)) {
                        self.in_subshell(|machine| machine.run_body("php", &content));
                    } else {
                        self.unread(value);
                    }
                }
                "extension" | "zend_extension" | "ffi.preload" if value.contains('/') => {
                    self.hit(
                        "shell.preload",
                        Risk::Critical,
                        "loads a library that nobody has looked into",
                        "",
                    );
                }
                _ => {}
            }
        }
    }
}

/// The values of options: in the next word, behind `=`, or behind a letter.
fn values(arguments: &[String], options: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let arguments: Vec<String> = arguments.iter().map(|word| unclustered(word, options)).collect();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if options.contains(&word.as_str()) {
            out.extend(words.next().cloned());
            continue;
        }
        for option in options {
            let Some(rest) = word.strip_prefix(option) else { continue };
            let letter = option.len() == 2;
            match rest.strip_prefix('=') {
                Some(value) => out.push(value.to_owned()),
                None if letter && !rest.is_empty() && !word.starts_with("--") => {
                    out.push(rest.to_owned());
                }
                None => {}
            }
        }
    }
    out
}

/// `-f` of `-nf`: letters that take no value may stand before the one that does.
fn unclustered(word: &str, options: &[&str]) -> String {
    const FLAGS: [char; 9] = ['n', 'E', 'r', 'u', 's', 'z', 'k', 'B', 'q'];
    // Of programs whose letters are clustered; a debugger's `-nx` is one option.
    let clusters = options.contains(&"--file") || options.contains(&"--rsh");
    if let Some(letters) = word.strip_prefix('-').filter(|l| clusters && !l.starts_with('-')) {
        let rest = letters.trim_start_matches(FLAGS);
        let takes = |o: &&str| o.len() == 2 && rest.starts_with(o.trim_start_matches('-'));
        if rest.len() < letters.len() && options.iter().any(takes) {
            return format!("-{rest}");
        }
    }
    word.to_owned()
}

/// The code of one line of a makefile that runs whatever make is told.
fn always_run(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("$(shell ").or_else(|| rest.split_once("${shell "))
    {
        let end = super::scan::after_parenthesis(after, 0, super::words::WORD_NESTING_MAX)
            .map_or(after.len(), |end| end.saturating_sub(1));
        out.push(after.get(..end).unwrap_or(after).replace("$$", "$"));
        rest = after.get(end..).unwrap_or_default();
    }
    if let Some((name, code)) = line.split_once("!=")
        && !line.starts_with('\t')
        && name.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    {
        out.push(code.trim().to_owned());
    }
    let recipe = line.strip_prefix('\t').or_else(|| line.split_once(';').map(|(_, r)| r));
    if let Some(recipe) = recipe {
        let marked = recipe.trim_start().trim_start_matches(['@', '-']);
        if let Some(code) = marked.strip_prefix('+') {
            out.push(code.trim_start_matches(['@', '-', '+']).replace("$$", "$"));
        } else if marked.contains("$(MAKE)") || marked.contains("${MAKE}") {
            out.push(
                marked
                    .replace("$$", "$")
                    .replace("$(MAKE)", "make -n")
                    .replace("${MAKE}", "make -n"),
            );
        }
    }
    out
}
