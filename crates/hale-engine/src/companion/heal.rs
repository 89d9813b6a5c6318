//! After a failure: what is known to help, else what a model would do next. A proposal like any other:
//! judged, shown, and run only if the person wants it.

use std::path::PathBuf;

use hale_brain::companion::heal::{self, Failure, Lookups};
use hale_brain::companion::prompt;
use hale_model::action::Risk;
use hale_model::run::{AskPlan, AskStep, PlanOrigin, Run};
use hale_model::text::printable;

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

/// A command that was run, and whether it could have changed anything.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    command: String,
    succeeded: bool,
    changes: bool,
}

impl Tried {
    pub(super) fn of(run: &Run) -> Tried {
        Tried {
            command: words(&run.command),
            succeeded: run.succeeded(),
            changes: may_change(&run.command, run.risk),
        }
    }
}

/// A command with its spaces evened out.
fn words(command: &str) -> String {
    command.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether another command may end differently behind this one: it writes something, or lets time pass.
fn may_change(command: &str, risk: Risk) -> bool {
    risk > Risk::Info || waits(command)
}

/// Whether it lets time pass.
fn waits(command: &str) -> bool {
    command
        .split(|c: char| c.is_whitespace() || ";|&()".contains(c))
        .any(|word| matches!(word, "sleep" | "wait" | "read"))
}

/// The first step that failed before and would fail again, because nothing in between may change how it
/// ends.
fn repeats<'a>(tried: &[Tried], steps: &'a [AskStep]) -> Option<&'a AskStep> {
    steps.iter().enumerate().find_map(|(index, step)| {
        let command = words(&step.command);
        let failed = tried.iter().rposition(|t| t.command == command)?;
        let since = tried.get(failed + 1..).unwrap_or_default();
        // Its own failing run changes nothing of what comes after, as far as anybody can tell.
        let other = since.iter().any(|t| t.changes && t.succeeded);
        let first = steps.iter().take(index).any(|s| may_change(&s.command, s.verdict.risk));
        let failed_last = tried.get(failed).is_some_and(|t| !t.succeeded);
        (failed_last && !other && !first && !waits(&step.command)).then_some(step)
    })
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
            if self.says_that_it_repeats(&plan, on) {
                return Ok(None);
            }
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
                if self.says_that_it_repeats(&plan, on) {
                    return Ok(None);
                }
                let completes = !plan.steps.is_empty();
                Ok(Some(Recovery { plan, completes, replaces_rest: true }))
            }
            Err(error) => {
                on(Said::Failed(error.message));
                Ok(None)
            }
        }
    }

    /// Tells that a way on is none, where it begins with what just failed.
    fn says_that_it_repeats(&self, plan: &AskPlan, on: &mut (dyn FnMut(Said) + Send)) -> bool {
        let Some(step) = repeats(&self.tried, &plan.steps) else { return false };
        let command = printable(&step.command);
        on(Said::Failed(format!(
            "{} would run `{command}` again, which failed just now; nothing in between changes how it ends",
            plan.origin
        )));
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use hale_model::action::{Decision, Verdict};

    use super::*;

    fn step((command, risk): (&str, Risk)) -> AskStep {
        let verdict = Verdict {
            decision: Decision::Allow,
            risk,
            reversible: true,
            blast_radius: 0,
            reasons: Vec::new(),
        };
        AskStep { command: command.to_owned(), why: String::new(), verdict, run: None }
    }

    #[test]
    fn what_failed_is_not_run_again_unless_something_may_have_changed_how_it_ends() {
        let tried = |command: &str, succeeded, changes| Tried {
            command: command.to_owned(),
            succeeded,
            changes,
        };
        let failed = [tried("cat /etc/x", false, false)];
        let waited = [tried("sleep 1; cat /etc/x", false, true)];
        let mended = [failed[0].clone(), tried("cp /a /etc/x", true, true)];
        let again = [failed[0].clone(), tried("ls /etc", true, false)];
        for (tried, steps, is_repeated) in [
            (&failed[..], &[("cat /etc/x", Risk::Info)][..], true),
            (&failed, &[("cat  /etc/x ", Risk::Info)], true),
            (&failed, &[("ls /etc", Risk::Info), ("cat /etc/x", Risk::Info)], true),
            (&again, &[("cat /etc/x", Risk::Info)], true),
            (&failed, &[("cat /etc/y", Risk::Info)], false),
            (&failed, &[("touch /etc/x", Risk::Warning), ("cat /etc/x", Risk::Info)], false),
            (&failed, &[("sleep 5", Risk::Info), ("cat /etc/x", Risk::Info)], false),
            (&failed, &[("sleep 5 && cat /etc/x", Risk::Info)], false),
            (&mended, &[("cat /etc/x", Risk::Info)], false),
            (&waited, &[("sleep 1; cat /etc/x", Risk::Info)], false),
            (&[], &[("cat /etc/x", Risk::Info)], false),
        ] {
            let steps: Vec<AskStep> = steps.iter().copied().map(step).collect();
            assert_eq!(repeats(tried, &steps).is_some(), is_repeated, "{tried:?} {steps:?}");
        }
    }
}
