//! The service map: what services told in about the last minute, how each of them does, and where
//! the promises about them stand.

use std::collections::BTreeMap;

use hale_model::Timestamp;
use hale_model::alert::{Alert, AlertKind, AlertState, Subject};
use hale_model::traffic::{
    EXEMPLARS_PER_SERVICE_MAX, EdgeTraffic, NodeKind, ServiceHealth, ServiceTraffic, ServiceView,
    ServicesView, SloState, Traffic, TrafficSample,
};

use crate::desk::Desk;

/// The figures that are shown are of so many seconds, or of one turn where that is longer.
const SHOWN_SECS: f64 = 60.0;
/// Turns that are kept for that.
const TURNS_MAX: usize = 120;

/// A service that has been silent for so many seconds is no longer shown.
const HEARD_SECS: i64 = 3600;
/// Services and calls that are known for that.
const HEARD_MAX: usize = 1000;

/// What services told in the last turns, and who told anything in the last hour.
#[derive(Default)]
pub(crate) struct RecentTraffic {
    turns: std::collections::VecDeque<TrafficSample>,
    heard: Heard,
    /// Whether anything receives here.
    pub(crate) receiving: bool,
}

/// Silence is an answer too: who told of requests, and of calls to whom, and when last.
#[derive(Clone, Default)]
struct Heard {
    services: BTreeMap<String, Timestamp>,
    calls: BTreeMap<(String, String), (NodeKind, Timestamp)>,
}

impl Heard {
    fn take(&mut self, sample: &TrafficSample, at: Timestamp) {
        let is_recent = |heard: &Timestamp| at.duration_since(*heard).as_secs() < HEARD_SECS;
        self.services.retain(|_, heard| is_recent(heard));
        self.calls.retain(|_, (_, heard)| is_recent(heard));
        for service in sample.services.iter().filter(|s| s.total.requests > 0) {
            if self.services.len() < HEARD_MAX || self.services.contains_key(&service.service) {
                self.services.insert(service.service.clone(), at);
            }
        }
        for edge in &sample.edges {
            let call = (edge.from.clone(), edge.to.clone());
            if self.calls.len() < HEARD_MAX || self.calls.contains_key(&call) {
                self.calls.insert(call, (edge.to_kind, at));
            }
        }
    }
}

impl RecentTraffic {
    pub(crate) fn push(&mut self, sample: &TrafficSample, at: Timestamp) {
        self.receiving = true;
        self.heard.take(sample, at);
        self.turns.push_back(sample.clone());
        let mut secs: f64 = self.turns.iter().map(|t| t.window_secs).sum();
        while self.turns.len() > 1
            && (self.turns.len() > TURNS_MAX
                || self.turns.front().is_some_and(|t| secs - t.window_secs >= SHOWN_SECS))
        {
            secs -= self.turns.pop_front().map_or(0.0, |t| t.window_secs);
        }
    }

    fn together(&self) -> Traffic {
        let mut sum = TrafficSample::default();
        self.turns.iter().for_each(|turn| sum.merge(turn));
        Traffic::from(&sum)
    }
}

/// Answers [`hale_model::api::Query::Services`].
pub(crate) fn view(desk: &Desk) -> ServicesView {
    let (traffic, heard, receiving, slos) = desk.latest(|latest| {
        let slos = latest.orientation.as_ref().map(|o| o.slos.clone()).unwrap_or_default();
        let recent = &latest.traffic;
        (recent.together(), recent.heard.clone(), recent.receiving, slos)
    });
    let open = [AlertState::Open, AlertState::Acknowledged];
    let alerts = desk.alerts(&open, 0).unwrap_or_default();
    assemble(traffic, &heard, receiving, &slos, &alerts)
}

fn assemble(
    mut traffic: Traffic,
    heard: &Heard,
    receiving: bool,
    slos: &[SloState],
    alerts: &[Alert],
) -> ServicesView {
    for ((from, to), (to_kind, _)) in &heard.calls {
        if !traffic.edges.iter().any(|e| e.from == *from && e.to == *to) {
            let (from, to, to_kind) = (from.clone(), to.clone(), *to_kind);
            traffic.edges.push(EdgeTraffic { from, to, to_kind, ..EdgeTraffic::default() });
        }
    }
    let silent = |name: &String| ServiceTraffic { service: name.clone(), ..Default::default() };
    let mut nodes: BTreeMap<String, (NodeKind, ServiceTraffic)> =
        heard.services.keys().map(|n| (n.clone(), (NodeKind::Service, silent(n)))).collect();
    for edge in &traffic.edges {
        for (name, kind) in [(&edge.from, NodeKind::Service), (&edge.to, edge.to_kind)] {
            nodes.entry(name.clone()).or_insert_with(|| (kind, silent(name)));
        }
    }
    for mut service in traffic.services {
        service.exemplars.truncate(2 * EXEMPLARS_PER_SERVICE_MAX);
        nodes.insert(service.service.clone(), (NodeKind::Service, service));
    }
    let services: Vec<ServiceView> = nodes
        .into_values()
        .map(|(kind, traffic)| ServiceView {
            kind,
            health: health(&traffic, alerts),
            last_heard_at: heard.services.get(&traffic.service).copied(),
            suspect: alerts.iter().any(|a| names_as_suspect(a, &traffic.service)),
            slos: slos.iter().filter(|s| s.service == traffic.service).cloned().collect(),
            traffic,
        })
        .collect();
    let note = match (services.is_empty(), receiving) {
        (false, _) => None,
        (true, true) => Some(
            "no service sends anything yet: set OTEL_EXPORTER_OTLP_ENDPOINT to the address of [otlp]"
                .to_owned(),
        ),
        (true, false) => {
            Some("nothing receives telemetry here: `hale up` does, with [otlp] enabled".to_owned())
        }
    };
    ServicesView {
        window_secs: traffic.window_secs,
        services,
        edges: traffic.edges,
        intake: traffic.intake,
        note,
    }
}

