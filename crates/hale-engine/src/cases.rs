//! The life of an incident: what its alerts lead to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use hale_act::notify::{Notification, NotificationKind};
use hale_brain::decide;
use hale_brain::detect::NO_PROOF;
use hale_brain::diagnose::{self, Correlation, DiagnoseInput, Diagnosed, Plays};
use hale_brain::verify;
use hale_model::action::{Action, ActionRecord, ActionState, Decision, Plan};
use hale_model::alert::{Alert, AlertKind, AlertState, Severity, Subject};
use hale_model::incident::{Agent, IncidentState};
use hale_model::lesson::Lesson;
use hale_model::snapshot::Snapshot;
use hale_model::{IncidentId, Timestamp};

use crate::core::{Case, Core, Purpose, Wait};
use crate::flow::Proposed;
use crate::playbooks;
use crate::telemetry::store_error;

/// Plans made in vain for one incident before a person has to look.
const PLANS_PER_INCIDENT_MAX: u32 = 3;
/// Looking for who writes on a full disk.
const WRITERS_TIMEOUT: Duration = Duration::from_secs(3);
/// A target that changes under every plan, so many times in a row, is somebody else's business.
const OVERTAKEN_MAX: u32 = 3;

impl Core {
    /// New alerts join what they belong to, or begin an incident.
    pub(crate) fn correlate(&mut self, fresh: &[Alert], snapshot: &Snapshot) {
        if fresh.is_empty() {
            return;
        }
        let open: Vec<_> =
            self.cases.values().map(|case| (case.incident.clone(), self.alerts_of(case))).collect();
        for correlation in diagnose::correlate(Timestamp::now(), fresh, &open, snapshot) {
            let (id, alerts) = match correlation {
                Correlation::New(mut incident) => {
                    if let Some(promised) = self.promised_incident(&incident.alerts) {
                        incident.id = promised;
                    }
                    let (id, alerts) = (incident.id.clone(), incident.alerts.clone());
                    self.cases.insert(id.clone(), Case::new(incident));
                    (id, alerts)
                }
                Correlation::Join { incident, alert } => {
                    let Some(case) = self.cases.get_mut(&incident) else { continue };
                    if !case.incident.alerts.contains(&alert) {
                        case.incident.alerts.push(alert.clone());
                    }
                    case.needs_diagnosis = true;
                    // News after a cure is not what was before it.
                    case.waits.take_if(|wait| wait.keys.is_empty());
                    (incident, vec![alert])
                }
            };
            let is_new = self.cases.get(&id).is_some_and(|case| case.incident.alerts == alerts);
            for alert_id in alerts {
                self.book.set_incident(&alert_id, &id);
                self.mark_unsaved(&alert_id);
                let Some(alert) = self.book.get(&alert_id).cloned() else { continue };
                if let Some(case) = self.cases.get_mut(&id) {
                    case.incident.severity = case.incident.severity.max(alert.severity);
                }
                self.think(&id, Agent::Scout, "alert_opened", alert.summary);
            }
            if is_new {
                self.tell_team_opened(&id);
            }
        }
    }

    pub(crate) fn alerts_of(&self, case: &Case) -> Vec<Alert> {
        case.incident.alerts.iter().filter_map(|id| self.book.get(id).cloned()).collect()
    }

    /// Every incident makes the step that the world now allows.
    pub(crate) async fn advance_cases(&mut self, snapshot: &Snapshot) {
        let ids: Vec<IncidentId> = self.cases.keys().cloned().collect();
        for id in ids {
            let Some(case) = self.cases.get(&id) else { continue };
            if self.running.values().any(|r| r.record.incident_id.as_ref() == Some(&id)) {
                continue;
            }
            if self.is_over(case) {
                self.resolve(&id);
                continue;
            }
            if self.waits(&id) {
                // What is being done may end this one too.
                continue;
            }
            let Some(case) = self.cases.get(&id) else { continue };
            if case.put_back_at_boottime_ns >= snapshot.boottime_ns
                || self.looks_first(&id, snapshot)
            {
                continue;
            }
            let Some(case) = self.cases.get(&id) else { continue };
            if case.needs_diagnosis {
                self.diagnose(&id, snapshot).await;
            } else if case.plan.is_some() && case.incident.state == IncidentState::Acting {
                self.next_step(&id, snapshot).await;
            }
        }
        self.save_alerts();
        self.cases.retain(|_, case| case.incident.state != IncidentState::Resolved);
    }

