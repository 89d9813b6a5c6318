//! The life of an action: judged, intended, done, verified, and put back if that fails.

use std::time::Duration;

use hale_act::notify::{Notification, NotificationKind};
use hale_act::{ActError, Actuator};
use hale_brain::decide::{self, GuardInput, registry};
use hale_brain::detect::ACTED;
use hale_brain::remember::{self, Symptom, Use};
use hale_brain::verify::Watch;
use hale_model::action::{
    Action, ActionRecord, ActionState, Actor, Approval, ApprovalState, Decision, Outcome, Plan,
    PlanStep, PreState, Undo, Verdict, Verification,
};
use hale_model::alert::{AlertKind, Finding, Severity};
use hale_model::api::{ApiError, ErrorKind, View};
use hale_model::config::Config;
use hale_model::incident::{Agent, IncidentState};
use hale_model::lesson::Lesson;
use hale_model::snapshot::Snapshot;
use hale_model::view::ActionView;
use hale_model::{ActionId, AlertId, ApprovalId, IncidentId, Timestamp};
use hale_store::{State, StoreError};
use serde_json::json;

use crate::commands::parse_pause;
use crate::core::{Applied, Core, PAUSED_KEY, Reply, Running};
use crate::telemetry::{chained, store_error};

/// Reading a target's state before an action.
const PRE_STATE_TIMEOUT: Duration = Duration::from_secs(10);
/// Putting an action back.
const UNDO_TIMEOUT: Duration = Duration::from_secs(120);

/// What became of a proposal.
pub(crate) enum Proposed {
    /// It is being done.
    Begun,
    /// A person is asked.
    Asked,
    /// This mode only tells; why.
    Only(String),
    /// Not done; why.
    Refused(String),
    /// Not now: something is being done to its target already.
    Busy,
    /// Not done: its target is not what was judged any more; what differs.
    Overtaken(String),
}

impl Core {
    /// Has the guard judge a step, and does what it says.
    pub(crate) async fn propose(
        &mut self,
        plan: &Plan,
        index: usize,
        step: PlanStep,
        snapshot: &Snapshot,
    ) -> Proposed {
        let verdict =
            self.judge(&step.action, Some(&plan.alert_kind), &plan.made_by, snapshot, false, false);
        if decide::is_only_busy(&verdict) {
            // Nothing was decided about it: that comes when its target is free again.
            return Proposed::Busy;
        }
        let record = ActionRecord {
            id: ActionId::of(plan.id.as_str(), index),
            plan_id: Some(plan.id.clone()),
            incident_id: Some(plan.incident_id.clone()),
            alert_id: Some(plan.alert_id.clone()),
            alert_kind: Some(plan.alert_kind.clone()),
            machine_id: plan.machine_id.clone(),
            requested_by: plan.made_by.clone(),
            step,
            verdict,
            state: ActionState::Planned,
            created_at: Timestamp::now(),
            intended_at: None,
            finished_at: None,
            boot_id: snapshot.host.boot_id.clone(),
            pre_state: None,
            outcome: None,
            verification: None,
            note: None,
        };
        self.tell_verdict(&record);
        match record.verdict.decision {
            Decision::Allow => match self.begin(record, snapshot, None).await {
                Ok(()) => Proposed::Begun,
                Err(error) if error.kind == ErrorKind::Refused => {
                    Proposed::Overtaken(error.message)
                }
                Err(error) => Proposed::Refused(error.message),
            },
            Decision::Ask => self.ask(record).await,
            Decision::Deny => {
                let why = first_reason(&record.verdict);
                let by_mode = is_mode_reason(&record.verdict);
                let state = if by_mode { ActionState::Planned } else { ActionState::Refused };
                self.end(record, state, Some(why.clone()));
                if by_mode { Proposed::Only(why) } else { Proposed::Refused(why) }
            }
        }
    }

