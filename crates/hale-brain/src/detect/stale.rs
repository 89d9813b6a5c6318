//! A source that can no longer be read. A machine that has no such thing (absent) is well.

use hale_model::alert::Subject;
use hale_model::sample::{Source, SourceState};

use super::detectors::{Claim, Detector, Proof, View, vars};
use super::memory::Learned;

#[derive(Default)]
pub(super) struct Stale;

impl Stale {
    pub(super) const VARS: &[&str] = &["source", "note"];
}

impl Detector for Stale {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let stale = view.snapshot.sources.iter().filter(|s| s.state == SourceState::Stale);
        stale
            .map(|status| {
                let note = status.note.as_deref().unwrap_or("no reason given");
                claim(status.source, note)
            })
            .collect()
    }
}

fn claim(source: Source, note: &str) -> Claim {
    Claim {
        subject: Subject::Source { source },
        vars: vars([("source", source.as_str().into()), ("note", note.into())]),
        proofs: vec![Proof {
            source,
            metric: "state",
            text: format!("source {source} is stale: {note}"),
            value: None,
            unit: None,
        }],
        since: None,
        marginal: false,
    }
}
