//! python, perl, ruby, node, php, lua: what the programs on their command lines do.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens and values each place names the few that matter to it"
)]

use std::collections::BTreeSet;

use hale_model::action::Risk;

use super::bodies::{Body, is_client};
use super::effects::Write;
use super::machine::Machine;
use super::network::is_unsafe_source;
use super::paths;
use super::script::{self, Host, Language, Value};
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE};

fn language(name: &str) -> Option<Language> {
    let name = paths::base(name);
    let starts = |prefix: &str| name.starts_with(prefix);
    if starts("python") || starts("pypy") || name == "ipython" {
        Some(Language::Python)
    } else if starts("perl") {
        Some(Language::Perl)
    } else if starts("ruby") || name == "irb" {
        Some(Language::Ruby)
    } else if matches!(name, "node" | "nodejs" | "deno" | "bun" | "js") {
        Some(Language::JavaScript)
    } else if starts("php") {
        Some(Language::Php)
    } else if starts("lua") || name == "luajit" {
        Some(Language::Lua)
    } else if matches!(name, "awk" | "gawk" | "mawk" | "nawk") {
        Some(Language::Awk)
    } else {
        None
    }
}

impl Machine {
    pub(super) fn interpreter(
        &mut self,
        name: &str,
        arguments: &[String],
        network: (bool, bool),
    ) -> String {
        let Some(language) = language(name) else {
            self.hit("shell.script", Risk::Warning, "runs a program that is not looked into", "");
            return ANY.to_string();
        };
        let mut bodies = Vec::new();
        let mut script = None;
        let mut in_place = false;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let argument = argument.as_str();
            match argument {
                "--version" | "-V" | "--help" | "-h" => return ANY.to_string(),
                "-v" if !matches!(language, Language::Ruby) && arguments.len() == 1 => {
                    return ANY.to_string();
                }
                "-m" | "-i" | "--ini" if language == Language::Php && arguments.len() == 1 => {
                    return ANY.to_string();
                }
                "-m" if language == Language::Python => return self.python_module(rest.as_slice()),
                "--eval" | "--print" | "eval" if language == Language::JavaScript => {
                    bodies.extend(rest.next().cloned())
                }
                "-r" | "--require" | "--import" if language == Language::JavaScript => {
                    rest.next();
                }
                "-S" | "-l" if matches!(language, Language::Php) => {
                    if argument == "-S" {
                        let at = arguments.iter().position(|a| a == "-t");
                        let root = at.and_then(|at| arguments.get(at + 1)).cloned();
                        self.serves(root.as_deref().unwrap_or("."));
                    }
                    return ANY.to_string();
                }
                // ruby -run -e httpd DIRECTORY
                "-run" if language == Language::Ruby && arguments.iter().any(|a| a == "httpd") => {
                    let directory = arguments
                        .iter()
                        .skip_while(|a| *a != "httpd")
                        .skip(1)
                        .find(|a| !a.starts_with('-') && a.parse::<u16>().is_err())
                        .cloned();
                    self.serves(directory.as_deref().unwrap_or("."));
                    return ANY.to_string();
                }
                "-W" | "-X" if language == Language::Python => {
                    rest.next();
                }
                "-" => {}
                _ if argument.starts_with("--") => {}
                _ if argument.len() > 1 && argument.starts_with('-') => {
                    let letters = argument.get(1..).unwrap_or_default();
                    in_place |= letters.starts_with('i')
                        || (letters.contains('i')
                            // -Mwarnings, -Ilib name something.
                            && !letters.starts_with(['M', 'm', 'I'])
                            && letters.contains(['p', 'n'])
                            && matches!(language, Language::Perl | Language::Ruby));
                    bodies.extend(imported(language, letters));
                    if let Some(body) = body_option(language, letters) {
                        if body.is_empty() {
                            bodies.extend(rest.next().cloned());
                        } else {
                            bodies.push(body);
                        }
                        if language == Language::Python {
                            break;
                        }
                    }
                }
                _ => {
                    script = Some(argument.to_owned());
                    break;
                }
            }
        }
        if network.0 || network.1 {
            self.hit(
                "shell.reverse_shell",
                Risk::Deny,
                "connects an interpreter to the network",
                "",
            );
        }
        if !bodies.is_empty() {
            let files: Vec<String> = script.into_iter().chain(rest.cloned()).collect();
            if in_place {
                let added = bodies.concat();
                for file in &files {
                    self.write(&Write::new(file, &added).edit());
                }
            }
            let body = bodies.join("\n");
            return self.in_subshell(|machine| machine.run_body(name, &body));
        }
        if let Some(script) = script {
            return self.interpreted_file(name, &script, rest.as_slice());
        }
        match self.stdin.clone() {
            Some(body) if body.chars().any(|c| !text::is_mark(c)) => self.in_subshell(|machine| {
                machine.stdin = None;
                machine.run_body(name, &body)
            }),
            Some(body) if body.is_empty() => String::new(),
            Some(body) => {
                self.unknown_code(&body);
                ANY.to_string()
            }
            None => {
                self.hit(
                    "shell.interactive",
                    Risk::Warning,
                    "opens an interpreter: what is typed there is not seen here",
                    "",
                );
                ANY.to_string()
            }
        }
    }

    fn interpreted_file(&mut self, name: &str, script: &str, rest: &[String]) -> String {
        let content = self.content(script);
        if script.contains("://") {
            let mark = if is_unsafe_source(script) { FETCHED_UNSAFE } else { FETCHED };
            self.remote_code(&mark.to_string());
        } else if script == "run"
            && let Some(inner) = rest.iter().find(|a| !a.starts_with('-')).cloned()
        {
            // deno run, bun run
            return self.interpreted_file(name, &inner, &[]);
        } else if content.contains([FETCHED, FETCHED_UNSAFE]) {
            self.remote_code(&content);
        } else if content.chars().any(|c| !text::is_mark(c)) {
            return self.in_subshell(|machine| machine.run_body(name, &content));
        } else if let Some(tool) = project_tool(script) {
            let words: Vec<String> =
                std::iter::once(tool.to_owned()).chain(rest.iter().cloned()).collect();
            return self.execute(&words, (false, false));
        } else if Machine::is_substitution(script)
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

    fn python_module(&mut self, arguments: &[String]) -> String {
        let Some((module, rest)) = arguments.split_first() else { return ANY.to_string() };
        // Modules that run a statement they are given.
        if matches!(module.as_str(), "timeit" | "cProfile" | "profile" | "pdb" | "trace") {
            for body in rest.iter().filter(|a| !a.starts_with('-')) {
                self.in_subshell(|machine| machine.run_body("python3", body));
            }
        }
        match module.as_str() {
            "json.tool" | "this" | "platform" | "sysconfig" | "site" | "calendar" | "timeit"
            | "dis" | "ast" | "tokenize" | "base64" | "pydoc" | "py_compile" | "tabnanny"
            | "locale" | "trace" | "cProfile"
                if rest.len() < 2 || module != "json.tool" => {}
            "pip" | "pipx" | "ensurepip" => {
                let mut command = vec!["pip".to_owned()];
                command.extend(rest.iter().cloned());
                self.execute(&command, (false, false));
            }
            "http.server" | "SimpleHTTPServer" | "pyftpdlib" | "uploadserver"
            | "RangeHTTPServer" => {
                let at = rest.iter().position(|a| matches!(a.as_str(), "-d" | "--directory"));
                let named = at.and_then(|at| rest.get(at + 1).cloned());
                let joined = rest.iter().find_map(|a| a.strip_prefix("--directory="));
                let directory =
                    named.or(joined.map(str::to_owned)).unwrap_or_else(|| ".".to_owned());
                self.serves(&directory);
            }
            _ => self.hit(
                "shell.script",
                Risk::Warning,
                format!("runs the Python module {module}"),
                "",
            ),
        }
        self.carried(rest)
    }

    /// Judges the body of a program; what it prints is not known.
    pub(super) fn run_body(&mut self, name: &str, source: &str) -> String {
        let Some(language) = language(name) else {
            return self.foreign_body(name, source);
        };
        if source.contains([FETCHED, FETCHED_UNSAFE]) {
            self.remote_code(source);
        }
        if !self.spend(u32::try_from(source.len() / 64 + 4).unwrap_or(u32::MAX))
            || self.run_nesting > super::machine::RUN_NESTING_MAX
        {
            return ANY.to_string();
        }
        self.run_nesting += 1;
        let stdin = self.stdin.clone().unwrap_or_default();
        let part = std::mem::take(&mut self.part);
        self.part.clone_from(&part);
        let mut body = Body {
            machine: self,
            language,
            sockets: false,
            shells: false,
            reads_secret: false,
            sends: false,
            forks: false,
            stdin,
            literals: literals(language, source),
            runs_unknown: false,
            judged: BTreeSet::new(),
            opened: BTreeSet::new(),
        };
        script::fold(language, source, &mut body);
        body.conclude(source);
        self.part = part;
        self.run_nesting -= 1;
        let printed = printed(language, source);
        match printed {
            Some(printed) => printed,
            None => text::residue(&self.stdin.clone().unwrap_or_default()),
        }
    }
}

