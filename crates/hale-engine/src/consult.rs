//! A second opinion: where the local layer knows a fault but no cure, or is not sure, a model
//! investigates beside the loop. The loop never waits for it. What comes back is a diagnosis that may
//! be better, and proposals that the guard judges like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hale_brain::diagnose::investigate::{
    CaseFile, Conclusion, ModelDiagnosis, Observation, Thought, plan_of,
};
use hale_mind::{FaultKind, MindError, ProviderError, Purpose};
use hale_model::action::{Actor, Plan};
use hale_model::alert::{Alert, AlertState, Severity};
use hale_model::api::Handle;
use hale_model::incident::{Agent, DiagnosisSource, Incident, IncidentState};
use hale_model::snapshot::Snapshot;
use hale_model::text::moment;
use hale_model::{IncidentId, PlanId, Timestamp};
use hale_store::State;
use tokio::sync::mpsc;

use crate::adviser::{Adviser, troubles_of};
use crate::core::{Case, Core};
use crate::investigate::{Spent, ToolBox, audit_details, investigate, language};
use crate::telemetry::store_error;

/// A local diagnosis surer than this needs no second opinion.
const SURE: f64 = 0.8;
/// Incidents that wait for a model at the same time.
const WAITING_MAX: usize = 64;
/// Where their ids are kept, so that an agent that is started again goes on with them.
const WAITING_KEY: &str = "ai.waiting";

/// Models, and where their news go.
pub(crate) struct Counsel {
    pub(crate) adviser: Arc<Adviser>,
    pub(crate) handle: Arc<dyn Handle>,
    pub(crate) news: mpsc::Sender<News>,
    pub(crate) waiting: Waiting,
}

/// Incidents that no model looks into yet, because it was asked about another too short a time ago.
#[derive(Default)]
pub(crate) struct Waiting {
    ids: BTreeSet<IncidentId>,
    /// When the next may be looked into.
    until: Option<Timestamp>,
    /// Whose story says already that it waits.
    told: BTreeSet<IncidentId>,
    /// Those that are being looked into.
    asked: BTreeSet<IncidentId>,
}

impl Waiting {
    /// What an earlier agent did not come to the end of.
    pub(crate) fn load(state: &State, cases: &mut BTreeMap<IncidentId, Case>) -> Waiting {
        let kept = state.setting(WAITING_KEY).ok().flatten().unwrap_or_default();
        let kept: BTreeSet<IncidentId> = serde_json::from_str(&kept).unwrap_or_default();
        let ids: BTreeSet<IncidentId> =
            kept.into_iter().filter(|id| cases.contains_key(id)).take(WAITING_MAX).collect();
        for id in &ids {
            if let Some(case) = cases.get_mut(id) {
                case.model_asked = true;
            }
        }
        Waiting { told: ids.clone(), ids, ..Waiting::default() }
    }

    fn to_keep(&self, cases: &BTreeMap<IncidentId, Case>) -> String {
        let all = self.ids.union(&self.asked).filter(|id| cases.contains_key(id));
        serde_json::to_string(&all.collect::<Vec<_>>()).unwrap_or_default()
    }
}

/// What an investigation sends back to the loop.
pub(crate) struct News {
    incident: IncidentId,
    what: What,
}

enum What {
    Thought(Thought),
    /// Not before then, and why.
    Waits(Timestamp, &'static str),
    Concluded(Box<Conclusion>, Spent),
}

impl Core {
    /// Has a model look into the case, once, if it is worth it. Known faults are not.
    pub(crate) fn consult(
        &mut self,
        id: &IncidentId,
        alerts: &[Alert],
        has_plan: bool,
        snapshot: &Snapshot,
    ) {
        let Some(case) = self.cases.get_mut(id) else { return };
        if case.model_asked || alerts.is_empty() || !is_in_doubt(&case.incident, has_plan) {
            return;
        }
        case.model_asked = true;
        self.look_into(id, alerts, snapshot);
    }

    /// Changes who waits or is looked into, and keeps that.
    fn with_waiting(&mut self, change: impl FnOnce(&mut Waiting)) {
        let Some(counsel) = &mut self.counsel else { return };
        let before = counsel.waiting.to_keep(&self.cases);
        change(&mut counsel.waiting);
        let after = counsel.waiting.to_keep(&self.cases);
        if before != after
            && let Err(error) = self.state.set_setting(WAITING_KEY, &after)
        {
            self.warn("state", store_error(error).message);
        }
    }

