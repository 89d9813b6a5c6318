//! Variables that load code: where programs and libraries are looked for, what a program starts or
//! reads before it does what its arguments say.
//!
//! A place where anybody can put a file (a relative one, `/tmp`) takes the meaning from every name that is
//! looked up there: critical. A hook whose payload is written out is judged by it. A file that is
//! not looked into is what a script is that is not looked into: a warning.

use hale_model::action::Risk;

use super::machine::Machine;
use super::operands;
use super::text::{self, ANY, DECODED, FETCHED, FETCHED_UNSAFE, HOME, START_DIRECTORY};

/// Who can put something into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Only root: `/usr`, `/opt`.
    System,
    /// Nothing is known of it but that it is no plain relative path: `$JAVA_HOME/bin`.
    Unknown,
    /// Somebody's: a home directory, an application's.
    Owned,
    /// Anybody, or whoever made the directory in which the command starts.
    Open,
}

/// How a program uses a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It starts the command.
    Command,
    /// It runs the files.
    Script,
    /// It loads modules from the directories.
    Libraries,
    /// It reads options from it.
    Options,
    /// It runs it as a body in its own language.
    Body,
}

/// Programs, their variables, and what for.
const USES: &[(&[&str], &[&str], Use)] = &[
    (&["man", "apropos", "whatis"], &["PAGER", "MANPAGER", "LESSOPEN", "BROWSER"], Use::Command),
    (
        &["git", "gitk", "tig"],
        &[
            "PAGER",
            "GIT_PAGER",
            "EDITOR",
            "VISUAL",
            "GIT_EDITOR",
            "GIT_SEQUENCE_EDITOR",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_ASKPASS",
            "SSH_ASKPASS",
            "GIT_PROXY_COMMAND",
            "LESSOPEN",
        ],
        Use::Command,
    ),
    (&["git"], &["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG"], Use::Script),
    (&["less", "zless", "more", "most"], &["LESSOPEN", "LESSCLOSE"], Use::Command),
    (
        &["systemctl", "journalctl", "loginctl", "machinectl", "systemd-analyze", "networkctl"],
        &["PAGER", "SYSTEMD_PAGER", "EDITOR", "VISUAL", "SYSTEMD_EDITOR"],
        Use::Command,
    ),
    (
        &["psql", "mysql", "mariadb", "sqlite3", "bat", "aws", "gh", "kubectl"],
        &["PAGER", "PSQL_PAGER", "AWS_PAGER", "GH_PAGER", "BAT_PAGER", "KUBECTL_EXTERNAL_DIFF"],
        Use::Command,
    ),
    (
        &[
            "crontab", "visudo", "vipw", "vigr", "sudoedit", "sudo", "kubectl", "psql", "gh", "fc",
            "svn", "hg",
        ],
        &["EDITOR", "VISUAL", "SUDO_EDITOR", "KUBE_EDITOR", "PSQL_EDITOR", "FCEDIT", "GH_EDITOR"],
        Use::Command,
    ),
    (
        &["xdg-open", "sensible-browser", "w3m", "lynx", "gh", "man", "jupyter", "python3"],
        &["BROWSER"],
        Use::Command,
    ),
    (&["ssh", "ssh-add", "scp", "sftp", "sudo"], &["SSH_ASKPASS", "SUDO_ASKPASS"], Use::Command),
    (&["rsync"], &["RSYNC_RSH", "RSYNC_CONNECT_PROG"], Use::Command),
    (
        &["sh", "bash", "dash", "ksh", "ksh93", "mksh", "zsh", "ash"],
        &["BASH_ENV", "ENV"],
        Use::Script,
    ),
    (&["zsh"], &["ZDOTDIR"], Use::Libraries),
    (&["make", "gmake"], &["MAKEFILES"], Use::Script),
    (&["python*", "pypy*", "ipython"], &["PYTHONSTARTUP"], Use::Script),
    (&["python*", "pypy*", "ipython"], &["PYTHONPATH", "PYTHONHOME"], Use::Libraries),
    (&["perl*"], &["PERL5LIB", "PERLLIB"], Use::Libraries),
    (&["perl*"], &["PERL5OPT"], Use::Options),
    (&["perl*"], &["PERL5DB"], Use::Body),
    (&["ruby*", "irb", "gem", "bundle", "rake", "rails"], &["RUBYLIB"], Use::Libraries),
    (&["ruby*", "irb", "gem", "bundle", "rake", "rails"], &["RUBYOPT"], Use::Options),
    (&["node", "nodejs", "npm", "npx", "yarn", "pnpm"], &["NODE_PATH"], Use::Libraries),
    (&["node", "nodejs", "npm", "npx", "yarn", "pnpm"], &["NODE_OPTIONS"], Use::Options),
    (
        &["java", "javac", "mvn", "gradle", "keytool", "jshell", "jcmd", "jstack"],
        &["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"],
        Use::Options,
    ),
    (&["lua*"], &["LUA_INIT"], Use::Body),
    (&["lua*"], &["LUA_PATH", "LUA_CPATH"], Use::Libraries),
    (&["vi", "vim", "view", "ex", "nvim", "gvim", "vimdiff"], &["VIMINIT", "EXINIT"], Use::Body),
];

