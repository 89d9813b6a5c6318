//! Which files some process holds open or mapped: these are left where they are.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A look at every process costs; within this time the last one still counts.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// The open files of one file system, by inode.
pub(crate) struct OpenFiles {
    proc: PathBuf,
    dev: u64,
    read_at: Option<Instant>,
    inodes: HashSet<u64>,
}

impl OpenFiles {
    pub fn new(proc: &Path, dev: u64) -> Self {
        OpenFiles { proc: proc.to_owned(), dev, read_at: None, inodes: HashSet::new() }
    }

    /// Whether a process holds this file. What hale may not see (other users' processes, without
    /// root) it cannot count; the caller moves only its own files then.
    pub fn holds(&mut self, inode: u64) -> bool {
        if self.read_at.is_none_or(|at| at.elapsed() > FRESH_FOR) {
            self.read();
        }
        self.inodes.contains(&inode)
    }

    fn read(&mut self) {
        self.inodes.clear();
        let Ok(entries) = std::fs::read_dir(&self.proc) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) {
                self.read_process(&entry.path());
            }
        }
        self.read_at = Some(Instant::now());
    }

    fn read_process(&mut self, process: &Path) {
        for held in ["fd", "map_files"] {
            let Ok(links) = std::fs::read_dir(process.join(held)) else { continue };
            for link in links.flatten() {
                // Follows the link: the file itself, even one that has been renamed.
                if let Ok(file) = std::fs::metadata(link.path())
                    && file.dev() == self.dev
                {
                    self.inodes.insert(file.ino());
                }
            }
        }
    }
}
