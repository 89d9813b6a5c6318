//! What people ask for: every wish is judged and audited like the loop's own.

use std::sync::PoisonError;

use hale_act::notify::NotificationKind;
use hale_brain::decide::registry::signalled;
use hale_model::action::{
    Action, ActionRecord, ActionState, Actor, Approval, ApprovalState, Condition, Decision,
    Expectation, PlanStep, Risk, Verdict,
};
use hale_model::alert::{Alert, AlertState};
use hale_model::api::{ApiError, Command, ErrorKind, View};
use hale_model::container::ContainerRef;
use hale_model::incident::{Agent, IncidentState, TimelineEntry};
use hale_model::snapshot::{Process, Snapshot};
use hale_model::view::{ActionView, AlertView, ApprovalView, IncidentView};
use hale_model::{ActionId, AlertId, ApprovalId, IncidentId, Timestamp};
use hale_store::{StoreError, Take};
use serde_json::json;

use crate::core::{Core, PAUSED_KEY, Purpose, Reply};
use crate::files::Files;
use crate::flow::read_pre_state;
use crate::refusals;
use crate::telemetry::{Done, Work, store_error};

/// Bytes of a person's note.
const NOTE_BYTES_MAX: usize = 16 * 1024;

type Result<T> = std::result::Result<T, ApiError>;

/// What a person said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Yes {
        /// Whether YES was typed.
        confirmed_critical: bool,
    },
    No {
        why: Option<String>,
    },
}

impl Core {
    /// Carries out a wish. The answer may come later: when what was done has been verified.
    pub(crate) async fn command(&mut self, command: Command, actor: Actor, reply: Reply) {
        let wanted = refusals::wanted(&command);
        let answer = match command {
            Command::Act { action, confirmed_critical } => {
                return self.act_for(action, &actor, confirmed_critical, reply).await;
            }
            Command::Step { step, alert, confirmed_critical } => {
                return self.step_for(*step, alert, &actor, confirmed_critical, reply).await;
            }
            Command::AckAlert { id } => self.acknowledge(&id, &actor),
            Command::CloseAlert { id, why } => self.close_alert(&id, why, &actor),
            Command::Approve { id, confirmed_critical } => {
                self.answer_approval(&id, Answer::Yes { confirmed_critical }, &actor).await
            }
            Command::Reject { id, why } => {
                self.answer_approval(&id, Answer::No { why }, &actor).await
            }
            Command::Pause { for_secs } => self.pause(for_secs, &actor),
            Command::Resume => self.resume(&actor),
            Command::NoteIncident { id, text } => self.note(&id, text, &actor),
            Command::Propose { action, why } => self.propose_for(action, why, &actor).await,
            Command::RunbookImport { runbook } => self.import_runbook(&runbook, &actor),
            Command::RunbookRemove { id } => self.remove_knowledge(&id, &actor),
            Command::Undo { id } => self.undo(&id, &actor).await,
            Command::Vacuum { dry_run } => self.vacuum(dry_run, &actor),
            Command::Export { directory } => self.export(&directory),
            Command::CreateToken { name, role, expires_in_secs } => {
                self.create_token(&name, role, expires_in_secs, &actor)
            }
            Command::RevokeToken { name } => self.revoke_token(&name, &actor),
            Command::RefusedPlan { plan } => self.refuse_plan(&plan, &actor),
            Command::RefusedCaller { who, wish, why } => {
                self.audit(&who, "refused", &wish, &json!({ "wish": wish, "why": why }));
                Ok(View::Done("on record".to_owned()))
            }
        };
        self.audit_refusal(wanted, &answer, &actor);
        let _ = reply.send(answer);
    }

    /// Until when actions are stopped. Read each time: `hale pause` works with no agent too.
    pub(crate) fn paused_until(&self) -> Option<Timestamp> {
        let unsaved = self.shared.read().unwrap_or_else(PoisonError::into_inner).unsaved_pause;
        match self.state.setting(PAUSED_KEY) {
            Ok(text) => parse_pause(text.as_deref()).max(still_ahead(unsaved)),
            // Not knowing whether a person said stop, hale stops.
            Err(error) => {
                self.warn("state", store_error(error).message);
                Some(Timestamp::MAX)
            }
        }
    }

