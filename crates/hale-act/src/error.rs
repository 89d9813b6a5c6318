//! Why something was not done.

use std::io;

use rustix::io::Errno;

/// Nothing was changed, and why.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The target is not, or no longer, what was judged: a reused pid, another run of a unit.
    #[error(
        "{target} is no longer what was judged: {what}. Nothing was done; look again with `hale status`"
    )]
    TargetChanged {
        /// The target, for people.
        target: String,
        /// What differs.
        what: String,
    },
    /// The target does not exist any more.
    #[error("{target} is gone: nothing was done, and nothing is left to do")]
    TargetGone {
        /// The target, for people.
        target: String,
    },
    /// The target may not be touched, whoever asks.
    #[error("{target} is not touched: {why}")]
    Forbidden {
        /// The target, for people.
        target: String,
        /// Why not.
        why: String,
    },
    /// The kernel or a service refuses hale's user.
    #[error("{operation} on {target} is not permitted: {next}")]
    PermissionDenied {
        /// What was tried.
        operation: String,
        /// On what.
        target: String,
        /// What a person can do.
        next: String,
        /// What was answered, where it was an error number.
        #[source]
        source: Option<io::Error>,
    },
    /// This machine has no such thing: no systemd, no second file system.
    #[error("{operation} cannot be done here: {why}. {next}")]
    Unsupported {
        /// What was tried.
        operation: String,
        /// What is missing.
        why: String,
        /// What a person can do.
        next: String,
    },
    /// It was tried and did not work.
    #[error("{operation} on {target} failed{}", because(why))]
    Failed {
        /// What was tried.
        operation: String,
        /// On what.
        target: String,
        /// In words, where there is no error number; else empty.
        why: String,
        /// What the kernel answered.
        #[source]
        source: Option<io::Error>,
    },
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

impl ActError {
    /// Whether this is a "no" (exit code 3) and not a failure: the world had changed, or the target
    /// is one that nobody may touch.
    pub fn is_refusal(&self) -> bool {
        match self {
            ActError::TargetChanged { .. }
            | ActError::TargetGone { .. }
            | ActError::Forbidden { .. } => true,
            ActError::PermissionDenied { .. }
            | ActError::Unsupported { .. }
            | ActError::Failed { .. } => false,
        }
    }

    /// A stable word for logs and JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            ActError::TargetChanged { .. } => "target_changed",
            ActError::TargetGone { .. } => "target_gone",
            ActError::Forbidden { .. } => "forbidden",
            ActError::PermissionDenied { .. } => "permission_denied",
            ActError::Unsupported { .. } => "unsupported",
            ActError::Failed { .. } => "failed",
        }
    }

    /// The error number behind it, where there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            ActError::PermissionDenied { source, .. } | ActError::Failed { source, .. } => {
                source.as_ref().and_then(io::Error::raw_os_error)
            }
            ActError::TargetChanged { .. }
            | ActError::TargetGone { .. }
            | ActError::Forbidden { .. }
            | ActError::Unsupported { .. } => None,
        }
    }

    /// The same, with other advice where permission is what is missing.
    pub(crate) fn with_next(mut self, advice: &str) -> Self {
        if let ActError::PermissionDenied { next, .. } = &mut self {
            advice.clone_into(next);
        }
        self
    }

    /// A failed system call, told apart by its error number.
    pub(crate) fn from_errno(operation: &str, target: impl Into<String>, errno: Errno) -> Self {
        let (operation, target) = (operation.to_owned(), target.into());
        let source = Some(io::Error::from(errno));
        if errno == Errno::SRCH {
            ActError::TargetGone { target }
        } else if errno == Errno::PERM || errno == Errno::ACCESS {
            let next = "run hale as root or as the owner".to_owned();
            ActError::PermissionDenied { operation, target, next, source }
        } else {
            ActError::Failed { operation, target, why: String::new(), source }
        }
    }

    /// A failed operation on a file.
    pub(crate) fn from_io(operation: &str, target: impl Into<String>, error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(errno) if errno != Errno::SRCH => Self::from_errno(operation, target, errno),
            Some(_) | None => ActError::Failed {
                operation: operation.to_owned(),
                target: target.into(),
                why: String::new(),
                source: Some(error),
            },
        }
    }

    pub(crate) fn failed(
        operation: &str,
        target: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        ActError::Failed {
            operation: operation.to_owned(),
            target: target.into(),
            why: why.into(),
            source: None,
        }
    }
}
