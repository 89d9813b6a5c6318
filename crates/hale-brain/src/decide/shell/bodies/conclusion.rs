//! What a body does as a whole: connections, secrets that leave, processes without end.

use super::*;

impl Body<'_> {
    pub(super) fn networks(&mut self, name: &str, last: &str, arguments: &[Value]) -> Value {
        let lower = name.to_lowercase();
        let socket = lower.contains("socket")
            || lower.contains("fsockopen")
            || lower == "net.connect"
            || lower.ends_with("createconnection")
            || lower.contains("tcpserver")
            || lower.contains("net.createserver")
            || lower == "io.popen_net";
        self.sockets |= socket;
        if last == "dup2" {
            self.shells = true;
        }
        let text: String = arguments.iter().map(Value::text).collect();
        let sends = matches!(
            last,
            "post"
                | "put"
                | "send"
                | "sendall"
                | "sendto"
                | "urlopen"
                | "request"
                | "patch"
                | "sendmail"
                | "storbinary"
                | "Request"
                | "connect"
                | "post_form"
                | "curl_exec"
                | "mail"
                | "fetch"
                | "lookup"
                | "gethostbyname"
                | "fwrite"
        );
        if sends {
            self.sends = true;
            if matches!(last, "post" | "put" | "patch" | "post_form")
                && (lower.contains("requests")
                    || lower.contains("http")
                    || lower.contains("axios")
                    || lower.contains("session"))
            {
                self.machine.hit(
                    "network.http.change",
                    Risk::Warning,
                    "a request that changes something elsewhere",
                    "",
                );
            }
            if last == "delete" && lower.contains("requests") {
                self.machine.hit(
                    "network.http.delete",
                    Risk::Critical,
                    "deletes what another service stores",
                    "",
                );
            }
            self.machine.send(&text, "the network", false);
            if text.contains("://") {
                let url = arguments.first().map(Value::text).unwrap_or_default();
                let mark = if is_unsafe_source(&url) { FETCHED_UNSAFE } else { FETCHED };
                return Value::Text(text::residue(&mark.to_string()));
            }
        }
        if lower == "requests.delete" {
            self.machine.hit(
                "network.http.delete",
                Risk::Critical,
                "deletes what another service stores",
                "",
            );
        }
        if text.contains(SECRET) {
            return Value::Text(text::residue(&text));
        }
        if socket { Value::Name("socket".to_owned()) } else { Value::Unknown }
    }

    /// A dangerous function whose arguments are not known.
    pub(super) fn unjudged(&mut self, function: &str) {
        self.machine.hit(
            "shell.program.unjudged",
            Risk::Critical,
            format!("uses {function} in a way that cannot be followed"),
            "print what it would act on first",
        );
    }

    /// Dangerous functions that the program names, yet does not call where it can be seen: given to
    /// `map`, called with what a block holds, looked up by name.
    fn uses(&mut self, source: &str) {
        let tokens = script::tokens(self.language, source);
        for (at, token) in tokens.iter().enumerate() {
            let sign = |offset: usize| match tokens.get(offset) {
                Some(script::Token::Sign(c)) => Some(*c),
                _ => None,
            };
            let before = at.checked_sub(1);
            let name = match token {
                script::Token::Name(name) => name.as_str(),
                // array_map("unlink", …), vars(os)["system"]
                script::Token::Text(name, _)
                    if before.and_then(sign) == Some('[')
                        || (self.language == Language::Php
                            && before.and_then(sign) == Some('(')
                            && sign(at + 1) == Some(',')) =>
                {
                    name.as_str()
                }
                _ => continue,
            };
            let last = name.rsplit(['.', ':']).next().unwrap_or(name);
            // `{ unlink: 1 }`, `def unlink`, `import unlink` name something else.
            let defined = matches!(
                before.and_then(|b| tokens.get(b)),
                Some(script::Token::Name(word)) if matches!(word.as_str(), "def" | "function" | "sub" | "import")
            );
            if is_dangerous(last) && !defined && !self.judged.contains(last) {
                let last = last.to_owned();
                return self.unjudged(&last);
            }
        }
    }

    pub(in super::super) fn conclude(&mut self, source: &str) {
        if self.language != Language::Awk {
            self.uses(source);
        }
        self.clients(source);
        let has = |words: &[&str]| words.iter().any(|w| source.contains(w));
        if !has(&["write", "dump", "save", "print", "puts", "<<"]) {
            let lists = has(&["glob", "readdir", "listdir", "scandir", "walk(", "Dir[", "<*"]);
            for path in std::mem::take(&mut self.opened) {
                if stands_for_many(&path) || (lists && text::has_unknown(&path)) {
                    self.machine.delete(&path, Delete::default());
                }
            }
        }
        let sockets = self.sockets
            || has(&[
                "socket.socket",
                "IO::Socket",
                "use Socket",
                "TCPSocket",
                "fsockopen",
                "net.Socket",
                "net.connect",
                "require(\"net\")",
                "require('net')",
                "socket.tcp",
                "require(\"socket\")",
                "require('socket')",
                "require'socket'",
                "require \"socket\"",
                "/dev/tcp",
            ]);
        let shells = self.shells
            || has(&[
                "/bin/sh",
                "/bin/bash",
                "pty.spawn",
                "sh -i",
                "\"sh\"",
                "'sh'",
                "STDIN,",
                "dup2",
            ]);
        if sockets && (shells || self.runs_unknown) {
            self.machine.hit(
                "shell.reverse_shell",
                Risk::Deny,
                "connects a shell to the network",
                "",
            );
        }
        // System calls by hand: what the C library, or a number, does.
        let raw = has(&["ctypes", "syscall", "Fiddle", "ffi.", "FFI::"]);
        if raw
            && has(&[
                ".reboot(",
                "reboot(",
                "syscall(169",
                "syscall 169",
                "kexec",
                "0xfee1dead",
                "4276215469",
            ])
        {
            self.machine.hit("services.power", Risk::Critical, "restarts or stops the machine", "");
        } else if raw
            && has(&[
                ".unlink(",
                ".rmdir(",
                ".kill(",
                ".mount(",
                ".umount",
                ".system(",
                ".execv",
                ".setuid(",
                ".chmod(",
                "syscall(87",
                "syscall(62",
                "syscall(59",
            ])
        {
            let call = "system calls made by hand";
            self.machine.hit(
                "shell.program.unjudged",
                Risk::Critical,
                format!("{call}: what they do cannot be followed"),
                "",
            );
        }
        let sends = self.sends
            || sockets
            || has(&["requests.post", "urlopen", "http.request", "Net::HTTP", "curl_exec", "LWP"]);
        let environment = has(&["os.environ", "process.env", "%ENV", "ENV.to_", "getenv()"])
            && !has(&["os.environ[", "os.environ.get(", "process.env."]);
        if sends && (self.reads_secret || environment) {
            self.machine.hit(
                "shell.exfiltration",
                Risk::Deny,
                "reads secrets and talks to the network",
                "",
            );
        }
        let compact: String = source.chars().filter(|c| !c.is_whitespace()).collect();
        let endless = [
            "whileTrue",
            "while1",
            "while(1)",
            "for(;;)",
            "loop{",
            "loopdo",
            "whilefork",
            "while(true)",
            "whiletrue",
            "untilfalse",
        ]
        .iter()
        .any(|w| compact.contains(w));
        let forks = self.forks
            || has(&[
                "fork()",
                "os.fork",
                "fork while",
                "Process.fork",
                "fork;",
                "fork}",
                "pcntl_fork",
                "{ fork",
                "{fork",
            ]);
        if (endless && forks) || compact.contains("forkwhilefork") {
            self.machine.hit("shell.fork_bomb", Risk::Deny, "starts processes without end", "");
        }
    }
}
