//! An OAuth 2.0 authorization server on the loopback for tests: it holds whoever signs in to RFC 6749,
//! RFC 7636 (PKCE, S256) and RFC 8628 (devices). Codes are good once, for the redirect they were made for,
//! against the verifier of their challenge. And a [`visit`] that follows redirects as a browser does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::model_server::http;

/// The client that this server knows.
pub const CLIENT_ID: &str = "hale-tests.apps.example";
/// Its secret.
pub const CLIENT_SECRET: &str = "not-so-secret-Rk29";
const IO_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of an answer that [`visit`] reads.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Names and values of a form or a query.
pub type Form = BTreeMap<String, String>;

/// What the person does at the page of consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Agrees.
    #[default]
    Given,
    /// Declines.
    Denied,
    /// Agrees, and the answer comes back with the state of somebody else.
    WithWrongState,
}

#[derive(Default)]
struct Inner {
    consent: Consent,
    /// Code → what it was asked for with.
    codes: BTreeMap<String, Form>,
    refresh_tokens: BTreeSet<String>,
    rotates: bool,
    lifetime_secs: u64,
    /// Answers to the polls of a device, before it is let in.
    device_polls: VecDeque<&'static str>,
    device_scope_is_refused: bool,
    issued: u32,
    token_requests: Vec<Form>,
    refusals: Vec<String>,
}

