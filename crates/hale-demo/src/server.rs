//! One service: its runtime, what every service has (health, telemetry around each request, a look at
//! itself), and its end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use opentelemetry::context::FutureExt as _;
use opentelemetry::logs::Severity;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::calls::{self, ELSEWHERE, Refusal};
use crate::faults::{Fault, SpoolError};
use crate::market::Facts;
use crate::notice::{self, Trouble};
use crate::proc::{CpuMeter, anonymous_bytes};
use crate::roles::{Catalog, Gateway, Policies, QuoteDesk};
use crate::stats::Stats;
use crate::telemetry::Telemetry;
use crate::{Role, RoleSettings};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// CPU is measured over this time.
const CPU_SPAN: Duration = Duration::from_millis(600);
/// A service that accepts no call for so long is down; one that is being restarted is back by then.
const NOT_REACHED_MAX: Duration = Duration::from_millis(1500);
/// Requests under way get this long at the end.
const DRAIN: Duration = Duration::from_millis(500);

/// Why a service does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Its address is taken, or not of this machine.
    #[error("the {role} service cannot listen on {address}")]
    Listen {
        /// Which service.
        role: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database file cannot be opened.
    #[error("the database {path} cannot be opened", path = path.display())]
    Database {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// The spool cannot be used.
    #[error("the spool cannot be used")]
    Spool(#[source] SpoolError),
    /// Telemetry cannot be sent there.
    #[error(
        "telemetry cannot be sent to {address}: {why}; give a base address such as http://127.0.0.1:4318"
    )]
    Telemetry {
        /// Where.
        address: String,
        /// Why not.
        why: String,
    },
    /// The runtime, a signal or the client could not be had.
    #[error("cannot {operation}: {why}")]
    Start {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        why: String,
    },
}

impl RoleError {
    fn start(operation: &'static str, why: &dyn std::fmt::Display) -> RoleError {
        RoleError::Start { operation, why: why.to_string() }
    }
}

/// What every service has.
pub struct Common {
    /// What it was told.
    pub settings: RoleSettings,
    /// Where it tells what it does.
    pub telemetry: Telemetry,
    /// Its last requests.
    pub stats: Stats,
    /// How it asks others.
    pub client: reqwest::Client,
    /// When it began, in milliseconds after 1970.
    pub begun_ms: u64,
    cpu: Mutex<(Instant, CpuMeter)>,
    cpu_permille: AtomicU64,
    /// Since when, and how many, calls in a row were not accepted.
    unreached: Mutex<BTreeMap<Role, (Instant, u64)>>,
}

impl Common {
    /// A call found nobody there.
    pub fn not_reached(&self, role: Role) {
        let mut unreached = self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        unreached.entry(role).or_insert((Instant::now(), 0)).1 += 1;
    }

    /// A call found somebody there.
    pub fn reached(&self, role: Role) {
        self.unreached.lock().unwrap_or_else(PoisonError::into_inner).remove(&role);
    }

    /// Services that do not even accept calls, and how many were tried.
    pub fn down(&self) -> Vec<(Role, u64)> {
        let unreached = self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        let down = unreached.iter().filter(|(_, (since, _))| since.elapsed() >= NOT_REACHED_MAX);
        down.map(|(role, (_, calls))| (*role, *calls)).collect()
    }

    /// CPU of its busiest thread of late, in percent of one core.
    pub fn cpu_percent(&self) -> f64 {
        self.cpu_permille.load(Ordering::Relaxed) as f64 / 10.0
    }

    /// Measures it, if the last time is long enough ago.
    pub fn read_cpu(&self) {
        let mut meter = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        if meter.0.elapsed() >= CPU_SPAN {
            self.cpu_permille.store((meter.1.read() * 10.0) as u64, Ordering::Relaxed);
            meter.0 = Instant::now();
        }
    }
}

/// A service with what it alone has.
pub enum Service {
    /// See [`Role::Gateway`].
    Gateway(Arc<Gateway>),
    /// See [`Role::Catalog`].
    Catalog(Arc<Catalog>),
    /// See [`Role::Quote`].
    Quote(Arc<QuoteDesk>),
    /// See [`Role::Policy`].
    Policy(Arc<Policies>),
}

impl Service {
    fn open(common: Arc<Common>) -> Result<Service, RoleError> {
        Ok(match common.settings.role {
            Role::Gateway => Service::Gateway(Arc::new(Gateway::new(common))),
            Role::Catalog => Service::Catalog(Arc::new(Catalog::new(common))),
            Role::Quote => Service::Quote(Arc::new(QuoteDesk::new(common))),
            Role::Policy => Service::Policy(Arc::new(Policies::open(common)?)),
        })
    }

    /// What every service has.
    pub fn common(&self) -> &Arc<Common> {
        match self {
            Service::Gateway(gateway) => &gateway.common,
            Service::Catalog(catalog) => &catalog.common,
            Service::Quote(desk) => &desk.common,
            Service::Policy(policies) => &policies.common,
        }
    }

    /// What is wrong, as it notices by itself.
    pub fn troubles(&self) -> Vec<Trouble> {
        match self {
            Service::Gateway(gateway) => gateway.troubles(),
            Service::Catalog(catalog) => catalog.troubles(),
            Service::Quote(desk) => desk.troubles(),
            Service::Policy(policies) => policies.troubles(),
        }
    }

    fn faults(&self) -> Vec<Fault> {
        match self {
            Service::Gateway(_) => Vec::new(),
            Service::Catalog(catalog) => catalog.faults(),
            Service::Quote(desk) => desk.faults(),
            Service::Policy(policies) => policies.faults(),
        }
    }

