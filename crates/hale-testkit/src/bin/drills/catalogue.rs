//! The drills: which fault, which configuration, and what a good guardian does about it.

use std::path::PathBuf;

use anyhow::Result;
use hale_testkit::world::{self, Ident};

use crate::stage::{Stage, write_files};

/// What has to happen to one fault.
pub enum Response {
    /// hale does this one thing, alone, and proves the cure.
    Act(Act),
    /// hale says what it is and does nothing: a person has to decide.
    Person,
    /// The fault ends by itself; the alert closes and nothing is done.
    Clears,
}

/// An action and whom it may touch.
pub struct Act {
    /// Kind of action.
    pub kind: &'static str,
    /// A unit or a mount; else the processes of the fault, exactly.
    pub target: Option<String>,
    /// Whether the cure ends the trouble; else it only eases it, and success of the action is enough.
    pub ends_it: bool,
}

/// One fault of a drill, as the oracle knows it.
pub struct Case {
    /// Alert kinds that name it; any of these.
    pub kinds: &'static [&'static str],
    /// Causes that are right; any of these.
    pub causes: &'static [&'static str],
    /// What has to happen.
    pub response: Response,
    /// The processes that are the fault.
    pub idents: Vec<Ident>,
    /// The units that are the fault.
    pub units: Vec<String>,
    /// Part of the alert's subject, where another alert of this kind could be meant.
    pub subject: Option<String>,
    /// Whether the world is well again, seen without hale.
    pub well: Box<dyn Fn() -> Result<bool>>,
}

/// A drill.
pub struct Drill {
    /// Its name in the table.
    pub name: &'static str,
    /// What it needs of the machine.
    pub needs: Needs,
    /// What it adds to the configuration; see [`config`].
    pub settings: fn() -> Result<Settings>,
    /// Makes the fault.
    pub inject: fn(&mut Stage) -> Result<Vec<Case>>,
    /// How long hale may take, all in all.
    pub limit_secs: u64,
    /// Whether it is played again and again with kill -9 of the agent: it must not need a long memory.
    pub quick: bool,
}

/// What a drill needs of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Root, to mount a tmpfs or to be pid 1's neighbour; nothing else.
    Root,
    /// systemd and its journal.
    Systemd,
    /// Swap.
    Swap,
}

/// What a drill sets in the configuration.
#[derive(Default)]
pub struct Settings {
    thresholds: Vec<(&'static str, f64)>,
    allow: &'static [&'static str],
    units: &'static [&'static str],
    cleanable: &'static [&'static str],
}

/// The configuration of a drill: auto, every second, short windows. Thresholds on what the whole
/// machine does are out of reach, unless the drill is about them: others use the machine too. A fault
/// played again is a new one, not a relapse.
pub fn config(settings: &Settings) -> String {
    let mut thresholds = vec![
        ("ram_warn_percent", 99.0),
        ("ram_critical_percent", 100.0),
        ("swap_warn_percent", 100.0),
        ("cpu_load_factor", 1000.0),
        ("hot_process_percent", 1000.0),
        ("disk_full_within_hours", 0.01),
        ("orphan_for_secs", 5.0),
        ("zombie_timeout_secs", 5.0),
        ("leak_window_secs", 30.0),
        ("leak_min_growth_mib", 24.0),
        ("fd_leak_min_growth", 200.0),
    ];
    for (key, value) in &settings.thresholds {
        thresholds.retain(|(name, _)| name != key);
        thresholds.push((key, *value));
    }
    let thresholds: String =
        thresholds.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!(
        "[general]\nmode = \"auto\"\ninterval_secs = 1\n\n[thresholds]\n{thresholds}\n\
         [notifications]\ndesktop = false\nterminal = false\n\n\
         [allowlist]\nrestartable_units = {:?}\ncleanable_paths = {:?}\n\n\
         [autonomy]\nallow = {:?}\nmax_actions_per_hour = 1000\nrelapse_secs = 5\n\n[server]\nlisten = \"\"\n",
        settings.units, settings.cleanable, settings.allow
    )
}

/// The configuration of the quiet period: what a user has who only said `mode = "auto"`, with
/// durations a fifth as long, as the interval is.
pub fn quiet_config() -> String {
    "[general]\nmode = \"auto\"\ninterval_secs = 1\n\n[thresholds]\nram_for_secs = 6\nload_for_secs = 60\n\
     hot_process_for_secs = 60\norphan_for_secs = 12\nzombie_timeout_secs = 60\nleak_window_secs = 120\n\n\
     [notifications]\ndesktop = false\nterminal = false\n\n[server]\nlisten = \"\"\n"
        .to_owned()
}

