//! Memory. State (what must not be forgotten) lives in SQLite, telemetry (what was measured) in
//! DuckDB. No SQL exists outside this crate, and what users may ask in SQL is judged here.

mod error;
mod inbox;
mod migrate;
mod place;
mod scratch;
mod sql;
mod state;
mod state_tables;
mod telemetry;

pub use error::StoreError;
pub use inbox::{Inbox, InboxError};
pub use state::inbox::{InboxGroup, InboxRow, RESOLVED_BY};
pub use state::{Access, RunbookRecord, State, StoredVector, Take, TextHit, ToEmbed};
pub use telemetry::{
    MetricPoint, Telemetry, export_readonly, journal_sql, moment_sql, query_readonly, series_sql,
    storable,
};
