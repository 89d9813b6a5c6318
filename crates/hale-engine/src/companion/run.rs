//! One step of a plan is run: judged once more, its intent on disk, then done, with what it writes handed
//! on as it comes.

use std::time::Instant;

use hale_act::Actuator;
use hale_act::command_run::{self, Command, Ran, Stream, Terminal};
use hale_model::action::{
    Action, ActionRecord, ActionState, Decision, Expectation, Outcome, PlanStep, PreState, Undo,
};
use hale_model::api::{ApiError, ErrorKind};
use hale_model::run::{AskPlan, RUN_OUTPUT_BYTES_MAX, Run};
use hale_model::{ActionId, RunId, Timestamp};
use hale_store::State;
use serde_json::{Value, json};

use super::{Companion, Result, Tried};
use crate::flow::{act_error, read_pre_state};
use crate::telemetry::store_error;

/// Where a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing.
    Nothing,
    /// What the person types; Ctrl-C reaches the command by itself.
    Terminal,
}

impl Companion {
    /// Runs one step of a plan. A command that failed is a run that failed, not an error.
    ///
    /// # Errors
    /// The guard refuses it, wants YES typed, or it could not be recorded or started: nothing was done.
    pub async fn run(
        &mut self,
        plan: &AskPlan,
        index: usize,
        confirmed_critical: bool,
        stdin: Stdin,
        output: &mut dyn FnMut(Output, &[u8]),
    ) -> Result<Run> {
        let step = plan.steps.get(index).ok_or_else(|| {
            ApiError::new(ErrorKind::Usage, format!("the plan has no step {}", index + 1))
        })?;
        self.settle_abandoned()?;
        let command = step.command.clone();
        let mut record = self.record(plan, index, &command, &step.why, confirmed_critical);
        self.keep_verdict(&record)?;
        match record.verdict.decision {
            Decision::Allow => {}
            Decision::Ask => {
                return Err(self.refuse(record, ErrorKind::NeedsApproval, "needs a YES: "));
            }
            Decision::Deny => return Err(self.refuse(record, ErrorKind::Refused, "refused: ")),
        }
        let actuator = Actuator::new(self.settings.act_roots());
        let pre_state = match read_pre_state(&actuator, &record.step.action).await {
            Ok(pre_state) => with_runner(pre_state),
            Err(error) => {
                record.note = Some(error.message.clone());
                self.end(record, ActionState::Refused, None)?;
                return Err(error);
            }
        };
        let mut run = Run {
            id: RunId::of(&record.id),
            plan_id: plan.plan_id.clone(),
            step: u32::try_from(index).unwrap_or(u32::MAX),
            action_id: record.id.clone(),
            at: Timestamp::now(),
            sentence: plan.sentence.clone(),
            command: command.clone(),
            why: step.why.clone(),
            working_dir: Some(plan.working_dir.clone()),
            risk: record.verdict.risk,
            origin: plan.origin.clone(),
            exit: None,
            how: None,
            duration_ms: None,
            output: String::new(),
        };
        self.intend(&mut record, pre_state, &run)?;

        let began = Instant::now();
        let order = Command {
            command: &command,
            working_dir: Some(&plan.working_dir),
            timeout_secs: self.timeout_secs,
        };
        let ran = perform(&order, stdin, output).await;
        run.duration_ms = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        match ran {
            Ok(ran) => {
                run.exit = ran.exit;
                run.how = Some(ran.how.clone());
                run.output = tail(&ran.output);
                let outcome = command_run::outcome(&ran);
                let state = match outcome.done {
                    true => ActionState::Succeeded,
                    false => ActionState::Failed,
                };
                record.note = (!outcome.done).then(|| ran.how.clone());
                self.end(record, state, Some(outcome))?;
                self.write()?.put_run(&run).map_err(store_error)?;
                self.tried.push(Tried::of(&run));
                Ok(run)
            }
            Err(error) => {
                let error = act_error(error);
                run.how = Some("not started".to_owned());
                record.note = Some(error.message.clone());
                self.end(record, ActionState::Failed, None)?;
                self.write()?.put_run(&run).map_err(store_error)?;
                Err(error)
            }
        }
    }

