//! Kubernetes workloads, listed from the API server: what is wanted, what is there, whether a rollout goes
//! on. Reads only; pods, nodes and events are not read.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hale_model::text::{printable, shorten};
use hale_model::workload::{
    Workload, WorkloadKind, WorkloadRef, WorkloadSample, connection_advice, is_kubernetes_name,
};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use super::read::ReadError;
use super::worker::{Moment, Reading};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const LIST_TIMEOUT: Duration = Duration::from_secs(4);
/// Workloads of one kind that one answer may hold.
const LIST_MAX: u32 = 500;
/// Bytes of one answer.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Namespaces that are asked one by one.
const NAMESPACES_MAX: usize = 50;
const IMAGES_MAX: usize = 20;
const WORDS_BYTES_MAX: usize = 300;
/// After a failure the server is left alone for a while, each time for longer.
const PAUSE_SECS_MAX: u64 = 60;
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Which cluster is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeAccess {
    /// As a kubeconfig says.
    Configured {
        /// The file; empty: wherever it usually is, or the service account of the pod hale runs in.
        kubeconfig: String,
        /// The context within it; empty: its current one.
        context: String,
        /// Only these namespaces; empty: all.
        namespaces: Vec<String>,
    },
    /// None.
    Disabled,
}

impl KubeAccess {
    /// As `[kubernetes]` says.
    pub fn configured(config: &hale_model::config::Kubernetes) -> KubeAccess {
        if !config.enabled {
            return KubeAccess::Disabled;
        }
        KubeAccess::Configured {
            kubeconfig: config.kubeconfig.clone(),
            context: config.context.clone(),
            namespaces: config.namespaces.clone(),
        }
    }
}

pub(super) struct KubernetesCollector {
    access: KubeAccess,
    client: Option<Client>,
    failures: u32,
    retry_due_ns: u64,
    last_error: String,
}

impl KubernetesCollector {
    pub(super) fn new(access: KubeAccess) -> KubernetesCollector {
        KubernetesCollector {
            access,
            client: None,
            failures: 0,
            retry_due_ns: 0,
            last_error: String::new(),
        }
    }

    pub(super) async fn collect(&mut self, moment: Moment) -> Reading<WorkloadSample> {
        let started = Instant::now();
        let KubeAccess::Configured { kubeconfig, context, namespaces } = self.access.clone() else {
            let mut reading = Reading::of(WorkloadSample::default());
            reading.absent = true;
            return reading;
        };
        if self.failures > 0 && moment.boottime_ns < self.retry_due_ns {
            return Reading::failed(ReadError::Other(self.last_error.clone()));
        }
        let listed = self.list(&kubeconfig, &context, &namespaces).await;
        let mut reading = match listed {
            Ok((sample, more)) => {
                self.failures = 0;
                let mut reading = Reading::of(sample);
                if more {
                    reading.note(format!("there are over {LIST_MAX} workloads of a kind"));
                }
                reading
            }
            Err(why) => {
                self.client = None;
                self.failures = self.failures.saturating_add(1);
                let pause_secs = (1 << self.failures.min(6)).min(PAUSE_SECS_MAX);
                self.retry_due_ns = moment.boottime_ns.saturating_add(pause_secs * NANOS_PER_SEC);
                self.last_error = shorten(&printable(&why), WORDS_BYTES_MAX);
                if let Some(advice) = connection_advice(&why) {
                    self.last_error = format!("{}; {advice}", self.last_error);
                }
                Reading::failed(ReadError::Other(self.last_error.clone()))
            }
        };
        reading.took_us = started.elapsed().as_micros() as u64;
        reading
    }

    /// The workloads, and whether there are more than were read.
    async fn list(
        &mut self,
        kubeconfig: &str,
        context: &str,
        namespaces: &[String],
    ) -> Result<(WorkloadSample, bool), String> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect(kubeconfig, context).await?).clone(),
        };
        let places: Vec<String> = if namespaces.is_empty() {
            vec![String::new()]
        } else {
            let named = namespaces.iter().filter(|n| is_kubernetes_name(n)).take(NAMESPACES_MAX);
            named.map(|n| format!("/namespaces/{n}")).collect()
        };
        let mut workloads = Vec::new();
        let mut more = false;
        for kind in WorkloadKind::ALL {
            for place in &places {
                // Version 0: what the server has at hand, without asking its store.
                let path = format!(
                    "/apis/apps/v1{place}/{}?limit={LIST_MAX}&resourceVersion=0",
                    kind.plural()
                );
                let list = ask(&client, &path)
                    .await
                    .map_err(|e| format!("list {}: {e}", kind.plural()))?;
                more |= list["metadata"]["continue"].as_str().is_some_and(|c| !c.is_empty());
                let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                workloads.extend(items.iter().filter_map(|item| workload(kind, item)));
            }
        }
        workloads.sort_by(|a, b| {
            let key = |w: &Workload| {
                (w.workload.namespace.clone(), w.workload.kind, w.workload.name.clone())
            };
            key(a).cmp(&key(b))
        });
        Ok((WorkloadSample { workloads }, more))
    }
}