    /// Whether it waits for what is being done to its target, or for that to show its effect.
    fn waits(&mut self, id: &IncidentId) -> bool {
        let Some(case) = self.cases.get(id).filter(|case| case.waits.is_some()) else {
            return false;
        };
        let open = self.alerts_of(case).into_iter().filter(|a| a.state != AlertState::Closed);
        // What takes the least time tells first.
        let settle_secs = open.map(|alert| verify::settle_secs(&alert.kind)).min().unwrap_or(0);
        let Some(case) = self.cases.get_mut(id) else { return false };
        let Some(wait) = &mut case.waits else { return false };
        let busy = |keys: &[String]| keys.iter().any(|key| wait.keys.contains(key));
        if self.running.values().any(|r| busy(&r.record.step.action.target_keys())) {
            wait.ended_at = None;
            return true;
        }
        let ended_at = *wait.ended_at.get_or_insert_with(Timestamp::now);
        if Timestamp::now().duration_since(ended_at).as_secs() < settle_secs {
            return true;
        }
        case.waits = None;
        false
    }

    /// Leaves an incident alone while something is done to its target for another one.
    fn wait_for_other(&mut self, id: &IncidentId, action: &Action, snapshot: &Snapshot) {
        let keys = decide::touched_keys(action, snapshot);
        let doing = self.running.values().map(|running| &running.record.step.action);
        let mut others =
            doing.filter(|action| action.target_keys().iter().any(|key| keys.contains(key)));
        let what = others.next().map_or_else(
            || "what was being done".to_owned(),
            |action| format!("{} {}", action.kind(), action.target()),
        );
        let Some(case) = self.cases.get_mut(id) else { return };
        // Not a plan that was tried: the trouble is looked at anew when the target is free.
        case.plan = None;
        case.plans_made = case.plans_made.saturating_sub(1);
        case.needs_diagnosis = true;
        case.waits = Some(Wait { keys, what: what.clone(), ended_at: None });
        self.think(id, Agent::Fixer, "waits", format!("waits for {what}, which may end this too"));
    }

    /// Leaves what is still open after a verified cure the time to show that it is over. That the same cure
    /// is not repeated for ever is the guard's business.
    pub(crate) fn settle(&mut self, id: &IncidentId) {
        let Some(case) = self.cases.get_mut(id) else { return };
        let steps_left = case.plan.as_ref().is_some_and(|plan| case.next_step < plan.steps.len());
        if !steps_left {
            // A plan that did what it was for is none in vain.
            case.plans_made = case.plans_made.saturating_sub(1);
            let ended_at = Some(Timestamp::now());
            case.waits = Some(Wait { keys: Vec::new(), what: String::new(), ended_at });
        }
    }

    /// Whether nothing of it is open any more.
    fn is_over(&self, case: &Case) -> bool {
        self.alerts_of(case).iter().all(|a| a.state == AlertState::Closed)
    }

    /// Ends the incident that an errand has cured: no loop comes after it that would.
    pub(crate) fn resolve_cured(&mut self, id: &IncidentId) {
        if self.cases.get(id).is_some_and(|case| self.is_over(case)) {
            self.resolve(id);
            self.save_alerts();
        }
    }

