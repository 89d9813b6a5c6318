//! HTTP servers on the loopback that a test answers for, request by request.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

/// Status line after `HTTP/1.1 `, with any headers, and the body.
pub type Answer = (String, String);

/// What came so far, in order.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Asked>>>);

impl Seen {
    pub fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until so many came.
    pub async fn wait(&self, count: usize) -> Vec<Asked> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.all().len() < count {
            let all = self.all();
            assert!(Instant::now() < deadline, "only {} came: {all:#?}", all.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.all()
    }
}

/// Starts a server; its address ends without a slash.
pub async fn server(answer: impl FnMut(&Asked) -> Answer + Send + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let (record, answer) = (seen.clone(), Arc::new(Mutex::new(answer)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (record, answer) = (record.clone(), Arc::clone(&answer));
            tokio::spawn(async move { talk(stream, &record, &answer).await });
        }
    });
    (url, seen)
}

async fn talk<F: FnMut(&Asked) -> Answer>(
    mut stream: TcpStream,
    record: &Seen,
    answer: &Mutex<F>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let asked = loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(&chunk[..n]);
        if let Some(asked) = whole(&bytes) {
            break asked;
        }
        if n == 0 {
            return None;
        }
    };
    let (status, body) = {
        let mut answer = answer.lock().unwrap();
        record.0.lock().unwrap().push(asked.clone());
        (*answer)(&asked)
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).await.ok()
}

fn whole(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let field = |name: &str| {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(name);
        head.lines().find(named).map(|line| line[name.len()..].trim().to_owned())
    };
    let length: usize = field("content-length:")?.parse().unwrap();
    let body = bytes.get(end + 4..end + 4 + length)?;
    assert!(field("content-type:").unwrap().starts_with("application/json"), "{head}");
    let mut words = head.split(' ');
    assert_eq!(words.next(), Some("POST"), "{head}");
    Some(Asked {
        path: words.next()?.to_owned(),
        authorization: field("authorization:").unwrap_or_default(),
        body: serde_json::from_slice(body).unwrap(),
    })
}
