//! What is done to files, devices and the network, whoever does it: one judgement for each effect.

use hale_model::action::Risk;

use super::machine::Machine;
use super::paths::{self, Device};
use super::text::{self, ANY, BELOW, FETCHED, FETCHED_UNSAFE, HOME, SECRET, SEGMENT, SHELL_OUTPUT};

/// A deletion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delete {
    /// With everything below.
    pub recursive: bool,
    /// Many files that are found or matched, not named one by one.
    pub bulk: bool,
    /// Only some of what is there: by name, age, size.
    pub filtered: bool,
    /// So that it cannot be recovered.
    pub for_good: bool,
}

/// A write to a file.
#[derive(Clone, Debug)]
pub(super) struct Write<'a> {
    path: &'a str,
    content: &'a str,
    append: bool,
    edit: bool,
    opened: bool,
}

impl<'a> Write<'a> {
    pub fn new(path: &'a str, content: &'a str) -> Self {
        Self { path, content, append: false, edit: false, opened: false }
    }

    pub fn appending(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// A change inside a file that stays otherwise what it is.
    pub fn edit(mut self) -> Self {
        self.edit = true;
        self
    }

    /// The file is opened to be written: what it will hold comes later.
    pub fn opened(mut self) -> Self {
        self.opened = true;
        self
    }
}

impl Machine {
    pub(super) fn delete(&mut self, path: &str, how: Delete) {
        if path.is_empty() {
            return;
        }
        let resolved = self.resolve(path);
        if self.is_throwaway(path) {
            return self.hit(
                "shell.delete.container",
                Risk::Warning,
                "deletes inside a throw-away container",
                "",
            );
        }
        let shown = text::shown(path);
        let whole = how.recursive || how.bulk;
        // What a listing of a system directory gave, and names that hold an empty variable.
        let plain: String = resolved.chars().filter(|c| *c != ANY).collect();
        let spread = resolved.strip_suffix(BELOW).map(|top| top.trim_end_matches('/'));
        let listed =
            how.recursive && spread.is_some_and(|top| top.is_empty() || paths::is_system_top(top));
        let split = inside_name(&resolved) && paths::is_system_top(&plain);
        let system =
            paths::is_root(&resolved) || paths::is_system_top(&resolved) || listed || split;
        if whole && !how.filtered && system {
            return self.hit(
                "shell.delete.system",
                Risk::Deny,
                format!("deletes {shown}, which the host stands on"),
                "name the one directory that is meant",
            );
        }
        if whole && paths::is_trail(&resolved)
            || (paths::is_trail(&resolved) && !text::has_unknown(&resolved))
        {
            return self.hit(
                "shell.trail.erase",
                Risk::Deny,
                format!("erases {shown}, a record of what was done"),
                "",
            );
        }
        if let Some(Device::RootDisk | Device::Disk) = paths::device(&resolved) {
            return self.hit(
                "shell.delete.device",
                Risk::Critical,
                format!("deletes the device node {shown}"),
                "",
            );
        }
        if paths::is_vital(&resolved) {
            return self.hit(
                "shell.delete.vital",
                Risk::Critical,
                format!("{shown} is needed to boot or to let anybody in"),
                "make a copy first and change only what must change",
            );
        }
        if text::has_unknown(&resolved) && !known_below_tmp(&resolved) {
            return self.hit(
                "shell.delete.unknown",
                Risk::Critical,
                format!("what {shown} stands for is not known, and it is deleted"),
                "print the target first, then name it",
            );
        }
        if (paths::is_log(&resolved) || paths::is_database(&resolved))
            && !paths::is_artefact(&resolved)
        {
            return self.hit(
                "shell.delete.state",
                Risk::Critical,
                format!("deletes {shown}, a log or a database"),
                "logrotate keeps logs small; take a dump before a database goes",
            );
        }
        let tmp = paths::is_under_tmp(&resolved) && !everything_in_tmp(&resolved);
        if tmp || paths::is_artefact(&resolved) || (how.filtered && is_tmp(&resolved)) {
            let risk = if how.for_good && !tmp { Risk::Critical } else { Risk::Warning };
            return self.hit(
                "shell.delete.small",
                risk,
                format!("deletes {shown}, which can be made again"),
                "",
            );
        }
        if whole || text::has_glob(&resolved) || how.for_good {
            return self.hit(
                "shell.delete.wide",
                Risk::Critical,
                format!("deletes {shown} and cannot be undone"),
                "move it aside with mv and delete it once nothing misses it",
            );
        }
        self.files.remove(&resolved);
        self.hit(
            "shell.delete.file",
            Risk::Warning,
            format!("deletes the file {shown}"),
            "move it aside with mv",
        );
    }

