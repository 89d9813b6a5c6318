//! Processes: `/proc/PID/{stat,cmdline,exe,status,cgroup,fd,io}`.
//!
//! Only `stat` is read of every process every time; what does not change is remembered by (pid,
//! start time) and read again after an `exec`, when the owner changes, and now and then (a server may
//! rewrite its command line). On a machine with very many processes, the costly details (open files,
//! I/O) of idle ones are read in turns.

pub(super) mod cgroup;
pub(super) mod lineage;
pub(super) mod stat;
pub(super) mod users;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use hale_model::ProcRef;
use hale_model::sample::{OriginalParent, ParentKnownBy, ProcessInfo, ProcessSample, ProcessStat};
use rustix::io::Errno;

use self::lineage::{Lineage, Next, Starter};
use self::stat::{Image, Stat};
use self::users::Users;
use super::host::Units;
use super::read::{self, ReadError, Scratch};
use super::worker::{Collect, Moment, Reading};

/// Processes that one sample holds; the rest is counted as lost.
const PROCESSES_MAX: usize = 65_536;
const STAT_LIMIT_BYTES: usize = 2048;
const SMALL_LIMIT_BYTES: usize = 4096;
const CMDLINE_LIMIT_BYTES: usize = 4096;
const ENVIRON_LIMIT_BYTES: usize = 64 * 1024;
/// Where the kernel does not tell the number of open files, they are counted up to here.
const COUNTED_FDS_MAX: u32 = 100_000;
/// Up to so many processes, every detail is read every time.
const EVERY_DETAIL_MAX_PROCESSES: usize = 1000;
/// Beyond that, an idle process's details are at most this old.
const DETAIL_AGE_MAX_SECS: u64 = 40;
/// What does not change is read again after this time, a thousand processes; later if there are more.
const INFO_AGE_MAX_SECS: u64 = 60;
/// A process this young may still be between `fork` and `exec`, or about to set its title.
const YOUNG_SECS: u64 = 3;

const NANOS_PER_SEC: u64 = 1_000_000_000;

pub(crate) struct ProcessCollector {
    proc: PathBuf,
    units: Units,
    users: Users,
    known: HashMap<i32, Known>,
    scratch: Scratch,
    name: String,
    pids: Vec<i32>,
    /// Counts collections: what was not seen in this one is gone.
    turn: u64,
    /// A live procfs, not a recording.
    live: bool,
    /// The kernel tells the number of open files as the size of the directory (Linux 6.2).
    fd_size_tells: bool,
    cgroup_prefix: Option<String>,
}

/// What is remembered of a process.
struct Known {
    start_ticks: u64,
    turn: u64,
    image: Image,
    comm: [u8; 16],
    owner: Option<u32>,
    info: Arc<ProcessInfo>,
    info_due_ns: u64,
    cpu_ticks: u64,
    details: Details,
    details_due_ns: u64,
    io_denied: bool,
    lineage: Lineage,
}

#[derive(Clone, Copy, Default)]
struct Details {
    open_fds: Option<u32>,
    read_bytes: Option<u64>,
    write_bytes: Option<u64>,
}

impl ProcessCollector {
    pub(crate) fn new(proc: PathBuf, etc: PathBuf, units: Units) -> Self {
        let live = read::is_procfs(&proc);
        let fd_size_tells = live
            && read::owner_and_size(rustix::fs::CWD, proc.join("self/fd"))
                .is_ok_and(|(_, size)| size > 0);
        ProcessCollector {
            proc,
            units,
            users: Users::new(etc.join("passwd")),
            known: HashMap::new(),
            scratch: Scratch::default(),
            name: String::new(),
            pids: Vec::new(),
            turn: 0,
            live,
            fd_size_tells,
            cgroup_prefix: None,
        }
    }

    /// Lists the pids into `self.pids`, ascending; gives how many were left out.
    fn list(&mut self, dir: &OwnedFd) -> Result<u64, ReadError> {
        self.pids.clear();
        let mut left_out = 0;
        let listed = read::for_each_name(dir, |name| {
            if let Some(pid) = read::decimal(name).and_then(|n| i32::try_from(n).ok()) {
                if self.pids.len() < PROCESSES_MAX {
                    self.pids.push(pid);
                } else {
                    left_out += 1;
                }
            }
            true
        });
        listed.map_err(|errno| ReadError::File {
            path: self.proc.clone(),
            operation: "list",
            errno,
        })?;
        self.pids.sort_unstable();
        Ok(left_out)
    }

