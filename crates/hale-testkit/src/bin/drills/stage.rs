//! Where a drill plays: its directory, its bystanders, the faults it starts, and the picture of
//! everything else before and after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use hale_testkit::world::{self, Ident, Unit};
use serde::Deserialize;

/// Longer than any drill waits; a fault that is not cured ends by itself.
pub const FAULT_SECS: u64 = 240;
const UNIT_DIR: &str = "/run/systemd/system";

/// A drill's own place on the machine.
pub struct Stage {
    /// Its directory.
    pub dir: PathBuf,
    fault: PathBuf,
    children: Vec<Child>,
    started: Vec<Ident>,
    units: Vec<String>,
    mounts: Vec<PathBuf>,
    keep: PathBuf,
}

#[derive(Deserialize)]
struct Announcement {
    pids: Vec<Ident>,
}

impl Stage {
    /// Makes the place and starts the bystanders: three processes, a unit where there is systemd, files.
    pub fn set(dir: &Path, fault: &Path) -> Result<Stage> {
        fs::create_dir_all(dir.join("tmp")).with_context(|| format!("make {}", dir.display()))?;
        let mut stage = Stage {
            dir: dir.to_owned(),
            fault: fault.to_owned(),
            children: Vec::new(),
            started: Vec::new(),
            units: Vec::new(),
            mounts: Vec::new(),
            keep: dir.join("files"),
        };
        for name in ["postgres", "nginx", "billing-api"] {
            let copy = stage.dir.join(name);
            fs::copy(fault, &copy).with_context(|| format!("copy to {}", copy.display()))?;
            stage.spawn(&copy, &["idle"], FAULT_SECS * 2)?;
        }
        fs::create_dir_all(&stage.keep).context("make the bystanders' files")?;
        for n in 0..5 {
            fs::write(stage.keep.join(format!("ledger-{n}")), format!("entry {n}\n").repeat(100))
                .context("write a bystander's file")?;
        }
        if world::has_systemd() {
            stage.unit("hale-bystander", "Restart=no", "idle", 2 * FAULT_SECS)?;
        }
        Ok(stage)
    }

    fn spawn(&mut self, program: &Path, args: &[&str], secs: u64) -> Result<Vec<Ident>> {
        let mut child = Command::new(program)
            .args(["--secs", &secs.to_string()])
            .args(args)
            .env("TMPDIR", self.dir.join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {} {}", program.display(), args.join(" ")))?;
        let output = child.stdout.take().context("output is not piped")?;
        self.started.extend(Ident::of(child.id() as i32));
        self.children.push(child);
        let mut line = String::new();
        BufReader::new(output.take(64 * 1024))
            .read_line(&mut line)
            .context("read what the fault says")?;
        let told: Announcement = serde_json::from_str(&line)
            .with_context(|| format!("{} {} did not start", program.display(), args.join(" ")))?;
        self.started.extend(&told.pids);
        Ok(told.pids)
    }

    /// Starts a fault; returns the processes that are the fault.
    pub fn fault(&mut self, args: &[&str]) -> Result<Vec<Ident>> {
        self.fault_for(args, FAULT_SECS)
    }

    /// The same with a time after which it ends by itself.
    pub fn fault_for(&mut self, args: &[&str], secs: u64) -> Result<Vec<Ident>> {
        let program = self.fault.clone();
        self.spawn(&program, args, secs)
    }

    /// Writes a unit that runs a fault, and starts it.
    pub fn unit(&mut self, name: &str, options: &str, args: &str, secs: u64) -> Result<String> {
        let unit = format!("{name}.service");
        let text = format!(
            "[Unit]\nDescription=drill {name}\nStartLimitIntervalSec=0\n[Service]\n{options}\nExecStart={} --secs {secs} {args}\n",
            self.fault.display()
        );
        let path = Path::new(UNIT_DIR).join(&unit);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        self.units.push(unit.clone());
        systemctl(&["daemon-reload"])?;
        systemctl(&["start", "--no-block", &unit])?;
        Ok(unit)
    }

    /// A small tmpfs of its own.
    pub fn mount(&mut self, name: &str, options: &str) -> Result<PathBuf> {
        let path = Path::new("/srv").join(name);
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&path)
            .status()
            .context("run mount")?;
        ensure!(status.success(), "mount -t tmpfs -o {options} tmpfs {} failed", path.display());
        self.mounts.push(path.clone());
        Ok(path)
    }

    /// One of the bystanders, to see whether harm to it is seen.
    pub fn bystander(&self) -> Result<rustix::process::Pid> {
        let first = self.children.first().context("no bystander was started")?;
        rustix::process::Pid::from_raw(first.id() as i32).context("a bystander without a pid")
    }

    /// Collects children that ended: a zombie of the drill would be a fault that nobody ordered.
    pub fn reap(&mut self) -> Result<()> {
        for child in &mut self.children {
            child.try_wait().context("wait for a fault")?;
        }
        Ok(())
    }

