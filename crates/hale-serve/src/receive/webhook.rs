//! hale's own format: one report a request.

use hale_model::Timestamp;
use hale_model::report::{Names, Report, ReportSource, kind_of};
use serde_json::json;

use super::body::{Fields, Json, Wrong, parse};
use super::names;

const FIELDS: [&str; 12] = [
    "incident_id",
    "service",
    "type",
    "severity",
    "message",
    "logs",
    "metrics",
    "container",
    "unit",
    "pid",
    "health_url",
    "status",
];

/// What was read, and the fields that hale does not know.
pub(crate) struct Read {
    pub(crate) report: Report,
    pub(crate) ignored: Vec<String>,
}

/// Reads a body. `own_port`: where hale itself listens.
///
/// # Errors
/// 400 or 422, with the field.
pub(crate) fn read(body: &[u8], now: Timestamp, own_port: Option<u16>) -> Result<Read, Wrong> {
    let json = parse(body)?;
    let fields = Fields::of_body(&json)?;
    let needed = |name: &str| names::name(fields.path(name), fields.needed_text(name)?);
    let external_id = needed("incident_id")?;
    let service = needed("service")?;
    let kind_text = needed("type")?;
    let severity = fields.needed_text("severity")?;
    let severity = names::severity(severity).ok_or_else(|| {
        Wrong::field(
            "severity",
            format_args!("is not one that is known: `{severity}`"),
            "send low, medium, high or critical",
        )
    })?;
    let message = names::message(fields.needed_text("message")?);
    let container = checked(&fields, "container", names::container)?;
    let unit = checked(&fields, "unit", names::unit)?;
    let pid = fields.integer("pid", 1, names::PID_MAX)?.and_then(|pid| i32::try_from(pid).ok());
    let health_url = match fields.text("health_url")? {
        Some(url) => Some(names::health_url(url, own_port).map_err(|why| {
            Wrong::field(
                "health_url",
                why,
                "give the address where the service itself tells that it is well",
            )
        })?),
        None => None,
    };
    let resolved = resolved(&fields)?;
    let named = Names { container: container.is_some(), unit: unit.is_some(), pid: pid.is_some() };
    let report = Report {
        source: ReportSource::Native,
        external_id,
        occurrence: None,
        service,
        host: None,
        kind: kind_of(&kind_text, named),
        kind_text,
        severity,
        message,
        logs: logs(&fields)?,
        metrics: metrics(&fields)?,
        container,
        unit,
        pid,
        health_url,
        received_at: now,
        resolved,
    };
    let known = |name: &&str| !FIELDS.contains(name);
    let ignored = fields.names().filter(known).take(16);
    let ignored =
        ignored.map(|name| hale_model::text::printable(&hale_model::text::shorten(name, 60)));
    Ok(Read { report, ignored: ignored.collect() })
}

fn checked(
    fields: &Fields<'_>,
    name: &str,
    valid: fn(&str) -> Option<String>,
) -> Result<Option<String>, Wrong> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    valid(text).map(Some).ok_or_else(|| {
        Wrong::field(
            name,
            format_args!("is no valid name of a {name}"),
            "send the name itself, as `docker ps` or `systemctl` show it",
        )
    })
}

/// `"status": "resolved"` ends what was reported.
fn resolved(fields: &Fields<'_>) -> Result<bool, Wrong> {
    match fields.text("status")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("firing" | "open" | "triggered" | "active") => Ok(false),
        Some("resolved" | "closed" | "ok") => Ok(true),
        Some(_) => {
            Err(Wrong::field("status", "is not known", "send firing or resolved, or leave it out"))
        }
    }
}

fn logs(fields: &Fields<'_>) -> Result<Vec<String>, Wrong> {
    let mut lines = Vec::new();
    for (index, line) in fields.array("logs")?.iter().enumerate() {
        match line {
            Json::Text(text) => lines.push(text.as_str()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                return Err(Wrong::field(
                    format!("logs[{index}]"),
                    "is not a string",
                    "send lines of log as strings",
                ));
            }
        }
    }
    Ok(names::log_lines(lines.into_iter()))
}

fn metrics(fields: &Fields<'_>) -> Result<std::collections::BTreeMap<String, f64>, Wrong> {
    let numbers = fields.numbers("metrics")?;
    let mut metrics = std::collections::BTreeMap::new();
    for (key, value) in numbers.into_iter().take(names::METRICS_MAX) {
        metrics.insert(names::name(fields.path("metrics"), key)?, value);
    }
    Ok(metrics)
}

/// The answer's body.
pub(crate) fn answer(
    receipt: &hale_model::report::Receipt,
    ignored: &[String],
) -> serde_json::Value {
    let mut answer = json!({
        "incident_id": receipt.incident_id,
        "id": receipt.id,
        "state": receipt.state,
    });
    if let Some(object) = answer.as_object_mut().filter(|_| !ignored.is_empty()) {
        object.insert("ignored".to_owned(), json!(ignored));
    }
    answer
}
