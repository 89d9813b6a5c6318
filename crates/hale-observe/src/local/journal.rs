//! The journal: journald through a `journalctl` that follows, or the kernel's ring buffer where
//! there is no journald.
//!
//! A child process rather than a library: journalctl reads every version, compression and namespace
//! of the format that its own systemd writes, and its crash is not ours.

pub(super) mod entry;
mod follow;
pub(super) mod kmsg;
mod line;
pub mod window;

use std::path::{Path, PathBuf};

use hale_model::sample::JournalSample;

use self::follow::Follower;
use self::kmsg::Kmsg;
use super::JournalAccess;
use super::read::ReadError;
use super::worker::{Moment, Reading};

/// Where journald keeps its files: volatile and persistent.
const JOURNAL_PLACES: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// Bytes of one message that are kept.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 4096;
/// Bytes of the names in an entry that are kept.
pub(super) const NAME_LIMIT_BYTES: usize = 256;

pub(crate) struct JournalCollector {
    access: JournalAccess,
    kmsg_path: PathBuf,
    boot_id: String,
    resume: Option<String>,
    source: Option<Source>,
}

enum Source {
    Journald(Follower),
    Kmsg(Kmsg),
}

impl JournalCollector {
    pub(crate) fn new(access: JournalAccess, kmsg_path: PathBuf, boot_id: String) -> Self {
        JournalCollector { access, kmsg_path, boot_id, resume: None, source: None }
    }

    pub(crate) fn resume(&mut self, cursor: Option<String>) {
        self.resume = cursor;
    }

    pub(crate) async fn collect(&mut self, moment: Moment) -> Reading<JournalSample> {
        let started = std::time::Instant::now();
        let mut reading = self.entries(moment);
        reading.took_us = started.elapsed().as_micros() as u64;
        reading
    }

    fn entries(&mut self, moment: Moment) -> Reading<JournalSample> {
        if self.source.is_none() {
            match self.open() {
                Ok(Some(source)) => self.source = Some(source),
                Ok(None) => return none(&self.access, &self.kmsg_path),
                // Without journald an ordinary user has no log at all: none, not one that broke.
                Err(error) if error.is_forbidden() => return forbidden(&self.kmsg_path),
                Err(error) => return Reading::failed(error),
            }
        }
        match &mut self.source {
            Some(Source::Journald(follower)) => follower.take(),
            Some(Source::Kmsg(kmsg)) => {
                let reading = kmsg.read(moment);
                if reading.value.is_err() {
                    // Opened anew next time, from the record after the last one.
                    self.resume = kmsg.cursor();
                    self.source = None;
                }
                reading
            }
            None => none(&self.access, &self.kmsg_path),
        }
    }

    fn open(&mut self) -> Result<Option<Source>, ReadError> {
        match self.access {
            JournalAccess::Disabled => return Ok(None),
            JournalAccess::Auto => {}
        }
        let resume = self.resume.take();
        if has_journald()
            && let Some(program) = find_in_path("journalctl")
        {
            return Ok(Some(Source::Journald(Follower::start(program, resume))));
        }
        match Kmsg::open(&self.kmsg_path, &self.boot_id, resume.as_deref()) {
            Ok(kmsg) => Ok(Some(Source::Kmsg(kmsg))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => {
                self.resume = resume;
                Err(error)
            }
        }
    }
}

fn forbidden(kmsg: &Path) -> Reading<JournalSample> {
    let mut reading = Reading::of(JournalSample::default());
    reading.absent = true;
    reading.note(format!(
        "journald is not here, and {} is only for root (kernel.dmesg_restrict)",
        kmsg.display()
    ));
    reading
}

fn none(access: &JournalAccess, kmsg: &Path) -> Reading<JournalSample> {
    let mut reading = Reading::of(JournalSample::default());
    reading.absent = true;
    reading.note(match access {
        JournalAccess::Disabled => "the journal is switched off".to_owned(),
        JournalAccess::Auto => format!("neither journald nor {} is here", kmsg.display()),
    });
    reading
}

/// Whether journald has written anything on this machine.
fn has_journald() -> bool {
    const ENTRIES_MAX: usize = 64;
    JOURNAL_PLACES.iter().map(Path::new).any(|place| {
        super::read::names(place, ENTRIES_MAX).iter().any(|machine| {
            let files = super::read::names(&place.join(machine), ENTRIES_MAX);
            files.iter().any(|file| file.ends_with(".journal"))
        })
    })
}

fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
