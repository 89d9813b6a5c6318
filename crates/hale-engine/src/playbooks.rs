//! Playbooks in the loop and on request: how far an incident has climbed their ladders, what one of
//! them would do now, and a step of one that a person asked for. What they hold and how they are
//! matched is in hale-brain.

use std::collections::BTreeSet;

use hale_brain::decide;
use hale_brain::diagnose::{self, Climbed, DiagnoseInput};
use hale_brain::playbook::{Playbooks, Ready};
use hale_model::action::{ActionRecord, ActionState, Actor, Decision, Plan, PlanStep};
use hale_model::alert::{Alert, AlertState, Evidence, Severity, Subject};
use hale_model::api::{ApiError, ErrorKind, View};
use hale_model::ids::Fingerprint;
use hale_model::incident::{Incident, IncidentState};
use hale_model::playbook::{
    EscalationCall, OnFailure, PlaybookTrial, PlaybookUse, TriedRung, TriedStep,
};
use hale_model::sample::Source;
use hale_model::snapshot::Snapshot;
use hale_model::{AlertId, EvidenceId, IncidentId, PlanId, ProcRef, Timestamp};

use crate::commands::not_found;
use crate::core::{Core, Reply};
use crate::desk::Desk;
use crate::flow::{Asked, History, verdict};
use crate::telemetry::store_error;

type Result<T> = std::result::Result<T, ApiError>;

/// Reads and checks one playbook, for `hale playbooks check`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(
    file: &str,
    text: &str,
) -> std::result::Result<Ready, Vec<hale_model::playbook::PlaybookProblem>> {
    hale_brain::playbook::check(file, text)
}

impl Core {
    /// The rungs that were proposed for an incident so far.
    pub(crate) fn climbed(&self, id: &IncidentId, past: &[ActionRecord]) -> Vec<Climbed> {
        let mut plans: Vec<&PlanId> = past.iter().filter_map(|r| r.plan_id.as_ref()).collect();
        plans.sort();
        plans.dedup();
        let in_hand = self.cases.get(id).and_then(|case| case.plan.as_ref()).map(|plan| &plan.id);
        let mut climbed = Vec::new();
        for plan_id in plans {
            let plan = match self.state.plan(plan_id) {
                Ok(plan) => plan,
                Err(error) => {
                    self.warn("state", store_error(error).message);
                    continue;
                }
            };
            let Some(usage) = plan.and_then(|plan| plan.playbook) else { continue };
            let steps: Vec<&ActionRecord> =
                past.iter().filter(|r| r.plan_id.as_ref() == Some(plan_id)).collect();
            if steps.iter().all(|record| never_began(record)) {
                continue;
            }
            let ended = in_hand != Some(plan_id) && steps.iter().any(|record| was_done(record));
            climbed.push(Climbed { usage, ended, did_not_hold: false });
        }
        climbed.extend(self.climbed_in_vain(id));
        climbed
    }

    /// Rungs that cured the same trouble a moment ago, for an incident that is over: it is back, so that
    /// the ladder goes on where it was left.
    fn climbed_in_vain(&self, id: &IncidentId) -> Vec<Climbed> {
        let Some(case) = self.cases.get(id) else { return Vec::new() };
        let alerts = self.alerts_of(case);
        let now = Timestamp::now();
        let recent = self.done_in_last_hour();
        let fingerprint_of = |alert: &AlertId| match self.book.get(alert) {
            Some(alert) => Some(alert.fingerprint.clone()),
            None => self.state.alert(alert.as_str()).ok().flatten().map(|alert| alert.fingerprint),
        };
        let relapse_secs = self.settings.config.autonomy.relapse_secs;
        let same_trouble = |record: &ActionRecord| {
            let of_another = record.incident_id.as_ref() != Some(id);
            of_another && decide::is_recent_cure(record, now, relapse_secs) && {
                let treated = record.alert_id.as_ref().and_then(fingerprint_of);
                alerts.iter().any(|alert| treated.as_ref() == Some(&alert.fingerprint))
            }
        };
        let plans: BTreeSet<&PlanId> = recent
            .iter()
            .filter(|record| same_trouble(record))
            .filter_map(|record| record.plan_id.as_ref())
            .collect();
        let usage = |plan: &PlanId| self.state.plan(plan).ok().flatten()?.playbook;
        let climbed = |usage| Climbed { usage, ended: true, did_not_hold: true };
        plans.into_iter().filter_map(usage).map(climbed).collect()
    }

