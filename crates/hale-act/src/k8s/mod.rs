//! `k8s.rollout_restart`, `k8s.rollback`, `k8s.scale`: workloads of Kubernetes, through the API server.
//!
//! A workload is its uid, judged in one state of its specification (`metadata.generation`). A change
//! carries both as a test that the server makes in the same moment, so that whoever changes the
//! specification meanwhile wins over hale, and nothing is overwritten unseen. Whether it helped is for
//! verification to see.

mod api;

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::action::{Outcome, PreState, Undo};
use hale_model::workload::{WorkloadKind, WorkloadRef};
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::roots::KubeAccess;
use api::Api;

/// As `kubectl rollout restart` writes it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// Which revision of its template a Deployment or ReplicaSet is.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// What the controller adds to a ReplicaSet's template.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// Bytes of a template that is kept for undo.
const TEMPLATE_BYTES_MAX: usize = 512 * 1024;

/// What to do to a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    RolloutRestart,
    Rollback,
    Scale(u32),
}

impl Job {
    fn verb(self) -> &'static str {
        match self {
            Job::RolloutRestart => "restart the pods of",
            Job::Rollback => "roll back",
            Job::Scale(_) => "scale",
        }
    }
}

/// Which workload, and which state of its specification was judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub job: Job,
    pub workload: &'a WorkloadRef,
}

/// The workload as it is now.
struct Found {
    object: Value,
    uid: String,
    generation: i64,
}

impl Found {
    fn of(operation: &str, named: &WorkloadRef, object: Value) -> Result<Found, ActError> {
        let meta = &object["metadata"];
        let text = |field: &str| meta[field].as_str().map(str::to_owned);
        match (text("uid"), meta["generation"].as_i64()) {
            (Some(uid), Some(generation)) => Ok(Found { uid, generation, object }),
            _ => {
                let why = "the API server's answer has no uid or no generation";
                Err(ActError::failed(operation, named.to_string(), why))
            }
        }
    }

