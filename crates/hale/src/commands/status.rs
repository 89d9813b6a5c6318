//! `hale status`: the machine on one screen.

use hale_model::alert::Severity;
use hale_model::api::Query;
use hale_model::container::{ContainerHealth, ContainerStat, ContainerState};
use hale_model::sample::{Pressure, SourceState};
use hale_model::text::{self, printable};
use hale_model::view::{ProcessView, StatusView};
use hale_model::{MachineId, Timestamp};
use unicode_width::UnicodeWidthStr as _;

use super::{robot, show};
use crate::cli::StatusArgs;
use crate::context::{Context, view};
use crate::exit::{Ended, Exit};
use crate::screen::{
    ALARM, BOLD, CYAN, Cell, Columns, DIM, GREEN, RED, YELLOW, ago, bar, cell, counted, fit, paint,
    secs_between, severity_style, styled, width,
};

/// Lines of each part, so that the whole fits on a screen of 40.
const LIMIT_FACTORS: usize = 4;
const LIMIT_MOUNTS: usize = 4;
const LIMIT_BY_CPU: usize = 5;
const LIMIT_BY_MEMORY: usize = 3;
const LIMIT_ALERTS: usize = 5;
const LIMIT_UNITS: usize = 3;
const LIMIT_PREDICTIONS: usize = 2;
/// A file system with more free than this is empty.
const EMPTY_FREE_PERCENT: f64 = 99.5;
/// Columns of a bar.
const BAR: usize = 20;
/// An older look is said to be old.
const OLD_AFTER_SECS: u64 = 60;

pub async fn run(context: &Context, arguments: StatusArgs) -> Ended {
    let desk = context.connect().await?;
    let query = Query::Status { machine: arguments.machine.map(MachineId) };
    let status = view!(desk.ask(query).await, Status);
    context.screen.answer(&status, |status| shown(status, width()))?;
    let stale = !robot::stale_sources(&status).is_empty();
    Ok(if stale { Exit::Degraded } else { Exit::Done })
}

