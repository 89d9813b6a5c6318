//! The kernel's ring buffer, `/dev/kmsg`: `priority,sequence,microseconds,flags;text`, a record a
//! read.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hale_model::Timestamp;
use hale_model::sample::{JournalBackend, JournalEntry, JournalSample};
use rustix::fs::{CWD, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::{MESSAGE_LIMIT_BYTES, NAME_LIMIT_BYTES};
use crate::local::read::{ReadError, decimal, lossy, retry};
use crate::local::worker::{Moment, Reading};

/// What a cursor in the ring buffer begins with; then the boot and the sequence number.
pub(super) const CURSOR_PREFIX: &str = "kmsg:";
/// Records read in one collection; the rest stays in the ring for the next.
const RECORDS_MAX: usize = 5000;
/// The kernel's records are at most 8 KiB; a smaller buffer would be refused.
const RECORD_LIMIT_BYTES: usize = 16 * 1024;
const NANOS_PER_MICRO: u64 = 1000;

pub(super) struct Kmsg {
    fd: OwnedFd,
    path: PathBuf,
    boot_id: String,
    last_sequence: Option<u64>,
}

impl Kmsg {
    /// Opens the ring at its end, or after `cursor` if that is of this boot.
    pub(super) fn open(
        path: &Path,
        boot_id: &str,
        cursor: Option<&str>,
    ) -> Result<Kmsg, ReadError> {
        let failed = |operation: &'static str| {
            move |errno: Errno| ReadError::File { path: path.to_owned(), operation, errno }
        };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(failed("open"))?;
        let last_sequence = cursor.and_then(|c| parse_cursor(c, boot_id));
        let place = match last_sequence {
            Some(_) => SeekFrom::Start(0),
            None => SeekFrom::End(0),
        };
        rustix::fs::seek(&fd, place).map_err(failed("seek in"))?;
        Ok(Kmsg { fd, path: path.to_owned(), boot_id: boot_id.to_owned(), last_sequence })
    }

    pub(super) fn cursor(&self) -> Option<String> {
        let sequence = self.last_sequence?;
        Some(format!("{CURSOR_PREFIX}{}:{sequence}", self.boot_id))
    }

    /// Everything new; never waits.
    pub(super) fn read(&mut self, moment: Moment) -> Reading<JournalSample> {
        let now = Timestamp::now();
        let mut buffer = [0u8; RECORD_LIMIT_BYTES];
        let mut entries = Vec::new();
        let mut lost = 0;
        for _ in 0..RECORDS_MAX {
            let len = match retry(|| rustix::io::read(&self.fd, &mut buffer)) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(len) => len,
                // Overrun: the ring went on without us, from its oldest record. The gap in the
                // sequence tells how many there were.
                Err(Errno::PIPE) => continue,
                Err(errno) => {
                    let path = self.path.clone();
                    return Reading::failed(ReadError::File { path, operation: "read", errno });
                }
            };
            for record in buffer[..len].split(|b| *b == b'\n').filter_map(parse_record) {
                match self.last_sequence {
                    Some(last) if record.sequence <= last => continue,
                    Some(last) => lost += record.sequence - last - 1,
                    None => {}
                }
                self.last_sequence = Some(record.sequence);
                entries.extend(record.entry(now, moment));
            }
        }
        let cursor = self.cursor();
        let mut reading =
            Reading::of(JournalSample { backend: JournalBackend::Kmsg, entries, cursor });
        reading.lost = lost;
        if lost > 0 {
            reading.note(format!("{lost} kernel records were overwritten before they were read"));
        }
        reading
    }
}

pub(in crate::local) fn parse_cursor(cursor: &str, boot_id: &str) -> Option<u64> {
    let (boot, sequence) = cursor.strip_prefix(CURSOR_PREFIX)?.rsplit_once(':')?;
    if boot == boot_id { sequence.parse().ok() } else { None }
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::local) struct Record<'a> {
    facility: u64,
    priority: u8,
    sequence: u64,
    micros: u64,
    text: &'a [u8],
}

/// The first line of a record; the lines after it, with a space in front, are a device's particulars.
pub(in crate::local) fn parse_record(line: &[u8]) -> Option<Record<'_>> {
    let semicolon = line.iter().position(|b| *b == b';')?;
    let (head, text) = (line.get(..semicolon)?, line.get(semicolon + 1..)?);
    let mut fields = head.split(|b| *b == b',');
    let level = fields.next().and_then(decimal)?;
    let sequence = fields.next().and_then(decimal)?;
    let micros = fields.next().and_then(decimal)?;
    Some(Record { facility: level >> 3, priority: (level & 7) as u8, sequence, micros, text })
}

