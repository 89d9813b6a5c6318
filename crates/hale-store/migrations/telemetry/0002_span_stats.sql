-- What services told: requests, errors and latency by service (operation and callee are ''), by
-- operation, and by call from one service to another (callee is named). Counts are of the time since
-- the row before; quantiles are of that time.
CREATE TABLE span_stats_raw (
    collected_at TIMESTAMP NOT NULL, machine_id VARCHAR NOT NULL, source VARCHAR NOT NULL,
    source_version VARCHAR NOT NULL, schema_version INTEGER NOT NULL,
    service VARCHAR NOT NULL, operation VARCHAR NOT NULL, callee VARCHAR NOT NULL,
    elapsed_secs DOUBLE, requests BIGINT, errors BIGINT, passed_on_errors BIGINT,
    latency_sum_ms DOUBLE, p50_ms DOUBLE, p95_ms DOUBLE, p99_ms DOUBLE, max_ms DOUBLE,
    raw_json VARCHAR
);
CREATE TABLE span_stats_1m AS SELECT *, 1::BIGINT AS samples FROM span_stats_raw LIMIT 0;

CREATE VIEW span_stats AS
    SELECT *,
           CASE WHEN elapsed_secs > 0 THEN requests / elapsed_secs END AS rate_per_sec,
           CASE WHEN requests > 0 THEN 100.0 * errors / requests END AS error_percent,
           CASE WHEN requests > 0 THEN latency_sum_ms / requests END AS mean_ms
    FROM (SELECT *, 1::BIGINT AS samples FROM span_stats_raw UNION ALL SELECT * FROM span_stats_1m);
