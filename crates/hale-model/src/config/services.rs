//! `[[services]]`: services that no systemd runs, said by whoever runs them: supervised by runit, s6 or
//! supervisord, started by a script of `/etc/init.d`, or by hand. What is said here is watched,
//! restarted and verified as a systemd unit is, under the same guard.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::container::ProbeTarget;
use crate::probe;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// `[[services]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeclaredService {
    /// The name it has everywhere, `restartable_units` included: letters, digits and `- _ . @`.
    pub name: String,
    /// The file in which its main process writes its pid: how hale sees whether it runs. Absolute.
    pub pid_file: String,
    /// The program that restarts it and its arguments, as they are: no shell reads them. The program is absolute.
    pub restart: Vec<String>,
    /// Where it says whether it is well: `http://` on this machine's loopback. A restart is then proved by its
    /// answer, and need not be watched for long. Empty: it says nothing.
    pub health_url: String,
}

impl DeclaredService {
    /// What is wrong with it: the key, what, and what would be right.
    pub fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        if self.name.is_empty()
            || self.name.len() > NAME_BYTES_MAX
            || !self.name.chars().all(legal)
            || self.name.starts_with('-')
        {
            let what = format!("`{}` is no name", crate::text::printable(&self.name));
            return Some(("name", what, "use letters, digits and - _ . @"));
        }
        if !self.pid_file.starts_with('/') {
            let what = format!("`{}` is not absolute", crate::text::printable(&self.pid_file));
            return Some(("pid_file", what, "write the path from the root, such as /run/shop.pid"));
        }
        if !self.restart.first().is_some_and(|program| program.starts_with('/')) {
            let what = "no absolute program restarts it".to_owned();
            return Some(("restart", what, "write [\"/etc/init.d/shop\", \"restart\"]"));
        }
        let asked =
            |target| probe::parse(&target).and_then(|at| probe::resolve(&at, [].iter(), &[])).err();
        if let Some(what) = self.health_target().and_then(asked) {
            return Some(("health_url", what, "write http://127.0.0.1:8080/health"));
        }
        None
    }

    /// Whom to ask whether it is well, if it says so anywhere.
    pub fn health_target(&self) -> Option<ProbeTarget> {
        (!self.health_url.is_empty()).then(|| ProbeTarget::Http { url: self.health_url.clone() })
    }

    /// Names one run of its main process: its pid and its start time in clock ticks after boot.
    pub fn run_id(pid: i32, start_ticks: u64) -> String {
        format!("{pid}-{start_ticks}")
    }

    /// What a person would type to look at it and to start it again: no systemd knows it.
    pub fn commands(&self) -> Vec<String> {
        let pid_file = quoted(&self.pid_file);
        let mut commands = vec![format!("ps -fp \"$(cat {pid_file})\"")];
        if !self.health_url.is_empty() {
            commands.push(format!("curl -sS -i {}", quoted(&self.health_url)));
        }
        commands.push(self.restart_command());
        commands
    }

    /// What a person would type, quoted for a shell: the guard reads it, nobody runs it.
    pub fn restart_command(&self) -> String {
        self.restart.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:+=,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_name_a_pid_file_and_a_program() {
        let service = |name: &str, pid_file: &str, restart: &[&str]| DeclaredService {
            name: name.to_owned(),
            pid_file: pid_file.to_owned(),
            restart: restart.iter().map(|w| (*w).to_owned()).collect(),
            health_url: String::new(),
        };
        for (declared, wrong) in [
            (service("shop", "/run/shop.pid", &["/usr/bin/sv", "restart", "shop"]), None),
            (service("", "/run/shop.pid", &["/usr/bin/sv"]), Some("name")),
            (service("a;b", "/run/shop.pid", &["/usr/bin/sv"]), Some("name")),
            (service("--all", "/run/shop.pid", &["/usr/bin/sv"]), Some("name")),
            (service("shop", "shop.pid", &["/usr/bin/sv"]), Some("pid_file")),
            (service("shop", "/run/shop.pid", &["sv"]), Some("restart")),
            (service("shop", "/run/shop.pid", &[]), Some("restart")),
        ] {
            assert_eq!(declared.mistake().map(|(key, _, _)| key), wrong, "{declared:?}");
        }
        for (url, wrong) in [
            ("http://127.0.0.1:8080/health", None),
            ("http://localhost:8080", None),
            ("https://127.0.0.1/", Some("health_url")),
            ("http://169.254.169.254/latest", Some("health_url")),
            ("http://example.com/", Some("health_url")),
            ("127.0.0.1:8080", Some("health_url")),
        ] {
            let mut declared = service("shop", "/run/shop.pid", &["/usr/bin/sv"]);
            declared.health_url = url.to_owned();
            assert_eq!(declared.mistake().map(|(key, _, _)| key), wrong, "{url}");
        }
        let odd = service("shop", "/run/shop.pid", &["/bin/x", "a b", "it's", ""]);
        assert_eq!(odd.restart_command(), r"/bin/x 'a b' 'it'\''s' ''");
    }
}
