//! Where receivers write down what they get, between two turns of the loop. Everything in it is
//! bounded; what is beyond a limit is counted, under [`OTHER`] where it can be.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fold::{Metric, Resource, Span, SpanKind};
use super::histogram::{Histograms, Quantiles};
use super::index::{Index, NOBODY, Note, key};
use super::nodes::Nodes;
use super::{
    EDGES_MAX, EXEMPLARS_PER_SERVICE_MAX, EdgeSample, Exemplar, ExemplarKind,
    INSTANCES_PER_SERVICE_MAX, Instance, LOG_TEMPLATES_PER_SERVICE_MAX, LogCount,
    MESSAGE_BYTES_MAX, METRICS_PER_SERVICE_MAX, MetricValue, NAME_BYTES_MAX, NodeKind,
    OPERATIONS_PER_SERVICE_MAX, OTHER, OperationSample, Red, ServiceSample, TrafficSample,
};
use crate::text::{printable, shorten};

/// Steps up a trace within one service before it is called endless.
const ANCESTORS_MAX: usize = 16;
/// An instance that was not heard of for this long is forgotten.
const INSTANCE_KEPT_SECS: u64 = 900;
/// Where there is no room for a new name, services not heard of for this long make room.
const IDLE_SERVICE_SECS: u64 = 600;

/// What was received in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Intake {
    /// Spans taken in.
    pub spans: u64,
    /// Points of metrics taken in.
    pub metric_points: u64,
    /// Log records taken in.
    pub log_records: u64,
    /// Spans, points and records that were invalid, and said to be so to the sender.
    pub rejected: u64,
    /// Taken in, but counted under `other` or without their details: beyond a limit.
    pub beyond_limits: u64,
    /// Requests that were refused: too large, malformed, or too many at once. The sender knows.
    pub refused_requests: u64,
}

impl Intake {
    /// Whether anything was taken in.
    pub fn is_any(&self) -> bool {
        self.spans + self.metric_points + self.log_records > 0
    }

    pub(super) fn merge(&mut self, later: &Intake) {
        self.spans += later.spans;
        self.metric_points += later.metric_points;
        self.log_records += later.log_records;
        self.rejected += later.rejected;
        self.beyond_limits += later.beyond_limits;
        self.refused_requests += later.refused_requests;
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Taken in.
    pub accepted: u64,
    /// Not taken in: without an id.
    pub rejected: u64,
}

#[derive(Debug, Default)]
struct Service {
    total: Red,
    passed_on_errors: u64,
    operations: HashMap<String, Red>,
    instances: Vec<(Instance, u64)>,
    exemplars: Vec<Exemplar>,
    error_logs: Vec<LogCount>,
    metrics: Vec<MetricValue>,
    active: bool,
    heard_at_ns: u64,
}

#[derive(Debug, Default)]
struct Edge {
    calls: Red,
    answered: u64,
    answered_errors: u64,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: Nodes,
    services: HashMap<u32, Service>,
    edges: HashMap<(u32, u32), Edge>,
    index: Index,
    histograms: Histograms,
    intake: Intake,
    drained_at_ns: u64,
    received: bool,
    /// Names are put together here before they are looked up.
    scratch: String,
}

/// What services told since the last turn. Shared by the receivers, which write, and the loop, which
/// drains it.
#[derive(Debug, Default)]
pub struct TrafficBook {
    inner: Mutex<Inner>,
}

impl TrafficBook {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counts stay usable whatever a writer was in the middle of.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in spans of one resource.
    pub fn spans(&self, resource: &Resource<'_>, spans: &[Span<'_>]) -> Folded {
        self.lock().spans(resource, spans)
    }

