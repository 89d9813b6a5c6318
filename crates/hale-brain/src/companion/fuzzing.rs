//! The readers of foreign text on the way from a sentence to commands, each as a function of bytes, for
//! the targets in `fuzz/`. Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where a reader does, and where its answer breaks a promise of its own.

use hale_model::config::Language;

use super::heal::{Failure, Lookups, heal};
use super::{STEPS_MAX, answer, sentence, shellrc, showable};
use crate::route::{HostFacts, PackageManager};

/// A shell's start-up file.
pub fn shell_startup(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = shellrc::parse(&text);
    let names = found.aliases.iter().map(|a| &a.name);
    assert!(names.chain(found.functions.iter().map(|f| &f.name)).all(|name| !name.is_empty()));
    let mut twice = found.clone();
    twice.extend(found.clone());
    assert_eq!(twice.aliases.len(), found.aliases.len());
}

/// What a model answered; a placeholder is put back as the rest of the text.
pub fn plans(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, value) = text.split_once('\0').unwrap_or((&text, ""));
    let restore = |text: &str| text.replace("<secret-1>", value);
    if let Ok(answer) = answer::read(text, None, restore) {
        assert!(answer.steps.len() <= STEPS_MAX);
        assert!(answer.steps.iter().all(|step| showable(&step.command).is_ok()));
        assert!(answer.question.is_none() || answer.steps.is_empty());
    }
}

/// A command that failed and what it wrote, separated by NUL.
pub fn failures(bytes: &[u8]) {
    struct Echo;
    impl Lookups for Echo {
        fn nearest_path(&self, path: &str) -> Option<String> {
            Some(format!("{path}x"))
        }
        fn package_of(&self, program: &str) -> Option<String> {
            Some(program.to_owned())
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let (command, output) = text.split_once('\0').unwrap_or((&text, &text));
    let host = HostFacts { package_manager: Some(PackageManager::Apt), ..HostFacts::default() };
    for exit in [Some(1), Some(126), Some(127), None] {
        let failure = Failure { command, exit, output };
        if let Some(healing) = heal(&failure, &host, Language::En, &Echo) {
            // The failed command itself is run again as it was; whatever is new can be shown.
            let new = healing.steps.iter().filter(|step| step.command != command);
            assert!(new.into_iter().all(|step| showable(&step.command).is_ok()));
        }
    }
    let key = sentence::key(&text);
    assert_eq!(key, key.as_deref().and_then(sentence::key));
}
