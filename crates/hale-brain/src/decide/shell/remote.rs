//! Commands for other machines: ssh, ansible, salt, the run commands of clouds.

use hale_model::action::Risk;

use super::machine::Machine;
use super::options::{Parsed, Style};
use super::simple;
use super::text::{self, ANY};

impl Machine {
    pub(super) fn ssh(&mut self, arguments: &[String]) -> String {
        let values = [
            "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o",
            "-p", "-Q", "-R", "-S", "-W", "-w", "-B",
        ]
        .map(str::to_owned);
        let parsed = Parsed::new(arguments, Style::Posix, &values);
        for option in parsed.values(&["-o"]).iter().map(|v| (*v).to_owned()).collect::<Vec<_>>() {
            let (key, value) = option.split_once(['=', ' ']).unwrap_or((&option, ""));
            if matches!(
                key.to_ascii_lowercase().as_str(),
                "proxycommand" | "localcommand" | "knownhostscommand"
            ) && value != "none"
            {
                let value = value.to_owned();
                self.in_subshell(|machine| machine.run_text(&value));
            }
        }
        if parsed.has(&["-R"]) {
            self.hit(
                "network.ssh.reverse",
                Risk::Critical,
                "lets the other machine connect back into this network",
                "",
            );
        } else if parsed.has(&["-L", "-D", "-w"]) {
            self.hit("network.ssh.forward", Risk::Warning, "opens a tunnel", "");
        }
        if parsed.has(&["-V", "-G", "-Q"]) {
            return ANY.to_string();
        }
        let Some((host, command)) = parsed.operands.split_first() else { return ANY.to_string() };
        let command = match command {
            [dashes, rest @ ..] if dashes == "--" => rest,
            all => all,
        };
        let stdin = self.stdin.clone();
        if let Some(content) = &stdin {
            self.send(content, text::shown(host).as_str(), false);
        }
        self.send(&simple::joined(command), "another machine", false);
        let root = host.starts_with("root@") || parsed.value(&["-l"]) == Some("root");
        let code = simple::joined(command);
        if code.is_empty() {
            return match stdin {
                // Without a command the other side's shell reads what is piped in.
                Some(stdin) => self.elsewhere(root, |machine| machine.run_text(&stdin)),
                None => {
                    if !parsed.has(&["-N", "-f", "-O", "-W"]) {
                        self.hit(
                            "network.ssh.shell",
                            Risk::Warning,
                            "opens a shell on another machine",
                            "name the command",
                        );
                    }
                    ANY.to_string()
                }
            };
        }
        let command = command.to_vec();
        let mut output = self.elsewhere(root, |machine| machine.as_written(&command));
        let before = self.hits.len();
        output.push_str(&self.elsewhere(root, |machine| machine.run_text(&code)));
        if quoted(&command) {
            // What is no shell once its quotes are gone does not run: the other reading counts.
            let mut at = 0;
            self.hits.retain(|hit| {
                at += 1;
                at <= before || hit.id != "shell.parse"
            });
        }
        output
    }

    /// Judges words that are joined to one line of code as if they stayed apart, too: the quotes of the
    /// line that was written are lost on the way, and which reading its writer had in mind is not known.
    pub(super) fn as_written(&mut self, words: &[String]) -> String {
        if !quoted(words) {
            return String::new();
        }
        let words = words.to_vec();
        let kept = std::mem::take(&mut self.hits);
        let output = self.in_subshell(|machine| machine.execute(&words, (false, false)));
        let found = std::mem::replace(&mut self.hits, kept);
        // A name with blanks in it is the other reading's line.
        self.hits.extend(found.into_iter().filter(|hit| {
            !hit.id.starts_with("shell.unresolved") && hit.id != "shell.unknown_program"
        }));
        output
    }

    /// Runs something on another machine or in a container: no variables, files or directory of ours.
    pub(super) fn elsewhere(
        &mut self,
        root: bool,
        work: impl FnOnce(&mut Self) -> String,
    ) -> String {
        let stash = (
            std::mem::take(&mut self.files),
            std::mem::take(&mut self.links),
            std::mem::take(&mut self.programs),
        );
        let output = self.in_subshell(|machine| {
            machine.state.variables.clear();
            machine.state.functions.clear();
            machine.state.aliases.clear();
            machine.state.positional.clear();
            machine.state.cwd = text::START_DIRECTORY.to_string();
            machine.state.root |= root;
            work(machine)
        });
        (self.files, self.links, self.programs) = stash;
        output
    }

