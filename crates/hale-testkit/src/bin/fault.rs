//! `fault`: makes real trouble on the machine it runs on, so that hale can be watched finding and
//! curing it. Every fault is bounded: by `--secs`, and by a greatest size of its own.
//!
//! The first line on stdout is `{"pids":[{"pid":…,"start_ticks":…},…]}`: the processes that are the fault.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use hale_testkit::world::{self, Ident};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// A process that is started under another name is told its part here, since its arguments are
/// part of the disguise.
const ROLE_VARIABLE: &str = "FAULT_ROLE";
const MAX_MIB: u64 = 1536;
const MAX_CHILDREN: u32 = 200;
const MAX_OPEN_FILES: u64 = 20_000;
const MAX_FILE_SYSTEM_MIB: u64 = 512;
const MAX_FILES: u64 = 50_000;
const MIB: usize = 1024 * 1024;
const TICK: Duration = Duration::from_millis(100);

/// Makes one real fault, bounded in time and size.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Seconds after which it ends by itself
    #[arg(long, global = true, default_value_t = 120)]
    secs: u64,
    /// Ignore TERM, so that only KILL ends it
    #[arg(long, global = true)]
    stubborn: bool,
    /// Misbehave only if this file is not there; each start adds a line to it
    #[arg(long, global = true)]
    once: Option<PathBuf>,
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Subcommand)]
enum Fault {
    /// Take memory at once, and keep it
    MemoryHog {
        #[arg(long)]
        mib: u64,
    },
    /// A big but steady process: no fault at all
    SteadyBig {
        #[arg(long)]
        mib: u64,
    },
    /// Take more memory every second
    Leak {
        #[arg(long)]
        mib_per_sec: f64,
        /// Stop growing here
        #[arg(long, default_value_t = 1024)]
        max_mib: u64,
    },
    /// Keep one core busy
    CpuSpin {
        #[arg(long, default_value_t = 100)]
        percent: u32,
    },
    /// Open more files every second
    FdLeak {
        #[arg(long)]
        per_sec: u32,
    },
    /// Children that die and are never reaped
    Zombies { count: u32 },
    /// Processes whose parent, an agent, is gone
    Orphans {
        count: u32,
        /// CPU of each, in percent of one core
        #[arg(long, default_value_t = 60)]
        percent: u32,
        /// Name of the parent
        #[arg(long, default_value = "node")]
        parent: String,
    },
    /// Identical servers that an agent left behind, beside three twins of another command whose parent lives
    GhostStorm {
        #[arg(long, default_value_t = 12)]
        count: u32,
        /// Memory of each
        #[arg(long, default_value_t = 40)]
        mib: u64,
    },
    /// Fill a small file system
    FillDisk {
        path: PathBuf,
        #[arg(long, default_value_t = 3.0)]
        leave_percent: f64,
        /// 0: at once
        #[arg(long, default_value_t = 0.0)]
        mib_per_sec: f64,
        /// Age of the files it makes
        #[arg(long, default_value_t = 0)]
        age_days: u64,
    },
    /// Use up the inodes of a small file system
    FillInodes {
        path: PathBuf,
        #[arg(long, default_value_t = 2.0)]
        leave_percent: f64,
        /// Age of the files it makes
        #[arg(long, default_value_t = 0)]
        age_days: u64,
    },
    /// Like messages of priority warning to the system's log
    JournalFlood {
        #[arg(long)]
        per_sec: u32,
        /// Who seems to log them
        #[arg(long, default_value = "paymentsd")]
        tag: String,
    },
    /// Run for a while, then exit with a code
    Crash {
        #[arg(long, default_value_t = 1)]
        after_secs: u64,
        #[arg(long, default_value_t = 1)]
        code: u8,
    },
    /// Read a file again and again that does not fit into the memory it may use: reads wait for reclaim
    Thrash {
        /// Made, and removed at once: it lives as long as it is read
        file: PathBuf,
        /// More than the limit of its cgroup
        #[arg(long, default_value_t = 24)]
        mib: u64,
    },
    /// Nothing: a well-behaved process
    Idle,
    /// The parent of orphans: starts them, tells who they are, lives a while, exits
    #[command(hide = true)]
    Agent {
        #[arg(long)]
        children: u32,
        #[arg(long)]
        live_secs: u64,
        #[arg(long)]
        mib: u64,
        #[arg(long)]
        percent: u32,
        #[arg(long)]
        program: PathBuf,
        #[arg(long)]
        script: String,
    },
    /// Memory and CPU together: what orphans and twins do
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        mib: u64,
        #[arg(long)]
        percent: u32,
    },
}

