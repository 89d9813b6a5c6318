//! A postmortem as Markdown: only what was recorded, nothing invented.

use std::fmt::Write as _;

use hale_model::text::{self, printable};

use super::bundle::Bundle;
use crate::screen::{local, secs_between};

/// The document.
pub fn markdown(bundle: &Bundle) -> String {
    let incident = &bundle.incident;
    let mut out = format!("# {}\n\n", line(&incident.title));
    let ended = match incident.closed_at {
        Some(closed) => format!(
            "{}, after {}",
            local(closed),
            text::duration(secs_between(incident.opened_at, closed))
        ),
        None => "not over yet".to_owned(),
    };
    let _ = write!(
        out,
        "| | |\n|---|---|\n| Incident | `{}` |\n| Machine | {} |\n| Severity | {} |\n| State | {} |\n\
         | Began | {} |\n| Ended | {ended} |\n",
        incident.id,
        line(incident.machine_id.as_str()),
        incident.severity,
        incident.state.replace('_', " "),
        local(incident.opened_at),
    );
    out.push_str("\n## What was seen\n\n");
    for alert in &bundle.alerts {
        let _ = writeln!(
            out,
            "- **{}** {} ({}, `{}`)",
            alert.severity,
            line(&alert.summary),
            alert.kind,
            alert.id
        );
        for evidence in &alert.evidence {
            let _ = writeln!(out, "  - {} `{}`", line(&evidence.text), evidence.id);
        }
    }
    out.push_str("\n## Cause\n\n");
    match &incident.diagnosis {
        Some(diagnosis) => {
            let _ = writeln!(
                out,
                "{} ({:.0} % sure; {} observations)",
                line(&diagnosis.cause),
                diagnosis.confidence * 100.0,
                diagnosis.evidence.len()
            );
        }
        None => out.push_str("No cause was found.\n"),
    }
    out.push_str("\n## What was done\n\n");
    if incident.actions.is_empty() {
        out.push_str("Nothing.\n");
    }
    for action in &incident.actions {
        let _ = writeln!(
            out,
            "- **{}** {}: {} (risk {}, verdict {}) `{}`",
            action.kind,
            line(&action.target),
            action.state.replace('_', " "),
            action.risk,
            action.verdict,
            action.id
        );
        for (name, words) in [
            ("why", Some(&action.why)),
            ("did", action.detail.as_ref()),
            ("undo", action.undo.as_ref()),
        ] {
            if let Some(words) = words.filter(|words| !words.is_empty()) {
                let _ = writeln!(out, "  - {name}: {}", line(words));
            }
        }
        for seen in &action.observations {
            let _ = writeln!(out, "  - seen afterwards: {}", line(seen));
        }
    }
    out.push_str("\n## Timeline\n\n");
    for entry in &incident.timeline {
        let _ = writeln!(
            out,
            "- {} **{}** {}",
            local(entry.ts),
            entry.agent.as_str(),
            line(&entry.text)
        );
    }
    out.push_str("\n## So that it does not happen again\n\n");
    let prevention = incident.diagnosis.as_ref().and_then(|d| d.prevention.as_deref());
    let _ = writeln!(out, "{}", prevention.map_or("Nothing is known yet.".to_owned(), line));
    for warning in &bundle.warnings {
        let _ = writeln!(out, "\n> Missing: {}", line(warning));
    }
    out
}

/// One line of text, in which what was observed cannot become markup.
fn line(text: &str) -> String {
    let mut safe = String::new();
    for c in printable(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}
