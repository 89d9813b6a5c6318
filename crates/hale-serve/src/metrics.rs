//! `GET /metrics`: what hale counts about itself, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4). Names are part of the
//! interface: docs/http-api.md lists them.

use std::fmt::{self, Write as _};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Extension, Router};
use hale_model::Timestamp;
use hale_model::api::{Query, View};
use hale_model::metrics::{MetricsView, REPAIR_BUCKETS_SECS, RepairTimes, Tally};
use std::collections::BTreeMap;

use crate::answer::unexpected_view;
use crate::routes::{Reply, Shared};
use crate::stream::Watchers;

/// Path of the metrics.
pub(crate) const METRICS_PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn router(watchers: Watchers) -> Router<Shared> {
    Router::new().route(METRICS_PATH, get(metrics)).layer(Extension(watchers))
}

async fn metrics(State(handle): State<Shared>, Extension(watchers): Extension<Watchers>) -> Reply {
    let View::Metrics(view) = handle.query(Query::Metrics).await? else {
        return Err(unexpected_view());
    };
    let process = Process::read();
    let seen = Seen {
        staleness: handle.staleness(),
        warnings: handle.warnings().len(),
        watchers: watchers.count(),
        process,
        now: Timestamp::now(),
    };
    let text = written(&view, &seen);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// What is known beside the view.
struct Seen {
    staleness: BTreeMap<String, u64>,
    warnings: usize,
    watchers: usize,
    process: Process,
    now: Timestamp,
}

/// This process, as Prometheus' own client libraries tell of theirs.
#[derive(Default)]
struct Process {
    cpu_secs: Option<f64>,
    resident_bytes: Option<u64>,
    open_fds: Option<u64>,
}

impl Process {
    fn read() -> Self {
        // The user's and the system's time, in ticks of a hundredth of a second (USER_HZ, proc(5)).
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks = |index| after_name.split_whitespace().nth(index)?.parse::<f64>().ok();
        let usage = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / 100.0);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        let fds = std::fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64);
        Process { cpu_secs: usage, resident_bytes: kib.map(|kib| kib * 1024), open_fds: fds }
    }
}

/// The exposition, family by family.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn tallies(&mut self, name: &str, kind: &str, help: &str, labels: [&str; 2], all: &[Tally]) {
        self.family(name, kind, help);
        for tally in all {
            let labels = [(labels[0], tally.kind.as_str()), (labels[1], tally.state.as_str())];
            self.sample(name, &labels, tally.count);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, times: &RepairTimes) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, within) in REPAIR_BUCKETS_SECS.iter().zip(&times.within) {
            self.sample(&bucket, &[("le", &bound.to_string())], within);
        }
        self.sample(&bucket, &[("le", "+Inf")], times.count);
        self.sample(&format!("{name}_sum"), &[], times.sum_secs);
        self.sample(&format!("{name}_count"), &[], times.count);
    }
}

/// A label's value: backslash, quote and line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn written(view: &MetricsView, seen: &Seen) -> String {
    let mut page = Page::default();
    page.family("hale_build_info", "gauge", "The version that runs.");
    page.sample("hale_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("hale_mode", "gauge", "The mode that hale is in.");
    page.sample("hale_mode", &[("mode", &view.mode)], 1);
    page.one("hale_paused", "gauge", "1 while actions are stopped.", u8::from(view.paused));
    if let Some(started) = view.started_at {
        let secs = started.as_millisecond() as f64 / 1e3;
        page.one("process_start_time_seconds", "gauge", "When the agent began.", secs);
        let up = seen.now.duration_since(started).as_secs_f64().max(0.0);
        page.one("hale_uptime_seconds", "gauge", "For how long the agent has run.", up);
    }
    of_process(&mut page, &seen.process);
    page.one(
        "hale_turns_total",
        "counter",
        "Looks at the machine since the agent began.",
        view.turns,
    );
    let name = "hale_alerts_open";
    let help = "Alerts that are not closed, by kind and severity.";
    page.tallies(name, "gauge", help, ["kind", "severity"], &view.open_alerts);
    let help = "Every stored alert, by kind and state.";
    page.tallies("hale_alerts", "gauge", help, ["kind", "state"], &view.alerts);
    let help = "Every stored incident, by severity and state.";
    page.tallies("hale_incidents", "gauge", help, ["severity", "state"], &view.incidents);
    let help = "Every stored action, by kind and state.";
    page.tallies("hale_actions", "gauge", help, ["kind", "state"], &view.actions);
    let help = "Questions that wait for a person.";
    page.one("hale_approvals_pending", "gauge", help, view.approvals_pending);
    let help = "How long incidents took from their first alert to their end.";
    page.histogram("hale_incident_duration_seconds", help, &view.repair);
    let help = "The same, of incidents that an action of hale ended: time to repair.";
    page.histogram("hale_repair_duration_seconds", help, &view.cured);
    of_health(&mut page, view);
    let name = "hale_source_age_seconds";
    page.family(name, "gauge", "Seconds since a source was last read well.");
    for (source, secs) in &seen.staleness {
        page.sample(name, &[("source", source)], secs);
    }
    page.one("hale_warnings", "gauge", "Parts of hale itself that do not work.", seen.warnings);
    page.one("hale_stream_clients", "gauge", "Clients that watch the live stream.", seen.watchers);
    page.text
}