    pub(super) fn write(&mut self, write: &Write<'_>) {
        if let Some(code) = self.sinks.remove(write.path) {
            let content = write.content.to_owned();
            self.in_subshell(|machine| {
                machine.stdin = Some(content);
                machine.run(&code);
            });
            return;
        }
        let resolved = self.resolve(write.path);
        if paths::is_network_device(write.path) {
            return self.send(write.content, "a network connection", false);
        }
        if let Some(device) = paths::device(&resolved)
            && !Machine::is_substitution(&resolved)
        {
            return self.write_device(&resolved, device);
        }
        self.remember(&resolved, write);
        if self.is_throwaway(write.path) {
            return self.hit(
                "shell.write.container",
                Risk::Warning,
                "writes inside a throw-away container",
                "",
            );
        }
        if self.write_kernel(&resolved) || self.write_access(&resolved, write) {
            return;
        }
        let shown = text::shown(write.path);
        let empties = !write.append && !write.edit;
        if paths::is_trail(&resolved) {
            let risk = if write.append { Risk::Critical } else { Risk::Deny };
            return self.hit(
                "shell.trail.write",
                risk,
                format!("changes {shown}, a record of what was done or its guard"),
                "",
            );
        }
        if paths::is_vital(&resolved) {
            return self.hit(
                "shell.write.vital",
                Risk::Critical,
                format!("writes {shown}, which boot or access hangs on"),
                "edit a copy, check it, then put it in place",
            );
        }
        let nothing = write.content.trim().is_empty();
        let emptied = empties && (nothing || paths::is_system_log(&resolved));
        let tampered = write.edit && resolved.starts_with("/var/log/");
        if tampered
            || (emptied && paths::is_log(&resolved))
            || (empties && paths::is_database(&resolved))
        {
            return self.hit(
                "shell.write.state",
                Risk::Critical,
                format!("empties {shown}, a log or a database"),
                "logrotate keeps logs small without losing them",
            );
        }
        // Many files emptied are many files lost, as if they were removed.
        let listed = self.loops > 0
            && resolved.ends_with(ANY)
            && text::has_unknown(write.path)
            && !paths::is_under_tmp(&resolved);
        if empties
            && nothing
            && !write.opened
            && (stands_for_many(&resolved) || listed)
            && !self.is_companion(write.path)
        {
            return self.delete(write.path, Delete::default());
        }
        self.scheduled(&resolved, write.content);
        self.hit("shell.write.file", Risk::Warning, format!("writes the file {shown}"), "");
    }

    /// Whether a path is that of one of many files with something behind it, as `$f.lock` is: a file
    /// of its own.
    fn is_companion(&self, path: &str) -> bool {
        self.state.variables.values().flat_map(|variable| &variable.values).any(|value| {
            stands_for_many(value)
                && path.strip_prefix(value.as_str()).is_some_and(|r| !r.is_empty())
        })
    }

    fn remember(&mut self, resolved: &str, write: &Write<'_>) {
        const FILES_MAX: usize = 64;
        if write.edit {
            return;
        }
        if text::has_unknown(resolved) {
            // Of a temporary file with a name of its own only that it holds a secret is kept.
            let named = resolved.contains(SEGMENT) && !resolved.contains([ANY, BELOW]);
            if named && write.content.contains(SECRET) && self.files.len() < FILES_MAX {
                self.files.insert(resolved.to_owned(), text::residue(write.content));
            }
            return;
        }
        let content = if write.append {
            let before = self.files.get(resolved).cloned().unwrap_or_default();
            format!("{before}{}", write.content)
        } else {
            write.content.to_owned()
        };
        if self.files.len() < FILES_MAX || self.files.contains_key(resolved) {
            self.files.insert(resolved.to_owned(), text::bounded(content));
        }
    }

