//! The store as the agent and the command line use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod audit;
mod containers;
mod crash;
mod damaged;
mod full_disk;
mod inbox;
mod knowledge;
mod runs;
mod spans;
mod state;
mod telemetry;
mod together;
mod world;
