//! OTLP in protobuf: only the fields that are counted are read (opentelemetry-proto 1.x, field numbers
//! of `trace.proto`, `metrics.proto`, `logs.proto`); the rest is stepped over.

use hale_model::traffic::{Metric, MetricKind, Resource, Span, SpanKind};

use super::histogram::{self, Shape};
use super::sink::{ATTRIBUTES_READ_MAX, Sink, finish_logs, is_error_word};
use super::wire::{Field, Reader, Value, WireError};

/// Spans handed over at once.
const CHUNK_SPANS: usize = 256;

type Result<T> = std::result::Result<T, WireError>;

/// Reads an `ExportTraceServiceRequest`.
pub(super) fn traces<'a>(message: &'a [u8], sink: &mut impl Sink<'a>) -> Result<()> {
    let mut spans: Vec<Span<'a>> = Vec::new();
    each(message, 1, |resource_spans| {
        let resource = resource_of(resource_spans)?;
        spans.clear();
        each(resource_spans, 2, |scope| {
            each(scope, 2, |bytes| {
                spans.push(span(bytes)?);
                if spans.len() >= CHUNK_SPANS {
                    sink.spans(&resource, &spans);
                    spans.clear();
                }
                Ok(())
            })
        })?;
        sink.spans(&resource, &spans);
        Ok(())
    })
}

/// Reads an `ExportMetricsServiceRequest`.
pub(super) fn metrics<'a>(message: &'a [u8], sink: &mut impl Sink<'a>) -> Result<()> {
    each(message, 1, |resource_metrics| {
        let resource = resource_of(resource_metrics)?;
        let mut metrics = Vec::new();
        each(resource_metrics, 2, |scope| {
            each(scope, 2, |bytes| {
                metrics.extend(metric(bytes)?);
                if metrics.len() >= CHUNK_SPANS {
                    sink.metrics(&resource, &metrics);
                    metrics.clear();
                }
                Ok(())
            })
        })?;
        sink.metrics(&resource, &metrics);
        Ok(())
    })
}

/// Reads an `ExportLogsServiceRequest`.
pub(super) fn logs<'a>(message: &'a [u8], sink: &mut impl Sink<'a>) -> Result<()> {
    each(message, 1, |resource_logs| {
        let resource = resource_of(resource_logs)?;
        let (mut records, mut errors) = (0, Vec::new());
        each(resource_logs, 2, |scope| {
            each(scope, 2, |bytes| {
                records += 1;
                errors.extend(error_message(bytes)?);
                finish_logs(&resource, &mut records, &mut errors, sink, CHUNK_SPANS);
                Ok(())
            })
        })?;
        finish_logs(&resource, &mut records, &mut errors, sink, 0);
        Ok(())
    })
}

/// Calls for every embedded message of this field.
pub(super) fn each<'a>(
    message: &'a [u8],
    number: u32,
    mut then: impl FnMut(&'a [u8]) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next()? {
        if field.number == number {
            then(field.message()?)?;
        }
    }
    Ok(())
}

/// The resource may stand behind what it describes.
fn resource_of(message: &[u8]) -> Result<Resource<'_>> {
    let mut resource = Resource::default();
    each(message, 1, |bytes| {
        let mut read = 0;
        each(bytes, 1, |attribute| {
            read += 1;
            if read <= ATTRIBUTES_READ_MAX {
                let (key, value) = key_value(attribute)?;
                value.put_into_resource(key, &mut resource);
            }
            Ok(())
        })
    })?;
    Ok(resource)
}

/// A value of an attribute, as far as any is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Any<'a> {
    Text(&'a str),
    Whole(i64),
    Other,
}