/// The first line of output.
#[derive(Default, Serialize, Deserialize)]
struct Announcement {
    pids: Vec<Ident>,
}

fn main() -> ExitCode {
    let cli = match std::env::var(ROLE_VARIABLE) {
        Ok(role) => Cli::parse_from(std::iter::once("fault").chain(role.split_whitespace())),
        Err(_) => Cli::parse(),
    };
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fault: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    if cli.stubborn && std::env::var_os("FAULT_IS_STUBBORN").is_none() {
        return become_stubborn();
    }
    let deadline = Instant::now() + Duration::from_secs(cli.secs);
    if let Some(file) = &cli.once
        && !first_start(file)?
    {
        return load(Load::default(), deadline);
    }
    match &cli.fault {
        Fault::MemoryHog { mib } | Fault::SteadyBig { mib } => {
            load(Load { mib: *mib, ..Load::default() }, deadline)
        }
        Fault::Leak { mib_per_sec, max_mib } => {
            ensure!(*max_mib <= MAX_MIB, "--max-mib is at most {MAX_MIB}");
            load(Load { mib_per_sec: *mib_per_sec, max_mib: *max_mib, ..Load::default() }, deadline)
        }
        Fault::CpuSpin { percent } => load(Load { percent: *percent, ..Load::default() }, deadline),
        Fault::FdLeak { per_sec } => {
            load(Load { files_per_sec: *per_sec, ..Load::default() }, deadline)
        }
        Fault::Worker { mib, percent } => {
            load(Load { mib: *mib, percent: *percent, ..Load::default() }, deadline)
        }
        Fault::Thrash { file, mib } => thrash(file, *mib, deadline),
        Fault::Idle => load(Load::default(), deadline),
        Fault::Zombies { count } => zombies(*count, deadline),
        Fault::Orphans { count, percent, parent } => {
            let stage = Stage::new()?;
            let worker = Worker { program: "node", script: "worker.js", mib: 4, percent: *percent };
            let orphans = stage.abandon(parent, *count, &worker, cli.secs)?;
            announce(&orphans)?;
            sleep_until(deadline);
            Ok(ExitCode::SUCCESS)
        }
        Fault::GhostStorm { count, mib } => ghost_storm(*count, *mib, cli.secs, deadline),
        Fault::FillDisk { path, leave_percent, mib_per_sec, age_days } => {
            announce_self()?;
            fill_disk(path, *leave_percent, *mib_per_sec, *age_days, deadline)
        }
        Fault::FillInodes { path, leave_percent, age_days } => {
            announce_self()?;
            fill_inodes(path, *leave_percent, *age_days, deadline)
        }
        Fault::JournalFlood { per_sec, tag } => journal_flood(*per_sec, tag, deadline),
        Fault::Crash { after_secs, code } => {
            announce_self()?;
            sleep(Duration::from_secs(*after_secs));
            eprintln!("fatal: configuration backend unreachable, giving up");
            Ok(ExitCode::from(*code))
        }
        Fault::Agent { children, live_secs, mib, percent, program, script } => {
            let role = format!("--secs {} worker --mib {mib} --percent {percent}", cli.secs);
            let mut idents = Vec::new();
            for _ in 0..*children {
                idents.push(identity(&start(program, Some(script), &role, Stdio::null())?)?);
            }
            announce(&idents)?;
            sleep(Duration::from_secs(*live_secs));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An ignored signal stays ignored across exec: a shell can do what safe Rust cannot.
fn become_stubborn() -> Result<ExitCode> {
    let own = std::env::current_exe().context("find own program")?;
    let error = Command::new("sh")
        .args(["-c", r#"trap "" TERM; exec "$0" "$@""#])
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env("FAULT_IS_STUBBORN", "1")
        .exec();
    Err(error).context("exec sh")
}

fn first_start(file: &Path) -> Result<bool> {
    let first = !file.exists();
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("open {}", file.display()))?;
    writeln!(log, "{}", std::process::id()).with_context(|| format!("write {}", file.display()))?;
    Ok(first)
}

fn announce(pids: &[Ident]) -> Result<()> {
    let line = serde_json::to_string(&Announcement { pids: pids.to_vec() }).context("make JSON")?;
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("write to stdout")
}

fn announce_self() -> Result<()> {
    announce(&[Ident::of(std::process::id() as i32).context("read own /proc entry")?])
}

fn identity(child: &Child) -> Result<Ident> {
    Ident::of(child.id() as i32).with_context(|| format!("child {} vanished", child.id()))
}

fn sleep_until(deadline: Instant) {
    sleep(deadline.saturating_duration_since(Instant::now()));
}

/// What one process takes.
#[derive(Clone, Copy, Default)]
struct Load {
    mib: u64,
    mib_per_sec: f64,
    max_mib: u64,
    percent: u32,
    files_per_sec: u32,
}

fn load(load: Load, deadline: Instant) -> Result<ExitCode> {
    ensure!(load.mib <= MAX_MIB, "--mib is at most {MAX_MIB}");
    ensure!(load.percent <= 100, "--percent is at most 100: one process keeps one core busy");
    if load.files_per_sec > 0 {
        allow_open_files()?;
    }
    // Filled with something other than zero: pages that were never written are not resident.
    let mut memory: Vec<Vec<u8>> = vec![vec![0x5a; load.mib as usize * MIB]];
    let mut open: Vec<File> = Vec::new();
    announce_self()?;
    let start = Instant::now();
    while Instant::now() < deadline {
        let secs = start.elapsed().as_secs_f64();
        let wanted = (secs * load.mib_per_sec).min(load.max_mib as f64) as usize;
        while memory.len() - 1 < wanted {
            memory.push(vec![0x5a; MIB]);
        }
        let wanted = ((secs * f64::from(load.files_per_sec)) as u64).min(MAX_OPEN_FILES) as usize;
        while open.len() < wanted {
            open.push(File::open("/dev/null").context("open /dev/null")?);
        }
        let busy = TICK * load.percent / 100;
        let tick = Instant::now();
        while tick.elapsed() < busy {
            std::hint::black_box(&memory);
        }
        sleep(TICK.saturating_sub(tick.elapsed()));
    }
    Ok(ExitCode::SUCCESS)
}

fn allow_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MAX_OPEN_FILES + 100, |max| max.min(MAX_OPEN_FILES + 100));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
        .context("raise the limit of open files")
}

fn zombies(count: u32, deadline: Instant) -> Result<ExitCode> {
    ensure!(count <= MAX_CHILDREN, "at most {MAX_CHILDREN} zombies");
    for _ in 0..count {
        // Never waited for: that is the fault.
        let _child = Command::new("/bin/true").spawn().context("run /bin/true")?;
    }
    announce_self()?;
    sleep_until(deadline);
    Ok(ExitCode::SUCCESS)
}

/// What a disguised process looks like and takes.
struct Worker<'a> {
    program: &'a str,
    script: &'a str,
    mib: u64,
    percent: u32,
}

/// A directory of copies of this program under other names; it goes when the fault ends.
struct Stage {
    dir: PathBuf,
}

impl Stage {
    fn new() -> Result<Stage> {
        let dir = std::env::temp_dir().join(format!("fault-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        Ok(Stage { dir })
    }

    fn program(&self, name: &str) -> Result<PathBuf> {
        let copy = self.dir.join(name);
        if !copy.exists() {
            let own = std::env::current_exe().context("find own program")?;
            fs::copy(&own, &copy)
                .with_context(|| format!("copy {} to {}", own.display(), copy.display()))?;
        }
        Ok(copy)
    }

    /// Starts an agent that starts the workers and dies; returns the workers when it is gone.
    fn abandon(&self, agent: &str, count: u32, worker: &Worker, secs: u64) -> Result<Vec<Ident>> {
        ensure!(count <= MAX_CHILDREN, "at most {MAX_CHILDREN} processes");
        ensure!(u64::from(count) * worker.mib <= MAX_MIB, "together at most {MAX_MIB} MiB");
        let role = format!(
            "--secs {secs} agent --children {count} --live-secs 4 --mib {} --percent {} --program {} --script {}",
            worker.mib,
            worker.percent,
            self.program(worker.program)?.display(),
            worker.script
        );
        let mut agent = start(&self.program(agent)?, None, &role, Stdio::piped())?;
        let mut line = String::new();
        let output = agent.stdout.take().context("the agent's output is not piped")?;
        BufReader::new(output).read_line(&mut line).context("read from the agent")?;
        let told: Announcement =
            serde_json::from_str(&line).context("the agent did not say whom it started")?;
        agent.wait().context("wait for the agent")?;
        Ok(told.pids)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Starts a copy of this program that plays a part. An agent leads a process group and marks the
/// environment of what it starts, as coding agents do.
fn start(program: &Path, script: Option<&str>, role: &str, stdout: Stdio) -> Result<Child> {
    let name = program.file_name().context("a program without a name")?;
    let mut command = Command::new(program);
    command.arg0(name).args(script).env(ROLE_VARIABLE, role).stdin(Stdio::null());
    if script.is_none() {
        command.process_group(0).env("CLAUDECODE", "1");
    }
    command.stdout(stdout).spawn().with_context(|| format!("start {}", program.display()))
}

fn ghost_storm(count: u32, mib: u64, secs: u64, deadline: Instant) -> Result<ExitCode> {
    let stage = Stage::new()?;
    let server = Worker { program: "python3", script: "mcp_server.py", mib, percent: 0 };
    let role = format!("--secs {secs} worker --mib {mib} --percent 0");
    for _ in 0..3 {
        start(&stage.program("python3")?, Some("api_worker.py"), &role, Stdio::null())?;
    }
    let ghosts = stage.abandon("claude", count, &server, secs)?;
    announce(&ghosts)?;
    sleep_until(deadline);
    Ok(ExitCode::SUCCESS)
}

/// Refuses a file system that could be anybody's: a fault fills only what was made for it.
fn ensure_small(path: &Path) -> Result<()> {
    let fs = rustix::fs::statvfs(path).with_context(|| format!("statvfs {}", path.display()))?;
    let mib = fs.f_blocks * fs.f_frsize / MIB as u64;
    ensure!(
        mib <= MAX_FILE_SYSTEM_MIB,
        "{} is {mib} MiB; only file systems up to {MAX_FILE_SYSTEM_MIB} MiB are filled",
        path.display()
    );
    Ok(())
}

fn age(file: &File, days: u64) -> Result<()> {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    file.set_modified(then).context("set the modification time")
}

fn fill_disk(
    path: &Path,
    leave: f64,
    mib_per_sec: f64,
    age_days: u64,
    deadline: Instant,
) -> Result<ExitCode> {
    ensure_small(path)?;
    let mut made = Vec::new();
    let block = vec![0x5a_u8; MIB];
    // So much and no more: a cure that comes while it still writes is not filled up again.
    let fs = rustix::fs::statvfs(path).with_context(|| format!("statvfs {}", path.display()))?;
    let all_mib = fs.f_blocks as f64 * fs.f_frsize as f64 / MIB as f64;
    let too_much_mib = (world::free_percent(path)?.0 - leave) / 100.0 * all_mib;
    for n in 0..too_much_mib.ceil() as u64 {
        if world::free_percent(path)?.0 <= leave || Instant::now() >= deadline {
            break;
        }
        let name = path.join(format!("dump-{n:03}.bin"));
        let mut file = File::create(&name).with_context(|| format!("make {}", name.display()))?;
        made.push(name.clone());
        if file.write_all(&block).is_err() {
            break; // full to the last block
        }
        age(&file, age_days)?;
        if mib_per_sec > 0.0 {
            sleep(Duration::from_secs_f64(1.0 / mib_per_sec));
        }
    }
    end_files(&made, deadline)
}

fn fill_inodes(path: &Path, leave: f64, age_days: u64, deadline: Instant) -> Result<ExitCode> {
    ensure_small(path)?;
    let mut made = Vec::new();
    for n in 0..MAX_FILES {
        if n % 100 == 0 && world::free_percent(path)?.1 <= leave {
            break;
        }
        let name = path.join(format!("sess_{n:05}"));
        let Ok(file) = File::create(&name) else { break };
        made.push(name);
        age(&file, age_days)?;
    }
    end_files(&made, deadline)
}

/// What is still there of the fault goes with it.
fn end_files(made: &[PathBuf], deadline: Instant) -> Result<ExitCode> {
    sleep_until(deadline);
    for file in made {
        if let Err(error) = fs::remove_file(file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            bail!("remove {}: {error}", file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn thrash(path: &Path, mib: u64, deadline: Instant) -> Result<ExitCode> {
    ensure!(mib <= 256, "--mib is at most 256");
    let mut file = File::create(path).with_context(|| format!("make {}", path.display()))?;
    for _ in 0..mib {
        file.write_all(&vec![0x5a; MIB]).with_context(|| format!("write {}", path.display()))?;
    }
    // Only pages that are on disk can be taken back.
    file.sync_all().with_context(|| format!("sync {}", path.display()))?;
    announce_self()?;
    let readers = 4;
    let files: Vec<File> = (0..readers)
        .map(|_| File::open(path).with_context(|| format!("open {}", path.display())))
        .collect::<Result<_>>()?;
    // However this ends, the file goes with it.
    fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            files.iter().map(|file| scope.spawn(move || read_on(file, deadline))).collect();
        readers.into_iter().try_for_each(|reader| match reader.join() {
            Ok(read) => read,
            Err(_) => bail!("a reader panicked"),
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read_on(mut file: &File, deadline: Instant) -> Result<()> {
    let mut block = vec![0; 16 * 1024];
    while Instant::now() < deadline {
        if file.read(&mut block).context("read the rows")? == 0 {
            file.rewind().context("go back to the first row")?;
        }
    }
    Ok(())
}

fn journal_flood(per_sec: u32, tag: &str, deadline: Instant) -> Result<ExitCode> {
    ensure!(per_sec <= 5000, "--per-sec is at most 5000");
    let log = UnixDatagram::unbound().context("make a socket")?;
    log.connect("/dev/log").context("connect to /dev/log (is there a system log?)")?;
    announce_self()?;
    let start = Instant::now();
    let mut sent = 0_u64;
    while Instant::now() < deadline {
        let wanted = (start.elapsed().as_secs_f64() * f64::from(per_sec)) as u64;
        while sent < wanted {
            // <12>: facility user, priority warning.
            let pid = std::process::id();
            let text = format!(
                "<12>{tag}[{pid}]: upstream 10.0.0.{} timed out after {} ms",
                sent % 250,
                1000 + sent % 977
            );
            log.send(text.as_bytes()).context("write to /dev/log")?;
            sent += 1;
        }
        sleep(TICK);
    }
    Ok(ExitCode::SUCCESS)
}
