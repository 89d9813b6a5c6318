//! Alertmanager's webhook, version 4, and Grafana's alerting webhook, which has the same alerts in a
//! slightly other envelope. One report an alert; its fingerprint is its id, its start the occurrence.
//!
//! Labels are whatever a team writes: one that is no valid name of a container or a unit is left out
//! rather than refused, so that one odd label does not lose the others.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::Severity;
use hale_model::ids::hex_digest;
use hale_model::report::{Names, Report, ReportSource, kind_of};
use hale_model::text::{printable, shorten};

use super::body::{Fields, Json, Wrong, parse};
use super::names;

/// Alerts in one notification.
const ALERTS_MAX: usize = 2000;

/// Which envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    Alertmanager,
    Grafana,
}

/// Reads a notification.
///
/// # Errors
/// 400 or 422, with the field.
pub(crate) fn read(
    envelope: Envelope,
    body: &[u8],
    now: Timestamp,
    own_port: Option<u16>,
) -> Result<Vec<Report>, Wrong> {
    let json = parse(body)?;
    let fields = Fields::of_body(&json)?;
    check_version(envelope, &fields)?;
    let alerts = fields.needed_objects("alerts", ALERTS_MAX)?;
    let common = fields.texts("commonLabels")?;
    alerts.iter().map(|alert| read_alert(envelope, alert, &common, now, own_port)).collect()
}

fn check_version(envelope: Envelope, fields: &Fields<'_>) -> Result<(), Wrong> {
    let version = fields.text("version")?;
    match envelope {
        Envelope::Alertmanager if version != Some("4") => Err(Wrong::field(
            "version",
            "is not \"4\"",
            "this address takes the webhook of Alertmanager 0.12 and later",
        )),
        Envelope::Alertmanager | Envelope::Grafana => Ok(()),
    }
}

fn read_alert(
    envelope: Envelope,
    alert: &Fields<'_>,
    common: &[(&str, &str)],
    now: Timestamp,
    own_port: Option<u16>,
) -> Result<Report, Wrong> {
    let status = alert.needed_text("status")?;
    let resolved = match status {
        "firing" => false,
        "resolved" => true,
        _ => {
            return Err(Wrong::field(
                alert.path("status"),
                "is neither firing nor resolved",
                "send what Alertmanager sends",
            ));
        }
    };
    alert.needed_object("labels")?;
    let labels = alert.texts("labels")?;
    let annotations = alert.texts("annotations")?;
    let label = |wanted: &[&str]| first_of(&labels, wanted).or_else(|| first_of(common, wanted));
    let annotation = |wanted: &[&str]| first_of(&annotations, wanted);
    let container =
        label(&["container", "container_name", "container_label_name", "docker_container"])
            .and_then(names::container);
    let unit = label(&["unit", "systemd_unit"])
        .or_else(|| label(&["name"]).filter(|name| name.ends_with(".service")))
        .and_then(names::unit);
    let pid = label(&["pid"])
        .and_then(|pid| pid.parse::<i64>().ok())
        .filter(|pid| (1..=names::PID_MAX).contains(pid))
        .and_then(|pid| i32::try_from(pid).ok());
    let kind_text = line(label(&["hale_kind", "alertname"]).unwrap_or("alert"));
    let service = label(&["service", "service_name", "app", "job"])
        .or(container.as_deref())
        .or(unit.as_deref())
        .or_else(|| label(&["instance"]))
        .unwrap_or(&kind_text);
    let severity = label(&["severity", "priority", "level"]).and_then(names::severity);
    let named = Names { container: container.is_some(), unit: unit.is_some(), pid: pid.is_some() };
    let occurrence = time(alert, "startsAt")?.map(line);
    time(alert, "endsAt")?;
    let summary = annotation(&["summary", "title"]);
    let description = annotation(&["description", "message"]);
    let told = match (summary, description) {
        (Some(summary), Some(description)) => format!("{summary}\n{description}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => kind_text.clone(),
    };
    Ok(Report {
        source: match envelope {
            Envelope::Alertmanager => ReportSource::Alertmanager,
            Envelope::Grafana => ReportSource::Grafana,
        },
        external_id: fingerprint(alert, &labels)?,
        occurrence,
        service: line(service),
        host: label(&["instance", "node", "hostname", "host"]).map(line),
        kind: kind_of(&kind_text, named),
        severity: severity.unwrap_or(Severity::Medium),
        message: names::message(&told),
        logs: Vec::new(),
        metrics: values(alert)?,
        container,
        unit,
        pid,
        health_url: annotation(&["health_url"])
            .and_then(|url| names::health_url(url, own_port).ok()),
        received_at: now,
        resolved,
        kind_text,
    })
}

/// A time as Alertmanager writes it, which may be missing.
fn time<'a>(alert: &Fields<'a>, name: &str) -> Result<Option<&'a str>, Wrong> {
    let told = alert.text(name)?.filter(|text| !text.trim().is_empty());
    match told.map(|text| (text, text.trim().parse::<Timestamp>())) {
        Some((text, Err(_))) => Err(Wrong::field(
            alert.path(name),
            format_args!("is `{}`, not a time", line(text)),
            "send a time as 2026-01-27T10:00:00Z, as Alertmanager does",
        )),
        Some((text, Ok(_))) => Ok(Some(text)),
        None => Ok(None),
    }
}

/// The value of the first of these names that has one.
fn first_of<'a>(entries: &[(&str, &'a str)], wanted: &[&str]) -> Option<&'a str> {
    let value = |name: &&str| {
        let entry = entries.iter().find(|(key, value)| key == name && !value.trim().is_empty());
        entry.map(|(_, value)| *value)
    };
    wanted.iter().find_map(value)
}

/// One line that a sender's own tools made, cut and made harmless.
fn line(text: &str) -> String {
    printable(&shorten(text.trim(), names::NAME_BYTES_MAX))
}

/// Alertmanager gives one; older ones are told apart by their labels, as Alertmanager does it.
fn fingerprint(alert: &Fields<'_>, labels: &[(&str, &str)]) -> Result<String, Wrong> {
    if let Some(given) = alert.text("fingerprint")?.filter(|text| !text.trim().is_empty()) {
        return names::name(alert.path("fingerprint"), given);
    }
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    let parts: Vec<&str> = sorted.into_iter().flat_map(|(key, value)| [key, value]).collect();
    Ok(hex_digest(&parts, 16))
}

/// Grafana tells the figures of the alert's expressions.
fn values(alert: &Fields<'_>) -> Result<BTreeMap<String, f64>, Wrong> {
    let Some(Json::Object(_)) = alert.get("values") else { return Ok(BTreeMap::new()) };
    let numbers = alert.numbers("values")?;
    Ok(numbers
        .into_iter()
        .take(names::METRICS_MAX)
        .map(|(name, value)| (line(name), value))
        .collect())
}
