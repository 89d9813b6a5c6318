//! Connections: accepted, limited, told who they come from, ended in time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ServeError;
use crate::access::Peer;

/// Connections that are open at once on one listener; further ones wait in the kernel's queue.
const LIMIT_CONNECTIONS: usize = 256;
/// A client that has not sent its request's head by then is dropped; also how long an idle
/// connection is kept.
const LIMIT_HEADER_SECS: u64 = 15;
/// Bytes of a request's head.
const LIMIT_HEADER_BYTES: usize = 64 * 1024;
/// How long requests may still run after shutdown was asked.
const LIMIT_DRAIN_SECS: u64 = 5;
/// A listener that fails this often in a row is given up.
const LIMIT_ACCEPT_FAILURES: u32 = 100;
/// After a failed accept (out of file descriptors, mostly) the listener rests this long.
const ACCEPT_REST_MS: u64 = 100;

/// Where connections come from.
pub(crate) trait Accept: Sync {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// For messages.
    const NAME: &'static str;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Peer)>> + Send;
}

/// Everyone on this machine.
pub(crate) struct Tcp {
    listener: TcpListener,
    local: SocketAddr,
}

impl Tcp {
    pub(crate) fn new(listener: TcpListener) -> Result<Self, ServeError> {
        let local = listener.local_addr().map_err(ServeError::Address)?;
        Ok(Tcp { listener, local })
    }
}

impl Accept for Tcp {
    type Io = TcpStream;
    const NAME: &'static str = "TCP";

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, Peer::Tcp { local: self.local }))
    }
}

/// The same user and root.
pub(crate) struct Unix(pub(crate) UnixListener);

impl Accept for Unix {
    type Io = UnixStream;
    const NAME: &'static str = "unix";

    async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let own_uid = rustix::process::geteuid().as_raw();
        loop {
            let (stream, _) = self.0.accept().await?;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == own_uid || peer.uid() == 0 => {
                    return Ok((stream, Peer::Unix { uid: peer.uid() }));
                }
                // Dropped without a word: the socket's mode keeps them out already.
                Ok(peer) => tracing::warn!(uid = peer.uid(), "connection of another user refused"),
                Err(error) => tracing::warn!(%error, "connection without credentials refused"),
            }
        }
    }
}

pub(crate) async fn run<A: Accept>(
    listener: A,
    router: Router,
    shutdown: &CancellationToken,
) -> Result<(), ServeError> {
    let slots = Arc::new(Semaphore::new(LIMIT_CONNECTIONS));
    let connections = TaskTracker::new();
    let mut failures = 0;
    let outcome = loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(io, peer)| (io, peer, slot))
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            accepted = next => accepted,
        };
        match accepted {
            Ok((io, peer, slot)) => {
                failures = 0;
                connections.spawn(connection(io, peer, slot, router.clone(), shutdown.clone()));
            }
            Err(source) => {
                failures += 1;
                tracing::warn!(listener = A::NAME, error = %source, "accept failed");
                if failures >= LIMIT_ACCEPT_FAILURES {
                    break Err(ServeError::Accept { listener: A::NAME, failures, source });
                }
                tokio::time::sleep(Duration::from_millis(ACCEPT_REST_MS)).await;
            }
        }
    };
    connections.close();
    let drained =
        tokio::time::timeout(Duration::from_secs(LIMIT_DRAIN_SECS), connections.wait()).await;
    if drained.is_err() {
        tracing::warn!(
            listener = A::NAME,
            open = connections.len(),
            "requests cut off by shutdown"
        );
    }
    outcome
}

async fn connection<Io>(
    io: Io,
    peer: Peer,
    slot: OwnedSemaphorePermit,
    router: Router,
    shutdown: CancellationToken,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = WithPeer { inner: TowerToHyperService::new(router), peer };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(LIMIT_HEADER_SECS))
        .max_buf_size(LIMIT_HEADER_BYTES)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
    drop(slot);
}

/// Tells each request who asks.
struct WithPeer {
    inner: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