impl<'a> Any<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Any::Text(text) => text,
            Any::Whole(_) | Any::Other => "",
        }
    }

    /// A whole number; some senders write it as text.
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Any::Whole(n) => Some(n),
            Any::Text(text) => text.parse().ok(),
            Any::Other => None,
        }
    }

    pub(super) fn put_into_resource(self, key: &str, resource: &mut Resource<'a>) {
        let place = match key {
            "service.name" => &mut resource.service,
            "service.instance.id" => &mut resource.instance_id,
            "service.version" => &mut resource.version,
            "container.id" => &mut resource.container_id,
            "process.executable.name" => &mut resource.program,
            "host.name" => &mut resource.host,
            "k8s.namespace.name" => &mut resource.namespace,
            "k8s.deployment.name" => &mut resource.deployment,
            "process.pid" => {
                let pid = self.whole().and_then(|n| i32::try_from(n).ok());
                resource.pid = pid.unwrap_or(0);
                return;
            }
            _ => return,
        };
        *place = self.text();
    }

    /// Old and new names of the semantic conventions.
    pub(super) fn put_into_span(self, key: &str, span: &mut Span<'a>) {
        let number = || self.whole().and_then(|n| u16::try_from(n).ok());
        let place = match key {
            "http.route" => &mut span.route,
            "http.request.method" | "http.method" => &mut span.method,
            "peer.service" | "service.peer.name" => &mut span.peer,
            "db.system.name" | "db.system" => &mut span.db_system,
            "db.namespace" | "db.name" => &mut span.db_namespace,
            "messaging.system" => &mut span.messaging,
            "messaging.destination.name" | "messaging.destination" => &mut span.destination,
            "server.address" | "net.peer.name" => &mut span.address,
            "http.response.status_code" | "http.status_code" => {
                span.http_status = number().unwrap_or(0);
                return;
            }
            "rpc.grpc.status_code" => {
                span.grpc_status = number();
                return;
            }
            "server.port" | "net.peer.port" => {
                span.port = number().unwrap_or(0);
                return;
            }
            // Attributes come in any order: a message counts for more than a type wherever it stands.
            "exception.message" | "error.message" => {
                span.note_exception(self.text(), "");
                return;
            }
            "exception.type" | "error.type" => {
                span.note_exception("", self.text());
                return;
            }
            _ => return,
        };
        *place = self.text();
    }
}

fn key_value(bytes: &[u8]) -> Result<(&str, Any<'_>)> {
    let (mut key, mut value) = ("", Any::Other);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = any(field.message()?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn any(bytes: &[u8]) -> Result<Any<'_>> {
    let mut value = Any::Other;
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        value = match field.number {
            1 => Any::Text(field.text()?),
            3 => Any::Whole(field.varint()?.cast_signed()),
            _ => Any::Other,
        };
    }
    Ok(value)
}

fn id<const N: usize>(field: &Field<'_>) -> Result<[u8; N]> {
    // An id of another length is none: the span is rejected, not the request.
    Ok(field.message()?.try_into().unwrap_or([0; N]))
}

fn span(bytes: &[u8]) -> Result<Span<'_>> {
    let mut span = Span::default();
    let (mut read, mut status_message) = (0, "");
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => span.trace_id = id(&field)?,
            2 => span.span_id = u64::from_be_bytes(id(&field)?),
            4 => span.parent_id = u64::from_be_bytes(id(&field)?),
            5 => span.name = field.text()?,
            6 => span.kind = kind(field.varint()?),
            7 => span.start_ns = field.fixed64()?,
            8 => span.end_ns = field.fixed64()?,
            9 => {
                read += 1;
                if read <= ATTRIBUTES_READ_MAX {
                    let (key, value) = key_value(field.message()?)?;
                    value.put_into_span(key, &mut span);
                }
            }
            11 => {
                read += 1;
                if read <= ATTRIBUTES_READ_MAX {
                    event(field.message()?, &mut span)?;
                }
            }
            15 => (span.status_error, status_message) = status(field.message()?)?,
            _ => {}
        }
    }
    if !status_message.is_empty() {
        span.message = status_message;
    }
    Ok(span)
}

