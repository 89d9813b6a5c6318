//! The engine behind its socket: the few questions that are asked, each with a time limit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    StatsOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures::StreamExt as _;
use hale_model::Timestamp;
use hale_model::container::{ContainerStat, engine_addresses};

use tokio::sync::Notify;

use crate::local::EngineAccess;

/// One call.
const CALL_TIMEOUT_SECS: u64 = 2;
/// Events read about one container.
const EVENTS_MAX: usize = 256;
/// Between two pieces of news.
const NEWS_PAUSE: Duration = Duration::from_millis(200);
/// After the end of a container it is told.
const EVENT_DELAY_SECS: i64 = 2;

/// Why there are no containers: no engine here, or one that does not answer.
pub(super) enum Failure {
    Absent(String),
    Broken(String),
}

/// A connection to the engine. Cheap to clone.
#[derive(Clone)]
pub(super) struct Engine {
    docker: Docker,
    name: String,
}

impl Engine {
    pub(super) async fn connect(access: &EngineAccess) -> Result<Engine, Failure> {
        let address = address_of(access)?;
        let broken = |why: String| {
            Failure::Broken(format!(
                "cannot ask the container engine at {address}: {why}; \
                 is it running, and may this user use its socket?"
            ))
        };
        let connected = if address.starts_with("tcp://") {
            Docker::connect_with_http(&address, CALL_TIMEOUT_SECS, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_unix(&address, CALL_TIMEOUT_SECS, API_DEFAULT_VERSION)
        };
        let docker = connected.map_err(|e| broken(words(&e)))?;
        let negotiated = within_time(docker.negotiate_version()).await;
        let docker = negotiated.map_err(|e| broken(words(&e)))?;
        let version = within_time(docker.version()).await.map_err(|e| broken(words(&e)))?;
        let kind = version.platform.map(|platform| platform.name.to_lowercase());
        let podman = kind.is_some_and(|kind| kind.contains("podman"))
            || version.components.into_iter().flatten().any(|c| c.name.starts_with("Podman"));
        let kind = if podman { "podman" } else { "docker" };
        let name = format!("{kind} {}", version.version.as_deref().unwrap_or("?"));
        Ok(Engine { docker, name })
    }

    /// `docker 28.2.2`
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// All containers, the newest `limit` of them.
    pub(super) async fn list(&self, limit: usize) -> Result<Vec<ContainerSummary>, Failure> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let options = ListContainersOptionsBuilder::new().all(true).limit(limit).build();
        within_time(self.docker.list_containers(Some(options)))
            .await
            .map_err(|e| Failure::Broken(format!("cannot list the containers: {}", words(&e))))
    }

