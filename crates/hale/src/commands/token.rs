//! `hale token create|list|revoke`: who may come in from elsewhere.

use clap::Subcommand;
use hale_model::Timestamp;
use hale_model::api::{Command, Query};
use hale_model::token::{Role, TokenView};
use serde_json::json;

use crate::cli::duration;
use crate::context::{Context, view};
use crate::exit::Ended;
use crate::screen::{BOLD, DIM, paint};

/// `hale token`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown this once
    Create {
        /// What to call it: letters, digits, `-`, `_`, `.`, `@`
        name: String,
        /// What its holder may do: viewer reads, operator also acts, admin also makes tokens
        #[arg(long, default_value_t = Role::Viewer, value_name = "ROLE")]
        role: Role,
        /// It ends by itself after so long: 12h, 30d
        #[arg(long, value_parser = duration, value_name = "SPAN")]
        expires: Option<u64>,
    },
    /// Tokens, those that are over included; never the tokens themselves
    List,
    /// End a token at once
    Revoke {
        /// What it is called
        name: String,
    },
}

pub async fn run(context: &Context, command: TokenCommand) -> Ended {
    let desk = context.connect().await?;
    match command {
        TokenCommand::Create { name, role, expires } => {
            let wish = Command::CreateToken { name, role, expires_in_secs: expires };
            let created = view!(desk.wish(wish).await, TokenCreated);
            let ends = match created.view.expires_at {
                Some(end) => format!("until {end:.0}"),
                None => "until it is revoked".to_owned(),
            };
            context.screen.talk(&format!(
                "The token {} ({}) opens the API {ends}. It is shown this once:",
                paint(BOLD, &created.view.name),
                created.view.role
            ));
            context.screen.answer(&created, |created| created.token.clone())
        }
        TokenCommand::List => {
            let tokens = view!(desk.ask(Query::Tokens).await, Tokens);
            context.screen.answer(&json!({ "tokens": tokens }), |_| listed(&tokens))
        }
        TokenCommand::Revoke { name } => {
            let done = view!(desk.wish(Command::RevokeToken { name }).await, Done);
            context.screen.answer(&json!({ "done": done }), |_| done.clone())
        }
    }
}

fn listed(tokens: &[TokenView]) -> String {
    if tokens.is_empty() {
        return paint(DIM, "No tokens: `hale token create NAME --role viewer` makes one.");
    }
    let now = Timestamp::now();
    let mut lines = vec![paint(
        DIM,
        &format!("{:<24} {:<9} {:<8} {:<21} CREATED", "NAME", "ROLE", "STATE", "ENDS"),
    )];
    for token in tokens {
        let ends = token.revoked_at.or(token.expires_at);
        let ends = ends.map_or_else(|| "never".to_owned(), |end| format!("{end:.0}"));
        lines.push(format!(
            "{:<24} {:<9} {:<8} {ends:<21} {:.0} by {}",
            token.name,
            token.role.as_str(),
            token.state(now),
            token.created_at,
            token.created_by
        ));
    }
    lines.join("\n")
}