    /// `ansible HOSTS -m MODULE -a ARGUMENTS`.
    pub(super) fn ansible(&mut self, parsed: &Parsed) -> String {
        let module = parsed.value(&["-m", "--module-name"]).unwrap_or("command").to_owned();
        let module = module.rsplit('.').next().unwrap_or_default().to_owned();
        let arguments = parsed.value(&["-a", "--args"]).unwrap_or_default().to_owned();
        let field = |name: &str| -> Option<String> {
            arguments
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let root = parsed.has(&["-b", "--become", "-K"]);
        match module.as_str() {
            "command" | "shell" | "raw" | "script" | "expect" | "win_shell" => {
                let code = free_form(&arguments);
                return self.elsewhere(root, |machine| machine.run_text(&code));
            }
            "ping" | "setup" | "debug" | "stat" | "find" | "slurp" | "getent" | "service_facts"
            | "package_facts" | "wait_for" | "assert" | "fail" => {}
            "file" if field("state").as_deref() == Some("absent") => {
                let path =
                    field("path").or_else(|| field("dest")).unwrap_or_else(|| ANY.to_string());
                self.delete(
                    &path,
                    super::effects::Delete { recursive: true, ..Default::default() },
                );
            }
            "service" | "systemd" | "systemd_service" => {
                let state = field("state").unwrap_or_default();
                let verb = match state.as_str() {
                    "stopped" => "stop",
                    "started" => "start",
                    "reloaded" => "reload",
                    _ => "restart",
                };
                let unit = field("name").unwrap_or_else(|| ANY.to_string());
                let words = ["systemctl".to_owned(), verb.to_owned(), unit];
                self.elsewhere(root, |machine| machine.execute(&words, (false, false)));
            }
            "apt" | "yum" | "dnf" | "package" | "pacman" | "apk" => {
                let verb = match field("state").as_deref() {
                    Some("absent" | "removed") if field("purge").is_some() => "purge",
                    Some("absent" | "removed") => "remove",
                    _ => "install",
                };
                let words = [
                    "apt-get".to_owned(),
                    verb.to_owned(),
                    field("name").unwrap_or_else(|| ANY.to_string()),
                ];
                self.elsewhere(root, |machine| machine.execute(&words, (false, false)));
            }
            "user" if matches!(field("uid").as_deref(), Some("0" | "00")) => {
                self.hit("shell.persist.uid0", Risk::Deny, "makes a second root", "");
            }
            "authorized_key" => {
                let user = field("user").unwrap_or_else(|| "root".to_owned());
                let home =
                    if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
                let path = format!("{home}/.ssh/authorized_keys");
                self.write(&super::effects::Write::new(&path, "key").appending(true));
            }
            "copy" | "template" | "lineinfile" | "blockinfile" | "replace" | "ini_file"
                if field("dest").or_else(|| field("path")).is_some() =>
            {
                let path = field("dest").or_else(|| field("path")).unwrap_or_default();
                self.write(&super::effects::Write::new(&path, &arguments).edit());
            }
            "mysql_db" | "postgresql_db" | "mongodb_db" | "docker_volume" | "k8s" | "lvol"
            | "lvg" | "zfs" | "ec2_instance" | "s3_bucket"
                if field("state").as_deref() == Some("absent") =>
            {
                self.hit(
                    "infrastructure.ansible.absent",
                    Risk::Critical,
                    format!("deletes what the module {module} keeps"),
                    "",
                );
            }
            "iptables" if field("flush").is_some() || field("policy").is_some() => {
                self.hit("network.firewall.off", Risk::Critical, "empties a firewall", "");
            }
            "cron" => {
                self.hit("shell.cron.install", Risk::Warning, "installs a job", "");
                if let Some((_, job)) = arguments.split_once("job=") {
                    let job = job.trim_matches(['"', '\'']).to_owned();
                    self.deferred(&job, root);
                }
            }
            "reboot" => self.hit("services.power", Risk::Critical, "restarts machines", ""),
            "user" if field("state").as_deref() == Some("absent") => {
                let risk = if field("remove").is_some() { Risk::Critical } else { Risk::Warning };
                self.hit("users.delete", risk, "deletes an account", "");
            }
            _ => self.hit(
                "infrastructure.ansible",
                Risk::Warning,
                format!("runs the module {module} on other machines"),
                "",
            ),
        }
        ANY.to_string()
    }

    /// `salt TARGET FUNCTION ARGUMENTS`.
    pub(super) fn salt(&mut self, parsed: &Parsed) -> String {
        let function = parsed.operand(1).unwrap_or_default().to_owned();
        let arguments = parsed.operands.get(2..).unwrap_or_default().to_vec();
        match function.as_str() {
            "cmd.run" | "cmd.shell" | "cmd.run_all" | "cmd.run_stdout" | "cmd.run_stderr"
            | "cmd.run_bg" | "cmd.retcode" | "cmd.script" | "cmd.powershell" | "cmd.run_chroot" => {
                // Keyword arguments say how, the first word what.
                let named = |a: &&String| {
                    ["runas=", "cwd=", "shell=", "env=", "timeout=", "python_shell=", "template="]
                        .iter()
                        .any(|key| a.starts_with(key))
                };
                let words: Vec<&str> = arguments
                    .iter()
                    .filter(|a| !named(a))
                    .map(|a| a.strip_prefix("cmd=").unwrap_or(a))
                    .collect();
                let code = words.join(" ");
                return self.elsewhere(true, |machine| machine.run_text(&code));
            }
            "file.remove" => {
                for path in &arguments {
                    self.delete(
                        path,
                        super::effects::Delete { recursive: true, ..Default::default() },
                    );
                }
            }
            "system.reboot" | "system.shutdown" | "system.halt" | "system.poweroff" => {
                self.hit("services.power", Risk::Critical, "takes machines down", "");
            }
            "service.stop" | "service.restart" | "service.start" | "service.reload" => {
                let verb = function.rsplit('.').next().unwrap_or_default().to_owned();
                let words: Vec<String> =
                    ["systemctl".to_owned(), verb].into_iter().chain(arguments).collect();
                return self.elsewhere(true, |machine| machine.execute(&words, (false, false)));
            }
            other
                if ["test.", "grains.", "status.", "network.", "disk.", "sys.", "pillar."]
                    .iter()
                    .any(|p| other.starts_with(p)) => {}
            _ => self.hit("infrastructure.salt", Risk::Warning, "changes other machines", ""),
        }
        ANY.to_string()
    }

    /// The payload of a cloud's way to run commands on its machines; whether it was one.
    pub(super) fn cloud_command(&mut self, name: &str, arguments: &[String]) -> bool {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let has = |word: &str| words.contains(&word);
        let scripts: Vec<String> = match name {
            "aws" if has("ssm") && has("send-command") => {
                let parameters = values_of(arguments, &["--parameters"]);
                let scripts: Vec<String> =
                    parameters.iter().flat_map(|p| ssm_commands(p)).collect();
                if scripts.is_empty() {
                    self.hit(
                        "cloud.run",
                        Risk::Critical,
                        "runs commands on machines of the account that are not seen here",
                        "name the commands",
                    );
                }
                scripts
            }
            "aws" if has("ssm") && has("start-session") => {
                let parameters = values_of(arguments, &["--parameters"]);
                if parameters.is_empty() {
                    self.hit("cloud.shell", Risk::Warning, "opens a session on a machine", "");
                }
                parameters.iter().flat_map(|p| ssm_commands(p)).collect()
            }
            "gcloud" if has("ssh") => match words.iter().position(|word| *word == "--") {
                Some(at) => {
                    let command = arguments.get(at + 1..).unwrap_or_default();
                    vec![simple::joined(command)]
                }
                None => return false,
            },
            "aws" if has("ecs") && has("execute-command") => values_of(arguments, &["--command"]),
            "az" if has("run-command") || (has("command") && has("invoke")) || has("exec") => {
                let scripts =
                    values_of(arguments, &["--scripts", "--script", "--command", "--exec-command"]);
                if scripts.is_empty() && (has("invoke") || has("create")) {
                    self.hit(
                        "cloud.run",
                        Risk::Critical,
                        "runs commands on a machine that are not seen here",
                        "name the commands",
                    );
                }
                scripts
            }
            _ => return false,
        };
        let code: Vec<String> = scripts
            .iter()
            .map(|script| match script.strip_prefix('@') {
                Some(file) => self.content(file),
                None => script.clone(),
            })
            .collect();
        let code = code.join("\n");
        if !code.is_empty() {
            // Agents of clouds run as root.
            self.elsewhere(true, |machine| machine.run_text(&code));
        }
        true
    }
}

/// Whether words hold blanks that joining them would make separators of.
fn quoted(words: &[String]) -> bool {
    words.iter().skip(1).any(|word| word.contains(char::is_whitespace))
}

/// The free form of ansible's command and shell: `cmd="…" chdir=/srv`, JSON, or the plain command.
fn free_form(arguments: &str) -> String {
    const OPTIONS: [&str; 8] = [
        "chdir=",
        "creates=",
        "removes=",
        "executable=",
        "warn=",
        "stdin=",
        "stdin_add_newline=",
        "strip_empty_ends=",
    ];
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(arguments) {
        let text = |key: &str| fields.get(key).and_then(|v| v.as_str()).map(str::to_owned);
        if let Some(code) = text("cmd").or_else(|| text("_raw_params")) {
            return code;
        }
    }
    let trimmed = arguments.trim();
    if let Some(rest) = trimmed.strip_prefix("cmd=") {
        return match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                rest.trim_start_matches(quote).split(quote).next().unwrap_or_default().to_owned()
            }
            _ => rest.to_owned(),
        };
    }
    let mut words: Vec<&str> = trimmed.split(' ').collect();
    let is_option = |word: &&str| OPTIONS.iter().any(|option| word.starts_with(option));
    while words.len() > 1 && words.first().is_some_and(is_option) {
        words.remove(0);
    }
    while words.len() > 1 && words.last().is_some_and(is_option) {
        words.pop();
    }
    words.join(" ")
}

