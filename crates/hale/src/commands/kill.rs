//! `hale kill PID`: show what it is, confirm, end it, verify, log.

use hale_model::ProcRef;
use hale_model::action::Action;
use hale_model::api::{ApiError, ErrorKind, Query};

use super::{consent, explain};
use crate::cli::KillArgs;
use crate::context::{Context, view};
use crate::exit::{Ended, Failure};

/// Facts of the explanation that are shown before asking.
const LIMIT_FACTS: usize = 8;

pub async fn run(context: &Context, arguments: &KillArgs) -> Ended {
    // Identity first: what is killed is the process that was there before it was shown.
    let target = identity(arguments.pid)?;
    let desk = context.connect().await?;
    let what = arguments.pid.to_string();
    let explanation = view!(desk.ask(Query::Explain { what }).await, Explanation);
    if !context.screen.json {
        context.screen.talk(&explain::shown(&explanation, LIMIT_FACTS));
    }
    let members = explanation.facts.iter().find(|(name, _)| name == "process group");
    let group = match (arguments.group, members) {
        (true, Some((_, members))) => format!(" and its process group {members}"),
        (true, None) => " and its process group".to_owned(),
        (false, _) => String::new(),
    };
    let deed = format!("End process {target}{group}");
    let action = Action::ProcessKill {
        targets: vec![target],
        grace_secs: arguments.grace,
        force: arguments.force,
        group: arguments.group,
    };
    consent::act(context, &desk, action, &deed, arguments.yes).await
}

/// The process that has this pid now.
pub fn identity(pid: i32) -> Result<ProcRef, Failure> {
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
