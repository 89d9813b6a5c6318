//! The live stream over real connections.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scripted::Server;

async fn watch(server: &Server, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.tcp).await.unwrap();
    let head = format!("GET /api/v1/stream HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", server.tcp);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads until this was said.
async fn heard(stream: &mut TcpStream, what: &str) -> String {
    let mut text = String::new();
    let reading = async {
        let mut bytes = [0; 4096];
        while !text.contains(what) {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "ended without {what}: {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), reading).await;
    assert!(in_time.is_ok(), "no {what}: {text}");
    text
}

#[tokio::test]
async fn events_come_as_they_happen_and_resume_where_a_watcher_was() {
    let server = Server::start().await;
    let mut stream = watch(&server, "").await;
    let head = heard(&mut stream, "retry: 2000\nid: 0\n\n").await.to_ascii_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    for text in ["one", "two\nlines", "three"] {
        server.handle.tell(text);
    }
    let said = heard(&mut stream, "three").await;
    assert!(said.contains("id: 2\nevent: thought\ndata: {"), "{said}");
    assert!(said.contains("two\\nlines"), "{said}");
    drop(stream);
    let mut again = watch(&server, "Last-Event-ID: 1\r\n").await;
    let said = heard(&mut again, "three").await;
    assert!(said.contains("two") && !said.contains("\"one\""), "{said}");
    let mut foreign = watch(&server, "Last-Event-ID: x-17\r\n").await;
    heard(&mut foreign, "one").await;
}

#[tokio::test]
async fn a_gap_is_said() {
    let server = Server::start().await;
    server.handle.tell("one");
    let mut stream = watch(&server, "Last-Event-ID: 900\r\n").await;
    let said = heard(&mut stream, "event: gap").await;
    assert!(said.contains("data: {\"after\":900,\"resumes_at\":1}"), "{said}");
}

#[tokio::test]
async fn watchers_beyond_the_limit_are_told_when_to_come_back_and_others_still_get_in() {
    let server = Server::start().await;
    let most =
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(4096);
    let wanted = usize::try_from(most / 2).unwrap().saturating_sub(64).min(1_200);
    let mut watchers = Vec::new();
    for _ in 0..wanted {
        watchers.push(watch(&server, "").await);
    }
    // None of them reads; all hear of it.
    let mut last = watchers.pop().unwrap();
    if wanted > 1_024 {
        let said = heard(&mut last, "\r\n\r\n").await.to_ascii_lowercase();
        assert!(said.starts_with("http/1.1 503") && said.contains("retry-after: 30"), "{said}");
    } else {
        println!("SKIPPED the limit of watchers: only {most} open files");
    }
    for n in 0..100 {
        server.handle.tell(&format!("{n}{}", "x".repeat(10_000)));
    }
    assert_eq!(server.get("/api/v1/health").await.status, 200);
    heard(&mut watchers[0], "\"99x").await;
}

#[tokio::test]
async fn the_stream_ends_when_the_agent_does() {
    let mut server = Server::start().await;
    let mut stream = watch(&server, "").await;
    heard(&mut stream, "retry").await;
    server.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(20), server.task.take().unwrap()).await;
    ended.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}
