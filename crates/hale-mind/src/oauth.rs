//! Signing in to Google (OAuth 2.0, RFC 6749 and RFC 8252) instead of a key for Gemini: with a browser on
//! this machine ([`Loopback`], with PKCE, RFC 7636), or with one elsewhere ([`Device`], RFC 8628). What
//! lasts, the refresh token, is kept where keys are; access tokens live in memory only
//! ([`crate::keys::Keys`] renews them when they are used).
//!
//! Own code instead of a crate: see docs/decisions/0007-own-oauth-client.md. hale ships no OAuth client:
//! whoever signs in brings one.

mod device;
mod endpoint;
mod loopback;
mod pkce;
pub(crate) mod session;

use hale_model::config::Google;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::keys::{KeyError, Keys, Place};
pub use device::{Device, Shown};
pub use loopback::{Loopback, SIGN_IN_SECS_MAX};
pub use session::SignInState;

/// Name under which the id of the OAuth client is looked for, where the config holds none.
pub const CLIENT_ID_NAME: &str = "HALE_GOOGLE_CLIENT_ID";
/// Name under which the secret of the OAuth client is looked for.
pub const CLIENT_SECRET_NAME: &str = "HALE_GOOGLE_CLIENT_SECRET";
/// Name under which the sign-in itself is kept.
pub const SIGN_IN_NAME: &str = "HALE_GOOGLE_SIGN_IN";

/// What can go wrong with a sign-in. Never holds a token, a code or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OauthError {
    /// No client id anywhere.
    #[error("no OAuth client is configured, and hale ships none")]
    NoClient,
    /// An endpoint of the configuration is no safe address.
    #[error("[ai.google] {key}: this is no https:// address")]
    UnsafeUrl {
        /// Which one.
        key: &'static str,
    },
    /// The person said no.
    #[error("the sign-in was declined")]
    Denied,
    /// The browser came back with an answer that belongs to another sign-in, or to nobody's.
    #[error("the answer in the browser belongs to another sign-in; nothing of it was used")]
    WrongState,
    /// Nobody signed in in time.
    #[error("nobody signed in within {secs} s")]
    TimedOut {
        /// How long was waited.
        secs: u64,
    },
    /// The authorization server does not let devices ask for this.
    #[error("the server does not grant this scope to a device without a browser")]
    NotForDevices,
    /// The refresh token is no longer taken: withdrawn, expired, or the password was changed.
    #[error("the Google sign-in has ended: it was withdrawn or has expired")]
    Ended,
    /// The server said no, in its words.
    #[error("{operation}: the server refuses ({code}){description}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// `invalid_client`
        code: String,
        /// With a colon before it; may be empty.
        description: String,
    },
    /// No connection, no answer in time, or a failing server.
    #[error("{operation}: {why}")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// What was seen.
        why: String,
    },
    /// The answer cannot be read.
    #[error("{operation}: the answer cannot be read: {why}")]
    Garbage {
        /// What was tried.
        operation: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No port to hear the browser on.
    #[error("cannot listen on 127.0.0.1:{port}: {why}")]
    Listen {
        /// The port; 0: any.
        port: u16,
        /// The system's word.
        why: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
    /// The place of the keys.
    #[error("the sign-in cannot be kept: {0}")]
    Unkept(KeyError),
}

impl OauthError {
    /// The next step.
    pub fn hint(&self) -> &'static str {
        match self {
            OauthError::NoClient => {
                "make one of type \"Desktop app\" at https://console.cloud.google.com/auth/clients in a project with the Generative Language API, \
                 then: hale setup --google-client-id ID --yes, and HALE_GOOGLE_CLIENT_SECRET in the environment or `hale login --client-secret-stdin`; \
                 or use an API key instead: hale setup --provider gemini"
            }
            OauthError::UnsafeUrl { .. } => "correct it with `hale config edit`",
            OauthError::Denied | OauthError::TimedOut { .. } | OauthError::WrongState => {
                "run `hale login` again"
            }
            OauthError::NotForDevices => {
                "sign in through a browser elsewhere: on that machine `ssh -L 8085:127.0.0.1:8085 THIS_MACHINE`, here `hale login --port 8085`, and open the address it prints"
            }
            OauthError::Ended => "sign in again with `hale login`, or set GEMINI_API_KEY",
            OauthError::Refused { code, .. } if code == "invalid_client" => {
                "check the client's id and its secret (HALE_GOOGLE_CLIENT_SECRET)"
            }
            OauthError::Refused { .. } | OauthError::Garbage { .. } => {
                "check the OAuth client in the console, then run `hale login` again"
            }
            OauthError::Unreachable { .. } => "check the network, then try again",
            OauthError::Listen { .. } => "name a free port with --port, or use --device",
            OauthError::NoRandom => "check /dev/urandom",
            OauthError::Unkept(_) => "correct that, then run `hale login` again",
        }
    }
}

