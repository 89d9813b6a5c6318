//! The real binary, as a person or a script meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod act;
mod agent;
mod ask;
mod ask_again;
mod ask_terminal;
mod bed;
mod config;
mod demo;
mod detect;
mod doctor;
mod explain;
mod export;
mod guard;
mod history;
mod kill;
mod login;
mod logs;
mod lone;
mod mcp;
mod otlp;
mod playbooks;
mod questions;
mod redact;
mod reference;
mod runbook;
mod scrape;
mod setup;
mod terminal;
mod usage;
mod webhooks;
