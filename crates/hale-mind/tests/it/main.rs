//! Minds against servers that speak the providers' real wire formats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod budget;
mod chain;
mod doctor;
mod faults;
mod keyring;
mod keys;
mod oauth;
mod support;
mod torn;
mod wire;