    /// Notes that the guard refused a step of a plan that was only shown, so that what was tried can be
    /// looked up.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note_refusal(&mut self, plan: &AskPlan) -> Result<()> {
        for (index, step) in plan.steps.iter().enumerate() {
            if step.verdict.decision == Decision::Deny {
                let record = self.record(plan, index, &step.command, &step.why, false);
                self.keep_verdict(&record)?;
                let _ = self.refuse(record, ErrorKind::Refused, "refused: ");
            }
        }
        Ok(())
    }

    fn record(
        &self,
        plan: &AskPlan,
        index: usize,
        command: &str,
        why: &str,
        confirmed_critical: bool,
    ) -> ActionRecord {
        let now = Timestamp::now();
        let verdict = self.judge(command, confirmed_critical);
        let why = match &plan.sentence {
            Some(sentence) => format!("{} said: {sentence}; {why}", self.actor),
            None => format!("{} ran it again; {why}", self.actor),
        };
        ActionRecord {
            id: ActionId::of(&format!("{} {now}", plan.plan_id), index),
            plan_id: None,
            incident_id: None,
            alert_id: None,
            alert_kind: None,
            machine_id: self.snapshot.machine_id.clone(),
            requested_by: self.actor.clone(),
            step: PlanStep {
                action: self.action(command),
                why,
                command: command.to_owned(),
                // What a command should bring about is known to the person only.
                expectation: Expectation { conditions: Vec::new(), hold_secs: 0, within_secs: 0 },
            },
            verdict,
            state: ActionState::Planned,
            created_at: now,
            intended_at: None,
            finished_at: None,
            boot_id: self.snapshot.host.boot_id.clone(),
            pre_state: None,
            outcome: None,
            verification: None,
            note: None,
        }
    }

    fn keep_verdict(&mut self, record: &ActionRecord) -> Result<()> {
        let details = json!({ "action": record.step.action, "verdict": record.verdict });
        self.audit("verdict", record, &details)
    }

    fn refuse(&mut self, mut record: ActionRecord, kind: ErrorKind, what: &str) -> ApiError {
        let reasons = record.verdict.reasons.iter().map(|r| format!("{} [{}]", r.text, r.rule));
        let why = reasons.collect::<Vec<_>>().join("; ");
        record.note = Some(why.clone());
        let error = ApiError::new(kind, format!("{what}{why}"));
        match self.end(record, ActionState::Refused, None) {
            Ok(()) => error,
            Err(unwritten) => unwritten.prefixed(&error.message),
        }
    }

    /// Nothing is done unless this is on disk.
    fn intend(&mut self, record: &mut ActionRecord, pre_state: PreState, run: &Run) -> Result<()> {
        let facts = pre_state.facts.clone();
        record.pre_state = Some(pre_state);
        record.state = ActionState::Intended;
        record.intended_at = Some(Timestamp::now());
        let details = json!({ "action": record.step.action, "pre_state": facts });
        let actor = self.actor.to_string();
        let written = self.write()?.atomically(|state| {
            state.put_intent(record)?;
            state.append_audit(Timestamp::now(), &actor, "intent", record.id.as_str(), &details)?;
            record.state = ActionState::Running;
            state.put_action(record)?;
            state.put_run(run)
        });
        written.map_err(|error| {
            store_error(error).prefixed("the intent could not be written, so nothing was done")
        })
    }

    fn end(
        &mut self,
        mut record: ActionRecord,
        state: ActionState,
        outcome: Option<Outcome>,
    ) -> Result<()> {
        record.state = state;
        record.finished_at = Some(Timestamp::now());
        if let Some(outcome) = &outcome {
            self.audit("outcome", &record, &json!(outcome))?;
        }
        record.outcome = outcome;
        self.write()?.put_action(&record).map_err(store_error)
    }

    fn audit(&mut self, kind: &str, record: &ActionRecord, details: &Value) -> Result<()> {
        let actor = self.actor.to_string();
        let state: &State = self.write()?;
        state
            .append_audit(Timestamp::now(), &actor, kind, record.id.as_str(), details)
            .map(drop)
            .map_err(store_error)
    }

    /// Commands whose hale was cut off while they ran: what became of them cannot be known.
    fn settle_abandoned(&mut self) -> Result<()> {
        let unfinished = self.write()?.unfinished_actions().map_err(store_error)?;
        let own_boot = self.snapshot.host.boot_id.clone();
        for mut record in unfinished {
            let was_running = matches!(record.state, ActionState::Intended | ActionState::Running);
            let is_command = matches!(record.step.action, Action::CommandRun { .. });
            if was_running && is_command && runner_is_gone(&record, &own_boot) {
                record.note = Some("hale was cut off while it ran".to_owned());
                let why = "whether the command had done its work leaves no trace".to_owned();
                let outcome = Outcome {
                    done: false,
                    exit: None,
                    detail: why.clone(),
                    undo: Undo::None { why },
                };
                self.end(record, ActionState::Unknown, Some(outcome))?;
            }
        }
        Ok(())
    }
}

