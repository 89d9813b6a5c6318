//! `hale service install|uninstall`: the systemd unit that runs the agent.

use std::path::{Path, PathBuf};
use std::process::Command as Program;

use serde_json::json;

use crate::cli::ServiceCommand;
use crate::context::Context;
use crate::exit::{Ended, Failure};

const UNIT: &str = "hale.service";
/// The agent tells systemd that it lives once a turn; after so many turns without that it is
/// started again, but never sooner than this.
const WATCHDOG_TURNS: u64 = 3;
const WATCHDOG_MIN_SECS: u64 = 180;

pub fn run(context: &Context, command: &ServiceCommand) -> Ended {
    let place = Place::find()?;
    match command {
        ServiceCommand::Install { dry_run } => install(context, &place, *dry_run),
        ServiceCommand::Uninstall { dry_run } => uninstall(context, &place, *dry_run),
    }
}

/// The system's manager as root, else the user's.
struct Place {
    system: bool,
    unit: PathBuf,
}

impl Place {
    fn find() -> Result<Self, Failure> {
        if rustix::process::geteuid().is_root() {
            return Ok(Place { system: true, unit: Path::new("/etc/systemd/system").join(UNIT) });
        }
        let home = std::env::home_dir()
            .ok_or_else(|| Failure::usage("there is no home directory", "set HOME"))?;
        Ok(Place { system: false, unit: home.join(".config/systemd/user").join(UNIT) })
    }

    fn systemctl(&self, arguments: &[&str]) -> String {
        let user = if self.system { "" } else { " --user" };
        format!("systemctl{user} {}", arguments.join(" "))
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let line = self.systemctl(arguments);
        let mut program = Program::new("systemctl");
        if !self.system {
            program.arg("--user");
        }
        let output = program.args(["--no-ask-password"]).args(arguments).output();
        let why = match output {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Failure::failed(
            format!("`{line}` failed: {why}"),
            format!("run it by hand once systemd runs; the unit is {}", self.unit.display()),
        ))
    }
}

fn install(context: &Context, place: &Place, dry_run: bool) -> Ended {
    // A unit for a configuration that does not load would only fail later.
    let interval_secs = context.load_config()?.general.interval_secs;
    let program = std::env::current_exe().map_err(|e| {
        Failure::failed(format!("hale's own path cannot be read: {e}"), "start it by its full path")
    })?;
    let config = context.config_named.then(|| absolute(&context.config_path));
    let text = unit_text(&Wanted {
        program: &program,
        config: config.as_deref(),
        data_dir: &context.data_dir,
        system: place.system,
        watchdog_secs: (interval_secs * WATCHDOG_TURNS).max(WATCHDOG_MIN_SECS),
    })?;
    if dry_run {
        if !context.screen.json {
            context.screen.talk(&format!("This would be {}:", place.unit.display()));
        }
        let data = json!({ "unit": place.unit, "text": text });
        return context.screen.answer(&data, |_| text.clone());
    }
    let failed = |e: std::io::Error| {
        Failure::failed(
            format!("{} cannot be written: {e}", place.unit.display()),
            "`hale service install --dry-run` prints it",
        )
    };
    if let Some(dir) = place.unit.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(&place.unit, text).map_err(failed)?;
    place.run(&["daemon-reload"])?;
    place.run(&["enable", "--now", UNIT])?;
    let data = json!({ "unit": place.unit, "started": true });
    context.screen.answer(&data, |_| {
        format!(
            "{} is enabled and started: {}",
            place.unit.display(),
            place.systemctl(&["status", UNIT])
        )
    })
}

fn uninstall(context: &Context, place: &Place, dry_run: bool) -> Ended {
    let stop = ["disable", "--now", UNIT];
    if dry_run {
        let commands = [place.systemctl(&stop), format!("rm {}", place.unit.display())];
        return context.screen.answer(&json!({ "commands": commands }), |_| commands.join("\n"));
    }
    if !place.unit.exists() {
        return Err(Failure::failed(
            format!("{} does not exist", place.unit.display()),
            "there is nothing to remove",
        ));
    }
    place.run(&stop)?;
    std::fs::remove_file(&place.unit).map_err(|e| {
        Failure::failed(
            format!("{} cannot be removed: {e}", place.unit.display()),
            "remove it by hand",
        )
    })?;
    place.run(&["daemon-reload"])?;
    let data = json!({ "unit": place.unit, "removed": true });
    context.screen.answer(&data, |_| {
        format!("{} is stopped and removed. hale's files stay.", place.unit.display())
    })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

struct Wanted<'a> {
    program: &'a Path,
    config: Option<&'a Path>,
    data_dir: &'a Path,
    system: bool,
    watchdog_secs: u64,
}

fn unit_text(wanted: &Wanted<'_>) -> Result<String, Failure> {
    let mut start = vec![quoted(wanted.program)?];
    if let Some(config) = wanted.config {
        start.push("--config".to_owned());
        start.push(quoted(config)?);
    }
    start.push("--data-dir".to_owned());
    start.push(quoted(wanted.data_dir)?);
    start.push("up".to_owned());
    let start = start.join(" ");
    let wanted_by = if wanted.system { "multi-user.target" } else { "default.target" };
    // What hale needs stays open: signals to others' processes, their /proc, D-Bus to systemd, the
    // journal, writing where disk.clean may move files, and /proc/sys/vm/drop_caches.
    let hardening = if wanted.system {
        "NoNewPrivileges=yes\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         RestrictNamespaces=yes\n\
         ProtectKernelModules=yes\n\
         ProtectClock=yes\n\
         ProtectHostname=yes\n\
         SystemCallArchitectures=native\n\
         SystemCallFilter=~@module @mount @reboot @swap @obsolete @cpu-emulation\n\
         SystemCallErrorNumber=EPERM\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    } else {
        "NoNewPrivileges=yes\nLockPersonality=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    };
    let watchdog_secs = wanted.watchdog_secs;
    let home = if wanted.system { "Environment=HOME=/root\n" } else { "" };
    Ok(format!(
        "# Written by `hale service install`.\n\
         [Unit]\n\
         Description=hale keeps this machine healthy\n\
         After=dbus.socket systemd-journald.socket\n\
         StartLimitIntervalSec=300\n\
         StartLimitBurst=5\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={start}\n\
         {home}\
         Restart=on-failure\n\
         RestartSec=5\n\
         TimeoutStopSec=20\n\
         WatchdogSec={watchdog_secs}\n\
         UMask=0077\n\
         Nice=5\n\
         OOMScoreAdjust=-100\n\
         MemoryHigh=256M\n\
         MemoryMax=512M\n\
         TasksMax=128\n\
         {hardening}\
         \n\
         [Install]\n\
         WantedBy={wanted_by}\n"
    ))
}

/// As systemd reads it: in quotes, specifiers and variables taken literally.
fn quoted(path: &Path) -> Result<String, Failure> {
    let text =
        path.to_str().filter(|text| !text.chars().any(char::is_control)).ok_or_else(|| {
            Failure::usage(
                format!("{} cannot stand in a unit file", path.display()),
                "use a path of plain text",
            )
        })?;
    let escaped =
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    Ok(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn paths_are_taken_literally_by_systemd() {
        for (path, expected) in
            [("/usr/bin/hale", "\"/usr/bin/hale\""), ("/a b/$x%h\"\\", "\"/a b/$$x%%h\\\"\\\\\"")]
        {
            let Ok(text) = quoted(Path::new(path)) else { panic!("{path}") };
            assert_eq!(text, expected);
        }
        assert!(quoted(Path::new("/a\nExecStartPre=/bin/rm")).is_err());
    }
}
