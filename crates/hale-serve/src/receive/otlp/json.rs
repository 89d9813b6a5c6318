//! OTLP in JSON: ids are hexadecimal, 64-bit numbers may be text, names are in camelCase
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>). What is not counted is not kept.

use std::borrow::Cow;
use std::fmt;

use hale_model::traffic::{Distribution, Metric, MetricKind, Resource, Span, SpanKind};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

use super::histogram::CUMULATIVE;
use super::protobuf::{Any, Points, kind};
use super::sink::{ATTRIBUTES_READ_MAX, Sink, finish_logs, is_error_word};

/// Records handed over at once.
const CHUNK_RECORDS: usize = 256;

type Text<'a> = Option<Cow<'a, str>>;

fn as_text<'x>(text: &'x Text<'_>) -> &'x str {
    text.as_deref().unwrap_or_default()
}

fn list<T>(items: &Option<Vec<T>>) -> &[T] {
    items.as_deref().unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Traces<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<ResourceSpans<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    resource: Option<ResourceText<'a>>,
    #[serde(borrow)]
    scope_spans: Option<Vec<ScopeSpans<'a>>>,
}

#[derive(Deserialize)]
struct ResourceText<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow)]
    spans: Option<Vec<SpanText<'a>>>,
}

#[derive(Deserialize)]
struct KeyValue<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Option<AnyText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyText<'a> {
    #[serde(borrow)]
    string_value: Text<'a>,
    int_value: Option<Number>,
    #[serde(rename = "arrayValue")]
    _array: Option<IgnoredAny>,
    #[serde(rename = "kvlistValue")]
    _list: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanText<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    span_id: Text<'a>,
    #[serde(borrow)]
    parent_span_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    kind: Option<Number>,
    start_time_unix_nano: Option<Number>,
    end_time_unix_nano: Option<Number>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(borrow)]
    events: Option<Vec<EventText<'a>>>,
    #[serde(borrow)]
    status: Option<StatusText<'a>>,
}

#[derive(Deserialize)]
struct EventText<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct StatusText<'a> {
    #[serde(borrow)]
    message: Text<'a>,
    code: Option<Number>,
}

/// A number, a number as text, or the name of a constant.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i128),
    Float(f64),
    Named(u64),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a number as text")
    }

    fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
        Ok(Number::Whole(i128::from(n)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
        Ok(Number::Whole(i128::from(n)))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Number, E> {
        Ok(Number::Float(n))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
        // The constants that decide something; the specification wants their numbers.
        let named = match text {
            "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => {
                Some(2)
            }
            "SPAN_KIND_CLIENT" => Some(3),
            "SPAN_KIND_PRODUCER" => Some(4),
            "SPAN_KIND_CONSUMER" => Some(5),
            "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" | "AGGREGATION_TEMPORALITY_DELTA" => Some(1),
            "SPAN_KIND_UNSPECIFIED" | "STATUS_CODE_UNSET" => Some(0),
            _ if text.starts_with("SEVERITY_NUMBER_ERROR") => Some(17),
            _ if text.starts_with("SEVERITY_NUMBER_FATAL") => Some(21),
            _ if text.starts_with("SEVERITY_NUMBER_") => Some(9),
            _ => None,
        };
        if let Some(number) = named {
            return Ok(Number::Named(number));
        }
        if let Ok(whole) = text.parse() {
            return Ok(Number::Whole(whole));
        }
        let float = text.parse().map(Number::Float);
        float.map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl Number {
    fn whole(self) -> i128 {
        match self {
            Number::Whole(n) => n,
            Number::Named(n) => i128::from(n),
            Number::Float(_) => 0,
        }
    }

    /// What is beyond 32 bits is out of any range that is meant.
    fn small(self) -> i32 {
        i32::try_from(self.whole()).unwrap_or(i32::MAX)
    }

    fn unsigned(self) -> u64 {
        u64::try_from(self.whole()).unwrap_or(0)
    }

    fn float(self) -> f64 {
        match self {
            Number::Whole(n) => n as f64,
            Number::Named(n) => n as f64,
            Number::Float(n) => n,
        }
    }
}

fn unsigned(number: Option<Number>) -> u64 {
    number.map_or(0, Number::unsigned)
}

fn read_attributes<'x>(
    attributes: &'x Option<Vec<KeyValue<'_>>>,
    mut then: impl FnMut(&'x str, Any<'x>),
) {
    for attribute in list(attributes).iter().take(ATTRIBUTES_READ_MAX) {
        let Some(value) = &attribute.value else { continue };
        let any = match (&value.string_value, value.int_value) {
            (Some(text), _) => Any::Text(text),
            (None, Some(number)) => i64::try_from(number.whole()).map_or(Any::Other, Any::Whole),
            (None, None) => Any::Other,
        };
        then(as_text(&attribute.key), any);
    }
}

fn resource_of<'x>(text: &'x Option<ResourceText<'_>>) -> Resource<'x> {
    let mut resource = Resource::default();
    if let Some(text) = text {
        read_attributes(&text.attributes, |key, value| value.put_into_resource(key, &mut resource));
    }
    resource
}

/// Hexadecimal digits as bytes; all zero, which is no id, where they are none.
fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return bytes;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| pair.get(at).and_then(|d| char::from(*d).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => *byte = u8::try_from(16 * high + low).unwrap_or(0),
            _ => return [0; N],
        }
    }
    bytes
}

