//! systemd over D-Bus: the few calls that hale needs, each with a time limit.

use std::time::Duration;

use futures::StreamExt as _;
use zbus::Connection;
use zbus::zvariant::OwnedObjectPath;

use crate::error::ActError;
use crate::roots::BusAccess;

/// How long connecting, and any one call, may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a job (a start, a stop) may take before hale gives up waiting for it.
pub(crate) const JOB_LIMIT: Duration = Duration::from_secs(90);

const BUS_HINT: &str = "is systemd running and is the system bus reachable? try `systemctl status`";

/// The names are systemd's: org.freedesktop.systemd1(5).
mod wire {
    use zbus::proxy;
    use zbus::zvariant::OwnedObjectPath;

    #[proxy(
        interface = "org.freedesktop.systemd1.Manager",
        default_service = "org.freedesktop.systemd1",
        default_path = "/org/freedesktop/systemd1",
        gen_blocking = false
    )]
    pub trait Manager {
        fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
        fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
        fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
        fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
        fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
        fn subscribe(&self) -> zbus::Result<()>;

        #[zbus(signal)]
        fn job_removed(
            &self,
            id: u32,
            job: OwnedObjectPath,
            unit: String,
            result: String,
        ) -> zbus::Result<()>;
    }

    #[proxy(
        interface = "org.freedesktop.systemd1.Unit",
        default_service = "org.freedesktop.systemd1",
        gen_blocking = false
    )]
    pub trait Unit {
        #[zbus(property(emits_changed_signal = "false"))]
        fn load_state(&self) -> zbus::Result<String>;
        #[zbus(property(emits_changed_signal = "false"))]
        fn active_state(&self) -> zbus::Result<String>;
        #[zbus(property(emits_changed_signal = "false"))]
        fn sub_state(&self) -> zbus::Result<String>;
        #[zbus(property(emits_changed_signal = "false"), name = "InvocationID")]
        fn invocation_id(&self) -> zbus::Result<Vec<u8>>;
    }

    #[proxy(
        interface = "org.freedesktop.systemd1.Service",
        default_service = "org.freedesktop.systemd1",
        gen_blocking = false
    )]
    pub trait Service {
        #[zbus(property(emits_changed_signal = "false"))]
        fn result(&self) -> zbus::Result<String>;
    }
}

/// A unit as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitState {
    /// `loaded`, `not-found`, `masked`, …
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub active: String,
    /// `running`, `dead`, `auto-restart`, …
    pub sub: String,
    /// 32 hex digits; none if it never ran.
    pub invocation_id: Option<String>,
    /// Why a service ended: `success`, `exit-code`, `start-limit-hit`, …
    pub result: Option<String>,
}

impl UnitState {
    pub fn is_active(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading" | "refreshing")
    }

    pub fn is_changing(&self) -> bool {
        matches!(self.active.as_str(), "activating" | "deactivating")
    }
}

/// What to ask systemd for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Start,
    Stop,
    Restart,
}

impl Job {
    pub fn verb(self) -> &'static str {
        match self {
            Job::Start => "start",
            Job::Stop => "stop",
            Job::Restart => "restart",
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// systemd's word: `done`, `failed`, `canceled`, `timeout`, `dependency`, `skipped`.
    Result(String),
    /// hale stopped waiting; systemd goes on.
    StillRunning,
}

/// A connection to systemd.
pub(crate) struct Systemd {
    connection: Connection,
    manager: wire::ManagerProxy<'static>,
}

impl Systemd {
    pub async fn connect(access: &BusAccess) -> Result<Self, ActError> {
        let unsupported = |why: String| ActError::Unsupported {
            operation: "control a unit".to_owned(),
            why,
            next: BUS_HINT.to_owned(),
        };
        let connecting = async {
            let connection = match access {
                BusAccess::Disabled => {
                    return Err(unsupported("systemd is switched off in this set-up".to_owned()));
                }
                BusAccess::System => Connection::system().await,
                BusAccess::Address(address) => {
                    match zbus::connection::Builder::address(address.as_str()) {
                        Ok(builder) => builder.build().await,
                        Err(error) => Err(error),
                    }
                }
            };
            let connection = connection.map_err(|e| unsupported(format!("no system bus ({e})")))?;
            let manager = wire::ManagerProxy::new(&connection)
                .await
                .map_err(|e| unsupported(format!("no systemd on the bus ({e})")))?;
            Ok(Systemd { connection, manager })
        };
        match tokio::time::timeout(CALL_LIMIT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(unsupported(format!(
                "the bus did not answer within {} s",
                CALL_LIMIT.as_secs()
            ))),
        }
    }

