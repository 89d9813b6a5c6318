//! `hale history` on a terminal of its own, which `script` of util-linux gives it.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::bed::Bed;

const LIMIT_WAIT: Duration = Duration::from_secs(60);

/// A command on a terminal: what it draws is read, what is typed is written.
struct OnTerminal {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl OnTerminal {
    fn start(bed: &Bed, arguments: &str) -> Option<OnTerminal> {
        if !std::path::Path::new("/usr/bin/script").exists() {
            println!("SKIPPED hale history on a terminal: script (util-linux) is not installed");
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

    fn said(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + LIMIT_WAIT;
        while !self.said().contains(words) {
            assert!(Instant::now() < deadline, "`{words}` never came: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn type_in(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn end(mut self) -> (i32, String) {
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

fn runs(bed: &Bed) -> usize {
    let ended = bed.hale(&["history", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    view["runs"].as_array().unwrap().len()
}

#[test]
fn with_nothing_run_it_says_so() {
    let bed = Bed::new();
    let ended = bed.hale(&["history"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "Nothing was run yet: hale ask \"…\"\n"));
    assert_eq!(bed.hale(&["history", "--json"]).stdout.trim(), "{\n  \"runs\": []\n}");
}

#[test]
fn typing_finds_enter_runs_again_and_ctrl_y_copies() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["ask", "--yes", "show disk usage"]).code, 0);
    assert_eq!(bed.hale(&["ask", "--yes", "how long has this machine been up"]).code, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("2/2");
    terminal.type_in("dfh");
    terminal.wait_for("1/2");
    terminal.type_in("\x19");
    // `df -h`, as a terminal takes it for its clipboard.
    terminal.wait_for("\x1b]52;c;ZGYgLWg=\x07");
    terminal.type_in("\r");
    // It reads only, but was not said anew: a person confirms.
    terminal.wait_for("Run it? [y/N]");
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Filesystem"), "{said}");
    assert_eq!(runs(&bed), 3);
}

#[test]
fn leaving_and_saying_no_run_nothing() {
    let bed = Bed::new();
    assert_eq!(bed.hale(&["ask", "--yes", "show disk usage"]).code, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("1/1");
    terminal.type_in("\x03");
    assert_eq!(terminal.end().0, 0);
    let Some(mut terminal) = OnTerminal::start(&bed, "history") else { return };
    terminal.wait_for("1/1");
    terminal.type_in("\r");
    terminal.wait_for("[y/N]");
    terminal.type_in("n\n");
    assert_eq!(terminal.end().0, 4);
    assert_eq!(runs(&bed), 1);
}

#[test]
fn a_yes_is_typed_out_for_what_is_critical() {
    let bed = Bed::new();
    std::fs::create_dir(bed.path("precious")).unwrap();
    let server = hale_testkit::model_server::ModelServer::start_with(
        hale_testkit::model_server::Wire::Ollama,
        |_, _| {
            hale_testkit::model_server::Turn::Answer(serde_json::json!({
                "reasoning": "Removes it.",
                "steps": [{ "command": "rm -rf ./precious", "why": "asked for" }],
                "question": "",
            }))
        },
    );
    bed.config(&format!(
        "[[ai.providers]]\nprovider = \"ollama\"\nmodel = \"scripted\"\nbase_url = \"{}\"\n",
        server.base_url()
    ));
    for (typed, code, is_left) in [("y", 4, true), ("yes", 4, true), ("YES", 0, false)] {
        let Some(mut terminal) =
            OnTerminal::start(&bed, "ask --model 'remove the directory precious'")
        else {
            return;
        };
        terminal.wait_for("Type YES");
        terminal.type_in(&format!("{typed}\n"));
        let (ended, said) = terminal.end();
        assert_eq!((ended, bed.path("precious").exists()), (code, is_left), "{typed}: {said}");
    }
}
