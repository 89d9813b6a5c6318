//! The decoders of what strangers send, each as a function of bytes, for the targets in `fuzz/` and for
//! the tests that feed them torn seeds. Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where a decoder does, and where its answer breaks a promise of its own.

use hale_model::Timestamp;
use hale_model::report::Report;
use hale_model::text::{printable, printable_lines};

use super::alertmanager::{self, Envelope};
use super::body::Wrong;
use super::{github, names, webhook};

const OWN_PORT: Option<u16> = Some(7979);

/// `POST /webhook`.
pub fn native(bytes: &[u8]) {
    judge(webhook::read(bytes, Timestamp::UNIX_EPOCH, OWN_PORT).map(|read| vec![read.report]));
}

/// Alertmanager's notification.
pub fn alertmanager(bytes: &[u8]) {
    judge(alertmanager::read(Envelope::Alertmanager, bytes, Timestamp::UNIX_EPOCH, OWN_PORT));
}

/// Grafana's notification.
pub fn grafana(bytes: &[u8]) {
    judge(alertmanager::read(Envelope::Grafana, bytes, Timestamp::UNIX_EPOCH, OWN_PORT));
}

/// GitHub's events.
pub fn github(bytes: &[u8]) {
    for event in ["workflow_run", "deployment_status", "push"] {
        judge(github::read(event, bytes, Timestamp::UNIX_EPOCH).map(|r| r.into_iter().collect()));
    }
    assert!(!github::is_signed("secret", b"body", &String::from_utf8_lossy(bytes)));
}

/// What Slack sends: what is taken holds ids that are plain words.
pub fn slack(bytes: &[u8]) {
    use super::slack::Interaction;
    let is_plain = |id: &str| id.bytes().all(|b| b.is_ascii_graphic()) && !id.is_empty();
    match super::slack::read(bytes) {
        Ok(Interaction::Pressed { approval, channel, user, .. })
        | Ok(Interaction::Typed { approval, channel, user, .. }) => {
            assert!([&approval, &channel, &user].into_iter().all(|id| is_plain(id)));
        }
        Ok(Interaction::Other) => {}
        Err(refusal) => {
            assert_eq!(refusal.status().as_u16(), 400);
            assert!(!refusal.error().message.chars().any(char::is_control));
        }
    }
}

/// An address of health.
pub fn health_url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(url) = names::health_url(&text, OWN_PORT) {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        assert!(matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"), "{url}");
        assert!(!authority.is_empty() && !authority.contains('@'), "{url}");
        assert!(!url.contains(char::is_whitespace), "{url}");
    }
}

fn judge(read: Result<Vec<Report>, Wrong>) {
    match read {
        Ok(reports) => reports.iter().for_each(promises),
        Err(wrong) => {
            assert!(matches!(wrong.status.as_u16(), 400 | 422));
            assert_eq!(wrong.status.as_u16() == 422, wrong.field.is_some());
            assert!(!wrong.message.chars().any(char::is_control), "{}", wrong.message);
            assert!(!wrong.message.is_empty() && !wrong.hint.is_empty());
        }
    }
}

fn promises(report: &Report) {
    let lines = [&report.external_id, &report.service, &report.kind_text];
    for text in lines.into_iter().chain(&report.host).chain(&report.occurrence) {
        assert!(text.len() <= names::NAME_BYTES_MAX && printable(text) == *text, "{text:?}");
    }
    assert!(!report.external_id.is_empty() && !report.kind.as_str().is_empty());
    assert!(report.message.len() <= names::MESSAGE_BYTES_MAX);
    assert_eq!(printable_lines(&report.message), report.message);
    assert!(
        report.logs.len() <= names::LOG_LINES_MAX && report.metrics.len() <= names::METRICS_MAX
    );
    assert!(report.metrics.values().all(|value| value.is_finite()));
    let plain = |name: &String| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@:\\".contains(c))
            && !name.starts_with('-')
    };
    assert!(report.container.iter().chain(&report.unit).all(plain));
    assert!(report.pid.is_none_or(|pid| pid > 0));
    // The last digit of a figure may be lost on the way to the disk; nothing else is.
    let report = Report { metrics: std::collections::BTreeMap::new(), ..report.clone() };
    let again = serde_json::to_string(&report).map(|text| serde_json::from_str::<Report>(&text));
    assert_eq!(again.ok().and_then(Result::ok), Some(report));
}
