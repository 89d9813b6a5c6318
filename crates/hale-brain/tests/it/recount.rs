//! What was so at a past moment, and what hale achieved.

use hale_brain::recount::{CuredIncident, achieved, alert_at, approval_at, incident_at};
use hale_model::Timestamp;
use hale_model::action::{ActionRecord, Approval};
use hale_model::alert::Alert;
use hale_model::config::Dashboard;
use hale_model::incident::{Incident, TimelineEntry};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn incident(id: &str, opened: i64, closed: Option<i64>, state: &str) -> Incident {
    read(json!({
        "id": id, "external_ids": [], "title": "a storm", "state": state, "severity": "high",
        "machine_id": "box", "opened_at": at(opened), "closed_at": closed.map(at), "alerts": [],
        "diagnosis": { "cause_kind": "ghost_storm", "cause": "orphans", "confidence": 0.9,
            "source": "local", "evidence": [], "prevention": null },
    }))
}

fn action(
    state: &str,
    decision: &str,
    rule: &str,
    created: i64,
    finished: Option<i64>,
) -> ActionRecord {
    read(json!({
        "id": format!("ac-{created}"), "plan_id": null, "incident_id": "in-1", "alert_id": null,
        "alert_kind": null, "machine_id": "box", "requested_by": { "actor": "hale" },
        "step": {
            "action": { "kind": "service.restart", "unit": "a.service", "invocation_id": null },
            "why": "it failed", "command": "systemctl restart a.service",
            "expectation": { "conditions": [], "hold_secs": 2, "within_secs": 30 },
        },
        "verdict": { "decision": decision, "risk": "warning", "reversible": false, "blast_radius": 1,
            "reasons": [{ "rule": rule, "text": "so it is" }] },
        "state": state, "created_at": at(created), "intended_at": at(created + 1),
        "finished_at": finished.map(at), "boot_id": "b", "pre_state": null, "outcome": null,
        "verification": null, "note": null,
    }))
}

fn line(second: i64, kind: &str) -> TimelineEntry {
    read(json!({ "ts": at(second), "agent": "Brain", "kind": kind, "text": kind }))
}

#[test]
fn an_incident_is_told_as_it_stood_at_each_moment() {
    let whole = incident("in-1", 100, Some(140), "resolved");
    let timeline: Vec<TimelineEntry> = [
        (101, "alert_opened"),
        (102, "diagnosis"),
        (103, "verdict"),
        (110, "intent"),
        (120, "outcome"),
        (139, "verified"),
        (140, "resolved"),
    ]
    .into_iter()
    .map(|(second, kind)| line(second, kind))
    .collect();
    let actions = [action("succeeded", "allow", "guard.safe", 103, Some(139))];
    for (second, state, lines, action_state, has_cause) in [
        (101, "open", 1, None, false),
        (102, "diagnosing", 2, None, true),
        (103, "diagnosing", 3, Some("planned"), true),
        (110, "acting", 4, Some("running"), true),
        (125, "verifying", 5, Some("running"), true),
        (140, "resolved", 7, Some("succeeded"), true),
        (900, "resolved", 7, Some("succeeded"), true),
    ] {
        let (then, actions, told) =
            incident_at(&whole, &actions, &[], timeline.clone(), at(second)).unwrap();
        assert_eq!(then.state.as_str(), state, "at {second}");
        assert_eq!(told.len(), lines, "at {second}");
        assert_eq!(actions.first().map(|a| a.state.as_str()), action_state, "at {second}");
        assert_eq!(then.diagnosis.is_some(), has_cause, "at {second}");
        assert_eq!(then.closed_at.is_some(), second >= 140, "at {second}");
    }
    assert!(incident_at(&whole, &actions, &[], timeline, at(99)).is_none());
}

#[test]
fn while_a_question_waits_the_incident_waits() {
    let whole = incident("in-1", 100, Some(200), "resolved");
    let mut asked = action("succeeded", "ask", "guard.mode.approve", 103, Some(190));
    asked.intended_at = Some(at(150));
    let timeline = vec![line(102, "diagnosis"), line(103, "verdict")];
    let (then, actions, _) = incident_at(&whole, &[asked], &[], timeline, at(120)).unwrap();
    assert_eq!(then.state.as_str(), "awaiting_approval");
    assert_eq!(actions[0].state.as_str(), "awaiting_approval");
}

#[test]
fn a_question_that_was_answered_later_was_open_then() {
    let whole = incident("in-1", 100, Some(200), "resolved");
    // Judged anew once the person had said yes.
    let mut approved = action("succeeded", "allow", "guard.approved", 103, Some(190));
    approved.intended_at = Some(at(151));
    let question: Approval = read(json!({
        "id": "ap-1", "action_id": "ac-103", "binding": "b", "state": "used", "created_at": at(104),
        "expires_at": at(900), "decided_at": at(150), "decided_by": "uid:0", "why": null,
    }));
    let timeline = vec![line(102, "diagnosis"), line(103, "verdict"), line(150, "approval")];
    for (second, state, action_state) in [
        (103, "diagnosing", "planned"),
        (120, "awaiting_approval", "awaiting_approval"),
        (150, "diagnosing", "planned"),
    ] {
        let asked = std::slice::from_ref(&question);
        let actions = std::slice::from_ref(&approved);
        let (then, actions, _) =
            incident_at(&whole, actions, asked, timeline.clone(), at(second)).unwrap();
        assert_eq!(then.state.as_str(), state, "at {second}");
        assert_eq!(actions[0].state.as_str(), action_state, "at {second}");
    }
}

