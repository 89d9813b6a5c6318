//! Trust is earned slowly and lost at once.

use hale_brain::remember::{LessonChange, Use, earned, learn, target_class};
use hale_model::action::{
    Action, ActionRecord, ActionState, Actor, Outcome, Reason, Undo, Verification,
};
use hale_model::alert::AlertKind;
use hale_model::config::Autonomy;
use hale_model::lesson::Lesson;
use hale_model::{ProcRef, Timestamp};
use insta::assert_snapshot;

use crate::decide_world::*;

const CLASS: &str = "nginx.service";

fn record(
    lessons: &mut Vec<Lesson>,
    record: &ActionRecord,
    target_class: &str,
    now: Timestamp,
) -> Option<LessonChange> {
    let used = Use { record, target_class, symptom: None, now };
    learn(lessons, &used, &Autonomy::default())
}

/// How a use of the cure ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Approved,
    Alone,
    ByPerson,
    NotVerified,
    PutBackAfterFailure,
    PutBackByPerson,
    NeverDone,
    NothingToDo,
    Unknown,
}

fn used(end: End) -> ActionRecord {
    let seen = |verified| {
        Some(Verification { verified, decided_at: at(0), observations: vec!["seen".to_owned()] })
    };
    let (state, verification) = match end {
        End::Approved | End::Alone | End::ByPerson | End::NothingToDo => {
            (ActionState::Succeeded, seen(true))
        }
        End::NotVerified => (ActionState::Failed, seen(false)),
        End::PutBackAfterFailure => (ActionState::Undone, seen(false)),
        End::PutBackByPerson => (ActionState::Undone, seen(true)),
        End::NeverDone => (ActionState::Failed, None),
        End::Unknown => (ActionState::Unknown, None),
    };
    let mut used = done(restart(CLASS), AlertKind::ServiceFailed, state);
    used.verification = verification;
    if matches!(end, End::NothingToDo) {
        used.outcome = Some(Outcome {
            done: true,
            exit: Some(0),
            detail: "it ran already".to_owned(),
            undo: Undo::nothing_changed(),
        });
    }
    if matches!(end, End::Approved) {
        let text = "a person approved it".to_owned();
        used.verdict.reasons = vec![Reason { rule: "guard.approved".to_owned(), text }];
    }
    if matches!(end, End::ByPerson) {
        used.requested_by = Actor::User { uid: ADA };
    }
    used
}

#[test]
fn three_approved_successes_earn_what_one_failure_takes_away() {
    use End::*;
    let mut lessons: Vec<Lesson> = Vec::new();
    let mut story = String::new();
    for end in [
        Approved,
        Alone,
        NeverDone,
        NothingToDo,
        Approved,
        ByPerson,
        Alone,
        NotVerified,
        Alone,
        Approved,
        Approved,
        Approved,
        PutBackByPerson,
        Unknown,
        PutBackAfterFailure,
    ] {
        let use_of_it = used(end);
        let kind = use_of_it.step.action.kind();
        let change = record(&mut lessons, &use_of_it, CLASS, at(0));
        let trusted = earned(&lessons, kind, &AlertKind::ServiceFailed, CLASS, 3);
        let what = change.map_or_else(
            || "teaches nothing".to_owned(),
            |c| {
                let sign = if c.promoted {
                    "+"
                } else if c.demoted {
                    "-"
                } else {
                    " "
                };
                let earns = if c.earns(3) { " (earned now)" } else { "" };
                format!("{sign} {}{earns}", c.why)
            },
        );
        story += &format!("{:<20} alone: {trusted:<5} {what}\n", format!("{end:?}"));
    }
    assert_snapshot!(story, @r#"
Approved             alone: false + approved and verified, 1 times in a row
Alone                alone: false   verified, 2 times by now
NeverDone            alone: false teaches nothing
NothingToDo          alone: false teaches nothing
Approved             alone: false + approved and verified, 2 times in a row
ByPerson             alone: true  + approved and verified, 3 times in a row (earned now)
Alone                alone: true    verified, 5 times by now
NotVerified          alone: false - it did not cure on its last use: seen
Alone                alone: false   verified, 6 times by now
Approved             alone: false + approved and verified, 1 times in a row
Approved             alone: false + approved and verified, 2 times in a row
Approved             alone: true  + approved and verified, 3 times in a row (earned now)
PutBackByPerson      alone: false - a person put it back after its last use
Unknown              alone: false teaches nothing
PutBackAfterFailure  alone: false   it did not cure on its last use: seen
"#);
    assert_eq!(lessons.len(), 1);
    assert_eq!((lessons[0].successes, lessons[0].failures), (9, 2));
}

#[test]
fn trust_is_for_one_class_one_action_and_one_symptom() {
    let mut lessons = Vec::new();
    for _ in 0..3 {
        record(&mut lessons, &used(End::Approved), CLASS, at(0));
    }
    let kind = restart(CLASS).kind();
    let trusted = |alert, class| earned(&lessons, kind, alert, class, 3);
    assert!(trusted(&AlertKind::ServiceFailed, CLASS));
    assert!(!trusted(&AlertKind::ServiceFlapping, CLASS));
    assert!(!trusted(&AlertKind::ServiceFailed, "other.service"));
    assert!(!earned(&lessons, kind, &AlertKind::ServiceFailed, CLASS, 0), "0 is never");
    assert!(!earned(&lessons, kind, &AlertKind::ServiceFailed, CLASS, 4));
}

#[test]
fn what_people_do_for_no_alert_and_what_only_tells_teach_nothing() {
    let mut lessons = Vec::new();
    let mut direct = used(End::Approved);
    direct.alert_kind = None;
    assert_eq!(record(&mut lessons, &direct, CLASS, at(0)), None);
    let mut told = used(End::Approved);
    told.step.action =
        Action::Notify { message: "x".to_owned(), severity: hale_model::alert::Severity::Low };
    assert_eq!(record(&mut lessons, &told, "person", at(0)), None);
    assert!(lessons.is_empty());
}

#[test]
fn classes_of_targets() {
    let snapshot = world();
    let pid = |pid| the(&snapshot, pid);
    let gone = ProcRef { pid: 9999, start_ticks: 1, name: "gone".to_owned() };
    let table: String = [
        kill(vec![pid(700)]),
        kill(vec![pid(700), pid(701)]),
        kill(vec![pid(750), pid(700)]),
        kill(vec![pid(201)]),
        kill(vec![gone]),
        Action::ProcessRenice { target: pid(751), nice: 10 },
        restart("nginx.service"),
        Action::MemoryDropCaches,
    ]
    .iter()
    .map(|action| format!("{}: {}\n", action.kind(), target_class(action, &snapshot)))
    .collect();
    assert_snapshot!(table, @r#"
process.kill: python3 mcp_server.py --port #
process.kill: python3 mcp_server.py --port #
process.kill: python3 mcp_server.py --port # + python3 train.py
process.kill: nginx.service: nginx
process.kill: gone
process.renice: python3 train.py
service.restart: nginx.service
memory.drop_caches: machine
"#);
}
