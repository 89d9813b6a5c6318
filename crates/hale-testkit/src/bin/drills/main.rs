//! `drills`: makes real faults on a lab host, lets hale find and cure them, and judges it by the world.

mod agent;
mod catalogue;
mod check;
mod kills;
mod play;
mod stage;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::catalogue::DRILLS;
use crate::kills::Kills;
use crate::play::Player;
use crate::table::Row;

/// Make real faults, watch hale find and cure them, and judge it by what the world shows.
///
/// Without --local the drills run in a lab host (see lab/README.md), which is started for them and taken down.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The program under test; by default the one beside this program
    #[arg(long)]
    hale: Option<PathBuf>,
    /// Run on this very machine, in directories of its own; drills that need systemd are skipped where there is none
    #[arg(long)]
    local: bool,
    /// Only drills with this in their name; may be given again
    #[arg(long)]
    only: Vec<String>,
    /// List the drills and exit
    #[arg(long)]
    list: bool,
    /// Check the oracles instead: make each fault without an agent, cure it by hand, harm a bystander
    #[arg(long)]
    check: bool,
    /// Play each drill a second time with what the agent has learned in the first
    #[arg(long)]
    memory: bool,
    /// Length of the period without a fault; 0: none
    #[arg(long, default_value_t = 5)]
    quiet_minutes: u64,
    /// Play quick drills again and again until the agent was killed (-9) so many times
    #[arg(long, value_name = "N", default_value_t = 0)]
    kill9: u32,
    /// The moments of the kills follow from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave the host, or the directories, as they are afterwards
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = if cli.list {
        DRILLS.iter().for_each(|drill| println!("{}", drill.name));
        Ok(true)
    } else if cli.local {
        play_here(&cli)
    } else {
        play_in_lab(&cli)
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("drills: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn beside(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe().context("find own program")?.with_file_name(name);
    ensure!(path.is_file(), "{} is missing; build it first: make build", path.display());
    Ok(path)
}

fn hale(cli: &Cli) -> Result<PathBuf> {
    match &cli.hale {
        Some(path) => fs::canonicalize(path).with_context(|| format!("find {}", path.display())),
        None => beside("hale"),
    }
}

fn play_here(cli: &Cli) -> Result<bool> {
    let dir = std::env::temp_dir().join(format!("hale-drills-{}", std::process::id()));
    if cli.check {
        let player = Player { hale: PathBuf::new(), fault: beside("fault")?, dir: dir.clone() };
        return Ok(check_all(cli, &player));
    }
    let player = Player { hale: hale(cli)?, fault: beside("fault")?, dir: dir.clone() };
    let rows = if cli.kill9 > 0 { with_kills(cli, &player)? } else { once(cli, &player) };
    println!("{}", table::render(&rows));
    if cli.kill9 > 0 {
        let kills: u32 = rows.iter().map(|row| row.kills).sum();
        println!("\nkill -9 of the agent: {kills} times");
    }
    if let Some(file) = &cli.json {
        let text = serde_json::to_string_pretty(&rows).context("make JSON")?;
        fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    if !cli.keep && dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    Ok(rows.iter().all(Row::right))
}

fn chosen(cli: &Cli, name: &str) -> bool {
    cli.only.is_empty() || cli.only.iter().any(|part| name.contains(part.as_str()))
}

fn check_all(cli: &Cli, player: &Player) -> bool {
    let mut sound = true;
    for drill in DRILLS.iter().filter(|drill| chosen(cli, drill.name)) {
        match play::skipped(drill) {
            Some(why) => println!("{}: SKIPPED: {why}", drill.name),
            None => match check::check(player, drill) {
                Ok(()) => println!("{}: the oracle is sound", drill.name),
                Err(error) => {
                    sound = false;
                    println!("{}: {error:#}", drill.name);
                }
            },
        }
    }
    sound
}

fn tell(rows: &[Row]) {
    for row in rows {
        let verdict = match &row.skipped {
            Some(why) => format!("SKIPPED: {why}"),
            None if row.right() => "right".to_owned(),
            None => format!("WRONG: {}", row.complaint()),
        };
        eprintln!("drills: {}: {verdict}", row.name);
    }
}

fn once(cli: &Cli, player: &Player) -> Vec<Row> {
    let mut rows = Vec::new();
    for drill in DRILLS.iter().filter(|drill| chosen(cli, drill.name)) {
        eprintln!("drills: {} …", drill.name);
        let played = if cli.memory { player.play_twice(drill) } else { player.play(drill, None) };
        tell(&played);
        rows.extend(played);
    }
    if cli.quiet_minutes > 0 && chosen(cli, "no fault") {
        eprintln!("drills: no fault for {} min …", cli.quiet_minutes);
        let row = player.quiet(cli.quiet_minutes);
        tell(std::slice::from_ref(&row));
        rows.push(row);
    }
    rows
}

fn with_kills(cli: &Cli, player: &Player) -> Result<Vec<Row>> {
    let quick: Vec<_> = DRILLS
        .iter()
        .filter(|drill| drill.quick && chosen(cli, drill.name) && play::skipped(drill).is_none())
        .collect();
    ensure!(!quick.is_empty(), "none of the chosen drills can be played with kills here");
    let mut kills = Kills::new(cli.kill9, cli.seed);
    let mut rows = Vec::new();
    // A round without a single kill means that drills break before they begin.
    while kills.left() > 0 {
        let before = kills.done;
        for drill in &quick {
            if kills.left() == 0 {
                break;
            }
            eprintln!("drills: {}, {} kills left …", drill.name, kills.left());
            let played = player.play(drill, Some(&mut kills));
            tell(&played);
            rows.extend(played);
        }
        if kills.done == before {
            break;
        }
    }
    Ok(rows)
}

/// A script of the lab, in the checkout that this program is run in: what is built may be shared by several.
fn script(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(Path::new("lab").join(name));
    command.args(args);
    command
}

fn lab(name: &str, args: &[&str]) -> Result<()> {
    let status = script(name, args).stdout(Stdio::null()).status().with_context(|| {
        format!("run lab/{name} (the drills are run from the root of the checkout)")
    })?;
    ensure!(status.success(), "lab/{name} {} failed", args.join(" "));
    Ok(())
}

/// A host of this run alone: runs side by side are in nobody's way.
fn lab_host() -> String {
    format!("drills-{}", std::process::id())
}

fn play_in_lab(cli: &Cli) -> Result<bool> {
    let own = std::env::current_exe().context("find own program")?;
    let programs = own.parent().context("own program has no directory")?.to_owned();
    let hale = if cli.check { own.clone() } else { hale(cli)? };
    let library = hale.parent().context("hale has no directory")?;
    lab("engine", &["up"])?;
    lab("build-image", &[])?;
    let (host, own_pid) = (lab_host(), std::process::id().to_string());
    let mounts = [programs.display().to_string(), library.display().to_string()];
    let mut options = vec!["up", &host, "--mount", &mounts[0], "--mount", &mounts[1]];
    if !cli.keep {
        options.extend(["--for", &own_pid]);
    }
    lab("host", &options)?;
    let result = play_in_host(cli, &host, &own, &hale);
    if cli.keep {
        eprintln!("drills: the host stays up: lab/host exec {host} bash");
    } else {
        lab("host", &["down", &host])?;
    }
    result
}

fn play_in_host(cli: &Cli, host: &str, own: &Path, hale: &Path) -> Result<bool> {
    let mut command = script("host", &["exec", host]);
    command.arg(own).arg("--local").arg("--hale").arg(hale);
    command.args(["--json", "/tmp/drills.json"]);
    command.args(["--quiet-minutes", &cli.quiet_minutes.to_string()]);
    command.args(["--kill9", &cli.kill9.to_string(), "--seed", &cli.seed.to_string()]);
    for part in &cli.only {
        command.args(["--only", part]);
    }
    if cli.keep {
        command.arg("--keep");
    }
    if cli.memory {
        command.arg("--memory");
    }
    if cli.check {
        command.arg("--check");
    }
    let status = command.status().context("run lab/host")?;
    if let Some(file) = &cli.json {
        let output = script("host", &["exec", host, "cat", "/tmp/drills.json"])
            .output()
            .context("run lab/host")?;
        fs::write(file, output.stdout).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(status.success())
}