fn all_gone(idents: &[Ident]) -> Box<dyn Fn() -> Result<bool>> {
    let idents = idents.to_vec();
    Box::new(move || Ok(!idents.iter().any(Ident::lives)))
}

fn never() -> Box<dyn Fn() -> Result<bool>> {
    Box::new(|| Ok(false))
}

/// A case about processes that hale has to end.
fn kill(
    kinds: &'static [&'static str],
    causes: &'static [&'static str],
    idents: Vec<Ident>,
) -> Case {
    Case {
        kinds,
        causes,
        response: Response::Act(Act { kind: "process.kill", target: None, ends_it: true }),
        well: all_gone(&idents),
        idents,
        units: Vec::new(),
        subject: None,
    }
}

/// A case about a unit that misbehaves the first time only; `log` has a line for each start, so that a
/// second restart would be seen.
fn restart(
    stage: &mut Stage,
    name: &str,
    options: &str,
    args: &str,
    kinds: &'static [&'static str],
    causes: &'static [&'static str],
) -> Result<Case> {
    let log = stage.dir.join(format!("{name}.starts"));
    let unit = stage.unit(name, options, &format!("--once {} {args}", log.display()), 900)?;
    let watched = unit.clone();
    Ok(Case {
        kinds,
        causes,
        response: Response::Act(Act {
            kind: "service.restart",
            target: Some(unit.clone()),
            ends_it: true,
        }),
        idents: Vec::new(),
        units: vec![unit],
        subject: None,
        well: Box::new(move || {
            let starts = std::fs::read_to_string(&log).map_or(0, |text| text.lines().count());
            Ok(starts == 2 && world::unit(&watched)?.active_state == "active")
        }),
    })
}

/// A case about a tmpfs of its own; files of today must stay.
fn clean(
    mount: PathBuf,
    kinds: &'static [&'static str],
    causes: &'static [&'static str],
    inodes: bool,
    idents: Vec<Ident>,
) -> Case {
    let target = mount.display().to_string();
    Case {
        kinds,
        causes,
        response: Response::Act(Act {
            kind: "disk.clean",
            target: Some(target.clone()),
            ends_it: true,
        }),
        idents,
        units: Vec::new(),
        subject: Some(target),
        well: Box::new(move || {
            let (space, free_inodes) = world::free_percent(&mount)?;
            let kept = (0..3).all(|n| mount.join(format!("today-{n}.log")).exists());
            Ok(kept && if inodes { free_inodes >= 5.0 } else { space >= 10.0 })
        }),
    }
}

fn memory_hog() -> Result<Settings> {
    let (total, used) = world::memory_mib()?;
    let now = used as f64 * 100.0 / total as f64;
    let hog = 1200.0 * 100.0 / total as f64;
    Ok(Settings {
        // Nearer to the top: the alert is over two points below, where the agent's own memory counts too.
        thresholds: vec![("ram_warn_percent", (now + hog * 0.7).ceil()), ("ram_for_secs", 3.0)],
        allow: &["process.kill@memory.high"],
        ..Settings::default()
    })
}

fn leak_settings() -> Result<Settings> {
    Ok(Settings {
        allow: &["process.kill@process.leak", "service.restart@process.leak"],
        units: &["leaky.service"],
        ..Settings::default()
    })
}

fn leaky_unit(stage: &mut Stage) -> Result<Case> {
    restart(
        stage,
        "leaky",
        "Restart=no",
        "leak --mib-per-sec 3 --max-mib 600",
        &["process.leak"],
        &["memory_leak"],
    )
}

fn failed_settings() -> Result<Settings> {
    Ok(Settings { units: &["fragile.service"], ..Settings::default() })
}

fn failed_unit(stage: &mut Stage) -> Result<Case> {
    restart(
        stage,
        "fragile",
        "Restart=no",
        "crash --after-secs 2",
        &["service.failed"],
        &["unit_failed"],
    )
}

const DISK: &str = "/srv/hale-drill";

