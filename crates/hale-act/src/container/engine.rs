//! The engine behind its socket: the few calls that change a container, each with a time limit.

use std::io;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{
    InspectContainerOptions, RestartContainerOptions, StartContainerOptions, StopContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use hale_model::Timestamp;
use hale_model::container::{ContainerRef, ContainerState, engine_addresses};
use hale_model::text::bytes;
use jiff::SignedDuration;

use super::shown;
use crate::error::ActError;
use crate::roots::EngineAccess;

/// How long a question may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a start, a stop or a restart may take: containers may ask for a long grace period.
const JOB_LIMIT: Duration = Duration::from_secs(90);

/// The grace period of a container that names none.
const STOP_SECS: u64 = 10;
/// What the engine itself may need besides.
const SETTLE_MARGIN_SECS: u64 = 3;
/// Nobody waits longer than this for a job that may never have been asked for.
const SETTLE_SECS_MAX: u64 = 30;

const HINT: &str = "is Docker or Podman running, and may this user use its socket? try `docker ps`";

/// A container as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) state: ContainerState,
    pub(super) started_at: Option<Timestamp>,
    /// 0: none.
    pub(super) memory_limit_bytes: u64,
    /// Memory and swap together; 0: not set, -1: no limit.
    pub(super) memory_swap_bytes: i64,
    pub(super) exit_code: Option<i64>,
    /// Its grace period: how long it may take to end.
    pub(super) stop_secs: u64,
}

impl Found {
    /// After this time a job that was asked for has shown.
    pub(super) fn settles_in(&self) -> SignedDuration {
        let secs = self.stop_secs.saturating_add(SETTLE_MARGIN_SECS).min(SETTLE_SECS_MAX);
        SignedDuration::from_secs(i64::try_from(secs).unwrap_or(i64::MAX))
    }

    /// Its state, for people.
    pub(super) fn said(&self) -> String {
        let limit = match self.memory_limit_bytes {
            0 => String::new(),
            limit => format!(", limited to {}", bytes(limit)),
        };
        match self.exit_code.filter(|_| self.state == ContainerState::Exited) {
            Some(code) => format!("{} with status {code}{limit}", self.state),
            None => format!("{}{limit}", self.state),
        }
    }
}

/// How a job ended that the engine took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Took {
    Done,
    /// It took it and did not manage, in its words: the container may have changed.
    Failed(String),
    /// hale stopped waiting after so many seconds; the engine may go on.
    Silent(u64),
}

/// A connection to the engine.
pub(super) struct Engine {
    docker: Docker,
}

impl Engine {
    pub(super) async fn connect(access: &EngineAccess) -> Result<Engine, ActError> {
        let unsupported = |why: String| ActError::Unsupported {
            operation: "control a container".to_owned(),
            why,
            next: HINT.to_owned(),
        };
        let address = address_of(access).map_err(unsupported)?;
        let limit_secs = JOB_LIMIT.as_secs();
        let connected = if address.starts_with("tcp://") {
            Docker::connect_with_http(&address, limit_secs, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_unix(&address, limit_secs, API_DEFAULT_VERSION)
        };
        let docker = connected.map_err(|e| unsupported(format!("{address}: {}", words(&e))))?;
        match tokio::time::timeout(CALL_LIMIT, docker.negotiate_version()).await {
            Ok(Ok(docker)) => Ok(Engine { docker }),
            Ok(Err(error)) if is_denied(&error) => Err(ActError::PermissionDenied {
                operation: "ask the container engine".to_owned(),
                target: address,
                next: "run hale as root, or as a user who may use this socket".to_owned(),
                source: None,
            }),
            Ok(Err(error)) => Err(unsupported(format!("{address}: {}", words(&error)))),
            Err(_) => Err(unsupported(format!(
                "the engine at {address} did not answer within {} s",
                CALL_LIMIT.as_secs()
            ))),
        }
    }

    pub(super) async fn find(
        &self,
        operation: &str,
        container: &ContainerRef,
    ) -> Result<Found, ActError> {
        let call = self.docker.inspect_container(&container.id, None::<InspectContainerOptions>);
        let full = match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(Ok(full)) => full,
            Ok(Err(error)) => return Err(explain(operation, container, &error)),
            Err(_) => {
                let why = format!("no answer of the engine within {} s", CALL_LIMIT.as_secs());
                return Err(ActError::failed(operation, shown(container), why));
            }
        };
        let state = full.state.as_ref();
        let host = full.host_config.as_ref();
        let word = state.and_then(|s| s.status).map(|s| s.to_string()).unwrap_or_default();
        let name = full.name.unwrap_or_default();
        Ok(Found {
            name: name.strip_prefix('/').unwrap_or(&name).to_owned(),
            state: ContainerState::parse(&word),
            started_at: state.and_then(|s| moment(s.started_at.as_deref())),
            memory_limit_bytes: host
                .and_then(|h| h.memory)
                .and_then(|limit| u64::try_from(limit).ok())
                .unwrap_or(0),
            memory_swap_bytes: host.and_then(|h| h.memory_swap).unwrap_or(0),
            exit_code: state.and_then(|s| s.exit_code),
            stop_secs: full
                .config
                .and_then(|config| config.stop_timeout)
                .and_then(|secs| u64::try_from(secs).ok())
                .unwrap_or(STOP_SECS),
        })
    }

