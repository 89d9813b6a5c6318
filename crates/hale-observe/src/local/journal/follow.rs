//! A `journalctl` that follows the journal, started again when it ends.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hale_model::Timestamp;
use hale_model::sample::{JournalBackend, JournalEntry, JournalSample};
use tokio::io::BufReader;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::entry::{FIELDS, parse_entry};
use super::line::{Line, next_line};
use crate::local::read::{ReadError, lossy};
use crate::local::worker::Reading;

/// Entries that wait for the next collection; further ones are counted as lost.
const QUEUE_ENTRIES_MAX: usize = 10_000;
/// Bytes of all messages that wait.
const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;
const PIPE_BUFFER_BYTES: usize = 16 * 1024;
const BACKOFF_FIRST_SECS: u64 = 1;
const BACKOFF_MAX_SECS: u64 = 60;
/// A journalctl that lived this long did its work: the next one starts soon.
const LIVED_WELL_SECS: u64 = 30;
/// A cursor further ahead of the clock than this would wait for a time that may never come.
const CURSOR_AHEAD_MAX_SECS: i64 = 300;
/// Reads a day's worth at most after a long pause.
const CATCH_UP_MAX_SECS: i64 = 24 * 3600;

/// Entries that have come since they were last taken.
#[derive(Default)]
struct Queue {
    entries: VecDeque<JournalEntry>,
    bytes: usize,
    cursor: Option<String>,
    /// Time of the entry at the cursor.
    last_at: Option<Timestamp>,
    lost: u64,
    too_long: u64,
    failure: Option<String>,
}

type Shared = Arc<Mutex<Queue>>;

/// What follows the journal; ends its child when dropped.
pub(super) struct Follower {
    queue: Shared,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Starts to follow after `cursor`, or from now on.
    pub(super) fn start(program: PathBuf, cursor: Option<String>) -> Follower {
        let cursor = cursor.filter(|c| !c.starts_with(super::kmsg::CURSOR_PREFIX));
        let last_at = cursor.as_deref().and_then(cursor_time);
        let queue = Shared::new(Mutex::new(Queue { cursor, last_at, ..Queue::default() }));
        let task = tokio::spawn(follow(program, queue.clone()));
        Follower { queue, task }
    }

    /// What has come since the last time.
    pub(super) fn take(&mut self) -> Reading<JournalSample> {
        let mut queue = lock(&self.queue);
        queue.bytes = 0;
        let entries: Vec<JournalEntry> = std::mem::take(&mut queue.entries).into();
        let failure = queue.failure.clone();
        // While journalctl is down, entries that came before are still news.
        if let Some(text) = failure.as_ref().filter(|_| entries.is_empty()) {
            return Reading::failed(ReadError::Other(text.clone()));
        }
        let mut reading = Reading::of(JournalSample {
            backend: JournalBackend::Journald,
            entries,
            cursor: queue.cursor.clone(),
        });
        let too_long = std::mem::take(&mut queue.too_long);
        reading.lost = std::mem::take(&mut queue.lost) + too_long;
        if too_long > 0 {
            reading.note(format!(
                "{too_long} journal entries over {} bytes",
                super::line::LINE_LIMIT_BYTES
            ));
        }
        if let Some(text) = failure {
            reading.note(text);
        }
        reading
    }
}

fn lock(queue: &Shared) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where in the journal to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    Now,
    After(String),
    /// The journal no longer knows the cursor: by time, and what is not newer is passed over.
    Since(Timestamp),
}

async fn follow(program: PathBuf, queue: Shared) {
    let mut pause_secs = BACKOFF_FIRST_SECS;
    let mut cursor_failed = false;
    loop {
        let start = {
            let (mut queue, now) = (lock(&queue), Timestamp::now());
            let start = start_at(queue.cursor.as_deref(), queue.last_at, cursor_failed, now);
            // Should journalctl end before the first entry, the next one goes on from here.
            queue.last_at.get_or_insert(now);
            start
        };
        let started = tokio::time::Instant::now();
        let (failure, entries) = match spawn(&program, &start) {
            Ok((child, out, err)) => read_child(child, out, err, &start, &queue).await,
            Err(error) => (format!("cannot start {}: {error}", program.display()), 0),
        };
        tracing::debug!(failure, entries, "journalctl ended");
        // Ended at once, without an entry, at a cursor: the cursor is to blame.
        cursor_failed = entries == 0 && matches!(start, Start::After(_));
        if started.elapsed() >= Duration::from_secs(LIVED_WELL_SECS) {
            pause_secs = BACKOFF_FIRST_SECS;
        }
        lock(&queue).failure = Some(failure);
        tokio::time::sleep(Duration::from_secs(pause_secs)).await;
        pause_secs = (2 * pause_secs).min(BACKOFF_MAX_SECS);
    }
}

