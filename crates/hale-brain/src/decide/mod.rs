//! The guard: may this action be done now, alone, after a person's yes, or not at all?
//!
//! One pure function, asked at every boundary (when a plan is made, when an approval is used, just
//! before the intent is written) with what is observed at that moment. First come the refusals that
//! bind everyone (`refusals.rs`), then who wants it: a person's own command needs at most their
//! confirmation; the loop's wish is held by the mode, by limits, and by what it is entitled to do
//! alone. The first reason of a verdict is the one that decided; its id is stable.

mod container;
mod limits;
pub mod modes;
pub mod names;
pub mod redact;
mod refusals;
pub mod registry;
pub mod shell;
mod workload;

use hale_model::Timestamp;
use hale_model::action::{Action, ActionRecord, Actor, Decision, Reason, Risk, Verdict};
use hale_model::alert::AlertKind;
use hale_model::config::{Config, Mode};
use hale_model::lesson::Lesson;
use hale_model::snapshot::Snapshot;

use modes::Stance;
use registry::{Aggravation, SafeIf};

/// Everything that a verdict depends on.
#[derive(Clone, Debug)]
pub struct GuardInput<'a> {
    /// The moment of the verdict.
    pub now: Timestamp,
    /// What hale may do by itself.
    pub mode: Mode,
    /// What is to be done.
    pub action: &'a Action,
    /// The symptom it treats; none for a person's own command.
    pub alert_kind: Option<&'a AlertKind>,
    /// Who wants it.
    pub actor: &'a Actor,
    /// User id that hale runs as.
    pub own_uid: u32,
    /// The newest observation.
    pub snapshot: &'a Snapshot,
    /// The configuration.
    pub config: &'a Config,
    /// Until when actions are stopped.
    pub paused_until: Option<Timestamp>,
    /// Actions of the last 60 minutes.
    pub recent: &'a [ActionRecord],
    /// Target keys of the actions that are being done now, this one not among them.
    pub in_flight: &'a [String],
    /// What was learned.
    pub lessons: &'a [Lesson],
    /// Whether a person approved this very action on this very pre-state.
    pub approved: bool,
    /// Whether a person typed YES to this very action.
    pub confirmed_critical: bool,
}

pub(crate) fn reason(rule: &str, text: impl Into<String>) -> Reason {
    Reason { rule: rule.to_owned(), text: text.into() }
}

/// The verdict on one action. Total: every input has one, and the same input always the same.
pub fn judge(input: &GuardInput<'_>) -> Verdict {
    let aggravations = registry::aggravations(input.action, input.snapshot, input.config);
    let risk = registry::risk(input.action, input.snapshot, input.config);
    let refusals = refusals::refusals(input);
    let (decision, risk, mut reasons) = if refusals.is_empty() {
        let (decision, reasons) = willing(input, risk, &aggravations);
        (decision, risk, reasons)
    } else {
        let for_good = refusals.iter().any(|r| r.for_good);
        let risk = if for_good { Risk::Deny } else { risk };
        (Decision::Deny, risk, refusals.into_iter().map(|r| r.reason).collect())
    };
    dedup(&mut reasons);
    Verdict {
        decision,
        risk,
        reversible: registry::reversible(input.action),
        blast_radius: registry::blast_radius(input.action, input.snapshot),
        reasons,
    }
}

/// A refusal for a reason that lies outside the guard's own input, such as a record that cannot be
/// read. Nothing was observed, so nothing is said about how much it would touch.
pub fn refuse(action: &Action, rule: &str, text: impl Into<String>) -> Verdict {
    Verdict {
        decision: Decision::Deny,
        risk: registry::facts(action.kind()).base_risk,
        reversible: registry::reversible(action),
        blast_radius: 0,
        reasons: vec![reason(rule, text)],
    }
}

fn dedup(reasons: &mut Vec<Reason>) {
    let mut seen = std::collections::HashSet::new();
    reasons.retain(|r| seen.insert((r.rule.clone(), r.text.clone())));
}

/// The rule under which an action is refused while something else is done to its target.
pub(crate) const IN_FLIGHT: &str = "guard.in_flight";

