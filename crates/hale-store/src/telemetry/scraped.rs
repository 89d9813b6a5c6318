//! From scrapes of Prometheus targets to rows among `metric_points`: each scrape once, however many samples
//! show it.

use std::sync::Arc;

use hale_model::Timestamp;
use hale_model::ids::MachineId;
use hale_model::sample::Sample;
use hale_model::scrape::{ScrapeSample, ScrapedTarget, Series};
use serde_json::json;

use super::rows::of_metric;
use super::{MetricPoint, Row};

/// Series of one sample that are stored, all targets together.
const SERIES_LIMIT: usize = 5000;

/// When each target was scraped last: what [`of_scraped`] needs of a sample that is stored already.
pub(super) fn times_of(sample: &Sample) -> Option<ScrapeSample> {
    let bare = |t: &Arc<ScrapedTarget>| {
        Arc::new(ScrapedTarget {
            target: t.target.clone(),
            scraped_at: t.scraped_at,
            took_ms: t.took_ms,
            error: None,
            since_secs: None,
            series: Vec::new(),
            lost: 0,
        })
    };
    let scraped = sample.scraped.as_ref()?;
    Some(ScrapeSample { targets: scraped.targets.iter().map(bare).collect() })
}

/// Rows of the scrapes that are newer than those of the sample before.
pub(super) fn of_scraped(sample: &Sample, before: Option<&Sample>) -> Vec<Row> {
    let Some(scraped) = &sample.scraped else { return Vec::new() };
    let was = |target: &str| -> Option<Timestamp> {
        let targets = &before?.scraped.as_ref()?.targets;
        targets.iter().find(|t| t.target == target).map(|t| t.scraped_at)
    };
    let newer: Vec<_> = scraped
        .targets
        .iter()
        .filter(|t| was(&t.target).is_none_or(|was| was < t.scraped_at))
        .collect();
    let mut rows = Vec::new();
    for target in &newer {
        rows.extend(of_target(&sample.machine_id, target));
    }
    let all = newer.iter().flat_map(|t| t.series.iter().map(move |s| (t, s)));
    rows.extend(all.take(SERIES_LIMIT).map(|(t, s)| of_series(&sample.machine_id, t, s)));
    rows
}

/// What Prometheus itself notes of a scrape.
fn of_target(machine: &MachineId, target: &ScrapedTarget) -> [Row; 2] {
    let details = target.error.as_ref().map(|error| json!({ "error": error }));
    let point = |metric, value, unit, details| {
        of_metric(&MetricPoint {
            machine_id: machine,
            at: target.scraped_at,
            source: "scrape",
            metric,
            subject: &target.target,
            value,
            unit,
            details,
        })
    };
    let up = if target.is_up() { 1.0 } else { 0.0 };
    [
        point("up", up, "", details.as_ref()),
        point("scrape_duration_seconds", target.took_ms / 1000.0, "seconds", None),
    ]
}

/// The labels are part of the subject, so that no two series are taken for one; and in the details, by name.
fn of_series(machine: &MachineId, target: &ScrapedTarget, series: &Series) -> Row {
    let labels: serde_json::Map<String, serde_json::Value> =
        series.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let details = json!({
        "kind": series.kind.as_str(),
        "labels": labels,
        "per_sec": target.per_sec(series),
    });
    let name = series.name();
    let label_text = name.strip_prefix(series.metric.as_str()).unwrap_or_default();
    of_metric(&MetricPoint {
        machine_id: machine,
        at: target.scraped_at,
        source: "scrape",
        metric: &series.metric,
        subject: &format!("{}{label_text}", target.target),
        value: series.value,
        unit: unit_of(&series.metric),
        details: Some(&details),
    })
}

/// Prometheus puts base units last in a name, before `_total`.
fn unit_of(metric: &str) -> &'static str {
    let metric = metric.strip_suffix("_total").unwrap_or(metric);
    let units = ["seconds", "bytes", "ratio", "celsius", "percent", "volts", "amperes", "joules"];
    let is_last = |unit: &&str| metric.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'));
    units.into_iter().find(is_last).unwrap_or("")
}
