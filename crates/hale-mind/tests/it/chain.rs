//! Several providers as one: who is asked when, and why the others were not.

use std::sync::Arc;

use hale_mind::keys::SecretString;
use hale_mind::{
    Delta, FaultKind, Governor, LedgerStore as _, MemoryLedger, Mind, MindError, Purpose,
};
use hale_model::config::{Ai, AiProvider, ProviderKind};
use hale_testkit::model_server::{ModelServer, Turn, Wire};

use crate::support::{
    Hands, IMPATIENT, KEY, PATIENT, ask, ask_and_go_away, ask_and_listen, block_on, config, keys,
    mind, mind_on, provider, request,
};

#[test]
fn the_next_is_asked_whatever_is_wrong_with_the_first() {
    for turn in [
        Turn::error(401, "no"),
        Turn::error(429, "slow down"),
        Turn::error(500, "oops"),
        Turn::error(529, "overloaded"),
        Turn::Hang,
        Turn::TruncatedAfter("half an".into()),
        Turn::html(),
        Turn::Flood(8 << 20),
    ] {
        let first = ModelServer::start(Wire::Anthropic, vec![turn.clone()]);
        let second = ModelServer::start(Wire::OpenAi, vec![Turn::Text("well".into())]);
        let chain = vec![provider(Wire::Anthropic, &first), provider(Wire::OpenAi, &second)];
        let (reply, heard) =
            ask_and_listen(&mind(&config(chain)).with_patience(IMPATIENT), &request("?"));
        let reply = reply.unwrap();
        assert_eq!((reply.provider.as_str(), reply.text.as_str()), ("openai", "well"), "{turn:?}");
        assert_eq!(reply.passed_over.len(), 1);
        assert_eq!(reply.passed_over[0].provider, "anthropic");
        // Whoever listens knows where the half answer of the first ends.
        let last_asking = heard.iter().rposition(|d| matches!(d, Delta::Asking { .. })).unwrap();
        let words: String = heard[last_asking..]
            .iter()
            .filter_map(|d| if let Delta::Text(text) = d { Some(text.as_str()) } else { None })
            .collect();
        assert_eq!(words, "well", "{turn:?}");
        assert!(heard[..last_asking].iter().any(|d| matches!(d, Delta::Failed(_))));
    }
}

#[test]
fn who_has_no_key_is_passed_over_without_a_word_to_the_network() {
    let first = ModelServer::start(Wire::Gemini, vec![Turn::Text("no".into())]);
    let second = ModelServer::start(Wire::Ollama, vec![Turn::Text("yes".into())]);
    let without = AiProvider { api_key_env: "NOT_SET".into(), ..provider(Wire::Gemini, &first) };
    let reply = ask(&mind(&config(vec![without, provider(Wire::Ollama, &second)])), &request("?"));
    let reply = reply.unwrap();
    assert_eq!(reply.passed_over[0].fault, FaultKind::NoKey);
    assert_eq!(reply.passed_over[0].hint(), "set NOT_SET, or store a key with `hale setup`");
    assert!(first.requests().is_empty());
}

