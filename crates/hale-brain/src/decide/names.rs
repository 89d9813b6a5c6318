//! By which names a process, a unit or a path is known, and whether a pattern of the configuration
//! means it. `*` stands for any characters; everything else stands for itself.

use hale_model::action::Action;
use hale_model::config::Allowlist;
use hale_model::sample::ProcessInfo;
use hale_model::snapshot::{Process, Snapshot};

/// The kernel cuts a process's name (`comm`) to this many bytes.
const COMM_MAX_BYTES: usize = 15;

/// Whether the whole text is what the pattern describes.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*`: one more byte of the text is given to it each time.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            p = star_p + 1;
            t = star_t + 1;
        } else {
            return false;
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Whether a name that the kernel cut could be the start of what the pattern describes.
fn matches_cut_name(pattern: &str, comm: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    comm.len() >= COMM_MAX_BYTES && literal.len() > comm.len() && literal.starts_with(comm)
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file name of the program on disk, where it may be read.
pub fn exe_name(info: &ProcessInfo) -> Option<&str> {
    info.exe.as_deref().map(|exe| basename(exe.trim_end_matches(" (deleted)")))
}

/// The name under which it was called: the first argument without its directory, without the `-`
/// of login shells and the `:` of titles such as `sshd: user@pts/0`.
pub fn argv0_name(info: &ProcessInfo) -> Option<&str> {
    let first = info.cmdline.split_whitespace().next()?;
    let name = basename(first).trim_start_matches('-').trim_end_matches(':');
    (!name.is_empty()).then_some(name)
}

/// The pattern that names this program: by its kernel name, its file or its first argument. Later
/// arguments are not names: `python3 sshd.py` is python3.
pub fn command_pattern<'a>(patterns: &'a [String], info: &ProcessInfo) -> Option<&'a str> {
    let names = [Some(info.name.as_str()), exe_name(info), argv0_name(info)];
    let named = |pattern: &&String| {
        names.iter().flatten().any(|name| glob(pattern, name))
            || matches_cut_name(pattern, &info.name)
    };
    patterns.iter().find(named).map(String::as_str)
}

/// The pattern that names this unit. `nginx` means `nginx.service`, as it does to `systemctl`.
pub fn unit_pattern<'a>(patterns: &'a [String], unit: &str) -> Option<&'a str> {
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    patterns.iter().find(|p| glob(p, unit) || glob(p, stem)).map(String::as_str)
}

/// The pattern that names this container, with or without the slash that engines write before names.
pub fn container_pattern<'a>(patterns: &'a [String], name: &str) -> Option<&'a str> {
    let named = |pattern: &&String| glob(pattern.strip_prefix('/').unwrap_or(pattern), name);
    patterns.iter().find(named).map(String::as_str)
}

/// Whether the pattern names everything that the action is done to.
pub fn is_named(pattern: &str, action: &Action) -> bool {
    let processes = action.processes();
    if !processes.is_empty() {
        return processes.iter().all(|process| glob(pattern, &process.name));
    }
    let target = action.target();
    let pattern = [pattern.to_owned()];
    match action {
        Action::ServiceRestart { .. }
        | Action::ServiceStart { .. }
        | Action::ServiceStop { .. } => unit_pattern(&pattern, &target).is_some(),
        Action::ContainerRestart { .. }
        | Action::ContainerStart { .. }
        | Action::ContainerStop { .. }
        | Action::ContainerSetMemory { .. } => container_pattern(&pattern, &target).is_some(),
        Action::ProcessKill { .. }
        | Action::ProcessPause { .. }
        | Action::ProcessRenice { .. }
        | Action::MemoryDropCaches
        | Action::DiskClean { .. }
        | Action::CommandRun { .. }
        | Action::Notify { .. }
        | Action::K8sRolloutRestart { .. }
        | Action::K8sRollback { .. }
        | Action::K8sScale { .. } => pattern.iter().any(|pattern| glob(pattern, &target)),
    }
}

/// Whether this unit only holds what people started (a login, a container's first scope) rather
/// than being a service of its own: protecting it does not mean to protect every program in it.
pub fn holds_peoples_programs(unit: &str) -> bool {
    unit.starts_with("user@") || unit.ends_with(".scope") || unit.ends_with(".slice")
}

/// Services through which people log in. Without logind their sessions stay in the service's cgroup.
const LOGIN_SERVICES: &[&str] = &[
    "ssh.service",
    "ssh@*",
    "sshd.service",
    "sshd@*",
    "getty@*",
    "serial-getty@*",
    "console-getty*",
];

/// The programs that are such a service themselves.
const LOGIN_PROGRAMS: &[&str] = &["sshd*", "agetty", "getty", "login"];

/// The service that a process belongs to; none where its unit only holds what people started.
pub fn service_of(info: &ProcessInfo) -> Option<&str> {
    let unit = info.unit.as_deref().filter(|unit| !holds_peoples_programs(unit))?;
    let login_service = LOGIN_SERVICES.iter().any(|pattern| glob(pattern, unit));
    let own_program = [Some(info.name.as_str()), exe_name(info)]
        .into_iter()
        .flatten()
        .any(|name| LOGIN_PROGRAMS.iter().any(|pattern| glob(pattern, name)));
    (!login_service || own_program).then_some(unit)
}

