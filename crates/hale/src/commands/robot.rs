//! `hale robot …`: one JSON envelope on standard output, always, errors included.

use hale_model::api::{ApiError, ErrorKind, Query};
use hale_model::sample::SourceState;
use hale_model::view::{Envelope, MachineSummary, MachinesView, StatusView};
use hale_model::{MachineId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{alerts, incidents};
use crate::cli::RobotCommand;
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::Screen;

pub async fn run(context: &Context, command: RobotCommand) -> Ended {
    let answer = match context.connect().await {
        Ok(desk) => answer(&desk, command).await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok((envelope, exit)) => {
            context.screen.print_json(&envelope)?;
            Ok(exit)
        }
        Err(Failure::Told(error)) => {
            let exit = Exit::from(error.kind);
            context.screen.print_json(&error_envelope(error))?;
            Ok(exit)
        }
        Err(Failure::NobodyReads) => Err(Failure::NobodyReads),
    }
}

/// A command line that is wrong, for the program that wrote it; its words go to standard error.
pub fn misread(message: &str) -> Result<(), Failure> {
    let error = ApiError::new(ErrorKind::Usage, message).hint("`hale robot --help`");
    Screen { json: true, quiet: false }.print_json(&error_envelope(error))
}

/// What an error looks like: data is the error, and the message stands among the warnings.
fn error_envelope(error: ApiError) -> Envelope<ApiError> {
    let message = error.message.clone();
    let mut envelope = Envelope::new("error", Timestamp::now(), error, Default::default());
    envelope.warnings.push(message);
    envelope
}

/// The envelope of one command, and the exit code.
///
/// # Errors
/// What the agent could not answer.
pub async fn answer(
    desk: &Desk,
    command: RobotCommand,
) -> Result<(Envelope<Value>, Exit), Failure> {
    match command {
        RobotCommand::Health => {
            let data = view!(desk.ask(Query::Health).await, Health);
            looked(desk, "health", &data, None).await
        }
        RobotCommand::Triage => {
            let data = view!(desk.ask(Query::Triage).await, Triage);
            looked(desk, "triage", &data, None).await
        }
        RobotCommand::Status => {
            let data = view!(desk.ask(Query::Status { machine: None }).await, Status);
            looked(desk, "status", &data, Some(&data)).await
        }
        RobotCommand::Machine { id } => {
            let query = Query::Status { machine: Some(MachineId(id)) };
            let data = view!(desk.ask(query).await, Status);
            looked(desk, "machine", &data, Some(&data)).await
        }
        RobotCommand::Machines => {
            let status = view!(desk.ask(Query::Status { machine: None }).await, Status);
            let data = MachinesView { machines: vec![MachineSummary::from(status.as_ref())] };
            looked(desk, "machines", &data, Some(&status)).await
        }
        RobotCommand::Alerts { all, limit } => {
            let states = if all { alerts::ALL_STATES.to_vec() } else { Vec::new() };
            let data = view!(desk.ask(Query::Alerts { states, limit }).await, Alerts);
            stored(desk, "alerts", &data)
        }
        RobotCommand::Incidents { state, limit } => {
            let query = Query::Incidents { state: state.map(incidents::incident_state), limit };
            let data = view!(desk.ask(query).await, Incidents);
            stored(desk, "incidents", &data)
        }
        RobotCommand::Approvals { all } => {
            let data = view!(desk.ask(Query::Approvals { all }).await, Approvals);
            stored(desk, "approvals", &data)
        }
        RobotCommand::Playbooks => {
            let data = view!(desk.ask(Query::Playbooks).await, Playbooks);
            stored(desk, "playbooks", &data)
        }
        RobotCommand::Services => {
            let data = view!(desk.ask(Query::Services).await, Services);
            looked(desk, "services", &data, None).await
        }
        RobotCommand::Runbook { search, limit } => {
            let query = match search {
                Some(text) => Query::RunbookSearch { text, alert_kind: None, limit },
                None => Query::Runbook { alert_kind: None, limit },
            };
            let data = view!(desk.ask(query).await, Runbook);
            stored(desk, "runbook", &data)
        }
    }
}

/// An answer that rests on a look at the machine: stale sources make it degraded.
async fn looked<T: Serialize>(
    desk: &Desk,
    name: &str,
    data: &T,
    status: Option<&StatusView>,
) -> Result<(Envelope<Value>, Exit), Failure> {
    let asked;
    let status = match status {
        Some(status) => status,
        None => {
            asked = view!(desk.ask(Query::Status { machine: None }).await, Status);
            &asked
        }
    };
    let (mut envelope, exit) = stored(desk, name, data)?;
    let stale = stale_sources(status);
    let exit = if stale.is_empty() { exit } else { Exit::Degraded };
    envelope.warnings.extend(stale);
    Ok((envelope, exit))
}

/// An answer from the files.
fn stored<T: Serialize>(
    desk: &Desk,
    name: &str,
    data: &T,
) -> Result<(Envelope<Value>, Exit), Failure> {
    let data = serde_json::to_value(data).map_err(|e| {
        Failure::failed(format!("the answer cannot be written as JSON: {e}"), "report this")
    })?;
    let mut envelope = Envelope::new(name, Timestamp::now(), data, desk.handle.staleness());
    envelope.warnings.extend(desk.handle.warnings());
    if let Some(silent) = &desk.silent {
        envelope.warnings.push(format!("{silent}: one look at the machine, and what is stored"));
        return Ok((envelope, Exit::Degraded));
    }
    if !desk.agent {
        envelope
            .warnings
            .push("no agent runs: one look at the machine, and what is stored".to_owned());
    }
    Ok((envelope, Exit::Done))
}

/// One sentence a source that could not be read.
pub fn stale_sources(status: &StatusView) -> Vec<String> {
    let stale = status.sources.iter().filter(|source| source.state == SourceState::Stale);
    stale
        .map(|source| {
            let why = source.note.as_deref().unwrap_or("no reason given");
            format!("source {} is stale: {why}", source.source)
        })
        .collect()
}
