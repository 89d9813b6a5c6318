//! The commands that come of sentences: whole plans, values, quoting, other distributions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use hale_brain::route::{HostFacts, PackageManager, Routed, intents, route};
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
        of("alpine", PackageManager::Apk, false, false, &["doas", "wget", "git", "docker", "iw"]),
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
fn defaults_are_written_as_each_program_takes_them() {
    let host = debian();
    for (sentence, command) in [
        ("recently modified files", "find . -xdev -type f -mmin -1440 2>/dev/null | head -n 50"),
        (
            "files older than 2 weeks in /tmp",
            "find /tmp -xdev -type f -mmin +20160 2>/dev/null | head -n 50",
        ),
        ("clean up old logs", "sudo journalctl --vacuum-time=7d"),
        ("purge logs older than 14 days", "sudo journalctl --vacuum-time=14d"),
    ] {
        assert_eq!(commands_of(sentence, &host), [command], "{sentence}");
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
    for text in ["$(touch /tmp/x)", "`id`", "a'; rm -rf / #", "a\\", "-rf", "';'", "$HOME", "!!"] {
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
