//! Answers to whoever pressed a button: at once or never, for Slack lets go of the press after three
//! seconds. Apart from the news, so that neither waits for the other.

use hale_model::chat::ChatReply;
use hale_model::text::shorten;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::api::Api;
use crate::notify::webhook_body::slack_escape;

/// Answers that wait.
const REPLIES_MAX: usize = 32;
/// Bytes of an answer.
const REPLY_BYTES_MAX: usize = 2000;

pub(in crate::notify) fn start(
    mut api: Api,
    workers: &mut Vec<JoinHandle<()>>,
) -> mpsc::Sender<ChatReply> {
    let (queue, mut waiting) = mpsc::channel(REPLIES_MAX);
    workers.push(tokio::spawn(async move {
        while let Some(reply) = waiting.recv().await {
            let (method, body) = request(&reply);
            if let Err(why) = api.call_once(method, &body).await {
                tracing::warn!("an answer in Slack was not delivered: {why}");
            }
        }
    }));
    queue
}

fn request(reply: &ChatReply) -> (&'static str, Value) {
    match reply {
        ChatReply::Whisper { channel, user, text } => (
            "chat.postEphemeral",
            json!({"channel": channel, "user": user, "text": slack_escape(text, REPLY_BYTES_MAX)}),
        ),
        ChatReply::AskYes { trigger_id, channel, approval, action, why } => {
            let view = window(channel, approval, action, why);
            ("views.open", json!({"trigger_id": trigger_id, "view": view}))
        }
    }
}

/// <https://docs.slack.dev/reference/views/modal-views>
fn window(channel: &str, approval: &str, action: &str, why: &str) -> Value {
    let words = format!(
        "*{}*\n{}",
        slack_escape(action, REPLY_BYTES_MAX / 2),
        slack_escape(why, REPLY_BYTES_MAX / 2)
    );
    json!({
        "type": "modal",
        "callback_id": "hale_yes",
        "private_metadata": json!({"approval": approval, "channel": channel}).to_string(),
        "title": {"type": "plain_text", "text": "A critical action"},
        "submit": {"type": "plain_text", "text": "Do it"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": words}},
            {
                "type": "input",
                "block_id": "yes",
                "label": {"type": "plain_text", "text": shorten("Type YES to approve it", 2000)},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "typed",
                    "max_length": 10,
                    "placeholder": {"type": "plain_text", "text": "YES"},
                },
            },
        ],
    })
}
