//! Services that fail and are slow: real spans through the book, turn after turn.

use std::collections::BTreeMap;

use hale_brain::detect::Rules;
use hale_model::alert::Finding;
use hale_model::config::{Config, Objective, Slo};
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::traffic::{Resource, Span, SpanKind, Traffic, TrafficBook};
use serde_json::Value;

use crate::detect_scenario::*;

/// One hop of a request: who answers, whether it makes an error of its own, how long it takes itself.
#[derive(Clone, Copy)]
struct Hop {
    service: &'static str,
    fails: bool,
    ms: u64,
    /// Not answered at all: the caller only sees a closed door.
    down: bool,
}

fn hop(service: &'static str) -> Hop {
    Hop { service, fails: false, ms: 5, down: false }
}

struct Shop {
    world: World,
    book: TrafficBook,
    traces: u64,
}

type Batches = BTreeMap<&'static str, Vec<Span<'static>>>;

fn port(service: &str) -> u16 {
    8000 + service.bytes().map(u16::from).sum::<u16>() % 1000
}

impl Shop {
    fn new(slo: Vec<Slo>) -> Shop {
        let mut config = Config { slo, ..Config::default() };
        config.general.interval_secs = 1;
        let mut world = World::with(config, Rules::built_in());
        world.now.sources.push(SourceStatus {
            source: Source::Otlp,
            state: SourceState::Fresh,
            last_fresh_at: None,
            took_us: 0,
            note: None,
            lost: 0,
        });
        Shop { world, book: TrafficBook::default(), traces: 0 }
    }

    /// A request through these hops, outermost first; `db` as the last one sends no telemetry.
    fn request(&mut self, hops: &[Hop], batches: &mut Batches) {
        self.traces += 1;
        let id = self.traces;
        let mut trace_id = [7; 16];
        trace_id[8..].copy_from_slice(&id.to_be_bytes());
        let mut failed_below = false;
        let mut took = 0;
        for (at, hop) in hops.iter().enumerate().rev() {
            failed_below |= hop.fails || hop.down;
            took += hop.ms;
            let server_id = id * 100 + 2 * at as u64 + 1;
            let client_id = server_id - 1;
            let end_ns = 1_769_472_000_000_000_000 + id;
            let span = Span {
                trace_id,
                end_ns,
                start_ns: end_ns - took * 1_000_000,
                status_error: failed_below,
                ..Span::default()
            };
            if hop.service != "db" && !hop.down {
                batches.entry(hop.service).or_default().push(Span {
                    span_id: server_id,
                    parent_id: if at == 0 { 0 } else { client_id },
                    kind: SpanKind::Server,
                    name: "POST /buy",
                    message: if hop.fails { "no such column: premium" } else { "" },
                    ..span
                });
            }
            if at > 0 {
                let caller = hops[at - 1].service;
                let call = Span {
                    span_id: client_id,
                    parent_id: server_id - 2,
                    kind: SpanKind::Client,
                    name: "POST",
                    address: "localhost",
                    port: port(hop.service),
                    ..span
                };
                let call = if hop.service == "db" {
                    Span { db_system: "postgresql", db_namespace: "shop", ..call }
                } else {
                    call
                };
                batches.entry(caller).or_default().push(call);
            }
        }
    }

    /// One second with `per_sec` requests; the n-th of it through these hops.
    fn second(&mut self, per_sec: u64, hops: impl Fn(u64) -> Vec<Hop>) -> Vec<Finding> {
        let mut batches = Batches::new();
        (0..per_sec).for_each(|n| self.request(&hops(n), &mut batches));
        // Callers' batches come before and after those whom they call.
        let mut order: Vec<_> = batches.into_iter().collect();
        if self.traces.is_multiple_of(2) {
            order.reverse();
        }
        for (service, spans) in order {
            let pid = if service == "quotes" { 800 } else { 0 };
            let resource = Resource { service, pid, host: "box", ..Resource::default() };
            assert_eq!(self.book.spans(&resource, &spans).rejected, 0);
        }
        self.turn()
    }

    fn turn(&mut self) -> Vec<Finding> {
        let sample = self.book.drain(self.world.now.boottime_ns + 1_000_000_000);
        self.world.run(1, |world| world.now.traffic = Some(Traffic::from(&sample)));
        let findings = self.world.last.as_ref().unwrap().findings.clone();
        findings.into_iter().filter(|f| f.kind.as_str().starts_with("http.")).collect()
    }

    fn warm_up(&mut self) {
        for _ in 0..40 {
            let findings = self.second(20, |_| healthy());
            assert!(findings.is_empty(), "{findings:#?}");
        }
    }
}

fn healthy() -> Vec<Hop> {
    vec![hop("web"), hop("quotes"), hop("db")]
}

fn about<'a>(findings: &'a [Finding], service: &str) -> &'a Finding {
    let subject = format!("service:{service}");
    findings.iter().find(|f| f.subject.key() == subject).unwrap_or_else(|| panic!("{findings:#?}"))
}