    /// Stops actions for so long. One stop never shortens another: the later end holds.
    fn pause(&mut self, for_secs: Option<u64>, actor: &Actor) -> Result<View> {
        if for_secs == Some(0) {
            let message = "a pause of 0 seconds would stop nothing";
            return Err(ApiError::new(ErrorKind::Usage, message).hint(
                "`hale pause --for 30m` stops actions for a while, `hale resume` ends a pause",
            ));
        }
        let wanted = for_secs
            .and_then(|secs| i64::try_from(secs).ok())
            .and_then(|secs| {
                Timestamp::now().checked_add(jiff::SignedDuration::from_secs(secs)).ok()
            })
            .unwrap_or(Timestamp::MAX);
        let until = self.paused_until().map_or(wanted, |running| running.max(wanted));
        self.keep_pause(until)?;
        let told = if until == Timestamp::MAX { json!("resumed") } else { json!(until) };
        self.audit(&actor.to_string(), "pause", "actions", &json!({ "until": told }));
        Ok(View::Paused(Some(until)))
    }

    /// A person who says stop is obeyed also where nothing can be written: for as long as this agent runs.
    fn keep_pause(&mut self, until: Timestamp) -> Result<()> {
        match self.store_pause(&until.to_string()) {
            Ok(()) => Ok(()),
            Err(error) if self.purpose == Purpose::Watch => {
                let why = store_error(error).message;
                self.warn("pause", format!("{PAUSE_UNSAVED}: {why}"));
                self.publish(|latest| latest.unsaved_pause = Some(until));
                Ok(())
            }
            Err(error) => Err(store_error(error)),
        }
    }

    /// On a full disk the room kept back for this moment is given up.
    fn store_pause(&mut self, text: &str) -> std::result::Result<(), StoreError> {
        match self.state.set_setting(PAUSED_KEY, text) {
            Err(StoreError::Full { .. }) if Files::new(&self.settings.data_dir).give_room() => {
                self.state.set_setting(PAUSED_KEY, text)
            }
            other => other,
        }
    }

    fn resume(&mut self, actor: &Actor) -> Result<View> {
        // A stop that could not be written needs no room on the disk to end.
        let stored = self.state.setting(PAUSED_KEY).map_err(store_error)?;
        if parse_pause(stored.as_deref()).is_some() {
            self.store_pause("").map_err(store_error)?;
        }
        self.publish(|latest| {
            latest.unsaved_pause = None;
            latest.warnings.remove("pause");
        });
        self.audit(&actor.to_string(), "resume", "actions", &json!({}));
        Ok(View::Paused(None))
    }

    pub(crate) fn stored_alert(&self, id: &AlertId) -> Result<Alert> {
        self.state
            .alert(id.as_str())
            .map_err(store_error)?
            .ok_or_else(|| not_found("alert", id.as_str(), "hale alerts list"))
    }

    fn acknowledge(&mut self, id: &AlertId, actor: &Actor) -> Result<View> {
        let mut alert = self.stored_alert(id)?;
        not_closed(&alert)?;
        alert = self.book.acknowledge(&alert.id).unwrap_or(alert);
        alert.state = AlertState::Acknowledged;
        self.settle_alert(alert, "ack", None, actor)
    }

    fn close_alert(&mut self, id: &AlertId, why: Option<String>, actor: &Actor) -> Result<View> {
        let mut alert = self.stored_alert(id)?;
        // Why it ended is on record already.
        not_closed(&alert)?;
        let now = Timestamp::now();
        let reason = why.clone().unwrap_or_else(|| format!("closed by {actor}"));
        alert = self.book.close(&alert.id, now, &reason).unwrap_or(alert);
        alert.state = AlertState::Closed;
        alert.closed_at.get_or_insert(now);
        alert.close_reason.get_or_insert(reason);
        self.settle_alert(alert, "close", why, actor)
    }