/// Whether nothing speaks against the action but that something is being done to its target just now.
pub fn is_only_busy(verdict: &Verdict) -> bool {
    verdict.decision == Decision::Deny
        && !verdict.reasons.is_empty()
        && verdict.reasons.iter().all(|reason| reason.rule == IN_FLIGHT)
}

/// Everything to which nothing else may be done while this action is: its targets, and the processes that
/// it would signal with what they belong to.
pub fn touched_keys(action: &Action, snapshot: &Snapshot) -> Vec<String> {
    let mut keys = action.target_keys();
    for process in registry::signalled(action, snapshot) {
        keys.push(format!("process:{}", process.proc_ref().key()));
        // A process of a unit that is just being restarted is the unit's business.
        keys.extend(process.info.unit.as_ref().map(|unit| format!("unit:{unit}")));
    }
    keys
}

/// The decision on what nothing forbids.
fn willing(
    input: &GuardInput<'_>,
    risk: Risk,
    aggravations: &[Aggravation],
) -> (Decision, Vec<Reason>) {
    let mut why: Vec<Reason> = aggravations.iter().map(|a| reason(&a.rule, &a.text)).collect();
    let unconfirmed = risk >= Risk::Critical && !input.confirmed_critical;
    let stance = modes::stance(input.mode, input.action.kind());
    let (decision, first) = match (input.actor, stance) {
        (_, Stance::Always) => {
            (Decision::Allow, reason("guard.tells_only", "it only tells a person"))
        }
        (Actor::Hale | Actor::Model, Stance::Never { rule, text }) => {
            (Decision::Deny, reason(rule, text))
        }
        // A chat answers questions; it begins nothing.
        (Actor::Chat { .. }, _) => (
            Decision::Deny,
            reason("guard.chat_only_answers", "a chat may only answer what hale asks"),
        ),
        (Actor::User { .. } | Actor::Token { .. } | Actor::Browser, _) if unconfirmed => {
            (Decision::Ask, needs_yes(&why))
        }
        (Actor::User { .. } | Actor::Token { .. } | Actor::Browser, _) => {
            (Decision::Allow, reason("guard.person", "a person asked for it and confirmed it"))
        }
        (Actor::Hale | Actor::Model, Stance::WhenApproved | Stance::WhenEntitled)
            if input.approved =>
        {
            if unconfirmed {
                (Decision::Ask, needs_yes(&why))
            } else {
                (Decision::Allow, reason(APPROVED, "a person approved it"))
            }
        }
        (Actor::Hale | Actor::Model, Stance::WhenApproved | Stance::WhenEntitled)
            if risk >= Risk::Critical =>
        {
            (Decision::Ask, needs_yes(&why))
        }
        (Actor::Hale, Stance::WhenApproved) => (
            Decision::Ask,
            reason("guard.mode.approve", "approve mode asks a person before anything is done"),
        ),
        // Grants, safe pairs and what was earned are for what hale itself found out.
        (Actor::Model, Stance::WhenApproved | Stance::WhenEntitled) => (
            Decision::Ask,
            reason("guard.model_proposal", "a language model proposed it: a person decides"),
        ),
        (Actor::Hale, Stance::WhenEntitled) => alone(input),
    };
    why.insert(0, first);
    (decision, why)
}

/// The rule under which a person's approval lets an action through; lessons count by it.
pub const APPROVED: &str = "guard.approved";

fn needs_yes(why: &[Reason]) -> Reason {
    let because = why.first().map_or("it may lose work or service", |r| r.text.as_str());
    reason("guard.critical_needs_yes", format!("critical: a person types YES; {because}"))
}

pub use limits::{is_recent_cure, recent_cure};

/// Whether hale may do this alone.
fn alone(input: &GuardInput<'_>) -> (Decision, Reason) {
    let entitled = match entitlement(input) {
        Ok(entitled) => entitled,
        Err(missing) => return (Decision::Ask, missing),
    };
    match limits::exceeded(input) {
        Some(limit) => (Decision::Ask, limit),
        None => (Decision::Allow, entitled),
    }
}

