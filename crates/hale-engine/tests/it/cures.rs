//! From orphans left behind to a verified cure, in each mode.

use hale_model::action::Action;
use hale_model::api::{Command as Wish, ErrorKind, Query, View};
use hale_model::config::{DeclaredService, Mode};
use hale_model::{IncidentId, ProcRef};

use crate::isolated::isolated;
use crate::world::{Ghosts, World, me};

fn yes(id: &hale_model::ApprovalId) -> Wish {
    Wish::Approve { id: id.clone(), confirmed_critical: false }
}

async fn audit_kinds(world: &World) -> Vec<String> {
    match world.handle.query(Query::Audit { limit: 0 }).await.unwrap() {
        View::Audit(entries) => entries.into_iter().map(|e| e.kind).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn auto_kills_exactly_the_ghosts_and_proves_it() {
    isolated("cures::auto_kills_exactly_the_ghosts_and_proves_it", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Auto).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let incident = world.incident_about(&ghosts, "resolved").await;

        assert_eq!(ghosts.living(), 0);
        assert_eq!(incident.diagnosis.as_ref().unwrap().cause_kind, "ghost_storm");
        let [action] = incident.actions.as_slice() else { panic!("{:#?}", incident.actions) };
        assert_eq!((action.kind.as_str(), action.state.as_str()), ("process.kill", "succeeded"));
        let told: Vec<&str> = incident.timeline.iter().map(|t| t.kind.as_str()).collect();
        let wanted =
            ["alert_opened", "diagnosis", "verdict", "intent", "outcome", "verified", "resolved"];
        let mut rest = told.iter();
        for kind in wanted {
            assert!(rest.any(|k| *k == kind), "`{kind}` is missing, or out of order, in {told:?}");
        }
        assert!(audit_kinds(&world).await.windows(2).any(|w| w == ["intent", "outcome"]));
        world.stop().await;
    });
}

#[test]
fn observe_tells_and_touches_nothing() {
    isolated("cures::observe_tells_and_touches_nothing", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Observe).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let incident = world.incident_about(&ghosts, "escalated").await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(ghosts.living(), 6);
        assert!(incident.actions.iter().all(|a| a.state == "planned"), "{:#?}", incident.actions);
        assert!(!audit_kinds(&world).await.contains(&"intent".to_owned()));
        world.stop().await;
    });
}

#[test]
fn an_approval_is_used_once_and_only_then() {
    isolated("cures::an_approval_is_used_once_and_only_then", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Approve).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let incident = world.incident_about(&ghosts, "awaiting_approval").await;
        assert_eq!(ghosts.living(), 6, "nothing is done before a person says yes");

        let View::Approvals(waiting) =
            world.handle.query(Query::Approvals { all: false }).await.unwrap()
        else {
            panic!("approvals gave another answer")
        };
        let approval = waiting
            .approvals
            .iter()
            .find(|a| a.incident_id.as_deref() == Some(incident.id.as_str()))
            .expect("the question waits");
        let id: hale_model::ApprovalId = approval.id.as_str().into();
        world.wish(Wish::Pause { for_secs: Some(600) }).await.unwrap();
        let paused = world.wish(yes(&id)).await.unwrap_err();
        assert_eq!(paused.kind, ErrorKind::Refused, "{paused}");
        world.wish(Wish::Resume).await.unwrap();
        // The pause has not used it up.
        world.wish(yes(&id)).await.unwrap();
        world.incident_about(&ghosts, "resolved").await;
        assert_eq!(ghosts.living(), 0);

        let again = world.wish(yes(&id)).await.unwrap_err();
        assert_eq!(again.kind, ErrorKind::Refused);
        // Both refusals are on record beside the one yes.
        let kinds = audit_kinds(&world).await;
        let count = |kind| kinds.iter().filter(|k| *k == kind).count();
        assert_eq!((count("refused"), count("approve")), (2, 1), "{kinds:?}");
        world.stop().await;
    });
}

#[test]
fn an_approval_without_an_agent_is_carried_out_and_ends_the_incident() {
    isolated("cures::an_approval_without_an_agent_is_carried_out_and_ends_the_incident", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Approve).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let incident = world.incident_about(&ghosts, "awaiting_approval").await;
        let settings = world.settings.clone();
        let _dir = world.stop().await;

        let offline = hale_engine::offline(settings);
        let View::Approvals(waiting) =
            offline.query(Query::Approvals { all: false }).await.unwrap()
        else {
            panic!("approvals gave another answer")
        };
        let mine = |a: &&hale_model::view::ApprovalView| {
            a.incident_id.as_deref() == Some(incident.id.as_str())
        };
        let id = waiting.approvals.iter().find(mine).expect("the question waits").id.clone();
        offline.command(yes(&id.as_str().into()), me()).await.unwrap();
        assert_eq!(ghosts.living(), 0);
        let View::Incident(after) =
            offline.query(Query::Incident { id: IncidentId(incident.id.clone()) }).await.unwrap()
        else {
            panic!("incident gave another answer")
        };
        assert_eq!(after.state, "resolved");
        assert!(after.timeline.iter().any(|t| t.text == "cured and verified"), "{after:#?}");
    });
}

