//! Payloads that other programs carry: JSON for agents of guests, commands for routers, files that a client
//! fetches, directories that a server offers, programs that stand for others.

use hale_model::action::Risk;
use serde_json::Value;

use super::effects::Write;
use super::machine::Machine;
use super::network::is_unsafe_source;
use super::options::Parsed;
use super::text::{self, ANY, FETCHED, FETCHED_UNSAFE};
use super::{files, paths};

/// Directories whose content came from the network that are remembered.
const DIRECTORIES_MAX: usize = 16;
/// Servers of files that take a directory.
const FILE_SERVERS: [&str; 10] = [
    "http-server",
    "serve",
    "darkhttpd",
    "miniserve",
    "static-server",
    "live-server",
    "dufs",
    "quark",
    "local-web-server",
    "sirv",
];
/// Nesting of JSON that is looked into.
const NESTING_MAX: u32 = 8;
/// Lines of a router's commands that are looked at.
const LINES_MAX: usize = 64;

impl Machine {
    /// A directory is filled with what came from the network.
    pub(super) fn fetched_into(&mut self, directory: &str, content: &str) {
        if content.contains(FETCHED_UNSAFE) && self.fetched.len() < DIRECTORIES_MAX {
            let resolved = self.resolve(directory);
            if !text::has_unknown(&resolved) {
                self.fetched.push(resolved);
            }
        }
    }

    /// Whether a resolved path lies in a directory that was filled from a place code should not come from.
    pub(super) fn is_fetched(&self, resolved: &str) -> bool {
        self.fetched.iter().any(|directory| {
            resolved
                .strip_prefix(directory.as_str())
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
        })
    }

    /// A tool that builds or installs what lies in a directory runs it.
    pub(super) fn builds(&mut self, arguments: &[String]) {
        if self.fetched.is_empty() {
            return;
        }
        let here = self.is_fetched(&self.resolve("."));
        let named = arguments.iter().any(|a| {
            let path = a.strip_prefix("-C").or(a.split_once('=').map(|(_, v)| v)).unwrap_or(a);
            !path.starts_with('-') && !path.is_empty() && self.is_fetched(&self.resolve(path))
        });
        if here || named {
            self.remote_code(&FETCHED_UNSAFE.to_string());
        }
    }

    /// `git clone URL [DIRECTORY]`.
    pub(super) fn cloned(&mut self, rest: &[String]) {
        let values = [
            "-b",
            "--branch",
            "--depth",
            "-o",
            "--origin",
            "-c",
            "--config",
            "-j",
            "--filter",
            "-u",
            "--reference",
        ];
        let parsed = files::gnu(rest, &values);
        let Some(url) = parsed.operand(0).map(str::to_owned) else { return };
        let remote =
            url.contains("://") && !url.starts_with("ssh://") && !url.starts_with("file://");
        if !remote || !is_unsafe_source(&url) {
            return;
        }
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix(".git").unwrap_or(name).to_owned();
        let directory = parsed.operand(1).map_or(name, str::to_owned);
        self.fetched_into(&directory, &FETCHED_UNSAFE.to_string());
    }