    /// Takes in metrics of one resource.
    pub fn metrics(&self, resource: &Resource<'_>, metrics: &[Metric<'_>]) {
        let mut inner = self.lock();
        inner.intake.metric_points += metrics.iter().map(|m| m.points).sum::<u64>();
        let at = inner.service(resource.service);
        let Inner { services, histograms, intake, drained_at_ns, .. } = &mut *inner;
        let service = services.entry(at).or_default();
        service.active = true;
        let mut beyond = 0;
        for metric in metrics {
            let (quantiles, remembered) = match &metric.distribution {
                Some(told) => histograms.quantiles(resource, metric.name, told, *drained_at_ns),
                None => (None, true),
            };
            beyond += u64::from(!service.metric(metric, quantiles) || !remembered);
        }
        intake.beyond_limits += beyond;
    }

    /// Takes in log records of one resource: how many there were in all, and the messages of those
    /// that are errors.
    pub fn logs(&self, resource: &Resource<'_>, records: u64, errors: &[&str]) {
        let mut inner = self.lock();
        inner.intake.log_records += records;
        if errors.is_empty() {
            return;
        }
        let at = inner.service(resource.service);
        let service = inner.services.entry(at).or_default();
        service.active = true;
        let beyond = errors.iter().map(|m| u64::from(!service.error_log(m))).sum::<u64>();
        inner.intake.beyond_limits += beyond;
    }

    /// A request was refused, and its sender told so.
    pub fn refused(&self) {
        self.lock().intake.refused_requests += 1;
    }

    /// Parts of a request were invalid, and its sender told so.
    pub fn rejected(&self, count: u64) {
        self.lock().intake.rejected += count;
    }

    /// Whether anything was ever received.
    pub fn has_received(&self) -> bool {
        self.lock().received
    }

    /// Hands over what was gathered, and begins anew. `now_ns`: `CLOCK_BOOTTIME`.
    pub fn drain(&self, now_ns: u64) -> TrafficSample {
        self.lock().drain(now_ns)
    }
}

impl Service {
    fn operation(&mut self, name: &str) -> (&mut Red, bool) {
        let room = self.operations.len() < OPERATIONS_PER_SERVICE_MAX - 1;
        if self.operations.contains_key(name) {
            return (self.operations.entry(name.to_owned()).or_default(), true);
        }
        let key = if room { shorten(&printable(name), NAME_BYTES_MAX) } else { OTHER.to_owned() };
        (self.operations.entry(key).or_default(), room)
    }

    fn instance(&mut self, resource: &Resource<'_>, now_ns: u64) -> Option<usize> {
        let same = |i: &Instance| {
            i.instance_id == resource.instance_id
                && i.container_id == resource.container_id
                && i.pid == resource.pid
                && i.host == resource.host
                && i.version == resource.version
        };
        if let Some(at) = self.instances.iter().position(|(i, _)| same(i)) {
            if let Some((_, heard)) = self.instances.get_mut(at) {
                *heard = now_ns;
            }
            return Some(at);
        }
        if self.instances.len() >= INSTANCES_PER_SERVICE_MAX {
            return None;
        }
        let text = |t: &str| shorten(&printable(t), NAME_BYTES_MAX);
        let instance = Instance {
            instance_id: text(resource.instance_id),
            container_id: text(resource.container_id),
            pid: resource.pid,
            program: text(resource.program),
            host: text(resource.host),
            version: text(resource.version),
            namespace: text(resource.namespace),
            deployment: text(resource.deployment),
            requests: 0,
            errors: 0,
        };
        self.instances.push((instance, now_ns));
        Some(self.instances.len() - 1)
    }

    fn metric(&mut self, metric: &Metric<'_>, quantiles: Option<Quantiles>) -> bool {
        if !metric.value.is_finite() {
            return true;
        }
        if let Some(known) = self.metrics.iter_mut().find(|m| m.metric == metric.name) {
            (known.value, known.kind) = (metric.value, metric.kind);
            known.set_quantiles(quantiles);
            return true;
        }
        let room = self.metrics.len() < METRICS_PER_SERVICE_MAX;
        if room {
            let mut value = MetricValue {
                metric: shorten(&printable(metric.name), NAME_BYTES_MAX),
                unit: shorten(&printable(metric.unit), NAME_BYTES_MAX),
                value: metric.value,
                kind: metric.kind,
                ..MetricValue::default()
            };
            value.set_quantiles(quantiles);
            self.metrics.push(value);
        }
        room
    }