    /// Takes down everything that it set up.
    pub fn strike(&mut self) -> Result<()> {
        for child in &self.children {
            let family = world::family(child.id() as i32);
            self.started.extend(family.into_iter().filter_map(Ident::of));
        }
        for ident in self.started.drain(..) {
            if ident.lives()
                && let Some(pid) = rustix::process::Pid::from_raw(ident.pid)
            {
                // Gone in between: just as well.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        for mut child in self.children.drain(..) {
            child.wait().context("wait for a fault")?;
        }
        for unit in self.units.drain(..) {
            // A unit that failed cannot be stopped; what counts is that it does not run.
            let _ = systemctl(&["stop", &unit]);
            let _ = systemctl(&["reset-failed", &unit]);
            let _ = fs::remove_file(Path::new(UNIT_DIR).join(&unit));
        }
        if world::has_systemd() {
            systemctl(&["daemon-reload"])?;
        }
        for mount in self.mounts.drain(..) {
            let status =
                Command::new("umount").arg("-l").arg(&mount).status().context("run umount")?;
            ensure!(status.success(), "umount {} failed", mount.display());
            let _ = fs::remove_dir(&mount);
        }
        Ok(())
    }

    /// The processes and units that are the fault or belong to the drill, not to the bystanders.
    pub fn picture(
        &self,
        agent: Option<i32>,
        fault: &[Ident],
        fault_units: &[String],
    ) -> Result<Picture> {
        let hale = agent.map(world::family).unwrap_or_default();
        let own: Vec<i32> = self.started.iter().map(|i| i.pid).collect();
        // On a machine that others use, processes come and go: there, only our own bystanders count.
        let everything = world::has_systemd();
        let seen = world::processes();
        // Helpers of the system that live for a moment are nobody's loss.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let processes = seen
            .into_iter()
            .filter(|p| p.ident.lives())
            .filter(|p| p.state != 'Z' && !hale.contains(&p.ident.pid) && !fault.contains(&p.ident))
            .filter(|p| everything || own.contains(&p.ident.pid) || own.contains(&p.ppid))
            .filter(|p| !in_unit(p.ident.pid, fault_units))
            .map(|p| (p.ident, (p.name, p.nice)))
            .collect();
        let mut units = world::units()?;
        units.retain(|name, unit| unit.active_state == "active" && !fault_units.contains(name));
        Ok(Picture { processes, units, files: world::files(&self.keep)? })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = self.strike() {
            eprintln!("drills: cleaning up: {error:#}");
        }
    }
}

fn in_unit(pid: i32, units: &[String]) -> bool {
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    units.iter().any(|unit| cgroup.contains(&format!("/{unit}")))
}

fn systemctl(args: &[&str]) -> Result<()> {
    let output = Command::new("systemctl").args(args).output().context("run systemctl")?;
    ensure!(
        output.status.success(),
        "systemctl {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Everything that nobody should touch.
pub struct Picture {
    processes: BTreeMap<Ident, (String, i32)>,
    units: BTreeMap<String, Unit>,
    files: BTreeMap<PathBuf, (u64, u64)>,
}

impl Picture {
    /// What of it is no longer as it was, in words.
    pub fn harmed(&self, keep: &Stage) -> Result<Vec<String>> {
        let mut harmed = Vec::new();
        for (ident, (name, nice)) in &self.processes {
            match ident.stat() {
                None => harmed.push(format!("process {} ({name}) is gone", ident.pid)),
                Some(now) if now.state == 'Z' => {
                    harmed.push(format!("process {} ({name}) died", ident.pid))
                }
                Some(now) if now.state == 'T' => {
                    harmed.push(format!("process {} ({name}) is stopped", ident.pid))
                }
                Some(now) if now.nice != *nice => {
                    harmed.push(format!("process {} ({name}) has nice {}", ident.pid, now.nice))
                }
                Some(_) => {}
            }
        }
        let now = world::units()?;
        for (name, unit) in &self.units {
            let unit_now = now.get(name).cloned().unwrap_or_default();
            if unit_now.active_state != unit.active_state
                || unit_now.invocation_id != unit.invocation_id
            {
                harmed.push(format!("{name} is {} or was restarted", unit_now.active_state));
            }
        }
        let files = world::files(&keep.keep)?;
        for (path, sum) in &self.files {
            if files.get(path) != Some(sum) {
                harmed.push(format!("{} is gone or changed", path.display()));
            }
        }
        Ok(harmed)
    }
}

/// Makes files that nothing may remove beside those of the fault.
pub fn write_files(dir: &Path, count: u32) -> Result<()> {
    for n in 0..count {
        let path = dir.join(format!("today-{n}.log"));
        let mut file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
        file.write_all(b"in use\n").with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
