//! `[otlp]` and `[[slo]]`: what services tell, and what is expected of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[otlp]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// Whether telemetry is received at all.
    pub enabled: bool,
    /// Address and port for gRPC; empty: none.
    pub grpc_listen: String,
    /// Address and port for HTTP, protobuf and JSON; empty: none.
    pub http_listen: String,
    /// Name of the environment variable that holds the token which senders must show
    /// (`OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer …"`); empty: none is asked for.
    pub token_env: String,
    /// Whether an address that other machines reach may be used without a token, in a network that is trusted.
    pub allow_open: bool,
}

impl Default for Otlp {
    fn default() -> Self {
        Otlp {
            enabled: true,
            grpc_listen: "127.0.0.1:4317".to_owned(),
            http_listen: "127.0.0.1:4318".to_owned(),
            token_env: String::new(),
            allow_open: false,
        }
    }
}

/// What an objective is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Requests do not fail.
    #[default]
    Availability,
    /// Requests are answered within `latency_ms`.
    Latency,
}

impl Objective {
    /// The name in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Objective::Availability => "availability",
            Objective::Latency => "latency",
        }
    }
}

/// `[[slo]]`: what is promised of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Slo {
    /// The service, as it names itself.
    pub service: String,
    /// availability or latency.
    pub objective: Objective,
    /// Share of requests, in percent, that must be good.
    #[schemars(range(min = 1.0, max = 99.999))]
    pub target: f64,
    /// Days over which that share is counted.
    #[schemars(range(min = 1, max = 90))]
    pub window_days: u32,
    /// For latency: milliseconds within which a request is good.
    #[schemars(range(min = 0.1, max = 3_600_000.0))]
    pub latency_ms: f64,
}

impl Default for Slo {
    fn default() -> Self {
        Slo {
            service: String::new(),
            objective: Objective::Availability,
            target: 99.9,
            window_days: 30,
            latency_ms: 500.0,
        }
    }
}
