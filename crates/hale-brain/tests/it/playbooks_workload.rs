//! Playbooks for workloads of Kubernetes: the ladder, the bounds of the guard, when a rollout is complete.

use crate::decide_world::*;
use crate::playbooks::{about_service, asked, climb, told};
use hale_brain::decide::{GuardInput, judge};
use hale_brain::playbook::Playbooks;
use hale_brain::verify::Watch;
use hale_model::EvidenceId;
use hale_model::action::{Action, Actor, Condition, Decision, Expectation, Risk};
use hale_model::alert::{AlertKind, Evidence};
use hale_model::config::{Config, Mode};
use hale_model::report::OpenReport;
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::snapshot::Snapshot;
use hale_model::workload::{Workload, WorkloadKind, WorkloadRef};

pub fn workload(wanted: u32) -> Workload {
    Workload {
        workload: WorkloadRef {
            namespace: "shop".to_owned(),
            kind: WorkloadKind::Deployment,
            name: "checkout".to_owned(),
            uid: "u-1".to_owned(),
            generation: 4,
        },
        observed_generation: 4,
        wanted,
        existing: wanted,
        updated: wanted,
        ready: wanted,
        available: wanted,
        paused: false,
        stuck: None,
        revision: Some(2),
        images: vec!["checkout:2".to_owned()],
        created_at: None,
    }
}

fn with_workload(wanted: u32) -> Snapshot {
    Snapshot { workloads: vec![workload(wanted)], ..world() }
}

#[test]
fn a_workload_is_helped_by_restart_then_rollback_then_scale_then_a_person() {
    let playbooks = Playbooks::shipped();
    let mut config = Config::default();
    config.kubernetes.enabled = true;
    let alert = about_service(AlertKind::HttpErrors, "checkout");
    let mut climbed = Vec::new();
    for expected in [
        "rung 1 of 3: restart\n  k8s.rollout_restart deployment shop/checkout: RolloutComplete",
        "rung 2 of 3: roll back\n  k8s.rollback deployment shop/checkout: RolloutComplete",
        "rung 3 of 3: one more pod\n  k8s.scale deployment shop/checkout to 4: WorkloadReplicas",
    ] {
        let diagnosed = asked(&alert, &with_workload(3), &config, &playbooks, &climbed, 5);
        let story = told(&diagnosed);
        let expected = format!("workload_failing: playbook workload-errors v1, {expected}");
        assert!(story.starts_with(&expected), "{story}");
        assert!(story.ends_with("FindingGone for 10 s within 600 s"), "{story}");
        climbed.push(climb(&diagnosed, true));
    }
    let ended = asked(&alert, &with_workload(3), &config, &playbooks, &climbed, 5);
    assert!(ended.plan.is_none());
    assert_eq!(ended.call.unwrap().tell, "the owners of the workload");
    // At the bound there is no pod more.
    let full = asked(&alert, &with_workload(10), &config, &playbooks, &climbed[..2], 5);
    let why = full.call.unwrap().why;
    assert!(why.contains("has 10 pods, and [kubernetes] allows 1 to 10"), "{why}");
}

#[test]
fn the_guard_keeps_workloads_within_their_bounds() {
    let snapshot = with_workload(4);
    let workload = snapshot.workloads[0].workload.clone();
    let mut config = Config::default();
    let verdict = |config: &Config, action: Action| {
        let verdict = judge(&GuardInput {
            now: at(5),
            mode: Mode::Approve,
            action: &action,
            alert_kind: None,
            actor: &Actor::User { uid: 0 },
            own_uid: 0,
            snapshot: &snapshot,
            config,
            paused_until: None,
            recent: &[],
            in_flight: &[],
            lessons: &[],
            approved: false,
            confirmed_critical: false,
        });
        let rules: Vec<String> = verdict.reasons.into_iter().map(|r| r.rule).collect();
        (verdict.decision, verdict.risk, rules)
    };
    let of = |change: fn(&mut WorkloadRef)| {
        let mut workload = workload.clone();
        change(&mut workload);
        Action::K8sRolloutRestart { workload }
    };
    let scale = |replicas| Action::K8sScale { workload: workload.clone(), replicas };
    let (decision, risk, rules) = verdict(&config, of(|_| {}));
    assert_eq!((decision, risk), (Decision::Deny, Risk::Deny));
    assert_eq!(rules, ["guard.kubernetes_disabled"]);
    config.kubernetes.enabled = true;
    for (name, action, decision, risk, rule) in [
        ("restart", of(|_| {}), Decision::Allow, Risk::Warning, None),
        ("more", scale(6), Decision::Allow, Risk::Warning, None),
        ("half", scale(2), Decision::Ask, Risk::Critical, Some("guard.takes_pods_away")),
        ("too many", scale(11), Decision::Deny, Risk::Deny, Some("guard.argument")),
        ("none", scale(0), Decision::Deny, Risk::Deny, Some("guard.argument")),
        (
            "changed since",
            of(|w| w.generation = 3),
            Decision::Deny,
            Risk::Deny,
            Some("guard.workload_changed"),
        ),
        (
            "another of its name",
            of(|w| w.uid = "u-0".to_owned()),
            Decision::Deny,
            Risk::Deny,
            Some("guard.workload_changed"),
        ),
        (
            "nobody knows it",
            of(|w| w.name = "x".to_owned()),
            Decision::Deny,
            Risk::Warning,
            Some("guard.target_unobserved"),
        ),
        (
            "a protected namespace",
            of(|w| w.namespace = "kube-system".to_owned()),
            Decision::Deny,
            Risk::Deny,
            Some("guard.protected_namespace"),
        ),
        (
            "no name",
            of(|w| w.name = "../x".to_owned()),
            Decision::Deny,
            Risk::Deny,
            Some("guard.argument"),
        ),
    ] {
        let (said, danger, rules) = verdict(&config, action);
        assert_eq!((said, danger), (decision, risk), "{name}: {rules:?}");
        assert!(rule.is_none_or(|rule| rules.iter().any(|r| r == rule)), "{name}: {rules:?}");
    }
}

