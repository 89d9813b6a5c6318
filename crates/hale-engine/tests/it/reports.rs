//! What others report, beside what the agent sees of the same service: a cure that did not hold is not
//! repeated, whoever says what, and a false report restarts nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hale_engine::Settings;
use hale_model::Timestamp;
use hale_model::api::{Command as Wish, ErrorKind, Query, View};
use hale_model::config::{DeclaredService, Mode};
use hale_model::panel::{Achieved, Panel, PanelView};
use hale_model::view::IncidentView;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::isolated::isolated;
use crate::world::{World, settings};

/// A service of `[[services]]`, and an address that says well or ill as it is told.
struct Shop {
    pid_file: PathBuf,
    script: PathBuf,
    says_well: Arc<AtomicBool>,
    url: String,
}

impl Shop {
    fn open(dir: &Path) -> Shop {
        let (pid_file, script) = (dir.join("shop.pid"), dir.join("restart"));
        let text = format!(
            "#!/bin/sh\nkill \"$(cat {0})\" 2>/dev/null\nsleep 600 </dev/null >/dev/null 2>&1 &\necho $! > {0}\n",
            pid_file.display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(std::process::Command::new(&script).status().unwrap().success());
        let says_well = Arc::new(AtomicBool::new(true));
        let url = answers(says_well.clone());
        Shop { pid_file, script, says_well, url }
    }

    fn pid(&self) -> i32 {
        std::fs::read_to_string(&self.pid_file).unwrap().trim().parse().unwrap()
    }

    fn kill(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    fn settings(&self, dir: &Path, health_url: &str) -> Settings {
        let mut settings = settings(dir, Mode::Auto);
        settings.config.services = vec![DeclaredService {
            name: "shop".to_owned(),
            pid_file: self.pid_file.display().to_string(),
            restart: vec![self.script.display().to_string()],
            health_url: health_url.to_owned(),
        }];
        settings.config.allowlist.restartable_units = vec!["shop".to_owned()];
        settings.config.autonomy.allow = vec![
            "service.restart@memory.high".to_owned(),
            "service.restart@http.errors".to_owned(),
        ];
        settings
    }
}

fn answers(says_well: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0_u8; 4096]);
            let status = if says_well.load(Ordering::Relaxed) { "200 OK" } else { "503 Down" };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

async fn report(world: &World, kind_text: &str, kind: &str, more: Value) {
    let mut report = json!({
        "source": "native", "external_id": format!("{kind_text}-{}", Timestamp::now()),
        "service": "shop", "unit": "shop", "kind_text": kind_text, "kind": kind,
        "severity": "high", "message": "it is ill, says somebody", "received_at": Timestamp::now(),
    });
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.handle.receive(vec![serde_json::from_value(report).unwrap()]).await.unwrap();
}

/// The newest incident about the shop that is so, within this time.
async fn incident(world: &World, secs: u64, so: impl Fn(&IncidentView) -> bool) -> IncidentView {
    let begun = Instant::now();
    loop {
        let all = world.incidents().await;
        let about = |i: &&IncidentView| i.title.contains("shop");
        if let Some(found) = all.iter().filter(about).find(|i| so(i)) {
            return found.clone();
        }
        assert!(begun.elapsed().as_secs() < secs, "not so in {secs} s: {all:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn achieved(world: &World) -> Achieved {
    let now = Timestamp::now();
    let ask = Panel::Achieved { since: now - Duration::from_secs(3600), until: now };
    match world.handle.query(Query::Panel { ask }).await.unwrap() {
        View::Panel(PanelView::Achieved(achieved)) => *achieved,
        other => panic!("{other:?}"),
    }
}

fn told(incident: &IncidentView, text: &str) -> bool {
    incident.timeline.iter().any(|line| line.text.contains(text))
}

fn is_asked_as_a_relapse(incident: &IncidentView) -> bool {
    incident.state == "awaiting_approval"
        && incident.actions.iter().any(|action| {
            action.kind == "service.restart"
                && action.state == "awaiting_approval"
                && action.reasons.iter().any(|reason| reason.starts_with("guard.relapsed"))
        })
}

#[test]
fn a_cure_that_did_not_hold_is_not_repeated_whatever_is_reported() {
    isolated("reports::a_cure_that_did_not_hold_is_not_repeated_whatever_is_reported", async {
        let dir = TempDir::new().unwrap();
        let shop = Shop::open(dir.path());
        let world = World::start_on(shop.settings(dir.path(), &shop.url)).await.unwrap();
        incident_free(&world).await;
        shop.kill();
        let cured = incident(&world, 60, |i| i.state == "resolved").await;
        assert!(told(&cured, "cured and verified"), "{cured:#?}");
        let run = shop.pid();
        // Ill at its own address, and reported as another trouble each time.
        shop.says_well.store(false, Ordering::Relaxed);
        for (kind_text, kind) in [("memory", "memory.high"), ("errors", "http.errors")] {
            report(&world, kind_text, kind, json!({})).await;
            let asked = |i: &IncidentView| {
                is_asked_as_a_relapse(i) && told(i, &format!("({kind_text}, reported by"))
            };
            incident(&world, 60, asked).await;
        }
        shop.says_well.store(true, Ordering::Relaxed);
        assert_eq!(shop.pid(), run, "it was restarted again");
        // Seen by the agent itself.
        shop.kill();
        incident(&world, 60, |i| is_asked_as_a_relapse(i) && told(i, "failed")).await;
        assert_eq!(shop.pid(), run, "it was restarted again");
        assert_eq!(achieved(&world).await.cured_alone, 1);
        world.stop().await;
    });
}

/// The agent has looked for a while and found nothing.
async fn incident_free(world: &World) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.incidents().await, Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_says_something_and_a_span_has_a_length() {
    let world = World::start(Mode::Observe).await;
    report(
        &world,
        "errors",
        "http.errors",
        json!({ "external_id": "of-the-sender", "unit": null }),
    )
    .await;
    let about = incident(&world, 30, |_| true).await;
    let note = async |text: String| {
        let id = "of-the-sender".into();
        world.wish(Wish::NoteIncident { id, text }).await
    };
    for (text, why) in [
        ("", "the note is empty"),
        (" \n ", "the note is empty"),
        (&*"x".repeat(16385), "the note has 16385 bytes, over 16384"),
    ] {
        let error = note(text.to_owned()).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Usage, why));
    }
    let View::Incident(noted) = note("seen by a person".to_owned()).await.unwrap() else {
        panic!("a note gave another answer")
    };
    assert!(noted.id == about.id && told(&noted, "seen by a person"), "{noted:#?}");
    let (until, hour) = (Timestamp::now(), Duration::from_secs(3600));
    let since = until + hour;
    let metrics = vec!["cpu_total".to_owned()];
    for ask in [
        Panel::Achieved { since, until },
        Panel::Journal { since, until, priority_max: 7, search: String::new(), limit: 1 },
        Panel::Series { metrics, since, until, points: 2 },
    ] {
        let error = world.handle.query(Query::Panel { ask }).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Usage);
        assert!(error.message.starts_with("`until` (") && error.message.contains("is not after"));
    }
    world.stop().await;
}

