//! Answers questions from what is stored and what was seen last. Never changes anything, never
//! holds the loop up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hale_brain::detect::health_of;
use hale_brain::diagnose;
use hale_model::Timestamp;
use hale_model::action::{Action, ActionRecord, ActionState, Actor, Approval, ApprovalState};
use hale_model::alert::{Alert, AlertState};
use hale_model::api::{ApiError, AuditCheck, ErrorKind, Query, View};
use hale_model::health::Health;
use hale_model::incident::{Incident, IncidentState};
use hale_model::snapshot::{Process, Snapshot};
use hale_model::view::{
    ActionCount, AlertCount, AlertView, AlertsView, ApprovalView, ApprovalsView, HealthView,
    IncidentView, IncidentsView, MachineHealth, ProcessView, ReportView, StatusView, Table,
};
use hale_store::{Access, State, StoreError};
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::adviser::Adviser;
use crate::commands::{not_found, parse_pause, still_ahead};
use crate::core::{Latest, PAUSED_KEY, Shared};
use crate::files::Files;
use crate::flow::{Asked, History, verdict};
use crate::meaning::Near;
use crate::telemetry::{Done, TelemetryHandle, Work, perform, store_error};

type Result<T> = std::result::Result<T, ApiError>;

/// Processes in each of the two lists of `status`.
const TOP_PROCESSES: usize = 8;
/// Rows of a SQL answer when the question names no limit.
const SQL_ROWS_DEFAULT: u32 = 10_000;

/// Where questions are answered.
pub(crate) struct Desk {
    pub(crate) settings: Settings,
    pub(crate) files: Files,
    pub(crate) shared: Shared,
    /// None: no agent in this process; the file is opened read-only for each question.
    pub(crate) telemetry: Option<TelemetryHandle>,
    pub(crate) agent_running: bool,
    pub(crate) started_at: Timestamp,
    /// The running agent's models; empty elsewhere.
    pub(crate) adviser: OnceLock<Arc<Adviser>>,
    /// The running agent's channels.
    pub(crate) notify: OnceLock<hale_act::NotifyHandle>,
    /// Treatments as data, read when they are first asked for.
    pub(crate) playbooks: OnceLock<hale_brain::playbook::Playbooks>,
    /// Where reports are taken in; empty where no agent runs.
    pub(crate) inbox: OnceLock<hale_store::Inbox>,
    state: Mutex<Option<State>>,
}

impl Desk {
    pub(crate) fn new(
        settings: Settings,
        shared: Shared,
        telemetry: Option<TelemetryHandle>,
        agent_running: bool,
    ) -> Arc<Desk> {
        let files = Files::new(&settings.data_dir);
        Arc::new(Desk {
            settings,
            files,
            shared,
            telemetry,
            agent_running,
            started_at: Timestamp::now(),
            adviser: OnceLock::new(),
            notify: OnceLock::new(),
            playbooks: OnceLock::new(),
            inbox: OnceLock::new(),
            state: Mutex::new(None),
        })
    }

    /// Answers. `Doctor` is answered elsewhere: it has to try things out.
    pub(crate) fn answer(&self, query: Query) -> Result<View> {
        self.answer_with(query, Near::new())
    }

