//! An unmanaged orphan that burns CPU.

use hale_model::sample::Source;

use super::detectors::{Claim, Detector, Proof, View, about_process};
use super::memory::Learned;

/// Once counted, it counts until it falls below this share of the threshold.
const MARGIN: f64 = 0.7;

#[derive(Default)]
pub(super) struct Orphan;

impl Orphan {
    pub(super) const VARS: &[&str] =
        &["pid", "start_ticks", "name", "command", "user", "unit", "container", "cpu", "parent"];
}

impl Detector for Orphan {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let least = view.config.thresholds.orphan_cpu_percent;
        let mut claims = Vec::new();
        for p in &view.kin.orphans {
            let Some(cpu) = p.cpu_percent.filter(|cpu| *cpu >= MARGIN * least) else { continue };
            let parent = p.original_parent.as_deref().map_or("?", |parent| parent.name.as_str());
            let proof = Proof {
                source: Source::Process,
                metric: "cpu_percent",
                text: format!("{cpu:.0} % of one core; its parent {parent} is gone"),
                value: Some(cpu),
                unit: Some("percent"),
            };
            let figures = [("cpu", cpu.into()), ("parent", parent.into())];
            let mut claim = about_process(p, figures, vec![proof]);
            claim.marginal = cpu < least;
            claims.push(claim);
        }
        claims
    }
}
