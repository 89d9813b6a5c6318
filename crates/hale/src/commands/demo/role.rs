//! What `hale demo` starts of this very program: one service of the marketplace, the check of its
//! health, and the program that restarts it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hale_demo::{Addresses, Role, RoleSettings, TargetKind};

use crate::exit::{Ended, Exit, Failure};

/// The supervisor answers when the service listens again.
const RESTART_LIMIT: Duration = Duration::from_secs(20);
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 4096;
/// The variable with the token for webhooks: an argument could be read by everyone.
pub const TOKEN_ENV: &str = "HALE_DEMO_WEBHOOK_TOKEN";

/// The variable with the address that is probed: one image serves all services, and its check is part of it.
pub const PROBE_ENV: &str = "HALE_DEMO_PROBE";

/// `hale demo-role`
#[derive(Debug, Subcommand)]
pub enum DemoRoleCommand {
    /// Run one service of the marketplace
    Serve(ServeArgs),
    /// Exit 0 if a service says that it is well
    Probe {
        /// Where it listens; without it, as the environment says
        address: Option<SocketAddr>,
    },
    /// Have the supervisor restart a service
    Restart {
        /// Which
        role: RoleArg,
        /// The supervisor's socket
        #[arg(long)]
        control: PathBuf,
    },
}

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Pages and API
    Gateway,
    /// Products
    Catalog,
    /// Prices
    Quote,
    /// Payments and policies
    Policy,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Role {
        match role {
            RoleArg::Gateway => Role::Gateway,
            RoleArg::Catalog => Role::Catalog,
            RoleArg::Quote => Role::Quote,
            RoleArg::Policy => Role::Policy,
        }
    }
}

/// `hale demo-role serve`
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Which
    pub role: RoleArg,
    /// Ports on loopback: gateway, catalog, quote, policy
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Where the policy service keeps its files
    #[arg(long)]
    pub files: PathBuf,
    /// An OTLP/HTTP receiver
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp: Option<String>,
    /// Where trouble is posted
    #[arg(long)]
    pub webhook: Option<String>,
    /// Before a role's name in webhooks
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Services are containers
    #[arg(long)]
    pub containers: bool,
    /// Budget of the quote service, in MiB
    #[arg(long, default_value_t = 96)]
    pub memory: u64,
    /// Bound of the spool, in MiB
    #[arg(long, default_value_t = 32)]
    pub spool: u64,
    /// End with standard input
    #[arg(long)]
    pub until_stdin_ends: bool,
}

/// Runs it.
pub fn run(command: DemoRoleCommand) -> Ended {
    match command {
        DemoRoleCommand::Serve(arguments) => serve(arguments),
        DemoRoleCommand::Probe { address } => {
            let told = || std::env::var(PROBE_ENV).ok()?.parse().ok();
            let address = address.or_else(told).ok_or_else(|| {
                Failure::usage("there is no address to probe", "give one, such as 127.0.0.1:8080")
            })?;
            probe(address)
        }
        DemoRoleCommand::Restart { role, control } => restart(role.into(), &control),
    }
}

fn serve(arguments: ServeArgs) -> Ended {
    let [gateway, catalog, quote, policy] = arguments.ports.as_slice() else {
        return Err(Failure::usage("--ports takes four", "gateway,catalog,quote,policy"));
    };
    let at = |port: &u16| SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
    let settings = RoleSettings {
        role: arguments.role.into(),
        addresses: Addresses {
            gateway: at(gateway),
            catalog: at(catalog),
            quote: at(quote),
            policy: at(policy),
        },
        data_dir: arguments.files,
        otlp: arguments.otlp,
        webhook: arguments.webhook,
        webhook_token: std::env::var(TOKEN_ENV).ok().filter(|token| !token.is_empty()),
        target_prefix: arguments.prefix,
        target_kind: if arguments.containers { TargetKind::Container } else { TargetKind::Unit },
        memory_budget_mib: arguments.memory,
        spool_mib: arguments.spool,
        until_stdin_ends: arguments.until_stdin_ends,
    };
    hale_demo::run(settings).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        Failure::failed(
            format!("{error}{cause}"),
            "`hale demo` starts all services with free ports",
        )
    })?;
    Ok(Exit::Done)
}

/// A GET over a plain socket: a container has no curl.
fn probe(address: SocketAddr) -> Ended {
    let asked = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect_timeout(&address, PROBE_LIMIT)?;
        stream.set_read_timeout(Some(PROBE_LIMIT))?;
        stream.write_all(
            format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    };
    match asked() {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => Ok(Exit::Done),
        Ok(answer) => {
            let body = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
            Err(Failure::failed(body.to_owned(), "it says itself what is wrong"))
        }
        Err(error) => {
            Err(Failure::failed(format!("{address} does not answer: {error}"), "restart it"))
        }
    }
}

fn restart(role: Role, control: &std::path::Path) -> Ended {
    let asked = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(control)?;
        stream.set_read_timeout(Some(RESTART_LIMIT))?;
        stream.write_all(format!("restart {}\n", role.as_str()).as_bytes())?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    };
    match asked() {
        Ok(answer) if answer.trim() == "ok" => Ok(Exit::Done),
        Ok(answer) => Err(Failure::failed(
            format!("{} was not restarted: {}", role.as_str(), answer.trim()),
            "look at its log",
        )),
        Err(error) => Err(Failure::failed(
            format!("the supervisor on {} does not answer: {error}", control.display()),
            "`hale demo` runs it",
        )),
    }
}