    async fn diagnose(&mut self, id: &IncidentId, snapshot: &Snapshot) {
        let Some(case) = self.cases.get(id) else { return };
        let alerts: Vec<Alert> =
            self.alerts_of(case).into_iter().filter(|a| a.state != AlertState::Closed).collect();
        let looked = look_for_writers(self.settings.observed_roots().proc, &alerts, snapshot).await;
        let snapshot = looked.as_ref().unwrap_or(snapshot);
        let Some(case) = self.cases.get(id) else { return };
        let lessons = self.lessons_about(&alerts);
        let tried = self.state.actions_of(id).unwrap_or_default();
        let climbed = self.climbed(id, &tried);
        let recent = self.done_in_last_hour();
        let diagnosed = diagnose::diagnose(&DiagnoseInput {
            now: Timestamp::now(),
            incident: &case.incident,
            alerts: &alerts,
            snapshot,
            config: &self.settings.config,
            lessons: &lessons,
            tried: &tried,
            plays: Some(Plays { playbooks: &self.playbooks, climbed: &climbed, recent: &recent }),
        });
        let Diagnosed { diagnosis, plan, no_plan_because, call, seen_before } = diagnosed;
        let is_news = case.incident.diagnosis.as_ref().is_none_or(|d| {
            d.cause_kind != diagnosis.cause_kind
                || (d.confidence - diagnosis.confidence).abs() > 0.1
        });
        let Some(case) = self.cases.get_mut(id) else { return };
        case.needs_diagnosis = false;
        case.incident.diagnosis = Some(diagnosis.clone());
        case.incident.severity = alerts
            .iter()
            .map(|a| a.severity)
            .max()
            .unwrap_or(case.incident.severity)
            .max(case.incident.severity);
        if is_news {
            case.incident.state = IncidentState::Diagnosing;
            let confidence = (100.0 * diagnosis.confidence).round();
            let text = format!("{} ({confidence} % sure)", diagnosis.cause);
            self.think(id, Agent::Brain, "diagnosis", text.clone());
            let kind = NotificationKind::Diagnosed;
            self.tell_team(id, kind, "the cause".to_owned(), text, None);
            if let Some(seen_before) = seen_before {
                self.think(id, Agent::Brain, "recalled", seen_before);
            }
        }
        if !self.cases.get(id).is_some_and(|case| case.doubt.doubted) {
            self.consult(id, &alerts, plan.is_some(), snapshot);
        }
        let tried_in_vain = self.cases.get_mut(id).and_then(|case| case.tried_in_vain.take());
        match plan {
            Some(plan) => {
                self.adopt(id, plan, snapshot).await;
                if tried_in_vain.is_none() {
                    self.leave_none_waiting(id);
                }
                if let Some(why) = tried_in_vain.filter(|_| !self.is_being_cured(id)) {
                    match self.cases.get_mut(id) {
                        Some(case) if case.needs_diagnosis => case.tried_in_vain = Some(why),
                        Some(_) | None => self.escalate(id, &why),
                    }
                }
            }
            None if call.is_some() => {
                let call = call.unwrap_or_default();
                let why = playbooks::called(&call, tried_in_vain.as_deref());
                self.escalate_with(id, &why, call.commands);
            }
            None if tried_in_vain.is_some() => {
                self.escalate(id, &tried_in_vain.unwrap_or_default());
            }
            None => {
                let why = no_plan_because.unwrap_or_else(|| "no cure is known".to_owned());
                self.leave_to_person(id, &why);
            }
        }
    }

    /// What was learned from the kinds of these alerts. Without it hale goes by its rules alone.
    fn lessons_about(&self, alerts: &[Alert]) -> Vec<Lesson> {
        let kinds: BTreeSet<&AlertKind> = alerts.iter().map(|alert| &alert.kind).collect();
        let mut lessons = Vec::new();
        for kind in kinds {
            match self.state.lessons_about(kind) {
                Ok(about) => lessons.extend(about),
                Err(error) => self.warn("state", store_error(error).message),
            }
        }
        lessons
    }

    /// Takes a plan up, unless it is what was already proposed or what already failed.
    pub(crate) async fn adopt(&mut self, id: &IncidentId, plan: Plan, snapshot: &Snapshot) {
        let past = match self.state.actions_of(id) {
            Ok(past) => past,
            Err(error) => {
                // Without the record of what was done nothing may be done again.
                self.warn("state", store_error(error).message);
                if let Some(case) = self.cases.get_mut(id) {
                    case.needs_diagnosis = true;
                }
                return;
            }
        };
        let proposed_before = match &plan.playbook {
            // The same action may be on two rungs; a rung is climbed once.
            Some(usage) => playbooks::was_proposed(usage, &self.climbed(id, &past)),
            None => plan.steps.iter().any(|s| past.iter().any(|r| same_attempt(r, &s.action))),
        };
        if proposed_before {
            return;
        }
        let Some(case) = self.cases.get_mut(id) else { return };
        // A ladder has an end of its own.
        if plan.playbook.is_none() && case.plans_made >= PLANS_PER_INCIDENT_MAX {
            self.escalate(
                id,
                &format!("{PLANS_PER_INCIDENT_MAX} plans were made and the trouble goes on"),
            );
            return;
        }
        case.plans_made += 1;
        case.next_step = 0;
        self.withdraw_proposals(id, &past);
        if let Err(error) = self.state.put_plan(&plan) {
            self.warn("state", store_error(error).message);
            if let Some(case) = self.cases.get_mut(id) {
                case.needs_diagnosis = true;
                case.plans_made -= 1;
            }
            return;
        }
        if let Some(line) = playbooks::line(&plan) {
            self.think(id, Agent::Brain, "playbook", line);
        }
        if let Some(case) = self.cases.get_mut(id) {
            case.plan = Some(plan);
        }
        self.next_step(id, snapshot).await;
    }

