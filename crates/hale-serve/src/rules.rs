//! What each route takes of whoever asks: one table. A route that is not in it reads if it is a GET, and
//! else takes an operator.

use axum::http::Method;

use crate::dashboard;
use crate::doors::SIGN_IN_PATH;
use crate::rpc::RPC_PATH;

/// What a caller must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anyone: nothing of the machine is shown.
    Open,
    /// On this machine anyone, from others the role viewer.
    Read,
    /// The role operator.
    Write,
    /// The role admin.
    Administer,
    /// On this machine anyone unless `[server] webhook_token` is set, which opens it alone; else the
    /// role operator.
    Webhook,
    /// Anyone whose body is signed with a secret that the route knows, and checks itself.
    Signed,
    /// Only hale's own commands, over the unix socket.
    Socket,
}

/// Where browsers are given links: `hale open`.
pub(crate) const LINKS_PATH: &str = "/api/v1/signin-links";
/// Who this browser is.
pub(crate) const SESSION_PATH: &str = "/api/v1/session";
/// Signing out.
pub(crate) const SESSION_END_PATH: &str = "/api/v1/session/end";
/// API tokens.
pub(crate) const TOKENS_PATH: &str = "/api/v1/tokens";
/// The end of one.
pub(crate) const TOKEN_REVOKE_PATH: &str = "/api/v1/tokens/{name}/revoke";

const RULES: &[(&str, &str, Need)] = &[
    ("GET", "/healthz", Need::Open),
    ("GET", SIGN_IN_PATH, Need::Open),
    ("POST", SIGN_IN_PATH, Need::Open),
    ("GET", SESSION_PATH, Need::Open),
    ("POST", SESSION_END_PATH, Need::Open),
    ("POST", LINKS_PATH, Need::Socket),
    ("POST", RPC_PATH, Need::Socket),
    ("GET", TOKENS_PATH, Need::Administer),
    ("POST", TOKENS_PATH, Need::Administer),
    ("POST", TOKEN_REVOKE_PATH, Need::Administer),
    ("POST", "/webhook", Need::Webhook),
    ("POST", "/api/v1/webhooks/alertmanager", Need::Webhook),
    ("POST", "/api/v1/webhooks/grafana", Need::Webhook),
    ("POST", "/api/v1/webhooks/github", Need::Signed),
    ("POST", "/api/v1/webhooks/slack", Need::Signed),
];

/// What this route takes.
pub(crate) fn need(method: &Method, path: &str) -> Need {
    // HEAD is GET without the answer's body.
    let name = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let rule = RULES.iter().find(|(known, at, _)| *known == name && *at == path);
    match rule {
        Some((_, _, need)) => *need,
        None if name != "GET" => Need::Write,
        None if is_dashboard(path) => Need::Open,
        None => Need::Read,
    }
}

/// The dashboard itself holds nothing of the machine: it asks for that, with the browser's cookie.
fn is_dashboard(path: &str) -> bool {
    dashboard::PAGES.contains(&path)
        || dashboard::FILES.contains(&path)
        || path.starts_with("/assets/")
}
