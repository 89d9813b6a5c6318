//! Which news of incidents a team is told now, in a digest, or not at all. An incident that was told is
//! told to its end; in a flood of new ones the rest waits for one digest. No clock of its own.

use std::collections::{HashSet, VecDeque};

use hale_model::config::Notifications;
use hale_model::{MachineId, Timestamp};
use tokio::time::Instant;

use super::gate::Gate;
use super::{Notification, NotificationKind};

/// Incidents that are remembered as told; beyond that the oldest are forgotten.
const INCIDENTS_MAX: usize = 10_000;

pub(super) struct TeamGate {
    gate: Gate,
    /// What began before may have been told by an earlier hale.
    started_at: Timestamp,
    told: HashSet<String>,
    order: VecDeque<String>,
}

impl TeamGate {
    pub fn new(config: &Notifications, machine: MachineId, started_at: Timestamp) -> TeamGate {
        TeamGate {
            gate: Gate::new(config, machine),
            started_at,
            told: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Whether to tell it now. If not, it waits for the digest, or its incident was never told.
    pub fn admit(&mut self, notification: &Notification, now: Instant) -> bool {
        let Some(incident) = &notification.incident_id else {
            return self.gate.admit(notification, now);
        };
        if self.told.contains(incident) {
            return true;
        }
        let is_older =
            notification.incident.as_ref().is_some_and(|news| news.opened_at < self.started_at);
        let asks = notification.kind.asks_for_a_person();
        if !asks && !is_older && !begins(notification.kind) {
            return false;
        }
        if asks || is_older || self.gate.admit(notification, now) {
            self.remember(incident.clone());
            return true;
        }
        false
    }

    fn remember(&mut self, incident: String) {
        if self.order.len() >= INCIDENTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.told.remove(&oldest);
        }
        if self.told.insert(incident.clone()) {
            self.order.push_back(incident);
        }
    }

    pub fn digest_due(&self) -> Option<Instant> {
        self.gate.digest_due()
    }

    pub fn digest(&mut self, now: Instant, at: Timestamp, at_once: bool) -> Option<Notification> {
        self.gate.digest(now, at, at_once)
    }
}

/// Whether a team may hear of an incident for the first time by this.
fn begins(kind: NotificationKind) -> bool {
    match kind {
        NotificationKind::IncidentOpened
        | NotificationKind::NeedsApproval
        | NotificationKind::Escalation => true,
        NotificationKind::Opened
        | NotificationKind::Escalated
        | NotificationKind::Closed
        | NotificationKind::ActionDone
        | NotificationKind::Digest
        | NotificationKind::Diagnosed
        | NotificationKind::ApprovalDecided
        | NotificationKind::Acting
        | NotificationKind::Resolved => false,
    }
}
