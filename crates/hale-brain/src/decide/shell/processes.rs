//! kill, pkill, killall: which processes are signalled.

use hale_model::action::Risk;

use super::machine::Machine;
use super::options::Parsed;
use super::text::{self, ANY};

/// Programs that watch over the machine.
const GUARDS: [&str; 11] = [
    "auditd",
    "falco",
    "ossec",
    "wazuh",
    "osqueryd",
    "crowdstrike",
    "falcon-sensor",
    "hale",
    "fail2ban",
    "aide",
    "sysdig",
];

/// Programs that the machine or the access to it stands on.
const SYSTEM: [&str; 9] = [
    "systemd",
    "init",
    "sshd",
    "dbus",
    "dbus-daemon",
    "networkd",
    "NetworkManager",
    "systemd-networkd",
    "agetty",
];

/// The program that a pid file is of.
fn of_pid_file(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/run/").or_else(|| path.strip_prefix("/var/run/"))?;
    name.strip_suffix(".pid")?.rsplit('/').next()
}

/// Whether these operands name a program that watches over the machine.
pub(super) fn names_guard(operands: &[String]) -> bool {
    let found = |o: &String| GUARDS.iter().any(|g| o.trim_start_matches('^').starts_with(g));
    operands.iter().any(found)
}

impl Machine {
    /// Notes whose process numbers a command looks up.
    pub(super) fn looks_up(&mut self, names: &[String]) {
        let plain =
            |name: &String| of_pid_file(name).unwrap_or(name.trim_matches(['^', '$'])).to_owned();
        let names: Vec<String> = names.iter().map(plain).collect();
        self.guard_listed |= names_guard(&names);
        self.system_listed |= names.iter().any(|name| SYSTEM.contains(&name.as_str()));
    }