    /// Answers, with what is near in meaning where the runbook is searched.
    pub(crate) fn answer_with(&self, query: Query, near: Near) -> Result<View> {
        match query {
            Query::Status { machine } => {
                let view = self.status()?;
                match machine {
                    Some(wanted) if wanted != view.machine_id => Err(ApiError::new(
                        ErrorKind::NotFound,
                        format!(
                            "there is no machine `{wanted}`; this one is `{}`",
                            view.machine_id
                        ),
                    )
                    .hint("hale watches the machine it runs on")),
                    Some(_) | None => Ok(View::Status(Box::new(view))),
                }
            }
            Query::Health => Ok(View::Health(HealthView::from([self.health()?].as_slice()))),
            Query::Alerts { states, limit } => {
                let states = if states.is_empty() {
                    vec![AlertState::Open, AlertState::Acknowledged]
                } else {
                    states
                };
                let alerts = self.alerts(&states, limit)?;
                Ok(View::Alerts(AlertsView {
                    alerts: alerts.iter().map(AlertView::from).collect(),
                }))
            }
            Query::Alert { id } => {
                let alert = self.alert(id.as_str())?;
                Ok(View::Alert(Box::new(AlertView::from(&alert))))
            }
            Query::Incidents { state, limit } => {
                let incidents = self.incidents(state, limit)?;
                let incidents =
                    incidents.iter().map(|i| self.incident_view(i)).collect::<Result<Vec<_>>>()?;
                Ok(View::Incidents(IncidentsView { incidents }))
            }
            Query::Incident { id } => {
                let incident = self.incident(id.as_str())?;
                Ok(View::Incident(Box::new(self.incident_view(&incident)?)))
            }
            Query::Approvals { all } => {
                let approvals = self.approvals(all)?;
                let approvals = approvals.iter().map(|(a, r)| ApprovalView::new(a, r)).collect();
                Ok(View::Approvals(ApprovalsView { approvals }))
            }
            Query::Approval { id } => {
                let approval = self
                    .read_or(None, |s| s.approval(id.as_str()))?
                    .ok_or_else(|| not_found("approval", id.as_str(), "hale approvals list"))?;
                let record =
                    self.read_or(None, |s| s.action(approval.action_id.as_str()))?.ok_or_else(
                        || not_found("action", approval.action_id.as_str(), "hale doctor"),
                    )?;
                Ok(View::Approval(Box::new(ApprovalView::new(&approval, &record))))
            }
            Query::Triage => self.triage(),
            Query::Report { since } => self.report(since),
            Query::Explain { what } => self.explain(&what),
            Query::Audit { limit } => {
                Ok(View::Audit(self.read_or(Vec::new(), |s| s.audit(limit))?))
            }
            Query::AuditVerify => {
                let nothing = AuditCheck {
                    entries: 0,
                    broken_at: None,
                    finding: "no entries yet: nothing was ever decided here".to_owned(),
                };
                Ok(View::AuditCheck(self.read_or(nothing, State::verify_audit)?))
            }
            Query::Postmortem { id } => self.postmortem(id.as_str()),
            Query::Sql { sql, limit_rows } => {
                Ok(View::Table(self.sql_for(&sql, limit_rows, &CancellationToken::new())?))
            }
            Query::Judge { action } => self.judge(&action),
            Query::Runbook { alert_kind, limit } => self.runbook(alert_kind.as_ref(), limit),
            Query::RunbookSearch { text, alert_kind, limit } => {
                self.runbook_search(&text, alert_kind.as_ref(), limit, near)
            }
            Query::RunbookEntry { id } => self.runbook_entry(&id),
            Query::RunbookExport => self.runbook_export(),
            Query::Doctor => Ok(View::Doctor(crate::doctor::examine(self))),
            Query::Services => Ok(View::Services(Box::new(crate::services::view(self)))),
            Query::Tokens => self.tokens(),
            Query::TokenHolder { id, digest } => self.token_holder(&id, &digest),
            Query::Metrics => self.metrics(),
            Query::Panel { ask } => self.panel(ask),
            Query::Playbooks => Ok(self.list_playbooks()),
            Query::Playbook { name } => self.playbook(&name),
            Query::PlaybookTrial { name, alert, target } => {
                self.try_playbook(&name, alert.as_ref(), target.as_deref())
            }
            // It may wait for a model, which no thread does that answers from what is stored.
            Query::Ask { .. } => Err(ApiError::new(
                ErrorKind::Failed,
                "a sentence cannot be asked about within another question",
            )),
        }
    }

