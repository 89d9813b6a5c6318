//! What is refused to everyone about Kubernetes workloads: those of protected namespaces, those that are
//! not what was judged, and numbers of pods beyond the bounds.

use hale_model::sample::Source;
use hale_model::text::{printable, shorten};
use hale_model::workload::{WorkloadKind, WorkloadRef, is_kubernetes_name};

use super::GuardInput;
use super::names::glob;
use super::refusals::{Refusal, never, not_now, observed};

/// Why this does not name one workload: names go into addresses of the API.
pub(super) fn wrong_name(workload: &WorkloadRef) -> Option<String> {
    let right = is_kubernetes_name(&workload.namespace) && is_kubernetes_name(&workload.name);
    let shown = shorten(&printable(&workload.to_string()), 80);
    (!right).then(|| format!("`{shown}` is no name of a workload"))
}

/// Why it cannot have so many pods.
pub(super) fn wrong_scale(
    workload: &WorkloadRef,
    replicas: u32,
    input: &GuardInput<'_>,
) -> Option<String> {
    let bounds = &input.config.kubernetes;
    if workload.kind == WorkloadKind::DaemonSet {
        return Some("a DaemonSet has one pod a node: it cannot be scaled".to_owned());
    }
    let within = (bounds.min_replicas..=bounds.max_replicas).contains(&replicas);
    (!within).then(|| {
        format!(
            "{replicas} replicas are outside of [kubernetes] min_replicas = {} and max_replicas = {}",
            bounds.min_replicas, bounds.max_replicas
        )
    })
}

/// Everything that forbids to touch this workload.
pub(super) fn refusals(input: &GuardInput<'_>, target: &WorkloadRef, found: &mut Vec<Refusal>) {
    let config = &input.config.kubernetes;
    if !config.enabled {
        let text = "Kubernetes is not touched: [kubernetes] enabled = false".to_owned();
        found.push(never("guard.kubernetes_disabled", text));
        return;
    }
    let namespace = &target.namespace;
    if let Some(pattern) = config.protected_namespaces.iter().find(|p| glob(p, namespace)) {
        let text = format!(
            "{target}: its namespace matches `{pattern}` in [kubernetes] protected_namespaces"
        );
        found.push(never("guard.protected_namespace", text));
    }
    if !config.namespaces.is_empty() && !config.namespaces.contains(namespace) {
        let text = format!("{target}: its namespace is not in [kubernetes] namespaces");
        found.push(never("guard.protected_namespace", text));
    }
    if !observed(input, Source::Kubernetes, found) {
        return;
    }
    match input.snapshot.workload(target) {
        None => {
            let text = format!("{target} is not, or no longer, among those observed");
            found.push(not_now("guard.target_unobserved", text));
        }
        Some(now) if now.workload.uid != target.uid => {
            let text = format!("{target} was deleted and made anew since it was judged");
            found.push(never("guard.workload_changed", text));
        }
        Some(now) if now.workload.generation != target.generation => {
            let text = format!("{target} was changed since it was judged");
            found.push(never("guard.workload_changed", text));
        }
        Some(now) if now.paused => {
            let text = format!("a person holds the rollout of {target} (`kubectl rollout resume`)");
            found.push(not_now("guard.rollout_paused", text));
        }
        Some(_) => {}
    }
}
