//! What a path is: the root, a system tree, a home, a log, a device, a secret. Only from its spelling.

use super::text::{self, ANY, BRACKET, HOME, QUESTION, STAR, START_DIRECTORY};

/// Top-level directories without which the host is lost.
const SYSTEM_TOP: [&str; 13] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "root", "sbin", "usr",
    "var",
];

/// What a build or a package manager makes again.
const ARTEFACTS: [&str; 34] = [
    "node_modules",
    "target",
    "dist",
    "build",
    "out",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".venv",
    "venv",
    ".cache",
    "cache",
    ".gradle",
    ".next",
    ".nuxt",
    ".turbo",
    ".parcel-cache",
    "coverage",
    ".coverage",
    "htmlcov",
    ".eggs",
    "bower_components",
    ".terraform",
    "_build",
    ".nyc_output",
    ".sass-cache",
    "obj",
    "CMakeFiles",
    ".svelte-kit",
    "DerivedData",
    ".angular",
];

/// What boot or access hangs on. A trailing slash means the whole directory.
const VITAL: [&str; 46] = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/gshadow",
    "/etc/fstab",
    "/etc/crypttab",
    "/etc/sudoers",
    "/etc/sudoers.d/",
    "/etc/doas.conf",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/pam.d/",
    "/etc/pam.conf",
    "/etc/security/",
    "/etc/nsswitch.conf",
    "/etc/inittab",
    "/etc/default/grub",
    "/etc/grub.d/",
    "/etc/mdadm/",
    "/etc/mdadm.conf",
    "/etc/lvm/",
    "/etc/netplan/",
    "/etc/network/interfaces",
    "/etc/systemd/network/",
    "/etc/NetworkManager/system-connections/",
    "/etc/sysconfig/network-scripts/",
    "/etc/selinux/config",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d/",
    "/etc/ld.so.cache",
    "/etc/machine-id",
    "/etc/shells",
    "/etc/login.defs",
    "/etc/securetty",
    "/etc/krb5.conf",
    "/etc/sssd/",
    "/etc/initramfs-tools/",
    "/etc/dracut.conf",
    "/etc/modprobe.d/",
    "/boot/",
    "/efi/",
    "/etc/nftables.conf",
    "/etc/iptables/",
];

/// Programs and libraries without which nobody gets in.
const VITAL_PROGRAMS: [&str; 22] = [
    "sh",
    "bash",
    "dash",
    "init",
    "systemd",
    "sshd",
    "login",
    "sudo",
    "su",
    "mount",
    "agetty",
    "getty",
    "modprobe",
    "fsck",
    "ip",
    "systemctl",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libpam.so.0",
    "pam_unix.so",
    "env",
];

/// The absolute form of a path: `.`, `..` and doubled slashes taken out.
pub fn absolute(path: &str, cwd: &str) -> String {
    let first = path.chars().next();
    let joined;
    let whole = match first {
        Some('/' | HOME | START_DIRECTORY) => path,
        _ => {
            joined = format!("{cwd}/{path}");
            &joined
        }
    };
    let (root, rest) = match whole.chars().next() {
        Some(c @ (HOME | START_DIRECTORY)) => {
            (c.to_string(), whole.strip_prefix(c).unwrap_or_default())
        }
        Some('/') => (String::new(), whole),
        _ => (ANY.to_string(), whole),
    };
    // `~x` where the tilde was a variable: not a path below it.
    let glued = !rest.is_empty() && !rest.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let mut root = root;
    for (index, part) in rest.split('/').enumerate() {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." && !last.contains(ANY) => {
                    parts.pop();
                }
                Some(_) => parts.push(part),
                None if root.starts_with(HOME) => root = "/home".to_owned(),
                None if root == "/home" => root = String::new(),
                None if root.is_empty() => {}
                None => parts.push(part),
            },
            _ if index == 0 && glued => root.push_str(part),
            other => parts.push(other),
        }
    }
    let below = parts.join("/");
    match (root.is_empty(), below.is_empty()) {
        (true, true) => "/".to_owned(),
        (false, true) => root,
        _ => format!("{root}/{below}"),
    }
}