fn start_at(
    cursor: Option<&str>,
    last_at: Option<Timestamp>,
    cursor_failed: bool,
    now: Timestamp,
) -> Start {
    let ahead_secs = last_at.map_or(0, |at| at.as_second() - now.as_second());
    // The clock was set back: journalctl would wait for entries "after" a time to come.
    if ahead_secs > CURSOR_AHEAD_MAX_SECS {
        return Start::Now;
    }
    if ahead_secs <= -CATCH_UP_MAX_SECS {
        let oldest = now.as_second().saturating_sub(CATCH_UP_MAX_SECS);
        return Timestamp::from_second(oldest).map_or(Start::Now, Start::Since);
    }
    match (cursor, last_at) {
        (Some(cursor), _) if !cursor_failed => Start::After(cursor.to_owned()),
        (_, Some(at)) => Start::Since(at),
        (_, None) => Start::Now,
    }
}

/// A cursor holds the time of its entry, in hexadecimal microseconds.
fn cursor_time(cursor: &str) -> Option<Timestamp> {
    let hex = cursor.split(';').find_map(|part| part.strip_prefix("t="))?;
    Timestamp::from_microsecond(i64::from_str_radix(hex, 16).ok()?).ok()
}

fn arguments(start: &Start) -> Vec<String> {
    let fields = format!("--output-fields={FIELDS}");
    let mut arguments: Vec<String> =
        ["--output=json", &fields, "--all", "--follow", "--no-pager", "--quiet"]
            .map(str::to_owned)
            .into();
    match start {
        Start::Now => arguments.push("--lines=0".to_owned()),
        Start::After(cursor) => {
            arguments.extend(["--no-tail".to_owned(), format!("--after-cursor={cursor}")]);
        }
        Start::Since(at) => {
            arguments.extend(["--no-tail".to_owned(), format!("--since=@{}", at.as_second())]);
        }
    }
    // Matches of one field are alternatives; `+` joins two groups the same way.
    arguments.extend((0..=4).map(|priority| format!("PRIORITY={priority}")));
    arguments.extend(["+".to_owned(), "_TRANSPORT=kernel".to_owned()]);
    arguments
}

fn spawn(program: &PathBuf, start: &Start) -> std::io::Result<(Child, ChildStdout, ChildStderr)> {
    let mut command = Command::new(program);
    command
        .args(arguments(start))
        // Its own words are shown to people as they are; data does not depend on this.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = hale_spawn::spawn_async(&mut command)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (Some(out), Some(err)) = (out, err) else {
        return Err(std::io::Error::other("its output is not piped"));
    };
    Ok((child, out, err))
}

/// Reads until the child ends; gives why, and how many entries came.
async fn read_child(
    mut child: Child,
    out: ChildStdout,
    err: ChildStderr,
    start: &Start,
    queue: &Shared,
) -> (String, u64) {
    let mut entries = 0;
    let not_before = match start {
        Start::Since(at) => Some(*at),
        Start::Now | Start::After(_) => None,
    };
    let read_entries = async {
        let mut out = BufReader::with_capacity(PIPE_BUFFER_BYTES, out);
        let mut line = Vec::new();
        loop {
            match next_line(&mut out, &mut line).await {
                Ok(Line::Whole) => entries += u64::from(keep(&line, not_before, queue)),
                Ok(Line::TooLong) => lock(queue).too_long += 1,
                Ok(Line::End) | Err(_) => break,
            }
        }
    };
    let (last_words, ()) = tokio::join!(last_line(err), read_entries);
    let status = match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    (why_it_ended(&status, &last_words), entries)
}

fn why_it_ended(status: &str, last_words: &str) -> String {
    let colon = if last_words.is_empty() { "" } else { ": " };
    let next_step = if last_words.contains("permission") {
        "; run hale as root or as a member of the group systemd-journal"
    } else {
        ""
    };
    format!("journalctl ended ({status}){colon}{last_words}{next_step}")
}

/// What it complained about; read to the end so that it never waits for a reader.
async fn last_line(err: ChildStderr) -> String {
    const TEXT_LIMIT_BYTES: usize = 512;
    let mut err = BufReader::with_capacity(1024, err);
    let mut line = Vec::new();
    let mut last = String::new();
    while let Ok(Line::Whole | Line::TooLong) = next_line(&mut err, &mut line).await {
        last = lossy(&line, TEXT_LIMIT_BYTES);
    }
    last
}

