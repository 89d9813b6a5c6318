//! One turn of the loop, and everything it keeps between turns.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use hale_act::Actuator;
use hale_act::notify::{Notification, NotificationKind, Notifier};
use hale_brain::detect::{
    AlertBook, AlertChange, BrainMemory, Orient, Orientation, RuleError, Rules,
};
use hale_brain::playbook::Playbooks;
use hale_brain::remember::Symptom;
use hale_brain::verify::Watch;
use hale_model::action::{ActionRecord, ActionState, Plan};
use hale_model::alert::{Alert, AlertState, Finding};
use hale_model::api::ApiError;
use hale_model::incident::{Agent, Incident, IncidentState, TimelineEntry};
use hale_model::playbook::PlaybookProblem;
use hale_model::sample::{JournalEntry, Sample, Source, SourceState, SourceStatus};
use hale_model::snapshot::Snapshot;
use hale_model::traffic::{TrafficBook, TrafficSample};
use hale_model::view::AlertView;
use hale_model::{ActionId, AlertId, IncidentId, MachineId, Timestamp};
use hale_observe::LocalObserver;
use hale_store::{Access, State, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::Settings;
use crate::consult::Counsel;
use crate::events::EventBus;
use crate::files::Files;
use crate::telemetry::{Batch, Done, TelemetryHandle, Work, perform, store_error};

/// Journal entries that wait for the next stored sample.
const PENDING_JOURNAL_ENTRIES_MAX: usize = 5_000;
/// Between two saves of what the brain has learned.
const MEMORY_SAVE_SECS: u64 = 300;
/// Between two runs of retention.
const RETENTION_SECS: u64 = 3600;

const MEMORY_KEY: &str = "brain.memory";
pub(crate) const PAUSED_KEY: &str = "paused_until";
const JOURNAL_CURSOR: &str = "journal";

/// An answer that a person waits for.
pub(crate) type Reply = oneshot::Sender<Result<hale_model::api::View, ApiError>>;

/// What an executor's task sends back to the loop.
pub(crate) struct Applied {
    pub(crate) id: ActionId,
    pub(crate) result: Result<hale_model::action::Outcome, hale_act::ActError>,
    pub(crate) ended_at_boottime_ns: u64,
}

/// An action between intent and its end.
pub(crate) struct Running {
    pub(crate) record: ActionRecord,
    pub(crate) target_class: String,
    /// What it is about, as it was before.
    pub(crate) symptom: Option<Symptom>,
    /// None while the executor works.
    pub(crate) watch: Option<Watch>,
    pub(crate) replies: Vec<Reply>,
}

/// An incident that is not resolved, and what is being done about it.
pub(crate) struct Case {
    pub(crate) incident: Incident,
    pub(crate) plan: Option<Plan>,
    pub(crate) next_step: usize,
    pub(crate) plans_made: u32,
    pub(crate) needs_diagnosis: bool,
    /// Whether a model was asked about it: once an incident.
    pub(crate) model_asked: bool,
    /// What was tried last and did not help, until another cure is under way or a person is told.
    pub(crate) tried_in_vain: Option<String>,
    /// What is being done to its target for another incident, or was just done for this one: that may end it.
    pub(crate) waits: Option<Wait>,
    /// When something of it was put back: a look from before shows a world that is no more.
    pub(crate) put_back_at_boottime_ns: u64,
    /// What hale sees itself of what is only reported.
    pub(crate) doubt: crate::doubt::Doubt,
    /// How often in a row the world had changed before what was planned could begin.
    pub(crate) overtaken: u32,
}

/// See [`Case::waits`].
pub(crate) struct Wait {
    /// What must not be done something to at the same time.
    pub(crate) keys: Vec<String>,
    /// What is being done, in words.
    pub(crate) what: String,
    /// When that had ended, and the trouble went on; none while it is being done.
    pub(crate) ended_at: Option<Timestamp>,
}

impl Case {
    pub(crate) fn new(incident: Incident) -> Case {
        Case {
            incident,
            plan: None,
            next_step: 0,
            plans_made: 0,
            needs_diagnosis: true,
            model_asked: false,
            tried_in_vain: None,
            waits: None,
            put_back_at_boottime_ns: 0,
            doubt: crate::doubt::Doubt::default(),
            overtaken: 0,
        }
    }
}

/// What the newest turn saw, for whoever asks.
#[derive(Default)]
pub(crate) struct Latest {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) orientation: Option<Arc<Orientation>>,
    /// The figures of the last looks.
    pub(crate) recent: crate::recent::Recent,
    /// What services told in the last minute.
    pub(crate) traffic: crate::services::RecentTraffic,
    pub(crate) warnings: BTreeMap<&'static str, String>,
    /// Looks at the machine so far.
    pub(crate) turns: u64,
    /// The number of the newest event told.
    pub(crate) events: u64,
    /// Alerts that could not be written (disk full): newer than what is stored.
    pub(crate) unsaved_alerts: Vec<Alert>,
    /// Likewise.
    pub(crate) unsaved_incidents: Vec<Incident>,
    /// Likewise: a stop of actions.
    pub(crate) unsaved_pause: Option<Timestamp>,
}

