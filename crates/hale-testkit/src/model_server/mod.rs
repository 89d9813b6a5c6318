//! A language model provider on loopback that follows a script: it speaks the provider's real wire
//! format, streams where the provider streams, fails in the ways providers fail, and remembers the exact
//! requests it got. Threads and plain sockets only, so that faults below HTTP (a stream cut within a
//! chunk, a server that says nothing) are the test's to choose, and tests need no runtime for it.

pub(crate) mod http;
mod wire;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

pub use http::Received;

/// What the server says it read and wrote, in every answer.
pub const INPUT_TOKENS: u64 = 120;
/// See [`INPUT_TOKENS`].
pub const OUTPUT_TOKENS: u64 = 30;

/// Connections at once; more are closed unanswered.
const CONNECTIONS_MAX: usize = 64;
/// A hanging answer ends when the server does, or after this.
const HANG_SECS_MAX: u64 = 60;

/// The API that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Anthropic Messages.
    Anthropic,
    /// Gemini streamGenerateContent.
    Gemini,
    /// OpenAI chat completions.
    OpenAi,
    /// Ollama chat.
    Ollama,
}

impl Wire {
    /// Every API.
    pub const ALL: [Wire; 4] = [Wire::Anthropic, Wire::Gemini, Wire::OpenAi, Wire::Ollama];

    /// What `provider` in the config says.
    pub fn provider(self) -> &'static str {
        match self {
            Wire::Anthropic => "anthropic",
            Wire::Gemini => "gemini",
            Wire::OpenAi => "openai",
            Wire::Ollama => "ollama",
        }
    }
}

/// One answer of the script.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Words, streamed in several pieces.
    Text(String),
    /// Reasoning, then words.
    Thought(String, String),
    /// Tool calls: name and arguments.
    Tools(Vec<(String, Value)>),
    /// The JSON of a schema's answer, in the way the request made the provider give it.
    Answer(Value),
    /// Words, but cut because the token limit was reached.
    CutByLimit(String),
    /// Words in one piece, as a server answers that ignores `stream`.
    Whole(String),
    /// One vector for each text.
    Vectors(Vec<Vec<f32>>),
    /// An error in the provider's own form.
    Error {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
        /// The `Retry-After` header.
        retry_after: Option<String>,
    },
    /// Some words, then an error of the provider within the stream.
    ErrorAfter(String, String),
    /// The provider's own filter declines.
    Refusal,
    /// A request is read and nothing is said.
    Hang,
    /// Some words, then nothing more.
    HangAfter(String),
    /// Some words, then a proper end of the body without the end of the answer.
    TruncatedAfter(String),
    /// Some words, then the connection is closed within a chunk.
    ClosedAfter(String),
    /// The connection is closed unanswered.
    Close,
    /// This many bytes of an answer without end.
    Flood(usize),
    /// Any status, content type and body.
    Raw {
        /// HTTP status.
        status: u16,
        /// `content-type`
        content_type: String,
        /// The body.
        body: String,
    },
}

impl Turn {
    /// An error without `Retry-After`.
    pub fn error(status: u16, message: &str) -> Turn {
        Turn::Error { status, message: message.to_owned(), retry_after: None }
    }

    /// A web page, as captive portals and wrong addresses give.
    pub fn html() -> Turn {
        Turn::Raw {
            status: 200,
            content_type: "text/html; charset=utf-8".to_owned(),
            body: "<!doctype html><html><title>Sign in to the network</title></html>".to_owned(),
        }
    }

    /// A JSON body with status 200.
    pub fn json(body: &Value) -> Turn {
        Turn::Raw {
            status: 200,
            content_type: "application/json".to_owned(),
            body: body.to_string(),
        }
    }
}

/// Gives the answer to the request with this number, from 0.
type Script = Box<dyn FnMut(usize, &Received) -> Turn + Send>;

struct Shared {
    wire: Wire,
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    is_over: Mutex<bool>,
    over: Condvar,
    connections: AtomicUsize,
}

