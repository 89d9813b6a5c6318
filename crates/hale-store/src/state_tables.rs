//! State as tables of DuckDB, so that one SQL statement can ask both memories: copied for the time
//! of one query, and only what that query names.

use std::path::Path;

use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, appender_params_from_iter};
use hale_model::Timestamp;
use rusqlite::types::ValueRef;

use crate::{State, StoreError};

/// What a column of the copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Real,
    Bool,
    /// Stored as microseconds.
    Time,
    /// Stored as RFC 3339 text.
    TimeText,
    Json,
}

impl Kind {
    fn sql_type(self) -> &'static str {
        match self {
            Kind::Text => "VARCHAR",
            Kind::Int => "BIGINT",
            Kind::Real => "DOUBLE",
            Kind::Bool => "BOOLEAN",
            Kind::Time | Kind::TimeText => "TIMESTAMP",
            Kind::Json => "JSON",
        }
    }

    fn cell(self, value: ValueRef<'_>) -> Value {
        match (self, value) {
            (_, ValueRef::Null | ValueRef::Blob(_)) => Value::Null,
            (Kind::Time, ValueRef::Integer(n)) => Value::Timestamp(TimeUnit::Microsecond, n),
            (Kind::Bool, ValueRef::Integer(n)) => Value::Boolean(n != 0),
            (Kind::Int, ValueRef::Integer(n)) => Value::BigInt(n),
            (Kind::Real, ValueRef::Integer(n)) => Value::Double(n as f64),
            (_, ValueRef::Integer(n)) => Value::Text(n.to_string()),
            (Kind::Real, ValueRef::Real(n)) => Value::Double(n),
            (_, ValueRef::Real(n)) => Value::Text(n.to_string()),
            (Kind::TimeText, ValueRef::Text(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|t| t.parse::<Timestamp>().ok())
                .map_or(Value::Null, |at| {
                    Value::Timestamp(TimeUnit::Microsecond, at.as_microsecond())
                }),
            (_, ValueRef::Text(text)) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        }
    }
}

/// A table of the state database that may be asked about. Settings and cursors are hale's own.
pub(crate) struct StateTable {
    pub(crate) name: &'static str,
    columns: &'static [(&'static str, Kind)],
    order: &'static str,
}

