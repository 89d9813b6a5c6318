//! How a command ends, in one place.

use std::io;

use hale_model::api::{ApiError, ErrorKind};

/// Exit codes; users and scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It did not work, or there is no such thing.
    Failed = 1,
    /// Wrong usage; also clap's own code.
    Usage = 2,
    /// The guard refused.
    Refused = 3,
    /// A person has to approve first.
    NeedsApproval = 4,
    /// Done, but data is stale or partial.
    Degraded = 5,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::NotFound | ErrorKind::Failed => Exit::Failed,
            ErrorKind::Refused => Exit::Refused,
            ErrorKind::NeedsApproval => Exit::NeedsApproval,
            ErrorKind::Degraded => Exit::Degraded,
        }
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something to tell the person.
    Told(ApiError),
    /// Whoever reads the output has gone: nothing to say, and nobody to say it to.
    NobodyReads,
}

impl Failure {
    /// It did not work.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::Told(ApiError::new(ErrorKind::Failed, message).hint(hint))
    }

    /// The request is wrong.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::Told(ApiError::new(ErrorKind::Usage, message).hint(hint))
    }

    /// The handle answered with the view of another question.
    pub fn unexpected_view() -> Self {
        Failure::failed(
            "the agent answered something else than asked",
            "it may be of another version than this command: restart it",
        )
    }

    /// Standard output cannot be written.
    pub fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::NobodyReads
        } else {
            Failure::failed(
                format!("standard output cannot be written: {error}"),
                "check where it goes",
            )
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Failure::Told(error)
    }
}

/// What a command's `run` returns.
pub type Ended = Result<Exit, Failure>;
