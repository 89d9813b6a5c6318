//! Detection rules as data: one TOML file each, built in or a user's own.
//!
//! ```toml
//! kind = "memory.high"              # the alert's kind; a user's rule of a built-in kind replaces
//!                                   # that rule, any other name becomes a kind of its own
//! source = "memory"                 # what it rests on; a stale source never closes an alert
//! scope = "machine"                 # machine, mount, gpu, sensor, unit, process or metric: asked of each
//! only = "java*"                    # unit, process and metric: only those of this name
//! when = "system.mem_used_percent >= config.thresholds.ram_warn_percent"
//! clear_when = "…"                  # stays until this is true (else: until `when` is not)
//! for = "config.thresholds.ram_for_secs"   # or a number of seconds
//! severity = "high"
//! tier = [{ severity = "critical", when = "system.mem_used_percent >= 90.0" }]
//! vars = { percent = "system.mem_used_percent" }
//! evidence = { metric = "mem_used_percent", value = "system.mem_used_percent", unit = "percent" }
//! message = { en = "RAM {percent:0} % in use", fr = "…", ko = "…" }
//! commands = ["ps aux --sort=-rss"]
//! enabled = true                    # false switches a built-in rule off
//! ```
//!
//! A rule has either `when` or `detector`, the name of a detector in code, which then brings its
//! own figures. An expression that needs something that was not measured is *unknown*: it neither
//! opens nor clears.

use std::collections::BTreeMap;
use std::sync::Arc;

use hale_model::alert::{AlertKind, Severity};
use hale_model::sample::Source;
use serde::Deserialize;

use super::detectors::{self, Registered};
use super::expression::{Expression, on_deep_stack};
use super::facts::{self, Scope};
use super::message::{Message, placeholders};

/// Largest rule file in bytes.
const MAX_FILE_BYTES: usize = 64 * 1024;
/// Most rules a user may add.
const MAX_USER_RULES: usize = 200;

/// Most entries in `vars`, and most in `tier`, of one rule: each is an expression to compile.
const MAX_RULE_EXPRESSIONS: usize = 100;

/// Figures that hale knows for every rule without its asking.
pub(super) const COMMON_VARS: &[&str] = &["subject", "top_cpu", "top_memory"];

macro_rules! built_in_rules {
    ($($name:literal,)*) => {
        /// Every built-in rule: its file and its text.
        const BUILT_IN: &[(&str, &str)] = &[$((
            concat!("rules/", $name, ".toml"),
            include_str!(concat!("../../../../rules/", $name, ".toml")),
        ),)*];
    };
}

built_in_rules! {
    "container.restarting",
    "container.unhealthy",
    "cpu.hot_process",
    "disk.filling",
    "disk.inodes",
    "disk.space",
    "http.errors",
    "http.latency",
    "journal.burst",
    "kernel.oom",
    "load.high",
    "memory.high",
    "memory.pressure",
    "metric.anomaly",
    "process.duplicates",
    "process.fd_leak",
    "process.ghost_storm",
    "process.leak",
    "process.orphan",
    "process.zombie",
    "service.failed",
    "service.flapping",
    "source.stale",
    "swap.high",
    "temperature.high",
}