    /// Proposes the next step of the plan, or ends the plan.
    pub(crate) async fn next_step(&mut self, id: &IncidentId, snapshot: &Snapshot) {
        let Some(case) = self.cases.get_mut(id) else { return };
        let Some(plan) = case.plan.clone() else { return };
        let Some(step) = plan.steps.get(case.next_step).cloned() else {
            // Every step was verified and an alert is still open: look again with what is left.
            case.plan = None;
            case.needs_diagnosis = true;
            return;
        };
        let index = case.next_step;
        case.next_step += 1;
        let action = step.action.clone();
        match self.propose(&plan, index, step, snapshot).await {
            Proposed::Begun => {
                if let Some(case) = self.cases.get_mut(id) {
                    case.overtaken = 0;
                }
                self.set_state(id, IncidentState::Acting);
            }
            Proposed::Asked => self.set_state(id, IncidentState::AwaitingApproval),
            Proposed::Busy => self.wait_for_other(id, &action, snapshot),
            Proposed::Overtaken(why) => self.look_once_more(id, &why),
            Proposed::Only(why) | Proposed::Refused(why) => {
                if let Some(case) = self.cases.get_mut(id) {
                    case.plan = None;
                }
                self.leave_to_person(id, &why);
            }
        }
    }

    /// The world had changed before the plan could begin: what holds now is looked at in the next turn.
    fn look_once_more(&mut self, id: &IncidentId, why: &str) {
        let Some(case) = self.cases.get_mut(id) else { return };
        case.plan = None;
        case.overtaken += 1;
        if case.overtaken > OVERTAKEN_MAX {
            self.leave_to_person(id, why);
            return;
        }
        // Not a plan that was tried.
        case.plans_made = case.plans_made.saturating_sub(1);
        case.needs_diagnosis = true;
    }

    pub(crate) fn set_state(&mut self, id: &IncidentId, state: IncidentState) {
        if let Some(case) = self.cases.get_mut(id) {
            case.incident.state = state;
        }
        if let Some(case) = self.cases.get(id) {
            self.tell_incident(&case.incident);
        }
    }

    /// What was tried did not help. Another cure is looked for; a person is told where there is none.
    pub(crate) fn next_rung(&mut self, id: &IncidentId, why: &str) {
        if self.purpose == Purpose::Errand {
            return self.escalate(id, why);
        }
        if let Some(case) = self.cases.get_mut(id) {
            case.plan = None;
            case.needs_diagnosis = true;
            case.tried_in_vain = Some(why.to_owned());
        }
    }

    /// Whether something is done about it, or a person is asked.
    fn is_being_cured(&self, id: &IncidentId) -> bool {
        self.cases.get(id).is_some_and(|case| {
            case.waits.is_some()
                || matches!(
                    case.incident.state,
                    IncidentState::Acting | IncidentState::AwaitingApproval
                )
        })
    }

    /// Where the plan was nothing new, the incident must not stand as if somebody were asked or something
    /// were about to be done.
    fn leave_none_waiting(&mut self, id: &IncidentId) {
        let Some(case) = self.cases.get(id) else { return };
        let state = case.incident.state;
        let stands = matches!(state, IncidentState::Diagnosing | IncidentState::AwaitingApproval);
        if !stands || case.plan.is_some() || case.needs_diagnosis || case.waits.is_some() {
            return;
        }
        let past = match self.state.actions_of(id) {
            Ok(past) => past,
            Err(error) => return self.warn("state", store_error(error).message),
        };
        if past.iter().any(|record| record.state == ActionState::AwaitingApproval) {
            if state != IncidentState::AwaitingApproval {
                self.set_state(id, IncidentState::AwaitingApproval);
            }
            return;
        }
        let last = past.iter().rev().find_map(|record| record.note.as_deref());
        let why = last.map(|note| format!(": {note}")).unwrap_or_default();
        self.leave_to_person(id, &format!("what hale would do was tried or asked before{why}"));
    }

