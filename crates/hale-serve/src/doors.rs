//! The doors: what is remembered between requests about who comes in. Links and sessions of browsers,
//! how often each address and each token asks, who holds which token.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hale_model::action::Actor;
use hale_model::api::{Command, Query, View};
use hale_model::token::{Role, TokenDigest};

use crate::answer::{Refusal, unexpected_view};
use crate::limit::{Limiter, Rate};
use crate::routes::Shared;
use crate::sessions::{Holder, NoRandom, Sessions};

/// Requests of one address on this machine: programs that ask too eagerly, not enemies.
const LOCAL_RATE: Rate = Rate { per_sec: 1_000.0, burst: 4_000.0 };
/// Requests of one address of another machine.
const REMOTE_RATE: Rate = Rate { per_sec: 50.0, burst: 300.0 };
/// Requests with one token, from wherever.
const TOKEN_RATE: Rate = Rate { per_sec: 100.0, burst: 500.0 };
/// Wrong tokens and wrong links from one address. 256 bits are not guessed; this saves the work.
const FAILURE_RATE: Rate = Rate { per_sec: 0.2, burst: 20.0 };

/// Refused changes that are put on record, one address: who tries without end fills no disk.
const RECORD_RATE: Rate = Rate { per_sec: 0.1, burst: 20.0 };

/// Where the link signs a browser in.
pub(crate) const SIGN_IN_PATH: &str = "/signin";

/// What the doors are told once.
#[derive(Clone, Debug, Default)]
pub struct DoorSettings {
    /// Names under which browsers of other machines ask for this one.
    pub hosts: Vec<String>,
    /// What webhooks have to show; empty: on this machine nothing.
    pub webhook_token: String,
}

