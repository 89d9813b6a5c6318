//! What was refused is on record as what was done is: who wanted what, and why it did not happen. Here and
//! over HTTP alike, whether the guard refused a plan that was only shown, or a wish could not be granted.

use hale_brain::companion::STEPS_MAX;
use hale_model::action::{Action, ActionState, Actor, Decision};
use hale_model::api::{ApiError, Command, ErrorKind, View};
use hale_model::run::AskPlan;
use hale_model::{ActionId, Timestamp};
use serde_json::json;

use crate::commands::{nothing_observed, reasons_of};
use crate::companion::RUN_SECS_MAX;
use crate::core::Core;

/// A wish whose refusal nothing else puts on record.
pub(crate) struct Wanted {
    wish: &'static str,
    subject: String,
}

/// What was wanted of what; none where the guard's own verdict is on record already, or nothing is refused.
pub(crate) fn wanted(command: &Command) -> Option<Wanted> {
    let of = |wish, subject: &str| Some(Wanted { wish, subject: subject.to_owned() });
    match command {
        Command::AckAlert { id } => of("ack", id.as_str()),
        Command::CloseAlert { id, .. } => of("close", id.as_str()),
        Command::Approve { id, .. } => of("approve", id.as_str()),
        Command::Reject { id, .. } => of("reject", id.as_str()),
        Command::NoteIncident { id, .. } => of("note", id.as_str()),
        Command::Undo { id } => of("undo", id.as_str()),
        Command::RunbookImport { .. } => of("runbook_import", "runbook"),
        Command::RunbookRemove { id } => of("runbook_remove", id),
        Command::Export { directory } => of("export", directory),
        Command::CreateToken { name, .. } => of("token.create", name),
        Command::RevokeToken { name } => of("token.revoke", name),
        Command::Act { .. }
        | Command::Step { .. }
        | Command::Propose { .. }
        | Command::RefusedPlan { .. }
        | Command::RefusedCaller { .. }
        | Command::Pause { .. }
        | Command::Resume
        | Command::Vacuum { .. } => None,
    }
}

impl Core {
    /// Puts on record that a wish was refused.
    pub(crate) fn audit_refusal(
        &self,
        wanted: Option<Wanted>,
        answer: &Result<View, ApiError>,
        actor: &Actor,
    ) {
        let (Some(Wanted { wish, subject }), Err(error)) = (wanted, answer) else { return };
        if matches!(error.kind, ErrorKind::Refused | ErrorKind::NeedsApproval) {
            let details = json!({ "wish": wish, "why": error.message });
            self.audit(&actor.to_string(), "refused", &subject, &details);
        }
    }

    /// Puts on record which steps of a plan that somebody was shown the guard refuses. Judged here: what a
    /// plan says of itself is not read.
    pub(crate) fn refuse_plan(&mut self, plan: &AskPlan, actor: &Actor) -> Result<View, ApiError> {
        let snapshot = self.snapshot().ok_or_else(nothing_observed)?;
        let mut refused = 0;
        for (index, step) in plan.steps.iter().take(STEPS_MAX).enumerate() {
            let action = Action::CommandRun {
                command: step.command.clone(),
                working_dir: Some(plan.working_dir.clone()),
                timeout_secs: RUN_SECS_MAX,
            };
            let verdict = self.judge(&action, None, actor, &snapshot, false, false);
            if verdict.decision != Decision::Deny {
                continue;
            }
            let sentence = plan.sentence.as_deref().unwrap_or_default();
            let why = format!("{actor} said: {sentence}; {}", step.why);
            let mut record = self.record_for(action, why, actor, verdict, &snapshot);
            record.id = ActionId::of(&format!("{} {}", plan.plan_id, Timestamp::now()), index);
            record.step.command.clone_from(&step.command);
            let details = json!({ "action": record.step.action, "verdict": record.verdict });
            self.audit(&actor.to_string(), "verdict", record.id.as_str(), &details);
            let why = reasons_of(&record);
            self.end(record, ActionState::Refused, Some(why));
            refused += 1;
        }
        Ok(View::Done(format!("{refused} refused")))
    }
}
