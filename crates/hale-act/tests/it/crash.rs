//! kill -9 in the middle of an action, then a look at the world: is the answer right, and does the
//! undo bring everything back?
//!
//! The action runs in a process of its own: this test binary once more, with only `child` in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hale_act::{ActRoots, Actuator, Reconciled};
use hale_model::action::{Action, CleanMeans, PreState};

use crate::support::{OTHER_MOUNT, OtherFileSystem, Victim, World, block_on, eventually, id};

const CHILD_ENV: &str = "HALE_ACT_TEST_CHILD";
const FILES: u64 = 200;

/// Not a test: what the child process does.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD_ENV) else { return };
    let (roots, action, pre): (String, Action, PreState) = serde_json::from_str(&task).unwrap();
    let mut places = ActRoots::new(roots);
    places.system_bus = hale_act::BusAccess::Disabled;
    let actuator = Actuator::new(places);
    block_on(async { actuator.apply(&id(), &action, &pre).await }).unwrap();
}

fn start_child(data_dir: &Path, action: &Action, pre: &PreState) -> Child {
    start_child_on(data_dir, action, pre, &[])
}

/// The same with these further environment variables.
pub fn start_child_on(
    data_dir: &Path,
    action: &Action,
    pre: &PreState,
    variables: &[(&str, String)],
) -> Child {
    let task = serde_json::to_string(&(data_dir.to_str().unwrap(), action, pre)).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(CHILD_ENV, task)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn contents(dir: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|e| {
            let name = e.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(e.path()).unwrap_or_default())
        })
        .collect()
}

fn count(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn no_file_is_lost_whenever_the_move_is_cut_short() {
    let mut interrupted = 0;
    for round in 0..12_u64 {
        let world = World::new();
        let name = "no_file_is_lost_whenever_the_move_is_cut_short";
        let Some(other) = OtherFileSystem::new(name, world.dir.path()) else { return };
        for i in 0..FILES {
            other.old_file(&format!("{i}.log"), &format!("content {i} ").repeat(2000), 48);
        }
        let before = contents(other.dir.path());
        let action = Action::DiskClean {
            mount_point: OTHER_MOUNT.to_owned(),
            means: vec![CleanMeans::OldFiles {
                directories: vec![other.dir.path().display().to_string()],
                older_than_secs: 3600,
            }],
            target_free_percent: 101.0,
        };
        block_on(async {
            let actuator = world.actuator();
            let pre = actuator.pre_state(&action).await.unwrap();
            let mut child = start_child(&world.roots.data_dir, &action, &pre);
            // Cut it when so many files are gone: at the start, in the middle, near the end.
            let manifest =
                world.roots.data_dir.join("quarantine").join(id().as_str()).join("manifest.jsonl");
            let wanted = (FILES * round / 12) as usize;
            // Without a pause between two looks: on a fast disk the whole move takes milliseconds.
            let deadline = Instant::now() + Duration::from_secs(20);
            while !manifest.exists() || count(other.dir.path()) + wanted > FILES as usize {
                assert!(Instant::now() < deadline, "the child has not come so far");
            }
            child.kill().unwrap();
            child.wait().unwrap();

            let left = contents(other.dir.path()).len();
            interrupted += usize::from(left > 0 && left < FILES as usize);
            let reconciled = actuator.reconcile(&id(), &action, Some(&pre)).await;
            let undo = match reconciled {
                Reconciled::Done(outcome) => {
                    assert!(left < FILES as usize && !outcome.done, "{}", outcome.detail);
                    let told = format!("{} old files lie in the quarantine", FILES as usize - left);
                    assert!(outcome.detail.contains(&told), "{} left: {}", left, outcome.detail);
                    outcome.undo
                }
                Reconciled::NotDone(_) => {
                    assert_eq!(left, FILES as usize);
                    hale_model::action::Undo::RestoreFiles {
                        quarantine: format!("quarantine/{}", id()),
                    }
                }
                Reconciled::Unknown(why) => panic!("{why}"),
            };
            actuator.undo(&id(), &undo).await.unwrap();
            assert_eq!(contents(other.dir.path()), before, "cut with {left} left");
            let files = manifest.parent().unwrap().join("files");
            assert_eq!(std::fs::read_dir(files).unwrap().count(), 0);
        });
    }
    assert!(interrupted >= 3, "too few rounds were cut in the middle: {interrupted}");
}

#[test]
fn a_kill_cut_short_in_its_grace_period_is_not_done() {
    block_on(async {
        let world = World::new();
        let actuator = world.actuator();
        let victim = Victim::stubborn();
        let action = Action::ProcessKill {
            targets: vec![victim.target.clone()],
            grace_secs: 60,
            force: false,
            group: false,
        };
        let pre = actuator.pre_state(&action).await.unwrap();
        let mut child = start_child(&world.roots.data_dir, &action, &pre);
        tokio::time::sleep(Duration::from_millis(500)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(victim.alive());
        let reconciled = actuator.reconcile(&id(), &action, Some(&pre)).await;
        assert!(matches!(reconciled, Reconciled::NotDone(_)), "{reconciled:?}");
    });
}

#[test]
fn half_of_a_kill_is_told_as_half() {
    block_on(async {
        let world = World::new();
        let actuator = world.actuator();
        let (polite, stubborn) = (Victim::sleeper(), Victim::stubborn());
        let action = Action::ProcessKill {
            targets: vec![polite.target.clone(), stubborn.target.clone()],
            grace_secs: 60,
            force: false,
            group: false,
        };
        let pre = actuator.pre_state(&action).await.unwrap();
        let mut child = start_child(&world.roots.data_dir, &action, &pre);
        eventually("TERM has ended the polite one", || !polite.alive());
        child.kill().unwrap();
        child.wait().unwrap();
        let Reconciled::Done(outcome) = actuator.reconcile(&id(), &action, Some(&pre)).await else {
            panic!("half is neither all nor nothing");
        };
        assert!(!outcome.done);
        assert_eq!(
            outcome.detail,
            format!("interrupted: 1 of 2 are gone; still running: {}", stubborn.target)
        );
    });
}
