//! What Prometheus targets expose: every series of a target at one instant, as `[[scrape]]` asks for it.
//! Counters stand as they were read, with how much they grew since the scrape before; rates are derived.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Targets that are asked; further ones in the configuration are an error.
pub const TARGETS_MAX: usize = 32;
/// Series of one target that are kept; further ones are counted as lost.
pub const SERIES_PER_TARGET_MAX: usize = 2000;
/// Bytes of a series' name and labels together; longer ones are counted as lost.
pub const SERIES_NAME_BYTES_MAX: usize = 1024;
/// Bytes of one answer; a target that says more has failed.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The newest scrape of every target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrapeSample {
    /// In the order of the configuration; those not asked yet are missing.
    pub targets: Vec<Arc<ScrapedTarget>>,
}

/// One scrape of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScrapedTarget {
    /// Its name in the configuration.
    pub target: String,
    /// When it was asked.
    pub scraped_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// Why nothing could be read; none: it was read. Then there are no series.
    pub error: Option<String>,
    /// Seconds since the scrape before, if that one was read too.
    pub since_secs: Option<f64>,
    /// In the order in which the target tells them.
    pub series: Vec<Series>,
    /// Series beyond a limit, and lines that could not be read.
    pub lost: u64,
}

/// What `# TYPE` says of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    /// Goes up only, or starts anew. Sums and counts of histograms and summaries are counters too.
    Counter,
    /// A level.
    Gauge,
    /// Not told.
    #[default]
    Untyped,
}

impl SeriesKind {
    /// The name in rules and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            SeriesKind::Counter => "counter",
            SeriesKind::Gauge => "gauge",
            SeriesKind::Untyped => "untyped",
        }
    }
}

/// One series at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// `node_filesystem_avail_bytes`
    pub metric: String,
    /// By name, with those of the configuration.
    pub labels: Vec<(String, String)>,
    /// What it is.
    pub kind: SeriesKind,
    /// As read; always finite.
    pub value: f64,
    /// Of a counter: how much it grew since the scrape before; none where that is not known, or it
    /// started anew.
    pub grown: Option<f64>,
}

impl ScrapedTarget {
    /// Whether it answered with metrics.
    pub fn is_up(&self) -> bool {
        self.error.is_none()
    }

    /// Growth of a counter a second.
    pub fn per_sec(&self, series: &Series) -> Option<f64> {
        let secs = self.since_secs.filter(|secs| *secs > 0.0)?;
        series.grown.map(|grown| grown / secs)
    }

    /// How alerts and screens name a series: `node/node_load1{job="a"}`.
    pub fn name_of(&self, series: &Series) -> String {
        format!("{}/{}", self.target, series.name())
    }
}

impl Series {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }

    /// As Prometheus writes it: `up{job="a"}`.
    pub fn name(&self) -> String {
        let mut name = self.metric.clone();
        for (at, (label, value)) in self.labels.iter().enumerate() {
            name.push(if at == 0 { '{' } else { ',' });
            name.push_str(label);
            name.push_str("=\"");
            for c in value.chars() {
                match c {
                    '"' | '\\' => name.extend(['\\', c]),
                    '\n' => name.push_str("\\n"),
                    c => name.push(c),
                }
            }
            name.push('"');
        }
        if !self.labels.is_empty() {
            name.push('}');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_named_as_prometheus_writes_it() {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut series = Series { metric: "up".to_owned(), ..Series::default() };
        assert_eq!(series.name(), "up");
        series.labels = vec![label("job", "a\"b\\"), label("path", "/x")];
        assert_eq!(series.name(), r#"up{job="a\"b\\",path="/x"}"#);
        assert_eq!(series.label("path"), Some("/x"));
    }
}
