//! How a browser signs in and out, and what the dashboard asks to know who it is.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query as UrlQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hale_model::api::{Command, Query, View};
use hale_model::text::parse_duration;
use hale_model::token::{Role, Token};
use serde::Deserialize;
use serde_json::json;

use crate::access::{Link, Peer, cookie_name, session_words};
use crate::answer::{Refusal, unexpected_view};
use crate::doors::{Doors, SIGN_IN_PATH};
use crate::limit::caller_of;
use crate::routes::{Reply, Shared, body, change, enveloped};
use crate::rules::{LINKS_PATH, SESSION_END_PATH, SESSION_PATH, TOKEN_REVOKE_PATH, TOKENS_PATH};
use crate::sessions::{LINK_SECS, SESSION_SECS};

/// Bytes of a sign-in form.
const LIMIT_FORM_BYTES: usize = 1024;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route(SIGN_IN_PATH, get(by_link).post(by_form))
        .route(SESSION_PATH, get(session))
        .route(SESSION_END_PATH, post(sign_out))
        .route(LINKS_PATH, post(link))
        .route(TOKENS_PATH, get(tokens).post(create_token))
        .route(TOKEN_REVOKE_PATH, post(revoke_token))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SignIn {
    /// Of a link.
    code: Option<String>,
    /// An API token.
    token: Option<String>,
}

async fn by_link(
    Extension(doors): Extension<Arc<Doors>>,
    Extension(link): Extension<Link>,
    query: Result<UrlQuery<SignIn>, QueryRejection>,
) -> Response {
    match query {
        // A token in an address would stand in the browser's history.
        Ok(UrlQuery(SignIn { code: Some(code), token: None })) => {
            sign_in(&doors, link, Some(&code), None).await
        }
        Ok(UrlQuery(SignIn { code: None, token: None })) => form(StatusCode::OK, ""),
        Ok(_) | Err(_) => form(StatusCode::BAD_REQUEST, "This link is not understood."),
    }
}

async fn by_form(
    Extension(doors): Extension<Arc<Doors>>,
    Extension(link): Extension<Link>,
    bytes: Result<Bytes, BytesRejection>,
) -> Response {
    let bytes = bytes.unwrap_or_default();
    if bytes.is_empty() || bytes.len() > LIMIT_FORM_BYTES {
        return form(StatusCode::BAD_REQUEST, "Give a token, or the code of a link.");
    }
    let word = form_word(&bytes);
    match Token::parse(&word) {
        Some(token) => sign_in(&doors, link, None, Some(token)).await,
        None => sign_in(&doors, link, Some(&word), None).await,
    }
}

/// The one field of the form: a token or a code, which are plain words, or a whole link.
pub(crate) fn form_word(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let value = text.split('&').find_map(|pair| pair.strip_prefix("word=")).unwrap_or_default();
    let plain = value.replace("%3D", "=").replace("%3F", "?").replace("%5F", "_").replace('+', " ");
    plain.trim().rsplit("code=").next().unwrap_or_default().to_owned()
}

async fn sign_in(doors: &Doors, link: Link, code: Option<&str>, token: Option<Token>) -> Response {
    let Link::Tcp { local, remote, is_tls, .. } = link else {
        return Refusal::bad_request("browsers do not sign in here", "use TCP").into_response();
    };
    let (remote, now) = (caller_of(remote.ip()), Instant::now());
    let word = match (code, token) {
        (_, Some(token)) => match doors.holder_of(token.id(), &token.digest()).await {
            Ok(Some(_)) => doors.sign_in_by_token(token.id(), &token.digest(), now).map(Some),
            Ok(None) => Ok(None),
            Err(refusal) => Err(refusal),
        },
        (Some(code), None) => doors.sign_in_by_link(code, now),
        (None, None) => Ok(None),
    };
    match word {
        Ok(Some(word)) => {
            tracing::info!(%remote, "a browser signed in");
            let cookie = cookie(&cookie_name(local, is_tls), &word, SESSION_SECS, is_tls);
            let headers =
                [(header::SET_COOKIE, cookie), (header::LOCATION, HeaderValue::from_static("/"))];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Ok(None) => {
            if let Err(refusal) = doors.limit_failures(remote, now) {
                return refusal.into_response();
            }
            doors.count_failure(remote, now);
            let minutes = LINK_SECS / 60;
            form(
                StatusCode::UNAUTHORIZED,
                &format!(
                    "That opens nothing: a link works once, for {minutes} minutes, and a token may \
                     have expired or been revoked. `hale open` gives a new link."
                ),
            )
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn cookie(name: &str, word: &str, secs: u64, is_tls: bool) -> HeaderValue {
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{name}={word}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Strict{secure}");
    // Hexadecimal words and our own names: always plain ASCII.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// The page on which a browser signs in. `message` is one of ours, never of whoever asks.
fn form(status: StatusCode, message: &str) -> Response {
    let page = include_str!("sign_in.html").replace("{message}", message);
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, page).into_response()
}

async fn session(
    State(handle): State<Shared>,
    Extension(doors): Extension<Arc<Doors>>,
    Extension(link): Extension<Link>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Reply {
    let mut expires_in_secs = None;
    for word in session_words(&headers, link) {
        if let Some((_, secs)) = doors.session(word, Instant::now()).await? {
            expires_in_secs = Some(secs);
        }
    }
    let actor = peer.actor().ok().map(|actor| actor.to_string());
    let role = peer.role();
    let may_write = role.is_some_and(|role| role >= Role::Operator);
    let data = json!({
        "signed_in": actor.is_some(),
        "actor": actor,
        "role": role,
        "may_change": may_write,
        "expires_in_secs": expires_in_secs,
    });
    Ok(enveloped(&handle, "session", data))
}

async fn sign_out(
    Extension(doors): Extension<Arc<Doors>>,
    Extension(link): Extension<Link>,
    headers: HeaderMap,
) -> Response {
    let words = session_words(&headers, link);
    let ended = words.iter().filter(|word| doors.sign_out(word)).count();
    let mut response = Json(json!({ "signed_out": ended > 0 })).into_response();
    if let Link::Tcp { local, is_tls, .. } = link {
        let gone = cookie(&cookie_name(local, is_tls), "", 0, is_tls);
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response
}

async fn link(Extension(doors): Extension<Arc<Doors>>) -> Reply {
    let url = doors.link()?;
    Ok(Json(json!({ "url": url, "expires_in_secs": LINK_SECS })).into_response())
}

async fn tokens(State(handle): State<Shared>) -> Reply {
    let View::Tokens(tokens) = handle.query(Query::Tokens).await? else {
        return Err(unexpected_view());
    };
    Ok(enveloped(&handle, "tokens", json!({ "tokens": tokens })))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewToken {
    name: String,
    role: Option<Role>,
    /// `30d`; none: it does not end by itself.
    expires: Option<String>,
}

async fn create_token(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Reply {
    let NewToken { name, role, expires } = body(bytes)?;
    let hint = "send {\"name\": \"ci\", \"role\": \"viewer\", \"expires\": \"30d\"}";
    let Some(role) = role else {
        return Err(Refusal::bad_request("`role` is missing: viewer, operator or admin", hint));
    };
    let expires_in_secs = expires
        .map(|text| parse_duration(&text))
        .transpose()
        .map_err(|e| Refusal::bad_request(&format!("`expires`: {e}"), hint))?;
    change(&handle, peer, Command::CreateToken { name, role, expires_in_secs }).await
}

async fn revoke_token(
    State(handle): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
) -> Reply {
    change(&handle, peer, Command::RevokeToken { name }).await
}
