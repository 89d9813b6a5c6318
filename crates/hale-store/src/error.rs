//! What can go wrong with memory: each error names the file and the operation, and knows the next step.

use std::path::{Path, PathBuf};

use hale_model::text;

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and reading never makes one.
    #[error("{} does not exist", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The file is torn, or is no database of hale's. It was not touched.
    #[error("{} is damaged or not hale's: {detail}; it was left as it is", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer hale wrote the file. It was not touched.
    #[error("{} has schema version {found}, this hale knows up to {known}; it was left as it is", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file was made by a migration that is not the one this program carries.
    #[error("{}: migration {version} is not the one that made this file", path.display())]
    MigrationChanged {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        version: u32,
    },
    /// Another process holds the file.
    #[error("{} is held by another process: cannot {operation}", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: String,
    },
    /// No space is left. What was stored before is unharmed.
    #[error("no space left for {}: cannot {operation}", path.display())]
    Full {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: String,
    },
    /// The file system said no.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried, as a verb.
        operation: String,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite said no.
    #[error("{}: cannot {operation}", path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: String,
        /// Why.
        source: Box<rusqlite::Error>,
    },
    /// DuckDB said no.
    #[error("{}: cannot {operation}", path.display())]
    Duckdb {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: String,
        /// Why.
        source: Box<duckdb::Error>,
    },
    /// A stored record is not what this program writes.
    #[error("{}: cannot {operation}: not a valid record", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        operation: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The SQL would do more than read.
    #[error("refused: {why}")]
    Refused {
        /// Which part, and why.
        why: String,
    },
    /// The SQL is wrong, or asks for too much.
    #[error("the query failed: {message}")]
    Query {
        /// DuckDB's words.
        message: String,
    },
    /// The query ran too long and was stopped.
    #[error("the query was stopped after {limit_secs} s")]
    Timeout {
        /// The limit.
        limit_secs: u64,
    },
    /// The query needs more memory than it may use.
    #[error("the query needs more memory than it may use")]
    TooLarge,
    /// The start of an id fits more than one.
    #[error("`{prefix}` fits more than one {noun}: {}", matches.join(", "))]
    Ambiguous {
        /// What was looked for.
        noun: &'static str,
        /// What was given.
        prefix: String,
        /// Some of those it fits.
        matches: Vec<String>,
    },
    /// There is no such record.
    #[error("there is no {noun} `{id}`")]
    NotFound {
        /// What was looked for.
        noun: &'static str,
        /// What was given.
        id: String,
    },
}

impl StoreError {
    /// An error of the file system; `operation` is a verb that goes before the path.
    pub fn io(
        path: impl AsRef<Path>,
        operation: impl Into<String>,
        source: std::io::Error,
    ) -> Self {
        let (path, operation) = (path.as_ref().to_owned(), operation.into());
        let kind = source.kind();
        if matches!(kind, std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            StoreError::Full { path, operation }
        } else if kind == std::io::ErrorKind::NotFound {
            StoreError::Missing { path }
        } else {
            StoreError::Io { path, operation, source }
        }
    }

    /// An error of SQLite, sorted by what the person can do about it.
    pub(crate) fn sqlite(path: &Path, operation: &str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let (path, operation) = (path.to_owned(), operation.to_owned());
        let code = source.sqlite_error_code();
        if matches!(code, Some(Code::DatabaseCorrupt | Code::NotADatabase)) {
            StoreError::Corrupt { path, detail: source.to_string() }
        } else if matches!(code, Some(Code::DatabaseBusy | Code::DatabaseLocked)) {
            StoreError::Busy { path, operation }
        } else if code == Some(Code::DiskFull) {
            StoreError::Full { path, operation }
        } else if let Some(trouble) =
            is_of_the_place(code).then(|| crate::place::trouble(&path, &operation)).flatten()
        {
            trouble
        } else {
            StoreError::Sqlite { path, operation, source: Box::new(source) }
        }
    }

    /// An error of DuckDB, sorted by what the person can do about it. DuckDB tells kinds apart
    /// only in words.
    pub(crate) fn duckdb(path: &Path, operation: &str, source: duckdb::Error) -> Self {
        let text = source.to_string();
        let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
        let (path, operation) = (path.to_owned(), operation.to_owned());
        if says(&["Could not set lock on file", "Conflicting lock"]) {
            StoreError::Busy { path, operation }
        } else if says(&["No space left on device", "ENOSPC", "Disk quota exceeded"]) {
            StoreError::Full { path, operation }
        } else if says(&DAMAGED) {
            StoreError::Corrupt { path, detail: text::shorten(&first_line(&text), 300) }
        } else if let Some(trouble) =
            says(&["IO Error"]).then(|| crate::place::trouble(&path, &operation)).flatten()
        {
            trouble
        } else {
            StoreError::Duckdb { path, operation, source: Box::new(source) }
        }
    }

    /// The next step for the person.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            StoreError::Missing { path } => format!(
                "start the agent with `hale up` to create {}, or name its directory with --data-dir",
                path.display()
            ),
            StoreError::Corrupt { path, .. } => format!(
                "restore {0} from a backup, or move it away and start anew: mv {0} {0}.broken",
                path.display()
            ),
            StoreError::Newer { .. } => {
                "update hale, or point it at another data directory".to_owned()
            }
            StoreError::MigrationChanged { .. } => {
                "use the hale that made this file, or point this one at another data directory"
                    .to_owned()
            }
            StoreError::Busy { .. } => {
                "another program reads or writes it just now: try again in a moment; `hale status` says whether an agent runs"
                    .to_owned()
            }
            StoreError::Full { path, .. } => format!(
                "free space on the file system of {}; storing goes on by itself then",
                path.display()
            ),
            StoreError::Io { path, source, .. }
                if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
            {
                format!(
                    "the file system of {} is read-only: commands that look still work; to keep anything, name another place with --data-dir, or mount it to be written",
                    path.display()
                )
            }
            StoreError::Io { path, .. } => {
                format!("check that {} and its directory belong to you: ls -ld {0}", path.display())
            }
            StoreError::Sqlite { .. } | StoreError::Duckdb { .. } | StoreError::Record { .. } => {
                "run `hale doctor`".to_owned()
            }
            StoreError::Refused { .. } => {
                "write one SELECT, WITH, VALUES, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; `SHOW TABLES` lists what there is"
                    .to_owned()
            }
            StoreError::Query { .. } => {
                "`SHOW TABLES` lists the tables, `DESCRIBE sys_samples` the columns of one".to_owned()
            }
            StoreError::Timeout { .. } | StoreError::TooLarge => {
                "ask for less: a shorter time in WHERE, or a LIMIT".to_owned()
            }
            StoreError::Ambiguous { .. } => "give more of the id".to_owned(),
            StoreError::NotFound { .. } => return None,
        })
    }
}

/// Errors of SQLite that a full or read-only file system may be behind: shared memory, journals and the file
/// itself are made and grown in many places, each with a number of its own.
fn is_of_the_place(code: Option<rusqlite::ErrorCode>) -> bool {
    use rusqlite::ErrorCode as Code;
    matches!(code, Some(Code::SystemIoFailure | Code::CannotOpen | Code::ReadOnly))
}

/// What DuckDB says about files that are torn or never were a database.
const DAMAGED: [&str; 9] = [
    "not a valid DuckDB database file",
    "Corrupt",
    "corrupt",
    "checksum",
    "Failed to deserialize",
    "Serialization Error",
    "Failure while replaying WAL",
    "could not read enough bytes",
    "Could not read enough bytes",
];

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
