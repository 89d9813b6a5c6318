//! `disk.clean`: frees space on one file system, means after means, until it is enough.
//!
//! Old files are not removed but moved to a quarantine, whence undo restores them. That frees space
//! only if the quarantine lies on another file system; where it does not, it is refused.
//!
//! A directory with a bound of its own (a spool, say) is another matter: it has room again wherever its
//! files went. They may then stay on the file system, as long as that is not short of space itself.

mod copy;
mod journal;
mod manifest;
mod mounts;
mod old_files;
mod open_files;
mod package_cache;
mod quarantine;
mod restore;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hale_model::ActionId;
use hale_model::action::{CleanMeans, Outcome, PreState, Undo};
use hale_model::text;
use serde_json::{Value, json};

use crate::actuator::Reconciled;
use crate::error::ActError;
use crate::roots::ActRoots;
use journal::Freed;
use manifest::Stage;
use mounts::{Mount, Space};
use old_files::Wanted;
use quarantine::{Quarantine, relative_name};

const OPERATION: &str = "clean the disk";
/// How long one action may look and move.
const CLEAN_LIMIT: Duration = Duration::from_secs(600);
/// A file system with less free than this is short of space, whatever bounds its directories have.
const SHORT_PERCENT: f64 = 2.0;
/// What is asked for includes a margin: where so much of it came, looking again says whether it cured.
const PART_TO_LOOK_AT: f64 = 0.5;

/// What to clean, how, and how far.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub mount_point: String,
    pub means: Vec<CleanMeans>,
    pub target_free_percent: f64,
}

impl Order {
    fn frees_space_by_moving_alone(&self) -> bool {
        !self.means.is_empty()
            && self.means.iter().all(|m| matches!(m, CleanMeans::OldFiles { .. }))
    }

    fn makes_room(&self) -> bool {
        self.means.iter().any(|m| matches!(m, CleanMeans::MakeRoom { .. }))
    }

    fn only_moves_files(&self) -> bool {
        let moves =
            |m: &CleanMeans| matches!(m, CleanMeans::OldFiles { .. } | CleanMeans::MakeRoom { .. });
        self.means.iter().all(moves)
    }
}

pub(crate) fn pre_state(roots: &ActRoots, order: &Order) -> Result<Value, ActError> {
    let mount = Mount::at(&roots.proc, &order.mount_point)?;
    if order.frees_space_by_moving_alone() {
        quarantine_elsewhere(roots, &mount)?;
    } else if order.makes_room() && order.only_moves_files() {
        quarantine_elsewhere_or_space(roots, &mount)?;
    }
    Ok(facts(&mount))
}

fn facts(mount: &Mount) -> Value {
    json!({
        "device": mount.dev,
        "fs_id": format!("{:x}", mount.fs_id),
        "fs_type": mount.fs_type,
        "mount_point": mount.mount_point.display().to_string(),
        "source": mount.source,
    })
}

/// A quarantine on the file system that is short of space frees nothing.
fn quarantine_elsewhere(roots: &ActRoots, mount: &Mount) -> Result<(), ActError> {
    // The data directory may not exist yet; what matters is where it would be.
    let existing = existing_part(&roots.data_dir);
    let home = Mount::holding(&roots.proc, &existing)?;
    if !home.shares_space_with(mount) {
        return Ok(());
    }
    Err(ActError::Unsupported {
        operation: format!("move old files off {}", mount.mount_point.display()),
        why: format!(
            "the quarantine {} lies on the same file system, so moving frees nothing",
            roots.data_dir.join("quarantine").display()
        ),
        next: "keep hale's data directory on another file system, or remove the files by hand"
            .to_owned(),
    })
}

/// Room in a directory is made by moving files anywhere, but not within a file system that is itself
/// short: there the directory's bound is not what is in the way.
fn quarantine_elsewhere_or_space(roots: &ActRoots, mount: &Mount) -> Result<(), ActError> {
    if mount.free_percent()? >= SHORT_PERCENT {
        return Ok(());
    }
    quarantine_elsewhere(roots, mount)
}

fn existing_part(path: &std::path::Path) -> PathBuf {
    path.ancestors().find_map(|part| part.canonicalize().ok()).unwrap_or_else(|| PathBuf::from("/"))
}

/// Blocking.
pub(crate) fn apply(
    roots: &ActRoots,
    id: &ActionId,
    order: &Order,
    pre: &PreState,
) -> Result<Outcome, ActError> {
    let mount = Mount::at(&roots.proc, &order.mount_point)?;
    if pre.facts != facts(&mount) {
        return Err(ActError::TargetChanged {
            target: format!("mount {}", order.mount_point),
            what: "another file system is mounted there now".to_owned(),
        });
    }
    let before = Space::of(&mount.mount_point)?;
    let (target, enough) = (order.target_free_percent, Cell::new(false));
    let run = Run { roots, id, mount: &mount, target, enough };
    let mut total = Total { was_enough: run.enough(), ..Total::default() };
    if !total.was_enough {
        run.all_means(order, &mut total)?;
        total.was_enough = run.enough() || run.enough.get();
    }
    let after = Space::of(&mount.mount_point).unwrap_or(before);
    Ok(total.outcome(order, before, after))
}

