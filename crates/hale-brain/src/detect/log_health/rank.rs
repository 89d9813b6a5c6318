//! Which groups are worth telling, what they mean, and which comes first.

use std::collections::BTreeMap;

use hale_model::alert::Severity;

use super::groups::Group;
use super::{Knowledge, KnownTemplates, LogFinding, LogStatus, LogStudy, Problem};
use crate::detect::message;

/// Fewer messages are no burst.
const BURST_MIN: u64 = 10;
/// A burst is so many times the usual.
const BURST_FACTOR: f64 = 4.0;
/// Less time than this before the judged one says nothing about what is usual.
const PAST_SECS_MIN: u64 = 600;
/// Templates that are named in one finding.
const TEMPLATES_NAMED: usize = 5;
const PRIORITY_CRITICAL: u8 = 2;
const PRIORITY_ERROR: u8 = 3;
const PRIORITY_WARNING: u8 = 4;

pub(super) struct Judged {
    /// Most urgent first.
    pub(super) findings: Vec<LogFinding>,
    pub(super) templates: usize,
    pub(super) new_quiet: usize,
}

/// A group with what is to be said about it.
struct Seen<'a> {
    group: &'a Group,
    status: LogStatus,
    /// The problem it tells of, if any.
    problem: Option<&'a Problem>,
    template: String,
}

pub(super) fn judge(
    study: &LogStudy,
    knowledge: &Knowledge,
    known: &KnownTemplates,
    past_secs: u64,
) -> Judged {
    let mut judged = Judged { findings: Vec::new(), templates: 0, new_quiet: 0 };
    // One problem of one origin is told once, whatever the messages.
    let mut together: BTreeMap<(&str, String), Vec<Seen<'_>>> = BTreeMap::new();
    for (origin, group) in study.groups.iter().filter(|(_, group)| group.count > 0) {
        judged.templates += 1;
        let Some(template) = study.miner.template(group.template) else { continue };
        let status = status(study, origin, group, known, past_secs);
        let problem = knowledge.about(&group.example);
        if !is_worth_telling(group, status, problem) {
            judged.new_quiet += usize::from(status == LogStatus::New);
            continue;
        }
        let key = problem.map_or_else(|| format!("#{}", group.template), |p| p.id.clone());
        let seen = Seen { group, status, problem, template: template.text };
        together.entry((origin, key)).or_default().push(seen);
    }
    for ((origin, _), mut seen) in together {
        seen.sort_by_key(|seen| std::cmp::Reverse(seen.group.count));
        judged.findings.extend(finding(study, origin, &seen, past_secs));
    }
    judged.findings.sort_by(|a, b| {
        let urgency = |f: &LogFinding| (f.severity, f.problem.is_some(), f.status, f.last_at);
        urgency(b).cmp(&urgency(a)).then_with(|| b.count.cmp(&a.count))
    });
    judged
}

fn is_worth_telling(group: &Group, status: LogStatus, problem: Option<&Problem>) -> bool {
    // What a program says in passing is no trouble, even if a word of it sounds so.
    if problem.is_some_and(|p| group.priority <= PRIORITY_WARNING || p.severity >= Severity::High) {
        return true;
    }
    match status {
        LogStatus::New => group.priority <= PRIORITY_WARNING,
        LogStatus::Burst => true,
        LogStatus::Steady | LogStatus::Unknown => group.priority <= PRIORITY_ERROR,
    }
}