/// Whether it is absolute and says exactly where it is: no `.`, `..`, or empty part.
pub fn is_plain_absolute(path: &str) -> bool {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    path.starts_with('/')
        && !path.contains('\0')
        && trimmed.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether `path` is `directory` or lies below it; `directory` may hold `*` within its parts.
pub fn lies_under(path: &str, directory: &str) -> bool {
    let mut parts = path.split('/').filter(|p| !p.is_empty());
    directory.split('/').filter(|p| !p.is_empty()).all(|d| parts.next().is_some_and(|p| glob(d, p)))
}

/// The protected path that this directory lies in, or that lies in it.
pub fn path_pattern<'a>(patterns: &'a [String], directory: &str) -> Option<&'a str> {
    let touches =
        |pattern: &&String| lies_under(directory, pattern) || contains_pattern(directory, pattern);
    patterns.iter().find(touches).map(String::as_str)
}

/// Whether something that `pattern` describes may lie below `directory`.
fn contains_pattern(directory: &str, pattern: &str) -> bool {
    let mut wanted = pattern.split('/').filter(|p| !p.is_empty());
    directory
        .split('/')
        .filter(|p| !p.is_empty())
        .all(|part| wanted.next().is_some_and(|pattern| glob(pattern, part)))
}

/// Whether a process with this parent was left behind: its parent died and the machine's, or the
/// user's, first process took it over.
pub fn is_orphan(process: &Process, snapshot: &Snapshot) -> bool {
    if process.original_parent.is_some() || process.ppid == 1 {
        return true;
    }
    snapshot
        .process(process.ppid)
        .is_some_and(|parent| parent.info.name == "systemd" || parent.info.name == "init")
}

/// The container that hale itself runs in, as far as its own processes tell.
pub fn own_container(snapshot: &Snapshot) -> Option<&str> {
    let own = snapshot.own_pids.iter().filter_map(|pid| snapshot.process(*pid));
    own.filter_map(|p| p.info.container.as_deref()).next()
}

/// Whether a person protects this program, by its pid or by one of its names.
pub fn is_protected(process: &Process, allowlist: &Allowlist) -> bool {
    allowlist.protected_pids.contains(&process.pid)
        || command_pattern(&allowlist.protected_commands, &process.info).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_is_special() {
        for (pattern, text, expected) in [
            ("sshd", "sshd", true),
            ("sshd", "sshd2", false),
            ("dbus*", "dbus-daemon", true),
            ("dbus*", "dbus", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("*sql*", "postgresql", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("a?c", "abc", false),
            ("[x]", "x", false),
            ("**", "anything", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_program_is_known_by_name_file_and_first_argument_but_not_by_later_ones() {
        let info = |name: &str, exe: Option<&str>, cmdline: &str| ProcessInfo {
            name: name.to_owned(),
            exe: exe.map(ToOwned::to_owned),
            cmdline: cmdline.to_owned(),
            ..ProcessInfo::default()
        };
        let patterns =
            ["sshd", "dbus*", "systemd-network-manager", "bash"].map(ToOwned::to_owned).to_vec();
        for (given, expected) in [
            (info("sshd", None, ""), Some("sshd")),
            (info("worker", Some("/usr/sbin/sshd"), "worker"), Some("sshd")),
            (info("worker", Some("/usr/sbin/sshd (deleted)"), "worker"), Some("sshd")),
            (info("x", None, "sshd: ada@pts/0"), Some("sshd")),
            (info("bash", Some("/bin/zsh"), "-bash"), Some("bash")),
            (info("python3", Some("/usr/bin/python3"), "python3 /opt/sshd"), None),
            (info("systemd-network", None, ""), Some("systemd-network-manager")),
            (info("systemd-netw", None, ""), None),
            (info("sshdx", None, "/bin/sshdx"), None),
        ] {
            assert_eq!(command_pattern(&patterns, &given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_directory_is_protected_from_above_and_from_below() {
        let patterns = ["/etc", "/lib*", "/var/lib"].map(ToOwned::to_owned).to_vec();
        for (directory, expected) in [
            ("/etc", Some("/etc")),
            ("/etc/nginx", Some("/etc")),
            ("/etcetera", None),
            ("/lib64/x", Some("/lib*")),
            ("/var", Some("/var/lib")),
            ("/", Some("/etc")),
            ("/var/cache", None),
            ("/home/etc", None),
        ] {
            assert_eq!(path_pattern(&patterns, directory), expected, "{directory}");
        }
        for (path, expected) in [
            ("/a/b", true),
            ("/a/b/", true),
            ("/", true),
            ("a/b", false),
            ("/a/../etc", false),
            ("/a//b", false),
            ("/a/./b", false),
            ("", false),
        ] {
            assert_eq!(is_plain_absolute(path), expected, "{path}");
        }
    }

    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                naive(&pattern[1..], text) || (!text.is_empty() && naive(pattern, &text[1..]))
            }
            (Some(p), Some(t)) => p == t && naive(&pattern[1..], &text[1..]),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn the_matcher_agrees_with_its_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(glob(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
