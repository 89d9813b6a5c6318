//! The addresses that take webhooks: who may send, how much, and what each sender is answered.
//!
//! 202 means: on disk. 400 cannot be read, 401 and 403 not from whom it should be, 413 and 415 too
//! much and the wrong kind, 422 says what cannot be (with the field), 429 too often or no room, 503 it
//! could not be written. After 429 and 503 the same may be sent again: it is the same report.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use hale_model::Timestamp;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::config::Server;
use hale_model::report::{Receipt, Report};
use serde_json::json;

use super::alertmanager::{self, Envelope};
use super::body::Wrong;
use super::{github, webhook};
use crate::access::Link;
use crate::limit::{Limiter, Rate, caller_of};
use crate::routes::Shared;

/// A body that is not there by then is given up.
const BODY_SECS_MAX: u64 = 15;
/// Seconds after which a sender may try again where there is no room.
const RETRY_AFTER_SECS: u32 = 1;
/// Likewise where it could not be written (a full disk, mostly).
const RETRY_AFTER_FAILURE_SECS: u32 = 10;

/// Who may send webhooks, and how much.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// What GitHub signs with; none: its webhooks are refused.
    pub github_secret: Option<String>,
    /// Name of the environment variable where that secret is looked for.
    pub github_secret_env: String,
    /// Reports a second from one address.
    pub rate_per_sec: u32,
}

impl WebhookOptions {
    /// As configured; `secret_of` reads an environment variable.
    pub fn new(config: &Server, secret_of: impl FnOnce(&str) -> Option<String>) -> Self {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        WebhookOptions {
            github_secret: secret_of(&config.github_secret_env).as_deref().and_then(given),
            github_secret_env: config.github_secret_env.clone(),
            rate_per_sec: config.webhook_rate_per_sec,
        }
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        WebhookOptions::new(&Server::default(), |_| None)
    }
}

struct Door {
    options: WebhookOptions,
    limiter: Limiter<Option<IpAddr>>,
}

/// The routes.
pub(crate) fn webhooks(options: WebhookOptions) -> Router<Shared> {
    let per_sec = f64::from(options.rate_per_sec.max(1));
    let limiter = Limiter::new(Rate { per_sec, burst: per_sec });
    let door = Arc::new(Door { options, limiter });
    Router::new()
        .route("/webhook", post(native))
        .route("/api/v1/webhooks/alertmanager", post(from_alertmanager))
        .route("/api/v1/webhooks/grafana", post(from_grafana))
        .route("/api/v1/webhooks/github", post(from_github))
        .layer(Extension(door))
}

type Reply = Result<Response, Refused>;

/// A webhook that is not taken: `{"error":{"kind","message","hint","field"?}}`.
struct Refused {
    status: StatusCode,
    kind: ErrorKind,
    message: String,
    hint: String,
    field: Option<String>,
    retry_after_secs: Option<u32>,
}

impl Refused {
    fn new(status: StatusCode, message: impl Into<String>, hint: impl Into<String>) -> Refused {
        Refused {
            status,
            kind: ErrorKind::Usage,
            message: message.into(),
            hint: hint.into(),
            field: None,
            retry_after_secs: None,
        }
    }

    fn forbidden(status: StatusCode, message: &str, hint: impl Into<String>) -> Refused {
        Refused { kind: ErrorKind::Refused, ..Refused::new(status, message, hint) }
    }
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Refused {
        Refused { field: wrong.field, ..Refused::new(wrong.status, wrong.message, wrong.hint) }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Refused {
        let (status, secs) = match error.kind {
            ErrorKind::Degraded => (StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER_SECS),
            ErrorKind::Usage
            | ErrorKind::NotFound
            | ErrorKind::Refused
            | ErrorKind::NeedsApproval
            | ErrorKind::Failed => (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_FAILURE_SECS),
        };
        let hint = error.hint.unwrap_or_else(|| "send it again in a moment".to_owned());
        Refused {
            kind: error.kind,
            retry_after_secs: Some(secs),
            ..Refused::new(status, error.message, hint)
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut error = json!({ "kind": self.kind, "message": self.message, "hint": self.hint });
        if let (Some(field), Some(error)) = (self.field, error.as_object_mut()) {
            error.insert("field".to_owned(), field.into());
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl Door {
    /// What can be known before a byte of the body is read. Who may come in at all was seen to by
    /// then.
    fn check(&self, link: Link, headers: &HeaderMap) -> Result<(), Refused> {
        check_content_type(headers)?;
        self.take(link, 1)
    }

    fn take(&self, link: Link, reports: usize) -> Result<(), Refused> {
        // The other end of the unix socket is the agent's own user or root.
        let Some(address) = remote_of(link) else { return Ok(()) };
        let most = f64::from(self.options.rate_per_sec.max(1));
        let tokens = (reports as f64).min(most);
        self.limiter.take(&Some(caller_of(address)), tokens, Instant::now()).map_err(|secs| {
            let hint = "send it again after the seconds in Retry-After; \
                        `[server] webhook_rate_per_sec` sets the limit";
            Refused {
                retry_after_secs: Some(secs),
                ..Refused::forbidden(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too many reports from this address",
                    hint,
                )
            }
        })
    }
}

fn remote_of(link: Link) -> Option<IpAddr> {
    match link {
        Link::Tcp { remote, .. } => Some(remote.ip()),
        Link::Unix { .. } => None,
    }
}

fn own_port(link: Link) -> Option<u16> {
    match link {
        Link::Tcp { local, .. } => Some(local.port()),
        Link::Unix { .. } => None,
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    Err(Refused::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body is not declared as JSON",
        "send `Content-Type: application/json`",
    ))
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

async fn read_body(request: Request) -> Result<Bytes, Refused> {
    let read = Bytes::from_request(request, &());
    match tokio::time::timeout(Duration::from_secs(BODY_SECS_MAX), read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is over 1 MiB",
                "send fewer lines of log, or several requests",
            ))
        }
        Ok(Err(_)) => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "the body ended before its end",
            "send the whole body",
        )),
        Err(_) => Err(Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body was not there within {BODY_SECS_MAX} s"),
            "send it again",
        )),
    }
}

