//! Programs that run other commands: here, later, in a container, on another machine.

use hale_model::action::Risk;

use super::machine::{Machine, Place};
use super::options::{Parsed, Style};
use super::registry::Runs;
use super::text::{self, ANY};
use super::{paths, simple};

/// Options of `docker run`, `exec`, `create` and of podman that take a value.
const CONTAINER_VALUES: [&str; 78] = [
    "-e",
    "--env",
    "--env-file",
    "-v",
    "--volume",
    "--mount",
    "-p",
    "--publish",
    "--name",
    "-w",
    "--workdir",
    "-u",
    "--user",
    "--network",
    "--net",
    "--entrypoint",
    "-l",
    "--label",
    "--cpus",
    "-m",
    "--memory",
    "--pid",
    "--ipc",
    "--uts",
    "--userns",
    "--cap-add",
    "--cap-drop",
    "--security-opt",
    "--device",
    "--restart",
    "--log-driver",
    "--log-opt",
    "-h",
    "--hostname",
    "--add-host",
    "--dns",
    "--tmpfs",
    "--ulimit",
    "--platform",
    "--pull",
    "--gpus",
    "--shm-size",
    "--stop-signal",
    "--cgroupns",
    "--cgroup-parent",
    "--volumes-from",
    "--health-cmd",
    "-a",
    "--attach",
    "--detach-keys",
    "--index",
    "--annotation",
    "--blkio-weight",
    "--cidfile",
    "--cpu-shares",
    "-c",
    "--cpuset-cpus",
    "--expose",
    "--group-add",
    "--init-path",
    "--ip",
    "--isolation",
    "--kernel-memory",
    "--label-file",
    "--link",
    "--mac-address",
    "--memory-swap",
    "--network-alias",
    "--oom-score-adj",
    "--pids-limit",
    "--runtime",
    "--stop-timeout",
    "--storage-opt",
    "--sysctl",
    "--volume-driver",
    "-f",
    "--file",
    "--index",
];

/// Options of docker itself, before the subcommand.
const DOCKER_VALUES: [&str; 8] =
    ["-H", "--host", "-c", "--context", "--config", "-l", "--log-level", "--connection"];

impl Machine {
    /// Follows what a wrapper of the registry runs.
    pub(super) fn wrapped(
        &mut self,
        runs: &Runs,
        name: &str,
        parsed: &Parsed,
        arguments: &[String],
    ) {
        let first = parsed.operand(0).unwrap_or_default();
        if !runs.sub.is_empty() && !runs.sub.iter().any(|sub| sub == first) {
            return;
        }
        let root = self.state.root;
        self.state.root |= runs.root;
        for option in &runs.shell_options {
            for code in parsed
                .values(&[option.as_str()])
                .iter()
                .map(|v| (*v).to_owned())
                .collect::<Vec<_>>()
            {
                self.in_subshell(|machine| machine.run_text(&code));
            }
        }
        if let Some(from) = runs.shell_from {
            let code = simple::joined(parsed.operands.get(from..).unwrap_or_default());
            if !code.is_empty() {
                self.in_subshell(|machine| machine.run_text(&code));
            }
            self.as_written(parsed.operands.get(from..).unwrap_or_default());
        }
        if let Some(from) = runs.operands_from {
            self.run_operands(runs, name, parsed, from, arguments);
        }
        self.state.root = root;
    }

