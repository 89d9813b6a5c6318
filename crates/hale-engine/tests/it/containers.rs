//! The whole loop on containers of a real engine: seen, judged, restarted, verified.

use std::time::{Duration, Instant};

use hale_engine::Settings;
use hale_model::config::Mode;
use hale_model::view::IncidentView;
use hale_testkit::containers::{TestContainer, TestEngine};
use tempfile::TempDir;

use crate::world::{World, settings};

fn auto_on(dir: &TempDir, engine: &TestEngine, containers: &[&TestContainer]) -> Settings {
    let mut settings = settings(dir.path(), Mode::Auto);
    settings.config.containers.engine = engine.address();
    let names = containers.iter().map(|c| c.name.clone());
    settings.config.allowlist.restartable_containers = names.collect();
    settings
}

/// The incident about this container, once it is so, within a minute.
async fn incident(
    world: &World,
    container: &TestContainer,
    so: impl Fn(&IncidentView) -> bool,
) -> IncidentView {
    let begun = Instant::now();
    loop {
        let all = world.incidents().await;
        let about = |i: &&IncidentView| i.title.contains(&container.name);
        if let Some(found) = all.iter().filter(about).find(|i| so(i)) {
            return found.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "not so in 60 s: {all:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is(state: &'static str) -> impl Fn(&IncidentView) -> bool {
    move |incident| incident.state == state
}

fn done(incident: &IncidentView) -> Vec<(String, String)> {
    incident.actions.iter().map(|a| (a.kind.clone(), a.state.clone())).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unhealthy_container_is_restarted_and_seen_to_be_well() {
    let name = "an_unhealthy_container_is_restarted_and_seen_to_be_well";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.checked_server("cure", &[]).unwrap();
    web.until_health("healthy").unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    let before = web.started_at().unwrap();
    let begun = Instant::now();
    web.get("/break");
    let incident = incident(&world, &web, is("resolved")).await;
    println!("{name}: fault to verified recovery {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(done(&incident), pairs(&[("container.restart", "succeeded")]));
    assert_ne!(web.started_at().unwrap(), before);
    assert_eq!(web.get("/"), Some(200));
    let cause = incident.diagnosis.unwrap();
    let said = cause.cause.split_once("Its check said:").map(|(_, said)| said);
    assert!(said.is_some_and(|said| said.contains("500")), "{}", cause.cause);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_container_is_started_again() {
    let Some(engine) = TestEngine::find("a_crashed_container_is_started_again") else { return };
    let web = engine.server("crash", &["--label", "hale.probe=http://:8080/"]).unwrap();
    web.until_up().unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    let begun = Instant::now();
    web.get("/crash");
    let incident = incident(&world, &web, is("resolved")).await;
    println!("crash: fault to verified recovery {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(done(&incident), pairs(&[("container.restart", "succeeded")]));
    assert_eq!(web.get("/"), Some(200));
    let verified = incident.timeline.iter().find(|t| t.kind == "verified").unwrap();
    assert!(verified.text.contains("200 OK"), "{}", verified.text);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_runs_into_its_limit_is_given_back_before_the_kernel_takes_it() {
    let name = "memory_that_runs_into_its_limit_is_given_back_before_the_kernel_takes_it";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.checked_server("leak", &["--memory", "128m"]).unwrap();
    web.until_health("healthy").unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    let begun = Instant::now();
    web.get("/leak");
    let incident = incident(&world, &web, is("resolved")).await;
    println!("leak: fault to verified recovery {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(done(&incident), pairs(&[("container.restart", "succeeded")]));
    let cause = incident.diagnosis.unwrap();
    assert_eq!(cause.cause_kind, "container_memory", "{}", cause.cause);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_that_does_not_help_is_tried_once_and_then_a_person_is_told() {
    let name = "a_restart_that_does_not_help_is_tried_once_and_then_a_person_is_told";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.checked_server("ill", &["-e", "BROKEN=1"]).unwrap();
    web.until_health("unhealthy").unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    let incident = incident(&world, &web, is("escalated")).await;
    assert_eq!(incident.actions.len(), 1, "{:?}", done(&incident));
    let run = web.started_at().unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(web.started_at().unwrap(), run, "it was restarted once more");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ill_again_soon_after_its_cure_is_left_to_a_person() {
    let name = "what_is_ill_again_soon_after_its_cure_is_left_to_a_person";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.checked_server("again", &[]).unwrap();
    web.until_health("healthy").unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    web.get("/break");
    let first = incident(&world, &web, is("resolved")).await;
    assert_eq!(done(&first), pairs(&[("container.restart", "succeeded")]));
    let run = web.started_at().unwrap();
    web.get("/break");
    let again = incident(&world, &web, |i| i.id != first.id && i.state == "escalated").await;
    assert_eq!(done(&again), pairs(&[]));
    let said = &again.timeline.iter().find(|t| t.kind == "escalated").unwrap().text;
    assert!(said.contains("`restart`, which did not hold"), "{said}");
    assert_eq!(web.started_at().unwrap(), run, "it was restarted again");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_falls_over_at_every_start_is_not_started_once_more() {
    let name = "what_falls_over_at_every_start_is_not_started_once_more";
    let Some(engine) = TestEngine::find(name) else { return };
    let web = engine.server("loop", &["--restart", "always", "-e", "CRASH_AT_START=0.2"]).unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    let incident = incident(&world, &web, is("escalated")).await;
    assert_eq!(done(&incident), pairs(&[]));
    let said = &incident.timeline.iter().find(|t| t.kind == "escalated").unwrap().text;
    assert!(said.contains("repeats what fails at every start"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_stopped_stays_stopped() {
    let Some(engine) = TestEngine::find("what_a_person_stopped_stays_stopped") else { return };
    let web = engine.server("stopped", &["--restart", "always"]).unwrap();
    web.until_up().unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[&web])).await.unwrap();
    web.docker(&["kill"]).unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(web.state().unwrap(), "exited");
    let about = world.incidents().await.into_iter().any(|i| i.title.contains(&web.name));
    assert!(!about, "an incident about what a person stopped");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_granted_waits_for_a_person() {
    let Some(engine) = TestEngine::find("what_nobody_granted_waits_for_a_person") else { return };
    let web = engine.checked_server("asked", &[]).unwrap();
    web.until_health("healthy").unwrap();
    let run = web.started_at().unwrap();
    let dir = TempDir::new().unwrap();
    let world = World::start_on(auto_on(&dir, &engine, &[])).await.unwrap();
    web.get("/break");
    let incident = incident(&world, &web, is("awaiting_approval")).await;
    assert_eq!(done(&incident), pairs(&[("container.restart", "awaiting_approval")]));
    assert_eq!(web.started_at().unwrap(), run);
    world.stop().await;
}