#[test]
fn a_rollout_is_complete_when_every_pod_of_the_new_template_is_available() {
    let judged = with_workload(3).workloads[0].workload.clone();
    let watch = |change: fn(&mut Workload)| {
        let mut snapshot = later(&with_workload(3), 30);
        change(&mut snapshot.workloads[0]);
        let expectation = Expectation {
            conditions: vec![Condition::RolloutComplete { workload: judged.clone() }],
            hold_secs: 0,
            within_secs: 10,
        };
        let mut watch = Watch::new(expectation, 10_000 * SEC);
        watch.step(&snapshot, &[]).is_some_and(|v| v.verified)
    };
    assert!(!watch(|_| {}), "nothing was changed yet");
    assert!(!watch(|w| w.workload.generation = 5), "its controller has not seen it");
    assert!(watch(|w| (w.workload.generation, w.observed_generation) = (5, 5)));
    assert!(!watch(|w| {
        (w.workload.generation, w.observed_generation) = (5, 5);
        w.available = 2;
    }));
    assert!(!watch(|w| {
        (w.workload.generation, w.observed_generation) = (5, 5);
        w.existing = 4;
    }));
}

/// Later, where reports come in.
fn heard(secs: u64) -> Snapshot {
    let mut snapshot = later(&with_workload(3), secs);
    snapshot.sources.push(SourceStatus {
        source: Source::Webhook,
        state: SourceState::Fresh,
        last_fresh_at: Some(at(0)),
        took_us: 1,
        note: None,
        lost: 0,
    });
    snapshot
}

#[test]
fn what_only_others_report_is_over_when_nobody_reports_it_any_more() {
    let playbooks = Playbooks::shipped();
    let mut config = Config::default();
    config.kubernetes.enabled = true;
    let mut alert = about_service(AlertKind::HttpErrors, "checkout");
    alert.evidence = vec![Evidence {
        id: EvidenceId::of(&alert.machine_id, "checkout", "report", at(1)),
        source: Source::Webhook,
        observed_at: at(1),
        text: "4 of 10 sales fail".to_owned(),
        value: None,
        unit: None,
    }];
    let reported = |secs| {
        let report = OpenReport {
            id: "in-1".into(),
            report: serde_json::from_value(serde_json::json!({
                "source": "alertmanager", "external_id": "f1", "service": "checkout",
                "kind_text": "http.errors", "kind": "http.errors", "severity": "high",
                "message": "4 of 10 sales fail", "received_at": at(1),
            }))
            .unwrap(),
            subject: alert.subject.clone(),
            since: at(1),
            reporters: 1,
        };
        Snapshot { reports: vec![report], ..heard(secs) }
    };
    let diagnosed = asked(&alert, &reported(0), &config, &playbooks, &[], 5);
    let conditions = diagnosed.plan.unwrap().steps.remove(0).expectation.conditions;
    let [Condition::RolloutComplete { .. }, over @ Condition::ReportsOver { .. }] = &*conditions
    else {
        panic!("{conditions:?}")
    };
    let within = |within_secs, snapshot: &Snapshot| {
        let expectation = Expectation { conditions: vec![over.clone()], hold_secs: 0, within_secs };
        let mut watch = Watch::new(expectation, 10_000 * SEC);
        watch.step(snapshot, &[]).map(|v| (v.verified, v.observations.join("; ")))
    };
    let seen = |snapshot: &Snapshot| within(60, snapshot);
    assert_eq!(seen(&reported(12)), None, "it is still reported");
    let (verified, said) = within(4, &reported(12)).unwrap();
    assert!(!verified && said.contains("Alertmanager still reports http.errors"), "{said}");
    // That hale sees no requests of its own says nothing.
    let mut quiet = heard(12);
    assert!(seen(&quiet).unwrap().0);
    stale(&mut quiet, Source::Webhook);
    assert_eq!(seen(&quiet), None, "nobody knows what came in");
}