/// A rule that could not be used; the others work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}: rule `{rule}`: {what}; {next_step}")]
pub struct RuleError {
    /// The file.
    pub origin: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's kind, or `?` where it has none.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next_step: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    kind: String,
    #[serde(default = "yes")]
    enabled: bool,
    detector: Option<String>,
    scope: Option<Scope>,
    source: Option<Source>,
    only: Option<String>,
    when: Option<String>,
    clear_when: Option<String>,
    #[serde(rename = "for", default)]
    hold: Hold,
    severity: Severity,
    #[serde(default)]
    tier: Vec<TierText>,
    #[serde(default)]
    vars: BTreeMap<String, String>,
    evidence: Option<EvidenceText>,
    message: Message,
    #[serde(default)]
    commands: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Hold {
    Secs(u64),
    Of(String),
}

impl Default for Hold {
    fn default() -> Self {
        Hold::Secs(0)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierText {
    severity: Severity,
    when: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceText {
    metric: String,
    value: String,
    unit: String,
}

/// How long a condition must hold.
#[derive(Clone, Debug)]
pub(super) enum HoldSecs {
    /// Seconds.
    Fixed(u64),
    /// Seconds, from the configuration.
    Of(Expression),
}

/// The figure that proves a rule's claim.
#[derive(Clone, Debug)]
pub(super) struct EvidenceRule {
    pub(super) metric: String,
    pub(super) value: Expression,
    pub(super) unit: String,
}

/// What a rule with `when` asks.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) scope: Scope,
    pub(super) source: Option<Source>,
    pub(super) only: Option<String>,
    pub(super) when: Expression,
    pub(super) clear_when: Option<Expression>,
    pub(super) vars: Vec<(String, Expression)>,
    pub(super) evidence: Option<EvidenceRule>,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Question(Box<Question>),
    Detector(&'static Registered),
}

/// One rule, ready.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) kind: AlertKind,
    pub(super) body: Body,
    pub(super) hold: HoldSecs,
    pub(super) severity: Severity,
    pub(super) tiers: Vec<(Severity, Expression)>,
    pub(super) message: Message,
    pub(super) commands: Vec<String>,
}

/// The rules that [`super::Orient`] judges by.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) all: Vec<Rule>,
}

impl Rules {
    /// The rules that come with hale.
    pub fn built_in() -> Rules {
        let read = || {
            let env = Arc::new(cel::Env::stdlib());
            let each = BUILT_IN.iter();
            each.filter_map(|(origin, text)| load(origin, text, &env).ok().flatten()).collect()
        };
        // These are known to be shallow: where no thread can be had, this stack does.
        Rules { all: on_deep_stack(read).unwrap_or_else(read) }
    }

    /// The built-in rules and a user's own, given as (file, text). One of a built-in kind takes
    /// that rule's place; one with `enabled = false` removes it. A rule that cannot be used is
    /// reported and left out.
    pub fn with_user_rules(files: &[(String, String)]) -> (Rules, Vec<RuleError>) {
        let mut rules = Rules::built_in();
        let errors = rules.add(files);
        (rules, errors)
    }

    /// What is wrong with a user's own rules, without reading those that come with hale.
    pub fn problems(files: &[(String, String)]) -> Vec<RuleError> {
        Rules { all: Vec::new() }.add(files)
    }