impl Record<'_> {
    /// The entry: all of the kernel's, of others only warnings and worse.
    pub(in crate::local) fn entry(&self, now: Timestamp, moment: Moment) -> Option<JournalEntry> {
        let kernel = self.facility == 0;
        if !kernel && self.priority > 4 {
            return None;
        }
        let text = unescape(self.text);
        let (identifier, pid, message) = match (kernel, split_identifier(&text)) {
            (false, Some(parts)) => parts,
            _ => ("kernel", None, text.as_str()),
        };
        Some(JournalEntry {
            logged_at: wall_clock(self.micros, now, moment),
            priority: self.priority,
            unit: None,
            identifier: lossy(identifier.as_bytes(), NAME_LIMIT_BYTES),
            pid,
            kernel,
            message: lossy(message.as_bytes(), MESSAGE_LIMIT_BYTES),
        })
    }
}

/// Records carry the time since boot; how long ago that was gives the time of day. The kernel's log
/// clock stands still while the machine sleeps, so what was logged before a sleep seems older by it.
fn wall_clock(micros: u64, now: Timestamp, moment: Moment) -> Timestamp {
    let age_ns = moment.boottime_ns.saturating_sub(micros.saturating_mul(NANOS_PER_MICRO));
    let age = std::time::Duration::from_nanos(age_ns);
    now.checked_sub(age).unwrap_or(now)
}

/// `\x1b` stands for a byte that is not printable.
fn unescape(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let code = tail
            .strip_prefix(b"x")
            .filter(|_| *first == b'\\')
            .and_then(|hex| crate::local::read::hexadecimal(hex.get(..2)?));
        match code {
            Some(code) => {
                bytes.push(code as u8);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    lossy(&bytes, RECORD_LIMIT_BYTES)
}

/// `systemd[1]: text`, as programs write it that log through the kernel.
fn split_identifier(text: &str) -> Option<(&str, Option<i32>, &str)> {
    let (head, message) = text.split_once(": ")?;
    let (name, pid) = match head.strip_suffix(']').and_then(|h| h.split_once('[')) {
        Some((name, pid)) => (name, pid.parse().ok()),
        None => (head, None),
    };
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some((name, pid, message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    const MOMENT: Moment = Moment { boottime_ns: 100_000_000_000 };

    #[test]
    fn new_records_only_with_their_time_and_gaps() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kmsg");
        std::fs::write(&path, "6,1,1000000,-;old\n").unwrap();
        let mut kmsg = Kmsg::open(&path, "boot", None).unwrap();
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(
            b"3,2,90000000,-;Out of memory: Killed process 77 (hog) total-vm:9kB\n SUBSYSTEM=x\n\
              28,5,95000000,-;cron[12]: job failed\n30,6,95000000,-;chatter\n\
              6,7,99000000,-;tab\\x09here\n",
        )
        .unwrap();
        let before = Timestamp::now();
        let reading = kmsg.read(MOMENT);
        let sample = reading.value.unwrap();
        let shown: Vec<String> = sample
            .entries
            .iter()
            .map(|e| {
                let ago = (before.as_second() - e.logged_at.as_second() + 1) / 5 * 5;
                format!("{} {} {:?} {ago} {}", e.priority, e.identifier, e.pid, e.message)
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        3 kernel None 10 Out of memory: Killed process 77 (hog) total-vm:9kB
        4 cron Some(12) 5 job failed
        6 kernel None 0 tab	here
        ");
        assert_eq!(reading.lost, 2);
        assert_eq!(sample.cursor.as_deref(), Some("kmsg:boot:7"));
        assert_eq!(kmsg.read(MOMENT).value.unwrap().entries, []);
    }

    #[test]
    fn a_cursor_goes_on_within_its_boot_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kmsg");
        std::fs::write(&path, "6,1,1,-;one\n6,2,1,-;two\n6,3,1,-;three\n").unwrap();
        let messages = |boot: &str, cursor: &str| -> Vec<String> {
            let mut kmsg = Kmsg::open(&path, boot, Some(cursor)).unwrap();
            kmsg.read(MOMENT).value.unwrap().entries.into_iter().map(|e| e.message).collect()
        };
        assert_eq!(messages("a", "kmsg:a:1"), ["two", "three"]);
        assert!(messages("b", "kmsg:a:1").is_empty());
        assert!(messages("a", "s=1;i=2").is_empty());
    }

    #[test]
    fn lines_that_are_no_records() {
        for line in ["", "6,1", " KEY=value", "x,1,1,-;text", "6;text"] {
            assert_eq!(parse_record(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, text: String) {
            if let Some(record) = parse_record(&bytes) {
                record.entry(Timestamp::now(), MOMENT);
            }
            let mut line = b"4,1,18446744073709551615,-;".to_vec();
            line.extend(&bytes);
            parse_record(&line).map(|r| r.entry(Timestamp::now(), MOMENT));
            unescape(&bytes);
            split_identifier(&text);
            parse_cursor(&text, "");
        }
    }
}