fn told<'a>(finding: &'a Finding, name: &str) -> &'a str {
    finding.vars.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn half_of_the_requests_failing_is_found_within_two_turns_and_its_maker_is_named() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let broken =
        |n: u64| vec![hop("web"), Hop { fails: n.is_multiple_of(2), ..hop("quotes") }, hop("db")];
    let mut findings = shop.second(20, broken);
    if findings.is_empty() {
        findings = shop.second(20, broken);
    }
    for service in ["web", "quotes"] {
        let finding = about(&findings, service);
        assert_eq!(finding.kind.as_str(), "http.errors");
        assert_eq!(told(finding, "suspect"), "quotes");
    }
    assert_eq!(told(about(&findings, "web"), "path"), "web → quotes");
    // Where it runs, as the machine itself shows it.
    assert_eq!(told(about(&findings, "web"), "unit"), "postgresql.service");
    let evidence: Vec<&str> =
        about(&findings, "quotes").evidence.iter().map(|e| e.text.as_str()).collect();
    assert!(evidence.iter().any(|t| t.contains("trace 0707")), "{evidence:?}");
    assert!(evidence.iter().any(|t| t.contains("no such column: premium")), "{evidence:?}");
    // What `web` only passes on does not count against it.
    assert_eq!(told(about(&findings, "web"), "causes"), "quotes, web");
    let ranked = "of 2 services that are not as usual, requests to quotes fail most beyond what is usual for them";
    assert!(evidence.contains(&ranked), "{evidence:?}");
    // And it is over as soon as it is.
    let mut turns = 0;
    while !shop.second(20, |_| healthy()).is_empty() {
        turns += 1;
        assert!(turns <= 3, "still claimed");
    }
}

#[test]
fn who_passed_errors_on_is_not_blamed_when_their_maker_is_well_again() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let broken = [hop("web"), Hop { fails: true, ..hop("quotes") }, hop("db")];
    let send = |shop: &mut Shop, service: &'static str, spans: &[Span<'static>]| {
        let resource = Resource { service, host: "box", ..Resource::default() };
        assert_eq!(shop.book.spans(&resource, spans).rejected, 0);
    };
    // The batches of the caller come late; who failed has told its own by then, and is well.
    let mut late = Vec::new();
    for second in 0..14 {
        let mut batches = Batches::new();
        for _ in 0..20 {
            let hops = if second < 2 { broken.to_vec() } else { healthy() };
            shop.request(&hops, &mut batches);
        }
        for (service, spans) in batches {
            match service {
                "web" if second < 2 => late.extend(spans),
                "web" => {}
                _ => send(&mut shop, service, &spans),
            }
        }
        shop.turn();
    }
    send(&mut shop, "web", &late);
    let findings = shop.turn();
    let finding = about(&findings, "web");
    assert_eq!((told(finding, "suspect"), told(finding, "path")), ("quotes", "web → quotes"));
}

#[test]
fn who_does_not_answer_is_the_suspect_though_it_says_nothing() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let down = |_| vec![hop("web"), Hop { down: true, ..hop("quotes") }];
    shop.second(20, down);
    let findings = shop.second(20, down);
    let finding = about(&findings, "web");
    assert_eq!(told(finding, "suspect"), "quotes");
    let dead = about(&findings, "quotes");
    assert!(format!("{dead:?}").contains("got no answer"), "{dead:#?}");
    assert_eq!(told(dead, "unit"), "postgresql.service", "known from before");
    // Silence is not recovery.
    for _ in 0..10 {
        assert!(!shop.turn().is_empty());
    }
}

#[test]
fn a_database_is_named_unless_others_use_it_well() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let broken = |_| vec![hop("web"), hop("quotes"), Hop { fails: true, ..hop("db") }];
    shop.second(20, broken);
    let findings = shop.second(20, broken);
    assert_eq!(told(about(&findings, "web"), "path"), "web → quotes → postgresql/shop");

    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let own_fault = |n: u64| {
        if n.is_multiple_of(2) {
            return vec![hop("billing"), hop("db")];
        }
        vec![hop("web"), hop("quotes"), Hop { fails: true, ..hop("db") }]
    };
    shop.second(40, own_fault);
    let findings = shop.second(40, own_fault);
    assert_eq!(told(about(&findings, "web"), "suspect"), "quotes", "billing is well served");
}

#[test]
fn slowness_is_traced_to_who_is_slow() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let slow = |_| vec![hop("web"), Hop { ms: 800, ..hop("quotes") }, hop("db")];
    shop.second(20, slow);
    let findings = shop.second(20, slow);
    let finding = about(&findings, "web");
    assert_eq!(finding.kind.as_str(), "http.latency");
    assert_eq!(told(finding, "suspect"), "quotes");
    assert!(told(finding, "causes").contains("quotes"), "{finding:#?}");
    assert!(finding.evidence.iter().any(|e| e.text.contains("ended after")), "{finding:#?}");
}

