//! The state of the abstract shell: variables, functions, files it wrote, and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use brush_parser::ast;
use hale_model::action::Risk;

use super::text::{self, ANY, HOME, SEGMENT, START_DIRECTORY};
use super::{RuleHit, paths};

/// Pieces of work (words walked, commands run, characters replaced) that one verdict may cost.
const STEPS_MAX: u32 = 20_000;
/// Shells within shells.
pub(super) const RUN_NESTING_MAX: u32 = 12;
/// Commands within commands, of whatever kind: what bounds the stack.
const DEPTH_MAX: u32 = 48;
/// Findings that are kept.
const HITS_MAX: usize = 64;
/// Characters of a part that is shown.
pub(super) const PART_CHARS_MAX: usize = 160;

/// An element of an array that is not set.
pub(super) const HOLE: &str = "\u{F000E}";

/// A variable: its elements, and what a branch not taken would have left instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Variable {
    pub values: Vec<String>,
    pub otherwise: Vec<String>,
}

/// Where commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A machine or a container that somebody needs.
    Real,
    /// A container that is made for this command and shares nothing but its mounts.
    Throwaway,
}

/// What a subshell gets a copy of.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub variables: BTreeMap<String, Variable>,
    pub positional: Vec<String>,
    /// Whether the parameters are known: those of a command line as a whole are not.
    pub positional_known: bool,
    pub functions: BTreeMap<String, Rc<ast::FunctionBody>>,
    pub aliases: BTreeMap<String, String>,
    pub cwd: String,
    /// Whether commands run as root for certain.
    pub root: bool,
    pub place: Place,
    /// Whether commands run in a container, whose first process is its own.
    pub container: bool,
    /// Names that stand for other variables: `declare -n`.
    pub references: BTreeMap<String, String>,
    /// Variables that are integers: what they are given is evaluated.
    pub integers: BTreeSet<String>,
    /// Paths here that are other paths on the host: (here, host).
    pub mounts: Vec<(String, String)>,
    /// Descriptors that lead to a network connection.
    pub network_fds: Vec<i32>,
}

impl State {
    /// The variable that a name stands for.
    pub fn target<'a>(&'a self, name: &'a str) -> &'a str {
        const HOPS_MAX: u32 = 8;
        let mut name = name;
        for _ in 0..HOPS_MAX {
            match self.references.get(name) {
                Some(next) => name = next,
                None => break,
            }
        }
        name
    }

    /// The elements of an array that are set.
    pub fn array(&self, name: &str) -> Option<Vec<String>> {
        let name = self.target(name);
        let values = |v: &Variable| v.values.iter().filter(|v| **v != HOLE).cloned().collect();
        self.variables.get(name).map(values)
    }
}

/// The abstract shell.
pub(super) struct Machine {
    pub hits: Vec<RuleHit>,
    pub state: State,
    /// What is left of standard input; `None` where it is the terminal's or not known to be anything.
    pub stdin: Option<String>,
    /// Files written so far and what they hold.
    pub files: BTreeMap<String, String>,
    /// Symbolic links made so far.
    pub links: BTreeMap<String, String>,
    /// Programs copied or linked under another name.
    pub programs: BTreeMap<String, String>,
    /// `>(code)`: what runs on what is written there.
    pub sinks: BTreeMap<String, String>,
    /// Directories that were filled from a place code should not come from.
    pub fetched: Vec<String>,
    /// Loops around this point.
    pub loops: u32,
    /// Functions that are being called, and how many forks deep each call began.
    pub calls: Vec<(String, u32)>,
    /// Pipes, background jobs and substitutions around this point.
    pub forks: u32,
    pub splitting: bool,
    pub word_nesting: u32,
    pub run_nesting: u32,
    /// The simple command at hand, for people.
    pub part: String,
    /// Whether the number of a process that watches over the machine was looked up.
    pub guard_listed: bool,
    /// As [`Machine::guard_listed`], of one that the machine stands on.
    pub system_listed: bool,
    /// Whether a secret was put into a git index here, and whether it was committed.
    pub secret_staged: bool,
    pub secret_committed: bool,
    /// Which alternative of variables with several is looked at, and how many there are.
    pub alternative: usize,
    pub alternatives: usize,
    substitutions: u32,
    steps_left: u32,
    /// Commands within commands of any kind, around this point.
    depth: u32,
}

