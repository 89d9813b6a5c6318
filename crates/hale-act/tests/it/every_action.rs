//! What must hold for every action: repeating it is harmless or refused, and after its undo the
//! world is as it was.

use std::collections::BTreeMap;
use std::path::Path;

use hale_act::notify::{Masking, Secrets};
use hale_act::{ActRoots, Actuator, EngineAccess, NotificationKind, Notifier, NotifySettings};
use hale_model::MachineId;
use hale_model::action::{Action, ActionKind, CleanMeans, Outcome, Undo};
use hale_model::alert::Severity;
use hale_model::config::Notifications;
use hale_testkit::containers::TestEngine;

use crate::service_on_a_private_bus::{Sim, Stage};
use crate::support::{OTHER_MOUNT, OtherFileSystem, Victim, World, block_on, carry_out, id};

/// One action on something real, and a look at that thing.
struct Case {
    actuator: Actuator,
    action: Action,
    look: Box<dyn Fn() -> String>,
}

async fn case(kind: ActionKind) -> Option<Case> {
    let name = format!("every_action {kind}");
    Some(match kind {
        ActionKind::ProcessKill => process(|target| Action::ProcessKill {
            targets: vec![target],
            grace_secs: 1,
            force: false,
            group: true,
        }),
        ActionKind::ProcessPause => process(|target| Action::ProcessPause { target }),
        ActionKind::ProcessRenice => {
            let nice = rustix::process::getpriority_process(None).unwrap() + 1;
            process(move |target| Action::ProcessRenice { target, nice })
        }
        ActionKind::ServiceRestart => {
            let unit = "web.service".to_owned();
            service(&name, "active", Action::ServiceRestart { unit, invocation_id: None }).await?
        }
        ActionKind::ServiceStart => {
            service(&name, "inactive", Action::ServiceStart { unit: "web.service".into() }).await?
        }
        ActionKind::ServiceStop => {
            let unit = "web.service".to_owned();
            service(&name, "active", Action::ServiceStop { unit, invocation_id: None }).await?
        }
        ActionKind::MemoryDropCaches => {
            let world = World::new();
            let actuator = world.actuator();
            Case {
                actuator,
                action: Action::MemoryDropCaches,
                look: Box::new(move || {
                    let world = &world;
                    world.roots.drop_caches.exists().to_string()
                }),
            }
        }
        ActionKind::DiskClean => disk(&name)?,
        ActionKind::CommandRun => command(),
        ActionKind::Notify => notify(),
        ActionKind::ContainerRestart => {
            container(&name, "running", |container| Action::ContainerRestart { container })?
        }
        ActionKind::ContainerStart => {
            container(&name, "exited", |container| Action::ContainerStart { container })?
        }
        ActionKind::ContainerStop => {
            container(&name, "running", |container| Action::ContainerStop { container })?
        }
        ActionKind::ContainerSetMemory => container(&name, "running", |container| {
            Action::ContainerSetMemory { container, limit_bytes: 96 << 20 }
        })?,
        ActionKind::K8sRolloutRestart => {
            workload(|workload| Action::K8sRolloutRestart { workload })
        }
        ActionKind::K8sRollback => workload(|workload| Action::K8sRollback { workload }),
        ActionKind::K8sScale => workload(|workload| Action::K8sScale { workload, replicas: 5 }),
    })
}

fn process(action: impl Fn(hale_model::ProcRef) -> Action) -> Case {
    let victim = Victim::sleeper();
    let action = action(victim.target.clone());
    let look = move || match victim.alive() {
        true => format!("stopped {} nice {}", victim.stopped(), victim.nice()),
        false => "ended".to_owned(),
    };
    Case { actuator: World::new().actuator(), action, look: Box::new(look) }
}

async fn service(name: &str, active: &'static str, action: Action) -> Option<Case> {
    let stage = Stage::new(name, &[("web.service", Sim::new(active))]).await?;
    let actuator = stage.actuator.clone();
    let look = move || stage.sim("web.service").active.to_owned();
    Some(Case { actuator, action, look: Box::new(look) })
}

fn disk(name: &str) -> Option<Case> {
    let world = World::new();
    let other = OtherFileSystem::new(name, world.dir.path())?;
    other.old_file("logs/a.log", "a", 48);
    other.old_file("logs/deep/b.log", "b", 48);
    let action = Action::DiskClean {
        mount_point: OTHER_MOUNT.to_owned(),
        means: vec![CleanMeans::OldFiles {
            directories: vec![other.dir.path().display().to_string()],
            older_than_secs: 3600,
        }],
        target_free_percent: 101.0,
    };
    let actuator = world.actuator();
    let look = move || {
        let _ = &world;
        format!("{:?}", tree(other.dir.path()))
    };
    Some(Case { actuator, action, look: Box::new(look) })
}

/// Every file with its content, mode, owner and time.
fn tree(root: &Path) -> BTreeMap<String, String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap().flatten() {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        if meta.is_dir() {
            files.extend(tree(&path));
            continue;
        }
        let content = std::fs::read_to_string(&path).unwrap();
        let facts = (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
        files.insert(path.display().to_string(), format!("{content} {facts:?}"));
    }
    files
}

fn command() -> Case {
    let world = World::new();
    let path = world.dir.path().join("made");
    let action = Action::CommandRun {
        command: format!("touch '{}'", path.display()),
        working_dir: None,
        timeout_secs: 10,
    };
    let actuator = world.actuator();
    let look = move || {
        let _ = &world;
        if path.exists() { "made" } else { "not made" }.to_owned()
    };
    Case { actuator, action, look: Box::new(look) }
}