/// The last component.
pub fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn components(path: &str) -> Vec<&str> {
    path.split('/').filter(|c| !c.is_empty()).collect()
}

/// Whether a component is a glob that leaves nothing (or nothing that matters) out.
pub fn takes_everything(component: &str) -> bool {
    component.contains([STAR, QUESTION])
        && component.chars().all(|c| {
            matches!(
                c,
                STAR | QUESTION | BRACKET | '.' | '!' | '^' | ']' | 'a' | 'z' | 'A' | 'Z' | '-'
            )
        })
        && (component.contains(STAR) || component.chars().count() > 2)
}

/// The root tree: `/` or everything in it.
pub fn is_root(path: &str) -> bool {
    match components(path).as_slice() {
        [] => path.starts_with('/'),
        [only] => path.starts_with('/') && component_is_star(only),
        _ => false,
    }
}

fn component_is_star(component: &str) -> bool {
    component.contains(STAR) && takes_everything(component)
}

/// A top-level system directory, `/home`, a whole `~`, or everything in one of them.
pub fn is_system_top(path: &str) -> bool {
    let named = |component: &str| {
        SYSTEM_TOP.iter().any(|name| {
            if text::has_glob(component) {
                text::glob_matches(component, name)
            } else {
                component == *name
            }
        })
    };
    let home = HOME.to_string();
    match components(path).as_slice() {
        [only] if path.starts_with('/') => named(only),
        [only] => *only == home,
        [top, all] if path.starts_with('/') => named(top) && component_is_star(all),
        [top, all] => *top == home && component_is_star(all),
        _ => false,
    }
}

/// A system tree or something in one: where a mode or owner change breaks the host.
pub fn is_system_tree(path: &str) -> bool {
    const TREES: [&str; 12] = [
        "/bin",
        "/boot",
        "/dev",
        "/lib",
        "/lib32",
        "/lib64",
        "/sbin",
        "/usr",
        "/etc/ssh",
        "/etc/pam.d",
        "/var/lib/dpkg",
        "/proc",
    ];
    is_root(path)
        || is_system_top(path)
        || TREES.contains(&path)
        || [
            "/usr/bin",
            "/usr/sbin",
            "/usr/lib",
            "/usr/lib64",
            "/usr/share",
            "/var/lib",
            "/var/log",
            "/etc/systemd",
            "/opt",
            "/srv",
            "/usr/local",
            "/usr/libexec",
            "/home",
            "/var/run",
            "/run",
            "/var/spool",
        ]
        .contains(&path)
}

/// Whether a path lies under `/tmp` or `/var/tmp`; the directory itself does not.
pub fn is_under_tmp(path: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/private/tmp/"].iter().any(|tmp| {
        path.strip_prefix(tmp).is_some_and(|rest| !rest.is_empty() && !rest.starts_with(ANY))
    })
}

/// Something that a build makes again.
pub fn is_artefact(path: &str) -> bool {
    let components = components(path);
    if path.starts_with('/') && matches!(components.as_slice(), [_] | [] | [_, _]) {
        // `/srv/build` is somebody's data, `/usr/lib/node_modules` the host's.
        return false;
    }
    let system = ["/usr/", "/etc/", "/lib", "/bin", "/sbin", "/boot", "/var/lib/"];
    if system.iter().any(|s| path.starts_with(s)) {
        return false;
    }
    if path.starts_with("/var/cache/") {
        return true;
    }
    let last = components.iter().rev().find(|c| !component_is_star(c)).copied().unwrap_or_default();
    let artefact = |c: &str| ARTEFACTS.contains(&c);
    if matches!(last, "target" | "dist" | "build" | "out" | "obj" | "venv" | "cache" | "coverage") {
        return true;
    }
    ARTEFACTS.contains(&last)
        || last.ends_with(".egg-info")
        || last.starts_with("cmake-build-")
        || last.starts_with("bazel-")
        || components
            .iter()
            .any(|c| artefact(c) && !matches!(*c, "build" | "out" | "obj" | "cache"))
}

