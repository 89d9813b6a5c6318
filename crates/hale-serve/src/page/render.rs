//! The page's parts.

use std::fmt::Write as _;

use hale_model::alert::Severity;
use hale_model::api::ApiError;
use hale_model::config::Mode;
use hale_model::sample::SourceState;
use hale_model::text;
use hale_model::view::{
    ActionView, AlertView, ApprovalView, IncidentView, ProcessView, StatusView,
};

use super::Live;
use super::html::{ago, esc, gauge, moment};

/// Lines of an incident's story that are shown.
const TIMELINE_LINES: usize = 4;
/// Processes that are listed.
const PROCESS_LINES: usize = 8;

/// The whole page around its changing part.
pub(super) fn page(live: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>hale</title><link rel=\"stylesheet\" href=\"/page.css\">\
         <link rel=\"icon\" href=\"data:,\">\
         <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\
         <script src=\"/page.js\" defer></script></head>\
         <body><p id=\"lost\" role=\"status\" hidden></p><main id=\"live\">{live}</main></body></html>\n"
    )
}

/// What stands in place of the state when there is none.
pub(super) fn failure(error: &ApiError) -> String {
    let hint = error.hint.as_deref().unwrap_or("`hale doctor` checks hale itself");
    format!(
        "<section class=\"card wide\"><h2>The state cannot be shown</h2><p>{}</p><p class=\"quiet\">{}</p></section>",
        esc(&error.message),
        esc(hint)
    )
}

/// The changing part.
pub(super) fn live(live: &Live) -> String {
    let mut out = header(live);
    out.push_str("<div class=\"grid\">");
    out.push_str(&health(&live.status));
    out.push_str(&gauges(&live.status));
    out.push_str(&approvals(live));
    out.push_str(&alerts(live));
    out.push_str(&incidents(live));
    out.push_str(&predictions(live));
    out.push_str(&processes(&live.status));
    out.push_str(&sources(live));
    out.push_str("</div>");
    let _ = write!(
        out,
        "<footer>Measured {}. This page only reads; the <code>hale</code> command changes things. \
         <a href=\"/api/v1/health\">health</a> <a href=\"/api/v1/alerts\">alerts</a> \
         <a href=\"/api/v1/incidents\">incidents</a> <a href=\"/api/v1/metrics/summary\">metrics</a></footer>",
        moment(live.status.collected_at, live.now)
    );
    out
}

fn header(live: &Live) -> String {
    let status = &live.status;
    let mode = match status.mode {
        Mode::Observe => "watches and tells",
        Mode::Suggest => "watches and suggests",
        Mode::Approve => "acts when approved",
        Mode::Auto => "acts alone on what is safe, granted or earned",
    };
    let paused = match status.paused_until {
        None => String::new(),
        Some(until) if until.as_second() - live.now.as_second() > 10 * 365 * 86_400 => {
            "<span class=\"chip high\">actions paused until resumed</span>".to_owned()
        }
        Some(until) => format!(
            "<span class=\"chip high\">actions paused for {}</span>",
            text::duration(u64::try_from(until.as_second() - live.now.as_second()).unwrap_or(0))
        ),
    };
    format!(
        "<header><div><h1>hale</h1><span class=\"machine\">{}</span></div>\
         <div class=\"facts\"><span>{}</span><span>Linux {}</span><span>{} cores</span><span>up {}</span>\
         <span class=\"chip mode\" title=\"{mode}\">mode {}</span>{paused}</div></header>",
        esc(status.machine_id.as_str()),
        esc(&status.os),
        esc(&status.kernel),
        status.cores,
        text::duration(status.uptime_secs),
        status.mode.as_str(),
    )
}

fn health(status: &StatusView) -> String {
    let health = &status.health;
    let level = health.severity.as_str();
    let score = (health.score * 100.0).round();
    let mut out = format!(
        "<section class=\"card health {level}\"><h2>Health</h2><div class=\"dial\">\
         <svg viewBox=\"0 0 36 36\" role=\"img\" aria-label=\"health {score} of 100\">\
         <circle class=\"track\" cx=\"18\" cy=\"18\" r=\"15.9\"/>\
         <circle class=\"fill\" cx=\"18\" cy=\"18\" r=\"15.9\" pathLength=\"100\" stroke-dasharray=\"{score} 100\"/>\
         <text x=\"18\" y=\"21.5\">{score}</text></svg><p>{}</p></div><ul class=\"factors\">",
        esc(health.top_issue.as_deref().unwrap_or("Nothing is wrong that hale can see."))
    );
    for factor in &health.factors {
        let _ = write!(
            out,
            "<li class=\"{}\"><span>{}</span><b>{:.0}</b><small>{}</small></li>",
            factor.severity.as_str(),
            esc(&factor.id),
            factor.score * 100.0,
            esc(&factor.why)
        );
    }
    out.push_str("</ul></section>");
    out
}

fn level(percent: Option<f64>, high: f64, critical: f64) -> &'static str {
    match percent {
        None => "unknown",
        Some(percent) if percent >= critical => "critical",
        Some(percent) if percent >= high => "high",
        Some(_) => "low",
    }
}

