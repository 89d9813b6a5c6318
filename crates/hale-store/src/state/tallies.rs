//! How many there are of what, for metrics: counted by SQLite, not read.

use hale_model::metrics::{RepairTimes, Tally};

use super::State;
use crate::StoreError;

impl State {
    fn tally(&self, operation: &str, sql: &str) -> Result<Vec<Tally>, StoreError> {
        self.rows(operation, sql, [], |row| {
            let count: i64 = row.get(2)?;
            let count = u64::try_from(count).unwrap_or(0);
            Ok(Tally { kind: row.get(0)?, state: row.get(1)?, count })
        })
    }

    /// Alerts that are not closed, by kind and severity.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub fn tally_open_alerts(&self) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT kind, severity, count(*) FROM alerts \
                   WHERE state IN ('open', 'acknowledged') GROUP BY 1, 2 ORDER BY 1, 2";
        self.tally("count open alerts", sql)
    }

    /// Alerts by kind and state.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub fn tally_alerts(&self) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT kind, state, count(*) FROM alerts GROUP BY 1, 2 ORDER BY 1, 2";
        self.tally("count alerts", sql)
    }

    /// Incidents by severity and state.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub fn tally_incidents(&self) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT severity, state, count(*) FROM incidents GROUP BY 1, 2 ORDER BY 1, 2";
        self.tally("count incidents", sql)
    }

    /// Actions by kind and state.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub fn tally_actions(&self) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT kind, state, count(*) FROM actions GROUP BY 1, 2 ORDER BY 1, 2";
        self.tally("count actions", sql)
    }

    /// How long incidents took; `cured`: only those that an action of hale's ended.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn repair_times(&self, cured: bool) -> Result<RepairTimes, StoreError> {
        let sql = "SELECT (closed_at - opened_at) / 1e6 FROM incidents \
                   WHERE closed_at >= opened_at AND (NOT ?1 OR EXISTS \
                   (SELECT 1 FROM actions WHERE actions.incident_id = incidents.id \
                    AND actions.state = 'succeeded'))";
        let secs = self.rows("read times to repair", sql, [cured], |row| row.get::<_, f64>(0))?;
        Ok(RepairTimes::of(secs))
    }
}