    pub(super) fn write_device(&mut self, path: &str, device: Device) {
        let shown = text::shown(path);
        match device {
            Device::Harmless => {}
            Device::RootDisk => self.hit(
                "shell.device.root",
                Risk::Deny,
                format!("overwrites {shown}, the disk that the host most likely runs from"),
                "lsblk -f shows what is on which disk",
            ),
            Device::Disk => self.hit(
                "shell.device.disk",
                Risk::Critical,
                format!("overwrites {shown}: what is on it is lost"),
                "lsblk -f shows what is on which disk",
            ),
            Device::Other => {
                self.hit(
                    "shell.device.other",
                    Risk::Warning,
                    format!("writes to the device {shown}"),
                    "",
                );
            }
        }
    }

    /// `/proc` and `/sys`; whether the path is one of theirs.
    fn write_kernel(&mut self, path: &str) -> bool {
        if !path.starts_with("/proc/") && !path.starts_with("/sys/") && path != "/etc/ld.so.preload"
        {
            return false;
        }
        let shown = text::shown(path);
        if path == "/etc/ld.so.preload" {
            self.hit(
                "shell.persist.preload",
                Risk::Deny,
                "puts code into every program that starts",
                "",
            );
            return true;
        }
        let critical = [
            "/proc/sysrq-trigger",
            "/proc/sys/kernel/sysrq",
            "/sys/power/",
            "/sys/fs/selinux/",
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/modprobe",
            "/sys/kernel/security/",
            "/proc/sys/fs/binfmt_misc/",
        ];
        let lasting =
            ["/delete", "/remove", "/unbind", "/reset", "/mem", "/release_agent", "/uevent_helper"];
        if critical.iter().any(|c| path.starts_with(c) && !path.ends_with("/sysrq"))
            || lasting.iter().any(|end| path.ends_with(end))
        {
            self.hit(
                "shell.kernel.control",
                Risk::Critical,
                format!("{shown} acts on the whole machine at once"),
                "",
            );
        } else {
            self.hit(
                "shell.kernel.setting",
                Risk::Warning,
                format!("changes the kernel setting {shown}"),
                "",
            );
        }
        true
    }

    /// Files that let somebody in; whether it was one.
    fn write_access(&mut self, path: &str, write: &Write<'_>) -> bool {
        let name = paths::base(path);
        let content = write.content;
        if name == "authorized_keys" {
            let root = path.starts_with("/root/") || path.starts_with(HOME) || self.state.root;
            let nothing = content.is_empty() && write.append;
            if root && !nothing && !content.is_empty() {
                self.hit(
                    "shell.persist.key",
                    Risk::Deny,
                    "gives whoever holds the key lasting access",
                    "",
                );
            } else {
                self.hit("shell.access.key", Risk::Critical, "changes who may sign in", "");
            }
            return true;
        }
        if path == "/etc/sudoers" || path.starts_with("/etc/sudoers.d/") || path == "/etc/doas.conf"
        {
            if content.contains("NOPASSWD")
                || content.contains("nopass")
                || content.contains("!authenticate")
            {
                self.hit("shell.persist.sudo", Risk::Deny, "gives root without a password", "");
            } else {
                self.hit(
                    "shell.access.sudo",
                    Risk::Critical,
                    "changes who may become root",
                    "visudo checks before it saves",
                );
            }
            return true;
        }
        if paths::is_limits(path) && shuts_out(content) {
            self.hit(
                "shell.access.limits",
                Risk::Critical,
                "a limit of zero lets nobody start anything or sign in",
                "",
            );
            return true;
        }
        if self.write_hook(path, content) {
            return true;
        }
        let open_door = content.contains("pam_permit") || content.contains("nullok_secure");
        if path.starts_with("/etc/pam.d/") && open_door {
            self.hit("shell.persist.pam", Risk::Deny, "lets anybody in without a password", "");
            return true;
        }
        if matches!(path, "/etc/passwd" | "/etc/shadow" | "/etc/group") {
            let zero = [":0:", ":x:0"].iter().any(|uid| content.contains(uid));
            let edited = write.edit && path == "/etc/passwd" && zero;
            let root_twin = edited
                || content.lines().any(|line| {
                    let fields: Vec<&str> = line.split(':').collect();
                    path == "/etc/passwd"
                        && fields.get(2) == Some(&"0")
                        && fields.first() != Some(&"root")
                });
            if root_twin {
                self.hit(
                    "shell.persist.uid0",
                    Risk::Deny,
                    "makes a second root",
                    "useradd makes an ordinary account",
                );
            } else {
                self.hit(
                    "shell.write.vital",
                    Risk::Critical,
                    "changes the accounts of the host by hand",
                    "useradd, usermod and passwd keep the files whole",
                );
            }
            return true;
        }
        false
    }