fn accepted(body: serde_json::Value) -> Response {
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

async fn native(
    State(handle): State<Shared>,
    Extension(door): Extension<Arc<Door>>,
    Extension(link): Extension<Link>,
    request: Request,
) -> Reply {
    door.check(link, request.headers())?;
    let body = read_body(request).await?;
    let read = webhook::read(&body, Timestamp::now(), own_port(link))?;
    let receipts = handle.receive(vec![read.report]).await?;
    let receipt = receipts.first().ok_or_else(no_receipt)?;
    Ok(accepted(webhook::answer(receipt, &read.ignored)))
}

fn no_receipt() -> Refused {
    ApiError::new(ErrorKind::Failed, "the agent gave no receipt for the report").into()
}

async fn from_alertmanager(
    state: State<Shared>,
    door: Extension<Arc<Door>>,
    link: Extension<Link>,
    request: Request,
) -> Reply {
    alerts(Envelope::Alertmanager, state, door, link, request).await
}

async fn from_grafana(
    state: State<Shared>,
    door: Extension<Arc<Door>>,
    link: Extension<Link>,
    request: Request,
) -> Reply {
    alerts(Envelope::Grafana, state, door, link, request).await
}

async fn alerts(
    envelope: Envelope,
    State(handle): State<Shared>,
    Extension(door): Extension<Arc<Door>>,
    Extension(link): Extension<Link>,
    request: Request,
) -> Reply {
    door.check(link, request.headers())?;
    let body = read_body(request).await?;
    let reports = alertmanager::read(envelope, &body, Timestamp::now(), own_port(link))?;
    door.take(link, reports.len().saturating_sub(1))?;
    take_in(&handle, reports).await
}

async fn take_in(handle: &Shared, reports: Vec<Report>) -> Reply {
    let receipts: Vec<Receipt> =
        if reports.is_empty() { Vec::new() } else { handle.receive(reports).await? };
    Ok(accepted(json!({ "incidents": receipts })))
}

async fn from_github(
    State(handle): State<Shared>,
    Extension(door): Extension<Arc<Door>>,
    Extension(link): Extension<Link>,
    request: Request,
) -> Reply {
    door.check(link, request.headers())?;
    let env = &door.options.github_secret_env;
    let Some(secret) = door.options.github_secret.as_deref() else {
        return Err(Refused::forbidden(
            StatusCode::FORBIDDEN,
            "GitHub's signature cannot be checked here: no secret is known",
            format!(
                "start the agent with the webhook's secret in {env} (`[server] github_secret_env`)"
            ),
        ));
    };
    let event = header_text(request.headers(), "x-github-event");
    let signature = header_text(request.headers(), "x-hub-signature-256");
    let body = read_body(request).await?;
    if !signature.is_some_and(|signature| github::is_signed(secret, &body, &signature)) {
        return Err(Refused::forbidden(
            StatusCode::UNAUTHORIZED,
            "X-Hub-Signature-256 is missing or not that of this body",
            format!(
                "give the webhook on GitHub the same secret as {env}, and content type application/json"
            ),
        ));
    }
    let Some(event) = event else {
        return Err(Wrong::field("X-GitHub-Event", "is missing", "send what GitHub sends").into());
    };
    if event == "ping" {
        return Ok(accepted(json!({ "incidents": [], "pong": true })));
    }
    match github::read(&event, &body, Timestamp::now())? {
        Some(report) => take_in(&handle, vec![report]).await,
        None => Ok(accepted(json!({ "incidents": [], "ignored": true }))),
    }
}
