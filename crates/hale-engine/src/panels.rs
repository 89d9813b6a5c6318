//! Answers what only screens ask. Part of the desk: it reads, and changes nothing.

use std::collections::BTreeMap;

use hale_brain::recount::{CuredIncident, achieved, alert_at, approval_at, incident_at};
use hale_model::Timestamp;
use hale_model::alert::{AlertState, Severity};
use hale_model::api::{ApiError, ErrorKind, Query, View};
use hale_model::health::HealthFactor;
use hale_model::panel::{
    ContainersView, JournalLine, JournalView, Moment, PANEL_ROWS_MAX, Panel, PanelView, PastHealth,
    PastProcess, ProcessSort, ProcessesView, SERIES_METRICS, SERIES_POINTS_MAX, Series, SeriesView,
    SettingsView, UnitsView,
};
use hale_model::sample::{Pressure, Source};
use hale_model::snapshot::{Process, System};
use hale_model::text::moment;
use hale_model::view::{
    AlertView, AlertsView, ApprovalView, ApprovalsView, IncidentView, IncidentsView, ProcessView,
};
use hale_store::{journal_sql, moment_sql, series_sql};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::desk::Desk;

type Result<T> = std::result::Result<T, ApiError>;

/// Rows of one moment: processes, mounts, devices, interfaces, factors.
const MOMENT_ROWS_MAX: u32 = 1000;
/// Keys of the configuration whose values are never shown.
const SECRET_KEYS: [&str; 7] =
    ["token", "secret", "password", "api_key", "webhook_url", "private_key", "routing_key"];
const MASK: &str = "••••••";

fn usage(message: String, hint: &str) -> ApiError {
    ApiError::new(ErrorKind::Usage, message).hint(hint)
}

/// A span of time that has a length.
fn in_order(since: Timestamp, until: Timestamp) -> Result<()> {
    if since < until {
        return Ok(());
    }
    let (since, until) = (moment(since), moment(until));
    Err(usage(
        format!("`until` ({until}) is not after `since` ({since})"),
        "since is where the span begins: since=2026-01-27T00:00:00Z&until=2026-01-27T01:00:00Z",
    ))
}

impl Desk {
    pub(crate) fn panel(&self, ask: Panel) -> Result<View> {
        match ask {
            Panel::AsOf { at, question } => self.as_of(at, *question),
            Panel::Moment { at } => {
                self.moment(at).map(|m| PanelView::Moment(Box::new(m))).map(View::Panel)
            }
            Panel::Series { metrics, since, until, points } => {
                self.series(&metrics, since, until, points).map(PanelView::Series).map(View::Panel)
            }
            Panel::Processes { search, limit, sort } => {
                self.processes(&search, limit, sort).map(PanelView::Processes).map(View::Panel)
            }
            Panel::Units => self.units().map(PanelView::Units).map(View::Panel),
            Panel::Journal { since, until, priority_max, search, limit } => {
                in_order(since, until)?;
                let limit = limit.clamp(1, PANEL_ROWS_MAX);
                let sql = journal_sql(since, until, priority_max, &search);
                let table = self.sql(&sql, limit)?;
                let truncated = table.truncated;
                let entries = table.rows.iter().filter_map(|row| journal_line(row)).collect();
                Ok(View::Panel(PanelView::Journal(JournalView { entries, truncated })))
            }
            Panel::Settings => {
                Ok(View::Panel(PanelView::Settings(Box::new(self.settings_view()?))))
            }
            Panel::Achieved { since, until } => {
                in_order(since, until)?;
                self.achieved(since, until)
            }
            Panel::Containers => {
                let snapshot = self.snapshot()?;
                let source = snapshot.sources.iter().find(|s| s.source == Source::Container);
                Ok(View::Panel(PanelView::Containers(ContainersView {
                    collected_at: snapshot.collected_at,
                    source: source.cloned(),
                    containers: snapshot.containers.clone(),
                })))
            }
        }
    }

