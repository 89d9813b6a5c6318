//! disk.clean on real file systems.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use hale_act::{ActRoots, BusAccess, CacheLock, PackageCache, Reconciled};
use hale_model::action::{Action, CleanMeans, Undo};

use crate::support::{OTHER_MOUNT, OtherFileSystem, World, block_on, carry_out, id};

fn old_files(directories: &[&Path], target_free_percent: f64) -> Action {
    Action::DiskClean {
        mount_point: OTHER_MOUNT.to_owned(),
        means: vec![CleanMeans::OldFiles {
            directories: directories.iter().map(|d| d.display().to_string()).collect(),
            older_than_secs: 24 * 3600,
        }],
        target_free_percent,
    }
}

/// No file system is ever so free: everything that may go, goes.
const ALL: f64 = 101.0;

#[test]
fn only_old_closed_single_regular_files_move_and_undo_brings_them_back_as_they_were() {
    let world = World::new();
    let name = "only_old_closed_single_regular_files_move";
    let Some(other) = OtherFileSystem::new(name, world.dir.path()) else { return };
    let big = "x".repeat(300_000);
    let old = other.old_file("a/old.log", &big, 48);
    let oldest = other.old_file("a/b/oldest.log", "first", 72);
    fs::set_permissions(&oldest, fs::Permissions::from_mode(0o640)).unwrap();
    let young = other.old_file("a/young.log", "new", 1);
    let open = other.old_file("a/open.log", "held", 48);
    let held = fs::File::open(&open).unwrap();
    let twin = other.old_file("a/twin.log", "two names", 48);
    fs::hard_link(&twin, other.dir.path().join("a/twin2.log")).unwrap();
    let outside = other.old_file("outside/secret.log", "not in the plan", 48);
    symlink(outside.parent().unwrap(), other.dir.path().join("a/way-out")).unwrap();
    symlink(&outside, other.dir.path().join("a/link.log")).unwrap();
    let before = oldest.metadata().unwrap();

    block_on(async {
        let actuator = world.actuator();
        let action = old_files(&[&other.dir.path().join("a")], ALL);
        let (pre, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert!(outcome.detail.contains("old files: 2 moved"), "{}", outcome.detail);
        assert!(outcome.detail.contains("open.log is open"), "{}", outcome.detail);
        assert_eq!(
            outcome.undo,
            Undo::RestoreFiles { quarantine: "quarantine/ac-0123456789".into() }
        );
        for stays in [&young, &open, &twin, &outside] {
            assert!(stays.exists(), "{}", stays.display());
        }
        assert!(!old.exists() && !oldest.exists());
        let quarantine = world.roots.data_dir.join("quarantine/ac-0123456789");
        assert_eq!(quarantine.metadata().unwrap().mode() & 0o777, 0o700);
        let reconciled = actuator.reconcile(&id(), &action, Some(&pre)).await;
        assert!(matches!(reconciled, Reconciled::Done(o) if o.undo == outcome.undo && !o.done));

        // Once more: nothing is left to move, and nothing that was moved is forgotten.
        let (_, again) = carry_out(&actuator, &action).await.unwrap();
        assert!(again.detail.contains("old files: 0 moved"), "{}", again.detail);

        let said = actuator.undo(&id(), &outcome.undo).await.unwrap();
        assert_eq!(said, "2 files restored");
        assert_eq!(fs::read_to_string(&old).unwrap(), big);
        let after = oldest.metadata().unwrap();
        let facts = |m: &fs::Metadata| (m.mode(), m.uid(), m.gid(), m.mtime(), m.mtime_nsec());
        assert_eq!(facts(&after), facts(&before));
        let said = actuator.undo(&id(), &outcome.undo).await.unwrap();
        assert_eq!(said, "0 files restored, 2 were in their place already");
        assert_eq!(fs::read_dir(quarantine.join("files")).unwrap().count(), 0);
        let reconciled = actuator.reconcile(&id(), &action, Some(&pre)).await;
        assert!(matches!(reconciled, Reconciled::NotDone(_)), "{reconciled:?}");
    });
    drop(held);
}

#[test]
fn a_bounded_directory_has_room_again_wherever_its_old_files_went() {
    let mut world = World::new();
    let name = "a_bounded_directory_has_room_again";
    let Some(other) = OtherFileSystem::new(name, world.dir.path()) else { return };
    // The quarantine lies on the very file system.
    world.roots.data_dir = other.dir.path().join("data");
    let old = other.old_file("spool/dump", &"x".repeat(100_000), 72);
    let young = other.old_file("spool/receipt", "paid", 1);
    let spool = other.dir.path().join("spool");
    block_on(async {
        let actuator = world.actuator();
        let refused = actuator.pre_state(&old_files(&[&spool], ALL)).await.unwrap_err();
        assert!(refused.to_string().contains("cannot be done here"), "{refused}");
        let room = Action::DiskClean {
            mount_point: OTHER_MOUNT.to_owned(),
            means: vec![CleanMeans::MakeRoom {
                directories: vec![spool.display().to_string()],
                older_than_secs: 24 * 3600,
            }],
            target_free_percent: 100.0,
        };
        let (_, outcome) = carry_out(&actuator, &room).await.unwrap();
        assert!(outcome.done, "{}", outcome.detail);
        assert!(outcome.detail.starts_with("old files: 1 moved"), "{}", outcome.detail);
        assert!(!old.exists() && young.exists());
        assert_eq!(actuator.undo(&id(), &outcome.undo).await.unwrap(), "1 files restored");
        assert_eq!(fs::metadata(&old).unwrap().len(), 100_000);
    });
}

#[test]
fn undo_never_overwrites_what_is_newer_and_says_so() {
    let world = World::new();
    let Some(other) = OtherFileSystem::new("undo_never_overwrites", world.dir.path()) else {
        return;
    };
    let path = other.old_file("a/app.log", "old", 48);
    let gone = other.old_file("b/app.log", "old", 48);
    block_on(async {
        let actuator = world.actuator();
        let action = old_files(&[other.dir.path()], ALL);
        let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
        fs::write(&path, "new").unwrap();
        fs::remove_dir(gone.parent().unwrap()).unwrap();
        let error = actuator.undo(&id(), &outcome.undo).await.unwrap_err().to_string();
        assert!(error.contains("something newer lies there"), "{error}");
        assert!(error.contains("1 could not be: ") && error.contains("b/app.log"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        // The second try goes on where the first stopped; what is in the way is not done either.
        fs::create_dir(gone.parent().unwrap()).unwrap();
        let error = actuator.undo(&id(), &outcome.undo).await.unwrap_err().to_string();
        assert!(error.contains("only in part: 1 files restored; 1 not, because"), "{error}");
        fs::remove_file(&path).unwrap();
        let said = actuator.undo(&id(), &outcome.undo).await.unwrap();
        assert_eq!(said, "1 files restored, 1 were in their place already");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_to_string(&gone).unwrap(), "old");
    });
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    let world = World::new();
    let Some(other) = OtherFileSystem::new("a_directory_swapped_for_a_link", world.dir.path())
    else {
        return;
    };
    let precious = other.old_file("precious/file", "keep", 48);
    let link = other.dir.path().join("cleanable");
    symlink(precious.parent().unwrap(), &link).unwrap();
    block_on(async {
        let (_, outcome) = carry_out(&world.actuator(), &old_files(&[&link], ALL)).await.unwrap();
        assert!(!outcome.done && outcome.detail.contains("symbolic link"), "{}", outcome.detail);
        assert!(precious.exists());

        // The way back is walked with the same care.
        let moved = other.old_file("logs/app.log", "old", 48);
        let logs = moved.parent().unwrap();
        let (_, outcome) = carry_out(&world.actuator(), &old_files(&[logs], ALL)).await.unwrap();
        fs::remove_dir(logs).unwrap();
        symlink(precious.parent().unwrap(), logs).unwrap();
        let error = world.actuator().undo(&id(), &outcome.undo).await.unwrap_err();
        assert!(error.to_string().contains("1 could not be"), "{error}");
        assert!(!precious.with_file_name("app.log").exists());
    });
}

#[test]
fn empty_files_go_where_inodes_are_short_and_only_there() {
    let world = World::new();
    let Some(other) = OtherFileSystem::new("empty_files_go", world.dir.path()) else {
        return;
    };
    let empty = other.old_file("cache/lock", "", 48);
    let directory = empty.parent().unwrap().to_owned();
    block_on(async {
        // All but everything: what holds space would go.
        let target = 100.0 - f64::EPSILON * 64.0;
        let (_, outcome) =
            carry_out(&world.actuator(), &old_files(&[&directory], target)).await.unwrap();
        assert!(empty.exists(), "{}", outcome.detail);

        let (_, outcome) =
            carry_out(&world.actuator(), &old_files(&[&directory], 100.0)).await.unwrap();
        assert!(outcome.done && !empty.exists(), "{}", outcome.detail);
        world.actuator().undo(&id(), &outcome.undo).await.unwrap();
        assert!(empty.exists());
    });
}

#[test]
fn a_quarantine_that_frees_nothing_is_refused_with_the_next_step() {
    let mut world = World::new();
    let Some(other) = OtherFileSystem::new("a_quarantine_that_frees_nothing", world.dir.path())
    else {
        return;
    };
    world.roots.data_dir = other.dir.path().join("data");
    let old = other.old_file("a/old.log", "x", 48);
    block_on(async {
        let error =
            world.actuator().pre_state(&old_files(&[other.dir.path()], ALL)).await.unwrap_err();
        assert_eq!(error.kind(), "unsupported");
        assert!(
            error.to_string().contains("keep hale's data directory on another file system"),
            "{error}"
        );
        assert!(old.exists());
    });
}

#[test]
fn what_is_no_mount_point_or_free_enough_is_left_alone() {
    let world = World::new();
    let Some(other) = OtherFileSystem::new("what_is_no_mount_point", world.dir.path()) else {
        return;
    };
    let old = other.old_file("a/old.log", "x", 48);
    block_on(async {
        let actuator = world.actuator();
        let mut action = old_files(&[other.dir.path()], 0.0);
        let (_, outcome) = carry_out(&actuator, &action).await.unwrap();
        assert!(
            outcome.done && outcome.detail.contains("nothing was removed"),
            "{}",
            outcome.detail
        );
        if let Action::DiskClean { mount_point, .. } = &mut action {
            *mount_point = other.dir.path().display().to_string();
        }
        assert_eq!(actuator.pre_state(&action).await.unwrap_err().kind(), "target_gone");
        assert!(old.exists());
    });
}

#[test]
fn nothing_outside_the_quarantine_is_taken_for_one() {
    block_on(async {
        let actuator = World::new().actuator();
        for quarantine in ["/etc", "quarantine/../..", "quarantine", "quarantine/ac-none"] {
            let undo = Undo::RestoreFiles { quarantine: quarantine.to_owned() };
            assert!(actuator.undo(&id(), &undo).await.is_err(), "{quarantine}");
        }
    });
}

/// A small tmpfs of its own, unmounted at the end.
struct SmallMount {
    dir: tempfile::TempDir,
}

impl SmallMount {
    fn new(test: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let flags = rustix::mount::MountFlags::NOSUID;
        match rustix::mount::mount("tmpfs", &path, "tmpfs", flags, Some(c"size=8m")) {
            Ok(()) => Some(SmallMount { dir }),
            Err(errno) => {
                eprintln!("SKIPPED {test}: a tmpfs cannot be mounted ({errno})");
                None
            }
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().canonicalize().unwrap()
    }
}

impl Drop for SmallMount {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn cleaning_stops_as_soon_as_enough_is_free_needs_root() {
    let Some(mount) = SmallMount::new("cleaning_stops_as_soon_as_enough_is_free_needs_root") else {
        return;
    };
    let world = World::new();
    for i in 0..7_u64 {
        let path = mount.path().join(format!("{i}.log"));
        fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        crate::support::age(&path, 100 - i);
    }
    let action = Action::DiskClean {
        mount_point: mount.path().display().to_string(),
        means: vec![CleanMeans::OldFiles {
            directories: vec![mount.path().display().to_string()],
            older_than_secs: 3600,
        }],
        target_free_percent: 45.0,
    };
    block_on(async {
        let (_, outcome) = carry_out(&world.actuator(), &action).await.unwrap();
        assert!(outcome.done, "{}", outcome.detail);
        // 1 of 8 MiB was free; 45 % are 3.6: three files, the oldest.
        let left: Vec<bool> =
            (0..7).map(|i| mount.path().join(format!("{i}.log")).exists()).collect();
        assert_eq!(left, [false, false, false, true, true, true, true], "{}", outcome.detail);
        world.actuator().undo(&id(), &outcome.undo).await.unwrap();
        assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 7);
        // A mount that was replaced since the plan is another target.
        let actuator = world.actuator();
        let pre = actuator.pre_state(&action).await.unwrap();
        rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
        let flags = rustix::mount::MountFlags::NOSUID;
        rustix::mount::mount("tmpfs", mount.path(), "tmpfs", flags, Some(c"size=1m")).unwrap();
        let error = actuator.apply(&id(), &action, &pre).await.unwrap_err();
        assert_eq!(error.kind(), "target_changed");
    });
}

fn with_cache(roots: &mut ActRoots, directory: &Path) {
    roots.system_bus = BusAccess::Disabled;
    roots.package_caches = vec![PackageCache {
        name: "apt".to_owned(),
        directory: directory.to_owned(),
        suffixes: vec![".deb".to_owned()],
        max_depth: 0,
        lock: Some(CacheLock::Record(directory.join("lock"))),
    }];
}

fn package_cache() -> Action {
    Action::DiskClean {
        mount_point: OTHER_MOUNT.to_owned(),
        means: vec![CleanMeans::PackageCache],
        target_free_percent: ALL,
    }
}

#[test]
fn a_package_cache_loses_its_packages_and_nothing_else() {
    let mut world = World::new();
    let Some(other) = OtherFileSystem::new("a_package_cache_loses_its_packages", world.dir.path())
    else {
        return;
    };
    let cache = other.dir.path().join("archives");
    fs::create_dir_all(cache.join("partial")).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["a.deb", "b.deb", "lock", "notes.txt", "partial/c.deb"] {
        fs::write(cache.join(name), "x".repeat(5000)).unwrap();
    }
    symlink("/etc/hostname", cache.join("link.deb")).unwrap();
    with_cache(&mut world.roots, &cache);
    block_on(async {
        let (_, outcome) = carry_out(&world.actuator(), &package_cache()).await.unwrap();
        assert!(outcome.detail.contains("apt: 2 files, 16 KiB"), "{}", outcome.detail);
        assert!(matches!(&outcome.undo, Undo::None { why } if why.contains("fetched again")));
    });
    let mut left: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["link.deb", "lock", "notes.txt", "partial"]);
}

#[test]
fn a_package_cache_that_is_not_what_it_should_be_is_left_alone() {
    let mut world = World::new();
    let Some(other) = OtherFileSystem::new("a_package_cache_that_is_not", world.dir.path()) else {
        return;
    };
    let cache = other.dir.path().join("archives");
    fs::create_dir_all(&cache).unwrap();
    let package = cache.join("a.deb");
    fs::write(&package, "x").unwrap();
    let link = other.dir.path().join("link");
    symlink(&cache, &link).unwrap();
    block_on(async {
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        with_cache(&mut world.roots, &cache);
        let (_, outcome) = carry_out(&world.actuator(), &package_cache()).await.unwrap();
        assert!(outcome.detail.contains("can be written by others"), "{}", outcome.detail);
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
        with_cache(&mut world.roots, &link);
        let (_, outcome) = carry_out(&world.actuator(), &package_cache()).await.unwrap();
        assert!(outcome.detail.contains("symbolic link"), "{}", outcome.detail);
        // apt at work: another process holds its record lock.
        with_cache(&mut world.roots, &cache);
        fs::write(cache.join("lock"), "").unwrap();
        let script = format!(
            "import fcntl,sys,time; f=open({:?},'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('ready',flush=True); time.sleep(60)",
            cache.join("lock").display().to_string()
        );
        if std::process::Command::new("python3").arg("-V").output().is_err() {
            eprintln!("SKIPPED the part with a held lock: no python3");
            return;
        }
        let _holder = crate::support::Victim::shell(&format!(
            "exec python3 -c '{}'",
            script.replace('\'', "'\\''")
        ));
        let (_, outcome) = carry_out(&world.actuator(), &package_cache()).await.unwrap();
        assert!(outcome.detail.contains("the package manager is at work"), "{}", outcome.detail);
    });
    assert!(package.exists());
}

#[test]
fn the_journal_is_vacuumed_by_journalctl_itself() {
    let mut world = World::new();
    let Some(other) = OtherFileSystem::new("the_journal_is_vacuumed", world.dir.path()) else {
        return;
    };
    world.roots.journal_dirs = vec![other.dir.path().to_owned()];
    let said = world.dir.path().join("asked");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {}\necho 'Vacuuming done, freed 24.0M of archived journals from /x.' >&2\n",
        said.display()
    );
    fs::write(&world.roots.journalctl, script).unwrap();
    fs::set_permissions(&world.roots.journalctl, fs::Permissions::from_mode(0o755)).unwrap();
    let action = Action::DiskClean {
        mount_point: OTHER_MOUNT.to_owned(),
        means: vec![CleanMeans::JournalVacuum { keep_bytes: 1000 }, CleanMeans::PackageCache],
        target_free_percent: ALL,
    };
    block_on(async {
        let (pre, outcome) = carry_out(&world.actuator(), &action).await.unwrap();
        assert!(
            outcome.detail.contains("journal: 24 MiB freed (kept 1000 B)"),
            "{}",
            outcome.detail
        );
        assert_eq!(fs::read_to_string(&said).unwrap(), "--vacuum-size=1000\n");
        let reconciled = world.actuator().reconcile(&id(), &action, Some(&pre)).await;
        assert!(matches!(reconciled, Reconciled::Unknown(_)), "{reconciled:?}");
    });
}
