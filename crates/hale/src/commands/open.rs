//! `hale open`: the dashboard in the browser, signed in.

use std::process::{Command, Stdio};

use clap::Args;
use hale_serve::{Client, ClientError};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};

/// `hale open`
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// Only print the link, which signs one browser in, once
    #[arg(long)]
    pub print: bool,
}

/// Programs that show an address in the user's browser.
const OPENERS: [&str; 3] = ["xdg-open", "gio", "sensible-browser"];

pub async fn run(context: &Context, arguments: &OpenArgs) -> Ended {
    let socket = hale_engine::agent_socket(&context.data_dir);
    let client = Client::connect(&socket).await.map_err(|error| match error {
        ClientError::NoAgent { .. } => Failure::failed(
            "no agent runs here",
            "start it with `hale up`; it serves the dashboard",
        ),
        ClientError::Silent { path, waited_secs } => Failure::failed(
            format!("the agent on {} does not answer within {waited_secs} s", path.display()),
            "`hale doctor` says what it does",
        ),
        ClientError::Unreachable { path, source } => Failure::failed(
            format!("the agent on {} cannot be reached: {source}", path.display()),
            "run this as the user the agent runs as, or as root; or name another --data-dir",
        ),
    })?;
    let link = client.sign_in_link().await?;
    if context.screen.json {
        context.screen.print_json(&json!({ "url": link }))?;
        return Ok(Exit::Done);
    }
    let shown =
        !arguments.print && has_screen() && OPENERS.iter().any(|opener| show(opener, &link));
    if shown {
        context.screen.talk("The dashboard opens in your browser, signed in.");
    } else {
        context.screen.talk("Open this link within 15 minutes; it works once:");
        context.screen.print(&link)?;
    }
    Ok(Exit::Done)
}

fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

fn show(opener: &str, link: &str) -> bool {
    let mut command = Command::new(opener);
    if opener == "gio" {
        command.arg("open");
    }
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
