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
