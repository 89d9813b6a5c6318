//! POST to a webhook. The address may hold a secret, so nothing that is logged or shown holds more of
//! it than scheme and host.

use std::sync::Arc;

use hale_model::config::{Notifications, WebhookKind};
use reqwest::Url;

use super::http::{Answer, Caller, parse, shown};
use super::webhook_body::body;
use super::{Channel, Notification};

pub(super) struct Webhook {
    name: String,
    url: Url,
    kind: WebhookKind,
    caller: Caller,
}

impl Webhook {
    /// The one of `webhook_url`. None: none is configured.
    pub fn new(config: &Notifications) -> Result<Option<Self>, String> {
        if config.webhook_url.is_empty() {
            return Ok(None);
        }
        let url = parse(&config.webhook_url).map_err(|why| {
            format!(
                "[notifications] webhook_url is not an http(s) address: {why}; write https://HOST/PATH"
            )
        })?;
        let kind = config.webhook_kind.unwrap_or_else(|| kind_of(&url));
        Ok(Some(Webhook::at(format!("webhook {}", shown(&url)), url, kind)))
    }

    /// One at this address.
    pub fn at(name: String, url: Url, kind: WebhookKind) -> Webhook {
        let caller = Caller::new(&url);
        Webhook { name, url, kind, caller }
    }
}

impl Channel for Webhook {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        let body = body(self.kind, &notification);
        let url = self.url.clone();
        let request = |client: &reqwest::Client| client.post(url.clone()).json(&body);
        self.caller.call(request, Answer::judge).await
    }
}

fn kind_of(url: &Url) -> WebhookKind {
    match url.host_str().unwrap_or_default() {
        "hooks.slack.com" | "hooks.slack-gov.com" => WebhookKind::Slack,
        "discord.com" | "discordapp.com" | "ptb.discord.com" | "canary.discord.com" => {
            WebhookKind::Discord
        }
        _ => WebhookKind::Plain,
    }
}

/// Where a webhook leads, without its secret: scheme, host and kind. None if none is configured.
///
/// # Errors
/// The address is not one that can be posted to, and why.
pub fn webhook_target(config: &Notifications) -> Result<Option<String>, String> {
    let webhook = Webhook::new(config)?;
    Ok(webhook.map(|w| {
        let kind = match w.kind {
            WebhookKind::Slack => "Slack",
            WebhookKind::Discord => "Discord",
            WebhookKind::Plain => "plain",
        };
        format!("{} ({kind})", shown(&w.url))
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_url_and_the_secret_is_not_shown() {
        let target = |url: &str, kind| {
            let config = Notifications {
                webhook_url: url.to_owned(),
                webhook_kind: kind,
                ..Default::default()
            };
            match webhook_target(&config) {
                Ok(Some(target)) => target,
                Ok(None) => "none".to_owned(),
                Err(why) => why,
            }
        };
        insta::assert_snapshot!(
            [
                target("", None),
                target("https://hooks.slack.com/services/T0/B0/secret", None),
                target("https://discord.com/api/webhooks/1/secret", None),
                target("http://user:secret@127.0.0.1:9000/x?token=secret", None),
                target("https://chat.example.org/hooks/secret", Some(WebhookKind::Slack)),
                target("ftp://example.org/secret", None),
                target("secret", None),
            ]
            .join("\n"),
            @"
        none
        https://hooks.slack.com/… (Slack)
        https://discord.com/… (Discord)
        http://127.0.0.1:9000/… (plain)
        https://chat.example.org/… (Slack)
        [notifications] webhook_url is not an http(s) address: the scheme is `ftp`; write https://HOST/PATH
        [notifications] webhook_url is not an http(s) address: relative URL without a base; write https://HOST/PATH
        "
        );
    }
}
