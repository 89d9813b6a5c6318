//! `hale playbooks`: listed, shown, checked and tried with no agent; run as `hale act` runs things.

use serde_json::Value;

use crate::bed::{Bed, Ended, repository};

const OWN: &str = "\
schema: hale.playbook.v1
name: say-so
version: 2
title: Say so
trigger:
  alerts: [load.high]
diagnosis:
  cause_kind: somebody_asked
  explanation: '{subject} is to be looked at.'
treatment:
  - rung: look
    steps:
      - {action: command.run, command: 'echo looked at {subject}', why: It shows that it can.}
  - rung: not now
    when: 'system.load1 > 100000.0'
    steps:
      - {action: command.run, command: 'false', why: Nobody gets here.}
escalation: {tell: ada}
";

fn write(bed: &Bed, name: &str, text: &str) -> String {
    let path = bed.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn the_shipped_ones_are_listed_and_shown_with_no_agent_and_no_files() {
    let bed = Bed::new();
    let listed = bed.hale(&["playbooks", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    for name in ["disk-space", "memory-leak", "unstick-machine", "workload-errors"] {
        assert!(listed.stdout.contains(name), "{}", listed.stdout);
    }
    let shown = bed.hale(&["playbooks", "show", "disk-space"]);
    for part in ["Trigger", "Diagnosis", "Treatment", "Verification", "Rollback", "Escalation"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let slip = bed.hale(&["playbooks", "show", "disk-spcae"]);
    assert_eq!(slip.code, 1);
    assert!(slip.stderr.contains("did you mean `disk-space`?"), "{}", slip.stderr);
    let robot = json_of(&bed.hale(&["robot", "playbooks"]));
    assert_eq!(robot["schema_version"], "hale.robot.playbooks.v1");
    assert!(!bed.data_dir().exists(), "reading makes no file");
}

#[test]
fn check_names_file_line_key_and_the_nearest_right_one() {
    let bed = Bed::new();
    let right = write(&bed, "books/right.yaml", OWN);
    write(&bed, "books/wrong.yaml", &OWN.replace("treatment:", "treatmnet:"));
    let ended = bed.hale(&["playbooks", "check", &right]);
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let ended = bed.hale(&["playbooks", "check", &bed.path("books").display().to_string()]);
    assert_eq!(ended.code, 1);
    let expected = "books/wrong.yaml:10: treatmnet: there is no key `treatmnet` here";
    assert!(ended.stdout.contains(expected), "{}", ended.stdout);
    assert!(ended.stdout.contains("did you mean `treatment`?"), "{}", ended.stdout);
    let shipped = repository("playbooks").display().to_string();
    assert_eq!(bed.hale(&["playbooks", "check", &shipped]).code, 0);
    let missing = bed.hale(&["playbooks", "check", "/nowhere.yaml"]);
    assert_eq!(missing.code, 1);
}

#[test]
fn ones_own_are_read_beside_the_configuration_tried_and_run() {
    let bed = Bed::new();
    let config = write(&bed, "conf/config.toml", "");
    write(&bed, "conf/playbooks/say-so.yaml", OWN);
    let with = |arguments: &[&str]| {
        let mut all = vec!["--config", config.as_str(), "playbooks"];
        all.extend(arguments);
        bed.hale(&all)
    };
    let list = json_of(&with(&["list", "--json"]));
    let own = list["playbooks"].as_array().unwrap().iter().find(|p| p["origin"] == "own").unwrap();
    assert_eq!(own["playbook"]["name"], "say-so");

    let dry = with(&["run", "say-so", "--target", "machine", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    for part in [
        "say-so v2 to machine",
        "command.run echo looked at machine",
        "not now: its condition is not true now",
        "tell ada",
    ] {
        assert!(dry.stdout.contains(part), "{part}: {}", dry.stdout);
    }
    let asks = with(&["run", "say-so", "--target", "machine"]);
    assert_eq!(asks.code, 4, "not done without a yes: {}", asks.stderr);
    let done = json_of(&with(&["run", "say-so", "--target", "machine", "--yes", "--json"]));
    assert_eq!(done[0]["state"], "succeeded", "{done}");
    let audit = bed.hale(&["audit", "list"]).stdout;
    assert!(audit.contains("intent"), "{audit}");

    let does_not_apply = with(&["run", "memory-leak", "--target", "machine", "--yes"]);
    assert_eq!(does_not_apply.code, 3, "{}", does_not_apply.stderr);
    let no_alert = with(&["run", "say-so"]);
    assert_eq!(no_alert.code, 1);
    assert!(no_alert.stderr.contains("--target"), "{}", no_alert.stderr);

    // What cannot be used is told, and the others work.
    write(&bed, "conf/playbooks/wrong.yaml", "schema: hale.playbook.v1\nnaem: x\n");
    let listed = with(&["list"]);
    assert_eq!(listed.code, 5);
    assert!(listed.stderr.contains("wrong.yaml:2: naem"), "{}", listed.stderr);
    assert!(listed.stdout.contains("say-so"), "{}", listed.stdout);
}
