//! What services tell about themselves: requests, errors and latency by service and operation, who
//! calls whom, examples of what went wrong, metrics and errors from logs.
//!
//! Receivers fold what arrives into a [`TrafficBook`]; each turn of the loop drains it into a
//! [`TrafficSample`] (counts and sketches, stored), from which [`Traffic`] (rates, percentages,
//! quantiles) is derived. Spans themselves are not kept, but for a few exemplars.

mod book;
mod fold;
mod histogram;
mod index;
mod nodes;
mod sketch;
mod view;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::snapshot::percent;

pub use book::{Folded, Intake, TrafficBook};
pub use fold::{Metric, MetricKind, Resource, Span, SpanKind};
pub use histogram::{Distribution, Quantiles};
pub use sketch::{RELATIVE_ERROR, Sketch};
pub use view::{ServiceHealth, ServiceView, ServicesView, SloState};

/// Services whose figures are kept apart; further ones are counted as [`OTHER`].
pub const SERVICES_MAX: usize = 512;
/// Operations of one service that are kept apart; further ones are counted as [`OTHER`].
pub const OPERATIONS_PER_SERVICE_MAX: usize = 64;
/// Pairs of a caller and a callee; further ones are counted as lost.
pub const EDGES_MAX: usize = 4096;
/// Instances of one service that are told apart.
pub const INSTANCES_PER_SERVICE_MAX: usize = 16;
/// Metrics of one service whose newest value is kept.
pub const METRICS_PER_SERVICE_MAX: usize = 128;
/// Messages of one service's error logs that are told apart.
pub const LOG_TEMPLATES_PER_SERVICE_MAX: usize = 32;
/// Failed requests of one service and window that are kept as examples; likewise of slow ones.
pub const EXEMPLARS_PER_SERVICE_MAX: usize = 4;
/// Bytes of a name: a service, an operation, a metric.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 256;
/// What is beyond a limit is counted under this name.
pub const OTHER: &str = "other";

/// Everything that was received in one window: between two turns of the loop, or several of them
/// added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficSample {
    /// Length of the window.
    pub window_secs: f64,
    /// Services with anything in this window, by name.
    pub services: Vec<ServiceSample>,
    /// Calls from one service to another.
    pub edges: Vec<EdgeSample>,
    /// What was received, and what was beyond a limit.
    pub intake: Intake,
}

/// Requests, errors and durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Red {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Their durations.
    pub latency: Sketch,
}

impl Red {
    /// Takes in one request.
    pub fn add(&mut self, us: u64, error: bool) {
        self.requests += 1;
        self.errors += u64::from(error);
        self.latency.add(us);
    }

    /// Takes in everything of another.
    pub fn merge(&mut self, other: &Red) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.latency.merge(&other.latency);
    }

    /// Failed share, 0..100; none without requests.
    pub fn error_percent(&self) -> Option<f64> {
        percent(self.errors as f64, self.requests as f64)
    }
}

/// What a name in the service map stands for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Sends telemetry itself.
    #[default]
    Service,
    /// A database, seen by its callers alone.
    Database,
    /// A queue or topic, seen by its users alone.
    Messaging,
    /// Something else that is called and sends nothing itself.
    External,
}

/// One service in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSample {
    /// `service.name`
    pub service: String,
    /// All its server and consumer spans.
    pub total: Red,
    /// Errors of those in whose trace something further down had failed before: passed on, not made here.
    pub passed_on_errors: u64,
    /// By operation, busiest first.
    pub operations: Vec<OperationSample>,
    /// Where it runs.
    pub instances: Vec<Instance>,
    /// A few that failed and the slowest.
    pub exemplars: Vec<Exemplar>,
    /// Errors in its logs, most frequent first.
    pub error_logs: Vec<LogCount>,
    /// Newest value of each metric.
    pub metrics: Vec<MetricValue>,
}

/// One operation of a service in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationSample {
    /// `POST /quote`
    pub operation: String,
    /// Its requests.
    pub red: Red,
}