impl Machine {
    pub fn new() -> Self {
        Self {
            hits: Vec::new(),
            state: State {
                variables: BTreeMap::new(),
                positional: Vec::new(),
                positional_known: false,
                functions: BTreeMap::new(),
                aliases: BTreeMap::new(),
                cwd: START_DIRECTORY.to_string(),
                root: false,
                place: Place::Real,
                container: false,
                references: BTreeMap::new(),
                integers: BTreeSet::new(),
                mounts: Vec::new(),
                network_fds: Vec::new(),
            },
            stdin: None,
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            programs: BTreeMap::new(),
            sinks: BTreeMap::new(),
            fetched: Vec::new(),
            loops: 0,
            calls: Vec::new(),
            forks: 0,
            splitting: true,
            word_nesting: 0,
            run_nesting: 0,
            part: String::new(),
            guard_listed: false,
            system_listed: false,
            secret_staged: false,
            secret_committed: false,
            alternative: 0,
            alternatives: 1,
            substitutions: 0,
            steps_left: STEPS_MAX,
            depth: 0,
        }
    }

    /// Takes from the budget; false once it is spent, which is a finding.
    pub fn spend(&mut self, steps: u32) -> bool {
        if self.steps_left < steps {
            if self.steps_left > 0 {
                self.steps_left = 0;
                self.hit(
                    "shell.too_complex",
                    Risk::Critical,
                    "too much to work out: what it does in the end cannot be told",
                    "write it as plain commands",
                );
            }
            return false;
        }
        self.steps_left -= steps;
        true
    }

    /// Does work one level deeper; beyond the limit nothing is done, which is a finding.
    pub fn deeper(&mut self, work: impl FnOnce(&mut Self) -> String) -> String {
        if self.depth >= DEPTH_MAX {
            self.hit(
                "shell.nesting",
                Risk::Critical,
                "commands within commands, deeper than is looked into",
                "write the inner command plainly",
            );
            return ANY.to_string();
        }
        self.depth += 1;
        let output = work(self);
        self.depth -= 1;
        output
    }

    /// A finding about the part at hand. `instead` may be empty.
    pub fn hit(&mut self, id: &str, risk: Risk, text: impl Into<String>, instead: &str) {
        let part: String = text::shown(&self.part).chars().take(PART_CHARS_MAX).collect();
        let known = self.hits.iter_mut().find(|hit| hit.id == id && hit.part == part);
        if let Some(known) = known {
            if known.risk < risk {
                known.risk = risk;
                known.text = text.into();
            }
            return;
        }
        if self.hits.len() >= HITS_MAX {
            // The worst are kept.
            let Some(least) = self.hits.iter_mut().min_by_key(|hit| hit.risk) else { return };
            if least.risk >= risk {
                return;
            }
            *least = finding(id, risk, text.into(), instead, part);
            return;
        }
        self.hits.push(finding(id, risk, text.into(), instead, part));
    }

    pub fn unresolved_word(&mut self) {
        self.hit(
            "shell.unresolved_word",
            Risk::Critical,
            "a word cannot be resolved",
            "write the word plainly",
        );
    }

    /// The value of a variable as far as it is known here; `None` if nothing sets it.
    pub fn variable(&mut self, name: &str) -> Option<String> {
        if let Some(variable) = self.state.variables.get(name) {
            self.alternatives = self.alternatives.max(1 + variable.otherwise.len());
        }
        self.peek(name)
    }

    /// As [`Machine::variable`], without note of alternatives.
    pub fn peek(&self, name: &str) -> Option<String> {
        let name = self.state.target(name);
        if let Some(variable) = self.state.variables.get(name) {
            let other = self.alternative.checked_sub(1).and_then(|n| variable.otherwise.get(n));
            return Some(match other {
                Some(other) => other.clone(),
                None => {
                    variable.values.first().filter(|v| **v != HOLE).cloned().unwrap_or_default()
                }
            });
        }
        let value = match name {
            "HOME" => HOME.to_string(),
            "PWD" => self.state.cwd.clone(),
            "IFS" => " \t\n".to_owned(),
            "SHELL" | "BASH" => "/bin/bash".to_owned(),
            "PATH" => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "OSTYPE" => "linux-gnu".to_owned(),
            "UID" | "EUID" | "PPID" | "RANDOM" | "SRANDOM" | "SECONDS" | "LINENO" | "BASHPID"
            | "USER" | "LOGNAME" | "HOSTNAME" | "HOSTTYPE" | "EPOCHSECONDS" | "BASH_VERSION" => {
                SEGMENT.to_string()
            }
            _ => return None,
        };
        Some(value)
    }

