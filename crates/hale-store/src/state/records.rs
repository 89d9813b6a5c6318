//! Alerts, incidents with their timelines, plans and actions.

use hale_model::Timestamp;
use hale_model::action::{ActionRecord, Plan};
use hale_model::alert::{Alert, AlertState};
use hale_model::ids::{IncidentId, PlanId};
use hale_model::incident::{Incident, IncidentState, TimelineEntry};
use rusqlite::params;

use super::{State, micros, sql_limit};
use crate::StoreError;

impl State {
    /// Stores an alert, or what became of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        let operation = "store an alert";
        let sql = "INSERT INTO alerts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15) \
                   ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, \
                   state = excluded.state, subject = excluded.subject, \
                   summary = excluded.summary, first_seen_at = excluded.first_seen_at, \
                   last_seen_at = excluded.last_seen_at, closed_at = excluded.closed_at, \
                   close_reason = excluded.close_reason, flaps = excluded.flaps, \
                   incident_id = excluded.incident_id, data = excluded.data";
        let values = params![
            alert.id.as_str(),
            alert.fingerprint.as_str(),
            alert.machine_id.as_str(),
            alert.kind.as_str(),
            alert.severity.as_str(),
            alert.state.as_str(),
            alert.subject.to_string(),
            alert.summary,
            micros(alert.first_seen_at),
            micros(alert.last_seen_at),
            alert.closed_at.map(micros),
            alert.close_reason,
            alert.flaps,
            alert.incident_id.as_ref().map(IncidentId::as_str),
            self.json(operation, alert)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// The alert whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn alert(&self, id_or_prefix: &str) -> Result<Option<Alert>, StoreError> {
        self.by_prefix("alert", "alerts", id_or_prefix)
    }

