//! POST to a webhook, again and again for a while, then given up. The address may hold a secret, so
//! nothing that is logged or shown holds more of it than scheme and host.

use std::sync::Arc;
use std::time::Duration;

use hale_model::config::{Notifications, WebhookKind};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode, Url};
use tokio::time::Instant;

use super::webhook_body::body;
use super::{Channel, Notification};

/// Attempts for one notification.
const MAX_ATTEMPTS: u32 = 5;
/// Wait after the first failure; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Longest `Retry-After` that is waited for; if it is longer, what comes until then is given up.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(120);
/// However long the server asks for, hale comes back after this.
const MAX_CLOSED: Duration = Duration::from_secs(3600);
/// One attempt.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// All attempts for one notification.
const DELIVERY_LIMIT: Duration = Duration::from_secs(180);

pub(super) struct Webhook {
    url: Url,
    kind: WebhookKind,
    client: Option<Client>,
    given_up: u64,
    /// The last delivery was given up: until one succeeds, each has a single attempt, so that an
    /// address that is dead for hours does not make the news after it hours late.
    failing: bool,
    /// The server asked to be left alone until then.
    closed_until: Option<Instant>,
}

/// What one attempt came to.
enum Attempt {
    Delivered,
    /// Worth another try, not before this time is over if the server said so.
    Later(String, Option<Duration>),
    /// The server will not take it, however often it is sent.
    Refused(String),
}

impl Webhook {
    /// None: none is configured.
    pub fn new(config: &Notifications) -> Result<Option<Self>, String> {
        if config.webhook_url.is_empty() {
            return Ok(None);
        }
        let url = parse(&config.webhook_url)?;
        let kind = config.webhook_kind.unwrap_or_else(|| kind_of(&url));
        Ok(Some(Webhook {
            url,
            kind,
            client: None,
            given_up: 0,
            failing: false,
            closed_until: None,
        }))
    }

    /// Made at the first use: the TLS roots take time and memory that most machines can spare.
    fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("hale/", env!("CARGO_PKG_VERSION")))
            .timeout(REQUEST_LIMIT)
            .redirect(reqwest::redirect::Policy::none());
        if self.url.scheme() == "http" {
            // Without redirects no TLS can come up; a machine without CA certificates will do.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| {
            let why = reason(&e.without_url());
            format!("no TLS: {why}; is the package ca-certificates installed?")
        })?;
        self.client = Some(client.clone());
        Ok(client)
    }

    async fn attempt(&mut self, notification: &Notification) -> Attempt {
        let client = match self.client() {
            Ok(client) => client,
            Err(why) => return Attempt::Refused(why),
        };
        let request = client.post(self.url.clone()).json(&body(self.kind, notification));
        match request.send().await {
            Ok(response) if response.status().is_success() => Attempt::Delivered,
            Ok(response) => {
                let status = response.status();
                let why = format!("it answered {}", status.as_u16());
                let may_pass = status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT;
                if may_pass {
                    Attempt::Later(why, retry_after(&response))
                } else {
                    Attempt::Refused(why)
                }
            }
            Err(error) => Attempt::Later(reason(&error.without_url()), None),
        }
    }

    async fn deliver_or_give_up(&mut self, notification: &Notification) -> Result<(), String> {
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return Err("the server asked to be left alone for longer".to_owned());
        }
        let deadline = Instant::now() + DELIVERY_LIMIT;
        let max_attempts = if self.failing { 1 } else { MAX_ATTEMPTS };
        let mut backoff = FIRST_BACKOFF;
        let mut attempt = 1;
        loop {
            let (why, wait) = match self.attempt(notification).await {
                Attempt::Delivered => return Ok(()),
                Attempt::Refused(why) => return Err(why),
                Attempt::Later(why, wait) => (why, wait),
            };
            if let Some(wait) = wait {
                self.closed_until = Some(Instant::now() + wait);
            }
            let wait = wait.unwrap_or(backoff);
            let too_late = wait > MAX_RETRY_AFTER || Instant::now() + wait >= deadline;
            if attempt >= max_attempts || too_late {
                return Err(format!("{why} ({attempt} attempts)"));
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }
}

impl Channel for Webhook {
    fn name(&self) -> String {
        format!("webhook {}", shown(&self.url))
    }

    async fn deliver(&mut self, notification: Arc<Notification>) {
        let result = self.deliver_or_give_up(&notification).await;
        self.failing = result.is_err();
        if let Err(why) = result {
            self.given_up += 1;
            tracing::warn!(
                webhook = %shown(&self.url),
                given_up = self.given_up,
                "a notification was not delivered: {why}"
            );
        }
    }
}

/// `Retry-After` in seconds; the form with a date is not used by the services hale knows.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let secs: f64 = value.trim().parse().ok()?;
    let max = MAX_CLOSED.as_secs_f64();
    (secs.is_finite() && secs >= 0.0).then(|| Duration::from_secs_f64(secs.min(max)))
}

/// The innermost cause says what happened; the outer ones say that something did.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", REQUEST_LIMIT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn parse(url: &str) -> Result<Url, String> {
    let wrong = |why: &str| {
        format!(
            "[notifications] webhook_url is not an http(s) address: {why}; write https://HOST/PATH"
        )
    };
    let parsed = Url::parse(url).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong(&format!("the scheme is `{}`", parsed.scheme())));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    Ok(parsed)
}

fn shown(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}/…", url.scheme(), url.host_str().unwrap_or_default())
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
