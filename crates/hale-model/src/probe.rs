//! Where a probe may go. Whoever reports an incident may name an address to be asked whether it is
//! over; hale asks only this machine's loopback and the containers on it, never an address of the
//! network around it (a cloud's metadata service, say), and never itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::container::{ContainerStat, ProbeTarget, is_container_name};

/// Longest URL or address.
const TARGET_BYTES_MAX: usize = 2048;
const HTTP_PORT: u16 = 80;

/// A probe's target in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAddress {
    /// A literal address without brackets, `localhost`, or the name of a container.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What an HTTP request asks for: `/healthz?full=1`; none for a bare connection.
    pub path: Option<String>,
}

/// Reads a target.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(target: &ProbeTarget) -> Result<ProbeAddress, String> {
    match target {
        ProbeTarget::Http { url } => parse_url(url),
        ProbeTarget::Tcp { address } => {
            let (host, port) = host_and_port(address, None)?;
            Ok(ProbeAddress { host, port, path: None })
        }
    }
}

fn parse_url(url: &str) -> Result<ProbeAddress, String> {
    if url.len() > TARGET_BYTES_MAX {
        return Err(format!("the URL is longer than {TARGET_BYTES_MAX} bytes"));
    }
    let scheme = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = scheme.and_then(|s| url.get(s.len()..)).ok_or("only http:// URLs are asked")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err("a URL with a user in it is not asked".to_owned());
    }
    let (host, port) = host_and_port(authority, Some(HTTP_PORT))?;
    let path = path.split('#').next().unwrap_or_default();
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the path holds characters that a URL may not hold".to_owned());
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(ProbeAddress { host, port, path: Some(path) })
}

fn host_and_port(text: &str, default: Option<u16>) -> Result<(String, u16), String> {
    if text.len() > TARGET_BYTES_MAX {
        return Err(format!("the address is longer than {TARGET_BYTES_MAX} bytes"));
    }
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("an IPv6 address lacks its `]`")?,
        None => match text.rfind(':') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        },
    };
    let port = match (rest.strip_prefix(':'), default) {
        (Some(digits), _) => digits.parse().ok().filter(|port| *port != 0),
        (None, default) if rest.is_empty() => default,
        (None, _) => None,
    };
    let port = port.ok_or("there is no port from 1 to 65535 in it")?;
    if host.is_empty() {
        return Err("there is no host in it".to_owned());
    }
    Ok((host.to_owned(), port))
}

/// Where this is now: one of the loopback addresses, or of the containers'. None: a container that
/// has no address just now.
///
/// # Errors
/// hale does not go there, and why.
pub fn resolve<'a>(
    address: &ProbeAddress,
    containers: impl Iterator<Item = &'a ContainerStat> + Clone,
    own_ports: &[u16],
) -> Result<Option<SocketAddr>, String> {
    let host = address.host.as_str();
    let ip = match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical(),
        Err(_) if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
        Err(_) => {
            let named =
                is_container_name(host).then(|| containers.clone().find(|c| c.name == host));
            let container = named.flatten().ok_or_else(|| {
                format!(
                    "`{}` is neither loopback nor a container here",
                    crate::text::printable(host)
                )
            })?;
            let Some(ip) = address_of(container) else { return Ok(None) };
            ip
        }
    };
    let of_container = |c: &ContainerStat| {
        c.addresses.values().any(|a| a.parse::<IpAddr>().is_ok_and(|a| a.to_canonical() == ip))
    };
    if ip.is_loopback() {
        if own_ports.contains(&address.port) {
            return Err(format!("port {} is hale's own", address.port));
        }
    } else if is_link_local(ip) || ip.is_unspecified() || ip.is_multicast() {
        return Err(format!("{ip} is not an address of a service"));
    } else if !containers.clone().any(of_container) {
        return Err(format!("{ip} is neither loopback nor an address of a container here"));
    }
    Ok(Some(SocketAddr::new(ip, address.port)))
}

