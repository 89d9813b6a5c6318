//! A team follows an incident in Slack from its beginning to its end, and a person there says yes.

use std::time::Duration;

use hale_model::ApprovalId;
use hale_model::action::Actor;
use hale_model::api::{Command as Wish, Query, View};
use hale_model::config::{ChannelKind, Mode, NotifyChannel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::isolated::{BOT_TOKEN, SIGNING_SECRET, isolated};
use crate::world::{Ghosts, World, settings};

#[allow(dead_code, reason = "shared with the tests of hale-act, which need more of it")]
#[path = "../../../hale-act/tests/it/wire.rs"]
mod wire;
use wire::{Asked, server};

/// Takes every message, and names each as Slack does.
fn slack(calls: &mut u32, asked: &Asked) -> (String, String) {
    *calls += 1;
    assert!(asked.authorization.starts_with("Bearer xoxb-"), "{asked:?}");
    let ts = asked.body.get("ts").cloned().unwrap_or_else(|| json!(format!("17.{calls:06}")));
    ("200 OK".to_owned(), json!({"ok": true, "channel": "C0OPS", "ts": ts}).to_string())
}

/// The question that a message's button answers.
fn question(asked: &Asked) -> Option<String> {
    let blocks = asked.body.get("blocks")?.as_array()?;
    let buttons = blocks.iter().find(|block| block["type"] == "actions")?;
    buttons.pointer("/elements/0/value").and_then(Value::as_str).map(str::to_owned)
}

#[test]
fn a_team_follows_an_incident_and_a_yes_in_slack_cures_it() {
    isolated("team::a_team_follows_an_incident_and_a_yes_in_slack_cures_it", async {
        let mut calls = 0;
        let (url, seen) = server(move |asked| slack(&mut calls, asked)).await;
        let dir = TempDir::new().unwrap();
        let mut settings = settings(dir.path(), Mode::Approve);
        settings.config.notifications.channels = vec![NotifyChannel {
            kind: ChannelKind::SlackBot,
            channel: "C0OPS".to_owned(),
            approvers: vec!["U0BOB".to_owned()],
            secret_env: BOT_TOKEN.0.to_owned(),
            signing_secret_env: SIGNING_SECRET.0.to_owned(),
            base_url: url,
            ..NotifyChannel::default()
        }];
        let world = World::start_on(settings).await.unwrap();
        let apps = world.handle.chat_apps();
        assert_eq!(apps.len(), 1);
        assert!(apps[0].signing_secret == SIGNING_SECRET.1 && apps[0].may_answer("U0BOB"));

        let ghosts = Ghosts::leave(dir.path(), 6);
        world.incident_about(&ghosts, "awaiting_approval").await;
        let id = loop {
            if let Some(id) = seen.all().iter().find_map(question) {
                break id;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let bob = Actor::Chat { channel: "slack".to_owned(), user: "U0BOB".to_owned() };
        let yes = Wish::Approve { id: ApprovalId(id.clone()), confirmed_critical: false };
        world.handle.command(yes, bob).await.unwrap();
        let incident = world.incident_about(&ghosts, "resolved").await;
        assert_eq!(ghosts.living(), 0);

        let View::Approval(approval) =
            world.handle.query(Query::Approval { id: ApprovalId(id) }).await.unwrap()
        else {
            panic!("approval gave another answer")
        };
        assert_eq!(approval.decided_by.as_deref(), Some("slack:U0BOB"));
        assert!(incident.timeline.iter().any(|line| line.text.contains("slack:U0BOB said yes")));
        let _dir = world.stop().await;

        let all = seen.all();
        let text = |asked: &Asked| asked.body["text"].as_str().unwrap_or_default().to_owned();
        let told: Vec<String> = all.iter().map(text).collect();
        for expected in ["the cause: ", "may hale do this? ", "slack:U0BOB said yes", "hale acts: "]
        {
            let thread = all.iter().filter(|asked| asked.body.get("thread_ts").is_some());
            let count = thread.filter(|asked| text(asked).starts_with(expected)).count();
            assert_eq!(count, 1, "{expected}: {told:#?}");
        }
        let approved = "process.kill";
        assert!(
            told.iter().any(|t| t.starts_with(approved) && t.ends_with("approved by <@U0BOB>")),
            "{told:#?}"
        );
        assert!(told.iter().any(|t| t.starts_with("cured and verified in ")), "{told:#?}");
        let roots = all.iter().filter(|asked| {
            asked.path == "/chat.postMessage" && asked.body.get("thread_ts").is_none()
        });
        assert_eq!(roots.count(), 1, "{told:#?}");
        assert!(!format!("{all:?}").contains(SIGNING_SECRET.1));
    });
}
