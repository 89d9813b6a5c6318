//! `k8s.rollout_restart`, `k8s.rollback`, `k8s.scale` against an API server that keeps versions, generations
//! and ReplicaSets as the real one does.

use hale_act::{ActError, ActRoots, Actuator, KubeAccess, Reconciled};
use hale_model::ActionId;
use hale_model::action::{Action, Outcome, Undo};
use hale_model::workload::{WorkloadKind, WorkloadRef};
use hale_testkit::kube_server::KubeServer;
use serde_json::json;

use crate::support::World;

pub struct Bed {
    pub server: KubeServer,
    pub actuator: Actuator,
    _world: World,
}

pub fn bed() -> Bed {
    let world = World::new();
    let server = KubeServer::start().unwrap();
    let path = world.dir.path().join("kubeconfig");
    server.write_kubeconfig(&path).unwrap();
    let kubernetes =
        KubeAccess::Configured { kubeconfig: path.display().to_string(), context: String::new() };
    let actuator = Actuator::new(ActRoots { kubernetes, ..world.roots.clone() });
    server.deploy("shop", "web", 3, "web:1");
    Bed { server, actuator, _world: world }
}

impl Bed {
    pub fn web(&self) -> WorkloadRef {
        self.named("web")
    }

    fn named(&self, name: &str) -> WorkloadRef {
        let object = self.server.object("shop", name);
        WorkloadRef {
            namespace: "shop".to_owned(),
            kind: WorkloadKind::Deployment,
            name: name.to_owned(),
            uid: object["metadata"]["uid"].as_str().unwrap().to_owned(),
            generation: object["metadata"]["generation"].as_i64().unwrap(),
        }
    }

    async fn act(&self, action: &Action) -> Result<Outcome, ActError> {
        let pre = self.actuator.pre_state(action).await?;
        self.actuator.apply(&ActionId::of("k8s", 0), action, &pre).await
    }

    async fn undo(&self, undo: &Undo) -> Result<String, ActError> {
        self.actuator.undo(&ActionId::of("k8s", 0), undo).await
    }
}

