//! Teams are told incident by incident: Slack, Discord and PagerDuty as servers on the loopback that speak
//! the providers' own format and hold hale to their limits, e-mail through a real SMTP server.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use hale_act::notify::{ApprovalNews, IncidentNews, Masking, Secrets};
use hale_act::{Notification, NotificationKind, Notifier, NotifySettings};
use hale_model::action::{ApprovalState, Risk};
use hale_model::alert::Severity;
use hale_model::chat::ChatReply;
use hale_model::config::{ChannelKind, Notifications, NotifyChannel};
use hale_model::incident::IncidentState;
use hale_model::{MachineId, Timestamp};
use serde_json::{Value, json};

use crate::support::block_on;
use crate::wire::{Answer, Asked, Seen, server};

const TOKEN: &str = "xoxb-1-team-token";
const ROUTING_KEY: &str = "0123456789abcdef0123456789ABCDEF";
/// Stands in texts, and must never arrive anywhere.
const PASSWORD: &str = "correct-horse-battery";

pub fn start(channels: Vec<NotifyChannel>, secrets: &[(&str, &str)], dir: &Path) -> Notifier {
    let secrets: Vec<(String, String)> =
        secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let find = move |name: &str| {
        secrets.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let config =
        Notifications { terminal: false, desktop: false, channels, ..Notifications::default() };
    Notifier::start(NotifySettings {
        config,
        data_dir: dir.to_owned(),
        terminal: false,
        machine: MachineId::from("web-1"),
        secrets: Secrets::from_fn(find),
        masking: Masking::new(|_, text| text.replace(PASSWORD, "<secret-1>")),
    })
}

/// News of incident `in-ID`, which began now.
pub fn news(id: &str, kind: NotificationKind, title: &str, state: IncidentState) -> Notification {
    let at: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
    let is_over = state == IncidentState::Resolved;
    let news = IncidentNews {
        id: format!("in-{id}"),
        title: format!("nginx.service failed ({id})"),
        state,
        severity: Severity::High,
        opened_at: Timestamp::now(),
        closed_at: is_over.then(|| Timestamp::now() + Duration::from_secs(42)),
        cause: None,
        confidence: None,
        approval: None,
        cured_by: Vec::new(),
        saved: None,
    };
    Notification {
        at,
        kind,
        severity: Severity::High,
        machine_id: MachineId::from("web-1"),
        title: title.to_owned(),
        text: format!("the password was {PASSWORD}"),
        alert: None,
        incident_id: Some(news.id.clone()),
        commands: vec![format!("hale incidents show in-{id}")],
        key: format!("in-{id}"),
        incident: Some(Box::new(news)),
    }
}

fn with_question(mut note: Notification, state: ApprovalState, risk: Risk) -> Notification {
    let by = (state == ApprovalState::Approved).then(|| "slack:U0BOB".to_owned());
    note.incident.as_mut().unwrap().approval = Some(ApprovalNews {
        id: "ap-77".to_owned(),
        action: "service.restart nginx.service".to_owned(),
        risk,
        state,
        expires_at: "2026-03-04T06:00:00Z".parse().unwrap(),
        decided_by: by,
    });
    note
}

/// An incident's whole life, with one question.
fn life(id: &str) -> Vec<Notification> {
    use IncidentState::{Acting, AwaitingApproval, Diagnosing, Open, Resolved};
    let mut diagnosed = news(id, NotificationKind::Diagnosed, "the cause", Diagnosing);
    let mut over = news(id, NotificationKind::Resolved, "cured and verified in 42s", Resolved);
    diagnosed.incident.as_mut().unwrap().cause = Some("it ran out of memory".to_owned());
    let end = over.incident.as_mut().unwrap();
    end.cured_by = vec!["service.restart nginx.service".to_owned()];
    end.saved = Some("It saved about 29 minutes.".to_owned());
    let asks = news(id, NotificationKind::NeedsApproval, "may hale do this?", AwaitingApproval);
    let said =
        news(id, NotificationKind::ApprovalDecided, "slack:U0BOB said yes", AwaitingApproval);
    vec![
        news(id, NotificationKind::IncidentOpened, "nginx.service failed", Open),
        diagnosed,
        with_question(asks, ApprovalState::Pending, Risk::Warning),
        with_question(said, ApprovalState::Approved, Risk::Warning),
        news(id, NotificationKind::Acting, "hale acts: service.restart nginx.service", Acting),
        over,
    ]
}

fn slack_bot(url: &str, approvers: &[&str]) -> NotifyChannel {
    NotifyChannel {
        kind: ChannelKind::SlackBot,
        channel: "C0OPS".to_owned(),
        approvers: approvers.iter().map(|id| (*id).to_owned()).collect(),
        base_url: format!("{url}/api"),
        ..NotifyChannel::default()
    }
}

const SLACK_SECRETS: [(&str, &str); 2] =
    [("SLACK_BOT_TOKEN", TOKEN), ("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5")];

/// Slack's Web API, as far as hale speaks it: tokens, channels, threads, and the limits of Block Kit.
#[derive(Default)]
struct Workspace {
    messages: HashSet<String>,
    calls: u32,
}

impl Workspace {
    fn answer(&mut self, asked: &Asked) -> Answer {
        self.calls += 1;
        match self.judge(asked) {
            Ok(body) => ("200 OK".to_owned(), body.to_string()),
            // Errors come with 200, too.
            Err(word) => ("200 OK".to_owned(), json!({"ok": false, "error": word}).to_string()),
        }
    }

    fn judge(&mut self, asked: &Asked) -> Result<Value, &'static str> {
        if asked.authorization != format!("Bearer {TOKEN}") {
            return Err("invalid_auth");
        }
        let method = asked.path.strip_prefix("/api/").ok_or("unknown_method")?;
        let text = |name: &str| asked.body.get(name).and_then(Value::as_str);
        if method != "views.open" && text("channel") != Some("C0OPS") {
            return Err("channel_not_found");
        }
        if let Some(blocks) = asked.body.get("blocks").and_then(Value::as_array) {
            check_blocks(blocks)?;
        }
        match method {
            "chat.postMessage" => {
                if text("thread_ts").is_some_and(|ts| !self.messages.contains(ts)) {
                    return Err("thread_not_found");
                }
                let ts = format!("1700000000.{:06}", self.calls);
                self.messages.insert(ts.clone());
                Ok(json!({"ok": true, "channel": "C0OPS", "ts": ts}))
            }
            "chat.update" => {
                let ts = text("ts").filter(|ts| self.messages.contains(*ts));
                ts.map(|ts| json!({"ok": true, "channel": "C0OPS", "ts": ts}))
                    .ok_or("message_not_found")
            }
            "chat.postEphemeral" => text("user").map(|_| json!({"ok": true})).ok_or("no_user"),
            "views.open" => {
                let title = asked.body.pointer("/view/title/text").and_then(Value::as_str);
                let fits = title.is_some_and(|title| title.chars().count() <= 24);
                if fits { Ok(json!({"ok": true})) } else { Err("invalid_arguments") }
            }
            _ => Err("unknown_method"),
        }
    }
}