/// What entitles hale to do this alone, or what it lacks.
fn entitlement(input: &GuardInput<'_>) -> Result<Reason, Reason> {
    let kind = input.action.kind();
    let Some(alert) = input.alert_kind else {
        return Err(reason("guard.autonomy.none", "it treats no alert: a person decides"));
    };
    let pair = registry::pair_name(kind, alert);
    let grants = &input.config.autonomy.allow;
    if let Some(grant) = grants.iter().find(|grant| grants_to(grant, &pair, input.action)) {
        let text = format!("`{grant}` is granted by [autonomy] allow");
        return Ok(reason("guard.autonomy.granted", text));
    }
    let class = crate::remember::target_class(input.action, input.snapshot);
    let after = input.config.autonomy.earn_after;
    let lesson = crate::remember::find(input.lessons, kind, alert, &class);
    let earned = crate::remember::earned(input.lessons, kind, alert, &class, after);
    let lapsed = earned
        && lesson
            .is_some_and(|l| crate::remember::has_lapsed(l, input.now, &input.config.autonomy));
    if earned && !lapsed {
        let text = format!("`{pair}` on {class} was approved and verified {after} times or more");
        return Ok(reason("guard.autonomy.earned", text));
    }
    if let Some(why) = lesson.and_then(|l| l.withdrawn.as_ref()) {
        let text = format!("`{pair}` on {class} is no longer trusted: {why}");
        return Err(reason("guard.autonomy.withdrawn", text));
    }
    let safe = registry::SAFE_PAIRS.iter().find(|p| p.action == kind && p.alert == *alert);
    match safe.map(|p| safe_if(p.condition, input)) {
        Some(Ok(())) => {
            let text = format!("`{pair}` is safe under its conditions");
            Ok(reason("guard.autonomy.safe_pair", text))
        }
        Some(Err(text)) => Err(reason("guard.autonomy.condition", format!("`{pair}`: {text}"))),
        None if lapsed => {
            let text = format!(
                "`{pair}` on {class} was earned, but so long ago that a person decides once more"
            );
            Err(reason("guard.autonomy.lapsed", text))
        }
        None => {
            let text = format!("`{pair}` is not safe by itself, not granted and not yet earned");
            Err(reason("guard.autonomy.none", text))
        }
    }
}

/// Whether a grant (`action@alert kind`, perhaps with `:target pattern`) is for this pair and target.
fn grants_to(grant: &str, pair: &str, action: &Action) -> bool {
    let Some((granted, pattern)) = grant.split_once(':') else { return grant == pair };
    granted == pair && names::is_named(pattern, action)
}

fn safe_if(condition: SafeIf, input: &GuardInput<'_>) -> Result<(), String> {
    match condition {
        SafeIf::OwnOrphans => {
            let home = names::own_container(input.snapshot);
            for process in registry::signalled(input.action, input.snapshot) {
                let who = process.proc_ref();
                if process.info.uid != input.own_uid {
                    return Err(format!("{who} belongs to {}", process.info.user));
                }
                if !names::is_orphan(process, input.snapshot) {
                    return Err(format!("{who} still has its parent, {}", process.ppid));
                }
                if let Some(unit) = names::service_of(&process.info) {
                    return Err(format!("{who} belongs to {unit}"));
                }
                if process.info.container.is_some() && process.info.container.as_deref() != home {
                    return Err(format!("{who} belongs to a container"));
                }
            }
            Ok(())
        }
        SafeIf::RestartableUnit => {
            let granted = &input.config.allowlist.restartable_units;
            let listed = matches!(input.action, Action::ServiceRestart { unit, .. }
                if names::unit_pattern(granted, unit).is_some());
            if listed {
                Ok(())
            } else {
                Err(format!("{} is not in [allowlist] restartable_units", input.action.target()))
            }
        }
        SafeIf::RestartableContainer => {
            let granted = &input.config.allowlist.restartable_containers;
            let name = input.action.target();
            if names::container_pattern(granted, &name).is_some() {
                Ok(())
            } else {
                Err(format!("container {name} is not in [allowlist] restartable_containers"))
            }
        }
    }
}
