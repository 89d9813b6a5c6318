//! The registry of commands: what each does, as data (`rules/shell/*.toml`).
//!
//! A command has a level for when nothing else is said, and rules of which the first that matches
//! decides. What its operands and options mean (files read, written, deleted, sent; commands run) is
//! data too, and is judged in addition: the worst counts. What data cannot say has a handler in code.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, OnceLock};

use hale_model::action::Risk;
use regex::Regex;
use serde::Deserialize;

use super::handlers::Handler;
use super::options::{Parsed, Style};
use super::text;

/// The files of the registry. A new file is one line here.
const FILES: &[(&str, &str)] = &[
    ("base", include_str!("../../../../../rules/shell/base.toml")),
    ("wrappers", include_str!("../../../../../rules/shell/wrappers.toml")),
    ("files", include_str!("../../../../../rules/shell/files.toml")),
    ("disks", include_str!("../../../../../rules/shell/disks.toml")),
    ("services", include_str!("../../../../../rules/shell/services.toml")),
    ("processes", include_str!("../../../../../rules/shell/processes.toml")),
    ("network", include_str!("../../../../../rules/shell/network.toml")),
    ("security", include_str!("../../../../../rules/shell/security.toml")),
    ("users", include_str!("../../../../../rules/shell/users.toml")),
    ("packages", include_str!("../../../../../rules/shell/packages.toml")),
    ("git", include_str!("../../../../../rules/shell/git.toml")),
    ("containers", include_str!("../../../../../rules/shell/containers.toml")),
    ("kubernetes", include_str!("../../../../../rules/shell/kubernetes.toml")),
    ("cloud", include_str!("../../../../../rules/shell/cloud.toml")),
    ("infrastructure", include_str!("../../../../../rules/shell/infrastructure.toml")),
    ("databases", include_str!("../../../../../rules/shell/databases.toml")),
    ("backup", include_str!("../../../../../rules/shell/backup.toml")),
    ("development", include_str!("../../../../../rules/shell/development.toml")),
    ("tools", include_str!("../../../../../rules/shell/tools.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    command: Vec<Command>,
    #[serde(default)]
    read_only: Vec<ReadOnly>,
}

/// Commands that only read, whatever their arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadOnly {
    names: Vec<String>,
}

/// One command.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Its names; `*` at the end stands for any ending.
    pub names: Vec<String>,
    /// The level where no rule matches.
    #[serde(default = "warning")]
    pub risk: Risk,
    /// Id of that level's finding; by default the first name.
    #[serde(default)]
    pub id: String,
    /// What it does, for people.
    #[serde(default)]
    pub reason: String,
    /// What to do instead.
    #[serde(default)]
    pub instead: String,
    /// How options are read.
    #[serde(default)]
    pub style: Style,
    /// Options that take a value.
    #[serde(default)]
    pub value_options: Vec<String>,
    /// Options with which it only reads: dry runs.
    #[serde(default)]
    pub harmless: Vec<String>,
    /// Arguments that are files it writes: `operands`, `first`, `last`, `rest`, or an option.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Arguments that it deletes.
    #[serde(default)]
    pub deletes: Vec<String>,
    /// Arguments that are devices, volumes or images whose content goes.
    #[serde(default)]
    pub overwrites: Vec<String>,
    /// Arguments whose content leaves for the network.
    #[serde(default)]
    pub sends: Vec<String>,
    /// The command that it runs.
    #[serde(default)]
    pub runs: Option<Runs>,
    /// Its subcommands are judged by their verbs alone (`verbs.toml`).
    #[serde(default)]
    pub verbs: bool,
    /// Meaning that is held in code.
    #[serde(default)]
    pub handler: Option<Handler>,
    /// The first that matches decides.
    #[serde(default)]
    pub rule: Vec<Rule>,
}

/// How a command runs another.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// The operands from this one on are a command.
    #[serde(default)]
    pub operands_from: Option<usize>,
    /// The operands from this one on, joined, are shell code.
    #[serde(default)]
    pub shell_from: Option<usize>,
    /// The values of these options are shell code.
    #[serde(default)]
    pub shell_options: Vec<String>,
    /// NAME=VALUE before the command are variables.
    #[serde(default)]
    pub assignments: bool,
    /// Only if the first operand is one of these.
    #[serde(default)]
    pub sub: Vec<String>,
    /// What it runs is run by root.
    #[serde(default)]
    pub root: bool,
    /// With nothing to run it runs its standard input.
    #[serde(default)]
    pub stdin: bool,
}

