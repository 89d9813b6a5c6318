//! The notification service as a whole: what reaches which channel.

use std::path::Path;
use std::time::{Duration, Instant};

use hale_act::notify::{Masking, Secrets};
use hale_act::{Notification, NotificationKind, Notifier, NotifySettings};
use hale_model::alert::Severity;
use hale_model::config::Notifications;
use hale_model::{MachineId, Timestamp};

use crate::support::block_on;

pub fn quiet(webhook_url: String) -> Notifications {
    Notifications { terminal: false, desktop: false, webhook_url, ..Notifications::default() }
}

pub fn start(config: Notifications, data_dir: &Path) -> Notifier {
    let machine = MachineId::from("web-1");
    Notifier::start(NotifySettings {
        config,
        data_dir: data_dir.to_owned(),
        terminal: false,
        machine,
        secrets: Secrets::from_fn(|_| None),
        masking: Masking::new(|_, text| text.to_owned()),
    })
}

pub fn note(key: &str, severity: Severity) -> Notification {
    Notification {
        at: Timestamp::UNIX_EPOCH,
        kind: NotificationKind::Opened,
        severity,
        machine_id: MachineId::from("web-1"),
        title: format!("memory.high · {key}"),
        text: "RAM is at 93 %".to_owned(),
        alert: None,
        incident_id: None,
        commands: vec!["hale status".to_owned()],
        key: key.to_owned(),
        incident: None,
    }
}

pub fn lines(data_dir: &Path) -> Vec<Notification> {
    let text = std::fs::read_to_string(data_dir.join("alerts.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_file_gets_every_line_that_is_bad_enough_before_shutdown_returns() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let notifier = start(quiet(String::new()), dir.path());
        for i in 0..100 {
            notifier.send(note(&i.to_string(), Severity::High));
        }
        notifier.send(note("small", Severity::Low));
        notifier.shutdown(Duration::from_secs(10)).await;
    });
    let lines = lines(dir.path());
    assert_eq!(lines.len(), 100);
    assert_eq!(lines[7], note("7", Severity::High));
}

#[test]
fn sending_never_waits_even_when_nobody_takes() {
    let dir = tempfile::tempdir().unwrap();
    // One thread, and it never yields: no task can run meanwhile, so every queue fills up.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let notifier = start(quiet(String::new()), dir.path());
        let started = Instant::now();
        for i in 0..50_000 {
            notifier.send(note(&i.to_string(), Severity::High));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        notifier.shutdown(Duration::from_secs(10)).await;
    });
    let kept = lines(dir.path()).len();
    assert!((1..=1024).contains(&kept), "{kept}");
}
