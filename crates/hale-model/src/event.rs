//! The live stream: what happened, numbered, and how whoever watches gets it. The numbers go on over
//! restarts, so that a watcher that was away is told what it missed, or that it missed something.
//!
//! Deliberately absent: where events are kept (hale-engine) and how they travel (hale-serve).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use crate::api::Event;

/// One event as it was told.
#[derive(Debug)]
pub struct Published {
    /// Its number: greater than that of any event before it, those of earlier agents included.
    pub id: u64,
    /// When it was told.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Made once, however many watch.
    frame: OnceLock<Box<[u8]>>,
}

impl Published {
    /// An event with its number.
    pub fn new(id: u64, at: Timestamp, event: Event) -> Self {
        Published { id, at, event, frame: OnceLock::new() }
    }

    /// The event as one frame of `text/event-stream`: its number, its name, its data as one line
    /// of JSON.
    pub fn frame(&self) -> &[u8] {
        self.frame.get_or_init(|| {
            let data = self.event.data().to_string();
            let (id, name) = (self.id, self.event.name());
            format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into_bytes().into_boxed_slice()
        })
    }
}

impl Event {
    /// Its name in the stream.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Alert(_) => "alert",
            Event::Incident(_) => "incident",
            Event::Thought { .. } => "thought",
            Event::Health(_) => "health",
            Event::Action(_) => "action",
            Event::Prediction(_) => "prediction",
        }
    }

    /// What the stream says of it, without its name.
    pub fn data(&self) -> serde_json::Value {
        serde_json::to_value(self)
            .ok()
            .and_then(|mut value| value.get_mut("data").map(serde_json::Value::take))
            .unwrap_or_default()
    }
}

/// What a watcher is told next.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something happened.
    Event(Arc<Published>),
    /// Events after `after` and before `resumes_at` are no longer kept: look at the lists again.
    Gap {
        /// The last one this watcher had.
        after: u64,
        /// The first one that follows now.
        resumes_at: u64,
    },
}

/// The next thing told; none: the agent ends.
pub type NextTold<'a> = Pin<Box<dyn Future<Output = Option<Told>> + Send + 'a>>;

/// Someone's place in the stream. It holds no events of its own: whoever is slow is told of a gap.
pub trait Events: Send {
    /// Waits for what comes next. Dropping the future loses nothing.
    fn next(&mut self) -> NextTold<'_>;

    /// The number of the last event that this watcher was told, or that came before it began.
    fn position(&self) -> u64;
}

/// A watcher's end of the stream.
pub type EventStream = Box<dyn Events>;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::incident::{Agent, TimelineEntry};

    #[test]
    fn a_frame_is_one_line_of_data_whatever_the_text() {
        let ts: Timestamp = "2026-01-27T00:00:00Z".parse().unwrap();
        let entry = TimelineEntry {
            ts,
            agent: Agent::Scout,
            kind: "alert_opened".to_owned(),
            text: "two\nlines\r\nand data: more\u{2028}".to_owned(),
        };
        let event = Event::Thought { incident_id: Some("in-1".into()), entry };
        let published = Published::new(7, ts, event);
        let frame = String::from_utf8_lossy(published.frame()).into_owned();
        assert_eq!(
            frame,
            "id: 7\nevent: thought\ndata: {\"incident_id\":\"in-1\",\"entry\":{\
             \"ts\":\"2026-01-27T00:00:00Z\",\"agent\":\"Scout\",\"kind\":\"alert_opened\",\
             \"text\":\"two\\nlines\\r\\nand data: more\u{2028}\"}}\n\n"
        );
        assert_eq!(frame.matches('\n').count(), 4);
    }
}