    fn settle_alert(
        &mut self,
        alert: Alert,
        kind: &str,
        why: Option<String>,
        actor: &Actor,
    ) -> Result<View> {
        self.state.put_alert(&alert).map_err(store_error)?;
        self.tell_alert(&alert);
        self.audit(&actor.to_string(), kind, alert.id.as_str(), &json!({ "why": why }));
        if let Some(incident) = alert.incident_id.clone() {
            let words = why.map(|w| format!(": {w}")).unwrap_or_default();
            self.tell(&incident, kind, format!("{actor} {kind} {}{words}", alert.id))?;
        }
        Ok(View::Alert(Box::new(AlertView::from(&alert))))
    }

    /// A person's line in an incident's story, which may be long over.
    fn tell(&mut self, incident: &IncidentId, kind: &str, text: String) -> Result<()> {
        let entry = TimelineEntry {
            ts: Timestamp::now(),
            agent: Agent::Person,
            kind: kind.to_owned(),
            text,
        };
        self.state.add_timeline(incident, &entry).map_err(store_error)?;
        self.tell_thought(incident, &entry);
        Ok(())
    }

    fn note(&mut self, id: &IncidentId, text: String, actor: &Actor) -> Result<View> {
        if text.trim().is_empty() {
            let error = ApiError::new(ErrorKind::Usage, "the note is empty");
            return Err(error.hint("hale incidents note INCIDENT 'what you saw or did'"));
        }
        if text.len() > NOTE_BYTES_MAX {
            let why = format!("the note has {} bytes, over {NOTE_BYTES_MAX}", text.len());
            return Err(ApiError::new(ErrorKind::Usage, why).hint("say it shorter, or in several"));
        }
        let incident = self
            .incident_by(id)
            .map_err(store_error)?
            .ok_or_else(|| not_found("incident", id.as_str(), "hale incidents list"))?;
        self.tell(&incident.id, "note", text.clone())?;
        self.audit(&actor.to_string(), "note", incident.id.as_str(), &json!({ "text": text }));
        let actions = self.state.actions_of(&incident.id).map_err(store_error)?;
        let timeline = self.state.timeline(&incident.id).map_err(store_error)?;
        Ok(View::Incident(Box::new(IncidentView::new(&incident, &actions, timeline))))
    }

    async fn answer_approval(
        &mut self,
        id: &ApprovalId,
        answer: Answer,
        actor: &Actor,
    ) -> Result<View> {
        let (yes, why) = match &answer {
            Answer::Yes { .. } => (true, None),
            Answer::No { why } => (false, why.clone()),
        };
        let mut approval = self
            .state
            .approval(id.as_str())
            .map_err(store_error)?
            .ok_or_else(|| not_found("approval", id.as_str(), "hale approvals list"))?;
        let now = Timestamp::now();
        if approval.state == ApprovalState::Pending && approval.expires_at <= now {
            approval.state = ApprovalState::Expired;
            self.state.put_approval(&approval).map_err(store_error)?;
        }
        if approval.state != ApprovalState::Pending {
            let message = format!("{} is {}, not pending", approval.id, approval.state.as_str());
            return Err(ApiError::new(ErrorKind::Refused, message).hint(
                "an approval is used once and lapses; `hale approvals list` shows what waits now",
            ));
        }
        if answer == (Answer::Yes { confirmed_critical: false })
            && self.action_of(&approval)?.verdict.risk >= Risk::Critical
        {
            let message = format!("{} is critical: a person must type YES", approval.id);
            return Err(ApiError::new(ErrorKind::NeedsApproval, message).hint(
                r#"`hale approve` on a terminal asks for it; over HTTP send {"confirm": "YES"}"#,
            ));
        }
        // An approval is used once: a pause must not use it up for nothing.
        if yes && self.paused_until().is_some_and(|until| until > now) {
            let message = format!("actions are paused; {} goes on waiting", approval.id);
            return Err(ApiError::new(ErrorKind::Refused, message)
                .hint("`hale resume` lets actions go on; then approve it"));
        }
        approval.state = if yes { ApprovalState::Approved } else { ApprovalState::Rejected };
        approval.decided_at = Some(now);
        approval.decided_by = Some(actor.to_string());
        approval.why = why.clone();
        self.state.put_approval(&approval).map_err(store_error)?;
        let kind = if yes { "approve" } else { "reject" };
        let details = json!({ "action": approval.action_id, "why": why });
        self.audit(&actor.to_string(), kind, approval.id.as_str(), &details);
        let record = self.action_of(&approval)?;
        if let Some(incident) = record.incident_id.clone() {
            let words = why.map(|w| format!(": {w}")).unwrap_or_default();
            self.tell(
                &incident,
                kind,
                format!("{actor} said {}{words}", if yes { "yes" } else { "no" }),
            )?;
            let title = format!("{actor} said {}", if yes { "yes" } else { "no" });
            let (decided, question) = (NotificationKind::ApprovalDecided, (&approval, &record));
            let text = approval.why.clone().unwrap_or_default();
            self.tell_team(&incident, decided, title, text, Some(question));
        }
        if let Some(snapshot) = self.snapshot() {
            self.settle_approvals(&snapshot).await;
        }
        let approval =
            self.state.approval(approval.id.as_str()).map_err(store_error)?.unwrap_or(approval);
        Ok(View::Approval(Box::new(ApprovalView::new(&approval, &self.action_of(&approval)?))))
    }