/// One rule of a command: all its conditions must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Leading operands, e.g. `volume rm|remove`; `*` is any one word. One of these.
    #[serde(default)]
    pub sub: Vec<String>,
    /// One of these options is given.
    #[serde(default)]
    pub options: Vec<String>,
    /// All of these options are given.
    #[serde(default)]
    pub all_options: Vec<String>,
    /// None of these options is given.
    #[serde(default)]
    pub without: Vec<String>,
    /// An option's value matches a regular expression.
    #[serde(default)]
    pub option_values: HashMap<String, String>,
    /// Some operand after the leading ones matches this regular expression.
    #[serde(default)]
    pub operand: Option<String>,
    /// No operand after the leading ones matches it.
    #[serde(default)]
    pub no_operand: Option<String>,
    /// Standard input, as far as known, matches.
    #[serde(default)]
    pub stdin: Option<String>,
    /// At least so many operands after the leading ones.
    #[serde(default)]
    pub min_operands: Option<usize>,
    /// At most so many.
    #[serde(default)]
    pub max_operands: Option<usize>,
    /// Whether an operand after the leading ones is unknown or a glob.
    #[serde(default)]
    pub unknown_operand: Option<bool>,
    /// Without one of these options it only shows what it would do; `#N`: with at least N operands.
    #[serde(default)]
    pub acts_only_with: Vec<String>,
    /// The level.
    pub risk: Risk,
    /// Id of the finding; by default the command's name and the first leading operand.
    #[serde(default)]
    pub id: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// What to do instead.
    #[serde(default)]
    pub instead: String,
    #[serde(skip)]
    patterns: OnceLock<Patterns>,
}

#[derive(Debug)]
struct Patterns {
    sub: Vec<Vec<Vec<String>>>,
    operand: Option<Option<Regex>>,
    no_operand: Option<Option<Regex>>,
    stdin: Option<Option<Regex>>,
    option_values: Vec<(String, Option<Regex>)>,
}

fn warning() -> Risk {
    Risk::Warning
}

/// All commands by name.
pub struct Registry {
    commands: Vec<Command>,
    by_name: HashMap<String, usize>,
    by_prefix: Vec<(String, usize)>,
    read_only: BTreeSet<String>,
    /// What is wrong with the data. A test holds it empty.
    pub problems: Vec<String>,
}

/// What the registry knows of a name.
#[derive(Clone, Copy)]
pub enum Known {
    /// It only reads.
    ReadOnly,
    /// It is described.
    Command(&'static Command),
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::load);

/// The embedded registry.
pub fn registry() -> &'static Registry {
    &REGISTRY
}

impl Registry {
    fn load() -> Self {
        let mut registry = Registry {
            commands: Vec::new(),
            by_name: HashMap::new(),
            by_prefix: Vec::new(),
            read_only: BTreeSet::new(),
            problems: Vec::new(),
        };
        for (file, text) in FILES {
            match toml::from_str::<File>(text) {
                Ok(parsed) => registry.add(file, parsed),
                Err(error) => registry.problems.push(format!("rules/shell/{file}.toml: {error}")),
            }
        }
        registry.problems.extend(super::verbs::problem().cloned());
        registry
    }

    fn add(&mut self, file: &str, parsed: File) {
        for name in parsed.read_only.into_iter().flat_map(|group| group.names) {
            if !self.read_only.insert(name.clone()) {
                self.problems.push(format!("{file}: {name} is listed twice"));
            }
        }
        for mut command in parsed.command {
            let first = command.names.first().cloned().unwrap_or_default();
            let first = first.trim_end_matches('*').trim_end_matches('.').to_owned();
            if command.id.is_empty() {
                command.id = format!("{file}.{first}");
            }
            for option in &command.value_options {
                if let Some((sub, option)) = option.split_once(':')
                    && sub.starts_with('-')
                    && option != "none"
                {
                    self.problems.push(format!("{file}: {first}: write {option}:{sub}"));
                }
            }
            for rule in &mut command.rule {
                if rule.id.is_empty() {
                    let sub = rule.sub.first().and_then(|s| s.split([' ', '|']).next());
                    rule.id = format!("{file}.{first}.{}", sub.unwrap_or("options"));
                }
                self.problems.extend(rule.problems().map(|p| format!("{file}: {first}: {p}")));
            }
            let index = self.commands.len();
            for name in &command.names {
                if let Some(prefix) = name.strip_suffix('*') {
                    self.by_prefix.push((prefix.to_owned(), index));
                } else if self.by_name.insert(name.clone(), index).is_some() {
                    self.problems.push(format!("{file}: {name} is described twice"));
                }
            }
            self.commands.push(command);
        }
    }