/// A file or directory that the host needs to boot or to let anybody in.
pub fn is_vital(path: &str) -> bool {
    if is_limits(path) {
        return false;
    }
    let listed = VITAL.iter().any(|vital| match vital.strip_suffix('/') {
        Some(directory) => {
            path == directory
                || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
        }
        None => {
            path == *vital
                || (text::has_glob(path) && text::glob_matches(path, vital))
                || path.strip_prefix(vital).is_some_and(|rest| rest == "-")
        }
    });
    let program = [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/lib/",
        "/lib64/",
        "/usr/lib/",
        "/usr/lib64/",
    ]
    .iter()
    .any(|directory| path.starts_with(directory))
        && VITAL_PROGRAMS.iter().any(|name| text::glob_matches(base(path), name));
    listed
        || program
        || path.starts_with("/lib/modules/")
        || path.starts_with("/usr/lib/modules/")
        || path.starts_with("/lib/security/")
        || base(path) == "authorized_keys"
}

/// Limits of users' resources: tuning, unlike the rest of `/etc/security`.
pub fn is_limits(path: &str) -> bool {
    path == "/etc/security/limits.conf"
        || path.strip_prefix("/etc/security/limits.d/").is_some_and(|name| !name.is_empty())
}

/// A log.
pub fn is_log(path: &str) -> bool {
    let name = base(path);
    if path.strip_prefix("/var/log/").is_some_and(|rest| !rest.is_empty()) || path == "/var/log" {
        return true;
    }
    if path.starts_with("/run/log/journal") {
        return true;
    }
    if is_under_tmp(path) {
        return false;
    }
    let rotated = name
        .trim_end_matches(".gz")
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    name.ends_with(".log")
        || rotated.ends_with(".log")
        || name.ends_with("_log")
        || name.ends_with(".journal")
        || (text::has_glob(name) && name.contains(".log"))
        || matches!(name, "wtmp" | "btmp" | "utmp" | "lastlog" | "nohup.out")
}

/// A log that the system keeps.
pub fn is_system_log(path: &str) -> bool {
    let name = base(path);
    path.starts_with("/var/log/")
        && (!name.contains('.')
            || [
                "auth.log",
                "kern.log",
                "daemon.log",
                "boot.log",
                "dpkg.log",
                "mail.log",
                "cron.log",
                "user.log",
            ]
            .contains(&name))
        || path.starts_with("/var/log/journal")
        || matches!(path, "/run/utmp" | "/var/run/utmp")
}

/// A file of a database.
pub fn is_database(path: &str) -> bool {
    const STORES: [&str; 15] = [
        "/var/lib/mysql",
        "/var/lib/postgresql",
        "/var/lib/pgsql",
        "/var/lib/mongodb",
        "/var/lib/mongo",
        "/var/lib/redis",
        "/var/lib/elasticsearch",
        "/var/lib/etcd",
        "/var/lib/influxdb",
        "/var/lib/clickhouse",
        "/var/lib/cassandra",
        "/var/lib/rabbitmq",
        "/var/lib/mariadb",
        "/var/lib/prometheus",
        "/var/lib/ldap",
    ];
    const ENDINGS: [&str; 16] = [
        ".db",
        ".db3",
        ".sqlite",
        ".sqlite3",
        ".mdb",
        ".ibd",
        ".frm",
        ".rdb",
        ".aof",
        ".myd",
        ".myi",
        ".duckdb",
        ".ldb",
        ".sqlitedb",
        ".db-wal",
        ".kdbx",
    ];
    let name = base(path).to_ascii_lowercase();
    let store = |s: &str| path.strip_prefix(s).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    if STORES.iter().any(|s| store(s)) {
        return true;
    }
    if is_under_tmp(path) {
        return false;
    }
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        || matches!(name.as_str(), "ibdata1" | "pg_wal" | "pg_control")
}

/// What records what was done here, and what guards it: the audit trail, shell history, hale itself.
pub fn is_trail(path: &str) -> bool {
    let name = base(path);
    let directories = [
        "/var/log/audit",
        "/etc/audit",
        "/var/lib/hale",
        "/etc/hale",
        "/etc/falco",
        "/var/ossec",
        "/etc/aide",
        "/var/lib/aide",
        "/etc/osquery",
    ];
    directories
        .iter()
        .any(|d| path == *d || path.strip_prefix(d).is_some_and(|r| r.starts_with('/')))
        || matches!(
            name,
            ".bash_history"
                | ".zsh_history"
                | ".history"
                | ".sh_history"
                | ".ash_history"
                | ".fish_history"
                | "fish_history"
        )
        || path.contains("/.local/share/hale")
        || path.contains("/.config/hale")
}