    pub(crate) fn judge(
        &self,
        action: &Action,
        alert_kind: Option<&AlertKind>,
        actor: &Actor,
        snapshot: &Snapshot,
        approved: bool,
        confirmed_critical: bool,
    ) -> Verdict {
        let in_flight: Vec<String> =
            self.running.values().flat_map(|r| r.record.step.action.target_keys()).collect();
        let asked = Asked { action, alert_kind, actor, approved, confirmed_critical };
        let history = History::read(&self.state).map(|history| History {
            in_flight,
            paused_until: self.paused_until(),
            ..history
        });
        verdict(history.map_err(store_error), &self.settings.config, snapshot, &asked)
    }

    fn tell_verdict(&mut self, record: &ActionRecord) {
        let verdict = &record.verdict;
        let text = format!(
            "{} {}: {} ({} risk). {}",
            record.step.action.kind(),
            record.step.action.target(),
            verdict.decision.as_str(),
            verdict.risk,
            first_reason(verdict),
        );
        if let Some(incident) = &record.incident_id {
            self.think(&incident.clone(), Agent::Guard, "verdict", text);
        }
        self.audit(
            &record.requested_by.to_string(),
            "verdict",
            record.id.as_str(),
            &json!({ "action": record.step.action, "verdict": verdict }),
        );
    }

    async fn ask(&mut self, record: ActionRecord) -> Proposed {
        match self.put_question(record).await {
            Ok(_) => Proposed::Asked,
            Err(error) => Proposed::Refused(error.message),
        }
    }

    /// Puts the question to a person, bound to this action and this state of its target.
    pub(crate) async fn put_question(
        &mut self,
        mut record: ActionRecord,
    ) -> Result<Approval, ApiError> {
        let pre_state = match read_pre_state(&self.actuator, &record.step.action).await {
            Ok(pre_state) => pre_state,
            Err(error) => {
                self.end(record, ActionState::Refused, Some(error.message.clone()));
                return Err(error);
            }
        };
        let now = Timestamp::now();
        let expires = Duration::from_secs(self.settings.config.autonomy.approval_expires_secs);
        let approval = Approval {
            id: ApprovalId::of(&record.id, now),
            action_id: record.id.clone(),
            binding: Approval::binding_of(&record.step.action, &pre_state),
            state: ApprovalState::Pending,
            created_at: now,
            expires_at: now + expires,
            decided_at: None,
            decided_by: None,
            why: None,
        };
        record.pre_state = Some(pre_state);
        record.state = ActionState::AwaitingApproval;
        let saved = self.state.atomically(|state| {
            state.put_action(&record)?;
            state.put_approval(&approval)
        });
        if let Err(error) = saved {
            let error = store_error(error);
            self.warn("state", error.message.clone());
            return Err(error);
        }
        self.tell_action(&record);
        let text = format!("{} {}", record.step.action.kind(), record.step.action.target());
        if let Some(incident) = record.incident_id.clone() {
            self.think(
                &incident,
                Agent::Guard,
                "approval",
                format!("asks a person: {text} ({})", approval.id),
            );
            self.set_state(&incident, IncidentState::AwaitingApproval);
        }
        self.notify(Notification {
            at: now,
            kind: NotificationKind::NeedsApproval,
            severity: Severity::High,
            machine_id: record.machine_id.clone(),
            title: format!("may hale do this? {text}"),
            text: record.step.why.clone(),
            alert: None,
            incident_id: record.incident_id.as_ref().map(ToString::to_string),
            commands: vec![
                format!("hale approve {}", approval.id),
                format!("hale reject {}", approval.id),
            ],
            key: approval.id.to_string(),
            incident: self.news_of(record.incident_id.as_ref(), Some((&approval, &record))),
        });
        Ok(approval)
    }

