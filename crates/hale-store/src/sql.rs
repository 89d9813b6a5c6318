//! SQL from users: judged by DuckDB's own parser, run where nothing can be written and nothing
//! outside the database can be reached, and stopped when it takes too long.
//!
//! Four walls, each enough alone: the parser says it is one SELECT whose table functions are known to
//! read nothing but the database; the transaction is read-only; the connection's configuration is
//! locked with no access to files, network or extensions; the time, memory and size of the answer are
//! limited.

mod cells;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use duckdb::{Connection, InterruptHandle};
use hale_model::view::Table;

use crate::{State, StoreError, state_tables};

/// How long a query may hold the file itself, which nobody can write meanwhile.
pub(crate) const IN_PLACE_LIMIT: Duration = Duration::from_secs(1);
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);
const SQL_LIMIT_BYTES: usize = 64 * 1024;
const ANSWER_LIMIT_BYTES: usize = 32 << 20;
/// How much larger the process may become while it answers.
const GROWTH_LIMIT_BYTES: u64 = 192 << 20;
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// Table functions that read nothing but the database and their arguments.
const TABLE_FUNCTIONS: [&str; 12] = [
    "range",
    "generate_series",
    "unnest",
    "repeat",
    "json_each",
    "json_tree",
    "duckdb_tables",
    "duckdb_views",
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_types",
    "pragma_table_info",
];

/// Functions that change something, or tell of more than the database.
const FORBIDDEN_FUNCTIONS: [&str; 7] =
    ["getenv", "nextval", "setseed", "write_log", "current_setting", "getvariable", "set_config"];

/// Answers one statement over telemetry and state.
pub(crate) fn run(
    connection: &Connection,
    path: &Path,
    state: Option<&State>,
    sql: &str,
    limit_rows: u32,
) -> Result<Table, StoreError> {
    run_within(connection, path, state, sql, limit_rows, TIME_LIMIT)
}

pub(crate) fn run_within(
    connection: &Connection,
    path: &Path,
    state: Option<&State>,
    sql: &str,
    limit_rows: u32,
    time_limit: Duration,
) -> Result<Table, StoreError> {
    let watchdog = Watchdog::start(connection.interrupt_handle(), time_limit)
        .map_err(|e| StoreError::io(path, "watch over a query of", e))?;
    let result = answer(connection, path, state, sql, limit_rows);
    match watchdog.stop() {
        Stopped::No => result,
        Stopped::TimeOver => Err(StoreError::Timeout { limit_secs: time_limit.as_secs() }),
        Stopped::TooLarge => Err(StoreError::TooLarge),
    }
}

fn answer(
    connection: &Connection,
    path: &Path,
    state: Option<&State>,
    sql: &str,
    limit_rows: u32,
) -> Result<Table, StoreError> {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    let tables = judge(connection, sql)?;
    state_tables::create(connection, path)?;
    if let Some(state) = state {
        for table in state_tables::ALL.iter().filter(|t| tables.contains(t.name)) {
            state_tables::fill(connection, path, state, table)?;
        }
    }
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(query_error)?;
    let result = read(connection, sql, limit_rows);
    // Nothing was written; the connection must be usable for the next one.
    connection.execute_batch("ROLLBACK").map_err(query_error)?;
    state_tables::remove(connection, path)?;
    result
}

fn read(connection: &Connection, sql: &str, limit_rows: u32) -> Result<Table, StoreError> {
    let limit_rows = if limit_rows == 0 { usize::MAX } else { limit_rows as usize };
    let mut statement = connection.prepare(sql).map_err(query_error)?;
    // Only begun here: the batches are fetched below, where an error is an error and no panic.
    drop(statement.stream_arrow([]).map_err(query_error)?);
    let schema = statement.schema();
    let columns = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut table = Table { columns, ..Table::default() };
    let mut bytes = 0;
    while let Some(batch) = statement.step().map_err(query_error)? {
        for at in 0..duckdb::arrow::array::Array::len(&batch) {
            if table.rows.len() >= limit_rows || bytes > ANSWER_LIMIT_BYTES {
                table.truncated = true;
                return Ok(table);
            }
            let row = cells::row(&batch, at);
            bytes += row.iter().map(cells::size_bytes).sum::<usize>();
            table.rows.push(row);
        }
    }
    Ok(table)
}

