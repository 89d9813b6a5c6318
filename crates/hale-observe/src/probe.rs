//! Asking over the network whether a cure worked: one GET, or one TCP connection.
//!
//! Only this machine's loopback and the containers on it are asked (`hale_model::probe`), no redirect
//! is followed, no name is looked up, and little is read. What fails is asked again with exponential
//! back-off and jitter, so that something that just starts is not hammered.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hale_model::container::{ContainerStat, Probe, ProbeTarget};
use hale_model::probe::{ProbeAddress, parse, resolve};
use hale_model::text::{printable, shorten};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Targets asked at the same time; more are left out.
const TARGETS_MAX: usize = 16;
/// One question, connection and answer.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// What is read of an answer: its first line is in it.
const ANSWER_BYTES_MAX: usize = 4096;
/// Between two questions to what is well.
const PERIOD_NS: u64 = 500_000_000;
/// After the first failure; doubled with each further one.
const BACK_OFF_MIN_NS: u64 = 250_000_000;
const BACK_OFF_MAX_NS: u64 = 5_000_000_000;

/// Asks what is wanted, each in its own rhythm.
#[derive(Default)]
pub(crate) struct Prober {
    wanted: BTreeMap<ProbeTarget, Course>,
    own_ports: Vec<u16>,
}

#[derive(Default)]
struct Course {
    newest: Option<Probe>,
    attempts: u32,
    failures_in_row: u32,
    due_ns: u64,
}

impl Prober {
    pub(crate) fn want(&mut self, targets: Vec<ProbeTarget>, own_ports: Vec<u16>) {
        self.wanted.retain(|target, _| targets.contains(target));
        for target in targets.into_iter().take(TARGETS_MAX) {
            self.wanted.entry(target).or_default();
        }
        self.own_ports = own_ports;
    }

    /// Asks what is due; the newest answers of all.
    pub(crate) async fn ask(&mut self, now_ns: u64, containers: &[ContainerStat]) -> Vec<Probe> {
        let due: Vec<ProbeTarget> = self
            .wanted
            .iter()
            .filter(|(_, course)| course.due_ns <= now_ns)
            .map(|(target, _)| target.clone())
            .collect();
        let own_ports = &self.own_ports;
        let questions = due.into_iter().map(|target| async move {
            let asked = Instant::now();
            let answer = ask_one(&target, containers, own_ports).await;
            (target, answer, asked.elapsed())
        });
        for (target, answer, took) in futures::future::join_all(questions).await {
            if let Some(course) = self.wanted.get_mut(&target) {
                course.take(target, answer, took, now_ns, jitter());
            }
        }
        self.wanted.values().filter_map(|course| course.newest.clone()).collect()
    }
}

impl Course {
    fn take(
        &mut self,
        target: ProbeTarget,
        answer: Result<Answered, String>,
        took: Duration,
        now_ns: u64,
        jitter: f64,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        let latency_ms = took.as_secs_f64() * 1000.0;
        let (ok, status, text) = match answer {
            Ok(Answered { ok, status, text }) => {
                (ok, status, format!("{text} in {latency_ms:.0} ms"))
            }
            Err(why) => (false, None, why),
        };
        self.failures_in_row = if ok { 0 } else { self.failures_in_row.saturating_add(1) };
        self.due_ns = now_ns.saturating_add(pause_ns(self.failures_in_row, jitter));
        self.newest = Some(Probe {
            target,
            asked_at_boottime_ns: now_ns,
            ok,
            status,
            latency_ms,
            text,
            attempts: self.attempts,
        });
    }
}

/// Until the next question: `jitter` from 0 to 1 spreads it over the upper half of the pause.
fn pause_ns(failures_in_row: u32, jitter: f64) -> u64 {
    let Some(doublings) = failures_in_row.checked_sub(1) else { return PERIOD_NS };
    let whole = BACK_OFF_MIN_NS.saturating_mul(1 << doublings.min(10)).min(BACK_OFF_MAX_NS);
    whole / 2 + ((whole / 2) as f64 * jitter.clamp(0.0, 1.0)) as u64
}

