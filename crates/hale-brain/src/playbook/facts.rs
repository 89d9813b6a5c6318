//! What the conditions of a playbook can see: the alert, the machine, and what the alert is about.

use std::collections::BTreeMap;

use cel::Context;
use hale_model::Timestamp;
use hale_model::alert::{Alert, Subject};
use hale_model::config::Config;
use hale_model::container::Container;
use hale_model::playbook::SubjectType;
use hale_model::sample::UnitStat;
use hale_model::snapshot::{Mount, Process, Snapshot};
use hale_model::workload::Workload;
use serde_json::{Map, Value, json};

use crate::decide::names::service_of;
use crate::detect::expression::Names;
use crate::detect::facts;
use crate::diagnose::workload_named;

/// What an alert is about, found among what is observed now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found<'a> {
    /// The file system.
    pub(crate) mount: Option<&'a Mount>,
    /// The process, the first of a group.
    pub(crate) process: Option<&'a Process>,
    /// The unit itself, or the service that the process belongs to.
    pub(crate) unit: Option<&'a UnitStat>,
    /// The container itself, the one that the process runs in, or the one that runs the service.
    pub(crate) container: Option<&'a Container>,
    /// The workload itself, or the only one of the service's name.
    pub(crate) workload: Option<&'a Workload>,
}

impl<'a> Found<'a> {
    pub(crate) fn of(subject: &Subject, snapshot: &'a Snapshot) -> Found<'a> {
        let workload = workload_named(snapshot, subject);
        let mut found = Found { workload, ..Found::default() };
        match subject {
            Subject::Process { .. } | Subject::ProcessGroup { .. } => {
                found.process = subject.processes().iter().find_map(|p| snapshot.living(p));
            }
            Subject::Unit { unit } => found.unit = snapshot.unit(unit),
            Subject::Mount { mount_point } => found.mount = snapshot.mount(mount_point),
            Subject::Container { id, name } => found.container = snapshot.container(id, name),
            Subject::Service { service } => {
                found.container = container_of_service(service, snapshot);
                if found.container.is_none() {
                    found.unit = snapshot.unit(&format!("{service}.service"));
                }
            }
            Subject::Machine
            | Subject::Sensor { .. }
            | Subject::Metric { .. }
            | Subject::Journal { .. }
            | Subject::Workload { .. }
            | Subject::Source { .. } => {}
        }
        if let Some(process) = found.process {
            let inside = process.info.container.as_deref();
            found.container = inside
                .and_then(|id| snapshot.containers.iter().find(|c| c.stat.id.starts_with(id)));
            found.unit = service_of(&process.info).and_then(|unit| snapshot.unit(unit));
        }
        found
    }

    /// Seconds since the present run of the subject began: of its container, or of its unit.
    fn running_secs(&self, snapshot: &Snapshot) -> Option<f64> {
        let container = self.container.and_then(|c| c.stat.started_at);
        if let Some(started_at) = container {
            return Some(secs_between(started_at, snapshot.collected_at));
        }
        let main = self.unit.and_then(|unit| snapshot.process(unit.main_pid));
        main.or(self.process).map(|process| process.age_secs)
    }
}

/// The one container that runs this service; none where several do, for then no one is meant.
fn container_of_service<'a>(service: &str, snapshot: &'a Snapshot) -> Option<&'a Container> {
    let named = snapshot.containers.iter().find(|c| c.stat.name == service);
    let mut of_compose =
        snapshot.containers.iter().filter(|c| c.stat.compose_service.as_deref() == Some(service));
    match (named, of_compose.next(), of_compose.next()) {
        (Some(named), _, _) => Some(named),
        (None, Some(one), None) => Some(one),
        (None, _, _) => None,
    }
}