    /// The verdict that a person who runs hale would get.
    fn judge(&self, action: &Action) -> Result<View> {
        let snapshot = self.snapshot()?;
        let actor = Actor::User { uid: rustix::process::getuid().as_raw() };
        let asked = Asked {
            action,
            alert_kind: None,
            actor: &actor,
            approved: false,
            confirmed_critical: false,
        };
        let history = self.read_or(History::default(), History::read);
        Ok(View::Verdict(verdict(history, &self.settings.config, &snapshot, &asked)))
    }

    pub(crate) fn latest<T>(&self, look: impl FnOnce(&Latest) -> T) -> T {
        look(&self.shared.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>> {
        self.latest(|l| l.snapshot.clone()).ok_or_else(|| {
            ApiError::new(ErrorKind::Degraded, "nothing was observed yet")
                .hint("try again in a few seconds")
        })
    }

    /// Runs a read on the state; a missing file is an error with the next step.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&State) -> std::result::Result<T, StoreError>,
    ) -> Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            *state = Some(State::open(&self.files.state(), Access::Read).map_err(store_error)?);
        }
        match state.as_ref() {
            Some(state) => read(state).map_err(store_error),
            None => Err(ApiError::new(ErrorKind::Failed, "the state database is not open")),
        }
    }

    /// The same where no file yet simply means that nothing happened yet.
    pub(crate) fn read_or<T>(
        &self,
        nothing: T,
        read: impl FnOnce(&State) -> std::result::Result<T, StoreError>,
    ) -> Result<T> {
        if self.files.state().exists() { self.read(read) } else { Ok(nothing) }
    }

    /// What is stored, and before it what could not be stored yet.
    pub(crate) fn alerts(&self, states: &[AlertState], limit: u32) -> Result<Vec<Alert>> {
        let stored = self.read_or(Vec::new(), |s| s.alerts(states, limit))?;
        let unsaved = self.latest(|l| l.unsaved_alerts.clone());
        let older = stored.into_iter().filter(|a| unsaved.iter().all(|new| new.id != a.id));
        let older: Vec<Alert> = older.collect();
        let newer = unsaved.into_iter().filter(|a| states.contains(&a.state));
        let at_most = if limit == 0 { usize::MAX } else { limit as usize };
        Ok(newer.chain(older).take(at_most).collect())
    }

    pub(crate) fn alert(&self, id: &str) -> Result<Alert> {
        let unsaved = |l: &Latest| l.unsaved_alerts.iter().find(|a| a.id.as_str() == id).cloned();
        if let Some(alert) = self.latest(unsaved) {
            return Ok(alert);
        }
        self.read_or(None, |s| s.alert(id))?
            .ok_or_else(|| not_found("alert", id, "hale alerts list"))
    }

    /// What is stored, and before it what could not be stored yet.
    pub(crate) fn incidents(
        &self,
        state: Option<IncidentState>,
        limit: u32,
    ) -> Result<Vec<Incident>> {
        let stored = self.read_or(Vec::new(), |s| s.incidents(state, limit))?;
        let unsaved = self.latest(|l| l.unsaved_incidents.clone());
        let older: Vec<Incident> =
            stored.into_iter().filter(|i| unsaved.iter().all(|new| new.id != i.id)).collect();
        let newer = unsaved.into_iter().chain(self.promised_incidents(&older));
        let newer = newer.filter(|i| state.is_none_or(|state| i.state == state));
        let at_most = if limit == 0 { usize::MAX } else { limit as usize };
        Ok(newer.chain(older).take(at_most).collect())
    }

    pub(crate) fn incident(&self, id: &str) -> Result<Incident> {
        let unsaved =
            |l: &Latest| l.unsaved_incidents.iter().find(|i| i.id.as_str() == id).cloned();
        if let Some(incident) = self.latest(unsaved) {
            return Ok(incident);
        }
        self.read_or(None, |s| s.incident(id))?
            .or_else(|| self.incident_of_report(id))
            .ok_or_else(|| not_found("incident", id, "hale incidents list"))
    }

    fn open_alerts(&self) -> Result<Vec<Alert>> {
        self.alerts(&[AlertState::Open, AlertState::Acknowledged], 0)
    }

    fn alerts_of(&self, incident: &Incident) -> Result<Vec<Alert>> {
        let alerts = incident.alerts.iter().map(|id| self.read(|s| s.alert(id.as_str())));
        Ok(alerts.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn incident_view(&self, incident: &Incident) -> Result<IncidentView> {
        let actions = self.read(|s| s.actions_of(&incident.id))?;
        let timeline = self.read(|s| s.timeline(&incident.id))?;
        Ok(self.with_external_ids(IncidentView::new(incident, &actions, timeline)))
    }

    pub(crate) fn approvals(&self, all: bool) -> Result<Vec<(Approval, ActionRecord)>> {
        let approvals = self.read_or(Vec::new(), |s| s.approvals(true))?;
        let mut pairs = Vec::new();
        for approval in approvals {
            let Some(record) = self.read(|s| s.action(approval.action_id.as_str()))? else {
                continue;
            };
            let waits = approval.state == ApprovalState::Pending
                && record.state == ActionState::AwaitingApproval
                && approval.expires_at > Timestamp::now();
            if all || waits {
                pairs.push((approval, record));
            }
        }
        Ok(pairs)
    }

    fn health(&self) -> Result<Health> {
        if let Some(orientation) = self.latest(|l| l.orientation.clone()) {
            return Ok(orientation.health.clone());
        }
        let snapshot = self.snapshot()?;
        let alerts = self.open_alerts()?;
        Ok(health_of(&snapshot, &alerts.iter().collect::<Vec<_>>(), &self.settings.config))
    }

    pub(crate) fn paused_until(&self) -> Result<Option<Timestamp>> {
        let stored = parse_pause(self.read_or(None, |s| s.setting(PAUSED_KEY))?.as_deref());
        Ok(stored.max(still_ahead(self.latest(|latest| latest.unsaved_pause))))
    }

    /// One live look at the machine.
    pub(crate) fn status(&self) -> Result<StatusView> {
        let snapshot = self.snapshot()?;
        let health = self.health()?;
        let mut alerts = self.open_alerts()?;
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.first_seen_at));
        let predictions = self.latest(|l| l.orientation.as_ref().map(|o| o.predictions.clone()));
        let pressure = [
            ("cpu", snapshot.system.cpu_pressure),
            ("memory", snapshot.system.memory_pressure),
            ("io", snapshot.system.io_pressure),
        ];
        Ok(StatusView {
            machine_id: snapshot.machine_id.clone(),
            collected_at: snapshot.collected_at,
            os: snapshot.host.os.clone(),
            kernel: snapshot.host.kernel.clone(),
            cores: snapshot.host.cores,
            uptime_secs: snapshot.boottime_ns / 1_000_000_000,
            agent_running: self.agent_running,
            mode: self.settings.config.general.mode,
            paused_until: self.paused_until()?,
            health: MachineHealth {
                id: health.machine_id,
                score: health.score,
                severity: health.severity,
                top_issue: health.top_issue,
                factors: health.factors,
            },
            system: snapshot.system.clone(),
            pressure: pressure
                .into_iter()
                .filter_map(|(name, p)| Some((name.to_owned(), p?)))
                .collect(),
            top_cpu: top(&snapshot, |p| p.cpu_percent.unwrap_or(0.0)),
            top_memory: top(&snapshot, |p| p.rss_bytes as f64),
            mounts: snapshot.mounts.clone(),
            devices: snapshot.devices.clone(),
            interfaces: snapshot.interfaces.clone(),
            tcp_states: snapshot.tcp_states.clone(),
            gpus: snapshot.gpus.clone(),
            temperatures: snapshot.temperatures.clone(),
            containers: snapshot.containers.clone(),
            workloads: snapshot.workloads.clone(),
            failed_units: snapshot
                .units
                .iter()
                .filter(|u| u.active_state == "failed" || u.sub_state == "auto-restart")
                .cloned()
                .collect(),
            alerts: alerts.iter().map(AlertView::from).collect(),
            predictions: predictions.unwrap_or_default(),
            sources: snapshot.sources.clone(),
            warnings: self.warnings(),
        })
    }

    fn triage(&self) -> Result<View> {
        let alerts = self.open_alerts()?;
        let incidents = self.read_or(Vec::new(), State::open_incidents)?;
        let approvals = self.approvals(false)?;
        Ok(View::Triage(diagnose::triage(&alerts, &incidents, &approvals, &self.health()?)))
    }

    /// The pid that a question is about and that the last look has not seen: its process may be
    /// younger than that.
    pub(crate) fn unseen(&self, query: &Query) -> Option<i32> {
        let Query::Explain { what } = query else { return None };
        let pid = what.parse().ok()?;
        let seen = |latest: &Latest| latest.snapshot.as_ref()?.process(pid).map(|_| ());
        self.latest(seen).is_none().then_some(pid)
    }

    /// What a process of this snapshot is.
    pub(crate) fn explain_process(&self, snapshot: &Snapshot, pid: i32) -> Result<View> {
        let alerts = self.open_alerts()?;
        diagnose::explain_process(snapshot, pid, &alerts)
            .map(|e| View::Explanation(Box::new(e)))
            .ok_or_else(|| {
                ApiError::new(ErrorKind::NotFound, format!("there is no process {pid}"))
                    .hint("`hale status` lists the busiest; `ps -e` all")
            })
    }

    fn explain(&self, what: &str) -> Result<View> {
        let snapshot = self.snapshot()?;
        if let Ok(pid) = what.parse::<i32>() {
            return self.explain_process(&snapshot, pid);
        }
        if what.starts_with("in-") {
            let incident = self.incident(what)?;
            let alerts = self.alerts_of(&incident)?;
            let actions = self.read(|s| s.actions_of(&incident.id))?;
            return Ok(View::Explanation(Box::new(diagnose::explain_incident(
                &incident, &alerts, &actions,
            ))));
        }
        if what.starts_with("al-") {
            let alert = self.alert(what)?;
            let incident = match &alert.incident_id {
                Some(id) => self.read(|s| s.incident(id.as_str()))?,
                None => None,
            };
            let mut explanation = diagnose::explain_alert(&alert, &snapshot, incident.as_ref());
            for (id, title) in self.known_about(&alert.kind) {
                explanation.facts.push(("known".to_owned(), title));
                explanation.commands.push(format!("hale runbook show {id}"));
            }
            return Ok(View::Explanation(Box::new(explanation)));
        }
        Err(ApiError::new(
            ErrorKind::Usage,
            format!("`{what}` is not a pid, an alert or an incident"),
        )
        .hint(
            "give a number, al-… or in-…; `hale alerts list` and `hale incidents list` show them",
        ))
    }

    fn postmortem(&self, id: &str) -> Result<View> {
        let incident = self.incident(id)?;
        let alerts = self.alerts_of(&incident)?;
        let actions = self.read(|s| s.actions_of(&incident.id))?;
        let timeline = self.read(|s| s.timeline(&incident.id))?;
        let page = diagnose::postmortem(&incident, &alerts, &actions, &timeline);
        Ok(View::Markdown(crate::masks::text(&page)))
    }

    fn report(&self, since: Timestamp) -> Result<View> {
        let snapshot = self.snapshot()?;
        let until = Timestamp::now();
        let incidents = self.read_or(Vec::new(), |s| s.incidents_between(since, until))?;
        let alerts = self.read_or(Vec::new(), |s| s.alerts(&[], 0))?;
        let actions = self.read_or(Vec::new(), |s| s.actions_since(since))?;
        let interval_secs = self.settings.config.history.snapshot_interval_secs;
        let (trends, coverage) =
            match self.telemetry(Work::Trends { since, until, interval_secs })? {
                Done::Trends { trends, coverage } => (trends, coverage),
                Done::Table(_) | Done::Stored(_) | Done::Later(_) | Done::Words(_) => {
                    (Vec::new(), 0.0)
                }
            };
        Ok(View::Report(Box::new(ReportView {
            machine_id: snapshot.machine_id.clone(),
            since,
            until,
            incidents: incidents
                .iter()
                .map(|i| self.incident_view(i))
                .collect::<Result<Vec<_>>>()?,
            alert_counts: count_alerts(&alerts, since, until),
            action_counts: count_actions(&actions),
            trends,
            predictions: self
                .latest(|l| l.orientation.as_ref().map(|o| o.predictions.clone()))
                .unwrap_or_default(),
            coverage,
        })))
    }

    fn telemetry(&self, work: Work) -> Result<Done> {
        match &self.telemetry {
            Some(telemetry) => telemetry.ask(work),
            None => perform(&self.files, &work),
        }
    }

    pub(crate) fn sql(&self, sql: &str, limit_rows: u32) -> Result<Table> {
        self.sql_for(sql, limit_rows, &CancellationToken::new())
    }

    /// For somebody who may go away before there is an answer.
    pub(crate) fn sql_for(
        &self,
        sql: &str,
        limit_rows: u32,
        gone: &CancellationToken,
    ) -> Result<Table> {
        let limit_rows = if limit_rows == 0 { SQL_ROWS_DEFAULT } else { limit_rows };
        let sql = sql.to_owned();
        let done = match &self.telemetry {
            Some(telemetry) => telemetry.query(sql, limit_rows, gone)?,
            None => perform(&self.files, &Work::Query { sql, limit_rows })?,
        };
        match done {
            Done::Table(table) => Ok(table),
            Done::Stored(_) | Done::Later(_) | Done::Trends { .. } | Done::Words(_) => {
                Ok(Table::default())
            }
        }
    }

    /// What of hale itself does not work, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.latest(|l| l.warnings.values().cloned().collect())
    }

    /// Seconds since each source was last read well; since it last said anything, where it speaks unasked.
    pub(crate) fn staleness(&self) -> BTreeMap<String, u64> {
        let now = Timestamp::now();
        self.latest(|l| {
            let sources = l.snapshot.iter().flat_map(|s| &s.sources);
            sources
                .filter_map(|s| {
                    let secs = now.duration_since(s.last_fresh_at?).as_secs();
                    Some((s.source.to_string(), u64::try_from(secs).unwrap_or(0)))
                })
                .collect()
        })
    }
}