/// The container's address; loopback for one in the machine's own network.
fn address_of(container: &ContainerStat) -> Option<IpAddr> {
    if container.addresses.keys().any(|network| network == "host") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let all = container.addresses.values().filter_map(|a| a.parse::<IpAddr>().ok());
    all.map(|ip| ip.to_canonical()).min_by_key(IpAddr::is_ipv6)
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// What a container's `hale.probe` label, or `[containers] probes`, asks for: `http://:8080/healthz`
/// and `tcp://:5432` are about the container itself, by its name.
///
/// # Errors
/// What is wrong with it, in words.
pub fn of_container(name: &str, spec: &str) -> Result<ProbeTarget, String> {
    let target = if let Some(rest) = spec.strip_prefix("tcp://") {
        let address = if rest.starts_with(':') { format!("{name}{rest}") } else { rest.to_owned() };
        ProbeTarget::Tcp { address }
    } else {
        let url = match spec.strip_prefix("http://:") {
            Some(rest) => format!("http://{name}:{rest}"),
            None => spec.to_owned(),
        };
        ProbeTarget::Http { url }
    };
    parse(&target).map(|_| target)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn containers() -> Vec<ContainerStat> {
        let one = |name: &str, addresses: &[(&str, &str)]| ContainerStat {
            name: name.to_owned(),
            addresses: addresses
                .iter()
                .map(|(network, ip)| ((*network).to_owned(), (*ip).to_owned()))
                .collect(),
            ..ContainerStat::default()
        };
        vec![
            one("web", &[("bridge", "172.17.0.2"), ("v6", "fd00::2")]),
            one("down", &[]),
            one("wide", &[("host", "")]),
            one("trap", &[("bridge", "169.254.169.254")]),
        ]
    }

    fn where_to(target: &ProbeTarget) -> Result<Option<SocketAddr>, String> {
        let containers = containers();
        parse(target).and_then(|address| resolve(&address, containers.iter(), &[7979]))
    }

    #[test]
    fn only_loopback_and_containers_are_asked_and_never_hale_itself() {
        let rows = [
            ("http://127.0.0.1:8080/healthz", "127.0.0.1:8080"),
            ("http://127.8.9.1/", "127.8.9.1:80"),
            ("http://localhost:1/", "127.0.0.1:1"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("HTTP://172.17.0.2:9/x?y=z#f", "172.17.0.2:9"),
            ("http://[fd00::2]/", "[fd00::2]:80"),
            ("http://web:8080/x", "172.17.0.2:8080"),
            ("http://wide:8080/x", "127.0.0.1:8080"),
            ("http://down:8080/x", "none now"),
            ("http://127.0.0.1:7979/api/v1/health", "refused: port 7979 is hale's own"),
            ("http://wide:7979/", "refused: port 7979 is hale's own"),
            ("http://[::ffff:127.0.0.1]:7979/", "refused: port 7979 is hale's own"),
            (
                "http://169.254.169.254/latest/meta-data",
                "refused: 169.254.169.254 is not an address of a service",
            ),
            ("http://[fe80::1]/", "refused: fe80::1 is not an address of a service"),
            (
                "http://[::ffff:169.254.169.254]/",
                "refused: 169.254.169.254 is not an address of a service",
            ),
            ("http://trap/", "refused: 169.254.169.254 is not an address of a service"),
            ("http://0.0.0.0:80/", "refused: 0.0.0.0 is not an address of a service"),
            (
                "http://10.0.0.9/",
                "refused: 10.0.0.9 is neither loopback nor an address of a container here",
            ),
            (
                "http://2130706433/",
                "refused: `2130706433` is neither loopback nor a container here",
            ),
            (
                "http://metadata.google.internal/",
                "refused: `metadata.google.internal` is neither loopback nor a container here",
            ),
            ("http://me@127.0.0.1/", "refused: a URL with a user in it is not asked"),
            ("https://127.0.0.1/", "refused: only http:// URLs are asked"),
            ("file:///etc/passwd", "refused: only http:// URLs are asked"),
            ("http://", "refused: there is no host in it"),
            ("http://127.0.0.1:0/", "refused: there is no port from 1 to 65535 in it"),
            ("http://127.0.0.1:70000/", "refused: there is no port from 1 to 65535 in it"),
            (
                "http://127.0.0.1/a\r\nHost: x",
                "refused: the path holds characters that a URL may not hold",
            ),
        ];
        for (url, expected) in rows {
            let got = match where_to(&ProbeTarget::Http { url: url.to_owned() }) {
                Ok(Some(address)) => address.to_string(),
                Ok(None) => "none now".to_owned(),
                Err(why) => format!("refused: {why}"),
            };
            assert_eq!(got, expected, "{url}");
        }
    }

    #[test]
    fn a_label_is_about_the_container_itself() {
        for (spec, expected) in [
            ("http://:8080/healthz", "GET http://web:8080/healthz"),
            ("tcp://:5432", "connect to web:5432"),
            ("http://127.0.0.1:81/", "GET http://127.0.0.1:81/"),
            ("tcp://127.0.0.1:5432", "connect to 127.0.0.1:5432"),
        ] {
            assert_eq!(of_container("web", spec).unwrap().to_string(), expected);
        }
        for spec in ["", "8080", "ftp://:1/", "tcp://:x", "http://:/"] {
            of_container("web", spec).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_nothing_leaves_the_machine(text: String) {
            for target in [
                ProbeTarget::Http { url: text.clone() },
                ProbeTarget::Http { url: format!("http://{text}") },
                ProbeTarget::Tcp { address: text },
            ] {
                if let Ok(Some(address)) = where_to(&target) {
                    let inside = address.ip().is_loopback()
                        || ["172.17.0.2", "fd00::2"].contains(&address.ip().to_string().as_str());
                    prop_assert!(inside, "{target} leads to {address}");
                }
            }
        }
    }
}
