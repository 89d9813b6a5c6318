//! What hale counts about itself, for `GET /metrics`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::health::Health;

/// Upper bounds of the classes in which times to repair are counted, in seconds.
pub const REPAIR_BUCKETS_SECS: [u64; 10] = [1, 5, 15, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/// How many there are of something, by two of its properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// The first property, such as its kind.
    pub kind: String,
    /// The second one, such as its state.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// How long incidents took from their first alert to their end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepairTimes {
    /// For each of [`REPAIR_BUCKETS_SECS`]: how many took no longer.
    pub within: Vec<u64>,
    /// How many there are.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_secs: f64,
}

impl RepairTimes {
    /// Counts them.
    pub fn of(secs: impl IntoIterator<Item = f64>) -> Self {
        let mut times =
            RepairTimes { within: vec![0; REPAIR_BUCKETS_SECS.len()], ..Self::default() };
        for took in secs {
            times.count += 1;
            times.sum_secs += took;
            for (within, bound) in times.within.iter_mut().zip(REPAIR_BUCKETS_SECS) {
                *within += u64::from(took <= bound as f64);
            }
        }
        times
    }
}

/// What hale counts about itself, over all that is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsView {
    /// When the agent began.
    pub started_at: Option<Timestamp>,
    /// Its mode.
    pub mode: String,
    /// Whether actions are stopped.
    pub paused: bool,
    /// Looks at the machine since the agent began.
    pub turns: u64,
    /// Alerts that are not closed, by kind and severity.
    pub open_alerts: Vec<Tally>,
    /// Every alert so far, by kind and state.
    pub alerts: Vec<Tally>,
    /// Every incident so far, by severity and state.
    pub incidents: Vec<Tally>,
    /// Every action so far, by kind and state.
    pub actions: Vec<Tally>,
    /// Approvals that wait for a person.
    pub approvals_pending: u64,
    /// Incidents that are over, however they ended.
    pub repair: RepairTimes,
    /// Those that an action of hale's ended.
    pub cured: RepairTimes,
    /// Each machine's health.
    pub health: Vec<Health>,
    /// The number of the newest event of the live stream.
    pub events: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_took_no_longer() {
        let times = RepairTimes::of([0.5, 1.0, 4.0, 100_000.0]);
        assert_eq!(times.within, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!((times.count, times.sum_secs), (4, 100_005.5));
    }
}
