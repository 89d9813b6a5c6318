//! Clients that cost: those that send slowly, say nothing, or come in masses. Others are still answered.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scripted::Server;

/// Between two bytes of a slow client.
const DRIP: Duration = Duration::from_secs(1);
/// The server gives a head 15 s and a body 30 s; whoever is served after that was forgotten.
const CUT_OFF_SECS_MAX: u64 = 90;

/// Open files that are left for the two ends of connections.
fn pairs() -> usize {
    let files = hale_serve::raise_open_files();
    usize::try_from(files / 2).unwrap().saturating_sub(100)
}

/// Sends these bytes, then one byte a second until the server has had enough: what it said.
async fn drip(server: std::net::SocketAddr, begun: String) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(begun.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut said = Vec::new();
    let slowly = async {
        loop {
            tokio::time::sleep(DRIP).await;
            if writing.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    let heard = reading.read_to_end(&mut said);
    tokio::pin!(heard);
    tokio::select! {
        _ = &mut heard => {}
        () = slowly => { let _ = heard.await; }
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn slow_clients_are_cut_off_and_meanwhile_others_are_answered() {
    let server = Server::start().await;
    let host = format!("Host: {}\r\n", server.tcp);
    let head = format!("GET /api/v1/health HTTP/1.1\r\n{host}X-Slow: ");
    let body = format!(
        "POST /webhook HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{"
    );
    let wanted = 400.min(pairs());
    let slow: Vec<_> = (0..wanted)
        .map(|n| if n % 2 == 0 { head.clone() } else { body.clone() })
        .map(|begun| tokio::spawn(drip(server.tcp, begun)))
        .collect();
    let all = async {
        let mut said = Vec::new();
        for client in slow {
            said.push(client.await.unwrap());
        }
        said
    };
    let all = tokio::time::timeout(Duration::from_secs(CUT_OFF_SECS_MAX), all);
    tokio::pin!(all);
    let mut answered = 0;
    let said = loop {
        tokio::select! {
            said = &mut all => break said.expect("a client that sends a byte a second is kept"),
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                assert_eq!(server.get("/api/v1/health").await.status, 200);
                answered += 1;
            }
        }
    };
    assert!(answered > 10, "{answered}");
    for (n, said) in said.iter().enumerate().filter(|(_, said)| !said.is_empty()) {
        let status = said.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "408"].contains(&status), "{n}: {said}");
    }
}

#[tokio::test]
async fn who_connects_and_says_nothing_gives_way_to_who_asks() {
    let places = 2_048;
    let wanted = places + 200;
    let server = Server::start().await;
    if wanted > pairs() {
        println!("SKIPPED who_connects_and_says_nothing_gives_way_to_who_asks: few open files");
        return;
    }
    let mut silent = Vec::new();
    for _ in 0..wanted {
        silent.push(TcpStream::connect(server.tcp).await.unwrap());
    }
    // Before any of them is late.
    for _ in 0..20 {
        let asked = tokio::time::timeout(Duration::from_secs(10), server.get("/api/v1/health"));
        assert_eq!(asked.await.expect("kept out").status, 200);
    }
    let mut bytes = [0];
    let first = tokio::time::timeout(Duration::from_secs(5), silent[0].read(&mut bytes)).await;
    assert!(matches!(first, Ok(Ok(0) | Err(_))), "the oldest still has its place");
}

#[tokio::test]
async fn who_opens_stream_after_stream_does_not_use_up_what_others_may_ask() {
    let server = Server::start().await;
    let head = format!("GET /api/v1/stream HTTP/1.1\r\nHost: {}\r\n\r\n", server.tcp);
    // More than a burst of requests may be, one after the other.
    for _ in 0..5_000 {
        let mut stream = TcpStream::connect(server.tcp).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
    }
    assert_eq!(server.get("/api/v1/health").await.status, 200);
}
