//! What hale thinks. Pure and deterministic: no I/O, no clock of its own (every input carries its
//! time), no randomness. The rooms are the phases of the loop after observing.

pub mod companion;
pub mod decide;
pub mod detect;
pub mod diagnose;
pub mod playbook;
pub mod recount;
pub mod remember;
pub mod rootcause;
pub mod route;
pub mod verify;

#[doc(hidden)]
pub use detect::fuzzing;
