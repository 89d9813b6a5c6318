//! `hale undo ID`

use hale_model::ActionId;
use hale_model::api::Command;

use super::show;
use crate::context::{Context, view};
use crate::exit::Ended;

pub async fn run(context: &Context, id: &str) -> Ended {
    let desk = context.connect().await?;
    let action = view!(desk.wish(Command::Undo { id: ActionId::from(id) }).await, Action);
    context.screen.answer(&action, |action| show::action(action))?;
    Ok(show::action_exit(&action))
}
