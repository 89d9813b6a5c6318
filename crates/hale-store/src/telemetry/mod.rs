//! What was measured, over time. DuckDB lets one process write and keeps the file locked meanwhile;
//! so the agent owns it and answers for it, and others open it read-only when no agent runs.
//!
//! Rows are gathered in memory and written in one transaction; that it cannot be written now
//! (disk full) costs nothing until the memory set aside for it is full, and then the oldest rows.

mod connect;
mod export;
mod panels;
mod reports;
mod retain;
mod rows;
mod scraped;
mod tables;
mod traffic;

pub(crate) use connect::{Mode, connect, in_memory};
pub use export::export_readonly;
pub use panels::{journal_sql, moment_sql, series_sql};

use std::cell::{Ref, RefCell};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use duckdb::types::Value;
use duckdb::{Connection, appender_params_from_iter};
use hale_model::Timestamp;
use hale_model::health::{Health, Prediction};
use hale_model::ids::MachineId;
use hale_model::sample::{JournalEntry, ProcessSample, Sample};
use hale_model::snapshot::Snapshot;
use hale_model::view::Table;

use crate::{Access, State, StoreError, sql};
use tables::TableId;

/// Rows that wait for the disk: nearly an hour of a machine's samples.
const BUFFER_LIMIT_ROWS: usize = 4000;
/// DuckDB keeps what it wrote and read in memory until the file is closed: it is opened anew after
/// so many flushes, and after every question.
const FLUSHES_PER_OPEN: u32 = 5;
/// Machines whose counters are remembered to tell how much they grew.
const MACHINES_LIMIT: usize = 1024;

/// A row, cells in the table's order.
type Row = (TableId, Vec<Value>);

/// The telemetry database.
pub struct Telemetry {
    path: PathBuf,
    access: Access,
    /// None after an error that DuckDB does not recover from: opened again when next needed.
    connection: RefCell<Option<Connection>>,
    flushes: u32,
    waiting: VecDeque<Row>,
    lost_rows: u64,
    /// The counters of the newest stored sample of each machine.
    last: HashMap<MachineId, Sample>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry")
            .field("path", &self.path)
            .field("access", &self.access)
            .field("waiting_rows", &self.waiting.len())
            .field("lost_rows", &self.lost_rows)
            .finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Opens the telemetry database.
    ///
    /// # Errors
    /// If it is missing (for reading), held by another process, damaged, or made by a newer hale:
    /// then the file is as it was before.
    pub fn open(path: &Path, access: Access) -> Result<Telemetry, StoreError> {
        let connection = connect(path, Mode::of(access))?;
        Ok(Telemetry {
            path: path.to_owned(),
            access,
            connection: RefCell::new(Some(connection)),
            flushes: 0,
            waiting: VecDeque::new(),
            lost_rows: 0,
            last: HashMap::new(),
        })
    }

