//! What is told now, later in a digest, or not at all. No clock of its own.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hale_model::alert::Severity;
use hale_model::config::Notifications;
use hale_model::{MachineId, Timestamp};
use tokio::time::Instant;

use super::{Notification, NotificationKind};

/// The minute that `digest_over_per_minute` speaks of.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Keys that are remembered; beyond that the oldest are forgotten.
const MAX_KEYS: usize = 10_000;
/// Titles that a digest lists.
const MAX_DIGEST_LINES: usize = 20;

type Key = (NotificationKind, Severity, String);

pub(super) struct Gate {
    machine: MachineId,
    min_severity: Severity,
    repeat_after: Duration,
    per_minute: usize,
    told_at: HashMap<Key, Instant>,
    /// When something was told, within the last minute.
    recent: VecDeque<Instant>,
    held: Held,
}

/// What waits for the next digest.
#[derive(Default)]
struct Held {
    since: Option<Instant>,
    count: u64,
    lines: Vec<String>,
    worst: Option<Severity>,
    commands: Vec<String>,
    lost: u64,
}

impl Gate {
    pub fn new(config: &Notifications, machine: MachineId) -> Self {
        Gate {
            machine,
            min_severity: config.min_severity,
            repeat_after: Duration::from_secs(config.repeat_after_secs),
            per_minute: config.digest_over_per_minute.max(1) as usize,
            told_at: HashMap::new(),
            recent: VecDeque::new(),
            held: Held::default(),
        }
    }

    pub fn is_worth_telling(&self, notification: &Notification) -> bool {
        notification.severity >= self.min_severity || notification.kind.asks_for_a_person()
    }

    /// Notifications that no queue had room for: the next digest says how many.
    pub fn count_lost(&mut self, lost: u64) {
        self.held.lost = self.held.lost.saturating_add(lost);
    }

    /// Whether to tell it now. If not, it is a repeat, or it waits for the digest.
    pub fn admit(&mut self, notification: &Notification, now: Instant) -> bool {
        if self.is_repeat(notification, now) {
            return false;
        }
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            self.recent.pop_front();
        }
        // Once something waits, the rest waits too: a digest keeps the order.
        if self.held.count == 0 && self.recent.len() < self.per_minute {
            self.recent.push_back(now);
            return true;
        }
        self.held.add(notification, now);
        false
    }

    fn is_repeat(&mut self, notification: &Notification, now: Instant) -> bool {
        if notification.key.is_empty() || self.repeat_after.is_zero() {
            return false;
        }
        let repeat_after = self.repeat_after;
        let fresh = |at: Instant| now.duration_since(at) < repeat_after;
        let key = (notification.kind, notification.severity, notification.key.clone());
        if self.told_at.get(&key).is_some_and(|at| fresh(*at)) {
            return true;
        }
        if self.told_at.len() >= MAX_KEYS {
            self.told_at.retain(|_, at| fresh(*at));
        }
        if self.told_at.len() >= MAX_KEYS
            && let Some(oldest) = self.told_at.iter().min_by_key(|(_, at)| **at)
        {
            let oldest = oldest.0.clone();
            self.told_at.remove(&oldest);
        }
        self.told_at.insert(key, now);
        false
    }

    /// When the digest is due; none if nothing waits.
    pub fn digest_due(&self) -> Option<Instant> {
        self.held.since.map(|since| since + WINDOW)
    }

    /// The digest, if one is due, or `at_once` if anything waits at all.
    pub fn digest(&mut self, now: Instant, at: Timestamp, at_once: bool) -> Option<Notification> {
        let due = self.digest_due().is_some_and(|due| now >= due);
        let something = self.held.count > 0 || self.held.lost > 0;
        let lost_alone = self.held.count == 0 && self.held.lost > 0;
        if !something || !(due || at_once || lost_alone) {
            return None;
        }
        let held = std::mem::take(&mut self.held);
        self.recent.push_back(now);
        Some(held.into_notification(at, self.machine.clone()))
    }
}

impl Held {
    fn add(&mut self, notification: &Notification, now: Instant) {
        self.since.get_or_insert(now);
        self.count = self.count.saturating_add(1);
        self.worst = self.worst.max(Some(notification.severity));
        if self.lines.len() < MAX_DIGEST_LINES {
            self.lines.push(format!(
                "{} {} ({})",
                notification.severity,
                notification.title,
                notification.kind.as_str()
            ));
        }
        if notification.kind.asks_for_a_person() && self.commands.len() < MAX_DIGEST_LINES {
            self.commands.extend(notification.commands.iter().take(1).cloned());
        }
    }