fn of_process(page: &mut Page, process: &Process) {
    if let Some(secs) = process.cpu_secs {
        page.one("process_cpu_seconds_total", "counter", "Processor time of the agent.", secs);
    }
    if let Some(bytes) = process.resident_bytes {
        page.one("process_resident_memory_bytes", "gauge", "Memory of the agent.", bytes);
    }
    if let Some(fds) = process.open_fds {
        page.one("process_open_fds", "gauge", "Open files of the agent.", fds);
    }
}

fn of_health(page: &mut Page, view: &MetricsView) {
    let name = "hale_health_score";
    page.family(name, "gauge", "How well a machine is: 0 (worst) to 1.");
    for health in &view.health {
        page.sample(name, &[("machine", health.machine_id.as_str())], health.score);
    }
    let name = "hale_health_factor";
    page.family(name, "gauge", "The reasons for it, each 0 (worst) to 1.");
    for health in &view.health {
        for factor in &health.factors {
            let labels = [("machine", health.machine_id.as_str()), ("factor", factor.id.as_str())];
            page.sample(name, &labels, factor.score);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_prometheus_reads() {
        let tally = |kind: &str, state: &str, count| Tally {
            kind: kind.to_owned(),
            state: state.to_owned(),
            count,
        };
        let view = MetricsView {
            started_at: None,
            mode: "auto".to_owned(),
            paused: true,
            turns: 7,
            open_alerts: vec![tally("a\"b\\c\nd", "high", 1)],
            alerts: vec![tally("memory.high", "closed", 2)],
            incidents: vec![tally("high", "resolved", 3)],
            actions: vec![tally("process.kill", "succeeded", 4)],
            approvals_pending: 5,
            repair: RepairTimes::of([4.0, 40.0]),
            cured: RepairTimes::of([]),
            health: Vec::new(),
            events: 0,
        };
        let seen = Seen {
            staleness: BTreeMap::from([("process".to_owned(), 2)]),
            warnings: 0,
            watchers: 6,
            process: Process::default(),
            now: Timestamp::UNIX_EPOCH,
        };
        let text = written(&view, &seen);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            &samples[1..9],
            [
                "hale_mode{mode=\"auto\"} 1",
                "hale_paused 1",
                "hale_turns_total 7",
                "hale_alerts_open{kind=\"a\\\"b\\\\c\\nd\",severity=\"high\"} 1",
                "hale_alerts{kind=\"memory.high\",state=\"closed\"} 2",
                "hale_incidents{severity=\"high\",state=\"resolved\"} 3",
                "hale_actions{kind=\"process.kill\",state=\"succeeded\"} 4",
                "hale_approvals_pending 5",
            ]
        );
        assert!(text.contains("hale_incident_duration_seconds_bucket{le=\"5\"} 1\n"));
        assert!(text.contains("hale_incident_duration_seconds_bucket{le=\"+Inf\"} 2\n"));
        assert!(text.contains("hale_incident_duration_seconds_sum 44\n"));
        assert!(text.contains("hale_source_age_seconds{source=\"process\"} 2\n"));
    }
}