    /// Opens it for writing. A damaged file is renamed, never deleted, and a new one is made; then
    /// what happened is told in words.
    ///
    /// # Errors
    /// If a newer hale made the file, another process holds it, or nothing can be written there.
    pub fn open_or_set_aside(path: &Path) -> Result<(Telemetry, Option<String>), StoreError> {
        match Telemetry::open(path, Access::Write) {
            Ok(telemetry) => Ok((telemetry, None)),
            Err(StoreError::Corrupt { detail, .. }) => {
                let (telemetry, kept) = connect::set_aside_and_open(path)?;
                Ok((telemetry, Some(format!("{} was damaged ({detail}): {kept}", path.display()))))
            }
            Err(error) => Err(error),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows that could not be written and no longer fitted into memory, since this was opened.
    pub fn lost_rows(&self) -> u64 {
        self.lost_rows
    }

    /// Rows that wait to be written.
    pub fn waiting_rows(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a sample, with the journal entries that are in its snapshot. Entries of snapshots
    /// in between that are not stored: [`Telemetry::append_journal`].
    ///
    /// # Errors
    /// None now; the signature leaves room for a store that writes at once.
    pub fn append(&mut self, sample: &Sample, snapshot: &Snapshot) -> Result<(), StoreError> {
        let before = self.last.get(&sample.machine_id);
        let mut all = rows::of_sample(sample, snapshot, before);
        all.extend(scraped::of_scraped(sample, before));
        for row in all {
            self.push(row);
        }
        for row in traffic::of_traffic(sample) {
            self.push(row);
        }
        if self.last.len() >= MACHINES_LIMIT && !self.last.contains_key(&sample.machine_id) {
            self.last.clear();
        }
        self.last.insert(sample.machine_id.clone(), rows::counters_of(sample));
        self.append_journal(&sample.machine_id, sample.collected_at, &snapshot.journal)
    }

    /// Lets the counters of the next sample be compared with this one, which is stored already.
    pub fn go_on_from(&mut self, sample: &Sample) {
        self.last.insert(sample.machine_id.clone(), rows::counters_of(sample));
    }

    /// Takes journal entries.
    ///
    /// # Errors
    /// As [`Telemetry::append`].
    pub fn append_journal(
        &mut self,
        machine: &MachineId,
        collected_at: Timestamp,
        entries: &[JournalEntry],
    ) -> Result<(), StoreError> {
        for entry in entries {
            self.push(rows::of_journal(machine, collected_at, entry));
        }
        Ok(())
    }

    /// Takes a judgement of health, as points of the metrics `health.score` and `health.factor`.
    ///
    /// # Errors
    /// As [`Telemetry::append`].
    pub fn append_health(&mut self, health: &Health) -> Result<(), StoreError> {
        for row in rows::of_health(health) {
            self.push(row);
        }
        Ok(())
    }

    /// Takes a prediction, as points of the metrics `prediction.KIND` (seconds) and
    /// `prediction.KIND.confidence`.
    ///
    /// # Errors
    /// As [`Telemetry::append`].
    pub fn append_prediction(&mut self, prediction: &Prediction) -> Result<(), StoreError> {
        for row in rows::of_prediction(prediction) {
            self.push(row);
        }
        Ok(())
    }

    /// Takes one figure that has no table of its own.
    ///
    /// # Errors
    /// As [`Telemetry::append`].
    pub fn append_metric(&mut self, point: &MetricPoint<'_>) -> Result<(), StoreError> {
        self.push(rows::of_metric(point));
        Ok(())
    }

    fn push(&mut self, row: Row) {
        if self.waiting.len() >= BUFFER_LIMIT_ROWS {
            self.waiting.pop_front();
            self.lost_rows += 1;
        }
        self.waiting.push_back(row);
    }

    /// Writes what waits, in one transaction.
    ///
    /// # Errors
    /// If it cannot be written. Then it goes on waiting, what was stored before is unharmed, and
    /// the next flush tries again.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let operation = "store telemetry";
        let result = self.connection().and_then(|connection| {
            write(&connection, &self.waiting)
                .map_err(|e| StoreError::duckdb(&self.path, operation, e))
        });
        match result {
            Ok(()) => {
                self.waiting.clear();
                // An hour of a full disk leaves no large buffer behind.
                self.waiting.shrink_to(BUFFER_LIMIT_ROWS / 8);
                self.flushes += 1;
                if self.flushes.is_multiple_of(FLUSHES_PER_OPEN) {
                    self.renew();
                }
                Ok(())
            }
            Err(error) => {
                // DuckDB may have declared this connection's database unusable.
                self.close();
                Err(error)
            }
        }
    }

    /// Answers one SQL statement that only reads, over telemetry and (given its path) state.
    /// At most `limit_rows` rows; 0 is as many as fit the answer.
    ///
    /// # Errors
    /// If the SQL would do more than read, is wrong, asks for too much memory, or takes too long.
    pub fn query(
        &self,
        state_path: Option<&Path>,
        sql: &str,
        limit_rows: u32,
    ) -> Result<Table, StoreError> {
        let state = state_path.map(open_state).transpose()?.flatten();
        // A connection of its own: what the query leaves behind goes with it.
        let connection = self
            .connection()?
            .try_clone()
            .map_err(|e| StoreError::duckdb(&self.path, "connect to", e))?;
        let result = sql::run(&connection, &self.path, state.as_ref(), sql, limit_rows);
        drop(connection);
        self.renew();
        result
    }

    /// Gives back the memory that DuckDB gathered. That it cannot be opened again now is for the
    /// next one to say who needs it.
    fn renew(&self) {
        self.close();
        match connect::reopen(&self.path, Mode::of(self.access)) {
            Ok(connection) => *self.connection.borrow_mut() = Some(connection),
            Err(error) => tracing::debug!(%error, "telemetry is opened again later"),
        }
    }

    fn connection(&self) -> Result<Ref<'_, Connection>, StoreError> {
        if self.connection.borrow().is_none() {
            *self.connection.borrow_mut() = Some(connect(&self.path, Mode::of(self.access))?);
        }
        Ref::filter_map(self.connection.borrow(), Option::as_ref)
            .map_err(|_| StoreError::Missing { path: self.path.clone() })
    }

    fn close(&self) {
        self.connection.borrow_mut().take();
    }
}

/// What of a sample and its snapshot is stored: only the leading processes are. For whoever has to
/// keep samples for a while before they are written.
pub fn storable(sample: &Sample, snapshot: &Snapshot) -> (Sample, Snapshot) {
    let (stats, derived): (Vec<_>, Vec<_>) = rows::leading(sample, snapshot).into_iter().unzip();
    let own_pids = sample.process.as_ref().map(|p| p.own_pids.clone()).unwrap_or_default();
    let process = sample
        .process
        .is_some()
        .then(|| ProcessSample { processes: stats.into_iter().cloned().collect(), own_pids });
    let sample = Sample { process, journal: None, ..sample.clone() };
    let snapshot = Snapshot {
        processes: derived.into_iter().flatten().cloned().collect(),
        traffic: None,
        ..snapshot.clone()
    };
    (sample, snapshot)
}

/// One figure that has no table of its own.
#[derive(Clone, Copy, Debug)]
pub struct MetricPoint<'a> {
    /// The machine.
    pub machine_id: &'a MachineId,
    /// When.
    pub at: Timestamp,
    /// Who says so: `health`, `baseline`, `agent`, …
    pub source: &'a str,
    /// Its name: `health.score`
    pub metric: &'a str,
    /// Of what; empty for the machine.
    pub subject: &'a str,
    /// The figure.
    pub value: f64,
    /// Its unit: `percent`, `bytes`, `secs`, `ratio`, …
    pub unit: &'a str,
    /// What else is known.
    pub details: Option<&'a serde_json::Value>,
}

