//! A terminal of its own for a test: `script` of util-linux gives it, what is drawn is read, what is typed is
//! written.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::bed::Bed;

const LIMIT_WAIT: Duration = Duration::from_secs(60);

/// A command on a terminal: what it draws is read, what is typed is written.
pub struct OnTerminal {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl OnTerminal {
    pub fn start(bed: &Bed, arguments: &str) -> Option<OnTerminal> {
        if !std::path::Path::new("/usr/bin/script").exists() {
            println!("SKIPPED hale on a terminal: script (util-linux) is not installed");
            return None;
        }
        let line =
            format!("stty rows 24 cols 100; exec {} {arguments}", env!("CARGO_BIN_EXE_hale"));
        let mut command = bed.program("/usr/bin/script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("TERM", "xterm-256color");
        command.env("SHELL", "/bin/sh").current_dir(bed.dir.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let writer = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                writer.lock().unwrap().push_str(&text);
            }
        });
        Some(OnTerminal { child, seen })
    }

    pub fn said(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    pub fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + LIMIT_WAIT;
        while !self.said().contains(words) {
            assert!(Instant::now() < deadline, "`{words}` never came: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn type_in(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    pub fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + LIMIT_WAIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(50));
                return (status.code().unwrap_or(-1), self.said());
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
