//! Decisions and actions, in a chain that shows any later change.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry. `hash` covers every other field and the hash of the entry before, so that an
/// edited, removed or reordered entry breaks the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// 1, 2, 3, … without a gap.
    pub seq: u64,
    /// When.
    pub ts: Timestamp,
    /// Who: `hale`, `uid:1000`, `token:NAME`.
    pub actor: String,
    /// What: `verdict`, `intent`, `outcome`, `undo`, `approve`, `reject`, `pause`, `resume`, `ack`,
    /// `close`, `note`, `autonomy`, `vacuum`, `config`, `refused`.
    pub kind: String,
    /// On what: an id, a target.
    pub subject: String,
    /// The facts, as JSON text exactly as hashed.
    pub details: String,
    /// Hash of the entry before; 64 zeros for the first.
    pub prev_hash: String,
    /// BLAKE3 of this entry, 64 hex digits.
    pub hash: String,
}
