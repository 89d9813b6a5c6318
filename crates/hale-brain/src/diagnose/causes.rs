//! The causes that hale can name: a table.

use hale_model::alert::AlertKind;

/// A cause that a diagnosis can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its short name, stable: what lessons, drills and scripts compare.
    pub slug: &'static str,
    /// How to keep it from happening again.
    pub prevention: &'static str,
}

macro_rules! causes {
    ($($name:ident = $slug:literal, $prevention:literal;)*) => {
        $(
            #[doc = concat!("`", $slug, "`")]
            pub const $name: Cause = Cause { slug: $slug, prevention: $prevention };
        )*

        /// Every cause.
        pub const ALL: &[Cause] = &[$($name,)*];
    };
}

causes! {
    GHOST_STORM = "ghost_storm",
        "Have the program that starts these processes end them when it ends (a process group, a cgroup, PR_SET_PDEATHSIG).";
    MEMORY_LEAK = "memory_leak",
        "Find what it keeps allocating (a heap profile), and give its unit a MemoryMax= so that it cannot take the machine along.";
    FD_LEAK = "fd_leak",
        "Find what it opens and does not close (`ls -l /proc/PID/fd`), and set LimitNOFILE= so that it fails early.";
    MEMORY_HOG = "memory_hog",
        "Give it a limit: MemoryMax= for a unit, `systemd-run --scope -p MemoryMax=…` or ulimit for a command.";
    MEMORY_PRESSURE = "memory_pressure",
        "Add memory or move work elsewhere; no single process explains it.";
    MEMORY_LIMIT = "memory_limit",
        "Raise its limit (MemoryHigh=, MemoryMax=, `docker update --memory`) if it needs that much; else find what it keeps.";
    CPU_SPINNER = "cpu_spinner",
        "Find what it does (`perf top -p PID`, `strace -cp PID`), and give its unit a CPUQuota=.";
    CPU_OVERLOAD = "cpu_overload",
        "Spread the work over time or machines; no single process explains it.";
    IO_OVERLOAD = "io_overload",
        "Find who waits for storage (`pidstat -d 5`), and give it an IOWeight= or a quicker disk.";
    ORPHAN_SPINNING = "orphan_spinning",
        "Have its parent end its children when it ends (a process group, a cgroup, PR_SET_PDEATHSIG).";
    ZOMBIE_PARENT = "zombie_parent",
        "Have the parent call waitpid() for its children, or ignore SIGCHLD; in a container run an init (`docker run --init`).";
    DUPLICATES = "duplicates",
        "Check whether so many are meant: raise max_duplicate_processes if so, else give the starter a lock.";
    DISK_FULL = "disk_full",
        "Limit what grows: SystemMaxUse= in journald.conf, logrotate, a quota or a file system of its own.";
    INODES_EXHAUSTED = "inodes_exhausted",
        "Find the directory with the many small files (`du --inodes -x`), and have its writer clean up after itself.";
    OOM_KILL = "oom_kill",
        "Raise the limit of its cgroup if it is too small, lower the program's own caches, or add memory.";
    UNIT_FAILED = "unit_failed",
        "Read why it ended (`journalctl -u UNIT`); Restart=on-failure with a StartLimit cures what a restart can cure.";
    UNIT_CRASH_LOOP = "unit_crash_loop",
        "Mend what it fails on before it is started again; RestartSec= and StartLimitBurst= keep the loop harmless.";
    CONTAINER_UNHEALTHY = "container_unhealthy",
        "Read what its health check and its log said; a health check that restarts cure needs its cause mended in the image.";
    CONTAINER_DOWN = "container_down",
        "Read why it ended (`docker logs`); a restart policy (`--restart on-failure:5`) cures what a restart can cure.";
    CONTAINER_MEMORY = "container_memory",
        "Find what it keeps allocating, or raise its limit (`docker update --memory`) if it needs that much.";
    CONTAINER_CRASH_LOOP = "container_crash_loop",
        "Mend what it fails on before it is started again; `--restart on-failure:5` keeps the loop short.";
    SERVICE_FAILING = "service_failing",
        "Read the traces and logs named here, and have a test hold what failed; a health check that notices it lets a supervisor restart it.";
    SERVICE_SLOW = "service_slow",
        "Find what it waits for (the slow traces named here), and give its calls a timeout and its queue a limit.";
    DEPENDENCY_FAILING = "dependency_failing",
        "Have its callers live without it for a while: timeouts, retries with back-off, a cached answer.";
    BAD_DEPLOY = "bad_deploy",
        "Let new versions take a share of the traffic first, and go back by themselves when errors rise.";
    JOURNAL_FLOOD = "journal_flood",
        "Mend what it complains about; LogRateLimitBurst= in its unit keeps the journal usable until then.";
    OVERHEATING = "overheating",
        "Check fans, dust and air flow, and whether the load is meant to be that high.";
    ANOMALY = "anomaly",
        "If this is how it should be, it will be learned as usual within days.";
    SOURCE_UNREADABLE = "source_unreadable",
        "`hale doctor` says what is missing for this source.";
    REPORTED = "reported",
        "Whoever reported it knows more: its message and its logs stand in the incident.";
    OWN_RULE = "own_rule",
        "Whoever wrote this rule knows best.";
    UNKNOWN = "unknown",
        "Look at what changed on this machine when it began.";
}

