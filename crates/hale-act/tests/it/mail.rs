//! E-mail through a real SMTP server: aiosmtpd (Debian: python3-aiosmtpd, or PyPI), which writes each mail
//! that it takes into a Maildir. SKIPPED where it is not installed.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hale_act::NotificationKind;
use hale_model::config::{ChannelKind, NotifyChannel};
use hale_model::incident::IncidentState;

use crate::support::block_on;
use crate::team::{news, start};

struct Server {
    child: Child,
    port: u16,
    maildir: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has aiosmtpd; `HALE_SMTP_PYTHON` names one in a virtual environment.
fn python() -> Option<String> {
    let named = std::env::var("HALE_SMTP_PYTHON").ok();
    let usual = ["python3", "/usr/bin/python3"].map(ToOwned::to_owned);
    let candidates = named.into_iter().chain(usual);
    candidates.into_iter().find(|python| {
        let mut probe = Command::new(python);
        probe.args(["-c", "import aiosmtpd"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    })
}

impl Server {
    /// None: not installed.
    fn start(dir: &Path) -> Option<Server> {
        let python = python()?;
        let maildir = dir.join("maildir");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python)
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")])
            .args(["-c", "aiosmtpd.handlers.Mailbox"])
            .arg(&maildir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { child, port, maildir };
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err() {
            assert!(Instant::now() < deadline, "the SMTP server does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// The mails that came, in order.
    fn mails(&self) -> Vec<String> {
        let new = std::fs::read_dir(self.maildir.join("new"));
        let mut paths: Vec<PathBuf> =
            new.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        paths.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
        let read = |path: &PathBuf| {
            let mut text = String::new();
            std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        paths.iter().map(read).collect()
    }
}

fn channel(port: u16) -> NotifyChannel {
    NotifyChannel {
        kind: ChannelKind::Email,
        smtp_url: format!("smtp://127.0.0.1:{port}"),
        from: "hale <hale@example.org>".to_owned(),
        to: vec!["oncall@example.org".to_owned(), "boss@example.org".to_owned()],
        ..NotifyChannel::default()
    }
}

fn header<'m>(mail: &'m str, name: &str) -> &'m str {
    let found = mail.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    found.unwrap_or_else(|| panic!("no {name} in {mail}"))
}

#[test]
fn mails_of_one_incident_are_one_conversation_and_nothing_breaks_out_of_a_header() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(dir.path()) else {
        println!("SKIPPED mail: aiosmtpd is not installed (python3-aiosmtpd)");
        return;
    };
    block_on(async {
        let notifier = start(vec![channel(server.port)], &[], dir.path());
        let mut opened = news(
            "1",
            NotificationKind::IncidentOpened,
            "nginx.service failed",
            IncidentState::Open,
        );
        let title = "nginx\r\nBcc: eve@example.org\r\n\r\nfailed ✗";
        opened.incident.as_mut().unwrap().title = title.to_owned();
        notifier.send(opened);
        // Not worth a mail of its own.
        let diagnosing = IncidentState::Diagnosing;
        notifier.send(news("1", NotificationKind::Diagnosed, "the cause", diagnosing));
        let over = IncidentState::Resolved;
        notifier.send(news("1", NotificationKind::Resolved, "cured and verified in 42s", over));
        notifier.shutdown(Duration::from_secs(20)).await;
    });
    let mails = server.mails();
    assert_eq!(mails.len(), 2, "{mails:#?}");
    for mail in &mails {
        assert_eq!(header(mail, "References"), "<in-1.incident@hale.invalid>");
        assert_eq!(header(mail, "From"), "hale <hale@example.org>");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        assert_eq!(header(mail, "To"), "oncall@example.org, boss@example.org");
        assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "{mail}");
        assert!(mail.contains("the password was <secret-1>"), "{mail}");
    }
    assert_ne!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
    assert!(mails[1].contains("cured and verified in 42s"), "{}", mails[1]);
    assert!(header(&mails[1], "Subject").starts_with("[hale] HIGH web-1: "));
}

#[test]
fn a_server_that_nobody_can_sign_in_to_is_given_up_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = Server::start(dir.path()) else {
        println!("SKIPPED mail: aiosmtpd is not installed (python3-aiosmtpd)");
        return;
    };
    block_on(async {
        // aiosmtpd knows no AUTH without TLS: signing in cannot work, and is not tried in clear.
        let mut channel = channel(server.port);
        channel.smtp_user = "hale".to_owned();
        let notifier = start(vec![channel], &[("SMTP_PASSWORD", "s3cret")], dir.path());
        let opened = NotificationKind::IncidentOpened;
        notifier.send(news("1", opened, "failed", IncidentState::Open));
        let handle = notifier.handle();
        notifier.shutdown(Duration::from_secs(30)).await;
        let trouble = handle.states().pop().unwrap().trouble.unwrap();
        assert!(!trouble.contains("s3cret"), "{trouble}");
        assert!(trouble.contains("authentication"), "{trouble}");
        assert!(!trouble.contains("attempts"), "{trouble}");
    });
    assert_eq!(server.mails().len(), 0);
}
