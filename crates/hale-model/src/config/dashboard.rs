//! `[dashboard]`: what the screens need that nothing else does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[dashboard]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dashboard {
    /// Minutes that a person would have needed for an incident that hale cured alone.
    #[schemars(range(max = 10_000.0))]
    pub minutes_saved_per_incident: f64,
    /// What one minute of downtime costs; 0: no money is counted.
    #[schemars(range(max = 1_000_000_000.0))]
    pub cost_per_minute_of_downtime: f64,
    /// The currency of that cost, as it is shown.
    pub currency: String,
}

impl Default for Dashboard {
    fn default() -> Self {
        Dashboard {
            minutes_saved_per_incident: 30.0,
            cost_per_minute_of_downtime: 0.0,
            currency: "USD".to_owned(),
        }
    }
}
