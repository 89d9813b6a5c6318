//! `credentials.toml`: one table `[keys]`, mode 0600, replaced as a whole. And the single files that
//! systemd hands over.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use toml_edit::{DocumentMut, Item, Table, value};

use super::{KEY_BYTES_MAX, KeyError, fit};

/// Bytes of the whole file.
const FILE_BYTES_MAX: u64 = 1 << 20;
const HEAD: &str =
    "# Keys of hale's language models. Only its owner may read this file (mode 0600).\n\n";

/// A credential's whole file is the key. systemd keeps it from others.
pub(super) fn read_credential(path: &Path) -> Result<Option<SecretString>, KeyError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut text = String::new();
    file.take(KEY_BYTES_MAX as u64 + 2)
        .read_to_string(&mut text)
        .map_err(|e| wrong("read", path, e))?;
    match fit(&text) {
        Some(key) => Ok(Some(key)),
        None => Err(wrong("read", path, "it holds no key")),
    }
}

pub(super) fn read(path: &Path, name: &str) -> Result<Option<SecretString>, KeyError> {
    let Some(document) = document(path)? else { return Ok(None) };
    let found = document.get("keys").and_then(|keys| keys.get(name));
    Ok(found.and_then(Item::as_str).and_then(fit))
}

pub(super) fn write(path: &Path, name: &str, key: &SecretString) -> Result<(), KeyError> {
    let mut document = match document(path)? {
        Some(document) => document,
        None => DocumentMut::new(),
    };
    if document.get("keys").and_then(Item::as_table).is_none() {
        document.insert("keys", Item::Table(Table::new()));
    }
    document["keys"][name] = value(key.expose_secret());
    replace(path, &document)
}

/// Whether it was there.
pub(super) fn remove(path: &Path, name: &str) -> Result<bool, KeyError> {
    let Some(mut document) = document(path)? else { return Ok(false) };
    let keys = document.get_mut("keys").and_then(Item::as_table_mut);
    if keys.and_then(|keys| keys.remove(name)).is_none() {
        return Ok(false);
    }
    replace(path, &document)?;
    Ok(true)
}

fn document(path: &Path) -> Result<Option<DocumentMut>, KeyError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let metadata = file.metadata().map_err(|e| wrong("look at", path, e))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    // Root's own file may be read by root, nobody else's by anybody.
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyError::Foreign { path: path.to_owned(), owner: metadata.uid() });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|e| wrong("read", path, e))?;
    // The parser's message quotes the line, which may hold the key: only its place is told.
    text.parse::<DocumentMut>().map(Some).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            1 + text.as_bytes()[..span.start.min(text.len())]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
        });
        wrong("read", path, format!("line {line} is no TOML"))
    })
}

/// None: there is no such file.
fn open(path: &Path) -> Result<Option<File>, KeyError> {
    // A named pipe in its place must not hang hale.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong("open", path, error)),
    }
}

fn replace(path: &Path, document: &DocumentMut) -> Result<(), KeyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| wrong("create the folder of", path, e))?;
    let fresh = folder.join(format!(".credentials.toml.{}", std::process::id()));
    // Left behind by a process of the same number that was killed.
    let _ = fs::remove_file(&fresh);
    let text = document.to_string();
    let text = if text.starts_with('#') { text } else { format!("{HEAD}{text}") };
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        wrong("write", path, error)
    })
}

fn wrong(operation: &'static str, path: &Path, why: impl ToString) -> KeyError {
    KeyError::File { operation, path: path.to_owned(), why: why.to_string() }
}
