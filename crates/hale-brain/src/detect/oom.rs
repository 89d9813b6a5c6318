//! The kernel killed a process for want of memory.
//!
//! Told by the kernel's own lines, which name the victim; where they cannot be read, by the counter
//! `oom_kill` of `/proc/vmstat`, which does not. One claim a place (the machine, or the unit whose
//! limit was met), which stays for ten minutes after the last kill.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::Subject;
use hale_model::sample::{JournalEntry, Source};
use hale_model::text;

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

/// How long a kill is reported.
const HOLD_SECS: f64 = 600.0;
/// Victims that are named.
const MAX_VICTIMS: usize = 16;
/// Turns that the journal's line may lag behind the counter.
const MAX_LAG_TURNS: u32 = 2;
/// A line read on the first turn counts if it is no older than this.
const MAX_BACKLOG_SECS: i64 = 600;

/// What the kernel's lines say about one kill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) pid: i32,
    pub(super) name: String,
    /// anon-rss, where the line tells.
    pub(super) rss_bytes: Option<u64>,
    /// The victim's cgroup, where a line tells.
    pub(super) cgroup: Option<String>,
    /// Whether the limit of a cgroup was met, not that of the machine.
    pub(super) in_cgroup: bool,
}

/// Whether this line is the OOM killer's.
pub(super) fn is_about_oom(entry: &JournalEntry) -> bool {
    if !entry.kernel {
        return false;
    }
    let m = entry.message.as_str();
    ["oom-kill:", "oom_reaper:", "invoked oom-killer", "out of memory", "Out of memory"]
        .iter()
        .any(|mark| m.contains(mark))
        || m.starts_with("Killed process ")
}

/// The victim that this line names.
pub(super) fn parse(message: &str) -> Option<Victim> {
    if let Some(at) = message.find("oom-kill:") {
        return parse_summary(&message[at..]);
    }
    // Kernel 4: "Kill process 1 (x) score 9 or sacrifice child", then "Killed process 1 (x) …";
    // kernel 5 and later: "Out of memory: Killed process 1 (x) total-vm:…". Only the deed counts.
    let after = &message[message.find("Killed process ")? + "Killed process ".len()..];
    let (pid, rest) = after.split_once(' ')?;
    let rest = rest.strip_prefix('(')?;
    // A name may itself hold brackets; the figures after it do not.
    let end = [") total-vm", "), UID", ") score", ")"].iter().find_map(|mark| rest.rfind(mark))?;
    let rss = message.split("anon-rss:").nth(1).and_then(|t| t.split("kB").next());
    Some(Victim {
        pid: pid.trim_end_matches(',').parse().ok()?,
        name: rest[..end].to_owned(),
        rss_bytes: rss.and_then(|kib| kib.parse::<u64>().ok()).and_then(|k| k.checked_mul(1024)),
        cgroup: None,
        in_cgroup: message.contains("emory cgroup out of memory"),
    })
}

fn parse_summary(line: &str) -> Option<Victim> {
    let field = |name: &str| {
        let at = line.find(&format!("{name}="))? + name.len() + 1;
        line[at..].split(',').next()
    };
    Some(Victim {
        pid: field(",pid")?.parse().ok()?,
        name: field(",task")?.to_owned(),
        rss_bytes: None,
        cgroup: field("task_memcg").map(str::to_owned),
        in_cgroup: field("constraint").is_some_and(|c| c.contains("MEMCG")),
    })
}

#[derive(Clone, Debug, Default)]
struct Kills {
    victims: Vec<Victim>,
    count: u64,
    since: Timestamp,
    last_ns: u64,
    /// Told by the counter alone.
    by_counter: bool,
}

#[derive(Default)]
pub(super) struct Oom {
    by_place: BTreeMap<Option<String>, Kills>,
    /// Kills counted that no line has named yet, and for how many turns.
    unnamed: (u64, u32),
}

impl Oom {
    pub(super) const VARS: &[&str] = &["victims", "count", "where", "pid", "name", "cgroup", "rss"];
}

impl Detector for Oom {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        if view.tick.first {
            self.by_place.clear();
            self.unnamed = (0, 0);
        }
        let named = self.read_lines(view);
        self.read_counter(view, named);
        self.by_place.retain(|_, kills| view.tick.since(kills.last_ns) <= HOLD_SECS);
        self.by_place.iter().map(|(place, kills)| claim(place.as_deref(), kills)).collect()
    }
}

impl Oom {
    /// Takes in the journal's lines; how many kills they name.
    fn read_lines(&mut self, view: &View<'_>) -> u64 {
        let now = view.snapshot.collected_at;
        let mut found: Vec<(Victim, Timestamp)> = Vec::new();
        for entry in view.snapshot.journal.iter().filter(|e| e.kernel) {
            let age = now.as_second() - entry.logged_at.as_second();
            let Some(victim) = parse(&entry.message) else { continue };
            if view.tick.first && age > MAX_BACKLOG_SECS {
                continue;
            }
            match found.iter_mut().find(|(v, _)| v.pid == victim.pid) {
                Some((known, _)) => merge(known, victim),
                None => found.push((victim, entry.logged_at)),
            }
        }
        let named = found.len() as u64;
        for (victim, at) in found {
            let place = victim.cgroup.as_deref().and_then(unit_of).map(str::to_owned);
            self.add(view, place, Some(victim), 1, at, false);
        }
        named
    }

