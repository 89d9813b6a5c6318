//! The machine and the person's shell, read from files. Start-up files are parsed and never run; what
//! cannot be read is left out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hale_brain::companion::context::{MountLine, TOOLS_OF_INTEREST};
use hale_brain::companion::shellrc::{self, RC_BYTES_MAX, ShellDefinitions};
use hale_brain::companion::{MachineContext, context::is_worth_naming};
use hale_brain::route::{HostFacts, LOG_FILES, PackageManager};
use hale_model::snapshot::Snapshot;

/// Entries of one directory that are read.
const DIRECTORY_ENTRIES_MAX: usize = 20_000;
/// Directories of `PATH` that are read.
const PATH_DIRECTORIES_MAX: usize = 64;
/// Bytes of a file of names.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Names of users, and of machines, that are taken.
const NAMES_MAX: usize = 2_000;

/// In the order in which shells read them: the later wins.
const RC_FILES: &[&str] = &[
    ".profile",
    ".bash_profile",
    ".bashrc",
    ".bash_aliases",
    ".aliases",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".zsh_aliases",
];

/// Where to look.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// `/`
    pub(super) root: PathBuf,
    /// The person's home.
    pub(super) home: Option<PathBuf>,
    /// `PATH`
    pub(super) path: Option<OsString>,
    /// `SHELL`
    pub(super) shell: Option<OsString>,
    /// `USER`
    pub(super) user: Option<String>,
    /// Whether commands run as root.
    pub(super) is_root: bool,
}

/// The name of whoever runs hale, where the environment does not tell it (a service, a container).
fn user_of(places: &Places) -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let accounts = places.text("etc/passwd");
    let of_uid = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    of_uid.unwrap_or_else(|| format!("uid {uid}"))
}

impl Places {
    pub(super) fn of_process() -> Places {
        Places {
            root: PathBuf::from("/"),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            path: std::env::var_os("PATH"),
            shell: std::env::var_os("SHELL"),
            user: ["USER", "LOGNAME"]
                .iter()
                .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty())),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    fn text(&self, below_root: &str) -> String {
        small_text(&self.root.join(below_root), FILE_BYTES_MAX)
    }
}

/// The facts that local intents need.
pub(super) fn host_facts(places: &Places) -> HostFacts {
    let tools = tools(places);
    let has = |tool: &str| tools.contains(tool);
    let os_release = places.text("etc/os-release");
    let package_manager = [
        ("apt-get", PackageManager::Apt),
        ("dnf", PackageManager::Dnf),
        ("pacman", PackageManager::Pacman),
        ("zypper", PackageManager::Zypper),
        ("apk", PackageManager::Apk),
    ];
    let package_manager = package_manager.into_iter().find(|(tool, _)| has(tool)).map(|(_, pm)| pm);
    let shell = places.shell.as_deref().map(Path::new).and_then(Path::file_name);
    HostFacts {
        os_id: os_release_value(&os_release, "ID").to_lowercase(),
        package_manager,
        has_systemd: places.root.join("run/systemd/system").is_dir(),
        is_root: places.is_root,
        shell: shell.map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
        units: units(places),
        containers: BTreeSet::new(),
        users: users(places),
        log_files: LOG_FILES
            .into_iter()
            .filter(|name| places.root.join("var/log").join(name).is_file())
            .map(str::to_owned)
            .collect(),
        tools,
    }
}

/// What a model is told about the machine.
pub(super) fn machine(
    places: &Places,
    host: &HostFacts,
    snapshot: &Snapshot,
    working_dir: &Path,
) -> MachineContext {
    let mounts = snapshot.mounts.iter().map(|mount| MountLine {
        mount_point: mount.mount_point.clone(),
        device: mount.device.clone(),
        fs_type: mount.fs_type.clone(),
        total_bytes: mount.total_bytes,
        available_bytes: mount.available_bytes,
    });
    MachineContext {
        os: snapshot.host.os.clone(),
        kernel: snapshot.host.kernel.clone(),
        architecture: std::env::consts::ARCH.to_owned(),
        host_name: snapshot.host.hostname.clone(),
        user: places.user.clone().unwrap_or_else(|| user_of(places)),
        is_root: places.is_root,
        shell: host.shell.clone(),
        working_dir: working_dir.display().to_string(),
        package_manager: host.package_manager.map(|pm| pm.name().to_owned()).unwrap_or_default(),
        has_systemd: host.has_systemd,
        mounts: mounts.filter(is_worth_naming).collect(),
        tools: TOOLS_OF_INTEREST
            .iter()
            .filter(|tool| host.has(tool))
            .map(|tool| (*tool).to_owned())
            .collect(),
        definitions: definitions(places),
        machines: ssh_hosts(places),
    }
}

/// Names of everything on `PATH`. Whether each may be executed is not asked: that costs a call a name.
fn tools(places: &Places) -> BTreeSet<String> {
    let Some(path) = &places.path else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    for directory in std::env::split_paths(path).take(PATH_DIRECTORIES_MAX) {
        if directory.is_absolute() {
            found.extend(names_in(&directory));
        }
    }
    found
}

fn names_in(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.take(DIRECTORY_ENTRIES_MAX).filter_map(|e| e.ok()?.file_name().into_string().ok())
}

fn units(places: &Places) -> BTreeSet<String> {
    let directories = [
        "etc/systemd/system",
        "run/systemd/system",
        "usr/lib/systemd/system",
        "lib/systemd/system",
    ];
    let names = directories.iter().flat_map(|below| names_in(&places.root.join(below)));
    names.filter_map(|name| Some(name.strip_suffix(".service")?.to_owned())).collect()
}

