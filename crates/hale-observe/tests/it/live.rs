//! The machine that the tests run on.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hale_model::sample::{ParentKnownBy, ProcessStat, Sample, Source, SourceState};
use hale_model::snapshot::Snapshot;
use hale_observe::{BusAccess, JournalAccess, LocalObserver, Roots};

fn quiet_roots() -> Roots {
    Roots { journal: JournalAccess::Disabled, system_bus: BusAccess::Disabled, ..Roots::default() }
}

fn observer() -> LocalObserver {
    LocalObserver::new(quiet_roots(), None)
}

fn find(sample: &Sample, pid: u32) -> Option<&ProcessStat> {
    let processes = &sample.process.as_ref()?.processes;
    processes.iter().find(|p| p.pid == pid as i32)
}

/// Collects until `look` finds what it wants, for at most ten seconds.
async fn until<T>(observer: &mut LocalObserver, look: impl Fn(&Sample) -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        let sample = observer.collect_only(&[Source::Process]).await;
        if let Some(found) = look(&sample) {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "not seen in 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends a child however the test ends.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sleeper(name: &str) -> Ends {
    let mut command = Command::new("sleep");
    command.arg0(name).arg("60").stdin(Stdio::null()).stdout(Stdio::null());
    Ends(command.spawn().unwrap())
}

#[tokio::test]
async fn every_source_answers_and_none_is_stale() {
    let mut observer = observer();
    let sample = observer.collect().await;
    let states: Vec<_> = sample.sources.iter().map(|s| (s.source, s.state)).collect();
    assert_eq!(states.iter().map(|(s, _)| *s).collect::<Vec<_>>(), Source::ALL);
    for status in &sample.sources {
        assert_ne!(status.state, SourceState::Stale, "{status:?}");
    }
    let memory = sample.memory.unwrap();
    assert!(memory.total_bytes > memory.available_bytes && memory.available_bytes > 0);
    let cpu = sample.cpu.unwrap();
    assert_eq!(cpu.cores.len(), sample.host.cores as usize);
    assert!(cpu.total.idle > 0);
    assert!(sample.network.unwrap().interfaces.iter().any(|i| i.interface == "lo"));
    assert!(!sample.host.kernel.is_empty() && !sample.host.boot_id.is_empty());
}

#[tokio::test]
async fn this_very_process() {
    let mut observer = observer();
    let sample = observer.collect_only(&[Source::Process]).await;
    assert_eq!(sample.sources.len(), 1);
    let me = find(&sample, std::process::id()).expect("this process");
    assert!(me.rss_bytes > 1 << 20, "{}", me.rss_bytes);
    assert!(me.threads >= 1);
    assert!(me.open_fds.is_some_and(|n| n > 3), "{:?}", me.open_fds);
    assert!(me.info.cmdline.starts_with(&std::env::args().next().unwrap()));
    let exe = std::env::current_exe().unwrap();
    assert_eq!(me.info.exe.as_deref(), exe.to_str());
    // It started before now and not long ago.
    let started_secs = me.start_ticks as f64 / sample.host.ticks_per_sec as f64;
    let age_secs = sample.boottime_ns as f64 / 1e9 - started_secs;
    assert!((0.0..600.0).contains(&age_secs), "{age_secs}");
    let own = &sample.process.as_ref().unwrap().own_pids;
    assert_eq!(own.first(), Some(&me.pid));
    assert_eq!(own.get(1), Some(&me.ppid));
}

/// Not a test by itself: this program, started once more, until its input ends.
#[test]
fn once_more() {
    if std::env::var_os(ONCE_MORE).is_some() {
        let _ = std::io::stdin().lines().count();
    }
}

const ONCE_MORE: &str = "HALE_OBSERVE_ONCE_MORE";

#[tokio::test]
async fn workers_are_hale_itself_and_what_it_starts_for_others_is_not() {
    let again = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "live::once_more", "--nocapture"]).env(ONCE_MORE, "1");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command
    };
    let worker = Ends(again().spawn().unwrap());
    // A service of the same program that hale was asked to start.
    let service = Ends(again().process_group(0).spawn().unwrap());
    let other = sleeper("hale-test-other");
    let [worker, service, other] = [&worker, &service, &other].map(|child| child.0.id());
    let mut observer = observer();
    let is_sleep = |s: &Sample| find(s, other).is_some_and(|p| p.info.name == "sleep");
    let own =
        until(&mut observer, |s| is_sleep(s).then(|| s.process.as_ref().unwrap().own_pids.clone()))
            .await;
    assert_eq!(own.first(), Some(&(std::process::id() as i32)));
    assert!(own.contains(&(worker as i32)), "{worker} is not in {own:?}");
    assert!(!own.contains(&(service as i32)), "{service} is in {own:?}");
    assert!(!own.contains(&(other as i32)), "{other} is in {own:?}");
}

