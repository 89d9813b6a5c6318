//! Commands inside the arguments of programs whose options are not all described.
//!
//! `tool exec NAME -- rm -rf /srv`, `tool --on-change 'rm -rf /srv'`: whatever the program is, a
//! command that is dangerous by itself and stands where commands stand is taken for one. Only what is
//! critical counts, because an argument that looks like a command need not be one.

use hale_model::action::Risk;

use super::handlers::Handler;
use super::machine::Machine;
use super::paths;
use super::registry::{Command, Known, registry};
use super::text;

/// Arguments of one command that are looked at.
const ARGUMENTS_MAX: usize = 64;

/// Programs whose arguments are text for people.
const TEXT: [&str; 18] = [
    "logger",
    "wall",
    "write",
    "notify-send",
    "say",
    "espeak",
    "zenity",
    "dialog",
    "whiptail",
    "tldr",
    "cheat",
    "man",
    "apropos",
    "whatis",
    "toilet",
    "lolcat",
    "gum",
    "systemd-notify",
];

/// Words behind which a command follows.
const LEADS: [&str; 16] = [
    "--",
    "exec",
    "run",
    "shell",
    "execute",
    "execute-command",
    "enter",
    "lock",
    "develop",
    "console",
    "ssh",
    "rsh",
    "start",
    "exec-env",
    "unshare",
    "watch",
];

/// Short options with code behind them.
const CODE_OPTIONS: [&str; 6] = ["-c", "-C", "-e", "-x", "-z", "-s"];

/// Parts of long options with code behind them.
const CODE_NAMES: [&str; 16] = [
    "exec", "command", "cmd", "hook", "invoke", "shell", "pager", "editor", "rsh", "askpass",
    "program", "trigger", "preview", "run", "script", "args",
];

fn is_weapon(word: &str) -> bool {
    let base = paths::base(word);
    base.starts_with("mkfs")
        || matches!(
            base,
            "rm" | "dd"
                | "shred"
                | "wipefs"
                | "sh"
                | "bash"
                | "dash"
                | "zsh"
                | "ksh"
                | "reboot"
                | "poweroff"
                | "halt"
                | "shutdown"
                | "chmod"
                | "chown"
                | "truncate"
                | "find"
                | "kill"
                | "pkill"
                | "killall"
                | "iptables"
                | "nft"
                | "systemctl"
                | "userdel"
                | "sgdisk"
                | "sfdisk"
                | "blkdiscard"
                | "unlink"
                | "srm"
                | "python3"
                | "python"
                | "perl"
                | "sudo"
                | "env"
                | "nc"
                | "ncat"
                | "socat"
                | "curl"
        )
}

