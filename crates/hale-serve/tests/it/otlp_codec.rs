//! hale's own reader of OTLP against the protocol's published types: what `prost` writes of any message is
//! counted as the message says. The reader knows only the fields that are counted, so that everything else
//! is here to be stepped over.

use hale_model::traffic::{TrafficBook, TrafficSample};
use hale_serve::decode_for_fuzzing;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;

const TRACES: u8 = 0;
const METRICS: u8 = 1;
const LOGS: u8 = 2;
const METRICS_IN_JSON: u8 = 4;
const SERVER: i32 = 2;
const CONSUMER: i32 = 5;
const STATUS_ERROR: i32 = 2;
const SEVERITY_ERROR: i32 = 17;

fn read(kind: u8, body: &[u8]) -> TrafficSample {
    let book = TrafficBook::default();
    decode_for_fuzzing(&book, kind, body);
    book.drain(1_000_000_000)
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// Values of every kind, lists within lists too.
fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        "\\PC{0,12}".prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<f64>().prop_map(Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(3, 12, 4, |inner| {
        let values = prop::collection::vec(inner, 0..4);
        prop_oneof![
            values.clone().prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            values.prop_map(|values| {
                let values = values.into_iter().map(|v| attribute("k", v)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

/// Attributes that are not counted, under names that mean nothing to the reader.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec(("x\\.[a-z.]{0,8}", any_value()), 0..5)
        .prop_map(|all| all.into_iter().map(|(key, value)| attribute(&key, value)).collect())
}

fn resource() -> impl Strategy<Value = Resource> {
    (prop::sample::select(vec!["shop", "quotes", "stock"]), attributes(), any::<u32>()).prop_map(
        |(service, mut attributes, dropped)| {
            attributes.push(attribute("service.name", text(service)));
            Resource { attributes, dropped_attributes_count: dropped, ..Resource::default() }
        },
    )
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    prop::option::of(("[a-z]{0,8}", attributes()).prop_map(|(name, attributes)| {
        InstrumentationScope { name, attributes, ..InstrumentationScope::default() }
    }))
}

type Scope = (Option<InstrumentationScope>, Vec<Span>);

/// An id of the right length, one that is all zero, or one of another length.
fn id(bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(1_u8.., bytes),
        1 => Just(vec![0; bytes]),
        1 => prop::collection::vec(any::<u8>(), 0..bytes),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]);
    let times = (0..u64::MAX / 2, 0..10_000_000_000_u64);
    let status = prop::option::of((0..3_i32, "[a-z ]{0,9}"));
    let events = prop::collection::vec(("[a-z]{0,9}", attributes()), 0..3);
    let rest = (attributes(), events, status, "[a-z=,]{0,9}", any::<u32>());
    (ids, "[A-Z]{3} /[a-z]{0,9}", 0..6_i32, times, rest).prop_map(
        |((trace_id, span_id, parent_span_id), name, kind, (start, took), rest)| {
            let (attributes, events, status, trace_state, flags) = rest;
            let event = |(name, attributes)| Event { name, attributes, ..Event::default() };
            Span {
                links: vec![Link { trace_id: trace_id.clone(), flags, ..Link::default() }],
                trace_id,
                span_id,
                parent_span_id,
                trace_state,
                flags,
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: start + took,
                attributes,
                events: events.into_iter().map(event).collect(),
                status: status.map(|(code, message)| Status { code, message }),
                dropped_attributes_count: flags,
                ..Span::default()
            }
        },
    )
}

fn is_valid(span: &Span) -> bool {
    let whole = |id: &[u8], bytes: usize| id.len() == bytes && id.iter().any(|b| *b != 0);
    whole(&span.trace_id, 16) && whole(&span.span_id, 8)
}

fn counts(of: &TrafficSample) -> Vec<(String, u64, u64)> {
    let counted = of.services.iter().filter(|s| s.total.requests > 0);
    counted.map(|s| (s.service.clone(), s.total.requests, s.total.errors)).collect()
}

fn name_of(resource: Option<&Resource>) -> &str {
    let mut all = resource.into_iter().flat_map(|r| &r.attributes);
    let named = all.rfind(|a| a.key == "service.name");
    match named.and_then(|a| a.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => "unknown_service",
    }
}

fn expected(request: &ExportTraceServiceRequest) -> Vec<(String, u64, u64)> {
    let mut expected = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for of in &request.resource_spans {
        let service = name_of(of.resource.as_ref());
        let spans = of.scope_spans.iter().flat_map(|scope| &scope.spans);
        for span in spans.filter(|s| is_valid(s) && [SERVER, CONSUMER].contains(&s.kind)) {
            let failed = span.status.as_ref().is_some_and(|s| s.code == STATUS_ERROR);
            let counts = expected.entry(service.to_owned()).or_default();
            counts.0 += 1;
            counts.1 += u64::from(failed);
        }
    }
    expected.into_iter().map(|(service, (all, failed))| (service, all, failed)).collect()
}

/// A metric of one point, as protobuf; `temporality` 1 is delta, 2 cumulative.
fn histogram_message(temporality: i32, counts: &[u64], packed: bool) -> Vec<u8> {
    let data = if packed {
        Data::Histogram(Histogram {
            aggregation_temporality: temporality,
            data_points: vec![HistogramDataPoint {
                count: counts.iter().sum(),
                sum: Some(10.0 * counts.iter().sum::<u64>() as f64),
                bucket_counts: counts.to_vec(),
                explicit_bounds: vec![10.0, 20.0],
                ..HistogramDataPoint::default()
            }],
        })
    } else {
        Data::ExponentialHistogram(ExponentialHistogram {
            aggregation_temporality: temporality,
            data_points: vec![ExponentialHistogramDataPoint {
                count: counts.iter().sum(),
                sum: Some(10.0 * counts.iter().sum::<u64>() as f64),
                scale: -1,
                positive: Some(Buckets { offset: -1, bucket_counts: counts.to_vec() }),
                ..ExponentialHistogramDataPoint::default()
            }],
        })
    };
    let metric = Metric { name: "wait".to_owned(), data: Some(data), ..Metric::default() };
    let resource = Resource {
        attributes: vec![attribute("service.name", text("shop"))],
        ..Resource::default()
    };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: Some(resource), scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn quantiles(book: &TrafficBook, kind: u8, body: &[u8]) -> Option<(f64, f64, f64)> {
    decode_for_fuzzing(book, kind, body);
    let sample = book.drain(1_000_000_000);
    assert_eq!(sample.intake.refused_requests, 0);
    let metric = sample.services.first()?.metrics.first()?.clone();
    assert_eq!(metric.metric, "wait");
    let round = |value: f64| (value * 1e6).round() / 1e6;
    Some((round(metric.p50?), round(metric.p95?), round(metric.p99?)))
}

#[test]
fn buckets_become_quantiles_in_both_shapes_and_both_encodings() {
    let delta = |counts: &[u64], packed| {
        quantiles(&TrafficBook::default(), METRICS, &histogram_message(1, counts, packed))
    };
    // (-∞, 10], (10, 20], (20, ∞)
    assert_eq!(delta(&[50, 50, 0], true), Some((10.0, 19.0, 19.8)));
    // Scale -1 has the base 4: (0.25, 1], (1, 4], (4, 16]
    assert_eq!(delta(&[0, 100, 0], false), Some((2.5, 3.85, 3.97)));
    assert_eq!(delta(&[0, 0, 0], true), None);
    let json = |point: &str| {
        let body = format!(
            r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},
               "scopeMetrics":[{{"metrics":[{{"name":"wait",{point}}}]}}]}}]}}"#
        );
        quantiles(&TrafficBook::default(), METRICS_IN_JSON, body.as_bytes())
    };
    let explicit = r#""histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[
        {"count":"100","sum":1000,"bucketCounts":["50","50","0"],"explicitBounds":[10,20.0]}]}"#;
    assert_eq!(json(explicit), Some((10.0, 19.0, 19.8)));
    let exponential = r#""exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
        {"count":"100","sum":1000,"scale":-1,"positive":{"offset":-1,"bucketCounts":["0","100","0"]}}]}"#;
    assert_eq!(json(exponential), Some((2.5, 3.85, 3.97)));
}

