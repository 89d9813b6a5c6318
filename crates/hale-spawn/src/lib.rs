//! The limit of open files: hale raises its own, and whatever it starts gets the one that hale was started
//! with. A service that hale restarts must run as it would have without hale, and programs that use
//! select(2), or close every file that they may have, take a high limit badly.
//!
//! A limit is the whole process's and is inherited when a program is started; there is no safe way to set
//! it between fork and exec. So it is lowered for the moment of the start. Meanwhile other threads cannot
//! have more files than the old limit allows: where so many are open that this would be felt, the
//! program's limit is set right after it has begun instead.
//!
//! Not through here: helper programs of kubeconfigs, which the kube crate starts.

use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Files that must be free below the old limit for it to be put in force for a moment.
const FREE_FILES_MIN: u64 = 128;

/// The limit that this process was started with, once it has raised it.
static FIRST: Mutex<Option<Rlimit>> = Mutex::new(None);

fn first() -> MutexGuard<'static, Option<Rlimit>> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets this process have so many files open, or as many as its user may.
///
/// # Errors
/// The kernel refuses; the limit stays as it was.
pub fn raise_open_files(wanted: u64) -> io::Result<()> {
    let mut first = first();
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(wanted).min(wanted);
    if now.current.is_none_or(|current| current >= most) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: now.maximum })?;
    first.get_or_insert(now);
    Ok(())
}

/// Files that this process may have open.
pub fn open_files_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Starts a program.
///
/// # Errors
/// As [`Command::spawn`].
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    with_first_limit(|| command.spawn(), |child| Some(child.id()))
}

/// Starts a program that is waited for without a thread.
///
/// # Errors
/// As [`tokio::process::Command::spawn`].
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn spawn_async(command: &mut tokio::process::Command) -> io::Result<tokio::process::Child> {
    with_first_limit(|| command.spawn(), tokio::process::Child::id)
}

fn with_first_limit<C>(
    start: impl FnOnce() -> io::Result<C>,
    pid_of: impl Fn(&C) -> Option<u32>,
) -> io::Result<C> {
    // Held to the end: two starts at once would take the lowered limit for the raised one.
    let first = first();
    let Some(limit) = *first else { return start() };
    let raised = getrlimit(Resource::Nofile);
    let for_child = Rlimit { current: limit.current, maximum: raised.maximum };
    if has_room(limit) {
        setrlimit(Resource::Nofile, for_child)?;
        let _raised_again = RaisedAgain(raised);
        return start();
    }
    let child = start()?;
    let pid = pid_of(&child).and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended already, or has become another user's, keeps what it has.
        let _ = prlimit(Some(pid), Resource::Nofile, for_child);
    }
    Ok(child)
}

fn has_room(limit: Rlimit) -> bool {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return false };
    let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
    limit.current.is_none_or(|most| open.saturating_add(FREE_FILES_MIN) <= most)
}

/// Puts the limit in force again, also where the start panics.
struct RaisedAgain(Rlimit);

impl Drop for RaisedAgain {
    fn drop(&mut self) {
        // It was in force a moment ago, and the hard limit has not changed.
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}
