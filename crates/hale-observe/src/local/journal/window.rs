//! One look back at what was logged: the journal, the kernel's ring buffer, log files.
//!
//! Newest first where there is a limit to meet, so that what is left out is the oldest. Every entry
//! and line is handed on as it is read; nothing is kept here.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hale_model::Timestamp;
use hale_model::sample::JournalEntry;
use tokio::io::BufReader;
use tokio::process::Command;

use super::entry::{FIELDS, parse_entry};
use super::kmsg::Kmsg;
use super::line::{Line, next_line};
use super::{JournalAccess, find_in_path, has_journald};
use crate::local::Roots;
use crate::local::host;
use crate::local::read::{self, Scratch, lossy};

/// Entries of the journal that are read.
const ENTRIES_MAX: u64 = 1_000_000;
/// Time that reading the journal may take.
const JOURNAL_SECS_MAX: u64 = 30;
/// Bytes at the end of a file that are read.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// What is read of a file in one go.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of a line of a file that are kept.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Looks at the ring buffer, each of many records, before it is taken to have no end.
const RING_LOOKS_MAX: usize = 64;
const PIPE_BUFFER_BYTES: usize = 64 * 1024;

/// Where syslog daemons write where there is no journald.
const FILES: [&str; 8] =
    ["syslog", "messages", "kern.log", "auth.log", "secure", "daemon.log", "cron.log", "maillog"];

/// Something that was logged.
#[derive(Debug)]
pub enum Logged<'a> {
    /// An entry of the journal or the ring buffer.
    Entry(JournalEntry),
    /// A line of this file, without its end.
    Line(&'a Path, &'a [u8]),
}

/// How reading one source went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource {
    /// The source: `journal`, or a path.
    pub name: String,
    /// Entries or lines that were read.
    pub read: u64,
    /// Why nothing, or not all, could be read.
    pub problem: Option<String>,
}

impl LogSource {
    fn failed(name: impl Into<String>, problem: impl Into<String>) -> Self {
        LogSource { name: name.into(), read: 0, problem: Some(problem.into()) }
    }
}

