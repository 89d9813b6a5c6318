//! A yes that comes too late, or to something that is no longer there: nothing is done, the audit has
//! it, and the story says why.

use std::time::Duration;

use hale_model::action::Approval;
use hale_model::api::{Command as Wish, ErrorKind, Query, View};
use hale_model::config::Mode;
use hale_model::view::{ApprovalView, IncidentView};
use hale_model::{ApprovalId, IncidentId, Timestamp};
use hale_store::{Access, State};

use crate::isolated::isolated;
use crate::world::{Ghosts, World};

async fn question_about(world: &World, incident: &str) -> ApprovalView {
    let View::Approvals(waiting) =
        world.handle.query(Query::Approvals { all: false }).await.unwrap()
    else {
        panic!("approvals gave another answer")
    };
    let mine = |a: &ApprovalView| a.incident_id.as_deref() == Some(incident);
    waiting.approvals.into_iter().find(mine).expect("the question waits")
}

/// The incident, once its story says this.
async fn told(world: &World, id: &str, words: &str) -> IncidentView {
    let mut tries = 0;
    loop {
        let query = Query::Incident { id: IncidentId::from(id) };
        let View::Incident(incident) = world.handle.query(query).await.unwrap() else {
            panic!("incident gave another answer")
        };
        if incident.timeline.iter().any(|entry| entry.text.contains(words)) {
            return *incident;
        }
        assert!(tries < 100, "nobody said `{words}`: {:#?}", incident.timeline);
        tries += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The audit's entries of a kind about an approval.
async fn entries(world: &World, kind: &str, approval: &str) -> usize {
    match world.handle.query(Query::Audit { limit: 0 }).await.unwrap() {
        View::Audit(entries) => {
            entries.iter().filter(|e| e.kind == kind && e.subject == approval).count()
        }
        other => panic!("{other:?}"),
    }
}

/// The question that came in the place of this one.
async fn asked_anew(world: &World, incident: &str, before: &str) -> ApprovalView {
    for _ in 0..100 {
        let View::Approvals(waiting) =
            world.handle.query(Query::Approvals { all: false }).await.unwrap()
        else {
            panic!("approvals gave another answer")
        };
        let mine = |a: &ApprovalView| a.incident_id.as_deref() == Some(incident) && a.id != before;
        if let Some(found) = waiting.approvals.into_iter().find(mine) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no new question about {incident}: {:#?}", world.incidents().await)
}

fn yes(id: &str) -> Wish {
    Wish::Approve { id: ApprovalId::from(id), confirmed_critical: false }
}

/// The stored question, changed behind the agent's back.
fn rewritten(world: &World, id: &str, change: impl FnOnce(&mut Approval)) {
    let path = world.settings.data_dir.join("state.db");
    let state = State::open(&path, Access::Write).unwrap();
    let mut stored = state.approval(id).unwrap().unwrap();
    change(&mut stored);
    state.put_approval(&stored).unwrap();
}

#[test]
fn a_yes_that_comes_too_late_does_nothing() {
    isolated("approvals::a_yes_that_comes_too_late_does_nothing", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Approve).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let about = world.incident_about(&ghosts, "awaiting_approval").await;
        let question = question_about(&world, &about.id).await;
        // Its time runs out while nobody looks.
        rewritten(&world, &question.id, |stored| stored.expires_at = Timestamp::now());

        let late = world.wish(yes(&question.id)).await.unwrap_err();
        assert_eq!(late.kind, ErrorKind::Refused, "{late}");
        assert!(late.message.contains("expired"), "{late}");
        let after = told(&world, &about.id, "expired").await;
        let action = after.actions.iter().find(|a| a.id == question.action.id).unwrap();
        assert_eq!(action.state, "refused", "{action:#?}");
        assert_eq!(entries(&world, "approve", &question.id).await, 0);
        assert!(entries(&world, "void", &question.id).await > 0);
        // Nobody is asked any more, so that it does not stand as if somebody were.
        assert_eq!(after.state, "escalated", "{after:#?}");
        assert_eq!(ghosts.living(), 6);
        world.stop().await;
    });
}

#[test]
fn a_yes_to_what_is_no_longer_there_does_nothing() {
    isolated("approvals::a_yes_to_what_is_no_longer_there_does_nothing", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Approve).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let about = world.incident_about(&ghosts, "awaiting_approval").await;
        let question = question_about(&world, &about.id).await;
        // The state that the yes is given to is not the one that was asked about.
        rewritten(&world, &question.id, |stored| stored.binding = "of another target".to_owned());

        let View::Approval(answered) = world.wish(yes(&question.id)).await.unwrap() else {
            panic!("approve gave another answer")
        };
        assert_eq!(answered.state, "voided", "{answered:#?}");
        let words = "is void, nothing was done: the target changed after hale had asked about it";
        let after = told(&world, &about.id, words).await;
        let action = after.actions.iter().find(|a| a.id == question.action.id).unwrap();
        assert_eq!(action.state, "refused", "{action:#?}");
        assert_eq!(entries(&world, "void", &question.id).await, 1);
        assert_eq!(ghosts.living(), 6);
        // The trouble stands: a new question, bound to what is there now, and a yes to it is carried out.
        let again = asked_anew(&world, &about.id, &question.id).await;
        let View::Approval(answered) = world.wish(yes(&again.id)).await.unwrap() else {
            panic!("approve gave another answer")
        };
        assert_eq!(answered.state, "used", "{answered:#?}");
        told(&world, &about.id, "ended by TERM").await;
        assert_eq!(ghosts.living(), 0);
        world.stop().await;
    });
}
