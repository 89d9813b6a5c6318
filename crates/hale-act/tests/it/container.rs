//! Containers of a real engine.

use hale_act::{ActRoots, Actuator, EngineAccess, Reconciled};
use hale_model::action::{Action, Undo};
use hale_model::container::ContainerRef;
use hale_testkit::containers::{TestContainer, TestEngine};

use crate::support::{World, block_on, carry_out, id};

fn actuator(engine: &TestEngine) -> (World, Actuator) {
    let world = World::new();
    let roots = ActRoots { engine: EngineAccess::Address(engine.address()), ..world.roots.clone() };
    let actuator = Actuator::new(roots);
    (world, actuator)
}

fn up(engine: &TestEngine, label: &str, arguments: &[&str]) -> TestContainer {
    let container = engine.server(label, arguments).unwrap();
    container.until_up().unwrap();
    container
}

#[test]
fn a_restart_ends_the_old_run_and_cures_what_was_in_it() {
    let name = "a_restart_ends_the_old_run_and_cures_what_was_in_it";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    let web = up(&engine, "restart", &[]);
    assert_eq!(web.get("/break"), Some(500));
    assert_eq!(web.get("/"), Some(500));
    let container = web.container_ref().unwrap();
    let action = Action::ContainerRestart { container: container.clone() };
    let (_, outcome) = block_on(carry_out(&actuator, &action)).unwrap();
    assert!(outcome.done, "{}", outcome.detail);
    assert!(outcome.detail.starts_with(&format!("restart container {}: done", web.name)));
    web.until_up().unwrap();
    assert_ne!(web.started_at().unwrap(), container.started_at);
    // The same wish again is about a run that is over.
    let error = block_on(carry_out(&actuator, &action)).unwrap_err();
    assert_eq!(error.kind(), "target_changed");
    assert!(error.to_string().contains("is no longer what was judged"), "{error}");
}

#[test]
fn a_container_made_anew_under_the_same_name_is_not_touched() {
    let name = "a_container_made_anew_under_the_same_name_is_not_touched";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    let old = up(&engine, "anew", &[]);
    let judged = old.container_ref().unwrap();
    let same_name = old.name.clone();
    drop(old);
    engine
        .docker(&["run", "-d", "--name", &same_name, "hale-lab:bookworm", "sleep", "60"])
        .unwrap();
    let action = Action::ContainerStop { container: judged };
    let error = block_on(carry_out(&actuator, &action)).unwrap_err();
    let state = engine.docker(&["inspect", "--format", "{{.State.Status}}", &same_name]).unwrap();
    engine.docker(&["rm", "-f", &same_name]).unwrap();
    assert_eq!(error.kind(), "target_gone");
    assert_eq!(state, "running");
}

#[test]
fn a_memory_limit_is_raised_and_set_back_with_its_share_of_swap() {
    let name = "a_memory_limit_is_raised_and_set_back_with_its_share_of_swap";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    let web = up(&engine, "memory", &["--memory", "64m"]);
    let before = web.inspect(".HostConfig.Memory").unwrap();
    let container = web.container_ref().unwrap();
    let action = Action::ContainerSetMemory { container, limit_bytes: 96 << 20 };
    let (_, outcome) = block_on(carry_out(&actuator, &action)).unwrap();
    assert!(outcome.done, "{}", outcome.detail);
    assert_eq!(web.inspect(".HostConfig.Memory").unwrap(), (96 << 20).to_string());
    assert_eq!(web.state().unwrap(), "running");
    block_on(actuator.undo(&id(), &outcome.undo)).unwrap();
    assert_eq!(web.inspect(".HostConfig.Memory").unwrap(), before);
}

#[test]
fn a_container_without_a_limit_is_given_none_that_could_not_be_lifted() {
    let name = "a_container_without_a_limit_is_given_none_that_could_not_be_lifted";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    let web = up(&engine, "unlimited", &[]);
    let container = web.container_ref().unwrap();
    let action = Action::ContainerSetMemory { container, limit_bytes: 96 << 20 };
    let error = block_on(carry_out(&actuator, &action)).unwrap_err();
    assert!(error.to_string().contains("could not be lifted again"), "{error}");
    assert_eq!(web.inspect(".HostConfig.Memory").unwrap(), "0");
}

#[test]
fn a_start_is_undone_unless_a_person_started_it_anew_since() {
    let name = "a_start_is_undone_unless_a_person_started_it_anew_since";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    let web = up(&engine, "undo", &[]);
    web.docker(&["stop"]).unwrap();
    let container = web.container_ref().unwrap();
    let action = Action::ContainerStart { container };
    let (_, outcome) = block_on(carry_out(&actuator, &action)).unwrap();
    assert!(matches!(outcome.undo, Undo::StopContainer { .. }));
    web.docker(&["restart"]).unwrap();
    let error = block_on(actuator.undo(&id(), &outcome.undo)).unwrap_err();
    assert_eq!(error.kind(), "target_changed");
    assert_eq!(web.state().unwrap(), "running");
}