    fn run_operands(
        &mut self,
        runs: &Runs,
        name: &str,
        parsed: &Parsed,
        from: usize,
        arguments: &[String],
    ) {
        // Options behind the first operand are the inner command's: take it as it was written.
        let mut at = parsed.positions.get(from).copied().unwrap_or(arguments.len());
        if parsed.operands.len() <= from {
            at = arguments.len();
        }
        let mut command = arguments.get(at..).unwrap_or_default();
        while runs.assignments
            && let Some((first, rest)) = command.split_first()
            && let Some((variable, value)) = first.split_once('=')
            && variable.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
        {
            let (variable, value) = (variable.to_owned(), value.to_owned());
            self.code_variable(&variable, &value);
            self.assign(&variable, value);
            command = rest;
        }
        // Priorities, processor masks: no command begins with a bare number.
        while let Some((first, rest)) = command.split_first()
            && !first.is_empty()
            && first.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-' | 'x'))
            && first.contains(|c: char| c.is_ascii_digit())
        {
            command = rest;
        }
        let directory = match name {
            "env" => parsed.value(&["-C", "--chdir"]),
            _ => parsed.value(&["--chdir", "--working-directory", "--wd"]),
        };
        let directory = directory.map(|d| paths::absolute(d, &self.state.cwd));
        if command.is_empty() {
            if runs.stdin
                && let Some(code) = self.stdin.clone()
            {
                self.in_subshell(|machine| machine.run_text(&code));
            } else if name == "env" {
                // Only prints.
            }
            return;
        }
        // The wrapper's own `-c` may stand behind its operand: `flock FILE -c CODE`.
        if let [option, code, ..] = command
            && runs.shell_options.contains(option)
        {
            let code = code.clone();
            self.in_subshell(|machine| machine.run_text(&code));
            return;
        }
        let command = command.to_vec();
        let host = name == "nsenter" && parsed.value(&["-t", "--target"]) == Some("1");
        self.in_subshell(|machine| {
            if host {
                // Out of whatever container this is.
                machine.state.place = Place::Real;
                machine.state.mounts.clear();
            }
            if let Some(directory) = directory {
                machine.state.cwd = directory;
            }
            machine.execute(&command, (false, false))
        });
    }

    /// `env` without a command prints every variable.
    pub(super) fn print_environment(&mut self, parsed: &Parsed, _arguments: &[String]) -> String {
        let command = parsed.operands.iter().any(|o| !o.contains('='));
        if command { ANY.to_string() } else { text::residue(&text::SECRET.to_string()) }
    }

    /// `runuser -u name -- command`, `su name command…`.
    pub(super) fn switch_user(&mut self, parsed: &Parsed, arguments: &[String]) -> String {
        if parsed.has(&["-u", "--user"]) {
            let at = parsed.positions.first().copied().unwrap_or(arguments.len());
            let command = arguments.get(at..).unwrap_or_default().to_vec();
            return self.in_subshell(|machine| machine.execute(&command, (false, false)));
        }
        if let Some(code) = self.stdin.clone().filter(|_| !parsed.has(&["-c", "--command"])) {
            self.in_subshell(|machine| machine.run_text(&code));
        }
        ANY.to_string()
    }

    pub(super) fn docker(&mut self, name: &str, arguments: &[String]) -> String {
        let outer: Vec<String> = DOCKER_VALUES.map(str::to_owned).to_vec();
        let parsed = Parsed::new(arguments, Style::Posix, &outer);
        let Some(at) = parsed.positions.first().copied() else { return ANY.to_string() };
        let mut words = arguments.get(at..).unwrap_or_default();
        if matches!(words.first().map(String::as_str), Some("container" | "compose" | "stack")) {
            let compose = words.first().is_some_and(|w| w == "compose");
            words = words.get(1..).unwrap_or_default();
            if compose {
                let values = [
                    "-f",
                    "--file",
                    "-p",
                    "--project-name",
                    "--profile",
                    "--env-file",
                    "--project-directory",
                ]
                .map(str::to_owned);
                let inner = Parsed::new(words, Style::Posix, &values);
                words = words
                    .get(inner.positions.first().copied().unwrap_or(words.len())..)
                    .unwrap_or_default();
            }
        }
        if name.ends_with("compose") {
            let values = ["-f", "--file", "-p", "--project-name", "--profile", "--env-file"]
                .map(str::to_owned);
            let inner = Parsed::new(words, Style::Posix, &values);
            words = words
                .get(inner.positions.first().copied().unwrap_or(words.len())..)
                .unwrap_or_default();
        }
        match words.split_first() {
            Some((sub, rest)) if sub == "exec" => self.container_exec(rest),
            Some((sub, rest)) if matches!(sub.as_str(), "run" | "create") => {
                self.container_run(rest)
            }
            Some((sub, rest)) if sub == "cp" => {
                let from = rest.iter().find(|a| !a.starts_with('-')).cloned().unwrap_or_default();
                self.carried(&[from])
            }
            _ => self.carried(arguments),
        }
    }