    /// The action that an approval is about, as it stands now.
    pub(crate) fn record_of(&self, id: &ApprovalId) -> Result<Option<ActionRecord>> {
        let approval = self.state.approval(id.as_str()).map_err(store_error)?;
        approval.map(|approval| self.action_of(&approval)).transpose()
    }

    fn action_of(&self, approval: &Approval) -> Result<ActionRecord> {
        self.state
            .action(approval.action_id.as_str())
            .map_err(store_error)?
            .ok_or_else(|| not_found("action", approval.action_id.as_str(), "hale doctor"))
    }

    /// Uses what was approved, ends what was rejected or lapsed. Part of every turn, so that an
    /// answer given while no agent ran is found by the next one.
    pub(crate) async fn settle_approvals(&mut self, snapshot: &Snapshot) {
        let approvals = match self.state.approvals(true) {
            Ok(approvals) => approvals,
            Err(error) => return self.warn("state", store_error(error).message),
        };
        for mut approval in approvals {
            let Ok(record) = self.action_of(&approval) else { continue };
            if record.state != ActionState::AwaitingApproval {
                continue;
            }
            match approval.state {
                ApprovalState::Pending if approval.expires_at <= Timestamp::now() => {
                    approval.state = ApprovalState::Expired;
                    if let Err(error) = self.state.put_approval(&approval) {
                        self.warn("state", store_error(error).message);
                        continue;
                    }
                    let why = "nobody answered in time";
                    self.audit_unused(&approval, why);
                    self.drop_asked(record, why);
                }
                ApprovalState::Pending => {}
                ApprovalState::Approved => self.use_approval(&approval, record, snapshot).await,
                ApprovalState::Rejected => {
                    let why = approval.why.clone().unwrap_or_else(|| "a person said no".to_owned());
                    self.drop_asked(record, &why);
                }
                ApprovalState::Expired | ApprovalState::Voided | ApprovalState::Used => {
                    let why = format!("its approval is {}", approval.state.as_str());
                    self.audit_unused(&approval, &why);
                    self.drop_asked(record, &why);
                }
            }
        }
    }

    fn drop_asked(&mut self, record: ActionRecord, why: &str) {
        let incident = record.incident_id.clone();
        self.end(record, ActionState::Refused, Some(why.to_owned()));
        if let Some(incident) = incident {
            self.escalate(&incident, why);
        }
    }