    /// hale will not act: serious trouble goes to a person, the rest stays open and visible.
    fn leave_to_person(&mut self, id: &IncidentId, why: &str) {
        let Some(case) = self.cases.get_mut(id) else { return };
        if case.incident.severity >= Severity::High {
            self.escalate(id, why);
        } else if case.incident.state != IncidentState::Open {
            case.incident.state = IncidentState::Open;
            self.think(id, Agent::Brain, "no_action", why.to_owned());
        }
    }

    pub(crate) fn escalate(&mut self, id: &IncidentId, why: &str) {
        self.escalate_with(id, why, Vec::new());
    }

    /// The same, with commands to look with before those of its alerts.
    fn escalate_with(&mut self, id: &IncidentId, why: &str, commands: Vec<String>) {
        let Some(case) = self.cases.get_mut(id) else { return };
        case.plan = None;
        if case.incident.state == IncidentState::Escalated {
            return;
        }
        case.incident.state = IncidentState::Escalated;
        let incident = case.incident.clone();
        let of_alerts = incident
            .alerts
            .iter()
            .filter_map(|alert| self.book.get(alert))
            .flat_map(|alert| alert.suggested_actions.clone());
        let commands = commands.into_iter().chain(of_alerts).take(5).collect();
        self.think(id, Agent::Fixer, "escalated", format!("a person is needed: {why}"));
        self.notify(Notification {
            at: Timestamp::now(),
            kind: NotificationKind::Escalation,
            severity: incident.severity,
            machine_id: incident.machine_id.clone(),
            title: format!("needs a person · {}", incident.title),
            text: why.to_owned(),
            alert: None,
            incident_id: Some(incident.id.to_string()),
            commands,
            key: format!("{}:escalated", incident.id),
            incident: self.news_of(Some(id), None),
        });
    }

    fn resolve(&mut self, id: &IncidentId) {
        let past = self.state.actions_of(id).unwrap_or_default();
        self.withdraw_proposals(id, &past);
        let Some(case) = self.cases.get(id) else { return };
        let unproved =
            self.alerts_of(case).iter().any(|a| a.close_reason.as_deref() == Some(NO_PROOF));
        let Some(case) = self.cases.get_mut(id) else { return };
        case.incident.state = IncidentState::Resolved;
        case.incident.closed_at = Some(Timestamp::now());
        let cured = past.iter().any(|r| r.state == ActionState::Succeeded);
        let text = match &case.waits {
            _ if unproved && !cured => NO_PROOF.to_owned(),
            _ if cured => "cured and verified".to_owned(),
            Some(wait) => format!("over with {}, which was under way", wait.what),
            None => "over without an action by hale".to_owned(),
        };
        self.think(id, Agent::Fixer, "resolved", text);
        self.tell_team_resolved(id, &past);
    }
}

/// The snapshot with who writes on the file systems that these alerts are about; none where no alert is
/// about one. Not a method: the core must not be borrowed while the world is asked.
async fn look_for_writers(
    proc: PathBuf,
    alerts: &[Alert],
    snapshot: &Snapshot,
) -> Option<Snapshot> {
    let full = |alert: &&Alert| matches!(alert.kind, AlertKind::DiskSpace | AlertKind::DiskFilling);
    let place = |alert: &Alert| {
        if let Subject::Mount { mount_point } = &alert.subject {
            Some(mount_point.clone())
        } else {
            None
        }
    };
    let places: BTreeSet<String> = alerts.iter().filter(full).filter_map(place).collect();
    if places.is_empty() {
        return None;
    }
    let look =
        move || places.iter().filter_map(|place| hale_observe::writers_on(&proc, place)).collect();
    let looked = tokio::time::timeout(WRITERS_TIMEOUT, tokio::task::spawn_blocking(look)).await;
    let writers = looked.ok()?.ok()?;
    Some(Snapshot { writers, ..snapshot.clone() })
}

/// A step that was already proposed for this incident and must not come up again by itself. It may
/// if it succeeded (the trouble came back) and if the guard had allowed it but it never began (the
/// world had changed, or hale was cut off).
fn same_attempt(record: &ActionRecord, action: &Action) -> bool {
    let same = record.step.action.kind() == action.kind()
        && record.step.action.target_keys() == action.target_keys();
    let never_began =
        record.state == ActionState::Refused && record.verdict.decision == Decision::Allow;
    same && record.state != ActionState::Succeeded && !never_began
}
