//! One request: who asks, for what, in which words; its body, within limits of size, time and of
//! what may be worked on at once.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hale_model::traffic::TrafficBook;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use hyper::{Method, Request, Response};
use tokio::sync::Semaphore;

use super::answer::{Body, Reason, Tongue, refused, taken};
use super::decode::{DecodeError, Encoding, MESSAGE_BYTES_MAX, Signal, fold, unpack};

/// A body that has not come by then is given up.
const LIMIT_BODY_SECS: u64 = 10;
/// Bytes of bodies that are held at once, over all connections.
const LIMIT_HELD_BYTES: usize = 24 * 1024 * 1024;
/// Requests that are decoded at once, and that wait for it.
const LIMIT_DECODED: usize = 2;
const LIMIT_WAITING: usize = 64;
/// Bodies up to this size are decoded where they arrive; larger ones on a thread of their own.
const DECODE_HERE_BYTES: usize = 256 * 1024;

/// A refusal before it is put into a sender's words.
type Refusal = (Reason, String);

/// What all connections share.
pub(super) struct Receiver {
    book: Arc<TrafficBook>,
    /// A digest: compared in constant time.
    token: Option<blake3::Hash>,
    held: Arc<Semaphore>,
    waiting: Semaphore,
    decoding: Semaphore,
}

impl Receiver {
    pub(super) fn new(book: Arc<TrafficBook>, token: Option<String>) -> Receiver {
        Receiver {
            book,
            token: token.map(|t| blake3::hash(t.as_bytes())),
            held: Arc::new(Semaphore::new(LIMIT_HELD_BYTES)),
            waiting: Semaphore::new(LIMIT_WAITING),
            decoding: Semaphore::new(LIMIT_DECODED),
        }
    }
}

/// One listener's way in.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) receiver: Arc<Receiver>,
    pub(super) local: Option<SocketAddr>,
}

impl Door {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let tongue = tongue(request.headers());
        match self.take(tongue, request).await {
            Ok((signal, rejected)) => taken(tongue.unwrap_or(FALLBACK), signal, rejected),
            Err((reason, text)) => {
                self.receiver.book.refused();
                tracing::debug!(?reason, "telemetry refused: {text}");
                refused(tongue.unwrap_or(FALLBACK), reason, &text)
            }
        }
    }

    async fn take(
        &self,
        tongue: Option<Tongue>,
        request: Request<Incoming>,
    ) -> Result<(Signal, u64), Refusal> {
        self.check_origin(&request)?;
        self.check_token(request.headers())?;
        let signal = signal(request.uri().path()).ok_or_else(|| {
            let what =
                "telemetry goes to /v1/traces, /v1/metrics or /v1/logs, or to the services of OTLP";
            (Reason::NotFound, what.to_owned())
        })?;
        if request.method() != Method::POST {
            return Err((Reason::Method, "telemetry is sent with POST".to_owned()));
        }
        let tongue = tongue.ok_or_else(|| {
            let what = "the content type must be application/x-protobuf, application/json or application/grpc";
            (Reason::MediaType, what.to_owned())
        })?;
        let packed = is_packed(tongue, request.headers())?;
        let body = self.body(request).await?;
        let (encoding, packed, message) = match tongue {
            Tongue::Http(encoding) => (encoding, packed, body.bytes.as_slice()),
            Tongue::Grpc => {
                let (flagged, message) = unframe(&body.bytes)?;
                if flagged && !packed {
                    let what = "a compressed message without grpc-encoding";
                    return Err((Reason::Malformed, what.to_owned()));
                }
                (Encoding::Protobuf, flagged, message)
            }
        };
        let start = message.as_ptr().addr() - body.bytes.as_ptr().addr();
        self.decode(signal, encoding, packed, body, start).await
    }

    /// A web page may neither send from elsewhere (CSRF) nor make a name of its own mean this machine
    /// (DNS rebinding).
    fn check_origin(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        let headers = request.headers();
        if headers.contains_key(ORIGIN) {
            let what = "telemetry is not taken from web pages";
            return Err((Reason::Forbidden, what.to_owned()));
        }
        let loopback = self.local.is_some_and(|a| a.ip().is_loopback());
        let host = headers.get(HOST).and_then(|h| h.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(|a| a.as_str()));
        if loopback && host.is_some_and(|h| !means_this_machine(h)) {
            let what = "this address is for this machine: ask for 127.0.0.1 or localhost";
            return Err((Reason::Forbidden, what.to_owned()));
        }
        Ok(())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(wanted) = self.receiver.token else { return Ok(()) };
        let shown = headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok());
        let shown = shown.and_then(|h| h.strip_prefix("Bearer ").or(h.strip_prefix("bearer ")));
        // Digests compare in constant time.
        if shown.is_some_and(|token| blake3::hash(token.trim().as_bytes()) == wanted) {
            return Ok(());
        }
        let what = "show the token: OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer …\"";
        Err((Reason::Unauthenticated, what.to_owned()))
    }

    /// Reads the body; what it holds counts against what may be held at once.
    async fn body(&self, request: Request<Incoming>) -> Result<Held, Refusal> {
        let too_large = || {
            let what =
                format!("the request is over {MESSAGE_BYTES_MAX} bytes: send smaller batches");
            (Reason::TooLarge, what)
        };
        let mut body = request.into_body();
        if body.size_hint().lower() > MESSAGE_BYTES_MAX as u64 {
            return Err(too_large());
        }
        let announced = body.size_hint().exact().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let mut held = Held { bytes: Vec::new(), permits: Vec::new() };
        let read = async {
            while let Some(frame) = body.frame().await {
                let frame =
                    frame.map_err(|e| (Reason::Malformed, format!("the body broke off: {e}")))?;
                let Ok(data) = frame.into_data() else { continue };
                if held.bytes.len() + data.len() > MESSAGE_BYTES_MAX {
                    return Err(too_large());
                }
                held.permits.push(self.hold(data.len())?);
                if held.bytes.is_empty() {
                    held.bytes.reserve_exact(announced.min(MESSAGE_BYTES_MAX));
                }
                held.bytes.extend_from_slice(&data);
            }
            Ok(())
        };
        match tokio::time::timeout(Duration::from_secs(LIMIT_BODY_SECS), read).await {
            Ok(Ok(())) => Ok(held),
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => {
                let what = format!("the body did not come within {LIMIT_BODY_SECS} s");
                Err((Reason::TooSlow, what))
            }
        }
    }

    fn hold(&self, bytes: usize) -> Result<tokio::sync::OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.receiver.held).try_acquire_many_owned(bytes).map_err(|_| busy())
    }

    async fn decode(
        &self,
        signal: Signal,
        encoding: Encoding,
        packed: bool,
        body: Held,
        start: usize,
    ) -> Result<(Signal, u64), Refusal> {
        let _place = self.receiver.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.receiver.decoding.acquire().await.map_err(|_| busy())?;
        let book = self.receiver.book.clone();
        let large = packed || body.bytes.len() > DECODE_HERE_BYTES;
        let work = move || -> Result<u64, DecodeError> {
            let message = body.bytes.get(start..).unwrap_or_default();
            let unpacked = if packed { Some(unpack(message)?) } else { None };
            let message = unpacked.as_deref().unwrap_or(message);
            fold(&book, signal, encoding, message).map(|folded| folded.rejected)
        };
        let done = if large {
            tokio::task::spawn_blocking(work).await.map_err(|_| busy())?
        } else {
            work()
        };
        done.map(|rejected| (signal, rejected)).map_err(told)
    }
}

