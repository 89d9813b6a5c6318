//! `hale health`: what the logs and the state say is wrong, most urgent first, and what to do.
//!
//! Everything is worked out here, by patterns and by comparison with the time before: no model, no
//! network, no agent needed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use hale_engine::log_health::{LogFinding, LogInput, LogReport, LogRequest, LogStatus, log_health};
use hale_model::api::Query;
use hale_model::sample::UnitStat;
use hale_model::text::{self, printable};
use hale_model::view::{AlertView, StatusView};
use serde::Serialize;

use crate::context::{Context, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{
    BOLD, CYAN, DIM, GREEN, YELLOW, counted, fit, local, paint, severity_style, width, wrap,
};

/// Without `--since`, what this machine logged is judged over this time.
const SINCE_SECS_DEFAULT: u64 = 3600;
/// Columns before the text of a finding.
const INDENT: usize = 4;
/// Lines of an example.
const SAYS_LINES: usize = 2;
/// Lines of any one text.
const LINES_MAX: usize = 6;

/// `hale health`
#[derive(Args, Debug)]
pub struct HealthArgs {
    /// Judge the newest logs of so long: 90s, 15m, 24h, 7d [default: 1h; with --file all]
    #[arg(long, value_parser = crate::cli::span, value_name = "SPAN")]
    pub since: Option<u64>,
    /// Compare them with the logs of so long before
    #[arg(long, default_value = "24h", value_parser = crate::cli::span, value_name = "SPAN")]
    pub past: u64,
    /// Judge these log files instead of this machine; - is standard input
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub file: Vec<PathBuf>,
    /// At most so many findings; 0: all
    #[arg(long, default_value_t = 10)]
    pub limit: usize,
}

/// The answer as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    logs: &'a LogReport,
    state: Option<State>,
}

/// What is not well now.
#[derive(Serialize)]
struct State {
    score: f64,
    failed_units: Vec<UnitStat>,
    alerts: Vec<AlertView>,
}

pub async fn run(context: &Context, arguments: HealthArgs) -> Ended {
    let machine = arguments.file.is_empty();
    let request = LogRequest {
        since_secs: arguments.since.or(machine.then_some(SINCE_SECS_DEFAULT)),
        past_secs: arguments.past,
        findings_max: if arguments.limit == 0 { usize::MAX } else { arguments.limit },
        input: if machine { LogInput::Machine } else { LogInput::Files(arguments.file) },
    };
    let logs = log_health(&context.data_dir, &request).await?;
    let state = if machine { state(context).await } else { None };
    if context.screen.json {
        context.screen.print_json(&Answer { logs: &logs, state })?;
    } else {
        context.screen.print(&shown(&logs, state.as_ref()))?;
    }
    tell(context, &logs);
    let nothing_read = logs.sources.iter().all(|source| source.read == 0);
    let problem = logs.sources.is_empty() || logs.sources.iter().any(|s| s.problem.is_some());
    Ok(if nothing_read && problem { Exit::Degraded } else { Exit::Done })
}

/// Failed units and alerts, from the agent or from one look.
async fn state(context: &Context) -> Option<State> {
    let status: Result<Box<StatusView>, Failure> = async {
        let desk = context.connect().await?;
        Ok(view!(desk.ask(Query::Status { machine: None }).await, Status))
    }
    .await;
    match status {
        Ok(status) => Some(State {
            score: status.health.score,
            failed_units: status.failed_units,
            alerts: status.alerts,
        }),
        Err(Failure::Told(error)) => {
            context.screen.talk(&format!("the state is not known: {}", error.message));
            None
        }
        Err(Failure::NobodyReads) => None,
    }
}

/// What could not be read or kept; on standard error.
fn tell(context: &Context, logs: &LogReport) {
    if logs.sources.is_empty() {
        context.screen.talk(
            "no logs were found: neither journald, nor files in /var/log, nor the kernel's ring \
             buffer; give some with --file",
        );
    }
    for source in &logs.sources {
        if let Some(problem) = &source.problem {
            context.screen.talk(&printable(&format!("{}: {problem}", source.name)));
        }
    }
    for warning in &logs.warnings {
        let words = format!("what was seen cannot be remembered: {warning}");
        context.screen.talk(&printable(&words));
    }
}

fn shown(logs: &LogReport, state: Option<&State>) -> String {
    let mut out = heading(logs);
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for finding in &logs.health.findings {
        let before = finding.problem.as_deref().and_then(|problem| {
            let first = *told.entry(problem).or_insert(finding.rank);
            (first != finding.rank).then_some(first)
        });
        out.push('\n');
        out.push_str(&block(finding, before));
    }
    if logs.health.findings.is_empty() && logs.health.messages > 0 {
        out.push_str(&format!("\n{}\n", paint(GREEN, "The logs tell of no trouble.")));
    }
    let mut rest = Vec::new();
    if logs.health.messages + logs.health.past_messages == 0 && logs.health.outside > 0 {
        let outside = counted(logs.health.outside, "message");
        rest.push(format!("{outside} of other times: --since"));
    }
    if logs.health.left_out > 0 {
        let left_out = counted(logs.health.left_out, "more finding");
        rest.push(format!("{left_out}: --limit 0 shows all"));
    }
    if logs.health.new_quiet > 0 {
        let quiet = counted(logs.health.new_quiet, "new message");
        rest.push(format!("{quiet} without a sign of trouble"));
    }
    if !rest.is_empty() {
        out.push_str(&format!("\n{}\n", paint(DIM, &rest.join(" · "))));
    }
    if let Some(state) = state {
        out.push('\n');
        out.push_str(&now(state));
    }
    out
}