/// From 0 to 1, by the keys that the standard library draws for its maps.
fn jitter() -> f64 {
    let drawn = RandomState::new().build_hasher().finish();
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

struct Answered {
    ok: bool,
    status: Option<u16>,
    text: String,
}

async fn ask_one(
    target: &ProbeTarget,
    containers: &[ContainerStat],
    own_ports: &[u16],
) -> Result<Answered, String> {
    let address = parse(target)?;
    let Some(at) = resolve(&address, containers.iter(), own_ports)? else {
        return Err(format!("container {} has no address just now", address.host));
    };
    match tokio::time::timeout(TIMEOUT, converse(at, &address)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer in {} ms", TIMEOUT.as_millis())),
    }
}

async fn converse(at: SocketAddr, address: &ProbeAddress) -> Result<Answered, String> {
    let mut stream = TcpStream::connect(at).await.map_err(|e| words(&e))?;
    let Some(path) = &address.path else {
        return Ok(Answered { ok: true, status: None, text: "connected".to_owned() });
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {at}\r\nUser-Agent: hale/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await.map_err(|e| words(&e))?;
    let mut answer = Vec::with_capacity(256);
    let mut limited = stream.take(ANSWER_BYTES_MAX as u64);
    while !answer.contains(&b'\n') {
        let read = limited.read_buf(&mut answer).await.map_err(|e| words(&e))?;
        if read == 0 {
            break;
        }
    }
    status_line(&answer)
}

/// `HTTP/1.1 200 OK`
fn status_line(answer: &[u8]) -> Result<Answered, String> {
    let line = answer.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let mut parts = line.splitn(3, ' ');
    let version = parts.next().filter(|v| v.starts_with("HTTP/1."));
    let status = parts.next().filter(|s| s.len() == 3).and_then(|s| s.parse::<u16>().ok());
    let (Some(_), Some(status)) = (version, status) else {
        return Err(if answer.is_empty() {
            "closed without an answer".to_owned()
        } else {
            "the answer is not HTTP".to_owned()
        });
    };
    let reason = shorten(&printable(parts.next().unwrap_or_default()), 60);
    Ok(Answered {
        ok: (200..300).contains(&status),
        status: Some(status),
        text: format!("{status} {reason}").trim().to_owned(),
    })
}

fn words(error: &std::io::Error) -> String {
    let kind = error.kind();
    if kind == std::io::ErrorKind::ConnectionRefused {
        "connection refused".to_owned()
    } else if kind == std::io::ErrorKind::ConnectionReset {
        "connection reset".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fails_is_asked_ever_more_rarely() {
        let millis = |failures| {
            let at = |jitter| pause_ns(failures, jitter) / 1_000_000;
            (at(0.0), at(1.0))
        };
        let paused: Vec<_> = (0..8).map(millis).collect();
        assert_eq!(
            paused,
            [
                (500, 500),
                (125, 250),
                (250, 500),
                (500, 1000),
                (1000, 2000),
                (2000, 4000),
                (2500, 5000),
                (2500, 5000),
            ]
        );
        assert_eq!(pause_ns(u32::MAX, 1.0), BACK_OFF_MAX_NS);
    }

    #[test]
    fn status_lines() {
        let said = |answer: &str| match status_line(answer.as_bytes()) {
            Ok(answered) => format!("{} {}", answered.ok, answered.text),
            Err(why) => why,
        };
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nX: y\r\n", "true 200 OK"),
            ("HTTP/1.0 204\r\n", "true 204"),
            ("HTTP/1.1 503 Service Unavailable", "false 503 Service Unavailable"),
            ("HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n", "false 301 Moved"),
            ("HTTP/1.1 2000 OK\r\n", "the answer is not HTTP"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
            ("", "closed without an answer"),
        ] {
            assert_eq!(said(answer), expected, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_and_fits_a_screen(answer: Vec<u8>) {
            if let Ok(answered) = status_line(&answer) {
                prop_assert!(answered.text.len() < 200);
                prop_assert!(!answered.text.chars().any(char::is_control));
            }
        }

        #[test]
        fn a_pause_is_never_longer_than_the_limit(failures: u32, jitter in 0.0..=1.0_f64) {
            let pause = pause_ns(failures, jitter);
            prop_assert!((BACK_OFF_MIN_NS / 2..=BACK_OFF_MAX_NS).contains(&pause));
        }
    }
}
