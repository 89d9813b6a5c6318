//! The agent on this very machine, with real processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod agent;
mod approvals;
mod consult;
mod containers;
mod cures;
mod isolated;
mod meaning;
mod memory;
mod refusals;
mod reports;
mod team;
mod workloads;
mod world;