/// <https://docs.slack.dev/reference/block-kit/blocks>
fn check_blocks(blocks: &[Value]) -> Result<(), &'static str> {
    let chars = |text: Option<&Value>| text.and_then(Value::as_str).unwrap_or("").chars().count();
    let wrong = blocks.len() > 50
        || blocks.iter().any(|block| {
            let text = chars(block.pointer("/text/text"));
            let elements = block["elements"].as_array().map_or(0, Vec::len);
            match block["type"].as_str() {
                Some("header") => text == 0 || text > 150,
                Some("section") => {
                    let fields = block["fields"].as_array();
                    let long = |field: &Value| chars(field.get("text")) > 2000;
                    text > 3000
                        || (text == 0 && fields.is_none())
                        || fields.is_some_and(|f| f.len() > 10 || f.iter().any(long))
                }
                Some("actions") => elements == 0 || elements > 25,
                Some("context") => elements == 0 || elements > 10,
                _ => true,
            }
        });
    if wrong { Err("invalid_blocks") } else { Ok(()) }
}

async fn workspace() -> (String, Seen) {
    let mut workspace = Workspace::default();
    server(move |asked| workspace.answer(asked)).await
}

/// `method [thread] text`, and the buttons.
fn told(asked: &Asked) -> String {
    let method = asked.path.trim_start_matches("/api/");
    let of = |name: &str| asked.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let place = match (of("ts"), of("thread_ts")) {
        ("", "") => String::new(),
        ("", thread) => format!(" in {}", &thread[thread.len() - 2..]),
        (ts, _) => format!(" of {}", &ts[ts.len() - 2..]),
    };
    let blocks = asked.body.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
    let buttons: Vec<String> = blocks
        .iter()
        .filter(|block| block["type"] == "actions")
        .flat_map(|block| block["elements"].as_array().cloned().unwrap_or_default())
        .map(|b| format!("[{} {}]", b["action_id"].as_str().unwrap(), b["value"].as_str().unwrap()))
        .collect();
    format!("{method}{place}: {} {}", of("text"), buttons.join("")).trim_end().to_owned()
}

