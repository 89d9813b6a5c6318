//! From rules and snapshots to findings: asks every rule, keeps `for` and hysteresis, puts figures
//! into words.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::Context;
use hale_model::Timestamp;
use hale_model::alert::{Evidence, Finding, Severity, Subject};
use hale_model::ids::EvidenceId;
use hale_model::sample::{Source, SourceState};
use hale_model::text;
use serde_json::Value;

use crate::decide::names::glob;

use super::detectors::{Claim, Detector, View};
use super::expression::to_cel;
use super::facts::{self, MAX_SUBJECTS, Scope};
use super::memory::{HeldOn, Learned};
use super::message::{Vars, command, placeholders, sentence};
use super::rules::{Body, HoldSecs, Question, Rule, Rules};

/// Most findings of one turn, worst first.
const MAX_FINDINGS: usize = 500;
/// Most conditions whose duration is remembered.
const MAX_HELD: usize = 5000;
/// Processes named in a sentence about the whole machine.
const TOP: usize = 3;

/// A condition that holds.
#[derive(Clone, Debug)]
struct Held {
    since_ns: u64,
    since: Timestamp,
    firing: bool,
    sources: Vec<Source>,
    turn: u64,
}

type Key = (String, String);

/// The rules at work.
pub(super) struct Judge {
    rules: Rules,
    detectors: Vec<Option<Box<dyn Detector>>>,
    held: BTreeMap<Key, Held>,
    env: Arc<cel::Env>,
    turn: u64,
}

/// One observation, from a detector or from a rule's expression.
struct Observed {
    source: Source,
    metric: String,
    text: String,
    value: Option<f64>,
    unit: Option<String>,
}

/// What a rule says about one subject.
struct Said {
    subject: Subject,
    vars: Vars,
    evidence: Vec<Observed>,
    since: Option<Timestamp>,
    marginal: bool,
}

impl From<Claim> for Said {
    fn from(claim: Claim) -> Self {
        let proofs = claim.proofs.into_iter();
        Said {
            subject: claim.subject,
            vars: claim.vars,
            evidence: proofs
                .map(|p| Observed {
                    source: p.source,
                    metric: p.metric.to_owned(),
                    text: p.text,
                    value: p.value,
                    unit: p.unit.map(str::to_owned),
                })
                .collect(),
            since: claim.since,
            marginal: claim.marginal,
        }
    }
}

impl Judge {
    pub(super) fn new(rules: Rules, held: Vec<HeldOn>) -> Self {
        let make = |rule: &Rule| match &rule.body {
            Body::Detector(registered) => Some((registered.make)()),
            Body::Question(_) => None,
        };
        let detectors = rules.all.iter().map(make).collect();
        let held = held.into_iter().take(MAX_HELD).map(|h| {
            let held = Held {
                since_ns: h.since_ns,
                since: h.since,
                firing: true,
                sources: Vec::new(),
                turn: 0,
            };
            ((h.kind, h.subject_key), held)
        });
        let env = Arc::new(cel::Env::stdlib());
        Judge { held: held.collect(), detectors, rules, env, turn: 0 }
    }

    /// Forgets how long anything has held: another boot.
    pub(super) fn forget(&mut self) {
        self.held.clear();
    }

    /// The conditions that fire now, to be stored.
    pub(super) fn held(&self) -> Vec<HeldOn> {
        let firing = self.held.iter().filter(|(_, h)| h.firing);
        firing
            .map(|((kind, subject_key), h)| HeldOn {
                kind: kind.clone(),
                subject_key: subject_key.clone(),
                since: h.since,
                since_ns: h.since_ns,
            })
            .collect()
    }

