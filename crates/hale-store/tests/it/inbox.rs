//! Reports are taken in once, whatever their senders do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use hale_model::alert::{AlertKind, Severity, Subject};
use hale_model::ids::IncidentId;
use hale_model::incident::{Incident, IncidentState};
use hale_model::report::{Receipt, Report, ReportSource};
use hale_store::{Access, Inbox, State};

use super::world::{at, machine};

fn report(id: &str, service: &str) -> Report {
    Report {
        source: ReportSource::Native,
        external_id: id.to_owned(),
        occurrence: None,
        service: service.to_owned(),
        host: None,
        kind_text: "memory".to_owned(),
        kind: AlertKind::MemoryHigh,
        severity: Severity::High,
        message: "it's full — 日本".to_owned(),
        logs: vec!["a line".to_owned()],
        metrics: BTreeMap::from([("rss".to_owned(), 1.5)]),
        container: None,
        unit: None,
        pid: None,
        health_url: None,
        received_at: at(0),
        resolved: false,
    }
}

struct Door {
    dir: tempfile::TempDir,
    inbox: Inbox,
    thread: std::thread::JoinHandle<()>,
}

impl Door {
    fn open() -> Door {
        let dir = tempfile::tempdir().unwrap();
        let (inbox, thread) = Inbox::start(&dir.path().join("state.db"), || {}).unwrap();
        Door { dir, inbox, thread }
    }

    fn again(self) -> Door {
        let Door { dir, inbox, thread } = self;
        drop(inbox);
        thread.join().unwrap();
        let (inbox, thread) = Inbox::start(&dir.path().join("state.db"), || {}).unwrap();
        Door { dir, inbox, thread }
    }

    fn state(&self) -> State {
        State::open(&self.dir.path().join("state.db"), Access::Write).unwrap()
    }

    fn put(&self, reports: Vec<Report>) -> Vec<Receipt> {
        put(&self.inbox, reports)
    }

    fn one(&self, report: Report) -> Receipt {
        self.put(vec![report]).remove(0)
    }
}

fn put(inbox: &Inbox, reports: Vec<Report>) -> Vec<Receipt> {
    let (sender, answer) = std::sync::mpsc::channel();
    inbox.put(reports, move |written| sender.send(written).unwrap()).unwrap();
    answer.recv().unwrap().unwrap()
}

/// What the loop does with what is new: it becomes part of this incident.
fn take_up(state: &State, incident: &IncidentId) -> usize {
    let groups = state.new_reports(|_| true).unwrap();
    for group in &groups {
        let subject = Subject::Service { service: group.newest.report.service.clone() };
        state.link_reports(&group.group_key, Some(incident), &subject).unwrap();
    }
    groups.len()
}

fn story(id: &IncidentId) -> Incident {
    Incident {
        id: id.clone(),
        external_ids: vec!["a".into()],
        title: "t".into(),
        state: IncidentState::Escalated,
        severity: Severity::High,
        machine_id: machine(),
        opened_at: at(0),
        closed_at: None,
        alerts: Vec::new(),
        diagnosis: None,
    }
}

#[test]
fn the_same_report_again_is_the_same_incident_also_after_a_restart() {
    let inbox = Door::open();
    let first = inbox.one(report("a", "shop"));
    assert_eq!((first.incident_id.as_str(), first.state), ("a", IncidentState::Open));
    assert_eq!(inbox.one(report("a", "shop")), first);
    let inbox = inbox.again();
    let later = Report { received_at: at(50), ..report("a", "shop") };
    assert_eq!(inbox.one(later), first);
    let worse = Report { severity: Severity::Critical, received_at: at(60), ..report("a", "shop") };
    assert_eq!(inbox.one(worse), first);
    let state = inbox.state();
    let groups = state.new_reports(|_| true).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].reporters, groups[0].newest.report.severity), (1, Severity::Critical));
    assert_ne!(inbox.one(report("b", "shop")).id, first.id);
    let other = Report { source: ReportSource::Grafana, ..report("a", "shop") };
    assert_ne!(inbox.one(other).id, first.id, "ids of two senders are not one");
}