/// How near to the cause an alert of this kind is: of several that belong together the one with the
/// smallest number is the cause, the others are its effects.
pub(super) fn depth(kind: &AlertKind) -> u32 {
    match kind {
        AlertKind::ProcessGhostStorm => 10,
        AlertKind::ProcessLeak => 11,
        AlertKind::ProcessFdLeak => 12,
        AlertKind::ProcessOrphan => 20,
        AlertKind::ProcessZombie => 25,
        AlertKind::CpuHotProcess => 30,
        AlertKind::DiskFilling => 33,
        AlertKind::DiskSpace => 32,
        AlertKind::DiskInodes => 34,
        AlertKind::ProcessDuplicates => 36,
        AlertKind::KernelOom => 40,
        AlertKind::ServiceFlapping => 50,
        AlertKind::ServiceFailed => 51,
        AlertKind::ContainerRestarting => 52,
        AlertKind::ContainerUnhealthy => 53,
        AlertKind::MemoryHigh => 60,
        AlertKind::MemoryPressure => 62,
        AlertKind::SwapHigh => 65,
        AlertKind::LoadHigh => 70,
        AlertKind::TemperatureHigh => 75,
        AlertKind::HttpErrors => 76,
        AlertKind::HttpLatency => 77,
        AlertKind::JournalBurst => 80,
        AlertKind::Rule(_) => 85,
        AlertKind::MetricAnomaly => 90,
        AlertKind::SourceStale => 95,
    }
}

/// The same by a cause's name, for comparing with what was diagnosed before.
pub(super) fn depth_of_slug(slug: &str) -> Option<u32> {
    let kinds: &[(&str, AlertKind)] = &[
        (GHOST_STORM.slug, AlertKind::ProcessGhostStorm),
        (MEMORY_LEAK.slug, AlertKind::ProcessLeak),
        (FD_LEAK.slug, AlertKind::ProcessFdLeak),
        (ORPHAN_SPINNING.slug, AlertKind::ProcessOrphan),
        (ZOMBIE_PARENT.slug, AlertKind::ProcessZombie),
        (CPU_SPINNER.slug, AlertKind::CpuHotProcess),
        (DISK_FULL.slug, AlertKind::DiskSpace),
        (INODES_EXHAUSTED.slug, AlertKind::DiskInodes),
        (MEMORY_LIMIT.slug, AlertKind::MemoryPressure),
        (OOM_KILL.slug, AlertKind::KernelOom),
        (UNIT_CRASH_LOOP.slug, AlertKind::ServiceFlapping),
        (UNIT_FAILED.slug, AlertKind::ServiceFailed),
        (CONTAINER_CRASH_LOOP.slug, AlertKind::ContainerRestarting),
        (CONTAINER_UNHEALTHY.slug, AlertKind::ContainerUnhealthy),
        (SERVICE_FAILING.slug, AlertKind::HttpErrors),
        (BAD_DEPLOY.slug, AlertKind::HttpErrors),
        (DEPENDENCY_FAILING.slug, AlertKind::HttpErrors),
        (SERVICE_SLOW.slug, AlertKind::HttpLatency),
    ];
    kinds.iter().find(|(name, _)| *name == slug).map(|(_, kind)| depth(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_name_and_says_how_to_prevent_it() {
        let mut slugs: Vec<_> = ALL.iter().map(|c| c.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ALL.len());
        for cause in ALL {
            assert!(cause.prevention.ends_with('.'), "{}", cause.slug);
        }
    }
}
