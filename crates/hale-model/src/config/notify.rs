//! `[[notifications.channels]]`: where a team is told about incidents. Secrets have no place here: only
//! the name of the environment variable, or systemd credential, that holds one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ai::holds_a_key;
use crate::alert::Severity;

/// What sort of place a team is told in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A Slack incoming webhook.
    #[default]
    Slack,
    /// A Slack app with a bot token: one thread an incident, with buttons.
    SlackBot,
    /// A Discord webhook.
    Discord,
    /// E-mail by SMTP.
    Email,
    /// PagerDuty Events API v2.
    Pagerduty,
    /// Any address that takes a JSON POST.
    Plain,
}

impl ChannelKind {
    /// The name in config and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Slack => "slack",
            ChannelKind::SlackBot => "slack_bot",
            ChannelKind::Discord => "discord",
            ChannelKind::Email => "email",
            ChannelKind::Pagerduty => "pagerduty",
            ChannelKind::Plain => "plain",
        }
    }

    /// The environment variable that its users keep the secret in.
    pub fn secret_name(self) -> &'static str {
        match self {
            ChannelKind::Slack => "SLACK_WEBHOOK_URL",
            ChannelKind::SlackBot => "SLACK_BOT_TOKEN",
            ChannelKind::Discord => "DISCORD_WEBHOOK_URL",
            ChannelKind::Email => "SMTP_PASSWORD",
            ChannelKind::Pagerduty => "PAGERDUTY_ROUTING_KEY",
            ChannelKind::Plain => "HALE_WEBHOOK_URL",
        }
    }
}

/// `[[notifications.channels]]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyChannel {
    /// slack, slack_bot, discord, email, pagerduty or plain.
    pub kind: ChannelKind,
    /// How it is called on screens; empty: its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The *name* of the environment variable or systemd credential that holds the webhook's address
    /// (slack, discord, plain), the bot token (slack_bot), the password (email) or the routing key
    /// (pagerduty); empty: the usual one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_env: String,
    /// Only incidents at least this bad; as `[notifications]` says if not given.
    pub min_severity: Option<Severity>,
    /// slack_bot: id of the Slack channel, such as C0123456789.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// slack_bot: ids of those who may approve and reject with the buttons; `*`: everyone in that
    /// channel; empty: nobody, and no buttons are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// slack_bot: the *name* of the variable that holds the app's signing secret; empty:
    /// SLACK_SIGNING_SECRET.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signing_secret_env: String,
    /// email: `smtps://HOST:465` (TLS from the first byte) or `smtp://HOST:587` (STARTTLS, which is
    /// required unless the host is this machine).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_url: String,
    /// email: the name to sign in with; empty: without.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_user: String,
    /// email: the sender.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// email: the recipients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// slack_bot, pagerduty: where the API is; empty: the provider's own address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_url: String,
}

impl NotifyChannel {
    /// How it is called on screens.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { self.kind.as_str() } else { &self.name }
    }

    /// The name under which its secret is kept.
    pub fn secret_name(&self) -> &str {
        if self.secret_env.is_empty() { self.kind.secret_name() } else { &self.secret_env }
    }

    /// The name under which the signing secret of a Slack app is kept.
    pub fn signing_secret_name(&self) -> &str {
        if self.signing_secret_env.is_empty() {
            "SLACK_SIGNING_SECRET"
        } else {
            &self.signing_secret_env
        }
    }

    /// Whether it cannot be used without a secret.
    pub fn needs_secret(&self) -> bool {
        self.kind != ChannelKind::Email || !self.smtp_user.is_empty()
    }

    /// Where the API is, without a slash at the end.
    pub fn base_url(&self) -> &str {
        let url = match (self.base_url.as_str(), self.kind) {
            ("", ChannelKind::SlackBot) => "https://slack.com/api",
            ("", ChannelKind::Pagerduty) => "https://events.pagerduty.com",
            (
                given,
                ChannelKind::Slack
                | ChannelKind::SlackBot
                | ChannelKind::Discord
                | ChannelKind::Email
                | ChannelKind::Pagerduty
                | ChannelKind::Plain,
            ) => given,
        };
        url.trim_end_matches('/')
    }
}