    fn container_exec(&mut self, arguments: &[String]) -> String {
        let values = CONTAINER_VALUES.map(str::to_owned);
        let parsed = Parsed::new(arguments, Style::Posix, &values);
        let at = parsed.positions.get(1).copied().unwrap_or(arguments.len());
        let command = arguments.get(at..).unwrap_or_default().to_vec();
        if command.is_empty() {
            return ANY.to_string();
        }
        self.elsewhere(false, |machine| {
            machine.state.container = true;
            machine.execute(&command, (false, false))
        })
    }

    fn container_run(&mut self, arguments: &[String]) -> String {
        let values = CONTAINER_VALUES.map(str::to_owned);
        let parsed = Parsed::new(arguments, Style::Posix, &values);
        let mounts = mounts(&parsed);
        let host_root = mounts.iter().any(|(_, host)| paths::is_root(host));
        let socket = mounts
            .iter()
            .any(|(_, host)| host.ends_with("docker.sock") || host.ends_with("containerd.sock"));
        let host_pid = parsed.value(&["--pid"]) == Some("host");
        let privileged = parsed.has(&["--privileged"])
            || parsed
                .values(&["--cap-add"])
                .iter()
                .any(|c| matches!(*c, "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN"));
        let at = parsed.positions.get(1).copied().unwrap_or(arguments.len());
        let mut command = arguments.get(at..).unwrap_or_default().to_vec();
        if let Some(entry) = parsed.value(&["--entrypoint"]) {
            command.insert(0, entry.to_owned());
        }
        self.hit("containers.run", Risk::Warning, "starts a container", "");
        let before = self.hits.len();
        let unmounted = mounts.is_empty();
        let opens_shell = command.is_empty()
            || command.iter().any(|w| {
                matches!(paths::base(w), "sh" | "bash" | "chroot" | "nsenter" | "ash" | "zsh")
            });
        let read_only_root =
            host_root && parsed.values(&["-v", "--volume"]).iter().any(|v| v.ends_with(":ro"));
        if (host_root && !read_only_root && opens_shell) || (privileged && (host_pid || host_root))
        {
            self.hit(
                "containers.host_shell",
                Risk::Critical,
                "a container with the whole host in its hands",
                "mount only the directory that is needed, read-only",
            );
        } else if privileged || socket || host_pid {
            self.hit(
                "containers.privileged",
                Risk::Critical,
                "a container that can take over the host",
                "grant the one capability or device that is needed",
            );
        }
        if command.is_empty() {
            return ANY.to_string();
        }
        let output = self.elsewhere(false, |machine| {
            machine.state.place = Place::Throwaway;
            machine.state.mounts = mounts;
            machine.state.cwd = parsed.value(&["-w", "--workdir"]).unwrap_or("/").to_owned();
            machine.execute(&command, (false, false))
        });
        // What only concerns the container itself is over with it.
        let alone = unmounted
            && self.hits.iter().skip(before).all(|hit| !hit.id.starts_with("containers."));
        for hit in self.hits.iter_mut().skip(before) {
            let own =
                ["packages.", "services.", "users."].iter().any(|kind| hit.id.starts_with(kind));
            if hit.id == "shell.unknown_program" || (own && alone) {
                hit.risk = hit.risk.min(Risk::Warning);
            }
        }
        output
    }

