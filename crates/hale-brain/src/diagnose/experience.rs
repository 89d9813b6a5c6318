//! The choice of a cure in the light of what was learned: what has worked here for this very trouble
//! comes first, what was tried in vain last or not at all. A fault that is known needs no other
//! diagnosis; whether its cure may be done is for the guard to say as ever.

use hale_model::action::{ActionState, PlanStep};
use hale_model::alert::{Alert, AlertState};
use hale_model::lesson::Lesson;
use hale_model::playbook::{EscalationCall, PlaybookUse};

use super::play::{self, Play, Played};
use super::treat::{self, Treatment};
use super::{DiagnoseInput, remembered, reported};
use crate::playbook::Ready;
use crate::remember::{self, Signature};

/// A cure and the reason for taking it.
pub(super) struct Chosen<'a> {
    pub(super) alert: &'a Alert,
    /// In this order; never empty.
    pub(super) steps: Vec<PlanStep>,
    /// It is the known cure of this trouble.
    pub(super) known: Option<&'a Lesson>,
    /// It is a rung of this playbook.
    pub(super) play: Option<(&'a Ready, PlaybookUse)>,
}

/// Why there is no cure.
pub(super) struct NoCure {
    /// In words.
    pub(super) why: String,
    /// Who is called, where a playbook says so.
    pub(super) call: Option<EscalationCall>,
}

impl From<EscalationCall> for NoCure {
    fn from(call: EscalationCall) -> NoCure {
        NoCure { why: call.why.clone(), call: Some(call) }
    }
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
) -> Result<Chosen<'a>, NoCure> {
    let mut lead_reason = None;
    for alert in alerts.iter().filter(|a| a.state != AlertState::Closed) {
        // What hale sees well is not treated, whoever knows a cure for it.
        if let Some(why) = reported::seen_well(input.snapshot, input.config, alert, alerts) {
            lead_reason = lead_reason.or(Some(why));
            continue;
        }
        let signature = Signature::of(alert, Some(cause_kind), input.snapshot);
        if let Some(chosen) = played(input, alert, &signature, true)? {
            return Ok(chosen);
        }
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
        if let Some(chosen) = played(input, alert, &signature, false)? {
            return Ok(chosen);
        }
        if lead_reason.is_none() {
            lead_reason = reason;
        }
    }
    let why = lead_reason.unwrap_or_else(|| "every alert of it is over".to_owned());
    Err(NoCure { why, call: None })
}

/// The next rung of the playbook that applies to this alert, if one does.
fn played<'a>(
    input: &DiagnoseInput<'a>,
    alert: &'a Alert,
    signature: &Signature,
    only_stricter: bool,
) -> Result<Option<Chosen<'a>>, NoCure> {
    match play::choose(input, alert, only_stricter) {
        Played::Nothing => Ok(None),
        Played::Rung(Play { ready, usage, steps }) => {
            let said = Some(ready.playbook.diagnosis.cause_kind.as_str());
            let said = Signature::of(alert, said, input.snapshot);
            let fits = |lesson: &Lesson| signature.fits(lesson) || said.fits(lesson);
            let known = known_rung(input, alert, &steps, fits);
            Ok(Some(Chosen { alert, steps, known, play: Some((ready, usage)) }))
        }
        Played::Ended { call } => Err(call.into()),
    }
}

/// The weakest of the lessons that together know this rung as the cure of this trouble: each of its
/// steps has worked for it. Its order is the playbook's; memory only says that it is right.
fn known_rung<'a>(
    input: &DiagnoseInput<'a>,
    alert: &Alert,
    steps: &[PlanStep],
    fits: impl Fn(&Lesson) -> bool,
) -> Option<&'a Lesson> {
    let autonomy = &input.config.autonomy;
    let known = |step: &PlanStep| {
        let class = remember::target_class(&step.action, input.snapshot);
        remember::find(input.lessons, step.action.kind(), &alert.kind, &class)
            .filter(|l| remember::is_known(l, input.now, autonomy) && fits(l))
    };
    let lessons: Vec<&Lesson> = steps.iter().map(known).collect::<Option<_>>()?;
    lessons.into_iter().min_by(|a, b| {
        let sure = |l| remember::reliability(l, input.now, autonomy);
        sure(a).total_cmp(&sure(b))
    })
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
        if tried_in_vain(input, &step) {
            let (kind, target) = (step.action.kind(), step.action.target());
            vetoed.push(format!("{kind} on {target} was tried and did not help"));
            continue;
        }
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
            Ok(Some(Chosen { alert, steps: vec![step], known, play: None }))
        }
        None if vetoed.is_empty() => Ok(None),
        None => Err(vetoed.join("; ")),
    }
}

/// Whether this incident has seen the same fail: the next rung of the ladder is another.
fn tried_in_vain(input: &DiagnoseInput<'_>, step: &PlanStep) -> bool {
    input.tried.iter().any(|record| {
        let failed = match record.state {
            ActionState::Failed | ActionState::Undone | ActionState::Unknown => true,
            ActionState::Planned
            | ActionState::AwaitingApproval
            | ActionState::Refused
            | ActionState::Intended
            | ActionState::Running
            | ActionState::Succeeded => false,
        };
        failed
            && record.step.action.kind() == step.action.kind()
            && record.step.action.target_keys() == step.action.target_keys()
    })
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
