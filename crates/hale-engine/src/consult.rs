//! A second opinion: where the local layer knows a fault but no cure, or is not sure, a model
//! investigates beside the loop. The loop never waits for it. What comes back is a diagnosis that may
//! be better, and proposals that the guard judges like any other.

use std::sync::Arc;

use hale_brain::diagnose::investigate::{
    CaseFile, Conclusion, ModelDiagnosis, Observation, Thought, plan_of,
};
use hale_mind::Purpose;
use hale_model::action::{Actor, Plan};
use hale_model::alert::{Alert, AlertState};
use hale_model::api::Handle;
use hale_model::incident::{Agent, DiagnosisSource, IncidentState};
use hale_model::snapshot::Snapshot;
use hale_model::{IncidentId, PlanId, Timestamp};
use tokio::sync::mpsc;

use crate::adviser::Adviser;
use crate::core::Core;
use crate::investigate::{Spent, ToolBox, audit_details, investigate, language};

/// A local diagnosis surer than this needs no second opinion.
const SURE: f64 = 0.8;

/// Models, and where their news go.
pub(crate) struct Counsel {
    pub(crate) adviser: Arc<Adviser>,
    pub(crate) handle: Arc<dyn Handle>,
    pub(crate) news: mpsc::Sender<News>,
}

/// What an investigation sends back to the loop.
pub(crate) struct News {
    incident: IncidentId,
    what: What,
}

enum What {
    Thought(Thought),
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
        let Some(counsel) = &self.counsel else { return };
        let Some(case) = self.cases.get_mut(id) else { return };
        let Some(diagnosis) = &case.incident.diagnosis else { return };
        let known = match diagnosis.source {
            DiagnosisSource::Runbook | DiagnosisSource::Model => true,
            DiagnosisSource::Local => has_plan && diagnosis.confidence >= SURE,
        };
        if known || case.model_asked || alerts.is_empty() {
            return;
        }
        case.model_asked = true;
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
            if !adviser.usable().await {
                return;
            }
            let thought = |thought| {
                let what = What::Thought(thought);
                // A full queue loses a line of the stream, never a conclusion.
                let _ = news.try_send(News { incident: incident.clone(), what });
            };
            let purpose = Purpose::Automatic;
            let (conclusion, spent) = investigate(&adviser, &tools, file, purpose, thought).await;
            let what = What::Concluded(Box::new(conclusion), spent);
            // Nobody listens only when the agent ends.
            let _ = news.send(News { incident, what }).await;
        });
    }

    /// Takes in what an investigation sends.
    pub(crate) async fn advised(&mut self, news: News) {
        let News { incident, what } = news;
        match what {
            What::Thought(thought) => self.think(&incident, thought.agent, "thought", thought.text),
            What::Concluded(conclusion, spent) => {
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

fn observations(alert: &Alert) -> Vec<Observation> {
    let said = alert.evidence.iter().map(|evidence| Observation {
        id: evidence.id.clone(),
        text: format!("{}: {}", alert.kind, evidence.text),
    });
    said.collect()
}