    /// Oldest first. The guard reads it once more, and refuses where it cannot be read.
    pub(crate) fn done_in_last_hour(&self) -> Vec<ActionRecord> {
        let hour_ago = Timestamp::now() - std::time::Duration::from_secs(3600);
        self.state.actions_since(hour_ago).unwrap_or_else(|error| {
            self.warn("state", store_error(error).message);
            Vec::new()
        })
    }

    /// Whether what is done stays where it did not help, because its playbook says so.
    pub(crate) fn keeps_what_failed(&self, incident: Option<&IncidentId>) -> bool {
        incident
            .and_then(|id| self.cases.get(id))
            .and_then(|case| case.plan.as_ref())
            .and_then(|plan| plan.playbook.as_ref())
            .is_some_and(|usage| usage.on_failure == OnFailure::Keep)
    }

    /// A step of a playbook that a person asked for: judged as any wish of theirs, verified as the
    /// playbook says beside what the action must show by itself.
    pub(crate) async fn step_for(
        &mut self,
        step: PlanStep,
        alert: Option<AlertId>,
        actor: &Actor,
        confirmed_critical: bool,
        reply: Reply,
    ) {
        let about = match alert.map(|id| self.stored_alert(&id)).transpose() {
            Ok(about) => about,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        self.act_on(step, about.as_ref(), actor, confirmed_critical, reply).await;
    }
}

/// Whether a plan is a rung that was proposed before.
pub(crate) fn was_proposed(usage: &PlaybookUse, climbed: &[Climbed]) -> bool {
    climbed.iter().any(|c| c.usage.name == usage.name && c.usage.rung == usage.rung)
}

/// The guard had allowed it, but the world had changed before it began: it may be proposed again.
fn never_began(record: &ActionRecord) -> bool {
    record.state == ActionState::Refused && record.verdict.decision == Decision::Allow
}

fn was_done(record: &ActionRecord) -> bool {
    match record.state {
        ActionState::Succeeded
        | ActionState::Failed
        | ActionState::Undone
        | ActionState::Unknown => true,
        // What a person or the guard refused is not followed by something stronger.
        ActionState::Refused
        | ActionState::Planned
        | ActionState::AwaitingApproval
        | ActionState::Intended
        | ActionState::Running => false,
    }
}

/// Why a person is called: what failed last, and what the playbook says.
pub(crate) fn called(call: &EscalationCall, tried_in_vain: Option<&str>) -> String {
    match tried_in_vain {
        Some(why) => format!("{why}; {}", call.text()),
        None => call.text(),
    }
}

/// The line of the timeline with which a rung is begun.
pub(crate) fn line(plan: &Plan) -> Option<String> {
    plan.playbook.as_ref().map(ToString::to_string)
}

impl Desk {
    fn playbooks(&self) -> &Playbooks {
        self.playbooks.get_or_init(|| Playbooks::with_own(&self.settings.user_playbooks))
    }

    pub(crate) fn list_playbooks(&self) -> View {
        View::Playbooks(Box::new(self.playbooks().view()))
    }

