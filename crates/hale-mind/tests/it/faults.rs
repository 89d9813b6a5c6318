//! Everything that can go wrong with one provider, what it is called, and that no key is in it.

use hale_mind::keys::{Keys, Places};
use hale_mind::{FaultKind, MemoryLedger, Mind, MindError, ProviderError, Purpose};
use hale_testkit::model_server::{ModelServer, Turn, Wire};
use proptest::prelude::*;
use std::sync::Arc;

use crate::support::{IMPATIENT, PATIENT, ask, block_on, config, mind, provider, request};

/// The one error of a chain of one.
fn fault(wire: Wire, turn: Turn) -> ProviderError {
    let hangs = matches!(turn, Turn::Hang | Turn::HangAfter(_));
    let server = ModelServer::start(wire, vec![turn]);
    let mind = mind(&config(vec![provider(wire, &server)]));
    let mind = if hangs { mind.with_patience(IMPATIENT) } else { mind };
    match ask(&mind, &request("?")) {
        Err(MindError::AllFailed(mut errors)) => errors.remove(0),
        other => panic!("{wire:?}: {other:?}"),
    }
}

#[test]
fn every_fault_has_its_name_whoever_has_it() {
    let limited = |secs: u64| FaultKind::RateLimited { retry_after_secs: Some(secs) };
    let overloaded = FaultKind::Overloaded { retry_after_secs: None };
    let table: Vec<(Turn, FaultKind)> = vec![
        (Turn::error(401, "invalid x-api-key"), FaultKind::Unauthorized),
        (Turn::error(403, "forbidden"), FaultKind::Unauthorized),
        (Turn::error(400, "bad request"), FaultKind::Rejected),
        (Turn::error(404, "model not found"), FaultKind::NotFound),
        (Turn::error(413, "too large"), FaultKind::TooLarge),
        (Turn::error(400, "prompt is too long: 300000 tokens"), FaultKind::TooLarge),
        (
            Turn::Error {
                status: 429,
                message: "slow down".into(),
                retry_after: Some("17".into()),
            },
            limited(17),
        ),
        (Turn::error(429, "quota"), FaultKind::RateLimited { retry_after_secs: None }),
        (Turn::error(500, "oops"), FaultKind::Server),
        (Turn::error(502, "bad gateway"), FaultKind::Server),
        (Turn::error(503, "busy"), overloaded.clone()),
        (Turn::error(504, "gateway timeout"), FaultKind::Timeout),
        (Turn::error(529, "overloaded"), overloaded),
        (Turn::error(302, "elsewhere"), FaultKind::NotFound),
        (Turn::Hang, FaultKind::Timeout),
        (Turn::HangAfter("so far".into()), FaultKind::Timeout),
        (Turn::Close, FaultKind::Unreachable),
        (Turn::TruncatedAfter("so far".into()), FaultKind::Garbage),
        (Turn::ClosedAfter("so far".into()), FaultKind::Garbage),
        (Turn::Flood(8 << 20), FaultKind::Garbage),
        (Turn::html(), FaultKind::Garbage),
        (Turn::Text(String::new()), FaultKind::Garbage),
        (Turn::json(&serde_json::json!({"hello": "world"})), FaultKind::Garbage),
        (Turn::json(&serde_json::json!([])), FaultKind::Garbage),
        (
            Turn::Raw {
                status: 200,
                content_type: "text/event-stream".into(),
                body: "data: {\n\n".into(),
            },
            FaultKind::Garbage,
        ),
        (
            Turn::Raw { status: 200, content_type: "application/json".into(), body: String::new() },
            FaultKind::Garbage,
        ),
    ];
    for wire in Wire::ALL {
        for (turn, expected) in &table {
            let error = fault(wire, turn.clone());
            assert_eq!(&error.fault, expected, "{wire:?} {turn:?}: {error}");
            assert!(!error.hint().is_empty());
        }
        if wire != Wire::Ollama {
            assert_eq!(fault(wire, Turn::Refusal).fault, FaultKind::Refused, "{wire:?}");
        }
    }
}

#[test]
fn an_error_within_the_stream_is_an_error() {
    for wire in Wire::ALL {
        let error = fault(wire, Turn::ErrorAfter("so far".into(), "overloaded, sorry".into()));
        let kind = error.fault.clone();
        assert!(
            matches!(kind, FaultKind::Overloaded { .. } | FaultKind::Server),
            "{wire:?}: {error}"
        );
        assert_eq!(error.detail, "overloaded, sorry", "{wire:?}");
    }
}

