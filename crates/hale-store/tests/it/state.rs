//! State in SQLite: what is written is read back, single use, migrations, races.

use hale_model::action::*;
use hale_model::alert::*;
use hale_model::incident::*;
use hale_model::lesson::Lesson;
use hale_store::{Access, State, StoreError, Take};

use crate::world::*;

fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db"), Access::Write).unwrap();
    (dir, state)
}

#[test]
fn everything_comes_back_as_it_went_in_also_after_reopening() {
    let (dir, state) = fresh();
    let (alert, incident, action, approval) = (alert(1), incident(1), action(1), approval(1));
    let plan = Plan {
        id: "pl-1".into(),
        incident_id: incident.id.clone(),
        alert_id: alert.id.clone(),
        alert_kind: alert.kind.clone(),
        machine_id: machine(),
        created_at: at(3),
        steps: vec![action.step.clone()],
        made_by: hale_model::action::Actor::Hale,
        playbook: None,
    };
    let line = TimelineEntry {
        ts: at(4),
        agent: Agent::Brain,
        kind: "diagnosis".into(),
        text: "it leaks".into(),
    };
    let lesson = Lesson {
        successes: 3,
        approved_successes: 2,
        ..Lesson::new(AlertKind::ProcessLeak, ActionKind::ServiceRestart, "leaky.service", at(5))
    };
    state.put_alert(&alert).unwrap();
    state.put_incident(&incident).unwrap();
    state.add_timeline(&incident.id, &line).unwrap();
    state.put_plan(&plan).unwrap();
    state.put_intent(&action).unwrap();
    state.put_approval(&approval).unwrap();
    state.put_lesson(&lesson).unwrap();
    state.set_setting("paused_until", "never").unwrap();
    state.set_cursor(&machine(), "journal", "", "s=abc").unwrap();
    drop(state);

    let state = State::open(&dir.path().join("state.db"), Access::Read).unwrap();
    assert_eq!(state.alert(alert.id.as_str()).unwrap(), Some(alert));
    assert_eq!(state.incident(incident.id.as_str()).unwrap(), Some(incident.clone()));
    assert_eq!(state.timeline(&incident.id).unwrap(), [line]);
    assert_eq!(state.plan(&plan.id).unwrap(), Some(plan));
    assert_eq!(state.actions_of(&incident.id).unwrap(), std::slice::from_ref(&action));
    assert_eq!(state.unfinished_actions().unwrap(), std::slice::from_ref(&action));
    assert_eq!(state.approval_of(&action.id).unwrap(), Some(approval));
    assert_eq!(state.lessons().unwrap(), [lesson]);
    assert_eq!(state.setting("paused_until").unwrap().as_deref(), Some("never"));
    assert_eq!(state.setting("other").unwrap(), None);
    assert_eq!(state.cursor(&machine(), "journal", "").unwrap().as_deref(), Some("s=abc"));
    let refused = state.set_setting("x", "y").unwrap_err();
    assert!(matches!(refused, StoreError::Sqlite { .. }), "{refused:?}");
}

#[test]
fn lists_are_newest_first_filtered_and_limited() {
    let (_dir, state) = fresh();
    for n in 1..=5 {
        let mut alert = alert(n);
        let mut incident = incident(n);
        if n % 2 == 0 {
            alert.state = AlertState::Closed;
            incident.state = IncidentState::Resolved;
            incident.closed_at = Some(at(n as i64 + 10));
        }
        state.put_alert(&alert).unwrap();
        state.put_incident(&incident).unwrap();
        // Twice: the second replaces the first.
        state.put_alert(&alert).unwrap();
    }
    let numbers = |alerts: Vec<Alert>| -> Vec<i64> {
        alerts.iter().map(|a| a.first_seen_at.as_second() - at(0).as_second()).collect()
    };
    let of = |incidents: Vec<Incident>| -> Vec<i64> {
        incidents.iter().map(|i| i.opened_at.as_second() - at(0).as_second()).collect()
    };
    assert_eq!(numbers(state.alerts(&[], 0).unwrap()), [5, 4, 3, 2, 1]);
    assert_eq!(numbers(state.alerts(&[], 2).unwrap()), [5, 4]);
    assert_eq!(numbers(state.alerts(&[AlertState::Closed], 0).unwrap()), [4, 2]);
    let both = [AlertState::Open, AlertState::Acknowledged];
    assert_eq!(numbers(state.alerts(&both, 0).unwrap()), [5, 3, 1]);
    assert_eq!(of(state.incidents(None, 0).unwrap()), [5, 4, 3, 2, 1]);
    assert_eq!(of(state.incidents(Some(IncidentState::Resolved), 1).unwrap()), [4]);
    assert_eq!(of(state.open_incidents().unwrap()), [5, 3, 1]);
    assert_eq!(of(state.incidents_between(at(13), at(100)).unwrap()), [5, 4, 3, 1]);
    assert_eq!(of(state.incidents_between(at(-9), at(2)).unwrap()), [2, 1]);
    assert_eq!(state.actions_since(at(0)).unwrap(), []);
}