/// Keys, hashes, tokens, the environment.
pub fn is_secret(path: &str) -> bool {
    let name = base(path);
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".pub")
        || lower.ends_with(".crt")
        || lower == "known_hosts"
        || lower == "authorized_keys"
    {
        return false;
    }
    let exact = [
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/shadow-",
        "/etc/gshadow-",
        "/etc/sudoers",
        "/etc/krb5.keytab",
        "/etc/security/opasswd",
        "/etc/master.passwd",
        "/etc/ipsec.secrets",
        "/etc/ppp/chap-secrets",
    ];
    let directories = [
        "/.ssh",
        "/.aws",
        "/.gnupg",
        "/.kube",
        "/.azure",
        "/.config/gcloud",
        "/.docker",
        "/etc/ssl/private",
        "/etc/pki/tls/private",
        "/etc/letsencrypt",
        "/etc/kubernetes",
        "/run/secrets",
        "/secrets/kubernetes.io",
        "/etc/wireguard",
        "/etc/openvpn",
        "/.password-store",
        "/.config/gh",
        "/.vault-token",
        "/.mozilla",
        "/.config/google-chrome",
    ];
    let whole = is_root(path)
        || matches!(path, "/etc" | "/root" | "/home" | "/var" | "/etc/ssh")
        || (is_system_top(path)
            && !matches!(path, "/bin" | "/boot" | "/dev" | "/lib" | "/lib64" | "/sbin" | "/usr"));
    let named = [
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "id_dsa",
        ".netrc",
        ".pgpass",
        ".my.cnf",
        ".env",
        "credentials",
        ".git-credentials",
        ".npmrc",
        ".pypirc",
        ".vault-token",
        "kubeconfig",
        "admin.conf",
        "shadow",
        "secring.gpg",
        "terraform.tfstate",
        "wp-config.php",
        "environ",
        "master.key",
        "secrets.yml",
        "secrets.yaml",
        ".htpasswd",
        "krb5.keytab",
        "sam",
        "ntds.dit",
    ];
    exact.iter().any(|p| path == *p || (text::has_glob(path) && text::glob_matches(path, p)))
        || whole
        || named.contains(&lower.as_str())
        || (lower.starts_with("id_") && path.contains(".ssh"))
        || lower.strip_prefix(".env.").is_some_and(|kind| {
            !matches!(kind, "example" | "sample" | "template" | "dist" | "defaults")
        })
        || [".pem", ".key", ".p12", ".pfx", ".jks", ".kdbx", ".keytab", ".ppk", ".asc"]
            .iter()
            .any(|e| lower.ends_with(e))
        || lower.ends_with("_host_rsa_key")
        || lower.ends_with("_host_ed25519_key")
        || lower.ends_with("_host_ecdsa_key")
        || directories.iter().any(|d| path.contains(d))
        || (text::has_glob(path)
            && ["/root/.ssh/id_rsa", "/home/a/.ssh/id_rsa", "/etc/shadow"]
                .iter()
                .any(|p| text::glob_matches(path, p)))
        || (path.starts_with("/proc/") && lower == "environ")
}

/// `/dev/tcp/…` and `/dev/udp/…` of bash.
pub fn is_network_device(path: &str) -> bool {
    path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/")
}

/// What writing to a device would hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// No device that keeps anything.
    Harmless,
    /// The disk that the host most likely runs from, or a part of it.
    RootDisk,
    /// Some other disk, volume or pool.
    Disk,
    /// Memory, ports, consoles: not storage, but not harmless.
    Other,
}