    fn ready(&self, name: &str) -> Result<&Ready> {
        let playbooks = self.playbooks();
        playbooks.by_name(name).ok_or_else(|| {
            let error = not_found("playbook", name, "hale playbooks list");
            match playbooks.nearest(name) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    pub(crate) fn playbook(&self, name: &str) -> Result<View> {
        Ok(View::Playbook(Box::new(self.ready(name)?.view())))
    }

    /// What a playbook would do now. Nothing is done or recorded.
    pub(crate) fn try_playbook(
        &self,
        name: &str,
        alert: Option<&AlertId>,
        target: Option<&str>,
    ) -> Result<View> {
        let ready = self.ready(name)?;
        let snapshot = self.snapshot()?;
        let (alert, known) = self.what_about(ready, alert, target, &snapshot)?;
        let (incident, alerts) = (incident_of(&alert), [alert.clone()]);
        let lessons = self.read_or(Vec::new(), hale_store::State::lessons)?;
        let input = DiagnoseInput {
            now: Timestamp::now(),
            incident: &incident,
            alerts: &alerts,
            snapshot: &snapshot,
            config: &self.settings.config,
            lessons: &lessons,
            tried: &[],
            plays: None,
        };
        let tried = diagnose::try_playbook(&input, ready, &alert);
        let rungs = tried.rungs.into_iter().map(|(rung, steps)| match steps {
            Ok(steps) => TriedRung {
                rung,
                steps: steps.into_iter().map(|s| self.judged(s, &alert, &snapshot)).collect(),
                not_because: None,
            },
            Err(why) => TriedRung { rung, steps: Vec::new(), not_because: Some(why) },
        });
        Ok(View::PlaybookTrial(Box::new(PlaybookTrial {
            name: ready.playbook.name.clone(),
            version: ready.playbook.version,
            alert_id: known.then(|| alert.id.to_string()),
            subject: alert.subject.to_string(),
            applies: ready.playbook.enabled
                && tried.conditions.iter().all(|condition| condition.holds == Some(true)),
            conditions: tried.conditions,
            cause: tried.cause,
            rungs: rungs.collect(),
            tell: ready.playbook.escalation.tell.clone(),
        })))
    }

    /// The step with what the guard says to it when the loop itself asks.
    fn judged(&self, step: PlanStep, alert: &Alert, snapshot: &Snapshot) -> TriedStep {
        let asked = Asked {
            action: &step.action,
            alert_kind: Some(&alert.kind),
            actor: &Actor::Hale,
            approved: false,
            confirmed_critical: false,
        };
        let history = self.read_or(History::default(), History::read);
        let verdict = verdict(history, &self.settings.config, snapshot, &asked);
        TriedStep { step, verdict }
    }

    /// The alert that a playbook is held against: the one that was named, the newest open one of its
    /// kinds, or, for a target that a person named, one that says just that.
    fn what_about(
        &self,
        ready: &Ready,
        alert: Option<&AlertId>,
        target: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<(Alert, bool)> {
        if let Some(id) = alert {
            return Ok((self.alert(id.as_str())?, true));
        }
        if let Some(target) = target {
            return Ok((as_if(ready, subject_of(target, snapshot)?, snapshot), false));
        }
        let open = self.alerts(&[AlertState::Open, AlertState::Acknowledged], 0)?;
        let kinds = &ready.playbook.trigger.alerts;
        open.into_iter().find(|alert| kinds.contains(&alert.kind)).map(|a| (a, true)).ok_or_else(
            || {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                let what = format!("no alert of its kinds is open ({})", kinds.join(", "));
                ApiError::new(ErrorKind::NotFound, what)
                    .hint("name what it is about: --target unit:NAME, container:NAME, mount:PATH, pid:PID")
            },
        )
    }
}

/// What a person named: `machine`, `unit:nginx.service`, `container:web`, `mount:/var`, `pid:12`,
/// `service:checkout`, `workload:shop/deployment/web`.
fn subject_of(target: &str, snapshot: &Snapshot) -> Result<Subject> {
    let missing = |what: String| ApiError::new(ErrorKind::NotFound, what);
    let (kind, name) = target.split_once(':').unwrap_or((target, ""));
    match kind {
        "machine" => Ok(Subject::Machine),
        "unit" => snapshot
            .unit(name)
            .map(|unit| Subject::Unit { unit: unit.unit.clone() })
            .ok_or_else(|| missing(format!("the unit `{name}` is not loaded"))),
        "mount" => snapshot
            .mount(name)
            .map(|mount| Subject::Mount { mount_point: mount.mount_point.clone() })
            .ok_or_else(|| missing(format!("nothing is mounted at `{name}`"))),
        "container" => snapshot
            .container("", name)
            .map(|c| Subject::Container { id: c.stat.id.clone(), name: c.stat.name.clone() })
            .ok_or_else(|| missing(format!("there is no container `{name}`"))),
        "pid" => process_of(name, snapshot)
            .map(|process| Subject::Process { process })
            .ok_or_else(|| missing(format!("there is no process `{name}`"))),
        "service" if !name.is_empty() => Ok(Subject::Service { service: name.to_owned() }),
        "workload" => workload_of(name).ok_or_else(|| {
            ApiError::new(ErrorKind::Usage, format!("`{name}` names no workload"))
                .hint("workload:NAMESPACE/deployment/NAME")
        }),
        _ => Err(ApiError::new(ErrorKind::Usage, format!("`{target}` names no target")).hint(
            "machine, unit:NAME, container:NAME, mount:PATH, pid:PID, service:NAME or \
             workload:NAMESPACE/deployment/NAME",
        )),
    }
}

fn process_of(pid: &str, snapshot: &Snapshot) -> Option<ProcRef> {
    snapshot.process(pid.parse().ok()?).map(|process| process.proc_ref())
}

fn workload_of(name: &str) -> Option<Subject> {
    let mut parts = name.split('/');
    let (namespace, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = match kind {
        "deployment" => "Deployment",
        "statefulset" => "StatefulSet",
        "daemonset" => "DaemonSet",
        _ => return None,
    };
    let owned = |text: &str| text.to_owned();
    (parts.next().is_none() && !name.is_empty()).then(|| Subject::Workload {
        namespace: owned(namespace),
        kind: owned(kind),
        name: owned(name),
    })
}

/// An alert as it would be, were there one about this.
fn as_if(ready: &Ready, subject: Subject, snapshot: &Snapshot) -> Alert {
    let now = Timestamp::now();
    let kind = ready.playbook.trigger.alerts.first().cloned();
    let kind = kind.unwrap_or(hale_model::alert::AlertKind::MetricAnomaly);
    let machine = &snapshot.machine_id;
    let fingerprint = Fingerprint::of(machine, kind.as_str(), &subject.key());
    let summary = format!("a person chose {subject}");
    Alert {
        id: AlertId::of(&fingerprint, now),
        machine_id: machine.clone(),
        severity: ready.playbook.trigger.severity.unwrap_or(Severity::High),
        state: AlertState::Open,
        vars: std::collections::BTreeMap::new(),
        evidence: vec![Evidence {
            id: EvidenceId::of(machine, &subject.key(), kind.as_str(), now),
            source: Source::Process,
            observed_at: now,
            text: summary.clone(),
            value: None,
            unit: None,
        }],
        suggested_actions: Vec::new(),
        first_seen_at: now,
        last_seen_at: now,
        closed_at: None,
        close_reason: None,
        flaps: 0,
        incident_id: None,
        summary,
        fingerprint,
        kind,
        subject,
    }
}

/// The incident that such an alert would be.
fn incident_of(alert: &Alert) -> Incident {
    Incident {
        id: alert.incident_id.clone().unwrap_or_else(|| IncidentId(alert.id.to_string())),
        external_ids: Vec::new(),
        title: alert.summary.clone(),
        state: IncidentState::Open,
        severity: alert.severity,
        machine_id: alert.machine_id.clone(),
        opened_at: alert.first_seen_at,
        closed_at: None,
        alerts: vec![alert.id.clone()],
        diagnosis: None,
    }
}