    /// Begins the investigation beside the loop.
    fn look_into(&mut self, id: &IncidentId, alerts: &[Alert], snapshot: &Snapshot) {
        self.with_waiting(|waiting| {
            waiting.asked.insert(id.clone());
        });
        let (Some(counsel), Some(case)) = (&self.counsel, self.cases.get(id)) else { return };
        let Some(diagnosis) = &case.incident.diagnosis else { return };
        let tools = ToolBox::new(Arc::new(snapshot.clone()), counsel.handle.clone());
        let file = CaseFile {
            incident_id: id.clone(),
            title: case.incident.title.clone(),
            machine: tools.machine(),
            local: format!("{} ({:.0} % sure)", diagnosis.cause, 100.0 * diagnosis.confidence),
            observations: alerts.iter().flat_map(observations).collect(),
            question: None,
            language: language(&self.settings),
        };
        let (adviser, news, incident) = (counsel.adviser.clone(), counsel.news.clone(), id.clone());
        tokio::spawn(async move {
            let thought = |thought| {
                let what = What::Thought(thought);
                // A full queue loses a line of the stream, never a conclusion.
                let _ = news.try_send(News { incident: incident.clone(), what });
            };
            let what = match may_begin(&adviser).await {
                None => return,
                Some(Err(what)) => what,
                Some(Ok(())) => {
                    let purpose = Purpose::Continued;
                    let investigated = investigate(&adviser, &tools, file, purpose, thought);
                    let (conclusion, spent) = investigated.await;
                    What::Concluded(Box::new(conclusion), spent)
                }
            };
            // Nobody listens only when the agent ends.
            let _ = news.send(News { incident, what }).await;
        });
    }

    /// Has a model look into the gravest, then newest, of those that wait, when the time has come: one,
    /// and then the cooldown begins again.
    pub(crate) fn consult_waiting(&mut self, snapshot: &Snapshot) {
        let Some(counsel) = &mut self.counsel else { return };
        let now = Timestamp::now();
        let waiting = &mut counsel.waiting;
        if waiting.ids.is_empty() || waiting.until.is_some_and(|until| now < until) {
            return;
        }
        let cases = &self.cases;
        let still = |id: &IncidentId| {
            cases.get(id).is_some_and(|case| {
                case.incident.state != IncidentState::Resolved
                    && is_in_doubt(&case.incident, case.plan.is_some())
            })
        };
        waiting.ids.retain(still);
        waiting.told.retain(|id| cases.contains_key(id));
        let rank = |id: &&IncidentId| cases.get(*id).map(|case| rank(&case.incident));
        let Some(next) = waiting.ids.iter().max_by_key(rank).cloned() else { return };
        waiting.ids.remove(&next);
        let cooldown = Duration::from_secs(counsel.adviser.mind().config().cooldown_secs);
        waiting.until = now.checked_add(cooldown).ok();
        let Some(case) = self.cases.get(&next) else { return };
        let mut alerts = self.alerts_of(case);
        alerts.retain(|alert| alert.state != AlertState::Closed);
        self.look_into(&next, &alerts, snapshot);
    }

    fn let_wait(&mut self, id: &IncidentId, until: Timestamp, why: &str) {
        if !self.cases.contains_key(id) {
            return;
        }
        let ranks: BTreeMap<IncidentId, _> =
            self.cases.iter().map(|(id, case)| (id.clone(), rank(&case.incident))).collect();
        let mut is_news = false;
        self.with_waiting(|waiting| {
            waiting.until = Some(until);
            waiting.asked.remove(id);
            waiting.ids.insert(id.clone());
            let least = waiting.ids.iter().min_by_key(|id| ranks.get(*id)).cloned();
            if let Some(least) = least.filter(|_| waiting.ids.len() > WAITING_MAX) {
                waiting.ids.remove(&least);
                tracing::info!(
                    "no model will look into {least}: {WAITING_MAX} others wait before it"
                );
            }
            is_news = waiting.told.insert(id.clone());
        });
        if is_news {
            let text = format!("the model waits until {}: {why}", moment(until));
            self.think(id, Agent::Brain, "model_waits", text);
        }
    }

    /// Takes in what an investigation sends.
    pub(crate) async fn advised(&mut self, news: News) {
        let News { incident, what } = news;
        match what {
            What::Thought(thought) => self.think(&incident, thought.agent, "thought", thought.text),
            What::Waits(until, why) => self.let_wait(&incident, until, why),
            What::Concluded(conclusion, spent) => {
                self.with_waiting(|waiting| {
                    waiting.asked.remove(&incident);
                });
                self.audit_advice(&incident, &conclusion, &spent);
                match *conclusion {
                    Conclusion::Diagnosed(found) => self.take_advice(&incident, *found).await,
                    Conclusion::Discarded { .. } => {}
                    Conclusion::Unavailable { why } => {
                        tracing::info!("no model was asked about {incident}: {why}");
                        // When something new comes up, it may be tried again.
                        if let Some(case) = self.cases.get_mut(&incident) {
                            case.model_asked = false;
                        }
                    }
                }
            }
        }
        self.save_alerts();
    }

