//! The nouns of hale. Pure data: no I/O, no runtime, no clock, no randomness.
//!
//! Everything that two rooms of the house talk about is defined here once, and named the same in
//! code, SQL, JSON and on screens. Units stand in the names: `_bytes`, `_percent`, `_secs`, `_ms`.
//! Percentages run from 0 to 100; CPU percent of a process is of *one* core (200 = two cores).

pub mod action;
pub mod alert;
pub mod api;
pub mod audit;
pub mod chat;
pub mod config;
pub mod container;
pub mod event;
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
pub mod ids;
pub mod incident;
pub mod knowledge;
pub mod lesson;
pub mod metrics;
pub mod panel;
pub mod playbook;
pub mod probe;
pub mod reply;
pub mod report;
pub mod run;
pub mod sample;
pub mod scrape;
pub mod sent;
pub mod snapshot;
pub mod text;
pub mod token;
pub mod traffic;
pub mod view;
pub mod workload;

pub use ids::{
    ActionId, AlertId, ApprovalId, EvidenceId, Fingerprint, IncidentId, LessonId, MachineId,
    PlanId, ProcRef, RunId,
};
pub use jiff::Timestamp;
