//! Services that the configuration declares (`[[services]]`), by their pid files: what systemd would
//! say of a unit, where no systemd runs it.
//!
//! A pid file of a process that is gone is a service that died; none is one that was stopped, because
//! whoever stops a service removes it. A pid that another process has by now cannot be told from the
//! service's own: that is the weakness of pid files, and why a restart is judged by the start time too.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use hale_model::config::DeclaredService;
use hale_model::sample::{ProcessSample, UnitSample, UnitStat};

use super::read::Scratch;
use super::worker::Reading;

/// Services that are looked at.
const SERVICES_MAX: usize = 256;
/// Bytes of a pid file.
const PID_FILE_BYTES_MAX: u64 = 64;
/// Bytes of `/proc/PID/stat`.
const STAT_BYTES_MAX: usize = 2048;
/// Parents followed from a process to its service.
const PARENTS_MAX: usize = 32;

/// The declared services of a machine.
#[derive(Default)]
pub(crate) struct Declared {
    services: Vec<DeclaredService>,
}

impl Declared {
    pub(crate) fn new(mut services: Vec<DeclaredService>) -> Declared {
        services.truncate(SERVICES_MAX);
        Declared { services }
    }

    /// Puts the declared services beside systemd's. One that systemd runs too is systemd's.
    pub(crate) fn join(
        &self,
        scratch: &mut Scratch,
        proc: &Path,
        reading: &mut Reading<UnitSample>,
    ) {
        if self.services.is_empty() {
            return;
        }
        let Ok(sample) = &mut reading.value else { return };
        for service in &self.services {
            if sample.units.iter().all(|unit| unit.unit != service.name) {
                sample.units.push(stat_of(scratch, proc, service));
            }
        }
        sample.units.sort_by(|a, b| a.unit.cmp(&b.unit));
        // There is something to see, systemd or not.
        reading.absent = false;
    }

    /// Says of each process that descends from a declared service's main process which one it serves.
    pub(crate) fn own(&self, units: Option<&UnitSample>, processes: Option<&mut ProcessSample>) {
        let (Some(units), Some(processes)) = (units, processes) else { return };
        let mains: HashMap<i32, &str> = units
            .units
            .iter()
            .filter(|unit| unit.main_pid > 0 && self.services.iter().any(|s| s.name == unit.unit))
            .map(|unit| (unit.main_pid, unit.unit.as_str()))
            .collect();
        if mains.is_empty() {
            return;
        }
        let parents: HashMap<i32, i32> =
            processes.processes.iter().map(|p| (p.pid, p.ppid)).collect();
        for process in &mut processes.processes {
            let mut pid = process.pid;
            for _ in 0..PARENTS_MAX {
                if let Some(name) = mains.get(&pid) {
                    Arc::make_mut(&mut process.info).unit = Some((*name).to_owned());
                    break;
                }
                match parents.get(&pid) {
                    Some(parent) if *parent > 1 => pid = *parent,
                    Some(_) | None => break,
                }
            }
        }
    }
}

fn stat_of(scratch: &mut Scratch, proc: &Path, service: &DeclaredService) -> UnitStat {
    let mut stat = UnitStat {
        unit: service.name.clone(),
        service_type: "declared".to_owned(),
        active_state: "inactive".to_owned(),
        sub_state: "dead".to_owned(),
        result: "success".to_owned(),
        ..UnitStat::default()
    };
    let Some(pid) = pid_of(Path::new(&service.pid_file)) else { return stat };
    match living(scratch, proc, pid) {
        Some(start_ticks) => {
            stat.active_state = "active".to_owned();
            stat.sub_state = "running".to_owned();
            stat.main_pid = pid;
            stat.invocation_id = DeclaredService::run_id(pid, start_ticks);
        }
        None => {
            stat.active_state = "failed".to_owned();
            stat.result = "died".to_owned();
        }
    }
    stat
}

/// The start time of the process that has this pid. One that ended and was not collected yet has ended.
fn living(scratch: &mut Scratch, proc: &Path, pid: i32) -> Option<u64> {
    let start_ticks = super::unit::start_ticks(scratch, proc, pid)?;
    let text = scratch.read(&proc.join(format!("{pid}/stat")), STAT_BYTES_MAX).ok()?;
    let name_ends = text.iter().rposition(|b| *b == b')')?;
    let state = text.get(name_ends + 1..)?.iter().find(|b| !b.is_ascii_whitespace())?;
    (!matches!(state, b'Z' | b'X' | b'x')).then_some(start_ticks)
}

/// The pid in the file; none if there is no such file, or no pid in it.
fn pid_of(path: &Path) -> Option<i32> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(PID_FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.split_whitespace().next()?.parse().ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    fn look(pid_file: &Path) -> UnitStat {
        let declared = Declared::new(vec![DeclaredService {
            name: "shop".to_owned(),
            pid_file: pid_file.display().to_string(),
            restart: vec!["/bin/true".to_owned()],
            health_url: String::new(),
        }]);
        let mut reading = Reading::of(UnitSample::default());
        reading.absent = true;
        declared.join(&mut Scratch::default(), Path::new("/proc"), &mut reading);
        assert!(!reading.absent);
        let Ok(mut sample) = reading.value else { panic!("a value") };
        sample.units.remove(0)
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the test is the service that writes its pid file"
    )]
    fn a_pid_file_says_whether_a_service_runs_died_or_was_stopped() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("shop.pid");
        assert_eq!(look(&file).active_state, "inactive");
        std::fs::write(&file, "no pid\n").unwrap();
        assert_eq!(look(&file).active_state, "inactive");

        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        std::fs::write(&file, format!("{}\n", child.id())).unwrap();
        let running = look(&file);
        assert_eq!(
            (running.active_state.as_str(), running.main_pid),
            ("active", child.id() as i32)
        );
        assert_eq!(running.invocation_id, look(&file).invocation_id);
        child.kill().unwrap();
        child.wait().unwrap();
        let died = look(&file);
        assert_eq!((died.active_state.as_str(), died.result.as_str()), ("failed", "died"));
        assert_eq!(died.main_pid, 0);
    }
}
