//! `GET /api/v1/stream`: what happens, as server-sent events. One frame is made once and shared by
//! all who watch; a watcher that does not read costs its connection and nothing more, and is cut off
//! by the connection's own limit (see `listen`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as UrlQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures::Stream;
use hale_model::event::{EventStream, Published, Told};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::Refusal;
use crate::room::watchers_max;
use crate::routes::Shared;

/// Path of the stream.
pub(crate) const STREAM_PATH: &str = "/api/v1/stream";
/// Who may watch at once, over all listeners, where the system allows enough open files.
pub(crate) const LIMIT_WATCHERS: usize = 1_024;
/// Without news a comment is sent this often, so that both ends notice a dead connection.
const HEARTBEAT_SECS: u64 = 15;
/// A browser that lost the connection asks again after so long.
const RETRY_MS: u64 = 2_000;
/// When to ask again where too many watch.
const FULL_RETRY_SECS: u32 = 30;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Places for watchers.
#[derive(Clone)]
pub(crate) struct Watchers {
    slots: Arc<Semaphore>,
    most: usize,
    shutdown: CancellationToken,
}

impl Watchers {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        let most = watchers_max();
        Watchers { slots: Arc::new(Semaphore::new(most)), most, shutdown }
    }

    /// How many watch now.
    pub(crate) fn count(&self) -> usize {
        self.most - self.slots.available_permits()
    }
}

pub(crate) fn router(watchers: Watchers) -> Router<Shared> {
    let stream = |State(handle): State<Shared>,
                  headers: HeaderMap,
                  query: Result<UrlQuery<Parameters>, QueryRejection>| async move {
        watch(&handle, &watchers, &headers, query)
    };
    Router::new().route(STREAM_PATH, get(stream))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// As the header `Last-Event-ID`, for clients that cannot send it.
    after: Option<u64>,
}

fn watch(
    handle: &Shared,
    watchers: &Watchers,
    headers: &HeaderMap,
    query: Result<UrlQuery<Parameters>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Parameters { after } = crate::routes::parameters(query)?;
    let slot = Arc::clone(&watchers.slots).try_acquire_owned().map_err(|_| {
        Refusal::busy(
            &format!("{} clients watch the stream already", watchers.most),
            "close one, or ask again later",
            FULL_RETRY_SECS,
        )
    })?;
    // A number of another server is a gap, not an error: a browser would give up for good.
    let last = headers
        .get(LAST_EVENT_ID)
        .map(|id| id.to_str().ok().and_then(|id| id.trim().parse().ok()).unwrap_or(0));
    let events = handle.events(last.or(after))?;
    let place = Place {
        events,
        hello: true,
        heartbeat_at: Instant::now() + Duration::from_secs(HEARTBEAT_SECS),
        shutdown: watchers.shutdown.clone(),
        _slot: slot,
    };
    let mut response = Body::from_stream(frames(place)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx would hold the events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Place {
    events: EventStream,
    hello: bool,
    heartbeat_at: Instant,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

fn frames(place: Place) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(place, |mut place| async move {
        if place.hello {
            place.hello = false;
            // A frame without data is no event, but its id is where a browser resumes.
            let id = place.events.position();
            return Some((Ok(Bytes::from(format!("retry: {RETRY_MS}\nid: {id}\n\n"))), place));
        }
        let frame = tokio::select! {
            biased;
            () = place.shutdown.cancelled() => return None,
            told = place.events.next() => match told? {
                Told::Event(event) => Bytes::from_owner(Frame(event)),
                Told::Gap { after, resumes_at } => gap(after, resumes_at),
            },
            () = tokio::time::sleep_until(place.heartbeat_at) => Bytes::from_static(b":\n\n"),
        };
        place.heartbeat_at = Instant::now() + Duration::from_secs(HEARTBEAT_SECS);
        Some((Ok(frame), place))
    })
}

fn gap(after: u64, resumes_at: u64) -> Bytes {
    let data = json!({"after": after, "resumes_at": resumes_at});
    let id = resumes_at.saturating_sub(1);
    Bytes::from(format!("id: {id}\nevent: gap\ndata: {data}\n\n"))
}

/// One event's bytes, shared by everyone they are sent to.
struct Frame(Arc<Published>);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.0.frame()
    }
}
