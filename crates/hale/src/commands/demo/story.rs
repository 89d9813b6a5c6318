//! One fault, from the moment it is asked for to the moment at which the marketplace serves again: the
//! agent's own story as it comes, and what can be seen from outside.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hale_demo::{Customer, Fault, Role};
use hale_model::Timestamp;
use hale_model::action::{ActionKind, ActionState};
use hale_model::incident::{Agent, IncidentState};
use hale_model::text::printable;
use hale_model::view::{ActionView, IncidentView};
use serde::Serialize;

use super::Place;
use super::agent::Watchman;
use super::fleet::Fleet;
use super::traffic::Traffic;
use crate::exit::Failure;
use crate::screen::{BOLD, CYAN, Columns, DIM, GREEN, RED, Screen, YELLOW, cell, paint, styled};

/// A fault that is not cured by then is not cured.
const CURE_LIMIT: Duration = Duration::from_secs(90);
/// What is still being done about the fault before may take so long.
const QUIET_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Visits in a row that must succeed.
const VISITS_MIN: usize = 3;
/// A visit that takes longer is not as before.
const VISIT_MAX: Duration = Duration::from_millis(800);

/// What became of one fault.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Which.
    pub fault: String,
    /// The service in which its cause lay.
    pub service: String,
    /// Seconds from the fault to the first alert.
    pub detected_secs: Option<f64>,
    /// To the guard's verdict.
    pub decided_secs: Option<f64>,
    /// To the end of the action.
    pub acted_secs: Option<f64>,
    /// To the agent's own proof.
    pub verified_secs: Option<f64>,
    /// To the moment at which it served again and the cause was gone, seen from outside.
    pub serving_secs: Option<f64>,
    /// Both: the fault is over, and it is proved.
    pub recovered_secs: Option<f64>,
    /// What was done.
    pub action: Option<String>,
    /// Visits that failed meanwhile, of all.
    pub failed_visits: usize,
    /// All of them.
    pub visits: usize,
    /// What was seen at the end.
    pub proof: String,
    /// Whether it recovered.
    pub recovered: bool,
}