    pub fn assign(&mut self, name: &str, value: String) {
        let name = self.state.target(name).to_owned();
        let variable = Variable { values: vec![text::bounded(value)], otherwise: Vec::new() };
        self.state.variables.insert(name.clone(), variable);
        self.assigned(&name);
    }

    /// Runs code in a copy of the shell; what it prints without the last line ends.
    pub fn substitute(&mut self, code: &str) -> String {
        let output = self.in_subshell(|machine| machine.run(code));
        text::bounded(output.trim_end_matches('\n').to_owned())
    }

    /// Does something of which only files, findings and the budget remain.
    pub fn in_subshell<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let saved = (self.state.clone(), self.stdin.clone(), self.splitting, self.part.clone());
        self.splitting = true;
        self.forks += 1;
        let result = work(self);
        self.forks -= 1;
        (self.state, self.stdin, self.splitting, self.part) = saved;
        result
    }

    /// The path that stands for `<(code)` or `>(code)`.
    pub fn process_substitution(&mut self, code: &str, read: bool) -> String {
        self.substitutions += 1;
        let path = format!("/dev/fd/{}", 63 + self.substitutions);
        if read {
            let output = self.in_subshell(|machine| machine.run(code));
            self.files.insert(path.clone(), text::bounded(output));
        } else {
            self.sinks.insert(path.clone(), code.to_owned());
        }
        path
    }

    /// Whether a path is one end of a process substitution.
    pub fn is_substitution(path: &str) -> bool {
        path.strip_prefix("/dev/fd/").and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n > 63)
    }

    /// The absolute path that is meant, links made here followed, mounts undone.
    pub fn resolve(&self, path: &str) -> String {
        let mut path = paths::absolute(path, &self.state.cwd);
        if let Some(rest) = path.strip_prefix("/proc/")
            && let Some((_, rest)) = rest.split_once('/')
        {
            // The root and the working directory of a process, most often our own or init's.
            if let Some(below) =
                rest.strip_prefix("root").filter(|b| b.is_empty() || b.starts_with('/'))
            {
                path = paths::absolute(&format!("/{below}"), "/");
            } else if let Some(below) =
                rest.strip_prefix("cwd").filter(|b| b.is_empty() || b.starts_with('/'))
            {
                path = paths::absolute(&format!("./{below}"), &self.state.cwd);
            }
        }
        for _ in 0..8 {
            let followed = self.links.iter().find_map(|(link, target)| {
                let rest = path.strip_prefix(link.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then(|| format!("{target}{rest}"))
            });
            match followed {
                Some(next) => path = paths::absolute(&next, "/"),
                None => break,
            }
        }
        let mount = self.state.mounts.iter().filter_map(|(here, host)| {
            let rest =
                if here == "/" { Some(path.as_str()) } else { path.strip_prefix(here.as_str()) };
            let rest = rest.filter(|r| r.is_empty() || r.starts_with('/'))?;
            Some((here.len(), format!("{}{rest}", host.trim_end_matches('/'))))
        });
        match mount.max_by_key(|(length, _)| *length) {
            Some((_, host)) => paths::absolute(if host.is_empty() { "/" } else { &host }, "/"),
            None => path,
        }
    }

    /// Whether a resolved path lies inside a throw-away container and nowhere else.
    pub fn is_throwaway(&self, path: &str) -> bool {
        self.state.place == Place::Throwaway && {
            let here = paths::absolute(path, &self.state.cwd);
            !self.state.mounts.iter().any(|(mounted, _)| {
                // A deletion above a mount reaches into it.
                here.starts_with(mounted.as_str())
                    || mounted.starts_with(here.trim_end_matches('/'))
            })
        }
    }

    /// What a file holds, as far as is known.
    pub fn content(&self, path: &str) -> String {
        let resolved = self.resolve(path);
        if let Some(content) = self.files.get(&resolved) {
            return content.clone();
        }
        match resolved.as_str() {
            "/dev/null" => String::new(),
            "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => {
                self.stdin.clone().unwrap_or_else(|| ANY.to_string())
            }
            other if paths::is_secret(other) => text::residue(&text::SECRET.to_string()),
            other if paths::is_network_device(other) => {
                text::residue(&text::FETCHED_UNSAFE.to_string())
            }
            other if self.is_fetched(other) => text::residue(&text::FETCHED_UNSAFE.to_string()),
            _ => ANY.to_string(),
        }
    }
}

fn finding(id: &str, risk: Risk, text: String, instead: &str, part: String) -> RuleHit {
    let safe_alternative = (!instead.is_empty()).then(|| instead.to_owned());
    RuleHit { id: id.to_owned(), risk, text, safe_alternative, part }
}
