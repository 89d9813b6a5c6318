//! From a real fault to the alert: a small file system that is filled at a random moment of the interval.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::idle::start_agent;
use crate::{Figure, median};

const RUNS: u32 = 10;
const INTERVAL_SECS: f64 = 1.0;
const WITHIN: Duration = Duration::from_secs(20);

/// Fills so many file systems, one after the other; the worst time counts.
pub fn fault_to_alert(hale: &Path, dir: &Path) -> Result<Figure> {
    let what = format!("fault to alert, disk.space at 1 s, worst of {RUNS}");
    if !rustix::process::geteuid().is_root() {
        return Ok(Figure::skipped(&what, "needs root, to mount a small file system"));
    }
    let config = "[general]\ninterval_secs = 1\n[notifications]\nterminal = false\ndesktop = false\n\
                  digest_over_per_minute = 10000\n[server]\nlisten = \"\"\n";
    let mounts: Vec<_> = (0..RUNS).map(|n| dir.join(format!("small-{n}"))).collect();
    for mount in &mounts {
        fs::create_dir_all(mount).with_context(|| format!("make {}", mount.display()))?;
        tool("mount", &["-t", "tmpfs", "-o", "size=4m", "tmpfs", &mount.display().to_string()])?;
    }
    let times = measure(hale, dir, &mounts, config);
    for mount in &mounts {
        tool("umount", &["-l", &mount.display().to_string()])?;
    }
    let mut times = times?;
    let worst = times.iter().copied().fold(0.0, f64::max);
    let mut figure = Figure::below(&what, worst, INTERVAL_SECS + 0.1, "s");
    figure.figure = format!("{worst:.2} s (median {:.2} s)", median(&mut times));
    figure.budget = "≤ one interval + 0.1 s".to_owned();
    Ok(figure)
}

fn measure(
    hale: &Path,
    dir: &Path,
    mounts: &[std::path::PathBuf],
    config: &str,
) -> Result<Vec<f64>> {
    let place = dir.join("alert");
    let _agent = start_agent(hale, &place, config)?;
    let log = place.join("data/alerts.jsonl");
    sleep(Duration::from_secs(4));
    let mut times = Vec::new();
    for (n, mount) in mounts.iter().enumerate() {
        // A step that is no multiple of the interval: every phase of it is met.
        sleep(Duration::from_millis(2000 + 137 * n as u64));
        let filled = Instant::now();
        let file = mount.join("full.bin");
        fs::write(&file, vec![0x5a_u8; 4_100_000])
            .with_context(|| format!("write {}", file.display()))?;
        let name = mount.display().to_string();
        while !fs::read_to_string(&log).unwrap_or_default().contains(&name) {
            if filled.elapsed() > WITHIN {
                bail!("no alert about {name} after {} s", WITHIN.as_secs());
            }
            sleep(Duration::from_millis(5));
        }
        times.push(filled.elapsed().as_secs_f64());
    }
    Ok(times)
}

fn tool(name: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(name).args(args).status().with_context(|| format!("run {name}"))?;
    ensure!(status.success(), "{name} {} failed", args.join(" "));
    Ok(())
}
