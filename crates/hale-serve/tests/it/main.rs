//! hale-serve against real listeners, with a handle that answers from a script.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod client;
mod doors;
mod mcp;
mod page;
mod routes;
mod scripted;
mod slack;
mod stream;
mod webhooks;