fn write(connection: &Connection, rows: &VecDeque<Row>) -> duckdb::Result<()> {
    connection.execute_batch("BEGIN TRANSACTION")?;
    let result = TableId::ALL.into_iter().try_for_each(|id| {
        let mut of_table = rows.iter().filter(|(table, _)| *table == id).peekable();
        if of_table.peek().is_none() {
            return Ok(());
        }
        let mut appender = connection.appender(id.table().raw)?;
        for (_, cells) in of_table {
            appender.append_row(appender_params_from_iter(cells))?;
        }
        appender.flush()
    });
    match result {
        Ok(()) => connection.execute_batch("COMMIT"),
        Err(error) => {
            // The first error tells; that rolling back fails too is part of it.
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}

fn open_state(path: &Path) -> Result<Option<State>, StoreError> {
    match State::open(path, Access::Read) {
        Ok(state) => Ok(Some(state)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Answers one SQL statement that only reads, from the file. It is held for a second at most: what takes
/// longer is answered from a copy. A file that does not exist yet counts as empty.
///
/// # Errors
/// As [`Telemetry::query`]; and [`StoreError::Busy`] while another process writes.
pub fn query_readonly(
    telemetry_path: &Path,
    state_path: &Path,
    sql: &str,
    limit_rows: u32,
) -> Result<Table, StoreError> {
    let state = open_state(state_path)?;
    let answer = |connection: &Connection, time_limit| {
        sql::run_within(connection, telemetry_path, state.as_ref(), sql, limit_rows, time_limit)
    };
    let in_place = match connect(telemetry_path, Mode::Read) {
        Err(StoreError::Missing { .. }) => {
            let connection = in_memory(telemetry_path, Mode::Read)?;
            return answer(&connection, sql::TIME_LIMIT);
        }
        other => other?,
    };
    match answer(&in_place, sql::IN_PLACE_LIMIT) {
        Err(StoreError::Timeout { .. }) => {}
        other => return other,
    }
    // It takes its time: whoever wants to write shall not wait for it.
    drop(in_place);
    match connect::copy(telemetry_path, Mode::Read) {
        Ok(copy) => answer(&copy, sql::TIME_LIMIT),
        // No room for a copy: then writers do wait, for as long as the limit says.
        Err(error) => {
            tracing::debug!(%error, "a long query reads telemetry in place");
            answer(&connect(telemetry_path, Mode::Read)?, sql::TIME_LIMIT)
        }
    }
}
