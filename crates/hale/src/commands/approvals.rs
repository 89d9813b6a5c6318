//! `hale approvals list|show`, `hale approve`, `hale reject`

use std::io::IsTerminal as _;

use hale_model::ApprovalId;
use hale_model::action::Risk;
use hale_model::api::{ApiError, Command, ErrorKind, Query};

use super::{kill, show};
use crate::cli::ApprovalsCommand;
use crate::context::{Context, view};
use crate::exit::Ended;

pub async fn run(context: &Context, command: ApprovalsCommand) -> Ended {
    let desk = context.connect().await?;
    match command {
        ApprovalsCommand::List { all } => {
            let approvals = view!(desk.ask(Query::Approvals { all }).await, Approvals);
            context.screen.answer(&approvals, |view| show::approvals(&view.approvals))
        }
        ApprovalsCommand::Show { id } => {
            let approval = view!(desk.ask(Query::Approval { id: ApprovalId(id) }).await, Approval);
            context.screen.answer(&approval, |approval| show::approval(approval))
        }
    }
}

pub async fn approve(context: &Context, id: &str) -> Ended {
    let desk = context.connect().await?;
    let approval = view!(desk.ask(Query::Approval { id: ApprovalId::from(id) }).await, Approval);
    if approval.verdict.risk >= Risk::Critical && approval.state == "pending" {
        context.screen.talk(&show::approval(&approval));
        if !std::io::stdin().is_terminal() {
            return Err(ApiError::new(
                ErrorKind::NeedsApproval,
                format!("{} is critical: a person must type YES", approval.id),
            )
            .hint("run this on a terminal")
            .into());
        }
        if !kill::typed_yes()? {
            context.screen.talk("Not approved.");
            return Ok(crate::exit::Exit::NeedsApproval);
        }
    }
    // The id in full: what was shown is what is approved.
    let id = ApprovalId(approval.id.clone());
    let approval = view!(desk.wish(Command::Approve { id }).await, Approval);
    context.screen.answer(&approval, |approval| show::approval(approval))
}

pub async fn reject(context: &Context, id: &str, why: Option<String>) -> Ended {
    let desk = context.connect().await?;
    let command = Command::Reject { id: ApprovalId::from(id), why };
    let approval = view!(desk.wish(command).await, Approval);
    context.screen.answer(&approval, |approval| format!("{} is rejected.", approval.id))
}
