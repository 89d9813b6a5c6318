//! What may help after a command failed, from its exit code and its output alone. What is known stands
//! in `rules/heal/*.toml`; here it is matched and filled in. Whatever was read from the output is data: it
//! goes into a command as one quoted word, and the guard judges the command like any other.

use std::collections::BTreeMap;

use hale_model::config::Language;

use super::heal_rules::{Phrase, Remedy, Rule, knowledge};
use super::{Step, quoted, showable};
use crate::route::HostFacts;

/// Bytes at the end of an output that are looked at.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// A command that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The command as it was run.
    pub command: &'a str,
    /// Its exit code; none where a signal ended it.
    pub exit: Option<i32>,
    /// What it wrote, both streams.
    pub output: &'a str,
}

/// Answers about the machine that a remedy may need. Whoever calls looks them up.
pub trait Lookups {
    /// The existing path that is nearest to one that does not exist.
    fn nearest_path(&self, path: &str) -> Option<String>;
    /// The package that brings a program, where the package manager knows.
    fn package_of(&self, program: &str) -> Option<String>;
}

/// What went wrong, and the next steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healing {
    /// The rule's id.
    pub rule: String,
    /// What went wrong, in words.
    pub explanation: String,
    /// What to run; may be empty where only a person can help.
    pub steps: Vec<Step>,
    /// Whether the last step does what the failed command should have done, so that the plan goes on
    /// behind it.
    pub completes: bool,
}

/// What is known to help, if anything is.
pub fn heal(
    failure: &Failure<'_>,
    host: &HostFacts,
    language: Language,
    lookups: &dyn Lookups,
) -> Option<Healing> {
    let mut from = failure.output.len().saturating_sub(OUTPUT_BYTES_MAX);
    while !failure.output.is_char_boundary(from) {
        from += 1;
    }
    let output = &failure.output[from..];
    knowledge().rules.iter().find_map(|rule| apply(rule, failure, output, host, language, lookups))
}

fn apply(
    rule: &Rule,
    failure: &Failure<'_>,
    output: &str,
    host: &HostFacts,
    language: Language,
    lookups: &dyn Lookups,
) -> Option<Healing> {
    if !rule.exit.is_empty() && !failure.exit.is_some_and(|code| rule.exit.contains(&code)) {
        return None;
    }
    if let Some(command) = &rule.command
        && !command.is_match(failure.command)
    {
        return None;
    }
    let mut values = Values::of(failure, host);
    if let Some(pattern) = &rule.output {
        let captures = pattern.captures(output)?;
        for name in pattern.capture_names().flatten() {
            if let Some(found) = captures.name(name) {
                values.text.insert(name.to_owned(), found.as_str().trim().to_owned());
            }
        }
    }
    for (name, source) in &rule.derive {
        let (how, from) = source.split_once(':')?;
        let Some(from) = values.text.get(from) else { continue };
        let found = match how {
            "package" => knowledge().package_of(from, host).or_else(|| lookups.package_of(from)),
            "nearest_path" => lookups.nearest_path(from),
            _ => None,
        };
        if let Some(found) = found {
            values.text.insert(name.clone(), found);
        }
    }
    let explanation = values.words(rule.explain.in_language(language))?;
    for remedy in &rule.remedies {
        if let Some((steps, completes)) = steps(remedy, &values, failure, host, language) {
            return Some(Healing { rule: rule.id.clone(), explanation, steps, completes });
        }
    }
    let fallback = rule.remedies.is_empty();
    fallback.then(|| Healing {
        rule: rule.id.clone(),
        explanation,
        steps: Vec::new(),
        completes: false,
    })
}

fn steps(
    remedy: &Remedy,
    values: &Values<'_>,
    failure: &Failure<'_>,
    host: &HostFacts,
    language: Language,
) -> Option<(Vec<Step>, bool)> {
    if !holds(&remedy.when, host) {
        return None;
    }
    let mut steps = Vec::new();
    for step in &remedy.steps {
        let command = values.command(&step.command)?;
        showable(&command).ok()?;
        let why = values.words(step.why.in_language(language))?;
        steps.push(Step { command, why });
    }
    if remedy.retry {
        let why = Phrase::retry().in_language(language).to_owned();
        steps.push(Step { command: failure.command.to_owned(), why });
    }
    // A remedy that comes out as the very command that failed is none.
    let same = steps.first().is_some_and(|step| step.command == failure.command);
    (!same).then_some((steps, remedy.retry || remedy.completes))
}

