//! Telemetry of services in the OpenTelemetry protocol: gRPC (4317) and HTTP with protobuf or JSON
//! (4318), gzip or not. What comes is folded into a [`TrafficBook`]; nothing is answered with "taken"
//! that was not, and nothing is dropped in silence: who sends too much, too slowly or nonsense is told.
//!
//! The decoder is hale's own: it reads only what is counted and copies nothing
//! (docs/decisions/0021-otlp-decoder.md).

mod answer;
mod decode;
mod histogram;
mod json;
mod protobuf;
mod request;
mod server;
mod sink;
mod wire;

use std::sync::Arc;

use hale_model::traffic::TrafficBook;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where telemetry is received.
pub struct OtlpOptions {
    /// For gRPC.
    pub grpc: Option<TcpListener>,
    /// For HTTP.
    pub http: Option<TcpListener>,
    /// What senders have to show (`Authorization: Bearer …`); none: nothing.
    pub token: Option<String>,
    /// Where it is written down.
    pub book: Arc<TrafficBook>,
    /// Stop.
    pub shutdown: CancellationToken,
}

/// Receives until `shutdown`. Either port takes gRPC as well as HTTP.
pub async fn serve_otlp(options: OtlpOptions) {
    server::run(options).await;
}

/// For fuzzing: reads bytes as one kind of request, as they would come in a body.
#[doc(hidden)]
pub fn decode_for_fuzzing(book: &TrafficBook, kind: u8, body: &[u8]) {
    use decode::{Encoding, Signal};
    let signal = match kind % 3 {
        0 => Signal::Traces,
        1 => Signal::Metrics,
        _ => Signal::Logs,
    };
    let encoding = if kind & 4 == 0 { Encoding::Protobuf } else { Encoding::Json };
    if kind & 8 == 0 {
        let _ = decode::fold(book, signal, encoding, body);
    } else if let Ok(unpacked) = decode::unpack(body) {
        let _ = decode::fold(book, signal, encoding, &unpacked);
    }
}