fn gauges(status: &StatusView) -> String {
    let system = &status.system;
    let bytes = |n: Option<u64>| n.map_or("?".to_owned(), text::bytes);
    let mut out = String::from("<section class=\"card\"><h2>Now</h2><div class=\"gauges\">");
    let load = |load: Option<f64>| load.map_or("?".to_owned(), |load| format!("{load:.2}"));
    out.push_str(&gauge(
        "CPU",
        system.cpu_total,
        &format!("load {} {} {}", load(system.load1), load(system.load5), load(system.load15)),
        level(system.cpu_total, 80.0, 95.0),
    ));
    out.push_str(&gauge(
        "Memory",
        system.mem_used_percent,
        &format!("{} of {}", bytes(system.mem_used_bytes), bytes(system.mem_total_bytes)),
        level(system.mem_used_percent, 80.0, 90.0),
    ));
    if system.swap_total_bytes.is_some_and(|total| total > 0) {
        out.push_str(&gauge(
            "Swap",
            system.swap_used_percent,
            &format!("{} of {}", bytes(system.swap_used_bytes), bytes(system.swap_total_bytes)),
            level(system.swap_used_percent, 40.0, 80.0),
        ));
    }
    for (name, pressure) in &status.pressure {
        let detail = format!("some waited, last 10 s; all waited {:.1} %", pressure.full_avg10);
        let percent = Some(pressure.some_avg10);
        out.push_str(&gauge(
            &format!("Pressure on {name}"),
            percent,
            &detail,
            level(percent, 20.0, 60.0),
        ));
    }
    for mount in &status.mounts {
        let used = Some(100.0 - mount.free_percent);
        let inodes = mount
            .inode_free_percent
            .map_or(String::new(), |free| format!(", {:.0} % of inodes used", 100.0 - free));
        let detail = format!(
            "{} free of {}{inodes}",
            text::bytes(mount.available_bytes),
            text::bytes(mount.total_bytes)
        );
        out.push_str(&gauge(&mount.mount_point, used, &detail, level(used, 90.0, 95.0)));
    }
    for gpu in &status.gpus {
        let detail = format!(
            "{} of {}",
            text::bytes(gpu.memory_used_bytes),
            text::bytes(gpu.memory_total_bytes)
        );
        out.push_str(&gauge(&gpu.name, gpu.busy_percent, &detail, "low"));
    }
    out.push_str("</div></section>");
    out
}

fn approvals(live: &Live) -> String {
    if live.approvals.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<section class=\"card wide ask\"><h2>Waits for you <small>{}</small></h2>",
        live.approvals.len()
    );
    for approval in &live.approvals {
        out.push_str(&approval_item(approval, live));
    }
    out.push_str("</section>");
    out
}

fn approval_item(approval: &ApprovalView, live: &Live) -> String {
    let left = u64::try_from(approval.expires_at.as_second() - live.now.as_second()).unwrap_or(0);
    let reasons: String =
        approval.verdict.reasons.iter().map(|r| format!("<li>{}</li>", esc(&r.text))).collect();
    format!(
        "<article><h3><span class=\"chip {risk}\">{risk}</span> {} {}</h3><p>{}</p><ul class=\"why\">{reasons}</ul>\
         <p><code>hale approve {id}</code> <code>hale reject {id}</code> <small>lapses in {}</small></p></article>",
        esc(&approval.action.kind),
        esc(&approval.action.target),
        esc(&approval.action.why),
        text::duration(left),
        risk = approval.verdict.risk.as_str(),
        id = esc(&approval.id),
    )
}

fn alerts(live: &Live) -> String {
    let alerts = &live.status.alerts;
    let mut out = format!(
        "<section class=\"card wide\"><h2>Open alerts <small>{}</small></h2>",
        alerts.len()
    );
    if alerts.is_empty() {
        let _ = write!(
            out,
            "<p class=\"quiet\">None. Last look {}.</p>",
            ago(live.status.collected_at, live.now)
        );
    }
    for alert in alerts {
        out.push_str(&alert_item(alert, live));
    }
    out.push_str("</section>");
    out
}

fn alert_item(alert: &AlertView, live: &Live) -> String {
    let actions: String = alert
        .suggested_actions
        .iter()
        .map(|command| format!("<code>{}</code> ", esc(command)))
        .collect();
    let acknowledged = if alert.state == "open" {
        String::new()
    } else {
        format!(" <small>{}</small>", esc(&alert.state))
    };
    format!(
        "<article><h3><span class=\"chip {severity}\">{severity}</span> {}{acknowledged}</h3>\
         <p class=\"quiet\">{} · {} · {} · <code>hale explain {}</code></p><p>{actions}</p></article>",
        esc(&alert.summary),
        esc(&alert.kind),
        esc(&alert.subject),
        moment(alert.first_seen_at, live.now),
        esc(&alert.id),
        severity = alert.severity.as_str(),
    )
}

