//! Which message began the thread of which incident. Kept in a small file, so that a hale that begins
//! anew goes on in the same threads.

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Incidents whose threads are remembered; beyond that the oldest are forgotten.
const THREADS_MAX: usize = 500;
/// Questions of one incident that wait for an answer.
const ASKED_MAX: usize = 16;
/// Bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Thread {
    /// Slack's name of the first message.
    pub ts: String,
    /// Fingerprint of what it shows.
    pub shown: String,
    /// Questions with buttons.
    pub asked: Vec<Asked>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub approval: String,
    pub ts: String,
    pub action: String,
}

pub(super) struct Threads {
    /// None: nothing is kept on disk.
    path: Option<PathBuf>,
    threads: VecDeque<(String, Thread)>,
}

impl Threads {
    /// Those of this Slack channel. A file that cannot be read counts as none: threads begin anew.
    pub fn load(data_dir: &Path, channel: &str) -> Threads {
        if data_dir.as_os_str().is_empty() {
            return Threads { path: None, threads: VecDeque::new() };
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric();
        let channel: String = channel.chars().filter(|c| is_plain(*c)).take(32).collect();
        let path = data_dir.join(format!("slack-{channel}.json"));
        let is_small = std::fs::metadata(&path).is_ok_and(|m| m.len() <= FILE_BYTES_MAX);
        let bytes = if is_small { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let threads = serde_json::from_slice(&bytes).unwrap_or_default();
        Threads { path: Some(path), threads }
    }

    pub fn get(&self, incident: &str) -> Option<Thread> {
        self.threads.iter().find(|(id, _)| id == incident).map(|(_, thread)| thread.clone())
    }

    pub fn put(&mut self, incident: &str, mut thread: Thread) {
        let surplus = thread.asked.len().saturating_sub(ASKED_MAX);
        thread.asked.drain(..surplus);
        match self.threads.iter_mut().find(|(id, _)| id == incident) {
            Some((_, known)) if *known == thread => return,
            Some((_, known)) => *known = thread,
            None => self.threads.push_back((incident.to_owned(), thread)),
        }
        while self.threads.len() > THREADS_MAX {
            self.threads.pop_front();
        }
        self.save();
    }

    pub fn forget(&mut self, incident: &str) {
        self.threads.retain(|(id, _)| id != incident);
        self.save();
    }

    fn save(&self) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write(path, &self.threads) {
            tracing::warn!(path = %path.display(), %error, "the threads cannot be kept; after a restart new ones begin");
        }
    }
}

/// A few kilobytes in one go, under another name first, so that no reader sees half of it.
fn write(path: &Path, threads: &VecDeque<(String, Thread)>) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(threads)?;
    let aside = path.with_extension("json.new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&bytes)?;
    std::fs::rename(&aside, path)
}
