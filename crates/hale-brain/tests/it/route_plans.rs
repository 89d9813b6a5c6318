//! The commands that come of sentences: whole plans, values, quoting, other distributions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use hale_brain::route::{HostFacts, PackageManager, Reason, Routed, intents, route};
use hale_model::config::Language;
use proptest::prelude::*;

use crate::route::debian;

fn hosts() -> Vec<HostFacts> {
    let of = |os_id: &str, package_manager, has_systemd, is_root, tools: &[&str]| HostFacts {
        os_id: os_id.to_owned(),
        package_manager: Some(package_manager),
        has_systemd,
        is_root,
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        log_files: if has_systemd { [].into() } else { ["messages".to_owned()].into() },
        ..HostFacts::default()
    };
    let usual = ["git", "curl", "file", "sudo", "lsof", "smartctl", "nmcli", "ufw", "docker"];
    vec![
        debian(),
        of(
            "fedora",
            PackageManager::Dnf,
            true,
            true,
            &[
                "git",
                "podman",
                "curl",
                "firewall-cmd",
                "iostat",
                "coredumpctl",
                "resolvectl",
                "getenforce",
                "file",
                "sensors",
                "tracepath",
            ],
        ),
        of("arch", PackageManager::Pacman, true, false, &usual),
        of("opensuse", PackageManager::Zypper, true, false, &usual),
        of(
            "alpine",
            PackageManager::Apk,
            false,
            false,
            &["doas", "wget", "git", "docker", "iw", "rc-status", "rc-update", "rc-service"],
        ),
    ]
}

/// Every command that the examples of every intent come to, on every kind of machine.
fn all_commands() -> Vec<String> {
    let mut commands = Vec::new();
    for host in hosts() {
        for intent in intents() {
            let languages = [Language::En, Language::Fr, Language::Ko];
            let examples = languages.iter().flat_map(|l| intent.examples.of(*l));
            for example in examples {
                if let Routed::Plan(plan) = route(example, &host) {
                    commands.extend(plan.steps.into_iter().map(|step| step.command));
                }
            }
        }
    }
    commands.sort();
    commands.dedup();
    commands
}

#[expect(clippy::disallowed_methods, reason = "a real shell judges what the router wrote")]
fn bash() -> Command {
    Command::new("bash")
}

fn bash_reads(script: &str) -> Option<bool> {
    let mut bash = bash().arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    Some(bash.wait().unwrap().success())
}

#[test]
fn every_command_is_one_that_a_shell_can_read() {
    let commands = all_commands();
    assert!(commands.len() > 300, "{}", commands.len());
    for command in &commands {
        assert!(!command.contains("@{") && !command.contains("@["), "not filled in: {command}");
        assert!(!command.contains('\n'), "more than a line: {command}");
    }
    let Some(all_read) = bash_reads(&commands.join("\n")) else {
        println!("SKIPPED every_command_is_one_that_a_shell_can_read: no bash here");
        return;
    };
    if !all_read {
        let bad: Vec<&String> =
            commands.iter().filter(|command| bash_reads(command) != Some(true)).collect();
        panic!("bash cannot read: {bad:#?}");
    }
}

#[test]
fn values_of_three_languages_become_the_same_command() {
    let host = debian();
    for (sentences, command) in [
        (
            [
                "find files over 1.5 GB in /home",
                "trouve les fichiers de plus de 1,5 Go dans /home",
                "/home에서 1.5기가 이상 파일 찾아줘",
            ],
            "find /home -xdev -type f -size +1610612736c -exec du -h {} + 2>/dev/null | sort -rh | head -n 20",
        ),
        (
            [
                "show errors in the last 2 hours",
                "montre les erreurs des 2 dernières heures",
                "지난 2시간 동안 오류 보여줘",
            ],
            "journalctl --no-pager -p err --since '2 hours ago' -n 100",
        ),
        (
            ["nginx logs since yesterday", "logs de nginx depuis hier", "어제부터 nginx 로그"],
            "journalctl --no-pager -u nginx --since yesterday -n 50",
        ),
        (
            ["who uses port 8080", "qui utilise le port 8080", "8080 포트 누가 써"],
            "sudo ss -tulpn sport = :8080",
        ),
    ] {
        for sentence in sentences {
            let Routed::Plan(plan) = route(sentence, &host) else {
                panic!("no plan: {sentence}");
            };
            assert_eq!(plan.steps[0].command, command, "{sentence}");
        }
    }
}

