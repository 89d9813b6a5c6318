//! The page at `/`: the live state in one look, rendered here, without a build step. It reads
//! only. `/live` is its changing part, which `page.js` fetches anew every few seconds; without
//! scripts the page reloads itself.

mod html;
mod render;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use hale_model::Timestamp;
use hale_model::api::{Query, View};
use hale_model::view::{ApprovalView, IncidentView, StatusView};

use crate::answer::{Refusal, unexpected_view};
use crate::routes::{Shared, status_of};

/// Incidents on the page.
const LIMIT_INCIDENTS: u32 = 12;

/// Everything the page shows.
pub(crate) struct Live {
    pub status: Box<StatusView>,
    pub incidents: Vec<IncidentView>,
    pub approvals: Vec<ApprovalView>,
    pub now: Timestamp,
}

pub(crate) async fn index(State(handle): State<Shared>) -> Response {
    let (status, live) = live_part(&handle).await;
    (status, Html(render::page(&live))).into_response()
}

pub(crate) async fn live(State(handle): State<Shared>) -> Response {
    let (status, live) = live_part(&handle).await;
    (status, Html(live)).into_response()
}

pub(crate) async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}

pub(crate) async fn js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js"))
}

async fn live_part(handle: &Shared) -> (StatusCode, String) {
    match gather(handle).await {
        Ok(live) => (StatusCode::OK, render::live(&live)),
        Err(refusal) => (refusal.status(), render::failure(refusal.error())),
    }
}

async fn gather(handle: &Shared) -> Result<Live, Refusal> {
    let status = status_of(handle, None).await?;
    let query = Query::Incidents { state: None, limit: LIMIT_INCIDENTS };
    let View::Incidents(incidents) = handle.query(query).await? else {
        return Err(unexpected_view());
    };
    let View::Approvals(approvals) = handle.query(Query::Approvals { all: false }).await? else {
        return Err(unexpected_view());
    };
    Ok(Live {
        status,
        incidents: incidents.incidents,
        approvals: approvals.approvals,
        now: Timestamp::now(),
    })
}
