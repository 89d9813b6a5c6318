//! One process and no other: reading its identity, and pinning it with a pidfd.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hale_model::ProcRef;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::ActError;

/// Longest chain of parents that is followed.
const MAX_ANCESTORS: usize = 256;

/// What identifies a process and its state, from `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub pid: i32,
    pub name: String,
    pub state: char,
    pub ppid: i32,
    pub pgrp: i32,
    pub nice: i32,
    pub threads: u32,
    pub start_ticks: u64,
}

impl Stat {
    /// A zombie does not live: it holds nothing but its exit code. But one whose main thread alone
    /// has ended shows as a zombie too, and its other threads work on.
    pub fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x') || self.threads > 1
    }

    pub fn reference(&self) -> ProcRef {
        ProcRef { pid: self.pid, start_ticks: self.start_ticks, name: self.name.clone() }
    }
}

/// Reads one `stat` line. The name may hold spaces and parentheses, so its end is the last `)`.
pub(crate) fn parse_stat(line: &[u8]) -> Option<Stat> {
    let open = line.iter().position(|b| *b == b'(')?;
    let close = line.iter().rposition(|b| *b == b')')?;
    let pid = std::str::from_utf8(line.get(..open)?).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(line.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        pid,
        name,
        state: fields.first()?.chars().next()?,
        ppid: fields.get(1)?.parse().ok()?,
        pgrp: fields.get(2)?.parse().ok()?,
        nice: fields.get(16)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

/// The processes of this machine, as seen below one `/proc`.
#[derive(Clone, Debug)]
pub(crate) struct Procs {
    root: PathBuf,
}

impl Procs {
    pub fn new(root: &Path) -> Self {
        Procs { root: root.to_owned() }
    }

    /// The process that has this pid now; none if there is none.
    pub fn stat(&self, pid: i32) -> Option<Stat> {
        let line = fs::read(self.root.join(pid.to_string()).join("stat")).ok()?;
        parse_stat(&line).filter(|stat| stat.pid == pid)
    }

    /// The start time of the process that has this pid now, if it lives.
    pub fn start_ticks_of(&self, pid: i32) -> Option<u64> {
        self.stat(pid).filter(Stat::lives).map(|stat| stat.start_ticks)
    }

    /// The same process, alive, by identity.
    pub fn find(&self, target: &ProcRef) -> Found {
        match self.stat(target.pid) {
            None => Found::Gone,
            Some(stat) if stat.start_ticks != target.start_ticks => Found::Replaced(stat),
            Some(stat) if !stat.lives() => Found::Gone,
            Some(stat) => Found::Alive(stat),
        }
    }

    /// The living process, or the refusal that says what is there instead.
    pub fn require(&self, target: &ProcRef) -> Result<Stat, ActError> {
        match self.find(target) {
            Found::Alive(stat) => Ok(stat),
            Found::Gone => Err(gone(target)),
            Found::Replaced(stat) => Err(replaced(target, &stat)),
        }
    }

    /// Threads of a process.
    pub fn threads(&self, pid: i32) -> Vec<Stat> {
        let tasks = self.root.join(pid.to_string()).join("task");
        let Ok(entries) = fs::read_dir(tasks) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("stat")).ok())
            .filter_map(|line| parse_stat(&line))
            .collect()
    }

    /// Every process there is.
    pub fn all(&self) -> Result<Vec<Stat>, ActError> {
        let entries = fs::read_dir(&self.root)
            .map_err(|e| ActError::from_io("list processes", self.root.display().to_string(), e))?;
        Ok(entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| self.stat(pid))
            .collect())
    }

    /// Owner of a process: the owner of its directory, which is its effective user.
    pub fn uid(&self, pid: i32) -> Option<u32> {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(self.root.join(pid.to_string())).ok().map(|m| m.uid())
    }

    /// The program a process runs, where hale may see it.
    pub fn exe(&self, pid: i32) -> Option<String> {
        let link = fs::read_link(self.root.join(pid.to_string()).join("exe")).ok()?;
        let text = link.to_string_lossy();
        // A package upgrade replaces the file below a running program: still the same program.
        Some(text.strip_suffix(" (deleted)").unwrap_or(&text).to_owned())
    }

    /// hale itself and every process above it: whoever kills these kills the watch or the session
    /// of the person who asked.
    pub fn own_line(&self) -> BTreeSet<i32> {
        let mut line = BTreeSet::from([1]);
        let mut pid = i32::try_from(std::process::id()).unwrap_or(0);
        for _ in 0..MAX_ANCESTORS {
            if pid <= 1 || !line.insert(pid) {
                break;
            }
            pid = self.stat(pid).map_or(0, |stat| stat.ppid);
        }
        line
    }

    /// Pins the process: from here on, signals reach it and no other.
    ///
    /// The order matters. The pidfd is opened first; if the pid still has the expected start time
    /// *afterwards*, the process lived all the while, so the pidfd is its own.
    pub fn pin(&self, target: &ProcRef) -> Result<Pinned, ActError> {
        let pid = Pid::from_raw(target.pid)
            .filter(|_| target.pid > 1)
            .ok_or_else(|| forbidden(target, "pid 1 and below are never signalled"))?;
        let fd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(Errno::SRCH) => return Err(gone(target)),
            Err(Errno::NOSYS) => {
                return Err(ActError::Unsupported {
                    operation: "signal a process".to_owned(),
                    why: "this kernel has no pidfd".to_owned(),
                    next: "Linux 5.3 or newer is needed".to_owned(),
                });
            }
            Err(errno) => {
                return Err(ActError::from_errno("open a pidfd", target.to_string(), errno));
            }
        };
        self.require(target)?;
        Ok(Pinned { target: target.clone(), fd })
    }
}

