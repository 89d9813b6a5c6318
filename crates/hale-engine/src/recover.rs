//! After a crash: intents without an outcome are settled by looking at the world, never by doing
//! them again.

use hale_act::Reconciled;
use hale_brain::remember;
use hale_brain::verify::Watch;
use hale_model::Timestamp;
use hale_model::action::{ActionRecord, ActionState, Outcome, Undo};
use hale_model::api::ApiError;
use hale_model::incident::{Agent, IncidentState};
use hale_model::snapshot::Snapshot;
use serde_json::json;

use crate::companion;
use crate::core::{Core, Running};
use crate::flow::boottime_ns;
use crate::telemetry::store_error;

impl Core {
    /// Settles every action that was under way when hale last ended. Called once, after the first look.
    pub(crate) async fn reconcile(&mut self, snapshot: &Snapshot) -> Result<(), ApiError> {
        for record in self.state.unfinished_actions().map_err(store_error)? {
            match record.state {
                // Nothing was done yet: the case is judged anew, a question still waits.
                ActionState::Planned | ActionState::AwaitingApproval => {}
                // A person's command that another hale is running: that one writes how it ended.
                ActionState::Intended | ActionState::Running
                    if companion::is_being_run(&record, &snapshot.host.boot_id) => {}
                ActionState::Intended | ActionState::Running => {
                    self.reconcile_one(record, snapshot).await;
                }
                ActionState::Refused
                | ActionState::Succeeded
                | ActionState::Failed
                | ActionState::Undone
                | ActionState::Unknown => {}
            }
        }
        self.save_alerts();
        Ok(())
    }

    async fn reconcile_one(&mut self, mut record: ActionRecord, snapshot: &Snapshot) {
        let found = if let Some(outcome) = record.outcome.clone() {
            // It had ended; only verification was cut off.
            Reconciled::Done(outcome)
        } else if record.boot_id != snapshot.host.boot_id
            && !record.step.action.processes().is_empty()
        {
            Reconciled::Done(Outcome {
                done: true,
                exit: None,
                detail: "the machine was rebooted since: the process is gone".to_owned(),
                undo: Undo::None { why: "the machine was rebooted".to_owned() },
            })
        } else {
            self.actuator
                .reconcile(&record.id, &record.step.action, record.pre_state.as_ref())
                .await
        };
        let (text, details) = match &found {
            Reconciled::Done(outcome) => (format!("was done: {}", outcome.detail), "done"),
            Reconciled::NotDone(why) => (format!("was not done: {why}"), "not_done"),
            Reconciled::Unknown(why) => (format!("cannot be known: {why}"), "unknown"),
        };
        self.audit(
            "hale",
            "outcome",
            record.id.as_str(),
            &json!({ "reconciled": details, "found": text }),
        );
        if let Some(incident) = record.incident_id.clone() {
            self.think(
                &incident,
                Agent::Fixer,
                "reconciled",
                format!("hale was cut off during {}; it {text}", record.id),
            );
        }
        match found {
            Reconciled::Done(outcome) => {
                record.outcome = Some(outcome);
                record.state = ActionState::Running;
                self.put_action(&record);
                if let Some(incident) = record.incident_id.clone() {
                    self.set_state(&incident, IncidentState::Verifying);
                }
                let watch = Some(Watch::new(record.step.expectation.clone(), boottime_ns()));
                let target_class = remember::target_class(&record.step.action, snapshot);
                // What it was like before cannot be seen any more.
                let symptom = None;
                let id = record.id.clone();
                let replies = Vec::new();
                self.running.insert(id, Running { record, target_class, symptom, watch, replies });
            }
            Reconciled::NotDone(why) => {
                let incident = record.incident_id.clone();
                // Nothing was touched: the case is judged anew, and the same step may come up again.
                record.intended_at = None;
                self.end(
                    record,
                    ActionState::Refused,
                    Some(format!("cut off before it was done: {why}")),
                );
                if let Some(case) = incident.as_ref().and_then(|id| self.cases.get_mut(id)) {
                    case.incident.state = IncidentState::Open;
                    case.needs_diagnosis = true;
                }
            }
            Reconciled::Unknown(why) => {
                let incident = record.incident_id.clone();
                record.finished_at = Some(Timestamp::now());
                self.end(record, ActionState::Unknown, Some(why.clone()));
                if let Some(incident) = incident {
                    self.escalate(
                        &incident,
                        &format!("it cannot be known whether the action was done: {why}"),
                    );
                }
            }
        }
    }
}