/// The user's usual key belongs to the provider's own address, not to one that the config names.
#[test]
fn a_key_of_the_provider_does_not_go_to_another_address() {
    let server = ModelServer::start(Wire::OpenAi, vec![Turn::Text("ok".into())]);
    let elsewhere = AiProvider {
        provider: ProviderKind::OpenAi,
        model: "m".into(),
        base_url: server.base_url(),
        ..AiProvider::default()
    };
    let mind = Mind::new(
        &config(vec![elsewhere]),
        keys(&[("OPENAI_API_KEY", KEY)]),
        Arc::new(MemoryLedger::default()),
    );
    ask(&mind, &request("?")).unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[test]
fn everybodys_reason_is_told_where_nobody_answers() {
    let first = ModelServer::start(Wire::Anthropic, vec![Turn::error(401, "invalid x-api-key")]);
    let second =
        ModelServer::start(Wire::Ollama, vec![Turn::error(404, "model 'qwen2.5:7b' not found")]);
    let chain = vec![provider(Wire::Anthropic, &first), provider(Wire::Ollama, &second)];
    let error = ask(&mind(&config(chain)), &request("?")).unwrap_err();
    insta::assert_snapshot!(format!("{error}\n→ {}", error.hint()), @r"
    no model answered: anthropic claude-sonnet-4-5: the key was refused: HTTP 401: invalid x-api-key; ollama qwen2.5:7b: no such model or address: HTTP 404: model 'qwen2.5:7b' not found
    → put a valid key into TEST_KEY, or store one with `hale setup`
    ");
}

#[test]
fn three_failures_open_the_breaker_one_probe_closes_it() {
    let mut script: Vec<Turn> = (0..4).map(|_| Turn::error(500, "oops")).collect();
    script.extend([Turn::Text("well again".into()), Turn::Text("still well".into())]);
    let server = ModelServer::start(Wire::Anthropic, script);
    let hands = Hands::at("2025-11-20T10:00:00Z");
    let mind = mind(&config(vec![provider(Wire::Anthropic, &server)])).with_clock(hands.clock());
    let failed_with = || match ask(&mind, &request("?")) {
        Err(MindError::AllFailed(errors)) => errors[0].clone(),
        other => panic!("{other:?}"),
    };
    for _ in 0..3 {
        assert_eq!(failed_with().fault, FaultKind::Server);
    }
    let resting = failed_with();
    assert_eq!(
        resting.to_string(),
        "anthropic claude-sonnet-4-5: resting until 2025-11-20T10:00:30Z: it failed: HTTP 500: oops"
    );
    assert_eq!(server.requests().len(), 3);
    // The probe fails: twice as long.
    hands.forward(31);
    assert_eq!(failed_with().fault, FaultKind::Server);
    hands.forward(31);
    assert!(matches!(failed_with().fault, FaultKind::Resting { .. }));
    hands.forward(30);
    assert_eq!(ask(&mind, &request("?")).unwrap().text, "well again");
    assert_eq!(ask(&mind, &request("?")).unwrap().text, "still well");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn three_conversations_without_a_usable_answer_open_the_breaker_and_one_with_closes_it() {
    let script = (0..12).map(|_| Turn::Text("no JSON".into())).collect();
    let server = ModelServer::start(Wire::Anthropic, script);
    let hands = Hands::at("2025-11-20T10:00:00Z");
    let ledger = Arc::new(MemoryLedger::default());
    let config = config(vec![provider(Wire::Anthropic, &server)]);
    // Each is a process of its own.
    let mind = || mind_on(&config, ledger.clone()).with_clock(hands.clock());
    let answers = || ask(&mind(), &request("?")).is_ok();
    let unfit = || mind().unfit(0, "no JSON", false).unwrap();
    // A conversation asks twice; the limit of tokens says nothing against the provider.
    for _ in 0..3 {
        assert!(answers() && answers());
        mind().unfit(0, "cut", true).unwrap();
        unfit();
    }
    let resting = ask(&mind(), &request("?")).unwrap_err().to_string();
    assert_eq!(
        resting,
        "no model answered: anthropic claude-sonnet-4-5: resting until 2025-11-20T10:00:30Z: its answer did not fit, twice: no JSON"
    );
    assert_eq!(server.requests().len(), 6);
    // One more, and it rests twice as long.
    hands.forward(31);
    assert!(answers());
    unfit();
    hands.forward(59);
    assert!(!answers());
    hands.forward(2);
    assert!(answers());
    mind().fit(0);
    unfit();
    unfit();
    assert!(answers(), "counted from the last usable answer on");
    mind().fit(0);
    assert!(ledger.read().unwrap().breakers.is_empty(), "who is well again leaves no trace");
}

#[test]
fn a_server_that_asks_to_wait_is_left_alone_for_as_long() {
    let turn = Turn::Error { status: 429, message: "slow".into(), retry_after: Some("120".into()) };
    let server = ModelServer::start(Wire::OpenAi, vec![turn, Turn::Text("ok".into())]);
    let hands = Hands::at("2025-11-20T10:00:00Z");
    let mind = mind(&config(vec![provider(Wire::OpenAi, &server)])).with_clock(hands.clock());
    assert!(ask(&mind, &request("?")).is_err());
    hands.forward(119);
    assert!(ask(&mind, &request("?")).is_err());
    assert_eq!(server.requests().len(), 1);
    hands.forward(1);
    assert_eq!(ask(&mind, &request("?")).unwrap().text, "ok");
}

#[test]
fn who_rests_rests_for_every_process_that_shares_the_ledger() {
    let slow = Turn::Error { status: 429, message: "slow".into(), retry_after: Some("600".into()) };
    let server = ModelServer::start(Wire::OpenAi, vec![slow, Turn::Text("ok".into())]);
    let hands = Hands::at("2025-11-20T10:00:00.123456789Z");
    let ledger = Arc::new(MemoryLedger::default());
    let config = config(vec![provider(Wire::OpenAi, &server)]);
    let process = || mind_on(&config, ledger.clone()).with_clock(hands.clock());
    assert!(ask(&process(), &request("?")).is_err());
    for _ in 0..4 {
        let error = ask(&process(), &request("?")).unwrap_err().to_string();
        assert_eq!(
            error,
            "no model answered: openai gpt-4o: resting until 2025-11-20T10:10:00Z: too many requests; it asks to wait 600 s: HTTP 429: slow"
        );
    }
    assert_eq!(server.requests().len(), 1);
    let states = block_on(process().states());
    assert!(matches!(states[0].trouble.as_ref().unwrap().fault, FaultKind::Resting { .. }));
    hands.forward(600);
    assert_eq!(ask(&process(), &request("?")).unwrap().text, "ok");
    assert!(block_on(process().states())[0].trouble.is_none());
    assert!(ledger.read().unwrap().breakers.is_empty(), "who is well again leaves no trace");
}

#[test]
fn who_mends_a_refused_key_need_not_wait() {
    let turns = vec![Turn::error(401, "bad key"), Turn::Text("ok".into())];
    let server = ModelServer::start(Wire::Anthropic, turns);
    let ledger = Arc::new(MemoryLedger::default());
    let config = config(vec![provider(Wire::Anthropic, &server)]);
    assert!(ask(&mind_on(&config, ledger.clone()), &request("?")).is_err());
    assert_eq!(ask(&mind_on(&config, ledger), &request("?")).unwrap().text, "ok");
}

#[test]
fn a_conversation_goes_on_behind_who_gave_no_usable_answer() {
    let first = ModelServer::start(Wire::Anthropic, vec![]);
    let second = ModelServer::start(Wire::Ollama, vec![Turn::Text("ok".into())]);
    let chain = vec![provider(Wire::Anthropic, &first), provider(Wire::Ollama, &second)];
    let mind = mind(&config(chain));
    let deaf = &mut |_| {};
    let reply = block_on(mind.ask_from(1, &request("?"), Purpose::Person, deaf)).unwrap();
    assert_eq!((reply.place, reply.passed_over.len()), (1, 0));
    assert!(first.requests().is_empty());
    let over = block_on(mind.ask_from(2, &request("?"), Purpose::Person, deaf));
    assert_eq!(over, Err(MindError::AllFailed(Vec::new())));
    assert_eq!(
        mind.unfit(0, "no JSON", true).unwrap().to_string(),
        "anthropic claude-sonnet-4-5: its answer was cut off at the limit of ai.max_tokens: no JSON"
    );
}

#[test]
fn a_bad_question_does_not_close_the_provider_to_good_ones() {
    let mut script: Vec<Turn> = (0..5).map(|_| Turn::error(400, "no such role")).collect();
    script.push(Turn::Text("ok".into()));
    let server = ModelServer::start(Wire::Anthropic, script);
    let mind = mind(&config(vec![provider(Wire::Anthropic, &server)]));
    for _ in 0..5 {
        assert!(ask(&mind, &request("?")).is_err());
    }
    assert_eq!(ask(&mind, &request("?")).unwrap().text, "ok");
}

#[test]
fn a_probe_whose_caller_goes_away_blocks_nobody() {
    let mut script: Vec<Turn> = (0..3).map(|_| Turn::error(500, "oops")).collect();
    script.extend([Turn::Hang, Turn::Text("ok".into())]);
    let server = ModelServer::start(Wire::Anthropic, script);
    let hands = Hands::at("2025-11-20T10:00:00Z");
    let mind = mind(&config(vec![provider(Wire::Anthropic, &server)]))
        .with_clock(hands.clock())
        .with_patience(PATIENT);
    for _ in 0..3 {
        assert!(ask(&mind, &request("?")).is_err());
    }
    hands.forward(31);
    ask_and_go_away(&mind, &request("?"));
    assert_eq!(ask(&mind, &request("?")).unwrap().text, "ok");
}

#[test]
fn a_sign_in_goes_before_the_key_and_falls_back_to_it() {
    // A token is for Google's own address only, so the chain is asked without one, and only the
    // order of the credentials is looked at.
    let keys = keys(&[("GEMINI_API_KEY", KEY)]);
    let gemini = AiProvider { provider: ProviderKind::Gemini, ..AiProvider::default() };
    let now: hale_model::Timestamp = "2025-11-20T10:00:00Z".parse().unwrap();
    let later = "2025-11-20T11:00:00Z".parse().unwrap();
    keys.set_bearer(
        ProviderKind::Gemini,
        Some((SecretString::from("ya29.token".to_owned()), later)),
    );
    let order = |now| {
        let found = block_on(keys.credentials(&gemini, now)).unwrap();
        found
            .iter()
            .map(|c| match c {
                hale_mind::Credential::Bearer(_) => "token",
                hale_mind::Credential::ApiKey(_) => "key",
                hale_mind::Credential::None => "none",
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(order(now), ["token", "key"]);
    assert_eq!(order(later), ["key"]);
    keys.set_bearer(ProviderKind::Gemini, None);
    assert_eq!(order(now), ["key"]);
}

#[test]
fn nobody_is_asked_where_nobody_may_be() {
    let server = ModelServer::start(Wire::Ollama, vec![Turn::Text("ok".into())]);
    let chain = vec![provider(Wire::Ollama, &server)];
    let off = Ai { enabled: false, ..config(chain.clone()) };
    assert_eq!(ask(&mind(&off), &request("?")), Err(MindError::Disabled));
    assert_eq!(ask(&mind(&config(vec![])), &request("?")), Err(MindError::NoProvider));
    let tight = Governor { rss_bytes_max: 1 << 20, ..Governor::default() };
    let error = ask(&mind(&config(chain)).with_governor(tight), &request("?")).unwrap_err();
    assert!(matches!(error, MindError::MemoryShort(_)), "{error:?}");
    assert!(server.requests().is_empty());
}

/// A host with a control group of 100 MiB.
#[test]
fn the_control_groups_limit_is_kept_and_its_cache_does_not_count() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let governor = Governor { root: root.path().to_owned(), ..Governor::default() };
    assert_eq!(governor.check(), Ok(()), "what cannot be read refuses nothing");
    write("proc/self/status", "Name:\thale\nVmRSS:\t   40960 kB\n");
    write("proc/self/cgroup", "0::/system.slice/hale.service\n");
    let group = "sys/fs/cgroup/system.slice/hale.service";
    write(&format!("{group}/memory.max"), "104857600\n");
    write(&format!("{group}/memory.current"), "99614720\n");
    write(&format!("{group}/memory.stat"), "anon 1\ninactive_file 52428800\n");
    assert_eq!(governor.check(), Ok(()));
    write(&format!("{group}/memory.stat"), "anon 1\ninactive_file 0\n");
    insta::assert_snapshot!(governor.check().unwrap_err(), @"the control group /system.slice/hale.service holds 95 MiB of its 100 MiB");
    // The limit of the slice above counts too.
    write(&format!("{group}/memory.max"), "max\n");
    assert_eq!(governor.check(), Ok(()));
    write("sys/fs/cgroup/system.slice/memory.max", "1000\n");
    write("sys/fs/cgroup/system.slice/memory.current", "901\n");
    insta::assert_snapshot!(governor.check().unwrap_err(), @"the control group /system.slice holds 901 B of its 1000 B");
    write("proc/self/status", "VmRSS:\t 999999999 kB\n");
    insta::assert_snapshot!(governor.check().unwrap_err(), @"hale itself holds 954 GiB; no call is made from 512 MiB on");
}
