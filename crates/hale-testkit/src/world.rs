//! The world as `/proc` and `systemctl` show it, read afresh at every call and without any of hale's
//! code: the oracle of the drills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One process and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ident {
    /// Process id.
    pub pid: i32,
    /// Clock ticks between boot and its start.
    pub start_ticks: u64,
}

/// A line of `/proc/PID/stat`, as far as the oracle needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// Which process.
    pub ident: Ident,
    /// The kernel's name of it.
    pub name: String,
    /// `R`, `S`, `Z`, `T`…
    pub state: char,
    /// Parent.
    pub ppid: i32,
    /// Nice value.
    pub nice: i32,
    /// CPU time in clock ticks.
    pub cpu_ticks: u64,
    /// CPU time of children it has waited for.
    pub ended_children_ticks: u64,
}

impl Ident {
    /// The process that has this pid now.
    pub fn of(pid: i32) -> Option<Ident> {
        stat(pid).map(|s| s.ident)
    }

    /// Whether it lives: zombies do not.
    pub fn lives(&self) -> bool {
        self.stat().is_some_and(|s| s.state != 'Z' && s.state != 'X')
    }

    /// Its line, if the pid still names it.
    pub fn stat(&self) -> Option<Stat> {
        stat(self.pid).filter(|s| s.ident == *self)
    }
}

/// Reads `/proc/PID/stat`; none if there is no such process.
pub fn stat(pid: i32) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// The name stands in parentheses and may hold any byte, parentheses too: the last one ends it.
fn parse_stat(line: &str) -> Option<Stat> {
    let open = line.find('(')?;
    let close = line.rfind(')')?;
    let fields: Vec<&str> = line.get(close + 1..)?.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        ident: Ident { pid: line.get(..open)?.trim().parse().ok()?, start_ticks: number(19)? },
        name: line.get(open + 1..close)?.to_owned(),
        state: fields.first()?.chars().next()?,
        ppid: fields.get(1)?.parse().ok()?,
        nice: fields.get(16)?.parse().ok()?,
        cpu_ticks: number(11)? + number(12)?,
        ended_children_ticks: number(13)? + number(14)?,
    })
}

/// Every process there is.
pub fn processes() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).filter_map(stat).collect()
}

/// The process and all that descend from it, as the parent links stand now.
pub fn family(root: i32) -> BTreeSet<i32> {
    let all = processes();
    let mut members = BTreeSet::from([root]);
    loop {
        let before = members.len();
        for p in &all {
            if members.contains(&p.ppid) {
                members.insert(p.ident.pid);
            }
        }
        if members.len() == before {
            return members;
        }
    }
}

/// Resident memory in bytes; 0 if it is gone.
pub fn rss_bytes(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kib_field(&status, "VmRSS:") * 1024
}

/// Its share of the memory that it holds, in bytes: a page that several hold counts by parts. 0 if it is
/// gone, or may not be asked.
pub fn pss_bytes(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    kib_field(&rollup, "Pss:") * 1024
}

/// The part of that which is its own and lies in no file, in bytes.
pub fn anonymous_bytes(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kib_field(&status, "RssAnon:") * 1024
}

/// Memory of the machine: total and what is in use, both in MiB.
pub fn memory_mib() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/meminfo").context("read /proc/meminfo")?;
    let total = kib_field(&text, "MemTotal:") / 1024;
    Ok((total, total.saturating_sub(kib_field(&text, "MemAvailable:") / 1024)))
}

/// Load over one minute, and how many cores there are.
pub fn load() -> Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/loadavg").context("read /proc/loadavg")?;
    let load = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    Ok((load.context("/proc/loadavg does not begin with a number")?, cores as f64))
}

/// Whether the machine has any swap.
pub fn has_swap() -> bool {
    fs::read_to_string("/proc/meminfo").is_ok_and(|text| kib_field(&text, "SwapTotal:") > 0)
}

fn kib_field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Free space and free inodes of a file system, in percent.
pub fn free_percent(path: &Path) -> Result<(f64, f64)> {
    let fs = rustix::fs::statvfs(path).with_context(|| format!("statvfs {}", path.display()))?;
    let share =
        |free: u64, all: u64| if all == 0 { 100.0 } else { free as f64 * 100.0 / all as f64 };
    Ok((share(fs.f_bavail, fs.f_blocks), share(fs.f_favail, fs.f_files)))
}

