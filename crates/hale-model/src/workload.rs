//! Kubernetes workloads, as their API server reports them: what keeps pods running, not the pods.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps pods running.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment
    Deployment,
    /// `apps/v1` StatefulSet
    StatefulSet,
    /// `apps/v1` DaemonSet
    DaemonSet,
}

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [WorkloadKind; 3] =
        [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];

    /// The API's name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
        }
    }

    /// The API's name of the collection: a part of its address.
    pub fn plural(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "deployments",
            WorkloadKind::StatefulSet => "statefulsets",
            WorkloadKind::DaemonSet => "daemonsets",
        }
    }

    /// By name, as people write it: `deployment`, `deploy`, `sts`, `ds`.
    pub fn parse(word: &str) -> Option<WorkloadKind> {
        match word.to_ascii_lowercase().as_str() {
            "deployment" | "deployments" | "deploy" => Some(WorkloadKind::Deployment),
            "statefulset" | "statefulsets" | "sts" => Some(WorkloadKind::StatefulSet),
            "daemonset" | "daemonsets" | "ds" => Some(WorkloadKind::DaemonSet),
            _ => None,
        }
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One workload, and which state of its specification was judged: a name may be given to another, and
/// a specification that somebody changed meanwhile is not what was judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadRef {
    /// Its namespace.
    pub namespace: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// Which state of its specification; counted up by the API server with every change.
    pub generation: i64,
}

impl WorkloadRef {
    /// `namespace/deployment/name`: the same as long as it is the same to people.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind.as_str().to_lowercase(), self.name)
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.as_str().to_lowercase(), self.namespace, self.name)
    }
}

/// Whether this may be a name in Kubernetes (RFC 1123): nothing else goes into an address.
pub fn is_kubernetes_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty()
        && name.len() <= 253
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
}

/// What to do about a connection to an API server that came to nothing, by the words of the TLS library.
pub fn connection_advice(words: &str) -> Option<&'static str> {
    words.contains("invalid peer certificate").then_some(
        "the API server did not prove that it is the one meant: check the address and the certificate \
         authority in the kubeconfig (or the pod's service account)",
    )
}

/// A workload at one instant, as measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Which, and which state of its specification.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// The state of the specification that its controller has seen.
    pub observed_generation: i64,
    /// Pods that are wanted.
    pub wanted: u32,
    /// Pods there are.
    pub existing: u32,
    /// Pods of the newest template.
    pub updated: u32,
    /// Pods that are ready.
    pub ready: u32,
    /// Pods that have been ready for long enough.
    pub available: u32,
    /// Whether a person holds its rollout.
    pub paused: bool,
    /// Why its rollout does not go on, in the controller's words.
    pub stuck: Option<String>,
    /// Which revision of its template.
    pub revision: Option<u64>,
    /// Images of its containers.
    pub images: Vec<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

impl Workload {
    /// Whether every wanted pod is there, of the newest template, and available.
    pub fn is_rolled_out(&self) -> bool {
        self.observed_generation >= self.workload.generation
            && self.stuck.is_none()
            && self.updated >= self.wanted
            && self.available >= self.wanted
            && self.existing <= self.updated
    }
}

/// Workloads of the namespaces that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSample {
    /// Sorted by namespace, kind and name.
    pub workloads: Vec<Workload>,
}