/// Free space in percent that cannot be reached: everything that may go, goes, as where inodes are
/// short.
fn wants_all(target_free_percent: f64) -> bool {
    target_free_percent >= 100.0
}

/// One action at work.
struct Run<'a> {
    roots: &'a ActRoots,
    id: &'a ActionId,
    mount: &'a Mount,
    target: f64,
    /// Whether there was enough at any look.
    enough: Cell<bool>,
}

/// What was done so far.
#[derive(Default)]
struct Total {
    said: Vec<String>,
    exit: Option<i32>,
    failed: bool,
    irreversible: bool,
    quarantine: Option<String>,
    /// It was enough at some moment: whoever fills it again is not what the action did wrong.
    was_enough: bool,
}

impl Total {
    fn add(&mut self, freed: Freed) {
        self.failed |= freed.failed;
        self.irreversible |= freed.irreversible;
        self.exit = freed.exit.filter(|code| *code != 0).or(self.exit);
        self.said.push(freed.detail);
    }

    fn outcome(self, order: &Order, before: Space, after: Space) -> Outcome {
        let free = after.free_percent();
        let reached = if wants_all(order.target_free_percent) {
            !self.failed && (self.quarantine.is_some() || self.irreversible)
        } else {
            let asked = order.target_free_percent - before.free_percent();
            self.was_enough || free - before.free_percent() >= asked * PART_TO_LOOK_AT
        };
        let mut said = vec![format!(
            "{}: {:.1} % free, {:.1} % before, {:.1} % wanted, {} freed",
            order.mount_point,
            free,
            before.free_percent(),
            order.target_free_percent,
            text::bytes(after.available.saturating_sub(before.available)),
        )];
        if order.makes_room() && order.only_moves_files() {
            // It is the directory that has room now, not the file system.
            said.clear();
        }
        if self.said.is_empty() {
            said.push("enough was free already: nothing was removed".to_owned());
        }
        said.extend(self.said);
        let undo = match self.quarantine {
            Some(quarantine) => Undo::RestoreFiles { quarantine },
            None if self.irreversible => Undo::None {
                why: "what was removed can be made or fetched again, but not put back".to_owned(),
            },
            None => Undo::None { why: "nothing was removed".to_owned() },
        };
        Outcome {
            done: reached,
            exit: self.exit.or(Some(i32::from(!reached))),
            detail: said.join("; "),
            undo,
        }
    }
}

impl Run<'_> {
    fn enough(&self) -> bool {
        let now = !wants_all(self.target)
            && self.mount.free_percent().is_ok_and(|free| free >= self.target);
        self.enough.set(self.enough.get() || now);
        now
    }

    fn all_means(&self, order: &Order, total: &mut Total) -> Result<(), ActError> {
        let deadline = Instant::now() + CLEAN_LIMIT;
        for means in &order.means {
            if self.enough() {
                break;
            }
            match means {
                CleanMeans::JournalVacuum { keep_bytes } => {
                    total.add(journal::vacuum(self.roots, *keep_bytes, self.mount.dev));
                }
                CleanMeans::PackageCache => {
                    let enough = || self.enough();
                    total.add(package_cache::remove(self.roots, self.mount, deadline, &enough));
                }
                CleanMeans::OldFiles { directories, older_than_secs } => {
                    let home = quarantine_elsewhere(self.roots, self.mount);
                    let wanted = self.wanted(directories, *older_than_secs, deadline);
                    self.old_files(&wanted, total, order.only_moves_files(), home)?;
                }
                CleanMeans::MakeRoom { directories, older_than_secs } => {
                    let home = quarantine_elsewhere_or_space(self.roots, self.mount);
                    let wanted = self.wanted(directories, *older_than_secs, deadline);
                    let wanted = Wanted { floor_percent: SHORT_PERCENT, ..wanted };
                    self.old_files(&wanted, total, order.only_moves_files(), home)?;
                }
            }
        }
        Ok(())
    }

    fn wanted<'a>(
        &'a self,
        directories: &'a [String],
        older_than_secs: u64,
        deadline: Instant,
    ) -> Wanted<'a> {
        Wanted {
            directories,
            older_than_secs,
            also_empty: wants_all(self.target),
            proc: &self.roots.proc,
            dev: self.mount.dev,
            deadline,
            floor_percent: old_files::QUARANTINE_MIN_FREE_PERCENT,
        }
    }

    /// `home`: whether the quarantine may lie where it does. If this is the only means, an error is the
    /// answer; else one note among others.
    fn old_files(
        &self,
        wanted: &Wanted<'_>,
        total: &mut Total,
        only_means: bool,
        home: Result<(), ActError>,
    ) -> Result<(), ActError> {
        let store = home.and_then(|()| self.make_store());
        let (name, store) = match store {
            Ok(made) => made,
            Err(error) if only_means && total.quarantine.is_none() => return Err(error),
            Err(error) => {
                total.failed = true;
                total.said.push(error.to_string());
                return Ok(());
            }
        };
        let enough = || self.enough();
        match old_files::quarantine(wanted, &store, &enough) {
            Ok(moved) => {
                // Also what an earlier, interrupted attempt of the same action moved.
                let earlier = moved_files(self.roots, self.id).ok().flatten();
                if moved.files > 0 || earlier.is_some_and(|(_, files)| files > 0) {
                    total.quarantine = Some(name);
                }
                total.failed |= moved.stopped.is_some();
                total.said.push(moved.describe());
            }
            Err(error) => {
                total.failed = true;
                total.said.push(format!("the quarantine cannot be written ({error})"));
            }
        }
        Ok(())
    }

    fn make_store(&self) -> Result<(String, Quarantine), ActError> {
        let unusable = || ActError::failed(OPERATION, self.id.as_str(), "not an action id");
        let name = relative_name(self.id).ok_or_else(unusable)?;
        let store = Quarantine::named(&self.roots.data_dir, &name).ok_or_else(unusable)?;
        let made = store.make().and_then(|()| store.sync());
        made.map_err(|e| {
            ActError::from_io("make the quarantine", store.dir().display().to_string(), e)
        })?;
        Ok((name, store))
    }
}

