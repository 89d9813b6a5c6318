//! Telemetry is asked by many at once: nobody sees a lock, and nobody works for who has gone.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::bed::Bed;

/// What takes longer has hung.
const LIMIT: Duration = Duration::from_secs(25);
/// Runs into the limit of a query, which is longer than that.
const LONG: &str = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b";

/// Workers of this data directory.
fn workers(bed: &Bed) -> usize {
    let dir = bed.data_dir().display().to_string();
    let is_worker = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("telemetry-worker") && line.contains(&dir)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(is_worker).count()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_agent_starts_and_watches_while_somebody_reads_telemetry() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["up", "--once"]).code, 0);
    // The kind of lock that DuckDB takes for reading.
    let file = std::fs::File::open(bed.data_dir().join("telemetry.duckdb")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockShared).unwrap();
    let running = bed.up(&[]);
    let status = bed.hale(&["status"]);
    assert_eq!(status.code, 0, "{}", status.stderr);
    assert!(status.stdout.contains("agent runs"), "{}", status.stdout);
    // What it measured waited, and is stored now that nobody reads any more.
    drop(file);
    let asked =
        bed.hale(&["query", "--format", "csv", "SELECT count(*) > 0 AS some FROM sys_samples"]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert!(asked.stdout.contains("true"), "{}", asked.stdout);
    assert_eq!(running.end(), 0);
}

#[test]
fn a_long_question_holds_up_no_other_and_ends_with_whoever_asked_it() {
    let bed = Bed::new();
    let running = bed.up(&[]);
    let mut asker = bed.command(&["query", LONG]);
    let mut asker = asker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the long question is not being answered", || workers(&bed) > 0);
    let short = bed.hale(&["query", "--format", "csv", "SELECT 1 AS one"]);
    assert_eq!((short.code, short.stdout.as_str()), (0, "one\r\n1\r\n"), "{}", short.stderr);
    assert!(asker.try_wait().unwrap().is_none(), "the long question was over first");
    asker.kill().unwrap();
    asker.wait().unwrap();
    wait_until("a worker goes on for nobody", || workers(&bed) == 0);
    assert_eq!(running.end(), 0);
}