/// What a pid stands for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Alive(Stat),
    Gone,
    /// Another process has the pid.
    Replaced(Stat),
}

/// Refuses what hale never signals, whatever the guard said.
pub(crate) fn forbid_own_line(target: &ProcRef, own_line: &BTreeSet<i32>) -> Result<(), ActError> {
    if target.pid <= 1 {
        return Err(forbidden(target, "pid 1 and below are never signalled"));
    }
    if own_line.contains(&target.pid) {
        return Err(forbidden(target, "it is hale itself or a process that hale runs under"));
    }
    Ok(())
}

fn forbidden(target: &ProcRef, why: &str) -> ActError {
    ActError::Forbidden { target: target.to_string(), why: why.to_owned() }
}

fn gone(target: &ProcRef) -> ActError {
    ActError::TargetGone { target: target.to_string() }
}

pub(crate) fn replaced(target: &ProcRef, now: &Stat) -> ActError {
    ActError::TargetChanged {
        target: target.to_string(),
        what: format!(
            "the pid now belongs to `{}`, started at tick {} and not {}",
            hale_model::text::printable(&now.name),
            now.start_ticks,
            target.start_ticks
        ),
    }
}

/// A process held by a pidfd.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub target: ProcRef,
    fd: OwnedFd,
}

impl AsFd for Pinned {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Pinned {
    /// Sends a signal to this process and no other.
    pub fn signal(&self, signal: Signal) -> Result<(), Errno> {
        pidfd_send_signal(&self.fd, signal)
    }

    /// Whether it has exited (a zombie has).
    pub fn exited(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&now)), Ok(ready) if ready > 0)
    }
}

/// How often pidfds are looked at while hale waits for processes to end.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until all have exited, at most for `limit`. True if they have.
pub(crate) async fn wait_until_gone(pinned: &[&Pinned], limit: Duration) -> bool {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        if pinned.iter().all(|p| p.exited()) {
            return true;
        }
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(EXIT_POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    const LINE: &str =
        "4242 (evil) S 1 (x) S 7 4242 4242 0 -1 4194304 1 0 0 0 5 6 0 0 20 -5 3 0 987654 1 2 3";

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = parse_stat(LINE.as_bytes()).unwrap();
        assert_eq!(
            stat,
            Stat {
                pid: 4242,
                name: "evil) S 1 (x".to_owned(),
                state: 'S',
                ppid: 7,
                pgrp: 4242,
                nice: -5,
                threads: 3,
                start_ticks: 987_654,
            }
        );
    }

    #[test]
    fn pid_1_and_hale_and_its_parents_are_never_pinned() {
        let procs = Procs::new(Path::new("/proc"));
        let line = procs.own_line();
        let own = i32::try_from(std::process::id()).unwrap();
        let parent = procs.stat(own).unwrap().ppid;
        for pid in [-1, 0, 1, own, parent] {
            let target = ProcRef { pid, start_ticks: 0, name: "x".to_owned() };
            assert!(forbid_own_line(&target, &line).is_err(), "{pid}");
        }
        let init = ProcRef {
            pid: 1,
            start_ticks: procs.stat(1).unwrap().start_ticks,
            name: "init".into(),
        };
        assert!(procs.pin(&init).unwrap_err().is_refusal());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(line: Vec<u8>) {
            let _ = parse_stat(&line);
        }

        #[test]
        fn what_is_written_is_read(name in "[^\u{0}]{0,15}", start: u64, nice in -20i32..20) {
            let line = format!("77 ({name}) R 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 {nice} 1 0 {start} 0");
            let stat = parse_stat(line.as_bytes()).unwrap();
            prop_assert_eq!((stat.name, stat.start_ticks, stat.nice), (name, start, nice));
        }
    }
}