async fn connect(kubeconfig: &str, context: &str) -> Result<Client, String> {
    let options = KubeConfigOptions {
        context: (!context.is_empty()).then(|| context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let config = if !kubeconfig.is_empty() {
        let read = Kubeconfig::read_from(PathBuf::from(kubeconfig)).map_err(|e| chain(&e))?;
        Config::from_custom_kubeconfig(read, &options).await.map_err(|e| chain(&e))
    } else if !context.is_empty() {
        Config::from_kubeconfig(&options).await.map_err(|e| chain(&e))
    } else {
        Config::infer().await.map_err(|e| chain(&e))
    };
    let mut config = config?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(LIST_TIMEOUT);
    config.write_timeout = Some(LIST_TIMEOUT);
    Client::try_from(config).map_err(|e| chain(&e))
}

async fn ask(client: &Client, path: &str) -> Result<Value, String> {
    let request = Request::get(path).body(Vec::new()).map_err(|e| e.to_string())?;
    let answer = tokio::time::timeout(LIST_TIMEOUT, client.request_text(request)).await;
    let text = answer
        .map_err(|_| format!("no answer within {} s", LIST_TIMEOUT.as_secs()))?
        .map_err(|e| chain(&e))?;
    if text.len() > LIST_BYTES_MAX {
        return Err(format!("the answer is over {LIST_BYTES_MAX} bytes"));
    }
    serde_json::from_str(&text).map_err(|e| format!("the answer is no JSON: {e}"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

/// One object of a list; none if it is not what its list says.
pub(super) fn workload(kind: WorkloadKind, object: &Value) -> Option<Workload> {
    let (meta, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
    let text = |of: &Value| of.as_str().map(str::to_owned);
    let count = |of: &Value| of.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let named = WorkloadRef {
        namespace: text(&meta["namespace"])?,
        kind,
        name: text(&meta["name"])?,
        uid: text(&meta["uid"])?,
        generation: meta["generation"].as_i64()?,
    };
    let (wanted, existing, updated, ready, available) = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => (
            spec["replicas"].as_u64().map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX)),
            count(&status["replicas"]),
            count(&status["updatedReplicas"]),
            count(&status["readyReplicas"]),
            count(&status["availableReplicas"]),
        ),
        WorkloadKind::DaemonSet => (
            count(&status["desiredNumberScheduled"]),
            count(&status["currentNumberScheduled"]),
            count(&status["updatedNumberScheduled"]),
            count(&status["numberReady"]),
            count(&status["numberAvailable"]),
        ),
    };
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stuck = conditions.iter().find(|c| {
        c["type"] == "Progressing" && c["status"] == "False"
            || c["type"] == "ReplicaFailure" && c["status"] == "True"
    });
    let words = |c: &Value| {
        let (reason, message) = (c["reason"].as_str()?, c["message"].as_str().unwrap_or_default());
        Some(shorten(&printable(&format!("{reason}: {message}")), WORDS_BYTES_MAX))
    };
    let containers = spec["template"]["spec"]["containers"].as_array();
    let images = containers.into_iter().flatten().filter_map(|c| text(&c["image"]));
    Some(Workload {
        observed_generation: status["observedGeneration"].as_i64().unwrap_or(0),
        wanted,
        existing,
        updated,
        ready,
        available,
        paused: spec["paused"].as_bool() == Some(true),
        stuck: stuck.and_then(words),
        revision: meta["annotations"]["deployment.kubernetes.io/revision"]
            .as_str()
            .and_then(|r| r.parse().ok()),
        images: images.take(IMAGES_MAX).collect(),
        created_at: meta["creationTimestamp"].as_str().and_then(|at| at.parse().ok()),
        workload: named,
    })
}
