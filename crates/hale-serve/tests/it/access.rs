//! Who may ask what: TCP, browsers, noise.

use hale_model::api::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scripted::Server;

#[tokio::test]
async fn over_tcp_nothing_can_be_changed() {
    let server = Server::start().await;
    for path in [
        "/api/v1/alerts/al-1/ack",
        "/api/v1/alerts/al-1/close",
        "/api/v1/approvals/ap-1/approve",
        "/api/v1/approvals/ap-1/reject",
        "/api/v1/pause",
        "/api/v1/resume",
        "/api/v1/rpc",
    ] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", server.tcp);
        let reply = server.tcp(&request).await;
        assert_eq!(reply.status, 401, "{path}: {}", reply.body);
        let hint = reply.json()["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("hale.sock"), "{hint}");
    }
    // That somebody tried is all that is put on record.
    let wished = server.handle.wished.lock().unwrap();
    let is_record = |command: &Command| matches!(command, Command::RefusedCaller { .. });
    assert!(wished.iter().all(|(command, _)| is_record(command)), "{wished:?}");
}

#[tokio::test]
async fn other_hosts_and_other_pages_are_refused() {
    let server = Server::start().await;
    let here = server.tcp;
    let port = here.port();
    for (headers, status) in [
        (format!("Host: {here}"), 200),
        (format!("Host: localhost:{port}"), 200),
        (format!("Host: {here}\r\nOrigin: http://{here}"), 200),
        ("Host: evil.example".to_owned(), 421),
        (format!("Host: evil.example:{port}"), 421),
        (format!("Host: {here}\r\nHost: evil.example"), 400),
        (format!("Host: {here}\r\nOrigin: http://evil.example"), 403),
        (format!("Host: {here}\r\nOrigin: http://localhost:{port}"), 403),
        (format!("Host: {here}\r\nOrigin: null"), 403),
        ("X: y".to_owned(), 400),
    ] {
        let reply = server.tcp(&format!("GET /api/v1/health HTTP/1.1\r\n{headers}\r\n\r\n")).await;
        assert_eq!(reply.status, status, "{headers}: {}", reply.body);
    }
    let absolute =
        format!("GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: {here}\r\n\r\n");
    assert_eq!(server.tcp(&absolute).await.status, 400);
}

#[tokio::test]
async fn noise_neither_stops_the_server_nor_is_answered_as_a_request() {
    let server = Server::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    for noise in ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &long] {
        let reply = server.tcp(noise).await;
        assert!(reply.status == 0 || reply.status >= 400, "{noise:.20}: {}", reply.status);
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_shutdown_lets_go_of_idle_connections() {
    let mut server = Server::start().await;
    let mut idle = TcpStream::connect(server.tcp).await.unwrap();
    idle.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.tcp).as_bytes())
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.shutdown.cancel();
    let task = server.task.take().unwrap();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), task).await;
    ended.expect("the server ends by itself").unwrap().unwrap();
    assert!(TcpStream::connect(server.tcp).await.is_err());
}
