//! What teams are told about an incident, from its beginning to its end, and how it is masked on the
//! way out. Which channels there are and how they say it is hale-act's.

use std::collections::VecDeque;

use hale_act::notify::{
    ApprovalNews, IncidentNews, Masking, Notification, NotificationKind, Secrets,
};
use hale_brain::decide::redact::{KnownSecrets, Redactor};
use hale_model::action::{ActionRecord, ActionState, Approval};
use hale_model::chat::ChatApp;
use hale_model::config::{ChannelKind, Config, Notifications};
use hale_model::incident::Incident;
use hale_model::{IncidentId, Timestamp};

use crate::core::Core;

/// Incidents whose placeholders are remembered, so that the same value is masked alike in all the news
/// of one incident.
const CONVERSATIONS_MAX: usize = 64;

impl Core {
    /// How an incident stands. None: it is not going on.
    pub(crate) fn news_of(
        &self,
        id: Option<&IncidentId>,
        question: Option<(&Approval, &ActionRecord)>,
    ) -> Option<Box<IncidentNews>> {
        let incident = &self.cases.get(id?)?.incident;
        let approval = question.map(|(approval, record)| ApprovalNews {
            id: approval.id.to_string(),
            action: format!("{} {}", record.step.action.kind(), record.step.action.target()),
            risk: record.verdict.risk,
            state: approval.state,
            expires_at: approval.expires_at,
            decided_by: approval.decided_by.clone(),
        });
        Some(Box::new(news(incident, approval)))
    }

    /// Tells teams that an incident goes on.
    pub(crate) fn tell_team(
        &self,
        id: &IncidentId,
        kind: NotificationKind,
        title: String,
        text: String,
        question: Option<(&Approval, &ActionRecord)>,
    ) {
        let Some(news) = self.news_of(Some(id), question) else { return };
        let Some(machine_id) = self.cases.get(id).map(|c| c.incident.machine_id.clone()) else {
            return;
        };
        self.notify(Notification {
            at: Timestamp::now(),
            kind,
            severity: news.severity,
            machine_id,
            title,
            text,
            alert: None,
            incident_id: Some(id.to_string()),
            commands: vec![format!("hale incidents show {id}")],
            key: id.to_string(),
            incident: Some(news),
        });
    }

    /// Tells teams that an incident began.
    pub(crate) fn tell_team_opened(&self, id: &IncidentId) {
        let Some(case) = self.cases.get(id) else { return };
        let summaries: Vec<String> =
            self.alerts_of(case).into_iter().take(5).map(|alert| alert.summary).collect();
        let title = case.incident.title.clone();
        let opened = NotificationKind::IncidentOpened;
        self.tell_team(id, opened, title, summaries.join("\n"), None);
    }

    /// Tells teams that an incident is over, what cured it and what that saved.
    pub(crate) fn tell_team_resolved(&self, id: &IncidentId, actions: &[ActionRecord]) {
        let Some(case) = self.cases.get(id) else { return };
        let incident = &case.incident;
        let cures = actions.iter().filter(|r| r.state == ActionState::Succeeded);
        let cured_by: Vec<String> =
            cures.map(|r| format!("{} {}", r.step.action.kind(), r.step.action.target())).collect();
        let lasted_secs = incident
            .closed_at
            .map(|end| end.as_second().saturating_sub(incident.opened_at.as_second()))
            .unwrap_or(0);
        let mut news = news(incident, None);
        let is_cured = !cured_by.is_empty();
        // Where a person had to decide, their time was not saved.
        let is_alone = is_cured && !actions.iter().any(was_decided_by_person);
        news.saved = is_alone.then(|| saved(&self.settings.config, lasted_secs)).flatten();
        let lasted = hale_model::text::duration(u64::try_from(lasted_secs).unwrap_or(0));
        let (title, text) = if is_cured {
            let saved = news.saved.as_ref().map(|saved| format!(" {saved}")).unwrap_or_default();
            (
                format!("cured and verified in {lasted} · {}", incident.title),
                format!("by {}.{saved}", cured_by.join(", ")),
            )
        } else {
            (
                format!("over after {lasted} · {}", incident.title),
                "It ended without an action by hale.".to_owned(),
            )
        };
        news.cured_by = cured_by;
        self.notify(Notification {
            at: Timestamp::now(),
            kind: NotificationKind::Resolved,
            severity: incident.severity,
            machine_id: incident.machine_id.clone(),
            title,
            text,
            alert: None,
            incident_id: Some(id.to_string()),
            commands: vec![format!("hale incidents postmortem {id}")],
            key: format!("{id}:resolved"),
            incident: Some(Box::new(news)),
        });
    }
}

fn news(incident: &Incident, approval: Option<ApprovalNews>) -> IncidentNews {
    let diagnosis = incident.diagnosis.as_ref();
    IncidentNews {
        id: incident.id.to_string(),
        title: incident.title.clone(),
        state: incident.state,
        severity: incident.severity,
        opened_at: incident.opened_at,
        closed_at: incident.closed_at,
        cause: diagnosis.map(|d| d.cause.clone()),
        confidence: diagnosis.map(|d| d.confidence),
        approval,
        cured_by: Vec::new(),
        saved: None,
    }
}

fn was_decided_by_person(record: &ActionRecord) -> bool {
    let approved = record.verdict.reasons.iter().any(|r| r.rule == hale_brain::decide::APPROVED);
    record.requested_by.is_person() || approved
}

/// What a cure saved, by the formula of `[dashboard]`: the minutes that a person would have needed,
/// less those that it took.
fn saved(config: &Config, lasted_secs: i64) -> Option<String> {
    let counted = &config.dashboard;
    let minutes = counted.minutes_saved_per_incident - lasted_secs as f64 / 60.0;
    if minutes < 1.0 {
        return None;
    }
    let money = minutes * counted.cost_per_minute_of_downtime;
    let money = if money >= 0.01 {
        format!(", {money:.2} {} of downtime", counted.currency)
    } else {
        String::new()
    };
    Some(format!("It saved about {minutes:.0} minutes{money}."))
}

/// The apps of Slack that may send: those whose secret is there, and whose buttons somebody may use.
pub(crate) fn chat_apps(config: &Notifications) -> Vec<ChatApp> {
    let secrets = Secrets::of_process();
    let bots = config.channels.iter().filter(|c| c.kind == ChannelKind::SlackBot);
    bots.filter(|channel| !channel.approvers.is_empty())
        .filter_map(|channel| {
            Some(ChatApp {
                signing_secret: secrets.get(channel.signing_secret_name())?,
                channel: channel.channel.clone(),
                approvers: channel.approvers.clone(),
            })
        })
        .collect()
}

/// Masks what leaves for a team or a webhook: as for a model, but for the name of this machine, which
/// says where the trouble is.
pub(crate) fn masking(known: KnownSecrets) -> Masking {
    let known = KnownSecrets { host_names: Vec::new(), ..known };
    let mut conversations: VecDeque<(String, Redactor)> = VecDeque::new();
    Masking::new(move |conversation, text| {
        if conversation.is_empty() {
            return Redactor::new(known.clone()).redact(text);
        }
        let at = conversations.iter().position(|(id, _)| id == conversation);
        let (id, mut redactor) = at
            .and_then(|at| conversations.remove(at))
            .unwrap_or_else(|| (conversation.to_owned(), Redactor::new(known.clone())));
        let masked = redactor.redact(text);
        if conversations.len() >= CONVERSATIONS_MAX {
            conversations.pop_front();
        }
        conversations.push_back((id, redactor));
        masked
    })
}