impl Machine {
    /// Who can put something into this place.
    pub(super) fn place(&self, path: &str) -> Place {
        const SYSTEM: [&str; 14] = [
            "/bin",
            "/sbin",
            "/usr",
            "/lib",
            "/lib32",
            "/lib64",
            "/libx32",
            "/opt",
            "/snap",
            "/nix",
            "/gnu",
            "/etc",
            "/run/current-system",
            "/root",
        ];
        const OPEN: [&str; 6] =
            ["/tmp", "/var/tmp", "/dev/shm", "/run/shm", "/proc/self/cwd", "/run/lock"];
        let path = path.trim();
        let within = |resolved: &str, places: &[&str]| {
            places.iter().any(|place| {
                resolved
                    .strip_prefix(place)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        match path.chars().next() {
            None | Some(START_DIRECTORY) => return Place::Open,
            // Out of the home directory, wherever that leads.
            Some('~' | HOME) if path.split('/').any(|part| part == "..") => return Place::Open,
            Some('~' | HOME) => return Place::Owned,
            Some(c) if text::is_mark(c) => return Place::Unknown,
            Some('/') => {}
            Some(_) => return Place::Open,
        }
        let resolved = self.resolve(path);
        if within(path, &OPEN) || within(&resolved, &OPEN) || resolved.starts_with(START_DIRECTORY)
        {
            Place::Open
        } else if within(&resolved, &SYSTEM) {
            Place::System
        } else {
            Place::Owned
        }
    }

    /// A variable that is set: what it redirects, and the code it holds.
    pub(super) fn hook_variable(&mut self, name: &str, value: &str) {
        let redirects = matches!(
            name,
            "PATH"
                | "LD_LIBRARY_PATH"
                | "GIT_EXEC_PATH"
                | "GCONV_PATH"
                | "COMPILER_PATH"
                | "GCC_EXEC_PREFIX"
                | "DYLD_LIBRARY_PATH"
        );
        let prompt = matches!(name, "PS0" | "PS1" | "PS2" | "PS4");
        let callback = name == "PROMPT_COMMAND";
        if !(redirects || prompt || callback) || value.is_empty() {
            return;
        }
        let part = std::mem::replace(&mut self.part, format!("{name}={value}"));
        if redirects {
            self.search_path(name, value);
        } else if prompt && operands::holds_substitution(value) {
            self.expanded_again(value);
        } else if callback {
            let written = value.chars().any(|c| !text::is_mark(c));
            if written || value.contains([DECODED, FETCHED, FETCHED_UNSAFE]) {
                self.in_subshell(|machine| machine.run_text(value));
            }
        }
        self.part = part;
    }

    fn search_path(&mut self, name: &str, value: &str) {
        let programs = name == "PATH";
        let bad = value.split(':').find(|place| match self.place(place) {
            Place::Open => true,
            Place::Owned => !programs,
            Place::System | Place::Unknown => false,
        });
        let Some(bad) = bad else { return };
        let shown = if bad.is_empty() { ".".to_owned() } else { text::shown(bad) };
        let (id, text) = if programs {
            (
                "shell.search_path",
                format!("looks for programs in {shown}: no name says any more what it runs"),
            )
        } else {
            ("shell.preload", format!("loads code from {shown} that nobody has looked into"))
        };
        self.hit(id, Risk::Critical, text, "name the program by its full path");
    }

    /// What the variables set here make a program load or start.
    pub(super) fn used_variables(&mut self, program: &str, arguments: &[String]) {
        if self.state.variables.is_empty() {
            return;
        }
        for (programs, names, how) in USES {
            if !programs.iter().any(|p| is_program(p, program)) {
                continue;
            }
            for name in *names {
                if !self.state.variables.contains_key(*name) {
                    continue;
                }
                let value = self.peek(name).unwrap_or_default();
                if !value.trim().is_empty() {
                    self.used_variable(program, name, &value, *how, arguments);
                }
            }
        }
    }

    fn used_variable(
        &mut self,
        program: &str,
        name: &str,
        value: &str,
        how: Use,
        arguments: &[String],
    ) {
        match how {
            Use::Command => self.started(value),
            Use::Script => {
                // A makefile or a configuration may be several.
                for file in value.split_whitespace() {
                    self.unread(file);
                }
            }
            Use::Libraries => self.module_places(value),
            Use::Options => {
                let words: Vec<String> = value.split_whitespace().map(str::to_owned).collect();
                // Blanks may be part of a statement.
                if program.starts_with("perl") || value.contains("-XX:On") {
                    self.module_options(program, &[value.to_owned()]);
                }
                self.module_options(program, &words);
            }
            Use::Body if name == "LUA_INIT" && value.starts_with('@') => {
                self.unread(value.trim_start_matches('@'));
            }
            Use::Body if matches!(name, "VIMINIT" | "EXINIT") => {
                let mut words = vec!["vim".to_owned(), "-R".to_owned()];
                for command in value.split(['|', '\n']) {
                    words.extend(["-c".to_owned(), command.trim().to_owned()]);
                }
                self.state.variables.remove(name);
                self.in_subshell(|machine| machine.execute(&words, (false, false)));
            }
            // A debugger's body is read only where one is asked for.
            Use::Body if name == "PERL5DB" => {
                let options = self.peek("PERL5OPT").unwrap_or_default();
                let asked = |a: &String| a.starts_with("-d");
                if options.contains("-d") || arguments.iter().any(asked) {
                    self.in_subshell(|machine| machine.run_body(program, value));
                }
            }
            Use::Body => {
                self.in_subshell(|machine| machine.run_body(program, value));
            }
        }
    }

    /// A command that a program starts: its code where it is written out, else that it is not known.
    pub(super) fn started(&mut self, command: &str) {
        let command = command.trim().trim_start_matches(['|', '-', '!']).trim();
        let first = command.split_whitespace().next().unwrap_or_default();
        if first.contains('/') && !self.is_known_program(first) {
            self.hit(
                "shell.script",
                Risk::Warning,
                format!("runs the program {}, which is not looked into", text::shown(first)),
                "look at it first",
            );
        }
        let command = command.to_owned();
        self.critical_only(|machine| machine.in_subshell(|machine| machine.run_text(&command)));
    }

    /// Whether a path leads to a program of the system, or to one whose content is known.
    pub(super) fn is_known_program(&self, path: &str) -> bool {
        let resolved = self.resolve(path);
        self.programs.contains_key(&resolved)
            || self.files.contains_key(&resolved)
            || matches!(self.place(path), Place::System | Place::Unknown)
    }

    /// A file that a program runs. What is known of it is judged by whoever knows its language.
    pub(super) fn unread(&mut self, file: &str) {
        let content = self.content(file);
        if content.contains([FETCHED, FETCHED_UNSAFE, DECODED]) {
            return self.unknown_code(&content);
        }
        let nothing = matches!(file, "/dev/null" | "" | "none" | "NONE" | "NORC" | "DEFAULTS");
        if nothing || content.chars().any(|c| !text::is_mark(c)) {
            return;
        }
        self.hit(
            "shell.script",
            Risk::Warning,
            format!("runs the script {}, which is not looked into", text::shown(file)),
            "read it first",
        );
    }

    /// Directories that modules are loaded from.
    pub(super) fn module_places(&mut self, places: &str) {
        let bad = places
            .split([':', ';'])
            .filter(|place| !place.is_empty())
            .find(|place| matches!(self.place(place), Place::Open | Place::Owned));
        if let Some(bad) = bad {
            let text =
                format!("loads modules from {}, which are not looked into", text::shown(bad));
            self.hit("shell.script", Risk::Warning, text, "read them first");
        }
    }

    /// Options of an interpreter that load modules: `--require ./x.js`, `-I. -MFoo`, `-r./x`.
    pub(super) fn module_options(&mut self, program: &str, words: &[String]) {
        let perl = program.starts_with("perl");
        let ruby = program.starts_with("ruby") || program == "irb";
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                break;
            }
            let (option, attached) = match word.split_once('=') {
                Some((option, value)) if word.starts_with("--") => (option, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            match option {
                "-e" | "-E" | "--eval" | "-p" | "--print" if attached.is_none() => {
                    words.next();
                }
                "-r"
                | "--require"
                | "--import"
                | "--loader"
                | "--experimental-loader"
                | "--preload" => {
                    let module = attached.or_else(|| words.next().cloned()).unwrap_or_default();
                    self.module(program, &module);
                }
                "-I" => {
                    if let Some(place) = words.next() {
                        self.module_places(place);
                    }
                }
                _ if perl && option.starts_with("-M") => {
                    let module = option.trim_start_matches("-M").trim_start_matches('-');
                    let body = module.split_once(';').map(|(_, body)| body.to_owned());
                    if let Some(place) = module.strip_prefix("lib=") {
                        self.module_places(place);
                    } else if let Some(body) = body {
                        self.in_subshell(|machine| machine.run_body("perl", &body));
                    }
                }
                _ if (perl || ruby) && option.starts_with("-I") => {
                    self.module_places(option.trim_start_matches("-I"));
                }
                _ if ruby && option.starts_with("-r") => {
                    self.module(program, option.trim_start_matches("-r"));
                }
                _ if word.contains("-XX:On") => {
                    let code = word.split_once('=').map_or("", |(_, code)| code);
                    let code = code.trim_matches(['"', '\'']).to_owned();
                    self.in_subshell(|machine| machine.run_text(&code));
                }
                _ => {
                    let mut agent = ["-javaagent:", "-agentpath:"].iter();
                    if let Some(file) = agent.find_map(|a| option.strip_prefix(a)) {
                        self.unread(file.split('=').next().unwrap_or_default());
                    }
                }
            }
        }
    }

    /// A module that is named by its path.
    fn module(&mut self, program: &str, module: &str) {
        let path = module.trim_start_matches("file://");
        let unknown = path.chars().eq([ANY]);
        if !unknown && !path.starts_with(['/', '.', HOME, START_DIRECTORY]) {
            return;
        }
        let known = ["", ".rb", ".js", ".mjs", ".cjs", ".pm"].iter().find_map(|end| {
            let content = self.content(&format!("{path}{end}"));
            content.chars().any(|c| !text::is_mark(c)).then_some(content)
        });
        if let Some(content) = known {
            let program = if program.starts_with('n') { "node" } else { program }.to_owned();
            self.in_subshell(|machine| machine.run_body(&program, &content));
        } else {
            self.unread(path);
        }
    }
}

/// Whether a program is the one that a table names; `perl*` stands for any ending.
pub(super) fn is_program(pattern: &str, program: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => program.starts_with(prefix),
        None => pattern == program,
    }
}