    pub(super) fn kill(&mut self, arguments: &[String]) -> String {
        let mut operands: Vec<&String> = Vec::new();
        let mut signal: Option<String> = None;
        let mut rest = arguments.iter();
        let mut first = true;
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-l" | "-L" | "--list" | "--table" => return ANY.to_string(),
                "-s" | "--signal" | "-n" | "-q" if first || signal.is_none() => {
                    signal = rest.next().cloned()
                }
                "--" => {
                    operands.extend(rest.by_ref());
                }
                other if first && other.starts_with('-') && other.len() > 1 => {
                    signal = Some(
                        other.trim_start_matches('-').trim_start_matches("-signal=").to_owned(),
                    );
                }
                _ => operands.push(argument),
            }
            first = false;
        }
        let signal = signal.map(|s| s.to_ascii_uppercase().trim_start_matches("SIG").to_owned());
        if signal.as_deref() == Some("0") {
            return String::new();
        }
        // `kill -1` alone names no process: the shell takes it for a signal and complains.
        let everything = operands.iter().any(|o| o.as_str() == "-1");
        let group = operands.iter().any(|o| o.starts_with('-') && o.len() > 1);
        let first = operands.iter().any(|o| o.as_str() == "1");
        let glob = operands.iter().any(|o| text::has_glob(o));
        if self.system_listed {
            self.hit(
                "processes.kill.system",
                Risk::Critical,
                "ends what the machine or its access stands on",
                "systemctl restarts services",
            );
        }
        if self.guard_listed {
            self.hit("security.guard.kill", Risk::Deny, "ends what watches over this machine", "");
        } else if everything || glob {
            self.hit(
                "processes.kill.all",
                Risk::Critical,
                "signals every process",
                "name the process",
            );
        } else if first
            && !self.state.container
            && !matches!(signal.as_deref(), Some("HUP" | "1" | "CHLD"))
        {
            self.hit(
                "processes.kill.init",
                Risk::Critical,
                "signals the first process of the machine",
                "systemctl stops services",
            );
        } else if operands.len() > 8 {
            self.hit(
                "processes.kill.many",
                Risk::Critical,
                "signals many processes",
                "name the process",
            );
        } else if self.part_lists_processes() {
            self.hit(
                "processes.kill.matching",
                Risk::Critical,
                "signals whatever a listing finds",
                "look at the list first, then name the process",
            );
        } else if group {
            self.hit("processes.kill.group", Risk::Warning, "signals a group of processes", "");
        } else {
            self.hit(
                "processes.kill.one",
                Risk::Warning,
                "signals one process",
                "hale kill verifies which process it is",
            );
        }
        String::new()
    }

    /// Whether the operands came from a listing of many processes.
    fn part_lists_processes(&self) -> bool {
        self.part.contains(text::BELOW)
    }

    pub(super) fn kill_by_name(
        &mut self,
        name: &str,
        parsed: &Parsed,
        arguments: &[String],
    ) -> String {
        // `-HUP` is a signal, not three options.
        let is_signal = |a: &String| {
            a.strip_prefix('-').is_some_and(|s| {
                s.len() > 1 && s.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                    || s.parse::<u8>().is_ok_and(|n| n > 0)
            })
        };
        let without: Vec<String> = arguments.iter().filter(|a| !is_signal(a)).cloned().collect();
        let again;
        let parsed = if without.len() == arguments.len() {
            parsed
        } else {
            let values = [
                "-u", "-U", "--user", "--euid", "--uid", "-G", "--group", "-g", "--pgroup", "-P",
                "--parent", "-t", "-s", "--signal", "-F",
            ];
            again = super::files::gnu(&without, &values);
            &again
        };

        if parsed.options.iter().any(|(o, v)| {
            matches!(o.as_str(), "-0" | "-l" | "--list")
                || (matches!(o.as_str(), "-s" | "--signal") && v.as_deref() == Some("0"))
        }) {
            return String::new();
        }
        let by_user = parsed.has(&[
            "-u",
            "-U",
            "--user",
            "--uid",
            "--euid",
            "-G",
            "-g",
            "-t",
            "-P",
            "-s",
            "--session",
        ]) && (parsed.has(&["-u", "-U", "--user", "--uid", "--euid"]));
        let mut pattern = parsed.operands.last().cloned().unwrap_or_default();
        // The one process of a pid file.
        let file = parsed.value(&["-F", "--pidfile"]).map(str::to_owned);
        if let Some(file) = file.filter(|_| pattern.is_empty()) {
            pattern = of_pid_file(&file).unwrap_or("one process").to_owned();
        }
        let known = pattern.chars().filter(|c| c.is_ascii_alphanumeric()).count();
        if GUARDS.iter().any(|g| pattern.trim_start_matches('^').starts_with(g)) {
            self.hit("security.guard.kill", Risk::Deny, "ends what watches over this machine", "");
        } else if SYSTEM.contains(&pattern.trim_matches(['^', '$'])) {
            self.hit(
                "processes.kill.system",
                Risk::Critical,
                "ends what the machine or its access stands on",
                "systemctl restarts services",
            );
        } else if by_user || pattern.is_empty() || text::has_unknown(&pattern) {
            self.hit(
                "processes.kill.user",
                Risk::Critical,
                "signals every process of a user, or whatever matches",
                "name the process",
            );
        } else if known < 3
            || matches!(
                pattern.as_str(),
                "bash" | "sh" | "java" | "python" | "python3" | "node" | "php" | "perl" | "ruby"
            )
            || (parsed.has(&["-f", "--full", "-r", "--regexp"]) && known < 5)
            || pattern.contains(['*', '|'])
        {
            self.hit(
                "processes.kill.pattern",
                Risk::Critical,
                "signals all that match a wide pattern",
                "pgrep -a shows what would match",
            );
        } else if parsed.has(&["-f", "--full"]) && name == "pkill" {
            self.hit(
                "processes.kill.full",
                Risk::Critical,
                "matches whole command lines, also those that only mention it",
                "pgrep -af shows what would match",
            );
        } else {
            self.hit(
                "processes.kill.name",
                Risk::Warning,
                format!("signals the processes named {}", text::shown(&pattern)),
                "pgrep -a shows what would match",
            );
        }
        String::new()
    }
}
