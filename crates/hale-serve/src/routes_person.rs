//! What only a person says: a sentence that becomes a plan, and yes to what waits for them. What is
//! critical takes a typed YES here as on a terminal and in Slack.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::routing::post;
use axum::{Extension, Router};
use hale_model::ApprovalId;
use hale_model::api::{ApiError, Command, ErrorKind, Query, View};
use hale_model::config::Language;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::access::Peer;
use crate::answer::{Refusal, unexpected_view};
use crate::routes::{Reply, Shared, body, change, enveloped, within};

/// A model may have to answer first, after another one has failed.
const LIMIT_ASK_SECS: u64 = 130;
/// Sentences that are made plans of at once.
const LIMIT_ASKED: usize = 4;
/// When to ask again where so many are.
const ASKED_RETRY_SECS: u32 = 5;
/// What has to be typed where something is critical.
const CONFIRM: &str = "YES";

pub(crate) fn asks() -> Router<Shared> {
    let slots = Arc::new(Semaphore::new(LIMIT_ASKED));
    let ask = |State(handle): State<Shared>,
               Extension(peer): Extension<Peer>,
               bytes: Result<Bytes, BytesRejection>| async move {
        ask(&handle, &peer, &slots, bytes).await
    };
    Router::new().route("/api/v1/ask", post(ask)).layer(middleware::from_fn(
        |request: Request, next: Next| within(LIMIT_ASK_SECS, request, next),
    ))
}

pub(crate) fn changes() -> Router<Shared> {
    Router::new().route("/api/v1/approvals/{id}/approve", post(approve))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AskBody {
    sentence: String,
    language: Option<Language>,
}

/// The plan for a sentence, as `hale ask --dry-run --json` shows it. Nothing is run, whatever the plan; what the
/// guard refuses of it is on record under whoever asked.
async fn ask(
    handle: &Shared,
    peer: &Peer,
    slots: &Semaphore,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    let actor = peer.actor()?;
    let AskBody { sentence, language } = body(bytes)?;
    if sentence.trim().is_empty() {
        return Err(Refusal::bad_request(
            "the body has no sentence",
            r#"send {"sentence": "show the biggest files in /var"}"#,
        ));
    }
    let _slot = slots.try_acquire().map_err(|_| {
        Refusal::busy(
            &format!("{LIMIT_ASKED} sentences are being made plans of already"),
            "ask again in a moment",
            ASKED_RETRY_SECS,
        )
    })?;
    let view = handle.query(Query::Ask { sentence, language }).await.map_err(not_known)?;
    let View::Ask(view) = view else { return Err(unexpected_view()) };
    if view.plan.refused().is_some() {
        let plan = Box::new(view.plan.clone());
        handle.command(Command::RefusedPlan { plan }, actor).await?;
    }
    Ok(enveloped(handle, "ask", view))
}

/// That nobody knows what to do is an answer to this sentence, not a failure of the server.
fn not_known(error: ApiError) -> Refusal {
    if error.kind == ErrorKind::Failed { Refusal::unprocessable(error) } else { error.into() }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ApproveBody {
    confirm: Option<String>,
}

async fn approve(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    peer.actor()?;
    let ApproveBody { confirm } = body(bytes)?;
    let id = ApprovalId(id);
    let View::Approval(approval) = handle.query(Query::Approval { id }).await? else {
        return Err(unexpected_view());
    };
    // The id in full: what was looked at is what is approved. Whether it takes a YES the agent judges, and
    // keeps on record who tried without.
    let id = ApprovalId(approval.id.clone());
    let confirmed_critical = confirm.as_deref() == Some(CONFIRM);
    change(&handle, peer, Command::Approve { id, confirmed_critical }).await
}
