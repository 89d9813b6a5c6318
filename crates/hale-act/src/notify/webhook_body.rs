//! What Slack, Discord and anyone else expect in a webhook's body.

use hale_model::alert::Severity;
use hale_model::config::WebhookKind;
use hale_model::text::shorten;
use serde_json::{Value, json};

use super::Notification;

/// Slack: text of a section block, characters.
const SLACK_SECTION_MAX: usize = 3000;
/// Slack: text of a header block, characters.
const SLACK_HEADER_MAX: usize = 150;
/// Discord: content of a message, characters.
const DISCORD_CONTENT_MAX: usize = 2000;
/// Discord: title of an embed, characters.
const DISCORD_TITLE_MAX: usize = 256;
/// Discord: a field of an embed, characters.
const DISCORD_FIELD_MAX: usize = 1024;
/// Commands that a message shows.
const MAX_COMMANDS: usize = 5;

pub(super) fn body(kind: WebhookKind, notification: &Notification) -> Value {
    match kind {
        WebhookKind::Slack => slack(notification),
        WebhookKind::Discord => discord(notification),
        WebhookKind::Plain => serde_json::to_value(notification).unwrap_or_default(),
    }
}

fn headline(notification: &Notification) -> String {
    let severity = notification.severity.as_str().to_uppercase();
    format!("{severity} {}: {}", notification.machine_id, notification.title)
}

fn context(notification: &Notification) -> String {
    let mut words = format!("hale · {} · {}", notification.kind.as_str(), notification.at);
    if let Some(incident) = &notification.incident_id {
        words.push_str(&format!(" · {incident}"));
    }
    words
}

fn commands(notification: &Notification) -> String {
    let commands: Vec<_> =
        notification.commands.iter().take(MAX_COMMANDS).map(String::as_str).collect();
    commands.join("\n")
}

/// Line breaks stay; other control characters have no business in a chat.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Slack reads `<!channel>`, `<@U1>` and links only from real angle brackets, so with these three
/// escaped no text can mention anyone. Cut so that no entity is torn.
pub(super) fn slack_escape(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    for c in clean(text).chars() {
        let mut utf8 = [0_u8; 4];
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut utf8),
        };
        if out.len() + piece.len() > max_bytes.saturating_sub('…'.len_utf8()) {
            out.push('…');
            break;
        }
        out.push_str(piece);
    }
    out
}

