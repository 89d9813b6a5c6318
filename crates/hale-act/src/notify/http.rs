//! Calls over HTTP: again and again for a while, then given up. An address may hold a secret, so nothing
//! that is logged or shown holds more of it than scheme and host.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use tokio::time::Instant;

/// Attempts for one notification.
const MAX_ATTEMPTS: u32 = 5;
/// Wait after the first failure; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Longest `Retry-After` that is waited for; if it is longer, what comes until then is given up.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(120);
/// However long the server asks for, hale comes back after this.
const MAX_CLOSED: Duration = Duration::from_secs(3600);
/// One attempt.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// All attempts for one notification.
const DELIVERY_LIMIT: Duration = Duration::from_secs(180);
/// Of an answer, no more is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What one attempt came to.
pub(super) enum Attempt<T> {
    Done(T),
    /// Worth another try, not before this time is over if the server said so.
    Later(String, Option<Duration>),
    /// The server will not take it, however often it is sent.
    Refused(String),
}

/// What a server answered.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The usual reading of a status; what is left to say about success is the caller's.
    pub fn judge(&self) -> Attempt<()> {
        if self.status.is_success() {
            return Attempt::Done(());
        }
        let why = format!("it answered {}", self.status.as_u16());
        let may_pass = self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || self.status == StatusCode::REQUEST_TIMEOUT;
        if may_pass { Attempt::Later(why, self.retry_after()) } else { Attempt::Refused(why) }
    }

    /// `Retry-After` in seconds, else what Discord writes into the body; the form with a date is not
    /// used by the services hale knows.
    pub fn retry_after(&self) -> Option<Duration> {
        let header = self.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let secs = match header.and_then(|text| text.trim().parse::<f64>().ok()) {
            Some(secs) => secs,
            None => {
                let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
                body.get("retry_after")?.as_f64()?
            }
        };
        let max = MAX_CLOSED.as_secs_f64();
        (secs.is_finite() && secs >= 0.0).then(|| Duration::from_secs_f64(secs.min(max)))
    }
}

/// Whoever calls one server. Made with the first call: the TLS roots take time and memory that most
/// machines can spare.
pub(super) struct Caller {
    is_plain: bool,
    client: Option<Client>,
    /// The last call was given up: until one succeeds, each has a single attempt, so that an address
    /// that is dead for hours does not make the news after it hours late.
    failing: bool,
    /// The server asked to be left alone until then.
    closed_until: Option<Instant>,
}

impl Caller {
    pub fn new(url: &Url) -> Caller {
        Caller {
            is_plain: url.scheme() == "http",
            client: None,
            failing: false,
            closed_until: None,
        }
    }

    fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("hale/", env!("CARGO_PKG_VERSION")))
            .timeout(REQUEST_LIMIT)
            .redirect(reqwest::redirect::Policy::none());
        if self.is_plain {
            // Without redirects no TLS can come up; a machine without CA certificates will do.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|e| {
            let why = reason(&e.without_url());
            format!("no TLS: {why}; is the package ca-certificates installed?")
        })?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// Sends until it is taken, refused or given up.
    ///
    /// # Errors
    /// Why it was given up.
    pub async fn call<T>(
        &mut self,
        request: impl Fn(&Client) -> RequestBuilder,
        judge: impl Fn(&Answer) -> Attempt<T>,
    ) -> Result<T, String> {
        let attempts = if self.failing { 1 } else { MAX_ATTEMPTS };
        let result = self.attempts(attempts, request, judge).await;
        self.failing = result.is_err();
        result
    }

    /// Sends once: for what is worth nothing later.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn call_once<T>(
        &mut self,
        request: impl Fn(&Client) -> RequestBuilder,
        judge: impl Fn(&Answer) -> Attempt<T>,
    ) -> Result<T, String> {
        self.attempts(1, request, judge).await
    }

    async fn attempts<T>(
        &mut self,
        max_attempts: u32,
        request: impl Fn(&Client) -> RequestBuilder,
        judge: impl Fn(&Answer) -> Attempt<T>,
    ) -> Result<T, String> {
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return Err("the server asked to be left alone for longer".to_owned());
        }
        let client = self.client()?;
        let deadline = Instant::now() + DELIVERY_LIMIT;
        let mut backoff = FIRST_BACKOFF;
        let mut attempt = 1;
        loop {
            let (why, wait) = match send(request(&client)).await.map(|answer| judge(&answer)) {
                Ok(Attempt::Done(value)) => return Ok(value),
                Ok(Attempt::Refused(why)) => return Err(why),
                Ok(Attempt::Later(why, wait)) => (why, wait),
                Err(why) => (why, None),
            };
            if let Some(wait) = wait {
                self.closed_until = Some(Instant::now() + wait);
            }
            let wait = wait.unwrap_or(backoff);
            let too_late = wait > MAX_RETRY_AFTER || Instant::now() + wait >= deadline;
            if attempt >= max_attempts || too_late {
                return Err(format!("{why} ({attempt} attempts)"));
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }
}

async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let told = |error: reqwest::Error| reason(&error.without_url());
    let mut response = request.send().await.map_err(told)?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => break,
            // The status has come: what it says counts, with as much of the rest as there was.
            Err(_) => break,
        }
    }
    Ok(Answer { status, headers, body })
}

/// The innermost cause says what happened; the outer ones say that something did.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", REQUEST_LIMIT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// An address that can be called.
///
/// # Errors
/// Why it cannot; the address itself is not repeated.
pub(super) fn parse(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|e| e.to_string())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("the scheme is `{}`", parsed.scheme()));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    Ok(parsed)
}

/// As much of an address as may be seen.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}/…", url.scheme(), url.host_str().unwrap_or_default())
}