/// The server. It ends when it is dropped.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Answers with these turns, one a request; after the last, with an error 500 that says so.
    ///
    /// # Panics
    /// No port on loopback.
    pub fn start(wire: Wire, script: Vec<Turn>) -> ModelServer {
        let mut script = VecDeque::from(script);
        ModelServer::start_with(wire, move |_, _| {
            script.pop_front().unwrap_or_else(|| Turn::error(500, "the script is over"))
        })
    }

    /// Answers with what the function makes of each request and its number, from 0.
    ///
    /// # Panics
    /// No port on loopback.
    #[allow(clippy::expect_used, reason = "a test cannot go on without its server")]
    pub fn start_with(
        wire: Wire,
        script: impl FnMut(usize, &Received) -> Turn + Send + 'static,
    ) -> ModelServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("the port that was bound");
        let shared = Arc::new(Shared {
            wire,
            script: Mutex::new(Box::new(script)),
            received: Mutex::default(),
            is_over: Mutex::new(false),
            over: Condvar::new(),
            connections: AtomicUsize::new(0),
        });
        let for_listener = Arc::clone(&shared);
        let listener = std::thread::spawn(move || listen(&listener, &for_listener));
        ModelServer { address, shared, listener: Some(listener) }
    }

    /// What `base_url` in the config says.
    pub fn base_url(&self) -> String {
        match self.shared.wire {
            Wire::OpenAi => format!("http://{}/v1", self.address),
            Wire::Anthropic | Wire::Gemini | Wire::Ollama => format!("http://{}", self.address),
        }
    }

    /// The requests so far, the oldest first.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// A `[[ai.providers]]` table that leads here, its key looked for under `key_name`.
    pub fn config(&self, model: &str, key_name: &str) -> String {
        format!(
            "[[ai.providers]]\nprovider = \"{}\"\nmodel = \"{model}\"\napi_key_env = \"{key_name}\"\nbase_url = \"{}\"\n",
            self.shared.wire.provider(),
            self.base_url()
        )
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        *lock(&self.shared.is_over) = true;
        self.shared.over.notify_all();
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if *lock(&shared.is_over) {
            return;
        }
        let Ok(connection) = connection else { continue };
        if shared.connections.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that went away is no failure of the server's.
            let _ = serve(connection, &shared);
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn serve(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    connection.set_write_timeout(Some(Duration::from_secs(10)))?;
    let Some(request) = http::read(&mut connection)? else { return Ok(()) };
    let turn = {
        let mut received = lock(&shared.received);
        received.push(request.clone());
        let number = received.len() - 1;
        drop(received);
        (lock(&shared.script))(number, &request)
    };
    answer(&mut connection, shared, &request, turn)
}

fn answer(
    connection: &mut TcpStream,
    shared: &Shared,
    request: &Received,
    turn: Turn,
) -> io::Result<()> {
    let wire = shared.wire;
    let stream = |connection: &mut TcpStream, said: &wire::Said<'_>| {
        let pieces = wire::stream(wire, request, said);
        http::stream_head(connection, wire::content_type(wire))?;
        pieces.iter().try_for_each(|piece| http::chunk(connection, piece))?;
        http::last_chunk(connection)
    };
    match turn {
        Turn::Text(text) => {
            stream(connection, &wire::Said { text: &text, ..wire::Said::default() })
        }
        Turn::Thought(thought, text) => stream(
            connection,
            &wire::Said { thought: &thought, text: &text, ..wire::Said::default() },
        ),
        Turn::Tools(tools) => {
            stream(connection, &wire::Said { tools: &tools, ..wire::Said::default() })
        }
        Turn::Answer(value) => match wire::answer_tool(wire, request) {
            Some(name) => {
                let tools = [(name, value)];
                stream(connection, &wire::Said { tools: &tools, ..wire::Said::default() })
            }
            None => {
                let text = value.to_string();
                stream(connection, &wire::Said { text: &text, ..wire::Said::default() })
            }
        },
        Turn::CutByLimit(text) => {
            stream(connection, &wire::Said { text: &text, is_cut: true, ..wire::Said::default() })
        }
        Turn::Whole(text) => {
            http::whole(connection, 200, "application/json", &[], &wire::whole(wire, &text))
        }
        Turn::Vectors(vectors) => {
            http::whole(connection, 200, "application/json", &[], &wire::vectors(wire, &vectors))
        }
        Turn::Error { status, message, retry_after } => {
            let body = wire::error(wire, status, &message);
            let headers: Vec<(&str, &str)> =
                retry_after.iter().map(|value| ("retry-after", value.as_str())).collect();
            http::whole(connection, status, "application/json", &headers, &body)
        }
        Turn::ErrorAfter(text, message) => {
            begin(connection, wire, request, &text)?;
            http::chunk(connection, &wire::error_event(wire, &message))?;
            http::last_chunk(connection)
        }
        Turn::Refusal => {
            http::stream_head(connection, wire::content_type(wire))?;
            let pieces = wire::refusal(wire);
            pieces.iter().try_for_each(|piece| http::chunk(connection, piece))?;
            http::last_chunk(connection)
        }
        Turn::Hang => wait_for_the_end(shared),
        Turn::HangAfter(text) => {
            begin(connection, wire, request, &text)?;
            wait_for_the_end(shared)
        }
        Turn::TruncatedAfter(text) => {
            begin(connection, wire, request, &text)?;
            http::last_chunk(connection)
        }
        Turn::ClosedAfter(text) => {
            begin(connection, wire, request, &text)?;
            connection.write_all(b"400\r\ndata: {\"ty")
        }
        Turn::Close => Ok(()),
        Turn::Flood(bytes) => flood(connection, wire, request, bytes),
        Turn::Raw { status, content_type, body } => {
            http::whole(connection, status, &content_type, &[], &body)
        }
    }
}

/// The head and the words of an answer, without its end.
fn begin(connection: &mut TcpStream, wire: Wire, request: &Received, text: &str) -> io::Result<()> {
    http::stream_head(connection, wire::content_type(wire))?;
    let said = wire::Said { text, ..wire::Said::default() };
    wire::beginning(wire, request, &said)
        .iter()
        .try_for_each(|piece| http::chunk(connection, piece))
}

fn flood(
    connection: &mut TcpStream,
    wire: Wire,
    request: &Received,
    bytes: usize,
) -> io::Result<()> {
    let words = "word ".repeat(2000);
    http::stream_head(connection, wire::content_type(wire))?;
    let said = wire::Said { text: &words, ..wire::Said::default() };
    let pieces = wire::beginning(wire, request, &said);
    let Some((first, rest)) = pieces.split_first() else { return Ok(()) };
    http::chunk(connection, first)?;
    let mut sent = 0;
    while sent < bytes {
        for piece in rest {
            http::chunk(connection, piece)?;
            sent += piece.len();
        }
    }
    http::last_chunk(connection)
}

fn wait_for_the_end(shared: &Shared) -> io::Result<()> {
    let is_over = lock(&shared.is_over);
    let limit = Duration::from_secs(HANG_SECS_MAX);
    drop(shared.over.wait_timeout_while(is_over, limit, |is_over| !*is_over));
    Ok(())
}