/// Reads what this machine logged since then: the journal; without journald the usual files below
/// `log_dir` and the ring buffer.
pub async fn read_logs(
    roots: &Roots,
    log_dir: &Path,
    since: Timestamp,
    mut each: impl FnMut(Logged<'_>),
) -> Vec<LogSource> {
    if roots.journal == JournalAccess::Auto
        && has_journald()
        && let Some(program) = find_in_path("journalctl")
    {
        return vec![read_journal(&program, since, &mut each).await];
    }
    let mut sources: Vec<LogSource> = FILES
        .iter()
        .map(|name| log_dir.join(name))
        .filter(|path| path.exists())
        .map(|path| read_log_file(&path, &mut each))
        .collect();
    sources.extend(read_ring(roots, &mut each));
    sources
}

async fn read_journal(
    program: &Path,
    since: Timestamp,
    each: &mut impl FnMut(Logged<'_>),
) -> LogSource {
    let name = "journal";
    let fields = format!("--output-fields={FIELDS}");
    let since = format!("--since=@{}", since.as_second());
    let mut command = Command::new(program);
    command
        .args(["--output=json", "--all", "--no-pager", "--reverse", &fields, &since])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = match hale_spawn::spawn_async(&mut command) {
        Ok(child) => child,
        Err(error) => {
            return LogSource::failed(name, format!("cannot start {}: {error}", program.display()));
        }
    };
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return LogSource::failed(name, "the output of journalctl is not piped");
    };
    let mut source = LogSource { name: name.to_owned(), read: 0, problem: None };
    let mut unread = 0_u64;
    let entries = async {
        let mut out = BufReader::with_capacity(PIPE_BUFFER_BYTES, out);
        let mut line = Vec::new();
        loop {
            match next_line(&mut out, &mut line).await {
                Ok(Line::Whole) => match parse_entry(&line) {
                    Some(parsed) => {
                        source.read += 1;
                        each(Logged::Entry(parsed.entry));
                    }
                    None => unread += 1,
                },
                Ok(Line::TooLong) => unread += 1,
                Ok(Line::End) | Err(_) => return true,
            }
            if source.read >= ENTRIES_MAX {
                return false;
            }
        }
    };
    let limit = Duration::from_secs(JOURNAL_SECS_MAX);
    let whole = tokio::time::timeout(limit, entries).await.unwrap_or(false);
    let words = if whole { said(err).await } else { String::new() };
    drop(child);
    source.problem = if !whole {
        Some(format!("only the newest {} entries were read", source.read))
    } else if words.contains("not seeing messages from other users") {
        Some(
            "only this user's own messages may be read; run this as root or as a member of the \
             group systemd-journal"
                .to_owned(),
        )
    } else if source.read == 0 && !words.is_empty() {
        Some(words)
    } else {
        (unread > 0).then(|| format!("{unread} entries could not be read"))
    };
    source
}

/// What journalctl complained about.
async fn said(err: tokio::process::ChildStderr) -> String {
    const TEXT_BYTES_MAX: usize = 512;
    const LINES_MAX: usize = 16;
    let mut err = BufReader::with_capacity(1024, err);
    let mut line = Vec::new();
    let mut words = Vec::new();
    while let Ok(Line::Whole | Line::TooLong) = next_line(&mut err, &mut line).await {
        if words.len() < LINES_MAX {
            words.push(lossy(&line, TEXT_BYTES_MAX));
        }
    }
    words.join(" ").trim().to_owned()
}

/// Reads the end of a log file: at most 128 MiB.
pub fn read_log_file(path: &Path, each: &mut impl FnMut(Logged<'_>)) -> LogSource {
    let name = path.display().to_string();
    match open_log_file(path) {
        Ok((file, skipped)) => {
            let mut source = read_lines(path, file.take(FILE_BYTES_MAX), skipped > 0, each);
            if skipped > 0 && source.problem.is_none() {
                let mebibytes = FILE_BYTES_MAX / (1024 * 1024);
                source.problem = Some(format!("only the last {mebibytes} MiB were read"));
            }
            source
        }
        Err(error) => LogSource::failed(name, error.to_string()),
    }
}

/// The file at the place from which it is read, and how many bytes are before that.
fn open_log_file(path: &Path) -> std::io::Result<(File, u64)> {
    // A pipe or a device may never end.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut file = File::open(path)?;
    let skipped = metadata.len().saturating_sub(FILE_BYTES_MAX);
    file.seek(SeekFrom::Start(skipped))?;
    Ok((file, skipped))
}

/// Reads a stream of lines, such as standard input, to its end.
pub fn read_log_stream(
    name: &Path,
    input: impl std::io::Read,
    each: &mut impl FnMut(Logged<'_>),
) -> LogSource {
    read_lines(name, input, false, each)
}

fn read_lines(
    path: &Path,
    mut input: impl std::io::Read,
    torn: bool,
    each: &mut impl FnMut(Logged<'_>),
) -> LogSource {
    let mut lines = Lines { skip: torn, ..Lines::default() };
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut problem = None;
    loop {
        match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(len) => {
                let chunk = chunk.get(..len).unwrap_or_default();
                lines.take(chunk, |line| each(Logged::Line(path, line)));
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                problem = Some(error.to_string());
                break;
            }
        }
    }
    lines.end(|line| each(Logged::Line(path, line)));
    LogSource { name: path.display().to_string(), read: lines.read, problem }
}

/// Cuts chunks into lines, of which only the front is kept.
#[derive(Default)]
struct Lines {
    front: Vec<u8>,
    open: bool,
    /// The first line is a torn one.
    skip: bool,
    read: u64,
}

impl Lines {
    fn take(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if self.open {
                self.keep(line);
                self.end(&mut each);
            } else {
                self.give(line, &mut each);
            }
        }
        if !rest.is_empty() {
            self.keep(rest);
            self.open = true;
        }
    }

    fn end(&mut self, mut each: impl FnMut(&[u8])) {
        if self.open {
            let front = std::mem::take(&mut self.front);
            self.give(&front, &mut each);
            self.open = false;
        }
    }

    fn keep(&mut self, more: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.front.len());
        self.front.extend_from_slice(more.get(..room).unwrap_or(more));
    }

    fn give(&mut self, line: &[u8], each: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.skip) {
            return;
        }
        self.read += 1;
        let line = line.get(..LINE_BYTES_MAX).unwrap_or(line);
        each(line.strip_suffix(b"\r").unwrap_or(line));
    }
}