    /// Files with rules that give rights, or name programs that the system runs; whether it was one.
    fn write_hook(&mut self, path: &str, content: &str) -> bool {
        let below = |directories: &[&str]| directories.iter().any(|d| path.starts_with(d));
        if below(&["/etc/polkit-1/", "/usr/share/polkit-1/", "/var/lib/polkit-1/"]) {
            let open = ["Result.YES", "=yes", ">yes<"].iter().any(|w| content.contains(w));
            if open {
                self.hit(
                    "shell.persist.polkit",
                    Risk::Deny,
                    "gives rights of root without a password",
                    "",
                );
            } else {
                self.hit(
                    "shell.access.polkit",
                    Risk::Critical,
                    "changes who may do what as root",
                    "",
                );
            }
            return true;
        }
        if (path == "/etc/environment" || below(&["/etc/environment.d/", "/etc/security/pam_env"]))
            && ["LD_PRELOAD", "LD_AUDIT"].iter().any(|w| content.contains(w))
        {
            self.hit(
                "shell.persist.preload",
                Risk::Deny,
                "puts code into every program that starts",
                "",
            );
            return true;
        }
        let codes: Vec<String> = if path.contains("/udev/rules.d/") {
            content
                .split("RUN")
                .skip(1)
                .filter_map(|rest| rest.split('"').nth(1).map(str::to_owned))
                .collect()
        } else if path.contains("/modprobe.d/") {
            let lines = content.lines().filter_map(|line| line.trim().strip_prefix("install "));
            let codes = lines.filter_map(|line| line.split_once(' ').map(|(_, c)| c.to_owned()));
            codes.filter(|c| !matches!(paths::base(c.trim()), "true" | "false")).collect()
        } else if path.contains("/apt.conf.d/") || path.contains("/dpkg.cfg.d/") {
            content
                .split(['{', '='])
                .skip(1)
                .filter_map(|rest| rest.split('"').nth(1).map(str::to_owned))
                .filter(|code| code.contains(' ') || code.contains('/'))
                .collect()
        } else {
            return false;
        };
        let switches = ["blacklist ", "options ", "alias ", "softdep ", "install ", "#"];
        let plain = |line: &str| line.is_empty() || switches.iter().any(|s| line.starts_with(s));
        if path.contains("/modprobe.d/")
            && codes.is_empty()
            && text::is_literal(content)
            && !content.trim().is_empty()
            && content.lines().all(|line| plain(line.trim()))
        {
            self.hit("shell.write.file", Risk::Warning, "says which modules are loaded", "");
            return true;
        }
        if codes.is_empty() {
            return false;
        }
        for code in &codes {
            self.deferred(code, true);
        }
        self.hit(
            "shell.persist.hook",
            Risk::Critical,
            format!("lets the system run a program as root from {}", text::shown(path)),
            "a unit of systemd can be seen and stopped",
        );
        true
    }

    /// What a program may put into a file that it opened to write: any of its literals.
    pub(super) fn written_later(&mut self, path: &str, literals: &str) {
        let resolved = self.resolve(path);
        let write = Write::new(path, literals).appending(true);
        if !self.is_throwaway(path) && !self.write_access(&resolved, &write) {
            self.scheduled(&resolved, literals);
        }
    }

