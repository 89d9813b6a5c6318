//! What is usual: mean and deviation of each metric at each hour of the day, learned online.
//!
//! Robust: once something is known, a value counts at most as far as four deviations from the mean,
//! so that a fault does not teach hale that faults are usual; what lasts is learned all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use hale_model::snapshot::{Snapshot, System};

/// Seconds of an hour of the day that are remembered: the last seven days.
const HOUR_MEMORY_SECS: f64 = 7.0 * 3600.0;
/// Seconds that the cell over all hours remembers.
const DAY_MEMORY_SECS: f64 = 86_400.0;
/// Below this an hour is not known, and the cell over all hours stands in.
pub(super) const MIN_CELL_SECS: f64 = 900.0;
/// How many deviations a value may teach.
const CLIP: f64 = 4.0;
/// From the mean absolute deviation to the standard deviation of a normal distribution.
const TO_SIGMA: f64 = 1.2533;
/// Share of the mean that always counts as usual deviation.
const RELATIVE_FLOOR: f64 = 0.05;
/// The hour that stands for all of them.
const ALL_HOURS: usize = 24;

/// A metric that is learned.
pub(super) struct Metric {
    /// As in the telemetry views.
    pub(super) name: &'static str,
    pub(super) source: hale_model::sample::Source,
    pub(super) of: fn(&System) -> Option<f64>,
    /// A deviation smaller than this interests nobody.
    pub(super) floor: f64,
    /// Spread over magnitudes: judged by its logarithm.
    pub(super) logarithmic: bool,
}

use hale_model::sample::Source;

const fn metric(
    name: &'static str,
    source: Source,
    of: fn(&System) -> Option<f64>,
    floor: f64,
    logarithmic: bool,
) -> Metric {
    Metric { name, source, of, floor, logarithmic }
}

/// Every metric that is learned.
pub(super) const METRICS: &[Metric] = &[
    metric("cpu_total", Source::Cpu, |s| s.cpu_total, 3.0, false),
    metric("cpu_iowait", Source::Cpu, |s| s.cpu_iowait, 2.0, false),
    metric("load1", Source::Cpu, |s| s.load1, 0.3, false),
    metric("cpu_pressure", Source::Cpu, |s| s.cpu_pressure.map(|p| p.some_avg10), 3.0, false),
    metric("mem_used_percent", Source::Memory, |s| s.mem_used_percent, 1.5, false),
    metric(
        "memory_pressure",
        Source::Memory,
        |s| s.memory_pressure.map(|p| p.some_avg10),
        2.0,
        false,
    ),
    metric("io_pressure", Source::Disk, |s| s.io_pressure.map(|p| p.some_avg10), 3.0, false),
    metric("disk_read_mbps", Source::Disk, |s| s.disk_read_mbps, 0.3, true),
    metric("disk_write_mbps", Source::Disk, |s| s.disk_write_mbps, 0.3, true),
    metric("net_rx_mbps", Source::Network, |s| s.net_rx_mbps, 0.3, true),
    metric("net_tx_mbps", Source::Network, |s| s.net_tx_mbps, 0.3, true),
    metric("process_count", Source::Process, |s| s.process_count.map(|n| n as f64), 5.0, false),
];

impl Metric {
    /// The value on the scale on which it is judged.
    pub(super) fn judged(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(0.0).ln_1p() } else { value }
    }

    /// Back to the scale on which people read it.
    pub(super) fn shown(&self, judged: f64) -> f64 {
        if self.logarithmic { judged.exp_m1() } else { judged }
    }
}

/// Mean and mean absolute deviation, and over how many seconds they were learned.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Cell {
    secs: f64,
    mean: f64,
    deviation: f64,
}

impl Cell {
    fn learn(&mut self, value: f64, secs: f64, memory_secs: f64, floor: f64) {
        if self.secs == 0.0 {
            *self = Cell { secs, mean: value, deviation: 0.0 };
            return;
        }
        let mut off = value - self.mean;
        if self.secs >= MIN_CELL_SECS {
            let most = CLIP * self.sigma(floor);
            off = off.clamp(-most, most);
        }
        let share = (secs / (self.secs + secs).min(memory_secs)).min(1.0);
        self.mean += share * off;
        self.deviation += share * (off.abs() - self.deviation);
        self.secs = (self.secs + secs).min(memory_secs);
    }

    fn sigma(&self, floor: f64) -> f64 {
        TO_SIGMA * self.deviation + floor + RELATIVE_FLOOR * self.mean.abs()
    }
}

/// What is usual for one metric.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Baseline {
    /// 24 hours of the day (UTC), then all of them together.
    cells: Vec<Cell>,
    /// Seconds learned in all.
    pub(super) learned_secs: f64,
    /// Score above which a value is unusual; 0: not set. See [`super::anomaly`].
    pub(super) threshold: f64,
}

/// How a value compares with what is usual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) mean: f64,
    pub(super) sigma: f64,
    /// Deviations from the mean, with sign.
    pub(super) score: f64,
}

impl Baseline {
    /// Against the same hour, or against all hours where that is not known yet.
    pub(super) fn compare(&self, judged: f64, hour: usize, floor: f64) -> Option<Compared> {
        let known = |cell: &&Cell| cell.secs >= MIN_CELL_SECS;
        let cell = self
            .cells
            .get(hour)
            .filter(known)
            .or_else(|| self.cells.get(ALL_HOURS).filter(known))?;
        let sigma = cell.sigma(floor);
        Some(Compared { mean: cell.mean, sigma, score: (judged - cell.mean) / sigma })
    }

    fn learn(&mut self, judged: f64, hour: usize, secs: f64, floor: f64) {
        self.cells.resize(ALL_HOURS + 1, Cell::default());
        for (at, memory) in [(hour, HOUR_MEMORY_SECS), (ALL_HOURS, DAY_MEMORY_SECS)] {
            if let Some(cell) = self.cells.get_mut(at) {
                cell.learn(judged, secs, memory, floor);
            }
        }
        self.learned_secs += secs;
    }
}

/// What is usual for every metric.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Baselines {
    by_metric: BTreeMap<String, Baseline>,
}

impl Baselines {
    pub(super) fn get(&self, metric: &Metric) -> Option<&Baseline> {
        self.by_metric.get(metric.name)
    }

    pub(super) fn get_mut(&mut self, metric: &Metric) -> &mut Baseline {
        self.by_metric.entry(metric.name.to_owned()).or_default()
    }

    /// Takes in one value that held for `secs` seconds.
    pub(super) fn learn(&mut self, metric: &Metric, value: f64, hour: usize, secs: f64) {
        let judged = metric.judged(value);
        if judged.is_finite() {
            self.get_mut(metric).learn(judged, hour, secs, metric.floor);
        }
    }
}

/// Hour of the day, UTC: people's habits follow a clock, which one does not matter.
pub(super) fn hour_of(snapshot: &Snapshot) -> usize {
    (snapshot.collected_at.as_second().rem_euclid(86_400) / 3600) as usize
}
