//! What hale does alone, what people may do, and what an approval lets through.

use hale_model::action::{Action, ActionKind, ActionState, Actor};
use hale_model::alert::AlertKind;
use hale_model::config::Mode;
use hale_model::lesson::Lesson;
use insta::assert_snapshot;

use crate::decide_guard::{Ask, Case, MODES, nothing, pids};
use crate::decide_world::*;

#[test]
fn what_auto_does_alone() {
    let storm = |a: &mut Ask| a.alert_kind = Some(AlertKind::ProcessGhostStorm);
    let failed = |a: &mut Ask| a.alert_kind = Some(AlertKind::ServiceFailed);
    let listed = |a: &mut Ask| {
        a.alert_kind = Some(AlertKind::ServiceFailed);
        a.config.allowlist.restartable_units = vec!["rep*".to_owned()];
    };
    let leak = |a: &mut Ask| a.alert_kind = Some(AlertKind::ProcessLeak);
    let class = "python3 mcp_server.py --port #";
    let lesson = |approved: u32, withdrawn: Option<&str>| Lesson {
        successes: approved,
        approved_successes: approved,
        withdrawn: withdrawn.map(ToOwned::to_owned),
        ..Lesson::new(AlertKind::ProcessLeak, ActionKind::ProcessKill, class, at(-10))
    };
    let before = |state: ActionState, times: usize| {
        vec![done(pids(&[700]), AlertKind::ProcessGhostStorm, state); times]
    };
    let cases: Vec<Case> = vec![
        ("orphans of a storm", Box::new(storm), pids(&[700, 701])),
        ("one of the storm has its parent", Box::new(storm), pids(&[700, 750])),
        (
            "a storm in another container",
            Box::new(move |a| {
                storm(a);
                info(&mut a.snapshot.processes[8]).container = Some("c0ffee".to_owned());
            }),
            pids(&[700]),
        ),
        (
            "a storm in hale's own container",
            Box::new(move |a| {
                storm(a);
                for p in &mut a.snapshot.processes {
                    info(p).container = Some("c0ffee".to_owned());
                }
            }),
            pids(&[700]),
        ),
        (
            "a storm within a service",
            Box::new(move |a| {
                storm(a);
                in_unit("app.service")(&mut a.snapshot.processes[8]);
            }),
            pids(&[700]),
        ),
        (
            "a storm within a login",
            Box::new(move |a| {
                storm(a);
                info(&mut a.snapshot.processes[8]).unit = Some("user@1000.service".to_owned());
            }),
            pids(&[700]),
        ),
        (
            "a storm of a granted user",
            Box::new(move |a| {
                storm(a);
                a.own_uid = 0;
                a.config.allowlist.granted_users = vec!["ada".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "more than one action may signal",
            Box::new(move |a| {
                storm(a);
                a.config.autonomy.max_kills_per_action = 1;
            }),
            pids(&[700, 701]),
        ),
        ("the same kill for no alert", Box::new(nothing), pids(&[700])),
        ("a failed unit", Box::new(failed), restart("report.service")),
        ("a failed unit that is listed", Box::new(listed), restart("report.service")),
        ("a leak", Box::new(leak), pids(&[700])),
        (
            "a leak, granted",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a leak, granted for its name",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak:pyth*".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a leak, granted for another name",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak:ruby*".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a failed unit, granted for its name",
            Box::new(move |a| {
                failed(a);
                a.config.autonomy.allow = vec!["service.restart@service.failed:rep*".to_owned()];
            }),
            restart("report.service"),
        ),
        (
            "a failed unit, granted for another",
            Box::new(move |a| {
                failed(a);
                a.config.autonomy.allow = vec!["service.restart@service.failed:shop-*".to_owned()];
            }),
            restart("report.service"),
        ),
        (
            "a leak, granted for another alert",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.fd_leak".to_owned()];
            }),
            pids(&[700]),
        ),
        (
            "a leak of a main process, granted",
            Box::new(move |a| {
                leak(a);
                a.own_uid = 0;
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[200]),
        ),
        (
            "a shell somebody sits in, granted",
            Box::new(move |a| {
                leak(a);
                a.config.autonomy.allow = vec!["process.kill@process.leak".to_owned()];
            }),
            pids(&[650]),
        ),
        (
            "a leak, earned",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, None)];
            }),
            pids(&[700]),
        ),
        (
            "a leak, earned a year ago",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![Lesson { last_at: at(-31_536_000), ..lesson(3, None) }];
            }),
            pids(&[700]),
        ),
        (
            "a failed unit that is listed, earned a year ago",
            Box::new(move |a| {
                listed(a);
                let kind = ActionKind::ServiceRestart;
                let old = at(-31_536_000);
                a.lessons = vec![Lesson {
                    successes: 5,
                    approved_successes: 5,
                    ..Lesson::new(AlertKind::ServiceFailed, kind, "report.service", old)
                }];
            }),
            restart("report.service"),
        ),
        (
            "a leak, not yet earned",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(2, None)];
            }),
            pids(&[700]),
        ),
        (
            "a leak, earned, but never by config",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(9, None)];
                a.config.autonomy.earn_after = 0;
            }),
            pids(&[700]),
        ),
        (
            "a leak, earned by another class",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, None)];
            }),
            pids(&[750]),
        ),
        (
            "a leak, withdrawn",
            Box::new(move |a| {
                leak(a);
                a.lessons = vec![lesson(3, Some("it came back"))];
            }),
            pids(&[700]),
        ),
        (
            "20 actions in this hour",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
            }),
            pids(&[700]),
        ),
        (
            "20 of people",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
                for r in &mut a.recent {
                    r.requested_by = Actor::User { uid: ADA };
                }
            }),
            pids(&[700]),
        ),
        (
            "20 more than an hour ago",
            Box::new(move |a| {
                storm(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Succeeded); 20];
                for r in &mut a.recent {
                    r.intended_at = Some(at(-3600));
                }
            }),
            pids(&[700]),
        ),
        (
            "the third time this hour",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Succeeded, 2);
            }),
            pids(&[700]),
        ),
        (
            "the fourth time this hour",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Succeeded, 3);
            }),
            pids(&[700]),
        ),
        (
            "a restart again soon after a verified one",
            Box::new(move |a| {
                listed(a);
                let kind = AlertKind::ServiceFailed;
                a.recent = vec![done(restart("report.service"), kind, ActionState::Succeeded)];
            }),
            restart("report.service"),
        ),
        (
            "a restart again after one that held",
            Box::new(move |a| {
                listed(a);
                let kind = AlertKind::ServiceFailed;
                a.recent = vec![done(restart("report.service"), kind, ActionState::Succeeded)];
                a.recent[0].finished_at = Some(at(-1801));
            }),
            restart("report.service"),
        ),
        (
            "a restart soon after one for another trouble",
            Box::new(move |a| {
                listed(a);
                let kind = AlertKind::MemoryHigh;
                a.recent = vec![done(restart("report.service"), kind, ActionState::Succeeded)];
            }),
            restart("report.service"),
        ),
        (
            "a restart soon after a start",
            Box::new(move |a| {
                listed(a);
                let start = Action::ServiceStart { unit: "report.service".to_owned() };
                a.recent = vec![done(start, AlertKind::MemoryHigh, ActionState::Succeeded)];
            }),
            restart("report.service"),
        ),
        (
            "a restart soon after one of another unit",
            Box::new(move |a| {
                listed(a);
                let kind = AlertKind::ServiceFailed;
                a.recent = vec![done(restart("other.service"), kind, ActionState::Succeeded)];
            }),
            restart("report.service"),
        ),
        (
            "a restart soon after one, where none is a relapse",
            Box::new(move |a| {
                listed(a);
                a.config.autonomy.relapse_secs = 0;
                let kind = AlertKind::ServiceFailed;
                a.recent = vec![done(restart("report.service"), kind, ActionState::Succeeded)];
            }),
            restart("report.service"),
        ),
        (
            "after a failure",
            Box::new(move |a| {
                storm(a);
                a.recent = before(ActionState::Failed, 1);
            }),
            pids(&[700]),
        ),
    ];
    let table: String = cases
        .iter()
        .map(|(name, change, action)| Ask::new(|a| change(a)).line(name, action))
        .collect();
    assert_snapshot!(table, @r#"
orphans of a storm                             allow warning  guard.autonomy.safe_pair
one of the storm has its parent                ask   warning  guard.autonomy.condition
a storm in another container                   ask   warning  guard.autonomy.condition
a storm in hale's own container                allow warning  guard.autonomy.safe_pair
a storm within a service                       ask   warning  guard.autonomy.condition
a storm within a login                         allow warning  guard.autonomy.safe_pair
a storm of a granted user                      ask   warning  guard.autonomy.condition
more than one action may signal                ask   critical guard.critical_needs_yes guard.blast_radius
the same kill for no alert                     ask   warning  guard.autonomy.none
a failed unit                                  ask   warning  guard.autonomy.condition
a failed unit that is listed                   allow warning  guard.autonomy.safe_pair
a leak                                         ask   warning  guard.autonomy.none
a leak, granted                                allow warning  guard.autonomy.granted
a leak, granted for its name                   allow warning  guard.autonomy.granted
a leak, granted for another name               ask   warning  guard.autonomy.none
a failed unit, granted for its name            allow warning  guard.autonomy.granted
a failed unit, granted for another             ask   warning  guard.autonomy.condition
a leak, granted for another alert              ask   warning  guard.autonomy.none
a leak of a main process, granted              ask   critical guard.critical_needs_yes guard.unit_main_process
a shell somebody sits in, granted              ask   critical guard.critical_needs_yes guard.session_leader
a leak, earned                                 allow warning  guard.autonomy.earned
a leak, earned a year ago                      ask   warning  guard.autonomy.lapsed
a failed unit that is listed, earned a year ago allow warning  guard.autonomy.safe_pair
a leak, not yet earned                         ask   warning  guard.autonomy.none
a leak, earned, but never by config            ask   warning  guard.autonomy.none
a leak, earned by another class                ask   warning  guard.autonomy.none
a leak, withdrawn                              ask   warning  guard.autonomy.withdrawn
20 actions in this hour                        ask   warning  guard.rate_limit
20 of people                                   allow warning  guard.autonomy.safe_pair
20 more than an hour ago                       allow warning  guard.autonomy.safe_pair
the third time this hour                       allow warning  guard.autonomy.safe_pair
the fourth time this hour                      ask   warning  guard.repeated
a restart again soon after a verified one      ask   warning  guard.relapsed
a restart again after one that held            allow warning  guard.autonomy.safe_pair
a restart soon after one for another trouble   ask   warning  guard.relapsed
a restart soon after a start                   ask   warning  guard.relapsed
a restart soon after one of another unit       allow warning  guard.autonomy.safe_pair
a restart soon after one, where none is a relapse allow warning  guard.autonomy.safe_pair
after a failure                                ask   warning  guard.failed_before
"#);
}