    /// Alerts in any of these states (none given: in all), newest first; 0 is no limit.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn alerts(&self, states: &[AlertState], limit: u32) -> Result<Vec<Alert>, StoreError> {
        let names: Vec<&str> = states.iter().map(|s| s.as_str()).collect();
        let wanted = self.json("list alerts", &names)?;
        self.records(
            "list alerts",
            "SELECT data FROM alerts WHERE ?1 = '[]' OR state IN (SELECT value FROM json_each(?1)) \
             ORDER BY first_seen_at DESC, rowid DESC LIMIT ?2",
            params![wanted, sql_limit(limit)],
        )
    }

    /// Stores an incident, or what became of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let operation = "store an incident";
        let sql = "INSERT INTO incidents VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) \
                   ON CONFLICT (id) DO UPDATE SET title = excluded.title, \
                   state = excluded.state, severity = excluded.severity, \
                   opened_at = excluded.opened_at, closed_at = excluded.closed_at, \
                   cause_kind = excluded.cause_kind, cause = excluded.cause, \
                   confidence = excluded.confidence, data = excluded.data";
        let diagnosis = incident.diagnosis.as_ref();
        let values = params![
            incident.id.as_str(),
            incident.machine_id.as_str(),
            incident.title,
            incident.state.as_str(),
            incident.severity.as_str(),
            micros(incident.opened_at),
            incident.closed_at.map(micros),
            diagnosis.map(|d| d.cause_kind.as_str()),
            diagnosis.map(|d| d.cause.as_str()),
            diagnosis.map(|d| d.confidence),
            self.json(operation, incident)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// The incident whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn incident(&self, id_or_prefix: &str) -> Result<Option<Incident>, StoreError> {
        self.by_prefix("incident", "incidents", id_or_prefix)
    }

    /// Incidents in this state (none given: in all), newest first; 0 is no limit.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn incidents(
        &self,
        state: Option<IncidentState>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        self.records(
            "list incidents",
            "SELECT data FROM incidents WHERE ?1 IS NULL OR state = ?1 \
             ORDER BY opened_at DESC, rowid DESC LIMIT ?2",
            params![state.map(IncidentState::as_str), sql_limit(limit)],
        )
    }

    /// Every incident that is not resolved (an escalated one waits for a person), newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.records(
            "list open incidents",
            "SELECT data FROM incidents WHERE state <> ?1 ORDER BY opened_at DESC, rowid DESC",
            [IncidentState::Resolved.as_str()],
        )
    }

    /// Incidents that were open at some time between these, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn incidents_between(
        &self,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Incident>, StoreError> {
        self.records(
            "list incidents of a time",
            "SELECT data FROM incidents WHERE opened_at <= ?2 AND coalesce(closed_at, ?1) >= ?1 \
             ORDER BY opened_at DESC, rowid DESC",
            [micros(since), micros(until)],
        )
    }

    /// Adds a line to an incident's story.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add_timeline(
        &self,
        incident: &IncidentId,
        entry: &TimelineEntry,
    ) -> Result<(), StoreError> {
        let operation = "add to a timeline";
        let sql = "INSERT INTO timeline (incident_id, ts, agent, kind, text, data) \
                   VALUES (?1,?2,?3,?4,?5,?6)";
        let values = params![
            incident.as_str(),
            micros(entry.ts),
            entry.agent.as_str(),
            entry.kind,
            entry.text,
            self.json(operation, entry)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// An incident's story in the order in which it was told.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn timeline(&self, incident: &IncidentId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.records(
            "read a timeline",
            "SELECT data FROM timeline WHERE incident_id = ?1 ORDER BY id",
            [incident.as_str()],
        )
    }

    /// Stores a plan. A plan never changes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        let operation = "store a plan";
        let sql = "INSERT INTO plans VALUES (?1,?2,?3,?4,?5,?6,?7,?8) \
                   ON CONFLICT (id) DO UPDATE SET steps = excluded.steps, data = excluded.data";
        let values = params![
            plan.id.as_str(),
            plan.incident_id.as_str(),
            plan.alert_id.as_str(),
            plan.alert_kind.as_str(),
            plan.machine_id.as_str(),
            micros(plan.created_at),
            i64::try_from(plan.steps.len()).unwrap_or(i64::MAX),
            self.json(operation, plan)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// The plan with this id.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn plan(&self, id: &PlanId) -> Result<Option<Plan>, StoreError> {
        let found =
            self.records("read a plan", "SELECT data FROM plans WHERE id = ?1", [id.as_str()])?;
        Ok(found.into_iter().next())
    }

    /// Stores an action, or what became of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_action(&self, record: &ActionRecord) -> Result<(), StoreError> {
        let operation = "store an action";
        let sql = "INSERT INTO actions VALUES \
                   (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19) \
                   ON CONFLICT (id) DO UPDATE SET plan_id = excluded.plan_id, \
                   incident_id = excluded.incident_id, alert_id = excluded.alert_id, \
                   alert_kind = excluded.alert_kind, kind = excluded.kind, \
                   target = excluded.target, risk = excluded.risk, verdict = excluded.verdict, \
                   state = excluded.state, requested_by = excluded.requested_by, \
                   created_at = excluded.created_at, intended_at = excluded.intended_at, \
                   finished_at = excluded.finished_at, exit = excluded.exit, \
                   verified = excluded.verified, note = excluded.note, data = excluded.data";
        let values = params![
            record.id.as_str(),
            record.plan_id.as_ref().map(PlanId::as_str),
            record.incident_id.as_ref().map(IncidentId::as_str),
            record.alert_id.as_ref().map(|id| id.as_str()),
            record.alert_kind.as_ref().map(|kind| kind.as_str()),
            record.machine_id.as_str(),
            record.step.action.kind().as_str(),
            record.step.action.target(),
            record.verdict.risk.as_str(),
            record.verdict.decision.as_str(),
            record.state.as_str(),
            record.requested_by.to_string(),
            micros(record.created_at),
            record.intended_at.map(micros),
            record.finished_at.map(micros),
            record.outcome.as_ref().and_then(|o| o.exit),
            record.verification.as_ref().map(|v| v.verified),
            record.note,
            self.json(operation, record)?,
        ];
        self.execute(operation, sql, values).map(drop)
    }

    /// As [`State::put_action`], but it has reached the disk when this returns: to be called
    /// before the world is touched.
    ///
    /// # Errors
    /// If it cannot be written; then the world must not be touched.
    pub fn put_intent(&self, record: &ActionRecord) -> Result<(), StoreError> {
        self.durably(|state| state.put_action(record))
    }

    /// The action whose id is, or starts with, this.
    ///
    /// # Errors
    /// If several start so, or it cannot be read.
    pub fn action(&self, id_or_prefix: &str) -> Result<Option<ActionRecord>, StoreError> {
        self.by_prefix("action", "actions", id_or_prefix)
    }

    /// An incident's actions, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn actions_of(&self, incident: &IncidentId) -> Result<Vec<ActionRecord>, StoreError> {
        self.records(
            "list actions of an incident",
            "SELECT data FROM actions WHERE incident_id = ?1 ORDER BY created_at, rowid",
            [incident.as_str()],
        )
    }

    /// Actions that have not reached a final state, oldest first: what a restart has to reconcile.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn unfinished_actions(&self) -> Result<Vec<ActionRecord>, StoreError> {
        self.records(
            "list unfinished actions",
            "SELECT data FROM actions WHERE state IN \
             ('planned', 'awaiting_approval', 'intended', 'running') ORDER BY created_at, rowid",
            [],
        )
    }

    /// Actions that were proposed, begun or ended since then, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn actions_since(&self, since: Timestamp) -> Result<Vec<ActionRecord>, StoreError> {
        self.records(
            "list recent actions",
            "SELECT data FROM actions WHERE created_at >= ?1 OR intended_at >= ?1 \
             OR finished_at >= ?1 ORDER BY created_at, rowid",
            [micros(since)],
        )
    }
}