#[test]
fn errors_read_well() {
    let shown = |turn| {
        let error = fault(Wire::Anthropic, turn);
        format!("{error}\n  → {}", error.hint())
    };
    let all = [
        shown(Turn::error(401, "invalid x-api-key")),
        shown(Turn::Error {
            status: 429,
            message: "slow down".into(),
            retry_after: Some("17".into()),
        }),
        shown(Turn::html()),
        shown(Turn::TruncatedAfter("so".into())),
        shown(Turn::Flood(8 << 20)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    anthropic claude-sonnet-4-5: the key was refused: HTTP 401: invalid x-api-key
      → put a valid key into TEST_KEY, or store one with `hale setup`
    anthropic claude-sonnet-4-5: too many requests; it asks to wait 17 s: HTTP 429: slow down
      → wait, raise the quota at the provider, or add a second provider
    anthropic claude-sonnet-4-5: its answer cannot be read: a web page instead of an answer: <!doctype html><html><title>Sign in to the network</title></html>
      → look at base_url: does it lead to this kind of API?
    anthropic claude-sonnet-4-5: its answer cannot be read: the answer broke off before its end
      → look at base_url: does it lead to this kind of API?
    anthropic claude-sonnet-4-5: its answer cannot be read: an answer of more than 4 MiB, cut off
      → look at base_url: does it lead to this kind of API?
    ");
}

#[test]
fn a_wait_may_be_a_date_or_gemini_s_own() {
    let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3000);
    let date = jiff::fmt::rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    let turn = Turn::Error { status: 429, message: "x".into(), retry_after: Some(date) };
    let FaultKind::RateLimited { retry_after_secs: Some(secs) } = fault(Wire::OpenAi, turn).fault
    else {
        panic!("not limited")
    };
    assert!((2800..=3000).contains(&secs), "{secs}");
    let body = serde_json::json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.2s"}]}});
    let turn =
        Turn::Raw { status: 429, content_type: "application/json".into(), body: body.to_string() };
    let expected = FaultKind::RateLimited { retry_after_secs: Some(37) };
    assert_eq!(fault(Wire::Gemini, turn).fault, expected);
}

#[test]
fn gemini_calls_a_wrong_key_a_bad_request() {
    let error =
        fault(Wire::Gemini, Turn::error(400, "API key not valid. Please pass a valid API key."));
    assert_eq!(error.fault, FaultKind::Unauthorized);
}

#[test]
fn nobody_there_is_unreachable() {
    let server = ModelServer::start(Wire::OpenAi, vec![]);
    let provider = provider(Wire::OpenAi, &server);
    drop(server);
    match ask(&mind(&config(vec![provider])), &request("?")) {
        Err(MindError::AllFailed(errors)) => assert_eq!(errors[0].fault, FaultKind::Unreachable),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_beyond_the_limit_never_leaves() {
    let server = ModelServer::start(Wire::OpenAi, vec![Turn::Text("ok".into())]);
    let mind = mind(&config(vec![provider(Wire::OpenAi, &server)]));
    let request = request(&"x".repeat(hale_mind::REQUEST_BYTES_MAX));
    match ask(&mind, &request) {
        Err(MindError::AllFailed(errors)) => assert_eq!(errors[0].fault, FaultKind::TooLarge),
        other => panic!("{other:?}"),
    }
    assert!(server.requests().is_empty());
}

/// A server that repeats the key wherever it can.
fn echo(at: usize, key: &str) -> Turn {
    match at {
        0 => Turn::error(401, &format!("Incorrect API key provided: {key}.")),
        1 => Turn::error(500, key),
        2 => Turn::Raw {
            status: 200,
            content_type: "text/html".into(),
            body: format!("<b>{key}</b>"),
        },
        3 => Turn::Raw { status: 400, content_type: "text/plain".into(), body: key.into() },
        4 => Turn::ErrorAfter(key.into(), format!("{key}{key}")),
        5 => Turn::json(&serde_json::json!({"error": {"message": format!("Bearer {key}")}})),
        6 => Turn::Raw {
            status: 200,
            content_type: "text/event-stream".into(),
            body: format!("data: {key}\n\n"),
        },
        7 => Turn::Tools(vec![(String::new(), serde_json::json!({"k": key}))]),
        _ => Turn::error(
            404,
            &format!("no {}…{} here", &key[..key.len() / 2], &key[key.len() / 2..]),
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_error_holds_the_key(key in "[A-Za-z0-9_-]{12,80}", wire in 0usize..3, at in 0usize..9) {
        let wire = Wire::ALL[wire];
        let server = ModelServer::start(wire, vec![echo(at, &key)]);
        let keys = Keys::new(Places {
            environment: { let key = key.clone(); Box::new(move |_| Some(key.clone())) },
            credentials_dir: None,
            config_dir: None,
            session_bus: None,
        });
        let keys = Arc::new(keys);
        let mind = Mind::new(&config(vec![provider(wire, &server)]), Arc::clone(&keys), Arc::new(MemoryLedger::default()))
            .with_patience(PATIENT);
        let mut heard = Vec::new();
        let result = block_on(mind.ask(&request("?"), Purpose::Person, &mut |delta| heard.push(delta)));
        let error = result.err();
        prop_assert!(error.is_some(), "{wire:?} {at}");
        let failed: Vec<_> = heard.iter().filter(|d| matches!(d, hale_mind::Delta::Failed(_))).collect();
        let credentials = block_on(keys.credentials(&mind.config().providers[0], jiff::Timestamp::now()));
        let shown = format!("{error:?} {} {failed:?} {keys:?} {credentials:?}", error.as_ref().map(ToString::to_string).unwrap_or_default());
        for part in [&key[..], &key[..8], &key[key.len() - 8..]] {
            prop_assert!(!shown.contains(part), "{shown}");
        }
    }
}
