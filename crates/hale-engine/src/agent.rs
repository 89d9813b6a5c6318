//! The agent: the loop, its timers, its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hale_act::notify::{Notifier, NotifySettings};
use hale_model::action::Actor;
use hale_model::api::{Answer, ApiError, Command, ErrorKind, Handle, Query, Receiving, View};
use hale_model::chat::{ChatApp, ChatReply};
use hale_model::event::EventStream;
use hale_model::report::Report;
use hale_model::sample::Source;
use hale_model::traffic::TrafficBook;
use hale_model::view::StatusView;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::adviser::Adviser;
use crate::consult::{Counsel, News, Waiting};
use crate::core::{Applied, Core, Purpose, Reply};
use crate::desk::Desk;
use crate::events::EventBus;
use crate::files::{Files, Lock};
use crate::telemetry::TelemetryThread;

/// Wishes that wait for the loop.
const COMMANDS_MAX: usize = 64;
/// Ends of actions that wait for the loop.
const RESULTS_MAX: usize = 64;
/// How often the loop looks while something is being verified.
const VERIFY_INTERVAL: Duration = Duration::from_millis(500);
/// A turn that takes longer is logged.
const SLOW_TURN: Duration = Duration::from_secs(1);
/// Time that notifications under way get at the end.
const NOTIFY_DRAIN: Duration = Duration::from_secs(3);

/// What is read to explain a process that started after the loop's last look.
const LOOK_AT_PROCESSES: [Source; 3] = [Source::Process, Source::Memory, Source::Cpu];

struct Wish {
    command: Command,
    actor: Actor,
    reply: Reply,
}

/// A running agent.
pub struct Agent {
    core: Core,
    desk: Arc<Desk>,
    traffic: Arc<TrafficBook>,
    telemetry: TelemetryThread,
    wishes: mpsc::Receiver<Wish>,
    wish_sender: mpsc::Sender<Wish>,
    results: mpsc::Receiver<Applied>,
    news: mpsc::Receiver<News>,
    shutdown: CancellationToken,
    _lock: Lock,
}

/// What one pass found: `hale up --once`.
pub struct OnceReport {
    /// The machine after that pass.
    pub status: StatusView,
}

impl Agent {
    /// Takes the data directory, opens what is in it, looks at the machine for the first time, and
    /// settles what an earlier agent left unfinished. `terminal`: whether notifications may be
    /// written to standard error.
    ///
    /// # Errors
    /// Another agent runs here; a database is damaged or newer than this program.
    pub async fn start(settings: Settings, terminal: bool) -> Result<Agent, ApiError> {
        let files = Files::new(&settings.data_dir);
        files.prepare()?;
        let lock = Lock::take(&files)?;
        let (telemetry, set_aside) = TelemetryThread::start(&files, settings.program.clone())?;
        let (results_sender, results) = mpsc::channel(RESULTS_MAX);
        let (wish_sender, wishes) = mpsc::channel(COMMANDS_MAX);
        let notify = |machine: &hale_model::MachineId| {
            Some(Notifier::start(NotifySettings {
                config: settings.config.notifications.clone(),
                data_dir: settings.data_dir.clone(),
                terminal,
                machine: machine.clone(),
                secrets: hale_act::notify::Secrets::of_process(),
                masking: crate::news::masking(crate::adviser::known_secrets(&settings)),
            }))
        };
        let mut core = Core::open(
            settings.clone(),
            Purpose::Watch,
            Some(telemetry.handle().clone()),
            notify,
            results_sender,
        )?;
        if let Some(text) = set_aside {
            // Under a name of its own: it stays so even when storing goes well again.
            core.warn("telemetry file", text);
        }
        let desk = Desk::new(settings, core.shared.clone(), Some(telemetry.handle().clone()), true);
        if let Some(notify) = core.notify_handle() {
            let _ = desk.notify.set(notify);
        }
        let (news_sender, news) = mpsc::channel(RESULTS_MAX);
        let waiting = Waiting::load(&core.state, &mut core.cases);
        core.counsel = Adviser::new(&core.settings).map(|adviser| Counsel {
            adviser: Arc::new(adviser),
            handle: Arc::new(AgentHandle {
                desk: desk.clone(),
                events: core.events.clone(),
                wishes: wish_sender.clone(),
            }),
            news: news_sender,
            waiting,
        });
        if let Some(counsel) = &core.counsel {
            let _ = desk.adviser.set(counsel.adviser.clone());
        }
        let traffic = Arc::new(TrafficBook::default());
        core.traffic = Some(traffic.clone());
        let inbox = core.reports.open_inbox(&core.state, &files)?;
        let _ = desk.inbox.set(inbox);
        core.begin_watch().await?;
        files.keep_room();
        Ok(Agent {
            core,
            desk,
            traffic,
            telemetry,
            wishes,
            wish_sender,
            results,
            news,
            shutdown: CancellationToken::new(),
            _lock: lock,
        })
    }

    /// The way in for every face.
    pub fn handle(&self) -> Arc<dyn Handle> {
        Arc::new(AgentHandle {
            desk: self.desk.clone(),
            events: self.core.events.clone(),
            wishes: self.wish_sender.clone(),
        })
    }

    /// Where receivers write down what services tell.
    pub fn traffic(&self) -> Arc<TrafficBook> {
        self.traffic.clone()
    }

    /// What of hale itself does not work, or had to be set aside at the start.
    pub fn warnings(&self) -> Vec<String> {
        self.desk.warnings()
    }