fn container(
    name: &str,
    state: &str,
    action: impl Fn(hale_model::container::ContainerRef) -> Action,
) -> Option<Case> {
    let engine = TestEngine::find(name)?;
    let world = World::new();
    let roots = ActRoots { engine: EngineAccess::Address(engine.address()), ..world.roots.clone() };
    let container = engine.server("every-action", &["--memory", "64m"]).unwrap();
    container.until_up().unwrap();
    if state == "exited" {
        container.docker(&["stop"]).unwrap();
    }
    let action = action(container.container_ref().unwrap());
    let look = move || {
        let _ = &world;
        let limit = container.inspect(".HostConfig.Memory").unwrap();
        format!("{} limit {limit}", container.state().unwrap())
    };
    Some(Case { actuator: Actuator::new(roots), action, look: Box::new(look) })
}

fn workload(action: impl Fn(hale_model::workload::WorkloadRef) -> Action) -> Case {
    let bed = crate::k8s::bed();
    bed.server.set_image("shop", "web", "web:2");
    let action = action(bed.web());
    let actuator = bed.actuator.clone();
    let look = move || {
        // All of it is kept: the kubeconfig lies in its directory.
        let bed = &bed;
        bed.server.object("shop", "web")["spec"].to_string()
    };
    Case { actuator, action, look: Box::new(look) }
}

fn notify() -> Case {
    let world = World::new();
    let config = Notifications { terminal: false, desktop: false, ..Notifications::default() };
    let machine = MachineId::from("test");
    let data_dir = world.roots.data_dir.clone();
    let notifier = Notifier::start(NotifySettings {
        config,
        data_dir,
        terminal: false,
        machine,
        secrets: Secrets::from_fn(|_| None),
        masking: Masking::new(|_, text| text.to_owned()),
    });
    let actuator = world.actuator().with_notifications(notifier.handle());
    let action = Action::Notify { message: "look at me".to_owned(), severity: Severity::High };
    let look = move || {
        // What was said stays said; the world besides does not change.
        let _ = (&notifier, &world, NotificationKind::Escalation);
        "unchanged".to_owned()
    };
    Case { actuator, action, look: Box::new(look) }
}

/// Irreversible by nature: what the world looks like afterwards.
fn end_without_undo(kind: ActionKind) -> Option<&'static str> {
    match kind {
        ActionKind::ProcessKill => Some("ended"),
        ActionKind::CommandRun => Some("made"),
        ActionKind::ProcessPause
        | ActionKind::ProcessRenice
        | ActionKind::ServiceRestart
        | ActionKind::ServiceStart
        | ActionKind::ServiceStop
        | ActionKind::MemoryDropCaches
        | ActionKind::DiskClean
        | ActionKind::Notify
        | ActionKind::ContainerRestart
        | ActionKind::ContainerStart
        | ActionKind::ContainerStop
        | ActionKind::ContainerSetMemory
        | ActionKind::K8sRolloutRestart
        | ActionKind::K8sRollback
        | ActionKind::K8sScale => None,
    }
}

fn needs_root_to_undo(outcome: &Outcome) -> bool {
    matches!(outcome.undo, Undo::Renice { .. }) && !crate::support::has_cap_sys_nice()
}

#[test]
fn after_its_undo_the_world_is_as_it_was_and_the_undo_may_be_repeated() {
    block_on(async {
        for kind in ActionKind::ALL {
            let Some(Case { actuator, action, look }) = case(*kind).await else { continue };
            assert_eq!(action.kind(), *kind);
            let before = look();
            let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
            if needs_root_to_undo(&outcome) {
                eprintln!("SKIPPED the undo of {kind}: it needs CAP_SYS_NICE");
                continue;
            }
            let expected = end_without_undo(*kind).map_or(before, str::to_owned);
            for round in 1..=2 {
                let said = actuator.undo(&id(), &outcome.undo).await.unwrap();
                assert_eq!(look(), expected, "{kind}, undo {round}: {said}");
            }
        }
    });
}

#[test]
fn repeated_it_changes_nothing_more_or_is_refused_cleanly() {
    block_on(async {
        for kind in ActionKind::ALL {
            let Some(Case { actuator, action, look }) = case(*kind).await else { continue };
            let (_, first) = carry_out(&actuator, &action).await.unwrap();
            let after = look();
            match carry_out(&actuator, &action).await {
                Ok((_, second)) => assert_eq!(second.done, first.done, "{kind}: {}", second.detail),
                Err(error) => assert!(error.is_refusal(), "{kind}: {error}"),
            }
            assert_eq!(look(), after, "{kind}");
        }
    });
}

#[test]
fn looking_changes_nothing_and_facts_are_stable() {
    block_on(async {
        for kind in ActionKind::ALL {
            let Some(Case { actuator, action, look }) = case(*kind).await else { continue };
            let before = look();
            let first = actuator.pre_state(&action).await.unwrap();
            actuator.reconcile(&id(), &action, Some(&first)).await;
            actuator.reconcile(&id(), &action, None).await;
            let second = actuator.pre_state(&action).await.unwrap();
            assert_eq!(first.facts, second.facts, "{kind}");
            assert_eq!(look(), before, "{kind}");
        }
    });
}
