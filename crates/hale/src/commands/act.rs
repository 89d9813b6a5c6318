//! `hale act KIND TARGET`: any action of the registry by hand: judged, confirmed, verified, logged.

use clap::{Args, Subcommand};
use hale_model::action::{Action, CleanMeans};
use hale_model::api::{ApiError, ErrorKind, Query};
use hale_model::container::ContainerRef;
use hale_model::sample::{Source, SourceState};
use hale_model::text::printable;
use hale_model::workload::{WorkloadKind, WorkloadRef};

use super::{consent, kill};
use crate::cli::duration;
use crate::context::{Context, Desk, view};
use crate::exit::{Ended, Failure};

/// `hale act`
#[derive(Args, Debug)]
pub struct ActArgs {
    #[command(subcommand)]
    what: What,
    /// Do not ask (what is critical asks all the same)
    #[arg(short, long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Stop a process until it is continued (`hale undo` continues it)
    #[command(name = "process.pause")]
    Pause {
        /// Which process
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        pid: i32,
    },
    /// Change a process's nice value (`hale undo` sets the old one)
    #[command(name = "process.renice")]
    Renice {
        /// Which process
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        pid: i32,
        /// From -20 (most CPU) to 19 (least)
        #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-20..=19))]
        nice: i32,
    },
    /// Restart a systemd unit
    #[command(name = "service.restart")]
    Restart {
        /// `nginx` or `nginx.service`
        unit: String,
    },
    /// Start a systemd unit (`hale undo` stops it)
    #[command(name = "service.start")]
    Start {
        /// `nginx` or `nginx.service`
        unit: String,
    },
    /// Stop a systemd unit (`hale undo` starts it)
    #[command(name = "service.stop")]
    Stop {
        /// `nginx` or `nginx.service`
        unit: String,
    },
    /// Restart a container
    #[command(name = "container.restart")]
    ContainerRestart {
        /// Its name, or its id
        container: String,
    },
    /// Start a container (`hale undo` stops it)
    #[command(name = "container.start")]
    ContainerStart {
        /// Its name, or its id
        container: String,
    },
    /// Stop a container (`hale undo` starts it)
    #[command(name = "container.stop")]
    ContainerStop {
        /// Its name, or its id
        container: String,
    },
    /// Change the memory limit of a container (`hale undo` sets the old one)
    #[command(name = "container.set_memory")]
    ContainerSetMemory {
        /// Its name, or its id
        container: String,
        /// The new limit
        #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(6..=16_777_216))]
        limit_mib: u64,
    },
    /// Replace a Kubernetes workload's pods a few at a time (`hale undo` gives the old template back)
    #[command(name = "k8s.rollout_restart")]
    RolloutRestart {
        /// `NAMESPACE/NAME`, or `NAMESPACE/statefulset/NAME`
        workload: String,
    },
    /// Bring a Deployment's previous version back (`hale undo` brings the present one back)
    #[command(name = "k8s.rollback")]
    Rollback {
        /// `NAMESPACE/NAME`
        workload: String,
    },
    /// Change a Kubernetes workload's number of pods, within `[kubernetes]` (`hale undo` sets the old one)
    #[command(name = "k8s.scale")]
    Scale {
        /// `NAMESPACE/NAME`, or `NAMESPACE/statefulset/NAME`
        workload: String,
        /// So many
        #[arg(long)]
        replicas: u32,
    },
    /// Have the kernel drop clean caches
    #[command(name = "memory.drop_caches")]
    DropCaches,
    /// Free disk space: journal archives, package downloads, old files to the quarantine
    #[command(name = "disk.clean")]
    Clean(CleanArgs),
    /// Run a shell command, judged by what it does
    #[command(name = "command.run")]
    Run {
        /// As you would type it
        command: String,
        /// End it after so long
        #[arg(long, default_value = "60s", value_parser = duration, value_name = "SPAN")]
        timeout: u64,
        /// Where it runs
        #[arg(long, value_name = "DIR")]
        dir: Option<std::path::PathBuf>,
    },
}