    fn as_of(&self, at: Timestamp, question: Query) -> Result<View> {
        match question {
            Query::Alerts { states, limit } => {
                let states = if states.is_empty() {
                    vec![AlertState::Open, AlertState::Acknowledged]
                } else {
                    states
                };
                let alerts = self.alerts(&[], 0)?;
                let alerts = alerts.iter().filter_map(|alert| alert_at(alert, at));
                let alerts = alerts.filter(|alert| states.contains(&alert.state));
                let alerts = alerts.take(at_most(limit)).map(|a| AlertView::from(&a)).collect();
                Ok(View::Alerts(AlertsView { alerts }))
            }
            Query::Alert { id } => {
                let alert = alert_at(&self.alert(id.as_str())?, at)
                    .ok_or_else(|| not_yet(id.as_str(), at))?;
                Ok(View::Alert(Box::new(AlertView::from(&alert))))
            }
            Query::Incidents { state, limit } => {
                let mut incidents = Vec::new();
                for incident in self.incidents(None, 0)? {
                    if incidents.len() >= at_most(limit) {
                        break;
                    }
                    let Some(view) = self.incident_as_of(&incident, at)? else { continue };
                    if state.is_none_or(|state| state.as_str() == view.state) {
                        incidents.push(view);
                    }
                }
                Ok(View::Incidents(IncidentsView { incidents }))
            }
            Query::Incident { id } => {
                let incident = self.incident(id.as_str())?;
                let view =
                    self.incident_as_of(&incident, at)?.ok_or_else(|| not_yet(id.as_str(), at))?;
                Ok(View::Incident(Box::new(view)))
            }
            Query::Approvals { all } => {
                let pairs = self.approvals(true)?;
                let pairs = pairs
                    .iter()
                    .filter_map(|(approval, record)| Some((approval_at(approval, at)?, record)));
                let wanted = pairs
                    .filter(|(a, _)| all || a.state == hale_model::action::ApprovalState::Pending);
                let approvals = wanted.map(|(a, r)| ApprovalView::new(&a, r)).collect();
                Ok(View::Approvals(ApprovalsView { approvals }))
            }
            Query::Audit { limit } => {
                let mut entries = self.read_or(Vec::new(), |s| s.audit(0))?;
                entries.retain(|entry| entry.ts <= at);
                let surplus = entries.len().saturating_sub(at_most(limit));
                entries.drain(..surplus);
                Ok(View::Audit(entries))
            }
            Query::Status { .. }
            | Query::Health
            | Query::Approval { .. }
            | Query::Triage
            | Query::Report { .. }
            | Query::Explain { .. }
            | Query::AuditVerify
            | Query::Sql { .. }
            | Query::Postmortem { .. }
            | Query::Judge { .. }
            | Query::Runbook { .. }
            | Query::RunbookSearch { .. }
            | Query::RunbookEntry { .. }
            | Query::RunbookExport
            | Query::Doctor
            | Query::Services
            | Query::Tokens
            | Query::TokenHolder { .. }
            | Query::Metrics
            | Query::Playbooks
            | Query::Playbook { .. }
            | Query::PlaybookTrial { .. }
            | Query::Ask { .. }
            | Query::Panel { .. } => Err(usage(
                "this cannot be asked as of a past moment".to_owned(),
                "alerts, incidents, approvals, audit and the moment of a machine can",
            )),
        }
    }

    fn incident_as_of(
        &self,
        incident: &hale_model::incident::Incident,
        at: Timestamp,
    ) -> Result<Option<IncidentView>> {
        if incident.opened_at > at {
            return Ok(None);
        }
        let actions = self.read(|s| s.actions_of(&incident.id))?;
        let timeline = self.read(|s| s.timeline(&incident.id))?;
        let asked = self.read(|s| s.approvals(true))?;
        Ok(incident_at(incident, &actions, &asked, timeline, at)
            .map(|(incident, actions, timeline)| IncidentView::new(&incident, &actions, timeline)))
    }

    fn moment(&self, at: Timestamp) -> Result<Moment> {
        let table = self.sql(&moment_sql(at), MOMENT_ROWS_MAX)?;
        let machine_id = self.latest(|l| l.snapshot.as_ref().map(|s| s.machine_id.clone()));
        let mut moment = Moment {
            at,
            measured_at: None,
            machine_id: machine_id.unwrap_or_else(|| "".into()),
            health: None,
            system: System::default(),
            processes: Vec::new(),
            mounts: Vec::new(),
            devices: Vec::new(),
            interfaces: Vec::new(),
        };
        let mut health = Vec::new();
        for row in &table.rows {
            let [Value::String(what), Value::String(json)] = row.as_slice() else { continue };
            let Ok(object) = serde_json::from_str::<Value>(json) else { continue };
            match what.as_str() {
                "sample" => sample_of(&mut moment, object),
                "process" => moment.processes.extend(parsed::<PastProcess>(object)),
                "mount" => moment.mounts.extend(parsed(object)),
                "device" => moment.devices.extend(parsed(object)),
                "interface" => moment.interfaces.extend(parsed(object)),
                _ => health.push(object),
            }
        }
        moment.health = health_of(&health);
        // Stored is one look in many; what memory holds is the look itself.
        if let Some((_, health)) = self.latest(|l| l.recent.health_at(at)) {
            moment.health = Some(health);
        }
        Ok(moment)
    }