    fn file(&mut self, pid: i32, file: &str) -> &str {
        self.name.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.name, "{pid}/{file}");
        &self.name
    }

    fn read_process(
        &mut self,
        dir: &OwnedFd,
        pid: i32,
        many: bool,
        moment: Moment,
    ) -> Option<ProcessStat> {
        self.file(pid, "stat");
        let mut line = [0u8; STAT_LIMIT_BYTES];
        let text = self.scratch.read_record_at(dir, &*self.name, STAT_LIMIT_BYTES).ok()?;
        let line = line.get_mut(..text.len())?;
        line.copy_from_slice(text);
        let stat = stat::parse_stat(line)?;
        let mut known = match self.known.remove(&pid) {
            Some(known) if known.start_ticks == stat.start_ticks => known,
            _ => Known::new(&stat),
        };
        known.turn = self.turn;
        self.refresh(dir, pid, &stat, &mut known, many, moment);
        let process = ProcessStat {
            pid,
            start_ticks: stat.start_ticks,
            ppid: stat.ppid,
            original_parent: known.lineage.original(),
            pgid: stat.pgid,
            sid: stat.sid,
            state: stat.state,
            utime_ticks: stat.utime_ticks,
            stime_ticks: stat.stime_ticks,
            nice: stat.nice,
            threads: stat.threads,
            rss_bytes: stat.rss_pages.saturating_mul(self.units.page_bytes),
            open_fds: known.details.open_fds,
            read_bytes: known.details.read_bytes,
            write_bytes: known.details.write_bytes,
            info: known.info.clone(),
        };
        self.known.insert(pid, known);
        Some(process)
    }

    /// Reads again what may have changed.
    fn refresh(
        &mut self,
        dir: &OwnedFd,
        pid: i32,
        stat: &Stat<'_>,
        known: &mut Known,
        many: bool,
        moment: Moment,
    ) {
        let now = moment.boottime_ns;
        let cpu_ticks = stat.utime_ticks.saturating_add(stat.stime_ticks);
        let is_new = known.info_due_ns == 0;
        let executed = known.image != stat.image || known.comm != comm_key(stat.comm);
        let busy = cpu_ticks != known.cpu_ticks;
        known.cpu_ticks = cpu_ticks;
        let mut owner_changed = false;
        if is_new || executed || busy || !many || now >= known.details_due_ns {
            self.name.clear();
            let _ = write!(self.name, "{pid}");
            let owner = read::owner_and_size(dir, &*self.name).ok().map(|(uid, _)| uid);
            owner_changed = owner != known.owner;
            known.owner = owner;
            if !stat.kernel_thread {
                self.read_details(dir, pid, known);
            }
            // In turns, not all at once: how old they may be depends on the pid.
            let age_secs = DETAIL_AGE_MAX_SECS / 2 + pid as u64 % (DETAIL_AGE_MAX_SECS / 2);
            known.details_due_ns = now.saturating_add(age_secs * NANOS_PER_SEC);
        }
        // A zombie has no command line any more; what it was is worth keeping.
        let worth_reading = stat.state != 'Z' || is_new;
        if worth_reading && (executed || owner_changed || now >= known.info_due_ns) {
            known.image = stat.image;
            known.comm = comm_key(stat.comm);
            let info = self.read_info(dir, pid, stat, known.owner);
            if *known.info != info {
                known.info = Arc::new(info);
            }
            known.io_denied = false;
            known.info_due_ns = now.saturating_add(self.info_age_ns(pid, stat, now));
        }
    }

    fn info_age_ns(&self, pid: i32, stat: &Stat<'_>, now: u64) -> u64 {
        let started_ns = self.units.ticks_to_ns(stat.start_ticks);
        if now.saturating_sub(started_ns) < YOUNG_SECS * NANOS_PER_SEC {
            return 1;
        }
        let thousands = 1 + self.pids.len() as u64 / 1000;
        let spread = 3 + pid as u64 % 3;
        INFO_AGE_MAX_SECS * thousands * NANOS_PER_SEC * spread / 5
    }

    fn read_details(&mut self, dir: &OwnedFd, pid: i32, known: &mut Known) {
        self.file(pid, "fd");
        known.details.open_fds = if self.fd_size_tells {
            read::owner_and_size(dir, &*self.name).ok().and_then(|(_, n)| u32::try_from(n).ok())
        } else {
            count_entries(dir, &self.name).ok()
        };
        if known.io_denied {
            return;
        }
        self.file(pid, "io");
        match self.scratch.read_record_at(dir, &*self.name, SMALL_LIMIT_BYTES) {
            Ok(text) => {
                (known.details.read_bytes, known.details.write_bytes) = stat::parse_io(text);
            }
            Err(errno) => known.io_denied = matches!(errno, Errno::ACCESS | Errno::PERM),
        }
    }

    fn read_info(
        &mut self,
        dir: &OwnedFd,
        pid: i32,
        stat: &Stat<'_>,
        owner: Option<u32>,
    ) -> ProcessInfo {
        self.file(pid, "status");
        let status = self.scratch.read_record_at(dir, &*self.name, SMALL_LIMIT_BYTES);
        let uid = status.ok().and_then(stat::parse_real_uid).or(owner).unwrap_or(0);
        self.file(pid, "cgroup");
        let prefix = self.cgroup_prefix.as_deref().unwrap_or("");
        let cgroup = self.scratch.read_record_at(dir, &*self.name, SMALL_LIMIT_BYTES);
        let owned = cgroup.map(|text| cgroup::ownership(text, prefix)).unwrap_or_default();
        let mut info = ProcessInfo {
            name: read::lossy(stat.comm, 64),
            cmdline: String::new(),
            exe: None,
            uid,
            user: self.users.name(uid),
            cgroup: owned.path,
            unit: owned.unit,
            container: owned.container,
            kernel_thread: stat.kernel_thread,
        };
        if !stat.kernel_thread {
            self.file(pid, "cmdline");
            if let Ok(text) = self.scratch.read_record_at(dir, &*self.name, CMDLINE_LIMIT_BYTES + 1)
            {
                info.cmdline = command_line(text);
            }
            self.file(pid, "exe");
            info.exe = read::link_at(dir, &*self.name);
        }
        info
    }

    /// Remembers every process's parent; tells the original one of orphans.
    fn trace_descent(&mut self, dir: &OwnedFd, processes: &mut [ProcessStat]) {
        let mut orphans = Vec::new();
        for at in 0..processes.len() {
            let process = &processes[at];
            if process.info.kernel_thread {
                continue;
            }
            let parent = find(processes, process.ppid)
                .filter(|p| p.start_ticks <= process.start_ticks && !p.info.kernel_thread)
                .map(|p| (Starter::of(p), lineage::is_reaper(p)));
            let grand = match &parent {
                Some((starter, false)) if starter.is_command_shell() => {
                    self.known.get(&process.ppid).and_then(|k| k.lineage.starter().cloned())
                }
                _ => None,
            };
            let Some(known) = self.known.get_mut(&process.pid) else { continue };
            let parent = parent.as_ref().map(|(starter, reaper)| (starter, *reaper));
            if known.lineage.observe(process.ppid, parent, grand.as_ref()) == Next::Trace {
                orphans.push(at);
            }
            processes[at].original_parent = known.lineage.original();
        }
        for at in orphans {
            let original = self.trace(dir, processes, at);
            if let Some(known) = self.known.get_mut(&processes[at].pid) {
                known.lineage.set_original(original.clone());
            }
            processes[at].original_parent = original;
        }
    }

    /// What is left of the parent of a process that was an orphan when it was first seen.
    fn trace(
        &mut self,
        dir: &OwnedFd,
        processes: &[ProcessStat],
        at: usize,
    ) -> Option<Arc<OriginalParent>> {
        let process = processes.get(at)?;
        self.file(process.pid, "environ");
        let environ = self.scratch.read_at(dir, &*self.name, ENVIRON_LIMIT_BYTES);
        let agent = environ.ok().and_then(lineage::environment_trace);
        let agent =
            agent.or_else(|| process.info.cgroup.as_deref().and_then(lineage::cgroup_trace));
        if let Some(agent) = agent {
            return Some(lineage::traced(agent));
        }
        let leader = lineage::session_leader(process, |pid| find(processes, pid))?;
        Some(Starter::of(leader).into_original(ParentKnownBy::Session))
    }

    /// hale itself, its ancestors and its workers, if this is the procfs that hale lives in.
    fn own_pids(&self, dir: &OwnedFd, processes: &[ProcessStat]) -> Vec<i32> {
        const ANCESTORS_MAX: usize = 64;
        let mut own = Vec::new();
        if !self.live {
            return own;
        }
        // The link tells hale's pid in the namespace of this very mount, which need not be its own.
        let mut pid = read::link_at(dir, "self").and_then(|text| text.parse::<i32>().ok());
        while let Some(this) = pid.filter(|p| *p > 0 && own.len() < ANCESTORS_MAX) {
            own.push(this);
            pid = find(processes, this).map(|p| p.ppid);
        }
        if let Some(hale) = own.first().and_then(|pid| find(processes, *pid)) {
            own.extend(workers(hale, processes));
        }
        own
    }
}

