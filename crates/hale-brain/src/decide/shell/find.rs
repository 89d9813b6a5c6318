//! find, xargs and parallel: deletions and commands on what was found.

use hale_model::action::Risk;

use super::effects::{Delete, Write};
use super::machine::Machine;
use super::options::{Parsed, Style};
use super::text::{self, ANY, BELOW};
use super::{paths, simple};

/// Tests of find that pick some of what is there.
const FILTERS: [&str; 32] = [
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-regex",
    "-iregex",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-size",
    "-empty",
    "-user",
    "-group",
    "-perm",
    "-uid",
    "-gid",
    "-inum",
    "-links",
    "-lname",
    "-nouser",
    "-nogroup",
    "-samefile",
    "-xtype",
    "-newermt",
    "-used",
    "-anewer",
    "-executable",
];

/// Tests and actions that take a value.
const VALUES: [&str; 36] = [
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-regex",
    "-iregex",
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-size",
    "-user",
    "-group",
    "-perm",
    "-uid",
    "-gid",
    "-inum",
    "-links",
    "-lname",
    "-samefile",
    "-xtype",
    "-newermt",
    "-used",
    "-anewer",
    "-type",
    "-maxdepth",
    "-mindepth",
    "-printf",
    "-fstype",
    "-regextype",
    "-ilname",
    "-cnewer",
];

/// Arguments that one run of xargs is tried with.
const INPUT_WORDS_MAX: usize = 64;