    /// Its own grace period counts: the engine knows it.
    pub(super) async fn restart(&self, container: &ContainerRef) -> Result<Took, ActError> {
        let call = self.docker.restart_container(&container.id, None::<RestartContainerOptions>);
        self.job("restart", container, call).await
    }

    pub(super) async fn start(&self, container: &ContainerRef) -> Result<Took, ActError> {
        let call = self.docker.start_container(&container.id, None::<StartContainerOptions>);
        self.job("start", container, call).await
    }

    pub(super) async fn stop(&self, container: &ContainerRef) -> Result<Took, ActError> {
        let call = self.docker.stop_container(&container.id, None::<StopContainerOptions>);
        self.job("stop", container, call).await
    }

    /// Swap keeps its share: what was limited together stays limited together.
    pub(super) async fn set_memory(
        &self,
        container: &ContainerRef,
        limit_bytes: u64,
        before: &Found,
    ) -> Result<Took, ActError> {
        let old = i64::try_from(before.memory_limit_bytes).unwrap_or(i64::MAX);
        let new = i64::try_from(limit_bytes).unwrap_or(i64::MAX);
        let swap = match before.memory_swap_bytes {
            // No limit on swap.
            swap if swap <= 0 => -1,
            swap => new.saturating_add(swap.saturating_sub(old).max(0)),
        };
        let body = ContainerUpdateBody {
            memory: Some(new),
            memory_swap: Some(swap),
            ..ContainerUpdateBody::default()
        };
        let call = self.docker.update_container(&container.id, body);
        self.job("set the memory limit of", container, call).await
    }

    /// An error means that the engine did not take the job.
    async fn job(
        &self,
        operation: &str,
        container: &ContainerRef,
        call: impl Future<Output = Result<(), Error>>,
    ) -> Result<Took, ActError> {
        match tokio::time::timeout(JOB_LIMIT, call).await {
            Ok(Ok(())) => Ok(Took::Done),
            Ok(Err(Error::RequestTimeoutError)) | Err(_) => Ok(Took::Silent(JOB_LIMIT.as_secs())),
            // It tried: an image that is gone, a port that is taken, an end that did not come.
            Ok(Err(Error::DockerResponseServerError { status_code: 500.., message })) => {
                Ok(Took::Failed(message))
            }
            Ok(Err(error)) => Err(explain(operation, container, &error)),
        }
    }
}

fn address_of(access: &EngineAccess) -> Result<String, String> {
    let addresses = match access {
        EngineAccess::Disabled => Vec::new(),
        EngineAccess::Address(address) => engine_addresses(address, None, None)?,
        EngineAccess::Auto => {
            let variable = |name: &str| std::env::var(name).ok();
            let (host, runtime) = (variable("DOCKER_HOST"), variable("XDG_RUNTIME_DIR"));
            engine_addresses("", host.as_deref(), runtime.as_deref())?
        }
    };
    let there = |address: &&String| address.starts_with("tcp://") || Path::new(address).exists();
    match addresses.iter().find(there) {
        Some(address) => Ok(address.clone()),
        None if addresses.is_empty() => {
            Err("containers are switched off in this set-up".to_owned())
        }
        None => Err(format!("there is no container engine at {}", addresses.join(", "))),
    }
}

/// None for the year 1, by which engines say "never".
fn moment(text: Option<&str>) -> Option<Timestamp> {
    let at: Timestamp = text?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// Turns the engine's errors into words, by their status.
fn explain(operation: &str, container: &ContainerRef, error: &Error) -> ActError {
    let target = shown(container);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the client's errors are many; two have a meaning here"
    )]
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => {
            ActError::TargetGone { target }
        }
        Error::DockerResponseServerError { status_code: 403, .. } => ActError::PermissionDenied {
            operation: operation.to_owned(),
            target,
            next: "the engine's own rules forbid it to this user".to_owned(),
            source: None,
        },
        _ => ActError::failed(operation, target, format!("{}. {HINT}", words(error))),
    }
}

fn is_denied(error: &Error) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The innermost reason: a client's own words ("error trying to connect") say too little.
fn words(error: &Error) -> String {
    if let Error::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