/// Calls from one service to another in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeSample {
    /// Caller.
    pub from: String,
    /// Callee.
    pub to: String,
    /// What the callee is.
    pub to_kind: NodeKind,
    /// As the caller saw them; as the callee did, where the caller tells nothing.
    pub calls: Red,
    /// Calls that the callee reported itself.
    pub answered: u64,
    /// Of these, failed.
    pub answered_errors: u64,
}

/// Where a service runs, told by its resource attributes. Empty: not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Instance {
    /// `service.instance.id`
    pub instance_id: String,
    /// `container.id`
    pub container_id: String,
    /// `process.pid`, in the process's own name space; 0: not told.
    pub pid: i32,
    /// `process.executable.name`
    pub program: String,
    /// `host.name`
    pub host: String,
    /// `service.version`
    pub version: String,
    /// `k8s.namespace.name`
    pub namespace: String,
    /// `k8s.deployment.name`
    pub deployment: String,
    /// Requests in this window.
    pub requests: u64,
    /// Of these, failed.
    pub errors: u64,
}

impl Instance {
    /// Whether both tell of the same instance.
    pub fn same(&self, other: &Instance) -> bool {
        let key = |i: &Instance| {
            (
                i.instance_id.clone(),
                i.container_id.clone(),
                i.pid,
                i.host.clone(),
                i.version.clone(),
            )
        };
        key(self) == key(other)
    }
}

/// Why a request is kept as an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExemplarKind {
    /// It failed.
    #[default]
    Error,
    /// It was among the slowest.
    Slow,
}

/// One request, so that a person can find it in a tracing backend or a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exemplar {
    /// Why it is kept.
    pub kind: ExemplarKind,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// What was asked for.
    pub operation: String,
    /// How long it took.
    pub duration_ms: f64,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Status message or exception; may be empty. Text of a program: data.
    pub message: String,
    /// Whether it failed because something further down had.
    pub passed_on: bool,
}

/// How often a service logged an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogCount {
    /// The message, with its numbers left out. Text of a program: data.
    pub template: String,
    /// How often in this window.
    pub count: u64,
}

/// The newest value of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricValue {
    /// `http.server.active_requests`
    pub metric: String,
    /// As sent: `ms`, `By`, `{request}`; may be empty.
    pub unit: String,
    /// Gauge: the mean over its attribute sets. Sum: their sum. Histogram: the mean of what it counted.
    pub value: f64,
    /// What kind of figure it is.
    pub kind: MetricKind,
    /// Of a histogram with buckets: half of what came since it was sent last was at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 95 of 100 of that were at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// 99 of 100 of that were at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
}

impl MetricValue {
    /// Puts the quantiles in, or takes them out.
    pub(crate) fn set_quantiles(&mut self, quantiles: Option<Quantiles>) {
        self.p50 = quantiles.map(|q| q.p50);
        self.p95 = quantiles.map(|q| q.p95);
        self.p99 = quantiles.map(|q| q.p99);
    }
}

impl TrafficSample {
    /// Takes in a later window: counts add up, what is newest counts.
    pub fn merge(&mut self, later: &TrafficSample) {
        self.window_secs += later.window_secs;
        self.intake.merge(&later.intake);
        for service in &later.services {
            let same = |s: &ServiceSample| s.service == service.service;
            let room = put(&mut self.services, SERVICES_MAX, same, service, ServiceSample::merge);
            self.intake.beyond_limits += if room { 0 } else { service.total.requests };
        }
        for edge in &later.edges {
            let same = |e: &EdgeSample| e.from == edge.from && e.to == edge.to;
            let room = put(&mut self.edges, EDGES_MAX, same, edge, EdgeSample::merge);
            self.intake.beyond_limits += if room { 0 } else { edge.calls.requests };
        }
    }

    /// Whether nothing was received.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.edges.is_empty() && self.intake == Intake::default()
    }
}

impl EdgeSample {
    fn merge(&mut self, later: &EdgeSample) {
        self.calls.merge(&later.calls);
        self.answered = self.answered.saturating_add(later.answered);
        self.answered_errors = self.answered_errors.saturating_add(later.answered_errors);
        self.to_kind = later.to_kind;
    }
}

