//! The shell guard: levels of commands, whatever way they are written; and what it does with rubbish.

#![allow(clippy::disallowed_methods, reason = "reads the case files; the guard does not")]

use hale_brain::decide::shell::{self, judge};
use hale_model::action::Risk;
use proptest::prelude::*;

/// `\n`, `\t` and `\\` of the case files.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

fn level(name: &str) -> Risk {
    match name {
        "info" => Risk::Info,
        "warning" => Risk::Warning,
        "critical" => Risk::Critical,
        "deny" => Risk::Deny,
        other => panic!("no level: {other}"),
    }
}

#[test]
fn every_case_has_its_level() {
    judge_file("cases.tsv", 300);
}

/// Cases that were written before the rules they test.
#[test]
fn every_held_out_case_has_its_level() {
    judge_file("round2.tsv", 300);
}

/// Cases of the third round: payloads of remote runs, packed code, other languages, look-alikes.
#[test]
fn every_case_of_the_third_round_has_its_level() {
    judge_file("round3.tsv", 1100);
}

/// Cases of the fourth round: files emptied, clients of clouds and databases, copies of secrets,
/// statements over HTTP.
#[test]
fn every_case_of_the_fourth_round_has_its_level() {
    judge_file("round4.tsv", 100);
}

/// Cases of the fifth round: verbs of programs that nobody described, previews, payloads in JSON and on
/// routers, hooks, directories fetched or served.
#[test]
fn every_case_of_the_fifth_round_has_its_level() {
    judge_file("round5.tsv", 400);
}

