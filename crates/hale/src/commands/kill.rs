//! `hale kill PID`: show what it is, confirm, end it, verify, log.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use hale_model::ProcRef;
use hale_model::action::Action;
use hale_model::api::{ApiError, Command, ErrorKind, Query, View};
use hale_model::text::printable;

use super::{explain, show};
use crate::cli::KillArgs;
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Exit, Failure};
use crate::screen::{BOLD, paint};

/// Facts of the explanation that are shown before asking.
const LIMIT_FACTS: usize = 8;
/// Bytes of an answer at the prompt.
const LIMIT_ANSWER_BYTES: u64 = 1024;

pub async fn run(context: &Context, arguments: &KillArgs) -> Ended {
    // Identity first: what is killed is the process that was there before it was shown.
    let target = identity(arguments.pid)?;
    let desk = context.connect().await?;
    let what = arguments.pid.to_string();
    let explanation = view!(desk.ask(Query::Explain { what }).await, Explanation);
    if !context.screen.json {
        context.screen.talk(&explain::shown(&explanation, LIMIT_FACTS));
    }
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            return Err(ApiError::new(
                ErrorKind::NeedsApproval,
                format!("process {target} is not ended without a yes"),
            )
            .hint("run this on a terminal, or add --yes")
            .into());
        }
        let members = explanation.facts.iter().find(|(name, _)| name == "process group");
        let group = match (arguments.group, members) {
            (true, Some((_, members))) => format!(" and its process group {members}"),
            (true, None) => " and its process group".to_owned(),
            (false, _) => String::new(),
        };
        if !asked(&format!("End process {}{group}? [y/N] ", printable(&target.to_string())))? {
            context.screen.talk("Nothing was done.");
            return Ok(Exit::NeedsApproval);
        }
    }
    let action = Action::ProcessKill {
        targets: vec![target],
        grace_secs: arguments.grace,
        force: arguments.force,
        group: arguments.group,
    };
    let answer = act(&desk, action).await?;
    let action = view!(Ok::<View, Failure>(answer), Action);
    context.screen.answer(&action, |action| show::action(action))?;
    Ok(show::action_exit(&action))
}

/// Does it; where the guard finds it critical, only once the person has typed YES.
async fn act(desk: &Desk, action: Action) -> Result<View, Failure> {
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
fn asked(question: &str) -> Result<bool, Failure> {
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
    let mut terminal = anstream::stderr().lock();
    write!(terminal, "{}", paint(BOLD, question))
        .and_then(|()| terminal.flush())
        .map_err(unread)?;
    let mut answer = String::new();
    let stdin = std::io::Read::take(std::io::stdin().lock(), LIMIT_ANSWER_BYTES);
    std::io::BufReader::new(stdin).read_line(&mut answer).map_err(unread)?;
    Ok(answer.trim().to_owned())
}

/// The process that has this pid now.
fn identity(pid: i32) -> Result<ProcRef, Failure> {
    let stat = match std::fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ApiError::new(ErrorKind::NotFound, format!("there is no process {pid}"))
                .hint("`hale status` lists the busiest ones")
                .into());
        }
        Err(error) => {
            return Err(Failure::failed(
                format!("process {pid} cannot be read: {error}"),
                "run this as its owner, or as root",
            ));
        }
    };
    parse_identity(pid, &stat).ok_or_else(|| {
        Failure::failed(format!("/proc/{pid}/stat is not understood"), "the kernel may be too old")
    })
}

/// `PID (NAME) STATE …`: the name may hold anything, parentheses too; field 22 is the start.
fn parse_identity(pid: i32, stat: &[u8]) -> Option<ProcRef> {
    let open = stat.iter().position(|b| *b == b'(')?;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let start_ticks = rest.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some(ProcRef { pid, start_ticks, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_whatever_its_name_is() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        for name in ["bash", "a) S (b", "", "x y"] {
            let stat = format!("7 ({name}) {rest}\n");
            let expected = ProcRef { pid: 7, start_ticks: 4242, name: name.to_owned() };
            assert_eq!(parse_identity(7, stat.as_bytes()), Some(expected));
        }
        for torn in ["", "7", "7 (a", "7 (a) S 1", ")("] {
            assert_eq!(parse_identity(7, torn.as_bytes()), None, "{torn}");
        }
    }
}
