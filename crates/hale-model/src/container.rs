//! Containers as their engine (Docker, Podman) reports them, and what answers when one is asked over
//! the network. Orchestrators' own nouns (workloads) are not here.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One container, and which of its runs: a container keeps its id when it is restarted, and a name
/// may be given to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ContainerRef {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When the run that was judged began; none if it never ran. If the container has another run
    /// by now, what was judged is over.
    pub started_at: Option<Timestamp>,
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where to look for the engine, first to last: unix sockets as paths, others as `tcp://…`. Empty where
/// none is to be asked.
///
/// # Errors
/// An address that hale does not go to: only this machine's engine knows this machine's containers.
pub fn engine_addresses(
    configured: &str,
    docker_host: Option<&str>,
    runtime_dir: Option<&str>,
) -> Result<Vec<String>, String> {
    let configured = configured.trim();
    if configured == "off" {
        return Ok(Vec::new());
    }
    let named = if configured.is_empty() { docker_host.unwrap_or_default() } else { configured };
    if !named.is_empty() {
        return engine_address(named).map(|address| vec![address]);
    }
    let mut usual = vec!["/var/run/docker.sock".to_owned()];
    if let Some(dir) = runtime_dir.filter(|dir| dir.starts_with('/')) {
        usual.push(format!("{dir}/docker.sock"));
    }
    usual.push("/run/podman/podman.sock".to_owned());
    if let Some(dir) = runtime_dir.filter(|dir| dir.starts_with('/')) {
        usual.push(format!("{dir}/podman/podman.sock"));
    }
    Ok(usual)
}

fn engine_address(named: &str) -> Result<String, String> {
    let path = named.strip_prefix("unix://").unwrap_or(named);
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    let authority = named.strip_prefix("tcp://").or_else(|| named.strip_prefix("http://"));
    let host = authority
        .and_then(|rest| rest.trim_end_matches('/').rsplit_once(':'))
        .map(|(host, _)| host.trim_matches(['[', ']']));
    let local = host.is_some_and(|host| {
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    match authority {
        Some(rest) if local => Ok(format!("tcp://{}", rest.trim_end_matches('/'))),
        Some(_) | None => Err(format!(
            "`{}` is not a container engine of this machine: give `unix:///path` or `tcp://127.0.0.1:PORT`",
            crate::text::shorten(&crate::text::printable(named), 120)
        )),
    }
}

/// Docker's own rule for names: a letter or digit, then letters, digits, `_`, `.`, `-`. Nothing that a
/// shell, a URL or a path reads as anything else.
pub fn is_container_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(legal)
}

/// Whole ids only: what is short may mean another container tomorrow.
pub fn is_container_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Where a container is in its life, in the engine's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Runs.
    Running,
    /// Frozen by a person.
    Paused,
    /// Between two runs, by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// The engine could not remove it.
    Dead,
    /// Something that hale does not know.
    #[default]
    Unknown,
}

impl ContainerState {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerState::Created => "created",
            ContainerState::Running => "running",
            ContainerState::Paused => "paused",
            ContainerState::Restarting => "restarting",
            ContainerState::Removing => "removing",
            ContainerState::Exited => "exited",
            ContainerState::Dead => "dead",
            ContainerState::Unknown => "unknown",
        }
    }

    /// By the engine's word. Podman's own words are those of its API for Docker's clients, but for
    /// `stopped`, `configured` and `initialized`.
    pub fn parse(word: &str) -> ContainerState {
        match word {
            "created" | "configured" | "initialized" => ContainerState::Created,
            "running" => ContainerState::Running,
            "paused" => ContainerState::Paused,
            "restarting" => ContainerState::Restarting,
            "removing" => ContainerState::Removing,
            "exited" | "stopped" => ContainerState::Exited,
            "dead" => ContainerState::Dead,
            _ => ContainerState::Unknown,
        }
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a container's own health check (`HEALTHCHECK`) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerHealth {
    /// Not yet known.
    Starting,
    /// Passed.
    Healthy,
    /// Failed as often as its `retries` allow.
    Unhealthy,
}

impl ContainerHealth {
    /// The name in JSON, SQL and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerHealth::Starting => "starting",
            ContainerHealth::Healthy => "healthy",
            ContainerHealth::Unhealthy => "unhealthy",
        }
    }

    /// By the engine's word; none for `none`, the empty word, and words that hale does not know.
    pub fn parse(word: &str) -> Option<ContainerHealth> {
        match word {
            "starting" => Some(ContainerHealth::Starting),
            "healthy" => Some(ContainerHealth::Healthy),
            "unhealthy" => Some(ContainerHealth::Unhealthy),
            _ => None,
        }
    }
}

impl fmt::Display for ContainerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A port that the engine publishes on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedPort {
    /// `80/tcp`: within the container.
    pub container_port: String,
    /// Address on the machine; `0.0.0.0` and `::` are all of them.
    pub host_address: String,
    /// Port on the machine.
    pub host_port: u16,
}