    async fn use_approval(
        &mut self,
        approval: &Approval,
        mut record: ActionRecord,
        snapshot: &Snapshot,
    ) {
        let action = record.step.action.clone();
        let now_state = match read_pre_state(&self.actuator, &action).await {
            Ok(state) => state,
            Err(error) => {
                self.void(approval, record, &error.message, snapshot);
                return;
            }
        };
        let binding = Approval::binding_of(&action, &now_state);
        let taken = match self.state.take_approval(&approval.id, &binding, Timestamp::now()) {
            Ok(taken) => taken,
            Err(error) => return self.warn("state", store_error(error).message),
        };
        match taken {
            Take::Taken => {}
            Take::BindingChanged => {
                let why = "the target changed after hale had asked about it";
                self.void(approval, record, why, snapshot);
                return;
            }
            Take::Expired => {
                let why = "its approval lapsed";
                self.audit_unused(approval, why);
                return self.drop_asked(record, why);
            }
            Take::NotApproved(state) => {
                let why = format!("its approval is {}", state.as_str());
                self.audit_unused(approval, &why);
                return self.drop_asked(record, &why);
            }
        }
        // The yes of a person answers the mode, not the rest of the guard.
        let alert_kind = record.alert_kind.clone();
        let verdict = self.judge(&action, alert_kind.as_ref(), &Actor::Hale, snapshot, true, true);
        record.verdict = verdict;
        let incident = record.incident_id.clone();
        if record.verdict.decision != Decision::Allow {
            let why = record.verdict.reasons.first().map(|r| r.text.clone()).unwrap_or_default();
            self.audit_unused(approval, &why);
            return self.drop_asked(record, &why);
        }
        match self.begin(record, snapshot, None).await {
            Ok(()) => {
                if let Some(incident) = incident {
                    self.set_state(&incident, IncidentState::Acting);
                }
            }
            Err(error) => {
                if let Some(incident) = incident {
                    self.escalate(&incident, &error.message);
                }
            }
        }
    }

    fn void(
        &mut self,
        approval: &Approval,
        mut record: ActionRecord,
        why: &str,
        snapshot: &Snapshot,
    ) {
        let mut approval = approval.clone();
        approval.state = ApprovalState::Voided;
        approval.why = Some(why.to_owned());
        if let Err(error) = self.state.put_approval(&approval) {
            self.warn("state", store_error(error).message);
        }
        self.audit_unused(&approval, why);
        let incident = record.incident_id.clone();
        // A person said yes: if nothing else forbids it, it may be asked anew about what is there now.
        let (action, kind) = (record.step.action.clone(), record.alert_kind.clone());
        record.verdict = self.judge(&action, kind.as_ref(), &Actor::Hale, snapshot, true, true);
        self.end(record, ActionState::Refused, Some(why.to_owned()));
        if let Some(incident) = &incident {
            let text = format!("{} is void, nothing was done: {why}", approval.id);
            self.think(incident, Agent::Guard, "verdict", text);
        }
        // What holds now deserves a new look and, if need be, a new question.
        if let Some(case) = incident.as_ref().and_then(|id| self.cases.get_mut(id)) {
            case.plan = None;
            case.needs_diagnosis = true;
        }
    }

    /// A question that ended without its action, whatever was answered.
    fn audit_unused(&self, approval: &Approval, why: &str) {
        let details = json!({ "action": approval.action_id, "why": why });
        self.audit("hale", "void", approval.id.as_str(), &details);
    }

    /// A person asks for an action directly.
    async fn act_for(
        &mut self,
        action: Action,
        actor: &Actor,
        confirmed_critical: bool,
        reply: Reply,
    ) {
        let expectation = Expectation { conditions: Vec::new(), hold_secs: 0, within_secs: 0 };
        let why = format!("{actor} asked for it");
        let step = PlanStep { action, why, command: String::new(), expectation };
        self.act_on(step, None, actor, confirmed_critical, reply).await;
    }

