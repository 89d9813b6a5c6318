//! Connections: accepted, limited, encrypted where other machines reach them, told who they come from,
//! ended in time.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ServeError;
use crate::access::Link;
use crate::limit::caller_of;
use crate::room::{Place, Room, Silence, connections_max};
use crate::stall::NoStall;

/// Connections of one address of another machine.
const LIMIT_CONNECTIONS_PER_ADDRESS: u32 = 128;
/// A client that has not sent its request's head by then is dropped; also how long an idle
/// connection is kept.
const LIMIT_HEADER_SECS: u64 = 15;
/// An encrypted connection that is not agreed upon by then is dropped.
const LIMIT_HANDSHAKE_SECS: u64 = 10;
/// Bytes of a request's head.
const LIMIT_HEADER_BYTES: usize = 64 * 1024;
/// Lines of a request's head.
const LIMIT_HEADERS: usize = 64;
/// Connections that the kernel keeps for a listener that is busy.
const QUEUE_CONNECTIONS: i32 = 1_024;
/// Bytes that the kernel holds for one connection whose other end does not read, about: it doubles them.
const LIMIT_SEND_BYTES: usize = 128 * 1024;
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

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Link)>> + Send;

    /// How connections are encrypted.
    fn tls(&self) -> Option<&TlsAcceptor>;
}

/// This machine, or every machine that reaches the address.
pub(crate) struct Tcp {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    is_exposed: bool,
}

impl Tcp {
    pub(crate) fn new(listener: TcpListener, tls: Option<TlsAcceptor>) -> Result<Self, ServeError> {
        let local = listener.local_addr().map_err(ServeError::Address)?;
        // The usual queue is short: a crowd would be told nothing for a second, and others with it.
        if let Err(error) = rustix::net::listen(&listener, QUEUE_CONNECTIONS) {
            tracing::debug!(%error, "the queue of connections stays as it is");
        }
        Ok(Tcp { listener, tls, is_exposed: !local.ip().to_canonical().is_loopback() })
    }
}

impl Accept for Tcp {
    type Io = TcpStream;
    const NAME: &'static str = "TCP";

    async fn accept(&self) -> io::Result<(TcpStream, Link)> {
        let (stream, remote) = self.listener.accept().await?;
        // Small frames of the stream must not wait for one another.
        let _ = stream.set_nodelay(true);
        let _ = set_socket_send_buffer_size(&stream, LIMIT_SEND_BYTES);
        // Not the listener's, which may be all addresses at once.
        let local = stream.local_addr()?;
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let (is_tls, is_exposed) = (self.tls.is_some(), self.is_exposed);
        Ok((stream, Link::Tcp { local, remote, is_tls, is_exposed }))
    }

    fn tls(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref()
    }
}

/// The same user and root.
pub(crate) struct Unix(pub(crate) UnixListener);

impl Accept for Unix {
    type Io = UnixStream;
    const NAME: &'static str = "unix";

    async fn accept(&self) -> io::Result<(UnixStream, Link)> {
        let own_uid = rustix::process::geteuid().as_raw();
        loop {
            let (stream, _) = self.0.accept().await?;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == own_uid || peer.uid() == 0 => {
                    return Ok((stream, Link::Unix { uid: peer.uid() }));
                }
                // Dropped without a word: the socket's mode keeps them out already.
                Ok(peer) => tracing::warn!(uid = peer.uid(), "connection of another user refused"),
                Err(error) => tracing::warn!(%error, "connection without credentials refused"),
            }
        }
    }

    fn tls(&self) -> Option<&TlsAcceptor> {
        None
    }
}

/// How many connections each address of another machine has open.
#[derive(Clone, Default)]
struct PerAddress(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection of an address; given back when dropped.
struct AddressSlot {
    all: PerAddress,
    address: Option<IpAddr>,
}

impl PerAddress {
    /// None: this address has too many already. Those of this machine are not counted apart.
    fn take(&self, link: Link) -> Option<AddressSlot> {
        let address = match link {
            Link::Tcp { remote, .. } if !remote.ip().to_canonical().is_loopback() => {
                Some(caller_of(remote.ip()))
            }
            Link::Tcp { .. } | Link::Unix { .. } => None,
        };
        if let Some(address) = address {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let open = all.entry(address).or_default();
            if *open >= LIMIT_CONNECTIONS_PER_ADDRESS {
                return None;
            }
            *open += 1;
        }
        Some(AddressSlot { all: self.clone(), address })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = all.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                all.remove(&address);
            }
        }
    }
}

pub(crate) async fn run<A: Accept>(
    listener: A,
    router: Router,
    shutdown: &CancellationToken,
) -> Result<(), ServeError> {
    let room = Room::new(connections_max());
    let per_address = PerAddress::default();
    let connections = TaskTracker::new();
    let mut failures = 0;
    let outcome = loop {
        let next = async {
            let (io, link) = listener.accept().await?;
            let place = room.place().await.ok_or_else(|| io::Error::other("no room"))?;
            Ok((io, link, place))
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            accepted = next => accepted,
        };
        match accepted {
            Ok((io, link, place)) => {
                failures = 0;
                let Some(of_address) = per_address.take(link) else { continue };
                let (tls, router, shutdown) =
                    (listener.tls().cloned(), router.clone(), shutdown.clone());
                connections.spawn(async move {
                    let silence = place.silence();
                    tokio::select! {
                        () = connection(io, link, tls, router, shutdown, silence.clone()) => {}
                        () = silence.given_up() => {}
                    }
                    drop::<(Place, AddressSlot)>((place, of_address));
                });
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
    link: Link,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: CancellationToken,
    silence: Silence,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = NoStall::new(io);
    let service = Noted { inner: TowerToHyperService::new(router), link, silence };
    let Some(tls) = tls else { return speak(io, service, shutdown).await };
    let agreed =
        tokio::time::timeout(Duration::from_secs(LIMIT_HANDSHAKE_SECS), tls.accept(io)).await;
    match agreed {
        Ok(Ok(io)) => speak(io, service, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%error, "no encrypted connection was agreed upon"),
        Err(_) => tracing::debug!("an encrypted connection was not agreed upon in time"),
    }
}

async fn speak<Io>(io: Io, service: Noted, shutdown: CancellationToken)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(LIMIT_HEADER_SECS))
        .max_buf_size(LIMIT_HEADER_BYTES)
        .max_headers(LIMIT_HEADERS)
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
}

/// Tells each request the way it came, and the room that the connection is no longer silent.
struct Noted {
    inner: TowerToHyperService<Router>,
    link: Link,
    silence: Silence,
}

impl Service<Request<Incoming>> for Noted {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.silence.end();
        request.extensions_mut().insert(self.link);
        self.inner.call(request)
    }
}