/// What a path under `/dev` is; `None` for other paths.
pub fn device(path: &str) -> Option<Device> {
    let name = path.strip_prefix("/dev/")?;
    if name.is_empty() {
        return None;
    }
    if name.starts_with("shm/") || name.starts_with("mqueue/") {
        return None;
    }
    let harmless = [
        "null", "zero", "full", "stdout", "stderr", "stdin", "tty", "random", "urandom", "ptmx",
        "console", "kmsg", "log",
    ];
    if harmless.contains(&name)
        || ["fd/", "pts/", "tty", "tcp/", "udp/"].iter().any(|p| name.starts_with(p))
    {
        return Some(Device::Harmless);
    }
    if matches!(name, "mem" | "kmem" | "port") {
        return Some(Device::Disk);
    }
    let root = ["sda", "vda", "xvda", "hda", "nvme0n1", "mmcblk0", "root", "mapper/root"];
    let literal = name.find(text::is_mark).map(|end| name.get(..end).unwrap_or_default());
    let hits = |disk: &str| match literal {
        // A glob or an unknown piece may stand for the root disk.
        Some(prefix) if text::has_glob(name) => {
            let whole = text::glob_matches(name, disk)
                || text::glob_matches(name, &format!("{disk}1"))
                || text::glob_matches(name, &format!("{disk}p1"));
            whole || (prefix.starts_with(disk) && !prefix.is_empty())
        }
        _ => name.strip_prefix(disk).is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with(|c: char| c.is_ascii_digit() || c == 'p')
                || rest.starts_with(text::is_mark)
        }),
    };
    if root.iter().any(|disk| hits(disk)) {
        return Some(Device::RootDisk);
    }
    let disk = [
        "sd", "vd", "xvd", "hd", "nvme", "mmcblk", "md", "dm-", "mapper/", "loop", "disk/", "sr",
        "nbd", "rbd", "drbd", "zvol", "zd", "bcache", "ram", "vg", "mtd", "block/",
    ];
    if disk.iter().any(|d| name.starts_with(d))
        || name.contains('/')
        || text::has_unknown(name)
        || text::has_glob(name)
    {
        return Some(Device::Disk);
    }
    Some(Device::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        for (path, cwd, expected) in [
            ("//", "/x", "/"),
            ("/tmp/../../", "/x", "/"),
            ("./a/../b", "/srv", "/srv/b"),
            ("..", "/srv", "/"),
            ("/tmp/../home/alice", "/", "/home/alice"),
        ] {
            assert_eq!(absolute(path, cwd), expected);
        }
        let home = HOME.to_string();
        assert_eq!(absolute(&format!("{home}/.."), "/"), "/home");
        assert_eq!(absolute(&format!("{home}/../.."), "/"), "/");
        assert_eq!(absolute(&format!("{home}/x/"), "/"), format!("{home}/x"));
        let start = START_DIRECTORY.to_string();
        assert_eq!(absolute("..", &start), format!("{start}/.."));
    }

    #[test]
    fn what_must_never_be_deleted_is_known_under_any_spelling() {
        let glob = text::globbed;
        for path in ["/", "/*", "/.*", "/.[!.]*"] {
            assert!(is_root(&glob(path)), "{path}");
        }
        for path in ["/etc", "/e*c", "/usr/*", "/home", "/home/*", "/lib64", "/???", "/[uv]*"] {
            assert!(is_system_top(&glob(path)), "{path}");
        }
        for path in ["/srv", "/srv/*", "/etc/nginx", "/home/alice", "/usr/local", "/var/lib/*"] {
            assert!(!is_root(&glob(path)) && !is_system_top(&glob(path)), "{path}");
        }
    }

    #[test]
    fn devices() {
        for (path, expected) in [
            ("/dev/null", Some(Device::Harmless)),
            ("/dev/sda", Some(Device::RootDisk)),
            ("/dev/sda3", Some(Device::RootDisk)),
            ("/dev/nvme0n1p2", Some(Device::RootDisk)),
            ("/dev/nvme1n1", Some(Device::Disk)),
            ("/dev/sdb", Some(Device::Disk)),
            ("/dev/mapper/vg0-data", Some(Device::Disk)),
            ("/dev/shm/x", None),
            ("/srv/x", None),
        ] {
            assert_eq!(device(path), expected, "{path}");
        }
        assert_eq!(device(&text::globbed("/dev/sd[a-c]")), Some(Device::RootDisk));
        assert_eq!(device(&text::globbed("/dev/sd[b-c]")), Some(Device::Disk));
    }
}
