//! `hale mcp`: hale's questions as tools for a language model's client, over standard input and output.
//!
//! Standard output belongs to the protocol alone; whatever there is to say goes to standard error.

use std::io::IsTerminal as _;
use std::sync::Arc;

use hale_engine::log_health::{LogInput, LogRequest, log_health};
use hale_model::action::Actor;
use hale_model::api::{ApiError, ErrorKind};
use hale_serve::mcp::{Connect, LogHealth, LogHealthRequest, McpError, McpOptions, serve_mcp};

use crate::context::Context;
use crate::exit::{Ended, Exit, Failure};

/// Serves until the client closes its end.
pub async fn run(context: Context) -> Ended {
    if std::io::stdin().is_terminal() {
        context.screen.talk(
            "hale mcp speaks the Model Context Protocol on standard input and output: start it from \
             an MCP client (docs/mcp.md); Ctrl-D ends it",
        );
    }
    let context = Arc::new(context);
    let options = McpOptions {
        connect: connect(Arc::clone(&context)),
        log_health: judge_logs(context),
        // Who speaks here is a model, whoever started it. A running agent names the user of its socket.
        actor: Actor::Model,
    };
    serve_mcp(options, tokio::io::stdin(), tokio::io::stdout()).await.map_err(failure)?;
    Ok(Exit::Done)
}

fn connect(context: Arc<Context>) -> Connect {
    Box::new(move || {
        let context = Arc::clone(&context);
        Box::pin(async move {
            match context.connect().await {
                Ok(desk) => Ok(desk.handle),
                Err(Failure::Told(error)) => Err(error),
                Err(Failure::NobodyReads) => {
                    Err(ApiError::new(ErrorKind::Failed, "standard output is closed"))
                }
            }
        })
    })
}

fn judge_logs(context: Arc<Context>) -> LogHealth {
    Box::new(move |asked: LogHealthRequest| {
        let context = Arc::clone(&context);
        Box::pin(async move {
            let request = LogRequest {
                input: LogInput::Machine,
                since_secs: Some(asked.since_secs),
                past_secs: asked.past_secs,
                findings_max: asked.findings_max,
            };
            let report = log_health(&context.data_dir, &request).await?;
            serde_json::to_value(&report).map_err(|error| {
                ApiError::new(
                    ErrorKind::Failed,
                    format!("what the logs say cannot be written as JSON: {error}"),
                )
            })
        })
    })
}

fn failure(error: McpError) -> Failure {
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let words = hale_model::text::shorten(&format!("{error}: {source}"), 500);
    Failure::failed(
        hale_model::text::printable(&words),
        "start it from an MCP client; docs/mcp.md has an example",
    )
}
