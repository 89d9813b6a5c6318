//! Where the world is: every path and address that an executor uses, so that a test can give others.

use std::path::PathBuf;

use hale_model::config::DeclaredService;

/// How systemd is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusAccess {
    /// The system bus of this machine.
    System,
    /// Another D-Bus address, such as `unix:path=/run/other/bus`.
    Address(String),
    /// Not at all: every service action is unsupported.
    Disabled,
}

/// How the container engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAccess {
    /// That of `DOCKER_HOST`, else Docker's or Podman's where they usually are.
    Auto,
    /// A unix socket or an address of this machine, as `[containers] engine` gives it.
    Address(String),
    /// Not at all: every container action is unsupported.
    Disabled,
}

impl EngineAccess {
    /// As the configuration says: empty is wherever it usually is.
    pub fn configured(engine: &str) -> EngineAccess {
        match engine.trim() {
            "" => EngineAccess::Auto,
            "off" => EngineAccess::Disabled,
            address => EngineAccess::Address(address.to_owned()),
        }
    }
}

/// How a Kubernetes API server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeAccess {
    /// As a kubeconfig says.
    Configured {
        /// The file; empty: wherever it usually is, or the service account of the pod hale runs in.
        kubeconfig: String,
        /// The context within it; empty: its current one.
        context: String,
    },
    /// Not at all: every action on workloads is unsupported.
    Disabled,
}

impl KubeAccess {
    /// As `[kubernetes]` says.
    pub fn configured(config: &hale_model::config::Kubernetes) -> KubeAccess {
        if !config.enabled {
            return KubeAccess::Disabled;
        }
        KubeAccess::Configured {
            kubeconfig: config.kubeconfig.clone(),
            context: config.context.clone(),
        }
    }
}

/// What a package manager holds while it uses its cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheLock {
    /// A record lock (`fcntl`) on this file; hale takes the same lock while it removes.
    Record(PathBuf),
    /// The file exists as long as the package manager runs.
    Exists(PathBuf),
}

/// Where a package manager keeps downloads that it can fetch again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageCache {
    /// Name of the package manager, for people.
    pub name: String,
    /// Absolute, without symbolic links.
    pub directory: PathBuf,
    /// Only files whose names end like this.
    pub suffixes: Vec<String>,
    /// Directory levels below `directory` that are looked into; 0: only the directory itself.
    pub max_depth: u32,
    /// How to tell that the package manager is at work.
    pub lock: Option<CacheLock>,
}

/// The places that executors read and change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRoots {
    /// `/proc`
    pub proc: PathBuf,
    /// hale's data directory; the quarantine lies below it.
    pub data_dir: PathBuf,
    /// How systemd is reached.
    pub system_bus: BusAccess,
    /// Services that no systemd runs.
    pub declared: Vec<DeclaredService>,
    /// How the container engine is reached.
    pub engine: EngineAccess,
    /// How a Kubernetes API server is reached.
    pub kubernetes: KubeAccess,
    /// The `journalctl` program.
    pub journalctl: PathBuf,
    /// Where journald keeps its files.
    pub journal_dirs: Vec<PathBuf>,
    /// Package managers' caches.
    pub package_caches: Vec<PackageCache>,
    /// `/proc/sys/vm/drop_caches`
    pub drop_caches: PathBuf,
}

impl ActRoots {
    /// The real machine, with hale's data in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        ActRoots {
            proc: "/proc".into(),
            data_dir: data_dir.into(),
            system_bus: BusAccess::System,
            declared: Vec::new(),
            engine: EngineAccess::Auto,
            kubernetes: KubeAccess::Disabled,
            journalctl: "journalctl".into(),
            journal_dirs: vec!["/var/log/journal".into(), "/run/log/journal".into()],
            package_caches: known_package_caches(),
            drop_caches: "/proc/sys/vm/drop_caches".into(),
        }
    }
}

impl ActRoots {
    /// The declared service of this name.
    pub(crate) fn declared(&self, name: &str) -> Option<&DeclaredService> {
        self.declared.iter().find(|service| service.name == name)
    }
}

/// A further package manager is one more entry here.
fn known_package_caches() -> Vec<PackageCache> {
    let cache = |name: &str, directory: &str, suffixes: &[&str], max_depth, lock| PackageCache {
        name: name.to_owned(),
        directory: directory.into(),
        suffixes: suffixes.iter().map(|s| (*s).to_owned()).collect(),
        max_depth,
        lock,
    };
    let record = |path: &str| Some(CacheLock::Record(path.into()));
    let exists = |path: &str| Some(CacheLock::Exists(path.into()));
    vec![
        cache(
            "apt",
            "/var/cache/apt/archives",
            &[".deb"],
            0,
            record("/var/cache/apt/archives/lock"),
        ),
        cache("dnf", "/var/cache/dnf", &[".rpm"], 2, exists("/var/cache/dnf/download_lock.pid")),
        cache("dnf5", "/var/cache/libdnf5", &[".rpm"], 2, None),
        cache(
            "pacman",
            "/var/cache/pacman/pkg",
            &[".pkg.tar.zst", ".pkg.tar.xz", ".pkg.tar.gz", ".sig"],
            0,
            exists("/var/lib/pacman/db.lck"),
        ),
        cache("zypper", "/var/cache/zypp/packages", &[".rpm"], 4, exists("/run/zypp.pid")),
        cache("apk", "/var/cache/apk", &[".apk"], 0, record("/lib/apk/db/lock")),
    ]
}