fn story(seen: &[Asked]) -> String {
    assert!(seen.iter().all(|asked| !asked.body.to_string().contains(PASSWORD)));
    seen.iter().map(told).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_incident_is_one_slack_thread_from_its_beginning_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = workspace().await;
        let notifier = start(vec![slack_bot(&url, &["U0BOB"])], &SLACK_SECRETS, dir.path());
        for note in life("1") {
            notifier.send(note);
        }
        let states = notifier.handle();
        notifier.shutdown(Duration::from_secs(20)).await;
        insta::assert_snapshot!(story(&seen.all()), @r#"
chat.postMessage: HIGH web-1: nginx.service failed (1): open
chat.update of 01: HIGH web-1: nginx.service failed (1): looking for the cause
chat.postMessage in 01: the cause: the password was &lt;secret-1&gt;
chat.update of 01: HIGH web-1: nginx.service failed (1): waits for a person's approval
chat.postMessage in 01: may hale do this?: the password was &lt;secret-1&gt; [hale_approve ap-77][hale_reject ap-77]
chat.update of 05: service.restart nginx.service: approved by <@U0BOB>
chat.postMessage in 01: slack:U0BOB said yes: the password was &lt;secret-1&gt;
chat.update of 01: HIGH web-1: nginx.service failed (1): acting
chat.postMessage in 01: hale acts: service.restart nginx.service: the password was &lt;secret-1&gt;
chat.update of 01: HIGH web-1: nginx.service failed (1): resolved after 42s
chat.postMessage in 01: cured and verified in 42s: the password was &lt;secret-1&gt;
"#);
        let root = seen.all()[seen.all().len() - 2].clone();
        insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME")]}, {
        insta::assert_json_snapshot!(root.body["blocks"], @r#"
[
  {
    "type": "header",
    "text": {
      "type": "plain_text",
      "text": "HIGH web-1: nginx.service failed (1)"
    }
  },
  {
    "type": "section",
    "fields": [
      {
        "type": "mrkdwn",
        "text": "*State*\nresolved after 42s"
      },
      {
        "type": "mrkdwn",
        "text": "*Severity*\nhigh"
      },
      {
        "type": "mrkdwn",
        "text": "*Machine*\nweb-1"
      },
      {
        "type": "mrkdwn",
        "text": "*Since*\nTIME"
      }
    ]
  },
  {
    "type": "section",
    "text": {
      "type": "mrkdwn",
      "text": "Cured by service.restart nginx.service, and verified. It saved about 29 minutes."
    }
  },
  {
    "type": "context",
    "elements": [
      {
        "type": "mrkdwn",
        "text": "hale · in-1 · `hale incidents show in-1`"
      }
    ]
  }
]
"#);
        });
        let state = states.states().into_iter().find(|s| s.name == "slack_bot").unwrap();
        assert_eq!((state.delivered, state.given_up, state.trouble), (6, 0, None));
    });
}

#[test]
fn nobody_who_may_approve_means_no_buttons_but_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = workspace().await;
        let notifier = start(vec![slack_bot(&url, &[])], &SLACK_SECRETS[..1], dir.path());
        for note in life("1").into_iter().take(3) {
            notifier.send(note);
        }
        notifier.shutdown(Duration::from_secs(20)).await;
        let question = seen.all().last().unwrap().clone();
        let text = question.body["blocks"].to_string();
        assert!(!text.contains("\"actions\""), "{text}");
        assert!(text.contains("hale incidents show in-1"), "{text}");
    });
}