    /// Files whose content runs later: its commands count.
    fn scheduled(&mut self, path: &str, content: &str) {
        let name = paths::base(path);
        let cron = path.starts_with("/etc/cron") || path.starts_with("/var/spool/cron");
        let unit = [".service", ".timer", ".socket", ".path"].iter().any(|e| name.ends_with(e))
            && path.contains("systemd");
        let start = matches!(
            name,
            ".bashrc"
                | ".bash_profile"
                | ".profile"
                | ".zshrc"
                | ".bash_login"
                | ".bash_logout"
                | "rc.local"
                | "profile"
                | "bash.bashrc"
                | ".xprofile"
                | ".zshenv"
        ) || path.starts_with("/etc/profile.d/")
            || path.starts_with("/etc/init.d/")
            || path.starts_with("/etc/update-motd.d/")
            || path.starts_with("/etc/NetworkManager/dispatcher.d/")
            || path.starts_with("/etc/network/if-")
            || path.starts_with("/etc/dhcp/dhclient-")
            || path.starts_with("/etc/kernel/post")
            || path.starts_with("/etc/X11/Xsession.d/")
            || path.starts_with("/lib/systemd/system-sleep/")
            || path.starts_with("/usr/lib/systemd/system-sleep/")
            || path.contains("/.git/hooks/")
            || path.contains("/.config/autostart/");
        let root = !path.starts_with(HOME) && !path.starts_with("/home/");
        if cron
            && !path.contains("cron.hourly")
            && !path.contains("cron.daily")
            && !path.contains("cron.weekly")
        {
            self.crontab(content, path.starts_with("/etc/"));
        } else if unit {
            let commands: Vec<String> = content
                .lines()
                .filter_map(|line| line.trim().strip_prefix("Exec"))
                .filter_map(|line| line.split_once('='))
                .map(|(_, command)| {
                    command.trim_start_matches(['-', '@', '+', '!', ':']).to_owned()
                })
                .collect();
            for command in commands {
                self.deferred(&command, root);
            }
        } else if (start || cron) && !text::is_literal(content) {
            self.fetched_later(content);
        } else if start || cron {
            self.deferred(content, root);
        }
    }

    fn fetched_later(&mut self, content: &str) {
        if content.contains([FETCHED, FETCHED_UNSAFE]) {
            self.hit(
                "shell.persist.fetched",
                Risk::Deny,
                "what was fetched from the network will run again and again",
                "",
            );
        }
    }

    /// A crontab's lines.
    pub(super) fn crontab(&mut self, content: &str, with_user: bool) {
        self.fetched_later(content);
        for line in content.lines().take(64) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.chars().all(text::is_mark) {
                continue;
            }
            let skip = if line.starts_with('@') { 1 } else { 5 } + usize::from(with_user);
            let mut rest = line;
            for _ in 0..skip {
                rest = rest.trim_start();
                rest =
                    rest.find(char::is_whitespace).and_then(|n| rest.get(n..)).unwrap_or_default();
            }
            let command = rest.trim().to_owned();
            if !command.is_empty() {
                self.deferred(&command, with_user);
            }
        }
    }

    /// Code that runs later, unattended.
    pub(super) fn deferred(&mut self, code: &str, root: bool) {
        let before = self.hits.len();
        self.in_subshell(|machine| {
            machine.state.root |= root;
            machine.stdin = None;
            machine.run(code);
            // What an alias stands for runs whenever somebody types its name.
            for value in machine.state.aliases.clone().into_values() {
                machine.critical_only(|machine| machine.run(&value));
            }
        });
        let fetched = self.hits.iter().skip(before).any(|hit| hit.id == "shell.remote_code");
        if fetched {
            self.hit(
                "shell.persist.fetched",
                Risk::Deny,
                "a job that downloads and runs code",
                "fetch once, read it, then install it",
            );
        }
    }

    /// Something leaves for the network.
    pub(super) fn send(&mut self, content: &str, to: &str, from_shell: bool) {
        if content.contains(SECRET) {
            self.hit("shell.exfiltration", Risk::Deny, format!("sends secrets to {to}"), "");
        }
        if content.contains(SHELL_OUTPUT) || from_shell {
            self.hit("shell.reverse_shell", Risk::Deny, format!("hands a shell to {to}"), "");
        }
    }

