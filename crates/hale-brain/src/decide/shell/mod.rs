//! The shell guard: what would this command do?
//!
//! A command is parsed with a bash grammar and run by an abstract shell that folds words as bash would
//! (quotes, variables, braces, substitutions whose output can be computed) and follows code wherever it
//! is hidden: wrappers, `sh -c`, pipes into a shell, interpreters, other machines. Every simple command
//! that comes out of this is judged by the registry of commands (data) and by what it does to files,
//! devices and the network (code). The worst part decides. What cannot be resolved is critical: the
//! guard never takes a doubt for a permission. Nothing is ever run, read or looked up.
//!
//! The whole is pure and bounded: text, nesting, steps and findings have limits, and nesting is low
//! enough for the 2 MiB stack of an ordinary thread, so that no thread of its own is needed.

mod arithmetic;
mod awk;
mod bodies;
mod braces;
mod builtins;
mod carriers;
mod databases;
mod deception;
mod effects;
mod files;
mod find;
mod folding;
mod foreign;
mod handlers;
mod hidden;
mod hooks;
mod http;
mod http_query;
mod interpreters;
mod json;
mod lexer;
mod loads;
mod machine;
mod network;
mod operands;
mod options;
mod packed;
mod parameters;
mod paths;
mod processes;
mod produce;
mod redirect;
mod registry;
mod remote;
mod scan;
mod script;
mod sed;
mod shells;
mod simple;
mod sql;
mod text;
mod verbs;
mod walk;
mod words;
mod wrappers;

use hale_model::action::Risk;
use serde::Serialize;

/// Longest command that is looked into.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of brackets and compound commands that is parsed. The parser needs about 16 KiB of
/// stack a level without optimisation.
const PARSE_NESTING_MAX: usize = 40;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleHit {
    /// Stable name of the rule.
    pub id: String,
    /// Its level.
    pub risk: Risk,
    /// Why.
    pub text: String,
    /// What to do instead, where there is something.
    pub safe_alternative: Option<String>,
    /// The part of the command that it is about, resolved.
    pub part: String,
}

/// The verdict on one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShellVerdict {
    /// The worst of its parts.
    pub risk: Risk,
    /// What was found, worst first; empty if it only reads.
    pub rules: Vec<RuleHit>,
    /// The reason in one sentence.
    pub why: String,
}

/// Whether the command changes nothing that lasts.
pub fn is_read_only(verdict: &ShellVerdict) -> bool {
    verdict.risk == Risk::Info
}

/// The verdict on a command line. Total and deterministic; nothing is run.
pub fn judge(command: &str) -> ShellVerdict {
    let mut machine = machine::Machine::new();
    if command.contains('\0') {
        machine.hit(
            "shell.null_byte",
            Risk::Critical,
            "a NUL byte: what follows it is hidden from some tools",
            "remove it",
        );
    } else if command.len() > COMMAND_BYTES_MAX {
        machine.hit(
            "shell.too_long",
            Risk::Critical,
            "longer than 64 KiB, which is not looked into",
            "put it into a script that can be reviewed",
        );
    } else {
        let plain = deception::unmask(&text::clean(command), &mut machine);
        machine.run(&plain);
    }
    verdict(machine.hits)
}

/// Every rule of the registry: id, level, reason. For documents and tests.
pub fn rules() -> Vec<(&'static str, Risk, &'static str)> {
    registry::registry().rules()
}

/// What is wrong with the registry's data; a test holds it empty.
pub fn problems() -> &'static [String] {
    &registry::registry().problems
}

fn verdict(mut rules: Vec<RuleHit>) -> ShellVerdict {
    // Stable: among equals the order of the command stays.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.risk));
    rules.retain(|rule| rule.risk > Risk::Info);
    let (risk, why) = match rules.first() {
        Some(worst) => (worst.risk, why(worst)),
        None => (Risk::Info, "it only reads".to_owned()),
    };
    ShellVerdict { risk, rules, why }
}

fn why(hit: &RuleHit) -> String {
    if hit.part.is_empty() { hit.text.clone() } else { format!("{}: {}", hit.part, hit.text) }
}
