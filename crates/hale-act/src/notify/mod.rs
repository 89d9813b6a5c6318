//! Telling people: on the terminal, the desktop, in a JSONL file, through a webhook; and a team, in
//! Slack, Discord, by e-mail or PagerDuty, incident by incident.
//!
//! The loop hands a [`Notification`] to a queue and goes on. One task decides what is told (severity,
//! repeats, digests); then every channel has a queue and a task of its own, so a channel that is slow
//! or dead holds up neither the loop nor the others. What does not fit is dropped, counted, and the
//! count is told.

mod desktop;
mod email;
mod gate;
mod http;
mod log_file;
mod masking;
mod news;
mod outlet;
mod pagerduty;
mod secrets;
mod slack;
mod team;
mod team_gate;
mod terminal;
mod webhook;
mod webhook_body;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hale_model::alert::Severity;
use hale_model::chat::ChatReply;
use hale_model::config::Notifications;
use hale_model::view::AlertView;
use hale_model::{MachineId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use gate::Gate;
use outlet::{Outlet, Outlets, Record};
use team_gate::TeamGate;

pub use desktop::desktop_available;
pub use masking::Masking;
pub use news::{ApprovalNews, IncidentNews};
pub(crate) use outlet::Channel;
pub use outlet::ChannelState;
pub use secrets::Secrets;
pub use team::survey;
pub use webhook::webhook_target;

/// Notifications that wait to be looked at.
const QUEUE_NOTIFICATIONS: usize = 1024;

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
    /// An incident began. This and what follows is told to teams alone.
    IncidentOpened,
    /// The cause of an incident is known, or another one than before.
    Diagnosed,
    /// A person answered.
    ApprovalDecided,
    /// hale begins to do something about an incident.
    Acting,
    /// An incident is over.
    Resolved,
}

/// For whom a notification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Whoever follows every alert: terminal, desktop, file, `webhook_url`.
    Watchers,
    /// Whoever follows incidents: the channels of a team.
    Teams,
    /// Both.
    All,
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
            NotificationKind::IncidentOpened => "incident_opened",
            NotificationKind::Diagnosed => "diagnosed",
            NotificationKind::ApprovalDecided => "approval_decided",
            NotificationKind::Acting => "acting",
            NotificationKind::Resolved => "resolved",
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
            | NotificationKind::Digest
            | NotificationKind::IncidentOpened
            | NotificationKind::Diagnosed
            | NotificationKind::ApprovalDecided
            | NotificationKind::Acting
            | NotificationKind::Resolved => false,
        }
    }

    fn audience(self) -> Audience {
        match self {
            NotificationKind::Opened | NotificationKind::Escalated | NotificationKind::Closed => {
                Audience::Watchers
            }
            NotificationKind::ActionDone
            | NotificationKind::NeedsApproval
            | NotificationKind::Escalation
            | NotificationKind::Digest => Audience::All,
            NotificationKind::IncidentOpened
            | NotificationKind::Diagnosed
            | NotificationKind::ApprovalDecided
            | NotificationKind::Acting
            | NotificationKind::Resolved => Audience::Teams,
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
    /// How its incident stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<IncidentNews>>,
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
    /// Where the secrets of channels are.
    pub secrets: Secrets,
    /// What masks whatever leaves this machine.
    pub masking: Masking,
}

/// Hands notifications over. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct NotifyHandle {
    queue: mpsc::Sender<Notification>,
    dropped: Arc<AtomicU64>,
    channels: Arc<[Arc<Record>]>,
    chats: Arc<[mpsc::Sender<ChatReply>]>,
    masking: Masking,
    machine: MachineId,
}

impl NotifyHandle {
    /// Queues it and returns at once. If the queue is full it is dropped and counted.
    pub fn send(&self, notification: Notification) {
        if self.queue.try_send(notification).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The channels that are configured, for people.
    pub fn channels(&self) -> Vec<String> {
        self.states().into_iter().map(|state| state.name).collect()
    }

    /// The same with how they fare.
    pub fn states(&self) -> Vec<ChannelState> {
        self.channels.iter().map(|record| record.state()).collect()
    }

    /// Answers somebody in a chat, at once and never blocking; what cannot be sent at once is dropped.
    pub fn chat(&self, reply: &ChatReply) {
        let mask = |text: &str| self.masking.text("", text);
        let reply = match reply.clone() {
            ChatReply::Whisper { channel, user, text } => {
                ChatReply::Whisper { channel, user, text: mask(&text) }
            }
            ChatReply::AskYes { trigger_id, channel, approval, action, why } => {
                let (action, why) = (mask(&action), mask(&why));
                ChatReply::AskYes { trigger_id, channel, approval, action, why }
            }
        };
        for chat in self.chats.iter() {
            if chat.try_send(reply.clone()).is_err() {
                tracing::warn!("an answer in a chat was dropped: too many wait");
            }
        }
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
            incident: None,
        }
    }
}