/// The values of an option that takes several words, up to the next option.
fn values_of(arguments: &[String], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut taking = false;
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, value)) if names.contains(&name) => {
                values.push(value.to_owned());
                taking = true;
            }
            _ if names.contains(&argument.as_str()) => taking = true,
            _ if argument.starts_with("--") || is_short(argument) => taking = false,
            _ if taking => values.push(argument.clone()),
            _ => {}
        }
    }
    values
}

fn is_short(argument: &str) -> bool {
    argument.len() == 2 && argument.starts_with('-')
}

/// The commands in parameters of the Systems Manager: `commands=a,b`, `commands=["a","b"]`, JSON.
fn ssm_commands(parameters: &str) -> Vec<String> {
    let strings = |value: &serde_json::Value| -> Vec<String> {
        match value {
            serde_json::Value::String(text) => vec![text.clone()],
            serde_json::Value::Array(items) => {
                items.iter().filter_map(|i| i.as_str()).map(str::to_owned).collect()
            }
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::Object(_) => Vec::new(),
        }
    };
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(parameters) {
        return fields
            .iter()
            .filter(|(key, _)| matches!(key.as_str(), "commands" | "command"))
            .flat_map(|(_, value)| strings(value))
            .collect();
    }
    let Some((key, value)) = parameters.split_once('=') else { return Vec::new() };
    if !matches!(key.trim(), "commands" | "command") {
        return Vec::new();
    }
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(parsed) => strings(&parsed),
        // The short form: `[a,b]`, with or without quotes.
        Err(_) => {
            let inner = value.trim().trim_start_matches('[').trim_end_matches(']');
            let whole = ['"', '\''].iter().find_map(|quote| {
                inner.strip_prefix(*quote)?.strip_suffix(*quote).filter(|i| !i.contains(*quote))
            });
            vec![whole.unwrap_or(inner).to_owned()]
        }
    }
}
