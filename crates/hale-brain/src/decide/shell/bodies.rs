//! What the calls of a program do: commands run, files changed, connections made.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the many tokens and values each place names the few that matter to it"
)]

use std::collections::BTreeSet;

use hale_model::action::Risk;

use super::effects::{Delete, Write, stands_for_many};
use super::interpreters::{interpreter_name, is_dangerous, is_shell};
use super::machine::Machine;
use super::network::is_unsafe_source;
use super::script::{self, Host, Language, Value};
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE, SECRET};
use super::{paths, simple};

mod clients;
mod conclusion;

pub(super) use clients::is_client;

/// What was seen in one body.
pub(super) struct Body<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) language: Language,
    pub(super) sockets: bool,
    pub(super) shells: bool,
    pub(super) reads_secret: bool,
    pub(super) sends: bool,
    pub(super) forks: bool,
    pub(super) stdin: String,
    /// Every string of the program, one a line.
    pub(super) literals: String,
    /// Whether it runs code that it does not hold.
    pub(super) runs_unknown: bool,
    /// Functions that were called and judged.
    pub(super) judged: BTreeSet<String>,
    /// Files that were opened to be written from their start.
    pub(super) opened: BTreeSet<String>,
}

impl Host for Body<'_> {
    fn command(&mut self, code: &str) -> Value {
        self.shell_code(code);
        Value::Text(ANY.to_string())
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Value {
        let last = name.rsplit(['.', ':']).next().unwrap_or(name);
        let module = name.strip_suffix(last).unwrap_or_default().trim_end_matches(['.', ':']);
        if is_dangerous(last) {
            self.judged.insert(last.to_owned());
        }
        if self.runs_code(name, last, module, arguments) {
            return Value::Text(ANY.to_string());
        }
        if let Some(value) = self.reads(name, last, arguments) {
            return value;
        }
        self.changes(name, last, module, arguments);
        self.networks(name, last, arguments)
    }
}

