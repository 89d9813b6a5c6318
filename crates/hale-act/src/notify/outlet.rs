//! One channel's queue, its task, and how it fares: a channel that is slow or dead holds up nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hale_model::alert::Severity;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Notification;

/// Notifications that wait for one channel.
const CHANNEL_QUEUE_NOTIFICATIONS: usize = 256;

/// A channel's end: takes one notification and does not return before it is delivered or given up.
pub(crate) trait Channel: Send + 'static {
    fn name(&self) -> String;

    /// Whether most machines lack it, so that it is no trouble where it is missing.
    fn is_optional(&self) -> bool {
        false
    }

    /// # Errors
    /// Why it was given up; said in the log and by `hale doctor`, without any secret.
    fn deliver(
        &mut self,
        notification: Arc<Notification>,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// How a channel fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelState {
    /// Its name, for people.
    pub name: String,
    /// Notifications that were taken.
    pub delivered: u64,
    /// Notifications that were given up.
    pub given_up: u64,
    /// Notifications that its queue had no room for.
    pub dropped: u64,
    /// Why it cannot be used, or why the last one was given up; none if all is well.
    pub trouble: Option<String>,
    /// Whether most machines lack it, so that it is no trouble where it is missing.
    pub is_optional: bool,
}

/// The same while it changes.
#[derive(Debug, Default)]
pub(super) struct Record {
    name: String,
    delivered: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
    trouble: Mutex<Option<String>>,
    is_optional: bool,
}

impl Record {
    /// Of a channel that cannot even start.
    pub fn unusable(name: String, why: String) -> Record {
        Record { name, trouble: Mutex::new(Some(why)), ..Record::default() }
    }

    pub fn state(&self) -> ChannelState {
        ChannelState {
            name: self.name.clone(),
            delivered: self.delivered.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            is_optional: self.is_optional,
        }
    }

    /// Notes why it cannot be used, before anything was to be delivered.
    pub fn note_trouble(&self, why: String) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert(why);
    }

    fn ended(&self, result: Result<(), String>) {
        let trouble = match result {
            Ok(()) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(why) => {
                let given_up = 1 + self.given_up.fetch_add(1, Ordering::Relaxed);
                let channel = &self.name;
                // At the first, and then ever more rarely: it may be dead for days.
                if given_up.is_power_of_two() && !self.is_optional {
                    tracing::warn!(%channel, given_up, "a notification was not delivered: {why}");
                }
                Some(why)
            }
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// The queue of one channel.
pub(super) struct Outlet {
    record: Arc<Record>,
    queue: mpsc::Sender<Arc<Notification>>,
    /// Only what is at least this bad, unless a person is asked for.
    pub min_severity: Severity,
    /// Whether it groups news by itself, so that a flood needs no digest and every end must come.
    pub takes_everything: bool,
}

impl Outlet {
    /// How it fares.
    pub fn record(&self) -> Arc<Record> {
        Arc::clone(&self.record)
    }

    pub fn offer(&mut self, notification: &Arc<Notification>) {
        if self.queue.try_send(Arc::clone(notification)).is_err() {
            let dropped = 1 + self.record.dropped.fetch_add(1, Ordering::Relaxed);
            // At the first, and then ever more rarely.
            if dropped.is_power_of_two() {
                tracing::warn!(channel = %self.record.name, dropped, "notifications were dropped: the channel is too slow");
            }
        }
    }

    /// Whether it wants to hear of this.
    pub fn wants(&self, notification: &Notification) -> bool {
        notification.severity >= self.min_severity || notification.kind.asks_for_a_person()
    }
}

#[derive(Default)]
pub(super) struct Outlets {
    pub workers: Vec<JoinHandle<()>>,
    /// Tasks that have nothing to finish when the service ends.
    pub talkers: Vec<JoinHandle<()>>,
    pub records: Vec<Arc<Record>>,
}

impl Outlets {
    pub fn add(&mut self, mut channel: impl Channel) -> Outlet {
        let (name, is_optional) = (channel.name(), channel.is_optional());
        let record = Arc::new(Record { name, is_optional, ..Record::default() });
        let (queue, mut waiting) = mpsc::channel::<Arc<Notification>>(CHANNEL_QUEUE_NOTIFICATIONS);
        let told = Arc::clone(&record);
        self.workers.push(tokio::spawn(async move {
            while let Some(notification) = waiting.recv().await {
                told.ended(channel.deliver(notification).await);
            }
        }));
        self.records.push(Arc::clone(&record));
        Outlet { record, queue, min_severity: Severity::Low, takes_everything: false }
    }

    /// A channel that is configured and cannot be used: said, not forgotten.
    pub fn unusable(&mut self, name: String, why: String) {
        tracing::warn!(channel = %name, "a channel is not used: {why}");
        self.records.push(Arc::new(Record::unusable(name, why)));
    }
}
