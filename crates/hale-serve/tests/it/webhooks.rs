//! What senders of webhooks are answered, over a real connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hale_model::action::Actor;
use hale_model::api::{Answer, ApiError, Command, ErrorKind, Handle, Query, Receiving};
use hale_model::incident::IncidentState;
use hale_model::report::{Receipt, Report};
use hale_serve::{DoorSettings, Doors, ServeOptions, WebhookOptions, receive_fuzzing, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Takes everything in, or fails as it is told.
#[derive(Default)]
struct Desk {
    taken: Mutex<Vec<Report>>,
    fails_as: Option<ErrorKind>,
}

impl Handle for Desk {
    fn query(&self, _: Query) -> Answer<'_> {
        Box::pin(async { Err(ApiError::new(ErrorKind::Failed, "not asked here")) })
    }

    fn command(&self, _: Command, _: Actor) -> Answer<'_> {
        Box::pin(async { Err(ApiError::new(ErrorKind::Failed, "not wished here")) })
    }

    fn receive(&self, reports: Vec<Report>) -> Receiving<'_> {
        Box::pin(async move {
            if let Some(kind) = self.fails_as {
                return Err(ApiError::new(kind, "no room"));
            }
            let receipt = |report: &Report| Receipt {
                incident_id: report.external_id.clone(),
                id: report.incident_id(1),
                state: IncidentState::Open,
                note: None,
            };
            let receipts = reports.iter().map(receipt).collect();
            self.taken.lock().unwrap().extend(reports);
            Ok(receipts)
        })
    }

    fn staleness(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

struct Door {
    desk: Arc<Desk>,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

struct Said {
    status: u16,
    head: String,
    body: serde_json::Value,
}

impl Door {
    async fn open(desk: Desk, webhooks: WebhookOptions, token: &str) -> Door {
        let desk = Arc::new(desk);
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let settings = DoorSettings { webhook_token: token.to_owned(), ..DoorSettings::default() };
        tokio::spawn(serve(ServeOptions {
            handle: desk.clone(),
            tcp: Some(tcp),
            tls: None,
            doors: Doors::new(settings),
            webhooks,
            unix: None,
            shutdown: shutdown.clone(),
        }));
        Door { desk, address, shutdown }
    }

    async fn usual() -> Door {
        let options = WebhookOptions { github_secret: Some(SECRET.into()), ..Default::default() };
        Door::open(Desk::default(), options, "").await
    }

    async fn post(&self, path: &str, headers: &str, body: &[u8]) -> Said {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has heard enough may close before the end of a large body.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Said {
            status: head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    async fn json(&self, path: &str, body: &str) -> Said {
        self.post(path, "Content-Type: application/json\r\n", body.as_bytes()).await
    }

    fn taken(&self) -> Vec<Report> {
        self.desk.taken.lock().unwrap().clone()
    }
}

/// The one of GitHub's own documentation.
const SECRET: &str = "It's a Secret to Everybody";

const GOOD: &str = r#"{"incident_id":"i-1","service":"checkout","type":"memory","severity":"high","message":"m","logs":[],"metrics":{}}"#;

/// The good body with one field replaced; an empty value takes it away.
fn with(field: &str, value: &str) -> String {
    let mut body: serde_json::Map<String, serde_json::Value> = serde_json::from_str(GOOD).unwrap();
    if value.is_empty() {
        body.remove(field);
    } else {
        body.insert(field.to_owned(), serde_json::from_str(value).unwrap());
    }
    serde_json::to_string(&body).unwrap()
}

#[tokio::test]
async fn a_good_body_is_accepted_and_told_its_id() {
    let door = Door::usual().await;
    let said = door.json("/webhook", GOOD).await;
    assert_eq!(said.status, 202);
    let names: Vec<&String> = said.body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["incident_id", "id", "state"]);
    assert_eq!(said.body["incident_id"], "i-1");
    assert_eq!(said.body["state"], "open");
    assert!(said.body["id"].as_str().unwrap().starts_with("in-"));
    assert_eq!(door.taken()[0].kind.as_str(), "memory.high");
}

#[tokio::test]
async fn what_hale_does_not_know_is_said_and_not_kept() {
    let door = Door::usual().await;
    let said = door.json("/webhook", &with("contaner", r#""web""#)).await;
    assert_eq!((said.status, said.body["ignored"].to_string().as_str()), (202, r#"["contaner"]"#));
    assert_eq!(door.taken()[0].container, None);
}

#[tokio::test]
async fn a_bad_body_is_refused_with_its_field() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let cases: Vec<(String, u16, &str)> = vec![
        (String::new(), 400, ""),
        ("{".into(), 400, ""),
        ("nonsense".into(), 400, ""),
        (format!("{GOOD} x"), 400, ""),
        (format!("{GOOD}{GOOD}"), 400, ""),
        (GOOD.replacen('{', r#"{"service":"a","#, 1), 400, ""),
        (with("metrics", "{}").replace("\"metrics\":{}", r#""metrics":{"a":1,"a":2}"#), 400, ""),
        (GOOD.replace("{}", r#"{"a":1e999}"#), 400, ""),
        (GOOD.replace("{}", r#"{"a":NaN}"#), 400, ""),
        (GOOD.replace("[]", &deep), 400, ""),
        (deep.clone(), 400, ""),
        ("[]".into(), 422, "body"),
        ("null".into(), 422, "body"),
        (with("incident_id", ""), 422, "incident_id"),
        (with("incident_id", "7"), 422, "incident_id"),
        (with("incident_id", r#""""#), 422, "incident_id"),
        (with("incident_id", r#""a\u0000b""#), 422, "incident_id"),
        (with("incident_id", &format!("\"{}\"", "x".repeat(300))), 422, "incident_id"),
        (with("service", ""), 422, "service"),
        (with("service", "[]"), 422, "service"),
        (with("service", r#""a\u001b[31m""#), 422, "service"),
        (with("type", "null"), 422, "type"),
        (with("severity", r#""awful""#), 422, "severity"),
        (with("severity", "3"), 422, "severity"),
        (with("message", ""), 422, "message"),
        (with("logs", r#""one""#), 422, "logs"),
        (with("logs", r#"["a", 1]"#), 422, "logs[1]"),
        (with("metrics", "[]"), 422, "metrics"),
        (with("metrics", r#"{"rss": "much"}"#), 422, "metrics.rss"),
        (with("metrics", r#"{"rss": true}"#), 422, "metrics.rss"),
        (with("container", r#""a;reboot""#), 422, "container"),
        (with("container", r#""$(reboot)""#), 422, "container"),
        (with("unit", r#""x.service; rm -rf /""#), 422, "unit"),
        (with("unit", r#""--force""#), 422, "unit"),
        (with("pid", "0"), 422, "pid"),
        (with("pid", "-1"), 422, "pid"),
        (with("pid", "1.5"), 422, "pid"),
        (with("pid", r#""12""#), 422, "pid"),
        (with("pid", "99999999999"), 422, "pid"),
        (with("health_url", r#""http://169.254.169.254/""#), 422, "health_url"),
        (with("health_url", r#""gopher://x/""#), 422, "health_url"),
        (with("health_url", r#""http://u:p@10.0.0.1/""#), 422, "health_url"),
        (with("status", r#""perhaps""#), 422, "status"),
    ];
    let door = Door::usual().await;
    for (body, status, field) in cases {
        let said = door.json("/webhook", &body).await;
        let error = &said.body["error"];
        assert_eq!(said.status, status, "{body}: {error}");
        assert_eq!(error["field"].as_str().unwrap_or_default(), field, "{body}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{body}");
        assert!(!error["hint"].as_str().unwrap().is_empty(), "{body}");
    }
    assert_eq!(door.taken(), []);
}

#[tokio::test]
async fn the_agents_own_address_is_no_address_of_health() {
    let door = Door::usual().await;
    let url = format!("\"http://127.0.0.1:{}/healthz\"", door.address.port());
    let said = door.json("/webhook", &with("health_url", &url)).await;
    assert_eq!((said.status, said.body["error"]["field"].as_str()), (422, Some("health_url")));
}

#[tokio::test]
async fn the_wrong_kind_and_too_much_are_refused() {
    let door = Door::usual().await;
    for (headers, status) in [
        ("", 415),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: application/jsonx\r\n", 415),
        ("Content-Type: Application/JSON; charset=utf-8\r\n", 202),
        ("Content-Type: application/cloudevents+json\r\n", 202),
    ] {
        let said = door.post("/webhook", headers, GOOD.as_bytes()).await;
        assert_eq!(said.status, status, "{headers}");
    }
    let large = with("message", &format!("\"{}\"", "m".repeat(1024 * 1024)));
    assert_eq!(door.json("/webhook", &large).await.status, 413);
    let fits = with("message", &format!("\"{}\"", "m".repeat(1024 * 1024 - 500)));
    assert_eq!(door.json("/webhook", &fits).await.status, 202);
    assert!(door.taken().iter().all(|report| report.message.len() <= 4000));
}

#[tokio::test]
async fn too_often_and_no_room_are_429_with_the_seconds_to_wait() {
    let options = WebhookOptions { rate_per_sec: 3, ..Default::default() };
    let door = Door::open(Desk::default(), options, "").await;
    let mut refused = None;
    for _ in 0..10 {
        let said = door.json("/webhook", GOOD).await;
        if said.status == 429 {
            refused = Some(said);
        }
    }
    let refused = refused.expect("ten in a row are more than three a second");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);

    for (kind, status) in [(ErrorKind::Degraded, 429), (ErrorKind::Failed, 503)] {
        let desk = Desk { fails_as: Some(kind), ..Desk::default() };
        let door = Door::open(desk, WebhookOptions::default(), "").await;
        let said = door.json("/webhook", GOOD).await;
        assert_eq!(said.status, status);
        assert!(said.head.contains("retry-after: "), "{}", said.head);
    }
}

#[tokio::test]
async fn where_a_token_is_set_it_has_to_be_shown() {
    let door = Door::open(Desk::default(), WebhookOptions::default(), "letmein").await;
    let json = "Content-Type: application/json\r\n";
    for (header, status) in [
        ("", 401),
        ("Authorization: Bearer wrong\r\n", 401),
        ("Authorization: Basic letmein\r\n", 400),
        ("Authorization: Bearer letmein\r\n", 202),
    ] {
        let said = door.post("/webhook", &format!("{json}{header}"), GOOD.as_bytes()).await;
        assert_eq!(said.status, status, "{header}");
    }
}

fn seed(name: &str) -> String {
    let path = format!("{}/../../fuzz/seeds/{name}", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn alertmanagers_alerts_become_reports() {
    let door = Door::usual().await;
    let path = "/api/v1/webhooks/alertmanager";
    let said = door.json(path, &seed("alertmanager/firing.json")).await;
    assert_eq!(said.status, 202, "{}", said.body);
    assert_eq!(said.body["incidents"].as_array().unwrap().len(), 2);
    let taken = door.taken();
    let (first, second) = (&taken[0], &taken[1]);
    assert_eq!(first.external_id, "9a8c1f20b6c47d11");
    assert_eq!(first.occurrence.as_deref(), Some("2026-03-02T08:15:04.311Z"));
    assert_eq!((first.kind.as_str(), first.severity.as_str()), ("memory.high", "critical"));
    assert_eq!(first.container.as_deref(), Some("shop-quotes-1"));
    assert_eq!(first.host.as_deref(), Some("localhost:8080"));
    assert_eq!(first.health_url.as_deref(), Some("http://127.0.0.1:8082/health"));
    assert!(first.message.starts_with("quotes uses 96 % of its memory\n") && !first.resolved);
    assert!(second.resolved && second.kind.as_str() == "service.failed");

    for (body, status, field) in [
        (seed("alertmanager/firing.json").replace(r#""version":"4""#, r#""version":"3""#), 422, "version"),
        (r#"{"version":"4"}"#.to_owned(), 422, "alerts"),
        (r#"{"version":"4","alerts":[{"labels":{}}]}"#.to_owned(), 422, "alerts[0].status"),
        (r#"{"version":"4","alerts":[{"status":"firing"}]}"#.to_owned(), 422, "alerts[0].labels"),
        (r#"{"version":"4","alerts":[{"status":"odd","labels":{}}]}"#.to_owned(), 422, "alerts[0].status"),
        (r#"{"version":"4","alerts":[{"status":"firing","labels":{"a":1}}]}"#.to_owned(), 422, "alerts[0].labels.a"),
        (r#"{"version":"4","alerts":[7]}"#.to_owned(), 422, "alerts[0]"),
        (seed("alertmanager/firing.json").replace("2026-03-02T08:15:04.311Z", "yesterday"), 422, "alerts[0].startsAt"),
        (seed("alertmanager/firing.json").replace("2026-03-02T08:10:00Z", "later"), 422, "alerts[1].endsAt"),
        (r#"{"version":"4","alerts":[]}"#.to_owned(), 202, ""),
        // One odd label is left out, not the alert.
        (r#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"X","unit":"a;b","pid":"x","container":"$(y)"}}]}"#.to_owned(), 202, ""),
    ] {
        let said = door.json(path, &body).await;
        assert_eq!(said.status, status, "{body}: {}", said.body);
        assert_eq!(said.body["error"]["field"].as_str().unwrap_or_default(), field, "{body}");
    }
    let last = door.taken().pop().unwrap();
    assert_eq!((last.unit, last.pid, last.container), (None, None, None));
}

#[tokio::test]
async fn grafanas_alerts_become_reports_with_their_figures() {
    let door = Door::usual().await;
    let said = door.json("/api/v1/webhooks/grafana", &seed("grafana/firing.json")).await;
    assert_eq!(said.status, 202, "{}", said.body);
    let taken = door.taken();
    assert_eq!((taken[0].service.as_str(), taken[0].kind.as_str()), ("checkout", "http.latency"));
    assert_eq!(taken[0].metrics.get("B"), Some(&2.31));
}

fn signed(event: &str, secret: &str, body: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, body.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "Content-Type: application/json\r\nX-GitHub-Event: {event}\r\nX-Hub-Signature-256: sha256={hex}\r\n"
    )
}

#[tokio::test]
async fn githubs_signature_is_checked_and_its_failures_are_reports() {
    let door = Door::usual().await;
    let path = "/api/v1/webhooks/github";
    let run = seed("github/workflow_run.json");
    let secret = SECRET;
    let post = async |headers: String, body: &str| door.post(path, &headers, body.as_bytes()).await;

    assert_eq!(post(signed("workflow_run", "another", &run), &run).await.status, 401);
    assert_eq!(post(signed("workflow_run", secret, "{}"), &run).await.status, 401);
    assert_eq!(door.json(path, &run).await.status, 401);
    assert_eq!(door.taken(), []);

    let said = post(signed("ping", secret, r#"{"zen":"z"}"#), r#"{"zen":"z"}"#).await;
    assert_eq!((said.status, &said.body["pong"]), (202, &true.into()));
    let said = post(signed("push", secret, "{}"), "{}").await;
    assert_eq!((said.status, &said.body["ignored"]), (202, &true.into()));

    assert_eq!(post(signed("workflow_run", secret, &run), &run).await.status, 202);
    let fixed = run.replace(r#""conclusion":"failure""#, r#""conclusion":"success""#);
    assert_eq!(post(signed("workflow_run", secret, &fixed), &fixed).await.status, 202);
    let deployment = seed("github/deployment_status.json");
    assert_eq!(
        post(signed("deployment_status", secret, &deployment), &deployment).await.status,
        202
    );
    let told: Vec<(String, bool)> =
        door.taken().into_iter().map(|r| (r.external_id, r.resolved)).collect();
    assert_eq!(
        told,
        [
            ("acme/shop/workflow/build/main".to_owned(), false),
            ("acme/shop/workflow/build/main".to_owned(), true),
            ("acme/shop/deployment/production".to_owned(), false),
        ]
    );

    // The example of GitHub's own documentation.
    let hello = "Content-Type: application/json\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: \
                 sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\r\n";
    let said = door.post(path, hello, b"Hello, World!").await;
    assert_eq!(said.status, 400, "signed, and no JSON");

    let without = Door::open(Desk::default(), WebhookOptions::default(), "").await;
    let said = without.post(path, &signed("ping", "", "{}"), b"{}").await;
    assert_eq!(said.status, 403);
}

/// A generator of pseudo-random numbers that is the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

/// Torn: bytes changed, taken out, doubled, swapped for what parsers trip over.
fn torn(dice: &mut Dice, seed: &[u8]) -> Vec<u8> {
    const TRIPS: [&[u8]; 12] = [
        b"\"",
        b"\\u0000",
        b"\\ud800",
        b"1e400",
        b"-",
        b"null",
        b"[[[[[[[[",
        b"{\"\":",
        b"\xff",
        b"\x00",
        b"true",
        b"99999999999999999999",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.roll(4) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.roll(bytes.len());
        let end = (at + 1 + dice.roll(24)).min(bytes.len());
        match dice.roll(5) {
            0 => bytes[at] = dice.roll(256) as u8,
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => drop(bytes.splice(at..end, TRIPS[dice.roll(TRIPS.len())].iter().copied())),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn torn_bodies_never_break_a_decoder() {
    const INPUTS_EACH: usize = 20_000;
    type Decoder = fn(&[u8]);
    let decoders: [(&str, Decoder); 6] = [
        ("webhook", receive_fuzzing::native),
        ("alertmanager", receive_fuzzing::alertmanager),
        ("grafana", receive_fuzzing::grafana),
        ("github", receive_fuzzing::github),
        ("health_url", receive_fuzzing::health_url),
        ("slack", receive_fuzzing::slack),
    ];
    for (name, decode) in decoders {
        let dir =
            format!("{}/../../fuzz/seeds/{name}", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        let mut seeds: Vec<std::path::PathBuf> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert!(!seeds.is_empty());
        let mut dice = Dice(7);
        for _ in 0..INPUTS_EACH {
            let seed = &seeds[dice.roll(seeds.len())];
            decode(&torn(&mut dice, seed));
        }
    }
}
