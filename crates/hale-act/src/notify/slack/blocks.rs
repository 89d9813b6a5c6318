//! Block Kit: the first message of an incident, what follows in its thread, and the buttons.
//! <https://docs.slack.dev/reference/block-kit/blocks>

use hale_model::action::{ApprovalState, Risk};
use hale_model::text::{duration, shorten};
use serde_json::{Value, json};

use super::Message;
use crate::notify::news::{ApprovalNews, IncidentNews};
use crate::notify::webhook_body::{clean, slack_escape};
use crate::notify::{Notification, NotificationKind};

/// Text of a section block, characters.
const SECTION_MAX: usize = 2900;
/// Text of a header block, characters.
const HEADER_MAX: usize = 150;
/// Commands that a message shows.
const COMMANDS_MAX: usize = 5;

/// The first message: how the incident stands now.
pub(super) fn root(note: &Notification, news: &IncidentNews) -> Message {
    let severity = news.severity.as_str().to_uppercase();
    let headline = format!("{severity} {}: {}", note.machine_id, news.title);
    let mut state = news.state_words().to_owned();
    if news.closed_at.is_some() {
        state = format!("{state} after {}", duration(news.lasted_secs(note.at)));
    }
    let field = |name: &str, text: &str| json!({"type": "mrkdwn", "text": format!("*{name}*\n{}", slack_escape(text, SECTION_MAX / 2))});
    let opened = news.opened_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let mut blocks = vec![
        header(&headline),
        json!({"type": "section", "fields": [
            field("State", &state),
            field("Severity", news.severity.as_str()),
            field("Machine", note.machine_id.as_str()),
            field("Since", &opened),
        ]}),
    ];
    if let Some(cause) = &news.cause {
        let sure = news.confidence.map(|c| format!(" ({:.0} % sure)", 100.0 * c));
        let text = format!("{cause}{}", sure.unwrap_or_default());
        blocks.push(section(&format!("*Cause*\n{}", slack_escape(&text, SECTION_MAX / 2))));
    }
    if let Some(end) = end(news) {
        blocks.push(section(&slack_escape(&end, SECTION_MAX)));
    }
    blocks.push(context(&format!("hale · {0} · `hale incidents show {0}`", news.id)));
    Message { text: slack_escape(&format!("{headline}: {state}"), SECTION_MAX), blocks }
}

/// What cured it, and what that saved.
fn end(news: &IncidentNews) -> Option<String> {
    news.closed_at?;
    let mut words = match news.cured_by.as_slice() {
        [] => return news.saved.clone(),
        actions => format!("Cured by {}, and verified.", actions.join(", ")),
    };
    if let Some(saved) = &news.saved {
        words.push_str(&format!(" {saved}"));
    }
    Some(words)
}

/// What happened, in the thread.
pub(super) fn reply(note: &Notification, news: &IncidentNews, has_buttons: bool) -> Message {
    let title = slack_escape(&note.title, SECTION_MAX / 3);
    let mut words = format!("*{title}*");
    if !note.text.is_empty() {
        words.push_str(&format!("\n{}", slack_escape(&note.text, SECTION_MAX / 2)));
    }
    let mut blocks = vec![section(&words)];
    let asks = note.kind == NotificationKind::NeedsApproval;
    match &news.approval {
        Some(approval) if asks && has_buttons => blocks.extend(buttons(approval)),
        _ => blocks.extend(commands(note)),
    }
    Message { text: slack_escape(&format!("{}: {}", note.title, note.text), SECTION_MAX), blocks }
}

fn buttons(approval: &ApprovalNews) -> Vec<Value> {
    let button = |label: &str, style: &str, action: &str| {
        json!({
            "type": "button",
            "text": {"type": "plain_text", "text": label},
            "style": style,
            "action_id": action,
            "value": approval.id,
        })
    };
    let is_critical = approval.risk >= Risk::Critical;
    let yes = if is_critical { "Approve…" } else { "Approve" };
    let until = approval.expires_at.strftime("%H:%M:%SZ");
    let mut words = format!("{} risk · asked until {until} · {}", approval.risk, approval.id);
    if is_critical {
        words.push_str(" · asks for a typed YES");
    }
    vec![
        json!({
            "type": "actions",
            "block_id": "hale_approval",
            "elements": [
                button(yes, "primary", "hale_approve"),
                button("Reject", "danger", "hale_reject"),
            ],
        }),
        context(&words),
    ]
}

/// A question that was answered, or that nobody needs to answer any more.
pub(super) fn settled(action: &str, decided: Option<&ApprovalNews>) -> Message {
    let what = match decided {
        Some(approval) => {
            let by = approval.decided_by.as_deref().map(who).unwrap_or_default();
            match approval.state {
                ApprovalState::Approved | ApprovalState::Used => format!("approved{by}"),
                ApprovalState::Rejected => format!("rejected{by}"),
                ApprovalState::Pending | ApprovalState::Expired | ApprovalState::Voided => {
                    approval.state.as_str().to_owned()
                }
            }
        }
        None => "no longer asked".to_owned(),
    };
    let action = slack_escape(action, SECTION_MAX / 2);
    let blocks = vec![section(&format!("*{action}*\n{what}"))];
    Message { text: format!("{action}: {what}"), blocks }
}

/// Someone of this Slack is mentioned by name, without being notified of it (an update notifies nobody).
fn who(decided_by: &str) -> String {
    match decided_by.strip_prefix("slack:") {
        Some(id) if id.chars().all(|c| c.is_ascii_alphanumeric()) => format!(" by <@{id}>"),
        _ => format!(" by {}", slack_escape(decided_by, 100)),
    }
}

/// News of no incident.
pub(super) fn alone(note: &Notification) -> Message {
    let severity = note.severity.as_str().to_uppercase();
    let headline = format!("{severity} {}: {}", note.machine_id, note.title);
    let mut blocks = vec![header(&headline)];
    if !note.text.is_empty() {
        blocks.push(section(&slack_escape(&note.text, SECTION_MAX)));
    }
    blocks.extend(commands(note));
    Message { text: slack_escape(&headline, SECTION_MAX), blocks }
}

fn commands(note: &Notification) -> Option<Value> {
    if note.commands.is_empty() {
        return None;
    }
    let commands: Vec<&str> = note.commands.iter().take(COMMANDS_MAX).map(String::as_str).collect();
    // A fence in the text would end the fence around it.
    let commands = commands.join("\n").replace("```", "` ` `");
    Some(section(&format!("```{}```", slack_escape(&commands, SECTION_MAX - 6))))
}

fn header(text: &str) -> Value {
    let text = shorten(&clean(text).replace('\n', " "), HEADER_MAX);
    json!({"type": "header", "text": {"type": "plain_text", "text": text}})
}

fn section(mrkdwn: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn}})
}

fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": slack_escape(text, SECTION_MAX)}]})
}
