//! Who started a process that is an orphan by now.
//!
//! While hale watches, it remembers each process's parent and keeps it when the kernel hands the
//! process to a reaper. For a process that was an orphan already when hale first saw it, traces are
//! left: names of environment variables, its cgroup, the leader of its session or process group.
//! A trace of an agent tells more than a session, which may be any terminal, so it is asked first.

use std::sync::Arc;

use hale_model::ProcRef;
use hale_model::sample::{OriginalParent, ParentKnownBy, ProcessInfo, ProcessStat};

/// Programs that adopt orphans by their trade.
const REAPERS: &[&str] =
    &["init", "tini", "dumb-init", "docker-init", "catatonit", "conmon", "s6-svscan", "runsvdir"];

/// Shells that `system(3)` and its kin start to run one command line.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ash", "busybox"];

/// Prefixes of environment variable names that agents and launchers leave to their children.
const ENVIRONMENT_TRACES: &[(&str, &str)] = &[
    ("CLAUDECODE", "claude"),
    ("CLAUDE_CODE_", "claude"),
    ("CURSOR_", "cursor"),
    ("CODEX_", "codex"),
    ("GEMINI_CLI", "gemini"),
    ("OPENCODE", "opencode"),
    ("AIDER_", "aider"),
    ("npm_", "npm"),
];

/// Words in a cgroup path that name an agent (`app-claude-123.scope`).
const CGROUP_TRACES: &[&str] = &["claude", "cursor", "codex", "gemini", "opencode", "aider"];

/// A process that started another.
#[derive(Debug, Clone)]
pub(super) struct Starter {
    pid: i32,
    start_ticks: u64,
    info: Arc<ProcessInfo>,
}

impl Starter {
    pub(super) fn of(stat: &ProcessStat) -> Starter {
        Starter { pid: stat.pid, start_ticks: stat.start_ticks, info: stat.info.clone() }
    }

    fn same(&self, other: &Starter) -> bool {
        self.pid == other.pid
            && self.start_ticks == other.start_ticks
            && Arc::ptr_eq(&self.info, &other.info)
    }

    pub(super) fn into_original(self, known_by: ParentKnownBy) -> Arc<OriginalParent> {
        Arc::new(OriginalParent {
            name: self.info.name.clone(),
            cmdline: self.info.cmdline.clone(),
            process: Some(ProcRef {
                pid: self.pid,
                start_ticks: self.start_ticks,
                name: self.info.name.clone(),
            }),
            known_by,
        })
    }

    /// Whether it is `sh -c COMMAND`, which stands for whoever ran it.
    pub(super) fn is_command_shell(&self) -> bool {
        SHELLS.contains(&self.info.name.as_str())
            && self
                .info
                .cmdline
                .split(' ')
                .nth(1)
                .is_some_and(|a| a.starts_with('-') && a.ends_with('c'))
    }
}

/// What is remembered of one process's descent.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Its pid's parent field while the starter lived.
    parent_pid: i32,
    starter: Option<Starter>,
    original: Option<Arc<OriginalParent>>,
    traced: bool,
}

/// What to do about a process after its parent field was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it has its parent, or all is known.
    Settled,
    /// It was an orphan when first seen: look for traces, once.
    Trace,
}

impl Lineage {
    pub(super) fn starter(&self) -> Option<&Starter> {
        self.starter.as_ref()
    }

    pub(super) fn original(&self) -> Option<Arc<OriginalParent>> {
        self.original.clone()
    }

    pub(super) fn set_original(&mut self, original: Option<Arc<OriginalParent>>) {
        self.original = original;
    }

    /// Takes note of the parent at this moment. `parent` is none if it is not among the processes;
    /// `grand` is who started the parent.
    pub(super) fn observe(
        &mut self,
        ppid: i32,
        parent: Option<(&Starter, bool)>,
        grand: Option<&Starter>,
    ) -> Next {
        if self.original.is_some() || ppid <= 0 {
            return Next::Settled;
        }
        if let Some(starter) = &self.starter
            && ppid != self.parent_pid
        {
            self.original = Some(starter.clone().into_original(ParentKnownBy::Observed));
            return Next::Settled;
        }
        match parent {
            Some((parent, false)) => {
                let starter = match grand {
                    Some(grand) if parent.is_command_shell() => grand,
                    _ => parent,
                };
                if !self.starter.as_ref().is_some_and(|s| s.same(starter)) {
                    self.starter = Some(starter.clone());
                }
                self.parent_pid = ppid;
                Next::Settled
            }
            Some((_, true)) if self.starter.is_none() && !self.traced => {
                self.traced = true;
                Next::Trace
            }
            Some((_, true)) | None => Next::Settled,
        }
    }
}