fn incidents(live: &Live) -> String {
    let mut out = String::from("<section class=\"card wide\"><h2>Incidents</h2>");
    if live.incidents.is_empty() {
        out.push_str("<p class=\"quiet\">None so far.</p>");
    }
    for incident in &live.incidents {
        out.push_str(&incident_item(incident, live));
    }
    out.push_str("</section>");
    out
}

fn incident_item(incident: &IncidentView, live: &Live) -> String {
    let cause = incident.diagnosis.as_ref().map_or(String::new(), |diagnosis| {
        format!(
            "<p>{} <small>confidence {:.0} %</small></p>",
            esc(&diagnosis.cause),
            diagnosis.confidence * 100.0
        )
    });
    let actions: String = incident.actions.iter().map(action_line).collect();
    let from = incident.timeline.len().saturating_sub(TIMELINE_LINES);
    let story: String = incident
        .timeline
        .iter()
        .skip(from)
        .map(|entry| {
            format!(
                "<li><b>{}</b> {} <small>{}</small></li>",
                entry.agent.as_str(),
                esc(&entry.text),
                moment(entry.ts, live.now)
            )
        })
        .collect();
    let ended = incident.closed_at.map_or(String::new(), |closed| {
        let secs = u64::try_from(closed.as_second() - incident.opened_at.as_second()).unwrap_or(0);
        format!(" · over after {}", text::duration(secs))
    });
    format!(
        "<article class=\"{}\"><h3><span class=\"chip {severity}\">{}</span> {}</h3>\
         <p class=\"quiet\">opened {}{ended} · <code>hale incidents show {}</code></p>{cause}\
         <ul class=\"actions\">{actions}</ul><ol class=\"story\">{story}</ol></article>",
        if incident.closed_at.is_some() { "over" } else { "" },
        esc(&incident.state.replace('_', " ")),
        esc(&incident.title),
        moment(incident.opened_at, live.now),
        esc(&incident.id),
        severity = if incident.closed_at.is_some() {
            Severity::Low.as_str()
        } else {
            incident.severity.as_str()
        },
    )
}

fn action_line(action: &ActionView) -> String {
    format!(
        "<li><b>{}</b> {} <span class=\"state\">{}</span> <small>{}</small></li>",
        esc(&action.kind),
        esc(&action.target),
        esc(&action.state.replace('_', " ")),
        esc(action.detail.as_deref().unwrap_or_default())
    )
}

fn predictions(live: &Live) -> String {
    if live.status.predictions.is_empty() {
        return String::new();
    }
    let mut out =
        String::from("<section class=\"card wide\"><h2>Expected</h2><ul class=\"story\">");
    for prediction in &live.status.predictions {
        let _ = write!(
            out,
            "<li>{} <small>in {}, confidence {:.0} %</small></li>",
            esc(&prediction.text),
            text::duration(prediction.eta_secs),
            prediction.confidence * 100.0
        );
    }
    out.push_str("</ul></section>");
    out
}

fn processes(status: &StatusView) -> String {
    let mut out = String::from(
        "<section class=\"card wide\"><h2>Busiest processes</h2><div class=\"tables\">",
    );
    out.push_str(&process_table("CPU", &status.top_cpu));
    out.push_str(&process_table("Memory", &status.top_memory));
    out.push_str("</div></section>");
    out
}

fn process_table(caption: &str, processes: &[ProcessView]) -> String {
    let mut out = format!(
        "<table><caption>By {}</caption><tr><th>PID</th><th>user</th><th class=\"n\">CPU %</th><th class=\"n\">memory</th><th>command</th></tr>",
        esc(caption)
    );
    for process in processes.iter().take(PROCESS_LINES) {
        let cpu = process.cpu_percent.map_or("–".to_owned(), |cpu| format!("{cpu:.1}"));
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{cpu}</td><td class=\"n\">{}</td><td class=\"command\" title=\"{}\">{}</td></tr>",
            process.pid,
            esc(&process.user),
            text::bytes(process.rss_bytes),
            esc(&process.command),
            esc(&process.command)
        );
    }
    out.push_str("</table>");
    out
}

fn sources(live: &Live) -> String {
    let mut out = String::from("<section class=\"card wide\"><h2>Sources</h2><table>");
    for source in &live.status.sources {
        let (class, word) = match source.state {
            SourceState::Fresh => ("low", "fresh"),
            SourceState::Stale => ("high", "stale"),
            SourceState::Absent => ("unknown", "absent"),
        };
        let read = source.last_fresh_at.map_or("never read".to_owned(), |at| moment(at, live.now));
        let lost =
            if source.lost > 0 { format!(", {} left out", source.lost) } else { String::new() };
        let _ = write!(
            out,
            "<tr><td>{}</td><td><span class=\"chip {class}\">{word}</span></td><td>{read}{lost}</td><td class=\"n\">{:.1} ms</td><td>{}</td></tr>",
            source.source.as_str(),
            source.took_us as f64 / 1000.0,
            esc(source.note.as_deref().unwrap_or_default())
        );
    }
    out.push_str("</table></section>");
    out
}