    /// Reads the target once more, writes the intent, and only then lets the executor at it.
    pub(crate) async fn begin(
        &mut self,
        mut record: ActionRecord,
        snapshot: &Snapshot,
        reply: Option<Reply>,
    ) -> Result<(), ApiError> {
        let pre_state = match read_pre_state(&self.actuator, &record.step.action).await {
            Ok(pre_state) => pre_state,
            Err(error) => return Err(self.refuse_begun(record, error, reply)),
        };
        record.pre_state = Some(pre_state.clone());
        record.state = ActionState::Intended;
        record.intended_at = Some(Timestamp::now());
        if let Err(error) = self.state.put_intent(&record) {
            let error =
                store_error(error).prefixed("the intent could not be written, so nothing was done");
            return Err(self.refuse_begun(record, error, reply));
        }
        self.tell_action(&record);
        let text = format!("{} {}", record.step.action.kind(), record.step.action.target());
        if let Some(incident) = record.incident_id.clone() {
            self.think(&incident, Agent::Fixer, "intent", text.clone());
            self.set_state(&incident, IncidentState::Acting);
            let (kind, why) = (NotificationKind::Acting, record.step.why.clone());
            self.tell_team(&incident, kind, format!("hale acts: {text}"), why, None);
        }
        self.audit(
            &record.requested_by.to_string(),
            "intent",
            record.id.as_str(),
            &json!({ "action": record.step.action, "pre_state": pre_state.facts }),
        );
        record.state = ActionState::Running;
        self.put_action(&record);

        let target_class = remember::target_class(&record.step.action, snapshot);
        let symptom = self.symptom_of(&record, snapshot);
        let (id, action) = (record.id.clone(), record.step.action.clone());
        let replies = reply.into_iter().collect();
        self.running
            .insert(id.clone(), Running { record, target_class, symptom, watch: None, replies });
        let (actuator, results) = (self.actuator.clone(), self.results.clone());
        tokio::spawn(async move {
            let result = actuator.apply(&id, &action, &pre_state).await;
            let ended_at_boottime_ns = boottime_ns();
            // The loop is gone only when the agent ends: then the intent is reconciled on start.
            let _ = results.send(Applied { id, result, ended_at_boottime_ns }).await;
        });
        Ok(())
    }

    fn refuse_begun(
        &mut self,
        record: ActionRecord,
        error: ApiError,
        reply: Option<Reply>,
    ) -> ApiError {
        self.end(record, ActionState::Refused, Some(error.message.clone()));
        if let Some(reply) = reply {
            let _ = reply.send(Err(error.clone()));
        }
        error
    }

    /// The executor has ended: from now on the world is watched.
    pub(crate) async fn applied(&mut self, applied: Applied) {
        let Some(mut running) = self.running.remove(&applied.id) else { return };
        match applied.result {
            Ok(outcome) if outcome.done => {
                self.tell_outcome(&running.record, &outcome);
                running.record.outcome = Some(outcome);
                running.watch = Some(Watch::new(
                    running.record.step.expectation.clone(),
                    applied.ended_at_boottime_ns,
                ));
                self.put_action(&running.record);
                if let Some(incident) = &running.record.incident_id {
                    self.set_state(&incident.clone(), IncidentState::Verifying);
                }
                self.running.insert(applied.id, running);
            }
            Ok(outcome) => {
                self.tell_outcome(&running.record, &outcome);
                let why = outcome.detail.clone();
                running.record.outcome = Some(outcome);
                self.put_back(running, why).await;
            }
            Err(error) if error.is_refusal() => {
                let api = act_error(error);
                let incident = running.record.incident_id.clone();
                self.end(running.record, ActionState::Refused, Some(api.message.clone()));
                if let Some(incident) = incident {
                    // The world has changed: what holds now is looked at in the next turn.
                    if let Some(case) = self.cases.get_mut(&incident) {
                        case.plan = None;
                        case.needs_diagnosis = true;
                    }
                }
                for reply in running.replies {
                    let _ = reply.send(Err(api.clone()));
                }
            }
            Err(error) => {
                let why = act_error(error).message;
                self.put_back(running, why).await;
            }
        }
    }

    fn tell_outcome(&mut self, record: &ActionRecord, outcome: &Outcome) {
        if let Some(incident) = &record.incident_id {
            self.think(&incident.clone(), Agent::Fixer, "outcome", outcome.detail.clone());
        }
        self.audit("hale", "outcome", record.id.as_str(), &json!(outcome));
    }

