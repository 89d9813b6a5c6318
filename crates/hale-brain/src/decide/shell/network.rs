//! Programs that connect to other machines: reverse shells, uploads, copies.

use hale_model::action::Risk;

use super::effects::{Delete, Write};
use super::machine::Machine;
use super::options::Parsed;
use super::text::{self, ANY, FETCHED_UNSAFE, SEGMENT};
use super::{files, paths};

impl Machine {
    pub(super) fn netcat(&mut self, name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        let executes = parsed.options.iter().any(|(option, _)| {
            matches!(option.as_str(), "-e" | "--exec" | "--sh-exec" | "--lua-exec")
                || (option == "-c" && name != "telnet")
                || (option.len() > 2
                    && !option.starts_with("--")
                    && option.contains('e')
                    && option.ends_with('e'))
        }) || arguments.iter().any(|a| a.starts_with("-e/") || a.starts_with("-c/"));
        if executes {
            self.hit(
                "shell.reverse_shell",
                Risk::Deny,
                "hands a program's input and output to the network",
                "",
            );
            return ANY.to_string();
        }
        let probes = parsed.has(&["-z"]);
        let listens = parsed.has(&["-l", "--listen"]);
        if let Some(content) = self.stdin.clone() {
            self.send(&content, "the network", false);
            if content.contains("flush_all") {
                self.hit("databases.memcached.flush", Risk::Critical, "empties a cache server", "");
            } else if !probes && text::has_unknown(&content) {
                self.hit("network.send", Risk::Warning, "sends data over the network", "");
            }
        }
        if listens {
            self.hit("network.listen", Risk::Warning, "opens a port", "");
        }
        text::residue(&FETCHED_UNSAFE.to_string())
    }

    pub(super) fn socat(&mut self, arguments: &[String]) -> String {
        let addresses: Vec<&String> =
            arguments.iter().filter(|a| !a.starts_with('-') || a.as_str() == "-").collect();
        let lower: Vec<String> = addresses.iter().map(|a| a.to_ascii_lowercase()).collect();
        let kind =
            |prefixes: &[&str]| lower.iter().any(|a| prefixes.iter().any(|p| a.starts_with(p)));
        let network =
            kind(&["tcp", "udp", "openssl", "ssl", "sctp", "vsock", "socks", "proxy", "http"]);
        if kind(&["exec", "system", "shell"]) {
            if network {
                self.hit(
                    "shell.reverse_shell",
                    Risk::Deny,
                    "hands a program's input and output to the network",
                    "",
                );
            }
            for address in addresses {
                if let Some((scheme, code)) = address.split_once(':')
                    && matches!(scheme.to_ascii_lowercase().as_str(), "exec" | "system" | "shell")
                {
                    let code = code
                        .split(',')
                        .next()
                        .unwrap_or_default()
                        .trim_matches(['"', '\''])
                        .to_owned();
                    self.in_subshell(|machine| machine.run_text(&code));
                }
            }
            return ANY.to_string();
        }
        if let Some(content) = self.stdin.clone() {
            self.send(&content, "the network", false);
        }
        for address in arguments {
            if let Some((scheme, path)) = address.split_once(':') {
                let scheme = scheme.to_ascii_lowercase();
                if matches!(scheme.as_str(), "file" | "open" | "gopen") && network {
                    let content = self.sent_content(path.split(',').next().unwrap_or_default());
                    self.send(&content, "the network", false);
                } else if scheme == "create" {
                    let path = path.split(',').next().unwrap_or_default().to_owned();
                    self.write(&Write::new(&path, &ANY.to_string()));
                }
            }
        }
        self.hit("network.relay", Risk::Warning, "connects two ends", "");
        text::residue(&FETCHED_UNSAFE.to_string())
    }

