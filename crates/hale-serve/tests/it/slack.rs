//! Buttons pressed in Slack: signed as Slack signs, once, by those who may; everything else is refused.

use std::time::Duration;

use aws_lc_rs::hmac;
use hale_model::action::Actor;
use hale_model::api::Command;
use hale_model::chat::{ChatApp, ChatReply};
use hale_model::{ApprovalId, Timestamp};
use serde_json::{Value, json};

use crate::scripted::{Reply, Server};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

async fn server() -> Server {
    let server = Server::start().await;
    let app = |channel: &str, approvers: &[&str], secret: &str| ChatApp {
        signing_secret: secret.to_owned(),
        channel: channel.to_owned(),
        approvers: approvers.iter().map(|id| (*id).to_owned()).collect(),
    };
    *server.handle.apps.lock().unwrap() = vec![
        app("C0OPS", &["U0BOB"], SECRET),
        app("C0ALL", &["*"], SECRET),
        app("C0ELSE", &["*"], "another secret"),
    ];
    server
}

fn signature(secret: &str, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{time}:{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={hex}")
}

/// `payload=` and the JSON, with everything escaped that a form escapes.
fn form(payload: &Value) -> String {
    let text = payload.to_string();
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        b' ' => "+".to_owned(),
        other => format!("%{other:02X}"),
    });
    format!("payload={}", escaped.collect::<String>())
}

async fn send(server: &Server, body: &str, time: &str, signature: &str) -> Reply {
    let request = format!(
        "POST /api/v1/webhooks/slack HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         X-Slack-Request-Timestamp: {time}\r\nX-Slack-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        server.tcp,
        body.len()
    );
    server.tcp(&request).await
}

async fn signed(server: &Server, payload: &Value) -> Reply {
    let (body, time) = (form(payload), Timestamp::now().as_second().to_string());
    send(server, &body, &time, &signature(SECRET, &time, &body)).await
}

fn press(button: &str, approval: &str, channel: &str, user: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": {"id": user, "username": "bob", "team_id": "T0"},
        "api_app_id": "A0",
        "token": "verification-token",
        "container": {"type": "message", "message_ts": "1.2", "channel_id": channel},
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        "channel": {"id": channel, "name": "ops"},
        "response_url": "https://hooks.slack.com/actions/T0/1/x",
        "actions": [{"type": "button", "action_id": button, "block_id": "hale_approval",
                     "value": approval, "action_ts": "1548426417.840180"}],
    })
}

fn typed(word: &str, user: &str) -> Value {
    json!({
        "type": "view_submission",
        "user": {"id": user},
        "view": {
            "callback_id": "hale_yes",
            "private_metadata": "{\"approval\":\"ap-critical\",\"channel\":\"C0OPS\"}",
            "state": {"values": {"yes": {"typed": {"type": "plain_text_input", "value": word}}}},
        },
    })
}