    /// A person asks for a step: what it wants to see afterwards adds to what its action must show.
    pub(crate) async fn act_on(
        &mut self,
        step: PlanStep,
        about: Option<&Alert>,
        actor: &Actor,
        confirmed_critical: bool,
        reply: Reply,
    ) {
        self.see_targets(&step.action).await;
        let Some(snapshot) = self.snapshot() else {
            let _ = reply.send(Err(nothing_observed()));
            return;
        };
        let verdict = self.judge(&step.action, None, actor, &snapshot, false, confirmed_critical);
        let mut record = self.record_for(step.action, step.why, actor, verdict, &snapshot);
        record.step.command = step.command;
        expect_too(&mut record.step.expectation, step.expectation);
        if let Some(alert) = about {
            record.incident_id.clone_from(&alert.incident_id);
            record.alert_id = Some(alert.id.clone());
            record.alert_kind = Some(alert.kind.clone());
        }
        let details = json!({ "action": record.step.action, "verdict": record.verdict });
        self.audit(&actor.to_string(), "verdict", record.id.as_str(), &details);
        let why = reasons_of(&record);
        match record.verdict.decision {
            Decision::Allow => {
                // begin() answers in both cases.
                let _ = self.begin(record, &snapshot, Some(reply)).await;
            }
            Decision::Ask => {
                self.end(record, ActionState::Refused, Some(why.clone()));
                let error = ApiError::new(ErrorKind::NeedsApproval, why);
                let _ = reply.send(Err(error));
            }
            Decision::Deny => {
                self.end(record, ActionState::Refused, Some(why.clone()));
                let _ =
                    reply.send(Err(ApiError::new(ErrorKind::Refused, format!("refused: {why}"))));
            }
        }
    }

    /// Puts an action before a person. Whoever proposes, in whatever mode, only asks.
    async fn propose_for(&mut self, action: Action, why: String, actor: &Actor) -> Result<View> {
        self.see_targets(&action).await;
        let snapshot = self.snapshot().ok_or_else(nothing_observed)?;
        // Whoever speaks for it: it is judged as what a model wants, never as a person's confirmed wish.
        let proposer = Actor::Model;
        let verdict = self.judge(&action, None, &proposer, &snapshot, false, false);
        let record = self.record_for(action, why, &proposer, verdict, &snapshot);
        let details = json!({ "action": record.step.action, "verdict": record.verdict });
        self.audit(&actor.to_string(), "proposal", record.id.as_str(), &details);
        if record.verdict.decision == Decision::Deny {
            let why = reasons_of(&record);
            self.end(record, ActionState::Refused, Some(why.clone()));
            return Err(ApiError::new(ErrorKind::Refused, format!("refused: {why}")));
        }
        let approval = self.put_question(record).await?;
        Ok(View::Approval(Box::new(ApprovalView::new(&approval, &self.action_of(&approval)?))))
    }

    /// What started since the last look has to be seen before it can be judged.
    async fn see_targets(&mut self, action: &Action) {
        let seen = |snapshot: &Snapshot| {
            action.processes().iter().all(|target| snapshot.find(target).is_some())
                && action.container().is_none_or(|wanted| {
                    let found = snapshot.container(&wanted.id, &wanted.name);
                    found.is_some_and(|c| c.stat.started_at == wanted.started_at)
                })
        };
        if self.snapshot().is_some_and(|snapshot| !seen(&snapshot)) {
            self.turn().await;
        }
    }

    /// The record of an action that somebody asks for directly.
    pub(crate) fn record_for(
        &self,
        action: Action,
        why: String,
        actor: &Actor,
        verdict: Verdict,
        snapshot: &Snapshot,
    ) -> ActionRecord {
        let now = Timestamp::now();
        ActionRecord {
            id: ActionId::of(&format!("{actor} {now}"), 0),
            plan_id: None,
            incident_id: None,
            alert_id: None,
            alert_kind: None,
            machine_id: snapshot.machine_id.clone(),
            requested_by: actor.clone(),
            step: PlanStep {
                expectation: expectation_of(&action, snapshot),
                why,
                command: String::new(),
                action,
            },
            verdict,
            state: ActionState::Planned,
            created_at: now,
            intended_at: None,
            finished_at: None,
            boot_id: snapshot.host.boot_id.clone(),
            pre_state: None,
            outcome: None,
            verification: None,
            note: None,
        }
    }

