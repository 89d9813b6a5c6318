//! `[[scrape]]`: Prometheus targets that hale asks by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest name of a target, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// `[[scrape]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScrapeTarget {
    /// What it is called in alerts, rules and queries: letters, digits and `- _ . :`.
    pub name: String,
    /// Where its metrics are, in the Prometheus text format: `http://127.0.0.1:9100/metrics`.
    pub url: String,
    /// Seconds between two scrapes.
    #[schemars(range(min = 1, max = 3600))]
    pub interval_secs: u64,
    /// Which metrics are kept, by name; `*` stands for any characters. Empty: all.
    pub metrics: Vec<String>,
    /// Labels that all its series get, as `name=value`.
    pub labels: Vec<String>,
    /// Name of the environment variable that holds a bearer token for it; empty: none is shown.
    pub token_env: String,
}

impl Default for ScrapeTarget {
    fn default() -> Self {
        ScrapeTarget {
            name: String::new(),
            url: String::new(),
            interval_secs: 15,
            metrics: Vec::new(),
            labels: Vec::new(),
            token_env: String::new(),
        }
    }
}

impl ScrapeTarget {
    /// What is wrong with it: the key, what, and what would be right.
    pub fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let printable = crate::text::printable;
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.chars().all(legal)
        {
            let what = format!("`{}` is no name", printable(&self.name));
            return Some(("name", what, "use up to 64 letters, digits and - _ . :"));
        }
        let after_scheme =
            self.url.strip_prefix("http://").or_else(|| self.url.strip_prefix("https://"));
        let plain = |url: &str| !url.chars().any(|c| c.is_whitespace() || c.is_control());
        let host = after_scheme.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() || host.contains('@') || !plain(&self.url) {
            let what = format!("`{}` is no address of metrics", printable(&self.url));
            return Some(("url", what, "write http://127.0.0.1:9100/metrics"));
        }
        let wrong = |label: &&String| label_of(label).is_none();
        if let Some(label) = self.labels.iter().find(wrong) {
            let what = format!("`{}` is no label", printable(label));
            return Some(("labels", what, "write [\"site=paris\"]"));
        }
        None
    }

    /// Its labels as pairs.
    pub fn label_pairs(&self) -> Vec<(String, String)> {
        let pairs = self.labels.iter().filter_map(|l| label_of(l));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn label_of(label: &str) -> Option<(&str, &str)> {
    let (name, value) = label.split_once('=')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = name.chars().next()?;
    (!first.is_ascii_digit() && name.chars().all(legal)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_by_their_key() {
        let target = |name: &str, url: &str, label: &str| ScrapeTarget {
            name: name.to_owned(),
            url: url.to_owned(),
            labels: vec![label.to_owned()],
            ..ScrapeTarget::default()
        };
        let good = "http://127.0.0.1:9100/metrics";
        for (target, key) in [
            (target("node", good, "site=a b"), None),
            (target("node:9100", "https://exporter.example/metrics?x=1", "_a="), None),
            (target("", good, "a=b"), Some("name")),
            (target("no de", good, "a=b"), Some("name")),
            (target("node", "127.0.0.1:9100", "a=b"), Some("url")),
            (target("node", "file:///etc/passwd", "a=b"), Some("url")),
            (target("node", "http:///metrics", "a=b"), Some("url")),
            (target("node", "http://user:word@host/metrics", "a=b"), Some("url")),
            (target("node", "http://a/ b", "a=b"), Some("url")),
            (target("node", good, "a"), Some("labels")),
            (target("node", good, "1a=b"), Some("labels")),
        ] {
            assert_eq!(target.mistake().map(|(key, ..)| key), key, "{target:?}");
        }
    }
}
