//! Who asks, and whether a browser was tricked into asking.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hale_model::action::Actor;
use hale_model::api::{ApiError, ErrorKind};

use crate::answer::Refusal;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Someone on this machine, unknown who, through a listener at this address.
    Tcp {
        /// The listener's own address.
        local: SocketAddr,
    },
    /// This user, told by the kernel.
    Unix {
        /// User id.
        uid: u32,
    },
}

impl Peer {
    /// In whose name a change is made.
    ///
    /// # Errors
    /// Over TCP nobody is known.
    pub(crate) fn actor(self) -> Result<Actor, Refusal> {
        match self {
            Peer::Unix { uid } => Ok(Actor::User { uid }),
            Peer::Tcp { .. } => Err(Refusal::unauthorized(
                "whoever asks over TCP may read, but not change anything",
                "use the `hale` command, or the socket hale.sock in the data directory, as the \
                 user the agent runs as",
            )),
        }
    }
}

/// Refuses requests over TCP that name another host (DNS rebinding) or come from another page.
pub(crate) async fn check_browser(request: Request, next: Next) -> Response {
    let local = match request.extensions().get::<Peer>() {
        Some(Peer::Unix { .. }) => return next.run(request).await,
        Some(Peer::Tcp { local }) => *local,
        None => {
            let error = ApiError::new(ErrorKind::Failed, "the connection has no known peer");
            return Refusal::from(error).into_response();
        }
    };
    let authority = request.uri().authority().map(|a| a.as_str().to_owned());
    match check_headers(request.headers(), authority.as_deref(), local) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check_headers(
    headers: &HeaderMap,
    authority: Option<&str>,
    local: SocketAddr,
) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|h| h.to_str().ok());
    let Some(host) = host else {
        return Err(Refusal::bad_request("the Host header is missing", "send one"));
    };
    let others = hosts.filter_map(|h| h.to_str().ok()).chain(authority);
    if others.into_iter().any(|other| !other.eq_ignore_ascii_case(host)) {
        return Err(Refusal::bad_request("the request names two hosts", "send one Host header"));
    }
    if !names_this_listener(host, local) {
        return Err(Refusal::misdirected(
            "the Host header names another host",
            &format!("ask for http://{local}"),
        ));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.any(|o| !o.as_bytes().eq_ignore_ascii_case(format!("http://{host}").as_bytes())) {
        return Err(Refusal::forbidden(
            "another page's scripts may not ask",
            "open the dashboard itself, or send no Origin header",
        ));
    }
    Ok(())
}

/// `localhost`, a loopback address or the listener's own one, with the listener's port.
fn names_this_listener(host: &str, local: SocketAddr) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    let address: Option<IpAddr> =
        name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name).parse().ok();
    let ours = match address {
        Some(ip) => ip.is_loopback() || ip == local.ip(),
        None => name.eq_ignore_ascii_case("localhost"),
    };
    ours && port == Some(local.port())
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
            assert_eq!(names_this_listener(host, local), passes, "{host}");
        }
    }
}
