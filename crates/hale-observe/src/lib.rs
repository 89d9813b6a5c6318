//! Readers of the world: read-only, fail-soft, each given its root (a path or an address), so that
//! the same code reads this machine, a recorded one and a generated one.
//!
//! What is returned is what was measured ([`hale_model::sample::Sample`]); rates and percentages are
//! derived elsewhere. A source that cannot be read says so in its own status and never stops another.

pub mod changes;
pub mod local;
mod probe;

#[doc(hidden)]
pub use local::fuzzing;
pub use local::writers_on;
pub use local::{BusAccess, EngineAccess, JournalAccess, KubeAccess, LocalObserver, Roots};
pub use local::{LogSource, Logged, log_dir, read_log_file, read_log_stream, read_logs};