pub(crate) const ALL: &[StateTable] = &[
    StateTable {
        name: "alerts",
        columns: &[
            ("id", Kind::Text),
            ("machine_id", Kind::Text),
            ("kind", Kind::Text),
            ("severity", Kind::Text),
            ("state", Kind::Text),
            ("subject", Kind::Text),
            ("summary", Kind::Text),
            ("first_seen_at", Kind::Time),
            ("last_seen_at", Kind::Time),
            ("closed_at", Kind::Time),
            ("close_reason", Kind::Text),
            ("flaps", Kind::Int),
            ("incident_id", Kind::Text),
            ("fingerprint", Kind::Text),
            ("data", Kind::Json),
        ],
        order: "first_seen_at",
    },
    StateTable {
        name: "incidents",
        columns: &[
            ("id", Kind::Text),
            ("machine_id", Kind::Text),
            ("title", Kind::Text),
            ("state", Kind::Text),
            ("severity", Kind::Text),
            ("opened_at", Kind::Time),
            ("closed_at", Kind::Time),
            ("cause_kind", Kind::Text),
            ("cause", Kind::Text),
            ("confidence", Kind::Real),
            ("data", Kind::Json),
        ],
        order: "opened_at",
    },
    StateTable {
        name: "timeline",
        columns: &[
            ("incident_id", Kind::Text),
            ("ts", Kind::Time),
            ("agent", Kind::Text),
            ("kind", Kind::Text),
            ("text", Kind::Text),
        ],
        order: "id",
    },
    StateTable {
        name: "plans",
        columns: &[
            ("id", Kind::Text),
            ("incident_id", Kind::Text),
            ("alert_id", Kind::Text),
            ("alert_kind", Kind::Text),
            ("machine_id", Kind::Text),
            ("created_at", Kind::Time),
            ("steps", Kind::Int),
            ("data", Kind::Json),
        ],
        order: "created_at",
    },
    StateTable {
        name: "actions",
        columns: &[
            ("id", Kind::Text),
            ("plan_id", Kind::Text),
            ("incident_id", Kind::Text),
            ("alert_id", Kind::Text),
            ("alert_kind", Kind::Text),
            ("machine_id", Kind::Text),
            ("kind", Kind::Text),
            ("target", Kind::Text),
            ("risk", Kind::Text),
            ("verdict", Kind::Text),
            ("state", Kind::Text),
            ("requested_by", Kind::Text),
            ("created_at", Kind::Time),
            ("intended_at", Kind::Time),
            ("finished_at", Kind::Time),
            ("exit", Kind::Int),
            ("verified", Kind::Bool),
            ("note", Kind::Text),
            ("data", Kind::Json),
        ],
        order: "created_at",
    },
    StateTable {
        name: "approvals",
        columns: &[
            ("id", Kind::Text),
            ("action_id", Kind::Text),
            ("state", Kind::Text),
            ("created_at", Kind::Time),
            ("expires_at", Kind::Time),
            ("decided_at", Kind::Time),
            ("decided_by", Kind::Text),
            ("why", Kind::Text),
            ("binding", Kind::Text),
        ],
        order: "created_at",
    },
    StateTable {
        name: "lessons",
        columns: &[
            ("alert_kind", Kind::Text),
            ("action_kind", Kind::Text),
            ("target_class", Kind::Text),
            ("successes", Kind::Int),
            ("approved_successes", Kind::Int),
            ("failures", Kind::Int),
            ("last_at", Kind::Time),
            ("withdrawn", Kind::Text),
        ],
        order: "last_at",
    },
    StateTable {
        name: "knowledge",
        columns: &[
            ("id", Kind::Text),
            ("kind", Kind::Text),
            ("title", Kind::Text),
            ("alert_kinds", Kind::Text),
            ("tags", Kind::Text),
            ("updated", Kind::Text),
            ("origin", Kind::Text),
            ("data", Kind::Json),
        ],
        order: "id",
    },
    StateTable {
        name: "audit",
        columns: &[
            ("seq", Kind::Int),
            ("ts", Kind::TimeText),
            ("actor", Kind::Text),
            ("kind", Kind::Text),
            ("subject", Kind::Text),
            ("details", Kind::Json),
            ("prev_hash", Kind::Text),
            ("hash", Kind::Text),
        ],
        order: "seq",
    },
    StateTable {
        name: "runs",
        columns: &[
            ("id", Kind::Text),
            ("plan_id", Kind::Text),
            ("step", Kind::Int),
            ("action_id", Kind::Text),
            ("at", Kind::Time),
            ("sentence", Kind::Text),
            ("command", Kind::Text),
            ("working_dir", Kind::Text),
            ("risk", Kind::Text),
            ("origin", Kind::Text),
            ("exit", Kind::Int),
            ("duration_ms", Kind::Int),
            ("data", Kind::Json),
        ],
        order: "at",
    },
];

/// Makes every state table, empty, for this connection alone.
pub(crate) fn create(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut sql = String::new();
    for table in ALL {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|(name, kind)| format!("\"{name}\" {}", kind.sql_type()))
            .collect();
        sql.push_str(&format!(
            "CREATE OR REPLACE TEMP TABLE {} ({});",
            table.name,
            columns.join(", ")
        ));
    }
    connection
        .execute_batch(&sql)
        .map_err(|e| StoreError::duckdb(path, "make state tables beside", e))
}

/// Copies one state table.
pub(crate) fn fill(
    connection: &Connection,
    path: &Path,
    state: &State,
    table: &StateTable,
) -> Result<(), StoreError> {
    if !state.has_table(table.name)? {
        return Ok(());
    }
    let operation = format!("copy {}", table.name);
    let error = |e| StoreError::duckdb(path, &operation, e);
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY {}", names.join(", "), table.name, table.order);
    let mut appender =
        connection.appender_to_catalog_and_db(table.name, "temp", "main").map_err(error)?;
    state.each_row(&operation, &sql, |row| {
        let cells = table
            .columns
            .iter()
            .enumerate()
            .map(|(at, (_, kind))| row.get_ref(at).map(|value| kind.cell(value)))
            .collect::<rusqlite::Result<Vec<Value>>>()
            .map_err(|e| StoreError::sqlite(state.path(), &operation, e))?;
        appender.append_row(appender_params_from_iter(cells)).map_err(error)
    })?;
    appender.flush().map_err(error)
}

/// Removes them again, so that one connection can answer several queries.
pub(crate) fn remove(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let sql: String =
        ALL.iter().map(|t| format!("DROP TABLE IF EXISTS temp.{};", t.name)).collect();
    connection
        .execute_batch(&sql)
        .map_err(|e| StoreError::duckdb(path, "remove state tables beside", e))
}
