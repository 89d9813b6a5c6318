//! Carries one call to a provider and its answer back: timeouts, byte limits, the cutting of streams,
//! and the meaning of what goes wrong on the way.

use std::time::Duration;

use hale_model::config::{AiProvider, ProviderKind};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response};
use tokio::time::timeout;

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::provider::{self, Credential, Outgoing};
use crate::sse::{Cutter, Framing};
use crate::types::Delta;

/// Bytes of one answer, streamed or whole.
pub const RESPONSE_BYTES_MAX: usize = 4 << 20;
/// Bytes of the body of an error that are read.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;
/// Longest wait that a server's `Retry-After` is believed.
const RETRY_AFTER_SECS_MAX: u64 = 86_400;
/// What comes after the answer's own end (its usage) has this long.
const TRAILER_SECS_MAX: u64 = 2;

/// How long a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To accept the connection.
    pub connect: Duration,
    /// Between two pieces of the answer, the first one included.
    pub idle: Duration,
    /// For the whole answer.
    pub total: Duration,
}

impl Patience {
    /// From `ai.timeout_secs`. A local model may load for long before its first word.
    pub(crate) fn of(provider: &AiProvider, timeout_secs: u64) -> Self {
        let total = Duration::from_secs(timeout_secs.max(1));
        let idle = if provider.is_local() || provider.provider == ProviderKind::Ollama {
            total
        } else {
            total.min(Duration::from_secs(60))
        };
        Patience { connect: total.min(Duration::from_secs(10)), idle, total }
    }
}

/// Made at the first use: the TLS roots take time and memory that many machines can spare.
pub(crate) fn client(provider: &AiProvider, patience: Patience) -> Result<Client, Fault> {
    let mut builder = Client::builder()
        .user_agent(concat!("hale/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(patience.connect)
        // A redirect could carry the key elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    if provider.base_url().starts_with("http://") {
        // Without redirects no TLS can come up; a machine without CA certificates will do.
        builder = builder.tls_certs_only([]);
    }
    if provider.is_local() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        let why = innermost(&error);
        let detail = format!("no TLS: {why}; is the package ca-certificates installed?");
        Fault::new(FaultKind::Unreachable, detail)
    })
}

/// Sends the call and reads the answer into the draft, telling `on` what is new.
pub(crate) async fn converse(
    client: &Client,
    kind: ProviderKind,
    outgoing: &Outgoing,
    credential: &Credential,
    patience: Patience,
    draft: &mut Draft,
    on: &mut (dyn FnMut(Delta) + Send),
) -> Result<(), Fault> {
    let talk = async {
        let response = post(client, kind, outgoing, credential, patience).await?;
        read_answer(response, kind, patience, draft, on).await
    };
    match timeout(patience.total, talk).await {
        Ok(result) => result,
        Err(_) => Err(no_answer_within(patience.total)),
    }
}

/// A call whose answer is one JSON value.
pub(crate) async fn fetch(
    client: &Client,
    kind: ProviderKind,
    outgoing: Option<&Outgoing>,
    url: &str,
    credential: &Credential,
    patience: Patience,
) -> Result<serde_json::Value, Fault> {
    let talk = async {
        let response = match outgoing {
            Some(outgoing) => post(client, kind, outgoing, credential, patience).await?,
            None => {
                let mut headers = vec![];
                if kind == ProviderKind::Anthropic {
                    let version = crate::anthropic::VERSION.to_owned();
                    headers.push(("anthropic-version".to_owned(), version));
                }
                let request = dress(client.get(url), &headers, kind, credential)?;
                accepted(request, kind, patience).await?
            }
        };
        let body = read_whole(response, RESPONSE_BYTES_MAX, patience).await?;
        serde_json::from_slice(&body).map_err(|e| {
            let shown = shown(&body);
            Fault::garbage(format!("this is no JSON ({e}): {shown}"))
        })
    };
    match timeout(patience.total, talk).await {
        Ok(result) => result,
        Err(_) => Err(no_answer_within(patience.total)),
    }
}

async fn post(
    client: &Client,
    kind: ProviderKind,
    outgoing: &Outgoing,
    credential: &Credential,
    patience: Patience,
) -> Result<Response, Fault> {
    let request = client.post(&outgoing.url).body(outgoing.body.clone());
    let request = dress(request, &outgoing.headers, kind, credential)?;
    accepted(request, kind, patience).await
}

