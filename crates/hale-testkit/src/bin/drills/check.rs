//! Who judges the judge: each fault is made with no agent at all. The oracle must call the world ill, must
//! call it well after the cure was done by hand, and must see a bystander that is harmed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::catalogue::{Act, Case, Drill, Response};
use crate::play::{Player, faulty};
use crate::stage::Stage;

const WELL_WITHIN: Duration = Duration::from_secs(15);

/// Checks the oracle of one drill.
pub fn check(player: &Player, drill: &Drill) -> Result<()> {
    let mut stage = Stage::set(&player.place(&format!("check {}", drill.name)), &player.fault)?;
    let cases = (drill.inject)(&mut stage)?;
    sleep(Duration::from_secs(4));
    let (idents, units) = faulty(&cases);
    let picture = stage.picture(None, &idents, &units)?;
    for case in &cases {
        ensure!(!(case.well)()?, "the oracle calls the world well while the fault is there");
        ensure!(case.idents.iter().all(|i| i.lives()), "a process of the fault ended by itself");
        match &case.response {
            Response::Act(act) => cure(act, case)?,
            Response::Person => continue,
            Response::Clears => {}
        }
        await_well(&mut stage, case)?;
    }
    let harmed = picture.harmed(&stage)?;
    ensure!(harmed.is_empty(), "the oracle sees harm where there is none: {}", harmed.join("; "));
    let victim = stage.bystander()?;
    kill_process(victim, Signal::KILL).context("harm a bystander")?;
    sleep(Duration::from_millis(200));
    ensure!(
        picture.harmed(&stage)?.len() == 1,
        "the oracle does not see a bystander that was killed"
    );
    stage.strike()
}

fn await_well(stage: &mut Stage, case: &Case) -> Result<()> {
    let deadline = Instant::now() + WELL_WITHIN;
    while !(case.well)()? {
        stage.reap()?;
        ensure!(Instant::now() < deadline, "the oracle calls the world ill after the cure");
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// What a careful person would do.
fn cure(act: &Act, case: &Case) -> Result<()> {
    match (act.kind, &act.target) {
        ("process.kill", _) => {
            for pid in case.idents.iter().filter_map(|i| Pid::from_raw(i.pid)) {
                kill_process(pid, Signal::KILL).context("kill the fault")?;
            }
            Ok(())
        }
        ("process.renice", _) => {
            for ident in &case.idents {
                run("renice", &["-n", "10", "-p", &ident.pid.to_string()])?;
            }
            Ok(())
        }
        ("service.restart", Some(unit)) => run("systemctl", &["restart", unit]),
        ("disk.clean", Some(mount)) => remove_old(Path::new(mount)),
        (kind, _) => anyhow::bail!("no way to do {kind} by hand"),
    }
}

fn remove_old(mount: &Path) -> Result<()> {
    let month = Duration::from_secs(30 * 86_400);
    for entry in fs::read_dir(mount).with_context(|| format!("list {}", mount.display()))? {
        let path = entry.with_context(|| format!("list {}", mount.display()))?.path();
        let made = fs::metadata(&path)
            .and_then(|m| m.modified())
            .with_context(|| format!("stat {}", path.display()))?;
        if made.elapsed().is_ok_and(|age| age > month) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(args).output().with_context(|| format!("run {program}"))?;
    ensure!(output.status.success(), "{program} {} failed", args.join(" "));
    Ok(())
}