    /// scp, rsync, sftp, rclone.
    pub(super) fn remote_copy(&mut self, name: &str, parsed: &Parsed) -> String {
        let remote = |path: &str| {
            let head = path.split('/').next().unwrap_or_default();
            head.contains(':') || path.contains("://")
        };
        if name == "rsync" {
            if let Some(code) = parsed.value(&["-e", "--rsh"]) {
                let code = code.to_owned();
                let shell =
                    paths::base(code.split_whitespace().next().unwrap_or_default()).to_owned();
                // A shell as transport is `sh -c` by another name.
                if shell == "ssh" {
                    let words: Vec<String> = code
                        .split_whitespace()
                        .skip(1)
                        .map(str::to_owned)
                        .chain(["host".to_owned(), "true".to_owned()])
                        .collect();
                    self.ssh(&words);
                } else {
                    self.in_subshell(|machine| machine.run_text(&code));
                }
            }
            if let Some(code) = parsed.value(&["--rsync-path"]) {
                let code = code.to_owned();
                self.in_subshell(|machine| machine.run_text(&code));
            }
        }
        if matches!(name, "scp" | "sftp")
            && let Some(code) = parsed.value(&["-S", "-D"])
        {
            let code = code.to_owned();
            self.critical_only(|machine| machine.in_subshell(|machine| machine.run_text(&code)));
        }
        let (operands, verb) = if name == "rclone" {
            (parsed.operands.get(1..).unwrap_or_default(), parsed.operand(0).unwrap_or_default())
        } else {
            (parsed.operands.as_slice(), "")
        };
        let Some((target, sources)) = operands.split_last() else { return ANY.to_string() };
        let (target, sources) = (target.clone(), sources.to_vec());
        if name == "rsync" && sources.is_empty() {
            return ANY.to_string();
        }
        if remote(&target) {
            for source in &sources {
                let content = self.sent_content(source);
                self.send(&content, "another machine", false);
            }
            if paths::is_vital(target.rsplit(':').next().unwrap_or_default()) {
                self.hit(
                    "shell.write.vital",
                    Risk::Critical,
                    "writes a file on another machine that boot or access hangs on",
                    "",
                );
            }
        } else if name != "rclone" && !sources.is_empty() {
            let content = if sources.iter().any(|s| remote(s)) {
                text::residue(&FETCHED_UNSAFE.to_string())
            } else {
                let read: String = sources.iter().map(|s| self.sent_content(s)).collect();
                text::residue(&read)
            };
            self.write(&Write::new(&target, &content).appending(true));
        }
        // A target without a remote is a place here: what is not in the source goes.
        if name == "rclone"
            && matches!(verb, "purge" | "delete" | "rmdirs" | "sync" | "bisync")
            && !remote(&target)
        {
            let resolved = self.resolve(&target);
            let filtered = verb == "rmdirs";
            if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                self.delete(&target, Delete { recursive: true, filtered, ..Delete::default() });
            }
        }
        let deletes = parsed.options.iter().any(|(o, _)| o.starts_with("--delete") || o == "--del")
            || matches!(
                verb,
                "sync"
                    | "delete"
                    | "purge"
                    | "move"
                    | "deletefile"
                    | "bisync"
                    | "rmdirs"
                    | "cleanup"
            );
        if deletes && name == "rsync" {
            let path = target.rsplit_once(':').map_or(target.as_str(), |(_, p)| p).to_owned();
            let resolved = self.resolve(&path);
            if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                self.delete(&path, Delete { recursive: true, ..Delete::default() });
            } else {
                self.hit(
                    "files.rsync.delete",
                    Risk::Critical,
                    "deletes in the target what the source does not have",
                    "add -n and read what it would delete",
                );
            }
        }
        if parsed.has(&["--remove-source-files"]) {
            self.hit(
                "files.rsync.move",
                Risk::Critical,
                "deletes the sources once they are copied",
                "",
            );
        }
        ANY.to_string()
    }

    /// Programs whose arguments or input can carry text out.
    pub(super) fn sender(&mut self, name: &str, arguments: &[String]) -> String {
        let mut content = arguments.concat();
        if matches!(name, "mail" | "mailx" | "mutt" | "sendmail" | "swaks" | "msmtp" | "s-nail") {
            content.push_str(&self.stdin.clone().unwrap_or_default());
            let values = ["-a", "-A", "-s", "--attach", "-r", "-c", "-b"];
            let parsed = files::gnu(arguments, &values);
            for path in parsed
                .values(&["-a", "-A", "--attach"])
                .iter()
                .map(|v| (*v).to_owned())
                .collect::<Vec<_>>()
            {
                content.push_str(&self.sent_content(&path));
            }
        } else if let Some(stdin) = self.stdin.clone() {
            content.push_str(&stdin);
        }
        self.send(&content, "the network", false);
        // A record of text is whatever its owner wrote there.
        let resolver =
            matches!(name, "dig" | "drill" | "kdig" | "delv" | "host" | "nslookup" | "resolvectl");
        if resolver && arguments.iter().any(|a| a.to_ascii_lowercase().contains("txt")) {
            return text::residue(&FETCHED_UNSAFE.to_string());
        }
        SEGMENT.to_string()
    }

    /// Programs that print secrets on some of their subcommands, and copy files on others.
    pub(super) fn secret_export(&mut self, name: &str, arguments: &[String]) -> String {
        const PRINTS: [&str; 16] = [
            "--export-secret-keys",
            "--export-secret-subkeys",
            "--export-secret-key",
            "get-secret-value",
            "get-parameter",
            "get-parameters-by-path",
            "get-login-password",
            "print-access-token",
            "get-access-token",
            "kv",
            "access",
            "show",
            "list-keys",
            "get-session-token",
            "get-credentials",
            "read",
        ];
        self.cloud_command(name, arguments);
        if name.starts_with("etcd") {
            return self.cluster_state(arguments);
        }
        let mut output = self.carried(arguments);
        if arguments.iter().any(|a| PRINTS.contains(&a.as_str())) {
            output.push(text::SECRET);
        }
        // An upload to a bucket or another account leaves this machine.
        let uploads = arguments.iter().any(|a| a.contains("://"))
            && arguments
                .iter()
                .any(|a| matches!(a.as_str(), "cp" | "mv" | "sync" | "put" | "upload" | "rsync"));
        if uploads {
            let stdin = self.stdin.clone().unwrap_or_default();
            let sources: Vec<String> = arguments
                .iter()
                .filter(|a| {
                    !a.contains("://")
                        && (a.contains(['/', '.']) || self.files.contains_key(&self.resolve(a)))
                })
                .cloned()
                .collect();
            let content: String = sources.iter().map(|path| self.sent_content(path)).collect();
            self.send(&format!("{stdin}{content}"), "a bucket", false);
        }
        output
    }

    /// What etcd holds: every secret of the cluster.
    fn cluster_state(&mut self, arguments: &[String]) -> String {
        let has = |word: &str| arguments.iter().any(|a| a == word);
        let everything = arguments
            .iter()
            .any(|a| matches!(a.as_str(), "/" | "" | "/registry") || a.contains("secrets"));
        if has("snapshot") && has("save") {
            if let Some(path) = arguments.last().cloned() {
                let content = text::residue(&text::SECRET.to_string());
                self.write(&Write::new(&path, &content).appending(true));
            }
        } else if has("get") && everything {
            return text::residue(&text::SECRET.to_string());
        }
        self.carried(arguments)
    }

    pub(super) fn openssl(&mut self, parsed: &Parsed, arguments: &[String]) -> String {
        let stdin = self.stdin.clone().unwrap_or_else(|| ANY.to_string());
        if parsed.has(&["-d", "-decrypt"])
            && let Some(path) = parsed.value(&["-out"])
        {
            let path = path.to_owned();
            self.write(&Write::new(&path, &super::produce::undecoded(&stdin)));
            return String::new();
        }
        match parsed.operand(0) {
            Some("s_client") => {
                self.send(&stdin, "the network", false);
                return if self.stdin.is_some() && text::is_literal(&stdin) {
                    ANY.to_string()
                } else {
                    text::residue(&FETCHED_UNSAFE.to_string())
                };
            }
            Some("base64" | "enc") if parsed.has(&["-d"]) => {
                let source = match parsed.value(&["-in"]) {
                    Some(path) => self.content(path),
                    None => stdin,
                };
                if text::is_literal(&source)
                    && (parsed.operand(0) == Some("base64") || parsed.has(&["-base64", "-a"]))
                    && let Some(output) = super::produce::decode_base(&source, false)
                {
                    return output;
                }
                return text::residue(&source);
            }
            _ => {}
        }
        if let Some(path) = parsed.value(&["-out"]) {
            let path = path.to_owned();
            let content = text::residue(&self.carried(arguments));
            self.write(&Write::new(&path, &content));
        }
        self.carried(arguments)
    }
}