/// A body and its share of what may be held.
struct Held {
    bytes: Vec<u8>,
    permits: Vec<tokio::sync::OwnedSemaphorePermit>,
}

/// Where nothing says how the sender speaks.
const FALLBACK: Tongue = Tongue::Http(Encoding::Json);

fn busy() -> Refusal {
    (Reason::Busy, "too much telemetry at once: try again in a second".to_owned())
}

fn told(error: DecodeError) -> Refusal {
    let reason = match error {
        DecodeError::TooLarge => Reason::TooLarge,
        DecodeError::Gzip(_) | DecodeError::Protobuf(_) | DecodeError::Json(_) => Reason::Malformed,
    };
    let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
    (reason, hale_model::text::printable(&format!("{error}{cause}")))
}

fn tongue(headers: &HeaderMap) -> Option<Tongue> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Tongue::Http(Encoding::Protobuf)),
        "application/json" => Some(Tongue::Http(Encoding::Json)),
        "application/grpc" | "application/grpc+proto" => Some(Tongue::Grpc),
        _ => None,
    }
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            Some(Signal::Traces)
        }
        "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            Some(Signal::Metrics)
        }
        "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
            Some(Signal::Logs)
        }
        _ => None,
    }
}

fn is_packed(tongue: Tongue, headers: &HeaderMap) -> Result<bool, Refusal> {
    let name = match tongue {
        Tongue::Http(_) => CONTENT_ENCODING.as_str(),
        Tongue::Grpc => "grpc-encoding",
    };
    match headers.get(name).map(|h| h.to_str().unwrap_or("?")) {
        None | Some("" | "identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(_) => Err((Reason::MediaType, "telemetry may be packed with gzip only".to_owned())),
    }
}

/// The one message of a unary call: a flag, a length, the bytes.
fn unframe(body: &[u8]) -> Result<(bool, &[u8]), Refusal> {
    let wrong = || (Reason::Malformed, "the body is not one gRPC message".to_owned());
    let (head, message) = body.split_first_chunk::<5>().ok_or_else(wrong)?;
    let [flag, length @ ..] = *head;
    let whole = usize::try_from(u32::from_be_bytes(length)).is_ok_and(|n| n == message.len());
    if flag > 1 || !whole { Err(wrong()) } else { Ok((flag == 1, message)) }
}

/// An address, or a name that no other machine has.
fn means_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_one_message() {
        assert!(matches!(unframe(&[0, 0, 0, 0, 2, 7, 8]), Ok((false, [7, 8]))));
        assert!(matches!(unframe(&[1, 0, 0, 0, 0]), Ok((true, []))));
        for wrong in
            [&[][..], &[0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 0, 0, 0, 0, 9], &[2, 0, 0, 0, 0]]
        {
            assert!(unframe(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_of_others_are_not_this_machine() {
        for (host, ours) in [
            ("127.0.0.1:4318", true),
            ("localhost", true),
            ("LOCALHOST:4318", true),
            ("[::1]:4318", true),
            ("hale.localhost:4318", true),
            ("evil.example:4318", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(means_this_machine(host), ours, "{host}");
        }
    }
}