    /// Looks for the effect of what was done.
    pub(crate) async fn step_watches(&mut self, snapshot: &Snapshot, findings: &[Finding]) {
        let ids: Vec<ActionId> = self.running.keys().cloned().collect();
        for id in ids {
            let Some(running) = self.running.get_mut(&id) else { continue };
            let Some(watch) = &mut running.watch else { continue };
            let Some(verification) = watch.step(snapshot, findings) else { continue };
            let Some(running) = self.running.remove(&id) else { continue };
            self.verified(running, verification).await;
        }
    }

    async fn verified(&mut self, mut running: Running, verification: Verification) {
        let seen = verification.observations.join("; ");
        self.audit(
            "hale",
            "outcome",
            running.record.id.as_str(),
            &json!({ "verification": verification }),
        );
        let success = verification.verified;
        running.record.verification = Some(verification);
        if !success {
            self.put_back(running, format!("verification failed: {seen}")).await;
            return;
        }
        if let Some(incident) = running.record.incident_id.clone() {
            self.think(&incident, Agent::Fixer, "verified", seen);
            self.set_state(&incident, IncidentState::Acting);
            self.settle(&incident);
        }
        for alert in self.cured_alerts(&running.record) {
            if self.book.close(&alert, Timestamp::now(), ACTED).is_some() {
                self.mark_unsaved(&alert);
            }
        }
        self.finish(running, ActionState::Succeeded, None);
    }

    /// The alert that was treated, and the events beside it, which nothing else would end.
    fn cured_alerts(&self, record: &ActionRecord) -> Vec<AlertId> {
        let case = record.incident_id.as_ref().and_then(|id| self.cases.get(id));
        // With steps to come, it is the last one whose proof says that it is over.
        let in_hand = case.and_then(|case| case.plan.as_ref().map(|plan| (plan, case.next_step)));
        if in_hand.is_some_and(|(plan, next)| next < plan.steps.len()) {
            return Vec::new();
        }
        let events = case.into_iter().flat_map(|case| self.alerts_of(case));
        let events = events.filter(|alert| alert.kind.tells_of_an_event()).map(|alert| alert.id);
        record.alert_id.iter().cloned().chain(events).chain(self.reported_beside(record)).collect()
    }

    /// What did not work is put back where it can be, and a person is told.
    async fn put_back(&mut self, mut running: Running, why: String) {
        let undo = running.record.outcome.as_ref().map(|o| o.undo.clone());
        let id = running.record.id.clone();
        let keeps = self.keeps_what_failed(running.record.incident_id.as_ref());
        let facts = registry::facts(running.record.step.action.kind());
        let puts_back = facts.undo_on_failure && !keeps;
        let (state, note) = match undo {
            Some(undo) if puts_back && !matches!(undo, Undo::None { .. }) => {
                match self.undo_now(&id, &undo, &Actor::Hale).await {
                    Ok(did) => (ActionState::Undone, format!("{why}; put back: {did}")),
                    Err(error) => {
                        (ActionState::Failed, format!("{why}; putting it back failed: {error}"))
                    }
                }
            }
            Some(_) | None => (ActionState::Failed, why),
        };
        running.record.finished_at = Some(Timestamp::now());
        let incident = running.record.incident_id.clone();
        if let Some(case) = incident.as_ref().and_then(|id| self.cases.get_mut(id)) {
            case.put_back_at_boottime_ns = boottime_ns();
        }
        if let Some(incident) = &incident {
            let kind = if state == ActionState::Undone { "undone" } else { "failed" };
            self.think(incident, Agent::Fixer, kind, note.clone());
        }
        self.finish(running, state, Some(note.clone()));
        if let Some(incident) = incident {
            self.next_rung(&incident, &note);
        }
    }

    pub(crate) async fn undo_now(
        &mut self,
        id: &ActionId,
        undo: &Undo,
        actor: &Actor,
    ) -> Result<String, ApiError> {
        let result = match tokio::time::timeout(UNDO_TIMEOUT, self.actuator.undo(id, undo)).await {
            Ok(result) => result.map_err(act_error),
            Err(_) => Err(ApiError::new(
                ErrorKind::Failed,
                format!("not put back within {} s", UNDO_TIMEOUT.as_secs()),
            )),
        };
        let details = match &result {
            Ok(did) => json!({ "undo": undo, "did": did }),
            Err(error) => json!({ "undo": undo, "error": error.message }),
        };
        self.audit(&actor.to_string(), "undo", id.as_str(), &details);
        result
    }

