//! Telling people: on the terminal, the desktop, in a JSONL file, through a webhook.
//!
//! The loop hands a [`Notification`] to a queue and goes on. One task decides what is told (severity,
//! repeats, digests); then every channel has a queue and a task of its own, so a channel that is slow
//! or dead holds up neither the loop nor the others. What does not fit is dropped, counted, and the
//! count is told.

mod desktop;
mod gate;
mod log_file;
mod terminal;
mod webhook;
mod webhook_body;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hale_model::alert::Severity;
use hale_model::config::Notifications;
use hale_model::view::AlertView;
use hale_model::{MachineId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use gate::Gate;

pub use desktop::desktop_available;
pub use webhook::webhook_target;

/// Notifications that wait to be looked at.
const QUEUE_NOTIFICATIONS: usize = 1024;
/// Notifications that wait for one channel.
const CHANNEL_QUEUE_NOTIFICATIONS: usize = 256;

/// Why a person is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// An alert opened.
    Opened,
    /// An alert became worse.
    Escalated,
    /// An alert closed.
    Closed,
    /// hale did something.
    ActionDone,
    /// hale would do something if a person says yes.
    NeedsApproval,
    /// hale gives up: a person is needed.
    Escalation,
    /// Several at once.
    Digest,
}

impl NotificationKind {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            NotificationKind::Opened => "opened",
            NotificationKind::Escalated => "escalated",
            NotificationKind::Closed => "closed",
            NotificationKind::ActionDone => "action_done",
            NotificationKind::NeedsApproval => "needs_approval",
            NotificationKind::Escalation => "escalation",
            NotificationKind::Digest => "digest",
        }
    }

    /// Whether someone is expected to act: such news is told whatever its severity.
    pub(crate) fn asks_for_a_person(self) -> bool {
        match self {
            NotificationKind::NeedsApproval | NotificationKind::Escalation => true,
            NotificationKind::Opened
            | NotificationKind::Escalated
            | NotificationKind::Closed
            | NotificationKind::ActionDone
            | NotificationKind::Digest => false,
        }
    }
}

/// Something that a person should know. Also the line of the JSONL file and the body of a plain webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// When.
    pub at: Timestamp,
    /// Why they are told.
    pub kind: NotificationKind,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub machine_id: MachineId,
    /// One line.
    pub title: String,
    /// One sentence, or a few lines.
    pub text: String,
    /// The alert it is about.
    pub alert: Option<AlertView>,
    /// The incident it belongs to.
    pub incident_id: Option<String>,
    /// What to type next.
    pub commands: Vec<String>,
    /// The same kind with the same key and severity is not told twice in `repeat_after_secs`; empty: always told.
    pub key: String,
}

/// Which channels there are.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// `[notifications]`
    pub config: Notifications,
    /// hale's data directory: `alerts.jsonl` lies there unless configured otherwise.
    pub data_dir: PathBuf,
    /// Whether stderr is a terminal: then lines are coloured (never with `NO_COLOR`).
    pub terminal: bool,
    /// This machine.
    pub machine: MachineId,
}

/// Hands notifications over. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct NotifyHandle {
    queue: mpsc::Sender<Notification>,
    dropped: Arc<AtomicU64>,
    channels: Arc<[String]>,
    machine: MachineId,
}

impl NotifyHandle {
    /// Queues it and returns at once. If the queue is full it is dropped and counted.
    pub fn send(&self, notification: Notification) {
        if self.queue.try_send(notification).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The channels in use, for people.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// A notification of now about this machine.
    pub fn message(&self, kind: NotificationKind, severity: Severity, title: &str) -> Notification {
        Notification {
            at: Timestamp::now(),
            kind,
            severity,
            machine_id: self.machine.clone(),
            title: title.to_owned(),
            text: String::new(),
            alert: None,
            incident_id: None,
            commands: Vec::new(),
            key: String::new(),
        }
    }
}

/// The running notification service.
pub struct Notifier {
    handle: NotifyHandle,
    stop: watch::Sender<bool>,
    dispatcher: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
}

/// A channel's end: takes one notification and does not return before it is delivered or given up.
pub(crate) trait Channel: Send + 'static {
    fn name(&self) -> String;
    fn deliver(&mut self, notification: Arc<Notification>) -> impl Future<Output = ()> + Send;
}

/// The queue of one channel, with what did not fit.
struct Outlet {
    name: String,
    queue: mpsc::Sender<Arc<Notification>>,
    dropped: u64,
}

impl Outlet {
    fn offer(&mut self, notification: &Arc<Notification>) {
        if self.queue.try_send(Arc::clone(notification)).is_err() {
            self.dropped += 1;
            // At the first, and then ever more rarely.
            if self.dropped.is_power_of_two() {
                tracing::warn!(channel = %self.name, dropped = self.dropped, "notifications were dropped: the channel is too slow");
            }
        }
    }
}

