//! The agent's own story as it comes, whoever asked for the fault; and of a fault of this program's own, from
//! the moment it is asked for to the moment at which the marketplace serves again, what can be seen from outside.

use std::collections::BTreeSet;
use std::convert::Infallible;
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

/// Who tells it, and what was told already.
pub struct Narrator<'a> {
    screen: Screen,
    place: &'a Place,
    fleet: &'a Fleet,
    watchman: &'a Watchman,
    /// Lines of incidents' stories, by incident and number.
    lines: BTreeSet<(String, usize)>,
    /// Incidents whose end, or whose way to a person, was told.
    ended: BTreeSet<(String, String)>,
}

impl<'a> Narrator<'a> {
    /// Who has told nothing yet.
    pub fn new(
        screen: Screen,
        place: &'a Place,
        fleet: &'a Fleet,
        watchman: &'a Watchman,
    ) -> Narrator<'a> {
        let (lines, ended) = (BTreeSet::new(), BTreeSet::new());
        Narrator { screen, place, fleet, watchman, lines, ended }
    }

    /// Waits until an earlier fault is over for the agent too, or with a person, so that the next one is
    /// told alone, and for so long besides. What happens meanwhile is told: customers are not the only ones
    /// who may ask for a fault.
    ///
    /// # Errors
    /// The agent can no longer be asked.
    pub async fn quiet(&mut self, pause: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < QUIET_LIMIT && !self.listen().await? {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        let calm = Instant::now();
        while calm.elapsed() < pause {
            tokio::time::sleep(LOOK_PAUSE).await;
            self.listen().await?;
        }
        Ok(())
    }

    /// Tells whatever happens, for good.
    ///
    /// # Errors
    /// The agent can no longer be asked.
    pub async fn listen_on(&mut self) -> Result<Infallible, Failure> {
        loop {
            tokio::time::sleep(LOOK_PAUSE).await;
            self.listen().await?;
        }
    }

    /// Tells what is new since the last time. Whether nothing is under way any more.
    async fn listen(&mut self) -> Result<bool, Failure> {
        self.tell_deaths(None);
        let incidents = self.watchman.incidents().await?;
        for incident in incidents.iter().rev() {
            let is_new = !self.lines.iter().any(|(id, _)| *id == incident.id);
            if is_new && !incident.timeline.is_empty() {
                let title = paint(BOLD, &format!("Trouble: {}", printable(&incident.title)));
                self.screen.talk(&format!("\n{title}"));
            }
            self.narrate(incident, incident.opened_at, None);
            self.tell_end(incident);
        }
        let over = incidents.iter().all(|incident| is_at_rest(&incident.state));
        Ok(over)
    }

    /// How an incident ended that no fault of this program's own began.
    fn tell_end(&mut self, incident: &IncidentView) {
        let key = (incident.id.clone(), incident.state.clone());
        if !is_at_rest(&incident.state) || !self.ended.insert(key) {
            return;
        }
        let words = match incident.closed_at {
            Some(at) => {
                let secs = at.duration_since(incident.opened_at).as_secs_f64();
                paint(GREEN, &format!("  over after {secs:.1} s"))
            }
            None => paint(YELLOW, "  with a person now: the dashboard asks"),
        };
        self.screen.talk(&words);
    }

    fn tell_deaths(&self, begun: Option<Instant>) {
        for death in self.fleet.deaths() {
            let at = begun.map_or_else(
                || " ".repeat(7),
                |begun| format!("{:>5.1} s", begun.elapsed().as_secs_f64()),
            );
            self.screen.talk(&format!("  {at}  {}  {death}", paint(RED, "World ")));
        }
    }

    /// Prints what is new in an incident's story, and keeps the times that count.
    fn narrate(
        &mut self,
        incident: &IncidentView,
        begun_at: Timestamp,
        mut told: Option<&mut Told>,
    ) {
        for (index, entry) in incident.timeline.iter().enumerate() {
            if !self.lines.insert((incident.id.clone(), index)) {
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
            let agent = paint(style, &format!("{agent:<6}"));
            self.screen.talk(&format!("  {secs:>5.1} s  {agent}  {text}"));
            let Some(told) = &mut told else { continue };
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

    /// Injects the fault and tells what happens.
    ///
    /// # Errors
    /// The agent or the marketplace can no longer be asked.
    pub async fn tell(
        &mut self,
        traffic: &Traffic,
        customer: &Customer,
        fault: Fault,
    ) -> Result<Told, Failure> {
        self.listen().await?;
        let told = self.tell_fault(traffic, customer, fault).await?;
        // Its end was told as that of the fault.
        for incident in self.watchman.incidents().await? {
            self.ended.insert((incident.id, IncidentState::Resolved.as_str().to_owned()));
        }
        Ok(told)
    }

    async fn tell_fault(
        &mut self,
        traffic: &Traffic,
        customer: &Customer,
        fault: Fault,
    ) -> Result<Told, Failure> {
        let (screen, place, limit) = (self.screen, self.place, CURE_LIMIT);
        let before: BTreeSet<String> = self.lines.iter().map(|(id, _)| id.clone()).collect();
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
            let incidents = self.watchman.incidents().await?;
            self.tell_deaths(Some(begun));
            for incident in
                incidents.iter().filter(|i| !before.contains(&i.id) || i.closed_at.is_none())
            {
                self.narrate(incident, begun_at, Some(&mut told));
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
}

/// Whether nothing is being done about an incident in this state: it is over, or with a person.
fn is_at_rest(state: &str) -> bool {
    [IncidentState::Resolved, IncidentState::Escalated, IncidentState::AwaitingApproval]
        .iter()
        .any(|rest| rest.as_str() == state)
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
