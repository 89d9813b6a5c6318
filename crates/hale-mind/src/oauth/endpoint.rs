//! One form to an OAuth endpoint and its JSON answer, within limits; and what its errors mean.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Kept, OauthClient, OauthError, SignedIn, is_loopback};

/// Bytes of an answer; tokens have at most a few thousand.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// For a whole exchange.
const EXCHANGE_SECS_MAX: u64 = 20;
/// Lifetime of an access token that does not say.
const LIFETIME_SECS_DEFAULT: u64 = 3600;
/// Longest lifetime that is believed.
const LIFETIME_SECS_MAX: u64 = 86_400;

/// The success of a token endpoint (RFC 6749 §5.1).
#[derive(Deserialize)]
pub(super) struct Tokens {
    access_token: String,
    #[serde(default)]
    token_type: String,
    expires_in: Option<u64>,
    pub(super) refresh_token: Option<String>,
}

/// The error of one (§5.2).
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Tokens {
    /// For how long, in seconds, the access token is good.
    pub(super) fn lifetime_secs(&self) -> u64 {
        self.expires_in.unwrap_or(LIFETIME_SECS_DEFAULT).min(LIFETIME_SECS_MAX)
    }

    pub(super) fn access_token(&self, operation: &'static str) -> Result<SecretString, OauthError> {
        let is_bearer =
            self.token_type.is_empty() || self.token_type.eq_ignore_ascii_case("bearer");
        let fits = is_fit(&self.access_token);
        if is_bearer && fits {
            return Ok(SecretString::from(self.access_token.clone()));
        }
        let why = "it holds no bearer token".to_owned();
        Err(OauthError::Garbage { operation, why })
    }

    /// The first tokens of a sign-in: without a refresh token it would be over within the hour.
    pub(super) fn signed_in(
        self,
        client: &OauthClient,
        operation: &'static str,
    ) -> Result<SignedIn, OauthError> {
        self.access_token(operation)?;
        let Some(refresh_token) = self.refresh_token.filter(|token| is_fit(token)) else {
            let why = "it holds no refresh token".to_owned();
            return Err(OauthError::Garbage { operation, why });
        };
        let kept = Kept {
            client_id: client.id.clone(),
            client_secret: client.secret.as_ref().map(|s| s.expose_secret().to_owned()),
            refresh_token,
            token_url: client.token_url.to_string(),
        };
        Ok(SignedIn { kept })
    }
}

fn is_fit(token: &str) -> bool {
    !token.is_empty() && token.len() <= 8192 && token.bytes().all(|b| b.is_ascii_graphic())
}

/// Sends a form. The answer, or what the server's error means.
pub(super) async fn post<T: DeserializeOwned>(
    url: &Url,
    form: &[(&str, &str)],
    operation: &'static str,
) -> Result<T, OauthError> {
    let limit = Duration::from_secs(EXCHANGE_SECS_MAX);
    let answered = tokio::time::timeout(limit, exchange(url, form, operation)).await;
    let (status, body) = answered.map_err(|_| OauthError::Unreachable {
        operation,
        why: format!("no answer within {EXCHANGE_SECS_MAX} s"),
    })??;
    read(status, &body, operation)
}

/// What a status and a body mean. Pure.
pub(super) fn read<T: DeserializeOwned>(
    status: u16,
    body: &[u8],
    operation: &'static str,
) -> Result<T, OauthError> {
    if (200..300).contains(&status) {
        return serde_json::from_slice(body).map_err(|e| OauthError::Garbage {
            operation,
            // Its words may hold a token; where it stopped does not.
            why: format!("no such JSON at line {} column {}", e.line(), e.column()),
        });
    }
    match serde_json::from_slice::<ErrorAnswer>(body) {
        Ok(answer) if status < 500 => Err(meaning(&answer, operation)),
        Ok(_) | Err(_) => {
            Err(OauthError::Unreachable { operation, why: format!("the server says {status}") })
        }
    }
}

async fn exchange(
    url: &Url,
    form: &[(&str, &str)],
    operation: &'static str,
) -> Result<(u16, Vec<u8>), OauthError> {
    let unreachable = |error: reqwest::Error| {
        let why = crate::http::innermost(&error.without_url());
        OauthError::Unreachable { operation, why }
    };
    let mut response = client(url)
        .map_err(unreachable)?
        .post(url.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(encoded(form))
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            let why = format!("it is over {ANSWER_BYTES_MAX} bytes");
            return Err(OauthError::Garbage { operation, why });
        }
        body.extend_from_slice(&piece);
    }
    Ok((status, body))
}

fn client(url: &Url) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("hale/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        // A redirect could carry a code or a secret elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// `application/x-www-form-urlencoded`
fn encoded(form: &[(&str, &str)]) -> String {
    // An address writes its query in this very form.
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

fn meaning(answer: &ErrorAnswer, operation: &'static str) -> OauthError {
    match answer.error.as_str() {
        "access_denied" => OauthError::Denied,
        code => OauthError::Refused {
            operation,
            code: hale_model::text::shorten(&hale_model::text::printable(code), 60),
            description: if answer.error_description.is_empty() {
                String::new()
            } else {
                let words = hale_model::text::printable(&answer.error_description);
                format!(": {}", hale_model::text::shorten(&words, 200))
            },
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn forms_are_encoded_whatever_they_hold() {
        assert_eq!(encoded(&[("a", "b c&d=e"), ("é", "+/%")]), "a=b+c%26d%3De&%C3%A9=%2B%2F%25");
    }
}
