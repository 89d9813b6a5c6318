//! The routes. Lists and views are answered in the envelope of `hale robot`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query as UrlQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hale_model::alert::{AlertKind, AlertState};
use hale_model::api::{ApiError, Command, ErrorKind, Handle, Query, View};
use hale_model::incident::IncidentState;
use hale_model::text::parse_duration;
use hale_model::view::{Envelope, MachineSummary, MachinesView, MetricsSummary, StatusView};
use hale_model::{AlertId, ApprovalId, IncidentId, MachineId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::{self, Peer};
use crate::answer::{Refusal, unexpected_view};
use crate::dashboard;
use crate::doors::Doors;
use crate::receive;
use crate::routes_dashboard;
use crate::routes_person;
use crate::rpc::{RPC_PATH, RpcAnswer, RpcRequest};
use crate::sign_in;
use crate::stream::{self, Watchers};
use crate::wording::{self, Whole};
use crate::{metrics, openapi};

/// Bytes of a request's body.
const LIMIT_BODY_BYTES: usize = 1024 * 1024;
/// Bytes of a request of hale's own commands: an imported runbook is the largest.
const LIMIT_RPC_BYTES: usize = 64 * 1024 * 1024;
/// A question takes at most this long.
const LIMIT_READ_SECS: u64 = 30;
/// A change ends with its verification, which may watch for minutes.
const LIMIT_CHANGE_SECS: u64 = 1800;
/// Incidents in a list unless the request says otherwise.
const DEFAULT_INCIDENTS: u32 = 50;
/// Audit entries in a list unless the request says otherwise.
const DEFAULT_AUDIT: u32 = 200;
/// Rows of a SQL answer unless the request says otherwise, and at most.
const DEFAULT_ROWS: u32 = 1000;
const LIMIT_ROWS: u32 = 100_000;

pub(crate) type Shared = Arc<dyn Handle>;
pub(crate) type Reply = Result<Response, Refusal>;

pub(crate) fn router(
    handle: Shared,
    watchers: Watchers,
    doors: Arc<Doors>,
    webhooks: receive::WebhookOptions,
) -> Router {
    let reads = Router::new()
        .merge(dashboard::router())
        .merge(routes_dashboard::reads())
        .route("/healthz", get(healthz))
        .route("/api/v1/health", get(health))
        .route("/api/v1/machines", get(machines))
        .route("/api/v1/machines/{id}/overview", get(overview))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/approvals", get(approvals))
        .route("/api/v1/services", get(services))
        .route("/api/v1/runbook", get(runbook))
        .route("/api/v1/audit", get(audit))
        .route("/api/v1/metrics/summary", get(metrics_summary))
        .route("/api/v1/query", get(sql))
        .layer(middleware::from_fn(|request: Request, next: Next| {
            within(LIMIT_READ_SECS, request, next)
        }));
    let changes = Router::new()
        .merge(routes_dashboard::changes())
        .merge(routes_person::changes())
        .route("/api/v1/alerts/{id}/ack", post(ack_alert))
        .route("/api/v1/alerts/{id}/close", post(close_alert))
        .route("/api/v1/approvals/{id}/reject", post(reject))
        .route("/api/v1/pause", post(pause))
        .route("/api/v1/resume", post(resume))
        .route(RPC_PATH, post(rpc))
        .layer(middleware::from_fn(|request: Request, next: Next| {
            within(LIMIT_CHANGE_SECS, request, next)
        }));
    reads
        .merge(changes)
        .merge(routes_person::asks())
        .merge(metrics::router(watchers.clone()))
        .merge(stream::router(watchers))
        .merge(receive::webhooks(webhooks))
        .merge(receive::slack())
        .merge(sign_in::router())
        .merge(openapi::router())
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LIMIT_BODY_BYTES))
        .layer(Extension(Arc::clone(&doors)))
        .layer(middleware::from_fn_with_state(doors, access::guard))
        .layer(middleware::map_response(harden))
        .with_state(handle)
}

pub(crate) async fn within(limit_secs: u64, request: Request, next: Next) -> Response {
    match tokio::time::timeout(Duration::from_secs(limit_secs), next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::timed_out(
            &format!("no answer within {limit_secs} s"),
            "ask again; `hale doctor` checks the agent",
        )
        .into_response(),
    }
}

