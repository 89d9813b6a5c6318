//! `hale alerts list|show|ack|close`

use hale_model::AlertId;
use hale_model::alert::AlertState;
use hale_model::api::{Command, Query};

use super::show;
use crate::cli::{AlertStateArg, AlertsCommand};
use crate::context::{Context, view};
use crate::exit::Ended;

/// Every state, for `--all`.
pub const ALL_STATES: [AlertState; 3] =
    [AlertState::Open, AlertState::Acknowledged, AlertState::Closed];

pub async fn run(context: &Context, command: AlertsCommand) -> Ended {
    let desk = context.connect().await?;
    match command {
        AlertsCommand::List { state, all, limit } => {
            let states = if all {
                ALL_STATES.to_vec()
            } else {
                state.into_iter().map(alert_state).collect()
            };
            let alerts = view!(desk.ask(Query::Alerts { states, limit }).await, Alerts);
            context.screen.answer(&alerts, |view| show::alerts(&view.alerts))
        }
        AlertsCommand::Show { id } => {
            let alert = view!(desk.ask(Query::Alert { id: AlertId(id) }).await, Alert);
            context.screen.answer(&alert, |alert| show::alert(alert))
        }
        AlertsCommand::Ack { id } => {
            let alert = view!(desk.wish(Command::AckAlert { id: AlertId(id) }).await, Alert);
            context.screen.answer(&alert, |alert| format!("{} is acknowledged.", alert.id))
        }
        AlertsCommand::Close { id, why } => {
            let alert = view!(desk.wish(Command::CloseAlert { id: AlertId(id), why }).await, Alert);
            context.screen.answer(&alert, |alert| format!("{} is closed.", alert.id))
        }
    }
}

fn alert_state(state: AlertStateArg) -> AlertState {
    match state {
        AlertStateArg::Open => AlertState::Open,
        AlertStateArg::Acknowledged => AlertState::Acknowledged,
        AlertStateArg::Closed => AlertState::Closed,
    }
}
