//! Who asks, what they may do, and whether a browser was tricked into asking. Every request passes
//! [`guard`] before any route sees it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use hale_model::action::Actor;
use hale_model::api::{ApiError, ErrorKind};
use hale_model::token::{Role, Token};

use crate::answer::Refusal;
use crate::doors::{Doors, Identity};
use crate::limit::caller_of;
use crate::rules::{self, Need};
use crate::stream::STREAM_PATH;
use crate::wording;

/// A body that has not come by then is not waited for.
const LIMIT_BODY_SECS: u64 = 30;
/// Bytes of all headers of a request.
const LIMIT_HEADERS_BYTES: usize = 32 * 1024;
/// Bytes of an `Authorization` header that are looked at.
const LIMIT_AUTHORIZATION_BYTES: usize = 512;
/// Cookies of one request that are looked at.
const LIMIT_COOKIES: usize = 64;

/// The way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Over TCP.
    Tcp {
        /// This end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
        /// Whether it is encrypted.
        is_tls: bool,
        /// Whether other machines reach this listener.
        is_exposed: bool,
    },
    /// Over the unix socket, from this user, told by the kernel.
    Unix {
        /// User id.
        uid: u32,
    },
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    /// Somebody, unknown who.
    Nobody,
    Socket {
        uid: u32,
    },
    Token {
        name: String,
        role: Role,
    },
    Browser,
    /// A browser that signed in with a token.
    BrowserOf {
        name: String,
        role: Role,
    },
}

impl Peer {
    /// In whose name a change is made.
    ///
    /// # Errors
    /// Nobody is known.
    pub(crate) fn actor(&self) -> Result<Actor, Refusal> {
        match &self.who {
            Who::Socket { uid } => Ok(Actor::User { uid: *uid }),
            Who::Token { name, .. } | Who::BrowserOf { name, .. } => {
                Ok(Actor::Token { name: name.clone() })
            }
            Who::Browser => Ok(Actor::Browser),
            Who::Nobody => {
                Err(unknown("whoever asks over TCP without signing in may not change anything"))
            }
        }
    }

    /// What they may do; none: they are not known.
    pub(crate) fn role(&self) -> Option<Role> {
        match &self.who {
            Who::Nobody => None,
            Who::Socket { .. } | Who::Browser => Some(Role::Admin),
            Who::Token { role, .. } | Who::BrowserOf { role, .. } => Some(*role),
        }
    }

    /// Whether they came in with a cookie, which browsers send whoever's script asks.
    fn is_browser(&self) -> bool {
        matches!(self.who, Who::Browser | Who::BrowserOf { .. })
    }

    fn is_socket(&self) -> bool {
        matches!(self.who, Who::Socket { .. })
    }
}

fn unknown(message: &str) -> Refusal {
    Refusal::unauthorized(
        message,
        "sign the browser in with the link of `hale open`, send `Authorization: Bearer` with a token of \
         `hale token create`, or use the `hale` command or the socket hale.sock as the user the agent \
         runs as",
    )
}

