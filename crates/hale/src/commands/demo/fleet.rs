//! The services of the marketplace: as containers where an engine answers, else as processes under a
//! small supervisor. The supervisor is what a service manager is to a machine: it starts each service,
//! writes its pid file, collects it when it dies, and restarts it when it is told to, never by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hale_demo::Role;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixListener};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::docker::Engine;
use super::{Place, role};
use crate::exit::Failure;
use crate::screen::{DIM, Screen, paint};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_millis(1500);
/// A service must listen by then.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// How the services run.
pub enum Fleet {
    /// As containers.
    Containers(Engine),
    /// As processes.
    Processes(Supervisor),
}

impl Fleet {
    /// Starts all services.
    ///
    /// # Errors
    /// They cannot be started as processes either.
    pub async fn start(screen: Screen, place: &Place, processes: bool) -> Result<Fleet, Failure> {
        std::fs::create_dir_all(place.market()).map_err(|error| {
            Failure::failed(
                format!("{} cannot be made: {error}", place.market().display()),
                "check $TMPDIR",
            )
        })?;
        if !processes {
            match Engine::start(screen, place).await {
                Ok(engine) => return Ok(Fleet::Containers(engine)),
                Err(why) => {
                    screen.talk(&paint(DIM, &format!("  as processes, not containers: {why}")))
                }
            }
        }
        Supervisor::start(place).await.map(Fleet::Processes)
    }

    /// In words.
    pub fn how(&self) -> String {
        match self {
            Fleet::Containers(engine) => format!("four containers of {}", engine.name()),
            Fleet::Processes(_) => "four processes under a supervisor".to_owned(),
        }
    }

