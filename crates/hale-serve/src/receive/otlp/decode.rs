//! From the body of a request to counts in the book: all of it, or, where it cannot be read to its
//! end, none of it.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use hale_model::traffic::{Folded, TrafficBook};

use super::sink::{Fold, Sink, Trial};
use super::wire::WireError;
use super::{json, protobuf};

/// Bytes of a request as it is sent.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a request when it is unpacked: what a bomb may cost.
pub(crate) const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body is no gzip")]
    Gzip(#[source] std::io::Error),
    #[error("the body is over {UNPACKED_BYTES_MAX} bytes when it is unpacked")]
    TooLarge,
    #[error("the body is no protobuf of this kind")]
    Protobuf(#[source] WireError),
    #[error("the body is no OTLP in JSON")]
    Json(#[source] serde_json::Error),
}

/// Counts what a body tells.
pub(crate) fn fold(
    book: &TrafficBook,
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
) -> Result<Folded, DecodeError> {
    let mut fold = Fold { book, folded: Folded::default() };
    match encoding {
        Encoding::Protobuf => {
            // Read twice: half a message is never counted.
            read_protobuf(signal, body, &mut Trial).map_err(DecodeError::Protobuf)?;
            read_protobuf(signal, body, &mut fold).map_err(DecodeError::Protobuf)?;
        }
        Encoding::Json => read_json(signal, body, &mut fold).map_err(DecodeError::Json)?,
    }
    Ok(fold.folded)
}

fn read_protobuf<'a>(
    signal: Signal,
    body: &'a [u8],
    sink: &mut impl Sink<'a>,
) -> Result<(), WireError> {
    match signal {
        Signal::Traces => protobuf::traces(body, sink),
        Signal::Metrics => protobuf::metrics(body, sink),
        Signal::Logs => protobuf::logs(body, sink),
    }
}

fn read_json(signal: Signal, body: &[u8], fold: &mut Fold<'_>) -> Result<(), serde_json::Error> {
    match signal {
        Signal::Traces => serde_json::from_slice::<json::Traces<'_>>(body)?.tell(fold),
        Signal::Metrics => serde_json::from_slice::<json::Metrics<'_>>(body)?.tell(fold),
        Signal::Logs => serde_json::from_slice::<json::Logs<'_>>(body)?.tell(fold),
    }
    Ok(())
}

/// Unpacks gzip, and stops where it becomes too large.
pub(crate) fn unpack(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut unpacked = Vec::new();
    let limit = UNPACKED_BYTES_MAX as u64 + 1;
    MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked).map_err(DecodeError::Gzip)?;
    if unpacked.len() > UNPACKED_BYTES_MAX { Err(DecodeError::TooLarge) } else { Ok(unpacked) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = pack(&vec![0; UNPACKED_BYTES_MAX + 1]);
        assert!(bomb.len() < 64 * 1024);
        assert!(matches!(unpack(&bomb), Err(DecodeError::TooLarge)));
        assert_eq!(unpack(&pack(b"{}")).unwrap(), b"{}");
        assert!(matches!(unpack(b"no gzip"), Err(DecodeError::Gzip(_))));
        let mut torn = pack(b"some more text than that");
        torn.truncate(torn.len() - 9);
        assert!(matches!(unpack(&torn), Err(DecodeError::Gzip(_))));
    }

    #[test]
    fn half_a_message_is_not_counted() {
        let book = TrafficBook::default();
        // A good ResourceSpans, then one that ends in the middle.
        let mut body = vec![0x0a, 0x04, 0x12, 0x02, 0x12, 0x00];
        assert!(fold(&book, Signal::Traces, Encoding::Protobuf, &body).is_ok());
        body.extend([0x0a, 0x05, 0x12]);
        assert!(fold(&book, Signal::Traces, Encoding::Protobuf, &body).is_err());
    }

    #[test]
    fn json_tells_the_same_services_and_calls() {
        let body = r#"{"resourceSpans":[{"resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"quotes"}},
            {"key":"process.pid","value":{"intValue":"42"}},
            {"key":"odd","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}]},
          "scopeSpans":[{"scope":{"name":"t"},"spans":[
            {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
             "parentSpanId":"","name":"GET /quote","kind":2,"futureField":{"a":[1]},
             "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
             "attributes":[{"key":"http.response.status_code","value":{"intValue":"503"}}],
             "events":[{"name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"ValueError"}},
                {"key":"exception.message","value":{"stringValue":"no room"}}]}],
             "status":{"code":"STATUS_CODE_ERROR"}},
            {"traceId":"zz","spanId":"eee19b7ec3c1b175","name":"no trace"}]}]}]}"#;
        let book = TrafficBook::default();
        let folded = fold(&book, Signal::Traces, Encoding::Json, body.as_bytes()).unwrap();
        assert_eq!((folded.accepted, folded.rejected), (1, 1));
        let sample = book.drain(1_000_000_000);
        let service = &sample.services[0];
        assert_eq!((service.service.as_str(), service.total.errors), ("quotes", 1));
        assert_eq!(service.instances[0].pid, 42);
        assert_eq!(service.exemplars[0].message, "no room");
        assert_eq!(service.exemplars[0].trace_id, "5b8efff798038103d269b633813fc60c");
        assert_eq!(service.total.latency.max_ms(), 1000.0);
    }

    #[test]
    fn wrong_json_is_refused() {
        let book = TrafficBook::default();
        for body in [
            "",
            "[]",
            "{",
            "{\"resourceSpans\":3}",
            "{\"resourceSpans\":[{}],\"resourceSpans\":[{}]}",
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":\"loud\"}]}]}]}",
        ] {
            assert!(
                fold(&book, Signal::Traces, Encoding::Json, body.as_bytes()).is_err(),
                "{body:.60}"
            );
        }
        assert!(fold(&book, Signal::Traces, Encoding::Json, b"{}").is_ok());
        // What is not known is stepped over, however deep it is.
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(fold(&book, Signal::Traces, Encoding::Json, deep.as_bytes()).is_ok());
    }
}