    /// The end of an action that was tried: record, lesson, notification, answer.
    fn finish(&mut self, running: Running, state: ActionState, note: Option<String>) {
        let Running { mut record, target_class, symptom, replies, .. } = running;
        record.state = state;
        record.finished_at = Some(Timestamp::now());
        record.note = note;
        self.put_action(&record);
        self.learn(&record, &target_class, symptom.as_ref());
        if !record.requested_by.is_person() {
            self.notify(Notification {
                at: Timestamp::now(),
                kind: NotificationKind::ActionDone,
                severity: Severity::Medium,
                machine_id: record.machine_id.clone(),
                title: format!(
                    "{} {}: {}",
                    record.step.action.kind(),
                    record.step.action.target(),
                    state.as_str()
                ),
                text: record.note.clone().unwrap_or_else(|| record.step.why.clone()),
                alert: None,
                incident_id: record.incident_id.as_ref().map(ToString::to_string),
                commands: Vec::new(),
                key: format!("{}:{}", record.id, state.as_str()),
                incident: self.news_of(record.incident_id.as_ref(), None),
            });
        }
        let view = View::Action(Box::new(ActionView::from(&record)));
        for reply in replies {
            let _ = reply.send(Ok(view.clone()));
        }
    }

    /// The trouble that an action is about, as it is before the action changes it.
    pub(crate) fn symptom_of(&self, record: &ActionRecord, snapshot: &Snapshot) -> Option<Symptom> {
        let alert = self.book.get(record.alert_id.as_ref()?)?;
        let case = record.incident_id.as_ref().and_then(|id| self.cases.get(id));
        let cause = case.and_then(|case| case.incident.diagnosis.as_ref()).map(|d| &d.cause_kind);
        Some(Symptom::of(alert, cause.map(String::as_str), snapshot))
    }

    fn learn(&mut self, record: &ActionRecord, target_class: &str, symptom: Option<&Symptom>) {
        let Some(alert_kind) = &record.alert_kind else { return };
        let mut lessons = match self.state.lessons_about(alert_kind) {
            Ok(lessons) => lessons,
            Err(error) => return self.warn("state", store_error(error).message),
        };
        let used = Use { record, target_class, symptom, now: Timestamp::now() };
        let Some(change) = remember::learn(&mut lessons, &used, &self.settings.config.autonomy)
        else {
            return;
        };
        if let Err(error) = self.state.put_lesson(&change.lesson) {
            self.warn("state", store_error(error).message);
        }
        if change.promoted || change.demoted || change.failed {
            let details = json!({
                "lesson": change.lesson,
                "promoted": change.promoted,
                "demoted": change.demoted,
                "why": change.why,
            });
            self.audit("hale", "autonomy", target_class, &details);
        }
    }

    /// The end of an action that was not tried.
    pub(crate) fn end(
        &mut self,
        mut record: ActionRecord,
        state: ActionState,
        note: Option<String>,
    ) {
        record.state = state;
        if state.is_final() {
            record.finished_at = Some(Timestamp::now());
        }
        record.note = note;
        self.put_action(&record);
    }

    pub(crate) fn put_action(&self, record: &ActionRecord) {
        self.tell_action(record);
        if let Err(error) = self.state.put_action(record) {
            self.warn("state", store_error(error).message);
        }
    }

