//! `hale incidents list|show|replay|note|postmortem|export`

mod bundle;

use std::path::Path;
use std::time::Duration;

use hale_model::IncidentId;
use hale_model::api::{Command, Query};
use hale_model::incident::IncidentState;
use hale_model::text;
use hale_model::view::IncidentView;

use super::show;
use crate::cli::{IncidentStateArg, IncidentsCommand};
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, DIM, paint, secs_between};

/// The longest pause of a paced replay.
const LIMIT_PAUSE: Duration = Duration::from_secs(60);

pub async fn run(context: &Context, command: IncidentsCommand) -> Ended {
    match command {
        IncidentsCommand::List { state, limit } => {
            let desk = context.connect().await?;
            let query = Query::Incidents { state: state.map(incident_state), limit };
            let incidents = view!(desk.ask(query).await, Incidents);
            context.screen.answer(&incidents, |view| show::incidents(&view.incidents))
        }
        IncidentsCommand::Show { id } => {
            let incident = one(&context.connect().await?, &id).await?;
            context.screen.answer(&incident, |incident| show::incident(incident))
        }
        IncidentsCommand::Replay { id, speed } => replay(context, &id, speed).await,
        IncidentsCommand::Note { id, text } => {
            let desk = context.connect().await?;
            let command = Command::NoteIncident { id: IncidentId(id), text };
            let incident = view!(desk.wish(command).await, Incident);
            context.screen.answer(&incident, |i| format!("Noted on {}.", i.id))
        }
        IncidentsCommand::Postmortem { id } => {
            let desk = context.connect().await?;
            let page = view!(desk.ask(Query::Postmortem { id: IncidentId(id) }).await, Markdown);
            context.screen.answer(&page, Clone::clone)
        }
        IncidentsCommand::Export { id, output } => {
            let bundle = bundle::gather(&context.connect().await?, &id).await?.masked()?;
            match output {
                None => context.screen.print_json(&bundle)?,
                Some(path) => {
                    bundle::write(&bundle, &path)?;
                    context.screen.talk(&format!(
                        "{} is in {}.",
                        bundle.incident.id,
                        path.display()
                    ));
                }
            }
            Ok(if bundle.warnings.is_empty() { Exit::Done } else { Exit::Degraded })
        }
    }
}

async fn one(desk: &Desk, id: &str) -> Result<Box<IncidentView>, Failure> {
    Ok(view!(desk.ask(Query::Incident { id: IncidentId::from(id) }).await, Incident))
}

async fn replay(context: &Context, id: &str, speed: Option<u32>) -> Ended {
    let path = Path::new(id);
    let incident = if path.is_file() {
        bundle::read(path)?.incident
    } else {
        *one(&context.connect().await?, id).await?
    };
    if context.screen.json {
        context.screen.print_json(&incident.timeline)?;
        return Ok(Exit::Done);
    }
    context.screen.print(&format!(
        "{} {}",
        paint(BOLD, &text::printable(&incident.title)),
        paint(DIM, &incident.id)
    ))?;
    let mut before = incident.opened_at;
    for entry in &incident.timeline {
        if let Some(speed) = speed {
            let gap = Duration::from_secs(secs_between(before, entry.ts)) / speed;
            tokio::time::sleep(gap.min(LIMIT_PAUSE)).await;
            before = entry.ts;
        }
        let offset = format!("+{}", text::duration(secs_between(incident.opened_at, entry.ts)));
        context.screen.print(&format!(
            "{} {:<7} {}",
            paint(DIM, &format!("{offset:>9}")),
            entry.agent.as_str(),
            text::printable(&entry.text)
        ))?;
    }
    context.screen.print(&format!("{:>9} {}", "", incident.state.replace('_', " ")))?;
    Ok(Exit::Done)
}

pub fn incident_state(state: IncidentStateArg) -> IncidentState {
    match state {
        IncidentStateArg::Open => IncidentState::Open,
        IncidentStateArg::Diagnosing => IncidentState::Diagnosing,
        IncidentStateArg::AwaitingApproval => IncidentState::AwaitingApproval,
        IncidentStateArg::Acting => IncidentState::Acting,
        IncidentStateArg::Verifying => IncidentState::Verifying,
        IncidentStateArg::Resolved => IncidentState::Resolved,
        IncidentStateArg::Escalated => IncidentState::Escalated,
    }
}