/// The whole ring buffer of the kernel; none where there is none.
fn read_ring(roots: &Roots, each: &mut impl FnMut(Logged<'_>)) -> Option<LogSource> {
    let name = roots.kmsg.display().to_string();
    let boot_id = "look";
    let cursor = format!("{}{boot_id}:0", super::kmsg::CURSOR_PREFIX);
    let mut kmsg = match Kmsg::open(&roots.kmsg, boot_id, Some(&cursor)) {
        Ok(kmsg) => kmsg,
        Err(error) if error.is_missing() => return None,
        Err(error) => return Some(LogSource::failed(name, error.to_string())),
    };
    let mut scratch = Scratch::default();
    let live = read::is_procfs(&roots.proc);
    let mut source = LogSource { name, read: 0, problem: None };
    for _ in 0..RING_LOOKS_MAX {
        let moment = host::moment(&mut scratch, &roots.proc, live);
        match kmsg.read(moment).value {
            Ok(sample) if sample.entries.is_empty() => break,
            Ok(sample) => {
                source.read += sample.entries.len() as u64;
                sample.entries.into_iter().for_each(|entry| each(Logged::Entry(entry)));
            }
            Err(error) => {
                source.problem = Some(error.to_string());
                break;
            }
        }
    }
    Some(source)
}

/// Where logs are on a usual machine.
pub fn log_dir() -> PathBuf {
    PathBuf::from("/var/log")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;

    fn lines_of(path: &Path) -> (Vec<String>, LogSource) {
        let mut lines = Vec::new();
        let source = read_log_file(path, &mut |logged| match logged {
            Logged::Line(_, line) => lines.push(String::from_utf8_lossy(line).into_owned()),
            Logged::Entry(entry) => lines.push(entry.message),
        });
        (lines, source)
    }

    #[test]
    fn lines_of_a_file_whatever_they_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let mut text = b"one\r\n\n\xff two\n".to_vec();
        text.extend(vec![b'x'; 3 * CHUNK_BYTES]);
        text.extend(b"\nlast");
        std::fs::write(&path, text).unwrap();
        let (lines, source) = lines_of(&path);
        assert_eq!(lines[..3], ["one", "", "\u{fffd} two"]);
        assert_eq!((lines[3].len(), lines[4].as_str()), (LINE_BYTES_MAX, "last"));
        assert_eq!((source.read, source.problem), (5, None));
    }

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (lines, source) = lines_of(dir.path());
        assert!(lines.is_empty());
        assert_eq!(source.problem.as_deref(), Some("it is no regular file"));
        let (_, source) = lines_of(&dir.path().join("absent"));
        assert!(source.problem.unwrap().contains("No such file"));
    }

    #[tokio::test]
    async fn without_journald_the_files_and_the_ring_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("syslog"), "a\nb\n").unwrap();
        let kmsg = dir.path().join("kmsg");
        std::fs::write(&kmsg, "6,1,1000000,-;first\n3,2,2000000,-;second\n").unwrap();
        let roots = Roots { kmsg, journal: JournalAccess::Disabled, ..Roots::default() };
        let mut seen = Vec::new();
        let sources = read_logs(&roots, dir.path(), Timestamp::UNIX_EPOCH, |logged| match logged {
            Logged::Line(_, line) => seen.push(String::from_utf8_lossy(line).into_owned()),
            Logged::Entry(entry) => seen.push(format!("{} {}", entry.priority, entry.message)),
        })
        .await;
        assert_eq!(seen, ["a", "b", "6 first", "3 second"]);
        assert_eq!(sources.iter().map(|s| s.read).collect::<Vec<_>>(), [2, 2]);
    }
}