fn slack(notification: &Notification) -> Value {
    let headline = headline(notification);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": shorten(&clean(&headline), SLACK_HEADER_MAX)},
    })];
    let mut section = |text: String| {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}));
    };
    if !notification.text.is_empty() {
        section(slack_escape(&notification.text, SLACK_SECTION_MAX));
    }
    let commands = commands(notification);
    if !commands.is_empty() {
        // A fence in the text would end the fence around it.
        let commands = commands.replace("```", "` ` `");
        section(format!("```{}```", slack_escape(&commands, SLACK_SECTION_MAX - 6)));
    }
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": slack_escape(&context(notification), SLACK_SECTION_MAX)}],
    }));
    json!({
        "text": slack_escape(&headline, SLACK_SECTION_MAX),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// `allowed_mentions` keeps Discord from notifying anyone; a broken `@` also keeps the text from
/// looking as if it had.
fn discord_escape(text: &str, max_bytes: usize) -> String {
    let text = clean(text).replace('@', "@\u{200b}").replace("```", "` ` `");
    shorten(&text, max_bytes)
}

fn discord(notification: &Notification) -> Value {
    let headline = headline(notification);
    let mut fields = Vec::new();
    let commands = commands(notification);
    if !commands.is_empty() {
        let commands = discord_escape(&commands, DISCORD_FIELD_MAX - 8);
        fields.push(json!({"name": "next", "value": format!("```\n{commands}\n```")}));
    }
    json!({
        "content": discord_escape(&headline, DISCORD_CONTENT_MAX),
        "embeds": [{
            "title": discord_escape(&notification.title, DISCORD_TITLE_MAX),
            "description": discord_escape(&notification.text, DISCORD_CONTENT_MAX),
            "color": colour(notification.severity),
            "timestamp": notification.at.to_string(),
            "fields": fields,
            "footer": {"text": discord_escape(&context(notification), DISCORD_CONTENT_MAX)},
        }],
        "allowed_mentions": {"parse": []},
    })
}

fn colour(severity: Severity) -> u32 {
    match severity {
        Severity::Low => 0x0036_a3d9,
        Severity::Medium => 0x00e6_b422,
        Severity::High => 0x00e0_6c2b,
        Severity::Critical => 0x00c9_1f37,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use hale_model::{MachineId, Timestamp};
    use proptest::prelude::*;

    use super::super::NotificationKind;
    use super::*;

    fn note(title: &str, text: &str) -> Notification {
        Notification {
            at: Timestamp::UNIX_EPOCH,
            kind: NotificationKind::Opened,
            severity: Severity::High,
            machine_id: MachineId::from("web-1"),
            title: title.to_owned(),
            text: text.to_owned(),
            alert: None,
            incident_id: Some("in-1".to_owned()),
            commands: vec!["hale explain in-1".to_owned()],
            key: "k".to_owned(),
            incident: None,
        }
    }

    #[test]
    fn the_wire_formats() {
        let note = note("memory.high · machine", "RAM is at 93 % <!channel> & @everyone");
        insta::assert_json_snapshot!(body(WebhookKind::Slack, &note), @r#"
        {
          "text": "HIGH web-1: memory.high · machine",
          "blocks": [
            {
              "type": "header",
              "text": {
                "type": "plain_text",
                "text": "HIGH web-1: memory.high · machine"
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": "RAM is at 93 % &lt;!channel&gt; &amp; @everyone"
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": "```hale explain in-1```"
              }
            },
            {
              "type": "context",
              "elements": [
                {
                  "type": "mrkdwn",
                  "text": "hale · opened · 1970-01-01T00:00:00Z · in-1"
                }
              ]
            }
          ],
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
        let discord = serde_json::to_string_pretty(&body(WebhookKind::Discord, &note)).unwrap();
        insta::assert_snapshot!(discord.replace('\u{200b}', "(broken)"), @r#"
        {
          "content": "HIGH web-1: memory.high · machine",
          "embeds": [
            {
              "title": "memory.high · machine",
              "description": "RAM is at 93 % <!channel> & @(broken)everyone",
              "color": 14707755,
              "timestamp": "1970-01-01T00:00:00Z",
              "fields": [
                {
                  "name": "next",
                  "value": "```\nhale explain in-1\n```"
                }
              ],
              "footer": {
                "text": "hale · opened · 1970-01-01T00:00:00Z · in-1"
              }
            }
          ],
          "allowed_mentions": {
            "parse": []
          }
        }
        "#);
        let plain: Notification = serde_json::from_value(body(WebhookKind::Plain, &note)).unwrap();
        assert_eq!(plain, note);
    }

    proptest! {
        #[test]
        fn nothing_is_too_long_and_nobody_is_mentioned(title: String, text in ".{0,5000}|[<&>@`]{0,4000}") {
            let note = note(&title, &text);
            let slack = body(WebhookKind::Slack, &note);
            for block in slack["blocks"].as_array().unwrap() {
                let text = block["text"]["text"].as_str().unwrap_or_default();
                let limit = if block["type"] == "header" { SLACK_HEADER_MAX } else { SLACK_SECTION_MAX };
                prop_assert!(text.chars().count() <= limit);
                if block["type"] == "section" {
                    prop_assert!(!text.contains('<') && !text.contains('>'));
                }
            }
            let discord = body(WebhookKind::Discord, &note);
            let utf16 = |v: &Value| v.as_str().unwrap_or_default().encode_utf16().count();
            prop_assert!(utf16(&discord["content"]) <= DISCORD_CONTENT_MAX);
            prop_assert!(utf16(&discord["embeds"][0]["title"]) <= DISCORD_TITLE_MAX);
            prop_assert!(utf16(&discord["embeds"][0]["description"]) <= DISCORD_CONTENT_MAX);
            prop_assert!(!discord["content"].as_str().unwrap().contains("@everyone"));
        }
    }
}
