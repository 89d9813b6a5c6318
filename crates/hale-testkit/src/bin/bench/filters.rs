//! The filters against labelled sets that lie outside the project (`HALE_BENCH_DIR`), scored by the sets'
//! own scorers, with the figures of public tools from their READMEs beside them; and their speed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Figure;

/// Commands for the speed of the guard; the set is repeated until there are so many.
const GUARD_SPEED_LINES: usize = 60_000;
/// Lines of the log corpus whose speed is measured.
const LOG_LINES: f64 = 1_000_000.0;

/// Every filter, on the sets in this directory.
pub fn filters(hale: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let Some(sets) = std::env::var_os("HALE_BENCH_DIR").filter(|dir| !dir.is_empty()) else {
        let why = "HALE_BENCH_DIR names no directory with labelled sets";
        return Ok(vec![Figure::skipped("guard, redaction, logs, anomalies", why)]);
    };
    let sets = Path::new(&sets);
    let mut figures = Vec::new();
    for (name, part) in [
        ("safety", guard as fn(&Path, &Path, &Path) -> Result<Vec<Figure>>),
        ("redaction", redaction),
        ("logs", logs),
        ("nab", anomalies),
    ] {
        let set = sets.join(name);
        if set.is_dir() {
            figures.extend(part(hale, &set, dir)?);
        } else {
            figures.push(Figure::skipped(name, &format!("{} is not there", set.display())));
        }
    }
    Ok(figures)
}

fn above(what: &str, value: f64, limit: f64, unit: &str) -> Figure {
    Figure {
        what: what.to_owned(),
        figure: format!("{value:.1} {unit}"),
        budget: format!("≥ {limit} {unit}"),
        met: Some(value >= limit),
    }
}

/// What a filter of hale's makes of these bytes, and the seconds it took.
fn filter(hale: &Path, arguments: &[&str], input: &[u8]) -> Result<(Vec<u8>, f64)> {
    let begun = Instant::now();
    let mut child = Command::new(hale)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("run {} {}", hale.display(), arguments.join(" ")))?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    let bytes = input.to_vec();
    // Written beside the reading: a filter answers before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().context("wait for it")?;
    let secs = begun.elapsed().as_secs_f64();
    writer.join().ok().context("write to it")?.context("write to it")?;
    ensure!(output.status.success(), "hale {}: {}", arguments.join(" "), output.status);
    Ok((output.stdout, secs))
}

fn python(arguments: &[&Path]) -> Result<String> {
    let output = Command::new("python3").args(arguments).output().context("run python3")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}: {said}",
        arguments.first().context("a script")?.display()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The JSON in the last line of a scorer's output.
fn scores(text: &str) -> Result<Value> {
    let line = text.lines().rfind(|line| line.starts_with('{')).context("the scorer's JSON")?;
    serde_json::from_str(line).context("read the scorer's JSON")
}

/// A share of the scorer's, in percent; it gives either a fraction or a pair.
fn percent(scores: &Value, key: &str) -> f64 {
    100.0 * scores[key].as_f64().unwrap_or(f64::NAN)
}

fn guard(hale: &Path, set: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let (scorer, corpus) = (set.join("score.py"), set.join("commands.tsv"));
    let commands = python(&[&scorer, Path::new("--commands"), &corpus])?;
    let (verdicts, _) = filter(hale, &["guard", "--jsonl"], commands.as_bytes())?;
    let mut rows = String::new();
    for line in String::from_utf8_lossy(&verdicts).lines() {
        let verdict: Value = serde_json::from_str(line).context("read a verdict")?;
        let text = |key: &str| verdict[key].as_str().unwrap_or_default().to_owned();
        rows.push_str(&format!("{}\t{}\n", text("id"), text("risk")));
    }
    let file = dir.join("verdicts.tsv");
    fs::write(&file, rows).with_context(|| format!("write {}", file.display()))?;
    let found = scores(&python(&[&scorer, &corpus, &file, Path::new("--json")])?)?;
    let times = GUARD_SPEED_LINES / commands.lines().count().max(1) + 1;
    let many = commands.repeat(times);
    let (_, secs) = filter(hale, &["guard", "--jsonl"], many.as_bytes())?;
    let rate = many.lines().count() as f64 / secs;
    let peers = "shellfirm 0.4.1 74.1 %, dcg 0.4.1 48.2 %";
    Ok(vec![
        above(
            &format!("guard: critical and deny caught ({peers})"),
            percent(&found, "recall_critical_deny"),
            98.0,
            "%",
        ),
        Figure::below(
            "guard: info taken for critical or deny",
            percent(&found, "false_alarm_info"),
            1.0,
            "%",
        ),
        above("guard: exact level", percent(&found, "exact_accuracy"), 90.0, "%"),
        above("guard: commands a second", rate, 20_000.0, ""),
    ])
}

fn redaction(hale: &Path, set: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let (scorer, cases) = (set.join("score.py"), set.join("cases.jsonl"));
    let input = fs::read(&cases).with_context(|| format!("read {}", cases.display()))?;
    let (redacted, _) = filter(hale, &["redact", "--jsonl"], &input)?;
    let file = dir.join("redacted.jsonl");
    fs::write(&file, redacted).with_context(|| format!("write {}", file.display()))?;
    let found = scores(&python(&[&scorer, &cases, &file, Path::new("--json")])?)?;
    Ok(vec![
        above(
            "redaction: secrets removed (gitleaks 25.3 %, detect-secrets 27.3 %, all tools 76.0 %)",
            percent(&found, "recall"),
            98.0,
            "%",
        ),
        Figure::below(
            "redaction: kept strings lost (gitleaks 0.0 %, all tools 17.1 %)",
            percent(&found, "over_redaction"),
            1.0,
            "%",
        ),
        above("redaction: restored byte for byte", percent(&found, "round_trip"), 100.0, "%"),
    ])
}