fn users(places: &Places) -> BTreeSet<String> {
    let text = places.text("etc/passwd");
    let names = text.lines().filter_map(|line| line.split(':').next()).filter(|n| !n.is_empty());
    names.take(NAMES_MAX).map(ToOwned::to_owned).collect()
}

fn definitions(places: &Places) -> ShellDefinitions {
    let mut all = ShellDefinitions::default();
    let Some(home) = &places.home else { return all };
    for name in RC_FILES {
        all.extend(shellrc::parse(&small_text(&home.join(name), RC_BYTES_MAX as u64)));
    }
    all
}

/// Machines that the person has given names to.
fn ssh_hosts(places: &Places) -> Vec<String> {
    let Some(home) = &places.home else { return Vec::new() };
    let text = small_text(&home.join(".ssh/config"), FILE_BYTES_MAX);
    let mut hosts = BTreeSet::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("host")) {
            let plain = words.filter(|host| !host.contains(['*', '?', '!']));
            hosts.extend(plain.map(ToOwned::to_owned));
        }
    }
    hosts.into_iter().take(NAMES_MAX).collect()
}

/// Names of machines that tell more than a word of the language would. `web` or `backup` stay: masking
/// them would take the sense out of sentences that mean no machine.
pub(super) fn private_names(machines: &[String]) -> Vec<String> {
    let tells = |name: &&String| name.contains(|c: char| c.is_ascii_digit() || "-_.".contains(c));
    machines.iter().filter(tells).cloned().collect()
}

/// The beginning of a regular file; nothing where it cannot be read. A pipe is never opened.
fn small_text(path: &Path, limit_bytes: u64) -> String {
    if !std::fs::metadata(path).is_ok_and(|m| m.is_file()) {
        return String::new();
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit_bytes).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

fn os_release_value(text: &str, key: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

/// The existing path that is nearest to one that does not exist: where the first part that is missing
/// has exactly one neighbour whose name is nearly its own.
pub(super) fn nearest_path(path: &str, working_dir: &Path) -> Option<String> {
    let wanted = if path.starts_with('/') { PathBuf::from(path) } else { working_dir.join(path) };
    let mut known = PathBuf::new();
    let mut parts = wanted.components();
    for part in parts.by_ref() {
        let next = known.join(part);
        if next.symlink_metadata().is_ok() {
            known = next;
            continue;
        }
        let missing = part.as_os_str().to_str()?;
        known.push(nearest_name(missing, names_in(&known))?);
        break;
    }
    known.extend(parts);
    if known.symlink_metadata().is_err() {
        return None;
    }
    let found = if path.starts_with('/') {
        known.as_path()
    } else {
        known.strip_prefix(working_dir).ok()?
    };
    found.to_str().map(ToOwned::to_owned)
}

fn nearest_name(missing: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let allowed = match missing.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        _ => 2,
    };
    let mut best: Option<(usize, String)> = None;
    let mut tied = false;
    for name in names {
        let distance = hale_brain::companion::edits(missing, &name);
        let is_better = best.as_ref().is_none_or(|(d, _)| distance < *d);
        if distance <= allowed && is_better {
            tied = false;
            best = Some((distance, name));
        } else if best.as_ref().is_some_and(|(d, _)| distance == *d) {
            tied = true;
        }
    }
    best.filter(|_| !tied).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(root: &Path) -> Places {
        Places {
            root: root.to_owned(),
            home: Some(root.join("home/ada")),
            path: Some(root.join("bin").into()),
            shell: Some("/usr/bin/zsh".into()),
            user: Some("ada".to_owned()),
            is_root: false,
        }
    }

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn facts_are_read_from_files_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root.join("etc/os-release"), "NAME=\"Fedora Linux\"\nID=fedora\n");
        write(
            root.join("etc/passwd"),
            "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:\n",
        );
        write(root.join("usr/lib/systemd/system/nginx.service"), "");
        write(root.join("bin/dnf"), "");
        write(root.join("home/ada/.bashrc"), "alias ll='ls -l'\n$(touch /tmp/never)\n");
        write(
            root.join("home/ada/.zshrc"),
            "alias ll='ls -la'\nserve() { python3 -m http.server; }\n",
        );
        write(root.join("home/ada/.ssh/config"), "Host db1 db2\n  User ada\nHost *.example\n");
        let places = places(root);
        let host = host_facts(&places);
        assert_eq!(host.os_id, "fedora");
        assert_eq!(host.package_manager, Some(PackageManager::Dnf));
        assert!(!host.has_systemd && host.units.contains("nginx") && host.users.contains("ada"));
        assert_eq!(host.shell, "zsh");
        let found = definitions(&places);
        assert_eq!(found.aliases[0].value, "ls -la");
        assert_eq!(found.functions[0].name, "serve");
        assert_eq!(ssh_hosts(&places), ["db1", "db2"]);
    }

    #[test]
    fn a_misspelt_path_has_a_neighbour_only_if_it_is_clear_which() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root.join("nginx/nginx.conf"), "");
        write(root.join("data1/x"), "");
        write(root.join("data2/x"), "");
        let absolute = |below: &str| root.join(below).display().to_string();
        assert_eq!(
            nearest_path(&absolute("ngnix/nginx.conf"), root),
            Some(absolute("nginx/nginx.conf"))
        );
        assert_eq!(nearest_path("ngnix/nginx.conf", root).as_deref(), Some("nginx/nginx.conf"));
        assert_eq!(nearest_path("nginx/nginx.con", root).as_deref(), Some("nginx/nginx.conf"));
        assert_eq!(nearest_path("data3/x", root), None);
        assert_eq!(nearest_path("quite/other", root), None);
        assert_eq!(nearest_path("ngnix/absent", root), None);
    }
}