/// What every response carries: nothing is cached (but the dashboard's own files, which say so), framed,
/// sniffed or loaded from elsewhere.
async fn harden(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` browsers would send the sign-in form with `Origin: null`.
        (header::REFERRER_POLICY, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn no_such_route() -> Refusal {
    Refusal::not_found("there is no such address", "the API is under /api/v1; try /api/v1/health")
}

async fn wrong_method() -> Refusal {
    Refusal::method_not_allowed(
        "this address does not take this method",
        "questions are GET, changes are POST",
    )
}

pub(crate) fn enveloped<T: Serialize>(handle: &Shared, command: &str, data: T) -> Response {
    let mut envelope = Envelope::new(command, Timestamp::now(), data, handle.staleness());
    envelope.warnings = handle.warnings();
    Json(envelope).into_response()
}

pub(crate) fn parameters<T>(query: Result<UrlQuery<T>, QueryRejection>) -> Result<T, Refusal> {
    query.map(|UrlQuery(parameters)| parameters).map_err(|rejection| {
        let why = wording::of_query(&rejection.body_text());
        Refusal::bad_request(&why, "check the names and values after the `?`")
    })
}

pub(crate) fn body<T: DeserializeOwned + Default>(
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Refusal> {
    let bytes = read_body(body)?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    wording::read(&bytes).map_err(|why| {
        Refusal::bad_request(&format!("the body is wrong: {why}"), "send a JSON object, or none")
    })
}

fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| {
        if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::too_large(&format!("the body is over {LIMIT_BODY_BYTES} bytes"), "send less")
        } else {
            Refusal::bad_request(&rejection.body_text(), "send the whole body")
        }
    })
}

async fn healthz(State(handle): State<Shared>) -> Reply {
    handle.query(Query::Health).await?;
    Ok(Json(json!({"status": "ok"})).into_response())
}

async fn health(State(handle): State<Shared>) -> Reply {
    let View::Health(view) = handle.query(Query::Health).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "health", view))
}

pub(crate) async fn status_of(
    handle: &Shared,
    machine: Option<MachineId>,
) -> Result<Box<StatusView>, Refusal> {
    let View::Status(view) = handle.query(Query::Status { machine }).await? else {
        return Err(unexpected_view());
    };
    Ok(view)
}

async fn machines(State(handle): State<Shared>) -> Reply {
    let status = status_of(&handle, None).await?;
    let machines = vec![MachineSummary::from(status.as_ref())];
    Ok(enveloped(&handle, "machines", MachinesView { machines }))
}

async fn overview(State(handle): State<Shared>, Path(id): Path<String>) -> Reply {
    let status = status_of(&handle, Some(MachineId(id))).await?;
    Ok(enveloped(&handle, "machine", status))
}

async fn metrics_summary(State(handle): State<Shared>) -> Reply {
    let status = status_of(&handle, None).await?;
    Ok(enveloped(&handle, "metrics", MetricsSummary::from(status.as_ref())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertsParameters {
    state: Option<AlertState>,
    limit: Option<Whole>,
}

async fn alerts(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AlertsParameters>, QueryRejection>,
) -> Reply {
    let AlertsParameters { state, limit } = parameters(query)?;
    let query = Query::Alerts { states: state.into_iter().collect(), limit: Whole::or(limit, 0) };
    let View::Alerts(view) = handle.query(query).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "alerts", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentsParameters {
    state: Option<IncidentState>,
    limit: Option<Whole>,
}

async fn incidents(
    State(handle): State<Shared>,
    query: Result<UrlQuery<IncidentsParameters>, QueryRejection>,
) -> Reply {
    let IncidentsParameters { state, limit } = parameters(query)?;
    let query = Query::Incidents { state, limit: Whole::or(limit, DEFAULT_INCIDENTS) };
    let View::Incidents(view) = handle.query(query).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "incidents", view))
}

async fn incident(State(handle): State<Shared>, Path(id): Path<String>) -> Reply {
    let View::Incident(view) = handle.query(Query::Incident { id: IncidentId(id) }).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "incident", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalsParameters {
    #[serde(default)]
    all: bool,
}

async fn approvals(
    State(handle): State<Shared>,
    query: Result<UrlQuery<ApprovalsParameters>, QueryRejection>,
) -> Reply {
    let ApprovalsParameters { all } = parameters(query)?;
    let View::Approvals(view) = handle.query(Query::Approvals { all }).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "approvals", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunbookParameters {
    search: Option<String>,
    kind: Option<AlertKind>,
    limit: Option<Whole>,
}

async fn services(State(handle): State<Shared>) -> Reply {
    let View::Services(view) = handle.query(Query::Services).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "services", view))
}

async fn runbook(
    State(handle): State<Shared>,
    query: Result<UrlQuery<RunbookParameters>, QueryRejection>,
) -> Reply {
    let RunbookParameters { search, kind: alert_kind, limit } = parameters(query)?;
    let limit = Whole::or(limit, 0);
    let query = match search {
        Some(text) => Query::RunbookSearch { text, alert_kind, limit },
        None => Query::Runbook { alert_kind, limit },
    };
    let View::Runbook(view) = handle.query(query).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "runbook", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditParameters {
    limit: Option<Whole>,
}

async fn audit(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AuditParameters>, QueryRejection>,
) -> Reply {
    let AuditParameters { limit } = parameters(query)?;
    let View::Audit(entries) =
        handle.query(Query::Audit { limit: Whole::or(limit, DEFAULT_AUDIT) }).await?
    else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "audit", json!({"entries": entries})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlParameters {
    sql: String,
    limit: Option<Whole>,
}

async fn sql(
    State(handle): State<Shared>,
    query: Result<UrlQuery<SqlParameters>, QueryRejection>,
) -> Reply {
    let SqlParameters { sql, limit } = parameters(query)?;
    let limit_rows = Whole::or(limit, DEFAULT_ROWS).clamp(1, LIMIT_ROWS);
    let View::Table(table) = handle.query(Query::Sql { sql, limit_rows }).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "query", table))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WhyBody {
    why: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PauseBody {
    /// `1h`, `90s`; none: until resumed.
    r#for: Option<String>,
}

pub(crate) async fn change(handle: &Shared, peer: Peer, command: Command) -> Reply {
    let actor = peer.actor()?;
    let view = handle.command(command, actor).await?;
    let data = serde_json::to_value(&view)
        .map_err(|e| Refusal::from(ApiError::new(ErrorKind::Failed, e.to_string())))?;
    Ok(Json(data).into_response())
}

async fn ack_alert(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
) -> Reply {
    change(&handle, peer, Command::AckAlert { id: AlertId(id) }).await
}

async fn close_alert(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    peer.actor()?;
    let WhyBody { why } = body(bytes)?;
    change(&handle, peer, Command::CloseAlert { id: AlertId(id), why }).await
}

async fn reject(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    peer.actor()?;
    let WhyBody { why } = body(bytes)?;
    change(&handle, peer, Command::Reject { id: ApprovalId(id), why }).await
}

async fn pause(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    peer.actor()?;
    let PauseBody { r#for } = body(bytes)?;
    let for_secs = match r#for {
        None => None,
        Some(text) => Some(
            parse_duration(&text)
                .map_err(|e| Refusal::bad_request(&e, "send {\"for\": \"1h\"} or no body"))?,
        ),
    };
    change(&handle, peer, Command::Pause { for_secs }).await
}

async fn resume(State(handle): State<Shared>, Extension(peer): Extension<Peer>) -> Reply {
    change(&handle, peer, Command::Resume).await
}

async fn rpc(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Reply {
    // Before a byte of the body is read: a whole runbook may come this way, from those alone who
    // may act.
    let actor = peer.actor()?;
    let bytes = to_bytes(request.into_body(), LIMIT_RPC_BYTES).await.map_err(|_| {
        Refusal::too_large(&format!("the body is over {LIMIT_RPC_BYTES} bytes"), "send less")
    })?;
    let request: RpcRequest = serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::bad_request(
            &format!("the request is not understood: {error}"),
            "the agent may be of another version than the command: restart it",
        )
    })?;
    let result = match request {
        RpcRequest::Query(query) => handle.query(query).await,
        RpcRequest::Command(command) => handle.command(command, actor).await,
    };
    let (staleness, warnings) = (handle.staleness(), handle.warnings());
    Ok(Json(RpcAnswer { staleness, warnings, result }).into_response())
}