    pub async fn unit(&self, name: &str) -> Result<UnitState, ActError> {
        limited("read", name, self.read_unit(name)).await
    }

    async fn read_unit(&self, name: &str) -> zbus::Result<UnitState> {
        let path = self.manager.load_unit(name).await?;
        let unit = wire::UnitProxy::builder(&self.connection)
            .path(path.clone())?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        let invocation = unit.invocation_id().await?;
        Ok(UnitState {
            load: unit.load_state().await?,
            active: unit.active_state().await?,
            sub: unit.sub_state().await?,
            invocation_id: hex(&invocation),
            result: self.service_result(name, path).await,
        })
    }

    /// Only services have a result; other units answer with an error, which is no news.
    async fn service_result(&self, name: &str, path: OwnedObjectPath) -> Option<String> {
        if !name.ends_with(".service") {
            return None;
        }
        let builder = wire::ServiceProxy::builder(&self.connection).path(path).ok()?;
        let service =
            builder.cache_properties(zbus::proxy::CacheProperties::No).build().await.ok()?;
        service.result().await.ok()
    }

    pub async fn reset_failed(&self, name: &str) -> Result<(), ActError> {
        limited("reset the failed state", name, self.manager.reset_failed_unit(name)).await
    }

    /// Runs a job to its end. An error means that systemd did not take the job.
    pub async fn run(&self, job: Job, name: &str, limit: Duration) -> Result<JobEnd, ActError> {
        // Before the job is queued: the end of a quick one would be missed.
        limited("subscribe to jobs", name, self.manager.subscribe()).await?;
        let mut removed =
            limited("subscribe to jobs", name, self.manager.receive_job_removed()).await?;
        let queue = async {
            match job {
                Job::Start => self.manager.start_unit(name, "replace").await,
                Job::Stop => self.manager.stop_unit(name, "replace").await,
                Job::Restart => self.manager.restart_unit(name, "replace").await,
            }
        };
        let path = match tokio::time::timeout(CALL_LIMIT, queue).await {
            Ok(queued) => queued.map_err(|e| explain(job.verb(), name, e))?,
            // It may have been queued: not an error, which would mean that nothing happened.
            Err(_) => return Ok(JobEnd::StillRunning),
        };
        let end = async {
            while let Some(signal) = removed.next().await {
                if let Ok(args) = signal.args()
                    && *args.job() == path
                {
                    return JobEnd::Result(args.result().clone());
                }
            }
            JobEnd::StillRunning
        };
        Ok(tokio::time::timeout(limit, end).await.unwrap_or(JobEnd::StillRunning))
    }
}

async fn limited<T>(
    operation: &str,
    name: &str,
    call: impl Future<Output = zbus::Result<T>>,
) -> Result<T, ActError> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.map_err(|e| explain(operation, name, e)),
        Err(_) => {
            let why = format!("no answer within {} s", CALL_LIMIT.as_secs());
            Err(ActError::failed(operation, name, why))
        }
    }
}

/// Turns D-Bus errors into words, by their names.
fn explain(operation: &str, name: &str, error: zbus::Error) -> ActError {
    let zbus::Error::MethodError(error_name, message, _) = &error else {
        return ActError::failed(operation, name, error.to_string());
    };
    let message = message.clone().unwrap_or_default();
    match error_name.as_str() {
        "org.freedesktop.systemd1.NoSuchUnit" => ActError::TargetGone { target: name.to_owned() },
        "org.freedesktop.DBus.Error.AccessDenied"
        | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" => {
            ActError::PermissionDenied {
                operation: operation.to_owned(),
                target: name.to_owned(),
                next: "run hale as root, or allow it with a polkit rule for \
                       org.freedesktop.systemd1.manage-units"
                    .to_owned(),
                source: None,
            }
        }
        "org.freedesktop.DBus.Error.ServiceUnknown" => ActError::Unsupported {
            operation: format!("{operation} {name}"),
            why: "systemd is not on the bus".to_owned(),
            next: BUS_HINT.to_owned(),
        },
        "org.freedesktop.systemd1.UnitMasked" => ActError::failed(
            operation,
            name,
            format!("the unit is masked; `systemctl unmask {name}` lifts that"),
        ),
        other => ActError::failed(operation, name, format!("{other}: {message}")),
    }
}

fn hex(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty() && bytes.iter().any(|b| *b != 0))
        .then(|| bytes.iter().map(|b| format!("{b:02x}")).collect())
}
