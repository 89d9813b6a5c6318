//! The class of a target: what stays the same from one use of a cure to the next.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hale_model::ProcRef;
use hale_model::action::Action;
use hale_model::ids::hex_digest;
use hale_model::snapshot::Snapshot;
use hale_model::text::shorten;
use regex::Regex;

use crate::decide::names::service_of;

/// A class is a name that people read and that is compared: longer ones are cut, with a digest of
/// the whole so that two long ones stay apart.
const CLASS_MAX_BYTES: usize = 200;

/// A unit's name, a process's service or else its command without its changing parts, a mount.
pub fn target_class(action: &Action, snapshot: &Snapshot) -> String {
    match action {
        Action::ProcessKill { targets, .. } => {
            let classes: BTreeSet<String> =
                targets.iter().map(|t| process_class(t, snapshot)).collect();
            bounded(&classes.into_iter().collect::<Vec<_>>().join(" + "))
        }
        Action::ProcessPause { target } | Action::ProcessRenice { target, .. } => {
            process_class(target, snapshot)
        }
        Action::ServiceRestart { unit, .. }
        | Action::ServiceStart { unit }
        | Action::ServiceStop { unit, .. } => unit.clone(),
        Action::DiskClean { mount_point, .. } => mount_point.clone(),
        Action::MemoryDropCaches => "machine".to_owned(),
        Action::CommandRun { command, .. } => bounded(&without_changing_parts(command)),
        Action::Notify { .. } => "person".to_owned(),
        // What stays when it is made anew from its image.
        Action::ContainerRestart { container }
        | Action::ContainerStart { container }
        | Action::ContainerStop { container }
        | Action::ContainerSetMemory { container, .. } => container.name.clone(),
        Action::K8sRolloutRestart { workload }
        | Action::K8sRollback { workload }
        | Action::K8sScale { workload, .. } => workload.key(),
    }
}

pub(super) fn process_class(target: &ProcRef, snapshot: &Snapshot) -> String {
    // One that is gone, or another by now, is known by its name only.
    let Some(process) = snapshot.find(target) else { return target.name.clone() };
    if let Some(unit) = service_of(&process.info) {
        return format!("{unit}: {}", process.info.name);
    }
    if process.info.cmdline.is_empty() {
        return target.name.clone();
    }
    bounded(&without_changing_parts(&process.info.cmdline))
}

/// The command line with what differs from one start to the next replaced by `#`: numbers that
/// stand alone, long hexadecimal words, and names of temporary files.
pub(crate) fn without_changing_parts(cmdline: &str) -> String {
    // A literal; an unusable one would leave command lines as they are: classes too narrow, never
    // too wide.
    static CHANGING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?x) /tmp/[^\s/]+ | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
              | \b[0-9a-f]{16,}\b | \b[0-9]+\b",
        )
        .ok()
    });
    let words: Vec<&str> = cmdline.split_whitespace().collect();
    let Some((program, arguments)) = words.split_first() else { return String::new() };
    let arguments = arguments.join(" ");
    let masked = match CHANGING.as_ref() {
        Some(changing) => changing.replace_all(&arguments, "#").into_owned(),
        None => arguments,
    };
    if masked.is_empty() { (*program).to_owned() } else { format!("{program} {masked}") }
}

pub(super) fn bounded(class: &str) -> String {
    if class.len() <= CLASS_MAX_BYTES {
        return class.to_owned();
    }
    format!("{} #{}", shorten(class, CLASS_MAX_BYTES - 20), hex_digest(&[class], 12))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn what_changes_from_start_to_start_is_left_out() {
        for (given, expected) in [
            ("python3 worker.py --id 7", "python3 worker.py --id #"),
            ("python3 worker.py --id 8", "python3 worker.py --id #"),
            ("/usr/bin/node /tmp/mcp-a1B2/server.js", "/usr/bin/node #/server.js"),
            ("job 550e8400-e29b-41d4-a716-446655440000 deadbeefdeadbeef0", "job # #"),
            ("redis-server *:6379", "redis-server *:#"),
            ("python3.11", "python3.11"),
            ("app2 v1beta2", "app2 v1beta2"),
            ("", ""),
        ] {
            assert_eq!(without_changing_parts(given), expected, "{given}");
        }
    }

    #[test]
    fn long_commands_stay_apart() {
        let (a, b) = (format!("{} a", "x ".repeat(300)), format!("{} b", "x ".repeat(300)));
        assert_ne!(bounded(&a), bounded(&b));
        assert!(bounded(&a).len() <= CLASS_MAX_BYTES);
    }
}