#[test]
fn of_a_histogram_that_only_grows_the_new_part_is_told() {
    let book = TrafficBook::default();
    let grown = |counts: &[u64]| quantiles(&book, METRICS, &histogram_message(2, counts, true));
    assert_eq!(grown(&[100, 0, 0]), Some((5.0, 9.5, 9.9)));
    assert_eq!(grown(&[100, 100, 0]), Some((15.0, 19.5, 19.9)));
    assert_eq!(grown(&[100, 100, 0]), None, "nothing new came");
}

proptest! {
    #[test]
    fn spans_are_counted_as_the_message_says(
        resources in prop::collection::vec(
            (resource(), prop::collection::vec((scope(), prop::collection::vec(span(), 0..6)), 0..3)),
            0..4,
        ),
    ) {
        let of = |(resource, scopes): (Resource, Vec<Scope>)| {
            let scope = |(scope, spans)| ScopeSpans { scope, spans, schema_url: "u".to_owned() };
            ResourceSpans {
                resource: Some(resource),
                scope_spans: scopes.into_iter().map(scope).collect(),
                ..ResourceSpans::default()
            }
        };
        let request =
            ExportTraceServiceRequest { resource_spans: resources.into_iter().map(of).collect() };
        let told = read(TRACES, &request.encode_to_vec());
        let spans = || {
            let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
            scopes.flat_map(|scope| &scope.spans)
        };
        let valid = spans().filter(|s| is_valid(s)).count() as u64;
        prop_assert_eq!(told.intake.spans, valid);
        prop_assert_eq!(told.intake.rejected, spans().count() as u64 - valid);
        prop_assert_eq!(told.intake.refused_requests, 0);
        prop_assert_eq!(counts(&told), expected(&request));
    }

    #[test]
    fn points_of_metrics_are_counted_as_the_message_says(
        resource in resource(),
        metrics in prop::collection::vec(
            ("[a-z]{1,5}", 0..3_u8, prop::collection::vec((any::<i32>(), attributes()), 0..4)),
            0..5,
        ),
    ) {
        let points: usize = metrics.iter().map(|(_, _, points)| points.len()).sum();
        let metric = |(name, kind, points): (String, u8, Vec<(i32, Vec<KeyValue>)>)| {
            let number = |(value, attributes): (i32, Vec<KeyValue>)| NumberDataPoint {
                attributes,
                time_unix_nano: 1,
                value: Some(number_data_point::Value::AsInt(value.into())),
                ..NumberDataPoint::default()
            };
            let histogram = |(value, attributes): (i32, Vec<KeyValue>)| HistogramDataPoint {
                attributes,
                count: 3,
                sum: Some(value.into()),
                bucket_counts: vec![1, 2],
                explicit_bounds: vec![0.5],
                ..HistogramDataPoint::default()
            };
            let data = match kind {
                0 => Data::Gauge(Gauge { data_points: points.into_iter().map(number).collect() }),
                1 => Data::Sum(Sum {
                    data_points: points.into_iter().map(number).collect(),
                    ..Sum::default()
                }),
                _ => Data::Histogram(Histogram {
                    data_points: points.into_iter().map(histogram).collect(),
                    ..Histogram::default()
                }),
            };
            Metric { name, unit: "ms".to_owned(), data: Some(data), ..Metric::default() }
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource),
                scope_metrics: vec![ScopeMetrics {
                    metrics: metrics.into_iter().map(metric).collect(),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let told = read(METRICS, &request.encode_to_vec());
        prop_assert_eq!(told.intake.metric_points, points as u64);
        prop_assert_eq!(told.intake.refused_requests, 0);
    }

    #[test]
    fn log_records_are_counted_as_the_message_says(
        resource in resource(),
        records in prop::collection::vec((0..25_i32, prop::option::of(any_value()), attributes()), 0..9),
    ) {
        let count = records.len() as u64;
        let errors = records.iter().filter(|(severity, ..)| *severity >= SEVERITY_ERROR).count();
        let record = |(severity_number, body, attributes)| LogRecord {
            severity_number,
            body,
            attributes,
            trace_id: vec![1; 16],
            ..LogRecord::default()
        };
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource),
                scope_logs: vec![ScopeLogs {
                    log_records: records.into_iter().map(record).collect(),
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        let told = read(LOGS, &request.encode_to_vec());
        prop_assert_eq!(told.intake.log_records, count);
        let logged: u64 = told.services.iter().flat_map(|s| &s.error_logs).map(|l| l.count).sum();
        prop_assert_eq!(logged, errors as u64);
    }
}