#[test]
fn a_file_is_looked_for_by_its_name_unless_the_sentence_speaks_of_what_it_contains() {
    let host = debian();
    let by_name = |place: &str, pattern: &str| {
        format!("find {place} -xdev -iname {pattern} 2>/dev/null | head -n 200")
    };
    let by_content = |text: &str, place: &str| format!("grep -rnI {text} -- {place} | head -n 200");
    for (sentence, command) in [
        ("find files named foo in /home", by_name("/home", "'*foo*'")),
        ("find files called foo in /home", by_name("/home", "'*foo*'")),
        ("find all files named config.yaml", by_name(".", "config.yaml")),
        ("find file foo.txt", by_name(".", "foo.txt")),
        ("locate file foo.txt", by_name(".", "foo.txt")),
        ("locate foo.txt", by_name(".", "foo.txt")),
        ("find the file \"my notes.txt\"", by_name(".", "'my notes.txt'")),
        ("find all files called core", by_name(".", "'*core*'")),
        ("look for a file called passwd", by_name(".", "'*passwd*'")),
        ("find files named *.bak", by_name(".", "'*.bak'")),
        ("find files whose name contains report in /srv", by_name("/srv", "'*report*'")),
        ("find README in /srv", by_name("/srv", "'*README*'")),
        ("trouve le fichier foo.txt", by_name(".", "foo.txt")),
        ("localise le fichier foo.txt", by_name(".", "foo.txt")),
        ("cherche un fichier nommé rapport", by_name(".", "'*rapport*'")),
        ("trouve tous les fichiers qui s'appellent core", by_name(".", "'*core*'")),
        ("trouve les fichiers dont le nom contient rapport", by_name(".", "'*rapport*'")),
        ("foo.txt 파일 찾아줘", by_name(".", "foo.txt")),
        ("이름이 core인 파일 찾아줘", by_name(".", "'*core*'")),
        ("/home에서 foo라는 파일 찾아줘", by_name("/home", "'*foo*'")),
        ("이름에 report가 들어간 파일 찾아줘", by_name(".", "'*report*'")),
        ("find files containing foo in /home", by_content("-e foo", "/home")),
        ("find files with the text foo in /etc", by_content("-e foo", "/etc")),
        ("search for TODO in src/", by_content("-e TODO", "src/")),
        ("trouve les fichiers qui contiennent foo", by_content("-e foo", ".")),
        ("cherche le mot foo dans /etc", by_content("-e foo", "/etc")),
        ("내용에 foo가 있는 파일 찾아줘", by_content("-e foo", ".")),
        (
            "find files named foo containing bar in /etc",
            by_content("--include='*foo*' -e bar", "/etc"),
        ),
    ] {
        assert_eq!(commands_of(sentence, &host), [command], "{sentence}");
    }
    // Either may be meant.
    for sentence in ["find foo in /home", "cherche foo dans /home", "/home에서 foo 찾아줘"] {
        assert!(matches!(route(sentence, &host), Routed::Unknown(_)), "{sentence}");
    }
}

