//! What detectors learn, and what must survive a restart. Bounded: a few hundred KiB of JSON.

use hale_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::baseline::Baselines;
use super::http::Services;
use super::trend::Trends;

/// Layout of the stored memory; another is not read.
const VERSION: u32 = 1;

/// What was learned over time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Learned {
    pub(super) baselines: Baselines,
    pub(super) trends: Trends,
    pub(super) services: Services,
}

/// A condition that was firing when the memory was stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HeldOn {
    pub(super) kind: String,
    pub(super) subject_key: String,
    pub(super) since: Timestamp,
    pub(super) since_ns: u64,
}

/// Baselines, trends and the conditions that hold: give it to [`super::Orient::new`] after a restart
/// and watching goes on where it stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BrainMemory {
    version: u32,
    /// Times since boot mean nothing after another boot.
    pub(super) boot_id: String,
    pub(super) learned: Learned,
    pub(super) held: Vec<HeldOn>,
}

impl BrainMemory {
    pub(super) fn new(boot_id: String, learned: Learned, held: Vec<HeldOn>) -> Self {
        BrainMemory { version: VERSION, boot_id, learned, held }
    }

    /// Itself, or nothing where another version of hale wrote it.
    pub(super) fn if_readable(self) -> Self {
        if self.version == VERSION { self } else { BrainMemory::default() }
    }
}