/// The screen.
pub fn shown(status: &StatusView, columns: usize) -> String {
    let mut out = String::new();
    head(&mut out, status, columns);
    health(&mut out, status, columns);
    load(&mut out, status, columns);
    processes(&mut out, status, columns);
    units(&mut out, status, columns);
    containers(&mut out, status, columns);
    alerts(&mut out, status, columns);
    expected(&mut out, status, columns);
    sources(&mut out, status, columns);
    out
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

fn head(out: &mut String, status: &StatusView, columns: usize) {
    let name = printable(status.machine_id.as_str());
    let facts = format!(
        "{} · {} · {} · up {}",
        status.os,
        status.kernel,
        counted(status.cores, "core"),
        text::duration(status.uptime_secs)
    );
    let agent = if status.agent_running { "agent runs" } else { "no agent" };
    let mut right = format!("mode {} · {agent}", status.mode.as_str());
    let old = secs_between(status.collected_at, Timestamp::now());
    if old > OLD_AFTER_SECS {
        right = format!("{right} · {}", ago(status.collected_at));
    }
    let room = columns.saturating_sub(name.width() + right.width() + 4);
    let facts = fit(&facts, room);
    let gap = columns.saturating_sub(name.width() + facts.width() + right.width() + 2).max(2);
    let line = format!(
        "{}  {}{}{}",
        paint(BOLD, &name),
        paint(DIM, &facts),
        " ".repeat(gap),
        paint(if status.agent_running { GREEN } else { DIM }, &right)
    );
    push(out, &line);
    if let Some(until) = status.paused_until {
        push(out, &paint(YELLOW, &format!("actions are stopped {}", show::pause_end(until))));
    }
}

fn health(out: &mut String, status: &StatusView, columns: usize) {
    let health = &status.health;
    let style = severity_style(health.severity);
    let score = health.score * 100.0;
    let issue = health.top_issue.as_deref().unwrap_or("nothing is wrong that hale can see");
    let line = format!(
        "health    {} {}  {}",
        bar(Some(score), BAR, style),
        paint(style, &format!("{score:>3.0}")),
        fit(issue, columns.saturating_sub(BAR + 17))
    );
    push(out, &line);
    let mut factors = Columns::new(&[], &[1]).indent(10);
    // What stands beside the score need not be said again.
    let told = |why: &str| health.top_issue.as_deref() == Some(why);
    let low = health.factors.iter().filter(|f| f.score < 0.995 && !told(&f.why));
    for factor in low.take(LIMIT_FACTORS) {
        let score = format!("{:.0}", factor.score * 100.0);
        factors.row([
            cell(&factor.id),
            styled(score, severity_style(factor.severity)),
            styled(&factor.why, DIM),
        ]);
    }
    out.push_str(&factors.render(columns));
    out.push('\n');
}

fn level(percent: Option<f64>, high: f64, critical: f64) -> anstyle::Style {
    match percent {
        Some(percent) if percent >= critical => ALARM,
        Some(percent) if percent >= high => YELLOW,
        Some(_) | None => GREEN,
    }
}

fn gauge(
    out: &mut String,
    name: &str,
    percent: Option<f64>,
    limits: (f64, f64),
    words: &str,
    columns: usize,
) {
    let figure = percent.map_or("    – ".to_owned(), |percent| format!("{percent:>4.0} %"));
    let style = level(percent, limits.0, limits.1);
    let line = format!(
        "{} {} {figure}  {}",
        format_args!("{name:<9}"),
        bar(percent, BAR, style),
        paint(DIM, &fit(words, columns.saturating_sub(BAR + 19)))
    );
    push(out, &line);
}

fn pressure(pressure: Option<Pressure>) -> String {
    pressure.map_or(String::new(), |p| format!(" · pressure {:.1} %", p.some_avg10))
}

fn load(out: &mut String, status: &StatusView, columns: usize) {
    let system = &status.system;
    let number = |n: Option<f64>| n.map_or("–".to_owned(), |n| format!("{n:.2}"));
    let size = |n: Option<u64>| n.map_or("?".to_owned(), text::bytes);
    let warm = status.temperatures.iter().map(|t| t.celsius).fold(None, max);
    let warm = warm.map_or(String::new(), |celsius| format!(" · {celsius:.0} °C"));
    let cpu = format!(
        "load {} {} {}{}{warm}",
        number(system.load1),
        number(system.load5),
        number(system.load15),
        pressure(system.cpu_pressure)
    );
    gauge(out, "CPU", system.cpu_total, (80.0, 95.0), &cpu, columns);
    let memory = format!(
        "{} of {}, cache {}{}",
        size(system.mem_used_bytes),
        size(system.mem_total_bytes),
        size(system.mem_cached_bytes),
        pressure(system.memory_pressure)
    );
    gauge(out, "memory", system.mem_used_percent, (80.0, 90.0), &memory, columns);
    if system.swap_total_bytes.is_some_and(|total| total > 0) {
        let swap = format!("{} of {}", size(system.swap_used_bytes), size(system.swap_total_bytes));
        gauge(out, "swap", system.swap_used_percent, (40.0, 80.0), &swap, columns);
    }
    for gpu in &status.gpus {
        let words = format!(
            "{}, {} of {}",
            gpu.name,
            text::bytes(gpu.memory_used_bytes),
            text::bytes(gpu.memory_total_bytes)
        );
        gauge(
            out,
            &format!("GPU {}", gpu.index),
            gpu.busy_percent,
            (101.0, 101.0),
            &words,
            columns,
        );
    }
    let mut mounts: Vec<_> = status.mounts.iter().collect();
    mounts.sort_by(|a, b| a.free_percent.total_cmp(&b.free_percent));
    // An empty tmpfs tells nothing.
    mounts.retain(|mount| mount.mount_point == "/" || mount.free_percent < EMPTY_FREE_PERCENT);
    for (index, mount) in mounts.iter().take(LIMIT_MOUNTS).enumerate() {
        let inodes = mount
            .inode_free_percent
            .filter(|free| *free < 20.0)
            .map_or(String::new(), |free| format!(" · {free:.0} % of inodes free"));
        let io = if index == 0 { pressure(system.io_pressure) } else { String::new() };
        let words = format!(
            "{}: {} free of {}{inodes}{io}",
            mount.mount_point,
            text::bytes(mount.available_bytes),
            text::bytes(mount.total_bytes)
        );
        let name = if index == 0 { "disk" } else { "" };
        gauge(out, name, Some(100.0 - mount.free_percent), (90.0, 95.0), &words, columns);
    }
    let rate = |n: Option<f64>| n.map_or("–".to_owned(), |n| format!("{n:.1}"));
    let line = format!(
        "MiB/s     disk {} read, {} written · net {} in, {} out · {} · {}",
        rate(system.disk_read_mbps),
        rate(system.disk_write_mbps),
        rate(system.net_rx_mbps),
        rate(system.net_tx_mbps),
        system.process_count.map_or("? processes".to_owned(), |n| counted(n, "process")),
        counted(status.tcp_states.get("established").copied().unwrap_or(0), "TCP connection"),
    );
    push(out, &fit(&line, columns));
    out.push('\n');
}

fn max(a: Option<f64>, b: f64) -> Option<f64> {
    Some(a.map_or(b, |a| a.max(b)))
}

fn processes(out: &mut String, status: &StatusView, columns: usize) {
    let mut rows: Vec<&ProcessView> = status.top_cpu.iter().take(LIMIT_BY_CPU).collect();
    let by_memory = status.top_memory.iter().filter(|p| rows.iter().all(|r| r.pid != p.pid));
    let by_memory: Vec<&ProcessView> = by_memory.take(LIMIT_BY_MEMORY).collect();
    rows.extend(by_memory);
    if rows.is_empty() {
        return;
    }
    let mut table =
        Columns::new(&["PID", "USER", "CPU %", "MEMORY", "AGE", "COMMAND"], &[0, 2, 3, 4]);
    for process in rows {
        table.row([
            cell(process.pid.to_string()),
            cell(fit(&process.user, 12)),
            process.cpu_percent.map_or(cell("–"), |cpu| hot(cpu, format!("{cpu:.1}"))),
            cell(text::bytes(process.rss_bytes)),
            cell(text::duration(process.age_secs)),
            cell(&process.command),
        ]);
    }
    out.push_str(&table.render(columns));
    out.push('\n');
}

fn hot(percent: f64, text: String) -> Cell {
    if percent >= 90.0 { styled(text, RED) } else { cell(text) }
}

fn units(out: &mut String, status: &StatusView, columns: usize) {
    if status.failed_units.is_empty() {
        return;
    }
    let words: Vec<String> = status
        .failed_units
        .iter()
        .take(LIMIT_UNITS)
        .map(|u| format!("{} ({}, {})", u.unit, u.result, counted(u.restarts, "restart")))
        .collect();
    let more = status.failed_units.len().saturating_sub(LIMIT_UNITS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let line = fit(&format!("{}{more}", words.join(", ")), columns.saturating_sub(10));
    push(out, &format!("{}    {line}", paint(RED, "failed")));
}

/// How many run, and which of them need a look.
fn containers(out: &mut String, status: &StatusView, columns: usize) {
    if status.containers.is_empty() {
        return;
    }
    let all = status.containers.iter().map(|c| &c.stat);
    let running = all.clone().filter(|c| c.state == ContainerState::Running).count();
    let unwell: Vec<String> = all.filter_map(unwell).take(LIMIT_UNITS).collect();
    let counted = format!("{running} of {} run", status.containers.len());
    if unwell.is_empty() {
        push(out, &format!("{} {counted}", paint(DIM, "containers")));
        return;
    }
    let line = fit(&format!("{counted}; {}", unwell.join(", ")), columns.saturating_sub(11));
    push(out, &format!("{} {line}", paint(RED, "containers")));
}

/// `web (unhealthy)`; none for one that is well, or at rest.
fn unwell(stat: &ContainerStat) -> Option<String> {
    let what = match (stat.state, stat.health) {
        (ContainerState::Running, Some(ContainerHealth::Unhealthy)) => "unhealthy".to_owned(),
        (ContainerState::Restarting, _) => {
            format!("restarting, {}", counted(stat.restart_count, "time"))
        }
        (ContainerState::Dead, _) => "dead".to_owned(),
        (ContainerState::Exited, _) if stat.oom_killed => "out of memory".to_owned(),
        (ContainerState::Exited, _) if stat.is_kept_running() => {
            let code = stat.exit_code.filter(|code| *code != 0)?;
            format!("exited {code}")
        }
        (
            ContainerState::Created
            | ContainerState::Running
            | ContainerState::Paused
            | ContainerState::Removing
            | ContainerState::Exited
            | ContainerState::Unknown,
            _,
        ) => return None,
    };
    Some(format!("{} ({what})", stat.name))
}

fn alerts(out: &mut String, status: &StatusView, columns: usize) {
    let count = status.alerts.len();
    if count == 0 {
        let look = if status.agent_running {
            ""
        } else {
            "  (only an agent watches over time: `hale up`)"
        };
        push(out, &format!("{}    none open{}", paint(GREEN, "alerts"), paint(DIM, look)));
        return;
    }
    push(out, &paint(BOLD, &format!("alerts ({count})")));
    for alert in status.alerts.iter().take(LIMIT_ALERTS) {
        let severity = format!("{:<8}", alert.severity.as_str());
        let since =
            format!(" {}", text::duration(secs_between(alert.first_seen_at, Timestamp::now())));
        let id = if alert.id.is_empty() { String::new() } else { format!("  {}", alert.id) };
        let room = columns.saturating_sub(2 + 8 + 1 + since.width() + id.width());
        let summary = fit(&alert.summary, room);
        let line = format!(
            "  {} {summary}{}{}",
            paint(severity_style(alert.severity), &severity),
            paint(DIM, &since),
            paint(DIM, &printable(&id))
        );
        push(out, &line);
        if let Some(command) = alert.suggested_actions.first() {
            let command = fit(command, columns.saturating_sub(13));
            push(out, &format!("{:11}{}", "", paint(CYAN, &command)));
        }
    }
    if count > LIMIT_ALERTS {
        push(out, &paint(DIM, &format!("  … and {} more: hale alerts list", count - LIMIT_ALERTS)));
    }
}

fn expected(out: &mut String, status: &StatusView, columns: usize) {
    for prediction in status.predictions.iter().take(LIMIT_PREDICTIONS) {
        let line = fit(&prediction.text, columns.saturating_sub(10));
        push(out, &format!("{}  {line}", paint(severity_style(Severity::Medium), "expected")));
    }
}

fn sources(out: &mut String, status: &StatusView, columns: usize) {
    let of = |state: SourceState| {
        let names = status.sources.iter().filter(move |s| s.state == state);
        names.map(|s| s.source.as_str()).collect::<Vec<_>>()
    };
    for warning in &status.warnings {
        let line = fit(warning, columns.saturating_sub(10));
        push(out, &format!("{}   {line}", paint(YELLOW, "warning")));
    }
    for source in status.sources.iter().filter(|s| s.state == SourceState::Stale) {
        let why = source.note.as_deref().unwrap_or("cannot be read");
        let line = fit(&format!("{}: {why}", source.source), columns.saturating_sub(10));
        push(out, &format!("{}     {line}", paint(YELLOW, "stale")));
    }
    let absent = of(SourceState::Absent);
    if !absent.is_empty() {
        let line = format!(
            "sources   {} read; not on this machine: {}",
            of(SourceState::Fresh).join(", "),
            absent.join(", ")
        );
        push(out, &paint(DIM, &fit(&line, columns)));
    }
}