/// What is wrong with one channel: the key, what, and what would be right. Values that may be secrets
/// are never repeated.
pub(super) fn flaws(channel: &NotifyChannel) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let names =
        [("secret_env", &channel.secret_env), ("signing_secret_env", &channel.signing_secret_env)];
    for (key, name) in names {
        if !is_name_of_variable(name) {
            found.push((
                key,
                "this is not the name of an environment variable".to_owned(),
                away(channel, key),
            ));
        }
    }
    for (key, text) in [("channel", &channel.channel), ("base_url", &channel.base_url)] {
        if holds_a_key(text) || text.starts_with("xox") {
            let what = "this looks like a secret, which has no place in this file".to_owned();
            found.push((key, what, away(channel, "secret_env")));
        }
    }
    if !found.is_empty() {
        return found;
    }
    found.extend(strangers(channel));
    match channel.kind {
        ChannelKind::SlackBot => slack_bot(channel, &mut found),
        ChannelKind::Email => email(channel, &mut found),
        ChannelKind::Slack | ChannelKind::Discord | ChannelKind::Pagerduty | ChannelKind::Plain => {
        }
    }
    let url = channel.base_url();
    if !url.is_empty() && super::ai::flaw_of_url(url, "").is_some() {
        let hint = "write https://HOST/PATH".to_owned();
        found.push(("base_url", "this is not a web address".to_owned(), hint));
    }
    found
}

