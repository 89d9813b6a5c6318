//! The access token of a sign-in, in memory: fetched when it is first needed, renewed in the background
//! before it ends, given up with a reason when the refresh token is no longer taken.

use std::sync::Arc;

use hale_model::Timestamp;
use hale_model::config::{AiProvider, ProviderKind};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::endpoint::{self, Tokens};
use super::{Kept, OauthError, SIGN_IN_NAME, safe};
use crate::keys::{KeyError, Keys, Place};

const REFRESHING: &str = "renewing the Google sign-in";
/// A token with less left than this is renewed while it is still used.
const RENEW_SECS_BEFORE: i64 = 300;
/// One with less left than this is not used any more.
const SPENT_SECS_BEFORE: i64 = 30;
/// After a failure nobody is asked for so long.
const RETRY_SECS: i64 = 60;

#[derive(Default)]
pub(crate) struct Session {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    access: Option<(SecretString, Timestamp)>,
    is_renewing: bool,
    failed: Option<(OauthError, Timestamp)>,
}

/// What is known of a sign-in without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInState {
    /// There is none.
    Absent,
    /// There is one, kept here; as far as known it is good.
    Kept(Place),
    /// There is one, and renewing it failed a moment ago.
    Failing(OauthError),
}

impl Keys {
    /// Whether somebody is signed in to Google, and how the last renewal went.
    ///
    /// # Errors
    /// A place that might hold the sign-in cannot be read.
    pub async fn sign_in_state(&self) -> Result<SignInState, KeyError> {
        let Some((_, place)) = self.find(SIGN_IN_NAME).await? else {
            return Ok(SignInState::Absent);
        };
        let state = self.session.state.lock().await;
        Ok(match &state.failed {
            Some((error, _)) => SignInState::Failing(error.clone()),
            None => SignInState::Kept(place),
        })
    }

    /// The sign-in that serves this provider.
    pub(crate) async fn sign_in_of(&self, provider: &AiProvider) -> SignInState {
        if provider.provider != ProviderKind::Gemini || !provider.base_url.is_empty() {
            return SignInState::Absent;
        }
        // A place that cannot be read is told of when the API key is looked for.
        self.sign_in_state().await.unwrap_or(SignInState::Absent)
    }

    /// Forgets the sign-in. Says where it was kept.
    ///
    /// # Errors
    /// A place that holds it does not let it go.
    pub async fn sign_out(&self) -> Result<Vec<Place>, KeyError> {
        *self.session.state.lock().await = State::default();
        self.remove(SIGN_IN_NAME).await
    }

    /// An access token for Google, fetched or renewed where that is needed. None: nobody is signed in.
    ///
    /// # Errors
    /// Somebody is, and no token is to be had.
    pub async fn google_token(&self, now: Timestamp) -> Result<Option<SecretString>, OauthError> {
        let mut state = self.session.state.lock().await;
        if let Some((token, until)) = &state.access {
            let left_secs = until.as_second() - now.as_second();
            if left_secs > SPENT_SECS_BEFORE {
                let token = token.clone();
                let is_due = left_secs < RENEW_SECS_BEFORE && may_try(&state, now);
                if is_due && !state.is_renewing {
                    state.is_renewing = true;
                    let keys = self.clone();
                    tokio::spawn(async move {
                        let renewed = keys.renewed(now).await;
                        let mut state = keys.session.state.lock().await;
                        state.is_renewing = false;
                        state.settle(renewed, now);
                    });
                }
                return Ok(Some(token));
            }
        }
        if let Some((error, _)) = state.failed.as_ref().filter(|_| !may_try(&state, now)) {
            return Err(error.clone());
        }
        // Whoever else needs a token meanwhile waits for this one.
        let renewed = self.renewed(now).await;
        let result = match &renewed {
            Ok(Some((token, _))) => Ok(Some(token.clone())),
            Ok(None) => Ok(None),
            Err(error) => Err(error.clone()),
        };
        state.settle(renewed, now);
        result
    }

    /// For a provider: a token goes to Google's own address only.
    pub(crate) async fn token_for(
        &self,
        provider: &AiProvider,
        now: Timestamp,
    ) -> Option<SecretString> {
        if provider.provider != ProviderKind::Gemini || !provider.base_url.is_empty() {
            return None;
        }
        match self.google_token(now).await {
            Ok(token) => token,
            Err(error) => {
                tracing::info!("the sign-in is passed over: {error}; {}", error.hint());
                None
            }
        }
    }

    /// A new access token for the kept refresh token.
    async fn renewed(
        &self,
        now: Timestamp,
    ) -> Result<Option<(SecretString, Timestamp)>, OauthError> {
        let Some((sealed, place)) = self.find(SIGN_IN_NAME).await.map_err(OauthError::Unkept)?
        else {
            return Ok(None);
        };
        let kept: Kept = serde_json::from_str(sealed.expose_secret()).map_err(|_| {
            let why = format!("what is kept in {place} as {SIGN_IN_NAME} is no sign-in");
            OauthError::Garbage { operation: REFRESHING, why }
        })?;
        let url = safe(&kept.token_url, "token_url")?;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", kept.refresh_token.as_str()),
            ("client_id", kept.client_id.as_str()),
        ];
        if let Some(secret) = &kept.client_secret {
            form.push(("client_secret", secret.as_str()));
        }
        let tokens: Tokens = match endpoint::post(&url, &form, REFRESHING).await {
            Err(OauthError::Refused { code, .. }) if code == "invalid_grant" => {
                return Err(OauthError::Ended);
            }
            other => other?,
        };
        let access = tokens.access_token(REFRESHING)?;
        let until = jiff::SignedDuration::from_secs(tokens.lifetime_secs() as i64);
        let until = now.checked_add(until).unwrap_or(now);
        // A server may give a new refresh token, and then takes the old one no more (RFC 6749 §6).
        if let Some(refresh_token) = tokens.refresh_token.filter(|new| *new != kept.refresh_token) {
            let sealed = Kept { refresh_token, ..kept }.sealed(REFRESHING)?;
            self.store(SIGN_IN_NAME, &sealed).await.map_err(OauthError::Unkept)?;
        }
        Ok(Some((access, until)))
    }
}

/// Not right after a failure.
fn may_try(state: &State, now: Timestamp) -> bool {
    state.failed.as_ref().is_none_or(|(_, at)| now.as_second() - at.as_second() >= RETRY_SECS)
}

impl State {
    fn settle(
        &mut self,
        renewed: Result<Option<(SecretString, Timestamp)>, OauthError>,
        now: Timestamp,
    ) {
        match renewed {
            Ok(access) => {
                self.access = access;
                self.failed = None;
            }
            Err(error) => self.failed = Some((error, now)),
        }
    }
}

/// Shared by all that clone the keys.
pub(crate) type SharedSession = Arc<Session>;
