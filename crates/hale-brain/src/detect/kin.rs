//! Who belongs to whom: orphans, pools, twins. Built once a turn and shared by detectors.

use std::collections::HashMap;

use hale_model::config::Config;
use hale_model::snapshot::{Process, Snapshot};

use crate::decide::names::glob;

/// Programs that adopt orphans, where they are process 1.
const INITS: &[&str] = &[
    "systemd",
    "init",
    "tini",
    "dumb-init",
    "catatonit",
    "docker-init",
    "s6-svscan",
    "runit",
    "openrc-init",
    "busybox",
];

/// Agents that start helpers (MCP servers, tools) and may leave them behind.
const AGENTS: &[&str] = &[
    "claude",
    "claude-code",
    "codex",
    "cursor",
    "cursor-agent",
    "gemini",
    "aider",
    "goose",
    "opencode",
    "crush",
    "amp",
    "copilot",
    "windsurf",
    "cline",
    "qwen",
    "kiro",
];

/// Node and its launchers: agents run on it, but so do servers.
const NODES: &[&str] = &["node", "nodejs", "npm", "npx", "pnpm", "yarn", "bun", "deno"];

/// Programs that run a script, which then is what the process is.
const INTERPRETERS: &[&str] =
    &["node", "bun", "deno", "python", "ruby", "npx", "npm", "sh", "bash"];

/// Shells: people have many of these open, each for a reason, unless they run a script.
const SHELLS: &[&str] = &["bash", "zsh", "fish", "sh", "dash", "ksh"];

/// Other programs that people have many of.
const INTERACTIVE: &[&str] = &[
    "tmux", "screen", "login", "sshd", "ssh", "agetty", "su", "sudo", "vim", "nvim", "less", "man",
    "top", "htop",
];

/// How a process relates to the one it hangs under.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lineage<'a> {
    /// Its parent ended; whoever adopts orphans has it now.
    Orphan,
    /// This one started it, as far as can be known.
    Child(&'a Process),
    /// The parent cannot be seen.
    Unknown,
}

/// Processes of one command line, owner, container and service.
pub(super) struct Twins<'a> {
    pub(super) members: Vec<&'a Process>,
}

/// The relations of one snapshot.
pub(super) struct Kin<'a> {
    snapshot: &'a Snapshot,
    ignored: &'a [String],
    own_service: Option<&'a str>,
    own_container: Option<&'a str>,
    /// More than the configured number of one command line.
    pub(super) twins: Vec<Twins<'a>>,
    /// Unmanaged orphans that hale may speak of.
    pub(super) orphans: Vec<&'a Process>,
}

impl<'a> Kin<'a> {
    /// Looks at every process once.
    pub(super) fn new(snapshot: &'a Snapshot, config: &'a Config) -> Self {
        let own = snapshot.own_pids.first().and_then(|pid| snapshot.process(*pid));
        let mut kin = Kin {
            snapshot,
            ignored: &config.allowlist.ignore_commands,
            own_service: own.and_then(service_of),
            own_container: own.and_then(|p| p.info.container.as_deref()),
            twins: Vec::new(),
            orphans: Vec::new(),
        };
        kin.orphans =
            snapshot.processes.iter().filter(|p| kin.is_candidate(p) && kin.is_orphan(p)).collect();
        kin.twins = kin.find_twins(config.thresholds.max_duplicate_processes as usize);
        kin
    }

    /// Whether hale may report it at all: no kernel thread, not dead, not hale itself or one of its
    /// ancestors, not on the list of commands to ignore.
    pub(super) fn is_candidate(&self, p: &Process) -> bool {
        !p.info.kernel_thread
            && !p.is_zombie()
            && !self.snapshot.own_pids.contains(&p.pid)
            && !self.is_ignored(&p.info.name)
    }

    pub(super) fn is_ignored(&self, name: &str) -> bool {
        self.ignored.iter().any(|pattern| glob(pattern, name))
    }

