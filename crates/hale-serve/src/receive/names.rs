//! What may stand in a report: names that are names, texts cut to size, and an address to ask for
//! health that leads to nothing it should not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Uri;
use hale_model::alert::Severity;
use hale_model::text::{printable, printable_lines, shorten};

use super::body::Wrong;

/// Bytes of an id, a service, a host.
pub const NAME_BYTES_MAX: usize = 200;
/// Bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 4000;
/// Lines of log that are kept, the newest.
pub const LOG_LINES_MAX: usize = 50;
/// Bytes of a line of log.
pub const LOG_LINE_BYTES_MAX: usize = 500;
/// Figures that are kept.
pub const METRICS_MAX: usize = 64;
/// Bytes of an address.
const URL_BYTES_MAX: usize = 1000;
/// Bytes of a container's or a unit's name.
const THING_BYTES_MAX: usize = 255;
/// The largest pid that the kernel gives on 64 bits.
pub const PID_MAX: i64 = 4_194_304;

/// Suffixes of units that a report may name.
const UNIT_SUFFIXES: [&str; 4] = [".service", ".socket", ".timer", ".scope"];

/// An id or a name in the sender's own words: one line, not too long.
pub fn name(field: String, text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    if text.len() > NAME_BYTES_MAX {
        let message = format!("has {} bytes, more than {NAME_BYTES_MAX}", text.len());
        return Err(Wrong::field(field, message, "shorten it"));
    }
    if printable(text) != text {
        return Err(Wrong::field(
            field,
            "has control or invisible characters",
            "send one line of plain text",
        ));
    }
    Ok(text.to_owned())
}

/// A message: cut, several lines at most.
pub fn message(text: &str) -> String {
    shorten(printable_lines(text.trim()).trim(), MESSAGE_BYTES_MAX)
}

/// The newest lines, each cut.
pub fn log_lines<'a>(lines: impl ExactSizeIterator<Item = &'a str>) -> Vec<String> {
    let skip = lines.len().saturating_sub(LOG_LINES_MAX);
    lines.skip(skip).map(|line| shorten(&printable(line.trim_end()), LOG_LINE_BYTES_MAX)).collect()
}

/// Docker's own rule for names; the slash in front that its API writes is left out.
pub fn container(text: &str) -> Option<String> {
    let name = text.strip_prefix('/').unwrap_or(text);
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (begins && name.len() <= THING_BYTES_MAX && name.chars().all(valid)).then(|| name.to_owned())
}

/// systemd's own rule for names; without a suffix it is a service.
pub fn unit(text: &str) -> Option<String> {
    let name = if UNIT_SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
        text.to_owned()
    } else {
        format!("{text}.service")
    };
    let valid =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '\\' | '@' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (begins && name.len() <= THING_BYTES_MAX && name.chars().all(valid)).then_some(name)
}

/// hale's four words, and those that others use for them.
pub fn severity(text: &str) -> Option<Severity> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "low" | "info" | "informational" | "notice" | "none" | "debug" | "p4" | "p5" => {
            Severity::Low
        }
        "medium" | "moderate" | "warning" | "warn" | "minor" | "p3" => Severity::Medium,
        "high" | "error" | "major" | "severe" | "p2" => Severity::High,
        "critical" | "crit" | "page" | "fatal" | "emergency" | "alert" | "p1" => Severity::Critical,
        _ => return None,
    })
}

/// An address where the reported service tells whether it is well. What it leads to is looked at once
/// more when it is asked; here it is refused where it can only be a mistake or an attack.
///
/// # Errors
/// In words, what it must not be.
pub fn health_url(text: &str, own_port: Option<u16>) -> Result<String, &'static str> {
    if text.len() > URL_BYTES_MAX {
        return Err("is too long");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) || !text.is_ascii() {
        return Err("has characters that no address has");
    }
    let uri: Uri = text.parse().map_err(|_| "is not an address")?;
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        Some(_) | None => return Err("is not an address that begins with http:// or https://"),
    };
    let authority = uri.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("carries credentials");
    }
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host) {
        Some("") => default_port,
        Some(_) => authority.port_u16().filter(|port| *port != 0).ok_or("has a wrong port")?,
        None => return Err("is not an address"),
    };
    check_host(host)?;
    let local =
        host.eq_ignore_ascii_case("localhost") || ip_of(host).is_some_and(|ip| ip.is_loopback());
    if local && Some(port) == own_port {
        return Err("is hale itself");
    }
    Ok(text.to_owned())
}

fn ip_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let ip: IpAddr = bare.parse().ok()?;
    Some(match ip {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    })
}