#[tokio::test]
async fn a_child_its_program_and_its_cpu() {
    let mut observer = observer();
    let child = sleeper("hale-test-child");
    let pid = child.0.id();
    let seen = until(&mut observer, |s| {
        find(s, pid).filter(|p| p.info.cmdline == "hale-test-child 60").cloned()
    })
    .await;
    assert_eq!(seen.ppid, std::process::id() as i32);
    assert_eq!(seen.info.name, "sleep");
    assert!(seen.original_parent.is_none());
    let before = observer.collect_only(&[Source::Process]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let now = observer.collect_only(&[Source::Process]).await;
    let snapshot = Snapshot::derive(&now, Some(&before));
    let derived = snapshot.find(&seen.proc_ref()).expect("still there");
    assert_eq!(derived.cpu_percent, Some(0.0));
    // What does not change is shared between samples, not read again.
    let info = |s: &Sample| find(s, pid).unwrap().info.clone();
    assert_eq!(info(&before), info(&now));
}

#[test]
fn who_writes_on_a_file_system_is_told_by_its_open_files() {
    let place = std::path::Path::new("/dev/shm");
    let on_it = std::fs::metadata(place).and_then(|_| tempfile::tempdir_in(place));
    let Ok(dir) = on_it else {
        eprintln!("SKIPPED who_writes_on_a_file_system: nothing can be written in /dev/shm");
        return;
    };
    let file = std::fs::File::create(dir.path().join("growing")).unwrap();
    let mut command = Command::new("sleep");
    let writer = Ends(command.arg("60").stdout(file).stdin(Stdio::null()).spawn().unwrap());
    std::fs::write(dir.path().join("read"), "x").unwrap();
    let file = std::fs::File::open(dir.path().join("read")).unwrap();
    let mut command = Command::new("sleep");
    let reader = Ends(command.arg("60").stdout(Stdio::null()).stdin(file).spawn().unwrap());
    let proc = std::path::Path::new("/proc");
    let Some(told) = hale_observe::writers_on(proc, "/dev/shm") else {
        eprintln!("SKIPPED who_writes_on_a_file_system: /dev/shm is no mount");
        return;
    };
    let has = |child: &Ends| told.processes.iter().any(|p| p.pid == child.0.id() as i32);
    assert!(has(&writer) && !has(&reader), "{told:?}");
    assert!(told.processes.iter().all(|p| p.start_ticks > 0));
    assert_eq!(hale_observe::writers_on(proc, "/dev/shm/no/mount"), None);
}

#[tokio::test]
async fn a_mount_that_fills_says_how_fast() {
    let mut observer = observer();
    let before = observer.collect_only(&[Source::Disk]).await;
    let after = |change: fn(u64) -> u64| {
        let mut now = before.clone();
        now.boottime_ns += 2_000_000_000;
        for mount in now.disk.iter_mut().flat_map(|d| &mut d.mounts) {
            mount.available_bytes = change(mount.available_bytes);
        }
        let mounts = Snapshot::derive(&now, Some(&before)).mounts;
        mounts.into_iter().map(|m| m.filling_bytes_per_sec).collect::<Vec<_>>()
    };
    let mounts = before.disk.as_ref().unwrap().mounts.len();
    assert!(mounts > 0);
    assert_eq!(after(|bytes| bytes - 4096), vec![Some(2048.0); mounts]);
    assert_eq!(after(|bytes| bytes), vec![None; mounts]);
    assert_eq!(after(|bytes| bytes + 4096), vec![None; mounts]);
}

#[tokio::test]
async fn another_program_in_the_same_process_is_noticed() {
    let mut observer = observer();
    let mut command = Command::new("sh");
    command.args(["-c", "read line; exec sleep 61"]).stdin(Stdio::piped());
    let mut child = Ends(command.spawn().unwrap());
    let pid = child.0.id();
    let start = until(&mut observer, |s| {
        find(s, pid).filter(|p| p.info.name == "sh").map(|p| p.start_ticks)
    })
    .await;
    drop(child.0.stdin.take());
    let after =
        until(&mut observer, |s| find(s, pid).filter(|p| p.info.name == "sleep").cloned()).await;
    assert_eq!((after.start_ticks, after.info.cmdline.as_str()), (start, "sleep 61"));
}

#[tokio::test]
async fn a_zombie_keeps_what_it_was() {
    let mut observer = observer();
    let mut child = sleeper("hale-test-zombie");
    let pid = child.0.id();
    until(&mut observer, |s| {
        find(s, pid).filter(|p| p.info.cmdline.starts_with("hale-test-zombie")).map(|_| ())
    })
    .await;
    child.0.kill().unwrap();
    let zombie = until(&mut observer, |s| find(s, pid).filter(|p| p.state == 'Z').cloned()).await;
    assert_eq!(zombie.info.cmdline, "hale-test-zombie 60");
    assert_eq!(zombie.rss_bytes, 0);
    child.0.wait().unwrap();
    until(&mut observer, |s| find(s, pid).is_none().then_some(())).await;
}

#[tokio::test]
async fn an_orphan_keeps_the_parent_that_was_observed() {
    let mut observer = observer();
    // A parent that starts a worker and ends when told to.
    let mut command = Command::new("sh");
    let script = "sleep 62 & echo $!; read line";
    command.arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut parent = Ends(command.spawn().unwrap());
    let parent_pid = parent.0.id();
    let mut stdin = parent.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{script}\n").as_bytes()).unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(parent.0.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let pid: u32 = line.trim().parse().unwrap();
    let start = until(&mut observer, |s| {
        find(s, pid).filter(|p| p.info.cmdline == "sleep 62").map(|p| p.start_ticks)
    })
    .await;
    parent.0.kill().unwrap();
    parent.0.wait().unwrap();
    let original =
        until(&mut observer, |s| find(s, pid).and_then(|p| p.original_parent.clone())).await;
    assert_eq!(original.known_by, ParentKnownBy::Observed);
    assert_eq!((original.name.as_str(), original.cmdline.as_str()), ("sh", "sh -s"));
    assert_eq!(original.process.as_ref().unwrap().pid, parent_pid as i32);
    end_exactly(pid, start);
}

#[tokio::test]
async fn an_orphan_from_before_is_told_by_names_in_its_environment() {
    // The shell ends at once: its worker is an orphan before anyone looks.
    let mut command = Command::new("sh");
    command
        .args(["-c", "sleep 63 >/dev/null 2>&1 & echo $!"])
        .env("CLAUDECODE", "a value that nobody reads")
        .stdout(Stdio::piped());
    let output = command.output().unwrap();
    let pid: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let mut observer = observer();
    let orphan = until(&mut observer, |s| find(s, pid).cloned()).await;
    end_exactly(pid, orphan.start_ticks);
    // Under a supervisor that adopts orphans without being init, the kernel does not tell them.
    if orphan.ppid != 1 {
        eprintln!("SKIPPED an_orphan_from_before: orphans go to process {}", orphan.ppid);
        return;
    }
    let original = orphan.original_parent.unwrap();
    assert_eq!((original.name.as_str(), original.known_by), ("claude", ParentKnownBy::Trace));
    assert_eq!(original.process, None);
}

/// Ends a process that is not our child, if it is still the one we mean.
fn end_exactly(pid: u32, start_ticks: u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    if stat.split(' ').any(|field| field == start_ticks.to_string()) {
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[tokio::test]
async fn rates_come_from_two_samples() {
    let mut observer = observer();
    let before = observer.collect().await;
    let until = Instant::now() + Duration::from_millis(200);
    let mut spins = 0u64;
    while Instant::now() < until {
        spins = std::hint::black_box(spins + 1);
    }
    let now = observer.collect().await;
    let snapshot = Snapshot::derive(&now, Some(&before));
    assert!(snapshot.system.cpu_total.is_some_and(|p| (0.0..=100.0).contains(&p)));
    let me = snapshot.process(std::process::id() as i32).unwrap();
    assert!(me.cpu_percent.is_some_and(|p| p > 1.0), "{:?}", me.cpu_percent);
}

#[tokio::test]
async fn a_machine_without_a_bus_has_no_units_and_that_is_no_error() {
    let roots = Roots { system_bus: BusAccess::Disabled, ..quiet_roots() };
    let sample = LocalObserver::new(roots, None).collect_only(&[Source::Unit]).await;
    assert_eq!(sample.sources[0].state, SourceState::Absent);
    assert_eq!(sample.unit.unwrap().units, []);
    let address = "unix:path=/nonexistent/bus".to_owned();
    let roots = Roots { system_bus: BusAccess::Address(address), ..quiet_roots() };
    let sample = LocalObserver::new(roots, None).collect_only(&[Source::Unit]).await;
    assert_eq!(sample.sources[0].state, SourceState::Stale);
    let note = sample.sources[0].note.as_deref().unwrap();
    assert!(note.starts_with("cannot connect to the system bus"), "{note}");
}