#[test]
fn the_log_is_read_where_this_machine_keeps_it() {
    let host = |has_systemd, log_files: &[&str], tools: &[&str]| HostFacts {
        has_systemd,
        is_root: true,
        log_files: log_files.iter().map(|name| (*name).to_owned()).collect(),
        tools: tools.iter().map(|name| (*name).to_owned()).collect(),
        ..HostFacts::default()
    };
    for sentence in
        ["last 20 lines of syslog", "20 dernières lignes de syslog", "syslog 마지막 20줄"]
    {
        for (host, command) in [
            (host(true, &["syslog"], &[]), "journalctl --no-pager -n 20"),
            (host(false, &["syslog", "messages"], &[]), "tail -n 20 /var/log/syslog"),
            (host(false, &["messages"], &[]), "tail -n 20 /var/log/messages"),
            (host(false, &[], &["logread"]), "logread | tail -n 20"),
        ] {
            assert_eq!(commands_of(sentence, &host), [command], "{sentence}");
        }
        let Routed::Unknown(unknown) = route(sentence, &host(false, &[], &[])) else {
            panic!("{sentence}: a plan without a log");
        };
        let lacks = "systemd, /var/log/syslog, /var/log/messages, logread";
        assert_eq!(unknown.reason, Reason::MissingTool(lacks.to_owned()), "{sentence}");
    }
    let auth = host(false, &["auth.log"], &[]);
    assert_eq!(commands_of("last 50 lines of auth.log", &auth), ["tail -n 50 /var/log/auth.log"]);
    let services = |tools: &[&str]| route("list services", &host(false, &[], tools));
    assert!(matches!(services(&[]), Routed::Unknown(_)), "no program tells of services");
    assert!(matches!(services(&["rc-status"]), Routed::Plan(_)));
}

#[test]
fn the_name_of_a_program_alone_is_what_it_shows() {
    let host = debian();
    for (sentence, command) in
        [("free", "free -h"), ("who", "who"), ("df", "df -h"), ("uptime", "uptime")]
    {
        assert_eq!(commands_of(sentence, &host), [command], "{sentence}");
    }
    for sentence in ["top", "htop", "ps", "ls", "last", "ss", "lsblk", "dmesg"] {
        assert!(matches!(route(sentence, &host), Routed::Plan(_)), "{sentence}");
    }
}

#[test]
fn defaults_are_written_as_each_program_takes_them() {
    let host = debian();
    for (sentence, command) in [
        (
            "recently modified files",
            "find . -xdev -type f -mmin -1440 -exec stat -c '%y %n' {} + 2>/dev/null | sort -r | head -n 50",
        ),
        (
            "files older than 2 weeks in /tmp",
            "find /tmp -xdev -type f -mmin +20160 -exec stat -c '%y %n' {} + 2>/dev/null | sort | head -n 50",
        ),
        ("clean up old logs", "sudo journalctl --vacuum-time=7d"),
        ("purge logs older than 14 days", "sudo journalctl --vacuum-time=14d"),
    ] {
        assert_eq!(commands_of(sentence, &host), [command], "{sentence}");
    }
}