    /// Every finding of this turn, worst first.
    pub(super) fn turn(&mut self, view: &View<'_>, learned: &mut Learned) -> Vec<Finding> {
        self.turn += 1;
        if view.tick.gap {
            // What was pending was not watched all the time; what fires, fires.
            self.held.retain(|_, h| h.firing);
        }
        let root = facts::context(&self.env, &facts::machine(view.snapshot, view.config));
        let rules = std::mem::take(&mut self.rules.all);
        let mut findings = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            match &rule.body {
                Body::Question(question) => {
                    self.ask(view, &root, rule, question, &mut findings);
                }
                Body::Detector(_) => {
                    let detector = self.detectors.get_mut(at).and_then(Option::as_mut);
                    let claims = detector.map(|d| d.detect(view, learned)).unwrap_or_default();
                    for claim in claims.into_iter().take(MAX_FINDINGS) {
                        let said = Said::from(claim);
                        findings.extend(self.weigh(view, &root, rule, said));
                    }
                }
            }
        }
        self.rules.all = rules;
        self.let_go(view);
        findings.sort_by_cached_key(|f| {
            (std::cmp::Reverse(f.severity), f.kind.clone(), f.subject.key())
        });
        findings.truncate(MAX_FINDINGS);
        findings
    }

    /// What was not said this turn no longer holds, unless it could not be seen.
    fn let_go(&mut self, view: &View<'_>) {
        let turn = self.turn;
        let stale: Vec<Source> = view
            .snapshot
            .sources
            .iter()
            .filter(|s| s.state == SourceState::Stale)
            .map(|s| s.source)
            .collect();
        // What came from memory gets some turns to be seen again.
        let grace = 3;
        self.held.retain(|(_, subject), h| {
            let answers =
                subject.strip_prefix("metric:").and_then(|m| view.snapshot.target_answers(m));
            let unseen =
                |s: &Source| stale.contains(s) && !(*s == Source::Scrape && answers == Some(true));
            h.turn == turn || h.sources.iter().any(unseen) || (h.turn == 0 && turn <= grace)
        });
        while self.held.len() > MAX_HELD {
            self.held.pop_last();
        }
    }

    fn ask(
        &mut self,
        view: &View<'_>,
        root: &Context<'_, '_>,
        rule: &Rule,
        question: &Question,
        findings: &mut Vec<Finding>,
    ) {
        let subjects = subjects(view, question);
        for (subject, source, facts) in subjects {
            let mut context = root.new_inner_scope();
            if let (Some(name), Some(facts)) = (question.scope.variable(), &facts) {
                context.add_variable_from_value(name, to_cel(facts));
            }
            let key = (rule.kind.as_str().to_owned(), subject.key());
            let firing = self.held.get(&key).is_some_and(|h| h.firing);
            let holds = question.when.truth(&context);
            let clears = question.clear_when.as_ref().map(|clear| clear.truth(&context));
            let marginal = match (holds, clears, firing) {
                (Some(true), _, _) => false,
                // Between `when` and `clear_when` what fires goes on firing.
                (Some(false) | None, Some(Some(false)), true) => true,
                (None, _, _) => {
                    // Not known: neither holds nor clears.
                    if let Some(held) = self.held.get_mut(&key) {
                        held.turn = self.turn;
                    }
                    continue;
                }
                (Some(false), _, _) => continue,
            };
            let said = say(question, subject, source, &context, marginal);
            findings.extend(self.weigh(view, &context, rule, said));
        }
    }

    /// A finding, if what was said has held for long enough.
    fn weigh(
        &mut self,
        view: &View<'_>,
        context: &Context<'_, '_>,
        rule: &Rule,
        said: Said,
    ) -> Option<Finding> {
        let key = (rule.kind.as_str().to_owned(), said.subject.key());
        if said.marginal && !self.held.contains_key(&key) {
            return None;
        }
        let hold_secs = match &rule.hold {
            HoldSecs::Fixed(secs) => *secs as f64,
            HoldSecs::Of(expression) => {
                expression.json(context).and_then(|v| v.as_f64()).unwrap_or(0.0)
            }
        };
        let held = self.held.entry(key).or_insert_with(|| Held {
            since_ns: view.tick.now_ns,
            since: said.since.unwrap_or(view.snapshot.collected_at),
            firing: false,
            sources: Vec::new(),
            turn: 0,
        });
        held.turn = self.turn;
        held.sources = said.evidence.iter().map(|e| e.source).collect();
        held.firing |= view.tick.since(held.since_ns) >= hold_secs;
        let (firing, since) = (held.firing, held.since);
        firing.then(|| finding(view, context, rule, said, since))
    }
}

