//! Where several services are not as usual at once: which of them does most harm, by the ranking of causes.
//! Paths of calls tell more where there are any; this also holds where nobody tells who calls whom.

use hale_model::sample::Source;

use super::super::detectors::{Proof, View};
use super::Services;
use crate::rootcause::{Because, Figures, Symptom, rank};

/// Services that are named, the likeliest first.
const MAX_NAMED: usize = 3;

/// Those that are not as usual, the likeliest cause first; empty where there is only one.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    ranked: Vec<(String, Because)>,
}

/// Ranks what is not as usual now.
pub(super) fn causes(services: &Services, view: &View<'_>, errors: bool) -> Causes {
    let sick = services
        .nodes
        .iter()
        .filter(|(_, known)| known.is_sick(view, true) || known.is_sick(view, false));
    let figures: Vec<Figures<'_>> = sick
        .map(|(name, known)| {
            let (failures, waiting) = known.deviations(view);
            Figures { service: name, failures, waiting, ..Figures::default() }
        })
        .collect();
    if figures.len() < 2 {
        return Causes::default();
    }
    let symptom = if errors { Symptom::Failures } else { Symptom::Latency };
    let ranked = rank(&figures, &[], symptom);
    let ranked = ranked.into_iter().map(|cause| (cause.service.to_owned(), cause.because));
    Causes { ranked: ranked.collect() }
}

impl Causes {
    /// The place of a service, from 0; behind all others where it is not ranked.
    pub(super) fn place(&self, service: &str) -> usize {
        self.ranked.iter().position(|(name, _)| name == service).unwrap_or(self.ranked.len())
    }

    /// The first few; none where there is nothing to choose from.
    pub(super) fn named(&self) -> Option<String> {
        let first: Vec<&str> =
            self.ranked.iter().take(MAX_NAMED).map(|(name, _)| name.as_str()).collect();
        (!first.is_empty()).then(|| first.join(", "))
    }

    /// What the ranking says, for a person.
    pub(super) fn proof(&self) -> Option<Proof> {
        let (first, because) = self.ranked.first()?;
        let most = match because {
            Because::Failures => "fail most beyond what is usual for them",
            Because::Waiting | Because::Delay => "take most time beyond what is usual for them",
            Because::Cpu | Because::Memory | Because::NewErrors | Because::Nothing => return None,
        };
        Some(Proof {
            source: Source::Otlp,
            metric: "causes",
            text: format!(
                "of {} services that are not as usual, requests to {first} {most}",
                self.ranked.len()
            ),
            value: None,
            unit: None,
        })
    }
}
