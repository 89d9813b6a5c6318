//! `hale kill` on real processes of ours.

use std::os::unix::process::CommandExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::bed::{Bed, sleeper};

#[test]
fn without_a_yes_nothing_is_touched() {
    let bed = Bed::new();
    let mut victim = sleeper();
    let ended = bed.hale(&["kill", &victim.id().to_string()]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("sleep 600"), "{}", ended.stderr);
    assert!(ended.stderr.contains("run this on a terminal, or add --yes"), "{}", ended.stderr);
    assert!(victim.try_wait().unwrap().is_none());
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_confirmed_kill_is_verified_and_audited() {
    let bed = Bed::new();
    let mut victim = sleeper();
    let mut bystander = sleeper();
    let pid = victim.id().to_string();
    // Collected as soon as it ends, as a parent that does its work would.
    let waiting = std::thread::spawn(move || victim.wait().unwrap());
    let ended = bed.hale(&["kill", &pid, "--yes"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("succeeded"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 of 1 processes are gone"), "{}", ended.stdout);
    assert_eq!(waiting.join().unwrap().signal(), Some(15));
    assert!(bystander.try_wait().unwrap().is_none());
    let audit = bed.hale(&["audit", "list", "--json"]).stdout;
    let entries: Vec<serde_json::Value> = serde_json::from_str(&audit).unwrap();
    let kinds: Vec<&str> = entries.iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["verdict", "intent", "outcome", "outcome"]);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn one_that_ignores_term_is_ended_by_kill() {
    let bed = Bed::new();
    let mut stubborn = Command::new("/bin/sh")
        .args(["-c", "trap '' TERM; echo ready; while :; do sleep 0.2; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut ready = [0_u8; 5];
    std::io::Read::read_exact(stubborn.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let pid = stubborn.id().to_string();
    let waiting = std::thread::spawn(move || stubborn.wait().unwrap());
    let ended = bed.hale(&["kill", &pid, "--yes", "--grace", "1"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(waiting.join().unwrap().signal(), Some(9));
}

#[test]
fn protected_processes_are_refused() {
    let bed = Bed::new();
    let mut victim = sleeper();
    bed.config(&format!("[allowlist]\nprotected_pids = [1, {}]\n", victim.id()));
    for pid in ["1".to_owned(), victim.id().to_string()] {
        // What would be refused is not even asked.
        let ended = bed.hale(&["kill", &pid]);
        assert_eq!(ended.code, 3, "{pid}: {} {}", ended.stdout, ended.stderr);
        let ended = bed.hale(&["kill", &pid, "--yes"]);
        assert_eq!(ended.code, 3, "{pid}: {} {}", ended.stdout, ended.stderr);
    }
    // Its own ancestors are hale's own.
    let ended = bed.hale(&["kill", &std::process::id().to_string(), "--yes"]);
    assert_eq!(ended.code, 3, "{} {}", ended.stdout, ended.stderr);
    assert!(victim.try_wait().unwrap().is_none());
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_shell_is_not_ended_from_within_whether_or_not_an_agent_runs() {
    let bed = Bed::new();
    bed.config("[general]\ninterval_secs = 1\n");
    let hale = env!("CARGO_BIN_EXE_hale");
    for with_agent in [false, true] {
        let agent = with_agent.then(|| bed.up(&[]));
        for wish in ["$$ --yes", "$helper --group --yes"] {
            // A script whose helper is in its own process group, as without job control.
            let script = format!(
                "sleep 600 & helper=$!; {hale} kill {wish}; echo ended with $?; kill $helper"
            );
            let mut command = bed.program("setsid");
            command.args(["--wait", "/bin/sh", "-c", &script]);
            let ended = bed.finish(command);
            let told = format!("{with_agent} {wish}: {} {}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains("ended with 3"), "{told}");
            assert!(ended.stderr.contains("guard.own_process"), "{told}");
        }
        drop(agent);
    }
}

/// On a terminal of its own, with these words typed.
fn on_a_terminal(bed: &Bed, line: &str, typed: &str) -> (i32, String) {
    let hale = env!("CARGO_BIN_EXE_hale");
    let mut command = bed.program("script");
    command.args(["-qec", &format!("{hale} {line}"), "/dev/null"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut keyboard, typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_person_is_asked_on_the_terminal() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED a_person_is_asked_on_the_terminal: there is no `script` (util-linux)");
        return;
    }
    let bed = Bed::new();
    let mut victim = sleeper();
    let line = format!("kill {}", victim.id());
    let (code, said) = on_a_terminal(&bed, &line, "n\n");
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("[y/N]") && said.contains("Nothing was done."), "{said}");
    assert!(victim.try_wait().unwrap().is_none());
    let waiting = std::thread::spawn(move || victim.wait().unwrap());
    let (code, said) = on_a_terminal(&bed, &line, "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("succeeded"), "{said}");
    assert_eq!(waiting.join().unwrap().signal(), Some(15));
}