#[derive(Args, Debug)]
struct CleanArgs {
    /// The file system that is short
    mount_point: String,
    /// Let the journal drop archived entries until so many MiB are left
    #[arg(long, value_name = "MIB")]
    journal_keep_mib: Option<u64>,
    /// Remove downloaded package files
    #[arg(long)]
    package_cache: bool,
    /// Move old files of this directory to the quarantine (it must be in `cleanable_paths`)
    #[arg(long, value_name = "DIR")]
    old_files: Vec<String>,
    /// How old is old
    #[arg(long, default_value = "7d", value_parser = duration, value_name = "SPAN")]
    older_than: u64,
    /// Stop when so much is free
    #[arg(long, default_value_t = 20.0, value_name = "PERCENT")]
    until_free: f64,
}

pub async fn run(context: &Context, arguments: ActArgs) -> Ended {
    let desk = context.connect().await?;
    let (action, deed) = action(&desk, arguments.what).await?;
    consent::act(context, &desk, action, &deed, arguments.yes).await
}

async fn action(desk: &Desk, what: What) -> Result<(Action, String), Failure> {
    Ok(match what {
        What::Pause { pid } => {
            let target = kill::identity(pid)?;
            let deed = format!("Pause process {target}");
            (Action::ProcessPause { target }, deed)
        }
        What::Renice { pid, nice } => {
            let target = kill::identity(pid)?;
            let deed = format!("Set process {target} to nice {nice}");
            (Action::ProcessRenice { target, nice }, deed)
        }
        What::Restart { unit } => {
            let unit = full_name(unit);
            let deed = format!("Restart {unit}");
            (Action::ServiceRestart { unit, invocation_id: None }, deed)
        }
        What::Start { unit } => {
            let unit = full_name(unit);
            let deed = format!("Start {unit}");
            (Action::ServiceStart { unit }, deed)
        }
        What::Stop { unit } => {
            let unit = full_name(unit);
            let deed = format!("Stop {unit}");
            (Action::ServiceStop { unit, invocation_id: None }, deed)
        }
        What::ContainerRestart { container } => {
            let container = identify(desk, &container).await?;
            let deed = format!("Restart container {container}");
            (Action::ContainerRestart { container }, deed)
        }
        What::ContainerStart { container } => {
            let container = identify(desk, &container).await?;
            let deed = format!("Start container {container}");
            (Action::ContainerStart { container }, deed)
        }
        What::ContainerStop { container } => {
            let container = identify(desk, &container).await?;
            let deed = format!("Stop container {container}");
            (Action::ContainerStop { container }, deed)
        }
        What::ContainerSetMemory { container, limit_mib } => {
            let container = identify(desk, &container).await?;
            let deed = format!("Limit container {container} to {limit_mib} MiB");
            (Action::ContainerSetMemory { container, limit_bytes: limit_mib << 20 }, deed)
        }
        What::RolloutRestart { workload } => {
            let workload = find_workload(desk, &workload).await?;
            let deed = format!("Replace the pods of {workload}");
            (Action::K8sRolloutRestart { workload }, deed)
        }
        What::Rollback { workload } => {
            let workload = find_workload(desk, &workload).await?;
            let deed = format!("Bring the previous version of {workload} back");
            (Action::K8sRollback { workload }, deed)
        }
        What::Scale { workload, replicas } => {
            let workload = find_workload(desk, &workload).await?;
            let deed = format!("Scale {workload} to {replicas}");
            (Action::K8sScale { workload, replicas }, deed)
        }
        What::DropCaches => (Action::MemoryDropCaches, "Drop this machine's clean caches".into()),
        What::Clean(clean) => cleaning(clean)?,
        What::Run { command, timeout, dir } => {
            let deed = format!("Run {}", printable(&command));
            let working_dir = dir.map(absolute).transpose()?;
            let timeout_secs = u32::try_from(timeout).unwrap_or(u32::MAX);
            (Action::CommandRun { command, working_dir, timeout_secs }, deed)
        }
    })
}

fn cleaning(clean: CleanArgs) -> Result<(Action, String), Failure> {
    let mut means = Vec::new();
    if let Some(mib) = clean.journal_keep_mib {
        means.push(CleanMeans::JournalVacuum { keep_bytes: mib.saturating_mul(1024 * 1024) });
    }
    if clean.package_cache {
        means.push(CleanMeans::PackageCache);
    }
    if !clean.old_files.is_empty() {
        means.push(CleanMeans::OldFiles {
            directories: clean.old_files,
            older_than_secs: clean.older_than,
        });
    }
    if means.is_empty() {
        return Err(Failure::usage(
            "no way of cleaning is named",
            "add --journal-keep-mib, --package-cache or --old-files DIR",
        ));
    }
    let deed = format!("Free space on {}", clean.mount_point);
    let action = Action::DiskClean {
        mount_point: clean.mount_point,
        means,
        target_free_percent: clean.until_free,
    };
    Ok((action, deed))
}

