//! Programs in languages that are not folded: Tcl, R, Julia, Groovy, Erlang, Lisp, PowerShell, …
//!
//! Nothing is evaluated here. The text is split into string literals and words; a word with a
//! dangerous flavour (it runs, deletes, writes) makes the literals beside it what it runs, deletes or
//! writes. A dangerous word without a literal is judged as one with an unknown argument, so that
//! whatever is not understood fails closed, while a program without such words only reads.

use hale_model::action::Risk;

use super::effects::{Delete, Write};
use super::machine::Machine;
use super::network::is_unsafe_source;
use super::paths;
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE};

/// String literals and bare words of one program that are looked at.
const WORDS_MAX: usize = 2048;

/// Options after which a program follows.
const BODY_OPTIONS: [&str; 13] = [
    "-e",
    "-E",
    "--eval",
    "-eval",
    "-c",
    "-C",
    "-Command",
    "-command",
    "-x",
    "--execute",
    "--command",
    "-p:eval",
    "-s",
];

/// Words that run a command.
const RUNS: [&str; 38] = [
    "system",
    "system2",
    "system*",
    "shell",
    "exec",
    "popen",
    "popen2",
    "spawn",
    "run",
    "execute",
    "cmd",
    "open_port",
    "getruntime",
    "processbuilder",
    "callcommand",
    "readprocess",
    "rawsystem",
    "createprocess",
    "run-program",
    "shell-command",
    "shell-command-to-string",
    "call-process",
    "start-process",
    "invoke-expression",
    "iex",
    "run-shell-command",
    "rawcommand",
    "pipe",
    "proc",
    "readcreateprocess",
    "process",
    "shell_exec",
    "open-pipe",
    "open-input-pipe",
    "pipeline",
    "success",
    "execvp",
    "shellout",
];

/// Words that delete.
const DELETES: [&str; 35] = [
    "delete",
    "delete-file",
    "delete-directory",
    "deletedir",
    "deletedirectory",
    "unlink",
    "remove",
    "file.remove",
    "rm",
    "rm!",
    "rm_rf",
    "rm_rf!",
    "rm_r",
    "rmtree",
    "rmdir",
    "del_dir_r",
    "del_dir",
    "remove-item",
    "ri",
    "rd",
    "del",
    "erase",
    "clear-content",
    "removefile",
    "removeitem",
    "removedirectoryrecursive",
    "removepathforcibly",
    "deletefile",
    "deleteifexists",
    "deleteonexit",
    "delete-directory-tree",
    "delete-directory-and-files",
    "remove_file",
    "deletetree",
    "trash",
];

/// Words that write a file.
const WRITES: [&str; 24] = [
    "write",
    "writefile",
    "write!",
    "writelines",
    "sink",
    "set-content",
    "out-file",
    "add-content",
    "new-item",
    "file.create",
    "file.copy",
    "file.rename",
    "spit",
    "with-output-to-file",
    "copy-item",
    "move-item",
    "copyfile",
    "cp",
    "mv",
    "rename",
    "appendfile",
    "write_file",
    "truncate",
    "touch",
];

/// What was found in one program.
struct Found {
    /// String literals, in order.
    literals: Vec<String>,
    /// Words outside of them, in small letters, with dots and dashes.
    words: Vec<String>,
}

impl Found {
    fn has(&self, names: &[&str]) -> bool {
        self.words.iter().any(|word| {
            let last = word.rsplit(['.', ':', '/']).next().unwrap_or(word);
            names.iter().any(|name| *name == last || name == word)
        })
    }

    /// Literals that look like places in the file system.
    fn paths(&self) -> Vec<String> {
        let looks = |w: &&String| {
            (w.starts_with(['/', '~', '*']) || w.starts_with("./") || w.starts_with("../"))
                && !w.contains(char::is_whitespace)
        };
        self.literals.iter().filter(looks).cloned().collect()
    }
}

