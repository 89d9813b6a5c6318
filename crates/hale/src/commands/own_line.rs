//! This command and what it runs in: never a target. The agent knows its own line only, so that a wish
//! that goes to one is looked at here first.

use hale_model::action::Action;
use hale_model::api::{ApiError, ErrorKind};

/// Ancestors that are looked at; a line is rarely longer than ten.
const ANCESTORS_MAX: usize = 64;

/// A process as far as it matters here.
struct Place {
    pid: i32,
    parent: i32,
    group: i32,
}

/// Refuses what would hit this command or one of the processes that it runs in.
///
/// # Errors
/// It would.
pub fn spare(action: &Action) -> Result<(), ApiError> {
    let line = line();
    let hit = action.processes().iter().find_map(|target| {
        let by_pid = line.iter().find(|place| place.pid == target.pid);
        by_pid.or_else(|| {
            let group = is_for_group(action).then(|| place(target.pid)).flatten()?.group;
            line.iter().find(|place| place.group == group)
        })
    });
    hit.map_or(Ok(()), |place| {
        let pid = place.pid;
        let text = format!("refused: pid {pid} is this command itself, or what it runs in");
        Err(ApiError::new(ErrorKind::Refused, format!("{text} [guard.own_process]")))
    })
}

fn is_for_group(action: &Action) -> bool {
    matches!(action, Action::ProcessKill { group: true, .. })
}

/// This process and its ancestors, init left out: that one the guard never lets anybody touch.
fn line() -> Vec<Place> {
    let mut found = Vec::new();
    let mut next = i32::try_from(std::process::id()).ok().and_then(place);
    while let Some(place_of) = next.filter(|p| p.pid > 1 && found.len() < ANCESTORS_MAX) {
        next = place(place_of.parent);
        found.push(place_of);
    }
    found
}

fn place(pid: i32) -> Option<Place> {
    parse(pid, &std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// `PID (NAME) STATE PPID PGRP …`: the name may hold anything, parentheses too.
fn parse(pid: i32, stat: &[u8]) -> Option<Place> {
    let close = stat.iter().rposition(|b| *b == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(1);
    let mut number = || fields.next()?.parse().ok();
    Some(Place { pid, parent: number()?, group: number()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_place_is_read_whatever_the_name_is() {
        for name in ["bash", "a) S 9 9 (b", ""] {
            let read = parse(7, format!("7 ({name}) S 4 5 6 0\n").as_bytes()).unwrap();
            assert_eq!((read.pid, read.parent, read.group), (7, 4, 5), "{name}");
        }
        for torn in ["", "7 (a", "7 (a) S", "7 (a) S 4"] {
            assert!(parse(7, torn.as_bytes()).is_none(), "{torn}");
        }
    }

    #[test]
    fn the_line_begins_here_and_goes_up() {
        let line = line();
        assert_eq!(line[0].pid, i32::try_from(std::process::id()).unwrap());
        assert!(line.windows(2).all(|two| two[0].parent == two[1].pid));
    }
}
