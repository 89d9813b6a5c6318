//! What a user of the crate sees: this machine, and recorded ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod containers;
mod fake_proc;
mod live;
mod recorded;
mod torn;