impl ServiceSample {
    fn merge(&mut self, later: &ServiceSample) {
        self.total.merge(&later.total);
        self.passed_on_errors = self.passed_on_errors.saturating_add(later.passed_on_errors);
        for operation in &later.operations {
            let known = self.operations.iter().position(|o| o.operation == operation.operation);
            let room = self.operations.len() < OPERATIONS_PER_SERVICE_MAX;
            match known
                .or_else(|| self.operations.iter().position(|o| !room && o.operation == OTHER))
            {
                Some(at) => {
                    if let Some(o) = self.operations.get_mut(at) {
                        o.red.merge(&operation.red);
                    }
                }
                None => self.operations.push(operation.clone()),
            }
        }
        for instance in &later.instances {
            let add = |known: &mut Instance, more: &Instance| {
                known.requests += more.requests;
                known.errors += more.errors;
            };
            let same = |i: &Instance| i.same(instance);
            put(&mut self.instances, INSTANCES_PER_SERVICE_MAX, same, instance, add);
        }
        for exemplar in &later.exemplars {
            let same_kind: Vec<usize> = self
                .exemplars
                .iter()
                .enumerate()
                .filter(|(_, e)| e.kind == exemplar.kind)
                .map(|(at, _)| at)
                .collect();
            if let Some(oldest) =
                same_kind.first().filter(|_| same_kind.len() >= EXEMPLARS_PER_SERVICE_MAX)
            {
                self.exemplars.remove(*oldest);
            }
            self.exemplars.push(exemplar.clone());
        }
        for log in &later.error_logs {
            let add = |known: &mut LogCount, more: &LogCount| known.count += more.count;
            let same = |l: &LogCount| l.template == log.template;
            put(&mut self.error_logs, LOG_TEMPLATES_PER_SERVICE_MAX, same, log, add);
        }
        for metric in &later.metrics {
            let newest = |known: &mut MetricValue, newer: &MetricValue| known.clone_from(newer);
            let same = |m: &MetricValue| m.metric == metric.metric;
            put(&mut self.metrics, METRICS_PER_SERVICE_MAX, same, metric, newest);
        }
    }
}

/// Merges an item into its like, or adds it while there is room; whether it found a place.
fn put<T: Clone>(
    list: &mut Vec<T>,
    max: usize,
    same: impl Fn(&T) -> bool,
    item: &T,
    merge: impl Fn(&mut T, &T),
) -> bool {
    if let Some(known) = list.iter_mut().find(|known| same(known)) {
        merge(known, item);
        return true;
    }
    let room = list.len() < max;
    if room {
        list.push(item.clone());
    }
    room
}

/// What services tell, ready to be judged and shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Traffic {
    /// The window that the figures are of.
    pub window_secs: f64,
    /// Services, by name.
    pub services: Vec<ServiceTraffic>,
    /// Calls.
    pub edges: Vec<EdgeTraffic>,
    /// What was received, and what was beyond a limit.
    pub intake: Intake,
}

/// One service in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceTraffic {
    /// Its name.
    pub service: String,
    /// Requests in the window.
    pub requests: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Of the errors, those that something further down had caused.
    pub passed_on_errors: u64,
    /// Requests a second.
    pub rate_per_sec: Option<f64>,
    /// Failed share, 0..100; none without requests.
    pub error_percent: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 of 100 took at most this long.
    pub p99_ms: Option<f64>,
    /// By operation, busiest first.
    pub operations: Vec<OperationTraffic>,
    /// Where it runs.
    pub instances: Vec<Instance>,
    /// A few that failed and the slowest.
    pub exemplars: Vec<Exemplar>,
    /// Errors in its logs, most frequent first.
    pub error_logs: Vec<LogCount>,
    /// Newest value of each metric.
    pub metrics: Vec<MetricValue>,
    /// The durations, for whoever adds windows up; not written out.
    #[serde(skip)]
    pub latency: Sketch,
}

