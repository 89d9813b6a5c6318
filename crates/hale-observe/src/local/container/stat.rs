//! From the engine's answers to what hale keeps of a container.

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, Health, HostConfig, NetworkSettings,
};
use hale_model::Timestamp;
use hale_model::container::{ContainerHealth, ContainerStat, ContainerState, PublishedPort};
use hale_model::text::shorten;

/// Of what a health check printed.
const OUTPUT_BYTES_MAX: usize = 512;
/// Of names and labels.
const WORD_BYTES_MAX: usize = 255;
/// Networks and ports kept of one container.
const PORTS_MAX: usize = 64;

const COMPOSE_PROJECT: &str = "com.docker.compose.project";
const COMPOSE_SERVICE: &str = "com.docker.compose.service";
const KUBERNETES_POD: &str = "io.kubernetes.pod.name";
const PROBE: &str = "hale.probe";

/// What an inspection tells.
pub(super) fn of(id: &str, full: &ContainerInspectResponse) -> ContainerStat {
    let state = full.state.as_ref();
    let host = full.host_config.as_ref();
    let config = full.config.as_ref();
    let word = state.and_then(|s| s.status).map(|s| s.to_string()).unwrap_or_default();
    let now = ContainerState::parse(&word);
    let label = |name: &str| {
        let labels = config.and_then(|c| c.labels.as_ref());
        labels.and_then(|l| l.get(name)).map(|value| shorten(value, WORD_BYTES_MAX))
    };
    let ended = matches!(now, ContainerState::Exited | ContainerState::Dead)
        || now == ContainerState::Restarting;
    let exit_code = state.and_then(|s| s.exit_code).and_then(|code| i32::try_from(code).ok());
    let pid = state.and_then(|s| s.pid).and_then(|pid| i32::try_from(pid).ok());
    let count = full.restart_count.and_then(|n| u32::try_from(n).ok());
    let health = state.and_then(|s| s.health.as_ref());
    let (restart_policy, restart_max) = restart_policy(host);
    let exposed = config.and_then(|c| c.exposed_ports.clone()).unwrap_or_default();
    let mut exposed_ports: Vec<String> = exposed.into_iter().take(PORTS_MAX).collect();
    exposed_ports.sort();
    ContainerStat {
        id: id.to_owned(),
        name: plain_name(full.name.as_deref().unwrap_or_default()),
        image: shorten(
            config.and_then(|c| c.image.as_deref()).or(full.image.as_deref()).unwrap_or_default(),
            WORD_BYTES_MAX,
        ),
        state: now,
        health: health.and_then(|h| h.status).and_then(|s| ContainerHealth::parse(s.as_ref())),
        health_output: health.and_then(last_output),
        failing_streak: health
            .and_then(|h| h.failing_streak)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0),
        started_at: state.and_then(|s| moment(s.started_at.as_deref())),
        finished_at: state.and_then(|s| moment(s.finished_at.as_deref())),
        restart_count: count.unwrap_or(0),
        exit_code: exit_code.filter(|_| ended),
        oom_killed: state.and_then(|s| s.oom_killed).unwrap_or(false),
        end_asked: None,
        restart_policy,
        restart_max,
        pid: pid.unwrap_or(0),
        memory_bytes: None,
        memory_limit_bytes: host
            .and_then(|h| h.memory)
            .and_then(|limit| u64::try_from(limit).ok())
            .filter(|limit| *limit > 0),
        cpu_usec: None,
        addresses: full.network_settings.as_ref().map(addresses).unwrap_or_default(),
        exposed_ports,
        published_ports: full.network_settings.as_ref().map(published).unwrap_or_default(),
        compose_project: label(COMPOSE_PROJECT),
        compose_service: label(COMPOSE_SERVICE),
        probe: label(PROBE),
        kubernetes: label(KUBERNETES_POD).is_some(),
    }
}

/// What the list tells anew each time: the name may be changed while it runs.
pub(super) fn from_list(stat: &mut ContainerStat, summary: &ContainerSummary) {
    // A link's alias (`/other/web`) is no name of its own.
    let names = summary.names.iter().flatten();
    let own = names.map(|name| plain_name(name)).find(|name| !name.contains('/'));
    if let Some(name) = own.filter(|name| !name.is_empty()) {
        stat.name = name;
    }
    if stat.image.is_empty() {
        stat.image = shorten(summary.image.as_deref().unwrap_or_default(), WORD_BYTES_MAX);
    }
    if stat.state == ContainerState::Unknown {
        let word = summary.state.map(|s| s.to_string()).unwrap_or_default();
        stat.state = ContainerState::parse(&word);
    }
    let labels = summary.labels.as_ref();
    stat.kubernetes |= labels.is_some_and(|l| l.contains_key(KUBERNETES_POD));
}

/// `Up 3 minutes (unhealthy)`, `Up 2 seconds (health: starting)`
pub(super) fn health_of_status(status: &str) -> Option<ContainerHealth> {
    let inner = status.rsplit_once('(')?.1.strip_suffix(')')?;
    ContainerHealth::parse(inner.strip_prefix("health: ").unwrap_or(inner))
}

fn plain_name(name: &str) -> String {
    shorten(name.strip_prefix('/').unwrap_or(name), WORD_BYTES_MAX)
}

