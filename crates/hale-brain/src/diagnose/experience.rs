//! The choice of a cure in the light of what was learned: what has worked here for this very trouble
//! comes first, what was tried in vain last or not at all. A fault that is known needs no other
//! diagnosis; whether its cure may be done is for the guard to say as ever.

use hale_model::action::PlanStep;
use hale_model::alert::{Alert, AlertState};
use hale_model::lesson::Lesson;

use super::treat::{self, Treatment};
use super::{DiagnoseInput, remembered};
use crate::remember::{self, Signature};

/// A cure and the reason for taking it.
pub(super) struct Chosen<'a> {
    pub(super) alert: &'a Alert,
    pub(super) step: PlanStep,
    /// It is the known cure of this trouble.
    pub(super) known: Option<&'a Lesson>,
}

/// How much speaks for a step; the less the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    WorkedHere,
    WorkedElsewhere,
    Untried,
    Withdrawn,
}

struct Candidate<'a> {
    standing: Standing,
    step: PlanStep,
    lesson: Option<&'a Lesson>,
}

/// The cure of the alert nearest to the cause that has one now; why not, if none has.
pub(super) fn choose<'a>(
    input: &DiagnoseInput<'a>,
    alerts: &[&'a Alert],
    cause_kind: &str,
) -> Result<Chosen<'a>, String> {
    let mut lead_reason = None;
    for alert in alerts.iter().filter(|a| a.state != AlertState::Closed) {
        let signature = Signature::of(alert, Some(cause_kind), input.snapshot);
        let (mut steps, mut reason) = match treat::treat(input, alert, alerts) {
            Treatment::Steps(steps) => (steps, None),
            Treatment::None { why } => (Vec::new(), Some(why)),
        };
        // What has worked here although no rule would have thought of it.
        for step in remembered::steps(input, alert, &signature) {
            if steps.iter().all(|known| known.action.kind() != step.action.kind()) {
                steps.push(step);
            }
        }
        match best(input, alert, &signature, steps) {
            Ok(Some(chosen)) => return Ok(chosen),
            Ok(None) => {}
            Err(vetoed) => reason = reason.or(Some(vetoed)),
        }
        if lead_reason.is_none() {
            lead_reason = reason;
        }
    }
    Err(lead_reason.unwrap_or_else(|| "every alert of it is over".to_owned()))
}

/// The best of these steps; none if there is none; an error if all were tried in vain.
fn best<'a>(
    input: &DiagnoseInput<'a>,
    alert: &'a Alert,
    signature: &Signature,
    steps: Vec<PlanStep>,
) -> Result<Option<Chosen<'a>>, String> {
    let mut vetoed = Vec::new();
    let mut candidates = Vec::new();
    for step in steps {
        let class = remember::target_class(&step.action, input.snapshot);
        let kind = step.action.kind();
        let lesson = remember::find(input.lessons, kind, &alert.kind, &class);
        match lesson.filter(|l| remember::is_vetoed(l)) {
            Some(l) => {
                vetoed.push(format!("{kind} on {class} was tried {} times in vain", l.failures))
            }
            None => candidates.push(candidate(input, step, lesson)),
        }
    }
    // Stable: of two that have worked, the one that is tried first by itself, which is the gentler.
    candidates.sort_by_key(|candidate| candidate.standing);
    match candidates.into_iter().next() {
        Some(Candidate { standing, step, lesson }) => {
            let known = lesson.filter(|l| standing < Standing::Untried && signature.fits(l));
            Ok(Some(Chosen { alert, step, known }))
        }
        None if vetoed.is_empty() => Ok(None),
        None => Err(vetoed.join("; ")),
    }
}

fn candidate<'a>(
    input: &DiagnoseInput<'_>,
    mut step: PlanStep,
    lesson: Option<&'a Lesson>,
) -> Candidate<'a> {
    let standing = match lesson {
        Some(l) if l.withdrawn.is_some() => Standing::Withdrawn,
        Some(l) if remember::is_known(l, input.now, &input.config.autonomy) => {
            let (times, place, standing) = if l.successes > 0 {
                (l.successes, "here", Standing::WorkedHere)
            } else {
                (l.foreign_successes, "on other machines", Standing::WorkedElsewhere)
            };
            let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            step.why = format!("{} It has worked {often} {place}.", step.why);
            standing
        }
        Some(_) | None => Standing::Untried,
    };
    Candidate { standing, step, lesson }
}