    fn error_log(&mut self, message: &str) -> bool {
        let template = template_of(message);
        if let Some(known) = self.error_logs.iter_mut().find(|l| l.template == template) {
            known.count += 1;
            return true;
        }
        let room = self.error_logs.len() < LOG_TEMPLATES_PER_SERVICE_MAX - 1;
        let template = if room { template } else { OTHER.to_owned() };
        match self.error_logs.iter_mut().find(|l| l.template == template) {
            Some(other) => other.count += 1,
            None => self.error_logs.push(LogCount { template, count: 1 }),
        }
        room
    }

    /// Keeps a few examples: failures made here before those passed on, the slowest of the rest.
    fn exemplify(&mut self, span: &Span<'_>, operation: &str, failed: bool, passed_on: bool) {
        let kind = if failed { ExemplarKind::Error } else { ExemplarKind::Slow };
        let ms = span.duration_us() as f64 / 1000.0;
        let of_kind = self.exemplars.iter().filter(|e| e.kind == kind).count();
        if of_kind >= EXEMPLARS_PER_SERVICE_MAX {
            let lesser = self.exemplars.iter().position(|e| {
                e.kind == kind
                    && if failed { e.passed_on && !passed_on } else { e.duration_ms < ms }
            });
            let Some(lesser) = lesser else { return };
            self.exemplars.swap_remove(lesser);
        }
        let ended_at = i64::try_from(span.end_ns / 1000)
            .ok()
            .and_then(|us| Timestamp::from_microsecond(us).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH);
        self.exemplars.push(Exemplar {
            kind,
            trace_id: span.trace_id.iter().map(|b| format!("{b:02x}")).collect(),
            span_id: format!("{:016x}", span.span_id),
            operation: shorten(&printable(operation), NAME_BYTES_MAX),
            duration_ms: ms,
            ended_at,
            message: shorten(&printable(span.failure()), MESSAGE_BYTES_MAX),
            passed_on,
        });
    }
}

/// A message with its numbers and long ids left out.
fn template_of(message: &str) -> String {
    let message = shorten(&printable(message), MESSAGE_BYTES_MAX);
    let words = message.split(' ').map(|word| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if digits == 0 {
            return word.to_owned();
        }
        // Around the figure what belongs to the sentence stays: `(id=42)` → `(id=#)`
        let mut out = String::with_capacity(word.len());
        for c in word.chars() {
            match (c.is_ascii_digit(), out.ends_with('#')) {
                (true, true) => {}
                (true, false) => out.push('#'),
                (false, true) if c.is_ascii_hexdigit() && digits > 3 => {}
                (false, _) => out.push(c),
            }
        }
        out
    });
    words.collect::<Vec<_>>().join(" ")
}

impl Inner {
    fn service(&mut self, name: &str) -> u32 {
        self.received = true;
        let name = if name.is_empty() { "unknown_service" } else { name };
        let (at, own_name) = self.nodes.service(name);
        if !own_name && name != OTHER {
            self.intake.beyond_limits += 1;
        }
        at
    }