#[derive(Default)]
struct Outlets {
    workers: Vec<JoinHandle<()>>,
    names: Vec<String>,
}

impl Outlets {
    fn add(&mut self, mut channel: impl Channel) -> Outlet {
        let name = channel.name();
        let (queue, mut waiting) = mpsc::channel(CHANNEL_QUEUE_NOTIFICATIONS);
        self.workers.push(tokio::spawn(async move {
            while let Some(notification) = waiting.recv().await {
                channel.deliver(notification).await;
            }
        }));
        self.names.push(name.clone());
        Outlet { name, queue, dropped: 0 }
    }
}

impl Notifier {
    /// Starts the channels that are configured. Must be called within a tokio runtime.
    pub fn start(settings: NotifySettings) -> Notifier {
        let config = &settings.config;
        let mut outlets = Outlets::default();
        // The file is a record: it gets everything, digests or not.
        let log = log_file::LogFile::new(config, &settings.data_dir).map(|c| outlets.add(c));
        let mut told = Vec::new();
        if config.terminal {
            told.push(outlets.add(terminal::Terminal::new(settings.terminal)));
        }
        if config.desktop {
            told.push(outlets.add(desktop::Desktop::session()));
        }
        match webhook::Webhook::new(config) {
            Ok(Some(webhook)) => told.push(outlets.add(webhook)),
            Ok(None) => {}
            Err(why) => tracing::warn!("the webhook is not used: {why}"),
        }
        let (queue, waiting) = mpsc::channel(QUEUE_NOTIFICATIONS);
        let (stop, stopped) = watch::channel(false);
        let dropped = Arc::new(AtomicU64::new(0));
        let dispatcher = Dispatcher {
            gate: Gate::new(config, settings.machine.clone()),
            dropped: Arc::clone(&dropped),
            log,
            told,
        };
        Notifier {
            handle: NotifyHandle {
                queue,
                dropped,
                channels: outlets.names.into(),
                machine: settings.machine,
            },
            stop,
            dispatcher: tokio::spawn(dispatcher.run(waiting, stopped)),
            workers: outlets.workers,
        }
    }

    /// Queues it and returns at once. If the queue is full it is dropped and counted.
    pub fn send(&self, notification: Notification) {
        self.handle.send(notification);
    }

    /// Something to send with, for others.
    pub fn handle(&self) -> NotifyHandle {
        self.handle.clone()
    }

    /// Delivers what is queued, for at most this long, and ends. What is left then is given up.
    pub async fn shutdown(self, timeout: Duration) {
        let _ = self.stop.send(true);
        let deadline = Instant::now() + timeout;
        let tasks = std::iter::once(("dispatcher", self.dispatcher))
            .chain(self.workers.into_iter().map(|w| ("channel", w)));
        for (name, mut task) in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!("a notification {name} did not end in time: what it held is lost");
                task.abort();
            }
        }
    }
}

struct Dispatcher {
    gate: Gate,
    dropped: Arc<AtomicU64>,
    log: Option<Outlet>,
    told: Vec<Outlet>,
}

impl Dispatcher {
    async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Notification>,
        mut stopped: watch::Receiver<bool>,
    ) {
        loop {
            let due = self.gate.digest_due().unwrap_or_else(|| Instant::now() + gate::WINDOW);
            tokio::select! {
                biased;
                received = waiting.recv() => match received {
                    Some(notification) => self.take(notification),
                    None => break,
                },
                _ = stopped.changed() => waiting.close(),
                () = tokio::time::sleep_until(due) => self.digest(false),
            }
        }
        // Whatever was held back for a digest is told before the end.
        self.digest(true);
    }

    fn take(&mut self, notification: Notification) {
        self.gate.count_lost(self.dropped.swap(0, Ordering::Relaxed));
        if !self.gate.is_worth_telling(&notification) {
            return;
        }
        let notification = Arc::new(notification);
        if let Some(log) = &mut self.log {
            log.offer(&notification);
        }
        if self.gate.admit(&notification, Instant::now()) {
            self.tell(&notification);
        }
    }

    fn digest(&mut self, now_or_never: bool) {
        self.gate.count_lost(self.dropped.swap(0, Ordering::Relaxed));
        if let Some(digest) = self.gate.digest(Instant::now(), Timestamp::now(), now_or_never) {
            self.tell(&Arc::new(digest));
        }
    }

    fn tell(&mut self, notification: &Arc<Notification>) {
        for outlet in &mut self.told {
            outlet.offer(notification);
        }
    }
}
