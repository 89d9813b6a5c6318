//! One JSON object a line in a file of hale's user alone; one older file is kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hale_model::config::Notifications;

use super::{Channel, Notification};

/// The file is set aside as `FILE.1` before it grows beyond this.
const MAX_FILE_BYTES: u64 = 16 << 20;

pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
}

impl LogFile {
    /// None: switched off by an empty name.
    pub fn new(config: &Notifications, data_dir: &Path) -> Option<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let path = path_of(config.log_file.as_deref(), data_dir, home.as_deref())?;
        Some(LogFile { path, max_bytes: MAX_FILE_BYTES })
    }
}

fn path_of(configured: Option<&str>, data_dir: &Path, home: Option<&Path>) -> Option<PathBuf> {
    match configured {
        None => Some(data_dir.join("alerts.jsonl")),
        Some("") => None,
        Some(path) => Some(match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }),
    }
}

impl Channel for LogFile {
    fn name(&self) -> String {
        format!("file {}", self.path.display())
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        let write = tokio::task::spawn_blocking(move || append(&path, &notification, max_bytes));
        let result = write.await.unwrap_or_else(|e| Err(io::Error::other(e)));
        let path = self.path.display();
        result
            .map_err(|error| format!("{path} cannot be written ({error}); hale goes on without it"))
    }
}

fn append(path: &Path, notification: &Notification, max_bytes: u64) -> io::Result<()> {
    let mut line = serde_json::to_vec(notification).map_err(io::Error::other)?;
    line.push(b'\n');
    let mut file = open(path)?;
    let size = file.metadata()?.len();
    if size > 0 && size.saturating_add(line.len() as u64) > max_bytes {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, aside)?;
        file = open(path)?;
    }
    // In one write, so that lines of two writers do not mix.
    file.write_all(&line)
}

fn open(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    match open() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            open()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use std::os::unix::fs::MetadataExt as _;

    use hale_model::alert::Severity;
    use hale_model::{MachineId, Timestamp};

    use super::super::NotificationKind;
    use super::*;

    #[test]
    fn where_the_file_lies() {
        let (data, home) = (Path::new("/d"), Some(Path::new("/home/u")));
        for (configured, expected) in [
            (None, Some("/d/alerts.jsonl")),
            (Some(""), None),
            (Some("~/x/a.jsonl"), Some("/home/u/x/a.jsonl")),
            (Some("/var/log/a.jsonl"), Some("/var/log/a.jsonl")),
        ] {
            assert_eq!(path_of(configured, data, home).as_deref(), expected.map(Path::new));
        }
    }

    #[test]
    fn lines_are_private_and_the_file_stays_small() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/alerts.jsonl");
        let mut notification = Notification {
            at: Timestamp::UNIX_EPOCH,
            kind: NotificationKind::Opened,
            severity: Severity::High,
            machine_id: MachineId::from("web-1"),
            title: "memory.high".to_owned(),
            text: "a\nb".to_owned(),
            alert: None,
            incident_id: Some("in-1".to_owned()),
            commands: Vec::new(),
            key: "k".to_owned(),
            incident: None,
        };
        for i in 0..20 {
            notification.text = format!("line {i}");
            append(&path, &notification, 1000).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let last: Notification = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last, notification);
        let older = dir.path().join("new/alerts.jsonl.1");
        for file in [&path, &older] {
            let meta = file.metadata().unwrap();
            assert!(meta.len() <= 1000 && meta.mode() & 0o777 == 0o600, "{meta:?}");
        }
    }
}