/// The container of this name or id, in the run of now: an action is aimed at what was seen.
async fn identify(desk: &Desk, named: &str) -> Result<ContainerRef, Failure> {
    /// As short as the ids that engines show.
    const ID_CHARS_MIN: usize = 12;
    let status = view!(desk.ask(Query::Status { machine: None }).await, Status);
    let all = || status.containers.iter().map(|c| &c.stat);
    if let Some(stat) = all().find(|c| c.name == named) {
        return Ok(stat.container_ref());
    }
    let is_id = named.len() >= ID_CHARS_MIN && named.bytes().all(|b| b.is_ascii_hexdigit());
    let mut by_id = all().filter(|c| is_id && c.id.starts_with(named));
    if let (Some(stat), None) = (by_id.next(), by_id.next()) {
        return Ok(stat.container_ref());
    }
    let source = status.sources.iter().find(|s| s.source == Source::Container);
    let unread = source.filter(|s| s.state != SourceState::Fresh).and_then(|s| s.note.as_deref());
    let why = unread.map(|note| format!(": {}", printable(note))).unwrap_or_default();
    Err(ApiError::new(
        ErrorKind::NotFound,
        format!("there is no container `{}`{why}", printable(named)),
    )
    .hint("`docker ps --all` lists them")
    .into())
}

/// The workload of this name, in the state of now: an action is aimed at what was seen.
async fn find_workload(desk: &Desk, named: &str) -> Result<WorkloadRef, Failure> {
    let mut parts = named.split('/');
    let wrong = || {
        Failure::usage(
            format!("`{}` names no workload", printable(named)),
            "write NAMESPACE/NAME, or NAMESPACE/statefulset/NAME",
        )
    };
    let (namespace, kind, name) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(name), None, None) => (namespace, WorkloadKind::Deployment, name),
        (Some(namespace), Some(kind), Some(name), None) => {
            (namespace, WorkloadKind::parse(kind).ok_or_else(wrong)?, name)
        }
        _ => return Err(wrong()),
    };
    let status = view!(desk.ask(Query::Status { machine: None }).await, Status);
    let found = status
        .workloads
        .iter()
        .map(|w| &w.workload)
        .find(|w| w.namespace == namespace && w.kind == kind && w.name == name);
    if let Some(workload) = found {
        return Ok(workload.clone());
    }
    let source = status.sources.iter().find(|s| s.source == Source::Kubernetes);
    let unread = source.filter(|s| s.state != SourceState::Fresh);
    let why = match unread {
        Some(source) if source.state == SourceState::Absent => {
            ": [kubernetes] enabled = false".to_owned()
        }
        Some(source) => format!(": {}", printable(source.note.as_deref().unwrap_or("not read"))),
        None => String::new(),
    };
    let what = format!(
        "there is no {} `{}/{}`{why}",
        kind.as_str().to_lowercase(),
        printable(namespace),
        printable(name)
    );
    Err(ApiError::new(ErrorKind::NotFound, what)
        .hint("`kubectl get deploy,sts,ds -A` lists them")
        .into())
}

/// As systemctl reads it: a name without a suffix is a service.
fn full_name(unit: String) -> String {
    const SUFFIXES: &[&str] = &[
        ".service",
        ".socket",
        ".timer",
        ".mount",
        ".target",
        ".path",
        ".slice",
        ".scope",
        ".device",
        ".automount",
        ".swap",
    ];
    if SUFFIXES.iter().any(|suffix| unit.ends_with(suffix)) {
        unit
    } else {
        format!("{unit}.service")
    }
}

fn absolute(dir: std::path::PathBuf) -> Result<String, Failure> {
    let path = std::path::absolute(&dir).map_err(|e| {
        Failure::usage(format!("{}: {e}", dir.display()), "name the directory in full")
    })?;
    path.into_os_string().into_string().map_err(|_| {
        Failure::usage("the directory's name is not UTF-8", "name one that can be written down")
    })
}
