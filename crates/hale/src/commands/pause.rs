//! `hale pause` and `hale resume`: the global stop for actions.

use hale_model::Timestamp;
use hale_model::api::Command;

use super::show;
use crate::context::{Context, view};
use crate::exit::Ended;

/// What may pass between a wish and its answer.
const SLACK_SECS: u64 = 5;

pub async fn pause(context: &Context, for_secs: Option<u64>) -> Ended {
    let desk = context.connect().await?;
    let until = view!(desk.wish(Command::Pause { for_secs }).await, Paused);
    let left_secs = |until: Timestamp| until.duration_since(Timestamp::now()).as_secs();
    let longer = for_secs.zip(until).is_some_and(|(secs, until)| {
        u64::try_from(left_secs(until)).unwrap_or(0) > secs.saturating_add(SLACK_SECS)
    });
    if longer {
        context.screen.talk(
            "They were stopped for longer already, and that holds; `hale resume` first makes it shorter.",
        );
    }
    for warning in desk.handle.warnings() {
        if warning.starts_with("the pause ") {
            context.screen.talk(&hale_model::text::printable(&warning));
        }
    }
    told(context, until)
}

pub async fn resume(context: &Context) -> Ended {
    let desk = context.connect().await?;
    let until = view!(desk.wish(Command::Resume).await, Paused);
    told(context, until)
}

fn told(context: &Context, until: Option<Timestamp>) -> Ended {
    let data = serde_json::json!({ "paused_until": until });
    context.screen.answer(&data, |_| match until {
        None => "Actions go on.".to_owned(),
        Some(until) => format!("Actions are stopped {}. Watching goes on.", show::pause_end(until)),
    })
}