#[test]
fn many_at_once_with_one_id_are_one() {
    let inbox = Door::open();
    let ids = Arc::new(Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let receipt = inbox.one(report("same", "shop"));
                    ids.lock().unwrap().insert(receipt.id.to_string());
                }
            });
        }
    });
    assert_eq!(ids.lock().unwrap().len(), 1);
    assert_eq!(inbox.state().reports_not_closed().unwrap(), 1);
}

#[test]
fn what_a_sender_ends_is_over_and_comes_back_as_a_new_incident() {
    let inbox = Door::open();
    let first = inbox.one(report("a", "shop"));
    let state = inbox.state();
    let incident = IncidentId("in-0000000001".into());
    assert_eq!(take_up(&state, &incident), 1);
    assert_eq!(take_up(&state, &incident), 0, "taken up once");
    let over = inbox.one(Report { resolved: true, received_at: at(10), ..report("a", "shop") });
    assert_eq!(over.id, first.id);
    let ending = state.ending_reports(10).unwrap();
    assert_eq!(ending.len(), 1);
    assert!(state.end_report(&ending[0], at(11), "resolved by a webhook").unwrap());
    let again = Report { resolved: true, received_at: at(12), ..report("a", "shop") };
    let receipt = inbox.one(again);
    assert_eq!((receipt.id, receipt.state), (first.id.clone(), IncidentState::Resolved));
    // Said to be over in between, the same words say that it has happened again.
    let back = inbox.one(Report { received_at: at(13), ..report("a", "shop") });
    assert_eq!((back.id != first.id, back.state), (true, IncidentState::Open));
    assert_eq!(take_up(&state, &incident), 1);
    state.put_incident(&story(&incident)).unwrap();
    let key = report("a", "shop").group_key();
    state.end_reports(&key, at(14), "acted").unwrap();
    // Ended by a cure, the same words are a late retry: said in the receipt, and once in the story.
    for second in [15, 200] {
        let again = Report { received_at: at(second), ..report("a", "shop") };
        let receipt = inbox.one(again);
        assert_eq!((receipt.id, receipt.state), (back.id.clone(), IncidentState::Resolved));
        assert!(receipt.note.is_some_and(|note| note.contains("late retry")));
    }
    assert_eq!(state.timeline(&incident).unwrap().len(), 1);
    assert_eq!(state.new_reports(|_| true).unwrap().len(), 0);
    // With other words it has happened again; so it has when the same comes much later.
    let anew =
        inbox.one(Report { message: "again".into(), received_at: at(20), ..report("a", "shop") });
    assert_ne!(anew.id, first.id);
    assert_eq!(anew.state, IncidentState::Open);
    state.end_reports(&key, at(25), "acted").unwrap();
    assert_eq!(state.new_reports(|_| true).unwrap().len(), 1, "what came since is news");
    take_up(&state, &incident);
    state.end_reports(&key, at(30), "acted").unwrap();
    let much_later = inbox.one(Report { received_at: at(4000), ..report("a", "shop") });
    assert!(much_later.id != anew.id && much_later.id != first.id);
}

#[test]
fn an_occurrence_is_told_from_the_next_by_its_beginning() {
    let inbox = Door::open();
    let firing = |begun: &str, second: i64| Report {
        occurrence: Some(begun.to_owned()),
        message: format!("sent at {second}"),
        received_at: at(second),
        ..report("fp", "shop")
    };
    let first = inbox.one(firing("08:00", 0));
    let state = inbox.state();
    take_up(&state, &first.id);
    state.end_reports(&firing("08:00", 0).group_key(), at(60), "acted").unwrap();
    let resent = inbox.one(firing("08:00", 90));
    assert_eq!((resent.id, resent.state), (first.id.clone(), IncidentState::Resolved));
    let next = inbox.one(firing("09:00", 100));
    assert_eq!((next.id != first.id, next.state), (true, IncidentState::Open));
}