/// Who runs it: a process that is gone cannot finish what it began.
fn with_runner(mut pre_state: PreState) -> PreState {
    let pid = std::process::id();
    if let Value::Object(facts) = &mut pre_state.facts {
        facts.insert("runner".to_owned(), json!({ "pid": pid, "start_ticks": start_ticks(pid) }));
    }
    pre_state
}

/// Only where the record says who ran it; the agent's own are the agent's to settle.
fn runner_is_gone(record: &ActionRecord, own_boot: &str) -> bool {
    runner(record).is_some() && !is_being_run(record, own_boot)
}

/// Whether the hale that began this still lives.
pub(crate) fn is_being_run(record: &ActionRecord, own_boot: &str) -> bool {
    let Some(runner) = runner(record) else { return false };
    let pid = runner.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
    let began = runner.get("start_ticks").and_then(Value::as_u64);
    record.boot_id == own_boot && began.is_some() && pid.and_then(start_ticks) == began
}

fn runner(record: &ActionRecord) -> Option<&Value> {
    record.pre_state.as_ref()?.facts.get("runner")
}

/// Field 22 of `/proc/PID/stat`.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Runs it to its end. Ctrl-C is the command's: hale stays, to write down how it ended.
async fn perform(
    order: &Command<'_>,
    stdin: Stdin,
    output: &mut dyn FnMut(Output, &[u8]),
) -> std::result::Result<Ran, hale_act::ActError> {
    let terminal = match stdin {
        Stdin::Nothing => Terminal::Apart,
        Stdin::Terminal => Terminal::Shared,
    };
    let sink = |stream, bytes: &[u8]| match stream {
        Stream::Out => output(Output::Out, bytes),
        Stream::Err => output(Output::Err, bytes),
    };
    let running = command_run::run(order, terminal, sink);
    tokio::pin!(running);
    loop {
        tokio::select! {
            ran = &mut running => return ran,
            pressed = tokio::signal::ctrl_c() => match (stdin, pressed) {
                (Stdin::Terminal, Ok(())) => {}
                (Stdin::Terminal, Err(_)) => return running.await,
                // Dropping it ends the command.
                (Stdin::Nothing, _) => return Ok(Ran {
                    exit: None,
                    how: "interrupted".to_owned(),
                    output: String::new(),
                    cut_off: true,
                }),
            },
        }
    }
}

fn tail(output: &str) -> String {
    let mut from = output.len().saturating_sub(RUN_OUTPUT_BYTES_MAX);
    while !output.is_char_boundary(from) {
        from += 1;
    }
    output[from..].to_owned()
}
