//! What reports and replays ask of telemetry.

use duckdb::types::{TimeUnit, Value};
use hale_model::Timestamp;
use hale_model::view::{Table, Trend};

use super::Telemetry;
use crate::StoreError;

/// Columns of `sys_samples` whose course a report tells.
const TRENDS: [&str; 10] = [
    "cpu_total",
    "load1",
    "mem_used_percent",
    "swap_used_percent",
    "disk_read_mbps",
    "disk_write_mbps",
    "net_rx_mbps",
    "net_tx_mbps",
    "process_count",
    "temperature_celsius",
];
/// A rollup row stands for this long.
const ROLLUP_SECS: u64 = 60;
/// Rows of a replay.
const ROWS_LIMIT: u32 = 10_000;

fn cell(at: Timestamp) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, at.as_microsecond())
}

impl Telemetry {
    /// Least, mean, greatest and newest of each figure since then; figures never measured are
    /// left out.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn trends(&self, since: Timestamp) -> Result<Vec<Trend>, StoreError> {
        let select: Vec<String> = TRENDS
            .iter()
            .map(|m| format!("min({m})::DOUBLE, avg({m}), max({m})::DOUBLE, arg_max({m}, collected_at)::DOUBLE"))
            .collect();
        let sql = format!("SELECT {} FROM sys_samples WHERE collected_at >= ?", select.join(", "));
        let figures: Vec<Option<f64>> = self
            .connection()?
            .query_row(&sql, [cell(since)], |row| {
                (0..TRENDS.len() * 4).map(|at| row.get(at)).collect()
            })
            .map_err(|e| StoreError::duckdb(&self.path, "read trends from", e))?;
        let trend = |(metric, figures): (&&str, &[Option<f64>])| match figures {
            [Some(min), Some(mean), Some(max), Some(last)] => Some(Trend {
                metric: (*metric).to_owned(),
                min: *min,
                mean: *mean,
                max: *max,
                last: *last,
            }),
            _ => None,
        };
        Ok(TRENDS.iter().zip(figures.chunks(4)).filter_map(trend).collect())
    }

    /// Share of a time, 0..1, for which samples exist, told by intervals of this length (at least
    /// a minute: older samples are rolled up to that).
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn coverage(
        &self,
        since: Timestamp,
        until: Timestamp,
        interval_secs: u64,
    ) -> Result<f64, StoreError> {
        let length = until.as_second().saturating_sub(since.as_second());
        let step = i64::try_from(interval_secs.max(ROLLUP_SECS)).unwrap_or(i64::MAX);
        let expected = length.max(0).div_euclid(step);
        if expected == 0 {
            return Ok(0.0);
        }
        // Whole intervals only, counted back from the end, so that an unfinished one costs nothing.
        let sql = "SELECT count(DISTINCT (epoch_us(?::TIMESTAMP) - epoch_us(collected_at)) \
                   // (? * 1000000)) FROM sys_samples WHERE collected_at > ? AND collected_at <= ?";
        let first = Timestamp::from_second(until.as_second() - expected * step).unwrap_or(since);
        let covered: i64 = self
            .connection()?
            .query_row(sql, duckdb::params![cell(until), step, cell(first), cell(until)], |row| {
                row.get(0)
            })
            .map_err(|e| StoreError::duckdb(&self.path, "read the coverage of", e))?;
        Ok((covered as f64 / expected as f64).clamp(0.0, 1.0))
    }

    /// Rows of a view (`sys_samples`, `sys_top_processes`, `journal_events`, …) between two times,
    /// oldest first: what a replay shows.
    ///
    /// # Errors
    /// If there is no such view, or it cannot be read.
    pub fn rows_between(
        &self,
        view: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Table, StoreError> {
        let Some(view) = super::tables::VIEWS.iter().find(|v| **v == view) else {
            return Err(StoreError::NotFound { noun: "telemetry view", id: view.to_owned() });
        };
        let sql = format!(
            "FROM {view} WHERE collected_at BETWEEN make_timestamp({}) AND make_timestamp({}) \
             ORDER BY collected_at",
            since.as_microsecond(),
            until.as_microsecond()
        );
        self.query(None, &sql, ROWS_LIMIT)
    }

    /// The samples that were stored between two times, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn samples_between(&self, since: Timestamp, until: Timestamp) -> Result<Table, StoreError> {
        self.rows_between("sys_samples", since, until)
    }
}
