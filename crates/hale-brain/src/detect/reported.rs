//! What others report, as findings beside hale's own. A report is about something of this machine only
//! where hale observes that very thing; otherwise it is about a service that hale knows by name alone,
//! and nothing can be done about it here.

use hale_model::EvidenceId;
use hale_model::alert::{Evidence, Finding, Subject};
use hale_model::config::{Language, Server};
use hale_model::container::Container;
use hale_model::report::{OpenReport, Report};
use hale_model::sample::{Source, SourceState, UnitStat};
use hale_model::snapshot::Snapshot;
use hale_model::text::{printable, shorten};

use super::detectors::vars;
use super::message::Vars;

/// Findings of one turn.
const FINDINGS_MAX: usize = 300;
/// Bytes of a message within a sentence.
const MESSAGE_BYTES_MAX: usize = 240;
/// Lines of log that are evidence, the newest.
const LOG_LINES_MAX: usize = 3;
/// Bytes of each.
const LOG_LINE_BYTES_MAX: usize = 200;

/// What of this machine a report is about.
pub fn resolve(report: &Report, snapshot: &Snapshot, config: &Server) -> Subject {
    if let Some(host) = report.host.as_deref()
        && !is_this_machine(host, snapshot, config)
    {
        return Subject::Service { service: format!("{}@{host}", report.service) };
    }
    let container = report.container.as_deref().and_then(|name| container(snapshot, name));
    let unit = report.unit.as_deref().and_then(|name| unit_named(snapshot, name));
    let process = report.pid.and_then(|pid| snapshot.process(pid)).filter(|p| !p.is_zombie());
    if let Some(found) = container {
        return super::container::subject(&found.stat);
    }
    if let Some(found) = unit {
        return Subject::Unit { unit: found.unit.clone() };
    }
    if let Some(found) = process {
        return Subject::Process { process: found.proc_ref() };
    }
    // The sender named something else that is not here: its service may still be one.
    let names_a_thing = report.container.is_some() || report.unit.is_some();
    let by_service = (!names_a_thing).then(|| container_of_service(snapshot, &report.service));
    if let Some(found) = by_service.flatten() {
        return super::container::subject(&found.stat);
    }
    let by_name = format!("{}.service", report.service);
    match unit_named(snapshot, &by_name).filter(|_| !names_a_thing) {
        Some(found) => Subject::Unit { unit: found.unit.clone() },
        None => Subject::Service { service: report.service.clone() },
    }
}

/// The unit of this name. What is declared in `[[services]]` needs no suffix.
fn unit_named<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a UnitStat> {
    let bare = name.strip_suffix(".service");
    snapshot.unit(name).or_else(|| bare.and_then(|bare| snapshot.unit(bare)))
}

fn container<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Container> {
    let exact = snapshot.containers.iter().find(|c| c.stat.name == name);
    exact.or_else(|| container_of_service(snapshot, name))
}

/// The only container that runs this service.
fn container_of_service<'a>(snapshot: &'a Snapshot, service: &str) -> Option<&'a Container> {
    let runs = |c: &&Container| {
        c.stat.name == service || c.stat.compose_service.as_deref() == Some(service)
    };
    let mut all = snapshot.containers.iter().filter(runs);
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// Whether an `instance` is this machine, or a container on it.
fn is_this_machine(instance: &str, snapshot: &Snapshot, config: &Server) -> bool {
    let host = without_port(instance);
    let same = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(host);
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let hostname = snapshot.host.hostname.as_str();
    let short = hostname.split('.').next().unwrap_or_default();
    loopback
        || same("localhost")
        || same(hostname)
        || same(short)
        || same(snapshot.machine_id.as_str())
        || config.webhook_hosts.iter().any(|name| same(without_port(name)))
        || snapshot.containers.iter().any(|c| {
            same(&c.stat.name)
                || c.stat.compose_service.as_deref().is_some_and(same)
                || c.stat.addresses.values().any(|address| same(address))
        })
}

fn without_port(instance: &str) -> &str {
    let instance = instance.trim();
    if let Some(rest) = instance.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match instance.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.chars().all(|c| c.is_ascii_digit()) => {
            host
        }
        Some(_) | None => instance,
    }
}

/// Whether the sources that know what the report names were read: else it is not known yet whether it
/// is here.
pub fn can_be_resolved(report: &Report, snapshot: &Snapshot) -> bool {
    let known = |source: Source| {
        let state = snapshot.sources.iter().find(|s| s.source == source).map(|s| s.state);
        matches!(state, Some(SourceState::Fresh | SourceState::Absent))
    };
    (report.container.is_none() || known(Source::Container))
        && (report.unit.is_none() || known(Source::Unit))
        && (report.pid.is_none() || known(Source::Process))
}

/// Whether a finding rests on nothing but what others say.
pub fn is_only_reported(evidence: &[Evidence]) -> bool {
    !evidence.is_empty() && evidence.iter().all(|e| e.source == Source::Webhook)
}

