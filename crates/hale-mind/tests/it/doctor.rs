//! What `hale doctor` is told of each provider.

use hale_mind::{FaultKind, ProviderState};
use hale_model::config::{AiProvider, ProviderKind};
use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::json;

use crate::support::{KEY, block_on, config, mind, provider};

fn lines(states: &[ProviderState]) -> String {
    let line = |s: &ProviderState| {
        let key = s.key.as_deref().unwrap_or("-");
        let trouble =
            s.trouble.as_ref().map_or("usable".to_owned(), |t| format!("{t} → {}", t.hint()));
        format!(
            "{} {} key: {key} | {trouble} | {}",
            s.provider,
            s.model,
            s.note.as_deref().unwrap_or("-")
        )
    };
    states.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_the_network_it_is_told_who_has_a_key_and_who_not() {
    let chain = vec![
        AiProvider::default(),
        AiProvider { api_key_env: "TEST_KEY".into(), ..AiProvider::default() },
        AiProvider {
            provider: ProviderKind::OpenAi,
            model: "new".into(),
            api_key_env: "TEST_KEY".into(),
            ..AiProvider::default()
        },
        AiProvider {
            provider: ProviderKind::Ollama,
            model: "qwen3".into(),
            ..AiProvider::default()
        },
    ];
    let states = block_on(mind(&config(chain)).states());
    assert!(!format!("{states:?}").contains(KEY));
    insta::assert_snapshot!(lines(&states), @r"
    anthropic claude-sonnet-4-5 key: - | anthropic claude-sonnet-4-5: no key → set ANTHROPIC_API_KEY, or store a key with `hale setup` | -
    anthropic claude-sonnet-4-5 key: the environment | usable | -
    openai new key: the environment | usable | not on the price list: reckoned at $15 and $120 a million tokens; set input_usd_per_mtok and output_usd_per_mtok
    ollama qwen3 key: - | usable | -
    ");
}

#[test]
fn a_probe_asks_for_the_model_and_buys_nothing() {
    for (wire, answer, path) in [
        (
            Wire::Anthropic,
            json!({"id": "claude-sonnet-4-5", "type": "model"}),
            "/v1/models/claude-sonnet-4-5",
        ),
        (Wire::Gemini, json!({"name": "models/gemini-2.5-pro"}), "/v1beta/models/gemini-2.5-pro"),
        (Wire::OpenAi, json!({"data": [{"id": "gpt-4o"}, {"id": "other"}]}), "/v1/models"),
        (Wire::Ollama, json!({"models": [{"name": "qwen2.5:7b"}]}), "/api/tags"),
    ] {
        let server = ModelServer::start(wire, vec![Turn::json(&answer), Turn::error(401, KEY)]);
        let mind = mind(&config(vec![provider(wire, &server)]));
        assert_eq!(block_on(mind.probe())[0].trouble, None, "{wire:?}");
        let sent = &server.requests()[0];
        assert_eq!((sent.method.as_str(), sent.path.as_str()), ("GET", path));
        let trouble = block_on(mind.probe())[0].trouble.clone().unwrap();
        assert_eq!(trouble.fault, FaultKind::Unauthorized);
        assert!(wire == Wire::Ollama || !trouble.to_string().contains(KEY), "{trouble}");
        assert_eq!(mind.used_today().unwrap().usd_micros, 0);
    }
}

#[test]
fn a_model_that_was_not_pulled_is_told_with_those_that_were() {
    let server = ModelServer::start(
        Wire::Ollama,
        vec![Turn::json(&json!({"models": [{"name": "qwen3:latest"}, {"name": "phi4:14b"}]}))],
    );
    let state = block_on(mind(&config(vec![provider(Wire::Ollama, &server)])).probe()).remove(0);
    let trouble = state.trouble.unwrap();
    assert_eq!(
        trouble.to_string(),
        "ollama qwen2.5:7b: no such model or address: it has 2 models: qwen3:latest, phi4:14b…"
    );
}
