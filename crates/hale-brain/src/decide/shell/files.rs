//! Programs that delete, copy, move, link and change files.

use hale_model::action::Risk;

use super::effects::{Delete, Write};
use super::machine::Machine;
use super::options::{Parsed, Style};
use super::paths::{self, Device};
use super::text::{self, ANY};

/// Shells: a setuid copy of one is a key to the house.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox", "rbash"];
/// Programs that give a shell or any file when they run as root.
const SETUID_HELPERS: [&str; 24] = [
    "find", "vim", "vi", "nano", "less", "more", "awk", "gawk", "python", "python3", "perl",
    "ruby", "node", "php", "lua", "env", "cp", "mv", "tee", "dd", "nmap", "tar", "docker", "cat",
];

impl Machine {
    pub(super) fn remove(&mut self, name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        let how = Delete {
            recursive: parsed.has(&["-r", "-R", "--recursive"]),
            for_good: matches!(name, "shred" | "srm" | "wipe" | "scrub"),
            ..Delete::default()
        };
        if name == "shred" && parsed.operands.iter().any(|o| o == "-") {
            return String::new();
        }
        // A word that is not known as a whole may hold options and targets.
        let mut targets = parsed.operands.clone();
        if parsed.operands.is_empty() && arguments.iter().any(|a| text::has_unknown(a)) {
            targets.push(ANY.to_string());
        }
        for target in &targets {
            let resolved = self.resolve(target);
            match paths::device(&resolved) {
                Some(device) if how.for_good => self.write_device(&resolved, device),
                _ => {
                    // `rm -rf /tmp/d/` reaches through the link, `rm /tmp/d` does not.
                    let link = self.links.contains_key(&paths::absolute(target, &self.state.cwd));
                    if link && !target.ends_with('/') {
                        self.hit("shell.delete.file", Risk::Warning, "deletes a link", "");
                    } else {
                        self.delete(target, how);
                    }
                }
            }
        }
        if targets.len() > 1 && !how.recursive && targets.iter().any(|t| text::has_glob(t)) {
            self.delete("*", Delete::default());
        }
        String::new()
    }

    /// Where a copy lands: into a directory it keeps its name.
    fn landing(source: &str, target: &str, into: bool) -> String {
        if into || target.ends_with('/') {
            format!("{}/{}", target.trim_end_matches('/'), paths::base(source))
        } else {
            target.to_owned()
        }
    }

    pub(super) fn copy(&mut self, name: &str, parsed: &Parsed) -> String {
        if name == "install" && parsed.has(&["-d", "--directory"]) {
            self.hit("shell.write.file", Risk::Warning, "makes directories", "");
            return String::new();
        }
        let directory = parsed.value(&["-t", "--target-directory"]).map(str::to_owned);
        let (sources, target) = match (&directory, parsed.operands.split_last()) {
            (Some(directory), _) => (parsed.operands.clone(), directory.clone()),
            (None, Some((last, sources))) => (sources.to_vec(), last.clone()),
            (None, None) => return String::new(),
        };
        let into = directory.is_some() || sources.len() > 1;
        for source in &sources {
            let mut content = self.content(source);
            if self.resolve(source).starts_with("/dev/zero")
                || self.resolve(source) == "/dev/urandom"
            {
                content = ANY.to_string();
            }
            let landing = Self::landing(source, &target, into);
            let onto = if self.is_directory_like(&target) {
                Self::landing(source, &target, true)
            } else {
                landing
            };
            self.write(&Write::new(&onto, &content));
            self.copied_program(source, &onto);
        }
        if let Some(mode) = parsed.value(&["-m", "--mode"]) {
            let mode = mode.to_owned();
            self.mode_of(&target, &mode, false);
        }
        String::new()
    }

    fn is_directory_like(&self, path: &str) -> bool {
        let resolved = self.resolve(path);
        paths::is_system_top(&resolved)
            || paths::is_root(&resolved)
            || [
                "/tmp",
                "/var/tmp",
                "/etc/sudoers.d",
                "/etc/cron.d",
                "/etc/ssh",
                "/etc/profile.d",
                "/usr/bin",
                "/usr/sbin",
                "/usr/local/bin",
                "/etc/systemd/system",
                "/etc/pam.d",
            ]
            .contains(&resolved.as_str())
    }