/// Whether systemd runs this machine.
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// What `systemctl show` says of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// `active`, `failed`…
    pub active_state: String,
    /// Which run of it this is.
    pub invocation_id: String,
    /// Automatic restarts.
    pub restarts: String,
    /// 0 if none.
    pub main_pid: i32,
}

/// Every loaded service. Empty where there is no systemd.
pub fn units() -> Result<BTreeMap<String, Unit>> {
    if !has_systemd() {
        return Ok(BTreeMap::new());
    }
    let output = Command::new("systemctl")
        .args(["show", "*.service", "--no-pager"])
        .args(["--property=Id,ActiveState,InvocationID,NRestarts,MainPID"])
        .output()
        .context("run systemctl show")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split("\n\n").filter_map(parse_unit).collect())
}

/// One service; the default (no state at all) if systemd does not know it.
pub fn unit(name: &str) -> Result<Unit> {
    Ok(units()?.remove(name).unwrap_or_default())
}

fn parse_unit(block: &str) -> Option<(String, Unit)> {
    let mut id = None;
    let mut unit = Unit::default();
    for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "Id" => id = Some(value.to_owned()),
            "ActiveState" => unit.active_state = value.to_owned(),
            "InvocationID" => unit.invocation_id = value.to_owned(),
            "NRestarts" => unit.restarts = value.to_owned(),
            "MainPID" => unit.main_pid = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    Some((id?, unit))
}

/// Every file under a directory with its size and a sum over its bytes.
pub fn files(root: &Path) -> Result<BTreeMap<PathBuf, (u64, u64)>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        let entries = fs::read_dir(&dir).with_context(|| format!("list {}", dir.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", dir.display()))?;
            let path = entry.path();
            if entry.file_type().with_context(|| format!("stat {}", path.display()))?.is_dir() {
                waiting.push(path);
            } else {
                let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                let sum = bytes
                    .iter()
                    .fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(*b)));
                found.insert(path, (bytes.len() as u64, sum));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let line = "42 (a) b (c)) Z 7 42 42 0 -1 4 0 0 0 0 30 12 0 0 20 5 1 0 98765 0 0";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat.ident, Ident { pid: 42, start_ticks: 98765 });
        assert_eq!((stat.name.as_str(), stat.state, stat.ppid), ("a) b (c)", 'Z', 7));
        assert_eq!((stat.nice, stat.cpu_ticks), (5, 42));
    }

    #[test]
    fn torn_lines_are_no_process() {
        for line in ["", "42", "42 (x", "42 (x) R", ") 1 (", "x (y) R 1 1 1"] {
            assert_eq!(parse_stat(line), None, "{line:?}");
        }
    }

    #[test]
    fn this_process_lives_and_a_reused_pid_is_another() {
        let own = Ident::of(std::process::id() as i32).unwrap();
        assert!(own.lives());
        assert!(!Ident { start_ticks: own.start_ticks + 1, ..own }.lives());
        assert!(rss_bytes(own.pid) > 0);
    }

    #[test]
    fn a_zombie_does_not_live_and_belongs_to_the_family() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let ident = Ident::of(child.id() as i32).unwrap();
        assert!(family(std::process::id() as i32).contains(&ident.pid));
        child.kill().unwrap();
        while ident.stat().is_some_and(|s| s.state != 'Z') {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(!ident.lives());
        child.wait().unwrap();
        assert_eq!(ident.stat(), None);
    }

    #[test]
    fn units_are_read_from_blocks() {
        let (id, unit) = parse_unit(
            "MainPID=12\nId=x.service\nActiveState=active\nInvocationID=ab\nNRestarts=3",
        )
        .unwrap();
        assert_eq!(id, "x.service");
        assert_eq!(
            (unit.main_pid, unit.active_state.as_str(), unit.restarts.as_str()),
            (12, "active", "3")
        );
        assert_eq!(parse_unit(""), None);
    }
}