/// Kinds of addresses code should not come from.
pub(super) fn is_unsafe_source(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let (scheme, rest) = match lower.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => ("http", lower.as_str()),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host =
        if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
    let bare = host.starts_with('[')
        || host.parse::<u64>().is_ok()
        || host.starts_with("0x")
        || (host.split('.').count() == 4 && host.split('.').all(|p| p.parse::<u32>().is_ok()));
    let paste = [
        "pastebin",
        "paste.",
        "hastebin",
        "dpaste",
        "ix.io",
        "0x0.st",
        "transfer.sh",
        "termbin",
        "sprunge",
        "ghostbin",
        "rentry.co",
        "controlc",
        "gist.github",
        "bpa.st",
        "privatebin",
        "file.io",
        "anonfiles",
        "catbox.moe",
        "ngrok",
        "bit.ly",
        "tinyurl",
        "t.co",
        "is.gd",
        "goo.gl",
        "webhook.site",
        "requestbin",
        "pipedream",
        "paste",
        "trycloudflare",
    ];
    let punycode = host.starts_with("xn--") || host.contains(".xn--");
    scheme != "https"
        || bare
        || punycode
        || host.is_empty()
        || paste.iter().any(|p| host.contains(p))
        || text::has_unknown(host)
        || !host.is_ascii()
}