/// The running notification service.
pub struct Notifier {
    handle: NotifyHandle,
    stop: watch::Sender<bool>,
    dispatcher: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
    talkers: Vec<JoinHandle<()>>,
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
            let outlet = outlets.add(desktop::Desktop::session());
            let record = outlet.record();
            outlets.talkers.push(tokio::spawn(async move {
                if let Err(why) = desktop_available().await {
                    record.note_trouble(why);
                }
            }));
            told.push(outlet);
        }
        let webhook = match webhook::Webhook::new(config) {
            Ok(webhook) => webhook.map(|webhook| outlets.add(webhook)),
            Err(why) => {
                outlets.unusable("webhook".to_owned(), why);
                None
            }
        };
        let mut chats = Vec::new();
        let team = team::start(&settings, &mut outlets, &mut chats);
        let (queue, waiting) = mpsc::channel(QUEUE_NOTIFICATIONS);
        let (stop, stopped) = watch::channel(false);
        let dropped = Arc::new(AtomicU64::new(0));
        let machine = settings.machine.clone();
        let dispatcher = Dispatcher {
            gate: Gate::new(config, machine.clone()),
            team_gate: TeamGate::new(config, machine, Timestamp::now()),
            masking: settings.masking.clone(),
            dropped: Arc::clone(&dropped),
            log,
            told,
            webhook,
            team,
        };
        Notifier {
            handle: NotifyHandle {
                queue,
                dropped,
                channels: outlets.records.into(),
                chats: chats.into(),
                masking: settings.masking,
                machine: settings.machine,
            },
            stop,
            dispatcher: tokio::spawn(dispatcher.run(waiting, stopped)),
            workers: outlets.workers,
            talkers: outlets.talkers,
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
        self.talkers.iter().for_each(JoinHandle::abort);
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
    team_gate: TeamGate,
    masking: Masking,
    dropped: Arc<AtomicU64>,
    log: Option<Outlet>,
    /// On this machine.
    told: Vec<Outlet>,
    /// `webhook_url`: away from this machine, so what it is told is masked.
    webhook: Option<Outlet>,
    team: Vec<Outlet>,
}

impl Dispatcher {
    async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Notification>,
        mut stopped: watch::Receiver<bool>,
    ) {
        loop {
            let dues = [self.gate.digest_due(), self.team_gate.digest_due()];
            let due = dues.into_iter().flatten().min();
            let due = due.unwrap_or_else(|| Instant::now() + gate::WINDOW);
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
        let notification = Arc::new(notification);
        let audience = notification.kind.audience();
        if audience != Audience::Watchers {
            self.tell_team(&notification);
        }
        if audience == Audience::Teams || !self.gate.is_worth_telling(&notification) {
            return;
        }
        if let Some(log) = &mut self.log {
            log.offer(&notification);
        }
        if self.gate.admit(&notification, Instant::now()) {
            self.tell(&notification);
        }
    }

    fn tell_team(&mut self, notification: &Arc<Notification>) {
        if !self.team.iter().any(|outlet| outlet.wants(notification)) {
            return;
        }
        let is_now = self.team_gate.admit(notification, Instant::now());
        let outlets = self.team.iter_mut().filter(|o| is_now || o.takes_everything);
        let outlets: Vec<&mut Outlet> = outlets.filter(|o| o.wants(notification)).collect();
        offer_masked(&self.masking, outlets, notification);
    }

    fn digest(&mut self, now_or_never: bool) {
        self.gate.count_lost(self.dropped.swap(0, Ordering::Relaxed));
        if let Some(digest) = self.gate.digest(Instant::now(), Timestamp::now(), now_or_never) {
            self.tell(&Arc::new(digest));
        }
        if let Some(digest) = self.team_gate.digest(Instant::now(), Timestamp::now(), now_or_never)
        {
            let digest = Arc::new(digest);
            let outlets = self.team.iter_mut().filter(|o| !o.takes_everything && o.wants(&digest));
            offer_masked(&self.masking, outlets.collect(), &digest);
        }
    }

    fn tell(&mut self, notification: &Arc<Notification>) {
        for outlet in &mut self.told {
            outlet.offer(notification);
        }
        offer_masked(&self.masking, self.webhook.iter_mut().collect(), notification);
    }
}

/// Hands it to channels that lead away from this machine.
fn offer_masked(masking: &Masking, outlets: Vec<&mut Outlet>, notification: &Notification) {
    if outlets.is_empty() {
        return;
    }
    let Some(masked) = masking.notification(notification) else {
        tracing::warn!("a notification could not be masked, so it was not sent");
        return;
    };
    let masked = Arc::new(masked);
    outlets.into_iter().for_each(|outlet| outlet.offer(&masked));
}
