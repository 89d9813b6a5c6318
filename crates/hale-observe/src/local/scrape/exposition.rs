//! The Prometheus text format (0.0.4; of OpenMetrics what looks alike), read as it arrives: a line at a time,
//! never more than one line in memory. A line that cannot be read is counted and stepped over. Buckets of
//! histograms are not kept; exemplars, timestamps and help texts are not read.

use hale_model::scrape::{SERIES_NAME_BYTES_MAX, SERIES_PER_TARGET_MAX, Series, SeriesKind};

/// Bytes of one line; a longer one is counted as lost.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Labels of one series.
const LABELS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Family {
    Counter,
    Gauge,
    Histogram,
    Summary,
    #[default]
    Unknown,
}

/// What was read so far of one answer.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Series that are kept.
    pub(crate) series: Vec<Series>,
    /// Lines that could not be read, and series beyond a limit.
    pub(crate) lost: u64,
    only: Vec<String>,
    labels: Vec<(String, String)>,
    partial: Vec<u8>,
    overlong: bool,
    family: (String, Family),
}

impl Exposition {
    /// `only`: patterns of the metrics that are kept, none for all. `labels`: what every series gets.
    pub(crate) fn new(only: Vec<String>, labels: Vec<(String, String)>) -> Exposition {
        Exposition { only, labels, ..Exposition::default() }
    }

    /// Takes in the next bytes, which may end anywhere.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|b| *b == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.partial.len() + piece.len() > LINE_BYTES_MAX {
                self.overlong = true;
                self.partial.clear();
            } else if !self.overlong {
                self.partial.extend_from_slice(piece);
            }
            // All but the last piece end with a line feed.
            if pieces.peek().is_some() {
                self.end_line();
            }
        }
    }

    /// The last line may lack its end.
    pub(crate) fn finish(&mut self) {
        if self.overlong || !self.partial.is_empty() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.overlong) {
            self.lost += 1;
            return;
        }
        match std::str::from_utf8(&line) {
            Ok(line) => self.line(line.trim()),
            Err(_) => self.lost += 1,
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment);
        } else if !line.is_empty() {
            match parse_line(line) {
                Some((name, labels, value)) => self.keep(name, labels, value),
                None => self.lost += 1,
            }
        }
    }

    fn comment(&mut self, comment: &str) {
        let mut words = comment.split_ascii_whitespace();
        if words.next() != Some("TYPE") {
            return;
        }
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { return };
        let kind = match kind {
            "counter" => Family::Counter,
            "gauge" => Family::Gauge,
            "histogram" | "gaugehistogram" => Family::Histogram,
            "summary" => Family::Summary,
            _ => Family::Unknown,
        };
        self.family = (name.to_owned(), kind);
    }

    fn keep(&mut self, name: &str, mut labels: Vec<(String, String)>, value: f64) {
        let Some(kind) = self.kind_of(name) else { return };
        // `NaN` and `+Inf` are what targets say for "no value".
        if !value.is_finite() || !self.is_wanted(name) {
            return;
        }
        for (label, value) in &self.labels {
            if !labels.iter().any(|(known, _)| known == label) {
                labels.push((label.clone(), value.clone()));
            }
        }
        labels.sort();
        let bytes = labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.series.len() >= SERIES_PER_TARGET_MAX || name.len() + bytes > SERIES_NAME_BYTES_MAX
        {
            self.lost += 1;
            return;
        }
        self.series.push(Series { metric: name.to_owned(), labels, kind, value, grown: None });
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, name))
    }

    /// What a series is, by the family it belongs to; none: it is not kept.
    fn kind_of(&self, name: &str) -> Option<SeriesKind> {
        let (family, kind) = &self.family;
        let Some(suffix) = name.strip_prefix(family.as_str()).filter(|_| !family.is_empty()) else {
            return Some(SeriesKind::Untyped);
        };
        match (kind, suffix) {
            (Family::Histogram, "_bucket") => None,
            (Family::Counter, "" | "_total")
            | (Family::Histogram | Family::Summary, "_sum" | "_count") => Some(SeriesKind::Counter),
            (Family::Gauge | Family::Summary, "") => Some(SeriesKind::Gauge),
            _ => Some(SeriesKind::Untyped),
        }
    }
}

/// `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

type Parsed<'a> = (&'a str, Vec<(String, String)>, f64);

/// `name{label="value",…} value [timestamp]`
fn parse_line(line: &str) -> Option<Parsed<'_>> {
    let end = line.find(|c: char| !is_name_char(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?;
    Some((name, labels, value.parse().ok()?))
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What stands behind `{`: the labels, and what comes after `}`.
fn parse_labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        if labels.len() >= LABELS_MAX {
            return None;
        }
        let (name, behind) = rest.split_once('=')?;
        let name = name.trim();
        let first_is_digit = name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || first_is_digit || !name.chars().all(is_name_char) {
            return None;
        }
        let (value, behind) = parse_quoted(behind.trim_start())?;
        labels.push((name.to_owned(), value));
        rest = behind.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.starts_with('}') {
            return None;
        }
    }
}