#[test]
fn after_kill_9_in_a_restart_it_is_seen_that_the_engine_went_on_with_it() {
    let name = "after_kill_9_in_a_restart_it_is_seen_that_the_engine_went_on_with_it";
    let Some(engine) = TestEngine::find(name) else { return };
    let (world, actuator) = actuator(&engine);
    let made = format!("hale-test-slow-{}", std::process::id());
    // Its first program knows no TERM: it takes its whole grace period to end.
    let slow = ["run", "-d", "--name", &made, "--stop-timeout", "2", "hale-lab:bookworm"];
    engine.docker(&[&slow[..], &["sleep", "600"]].concat()).unwrap();
    let read = |field: &str| engine.docker(&["inspect", "--format", field, &made]).unwrap();
    let started_at: hale_model::Timestamp = read("{{.State.StartedAt}}").parse().unwrap();
    let container =
        ContainerRef { id: read("{{.Id}}"), name: made.clone(), started_at: Some(started_at) };
    let action = Action::ContainerRestart { container };
    let pre = block_on(actuator.pre_state(&action)).unwrap();
    let mut child = crate::crash::start_child_on(
        &world.roots.data_dir,
        &action,
        &pre,
        &[("DOCKER_HOST", engine.address())],
    );
    std::thread::sleep(std::time::Duration::from_millis(700));
    child.kill().unwrap();
    child.wait().unwrap();
    let before_it_is_over = read("{{.State.StartedAt}}");
    let found = block_on(actuator.reconcile(&id(), &action, Some(&pre)));
    let after = read("{{.State.StartedAt}}");
    engine.docker(&["rm", "-f", &made]).unwrap();
    assert_eq!(before_it_is_over.parse::<hale_model::Timestamp>().unwrap(), started_at);
    let Reconciled::Done(outcome) = found else { panic!("{found:?}") };
    assert!(outcome.done, "{}", outcome.detail);
    assert_ne!(after, before_it_is_over);
}

#[test]
fn what_the_engine_cannot_do_is_told_in_its_words() {
    let name = "what_the_engine_cannot_do_is_told_in_its_words";
    let Some(engine) = TestEngine::find(name) else { return };
    let (_world, actuator) = actuator(&engine);
    // Its program is gone: it cannot be started again.
    let web = up(&engine, "broken", &[]);
    web.docker(&["stop"]).unwrap();
    let image = "hale-lab:bookworm";
    let made = format!("{}-missing", web.name);
    engine.docker(&["create", "--name", &made, image, "/no/such/program"]).unwrap();
    let id_of = engine.docker(&["inspect", "--format", "{{.Id}}", &made]).unwrap();
    let container = ContainerRef { id: id_of, name: made.clone(), started_at: None };
    let done = block_on(carry_out(&actuator, &Action::ContainerStart { container }));
    engine.docker(&["rm", "-f", &made]).unwrap();
    let said = match done {
        Ok((_, outcome)) => {
            assert!(!outcome.done);
            outcome.detail
        }
        Err(error) => error.to_string(),
    };
    assert!(said.contains("/no/such/program"), "{said}");
    assert!(said.contains(&made), "{said}");
}

#[test]
fn hostile_names_reach_neither_engine_nor_shell() {
    let name = "hostile_names_reach_neither_engine_nor_shell";
    let Some(engine) = TestEngine::find(name) else { return };
    let (world, actuator) = actuator(&engine);
    let mark = world.dir.path().join("mark");
    for name in [
        format!("$(touch {})", mark.display()),
        format!("x; touch {}", mark.display()),
        "../../images/prune".to_owned(),
        "-f".to_owned(),
    ] {
        for id in ["ab".repeat(32), name.clone()] {
            let container = ContainerRef { id, name: name.clone(), started_at: None };
            for action in [
                Action::ContainerRestart { container: container.clone() },
                Action::ContainerStart { container: container.clone() },
                Action::ContainerStop { container: container.clone() },
                Action::ContainerSetMemory { container: container.clone(), limit_bytes: 1 << 30 },
            ] {
                let error = block_on(actuator.pre_state(&action)).unwrap_err();
                assert!(error.to_string().contains("not the name"), "{error}");
                let unknown = block_on(actuator.reconcile(&crate::support::id(), &action, None));
                assert!(matches!(unknown, Reconciled::Unknown(_)));
            }
        }
    }
    assert!(!mark.exists());
}

#[test]
fn without_an_engine_it_is_said_what_is_missing() {
    let world = World::new();
    let container = ContainerRef { id: "ab".repeat(32), name: "web".to_owned(), started_at: None };
    let nowhere = world.dir.path().join("docker.sock").display().to_string();
    for (engine, expected) in [
        (EngineAccess::Disabled, "containers are switched off in this set-up".to_owned()),
        (
            EngineAccess::Address(nowhere.clone()),
            format!("there is no container engine at {nowhere}"),
        ),
    ] {
        let roots = ActRoots { engine, ..world.roots.clone() };
        let action = Action::ContainerRestart { container: container.clone() };
        let error = block_on(Actuator::new(roots).pre_state(&action)).unwrap_err();
        assert_eq!(error.kind(), "unsupported");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
