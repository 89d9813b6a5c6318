//! What Slack sends when somebody presses a button or types into a window: signed by Slack over the very
//! bytes and the time, taken once, and only from those whom the configuration names. It becomes the same
//! command that `hale approve` sends; a critical action needs a typed YES here too.
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack/>

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use hale_model::action::{Actor, Risk};
use hale_model::api::{ApiError, Command, Query, View};
use hale_model::chat::{ChatApp, ChatReply};
use hale_model::text::{printable, shorten};
use hale_model::{ApprovalId, Timestamp};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::access::Link;
use crate::answer::Refusal;
use crate::limit::{Limiter, Rate, caller_of};
use crate::routes::Shared;

/// Bytes of a request.
const LIMIT_BODY_BYTES: usize = 256 * 1024;
/// Seconds for which the body may be on its way.
const LIMIT_BODY_SECS: u64 = 10;
/// Seconds by which a request's time may differ from ours: Slack's own advice.
const WINDOW_SECS: i64 = 300;
/// Signatures that are remembered; where more come within the window, the rest is refused.
const SEEN_MAX: usize = 4096;
/// Answers of people that are carried out at a time.
const ANSWERS_AT_A_TIME: usize = 16;
/// Bytes of an id.
const ID_BYTES_MAX: usize = 100;
/// Requests a second from one address.
const RATE: Rate = Rate { per_sec: 10.0, burst: 30.0 };

type Reply = Result<Response, Refusal>;

struct Slack {
    seen: Mutex<VecDeque<(i64, [u8; 32])>>,
    limiter: Limiter<Option<IpAddr>>,
    answers: Arc<Semaphore>,
}

/// The route.
pub(crate) fn router() -> Router<Shared> {
    let slack = Arc::new(Slack {
        seen: Mutex::default(),
        limiter: Limiter::new(RATE),
        answers: Arc::new(Semaphore::new(ANSWERS_AT_A_TIME)),
    });
    Router::new().route("/api/v1/webhooks/slack", post(take)).layer(Extension(slack))
}

async fn take(
    State(handle): State<Shared>,
    Extension(slack): Extension<Arc<Slack>>,
    Extension(link): Extension<Link>,
    request: Request,
) -> Reply {
    slack.limit(link)?;
    let apps = handle.chat_apps();
    if apps.is_empty() {
        return Err(Refusal::forbidden(
            "no Slack app is configured whose buttons may be used",
            "set [[notifications.channels]] kind = \"slack_bot\" with approvers, and the signing secret \
             in the environment",
        ));
    }
    let headers = request.headers().clone();
    let body = tokio::time::timeout(
        Duration::from_secs(LIMIT_BODY_SECS),
        to_bytes(request.into_body(), LIMIT_BODY_BYTES),
    )
    .await
    .map_err(|_| Refusal::timed_out("the body did not come", "send it again"))?
    .map_err(|_| {
        Refusal::too_large(&format!("the body is over {LIMIT_BODY_BYTES} bytes"), "send less")
    })?;
    let signed = verify(&apps, &headers, &body, Timestamp::now())?;
    slack.once(&signed)?;
    let interaction = read(&body)?;
    let apps: Vec<ChatApp> = apps
        .iter()
        .filter(|app| app.signing_secret == signed.app.signing_secret)
        .cloned()
        .collect();
    Ok(answer(&handle, &slack, &apps, interaction))
}

impl Slack {
    fn limit(&self, link: Link) -> Result<(), Refusal> {
        let Link::Tcp { remote, .. } = link else { return Ok(()) };
        let caller = Some(caller_of(remote.ip()));
        self.limiter.take(&caller, 1.0, Instant::now()).map_err(|secs| {
            Refusal::too_many("too many requests from this address", "send fewer", secs)
        })
    }

    /// Refuses what was taken before.
    fn once(&self, signed: &Signed<'_>) -> Result<(), Refusal> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = signed.now - 2 * WINDOW_SECS;
        seen.retain(|(at, _)| *at >= oldest);
        if seen.iter().any(|(_, signature)| *signature == signed.signature) {
            return Err(Refusal::forbidden(
                "this request was taken before",
                "press the button again; a request counts once",
            ));
        }
        if seen.len() >= SEEN_MAX {
            return Err(Refusal::too_many("too many requests at a time", "press it again", 1));
        }
        seen.push_back((signed.now, signed.signature));
        Ok(())
    }
}

