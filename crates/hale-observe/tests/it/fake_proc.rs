//! Roots that are broken, change while they are read, or hold hostile things.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use hale_model::sample::{Source, SourceState};
use hale_observe::{BusAccess, EngineAccess, JournalAccess, LocalObserver, Roots};

fn roots(dir: &Path) -> Roots {
    Roots {
        proc: dir.join("proc"),
        sys: dir.join("sys"),
        etc: dir.join("etc"),
        kmsg: dir.join("kmsg"),
        journal: JournalAccess::Auto,
        system_bus: BusAccess::Disabled,
        engine: EngineAccess::Disabled,
        kubernetes: hale_observe::KubeAccess::Disabled,
    }
}

fn add_process(dir: &Path, pid: i32, comm: &[u8], cmdline: &[u8]) {
    let process = dir.join("proc").join(pid.to_string());
    fs::create_dir_all(process.join("fd")).unwrap();
    let mut stat = format!("{pid} (").into_bytes();
    stat.extend(comm);
    stat.extend(b") S 1 1 1 0 -1 4194304 0 0 0 0 5 5 0 0 20 0 1 0 100 0 25 0\n");
    fs::write(process.join("stat"), stat).unwrap();
    fs::write(process.join("cmdline"), cmdline).unwrap();
    fs::write(process.join("status"), "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n").unwrap();
}

#[tokio::test]
async fn nothing_at_all_is_stale_with_the_file_and_the_operation() {
    let dir = tempfile::tempdir().unwrap();
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    let sample = observer.collect().await;
    let report: Vec<String> = sample
        .sources
        .iter()
        .map(|s| {
            let note = s.note.as_deref().unwrap_or("");
            let note = note.replace(dir.path().to_str().unwrap(), "ROOT");
            format!("{} {:?} {note}", s.source, s.state)
        })
        .filter(|line| !line.starts_with("journal"))
        .collect();
    insta::assert_snapshot!(report.join("\n"), @r"
    process Stale cannot open ROOT/proc: No such file or directory (os error 2)
    memory Stale cannot read ROOT/proc/meminfo: No such file or directory (os error 2)
    cpu Stale cannot read ROOT/proc/stat: No such file or directory (os error 2)
    gpu Absent 
    disk Stale cannot read ROOT/proc/self/mountinfo: No such file or directory (os error 2)
    network Stale cannot read ROOT/proc/net/dev: No such file or directory (os error 2)
    unit Absent D-Bus is switched off
    container Absent containers are switched off
    kubernetes Absent 
    ");
    assert_eq!(sample.machine_id.as_str(), "localhost");
}

#[tokio::test]
async fn one_broken_source_stops_no_other_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    add_process(dir.path(), 7, b"web", b"web\0");
    fs::write(dir.path().join("proc/meminfo"), "nonsense\n").unwrap();
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    let asked = [Source::Process, Source::Memory];
    let sample = observer.collect_only(&asked).await;
    assert_eq!(sample.process.unwrap().processes.len(), 1);
    assert_eq!(sample.sources[1].state, SourceState::Stale);
    assert_eq!(sample.sources[1].last_fresh_at, None);
    let note = sample.sources[1].note.clone().unwrap();
    assert!(note.starts_with("cannot parse") && note.ends_with("meminfo: no MemTotal"), "{note}");

    fs::write(dir.path().join("proc/meminfo"), "MemTotal: 9 kB\nMemAvailable: 3 kB\n").unwrap();
    let sample = observer.collect_only(&asked).await;
    // No vmstat: what there is counts, and what is missing is said.
    assert_eq!(sample.sources[1].state, SourceState::Fresh);
    assert!(sample.sources[1].note.as_ref().unwrap().contains("vmstat"));
    fs::write(dir.path().join("proc/meminfo"), "").unwrap();
    let healed_at = sample.collected_at;
    let sample = observer.collect_only(&asked).await;
    assert_eq!(sample.sources[1].last_fresh_at, Some(healed_at));
}