#[test]
fn a_hale_that_begins_anew_goes_on_in_the_same_thread() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = workspace().await;
        for part in life("1").chunks(3) {
            let notifier = start(vec![slack_bot(&url, &["*"])], &SLACK_SECRETS, dir.path());
            for note in part {
                let mut note = note.clone();
                // Both halves are of one incident, older than either hale.
                let began: Timestamp = "2026-03-04T05:00:00Z".parse().unwrap();
                note.incident.as_mut().unwrap().opened_at = began;
                notifier.send(note);
            }
            notifier.shutdown(Duration::from_secs(20)).await;
        }
        let roots = seen.all().iter().filter(|a| told(a).starts_with("chat.postMessage:")).count();
        assert_eq!(roots, 1, "{}", story(&seen.all()));
        let file = dir.path().join("slack-C0OPS.json");
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    });
}

#[test]
fn slack_is_waited_for_when_it_says_so_and_its_errors_are_told_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (mut workspace, mut calls) = (Workspace::default(), 0);
        let limited = move |asked: &Asked| {
            calls += 1;
            if calls == 1 {
                let body = json!({"ok": false, "error": "ratelimited"}).to_string();
                return ("429 Too Many Requests\r\nretry-after: 2".to_owned(), body);
            }
            workspace.answer(asked)
        };
        let (url, seen) = server(limited).await;
        let mut elsewhere = slack_bot(&url, &[]);
        elsewhere.channel = "C0ELSE".to_owned();
        elsewhere.name = "elsewhere".to_owned();
        let notifier = start(vec![slack_bot(&url, &[])], &SLACK_SECRETS, dir.path());
        let began = Instant::now();
        notifier.send(life("1").remove(0));
        seen.wait(2).await;
        assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
        notifier.shutdown(Duration::from_secs(20)).await;

        let notifier = start(vec![elsewhere], &SLACK_SECRETS, dir.path());
        notifier.send(life("2").remove(0));
        let handle = notifier.handle();
        notifier.shutdown(Duration::from_secs(20)).await;
        let trouble = handle.states().pop().unwrap().trouble.unwrap();
        assert_eq!(
            trouble,
            "chat.postMessage: Slack says channel_not_found: check `channel`; the bot sees only channels it is in"
        );
    });
}

#[test]
fn a_person_in_slack_is_answered_at_once_and_a_critical_question_opens_a_window() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = workspace().await;
        let notifier = start(vec![slack_bot(&url, &["*"])], &SLACK_SECRETS, dir.path());
        notifier.handle().chat(&ChatReply::Whisper {
            channel: "C0OPS".to_owned(),
            user: "U0EVE".to_owned(),
            text: format!("no <!channel>: {PASSWORD}"),
        });
        notifier.handle().chat(&ChatReply::AskYes {
            trigger_id: "1.2.abc".to_owned(),
            channel: "C0OPS".to_owned(),
            approval: "ap-77".to_owned(),
            action: "command.run rm".to_owned(),
            why: "it may lose work".to_owned(),
        });
        let seen = seen.wait(2).await;
        assert_eq!(story(&seen[..1]), "chat.postEphemeral: no &lt;!channel&gt;: &lt;secret-1&gt;");
        let view = &seen[1].body["view"];
        assert_eq!(view["callback_id"], "hale_yes");
        assert_eq!(view["private_metadata"], r#"{"approval":"ap-77","channel":"C0OPS"}"#);
        assert_eq!(view["blocks"][1]["element"]["action_id"], "typed");
        notifier.shutdown(Duration::from_secs(5)).await;
    });
}

fn of_kind(kind: ChannelKind) -> NotifyChannel {
    NotifyChannel { kind, ..NotifyChannel::default() }
}