fn check_host(host: &str) -> Result<(), &'static str> {
    if let Some(ip) = ip_of(host) {
        return check_ip(ip);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    if name.is_empty() || name.len() > 253 || !name.split('.').all(label) {
        return Err("names no valid host");
    }
    // 2852039166, 0xa9.0xfe…: addresses in disguise, which resolvers understand and people do not.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("hides an address in a number");
    }
    if name == "metadata"
        || name.starts_with("metadata.")
        || name.ends_with(".metadata.google.internal")
    {
        return Err("is the cloud's metadata service");
    }
    Ok(())
}

fn check_ip(ip: IpAddr) -> Result<(), &'static str> {
    let metadata_six: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    match ip {
        IpAddr::V4(four) => {
            if four.is_link_local()
                || four == Ipv4Addr::new(100, 100, 100, 200)
                || four == Ipv4Addr::new(192, 0, 0, 192)
            {
                Err("is a link-local or metadata address")
            } else if four.is_multicast() || four.is_broadcast() || four.octets()[0] >= 240 {
                Err("is a multicast or broadcast address")
            } else if four.octets()[0] == 0 {
                Err("is no address of a host")
            } else {
                Ok(())
            }
        }
        IpAddr::V6(six) => {
            if six.is_unicast_link_local() || metadata_six.contains(&six) {
                Err("is a link-local or metadata address")
            } else if six.is_multicast() {
                Err("is a multicast or broadcast address")
            } else if six.is_unspecified() {
                Err("is no address of a host")
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_address_leads_to_a_service_and_nowhere_else() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/health", Ok(())),
            ("https://shop.example/healthz?deep=1", Ok(())),
            ("http://10.0.0.5/health", Ok(())),
            ("http://[::1]:8080/", Ok(())),
            ("http://localhost:7979/healthz", Err("is hale itself")),
            ("http://127.0.0.1:7979/", Err("is hale itself")),
            ("http://[::1]:7979/", Err("is hale itself")),
            ("http://169.254.169.254/latest/meta-data", Err("is a link-local or metadata address")),
            ("http://[::ffff:169.254.169.254]/", Err("is a link-local or metadata address")),
            ("http://[fe80::1]/", Err("is a link-local or metadata address")),
            ("http://[fd00:ec2::254]/", Err("is a link-local or metadata address")),
            ("http://metadata.google.internal/", Err("is the cloud's metadata service")),
            ("http://2852039166/", Err("hides an address in a number")),
            ("http://0xa9fea9fe/", Err("hides an address in a number")),
            ("http://169.254.43518/", Err("hides an address in a number")),
            ("http://224.0.0.1/", Err("is a multicast or broadcast address")),
            ("http://[ff02::1]/", Err("is a multicast or broadcast address")),
            ("http://0.0.0.0:80/", Err("is no address of a host")),
            ("http://user:pw@10.0.0.5/", Err("carries credentials")),
            ("ftp://10.0.0.5/", Err("is not an address that begins with http:// or https://")),
            ("file:///etc/passwd", Err("is not an address")),
            ("/health", Err("is not an address that begins with http:// or https://")),
            ("http://10.0.0.5:99999/", Err("is not an address")),
            ("http://10.0.0.5:0/", Err("has a wrong port")),
            ("http://a b/", Err("has characters that no address has")),
            ("http://ex$(reboot).example/", Err("names no valid host")),
        ] {
            let found = health_url(url, Some(7979)).map(drop);
            match expected {
                Ok(()) => assert_eq!(found, Ok(()), "{url}"),
                // Which of our own words a torn address gets is the parser's business.
                Err("is not an address" | "has a wrong port" | "names no valid host") => {
                    assert!(found.is_err(), "{url}");
                }
                Err(why) => assert_eq!(found, Err(why), "{url}"),
            }
        }
    }

    #[test]
    fn names_of_things_are_what_their_owners_allow() {
        for (text, expected) in [
            ("web", Some("web")),
            ("/web-1", Some("web-1")),
            ("a.b_c-d", Some("a.b_c-d")),
            ("-rm", None),
            ("a;reboot", None),
            ("a b", None),
            ("$(x)", None),
            ("", None),
            ("../etc", None),
        ] {
            assert_eq!(container(text).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("nginx", Some("nginx.service")),
            ("nginx.service", Some("nginx.service")),
            ("getty@tty1.service", Some("getty@tty1.service")),
            ("x.timer", Some("x.timer")),
            (";reboot", None),
            ("a b.service", None),
            ("$(x).service", None),
            ("-f.service", None),
            ("a/b.service", None),
        ] {
            assert_eq!(unit(text).as_deref(), expected, "{text}");
        }
    }
}
