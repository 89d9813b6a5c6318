//! A running agent that receives telemetry, from the real SDKs and from senders that are wrong.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Bed, Running, repository};

const WITHIN: Duration = Duration::from_secs(30);

fn agent(bed: &Bed) -> Running {
    bed.config(
        "[general]\ninterval_secs = 1\n[notifications]\ndesktop = false\n\
         [otlp]\ngrpc_listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n",
    );
    bed.up(&[])
}

/// `grpc 127.0.0.1:4317, http 127.0.0.1:4318`
fn address(agent: &Running, scheme: &str) -> String {
    let said = agent.said();
    let words: Vec<&str> = said.split([' ', '\n']).collect();
    let at = words.iter().position(|w| *w == scheme).unwrap_or_else(|| panic!("{said}"));
    words[at + 1].trim_end_matches(',').to_owned()
}

fn services(bed: &Bed) -> Value {
    let robot = bed.hale(&["robot", "services"]);
    serde_json::from_str(&robot.stdout).unwrap_or_else(|e| panic!("{e}: {}", robot.stdout))
}

fn service<'a>(envelope: &'a Value, name: &str) -> Option<&'a Value> {
    envelope["data"]["services"].as_array()?.iter().find(|s| s["service"] == name)
}

/// Installs an SDK once; none, having said so, where that cannot be.
fn sdk(test: &str, which: &str) -> Option<String> {
    let script = repository("scripts/otel-sdks");
    let output = Command::new(script).arg(which).output().unwrap();
    if output.status.code() == Some(3) {
        let why = String::from_utf8_lossy(&output.stderr);
        eprintln!("SKIPPED {test}: {}", why.lines().last().unwrap_or_default());
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn send(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Failed to export"), "{said}");
}

fn wait_for(bed: &Bed, what: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + WITHIN;
    loop {
        let seen = services(bed);
        if what(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "{seen:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_python_sdk_sends_traces_metrics_and_logs_over_grpc_and_http() {
    let Some(dir) = sdk("the_python_sdk", "python") else { return };
    let bed = Bed::new();
    let agent = agent(&bed);
    for protocol in ["grpc", "http"] {
        let at = address(&agent, protocol);
        let at = if protocol == "http" { format!("http://{at}") } else { at };
        let mut command = bed.program(&format!("{dir}/bin/python"));
        command.arg(repository("fixtures/otel/send.py")).args([protocol, &at, "60"]);
        send(command);
        let quotes = format!("quotes-{protocol}");
        let seen = wait_for(&bed, |seen| {
            service(seen, &quotes).is_some_and(|s| {
                s["requests"] == 60 && s["metrics"][0]["value"].is_number() && s["suspect"] == true
            })
        });
        let found = service(&seen, &quotes).unwrap();
        assert_eq!((&found["errors"], &found["health"]), (&30.into(), &"failing".into()));
        assert_eq!(found["instances"][0]["version"], "1.2.3");
        assert!(found["exemplars"].to_string().contains("premium is negative"), "{found:#}");
        assert_eq!(found["error_logs"][0]["template"], "quote # failed: premium is negative");
        let web = service(&seen, &format!("web-{protocol}")).unwrap();
        assert_eq!((&web["errors"], &web["passed_on_errors"]), (&30.into(), &30.into()));
        let edges = seen["data"]["edges"].as_array().unwrap();
        let edge = edges.iter().find(|e| e["to"] == quotes.as_str()).unwrap();
        assert_eq!(edge["answered"], 60);
    }
    let alerts = bed.hale(&["alerts", "list", "--json"]).stdout;
    assert!(alerts.contains("http.errors") && alerts.contains("service"), "{alerts}");
    assert_eq!(agent.end(), 0);
}

#[test]
fn the_javascript_sdk_sends_over_grpc_json_and_protobuf() {
    let Some(dir) = sdk("the_javascript_sdk", "javascript") else { return };
    let bed = Bed::new();
    let agent = agent(&bed);
    for protocol in ["grpc", "http-json", "http-protobuf"] {
        let at = address(&agent, &protocol[..4]);
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = bed.program("node");
        command.env("PATH", path).env("OTEL_SDK_DIR", &dir);
        command.arg(repository("fixtures/otel/send.js"));
        command.args([protocol, &format!("http://{at}"), "40"]);
        send(command);
        let name = format!("js-{protocol}");
        let seen = wait_for(&bed, |seen| service(seen, &name).is_some());
        let found = service(&seen, &name).unwrap();
        assert_eq!((&found["requests"], &found["errors"]), (&40.into(), &10.into()));
    }
}

fn post(at: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
    .unwrap();
    // Refused before it is read to its end: then writing fails, which is fine.
    let _ = stream.write_all(body);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn wrong_senders_are_told_what_is_wrong_and_cost_nothing() {
    let bed = Bed::new();
    let agent = agent(&bed);
    let at = address(&agent, "http");
    let json = "Content-Type: application/json\r\n";
    let protobuf = "Content-Type: application/x-protobuf\r\n";
    let large = vec![0; 5 * 1024 * 1024];
    let cases: [(&str, String, &[u8], &str); 10] = [
        ("/v1/traces", json.to_owned(), b"{}", "200"),
        ("/v1/traces", json.to_owned(), b"{\"resourceSpans\":", "400"),
        ("/v1/traces", protobuf.to_owned(), b"\x0a\xff\xff", "400"),
        ("/v1/logs", protobuf.to_owned(), b"", "200"),
        ("/v1/traces", "Content-Type: text/plain\r\n".to_owned(), b"{}", "415"),
        ("/v1/traces", format!("{json}Origin: http://evil.example\r\n"), b"{}", "403"),
        ("/v1/traces", format!("{json}Content-Encoding: br\r\n"), b"{}", "415"),
        ("/v1/traces", format!("{json}Content-Encoding: gzip\r\n"), b"{}", "400"),
        ("/v1/profiles", json.to_owned(), b"{}", "404"),
        ("/v1/traces", protobuf.to_owned(), &large, "413"),
    ];
    for (path, headers, body, expected) in cases {
        let reply = post(&at, path, &headers, body);
        assert!(
            reply.starts_with(&format!("HTTP/1.1 {expected}")),
            "{path} {headers}: {reply:.300}"
        );
    }
    let refused = wait_for(&bed, |seen| seen["data"]["intake"]["refused_requests"] == 8);
    assert_eq!(refused["data"]["intake"]["spans"], 0);
    assert_eq!(agent.end(), 0);
}

#[test]
fn the_age_of_the_source_is_that_of_the_newest_data() {
    let bed = Bed::new();
    let agent = agent(&bed);
    let at = address(&agent, "http");
    let say = || {
        let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name",
            "value":{"stringValue":"quiet"}}]},"scopeLogs":[{"logRecords":[{"severityNumber":17,
            "body":{"stringValue":"oops"}}]}]}]}"#;
        let reply = post(&at, "/v1/logs", "Content-Type: application/json\r\n", body);
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    };
    let age = |seen: &Value| seen["staleness"]["otlp"].as_u64();
    assert_eq!(age(&services(&bed)), None, "nobody ever said anything");
    say();
    wait_for(&bed, |seen| age(seen).is_some());
    wait_for(&bed, |seen| age(seen) >= Some(4));
    // Hale's own looks went on all the time.
    assert!(services(&bed)["staleness"]["process"].as_u64() < Some(4));
    say();
    wait_for(&bed, |seen| age(seen) < Some(4));
    assert_eq!(agent.end(), 0);
}

#[test]
fn a_port_in_use_is_a_warning() {
    let bed = Bed::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    bed.config(&format!("[otlp]\ngrpc_listen = \"{at}\"\nhttp_listen = \"\"\n"));
    let agent = bed.up(&[]);
    assert!(agent.said().contains(&format!("cannot listen on {at}")), "{}", agent.said());
    assert_eq!(agent.end(), 0);
}