#[test]
fn discord_is_waited_for_as_its_body_says() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let mut calls = 0;
        let (url, seen) = server(move |_| {
            calls += 1;
            if calls > 1 {
                return ("204 No Content".to_owned(), String::new());
            }
            let limited = json!({"message": "You are being rate limited.", "retry_after": 1.5, "global": false});
            ("429 Too Many Requests".to_owned(), limited.to_string())
        })
        .await;
        let secret = format!("{url}/api/webhooks/1/abc");
        let notifier = start(
            vec![of_kind(ChannelKind::Discord)],
            &[("DISCORD_WEBHOOK_URL", secret.as_str())],
            dir.path(),
        );
        let began = Instant::now();
        life("1").into_iter().for_each(|note| notifier.send(note));
        let seen = seen.wait(7).await;
        assert!(began.elapsed() >= Duration::from_millis(1400), "{:?}", began.elapsed());
        assert_eq!(seen[0].path, "/api/webhooks/1/abc");
        let titles: Vec<_> =
            seen[1..].iter().map(|a| a.body["embeds"][0]["title"].as_str().unwrap()).collect();
        insta::assert_snapshot!(titles.join("\n"), @r#"
nginx.service failed
the cause
may hale do this?
slack:U0BOB said yes
hale acts: service.restart nginx.service
cured and verified in 42s
"#);
        assert!(seen.iter().all(|a| !a.body.to_string().contains(PASSWORD)));
        notifier.shutdown(Duration::from_secs(5)).await;
    });
}

/// Events API v2: what is not an event is 400 with `errors`.
fn pager(asked: &Asked) -> Answer {
    let body = &asked.body;
    let action = body["event_action"].as_str().unwrap_or_default();
    let payload = &body["payload"];
    let severities = ["critical", "error", "warning", "info"];
    let is_trigger = payload["summary"].as_str().is_some_and(|s| (1..=1024).contains(&s.len()))
        && payload["source"].is_string()
        && severities.contains(&payload["severity"].as_str().unwrap_or_default());
    let dedup = body["dedup_key"].as_str().filter(|key| (1..=255).contains(&key.len()));
    let good = asked.path == "/v2/enqueue"
        && body["routing_key"].as_str().is_some_and(|key| key.len() == 32)
        && dedup.is_some()
        && match action {
            "trigger" => is_trigger,
            "acknowledge" | "resolve" => true,
            _ => false,
        };
    if good {
        let body = json!({"status": "success", "message": "Event processed", "dedup_key": dedup});
        ("202 Accepted".to_owned(), body.to_string())
    } else {
        let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": ["?"]});
        ("400 Bad Request".to_owned(), body.to_string())
    }
}

#[test]
fn a_person_is_paged_when_hale_needs_one_and_not_for_what_it_cures_alone() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = server(pager).await;
        let channel = NotifyChannel { base_url: url, ..of_kind(ChannelKind::Pagerduty) };
        let secrets = [("PAGERDUTY_ROUTING_KEY", ROUTING_KEY)];
        let notifier = start(vec![channel], &secrets, dir.path());
        let alone = life("alone").into_iter();
        alone.filter(|n| !matches!(n.kind, NotificationKind::NeedsApproval)).for_each(|note| {
            notifier.send(note);
        });
        life("asked").into_iter().for_each(|note| notifier.send(note));
        // In a flood everybody who is needed is still called, and called off.
        for at in 0..60 {
            let id = format!("flood-{at}");
            let escalated = IncidentState::Escalated;
            notifier.send(news(&id, NotificationKind::Escalation, "needs a person", escalated));
            notifier.send(news(&id, NotificationKind::Resolved, "over", IncidentState::Resolved));
        }
        notifier.shutdown(Duration::from_secs(20)).await;
        let seen = seen.all();
        let events: Vec<String> = seen
            .iter()
            .map(|asked| {
                let key = asked.body["dedup_key"].as_str().unwrap();
                format!("{} {key}", asked.body["event_action"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            events[..5],
            [
                "trigger hale/web-1/in-asked",
                "acknowledge hale/web-1/in-asked",
                "resolve hale/web-1/in-asked",
                "trigger hale/web-1/in-flood-0",
                "resolve hale/web-1/in-flood-0",
            ]
        );
        assert_eq!(events.len(), 3 + 120);
        let payload = &seen[0].body["payload"];
        assert_eq!(payload["summary"], "web-1: may hale do this?");
        assert_eq!(payload["custom_details"]["why"], "the password was <secret-1>");
        assert_eq!(payload["custom_details"]["asked"], "service.restart nginx.service");
    });
}