    fn series(
        &self,
        metrics: &[String],
        since: Timestamp,
        until: Timestamp,
        points: u32,
    ) -> Result<SeriesView> {
        if let Some(unknown) = metrics.iter().find(|m| !SERIES_METRICS.contains(&m.as_str())) {
            return Err(usage(
                format!("there is no course of `{unknown}`"),
                &format!("one of {}", SERIES_METRICS.join(", ")),
            ));
        }
        let length_secs = until.duration_since(since).as_secs_f64();
        if metrics.is_empty() {
            let hint = format!("one or more of {}, with commas between", SERIES_METRICS.join(", "));
            return Err(usage("`metrics` is empty".to_owned(), &hint));
        }
        in_order(since, until)?;
        let points = f64::from(points.clamp(2, SERIES_POINTS_MAX));
        let step_secs = (length_secs / points).max(1.0);
        let mut steps: BTreeMap<i64, Vec<Mean>> = BTreeMap::new();
        let recent_from = self.latest(|l| l.recent.begins_at());
        // What memory holds is not asked of the worker again.
        let stored_until = recent_from.map_or(until, |from| from.min(until));
        if since < stored_until {
            self.stored_series(metrics, since, stored_until, step_secs, &mut steps)?;
        }
        let places: Vec<usize> =
            metrics.iter().filter_map(|m| SERIES_METRICS.iter().position(|k| k == m)).collect();
        for look in self.latest(|l| l.recent.between(since, until)) {
            let step = (look.at.duration_since(since).as_secs_f64() / step_secs) as i64;
            let means = steps.entry(step).or_insert_with(|| vec![Mean::default(); metrics.len()]);
            for (mean, place) in means.iter_mut().zip(&places) {
                mean.take(look.value(*place));
            }
        }
        let start = since.as_microsecond() as f64 / 1e6;
        Ok(SeriesView {
            since,
            until,
            step_secs,
            times: steps.keys().map(|step| start + *step as f64 * step_secs).collect(),
            series: metrics
                .iter()
                .enumerate()
                .map(|(at, metric)| Series {
                    metric: metric.clone(),
                    values: steps.values().map(|m| m.get(at).and_then(Mean::value)).collect(),
                })
                .collect(),
        })
    }

    fn stored_series(
        &self,
        metrics: &[String],
        since: Timestamp,
        until: Timestamp,
        step_secs: f64,
        steps: &mut BTreeMap<i64, Vec<Mean>>,
    ) -> Result<()> {
        let table =
            self.sql(&series_sql(metrics, since, until, step_secs), SERIES_POINTS_MAX + 1)?;
        for row in &table.rows {
            let Some((Some(step), values)) = row.split_first().map(|(s, v)| (s.as_i64(), v)) else {
                continue;
            };
            let means = steps.entry(step).or_insert_with(|| vec![Mean::default(); metrics.len()]);
            for (mean, value) in means.iter_mut().zip(values) {
                mean.take(value.as_f64());
            }
        }
        Ok(())
    }

    fn processes(&self, search: &str, limit: u32, sort: ProcessSort) -> Result<ProcessesView> {
        let snapshot = self.snapshot()?;
        let wanted = search.trim().to_lowercase();
        let mut found: Vec<&Process> = snapshot
            .processes
            .iter()
            .filter(|p| wanted.is_empty() || mentions(p, &wanted))
            .collect();
        found.sort_by(|a, b| {
            let order = match sort {
                ProcessSort::Cpu => {
                    b.cpu_percent.unwrap_or(-1.0).total_cmp(&a.cpu_percent.unwrap_or(-1.0))
                }
                ProcessSort::Memory => b.rss_bytes.cmp(&a.rss_bytes),
                ProcessSort::Files => b.open_fds.cmp(&a.open_fds),
                ProcessSort::Pid => std::cmp::Ordering::Equal,
            };
            order.then(a.pid.cmp(&b.pid))
        });
        Ok(ProcessesView {
            collected_at: snapshot.collected_at,
            total: snapshot.processes.len() as u64,
            matched: found.len() as u64,
            processes: found
                .into_iter()
                .take(limit.clamp(1, PANEL_ROWS_MAX) as usize)
                .map(ProcessView::from)
                .collect(),
        })
    }

