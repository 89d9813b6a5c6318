//! Tests of the house itself: who may know whom, and what may be carried in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod dependencies;
mod deploy;
mod monitoring;
mod tidy;
