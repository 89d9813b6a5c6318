//! Versioned migrations, the same for both databases: a file that a newer or another hale made is
//! refused before anything is written to it.

use std::path::Path;

use crate::StoreError;

/// One step of a schema. Once released, its text never changes.
pub(crate) struct Migration {
    /// 1, 2, 3, …
    pub(crate) version: u32,
    /// What it does.
    pub(crate) description: &'static str,
    /// How.
    pub(crate) sql: &'static str,
}

impl Migration {
    pub(crate) fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }
}

/// The steps that are still to be taken by a file to which `applied` (version, checksum; in
/// ascending order) were.
///
/// # Errors
/// If the file is newer than `known`, or one of its steps is not ours.
pub(crate) fn pending<'m>(
    path: &Path,
    known: &'m [Migration],
    applied: &[(u32, String)],
) -> Result<&'m [Migration], StoreError> {
    let newest_known = known.last().map_or(0, |m| m.version);
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > newest_known) {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: *found,
            known: newest_known,
        });
    }
    for (migration, (version, checksum)) in known.iter().zip(applied) {
        if migration.version != *version || migration.checksum() != *checksum {
            return Err(StoreError::MigrationChanged {
                path: path.to_owned(),
                version: migration.version,
            });
        }
    }
    Ok(&known[applied.len().min(known.len())..])
}