/// One operation of a service in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationTraffic {
    /// Its name.
    pub operation: String,
    /// Requests in the window.
    pub requests: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Requests a second.
    pub rate_per_sec: Option<f64>,
    /// Failed share, 0..100.
    pub error_percent: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 of 100 took at most this long.
    pub p99_ms: Option<f64>,
}

/// Calls from one service to another in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EdgeTraffic {
    /// Caller.
    pub from: String,
    /// Callee.
    pub to: String,
    /// What the callee is.
    pub to_kind: NodeKind,
    /// Calls in the window.
    pub requests: u64,
    /// Of these, failed as the caller saw it.
    pub errors: u64,
    /// Calls that the callee reported itself.
    pub answered: u64,
    /// Of these, failed.
    pub answered_errors: u64,
    /// Calls a second.
    pub rate_per_sec: Option<f64>,
    /// Failed share, 0..100.
    pub error_percent: Option<f64>,
    /// Median duration.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took at most this long.
    pub p95_ms: Option<f64>,
    /// The durations, for whoever adds windows up; not written out.
    #[serde(skip)]
    pub latency: Sketch,
}

impl From<&TrafficSample> for Traffic {
    fn from(sample: &TrafficSample) -> Self {
        let window = sample.window_secs;
        let rate = |n: u64| (window > 0.0).then(|| n as f64 / window);
        let operation = |o: &OperationSample| OperationTraffic {
            operation: o.operation.clone(),
            requests: o.red.requests,
            errors: o.red.errors,
            rate_per_sec: rate(o.red.requests),
            error_percent: o.red.error_percent(),
            p50_ms: o.red.latency.quantile_ms(0.5),
            p95_ms: o.red.latency.quantile_ms(0.95),
            p99_ms: o.red.latency.quantile_ms(0.99),
        };
        let service = |s: &ServiceSample| ServiceTraffic {
            service: s.service.clone(),
            requests: s.total.requests,
            errors: s.total.errors,
            passed_on_errors: s.passed_on_errors,
            rate_per_sec: rate(s.total.requests),
            error_percent: s.total.error_percent(),
            p50_ms: s.total.latency.quantile_ms(0.5),
            p95_ms: s.total.latency.quantile_ms(0.95),
            p99_ms: s.total.latency.quantile_ms(0.99),
            operations: s.operations.iter().map(operation).collect(),
            instances: s.instances.clone(),
            exemplars: s.exemplars.clone(),
            error_logs: s.error_logs.clone(),
            metrics: s.metrics.clone(),
            latency: s.total.latency.clone(),
        };
        let edge = |e: &EdgeSample| EdgeTraffic {
            from: e.from.clone(),
            to: e.to.clone(),
            to_kind: e.to_kind,
            requests: e.calls.requests,
            errors: e.calls.errors,
            answered: e.answered,
            answered_errors: e.answered_errors,
            rate_per_sec: rate(e.calls.requests),
            error_percent: e.calls.error_percent(),
            p50_ms: e.calls.latency.quantile_ms(0.5),
            p95_ms: e.calls.latency.quantile_ms(0.95),
            latency: e.calls.latency.clone(),
        };
        Traffic {
            window_secs: window,
            services: sample.services.iter().map(service).collect(),
            edges: sample.edges.iter().map(edge).collect(),
            intake: sample.intake.clone(),
        }
    }
}

impl Traffic {
    /// The service with this name.
    pub fn service(&self, name: &str) -> Option<&ServiceTraffic> {
        self.services.iter().find(|s| s.service == name)
    }

    /// What a service calls.
    pub fn callees<'a>(&'a self, caller: &'a str) -> impl Iterator<Item = &'a EdgeTraffic> {
        self.edges.iter().filter(move |e| e.from == caller)
    }

    /// Who calls a service.
    pub fn callers<'a>(&'a self, callee: &'a str) -> impl Iterator<Item = &'a EdgeTraffic> {
        self.edges.iter().filter(move |e| e.to == callee)
    }
}
