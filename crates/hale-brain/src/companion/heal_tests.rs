//! Failures as people meet them, and what is offered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use hale_model::config::Language;
use proptest::prelude::*;

use super::heal::{Failure, Healing, Lookups, heal};
use super::heal_rules::{knowledge, problems};
use crate::route::{HostFacts, PackageManager};

struct Known;

impl Lookups for Known {
    fn nearest_path(&self, path: &str) -> Option<String> {
        (path == "/etc/ngnix/nginx.conf").then(|| "/etc/nginx/nginx.conf".to_owned())
    }

    fn package_of(&self, program: &str) -> Option<String> {
        (program == "odd-tool").then(|| "odd-package".to_owned())
    }
}

fn debian() -> HostFacts {
    let tools = ["sudo", "ss", "apt-cache", "fuser", "docker", "python3", "ssh-add", "findmnt"];
    HostFacts {
        os_id: "debian".to_owned(),
        package_manager: Some(PackageManager::Apt),
        has_systemd: true,
        tools: tools.iter().map(|t| (*t).to_owned()).collect(),
        ..HostFacts::default()
    }
}

fn healed(command: &str, exit: i32, output: &str) -> Option<Healing> {
    let failure = Failure { command, exit: Some(exit), output };
    heal(&failure, &debian(), Language::En, &Known)
}

#[test]
fn the_rules_are_sound() {
    assert_eq!(problems(), Vec::<String>::new());
    let mut ids: Vec<&str> = knowledge().rules.iter().map(|r| r.id.as_str()).collect();
    assert!(ids.len() >= 40, "{}", ids.len());
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
    for rule in &knowledge().rules {
        assert!(
            rule.output.is_some() || rule.command.is_some() || !rule.exit.is_empty(),
            "{} fits everything",
            rule.id
        );
    }
}