    fn into_notification(self, at: Timestamp, machine_id: MachineId) -> Notification {
        let mut lines = self.lines;
        let unlisted = self.count.saturating_sub(lines.len() as u64);
        if unlisted > 0 {
            lines.push(format!("and {unlisted} more"));
        }
        if self.lost > 0 {
            lines.push(format!("{} more were lost: the queue was full", self.lost));
        }
        let mut commands = self.commands;
        commands.push("hale alerts list".to_owned());
        Notification {
            at,
            kind: NotificationKind::Digest,
            severity: self.worst.unwrap_or(Severity::Medium),
            machine_id,
            title: format!("{} notifications", self.count.saturating_add(self.lost)),
            text: lines.join("\n"),
            alert: None,
            incident_id: None,
            commands,
            key: String::new(),
            incident: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    fn gate() -> Gate {
        let config = Notifications {
            digest_over_per_minute: 3,
            repeat_after_secs: 3600,
            ..Default::default()
        };
        Gate::new(&config, MachineId::from("web-1"))
    }

    fn note(kind: NotificationKind, severity: Severity, key: &str) -> Notification {
        Notification {
            at: Timestamp::UNIX_EPOCH,
            kind,
            severity,
            machine_id: MachineId::from("web-1"),
            title: format!("memory.high · {key}"),
            text: "RAM".to_owned(),
            alert: None,
            incident_id: None,
            commands: vec![format!("hale approve {key}")],
            key: key.to_owned(),
            incident: None,
        }
    }

    #[test]
    fn a_repeat_is_told_again_only_after_its_time_or_when_it_is_worse() {
        use NotificationKind::{Closed, Opened};
        let mut gate = gate();
        let start = Instant::now();
        for (after_secs, kind, severity, expected) in [
            (0, Opened, Severity::High, true),
            (60, Opened, Severity::High, false),
            (120, Closed, Severity::High, true),
            (180, Opened, Severity::Critical, true),
            (3599, Opened, Severity::High, false),
            (3600, Opened, Severity::High, true),
        ] {
            let now = start + Duration::from_secs(after_secs);
            assert_eq!(gate.admit(&note(kind, severity, "k"), now), expected, "{after_secs} s");
        }
    }

    #[test]
    fn too_many_in_a_minute_become_one_digest() {
        let mut gate = gate();
        let start = Instant::now();
        let told = (0..30)
            .filter(|i| {
                gate.admit(&note(NotificationKind::Opened, Severity::High, &i.to_string()), start)
            })
            .count();
        assert_eq!(told, 3);
        let asking = note(NotificationKind::NeedsApproval, Severity::Critical, "ap-1");
        assert!(!gate.admit(&asking, start + Duration::from_secs(1)));
        gate.count_lost(7);
        assert_eq!(
            gate.digest(start + Duration::from_secs(59), Timestamp::UNIX_EPOCH, false),
            None
        );
        let digest = gate.digest(start + WINDOW, Timestamp::UNIX_EPOCH, false).unwrap();
        insta::assert_snapshot!(
            format!("{} {}\n{}\n{:?}", digest.severity, digest.title, digest.text, digest.commands)
                .lines().filter(|l| !l.starts_with("high memory.high · 1")).collect::<Vec<_>>().join("\n"),
            @r#"
        critical 35 notifications
        high memory.high · 3 (opened)
        high memory.high · 4 (opened)
        high memory.high · 5 (opened)
        high memory.high · 6 (opened)
        high memory.high · 7 (opened)
        high memory.high · 8 (opened)
        high memory.high · 9 (opened)
        high memory.high · 20 (opened)
        high memory.high · 21 (opened)
        high memory.high · 22 (opened)
        and 8 more
        7 more were lost: the queue was full
        ["hale approve ap-1", "hale alerts list"]
        "#
        );
        assert_eq!(gate.digest_due(), None);
        assert!(
            gate.admit(
                &note(NotificationKind::Opened, Severity::High, "later"),
                start + 2 * WINDOW
            )
        );
    }

    #[test]
    fn what_asks_for_a_person_is_told_whatever_its_severity() {
        let gate = gate();
        for (kind, severity, expected) in [
            (NotificationKind::Opened, Severity::Low, false),
            (NotificationKind::Opened, Severity::Medium, true),
            (NotificationKind::NeedsApproval, Severity::Low, true),
            (NotificationKind::Escalation, Severity::Low, true),
            (NotificationKind::ActionDone, Severity::Low, false),
        ] {
            assert_eq!(gate.is_worth_telling(&note(kind, severity, "k")), expected, "{kind:?}");
        }
    }

    #[test]
    fn remembered_keys_are_bounded() {
        let mut gate = gate();
        let start = Instant::now();
        for i in 0..MAX_KEYS + 50 {
            gate.admit(&note(NotificationKind::Opened, Severity::High, &i.to_string()), start);
        }
        assert_eq!(gate.told_at.len(), MAX_KEYS);
    }
}