fn status(
    study: &LogStudy,
    origin: &str,
    group: &Group,
    known: &KnownTemplates,
    past_secs: u64,
) -> LogStatus {
    if group.past == 0 {
        let fingerprint = study.fingerprint(origin, group);
        let before = fingerprint
            .and_then(|fingerprint| known.seen.get(&fingerprint))
            .is_some_and(|(first, _)| *first < study.spans.window_from());
        let comparable = past_secs >= PAST_SECS_MIN || !known.seen.is_empty();
        return match (before, comparable) {
            (true, _) => LogStatus::Steady,
            (false, true) => LogStatus::New,
            (false, false) => LogStatus::Unknown,
        };
    }
    let usual = usual(study, group.past, past_secs).unwrap_or(f64::MAX);
    let burst = group.count >= BURST_MIN && group.count as f64 >= BURST_FACTOR * usual.max(1.0);
    if burst { LogStatus::Burst } else { LogStatus::Steady }
}

/// Messages to be expected in the judged time.
fn usual(study: &LogStudy, past: u64, past_secs: u64) -> Option<f64> {
    let share = study.spans.since_secs? as f64 / past_secs.max(1) as f64;
    (past_secs >= PAST_SECS_MIN).then_some(past as f64 * share)
}

fn finding(
    study: &LogStudy,
    origin: &str,
    seen: &[Seen<'_>],
    past_secs: u64,
) -> Option<LogFinding> {
    let first = seen.first()?;
    let count: u64 = seen.iter().map(|s| s.group.count).sum();
    let problem = first.problem;
    if problem.is_some_and(|problem| count < problem.min_count) {
        return None;
    }
    let newest = seen.iter().max_by_key(|s| s.group.last_at)?;
    let priority = seen.iter().map(|s| s.group.priority).min()?;
    let status = seen.iter().map(|s| s.status).max()?;
    let past = seen.iter().map(|s| s.group.past).sum();
    let unit = first.group.is_unit.then_some(origin);
    Some(LogFinding {
        rank: 0,
        severity: problem.map_or_else(|| severity(priority, status), |p| p.severity),
        status,
        origin: origin.to_owned(),
        title: problem.map_or_else(|| first.template.clone(), |p| p.title.clone()),
        count,
        usual_count: usual(study, past, past_secs).map(|n| (n * 10.0).round() / 10.0),
        peak_per_minute: seen.iter().map(|s| s.group.peak_per_minute).max()?,
        first_at: seen.iter().filter_map(|s| s.group.first_at).min(),
        last_at: newest.group.last_at,
        templates: seen.iter().take(TEMPLATES_NAMED).map(|s| s.template.clone()).collect(),
        example: newest.group.example.clone(),
        problem: problem.map(|p| p.id.clone()),
        cause: problem.map(|p| p.cause.clone()),
        fix: problem.map(|p| p.fix.clone()).unwrap_or_default(),
        commands: commands(problem, origin, unit),
    })
}

/// Of what no problem is known: by the priority, and by whether it is news.
fn severity(priority: u8, status: LogStatus) -> Severity {
    match status {
        LogStatus::Steady if priority <= PRIORITY_CRITICAL => Severity::Medium,
        LogStatus::Steady => Severity::Low,
        LogStatus::New | LogStatus::Burst | LogStatus::Unknown => {
            if priority <= PRIORITY_CRITICAL {
                Severity::High
            } else if priority <= PRIORITY_ERROR {
                Severity::Medium
            } else {
                Severity::Low
            }
        }
    }
}

fn commands(problem: Option<&Problem>, origin: &str, unit: Option<&str>) -> Vec<String> {
    let mut vars = message::Vars::new();
    if let Some(unit) = unit {
        vars.insert("unit".to_owned(), unit.into());
    }
    vars.insert("origin".to_owned(), origin.into());
    let known = problem.map(|p| p.commands.iter().map(String::as_str).collect::<Vec<_>>());
    let templates = known.unwrap_or_else(|| match unit {
        Some(_) => vec!["journalctl -u {unit} -n 50 --no-pager"],
        None => Vec::new(),
    });
    let filled = |template: &str| {
        // A command of its own, such as awk's braces, is not touched.
        if template.contains("{unit}") {
            message::command(template, &vars)
        } else {
            Some(template.to_owned())
        }
    };
    templates.into_iter().filter_map(filled).collect()
}