fn is_about(alert: &Alert, service: &str) -> bool {
    matches!(&alert.subject, Subject::Service { service: of } if of == service)
}

fn names_as_suspect(alert: &Alert, service: &str) -> bool {
    let named = alert.vars.get("suspect").and_then(|v| v.as_str());
    matches!(alert.kind, AlertKind::HttpErrors | AlertKind::HttpLatency) && named == Some(service)
}

fn health(traffic: &ServiceTraffic, alerts: &[Alert]) -> ServiceHealth {
    let of =
        |kind: &AlertKind| alerts.iter().any(|a| a.kind == *kind && is_about(a, &traffic.service));
    if of(&AlertKind::HttpErrors) {
        ServiceHealth::Failing
    } else if of(&AlertKind::HttpLatency) {
        ServiceHealth::Slow
    } else if traffic.requests > 0 {
        ServiceHealth::Healthy
    } else {
        ServiceHealth::Unknown
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use hale_model::traffic::{EdgeSample, Red, ServiceSample};

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + secs).unwrap()
    }

    fn turn(requests: u64) -> TrafficSample {
        let mut red = Red::default();
        (0..requests).for_each(|n| red.add(1000, n == 0));
        TrafficSample {
            window_secs: 10.0,
            services: vec![ServiceSample {
                service: "shop".to_owned(),
                total: red.clone(),
                ..ServiceSample::default()
            }],
            edges: vec![EdgeSample {
                from: "shop".to_owned(),
                to: "postgresql/shop".to_owned(),
                to_kind: NodeKind::Database,
                calls: red,
                ..EdgeSample::default()
            }],
            ..TrafficSample::default()
        }
    }

    #[test]
    fn the_last_minute_is_shown_with_what_is_only_called() {
        let mut recent = RecentTraffic::default();
        (0..100).for_each(|_| recent.push(&turn(20), at(0)));
        let view = assemble(recent.together(), &recent.heard, true, &[], &[]);
        assert_eq!(view.window_secs, 60.0);
        let names: Vec<_> = view.services.iter().map(|s| s.traffic.service.as_str()).collect();
        assert_eq!(names, ["postgresql/shop", "shop"]);
        let shop = view.services.get(1).unwrap();
        assert_eq!(shop.traffic.rate_per_sec, Some(2.0));
        assert_eq!(shop.traffic.error_percent, Some(5.0));
        assert_eq!(shop.health, ServiceHealth::Healthy);
        assert_eq!(view.note, None);
    }

    #[test]
    fn who_fell_silent_is_shown_as_that_for_an_hour() {
        let mut recent = RecentTraffic::default();
        recent.push(&turn(20), at(0));
        let after =
            |recent: &RecentTraffic| assemble(recent.together(), &recent.heard, true, &[], &[]);
        (1..=10).for_each(|n| {
            recent.push(&TrafficSample { window_secs: 10.0, ..Default::default() }, at(10 * n))
        });
        let view = after(&recent);
        let shop = view.services.iter().find(|s| s.traffic.service == "shop").unwrap();
        assert_eq!((shop.traffic.requests, shop.traffic.rate_per_sec), (0, None));
        assert_eq!((shop.last_heard_at, shop.health), (Some(at(0)), ServiceHealth::Unknown));
        assert_eq!(view.edges.len(), 1);
        assert_eq!(view.note, None);
        recent.push(&TrafficSample::default(), at(HEARD_SECS));
        assert!(after(&recent).services.is_empty());
    }

    #[test]
    fn an_empty_map_says_what_would_fill_it() {
        let nobody = Heard::default();
        let note =
            |receiving| assemble(Traffic::default(), &nobody, receiving, &[], &[]).note.unwrap();
        assert!(note(true).contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
        assert!(note(false).contains("hale up"));
    }
}
