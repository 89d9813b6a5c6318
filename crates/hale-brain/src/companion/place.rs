//! Whether commands do the same in every directory. What was done before is done again in another
//! directory only where that is sure: `rm ./old.log` is another file there. In doubt it is not sure.

/// Programs whose words name no files, so that the directory does not matter.
const ANYWHERE: &[&str] = &[
    "apk",
    "apt",
    "apt-cache",
    "apt-get",
    "arp",
    "date",
    "df",
    "dig",
    "dmesg",
    "dnf",
    "dpkg-query",
    "echo",
    "flatpak",
    "free",
    "getent",
    "groupadd",
    "host",
    "hostname",
    "hostnamectl",
    "id",
    "iostat",
    "ip",
    "journalctl",
    "kill",
    "killall",
    "last",
    "loginctl",
    "lsblk",
    "lscpu",
    "lsmod",
    "lspci",
    "lsusb",
    "mpstat",
    "networkctl",
    "nmcli",
    "nproc",
    "nslookup",
    "pacman",
    "pgrep",
    "ping",
    "pkill",
    "printf",
    "ps",
    "reboot",
    "resolvectl",
    "service",
    "shutdown",
    "sleep",
    "snap",
    "ss",
    "sysctl",
    "systemctl",
    "timedatectl",
    "top",
    "traceroute",
    "true",
    "ufw",
    "uname",
    "uptime",
    "useradd",
    "userdel",
    "usermod",
    "vmstat",
    "w",
    "who",
    "whoami",
    "zypper",
];
/// Subcommands of `docker` and `podman` that name containers and images, not files.
const OF_CONTAINERS: &[&str] = &[
    "images", "info", "inspect", "kill", "logs", "pause", "ps", "pull", "restart", "rm", "rmi",
    "start", "stats", "stop", "top", "unpause", "version",
];
/// Programs that only pass on what they are given through a pipe.
const FILTERS: &[&str] = &["cut", "grep", "head", "sort", "tail", "tr", "uniq", "wc"];
/// Programs that run what stands behind them.
const CARRIERS: &[&str] = &["doas", "nice", "nohup", "sudo", "time"];

/// Whether these commands may do something else in another directory.
pub fn depends_on_directory<'a>(mut commands: impl Iterator<Item = &'a str>) -> bool {
    commands.any(|command| !is_the_same_anywhere(command))
}

fn is_the_same_anywhere(command: &str) -> bool {
    // What a shell works out only while it runs cannot be told from here; nor what is quoted.
    if command.contains(['$', '`', '\\', '\'', '"', '(', ')', '{', '}', '*', '?', '[', '\n']) {
        return false;
    }
    let mut piped = false;
    let mut rest = command;
    loop {
        let end = rest.find(['|', ';', '&']).unwrap_or(rest.len());
        // `2>&1`, `&>file` are redirections.
        let joins = rest[..end].ends_with('>') || rest[end..].starts_with("&>");
        if joins || !part_is_the_same(&rest[..end], piped) {
            return false;
        }
        let Some(after) = rest.get(end..).filter(|after| !after.is_empty()) else { return true };
        piped = after.starts_with('|') && !after.starts_with("||");
        rest = after.trim_start_matches(['|', ';', '&']);
    }
}

fn part_is_the_same(part: &str, piped: bool) -> bool {
    let mut words = part.split_whitespace().skip_while(|word| CARRIERS.contains(word)).peekable();
    let Some(program) = words.next() else { return true };
    let free = ANYWHERE.contains(&program) || piped && FILTERS.contains(&program);
    if matches!(program, "docker" | "podman") {
        let named = words.peek().is_some_and(|word| OF_CONTAINERS.contains(word));
        return named && words.all(|word| !looks_relative(word));
    }
    // Without a place in its words it works on the directory it is in, for all that is known.
    let mut is_placed = free || program.starts_with('/');
    let mut behind_redirection = false;
    for word in words {
        let target = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let redirects = target.starts_with(['<', '>']);
        let place = if redirects { target.trim_start_matches(['<', '>']) } else { word };
        let must_be_absolute = redirects || behind_redirection || !free;
        behind_redirection = redirects && place.is_empty();
        if behind_redirection {
            continue;
        }
        let option = place.starts_with('-') && !place.contains('=') && !redirects;
        let number = place.bytes().all(|b| b.is_ascii_digit());
        is_placed |= !redirects && place.starts_with(['/', '~']);
        if place.starts_with(['/', '~']) || option || number && !redirects {
            continue;
        }
        if must_be_absolute || looks_relative(place) {
            return false;
        }
    }
    is_placed
}

/// Words that can only be places, whatever the program.
fn looks_relative(word: &str) -> bool {
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    let relative = |text: &str| {
        matches!(text, "." | "..") || text.starts_with("./") || text.starts_with("../")
    };
    relative(word) || relative(value) || word.contains("/../")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_the_same_anywhere_or_it_is_not_sure() {
        for command in [
            "systemctl restart nginx",
            "sudo systemctl restart nginx.service",
            "df -h",
            "ps aux | grep nginx | head -n 5",
            "rm /tmp/old.log",
            "rm -f -- /tmp/a ~/b",
            "du -sh /var/log 2>/dev/null | sort -rh",
            "journalctl -u nginx --since yesterday > /tmp/log.txt",
            "docker restart web",
            "apt-get update && apt-get install -y jq",
        ] {
            assert!(!depends_on_directory([command].into_iter()), "{command}");
        }
        for command in [
            "rm ./A",
            "rm A",
            "rm -rf build",
            "ls",
            "ls -la",
            "git status",
            "make",
            "find . -name x",
            "cat notes.txt",
            "cat < notes.txt",
            "df -h > out.txt",
            "df -h >out.txt",
            "df -h &> out.txt",
            "cat /etc/hosts; rm A",
            "docker compose up -d",
            "docker build -t web .",
            "tar -czf /tmp/a.tgz src",
            "tar --directory=src -czf /tmp/a.tgz /etc",
            "apt-get install ./local.deb",
            "grep foo A",
            "rm \"$PWD/A\"",
            "bash -c 'rm A'",
            "cp /etc/hosts ../b",
        ] {
            assert!(depends_on_directory([command].into_iter()), "{command}");
        }
        let both = ["df -h", "rm A"];
        assert!(depends_on_directory(both.into_iter()));
    }
}
