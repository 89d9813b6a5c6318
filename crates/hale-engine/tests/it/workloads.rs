//! The whole loop on workloads of Kubernetes: reported, judged, changed rung by rung, verified, put back, left
//! to a person. What was done is read from the API server's own record of changes.

use std::path::Path;
use std::time::{Duration, Instant};

use hale_engine::Settings;
use hale_model::Timestamp;
use hale_model::alert::{AlertKind, Severity};
use hale_model::api::{Command as Wish, Query, View};
use hale_model::config::Mode;
use hale_model::report::{Report, ReportSource};
use hale_model::view::IncidentView;
use hale_testkit::kube_server::{Authority, KubeServer, base64};
use serde_json::json;
use tempfile::TempDir;

use crate::isolated::isolated;
use crate::world::{World, settings};

const SHIPPED: &str = include_str!("../../../../playbooks/workload-errors.yaml");

/// The shipped ladder, with less patience.
fn within(secs: u64) -> Vec<(String, String)> {
    let text = SHIPPED.replace("within: 10m", &format!("within: {secs}s"));
    assert_ne!(text, SHIPPED);
    vec![("playbooks/workload-errors.yaml".to_owned(), text)]
}

fn on_cluster(dir: &Path, server: &KubeServer, mode: Mode, patience_secs: u64) -> Settings {
    let kubeconfig = dir.join("kubeconfig");
    if !kubeconfig.exists() {
        server.write_kubeconfig(&kubeconfig).unwrap();
    }
    let mut settings = settings(dir, mode);
    settings.config.kubernetes.enabled = true;
    settings.config.kubernetes.kubeconfig = kubeconfig.display().to_string();
    settings.config.kubernetes.namespaces = vec!["shop".to_owned()];
    settings.config.autonomy.allow = ["k8s.rollout_restart", "k8s.rollback", "k8s.scale"]
        .map(|kind| format!("{kind}@http.errors:deployment shop/till*"))
        .to_vec();
    settings.user_playbooks = within(patience_secs);
    settings
}

fn fails(resolved: bool) -> Report {
    Report {
        source: ReportSource::Alertmanager,
        external_id: "f1e2d3".to_owned(),
        occurrence: None,
        service: "till".to_owned(),
        host: None,
        kind_text: "http.errors".to_owned(),
        kind: AlertKind::HttpErrors,
        severity: Severity::High,
        message: "4 of 10 sales fail".to_owned(),
        logs: Vec::new(),
        metrics: std::collections::BTreeMap::new(),
        container: None,
        unit: None,
        pid: None,
        health_url: None,
        received_at: Timestamp::now(),
        resolved,
    }
}

async fn report(world: &World, resolved: bool) {
    world.handle.receive(vec![fails(resolved)]).await.unwrap();
}