fn secs_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// Everything that a condition may name.
pub(super) fn of_alert(
    now: Timestamp,
    alert: &Alert,
    found: &Found<'_>,
    snapshot: &Snapshot,
    config: &Config,
) -> Vec<(&'static str, Value)> {
    let mut all = facts::machine(snapshot, config);
    let open_secs = secs_between(alert.first_seen_at, now).max(0.0);
    all.push((
        "alert",
        json!({
            "kind": alert.kind, "severity": alert.severity, "summary": alert.summary,
            "flaps": alert.flaps, "open_secs": open_secs, "machine": alert.machine_id,
        }),
    ));
    all.push(("subject", subject(&alert.subject)));
    all.push(("vars", Value::Object(alert.vars.clone().into_iter().collect())));
    all.push(("labels", Value::Object(labels(alert))));
    let running_secs = found.running_secs(snapshot);
    all.push((
        "target",
        json!({
            "mount": found.mount.map(facts::mount),
            "process": found.process.map(facts::process),
            "unit": found.unit.map(facts::unit),
            "container": found.container.map(container),
            "workload": found.workload.map(|w| serde_json::to_value(w).unwrap_or(Value::Null)),
            "running_secs": running_secs,
            // How long the run had lasted when the trouble began: short after a deploy.
            "ran_before_secs": running_secs.map(|secs| secs - open_secs),
        }),
    ));
    all
}

fn container(container: &Container) -> Value {
    serde_json::to_value(container).unwrap_or(Value::Null)
}

fn subject(subject: &Subject) -> Value {
    let mut fields = match serde_json::to_value(subject) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    fields.insert("type".to_owned(), SubjectType::of(subject).as_str().into());
    fields.insert("text".to_owned(), subject.to_string().into());
    Value::Object(fields)
}

/// What whoever reported the alert said of it.
pub(super) fn labels(alert: &Alert) -> Map<String, Value> {
    match alert.vars.get("labels") {
        Some(Value::Object(labels)) => labels.clone(),
        Some(_) | None => Map::new(),
    }
}

/// The names that a condition may use. What lies below `vars`, `labels` and a container depends on
/// the alert.
pub(super) fn names() -> Names {
    let mut names = BTreeMap::new();
    for (name, value) in facts::complete(facts::Scope::Machine) {
        let below = if name == "tcp" { Names::default() } else { Names::of(&value) };
        names.insert(name.to_owned(), below);
    }
    let open = || Names::default();
    let listed = |keys: &[&str]| Names(keys.iter().map(|k| ((*k).to_owned(), open())).collect());
    names.insert(
        "alert".to_owned(),
        listed(&["kind", "severity", "summary", "flaps", "open_secs", "machine"]),
    );
    names.insert(
        "subject".to_owned(),
        listed(&[
            "type",
            "text",
            "process",
            "group_key",
            "label",
            "members",
            "unit",
            "mount_point",
            "metric",
            "origin",
            "template",
            "id",
            "name",
            "service",
            "namespace",
            "kind",
            "source",
        ]),
    );
    names.insert("vars".to_owned(), open());
    names.insert("labels".to_owned(), open());
    let of = |scope: facts::Scope, name: &str| {
        let found = facts::complete(scope).into_iter().find(|(n, _)| *n == name);
        found.map_or_else(open, |(_, value)| Names::of(&value))
    };
    let target = BTreeMap::from([
        ("mount".to_owned(), of(facts::Scope::Mount, "mount")),
        ("process".to_owned(), of(facts::Scope::Process, "process")),
        ("unit".to_owned(), of(facts::Scope::Unit, "unit")),
        ("container".to_owned(), open()),
        ("workload".to_owned(), open()),
        ("running_secs".to_owned(), open()),
        ("ran_before_secs".to_owned(), open()),
    ]);
    names.insert("target".to_owned(), Names(target));
    Names(names)
}

/// The facts, ready for conditions.
pub(super) fn context(facts: &[(&'static str, Value)]) -> Context<'static, 'static> {
    facts::context(&std::sync::Arc::new(cel::Env::stdlib()), facts)
}