#[test]
fn in_a_flood_a_chat_is_told_of_a_few_incidents_and_of_the_rest_in_one_digest() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = workspace().await;
        let notifier = start(vec![slack_bot(&url, &[])], &SLACK_SECRETS, dir.path());
        for at in 0..50 {
            let open = IncidentState::Open;
            notifier.send(news(&at.to_string(), NotificationKind::IncidentOpened, "failed", open));
        }
        for at in 0..50 {
            let over = IncidentState::Resolved;
            notifier.send(news(&at.to_string(), NotificationKind::Resolved, "over", over));
        }
        notifier.shutdown(Duration::from_secs(30)).await;
        let seen = seen.all();
        let roots: Vec<_> =
            seen.iter().map(told).filter(|t| t.starts_with("chat.postMessage:")).collect();
        assert_eq!(roots.len(), 11, "{roots:#?}");
        assert!(roots[10].contains("40 notifications"), "{}", roots[10]);
        // Each that was begun is ended: the first message changed, one more in the thread.
        assert_eq!(seen.len(), 11 + 2 * 10);
    });
}

#[test]
fn a_dead_channel_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        // Accepts, and never answers.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hole = format!("http://{}", listener.local_addr().unwrap());
        let (url, seen) = server(pager).await;
        let channels = vec![
            slack_bot(&hole, &[]),
            NotifyChannel {
                smtp_url: format!("smtp://{}", listener.local_addr().unwrap()),
                from: "hale@example.org".to_owned(),
                to: vec!["a@example.org".to_owned()],
                ..of_kind(ChannelKind::Email)
            },
            NotifyChannel { base_url: url, ..of_kind(ChannelKind::Pagerduty) },
        ];
        let secrets = [("SLACK_BOT_TOKEN", TOKEN), ("PAGERDUTY_ROUTING_KEY", ROUTING_KEY)];
        let notifier = start(channels, &secrets, dir.path());
        let began = Instant::now();
        for at in 0..200 {
            let id = at.to_string();
            let escalated = IncidentState::Escalated;
            notifier.send(news(&id, NotificationKind::Escalation, "needs a person", escalated));
        }
        assert!(began.elapsed() < Duration::from_millis(500));
        seen.wait(200).await;
        notifier.shutdown(Duration::from_secs(1)).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    });
}

#[test]
fn what_a_channel_lacks_is_told_without_its_secret() {
    let bot = slack_bot("http://127.0.0.1:9", &["U0BOB"]);
    let mail = NotifyChannel {
        name: "oncall".to_owned(),
        smtp_url: "smtps://mail.example.org".to_owned(),
        smtp_user: "hale".to_owned(),
        from: "hale@example.org".to_owned(),
        to: vec!["a@example.org".to_owned()],
        ..of_kind(ChannelKind::Email)
    };
    let channels = vec![
        of_kind(ChannelKind::Slack),
        of_kind(ChannelKind::Discord),
        bot,
        mail,
        of_kind(ChannelKind::Pagerduty),
    ];
    let config = Notifications { channels, ..Notifications::default() };
    let secrets = Secrets::from_fn(|name| match name {
        "SLACK_WEBHOOK_URL" => Some("hooks.slack.com/services/s3cret".to_owned()),
        "DISCORD_WEBHOOK_URL" => Some("https://discord.com/api/webhooks/1/s3cret".to_owned()),
        "SLACK_BOT_TOKEN" => Some(" xoxb-s3cret\n".to_owned()),
        "PAGERDUTY_ROUTING_KEY" => Some("s3cret".to_owned()),
        _ => None,
    });
    let survey = hale_act::notify::survey(&config, &secrets);
    let lines: Vec<String> = survey
        .iter()
        .map(|state| format!("{}: {}", state.name, state.trouble.as_deref().unwrap_or("ready")))
        .collect();
    assert!(!lines.join("").contains("s3cret"), "{lines:?}");
    insta::assert_snapshot!(lines.join("\n"), @r#"
slack: SLACK_WEBHOOK_URL holds no http(s) address (relative URL without a base); it takes https://HOST/PATH
discord: ready
slack_bot: approvers are named, and SLACK_SIGNING_SECRET, without which no button can be trusted, is neither in the environment nor among systemd's credentials
oncall (email): SMTP_PASSWORD is neither in the environment nor among systemd's credentials
pagerduty: PAGERDUTY_ROUTING_KEY holds no routing key: it is 32 letters and digits, the integration key of an Events API v2 integration
"#);
}