impl Machine {
    /// Looks for commands in the arguments of a program; `None` for one that nothing is known of.
    pub(super) fn hidden(&mut self, name: &str, arguments: &[String], known: Option<&Command>) {
        if TEXT.contains(&name) || arguments.len() > ARGUMENTS_MAX {
            return;
        }
        self.configured(name, arguments);
        for argument in arguments.iter().filter(|a| a.starts_with(['{', '['])) {
            self.json_payload(argument);
        }
        let handled = known.and_then(|c| c.handler);
        if handled.is_some_and(|h| {
            !matches!(h, Handler::SecretExport | Handler::Sender | Handler::RemoteCopy)
        }) {
            return;
        }
        let wraps = known.is_some_and(|c| {
            c.runs.as_ref().is_some_and(|r| r.operands_from.is_some() && r.sub.is_empty())
        });
        if wraps {
            return;
        }
        let subcommands =
            known.is_some_and(|c| c.rule.iter().any(|r| !r.sub.is_empty()) || handled.is_some());
        self.packaged(name, arguments);
        let mut led = known.is_none() || !subcommands;
        for (at, argument) in arguments.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| arguments.get(at));
            if at > 0 && led && is_weapon(argument) && at + 1 < arguments.len()
                || at == 0
                    && led
                    && known.is_none_or(|c| c.rule.is_empty())
                    && is_weapon(argument)
                    && arguments.len() > 1
            {
                let words = arguments.get(at..).unwrap_or_default().to_vec();
                self.critical_only(|machine| {
                    machine.in_subshell(|machine| machine.execute(&words, (false, false)))
                });
                return;
            }
            let code = match argument.split_once('=') {
                Some((option, code)) if option.starts_with("--") && names_code(option) => {
                    Some(code)
                }
                _ if before.is_some_and(|b| {
                    (b.starts_with("--") && b.len() > 2 && names_code(b))
                        || (b.starts_with('-')
                            && !b.starts_with("--")
                            && b.len() > 2
                            && names_code(b))
                        || CODE_OPTIONS.contains(&b.as_str())
                        || (LEADS.contains(&b.as_str()))
                }) || (known.is_none() && before.is_none()) =>
                {
                    Some(argument.as_str())
                }
                _ if led && subcommands => Some(argument.as_str()),
                _ => None,
            };
            if let Some(code) = code
                && let Some((first, _)) =
                    code.trim_start_matches(['!', ' ']).split_once(char::is_whitespace)
                && is_weapon(first)
            {
                let code = code.trim_start_matches(['!', ' ']).to_owned();
                self.critical_only(|machine| {
                    machine.in_subshell(|machine| machine.run_text(&code))
                });
            }
            led |= LEADS.contains(&argument.as_str());
        }
        self.escapes(name);
    }

    /// Tools that a package manager runs: `npx prisma migrate reset`, `poetry run alembic downgrade`.
    fn packaged(&mut self, name: &str, arguments: &[String]) {
        const AT_ONCE: [&str; 4] = ["npx", "bunx", "uvx", "pnpx"];
        const BY_WORD: [&str; 13] = [
            "npm", "pnpm", "yarn", "bun", "poetry", "uv", "pipenv", "pdm", "hatch", "pipx",
            "bundle", "conda", "mise",
        ];
        let from = if AT_ONCE.contains(&name) {
            0
        } else if BY_WORD.contains(&name) {
            let lead = |a: &String| matches!(a.as_str(), "run" | "exec" | "dlx" | "x");
            match arguments.iter().position(lead) {
                Some(at) => at + 1,
                None => return,
            }
        } else {
            return;
        };
        let words: Vec<String> =
            arguments.iter().skip(from).skip_while(|a| a.starts_with('-')).cloned().collect();
        let described = words.first().is_some_and(|tool| {
            matches!(registry().find(paths::base(tool)), Some(Known::Command(_)))
                || Machine::stands_for(paths::base(tool), &[]).is_some()
                || Machine::is_file_server(paths::base(tool))
        });
        if described {
            self.critical_only(|machine| {
                machine.in_subshell(|machine| machine.execute(&words, (false, false)))
            });
        }
    }

    /// Code in the configuration or the special options of some programs.
    fn configured(&mut self, name: &str, arguments: &[String]) {
        let behind = |options: &[&str]| -> Vec<String> {
            let pairs = arguments.windows(2).filter_map(|pair| match pair {
                [option, value] if options.contains(&option.as_str()) => Some(value.clone()),
                _ => None,
            });
            let attached = arguments.iter().filter_map(|argument| {
                let (option, value) = argument.split_once('=')?;
                options.contains(&option).then(|| value.to_owned())
            });
            pairs.chain(attached).collect()
        };
        let codes: Vec<String> = match name {
            "logrotate" => {
                let files = arguments.iter().filter(|a| !a.starts_with('-'));
                files.flat_map(|file| rotation_scripts(&self.content(file))).collect()
            }
            "gdb" | "lldb" | "cgdb" => {
                let options = ["-ex", "-iex", "-o", "-O", "--eval-command", "-eval-command"];
                let commands = behind(&options);
                for command in &commands {
                    let python = ["python ", "py ", "script "]
                        .iter()
                        .find_map(|prefix| command.trim().strip_prefix(prefix));
                    if let Some(body) = python {
                        self.critical_only(|machine| machine.run_body("python3", body));
                    }
                }
                commands.iter().filter_map(|command| debugger_code(command)).collect()
            }
            "gcc" | "g++" | "cc" | "c++" | "clang" => {
                behind(&["-wrapper"]).iter().map(|words| words.replace(',', " ")).collect()
            }
            "start-stop-daemon" => {
                let program = behind(&["--exec", "-x", "--startas", "-a"]);
                let rest = arguments.iter().skip_while(|a| *a != "--").skip(1).cloned();
                vec![program.into_iter().take(1).chain(rest).collect::<Vec<_>>().join(" ")]
            }
            "nmap" => {
                for script in behind(&["--script"]) {
                    let body = self.content(&script);
                    if body.chars().any(|c| !text::is_mark(c)) {
                        self.in_subshell(|machine| machine.run_body("lua", &body));
                    }
                }
                return;
            }
            _ => return,
        };
        for code in codes.iter().filter(|code| !code.trim().is_empty()) {
            self.critical_only(|machine| machine.in_subshell(|machine| machine.run_text(code)));
        }
    }

    /// `!command` lines for programs that take their commands from standard input.
    fn escapes(&mut self, name: &str) {
        if !matches!(
            name,
            "ftp"
                | "sftp"
                | "lftp"
                | "telnet"
                | "dc"
                | "gnuplot"
                | "mail"
                | "mailx"
                | "mutt"
                | "ncftp"
                | "tftp"
        ) {
            return;
        }
        let Some(stdin) = self.stdin.clone() else { return };
        for line in stdin.lines().take(ARGUMENTS_MAX) {
            let Some(code) =
                line.trim().strip_prefix("~!").or_else(|| line.trim().strip_prefix('!'))
            else {
                continue;
            };
            let code = code.to_owned();
            self.critical_only(|machine| machine.in_subshell(|machine| machine.run_text(&code)));
        }
    }

    /// Does something of which only critical findings remain, and none that come from not knowing.
    pub(super) fn critical_only(&mut self, work: impl FnOnce(&mut Self) -> String) {
        let kept = std::mem::take(&mut self.hits);
        work(self);
        let found = std::mem::replace(&mut self.hits, kept);
        self.hits.extend(found.into_iter().filter(|hit| {
            hit.risk >= Risk::Critical
                && !hit.id.starts_with("shell.unresolved")
                && hit.id != "shell.parse"
        }));
    }
}

