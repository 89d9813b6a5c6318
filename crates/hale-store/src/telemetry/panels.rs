//! The SQL of the screens. It is text, so that it takes the same way as every other question: through
//! the walls of [`crate::sql`], in the telemetry worker of a running agent.

use hale_model::Timestamp;
use hale_model::panel::SERIES_METRICS;

/// How far before a past moment its sample may lie.
const MOMENT_REACH_SECS: i64 = 900;
/// Seconds between the sample of a moment and what belongs to it: all are written together.
const SAME_LOOK_SECS: i64 = 2;

/// Means of figures in steps of this many seconds: columns `step` (how many steps after `since`) and then
/// the metrics in the order given. Names that are not in [`SERIES_METRICS`] are passed over.
pub fn series_sql(
    metrics: &[String],
    since: Timestamp,
    until: Timestamp,
    step_secs: f64,
) -> String {
    let step_us = (step_secs * 1e6).max(1.0) as i64;
    let (from, to) = (since.as_microsecond(), until.as_microsecond());
    let known = || metrics.iter().filter(|m| SERIES_METRICS.contains(&m.as_str()));
    let means: Vec<String> = known()
        .map(|metric| match metric.as_str() {
            "health_score" => "avg(health_score) AS health_score".to_owned(),
            column => format!("avg({column})::DOUBLE AS {column}"),
        })
        .collect();
    let columns: Vec<&str> =
        known().map(String::as_str).filter(|metric| *metric != "health_score").collect();
    let list = if columns.is_empty() { String::new() } else { format!(", {}", columns.join(", ")) };
    let between = format!("collected_at BETWEEN make_timestamp({from}) AND make_timestamp({to})");
    format!(
        "SELECT (epoch_us(collected_at) - {from}) // {step_us} AS step, {means} FROM (\
         SELECT collected_at{list}, NULL::DOUBLE AS health_score FROM sys_samples WHERE {between} \
         UNION ALL BY NAME \
         SELECT collected_at, value AS health_score FROM metric_points \
         WHERE metric = 'health.score' AND {between}) GROUP BY step ORDER BY step",
        means = means.join(", ")
    )
}

/// The machine at a past moment: rows of `what` (`sample`, `process`, `mount`, `device`, `interface`,
/// `health`) and `row`, one JSON object. No rows: no sample lies near.
pub fn moment_sql(at: Timestamp) -> String {
    let at_us = at.as_microsecond();
    let earliest_us = at_us.saturating_sub(MOMENT_REACH_SECS * 1_000_000);
    let near_us = SAME_LOOK_SECS * 1_000_000;
    let part = |what: &str, columns: &str, from: &str, more: &str| {
        format!(
            "SELECT '{what}' AS what, to_json(t)::VARCHAR AS row FROM (SELECT {columns} FROM {from}, look \
             WHERE abs(epoch_us({from}.collected_at) - look.us) <= {near_us} {more}) t"
        )
    };
    let parts = [
        part(
            "sample",
            "look.us AS measured_at_us, sys_samples.* EXCLUDE (raw_json, collected_at)",
            "sys_samples",
            "LIMIT 1",
        ),
        part(
            "process",
            "pid, start_ticks, comm AS name, coalesce(command, '') AS command, \
             coalesce(user_name, '') AS user, coalesce(state, '') AS state, cpu_pct AS cpu_percent, \
             mem_bytes AS rss_bytes, fd_count AS open_fds, unit, container",
            "sys_top_processes",
            "ORDER BY cpu_pct DESC NULLS LAST LIMIT 100",
        ),
        part(
            "mount",
            "mount_point, coalesce(device, '') AS device, coalesce(fs_type, '') AS fs_type, \
              total_bytes, used_bytes, available_bytes, free_percent, inode_free_percent, read_only",
            "disk_mounts",
            "LIMIT 200",
        ),
        part(
            "device",
            "device, read_mbps, write_mbps, iops, latency_ms, busy_percent",
            "disk_devices",
            "LIMIT 200",
        ),
        part(
            "interface",
            "interface, rx_mbps, tx_mbps, errors_per_sec",
            "net_samples",
            "LIMIT 200",
        ),
        part(
            "health",
            "metric, subject, value, metric_points.raw_json AS details",
            "metric_points",
            "AND metric IN ('health.score', 'health.factor') LIMIT 64",
        ),
    ];
    format!(
        "WITH look AS (SELECT epoch_us(max(collected_at)) AS us FROM sys_samples \
         WHERE collected_at BETWEEN make_timestamp({earliest_us}) AND make_timestamp({at_us})) {}",
        parts.map(|p| format!("SELECT * FROM ({p})")).join(" UNION ALL ")
    )
}

/// Journal entries between two times, newest first: columns `us`, `priority`, `unit`, `identifier`, `pid`,
/// `message`.
pub fn journal_sql(since: Timestamp, until: Timestamp, priority_max: u8, search: &str) -> String {
    let (from, to) = (since.as_microsecond(), until.as_microsecond());
    let words = search.trim().replace('\'', "''");
    let search = if words.is_empty() {
        String::new()
    } else {
        format!(" AND contains(lower(concat_ws(' ', message, unit, identifier)), lower('{words}'))")
    };
    format!(
        "SELECT epoch_us(coalesce(logged_at, collected_at)) AS us, priority, unit, identifier, pid, \
         message FROM journal_events WHERE coalesce(logged_at, collected_at) BETWEEN make_timestamp({from}) \
         AND make_timestamp({to}) AND coalesce(priority, 7) <= {priority_max}{search} ORDER BY us DESC"
    )
}
