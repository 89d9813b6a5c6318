//! What the executors do to real processes, files, buses and servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod container;
mod crash;
mod disk_clean;
mod every_action;
mod k8s;
mod k8s_https;
mod kill;
mod mail;
mod notify;
mod pause_and_renice;
mod service_needs_systemd;
mod service_on_a_private_bus;
mod support;
mod team;
mod webhook;
mod wire;