fn logs(hale: &Path, set: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (mode, rival) in [("content", "drain3 generic masks 0.770, tuned 0.832"), ("raw", "")] {
        let predicted = dir.join(mode);
        fs::create_dir_all(&predicted).with_context(|| format!("make {}", predicted.display()))?;
        for entry in fs::read_dir(set).with_context(|| format!("read {}", set.display()))?.flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let file = |suffix: &str| entry.path().join(format!("{name}_2k.log{suffix}"));
            if !file("_structured.csv").is_file() {
                continue;
            }
            let read =
                |path: &Path| fs::read(path).with_context(|| format!("read {}", path.display()));
            let (input, arguments): (Vec<u8>, &[&str]) = match mode {
                "content" => {
                    let csv =
                        String::from_utf8_lossy(&read(&file("_structured.csv"))?).into_owned();
                    (content(&csv)?.into_bytes(), &["logs", "templates", "--content"])
                }
                _ => (read(&file(""))?, &["logs", "templates"]),
            };
            let (templates, _) = filter(hale, arguments, &input)?;
            let path = predicted.join(format!("{name}.tsv"));
            fs::write(&path, templates).with_context(|| format!("write {}", path.display()))?;
        }
        let scorer = set.join("log_group_score.py");
        let text = python(&[&scorer, Path::new("--all"), &predicted, set])?;
        let mean = text.lines().rfind(|line| line.starts_with("mean")).unwrap_or_default();
        let ga: f64 =
            mean.split_whitespace().nth(1).and_then(|w| w.parse().ok()).unwrap_or(f64::NAN);
        let beside = if rival.is_empty() { String::new() } else { format!(" ({rival})") };
        figures.push(above(&format!("logs: grouping accuracy, {mode}{beside}"), ga, 0.77, ""));
        if let Some(figure) = figures.last_mut() {
            figure.figure = format!("{ga:.3}");
        }
    }
    let corpus = dir.join("mix1m.log");
    python(&[&set.join("make_log_corpus.py"), set, &corpus])?;
    let input = fs::read(&corpus).with_context(|| format!("read {}", corpus.display()))?;
    let (_, secs) = filter(hale, &["logs", "templates"], &input)?;
    let rate = LOG_LINES / secs;
    figures.push(above("logs: lines a second (drain3 0.9.11: 40 k)", rate, 500_000.0, ""));
    fs::remove_file(&corpus).with_context(|| format!("remove {}", corpus.display()))?;
    Ok(figures)
}

/// The column `Content` of a CSV file, a line each.
fn content(csv: &str) -> Result<String> {
    let mut lines = csv.lines();
    let header = fields(lines.next().unwrap_or_default());
    let at = header.iter().position(|name| name == "Content").context("a column Content")?;
    let mut text = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        text.push_str(fields(line).get(at).map_or("", String::as_str));
        text.push('\n');
    }
    Ok(text)
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        let Some(field) = fields.last_mut() else { continue };
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

fn anomalies(hale: &Path, set: &Path, dir: &Path) -> Result<Vec<Figure>> {
    let results = dir.join("nab");
    let data = set.join("data");
    for category in
        fs::read_dir(&data).with_context(|| format!("read {}", data.display()))?.flatten()
    {
        let Ok(files) = fs::read_dir(category.path()) else { continue };
        let below = results.join(category.file_name());
        fs::create_dir_all(&below).with_context(|| format!("make {}", below.display()))?;
        for file in files.flatten() {
            let input =
                fs::read(file.path()).with_context(|| format!("read {}", file.path().display()))?;
            let (scored, _) = filter(hale, &["detect", "anomalies"], &input)?;
            let path = below.join(file.file_name());
            fs::write(&path, scored).with_context(|| format!("write {}", path.display()))?;
        }
    }
    let (scorer, json) = (set.join("nab_score.py"), dir.join("nab.json"));
    let flags: Vec<&Path> = ["--bench", "--results", "--json", "--threshold", "0.5"]
        .into_iter()
        .map(Path::new)
        .collect();
    let [bench, out, report, threshold, half] = flags.as_slice() else { return Ok(Vec::new()) };
    python(&[&scorer, bench, set, out, &results, report, &json, threshold, half])?;
    let text = fs::read_to_string(&json).with_context(|| format!("read {}", json.display()))?;
    let found: Value = serde_json::from_str(&text).context("read the scorer's JSON")?;
    let score = found["profiles"]["standard"]["score"].as_f64().unwrap_or(f64::NAN);
    let what = "anomalies: NAB standard at 0.5 (numenta 70.6, contextOSE 71.9, ARTime 76.6)";
    Ok(vec![above(what, score, 70.6, "")])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn a_column_of_a_csv_file_with_quotes_and_commas() {
        let csv = "LineId,Content,EventId\n1,\"a, \"\"b\"\" c\",E1\n2,plain,E2\n";
        assert_eq!(content(csv).unwrap(), "a, \"b\" c\nplain\n");
        assert!(content("LineId,EventId\n").is_err());
    }
}