/// One word makes another request of it, and so another command.
#[test]
fn a_word_that_changes_the_request_changes_the_command() {
    let host = debian();
    for (sentence, commands) in [
        ("last 20 lines of /etc/passwd", &["tail -n 20 -- /etc/passwd"][..]),
        ("last line of /etc/passwd", &["tail -n 1 -- /etc/passwd"]),
        ("la première ligne de /etc/passwd", &["head -n 1 -- /etc/passwd"]),
        ("/etc/passwd 마지막 줄", &["tail -n 1 -- /etc/passwd"]),
        (
            "first line of every file in /etc",
            &["find /etc -xdev -type f -exec grep -IHm 1 '' {} + 2>/dev/null | head -n 500"],
        ),
        ("how many lines in /etc/passwd", &["wc -l -- /etc/passwd"]),
        (
            "count lines in every python file",
            &["find . -xdev -type f -iname '*.py' -exec wc -l {} + 2>/dev/null"],
        ),
        ("lines 100 to 120 of app.log", &["sed -n 100,120p -- app.log"]),
        ("app.log 100줄부터 120줄까지 보여줘", &["sed -n 100,120p -- app.log"]),
        ("size of /home", &["du -sh -- /home"]),
        ("/home 의 크기", &["du -sh -- /home"]),
        (
            "어제 이후로 바뀐 파일",
            &[
                "find . -xdev -type f -mmin -2880 -exec stat -c '%y %n' {} + 2>/dev/null | sort -r | head -n 50",
            ],
        ),
        (
            "/srv/cache에서 30일 이전 파일 삭제해줘",
            &[
                "find /srv/cache -xdev -type f -mmin +43200 2>/dev/null | head -n 50",
                "find /srv/cache -xdev -type f -mmin +43200 -delete",
            ],
        ),
        (
            "size of each folder in /home",
            &["du -x -h -d 1 -- /home 2>/dev/null | sort -rh | head -n 20"],
        ),
        ("/home 폴더별 크기", &["du -x -h -d 1 -- /home 2>/dev/null | sort -rh | head -n 20"]),
        ("start the container nginx", &["docker start nginx"]),
        ("run a container from nginx", &["docker run -d nginx"]),
        ("nginx 이미지로 컨테이너 실행해줘", &["docker run -d nginx"]),
        ("lance nginx dans docker", &["docker run -d nginx"]),
        ("run nginx in docker on port 80", &["docker run -d -p 80:80 nginx"]),
        ("members of the docker group", &["getent group -- docker"]),
        ("show the groups of alice", &["id -- alice"]),
        ("firefox processes", &["pgrep -a -i -- firefox || true"]),
        ("processes of bob", &["ps -u bob -o pid,%cpu,%mem,etime,args"]),
        (
            "what changed in README.md",
            &["git log -p --follow -n 3 -- README.md", "git diff HEAD -- README.md"],
        ),
        ("remove apache2", &["sudo apt-get remove -y -- apache2"]),
        ("remove apache2 and its config", &["sudo apt-get purge -y -- apache2"]),
        ("delete user bob and his home directory", &["sudo userdel -r -- bob"]),
        ("delete user bob but keep his home directory", &["sudo userdel -- bob"]),
        ("reboot", &["sudo systemctl reboot"]),
        ("reboot in 10 minutes", &["sudo shutdown -r +10"]),
        ("what day was it 3 days ago", &["date -d '3 days ago' '+%A %F'"]),
        ("what day is it in 3 days", &["date -d '3 days' '+%A %F'"]),
        ("what time is it in Tokyo", &["TZ=Asia/Tokyo date"]),
        (
            "size of /dev/sda",
            &["lsblk -o NAME,SIZE,TYPE,FSTYPE,LABEL,UUID,MOUNTPOINTS,MODEL /dev/sda"],
        ),
        (
            "compress /srv/a into a.zip",
            &["case a.zip in *.zip) zip -qr a.zip /srv/a ;; *) tar -caf a.zip -- /srv/a ;; esac"],
        ),
        (
            "delete files older than 30 days in /srv/cache",
            &[
                "find /srv/cache -xdev -type f -mmin +43200 2>/dev/null | head -n 50",
                "find /srv/cache -xdev -type f -mmin +43200 -delete",
            ],
        ),
    ] {
        assert_eq!(commands_of(sentence, &host), commands, "{sentence}");
    }
}

#[test]
fn a_plan_tells_what_each_of_its_steps_is_for() {
    let Routed::Plan(plan) = route("tue le processus sur le port 8080", &debian()) else {
        panic!("no plan");
    };
    assert!(plan.changes);
    let steps: Vec<(&str, &str)> =
        plan.steps.iter().map(|step| (step.why.as_str(), step.command.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("qui écoute sur le port 8080", "ss -Hltnp sport = :8080"),
            ("lui demande de se terminer", "kill -TERM $(lsof -t -iTCP:8080 -sTCP:LISTEN)"),
        ]
    );
}

fn commands_of(sentence: &str, host: &HostFacts) -> Vec<String> {
    match route(sentence, host) {
        Routed::Plan(plan) => plan.steps.into_iter().map(|step| step.command).collect(),
        Routed::Unknown(unknown) => panic!("{sentence}: {unknown:?}"),
    }
}