/// The body after `-c`, `-e`, `-r`, possibly attached; `None` if the letters name no body.
fn body_option(language: Language, letters: &str) -> Option<String> {
    let option: &[char] = match language {
        Language::Python => &['c'],
        Language::Perl => &['e', 'E'],
        Language::Ruby | Language::Lua => &['e'],
        Language::JavaScript => &['e', 'p'],
        Language::Php => &['r', 'B', 'R'],
        Language::Awk => &[],
    };
    // -MMIME::Base64, -rjson, -Ilib: what follows is a value.
    let attached: &[char] = match language {
        Language::Perl => &['M', 'm', 'I', 'F', 'x', 'd', 'D', 'C', 'V'],
        Language::Ruby => &['r', 'I', 'C', 'E', 'K', 'F', 'x', 'T', 'W'],
        Language::Python => &['W', 'X', 'm'],
        Language::Php => &['d', 'c', 'z', 't', 'f'],
        Language::Lua => &['l'],
        Language::JavaScript | Language::Awk => &[],
    };
    let at = letters.find(|c| option.contains(&c))?;
    if letters.find(|c| attached.contains(&c)).is_some_and(|value| value < at) {
        return None;
    }
    let before = letters.get(..at)?;
    if before.contains(|c: char| !c.is_ascii_alphanumeric())
        || (language == Language::Perl && letters.starts_with('i'))
    {
        return (letters.ends_with(option)).then(String::new);
    }
    letters.get(at + 1..).map(str::to_owned)
}