#[tokio::test]
async fn hostile_names_and_huge_command_lines() {
    let dir = tempfile::tempdir().unwrap();
    add_process(dir.path(), 7, b"\xff) R 1 (\n", b"\xff\xfe\0b\0");
    add_process(dir.path(), 8, b"big", &vec![b'x'; 1 << 20]);
    fs::create_dir_all(dir.path().join("proc/9")).unwrap();
    fs::write(dir.path().join("proc/9/stat"), "9 (torn").unwrap();
    fs::create_dir_all(dir.path().join("proc/10/stat")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"\xff11");
    fs::create_dir_all(dir.path().join("proc").join(odd)).unwrap();
    fs::create_dir_all(dir.path().join("proc/99999999999999999999")).unwrap();
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    let sample = observer.collect_only(&[Source::Process]).await;
    let processes = sample.process.unwrap().processes;
    let shown: Vec<_> =
        processes.iter().map(|p| (p.pid, p.info.name.as_str(), p.info.cmdline.len())).collect();
    assert_eq!(shown, [(7, "\u{fffd}) R 1 (\n", 8), (8, "big", 4096)]);
    assert_eq!(processes[0].info.user, "1000");
    // The torn one and the one whose stat is no file were seen, not kept.
    assert_eq!(sample.sources[0].lost, 2);
    assert_eq!(sample.sources[0].state, SourceState::Fresh);
}

#[tokio::test]
async fn processes_that_vanish_while_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for pid in 1..=400 {
        add_process(dir.path(), pid, b"w", b"worker\0");
    }
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    let proc = dir.path().join("proc");
    let remover = std::thread::spawn(move || {
        for pid in (1..=400).rev().filter(|pid| pid % 4 != 0) {
            fs::remove_dir_all(proc.join(pid.to_string())).unwrap();
        }
    });
    while !remover.is_finished() {
        let sample = observer.collect_only(&[Source::Process]).await;
        assert_eq!(sample.sources[0].state, SourceState::Fresh, "{:?}", sample.sources);
        assert!(sample.process.unwrap().processes.len() >= 100);
    }
    remover.join().unwrap();
    let sample = observer.collect_only(&[Source::Process]).await;
    assert_eq!(sample.process.unwrap().processes.len(), 100);
    assert_eq!(sample.sources[0].lost, 0);
}

#[tokio::test]
async fn a_pid_that_is_used_again_is_another_process() {
    let dir = tempfile::tempdir().unwrap();
    add_process(dir.path(), 7, b"old", b"old\0");
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    observer.collect_only(&[Source::Process]).await;
    let stat = "7 (old) S 1 1 1 0 -1 4194304 0 0 0 0 5 5 0 0 20 0 1 0 999 0 25 0\n";
    fs::write(dir.path().join("proc/7/stat"), stat).unwrap();
    fs::write(dir.path().join("proc/7/cmdline"), "new\0").unwrap();
    let sample = observer.collect_only(&[Source::Process]).await;
    let process = &sample.process.unwrap().processes[0];
    assert_eq!((process.start_ticks, process.info.cmdline.as_str()), (999, "new"));
}

#[tokio::test]
async fn the_kernels_messages_come_from_the_ring_buffer() {
    let journald = ["/run/log/journal", "/var/log/journal"];
    if journald.iter().any(|place| Path::new(place).exists()) {
        eprintln!("SKIPPED the_kernels_messages: journald is here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kmsg = dir.path().join("kmsg");
    fs::write(&kmsg, "6,1,1,-;Linux version\n").unwrap();
    let mut observer = LocalObserver::new(roots(dir.path()), None);
    let sample = observer.collect_only(&[Source::Journal]).await;
    assert_eq!(sample.journal.unwrap().entries, []);
    let oom = "Out of memory: Killed process 4242 (hog) total-vm:1kB, anon-rss:1kB";
    fs::write(&kmsg, format!("6,1,1,-;Linux version\n3,2,5,-;{oom}\n")).unwrap();
    let sample = observer.collect_only(&[Source::Journal]).await;
    let entries = sample.journal.unwrap().entries;
    assert_eq!(entries.iter().map(|e| e.message.as_str()).collect::<Vec<_>>(), [oom]);
}
