//! hale-serve against real listeners, with a handle that answers from a script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod access;
mod bounds;
mod client;
mod doors;
mod mcp;
mod otlp_codec;
mod page;
mod routes;
mod scripted;
mod slack;
mod stream;
mod webhooks;
