//! The quarantine's journal: what lay where, written before a file is touched.
//!
//! One JSON object a line. A crash can tear only the last line, and a torn line was not yet acted on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Bytes of a manifest that are read; about 400 bytes a file and four lines each.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// A path as JSON: text where it is UTF-8, else its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum PathText {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for PathText {
    fn from(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => PathText::Text(text.to_owned()),
            None => PathText::Bytes(path.as_os_str().to_owned().into_vec()),
        }
    }
}

impl PathText {
    pub fn path(&self) -> PathBuf {
        match self {
            PathText::Text(text) => text.into(),
            PathText::Bytes(bytes) => OsString::from_vec(bytes.clone()).into(),
        }
    }
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Original {
    pub path: PathText,
    pub size_bytes: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime_secs: i64,
    pub mtime_nanos: u32,
}

/// One step in the life of a quarantined file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A copy will be made as `files/SEQ`.
    Intent {
        seq: u32,
        #[serde(flatten)]
        original: Original,
    },
    /// The copy is complete and on disk; from now on the original may be removed.
    Stored { seq: u32, blake3: String },
    /// The original is removed.
    Moved { seq: u32 },
    /// The original stays; the copy is of no use.
    Left { seq: u32, why: String },
    /// The file is back in its place.
    Restored { seq: u32 },
}

/// Where a file is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Intent,
    Stored { blake3: String },
    Moved { blake3: String },
    Left,
    Restored,
}

/// A file with its stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub original: Original,
    pub stage: Stage,
}

/// The manifest, open for appending.
pub(crate) struct Manifest {
    file: File,
    next_seq: u32,
}

/// Name of the manifest in its quarantine.
pub(crate) const FILE_NAME: &str = "manifest.jsonl";

impl Manifest {
    /// Opens or makes the manifest of a quarantine and reads what it says so far.
    pub fn open(quarantine: &Path) -> io::Result<(Manifest, BTreeMap<u32, Item>)> {
        let path = quarantine.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&path)?;
        let mut text = Vec::new();
        Read::by_ref(&mut file).take(MAX_MANIFEST_BYTES).read_to_end(&mut text)?;
        if text.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        file.seek(SeekFrom::End(0))?;
        let items = items(&text);
        let next_seq = items.keys().next_back().map_or(1, |last| last.saturating_add(1));
        Ok((Manifest { file, next_seq }, items))
    }

    pub fn next_seq(&mut self) -> u32 {
        let seq = self.next_seq;
        self.next_seq = self.next_seq.saturating_add(1);
        seq
    }

    /// Appends without waiting for the disk.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Appends, and returns once it is on disk.
    pub fn append_durably(&mut self, line: &Line) -> io::Result<()> {
        self.append(line)?;
        self.file.sync_data()
    }
}

/// Reads a manifest without changing it; none if there is none.
pub(crate) fn read(quarantine: &Path) -> io::Result<Option<BTreeMap<u32, Item>>> {
    match File::open(quarantine.join(FILE_NAME)) {
        Ok(file) => {
            let mut text = Vec::new();
            file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text)?;
            Ok(Some(items(&text)))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn items(text: &[u8]) -> BTreeMap<u32, Item> {
    let mut items = BTreeMap::new();
    for line in text.split(|b| *b == b'\n') {
        if let Ok(line) = serde_json::from_slice(line) {
            take_step(&mut items, line);
        }
    }
    items
}

fn take_step(items: &mut BTreeMap<u32, Item>, line: Line) {
    match line {
        Line::Intent { seq, original } => {
            items.insert(seq, Item { original, stage: Stage::Intent });
        }
        Line::Stored { seq, blake3 } => {
            set(items, seq, |_| Stage::Stored { blake3 });
        }
        Line::Moved { seq } => set(items, seq, |stage| match stage {
            Stage::Stored { blake3 } => Stage::Moved { blake3 },
            other @ (Stage::Intent | Stage::Moved { .. } | Stage::Left | Stage::Restored) => other,
        }),
        Line::Left { seq, .. } => set(items, seq, |_| Stage::Left),
        Line::Restored { seq } => set(items, seq, |_| Stage::Restored),
    }
}

fn set(items: &mut BTreeMap<u32, Item>, seq: u32, step: impl FnOnce(Stage) -> Stage) {
    if let Some(item) = items.get_mut(&seq) {
        item.stage = step(item.stage.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn original(path: &str) -> Original {
        Original {
            path: PathText::from(Path::new(path)),
            size_bytes: 3,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            mtime_secs: 1,
            mtime_nanos: 2,
        }
    }

    #[test]
    fn a_line_is_readable_and_a_torn_one_was_not_acted_on() {
        let dir = tempfile::tempdir().unwrap();
        let (mut manifest, items) = Manifest::open(dir.path()).unwrap();
        assert!(items.is_empty());
        for path in ["/a", "/b"] {
            let seq = manifest.next_seq();
            manifest.append(&Line::Intent { seq, original: original(path) }).unwrap();
            manifest.append_durably(&Line::Stored { seq, blake3: "00".into() }).unwrap();
        }
        manifest.append(&Line::Moved { seq: 1 }).unwrap();
        let text = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        insta::assert_snapshot!(text.lines().next().unwrap(), @r#"{"step":"intent","seq":1,"path":"/a","size_bytes":3,"mode":33188,"uid":0,"gid":0,"mtime_secs":1,"mtime_nanos":2}"#);

        let torn = text.trim_end().len() - 4;
        std::fs::write(dir.path().join(FILE_NAME), &text[..torn]).unwrap();
        let (mut manifest, items) = Manifest::open(dir.path()).unwrap();
        assert_eq!(items[&1].stage, Stage::Stored { blake3: "00".into() });
        assert_eq!(manifest.next_seq(), 3);
        manifest.append(&Line::Moved { seq: 2 }).unwrap();
        let items = read(dir.path()).unwrap().unwrap();
        assert_eq!(items[&2].stage, Stage::Moved { blake3: "00".into() });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(text: Vec<u8>) {
            let _ = items(&text);
        }

        #[test]
        fn any_path_survives(bytes in proptest::collection::vec(1_u8.., 1..60)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let json = serde_json::to_string(&PathText::from(path.as_path())).unwrap();
            let back: PathText = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.path(), path);
        }
    }
}