/// What a question is asked about: the subject, its source and its facts.
fn subjects(view: &View<'_>, question: &Question) -> Vec<(Subject, Source, Option<Value>)> {
    let snapshot = view.snapshot;
    let named = |name: &str| question.only.as_deref().is_none_or(|only| glob(only, name));
    let source = question.source.unwrap_or_else(|| question.scope.source());
    match question.scope {
        Scope::Metric => {
            let each = snapshot.scraped.iter().flat_map(|t| t.series.iter().map(move |s| (t, s)));
            each.filter(|(_, s)| named(&s.metric))
                .take(MAX_SUBJECTS)
                .map(|(t, s)| {
                    let subject = Subject::Metric { metric: t.name_of(s) };
                    (subject, source, Some(facts::metric(t, s)))
                })
                .collect()
        }
        Scope::Machine => vec![(Subject::Machine, source, None)],
        Scope::Mount => {
            let mounts = snapshot.mounts.iter().filter(|m| named(&m.mount_point));
            mounts
                .take(MAX_SUBJECTS)
                .map(|m| {
                    let subject = Subject::Mount { mount_point: m.mount_point.clone() };
                    (subject, source, Some(facts::mount(m)))
                })
                .collect()
        }
        Scope::Gpu => {
            let gpus = snapshot.gpus.iter().take(MAX_SUBJECTS);
            gpus.map(|g| {
                (Subject::Sensor { label: facts::gpu_label(g) }, source, Some(facts::gpu(g)))
            })
            .collect()
        }
        Scope::Sensor => facts::sensors(snapshot, view.config)
            .iter()
            .map(|s| (Subject::Sensor { label: s.label.clone() }, s.source, Some(facts::sensor(s))))
            .collect(),
        Scope::Unit => {
            let units = snapshot.units.iter().filter(|u| named(&u.unit)).take(MAX_SUBJECTS);
            units
                .map(|u| (Subject::Unit { unit: u.unit.clone() }, source, Some(facts::unit(u))))
                .collect()
        }
        Scope::Process => {
            let chosen = match question.only {
                None => facts::largest_processes(snapshot),
                Some(_) => {
                    let all = snapshot.processes.iter();
                    all.filter(|p| named(&p.info.name)).take(MAX_SUBJECTS).collect()
                }
            };
            let reported = chosen.into_iter().filter(|p| view.kin.is_candidate(p));
            reported
                .map(|p| {
                    let subject = Subject::Process { process: p.proc_ref() };
                    (subject, source, Some(facts::process(p)))
                })
                .collect()
        }
    }
}

fn say(
    question: &Question,
    subject: Subject,
    source: Source,
    context: &Context<'_, '_>,
    marginal: bool,
) -> Said {
    let figures = question.vars.iter();
    let vars = figures
        .filter_map(|(name, expression)| Some((name.clone(), expression.json(context)?)))
        .collect();
    let evidence = question.evidence.iter().map(|e| {
        let value = e.value.json(context).and_then(|v| v.as_f64());
        let shown = value.map_or_else(|| "?".to_owned(), |v| format!("{v:.1}"));
        let text = format!("{} of {subject} is {shown} {}", e.metric, e.unit);
        Observed { source, metric: e.metric.clone(), text, value, unit: Some(e.unit.clone()) }
    });
    Said { evidence: evidence.collect(), subject, vars, since: None, marginal }
}

