//! What was done before: a sentence whose commands all succeeded is offered the next time without a
//! model; one whose commands failed is forgotten. Commands that may do something else in another
//! directory are remembered with their directory, and offered only there.

use hale_brain::companion::place::depends_on_directory;
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
        let here = self.key_here(&key);
        let found = self.read(None, |state| match state.sentence(&here)? {
            Some(known) => Ok(Some(known)),
            None => state.sentence(&key),
        })?;
        let found = found.filter(|known| self.counts_here(known));
        Ok(found.map(|known| self.as_plan(sentence, known)))
    }

    /// The key of a sentence whose commands count in this directory alone. No sentence's key holds a
    /// line break.
    fn key_here(&self, key: &str) -> String {
        format!("{key}\n{}", self.working_dir.display())
    }

    /// Whether what was done then does the same in this directory.
    fn counts_here(&self, known: &RememberedPlan) -> bool {
        match &known.working_dir {
            Some(directory) => *directory == self.working_dir.display().to_string(),
            None => !depends_on_directory(known.steps.iter().map(|step| step.command.as_str())),
        }
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
        let known = known
            .find(|known| self.counts_here(known) && sentence::alike(sentence, &known.sentence));
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
                let here = self.key_here(&key);
                let state = self.write()?;
                if !state.forget_sentence(&here).map_err(store_error)? {
                    state.forget_sentence(&key).map_err(store_error)?;
                }
            }
            return Ok(());
        };
        let of_here = depends_on_directory(done.iter().map(|step| step.command.as_str()));
        let key = if of_here { self.key_here(&key) } else { key };
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
            working_dir: of_here.then(|| self.working_dir.display().to_string()),
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