impl Machine {
    /// An interpreter of a language that is not folded.
    pub(super) fn foreign(&mut self, name: &str, arguments: &[String]) -> String {
        let asks = ["-v", "-V", "-version", "--version", "--help", "-h"];
        if matches!(arguments, [only] if asks.contains(&only.as_str())) {
            return ANY.to_string();
        }
        let mut bodies = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-" => {}
                option
                    if name_of_encoded(option)
                        && (name.starts_with("pwsh") || name == "powershell") =>
                {
                    match rest.next().and_then(|packed| utf16_of(packed)) {
                        Some(body) => bodies.push(body),
                        None => self.unknown_code(&ANY.to_string()),
                    }
                }
                "-Command" | "-command" | "-c"
                    if name.starts_with("pwsh") || name == "powershell" =>
                {
                    bodies.push(rest.by_ref().cloned().collect::<Vec<_>>().join(" "));
                }
                option if BODY_OPTIONS.contains(&option) => bodies.extend(rest.next().cloned()),
                option if option.starts_with("--eval=") => {
                    bodies.extend(option.strip_prefix("--eval=").map(str::to_owned));
                }
                option if option.starts_with(['-', '+']) => {}
                // crystal eval CODE, elixir's and swift's scripts
                "eval" => bodies.extend(rest.next().cloned()),
                script => {
                    if bodies.is_empty() {
                        return self.foreign_file(name, script);
                    }
                }
            }
        }
        if bodies.is_empty() {
            match self.stdin.clone() {
                Some(body) if body.chars().any(|c| !text::is_mark(c)) => bodies.push(body),
                Some(body) if body.is_empty() => return String::new(),
                Some(body) => self.unknown_code(&body),
                None => {
                    self.hit(
                        "shell.interactive",
                        Risk::Warning,
                        "opens an interpreter: what is typed there is not seen here",
                        "",
                    );
                }
            }
        }
        for body in bodies {
            self.in_subshell(|machine| machine.foreign_body(name, &body));
        }
        ANY.to_string()
    }

    fn foreign_file(&mut self, name: &str, script: &str) -> String {
        let content = self.content(script);
        if content.contains([FETCHED, FETCHED_UNSAFE]) {
            self.remote_code(&content);
        } else if content.chars().any(|c| !text::is_mark(c)) {
            self.in_subshell(|machine| machine.foreign_body(name, &content));
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

    /// Judges a program by its literals and the flavour of its words.
    pub(super) fn foreign_body(&mut self, name: &str, source: &str) -> String {
        if source.contains([FETCHED, FETCHED_UNSAFE]) {
            self.remote_code(source);
        }
        if !self.spend(u32::try_from(source.len() / 32 + 4).unwrap_or(u32::MAX))
            || self.run_nesting > super::machine::RUN_NESTING_MAX
        {
            return ANY.to_string();
        }
        self.run_nesting += 1;
        let base = paths::base(name).to_owned();
        if base.starts_with("pwsh") || base == "powershell" {
            self.powershell(source);
        } else if base.starts_with("tclsh") || matches!(base.as_str(), "wish" | "expect") {
            self.tcl(source);
        } else {
            self.flavours(&base, source);
        }
        self.run_nesting -= 1;
        ANY.to_string()
    }

    fn flavours(&mut self, name: &str, source: &str) {
        let lisp = matches!(name, "guile" | "scheme" | "sbcl" | "clisp" | "emacs" | "racket");
        let found = found(source, lisp);
        let lower = source.to_lowercase();
        let runs = found.has(&RUNS) || lower.contains("do shell script");
        if runs {
            self.run_literals(&found.literals);
        }
        let socket = ["socket", "gen_tcp", "tcpclient", "inet"].iter().any(|w| lower.contains(w));
        if socket && (runs || lower.contains("/bin/sh") || lower.contains("/bin/bash")) {
            self.hit("shell.reverse_shell", Risk::Deny, "connects a shell to the network", "");
        }
        // In R, rm() forgets variables.
        let forgets = matches!(name, "Rscript" | "R" | "littler" | "r")
            && !found.has(&["unlink", "file.remove", "remove-item"]);
        if !forgets && found.has(&DELETES) {
            let recursive = [
                "recurs",
                "deletedir",
                "rm_rf",
                "rmtree",
                "del_dir",
                "tree",
                "forcibly",
                "force",
                " t)",
            ]
            .iter()
            .any(|w| lower.contains(w));
            self.delete_all(&found.paths(), recursive);
        }
        if found.has(&WRITES) || ["\"w\"", "'w'", ":write", "> "].iter().any(|w| lower.contains(w))
        {
            for path in found.paths() {
                self.write(&Write::new(&path, ""));
            }
        }
        if found.has(&[
            "chmod",
            "sys.chmod",
            "set-acl",
            "setpermissions",
            "setposixfilepermissions",
        ]) {
            for path in found.paths() {
                self.mode_of(&path, "", lower.contains("recursive"));
            }
        }
        if found.has(&["reboot", "shutdown!", "poweroff"]) {
            self.hit("power.reboot", Risk::Critical, "restarts the machine", "");
        }
    }

    /// What a call runs: every literal may be a command, or all of them one command's words.
    fn run_literals(&mut self, literals: &[String]) {
        if literals.is_empty() {
            return self.unknown_code(&ANY.to_string());
        }
        for code in literals.iter().filter(|l| !l.trim().is_empty()) {
            let code = code.trim_start_matches('|').to_owned();
            self.in_subshell(|machine| machine.run_text(&code));
        }
        if literals.len() > 1 {
            let words: Vec<String> = literals.to_vec();
            self.in_subshell(|machine| machine.execute(&words, (false, false)));
        }
    }

    fn delete_all(&mut self, paths: &[String], recursive: bool) {
        if paths.is_empty() {
            self.hit(
                "shell.delete.unknown",
                Risk::Critical,
                "what it deletes is not known",
                "print the target first, then name it",
            );
        }
        for path in paths {
            let how = Delete { recursive, bulk: text::has_glob(path), ..Delete::default() };
            self.delete(path, how);
        }
    }

    /// Tcl and expect: a line is a command and its words.
    fn tcl(&mut self, source: &str) {
        let lower = source.to_lowercase();
        if lower.contains("socket") && lower.contains("exec") {
            self.hit("shell.reverse_shell", Risk::Deny, "connects a shell to the network", "");
        }
        for statement in source.split(['\n', ';', '[', ']']) {
            let statement = statement.trim().trim_matches(['{', '}', ' ']);
            for (at, _) in statement.char_indices().filter(|(at, _)| {
                *at == 0 || statement.get(..*at).is_some_and(|s| s.ends_with([' ', '{']))
            }) {
                let tail = statement.get(at..).unwrap_or_default();
                let (word, rest) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
                match word {
                    "exec" | "spawn" | "system" => {
                        let code = rest
                            .trim_start_matches("-ignorestderr")
                            .trim_start()
                            .trim_start_matches("-- ")
                            .trim_end_matches('}');
                        let code = code.replace(['{', '}'], "'");
                        self.in_subshell(|machine| machine.run_text(&code));
                        break;
                    }
                    "open" if rest.trim_start_matches(['"', '{', ' ']).starts_with('|') => {
                        let code = rest.trim_matches(['"', '{', '}', '|', ' ']).to_owned();
                        self.in_subshell(|machine| machine.run_text(&code));
                    }
                    "open" => {
                        let words: Vec<&str> = rest.split_whitespace().collect();
                        if let [path, mode, ..] = words.as_slice()
                            && mode.contains(['w', 'a', '+'])
                        {
                            let path = unquoted(path);
                            self.write(
                                &Write::new(&path, "").appending(mode.contains('a')).opened(),
                            );
                        }
                    }
                    // What is typed into the program that was started.
                    "send" | "exp_send" => {
                        let typed = rest.trim_start_matches("-- ").trim_matches(['"', '{', '}']);
                        let code = typed.replace("\\r", "\n").replace("\\n", "\n");
                        self.critical_only(|machine| {
                            machine.in_subshell(|machine| machine.run_text(&code))
                        });
                    }
                    "file" => self.tcl_file(rest),
                    "eval" if rest.contains('$') => self.unknown_code(&ANY.to_string()),
                    _ => {}
                }
            }
        }
    }

    fn tcl_file(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let operands = || words.iter().skip(1).filter(|w| !w.starts_with('-')).map(|w| unquoted(w));
        match words.first().copied() {
            Some("delete") => {
                let paths: Vec<String> = operands().collect();
                self.delete_all(&paths, words.contains(&"-force"));
            }
            Some("rename" | "copy") => {
                if let Some(path) = operands().next_back() {
                    self.write(&Write::new(&path, &ANY.to_string()));
                }
            }
            Some("attributes") if words.len() > 3 => {
                if let Some(path) = operands().next() {
                    self.mode_of(&path, "", false);
                }
            }
            Some("mkdir" | "link") => {
                self.hit("shell.write.file", Risk::Warning, "makes a directory or a link", "");
            }
            _ => {}
        }
    }

    /// PowerShell: verbs say what a cmdlet does; anything else is a program of the system.
    fn powershell(&mut self, source: &str) {
        let lower = source.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
        if has(&["invoke-expression", "iex"])
            && has(&["downloadstring", "iwr", "irm", "invoke-webrequest", "invoke-restmethod"])
        {
            let mark = if is_unsafe_source(
                source.split(['\'', '"', ' ']).find(|w| w.contains("://")).unwrap_or("http://"),
            ) {
                FETCHED_UNSAFE
            } else {
                FETCHED
            };
            self.remote_code(&mark.to_string());
        }
        if has(&["tcpclient"]) {
            self.hit("shell.reverse_shell", Risk::Deny, "connects a shell to the network", "");
        }
        for statement in source.split(['\n', ';', '|', '{', '}']) {
            let statement = statement.trim().trim_start_matches(['&', '(', ' ']);
            let mut words = statement.split_whitespace();
            let Some(first) = words.next() else { continue };
            let cmdlet = first.to_lowercase();
            let operands: Vec<String> =
                words.clone().filter(|w| !w.starts_with('-')).map(unquoted).collect();
            let options: Vec<String> =
                words.filter(|w| w.starts_with('-')).map(str::to_lowercase).collect();
            if options.iter().any(|o| o == "-whatif")
                || first.starts_with(['$', '"', '\'', '@', '[', '?', '%'])
            {
                continue;
            }
            if DELETES.contains(&cmdlet.as_str()) {
                let recursive = options
                    .iter()
                    .any(|o| o.starts_with("-r") || o.starts_with("-fo") || o == "-fr");
                self.delete_all(&operands, recursive);
            } else if WRITES.contains(&cmdlet.as_str()) && cmdlet.contains('-') {
                let empty = String::new();
                let path = operands
                    .iter()
                    .find(|o| o.contains('/'))
                    .or(operands.first())
                    .unwrap_or(&empty);
                self.write(&Write::new(path, &ANY.to_string()));
            } else if let Some((verb, noun)) = cmdlet.split_once('-').filter(|(v, n)| {
                !v.is_empty()
                    && n.chars().all(char::is_alphanumeric)
                    && first.starts_with(|c: char| c.is_uppercase())
            }) {
                self.verb(verb, noun, &options);
            } else {
                let code = statement.to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
        }
    }

    fn verb(&mut self, verb: &str, noun: &str, options: &[String]) {
        let by_id = options.iter().any(|o| o == "-id");
        let (risk, why) = match (verb, noun) {
            (
                "get" | "select" | "where" | "measure" | "sort" | "group" | "test" | "write"
                | "convertto" | "convertfrom" | "compare" | "find" | "resolve" | "show" | "foreach"
                | "join" | "split" | "out" | "tee" | "search" | "trace" | "wait" | "read",
                _,
            ) => return,
            ("restart" | "stop", "computer") => (Risk::Critical, "restarts or stops the machine"),
            ("stop", "process") if !by_id => (Risk::Critical, "stops every process of a name"),
            ("format", "table" | "list" | "wide" | "custom" | "hex") => return,
            ("remove" | "clear" | "format" | "initialize" | "uninstall" | "disable", _) => {
                (Risk::Critical, "removes, empties or disables something")
            }
            ("invoke", "expression" | "command") => (Risk::Critical, "runs code that is not known"),
            _ => (Risk::Warning, "changes something"),
        };
        self.hit("shell.powershell", risk, why, "");
    }
}

/// `-EncodedCommand` and its abbreviations.
fn name_of_encoded(option: &str) -> bool {
    let lower = option.to_ascii_lowercase();
    lower == "-ec" || (lower.len() > 1 && "-encodedcommand".starts_with(&lower))
}

/// The text of UTF-16 in base64.
fn utf16_of(packed: &str) -> Option<String> {
    if !text::is_literal(packed) {
        return None;
    }
    let bytes = super::produce::decode_bytes(packed, false)?;
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| {
            u16::from_le_bytes([
                pair.first().copied().unwrap_or_default(),
                pair.last().copied().unwrap_or_default(),
            ])
        })
        .collect();
    Some(text::clean(&String::from_utf16_lossy(&units)))
}

/// A word without its quotes.
fn unquoted(word: &str) -> String {
    word.trim_matches(['"', '\'', '{', '}', '(', ')']).to_owned()
}

/// Takes a program apart into literals and words.
fn found(source: &str, lisp: bool) -> Found {
    let mut found = Found { literals: Vec::new(), words: Vec::new() };
    let mut characters = source.chars().peekable();
    let mut word = String::new();
    while let Some(c) = characters.next() {
        if found.words.len() + found.literals.len() > WORDS_MAX {
            break;
        }
        if c.is_alphanumeric()
            || matches!(c, '_' | '.' | ':' | '!' | '*')
            || (c == '-' && !word.is_empty())
        {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            found.words.push(std::mem::take(&mut word));
        }
        if matches!(c, '"' | '`') || (c == '\'' && !lisp) {
            let mut literal = String::new();
            while let Some(inner) = characters.next() {
                match inner {
                    '\\' => literal.extend(characters.next()),
                    _ if inner == c => break,
                    _ => literal.push(inner),
                }
            }
            found.literals.push(literal);
        }
    }
    if !word.is_empty() {
        found.words.push(word);
    }
    for word in &mut found.words {
        *word = word.trim_matches(['.', ':']).to_owned();
    }
    found
}
