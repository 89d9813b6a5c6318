//! What the two decoders, protobuf and JSON, have in common: where they put what they read, and how
//! much of it.

use hale_model::traffic::{Folded, Metric, Resource, Span, TrafficBook};

/// Attributes of a span, a resource or a record that are looked at; those behind them are not.
pub(super) const ATTRIBUTES_READ_MAX: usize = 128;

/// Takes what a decoder reads, resource by resource.
pub(super) trait Sink<'a> {
    fn spans(&mut self, resource: &Resource<'a>, spans: &[Span<'a>]);
    fn metrics(&mut self, resource: &Resource<'a>, metrics: &[Metric<'a>]);
    /// `records` in all; the messages of those that are errors.
    fn logs(&mut self, resource: &Resource<'a>, records: u64, errors: &[&'a str]);
}

/// Only finds out whether a message can be read to its end: nothing is counted of one that cannot.
pub(super) struct Trial;

impl<'a> Sink<'a> for Trial {
    fn spans(&mut self, _: &Resource<'a>, _: &[Span<'a>]) {}
    fn metrics(&mut self, _: &Resource<'a>, _: &[Metric<'a>]) {}
    fn logs(&mut self, _: &Resource<'a>, _: u64, _: &[&'a str]) {}
}

/// Counts.
pub(super) struct Fold<'b> {
    pub(super) book: &'b TrafficBook,
    pub(super) folded: Folded,
}

impl<'a> Sink<'a> for Fold<'_> {
    fn spans(&mut self, resource: &Resource<'a>, spans: &[Span<'a>]) {
        if spans.is_empty() {
            return;
        }
        let folded = self.book.spans(resource, spans);
        self.folded.accepted += folded.accepted;
        self.folded.rejected += folded.rejected;
    }

    fn metrics(&mut self, resource: &Resource<'a>, metrics: &[Metric<'a>]) {
        if !metrics.is_empty() {
            self.book.metrics(resource, metrics);
            self.folded.accepted += metrics.iter().map(|m| m.points).sum::<u64>();
        }
    }

    fn logs(&mut self, resource: &Resource<'a>, records: u64, errors: &[&'a str]) {
        self.book.logs(resource, records, errors);
        self.folded.accepted += records;
    }
}

/// Hands records over once there are more than `waiting` of them.
pub(super) fn finish_logs<'a>(
    resource: &Resource<'a>,
    records: &mut u64,
    errors: &mut Vec<&'a str>,
    sink: &mut impl Sink<'a>,
    waiting: usize,
) {
    if *records > waiting as u64 {
        sink.logs(resource, *records, errors);
        *records = 0;
        errors.clear();
    }
}

/// Where a record has no severity number.
pub(super) fn is_error_word(word: &str) -> bool {
    ["error", "err", "fatal", "critical", "crit", "alert", "emergency", "panic"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w))
}
