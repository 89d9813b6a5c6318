//! Money, tokens and cooldown, over days and restarts.

use std::path::PathBuf;
use std::sync::Arc;

use hale_mind::{FaultKind, Ledger, LedgerStore, MemoryLedger, MindError, Price, Purpose, Usage};
use hale_model::config::{Ai, AiProvider, ProviderKind};
use hale_testkit::model_server::{ModelServer, Turn, Wire};

use crate::support::{
    Hands, PATIENT, ask, ask_and_go_away, block_on, config, mind_on, provider, request,
};

/// A ledger in a file, as the agent keeps one in its database.
struct FileLedger(PathBuf);

impl LedgerStore for FileLedger {
    fn update(&self, change: &mut dyn FnMut(&mut Ledger)) -> Result<(), String> {
        let mut ledger = match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| e.to_string())?,
            Err(_) => Ledger::default(),
        };
        change(&mut ledger);
        let bytes = serde_json::to_vec(&ledger).map_err(|e| e.to_string())?;
        std::fs::write(&self.0, bytes).map_err(|e| e.to_string())
    }
}

fn talker(wire: Wire) -> ModelServer {
    ModelServer::start_with(wire, |_, _| Turn::Text("ok".into()))
}

#[test]
fn the_days_money_is_kept_over_a_restart_and_new_the_next_day() {
    let server = talker(Wire::Anthropic);
    let dir = tempfile::tempdir().unwrap();
    let hands = Hands::at("2025-11-20T23:00:00Z");
    // One call costs 0.00081 $ and may cost about 0.0078 $.
    let config = Ai { daily_budget_usd: 0.009, ..config(vec![provider(Wire::Anthropic, &server)]) };
    let start = || {
        let ledger = Arc::new(FileLedger(dir.path().join("ledger.json")));
        mind_on(&config, ledger).with_clock(hands.clock())
    };
    let mut answered = 0;
    let refusal = loop {
        // Each call by a new process.
        match ask(&start(), &request("?")) {
            Ok(reply) => {
                assert!((reply.cost_usd - 0.00081).abs() < 1e-9, "{}", reply.cost_usd);
                answered += 1;
            }
            Err(refusal) => break refusal,
        }
        assert!(answered < 20);
    };
    assert_eq!(answered, 2);
    insta::assert_snapshot!(format!("{refusal}\n→ {}", refusal.hint()), @r"
    today's model budget does not suffice: $0.001620 of $0.009000 used, this call may need $0.007674
    → raise ai.daily_budget_usd, or wait until 2025-11-21T00:00:00Z
    ");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(start().used_today().unwrap().usd_micros, 1620);
    assert_eq!(start().used_today().unwrap().calls, 2);
    hands.forward(3600);
    ask(&start(), &request("?")).unwrap();
}

#[test]
fn tokens_are_counted_too() {
    let server = talker(Wire::Ollama);
    let config = Ai { daily_budget_tokens: 1000, ..config(vec![provider(Wire::Ollama, &server)]) };
    let mind = mind_on(&config, Arc::new(MemoryLedger::default()));
    let mut answered = 0;
    let refusal = loop {
        match ask(&mind, &request("?")) {
            Ok(_) => answered += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(answered, 3);
    assert!(refusal.to_string().contains("450 tokens of 1000 tokens"), "{refusal}");
}

#[test]
fn without_money_a_free_model_still_answers() {
    let (paid, free) = (talker(Wire::OpenAi), talker(Wire::Ollama));
    let chain = vec![provider(Wire::OpenAi, &paid), provider(Wire::Ollama, &free)];
    let config = Ai { daily_budget_usd: 0.0, ..config(chain) };
    let reply = ask(&mind_on(&config, Arc::new(MemoryLedger::default())), &request("?")).unwrap();
    assert_eq!(reply.provider, "ollama");
    assert_eq!(reply.passed_over[0].fault, FaultKind::NoBudget);
    assert!(paid.requests().is_empty());
}

#[test]
fn what_failed_at_the_door_costs_nothing_and_what_broke_off_costs_what_came() {
    let script = vec![Turn::error(500, "oops"), Turn::TruncatedAfter("four words of it".into())];
    let server = ModelServer::start(Wire::OpenAi, script);
    let mind =
        mind_on(&config(vec![provider(Wire::OpenAi, &server)]), Arc::new(MemoryLedger::default()));
    assert!(ask(&mind, &request("?")).is_err());
    assert_eq!(mind.used_today().unwrap().usd_micros, 0);
    assert!(ask(&mind, &request("?")).is_err());
    let used = mind.used_today().unwrap();
    assert!(used.input_tokens > 0 && used.output_tokens == 6 && used.usd_micros > 0, "{used:?}");
    assert_eq!(used.calls, 0);
}

/// A caller that goes away has still bought what was asked for.
#[test]
fn a_call_that_is_dropped_stays_booked() {
    let server = ModelServer::start(Wire::OpenAi, vec![Turn::Hang]);
    let mind =
        mind_on(&config(vec![provider(Wire::OpenAi, &server)]), Arc::new(MemoryLedger::default()))
            .with_patience(PATIENT);
    ask_and_go_away(&mind, &request("?"));
    assert_eq!(mind.used_today().unwrap().output_tokens, 500);
}

#[test]
fn hale_by_itself_waits_a_person_does_not() {
    let server = talker(Wire::Ollama);
    let hands = Hands::at("2025-11-20T10:00:00Z");
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let ledger = Arc::new(FileLedger(dir.path().join("ledger.json")));
        mind_on(&config(vec![provider(Wire::Ollama, &server)]), ledger).with_clock(hands.clock())
    };
    let ask = |purpose| block_on(start().ask(&request("?"), purpose, &mut |_| {}));
    ask(Purpose::Automatic).unwrap();
    hands.forward(59);
    let refusal = ask(Purpose::Automatic).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the last automatic model call was less than 60 s ago; the next may go at 2025-11-20T10:01:00Z"
    );
    ask(Purpose::Continued).unwrap();
    ask(Purpose::Person).unwrap();
    hands.forward(1);
    ask(Purpose::Automatic).unwrap();
    // A clock that was set back silences nobody.
    hands.forward(-86_400);
    ask(Purpose::Automatic).unwrap();
}

#[test]
fn where_the_ledger_cannot_be_kept_nothing_is_bought() {
    struct Broken;
    impl LedgerStore for Broken {
        fn update(&self, _: &mut dyn FnMut(&mut Ledger)) -> Result<(), String> {
            Err("the disk is full".to_owned())
        }
    }
    let server = talker(Wire::Anthropic);
    let mind = mind_on(&config(vec![provider(Wire::Anthropic, &server)]), Arc::new(Broken));
    assert_eq!(ask(&mind, &request("?")), Err(MindError::Ledger("the disk is full".to_owned())));
    assert!(server.requests().is_empty());
}

#[test]
fn calls_at_once_do_not_overdraw_the_budget() {
    let server = talker(Wire::Anthropic);
    // Room for one reservation, not for two.
    let config = Ai { daily_budget_usd: 0.009, ..config(vec![provider(Wire::Anthropic, &server)]) };
    let mind = mind_on(&config, Arc::new(MemoryLedger::default()));
    let request = request("?");
    let answered = block_on(async {
        let ask = async || mind.ask(&request, Purpose::Person, &mut |_| {}).await.is_ok();
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        [a, b, c].into_iter().filter(|ok| *ok).count()
    });
    assert_eq!(answered, 1);
}

#[test]
fn prices_are_found_by_name_and_never_too_low() {
    let provider = |kind, base_url: &str| AiProvider {
        provider: kind,
        base_url: base_url.to_owned(),
        ..AiProvider::default()
    };
    let router = provider(ProviderKind::OpenAi, "https://openrouter.ai/api/v1");
    let local = provider(ProviderKind::OpenAi, "http://127.0.0.1:8000/v1");
    let own = AiProvider {
        input_usd_per_mtok: Some(1.0),
        output_usd_per_mtok: Some(2.0),
        ..provider(ProviderKind::OpenAi, "https://llm.example.org/v1")
    };
    let million = Usage { input_tokens: 1_000_000, output_tokens: 1_000_000 };
    for (provider, model, usd, is_guessed) in [
        (&provider(ProviderKind::Anthropic, ""), "claude-sonnet-4-5-20250929", 18.0, false),
        (&provider(ProviderKind::Anthropic, ""), "claude-opus-4-5", 30.0, false),
        (&provider(ProviderKind::Anthropic, ""), "claude-opus-4-1", 90.0, false),
        (&provider(ProviderKind::Gemini, ""), "gemini-2.5-flash-lite", 0.5, false),
        (&router, "anthropic/claude-sonnet-4.5", 18.0, false),
        (&router, "somebody/new-model", 135.0, true),
        (&local, "meta-llama/Llama-3.1-8B", 0.0, false),
        (&local, "gpt-4o-mini", 0.75, false),
        (&own, "new-model", 3.0, false),
        (&provider(ProviderKind::Ollama, ""), "qwen3", 0.0, false),
    ] {
        let price = Price::of(provider, model);
        assert_eq!(price.usd_micros(million), (usd * 1e6) as u64, "{model}");
        assert_eq!(price.is_guessed, is_guessed, "{model}");
    }
}