    fn add(&mut self, files: &[(String, String)]) -> Vec<RuleError> {
        if files.is_empty() {
            return Vec::new();
        }
        let read = || add_user_rules(self, files);
        on_deep_stack(read).unwrap_or_else(|| {
            let error = |(origin, _): &(String, String)| RuleError {
                origin: origin.clone(),
                line: 1,
                rule: "?".to_owned(),
                what: "there was no memory for a thread to read it".to_owned(),
                next_step: "free memory and start again".to_owned(),
            };
            files.iter().map(error).collect()
        })
    }
}

pub(super) fn add_user_rules(rules: &mut Rules, files: &[(String, String)]) -> Vec<RuleError> {
    let env = Arc::new(cel::Env::stdlib());
    let mut errors = Vec::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for (at, (origin, text)) in files.iter().enumerate() {
        let error = |rule: &str, what: String, next: &str| RuleError {
            origin: origin.clone(),
            line: 1,
            rule: rule.to_owned(),
            what,
            next_step: next.to_owned(),
        };
        if at >= MAX_USER_RULES {
            let what = format!("there are more than {MAX_USER_RULES} rules");
            errors.push(error("?", what, "remove some"));
            break;
        }
        let kind = kind_of(text);
        if let Some((_, first)) = seen.iter().find(|(k, _)| Some(k) == kind.as_ref()) {
            let rule = kind.as_deref().unwrap_or("?");
            let what = format!("{first} already has a rule of this kind");
            errors.push(error(rule, what, "give one of them another kind"));
            continue;
        }
        match load(origin, text, &env) {
            Ok(rule) => {
                let Some(kind) = kind else { continue };
                rules.all.retain(|r| r.kind.as_str() != kind);
                rules.all.extend(rule);
                seen.push((kind, origin.clone()));
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}

fn kind_of(text: &str) -> Option<String> {
    let table: toml::Table =
        if text.len() <= MAX_FILE_BYTES { text.parse().ok()? } else { return None };
    table.get("kind")?.as_str().map(str::to_owned)
}

/// Reads one rule; none if it is switched off.
fn load(origin: &str, text: &str, env: &Arc<cel::Env>) -> Result<Option<Rule>, RuleError> {
    let error = |line: usize, rule: &str, what: String, next: &str| RuleError {
        origin: origin.to_owned(),
        line,
        rule: rule.to_owned(),
        what,
        next_step: next.to_owned(),
    };
    if text.len() > MAX_FILE_BYTES {
        let what = format!("the file is longer than {MAX_FILE_BYTES} bytes");
        return Err(error(1, "?", what, "write one rule a file"));
    }
    let parsed: RuleText = toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start);
        let rule = kind_of(text).unwrap_or_else(|| "?".to_owned());
        error(line_of(text, at), &rule, e.message().to_owned(), "correct it or remove the file")
    })?;
    if !parsed.enabled {
        return Ok(None);
    }
    let kind = parsed.kind.clone();
    build(parsed, env).map(Some).map_err(|Wrong { near, what }| {
        let at = text.find(&near).filter(|_| !near.is_empty()).unwrap_or(0);
        error(line_of(text, at), &kind, what, "correct it or remove the file")
    })
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

/// What is wrong, and a piece of the file near which.
struct Wrong {
    near: String,
    what: String,
}

fn wrong(near: &str, what: impl Into<String>) -> Wrong {
    Wrong { near: near.to_owned(), what: what.into() }
}

fn build(text: RuleText, env: &Arc<cel::Env>) -> Result<Rule, Wrong> {
    let name_is_plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if text.kind.is_empty() || text.kind.len() > 64 || !text.kind.chars().all(name_is_plain) {
        return Err(wrong("kind", "a kind is at most 64 of a-z, 0-9, `.`, `_`, `-`"));
    }
    for (near, count) in [("vars", text.vars.len()), ("tier", text.tier.len())] {
        if count > MAX_RULE_EXPRESSIONS {
            let what =
                format!("{count} entries in `{near}`; at most {MAX_RULE_EXPRESSIONS} are read");
            return Err(wrong(near, what));
        }
    }
    let kind = text.kind.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    let hold = match &text.hold {
        Hold::Secs(secs) => HoldSecs::Fixed(*secs),
        Hold::Of(source) => HoldSecs::Of(compile(source, Scope::Machine, &[])?),
    };
    let (body, vars, scope) = match (&text.when, &text.detector) {
        (Some(when), None) => question(&text, when, env)?,
        (None, Some(name)) => {
            let detector = detectors::by_name(name).ok_or_else(|| {
                wrong(name, format!("no detector `{name}`; there are {}", detectors::names()))
            })?;
            let vars = detector.vars.iter().map(|v| (*v).to_owned()).collect();
            (Body::Detector(detector), vars, Scope::Machine)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(wrong("kind", "a rule has either `when` or `detector`"));
        }
    };
    check_templates(&text, &vars)?;
    let mut tiers = Vec::new();
    for tier in &text.tier {
        tiers.push((tier.severity, compile(&tier.when, scope, &vars)?));
    }
    // The worst tier that holds is the one that counts.
    tiers.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    Ok(Rule {
        kind,
        body,
        hold,
        severity: text.severity,
        tiers,
        message: text.message,
        commands: text.commands,
    })
}

fn question(
    text: &RuleText,
    when: &str,
    env: &Arc<cel::Env>,
) -> Result<(Body, Vec<String>, Scope), Wrong> {
    let scope = text.scope.unwrap_or(Scope::Machine);
    let expressions = [Some(when), text.clear_when.as_deref()].into_iter().flatten();
    let expressions = expressions
        .chain(text.vars.values().map(String::as_str))
        .chain(text.evidence.as_ref().map(|e| e.value.as_str()));
    let trial = facts::context(env, &facts::complete_for(scope, expressions));
    let tried = |source: &str| -> Result<(Expression, cel::Value), Wrong> {
        let expression = compile(source, scope, &[])?;
        let value = expression.trial(&trial).map_err(|why| wrong(source, why))?;
        Ok((expression, value))
    };
    let truth = |source: &str| -> Result<Expression, Wrong> {
        let (expression, value) = tried(source)?;
        if !matches!(value, cel::Value::Bool(_)) {
            return Err(wrong(source, format!("`{source}` is neither true nor false")));
        }
        Ok(expression)
    };
    let mut vars = Vec::new();
    for (name, source) in &text.vars {
        vars.push((name.clone(), tried(source)?.0));
    }
    let evidence = match &text.evidence {
        None => None,
        Some(e) => Some(EvidenceRule {
            metric: e.metric.clone(),
            value: tried(&e.value)?.0,
            unit: e.unit.clone(),
        }),
    };
    let names = vars.iter().map(|(name, _)| name.clone()).collect();
    let body = Body::Question(Box::new(Question {
        scope,
        source: text.source.or_else(|| source_in(scope, when)),
        only: text.only.clone(),
        when: truth(when)?,
        clear_when: text.clear_when.as_deref().map(truth).transpose()?,
        vars,
        evidence,
    }));
    Ok((body, names, scope))
}

/// The source that a question about the machine rests on, told by the facts it names.
fn source_in(scope: Scope, when: &str) -> Option<Source> {
    let facts: [(&str, Source); 9] = [
        ("system.mem", Source::Memory),
        ("system.swap", Source::Memory),
        ("system.oom", Source::Memory),
        ("system.disk", Source::Disk),
        ("system.io", Source::Disk),
        ("system.net", Source::Network),
        ("tcp", Source::Network),
        ("system.process", Source::Process),
        ("system.", Source::Cpu),
    ];
    let named = facts.iter().find(|(fact, _)| when.contains(fact));
    named.filter(|_| scope == Scope::Machine).map(|(_, source)| *source)
}

fn compile(source: &str, scope: Scope, vars: &[String]) -> Result<Expression, Wrong> {
    let names = facts::names(scope, vars);
    Expression::compile(source, &names).map_err(|why| wrong(source, why))
}

fn check_templates(text: &RuleText, vars: &[String]) -> Result<(), Wrong> {
    if text.message.en.is_empty() {
        return Err(wrong("message", "`message.en` is empty"));
    }
    let known = |name: &str| COMMON_VARS.contains(&name) || vars.iter().any(|v| v == name);
    let messages = text.message.all().into_iter().map(|(_, m)| m);
    for template in messages.chain(text.commands.iter().map(String::as_str)) {
        if let Some(name) = placeholders(template).into_iter().find(|name| !known(name)) {
            let all: Vec<&str> =
                vars.iter().map(String::as_str).chain(COMMON_VARS.iter().copied()).collect();
            let what = format!("no figure `{{{name}}}`; there are {}", all.join(", "));
            return Err(wrong(name, what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn every_built_in_rule_loads_and_speaks_three_languages() {
        let env = Arc::new(cel::Env::stdlib());
        for (origin, text) in BUILT_IN {
            let rule = load(origin, text, &env).unwrap_or_else(|e| panic!("{e}")).unwrap();
            assert!(AlertKind::BUILT_IN.contains(&rule.kind), "{origin}");
            assert_eq!(*origin, format!("rules/{}.toml", rule.kind));
            let mut figures = Vec::new();
            for (language, template) in rule.message.all() {
                assert!(!template.is_empty(), "{origin}: no message in {language}");
                let mut names = placeholders(template);
                names.sort_unstable();
                figures.push(names);
            }
            assert!(figures.windows(2).all(|w| w[0] == w[1]), "{origin}: {figures:?}");
        }
        assert_eq!(Rules::built_in().all.len(), BUILT_IN.len());
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test finds its checkout when it runs")]
    fn every_rule_file_is_registered() {
        let folder = format!("{}/../../rules", std::env::var("CARGO_MANIFEST_DIR").unwrap());
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap())
            // Folders hold the data of others: of redaction, of the shell guard.
            .filter(|e| e.file_type().unwrap().is_file())
            .map(|e| format!("rules/{}", e.file_name().to_string_lossy()))
            .collect();
        files.sort();
        assert_eq!(files, BUILT_IN.iter().map(|(o, _)| (*o).to_owned()).collect::<Vec<_>>());
    }
}
