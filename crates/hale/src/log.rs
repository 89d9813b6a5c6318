//! Logs: `hale.log` in the data directory for the agent, standard error for `-v`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A log that reaches this becomes `hale.log.1`, and a new one begins.
const LIMIT_LOG_BYTES: u64 = 8 * 1024 * 1024;

/// Where logs go.
pub fn init(verbose: bool, file: Option<&Path>) {
    let stderr = verbose.then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .with_ansi(false)
            .with_filter(ours(LevelFilter::DEBUG))
    });
    let file = file.map(|path| {
        tracing_subscriber::fmt::layer()
            .with_writer(Mutex::new(Rotating::new(path)))
            .with_ansi(false)
            .with_filter(ours(LevelFilter::INFO))
    });
    // Fails only if a subscriber is set already, which is then as good.
    let _ = tracing_subscriber::registry().with(stderr).with(file).try_init();
}

/// This much of hale's own words, and warnings of the libraries below.
fn ours(level: LevelFilter) -> Targets {
    Targets::new().with_default(LevelFilter::WARN).with_target("hale", level)
}

/// A file of limited size with one predecessor. Opened with its first line: the agent logs from its
/// very start, but the directory is its own only once it holds the lock.
struct Rotating {
    path: PathBuf,
    file: Option<File>,
    written_bytes: u64,
}

impl Rotating {
    fn new(path: &Path) -> Self {
        Rotating { path: path.to_owned(), file: None, written_bytes: 0 }
    }

    fn open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(&self.path)?;
            self.written_bytes = file.metadata()?.len();
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("the log is not open"))
    }
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?;
        if self.written_bytes >= LIMIT_LOG_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = None;
        }
        let written = self.open()?.write(bytes)?;
        self.written_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_full_log_makes_room_and_keeps_one_predecessor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hale.log");
        let mut log = Rotating::new(&path);
        log.open().unwrap();
        log.written_bytes = LIMIT_LOG_BYTES - 1;
        for line in ["first\n", "second\n", "third\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second\nthird\n");
        let before = std::fs::read_to_string(dir.path().join("hale.log.1")).unwrap();
        assert_eq!(before, "first\n");
    }
}
