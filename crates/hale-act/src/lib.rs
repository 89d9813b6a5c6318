//! The only crate that changes a host: one file an executor, each with its undo and with the look at
//! the world that says, after a crash, whether it was done. `notify/` tells people.
//!
//! Nothing here decides whether something *may* be done; that is the guard's work. The executors keep
//! two promises of their own: a process is signalled through a pidfd whose start time was compared
//! after it was opened, and neither pid 1, nor hale, nor an ancestor of hale is ever signalled.
//!
//! An [`ActError`] means that nothing was changed. Whatever was changed, even in part, is an
//! `Outcome` with the undo that belongs to it.

mod actuator;
pub mod command_run;
mod container;
mod disk_clean;
mod drop_caches;
mod error;
mod files;
mod k8s;
mod kill;
pub mod notify;
mod pause;
mod proc;
mod renice;
mod roots;
mod service;

pub use actuator::{Actuator, Reconciled};
pub use error::ActError;
pub use notify::{Notification, NotificationKind, Notifier, NotifyHandle, NotifySettings};
pub use roots::{ActRoots, BusAccess, CacheLock, EngineAccess, KubeAccess, PackageCache};
