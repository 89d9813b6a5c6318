//! `hale setup`, by flags and at a terminal.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::bed::{Bed, Ended};
use crate::terminal::OnTerminal;

const KEY: &str = "sk-test-Hj4Kq8Vn2Ws6Tb";

fn with_stdin(bed: &Bed, arguments: &[&str], text: &str) -> Ended {
    let path = bed.path("stdin");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let mut command = bed.command(arguments);
    command.stdin(Stdio::from(std::fs::File::open(&path).unwrap()));
    let ended = bed.finish(command);
    std::fs::remove_file(path).unwrap();
    ended
}

fn read(bed: &Bed, name: &str) -> String {
    std::fs::read_to_string(bed.path(".config/hale").join(name)).unwrap()
}

/// Names in the folder of the configuration, dates as `DATE`.
fn names(bed: &Bed) -> Vec<String> {
    let entries = std::fs::read_dir(bed.path(".config/hale")).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let dated = |name: String| match name.strip_prefix("config.toml.2") {
        Some(_) => "config.toml.DATE".to_owned(),
        None => name,
    };
    names.into_iter().map(dated).collect()
}

#[test]
fn from_nothing_by_flags_the_key_goes_to_its_own_file_and_is_shown_nowhere() {
    let bed = Bed::new();
    let flags = ["setup", "--provider", "anthropic", "--key-stdin", "--mode", "suggest", "--yes"];
    let ended = with_stdin(&bed, &flags, &format!("{KEY}\n"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY), "{}", ended.stderr);
    insta::assert_snapshot!(ended.stderr, @r#"
    ~/.config/hale/config.toml:
      + [general]
      + mode = "suggest"
      + [[ai.providers]]
      + provider = "anthropic"
      + model = "claude-sonnet-4-5"
      the key is stored as ANTHROPIC_API_KEY
    ✓ the key is in ~/.config/hale/credentials.toml, as ANTHROPIC_API_KEY.
    ✓ ~/.config/hale/config.toml is written.


    mode suggest: watch, tell, and say what to do
    `hale status` shows this machine, `hale up` runs the agent, `hale doctor` checks everything.
    "#);
    assert!(ended.stdout.contains("✓  model anthropic  claude-sonnet-4-5 at "), "{}", ended.stdout);
    insta::assert_snapshot!(read(&bed, "config.toml"), @r#"
    [general]
    mode = "suggest"

    [[ai.providers]]
    provider = "anthropic"
    model = "claude-sonnet-4-5"
    "#);
    assert_eq!(names(&bed), ["config.toml", "credentials.toml"]);
    assert!(read(&bed, "credentials.toml").contains(KEY));
    for name in ["config.toml", "credentials.toml"] {
        let metadata = std::fs::metadata(bed.path(".config/hale").join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    // Again: nothing is left to change, and no copy is made.
    let again = bed.hale(&["setup", "--provider", "anthropic", "--mode", "suggest", "--yes"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("stays as it is"), "{}", again.stderr);
    assert_eq!(names(&bed), ["config.toml", "credentials.toml"]);
}

#[test]
fn comments_stay_the_old_file_is_kept_and_what_would_be_wrong_is_not_written() {
    let bed = Bed::new();
    let before = "# ours\n[general]\nmode = \"observe\" # at first\n";
    bed.config(before);
    let ended = bed.hale(&["setup", "--provider", "ollama", "--yes"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("no model is named"), "{}", ended.stderr);
    let key = bed.hale(&["setup", "--provider", "openai", "--key-env", KEY, "--yes"]);
    assert_eq!(key.code, 2);
    assert!(!key.stderr.contains(KEY), "{}", key.stderr);
    assert_eq!((read(&bed, "config.toml"), names(&bed).len()), (before.to_owned(), 1));

    let asked = bed.hale(&["setup", "--mode", "approve"]);
    assert_eq!(asked.code, 4, "{}", asked.stderr);
    assert_eq!(read(&bed, "config.toml"), before);

    let hook = "https://hooks.example/services/T0/SECRET-PART";
    let flags =
        ["setup", "--mode", "approve", "--no-model", "--webhook-url", hook, "--yes", "--json"];
    let ended = bed.hale(&flags);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("SECRET-PART"), "{}", ended.stderr);
    assert_eq!(names(&bed), ["config.toml", "config.toml.DATE"]);
    let done: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let backup = done["backup"].as_str().unwrap().replace('~', bed.dir.path().to_str().unwrap());
    assert_eq!(std::fs::read_to_string(backup).unwrap(), before);
    insta::assert_snapshot!(read(&bed, "config.toml"), @r#"
    # ours
    [general]
    mode = "approve" # at first

    [ai]
    enabled = false

    [notifications]
    webhook_url = "https://hooks.example/services/T0/SECRET-PART"
    "#);
}

#[test]
fn without_a_terminal_or_a_key_it_says_what_to_do() {
    let bed = Bed::new();
    let ended = bed.hale(&["setup"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("hale setup --provider anthropic"), "{}", ended.stderr);
    for (flags, text, code) in [
        (["setup", "--provider", "gemini", "--key-stdin", "--yes"], "  \n", 2),
        // Nobody can say yes to what is to be written.
        (["setup", "--provider", "gemini", "--key-stdin", "--json"], KEY, 4),
    ] {
        let ended = with_stdin(&bed, &flags, text);
        assert_eq!(ended.code, code, "{}", ended.stderr);
    }
    assert!(!bed.path(".config").exists());
}

#[test]
fn a_key_for_an_address_of_ones_own_is_one_that_is_used() {
    let bed = Bed::new();
    let url = "http://127.0.0.1:9/v1";
    let flags = ["setup", "--provider", "openai", "--base-url", url, "--key-stdin", "--yes"];
    let ended = with_stdin(&bed, &flags, KEY);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let config = read(&bed, "config.toml");
    assert!(config.contains("api_key_env = \"OPENAI_API_KEY\""), "{config}");
    assert!(!ended.stdout.contains("no key needed"), "{}", ended.stdout);
    assert!(ended.stdout.contains("key from"), "{}", ended.stdout);
}

#[test]
fn at_a_terminal_it_asks_and_does_not_show_the_key() {
    let bed = Bed::new();
    let Some(mut terminal) = OnTerminal::start(&bed, "setup") else { return };
    for (question, answer) in [
        ("1 to 5 [1] ", "gemini\r"),
        ("Model", "\r"),
        ("Its key", "sk-test-Hj4Kq8Vn2Ws6Tb\r"),
        ("1 to 4 [1] ", "9\r"),
        ("a number of the list", "2\r"),
        ("through the desktop?", "n\r"),
        ("A webhook", "\r"),
        ("whether it takes the key?", "n\r"),
        ("Write this?", "\r"),
    ] {
        terminal.wait_for(question);
        terminal.type_in(answer);
    }
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains(KEY), "{said}");
    assert!(read(&bed, "credentials.toml").contains(&format!("GEMINI_API_KEY = \"{KEY}\"")));
    insta::assert_snapshot!(read(&bed, "config.toml"), @r#"
    [general]
    mode = "suggest"

    [[ai.providers]]
    provider = "gemini"
    model = "gemini-2.5-flash"

    [notifications]
    desktop = false
    "#);
}

#[test]
fn where_there_is_no_key_nobody_asks_whether_the_provider_takes_it() {
    let bed = Bed::new();
    let Some(mut terminal) = OnTerminal::start(&bed, "setup") else { return };
    for (question, answer) in [
        ("1 to 5 [1] ", "anthropic\r"),
        ("Model", "\r"),
        ("Its key", "\r"),
        ("1 to 4 [1] ", "\r"),
        ("through the desktop?", "\r"),
        ("A webhook", "\r"),
        ("Write this?", "\r"),
    ] {
        terminal.wait_for(question);
        terminal.type_in(answer);
    }
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("takes the key?"), "{said}");
    assert!(said.contains("no key; hale works without a model"), "{said}");
}

#[test]
fn whoever_leaves_the_questions_has_changed_nothing() {
    for key in ["\x04", "\x03"] {
        let bed = Bed::new();
        let Some(mut terminal) = OnTerminal::start(&bed, "setup") else { return };
        terminal.wait_for("1 to 5 [1] ");
        terminal.type_in("1\r");
        terminal.wait_for("Model");
        terminal.type_in("\r");
        terminal.wait_for("Its key");
        // In the middle of the secret: the terminal must show again what is typed.
        terminal.type_in(if key == "\x03" { "\x03\r" } else { key });
        let (code, said) = terminal.end();
        assert_ne!(code, 0, "{said}");
        assert!(said.contains("nothing was changed"), "{said}");
        assert!(!bed.path(".config").exists());
    }
}
