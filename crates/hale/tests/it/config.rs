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
    insta::assert_snapshot!(transcript, @r#"
== control_characters: exit 2
hale: ~/.config/hale/config.toml:2: [general] mode: `a�[31muto` is not one of observe, suggest, approve, auto
      ~/.config/hale/config.toml:3: [general] x�y: unknown key
      correct it with `hale config edit`; docs/reference/config.md has every key
== empty: exit 0
~/.config/hale/config.toml is valid.
== from_the_manual: exit 0
~/.config/hale/config.toml is valid.
~/.config/hale/config.toml:58: [polling] has no effect in this version
~/.config/hale/config.toml:63: [machines] has no effect in this version
== key_without_section: exit 2
hale: ~/.config/hale/config.toml:1: mode: unknown key; it belongs under [general]
      correct it with `hale config edit`; docs/reference/config.md has every key
== not_toml: exit 2
hale: ~/.config/hale/config.toml:1: unclosed table, expected `]`
      correct it with `hale config edit`; docs/reference/config.md has every key
== out_of_range: exit 2
hale: ~/.config/hale/config.toml:2: [thresholds] ram_warn_percent: the number 101 is out of range; it takes a number from 1 to 100
      ~/.config/hale/config.toml:3: [thresholds] swap_warn_percent: the number -1 is out of range; it takes a number from 1 to 100
      ~/.config/hale/config.toml:4: [thresholds] ram_for_secs: the number 1e3 does not fit; it takes a whole number from 0 to 86400
      ~/.config/hale/config.toml:5: [thresholds] zombie_timeout_secs: the number 99999999999999999999 is out of range; it takes a whole number from 0 to 86400
      ~/.config/hale/config.toml:6: [thresholds] cpu_load_factor: the number inf is out of range; it takes a number from 0.1 to 1000
      correct it with `hale config edit`; docs/reference/config.md has every key
== twice: exit 2
hale: ~/.config/hale/config.toml:3: duplicate key `mode`: it was given before
      correct it with `hale config edit`; docs/reference/config.md has every key
== unknown_key: exit 2
hale: ~/.config/hale/config.toml:2: [general] modee: unknown key; did you mean `mode`?
      ~/.config/hale/config.toml:5: [thresholds] ram_warn: unknown key; did you mean `ram_warn_percent`?
      correct it with `hale config edit`; docs/reference/config.md has every key
== unknown_section: exit 2
hale: ~/.config/hale/config.toml:1: generel: unknown section; did you mean `general`?
      ~/.config/hale/config.toml:3: alowlist: unknown section; did you mean `allowlist`?
      correct it with `hale config edit`; docs/reference/config.md has every key
== unknown_word: exit 2
hale: ~/.config/hale/config.toml:2: [general] mode: `automatic` is not one of observe, suggest, approve, auto; did you mean `auto`?
      ~/.config/hale/config.toml:3: [general] language: `de` is not one of en, fr, ko
      correct it with `hale config edit`; docs/reference/config.md has every key
== warn_above_critical: exit 2
hale: ~/.config/hale/config.toml:2: [thresholds] ram_warn_percent: ram_warn_percent (95) is above ram_critical_percent (90); warn below what is critical
      correct it with `hale config edit`; docs/reference/config.md has every key
== wrong_addresses: exit 2
hale: ~/.config/hale/config.toml:2: [server] listen: `0.0.0.0:0` has no fixed port; write 0.0.0.0:7979
      ~/.config/hale/config.toml:4: [notifications] webhook_url: `hooks.example/x` is not a web address; begin it with https:// or http://
      ~/.config/hale/config.toml:6: [allowlist] cleanable_paths: `tmp` is not an absolute path; begin it with / or ~/
      ~/.config/hale/config.toml:7: [allowlist] protected_pids: 0 is not a process id; it takes whole numbers from 1
      correct it with `hale config edit`; docs/reference/config.md has every key
== wrong_pairs: exit 2
hale: ~/.config/hale/config.toml:4: [autonomy] allow: `process.kil` in `process.kil@process.leak` is not an action; did you mean `process.kill`?
      ~/.config/hale/config.toml:5: [autonomy] allow: `process.kill` is not a pair; write "action@alert kind", for example "process.kill@process.leak"
      ~/.config/hale/config.toml:6: [autonomy] allow: `proces.leak` in `process.kill@proces.leak` is not an alert kind; did you mean `process.leak`?
      correct it with `hale config edit`; docs/reference/config.md has every key
== wrong_type: exit 2
hale: ~/.config/hale/config.toml:2: [general] interval_secs: the text "5" does not fit; it takes a whole number from 1 to 3600
      ~/.config/hale/config.toml:3: [general] mode: the number 3 does not fit; it takes one of "observe", "suggest", "approve", "auto"
      ~/.config/hale/config.toml:5: [allowlist] protected_pids: the text "1" does not fit; it takes a list, each a whole number
      ~/.config/hale/config.toml:6: [allowlist] restartable_units: the number 1 does not fit; it takes a text in quotes
      ~/.config/hale/config.toml:6: [allowlist] restartable_units: `true` does not fit; it takes a text in quotes
      ~/.config/hale/config.toml:8: [notifications] desktop: the text "yes" does not fit; it takes true or false
      correct it with `hale config edit`; docs/reference/config.md has every key
"#);
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
