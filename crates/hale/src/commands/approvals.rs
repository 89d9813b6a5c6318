//! `hale approvals list|show`, `hale approve`, `hale reject`

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use hale_model::ApprovalId;
use hale_model::action::Risk;
use hale_model::api::{ApiError, Command, ErrorKind, Query};
use hale_model::view::ApprovalView;

use super::{consent, show};
use crate::cli::ApprovalsCommand;
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Failure};

/// How long `--wait` waits, and how often it looks.
const LIMIT_WAIT: Duration = Duration::from_secs(900);
const WAIT_INTERVAL: Duration = Duration::from_millis(300);

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

pub async fn approve(context: &Context, id: &str, wait: bool) -> Ended {
    let desk = context.connect().await?;
    let approval = view!(desk.ask(Query::Approval { id: ApprovalId::from(id) }).await, Approval);
    let takes_yes = approval.verdict.risk >= Risk::Critical && approval.state == "pending";
    if takes_yes {
        context.screen.talk(&show::approval(&approval));
        if !std::io::stdin().is_terminal() {
            return Err(ApiError::new(
                ErrorKind::NeedsApproval,
                format!("{} is critical: a person must type YES", approval.id),
            )
            .hint("run this on a terminal")
            .into());
        }
        if !consent::typed_yes()? {
            context.screen.talk("Not approved.");
            return Ok(crate::exit::Exit::NeedsApproval);
        }
    }
    // The id in full: what was shown is what is approved.
    let id = ApprovalId(approval.id.clone());
    let approval =
        view!(desk.wish(Command::Approve { id, confirmed_critical: takes_yes }).await, Approval);
    let approval = if wait { ended(&desk, approval).await? } else { approval };
    context.screen.answer(&approval, |approval| show::approval(approval))?;
    if approval.state == "voided" {
        context.screen.talk(
            "Nothing was done: what was asked about has changed. If the trouble stands, hale asks anew: `hale approvals list`.",
        );
    }
    if let Some(incident) =
        approval.incident_id.as_deref().filter(|_| approval.action.state == "running")
    {
        context.screen.talk(&format!(
            "It runs and is being verified: `hale incidents show {incident}` tells how it goes."
        ));
    }
    Ok(show::action_exit(&approval.action))
}

/// The same approval once its action has ended.
async fn ended(desk: &Desk, mut approval: Box<ApprovalView>) -> Result<Box<ApprovalView>, Failure> {
    let deadline = Instant::now() + LIMIT_WAIT;
    while matches!(approval.action.state.as_str(), "awaiting_approval" | "intended" | "running") {
        if Instant::now() >= deadline {
            let message =
                format!("{} has not ended after {} s", approval.action.id, LIMIT_WAIT.as_secs());
            return Err(ApiError::new(ErrorKind::Degraded, message)
                .hint(format!("`hale approvals show {}` tells how it goes", approval.id))
                .into());
        }
        tokio::time::sleep(WAIT_INTERVAL).await;
        let id = ApprovalId(approval.id.clone());
        approval = view!(desk.ask(Query::Approval { id }).await, Approval);
    }
    Ok(approval)
}

pub async fn reject(context: &Context, id: &str, why: Option<String>) -> Ended {
    let desk = context.connect().await?;
    let command = Command::Reject { id: ApprovalId::from(id), why };
    let approval = view!(desk.wish(command).await, Approval);
    context.screen.answer(&approval, |approval| format!("{} is rejected.", approval.id))
}