    /// What is known of a command.
    pub fn find(&'static self, name: &str) -> Option<Known> {
        let index = self.by_name.get(name).copied().or_else(|| {
            self.by_prefix.iter().find(|(p, _)| name.starts_with(p.as_str())).map(|(_, i)| *i)
        });
        match index.and_then(|index| self.commands.get(index)) {
            Some(command) => Some(Known::Command(command)),
            None if self.read_only.contains(name) => Some(Known::ReadOnly),
            None => None,
        }
    }

    /// Every rule id with its level and reason, for documents and tests.
    pub fn rules(&self) -> Vec<(&str, Risk, &str)> {
        let mut rules: Vec<(&str, Risk, &str)> = Vec::new();
        for command in &self.commands {
            rules.push((&command.id, command.risk, &command.reason));
            rules.extend(command.rule.iter().map(|r| (r.id.as_str(), r.risk, r.reason.as_str())));
        }
        rules
    }
}

impl Rule {
    fn patterns(&self) -> &Patterns {
        self.patterns.get_or_init(|| {
            let regex = |source: &Option<String>| source.as_ref().map(|s| Regex::new(s).ok());
            Patterns {
                sub: self.sub.iter().map(|sub| sub_words(sub)).collect(),
                operand: regex(&self.operand),
                no_operand: regex(&self.no_operand),
                stdin: regex(&self.stdin),
                option_values: self
                    .option_values
                    .iter()
                    .map(|(name, source)| (name.clone(), Regex::new(source).ok()))
                    .collect(),
            }
        })
    }

    fn problems(&self) -> impl Iterator<Item = String> {
        let sources = [&self.operand, &self.no_operand, &self.stdin].into_iter().flatten();
        let all = sources.chain(self.option_values.values());
        all.filter_map(|source| Regex::new(source).err().map(|e| format!("{source}: {e}")))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Whether it does something: programs that want to be told twice only show what they would do.
    pub fn acts(&self, parsed: &Parsed) -> bool {
        self.acts_only_with.is_empty()
            || self.acts_only_with.iter().any(|word| match word.strip_prefix('#') {
                Some(count) => count.parse().is_ok_and(|n: usize| parsed.operands.len() >= n),
                None => parsed.has(&[word.as_str()]) || parsed.operands.contains(word),
            })
    }

    /// Whether all conditions hold.
    pub fn matches(&self, parsed: &Parsed, stdin: Option<&str>) -> bool {
        let patterns = self.patterns();
        let skip = if patterns.sub.is_empty() {
            0
        } else {
            let found = patterns.sub.iter().find(|words| leads(words, &parsed.operands));
            match found {
                Some(words) => words.len(),
                None => return false,
            }
        };
        let rest = parsed.operands.get(skip..).unwrap_or_default();
        let given = |name: &String| parsed.has(&[name.as_str()]);
        let holds = |regex: &Option<Regex>, value: &str| {
            // A broken expression holds: a test keeps them whole, and a guard fails closed.
            regex.as_ref().is_none_or(|regex| regex.is_match(&text::shown(value)))
        };
        (self.options.is_empty() || self.options.iter().any(given))
            && self.all_options.iter().all(given)
            && !self.without.iter().any(given)
            && self.min_operands.is_none_or(|n| rest.len() >= n)
            && self.max_operands.is_none_or(|n| rest.len() <= n)
            && patterns.operand.as_ref().is_none_or(|r| rest.iter().any(|o| holds(r, o)))
            && patterns.no_operand.as_ref().is_none_or(|r| !rest.iter().any(|o| holds(r, o)))
            && patterns.stdin.as_ref().is_none_or(|r| stdin.is_some_and(|s| holds(r, s)))
            && patterns.option_values.iter().all(|(name, regex)| {
                parsed.values(&[name.as_str()]).iter().any(|value| holds(regex, value))
            })
            && self.unknown_operand.is_none_or(|wanted| {
                wanted == rest.iter().any(|o| text::has_unknown(o) || text::has_glob(o))
            })
    }
}

fn sub_words(sub: &str) -> Vec<Vec<String>> {
    sub.split_whitespace().map(|word| word.split('|').map(str::to_owned).collect()).collect()
}

fn leads(words: &[Vec<String>], operands: &[String]) -> bool {
    words.len() <= operands.len()
        && words.iter().zip(operands).all(|(alternatives, operand)| {
            alternatives.iter().any(|a| match a.strip_suffix('*') {
                Some(prefix) => operand.starts_with(prefix),
                None => a == operand,
            })
        })
}
