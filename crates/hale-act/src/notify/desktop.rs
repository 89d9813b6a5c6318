//! The desktop's notification service (freedesktop.org), on the session bus of hale's user.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hale_model::alert::Severity;
use hale_model::text::{printable, shorten};
use tokio::time::Instant;
use zbus::Connection;
use zbus::zvariant::Value;

use super::{Channel, Notification};

const CALL_LIMIT: Duration = Duration::from_secs(5);
/// After a failure the bus is left alone for this long.
const RETRY_AFTER: Duration = Duration::from_secs(300);
const MAX_BODY_BYTES: usize = 1000;

/// The names are the specification's: desktop-notifications 1.2.
mod wire {
    use std::collections::HashMap;

    use zbus::proxy;
    use zbus::zvariant::Value;

    #[proxy(
        interface = "org.freedesktop.Notifications",
        default_service = "org.freedesktop.Notifications",
        default_path = "/org/freedesktop/Notifications",
        gen_blocking = false
    )]
    pub trait Notifications {
        #[expect(clippy::too_many_arguments, reason = "the specification's call has eight")]
        fn notify(
            &self,
            app_name: &str,
            replaces_id: u32,
            app_icon: &str,
            summary: &str,
            body: &str,
            actions: &[&str],
            hints: HashMap<&str, Value<'_>>,
            expire_timeout: i32,
        ) -> zbus::Result<u32>;

        fn get_server_information(&self) -> zbus::Result<(String, String, String, String)>;
    }
}

pub(super) struct Desktop {
    /// None: the session bus that the environment names.
    address: Option<String>,
    connection: Option<Connection>,
    /// Since it failed: until when it is left alone, and why.
    silent: Option<(Instant, String)>,
}

impl Desktop {
    pub fn session() -> Self {
        Desktop { address: None, connection: None, silent: None }
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        match &self.address {
            Some(address) => zbus::connection::Builder::address(address.as_str())?.build().await,
            None => Connection::session().await,
        }
    }

    async fn show(&mut self, notification: &Notification) -> zbus::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let hints = HashMap::from([("urgency", Value::U8(urgency(notification.severity)))]);
        let summary = printable(&format!(
            "{}: {} {}",
            notification.machine_id, notification.severity, notification.title
        ));
        wire::NotificationsProxy::new(&connection)
            .await?
            .notify("hale", 0, "dialog-warning", &summary, &body(notification), &[], hints, -1)
            .await?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl Channel for Desktop {
    fn name(&self) -> String {
        "desktop".to_owned()
    }

    fn is_optional(&self) -> bool {
        true
    }

    async fn deliver(&mut self, notification: Arc<Notification>) -> Result<(), String> {
        if let Some((until, why)) = &self.silent
            && Instant::now() < *until
        {
            return Err(why.clone());
        }
        let why = match tokio::time::timeout(CALL_LIMIT, self.show(&notification)).await {
            Ok(Ok(())) => {
                self.silent = None;
                return Ok(());
            }
            Ok(Err(error)) => format!("no desktop session takes it: {error}"),
            Err(_) => format!("the desktop did not answer within {} s", CALL_LIMIT.as_secs()),
        };
        self.connection = None;
        self.silent = Some((Instant::now() + RETRY_AFTER, why.clone()));
        Err(why)
    }
}

fn urgency(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 0,
        Severity::Medium | Severity::High => 1,
        Severity::Critical => 2,
    }
}

/// Servers read the body as markup.
fn body(notification: &Notification) -> String {
    let text: Vec<String> = notification.text.lines().map(printable).collect();
    shorten(&text.join("\n"), MAX_BODY_BYTES)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Whether desktop notifications can be shown.
///
/// # Errors
/// Why not, in words: no session bus, no notification service, no answer.
pub async fn desktop_available() -> Result<(), String> {
    available(&Desktop::session()).await
}

async fn available(desktop: &Desktop) -> Result<(), String> {
    let ask = async {
        let connection = desktop.connect().await.map_err(|e| format!("no session bus: {e}"))?;
        let proxy = wire::NotificationsProxy::new(&connection).await.map_err(|e| e.to_string())?;
        proxy.get_server_information().await.map_err(|e| format!("no notification service: {e}"))
    };
    match tokio::time::timeout(CALL_LIMIT, ask).await {
        Ok(answer) => answer.map(|_| ()),
        Err(_) => Err(format!("the session bus did not answer within {} s", CALL_LIMIT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::disallowed_methods,
        reason = "tests"
    )]
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use hale_model::{MachineId, Timestamp};

    use super::super::NotificationKind;
    use super::*;

    type Shown = Arc<Mutex<Vec<(String, String, u8)>>>;

    struct Server(Shown);

    #[zbus::interface(name = "org.freedesktop.Notifications")]
    impl Server {
        #[expect(clippy::too_many_arguments, reason = "the specification's call has eight")]
        async fn notify(
            &self,
            app_name: String,
            _replaces_id: u32,
            _app_icon: String,
            summary: String,
            body: String,
            _actions: Vec<String>,
            hints: HashMap<String, zbus::zvariant::OwnedValue>,
            _expire_timeout: i32,
        ) -> u32 {
            assert_eq!(app_name, "hale");
            let urgency = u8::try_from(hints["urgency"].try_clone().unwrap()).unwrap();
            self.0.lock().unwrap().push((summary, body, urgency));
            1
        }

        async fn get_server_information(&self) -> (String, String, String, String) {
            ("test".into(), "hale".into(), "1".into(), "1.2".into())
        }
    }

    fn note() -> Arc<Notification> {
        Arc::new(Notification {
            at: Timestamp::UNIX_EPOCH,
            kind: NotificationKind::Opened,
            severity: Severity::Critical,
            machine_id: MachineId::from("web-1"),
            title: "memory.high · machine".to_owned(),
            text: "RAM <b>93 %</b> & more".to_owned(),
            alert: None,
            incident_id: None,
            commands: Vec::new(),
            key: String::new(),
            incident: None,
        })
    }

    #[tokio::test]
    async fn the_service_shows_it_and_text_is_not_markup() {
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = daemon else {
            eprintln!("SKIPPED the_service_shows_it_and_text_is_not_markup: no dbus-daemon");
            return;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let mut desktop =
            Desktop { address: Some(address.clone()), connection: None, silent: None };
        let why = available(&desktop).await.unwrap_err();
        assert!(why.starts_with("no notification service"), "{why}");

        let shown = Shown::default();
        let _server = zbus::connection::Builder::address(address.as_str())
            .unwrap()
            .serve_at("/org/freedesktop/Notifications", Server(Arc::clone(&shown)))
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        available(&desktop).await.unwrap();
        desktop.deliver(note()).await.unwrap();
        let expected = (
            "web-1: critical memory.high · machine".to_owned(),
            "RAM &lt;b&gt;93 %&lt;/b&gt; &amp; more".to_owned(),
            2,
        );
        assert_eq!(*shown.lock().unwrap(), [expected]);
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    #[tokio::test]
    async fn without_a_bus_it_is_silent_for_a_while() {
        let address = Some("unix:path=/nonexistent/bus".to_owned());
        let mut desktop = Desktop { address, connection: None, silent: None };
        assert!(available(&desktop).await.unwrap_err().starts_with("no session bus"));
        for _ in 0..2 {
            let why = desktop.deliver(note()).await.unwrap_err();
            assert!(why.starts_with("no desktop session takes it"), "{why}");
        }
        assert!(desktop.silent.is_some());
    }
}
