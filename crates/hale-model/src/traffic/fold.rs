//! What a receiver hands to a [`super::TrafficBook`]: borrowed from the request, nothing copied that
//! is only counted. An empty text is "not told".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::Distribution;

/// Who sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// `service.name`
    pub service: &'a str,
    /// `service.instance.id`
    pub instance_id: &'a str,
    /// `service.version`
    pub version: &'a str,
    /// `container.id`
    pub container_id: &'a str,
    /// `process.pid`; 0: not told.
    pub pid: i32,
    /// `process.executable.name`
    pub program: &'a str,
    /// `host.name`
    pub host: &'a str,
    /// `k8s.namespace.name`
    pub namespace: &'a str,
    /// `k8s.deployment.name`
    pub deployment: &'a str,
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within a service.
    #[default]
    Internal,
    /// A request that is answered.
    Server,
    /// A request that is made.
    Client,
    /// A message that is sent.
    Producer,
    /// A message that is worked on.
    Consumer,
}

/// One span, as far as it is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span<'a> {
    /// Not all zero.
    pub trace_id: [u8; 16],
    /// Not 0.
    pub span_id: u64,
    /// 0: the first of its trace.
    pub parent_id: u64,
    /// Which side.
    pub kind: SpanKind,
    /// `GET /quote`
    pub name: &'a str,
    /// `http.request.method`
    pub method: &'a str,
    /// `http.route`
    pub route: &'a str,
    /// Unix time in nanoseconds.
    pub start_ns: u64,
    /// Unix time in nanoseconds.
    pub end_ns: u64,
    /// Whether its status is an error.
    pub status_error: bool,
    /// The status message, or the exception.
    pub message: &'a str,
    /// `exception.type` or `error.type`: what is told where there is no message.
    pub error_type: &'a str,
    /// Status of HTTP; 0: not told.
    pub http_status: u16,
    /// Status of gRPC; none: not told.
    pub grpc_status: Option<u16>,
    /// `peer.service`
    pub peer: &'a str,
    /// `db.system.name`
    pub db_system: &'a str,
    /// `db.namespace`
    pub db_namespace: &'a str,
    /// `messaging.system`
    pub messaging: &'a str,
    /// `messaging.destination.name`
    pub destination: &'a str,
    /// `server.address`, or the host in a URL
    pub address: &'a str,
    /// `server.port`; 0: not told.
    pub port: u16,
}

/// Codes of gRPC that are the server's fault (OpenTelemetry semantic conventions for RPC):
/// unknown, deadline exceeded, unimplemented, internal, unavailable, data loss.
const GRPC_SERVER_FAULTS: [u16; 6] = [2, 4, 12, 13, 14, 15];

impl<'a> Span<'a> {
    /// Whether the one who answered failed, or for a call the one who was asked. What the one who asked
    /// did wrong (404, a cancelled request) is nobody's failure.
    pub fn failed(&self) -> bool {
        let answers = matches!(self.kind, SpanKind::Server | SpanKind::Consumer);
        match (self.http_status, self.grpc_status) {
            (500.., _) => true,
            // Asked too often: for the one who asks it is not there.
            (429, _) => !answers,
            (400..=499, _) => false,
            (_, Some(code)) if answers => {
                GRPC_SERVER_FAULTS.contains(&code) || (self.status_error && code == 0)
            }
            _ => self.status_error,
        }
    }

    /// What it says about its failure: its message, else the type of the error; may be empty.
    pub fn failure(&self) -> &'a str {
        if self.message.is_empty() { self.error_type } else { self.message }
    }

    /// Takes over what is said of an exception, unless something was said before.
    pub fn note_exception(&mut self, message: &'a str, error_type: &'a str) {
        if self.message.is_empty() {
            self.message = message;
        }
        if self.error_type.is_empty() {
            self.error_type = error_type;
        }
    }

    /// How long it took, in microseconds; 0 where its clock went back.
    pub fn duration_us(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns) / 1000
    }
}

/// What kind of figure a metric is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A level.
    #[default]
    Gauge,
    /// What adds up.
    Sum,
    /// The mean of what was counted.
    Histogram,
}

/// One metric with its points put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its unit.
    pub unit: &'a str,
    /// What kind of figure it is.
    pub kind: MetricKind,
    /// See [`super::MetricValue::value`].
    pub value: f64,
    /// Points that it was put together from.
    pub points: u64,
    /// Of a histogram: how what it counted is distributed.
    pub distribution: Option<Distribution>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is() {
        let span = |kind, status_error, http_status, grpc_status| Span {
            kind,
            status_error,
            http_status,
            grpc_status,
            ..Span::default()
        };
        use SpanKind::{Client, Consumer, Server};
        for (span, expected, why) in [
            (span(Server, false, 200, None), false, "answered"),
            (span(Server, true, 200, None), true, "an error in a good envelope"),
            (span(Server, false, 500, None), true, "500 without a status"),
            (span(Server, true, 404, None), false, "a client's mistake"),
            (span(Client, true, 404, None), false, "an answer all the same"),
            (span(Client, true, 429, None), true, "asked too often"),
            (span(Client, true, 0, None), true, "nobody answered"),
            (span(Server, true, 0, Some(5)), false, "gRPC: not found"),
            (span(Server, true, 0, Some(1)), false, "gRPC: the client gave up"),
            (span(Server, true, 0, Some(13)), true, "gRPC: internal"),
            (span(Consumer, true, 0, None), true, "a message that could not be worked on"),
        ] {
            assert_eq!(span.failed(), expected, "{why}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_no_duration() {
        assert_eq!(Span { start_ns: 5_000, end_ns: 2_000, ..Span::default() }.duration_us(), 0);
    }
}
