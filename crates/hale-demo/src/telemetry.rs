//! OpenTelemetry: what a service does as traces, metrics and logs, sent by OTLP over HTTP.
//!
//! The exporters have threads of their own with a blocking client, so that they must be made outside
//! the runtime. What the receiver does not take is dropped by the SDK: telemetry never slows a sale.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::{Histogram, MeterProvider as _};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{
    SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider};

use crate::proc::anonymous_bytes;
use crate::server::RoleError;
use crate::{Role, RoleSettings, TargetKind};

/// The name of what measures.
const SCOPE: &str = "marketplace";
/// Spans and log lines wait this long for company, times how far the service is from the end of the path:
/// whoever is asked tells first, so that a receiver sees a cause before its effects.
const BATCH_DELAY: Duration = Duration::from_millis(150);
/// Between two exports of the metrics.
const METRICS_INTERVAL: Duration = Duration::from_secs(2);
/// Upper bounds of the buckets of durations.
const DURATION_BOUNDS_SECS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// A receiver that takes longer is not waited for.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);
/// Log lines remembered for a webhook.
const LINES_MAX: usize = 20;

/// Where a service tells what it does.
pub struct Telemetry {
    tracer: SdkTracer,
    logger: SdkLogger,
    durations: Histogram<f64>,
    propagator: TraceContextPropagator,
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metrics: SdkMeterProvider,
    lines: Mutex<VecDeque<String>>,
}

impl Telemetry {
    /// For this service. `otlp`: the receiver's base address.
    ///
    /// # Errors
    /// The address is no address, or the client cannot be made.
    pub fn start(settings: &RoleSettings) -> Result<Telemetry, RoleError> {
        let (role, otlp) = (settings.role, settings.otlp.as_deref());
        let in_container = settings.target_kind == TargetKind::Container;
        let container = in_container.then(container_id).flatten();
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", role.as_str()),
                KeyValue::new("service.namespace", "marketplace"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("process.pid", i64::from(std::process::id())),
            ])
            .with_attributes(container.map(|id| KeyValue::new("container.id", id)))
            .build();
        let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut logs = SdkLoggerProvider::builder().with_resource(resource.clone());
        let mut metrics = SdkMeterProvider::builder().with_resource(resource);
        if let Some(base) = otlp {
            let exporters = Exporters::to(base)?;
            let delay = BATCH_DELAY * distance(role);
            let batch = opentelemetry_sdk::trace::BatchConfigBuilder::default()
                .with_scheduled_delay(delay)
                .build();
            traces = traces.with_span_processor(
                BatchSpanProcessor::builder(exporters.spans).with_batch_config(batch).build(),
            );
            let batch = opentelemetry_sdk::logs::BatchConfigBuilder::default()
                .with_scheduled_delay(delay)
                .build();
            logs = logs.with_log_processor(
                BatchLogProcessor::builder(exporters.logs).with_batch_config(batch).build(),
            );
            metrics = metrics.with_reader(
                PeriodicReader::builder(exporters.metrics).with_interval(METRICS_INTERVAL).build(),
            );
        }
        let (traces, logs, metrics) = (traces.build(), logs.build(), metrics.build());
        let meter = metrics.meter(SCOPE);
        let durations = meter
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("Time from a request to its answer.")
            // As the semantic conventions advise: the SDK's own buckets are made for milliseconds.
            .with_boundaries(DURATION_BOUNDS_SECS.to_vec())
            .build();
        // The SDK keeps the callback as long as the meter's provider lives.
        let _ = meter
            .u64_observable_gauge("process.memory.anonymous")
            .with_unit("By")
            .with_description("Anonymous memory of the process.")
            .with_callback(|gauge| gauge.observe(anonymous_bytes(), &[]))
            .build();
        Ok(Telemetry {
            tracer: traces.tracer(SCOPE),
            logger: logs.logger(SCOPE),
            durations,
            propagator: TraceContextPropagator::new(),
            traces,
            logs,
            metrics,
            lines: Mutex::default(),
        })
    }

    /// A span for a request from outside, which goes on with the caller's trace.
    pub fn server_span(
        &self,
        headers: &HeaderMap,
        method: &str,
        route: &str,
        path: &str,
    ) -> Context {
        let caller = self.propagator.extract(&Headers(headers));
        let span = self
            .tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_owned()),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("url.path", path.to_owned()),
            ])
            .start_with_context(&self.tracer, &caller);
        caller.with_span(span)
    }

    /// Ends it, and counts the request.
    pub fn answered(&self, span: &Context, method: &str, route: &str, status: u16, took: Duration) {
        let attributes = [
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        self.durations.record(took.as_secs_f64(), &attributes);
        let [_, _, status_code] = attributes;
        span.span().set_attribute(status_code);
        if status >= 500 {
            span.span().set_status(Status::error(format!("status {status}")));
        }
        span.span().end();
    }

    /// A span for a part of the work, in whatever is done now.
    pub fn part(&self, name: &'static str, kind: SpanKind, attributes: Vec<KeyValue>) -> Context {
        let now = Context::current();
        let span = self
            .tracer
            .span_builder(name)
            .with_kind(kind)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &now);
        now.with_span(span)
    }

    /// Ends a part; the words say what went wrong.
    pub fn ended(span: &Context, error: Option<String>) {
        if let Some(error) = error {
            span.span().set_status(Status::error(error));
        }
        span.span().end();
    }

    /// Writes the trace that a call belongs to into its headers.
    pub fn inject(&self, span: &Context, headers: &mut HeaderMap) {
        self.propagator.inject_context(span, &mut HeadersMut(headers));
    }

    /// One line of the log: to standard error, and with the trace it belongs to by OTLP.
    pub fn log(&self, severity: Severity, text: &str) {
        let name = severity.name();
        // Whoever reads it may be gone; that is no reason to fail a customer.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("{name} {text}\n").as_bytes(),
        );
        {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(format!("{name} {text}"));
        }
        let mut record = self.logger.create_log_record();
        record.set_severity_number(severity);
        record.set_severity_text(name);
        record.set_body(AnyValue::from(text.to_owned()));
        self.logger.emit(record);
    }

    /// The last lines of the log, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Sends what waits. Blocks: not for the runtime's threads.
    pub fn shutdown(&self) {
        // A receiver that is gone takes nothing: the service ends all the same.
        let _ = self.traces.shutdown_with_timeout(EXPORT_TIMEOUT);
        let _ = self.logs.shutdown_with_timeout(EXPORT_TIMEOUT);
        let _ = self.metrics.shutdown_with_timeout(EXPORT_TIMEOUT);
    }
}