    /// How it relates to its parent.
    pub(super) fn lineage(&self, p: &Process) -> Lineage<'a> {
        if p.original_parent.is_some() {
            return Lineage::Orphan;
        }
        match self.snapshot.process(p.ppid) {
            // Whatever init starts by itself is in a service; the rest it adopted.
            Some(parent) if parent.pid == 1 && is_init(parent) && !self.is_managed(p) => {
                Lineage::Orphan
            }
            Some(parent) => Lineage::Child(parent),
            None => Lineage::Unknown,
        }
    }

    /// An orphan that neither a service nor a container looks after.
    pub(super) fn is_orphan(&self, p: &Process) -> bool {
        matches!(self.lineage(p), Lineage::Orphan) && !self.is_managed(p)
    }

    /// Whether a service manager or a container engine looks after it. What hale itself runs in
    /// (a CI job, a container) says nothing about its neighbours there.
    pub(super) fn is_managed(&self, p: &Process) -> bool {
        let service = service_of(p);
        let container = p.info.container.as_deref();
        (service.is_some() && service != self.own_service)
            || (container.is_some() && container != self.own_container)
    }

    /// Whether it is a worker of a pool: a living parent that is no agent keeps several of them, or
    /// is the same program.
    pub(super) fn is_pooled(&self, p: &Process, twins: &Twins<'_>, limit: usize) -> bool {
        let Lineage::Child(parent) = self.lineage(p) else { return false };
        if agent_name(&parent.info.name, &parent.info.cmdline, AGENTS).is_some() {
            return false;
        }
        let siblings = twins.members.iter().filter(|m| m.ppid == p.ppid).count();
        same_program(parent, p) || siblings > limit
    }

    fn find_twins(&self, limit: usize) -> Vec<Twins<'a>> {
        type Key<'k> = (&'k str, u32, Option<&'k str>, Option<&'k str>);
        let mut by_command: HashMap<Key<'a>, Vec<&'a Process>> = HashMap::new();
        for p in &self.snapshot.processes {
            if p.info.cmdline.is_empty() || !self.is_candidate(p) || is_interactive(p) {
                continue;
            }
            let service = service_of(p).filter(|s| Some(*s) != self.own_service);
            let key = (p.info.cmdline.as_str(), p.info.uid, p.info.container.as_deref(), service);
            by_command.entry(key).or_default().push(p);
        }
        let mut over: Vec<_> = by_command.into_iter().filter(|(_, m)| m.len() > limit).collect();
        // The map has no order of its own; the same snapshot must give the same findings.
        over.sort_by_key(|(key, _)| *key);
        over.into_iter().map(|(_, members)| Twins { members }).collect()
    }

    /// Memory that these hold together with all that descend from them.
    pub(super) fn memory_of_trees(&self, roots: &[&Process]) -> u64 {
        let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
        for p in &self.snapshot.processes {
            children.entry(p.ppid).or_default().push(p);
        }
        let mut seen: std::collections::BTreeSet<i32> = roots.iter().map(|p| p.pid).collect();
        let mut open: Vec<&Process> = roots.to_vec();
        let mut bytes: u64 = 0;
        while let Some(p) = open.pop() {
            bytes = bytes.saturating_add(p.rss_bytes);
            let below = children.get(&p.pid).into_iter().flatten();
            open.extend(below.filter(|c| c.pid > 1 && seen.insert(c.pid)));
        }
        bytes
    }
}

fn is_init(p: &Process) -> bool {
    INITS.contains(&p.info.name.as_str())
}

fn is_interactive(p: &Process) -> bool {
    let name = p.info.name.trim_start_matches('-');
    let mut arguments = p.info.cmdline.split_whitespace().skip(1);
    INTERACTIVE.contains(&name)
        || (SHELLS.contains(&name) && arguments.all(|word| word.starts_with('-')))
}

/// The innermost service that the process runs in, told by its cgroup; a user's own service
/// manager is none, for everything that the user does is in it.
fn service_of(p: &Process) -> Option<&str> {
    let is_service = |name: &&str| name.ends_with(".service") && !name.starts_with("user@");
    let from_cgroup = p.info.cgroup.as_deref().and_then(|path| path.rsplit('/').find(is_service));
    from_cgroup.or_else(|| p.info.unit.as_deref().filter(is_service))
}

/// The agent or node process that started this orphan, if one did.
pub(super) fn abandoned_by(p: &Process) -> Option<&'static str> {
    let parent = p.original_parent.as_deref()?;
    agent_name(&parent.name, &parent.cmdline, AGENTS)
        .or_else(|| agent_name(&parent.name, &parent.cmdline, NODES))
}

/// The one of `names` that a process is: by its name, its program, or the script that its
/// interpreter runs.
fn agent_name(name: &str, cmdline: &str, names: &[&'static str]) -> Option<&'static str> {
    let is = |word: &str| names.iter().copied().find(|known| *known == word);
    let mut words = cmdline.split_whitespace();
    let program = file_name(words.next().unwrap_or_default());
    is(name).or_else(|| is(program)).or_else(|| {
        let interprets = INTERPRETERS.iter().any(|i| program.starts_with(i));
        let script = words.find(|w| !w.starts_with('-')).filter(|_| interprets)?;
        // `…/node_modules/@anthropic-ai/claude-code/cli.js`
        let packaged = script.split_once("node_modules/").map(|(_, path)| path);
        is(file_name(script)).or_else(|| packaged?.split('/').find_map(is))
    })
}

fn file_name(word: &str) -> &str {
    let base = word.rsplit('/').next().unwrap_or(word);
    base.strip_suffix(".js").or_else(|| base.strip_suffix(".mjs")).unwrap_or(base)
}

/// Whether a parent and a child run the same program, as in a prefork pool.
fn same_program(parent: &Process, child: &Process) -> bool {
    match (&parent.info.exe, &child.info.exe) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => {
            parent.info.name == child.info.name || parent.info.cmdline == child.info.cmdline
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_told_by_name_or_script() {
        for (name, cmdline, expected) in [
            ("claude", "claude", Some("claude")),
            ("node", "node /usr/lib/bin/claude --resume", Some("claude")),
            ("node", "/usr/bin/node server.js", None),
            ("MainThread", "python3 /home/u/.local/bin/aider", Some("aider")),
            ("vim", "vim claude", None),
            ("node", "node /a/node_modules/@anthropic-ai/claude-code/cli.js", Some("claude-code")),
            ("node", "node /home/claude/server.js", None),
        ] {
            assert_eq!(agent_name(name, cmdline, AGENTS), expected, "{cmdline}");
        }
    }
}