/// One container at one instant, as measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerStat {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without the engine's leading slash.
    pub name: String,
    /// As it was named when the container was made: `registry.example/shop:1.4`.
    pub image: String,
    /// Where in its life.
    pub state: ContainerState,
    /// What its health check says; none where it has none.
    pub health: Option<ContainerHealth>,
    /// What the newest health check printed, at most 512 bytes.
    pub health_output: Option<String>,
    /// Health checks that failed in a row.
    pub failing_streak: u32,
    /// When the current or last run began; none if it never ran.
    pub started_at: Option<Timestamp>,
    /// When the last run ended; none while the first one lasts.
    pub finished_at: Option<Timestamp>,
    /// Automatic restarts since it was last started by hand.
    pub restart_count: u32,
    /// Exit status of the last run that ended; none while none did.
    pub exit_code: Option<i32>,
    /// Whether the kernel ended the last run for want of memory.
    pub oom_killed: bool,
    /// Whether somebody told the engine to end the last run; none where that is not known, or the run
    /// lasts. An end that nobody asked for is a failure, whatever its status.
    pub end_asked: Option<bool>,
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart_policy: String,
    /// How often `on-failure` may start it again; 0: as often as it likes.
    pub restart_max: u32,
    /// Its first process as this machine knows it; 0 if it does not run.
    pub pid: i32,
    /// Memory in use without page cache that can be dropped; none while it does not run, or unread.
    pub memory_bytes: Option<u64>,
    /// Limit of its memory; none: none.
    pub memory_limit_bytes: Option<u64>,
    /// CPU time used since its start, in microseconds.
    pub cpu_usec: Option<u64>,
    /// IP addresses by network.
    pub addresses: BTreeMap<String, String>,
    /// `80/tcp`: what its image says that it listens on.
    pub exposed_ports: Vec<String>,
    /// Ports on the machine that lead to it.
    pub published_ports: Vec<PublishedPort>,
    /// Project of Compose.
    pub compose_project: Option<String>,
    /// Its service within that project.
    pub compose_service: Option<String>,
    /// How to ask it whether it is well, where its label `hale.probe` says so:
    /// `http://:8080/healthz`, `tcp://:5432`.
    pub probe: Option<String>,
    /// Whether it holds a Kubernetes pod together, or belongs to one: then kubelet starts it again.
    pub kubernetes: bool,
}

impl ContainerStat {
    /// Its identity, this run of it.
    pub fn container_ref(&self) -> ContainerRef {
        ContainerRef { id: self.id.clone(), name: self.name.clone(), started_at: self.started_at }
    }

    /// Whether the engine starts it again when it ends with a failure.
    pub fn is_kept_running(&self) -> bool {
        matches!(self.restart_policy.as_str(), "always" | "unless-stopped" | "on-failure")
    }
}

/// All containers of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerSample {
    /// Which engine answered: `docker 28.2.2`.
    pub engine: String,
    /// Sorted by name.
    pub containers: Vec<ContainerStat>,
}

/// A container, ready to be judged and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// As measured.
    #[serde(flatten)]
    pub stat: ContainerStat,
    /// CPU in percent of one core since the snapshot before.
    pub cpu_percent: Option<f64>,
    /// Memory in percent of its limit; none without one.
    pub memory_percent: Option<f64>,
}

/// What is asked over the network to see whether a cure worked.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(tag = "probe", rename_all = "snake_case")]
pub enum ProbeTarget {
    /// One GET; a status of 200 to 299 is well. No redirect is followed.
    Http {
        /// `http://` and a literal address of this machine or of a container on it.
        url: String,
    },
    /// One TCP connection.
    Tcp {
        /// `127.0.0.1:5432`, `[::1]:5432`
        address: String,
    },
}

impl fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeTarget::Http { url } => write!(f, "GET {url}"),
            ProbeTarget::Tcp { address } => write!(f, "connect to {address}"),
        }
    }
}

/// The newest answer to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// What was asked.
    #[serde(flatten)]
    pub target: ProbeTarget,
    /// When, on the clock of [`crate::sample::Sample::boottime_ns`].
    pub asked_at_boottime_ns: u64,
    /// Whether it was well.
    pub ok: bool,
    /// Status of HTTP, where there was an answer.
    pub status: Option<u16>,
    /// How long the answer took.
    pub latency_ms: f64,
    /// In words: `200 OK in 3 ms`, `connection refused`.
    pub text: String,
    /// Times it was asked.
    pub attempts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_this_machines_own() {
        let found = |configured, host| match engine_addresses(configured, host, Some("/run/user/7"))
        {
            Ok(all) => all.join(" "),
            Err(why) => format!("error: {why}"),
        };
        let usual = "/var/run/docker.sock /run/user/7/docker.sock /run/podman/podman.sock \
                     /run/user/7/podman/podman.sock";
        for (configured, host, expected) in [
            ("", None, usual),
            ("", Some(""), usual),
            ("", Some("unix:///run/other.sock"), "/run/other.sock"),
            ("/run/mine.sock", Some("tcp://127.0.0.1:1"), "/run/mine.sock"),
            ("unix:///run/mine.sock", None, "/run/mine.sock"),
            ("tcp://127.0.0.1:2375", None, "tcp://127.0.0.1:2375"),
            ("http://[::1]:2375/", None, "tcp://[::1]:2375"),
            ("off", Some("unix:///run/other.sock"), ""),
        ] {
            assert_eq!(found(configured, host), expected, "{configured} {host:?}");
        }
        for elsewhere in ["tcp://10.0.0.1:2375", "ssh://me@host", "npipe:x", "docker.sock"] {
            assert!(found(elsewhere, None).starts_with("error: "), "{elsewhere}");
        }
    }

    #[test]
    fn names_hold_nothing_that_a_shell_reads() {
        for (name, legal) in [
            ("web", true),
            ("shop_web-1.blue", true),
            ("", false),
            ("-rf", false),
            ("a b", false),
            ("$(reboot)", false),
            ("a;b", false),
            ("../x", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_container_name(name), legal, "{name:?}");
        }
    }
}