    pub(super) fn kubectl(&mut self, _name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        let sub = parsed.operand(0).unwrap_or_default();
        match sub {
            "exec" | "run" | "debug" | "rsh" => {
                let dashes = arguments.iter().position(|a| a == "--");
                let at = dashes.map(|at| at + 1).or_else(|| parsed.positions.get(2).copied());
                let command = at.and_then(|at| arguments.get(at..)).unwrap_or_default().to_vec();
                if command.is_empty() {
                    return ANY.to_string();
                }
                let output = self.elsewhere(false, |machine| {
                    machine.state.container = sub == "exec";
                    machine.execute(&command, (false, false))
                });
                return output;
            }
            "get" | "describe" | "view" => {
                let resource = parsed.operand(1).unwrap_or_default();
                let kind = resource.split('/').next().unwrap_or_default();
                if kind.split(',').any(|k| matches!(k, "secret" | "secrets"))
                    && arguments.iter().any(|a| {
                        a.starts_with("-o")
                            || a.starts_with("--output")
                            || a.starts_with("-o=")
                            || a == "yaml"
                            || a == "json"
                    })
                {
                    return text::residue(&text::SECRET.to_string());
                }
            }
            "config" if arguments.iter().any(|a| a == "--raw") => {
                return text::residue(&text::SECRET.to_string());
            }
            _ => {}
        }
        self.carried(arguments)
    }

    pub(super) fn multiplexer(&mut self, name: &str, arguments: &[String]) -> String {
        let code = match name {
            "tmux" => {
                let at = arguments.iter().position(|a| {
                    matches!(
                        a.as_str(),
                        "send-keys"
                            | "send"
                            | "new-session"
                            | "new"
                            | "new-window"
                            | "neww"
                            | "split-window"
                            | "splitw"
                            | "run-shell"
                            | "run"
                            | "respawn-pane"
                            | "if-shell"
                            | "pipe-pane"
                    )
                });
                let Some(at) = at else { return ANY.to_string() };
                let values =
                    ["-t", "-s", "-n", "-c", "-x", "-y", "-F", "-e", "-N"].map(str::to_owned);
                let parsed =
                    Parsed::new(arguments.get(at + 1..).unwrap_or_default(), Style::Posix, &values);
                if !arguments.get(at).is_some_and(|a| a.starts_with("send")) {
                    self.as_written(&parsed.operands);
                }
                typed(&parsed.operands)
            }
            "screen" => {
                let stuffed = arguments
                    .iter()
                    .position(|a| a == "stuff")
                    .and_then(|at| arguments.get(at + 1));
                match stuffed {
                    Some(code) => super::words::ansi_c(code).replace("^M", "\n"),
                    None => {
                        let values =
                            ["-S", "-p", "-t", "-s", "-c", "-T", "-h", "-e"].map(str::to_owned);
                        let parsed = Parsed::new(arguments, Style::Posix, &values);
                        if parsed.operands.len() > 1 {
                            self.in_subshell(|machine| {
                                machine.execute(&parsed.operands, (false, false))
                            });
                            return ANY.to_string();
                        }
                        simple::joined(&parsed.operands)
                    }
                }
            }
            _ => return ANY.to_string(),
        };
        if !code.trim().is_empty() {
            self.in_subshell(|machine| machine.run_text(&code));
        }
        ANY.to_string()
    }

    pub(super) fn at(&mut self, parsed: &Parsed) -> String {
        if parsed.has(&["-l", "-c"]) {
            return ANY.to_string();
        }
        let file = parsed.value(&["-f"]).filter(|f| !matches!(*f, "-" | "/dev/stdin"));
        let code = match file {
            Some(path) => Some(self.content(path)),
            None => self.stdin.clone(),
        };
        if let Some(code) = code {
            let root = self.state.root;
            if text::is_literal(&code) || code.chars().any(|c| !text::is_mark(c)) {
                self.deferred(&code, root);
            } else {
                if file.is_some() && !code.contains([text::FETCHED, text::FETCHED_UNSAFE]) {
                    self.hit(
                        "shell.script",
                        Risk::Warning,
                        "runs a script later, which is not looked into",
                        "read it first",
                    );
                } else {
                    self.unknown_code(&code);
                }
            }
        }
        String::new()
    }