/// What is remembered about who comes in.
pub struct Doors {
    settings: DoorSettings,
    sessions: Sessions,
    addresses: Limiter<IpAddr>,
    strangers: Limiter<IpAddr>,
    failures: Limiter<IpAddr>,
    records: Limiter<IpAddr>,
    tokens: Limiter<String>,
    /// Who answers; set when serving begins.
    handle: OnceLock<Shared>,
    /// Where browsers find this hale; set when serving begins.
    address: OnceLock<(SocketAddr, &'static str)>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

/// Who holds a token.
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Doors {
    /// Doors that nobody has come through yet.
    pub fn new(settings: DoorSettings) -> Arc<Doors> {
        Arc::new(Doors {
            settings,
            sessions: Sessions::default(),
            addresses: Limiter::new(LOCAL_RATE),
            strangers: Limiter::new(REMOTE_RATE),
            failures: Limiter::new(FAILURE_RATE),
            records: Limiter::new(RECORD_RATE),
            tokens: Limiter::new(TOKEN_RATE),
            handle: OnceLock::new(),
            address: OnceLock::new(),
        })
    }

    /// A link that signs one browser in, once, within a quarter of an hour; none where hale does not
    /// listen for browsers.
    pub fn sign_in_link(&self, address: SocketAddr, is_tls: bool) -> Option<String> {
        let scheme = if is_tls { "https" } else { "http" };
        let word = self.sessions.new_link(Instant::now()).ok()?;
        Some(format!("{scheme}://{}{SIGN_IN_PATH}?code={word}", reachable(address)))
    }

    pub(crate) fn serve(&self, handle: Shared, address: Option<(SocketAddr, &'static str)>) {
        let _ = self.handle.set(handle);
        if let Some(address) = address {
            let _ = self.address.set(address);
        }
    }

    /// A link for `hale open`.
    pub(crate) fn link(&self) -> Result<String, Refusal> {
        let Some((address, scheme)) = self.address.get() else {
            return Err(Refusal::not_found(
                "the agent does not listen for browsers",
                "start it with --listen 127.0.0.1:7979, or set `[server] listen`",
            ));
        };
        let word = self.sessions.new_link(Instant::now()).map_err(no_random)?;
        Ok(format!("{scheme}://{}{SIGN_IN_PATH}?code={word}", reachable(*address)))
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.settings.hosts
    }

    pub(crate) fn wants_webhook_token(&self) -> bool {
        !self.settings.webhook_token.is_empty()
    }

    /// Whether this is what webhooks have to show. Compared by digest: how long it takes says nothing.
    pub(crate) fn admits_webhook(&self, shown: Option<&str>) -> bool {
        let wanted = &self.settings.webhook_token;
        let same = |shown: &str| blake3::hash(shown.as_bytes()) == blake3::hash(wanted.as_bytes());
        !wanted.is_empty() && shown.is_some_and(same)
    }

    pub(crate) fn limit_address(
        &self,
        address: IpAddr,
        is_exposed: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let limiter = if is_exposed { &self.strangers } else { &self.addresses };
        limiter.take(&address, 1.0, now).map_err(|secs| {
            Refusal::too_many(
                "this address asks too often",
                "ask again later; the stream tells news",
                secs,
            )
        })
    }

    pub(crate) fn limit_token(&self, name: &str, now: Instant) -> Result<(), Refusal> {
        self.tokens.take(&name.to_owned(), 1.0, now).map_err(|secs| {
            Refusal::too_many(
                "this token asks too often",
                "ask again later; the stream tells news",
                secs,
            )
        })
    }

    pub(crate) fn limit_failures(&self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.failures.look(&address, 1.0, now).map_err(|secs| {
            Refusal::too_many(
                "too many wrong tokens or links came from this address",
                "wait; `hale token list` shows which tokens are valid",
                secs,
            )
        })
    }

    pub(crate) fn count_failure(&self, address: IpAddr, now: Instant) {
        // Where the bucket is empty, it stays so.
        let _ = self.failures.take(&address, 1.0, now);
    }

    /// Puts on record that somebody may not change what they wanted to change.
    pub(crate) async fn record_refusal(
        &self,
        (who, address): (Option<Actor>, IpAddr),
        wish: String,
        refusal: &Refusal,
        now: Instant,
    ) {
        let Some(handle) = self.handle.get() else { return };
        if self.records.take(&address, 1.0, now).is_err() {
            return;
        }
        let who = match who {
            Some(actor) => format!("{actor} at {address}"),
            None => format!("unknown at {address}"),
        };
        let why = refusal.error().message.clone();
        let command = Command::RefusedCaller { who, wish, why };
        if let Err(error) = handle.command(command, Actor::Hale).await {
            tracing::warn!(%error, "a refused caller is not on record");
        }
    }

    /// Whose token this is, if it is valid now: asked each time, so that what is revoked ends at once.
    pub(crate) async fn holder_of(
        &self,
        id: &str,
        digest: &TokenDigest,
    ) -> Result<Option<Identity>, Refusal> {
        let Some(handle) = self.handle.get() else { return Ok(None) };
        let query = Query::TokenHolder { id: id.to_owned(), digest: digest.clone() };
        let View::TokenHolder(holder) = handle.query(query).await? else {
            return Err(unexpected_view());
        };
        Ok(holder.map(|token| Identity { name: token.name, role: token.role }))
    }

    /// Signs a browser in with the word of a link: the word of its session.
    pub(crate) fn sign_in_by_link(
        &self,
        word: &str,
        now: Instant,
    ) -> Result<Option<String>, Refusal> {
        if !self.sessions.use_link(word, now) {
            return Ok(None);
        }
        self.sessions.begin(Holder::Owner, now).map(Some).map_err(no_random)
    }

    /// Signs a browser in with a token that was found valid.
    pub(crate) fn sign_in_by_token(
        &self,
        id: &str,
        digest: &TokenDigest,
        now: Instant,
    ) -> Result<String, Refusal> {
        let holder = Holder::Token { id: id.to_owned(), digest: digest.clone() };
        self.sessions.begin(holder, now).map_err(no_random)
    }

    /// Whose session this is (none: the owner's), and the seconds it still lasts.
    pub(crate) async fn session(
        &self,
        word: &str,
        now: Instant,
    ) -> Result<Option<(Option<Identity>, u64)>, Refusal> {
        match self.sessions.holder(word, now) {
            None => Ok(None),
            Some((Holder::Owner, secs)) => Ok(Some((None, secs))),
            Some((Holder::Token { id, digest }, secs)) => {
                Ok(self.holder_of(&id, &digest).await?.map(|identity| (Some(identity), secs)))
            }
        }
    }

    /// Ends a session.
    pub(crate) fn sign_out(&self, word: &str) -> bool {
        self.sessions.end(word)
    }
}

/// An address that a browser on this machine can ask for.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn no_random(_: NoRandom) -> Refusal {
    Refusal::from(hale_model::api::ApiError::new(
        hale_model::api::ErrorKind::Failed,
        "the system gives no random numbers",
    ))
}