fn dress(
    mut request: reqwest::RequestBuilder,
    headers: &[(String, String)],
    kind: ProviderKind,
    credential: &Credential,
) -> Result<reqwest::RequestBuilder, Fault> {
    for (name, value) in headers {
        request = request.header(name, value);
    }
    for (name, value) in credential.headers(kind) {
        let Ok(mut value) = HeaderValue::from_str(&value) else {
            let detail = "the key holds characters that no key has; was it copied whole?";
            return Err(Fault::new(FaultKind::NoKey, detail));
        };
        value.set_sensitive(true);
        request = request.header(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// Waits for the head of the answer; anything but success becomes a fault.
async fn accepted(
    request: reqwest::RequestBuilder,
    kind: ProviderKind,
    patience: Patience,
) -> Result<Response, Fault> {
    let response = match timeout(patience.idle, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(of_transport(error)),
        Err(_) => return Err(no_answer_within(patience.idle)),
    };
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after_secs = retry_after(&response);
    // What of the body can be had; the status alone says enough.
    let body = read_at_most(response, ERROR_BODY_BYTES_MAX, patience).await;
    let body = String::from_utf8_lossy(&body);
    Err(provider::fault_of(kind, status.as_u16(), retry_after_secs, &body))
}

async fn read_answer(
    mut response: Response,
    kind: ProviderKind,
    patience: Patience,
    draft: &mut Draft,
    on: &mut (dyn FnMut(Delta) + Send),
) -> Result<(), Fault> {
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if content_type.starts_with("text/html") {
        let body = read_at_most(response, ERROR_BODY_BYTES_MAX, patience).await;
        return Err(Fault::garbage(format!("a web page instead of an answer: {}", shown(&body))));
    }
    let framing = provider::framing(kind);
    if framing == Framing::Sse && content_type.starts_with("application/json") {
        let body = read_whole(response, RESPONSE_BYTES_MAX, patience).await?;
        provider::whole(kind, draft, &String::from_utf8_lossy(&body))?;
        draft.news().into_iter().for_each(on);
        return Ok(());
    }
    let mut cutter = Cutter::new(framing);
    let mut total_bytes = 0;
    loop {
        let wait = if draft.is_complete {
            patience.idle.min(Duration::from_secs(TRAILER_SECS_MAX))
        } else {
            patience.idle
        };
        let piece = match timeout(wait, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break,
            // What was wanted is there; only the trailer is not.
            Ok(Err(_)) | Err(_) if draft.is_complete => return Ok(()),
            Ok(Err(error)) => {
                let why = innermost(&error.without_url());
                return Err(Fault::garbage(format!("the answer broke off: {why}")));
            }
            Err(_) => return Err(no_answer_within(patience.idle)),
        };
        total_bytes += piece.len();
        if total_bytes > RESPONSE_BYTES_MAX {
            return Err(too_long());
        }
        for event in cutter.feed(&piece).map_err(|_| too_long())? {
            provider::event(kind, draft, &event)?;
            draft.news().into_iter().for_each(&mut *on);
        }
        if draft.is_over {
            return Ok(());
        }
    }
    if let Some(event) = cutter.finish() {
        // After the end it is of no interest; before it, it is what broke off.
        if let Err(fault) = provider::event(kind, draft, &event)
            && !draft.is_complete
        {
            return Err(fault);
        }
        draft.news().into_iter().for_each(on);
    }
    Ok(())
}

async fn read_whole(
    mut response: Response,
    limit_bytes: usize,
    patience: Patience,
) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        match timeout(patience.idle, response.chunk()).await {
            Ok(Ok(Some(piece))) if body.len() + piece.len() > limit_bytes => return Err(too_long()),
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => {
                let why = innermost(&error.without_url());
                return Err(Fault::garbage(format!("the answer broke off: {why}")));
            }
            Err(_) => return Err(no_answer_within(patience.idle)),
        }
    }
}

/// As much as comes, up to the limit.
async fn read_at_most(mut response: Response, limit_bytes: usize, patience: Patience) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < limit_bytes {
        match timeout(patience.idle, response.chunk()).await {
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    body.truncate(limit_bytes);
    body
}

fn too_long() -> Fault {
    Fault::garbage(format!("an answer of more than {} MiB, cut off", RESPONSE_BYTES_MAX >> 20))
}

fn no_answer_within(limit: Duration) -> Fault {
    Fault::new(FaultKind::Timeout, format!("nothing within {} s", limit.as_secs_f64()))
}

fn of_transport(error: reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::new(FaultKind::Timeout, "no connection in time");
    }
    Fault::new(FaultKind::Unreachable, innermost(&error.without_url()))
}

/// The innermost cause says what happened; the outer ones say that something did.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    hale_model::text::shorten(&words.join(" "), 80)
}

/// `Retry-After`: seconds or a date; `retry-after-ms` as OpenAI and Azure send it.
fn retry_after(response: &Response) -> Option<u64> {
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    if let Some(ms) = header("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok()) {
        return whole_secs(ms / 1000.0);
    }
    let text = header(RETRY_AFTER.as_str())?.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return whole_secs(secs);
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let now = jiff::Timestamp::now();
    whole_secs(at.duration_since(now).as_secs_f64().max(0.0))
}

fn whole_secs(secs: f64) -> Option<u64> {
    (secs.is_finite() && secs >= 0.0).then(|| (secs.ceil() as u64).min(RETRY_AFTER_SECS_MAX))
}
