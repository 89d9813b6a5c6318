//! Integration tests of what hale thinks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod containers;
mod decide_autonomy;
mod decide_bounds;
mod decide_correlate;
mod decide_diagnose;
mod decide_guard;
mod decide_lessons;
mod decide_loop;
mod decide_watch;
mod decide_words;
mod decide_world;
mod detect_alerts;
mod detect_http;
mod detect_machine;
mod detect_processes;
mod detect_properties;
mod detect_rules;
mod detect_scenario;
mod investigate;
mod log_health;
mod miner;
mod miner_sets;
mod playbooks;
mod playbooks_workload;
mod recall;
mod recount;
mod redact;
mod reported;
mod route;
mod route_plans;
mod shell;
mod shell_operands;
mod stream_anomaly;
mod torn;