    fn audit_advice(&self, incident: &IncidentId, conclusion: &Conclusion, spent: &Spent) {
        let details = audit_details(conclusion, spent);
        self.audit("hale", "model", incident.as_str(), &details);
    }

    async fn take_advice(&mut self, id: &IncidentId, found: ModelDiagnosis) {
        let Some(snapshot) = self.snapshot() else { return };
        let Some(case) = self.cases.get_mut(id) else { return };
        if case.incident.state == IncidentState::Resolved {
            return;
        }
        let local = case.incident.diagnosis.as_ref().map_or(0.0, |d| d.confidence);
        // Where they are equally sure, what was measured here counts for more.
        if found.diagnosis.confidence > local {
            case.incident.diagnosis = Some(found.diagnosis.clone());
        } else if let Some(diagnosis) = &mut case.incident.diagnosis {
            diagnosis.prevention =
                diagnosis.prevention.take().or_else(|| found.diagnosis.prevention.clone());
        }
        let busy = case.plan.is_some()
            || matches!(
                case.incident.state,
                IncidentState::Acting | IncidentState::Verifying | IncidentState::AwaitingApproval
            );
        let open = |case: &crate::core::Case, core: &Core| {
            let alerts = core.alerts_of(case);
            alerts.into_iter().find(|alert| alert.state != AlertState::Closed)
        };
        let Some(case) = self.cases.get(id) else { return };
        let Some(alert) = open(case, self) else { return };
        if busy || found.proposals.is_empty() {
            return;
        }
        let planned = plan_of(&found.proposals, &alert, &snapshot);
        for why in planned.dropped {
            self.think(id, Agent::Guard, "verdict", format!("a proposal falls away: {why}"));
        }
        if planned.steps.is_empty() {
            return;
        }
        let now = Timestamp::now();
        let plan = Plan {
            id: PlanId::of(id, now),
            incident_id: id.clone(),
            alert_id: alert.id.clone(),
            alert_kind: alert.kind.clone(),
            machine_id: alert.machine_id.clone(),
            created_at: now,
            steps: planned.steps,
            made_by: Actor::Model,
            playbook: None,
        };
        self.adopt(id, plan, &snapshot).await;
    }
}

/// Whether a model may look into something now. None: there is none to ask, and that is as it should be.
async fn may_begin(adviser: &Adviser) -> Option<Result<(), What>> {
    let states = adviser.states().await;
    if states.iter().all(|state| state.trouble.is_some()) {
        let troubles: Vec<&ProviderError> =
            states.iter().filter_map(|state| state.trouble.as_ref()).collect();
        let rests = troubles.iter().filter_map(|trouble| {
            if let FaultKind::Resting { until } = trouble.fault { Some(until) } else { None }
        });
        if let Some(until) = rests.min() {
            return Some(Err(What::Waits(until, "every provider rests after failures")));
        }
        let why = troubles_of(&states)?;
        return Some(Err(What::Concluded(
            Box::new(Conclusion::Unavailable { why }),
            Spent::default(),
        )));
    }
    Some(match adviser.mind().begin_automatic() {
        Ok(()) => Ok(()),
        Err(MindError::CoolingDown { until, .. }) => {
            Err(What::Waits(until, "it was asked about something else a moment ago"))
        }
        Err(error) => {
            let conclusion = Conclusion::Unavailable { why: error.to_string() };
            Err(What::Concluded(Box::new(conclusion), Spent::default()))
        }
    })
}

/// Whether a second opinion is worth it: known faults need none.
fn is_in_doubt(incident: &Incident, has_plan: bool) -> bool {
    incident.diagnosis.as_ref().is_some_and(|diagnosis| match diagnosis.source {
        DiagnosisSource::Runbook | DiagnosisSource::Model => false,
        DiagnosisSource::Local => !has_plan || diagnosis.confidence < SURE,
    })
}

/// The graver goes first; of the same, the newer.
fn rank(incident: &Incident) -> (Severity, Timestamp) {
    (incident.severity, incident.opened_at)
}

fn observations(alert: &Alert) -> Vec<Observation> {
    let said = alert.evidence.iter().map(|evidence| Observation {
        id: evidence.id.clone(),
        text: format!("{}: {}", alert.kind, evidence.text),
    });
    said.collect()
}