fn heading(logs: &LogReport) -> String {
    let health = &logs.health;
    let span = health.since_secs.map_or_else(
        || "all there is".to_owned(),
        |secs| format!("the last {}", text::duration(secs)),
    );
    let past = match (health.since_secs, health.past_secs) {
        (None, _) => String::new(),
        (Some(_), 0) => ", nothing before to compare with".to_owned(),
        (Some(_), secs) => format!(", compared with {} before", text::duration(secs)),
    };
    let what = format!("Logs: {span}{past}");
    let (messages, kinds) =
        (counted(health.messages, "message"), counted(health.templates, "kind"));
    let numbers = format!("{messages} of {kinds}");
    format!("{}  {}\n", paint(BOLD, &what), paint(DIM, &numbers))
}

/// One finding; what to do about it is not said again where an earlier one has said it.
fn block(finding: &LogFinding, told: Option<u32>) -> String {
    let room = width().saturating_sub(INDENT + 6);
    let severity = finding.severity.as_str().to_uppercase();
    let status = match finding.status {
        LogStatus::New => paint(YELLOW, "new"),
        LogStatus::Burst => paint(YELLOW, &burst(finding)),
        LogStatus::Steady => paint(DIM, "as before"),
        LogStatus::Unknown => String::new(),
    };
    let title = fit(&finding.title, room.saturating_sub(severity.len() + 12));
    let head = format!(
        "{:>2}  {} {}  {status}",
        finding.rank,
        paint(severity_style(finding.severity), &severity),
        paint(BOLD, &title)
    );
    let mut out = format!("{}\n", head.trim_end());
    let mut line = |lead: &str, text: &str| {
        for (at, part) in wrap(text, room).iter().take(LINES_MAX).enumerate() {
            let lead = if at == 0 { lead } else { "" };
            out.push_str(&format!("{:INDENT$}{}{part}\n", "", paint(DIM, &format!("{lead:<6}"))));
        }
    };
    line("who", &format!("{} · {}", printable(&finding.origin), amount(finding)));
    line("says", &fit(&finding.example, SAYS_LINES * room));
    if let Some(rank) = told {
        line("do", &format!("see {rank}"));
        return out;
    }
    if let Some(cause) = &finding.cause {
        line("why", cause);
    }
    for (at, step) in finding.fix.iter().enumerate() {
        line(if at == 0 { "do" } else { "" }, step);
    }
    for command in &finding.commands {
        out.push_str(&format!(
            "{:width$}{}\n",
            "",
            paint(CYAN, &printable(command)),
            width = INDENT + 6
        ));
    }
    out
}

fn burst(finding: &LogFinding) -> String {
    match finding.usual_count {
        Some(usual) if usual >= 0.1 => {
            format!("{:.0}× the usual", finding.count as f64 / usual)
        }
        Some(_) | None => "far more than usual".to_owned(),
    }
}

fn amount(finding: &LogFinding) -> String {
    let messages = counted(finding.count, "message");
    let kinds = match finding.templates.len() {
        0 | 1 => String::new(),
        n => format!(" of {n} kinds"),
    };
    let times = match (finding.first_at, finding.last_at) {
        (Some(first), Some(last)) if first != last => {
            format!(" · {} to {}", local(first), local(last))
        }
        (_, Some(last)) => format!(" · {}", local(last)),
        (_, None) => String::new(),
    };
    let peak = if finding.count > 1 && finding.last_at.is_some() {
        format!(" · at most {} a minute", finding.peak_per_minute)
    } else {
        String::new()
    };
    format!("{messages}{kinds}{times}{peak}")
}

fn now(state: &State) -> String {
    let mut out = String::new();
    let score = format!("health {:.0} of 100", state.score * 100.0);
    if state.failed_units.is_empty() && state.alerts.is_empty() {
        let words = format!("Now: no failed unit, no open alert; {score}");
        return format!("{}\n", paint(GREEN, &words));
    }
    let units = counted(state.failed_units.len(), "failed unit");
    let alerts = counted(state.alerts.len(), "open alert");
    let words = format!("Now: {units}, {alerts}; {score}");
    out.push_str(&format!("{}\n", paint(BOLD, &words)));
    for unit in &state.failed_units {
        let lead = paint(severity_style(hale_model::alert::Severity::High), "failed");
        let name = printable(&unit.unit);
        // Of what the configuration declares systemd knows nothing; its alert has its commands.
        let next = match unit.service_type.as_str() {
            "declared" => "hale alerts list".to_owned(),
            _ => format!("systemctl status {name}"),
        };
        let next = paint(CYAN, &next);
        out.push_str(&format!("{:INDENT$}{lead}  {name}  {next}\n", ""));
    }
    for alert in &state.alerts {
        let severity = alert.severity.as_str().to_uppercase();
        let lead = paint(severity_style(alert.severity), &severity);
        let summary = fit(&alert.summary, width().saturating_sub(INDENT + severity.len() + 16));
        let next = paint(DIM, &format!("hale explain {}", short(&alert.id.to_string())));
        out.push_str(&format!("{:INDENT$}{lead}  {summary}  {next}\n", ""));
    }
    out
}

/// As much of an id as names it.
fn short(id: &str) -> &str {
    const ID_BYTES: usize = 11;
    id.get(..ID_BYTES).unwrap_or(id)
}
