//! The figures of the last looks, in memory: telemetry keeps one sample a minute and is asked through
//! another process, but whoever watches an incident wants each look, at once.

use std::collections::VecDeque;

use hale_model::Timestamp;
use hale_model::health::Health;
use hale_model::panel::{PastHealth, SERIES_METRICS};
use hale_model::snapshot::System;

/// Looks that are remembered: half an hour at one a second, two and a half hours at one in five.
const LOOKS_MAX: usize = 1800;

/// Changes of health that are remembered.
const HEALTHS_MAX: usize = 256;

/// One look: figures in the order of [`SERIES_METRICS`], as `f32` to halve what they take.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) at: Timestamp,
    values: [Option<f32>; SERIES_METRICS.len()],
}

impl Look {
    /// One figure, by its place in [`SERIES_METRICS`].
    pub(crate) fn value(&self, metric: usize) -> Option<f64> {
        self.values.get(metric).copied().flatten().map(f64::from)
    }
}

/// The last looks, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    looks: VecDeque<Look>,
    /// Health at each look at which it was another than before.
    healths: VecDeque<(Timestamp, PastHealth)>,
}

impl Recent {
    /// Health at a moment that these looks reach back to.
    pub(crate) fn health_at(&self, at: Timestamp) -> Option<(Timestamp, PastHealth)> {
        self.begins_at().filter(|begin| *begin <= at)?;
        self.healths.iter().rev().find(|(since, _)| *since <= at).cloned()
    }

    fn push_health(&mut self, health: &Health) {
        let is_same = |(_, last): &(Timestamp, PastHealth)| {
            last.score == health.score && last.factors.len() == health.factors.len()
        };
        if self.healths.back().is_some_and(is_same) {
            return;
        }
        if self.healths.len() >= HEALTHS_MAX {
            self.healths.pop_front();
        }
        let Health { score, severity, factors, .. } = health.clone();
        self.healths.push_back((health.at, PastHealth { score, severity, factors }));
    }

    pub(crate) fn push(&mut self, at: Timestamp, system: &System, health: Option<&Health>) {
        let health_score = health.map(|health| health.score);
        if let Some(health) = health {
            self.push_health(health);
        }
        if self.looks.len() >= LOOKS_MAX {
            self.looks.pop_front();
        }
        let values = SERIES_METRICS.map(|m| figure(system, health_score, m).map(|v| v as f32));
        self.looks.push_back(Look { at, values });
    }

    /// When the oldest of them was.
    pub(crate) fn begins_at(&self) -> Option<Timestamp> {
        self.looks.front().map(|look| look.at)
    }

    pub(crate) fn between(&self, since: Timestamp, until: Timestamp) -> Vec<Look> {
        self.looks.iter().filter(|l| l.at >= since && l.at <= until).cloned().collect()
    }
}

fn figure(system: &System, health_score: Option<f64>, metric: &str) -> Option<f64> {
    match metric {
        "cpu_total" => system.cpu_total,
        "cpu_iowait" => system.cpu_iowait,
        "load1" => system.load1,
        "mem_used_percent" => system.mem_used_percent,
        "mem_used_bytes" => system.mem_used_bytes.map(|b| b as f64),
        "swap_used_percent" => system.swap_used_percent,
        "disk_read_mbps" => system.disk_read_mbps,
        "disk_write_mbps" => system.disk_write_mbps,
        "net_rx_mbps" => system.net_rx_mbps,
        "net_tx_mbps" => system.net_tx_mbps,
        "process_count" => system.process_count.map(|n| n as f64),
        "zombie_count" => system.zombie_count.map(|n| n as f64),
        "cpu_some_avg10" => system.cpu_pressure.map(|p| p.some_avg10),
        "mem_some_avg10" => system.memory_pressure.map(|p| p.some_avg10),
        "io_some_avg10" => system.io_pressure.map(|p| p.some_avg10),
        "health_score" => health_score,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_can_be_asked_for_is_filled() {
        let pressure = Some(hale_model::sample::Pressure::default());
        let system = System {
            cpu_total: Some(1.0),
            cpu_iowait: Some(1.0),
            load1: Some(1.0),
            mem_used_bytes: Some(1),
            mem_used_percent: Some(1.0),
            swap_used_percent: Some(1.0),
            disk_read_mbps: Some(1.0),
            disk_write_mbps: Some(1.0),
            net_rx_mbps: Some(1.0),
            net_tx_mbps: Some(1.0),
            process_count: Some(1),
            zombie_count: Some(1),
            cpu_pressure: pressure,
            memory_pressure: pressure,
            io_pressure: pressure,
            ..System::default()
        };
        let mut recent = Recent::default();
        recent.push(Timestamp::UNIX_EPOCH, &system, Some(&health(0, 1.0)));
        let looks = recent.between(Timestamp::MIN, Timestamp::MAX);
        for (at, metric) in SERIES_METRICS.iter().enumerate() {
            assert!(looks.iter().all(|l| l.value(at).is_some()), "{metric} is never filled");
        }
    }

    fn health(second: i64, score: f64) -> Health {
        Health {
            machine_id: "box".into(),
            at: Timestamp::from_second(second).unwrap_or(Timestamp::MIN),
            score,
            severity: hale_model::alert::Severity::Low,
            top_issue: None,
            factors: Vec::new(),
        }
    }

    #[test]
    fn health_is_known_as_it_was_at_each_look() {
        let mut recent = Recent::default();
        for (second, score) in [(10, 1.0), (11, 1.0), (12, 0.6), (13, 0.6), (14, 1.0)] {
            let health = health(second, score);
            recent.push(health.at, &System::default(), Some(&health));
        }
        let at = |second| {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
            recent.health_at(at).map(|(since, health)| (since.as_second(), health.score))
        };
        assert_eq!(
            [at(9), at(11), at(13), at(99)],
            [None, Some((10, 1.0)), Some((12, 0.6)), Some((14, 1.0))]
        );
    }

    #[test]
    fn the_oldest_looks_go_first() {
        let mut recent = Recent::default();
        for second in 0..LOOKS_MAX as i64 + 5 {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
            recent.push(at, &System::default(), None);
        }
        assert_eq!(recent.looks.len(), LOOKS_MAX);
        assert_eq!(recent.begins_at().map(|t| t.as_second()), Some(5));
    }
}