    fn units(&self) -> Result<UnitsView> {
        let snapshot = self.snapshot()?;
        let mut units = snapshot.units.clone();
        units.sort_by(|a, b| a.unit.cmp(&b.unit));
        Ok(UnitsView { collected_at: snapshot.collected_at, units })
    }

    fn settings_view(&self) -> Result<SettingsView> {
        let config = serde_json::to_value(&self.settings.config).unwrap_or_default();
        let defaults =
            serde_json::to_value(hale_model::config::Config::default()).unwrap_or_default();
        let snapshot = self.latest(|l| l.snapshot.clone());
        Ok(SettingsView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine_id: snapshot.as_ref().map(|s| s.machine_id.clone()),
            mode: self.settings.config.general.mode,
            paused_until: self.paused_until()?,
            config_path: self.settings.config_path.display().to_string(),
            config_exists: self.settings.config_path.exists(),
            data_dir: self.settings.data_dir.display().to_string(),
            config: masked(config),
            defaults: masked(defaults),
            sources: snapshot.map(|s| s.sources.clone()).unwrap_or_default(),
            models: crate::doctor::models(self),
            warnings: self.warnings(),
        })
    }

    fn achieved(&self, since: Timestamp, until: Timestamp) -> Result<View> {
        let incidents = self.incidents(None, 0)?;
        let mut actions = Vec::new();
        for incident in incidents.iter().filter(|i| i.opened_at >= since) {
            actions.push((incident.id.clone(), self.read(|s| s.actions_of(&incident.id))?));
        }
        let ended = self.read_or(Vec::new(), |s| s.actions_since(since))?;
        let told: Vec<CuredIncident<'_>> = incidents
            .iter()
            .map(|incident| CuredIncident {
                incident,
                actions: actions
                    .iter()
                    .filter(|(id, _)| *id == incident.id)
                    .flat_map(|(_, records)| records)
                    .collect(),
            })
            .collect();
        let figures = achieved(since, until, &told, &ended, &self.settings.config.dashboard);
        Ok(View::Panel(PanelView::Achieved(Box::new(figures))))
    }
}

/// A mean that is built up.
#[derive(Clone, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn take(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.sum += value;
            self.count += 1;
        }
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

fn at_most(limit: u32) -> usize {
    if limit == 0 { usize::MAX } else { limit as usize }
}

fn not_yet(id: &str, at: Timestamp) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("`{id}` had not begun at {at}"))
        .hint("choose a later moment, or look at it now")
}

fn mentions(process: &Process, wanted: &str) -> bool {
    let info = &process.info;
    process.pid.to_string() == wanted
        || info.name.to_lowercase().contains(wanted)
        || info.user.to_lowercase().contains(wanted)
        || process.command().to_lowercase().contains(wanted)
        || info.unit.as_ref().is_some_and(|unit| unit.to_lowercase().contains(wanted))
}

fn journal_line(row: &[Value]) -> Option<JournalLine> {
    let [us, priority, unit, identifier, pid, message] = row else { return None };
    let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    Some(JournalLine {
        at: Timestamp::from_microsecond(us.as_i64()?).ok()?,
        priority: priority.as_u64().and_then(|p| u8::try_from(p).ok()).unwrap_or(7),
        unit: text(unit),
        identifier: text(identifier),
        pid: pid.as_i64().and_then(|p| i32::try_from(p).ok()),
        message: text(message).unwrap_or_default(),
    })
}

fn parsed<T: DeserializeOwned>(object: Value) -> Option<T> {
    serde_json::from_value(object)
        .inspect_err(|error| tracing::debug!("a stored row does not fit: {error}"))
        .ok()
}

