//! The service map, as every screen shows it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EdgeTraffic, Intake, NodeKind, ServiceTraffic};
use crate::config::Objective;

/// How a service does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceHealth {
    /// As usual.
    Healthy,
    /// Requests fail.
    Failing,
    /// Requests are slow.
    Slow,
    /// It tells nothing now, or too little to say.
    #[default]
    Unknown,
}

/// Where an objective stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloState {
    /// Of which service.
    pub service: String,
    /// availability or latency.
    pub objective: Objective,
    /// Share of requests that must be good, in percent.
    pub target: f64,
    /// Days over which it is counted.
    pub window_days: u32,
    /// For latency: milliseconds within which a request is good.
    pub latency_ms: Option<f64>,
    /// Share that was good, in percent, over what hale has seen of the window; none without requests.
    pub good_percent: Option<f64>,
    /// What is left of the error budget, in percent of it; negative: overspent.
    pub budget_left_percent: Option<f64>,
    /// How many times faster than allowed the budget is spent, over 5 minutes and over an hour.
    pub burn_5m: Option<f64>,
    /// See `burn_5m`.
    pub burn_1h: Option<f64>,
    /// Seconds of the window that hale has seen.
    pub seen_secs: u64,
}

/// A service as the map shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceView {
    /// What the name stands for.
    pub kind: NodeKind,
    /// How it does.
    pub health: ServiceHealth,
    /// Whether an open alert names it as the first that fails.
    pub suspect: bool,
    /// When it last told of a request itself; none: not within the last hour.
    pub last_heard_at: Option<Timestamp>,
    /// What is promised of it.
    pub slos: Vec<SloState>,
    /// Its figures.
    #[serde(flatten)]
    pub traffic: ServiceTraffic,
}

/// All services and who calls whom, over about the last minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServicesView {
    /// Seconds that the figures are of.
    pub window_secs: f64,
    /// By name.
    pub services: Vec<ServiceView>,
    /// Who calls whom.
    pub edges: Vec<EdgeTraffic>,
    /// What was received in that time.
    pub intake: Intake,
    /// Where nothing is received: why, and what would fill it.
    pub note: Option<String>,
}