fn top(snapshot: &Snapshot, by: impl Fn(&Process) -> f64) -> Vec<ProcessView> {
    let mut all: Vec<&Process> = snapshot.processes.iter().filter(|p| by(p) > 0.0).collect();
    all.sort_by(|a, b| by(b).total_cmp(&by(a)).then(a.pid.cmp(&b.pid)));
    all.into_iter().take(TOP_PROCESSES).map(ProcessView::from).collect()
}

fn count_alerts(alerts: &[Alert], since: Timestamp, until: Timestamp) -> Vec<AlertCount> {
    let mut counts: BTreeMap<String, AlertCount> = BTreeMap::new();
    for alert in alerts {
        let (from, to) =
            (alert.first_seen_at.max(since), alert.closed_at.unwrap_or(until).min(until));
        if to < from {
            continue;
        }
        let count = counts.entry(alert.kind.to_string()).or_insert_with(|| AlertCount {
            kind: alert.kind.to_string(),
            count: 0,
            open_secs: 0,
        });
        count.count += 1;
        count.open_secs += u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0);
    }
    counts.into_values().collect()
}

fn count_actions(actions: &[ActionRecord]) -> Vec<ActionCount> {
    let mut counts: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for record in actions {
        *counts
            .entry((record.step.action.kind().to_string(), record.state.as_str()))
            .or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((kind, state), count)| ActionCount { kind, state: state.to_owned(), count })
        .collect()
}