impl Collect for ProcessCollector {
    type Out = ProcessSample;

    fn collect(&mut self, moment: Moment) -> Reading<ProcessSample> {
        let listed = read::open_dir(&self.proc).and_then(|dir| {
            let left_out = self.list(&dir)?;
            Ok((dir, left_out))
        });
        let (dir, left_out) = match listed {
            Ok(listed) => listed,
            Err(error) => return Reading::failed(error),
        };
        if self.pids.is_empty() {
            let error = ReadError::content(&self.proc, "no process is listed: is /proc mounted?");
            return Reading::failed(error);
        }
        self.turn += 1;
        self.users.refresh(&mut self.scratch);
        if self.cgroup_prefix.is_none() {
            let init = self.scratch.read_record_at(&dir, "1/cgroup", SMALL_LIMIT_BYTES);
            self.cgroup_prefix = init.ok().map(cgroup::root_prefix);
        }
        let many = self.pids.len() > EVERY_DETAIL_MAX_PROCESSES;
        let pids = std::mem::take(&mut self.pids);
        let mut processes = Vec::with_capacity(pids.len());
        processes.extend(pids.iter().filter_map(|pid| self.read_process(&dir, *pid, many, moment)));
        let vanished = (pids.len() - processes.len()) as u64;
        self.pids = pids;
        self.trace_descent(&dir, &mut processes);
        let turn = self.turn;
        self.known.retain(|_, known| known.turn == turn);
        let own_pids = self.own_pids(&dir, &processes);
        let mut reading = Reading::of(ProcessSample { processes, own_pids });
        reading.lost = left_out + vanished;
        if left_out > 0 {
            reading.note(format!("{left_out} processes over the limit of {PROCESSES_MAX}"));
        }
        reading
    }
}

