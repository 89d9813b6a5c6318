//! Whether hale itself is well: its files, its sources, its agent, its models.

mod channels;
mod models;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hale_model::sample::SourceState;
use hale_model::view::{DoctorCheck, DoctorView};
use hale_store::{Access, State, StoreError};

use crate::desk::Desk;
use crate::files::Lock;
use crate::telemetry::store_error;

pub use models::probe_models;
pub(crate) use models::{checks as models, known_models};

/// Runs every check.
pub(crate) fn examine(desk: &Desk) -> DoctorView {
    let mut checks =
        vec![config(desk), data_dir(desk), state(desk), telemetry(desk), audit(desk), agent(desk)];
    checks.extend(sources(desk));
    checks.extend(desk.latest(|latest| {
        latest
            .warnings
            .iter()
            .map(|(part, text)| warning(part, text.clone(), fix_of(part)))
            .collect::<Vec<_>>()
    }));
    checks.extend(models::checks(desk));
    checks.extend(channels::checks(desk));
    checks.push(privileges());
    DoctorView { checks }
}

fn check(name: &str, state: &str, found: String, fix: Option<String>) -> DoctorCheck {
    DoctorCheck { name: name.to_owned(), state: state.to_owned(), found, fix }
}

fn ok(name: &str, found: String) -> DoctorCheck {
    check(name, "ok", found, None)
}

fn warning(name: &str, found: String, fix: Option<String>) -> DoctorCheck {
    check(name, "warning", found, fix)
}

/// What to do about something that does not work of hale itself.
fn fix_of(part: &str) -> Option<String> {
    match part {
        "rules" | "playbooks" => Some(
            "correct the file, or move it away; the others work. `hale config check` reads it again"
                .to_owned(),
        ),
        "pause" => Some("free space there, then `hale pause` again".to_owned()),
        _ => None,
    }
}

fn config(desk: &Desk) -> DoctorCheck {
    let path = &desk.settings.config_path;
    let mode = desk.settings.config.general.mode.as_str();
    if path.exists() {
        ok("config", format!("{} · mode {mode}", path.display()))
    } else {
        ok("config", format!("{} does not exist: defaults, mode {mode}", path.display()))
    }
}

fn data_dir(desk: &Desk) -> DoctorCheck {
    let dir = &desk.files.dir;
    let Ok(metadata) = std::fs::metadata(dir) else {
        return ok(
            "data directory",
            format!("{} does not exist yet; `hale up` creates it", dir.display()),
        );
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        ok("data directory", format!("{} · mode {mode:04o}", dir.display()))
    } else {
        warning(
            "data directory",
            format!("{} can be read by others (mode {mode:04o})", dir.display()),
            Some(format!("chmod 700 {}", dir.display())),
        )
    }
}

fn state(desk: &Desk) -> DoctorCheck {
    database("state", &desk.files.state(), |path| {
        let state = State::open(path, Access::Read)?;
        // Opening looks at the first page only: every other one may be damaged.
        match state.damage()? {
            None => Ok(()),
            Some(detail) => Err(StoreError::Corrupt { path: path.to_owned(), detail }),
        }
    })
}

fn telemetry(desk: &Desk) -> DoctorCheck {
    // A running agent has it open for writing: ask it instead of the file.
    if let Some(telemetry) = &desk.telemetry {
        return match telemetry.losses() {
            None => ok("telemetry", desk.files.telemetry().display().to_string()),
            Some(lost) => {
                warning("telemetry", lost, Some("see hale.log in the data directory".to_owned()))
            }
        };
    }
    database("telemetry", &desk.files.telemetry(), |path| {
        hale_store::Telemetry::open(path, Access::Read).map(|_| ())
    })
}