/// The sentence for a report.
pub fn summary(report: &Report) -> String {
    in_words(report, Language::En)
}

fn in_words(report: &Report, language: Language) -> String {
    let message = report.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = printable(&shorten(&message, MESSAGE_BYTES_MAX));
    let (who, kind, service) = (
        report.source.title(),
        printable(&shorten(&report.kind_text, MESSAGE_BYTES_MAX)),
        printable(&shorten(&report.service, MESSAGE_BYTES_MAX)),
    );
    match language {
        Language::En => format!("{service}: “{message}” ({kind}, reported by {who})"),
        Language::Fr => format!("{service} : « {message} » ({kind}, signalé par {who})"),
        Language::Ko => format!("{service}: “{message}” ({kind}, {who} 보고)"),
    }
}

/// The report behind an alert, if others reported it.
pub fn behind<'a>(
    snapshot: &'a Snapshot,
    kind: &hale_model::alert::AlertKind,
    subject: &Subject,
) -> Option<&'a OpenReport> {
    let key = subject.key();
    snapshot.reports.iter().find(|open| open.report.kind == *kind && open.subject.key() == key)
}

/// One finding for each trouble that is reported and not over, worst first.
pub(super) fn findings(snapshot: &Snapshot, language: Language) -> Vec<Finding> {
    let mut open: Vec<&OpenReport> = snapshot.reports.iter().collect();
    open.sort_by_key(|o| (std::cmp::Reverse(o.report.severity), o.since, o.id.clone()));
    open.into_iter().take(FINDINGS_MAX).map(|o| finding(snapshot, o, language)).collect()
}

fn finding(snapshot: &Snapshot, open: &OpenReport, language: Language) -> Finding {
    let report = &open.report;
    let summary = in_words(report, language);
    Finding {
        kind: report.kind.clone(),
        machine_id: snapshot.machine_id.clone(),
        subject: open.subject.clone(),
        severity: report.severity,
        vars: figures(open),
        evidence: evidence(snapshot, open, &summary),
        suggested_actions: commands(&open.subject),
        since: open.since,
        summary,
    }
}

fn figures(open: &OpenReport) -> Vars {
    let report = &open.report;
    let mut figures = vars([
        ("service", report.service.as_str().into()),
        ("reported_kind", report.kind_text.as_str().into()),
        ("reported_by", report.source.as_str().into()),
        ("external_id", report.external_id.as_str().into()),
        ("reporters", open.reporters.into()),
        ("message", report.message.as_str().into()),
    ]);
    if let Some(url) = &report.health_url {
        figures.insert("health_url".to_owned(), probe_url(url).into());
    }
    figures.extend(
        report.metrics.iter().map(|(name, value)| (format!("metric_{name}"), (*value).into())),
    );
    figures
}

/// Probes go to literal addresses.
fn probe_url(url: &str) -> String {
    match url.strip_prefix("http://localhost") {
        Some(rest) if rest.is_empty() || rest.starts_with([':', '/', '?']) => {
            format!("http://127.0.0.1{rest}")
        }
        Some(_) | None => url.to_owned(),
    }
}

fn evidence(snapshot: &Snapshot, open: &OpenReport, summary: &str) -> Vec<Evidence> {
    let report = &open.report;
    let key = open.subject.key();
    let seen = |metric: &str, text: String| Evidence {
        id: EvidenceId::of(&snapshot.machine_id, &key, metric, report.received_at),
        source: Source::Webhook,
        observed_at: report.received_at,
        text,
        value: None,
        unit: None,
    };
    let mut found = vec![seen(&format!("report:{}", report.external_id), summary.to_owned())];
    let skip = report.logs.len().saturating_sub(LOG_LINES_MAX);
    for (index, line) in report.logs.iter().skip(skip).enumerate() {
        let line = shorten(&printable(line), LOG_LINE_BYTES_MAX);
        found.push(seen(&format!("log:{index}"), format!("it logged “{line}”")));
    }
    found
}

fn commands(subject: &Subject) -> Vec<String> {
    match subject {
        Subject::Unit { unit } => vec![
            format!("systemctl status {}", quoted(unit)),
            format!("journalctl -u {} -n 50 --no-pager", quoted(unit)),
        ],
        Subject::Container { name, .. } => vec![
            format!("docker logs --tail 50 {}", quoted(name)),
            format!("docker inspect {}", quoted(name)),
        ],
        Subject::Process { process } => vec![format!("hale explain {}", process.pid)],
        Subject::Machine
        | Subject::ProcessGroup { .. }
        | Subject::Mount { .. }
        | Subject::Sensor { .. }
        | Subject::Metric { .. }
        | Subject::Journal { .. }
        | Subject::Service { .. }
        | Subject::Workload { .. }
        | Subject::Source { .. } => Vec::new(),
    }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
