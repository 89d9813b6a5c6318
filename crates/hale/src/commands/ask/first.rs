//! `hale "SENTENCE"`: a first argument that is no command is a sentence, unless it looks like a command
//! that was mistyped.

use std::ffi::OsString;

use clap::CommandFactory as _;
use hale_engine::companion::is_known;

use crate::cli::Cli;

/// Likeness (Jaro, 0..1) above which a word is taken for a mistyped command; clap suggests from there on.
const LIKE_A_COMMAND: f64 = 0.7;
/// Likeness above which it is one even if many words follow.
const NEARLY_A_COMMAND: f64 = 0.88;
/// Words behind it that make a sentence of a word which is only somewhat like a command.
const WORDS_OF_A_SENTENCE: usize = 2;
/// Options before the command that take a value.
const WITH_VALUE: &[&str] = &["--config", "--data-dir"];

/// The command line with `ask` put in where it is a sentence.
pub fn with_ask(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if is_sentence(&arguments) {
        arguments.insert(1, "ask".into());
    }
    arguments
}

fn is_sentence(arguments: &[OsString]) -> bool {
    let mut rest = arguments.iter().skip(1);
    let first = loop {
        match rest.next().map(|argument| argument.to_str()) {
            None | Some(None) => return false,
            Some(Some(option)) if WITH_VALUE.contains(&option) => {
                rest.next();
            }
            Some(Some("--")) => return false,
            Some(Some(option)) if option.starts_with('-') => {}
            Some(Some(word)) => break word,
        }
    };
    let command = Cli::command();
    let names: Vec<&str> =
        command.get_subcommands().flat_map(|c| c.get_name_and_visible_aliases()).collect();
    if first == "help" || names.contains(&first) {
        return false;
    }
    if first.split_whitespace().nth(1).is_some() {
        return true;
    }
    let likeness = names.iter().map(|name| strsim::jaro(first, name)).fold(0.0, f64::max);
    let words = rest.filter(|word| !word.to_string_lossy().starts_with('-')).count();
    // `free` and `top` are like some command, and are what they are.
    let says_enough = words >= WORDS_OF_A_SENTENCE || (words == 0 && is_known(first));
    likeness <= LIKE_A_COMMAND || (likeness < NEARLY_A_COMMAND && says_enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(line: &[&str]) -> bool {
        is_sentence(&line.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_sentence_is_told_from_a_mistyped_command() {
        for line in [
            &["hale", "show the biggest files"][..],
            &["hale", "--json", "show the biggest files"],
            &["hale", "--data-dir", "/tmp/x", "quels services tournent"],
            &["hale", "find", "big", "files"],
            &["hale", "메모리"],
            &["hale", "free"],
            &["hale", "top"],
            &["hale", "who"],
            &["hale", "restart", "the", "web", "server"],
        ] {
            assert!(sentence(line), "{line:?}");
        }
        for line in [
            &["hale"][..],
            &["hale", "--version"],
            &["hale", "status"],
            &["hale", "--data-dir", "status here", "status"],
            &["hale", "help", "ask"],
            &["hale", "statsu"],
            &["hale", "log"],
            &["hale", "alert", "list"],
            &["hale", "incident", "show", "in-1"],
            &["hale", "aprove", "ap-1"],
            &["hale", "--", "show it"],
        ] {
            assert!(!sentence(line), "{line:?}");
        }
    }
}
