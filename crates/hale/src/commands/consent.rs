//! An action that a person asked for: the guard first, then the person, then the deed. One way for
//! every command that acts.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use hale_model::action::{Action, Risk};
use hale_model::api::{ApiError, Command, ErrorKind, Query, View};
use hale_model::text::printable;

use super::{own_line, show};
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, paint};

/// Bytes of an answer at the prompt.
const LIMIT_ANSWER_BYTES: u64 = 1024;

/// Asks, does, and shows how it ended. `deed`: what is asked about, as in "End process 12".
pub async fn act(context: &Context, desk: &Desk, action: Action, deed: &str, yes: bool) -> Ended {
    if desk.agent {
        own_line::spare(&action)?;
    }
    if !yes {
        // A question whose answer would be refused is not put.
        refused_for_good(desk, &action).await?;
        if !std::io::stdin().is_terminal() {
            return Err(ApiError::new(
                ErrorKind::NeedsApproval,
                format!("{} on {} is not done without a yes", action.kind(), action.target()),
            )
            .hint("run this on a terminal, or add --yes")
            .into());
        }
        if !asked(&format!("{}? [y/N] ", printable(deed)))? {
            context.screen.talk("Nothing was done.");
            return Ok(Exit::NeedsApproval);
        }
    }
    let done = view!(done(desk, action).await, Action);
    context.screen.answer(&done, |action| show::action(action))?;
    Ok(show::action_exit(&done))
}

pub async fn refused_for_good(desk: &Desk, action: &Action) -> Result<(), Failure> {
    let verdict = view!(desk.ask(Query::Judge { action: action.clone() }).await, Verdict);
    if verdict.risk < Risk::Deny {
        return Ok(());
    }
    let reasons: Vec<String> =
        verdict.reasons.iter().map(|r| format!("{} [{}]", r.text, r.rule)).collect();
    Err(ApiError::new(ErrorKind::Refused, format!("refused: {}", reasons.join("; "))).into())
}

/// Does it; where the guard finds it critical, only once the person has typed YES.
async fn done(desk: &Desk, action: Action) -> Result<View, Failure> {
    let wish = |confirmed_critical| Command::Act { action: action.clone(), confirmed_critical };
    match desk.wish(wish(false)).await {
        Err(error) if error.kind == ErrorKind::NeedsApproval => {
            if !std::io::stdin().is_terminal() {
                return Err(error.into());
            }
            anstream::eprintln!("{}", printable(&error.message));
            if !typed_yes()? {
                return Err(error.into());
            }
            Ok(desk.wish(wish(true)).await?)
        }
        answer => Ok(answer?),
    }
}

/// Whether the person says yes.
pub fn asked(question: &str) -> Result<bool, Failure> {
    let answer = prompt(question)?;
    Ok(matches!(answer.as_str(), "y" | "Y" | "yes" | "Yes" | "YES"))
}

/// Whether the person types YES, in capitals.
pub fn typed_yes() -> Result<bool, Failure> {
    Ok(prompt("This is critical. Type YES to go on: ")? == "YES")
}

/// Asks on the terminal.
pub fn prompt(question: &str) -> Result<String, Failure> {
    let unread = |e: std::io::Error| {
        Failure::failed(
            format!("the terminal cannot be used: {e}"),
            "add --yes where that is allowed",
        )
    };
    {
        // Not held while the person thinks: who is told of a Ctrl-C has to be able to write.
        let mut terminal = anstream::stderr().lock();
        write!(terminal, "{}", paint(BOLD, question))
            .and_then(|()| terminal.flush())
            .map_err(unread)?;
    }
    let mut answer = String::new();
    let stdin = std::io::Read::take(std::io::stdin().lock(), LIMIT_ANSWER_BYTES);
    std::io::BufReader::new(stdin).read_line(&mut answer).map_err(unread)?;
    Ok(answer.trim().to_owned())
}