impl Machine {
    pub(super) fn find(&mut self, name: &str, arguments: &[String]) -> String {
        if matches!(name, "fd" | "fdfind") {
            return self.fd(arguments);
        }
        let paths_end = arguments
            .iter()
            .position(|a| {
                (a.starts_with('-') && !matches!(a.as_str(), "-L" | "-P" | "-H"))
                    || matches!(a.as_str(), "(" | "!" | "\\(")
            })
            .unwrap_or(arguments.len());
        let mut roots: Vec<String> = arguments
            .get(..paths_end)
            .unwrap_or_default()
            .iter()
            .filter(|a| !a.starts_with('-'))
            .cloned()
            .collect();
        if roots.is_empty() {
            roots.push(".".to_owned());
        }
        let tests = arguments.get(paths_end..).unwrap_or_default();
        // A name test that leaves nothing out filters nothing.
        let filtered = tests.iter().enumerate().any(|(at, test)| {
            // What is only kept out of the search is no filter of what is found.
            let pruned = test.ends_with("path") && tests.get(at + 2).is_some_and(|t| t == "-prune");
            FILTERS.contains(&test.as_str())
                && !pruned
                && !(test.contains("name")
                    && tests
                        .get(at + 1)
                        .is_some_and(|value| value.chars().all(|c| matches!(c, '*' | text::STAR))))
        });
        // `-maxdepth 1 -name 'et*'` is the glob `et*`.
        let named =
            tests.iter().position(|t| t == "-name").and_then(|at| tests.get(at + 1)).cloned();
        // Caches and build directories are made again, wherever they are found.
        let compiled = named.as_deref().is_some_and(|n| {
            matches!(text::unglobbed(n).as_str(), "*.pyc" | "*.pyo" | "*.py[co]" | "*.class")
        });
        let artefact = (compiled || named.as_deref().is_some_and(paths::is_artefact))
            && !roots.iter().any(|r| r == "/");
        let shallow = tests.windows(2).any(|w| matches!(w, [a, b] if a == "-maxdepth" && b == "1"));
        if let (true, Some(pattern)) = (shallow, &named) {
            let wide: Vec<String> = roots
                .iter()
                .map(|root| format!("{}/{}", root.trim_end_matches('/'), text::globbed(pattern)))
                .filter(|path| {
                    paths::is_system_top(&self.resolve(path)) || paths::is_root(&self.resolve(path))
                })
                .collect();
            if !wide.is_empty() {
                let saved = std::mem::replace(&mut roots, wide);
                let deletes = tests.iter().any(|t| t == "-delete" || t == "rm");
                if deletes {
                    for root in &roots {
                        self.delete(root, Delete { recursive: true, ..Delete::default() });
                    }
                }
                roots = saved;
            }
        }
        let found: Vec<String> = roots
            .iter()
            .map(|root| {
                let root = root.trim_end_matches('/');
                if filtered {
                    format!("{root}/{BELOW}")
                } else {
                    format!("{root}/\n{root}/{BELOW}")
                }
            })
            .collect();
        let mut at = 0;
        while let Some(test) = tests.get(at) {
            match test.as_str() {
                "-delete" if artefact => {
                    self.hit(
                        "shell.delete.small",
                        Risk::Warning,
                        "deletes what can be made again",
                        "",
                    );
                }
                "-delete" => {
                    for root in &roots {
                        self.delete(
                            root,
                            Delete { recursive: true, bulk: true, filtered, ..Delete::default() },
                        );
                    }
                }
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let rest = tests.get(at + 1..).unwrap_or_default();
                    let end = rest.iter().position(|a| a == ";" || a == "+").unwrap_or(rest.len());
                    let command: Vec<String> = rest.get(..end).unwrap_or_default().to_vec();
                    at += end + 1;
                    if artefact && command.first().is_some_and(|name| paths::base(name) == "rm") {
                        self.hit(
                            "shell.delete.small",
                            Risk::Warning,
                            "deletes what can be made again",
                            "",
                        );
                    } else {
                        self.on_found(&command, &roots, filtered);
                    }
                }
                "-fprint" | "-fprintf" | "-fls" | "-fprint0" => {
                    if let Some(path) = tests.get(at + 1) {
                        let path = path.clone();
                        self.write(&Write::new(&path, &ANY.to_string()));
                    }
                    at += 1;
                }
                other if VALUES.contains(&other) => at += 1,
                _ => {}
            }
            at += 1;
        }
        found.iter().map(|path| format!("{path}\n")).collect()
    }

    /// A command run on what find found: `{}` stands for it.
    fn on_found(&mut self, command: &[String], roots: &[String], filtered: bool) {
        let Some((name, rest)) = command.split_first() else { return };
        let program = paths::base(name);
        let removes = matches!(program, "rm" | "unlink" | "shred" | "srm" | "rmdir");
        if removes && rest.iter().any(|a| a.contains("{}")) {
            if program == "rmdir" {
                return self.hit(
                    "shell.delete.empty",
                    Risk::Warning,
                    "removes empty directories",
                    "",
                );
            }
            let how = Delete { recursive: true, bulk: true, filtered, for_good: program != "rm" };
            for root in roots {
                self.delete(root, how);
            }
            return;
        }
        // A change of modes of all that is found is one of the tree.
        if matches!(program, "chmod" | "chown" | "chgrp" | "setfacl" | "chattr")
            && rest.iter().any(|a| a.contains("{}"))
        {
            for root in roots {
                self.permissions(root, true, "changes modes or owners");
            }
        }
        if program == "truncate" && rest.iter().any(|a| a.contains("{}")) {
            let why = "empties every file that is found";
            self.hit("shell.write.bulk", Risk::Critical, why, "list them first: find … -print");
        }
        let found = roots.iter().flat_map(|root| {
            // Without a filter the place itself is among what is found.
            let place = (!filtered).then(|| root.clone());
            place.into_iter().chain([format!("{}/{BELOW}", root.trim_end_matches('/'))])
        });
        for found in found {
            let arguments: Vec<String> = command.iter().map(|a| a.replace("{}", &found)).collect();
            let part = std::mem::replace(&mut self.part, simple::joined(&arguments));
            self.in_subshell(|machine| machine.execute(&arguments, (false, false)));
            self.part = part;
        }
    }

    fn fd(&mut self, arguments: &[String]) -> String {
        let at = arguments
            .iter()
            .position(|a| matches!(a.as_str(), "-x" | "-X" | "--exec" | "--exec-batch"));
        if let Some(at) = at {
            let mut command: Vec<String> = arguments.get(at + 1..).unwrap_or_default().to_vec();
            self.in_subshell(|machine| machine.execute(&command, (false, false)));
            if !command.iter().any(|a| a.contains("{}")) {
                command.push("{}".to_owned());
            }
            let operands: Vec<&String> = arguments
                .get(..at)
                .unwrap_or_default()
                .iter()
                .filter(|a| !a.starts_with('-'))
                .collect();
            let filtered = operands.first().is_some_and(|p| !matches!(p.as_str(), "." | ""));
            let root = operands.get(1).map_or_else(|| ".".to_owned(), |r| (*r).clone());
            self.on_found(&command, &[root], filtered);
        }
        format!("./{BELOW}\n")
    }

    pub(super) fn xargs(&mut self, name: &str, arguments: &[String]) -> String {
        let values = [
            "-I",
            "-n",
            "-P",
            "-L",
            "-d",
            "-s",
            "-a",
            "-E",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--arg-file",
            "--max-lines",
            "-j",
            "--jobs",
            "--delay",
            "--joblog",
            "--colsep",
            "-N",
            "--timeout",
            "-S",
            "--sshlogin",
        ]
        .map(str::to_owned);
        let parsed = Parsed::new(arguments, Style::Posix, &values);
        if matches!(name, "parallel" | "rush") && parsed.has(&["--dry-run", "--dryrun"]) {
            return ANY.to_string();
        }
        let separator =
            parsed.operands.iter().position(|a| matches!(a.as_str(), ":::" | "::::" | ":::+"));
        let command: Vec<String> = match separator {
            Some(at) => parsed.operands.get(..at).unwrap_or_default().to_vec(),
            None => parsed.operands.clone(),
        };
        let input = match (separator, parsed.value(&["-a", "--arg-file"])) {
            (Some(at), _) => parsed.operands.get(at + 1..).unwrap_or_default().join("\n"),
            (None, Some(path)) => self.content(path),
            (None, None) => self.stdin.clone().unwrap_or_else(|| ANY.to_string()),
        };
        let lines = parsed.has(&["-I", "-d", "--delimiter", "-0", "-L"]) || name == "parallel";
        let split =
            |c: char| if lines { matches!(c, '\n' | '\0') } else { c.is_whitespace() || c == '\0' };
        let words: Vec<String> = input
            .split(split)
            .filter(|w| !w.is_empty())
            .take(INPUT_WORDS_MAX)
            .map(|w| if lines { w.to_owned() } else { w.trim_matches(['"', '\'']).to_owned() })
            .collect();
        let words = if words.is_empty() && input.chars().any(text::is_mark) {
            vec![ANY.to_string()]
        } else {
            words
        };
        if command.is_empty() {
            // parallel runs its lines as commands, xargs prints them.
            if name == "parallel" || name == "rush" {
                for line in &words {
                    self.in_subshell(|machine| machine.run_text(line));
                }
            }
            return words.join(" ");
        }
        let replace = parsed
            .value(&["-I"])
            .map(str::to_owned)
            .or_else(|| (name == "parallel" || parsed.has(&["-i"])).then(|| "{}".to_owned()));
        let batches: Vec<Vec<String>> = match &replace {
            Some(mark) if command.iter().any(|a| a.contains(mark.as_str())) => words
                .iter()
                .map(|word| command.iter().map(|a| a.replace(mark.as_str(), word)).collect())
                .collect(),
            _ => vec![command.iter().chain(&words).cloned().collect()],
        };
        let mut output = String::new();
        for batch in batches.iter().take(16) {
            output.push_str(&self.on_input(batch, &words, name == "parallel"));
        }
        text::bounded(output)
    }

    fn on_input(&mut self, batch: &[String], words: &[String], shell: bool) -> String {
        let program = batch.first().map(|name| paths::base(name).to_owned()).unwrap_or_default();
        let listed = words.iter().any(|w| w.contains([BELOW, ANY]));
        let part = std::mem::replace(&mut self.part, simple::joined(batch));
        let output = if matches!(program.as_str(), "rm" | "unlink" | "shred") && listed {
            // What a listing gave is deleted: as many files as there are.
            for word in words {
                match word.split_once(BELOW) {
                    Some((root, _)) => {
                        self.delete(
                            root,
                            Delete {
                                recursive: true,
                                bulk: true,
                                filtered: true,
                                ..Delete::default()
                            },
                        );
                    }
                    None => self
                        .delete(word, Delete { recursive: true, bulk: true, ..Delete::default() }),
                }
            }
            String::new()
        } else if shell && batch.len() == 1 {
            let code = simple::joined(batch);
            self.in_subshell(|machine| machine.run_text(&code))
        } else {
            let batch = batch.to_vec();
            self.in_subshell(|machine| machine.execute(&batch, (false, false)))
        };
        self.part = part;
        output
    }
}
