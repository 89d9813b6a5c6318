//! What a sentence becomes, as far as that needs no I/O: what a model is told and how its answer is
//! read ([`prompt`], [`answer`]), when two sentences are the same ([`sentence`]), what a shell's
//! start-up files define ([`shellrc`]), and what may help after a command failed ([`heal`]).
//!
//! Nothing here says what a command risks: the guard judges every command, whoever thought of it. What
//! a model claims about risk is not even read.

pub mod answer;
pub mod context;
#[doc(hidden)]
pub mod fuzzing;
pub mod heal;
mod heal_rules;
#[cfg(test)]
mod heal_tests;
pub mod place;
pub mod prompt;
pub mod sentence;
pub mod shellrc;

pub use context::MachineContext;
use hale_model::config::Language;
use hale_model::text;

/// Steps of one plan.
pub const STEPS_MAX: usize = 12;
/// Bytes of one command.
pub const COMMAND_BYTES_MAX: usize = 8 * 1024;

/// A command that may be run, with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// One command line.
    pub command: String,
    /// What it is for.
    pub why: String,
}

/// A text in the languages that hale speaks.
pub(crate) fn choose<'a>(language: Language, en: &'a str, fr: &'a str, ko: &'a str) -> &'a str {
    match language {
        Language::En => en,
        Language::Fr => fr,
        Language::Ko => ko,
    }
}

/// A language's code: `en`.
pub(crate) fn code(language: Language) -> &'static str {
    choose(language, "en", "fr", "ko")
}

/// What keeps a command from being shown as what it is: then it is never run. Line ends and tabs
/// are written, everything else that a screen hides or reorders is not.
///
/// # Errors
/// What is wrong with it, in words.
pub fn showable(command: &str) -> Result<(), String> {
    if command.trim().is_empty() {
        return Err("a command is empty".to_owned());
    }
    if command.len() > COMMAND_BYTES_MAX {
        return Err(format!("a command has {} bytes, over {COMMAND_BYTES_MAX}", command.len()));
    }
    let without_tabs = command.replace('\t', " ");
    if text::printable_lines(&without_tabs) != without_tabs {
        return Err("a command holds characters that a screen hides or reorders".to_owned());
    }
    Ok(())
}

/// A value as exactly one word of a POSIX shell.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// How many insertions, deletions, replacements and swaps of neighbours turn one word into the other.
pub fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn what_a_screen_would_not_show_is_not_run() {
        for fine in ["ls -l", "printf 'a\\tb'", "cat <<E\nx\ty\nE", "ls '/home/é 日本'"] {
            assert_eq!(showable(fine), Ok(()), "{fine:?}");
        }
        let long = "a".repeat(COMMAND_BYTES_MAX + 1);
        for not in
            ["", "  \n", "ls\0", "echo \u{202e}hs.tac", "a\rb", "\x1b[2Jls", "l\u{200b}s", &long]
        {
            assert!(showable(not).is_err(), "{not:?}");
        }
    }

    #[test]
    fn a_swap_is_one_mistake() {
        for (a, b, n) in
            [("ngnix", "nginx", 1), ("", "ab", 2), ("a", "a", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(a, b), n, "{a} {b}");
        }
    }

    #[test]
    fn a_value_is_one_word() {
        for (value, word) in [
            ("nginx", "nginx"),
            ("/a/b.c", "/a/b.c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", r"'it'\''s'"),
            ("~root", "'~root'"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(quoted(value), word);
        }
    }
}
