//! Webhooks against real servers on the loopback, well and ill.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hale_model::alert::Severity;
use hale_model::config::WebhookKind;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::notify::{lines, note, quiet, start};
use crate::support::block_on;

/// What a server saw, and when.
type Seen = Arc<Mutex<Vec<(Instant, Value)>>>;

/// Answers with these, one after the other, then always with the last.
async fn server(answers: &'static [&'static str]) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/secret", listener.local_addr().unwrap());
    let seen: Seen = Arc::default();
    let record = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut next = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answers[next.min(answers.len() - 1)];
            next += 1;
            tokio::spawn(request(stream, answer, Arc::clone(&record)));
        }
    });
    (url, seen)
}

/// Records what was posted before it answers: whoever was answered is on record before the next asks.
async fn request(mut stream: TcpStream, answer: &str, record: Seen) -> Option<()> {
    let mut bytes = Vec::new();
    let body = loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "))?;
            if body.len() >= length.trim().parse::<usize>().unwrap() {
                assert!(head.starts_with("post /hooks/secret http/1.1"), "{head}");
                assert!(head.contains("content-type: application/json"), "{head}");
                break serde_json::from_str(body).unwrap();
            }
        }
        if n == 0 {
            return None;
        }
    };
    record.lock().unwrap().push((Instant::now(), body));
    let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(reply.as_bytes()).await.ok()
}

async fn wait_for(seen: &Seen, count: usize) -> Vec<(Instant, Value)> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen.lock().unwrap().len() < count {
        assert!(Instant::now() < deadline, "only {:?}", seen.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen.lock().unwrap().clone()
}

#[test]
fn a_failing_server_is_tried_again_later_and_later() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = server(&["500 Oops", "503 Busy", "200 OK"]).await;
        let notifier = start(quiet(url), dir.path());
        notifier.send(note("a", Severity::High));
        let seen = wait_for(&seen, 3).await;
        let waits: Vec<_> = seen.windows(2).map(|w| w[1].0 - w[0].0).collect();
        assert!(waits[0] >= Duration::from_millis(900), "{waits:?}");
        assert!(waits[1] >= Duration::from_millis(1900), "{waits:?}");
        assert_eq!(seen[0].1["title"], "memory.high · a");
        assert!(seen.iter().all(|(_, body)| *body == seen[0].1));
        notifier.shutdown(Duration::from_secs(5)).await;
    });
}

#[test]
fn retry_after_is_honoured_and_a_refusal_is_final() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) =
            server(&["429 Slow down\r\nretry-after: 3", "200 OK", "404 Gone", "200 OK"]).await;
        let notifier = start(quiet(url), dir.path());
        notifier.send(note("first", Severity::High));
        notifier.send(note("refused", Severity::High));
        notifier.send(note("last", Severity::High));
        let seen = wait_for(&seen, 4).await;
        assert!(seen[1].0 - seen[0].0 >= Duration::from_millis(2900));
        let titles: Vec<_> = seen.iter().map(|(_, b)| b["title"].as_str().unwrap()).collect();
        assert_eq!(
            titles,
            [
                "memory.high · first",
                "memory.high · first",
                "memory.high · refused",
                "memory.high · last"
            ]
        );
        notifier.shutdown(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_server_that_asks_for_an_hour_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = server(&["429 Slow down\r\nretry-after: 3600", "200 OK"]).await;
        let notifier = start(quiet(url), dir.path());
        for i in 0..5 {
            notifier.send(note(&i.to_string(), Severity::High));
        }
        let started = Instant::now();
        notifier.shutdown(Duration::from_secs(10)).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!(seen.lock().unwrap().len(), 1);
        assert_eq!(lines(dir.path()).len(), 5);
    });
}

#[test]
fn a_dead_address_gets_one_attempt_each_until_it_lives_again() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        const FAIL: &str = "500 Oops\r\nretry-after: 0";
        let (url, seen) = server(&[FAIL, FAIL, FAIL, FAIL, FAIL, FAIL, "200 OK"]).await;
        let notifier = start(quiet(url), dir.path());
        for name in ["dead", "still dead", "alive"] {
            notifier.send(note(name, Severity::High));
        }
        let seen = wait_for(&seen, 7).await;
        let mut titles: Vec<_> = seen.iter().map(|(_, b)| b["title"].as_str().unwrap()).collect();
        assert_eq!(titles[..5], ["memory.high · dead"; 5]);
        // Each comes on a connection of its own: which is taken down first is the server's affair.
        titles[5..].sort_unstable();
        assert_eq!(titles[5..], ["memory.high · alive", "memory.high · still dead"]);
        notifier.shutdown(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_black_hole_delays_neither_the_sender_nor_the_file_nor_the_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        // Accepts, and never answers.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/secret", listener.local_addr().unwrap());
        let notifier = start(quiet(url), dir.path());
        let started = Instant::now();
        for i in 0..200 {
            notifier.send(note(&i.to_string(), Severity::High));
        }
        assert!(started.elapsed() < Duration::from_millis(500));
        while lines(dir.path()).len() < 200 {
            assert!(started.elapsed() < Duration::from_secs(5), "{}", lines(dir.path()).len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let stopping = Instant::now();
        notifier.shutdown(Duration::from_secs(1)).await;
        assert!(stopping.elapsed() < Duration::from_secs(3), "{:?}", stopping.elapsed());
    });
}

#[test]
fn repeats_are_told_once_and_a_flood_becomes_a_digest() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let (url, seen) = server(&["200 OK"]).await;
        let mut config = quiet(url);
        config.digest_over_per_minute = 5;
        config.webhook_kind = Some(WebhookKind::Slack);
        let notifier = start(config, dir.path());
        for _ in 0..10 {
            notifier.send(note("same", Severity::High));
        }
        for i in 0..40 {
            notifier.send(note(&i.to_string(), Severity::Critical));
        }
        notifier.shutdown(Duration::from_secs(10)).await;
        let seen = wait_for(&seen, 6).await;
        assert_eq!(seen.len(), 6);
        let texts: Vec<_> = seen.iter().map(|(_, b)| b["text"].as_str().unwrap()).collect();
        assert_eq!(texts[0], "HIGH web-1: memory.high · same");
        assert_eq!(texts[5], "CRITICAL web-1: 36 notifications");
    });
}
