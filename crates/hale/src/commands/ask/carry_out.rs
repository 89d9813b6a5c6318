//! A plan is carried out: step after step, the output as it comes; after a failure a way on is looked for,
//! shown and asked about, a bounded number of times.

use std::io::Write as _;

use hale_engine::companion::{Output, RECOVERIES_MAX, Recovery, Stdin, Step};
use hale_model::run::{AskPlan, AskView, Run};
use hale_model::text::printable;

use super::{Consent, Session, news, step_line};
use crate::exit::Failure;
use crate::screen::{RED, paint};

/// A plan that is being carried out: the person's own, or a way on after a failure.
struct Frame {
    plan: AskPlan,
    next: usize,
    confirmed_critical: bool,
    /// What did the work so far.
    done: Vec<Step>,
    completes: bool,
    replaces_rest: bool,
}

impl Session<'_> {
    pub(super) async fn carry_out(
        &mut self,
        plan: AskPlan,
        confirmed_critical: bool,
    ) -> Result<AskView, Failure> {
        let original = plan.clone();
        let mut frames = vec![Frame {
            plan,
            next: 0,
            confirmed_critical,
            done: Vec::new(),
            completes: true,
            replaces_rest: false,
        }];
        let mut recoveries: Vec<AskPlan> = Vec::new();
        let mut recovered = 0;
        let succeeded = loop {
            let outermost = frames.len() == 1;
            let Some(frame) = frames.last_mut() else { break false };
            if frame.next >= frame.plan.steps.len() {
                if outermost {
                    break true;
                }
                let Some((plan, completes)) = close(&mut frames) else { break false };
                recoveries.push(plan);
                if !completes {
                    break false;
                }
                continue;
            }
            let run = match self.step(frame).await {
                Ok(run) => run,
                Err(failure) => {
                    self.companion.learn(&original, None)?;
                    return Err(failure);
                }
            };
            if run.succeeded() {
                frame.next += 1;
                continue;
            }
            self.tell_failure(&run);
            let was_stopped = run.exit.is_none() || run.exit == Some(130);
            if was_stopped || recovered >= RECOVERIES_MAX {
                break false;
            }
            recovered += 1;
            let (plan, index) = (frame.plan.clone(), frame.next);
            match self.way_on(&plan, index, &run).await? {
                Some(frame) => frames.push(frame),
                None => break false,
            }
        };
        let done = frames.first().filter(|_| succeeded).map(|frame| frame.done.as_slice());
        self.companion.learn(&original, done)?;
        // The person's own plan is at the bottom; whatever else is left was cut off.
        let mut left = frames.into_iter();
        let plan = left.next().map_or(original, |frame| frame.plan);
        recoveries.extend(left.map(|frame| frame.plan));
        Ok(AskView { plan, recoveries, succeeded: Some(succeeded) })
    }

    /// Runs the next step of a frame.
    async fn step(&mut self, frame: &mut Frame) -> Result<Run, Failure> {
        let (index, count) = (frame.next, frame.plan.steps.len());
        let Some(shown) = frame.plan.steps.get(index) else {
            return Err(Failure::unexpected_view());
        };
        let step = Step { command: shown.command.clone(), why: shown.why.clone() };
        // YES was typed for what was shown as critical, and for nothing else.
        let confirmed =
            frame.confirmed_critical && shown.verdict.risk >= hale_model::action::Risk::Critical;
        if count > 1 {
            self.context.screen.talk(&step_line(index + 1, count, &step));
        }
        let stdin = if self.interactive { Stdin::Terminal } else { Stdin::Nothing };
        let to_stderr = self.context.screen.json;
        let mut write = |stream: Output, bytes: &[u8]| {
            // Whoever has stopped reading does not stop the command.
            let _ = match stream {
                Output::Out if !to_stderr => {
                    let mut out = std::io::stdout().lock();
                    out.write_all(bytes).and_then(|()| out.flush())
                }
                Output::Out | Output::Err => std::io::stderr().lock().write_all(bytes),
            };
        };
        let run = self.companion.run(&frame.plan, index, confirmed, stdin, &mut write).await?;
        if run.succeeded() {
            frame.done.push(step);
        }
        if let Some(step) = frame.plan.steps.get_mut(index) {
            step.run = Some(run.clone());
        }
        Ok(run)
    }

    fn tell_failure(&self, run: &Run) {
        let how = run.how.as_deref().unwrap_or("it did not end");
        self.context.screen.talk(&paint(RED, &printable(&format!("failed: {how}"))));
    }

    /// What may help, once the person wants it.
    async fn way_on(
        &mut self,
        plan: &AskPlan,
        index: usize,
        run: &Run,
    ) -> Result<Option<Frame>, Failure> {
        let mut news = news(self.context);
        let found = self.companion.recover(plan, index, run, self.ask_model, &mut news).await?;
        let Some(Recovery { plan, completes, replaces_rest }) = found else { return Ok(None) };
        if plan.refused().is_some() || plan.steps.is_empty() {
            self.show(&plan, false)?;
            self.companion.note_refusal(&plan)?;
            return Ok(None);
        }
        Ok(match self.consent(&plan, false).await? {
            Consent::Not(_) => None,
            Consent::Run { confirmed_critical } => Some(Frame {
                plan,
                next: 0,
                confirmed_critical,
                done: Vec::new(),
                completes,
                replaces_rest,
            }),
        })
    }
}

/// Ends the innermost way on, which was run to its end: its plan, and whether it did what had failed.
fn close(frames: &mut Vec<Frame>) -> Option<(AskPlan, bool)> {
    let frame = frames.pop()?;
    let outer = frames.last_mut()?;
    if frame.completes {
        if frame.replaces_rest {
            outer.done.extend(frame.done);
            outer.next = outer.plan.steps.len();
        } else {
            // The repair itself is not needed the next time.
            outer.done.extend(frame.done.into_iter().next_back());
            outer.next += 1;
        }
    }
    Some((frame.plan, frame.completes))
}
