//! `hale robot-docs schemas|examples`

use serde_json::{Map, Value};

use super::robot;
use crate::cli::{RobotCommand, RobotDocsCommand};
use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};
use crate::reference;

/// Items of a list in an example.
const LIMIT_ITEMS: u32 = 1;

pub async fn run(context: &Context, command: &RobotDocsCommand) -> Ended {
    match command {
        RobotDocsCommand::Schemas => {
            context.screen.print_json(&reference::robot_schemas())?;
            Ok(Exit::Done)
        }
        RobotDocsCommand::Examples => examples(context).await,
    }
}

/// What this machine answers now: an example that cannot be out of date.
async fn examples(context: &Context) -> Ended {
    let desk = context.connect().await?;
    let mut examples = Map::new();
    let limit = LIMIT_ITEMS;
    for (line, command) in [
        ("hale robot health", RobotCommand::Health),
        ("hale robot triage", RobotCommand::Triage),
        ("hale robot status", RobotCommand::Status),
        ("hale robot machines", RobotCommand::Machines),
        ("hale robot alerts --all --limit 1", RobotCommand::Alerts { all: true, limit }),
        ("hale robot incidents --limit 1", RobotCommand::Incidents { state: None, limit }),
        ("hale robot approvals --all", RobotCommand::Approvals { all: true }),
        ("hale robot playbooks", RobotCommand::Playbooks),
        ("hale robot runbook --limit 1", RobotCommand::Runbook { search: None, limit }),
    ] {
        let (envelope, _) = robot::answer(&desk, command).await?;
        let value: Value = serde_json::to_value(envelope)
            .map_err(|e| Failure::failed(format!("{line}: {e}"), "report this"))?;
        examples.insert(line.to_owned(), value);
    }
    context.screen.print_json(&examples)?;
    Ok(Exit::Done)
}
