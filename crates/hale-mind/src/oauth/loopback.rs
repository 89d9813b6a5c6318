//! A sign-in with a browser on this machine (RFC 8252 §7.3): the browser is sent to the authorization
//! server, and comes back to a port of 127.0.0.1 that hears one answer and closes.

use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::endpoint::{self, Tokens};
use super::{OauthClient, OauthError, SignedIn, pkce};

/// How long, in seconds, a person has to sign in.
pub const SIGN_IN_SECS_MAX: u64 = 300;
const EXCHANGING: &str = "exchanging the code for tokens";
const PATH: &str = "/callback";
/// Bytes of one request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// One connection, from accept to answer.
const CONNECTION_SECS_MAX: u64 = 5;
/// Connections at one time; browsers open some that they never use.
const CONNECTIONS_MAX: usize = 16;

/// A sign-in that waits for the browser.
pub struct Loopback {
    listener: TcpListener,
    url: Url,
    redirect_uri: String,
    host: String,
    state: String,
    verifier: SecretString,
}

/// What the browser brought.
enum Heard {
    Code(SecretString),
    Failed(OauthError),
}

impl Loopback {
    /// Opens a port (0: any) of 127.0.0.1, and makes the address to visit.
    ///
    /// # Errors
    /// The port is taken, or there are no random bytes.
    pub async fn begin(client: &OauthClient, port: u16) -> Result<Loopback, OauthError> {
        let listen = |e: std::io::Error| OauthError::Listen { port, why: e.to_string() };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(listen)?;
        let host = listener.local_addr().map_err(listen)?.to_string();
        let (state, verifier) = (pkce::random_word()?, pkce::random_word()?);
        let redirect_uri = format!("http://{host}{PATH}");
        let mut url = client.auth_url.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &redirect_uri),
            ("scope", &client.scope),
            ("state", &state),
            ("code_challenge", &pkce::challenge(&verifier)),
            ("code_challenge_method", "S256"),
            // Google gives a refresh token only for these two.
            ("access_type", "offline"),
            ("prompt", "consent"),
        ]);
        let verifier = SecretString::from(verifier);
        Ok(Loopback { listener, url, redirect_uri, host, state, verifier })
    }

    /// The address that the person visits.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Waits for the browser to come back, and exchanges what it brings. The first answer is the only
    /// one: after it the port is closed, whatever it was.
    ///
    /// # Errors
    /// The person declined or did nothing, the answer is not ours, or the server gives no token.
    pub async fn finish(
        self,
        client: &OauthClient,
        limit: Duration,
    ) -> Result<SignedIn, OauthError> {
        let heard = timeout(limit, self.hear()).await;
        let code = match heard.map_err(|_| OauthError::TimedOut { secs: limit.as_secs() })?? {
            Heard::Code(code) => code,
            Heard::Failed(error) => return Err(error),
        };
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("client_id", client.id.as_str()),
            ("code_verifier", self.verifier.expose_secret()),
        ];
        if let Some(secret) = &client.secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        let tokens: Tokens = endpoint::post(&client.token_url, &form, EXCHANGING).await?;
        tokens.signed_in(client, EXCHANGING)
    }

    async fn hear(&self) -> Result<Heard, OauthError> {
        let mut connections: JoinSet<Option<Heard>> = JoinSet::new();
        loop {
            tokio::select! {
                Some(ended) = connections.join_next() => {
                    if let Ok(Some(heard)) = ended {
                        return Ok(heard);
                    }
                }
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    let Ok((stream, _)) = accepted else {
                        // Too few file descriptors, for instance: not at once again.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    let (host, state) = (self.host.clone(), self.state.clone());
                    connections.spawn(async move {
                        let limit = Duration::from_secs(CONNECTION_SECS_MAX);
                        timeout(limit, serve(stream, &host, &state)).await.ok().flatten()
                    });
                }
            }
        }
    }
}

