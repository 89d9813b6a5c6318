//! What was done before: a sentence whose commands all succeeded is offered the next time without a
//! model; one whose commands failed is forgotten.

use hale_brain::companion::prompt::Example;
use hale_brain::companion::sentence;
use hale_model::run::{AskPlan, PlanOrigin, RememberedPlan, RememberedStep};

use super::{Companion, Result, Step};
use crate::telemetry::store_error;

/// Sentences like this one that are looked at.
const NEIGHBOURS_MAX: u32 = 3;

impl Companion {
    /// The plan that this very sentence came to before, and that succeeded.
    pub(super) fn remembered(&self, sentence: &str) -> Result<Option<AskPlan>> {
        let Some(key) = sentence::key(sentence) else { return Ok(None) };
        let found = self.read(None, |state| state.sentence(&key))?;
        Ok(found.map(|known| self.as_plan(sentence, known)))
    }

    fn as_plan(&self, sentence: &str, known: RememberedPlan) -> AskPlan {
        let steps = known.steps.into_iter();
        let steps = steps.map(|step| Step { command: step.command, why: step.why }).collect();
        let origin = PlanOrigin::Remembered { plan_id: known.plan_id, last_at: known.last_at };
        self.plan_of(Some(sentence.to_owned()), known.reasoning, origin, steps)
    }

    /// What was done for sentences that share words with this one, nearest first.
    pub(super) fn neighbours(&self, sentence: &str) -> Result<Vec<RememberedPlan>> {
        self.read(Vec::new(), |state| state.sentences_like(sentence, NEIGHBOURS_MAX))
    }

    /// What was done for a sentence that is nearly this one: for where no model can be asked.
    pub(super) fn similar(&self, sentence: &str) -> Result<Option<AskPlan>> {
        let mut known = self.neighbours(sentence)?.into_iter();
        let known = known.find(|known| sentence::alike(sentence, &known.sentence));
        Ok(known.map(|known| {
            let similar_to = Some(known.sentence.clone());
            AskPlan { similar_to, ..self.as_plan(sentence, known) }
        }))
    }

    pub(super) fn examples(&self, sentence: &str) -> Result<Vec<Example>> {
        let found = self.neighbours(sentence)?.into_iter().map(|known| Example {
            sentence: known.sentence,
            commands: known.steps.into_iter().map(|step| step.command).collect(),
        });
        Ok(found.collect())
    }

    /// Keeps what a plan taught. `done`: the commands that did the work, in their order; none: it failed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn learn(&mut self, plan: &AskPlan, done: Option<&[Step]>) -> Result<()> {
        let Some(key) = plan.sentence.as_deref().and_then(sentence::key) else { return Ok(()) };
        let is_known = match &plan.origin {
            // hale knows these without remembering them.
            PlanOrigin::Local { .. } | PlanOrigin::History => return Ok(()),
            PlanOrigin::Heal { .. } | PlanOrigin::Model { .. } => false,
            PlanOrigin::Remembered { .. } => true,
        };
        let Some(done) = done else {
            if is_known {
                self.write()?.forget_sentence(&key).map_err(store_error)?;
            }
            return Ok(());
        };
        let before = self.read(None, |state| state.sentence(&key))?;
        let same = |known: &RememberedPlan| {
            known.steps.len() == done.len()
                && known.steps.iter().zip(done).all(|(a, b)| a.command == b.command)
        };
        let successes = before.filter(same).map_or(0, |known| known.successes);
        let steps = done
            .iter()
            .map(|step| RememberedStep { command: step.command.clone(), why: step.why.clone() });
        let remembered = RememberedPlan {
            key,
            sentence: plan.sentence.clone().unwrap_or_default(),
            plan_id: plan.plan_id.clone(),
            reasoning: plan.reasoning.clone(),
            steps: steps.collect(),
            successes: successes.saturating_add(1),
            last_at: hale_model::Timestamp::now(),
        };
        self.write()?.put_sentence(&remembered).map_err(store_error)
    }
}
