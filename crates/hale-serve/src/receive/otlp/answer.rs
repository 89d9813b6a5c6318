//! What a sender is told, in the words of its protocol: HTTP with protobuf or JSON, or gRPC.

use std::convert::Infallible;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::decode::{Encoding, Signal};
use super::wire::Writer;

/// Seconds after which a sender may try again.
pub(super) const RETRY_SECS: u64 = 1;

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// How a sender speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Http(Encoding),
    Grpc,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is nonsense.
    Malformed,
    /// It is too large.
    TooLarge,
    /// It took too long to come.
    TooSlow,
    /// Too many at once: later it would be taken.
    Busy,
    /// It shows no token, or a wrong one.
    Unauthenticated,
    /// It comes from a web page, or for another host.
    Forbidden,
    /// There is no such service.
    NotFound,
    /// Not a POST.
    Method,
    /// Written in a way that is not spoken here.
    MediaType,
}

impl Reason {
    fn status(self) -> StatusCode {
        match self {
            Reason::Malformed => StatusCode::BAD_REQUEST,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Reason::Busy => StatusCode::TOO_MANY_REQUESTS,
            Reason::Unauthenticated => StatusCode::UNAUTHORIZED,
            Reason::Forbidden => StatusCode::FORBIDDEN,
            Reason::NotFound => StatusCode::NOT_FOUND,
            Reason::Method => StatusCode::METHOD_NOT_ALLOWED,
            Reason::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// The codes of gRPC. An exporter tries again only after those that it may:
    /// `RESOURCE_EXHAUSTED` with a delay, so what is too large has another one.
    fn grpc_code(self) -> u8 {
        match self {
            Reason::Malformed | Reason::TooLarge => 3,
            Reason::TooSlow => 1,
            Reason::Busy => 8,
            Reason::Unauthenticated => 16,
            Reason::Forbidden => 7,
            Reason::NotFound | Reason::Method | Reason::MediaType => 12,
        }
    }
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn with(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Taken, but for what was rejected.
pub(super) fn taken(tongue: Tongue, signal: Signal, rejected: u64) -> Response<Body> {
    let why = "without a valid trace id and span id";
    match tongue {
        Tongue::Http(Encoding::Json) => {
            let name = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Metrics => "rejectedDataPoints",
                Signal::Logs => "rejectedLogRecords",
            };
            let told = if rejected == 0 {
                json!({})
            } else {
                json!({ "partialSuccess": { name: rejected.to_string(), "errorMessage": why } })
            };
            with(StatusCode::OK, "application/json", full(told.to_string()))
        }
        Tongue::Http(Encoding::Protobuf) => {
            with(StatusCode::OK, "application/x-protobuf", full(partial(rejected, why)))
        }
        Tongue::Grpc => {
            let message = partial(rejected, why);
            let mut frame = vec![0];
            frame.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
            frame.extend(message);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body =
                Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
            with(StatusCode::OK, "application/grpc", body.boxed())
        }
    }
}

/// `ExportTraceServiceResponse` and its like: all three have the same fields.
fn partial(rejected: u64, why: &str) -> Vec<u8> {
    if rejected == 0 {
        return Vec::new();
    }
    let partial = Writer::default().varint(1, rejected).bytes(2, why.as_bytes());
    Writer::default().bytes(1, &partial.bytes).bytes
}

/// `google.rpc.Status`, with `RetryInfo` where trying again helps.
fn status_message(code: u8, text: &str, retry: bool) -> Vec<u8> {
    let status = Writer::default().varint(1, u64::from(code)).bytes(2, text.as_bytes());
    if !retry {
        return status.bytes;
    }
    let delay = Writer::default().varint(1, RETRY_SECS).bytes;
    let info = Writer::default().bytes(1, &delay).bytes;
    let any = Writer::default()
        .bytes(1, b"type.googleapis.com/google.rpc.RetryInfo")
        .bytes(2, &info)
        .bytes;
    status.bytes(3, &any).bytes
}

/// Not taken.
pub(super) fn refused(tongue: Tongue, reason: Reason, text: &str) -> Response<Body> {
    let busy = reason == Reason::Busy;
    let status = status_message(reason.grpc_code(), text, busy);
    let mut response = match tongue {
        Tongue::Http(Encoding::Json) => {
            let told = json!({ "code": reason.grpc_code(), "message": text }).to_string();
            with(reason.status(), "application/json", full(told))
        }
        Tongue::Http(Encoding::Protobuf) => {
            with(reason.status(), "application/x-protobuf", full(status))
        }
        Tongue::Grpc => {
            // Everything stands in the head: there is no message.
            let mut response = with(StatusCode::OK, "application/grpc", full(Bytes::new()));
            let headers = response.headers_mut();
            headers.insert("grpc-status", HeaderValue::from(u16::from(reason.grpc_code())));
            let text = HeaderValue::from_str(&percent_encoded(text));
            headers.insert("grpc-message", text.unwrap_or(HeaderValue::from_static("refused")));
            headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip"));
            if let Ok(details) = HeaderValue::from_str(&base64(&status)) {
                headers.insert(HeaderName::from_static("grpc-status-details-bin"), details);
            }
            response
        }
    };
    if busy {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECS));
    }
    response
}

/// As gRPC writes messages in a header.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Without padding, as gRPC writes bytes in a header.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for digit in 0..=chunk.len() {
            let sextet = (bits >> (18 - 6 * digit)) & 63;
            text.push(char::from(DIGITS.get(sextet as usize).copied().unwrap_or(b'A')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_headers() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(percent_encoded("50 % …"), "50 %25 %E2%80%A6");
    }

    #[test]
    fn who_may_try_again_is_told_when() {
        let response = refused(Tongue::Http(Encoding::Protobuf), Reason::Busy, "too many");
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let response = refused(Tongue::Grpc, Reason::Busy, "too many");
        assert_eq!(response.headers()["grpc-status"], "8");
        assert!(response.headers().contains_key("grpc-status-details-bin"));
        let response = refused(Tongue::Grpc, Reason::TooLarge, "too large");
        assert_eq!(response.headers()["grpc-status"], "3");
        assert!(!response.headers().contains_key(RETRY_AFTER));
    }
}
