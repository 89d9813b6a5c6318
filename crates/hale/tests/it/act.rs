//! `hale act` on real things of ours.

use crate::bed::{Bed, sleeper};

/// The state letter in `/proc/PID/stat`.
fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap()
}

#[test]
fn a_paused_process_is_stopped_and_undo_continues_it() {
    let bed = Bed::new();
    let mut victim = sleeper();
    let pid = victim.id().to_string();
    assert_eq!(bed.hale(&["act", "process.pause", &pid]).code, 4);
    assert_eq!(state(victim.id()), 'S');
    let ended = bed.hale(&["act", "process.pause", &pid, "--yes", "--json"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(state(victim.id()), 'T');
    let action: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(action["state"], "succeeded");
    let ended = bed.hale(&["undo", action["id"].as_str().unwrap()]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(state(victim.id()), 'S');
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_reniced_process_has_the_value_it_was_given() {
    let bed = Bed::new();
    let mut victim = sleeper();
    let pid = victim.id().to_string();
    let ended = bed.hale(&["act", "process.renice", &pid, "--nice", "19", "--yes"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    let process = rustix::process::Pid::from_child(&victim);
    assert_eq!(rustix::process::getpriority_process(Some(process)).unwrap(), 19);
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn what_may_not_be_touched_is_refused_before_anyone_is_asked() {
    let bed = Bed::new();
    for line in ["process.pause 1", "service.stop sshd", "command.run %%"] {
        let mut arguments = vec!["act".to_owned()];
        arguments.extend(line.split(' ').map(|a| a.replace('%', " ")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = bed.hale(&arguments);
        assert_eq!(ended.code, 3, "{line}: {} {}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("refused"), "{line}: {}", ended.stderr);
    }
}

#[test]
fn a_way_of_cleaning_has_to_be_named() {
    let bed = Bed::new();
    let ended = bed.hale(&["act", "disk.clean", "/", "--yes"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("--package-cache"), "{}", ended.stderr);
}

#[test]
fn a_container_is_restarted_by_its_name_and_started_and_stopped_and_put_back() {
    let name = "a_container_is_restarted_by_its_name_and_started_and_stopped_and_put_back";
    let Some(engine) = hale_testkit::containers::TestEngine::find(name) else { return };
    let web = engine.server("cli", &["--memory", "64m"]).unwrap();
    web.until_up().unwrap();
    let bed = Bed::new();
    bed.config(&format!("[containers]\nengine = \"{}\"\n", engine.address()));
    let run = web.started_at().unwrap();
    let ended = bed.hale(&["act", "container.restart", &web.name]);
    assert_eq!(ended.code, 4, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(web.started_at().unwrap(), run);
    let ended = bed.hale(&["act", "container.restart", &web.name, "--yes", "--json"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    let action: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&action["kind"], &action["state"]),
        (&"container.restart".into(), &"succeeded".into())
    );
    assert_ne!(web.started_at().unwrap(), run);

    let id = web.inspect(".Id").unwrap();
    let limit = ["act", "container.set_memory", &id[..12], "--limit-mib", "96", "--yes", "--json"];
    let ended = bed.hale(&limit);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(web.inspect(".HostConfig.Memory").unwrap(), (96 << 20).to_string());
    let action: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let ended = bed.hale(&["undo", action["id"].as_str().unwrap()]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(web.inspect(".HostConfig.Memory").unwrap(), (64 << 20).to_string());

    // To take it away is critical: a yes on the command line is not enough.
    let ended = bed.hale(&["act", "container.stop", &web.name, "--yes"]);
    assert_eq!(ended.code, 4, "{} {}", ended.stdout, ended.stderr);
    assert_eq!(web.state().unwrap(), "running");
    let ended = bed.hale(&["act", "container.restart", "$(reboot)", "--yes"]);
    assert_eq!(ended.code, 1, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("there is no container `$(reboot)`"), "{}", ended.stderr);
    let status = bed.hale(&["status", "--json"]);
    assert!(status.stdout.contains(&web.name), "{}", status.stdout);
}