    fn copied_program(&mut self, source: &str, target: &str) {
        let from = self.resolve(source);
        let binary = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/"]
            .iter()
            .any(|d| from.starts_with(d));
        let known = self.programs.get(&from).cloned();
        if binary || known.is_some() {
            let name = known.unwrap_or_else(|| paths::base(&from).to_owned());
            let target = self.resolve(target);
            self.files.remove(&target);
            self.programs.insert(target, name);
        }
    }

    pub(super) fn move_files(&mut self, parsed: &Parsed) -> String {
        let directory = parsed.value(&["-t", "--target-directory"]).map(str::to_owned);
        let (sources, target) = match (&directory, parsed.operands.split_last()) {
            (Some(directory), _) => (parsed.operands.clone(), directory.clone()),
            (None, Some((last, sources))) => (sources.to_vec(), last.clone()),
            (None, None) => return String::new(),
        };
        let into = directory.is_some() || sources.len() > 1;
        let destination = self.resolve(&target);
        for source in &sources {
            let resolved = self.resolve(source);
            if destination == "/dev/null" || paths::device(&destination).is_some() {
                let how = Delete { recursive: true, ..Delete::default() };
                if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                    self.delete(source, how);
                } else {
                    self.hit(
                        "shell.move.null",
                        Risk::Critical,
                        "replaces a device node, or loses the file",
                        "",
                    );
                }
                continue;
            }
            if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                self.hit(
                    "shell.move.system",
                    Risk::Deny,
                    format!("moves {} away, which the host stands on", text::shown(source)),
                    "",
                );
            } else if paths::is_vital(&resolved) {
                self.hit(
                    "shell.move.vital",
                    Risk::Critical,
                    "moves a file away that boot or access hangs on",
                    "copy it instead",
                );
            } else if paths::is_trail(&resolved) {
                self.hit(
                    "shell.trail.erase",
                    Risk::Deny,
                    "takes a record of what was done away",
                    "",
                );
            }
            let content = self.content(source);
            let landing = Self::landing(source, &target, into || self.is_directory_like(&target));
            self.write(&Write::new(&landing, &content));
            self.copied_program(source, &landing);
        }
        String::new()
    }

    pub(super) fn link(&mut self, parsed: &Parsed) -> String {
        let (source, target) = match parsed.operands.as_slice() {
            [source] => (source.clone(), paths::base(source).to_owned()),
            [source, target] => (source.clone(), target.clone()),
            _ => {
                self.hit("shell.write.file", Risk::Warning, "makes links", "");
                return String::new();
            }
        };
        let from = self.resolve(&source);
        let to = paths::absolute(&target, &self.state.cwd);
        if paths::is_trail(&to) || (paths::is_log(&to) && from == "/dev/null") {
            let risk = if paths::is_trail(&to) { Risk::Deny } else { Risk::Critical };
            self.hit("shell.trail.link", risk, "sends a record to nowhere", "");
        } else if let Some(unit) = masked(&from, &to) {
            // What `systemctl mask` does.
            let words = ["systemctl", "mask", &unit].map(str::to_owned);
            self.execute(&words, (false, false));
        } else {
            self.write(&Write::new(&target, &ANY.to_string()));
        }
        self.copied_program(&source, &target);
        if to != from {
            self.files.remove(&to);
            self.links.insert(to, from);
        }
        String::new()
    }

    pub(super) fn convert_copy(&mut self, arguments: &[String]) -> String {
        let value =
            |key: &str| arguments.iter().rev().find_map(|a| a.strip_prefix(key)).map(str::to_owned);
        let content = match value("if=") {
            Some(path) => self.content(&path),
            None => self.stdin.clone().unwrap_or_else(|| ANY.to_string()),
        };
        match value("of=") {
            Some(path) => {
                let keeps = value("conv=").is_some_and(|c| c.contains("notrunc"));
                self.write(&Write::new(&path, &content).appending(keeps));
                String::new()
            }
            None => content,
        }
    }

    pub(super) fn truncate(&mut self, name: &str, parsed: &Parsed) -> String {
        let size = parsed.value(&["-s", "--size"]).unwrap_or("0");
        let grows = size.starts_with(['+', '%']) || name == "fallocate";
        for path in parsed.operands.clone() {
            let zero = !grows && size.trim_start_matches(['<', '/', '-']).starts_with('0');
            let write = Write::new(&path, if zero { "" } else { "…" });
            if zero && text::has_unknown(&path) {
                let why = "empties a file that cannot be known before it runs";
                self.hit("shell.write.unknown", Risk::Critical, why, "name the file");
            }
            if zero || size.starts_with('-') {
                self.write(&Write::new(&path, ""));
            } else {
                self.write(&write.appending(grows));
            }
        }
        String::new()
    }

    pub(super) fn tee(&mut self, parsed: &Parsed) -> String {
        let content = self.stdin.clone().unwrap_or_else(|| ANY.to_string());
        let append = parsed.has(&["-a", "--append"]);
        for path in parsed.operands.clone() {
            self.write(&Write::new(&path, &content).appending(append));
        }
        content
    }

    pub(super) fn change_mode(&mut self, parsed: &Parsed, arguments: &[String]) -> String {
        // `chmod -x file`: the mode looks like an option.
        let mode = arguments
            .iter()
            .find(|a| {
                !a.starts_with("--")
                    && !matches!(
                        a.as_str(),
                        "-R" | "-v" | "-c" | "-f" | "-Rf" | "-vR" | "-Rv" | "-cR"
                    )
            })
            .cloned()
            .unwrap_or_default();
        let recursive = parsed.has(&["-R", "--recursive"]);
        let reference = parsed.has(&["--reference"]);
        for operand in
            parsed.operands.iter().filter(|o| reference || **o != mode).cloned().collect::<Vec<_>>()
        {
            self.mode_of(&operand, &mode, recursive);
        }
        String::new()
    }

    /// A mode set on a path.
    pub(super) fn mode_of(&mut self, path: &str, mode: &str, recursive: bool) {
        let resolved = self.resolve(path);
        let numeric =
            mode.trim_start_matches('0').len() == 4 && mode.chars().all(|c| c.is_digit(8));
        let special =
            mode.trim_start_matches('0').chars().next().and_then(|c| c.to_digit(8)).unwrap_or(0);
        let setuid = (numeric && special & 6 != 0)
            || (mode.contains('s') && mode.contains(['+', '=']) && !mode.starts_with("o"));
        if setuid {
            let program = self
                .programs
                .get(&resolved)
                .cloned()
                .unwrap_or_else(|| paths::base(&resolved).to_owned());
            let named = |names: &[&str]| {
                names.iter().any(|n| program == *n || program.starts_with("python3"))
            };
            let user = (numeric && special & 4 != 0)
                || mode.contains("u")
                || mode.starts_with(['+', '=', 'a']);
            if user && (named(&SHELLS) || named(&SETUID_HELPERS)) {
                return self.hit(
                    "shell.persist.setuid",
                    Risk::Deny,
                    "makes a program that gives root to anybody",
                    "",
                );
            }
            if user {
                return self.hit(
                    "shell.permission.setuid",
                    Risk::Critical,
                    "makes a program that runs as its owner for anybody",
                    "",
                );
            }
        }
        self.permissions(path, recursive, "changes the mode");
    }

    pub(super) fn change_owner(
        &mut self,
        name: &str,
        parsed: &Parsed,
        arguments: &[String],
    ) -> String {
        let recursive = parsed.has(&["-R", "--recursive"]);
        let mut operands = parsed.operands.clone();
        if matches!(name, "setfacl") {
            operands = parsed.operands.clone();
        } else if name == "chattr" {
            operands.retain(|o| !o.starts_with(['+', '-', '=']));
            if arguments
                .iter()
                .any(|a| a.starts_with("-") && a.contains('a') && !a.starts_with("--"))
                && operands.iter().any(|o| paths::is_log(o) || paths::is_trail(o))
            {
                self.hit("shell.trail.write", Risk::Critical, "makes a log changeable again", "");
            }
        } else if !parsed.has(&["--reference"]) && !operands.is_empty() {
            operands.remove(0);
        }
        for operand in operands {
            self.permissions(
                &operand,
                recursive,
                if name == "chattr" { "changes attributes" } else { "changes the owner" },
            );
        }
        String::new()
    }

    pub(super) fn archive(&mut self, name: &str, parsed: &Parsed, arguments: &[String]) -> String {
        for option in parsed.options.iter().filter(|(o, _)| {
            matches!(
                o.as_str(),
                "--checkpoint-action"
                    | "--to-command"
                    | "--use-compress-program"
                    | "-I"
                    | "--rsh-command"
                    | "--info-script"
                    | "--new-volume-script"
                    | "-TT"
                    | "--unzip-command"
                    | "-F"
            )
        }) {
            let Some(value) = &option.1 else { continue };
            if option.0 == "-F" && name != "tar" {
                continue;
            }
            let code = value.strip_prefix("exec=").unwrap_or(value).to_owned();
            if option.0 == "--checkpoint-action" && !value.starts_with("exec=") {
                continue;
            }
            self.in_subshell(|machine| machine.run_text(&code));
        }
        // Info-ZIP runs the value of -TT to test the archive.
        if matches!(name, "zip" | "zipsplit" | "zipnote")
            && let Some(at) = arguments.iter().position(|a| a == "-TT" || a == "--unzip-command")
            && let Some(code) = arguments.get(at + 1).cloned()
        {
            self.in_subshell(|machine| machine.run_text(&code));
        }
        let bundle = arguments.first().map(String::as_str).unwrap_or_default();
        let mode = |c: char| {
            bundle.contains(c)
                && (name == "tar" || name == "bsdtar")
                && !bundle.starts_with("--")
                && bundle.len() < 12
                && !bundle.contains('/')
                || parsed.has(&[match c {
                    'c' => "--create",
                    't' => "--list",
                    'x' => "--extract",
                    _ => "--append",
                }])
                || (c != 'r' && parsed.options.iter().any(|(o, _)| *o == format!("-{c}")))
        };
        let compares = parsed.has(&["--compare", "--diff", "-d"])
            || (bundle.trim_start_matches('-').starts_with('d') && !bundle.starts_with("--"));
        if matches!(name, "tar" | "bsdtar") && (mode('t') || compares) && !mode('x') && !mode('c') {
            return ANY.to_string();
        }
        let mut output = self.carried(arguments);
        let sources: Vec<String> =
            parsed.operands.iter().filter(|o| !o.is_empty()).cloned().collect();
        if sources.iter().any(|s| paths::is_secret(&self.resolve(s)) || self.holds_copied_secret(s))
        {
            output.push(text::SECRET);
        }
        if name == "zip" && parsed.has(&["-m", "--move"]) {
            let recursive = parsed.has(&["-r", "-R", "--recurse-paths"]);
            for source in sources.iter().skip(1) {
                self.delete(source, Delete { recursive, ..Delete::default() });
            }
        }
        if parsed.has(&["--remove-files"]) {
            let old_style = usize::from(!bundle.starts_with('-')) * 2;
            let directory = parsed.value(&["-C", "--directory"]).map(str::to_owned);
            for source in sources.iter().skip(old_style) {
                let below = directory.as_deref().filter(|_| !source.starts_with('/'));
                let source = below.map_or_else(
                    || source.clone(),
                    |d| format!("{}/{source}", d.trim_end_matches('/')),
                );
                self.delete(&source, Delete { recursive: true, ..Delete::default() });
            }
        }
        if matches!(name, "tar" | "bsdtar") && mode('x') && !mode('c') {
            let to_stdout = parsed.has(&["-O", "--to-stdout"]) || bundle.contains('O');
            if !to_stdout {
                let directory = parsed
                    .value(&["-C", "--directory"])
                    .map_or_else(|| self.state.cwd.clone(), str::to_owned);
                let resolved = self.resolve(&directory);
                let source = format!("{output}{}", self.stdin.clone().unwrap_or_default());
                self.fetched_into(&directory, &source);
                if paths::is_root(&resolved) || paths::is_system_top(&resolved) {
                    self.hit(
                        "shell.extract.system",
                        Risk::Critical,
                        "unpacks over the host's own directories",
                        "unpack elsewhere and compare",
                    );
                } else {
                    self.hit("shell.write.file", Risk::Warning, "unpacks an archive", "");
                }
            }
            return output;
        }
        let file = parsed.value(&["-f", "--file"]).map(str::to_owned).or_else(|| {
            (bundle.contains('f') && !bundle.starts_with("--"))
                .then(|| arguments.get(1).cloned())
                .flatten()
        });
        match file.as_deref() {
            Some("-") | None if matches!(name, "tar" | "bsdtar") => {}
            Some(path) if matches!(name, "tar" | "bsdtar") => {
                let path = path.to_owned();
                if path.contains(':') {
                    self.send(&output, "another machine", false);
                }
                self.write(&Write::new(&path, &output));
                return String::new();
            }
            _ => {
                if parsed.operand(0) != Some("-") {
                    let path = parsed.operand(0).unwrap_or_default().to_owned();
                    self.write(&Write::new(&path, &output));
                }
            }
        }
        output
    }

    /// What data says of a command's arguments: files written, deleted, overwritten, sent.
    pub(super) fn effects_of(
        &mut self,
        command: &super::registry::Command,
        parsed: &Parsed,
        arguments: &[String],
    ) {
        if command.writes.is_empty()
            && command.deletes.is_empty()
            && command.overwrites.is_empty()
            && command.sends.is_empty()
        {
            return;
        }
        for path in selected(&command.writes, parsed) {
            self.write(&Write::new(&path, &ANY.to_string()));
        }
        for path in selected(&command.deletes, parsed) {
            self.delete(&path, Delete::default());
        }
        for path in selected(&command.overwrites, parsed) {
            self.overwrite(&path);
        }
        for path in selected(&command.sends, parsed) {
            let content = self.sent_content(&path);
            self.send(&content, "another machine", false);
        }
        if !command.sends.is_empty() {
            let carried = self.carried(arguments);
            let content = format!("{}{carried}", self.stdin.clone().unwrap_or_default());
            self.send(&content, "another machine", false);
        }
    }

    /// What leaves when a path is sent, directories included.
    pub(super) fn sent_content(&self, path: &str) -> String {
        let path = path.trim_start_matches('@');
        let mut content = self.content(path);
        content.push_str(path);
        if paths::is_secret(&self.resolve(path)) || self.holds_copied_secret(path) {
            content.push(text::SECRET);
        }
        content
    }

    /// Whether a secret was copied to this path or below it by what came before.
    pub(super) fn holds_copied_secret(&self, path: &str) -> bool {
        let resolved = self.resolve(path);
        self.files.iter().any(|(file, content)| {
            let below = || {
                file.strip_prefix(resolved.as_str()).is_some_and(|rest| rest.starts_with('/'))
                    || (text::has_glob(&resolved) && text::glob_matches(&resolved, file))
            };
            content.contains(text::SECRET) && (*file == resolved || below())
        })
    }

    /// A device, volume or image is formatted.
    pub(super) fn overwrite(&mut self, path: &str) {
        let resolved = self.resolve(path);
        match paths::device(&resolved) {
            Some(Device::Harmless | Device::Other) => {}
            Some(device) => self.write_device(&resolved, device),
            None if text::has_unknown(&resolved) => {
                self.hit(
                    "shell.device.unknown",
                    Risk::Critical,
                    "which device is overwritten is not known",
                    "lsblk -f shows what is on which disk",
                );
            }
            None => self.hit("shell.device.image", Risk::Warning, "overwrites an image file", ""),
        }
    }
}

fn selected(places: &[String], parsed: &Parsed) -> Vec<String> {
    let mut out = Vec::new();
    for place in places {
        match place.as_str() {
            "operands" => out.extend(parsed.operands.iter().cloned()),
            "first" => out.extend(parsed.operands.first().cloned()),
            "last" => out.extend(parsed.operands.last().cloned()),
            "rest" => out.extend(parsed.operands.iter().skip(1).cloned()),
            "but_last" => {
                out.extend(
                    parsed.operands.iter().take(parsed.operands.len().saturating_sub(1)).cloned(),
                );
            }
            option => out.extend(parsed.values(&[option]).iter().map(|v| (*v).to_owned())),
        }
    }
    out
}

/// The unit that a link to nowhere masks.
fn masked(from: &str, to: &str) -> Option<String> {
    let directories = ["/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/"];
    let unit = directories.iter().find_map(|directory| to.strip_prefix(directory))?;
    (from == "/dev/null" && unit.contains('.') && !unit.contains('/')).then(|| unit.to_owned())
}

/// A command line read as GNU tools do, for handlers that look into another's arguments.
pub(super) fn gnu(arguments: &[String], values: &[&str]) -> Parsed {
    let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
    Parsed::new(arguments, Style::Gnu, &values)
}