/// Blocking.
pub(crate) fn undo(roots: &ActRoots, name: &str) -> Result<String, ActError> {
    let Some(store) = Quarantine::named(&roots.data_dir, name) else {
        let name = text::printable(&text::shorten(name, 200));
        let why = format!("not a quarantine of {}", roots.data_dir.display());
        return Err(ActError::failed("restore files", name, why));
    };
    restore::restore(&store)
}

/// Blocking. Reads the manifest and how full the mount is, and nothing else.
pub(crate) fn reconcile(roots: &ActRoots, id: &ActionId, order: &Order) -> Reconciled {
    let free = match Mount::at(&roots.proc, &order.mount_point).and_then(|m| m.free_percent()) {
        Ok(free) => free,
        Err(error) => return Reconciled::Unknown(error.to_string()),
    };
    let reached = free >= order.target_free_percent;
    let state = format!(
        "{} has {free:.1} % free, {:.1} % wanted",
        order.mount_point, order.target_free_percent
    );
    let moved = match moved_files(roots, id) {
        Ok(moved) => moved,
        Err(error) => return Reconciled::Unknown(error.to_string()),
    };
    let done = |undo, detail| Reconciled::Done(Outcome { done: reached, exit: None, detail, undo });
    match moved {
        Some((name, files)) if files > 0 => done(
            Undo::RestoreFiles { quarantine: name },
            format!("interrupted: {files} old files lie in the quarantine; {state}"),
        ),
        Some(_) | None if reached => done(
            Undo::None { why: "what was removed, if anything, is not known".to_owned() },
            state,
        ),
        Some(_) | None if order.only_moves_files() => {
            Reconciled::NotDone(format!("no file was moved; {state}"))
        }
        Some(_) | None => Reconciled::Unknown(format!(
            "{state}; what the journal or the package cache lost leaves no trace. \
             Cleaning again is harmless"
        )),
    }
}

/// Name of the quarantine and how many originals are gone from their places.
fn moved_files(roots: &ActRoots, id: &ActionId) -> Result<Option<(String, usize)>, ActError> {
    let Some(name) = relative_name(id) else { return Ok(None) };
    let Some(store) = Quarantine::named(&roots.data_dir, &name) else { return Ok(None) };
    let items = manifest::read(store.dir()).map_err(|e| {
        ActError::from_io("read the quarantine", store.dir().display().to_string(), e)
    })?;
    let Some(items) = items else { return Ok(None) };
    let gone = items.values().filter(|item| match &item.stage {
        Stage::Moved { .. } => true,
        // The crash came between the removal and its line, or before the removal.
        Stage::Stored { .. } => !item.original.path.path().exists(),
        Stage::Intent | Stage::Left | Stage::Restored => false,
    });
    Ok(Some((name, gone.count())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_looking_again_is_worth_it() {
        let space = |free: u64| Space { used: 100 - free, available: free };
        for (name, before, after, target, was_enough, done) in [
            ("reached", 5, 20, 15.0, true, true),
            ("reached, and filled again since", 5, 6, 15.0, true, true),
            ("most of it, nothing is left to remove", 5, 12, 15.0, false, true),
            ("next to nothing", 5, 6, 15.0, false, false),
            ("worse than before", 5, 4, 15.0, false, false),
        ] {
            let order =
                Order { mount_point: "/m".into(), means: Vec::new(), target_free_percent: target };
            let total = Total { was_enough, ..Total::default() };
            assert_eq!(total.outcome(&order, space(before), space(after)).done, done, "{name}");
        }
    }
}
