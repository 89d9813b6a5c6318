//! The channels of a team, from `[[notifications.channels]]` to running tasks, and what is missing
//! before one can run.

use std::path::Path;

use hale_model::chat::ChatReply;
use hale_model::config::{ChannelKind, Notifications, NotifyChannel, WebhookKind};
use tokio::sync::mpsc;

use super::email::Email;
use super::http::parse;
use super::outlet::{Outlet, Outlets};
use super::pagerduty::PagerDuty;
use super::slack::{SlackBot, talk};
use super::webhook::Webhook;
use super::{ChannelState, NotifySettings, Secrets};

/// Channels of a team; those beyond it are not used, and that is said.
const CHANNELS_MAX: usize = 32;

/// A channel that can run.
enum Ready {
    Webhook(Webhook),
    SlackBot(Box<SlackBot>),
    Email(Box<Email>),
    PagerDuty(Box<PagerDuty>),
}

/// Starts every channel that can run; the others are told as unusable.
pub(super) fn start(
    settings: &NotifySettings,
    outlets: &mut Outlets,
    chats: &mut Vec<mpsc::Sender<ChatReply>>,
) -> Vec<Outlet> {
    let config = &settings.config;
    let mut team = Vec::new();
    for (index, channel) in config.channels.iter().enumerate() {
        let ready = if index < CHANNELS_MAX {
            prepare(channel, &settings.secrets, &settings.data_dir)
        } else {
            Err(format!("it is beyond the {CHANNELS_MAX} channels that hale tells"))
        };
        let mut outlet = match ready {
            Ok(Ready::Webhook(webhook)) => outlets.add(webhook),
            Ok(Ready::SlackBot(bot)) => {
                chats.push(talk::start(bot.api(), &mut outlets.talkers));
                outlets.add(*bot)
            }
            Ok(Ready::Email(email)) => outlets.add(*email),
            Ok(Ready::PagerDuty(pager)) => {
                let mut outlet = outlets.add(*pager);
                outlet.takes_everything = true;
                outlet
            }
            Err(why) => {
                outlets.unusable(name_of(channel), why);
                continue;
            }
        };
        outlet.min_severity = channel.min_severity.unwrap_or(config.min_severity);
        team.push(outlet);
    }
    team
}

/// Every configured channel of a team, and what it lacks, without starting or calling anything.
pub fn survey(config: &Notifications, secrets: &Secrets) -> Vec<ChannelState> {
    let state = |channel: &NotifyChannel| ChannelState {
        name: name_of(channel),
        trouble: prepare(channel, secrets, Path::new("")).err(),
        ..ChannelState::default()
    };
    config.channels.iter().map(state).collect()
}

fn name_of(channel: &NotifyChannel) -> String {
    if channel.name.is_empty() {
        channel.kind.as_str().to_owned()
    } else {
        format!("{} ({})", channel.name, channel.kind.as_str())
    }
}

fn prepare(channel: &NotifyChannel, secrets: &Secrets, data_dir: &Path) -> Result<Ready, String> {
    let name = name_of(channel);
    let secret_name = channel.secret_name();
    let secret = secrets.get(secret_name);
    if channel.needs_secret() && secret.is_none() {
        return Err(format!(
            "{secret_name} is neither in the environment nor among systemd's credentials"
        ));
    }
    let secret = secret.unwrap_or_default();
    let at_webhook = |kind: WebhookKind| {
        let url = parse(&secret).map_err(|why| {
            format!("{secret_name} holds no http(s) address ({why}); it takes https://HOST/PATH")
        })?;
        Ok(Ready::Webhook(Webhook::at(name.clone(), url, kind)))
    };
    match channel.kind {
        ChannelKind::Slack => at_webhook(WebhookKind::Slack),
        ChannelKind::Discord => at_webhook(WebhookKind::Discord),
        ChannelKind::Plain => at_webhook(WebhookKind::Plain),
        ChannelKind::SlackBot => SlackBot::new(name, channel, secret, secrets, data_dir)
            .map(Box::new)
            .map(Ready::SlackBot),
        ChannelKind::Email => Email::new(name, channel, &secret).map(Box::new).map(Ready::Email),
        ChannelKind::Pagerduty => {
            PagerDuty::new(name, channel, secret).map(Box::new).map(Ready::PagerDuty)
        }
    }
}