impl Body<'_> {
    fn shell_code(&mut self, code: &str) {
        self.shells |= is_shell(code.split_whitespace().next().unwrap_or_default());
        let code = code.to_owned();
        self.runs_unknown |= text::has_unknown(&code);
        self.machine.in_subshell(|machine| {
            machine.stdin.get_or_insert_with(|| ANY.to_string());
            machine.run_text(&code)
        });
    }

    fn words(&mut self, words: Vec<String>) {
        self.runs_unknown |= words.first().is_some_and(|w| text::has_unknown(w));
        self.shells |= words.first().is_some_and(|w| is_shell(w)) && words.len() < 3;
        let interactive = self.shells && words.len() < 3;
        let part = std::mem::replace(&mut self.machine.part, simple::joined(&words));
        if !interactive {
            self.machine.in_subshell(|machine| machine.execute(&words, (false, false)));
        } else {
            self.machine.hit("shell.interactive", Risk::Warning, "opens a shell", "");
        }
        self.machine.part = part;
    }

    /// A command given as one string or as words.
    fn command_of(&mut self, arguments: &[Value]) {
        let mut plain: Vec<&Value> =
            arguments.iter().filter(|a| !matches!(a, Value::Keyword(..))).collect();
        if plain.is_empty() {
            // subprocess.run(args=[…])
            plain.extend(arguments.iter().find_map(|a| match a {
                Value::Keyword(key, value)
                    if matches!(
                        key.as_str(),
                        "args" | "cmd" | "command" | "argv" | "popenargs"
                    ) =>
                {
                    Some(value.as_ref())
                }
                _ => None,
            }));
        }
        if self.language == Language::Perl && plain.len() > 1 {
            // A list among the arguments is its elements.
            plain = plain
                .into_iter()
                .flat_map(|value| match value {
                    Value::List(items) => items.iter().collect(),
                    other => vec![other],
                })
                .collect();
        }
        match plain.as_slice() {
            [] => {}
            // system(["rm", "name"], "-rf", "/srv")
            [Value::List(items), rest @ ..]
                if self.language == Language::Ruby
                    && rest.iter().any(|v| matches!(v, Value::Text(_))) =>
            {
                let program = items.first().map(Value::text);
                let rest = rest.iter().map(|v| v.text());
                self.words(program.into_iter().chain(rest).collect());
            }
            [Value::List(items), ..] => self.words(items.iter().map(Value::text).collect()),
            // spawn("rm", ["-rf", "/"])
            [Value::Text(program), Value::List(items), ..] => {
                let words =
                    std::iter::once(program.clone()).chain(items.iter().map(Value::text)).collect();
                self.words(words);
            }
            [Value::Text(code)] => self.shell_code(code),
            [first, rest @ ..] => {
                let strings: Vec<String> = rest.iter().map(|v| v.text()).collect();
                let words = self.language != Language::JavaScript
                    && self.language != Language::Python
                    && rest.iter().all(|v| matches!(v, Value::Text(_)));
                if words && !strings.is_empty() {
                    self.words(std::iter::once(first.text()).chain(strings).collect());
                } else {
                    self.shell_code(&first.text());
                }
            }
        }
    }

    /// Calls that run code; whether it was one.
    fn runs_code(&mut self, name: &str, last: &str, module: &str, arguments: &[Value]) -> bool {
        let python = self.language == Language::Python;
        if name.starts_with('.') && self.queries(last, arguments) {
            return true;
        }
        // The module `sh`: its functions are programs.
        if python && module == "sh" {
            let program = std::iter::once(last.to_owned());
            self.words(program.chain(arguments.iter().map(Value::text)).collect());
            return true;
        }
        let script = self.language == Language::JavaScript;
        let shell = match last {
            "system" => !script,
            "popen"
            | "popen2"
            | "popen3"
            | "popen4"
            | "getoutput"
            | "getstatusoutput"
            | "check_call"
            | "check_output"
            | "Popen"
            | "execSync"
            | "spawnSync"
            | "execFileSync"
            | "execFile"
            | "shell_exec"
            | "passthru"
            | "proc_open"
            | "readpipe"
            | "create_subprocess_shell"
            | "execute"
            | "capture2"
            | "capture3"
            | "capture2e"
            | "pcntl_exec"
            | "create_subprocess_exec"
            | "execa"
            | "pipeline" => true,
            "exec_command" | "create_remote_shell" => true,
            "run" | "call" => module.contains("subprocess") || module == "pexpect",
            "spawn" => {
                module.contains("child_process")
                    || module == "pty"
                    || matches!(self.language, Language::Ruby)
                    || module.contains("Process")
                    || module == "pexpect"
            }
            "exec" => {
                module.contains("child_process")
                    || (module.is_empty() && !python && !script)
                    || module == "Kernel"
            }
            "fork" => module.contains("child_process"),
            _ => false,
        };
        if shell {
            if last == "open" {
                return true;
            }
            // A method of something that is not known: what it is called on comes first.
            let arguments = match arguments {
                [Value::Unknown | Value::Name(_), rest @ ..]
                    if name.starts_with('.') && !rest.is_empty() =>
                {
                    rest
                }
                all => all,
            };
            if last == "create_subprocess_exec" {
                self.words(
                    arguments
                        .iter()
                        .filter(|a| matches!(a, Value::Text(_)))
                        .map(Value::text)
                        .collect(),
                );
                return true;
            }
            // IO.popen(code, "r")
            let mode = matches!(arguments.get(1), Some(Value::Text(m)) if m.len() < 4);
            let taken = if last == "popen" && mode { 1 } else { arguments.len() };
            self.command_of(arguments.get(..taken).unwrap_or_default());
            return true;
        }
        if (module == "os" && (last.starts_with("exec") || last.starts_with("spawn")))
            || last.starts_with("posix_spawn")
        {
            let values: Vec<Value> = arguments
                .iter()
                .filter(|a| !matches!(a, Value::Name(_) | Value::Number(_)))
                .cloned()
                .collect();
            let words: Vec<String> = match values.as_slice() {
                [path, Value::List(items), ..] => std::iter::once(path.text())
                    .chain(items.iter().skip(1).map(Value::text))
                    .collect(),
                [path, _argv0, rest @ ..] => {
                    std::iter::once(path.text()).chain(rest.iter().map(Value::text)).collect()
                }
                other => other.iter().map(Value::text).collect(),
            };
            self.words(words);
            return true;
        }
        // new Deno.Command("rm", { args: ["-rf", "/"] })
        if last == "Command" && module == "Deno" {
            let rest = arguments.iter().find_map(|a| match a {
                Value::List(items) => Some(items.iter().map(Value::text).collect::<Vec<_>>()),
                _ => None,
            });
            let program = arguments.first().map(Value::text).unwrap_or_default();
            self.words(std::iter::once(program).chain(rest.unwrap_or_default()).collect());
            return true;
        }
        let evaluates = matches!(
            name,
            "exec"
                | "eval"
                | "execfile"
                | "assert"
                | "load"
                | "loadstring"
                | "instance_eval"
                | "class_eval"
                | "Function"
                | "vm.runInThisContext"
                | "vm.runInNewContext"
                | "create_function"
                | "builtins.exec"
                | "builtins.eval"
                | "__builtins__.exec"
                | "runpy.run_path"
                | "preg_replace_callback"
        );
        if evaluates
            && (last != "exec" || python)
            && !(last == "assert" && self.language != Language::Php)
            && !(last == "load" && self.language != Language::Lua)
        {
            let code = arguments.first().map(Value::text).unwrap_or_default();
            if code.contains([FETCHED, FETCHED_UNSAFE]) {
                self.machine.remote_code(&code);
            } else if text::is_literal(&code) && !code.is_empty() {
                let name = interpreter_name(self.language);
                self.machine.run_body(name, &code);
            } else {
                self.machine.unknown_code(&code);
            }
            return true;
        }
        if last == "fork" && arguments.is_empty() || name == "os.fork" {
            self.forks = true;
        }
        false
    }

    /// Methods that send a statement to a database; whether it was one.
    fn queries(&mut self, method: &str, arguments: &[Value]) -> bool {
        const METHODS: [&str; 7] =
            ["execute", "executescript", "executemany", "exec", "query", "run", "prepare"];
        const VERBS: [&str; 14] = [
            "select", "insert", "update", "delete", "drop", "truncate", "alter", "create",
            "replace", "grant", "revoke", "pragma", "with", "vacuum",
        ];
        if !METHODS.contains(&method) {
            return false;
        }
        let statement = arguments.iter().skip(1).find_map(|a| match a {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        let Some(statement) = statement else { return false };
        let verb = statement.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let sql = VERBS.contains(&verb.as_str());
        if sql {
            self.machine.statements(&statement, "sqlite3");
        }
        sql
    }

    /// Calls that give back the content of something.
    fn reads(&mut self, name: &str, last: &str, arguments: &[Value]) -> Option<Value> {
        let path = arguments.first().map(Value::text).unwrap_or_default();
        let mode = arguments.get(1).map(Value::text).unwrap_or_default();
        let opens = matches!(
            name,
            "open" | "io.open" | "File.open" | "codecs.open" | "fopen" | "IO.open" | "os.open"
        );
        if opens {
            return Some(self.open(&path, &mode, arguments));
        }
        let whole =
            matches!(
                last,
                "readFileSync"
                    | "readFile"
                    | "file_get_contents"
                    | "readlines"
                    | "slurp"
                    | "readfile"
                    | "file"
            ) || (matches!(name, "File.read" | "IO.read" | "File.readlines" | "File.binread"));
        if whole {
            return Some(self.content_of(&path));
        }
        if matches!(
            name,
            "os.environ" | "getenv" | "phpinfo" | "os.environ.copy" | "os.environb" | "dict"
        ) && arguments.iter().all(|a| matches!(a, Value::Name(n) if n.contains("environ")))
        {
            self.reads_secret = true;
            return Some(Value::Text(text::residue(&SECRET.to_string())));
        }
        if matches!(
            name,
            "sys.stdin.read"
                | "stdin.read"
                | "STDIN.read"
                | "input"
                | "gets"
                | "sys.stdin.readline"
                | "sys.stdin.buffer.read"
                | "ARGF.read"
                | "io.read"
        ) {
            let stdin = if self.stdin.is_empty() { ANY.to_string() } else { self.stdin.clone() };
            return Some(Value::Text(stdin));
        }
        if matches!(last, "urlopen" | "urlretrieve" | "get" | "fetch" | "getaddrinfo" | "request")
            && (path.contains("://") || matches!(name, "urllib.request.urlopen" | "requests.get"))
            && arguments.len() < 3
        {
            let mark = if is_unsafe_source(&path) { FETCHED_UNSAFE } else { FETCHED };
            if path.contains(SECRET) {
                self.machine.send(&path, "the network", false);
            }
            self.sends |= arguments.iter().any(|a| matches!(a, Value::Keyword(k, _) if matches!(k.as_str(), "data" | "json" | "params")));
            let sent: String = arguments.iter().map(Value::text).collect();
            self.machine.send(&sent, "the network", false);
            if last == "urlretrieve"
                && let Some(Value::Text(target)) = arguments.get(1)
            {
                let body = text::residue(&mark.to_string());
                self.machine.write(&Write::new(target, &body));
            }
            return Some(Value::Text(text::residue(&mark.to_string())));
        }
        None
    }

    fn content_of(&mut self, path: &str) -> Value {
        if path.starts_with("http://") || path.starts_with("https://") {
            let mark = if is_unsafe_source(path) { FETCHED_UNSAFE } else { FETCHED };
            return Value::Text(text::residue(&mark.to_string()));
        }
        let content = self.machine.content(path);
        self.reads_secret |= content.contains(SECRET);
        Value::Text(content)
    }

    fn open(&mut self, path: &str, mode: &str, arguments: &[Value]) -> Value {
        if self.language == Language::Perl {
            return self.perl_open(arguments);
        }
        if let Some(code) = path.strip_prefix('|')
            && self.language == Language::Ruby
        {
            self.shell_code(code);
            return Value::Unknown;
        }
        let mode = match arguments.get(1) {
            // os.open(path, os.O_WRONLY | os.O_APPEND)
            Some(Value::Name(flag)) if flag.contains("O_") && !flag.ends_with("O_RDONLY") => "a",
            _ => mode,
        };
        let mode = if mode.is_empty() {
            arguments
                .iter()
                .find_map(|a| match a {
                    Value::Keyword(key, value) if key == "mode" => Some(value.text()),
                    _ => None,
                })
                .unwrap_or_default()
        } else {
            mode.to_owned()
        };
        if mode.starts_with(['w', 'x', 'a']) || mode.contains('+') {
            let append = mode.starts_with('a') || mode.starts_with('r');
            self.machine.write(&Write::new(path, "").appending(append).opened());
            if !append {
                self.opened.insert(path.to_owned());
            }
            self.machine.written_later(path, &self.literals);
            return Value::Name("file".to_owned());
        }
        self.content_of(path)
    }

    /// `open(F, ">file")`, `open(F, "cmd|")`, `open(F, "-|", "cmd")`.
    fn perl_open(&mut self, arguments: &[Value]) -> Value {
        let texts: Vec<String> =
            arguments.iter().filter(|a| matches!(a, Value::Text(_))).map(Value::text).collect();
        match texts.as_slice() {
            [mode, target, rest @ ..] if matches!(mode.as_str(), "-|" | "|-") => {
                let code = std::iter::once(target.clone())
                    .chain(rest.iter().cloned())
                    .collect::<Vec<_>>()
                    .join(" ");
                self.shell_code(&code);
            }
            [mode, target, ..] if mode.starts_with(['>', '+']) => {
                self.machine
                    .write(&Write::new(target, "").appending(mode.starts_with(">>")).opened());
                self.machine.written_later(target, &self.literals);
                if !mode.starts_with(">>") {
                    self.opened.insert(target.clone());
                }
            }
            [_, target, ..] => return self.content_of(target),
            [single] => {
                let trimmed = single.trim();
                if let Some(code) = trimmed.strip_suffix('|').or_else(|| trimmed.strip_prefix('|'))
                {
                    self.shell_code(code);
                    if trimmed.starts_with('|') && is_shell(code.trim()) {
                        // What is printed there is run.
                        for line in self.literals.clone().lines().filter(|l| l.trim() != trimmed) {
                            self.machine.critical_only(|machine| {
                                machine.in_subshell(|machine| machine.run_text(line))
                            });
                        }
                    }
                } else if let Some(path) = trimmed.strip_prefix('>') {
                    let append = path.starts_with('>');
                    let path = path.trim_start_matches('>').trim().to_owned();
                    self.machine.write(&Write::new(&path, "").appending(append).opened());
                    self.machine.written_later(&path, &self.literals);
                    if !append {
                        self.opened.insert(path);
                    }
                } else {
                    return self.content_of(trimmed.trim_start_matches('<').trim());
                }
            }
            [] => {}
        }
        Value::Unknown
    }

    /// Calls that change files, processes, power.
    fn changes(&mut self, name: &str, last: &str, module: &str, arguments: &[Value]) {
        let texts: Vec<String> = arguments
            .iter()
            .flat_map(|a| match a {
                Value::List(items) => items.iter().map(Value::text).collect::<Vec<_>>(),
                Value::Keyword(..) => Vec::new(),
                other => vec![other.text()],
            })
            .collect();
        let first = texts.first().cloned().unwrap_or_default();
        let recursive =
            arguments.iter().any(|a| matches!(a, Value::Keyword(k, _) if k == "recursive"))
                || name.contains("rm_r")
                || matches!(
                    last,
                    "rmtree"
                        | "remove_tree"
                        | "remove_dir"
                        | "removeSync"
                        | "remove_entry"
                        | "remove_entry_secure"
                        | "rmrf"
                        | "rimraf"
                );
        match last {
            "removeSync" | "remove" if module == "Deno" => {
                let how = Delete { recursive: arguments.len() > 1, ..Delete::default() };
                self.machine.delete(&first, how);
            }
            "rmtree"
            | "remove_tree"
            | "rm_rf"
            | "rm_r"
            | "rm_f"
            | "remove_dir"
            | "rmSync"
            | "removeSync"
            | "remove_entry"
            | "remove_entry_secure"
            | "rimraf"
            | "emptyDirSync" => {
                for path in &texts {
                    self.machine
                        .delete(path, Delete { recursive: last != "rm_f", ..Delete::default() });
                }
            }
            "rm" | "rmdirSync" | "rmdir" | "removedirs"
                if module.contains("fs") || module.contains("FileUtils") || last != "rm" =>
            {
                let whole = self.language == Language::JavaScript || recursive;
                if whole {
                    self.machine.delete(&first, Delete { recursive: true, ..Delete::default() });
                } else {
                    self.machine.hit(
                        "shell.delete.empty",
                        Risk::Warning,
                        "removes an empty directory",
                        "",
                    );
                }
            }
            "unlink" | "unlinkSync" if texts.is_empty() => self.unjudged(last),
            "unlink" | "unlinkSync" => {
                for path in &texts {
                    self.machine
                        .delete(path, Delete { bulk: text::has_glob(path), ..Delete::default() });
                }
            }
            "remove" | "delete" if matches!(module, "os" | "File" | "posix") => {
                for path in &texts {
                    let bulk = text::has_glob(path);
                    self.machine.delete(path, Delete { bulk, ..Delete::default() });
                }
            }
            "writeFileSync" | "writeFile" | "appendFileSync" | "appendFile"
            | "file_put_contents" | "write_text" | "write_bytes" | "touch" | "truncateSync"
            | "truncate" | "ftruncate" | "createWriteStream" | "outputFileSync" | "copyfile" => {
                let content = texts.get(1).cloned().unwrap_or_default();
                let content = if matches!(last, "truncate" | "truncateSync") {
                    String::new()
                } else {
                    content
                };
                let append = last.starts_with("append") || last == "touch";
                self.machine.write(&Write::new(&first, &content).appending(append));
            }
            "write" if matches!(name, "File.write" | "IO.write") => {
                let content = texts.get(1).cloned().unwrap_or_default();
                self.machine.write(&Write::new(&first, &content));
            }
            "copy" | "copy2" | "move" | "copyFileSync" | "cp" | "mv" | "rename" | "renameSync"
            | "replace" | "copytree" | "symlink" | "symlinkSync" | "link"
                if texts.len() > 1 =>
            {
                let target = texts.get(1).cloned().unwrap_or_default();
                let content = self.machine.content(&first);
                if matches!(last, "move" | "mv" | "rename" | "renameSync") {
                    let resolved = self.machine.resolve(&first);
                    if paths::is_root(&resolved)
                        || paths::is_system_top(&resolved)
                        || paths::is_vital(&resolved)
                    {
                        self.machine.hit(
                            "shell.move.vital",
                            Risk::Critical,
                            "moves away what the host needs",
                            "",
                        );
                    }
                }
                self.machine.write(&Write::new(&target, &content));
            }
            "chmod" | "chmodSync" | "chown" | "chownSync" | "lchown" | "chmod_R" | "chown_R" => {
                let perl = matches!(self.language, Language::Perl | Language::Ruby)
                    || module.contains("FileUtils");
                let path = if perl { texts.last().cloned().unwrap_or_default() } else { first };
                let number = arguments.iter().find_map(|a| match a {
                    Value::Number(n) => Some(*n),
                    _ => None,
                });
                let mode = number
                    .map(|n| {
                        if self.language == Language::Python {
                            format!("{n:04o}")
                        } else {
                            format!("{n:04}")
                        }
                    })
                    .unwrap_or_default();
                self.machine.mode_of(&path, &mode, last.ends_with("_R"));
            }
            "kill" | "killpg" if !texts.is_empty() => {
                let mut words: Vec<String> = match self.language {
                    Language::Perl | Language::Ruby => {
                        vec![format!("-{}", texts.first().cloned().unwrap_or_default())]
                    }
                    _ => Vec::new(),
                };
                let targets = if words.is_empty() { texts.get(..1) } else { texts.get(1..) };
                words.push("--".to_owned());
                words.extend(targets.unwrap_or_default().iter().cloned());
                self.machine.kill(&words);
            }
            "reboot" if module == "os" || module == "libc" => {
                self.machine.hit("power.reboot", Risk::Critical, "restarts the machine", "")
            }
            "rmtree_unsafe" | "mkdir" | "makedirs" | "mkdirSync" | "mkdir_p" => {
                self.machine.hit("shell.write.file", Risk::Warning, "makes a directory", "");
            }
            ".unlink" | ".rmtree" | ".rmdir" => {}
            _ => {}
        }
    }
}
