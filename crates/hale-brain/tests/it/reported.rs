//! What others report, beside what hale sees itself: a report is believed only as far as the thing it names
//! does not say otherwise, and a failure after its cure is a new one.

use hale_brain::diagnose::{DiagnoseInput, diagnose, seen_well, to_ask};
use hale_model::action::Plan;
use hale_model::alert::{Alert, AlertKind, Evidence, Subject};
use hale_model::config::{Config, DeclaredService};
use hale_model::container::{
    Container, ContainerHealth, ContainerStat, ContainerState, Probe, ProbeTarget,
};
use hale_model::ids::EvidenceId;
use hale_model::report::{OpenReport, Report};
use hale_model::sample::{Source, SourceState, SourceStatus};
use hale_model::snapshot::Snapshot;

use crate::detect_scenario::{World, running};
use crate::{decide_diagnose, decide_world};

const URL: &str = "http://127.0.0.1:8201/health";

fn report(kind_text: &str, unit: Option<&str>) -> Report {
    serde_json::from_value(serde_json::json!({
        "source": "native", "external_id": "f1", "service": "shop", "kind_text": kind_text,
        "kind": "service.failed", "severity": "high", "message": "it died", "unit": unit,
        "received_at": decide_world::at(1),
    }))
    .unwrap()
}

fn open(report: Report, subject: Subject) -> OpenReport {
    let since = report.received_at;
    OpenReport { id: "in-1".into(), report, subject, since, reporters: 1 }
}

fn of_unit(unit: &str) -> Subject {
    Subject::Unit { unit: unit.to_owned() }
}

/// The shop runs, is reported to have crashed, and is cured.
fn cured_shop() -> World {
    let mut w = World::new();
    w.now.units.push(running("shop.service"));
    w.now.sources.push(SourceStatus {
        source: Source::Webhook,
        state: SourceState::Fresh,
        last_fresh_at: None,
        took_us: 0,
        note: None,
        lost: 0,
    });
    w.rest(5);
    let received_at = w.now.collected_at;
    let said = Report { received_at, ..report("crash", Some("shop.service")) };
    w.now.reports = vec![open(said, of_unit("shop.service"))];
    w.rest(5);
    let id = w.book.open().next().expect("reported").id.clone();
    assert!(w.book.close(&id, w.now.collected_at, "acted").is_some());
    w
}

#[test]
fn a_failure_right_after_a_cure_opens_again_at_once() {
    // The report is taken up by the cure one look later; the service dies in between.
    let mut w = cured_shop();
    w.run(5, |w| w.unit("shop.service").active_state = "failed".to_owned());
    w.now.reports.clear();
    w.run(60, |w| w.unit("shop.service").active_state = "failed".to_owned());
    let open: Vec<&Alert> = w.book.open().collect();
    assert_eq!(open.len(), 1, "{}", w.story());
    assert_eq!((open[0].kind.clone(), open[0].flaps), (AlertKind::ServiceFailed, 1));
    assert!(w.story().contains("reopened high service.failed"));
}

#[test]
fn what_was_reported_before_the_cure_stays_closed() {
    let mut w = cured_shop();
    w.rest(30);
    assert_eq!(w.book.open().count(), 0, "{}", w.story());
}

#[test]
fn what_a_cure_did_not_end_is_told_again() {
    let mut w = World::new();
    w.now.units.push(running("shop.service"));
    w.run(10, |w| w.unit("shop.service").active_state = "failed".to_owned());
    let id = w.book.open().next().expect("failed").id.clone();
    assert!(w.book.close(&id, w.now.collected_at, "acted").is_some());
    w.run(300, |w| w.unit("shop.service").active_state = "failed".to_owned());
    assert_eq!(w.book.open().count(), 0, "it may take some time to show");
    w.run(320, |w| w.unit("shop.service").active_state = "failed".to_owned());
    assert_eq!(w.book.open().count(), 1, "{}", w.story());
}

struct Case {
    snapshot: Snapshot,
    config: Config,
    alert: Alert,
}