fn keep(line: &[u8], not_before: Option<Timestamp>, queue: &Shared) -> bool {
    let Some(parsed) = parse_entry(line) else {
        lock(queue).lost += 1;
        return false;
    };
    if not_before.is_some_and(|at| parsed.entry.logged_at <= at) {
        return false;
    }
    let mut queue = lock(queue);
    queue.failure = None;
    queue.last_at = Some(parsed.entry.logged_at);
    if parsed.cursor.is_some() {
        queue.cursor = parsed.cursor;
    }
    let bytes = parsed.entry.message.len();
    if queue.entries.len() >= QUEUE_ENTRIES_MAX || queue.bytes + bytes > QUEUE_BYTES_MAX {
        queue.lost += 1;
    } else {
        queue.bytes += bytes;
        queue.entries.push_back(parsed.entry);
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn where_to_begin() {
        let now = at(1_000_000);
        let after = Start::After("c".to_owned());
        for (cursor, last_at, failed, expected) in [
            (None, None, false, Start::Now),
            (Some("c"), None, false, after.clone()),
            (Some("c"), Some(at(999_000)), false, after),
            (Some("c"), Some(at(999_000)), true, Start::Since(at(999_000))),
            (Some("c"), None, true, Start::Now),
            (None, Some(at(999_000)), false, Start::Since(at(999_000))),
            (Some("c"), Some(at(2_000_000)), false, Start::Now),
            (Some("c"), Some(at(100_000)), false, Start::Since(at(1_000_000 - 86_400))),
        ] {
            assert_eq!(start_at(cursor, last_at, failed, now), expected, "{cursor:?} {last_at:?}");
        }
        assert_eq!(
            cursor_time("s=a;i=b;t=60a24e1d6d240;x=1"),
            Some(Timestamp::from_microsecond(0x6_0a24_e1d6_d240).unwrap())
        );
        assert_eq!(cursor_time("nonsense"), None);
    }

    /// A program in journalctl's place that says its arguments and then does what `body` says.
    fn journalctl(dir: &std::path::Path, body: &str) -> PathBuf {
        let path = dir.join("journalctl");
        let log = dir.join("arguments");
        let script = format!("#!/bin/sh\necho \"$*\" >> {}\n{body}\n", log.display());
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
        const TRIES_MAX: u32 = 400;
        for _ in 0..TRIES_MAX {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        look().unwrap()
    }

    #[tokio::test]
    async fn entries_come_with_their_cursor_and_the_child_ends_with_the_follower() {
        let dir = tempfile::tempdir().unwrap();
        let body = format!(
            "echo '{{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"hello\"}}'\n\
             echo not json\n\
             head -c 10485760 /dev/zero | tr '\\0' x; echo\n\
             echo $$ > {}/pid; exec sleep 60",
            dir.path().display()
        );
        let mut follower = Follower::start(journalctl(dir.path(), &body), None);
        let pid =
            until(|| fs::read_to_string(dir.path().join("pid")).ok().filter(|p| p.ends_with('\n')))
                .await;
        let reading = until(|| {
            let reading = follower.take();
            reading.value.as_ref().is_ok_and(|s| !s.entries.is_empty()).then_some(reading)
        })
        .await;
        let sample = reading.value.unwrap();
        assert_eq!(sample.entries[0].message, "hello");
        assert_eq!(sample.cursor.as_deref(), Some("s=1"));
        let mut lost = reading.lost;
        until(|| {
            lost += follower.take().lost;
            (lost == 2).then_some(())
        })
        .await;
        let arguments = fs::read_to_string(dir.path().join("arguments")).unwrap();
        assert!(arguments.contains("--lines=0 PRIORITY=0"), "{arguments}");
        assert!(arguments.contains("PRIORITY=4 + _TRANSPORT=kernel"), "{arguments}");
        drop(follower);
        let state = format!("/proc/{}/stat", pid.trim());
        until(|| {
            let stat = fs::read_to_string(&state).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_cursor_that_is_refused_gives_way_to_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let body = "case \"$*\" in *after-cursor*) echo 'Failed to seek to cursor' >&2; exit 1;; esac\n\
             echo '{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"known already\"}'\n\
             echo '{\"__REALTIME_TIMESTAMP\":\"4000000000000000\",\"MESSAGE\":\"new\"}'\n\
             exec sleep 60";
        let micros = Timestamp::now().as_microsecond();
        let cursor = format!("s=1;t={micros:x}");
        let mut follower = Follower::start(journalctl(dir.path(), body), Some(cursor));
        let failed = until(|| follower.take().value.err()).await.to_string();
        assert_eq!(failed, "journalctl ended (exit status: 1): Failed to seek to cursor");
        let entries =
            until(|| follower.take().value.ok().map(|s| s.entries).filter(|e| !e.is_empty())).await;
        assert_eq!(entries.iter().map(|e| e.message.as_str()).collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn why_it_ended_comes_with_the_next_step() {
        let refused = "No journal files were opened due to insufficient permissions.";
        let hint = "; run hale as root or as a member of the group systemd-journal";
        for (words, expected) in [
            ("", "journalctl ended (exit status: 1)".to_owned()),
            (refused, format!("journalctl ended (exit status: 1): {refused}{hint}")),
        ] {
            assert_eq!(why_it_ended("exit status: 1", words), expected);
        }
    }

    #[test]
    fn the_queue_is_bounded_and_counts_what_it_drops() {
        let queue = Shared::default();
        let long = "m".repeat(4000);
        for n in 0..2000 {
            let line =
                format!(r#"{{"__CURSOR":"c{n}","__REALTIME_TIMESTAMP":"{n}","MESSAGE":"{long}"}}"#);
            keep(line.as_bytes(), None, &queue);
        }
        let queue = lock(&queue);
        assert!(queue.bytes <= QUEUE_BYTES_MAX);
        assert_eq!(queue.entries.len() as u64 + queue.lost, 2000);
        // What was dropped is behind the cursor all the same: it is lost, not read twice.
        assert_eq!(queue.cursor.as_deref(), Some("c1999"));
    }
}
