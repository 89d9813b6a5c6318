//! `hale config`, and what a wrong file is answered with.

use std::os::unix::fs::PermissionsExt as _;

use crate::bed::{Bed, repository};

#[test]
fn every_wrong_file_is_told_with_line_and_remedy() {
    let mut paths: Vec<_> = std::fs::read_dir(repository("crates/hale/tests/it/configs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut transcript = String::new();
    for path in paths {
        let bed = Bed::new();
        bed.config(&std::fs::read_to_string(&path).unwrap());
        let ended = bed.hale(&["config", "check"]);
        let name = path.file_stem().unwrap().to_str().unwrap();
        transcript
            .push_str(&format!("== {name}: exit {}\n{}{}", ended.code, ended.stdout, ended.stderr));
        // Whatever needs the configuration refuses it in the same words.
        if ended.code == 2 {
            let status = bed.hale(&["status"]);
            assert_eq!((status.code, status.stdout.as_str()), (2, ""), "{name}");
            assert_eq!(status.stderr, ended.stderr, "{name}");
        }
    }
    insta::assert_snapshot!(transcript, @"");
}

#[test]
fn no_file_means_the_defaults_but_a_named_one_must_be_there() {
    let bed = Bed::new();
    let ended = bed.hale(&["config", "check"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "~/.config/hale/config.toml does not exist: the defaults hold.\n")
    );
    let ended = bed.hale(&["--config", "/nowhere/c.toml", "config", "check"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .stderr
            .starts_with("hale: the configuration /nowhere/c.toml cannot be read: No such file"),
        "{}",
        ended.stderr
    );
    for odd in ["/dev/zero", "/"] {
        let ended = bed.hale(&["--config", odd, "status"]);
        assert_eq!(ended.code, 1, "{odd}");
        assert!(ended.stderr.contains("it is not a file"), "{}", ended.stderr);
    }
}

#[test]
fn flags_come_before_the_environment_before_the_default() {
    let bed = Bed::new();
    bed.config("[general]\nmode = \"suggest\"\n");
    let other = bed.path("other.toml");
    std::fs::write(&other, "[general]\nmode = \"approve\"\n").unwrap();
    let mode = |ended: crate::bed::Ended| {
        let config: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        config["general"]["mode"].as_str().unwrap().to_owned()
    };
    let show = ["config", "show", "--json"];
    assert_eq!(mode(bed.hale(&show)), "suggest");
    let mut command = bed.command(&show);
    command.env("HALE_CONFIG", &other);
    assert_eq!(mode(bed.finish(command)), "approve");
    let mut command =
        bed.command(&["config", "show", "--json", "--config", other.to_str().unwrap()]);
    command.env("HALE_CONFIG", "/nowhere");
    assert_eq!(mode(bed.finish(command)), "approve");
    let mut command = bed.command(&["config", "path", "--json"]);
    command.env("HALE_DATA_DIR", "/d");
    assert!(bed.finish(command).stdout.contains("\"data_dir\": \"/d\""));
}

#[test]
fn what_is_shown_can_be_read_back() {
    let bed = Bed::new();
    bed.config("[thresholds]\nram_warn_percent = 70\n[allowlist]\ncleanable_paths = [\"~/old\"]\n");
    let shown = bed.hale(&["config", "show"]).stdout;
    assert!(shown.contains("ram_warn_percent = 70.0"), "{shown}");
    assert!(shown.contains("cleanable_paths = [\"~/old\"]"), "{shown}");
    bed.config(&shown);
    assert_eq!(bed.hale(&["config", "check"]).code, 0);
}

#[test]
fn an_edit_replaces_the_file_only_if_it_is_valid() {
    let bed = Bed::new();
    let path = bed.config("[general]\nmode = \"observe\"\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let edit = |editor: &str| {
        let mut command = bed.command(&["config", "edit"]);
        command.env("EDITOR", editor);
        bed.finish(command)
    };
    assert_eq!(edit("sed -i s/observe/auto/").code, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[general]\nmode = \"auto\"\n");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

    let wrong = edit("sed -i s/auto/aut/");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("did you mean `auto`?"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("What you wrote is kept in"), "{}", wrong.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[general]\nmode = \"auto\"\n");

    assert!(edit("true").stderr.contains("Nothing was changed."));
    assert_eq!(edit("false").code, 1);

    // The draft of a first file names every key and is valid as it is.
    std::fs::remove_file(&path).unwrap();
    let first = edit("sed -i '1i # mine'");
    assert_eq!(first.code, 0, "{}", first.stderr);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# ram_warn_percent = 80.0"), "{text}");
    assert_eq!(bed.hale(&["config", "check"]).code, 0);
}

#[test]
fn a_snapshot_is_a_dated_copy_for_this_user_alone() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["config", "snapshot"]).code, 1);
    bed.config("[general]\nmode = \"auto\"\n");
    let ended = bed.hale(&["config", "snapshot"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let copy = bed.path(ended.stdout.trim().trim_start_matches("~/"));
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "[general]\nmode = \"auto\"\n");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
}
