//! What is known of the machine and the person's shell when a sentence is turned into commands. Pure
//! data: whoever has read it hands it in.

use hale_model::text::{bytes, printable, shorten};

use super::shellrc::ShellDefinitions;

/// Tools that are named to a model, at most.
const TOOLS_MAX: usize = 200;
/// File systems that are named.
const MOUNTS_MAX: usize = 24;
/// Machines that are named.
const MACHINES_MAX: usize = 50;
/// Aliases and functions that are named, each.
const DEFINITIONS_MAX: usize = 60;
/// Bytes of one line of the context.
const LINE_BYTES_MAX: usize = 400;

/// A file system.
#[derive(Clone, Debug, PartialEq)]
pub struct MountLine {
    /// Where.
    pub mount_point: String,
    /// What lies there: `/dev/sda1`.
    pub device: String,
    /// `ext4`
    pub fs_type: String,
    /// Size.
    pub total_bytes: u64,
    /// Free for this user.
    pub available_bytes: u64,
}

/// The machine and the person's shell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineContext {
    /// `Debian GNU/Linux 12 (bookworm)`
    pub os: String,
    /// `6.1.0-18-amd64`
    pub kernel: String,
    /// `x86_64`
    pub architecture: String,
    /// The machine's name.
    pub host_name: String,
    /// Who asks.
    pub user: String,
    /// Whether commands run as root.
    pub is_root: bool,
    /// The person's shell: `bash`.
    pub shell: String,
    /// Where commands run.
    pub working_dir: String,
    /// `apt`, `dnf`, …; empty where it is none of those that hale knows.
    pub package_manager: String,
    /// Whether systemd runs.
    pub has_systemd: bool,
    /// File systems.
    pub mounts: Vec<MountLine>,
    /// Installed tools worth naming.
    pub tools: Vec<String>,
    /// What the shell's start-up files define.
    pub definitions: ShellDefinitions,
    /// Other machines hale knows.
    pub machines: Vec<String>,
}

impl MachineContext {
    /// The context as lines for a model. Names and values from the machine stand in it as they are, but
    /// printable and bounded; whoever sends it fences and redacts it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("os: {}", self.os),
            format!("kernel: {} {}", self.kernel, self.architecture),
            format!("host: {}", self.host_name),
            format!(
                "user: {}{}",
                self.user,
                if self.is_root { " (root: no sudo needed)" } else { "" }
            ),
            format!("interactive shell: {}", self.shell),
            format!("working directory: {}", self.working_dir),
            format!("package manager: {}", or_none(&self.package_manager)),
            format!("init: {}", if self.has_systemd { "systemd" } else { "not systemd" }),
        ];
        for mount in self.mounts.iter().take(MOUNTS_MAX) {
            lines.push(format!(
                "file system: {} on {} ({}), {} of {} free",
                mount.device,
                mount.mount_point,
                mount.fs_type,
                bytes(mount.available_bytes),
                bytes(mount.total_bytes)
            ));
        }
        let tools: Vec<&str> = self.tools.iter().take(TOOLS_MAX).map(String::as_str).collect();
        for some in tools.chunks(40) {
            lines.push(format!("installed: {}", some.join(" ")));
        }
        for alias in self.definitions.aliases.iter().take(DEFINITIONS_MAX) {
            lines.push(format!("alias {} = {}", alias.name, alias.value));
        }
        for function in self.definitions.functions.iter().take(DEFINITIONS_MAX) {
            lines.push(format!("shell function {}: {}", function.name, function.body));
        }
        for machine in self.machines.iter().take(MACHINES_MAX) {
            lines.push(format!("machine: {machine}"));
        }
        lines.iter().map(|line| shorten(&printable(line), LINE_BYTES_MAX)).collect()
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none that is known" } else { text }
}

/// Whether a file system is worth naming: one that holds a person's or the system's files.
pub fn is_worth_naming(mount: &MountLine) -> bool {
    let below = |parent: &str| {
        mount
            .mount_point
            .strip_prefix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mount.total_bytes > 0 && !["/snap", "/proc", "/sys", "/dev", "/run"].into_iter().any(below)
}

/// Tools that are worth naming where they are installed: what an answer may depend on.
pub const TOOLS_OF_INTEREST: &[&str] = &[
    "7z",
    "ansible",
    "apk",
    "apt",
    "aws",
    "az",
    "bat",
    "borg",
    "btrfs",
    "cargo",
    "certbot",
    "cron",
    "curl",
    "dig",
    "dmesg",
    "dnf",
    "docker",
    "docker-compose",
    "du",
    "duf",
    "exa",
    "eza",
    "fail2ban-client",
    "fd",
    "fdfind",
    "ffmpeg",
    "find",
    "firewall-cmd",
    "flatpak",
    "free",
    "fuser",
    "fzf",
    "gcloud",
    "gh",
    "git",
    "go",
    "gpg",
    "gunzip",
    "helm",
    "htop",
    "ifconfig",
    "inotifywait",
    "iostat",
    "iotop",
    "ip",
    "iperf3",
    "iptables",
    "jq",
    "journalctl",
    "kubectl",
    "lsblk",
    "lshw",
    "lsof",
    "lspci",
    "lsusb",
    "lvs",
    "mdadm",
    "minikube",
    "mongosh",
    "mtr",
    "mysql",
    "nano",
    "nc",
    "ncdu",
    "netstat",
    "nft",
    "nginx",
    "nmap",
    "nmcli",
    "node",
    "npm",
    "nvidia-smi",
    "openssl",
    "pacman",
    "parted",
    "perf",
    "php",
    "ping",
    "pip",
    "pip3",
    "podman",
    "psql",
    "python3",
    "rclone",
    "redis-cli",
    "restic",
    "rg",
    "ripgrep",
    "rsync",
    "ruby",
    "sar",
    "screen",
    "smartctl",
    "snap",
    "sqlite3",
    "ss",
    "ssh",
    "strace",
    "sudo",
    "systemctl",
    "tar",
    "tcpdump",
    "terraform",
    "tmux",
    "tree",
    "ufw",
    "unzip",
    "valgrind",
    "vim",
    "virsh",
    "vmstat",
    "wget",
    "wg",
    "xz",
    "yq",
    "zfs",
    "zip",
    "zpool",
    "zstd",
    "zypper",
];
