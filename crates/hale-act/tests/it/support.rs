//! Real things to act on, and an actuator whose every path lies in a scratch directory.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hale_act::{ActRoots, Actuator, BusAccess, EngineAccess};
use hale_model::action::{Action, Outcome, PreState};
use hale_model::{ActionId, ProcRef};

/// A scratch directory with an actuator that reaches nothing outside it but `/proc`.
pub struct World {
    pub dir: tempfile::TempDir,
    pub roots: ActRoots,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut roots = ActRoots::new(dir.path().canonicalize().unwrap().join("data"));
        roots.system_bus = BusAccess::Disabled;
        roots.engine = EngineAccess::Disabled;
        roots.journalctl = dir.path().join("journalctl");
        roots.journal_dirs = Vec::new();
        roots.package_caches = Vec::new();
        roots.drop_caches = dir.path().join("drop_caches");
        std::fs::write(&roots.drop_caches, "0\n").unwrap();
        World { dir, roots }
    }

    pub fn actuator(&self) -> Actuator {
        Actuator::new(self.roots.clone())
    }
}

pub fn id() -> ActionId {
    ActionId::from("ac-0123456789")
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Precheck and apply.
pub async fn carry_out(
    actuator: &Actuator,
    action: &Action,
) -> Result<(PreState, Outcome), hale_act::ActError> {
    let pre = actuator.pre_state(action).await?;
    let outcome = actuator.apply(&id(), action, &pre).await?;
    Ok((pre, outcome))
}

/// A child that is killed and reaped when the test ends, however it ends.
pub struct Victim {
    child: Child,
    pub target: ProcRef,
}

impl Victim {
    /// Runs a shell script that says `ready` when it is set up, in a process group of its own.
    pub fn shell(script: &str) -> Victim {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready");
        let target = reference(child.id() as i32).unwrap();
        Victim { child, target }
    }

    pub fn sleeper() -> Victim {
        let mut victim = Victim::shell("echo ready; exec sleep 60");
        let pid = victim.target.pid;
        eventually("sleep runs", || reference(pid).is_some_and(|r| r.name == "sleep"));
        victim.target = reference(pid).unwrap();
        victim
    }

    /// Ignores TERM.
    pub fn stubborn() -> Victim {
        Victim::shell("trap '' TERM; echo ready; while :; do sleep 1; done")
    }

    pub fn state(&self) -> Option<char> {
        Some(stat_fields(self.target.pid)?.1[0].chars().next().unwrap())
    }

    pub fn alive(&self) -> bool {
        self.state().is_some_and(|state| state != 'Z')
    }

    /// Stopped, as opposed to running or sleeping, which may change at any moment.
    pub fn stopped(&self) -> bool {
        self.state() == Some('T')
    }

    pub fn nice(&self) -> i32 {
        stat_fields(self.target.pid).unwrap().1[16].parse().unwrap()
    }

    /// A reference to this pid as if another process had had it before.
    pub fn as_reused(&self) -> ProcRef {
        ProcRef { start_ticks: self.target.start_ticks - 1, ..self.target.clone() }
    }

    /// Members of its process group that live.
    pub fn group(&self) -> Vec<i32> {
        let pgid = self.target.pid.to_string();
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| stat_fields(*pid).is_some_and(|(_, f)| f[2] == pgid && f[0] != "Z"))
            .collect()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        for pid in self.group() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stat_fields(pid: i32) -> Option<(String, Vec<String>)> {
    let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let (head, rest) = line.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, rest.split_whitespace().map(str::to_owned).collect()))
}

pub fn reference(pid: i32) -> Option<ProcRef> {
    let (name, fields) = stat_fields(pid)?;
    Some(ProcRef { pid, start_ticks: fields[19].parse().unwrap(), name })
}

/// Whether a nice value may be lowered; root in a container often may not.
pub fn has_cap_sys_nice() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_NICE))
}

/// Waits for something that must come true.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "did not come true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A scratch directory on the tmpfs at /dev/shm, which any user has; none where it is missing or
/// is the same file system as the other one.
pub struct OtherFileSystem {
    pub dir: tempfile::TempDir,
}

pub const OTHER_MOUNT: &str = "/dev/shm";

impl OtherFileSystem {
    pub fn new(test: &str, elsewhere: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounted = table.lines().any(|l| l.split(' ').nth(4) == Some(OTHER_MOUNT));
        let dev = |path: &Path| path.metadata().ok().map(|m| m.dev());
        let other = Path::new(OTHER_MOUNT);
        if !mounted || dev(other) == dev(elsewhere) {
            eprintln!("SKIPPED {test}: no file system of its own at {OTHER_MOUNT}");
            return None;
        }
        match tempfile::tempdir_in(OTHER_MOUNT) {
            Ok(dir) => Some(OtherFileSystem { dir }),
            Err(error) => {
                eprintln!("SKIPPED {test}: {OTHER_MOUNT} cannot be written ({error})");
                None
            }
        }
    }

    /// A file that was last written so many hours ago.
    pub fn old_file(&self, name: &str, content: &str, hours: u64) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        age(&path, hours);
        path
    }
}

pub fn age(path: &Path, hours: u64) {
    let then = std::time::SystemTime::now() - Duration::from_secs(hours * 3600);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}