pub(crate) type Shared = Arc<RwLock<Latest>>;

/// What is wrong with a person's own rules and playbooks; the others work.
pub(crate) fn problems_of_files(settings: &Settings) -> BTreeMap<&'static str, String> {
    let rules = Rules::problems(&settings.user_rules);
    let playbooks = Playbooks::problems_of(&settings.user_playbooks);
    in_words(&rules, &playbooks)
}

fn in_words(rules: &[RuleError], playbooks: &[PlaybookProblem]) -> BTreeMap<&'static str, String> {
    let mut told = BTreeMap::new();
    let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
    let playbooks: Vec<String> = playbooks.iter().map(ToString::to_string).collect();
    for (name, problems) in [("rules", rules), ("playbooks", playbooks)] {
        if !problems.is_empty() {
            told.insert(name, problems.join("; "));
        }
    }
    told
}

/// How a core is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The running agent, or one pass of it: alerts, incidents, cures.
    Watch,
    /// One wish of a person while no agent runs: looks at the world, judges, acts, verifies.
    Errand,
}

pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) purpose: Purpose,
    pub(crate) observer: LocalObserver,
    pub(crate) state: State,
    pub(crate) actuator: Actuator,
    pub(crate) book: AlertBook,
    pub(crate) cases: BTreeMap<IncidentId, Case>,
    /// What others report.
    pub(crate) reports: crate::inbox::Reports,
    pub(crate) running: HashMap<ActionId, Running>,
    pub(crate) results: mpsc::Sender<Applied>,
    /// Treatments as data.
    pub(crate) playbooks: Arc<Playbooks>,
    /// Models, where any is configured, and where their news go.
    pub(crate) counsel: Option<Counsel>,
    pub(crate) shared: Shared,
    /// What happens, for whoever watches.
    pub(crate) events: Arc<EventBus>,
    /// Where receivers write down what services tell; none: nothing receives.
    pub(crate) traffic: Option<Arc<TrafficBook>>,
    /// When they last told anything.
    otlp_heard_at: Option<Timestamp>,
    orient: Orient,
    last_sample: Option<Sample>,
    telemetry: Option<TelemetryHandle>,
    notifier: Option<Notifier>,
    pending_journal: Vec<JournalEntry>,
    /// What services told since the last stored sample.
    pending_traffic: TrafficSample,
    unsaved_alerts: BTreeSet<AlertId>,
    unsaved_timeline: Vec<(IncidentId, TimelineEntry)>,
    last_cursor: Option<String>,
    stored_at_boottime_ns: Option<u64>,
    memory_saved_at_boottime_ns: u64,
    retained_at_boottime_ns: u64,
}