    /// Code from the network is executed.
    pub(super) fn remote_code(&mut self, code: &str) {
        let unsafe_source = code.contains(FETCHED_UNSAFE);
        let risk = if unsafe_source || self.state.root { Risk::Deny } else { Risk::Critical };
        let text = if unsafe_source {
            "runs code from a bare address, over plain HTTP, or from a paste site"
        } else {
            "runs code from the network that nobody has read"
        };
        self.hit(
            "shell.remote_code",
            risk,
            text,
            "download it, read it, check its signature, then run the file",
        );
    }

    /// Code that is not known in full: what it may be decides.
    pub(super) fn unknown_code(&mut self, code: &str) {
        if code.contains([FETCHED, FETCHED_UNSAFE]) {
            return self.remote_code(code);
        }
        self.hit(
            "shell.unresolved_code",
            Risk::Critical,
            "code that cannot be known before it runs",
            "print it first, read it, then run it as plain commands",
        );
    }

    /// Mode, owner, attributes of a path.
    pub(super) fn permissions(&mut self, path: &str, recursive: bool, what: &str) {
        let resolved = self.resolve(path);
        let shown = text::shown(path);
        if self.is_throwaway(path) {
            return self.hit(
                "shell.permission.file",
                Risk::Warning,
                "changes a throw-away container",
                "",
            );
        }
        let wide = recursive || text::has_glob(&resolved);
        let outer = matches!(paths::base(&resolved), "." | "..") || resolved.ends_with("..");
        let system = paths::is_system_tree(&resolved)
            || (recursive && resolved.contains(ANY) && resolved.len() <= ANY.len_utf8() + 2);
        if paths::is_root(&resolved) || (system && wide) || (outer && recursive) {
            self.hit(
                "shell.permission.system",
                Risk::Critical,
                format!("{what} of the tree {shown}: hard to undo"),
                "change the one directory that needs it",
            );
        } else if paths::is_vital(&resolved) || (paths::is_system_top(&resolved)) {
            self.hit(
                "shell.permission.vital",
                Risk::Critical,
                format!("{what} of {shown}, which boot or access hangs on"),
                "",
            );
        } else {
            self.hit("shell.permission.file", Risk::Warning, format!("{what} of {shown}"), "");
        }
    }
}

/// Whether what is not known stands between letters of one name: `/u${x}sr`.
fn inside_name(path: &str) -> bool {
    let mut pieces = path.split(ANY);
    let first = pieces.next().unwrap_or_default();
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (mut before, mut count) = (first, 0);
    for piece in pieces {
        if !letter(before.chars().next_back()) || !letter(piece.chars().next()) {
            return false;
        }
        before = piece;
        count += 1;
    }
    count > 0
}

/// Whether a line of limits allows no process or no session: `* hard nproc 0`.
fn shuts_out(content: &str) -> bool {
    content.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(
            fields.as_slice(),
            [
                _,
                "hard" | "soft" | "-",
                "nproc" | "maxlogins" | "maxsyslogins" | "nofile" | "as",
                "0"
            ]
        )
    })
}

/// A path that was matched or found by listing.
pub(super) fn stands_for_many(path: &str) -> bool {
    text::has_glob(path) || path.contains(BELOW)
}

/// Unknown pieces that cannot climb out of a temporary directory.
fn known_below_tmp(path: &str) -> bool {
    paths::is_under_tmp(path) && !path.contains([ANY, SECRET, FETCHED, FETCHED_UNSAFE])
}

fn is_tmp(path: &str) -> bool {
    matches!(path, "/tmp" | "/var/tmp")
}

/// `/tmp/*`: a glob without a name.
fn everything_in_tmp(path: &str) -> bool {
    let rest = path.strip_prefix("/var/tmp/").or_else(|| path.strip_prefix("/tmp/"));
    rest.is_some_and(|rest| !rest.contains('/') && paths::takes_everything(rest))
}
