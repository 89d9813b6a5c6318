//! `[kubernetes]`: which cluster hale may look at and touch, and within what bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[kubernetes]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether a cluster is asked at all.
    pub enabled: bool,
    /// The kubeconfig file; empty: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod hale runs in.
    pub kubeconfig: String,
    /// The context within it; empty: its current one.
    pub context: String,
    /// Namespaces that are watched and may be touched; empty: all that the account may list.
    pub namespaces: Vec<String>,
    /// Namespaces that are never touched, in shell patterns.
    pub protected_namespaces: Vec<String>,
    /// `k8s.scale` goes no lower.
    #[schemars(range(max = 10_000))]
    pub min_replicas: u32,
    /// `k8s.scale` goes no higher.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_replicas: u32,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Kubernetes {
            enabled: false,
            kubeconfig: String::new(),
            context: String::new(),
            namespaces: Vec::new(),
            protected_namespaces: vec!["kube-*".to_owned()],
            min_replicas: 1,
            max_replicas: 10,
        }
    }
}
