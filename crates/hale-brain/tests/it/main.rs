//! Integration tests of what hale thinks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod detect_processes;
mod detect_scenario;