    pub(super) fn crontab_command(&mut self, parsed: &Parsed) -> String {
        if parsed.has(&["-l"]) {
            return ANY.to_string();
        }
        if parsed.has(&["-r"]) {
            self.hit(
                "shell.cron.empty",
                Risk::Critical,
                "deletes the whole table of jobs",
                "crontab -l keeps a copy first",
            );
            return String::new();
        }
        match parsed.operand(0) {
            Some(path) => {
                let content = if path == "-" {
                    self.stdin.clone().unwrap_or_else(|| ANY.to_string())
                } else {
                    self.content(path)
                };
                if content.trim().is_empty() {
                    self.hit(
                        "shell.cron.empty",
                        Risk::Critical,
                        "replaces the table of jobs with nothing",
                        "crontab -l keeps a copy first",
                    );
                } else {
                    self.hit("shell.cron.install", Risk::Warning, "installs jobs", "");
                }
                self.crontab(&content, false);
            }
            None => match self.stdin.clone() {
                Some(content) if content.trim().is_empty() => {
                    self.hit(
                        "shell.cron.empty",
                        Risk::Critical,
                        "replaces the table of jobs with nothing",
                        "crontab -l keeps a copy first",
                    );
                }
                Some(content) => {
                    self.hit("shell.cron.install", Risk::Warning, "installs jobs", "");
                    self.crontab(&content, false);
                }
                None => {
                    let editor =
                        self.peek("VISUAL").or_else(|| self.peek("EDITOR")).unwrap_or_default();
                    let by_hand = ["", "vi", "vim", "nvim", "nano", "emacs", "ed", "micro"]
                        .contains(&paths::base(&editor));
                    let risk = if by_hand { Risk::Warning } else { Risk::Critical };
                    self.hit(
                        "shell.cron.install",
                        risk,
                        "edits the table of jobs",
                        "crontab -l keeps a copy first",
                    );
                }
            },
        }
        String::new()
    }
}

/// What keys type: words joined by blanks, named keys as the characters they are.
fn typed(keys: &[String]) -> String {
    let words = keys.iter().map(|key| match key.as_str() {
        "Enter" | "C-m" | "C-j" | "KPEnter" => "\n",
        "Space" => "",
        "C-c" | "C-d" | "C-u" | "C-l" | "Escape" => "",
        other => other,
    });
    let line = words.filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    line.trim().to_owned()
}

/// The host paths that a container sees: (inside, host).
fn mounts(parsed: &Parsed) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for volume in parsed.values(&["-v", "--volume"]) {
        let mut parts = volume.split(':');
        if let (Some(host), Some(here)) = (parts.next(), parts.next())
            && host.starts_with(['/', '.', '~', text::HOME, text::START_DIRECTORY, text::ANY])
        {
            out.push((
                paths::absolute(here, "/"),
                paths::absolute(host, &text::START_DIRECTORY.to_string()),
            ));
        } else if let Some((_, here)) = volume.split_once(':') {
            // A named volume: somebody's data.
            let here = here.split(':').next().unwrap_or_default();
            out.push((paths::absolute(here, "/"), "/var/lib/docker/volumes/data".to_owned()));
        }
    }
    for mount in parsed.values(&["--mount"]) {
        let field = |names: &[&str]| {
            mount
                .split(',')
                .filter_map(|f| f.split_once('='))
                .find(|(k, _)| names.contains(k))
                .map(|(_, v)| v.to_owned())
        };
        if let (Some(host), Some(here)) =
            (field(&["source", "src"]), field(&["target", "dst", "destination"]))
        {
            let host = if host.starts_with('/') {
                host
            } else {
                "/var/lib/docker/volumes/data".to_owned()
            };
            out.push((paths::absolute(&here, "/"), paths::absolute(&host, "/")));
        }
    }
    if parsed.has(&["--volumes-from"]) {
        out.push(("/".to_owned(), "/var/lib/docker/volumes/data".to_owned()));
    }
    out
}