/// Waits until an earlier fault is over for the agent too, or with a person, so that the next one is told
/// alone.
///
/// # Errors
/// The agent can no longer be asked.
pub async fn quiet(watchman: &Watchman) -> Result<(), Failure> {
    let over = [IncidentState::Resolved, IncidentState::Escalated, IncidentState::AwaitingApproval]
        .map(|state| state.as_str());
    let begun = Instant::now();
    while begun.elapsed() < QUIET_LIMIT {
        let incidents = watchman.incidents().await?;
        if incidents.iter().all(|incident| over.contains(&incident.state.as_str())) {
            break;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Ok(())
}

/// Injects the fault and tells what happens.
///
/// # Errors
/// The agent or the marketplace can no longer be asked.
pub async fn tell(
    screen: Screen,
    place: &Place,
    fleet: &Fleet,
    watchman: &Watchman,
    traffic: &Traffic,
    customer: &Customer,
    fault: Fault,
) -> Result<Told, Failure> {
    let limit = CURE_LIMIT;
    let mut known: BTreeSet<(String, usize)> = BTreeSet::new();
    for incident in watchman.incidents().await? {
        known.extend((0..incident.timeline.len()).map(|index| (incident.id.clone(), index)));
    }
    let before: BTreeSet<String> = known.iter().map(|(id, _)| id.clone()).collect();
    let before_it = customer.facts(place.addresses.of(fault.owner())).await;
    let run_before = before_it.map(|facts| facts.begun_ms);
    screen.talk(&format!(
        "\n{} {}",
        paint(BOLD, &format!("Fault: {}", fault.as_str())),
        paint(DIM, &format!("in {}: {}", fault.owner().as_str(), about(fault)))
    ));
    let (begun, begun_at) = (Instant::now(), Timestamp::now());
    customer.trigger(fault).await.map_err(|why| {
        Failure::failed(
            format!("the fault cannot be injected: {why}"),
            "look at the marketplace's logs",
        )
    })?;
    let mut told = Told {
        fault: fault.as_str().to_owned(),
        service: fault.owner().as_str().to_owned(),
        detected_secs: None,
        decided_secs: None,
        acted_secs: None,
        verified_secs: None,
        serving_secs: None,
        recovered_secs: None,
        action: None,
        failed_visits: 0,
        visits: 0,
        proof: "not proved".to_owned(),
        recovered: false,
    };
    while begun.elapsed() < limit {
        tokio::time::sleep(LOOK_PAUSE).await;
        let incidents = watchman.incidents().await?;
        for death in fleet.deaths() {
            let secs = begun.elapsed().as_secs_f64();
            screen.talk(&format!("  {secs:>5.1} s  {}  {death}", paint(RED, "World ")));
        }
        for incident in
            incidents.iter().filter(|i| !before.contains(&i.id) || i.closed_at.is_none())
        {
            narrate(screen, incident, begun_at, &mut known, &mut told);
        }
        if told.verified_secs.is_none()
            && let Some((cure, at)) = cured(&incidents, place, fault, begun_at)
        {
            told.verified_secs = Some(at.duration_since(begun_at).as_secs_f64());
            told.action = Some(format!("{} {}", cure.kind, cure.target));
        }
        if told.serving_secs.is_none() && told.acted_secs.is_some() {
            let seen = serves(place, customer, fault, run_before).await;
            if let Some(proof) = seen {
                told.serving_secs = Some(begun.elapsed().as_secs_f64());
                told.proof = proof;
            }
        }
        if let (Some(verified), Some(serving)) = (told.verified_secs, told.serving_secs) {
            told.recovered_secs = Some(verified.max(serving));
            told.recovered = true;
            break;
        }
    }
    (told.visits, told.failed_visits) = traffic.since(begun);
    let words = match told.recovered_secs {
        Some(secs) => paint(GREEN, &format!("  recovered after {secs:.1} s: {}", told.proof)),
        None => paint(RED, &format!("  not recovered after {} s", limit.as_secs())),
    };
    screen.talk(&words);
    Ok(told)
}

/// What the agent did to the service in which the cause lay (or to its files) after the fault, and proved.
fn cured<'a>(
    incidents: &'a [IncidentView],
    place: &Place,
    fault: Fault,
    begun_at: Timestamp,
) -> Option<(&'a ActionView, Timestamp)> {
    let succeeded = ActionState::Succeeded.as_str();
    let target = place.target(fault.owner());
    let aimed = |action: &ActionView| match fault {
        Fault::Disk => action.kind == ActionKind::DiskClean.as_str(),
        Fault::Memory
        | Fault::Cpu
        | Fault::Latency
        | Fault::DbLatency
        | Fault::Errors
        | Fault::Crash => action.target == target,
    };
    let actions = incidents.iter().flat_map(|incident| &incident.actions);
    let mut cures = actions
        .filter(|a| a.created_at >= begun_at && a.state == succeeded && aimed(a))
        .filter_map(|action| Some((action, action.finished_at?)));
    cures.next()
}

/// Prints what is new in an incident's story, and keeps the times that count.
fn narrate(
    screen: Screen,
    incident: &IncidentView,
    begun_at: Timestamp,
    known: &mut BTreeSet<(String, usize)>,
    told: &mut Told,
) {
    for (index, entry) in incident.timeline.iter().enumerate() {
        if !known.insert((incident.id.clone(), index)) {
            continue;
        }
        let secs = entry.ts.duration_since(begun_at).as_secs_f64().max(0.0);
        let agent = entry.agent.as_str();
        let style = match agent {
            "scout" => CYAN,
            "guard" => YELLOW,
            "fixer" => GREEN,
            _ => BOLD,
        };
        let text = printable(&entry.text);
        // Lines of log and figures that came along are for the dashboard.
        if text.starts_with("log: ") || text.starts_with("figures: ") {
            continue;
        }
        screen.talk(&format!("  {secs:>5.1} s  {}  {text}", paint(style, &format!("{agent:<6}"))));
        if entry.agent == Agent::Scout {
            told.detected_secs.get_or_insert(secs);
        }
        match entry.kind.as_str() {
            "verdict" => {
                told.decided_secs.get_or_insert(secs);
            }
            "outcome" => {
                told.acted_secs.get_or_insert(secs);
            }
            _ => {}
        }
    }
}

/// Whether the marketplace sells again as before, and the cause of the fault is gone; what was seen.
async fn serves(
    place: &Place,
    customer: &Customer,
    fault: Fault,
    run_before: Option<u64>,
) -> Option<String> {
    let mut slowest = Duration::ZERO;
    for _ in 0..VISITS_MIN {
        let visit = customer.visit("Alan Turing").await;
        if !visit.bought || visit.took > VISIT_MAX {
            return None;
        }
        slowest = slowest.max(visit.took);
    }
    let mut run = None;
    for role in Role::ALL {
        let facts = customer.facts(place.addresses.of(role)).await?;
        if !facts.faults.is_empty() || !facts.healthy {
            return None;
        }
        if role == fault.owner() {
            run = Some(facts.begun_ms);
        }
    }
    let run = match (run_before, run) {
        (Some(before), Some(now)) if before != now => {
            format!("{} began anew", fault.owner().as_str())
        }
        _ => format!("{} still runs", fault.owner().as_str()),
    };
    Some(format!(
        "{VISITS_MIN} sales in a row, the slowest {} ms; all services well; {run}",
        slowest.as_millis()
    ))
}

fn about(fault: Fault) -> &'static str {
    match fault {
        Fault::Memory => "it keeps everything it computes",
        Fault::Cpu => "a thread sorts the same list for ever",
        Fault::Latency => "its workers are never given back",
        Fault::DbLatency => "a job holds the write lock of the database",
        Fault::Errors => "a price revision panicked with the lock in its hand",
        Fault::Crash => "it aborts",
        Fault::Disk => "old dumps fill its spool",
    }
}

/// All faults, one a row.
pub fn told_table(all: &[Told]) -> String {
    let header = [
        "Fault",
        "Detected",
        "Decided",
        "Acted",
        "Verified",
        "Serving",
        "Recovered",
        "Failed",
        "What was done",
    ];
    let mut table = Columns::new(&header, &[1, 2, 3, 4, 5, 6, 7]);
    let secs =
        |secs: Option<f64>| secs.map_or_else(|| "–".to_owned(), |secs| format!("{secs:.1} s"));
    for told in all {
        let recovered = match told.recovered_secs {
            Some(_) => styled(secs(told.recovered_secs), GREEN),
            None => styled("no", RED),
        };
        table.row([
            cell(&told.fault),
            cell(secs(told.detected_secs)),
            cell(secs(told.decided_secs)),
            cell(secs(told.acted_secs)),
            cell(secs(told.verified_secs)),
            cell(secs(told.serving_secs)),
            recovered,
            cell(format!("{} of {}", told.failed_visits, told.visits)),
            cell(told.action.as_deref().unwrap_or("nothing")),
        ]);
    }
    table.render(crate::screen::width())
}
