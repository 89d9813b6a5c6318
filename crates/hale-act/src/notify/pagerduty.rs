//! PagerDuty, Events API v2: a person is paged when hale needs one, not before; the page is acknowledged
//! when hale goes on and resolved when the incident is over.
//! <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>

use std::collections::VecDeque;
use std::sync::Arc;

use hale_model::Timestamp;
use hale_model::alert::Severity;
use hale_model::config::NotifyChannel;
use hale_model::text::shorten;
use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::http::{Answer, Attempt, Caller, parse};
use super::{Channel, IncidentNews, Notification, NotificationKind};

/// PagerDuty: characters of a summary.
const SUMMARY_MAX: usize = 1024;
/// Bytes of each text among the details.
const DETAIL_BYTES_MAX: usize = 4096;
/// Incidents that are remembered as paged.
const PAGED_MAX: usize = 1000;

pub(super) struct PagerDuty {
    name: String,
    url: Url,
    routing_key: String,
    caller: Caller,
    started_at: Timestamp,
    /// Incidents for which somebody was paged and that are not over.
    paged: VecDeque<String>,
}

impl PagerDuty {
    pub fn new(
        name: String,
        channel: &NotifyChannel,
        routing_key: String,
    ) -> Result<PagerDuty, String> {
        let is_key =
            routing_key.len() == 32 && routing_key.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_key {
            return Err(format!(
                "{} holds no routing key: it is 32 letters and digits, the integration key of \
                 an Events API v2 integration",
                channel.secret_name()
            ));
        }
        let url = parse(&format!("{}/v2/enqueue", channel.base_url()))
            .map_err(|why| format!("base_url: {why}"))?;
        let caller = Caller::new(&url);
        let started_at = Timestamp::now();
        Ok(PagerDuty { name, url, routing_key, caller, started_at, paged: VecDeque::new() })
    }

    /// What these news mean to whoever is on call; none: nothing.
    fn event_action(&self, kind: NotificationKind, news: &IncidentNews) -> Option<&'static str> {
        // One that an earlier hale knew of may have been paged by it. Ends of what was never paged
        // are ignored by PagerDuty.
        let may_be_paged = self.paged.contains(&news.id) || news.opened_at < self.started_at;
        match kind {
            NotificationKind::NeedsApproval | NotificationKind::Escalation => Some("trigger"),
            NotificationKind::Acting if may_be_paged => Some("acknowledge"),
            NotificationKind::Resolved if may_be_paged => Some("resolve"),
            NotificationKind::Acting
            | NotificationKind::Resolved
            | NotificationKind::Opened
            | NotificationKind::Escalated
            | NotificationKind::Closed
            | NotificationKind::ActionDone
            | NotificationKind::Digest
            | NotificationKind::IncidentOpened
            | NotificationKind::Diagnosed
            | NotificationKind::ApprovalDecided => None,
        }
    }

    fn event(&self, action: &str, note: &Notification, news: &IncidentNews) -> Value {
        let mut event = json!({
            "routing_key": self.routing_key,
            "event_action": action,
            "dedup_key": shorten(&format!("hale/{}/{}", note.machine_id, news.id), 255),
        });
        if action == "trigger" {
            event["client"] = json!("hale");
            event["payload"] = payload(note, news);
        }
        event
    }
}

fn payload(note: &Notification, news: &IncidentNews) -> Value {
    let severity = match news.severity {
        Severity::Low => "info",
        Severity::Medium => "warning",
        Severity::High => "error",
        Severity::Critical => "critical",
    };
    let short = |text: &str| shorten(text, DETAIL_BYTES_MAX);
    let approval = news.approval.as_ref();
    json!({
        "summary": shorten(&format!("{}: {}", note.machine_id, note.title), SUMMARY_MAX),
        "source": note.machine_id,
        "severity": severity,
        "timestamp": note.at,
        "class": news.state.as_str(),
        "custom_details": {
            "incident": news.id,
            "title": short(&news.title),
            "why": short(&note.text),
            "cause": news.cause.as_deref().map(short),
            "asked": approval.map(|a| short(&a.action)),
            "next": note.commands.iter().take(5).map(|c| short(c)).collect::<Vec<_>>(),
            "since": news.opened_at,
        },
    })
}

impl Channel for PagerDuty {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        let Some(news) = &notification.incident else { return Ok(()) };
        let Some(action) = self.event_action(notification.kind, news) else { return Ok(()) };
        let event = self.event(action, &notification, news);
        let url = self.url.clone();
        let request = |client: &Client| client.post(url.clone()).json(&event);
        self.caller.call(request, judge).await?;
        self.paged.retain(|id| *id != news.id);
        if action != "resolve" {
            self.paged.push_back(news.id.clone());
            if self.paged.len() > PAGED_MAX {
                self.paged.pop_front();
            }
        }
        Ok(())
    }
}

/// 202 is taken; 400 says in `errors` what is wrong with the event.
fn judge(answer: &Answer) -> Attempt<()> {
    match answer.judge() {
        Attempt::Refused(why) if answer.status.as_u16() == 400 => {
            Attempt::Refused(format!("{why}: check the routing key"))
        }
        usual @ (Attempt::Done(()) | Attempt::Later(..) | Attempt::Refused(_)) => usual,
    }
}
