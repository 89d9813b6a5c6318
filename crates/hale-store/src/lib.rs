//! Memory. State (what must not be forgotten) lives in SQLite, telemetry (what was measured) in
//! DuckDB. No SQL exists outside this crate, and what users may ask in SQL is judged here.

mod error;
mod migrate;
mod sql;
mod state;
mod state_tables;
mod telemetry;

pub use error::StoreError;
pub use state::{Access, RunbookRecord, State, StoredVector, Take, TextHit, ToEmbed};
pub use telemetry::{MetricPoint, Telemetry, export_readonly, query_readonly, storable};
