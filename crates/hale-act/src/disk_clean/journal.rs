//! `journal_vacuum`: journald drops archived entries. Cannot be undone.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hale_model::text;

use crate::roots::ActRoots;

const VACUUM_LIMIT: Duration = Duration::from_secs(120);
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Output of journalctl that is kept; the last lines hold the figures.
const MAX_OUTPUT_BYTES: usize = 1 << 20;

/// What one means did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    /// Whether anything was changed that cannot be put back.
    pub irreversible: bool,
    /// Whether it failed, in part or in full.
    pub failed: bool,
    /// Exit code of the program that was called.
    pub exit: Option<i32>,
    /// In words.
    pub detail: String,
}

pub(crate) fn vacuum(roots: &ActRoots, keep_bytes: u64, dev: u64) -> Freed {
    let here = roots
        .journal_dirs
        .iter()
        .any(|dir| rustix::fs::stat(dir).is_ok_and(|stat| stat.st_dev == dev));
    if !here {
        return Freed {
            detail: "journal: lies on another file system, left alone".to_owned(),
            ..Freed::default()
        };
    }
    match run(roots, keep_bytes) {
        Ok((Some(0), output)) => {
            let freed = parse_freed(&output).map_or("an unknown amount".to_owned(), text::bytes);
            Freed {
                irreversible: true,
                exit: Some(0),
                detail: format!("journal: {freed} freed (kept {})", text::bytes(keep_bytes)),
                ..Freed::default()
            }
        }
        Ok((exit, output)) => {
            let last = output.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("no message");
            let last = text::printable(&text::shorten(last, 200));
            let detail = format!("journal: journalctl failed: {last}");
            Freed { irreversible: true, failed: true, exit, detail }
        }
        Err(why) => Freed { failed: true, detail: format!("journal: {why}"), ..Freed::default() },
    }
}

fn run(roots: &ActRoots, keep_bytes: u64) -> Result<(Option<i32>, String), String> {
    let program = roots.journalctl.display();
    let mut command = Command::new(&roots.journalctl);
    command
        .arg(format!("--vacuum-size={keep_bytes}"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = hale_spawn::spawn(&mut command)
        .map_err(|e| format!("{program} cannot be started ({e})"))?;
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || stderr.map(read_tail).unwrap_or_default());
    let deadline = Instant::now() + VACUUM_LIMIT;
    let exit = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code(),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(EXIT_POLL_INTERVAL),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} did not end within {} s", VACUUM_LIMIT.as_secs()));
            }
        }
    };
    Ok((exit, reader.join().unwrap_or_default()))
}

/// Reads to the end, so that the child is never held up, and keeps only the last part.
fn read_tail(mut from: impl std::io::Read) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0_u8; 8192];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if kept.len() > 2 * MAX_OUTPUT_BYTES {
            kept.drain(..kept.len() - MAX_OUTPUT_BYTES);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Adds up `Vacuuming done, freed 24.0M of archived journals from /var/log/journal/….`
fn parse_freed(output: &str) -> Option<u64> {
    let mut total = None;
    for line in output.lines() {
        let Some(amount) = line
            .split_once("done, freed ")
            .and_then(|(_, rest)| rest.split_once(" of archived journals"))
            .and_then(|(amount, _)| parse_amount(amount))
        else {
            continue;
        };
        total = Some(total.unwrap_or(0_u64).saturating_add(amount));
    }
    total
}

/// `0B`, `8.0M`, `1.5G`, as systemd prints bytes.
fn parse_amount(amount: &str) -> Option<u64> {
    let split = amount.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = amount.split_at(split);
    let factor = match unit {
        "B" => 1.0,
        "K" => 1024.0,
        "M" => 1_048_576.0,
        "G" => 1_073_741_824.0,
        "T" => 1_099_511_627_776.0,
        _ => return None,
    };
    let value: f64 = number.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((value * factor) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_journalctl_says_is_added_up() {
        let output = "Deleted archived journal /var/log/journal/a/system@1.journal (8.0M).\n\
            Vacuuming done, freed 8.0M of archived journals from /var/log/journal/a.\n\
            Vacuuming done, freed 0B of archived journals from /var/log/journal.\n\
            Vacuuming done, freed 1.5G of archived journals from /run/log/journal.\n";
        assert_eq!(parse_freed(output), Some(8 * 1_048_576 + 1_610_612_736));
        assert_eq!(parse_freed("Failed to open\n"), None);
    }

    #[test]
    fn a_journal_elsewhere_is_left_alone_and_a_missing_program_is_named() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let dev = dir.path().metadata().unwrap().dev();
        let mut roots = ActRoots::new(dir.path());
        roots.journal_dirs = vec![dir.path().to_owned()];
        roots.journalctl = dir.path().join("none");
        let freed = vacuum(&roots, 1, dev + 1);
        assert!(!freed.failed && freed.detail.contains("another file system"), "{freed:?}");
        let freed = vacuum(&roots, 1, dev);
        assert!(freed.failed && freed.detail.contains("cannot be started"), "{freed:?}");
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_a_panic(output: String) {
            let _ = parse_freed(&output);
            let _ = parse_freed(&format!("done, freed {output} of archived journals"));
        }
    }
}