    /// tftp, ftp, lftp, ftpget, aria2c and their like: the files they fetch.
    pub(super) fn fetching(&mut self, name: &str, arguments: &[String]) {
        if !matches!(
            name,
            "tftp"
                | "atftp"
                | "ftp"
                | "lftp"
                | "ncftpget"
                | "ftpget"
                | "aria2c"
                | "axel"
                | "fetch"
                | "wget2"
                | "lftpget"
                | "yt-dlp"
                | "smbget"
                | "gsutil-http"
                | "httrack"
                | "rget"
        ) {
            return;
        }
        let urls: Vec<&String> = arguments.iter().filter(|a| a.contains("://")).collect();
        let safe = !urls.is_empty() && urls.iter().all(|url| !is_unsafe_source(url));
        let content = text::residue(&if safe { FETCHED } else { FETCHED_UNSAFE }.to_string());
        let values = [
            "-l",
            "-r",
            "-o",
            "-O",
            "--out",
            "--local-file",
            "--remote-file",
            "-d",
            "--dir",
            "-c",
            "-e",
        ];
        let parsed = files::gnu(arguments, &values);
        let directory =
            parsed.value(&["-d", "--dir"]).map(|d| format!("{}/", d.trim_end_matches('/')));
        let place = |file: &str| match &directory {
            Some(directory) if !file.starts_with('/') => format!("{directory}{file}"),
            _ => file.to_owned(),
        };
        let last = |path: &str| {
            let path = path.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let mut kept: Vec<String> = parsed
            .values(&["-l", "-o", "-O", "--out", "--local-file"])
            .iter()
            .map(|file| place(file))
            .collect();
        if kept.is_empty() {
            kept.extend(parsed.values(&["-r", "--remote-file"]).iter().map(|path| last(path)));
            kept.extend(urls.iter().map(|url| place(&last(url))));
        }
        if name == "ftpget" {
            kept.extend(parsed.operand(1).map(str::to_owned));
        }
        // `get REMOTE [LOCAL]` in a script, in an option, among the words.
        let stdin = self.stdin.clone().unwrap_or_default();
        let scripts = parsed.values(&["-c", "-e"]).join("\n");
        let words = arguments.join(" ");
        for line in
            stdin.lines().chain(scripts.split([';', '\n'])).chain([words.as_str()]).take(LINES_MAX)
        {
            let mut words = line
                .split_whitespace()
                .skip_while(|w| !matches!(*w, "get" | "recv" | "pget" | "mget"));
            if words.next().is_none() {
                continue;
            }
            let words: Vec<&str> =
                words.filter(|w| !w.starts_with('-')).map(|w| w.trim_end_matches(';')).collect();
            if let Some(remote) = words.first() {
                kept.push(words.get(1).map_or_else(|| last(remote), |local| (*local).to_owned()));
            }
        }
        for file in kept.iter().filter(|file| !file.is_empty()) {
            self.write(&Write::new(file, &content));
        }
    }

    /// A server offers a directory to the network.
    pub(super) fn serves(&mut self, directory: &str) {
        let resolved = self.resolve(directory);
        self.hit("network.listen", Risk::Warning, "serves a directory to the network", "");
        if paths::is_secret(&resolved) || self.holds_copied_secret(directory) {
            let why = format!("offers {} to the network", text::shown(directory));
            self.hit("shell.exfiltration", Risk::Deny, why, "serve a directory made for it");
        }
    }

    /// Servers of files by name: which directory they offer; whether it was one.
    pub(super) fn file_server(&mut self, name: &str, arguments: &[String]) -> bool {
        let values = [
            "-d",
            "--directory",
            "-t",
            "-h",
            "--root",
            "-r",
            "--path",
            "-p",
            "--port",
            "-l",
            "--listen",
            "-b",
            "--bind",
            "-a",
            "--host",
            "--addr",
            "-D",
        ];
        let parsed = files::gnu(arguments, &values);
        let (options, operand): (&[&str], Option<usize>) = match name {
            name if FILE_SERVERS.contains(&name) => (&["--root", "-d"], Some(0)),
            "httpd" | "thttpd" | "uhttpd" => (&["-h", "-d"], None),
            "webfsd" => (&["-r"], None),
            "caddy" if parsed.operand(0) == Some("file-server") => (&["--root"], None),
            "twistd" | "twistd3" if arguments.iter().any(|a| a == "web" || a == "ftp") => {
                (&["--path", "-r"], None)
            }
            "rclone" if parsed.operand(0) == Some("serve") => (&[], Some(2)),
            _ => return false,
        };
        let directory = parsed.value(options).or_else(|| operand.and_then(|at| parsed.operand(at)));
        let directory = directory.unwrap_or(".").to_owned();
        self.serves(&directory);
        true
    }

    /// Programs whose first argument is a directory that they offer.
    pub(super) fn is_file_server(name: &str) -> bool {
        FILE_SERVERS.contains(&name)
    }

    /// Programs of other ecosystems that stand for one of the system: what they run.
    pub(super) fn stands_for(name: &str, rest: &[String]) -> Option<Vec<String>> {
        let operands = || rest.iter().filter(|a| !a.starts_with('-'));
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        match name {
            // Globs in their arguments are theirs to expand.
            "rimraf" | "del-cli" | "del" | "rmrf" | "premove" => {
                let mut out = words(&["rm", "-rf", "--"]);
                out.extend(operands().map(|a| text::globbed(a)));
                Some(out)
            }
            "shx" => Some(rest.to_vec()).filter(|r| !r.is_empty()),
            "mkdirp" => {
                Some(words(&["mkdir", "-p"]).into_iter().chain(operands().cloned()).collect())
            }
            _ => None,
        }
    }

    /// Commands in JSON: `{"path": "/bin/rm", "arg": ["-rf", "/srv"]}`, `{"Cmd": ["sh", "-c", "…"]}`.
    pub(super) fn json_payload(&mut self, argument: &str) {
        let Ok(value) = serde_json::from_str::<Value>(argument) else { return };
        let mut commands = Vec::new();
        collect(&value, 0, &mut commands);
        for command in commands {
            self.critical_only(|machine| {
                machine.elsewhere(false, |machine| match command {
                    Payload::Words(words) => machine.execute(&words, (false, false)),
                    Payload::Code(code) => machine.run_text(&code),
                })
            });
        }
    }

    /// Shells of routers and switches: `vtysh -c 'no router bgp 65001'`.
    pub(super) fn router(&mut self, parsed: &Parsed) -> String {
        let mut lines: Vec<String> =
            parsed.values(&["-c"]).iter().map(|v| (*v).to_owned()).collect();
        if lines.is_empty() {
            lines.push(parsed.operands.join(" "));
            if let Some(stdin) = &self.stdin {
                lines.extend(stdin.lines().take(LINES_MAX).map(str::to_owned));
            }
        }
        let mut changes = lines.iter().all(|line| line.trim().is_empty());
        for line in &lines {
            match routing(line) {
                Risk::Critical | Risk::Deny => {
                    self.hit(
                        "network.router.cut",
                        Risk::Critical,
                        "takes routes, sessions or a configuration away",
                        "show it first",
                    );
                }
                Risk::Warning => changes = true,
                Risk::Info => {}
            }
        }
        if changes {
            self.hit("network.router", Risk::Warning, "changes a router", "");
        }
        ANY.to_string()
    }
}

/// A command in JSON.
enum Payload {
    Words(Vec<String>),
    Code(String),
}

fn collect(value: &Value, nesting: u32, out: &mut Vec<Payload>) {
    if nesting > NESTING_MAX || out.len() > 8 {
        return;
    }
    match value {
        Value::Object(fields) => {
            let field = |names: &[&str]| {
                fields
                    .iter()
                    .find(|(k, _)| names.contains(&k.to_ascii_lowercase().as_str()))
                    .map(|(_, v)| v)
            };
            let strings = |value: &Value| -> Vec<String> {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|v| v.as_str().map(str::to_owned))
                    .collect()
            };
            if let Some(program) =
                field(&["path", "program", "executable", "binary"]).and_then(Value::as_str)
                && let Some(arguments) =
                    field(&["arg", "args", "argv", "arguments"]).filter(|v| v.is_array())
            {
                out.push(Payload::Words(
                    std::iter::once(program.to_owned()).chain(strings(arguments)).collect(),
                ));
            }
            match field(&[
                "cmd",
                "command",
                "commands",
                "exec",
                "script",
                "entrypoint",
                "command-line",
                "shell",
            ]) {
                Some(Value::String(code)) if code.contains(' ') => {
                    out.push(Payload::Code(code.clone()))
                }
                Some(list @ Value::Array(items)) => {
                    let words = strings(list);
                    if items
                        .iter()
                        .any(|i| i.as_str().is_some_and(|s| s.contains(' ')) && words.len() == 1)
                    {
                        out.extend(words.into_iter().map(Payload::Code));
                    } else if words.len() > 1 {
                        out.push(Payload::Words(words));
                    }
                }
                _ => {}
            }
            fields.values().for_each(|v| collect(v, nesting + 1, out));
        }
        Value::Array(items) => items.iter().for_each(|v| collect(v, nesting + 1, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a line in the language of routers does.
fn routing(line: &str) -> Risk {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = match words.as_slice() {
        ["do", rest @ ..] => rest,
        all => all,
    };
    match words {
        []
        | [
            "show" | "sh" | "ping" | "traceroute" | "exit" | "end" | "quit" | "list" | "find"
            | "terminal" | "enable" | "help",
            ..,
        ]
        | ["configure" | "conf" | "config", ..]
        | ["global" | "neighbor" | "monitor", ..] => Risk::Info,
        ["no", "shutdown" | "debug" | "service", ..] => Risk::Warning,
        [
            "no" | "clear" | "erase" | "delete" | "reload" | "format" | "shutdown" | "reset"
            | "disable" | "down" | "del",
            ..,
        ]
        | ["write", "erase", ..] => Risk::Critical,
        _ => Risk::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_routers_have_their_levels() {
        for (line, risk) in [
            ("show ip bgp summary", Risk::Info),
            ("configure terminal", Risk::Info),
            ("router ospf", Risk::Warning),
            ("no shutdown", Risk::Warning),
            ("no ip route 10.0.0.0/8 10.1.1.1", Risk::Critical),
            ("write erase", Risk::Critical),
            ("write memory", Risk::Warning),
        ] {
            assert_eq!(routing(line), risk, "{line}");
        }
    }
}
