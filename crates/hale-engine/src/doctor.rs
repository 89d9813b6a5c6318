//! Whether hale itself is well: its files, its sources, its agent, its models.

mod channels;
mod models;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hale_model::sample::SourceState;
use hale_model::view::{DoctorCheck, DoctorView};
use hale_store::{Access, State};

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
            .map(|(part, text)| warning(part, text.clone(), None))
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
        State::open(path, Access::Read).map(|_| ()).map_err(store_error)
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
        hale_store::Telemetry::open(path, Access::Read).map(|_| ()).map_err(store_error)
    })
}

fn database(
    name: &str,
    path: &Path,
    open: impl FnOnce(&Path) -> Result<(), hale_model::api::ApiError>,
) -> DoctorCheck {
    let Ok(metadata) = std::fs::metadata(path) else {
        return ok(name, format!("{} does not exist yet", path.display()));
    };
    match open(path) {
        Ok(()) => {
            ok(name, format!("{} · {}", path.display(), hale_model::text::bytes(metadata.len())))
        }
        Err(error) => check(name, "failed", error.message, error.hint),
    }
}

fn audit(desk: &Desk) -> DoctorCheck {
    if !desk.files.state().exists() {
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
        (false, Some(pid)) => warning(
            "agent",
            format!("pid {pid} holds the lock and its socket does not answer"),
            Some(format!("look at it with `hale explain {pid}`")),
        ),
        (false, None) => check(
            "agent",
            "absent",
            "not running; commands look at the machine themselves".to_owned(),
            Some("`hale up`, or `hale service install`".to_owned()),
        ),
    }
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
