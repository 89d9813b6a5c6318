//! Everything as Parquet files, one a table or view.

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use duckdb::Connection;

use super::connect::{self, connect};
use super::tables::{TableId, VIEWS};
use super::{Mode, Telemetry, in_memory, open_state};
use crate::{StoreError, state_tables};

impl Telemetry {
    /// Writes every telemetry table and view, and (given its path) every state table, as
    /// `NAME.parquet` into a directory, which is made if missing. What waits to be written is not
    /// in it: flush first. Says what was written.
    ///
    /// # Errors
    /// If something cannot be read or written. Files that were there before are replaced one by
    /// one, each whole or not at all.
    pub fn export(
        &self,
        state_path: Option<&Path>,
        directory: &Path,
    ) -> Result<String, StoreError> {
        // The everyday connection may not write outside its file, and DuckDB opens a file only once.
        self.close();
        let connection = connect(&self.path, Mode::Export)?;
        export(&connection, &self.path, state_path, directory)
    }
}

/// As [`Telemetry::export`], with no agent running; telemetry that does not exist yet counts as
/// empty.
///
/// # Errors
/// As there; and [`StoreError::Busy`] if an agent holds the file: ask it instead.
pub fn export_readonly(
    telemetry_path: &Path,
    state_path: &Path,
    directory: &Path,
) -> Result<String, StoreError> {
    // From a copy where there is room for one: whoever wants to write shall not wait for it.
    let connection = match connect::copy(telemetry_path, Mode::Export) {
        Err(StoreError::Missing { .. }) => in_memory(telemetry_path, Mode::Export)?,
        Err(_) => connect(telemetry_path, Mode::Export)?,
        Ok(copy) => copy,
    };
    export(&connection, telemetry_path, Some(state_path), directory)
}

fn export(
    connection: &Connection,
    path: &Path,
    state_path: Option<&Path>,
    directory: &Path,
) -> Result<String, StoreError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|e| StoreError::io(directory, "create", e))?;
    let mut names: Vec<&str> = VIEWS.to_vec();
    for table in TableId::ALL.map(TableId::table) {
        names.push(table.raw);
        names.extend(table.rollup);
    }
    if let Some(state) = state_path.map(open_state).transpose()?.flatten() {
        state_tables::create(connection, path)?;
        for table in state_tables::ALL {
            state_tables::fill(connection, path, &state, table)?;
            names.push(table.name);
        }
    }
    names.sort_unstable();
    names.dedup();
    let mut rows = 0;
    for name in &names {
        rows += write(connection, path, name, directory)?;
    }
    Ok(format!("wrote {rows} rows of {} tables to {}", names.len(), directory.display()))
}

fn write(
    connection: &Connection,
    path: &Path,
    name: &str,
    directory: &Path,
) -> Result<usize, StoreError> {
    let target = directory.join(format!("{name}.parquet"));
    let part = directory.join(format!("{name}.parquet.part"));
    let Some(quoted) = part.to_str().map(|p| p.replace('\'', "''")) else {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "not UTF-8");
        return Err(StoreError::io(directory, "export to", error));
    };
    // Made private before anything is in it.
    std::fs::write(&part, b"")
        .and_then(|()| std::fs::set_permissions(&part, Permissions::from_mode(0o600)))
        .map_err(|e| StoreError::io(&part, "create", e))?;
    let sql = format!(
        "COPY (SELECT * FROM {name}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd, \
         USE_TMP_FILE false)"
    );
    let rows = connection
        .execute(&sql, [])
        .map_err(|e| StoreError::duckdb(path, &format!("export {name} of"), e))?;
    std::fs::set_permissions(&part, Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&part, &target))
        .map_err(|e| StoreError::io(&target, "write", e))?;
    Ok(rows)
}
