//! Requests that fail or are slow: by the objective that is promised (`[[slo]]`), else by what was
//! learned as usual; and which service on the path is the first that fails.
//!
//! [`learn`] takes in each turn what services told; the two detectors judge what it gathered. Who
//! has too little traffic to tell a fault from chance is not judged.

mod burn;
mod causes;
mod claims;
mod history;
mod place;
mod suspect;

use std::collections::{BTreeMap, BTreeSet};

use hale_model::config::Objective;
use hale_model::sample::Source;
use hale_model::traffic::{NodeKind, SloState, Traffic};
use serde::{Deserialize, Serialize};

use super::detectors::{Claim, Detector, View};
use super::memory::Learned;
use burn::Slos;
use history::{Known, Verdict};
use place::Places;
use suspect::Paths;

/// Services and other names whose figures are remembered.
const MAX_NODES: usize = 1024;
/// Claims of one turn, the likeliest cause first.
const MAX_CLAIMS: usize = 50;
/// Seconds without any request after which a trouble is no longer claimed: it ends without a proof.
const SILENT_SECS: f64 = 3600.0;

/// What is known of services.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Services {
    nodes: BTreeMap<String, Known>,
    slos: Slos,
    #[serde(skip)]
    places: Places,
    #[serde(skip)]
    paths: Paths,
}

/// Takes in one turn.
pub(super) fn learn(view: &View<'_>, learned: &mut Learned) {
    let services = &mut learned.services;
    if view.tick.first {
        services.paths = Paths::default();
        services.nodes.values_mut().for_each(Known::begin_anew);
    }
    let Some(traffic) = &view.snapshot.traffic else { return };
    services.places.see(view);
    services.paths.see(view, traffic);
    services.see_nodes(view, traffic);
    services.slos.see(view, traffic);
    let judged: Vec<(String, Verdict, Verdict)> = services
        .nodes
        .iter()
        .map(|(name, known)| {
            let floor = services.slos.error_floor(view.config, name);
            (name.clone(), known.errors(view, floor), known.latency(view))
        })
        .collect();
    for (name, errors, latency) in judged {
        if let Some(known) = services.nodes.get_mut(&name) {
            known.settle(view, errors, latency);
        }
    }
}

/// Where the promises stand.
pub(super) fn slo_states(view: &View<'_>, learned: &Learned) -> Vec<SloState> {
    learned.services.slos.states(view)
}

impl Services {
    fn see_nodes(&mut self, view: &View<'_>, traffic: &Traffic) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        seen.extend(traffic.services.iter().map(|s| s.service.as_str()));
        seen.extend(traffic.edges.iter().map(|e| e.to.as_str()));
        for name in seen {
            if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(name) {
                continue;
            }
            let turn = history::turn_of(name, traffic, view.tick.now_ns);
            self.nodes.entry(name.to_owned()).or_default().push(view, turn);
        }
        let kept = |known: &Known| view.tick.since(known.last_ns()) < history::KEPT_SECS;
        let fires = |known: &Known| known.fires(true) || known.fires(false);
        self.nodes.retain(|_, known| kept(known) || known.is_well_known() || fires(known));
    }

    fn claims(&self, view: &View<'_>, errors: bool) -> Vec<Claim> {
        let objective = if errors { Objective::Availability } else { Objective::Latency };
        let mut firing: Vec<(&String, Option<&Known>)> = self
            .nodes
            .iter()
            .filter(|(_, known)| known.fires(errors))
            .map(|(name, known)| (name, Some(known)))
            .collect();
        let burning = self.slos.burning(view, objective);
        for burn in &burning {
            if !firing.iter().any(|(name, _)| **name == burn.service) {
                firing.push((&burn.service, self.nodes.get(&burn.service)));
            }
        }
        let worst = |known: &Option<&Known>| known.map_or(0, |k| k.failures(view, errors));
        let causes = causes::causes(self, view, errors);
        firing.sort_by_key(|(name, known)| {
            (causes.place(name), std::cmp::Reverse(worst(known)), (*name).clone())
        });
        let claim = |(name, known): (&String, Option<&Known>)| {
            let burn = burning.iter().find(|b| b.service == *name);
            let mut claim = claims::claim(self, view, name, known, burn, errors);
            claim.proofs.extend(causes.proof());
            if let Some(named) = causes.named() {
                claim.vars.insert("causes".to_owned(), named.into());
            }
            claim
        };
        firing.into_iter().take(MAX_CLAIMS).map(claim).collect()
    }

    /// Whether a name stands for something that fails or is slow now, even if too little to claim it.
    fn is_sick(&self, view: &View<'_>, name: &str, errors: bool) -> bool {
        self.nodes.get(name).is_some_and(|known| known.is_sick(view, errors))
    }

    fn kind(&self, name: &str) -> NodeKind {
        self.nodes.get(name).map_or(NodeKind::Service, |known| known.kind)
    }
}

/// Requests fail more than is promised or usual.
#[derive(Default)]
pub(super) struct HttpErrors;

/// Requests take longer than is promised or usual.
#[derive(Default)]
pub(super) struct HttpLatency;

impl HttpErrors {
    pub(super) const VARS: &[&str] = claims::VARS;
}

impl HttpLatency {
    pub(super) const VARS: &[&str] = claims::VARS;
}

impl Detector for HttpErrors {
    fn detect(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Claim> {
        if seen_now(view) { learned.services.claims(view, true) } else { Vec::new() }
    }
}

impl Detector for HttpLatency {
    fn detect(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Claim> {
        if seen_now(view) { learned.services.claims(view, false) } else { Vec::new() }
    }
}

fn seen_now(view: &View<'_>) -> bool {
    view.snapshot.traffic.is_some() && view.snapshot.is_fresh(Source::Otlp)
}