    /// All about one; none if it was removed meanwhile.
    pub(super) async fn inspect(
        &self,
        id: &str,
    ) -> Result<Option<ContainerInspectResponse>, Failure> {
        let call = self.docker.inspect_container(id, None::<InspectContainerOptions>);
        match within_time(call).await {
            Ok(full) => Ok(Some(full)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => {
                let why = words(&error);
                Err(Failure::Broken(format!("cannot ask about container {id}: {why}")))
            }
        }
    }

    /// Says whenever a container ends or its health changes, until the engine closes the stream. A
    /// storm of such news is one piece of news each `NEWS_PAUSE`.
    pub(super) async fn listen(self, stirred: Arc<Notify>) {
        let filters = HashMap::from([
            ("type", vec!["container"]),
            ("event", vec!["die", "oom", "health_status"]),
        ]);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let mut events = Box::pin(self.docker.events(Some(options)));
        while let Some(Ok(_)) = events.next().await {
            stirred.notify_one();
            tokio::time::sleep(NEWS_PAUSE).await;
        }
    }

    /// Whether the engine was told to end the run that is over; none where it does not remember (it was
    /// restarted since, or too much has happened).
    pub(super) async fn end_asked(&self, stat: &ContainerStat) -> Option<bool> {
        let (started, finished) = stat.started_at.zip(stat.finished_at)?;
        let filters = HashMap::from([
            ("type", vec!["container"]),
            ("container", vec![stat.id.as_str()]),
            ("event", vec!["kill", "stop", "die"]),
        ]);
        // It tells what was, and ends, only if the end of the time asked about is over. Its own words
        // come a moment after the end itself.
        let later = finished.as_second().saturating_add(EVENT_DELAY_SECS);
        let later = Timestamp::from_second(later).unwrap_or(finished);
        let until = later.min(Timestamp::now());
        let options = EventsOptionsBuilder::new()
            .since(&seconds(started))
            .until(&seconds(until))
            .filters(&filters)
            .build();
        let mut events = Box::pin(self.docker.events(Some(options)));
        let read = async {
            let (mut asked, mut died) = (false, false);
            let mut seen = 0;
            while let Some(Ok(event)) = events.next().await {
                match event.action.as_deref() {
                    Some("kill" | "stop") => asked = true,
                    Some("die") => died = true,
                    Some(_) | None => {}
                }
                seen += 1;
                if seen >= EVENTS_MAX {
                    break;
                }
            }
            // Where not even its end is remembered, nothing is.
            (asked || died).then_some(asked)
        };
        let limit = Duration::from_secs(CALL_TIMEOUT_SECS);
        tokio::time::timeout(limit, read).await.ok().flatten()
    }

    /// Memory and CPU as the engine reads them. It stays without figures if that fails.
    pub(super) async fn measure(&self, stat: &mut ContainerStat) {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut answers = Box::pin(self.docker.stats(&stat.id, Some(options)));
        let limit = Duration::from_secs(CALL_TIMEOUT_SECS);
        let Ok(Some(Ok(figures))) = tokio::time::timeout(limit, answers.next()).await else {
            return;
        };
        let cpu = figures.cpu_stats.and_then(|cpu| cpu.cpu_usage).and_then(|u| u.total_usage);
        stat.cpu_usec = cpu.map(|nanos| nanos / 1000);
        stat.memory_bytes = figures.memory_stats.and_then(|memory| {
            let dropped = memory.stats.as_ref().and_then(|stats| {
                stats.get("inactive_file").or_else(|| stats.get("total_inactive_file")).copied()
            });
            memory.usage.map(|usage| usage.saturating_sub(dropped.unwrap_or(0)))
        });
    }
}

/// As the engine reads it: `1136073600.000000001`.
fn seconds(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

/// Where the engine is. A machine without one is well.
fn address_of(access: &EngineAccess) -> Result<String, Failure> {
    let found = match access {
        EngineAccess::Disabled => {
            return Err(Failure::Absent("containers are switched off".to_owned()));
        }
        EngineAccess::Address(address) => engine_addresses(address, None, None),
        EngineAccess::Auto => {
            let variable = |name: &str| std::env::var(name).ok();
            let (host, runtime) = (variable("DOCKER_HOST"), variable("XDG_RUNTIME_DIR"));
            engine_addresses("", host.as_deref(), runtime.as_deref())
        }
    };
    let addresses = found.map_err(Failure::Broken)?;
    let there = |address: &&String| address.starts_with("tcp://") || Path::new(address).exists();
    match addresses.iter().find(there) {
        Some(address) => Ok(address.clone()),
        None if addresses.is_empty() => {
            Err(Failure::Absent("containers are switched off".to_owned()))
        }
        None => Err(Failure::Absent(format!("no container engine at {}", addresses.join(", ")))),
    }
}

async fn within_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let limit = Duration::from_secs(CALL_TIMEOUT_SECS);
    tokio::time::timeout(limit, call).await.unwrap_or(Err(Error::RequestTimeoutError))
}

/// The innermost reason: a client's own words ("error trying to connect") say too little.
fn words(error: &Error) -> String {
    if matches!(error, Error::RequestTimeoutError) {
        return format!("no answer in {CALL_TIMEOUT_SECS} s");
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