fn finding(
    view: &View<'_>,
    context: &Context<'_, '_>,
    rule: &Rule,
    said: Said,
    since: Timestamp,
) -> Finding {
    let snapshot = view.snapshot;
    let mut vars = said.vars;
    let template = rule.message.in_language(view.config.general.language);
    add_common(view, &said.subject, template, &rule.commands, &mut vars);
    let summary = sentence(template, &vars);
    let subject_key = said.subject.key();
    let mut evidence: Vec<Evidence> = said
        .evidence
        .into_iter()
        .map(|seen| Evidence {
            id: EvidenceId::of(
                &snapshot.machine_id,
                &subject_key,
                &seen.metric,
                snapshot.collected_at,
            ),
            source: seen.source,
            observed_at: snapshot.collected_at,
            text: text::printable(&seen.text),
            value: seen.value,
            unit: seen.unit,
        })
        .collect();
    if evidence.is_empty() {
        evidence.push(bare_evidence(view, rule, &subject_key, &summary));
    }
    Finding {
        kind: rule.kind.clone(),
        machine_id: snapshot.machine_id.clone(),
        severity: severity(context, rule, &vars),
        summary,
        evidence,
        suggested_actions: rule.commands.iter().filter_map(|c| command(c, &vars)).collect(),
        since,
        subject: said.subject,
        vars,
    }
}

/// A user's rule need not name its figure: then the sentence is the observation.
fn bare_evidence(view: &View<'_>, rule: &Rule, subject_key: &str, summary: &str) -> Evidence {
    let source = match &rule.body {
        Body::Question(q) => q.source.unwrap_or_else(|| q.scope.source()),
        Body::Detector(_) => Source::Process,
    };
    let at = view.snapshot.collected_at;
    let metric = rule.kind.as_str();
    Evidence {
        id: EvidenceId::of(&view.snapshot.machine_id, subject_key, metric, at),
        source,
        observed_at: at,
        text: summary.to_owned(),
        value: None,
        unit: None,
    }
}

fn severity(context: &Context<'_, '_>, rule: &Rule, vars: &Vars) -> Severity {
    if rule.tiers.is_empty() {
        return rule.severity;
    }
    let mut context = context.new_inner_scope();
    let figures = vars.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    context.add_variable_from_value("vars", to_cel(&Value::Object(figures)));
    let reached = rule.tiers.iter().find(|(_, when)| when.truth(&context) == Some(true));
    reached.map_or(rule.severity, |(severity, _)| *severity)
}

/// The figures that any rule may use; worked out only where a sentence asks.
fn add_common(
    view: &View<'_>,
    subject: &Subject,
    template: &str,
    commands: &[String],
    vars: &mut Vars,
) {
    let asked = |name: &str| {
        placeholders(template).contains(&name)
            || commands.iter().any(|c| placeholders(c).contains(&name))
    };
    if asked("subject") {
        vars.insert("subject".to_owned(), subject.to_string().into());
    }
    let processes = || view.snapshot.processes.iter().collect::<Vec<_>>();
    if asked("top_cpu") {
        let top = facts::top_by(processes(), TOP, |p| {
            (p.cpu_percent.unwrap_or(0.0).max(0.0) * 100.0) as u64
        });
        let named = top.iter().filter_map(|p| {
            let cpu = p.cpu_percent.filter(|cpu| *cpu >= 1.0)?;
            Some(format!("{} ({}) {cpu:.0} %", p.info.name, p.pid))
        });
        vars.insert("top_cpu".to_owned(), or_none(named.collect()).into());
    }
    if asked("top_memory") {
        let top = facts::top_by(processes(), TOP, |p| p.rss_bytes);
        let named = top
            .iter()
            .filter(|p| p.rss_bytes > 0)
            .map(|p| format!("{} ({}) {}", p.info.name, p.pid, text::bytes(p.rss_bytes)));
        vars.insert("top_memory".to_owned(), or_none(named.collect()).into());
    }
}

fn or_none(named: Vec<String>) -> String {
    if named.is_empty() { "-".to_owned() } else { named.join(", ") }
}
