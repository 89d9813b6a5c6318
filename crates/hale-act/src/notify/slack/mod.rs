//! Slack by a bot token: one thread an incident. The first message opens it and is kept up to date, what
//! happens goes into the thread, and a question to a person carries buttons until it is answered. What
//! the buttons say comes in through hale-serve; only the answers to whoever pressed one go out here.

mod api;
mod blocks;
pub(super) mod talk;
mod threads;

use std::path::Path;
use std::sync::Arc;

use hale_model::config::NotifyChannel;
use serde_json::{Value, json};

use super::http::parse;
use super::news::IncidentNews;
use super::{Channel, Notification, NotificationKind, Secrets};
use api::Api;
use threads::{Asked, Thread, Threads};

pub(super) struct SlackBot {
    name: String,
    api: Api,
    /// Id of the Slack channel.
    channel: String,
    /// Whether anybody may use the buttons.
    has_buttons: bool,
    threads: Threads,
}

impl SlackBot {
    pub fn new(
        name: String,
        channel: &NotifyChannel,
        token: String,
        secrets: &Secrets,
        data_dir: &Path,
    ) -> Result<SlackBot, String> {
        if !token.starts_with("xox") {
            let secret = channel.secret_name();
            return Err(format!("{secret} holds no token of a Slack bot; it begins with xoxb-"));
        }
        let signing = channel.signing_secret_name();
        if !channel.approvers.is_empty() && secrets.get(signing).is_none() {
            return Err(format!(
                "approvers are named, and {signing}, without which no button can be trusted, is \
                 neither in the environment nor among systemd's credentials"
            ));
        }
        let url = parse(channel.base_url()).map_err(|why| format!("base_url: {why}"))?;
        Ok(SlackBot {
            name,
            api: Api::new(url, token),
            channel: channel.channel.clone(),
            has_buttons: !channel.approvers.is_empty(),
            threads: Threads::load(data_dir, &channel.channel),
        })
    }

    pub fn api(&self) -> Api {
        self.api.another()
    }

    async fn post(&mut self, message: Message, thread: Option<&str>) -> Result<String, String> {
        let mut body = json!({
            "channel": self.channel,
            "text": message.text,
            "blocks": message.blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        let answer = self.api.call("chat.postMessage", &body).await?;
        let ts = answer.get("ts").and_then(Value::as_str);
        ts.map(str::to_owned).ok_or_else(|| "chat.postMessage answered without ts".to_owned())
    }

    async fn update(&mut self, ts: &str, message: Message) -> Result<(), String> {
        let body = json!({
            "channel": self.channel,
            "ts": ts,
            "text": message.text,
            "blocks": message.blocks,
        });
        self.api.call("chat.update", &body).await.map(|_| ())
    }

    async fn tell(&mut self, note: &Notification, news: &IncidentNews) -> Result<(), String> {
        let root = blocks::root(note, news);
        let fingerprint = root.fingerprint();
        let Some(mut thread) = self.threads.get(&news.id) else {
            let ts = self.post(root, None).await?;
            let mut thread = Thread { ts, shown: fingerprint, asked: Vec::new() };
            // The first message says all of the beginning.
            let result = if note.kind == NotificationKind::IncidentOpened {
                Ok(())
            } else {
                self.reply(note, news, &mut thread).await
            };
            self.threads.put(&news.id, thread);
            return result;
        };
        if thread.shown != fingerprint {
            match self.update(&thread.ts, root).await {
                Ok(()) => thread.shown = fingerprint,
                // Somebody removed it: the next news begin another thread.
                Err(why) if why.contains("message_not_found") => {
                    self.threads.forget(&news.id);
                    return Err(why);
                }
                Err(why) => tracing::debug!("the first message stays as it was: {why}"),
            }
        }
        let result = self.reply(note, news, &mut thread).await;
        self.threads.put(&news.id, thread);
        result
    }

    async fn reply(
        &mut self,
        note: &Notification,
        news: &IncidentNews,
        thread: &mut Thread,
    ) -> Result<(), String> {
        self.settle_questions(note, news, thread).await;
        let reply = blocks::reply(note, news, self.has_buttons);
        let ts = self.post(reply, Some(&thread.ts)).await?;
        if let (NotificationKind::NeedsApproval, Some(approval)) = (note.kind, &news.approval) {
            let action = approval.action.clone();
            thread.asked.push(Asked { approval: approval.id.clone(), ts, action });
        }
        Ok(())
    }

    /// Takes the buttons off the questions that are answered or no longer stand.
    async fn settle_questions(
        &mut self,
        note: &Notification,
        news: &IncidentNews,
        thread: &mut Thread,
    ) {
        let answered = match note.kind {
            NotificationKind::ApprovalDecided => news.approval.as_ref(),
            NotificationKind::Acting
            | NotificationKind::Escalation
            | NotificationKind::Resolved => None,
            NotificationKind::Opened
            | NotificationKind::Escalated
            | NotificationKind::Closed
            | NotificationKind::ActionDone
            | NotificationKind::NeedsApproval
            | NotificationKind::Digest
            | NotificationKind::IncidentOpened
            | NotificationKind::Diagnosed => return,
        };
        for asked in std::mem::take(&mut thread.asked) {
            let decided = answered.filter(|approval| approval.id == asked.approval);
            if answered.is_some() && decided.is_none() {
                thread.asked.push(asked);
                continue;
            }
            let message = blocks::settled(&asked.action, decided);
            if let Err(why) = self.update(&asked.ts, message).await {
                tracing::debug!("buttons that mean nothing any more stay: {why}");
            }
        }
    }
}

impl Channel for SlackBot {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        match &notification.incident {
            Some(news) => self.tell(&notification, news).await,
            None => self.post(blocks::alone(&notification), None).await.map(|_| ()),
        }
    }
}

/// One message: blocks, and the text that a notification shows.
pub(super) struct Message {
    pub text: String,
    pub blocks: Vec<Value>,
}

impl Message {
    /// Tells whether a message that is shown has to be changed.
    fn fingerprint(&self) -> String {
        let bytes = serde_json::to_vec(&self.blocks).unwrap_or_default();
        blake3::hash(&bytes).to_hex()[..16].to_owned()
    }
}