impl Known {
    fn new(stat: &Stat<'_>) -> Known {
        Known {
            start_ticks: stat.start_ticks,
            turn: 0,
            image: Image::default(),
            comm: [0; 16],
            owner: None,
            info: Arc::default(),
            info_due_ns: 0,
            cpu_ticks: 0,
            details: Details { open_fds: stat.kernel_thread.then_some(0), ..Details::default() },
            details_due_ns: 0,
            io_denied: false,
            lineage: Lineage::default(),
        }
    }
}

/// Who that is, by a line of `/proc/PID/stat`.
pub(super) fn identity(pid: i32, stat_line: &[u8]) -> Option<ProcRef> {
    let stat = stat::parse_stat(stat_line)?;
    Some(ProcRef { pid, start_ticks: stat.start_ticks, name: read::lossy(stat.comm, 64) })
}

/// The start time in a line of `/proc/PID/stat`.
pub(crate) fn start_ticks(stat_line: &[u8]) -> Option<u64> {
    stat::parse_stat(stat_line).map(|stat| stat.start_ticks)
}

fn comm_key(comm: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    let len = comm.len().min(16);
    key[..len].copy_from_slice(&comm[..len]);
    key
}

/// The parts of hale that it runs as processes of their own: its program, begun by it, in its process
/// group. What it starts for others leads a group of its own, even where it is the same program.
fn workers(hale: &ProcessStat, processes: &[ProcessStat]) -> Vec<i32> {
    const WORKERS_MAX: usize = 64;
    // The mark of a file that was replaced is not seen of all of them at the same time.
    let program = |p: &ProcessStat| {
        p.info.exe.as_deref().map(|exe| exe.trim_end_matches(" (deleted)").to_owned())
    };
    let Some(own) = program(hale) else { return Vec::new() };
    let is_worker = |p: &&ProcessStat| {
        p.ppid == hale.pid && p.pgid == hale.pgid && program(p).as_ref() == Some(&own)
    };
    processes.iter().filter(is_worker).take(WORKERS_MAX).map(|p| p.pid).collect()
}

fn find(processes: &[ProcessStat], pid: i32) -> Option<&ProcessStat> {
    let at = processes.binary_search_by_key(&pid, |p| p.pid).ok()?;
    processes.get(at)
}

/// Arguments joined by a space. A server that wrote its title over its arguments leaves zeros behind.
pub(super) fn command_line(text: &[u8]) -> String {
    let end = text.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let joined: Vec<u8> = text[..end].iter().map(|b| if *b == 0 { b' ' } else { *b }).collect();
    let mut text = read::lossy(&joined, CMDLINE_LIMIT_BYTES);
    text.truncate(text.trim_end().len());
    text
}

fn count_entries(dir: &OwnedFd, name: &str) -> Result<u32, Errno> {
    let dir = read::open_dir_at(dir, name)?;
    let mut count = 0;
    read::for_each_name(&dir, |_| {
        count += 1;
        count < COUNTED_FDS_MAX
    })?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn command_lines() {
        for (given, expected) in [
            (&b"nginx: worker process\0\0\0\0\0"[..], "nginx: worker process"),
            (b"python3\0-m\0http.server\0", "python3 -m http.server"),
            (b"a\0\0b\0", "a  b"),
            (b"", ""),
            (b"\0\0", ""),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(command_line(given), expected);
        }
        assert_eq!(command_line(&vec![b'x'; 1 << 20]).len(), CMDLINE_LIMIT_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            prop_assert!(command_line(&bytes).len() <= CMDLINE_LIMIT_BYTES);
        }
    }
}
