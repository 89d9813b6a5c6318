//! What hale achieved: how fast incidents ended, how many it cured alone, and what that was worth
//! by the formula that the configuration gives.

use hale_model::Timestamp;
use hale_model::action::{ActionRecord, ActionState, Actor, Decision};
use hale_model::config::Dashboard;
use hale_model::incident::{Incident, IncidentState};
use hale_model::panel::Achieved;

/// An incident with the actions that were taken for it.
pub struct CuredIncident<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// Its actions.
    pub actions: Vec<&'a ActionRecord>,
}

/// How an incident ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Alone,
    WithPerson,
    ByItself,
}

/// The figures of a time, from the incidents that began and the actions that ended in it.
pub fn achieved(
    since: Timestamp,
    until: Timestamp,
    incidents: &[CuredIncident<'_>],
    actions: &[ActionRecord],
    config: &Dashboard,
) -> Achieved {
    let began: Vec<_> = incidents
        .iter()
        .filter(|c| c.incident.opened_at >= since && c.incident.opened_at <= until)
        .collect();
    let ended: Vec<(f64, End)> = began
        .iter()
        .filter_map(|c| Some((seconds(c.incident, until)?, end_of(&c.actions))))
        .collect();
    let count = |end: End| to_u32(ended.iter().filter(|(_, e)| *e == end).count());
    let mut durations: Vec<f64> = ended.iter().map(|(secs, _)| *secs).collect();
    durations.sort_by(f64::total_cmp);

    let tried: Vec<&ActionRecord> = actions
        .iter()
        .filter(|a| a.intended_at.is_some() && is_between(a.finished_at, since, until))
        .collect();
    let succeeded = tried.iter().filter(|a| a.state == ActionState::Succeeded).count();

    let saved_minutes = saved_minutes(&ended, config.minutes_saved_per_incident);
    let saved_money = (config.cost_per_minute_of_downtime > 0.0)
        .then_some(saved_minutes * config.cost_per_minute_of_downtime);
    let cured_alone = count(End::Alone);
    Achieved {
        since,
        until,
        incidents: to_u32(began.len()),
        resolved: to_u32(ended.len()),
        cured_alone,
        cured_with_person: count(End::WithPerson),
        over_by_itself: count(End::ByItself),
        escalated: to_u32(
            incidents.iter().filter(|c| c.incident.state == IncidentState::Escalated).count(),
        ),
        mttr_mean_secs: mean(&durations),
        mttr_median_secs: median(&durations),
        actions: to_u32(tried.len()),
        actions_succeeded: to_u32(succeeded),
        success_rate: (!tried.is_empty()).then(|| succeeded as f64 / tried.len() as f64),
        saved_minutes,
        saved_money,
        currency: config.currency.clone(),
        formula: formula(cured_alone, saved_minutes, config),
    }
}

fn formula(cured_alone: u32, saved_minutes: f64, config: &Dashboard) -> String {
    let whom = match cured_alone {
        1 => "the one incident".to_owned(),
        many => format!("each of {many} incidents"),
    };
    let minutes = format!(
        "for {whom} cured alone: {} min that a person would have needed, \
         less the time hale took = {saved_minutes:.1} min",
        config.minutes_saved_per_incident
    );
    if config.cost_per_minute_of_downtime > 0.0 {
        format!("{minutes}; × {} {} a minute", config.cost_per_minute_of_downtime, config.currency)
    } else {
        format!("{minutes}; [dashboard] cost_per_minute_of_downtime = 0, so no money is counted")
    }
}

/// Only what no person had to decide, and never less than nothing.
fn saved_minutes(ended: &[(f64, End)], per_incident: f64) -> f64 {
    let alone = ended.iter().filter(|(_, end)| *end == End::Alone);
    // Not `sum`: of nothing that is -0.0, and a screen would show it.
    alone.map(|(secs, _)| (per_incident - secs / 60.0).max(0.0)).fold(0.0, |all, one| all + one)
}

fn seconds(incident: &Incident, until: Timestamp) -> Option<f64> {
    let closed = incident.closed_at.filter(|closed| *closed <= until)?;
    Some(closed.duration_since(incident.opened_at).as_secs_f64().max(0.0))
}

fn end_of(actions: &[&ActionRecord]) -> End {
    let mut cures = actions.iter().filter(|a| a.state == ActionState::Succeeded).peekable();
    if cures.peek().is_none() {
        return End::ByItself;
    }
    let alone = cures.all(|a| {
        a.requested_by == Actor::Hale && a.verdict.decision == Decision::Allow && !was_asked(a)
    });
    if alone { End::Alone } else { End::WithPerson }
}

/// Once approved, an action's verdict says allow; the reason says that a person was asked.
fn was_asked(record: &ActionRecord) -> bool {
    record.verdict.reasons.iter().any(|reason| reason.rule == crate::decide::APPROVED)
}

fn is_between(at: Option<Timestamp>, since: Timestamp, until: Timestamp) -> bool {
    at.is_some_and(|at| at >= since && at <= until)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Of ascending values.
fn median(values: &[f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let upper = values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(*upper);
    }
    values.get(middle.wrapping_sub(1)).map(|lower| f64::midpoint(*lower, *upper))
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