    fn read_counter(&mut self, view: &View<'_>, named: u64) {
        let counted = view.snapshot.system.oom_kills.unwrap_or(0);
        let (unnamed, turns) = &mut self.unnamed;
        *unnamed = unnamed.saturating_add(counted).saturating_sub(named);
        *turns = if *unnamed > 0 { turns.saturating_add(1) } else { 0 };
        let journal_may_tell = view.snapshot.is_fresh(Source::Journal) && *turns <= MAX_LAG_TURNS;
        if *unnamed > 0 && !journal_may_tell {
            let kills = *unnamed;
            self.unnamed = (0, 0);
            self.add(view, None, None, kills, view.snapshot.collected_at, true);
        }
    }

    fn add(
        &mut self,
        view: &View<'_>,
        place: Option<String>,
        victim: Option<Victim>,
        count: u64,
        at: Timestamp,
        by_counter: bool,
    ) {
        let kills = self.by_place.entry(place).or_insert_with(|| Kills {
            since: at,
            by_counter,
            ..Kills::default()
        });
        kills.count = kills.count.saturating_add(count);
        kills.last_ns = view.tick.now_ns;
        kills.by_counter &= by_counter;
        kills.victims.extend(victim);
        let surplus = kills.victims.len().saturating_sub(MAX_VICTIMS);
        kills.victims.drain(..surplus);
    }
}

fn merge(known: &mut Victim, other: Victim) {
    known.rss_bytes = known.rss_bytes.or(other.rss_bytes);
    known.in_cgroup |= other.in_cgroup;
    known.cgroup = known.cgroup.take().or(other.cgroup);
}

/// The service in a cgroup path.
fn unit_of(cgroup: &str) -> Option<&str> {
    cgroup.rsplit('/').find(|part| part.ends_with(".service") && !part.starts_with("user@"))
}

fn claim(place: Option<&str>, kills: &Kills) -> Claim {
    let names: Vec<String> =
        kills.victims.iter().map(|v| format!("{} ({})", v.pid, v.name)).collect();
    let victims = if names.is_empty() { format!("{} × ?", kills.count) } else { names.join(", ") };
    let last = kills.victims.last();
    let cgroup = last.and_then(|v| v.cgroup.clone());
    let limited = last.is_some_and(|v| v.in_cgroup);
    let place_text = match (&cgroup, limited) {
        (Some(path), true) => format!("cgroup {path}"),
        (None, true) => "cgroup limit".to_owned(),
        (_, false) => "machine".to_owned(),
    };
    let rss = last.and_then(|v| v.rss_bytes);
    let held = rss.map(|b| format!(", which held {}", text::bytes(b))).unwrap_or_default();
    let (source, text) = if kills.by_counter {
        (Source::Memory, format!("oom_kill in /proc/vmstat rose by {}", kills.count))
    } else {
        (Source::Journal, format!("the kernel logged: killed {victims}{held}"))
    };
    Claim {
        subject: match place {
            Some(unit) => Subject::Unit { unit: unit.to_owned() },
            None => Subject::Machine,
        },
        vars: vars([
            ("victims", victims.as_str().into()),
            ("count", kills.count.into()),
            ("where", place_text.into()),
            ("pid", last.map(|v| v.pid).into()),
            ("name", last.map(|v| v.name.clone()).into()),
            ("cgroup", cgroup.into()),
            ("rss", rss.into()),
        ]),
        proofs: vec![Proof {
            source,
            metric: "oom_kills",
            text,
            value: Some(kills.count as f64),
            unit: Some("count"),
        }],
        since: Some(kills.since),
        marginal: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_victim_is_read_from_the_kernels_lines_old_and_new() {
        for (line, expected) in [
            (
                "Out of memory: Killed process 1234 (my (x) proc) total-vm:9kB, anon-rss:2048kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:60kB oom_score_adj:0",
                Some((1234, "my (x) proc", Some(2_097_152), false)),
            ),
            (
                "Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB, anon-rss:1kB",
                Some((77, "python3", Some(1024), true)),
            ),
            (
                "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b.service,task=java,pid=42,uid=0",
                Some((42, "java", None, true)),
            ),
            (
                "Killed process 9 (old) total-vm:5kB, anon-rss:4kB, file-rss:0kB",
                Some((9, "old", Some(4096), false)),
            ),
            ("Out of memory: Kill process 9 (old) score 900 or sacrifice child", None),
            ("oom_reaper: reaped process 9 (old), now anon-rss:0kB", None),
            ("Killed process x (y)", None),
            ("", None),
        ] {
            let found = parse(line);
            let found = found.as_ref().map(|v| (v.pid, v.name.as_str(), v.rss_bytes, v.in_cgroup));
            assert_eq!(found, expected, "{line}");
        }
    }
}