/// `pm:apt`, `tool:ss`, `systemd`, `root`, each possibly with `!` before it; all must hold.
fn holds(condition: &str, host: &HostFacts) -> bool {
    condition.split_whitespace().all(|term| {
        let (wanted, term) = match term.strip_prefix('!') {
            Some(term) => (false, term),
            None => (true, term),
        };
        let holds = match term.split_once(':') {
            Some(("pm", name)) => host.package_manager.is_some_and(|pm| pm.name() == name),
            Some(("tool", name)) => host.has(name),
            Some(_) => false,
            None => match term {
                "systemd" => host.has_systemd,
                "root" => host.is_root,
                _ => false,
            },
        };
        holds == wanted
    })
}

/// What stands for the names in braces.
struct Values<'a> {
    text: BTreeMap<String, String>,
    command: &'a str,
    sudo: &'static str,
    can_raise: bool,
}

impl<'a> Values<'a> {
    fn of(failure: &Failure<'a>, host: &HostFacts) -> Self {
        let has = |tool: &str| host.has(tool);
        let sudo = match (host.is_root, has("sudo"), has("doas")) {
            (true, _, _) => "",
            (false, false, true) => "doas ",
            (false, _, _) => "sudo ",
        };
        Values {
            text: BTreeMap::new(),
            command: failure.command,
            sudo,
            can_raise: !host.is_root && (has("sudo") || has("doas")),
        }
    }

    /// A template as a command; none where a value is missing.
    fn command(&self, template: &str) -> Option<String> {
        self.fill(template, |name| match name {
            "sudo" => Some(self.sudo.to_owned()),
            "as_root" => self.as_root(),
            _ => match name.split_once(':') {
                // The failed command with one word of it replaced.
                Some(("replaced", what)) => {
                    let (old, new) = what.split_once('=')?;
                    self.replaced(self.text.get(old)?, self.text.get(new)?)
                }
                Some(_) => None,
                None => self.text.get(name).map(|value| quoted(value)),
            },
        })
    }

    /// A template as words for people.
    fn words(&self, template: &str) -> Option<String> {
        self.fill(template, |name| match name {
            "sudo" => Some(self.sudo.to_owned()),
            _ => self.text.get(name).map(|value| hale_model::text::printable(value)),
        })
    }

    fn fill(&self, template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}")?;
            out.push_str(before);
            out.push_str(&value(name.trim())?);
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }

    /// The failed command with the rights of root.
    fn as_root(&self) -> Option<String> {
        let command = self.command.trim();
        let raised = ["sudo ", "doas ", "su "].iter().any(|p| command.starts_with(p));
        if !self.can_raise || raised {
            return None;
        }
        // With operators, assignments or redirections, sudo would reach only the first part.
        let simple = !command.contains(['|', '&', ';', '<', '>', '(', ')', '$', '`', '\n', '#'])
            && !command.split_whitespace().next().is_some_and(|word| word.contains('='));
        let is_builtin = |word: &str| ["cd", "export", "source", ".", "ulimit"].contains(&word);
        if command.split_whitespace().next().is_some_and(is_builtin) {
            return None;
        }
        Some(match simple {
            true => format!("{}{command}", self.sudo),
            false => format!("{}bash -c {}", self.sudo, quoted(command)),
        })
    }

    /// The failed command with a word of it replaced, where that word stands in it as it is, once.
    fn replaced(&self, old: &str, new: &str) -> Option<String> {
        let bounds = |at: usize| {
            let edge =
                |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "'\"=:;|&<>()".contains(c));
            edge(self.command[..at].chars().next_back())
                && edge(self.command[at + old.len()..].chars().next())
        };
        if old.is_empty() {
            return None;
        }
        let mut found = self.command.match_indices(old).filter(|(at, _)| bounds(*at));
        let (at, _) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        let (before, after) = (&self.command[..at], &self.command[at + old.len()..]);
        // Inside quotes another quote would end them.
        if before.ends_with(['\'', '"']) && quoted(new) != new {
            return None;
        }
        Some(format!("{before}{}{after}", quoted(new)))
    }
}