impl Traces<'_> {
    pub(super) fn tell<'x>(&'x self, sink: &mut impl Sink<'x>) {
        for resource_spans in list(&self.resource_spans) {
            let resource = resource_of(&resource_spans.resource);
            let scopes = list(&resource_spans.scope_spans).iter();
            let spans: Vec<Span<'x>> =
                scopes.flat_map(|s| list(&s.spans)).map(SpanText::span).collect();
            sink.spans(&resource, &spans);
        }
    }
}

impl SpanText<'_> {
    fn span(&self) -> Span<'_> {
        let mut span = Span {
            trace_id: hex(as_text(&self.trace_id)),
            span_id: u64::from_be_bytes(hex(as_text(&self.span_id))),
            parent_id: u64::from_be_bytes(hex(as_text(&self.parent_span_id))),
            name: as_text(&self.name),
            kind: self.kind.map_or(SpanKind::Internal, |n| kind(n.unsigned())),
            start_ns: unsigned(self.start_time_unix_nano),
            end_ns: unsigned(self.end_time_unix_nano),
            ..Span::default()
        };
        read_attributes(&self.attributes, |key, value| value.put_into_span(key, &mut span));
        for event in list(&self.events).iter().take(ATTRIBUTES_READ_MAX) {
            if as_text(&event.name) == "exception" {
                let mut exception = Span::default();
                read_attributes(&event.attributes, |key, value| {
                    value.put_into_span(key, &mut exception);
                });
                span.note_exception(exception.message, exception.error_type);
            }
        }
        if let Some(status) = &self.status {
            span.status_error = unsigned(status.code) == 2;
            if !as_text(&status.message).is_empty() {
                span.message = as_text(&status.message);
            }
        }
        span
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics<'a> {
    #[serde(borrow)]
    resource_metrics: Option<Vec<ResourceMetrics<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceMetrics<'a> {
    #[serde(borrow)]
    resource: Option<ResourceText<'a>>,
    #[serde(borrow)]
    scope_metrics: Option<Vec<ScopeMetrics<'a>>>,
}