/// A request that Slack did sign.
struct Signed<'a> {
    app: &'a ChatApp,
    signature: [u8; 32],
    now: i64,
}

/// Whose request it is.
///
/// # Errors
/// 401: the signature is missing, wrong or of another time.
fn verify<'a>(
    apps: &'a [ChatApp],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Signed<'a>, Refusal> {
    let refuse = |what: &str| {
        Refusal::unauthorized(what, "the signing secret is on the app's page, Basic Information")
    };
    let header = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        value.filter(|_| values.next().is_none())
    };
    let missing = || refuse("Slack's signature is missing or not understood");
    let time = header("x-slack-request-timestamp").ok_or_else(missing)?;
    let signature = header("x-slack-signature").and_then(signature_of).ok_or_else(missing)?;
    let at: i64 = match time.parse() {
        Ok(at) if time.len() <= 12 && time.bytes().all(|b| b.is_ascii_digit()) => at,
        Ok(_) | Err(_) => return Err(missing()),
    };
    let now = now.as_second();
    if (now - at).abs() > WINDOW_SECS {
        return Err(refuse(&format!(
            "the request's time is more than {WINDOW_SECS} s away from this machine's clock"
        )));
    }
    let mut message = format!("v0:{time}:").into_bytes();
    message.extend_from_slice(body);
    let is_of = |app: &&ChatApp| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, app.signing_secret.as_bytes());
        hmac::verify(&key, &message, &signature).is_ok()
    };
    let app = apps.iter().find(is_of);
    let app = app.ok_or_else(|| refuse("the signature is not that of this body"))?;
    Ok(Signed { app, signature, now })
}

fn signature_of(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix("v0=")?.as_bytes();
    if hex.len() != 64 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut signature = [0; 32];
    for (byte, pair) in signature.iter_mut().zip(hex.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(signature)
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interaction {
    /// Pressed a button of ours.
    Pressed { yes: bool, approval: String, channel: String, user: String, trigger_id: String },
    /// Typed into the window of a critical action.
    Typed { text: String, approval: String, channel: String, user: String },
    /// Something that is not ours.
    Other,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Named,
    channel: Option<Named>,
    #[serde(default)]
    actions: Vec<Pressed>,
    trigger_id: Option<String>,
    view: Option<Window>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Pressed {
    action_id: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    callback_id: String,
    private_metadata: String,
    #[serde(default)]
    state: serde_json::Value,
}

#[derive(Deserialize)]
struct Metadata {
    approval: String,
    channel: String,
}

/// Reads the body: a form with one field, `payload`, that holds JSON.
///
/// # Errors
/// 400: it is not what Slack sends.
pub(super) fn read(body: &[u8]) -> Result<Interaction, Refusal> {
    let wrong =
        |what: &str| Refusal::bad_request(what, "point Slack's interactivity request URL here");
    let text =
        form_field(body, "payload").ok_or_else(|| wrong("the body is no form with a payload"))?;
    let payload: Payload = serde_json::from_str(&text).map_err(|error| {
        wrong(&format!("the payload is not understood: {}", shorten(&error.to_string(), 200)))
    })?;
    let user = checked(payload.user.id).ok_or_else(|| wrong("user.id is no id"))?;
    match payload.kind.as_str() {
        "block_actions" => {
            let Some(pressed) = payload.actions.into_iter().next() else {
                return Ok(Interaction::Other);
            };
            let yes = match pressed.action_id.as_deref() {
                Some("hale_approve") => true,
                Some("hale_reject") => false,
                Some(_) | None => return Ok(Interaction::Other),
            };
            let channel = payload.channel.and_then(|channel| checked(channel.id));
            let channel = channel.ok_or_else(|| wrong("channel.id is missing or no id"))?;
            let approval = pressed.value.and_then(checked);
            let approval = approval.ok_or_else(|| wrong("the button holds no question's id"))?;
            let trigger_id = payload.trigger_id.unwrap_or_default();
            let trigger_id = shorten(&printable(&trigger_id), ID_BYTES_MAX);
            Ok(Interaction::Pressed { yes, approval, channel, user, trigger_id })
        }
        "view_submission" => {
            let Some(window) = payload.view.filter(|view| view.callback_id == "hale_yes") else {
                return Ok(Interaction::Other);
            };
            let metadata: Metadata = serde_json::from_str(&window.private_metadata)
                .map_err(|_| wrong("the window is not one of hale's"))?;
            let ids = checked(metadata.approval).zip(checked(metadata.channel));
            let (approval, channel) =
                ids.ok_or_else(|| wrong("the window is not one of hale's"))?;
            let typed = window.state.pointer("/values/yes/typed/value");
            let text = typed.and_then(|text| text.as_str()).unwrap_or_default().to_owned();
            Ok(Interaction::Typed { text, approval, channel, user })
        }
        _ => Ok(Interaction::Other),
    }
}

fn checked(id: String) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(is_plain)).then_some(id)
}

/// One field of an `application/x-www-form-urlencoded` body; none where it is not there or not UTF-8.
fn form_field(body: &[u8], name: &str) -> Option<String> {
    let pairs = body.split(|byte| *byte == b'&');
    let value = pairs
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            (&pair[..at] == name.as_bytes()).then(|| &pair[at + 1..])
        })
        .next()?;
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [*bytes.next()?, *bytes.next()?];
                let hex = std::str::from_utf8(&pair).ok()?;
                if !pair.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(hex, 16).ok()?
            }
            other => *other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Does what was asked, beside the request: Slack waits three seconds, a change may take longer.
