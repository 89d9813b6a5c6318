//! A process that keeps a core busy. Orphans have an alert of their own.

use hale_model::sample::Source;

use super::detectors::{Claim, Detector, Proof, View, about_process};
use super::memory::Learned;

/// Once counted, it counts until it falls below this share of the threshold.
const MARGIN: f64 = 0.8;
/// Most that are reported at once: more is a busy machine, which load.high tells.
const MAX_CLAIMS: usize = 32;

#[derive(Default)]
pub(super) struct HotProcess;

impl HotProcess {
    pub(super) const VARS: &[&str] =
        &["pid", "start_ticks", "name", "command", "user", "unit", "container", "cpu", "cores"];
}

impl Detector for HotProcess {
    fn detect(&mut self, view: &View<'_>, _: &mut Learned) -> Vec<Claim> {
        let least = view.config.thresholds.hot_process_percent;
        let mut claims = Vec::new();
        for p in &view.snapshot.processes {
            let Some(cpu) = p.cpu_percent.filter(|cpu| *cpu >= MARGIN * least) else { continue };
            if !view.kin.is_candidate(p) || view.kin.is_orphan(p) || claims.len() >= MAX_CLAIMS {
                continue;
            }
            let proof = Proof {
                source: Source::Process,
                metric: "cpu_percent",
                text: format!("{} ({}) uses {cpu:.0} % of one core", p.info.name, p.pid),
                value: Some(cpu),
                unit: Some("percent"),
            };
            let figures = [("cpu", cpu.into()), ("cores", view.snapshot.host.cores.into())];
            let mut claim = about_process(p, figures, vec![proof]);
            claim.marginal = cpu < least;
            claims.push(claim);
        }
        claims
    }
}
