//! Reports of others against a real agent: killed in the middle of a storm, and told by a real
//! Prometheus and a real Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bed::{Bed, Running};

const CONFIG: &str =
    "[general]\ninterval_secs = 1\nmachine_id = \"box\"\n[containers]\nengine = \"off\"\n";
const SENDERS: usize = 4;
const STORM: Duration = Duration::from_millis(1500);
/// The longest that something of another program is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A sender that keeps its connection.
struct Sender {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Sender {
    fn connect(address: &str) -> std::io::Result<Sender> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Sender { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    /// The status and the body.
    fn post(&mut self, body: &str) -> std::io::Result<(u16, String)> {
        let request = format!(
            "POST /webhook HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let mut length = 0;
        loop {
            let mut header = String::new();
            if self.stream.read_line(&mut header)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

fn body(id: &str, service: &str) -> String {
    format!(
        r#"{{"incident_id":"{id}","service":"{service}","type":"errors","severity":"medium","message":"m","logs":["one line"],"metrics":{{"rate":0.5}}}}"#
    )
}

fn incidents(bed: &Bed) -> Vec<serde_json::Value> {
    let ended = bed.hale(&["robot", "incidents", "--limit", "0"]);
    let envelope: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    envelope["data"]["incidents"].as_array().unwrap().clone()
}

/// Sends until it is told to stop or the agent is gone; the ids that were accepted, with hale's.
fn send(address: &str, sender: usize, stop: &AtomicBool) -> BTreeMap<String, String> {
    let mut accepted = BTreeMap::new();
    let Ok(mut connection) = Sender::connect(address) else { return accepted };
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let id = format!("storm-{sender}-{n}");
        let Ok((status, said)) = connection.post(&body(&id, &format!("service-{}", n % 7))) else {
            break;
        };
        if status == 202 {
            let said: serde_json::Value = serde_json::from_str(&said).unwrap();
            accepted.insert(id, said["id"].as_str().unwrap().to_owned());
        }
    }
    accepted
}

/// What a sender said stands once in the story: the alert carries its words, the report its name and logs.
#[test]
fn a_report_is_told_once() {
    let bed = Bed::new();
    bed.config(CONFIG);
    let agent = bed.up(&[]);
    let mut sender = Sender::connect(&agent.address()).unwrap();
    assert_eq!(sender.post(&body("db-7", "orders")).unwrap().0, 202);
    let deadline = Instant::now() + PATIENCE;
    let told = loop {
        let stories = incidents(&bed).into_iter().filter(|i| i["external_ids"][0] == "db-7");
        let story = stories.flat_map(|i| i["timeline"].as_array().unwrap().clone());
        let by_scout = story.filter(|e| e["agent"] == "Scout" && e["kind"] != "no_action");
        let told: Vec<String> =
            by_scout.map(|e| format!("{}: {}", e["kind"], e["text"]).replace('"', "")).collect();
        if told.len() > 3 || Instant::now() > deadline {
            break told.join("\n");
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    insta::assert_snapshot!(told, @r"
alert_opened: orders: “m” (errors, reported by a webhook)
reported: reported by a webhook as db-7
reported: log: “one line”
reported: figures: rate 0.5
");
    assert_eq!(agent.end(), 0);
}

#[test]
fn what_was_accepted_survives_a_kill_in_the_middle_of_a_storm() {
    let bed = Bed::new();
    bed.config(CONFIG);
    let agent = bed.up(&[]);
    let address = agent.address();
    let stop = AtomicBool::new(false);
    let accepted: BTreeMap<String, String> = std::thread::scope(|scope| {
        let (address, stop) = (&address, &stop);
        let senders: Vec<_> =
            (0..SENDERS).map(|n| scope.spawn(move || send(address, n, stop))).collect();
        std::thread::sleep(STORM);
        kill(agent);
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    assert!(accepted.len() > 50, "only {} were accepted", accepted.len());

    let agent = bed.up(&[]);
    let incidents = incidents(&bed);
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for incident in &incidents {
        let reported = incident["external_ids"].as_array().unwrap();
        assert!(reported.is_empty() || incident["actions"].as_array().unwrap().is_empty());
        for id in reported {
            *seen.entry(id.as_str().unwrap()).or_default() += 1;
        }
    }
    let lost: BTreeSet<&String> =
        accepted.keys().filter(|id| !seen.contains_key(id.as_str())).collect();
    assert_eq!(lost, BTreeSet::new(), "of {}", accepted.len());
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!(twice, []);
    // Whoever sends again because it never heard an answer is told the same.
    let mut sender = Sender::connect(&agent.address()).unwrap();
    for (id, hales) in accepted.iter().take(20) {
        let n: usize = id.rsplit('-').next().unwrap().parse().unwrap();
        let (status, said) = sender.post(&body(id, &format!("service-{}", n % 7))).unwrap();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!((status, said["id"].as_str()), (202, Some(hales.as_str())));
    }
    assert_eq!(agent.end(), 0);
}

fn kill(mut agent: Running) {
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
}

/// A program of another project; ended with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peer(program: &str, dir: &Path, arguments: &[String]) -> Peer {
    let log = std::fs::File::create(dir.join("peer.log")).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Peer(child)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What Prometheus watches: well from now on.
fn recover(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            let text = "victim_ready 1\n";
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
        }
    });
}

fn wait_for(bed: &Bed, what: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = incidents(bed);
        if let Some(found) = all.iter().find(|incident| what(incident)) {
            return found.clone();
        }
        assert!(Instant::now() < deadline, "{all:#?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_real_alertmanager_opens_and_ends_an_incident() {
    let (prometheus, alertmanager) = ("/usr/bin/prometheus", "/usr/bin/prometheus-alertmanager");
    if !Path::new(prometheus).exists() || !Path::new(alertmanager).exists() {
        println!(
            "SKIPPED a_real_alertmanager_opens_and_ends_an_incident: no prometheus or no prometheus-alertmanager"
        );
        return;
    }
    let bed = Bed::new();
    bed.config(CONFIG);
    let agent = bed.up(&[]);
    let (am, prom, victim) = (free_port(), free_port(), free_port());
    let (am_dir, prom_dir) = (bed.path("am"), bed.path("prom"));
    for dir in [&am_dir, &prom_dir] {
        std::fs::create_dir_all(dir).unwrap();
    }
    let hale = agent.address();
    std::fs::write(
        am_dir.join("am.yml"),
        format!(
            "route:\n  receiver: hale\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: 5s\n\
             receivers:\n- name: hale\n  webhook_configs:\n  - url: http://{hale}/api/v1/webhooks/alertmanager\n    send_resolved: true\n"
        ),
    )
    .unwrap();
    std::fs::write(
        prom_dir.join("rules.yml"),
        "groups:\n- name: g\n  rules:\n  - alert: VictimDown\n    expr: up{job=\"victim\"} == 0\n    labels:\n      severity: high\n      service: victim\n\
         \x20   annotations:\n      summary: the victim does not answer\n",
    )
    .unwrap();
    std::fs::write(
        prom_dir.join("prom.yml"),
        format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\n\
             alerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['127.0.0.1:{am}']\n\
             scrape_configs:\n- job_name: victim\n  static_configs:\n  - targets: ['127.0.0.1:{victim}']\n"
        ),
    )
    .unwrap();
    let _alertmanager = peer(
        alertmanager,
        &am_dir,
        &[
            "--config.file=am.yml".to_owned(),
            "--storage.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{am}"),
            "--cluster.listen-address=".to_owned(),
        ],
    );
    let _prometheus = peer(
        prometheus,
        &prom_dir,
        &[
            "--config.file=prom.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{prom}"),
        ],
    );
    let about = |incident: &serde_json::Value| {
        incident["title"]
            .as_str()
            .unwrap_or_default()
            .contains("(VictimDown, reported by Alertmanager)")
    };
    let opened = wait_for(&bed, about);
    assert!(opened["title"].as_str().unwrap().contains("the victim does not answer"), "{opened:#}");
    assert_eq!(opened["external_ids"].as_array().unwrap().len(), 1);
    assert_eq!(opened["actions"].as_array().unwrap().len(), 0);
    // It is repeated every few seconds, and stays the same incident.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(incidents(&bed).iter().filter(|incident| about(incident)).count(), 1);

    recover(victim);
    let over = wait_for(&bed, |incident| about(incident) && incident["state"] == "resolved");
    assert_eq!(over["id"], opened["id"]);
    assert_eq!(agent.end(), 0);
}