/// The server; it ends with the test's process.
pub struct AuthorizationServer {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl AuthorizationServer {
    /// Begins to serve.
    ///
    /// # Panics
    /// No port can be had.
    #[expect(clippy::expect_used, reason = "a test that has no port cannot go on")]
    pub fn start() -> AuthorizationServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Mutex::new(Inner { lifetime_secs: 3600, ..Inner::default() }));
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&mut connection, &shared));
            }
        });
        AuthorizationServer { address, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `[ai.google]` for this server.
    pub fn config(&self) -> String {
        format!(
            "[ai.google]\nclient_id = \"{CLIENT_ID}\"\nscope = \"models.use other\"\nauth_url = \"{}\"\ntoken_url = \"{}\"\ndevice_url = \"{}\"\n",
            self.url("/auth"),
            self.url("/token"),
            self.url("/device/code")
        )
    }

    /// What the person will do.
    pub fn will(&self, consent: Consent) {
        self.inner().consent = consent;
    }

    /// Every renewal gives a new refresh token and ends the old one.
    pub fn rotate_refresh_tokens(&self) {
        self.inner().rotates = true;
    }

    /// Seconds that access tokens are good from now on.
    pub fn set_lifetime_secs(&self, secs: u64) {
        self.inner().lifetime_secs = secs;
    }

    /// The person withdraws everything.
    pub fn revoke_all(&self) {
        self.inner().refresh_tokens.clear();
    }

    /// What the polls of a device get before it is let in: `authorization_pending`, `slow_down`,
    /// `expired_token`, `access_denied`.
    pub fn device_polls(&self, answers: &[&'static str]) {
        self.inner().device_polls = answers.iter().copied().collect();
    }

    /// Devices may not ask for this scope.
    pub fn refuse_scope_to_devices(&self) {
        self.inner().device_scope_is_refused = true;
    }

    /// Forms that the token endpoint got, in their order.
    pub fn token_requests(&self) -> Vec<Form> {
        self.inner().token_requests.clone()
    }

    /// What it refused, and why.
    pub fn refusals(&self) -> Vec<String> {
        self.inner().refusals.clone()
    }

    /// Sends a form to the token endpoint, as somebody who is not hale would. Status and body.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn post_token(&self, form: &Form) -> io::Result<(u16, String)> {
        let body: Vec<String> =
            form.iter().map(|(k, v)| format!("{}={}", escaped(k), escaped(v))).collect();
        let body = body.join("&");
        let head = format!(
            "POST /token HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        let answer = exchange(self.address, &(head + &body))?;
        Ok((answer.status, answer.body))
    }
}

fn serve(connection: &mut TcpStream, shared: &Mutex<Inner>) {
    // A client that goes away is its own affair.
    let _ = connection.set_read_timeout(Some(IO_TIMEOUT));
    let Ok(Some(request)) = http::read(connection) else { return };
    let mut inner = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let answer = match (request.method.as_str(), path) {
        ("GET", "/auth") => inner.authorize(&parsed(query)),
        ("POST", "/token") => {
            let form = parsed(&request.text());
            inner.token_requests.push(form.clone());
            inner.token(&form)
        }
        ("POST", "/device/code") => inner.device_code(&parsed(&request.text())),
        _ => Err((404, "not_found")),
    };
    let (head, body) = match answer {
        Ok(Answer::Redirect(to)) => (format!("302 Found\r\nLocation: {to}"), String::new()),
        Ok(Answer::Json(json)) => {
            ("200 OK\r\nContent-Type: application/json".into(), json.to_string())
        }
        Err((status, why)) => {
            inner.refusals.push(why.to_owned());
            let code = why.split(':').next().unwrap_or_default();
            let json = json!({ "error": code, "error_description": why });
            (format!("{status} Refused\r\nContent-Type: application/json"), json.to_string())
        }
    };
    drop(inner);
    let _ = write!(
        connection,
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = connection.shutdown(Shutdown::Write);
}

enum Answer {
    Redirect(String),
    Json(Value),
}

type Result = std::result::Result<Answer, (u16, &'static str)>;

fn get<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map(String::as_str).unwrap_or_default()
}

impl Inner {
    /// RFC 6749 §4.1.1 with RFC 7636 §4.3.
    fn authorize(&mut self, query: &Form) -> Result {
        let redirect = get(query, "redirect_uri");
        if get(query, "client_id") != CLIENT_ID {
            return Err((401, "invalid_client: who is that?"));
        }
        if !redirect.starts_with("http://127.0.0.1:") {
            return Err((400, "invalid_request: no loopback redirect"));
        }
        if get(query, "response_type") != "code" || get(query, "scope").is_empty() {
            return Err((400, "invalid_request: no code is asked for"));
        }
        let challenge = get(query, "code_challenge");
        if get(query, "code_challenge_method") != "S256" || challenge.len() != 43 {
            return Err((400, "invalid_request: no S256 challenge"));
        }
        if get(query, "state").len() < 22 {
            return Err((400, "invalid_request: the state can be guessed"));
        }
        let state = match self.consent {
            Consent::Given => get(query, "state").to_owned(),
            Consent::WithWrongState => "somebody-else".to_owned(),
            Consent::Denied => {
                let state = escaped(get(query, "state"));
                return Ok(Answer::Redirect(format!(
                    "{redirect}?error=access_denied&state={state}"
                )));
            }
        };
        let code = self.word("4/code");
        self.codes.insert(code.clone(), query.clone());
        let (code, state) = (escaped(&code), escaped(&state));
        Ok(Answer::Redirect(format!("{redirect}?code={code}&state={state}")))
    }

    fn token(&mut self, form: &Form) -> Result {
        if get(form, "client_id") != CLIENT_ID || get(form, "client_secret") != CLIENT_SECRET {
            return Err((401, "invalid_client: wrong client or secret"));
        }
        match get(form, "grant_type") {
            "authorization_code" => {
                // Good once: whoever comes second gets nothing.
                let Some(asked) = self.codes.remove(get(form, "code")) else {
                    return Err((400, "invalid_grant: no such code, or it was used"));
                };
                if get(&asked, "redirect_uri") != get(form, "redirect_uri") {
                    return Err((400, "invalid_grant: another redirect_uri"));
                }
                if get(&asked, "code_challenge") != s256(get(form, "code_verifier")) {
                    return Err((400, "invalid_grant: wrong code_verifier"));
                }
                Ok(self.tokens(true))
            }
            "refresh_token" => {
                if !self.refresh_tokens.contains(get(form, "refresh_token")) {
                    return Err((400, "invalid_grant: Token has been expired or revoked."));
                }
                if self.rotates {
                    self.refresh_tokens.remove(get(form, "refresh_token"));
                }
                let rotates = self.rotates;
                Ok(self.tokens(rotates))
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                if get(form, "device_code") != "device-1" {
                    return Err((400, "invalid_grant: no such device"));
                }
                match self.device_polls.pop_front() {
                    Some(answer) => Err((if answer == "slow_down" { 403 } else { 428 }, answer)),
                    None => Ok(self.tokens(true)),
                }
            }
            _ => Err((400, "unsupported_grant_type")),
        }
    }

    /// RFC 8628 §3.2, with Google's name for the page.
    fn device_code(&mut self, form: &Form) -> Result {
        if get(form, "client_id") != CLIENT_ID {
            return Err((401, "invalid_client: who is that?"));
        }
        if self.device_scope_is_refused {
            return Err((400, "invalid_scope: not for devices"));
        }
        Ok(Answer::Json(json!({
            "device_code": "device-1",
            "user_code": "GQVQ-JKEC",
            "verification_url": "https://www.example.com/device",
            "expires_in": 1800,
            "interval": 5
        })))
    }

    fn tokens(&mut self, with_refresh_token: bool) -> Answer {
        let mut tokens = json!({
            "access_token": self.word("ya29.access"),
            "token_type": "Bearer",
            "expires_in": self.lifetime_secs,
        });
        if with_refresh_token {
            let refresh_token = self.word("1//refresh");
            self.refresh_tokens.insert(refresh_token.clone());
            tokens["refresh_token"] = refresh_token.into();
        }
        Answer::Json(tokens)
    }

    fn word(&mut self, beginning: &str) -> String {
        self.issued += 1;
        format!("{beginning}-{}", self.issued)
    }
}

/// The challenge that belongs to a verifier: base64url(SHA-256(verifier)).
fn s256(verifier: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    let bits: String = hash.as_ref().iter().map(|byte| format!("{byte:08b}")).collect();
    let sextets = bits.as_bytes().chunks(6).map(|chunk| {
        let padded = format!("{:0<6}", String::from_utf8_lossy(chunk));
        usize::from_str_radix(&padded, 2).unwrap_or_default()
    });
    sextets.map(|index| char::from(alphabet[index])).collect()
}

fn parsed(text: &str) -> Form {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// What a browser got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// 200
    pub status: u16,
    /// Where it was sent on to, if it was.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// Visits an address and follows one redirect after the other. The pages, in their order.
///
/// # Errors
/// A server cannot be reached, or an address is none of `http://ADDRESS:PORT`.
pub fn visit(url: &str) -> io::Result<Vec<Page>> {
    let mut pages: Vec<Page> = Vec::new();
    let mut next = Some(url.to_owned());
    while let Some(url) = next.filter(|_| pages.len() < 5) {
        let rest = url.strip_prefix("http://").ok_or(io::ErrorKind::InvalidInput)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address: SocketAddr = host.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let page = exchange(address, &request)?;
        next = page.location.clone();
        pages.push(page);
    }
    Ok(pages)
}

fn exchange(address: SocketAddr, request: &str) -> io::Result<Page> {
    let mut connection = TcpStream::connect_timeout(&address, IO_TIMEOUT)?;
    connection.set_read_timeout(Some(IO_TIMEOUT))?;
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.take(PAGE_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let location = head.lines().find_map(|line| line.strip_prefix("Location: "));
    Ok(Page { status, location: location.map(str::to_owned), body: body.to_owned() })
}
