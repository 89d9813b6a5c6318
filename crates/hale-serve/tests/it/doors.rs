//! Who gets in, and who does not: every route, every caller; browsers, tokens, encryption, abuse.

use hale_model::api::Command;
use hale_model::token::{Role, Token};
use hale_serve::{DoorSettings, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scripted::{Reply, Server};

/// The status alone: the stream's answer has no end.
async fn status(server: &Server, method: &str, path: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(server.at()).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n{headers}\r\n{{}}",
        server.at()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

async fn post(server: &Server, path: &str, headers: &str, body: &str) -> Reply {
    server
        .tcp(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            server.at(),
            body.len()
        ))
        .await
}

fn bearer(token: &Token) -> String {
    format!("Authorization: Bearer {}\r\n", token.reveal())
}

/// Signs a browser in as `hale open` does: its cookie.
async fn signed_in(server: &Server) -> String {
    let link = server.unix("POST", "/api/v1/signin-links", "").await.json()["url"].to_string();
    let path = link.trim_matches('"').split_once("/signin").unwrap().1.to_owned();
    let reply = server.get(&format!("/signin{path}")).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    let cookie = reply.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("; httponly; samesite=strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn own_page(server: &Server, cookie: &str) -> String {
    format!("Cookie: {cookie}\r\nOrigin: http://{}\r\n", server.at())
}

/// What a route takes, written down a second time and by hand.
fn least(method: &str, path: &str) -> Option<Role> {
    match (method, path) {
        ("GET", "/healthz" | "/api/v1/session") | ("POST", "/api/v1/session/end") => None,
        (_, "/api/v1/tokens" | "/api/v1/tokens/{name}/revoke") => Some(Role::Admin),
        ("GET", _) => Some(Role::Viewer),
        _ => Some(Role::Operator),
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let local = Server::start().await;
    let exposed = Server::start_at("0.0.0.0:0", DoorSettings::default(), None).await;
    let document = hale_serve::openapi();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for server in [&local, &exposed] {
        let mut callers = vec![(None, String::new())];
        callers
            .extend(Role::ALL.map(|role| (Some(role), bearer(&server.token(role.as_str(), role)))));
        callers.push((Some(Role::Admin), own_page(server, &signed_in(server).await)));
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys().map(|m| m.to_uppercase()) {
                // It would end the browser's session.
                if path.ends_with("/session/end") {
                    continue;
                }
                if path.ends_with("/github") || path.ends_with("/slack") {
                    // Signed: judged by the route.
                    let status = status(server, &method, path, "").await;
                    assert!((400..500).contains(&status), "{method} {path}: {status}");
                    continue;
                }
                let is_webhook = path == "/webhook" || path.starts_with("/api/v1/webhooks/");
                for (role, headers) in &callers {
                    let open_here =
                        server.tcp.ip().is_loopback() && (method == "GET" || is_webhook);
                    let least = least(&method, path).filter(|l| !open_here || *l == Role::Admin);
                    let path = path.replace("{id}", "x").replace("{name}", "x");
                    let got = status(server, &method, &path, headers).await;
                    let expected = match (least, role) {
                        (None, _) => None,
                        (Some(_), None) => Some(401),
                        (Some(least), Some(role)) if *role < least => Some(403),
                        (Some(_), Some(_)) => None,
                    };
                    let is_right = match expected {
                        Some(status) => got == status,
                        None => got != 401 && got != 403 && got != 429,
                    };
                    if !is_right {
                        wrong.push(format!(
                            "{} {role:?} {method} {path}: {got}, {expected:?}",
                            server.tcp
                        ));
                    }
                    asked += 1;
                }
            }
        }
        // Only hale's own commands, whoever else asks.
        for (_, headers) in &callers {
            for path in ["/api/v1/rpc", "/api/v1/signin-links"] {
                assert_eq!(status(server, "POST", path, headers).await, 401, "{path}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 400, "{asked}");
}

#[tokio::test]
async fn every_route_of_the_document_is_there() {
    let server = Server::start().await;
    let admin = bearer(&server.token("admin", Role::Admin));
    for (path, operations) in hale_serve::openapi()["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().map(|m| m.to_uppercase()) {
            let path = path.replace("{id}", "in-0123456789").replace("{name}", "x");
            assert_ne!(status(&server, &method, &path, &admin).await, 405, "{method} {path}");
            let other = if method == "GET" { "DELETE" } else { "PUT" };
            assert_eq!(status(&server, other, &path, &admin).await, 405, "{other} {path}");
        }
    }
}

#[tokio::test]
async fn a_signed_in_browser_changes_things_in_its_own_name() {
    let server = Server::start().await;
    let cookie = signed_in(&server).await;
    let headers = own_page(&server, &cookie);
    assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 200);
    let wished = format!("{:?}", server.handle.wished.lock().unwrap());
    assert_eq!(wished, "[(Resume, Browser)]");
    let session = format!("GET /api/v1/session HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", server.tcp);
    let session = server.tcp(&session).await.json();
    assert_eq!(session["data"]["may_change"], true, "{session}");
}

#[tokio::test]
async fn another_page_cannot_use_the_browsers_cookie() {
    let server = Server::start().await;
    let cookie = signed_in(&server).await;
    for origin in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: https://{}\r\n", server.tcp),
        format!("Origin: http://127.0.0.1:{}1\r\n", server.tcp.port()),
        String::new(),
    ] {
        let headers = format!("Cookie: {cookie}\r\n{origin}");
        assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 403, "{origin}");
    }
    let rebound = format!(
        "POST /api/v1/resume HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nCookie: {cookie}\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(server.tcp(&rebound).await.status, 421);
    assert!(server.handle.wished.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_link_works_once_and_a_cookie_not_after_signing_out() {
    let server = Server::start().await;
    let link = server.unix("POST", "/api/v1/signin-links", "").await.json()["url"].to_string();
    let path = link.trim_matches('"').split_once(&server.tcp.to_string()).unwrap().1.to_owned();
    assert_eq!(server.get(&path).await.status, 303);
    assert_eq!(server.get(&path).await.status, 401);
    let headers = own_page(&server, &signed_in(&server).await);
    assert_eq!(post(&server, "/api/v1/session/end", &headers, "").await.json()["signed_out"], true);
    assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 401);
    for forged in ["", "0", &"a".repeat(64), "../../x"] {
        let cookie = format!("hale-{}={forged}", server.tcp.port());
        let headers = own_page(&server, &cookie);
        assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 401, "{forged}");
    }
}

#[tokio::test]
async fn a_token_signs_a_browser_in_with_its_role_until_it_is_revoked() {
    let server = Server::start().await;
    let token = server.token("grafana", Role::Viewer);
    let form = format!("word={}", token.reveal());
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let reply = post(&server, "/signin", kind, &form).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    let cookie = reply.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let headers = own_page(&server, cookie.split(';').next().unwrap());
    assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 403);
    server.revoke("grafana");
    assert_eq!(post(&server, "/api/v1/resume", &headers, "").await.status, 401);
    assert_eq!(post(&server, "/api/v1/resume", &bearer(&token), "").await.status, 401);
}

#[tokio::test]
async fn whoever_tries_tokens_is_slowed() {
    let server = Server::start().await;
    let mut statuses = Vec::new();
    for n in 0..40_u8 {
        let guess = Token::new(&[n; hale_model::token::TOKEN_RANDOM_BYTES]);
        statuses.push(status(&server, "GET", "/api/v1/alerts", &bearer(&guess)).await);
    }
    assert_eq!(statuses.iter().filter(|s| **s == 401).count(), 20, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 429).count(), 20, "{statuses:?}");
    // Whoever shares the address with who guesses is not locked out.
    let valid = server.token("ci", Role::Viewer);
    assert_eq!(status(&server, "GET", "/api/v1/alerts", &bearer(&valid)).await, 200);
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let form = format!("word={}", valid.reveal());
    assert_eq!(post(&server, "/signin", kind, &form).await.status, 303);
    // Who shows none is not told apart from before.
    assert_eq!(status(&server, "GET", "/api/v1/alerts", "").await, 200);
}

#[tokio::test]
async fn who_may_not_change_something_is_on_record_but_not_without_end() {
    let server = Server::start().await;
    let viewer = bearer(&server.token("grafana", Role::Viewer));
    assert_eq!(post(&server, "/api/v1/pause", &viewer, "").await.status, 403);
    for _ in 0..40 {
        assert_eq!(post(&server, "/api/v1/approvals/ap-1/approve", "", "").await.status, 401);
    }
    let wished = server.handle.wished.lock().unwrap();
    let told: Vec<String> = wished
        .iter()
        .filter_map(|(command, _)| match command {
            Command::RefusedCaller { who, wish, why } => Some(format!("{who}: {wish}: {why}")),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 20, "{told:?}");
    insta::assert_snapshot!(told[..2].join("\n"), @r"
    token:grafana at 127.0.0.1: POST /api/v1/pause: this takes the role operator; the token's is viewer
    unknown at 127.0.0.1: POST /api/v1/approvals/ap-1/approve: whoever asks over TCP without signing in may not change anything
    ");
}

#[tokio::test]
async fn another_machine_that_asks_too_often_waits() {
    let server = Server::start_at("0.0.0.0:0", DoorSettings::default(), None).await;
    let mut refused = None;
    for _ in 0..1_000 {
        let reply = server.get("/healthz").await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("no limit");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
}

#[tokio::test]
async fn a_webhook_token_opens_webhooks_alone() {
    let word = "a-word-that-nobody-guesses".to_owned();
    let settings = DoorSettings { webhook_token: word.clone(), ..DoorSettings::default() };
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = Server::start_at(address, settings.clone(), None).await;
        let shown = format!("Authorization: Bearer {word}\r\n");
        assert_eq!(status(&server, "POST", "/webhook", "").await, 401);
        assert_eq!(status(&server, "POST", "/webhook", "Authorization: Bearer x\r\n").await, 401);
        assert_ne!(status(&server, "POST", "/webhook", &shown).await, 401);
        assert_eq!(status(&server, "POST", "/api/v1/resume", &shown).await, 401);
    }
}

#[tokio::test]
async fn broken_headers_are_answered_with_what_is_wrong() {
    let server = Server::start().await;
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(100_000));
    for (headers, expected) in [
        ("Authorization: Basic eDp5\r\n", 400),
        ("Authorization: Bearer\r\n", 400),
        ("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", 400),
        ("Cookie: ;;;==;\r\n", 200),
        ("Last-Event-ID: \u{1F600}\r\n", 200),
        (&many, 431),
        (&long, 431),
    ] {
        let request =
            format!("GET /api/v1/alerts HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", server.tcp);
        let reply = server.tcp(&request).await;
        assert_eq!(reply.status, expected, "{}: {}", &headers[..20.min(headers.len())], reply.body);
    }
}

#[tokio::test]
async fn over_tls_curl_gets_in_with_a_token_and_a_session_is_secure() {
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        println!("SKIPPED over_tls_curl_gets_in_with_a_token_and_a_session_is_secure: no curl");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let own = Identity::own(dir.path(), &["box.example".to_owned()], &[]).unwrap();
    let again = Identity::own(dir.path(), &[], &[]).unwrap();
    assert_eq!(own.fingerprint, again.fingerprint, "it is kept");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("tls.key")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let server = Server::start_at("0.0.0.0:0", DoorSettings::default(), Some(own)).await;
    let token = server.token("ci", Role::Viewer);
    let url = format!("https://localhost:{}/api/v1/alerts", server.tcp.port());
    let certificate = dir.path().join("tls.crt");
    let curl = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new("curl");
        command.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "20",
            "--cacert",
        ]);
        command.arg(&certificate).args(arguments).arg(&url);
        command
    };
    let said = |output: std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let header = format!("Authorization: Bearer {}", token.reveal());
    assert_eq!(said(curl(&["-H", &header]).output().await.unwrap()), "200");
    assert_eq!(said(curl(&[]).output().await.unwrap()), "401");
    assert_eq!(said(curl(&["--tls-max", "1.1"]).output().await.unwrap()), "000");
    // What is not encrypted is not understood.
    assert_eq!(server.get("/healthz").await.status, 0);
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_refused_by_name() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Identity::own(one.path(), &[], &[]).unwrap();
    Identity::own(other.path(), &[], &[]).unwrap();
    let (certificate, key) = (one.path().join("tls.crt"), other.path().join("tls.key"));
    let error = Identity::read(&certificate, &key).unwrap_err().to_string();
    assert!(error.contains("cannot be used together"), "{error}");
    let error = Identity::read(&key, &key).unwrap_err().to_string();
    assert!(error.contains("holds no certificate"), "{error}");
    let error = Identity::read(&certificate, &one.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("cannot read"), "{error}");
}