/// Everything that stands between a request and its route.
pub(crate) async fn guard(
    State(doors): State<Arc<Doors>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if !wording::is_text(parts.uri.path()) {
        let why = "the address is not UTF-8 after its `%` are resolved";
        return Refusal::bad_request(why, "ids are as `hale incidents list` shows them")
            .into_response();
    }
    let Some(link) = parts.extensions.get::<Link>().copied() else {
        let error = ApiError::new(ErrorKind::Failed, "the connection has no known peer");
        return Refusal::from(error).into_response();
    };
    match admit(&doors, link, &parts).await {
        Ok(peer) => {
            parts.extensions.insert(peer);
            let may_be_slow = !is_safe(&parts.method) && matches!(link, Link::Tcp { .. });
            let body = if may_be_slow { in_time(body) } else { body };
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn admit(doors: &Doors, link: Link, request: &Parts) -> Result<Peer, Refusal> {
    let (remote, is_exposed) = match link {
        Link::Unix { uid } => return Ok(Peer { who: Who::Socket { uid } }),
        Link::Tcp { remote, is_exposed, .. } => (caller_of(remote.ip()), is_exposed),
    };
    let headers = &request.headers;
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > LIMIT_HEADERS_BYTES {
        return Err(Refusal::headers_too_large(
            &format!("the request's headers are over {LIMIT_HEADERS_BYTES} bytes"),
            "send fewer or shorter ones; deleting this site's cookies may help",
        ));
    }
    check_origin(doors, link, request)?;
    let path = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let need = path.map_or(Need::Open, |path| rules::need(&request.method, path));
    let now = Instant::now();
    // On this machine all share one address, and watchers have a limit of their own: who opens
    // stream after stream does not use up what others may ask.
    let is_own_stream = !is_exposed && path == Some(STREAM_PATH);
    if need != Need::Webhook && need != Need::Signed && !is_own_stream {
        doors.limit_address(remote, is_exposed, now)?;
    }
    let shown = bearer(headers)?;
    if need == Need::Webhook && doors.admits_webhook(shown) {
        return Ok(Peer { who: Who::Nobody });
    }
    let peer = Peer { who: identify(doors, link, headers, shown, now).await? };
    if peer.is_browser() && !is_safe(&request.method) && headers.get(header::ORIGIN).is_none() {
        return Err(Refusal::forbidden(
            "a signed-in browser's request says which page it comes from; this one does not",
            "send the Origin header, or use a token instead of the cookie",
        ));
    }
    if let Err(refusal) = judge(doors, need, &peer, is_exposed) {
        if matches!(need, Need::Write | Need::Administer) && !is_safe(&request.method) {
            let wish = format!("{} {}", request.method, request.uri.path());
            doors.record_refusal((peer.actor().ok(), remote), wish, &refusal, now).await;
        }
        return Err(refusal);
    }
    Ok(peer)
}

/// Whether this caller may have what it asks for.
fn judge(doors: &Doors, need: Need, peer: &Peer, is_exposed: bool) -> Result<(), Refusal> {
    let least = match need {
        Need::Open | Need::Signed => return Ok(()),
        Need::Socket if peer.is_socket() => return Ok(()),
        Need::Socket => {
            return Err(unknown(
                "this is for hale's own commands, over the socket hale.sock alone",
            ));
        }
        Need::Read if !is_exposed => return Ok(()),
        Need::Webhook if !is_exposed && !doors.wants_webhook_token() => return Ok(()),
        Need::Read => Role::Viewer,
        Need::Webhook | Need::Write => Role::Operator,
        Need::Administer => Role::Admin,
    };
    match peer.role() {
        Some(role) if role >= least => Ok(()),
        Some(role) => Err(Refusal::forbidden(
            &format!("this takes the role {least}; the token's is {role}"),
            "`hale token create NAME --role ROLE` makes another one",
        )),
        None if need == Need::Webhook => Err(Refusal::unauthorized(
            "webhooks have to show a token",
            "send `Authorization: Bearer` with `[server] webhook_token`, or a token of the role operator",
        )),
        None if need == Need::Read => {
            Err(unknown("from other machines nothing is shown without a token"))
        }
        None => Err(unknown("whoever asks over TCP without signing in may not change anything")),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What stands behind `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let wrong = || {
        Refusal::bad_request(
            "the Authorization header is not understood",
            "send one: `Authorization: Bearer hale_…`",
        )
    };
    if all.next().is_some() || value.len() > LIMIT_AUTHORIZATION_BYTES {
        return Err(wrong());
    }
    bearer_of(value.to_str().map_err(|_| wrong())?).map(Some).ok_or_else(wrong)
}

/// The token in the value of an `Authorization` header (RFC 6750 §2.1).
pub(crate) fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let plain = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && plain).then_some(token)
}

/// The values of the cookies of this name, in a `Cookie` header (RFC 6265 §5.4).
pub(crate) fn cookies<'h>(value: &'h str, name: &str) -> Vec<&'h str> {
    value
        .split(';')
        .take(LIMIT_COOKIES)
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value.trim_matches('"'))
        .collect()
}

/// The words that this browser shows as its session's.
pub(crate) fn session_words(headers: &HeaderMap, link: Link) -> Vec<&str> {
    let Link::Tcp { local, is_tls, .. } = link else { return Vec::new() };
    let name = cookie_name(local, is_tls);
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| cookies(value, &name)).collect()
}

/// Cookies know no ports: a second hale on this machine has a name of its own. `__Host-` has browsers
/// hold it to this host and to encryption.
pub(crate) fn cookie_name(local: SocketAddr, is_tls: bool) -> String {
    let port = local.port();
    if is_tls { format!("__Host-hale-{port}") } else { format!("hale-{port}") }
}

async fn identify(
    doors: &Doors,
    link: Link,
    headers: &HeaderMap,
    shown: Option<&str>,
    now: Instant,
) -> Result<Who, Refusal> {
    let Link::Tcp { remote, .. } = link else { return Ok(Who::Nobody) };
    if let Some(shown) = shown {
        let remote = caller_of(remote.ip());
        let holder = match Token::parse(shown) {
            Some(token) => doors.holder_of(token.id(), &token.digest()).await?,
            None => None,
        };
        let Some(Identity { name, role }) = holder else {
            // After the look: many share an address, and one that guesses locks no valid token out.
            doors.limit_failures(remote, now)?;
            doors.count_failure(remote, now);
            return Err(Refusal::unauthorized(
                "this token opens nothing: it is wrong, expired or revoked",
                "`hale token list` shows which are valid; `hale token create` makes one",
            ));
        };
        doors.limit_token(&name, now)?;
        return Ok(Who::Token { name, role });
    }
    for word in session_words(headers, link) {
        match doors.session(word, now).await? {
            Some((None, _)) => return Ok(Who::Browser),
            Some((Some(Identity { name, role }), _)) => return Ok(Who::BrowserOf { name, role }),
            None => {}
        }
    }
    Ok(Who::Nobody)
}

/// A body that comes too slowly is cut off: a change may take minutes, its request may not.
fn in_time(body: Body) -> Body {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(LIMIT_BODY_SECS);
    let chunks = body.into_data_stream();
    Body::from_stream(futures::stream::unfold(Some(chunks), move |chunks| async move {
        let mut chunks = chunks?;
        match tokio::time::timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(chunks))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => {
                let late = format!("the body did not come within {LIMIT_BODY_SECS} s");
                Some((Err(axum::Error::new(std::io::Error::other(late))), None))
            }
        }
    }))
}

/// Refuses requests that name another host (DNS rebinding) or come from another page (CSRF).
fn check_origin(doors: &Doors, link: Link, request: &Parts) -> Result<(), Refusal> {
    let Link::Tcp { local, is_tls, is_exposed, .. } = link else { return Ok(()) };
    let headers = &request.headers;
    let authority = request.uri.authority().map(|a| a.as_str());
    let mut hosts =
        headers.get_all(header::HOST).iter().map(|h| h.to_str().ok()).chain(authority.map(Some));
    let Some(Some(host)) = hosts.next() else {
        return Err(Refusal::bad_request("the Host header is missing", "send one"));
    };
    if hosts.any(|other| other.is_none_or(|other| !other.eq_ignore_ascii_case(host))) {
        return Err(Refusal::bad_request("the request names two hosts", "send one Host header"));
    }
    let scheme = if is_tls { "https" } else { "http" };
    let names: &[String] = if is_exposed { doors.hosts() } else { &[] };
    if !names_this_listener(host, local, is_tls, names) {
        return Err(Refusal::misdirected(
            "the Host header names another host",
            &format!("ask for {scheme}://{local}, or add the name to `[server] hosts`"),
        ));
    }
    let own = format!("{scheme}://{host}");
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.any(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())) {
        return Err(Refusal::forbidden(
            "another page's scripts may not ask",
            "open the dashboard itself, or send no Origin header",
        ));
    }
    Ok(())
}

/// `localhost`, a loopback address, this end's own address or a configured name, with this end's port.
pub(crate) fn names_this_listener(
    host: &str,
    local: SocketAddr,
    is_tls: bool,
    names: &[String],
) -> bool {
    let default_port = if is_tls { 443 } else { 80 };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, Some(default_port)),
    };
    let address: Option<IpAddr> =
        name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name).parse().ok();
    let ours = match address {
        Some(ip) => ip.is_loopback() || ip == local.ip().to_canonical(),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || names.iter().any(|known| name.eq_ignore_ascii_case(known))
        }
    };
    ours && port == Some(local.port())
}

/// The readers of what callers show, as a function of bytes, for `fuzz/`. Not for use.
///
/// # Panics
/// Where one breaks a promise of its own.
#[doc(hidden)]
pub fn fuzz_callers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(token) = bearer_of(&text) {
        assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
    }
    if let Some(token) = Token::parse(&text) {
        assert!(token.reveal() == text && token.digest() == token.digest());
    }
    for value in cookies(&text, "hale-7979") {
        assert!(!value.contains(';'));
    }
    let local = SocketAddr::from(([127, 0, 0, 1], 7979));
    if names_this_listener(&text, local, false, &[]) {
        assert!(text.contains("7979"));
    }
    let word = crate::sign_in::form_word(bytes);
    assert!(word.len() <= text.len() && !word.contains("code="));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_right_port_pass() {
        let local: SocketAddr = "127.0.0.1:7979".parse().unwrap();
        for (host, passes) in [
            ("127.0.0.1:7979", true),
            ("localhost:7979", true),
            ("LocalHost:7979", true),
            ("[::1]:7979", true),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("evil.example:7979", false),
            ("localhost.evil.example:7979", false),
            ("127.0.0.1.evil.example:7979", false),
            ("10.0.0.1:7979", false),
            ("[::1]", false),
            ("", false),
            (":7979", false),
            ("localhost:99999", false),
        ] {
            assert_eq!(names_this_listener(host, local, false, &[]), passes, "{host}");
        }
    }

    #[test]
    fn other_machines_ask_for_an_address_or_a_name_that_is_ours() {
        let local: SocketAddr = "[::ffff:10.0.0.1]:443".parse().unwrap();
        let names = ["box".to_owned(), "hale.example".to_owned()];
        for (host, passes) in [
            ("10.0.0.1", true),
            ("10.0.0.1:443", true),
            ("10.0.0.2", false),
            ("Box", true),
            ("hale.example", true),
            ("hale.example:80", false),
            ("evil.example", false),
        ] {
            assert_eq!(names_this_listener(host, local, true, &names), passes, "{host}");
        }
    }

    #[test]
    fn a_bearer_is_one_plain_word() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Bearer a\u{e9}", None),
            ("", None),
        ] {
            assert_eq!(bearer_of(value), token, "{value}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        for (value, found) in [
            ("hale-1=a", vec!["a"]),
            ("x=y; hale-1=a;hale-1=\"b\"; hale-11=c", vec!["a", "b"]),
            ("xhale-1=a; hale-1", vec![]),
            ("hale-1==", vec!["="]),
            (";;;=;", vec![]),
        ] {
            assert_eq!(cookies(value, "hale-1"), found, "{value}");
        }
    }
}