    /// Proposals that a newer plan, or the end of the trouble, has overtaken.
    pub(crate) fn withdraw_proposals(&mut self, incident: &IncidentId, past: &[ActionRecord]) {
        for record in past.iter().filter(|r| r.state == ActionState::AwaitingApproval) {
            let voided = self.state.approval_of(&record.id).and_then(|approval| match approval {
                Some(mut approval)
                    if matches!(
                        approval.state,
                        ApprovalState::Pending | ApprovalState::Approved
                    ) =>
                {
                    approval.state = ApprovalState::Voided;
                    approval.decided_at = Some(Timestamp::now());
                    self.state.put_approval(&approval)
                }
                Some(_) | None => Ok(()),
            });
            if let Err(error) = voided {
                self.warn("state", store_error(error).message);
            }
            self.end(
                record.clone(),
                ActionState::Refused,
                Some("overtaken: no longer needed as proposed".to_owned()),
            );
            self.think(
                incident,
                Agent::Guard,
                "approval",
                format!("question withdrawn: {}", record.id),
            );
        }
    }
}

/// The target as it is now. Not a method: the core must not be borrowed while the world is asked.
pub(crate) async fn read_pre_state(
    actuator: &Actuator,
    action: &Action,
) -> Result<PreState, ApiError> {
    match tokio::time::timeout(PRE_STATE_TIMEOUT, actuator.pre_state(action)).await {
        Ok(result) => result.map_err(act_error),
        Err(_) => Err(ApiError::new(
            ErrorKind::Failed,
            format!(
                "the state of {} could not be read within {} s",
                action.target(),
                PRE_STATE_TIMEOUT.as_secs()
            ),
        )),
    }
}

/// What the guard is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) action: &'a Action,
    pub(crate) alert_kind: Option<&'a AlertKind>,
    pub(crate) actor: &'a Actor,
    pub(crate) approved: bool,
    pub(crate) confirmed_critical: bool,
}

/// What was done and learned so far, as far as a verdict depends on it.
#[derive(Default)]
pub(crate) struct History {
    recent: Vec<ActionRecord>,
    lessons: Vec<Lesson>,
    paused_until: Option<Timestamp>,
    /// Target keys of the actions that are being done now.
    pub(crate) in_flight: Vec<String>,
}

impl History {
    /// From the record. `in_flight` is what the record says: whoever knows better replaces it.
    pub(crate) fn read(state: &State) -> Result<History, StoreError> {
        let hour_ago = Timestamp::now() - Duration::from_secs(3600);
        let under_way = state.unfinished_actions()?;
        let under_way = under_way
            .iter()
            .filter(|r| matches!(r.state, ActionState::Intended | ActionState::Running));
        Ok(History {
            recent: state.actions_since(hour_ago)?,
            lessons: state.lessons()?,
            paused_until: parse_pause(state.setting(PAUSED_KEY)?.as_deref()),
            in_flight: under_way.flat_map(|r| r.step.action.target_keys()).collect(),
        })
    }
}

/// The guard's verdict on what is recorded and observed now.
pub(crate) fn verdict(
    history: Result<History, ApiError>,
    config: &Config,
    snapshot: &Snapshot,
    asked: &Asked<'_>,
) -> Verdict {
    // Without its record the guard must not believe that nothing was done.
    let history = match history {
        Ok(history) => history,
        Err(error) => {
            let why = format!("the record of actions cannot be read: {}", error.message);
            return decide::refuse(asked.action, "guard.no_record", why);
        }
    };
    decide::judge(&GuardInput {
        now: Timestamp::now(),
        mode: config.general.mode,
        action: asked.action,
        alert_kind: asked.alert_kind,
        actor: asked.actor,
        own_uid: rustix::process::getuid().as_raw(),
        snapshot,
        config,
        paused_until: history.paused_until,
        recent: &history.recent,
        in_flight: &history.in_flight,
        lessons: &history.lessons,
        approved: asked.approved,
        confirmed_critical: asked.confirmed_critical,
    })
}

fn first_reason(verdict: &Verdict) -> String {
    verdict.reasons.first().map(|r| r.text.clone()).unwrap_or_default()
}

fn is_mode_reason(verdict: &Verdict) -> bool {
    verdict.reasons.first().is_some_and(|r| r.rule.starts_with("guard.mode."))
}

/// An executor's error as people's words.
pub(crate) fn act_error(error: ActError) -> ApiError {
    let kind = if error.is_refusal() { ErrorKind::Refused } else { ErrorKind::Failed };
    ApiError { kind, message: chained(&error), hint: None }
}

pub(crate) fn boottime_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
