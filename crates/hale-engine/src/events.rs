//! The live stream: the last events in a ring, numbered over restarts, and one place in it for each
//! watcher. A watcher holds no events of its own, so however many are slow, the ring is all there is.
//!
//! Deliberately absent: how events travel (hale-serve).

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hale_brain::detect::Orientation;
use hale_model::action::ActionRecord;
use hale_model::alert::Alert;
use hale_model::api::Event;
use hale_model::event::{EventStream, Events, NextTold, Published, Told};
use hale_model::incident::{Incident, TimelineEntry};
use hale_model::view::{ActionView, AlertView, HealthView, IncidentView};
use hale_model::{IncidentId, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use crate::core::Core;

/// Events that a watcher may be behind before it is told of a gap.
const RING_EVENTS_MAX: usize = 2_048;
/// Bytes of their text, about.
const RING_BYTES_MAX: usize = 4 << 20;
/// Events that a watcher takes out of the ring at a time.
const BATCH_EVENTS_MAX: usize = 32;
/// Things whose last told state is remembered; beyond that some are told again.
const TOLD_MAX: usize = 8_192;
/// The low bits of a number count the events of one agent; the high ones are the second it began.
/// 53 bits in all, until 2038: what a JavaScript number holds exactly.
const COUNT_BITS: u32 = 22;
/// A forecast is told again when its time has moved by this share.
const PREDICTION_MOVED: f64 = 0.25;

struct Ring {
    events: VecDeque<Arc<Published>>,
    bytes: usize,
    next: u64,
}

/// Where events are told, and where watchers read them.
pub(crate) struct EventBus {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
    /// What was told last of each thing, as a hash.
    told: Mutex<HashMap<String, u64>>,
}

impl EventBus {
    /// A stream whose numbers follow those of any agent that began before `now`.
    pub(crate) fn new(now: Timestamp) -> Arc<EventBus> {
        let second = u64::try_from(now.as_second()).unwrap_or(0);
        let next = (second << COUNT_BITS) + 1;
        Arc::new(EventBus {
            ring: Mutex::new(Ring { events: VecDeque::new(), bytes: 0, next }),
            newest: watch::Sender::new(next - 1),
            told: Mutex::default(),
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, event: Event) {
        let id = {
            let mut ring = self.ring();
            let published = Published::new(ring.next, Timestamp::now(), event);
            // Its text is made here, once: watchers share it.
            ring.bytes += published.frame().len();
            ring.events.push_back(Arc::new(published));
            ring.next += 1;
            while ring.events.len() > RING_EVENTS_MAX
                || (ring.bytes > RING_BYTES_MAX && ring.events.len() > 1)
            {
                let Some(gone) = ring.events.pop_front() else { break };
                ring.bytes = ring.bytes.saturating_sub(gone.frame().len());
            }
            ring.next - 1
        };
        self.newest.send_replace(id);
    }

    /// Tells of a thing if it is not as it was told last.
    fn publish_changed(&self, key: String, state: u64, event: impl FnOnce() -> Event) {
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.get(&key) == Some(&state) {
                return;
            }
            if told.len() >= TOLD_MAX {
                told.clear();
            }
            told.insert(key, state);
        }
        self.publish(event());
    }

    /// The number of the newest event.
    pub(crate) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// A place in the stream: after this event, or now.
    pub(crate) fn watch(self: &Arc<Self>, after: Option<u64>) -> EventStream {
        let newest = self.newest.subscribe();
        let cursor = after.unwrap_or_else(|| *newest.borrow());
        Box::new(Watcher { bus: self.clone(), newest, cursor, ahead: VecDeque::new() })
    }

    /// What follows `cursor`.
    fn after(&self, cursor: u64) -> Vec<Told> {
        let ring = self.ring();
        let oldest = ring.events.front().map_or(ring.next, |event| event.id);
        if cursor >= ring.next || cursor + 1 < oldest {
            // Too old, or of a clock that was ahead.
            return vec![Told::Gap { after: cursor, resumes_at: oldest }];
        }
        let skip = usize::try_from(cursor + 1 - oldest).unwrap_or(usize::MAX);
        ring.events.iter().skip(skip).take(BATCH_EVENTS_MAX).cloned().map(Told::Event).collect()
    }
}

struct Watcher {
    bus: Arc<EventBus>,
    newest: watch::Receiver<u64>,
    /// The last event that was taken out of the ring.
    cursor: u64,
    ahead: VecDeque<Told>,
}

impl Events for Watcher {
    fn next(&mut self) -> NextTold<'_> {
        Box::pin(async move {
            loop {
                if let Some(told) = self.ahead.pop_front() {
                    return Some(told);
                }
                // Marked as seen before the look: what comes between is seen by the next one.
                self.newest.borrow_and_update();
                self.ahead.extend(self.bus.after(self.cursor));
                match self.ahead.back() {
                    Some(Told::Event(event)) => self.cursor = event.id,
                    Some(Told::Gap { resumes_at, .. }) => {
                        self.cursor = resumes_at.saturating_sub(1);
                    }
                    None => self.newest.changed().await.ok()?,
                }
            }
        })
    }

    fn position(&self) -> u64 {
        match self.ahead.front() {
            Some(Told::Event(event)) => event.id.saturating_sub(1),
            Some(Told::Gap { after, .. }) => *after,
            None => self.cursor,
        }
    }
}

fn hash_of(parts: &impl Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(parts).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

impl Core {
    /// An alert, if what people see of it has changed.
    pub(crate) fn tell_alert(&self, alert: &Alert) {
        let state = hash_of(&(
            alert.state,
            alert.severity,
            &alert.summary,
            &alert.incident_id,
            &alert.close_reason,
        ));
        self.events.publish_changed(alert.id.to_string(), state, || {
            Event::Alert(Box::new(AlertView::from(alert)))
        });
    }

    /// An incident, if what people see of it has changed. Its story comes line by line as thoughts.
    pub(crate) fn tell_incident(&self, incident: &Incident) {
        let state = hash_of(&(
            incident.state,
            incident.severity,
            &incident.title,
            &incident.alerts,
            &incident.external_ids,
            incident.diagnosis.as_ref().map(|d| &d.cause),
        ));
        self.events.publish_changed(incident.id.to_string(), state, || {
            let actions = self.state.actions_of(&incident.id).unwrap_or_default();
            Event::Incident(Box::new(IncidentView::new(incident, &actions, Vec::new())))
        });
    }

    /// An action, if it has changed its state.
    pub(crate) fn tell_action(&self, record: &ActionRecord) {
        let state = hash_of(&(record.state, &record.note, record.verification.is_some()));
        self.events.publish_changed(record.id.to_string(), state, || {
            Event::Action(Box::new(ActionView::from(record)))
        });
    }

    /// A line of a story.
    pub(crate) fn tell_thought(&self, incident: &IncidentId, entry: &TimelineEntry) {
        let incident_id = Some(incident.clone());
        self.events.publish(Event::Thought { incident_id, entry: entry.clone() });
    }

    /// Health and forecasts, where they have changed.
    pub(crate) fn tell_orientation(&self, orientation: &Orientation) {
        let health = &orientation.health;
        let factors: Vec<_> =
            health.factors.iter().map(|f| (&f.id, f.severity, percent(f.score))).collect();
        let state = hash_of(&(percent(health.score), health.severity, &health.top_issue, factors));
        let key = format!("health:{}", health.machine_id);
        self.events.publish_changed(key, state, || {
            Event::Health(HealthView::from(std::slice::from_ref(health)))
        });
        for prediction in &orientation.predictions {
            let key =
                format!("{}:{}:{}", prediction.machine_id, prediction.kind, prediction.subject);
            // Steps of a quarter: a forecast that comes true second by second is one event a step.
            let step = (prediction.eta_secs.max(1) as f64).ln() / (1.0 + PREDICTION_MOVED).ln();
            self.events.publish_changed(key, step as u64, || Event::Prediction(prediction.clone()));
        }
    }
}

fn percent(score: f64) -> i64 {
    (100.0 * score).round() as i64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "tests")]

    use futures::FutureExt as _;
    use hale_model::incident::Agent;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn thought(text: &str) -> Event {
        let (ts, kind) = (at("2026-01-27T00:00:00Z"), "note".to_owned());
        let entry = TimelineEntry { ts, agent: Agent::Scout, kind, text: text.to_owned() };
        Event::Thought { incident_id: None, entry }
    }

    /// What a watcher is told without waiting, in short.
    fn heard(stream: &mut EventStream) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(Some(told)) = stream.next().now_or_never() {
            heard.push(match told {
                Told::Event(event) => match &event.event {
                    Event::Thought { entry, .. } => entry.text.clone(),
                    other => panic!("{other:?}"),
                },
                Told::Gap { .. } => "gap".to_owned(),
            });
        }
        heard
    }

    #[test]
    fn a_watcher_hears_what_comes_after_it_and_one_that_returns_what_it_missed() {
        let bus = EventBus::new(at("2026-01-27T00:00:00Z"));
        bus.publish(thought("before"));
        let mut stream = bus.watch(None);
        assert!(heard(&mut stream).is_empty());
        bus.publish(thought("one"));
        bus.publish(thought("two"));
        assert_eq!(heard(&mut stream), ["one", "two"]);
        let first = bus.ring().events.front().unwrap().id;
        assert_eq!(heard(&mut bus.watch(Some(first))), ["one", "two"]);
        assert_eq!(heard(&mut bus.watch(Some(first - 1))), ["before", "one", "two"]);
    }

    #[test]
    fn who_is_too_far_behind_is_told_of_a_gap_and_goes_on_from_the_oldest() {
        let bus = EventBus::new(at("2026-01-27T00:00:00Z"));
        let mut slow = bus.watch(None);
        for n in 0..RING_EVENTS_MAX + 10 {
            bus.publish(thought(&n.to_string()));
        }
        let heard = heard(&mut slow);
        assert_eq!(heard.len(), RING_EVENTS_MAX + 1);
        assert_eq!(&heard[..2], ["gap", "10"]);
    }

    #[test]
    fn the_ring_is_bounded_in_bytes_too() {
        let bus = EventBus::new(at("2026-01-27T00:00:00Z"));
        for _ in 0..100 {
            bus.publish(thought(&"x".repeat(100_000)));
        }
        let ring = bus.ring();
        assert!(ring.bytes <= RING_BYTES_MAX && ring.events.len() < 42, "{}", ring.bytes);
    }

    #[test]
    fn numbers_go_on_over_a_restart_and_the_restart_is_a_gap() {
        let earlier = EventBus::new(at("2026-01-27T00:00:00Z"));
        earlier.publish(thought("old"));
        let last = *earlier.newest.borrow();
        let bus = EventBus::new(at("2026-01-27T00:00:01Z"));
        bus.publish(thought("new"));
        assert!(*bus.newest.borrow() > last);
        assert!(*bus.newest.borrow() < 1 << 53);
        assert_eq!(heard(&mut bus.watch(Some(last))), ["gap", "new"]);
    }

    #[test]
    fn a_number_of_a_clock_that_was_ahead_is_a_gap_too() {
        let bus = EventBus::new(at("2026-01-27T00:00:00Z"));
        let mut stream = bus.watch(Some(u64::MAX));
        assert_eq!(heard(&mut stream), ["gap"]);
        bus.publish(thought("new"));
        assert_eq!(heard(&mut stream), ["new"]);
    }

    #[test]
    fn what_has_not_changed_is_told_once() {
        let bus = EventBus::new(at("2026-01-27T00:00:00Z"));
        let mut stream = bus.watch(None);
        for state in [1, 1, 2, 2, 1] {
            bus.publish_changed("al-1".to_owned(), state, || thought(&state.to_string()));
        }
        assert_eq!(heard(&mut stream), ["1", "2", "1"]);
    }
}
