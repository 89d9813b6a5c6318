//! `hale vacuum` and `hale export`

use std::path::Path;

use hale_model::api::Command;

use crate::context::{Context, view};
use crate::exit::{Ended, Failure};

pub async fn vacuum(context: &Context, dry_run: bool) -> Ended {
    let desk = context.connect().await?;
    let done = view!(desk.wish(Command::Vacuum { dry_run }).await, Done);
    context
        .screen
        .answer(&serde_json::json!({ "done": done }), |_| hale_model::text::printable(&done))
}

pub async fn export(context: &Context, directory: &Path) -> Ended {
    let desk = context.connect().await?;
    // The agent has another working directory.
    let absolute = std::path::absolute(directory).map_err(|e| {
        Failure::usage(format!("{} is no directory name: {e}", directory.display()), "name another")
    })?;
    let Some(directory) = absolute.to_str().map(str::to_owned) else {
        return Err(Failure::usage(
            format!("{} is not UTF-8", absolute.display()),
            "name another directory",
        ));
    };
    let done = view!(desk.wish(Command::Export { directory }).await, Done);
    context
        .screen
        .answer(&serde_json::json!({ "done": done }), |_| hale_model::text::printable(&done))
}