fn answer(
    handle: &Shared,
    slack: &Arc<Slack>,
    apps: &[ChatApp],
    interaction: Interaction,
) -> Response {
    let done = || ().into_response();
    let (channel, user) = match &interaction {
        Interaction::Pressed { channel, user, .. } | Interaction::Typed { channel, user, .. } => {
            (channel.clone(), user.clone())
        }
        Interaction::Other => return done(),
    };
    let may = apps.iter().any(|app| app.channel == channel && app.may_answer(&user));
    if !may {
        let text = "you are not among the approvers of this channel; ask one of them, or whoever \
                    keeps hale's config: [[notifications.channels]] approvers"
            .to_owned();
        handle.chat(ChatReply::Whisper { channel, user, text });
        return done();
    }
    if let Interaction::Typed { text, .. } = &interaction
        && text.trim() != "YES"
    {
        let errors = json!({"yes": "type YES in capital letters, or cancel"});
        return Json(json!({"response_action": "errors", "errors": errors})).into_response();
    }
    let Ok(permit) = slack.answers.clone().try_acquire_owned() else {
        let text = "too many answers at a time; press it again".to_owned();
        handle.chat(ChatReply::Whisper { channel, user, text });
        return done();
    };
    let is_window = matches!(interaction, Interaction::Typed { .. });
    let handle = handle.clone();
    tokio::spawn(async move {
        if let Err(error) = carry_out(&handle, interaction).await {
            let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            let text = format!("{}{hint}", error.message);
            handle.chat(ChatReply::Whisper { channel, user, text });
        }
        drop(permit);
    });
    if is_window { Json(json!({"response_action": "clear"})).into_response() } else { done() }
}

async fn carry_out(handle: &Shared, interaction: Interaction) -> Result<(), ApiError> {
    // The window that asks for it takes nothing else.
    let confirmed_critical = matches!(interaction, Interaction::Typed { .. });
    let (yes, approval, user) = match interaction {
        Interaction::Pressed { yes: true, approval, channel, user, trigger_id } => {
            let id = ApprovalId(approval.clone());
            let View::Approval(view) = handle.query(Query::Approval { id }).await? else {
                return Err(crate::answer::unexpected_view().error().clone());
            };
            if view.verdict.risk >= Risk::Critical {
                let why = view.verdict.reasons.first().map(|reason| reason.text.clone());
                handle.chat(ChatReply::AskYes {
                    trigger_id,
                    channel,
                    approval,
                    action: format!("{} {}", view.action.kind, view.action.target),
                    why: why.unwrap_or_else(|| "it may lose work or service".to_owned()),
                });
                return Ok(());
            }
            (true, approval, user)
        }
        Interaction::Pressed { yes: false, approval, user, .. } => (false, approval, user),
        Interaction::Typed { approval, user, .. } => (true, approval, user),
        Interaction::Other => return Ok(()),
    };
    let (id, why) = (ApprovalId(approval), Some("in Slack".to_owned()));
    let command =
        if yes { Command::Approve { id, confirmed_critical } } else { Command::Reject { id, why } };
    let actor = Actor::Chat { channel: "slack".to_owned(), user };
    handle.command(command, actor).await.map(|_| ())
}