async fn incident(world: &World, state: &str) -> IncidentView {
    let begun = Instant::now();
    loop {
        let all = world.incidents().await;
        let about = all.iter().find(|i| i.title.contains("till"));
        if let Some(found) = about.filter(|i| i.state == state) {
            return found.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "not `{state}` in 120 s: {all:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the server was asked to change, one line a change.
fn changes(server: &KubeServer) -> Vec<String> {
    let line = |change: &hale_testkit::kube_server::Change| {
        let restarted = if change.restarted { ", restarted" } else { "" };
        format!("{} × {}{restarted}", change.image, change.replicas)
    };
    server.changes().iter().map(line).collect()
}

async fn until(server: &KubeServer, so: impl Fn(&[String]) -> bool) {
    let begun = Instant::now();
    while !so(&changes(server)) {
        assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", changes(server));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn done(incident: &IncidentView) -> Vec<(&str, &str)> {
    incident.actions.iter().map(|a| (a.kind.as_str(), a.state.as_str())).collect()
}

/// The story in words that do not change, without what each look found.
fn told(incident: &IncidentView) -> Vec<&str> {
    let kinds = ["playbook", "verdict", "intent", "outcome", "verified", "undone", "failed"];
    let ends = ["escalated", "resolved", "approval"];
    let told = incident.timeline.iter().map(|entry| entry.kind.as_str());
    told.filter(|kind| kinds.contains(kind) || ends.contains(kind)).collect()
}

#[test]
fn each_rung_is_done_once_proved_in_vain_and_put_back_and_then_a_person_is_called() {
    let name =
        "workloads::each_rung_is_done_once_proved_in_vain_and_put_back_and_then_a_person_is_called";
    isolated(name, async {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new("cluster").unwrap();
        let server = KubeServer::start_tls(&authority).unwrap();
        server.trust_token("a-token", "hale");
        let cluster = json!({ "certificate-authority-data": base64(authority.pem.as_bytes()) });
        let kubeconfig = dir.path().join("kubeconfig");
        server.write_kubeconfig_of(&kubeconfig, &cluster, &json!({ "token": "a-token" })).unwrap();
        server.deploy("shop", "till", 3, "till:1");
        server.set_image("shop", "till", "till:2");
        // Of the same name where hale does not look.
        server.deploy("other", "till", 3, "till:7");
        let before = server.object("shop", "till")["spec"].clone();

        let settings = on_cluster(dir.path(), &server, Mode::Auto, 10);
        let world = World::start_on(settings.clone()).await.unwrap();
        report(&world, false).await;
        let escalated = incident(&world, "escalated").await;
        let ladder = [
            "till:2 × 3, restarted",
            "till:2 × 3",
            "till:1 × 3",
            "till:2 × 3",
            "till:2 × 4",
            "till:2 × 3",
        ];
        assert_eq!(changes(&server), ladder);
        assert_eq!(server.object("shop", "till")["spec"], before, "exactly as it was");
        assert_eq!(
            done(&escalated),
            [
                ("k8s.rollout_restart", "undone"),
                ("k8s.rollback", "undone"),
                ("k8s.scale", "undone")
            ]
        );
        let rung = ["playbook", "verdict", "intent", "outcome", "undone"];
        assert_eq!(told(&escalated), [&rung[..], &rung, &rung, &["escalated"]].concat());
        let last = &escalated.timeline.last().unwrap().text;
        for words in ["Alertmanager still reports http.errors", "every rung was tried"] {
            assert!(last.contains(words), "{last}");
        }
        let View::Audit(audit) = world.handle.query(Query::Audit { limit: 0 }).await.unwrap()
        else {
            panic!("audit gave another answer")
        };
        for action in &escalated.actions {
            let kinds = audit.iter().filter(|e| e.subject == action.id).map(|e| e.kind.as_str());
            let kinds: Vec<&str> = kinds.collect();
            assert_eq!(
                kinds,
                ["verdict", "intent", "outcome", "outcome", "undo"],
                "{}",
                action.kind
            );
        }

        // Nothing of it is repeated: not for a sender that goes on, not after a restart of hale itself.
        report(&world, false).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        world.stop().await;
        let world = World::start_on(settings).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        report(&world, false).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(changes(&server), ladder);
        // Over when its sender says so.
        report(&world, true).await;
        incident(&world, "resolved").await;
        assert!(server.callers().iter().all(|caller| caller == "hale"));
        world.stop().await;
    });
}

#[test]
fn the_version_before_stays_once_its_sender_says_that_it_is_over() {
    let name = "workloads::the_version_before_stays_once_its_sender_says_that_it_is_over";
    isolated(name, async {
        let dir = TempDir::new().unwrap();
        let server = KubeServer::start().unwrap();
        server.deploy("shop", "till", 3, "till:1");
        server.set_image("shop", "till", "till:2-broken");
        let settings = on_cluster(dir.path(), &server, Mode::Auto, 20);
        let world = World::start_on(settings).await.unwrap();
        report(&world, false).await;
        until(&server, |changes| changes.last().is_some_and(|last| last == "till:1 × 3")).await;
        report(&world, true).await;
        let resolved = incident(&world, "resolved").await;
        assert_eq!(
            done(&resolved),
            [("k8s.rollout_restart", "undone"), ("k8s.rollback", "succeeded")]
        );
        assert_eq!(
            changes(&server),
            ["till:2-broken × 3, restarted", "till:2-broken × 3", "till:1 × 3"]
        );
        let verified = resolved.timeline.iter().find(|t| t.kind == "verified").unwrap();
        for words in ["3 of 3 pods updated", "nobody reports http.errors"] {
            assert!(verified.text.contains(words), "{}", verified.text);
        }
        assert_eq!(resolved.timeline.last().unwrap().text, "cured and verified");
        world.stop().await;
    });
}

#[test]
fn what_nobody_granted_is_done_after_a_persons_yes() {
    isolated("workloads::what_nobody_granted_is_done_after_a_persons_yes", async {
        let dir = TempDir::new().unwrap();
        let server = KubeServer::start().unwrap();
        server.deploy("shop", "till", 3, "till:1");
        let mut settings = on_cluster(dir.path(), &server, Mode::Auto, 30);
        settings.config.autonomy.allow.clear();
        let world = World::start_on(settings).await.unwrap();
        report(&world, false).await;
        let asked = incident(&world, "awaiting_approval").await;
        assert_eq!(done(&asked), [("k8s.rollout_restart", "awaiting_approval")]);
        assert_eq!(changes(&server), [""; 0]);
        let View::Approvals(waiting) =
            world.handle.query(Query::Approvals { all: false }).await.unwrap()
        else {
            panic!("approvals gave another answer")
        };
        let id = waiting.approvals[0].id.as_str().into();
        world.wish(Wish::Approve { id, confirmed_critical: false }).await.unwrap();
        until(&server, |changes| !changes.is_empty()).await;
        report(&world, true).await;
        let resolved = incident(&world, "resolved").await;
        assert_eq!(done(&resolved), [("k8s.rollout_restart", "succeeded")]);
        assert_eq!(changes(&server), ["till:1 × 3, restarted"]);
        world.stop().await;
    });
}
