//! Where moved files lie: `quarantine/ACTION/` in the data directory, with `manifest.jsonl` and
//! `files/SEQ`. Readable by hale's user alone, whatever the files' own modes are.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use hale_model::ActionId;

/// One action's quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Quarantine {
    dir: PathBuf,
}

/// Directory in the data directory that holds every quarantine.
const ROOT: &str = "quarantine";

/// Name of an action's quarantine, relative to the data directory; none if the id is no file name.
pub(crate) fn relative_name(id: &ActionId) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id = id.as_str();
    (!id.is_empty() && id.len() <= 64 && id.chars().all(legal)).then(|| format!("{ROOT}/{id}"))
}

impl Quarantine {
    /// The quarantine of this name, if the name stays below the data directory's `quarantine/`.
    pub fn named(data_dir: &Path, name: &str) -> Option<Quarantine> {
        let given = Path::new(name);
        let relative = given.strip_prefix(data_dir).unwrap_or(given);
        let parts: Vec<_> = relative.components().collect();
        match parts.as_slice() {
            [Component::Normal(root), Component::Normal(_)] if *root == ROOT => {
                Some(Quarantine { dir: data_dir.join(relative) })
            }
            _ => None,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn file(&self, seq: u32) -> PathBuf {
        self.dir.join("files").join(format!("{seq:06}"))
    }

    /// Makes the directories.
    pub fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.dir.join("files"))
    }

    /// A new, empty file; a leftover of an interrupted attempt is replaced.
    pub fn create(&self, seq: u32) -> io::Result<File> {
        let path = self.file(seq);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
    }

    /// Waits until the directories' entries are on disk.
    pub fn sync(&self) -> io::Result<()> {
        File::open(self.dir.join("files"))?.sync_all()?;
        File::open(&self.dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_quarantine_lies_below_the_data_directory_and_nowhere_else() {
        let data = Path::new("/data/hale");
        for (name, dir) in [
            ("quarantine/ac-1", Some("/data/hale/quarantine/ac-1")),
            ("/data/hale/quarantine/ac-1", Some("/data/hale/quarantine/ac-1")),
            ("quarantine", None),
            ("quarantine/../etc", None),
            ("/etc/quarantine/x", None),
            ("../quarantine/x", None),
            ("other/x", None),
            ("", None),
        ] {
            let got = Quarantine::named(data, name);
            assert_eq!(got.as_ref().map(Quarantine::dir), dir.map(Path::new), "{name}");
        }
        assert_eq!(relative_name(&ActionId::from("ac-0a")), Some("quarantine/ac-0a".to_owned()));
        for wrong in ["", "../x", "a/b", "a b"] {
            assert_eq!(relative_name(&ActionId::from(wrong)), None, "{wrong}");
        }
    }
}