/// The import that `-MDBI` or `-raws-sdk-s3` stands for, where it is that of a client library.
fn imported(language: Language, letters: &str) -> Option<String> {
    match language {
        Language::Perl => {
            let module = letters.strip_prefix('M')?.split('=').next()?;
            is_client(language, module).then(|| format!("use {module};"))
        }
        Language::Ruby => {
            let module = letters.strip_prefix('r')?;
            is_client(language, module).then(|| format!("require '{module}'"))
        }
        _ => None,
    }
}

/// Every string of a program, one a line.
fn literals(language: Language, source: &str) -> String {
    let tokens = script::tokens(language, source).into_iter();
    let texts = tokens.filter_map(|token| match token {
        script::Token::Text(text, _) => Some(text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// What a body prints, where that is one constant string: it may be piped to a shell.
fn printed(language: Language, source: &str) -> Option<String> {
    struct Printed(Vec<String>);
    impl Host for Printed {
        fn call(&mut self, name: &str, arguments: &[Value]) -> Value {
            if matches!(
                name,
                "print"
                    | "puts"
                    | "echo"
                    | "console.log"
                    | "process.stdout.write"
                    | "sys.stdout.write"
                    | "printf"
                    | "io.write"
                    | "say"
            ) {
                self.0.push(
                    arguments
                        .iter()
                        .filter(|a| !matches!(a, Value::Keyword(..)))
                        .map(Value::text)
                        .collect::<Vec<_>>()
                        .join(" ")
                        + "\n",
                );
            }
            Value::Unknown
        }
        fn command(&mut self, _code: &str) -> Value {
            Value::Unknown
        }
    }
    let mut host = Printed(Vec::new());
    // Perl and Ruby print without parentheses.
    let words = matches!(language, Language::Perl | Language::Ruby | Language::Php);
    let source = if words { with_parentheses(source) } else { source.to_owned() };
    script::fold(language, &source, &mut host);
    (!host.0.is_empty()).then(|| host.0.concat())
}

fn with_parentheses(source: &str) -> String {
    source
        .split(';')
        .map(|statement| {
            let trimmed = statement.trim();
            for word in ["print ", "puts ", "echo ", "say ", "printf "] {
                if let Some(rest) = trimmed.strip_prefix(word) {
                    return format!("{}({rest})", word.trim());
                }
            }
            statement.to_owned()
        })
        .collect::<Vec<_>>()
        .join(";")
}

/// Scripts of projects that the registry describes by their name.
fn project_tool(script: &str) -> Option<&'static str> {
    const TOOLS: [&str; 6] = ["artisan", "manage.py", "rails", "symfony", "drush", "wp"];
    TOOLS.into_iter().find(|tool| *tool == paths::base(script))
}

/// Functions that delete for good or run commands: a program that names one is never harmless.
pub(super) fn is_dangerous(name: &str) -> bool {
    matches!(
        name,
        "unlink"
            | "unlinkSync"
            | "rmtree"
            | "remove_tree"
            | "rm_rf"
            | "rm_r"
            | "rmSync"
            | "rmdirSync"
            | "removeSync"
            | "removedirs"
            | "remove_entry"
            | "remove_dir"
            | "remove_entry_secure"
            | "rimraf"
            | "emptyDirSync"
            | "system"
            | "popen"
            | "Popen"
            | "popen2"
            | "popen3"
            | "getoutput"
            | "getstatusoutput"
            | "check_call"
            | "check_output"
            | "execSync"
            | "spawnSync"
            | "execFileSync"
            | "execFile"
            | "shell_exec"
            | "passthru"
            | "proc_open"
            | "readpipe"
            | "pcntl_exec"
            | "execl"
            | "execle"
            | "execlp"
            | "execv"
            | "execve"
            | "execvp"
            | "execvpe"
            | "spawnv"
            | "spawnl"
            | "spawnvp"
            | "spawnlp"
            | "posix_spawn"
            | "create_subprocess_shell"
            | "create_subprocess_exec"
    )
}

pub(super) fn is_shell(word: &str) -> bool {
    matches!(
        paths::base(word),
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "cmd.exe" | "powershell"
    )
}

pub(super) fn interpreter_name(language: Language) -> &'static str {
    match language {
        Language::Python => "python3",
        Language::Perl => "perl",
        Language::Ruby => "ruby",
        Language::JavaScript => "node",
        Language::Php => "php",
        Language::Lua => "lua",
        Language::Awk => "awk",
    }
}
