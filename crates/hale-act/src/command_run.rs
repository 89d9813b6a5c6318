//! `command.run`: a shell command, in a process group of its own that ends with it or with its time.
//!
//! What a command changed cannot be put back by us, and whether one that was cut off had done its
//! work cannot be told: both are said. The shell starts without the environment's power to change
//! what words mean (`BASH_ENV`, exported functions), because the guard judged the words.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hale_model::action::{Outcome, Undo};
use hale_model::text;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::actuator::Reconciled;
use crate::error::ActError;

const OPERATION: &str = "run";
/// Output that is kept for the record: the end of it, where errors stand.
const OUTPUT_KEPT_BYTES: usize = 16 * 1024;
/// Output after which a command is ended: it is not a way to fill memory or a terminal.
const OUTPUT_MAX_BYTES: u64 = 256 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;
/// Between TERM and KILL where the time is up.
const GRACE: Duration = Duration::from_secs(5);
/// A background child may keep the output open: after the command's end it is not waited for longer.
const LINGER: Duration = Duration::from_millis(500);

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// In bash's grammar.
    pub command: &'a str,
    /// Absolute; none: this process's.
    pub working_dir: Option<&'a str>,
    /// Ended after so long.
    pub timeout_secs: u32,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none where a signal ended it.
    pub exit: Option<i32>,
    /// How it ended, in words.
    pub how: String,
    /// The last 16 KiB of what it wrote, both streams in order of arrival.
    pub output: String,
    /// Whether it was ended because its time, or its output, was over.
    pub cut_off: bool,
}

/// Whether the terminal is the command's while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It reads nothing, and has a process group of its own.
    Apart,
    /// It reads what the person types, in the foreground group: passwords, questions of its own.
    Shared,
}

pub(crate) fn pre_state(command: &Command<'_>) -> Result<Value, ActError> {
    let dir = directory(command)?;
    Ok(json!({
        "command": command.command,
        "shell": shell().display().to_string(),
        "working_dir": dir.map(|d| d.display().to_string()),
    }))
}

fn directory(command: &Command<'_>) -> Result<Option<PathBuf>, ActError> {
    let Some(dir) = command.working_dir else { return Ok(None) };
    let path = PathBuf::from(dir);
    if path.is_dir() {
        return Ok(Some(path));
    }
    Err(ActError::failed(OPERATION, dir, "there is no such directory"))
}

/// bash, whose grammar the guard reads; else sh, which understands less of the same.
fn shell() -> &'static Path {
    let candidates = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"];
    candidates.into_iter().map(Path::new).find(|p| p.exists()).unwrap_or(Path::new("/bin/sh"))
}

/// Runs it and hands over what it writes as it comes.
///
/// # Errors
/// It could not be started.
pub async fn run(
    command: &Command<'_>,
    terminal: Terminal,
    mut output: impl FnMut(Stream, &[u8]),
) -> Result<Ran, ActError> {
    let mut child = start(command, terminal)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = group.filter(|_| terminal == Terminal::Apart);
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let mut kept = Tail::default();
    let mut cut_off = None;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(command.timeout_secs.into());
    let mut ended: Option<ExitStatus> = None;
    let mut linger = None;
    let (mut out_buffer, mut err_buffer) = (vec![0; READ_BYTES], vec![0; READ_BYTES]);
    while ended.is_none() || out.is_some() || err.is_some() {
        tokio::select! {
            read = read_some(&mut out, &mut out_buffer) => {
                take(&mut out, &out_buffer, read, Stream::Out, &mut kept, &mut output);
            }
            read = read_some(&mut err, &mut err_buffer) => {
                take(&mut err, &err_buffer, read, Stream::Err, &mut kept, &mut output);
            }
            status = child.wait(), if ended.is_none() => {
                let fail = |e| ActError::from_io(OPERATION, command.command.to_owned(), e);
                ended = Some(status.map_err(fail)?);
                linger = Some(tokio::time::Instant::now() + LINGER);
            }
            () = until(linger) => break,
            () = tokio::time::sleep_until(deadline), if ended.is_none() && cut_off.is_none() => {
                cut_off = Some(format!("ended after {} s", command.timeout_secs));
                end(&mut child, group).await;
            }
        }
        if kept.seen_bytes > OUTPUT_MAX_BYTES && cut_off.is_none() && ended.is_none() {
            cut_off = Some(format!("ended after {} of output", text::bytes(OUTPUT_MAX_BYTES)));
            end(&mut child, group).await;
        }
    }
    let status = match ended {
        Some(status) => status,
        None => child
            .wait()
            .await
            .map_err(|e| ActError::from_io(OPERATION, command.command.to_owned(), e))?,
    };
    Ok(Ran {
        exit: status.code(),
        how: cut_off.clone().unwrap_or_else(|| ended_how(status)),
        output: kept.text(),
        cut_off: cut_off.is_some(),
    })
}

fn ended_how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn start(command: &Command<'_>, terminal: Terminal) -> Result<tokio::process::Child, ActError> {
    let mut shell = tokio::process::Command::new(shell());
    // `--` keeps a command that begins with a dash from being read as an option.
    shell.arg("-c").arg("--").arg(command.command);
    if let Some(dir) = directory(command)? {
        shell.current_dir(dir);
    }
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes == b"BASH_ENV" || bytes == b"ENV" || bytes.starts_with(b"BASH_FUNC_") {
            shell.env_remove(name);
        }
    }
    shell.env_remove("SHELLOPTS").env_remove("BASHOPTS").env_remove("IFS");
    match terminal {
        Terminal::Apart => shell.stdin(Stdio::null()).process_group(0),
        Terminal::Shared => shell.stdin(Stdio::inherit()),
    };
    shell.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    hale_spawn::spawn_async(&mut shell)
        .map_err(|e| ActError::from_io(OPERATION, command.command.to_owned(), e))
}