fn case(kind_text: &str, told_url: Option<&str>) -> Case {
    let mut snapshot = decide_world::world();
    snapshot.units.push(decide_world::unit("shop.service", "active", "success", 750));
    let subject = of_unit("shop.service");
    snapshot.reports = vec![open(report(kind_text, Some("shop.service")), subject.clone())];
    let mut alert = decide_world::alert(AlertKind::ServiceFailed, subject, "shop is said to fail");
    alert.evidence = vec![Evidence {
        id: EvidenceId::of(&alert.machine_id, "shop", "report", decide_world::at(1)),
        source: Source::Webhook,
        observed_at: decide_world::at(1),
        text: "it died".to_owned(),
        value: None,
        unit: None,
    }];
    if let Some(url) = told_url {
        alert.vars.insert("health_url".to_owned(), url.into());
    }
    let mut config = Config::default();
    config.allowlist.restartable_units = vec!["shop.service".to_owned()];
    Case { snapshot, config, alert }
}

impl Case {
    fn answers(mut self, ok: bool) -> Case {
        self.snapshot.probes = vec![Probe {
            target: ProbeTarget::Http { url: URL.to_owned() },
            asked_at_boottime_ns: 0,
            ok,
            status: Some(if ok { 200 } else { 503 }),
            latency_ms: 1.0,
            text: String::new(),
            attempts: 1,
        }];
        self
    }

    /// The configuration says where it is asked.
    fn declared(mut self) -> Case {
        self.config.services = vec![DeclaredService {
            name: "shop.service".to_owned(),
            health_url: URL.to_owned(),
            ..DeclaredService::default()
        }];
        self
    }

    fn seen_well(&self) -> Option<String> {
        seen_well(&self.snapshot, &self.config, &self.alert, &[&self.alert])
    }

    fn plan_or_why(&self) -> Result<String, String> {
        self.plan().map(|plan| plan.steps[0].command.clone())
    }

    fn plan(&self) -> Result<Plan, String> {
        let alerts = [self.alert.clone()];
        let incident = decide_diagnose::incident(&alerts);
        let diagnosed = diagnose(&DiagnoseInput {
            now: decide_world::at(5),
            incident: &incident,
            alerts: &alerts,
            snapshot: &self.snapshot,
            config: &self.config,
            lessons: &[],
            tried: &[],
            plays: None,
        });
        diagnosed.plan.ok_or_else(|| diagnosed.no_plan_because.unwrap())
    }
}

#[test]
fn a_report_is_not_acted_on_where_everything_that_could_say_so_says_well() {
    let restarted = Ok("systemctl restart shop.service".to_owned());
    let lie = case("crash", Some(URL)).answers(true);
    assert!(to_ask(&lie.snapshot, &lie.config, &lie.alert).is_some());
    let why = lie.plan_or_why().unwrap_err();
    assert!(
        why.starts_with("reported, but hale sees shop healthy (200 from http://127.0.0.1:8201/health, active since "),
        "{why}"
    );
    // It runs; that it has crashed is not so, whoever says it. How it does, its state does not say.
    assert!(case("crash", None).seen_well().is_some());
    for word in ["memory", "errors", "latency", "unhealthy"] {
        assert_eq!(case(word, None).seen_well(), None, "{word}");
    }
    assert_eq!(case("latency", None).plan_or_why(), restarted);
    // Ill by its own word, and not asked yet.
    let own = case("crash", None).declared();
    assert_eq!(own.seen_well(), None);
    assert_eq!(own.answers(false).plan_or_why(), restarted);
    // Seen down, or seen busy.
    let mut down = case("crash", Some(URL)).answers(true);
    down.snapshot.units.last_mut().unwrap().active_state = "failed".to_owned();
    assert_eq!(down.plan_or_why(), restarted);
    let mut busy = case("cpu", Some(URL)).answers(true);
    decide_diagnose::of_pid(&mut busy.snapshot, 750).cpu_percent = Some(99.0);
    assert_eq!(busy.seen_well(), None);
    // What hale sees itself needs no report.
    let mut seen = case("crash", Some(URL)).answers(true);
    seen.alert.evidence[0].source = Source::Unit;
    assert_eq!(seen.seen_well(), None);
}

#[test]
fn the_configuration_says_where_to_ask_and_a_report_has_no_say_in_it() {
    let case = case("crash", Some("http://127.0.0.1:1/nothing")).answers(true).declared();
    assert!(case.seen_well().is_some_and(|why| why.contains(URL)));
}