/// The id of the container that this runs in, as resource detectors find it: engines mount files of theirs
/// (`/etc/hosts`, say) out of a directory of that name.
fn container_id() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit());
    mounts
        .lines()
        .filter_map(|line| line.split_once("/containers/"))
        .find_map(|(_, rest)| rest.split('/').next().filter(is_id))
        .map(str::to_owned)
}

/// Services on the longest way from here to the end of a path, this one included.
fn distance(role: Role) -> u32 {
    match role {
        Role::Catalog => 1,
        Role::Quote => 2,
        Role::Policy => 3,
        Role::Gateway => 5,
    }
}

struct Exporters {
    spans: SpanExporter,
    logs: LogExporter,
    metrics: MetricExporter,
}

impl Exporters {
    fn to(base: &str) -> Result<Exporters, RoleError> {
        let failed = |what: &dyn std::fmt::Display| RoleError::Telemetry {
            address: base.to_owned(),
            why: what.to_string(),
        };
        // What it measures stays on this machine: never through a proxy.
        let client = reqwest::blocking::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|error| failed(&error))?;
        let at = |signal: &str| format!("{}/v1/{signal}", base.trim_end_matches('/'));
        Ok(Exporters {
            spans: SpanExporter::builder()
                .with_http()
                .with_http_client(client.clone())
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(at("traces"))
                .build()
                .map_err(|error| failed(&error))?,
            logs: LogExporter::builder()
                .with_http()
                .with_http_client(client.clone())
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(at("logs"))
                .build()
                .map_err(|error| failed(&error))?,
            metrics: MetricExporter::builder()
                .with_http()
                .with_http_client(client)
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(at("metrics"))
                .build()
                .map_err(|error| failed(&error))?,
        })
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = axum::http::HeaderName::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            self.0.insert(name, value);
        }
    }
}