    fn spans(&mut self, resource: &Resource<'_>, spans: &[Span<'_>]) -> Folded {
        let at = self.service(resource.service);
        let now_ns = self.drained_at_ns;
        let service = self.services.entry(at).or_default();
        service.active = true;
        let instance = service.instance(resource, now_ns);
        let mut folded = Folded::default();
        for span in spans {
            if span.span_id == 0 || span.trace_id == [0; 16] {
                folded.rejected += 1;
                continue;
            }
            folded.accepted += 1;
            match span.kind {
                SpanKind::Server | SpanKind::Consumer => self.served(at, instance, span),
                SpanKind::Client | SpanKind::Producer => self.called(at, span),
                SpanKind::Internal => self.worked(at, span),
            }
        }
        self.intake.spans += folded.accepted;
        self.intake.rejected += folded.rejected;
        folded
    }

    /// A request that a service answered.
    fn served(&mut self, at: u32, instance: Option<usize>, span: &Span<'_>) {
        let failed = span.failed();
        let us = span.duration_us();
        let parent = key(&span.trace_id, span.parent_id);
        let note = self.arrive(span, at, parent, |note| {
            note.serves = true;
            note.failed = failed;
            note.passed_on = failed && note.failed_below;
        });
        let service = self.services.entry(at).or_default();
        service.total.add(us, failed);
        service.passed_on_errors += u64::from(note.passed_on);
        if let Some((instance, _)) = instance.and_then(|i| service.instances.get_mut(i)) {
            instance.requests += 1;
            instance.errors += u64::from(failed);
        }
        self.scratch.clear();
        if !span.route.is_empty() && !span.method.is_empty() && !span.name.ends_with(span.route) {
            self.scratch.push_str(span.method);
            self.scratch.push(' ');
            self.scratch.push_str(span.route);
        } else {
            self.scratch.push_str(span.name);
        }
        let (red, room) = service.operation(&self.scratch);
        red.add(us, failed);
        self.intake.beyond_limits += u64::from(!room);
        let slowest = service.total.latency.max_ms() * 1000.0;
        if failed || us as f64 >= slowest * 0.5 {
            service.exemplify(span, &self.scratch, failed, note.passed_on);
        }
        self.answered_early(at, &note);
        self.answer(parent, at, us, failed);
    }

    /// Tells the caller's span that it was answered, or leaves word for it.
    fn answer(&mut self, parent: u64, at: u32, us: u64, failed: bool) {
        let Some(caller) = self.index.note(parent) else { return };
        if !caller.arrived {
            caller.answered_by = at;
            caller.answer_failed = failed;
            caller.answer_us = u32::try_from(us).unwrap_or(u32::MAX);
            return;
        }
        let caller = *caller;
        if !caller.calls {
            if caller.service != at {
                self.answered(caller.service, at, us, failed, Some(failed));
                if failed {
                    self.fail_below(parent);
                }
            }
            return;
        }
        self.nodes.answers(caller.callee, at);
        if caller.service != at {
            let call = (!caller.counted).then_some(failed || caller.failed);
            self.answered(caller.service, at, us, failed, call);
        }
        if !caller.counted
            && let Some(note) = self.index.note(parent)
        {
            note.counted = true;
        }
    }

    fn edge(&mut self, from: u32, to: u32) -> Option<&mut Edge> {
        if self.edges.len() >= EDGES_MAX && !self.edges.contains_key(&(from, to)) {
            self.intake.beyond_limits += 1;
            return None;
        }
        Some(self.edges.entry((from, to)).or_default())
    }

    /// Counts an answer as the callee told it; and the call itself, where it was not counted yet,
    /// with whether it failed.
    fn answered(&mut self, from: u32, to: u32, us: u64, failed: bool, call: Option<bool>) {
        if let Some(edge) = self.edge(from, to) {
            edge.answered += 1;
            edge.answered_errors += u64::from(failed);
            if let Some(call_failed) = call {
                edge.calls.add(us, call_failed);
            }
        }
    }

    /// The answer that a span found waiting, where it is no call itself.
    fn answered_early(&mut self, at: u32, note: &Note) {
        if note.answered_by != NOBODY && note.answered_by != at {
            let (us, failed) = (u64::from(note.answer_us), note.answer_failed);
            self.answered(at, note.answered_by, us, failed, Some(failed));
        }
    }

    /// A call that a service made.
    fn called(&mut self, at: u32, span: &Span<'_>) {
        let failed = span.failed();
        let parent = key(&span.trace_id, span.parent_id);
        let told = self.callee_told(span);
        let note = self.arrive(span, at, parent, |note| {
            note.calls = true;
            note.failed = failed;
            note.callee = told;
        });
        let callee = if note.answered_by != NOBODY {
            self.nodes.answers(told, note.answered_by);
            note.answered_by
        } else if told == NOBODY || (self.nodes.is_shared(told) && !failed) {
            // Whoever answers will tell; a shared address does not.
            NOBODY
        } else {
            told
        };
        if callee != NOBODY && callee != at {
            if let Some(edge) = self.edge(at, callee) {
                edge.calls.add(span.duration_us(), failed);
                if note.answered_by != NOBODY {
                    edge.answered += 1;
                    edge.answered_errors += u64::from(note.answer_failed);
                }
            }
            if let Some(note) = self.index.note(key(&span.trace_id, span.span_id)) {
                note.counted = true;
            }
        }
        if failed {
            self.fail_below(parent);
        }
    }

    /// Whom a call is for, as far as its attributes tell.
    fn callee_told(&mut self, span: &Span<'_>) -> u32 {
        use std::fmt::Write as _;
        self.scratch.clear();
        if !span.peer.is_empty() {
            return self.nodes.named(span.peer, NodeKind::External);
        }
        if !span.db_system.is_empty() {
            self.scratch.push_str(span.db_system);
            let place = if span.db_namespace.is_empty() { span.address } else { span.db_namespace };
            if !place.is_empty() {
                self.scratch.push('/');
                self.scratch.push_str(place);
            }
            return self.nodes.named(&self.scratch, NodeKind::Database);
        }
        if !span.messaging.is_empty() {
            self.scratch.push_str(span.messaging);
            if !span.destination.is_empty() {
                self.scratch.push('/');
                self.scratch.push_str(span.destination);
            }
            return self.nodes.named(&self.scratch, NodeKind::Messaging);
        }
        if span.address.is_empty() {
            return NOBODY;
        }
        self.scratch.push_str(span.address);
        if span.port != 0 {
            let _ = write!(self.scratch, ":{}", span.port);
        }
        self.nodes.at_address(&self.scratch)
    }

    /// Work within a service: only handed on to its parent what failed below.
    fn worked(&mut self, at: u32, span: &Span<'_>) {
        let parent = key(&span.trace_id, span.parent_id);
        let note = self.arrive(span, at, parent, |_| {});
        self.answered_early(at, &note);
        if note.failed_below {
            self.fail_below(parent);
        }
    }

    /// Notes a span, with what its children left for it.
    fn arrive(
        &mut self,
        span: &Span<'_>,
        at: u32,
        parent: u64,
        fill: impl FnOnce(&mut Note),
    ) -> Note {
        let Some(note) = self.index.note(key(&span.trace_id, span.span_id)) else {
            return Note::default();
        };
        (note.arrived, note.service, note.parent) = (true, at, parent);
        // A failed answer to a call is for the call to judge; to anything else it is a failure below.
        fill(note);
        if note.answer_failed && !note.calls {
            note.failed_below = true;
            note.passed_on = note.serves && note.failed;
        }
        *note
    }

    /// Something that this span waited for has failed: up to the request that it belongs to.
    fn fail_below(&mut self, first: u64) {
        let mut at = first;
        for _ in 0..ANCESTORS_MAX {
            let Some(note) = self.index.note(at) else { return };
            if note.failed_below || note.calls {
                return;
            }
            note.failed_below = true;
            if !note.arrived {
                return;
            }
            if note.serves {
                if note.failed && !note.passed_on {
                    note.passed_on = true;
                    let service = note.service;
                    self.services.entry(service).or_default().passed_on_errors += 1;
                }
                return;
            }
            at = note.parent;
        }
    }

    fn drain(&mut self, now_ns: u64) -> TrafficSample {
        let passed_ns = now_ns.saturating_sub(self.drained_at_ns);
        let first = self.drained_at_ns == 0;
        self.drained_at_ns = now_ns;
        let mut edges: HashMap<(u32, u32), Edge> = HashMap::new();
        for ((from, to), edge) in self.edges.drain() {
            // Counted for an address before it was known who answers there.
            let to = self.nodes.stands_for(to);
            if from == to {
                continue;
            }
            let sum = edges.entry((from, to)).or_default();
            sum.calls.merge(&edge.calls);
            sum.answered += edge.answered;
            sum.answered_errors += edge.answered_errors;
        }
        for (_, to) in edges.keys() {
            if let Some(service) = self.services.get_mut(to) {
                // Nothing of it, but calls to it: it is shown, with where it ran last.
                service.active = true;
            }
        }
        let mut sample = TrafficSample {
            window_secs: if first { 0.0 } else { passed_ns as f64 / 1e9 },
            services: Vec::new(),
            edges: edges
                .into_iter()
                .map(|((from, to), edge)| EdgeSample {
                    from: self.nodes.name(from).to_owned(),
                    to: self.nodes.name(to).to_owned(),
                    to_kind: self.nodes.kind(to),
                    calls: edge.calls,
                    answered: edge.answered,
                    answered_errors: edge.answered_errors,
                })
                .collect(),
            intake: std::mem::take(&mut self.intake),
        };
        sample.edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        for (at, service) in &mut self.services {
            if service.active {
                service.heard_at_ns = now_ns;
                sample.services.push(service.take(self.nodes.name(*at), now_ns));
            }
        }
        sample.services.sort_by(|a, b| a.service.cmp(&b.service));
        self.make_room(now_ns);
        sample
    }

    /// A table full of names that come and go is begun anew with those that are heard of.
    fn make_room(&mut self, now_ns: u64) {
        let idle =
            |s: &Service| now_ns.saturating_sub(s.heard_at_ns) / 1_000_000_000 > IDLE_SERVICE_SECS;
        if !self.nodes.is_full() || !self.services.values().any(idle) {
            return;
        }
        let mut nodes = Nodes::default();
        let mut services = HashMap::new();
        for (at, service) in self.services.drain().filter(|(_, s)| !idle(s)) {
            services.insert(nodes.service(self.nodes.name(at)).0, service);
        }
        (self.nodes, self.services) = (nodes, services);
        self.index.clear();
    }
}

