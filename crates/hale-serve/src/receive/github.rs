//! GitHub's webhooks: failed workflows and deployments open an incident, their success ends it. The
//! signature is checked over the very bytes, in constant time, before anything else is looked at.

use aws_lc_rs::hmac;
use hale_model::Timestamp;
use hale_model::alert::{AlertKind, Severity};
use hale_model::report::{Report, ReportSource};
use hale_model::text::{printable, shorten};

use super::body::{Fields, Wrong, parse};
use super::names;

/// Whether `X-Hub-Signature-256` is that of this body under this secret.
pub(crate) fn is_signed(secret: &str, body: &[u8], header: &str) -> bool {
    let Some(given) = header.strip_prefix("sha256=").and_then(from_hex) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, body, &given).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let byte = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..32).map(|i| byte(2 * i)).collect()
}

/// Reads an event; none: it says nothing that hale follows.
///
/// # Errors
/// 400 or 422, with the field.
pub(crate) fn read(event: &str, body: &[u8], now: Timestamp) -> Result<Option<Report>, Wrong> {
    let json = parse(body)?;
    let fields = Fields::of_body(&json)?;
    match event {
        "workflow_run" => workflow_run(&fields, now),
        "deployment_status" => deployment_status(&fields, now),
        _ => Ok(None),
    }
}

fn workflow_run(fields: &Fields<'_>, now: Timestamp) -> Result<Option<Report>, Wrong> {
    let repository = repository(fields)?;
    let run = fields.needed_object("workflow_run")?;
    let Some(conclusion) = run.text("conclusion")? else { return Ok(None) };
    let failed = match conclusion {
        "failure" | "timed_out" | "startup_failure" => true,
        "success" => false,
        _ => return Ok(None),
    };
    let workflow = line(run.text("name")?.unwrap_or("workflow"));
    let branch = line(run.text("head_branch")?.unwrap_or("?"));
    let id = run.integer("id", 0, MAX_ID)?.unwrap_or(0);
    let url = run.text("html_url")?.map(line).unwrap_or_default();
    Ok(Some(Report {
        external_id: shorten(
            &format!("{repository}/workflow/{workflow}/{branch}"),
            names::NAME_BYTES_MAX,
        ),
        occurrence: failed.then(|| id.to_string()),
        kind_text: "workflow_run".to_owned(),
        kind: AlertKind::Rule("ci.workflow_failed".to_owned()),
        message: names::message(&format!("workflow {workflow} on {branch}: {conclusion} {url}")),
        ..report(repository, now, !failed)
    }))
}

fn deployment_status(fields: &Fields<'_>, now: Timestamp) -> Result<Option<Report>, Wrong> {
    let repository = repository(fields)?;
    let status = fields.needed_object("deployment_status")?;
    let state = status.needed_text("state")?;
    let failed = match state {
        "failure" | "error" => true,
        "success" => false,
        _ => return Ok(None),
    };
    let deployment = fields.object("deployment")?;
    let of_deployment = |name: &str| deployment.as_ref().map_or(Ok(None), |d| d.text(name));
    let environment = status.text("environment")?.or(of_deployment("environment")?).unwrap_or("?");
    let environment = line(environment);
    let id = status.integer("id", 0, MAX_ID)?.unwrap_or(0);
    let described = status.text("description")?.unwrap_or_default();
    let sha = of_deployment("sha")?.map(line).unwrap_or_default();
    Ok(Some(Report {
        external_id: shorten(
            &format!("{repository}/deployment/{environment}"),
            names::NAME_BYTES_MAX,
        ),
        occurrence: failed.then(|| id.to_string()),
        kind_text: "deployment_status".to_owned(),
        kind: AlertKind::Rule("deployment.failed".to_owned()),
        message: names::message(&format!(
            "deployment of {sha} to {environment}: {state} {described}"
        )),
        ..report(repository, now, !failed)
    }))
}

/// GitHub's ids are whole numbers; this is the last that a double holds exactly.
const MAX_ID: i64 = 1 << 53;

fn repository(fields: &Fields<'_>) -> Result<String, Wrong> {
    let repository = fields.needed_object("repository")?;
    names::name(repository.path("full_name"), repository.needed_text("full_name")?)
}

fn line(text: &str) -> String {
    printable(&shorten(text.trim(), names::NAME_BYTES_MAX))
}

fn report(repository: String, now: Timestamp, resolved: bool) -> Report {
    Report {
        source: ReportSource::Github,
        external_id: String::new(),
        occurrence: None,
        host: Some("github.com".to_owned()),
        service: repository,
        kind_text: String::new(),
        kind: AlertKind::Rule(String::new()),
        severity: Severity::High,
        message: String::new(),
        logs: Vec::new(),
        metrics: std::collections::BTreeMap::new(),
        container: None,
        unit: None,
        pid: None,
        health_url: None,
        received_at: now,
        resolved,
    }
}