/// TERM to the whole group, then KILL. The leader is not reaped yet, so the number is still its own.
async fn end(child: &mut tokio::process::Child, group: Option<Pid>) {
    let signal = |signal| {
        if let Some(group) = group {
            // Gone already is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    };
    signal(Signal::TERM);
    if group.is_none() || tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        signal(Signal::KILL);
        let _ = child.start_kill();
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn read_some<R: AsyncRead + Unpin>(
    from: &mut Option<R>,
    buffer: &mut [u8],
) -> std::io::Result<usize> {
    match from {
        Some(from) => from.read(buffer).await,
        None => std::future::pending().await,
    }
}

fn take<R>(
    from: &mut Option<R>,
    buffer: &[u8],
    read: std::io::Result<usize>,
    stream: Stream,
    kept: &mut Tail,
    output: &mut impl FnMut(Stream, &[u8]),
) {
    match read {
        Ok(0) | Err(_) => *from = None,
        Ok(count) => {
            let bytes = buffer.get(..count).unwrap_or(buffer);
            kept.push(bytes);
            output(stream, bytes);
        }
    }
}

/// The end of what was written.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    seen_bytes: u64,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.seen_bytes += bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        // Trimmed now and then, not at each piece: moving bytes costs.
        if self.bytes.len() > 4 * OUTPUT_KEPT_BYTES {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let over = self.bytes.len().saturating_sub(OUTPUT_KEPT_BYTES);
        self.bytes.drain(..over);
    }

    fn text(mut self) -> String {
        self.trim();
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

pub(crate) async fn apply(command: &Command<'_>) -> Result<Outcome, ActError> {
    let ran = run(command, Terminal::Apart, |_, _| {}).await?;
    Ok(outcome(&ran))
}

/// What became of a command, for its record.
pub fn outcome(ran: &Ran) -> Outcome {
    let output = ran.output.trim();
    let detail = if output.is_empty() { ran.how.clone() } else { format!("{}: {output}", ran.how) };
    Outcome {
        done: ran.exit == Some(0) && !ran.cut_off,
        exit: ran.exit,
        detail,
        undo: Undo::None { why: "what a command changed is not known to hale".to_owned() },
    }
}

pub(crate) fn reconcile() -> Reconciled {
    Reconciled::Unknown("whether the command had done its work leaves no trace".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    fn command(command: &str) -> Command<'_> {
        Command { command, working_dir: None, timeout_secs: 20 }
    }

    #[tokio::test]
    async fn how_a_command_ended_and_what_it_wrote() {
        for (line, exit, how, output) in [
            ("echo one; echo two >&2; exit 3", Some(3), "exit 3", "two\n"),
            ("true", Some(0), "exit 0", ""),
            ("kill -9 $$", None, "ended by signal 9", ""),
            ("-c", Some(127), "exit 127", "not found"),
        ] {
            let mut seen = Vec::new();
            let line = command(line);
            let ran = run(&line, Terminal::Apart, |_, b| seen.extend_from_slice(b)).await.unwrap();
            assert_eq!((ran.exit, ran.how.as_str(), ran.cut_off), (exit, how, false), "{line:?}");
            assert!(ran.output.contains(output), "{line:?}: {}", ran.output);
            assert_eq!(String::from_utf8_lossy(&seen), ran.output);
        }
    }

    #[tokio::test]
    async fn its_time_ends_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let line = format!("sleep 300 & echo $! > {}; wait", pid_file.display());
        let limited = Command { command: &line, working_dir: None, timeout_secs: 1 };
        let ran = run(&limited, Terminal::Apart, |_, _| {}).await.unwrap();
        assert!(ran.cut_off && !outcome(&ran).done, "{ran:?}");
        let pid: i32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
        let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        for _ in 0..100 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the child {pid} outlived its command");
    }

    #[tokio::test]
    async fn a_child_that_keeps_the_output_open_holds_nobody_up() {
        let ran = run(&command("sleep 20 & echo done"), Terminal::Apart, |_, _| {}).await.unwrap();
        assert_eq!((ran.exit, ran.output.as_str()), (Some(0), "done\n"));
    }

    #[tokio::test]
    async fn long_output_is_kept_at_its_end() {
        let ran = run(&command("seq 1 100000"), Terminal::Apart, |_, _| {}).await.unwrap();
        assert!(ran.output.ends_with("99999\n100000\n"));
        assert!(ran.output.len() <= OUTPUT_KEPT_BYTES);
    }

    #[tokio::test]
    async fn it_runs_where_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().display().to_string();
        let there = Command { command: "pwd -P", working_dir: Some(&path), timeout_secs: 5 };
        let ran = run(&there, Terminal::Apart, |_, _| {}).await.unwrap();
        assert_eq!(ran.output.trim(), path);
        let nowhere = Command { working_dir: Some("/no/such/dir"), ..there };
        assert!(pre_state(&nowhere).unwrap_err().to_string().contains("no such directory"));
    }
}