impl Core {
    /// Opens the state and remembers what was going on.
    pub(crate) fn open(
        settings: Settings,
        purpose: Purpose,
        telemetry: Option<TelemetryHandle>,
        notifier: impl FnOnce(&MachineId) -> Option<Notifier>,
        results: mpsc::Sender<Applied>,
    ) -> Result<Core, ApiError> {
        let files = Files::new(&settings.data_dir);
        let opened = match State::open(&files.state(), Access::Write) {
            Err(StoreError::Full { .. }) if files.give_room() => {
                State::open(&files.state(), Access::Write)
            }
            other => other,
        };
        let mut state = opened.map_err(store_error)?;
        crate::runbook::ship(&mut state)?;
        let mut observer = LocalObserver::new(settings.observed_roots(), settings.machine_id());
        let notifier = notifier(observer.machine_id());
        let cursor =
            state.cursor(observer.machine_id(), JOURNAL_CURSOR, "").map_err(store_error)?;
        observer.resume_journal(cursor);
        observer.declare(settings.config.services.clone());
        observer.scrape(settings.config.scrape.clone());

        let (rules, problems) = Rules::with_user_rules(&settings.user_rules);
        let playbooks = Playbooks::with_own(&settings.user_playbooks);
        let warnings = in_words(&problems, playbooks.problems());
        warnings.values().for_each(|text| tracing::warn!("{text}"));
        let memory = load_memory(&state)?;
        let not_closed =
            state.alerts(&[AlertState::Open, AlertState::Acknowledged], 0).map_err(store_error)?;
        let mut cases = BTreeMap::new();
        for incident in state.open_incidents().map_err(store_error)? {
            let mut case = Case::new(incident);
            let actions = state.actions_of(&case.incident.id).map_err(store_error)?;
            let in_vain = |a: &&ActionRecord| {
                !matches!(a.state, ActionState::Refused | ActionState::Succeeded)
            };
            let tried = actions.iter().filter(in_vain).count();
            case.plans_made = u32::try_from(tried).unwrap_or(u32::MAX);
            // Where a person has the word, the question stands until something new comes up.
            case.needs_diagnosis = !matches!(
                case.incident.state,
                IncidentState::Escalated | IncidentState::AwaitingApproval
            );
            cases.insert(case.incident.id.clone(), case);
        }
        let actuator = Actuator::new(settings.act_roots());
        Ok(Core {
            purpose,
            observer,
            state,
            actuator: match &notifier {
                Some(notifier) => actuator.with_notifications(notifier.handle()),
                None => actuator,
            },
            book: AlertBook::new(not_closed),
            cases,
            reports: crate::inbox::Reports::default(),
            running: HashMap::new(),
            results,
            playbooks: Arc::new(playbooks),
            counsel: None,
            shared: Arc::new(RwLock::new(Latest { warnings, ..Latest::default() })),
            events: EventBus::new(Timestamp::now()),
            traffic: None,
            otlp_heard_at: None,
            orient: Orient::new(rules, memory),
            last_sample: None,
            telemetry,
            notifier,
            pending_journal: Vec::new(),
            pending_traffic: TrafficSample::default(),
            unsaved_alerts: BTreeSet::new(),
            unsaved_timeline: Vec::new(),
            last_cursor: None,
            stored_at_boottime_ns: None,
            memory_saved_at_boottime_ns: 0,
            retained_at_boottime_ns: 0,
            settings,
        })
    }