/// One connection. None: it was nobody's answer.
async fn serve(mut stream: TcpStream, host: &str, state: &str) -> Option<Heard> {
    let head = read_head(&mut stream).await?;
    let (status, words, heard) = match judge(&head, host, state) {
        Verdict::Elsewhere => ("404 Not Found", "There is nothing here.", None),
        Verdict::Heard(Heard::Code(code)) => (
            "200 OK",
            "hale has heard from Google. You can close this window and look at the terminal.",
            Some(Heard::Code(code)),
        ),
        Verdict::Heard(Heard::Failed(error)) => (
            "400 Bad Request",
            "This is no sign-in that hale takes. The terminal says more.",
            Some(Heard::Failed(error)),
        ),
    };
    let body = format!(
        "<!doctype html><meta charset=utf-8><title>hale</title><p style=\"font:1.2em sans-serif;margin:3em\">{words}\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Whether the browser shows the page does not matter to the sign-in.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    heard
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&piece[..count]);
        if head.len() > HEAD_BYTES_MAX {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

enum Verdict {
    Elsewhere,
    Heard(Heard),
}

pub(super) fn brings_code(head: &str, host: &str, state: &str) -> bool {
    matches!(judge(head, host, state), Verdict::Heard(Heard::Code(_)))
}

/// What a request says. Pure.
fn judge(head: &str, host: &str, state: &str) -> Verdict {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let names_host = lines.any(|line| {
        line.split_once(':')
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("host") && value.trim() == host)
    });
    // A page under another name that leads here is not the authorization server's redirect.
    let url = Url::parse(&format!("http://{host}")).and_then(|base| base.join(target));
    // A URL is read without the tabs in it, and `//` leads elsewhere: no browser sends either here.
    let is_plain = target.starts_with(PATH) && target.bytes().all(|b| b.is_ascii_graphic());
    let is_ours = |url: &Url| method == "GET" && names_host && is_plain && url.path() == PATH;
    let Some(url) = url.ok().filter(is_ours) else {
        return Verdict::Elsewhere;
    };
    let all = |name: &str| -> Vec<String> {
        let pairs = url.query_pairs().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    if all("state") != [state] {
        return Verdict::Heard(Heard::Failed(OauthError::WrongState));
    }
    Verdict::Heard(match (all("error").as_slice(), all("code").as_slice()) {
        ([error], _) if error == "access_denied" => Heard::Failed(OauthError::Denied),
        ([error, ..], _) => Heard::Failed(OauthError::Refused {
            operation: "signing in",
            code: hale_model::text::shorten(&hale_model::text::printable(error), 60),
            description: String::new(),
        }),
        ([], [code]) if !code.is_empty() => Heard::Code(SecretString::from(code.clone())),
        ([], _) => Heard::Failed(OauthError::Garbage {
            operation: "signing in",
            why: "the browser brought no code".to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    fn verdict(line: &str) -> String {
        let head = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n");
        shown(judge(&head, "127.0.0.1:9", "S1"))
    }

    fn shown(verdict: Verdict) -> String {
        match verdict {
            Verdict::Elsewhere => "elsewhere".to_owned(),
            Verdict::Heard(Heard::Code(code)) => format!("code {}", code.expose_secret()),
            Verdict::Heard(Heard::Failed(error)) => error.to_string(),
        }
    }

    #[test]
    fn only_the_answer_to_this_very_question_is_heard() {
        let wrong = "the answer in the browser belongs to another sign-in; nothing of it was used";
        for (line, expected) in [
            ("GET /callback?state=S1&code=4%2Fabc", "code 4/abc"),
            ("GET /callback?code=x&state=S1&scope=a+b", "code x"),
            ("GET /favicon.ico", "elsewhere"),
            ("POST /callback?state=S1&code=x", "elsewhere"),
            ("GET /call\tback?state=S1&code=x", "elsewhere"),
            ("GET //evil.example/callback?state=S1&code=x", "elsewhere"),
            ("GET /callback?state=S2&code=x", wrong),
            ("GET /callback?code=x", wrong),
            ("GET /callback?state=S1&state=S2&code=x", wrong),
            ("GET /callback?state=S1&error=access_denied", "the sign-in was declined"),
            (
                "GET /callback?state=S1&error=x%1B[31m",
                "signing in: the server refuses (x\u{fffd}[31m)",
            ),
            (
                "GET /callback?state=S1",
                "signing in: the answer cannot be read: the browser brought no code",
            ),
            (
                "GET /callback?state=S1&code=",
                "signing in: the answer cannot be read: the browser brought no code",
            ),
            ("", "elsewhere"),
        ] {
            assert_eq!(verdict(line), expected, "{line}");
        }
        let rebound = "GET /callback?state=S1&code=x HTTP/1.1\r\nHost: evil.example:9\r\n\r\n";
        assert_eq!(shown(judge(rebound, "127.0.0.1:9", "S1")), "elsewhere");
    }
}
