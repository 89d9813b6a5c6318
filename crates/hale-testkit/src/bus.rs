//! A D-Bus of a test's own: Debian's `dbus-daemon`, with its socket in a directory that goes with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running bus; it ends with this value.
pub struct Bus {
    daemon: Child,
    /// What clients connect to: `unix:path=…`.
    pub address: String,
    /// Where its socket lies.
    _directory: TempDir,
}

impl Bus {
    /// Starts one; none, and said so in the name of `test`, where there is no `dbus-daemon` that runs.
    pub fn start(test: &str) -> Option<Bus> {
        let bus = Bus::try_start();
        if let Err(error) = &bus {
            println!("SKIPPED {test}: no dbus-daemon: {error}");
        }
        bus.ok()
    }

    fn try_start() -> std::io::Result<Bus> {
        let directory = TempDir::new()?;
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--address=unix:path={}", directory.path().join("bus").display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut bus = Bus { daemon, address: String::new(), _directory: directory };
        if let Some(said) = bus.daemon.stdout.take() {
            BufReader::new(said).read_line(&mut bus.address)?;
        }
        bus.address.truncate(bus.address.trim_end().len());
        Ok(bus)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
