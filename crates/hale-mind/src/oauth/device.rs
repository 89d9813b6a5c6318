//! A sign-in with a browser on another machine (RFC 8628): a short code is shown here, typed there, and
//! meanwhile the server is asked, no oftener than it wants, whether that has happened.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::endpoint::{self, Tokens};
use super::{OauthClient, OauthError, SignedIn};

const ASKING: &str = "asking for a code";
const WAITING: &str = "waiting for the sign-in";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 8628 §3.2, where the server says nothing.
const INTERVAL_SECS_DEFAULT: u64 = 5;
/// What `slow_down` adds (§3.5).
const SLOW_DOWN_SECS: u64 = 5;
const INTERVAL_SECS_MAX: u64 = 60;
/// However long the server's code is good.
const WAIT_SECS_MAX: u64 = 1800;

/// What a person must see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Typed into the page.
    pub user_code: String,
    /// The page.
    pub url: String,
    /// For how long the code is good, in seconds.
    pub expires_in_secs: u64,
}

/// A sign-in that waits for a person elsewhere.
pub struct Device {
    shown: Shown,
    device_code: SecretString,
    interval_secs: u64,
    second: Duration,
}

#[derive(Deserialize)]
struct Answer {
    device_code: String,
    user_code: String,
    // Google's name, and that of the RFC.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

impl Device {
    /// Asks for a code.
    ///
    /// # Errors
    /// The server cannot be reached, or gives none.
    pub async fn begin(client: &OauthClient) -> Result<Device, OauthError> {
        let form = [("client_id", client.id.as_str()), ("scope", client.scope.as_str())];
        let answer: Answer = match endpoint::post(&client.device_url, &form, ASKING).await {
            Err(OauthError::Refused { code, .. }) if code == "invalid_scope" => {
                return Err(OauthError::NotForDevices);
            }
            other => other?,
        };
        let printable =
            |text: &str| hale_model::text::shorten(&hale_model::text::printable(text), 200);
        Ok(Device {
            shown: Shown {
                user_code: printable(&answer.user_code),
                url: printable(&answer.verification_uri),
                expires_in_secs: answer.expires_in.min(WAIT_SECS_MAX),
            },
            device_code: SecretString::from(answer.device_code),
            interval_secs: answer
                .interval
                .unwrap_or(INTERVAL_SECS_DEFAULT)
                .clamp(1, INTERVAL_SECS_MAX),
            second: Duration::from_secs(1),
        })
    }

    /// With seconds of another length, for whoever cannot wait.
    #[must_use]
    pub fn with_second(mut self, second: Duration) -> Device {
        self.second = second;
        self
    }

    /// What to show.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Waits until the person has signed in.
    ///
    /// # Errors
    /// The person declined or did nothing, or the server gives no token.
    pub async fn finish(mut self, client: &OauthClient) -> Result<SignedIn, OauthError> {
        let secs = self.shown.expires_in_secs;
        let limit = u32::try_from(secs).unwrap_or(u32::MAX);
        let deadline = Instant::now() + self.second * limit;
        let mut form = vec![
            ("grant_type", GRANT),
            ("client_id", client.id.as_str()),
            ("device_code", self.device_code.expose_secret()),
        ];
        if let Some(secret) = &client.secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        loop {
            let pause = self.second * u32::try_from(self.interval_secs).unwrap_or(u32::MAX);
            if Instant::now() + pause > deadline {
                return Err(OauthError::TimedOut { secs });
            }
            sleep(pause).await;
            match endpoint::post::<Tokens>(&client.token_url, &form, WAITING).await {
                Ok(tokens) => return tokens.signed_in(client, WAITING),
                Err(OauthError::Refused { code, .. }) if code == "authorization_pending" => {}
                Err(OauthError::Refused { code, .. }) if code == "slow_down" => {
                    self.interval_secs =
                        (self.interval_secs + SLOW_DOWN_SECS).min(INTERVAL_SECS_MAX);
                }
                Err(OauthError::Refused { code, .. }) if code == "expired_token" => {
                    return Err(OauthError::TimedOut { secs });
                }
                // §3.5: a server that does not answer is asked less often.
                Err(OauthError::Unreachable { .. }) => {
                    self.interval_secs = (self.interval_secs * 2).min(INTERVAL_SECS_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