/// Keys that mean nothing to this kind: whoever wrote one expects it to do something.
fn strangers(channel: &NotifyChannel) -> Vec<(&'static str, String, String)> {
    use ChannelKind::{Email, Pagerduty, SlackBot};
    let keys: [(&'static str, bool, &[ChannelKind]); 8] = [
        ("channel", channel.channel.is_empty(), &[SlackBot]),
        ("approvers", channel.approvers.is_empty(), &[SlackBot]),
        ("signing_secret_env", channel.signing_secret_env.is_empty(), &[SlackBot]),
        ("smtp_url", channel.smtp_url.is_empty(), &[Email]),
        ("smtp_user", channel.smtp_user.is_empty(), &[Email]),
        ("from", channel.from.is_empty(), &[Email]),
        ("to", channel.to.is_empty(), &[Email]),
        ("base_url", channel.base_url.is_empty(), &[SlackBot, Pagerduty]),
    ];
    let of = |kinds: &[ChannelKind]| kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>();
    keys.into_iter()
        .filter(|(_, absent, kinds)| !absent && !kinds.contains(&channel.kind))
        .map(|(key, _, kinds)| {
            let what = format!("a channel of kind {} has no such key", channel.kind.as_str());
            (key, what, format!("it is for kind = \"{}\"", of(kinds).join("\" and \"")))
        })
        .collect()
}

fn slack_bot(channel: &NotifyChannel, found: &mut Vec<(&'static str, String, String)>) {
    let is_id = |id: &str, first: &[char]| {
        id.starts_with(first)
            && id.len() >= 3
            && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    if !is_id(&channel.channel, &['C', 'G', 'D']) {
        let what = "no Slack channel is named by its id".to_owned();
        let hint = "write channel = \"C…\": it stands at the end of the channel's details in Slack";
        found.push(("channel", what, hint.to_owned()));
    }
    if channel.approvers.iter().any(|id| id != "*" && !is_id(id, &['U', 'W'])) {
        let what = "approvers are named by their Slack member ids".to_owned();
        let hint = "write \"U…\" (Profile, Copy member ID), or \"*\" for everyone in the channel";
        found.push(("approvers", what, hint.to_owned()));
    }
}

fn email(channel: &NotifyChannel, found: &mut Vec<(&'static str, String, String)>) {
    let rest = ["smtps://", "smtp://"].iter().find_map(|s| channel.smtp_url.strip_prefix(s));
    let what = match rest {
        Some(rest) if rest.contains('@') => Some("an address with a name or password in it"),
        Some(rest) if rest.is_empty() || rest.contains(['/', '?', '#', ' ']) => {
            Some("not the address of a mail server")
        }
        Some(_) => None,
        None => Some("not the address of a mail server"),
    };
    if let Some(what) = what {
        let hint = "write smtps://HOST:465 or smtp://HOST:587; the name goes to smtp_user, the password into the environment";
        found.push(("smtp_url", format!("this is {what}"), hint.to_owned()));
    }
    let is_address = |a: &String| {
        a.rsplit_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !a.contains(['\r', '\n'])
        })
    };
    if !is_address(&channel.from) {
        let hint = "write from = \"hale@example.org\"".to_owned();
        found.push(("from", "this is no e-mail address".to_owned(), hint));
    }
    if channel.to.is_empty() || !channel.to.iter().all(is_address) {
        let hint = "write to = [\"oncall@example.org\"]".to_owned();
        found.push(("to", "these are no e-mail addresses".to_owned(), hint));
    }
}

fn is_name_of_variable(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.len() <= 100
        && !holds_a_key(name)
        && !name.starts_with("xox")
}

fn away(channel: &NotifyChannel, key: &str) -> String {
    let name = if key == "signing_secret_env" {
        "SLACK_SIGNING_SECRET"
    } else {
        channel.kind.secret_name()
    };
    format!("put the secret into the environment as {name}; here stands {key} = \"{name}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use crate::config::parse;

    /// The flaws of one `[[notifications.channels]]` as a person sees them; empty: none.
    fn said(lines: &str) -> String {
        match parse(&format!("[[notifications.channels]]\n{lines}\n"), "c") {
            Ok(_) => String::new(),
            Err(errors) => errors.to_string(),
        }
    }

    #[test]
    fn channels_that_can_be_used() {
        for lines in [
            "kind = \"slack\"",
            "kind = \"slack\"\nsecret_env = \"OPS_HOOK\"\nname = \"ops\"",
            "kind = \"slack_bot\"\nchannel = \"C0123456789\"\napprovers = [\"U1A2B3\", \"*\"]",
            "kind = \"discord\"\nmin_severity = \"high\"",
            "kind = \"email\"\nsmtp_url = \"smtps://mail.example.org\"\nfrom = \"h@example.org\"\nto = [\"a@example.org\"]",
            "kind = \"pagerduty\"\nbase_url = \"https://events.eu.pagerduty.com\"",
            "kind = \"plain\"\nsecret_env = \"MY_URL\"",
        ] {
            assert_eq!(said(lines), "", "{lines}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_no_secret_is_repeated() {
        let wrong = [
            "kind = \"slack\"\nsecret_env = \"https://hooks.slack.com/services/T0/B0/x\"",
            "kind = \"slack_bot\"\nsecret_env = \"xoxb-1-abcdefghijkl\"\nchannel = \"C012\"",
            "kind = \"slack_bot\"\nchannel = \"#ops\"\napprovers = [\"bob\"]",
            "kind = \"email\"\nsmtp_url = \"smtp://u:hunter2@mail\"\nfrom = \"hale\"",
            "kind = \"discord\"\nchannel = \"C0123456789\"",
            "kind = \"pagerduty\"\nbase_url = \"events.pagerduty.com\"",
            "kind = \"teams\"",
            "kind = \"slack\"\ntoken = \"x\"",
        ];
        let all: Vec<String> = wrong.iter().map(|lines| said(lines)).collect();
        let all = all.join("\n");
        for secret in ["T0/B0", "xoxb", "hunter2"] {
            assert!(!all.contains(secret), "{all}");
        }
        let expected = [
            "c:3: [notifications.channels] secret_env: this is not the name of an environment variable; put the secret into the environment as SLACK_WEBHOOK_URL; here stands secret_env = \"SLACK_WEBHOOK_URL\"",
            "c:3: [notifications.channels] secret_env: this is not the name of an environment variable; put the secret into the environment as SLACK_BOT_TOKEN; here stands secret_env = \"SLACK_BOT_TOKEN\"",
            "c:3: [notifications.channels] channel: no Slack channel is named by its id; write channel = \"C…\": it stands at the end of the channel's details in Slack",
            "c:4: [notifications.channels] approvers: approvers are named by their Slack member ids; write \"U…\" (Profile, Copy member ID), or \"*\" for everyone in the channel",
            "c:1: [notifications.channels] to: these are no e-mail addresses; write to = [\"oncall@example.org\"]",
            "c:3: [notifications.channels] smtp_url: this is an address with a name or password in it; write smtps://HOST:465 or smtp://HOST:587; the name goes to smtp_user, the password into the environment",
            "c:4: [notifications.channels] from: this is no e-mail address; write from = \"hale@example.org\"",
            "c:3: [notifications.channels] channel: a channel of kind discord has no such key; it is for kind = \"slack_bot\"",
            "c:3: [notifications.channels] base_url: this is not a web address; write https://HOST/PATH",
            "c:2: [notifications.channels] kind: `teams` is not one of slack, slack_bot, discord, email, pagerduty, plain",
            "c:3: [notifications.channels] token: unknown key; secrets have no place in this file: put it into the environment; secret_env names the variable",
        ];
        assert_eq!(all.lines().collect::<Vec<_>>(), expected);
    }
}
