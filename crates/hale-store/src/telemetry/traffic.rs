//! From what services told to rows: `span_stats`, and their metrics among `metric_points`.

use duckdb::types::Value;
use hale_model::sample::Sample;
use hale_model::traffic::{EdgeSample, Red, ServiceSample, TrafficSample};
use serde_json::json;

use super::rows::{common, int, maybe, of_metric, text};
use super::tables::TableId;
use super::{MetricPoint, Row};

/// Rows of one sample: services, operations, calls, metrics.
const SERVICES_LIMIT: usize = 200;
const OPERATIONS_PER_SERVICE_LIMIT: usize = 10;
const OPERATIONS_LIMIT: usize = 300;
const CALLS_LIMIT: usize = 300;
const METRICS_LIMIT: usize = 500;

/// All rows of what services told, those with most requests first where there are too many.
pub(super) fn of_traffic(sample: &Sample) -> Vec<Row> {
    let Some(traffic) = &sample.traffic else { return Vec::new() };
    let mut services: Vec<&ServiceSample> = traffic.services.iter().collect();
    services.sort_by_key(|s| std::cmp::Reverse(s.total.requests));
    services.truncate(SERVICES_LIMIT);
    let mut rows = Vec::new();
    for service in services.iter().filter(|s| s.total.requests > 0) {
        rows.push(of_service(sample, traffic, service));
    }
    let operations = services.iter().flat_map(|s| {
        let busiest = s.operations.iter().take(OPERATIONS_PER_SERVICE_LIMIT);
        busiest.map(move |o| (s.service.as_str(), o))
    });
    for (service, operation) in operations.take(OPERATIONS_LIMIT) {
        let names = [service, operation.operation.as_str(), ""];
        rows.push(row(sample, traffic, names, &operation.red, None, Value::Null));
    }
    let mut edges: Vec<&EdgeSample> = traffic.edges.iter().collect();
    edges.sort_by_key(|e| std::cmp::Reverse(e.calls.requests));
    for edge in edges.into_iter().take(CALLS_LIMIT) {
        let details = json!({
            "to_kind": edge.to_kind,
            "answered": edge.answered,
            "answered_errors": edge.answered_errors,
        });
        let names = [edge.from.as_str(), "", edge.to.as_str()];
        rows.push(row(sample, traffic, names, &edge.calls, None, text(&details.to_string())));
    }
    rows.extend(metrics(sample, &services));
    rows
}

fn of_service(sample: &Sample, traffic: &TrafficSample, service: &ServiceSample) -> Row {
    let details = json!({
        "exemplars": service.exemplars,
        "error_logs": service.error_logs,
        "instances": service.instances,
    });
    let names = [service.service.as_str(), "", ""];
    let passed_on = Some(service.passed_on_errors);
    row(sample, traffic, names, &service.total, passed_on, text(&details.to_string()))
}

fn row(
    sample: &Sample,
    traffic: &TrafficSample,
    [service, operation, callee]: [&str; 3],
    red: &Red,
    passed_on: Option<u64>,
    details: Value,
) -> Row {
    let quantile = |q| maybe(red.latency.quantile_ms(q), Value::Double);
    let mut cells = common(&sample.machine_id, sample.collected_at, "otlp");
    cells.extend([text(service), text(operation), text(callee)]);
    cells.push(Value::Double(traffic.window_secs));
    cells.push(int(red.requests));
    cells.push(int(red.errors));
    cells.push(maybe(passed_on, int));
    cells.push(Value::Double(red.latency.sum_ms()));
    cells.extend([quantile(0.5), quantile(0.95), quantile(0.99)]);
    cells.push(Value::Double(red.latency.max_ms()));
    cells.push(details);
    (TableId::Spans, cells)
}

fn metrics<'a>(
    sample: &'a Sample,
    services: &'a [&ServiceSample],
) -> impl Iterator<Item = Row> + 'a {
    let all = services.iter().flat_map(|s| s.metrics.iter().map(move |m| (&s.service, m)));
    all.take(METRICS_LIMIT).map(|(service, metric)| {
        let quantiles = json!({ "p50": metric.p50, "p95": metric.p95, "p99": metric.p99 });
        of_metric(&MetricPoint {
            machine_id: &sample.machine_id,
            at: sample.collected_at,
            source: "otlp",
            metric: &metric.metric,
            subject: service,
            value: metric.value,
            unit: &metric.unit,
            details: metric.p50.is_some().then_some(&quantiles),
        })
    })
}
