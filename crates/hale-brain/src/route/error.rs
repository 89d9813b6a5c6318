//! What can be wrong with the data of the router.

/// An intent or a list of words that cannot be used; the others work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {subject}: {what}; {next_step}")]
pub struct RouteError {
    /// The file.
    pub origin: String,
    /// The intent or the concept.
    pub subject: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next_step: String,
}