const LADDER: &str = "\
schema: hale.playbook.v1
name: shop-again
version: 1
title: The shop
trigger:
  alerts: [service.failed]
diagnosis:
  cause_kind: shop_down
  explanation: '{subject} fell over.'
treatment:
  - rung: restart
    steps:
      - {action: service.restart, why: It may have been bad luck.}
  - rung: look
    steps:
      - {action: command.run, command: uptime, why: It was not.}
escalation: {tell: the shop's people}
";

#[test]
fn after_a_relapse_the_ladder_goes_on_with_its_next_rung() {
    isolated("reports::after_a_relapse_the_ladder_goes_on_with_its_next_rung", async {
        let dir = TempDir::new().unwrap();
        let shop = Shop::open(dir.path());
        let mut settings = shop.settings(dir.path(), &shop.url);
        settings.user_playbooks = vec![("shop.yaml".to_owned(), LADDER.to_owned())];
        let world = World::start_on(settings).await.unwrap();
        incident_free(&world).await;
        // Another trouble, and no playbook: what cured it is no rung to stand on again.
        shop.says_well.store(false, Ordering::Relaxed);
        report(&world, "memory", "memory.high", json!({})).await;
        incident(&world, 30, |i| told(i, "service.restart shop: allow")).await;
        shop.says_well.store(true, Ordering::Relaxed);
        incident(&world, 60, |i| i.state == "resolved").await;
        let run = shop.pid();
        shop.kill();
        let second = incident(&world, 60, |i| i.state == "awaiting_approval").await;
        let kinds: Vec<&str> = second.actions.iter().map(|a| a.kind.as_str()).collect();
        assert_eq!(kinds, ["command.run"], "{second:#?}");
        assert_eq!(shop.pid(), run, "it was restarted again");
        world.stop().await;
    });
}

/// One sender names the unit, another only the service: a cure of the one is a cure of the other.
#[test]
fn what_else_was_reported_about_the_thing_is_over_with_its_cure() {
    isolated("reports::what_else_was_reported_about_the_thing_is_over_with_its_cure", async {
        let dir = TempDir::new().unwrap();
        let shop = Shop::open(dir.path());
        let world = World::start_on(shop.settings(dir.path(), &shop.url)).await.unwrap();
        incident_free(&world).await;
        shop.says_well.store(false, Ordering::Relaxed);
        report(&world, "errors", "http.errors", json!({ "unit": null })).await;
        report(&world, "memory", "memory.high", json!({})).await;
        incident(&world, 30, |i| told(i, "service.restart shop: allow")).await;
        shop.says_well.store(true, Ordering::Relaxed);
        let cured = incident(&world, 20, |i| i.state == "resolved").await;
        assert!(told(&cured, "(errors, reported by") && told(&cured, "(memory, reported by"));
        assert_eq!(cured.actions.len(), 1, "{cured:#?}");
        world.stop().await;
    });
}

#[test]
fn a_false_report_restarts_nothing_and_is_over_when_it_was_watched() {
    isolated("reports::a_false_report_restarts_nothing_and_is_over_when_it_was_watched", async {
        let dir = TempDir::new().unwrap();
        let shop = Shop::open(dir.path());
        // The address is of the sender's own choice, and says what the sender wants.
        shop.says_well.store(false, Ordering::Relaxed);
        let world = World::start_on(shop.settings(dir.path(), "")).await.unwrap();
        incident_free(&world).await;
        let run = shop.pid();
        report(&world, "crash", "service.failed", json!({ "health_url": shop.url })).await;
        let doubted = incident(&world, 30, |i| i.state == "escalated").await;
        assert!(told(&doubted, "reported, but hale sees shop healthy (active"), "{doubted:#?}");
        let over = incident(&world, 90, |i| i.state == "resolved").await;
        assert_eq!(over.id, doubted.id);
        assert!(
            told(&over, "watched for 60 s: it stayed well, though it is reported"),
            "{over:#?}"
        );
        assert!(told(&over, "over without an action by hale"), "{over:#?}");
        assert!(over.actions.is_empty(), "{over:#?}");
        assert_eq!(shop.pid(), run, "it was restarted");
        let so_far = achieved(&world).await;
        let figures = (so_far.incidents, so_far.cured_alone, so_far.over_by_itself, so_far.actions);
        assert_eq!((figures, so_far.saved_minutes), ((1, 0, 1, 0), 0.0));
        let runbook = Query::Runbook { alert_kind: None, limit: 0 };
        let View::Runbook(learned) = world.handle.query(runbook).await.unwrap() else {
            panic!("the runbook gave another answer")
        };
        assert_eq!(learned.lessons, Vec::new());
        // That it was disproved once makes nobody blind for the real thing.
        shop.kill();
        let cured = incident(&world, 90, |i| i.id != over.id && i.state == "resolved").await;
        assert!(told(&cured, "cured and verified"), "{cured:#?}");
        assert_ne!(shop.pid(), run);
        world.stop().await;
    });
}