    /// Looks at the world once and does what follows from it.
    pub(crate) async fn turn(&mut self) {
        self.aim_probes();
        let mut sample = match self.purpose {
            Purpose::Watch => self.observer.collect().await,
            // An errand needs to see its target, not the journal's history.
            Purpose::Errand => {
                self.observer
                    .collect_only(&[
                        Source::Process,
                        Source::Memory,
                        Source::Cpu,
                        Source::Disk,
                        Source::Unit,
                        Source::Container,
                        Source::Kubernetes,
                    ])
                    .await
            }
        };
        self.hear(&mut sample);
        let mut snapshot = Snapshot::derive(&sample, self.last_sample.as_ref());
        if self.purpose == Purpose::Watch {
            self.look_into_inbox(&mut snapshot);
        }
        let snapshot = Arc::new(snapshot);
        let orientation = Arc::new(self.orient.turn(&snapshot, &self.settings.config));

        if self.purpose == Purpose::Watch {
            self.follow_alerts(&snapshot, &orientation.findings);
            self.follow_reports(&orientation.findings);
        }
        let observed = crate::inbox::observed(&orientation.findings);
        self.step_watches(&snapshot, &observed).await;
        if self.purpose == Purpose::Watch {
            self.settle_approvals(&snapshot).await;
            self.advance_cases(&snapshot).await;
            self.consult_waiting(&snapshot);
            self.keep(&sample, &snapshot, &orientation);
        }
        self.tell_orientation(&orientation);
        let traffic = sample.traffic.take();
        self.last_sample = Some(sample);
        let told = self.events.newest();
        self.publish(|latest| {
            let health = Some(&orientation.health);
            latest.recent.push(snapshot.collected_at, &snapshot.system, health);
            if let Some(traffic) = &traffic {
                latest.traffic.push(traffic, snapshot.collected_at);
            }
            latest.snapshot = Some(snapshot);
            latest.orientation = Some(orientation);
            latest.turns += 1;
            latest.events = told;
        });
    }

    /// Puts what services told since the turn before into the sample. As long as nothing ever came,
    /// there is no such source.
    fn hear(&mut self, sample: &mut Sample) {
        let Some(book) = &self.traffic else { return };
        let mut traffic = book.drain(sample.boottime_ns);
        crate::masks::traffic(&mut traffic);
        if traffic.intake.is_any() {
            self.otlp_heard_at = Some(sample.collected_at);
        }
        if book.has_received() {
            sample.sources.push(SourceStatus {
                source: Source::Otlp,
                state: SourceState::Fresh,
                // It can be heard at any time; when somebody last said something is another matter.
                last_fresh_at: self.otlp_heard_at,
                took_us: 0,
                note: None,
                lost: traffic.intake.beyond_limits,
            });
        }
        self.pending_traffic.merge(&traffic);
        sample.traffic = Some(traffic);
    }

    /// What is being verified by asking over the network is asked in this look, and nothing else.
    fn aim_probes(&mut self) {
        let watches = self.running.values().filter_map(|running| running.watch.as_ref());
        let targets = watches.flat_map(Watch::probes).chain(self.asked_in_doubt()).collect();
        self.observer.probe(targets, self.settings.config.server.own_ports());
    }

    /// The first look, then what an earlier agent left unfinished, before anything new is begun.
    pub(crate) async fn begin_watch(&mut self) -> Result<(), ApiError> {
        let sample = self.observer.collect().await;
        let snapshot = Arc::new(Snapshot::derive(&sample, None));
        self.reconcile(&snapshot).await?;
        self.last_sample = Some(sample);
        self.publish(|latest| latest.snapshot = Some(snapshot));
        Ok(())
    }

