//! `hale explain` with models: good ones, broken ones, and such that claim that everything is safe.

use hale_testkit::model_server::{ModelServer, Turn, Wire};
use serde_json::{Value, json};

use crate::bed::Bed;

/// What follows a mark in the prompt.
fn after(body: &str, mark: &str, length: usize) -> String {
    let at = body.find(mark).unwrap_or_else(|| panic!("no {mark} in {body}"));
    body[at..].chars().take(length).collect()
}

fn answer(body: &str, actions: Value) -> Turn {
    if body.contains("You check the diagnosis") {
        return Turn::Answer(json!({"confidence": 0.9, "objections": []}));
    }
    Turn::Answer(json!({
        "incident_id": after(body, "in-", 13),
        "diagnostic": "it is the first process",
        "cause_kind": "none", "severity": "low", "confidence": 0.95,
        "claims": [{"text": "it is", "evidence": [&after(body, "[ob-", 14)[1..]]}],
        "actions": actions, "prevention": "",
    }))
}

#[test]
fn what_a_model_proposes_is_shown_with_the_guards_verdict() {
    let server = ModelServer::start_with(Wire::Ollama, |_, request| {
        let actions = json!([
            {"type": "custom", "target": "", "command": "rm -rf /", "explanation": "safe", "risk": "safe"},
            {"type": "custom", "target": "", "command": "df -h", "explanation": "looks", "risk": "safe"},
            {"type": "kill_process", "target": "1", "command": "kill 1", "explanation": "safe"},
            {"type": "restart_service", "target": "no-such.service", "command": "", "explanation": "safe"},
        ]);
        answer(&request.text(), actions)
    });
    let bed = Bed::with_models(&[("scripted", &server)]);
    let ended = bed.hale(&["explain", "1"]);
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    let said: Vec<&str> = ended.stdout.lines().map(str::trim).collect();
    let has = |start: &str| {
        assert!(said.iter().any(|l| l.starts_with(start)), "{start}: {}", ended.stdout);
    };
    has("· refused: rm -rf /");
    has("guard: deny, deny risk: ");
    has("the model says: safe");
    has("· it would: df -h");
    has("· refused: kill 1");
    has("guard: no unit `no-such.service` was observed");
    assert!(ended.stderr.contains("a second look is less sure, 90 %\n"), "{}", ended.stderr);

    let ended = bed.hale(&["explain", "1", "--json"]);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    let proposals = shown["model"]["proposals"].as_array().unwrap();
    assert_eq!(proposals.len(), 4, "{shown:#}");
    assert_eq!(proposals[0]["verdict"]["risk"], "deny");
    assert_eq!(proposals[0]["verdict"]["decision"], "deny");
    assert_ne!(proposals[1]["verdict"]["risk"], "deny");

    let audit: Value =
        serde_json::from_str(&bed.hale(&["audit", "list", "--json", "--limit", "0"]).stdout)
            .unwrap();
    let verdicts = audit.to_string().matches("rm -rf /").count();
    assert!(verdicts >= 2, "one verdict each time: {audit:#}");
    assert_eq!(bed.hale(&["audit", "verify"]).code, 0);
}

#[test]
fn who_answers_garbage_twice_is_followed_by_the_next() {
    for garbage in
        ["I cannot say.", "{\"foo\":1}", "{\"incident_id\":\"in-1\",\"diagn", "<think>{x}</think>"]
    {
        let first = ModelServer::start_with(Wire::Ollama, move |_, _| Turn::Text(garbage.into()));
        let second = ModelServer::start_with(Wire::Ollama, |_, r| answer(&r.text(), json!([])));
        let bed = Bed::with_models(&[("broken", &first), ("good", &second)]);
        let ended = bed.hale(&["explain", "1"]);
        assert!(
            ended.stdout.contains("it is the first process"),
            "{garbage}: {} {}",
            ended.stdout,
            ended.stderr
        );
        assert!(ended.stderr.contains("passed over ollama broken"), "{garbage}: {}", ended.stderr);
        assert!(first.requests().len() <= 3, "asked again and again");
    }
}

#[test]
fn where_nobody_gives_a_usable_answer_each_is_named() {
    let first =
        ModelServer::start_with(Wire::Ollama, |_, _| Turn::CutByLimit("{\"incident".into()));
    let second = ModelServer::start_with(Wire::Ollama, |_, _| Turn::Text("Hello!".into()));
    let bed = Bed::with_models(&[("short", &first), ("chatty", &second)]);
    let ended = bed.hale(&["explain", "1"]);
    assert_eq!(ended.code, 0, "the local explanation stands");
    for told in [
        "ollama short: its answer was cut off at the limit of ai.max_tokens",
        "ollama chatty: its answer did not fit, twice: there is no JSON object in it",
    ] {
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains(told), "{told}: {}", ended.stderr);
    }
}