#[test]
fn an_alert_is_open_between_its_beginning_and_its_end() {
    let evidence = |second: i64| {
        json!({ "id": format!("ob-{second}"), "source": "process", "observed_at": at(second),
            "text": "seen", "value": null, "unit": null })
    };
    let alert: Alert = read(json!({
        "id": "al-1", "fingerprint": "f", "machine_id": "box", "kind": "load.high", "severity": "high",
        "state": "closed", "subject": { "type": "machine" }, "summary": "busy", "vars": {},
        "evidence": [evidence(100), evidence(150)], "suggested_actions": [], "first_seen_at": at(100),
        "last_seen_at": at(180), "closed_at": at(190), "close_reason": "recovered", "flaps": 0,
        "incident_id": null,
    }));
    assert!(alert_at(&alert, at(99)).is_none());
    let during = alert_at(&alert, at(120)).unwrap();
    assert_eq!(
        (during.state.as_str(), during.closed_at, during.last_seen_at),
        ("open", None, at(120))
    );
    assert_eq!(during.evidence.len(), 1);
    let after = alert_at(&alert, at(190)).unwrap();
    assert_eq!(
        (after.state.as_str(), after.close_reason.as_deref()),
        ("closed", Some("recovered"))
    );
}

#[test]
fn an_approval_is_pending_until_it_is_answered_or_lapses() {
    let approval = |decided: Option<i64>| -> Approval {
        read(json!({
            "id": "ap-1", "action_id": "ac-1", "binding": "b", "state": "used", "created_at": at(100),
            "expires_at": at(200), "decided_at": decided.map(at), "decided_by": "uid:0", "why": null,
        }))
    };
    assert!(approval_at(&approval(Some(150)), at(99)).is_none());
    for (decided, second, state) in [
        (Some(150), 120, "pending"),
        (Some(150), 150, "used"),
        (None, 199, "pending"),
        (None, 200, "expired"),
    ] {
        let then = approval_at(&approval(decided), at(second)).unwrap();
        assert_eq!(then.state.as_str(), state, "at {second}");
        assert_eq!(then.decided_by.is_some(), state == "used", "at {second}");
    }
}

#[test]
fn what_was_saved_counts_only_what_no_person_had_to_decide() {
    let incidents = [
        incident("in-1", 1000, Some(1060), "resolved"),
        incident("in-2", 1000, Some(1120), "resolved"),
        incident("in-3", 1000, Some(1300), "resolved"),
        incident("in-4", 1000, None, "escalated"),
        incident("in-5", 10, Some(20), "resolved"),
    ];
    let actions = [
        action("succeeded", "allow", "guard.safe", 1001, Some(1050)),
        action("succeeded", "allow", "guard.approved", 1002, Some(1110)),
        action("failed", "allow", "guard.safe", 1003, Some(1200)),
    ];
    let told: Vec<CuredIncident<'_>> = incidents
        .iter()
        .zip([Some(&actions[0]), Some(&actions[1]), None, Some(&actions[2]), None])
        .map(|(incident, action)| CuredIncident { incident, actions: action.into_iter().collect() })
        .collect();
    let config = Dashboard {
        minutes_saved_per_incident: 30.0,
        cost_per_minute_of_downtime: 10.0,
        currency: "EUR".to_owned(),
    };
    let figures = achieved(at(500), at(2000), &told, &actions, &config);
    assert_eq!((figures.incidents, figures.resolved, figures.escalated), (4, 3, 1));
    assert_eq!(
        (figures.cured_alone, figures.cured_with_person, figures.over_by_itself),
        (1, 1, 1),
        "{figures:?}"
    );
    assert_eq!(figures.mttr_median_secs, Some(120.0));
    assert_eq!(figures.mttr_mean_secs, Some(160.0));
    assert_eq!((figures.actions, figures.actions_succeeded), (3, 2));
    assert!((figures.saved_minutes - 29.0).abs() < 1e-9, "{}", figures.saved_minutes);
    assert_eq!(figures.saved_money, Some(290.0));
    insta::assert_snapshot!(figures.formula, @"for the one incident cured alone: 30 min that a person would have needed, less the time hale took = 29.0 min; × 10 EUR a minute");
    let nothing = achieved(at(5000), at(6000), &told, &[], &Dashboard::default());
    assert_eq!(
        (nothing.success_rate, nothing.mttr_median_secs, nothing.saved_money),
        (None, None, None)
    );
    assert_eq!(nothing.saved_minutes.to_string(), "0");
}