#[test]
fn what_is_no_incident_is_not_one() {
    type Traffic = fn(u64, u64) -> Vec<Hop>;
    let cases: [(&str, u64, Traffic); 5] = [
        ("one error of three requests", 3, |second, n| {
            vec![hop("web"), Hop { fails: second == 5 && n == 0, ..hop("quotes") }]
        }),
        ("one slow client", 20, |_, n| {
            vec![Hop { ms: if n == 0 { 30_000 } else { 5 }, ..hop("web") }]
        }),
        ("two of a hundred fail, as ever", 50, |_, n| {
            vec![hop("web"), Hop { fails: n == 7, ..hop("quotes") }]
        }),
        ("a service that is hardly used fails", 20, |second, n| {
            if n == 0 && second.is_multiple_of(15) {
                return vec![Hop { fails: true, ..hop("reports") }];
            }
            healthy()
        }),
        ("a burst of traffic", 20, |_, _| healthy()),
    ];
    for (case, per_sec, hops) in cases {
        let mut shop = Shop::new(Vec::new());
        shop.warm_up();
        for second in 0..90 {
            let per_sec = if case.contains("burst") && second > 10 { 400 } else { per_sec };
            let findings = shop.second(per_sec, |n| hops(second, n));
            assert!(findings.is_empty(), "{case}, second {second}: {findings:#?}");
        }
    }
}

#[test]
fn a_service_that_always_failed_a_little_is_learned_as_such() {
    let mut shop = Shop::new(Vec::new());
    let a_little = |n: u64| vec![Hop { fails: n.is_multiple_of(12), ..hop("legacy") }];
    for second in 0..120 {
        let findings = shop.second(24, a_little);
        assert!(findings.is_empty(), "second {second}: {findings:#?}");
    }
    let half = |n: u64| vec![Hop { fails: n.is_multiple_of(2), ..hop("legacy") }];
    shop.second(24, half);
    assert!(!shop.second(24, half).is_empty());
}

#[test]
fn a_promise_is_kept_by_its_budget() {
    let slo = |objective, target| Slo {
        service: "web".to_owned(),
        objective,
        target,
        window_days: 30,
        latency_ms: 100.0,
    };
    let mut shop =
        Shop::new(vec![slo(Objective::Availability, 99.0), slo(Objective::Latency, 95.0)]);
    shop.warm_up();
    let state = &shop.world.last.as_ref().unwrap().slos;
    assert_eq!(state.len(), 2);
    assert_eq!(state[0].budget_left_percent, Some(100.0));
    // 2 % fail: twice what is allowed eats the budget, but not fast.
    for _ in 0..60 {
        let findings = shop.second(50, |n| vec![Hop { fails: n == 3, ..hop("web") }]);
        assert!(findings.is_empty(), "{findings:#?}");
    }
    // 40 % are slow: that is eight times what is allowed; 90 % are eighteen times.
    let mut findings = Vec::new();
    for _ in 0..400 {
        findings = shop.second(50, |n| {
            vec![Hop { ms: if n.is_multiple_of(10) { 5 } else { 130 }, ..hop("web") }]
        });
    }
    let finding = about(&findings, "web");
    assert_eq!(finding.kind.as_str(), "http.latency");
    assert!(
        finding.evidence.iter().any(|e| e.text.contains("times what 95 % allows")),
        "{finding:#?}"
    );
    let state = &shop.world.last.as_ref().unwrap().slos;
    assert!(state[0].budget_left_percent.unwrap() < 100.0, "{:?}", state[0]);
    assert!(state[1].budget_left_percent.unwrap() < 0.0, "overspent: {:?}", state[1]);
}

#[test]
fn silence_is_no_recovery() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    let failing = |n: u64| vec![hop("web"), Hop { fails: n.is_multiple_of(2), ..hop("quotes") }];
    for _ in 0..10 {
        shop.second(20, failing);
    }
    let last = about(&shop.second(20, failing), "quotes").clone();
    let percent = |f: &Finding| f.vars.get("percent").and_then(Value::as_f64).unwrap();
    assert!(percent(&last) >= 45.0, "{}", last.summary);
    // Nobody asks any more: the last figures stand, and that nothing is known anew is said.
    for second in 0..400 {
        let findings = shop.second(0, failing);
        let now = about(&findings, "quotes");
        assert!((percent(now) - percent(&last)).abs() < 5.0, "{second}: {}", now.summary);
        assert_eq!(now.summary.contains("; no request since "), second >= 9, "{}", now.summary);
        assert_eq!(now.severity, last.severity);
    }
    assert!(!shop.world.story().contains("closed"));
    // Enough good requests end it.
    for _ in 0..15 {
        shop.second(20, |_| healthy());
    }
    let story = shop.world.story();
    assert!(story.contains("recovered") && !story.contains("without proof"), "{story}");
}

#[test]
fn what_nobody_asks_for_an_hour_ends_without_a_proof() {
    let mut shop = Shop::new(Vec::new());
    shop.warm_up();
    for _ in 0..10 {
        shop.second(20, |_| vec![hop("web"), Hop { fails: true, ..hop("quotes") }]);
    }
    for _ in 0..3700 {
        shop.second(0, |_| Vec::new());
    }
    let story = shop.world.story();
    assert!(story.contains("ended without proof"), "{story}");
    assert!(!story.contains("recovered"), "{story}");
}
