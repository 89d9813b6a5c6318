//! What services told, in DuckDB.

use hale_model::traffic::{
    EdgeSample, MetricKind, MetricValue, NodeKind, OperationSample, Red, ServiceSample,
    TrafficSample,
};
use hale_store::{Access, Telemetry};
use serde_json::json;

use crate::world::*;

fn red(requests: u64, errors: u64, ms: u64) -> Red {
    let mut red = Red::default();
    (0..requests).for_each(|n| red.add(ms * 1000, n < errors));
    red
}

fn traffic() -> TrafficSample {
    TrafficSample {
        window_secs: 10.0,
        services: vec![ServiceSample {
            service: "quotes".to_owned(),
            total: red(100, 5, 40),
            passed_on_errors: 2,
            operations: vec![OperationSample {
                operation: "GET /quote".to_owned(),
                red: red(60, 5, 40),
            }],
            metrics: vec![
                MetricValue {
                    metric: "queue.length".to_owned(),
                    unit: "{item}".to_owned(),
                    value: 7.0,
                    kind: MetricKind::Gauge,
                    ..MetricValue::default()
                },
                MetricValue {
                    metric: "queue.wait".to_owned(),
                    unit: "ms".to_owned(),
                    value: 3.0,
                    kind: MetricKind::Histogram,
                    p50: Some(2.0),
                    p95: Some(9.5),
                    p99: Some(11.0),
                },
            ],
            ..ServiceSample::default()
        }],
        edges: vec![EdgeSample {
            from: "quotes".to_owned(),
            to: "postgresql/shop".to_owned(),
            to_kind: NodeKind::Database,
            calls: red(200, 0, 2),
            ..EdgeSample::default()
        }],
        ..TrafficSample::default()
    }
}

#[test]
fn services_operations_and_calls_can_be_asked_for_and_are_rolled_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("telemetry.duckdb");
    let mut telemetry = Telemetry::open(&path, Access::Write).unwrap();
    for second in [60, 70, 80] {
        let mut now = sample(second, 1);
        now.traffic = Some(traffic());
        telemetry.append(&now, &snapshot(&now, None)).unwrap();
    }
    telemetry.flush().unwrap();
    let sql = "SELECT service, operation, callee, sum(requests)::BIGINT AS requests, \
               sum(errors)::BIGINT AS errors, max(rate_per_sec) AS rate, max(error_percent) AS percent, \
               round(max(p95_ms)) AS p95 FROM span_stats GROUP BY ALL ORDER BY ALL";
    let before = telemetry.query(None, sql, 10).unwrap();
    assert_eq!(
        json!(before.rows),
        json!([
            ["quotes", "", "", 300, 15, 10.0, 5.0, 40.0],
            ["quotes", "", "postgresql/shop", 600, 0, 20.0, 0.0, 2.0],
            ["quotes", "GET /quote", "", 180, 15, 6.0, 8.333_333_333_333_334, 40.0],
        ])
    );
    let metrics = "SELECT subject, metric, value, (raw_json->>'$.p50')::DOUBLE, \
                   (raw_json->>'$.p95')::DOUBLE, (raw_json->>'$.p99')::DOUBLE \
                   FROM metric_points WHERE source = 'otlp' GROUP BY ALL ORDER BY metric";
    let rows = telemetry.query(None, metrics, 10).unwrap().rows;
    assert_eq!(
        json!(rows),
        json!([
            ["quotes", "queue.length", 7.0, null, null, null],
            ["quotes", "queue.wait", 3.0, 2.0, 9.5, 11.0],
        ])
    );
    telemetry.retain(at(60 + 3 * 3600), 1, false).unwrap();
    let after = telemetry.query(None, sql, 10).unwrap();
    assert_eq!(after.rows, before.rows, "a minute of rows is one row with the same sums");
    let left = telemetry.query(None, "SELECT count(*) FROM span_stats", 1).unwrap();
    assert_eq!(json!(left.rows), json!([[3]]));
}