fn names_code(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    CODE_NAMES.iter().any(|name| option.contains(name))
}

/// The scripts in a configuration of logrotate.
fn rotation_scripts(configuration: &str) -> Vec<String> {
    let mut scripts = Vec::new();
    let mut current: Option<String> = None;
    for line in configuration.lines() {
        let word = line.trim();
        match (&mut current, word) {
            (Some(script), "endscript") => {
                scripts.push(std::mem::take(script));
                current = None;
            }
            (Some(script), _) => {
                script.push_str(line);
                script.push('\n');
            }
            (None, "prerotate" | "postrotate" | "firstaction" | "lastaction" | "preremove") => {
                current = Some(String::new())
            }
            (None, _) => {}
        }
    }
    scripts
}

/// The shell code in a command of a debugger.
fn debugger_code(command: &str) -> Option<String> {
    let command = command.trim();
    let shell = ["!", "shell ", "platform shell ", "pipe "]
        .iter()
        .find_map(|prefix| command.strip_prefix(prefix));
    if let Some(code) = shell {
        return Some(code.trim_start_matches(['!', '|']).to_owned());
    }
    if ["python ", "py ", "script "].iter().any(|prefix| command.starts_with(prefix)) {
        return None;
    }
    let (_, call) = command.split_once("system").or_else(|| command.split_once("popen"))?;
    call.split('"').nth(1).map(str::to_owned)
}
