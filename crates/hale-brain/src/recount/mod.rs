//! Telling afterwards: what was so at a past moment, and what hale achieved in a time. Both are read
//! from what was recorded then; nothing is guessed beyond it.

mod achieved;
mod past;

pub use achieved::{CuredIncident, achieved};
pub use past::{alert_at, approval_at, incident_at};
