//! The built-in words and intents, read once.

use std::sync::LazyLock;

use super::error::RouteError;
use super::intents::{self, Intent};
use super::lexicon::Lexicon;

macro_rules! built_in {
    ($($name:literal,)*) => {
        /// Every file of intents and its text.
        const BUILT_IN: &[(&str, &str)] = &[$((
            concat!("rules/intents/", $name, ".toml"),
            include_str!(concat!("../../../../rules/intents/", $name, ".toml")),
        ),)*];
    };
}

built_in! {
    "process",
    "memory",
    "disk",
    "files",
    "service",
    "package",
    "network",
    "users",
    "logs",
    "git",
    "container",
    "system",
    "firewall",
    "schedule",
    "shell",
}

const LEXICON: (&str, &str) =
    ("rules/intents/lexicon.toml", include_str!("../../../../rules/intents/lexicon.toml"));

/// Words and intents.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    pub(super) lexicon: Lexicon,
    pub(super) intents: Vec<Intent>,
    pub(super) problems: Vec<RouteError>,
}

/// What hale knows; read on first use.
pub(super) fn knowledge() -> &'static Knowledge {
    static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| Knowledge::read(LEXICON, BUILT_IN));
    &KNOWLEDGE
}

impl Knowledge {
    /// Reads words, then intents; what cannot be used is among the problems.
    pub(super) fn read(lexicon: (&str, &str), files: &[(&str, &str)]) -> Self {
        let mut known = Knowledge::default();
        match Lexicon::read(lexicon.0, lexicon.1) {
            Ok(lexicon) => known.lexicon = lexicon,
            Err(problem) => {
                known.problems.push(problem);
                return known;
            }
        }
        for (origin, text) in files {
            let read = intents::read(origin, text, &known.lexicon, &mut known.problems);
            known.intents.extend(read);
        }
        known
    }
}