/// Every drill, in the order of the table.
pub const DRILLS: &[Drill] = &[
    Drill {
        name: "memory hog",
        needs: Needs::Root,
        settings: memory_hog,
        inject: |stage| {
            let idents = stage.fault(&["memory-hog", "--mib", "1200"])?;
            Ok(vec![kill(&["memory.high"], &["memory_hog"], idents)])
        },
        limit_secs: 90,
        quick: false,
    },
    Drill {
        name: "slow leak in a unit",
        needs: Needs::Systemd,
        settings: leak_settings,
        inject: |stage| Ok(vec![leaky_unit(stage)?]),
        limit_secs: 150,
        quick: false,
    },
    Drill {
        name: "leak beside a red herring",
        needs: Needs::Root,
        settings: leak_settings,
        inject: |stage| {
            stage.fault(&["steady-big", "--mib", "700"])?;
            let idents = stage.fault(&["leak", "--mib-per-sec", "3", "--max-mib", "500"])?;
            Ok(vec![kill(&["process.leak"], &["memory_leak"], idents)])
        },
        limit_secs: 150,
        quick: false,
    },
    Drill {
        name: "CPU spinner",
        needs: Needs::Root,
        settings: || {
            Ok(Settings {
                thresholds: vec![("hot_process_percent", 60.0), ("hot_process_for_secs", 5.0)],
                allow: &["process.renice@cpu.hot_process"],
                ..Settings::default()
            })
        },
        inject: |stage| {
            let idents = stage.fault(&["cpu-spin"])?;
            let pid = idents.first().map_or(0, |i| i.pid);
            Ok(vec![Case {
                kinds: &["cpu.hot_process"],
                causes: &["cpu_spinner"],
                response: Response::Act(Act {
                    kind: "process.renice",
                    target: None,
                    ends_it: false,
                }),
                idents,
                units: Vec::new(),
                subject: None,
                well: Box::new(move || Ok(world::stat(pid).is_some_and(|s| s.nice > 0))),
            }])
        },
        limit_secs: 90,
        quick: false,
    },
    Drill {
        name: "zombie nest",
        needs: Needs::Systemd,
        settings: || {
            Ok(Settings {
                allow: &["service.restart@process.zombie"],
                units: &["nest.service"],
                ..Settings::default()
            })
        },
        inject: |stage| {
            Ok(vec![restart(
                stage,
                "nest",
                "Restart=no",
                "zombies 30",
                &["process.zombie"],
                &["zombie_parent"],
            )?])
        },
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "orphaned workers",
        needs: Needs::Root,
        settings: || {
            Ok(Settings { allow: &["process.kill@process.orphan"], ..Settings::default() })
        },
        inject: |stage| {
            let idents = stage.fault(&["orphans", "1", "--percent", "80"])?;
            Ok(vec![kill(&["process.orphan"], &["orphan_spinning"], idents)])
        },
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "ghost storm",
        needs: Needs::Root,
        settings: || {
            Ok(Settings {
                thresholds: vec![("ghost_storm_ram_percent", storm_percent()?)],
                ..Settings::default()
            })
        },
        inject: |stage| {
            let idents = stage.fault(&["ghost-storm", "--count", "12", "--mib", "40"])?;
            Ok(vec![kill(&["process.ghost_storm"], &["ghost_storm"], idents)])
        },
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "fd leak that ignores TERM",
        needs: Needs::Root,
        settings: || {
            Ok(Settings { allow: &["process.kill@process.fd_leak"], ..Settings::default() })
        },
        inject: |stage| {
            let idents = stage.fault(&["--stubborn", "fd-leak", "--per-sec", "20"])?;
            Ok(vec![kill(&["process.fd_leak"], &["fd_leak"], idents)])
        },
        limit_secs: 150,
        quick: false,
    },
    Drill {
        name: "disk filling",
        needs: Needs::Root,
        settings: || {
            Ok(Settings {
                allow: &["disk.clean@disk.space", "disk.clean@disk.filling"],
                cleanable: &[DISK],
                ..Settings::default()
            })
        },
        inject: |stage| {
            let mount = stage.mount("hale-drill", "size=64m")?;
            write_files(&mount, 3)?;
            let idents =
                stage.fault(&["fill-disk", DISK, "--mib-per-sec", "40", "--age-days", "90"])?;
            Ok(vec![clean(mount, &["disk.space", "disk.filling"], &["disk_full"], false, idents)])
        },
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "inode exhaustion",
        needs: Needs::Root,
        settings: || {
            Ok(Settings {
                allow: &["disk.clean@disk.inodes"],
                cleanable: &[DISK],
                ..Settings::default()
            })
        },
        inject: |stage| {
            let mount = stage.mount("hale-drill", "size=64m,nr_inodes=3000")?;
            write_files(&mount, 3)?;
            let idents = stage.fault(&["fill-inodes", DISK, "--age-days", "90"])?;
            Ok(vec![clean(mount, &["disk.inodes"], &["inodes_exhausted"], true, idents)])
        },
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "failed unit",
        needs: Needs::Systemd,
        settings: failed_settings,
        inject: |stage| Ok(vec![failed_unit(stage)?]),
        limit_secs: 90,
        quick: true,
    },
    Drill {
        name: "crash-looping unit",
        needs: Needs::Systemd,
        settings: || Ok(Settings::default()),
        inject: |stage| {
            let unit = stage.unit(
                "looping",
                "Restart=always\nRestartSec=1",
                "crash --after-secs 0",
                900,
            )?;
            Ok(vec![Case {
                kinds: &["service.flapping"],
                causes: &["unit_crash_loop"],
                response: Response::Person,
                idents: Vec::new(),
                units: vec![unit.clone()],
                subject: Some(unit),
                well: never(),
            }])
        },
        limit_secs: 60,
        quick: false,
    },
    Drill {
        name: "OOM kill in a cgroup",
        needs: Needs::Systemd,
        settings: || {
            Ok(Settings {
                allow: &["service.restart@kernel.oom"],
                units: &["greedy.service"],
                ..Settings::default()
            })
        },
        inject: |stage| {
            let args = "memory-hog --mib 200";
            Ok(vec![restart(
                stage,
                "greedy",
                "Restart=no\nMemoryMax=64M",
                args,
                &["kernel.oom"],
                &["oom_kill"],
            )?])
        },
        limit_secs: 90,
        quick: false,
    },
    Drill {
        name: "memory pressure (PSI)",
        needs: Needs::Systemd,
        settings: || {
            Ok(Settings {
                thresholds: vec![("memory_pressure_percent", 10.0), ("ram_for_secs", 5.0)],
                allow: &["service.restart@memory.pressure"],
                units: &["starved.service"],
                ..Settings::default()
            })
        },
        inject: |stage| {
            // Not in memory as the rest of the stage is: only what is on a disk can be taken back.
            Ok(vec![restart(
                stage,
                "starved",
                "Restart=no\nMemoryMax=16M",
                "thrash /var/tmp/hale-drill-rows --mib 24",
                &["memory.pressure"],
                &["memory_limit"],
            )?])
        },
        limit_secs: 120,
        quick: false,
    },
    Drill {
        name: "journal flood",
        needs: Needs::Systemd,
        settings: || Ok(Settings::default()),
        inject: |stage| {
            let idents = stage.fault(&["journal-flood", "--per-sec", "30"])?;
            Ok(vec![Case {
                kinds: &["journal.burst"],
                causes: &["journal_flood"],
                response: Response::Person,
                idents,
                units: Vec::new(),
                subject: Some("paymentsd".to_owned()),
                well: never(),
            }])
        },
        limit_secs: 120,
        quick: false,
    },
    Drill {
        name: "swap pressure",
        needs: Needs::Swap,
        settings: || {
            Ok(Settings { thresholds: vec![("swap_warn_percent", 1.0)], ..Settings::default() })
        },
        inject: |stage| {
            let idents = stage.fault(&["memory-hog", "--mib", "1200"])?;
            Ok(vec![Case {
                kinds: &["swap.high"],
                causes: &["memory_pressure", "memory_hog"],
                response: Response::Person,
                idents,
                units: Vec::new(),
                subject: None,
                well: never(),
            }])
        },
        limit_secs: 60,
        quick: false,
    },
    Drill {
        name: "recovers by itself",
        needs: Needs::Root,
        settings: || Ok(Settings::default()),
        inject: |stage| {
            let mount = stage.mount("hale-drill", "size=64m")?;
            let idents = stage.fault_for(&["fill-disk", DISK], 8)?;
            Ok(vec![Case {
                kinds: &["disk.space"],
                causes: &["disk_full"],
                response: Response::Clears,
                idents,
                units: Vec::new(),
                subject: Some(DISK.to_owned()),
                well: Box::new(move || Ok(world::free_percent(&mount)?.0 > 90.0)),
            }])
        },
        limit_secs: 60,
        quick: false,
    },
    Drill {
        name: "two faults at once",
        needs: Needs::Systemd,
        settings: || Ok(Settings { units: &["fragile.service"], ..leak_settings()? }),
        inject: |stage| {
            let leak = stage.fault(&["leak", "--mib-per-sec", "3", "--max-mib", "500"])?;
            let unit = failed_unit(stage)?;
            Ok(vec![kill(&["process.leak"], &["memory_leak"], leak), unit])
        },
        limit_secs: 150,
        quick: false,
    },
];

/// Half of what twelve servers of 40 MiB hold, in percent of this machine's memory.
fn storm_percent() -> Result<f64> {
    let (total, _) = world::memory_mib()?;
    Ok((240.0 * 100.0 / total as f64 * 100.0).round() / 100.0)
}