/// Who asks, and where: the OAuth client and the endpoints.
#[derive(Clone)]
pub struct OauthClient {
    id: String,
    secret: Option<SecretString>,
    scope: String,
    auth_url: Url,
    token_url: Url,
    device_url: Url,
}

impl OauthClient {
    /// From the configuration, and the environment or the keys beside it.
    ///
    /// # Errors
    /// No client is configured, an endpoint is unsafe, or a place of keys cannot be read.
    pub async fn find(google: &Google, keys: &Keys) -> Result<OauthClient, OauthError> {
        let kept =
            async |name| Ok(keys.find(name).await.map_err(OauthError::Unkept)?.map(|(k, _)| k));
        let id = match google.client_id.trim() {
            "" => kept(CLIENT_ID_NAME).await?.map(|id| id.expose_secret().to_owned()),
            id => Some(id.to_owned()),
        };
        Ok(OauthClient {
            id: id.ok_or(OauthError::NoClient)?,
            secret: kept(CLIENT_SECRET_NAME).await?,
            scope: google.scope.clone(),
            auth_url: safe(&google.auth_url, "auth_url")?,
            token_url: safe(&google.token_url, "token_url")?,
            device_url: safe(&google.device_url, "device_url")?,
        })
    }
}

/// Tokens travel over TLS, or do not leave the machine.
fn safe(text: &str, key: &'static str) -> Result<Url, OauthError> {
    let url = Url::parse(text).map_err(|_| OauthError::UnsafeUrl { key })?;
    if url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url) {
        Ok(url)
    } else {
        Err(OauthError::UnsafeUrl { key })
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a sign-in gives and is worth keeping. Its first access token is not: whoever asks a model gets one
/// for what is kept.
pub struct SignedIn {
    kept: Kept,
}

/// What is kept of a sign-in: the refresh token is good only together with the client that got it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    pub(crate) refresh_token: String,
    pub(crate) token_url: String,
}

impl Kept {
    fn sealed(&self, operation: &'static str) -> Result<SecretString, OauthError> {
        let text = serde_json::to_string(self);
        let text = text.map_err(|e| OauthError::Garbage { operation, why: e.to_string() })?;
        Ok(SecretString::from(text))
    }
}

impl SignedIn {
    /// Keeps it where keys are kept. Says where.
    ///
    /// # Errors
    /// No place takes it.
    pub async fn keep(&self, keys: &Keys) -> Result<Place, OauthError> {
        let sealed = self.kept.sealed("keeping the sign-in")?;
        keys.store(SIGN_IN_NAME, &sealed).await.map_err(OauthError::Unkept)
    }
}

/// Whether the head of a request brings a code to whoever waits with this state. For the fuzz target.
pub(crate) fn brings_code(head: &str, host: &str, state: &str) -> bool {
    loopback::brings_code(head, host, state)
}

/// Reads the answer of a token endpoint, success or error. For the fuzz target.
pub(crate) fn read_tokens(body: &[u8]) {
    for status in [200, 400, 503] {
        let _ = endpoint::read::<endpoint::Tokens>(status, body, "reading");
    }
}