#[tokio::test]
async fn a_restart_replaces_the_template_and_can_be_put_back() {
    let bed = bed();
    let before = bed.server.object("shop", "web")["spec"].clone();
    let outcome = bed.act(&Action::K8sRolloutRestart { workload: bed.web() }).await.unwrap();
    let after = bed.server.object("shop", "web");
    let annotations = &after["spec"]["template"]["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{after}");
    assert_eq!(after["metadata"]["generation"], json!(2));
    assert_eq!(after["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert!(outcome.done && outcome.detail.contains("state 2"), "{}", outcome.detail);
    bed.undo(&outcome.undo).await.unwrap();
    assert_eq!(bed.server.object("shop", "web")["spec"], before, "exactly as it was");
    let again = bed.undo(&outcome.undo).await.unwrap();
    assert!(again.contains("already"), "{again}");
}

#[tokio::test]
async fn a_rollback_brings_the_previous_replica_sets_template_and_undo_the_present_one() {
    let bed = bed();
    bed.server.set_image("shop", "web", "web:2-broken");
    let outcome = bed.act(&Action::K8sRollback { workload: bed.web() }).await.unwrap();
    assert_eq!(bed.server.image("shop", "web"), "web:1");
    let object = bed.server.object("shop", "web");
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    assert_eq!(*labels, json!({ "app": "web" }), "without what the controller added");
    assert_eq!(object["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    bed.undo(&outcome.undo).await.unwrap();
    assert_eq!(bed.server.image("shop", "web"), "web:2-broken");
}

#[tokio::test]
async fn a_rollback_passes_over_restarts_of_the_present_version() {
    let bed = bed();
    bed.server.set_image("shop", "web", "web:2-broken");
    let restart = bed.act(&Action::K8sRolloutRestart { workload: bed.web() }).await.unwrap();
    let put_back = async |bed: &Bed| {
        let outcome = bed.act(&Action::K8sRollback { workload: bed.web() }).await.unwrap();
        assert_eq!(bed.server.image("shop", "web"), "web:1", "{}", outcome.detail);
        bed.undo(&outcome.undo).await.unwrap();
        assert_eq!(bed.server.image("shop", "web"), "web:2-broken");
    };
    put_back(&bed).await;
    // The same after the restart itself was put back: its revision is older than the present one then.
    let template = bed.server.object("shop", "web")["spec"]["template"].clone();
    let undo = Undo::WorkloadTemplate { workload: bed.web(), template: before(&restart.undo) };
    bed.undo(&undo).await.unwrap();
    assert_ne!(bed.server.object("shop", "web")["spec"]["template"], template);
    put_back(&bed).await;

    // Where restarts are all there was, nothing can come back.
    bed.server.deploy("shop", "cart", 1, "cart:1");
    bed.act(&Action::K8sRolloutRestart { workload: bed.named("cart") }).await.unwrap();
    let rollback = Action::K8sRollback { workload: bed.named("cart") };
    let none = bed.act(&rollback).await.unwrap_err();
    assert!(none.to_string().contains("no earlier version of it is kept"), "{none}");
}

fn before(undo: &Undo) -> serde_json::Value {
    let Undo::WorkloadTemplate { template, .. } = undo else { panic!("{undo:?}") };
    template.clone()
}

#[tokio::test]
async fn a_scale_changes_the_number_and_nothing_else() {
    let bed = bed();
    let template = bed.server.object("shop", "web")["spec"]["template"].clone();
    let action = Action::K8sScale { workload: bed.web(), replicas: 5 };
    let outcome = bed.act(&action).await.unwrap();
    let after = bed.server.object("shop", "web");
    assert_eq!(after["spec"]["replicas"], json!(5));
    assert_eq!(after["spec"]["template"], template);
    assert_eq!(outcome.detail, "deployment shop/web: 3 pods become 5");
    bed.undo(&outcome.undo).await.unwrap();
    assert_eq!(bed.server.object("shop", "web")["spec"]["replicas"], json!(3));
}

#[tokio::test]
async fn what_was_changed_since_it_was_judged_is_left_alone() {
    let bed = bed();
    let judged = bed.web();
    let action = Action::K8sScale { workload: judged.clone(), replicas: 5 };
    let pre = bed.actuator.pre_state(&action).await.unwrap();
    bed.server.set_image("shop", "web", "web:2");
    let error = bed.actuator.apply(&ActionId::of("k8s", 0), &action, &pre).await.unwrap_err();
    assert!(matches!(error, ActError::TargetChanged { .. }), "{error}");

    // Between the look and the change: the server says so, by the version.
    let action = Action::K8sScale { workload: bed.web(), replicas: 5 };
    let pre = bed.actuator.pre_state(&action).await.unwrap();
    bed.server.change_underfoot();
    let error = bed.actuator.apply(&ActionId::of("k8s", 0), &action, &pre).await.unwrap_err();
    assert!(matches!(error, ActError::TargetChanged { .. }), "{error}");
    bed.server.change_underfoot();
    let restart = Action::K8sRolloutRestart { workload: bed.web() };
    assert!(matches!(bed.act(&restart).await, Err(ActError::TargetChanged { .. })));
    bed.server.change_underfoot();
    let rollback = Action::K8sRollback { workload: bed.web() };
    assert!(matches!(bed.act(&rollback).await, Err(ActError::TargetChanged { .. })));
    assert_eq!(bed.server.object("shop", "web")["spec"]["replicas"], json!(3));
    assert_eq!(bed.server.image("shop", "web"), "web:2");

    // Another of the same name.
    let judged = bed.web();
    bed.server.make_anew("shop", "web");
    let anew = WorkloadRef { generation: 1, ..judged };
    let error = bed.act(&Action::K8sRolloutRestart { workload: anew }).await.unwrap_err();
    assert!(error.to_string().contains("deleted and made anew"), "{error}");
}

#[tokio::test]
async fn an_undo_does_not_overwrite_what_somebody_did_since() {
    let bed = bed();
    let action = Action::K8sScale { workload: bed.web(), replicas: 5 };
    let outcome = bed.act(&action).await.unwrap();
    bed.server.set_image("shop", "web", "web:9");
    let error = bed.undo(&outcome.undo).await.unwrap_err();
    assert!(matches!(error, ActError::TargetChanged { .. }), "{error}");
    assert_eq!(bed.server.object("shop", "web")["spec"]["replicas"], json!(5));
}

#[tokio::test]
async fn refusals_name_the_workload_and_the_next_step() {
    let bed = bed();
    let nowhere = WorkloadRef { name: "nowhere".to_owned(), ..bed.web() };
    let gone = bed.act(&Action::K8sRolloutRestart { workload: nowhere }).await.unwrap_err();
    assert!(matches!(gone, ActError::TargetGone { .. }), "{gone}");
    let first = bed.act(&Action::K8sRollback { workload: bed.web() }).await.unwrap_err();
    assert!(first.to_string().contains("no earlier version of it is kept"), "{first}");
    let daemon = WorkloadRef { kind: WorkloadKind::DaemonSet, ..bed.web() };
    let kind = bed.act(&Action::K8sScale { workload: daemon, replicas: 2 }).await.unwrap_err();
    assert!(matches!(kind, ActError::TargetGone { .. }), "{kind}");
    bed.server.forbid("patch", "deployments");
    let forbidden = bed.act(&Action::K8sRolloutRestart { workload: bed.web() }).await.unwrap_err();
    let text = forbidden.to_string();
    assert!(matches!(forbidden, ActError::PermissionDenied { .. }), "{text}");
    assert!(text.contains("deployment shop/web") && text.contains("RBAC"), "{text}");
}

#[tokio::test]
async fn names_that_are_none_never_reach_the_server() {
    let bed = bed();
    let before = bed.server.requests().len();
    for name in ["../../secrets/x", "a b", "web?watch=1", "", "UPPER", "a%2fb", "..", "x\n"] {
        let workload = WorkloadRef { name: name.to_owned(), ..bed.web() };
        assert!(bed.act(&Action::K8sRolloutRestart { workload }).await.is_err(), "{name:?}");
        let workload = WorkloadRef { namespace: name.to_owned(), ..bed.web() };
        let action = Action::K8sScale { workload, replicas: 2 };
        assert!(bed.act(&action).await.is_err(), "{name:?}");
    }
    assert_eq!(bed.server.requests().len(), before);
}

#[tokio::test]
async fn after_a_crash_the_specification_tells_what_became_of_it() {
    let bed = bed();
    let id = ActionId::of("k8s", 0);
    let action = Action::K8sScale { workload: bed.web(), replicas: 5 };
    let pre = bed.actuator.pre_state(&action).await.unwrap();
    let not_done = bed.actuator.reconcile(&id, &action, Some(&pre)).await;
    assert!(matches!(not_done, Reconciled::NotDone(_)), "{not_done:?}");
    bed.actuator.apply(&id, &action, &pre).await.unwrap();
    let done = bed.actuator.reconcile(&id, &action, Some(&pre)).await;
    assert!(matches!(done, Reconciled::Done(_)), "{done:?}");
    bed.server.set_image("shop", "web", "web:7");
    let unknown = bed.actuator.reconcile(&id, &action, Some(&pre)).await;
    assert!(matches!(unknown, Reconciled::Unknown(_)), "{unknown:?}");
}

#[tokio::test]
async fn nothing_is_asked_where_it_is_not_enabled_or_nobody_answers() {
    let bed = bed();
    let disabled = Actuator::new(bed._world.roots.clone());
    let action = Action::K8sRolloutRestart { workload: bed.web() };
    let error = disabled.pre_state(&action).await.unwrap_err();
    assert!(error.to_string().contains("[kubernetes] enabled = true"), "{error}");
    let missing = KubeAccess::Configured {
        kubeconfig: "/nowhere/kubeconfig".to_owned(),
        context: String::new(),
    };
    let actuator = Actuator::new(ActRoots { kubernetes: missing, ..bed._world.roots.clone() });
    let error = actuator.pre_state(&action).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/kubeconfig"), "{error}");
}
