//! What is known about log messages: patterns, what they mean, what to do. Data in `rules/health/`.

use std::sync::OnceLock;

use hale_model::alert::Severity;
use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The built-in files and their texts.
const BUILT_IN: [(&str, &str); 5] = [
    ("rules/health/storage.toml", include_str!("../../../../../rules/health/storage.toml")),
    ("rules/health/memory.toml", include_str!("../../../../../rules/health/memory.toml")),
    ("rules/health/network.toml", include_str!("../../../../../rules/health/network.toml")),
    ("rules/health/services.toml", include_str!("../../../../../rules/health/services.toml")),
    ("rules/health/security.toml", include_str!("../../../../../rules/health/security.toml")),
];

/// Bytes that all compiled patterns may take.
const PATTERNS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A known kind of trouble.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// A stable name: `disk.full`.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Fewer messages than this, in the time that is judged, say nothing.
    #[serde(default = "one", skip_serializing)]
    pub min_count: u64,
    /// Regular expressions, in any case; one is enough.
    #[serde(skip_serializing)]
    pub patterns: Vec<String>,
    /// What is wrong, in a few words.
    pub title: String,
    /// What is behind it.
    pub cause: String,
    /// What to do, in order.
    pub fix: Vec<String>,
    /// What to type to see more; `{unit}` stands for the unit.
    pub commands: Vec<String>,
}

fn one() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    problem: Vec<Problem>,
}

/// Why a file of problems cannot be used.
#[derive(Debug, Error)]
pub enum KnowledgeError {
    /// It is no such file.
    #[error("{origin} is no list of problems")]
    Read {
        /// The file.
        origin: String,
        /// Why not.
        #[source]
        source: toml::de::Error,
    },
    /// A pattern is no regular expression, or all together are too large.
    #[error("a pattern of {origin} cannot be used")]
    Pattern {
        /// The file.
        origin: String,
        /// Why not.
        #[source]
        source: regex::Error,
    },
}

/// All known problems, ready to be looked for.
#[derive(Debug)]
pub struct Knowledge {
    problems: Vec<Problem>,
    patterns: RegexSet,
    /// Whose each pattern is.
    owners: Vec<usize>,
}

impl Knowledge {
    /// What hale knows by itself.
    ///
    /// # Errors
    /// Never with the files of this program: a test reads them.
    pub fn built_in() -> Result<&'static Knowledge, &'static KnowledgeError> {
        static KNOWN: OnceLock<Result<Knowledge, KnowledgeError>> = OnceLock::new();
        KNOWN.get_or_init(|| Knowledge::read(&BUILT_IN)).as_ref()
    }

    /// Reads files: where they are from, and their texts.
    ///
    /// # Errors
    /// The first file or pattern that cannot be used.
    pub fn read(files: &[(&str, &str)]) -> Result<Knowledge, KnowledgeError> {
        let mut problems = Vec::new();
        for (origin, text) in files {
            let file: File = toml::from_str(text)
                .map_err(|source| KnowledgeError::Read { origin: (*origin).to_owned(), source })?;
            problems.extend(file.problem);
        }
        let of = |(at, problem): (usize, &Problem)| vec![at; problem.patterns.len()];
        let owners = problems.iter().enumerate().flat_map(of).collect();
        let all = problems.iter().flat_map(|problem| &problem.patterns);
        let patterns = RegexSetBuilder::new(all)
            .case_insensitive(true)
            // Of other scripts no pattern speaks; without them the automaton is a tenth.
            .unicode(false)
            .size_limit(PATTERNS_BYTES_MAX)
            .dfa_size_limit(PATTERNS_BYTES_MAX)
            .build()
            .map_err(|source| KnowledgeError::Pattern {
                origin: files.iter().map(|(origin, _)| *origin).collect::<Vec<_>>().join(", "),
                source,
            })?;
        Ok(Knowledge { problems, patterns, owners })
    }

    /// The worst problem that a message tells of; among equals the first in the files.
    pub fn about(&self, message: &str) -> Option<&Problem> {
        let found = self.patterns.matches(message.as_bytes());
        let problems = found.iter().filter_map(|at| self.problems.get(*self.owners.get(at)?));
        problems.reduce(|best, next| if next.severity > best.severity { next } else { best })
    }

    /// All of them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