    /// How services died since this was last asked, in words. A container engine tells the agent itself.
    pub fn deaths(&self) -> Vec<String> {
        match self {
            Fleet::Containers(_) => Vec::new(),
            Fleet::Processes(supervisor) => {
                let deaths = &supervisor.inner.deaths;
                std::mem::take(&mut *deaths.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }

    /// Ends them.
    pub async fn end(self) {
        match self {
            // By name, with whatever else this demo may have left.
            Fleet::Containers(_) => {}
            Fleet::Processes(supervisor) => supervisor.end().await,
        }
    }
}

/// What a service is started with.
pub fn arguments(place: &Place, role: Role, files: &Path) -> Vec<String> {
    let ports = [Role::Gateway, Role::Catalog, Role::Quote, Role::Policy]
        .map(|role| place.addresses.of(role).port().to_string())
        .join(",");
    let words = [
        "demo-role",
        "serve",
        role.as_str(),
        "--ports",
        &ports,
        "--files",
        &files.display().to_string(),
        "--otlp",
        &format!("http://{}", place.otlp),
        "--webhook",
        &format!("http://{}/webhook", place.agent),
        "--prefix",
        &place.prefix(),
    ]
    .map(str::to_owned);
    words.into()
}

struct Running {
    pid: i32,
    /// Held open: the service ends with it, and so with us, however we end.
    _stdin: Option<ChildStdin>,
    /// Collects it when it dies.
    collected: JoinHandle<()>,
}

struct Inner {
    program: PathBuf,
    directory: PathBuf,
    starts: BTreeMap<Role, Vec<String>>,
    token: String,
    ports: BTreeMap<Role, std::net::SocketAddr>,
    running: Mutex<BTreeMap<Role, Running>>,
    /// How services ended that nobody had told to, in words.
    deaths: Arc<std::sync::Mutex<Vec<String>>>,
}

/// See [`Fleet::Processes`].
pub struct Supervisor {
    inner: Arc<Inner>,
    control: JoinHandle<()>,
}

/// Where a supervisor of this place is told to restart something.
pub fn control_socket(place: &Place) -> PathBuf {
    place.directory.join("control.sock")
}

/// Where it writes the pid of a service.
pub fn pid_file(place: &Place, role: Role) -> PathBuf {
    place.directory.join(format!("{}.pid", role.as_str()))
}

impl Supervisor {
    async fn start(place: &Place) -> Result<Supervisor, Failure> {
        let failed =
            |what: String| Failure::failed(what, "check $TMPDIR, and the limits of this user");
        let program = std::env::current_exe()
            .map_err(|e| failed(format!("this program has no path: {e}")))?;
        let socket = control_socket(place);
        let listener = UnixListener::bind(&socket)
            .map_err(|e| failed(format!("cannot listen on {}: {e}", socket.display())))?;
        let inner = Arc::new(Inner {
            program,
            directory: place.directory.clone(),
            starts: Role::ALL
                .into_iter()
                .map(|role| {
                    let mut words = arguments(place, role, &place.market());
                    words.push("--until-stdin-ends".to_owned());
                    (role, words)
                })
                .collect(),
            token: place.webhook_token.clone(),
            ports: Role::ALL.into_iter().map(|role| (role, place.addresses.of(role))).collect(),
            running: Mutex::default(),
            deaths: Arc::default(),
        });
        for role in Role::ALL {
            inner.start(role).await.map_err(failed)?;
        }
        let control = tokio::spawn(listen(listener, inner.clone()));
        Ok(Supervisor { inner, control })
    }

    async fn end(self) {
        self.control.abort();
        let stop = |role| {
            let inner = self.inner.clone();
            tokio::spawn(async move { inner.stop(role).await })
        };
        for stopped in Role::ALL.map(stop) {
            let _ = stopped.await;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.control.abort();
    }
}

/// One wish a connection: `restart ROLE`.
async fn listen(listener: UnixListener, inner: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inner = inner.clone();
        tokio::spawn(async move {
            let (read, mut write) = stream.into_split();
            let mut line = String::new();
            let mut reader = BufReader::new(tokio::io::AsyncReadExt::take(read, 128));
            let answer = match reader.read_line(&mut line).await {
                Ok(_) => inner.obey(line.trim()).await,
                Err(error) => Err(error.to_string()),
            };
            let words = answer.map_or_else(|why| why, |()| "ok".to_owned());
            // Whoever asked may be gone.
            let _ = write.write_all(words.as_bytes()).await;
        });
    }
}

impl Inner {
    async fn obey(&self, wish: &str) -> Result<(), String> {
        let role = wish.strip_prefix("restart ").and_then(Role::parse);
        let role = role.ok_or_else(|| format!("`{wish}` is not understood"))?;
        self.stop(role).await;
        self.start(role).await
    }

    async fn start(&self, role: Role) -> Result<(), String> {
        let log = self.directory.join(format!("{}.log", role.as_str()));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| format!("{} cannot be written: {e}", log.display()))?;
        let words = self.starts.get(&role).cloned().unwrap_or_default();
        let mut child: Child = Command::new(&self.program)
            .args(words)
            .env(role::TOKEN_ENV, &self.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{} cannot be started: {e}", role.as_str()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let pid_file = self.directory.join(format!("{}.pid", role.as_str()));
        std::fs::write(&pid_file, format!("{pid}\n"))
            .map_err(|e| format!("{} cannot be written: {e}", pid_file.display()))?;
        let stdin = child.stdin.take();
        let deaths = self.deaths.clone();
        let collected = tokio::spawn(async move {
            // It is not started again by itself: that it died is for others to see.
            if let Ok(status) = child.wait().await
                && !status.success()
            {
                let death = format!("{} ended: {status}", role.as_str());
                deaths.lock().unwrap_or_else(PoisonError::into_inner).push(death);
            }
        });
        self.running.lock().await.insert(role, Running { pid, _stdin: stdin, collected });
        let begun = tokio::time::Instant::now();
        let Some(address) = self.ports.get(&role) else { return Ok(()) };
        while TcpStream::connect(address).await.is_err() {
            if begun.elapsed() > LISTEN_LIMIT {
                return Err(format!("{} does not listen on {address}", role.as_str()));
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(())
    }

    /// TERM, and after a while KILL.
    async fn stop(&self, role: Role) {
        let Some(mut running) = self.running.lock().await.remove(&role) else { return };
        if running.collected.is_finished() {
            return;
        }
        // Ours, and not collected yet: nobody else can have this pid.
        if let Some(pid) = Pid::from_raw(running.pid) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(GRACE, &mut running.collected).await.is_err() {
            // With its handle the child is killed: `kill_on_drop`.
            running.collected.abort();
            let _ = running.collected.await;
        }
    }
}
