//! One service asks another: with a time limit, within the caller's trace, and with the time it took
//! kept apart from the caller's own.

use std::cell::Cell;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Role;
use crate::server::Common;
use crate::telemetry::Telemetry;

/// A service that does not accept by then is down.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// A service that does not answer by then is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

tokio::task_local! {
    /// Time that the request in hand has waited for other services.
    pub static ELSEWHERE: Cell<Duration>;
}

/// Why a request is not answered as was wished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As HTTP has it.
    pub status: StatusCode,
    /// In words.
    pub why: String,
}

impl Refusal {
    /// With this status.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Refusal {
        Refusal { status, why: why.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.why }))).into_response()
    }
}

/// The client that all calls share.
///
/// # Errors
/// As reqwest has it.
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        // Nobody here speaks TLS; without this it would look for a store of certificates, and a container has none.
        .tls_certs_only([])
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Asks for something.
///
/// # Errors
/// What the other service answers, or 502 if it does not.
pub async fn get<T: DeserializeOwned>(
    common: &Common,
    role: Role,
    path: &str,
) -> Result<T, Refusal> {
    call(common, role, path, None::<&()>).await
}

/// Tells something.
///
/// # Errors
/// As [`get`].
pub async fn post<T: DeserializeOwned>(
    common: &Common,
    role: Role,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    call(common, role, path, Some(body)).await
}

async fn call<T: DeserializeOwned>(
    common: &Common,
    role: Role,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<T, Refusal> {
    let begun = Instant::now();
    let method = if body.is_some() { "POST" } else { "GET" };
    let span = common.telemetry.part(
        method,
        SpanKind::Client,
        vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("server.address", common.settings.addresses.of(role).to_string()),
            KeyValue::new("peer.service", role.as_str()),
            KeyValue::new("url.path", path.to_owned()),
        ],
    );
    let mut headers = axum::http::HeaderMap::new();
    common.telemetry.inject(&span, &mut headers);
    let url = format!("http://{}{path}", common.settings.addresses.of(role));
    let request = match body {
        Some(body) => common.client.post(url).json(body),
        None => common.client.get(url),
    };
    let answered = answer(request.headers(headers), common, role).await;
    let error = answered.as_ref().err().map(|refusal| refusal.why.clone());
    Telemetry::ended(&span, error);
    // Absent outside a request: then nobody asks for it.
    let _ = ELSEWHERE.try_with(|elsewhere| elsewhere.set(elsewhere.get() + begun.elapsed()));
    let value = answered?;
    serde_json::from_value(value).map_err(|error| {
        let why = format!("{} answered something else: {error}", role.as_str());
        Refusal::new(StatusCode::BAD_GATEWAY, why)
    })
}

async fn answer(
    request: reqwest::RequestBuilder,
    common: &Common,
    role: Role,
) -> Result<Value, Refusal> {
    let bad = |why: String| Refusal::new(StatusCode::BAD_GATEWAY, why);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            if error.is_connect() {
                common.not_reached(role);
            }
            return Err(bad(format!("{} does not answer", role.as_str())));
        }
    };
    common.reached(role);
    let status = response.status();
    let value: Value = response
        .json()
        .await
        .map_err(|_| bad(format!("{} broke off its answer", role.as_str())))?;
    if status.is_success() {
        return Ok(value);
    }
    let why = value["error"].as_str().unwrap_or("no reason given").to_owned();
    if status.is_client_error() {
        // The customer's mistake, wherever it is found.
        return Err(Refusal::new(status, why));
    }
    Err(bad(format!("{} failed: {why}", role.as_str())))
}
