//! The other end of the unix socket: a running agent, as a [`Handle`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use hale_model::action::Actor;
use hale_model::api::{Answer, ApiError, Command, ErrorKind, Handle, Query, View};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::rpc::{RPC_PATH, RpcAnswer, RpcRequest};
use crate::rules::LINKS_PATH;

/// An agent that does not accept by then is taken for absent.
const LIMIT_CONNECT_SECS: u64 = 2;
/// One that says nothing at all by then hangs, or was stopped.
const LIMIT_SIGN_OF_LIFE_SECS: u64 = 3;
/// An answer to a question takes at most this long.
const LIMIT_QUERY_SECS: u64 = 60;
/// A command ends with its verification, which may watch for minutes.
const LIMIT_COMMAND_SECS: u64 = 1800;
/// Bytes of an answer.
const LIMIT_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Why there is no agent to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No socket, or one that nobody listens on.
    #[error("no agent answers on {path}")]
    NoAgent {
        /// The socket.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is one that takes connections and says nothing.
    #[error("the agent on {path} does not answer")]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was waited for, in seconds.
        waited_secs: u64,
    },
    /// There is one, but it cannot be reached.
    #[error("the agent on {path} cannot be reached")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A running agent.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    staleness: Mutex<BTreeMap<String, u64>>,
    warnings: Mutex<Vec<String>>,
}

impl Client {
    /// Finds the agent that listens on this socket, and hears that it answers at all: the kernel takes
    /// connections for a process that was stopped, too.
    ///
    /// # Errors
    /// [`ClientError::NoAgent`] if nobody listens there, [`ClientError::Silent`] if it does not answer.
    pub async fn connect(path: &Path) -> Result<Client, ClientError> {
        let path = path.to_owned();
        match open(&path).await {
            Ok(stream) => {
                let waited_secs = LIMIT_SIGN_OF_LIFE_SECS;
                let limit = Duration::from_secs(waited_secs);
                if tokio::time::timeout(limit, is_alive(stream)).await.is_err() {
                    return Err(ClientError::Silent { path, waited_secs });
                }
                Ok(Client { path, staleness: Mutex::default(), warnings: Mutex::default() })
            }
            Err(source) if source.kind() == io::ErrorKind::TimedOut => {
                Err(ClientError::Silent { path, waited_secs: LIMIT_CONNECT_SECS })
            }
            Err(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Err(ClientError::NoAgent { path, source })
            }
            Err(source) => Err(ClientError::Unreachable { path, source }),
        }
    }

    /// A link that signs one browser in, once.
    ///
    /// # Errors
    /// The agent does not listen for browsers, or does not answer.
    pub async fn sign_in_link(&self) -> Result<String, ApiError> {
        let failed = |error: &dyn std::error::Error| {
            ApiError::new(
                ErrorKind::Failed,
                format!("the agent on {} gives no link: {error}", self.path.display()),
            )
            .hint("look at hale.log in the data directory; `hale doctor` checks the agent")
        };
        let limit = Duration::from_secs(LIMIT_QUERY_SECS);
        let exchange = tokio::time::timeout(limit, self.post(LINKS_PATH, Vec::new()));
        let exchange = exchange.await.map_err(|e| failed(&e))?;
        let (status, bytes) = exchange.map_err(|e| failed(e.as_ref()))?;
        let answer: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| failed(&e))?;
        if !status.is_success() {
            let refused = answer.get("error").cloned().unwrap_or_default();
            return Err(serde_json::from_value(refused).map_err(|e| failed(&e))?);
        }
        let url = answer.get("url").and_then(serde_json::Value::as_str);
        url.map(str::to_owned)
            .ok_or_else(|| ApiError::new(ErrorKind::Failed, "the agent's answer holds no link"))
    }

    async fn call(&self, request: RpcRequest) -> Result<View, ApiError> {
        let limit = match &request {
            RpcRequest::Query(_) => LIMIT_QUERY_SECS,
            RpcRequest::Command(_) => LIMIT_COMMAND_SECS,
        };
        let failed = |what: &str, error: &dyn std::error::Error| {
            ApiError::new(
                ErrorKind::Failed,
                format!("the agent on {} {what}: {error}", self.path.display()),
            )
            .hint("look at hale.log in the data directory; `hale doctor` checks the agent")
        };
        let body = serde_json::to_vec(&request).map_err(|e| failed("cannot be asked", &e))?;
        let answer = tokio::time::timeout(Duration::from_secs(limit), self.exchange(body))
            .await
            .map_err(|_| {
                ApiError::new(
                    ErrorKind::Degraded,
                    format!("the agent on {} did not answer within {limit} s", self.path.display()),
                )
                .hint("`hale doctor` checks the agent")
            })?;
        let answer = answer.map_err(|e| failed("did not answer", e.as_ref()))?;
        *self.staleness.lock().unwrap_or_else(PoisonError::into_inner) = answer.staleness;
        *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = answer.warnings;
        answer.result
    }

    async fn exchange(
        &self,
        body: Vec<u8>,
    ) -> Result<RpcAnswer, Box<dyn std::error::Error + Send + Sync>> {
        let (status, bytes) = self.post(RPC_PATH, body).await?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&bytes)?);
        }
        let text = hale_model::text::shorten(&String::from_utf8_lossy(&bytes), 500);
        Err(format!("status {status}: {}", hale_model::text::printable(&text)).into())
    }

    async fn post(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = open(&self.path).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::post(path)
            .header("host", "hale")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let asked = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let bytes =
                Limited::new(response.into_body(), LIMIT_ANSWER_BYTES).collect().await?.to_bytes();
            Ok((status, bytes))
        };
        // The connection must be driven while the answer is awaited; it ends with it.
        tokio::select! {
            answer = asked => answer,
            ended = connection => match ended {
                Ok(()) => Err("it closed the connection".into()),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// Returns when anything came back, whatever it is: what is wrong with it is said by the question that
/// follows.
async fn is_alive(stream: UnixStream) {
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else { return };
    let request = Request::get("/healthz").header("host", "hale").body(Full::new(Bytes::new()));
    let Ok(request) = request else { return };
    tokio::select! {
        _ = sender.send_request(request) => {}
        _ = connection => {}
    }
}

async fn open(path: &Path) -> io::Result<UnixStream> {
    tokio::time::timeout(Duration::from_secs(LIMIT_CONNECT_SECS), UnixStream::connect(path))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Handle for Client {
    fn query(&self, query: Query) -> Answer<'_> {
        Box::pin(self.call(RpcRequest::Query(query)))
    }

    /// The agent takes the actor from the socket, not from here.
    fn command(&self, command: Command, _actor: Actor) -> Answer<'_> {
        Box::pin(self.call(RpcRequest::Command(command)))
    }

    /// As of the last answer.
    fn staleness(&self) -> BTreeMap<String, u64> {
        self.staleness.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As of the last answer.
    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
