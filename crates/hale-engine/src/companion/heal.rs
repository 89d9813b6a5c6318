//! After a failure: what is known to help, else what a model would do next. A proposal like any other:
//! judged, shown, and run only if the person wants it.

use std::path::PathBuf;

use hale_brain::companion::heal::{self, Failure, Lookups};
use hale_brain::companion::prompt;
use hale_model::run::{AskPlan, PlanOrigin, Run};

use super::ask::Said;
use super::context::nearest_path;
use super::{Companion, Result, Step};

/// A way on after a step failed.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// What went wrong, and what to run; without steps only a person can help.
    pub plan: AskPlan,
    /// Whether its last step does what the failed one should have done.
    pub completes: bool,
    /// Whether it also holds what of the plan was not run yet.
    pub replaces_rest: bool,
}

struct OfThisMachine {
    working_dir: PathBuf,
}

impl Lookups for OfThisMachine {
    fn nearest_path(&self, path: &str) -> Option<String> {
        nearest_path(path, &self.working_dir)
    }

    fn package_of(&self, _program: &str) -> Option<String> {
        // Asking a package manager means running it: the rules offer that as a step.
        None
    }
}

impl Companion {
    /// What may help after this step failed; none where nothing is known and no model can be asked.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn recover(
        &mut self,
        plan: &AskPlan,
        index: usize,
        run: &Run,
        ask_model: bool,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> Result<Option<Recovery>> {
        let failure = Failure { command: &run.command, exit: run.exit, output: &run.output };
        let lookups = OfThisMachine { working_dir: self.working_dir.clone() };
        let sentence = plan.sentence.clone();
        if let Some(healing) = heal::heal(&failure, &self.host, self.language, &lookups) {
            let origin = PlanOrigin::Heal { rule: healing.rule };
            let plan = self.plan_of(sentence, healing.explanation, origin, healing.steps);
            let completes = healing.completes;
            return Ok(Some(Recovery { plan, completes, replaces_rest: false }));
        }
        if !ask_model || !self.has_model().await {
            return Ok(None);
        }
        let step = Step { command: run.command.clone(), why: run.why.clone() };
        let left = plan.steps.iter().skip(index + 1);
        let left = left.map(|s| Step { command: s.command.clone(), why: s.why.clone() });
        let left: Vec<Step> = left.collect();
        let how = run.how.as_deref().unwrap_or("unknown");
        let told = prompt::failed(&step, how, &run.output, &left);
        let wish = sentence.clone().unwrap_or_else(|| format!("run {}", run.command));
        match self.talk_on(&wish, told, on).await {
            Ok(said) => {
                let plan =
                    self.plan_of(sentence, said.answer.reasoning, said.origin, said.answer.steps);
                let completes = !plan.steps.is_empty();
                Ok(Some(Recovery { plan, completes, replaces_rest: true }))
            }
            Err(error) => {
                on(Said::Failed(error.message));
                Ok(None)
            }
        }
    }
}