#[test]
fn an_end_of_what_was_never_reported_begins_nothing_and_its_id_leads_to_that() {
    let inbox = Door::open();
    let receipt = inbox.one(Report { resolved: true, ..report("unknown", "shop") });
    assert_eq!(receipt.state, IncidentState::Resolved);
    assert!(receipt.note.is_some_and(|note| note.contains("nothing was reported as unknown")));
    let state = inbox.state();
    assert_eq!(state.reports_not_closed().unwrap(), 0);
    assert_eq!(state.new_reports(|_| true).unwrap().len(), 0);
    for id in [receipt.id.as_str(), "unknown"] {
        let row = match id {
            "unknown" => state.report_of_sender(id).unwrap().unwrap(),
            id => state.report(id).unwrap().unwrap(),
        };
        assert!(row.closed_at.is_some());
    }
    // Its beginning, should it come late, is no retry.
    let late = inbox.one(Report { received_at: at(1), ..report("unknown", "shop") });
    assert_eq!((late.state, late.id == receipt.id), (IncidentState::Open, false));
}

#[test]
fn a_receipt_tells_how_the_incident_stands() {
    let inbox = Door::open();
    let receipt = inbox.one(report("a", "shop"));
    let state = inbox.state();
    state.put_incident(&story(&receipt.id)).unwrap();
    take_up(&state, &receipt.id);
    assert_eq!(inbox.one(report("a", "shop")).state, IncidentState::Escalated);
    assert_eq!(state.external_ids_of(&receipt.id).unwrap(), ["a"]);
    assert_eq!(state.report(receipt.id.as_str()).unwrap().unwrap().incident_id, Some(receipt.id));
}

#[test]
fn reports_about_one_trouble_are_one_group_and_the_loop_reads_no_more_than_fits() {
    let inbox = Door::open();
    let all = (0..300).map(|n| report(&format!("r{n}"), &format!("service-{}", n % 3))).collect();
    assert_eq!(inbox.put(all).len(), 300);
    let state = inbox.state();
    let mut room = 2;
    let groups = state
        .new_reports(|_| {
            room -= 1;
            room >= 0
        })
        .unwrap();
    assert_eq!(groups.iter().map(|g| g.reporters).collect::<Vec<_>>(), [100, 100]);
    assert_eq!(state.unlinked_reports(0).unwrap().len(), 300);
    take_up(&state, &IncidentId("in-0000000001".into()));
    assert_eq!(state.unlinked_reports(0).unwrap().len(), 0);
    assert_eq!(state.open_reports(0).unwrap().len(), 3);
    assert_eq!(state.forget_reports(at(9_999_999)).unwrap(), 0, "what is open is kept");
}

#[test]
fn what_waits_is_bounded_and_what_is_refused_is_not_kept() {
    let inbox = Door::open();
    let state = inbox.state();
    let large = |n: usize| {
        let logs = vec!["x".repeat(1024); 1024];
        Report { logs, ..report(&format!("large-{n}"), "shop") }
    };
    // While this transaction is open the writer can only wait.
    let accepted = Arc::new(Mutex::new(0));
    let mut refused = 0;
    let mut state = state;
    state
        .atomically(|_| {
            for n in 0..40 {
                let accepted = accepted.clone();
                let taken = inbox.inbox.put(vec![large(n)], move |written| {
                    // One that had to wait too long is told so, which is no promise either.
                    *accepted.lock().unwrap() += u64::from(written.is_ok());
                });
                refused += u64::from(taken.is_err());
            }
            Ok(())
        })
        .unwrap();
    assert!(refused > 0, "80 MiB are more than may wait");
    let inbox = inbox.again();
    let kept = inbox.state().reports_not_closed().unwrap();
    assert_eq!(kept, *accepted.lock().unwrap());
    assert!(kept + refused <= 40);
}