pub(super) fn kind(number: u64) -> SpanKind {
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// Of events only exceptions are of interest.
fn event<'a>(bytes: &'a [u8], span: &mut Span<'a>) -> Result<()> {
    let mut exception = Span::default();
    let mut name = "";
    let mut read = 0;
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            2 => name = field.text()?,
            3 => {
                read += 1;
                if read <= ATTRIBUTES_READ_MAX {
                    let (key, value) = key_value(field.message()?)?;
                    value.put_into_span(key, &mut exception);
                }
            }
            _ => {}
        }
    }
    if name == "exception" {
        span.note_exception(exception.message, exception.error_type);
    }
    Ok(())
}

fn status(bytes: &[u8]) -> Result<(bool, &str)> {
    let (mut error, mut message) = (false, "");
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            2 => message = field.text()?,
            3 => error = field.varint()? == 2,
            _ => {}
        }
    }
    Ok((error, message))
}

/// One metric with its points put together; none where it has no point.
fn metric(bytes: &[u8]) -> Result<Option<Metric<'_>>> {
    let mut metric = Metric::default();
    let mut points = Points::default();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => metric.name = field.text()?,
            3 => metric.unit = field.text()?,
            5 | 7 => {
                metric.kind = if field.number == 5 { MetricKind::Gauge } else { MetricKind::Sum };
                each(field.message()?, 1, |point| {
                    points.add(number_point(point)?);
                    Ok(())
                })?;
            }
            9..=11 => {
                metric.kind = MetricKind::Histogram;
                let shape = match field.number {
                    9 => Shape::Explicit,
                    10 => Shape::Exponential,
                    _ => Shape::Summary,
                };
                let told = metric.distribution.get_or_insert_default();
                let point = |count, sum| points.distribution(count, sum);
                histogram::read(field.message()?, shape, told, point)?;
            }
            _ => {}
        }
    }
    Ok(points.put_into(metric))
}

/// Points of one metric, put together.
#[derive(Default)]
pub(super) struct Points {
    points: u64,
    sum: f64,
    count: f64,
}

impl Points {
    pub(super) fn add(&mut self, value: Option<f64>) {
        self.points += 1;
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.sum += value;
            self.count += 1.0;
        }
    }

    pub(super) fn distribution(&mut self, count: u64, sum: f64) {
        self.points += 1;
        if sum.is_finite() {
            self.sum += sum;
            self.count += count as f64;
        }
    }

    pub(super) fn put_into<'a>(&self, metric: Metric<'a>) -> Option<Metric<'a>> {
        if self.points == 0 || metric.name.is_empty() {
            return None;
        }
        let mean = if self.count > 0.0 { self.sum / self.count } else { f64::NAN };
        let value = if metric.kind == MetricKind::Sum { self.sum } else { mean };
        Some(Metric { value, points: self.points, ..metric })
    }
}

fn number_point(bytes: &[u8]) -> Result<Option<f64>> {
    let mut value = None;
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match (field.number, field.value) {
            (4, _) => value = Some(field.double()?),
            (6, _) => value = Some(field.fixed64()?.cast_signed() as f64),
            // FLAG_NO_RECORDED_VALUE
            (8, Value::Varint(flags)) if flags & 1 == 1 => value = None,
            _ => {}
        }
    }
    Ok(value)
}

/// The message of a log record that is an error; none for the others.
fn error_message(bytes: &[u8]) -> Result<Option<&str>> {
    let (mut severity, mut word, mut body, mut exception) = (0, "", Any::Other, Span::default());
    let mut read = 0;
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            2 => severity = field.varint()?,
            3 => word = field.text()?,
            5 => body = any(field.message()?)?,
            6 => {
                read += 1;
                if read <= ATTRIBUTES_READ_MAX {
                    let (key, value) = key_value(field.message()?)?;
                    value.put_into_span(key, &mut exception);
                }
            }
            _ => {}
        }
    }
    let error = severity >= 17 || (severity == 0 && is_error_word(word));
    let text = if body.text().is_empty() { exception.failure() } else { body.text() };
    Ok(error.then_some(text))
}
