//! What the router has to know of a machine to choose among commands. Given by the caller; the
//! router looks nothing up.

use std::collections::BTreeSet;

/// The log files that a condition may ask for; which of them are there is up to the distribution.
pub const LOG_FILES: [&str; 4] = ["syslog", "messages", "auth.log", "secure"];

/// What a condition asks for, as a person is told that it is missing.
pub(super) fn needed(condition: &str) -> String {
    let one = |term: &str| match term.split_once(':') {
        Some(("log", name)) => format!("/var/log/{name}"),
        Some((_, name)) => name.to_owned(),
        None => term.to_owned(),
    };
    condition.split_whitespace().map(one).collect::<Vec<_>>().join(" ")
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PackageManager {
    /// Debian, Ubuntu and kin
    Apt,
    /// Fedora, RHEL and kin
    Dnf,
    /// Arch and kin
    Pacman,
    /// openSUSE and SLE
    Zypper,
    /// Alpine
    Apk,
}

impl PackageManager {
    /// Its name in conditions (`pm:apt`).
    pub fn name(self) -> &'static str {
        match self {
            PackageManager::Apt => "apt",
            PackageManager::Dnf => "dnf",
            PackageManager::Pacman => "pacman",
            PackageManager::Zypper => "zypper",
            PackageManager::Apk => "apk",
        }
    }
}

/// What is known of the machine that the commands are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// `ID` of `/etc/os-release`: `debian`, `fedora`, `arch`, `alpine`.
    pub os_id: String,
    /// Its package manager, where it has one of those that hale speaks.
    pub package_manager: Option<PackageManager>,
    /// Whether systemd runs as pid 1.
    pub has_systemd: bool,
    /// Whether commands already run as root, so that no `sudo` is put before them.
    pub is_root: bool,
    /// Names of installed programs that were found on `PATH`.
    pub tools: BTreeSet<String>,
    /// The person's shell: `bash`, `zsh`, `fish`; empty where unknown.
    pub shell: String,
    /// Names of service units without `.service`; may be empty. Lets an unusual name be
    /// recognised as a service.
    pub units: BTreeSet<String>,
    /// Names of containers; may be empty.
    pub containers: BTreeSet<String>,
    /// Names of user accounts; may be empty.
    pub users: BTreeSet<String>,
    /// Which of the usual log files stand in `/var/log`: `syslog`, `messages`, `auth.log`, `secure`.
    pub log_files: BTreeSet<String>,
}

impl HostFacts {
    /// Whether a program is installed.
    pub fn has(&self, tool: &str) -> bool {
        self.tools.contains(tool)
    }

    /// Whether a condition such as `pm:apt`, `systemd`, `tool:docker`, `os:alpine`, `log:syslog`, each possibly
    /// with `!` before it and joined by spaces (all must hold), is true here.
    pub(super) fn satisfies(&self, condition: &str) -> bool {
        condition.split_whitespace().all(|term| match term.strip_prefix('!') {
            Some(term) => !self.holds(term),
            None => self.holds(term),
        })
    }

    fn holds(&self, term: &str) -> bool {
        match term.split_once(':') {
            Some(("pm", name)) => self.package_manager.is_some_and(|pm| pm.name() == name),
            Some(("tool", name)) => self.has(name),
            Some(("os", name)) => self.os_id == name,
            Some(("log", name)) => self.log_files.contains(name),
            Some(_) => false,
            None => term == "systemd" && self.has_systemd,
        }
    }

    /// The prefix that gives a command the rights of root; empty where none is needed or known.
    pub(super) fn sudo(&self) -> &'static str {
        if self.is_root {
            ""
        } else if self.has("doas") && !self.has("sudo") {
            "doas "
        } else {
            "sudo "
        }
    }
}

/// Whether a condition is written in words that [`HostFacts::satisfies`] knows.
pub(super) fn is_condition(condition: &str) -> bool {
    condition.split_whitespace().all(|term| {
        let term = term.strip_prefix('!').unwrap_or(term);
        match term.split_once(':') {
            Some(("pm", name)) => ["apt", "dnf", "pacman", "zypper", "apk"].contains(&name),
            Some(("tool" | "os", name)) => !name.is_empty(),
            Some(("log", name)) => LOG_FILES.contains(&name),
            Some(_) => false,
            None => term == "systemd",
        }
    })
}
