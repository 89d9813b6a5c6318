//! Real containers for tests: a small HTTP server that can be made to fail, on the lab's own Docker
//! engine (`lab/engine up`) or on the one that `HALE_TEST_ENGINE` names. Each is removed when the test
//! ends, however it ends. Where there is no engine, a test says so and is skipped.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hale_model::Timestamp;
use hale_model::container::ContainerRef;

/// What containers are made of: `lab/build-image` makes it.
const IMAGE: &str = "hale-lab:bookworm";
const PORT: u16 = 8080;
const ANSWER_BYTES_MAX: u64 = 4096;
/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers 200 on every path, 500 after `/break`; `/crash` ends it, `/leak` has it take ever more
/// memory, `/hang` has it never answer again. All of it is over when it is started anew.
const SERVER: &str = r#"
import os, signal, socket, sys, threading, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
broken = bool(os.environ.get("BROKEN"))
kept = []
def leak():
    while True:
        kept.append(bytearray(b"x" * (1 << 20)))
        time.sleep(float(os.environ.get("LEAK_PAUSE", "0.1")))
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if os.environ.get("CRASH_AT_START"):
    time.sleep(float(os.environ["CRASH_AT_START"]))
    os._exit(3)
s.bind(("0.0.0.0", 8080))
s.listen(64)
while True:
    c, _ = s.accept()
    try:
        c.settimeout(2)
        path = c.recv(4096).split(b" ")[1]
        if path == b"/crash":
            os._exit(7)
        if path == b"/break":
            broken = True
        if path == b"/hang":
            time.sleep(3600)
        if path == b"/leak":
            threading.Thread(target=leak, daemon=True).start()
        if path == b"/away":
            c.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        else:
            status = b"500 Internal Server Error" if broken else b"200 OK"
            c.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    except Exception:
        pass
    c.close()
"#;

/// What asks the server whether it is well, from within.
const CHECK: &str = "python3 -c 'import socket; s = socket.create_connection((\"127.0.0.1\", 8080), 1); \
    s.send(b\"GET / HTTP/1.0\\r\\n\\r\\n\"); a = s.recv(99); print(a[9:12].decode()); assert b\" 200 \" in a'";

/// An engine to test with.
#[derive(Clone, Debug)]
pub struct TestEngine {
    /// Its unix socket.
    pub socket: PathBuf,
}

impl TestEngine {
    /// The engine, or none, which is said under the test's name.
    pub fn find(test: &str) -> Option<TestEngine> {
        match TestEngine::look() {
            Ok(engine) => Some(engine),
            Err(why) => {
                eprintln!("SKIPPED {test}: {why:#}");
                None
            }
        }
    }

    fn look() -> Result<TestEngine> {
        let socket = match std::env::var_os("HALE_TEST_ENGINE") {
            Some(socket) => PathBuf::from(socket),
            None => lab_socket().context("neither HALE_TEST_ENGINE nor HOME is set")?,
        };
        if !socket.exists() {
            bail!("no container engine at {}; `lab/engine up` starts one", socket.display());
        }
        let engine = TestEngine { socket };
        engine.docker(&["version", "--format", "{{.Server.Version}}"])?;
        let images = engine.docker(&["image", "ls", "--quiet", IMAGE])?;
        if images.is_empty() {
            bail!("the engine has no image {IMAGE}; `lab/build-image` makes it");
        }
        Ok(engine)
    }