#[derive(Deserialize)]
struct ScopeMetrics<'a> {
    #[serde(borrow)]
    metrics: Option<Vec<MetricText<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricText<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    unit: Text<'a>,
    gauge: Option<PointsText>,
    sum: Option<PointsText>,
    histogram: Option<PointsText>,
    exponential_histogram: Option<PointsText>,
    summary: Option<PointsText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PointsText {
    data_points: Option<Vec<PointText>>,
    aggregation_temporality: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PointText {
    as_int: Option<Number>,
    as_double: Option<Number>,
    count: Option<Number>,
    sum: Option<Number>,
    flags: Option<Number>,
    bucket_counts: Option<Vec<Number>>,
    explicit_bounds: Option<Vec<Number>>,
    scale: Option<Number>,
    zero_count: Option<Number>,
    positive: Option<BucketsText>,
    negative: Option<BucketsText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BucketsText {
    offset: Option<Number>,
    bucket_counts: Option<Vec<Number>>,
}

impl PointText {
    /// Its buckets, of whichever kind it has.
    fn put_into(&self, distribution: &mut Distribution) {
        let counts = |text: &Option<Vec<Number>>| -> Vec<u64> {
            list(text).iter().map(|n| n.unsigned()).collect()
        };
        let bounds: Vec<f64> = list(&self.explicit_bounds).iter().map(|n| n.float()).collect();
        distribution.explicit(&bounds, &counts(&self.bucket_counts));
        let scale = self.scale.map_or(0, Number::small);
        for (side, negative) in [(&self.positive, false), (&self.negative, true)] {
            let Some(side) = side else { continue };
            let offset = side.offset.map_or(0, Number::small);
            distribution.exponential(scale, offset, &counts(&side.bucket_counts), negative);
        }
        distribution.zeros(unsigned(self.zero_count));
        distribution.sum(self.sum.map_or(0.0, Number::float));
    }
}

impl Metrics<'_> {
    pub(super) fn tell<'x>(&'x self, sink: &mut impl Sink<'x>) {
        for resource_metrics in list(&self.resource_metrics) {
            let resource = resource_of(&resource_metrics.resource);
            let scopes = list(&resource_metrics.scope_metrics).iter();
            let metrics: Vec<Metric<'x>> =
                scopes.flat_map(|s| list(&s.metrics)).filter_map(MetricText::metric).collect();
            sink.metrics(&resource, &metrics);
        }
    }
}

impl MetricText<'_> {
    fn metric(&self) -> Option<Metric<'_>> {
        let distribution = self
            .histogram
            .as_ref()
            .or(self.exponential_histogram.as_ref())
            .or(self.summary.as_ref());
        let (kind, text) = match (&self.gauge, &self.sum, distribution) {
            (Some(points), _, _) => (MetricKind::Gauge, points),
            (None, Some(points), _) => (MetricKind::Sum, points),
            (None, None, Some(points)) => (MetricKind::Histogram, points),
            (None, None, None) => return None,
        };
        let mut points = Points::default();
        let cumulative = unsigned(text.aggregation_temporality) == CUMULATIVE;
        let mut distribution = Distribution::new(cumulative);
        for point in list(&text.data_points) {
            if kind == MetricKind::Histogram {
                point.put_into(&mut distribution);
                points.distribution(unsigned(point.count), point.sum.map_or(0.0, Number::float));
            } else {
                let recorded = unsigned(point.flags) & 1 == 0;
                let value = point.as_int.or(point.as_double).filter(|_| recorded);
                points.add(value.map(Number::float));
            }
        }
        points.put_into(Metric {
            name: as_text(&self.name),
            unit: as_text(&self.unit),
            kind,
            distribution: (kind == MetricKind::Histogram).then_some(distribution),
            ..Metric::default()
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logs<'a> {
    #[serde(borrow)]
    resource_logs: Option<Vec<ResourceLogs<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Option<ResourceText<'a>>,
    #[serde(borrow)]
    scope_logs: Option<Vec<ScopeLogs<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    log_records: Option<Vec<RecordText<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordText<'a> {
    severity_number: Option<Number>,
    #[serde(borrow)]
    severity_text: Text<'a>,
    #[serde(borrow)]
    body: Option<AnyText<'a>>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

impl Logs<'_> {
    pub(super) fn tell<'x>(&'x self, sink: &mut impl Sink<'x>) {
        for resource_logs in list(&self.resource_logs) {
            let resource = resource_of(&resource_logs.resource);
            let (mut records, mut errors) = (0, Vec::new());
            for record in list(&resource_logs.scope_logs).iter().flat_map(|s| list(&s.log_records))
            {
                records += 1;
                errors.extend(record.error());
                finish_logs(&resource, &mut records, &mut errors, sink, CHUNK_RECORDS);
            }
            finish_logs(&resource, &mut records, &mut errors, sink, 0);
        }
    }
}

impl RecordText<'_> {
    fn error(&self) -> Option<&str> {
        let severity = unsigned(self.severity_number);
        let error =
            severity >= 17 || (severity == 0 && is_error_word(as_text(&self.severity_text)));
        if !error {
            return None;
        }
        let body = self.body.as_ref().map_or("", |b| as_text(&b.string_value));
        let mut exception = Span::default();
        read_attributes(&self.attributes, |key, value| value.put_into_span(key, &mut exception));
        Some(if body.is_empty() { exception.failure() } else { body })
    }
}