    fn facts(&self) -> Facts {
        let common = self.common();
        let role = common.settings.role;
        // What it notices of others is their trouble.
        let own = self.troubles().into_iter().filter(|trouble| trouble.role == role);
        let reasons: Vec<String> = own.map(|trouble| trouble.message).collect();
        Facts {
            service: role.as_str().to_owned(),
            pid: std::process::id(),
            begun_ms: common.begun_ms,
            healthy: reasons.is_empty(),
            reasons,
            faults: self.faults().into_iter().map(|fault| fault.as_str().to_owned()).collect(),
            memory_bytes: anonymous_bytes(),
            cpu_percent: common.cpu_percent(),
        }
    }

    fn router(&self) -> Router {
        match self {
            Service::Gateway(gateway) => gateway.router(),
            Service::Catalog(catalog) => catalog.router(),
            Service::Quote(desk) => desk.router(),
            Service::Policy(policies) => policies.router(),
        }
    }
}

/// Runs a service until it is told to end: by INT or TERM, or by the end of standard input.
///
/// # Errors
/// It cannot start.
pub fn run(settings: RoleSettings) -> Result<(), RoleError> {
    // One line: a backtrace of a program of this size takes more memory than the service may have.
    std::panic::set_hook(Box::new(|panic| eprintln!("ERROR {panic}")));
    // Before the runtime: the exporters' clients block.
    let telemetry = Telemetry::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| RoleError::start("start the runtime", &error))?;
    let client = calls::client().map_err(|error| RoleError::start("make a client", &error))?;
    let common = Arc::new(Common {
        settings,
        telemetry,
        stats: Stats::default(),
        client,
        begun_ms: std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        cpu: Mutex::new((Instant::now(), CpuMeter::new())),
        cpu_permille: AtomicU64::new(0),
        unreached: Mutex::default(),
    });
    let ended = runtime.block_on(serve(common.clone()));
    runtime.shutdown_timeout(DRAIN);
    common.telemetry.shutdown();
    ended
}

async fn serve(common: Arc<Common>) -> Result<(), RoleError> {
    let settings = &common.settings;
    let address = settings.addresses.of(settings.role);
    let role = settings.role.as_str();
    let listener = TcpListener::bind(address).await.map_err(|source| RoleError::Listen {
        role,
        address,
        source,
    })?;
    let service = Arc::new(Service::open(common.clone())?);
    let router = service
        .router()
        .merge(Router::new().route("/health", get(health)).with_state(service.clone()))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(common.clone(), around));
    let told = told_to_end(settings.until_stdin_ends)?;
    common.telemetry.log(Severity::Info, &format!("{role} listens on {address}"));
    let watching = tokio::spawn(notice::watch(service));
    let serving = axum::serve(listener, router);
    tokio::select! {
        ended = serving => {
            ended.map_err(|error| RoleError::start("serve", &error))?;
        }
        () = told => {}
    }
    watching.abort();
    common.telemetry.log(Severity::Info, &format!("{role} has ended"));
    Ok(())
}

fn told_to_end(until_stdin_ends: bool) -> Result<impl Future<Output = ()>, RoleError> {
    let failed = |error: io::Error| RoleError::start("receive signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        let alone = async {
            if !until_stdin_ends {
                return std::future::pending().await;
            }
            let (mut stdin, mut rest) = (tokio::io::stdin(), [0_u8; 64]);
            while stdin.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = alone => {}
        }
    })
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let facts = service.facts();
    let status = if facts.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(facts)).into_response()
}

/// Around every request: its span, its time, and whose fault it was.
async fn around(State(common): State<Arc<Common>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    if path == "/health" || path.starts_with("/trigger_") {
        // Nobody's business: neither a customer's request, nor to be measured as one.
        return next.run(request).await;
    }
    let route = route_of(&path);
    let span = common.telemetry.server_span(request.headers(), &method, &route, &path);
    let answering = async {
        let response = next.run(request).await;
        (response, ELSEWHERE.with(Cell::get))
    };
    let scoped = ELSEWHERE.scope(Cell::new(Duration::ZERO), answering);
    let (response, elsewhere) = scoped.with_context(span.clone()).await;
    let took = begun.elapsed();
    let status = response.status();
    // 502 is the failure of another service; whom it turns away for want of memory or space, it tells as that.
    let elsewhere_or_told = [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::INSUFFICIENT_STORAGE,
    ];
    let failed = status.is_server_error() && !elsewhere_or_told.contains(&status);
    common.stats.answered(took.saturating_sub(elsewhere), failed);
    common.telemetry.answered(&span, &method, &route, status.as_u16(), took);
    response
}

/// The path without what differs from customer to customer.
fn route_of(path: &str) -> String {
    let parts = path.split('/').enumerate().map(|(index, part)| {
        let names_one = index > 1
            && matches!(path.split('/').nth(index - 1), Some("products" | "quotes" | "quote"));
        if names_one && !part.is_empty() { "{id}" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The answer to whoever asked for a fault.
pub fn triggered(fault: Fault, role: Role) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "fault": fault.as_str(), "service": role.as_str(), "begun": true }))
}

/// Something that failed inside this service.
pub fn own_failure(why: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_do_not_name_customers() {
        for (path, route) in [
            ("/", "/"),
            ("/products", "/products"),
            ("/products/pet", "/products/{id}"),
            ("/quotes/q-1-2", "/quotes/{id}"),
            ("/api/quotes", "/api/quotes"),
            ("/quote/pet", "/quote/{id}"),
        ] {
            assert_eq!(route_of(path), route);
        }
    }
}
