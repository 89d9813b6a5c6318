//! Retention: old full-resolution samples become one-minute rollups. Events stay as they are.

use duckdb::Connection;
use duckdb::types::{TimeUnit, Value};
use hale_model::Timestamp;
use jiff::SignedDuration;

use super::Telemetry;
use super::tables::{TableId, TelemetryTable};
use crate::StoreError;

impl Telemetry {
    /// Rolls up samples older than this many hours (0: none), in one transaction, and compacts the
    /// file. Says what it did, or with `dry_run` what it would do. Journal events are kept.
    ///
    /// # Errors
    /// If it cannot be read or written; then everything is as before.
    pub fn retain(
        &mut self,
        now: Timestamp,
        retention_hours: u64,
        dry_run: bool,
    ) -> Result<String, StoreError> {
        if retention_hours == 0 {
            return Ok("retention is off: everything is kept in full resolution".to_owned());
        }
        if !dry_run {
            self.flush()?;
        }
        let cutoff = cutoff(now, retention_hours);
        let connection = self.connection()?;
        let error = |e| StoreError::duckdb(&self.path, "apply retention to", e);
        let counts = counts(&connection, cutoff).map_err(error)?;
        let words = describe(&counts, cutoff, dry_run);
        if dry_run {
            return Ok(words);
        }
        if !counts.is_empty() {
            connection.execute_batch("BEGIN TRANSACTION").map_err(error)?;
            if let Err(e) = roll_up(&connection, cutoff) {
                let _ = connection.execute_batch("ROLLBACK");
                return Err(error(e));
            }
            connection.execute_batch("COMMIT").map_err(error)?;
        }
        connection.execute_batch("CHECKPOINT").map_err(error)?;
        drop(connection);
        self.renew();
        Ok(words)
    }
}

/// The whole minute that is this long ago.
fn cutoff(now: Timestamp, retention_hours: u64) -> Timestamp {
    let hours = i64::try_from(retention_hours).unwrap_or(i64::MAX).min(24 * 366 * 100);
    let then = now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN);
    let second = then.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(Timestamp::MIN)
}

fn cell(at: Timestamp) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, at.as_microsecond())
}

/// A table of which something is old enough.
struct Aged {
    table: &'static TelemetryTable,
    rows: i64,
    minutes: i64,
}

fn counts(connection: &Connection, cutoff: Timestamp) -> duckdb::Result<Vec<Aged>> {
    let mut aged = Vec::new();
    for table in TableId::ALL.map(TableId::table) {
        if table.rollup.is_none() {
            continue;
        }
        let sql = format!(
            "SELECT count(*), count(DISTINCT date_trunc('minute', collected_at)) FROM {} \
             WHERE collected_at < ?",
            table.raw
        );
        let (rows, minutes): (i64, i64) =
            connection.query_row(&sql, [cell(cutoff)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if rows > 0 {
            aged.push(Aged { table, rows, minutes });
        }
    }
    Ok(aged)
}

fn roll_up(connection: &Connection, cutoff: Timestamp) -> duckdb::Result<()> {
    for table in TableId::ALL.map(TableId::table) {
        let Some(rollup) = table.rollup else { continue };
        connection.execute(&table.rollup_sql(rollup), [cell(cutoff)])?;
        let sql = format!("DELETE FROM {} WHERE collected_at < ?", table.raw);
        connection.execute(&sql, [cell(cutoff)])?;
    }
    Ok(())
}

fn describe(aged: &[Aged], cutoff: Timestamp, dry_run: bool) -> String {
    if aged.is_empty() {
        let compacted = if dry_run { "" } else { "; the file was compacted" };
        return format!("nothing is older than {cutoff}{compacted}");
    }
    let verb = if dry_run { "would become" } else { "became" };
    let parts: Vec<String> = aged
        .iter()
        .map(|a| format!("{} rows of {} over {} minutes", a.rows, name(a.table), a.minutes))
        .collect();
    format!(
        "full-resolution samples before {cutoff} {verb} one-minute rollups: {}; \
         journal events and incidents are kept",
        parts.join(", ")
    )
}

fn name(table: &TelemetryTable) -> &'static str {
    table.raw.strip_suffix("_raw").unwrap_or(table.raw)
}