    /// Its address, as hale's configuration and `DOCKER_HOST` write it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Runs the `docker` client; what it printed.
    ///
    /// # Errors
    /// There is no such client, or it failed: what it said.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new("docker")
            .arg("--host")
            .arg(self.address())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start `docker`; install docker.io")?;
        if !done.status.success() {
            bail!(
                "docker {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Starts the server in a container with these further arguments for `docker run`.
    ///
    /// # Errors
    /// The engine's words.
    pub fn server(&self, label: &str, arguments: &[&str]) -> Result<TestContainer> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hale-test-{label}-{}-{number}", std::process::id());
        let mut all = vec!["run", "--detach", "--name", &name];
        all.extend(arguments);
        all.extend([IMAGE, "python3", "-c", SERVER]);
        let container = TestContainer { engine: self.clone(), name: name.clone() };
        self.docker(&all)?;
        Ok(container)
    }

    /// The same with a health check every second.
    ///
    /// # Errors
    /// The engine's words.
    pub fn checked_server(&self, label: &str, arguments: &[&str]) -> Result<TestContainer> {
        let mut all = vec![
            "--health-cmd",
            CHECK,
            "--health-interval",
            "500ms",
            "--health-retries",
            "2",
            "--health-timeout",
            "2s",
        ];
        all.extend(arguments);
        self.server(label, &all)
    }
}

fn lab_socket() -> Option<PathBuf> {
    let cache = match std::env::var_os("HALE_CACHE_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(&std::env::var_os("HOME")?).join(".cache/hale"),
    };
    Some(cache.join("lab/docker.sock"))
}

/// A container that is removed at the end.
#[derive(Debug)]
pub struct TestContainer {
    engine: TestEngine,
    /// Its name.
    pub name: String,
}

impl TestContainer {
    /// One field of `docker inspect`, in Go's template language.
    ///
    /// # Errors
    /// The engine's words.
    pub fn inspect(&self, field: &str) -> Result<String> {
        self.engine.docker(&["inspect", "--format", &format!("{{{{{field}}}}}"), &self.name])
    }

    /// Its identity, in the run of now.
    ///
    /// # Errors
    /// The engine's words.
    pub fn container_ref(&self) -> Result<ContainerRef> {
        Ok(ContainerRef {
            id: self.inspect(".Id")?,
            name: self.name.clone(),
            started_at: self.started_at()?,
        })
    }

    /// When its run began.
    ///
    /// # Errors
    /// The engine's words.
    pub fn started_at(&self) -> Result<Option<Timestamp>> {
        let at: Timestamp = self.inspect(".State.StartedAt")?.parse()?;
        Ok((at > Timestamp::UNIX_EPOCH).then_some(at))
    }

    /// Its state in the engine's word.
    ///
    /// # Errors
    /// The engine's words.
    pub fn state(&self) -> Result<String> {
        self.inspect(".State.Status")
    }

    /// Where its server listens.
    ///
    /// # Errors
    /// It has no address.
    pub fn address(&self) -> Result<SocketAddr> {
        let ip = self.inspect("range .NetworkSettings.Networks}}{{.IPAddress}}{{end")?;
        let ip: Ipv4Addr = ip.parse().with_context(|| format!("{} has no address", self.name))?;
        Ok(SocketAddr::new(ip.into(), PORT))
    }

    /// The status of a GET; none where there is no answer.
    pub fn get(&self, path: &str) -> Option<u16> {
        let address = self.address().ok()?;
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Waits until this is so.
    ///
    /// # Errors
    /// It was not so within half a minute.
    pub fn until(&self, what: &str, so: impl Fn(&TestContainer) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !so(self) {
            if begun.elapsed() > PATIENCE {
                bail!("{}: not {what} within {} s", self.name, PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Waits until its server answers.
    ///
    /// # Errors
    /// It does not.
    pub fn until_up(&self) -> Result<()> {
        self.until("up", |c| c.get("/") == Some(200))
    }

    /// Waits until its health check says this.
    ///
    /// # Errors
    /// It does not.
    pub fn until_health(&self, health: &str) -> Result<()> {
        self.until(health, |c| c.inspect(".State.Health.Status").is_ok_and(|h| h == health))
    }

    /// Runs the `docker` client with a command about it: `["stop", "--time", "1"]`.
    ///
    /// # Errors
    /// The engine's words.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let mut all = arguments.to_vec();
        all.push(&self.name);
        self.engine.docker(&all)
    }
}

impl Drop for TestContainer {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "--force", "--volumes", &self.name]);
    }
}
