//! `hale audit list|verify`

use hale_model::api::Query;

use crate::cli::AuditCommand;
use crate::context::{Context, view};
use crate::exit::{Ended, Exit};
use crate::screen::{Columns, DIM, cell, local, styled, width};

pub async fn run(context: &Context, command: AuditCommand) -> Ended {
    let desk = context.connect().await?;
    match command {
        AuditCommand::List { limit } => {
            let entries = view!(desk.ask(Query::Audit { limit }).await, Audit);
            context.screen.answer(&entries, |entries| {
                if entries.is_empty() {
                    return "The audit chain is empty.".to_owned();
                }
                let header = ["SEQ", "WHEN", "WHO", "WHAT", "ON", "DETAILS"];
                let mut columns = Columns::new(&header, &[0]);
                for entry in entries {
                    columns.row([
                        styled(entry.seq.to_string(), DIM),
                        cell(local(entry.ts)),
                        cell(&entry.actor),
                        cell(&entry.kind),
                        cell(&entry.subject),
                        cell(&entry.details),
                    ]);
                }
                columns.render(width())
            })
        }
        AuditCommand::Verify => {
            let check = view!(desk.ask(Query::AuditVerify).await, AuditCheck);
            context.screen.answer(&check, |check| {
                let whole = if check.broken_at.is_some() { "BROKEN" } else { "whole" };
                format!("{whole}: {}", hale_model::text::printable(&check.finding))
            })?;
            Ok(if check.broken_at.is_some() { Exit::Failed } else { Exit::Done })
        }
    }
}