    /// Whether something is being verified, or asked before it is judged: then the loop looks more often.
    pub(crate) fn is_verifying(&self) -> bool {
        !self.running.is_empty() || self.looks_for_itself()
    }

    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).snapshot.clone()
    }

    pub(crate) fn publish(&self, change: impl FnOnce(&mut Latest)) {
        change(&mut self.shared.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn follow_alerts(&mut self, snapshot: &Snapshot, findings: &[Finding]) {
        let findings = crate::masks::findings(findings);
        let changes = self.book.step(snapshot, &findings, &self.settings.config);
        let mut fresh: Vec<Alert> = Vec::new();
        let mut news: Vec<(NotificationKind, Alert)> = Vec::new();
        for change in &changes {
            let (alert, thought) = match change {
                AlertChange::Opened(alert) => (alert, Some("alert_opened")),
                AlertChange::Reopened(alert) => (alert, Some("alert_reopened")),
                AlertChange::Escalated(alert) => (alert, Some("alert_escalated")),
                AlertChange::Closed(alert) => (alert, Some("alert_closed")),
                AlertChange::Updated(alert) => (alert, None),
            };
            self.unsaved_alerts.insert(alert.id.clone());
            match change {
                AlertChange::Opened(alert) => {
                    fresh.push(alert.clone());
                    news.push((NotificationKind::Opened, alert.clone()));
                }
                // A case that is over does not come back: a flap that outlives it is a new one.
                AlertChange::Reopened(alert) if !self.has_case(alert) => {
                    fresh.push(alert.clone());
                    news.push((NotificationKind::Opened, alert.clone()));
                }
                AlertChange::Reopened(alert) | AlertChange::Updated(alert) => {
                    self.look_again(alert);
                }
                AlertChange::Escalated(alert) => {
                    self.look_again(alert);
                    news.push((NotificationKind::Escalated, alert.clone()));
                }
                AlertChange::Closed(alert) => news.push((NotificationKind::Closed, alert.clone())),
            }
            if let (Some(kind), Some(incident)) = (thought, alert.incident_id.clone()) {
                self.think(&incident, Agent::Scout, kind, told(change, alert));
            }
        }
        self.correlate(&fresh, snapshot);
        // Told once it is known which incident they belong to.
        for (kind, alert) in news {
            let alert = self.book.get(&alert.id).cloned().unwrap_or(alert);
            self.notify_alert(kind, &alert);
        }
        self.save_alerts();
    }

    /// Tells that an alert was closed otherwise than by the book.
    pub(crate) fn tell_closed(&mut self, alert: &Alert) {
        if let Some(incident) = alert.incident_id.clone() {
            let text = told(&AlertChange::Closed(alert.clone()), alert);
            self.think(&incident, Agent::Scout, "alert_closed", text);
        }
        self.notify_alert(NotificationKind::Closed, alert);
    }

    fn has_case(&self, alert: &Alert) -> bool {
        alert.incident_id.as_ref().is_some_and(|id| self.cases.contains_key(id))
    }

    fn look_again(&mut self, alert: &Alert) {
        if let Some(case) = alert.incident_id.as_ref().and_then(|id| self.cases.get_mut(id)) {
            case.needs_diagnosis = true;
        }
    }

    pub(crate) fn mark_unsaved(&mut self, alert: &AlertId) {
        self.unsaved_alerts.insert(alert.clone());
    }

    /// Writes what is new in one transaction. On a full disk everything stays marked, and the next
    /// turn tries again: the book in memory is what counts meanwhile.
    pub(crate) fn save_alerts(&mut self) {
        self.tell_changes();
        if self.unsaved_alerts.is_empty()
            && self.unsaved_timeline.is_empty()
            && !self.reports.has_unsaved()
        {
            return;
        }
        let alerts: Vec<Alert> =
            self.unsaved_alerts.iter().filter_map(|id| self.book.get(id).cloned()).collect();
        let incidents = self.cases.values().map(|c| crate::masks::incident(c.incident.clone()));
        let incidents: Vec<Incident> = incidents.collect();
        let timeline = &self.unsaved_timeline;
        let reports = &self.reports;
        let saved = self.state.atomically(|state| {
            // Incidents first: alerts and timeline entries point at them.
            incidents.iter().try_for_each(|i| state.put_incident(i))?;
            alerts.iter().try_for_each(|a| state.put_alert(a))?;
            timeline.iter().try_for_each(|(id, entry)| state.add_timeline(id, entry))?;
            reports.save(state)
        });
        match saved {
            Ok(()) => {
                self.unsaved_alerts.clear();
                self.unsaved_timeline.clear();
                self.reports.saved();
                self.publish(|latest| {
                    latest.warnings.remove("state");
                    latest.unsaved_alerts.clear();
                    latest.unsaved_incidents.clear();
                });
            }
            Err(error) => {
                self.warn("state", store_error(error).message);
                self.publish(|latest| {
                    latest.unsaved_alerts = alerts;
                    latest.unsaved_incidents = incidents;
                });
            }
        }
    }

    /// At a clean end the database file alone holds everything.
    pub(crate) fn fold_state(&self) {
        if let Err(error) = self.state.fold() {
            tracing::debug!("state stays in its log: {}", store_error(error).message);
        }
    }

    /// What has changed of alerts and incidents, for whoever watches: also what cannot be written.
    fn tell_changes(&self) {
        for alert in self.unsaved_alerts.iter().filter_map(|id| self.book.get(id)) {
            self.tell_alert(alert);
        }
        for case in self.cases.values() {
            self.tell_incident(&case.incident);
        }
    }

    /// Says that something of hale itself does not work; shown by `status` and `doctor`.
    pub(crate) fn warn(&self, part: &'static str, text: String) {
        tracing::warn!("{text}");
        self.publish(|latest| {
            latest.warnings.insert(part, text);
        });
    }

    /// A line of an incident's story, for the timeline and for whoever watches.
    pub(crate) fn think(&mut self, incident: &IncidentId, agent: Agent, kind: &str, text: String) {
        let text = crate::masks::text(&text);
        tracing::info!(target: "thought", "{}: {}", agent.as_str(), hale_model::text::printable(&text));
        let entry = TimelineEntry { ts: Timestamp::now(), agent, kind: kind.to_owned(), text };
        self.tell_thought(incident, &entry);
        self.unsaved_timeline.push((incident.clone(), entry));
    }

    /// An entry of the audit chain. Losing one is said, never silent.
    pub(crate) fn audit(
        &self,
        actor: &str,
        kind: &str,
        subject: &str,
        details: &serde_json::Value,
    ) {
        if let Err(error) = self.state.append_audit(Timestamp::now(), actor, kind, subject, details)
        {
            self.warn("audit", store_error(error).message);
        }
    }

    pub(crate) fn notify(&self, notification: Notification) {
        if let Some(notifier) = &self.notifier {
            notifier.send(notification);
        }
    }

    fn notify_alert(&self, kind: NotificationKind, alert: &Alert) {
        let over = kind == NotificationKind::Closed;
        self.notify(Notification {
            at: Timestamp::now(),
            kind,
            severity: alert.severity,
            machine_id: alert.machine_id.clone(),
            // Whoever reads only this line must not take the end for a new beginning.
            title: format!(
                "{}{} · {}",
                if over { "over: " } else { "" },
                alert.kind,
                alert.subject
            ),
            text: alert.summary.clone(),
            alert: Some(AlertView::from(alert)),
            incident_id: alert.incident_id.as_ref().map(ToString::to_string),
            commands: if over { Vec::new() } else { alert.suggested_actions.clone() },
            key: format!("{}:{}", alert.fingerprint, alert.state.as_str()),
            incident: None,
        });
    }

    fn keep(&mut self, sample: &Sample, snapshot: &Arc<Snapshot>, orientation: &Orientation) {
        let now_ns = sample.boottime_ns;
        let due = |last: u64, secs: u64| now_ns.saturating_sub(last) >= secs * 1_000_000_000;
        let history = self.settings.config.history.clone();
        let store_due =
            self.stored_at_boottime_ns.is_none_or(|last| due(last, history.snapshot_interval_secs));
        if store_due && let Some(telemetry) = &self.telemetry {
            let traffic = Some(std::mem::take(&mut self.pending_traffic));
            telemetry.store(Batch::new(
                &Sample { traffic, ..sample.clone() },
                snapshot,
                std::mem::take(&mut self.pending_journal),
                orientation.health.clone(),
                orientation.predictions.clone(),
            ));
            self.stored_at_boottime_ns = Some(now_ns);
            match telemetry.losses() {
                Some(text) => self.warn("telemetry", text),
                None => self.publish(|latest| {
                    latest.warnings.remove("telemetry");
                }),
            }
            self.save_cursor();
            self.refresh_open_alerts();
        } else {
            self.keep_journal(&snapshot.journal);
        }
        if self.memory_saved_at_boottime_ns == 0 {
            self.memory_saved_at_boottime_ns = now_ns;
        } else if due(self.memory_saved_at_boottime_ns, MEMORY_SAVE_SECS) {
            self.save_memory();
            self.memory_saved_at_boottime_ns = now_ns;
        }
        if history.retention_hours > 0
            && due(self.retained_at_boottime_ns, RETENTION_SECS)
            && let Some(telemetry) = &self.telemetry
        {
            telemetry.retain(sample.collected_at, history.retention_hours);
            self.retained_at_boottime_ns = now_ns;
        }
        if let Some(journal) = &sample.journal
            && journal.cursor.is_some()
        {
            self.last_cursor = journal.cursor.clone();
        }
    }

    /// `last_seen_at` of what is still so.
    fn refresh_open_alerts(&mut self) {
        let open: Vec<AlertId> = self.book.open().map(|alert| alert.id.clone()).collect();
        self.unsaved_alerts.extend(open);
    }

    /// Journal entries wait for the next stored sample.
    fn keep_journal(&mut self, entries: &[JournalEntry]) {
        let room = PENDING_JOURNAL_ENTRIES_MAX.saturating_sub(self.pending_journal.len());
        if entries.len() > room {
            tracing::warn!(
                "{} journal entries were not stored: more than {PENDING_JOURNAL_ENTRIES_MAX} between two stored samples",
                entries.len() - room
            );
        }
        self.pending_journal.extend(entries.iter().take(room).cloned());
    }

    fn save_cursor(&self) {
        if let Some(cursor) = &self.last_cursor
            && let Err(error) =
                self.state.set_cursor(self.observer.machine_id(), JOURNAL_CURSOR, "", cursor)
        {
            self.warn("state", store_error(error).message);
        }
    }

    /// What was learned survives; also called when the agent ends.
    pub(crate) fn save_memory(&self) {
        self.save_cursor();
        let saved = serde_json::to_string(&self.orient.memory())
            .map_err(|e| ApiError::new(hale_model::api::ErrorKind::Failed, e.to_string()))
            .and_then(|text| self.state.set_setting(MEMORY_KEY, &text).map_err(store_error));
        if let Err(error) = saved {
            self.warn("state", error.message);
        }
    }

    /// Has work done on the telemetry database; an errand does it itself.
    pub(crate) fn telemetry(&self, work: Work) -> Result<Done, ApiError> {
        match &self.telemetry {
            Some(telemetry) => telemetry.ask(work),
            None => perform(&Files::new(&self.settings.data_dir), &work),
        }
    }

    /// Where people are told, for whoever asks how the channels fare.
    pub(crate) fn notify_handle(&self) -> Option<hale_act::NotifyHandle> {
        self.notifier.as_ref().map(Notifier::handle)
    }

    pub(crate) fn into_notifier(self) -> Option<Notifier> {
        self.notifier
    }
}

/// A change of an alert as a line of its incident's story.
fn told(change: &AlertChange, alert: &Alert) -> String {
    match change {
        AlertChange::Opened(_) | AlertChange::Updated(_) => alert.summary.clone(),
        AlertChange::Reopened(_) => format!("again: {}", alert.summary),
        AlertChange::Escalated(_) => format!("{} by now: {}", alert.severity, alert.summary),
        AlertChange::Closed(_) => {
            format!(
                "over: {}",
                alert.close_reason.as_deref().map_or_else(
                    || alert.summary.clone(),
                    |reason| format!("{} ({reason}); it was: {}", alert.kind, alert.summary),
                )
            )
        }
    }
}

/// What was learned. A memory that this version cannot read is begun anew, and said so.
fn load_memory(state: &State) -> Result<BrainMemory, ApiError> {
    let Some(text) = state.setting(MEMORY_KEY).map_err(store_error)? else {
        return Ok(BrainMemory::default());
    };
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!("learned baselines cannot be read ({error}); learning begins anew");
        BrainMemory::default()
    }))
}