/// Whether a process adopts orphans: the first process, a user's service manager, a container's init.
pub(super) fn is_reaper(stat: &ProcessStat) -> bool {
    let info = &stat.info;
    stat.pid == 1
        || REAPERS.contains(&info.name.as_str())
        || info.name.starts_with("containerd-shim")
        || (info.name == "systemd" && info.cmdline.contains("--user"))
}

/// The agent that the names of a process's environment variables tell. Values are not looked at.
pub(in crate::local) fn environment_trace(environ: &[u8]) -> Option<&'static str> {
    let mut best: Option<usize> = None;
    for variable in environ.split(|b| *b == 0) {
        let name = variable.split(|b| *b == b'=').next().unwrap_or_default();
        let found = ENVIRONMENT_TRACES.iter().position(|(p, _)| name.starts_with(p.as_bytes()));
        best = match (best, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    best.and_then(|at| ENVIRONMENT_TRACES.get(at)).map(|(_, agent)| *agent)
}

/// The agent that a cgroup path names.
pub(in crate::local) fn cgroup_trace(path: &str) -> Option<&'static str> {
    let path = path.to_ascii_lowercase();
    let mut words = path.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| CGROUP_TRACES.iter().find(|name| **name == word).copied())
}

/// An original parent of which only a trace is left.
pub(super) fn traced(agent: &str) -> Arc<OriginalParent> {
    Arc::new(OriginalParent {
        process: None,
        name: agent.to_owned(),
        cmdline: String::new(),
        known_by: ParentKnownBy::Trace,
    })
}

/// The living leader of the session or process group, if that is another, older process that is no
/// reaper.
pub(super) fn session_leader<'a>(
    stat: &ProcessStat,
    find: impl Fn(i32) -> Option<&'a ProcessStat>,
) -> Option<&'a ProcessStat> {
    [stat.pgid, stat.sid].into_iter().filter(|pid| *pid > 1 && *pid != stat.pid).find_map(|pid| {
        find(pid).filter(|leader| {
            leader.start_ticks <= stat.start_ticks && leader.state != 'Z' && !is_reaper(leader)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn traces_in_names_never_in_values() {
        for (environ, expected) in [
            (&b"HOME=/root\0CLAUDECODE=1\0"[..], Some("claude")),
            (b"npm_config_x=1\0CLAUDE_CODE_ENTRYPOINT=cli\0", Some("claude")),
            (b"npm_lifecycle_event=start\0", Some("npm")),
            (b"PATH=/opt/CURSOR_/bin\0NOTE=CLAUDECODE=1\0", None),
            (b"", None),
        ] {
            assert_eq!(environment_trace(environ), expected);
        }
        assert_eq!(cgroup_trace("/user.slice/app-claude-77.scope"), Some("claude"));
        assert_eq!(cgroup_trace("/user.slice/precursor.service"), None);
    }

    fn starter(pid: i32, name: &str, cmdline: &str) -> Starter {
        let info = ProcessInfo {
            name: name.to_owned(),
            cmdline: cmdline.to_owned(),
            ..ProcessInfo::default()
        };
        Starter { pid, start_ticks: 1, info: Arc::new(info) }
    }

    #[test]
    fn a_parent_is_kept_when_the_reaper_takes_over() {
        let (agent, init) = (starter(50, "claude", "claude"), starter(1, "init", "init"));
        let mut lineage = Lineage::default();
        assert_eq!(lineage.observe(50, Some((&agent, false)), None), Next::Settled);
        assert_eq!(lineage.original(), None);
        assert_eq!(lineage.observe(1, Some((&init, true)), None), Next::Settled);
        let original = lineage.original().map(|o| (o.name.clone(), o.known_by));
        assert_eq!(original, Some(("claude".to_owned(), ParentKnownBy::Observed)));
        // It stays the first one, whoever takes over next.
        lineage.observe(60, Some((&starter(60, "other", ""), false)), None);
        assert_eq!(lineage.original().map(|o| o.name.clone()), Some("claude".to_owned()));
    }

    #[test]
    fn a_shell_that_runs_one_command_stands_for_whoever_ran_it() {
        let agent = starter(50, "claude", "claude");
        for (shell, expected) in [
            (starter(60, "sh", "sh -c node server.js"), "claude"),
            (starter(60, "bash", "/bin/bash -lc node server.js"), "claude"),
            (starter(60, "bash", "-bash"), "bash"),
        ] {
            let mut lineage = Lineage::default();
            lineage.observe(60, Some((&shell, false)), Some(&agent));
            lineage.observe(1, None, None);
            assert_eq!(lineage.original().map(|o| o.name.clone()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_orphan_is_traced_once() {
        let init = starter(1, "init", "init");
        let mut lineage = Lineage::default();
        assert_eq!(lineage.observe(1, Some((&init, true)), None), Next::Trace);
        assert_eq!(lineage.observe(1, Some((&init, true)), None), Next::Settled);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, text: String) {
            environment_trace(&bytes);
            cgroup_trace(&text);
        }
    }
}
