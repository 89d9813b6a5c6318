//! Questions that only the dashboard asks: courses, lists, a past moment, what was achieved. As all
//! others they are answered by the [`Handle`](hale_model::api::Handle), in the envelope of `hale robot`.

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query as UrlQuery, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use hale_model::alert::AlertState;
use hale_model::api::{Command, Query, View};
use hale_model::incident::IncidentState;
use hale_model::panel::{Panel, PanelView, ProcessSort};
use hale_model::{ActionId, AlertId, IncidentId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::Peer;
use crate::answer::{Refusal, unexpected_view};
use crate::routes::{Reply, Shared, body, change, enveloped, parameters};
use crate::wording::{self, Time, UpTo, Whole};

/// Points of a course unless the request says otherwise.
const DEFAULT_POINTS: u32 = 300;
/// Lines of a list unless the request says otherwise.
const DEFAULT_ROWS: u32 = 200;
/// Days of "what was achieved" unless the request says otherwise.
const DEFAULT_ACHIEVED_SECS: i64 = 30 * 86_400;
/// A course or a list goes back this far unless the request says otherwise.
const DEFAULT_SINCE_SECS: i64 = 3600;
/// Everything, in the journal's priorities.
const ALL_PRIORITIES: u32 = 7;

/// What only reads.
pub(crate) fn reads() -> Router<Shared> {
    Router::new()
        .route("/api/v1/series", get(series))
        .route("/api/v1/processes", get(processes))
        .route("/api/v1/units", get(units))
        .route("/api/v1/containers", get(containers))
        .route("/api/v1/journal", get(journal))
        .route("/api/v1/settings", get(settings))
        .route("/api/v1/achieved", get(achieved))
        .route("/api/v1/alerts/{id}", get(alert))
        .route("/api/v1/incidents/{id}/postmortem", get(postmortem))
        .route("/api/v1/past/moment", get(past_moment))
        .route("/api/v1/past/alerts", get(past_alerts))
        .route("/api/v1/past/incidents", get(past_incidents))
        .route("/api/v1/past/incidents/{id}", get(past_incident))
        .route("/api/v1/past/approvals", get(past_approvals))
        .route("/api/v1/past/audit", get(past_audit))
}

/// What changes something.
pub(crate) fn changes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/actions/{id}/undo", post(undo))
        .route("/api/v1/incidents/{id}/note", post(note))
}

macro_rules! only {
    ($view:ident) => {
        |view| if let PanelView::$view(view) = view { Some(view) } else { None }
    };
}

async fn panel<T: Serialize>(
    handle: &Shared,
    name: &str,
    ask: Panel,
    pick: impl FnOnce(PanelView) -> Option<T>,
) -> Reply {
    let View::Panel(view) = handle.query(Query::Panel { ask }).await? else {
        return Err(unexpected_view());
    };
    let data = pick(view).ok_or_else(unexpected_view)?;
    Ok(enveloped(handle, name, data))
}

