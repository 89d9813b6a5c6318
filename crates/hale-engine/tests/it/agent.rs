//! One agent a data directory; questions and wishes with and without it.

use hale_model::api::{Command as Wish, ErrorKind, Query, View};
use hale_model::config::Mode;

use crate::world::{World, me, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_on_the_same_directory_is_refused_by_name() {
    let world = World::start(Mode::Observe).await;
    let error = match World::start_on(world.settings.clone()).await {
        Ok(_) => panic!("two agents on one directory"),
        Err(error) => error,
    };
    assert!(error.message.contains(&format!("pid {}", std::process::id())), "{}", error.message);
    assert!(error.hint.is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_is_free_again_after_the_agent_ends() {
    let world = World::start(Mode::Observe).await;
    let settings = world.settings.clone();
    let _dir = world.stop().await;
    World::start_on(settings).await.expect("a new agent starts").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_alike_with_and_without_an_agent() {
    let world = World::start(Mode::Observe).await;
    let offline = hale_engine::offline(world.settings.clone());
    for query in [
        Query::Status { machine: None },
        Query::Health,
        Query::Alerts { states: Vec::new(), limit: 0 },
        Query::Incidents { state: None, limit: 0 },
        Query::Approvals { all: true },
        Query::Triage,
        Query::Explain { what: std::process::id().to_string() },
        Query::Audit { limit: 0 },
        Query::AuditVerify,
        Query::Doctor,
    ] {
        let with =
            world.handle.query(query.clone()).await.unwrap_or_else(|e| panic!("{query:?}: {e}"));
        let without =
            offline.query(query.clone()).await.unwrap_or_else(|e| panic!("{query:?}: {e}"));
        assert_eq!(std::mem::discriminant(&with), std::mem::discriminant(&without), "{query:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_set_without_an_agent_holds_for_the_next_one() {
    let dir = tempfile::TempDir::new().unwrap();
    let settings = settings(dir.path(), Mode::Observe);
    let offline = hale_engine::offline(settings.clone());
    let paused = offline.command(Wish::Pause { for_secs: Some(600) }, me()).await.unwrap();
    assert!(matches!(paused, View::Paused(Some(_))), "{paused:?}");

    let world = World::start_on(settings).await.unwrap();
    let View::Status(status) = world.handle.query(Query::Status { machine: None }).await.unwrap()
    else {
        panic!("status gave another answer")
    };
    assert!(status.paused_until.is_some());
    world.wish(Wish::Resume).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_never_cut_short_by_another_and_one_of_nothing_is_an_error() {
    let dir = tempfile::TempDir::new().unwrap();
    let offline = hale_engine::offline(settings(dir.path(), Mode::Observe));
    let pause = async |for_secs| match offline.command(Wish::Pause { for_secs }, me()).await {
        Ok(View::Paused(until)) => Ok(until.unwrap()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let hour = pause(Some(3600)).await.unwrap();
    assert_eq!(pause(Some(60)).await.unwrap(), hour);
    assert!(pause(Some(7200)).await.unwrap() > hour);
    let for_good = pause(None).await.unwrap();
    assert_eq!(pause(Some(60)).await.unwrap(), for_good);
    let nothing = pause(Some(0)).await.unwrap_err();
    assert_eq!(nothing.kind, ErrorKind::Usage, "{nothing}");
    assert_eq!(pause(Some(60)).await.unwrap(), for_good);
    offline.command(Wish::Resume, me()).await.unwrap();
    assert!(pause(Some(60)).await.unwrap() < hour);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_name_the_command_that_lists_the_known() {
    let world = World::start(Mode::Observe).await;
    for (query, list) in [
        (Query::Alert { id: "al-0".into() }, "hale alerts list"),
        (Query::Incident { id: "in-0".into() }, "hale incidents list"),
        (Query::Approval { id: "ap-0".into() }, "hale approvals list"),
    ] {
        let error = world.handle.query(query).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.hint.unwrap().contains(list));
    }
    world.stop().await;
}
