//! One line a notification on stderr.

use std::io::Write as _;
use std::sync::Arc;

use hale_model::alert::Severity;
use hale_model::text::{printable, shorten};

use super::{Channel, Notification};

/// Longest line.
const MAX_LINE_BYTES: usize = 1000;

pub(super) struct Terminal {
    colour: bool,
}

impl Terminal {
    pub fn new(is_terminal: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Terminal { colour: is_terminal && !no_color }
    }
}

impl Channel for Terminal {
    fn name(&self) -> String {
        "terminal".to_owned()
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        let line = line(&notification, self.colour);
        // A pipe that nobody reads would block: not on a thread that others need.
        let write = tokio::task::spawn_blocking(move || writeln!(std::io::stderr(), "{line}"));
        // With no terminal left there is nobody to tell that.
        let _ = write.await;
        Ok(())
    }
}

/// `08:15:03 HIGH web-1 memory.high · machine: RAM in use is 93 %`
fn line(notification: &Notification, colour: bool) -> String {
    let time = notification.at.strftime("%H:%M:%SZ");
    let severity = notification.severity.as_str().to_uppercase();
    let severity = if colour {
        format!("\u{1b}[{}m{severity:<8}\u{1b}[0m", colour_of(notification.severity))
    } else {
        format!("{severity:<8}")
    };
    let mut words = format!("{} {}", notification.machine_id, notification.title);
    if !notification.text.is_empty() {
        words.push_str(": ");
        words.push_str(&notification.text.replace('\n', "; "));
    }
    if let Some(command) = notification.commands.first() {
        words.push_str(" → ");
        words.push_str(command);
    }
    format!("{time} {severity} {}", printable(&shorten(&words, MAX_LINE_BYTES)))
}

/// SGR parameters.
fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "36",
        Severity::Medium => "33",
        Severity::High => "31",
        Severity::Critical => "1;37;41",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use hale_model::{MachineId, Timestamp};

    use super::super::NotificationKind;
    use super::*;

    #[test]
    fn a_hostile_name_cannot_write_to_the_terminal() {
        let notification = Notification {
            at: Timestamp::UNIX_EPOCH,
            kind: NotificationKind::Opened,
            severity: Severity::High,
            machine_id: MachineId::from("web-1"),
            title: "process.leak · 7 (\u{1b}[2Jx)".to_owned(),
            text: "grows\nwithout end".to_owned(),
            alert: None,
            incident_id: None,
            commands: vec!["hale kill 7".to_owned()],
            key: String::new(),
            incident: None,
        };
        insta::assert_snapshot!(line(&notification, false), @"00:00:00Z HIGH     web-1 process.leak · 7 (�[2Jx): grows; without end → hale kill 7");
        assert!(
            line(&notification, true).starts_with("00:00:00Z \u{1b}[31mHIGH    \u{1b}[0m web-1")
        );
    }
}