    fn replicas(&self) -> u32 {
        // Not given means one, as the server itself fills it in.
        self.object["spec"]["replicas"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
    }

    fn template(&self) -> &Value {
        &self.object["spec"]["template"]
    }

    fn revision(&self) -> Option<u64> {
        revision_of(&self.object)
    }
}

fn revision_of(object: &Value) -> Option<u64> {
    object["metadata"]["annotations"][REVISION].as_str()?.parse().ok()
}

pub(crate) async fn pre_state(access: &KubeAccess, target: &Target<'_>) -> Result<Value, ActError> {
    let (api, found) = look(access, target).await?;
    let to_revision = match target.job {
        Job::Rollback => Some(previous(&api, target, &found).await?.0),
        Job::RolloutRestart | Job::Scale(_) => None,
    };
    Ok(json!({
        "generation": found.generation,
        "replicas": found.replicas(),
        "revision": found.revision(),
        "to_revision": to_revision,
        "uid": found.uid,
        "workload": target.workload.key(),
    }))
}

/// The workload as it is now, if it is what was judged and can take such a job.
async fn look(access: &KubeAccess, target: &Target<'_>) -> Result<(Api, Found), ActError> {
    let api = Api::connect(access).await?;
    let verb = target.job.verb();
    let object = api.get(verb, target.workload).await?;
    let found = Found::of(verb, target.workload, object)?;
    check(target, &found)?;
    Ok((api, found))
}

fn check(target: &Target<'_>, found: &Found) -> Result<(), ActError> {
    let judged = target.workload;
    let changed = |what: String| Err(ActError::TargetChanged { target: judged.to_string(), what });
    if found.uid != judged.uid {
        return changed("it was deleted and made anew".to_owned());
    }
    if found.generation != judged.generation {
        let (now, then) = (found.generation, judged.generation);
        return changed(format!("its specification is state {now} and not {then}"));
    }
    let cannot = |why: &str| Err(ActError::failed(target.job.verb(), judged.to_string(), why));
    match (target.job, judged.kind) {
        (Job::Scale(_), WorkloadKind::DaemonSet) => cannot("it has one pod a node"),
        (Job::Rollback, WorkloadKind::StatefulSet | WorkloadKind::DaemonSet) => {
            cannot("only a Deployment keeps its earlier versions as ReplicaSets")
        }
        (Job::RolloutRestart | Job::Rollback, _)
            if found.object["spec"]["paused"].as_bool() == Some(true) =>
        {
            cannot("a person holds its rollout; `kubectl rollout resume` goes on")
        }
        (Job::RolloutRestart | Job::Rollback | Job::Scale(_), _) => Ok(()),
    }
}

/// The newest revision before the present one that is another version of it (a restart makes a revision
/// that differs by when it was alone), and its template without what the controller added.
async fn previous(api: &Api, target: &Target<'_>, found: &Found) -> Result<(u64, Value), ActError> {
    let verb = target.job.verb();
    let failed = |why: &str| ActError::failed(verb, target.workload.to_string(), why);
    let labels = &found.object["spec"]["selector"]["matchLabels"];
    let labels: BTreeMap<String, String> = serde_json::from_value(labels.clone())
        .map_err(|_| failed("its selector has no labels to find its ReplicaSets by"))?;
    let selector: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let all = api.replica_sets(verb, target.workload, &selector.join(",")).await?;
    let now = found.revision().ok_or_else(|| failed("it has no revision yet"))?;
    let present = version(found.template().clone());
    let (revision, mut set) = all
        .into_iter()
        .filter(|set| belongs_to(set, &found.uid))
        .filter_map(|set| revision_of(&set).map(|revision| (revision, set)))
        .filter(|(revision, set)| {
            *revision < now && version(set["spec"]["template"].clone()) != present
        })
        .max_by_key(|(revision, _)| *revision)
        .ok_or_else(|| failed("no earlier version of it is kept"))?;
    let template = without_hash(set["spec"]["template"].take());
    if !template["spec"].is_object() {
        return Err(failed("its earlier version has no template"));
    }
    Ok((revision, template))
}

/// A template without what the controller added.
fn without_hash(mut template: Value) -> Value {
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// What of a template makes a version: not when its pods were last restarted.
fn version(template: Value) -> Value {
    let mut template = without_hash(template);
    let Some(metadata) = template["metadata"].as_object_mut() else { return template };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(RESTARTED_AT);
    }
    // The server leaves out what is empty, and may write it as null.
    metadata.retain(|_, value| {
        !value.is_null() && !value.as_object().is_some_and(serde_json::Map::is_empty)
    });
    template
}

fn belongs_to(set: &Value, uid: &str) -> bool {
    let owners = set["metadata"]["ownerReferences"].as_array();
    owners.is_some_and(|owners| {
        owners.iter().any(|o| o["uid"].as_str() == Some(uid) && o["controller"] == json!(true))
    })
}

pub(crate) async fn apply(
    access: &KubeAccess,
    target: &Target<'_>,
    pre: &PreState,
) -> Result<Outcome, ActError> {
    let (api, found) = look(access, target).await?;
    let shown = target.workload.to_string();
    match target.job {
        Job::RolloutRestart => {
            let undo = template_undo(target.workload, &found)?;
            let mut template = found.template().clone();
            template["metadata"]["annotations"][RESTARTED_AT] = json!(Timestamp::now().to_string());
            let change = replace(&found, "/spec/template", &template);
            let after = send(&api, target, &change).await?;
            let detail = format!(
                "{shown}: its pods are being replaced (state {} of its specification)",
                after.generation
            );
            Ok(done(detail, with_generation(undo, after.generation)))
        }
        Job::Rollback => {
            let (revision, template) = previous(&api, target, &found).await?;
            if pre.facts["to_revision"].as_u64() != Some(revision) {
                let what = format!("its earlier version is {revision} by now");
                return Err(ActError::TargetChanged { target: shown, what });
            }
            let undo = template_undo(target.workload, &found)?;
            let after = send(&api, target, &replace(&found, "/spec/template", &template)).await?;
            let from = found.revision().map(|r| r.to_string()).unwrap_or_default();
            let detail = format!("{shown}: revision {from} gives way to what {revision} was");
            Ok(done(detail, with_generation(undo, after.generation)))
        }
        Job::Scale(replicas) => {
            let before = found.replicas();
            let after = set_replicas(&api, target, &found, replicas).await?;
            let workload = WorkloadRef { generation: after.generation, ..target.workload.clone() };
            let detail = format!("{shown}: {before} pods become {replicas}");
            Ok(done(detail, Undo::WorkloadReplicas { workload, replicas: before }))
        }
    }
}

fn done(detail: String, undo: Undo) -> Outcome {
    Outcome { done: true, exit: Some(200), detail, undo }
}

async fn send(api: &Api, target: &Target<'_>, change: &Value) -> Result<Found, ActError> {
    let verb = target.job.verb();
    let object = api.patch(verb, target.workload, change).await?;
    Found::of(verb, target.workload, object)
}

async fn set_replicas(
    api: &Api,
    target: &Target<'_>,
    found: &Found,
    replicas: u32,
) -> Result<Found, ActError> {
    send(api, target, &replace(found, "/spec/replicas", &json!(replicas))).await
}

/// One part of the specification anew, if nobody changed the specification since it was read: the server
/// tests that in the same moment. Its status may change meanwhile, as that of a failing rollout does.
fn replace(found: &Found, path: &str, value: &Value) -> Value {
    json!([
        { "op": "test", "path": "/metadata/uid", "value": found.uid },
        { "op": "test", "path": "/metadata/generation", "value": found.generation },
        { "op": "replace", "path": path, "value": value },
    ])
}

fn template_undo(workload: &WorkloadRef, found: &Found) -> Result<Undo, ActError> {
    let template = found.template().clone();
    if template.to_string().len() > TEMPLATE_BYTES_MAX {
        let why =
            format!("its template is over {TEMPLATE_BYTES_MAX} bytes: there would be no way back");
        return Err(ActError::failed("keep the template of", workload.to_string(), why));
    }
    Ok(Undo::WorkloadTemplate { workload: workload.clone(), template })
}

fn with_generation(undo: Undo, generation: i64) -> Undo {
    if let Undo::WorkloadTemplate { workload, template } = undo {
        return Undo::WorkloadTemplate {
            workload: WorkloadRef { generation, ..workload },
            template,
        };
    }
    undo
}

/// Gives the old template back, unless somebody changed the workload since.
pub(crate) async fn undo_template(
    access: &KubeAccess,
    workload: &WorkloadRef,
    template: &Value,
) -> Result<String, ActError> {
    let target = Target { job: Job::RolloutRestart, workload };
    let api = Api::connect(access).await?;
    let object = api.get("put back the template of", workload).await?;
    let found = Found::of("put back the template of", workload, object)?;
    if found.uid == workload.uid && found.template() == template {
        return Ok(format!("{workload} has its old template already"));
    }
    check(&target, &found)?;
    let after = send(&api, &target, &replace(&found, "/spec/template", template)).await?;
    Ok(format!("{workload} has its old template again (state {})", after.generation))
}

/// Gives the old number of pods back, unless somebody changed the workload since.
pub(crate) async fn undo_replicas(
    access: &KubeAccess,
    workload: &WorkloadRef,
    replicas: u32,
) -> Result<String, ActError> {
    let target = Target { job: Job::Scale(replicas), workload };
    let api = Api::connect(access).await?;
    let object = api.get("put back the number of pods of", workload).await?;
    let found = Found::of("put back the number of pods of", workload, object)?;
    if found.uid == workload.uid && found.replicas() == replicas {
        return Ok(format!("{workload} wants {replicas} pods already"));
    }
    check(&target, &found)?;
    set_replicas(&api, &target, &found, replicas).await?;
    Ok(format!("{workload} wants {replicas} pods again"))
}

/// What became of a change whose end was never written: its specification tells.
pub(crate) async fn reconcile(access: &KubeAccess, target: &Target<'_>) -> Reconciled {
    let api = match Api::connect(access).await {
        Ok(api) => api,
        Err(error) => return Reconciled::Unknown(error.to_string()),
    };
    let looked = api.get(target.job.verb(), target.workload).await;
    let found = looked.and_then(|object| Found::of(target.job.verb(), target.workload, object));
    let judged = target.workload;
    match found {
        Ok(now) if now.uid != judged.uid => {
            Reconciled::Unknown(format!("{judged} was deleted and made anew since"))
        }
        Ok(now) if now.generation == judged.generation => {
            Reconciled::NotDone(format!("the specification of {judged} is as it was"))
        }
        Ok(now) => match target.job {
            Job::Scale(replicas)
                if now.replicas() == replicas && now.generation == judged.generation + 1 =>
            {
                let why = "the number before is not known any more".to_owned();
                let detail = format!("{judged} wants {replicas} pods");
                Reconciled::Done(done(detail, Undo::None { why }))
            }
            Job::RolloutRestart | Job::Rollback | Job::Scale(_) => Reconciled::Unknown(format!(
                "{judged} has been changed since, and by whom cannot be told"
            )),
        },
        Err(error) => Reconciled::Unknown(error.to_string()),
    }
}
