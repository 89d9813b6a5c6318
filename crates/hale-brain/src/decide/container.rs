//! What is refused to everyone about containers: those that hold hale, those that somebody else
//! keeps (kubelet), those that a person protects, and those that are not what was judged.

use hale_model::container::{ContainerRef, ContainerStat, is_container_id, is_container_name};
use hale_model::sample::Source;
use hale_model::text::{bytes, printable, shorten};

use super::GuardInput;
use super::names::{container_pattern, own_container};
use super::refusals::{Refusal, administrators_only, never, not_now, observed};

/// What Docker itself takes for a limit: less it refuses.
const MEMORY_LIMIT_BYTES_MIN: u64 = 6 * 1024 * 1024;

/// Why this does not name one container. Names and ids go to the engine's API and into commands that
/// people paste: only what an engine itself accepts.
pub(super) fn wrong_name(container: &ContainerRef) -> Option<String> {
    if is_container_name(&container.name) && is_container_id(&container.id) {
        return None;
    }
    let shown = shorten(&printable(&container.name), 80);
    Some(format!("`{shown}` is not the name and id of one container"))
}

/// Why this is no limit.
pub(super) fn wrong_limit(limit_bytes: u64, input: &GuardInput<'_>) -> Option<String> {
    let total = input.snapshot.system.mem_total_bytes;
    if limit_bytes < MEMORY_LIMIT_BYTES_MIN {
        let (given, least) = (bytes(limit_bytes), bytes(MEMORY_LIMIT_BYTES_MIN));
        Some(format!("{given} is less than any container can run in ({least})"))
    } else {
        total.filter(|total| limit_bytes > *total).map(|total| {
            format!("{} is more than this machine has ({})", bytes(limit_bytes), bytes(total))
        })
    }
}

/// Everything that forbids to touch this container.
pub(super) fn refusals(input: &GuardInput<'_>, target: &ContainerRef, found: &mut Vec<Refusal>) {
    administrators_only(input, "the machine's containers", found);
    protected_name(input, &target.name, found);
    if own_container(input.snapshot) == Some(target.id.as_str()) {
        found.push(never("guard.own_process", format!("hale itself runs in container {target}")));
    }
    if !observed(input, Source::Container, found) {
        return;
    }
    match input.snapshot.container(&target.id, &target.name) {
        None => {
            let text = format!("container {target} is not, or no longer, among those observed");
            found.push(not_now("guard.target_unobserved", text));
        }
        Some(container) => {
            let stat = &container.stat;
            if stat.name != target.name {
                protected_name(input, &stat.name, found);
            }
            infrastructure(stat, found);
            protected_program(input, stat, found);
            if target.started_at.is_some() && stat.started_at != target.started_at {
                let text = format!("container {target} has been started anew since it was judged");
                found.push(never("guard.container_changed", text));
            }
        }
    }
}

fn protected_name(input: &GuardInput<'_>, name: &str, found: &mut Vec<Refusal>) {
    if let Some(pattern) = container_pattern(&input.config.allowlist.protected_containers, name) {
        let text =
            format!("container {name} matches `{pattern}` in [allowlist] protected_containers");
        found.push(never("guard.protected_container", text));
    }
}

/// kubelet keeps its own: what another restarts behind its back it restarts once more.
fn infrastructure(stat: &ContainerStat, found: &mut Vec<Refusal>) {
    if stat.kubernetes {
        let text = format!(
            "container {} belongs to Kubernetes: `kubectl` is the way to touch it",
            stat.name
        );
        found.push(never("guard.protected_container", text));
    }
}

/// Whoever protects a pid, or hale's own processes, protects the container around it.
fn protected_program(input: &GuardInput<'_>, stat: &ContainerStat, found: &mut Vec<Refusal>) {
    if stat.pid <= 0 {
        return;
    }
    if input.snapshot.own_pids.contains(&stat.pid) {
        let text = format!("hale itself runs in container {}", stat.name);
        found.push(never("guard.own_process", text));
    }
    if input.config.allowlist.protected_pids.contains(&stat.pid) {
        let text =
            format!("container {} runs pid {} of [allowlist] protected_pids", stat.name, stat.pid);
        found.push(never("guard.protected_pid", text));
    }
}
