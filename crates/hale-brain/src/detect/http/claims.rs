//! What is claimed of a service with trouble: figures, the path to the first that fails, where that
//! runs, and examples that a person can look up.

use hale_model::Timestamp;
use hale_model::alert::Subject;
use hale_model::config::Language;
use hale_model::sample::Source;
use hale_model::text::{printable, shorten};
use hale_model::traffic::{Exemplar, ExemplarKind, NodeKind, Traffic};
use serde_json::Value;

use super::super::detectors::{Claim, Proof, View, vars};
use super::Services;
use super::burn::Burning;
use super::history::{Known, Window};
use super::suspect::{self, Path};

/// Examples that are told of.
const MAX_EXEMPLARS: usize = 3;
const MAX_MESSAGE_BYTES: usize = 160;

pub(super) const VARS: &[&str] = &[
    "service",
    "percent",
    "errors",
    "requests",
    "rate",
    "usual_percent",
    "p95_ms",
    "usual_p95_ms",
    "slow_ms",
    "what",
    "silence",
    "silent_since",
    "suspect",
    "suspect_kind",
    "causes",
    "path",
    "via",
    "made_here",
    "unanswered",
    "calls",
    "failed_calls",
    "operation",
    "said",
    "container_id",
    "container",
    "unit",
    "pid",
    "start_ticks",
    "process_name",
    "deployment",
    "namespace",
    "version",
    "version_before",
    "deployed_secs_ago",
    "slo_target",
    "slo_latency_ms",
    "burn_rate",
    "burn_minutes",
];

fn maybe<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

/// One claim.
pub(super) fn claim(
    services: &Services,
    view: &View<'_>,
    name: &str,
    known: Option<&Known>,
    burn: Option<&Burning>,
    errors: bool,
) -> Claim {
    let path = suspect::follow(services, view, name, errors);
    let window = known.map(|k| k.told(view, errors)).unwrap_or_default();
    let traffic = view.snapshot.traffic.as_ref();
    let example = traffic.and_then(|t| best_example(t, &path, errors));
    let mut figures = figures(name, known, &window, errors);
    let silent = known.and_then(|known| known.silent_since(view));
    let silence = silent.map(|at| silence(at, view.config.general.language)).unwrap_or_default();
    figures.extend(vars([
        ("silence", silence.as_str().into()),
        ("silent_since", maybe(silent.map(|at| at.to_string()))),
    ]));
    figures.extend(on_the_path(&path, &window, example));
    figures.extend(placed(services, view, path.suspect()));
    figures.extend(vars([
        ("slo_target", maybe(burn.map(|b| b.target))),
        ("slo_latency_ms", maybe(burn.filter(|_| !errors).map(|b| b.latency_ms))),
        ("burn_rate", maybe(burn.map(|b| b.rate))),
        ("burn_minutes", maybe(burn.map(|b| b.window_minutes))),
    ]));
    let what = figures.get("what").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut proofs = vec![Proof {
        source: Source::Otlp,
        metric: if errors { "error_percent" } else { "p95_ms" },
        text: format!("{name}: {what}{silence}"),
        value: figures.get(if errors { "percent" } else { "p95_ms" }).and_then(Value::as_f64),
        unit: Some(if errors { "percent" } else { "ms" }),
    }];
    proofs.extend(path_proof(&path, errors));
    proofs.extend(traffic.map(|t| example_proofs(t, &path, errors)).unwrap_or_default());
    proofs.extend(traffic.and_then(|t| log_proof(t, path.suspect())));
    proofs.extend(burn.map(|b| burn_proof(name, b)));
    let firing = known.and_then(|k| k.firing(errors));
    Claim {
        subject: Subject::Service { service: name.to_owned() },
        vars: figures,
        proofs,
        since: None,
        marginal: burn.is_none() && firing.is_some_and(|f| !f.sure),
    }
}

/// What follows the last figures once nobody asks any more.
fn silence(since: Timestamp, language: Language) -> String {
    let at = since.strftime("%H:%M:%SZ");
    match language {
        Language::En => format!("; no request since {at}, cannot tell"),
        Language::Fr => format!(" ; aucune requête depuis {at}, impossible à dire"),
        Language::Ko => format!("; {at} 이후 요청 없음, 알 수 없음"),
    }
}

type Figures = super::super::message::Vars;

fn figures(name: &str, known: Option<&Known>, window: &Window, errors: bool) -> Figures {
    let percent = 100.0 * window.error_share();
    let p95 = window.latency.quantile_ms(0.95);
    let slow_ms = known.and_then(Known::slow_ms);
    let usual_p95 = known.and_then(Known::usual_p95_ms);
    let rate = if window.secs > 0.0 { window.requests as f64 / window.secs } else { 0.0 };
    let what = if errors && window.unanswered > 0 && window.unanswered == window.requests {
        format!("{} calls in {:.0} s got no answer", window.requests, window.secs)
    } else if errors {
        format!("{percent:.0} % of {} requests in {:.0} s failed", window.requests, window.secs)
    } else {
        format!(
            "95 of 100 requests take up to {:.0} ms, usually {:.0} ms",
            p95.unwrap_or_default(),
            usual_p95.unwrap_or_default()
        )
    };
    vars([
        ("service", name.into()),
        ("percent", percent.into()),
        ("errors", window.errors.into()),
        ("requests", window.requests.into()),
        ("rate", rate.into()),
        ("usual_percent", known.map_or(0.0, Known::usual_error_percent).into()),
        ("p95_ms", maybe(p95)),
        ("usual_p95_ms", maybe(usual_p95)),
        ("slow_ms", maybe(slow_ms)),
        ("what", what.into()),
    ])
}