    async fn undo(&mut self, id: &ActionId, actor: &Actor) -> Result<View> {
        let mut record = self
            .state
            .action(id.as_str())
            .map_err(store_error)?
            .ok_or_else(|| not_found("action", id.as_str(), "hale incidents list"))?;
        if !record.state.is_final() {
            return Err(ApiError::new(
                ErrorKind::Failed,
                format!("{} is still {}", record.id, record.state.as_str()),
            )
            .hint("wait until it has ended"));
        }
        if record.state == ActionState::Undone {
            return Err(ApiError::new(
                ErrorKind::Refused,
                format!("{} was put back already", record.id),
            ));
        }
        let Some(undo) = record.outcome.as_ref().map(|o| o.undo.clone()) else {
            return Err(ApiError::new(
                ErrorKind::Refused,
                format!("{} was never done, so there is nothing to put back", record.id),
            ));
        };
        if let hale_model::action::Undo::None { why } = &undo {
            return Err(ApiError::new(
                ErrorKind::Refused,
                format!("{} cannot be put back: {why}", record.id),
            ));
        }
        if self.paused_until().is_some_and(|until| until > Timestamp::now()) {
            return Err(ApiError::new(ErrorKind::Refused, "actions are paused").hint("hale resume"));
        }
        let did = match self.undo_now(&record.id, &undo, actor).await {
            Ok(did) => did,
            Err(error) => {
                // It stays as it was, so that what is left can be put back later.
                let why = format!("{actor} wanted it put back: {}", error.message);
                record.note = Some(why.clone());
                self.state.put_action(&record).map_err(store_error)?;
                self.tell_action(&record);
                if let Some(incident) = record.incident_id.clone() {
                    self.tell(&incident, "undo", why)?;
                }
                return Err(error);
            }
        };
        record.state = ActionState::Undone;
        record.note = Some(format!("{actor} put it back: {did}"));
        self.state.put_action(&record).map_err(store_error)?;
        self.tell_action(&record);
        if let Some(incident) = record.incident_id.clone() {
            self.tell(&incident, "undone", format!("{actor} put {} back: {did}", record.id))?;
        }
        Ok(View::Action(Box::new(ActionView::from(&record))))
    }

    fn vacuum(&mut self, dry_run: bool, actor: &Actor) -> Result<View> {
        let retention_hours = self.settings.config.history.retention_hours;
        let work = Work::Retain { now: Timestamp::now(), retention_hours, dry_run };
        let did = words(self.telemetry(work)?);
        if !dry_run {
            self.audit(&actor.to_string(), "vacuum", "telemetry", &json!({ "did": did }));
        }
        Ok(View::Done(did))
    }

    fn export(&mut self, directory: &str) -> Result<View> {
        self.telemetry(Work::Export { directory: directory.into() }).map(words).map(View::Done)
    }
}

pub(crate) fn reasons_of(record: &ActionRecord) -> String {
    let reasons = record.verdict.reasons.iter().map(|r| format!("{} [{}]", r.text, r.rule));
    reasons.collect::<Vec<_>>().join("; ")
}

pub(crate) fn nothing_observed() -> ApiError {
    ApiError::new(ErrorKind::Degraded, "nothing was observed yet")
        .hint("try again in a few seconds")
}

fn not_closed(alert: &Alert) -> Result<()> {
    if alert.state == AlertState::Closed {
        let message = format!("{} is closed already", alert.id);
        return Err(ApiError::new(ErrorKind::Failed, message)
            .hint(format!("`hale alerts show {}` tells why", alert.id)));
    }
    Ok(())
}

fn words(done: Done) -> String {
    match done {
        Done::Words(words) => words,
        Done::Stored(_) | Done::Later(_) | Done::Table(_) | Done::Trends { .. } => String::new(),
    }
}

/// Longest that a person's step may ask to be watched.
const STEP_WITHIN_SECS_MAX: u64 = 86_400;