/// A text in quotes, and what comes after it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, inside.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                // As Prometheus does: an unknown escape stands for itself.
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Exposition {
        let mut exposition = Exposition::new(Vec::new(), Vec::new());
        exposition.feed(text.as_bytes());
        exposition.finish();
        exposition
    }

    fn shown(text: &str) -> String {
        let read = read(text);
        let line = |s: &Series| format!("{} {} {}\n", s.kind.as_str(), s.name(), s.value);
        format!("{}lost {}", read.series.iter().map(line).collect::<String>(), read.lost)
    }

    #[test]
    fn every_kind_of_series_is_told_by_its_family() {
        insta::assert_snapshot!(shown(r#"
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400",}    3 1395066363000

msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.5"} 4773
rpc_duration_seconds{quantile="0.9"} NaN
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
# TYPE foo counter
foo_total 17 # {trace_id="KOO5S4vxi0o"} 0.67
# TYPE temperature_celsius gauge
temperature_celsius { sensor = "a b" , } -3.5
# EOF"#), @r#"
        counter http_requests_total{code="200",method="post"} 1027
        counter http_requests_total{code="400",method="post"} 3
        untyped msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\"",path="C:\\DIR\\FILE.TXT"} 1458255915
        untyped metric_without_timestamp_and_labels 12.47
        counter http_request_duration_seconds_sum 53423
        counter http_request_duration_seconds_count 144320
        gauge rpc_duration_seconds{quantile="0.5"} 4773
        counter rpc_duration_seconds_sum 17560473
        counter rpc_duration_seconds_count 2693
        counter foo_total 17
        gauge temperature_celsius{sensor="a b"} -3.5
        lost 0
        "#);
    }

    #[test]
    fn a_line_that_cannot_be_read_costs_itself_only() {
        for line in [
            "9lives 1",
            "{a=\"b\"} 1",
            "a",
            "a x",
            "a{b} 1",
            "a{b=c} 1",
            "a{b=\"c} 1",
            "a{b=\"c\\",
            "a{b=\"c\" d=\"e\"} 1",
            "a{=\"c\"} 1",
            "a{b=\"c\"",
            "<html>",
        ] {
            assert_eq!(
                shown(&format!("good 1\n{line}\nalso 2")),
                "untyped good 1\nuntyped also 2\nlost 1",
                "{line}"
            );
        }
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        assert_eq!(shown(&format!("a 1\n{long} 1\nb 2\n")), "untyped a 1\nuntyped b 2\nlost 1");
        let label = "y".repeat(SERIES_NAME_BYTES_MAX);
        assert_eq!(shown(&format!("a{{b=\"{label}\"}} 1\nb 2")), "untyped b 2\nlost 1");
    }

    #[test]
    fn series_beyond_the_limit_are_counted() {
        let many: String = (0..SERIES_PER_TARGET_MAX + 7).map(|n| format!("m{n} 1\n")).collect();
        let read = read(&many);
        assert_eq!((read.series.len(), read.lost), (SERIES_PER_TARGET_MAX, 7));
    }

    #[test]
    fn only_what_is_wanted_is_kept_and_gets_its_labels() {
        let only = vec!["node_load*".to_owned(), "*_mem_*_bytes".to_owned(), "up".to_owned()];
        let labels = vec![("site".to_owned(), "paris".to_owned())];
        let mut exposition = Exposition::new(only, labels);
        exposition.feed(b"node_load1 1\nxnode_load1 1\na_mem_free_bytes{site=\"rome\"} 2\nup 1\nupper 1\na_mem_bytes 1\n");
        let names: Vec<_> = exposition.series.iter().map(Series::name).collect();
        assert_eq!(
            names,
            ["node_load1{site=\"paris\"}", "a_mem_free_bytes{site=\"rome\"}", "up{site=\"paris\"}"]
        );
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(
            text in "([a-z_]{1,5}(\\{[a-z]=\"[^\"\n]{0,6}\"\\})? ?[0-9.]{0,4}\n?){0,20}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut torn = Exposition::new(Vec::new(), Vec::new());
            for pair in at.windows(2) {
                torn.feed(&text.as_bytes()[pair[0]..pair[1]]);
            }
            torn.finish();
            let whole = read(&text);
            prop_assert_eq!((torn.series, torn.lost), (whole.series, whole.lost));
        }

        #[test]
        fn a_name_that_is_written_is_read_as_it_was(
            labels in prop::collection::btree_map("[a-z_][a-z0-9_]{0,6}", "\\PC{0,8}|[\n\"\\\\]{0,4}", 0..5),
            value in -1e12..1e12,
        ) {
            let series = Series {
                metric: "a:b_c".to_owned(),
                labels: labels.into_iter().collect(),
                value,
                ..Series::default()
            };
            let read = read(&format!("{} {value:?}\n", series.name()));
            prop_assert_eq!(read.series, vec![series]);
        }
    }
}
