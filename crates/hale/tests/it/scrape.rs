//! A running agent that scrapes a real Prometheus exporter, and targets that are wrong.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::Bed;

const EXPORTER: &str = "/usr/bin/prometheus-node-exporter";
const WITHIN: Duration = Duration::from_secs(30);

/// Ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn exporter(port: u16) -> Peer {
    let mut command = Command::new(EXPORTER);
    command.args(["--collector.disable-defaults", "--collector.loadavg", "--collector.meminfo"]);
    command.args(["--collector.stat", &format!("--web.listen-address=127.0.0.1:{port}")]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let peer = Peer(child.spawn().unwrap());
    let until = Instant::now() + WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the exporter does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    peer
}

fn wait_for(bed: &Bed, arguments: &[&str], what: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + WITHIN;
    loop {
        let ended = bed.hale(arguments);
        let seen: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        if what(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "{arguments:?}: {seen:#} {}", ended.stderr);
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn source(status: &Value) -> Option<&Value> {
    let sources = status.pointer("/data/sources").or_else(|| status.get("sources"))?;
    sources.as_array()?.iter().find(|s| s["source"] == "scrape")
}

const RULE: &str = r#"
kind = "exporter.memory"
scope = "metric"
only = "node_memory_MemTotal_bytes"
when = "metric.value > 1000.0 && metric.labels.site == 'lab'"
severity = "low"
vars = { total = "metric.value", target = "metric.target" }
evidence = { metric = "node_memory_MemTotal_bytes", value = "metric.value", unit = "bytes" }

[message]
en = "{target} has {total:bytes} of memory"
"#;

#[test]
fn a_real_exporter_is_seen_by_queries_and_rules_and_missed_when_it_is_gone() {
    if !Path::new(EXPORTER).exists() {
        println!("SKIPPED a_real_exporter_is_seen: no prometheus-node-exporter");
        return;
    }
    let bed = Bed::new();
    let port = free_port();
    let peer = exporter(port);
    bed.config(&format!(
        "[general]\ninterval_secs = 1\n[notifications]\ndesktop = false\n\
         [otlp]\nenabled = false\n[history]\nsnapshot_interval_secs = 1\n\
         [[scrape]]\nname = \"node\"\nurl = \"http://127.0.0.1:{port}/metrics\"\ninterval_secs = 1\n\
         metrics = [\"node_*\"]\nlabels = [\"site=lab\"]\n"
    ));
    std::fs::create_dir_all(bed.path(".config/hale/rules")).unwrap();
    std::fs::write(bed.path(".config/hale/rules/memory.toml"), RULE).unwrap();
    let agent = bed.up(&[]);
    let fresh = |seen: &Value| source(seen).is_some_and(|s| s["state"] == "fresh");
    wait_for(&bed, &["robot", "status"], fresh);
    let alerted = wait_for(&bed, &["alerts", "list", "--json"], |seen| {
        seen.to_string().contains("exporter.memory")
    });
    assert!(alerted.to_string().contains("node has "), "{alerted:#}");
    assert!(alerted.to_string().contains("node/node_memory_MemTotal_bytes"), "{alerted:#}");
    let sql = "SELECT metric, subject, unit, raw_json->>'$.labels.site' AS site, \
               raw_json->>'$.kind' AS kind, max((raw_json->>'$.per_sec')::DOUBLE) > 0 AS rate \
               FROM metric_points WHERE source = 'scrape' AND \
               metric IN ('node_memory_MemTotal_bytes', 'node_context_switches_total', 'up', 'go_info') \
               GROUP BY ALL ORDER BY metric, kind";
    let rows = wait_for(&bed, &["query", sql, "--format", "json"], |rows| {
        rows.as_array().is_some_and(|rows| rows.len() == 3 && rows[0]["rate"] == true)
    });
    let told = |at: usize| {
        let row = &rows[at];
        ["metric", "subject", "unit", "site", "kind"].map(|c| row[c].as_str().unwrap_or("-"))
    };
    assert_eq!(
        [told(0), told(1), told(2)],
        [
            ["node_context_switches_total", "node{site=\"lab\"}", "", "lab", "counter"],
            ["node_memory_MemTotal_bytes", "node{site=\"lab\"}", "bytes", "lab", "gauge"],
            ["up", "node", "", "-", "-"],
        ]
    );

    drop(peer);
    let stale = |seen: &Value| source(seen).is_some_and(|s| s["state"] == "stale");
    let gone = wait_for(&bed, &["robot", "status"], stale);
    let note = source(&gone).unwrap()["note"].as_str().unwrap().to_owned();
    assert!(note.starts_with("node: ") && note.contains("refused"), "{note}");
    // What can no longer be seen is not over.
    let open = wait_for(&bed, &["alerts", "list", "--json"], |seen| {
        seen.to_string().contains("source.stale")
    });
    assert!(open.to_string().contains("exporter.memory"), "{open:#}");
    assert_eq!(agent.end(), 0);
}

/// Answers every request with the same bytes, then closes.
fn answers(bytes: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(&bytes);
        }
    });
    port
}

#[test]
fn wrong_targets_are_told_apart_and_cost_nothing() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let endless = format!("{head}{}", "a 1\n".repeat(3 * 1024 * 1024));
    let elsewhere =
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nConnection: close\r\n\r\n";
    let targets = [
        ("page", answers(format!("{head}<html><body>hello</body></html>").into_bytes())),
        ("large", answers(endless.into_bytes())),
        ("moved", answers(elsewhere.as_bytes().to_vec())),
        ("none", free_port()),
    ];
    let expected = [
        "page: what it answers is not in the Prometheus text format",
        "large: it says more than 8388608 bytes",
        "moved: it answers 302 Found",
        "and 1 more",
    ];
    let bed = Bed::new();
    let mut config =
        "[general]\ninterval_secs = 1\n[notifications]\ndesktop = false\n[otlp]\nenabled = false\n"
            .to_owned();
    for (name, port) in targets {
        config.push_str(&format!(
            "[[scrape]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/metrics\"\n"
        ));
    }
    bed.config(&config);
    let agent = bed.up(&[]);
    let all = expected.join("; ");
    wait_for(&bed, &["robot", "status"], |seen| source(seen).is_some_and(|s| s["note"] == all));
    assert_eq!(agent.end(), 0);

    bed.config("[[scrape]]\nname = \"node\"\nurl = \"file:///etc/passwd\"\n");
    let refused = bed.hale(&["up"]);
    assert!(refused.code != 0 && refused.stderr.contains("scrape"), "{}", refused.stderr);
}