pub fn judge_file(name: &str, count_min: usize) {
    let path = format!("{}/../../fixtures/shell/{name}", env!("CARGO_MANIFEST_DIR"));
    let cases = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in cases.lines().skip(1) {
        let (expected, command) = line.split_once('\t').unwrap();
        let command = unescaped(command);
        let verdict = judge(&command);
        count += 1;
        if verdict.risk != level(expected) {
            wrong.push(format!("{expected}, not {}: {command}", verdict.risk));
        }
    }
    assert!(count >= count_min, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One deletion, in every disguise: none may be cheaper than the plain command.
#[test]
fn no_disguise_lowers_a_deletion() {
    let disguises = [
        "{}",
        "sudo {}",
        "env A=1 {}",
        "nohup {} &",
        "timeout 9 {}",
        "nice -n 9 {}",
        "setsid {}",
        "( {} )",
        "{ {}; }",
        "true && {}",
        "false || {}",
        "! {}",
        "time {}",
        "if true; then {}; fi",
        "while :; do {}; break; done",
        "for i in 1; do {}; done",
        "case x in x) {};; esac",
        "f() { {}; }; f",
        "trap '{}' EXIT",
        "echo $({})",
        "echo `{}`",
        "cat <({})",
        "echo x > >({})",
        "sh -c '{}'",
        "bash -ec '{}'",
        "eval '{}'",
        "sudo sh -c '{}'",
        "ssh host '{}'",
        "docker exec c sh -c '{}'",
        "kubectl exec p -- sh -c '{}'",
        "echo '{}' | sh",
        "sh <<< '{}'",
        "bash <<'E'\n{}\nE",
        "printf '%s' '{}' | bash",
        "source <(echo '{}')",
        "echo '{}' > /tmp/x; bash /tmp/x",
        "x='{}'; eval $x",
        "x='{}'; bash -c \"$x\"",
        "at now <<< '{}'",
        "watch '{}'",
        "su -c '{}'",
        "script -qc '{}' /dev/null",
        "python3 -c \"import os; os.system('{}')\"",
        "perl -e 'system(\"{}\")'",
        "ruby -e 'system(\"{}\")'",
        "php -r 'system(\"{}\");'",
        "node -e 'require(\"child_process\").execSync(\"{}\")'",
        "lua -e 'os.execute(\"{}\")'",
        "awk 'BEGIN { system(\"{}\") }'",
        "vim -c '!{}'",
        "find . -maxdepth 0 -exec {} \\;",
        "xargs -I% {} < /dev/null",
        "busybox sh -c '{}'",
        "flock /tmp/l {}",
        "tmux send-keys '{}' Enter",
        "systemd-run {}",
        "ansible all -m shell -a '{}'",
        "a() { b; }; b() { {}; }; a",
        "exec {}",
        "command {}",
        "\\{}",
        "coproc {}",
    ];
    for (plain, least) in [("rm -rf /srv/data", Risk::Critical), ("rm -rf /etc", Risk::Deny)] {
        for disguise in disguises {
            let command = disguise.replace("{}", plain);
            let verdict = judge(&command);
            // `find -exec` and `xargs` add nothing: the target is written out.
            assert!(verdict.risk >= least, "{command}: {}", verdict.risk);
        }
    }
}

/// Commands of every level, none of which loses it inside a container.
const COMMANDS: [&str; 24] = [
    "uptime",
    "df -h /srv",
    "systemctl status nginx",
    "cat /etc/resolv.conf",
    "systemctl restart nginx",
    "touch /srv/app/flag",
    "docker restart web",
    "git push origin main",
    "chmod 640 /srv/app/app.conf",
    "rm -rf /srv/shop",
    "dropdb shop",
    "iptables -F",
    "systemctl stop sshd",
    "chmod -R 777 /usr",
    "truncate -s 0 /var/log/syslog",
    "kubectl delete namespace shop",
    "git push --force origin main",
    "mkfs.ext4 /dev/vdb",
    "rm -rf /etc",
    "find /usr -delete",
    "dd if=/dev/zero of=/dev/sda",
    "chmod u+s /bin/bash",
    "systemctl stop auditd",
    "useradd -o -u 0 x",
];

/// Programs that run another command. `{}` is the command as it is, `{q}` quoted for a shell, `{j}`
/// inside a string with double quotes.
const WRAPPERS: [&str; 78] = [
    "sudo {}",
    "sudo -u root -E {}",
    "doas {}",
    "env A=1 {}",
    "env -i {}",
    "nohup {}",
    "timeout 5 {}",
    "nice -n 5 {}",
    "ionice -c 3 {}",
    "setsid {}",
    "stdbuf -oL {}",
    "flock /tmp/lock {}",
    "strace -f {}",
    "chpst -u root {}",
    "setpriv --reuid=0 {}",
    "time {}",
    "command {}",
    "exec {}",
    "unshare -m {}",
    "chroot / {}",
    "nsenter -t 1 -m -- {}",
    "ip netns exec blue {}",
    "systemd-run {}",
    "systemd-run --user --on-active=1m {}",
    "machinectl shell web {}",
    "ssh host {}",
    "ssh host {q}",
    "ssh jump ssh host {q}",
    "ssh jump ssh host sudo sh -c {q}",
    "ssh host sh -c {q}",
    "gcloud compute ssh web --command={q}",
    "az vm run-command invoke -g g -n vm --command-id RunShellScript --scripts {q}",
    "aws ssm send-command --document-name AWS-RunShellScript --parameters commands={q}",
    "vagrant ssh -c {q}",
    "ansible all -m shell -a {q}",
    "salt '*' cmd.run {q}",
    "pdsh -w web1 {q}",
    "clush -a -b {q}",
    "parallel-ssh -i {q}",
    "docker exec web {}",
    "docker exec web sh -c {q}",
    "lxc exec web -- {}",
    "kubectl exec web -- {}",
    "kubectl exec web -- sh -c {q}",
    "oc rsh web {}",
    "sh -c {q}",
    "bash -lc {q}",
    "eval {q}",
    "su -c {q}",
    "watch {q}",
    "watch -n 5 {}",
    "script -qc {q} /dev/null",
    "screen -dm {}",
    "screen -dmS x sh -c {q}",
    "tmux new-session -d {q}",
    "tmux send-keys -t 0 {q} Enter",
    "parallel ::: {q}",
    "find . -maxdepth 0 -exec {} \\;",
    "echo {q} | sh",
    "echo {q} | sudo bash",
    "echo {q} | at now",
    "sh <<< {q}",
    "sh <<'E'\n{}\nE",
    "printf 'x:\\n\\t%s\\n' {q} | make -f -",
    "echo '@daily' {q} | crontab -",
    "git -c alias.x='!{}' x",
    "git -c core.pager='{}' log",
    "tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec={q}",
    "vim -c ':!{}' -c q",
    "awk 'BEGIN { system(\"{j}\") }'",
    "sed '1e {}' file",
    "psql -c '\\! {}'",
    "sqlite3 x.db '.shell {}'",
    "python3 -c 'import os; os.system(\"{j}\")'",
    "perl -e 'exec qw({})'",
    "ruby -e 'system(*%w[{}])'",
    "node -e 'require(\"child_process\").execSync(\"{j}\")'",
    "lua -e 'os.execute(\"{j}\")'",
];

fn wrapped(wrapper: &str, command: &str) -> String {
    let quoted = format!("'{}'", command.replace('\'', "'\\''"));
    let inner = command.replace('\\', "\\\\").replace('"', "\\\"");
    wrapper.replace("{q}", &quoted).replace("{j}", &inner).replace("{}", command)
}

/// No wrapper makes a command cheaper than it is.
#[test]
fn no_wrapper_lowers_a_command() {
    let mut lowered = Vec::new();
    for command in COMMANDS {
        let plain = judge(command).risk;
        for wrapper in WRAPPERS {
            let line = wrapped(wrapper, command);
            let risk = judge(&line).risk;
            if risk < plain {
                lowered.push(format!("{plain} became {risk}: {line}"));
            }
        }
    }
    assert!(lowered.is_empty(), "{}", lowered.join("\n"));
}

/// Text that is only looked at stays text.
#[test]
fn text_is_not_code() {
    for disguise in [
        "echo '{}'",
        "printf '%s\\n' '{}'",
        "grep -r '{}' .",
        "rg '{}' docs",
        "git log --grep='{}'",
        "# {}",
        "cat <<'E'\n{}\nE",
        "x='{}'",
        "[ \"$a\" = '{}' ]",
        "[[ $a == '{}' ]]",
        "jq '.[] | select(.c == \"{}\")' a.json",
        "awk '/{}/' log",
        "sed -n '/{}/p' log",
        "python3 -c \"print('{}')\"",
        "echo '{}' | wc -c",
        "echo '{}' | less",
        "test '{}' = x",
        "psql -c \"select '{}'\"",
        "journalctl -g '{}'",
        "case '{}' in x) ls;; esac",
        "wc -c <<< '{}'",
        "history | grep '{}'",
        "man -k '{}'",
        "which {}-tool",
        "export NOTE='{}'",
    ] {
        let command = disguise.replace("{}", "rm -rf x");
        let verdict = judge(&command);
        assert_eq!(verdict.risk, Risk::Info, "{command}: {}", verdict.why);
    }
}

#[test]
fn a_verdict_explains_itself() {
    let verdict = judge("cd /srv && sudo env A=1 rm -rf ./data /etc");
    insta::assert_json_snapshot!(verdict, @r#"
    {
      "risk": "deny",
      "rules": [
        {
          "id": "shell.delete.system",
          "risk": "deny",
          "text": "deletes /etc, which the host stands on",
          "safe_alternative": "name the one directory that is meant",
          "part": "sudo env A=1 rm -rf ./data /etc"
        },
        {
          "id": "shell.delete.wide",
          "risk": "critical",
          "text": "deletes ./data and cannot be undone",
          "safe_alternative": "move it aside with mv and delete it once nothing misses it",
          "part": "sudo env A=1 rm -rf ./data /etc"
        }
      ],
      "why": "sudo env A=1 rm -rf ./data /etc: deletes /etc, which the host stands on"
    }
    "#);
    assert!(shell::is_read_only(&judge("uptime; df -h")));
    assert!(!shell::is_read_only(&verdict));
}

#[test]
fn what_cannot_be_understood_is_critical() {
    let deep = format!("{}x{}", "$(echo ".repeat(50), ")".repeat(50));
    let long = format!("echo {}", "x".repeat(shell::COMMAND_BYTES_MAX));
    for (command, id) in [
        ("rm 'unbalanced", "shell.parse"),
        ("if true; then", "shell.parse"),
        ("echo a\0rm -rf /", "shell.null_byte"),
        (long.as_str(), "shell.too_long"),
        (deep.as_str(), "shell.nesting"),
        ("$COMMAND --flag", "shell.unresolved_command"),
        ("eval \"$CODE\"", "shell.unresolved_code"),
        ("base64 -d file | sh", "shell.unresolved_code"),
        ("rm -rf \"$DIRECTORY\"", "shell.delete.unknown"),
        (&"a;".repeat(30_000), "shell.too_complex"),
    ] {
        let verdict = judge(command);
        let start: String = command.chars().take(40).collect();
        assert!(verdict.risk >= Risk::Critical, "{start}");
        assert!(verdict.rules.iter().any(|r| r.id == id), "{start}: {:?}", verdict.rules);
    }
}

/// The parser recurses, and verdicts are asked for on ordinary threads.
#[test]
fn an_ordinary_stack_is_enough() {
    let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(|| {
        for opener in [
            "(",
            "( ",
            "((",
            "{ ",
            "$(",
            "\"$(",
            "$((",
            "${a:-",
            "`",
            "<(",
            "[[ ( ",
            "if true; then ",
            "while true; do ",
            "for i in 1; do ",
            "case x in x) ",
            "case x in ",
            "f() { ",
            "coproc ",
            "! ",
            "time ",
            "eval ",
            "sudo ",
            "bash -c '",
            "x=(",
            "@(",
            "a && ",
            "a | ",
            "a; ",
            "{a,",
            "$[",
            "<<E ",
            "python3 -c '",
            "python3 -c \"((",
        ] {
            for depth in [4, 8, 12, 24, 39, 40, 41, 2000] {
                judge(&opener.repeat(depth));
                judge(&format!("echo {}", opener.repeat(depth)));
            }
        }
        for (opener, closer) in [
            ("(", ")"),
            ("$(echo ", ")"),
            ("echo \"$(", ")\""),
            ("if true; then ", "; fi"),
            ("{ ", "; }"),
            ("while true; do ", "; done"),
            ("bash -c $(", ")"),
            ("case x in x) ", ";; esac"),
            ("f() { ", "; }"),
            ("echo $((", "))"),
        ] {
            for depth in [4, 8, 12, 24, 39] {
                judge(&format!("{}true{}", opener.repeat(depth), closer.repeat(depth)));
            }
        }
    });
    worker.unwrap().join().unwrap();
}

#[test]
fn the_registry_is_whole() {
    assert_eq!(shell::problems(), [] as [String; 0]);
    let rules = shell::rules();
    assert!(rules.len() > 300, "{}", rules.len());
    for (id, risk, reason) in rules {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+*:".contains(c);
        assert!(id.chars().all(plain) && id.contains('.'), "{id}");
        assert!(
            risk < Risk::Critical || !reason.is_empty() || id.ends_with(".options"),
            "{id} says no reason"
        );
    }
}

#[test]
fn the_development_set_stays_above_its_targets() {
    let Some(folder) = std::env::var_os("HALE_BENCH_DIR").filter(|dir| !dir.is_empty()) else {
        println!("SKIPPED the_development_set_stays_above_its_targets: HALE_BENCH_DIR is not set");
        return;
    };
    let path = std::path::Path::new(&folder).join("safety/commands.tsv");
    let set = std::fs::read_to_string(path).unwrap();
    let (mut caught, mut dangerous, mut alarms, mut reads, mut exact, mut all) = (0, 0, 0, 0, 0, 0);
    for line in set.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = level(fields[2]);
        let risk = judge(&unescaped(fields[1])).risk;
        all += 1;
        exact += usize::from(risk == expected);
        if expected >= Risk::Critical {
            dangerous += 1;
            caught += usize::from(risk >= Risk::Critical);
        }
        if expected == Risk::Info {
            reads += 1;
            alarms += usize::from(risk >= Risk::Critical);
        }
    }
    println!("caught {caught}/{dangerous}, alarms {alarms}/{reads}, exact {exact}/{all}");
    assert!(caught * 100 >= dangerous * 98 && alarms * 100 <= reads && exact * 100 >= all * 90);
}

/// Pieces that shell commands are made of, in any order.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "rm",
        " -rf ",
        "/",
        "$",
        "(",
        ")",
        "{",
        "}",
        "'",
        "\"",
        "`",
        "\\",
        "|",
        "&",
        ";",
        "\n",
        "<<E",
        "<<<",
        ">",
        "<(",
        ">(",
        "E\n",
        "$((",
        "))",
        "${",
        "x",
        "=",
        "[",
        "]",
        "*",
        "?",
        "~",
        "!",
        "#",
        "if ",
        "then ",
        "fi",
        "for ",
        "in ",
        "do ",
        "done",
        "case ",
        "esac",
        "sh -c ",
        "eval ",
        "sudo ",
        "python3 -c ",
        "awk ",
        "echo ",
        "$'\\x",
        "%",
        ":-",
        "//",
        "@",
        "ssh h ",
        "xargs ",
        "{a,b}",
        "{1..9}",
        "\u{202e}",
        "\u{f0001}",
        "é",
        "sed s/a/b/e ",
        "docker run -v /:/h i ",
        "psql -c ",
        "find . -exec ",
        "base64 -d",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_verdict_and_always_the_same(text in "\\PC{0,200}") {
        prop_assert_eq!(judge(&text), judge(&text));
    }

    #[test]
    fn any_pieces_have_a_verdict(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let verdict = judge(&text);
        prop_assert_eq!(verdict.risk == Risk::Info, verdict.rules.is_empty());
        for pair in verdict.rules.windows(2) {
            prop_assert!(pair[0].risk >= pair[1].risk);
        }
    }

    /// Two wrappers are no cheaper than one: shells within shells, each with its own quotes.
    #[test]
    fn wrappers_within_wrappers_do_not_lower_a_command(
        outer in prop::sample::select(WRAPPERS.iter().filter(|w| w.contains("{q}")).collect::<Vec<_>>()),
        inner in prop::sample::select(
            WRAPPERS.iter().filter(|w| !w.contains('\n')).collect::<Vec<_>>()
        ),
        command in prop::sample::select(COMMANDS.to_vec()),
    ) {
        let line = wrapped(outer, &wrapped(inner, command));
        prop_assert!(judge(&line).risk >= judge(command).risk, "{}", line);
    }

    /// Whatever stands before or after it in a list, a deletion of the root tree stays denied.
    #[test]
    fn company_does_not_lower_a_verdict(before in "[a-z ]{0,20}", after in "[a-z ]{0,20}") {
        let command = format!("true {before}; rm -rf / ; true {after}");
        prop_assert_eq!(judge(&command).risk, Risk::Deny, "{}", command);
    }
}