fn on_the_path(path: &Path, window: &Window, example: Option<&Exemplar>) -> Figures {
    let own = path.names.len() == 1;
    let via = if own {
        String::new()
    } else {
        // In any language: who calls whom, down to the first that fails.
        format!("; {}", path.names.join(" → "))
    };
    let kind = serde_json::to_value(path.kind).unwrap_or(Value::Null);
    vars([
        ("suspect", path.suspect().into()),
        ("suspect_kind", kind),
        ("path", path.names.join(" → ").into()),
        ("via", via.into()),
        ("made_here", own.into()),
        ("unanswered", window.unanswered.into()),
        ("calls", path.calls.into()),
        ("failed_calls", path.failed.into()),
        ("operation", maybe(example.map(|e| e.operation.as_str()))),
        ("said", maybe(example.map(|e| shorten(&printable(&e.message), MAX_MESSAGE_BYTES)))),
    ])
}

fn placed(services: &Services, view: &View<'_>, suspect: &str) -> Figures {
    let place = services.places.of(suspect);
    let deploy = services.places.deploy(view, suspect);
    let process = place.and_then(|p| p.process.as_ref());
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    vars([
        ("container_id", maybe(place.and_then(|p| p.container_id.clone()))),
        ("container", maybe(place.and_then(|p| p.container.clone()))),
        ("unit", maybe(place.and_then(|p| p.unit.clone()))),
        ("pid", maybe(process.map(|p| p.pid))),
        ("start_ticks", maybe(process.map(|p| p.start_ticks))),
        ("process_name", maybe(process.map(|p| p.name.clone()))),
        ("deployment", maybe(place.and_then(|p| told(&p.instance.deployment)))),
        ("namespace", maybe(place.and_then(|p| told(&p.instance.namespace)))),
        ("version", maybe(deploy.as_ref().map(|d| d.version.clone()))),
        ("version_before", maybe(deploy.as_ref().map(|d| d.before.clone()))),
        ("deployed_secs_ago", maybe(deploy.as_ref().map(|d| d.secs_ago))),
    ])
}

fn path_proof(path: &Path, errors: bool) -> Option<Proof> {
    let [.., caller, callee] = path.names.as_slice() else { return None };
    let unanswered = path.failed.min(path.calls.saturating_sub(path.answered));
    let text = if errors {
        let silent = if unanswered > 0 && path.kind == NodeKind::Service {
            format!(", {unanswered} of them without an answer")
        } else {
            String::new()
        };
        format!("{} of {} calls from {caller} to {callee} failed{silent}", path.failed, path.calls)
    } else {
        format!("{caller} waits for {callee}, which is slow itself")
    };
    Some(Proof {
        source: Source::Otlp,
        metric: "calls",
        text,
        value: errors.then_some(path.failed as f64),
        unit: errors.then_some("count"),
    })
}

fn examples<'a>(traffic: &'a Traffic, name: &str, errors: bool) -> Vec<&'a Exemplar> {
    let kind = if errors { ExemplarKind::Error } else { ExemplarKind::Slow };
    let mut of: Vec<&Exemplar> = traffic
        .service(name)
        .map(|s| s.exemplars.iter().filter(|e| e.kind == kind).collect())
        .unwrap_or_default();
    of.sort_by(|a, b| {
        (a.passed_on, a.message.is_empty())
            .cmp(&(b.passed_on, b.message.is_empty()))
            .then(b.duration_ms.total_cmp(&a.duration_ms))
    });
    of
}

/// One of the suspect's own, else of the nearest caller that has any.
fn best_example<'a>(traffic: &'a Traffic, path: &Path, errors: bool) -> Option<&'a Exemplar> {
    path.names.iter().rev().find_map(|name| examples(traffic, name, errors).into_iter().next())
}

fn example_proofs(traffic: &Traffic, path: &Path, errors: bool) -> Vec<Proof> {
    let from = path.names.iter().rev().find(|name| !examples(traffic, name, errors).is_empty());
    let Some(name) = from else { return Vec::new() };
    let metrics = ["exemplar_1", "exemplar_2", "exemplar_3"];
    let shown = examples(traffic, name, errors).into_iter().take(MAX_EXEMPLARS);
    shown
        .zip(metrics)
        .map(|(e, metric)| {
            let said =
                if e.message.is_empty() { String::new() } else { format!(": {}", e.message) };
            let ended = if errors { "failed" } else { "ended" };
            Proof {
                source: Source::Otlp,
                metric,
                text: shorten(
                    &format!(
                        "{name} {}: trace {} span {} {ended} after {:.0} ms{said}",
                        e.operation, e.trace_id, e.span_id, e.duration_ms
                    ),
                    2 * MAX_MESSAGE_BYTES,
                ),
                value: Some(e.duration_ms),
                unit: Some("ms"),
            }
        })
        .collect()
}

fn log_proof(traffic: &Traffic, suspect: &str) -> Option<Proof> {
    let log = traffic.service(suspect)?.error_logs.first()?;
    Some(Proof {
        source: Source::Otlp,
        metric: "error_log",
        text: format!(
            "{suspect} logged {} times: {}",
            log.count,
            shorten(&printable(&log.template), MAX_MESSAGE_BYTES)
        ),
        value: Some(log.count as f64),
        unit: Some("count"),
    })
}

fn burn_proof(name: &str, burn: &Burning) -> Proof {
    Proof {
        source: Source::Otlp,
        metric: "burn_rate",
        text: format!(
            "{name}: {} of {} requests in {} min were bad, {:.1} times what {} % allows",
            burn.bad, burn.all, burn.window_minutes, burn.rate, burn.target
        ),
        value: Some(burn.rate),
        unit: Some("ratio"),
    }
}
