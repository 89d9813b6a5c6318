//! API tokens: made, listed, revoked, recognised; and what hale counts about itself.

use aws_lc_rs::rand;
use hale_model::Timestamp;
use hale_model::action::Actor;
use hale_model::api::{ApiError, ErrorKind, View};
use hale_model::metrics::MetricsView;
use hale_model::token::{
    Role, TOKEN_RANDOM_BYTES, Token, TokenCreated, TokenDigest, TokenView, check_token_name,
};
use hale_store::State;
use jiff::SignedDuration;
use serde_json::json;

use crate::core::Core;
use crate::desk::Desk;
use crate::telemetry::store_error;

type Result<T> = std::result::Result<T, ApiError>;

/// Tokens that are valid at once.
const VALID_TOKENS_MAX: usize = 200;

impl Core {
    /// Makes a token. The answer is the only place where it ever stands.
    pub(crate) fn create_token(
        &mut self,
        name: &str,
        role: Role,
        expires_in_secs: Option<u64>,
        actor: &Actor,
    ) -> Result<View> {
        check_token_name(name).map_err(|what| ApiError::new(ErrorKind::Usage, what))?;
        let now = Timestamp::now();
        let valid: Vec<TokenView> = self
            .state
            .tokens()
            .map_err(store_error)?
            .into_iter()
            .filter(|token| token.is_valid(now))
            .collect();
        if valid.iter().any(|token| token.name == name) {
            return Err(ApiError::new(ErrorKind::Usage, format!("there is a valid token {name}"))
                .hint(format!("`hale token revoke {name}` ends it; or choose another name")));
        }
        if valid.len() >= VALID_TOKENS_MAX {
            let message = format!("{VALID_TOKENS_MAX} tokens are valid already");
            return Err(ApiError::new(ErrorKind::Refused, message)
                .hint("`hale token revoke NAME` ends one"));
        }
        let mut random = [0; TOKEN_RANDOM_BYTES];
        rand::fill(&mut random).map_err(|_| {
            ApiError::new(ErrorKind::Failed, "the system gives no random numbers")
                .hint("check /dev/urandom")
        })?;
        let token = Token::new(&random);
        let view = TokenView {
            name: name.to_owned(),
            id: token.id().to_owned(),
            role,
            created_at: now,
            created_by: actor.to_string(),
            expires_at: expires_in_secs.map(|secs| ends(now, secs)).transpose()?,
            revoked_at: None,
        };
        self.state.put_token(&view, &token.digest()).map_err(store_error)?;
        let details = json!({ "role": role, "expires_at": view.expires_at, "id": view.id });
        self.audit(&actor.to_string(), "token.create", name, &details);
        Ok(View::TokenCreated(Box::new(TokenCreated { token: token.reveal().to_owned(), view })))
    }

    /// Ends a token at once.
    pub(crate) fn revoke_token(&mut self, name: &str, actor: &Actor) -> Result<View> {
        let ended = self.state.revoke_token(name, Timestamp::now()).map_err(store_error)?;
        if ended == 0 {
            return Err(ApiError::new(
                ErrorKind::NotFound,
                format!("there is no token {}", hale_model::text::printable(name)),
            )
            .hint("`hale token list` lists them"));
        }
        self.audit(&actor.to_string(), "token.revoke", name, &json!({}));
        Ok(View::Done(format!("the token {name} opens nothing any more")))
    }
}

fn ends(now: Timestamp, secs: u64) -> Result<Timestamp> {
    i64::try_from(secs)
        .ok()
        .filter(|secs| *secs > 0)
        .and_then(|secs| now.checked_add(SignedDuration::from_secs(secs)).ok())
        .ok_or_else(|| {
            ApiError::new(ErrorKind::Usage, format!("a token cannot last {secs} s"))
                .hint("give for example 30d")
        })
}

impl Desk {
    pub(crate) fn tokens(&self) -> Result<View> {
        Ok(View::Tokens(self.read_or(Vec::new(), State::tokens)?))
    }

    /// Whose token this is, if it is valid now.
    pub(crate) fn token_holder(&self, id: &str, digest: &TokenDigest) -> Result<View> {
        let found = self.read_or(None, |state| state.token(id))?;
        let now = Timestamp::now();
        let holder = found.filter(|(token, kept)| kept == digest && token.is_valid(now));
        Ok(View::TokenHolder(holder.map(|(token, _)| token)))
    }

    pub(crate) fn metrics(&self) -> Result<View> {
        let (health, events) = self.latest(|latest| {
            let health = latest.orientation.as_ref().map(|o| o.health.clone());
            (health, latest.events)
        });
        let now = Timestamp::now();
        Ok(View::Metrics(Box::new(MetricsView {
            started_at: self.agent_running.then_some(self.started_at),
            mode: self.settings.config.general.mode.as_str().to_owned(),
            paused: self.paused_until()?.is_some_and(|until| until > now),
            turns: self.latest(|latest| latest.turns),
            open_alerts: self.read_or(Vec::new(), State::tally_open_alerts)?,
            alerts: self.read_or(Vec::new(), State::tally_alerts)?,
            incidents: self.read_or(Vec::new(), State::tally_incidents)?,
            actions: self.read_or(Vec::new(), State::tally_actions)?,
            approvals_pending: self.approvals(false)?.len() as u64,
            repair: self.read_or(Default::default(), |s| s.repair_times(false))?,
            cured: self.read_or(Default::default(), |s| s.repair_times(true))?,
            health: health.into_iter().collect(),
            events,
        })))
    }
}
