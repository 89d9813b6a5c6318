//! How `hale up` opens its doors: who else than this machine gets in, and what they are shown.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use hale_model::config::{Config, Server};
use hale_serve::{DoorSettings, Doors, Identity};

use crate::context::Context;
use crate::exit::Failure;
use crate::screen::{CYAN, DIM, YELLOW, paint};

/// What stands at the address that hale listens on.
pub struct Opened {
    /// How connections are encrypted.
    pub tls: Option<Identity>,
    /// Who came in so far.
    pub doors: Arc<Doors>,
}

/// Prepares the doors. An address that other machines reach is encrypted unless the user said not to.
///
/// # Errors
/// The certificate cannot be read or made.
pub fn open(
    config: &Config,
    data_dir: &Path,
    address: Option<SocketAddr>,
    insecure_http: bool,
) -> Result<Opened, Failure> {
    let server = &config.server;
    let is_exposed = address.is_some_and(|a| !a.ip().to_canonical().is_loopback());
    let hosts = names(server);
    let tls = match address {
        Some(address) if is_exposed && !insecure_http => {
            Some(identity(server, data_dir, &hosts, address)?)
        }
        Some(_) | None => None,
    };
    let settings = DoorSettings { hosts, webhook_token: server.webhook_token.clone() };
    Ok(Opened { tls, doors: Doors::new(settings) })
}

/// Names that other machines ask for: what is configured, and the host's own.
fn names(server: &Server) -> Vec<String> {
    let mut names = server.hosts.clone();
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    if !own.is_empty() && own != "(none)" && !names.iter().any(|n| n.eq_ignore_ascii_case(own)) {
        names.push(own.to_owned());
    }
    names
}

fn identity(
    server: &Server,
    data_dir: &Path,
    hosts: &[String],
    address: SocketAddr,
) -> Result<Identity, Failure> {
    let made = if server.tls_cert.is_empty() {
        let addresses: Vec<IpAddr> =
            [address.ip()].into_iter().filter(|ip| !ip.is_unspecified()).collect();
        Identity::own(data_dir, hosts, &addresses)
    } else {
        Identity::read(Path::new(&server.tls_cert), Path::new(&server.tls_key))
    };
    made.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        Failure::failed(
            format!("{error}{cause}"),
            "name a certificate and its key, PEM files that this user can read, in `[server] tls_cert` \
             and `tls_key`; without them hale makes its own; `--insecure-http` does without",
        )
    })
}

/// Tells where the dashboard is and how to get in.
pub fn greet(context: &Context, opened: &Opened, address: SocketAddr, insecure_http: bool) {
    let is_tls = opened.tls.is_some();
    let scheme = if is_tls { "https" } else { "http" };
    let talk = |label: &str, text: &str| context.screen.talk(&format!("  {label:<11} {text}"));
    talk("dashboard", &paint(CYAN, &format!("{scheme}://{address}")));
    // Whoever may read the journal is not always who may change things here.
    if std::env::var_os("JOURNAL_STREAM").is_none()
        && let Some(link) = opened.doors.sign_in_link(address, is_tls)
    {
        talk("sign in", &paint(CYAN, &link));
        talk("", &paint(DIM, "once, within 15 minutes; `hale open` gives another link"));
    }
    if let Some(identity) = &opened.tls {
        talk("certificate", &format!("SHA-256 {}", identity.fingerprint));
    }
    if !address.ip().to_canonical().is_loopback() {
        talk(
            "",
            &paint(DIM, "other machines show a token: `hale token create NAME --role viewer`"),
        );
        if insecure_http {
            talk(
                "",
                &paint(YELLOW, "not encrypted: tokens and what is shown can be read on the way"),
            );
        }
    }
}