fn sample_of(moment: &mut Moment, mut object: Value) {
    let us = object.get("measured_at_us").and_then(Value::as_i64);
    moment.measured_at = us.and_then(|us| Timestamp::from_microsecond(us).ok());
    if let Some(machine) = object.get("machine_id").and_then(Value::as_str) {
        moment.machine_id = machine.into();
    }
    let pressure = ["cpu", "mem", "io"].map(|name| pressure_of(&object, name));
    if let Value::Object(fields) = &mut object {
        // Of each core only the whole is stored.
        fields.insert("cpu_cores".to_owned(), Value::Array(Vec::new()));
    }
    if let Some(system) = parsed::<System>(object) {
        let [cpu_pressure, memory_pressure, io_pressure] = pressure;
        moment.system = System { cpu_pressure, memory_pressure, io_pressure, ..system };
    }
}

fn pressure_of(object: &Value, name: &str) -> Option<Pressure> {
    let figure = |part: &str| object.get(format!("{name}_{part}")).and_then(Value::as_f64);
    Some(Pressure {
        some_avg10: figure("some_avg10")?,
        some_avg60: figure("some_avg60")?,
        full_avg10: figure("full_avg10").unwrap_or(0.0),
        full_avg60: figure("full_avg60").unwrap_or(0.0),
    })
}

/// Health from its points: `health.score`, and a `health.factor` each.
fn health_of(points: &[Value]) -> Option<PastHealth> {
    let details = |point: &Value| -> Value {
        let text = point.get("details").and_then(Value::as_str).unwrap_or("{}");
        serde_json::from_str(text).unwrap_or_default()
    };
    let severity = |details: &Value| {
        details.get("severity").cloned().and_then(parsed::<Severity>).unwrap_or(Severity::Low)
    };
    let is =
        |point: &Value, metric: &str| point.get("metric").and_then(Value::as_str) == Some(metric);
    let whole = points.iter().find(|p| is(p, "health.score"))?;
    let mut factors: Vec<HealthFactor> = points
        .iter()
        .filter(|p| is(p, "health.factor"))
        .filter_map(|p| {
            let details = details(p);
            Some(HealthFactor {
                id: p.get("subject")?.as_str()?.to_owned(),
                score: p.get("value")?.as_f64()?,
                severity: severity(&details),
                why: details.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
            })
        })
        .collect();
    factors.sort_by(|a, b| a.score.total_cmp(&b.score));
    Some(PastHealth {
        score: whole.get("value")?.as_f64()?,
        severity: severity(&details(whole)),
        factors,
    })
}

/// The configuration with what must not be read replaced. Names of environment variables are no secrets.
fn masked(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| {
                    let is_secret = SECRET_KEYS.iter().any(|secret| key.contains(secret))
                        && !key.ends_with("_env")
                        && !key.ends_with("_tokens");
                    let value = match value {
                        Value::String(text) if is_secret && !text.is_empty() => {
                            Value::String(MASK.to_owned())
                        }
                        Value::String(text) => Value::String(without_credentials(text)),
                        other @ (Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::Array(_)
                        | Value::Object(_)) => masked(other),
                    };
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// `https://user:password@host/` without the middle.
fn without_credentials(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..authority_end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://{MASK}@{}", rest.get(at + 1..).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_of_the_configuration_are_masked_and_nothing_else_is() {
        let shown = masked(json!({
            "server": { "listen": "127.0.0.1:7979", "webhook_token": "abc", "github_secret_env": "GH" },
            "notifications": { "webhook_url": "https://hooks.example/T0/abc", "channels": [
                { "kind": "smtp", "password": "p", "host": "mail" } ] },
            "ai": { "max_tokens": 1024, "providers": [
                { "base_url": "https://me:pw@example.org/v1", "api_key_env": "KEY" } ] },
            "empty": { "token": "" },
        }));
        assert_eq!(
            shown,
            json!({
                "server": { "listen": "127.0.0.1:7979", "webhook_token": MASK, "github_secret_env": "GH" },
                "notifications": { "webhook_url": MASK, "channels": [
                    { "kind": "smtp", "password": MASK, "host": "mail" } ] },
                "ai": { "max_tokens": 1024, "providers": [
                    { "base_url": format!("https://{MASK}@example.org/v1"), "api_key_env": "KEY" } ] },
                "empty": { "token": "" },
            })
        );
    }
}
