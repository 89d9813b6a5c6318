//! Which single process explains that the machine as a whole is short of something. Often none
//! does, and then nobody is named: a big process is not to blame for being big.

use hale_model::config::Config;
use hale_model::snapshot::{Process, Snapshot};

/// A process that has been there for longer did not bring the change, whatever it holds.
const RECENT_SECS: f64 = 1800.0;

/// It must hold at least this share of all memory.
const MIN_MEMORY_PERCENT: f64 = 3.0;

/// It must hold so many times as much as the next recent one.
const MEMORY_LEAD: f64 = 2.0;

/// A busy process: this much of one core.
const MIN_CPU_PERCENT: f64 = 50.0;

/// It must use this share of all that is used.
const MIN_CPU_SHARE: f64 = 0.4;

pub(super) fn candidates(snapshot: &Snapshot) -> impl Iterator<Item = &Process> {
    snapshot
        .processes
        .iter()
        .filter(|p| !p.info.kernel_thread && !p.is_zombie())
        .filter(|p| !snapshot.own_pids.contains(&p.pid))
}

/// The process that came recently and without which memory would not be short.
pub(super) fn memory_hog<'a>(snapshot: &'a Snapshot, config: &Config) -> Option<&'a Process> {
    let used = snapshot.system.mem_used_percent?;
    let mut recent: Vec<&Process> =
        candidates(snapshot).filter(|p| p.age_secs <= RECENT_SECS).collect();
    recent.sort_by_key(|p| (std::cmp::Reverse(p.rss_bytes), p.pid));
    let hog = recent.first()?;
    let next_bytes = recent.get(1).map_or(0, |p| p.rss_bytes);
    let held = hog.mem_percent?;
    let decisive = used - held < config.thresholds.ram_warn_percent;
    let leads = hog.rss_bytes as f64 >= MEMORY_LEAD * next_bytes as f64;
    (held >= MIN_MEMORY_PERCENT && decisive && leads).then_some(hog)
}

/// The process that uses most of what CPU is used.
pub(super) fn cpu_hog(snapshot: &Snapshot) -> Option<&Process> {
    let mut busy: Vec<(&Process, f64)> =
        candidates(snapshot).filter_map(|p| p.cpu_percent.map(|cpu| (p, cpu))).collect();
    busy.sort_by(|(p, a), (q, b)| b.total_cmp(a).then(p.pid.cmp(&q.pid)));
    let (hog, percent) = *busy.first()?;
    let all: f64 = busy.iter().map(|(_, cpu)| cpu).sum();
    (percent >= MIN_CPU_PERCENT && percent >= MIN_CPU_SHARE * all).then_some(hog)
}