    /// Cancel it to end the agent.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs until the token is cancelled, then saves what was learned.
    ///
    /// # Errors
    /// None today: whatever fails inside is retried, and shown by `status` and `doctor`.
    pub async fn run_until_shutdown(self) -> Result<(), ApiError> {
        let Agent {
            mut core,
            telemetry,
            mut wishes,
            wish_sender,
            mut results,
            mut news,
            shutdown,
            _lock,
            ..
        } = self;
        drop(wish_sender);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let watchdog = sd_notify::watchdog_enabled();
        let interval = Duration::from_secs(core.settings.config.general.interval_secs);
        tracing::info!(
            "hale {} watches every {} s, mode {}, pid {}",
            env!("CARGO_PKG_VERSION"),
            interval.as_secs(),
            core.settings.config.general.mode.as_str(),
            std::process::id()
        );
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let arrivals = core.reports.arrivals();
        let stirred = core.observer.stirred();
        let mut arrived = false;
        loop {
            // Commands and results first: they are rare, and a person waits.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(wish) = wishes.recv() => core.command(wish.command, wish.actor, wish.reply).await,
                Some(applied) = results.recv() => core.applied(applied).await,
                Some(news) = news.recv() => core.advised(news).await,
                () = arrivals.notified() => arrived = true,
                _ = ticks.tick() => timed_turn(&mut core).await,
                () = tokio::time::sleep_until(core.reports.wake_at()), if arrived => {
                    arrived = false;
                    core.reports.woke();
                    timed_turn(&mut core).await;
                }
                () = stirred.notified() => timed_turn(&mut core).await,
                () = tokio::time::sleep(VERIFY_INTERVAL), if core.is_verifying() => timed_turn(&mut core).await,
            }
            if watchdog.is_some() {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            }
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        end(core, telemetry).await;
        tracing::info!("hale has ended");
        Ok(())
    }
}

async fn timed_turn(core: &mut Core) {
    let begun = Instant::now();
    core.turn().await;
    core.reports.turned();
    let took = begun.elapsed();
    if took > SLOW_TURN {
        tracing::warn!("a turn of the loop took {} ms", took.as_millis());
    }
}

async fn end(mut core: Core, telemetry: TelemetryThread) {
    core.save_alerts();
    core.save_memory();
    core.fold_state();
    if let Some(notifier) = core.into_notifier() {
        notifier.shutdown(NOTIFY_DRAIN).await;
    }
    telemetry.stop();
}

/// One pass of the agent over the machine, cures included where the mode allows them: two looks one
/// interval apart (rates need two), and further ones while an action is being verified.
///
/// # Errors
/// As [`Agent::start`].
pub async fn run_once(settings: Settings) -> Result<OnceReport, ApiError> {
    let interval = Duration::from_secs(settings.config.general.interval_secs.min(5));
    let mut agent = Agent::start(settings, false).await?;
    tokio::time::sleep(interval).await;
    agent.core.turn().await;
    while agent.core.is_verifying() {
        tokio::select! {
            Some(applied) = agent.results.recv() => agent.core.applied(applied).await,
            () = tokio::time::sleep(VERIFY_INTERVAL) => agent.core.turn().await,
        }
    }
    let status = agent.desk.status()?;
    end(agent.core, agent.telemetry).await;
    Ok(OnceReport { status })
}

struct AgentHandle {
    desk: Arc<Desk>,
    events: Arc<EventBus>,
    wishes: mpsc::Sender<Wish>,
}

fn ending<T>(_: T) -> ApiError {
    ApiError::new(ErrorKind::Failed, "the agent is ending")
}

fn unanswered(error: tokio::task::JoinError) -> Result<View, ApiError> {
    let message = format!("the question could not be answered: {error}");
    Err(ApiError::new(ErrorKind::Failed, message))
}

impl Handle for AgentHandle {
    fn query(&self, query: Query) -> Answer<'_> {
        let desk = self.desk.clone();
        Box::pin(async move {
            if let Some(pid) = desk.unseen(&query) {
                let snapshot = crate::offline::look(&desk.settings, &LOOK_AT_PROCESSES).await;
                return desk.explain_process(&snapshot, pid);
            }
            if let Query::Ask { sentence, language } = query {
                let plan = crate::companion::shown(&desk.settings, sentence, language).await?;
                return Ok(View::Ask(Box::new(plan)));
            }
            if let Query::Sql { sql, limit_rows } = query {
                // Whoever asked may end before there is an answer: then this future does, and the
                // worker with it.
                let gone = CancellationToken::new();
                let _gone = gone.clone().drop_guard();
                let answer = tokio::task::spawn_blocking(move || {
                    desk.sql_for(&sql, limit_rows, &gone).map(View::Table)
                });
                return answer.await.unwrap_or_else(unanswered);
            }
            let near = desk.near_in_meaning(&query).await;
            let answer = tokio::task::spawn_blocking(move || desk.answer_with(query, near)).await;
            answer.unwrap_or_else(unanswered)
        })
    }

    fn command(&self, command: Command, actor: Actor) -> Answer<'_> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.wishes.send(Wish { command, actor, reply }).await.map_err(ending)?;
            answer.await.unwrap_or_else(|e| Err(ending(e)))
        })
    }

    fn receive(&self, reports: Vec<Report>) -> Receiving<'_> {
        match self.desk.inbox.get() {
            Some(inbox) => crate::inbox::receive(inbox, reports),
            None => Box::pin(async { Err(ending(())) }),
        }
    }

    fn events(&self, after: Option<u64>) -> Result<EventStream, ApiError> {
        Ok(self.events.watch(after))
    }

    fn chat_apps(&self) -> Vec<ChatApp> {
        crate::news::chat_apps(&self.desk.settings.config.notifications)
    }

    fn chat(&self, reply: ChatReply) {
        if let Some(notify) = self.desk.notify.get() {
            notify.chat(&reply);
        }
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        self.desk.staleness()
    }

    fn warnings(&self) -> Vec<String> {
        self.desk.warnings()
    }
}
