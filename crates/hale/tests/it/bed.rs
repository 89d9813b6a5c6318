//! A home of its own for every test, and the binary run in it with an empty environment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hale_testkit::model_server::ModelServer;

/// A command that takes longer has hung.
const LIMIT_RUN: Duration = Duration::from_secs(60);

pub struct Bed {
    pub dir: tempfile::TempDir,
}

pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bed {
    pub fn new() -> Bed {
        Bed { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path(".local/share/hale")
    }

    /// Writes `~/.config/hale/config.toml`.
    pub fn config(&self, text: &str) -> PathBuf {
        let path = self.path(".config/hale/config.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A bed with these models in its config, asked in this order.
    pub fn with_models(servers: &[(&str, &ModelServer)]) -> Bed {
        let bed = Bed::new();
        bed.config(&format!("[ai]\ntimeout_secs = 20\n{}", models(servers)));
        bed
    }

    /// The same with one model, called `scripted`.
    pub fn with_model(server: &ModelServer) -> Bed {
        Bed::with_models(&[("scripted", server)])
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_hale"));
        command.args(arguments);
        command
    }

    /// Any program, in this home.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC")
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
        command
    }

    pub fn hale(&self, arguments: &[&str]) -> Ended {
        self.finish(self.command(arguments))
    }

    pub fn finish(&self, mut command: Command) -> Ended {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (done, watch) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if watch
                .recv_timeout(LIMIT_RUN)
                .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(done);
        watchdog.join().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: self.scrub(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.scrub(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// A text with this home as `~`.
    pub fn scrub(&self, text: &str) -> String {
        text.replace(&self.dir.path().display().to_string(), "~")
    }

    /// `hale up` in the background, once it answers.
    pub fn up(&self, arguments: &[&str]) -> Running {
        self.up_under("env", arguments)
    }

    /// The same, started by a program such as `nohup` that becomes what it starts.
    pub fn up_under(&self, starter: &str, arguments: &[&str]) -> Running {
        let mut command = self.program(starter);
        command.arg(env!("CARGO_BIN_EXE_hale")).args(["up", "--listen", "127.0.0.1:0"]);
        let log = std::fs::File::create(self.path("up.log")).unwrap();
        let child = command.args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut running = Running { child, log: self.path("up.log") };
        let deadline = Instant::now() + LIMIT_RUN;
        while !running.said().contains("Ctrl-C") {
            assert!(Instant::now() < deadline, "hale up says nothing: {}", running.said());
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("hale up ended with {status}: {}", running.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

/// A running agent; ended with the test.
pub struct Running {
    pub child: Child,
    log: PathBuf,
}

impl Running {
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The live page's address.
    pub fn address(&self) -> String {
        let said = self.said();
        let at = said.find("http://").unwrap_or_else(|| panic!("{said}"));
        said[at + 7..].split_whitespace().next().unwrap().to_owned()
    }

    /// Asks it to end, and waits.
    pub fn end(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let deadline = Instant::now() + LIMIT_RUN;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "hale up does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `[[ai.providers]]` of a config, one a server.
pub fn models(servers: &[(&str, &ModelServer)]) -> String {
    let entry = |(name, server): &(&str, &ModelServer)| {
        format!(
            "[[ai.providers]]\nprovider = \"ollama\"\nmodel = \"{name}\"\nbase_url = \"{}\"\n",
            server.base_url()
        )
    };
    servers.iter().map(entry).collect()
}

/// What stands in the repository.
pub fn repository(below: &str) -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..").join(below)
}

/// A process of ours that does nothing, under a name of its own.
pub fn sleeper() -> Child {
    Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()
}