#[test]
fn what_a_person_may_do() {
    let ada = |a: &mut Ask| a.actor = Actor::User { uid: ADA };
    let yes = |a: &mut Ask| {
        a.actor = Actor::User { uid: ADA };
        a.confirmed_critical = true;
    };
    let root = |a: &mut Ask| {
        a.actor = Actor::User { uid: 0 };
        a.own_uid = 0;
    };
    let bob_of_roots = |a: &mut Ask| {
        a.actor = Actor::User { uid: 1001 };
        a.own_uid = 0;
    };
    let cases: Vec<Case> = vec![
        (
            "her own, in observe mode",
            Box::new(move |a| {
                ada(a);
                a.mode = Mode::Observe;
            }),
            pids(&[750]),
        ),
        (
            "her own, after many actions",
            Box::new(move |a| {
                ada(a);
                a.recent =
                    vec![done(pids(&[750]), AlertKind::ProcessLeak, ActionState::Failed); 99];
            }),
            pids(&[750]),
        ),
        (
            "while paused",
            Box::new(move |a| {
                ada(a);
                a.paused_until = Some(at(1));
            }),
            pids(&[750]),
        ),
        ("her other shell", Box::new(ada), pids(&[650])),
        ("her other shell, YES typed", Box::new(yes), pids(&[650])),
        ("her own shell, YES typed", Box::new(yes), pids(&[500])),
        ("bob's", Box::new(yes), pids(&[800])),
        ("bob's, by root", Box::new(root), pids(&[800])),
        ("bob's, by bob, hale run by root", Box::new(bob_of_roots), pids(&[800])),
        ("ada's, by bob, hale run by root", Box::new(bob_of_roots), pids(&[700])),
        (
            "bob's, by root, hale run by ada",
            Box::new(|a| a.actor = Actor::User { uid: 0 }),
            pids(&[800]),
        ),
        ("a service, by bob, hale run by root", Box::new(bob_of_roots), restart("nginx.service")),
        ("a service, by root", Box::new(root), restart("nginx.service")),
        (
            "stop a service, by root",
            Box::new(root),
            Action::ServiceStop { unit: "nginx.service".to_owned(), invocation_id: None },
        ),
        ("the main process of a service, by root", Box::new(root), pids(&[200])),
    ];
    let table: String = cases
        .iter()
        .map(|(name, change, action)| Ask::new(|a| change(a)).line(name, action))
        .collect();
    assert_snapshot!(table, @r#"
her own, in observe mode                       allow warning  guard.person
her own, after many actions                    allow warning  guard.person
while paused                                   deny  warning  guard.paused
her other shell                                ask   critical guard.critical_needs_yes guard.session_leader
her other shell, YES typed                     allow critical guard.person guard.session_leader
her own shell, YES typed                       deny  deny     guard.own_process
bob's                                          deny  deny     guard.not_own_user
bob's, by root                                 allow warning  guard.person
bob's, by bob, hale run by root                allow warning  guard.person
ada's, by bob, hale run by root                deny  deny     guard.not_own_user
bob's, by root, hale run by ada                deny  deny     guard.not_own_user
a service, by bob, hale run by root            deny  deny     guard.not_own_user
a service, by root                             allow warning  guard.person
stop a service, by root                        ask   critical guard.critical_needs_yes
the main process of a service, by root         ask   critical guard.critical_needs_yes guard.unit_main_process
"#);
}

#[test]
fn an_approval_lets_it_through_where_the_mode_acts_at_all() {
    let stop = Action::ServiceStop { unit: "nginx.service".to_owned(), invocation_id: None };
    let mut table = String::new();
    for mode in MODES {
        for confirmed in [false, true] {
            let ask = Ask::new(|a| {
                a.mode = mode;
                a.approved = true;
                a.confirmed_critical = confirmed;
            });
            let name = format!("{}, YES typed: {confirmed}", mode.as_str());
            table += &ask.line(&format!("kill in {name}"), &pids(&[700]));
            table += &ask.line(&format!("stop in {name}"), &stop);
        }
    }
    assert_snapshot!(table, @r#"
kill in observe, YES typed: false              deny  warning  guard.mode.observe
stop in observe, YES typed: false              deny  critical guard.mode.observe
kill in observe, YES typed: true               deny  warning  guard.mode.observe
stop in observe, YES typed: true               deny  critical guard.mode.observe
kill in suggest, YES typed: false              deny  warning  guard.mode.suggest
stop in suggest, YES typed: false              deny  critical guard.mode.suggest
kill in suggest, YES typed: true               deny  warning  guard.mode.suggest
stop in suggest, YES typed: true               deny  critical guard.mode.suggest
kill in approve, YES typed: false              allow warning  guard.approved
stop in approve, YES typed: false              ask   critical guard.critical_needs_yes
kill in approve, YES typed: true               allow warning  guard.approved
stop in approve, YES typed: true               allow critical guard.approved
kill in auto, YES typed: false                 allow warning  guard.approved
stop in auto, YES typed: false                 ask   critical guard.critical_needs_yes
kill in auto, YES typed: true                  allow warning  guard.approved
stop in auto, YES typed: true                  allow critical guard.approved
"#);
}