/// The tables a statement names, if all it does is read them.
fn judge(connection: &Connection, sql: &str) -> Result<BTreeSet<String>, StoreError> {
    if sql.len() > SQL_LIMIT_BYTES {
        return refused(format!("over {SQL_LIMIT_BYTES} bytes of SQL"));
    }
    if sql.contains('\0') {
        return refused("a NUL byte in the SQL".to_owned());
    }
    // Only SELECT can be written as JSON, so EXPLAIN is taken off first; what it explains is judged.
    let sql = explained(sql).unwrap_or(sql);
    let tree: String = connection
        .query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql], |row| row.get(0))
        .map_err(query_error)?;
    let nodes = nodes(connection, &tree)?;
    let value_of = |path: &str, key: &str| {
        nodes.iter().find(|n| n.path == path && n.key == key).map(|n| n.value.as_str())
    };
    if value_of("$", "error") != Some("false") {
        let message = value_of("$", "error_message").unwrap_or("no reason given");
        return if value_of("$", "error_type") == Some("not implemented") {
            refused("only statements that read are answered".to_owned())
        } else {
            Err(StoreError::Query { message: message.to_owned() })
        };
    }
    match nodes.iter().filter(|n| n.path == "$.statements").count() {
        1 => {}
        0 => return Err(StoreError::Query { message: "no statement".to_owned() }),
        many => return refused(format!("{many} statements; one at a time")),
    }
    let table_functions: BTreeSet<String> = nodes
        .iter()
        .filter(|n| n.key == "type" && n.value == "TABLE_FUNCTION")
        .map(|n| format!("{}.function", n.path))
        .collect();
    for node in nodes.iter().filter(|n| n.key == "function_name") {
        let name = node.value.to_lowercase();
        if table_functions.contains(&node.path) {
            if !TABLE_FUNCTIONS.contains(&name.as_str()) {
                return refused(format!("the table function {name}() is not allowed"));
            }
        } else if FORBIDDEN_FUNCTIONS.contains(&name.as_str()) {
            return refused(format!("the function {name}() is not allowed"));
        }
    }
    let tables: BTreeSet<String> = nodes
        .iter()
        .filter(|n| n.key == "table_name")
        .map(|n| n.value.trim_matches('"').to_lowercase())
        .collect();
    // DuckDB would take such a name for a file; none of ours holds one of these.
    match tables.iter().find(|name| name.contains(['/', '.', ':', '*'])) {
        Some(file) => refused(format!("`{file}` would be a file")),
        None => Ok(tables),
    }
}

fn refused<T>(why: String) -> Result<T, StoreError> {
    Err(StoreError::Refused { why })
}

/// What an `EXPLAIN` or `EXPLAIN ANALYZE` explains.
fn explained(sql: &str) -> Option<&str> {
    let rest = after_word(sql, "explain")?;
    Some(after_word(rest, "analyze").unwrap_or(rest))
}

fn after_word<'s>(text: &'s str, word: &str) -> Option<&'s str> {
    let (first, rest) = text.trim_start().split_at_checked(word.len())?;
    (first.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then_some(rest)
}

/// One leaf of a statement's syntax tree, or one of its statements.
struct Node {
    path: String,
    key: String,
    value: String,
}

/// The parts of the syntax tree that are judged. DuckDB walks it: it may be nested deeper than a
/// parser of ours would like.
fn nodes(connection: &Connection, tree: &str) -> Result<Vec<Node>, StoreError> {
    let sql = "SELECT path, coalesce(key, ''), coalesce(json_extract_string(value, '$'), '') \
               FROM json_tree(?::VARCHAR) \
               WHERE path = '$.statements' OR (atom IS NOT NULL AND key IN ('error', 'error_type', \
               'error_message', 'type', 'function_name', 'table_name'))";
    let mut statement = connection.prepare(sql).map_err(query_error)?;
    statement
        .query_map([tree], |row| {
            Ok(Node { path: row.get(0)?, key: row.get(1)?, value: row.get(2)? })
        })
        .and_then(Iterator::collect)
        .map_err(|e| {
            if out_of_memory(&e) {
                return StoreError::Query { message: "nested too deeply to be judged".to_owned() };
            }
            query_error(e)
        })
}

fn out_of_memory(error: &duckdb::Error) -> bool {
    error.to_string().starts_with("Out of Memory Error")
}

fn query_error(error: duckdb::Error) -> StoreError {
    if out_of_memory(&error) {
        StoreError::TooLarge
    } else {
        StoreError::Query { message: error.to_string() }
    }
}

/// Resident memory of this process; none where the kernel does not tell.
fn resident_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * PAGE_BYTES)
}

/// Why a query was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    No,
    TimeOver,
    TooLarge,
}

/// Interrupts a connection when its time is over, or when the process has grown too much: not all
/// that DuckDB allocates counts against its own limit.
struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<Stopped>,
}

impl Watchdog {
    fn start(handle: Arc<InterruptHandle>, limit: Duration) -> std::io::Result<Watchdog> {
        let (stop, done) = channel();
        let deadline = Instant::now() + limit;
        let most_bytes = resident_bytes().unwrap_or(0) + GROWTH_LIMIT_BYTES;
        let thread =
            std::thread::Builder::new().name("query-limit".to_owned()).spawn(move || {
                let mut stopped = Stopped::No;
                while done.recv_timeout(WATCH_EVERY) == Err(RecvTimeoutError::Timeout) {
                    if stopped == Stopped::No && Instant::now() >= deadline {
                        stopped = Stopped::TimeOver;
                    } else if stopped == Stopped::No && resident_bytes() > Some(most_bytes) {
                        stopped = Stopped::TooLarge;
                    }
                    // Again and again: an interrupt between two steps is forgotten.
                    if stopped != Stopped::No {
                        handle.interrupt();
                    }
                }
                stopped
            })?;
        Ok(Watchdog { stop, thread })
    }

    /// Ends the watch.
    fn stop(self) -> Stopped {
        drop(self.stop);
        // It only waits, reads and interrupts: it does not panic.
        self.thread.join().unwrap_or(Stopped::No)
    }
}

#[cfg(test)]
mod tests;