#[test]
fn a_rejected_question_is_not_asked_again_at_once() {
    isolated("cures::a_rejected_question_is_not_asked_again_at_once", async {
        let dir = tempfile::TempDir::new().unwrap();
        let world = World::start(Mode::Approve).await;
        let ghosts = Ghosts::leave(dir.path(), 6);
        let incident = world.incident_about(&ghosts, "awaiting_approval").await;
        let View::Approvals(waiting) =
            world.handle.query(Query::Approvals { all: false }).await.unwrap()
        else {
            panic!("approvals gave another answer")
        };
        for approval in waiting.approvals {
            let why = Some("they are mine".to_owned());
            world.wish(Wish::Reject { id: approval.id.as_str().into(), why }).await.unwrap();
        }
        world.incident_about(&ghosts, "escalated").await;
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        let View::Incident(after) = world
            .handle
            .query(Query::Incident { id: IncidentId(incident.id.clone()) })
            .await
            .unwrap()
        else {
            panic!("incident gave another answer")
        };
        assert_eq!(
            after.actions.len(),
            incident.actions.len(),
            "asked again: {:#?}",
            after.actions
        );
        assert_eq!(ghosts.living(), 6);
        world.stop().await;
    });
}

#[test]
fn a_reused_pid_is_refused_and_its_new_owner_lives() {
    isolated("cures::a_reused_pid_is_refused_and_its_new_owner_lives", async {
        let world = World::start(Mode::Observe).await;
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let stale = ProcRef {
            pid: i32::try_from(child.id()).unwrap(),
            start_ticks: 1,
            name: "sleep".to_owned(),
        };
        let action =
            Action::ProcessKill { targets: vec![stale], grace_secs: 1, force: false, group: false };
        for handle in [world.handle.clone(), hale_engine::offline(world.settings.clone())] {
            let wish = Wish::Act { action: action.clone(), confirmed_critical: true };
            let error = handle.command(wish, me()).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused, "{error}");
        }
        assert!(child.try_wait().unwrap().is_none(), "the process must live");
        child.kill().unwrap();
        child.wait().unwrap();
        world.stop().await;
    });
}

#[test]
fn a_persons_kill_is_judged_done_and_verified_without_an_agent() {
    isolated("cures::a_persons_kill_is_judged_done_and_verified_without_an_agent", async {
        let dir = tempfile::TempDir::new().unwrap();
        let settings = crate::world::settings(dir.path(), Mode::Observe);
        let offline = hale_engine::offline(settings);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let start_ticks =
            stat.rsplit(") ").next().unwrap().split(' ').nth(19).unwrap().parse().unwrap();
        let target = ProcRef { pid, start_ticks, name: "sleep".to_owned() };
        let action = Action::ProcessKill {
            targets: vec![target],
            grace_secs: 2,
            force: false,
            group: false,
        };
        let view =
            offline.command(Wish::Act { action, confirmed_critical: true }, me()).await.unwrap();
        let View::Action(action) = view else { panic!("{view:?}") };
        assert_eq!(action.state, "succeeded", "{action:#?}");
        assert!(!action.observations.is_empty());
        reaper.join().unwrap();
    });
}

#[test]
fn who_finds_its_target_in_hand_waits_and_asks_nobody() {
    isolated("cures::who_finds_its_target_in_hand_waits_and_asks_nobody", async {
        let dir = tempfile::TempDir::new().unwrap();
        let (pid_file, script) = (dir.path().join("shop.pid"), dir.path().join("restart"));
        // Down for a while before it is up again.
        let restart = format!(
            "#!/bin/sh\nkill \"$(cat {0})\" 2>/dev/null\nsleep 4\nsleep 600 </dev/null >/dev/null 2>&1 &\necho $! > {0}\n",
            pid_file.display()
        );
        std::fs::write(&script, restart).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&script, mode).unwrap();
        let begun = "sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
        let shop = std::process::Command::new("sh").args(["-c", begun]).output().unwrap();
        std::fs::write(&pid_file, &shop.stdout).unwrap();
        let mut settings = crate::world::settings(dir.path(), Mode::Auto);
        settings.config.services = vec![DeclaredService {
            name: "shop".to_owned(),
            pid_file: pid_file.display().to_string(),
            restart: vec![script.display().to_string()],
            health_url: String::new(),
        }];
        settings.config.allowlist.restartable_units = vec!["shop".to_owned()];
        let world = World::start_on(settings).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let action = Action::ServiceRestart { unit: "shop".to_owned(), invocation_id: None };
        world.wish(Wish::Act { action, confirmed_critical: true }).await.unwrap();
        let about = async || {
            let all = world.incidents().await;
            all.into_iter().find(|i| i.title.contains("shop"))
        };
        let mut incident = about().await;
        for _ in 0..150 {
            if incident.as_ref().is_some_and(|i| i.state == "resolved") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            incident = about().await;
        }
        let incident = incident.expect("it was down for seconds");
        let told: Vec<&str> = incident.timeline.iter().map(|t| t.kind.as_str()).collect();
        assert_eq!(incident.state, "resolved", "{incident:#?}");
        assert!(told.contains(&"waits") && !told.contains(&"escalated"), "{told:?}");
        assert_eq!(told.iter().filter(|kind| **kind == "waits").count(), 1, "{told:?}");
        let last = incident.timeline.last().map(|t| t.text.as_str());
        assert_eq!(last, Some("over with service.restart shop, which was under way"));
        assert!(incident.actions.is_empty(), "{:#?}", incident.actions);
        world.stop().await;
    });
}