/// What was wished or said after the answer; empty if nothing was.
async fn settled(server: &Server) -> (Vec<(Command, Actor)>, Vec<ChatReply>) {
    for _ in 0..100 {
        let wished = std::mem::take(&mut *server.handle.wished.lock().unwrap());
        let said = std::mem::take(&mut *server.handle.said.lock().unwrap());
        if !wished.is_empty() || !said.is_empty() {
            return (wished, said);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (Vec::new(), Vec::new())
}

fn bob() -> Actor {
    Actor::Chat { channel: "slack".to_owned(), user: "U0BOB".to_owned() }
}

#[tokio::test]
async fn a_press_becomes_the_command_of_the_person_who_pressed() {
    let server = server().await;
    let id = || ApprovalId("ap-0123456789".to_owned());
    let reply = signed(&server, &press("hale_approve", "ap-0123456789", "C0OPS", "U0BOB")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    let (wished, said) = settled(&server).await;
    assert_eq!(
        (wished, said),
        (vec![(Command::Approve { id: id(), confirmed_critical: false }, bob())], vec![])
    );

    signed(&server, &press("hale_reject", "ap-0123456789", "C0OPS", "U0BOB")).await;
    let why = Some("in Slack".to_owned());
    let (wished, _) = settled(&server).await;
    assert_eq!(wished, [(Command::Reject { id: id(), why }, bob())]);

    // `*` is everyone in that channel.
    signed(&server, &press("hale_approve", "ap-0123456789", "C0ALL", "U0EVE")).await;
    assert_eq!(settled(&server).await.0.len(), 1);
}

#[tokio::test]
async fn who_may_not_and_what_cannot_be_done_is_answered_to_them_alone() {
    let server = server().await;
    for (payload, said) in [
        (
            press("hale_approve", "ap-0123456789", "C0OPS", "U0EVE"),
            "you are not among the approvers",
        ),
        (
            press("hale_reject", "ap-0123456789", "C0OPS", "U0EVE"),
            "you are not among the approvers",
        ),
        // Signed, but by an app that has no word in that channel.
        (
            press("hale_approve", "ap-0123456789", "C0ELSE", "U0BOB"),
            "you are not among the approvers",
        ),
        (press("hale_approve", "ap-nope", "C0OPS", "U0BOB"), "there is no approval ap-nope"),
        (press("hale_approve", "ap-refused", "C0OPS", "U0BOB"), "the target changed"),
        (typed("YES", "U0EVE"), "you are not among the approvers"),
    ] {
        assert_eq!(signed(&server, &payload).await.status, 200, "{said}");
        let mut words = String::new();
        for _ in 0..3 {
            for reply in settled(&server).await.1 {
                let ChatReply::Whisper { text, .. } = reply else { panic!("{reply:?}") };
                words.push_str(&text);
            }
            if !words.is_empty() {
                break;
            }
        }
        assert!(words.contains(said), "{words} is not: {said}");
    }
}

#[tokio::test]
async fn a_critical_action_takes_a_typed_yes() {
    let server = server().await;
    signed(&server, &press("hale_approve", "ap-critical", "C0OPS", "U0BOB")).await;
    let (wished, said) = settled(&server).await;
    assert_eq!(wished, []);
    assert!(
        matches!(&said[..], [ChatReply::AskYes { approval, action, trigger_id, .. }]
            if approval == "ap-critical" && action == "disk.clean /var" && trigger_id.starts_with("13345")),
        "{said:?}"
    );
    for word in ["yes", "YES!", "", "Y E S"] {
        let reply = signed(&server, &typed(word, "U0BOB")).await;
        assert_eq!(reply.json()["response_action"], "errors", "{word}");
    }
    let reply = signed(&server, &typed(" YES ", "U0BOB")).await;
    assert_eq!(reply.json(), json!({"response_action": "clear"}));
    let (wished, said) = settled(&server).await;
    let id = ApprovalId("ap-critical".to_owned());
    assert_eq!(
        (wished, said),
        (vec![(Command::Approve { id, confirmed_critical: true }, bob())], vec![])
    );
}

#[tokio::test]
async fn what_slack_did_not_sign_now_and_once_is_refused() {
    let server = server().await;
    let body = form(&press("hale_approve", "ap-0123456789", "C0OPS", "U0BOB"));
    let now = Timestamp::now().as_second();
    let time = now.to_string();
    let good = signature(SECRET, &time, &body);
    let old = (now - 301).to_string();
    let early = (now + 330).to_string();
    for (time, sign, status, what) in [
        (time.as_str(), signature("wrong", &time, &body), 401, "another secret"),
        (&time, signature(SECRET, &time, "payload={}"), 401, "another body"),
        (&time, good.replace("v0=", "v1="), 401, "another version"),
        (&time, good.to_uppercase(), 401, "not as Slack writes it"),
        (&time, good[..60].to_owned(), 401, "cut off"),
        (&time, String::new(), 401, "none"),
        (&old, signature(SECRET, &old, &body), 401, "too old"),
        (&early, signature(SECRET, &early, &body), 401, "of the future"),
        ("", signature(SECRET, "", &body), 401, "no time"),
        ("-5", signature(SECRET, "-5", &body), 401, "no time"),
        ("99999999999999999999", signature(SECRET, "99999999999999999999", &body), 401, "no time"),
    ] {
        let reply = send(&server, &body, time, &sign).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.body);
    }
    assert_eq!(server.handle.wished.lock().unwrap().len(), 0);
    assert_eq!(send(&server, &body, &time, &good).await.status, 200);
    let again = send(&server, &body, &time, &good).await;
    assert_eq!((again.status, again.error().as_str()), (403, "this request was taken before"));
    assert_eq!(settled(&server).await.0.len(), 1);
    assert_eq!(settled(&server).await.0.len(), 0);
}

#[tokio::test]
async fn bodies_that_are_not_slacks_are_refused_and_what_is_not_ours_is_passed_over() {
    let server = server().await;
    let time = Timestamp::now().as_second().to_string();
    for body in [
        "",
        "payload=",
        "payload=%7B",
        "payload=%7b%7d",
        "payload=%zz",
        "payload=%f",
        "payload=%ff%fe",
        "{\"type\":\"block_actions\"}",
        &form(&json!({"type": "block_actions", "user": {"id": "U0<BOB>"}})),
        &form(&press("hale_approve", "ap'; DROP TABLE x", "C0OPS", "U0BOB")),
        &form(&press("hale_approve", "", "C0OPS", "U0BOB")),
        &form(&json!({"type": "view_submission", "user": {"id": "U0BOB"},
                      "view": {"callback_id": "hale_yes", "private_metadata": "x"}})),
        &"[".repeat(100_000),
    ] {
        let reply = send(&server, body, &time, &signature(SECRET, &time, body)).await;
        assert_eq!(reply.status, 400, "{body:.80}: {}", reply.body);
    }
    let large = "a".repeat(300 * 1024);
    let reply = send(&server, &large, &time, &signature(SECRET, &time, &large)).await;
    assert_eq!(reply.status, 413);
    for payload in [
        json!({"type": "shortcut", "user": {"id": "U0BOB"}}),
        json!({"type": "block_actions", "user": {"id": "U0BOB"}, "actions": []}),
        press("some_other_button", "x", "C0OPS", "U0BOB"),
    ] {
        assert_eq!(signed(&server, &payload).await.status, 200, "{payload}");
    }
    assert_eq!(server.handle.wished.lock().unwrap().len(), 0);
    assert_eq!(server.handle.said.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn without_an_app_nothing_is_taken_and_one_address_cannot_flood() {
    let lone = Server::start().await;
    let reply = signed(&lone, &press("hale_approve", "ap-0123456789", "C0OPS", "U0BOB")).await;
    assert_eq!(reply.status, 403);
    let server = server().await;
    let mut refused = 0;
    for _ in 0..60 {
        refused += u32::from(send(&server, "payload=x", "1", "v0=").await.status == 429);
    }
    assert!(refused > 10, "{refused}");
}
