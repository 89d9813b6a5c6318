//! One method of Slack's Web API: the status of HTTP says little, `ok` and `error` in the body say the
//! rest. <https://docs.slack.dev/apis/web-api/>

use reqwest::{Client, Url};
use serde_json::Value;

use crate::notify::http::{Answer, Attempt, Caller};

pub(in crate::notify) struct Api {
    base: Url,
    token: String,
    caller: Caller,
}

impl Api {
    pub fn new(base: Url, token: String) -> Api {
        let caller = Caller::new(&base);
        Api { base, token, caller }
    }

    /// The same for another task: its calls do not wait for these.
    pub fn another(&self) -> Api {
        Api::new(self.base.clone(), self.token.clone())
    }

    /// Calls until it is taken, refused or given up.
    pub async fn call(&mut self, method: &str, body: &Value) -> Result<Value, String> {
        let (url, token) = (self.url(method), self.token.clone());
        let request = |client: &Client| client.post(url.clone()).bearer_auth(&token).json(body);
        self.caller.call(request, judge).await.map_err(|why| format!("{method}: {why}"))
    }

    /// Calls once: for what is worth nothing later.
    pub async fn call_once(&mut self, method: &str, body: &Value) -> Result<Value, String> {
        let (url, token) = (self.url(method), self.token.clone());
        let request = |client: &Client| client.post(url.clone()).bearer_auth(&token).json(body);
        self.caller.call_once(request, judge).await.map_err(|why| format!("{method}: {why}"))
    }

    fn url(&self, method: &str) -> String {
        format!("{}/{method}", self.base.as_str().trim_end_matches('/'))
    }
}

fn judge(answer: &Answer) -> Attempt<Value> {
    match answer.judge() {
        Attempt::Done(()) => {}
        Attempt::Later(why, wait) => return Attempt::Later(why, wait),
        Attempt::Refused(why) => return Attempt::Refused(why),
    }
    let body: Value = match serde_json::from_slice(&answer.body) {
        Ok(body) => body,
        Err(_) => return Attempt::Refused("the answer is not Slack's".to_owned()),
    };
    if body.get("ok").and_then(Value::as_bool) == Some(true) {
        return Attempt::Done(body);
    }
    // A word of Slack's own; anything else is not repeated.
    let error = body.get("error").and_then(Value::as_str).unwrap_or("unknown_error");
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let error =
        if error.len() <= 60 && error.chars().all(is_word) { error } else { "unknown_error" };
    let why = match hint(error) {
        Some(hint) => format!("Slack says {error}: {hint}"),
        None => format!("Slack says {error}"),
    };
    match error {
        "ratelimited"
        | "rate_limited"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout" => Attempt::Later(why, answer.retry_after()),
        _ => Attempt::Refused(why),
    }
}

/// What to do about an error.
fn hint(error: &str) -> Option<&'static str> {
    match error {
        "not_in_channel" => Some("invite the bot: /invite @hale in that channel"),
        "channel_not_found" => Some("check `channel`; the bot sees only channels it is in"),
        "is_archived" => Some("the channel is archived; name another one"),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            Some("install the app again and put its new bot token into the environment")
        }
        "missing_scope" => Some("the app needs the scope chat:write"),
        _ => None,
    }
}