fn database(
    name: &str,
    path: &Path,
    open: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> DoctorCheck {
    let Ok(metadata) = std::fs::metadata(path) else {
        return ok(name, format!("{} does not exist yet", path.display()));
    };
    if metadata.len() == 0 {
        let found = format!("{} is empty: nothing is in it", path.display());
        let fix = "`hale up` begins it anew; if something was in it, restore a backup first";
        return warning(name, found, Some(fix.to_owned()));
    }
    // What was written last stands in a log beside it until it is folded in.
    let logs = ["-wal", ".wal"].map(|suffix| {
        let mut log = path.as_os_str().to_owned();
        log.push(suffix);
        std::fs::metadata(log).map_or(0, |log| log.len())
    });
    let bytes = metadata.len() + logs.iter().sum::<u64>();
    match open(path) {
        Ok(()) => match no_room(path) {
            None => ok(name, format!("{} · {}", path.display(), hale_model::text::bytes(bytes))),
            Some(why) => {
                warning(name, format!("{} {why}", path.display()), Some(ROOM_FIX.to_owned()))
            }
        },
        // Nothing is wrong with it: somebody writes it.
        Err(StoreError::Busy { .. }) => {
            ok(name, format!("{} · another program has it open now", path.display()))
        }
        Err(error) => {
            let error = store_error(error);
            check(name, "failed", error.message, error.hint)
        }
    }
}

const ROOM_FIX: &str =
    "free space there (`df -h`), or mount it to be written; until then nothing new is kept";

/// Whether nothing can be written beside a file that can be read.
fn no_room(path: &Path) -> Option<String> {
    const FREE_BYTES_MIN: u64 = 512 * 1024;
    let dir = path.parent()?;
    if let Err(rustix::io::Errno::ROFS) = rustix::fs::access(dir, rustix::fs::Access::WRITE_OK) {
        return Some("can be read, but its file system is read-only".to_owned());
    }
    let found = rustix::fs::statvfs(dir).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    (free < FREE_BYTES_MIN).then(|| "can be read, but its file system is full".to_owned())
}

fn audit(desk: &Desk) -> DoctorCheck {
    if std::fs::metadata(desk.files.state()).map_or(0, |found| found.len()) == 0 {
        return ok("audit", "no entries yet".to_owned());
    }
    match desk.read(State::verify_audit) {
        Ok(found) if found.broken_at.is_none() => ok("audit", found.finding),
        Ok(found) => check("audit", "failed", found.finding, Some("hale audit verify".to_owned())),
        Err(error) => check("audit", "failed", error.message, error.hint),
    }
}

fn agent(desk: &Desk) -> DoctorCheck {
    match (desk.agent_running, Lock::holder(&desk.files)) {
        (true, _) => ok("agent", format!("running, pid {}", std::process::id())),
        (false, Some(pid)) => match process_state(pid) {
            Some(state @ ('T' | 't')) => check(
                "agent",
                "failed",
                format!("pid {pid} is stopped (state {state}): nothing is watched"),
                Some(format!("kill -CONT {pid}")),
            ),
            state => check(
                "agent",
                "failed",
                format!(
                    "pid {pid} (state {}) holds the lock and does not answer",
                    state.unwrap_or('?')
                ),
                Some(format!(
                    "it may be starting, or hang: `hale explain {pid}`, hale.log in the data directory; kill {pid} ends it"
                )),
            ),
        },
        (false, None) => check(
            "agent",
            "absent",
            "not running; commands look at the machine themselves".to_owned(),
            Some("`hale up`, or `hale service install`".to_owned()),
        ),
    }
}

/// The letter of a process's state; its name may hold anything, parentheses too.
fn process_state(pid: i32) -> Option<char> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(end + 2).map(|letter| char::from(*letter))
}

fn sources(desk: &Desk) -> Vec<DoctorCheck> {
    desk.latest(|latest| {
        let sources = latest.snapshot.iter().flat_map(|s| &s.sources);
        sources
            .map(|s| {
                let name = format!("source {}", s.source);
                let lost =
                    if s.lost > 0 { format!(" · {} not kept", s.lost) } else { String::new() };
                let note = s.note.clone().unwrap_or_default();
                let took = s.took_us as f64 / 1000.0;
                match s.state {
                    SourceState::Fresh => {
                        ok(&name, format!("{took:.1} ms{lost} {note}").trim_end().to_owned())
                    }
                    SourceState::Absent if note.is_empty() => {
                        check(&name, "absent", "none on this machine".to_owned(), None)
                    }
                    SourceState::Absent => check(&name, "absent", note, None),
                    SourceState::Stale => warning(&name, note, None),
                }
            })
            .collect()
    })
}

fn privileges() -> DoctorCheck {
    if rustix::process::geteuid().is_root() {
        ok("privileges", "root: sees every process, may restart units".to_owned())
    } else {
        check(
            "privileges",
            "ok",
            "an ordinary user: sees and touches its own processes; open files and I/O of others stay unknown".to_owned(),
            Some("`sudo hale service install` watches the whole machine".to_owned()),
        )
    }
}