#[test]
fn what_is_offered_after_a_failure() {
    let cases = [
        ("dig example.org", 127, "bash: line 1: dig: command not found"),
        ("dig example.org", 127, "bash: ligne 1 : dig : commande introuvable"),
        ("odd-tool x", 127, "/bin/bash: line 1: odd-tool: command not found"),
        ("nosuchthing", 127, "sh: 1: nosuchthing: not found"),
        ("./build.sh", 126, "bash: line 1: ./build.sh: Permission denied"),
        ("cat /etc/shadow", 1, "cat: /etc/shadow: Permission denied"),
        ("cat /etc/shadow | head -1", 1, "cat: /etc/shadow: Permission denied"),
        ("sudo cat /x", 1, "cat: /x: Permission denied"),
        (
            "apt-get install -y jq",
            100,
            "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        ),
        (
            "sudo apt-get install -y jq",
            100,
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)",
        ),
        (
            "sudo apt-get install -y jq",
            100,
            "E: dpkg was interrupted, you must manually run 'sudo dpkg --configure -a' to correct the problem.",
        ),
        (
            "sudo apt-get install -y ripgrepp",
            100,
            "Reading package lists...\nE: Unable to locate package ripgrepp",
        ),
        ("python3 -m http.server 8080", 1, "OSError: [Errno 98] Address already in use"),
        ("nginx", 1, "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)"),
        (
            "docker run -p 8080:80 nginx",
            125,
            "docker: Error response from daemon: Bind for 0.0.0.0:8080 failed: port is already allocated.",
        ),
        ("cat /etc/ngnix/nginx.conf", 1, "cat: /etc/ngnix/nginx.conf: No such file or directory"),
        ("cat /no/such", 1, "cat: /no/such: No such file or directory"),
        ("cp a /mnt/b", 1, "cp: error writing '/mnt/b': No space left on device"),
        ("curl https://exmaple.invalid", 6, "curl: (6) Could not resolve host: exmaple.invalid"),
        (
            "git push",
            1,
            " ! [rejected]        main -> main (fetch first)\nerror: failed to push some refs",
        ),
        (
            "git push",
            128,
            "fatal: The current branch topic has no upstream branch.\nTo push the current branch and set the remote as upstream, use\n\n    git push --set-upstream origin topic\n",
        ),
        (
            "systemctl restart ngnix",
            5,
            "Failed to restart ngnix.service: Unit ngnix.service not found.",
        ),
        (
            "systemctl restart nginx",
            1,
            "Job for nginx.service failed because the control process exited with error code.",
        ),
        (
            "docker ps",
            1,
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        ),
        (
            "pip install requests",
            1,
            "error: externally-managed-environment\n\n× This environment is externally managed",
        ),
        ("ssh db", 255, "@@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @"),
        ("./work", 137, ""),
        ("grep x y.txt", 1, ""),
    ];
    let mut told = String::new();
    for (command, exit, output) in cases {
        told.push_str(&format!("$ {command} → {exit}\n"));
        match healed(command, exit, output) {
            None => told.push_str("  nothing is known\n"),
            Some(healing) => {
                told.push_str(&format!("  {}: {}\n", healing.rule, healing.explanation));
                for step in &healing.steps {
                    told.push_str(&format!("  > {}\n", step.command));
                }
                if healing.completes {
                    told.push_str("  and on\n");
                }
            }
        }
    }
    insta::assert_snapshot!(told, @r#"
    $ dig example.org → 127
      heal.command_not_found: `dig` is not installed here.
      > sudo apt-get install -y dnsutils
      > dig example.org
      and on
    $ dig example.org → 127
      heal.command_not_found: `dig` is not installed here.
      > sudo apt-get install -y dnsutils
      > dig example.org
      and on
    $ odd-tool x → 127
      heal.command_not_found: `odd-tool` is not installed here.
      > sudo apt-get install -y odd-package
      > odd-tool x
      and on
    $ nosuchthing → 127
      heal.command_not_found: `nosuchthing` is not installed here.
      > apt-cache search --names-only nosuchthing
    $ ./build.sh → 126
      heal.not_executable: ./build.sh may not be executed.
      > chmod u+x -- ./build.sh
      > ./build.sh
      and on
    $ cat /etc/shadow → 1
      heal.permission_denied: This user may not do that.
      > sudo cat /etc/shadow
      and on
    $ cat /etc/shadow | head -1 → 1
      heal.permission_denied: This user may not do that.
      > sudo bash -c 'cat /etc/shadow | head -1'
      and on
    $ sudo cat /x → 1
      nothing is known
    $ apt-get install -y jq → 100
      heal.permission_denied: This user may not do that.
      > sudo apt-get install -y jq
      and on
    $ sudo apt-get install -y jq → 100
      heal.apt_lock_held: Another program is installing packages: process 4711 holds the lock. Wait for it; do not remove the lock.
      > ps -f -p 4711
    $ sudo apt-get install -y jq → 100
      heal.dpkg_interrupted: An installation was cut off and has to be finished first.
      > sudo dpkg --configure -a
      > sudo apt-get install -y jq
      and on
    $ sudo apt-get install -y ripgrepp → 100
      heal.apt_not_found: No package of that name is known; the lists may be old.
      > sudo apt-get update
      > sudo apt-get install -y ripgrepp
      and on
    $ python3 -m http.server 8080 → 1
      heal.port_in_use_unnamed: The address or port is taken already.
      > sudo ss -l -n -t -u -p
    $ nginx → 1
      heal.port_in_use_before: Port 80 is taken already.
      > sudo ss -H -l -n -t -u -p 'sport = :80'
    $ docker run -p 8080:80 nginx → 125
      heal.port_in_use_before: Port 8080 is taken already.
      > sudo ss -H -l -n -t -u -p 'sport = :8080'
    $ cat /etc/ngnix/nginx.conf → 1
      heal.no_such_file: There is no /etc/ngnix/nginx.conf.
      > cat /etc/nginx/nginx.conf
      and on
    $ cat /no/such → 1
      nothing is known
    $ cp a /mnt/b → 1
      heal.disk_full: A disk is full.
      > df -h
      > df -i
      > du -xh --max-depth=1 /var 2>/dev/null | sort -h | tail -n 10
    $ curl https://exmaple.invalid → 6
      heal.unknown_host: A host name could not be resolved: the name is wrong, or name resolution does not work.
      > cat /etc/resolv.conf
    $ git push → 1
      heal.git_non_fast_forward: The other side has commits that are not here yet.
      > git pull --rebase
      > git push
      and on
    $ git push → 128
      heal.git_no_upstream: This branch does not know yet where it belongs.
      > git push --set-upstream origin topic
      and on
    $ systemctl restart ngnix → 5
      heal.unit_not_found: There is no unit `ngnix`.
      > systemctl list-unit-files --no-pager --type=service
    $ systemctl restart nginx → 1
      heal.unit_failed: nginx.service did not start.
      > systemctl status --no-pager --lines=0 nginx.service || true
      > journalctl --no-pager -n 30 -u nginx.service
    $ docker ps → 1
      heal.docker_not_running: The Docker engine does not run.
      > sudo systemctl start docker
      > docker ps
      and on
    $ pip install requests → 1
      heal.externally_managed: This system's Python is managed by its packages; pip may not change it. A virtual environment is the place for it.
      > python3 -m venv .venv
    $ ssh db → 255
      heal.ssh_host_key_changed: The other machine's SSH key is another than before. It may have been reinstalled, or somebody may be in between. Find out which before you remove the old key.
    $ ./work → 137
      heal.out_of_memory: It was killed; most often because memory ran out.
      > free -h
    $ grep x y.txt → 1
      nothing is known
    "#);
}

#[test]
fn what_the_output_says_is_never_more_than_a_word() {
    let output = "bash: line 1: x: command not found\ncat: /tmp/$(reboot); rm -rf ~: No such file or directory";
    for exit in [1, 127] {
        if let Some(healing) = healed("cat '/tmp/$(reboot); rm -rf ~'", exit, output) {
            for step in &healing.steps {
                assert!(
                    !step.command.contains("; rm") || step.command.starts_with("cat '/tmp/"),
                    "{step:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn any_output_is_read(command in "(?s).{1,60}", exit in -1_i32..260, output in "(?s).{0,500}") {
        let _ = healed(&command, exit, &output);
    }

    #[test]
    fn a_captured_name_stays_one_word(name in "[ -~é]{1,30}") {
        let output = format!("Job for {name} failed");
        if let Some(healing) = healed("systemctl start x", 1, &output) {
            for step in healing.steps {
                // Only names that systemd allows get through; they need no quotes.
                prop_assert!(!step.command.contains('$') && !step.command.contains('`'), "{step:?}");
            }
        }
    }

    #[test]
    fn no_promise_is_broken_by_any_bytes(text in "(?s).{0,300}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for bytes in [text.as_bytes(), bytes.as_slice()] {
            super::fuzzing::shell_startup(bytes);
            super::fuzzing::plans(bytes);
            super::fuzzing::failures(bytes);
        }
    }
}