#[test]
fn an_address_that_only_a_report_names_is_neither_a_reason_to_act_nor_a_proof() {
    // Ill at an address of the sender's own choice, while hale sees it run: nothing is done.
    let why = case("crash", Some(URL)).answers(false).plan_or_why().unwrap_err();
    assert!(why.starts_with("reported, but hale sees shop healthy (active since "), "{why}");
    // Down by hale's own look: it is restarted, and the address is asked beside what hale sees itself, for
    // as long as without it.
    let mut down = case("crash", Some(URL)).answers(false);
    down.snapshot.units.last_mut().unwrap().active_state = "failed".to_owned();
    let expected = |case: &Case| {
        let step = case.plan().unwrap().steps.remove(0);
        let kinds = step.expectation.conditions.iter().map(|c| format!("{c:?}"));
        let kinds = kinds.map(|text| text.split([' ', '{']).next().unwrap_or_default().to_owned());
        (kinds.collect::<Vec<_>>().join(" "), step.expectation.hold_secs)
    };
    assert_eq!(expected(&down), ("UnitActive UnitSteady FindingGone HttpOk".to_owned(), 15));
    // Its own, as the configuration names it, needs not be watched for long.
    let mut own = case("crash", Some("http://127.0.0.1:1/x")).answers(false).declared();
    let shop = own.snapshot.units.last_mut().unwrap();
    (shop.active_state, shop.service_type) = ("failed".to_owned(), "declared".to_owned());
    assert_eq!(expected(&own), ("UnitActive UnitSteady FindingGone HttpOk".to_owned(), 2));
}

#[test]
fn a_containers_health_check_says_more_than_the_address_of_a_report() {
    let of_container = |kind_text: &str, health: Option<ContainerHealth>| {
        let mut case = case(kind_text, Some(URL)).answers(false);
        let (id, name) = ("c".repeat(64), "shop".to_owned());
        let stat = ContainerStat {
            id: id.clone(),
            name: name.clone(),
            state: ContainerState::Running,
            health,
            ..ContainerStat::default()
        };
        let (cpu_percent, memory_percent) = (Some(1.0), Some(10.0));
        case.snapshot.containers.push(Container { stat, cpu_percent, memory_percent });
        let subject = Subject::Container { id, name };
        case.snapshot.reports = vec![open(report(kind_text, None), subject.clone())];
        case.alert.subject = subject;
        case
    };
    for (word, health, seen) in [
        ("unhealthy", Some(ContainerHealth::Healthy), "its health check says healthy, running"),
        ("crash", Some(ContainerHealth::Healthy), "its health check says healthy, running"),
        ("crash", None, "running"),
    ] {
        let well = of_container(word, health).seen_well();
        let expected = format!("reported, but hale sees shop healthy ({seen})");
        assert_eq!(well, Some(expected), "{word}");
    }
    // Ill by its own check; and nothing of its own says anything about errors.
    assert_eq!(of_container("crash", Some(ContainerHealth::Unhealthy)).seen_well(), None);
    assert_eq!(of_container("errors", None).seen_well(), None);
}

#[test]
fn a_report_about_what_is_not_here_says_what_is_not_here() {
    let mut case = case("crash", None);
    let subject = Subject::Service { service: "shop".to_owned() };
    case.snapshot.reports = vec![open(report("crash", Some("nosuch.service")), subject.clone())];
    case.alert.subject = subject;
    let why = case.plan_or_why().unwrap_err();
    assert_eq!(
        why,
        "there is no unit nosuch.service here: the report may mean another machine, or name it otherwise"
    );
}

#[test]
fn a_declared_service_is_looked_at_with_its_own_commands() {
    let mut w = World::new();
    w.config.services = vec![DeclaredService {
        name: "shop".to_owned(),
        pid_file: "/run/shop.pid".to_owned(),
        restart: vec!["/etc/init.d/shop".to_owned(), "restart".to_owned()],
        health_url: URL.to_owned(),
    }];
    let mut shop = running("shop");
    shop.service_type = "declared".to_owned();
    w.now.units.push(shop);
    w.run(10, |w| w.unit("shop").active_state = "failed".to_owned());
    let commands = w.book.open().next().expect("failed").suggested_actions.join("\n");
    insta::assert_snapshot!(commands, @r#"
    ps -fp "$(cat /run/shop.pid)"
    curl -sS -i http://127.0.0.1:8201/health
    /etc/init.d/shop restart
    "#);
}
