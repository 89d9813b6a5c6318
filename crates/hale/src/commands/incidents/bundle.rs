//! Everything about one incident in one value: what `export` writes and `replay` reads.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hale_model::api::Query;
use hale_model::audit::AuditEntry;
use hale_model::sent::{PackedRequest, SentRequest, unpack};
use hale_model::view::{AlertView, IncidentView, Table};
use hale_model::{AlertId, Timestamp};
use serde::{Deserialize, Serialize};

use super::one;
use crate::context::{Desk, view};
use crate::exit::Failure;

/// Name and version of the format.
const SCHEMA_VERSION: &str = "hale.incident.v1";
/// Telemetry so long before and after the incident belongs to it.
const MARGIN_SECS: i64 = 600;
/// Rows of each telemetry table.
const LIMIT_ROWS: u32 = 20_000;
/// Bytes of a bundle that is read.
const LIMIT_BUNDLE_BYTES: u64 = 256 * 1024 * 1024;
/// Telemetry that tells what the machine did meanwhile.
const TABLES: [&str; 3] = ["sys_samples", "sys_top_processes", "disk_mounts"];

/// One incident with all that was observed, decided and done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bundle {
    pub schema_version: String,
    pub generated_at: Timestamp,
    pub incident: IncidentView,
    pub alerts: Vec<AlertView>,
    /// What left the machine for language models about the incident: every body as it was sent, masked.
    #[serde(default)]
    pub prompts: Vec<SentRequest>,
    /// Entries of the audit chain that name the incident, its alerts or its actions.
    pub audit: Vec<AuditEntry>,
    /// By table, from ten minutes before to ten minutes after.
    pub telemetry: std::collections::BTreeMap<String, Table>,
    /// What is missing, and why.
    pub warnings: Vec<String>,
}

impl Bundle {
    /// As it may be given to others: without credentials. Entries of the audit that held one no longer have the
    /// contents that their hash covers; the chain itself stays on this machine.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn masked(self) -> Result<Bundle, Failure> {
        let failed = |e: serde_json::Error| {
            Failure::failed(format!("the incident cannot be masked: {e}"), "report this")
        };
        let mut value = serde_json::to_value(&self).map_err(failed)?;
        for name in ["incident", "alerts", "audit", "telemetry"] {
            if let Some(part) = value.get_mut(name) {
                hale_engine::mask_credentials(part);
            }
        }
        serde_json::from_value(value).map_err(failed)
    }
}

/// Collects it.
///
/// # Errors
/// There is no such incident.
pub async fn gather(desk: &Desk, id: &str) -> Result<Bundle, Failure> {
    let incident = *one(desk, id).await?;
    let mut bundle = Bundle {
        schema_version: SCHEMA_VERSION.to_owned(),
        generated_at: Timestamp::now(),
        incident,
        alerts: Vec::new(),
        prompts: Vec::new(),
        audit: Vec::new(),
        telemetry: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
    };
    for id in bundle.incident.alerts.clone() {
        match desk.ask(Query::Alert { id: AlertId(id.clone()) }).await {
            Ok(hale_model::api::View::Alert(alert)) => bundle.alerts.push(*alert),
            Ok(_) => return Err(Failure::unexpected_view()),
            Err(error) => bundle.warnings.push(format!("alert {id}: {error}")),
        }
    }
    let entries = view!(desk.ask(Query::Audit { limit: 0 }).await, Audit);
    let actions = bundle.incident.actions.iter().map(|action| action.id.clone());
    let names: Vec<String> = [bundle.incident.id.clone()]
        .into_iter()
        .chain(bundle.incident.alerts.clone())
        .chain(actions)
        .collect();
    let concerns = |entry: &AuditEntry| {
        names.iter().any(|name| entry.subject.contains(name) || entry.details.contains(name))
    };
    bundle.audit = entries.into_iter().filter(concerns).collect();
    bundle.prompts = bundle.audit.iter().flat_map(prompts).collect();
    let cut = bundle.prompts.iter().filter(|prompt| prompt.body.is_none()).count();
    if cut > 0 {
        let why = format!("prompts: of {cut}, only length and digest were kept");
        bundle.warnings.push(why);
    }
    for table in TABLES {
        let answer = desk
            .ask(Query::Sql { sql: window(&bundle.incident, table), limit_rows: LIMIT_ROWS })
            .await;
        match answer {
            Ok(hale_model::api::View::Table(rows)) => {
                bundle.telemetry.insert(table.to_owned(), rows);
            }
            Ok(_) => return Err(Failure::unexpected_view()),
            Err(error) => bundle.warnings.push(format!("telemetry {table}: {error}")),
        }
    }
    Ok(bundle)
}

/// The requests that an entry of the audit tells of.
fn prompts(entry: &AuditEntry) -> Vec<SentRequest> {
    #[derive(Deserialize)]
    struct Details {
        #[serde(default)]
        sent: Vec<PackedRequest>,
    }
    if entry.kind != "model" {
        return Vec::new();
    }
    serde_json::from_str::<Details>(&entry.details).map_or_else(|_| Vec::new(), |d| unpack(&d.sent))
}

/// Only times that hale made itself go into the statement.
fn window(incident: &IncidentView, table: &str) -> String {
    let margin = jiff::SignedDuration::from_secs(MARGIN_SECS);
    let end = incident.closed_at.unwrap_or_else(Timestamp::now);
    let from = incident.opened_at.checked_sub(margin).unwrap_or(Timestamp::MIN);
    let to = end.checked_add(margin).unwrap_or(Timestamp::MAX);
    format!(
        "SELECT * FROM {table} WHERE collected_at BETWEEN TIMESTAMPTZ '{from}' AND TIMESTAMPTZ '{to}' ORDER BY collected_at"
    )
}

/// Writes it, for this user alone.
///
/// # Errors
/// The file cannot be written.
pub fn write(bundle: &Bundle, path: &Path) -> Result<(), Failure> {
    let failed = |why: String| {
        Failure::failed(
            format!("{} cannot be written: {why}", path.display()),
            "choose another file",
        )
    };
    let text = serde_json::to_vec_pretty(bundle).map_err(|e| failed(e.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| failed(e.to_string()))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(|e| failed(e.to_string()))
}

/// Reads one that was exported.
///
/// # Errors
/// It is no bundle of this version.
pub fn read(path: &Path) -> Result<Bundle, Failure> {
    let failed = |why: String| {
        Failure::failed(
            format!("{} cannot be replayed: {why}", path.display()),
            "give an incident's id, or a file that `hale incidents export` wrote",
        )
    };
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(LIMIT_BUNDLE_BYTES).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    let bundle: Bundle = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
    if bundle.schema_version != SCHEMA_VERSION {
        return Err(failed(format!("it is of version {}", bundle.schema_version)));
    }
    Ok(bundle)
}