#[test]
fn the_start_of_an_id_is_enough_if_it_fits_one() {
    let (_dir, state) = fresh();
    for (id, n) in [("al-1234567890", 1), ("al-1299999999", 2), ("al-12", 3)] {
        state.put_alert(&Alert { id: id.into(), ..alert(n) }).unwrap();
    }
    let id = |given: &str| state.alert(given).unwrap().map(|a| a.id.0);
    assert_eq!(id("al-123").as_deref(), Some("al-1234567890"));
    assert_eq!(id("al-12").as_deref(), Some("al-12"), "a whole id is never ambiguous");
    for absent in ["al-9", "", "%", "al-1234567890x", "AL-12"] {
        assert_eq!(id(absent), None, "{absent}");
    }
    let error = state.alert("al-1").unwrap_err();
    insta::assert_snapshot!(error, @"`al-1` fits more than one alert: al-12, al-1234567890, al-1299999999");
}

#[test]
fn an_approval_is_used_once_in_time_and_for_what_it_was_given() {
    let (_dir, state) = fresh();
    let binding = approval(1).binding;
    let orphan = state.put_approval(&approval(1)).unwrap_err();
    assert!(matches!(orphan, StoreError::Sqlite { .. }), "an approval of nothing: {orphan:?}");
    state.put_action(&action(1)).unwrap();
    state.put_approval(&approval(1)).unwrap();
    let id = approval(1).id;
    let take = |binding: &str, now| state.take_approval(&id, binding, now).unwrap();
    assert_eq!(take(&binding, at(2)), Take::NotApproved(ApprovalState::Pending));
    let approved = Approval { state: ApprovalState::Approved, ..approval(1) };
    state.put_approval(&approved).unwrap();
    assert_eq!(take("other", at(2)), Take::BindingChanged);
    assert_eq!(take(&binding, at(601)), Take::Expired);
    assert_eq!(take(&binding, at(600)), Take::Taken);
    assert_eq!(take(&binding, at(600)), Take::NotApproved(ApprovalState::Used));
    assert_eq!(state.approval(id.as_str()).unwrap().unwrap().state, ApprovalState::Used);
    assert_eq!(state.approvals(false).unwrap(), []);
    assert_eq!(state.approvals(true).unwrap().len(), 1);
    let unknown = state.take_approval(&"ap-none".into(), "x", at(0));
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}

#[test]
fn of_many_who_try_at_once_one_gets_the_approval() {
    let (dir, state) = fresh();
    let path = dir.path().join("state.db");
    for n in 1..=20 {
        state.put_action(&action(n)).unwrap();
        let approved = Approval { state: ApprovalState::Approved, ..approval(n) };
        state.put_approval(&approved).unwrap();
        let taken = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let state = State::open(&path, Access::Write).unwrap();
                        state.take_approval(&approved.id, &approved.binding, at(n as i64)).unwrap()
                    })
                })
                .collect();
            tries.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(taken.iter().filter(|t| **t == Take::Taken).count(), 1, "{taken:?}");
    }
}

#[test]
fn all_or_nothing() {
    let (_dir, mut state) = fresh();
    let failed = state.atomically(|state| {
        state.put_alert(&alert(1))?;
        state.append_audit(at(0), "hale", "verdict", "x", &serde_json::json!({}))?;
        state.put_intent(&action(1))?;
        Err::<(), _>(StoreError::NotFound { noun: "thing", id: "x".into() })
    });
    assert!(failed.is_err());
    assert_eq!(state.alerts(&[], 0).unwrap(), []);
    assert_eq!(state.unfinished_actions().unwrap(), []);
    assert_eq!(state.verify_audit().unwrap().finding, "no entries yet");
    state.atomically(|state| state.put_alert(&alert(1))).unwrap();
    assert_eq!(state.alerts(&[], 0).unwrap().len(), 1);
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, state) = fresh();
    state.append_audit(at(0), "hale", "verdict", "x", &serde_json::json!({})).unwrap();
    let telemetry = dir.path().join("telemetry.duckdb");
    let telemetry = hale_store::Telemetry::open(&telemetry, Access::Write).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    drop(telemetry);
}