/// Adds to what must be seen; what the action must show by itself stays.
fn expect_too(own: &mut Expectation, more: Expectation) {
    for condition in more.conditions {
        if !own.conditions.contains(&condition) {
            own.conditions.push(condition);
        }
    }
    own.hold_secs = own.hold_secs.max(more.hold_secs.min(STEP_WITHIN_SECS_MAX));
    own.within_secs = own.within_secs.max(more.within_secs.min(STEP_WITHIN_SECS_MAX));
}

/// What must be seen after an action that a person asked for directly.
fn expectation_of(action: &Action, snapshot: &Snapshot) -> Expectation {
    let (conditions, hold_secs, within_secs) = match action {
        Action::ProcessKill { grace_secs, .. } => (
            vec![Condition::ProcessesGone {
                targets: signalled(action, snapshot).into_iter().map(Process::proc_ref).collect(),
            }],
            1,
            u64::from(*grace_secs) + 15,
        ),
        Action::ProcessPause { target } => {
            (vec![Condition::ProcessStopped { target: target.clone() }], 1, 10)
        }
        Action::ProcessRenice { target, nice } => {
            (vec![Condition::ProcessNice { target: target.clone(), nice: *nice }], 0, 10)
        }
        Action::ServiceRestart { unit, .. } | Action::ServiceStart { unit } => {
            (vec![Condition::UnitActive { unit: unit.clone() }], 5, 60)
        }
        Action::ServiceStop { unit, .. } => {
            (vec![Condition::UnitInactive { unit: unit.clone() }], 2, 60)
        }
        Action::DiskClean { mount_point, target_free_percent, .. } => {
            let free = Condition::MountFree {
                mount_point: mount_point.clone(),
                free_percent: *target_free_percent,
            };
            (vec![free], 0, 30)
        }
        Action::ContainerRestart { container } => (
            vec![
                Condition::ContainerRunning { container: container.clone() },
                Condition::ContainerSteady { container: container.clone() },
                Condition::ContainerHealthy { container: container.clone() },
            ],
            2,
            90,
        ),
        Action::ContainerStart { container } => {
            // That of now has to run; which run it was before does not matter.
            let container = ContainerRef { started_at: None, ..container.clone() };
            (vec![Condition::ContainerRunning { container }], 2, 60)
        }
        Action::ContainerStop { container } => {
            (vec![Condition::ContainerStopped { container: container.clone() }], 1, 60)
        }
        Action::ContainerSetMemory { container, limit_bytes } => {
            let condition = Condition::ContainerMemoryLimit {
                container: container.clone(),
                limit_bytes: *limit_bytes,
            };
            (vec![condition], 0, 30)
        }
        Action::K8sRolloutRestart { workload } | Action::K8sRollback { workload } => {
            (vec![Condition::RolloutComplete { workload: workload.clone() }], 5, 600)
        }
        Action::K8sScale { workload, replicas } => {
            let condition =
                Condition::WorkloadReplicas { workload: workload.clone(), replicas: *replicas };
            (vec![condition], 5, 300)
        }
        // What a command should bring about is known to the person only.
        Action::CommandRun { .. } | Action::MemoryDropCaches | Action::Notify { .. } => {
            (Vec::new(), 0, 10)
        }
    };
    Expectation { conditions, hold_secs, within_secs }
}

/// The stored end of a pause; none if it is over.
/// How the warning about a stop begins that could not be written.
pub(crate) const PAUSE_UNSAVED: &str = "the pause ends with this agent, it cannot be written";

pub(crate) fn parse_pause(text: Option<&str>) -> Option<Timestamp> {
    still_ahead(text.and_then(|t| t.parse().ok()))
}

pub(crate) fn still_ahead(until: Option<Timestamp>) -> Option<Timestamp> {
    until.filter(|until| *until > Timestamp::now())
}

pub(crate) fn not_found(what: &str, id: &str, list: &str) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("there is no {what} `{id}`"))
        .hint(format!("`{list}` shows what there is"))
}