impl Service {
    fn take(&mut self, name: &str, now_ns: u64) -> ServiceSample {
        let mut operations: Vec<OperationSample> = self
            .operations
            .iter_mut()
            .filter(|(_, red)| red.requests > 0)
            .map(|(operation, red)| OperationSample {
                operation: operation.clone(),
                red: std::mem::take(red),
            })
            .collect();
        operations
            .sort_by(|a, b| (b.red.requests, &a.operation).cmp(&(a.red.requests, &b.operation)));
        // Names that come once do not hold a place for ever.
        if self.operations.len() >= OPERATIONS_PER_SERVICE_MAX - 1 {
            self.operations.clear();
        }
        let kept_ns = INSTANCE_KEPT_SECS * 1_000_000_000;
        self.instances.retain(|(_, heard)| now_ns.saturating_sub(*heard) <= kept_ns || *heard == 0);
        let mut instances = Vec::new();
        for (instance, _) in &mut self.instances {
            instances.push(instance.clone());
            (instance.requests, instance.errors) = (0, 0);
        }
        let mut error_logs = std::mem::take(&mut self.error_logs);
        error_logs.sort_by(|a, b| (b.count, &a.template).cmp(&(a.count, &b.template)));
        self.active = false;
        ServiceSample {
            service: name.to_owned(),
            total: std::mem::take(&mut self.total),
            passed_on_errors: std::mem::take(&mut self.passed_on_errors),
            operations,
            instances,
            exemplars: std::mem::take(&mut self.exemplars),
            error_logs,
            metrics: std::mem::take(&mut self.metrics),
        }
    }
}
