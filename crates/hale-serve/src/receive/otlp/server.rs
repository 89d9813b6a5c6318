//! Connections: accepted, limited, ended in time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::OtlpOptions;
use super::request::{Door, Receiver};

/// Connections that are open at once on one port; further ones wait in the kernel's queue.
const LIMIT_CONNECTIONS: usize = 256;
/// Requests at once on one connection of HTTP/2.
const LIMIT_STREAMS: u32 = 32;
/// Bytes that a sender may send ahead, on one stream and on one connection of HTTP/2.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of a request's head.
const LIMIT_HEADER_BYTES: usize = 16 * 1024;
/// How long a head may take, and an idle connection of HTTP/1 is kept: exporters send every few seconds.
const LIMIT_HEADER_SECS: u64 = 60;
/// An idle connection of HTTP/2 is asked whether anyone is there.
const PING_SECS: u64 = 60;
const PONG_SECS: u64 = 20;
/// How long requests may still run after shutdown was asked.
const LIMIT_DRAIN_SECS: u64 = 3;
/// After a failed accept (out of file descriptors, mostly) the listener rests this long.
const ACCEPT_REST_MS: u64 = 100;

pub(super) async fn run(options: OtlpOptions) {
    let receiver = Arc::new(Receiver::new(options.book, options.token));
    let listen = |listener: Option<TcpListener>| {
        let (receiver, shutdown) = (receiver.clone(), options.shutdown.clone());
        async move {
            if let Some(listener) = listener {
                accept(listener, receiver, shutdown).await;
            }
        }
    };
    tokio::join!(listen(options.grpc), listen(options.http));
}

async fn accept(listener: TcpListener, receiver: Arc<Receiver>, shutdown: CancellationToken) {
    let local = listener.local_addr().ok();
    let slots = Arc::new(Semaphore::new(LIMIT_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.map_err(std::io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, slot))
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = next => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let door = Door { receiver: receiver.clone(), local };
                connections.spawn(connection(stream, door, slot, shutdown.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, local = ?local, "telemetry: accept failed");
                tokio::time::sleep(Duration::from_millis(ACCEPT_REST_MS)).await;
            }
        }
    }
    connections.close();
    let drain = Duration::from_secs(LIMIT_DRAIN_SECS);
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::debug!(open = connections.len(), "telemetry: connections cut off by shutdown");
    }
}

async fn connection(
    stream: TcpStream,
    door: Door,
    slot: OwnedSemaphorePermit,
    shutdown: CancellationToken,
) {
    let peer: Option<SocketAddr> = stream.peer_addr().ok();
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(LIMIT_HEADER_SECS))
        .max_buf_size(LIMIT_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(LIMIT_STREAMS)
        .max_header_list_size(u32::try_from(LIMIT_HEADER_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(Duration::from_secs(PING_SECS))
        .keep_alive_timeout(Duration::from_secs(PONG_SECS));
    let service = hyper::service::service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, std::convert::Infallible>(door.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ?peer, "telemetry: connection ended early");
    }
    drop(slot);
}
