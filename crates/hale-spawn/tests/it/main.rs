//! What a started program sees of the limit of open files. One test: the limit is the whole process's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const FIRST: u64 = 512;
const RAISED: u64 = 1500;

/// A program that says its soft limit once it is told to.
fn says_its_limit() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "read -r go; ulimit -S -n"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn limit_of_a_child() -> String {
    let mut child = hale_spawn::spawn(&mut says_its_limit()).unwrap();
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn limit_of_an_async_child() -> String {
    let mut command = tokio::process::Command::from(says_its_limit());
    let mut child = hale_spawn::spawn_async(&mut command).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"go\n").await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_is_started_has_the_limit_that_this_process_was_started_with() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(FIRST), maximum }).unwrap();
    assert_eq!(limit_of_a_child(), FIRST.to_string());

    hale_spawn::raise_open_files(RAISED).unwrap();
    let raised = maximum.unwrap_or(RAISED).min(RAISED);
    assert_eq!(hale_spawn::open_files_max(), raised);
    // A second time it is not the raised limit that is remembered.
    hale_spawn::raise_open_files(RAISED).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let both = || {
        assert_eq!(limit_of_a_child(), FIRST.to_string());
        assert_eq!(runtime.block_on(limit_of_an_async_child()), FIRST.to_string());
        assert_eq!(hale_spawn::open_files_max(), raised);
    };
    both();

    // Several at once.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(limit_of_a_child)).collect();
        for one in all {
            assert_eq!(one.join().unwrap(), FIRST.to_string());
        }
    });
    assert_eq!(hale_spawn::open_files_max(), raised);

    // With more files open than the first limit allows.
    if raised < FIRST + 300 {
        println!("SKIPPED many open files: only {raised} may be open here");
        return;
    }
    let held: Vec<File> = (0..FIRST + 100).map(|_| File::open("/dev/null").unwrap()).collect();
    both();
    drop(held);

    // What cannot be started changes nothing.
    assert!(hale_spawn::spawn(&mut Command::new("/nowhere/program")).is_err());
    assert_eq!(hale_spawn::open_files_max(), raised);
}