#[test]
fn each_distribution_gets_its_own_command() {
    let commands: Vec<String> =
        hosts().iter().flat_map(|host| commands_of("install htop and git", host)).collect();
    assert_eq!(
        commands,
        [
            "sudo apt-get install -y -- htop git",
            "dnf install -y -- htop git",
            "sudo pacman -S --needed --noconfirm -- htop git",
            "sudo zypper --non-interactive install -- htop git",
            "doas apk add -- htop git",
        ]
    );
}

#[test]
fn a_machine_without_systemd_gets_other_commands() {
    let alpine = hosts().pop().unwrap();
    for (sentence, command) in [
        ("restart nginx", "doas rc-service nginx restart"),
        ("show kernel messages", "dmesg | tail -n 100"),
        ("list running services", "rc-status"),
    ] {
        assert_eq!(commands_of(sentence, &alpine), [command], "{sentence}");
    }
    // The files that it searches instead are read whole, whatever span was said.
    assert!(matches!(route("failed logins since yesterday", &alpine), Routed::Unknown(_)));
}

/// Splits a line as a POSIX shell does, as far as hale's quoting goes; anything else that is
/// special to a shell outside of quotes makes it `None`.
fn shell_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        c => quoted.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '$' | '`' | '"' | ';' | '&' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n' | '#' => {
                return None;
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_text_is_searched_stays_one_word(text in "[a-z$;&|'` \\\\#(){}<>*?!~=-]{0,30}[a-z$;&|'\\\\(){}<>*?!~=-]") {
        let sentence = format!("search files containing \"{text}\" in /srv");
        if let Routed::Plan(plan) = route(&sentence, &debian()) {
            prop_assert_eq!(&plan.intent, "text.search");
            let words = shell_words(&plan.steps[0].command);
            let words = words.ok_or(TestCaseError::fail(plan.steps[0].command.clone()))?;
            prop_assert_eq!(&words[..3], ["grep", "-rnI", "-e"]);
            prop_assert_eq!(&words[4..], ["--", "/srv", "|", "head", "-n", "200"]);
        }
    }

    #[test]
    fn whatever_path_is_deleted_stays_one_word(path in "[/~.][^ \t]{1,30}") {
        let sentence = format!("delete the file {path}");
        if let Routed::Plan(plan) = route(&sentence, &debian()) {
            let words = shell_words(&plan.steps[0].command);
            let words = words.ok_or(TestCaseError::fail(plan.steps[0].command.clone()))?;
            prop_assert_eq!(&words[..2], ["rm", "--"]);
            prop_assert_eq!(words.len(), 3, "{:?}", words);
        }
    }

    #[test]
    fn a_name_is_a_name_or_nothing(name in "\\PC{1,20}") {
        let plans = ["restart the service", "install the package", "delete user", "stop container"];
        for start in plans {
            if let Routed::Plan(plan) = route(&format!("{start} {name}"), &debian()) {
                for step in plan.steps {
                    prop_assert!(shell_words(&step.command).is_some(), "{}", step.command);
                }
            }
        }
    }

    #[test]
    fn no_sentence_panics_and_the_same_one_gives_the_same_answer(sentence in "\\PC{0,80}") {
        prop_assert_eq!(route(&sentence, &debian()), route(&sentence, &debian()));
    }
}

#[test]
fn texts_that_would_run_in_a_careless_shell_do_not() {
    for text in
        ["*a", "$(touch /tmp/x)", "`id`", "a'; rm -rf / #", "a\\", "-rf", "';'", "$HOME", "!!"]
    {
        let sentence = format!("search files containing \"{text}\" in /srv");
        let Routed::Plan(plan) = route(&sentence, &debian()) else { panic!("{sentence}") };
        let words = shell_words(&plan.steps[0].command).expect(&plan.steps[0].command);
        assert_eq!(words[3], text);
        let command = plan.steps[0].command.replacen("grep", "printf '%s\\n'", 1);
        let command = command.replace(" | head -n 200", "");
        let Ok(output) = bash().arg("-c").arg(command).output() else {
            println!("SKIPPED texts_that_would_run_in_a_careless_shell_do_not: no bash here");
            return;
        };
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(lines.lines().any(|line| line == text), "{text}: {lines}");
    }
}
