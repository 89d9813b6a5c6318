//! What `hale doctor` says of language models.

use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::{Value, json};

use crate::bed::Bed;

const KEY: &str = "sk-test-Zq7Wm2Lp9Xv4Rt";

/// The checks about models: name, state, what was found, what to do.
fn models(bed: &Bed, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = bed.command(&[&["doctor", "--json"], arguments].concat());
    command.envs(variables.iter().copied());
    let ended = bed.finish(command);
    assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY), "{}", ended.stdout);
    let view: Value = serde_json::from_str(&ended.stdout).unwrap();
    let view = view.get("data").unwrap_or(&view);
    let checks = view["checks"].as_array().unwrap().iter();
    let of_models = checks.filter(|c| c["name"].as_str().unwrap().starts_with("model"));
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    of_models
        .map(|c| {
            format!(
                "{} {}: {} → {}",
                text(&c["state"]),
                text(&c["name"]),
                text(&c["found"]),
                text(&c["fix"])
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn without_a_key_hale_is_well_and_says_how_to_get_a_model() {
    let bed = Bed::new();
    insta::assert_snapshot!(models(&bed, &[], &[]), @"absent model anthropic: claude-sonnet-4-5: no key; hale works without a model → set ANTHROPIC_API_KEY, or store a key with `hale setup`");
    insta::assert_snapshot!(models(&bed, &[], &[("GEMINI_API_KEY", KEY)]), @r#"
    absent model anthropic: claude-sonnet-4-5: no key; hale works without a model → set ANTHROPIC_API_KEY, or store a key with `hale setup`
    absent models: GEMINI_API_KEY is set, and no provider of the config uses it → add [[ai.providers]] with provider = "gemini"
    "#);
    assert!(!bed.data_dir().exists(), "looking leaves nothing behind");
    bed.config("[ai]\nenabled = false\n");
    insta::assert_snapshot!(models(&bed, &[], &[]), @"absent models: switched off ([ai] enabled = false); hale works without a model → -");
}

#[test]
fn the_network_is_asked_only_where_a_person_wants_it() {
    let bed = Bed::new();
    let list = json!({"models": [{"name": "qwen3:8b"}]});
    let ollama = ModelServer::start(Wire::Ollama, vec![Turn::json(&list)]);
    let openai =
        ModelServer::start(Wire::OpenAi, vec![Turn::error(401, &format!("bad key {KEY}"))]);
    let chain = [openai.config("gpt-4o", "THE_KEY"), ollama.config("qwen3:8b", "")].concat();
    bed.config(&format!("[ai]\n{chain}"));
    let without_ports = |text: String| {
        let text = text.replace(&openai.base_url(), "http://openai/v1");
        text.replace(&ollama.base_url(), "http://ollama")
    };
    let known = models(&bed, &[], &[("THE_KEY", KEY)]);
    insta::assert_snapshot!(without_ports(known), @r"
    ok model openai: gpt-4o at http://openai/v1 · key from the environment → -
    ok model ollama: qwen3:8b at http://ollama · no key needed → -
    ");
    assert!(openai.requests().is_empty() && ollama.requests().is_empty());
    let asked = models(&bed, &["--online"], &[("THE_KEY", KEY)]);
    insta::assert_snapshot!(without_ports(asked), @r"
    warning model openai: openai gpt-4o: the key was refused: HTTP 401: bad key [key] → put a valid key into THE_KEY, or store one with `hale setup`
    ok model ollama: qwen3:8b at http://ollama · no key needed → -
    ");
    assert_eq!((openai.requests().len(), ollama.requests().len()), (1, 1));
}

#[test]
fn a_file_of_keys_that_others_can_read_is_told() {
    let bed = Bed::new();
    let config = bed.config("");
    let file = config.with_file_name("credentials.toml");
    std::fs::write(&file, format!("[keys]\nANTHROPIC_API_KEY = \"{KEY}\"\n")).unwrap();
    let set = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o644);
    insta::assert_snapshot!(models(&bed, &[], &[]), @"warning model anthropic: anthropic claude-sonnet-4-5: no key: ~/.config/hale/credentials.toml can be read by others (mode 0644); no key is taken from it until `chmod 600` and a new key → set ANTHROPIC_API_KEY, or store a key with `hale setup`");
    set(0o600);
    insta::assert_snapshot!(models(&bed, &[], &[]), @"ok model anthropic: claude-sonnet-4-5 at https://api.anthropic.com · key from ~/.config/hale/credentials.toml → -");
}

/// The check of this name: state, what was found, what to do.
fn one(bed: &Bed, name: &str) -> (String, String, String) {
    let ended = bed.hale(&["doctor", "--json"]);
    let view: Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks = view["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name}: {}", ended.stdout));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("found"), text("fix"))
}

#[test]
fn a_damaged_page_is_told_whatever_it_holds() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["pause"]).code, 0);
    assert_eq!(one(&bed, "state").0, "ok");
    let path = bed.data_dir().join("state.db");
    let log = std::fs::metadata(path.with_extension("db-wal"));
    assert!(log.is_err() || log.is_ok_and(|log| log.len() == 0), "the file alone holds everything");
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    for page in (3..pages).step_by(2) {
        bytes[page * 4096..(page + 1) * 4096].fill(0xA5);
    }
    std::fs::write(&path, bytes).unwrap();
    let (state, found, fix) = one(&bed, "state");
    assert_eq!(state, "failed", "{found}");
    assert!(found.contains("damaged") && fix.contains("restore"), "{found} {fix}");
    let verified = bed.hale(&["audit", "verify"]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
}

#[test]
fn a_rule_file_that_is_wrong_is_told_with_no_agent_too() {
    let bed = Bed::new();
    let config = bed.config("");
    let rules = config.with_file_name("rules");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("mine.toml"), "[[rule]\n").unwrap();
    let (state, found, fix) = one(&bed, "rules");
    assert_eq!(state, "warning");
    assert!(found.contains("rules/mine.toml:1") && !fix.is_empty(), "{found} {fix}");
    assert!(bed.hale(&["status"]).stdout.contains("rules/mine.toml:1"));
    let checked = bed.hale(&["config", "check"]);
    assert_eq!(checked.code, 2, "{}", checked.stdout);
    assert!(checked.stderr.contains("rules/mine.toml:1"), "{}", checked.stderr);
    std::fs::remove_file(rules.join("mine.toml")).unwrap();
    assert_eq!(bed.hale(&["config", "check"]).code, 0);
}

#[test]
fn an_agent_that_was_stopped_is_told_and_does_not_hold_up_who_looks() {
    let bed = Bed::new();
    let running = bed.up(&[]);
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let (state, found, fix) = one(&bed, "agent");
    let status = bed.hale(&["status"]);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert_eq!(state, "failed");
    assert!(found.contains("is stopped (state T)"), "{found}");
    assert!(fix.starts_with("kill -CONT "), "{fix}");
    assert_eq!(status.code, 0, "{}", status.stderr);
    assert!(status.stderr.contains("does not answer within 3 s"), "{}", status.stderr);
}