fn ago(until: Timestamp, secs: i64) -> Timestamp {
    until.checked_sub(jiff::SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MIN)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesParameters {
    /// With commas between.
    metrics: String,
    since: Option<Time>,
    until: Option<Time>,
    points: Option<Whole>,
}

async fn series(
    State(handle): State<Shared>,
    query: Result<UrlQuery<SeriesParameters>, QueryRejection>,
) -> Reply {
    let SeriesParameters { metrics, since, until, points } = parameters(query)?;
    let until = until.map_or_else(Timestamp::now, |Time(at)| at);
    let ask = Panel::Series {
        metrics: metrics
            .split(',')
            .map(|m| m.trim().to_owned())
            .filter(|m| !m.is_empty())
            .collect(),
        since: since.map_or_else(|| ago(until, DEFAULT_SINCE_SECS), |Time(at)| at),
        until,
        points: Whole::or(points, DEFAULT_POINTS),
    };
    panel(&handle, "series", ask, only!(Series)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessesParameters {
    #[serde(default)]
    search: String,
    #[serde(default)]
    sort: ProcessSort,
    limit: Option<Whole>,
}

async fn processes(
    State(handle): State<Shared>,
    query: Result<UrlQuery<ProcessesParameters>, QueryRejection>,
) -> Reply {
    let ProcessesParameters { search, sort, limit } = parameters(query)?;
    let ask = Panel::Processes { search, sort, limit: Whole::or(limit, DEFAULT_ROWS) };
    panel(&handle, "processes", ask, only!(Processes)).await
}

async fn units(State(handle): State<Shared>) -> Reply {
    panel(&handle, "units", Panel::Units, only!(Units)).await
}

async fn containers(State(handle): State<Shared>) -> Reply {
    panel(&handle, "containers", Panel::Containers, only!(Containers)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalParameters {
    since: Option<Time>,
    until: Option<Time>,
    priority: Option<UpTo<ALL_PRIORITIES>>,
    #[serde(default)]
    search: String,
    limit: Option<Whole>,
}

async fn journal(
    State(handle): State<Shared>,
    query: Result<UrlQuery<JournalParameters>, QueryRejection>,
) -> Reply {
    let JournalParameters { since, until, priority, search, limit } = parameters(query)?;
    let until = until.map_or_else(Timestamp::now, |Time(at)| at);
    let ask = Panel::Journal {
        since: since.map_or_else(|| ago(until, DEFAULT_SINCE_SECS), |Time(at)| at),
        until,
        priority_max: u8::try_from(UpTo::or(priority, ALL_PRIORITIES)).unwrap_or(u8::MAX),
        search,
        limit: Whole::or(limit, DEFAULT_ROWS),
    };
    panel(&handle, "journal", ask, only!(Journal)).await
}

async fn settings(State(handle): State<Shared>) -> Reply {
    panel(&handle, "settings", Panel::Settings, only!(Settings)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AchievedParameters {
    since: Option<Time>,
    until: Option<Time>,
}

async fn achieved(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AchievedParameters>, QueryRejection>,
) -> Reply {
    let AchievedParameters { since, until } = parameters(query)?;
    let until = until.map_or_else(Timestamp::now, |Time(at)| at);
    let since = since.map_or_else(|| ago(until, DEFAULT_ACHIEVED_SECS), |Time(at)| at);
    panel(&handle, "achieved", Panel::Achieved { since, until }, only!(Achieved)).await
}

async fn alert(State(handle): State<Shared>, Path(id): Path<String>) -> Reply {
    let View::Alert(view) = handle.query(Query::Alert { id: AlertId(id) }).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "alert", view))
}

async fn postmortem(State(handle): State<Shared>, Path(id): Path<String>) -> Reply {
    let query = Query::Postmortem { id: IncidentId(id) };
    let View::Markdown(text) = handle.query(query).await? else {
        return Err(unexpected_view());
    };
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    at: Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtListed {
    at: Time,
    state: Option<String>,
    limit: Option<Whole>,
}

async fn past(handle: &Shared, at: Timestamp, question: Query) -> Result<View, Refusal> {
    let ask = Panel::AsOf { at, question: Box::new(question) };
    Ok(handle.query(Query::Panel { ask }).await?)
}

fn state_named<T: serde::de::DeserializeOwned>(
    state: Option<String>,
) -> Result<Option<T>, Refusal> {
    state.map(|name| serde_json::from_value(json!(name))).transpose().map_err(|error| {
        let why = format!("`state` {}", wording::plain(&error.to_string()));
        Refusal::bad_request(&why, "leave it out for all states")
    })
}

async fn past_moment(
    State(handle): State<Shared>,
    query: Result<UrlQuery<At>, QueryRejection>,
) -> Reply {
    let At { at: Time(at) } = parameters(query)?;
    panel(&handle, "moment", Panel::Moment { at }, only!(Moment)).await
}

async fn past_alerts(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AtListed>, QueryRejection>,
) -> Reply {
    let AtListed { at: Time(at), state, limit } = parameters(query)?;
    let states: Vec<AlertState> = state_named(state)?.into_iter().collect();
    let question = Query::Alerts { states, limit: Whole::or(limit, 0) };
    let View::Alerts(view) = past(&handle, at, question).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "alerts", view))
}

async fn past_incidents(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AtListed>, QueryRejection>,
) -> Reply {
    let AtListed { at: Time(at), state, limit } = parameters(query)?;
    let state: Option<IncidentState> = state_named(state)?;
    let question = Query::Incidents { state, limit: Whole::or(limit, DEFAULT_ROWS) };
    let View::Incidents(view) = past(&handle, at, question).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "incidents", view))
}

async fn past_incident(
    State(handle): State<Shared>,
    Path(id): Path<String>,
    query: Result<UrlQuery<At>, QueryRejection>,
) -> Reply {
    let At { at: Time(at) } = parameters(query)?;
    let View::Incident(view) = past(&handle, at, Query::Incident { id: IncidentId(id) }).await?
    else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "incident", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtApprovals {
    at: Time,
    #[serde(default)]
    all: bool,
}

async fn past_approvals(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AtApprovals>, QueryRejection>,
) -> Reply {
    let AtApprovals { at: Time(at), all } = parameters(query)?;
    let View::Approvals(view) = past(&handle, at, Query::Approvals { all }).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "approvals", view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtLimited {
    at: Time,
    limit: Option<Whole>,
}

async fn past_audit(
    State(handle): State<Shared>,
    query: Result<UrlQuery<AtLimited>, QueryRejection>,
) -> Reply {
    let AtLimited { at: Time(at), limit } = parameters(query)?;
    let question = Query::Audit { limit: Whole::or(limit, DEFAULT_ROWS) };
    let View::Audit(entries) = past(&handle, at, question).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "audit", json!({ "entries": entries })))
}

async fn undo(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
) -> Reply {
    change(&handle, peer, Command::Undo { id: ActionId(id) }).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NoteBody {
    text: String,
}

async fn note(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    let NoteBody { text } = body(bytes)?;
    if text.trim().is_empty() {
        return Err(Refusal::bad_request("the note is empty", r#"send {"text": "…"}"#));
    }
    change(&handle, peer, Command::NoteIncident { id: IncidentId(id), text }).await
}