fn last_output(health: &Health) -> Option<String> {
    let last = health.log.as_ref()?.last()?;
    let output = last.output.as_deref()?.trim();
    (!output.is_empty()).then(|| shorten(output, OUTPUT_BYTES_MAX))
}

fn restart_policy(host: Option<&HostConfig>) -> (String, u32) {
    let policy = host.and_then(|h| h.restart_policy.as_ref());
    let name = policy.and_then(|p| p.name).map(|name| name.to_string()).unwrap_or_default();
    let most = policy.and_then(|p| p.maximum_retry_count).and_then(|n| u32::try_from(n).ok());
    (if name.is_empty() { "no".to_owned() } else { name }, most.unwrap_or(0))
}

/// None for the year 1, by which engines say "never".
fn moment(text: Option<&str>) -> Option<Timestamp> {
    let at: Timestamp = text?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

fn addresses(network: &NetworkSettings) -> std::collections::BTreeMap<String, String> {
    let networks = network.networks.iter().flatten().take(PORTS_MAX);
    networks
        .map(|(name, endpoint)| {
            let v4 = endpoint.ip_address.as_deref().filter(|ip| !ip.is_empty());
            let ip = v4.or(endpoint.global_ipv6_address.as_deref()).unwrap_or_default();
            (shorten(name, WORD_BYTES_MAX), shorten(ip, WORD_BYTES_MAX))
        })
        .collect()
}

fn published(network: &NetworkSettings) -> Vec<PublishedPort> {
    let ports = network.ports.iter().flatten();
    let mut found: Vec<PublishedPort> = ports
        .flat_map(|(port, bindings)| bindings.iter().flatten().map(move |b| (port, b)))
        .filter_map(|(port, binding)| {
            Some(PublishedPort {
                container_port: port.clone(),
                host_address: binding.host_ip.clone().unwrap_or_default(),
                host_port: binding.host_port.as_deref()?.parse().ok()?,
            })
        })
        .take(PORTS_MAX)
        .collect();
    found.sort_by(|a, b| {
        (&a.container_port, &a.host_address, a.host_port).cmp(&(
            &b.container_port,
            &b.host_address,
            b.host_port,
        ))
    });
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_tells_health_in_words() {
        for (status, expected) in [
            ("Up 3 minutes (healthy)", Some(ContainerHealth::Healthy)),
            ("Up 2 seconds (health: starting)", Some(ContainerHealth::Starting)),
            ("Up About an hour (unhealthy)", Some(ContainerHealth::Unhealthy)),
            ("Up 3 minutes (Paused)", None),
            ("Exited (137) 3 minutes ago", None),
            ("Up 3 minutes", None),
            ("", None),
        ] {
            assert_eq!(health_of_status(status), expected, "{status}");
        }
    }

    #[test]
    fn an_inspection_in_the_engines_own_words() {
        let full: ContainerInspectResponse = serde_json::from_str(
            r#"{"Id": "ab", "Name": "/shop-web", "RestartCount": 2,
            "State": {"Status": "exited", "Running": false, "OOMKilled": true, "Pid": 0,
                "ExitCode": 137, "StartedAt": "2026-03-01T10:00:00.5Z",
                "FinishedAt": "2026-03-01T12:00:01+01:00",
                "Health": {"Status": "unhealthy", "FailingStreak": 3, "Log": [
                    {"Start": "2026-03-01T10:00:01Z", "End": "2026-03-01T10:00:02Z",
                     "ExitCode": 1, "Output": "connection refused\n"}]}},
            "HostConfig": {"Memory": 67108864,
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}},
            "Config": {"Image": "shop:1.4", "ExposedPorts": {"80/tcp": {}},
                "Labels": {"com.docker.compose.service": "web", "hale.probe": "http://:80/"}},
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                "81/tcp": null},
                "Networks": {"bridge": {"IPAddress": "172.17.0.3"}}}}"#,
        )
        .unwrap();
        let stat = of("ab", &full);
        let expected = ContainerStat {
            id: "ab".into(),
            name: "shop-web".into(),
            image: "shop:1.4".into(),
            state: ContainerState::Exited,
            health: Some(ContainerHealth::Unhealthy),
            health_output: Some("connection refused".into()),
            failing_streak: 3,
            started_at: "2026-03-01T10:00:00.5Z".parse().ok(),
            finished_at: "2026-03-01T11:00:01Z".parse().ok(),
            restart_count: 2,
            exit_code: Some(137),
            oom_killed: true,
            restart_policy: "on-failure".into(),
            restart_max: 5,
            memory_limit_bytes: Some(67_108_864),
            addresses: [("bridge".to_owned(), "172.17.0.3".to_owned())].into(),
            exposed_ports: vec!["80/tcp".into()],
            published_ports: vec![PublishedPort {
                container_port: "80/tcp".into(),
                host_address: "0.0.0.0".into(),
                host_port: 8080,
            }],
            compose_service: Some("web".into()),
            probe: Some("http://:80/".into()),
            ..ContainerStat::default()
        };
        assert_eq!(stat, expected);
    }

    #[test]
    fn never_is_no_moment() {
        assert_eq!(moment(Some("0001-01-01T00:00:00Z")), None);
        assert_eq!(moment(Some("")), None);
        assert_eq!(moment(None), None);
    }

    proptest! {
        #[test]
        fn any_status_is_read(status: String) {
            health_of_status(&status);
        }
    }
}
