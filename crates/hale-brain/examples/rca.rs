//! The ranking of causes against labelled faults of real systems: `HALE_BENCH_DIR=… cargo run --release
//! --example rca`. Prints how often the true service is first, among the first three and the first five,
//! beside the set's own anchors; `--out FILE` also writes the rankings for the set's scorer.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads files, and ends where they are not as their README says"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hale_brain::rootcause::{Deviation, Figures, Link, Symptom, rank};
use serde_json::{Value, json};

/// What is always noise: seconds, failed requests, shares of a limit.
const LATENCY_FLOOR_SECS: f64 = 0.005;
const DELAY_FLOOR_SECS: f64 = 0.01;
const FAILURES_FLOOR: f64 = 1.0;
const SHARE_FLOOR: f64 = 0.02;
/// Rows just before an alarm that tell the recent level, where the stream has any.
const RECENT_ROWS: usize = 10;
/// Calls of one pair that are needed to know its own usual delay.
const CALLS_MIN: usize = 5;

type Samples = Vec<Option<f64>>;

/// One file of metrics: times, and a column for each `service|metric`.
struct Table {
    times: Vec<i64>,
    columns: HashMap<String, Samples>,
}

/// One metric of one case: fault-free, just before, and under the alarm.
#[derive(Clone, Default)]
struct Window {
    usual: Samples,
    recent: Samples,
    now: Samples,
}

impl Window {
    fn deviation(&self, floor: f64) -> Option<Deviation> {
        let known = |samples: &Samples| samples.iter().flatten().copied().collect::<Vec<f64>>();
        Deviation::of(&known(&self.usual), &known(&self.recent), &known(&self.now), floor)
    }

    fn with(&self, other: &Window, join: impl Fn(f64, f64) -> f64) -> Window {
        let joined = |a: &Samples, b: &Samples| -> Samples {
            a.iter().zip(b).map(|(a, b)| Some(join((*a)?, (*b)?))).collect()
        };
        Window {
            usual: joined(&self.usual, &other.usual),
            recent: joined(&self.recent, &other.recent),
            now: joined(&self.now, &other.now),
        }
    }

    fn map(&self, change: impl Fn(f64) -> f64) -> Window {
        self.with(self, |a, _| change(a))
    }

    fn highest_now(&self) -> f64 {
        self.now.iter().flatten().copied().fold(0.0, f64::max)
    }
}

/// What kind of figure a metric is, by what exporters call it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Latency,
    SuccessPercent,
    CpuPercent,
    MemoryPercent,
    Load,
    CallerSees,
    CalleeSees,
    Other,
}

fn kind_of(metric: &str) -> Kind {
    let metric = metric.to_ascii_lowercase();
    let has = |word: &str| metric.contains(word);
    match metric.as_str() {
        "source_p50" => Kind::CallerSees,
        "destination_p50" => Kind::CalleeSees,
        // What a whole machine does is not a service's doing, and what it waits for as a client another's.
        _ if has("node") || has("client") => Kind::Other,
        _ if has("latency") => Kind::Latency,
        _ if has("availability") => Kind::SuccessPercent,
        _ if has("cpuusagerate") => Kind::CpuPercent,
        _ if has("memoryusagerate") => Kind::MemoryPercent,
        _ if has("requests") || has("workload") => Kind::Load,
        _ => Kind::Other,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let out = arguments.iter().position(|a| a == "--out").and_then(|at| arguments.get(at + 1));
    let Some(sets) = std::env::var_os("HALE_BENCH_DIR").filter(|dir| !dir.is_empty()) else {
        println!("SKIPPED rca: HALE_BENCH_DIR names no directory with labelled sets");
        return;
    };
    let dir = Path::new(&sets).join("rca");
    if !dir.is_dir() {
        println!("SKIPPED rca: {} is not there", dir.display());
        return;
    }
    let mut set = Set { dir, tables: HashMap::new(), rows: HashMap::new() };
    let cases = set.json("cases.json");
    let mut rankings = Vec::new();
    let mut ranking_took = Duration::ZERO;
    for case in cases.as_array().expect("cases.json is a list") {
        let name = text(case, "case");
        let ranks = set.rank(case, &mut ranking_took);
        rankings.push((name.to_owned(), text(case, "dataset").to_owned(), ranks));
    }
    if let Some(out) = out {
        let line = |(case, _, ranks): &(String, String, Vec<String>)| {
            format!("{}\n", json!({ "case": case, "ranks": ranks }))
        };
        std::fs::write(out, rankings.iter().map(line).collect::<String>()).expect("write --out");
    }
    set.score(&rankings);
    println!("ranking took {:?} a case", ranking_took / rankings.len().max(1) as u32);
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

struct Set {
    dir: PathBuf,
    tables: HashMap<String, Table>,
    rows: HashMap<String, Vec<HashMap<String, String>>>,
}

impl Set {
    fn json(&self, file: &str) -> Value {
        let text = std::fs::read_to_string(self.dir.join(file)).expect(file);
        serde_json::from_str(&text).expect(file)
    }

    fn table(&mut self, file: &str) -> &Table {
        let dir = self.dir.clone();
        self.tables.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(dir.join(file)).expect(file);
            let mut lines = text.lines();
            let header = fields(lines.next().unwrap_or_default());
            let mut table = Table { times: Vec::new(), columns: HashMap::new() };
            for line in lines.filter(|line| !line.is_empty()) {
                let row = fields(line);
                table
                    .times
                    .push(row.first().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) as i64);
                for (name, value) in header.iter().zip(&row).skip(1) {
                    table.columns.entry(name.clone()).or_default().push(value.parse().ok());
                }
            }
            table
        })
    }

    /// A compressed file of logs or spans, each row by the names of its columns.
    fn rows(&mut self, file: &str) -> &[HashMap<String, String>] {
        let dir = self.dir.clone();
        self.rows.entry(file.to_owned()).or_insert_with(|| {
            let packed = std::fs::File::open(dir.join(file)).expect(file);
            let mut bytes = Vec::new();
            flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut bytes).expect(file);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let mut lines = text.lines();
            let header = fields(lines.next().unwrap_or_default());
            let row = |line: &str| header.iter().cloned().zip(fields(line)).collect();
            lines.map(row).collect()
        })
    }

    fn rank(&mut self, case: &Value, took: &mut Duration) -> Vec<String> {
        let windows = self.windows(case);
        let mut delays = delays_of_metrics(&windows);
        delays.extend(self.delays_of_traces(case));
        let new_errors = self.new_errors(case);
        let symptom = match text(&case["alarm"], "metric") {
            metric if kind_of(metric) == Kind::SuccessPercent => Symptom::Failures,
            metric if kind_of(metric) == Kind::Latency => Symptom::Latency,
            _ => Symptom::Unknown,
        };
        let begun = Instant::now();
        let services = windows.iter().filter_map(|(service, metrics)| {
            let mut figures = figures(service, metrics)?;
            figures.new_errors = new_errors.get(service.as_str()).copied().unwrap_or(0);
            Some(figures)
        });
        let services: Vec<Figures<'_>> = services.collect();
        let links: Vec<Link<'_>> =
            delays.iter().map(|((from, to), delay)| Link { from, to, delay: *delay }).collect();
        let causes = rank(&services, &links, symptom);
        *took += begun.elapsed();
        causes.iter().map(|cause| cause.service.to_owned()).collect()
    }

    fn windows(&mut self, case: &Value) -> BTreeMap<String, BTreeMap<String, Window>> {
        let alarm = case["alarm"]["time"].as_i64().expect("alarm.time");
        let until = case["alarm"]["until"].as_i64();
        let usual: HashMap<String, Samples> = self.table(text(case, "normal")).columns.clone();
        let stream = self.table(text(case, "stream"));
        // Without an end the whole file is about the alarm.
        let under = |t: i64| until.is_none_or(|until| t >= alarm && t <= until);
        let before = |t: i64| until.is_some() && t < alarm;
        let mut windows: BTreeMap<String, BTreeMap<String, Window>> = BTreeMap::new();
        for (column, samples) in &stream.columns {
            let Some((service, metric)) = column.split_once('|') else { continue };
            let some = |wanted: &dyn Fn(i64) -> bool| -> Samples {
                let all = stream.times.iter().zip(samples);
                all.filter(|(t, _)| wanted(**t)).map(|(_, s)| *s).collect()
            };
            let recent = some(&before);
            let window = Window {
                usual: usual.get(column).cloned().unwrap_or_default(),
                recent: recent[recent.len().saturating_sub(RECENT_ROWS)..].to_vec(),
                now: some(&under),
            };
            windows.entry(service.to_owned()).or_default().insert(metric.to_owned(), window);
        }
        windows
    }

    /// How much longer callers wait than callees work, call by call.
    fn delays_of_traces(&mut self, case: &Value) -> BTreeMap<(String, String), Deviation> {
        let Some(files) = case["traces"].as_array() else { return BTreeMap::new() };
        let alarm_ns = case["alarm"]["time"].as_f64().expect("alarm.time") * 1e9;
        let mut usual: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
        let mut now: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
        let normal = format!("{}/normal/trace.csv.gz", parent(text(case, "normal")));
        let files = files.iter().filter_map(Value::as_str).map(str::to_owned);
        for (is_normal, file) in
            std::iter::once((true, normal)).chain(files.map(|file| (false, file)))
        {
            let spans = self.rows(&file);
            let by_id: HashMap<&str, &HashMap<String, String>> =
                spans.iter().map(|s| (s["SpanID"].as_str(), s)).collect();
            for span in spans {
                let Some(caller) = by_id.get(span["ParentID"].as_str()) else { continue };
                let pair = (service_of(&caller["PodName"]), service_of(&span["PodName"]));
                if pair.0 == pair.1 {
                    continue;
                }
                let secs = |s: &HashMap<String, String>| s["Duration"].parse().unwrap_or(0.0) / 1e6;
                let ended: f64 = span["EndTimeUnixNano"].parse().unwrap_or(0.0);
                let calls = if is_normal || ended < alarm_ns { &mut usual } else { &mut now };
                calls.entry(pair).or_default().push(secs(caller) - secs(span));
            }
        }
        let all: Vec<f64> = usual.values().flatten().copied().collect();
        let deviation = |(pair, mut calls): ((String, String), Vec<f64>)| {
            // The slowest quarter: a fault may come late in these minutes.
            calls.sort_by(|a, b| b.total_cmp(a));
            calls.truncate((calls.len() / 4).max(2));
            let own = usual.get(&pair).filter(|own| own.len() >= CALLS_MIN).unwrap_or(&all);
            Some((pair, Deviation::of(own, &[], &calls, DELAY_FLOOR_SECS)?))
        };
        now.into_iter().filter_map(deviation).collect()
    }

    /// Errors in logs whose message was not there before, by service.
    fn new_errors(&mut self, case: &Value) -> HashMap<String, u64> {
        let Some(files) = case["logs"].as_array() else { return HashMap::new() };
        let alarm = case["alarm"]["time"].as_i64().expect("alarm.time");
        let normal = format!("{}/normal/log.csv.gz", parent(text(case, "normal")));
        let files = files.iter().filter_map(Value::as_str).map(str::to_owned);
        let (mut known, mut now) = (BTreeSet::new(), Vec::new());
        for (is_normal, file) in
            std::iter::once((true, normal)).chain(files.map(|file| (false, file)))
        {
            for row in self.rows(&file) {
                let Some(log) = row.get("Log").filter(|log| is_error(log)) else { continue };
                let at = row["Timestamp"].parse::<hale_model::Timestamp>();
                let Ok(at) = at.map(|at| at.as_second()) else { continue };
                let said = (service_of(&row["PodName"]), template(log));
                if is_normal || at < alarm {
                    known.insert(said);
                } else {
                    now.push(said)
                }
            }
        }
        let mut new = HashMap::new();
        for (service, _) in now.into_iter().filter(|said| !known.contains(said)) {
            *new.entry(service).or_default() += 1;
        }
        new
    }

    fn score(&self, rankings: &[(String, String, Vec<String>)]) {
        let truth = self.json("truth.json");
        let anchors = self.json("anchors.json");
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (case, dataset, ranks) in rankings {
            let service = text(&truth[case], "service");
            let place = ranks.iter().position(|r| r == service).map_or(usize::MAX, |at| at + 1);
            groups.entry("all").or_default().push(place);
            groups.entry(dataset).or_default().push(place);
        }
        println!(
            "{:<20} {:>5}  {:>6} {:>6} {:>6} {:>6}   anchors: Avg@5",
            "group", "cases", "AC@1", "AC@3", "AC@5", "Avg@5"
        );
        for (group, places) in &groups {
            let within =
                |k: usize| places.iter().filter(|p| **p <= k).count() as f64 / places.len() as f64;
            let average = (1..=5).map(within).sum::<f64>() / 5.0;
            let beside: Vec<String> = anchors["methods"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(method, g)| {
                    Some(format!("{method} {:.3}", g[*group]["Avg5"].as_f64()?))
                })
                .collect();
            println!(
                "{group:<20} {:>5}  {:>6.3} {:>6.3} {:>6.3} {average:>6.3}   {}",
                places.len(),
                within(1),
                within(3),
                within(5),
                beside.join(", ")
            );
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(parent, _)| parent)
}

/// `ts-order-service-687d654649-lrcwv` → `ts-order-service`
fn service_of(pod: &str) -> String {
    let mut parts: Vec<&str> = pod.split('-').collect();
    parts.truncate(parts.len().saturating_sub(2));
    parts.join("-")
}

fn is_error(log: &str) -> bool {
    ["ERROR", "FATAL", "xception"].iter().any(|word| log.contains(word))
}

/// A message without its time, ids and figures.
fn template(log: &str) -> String {
    let inner = serde_json::from_str::<Value>(log).ok();
    let log = inner.as_ref().and_then(|l| l["log"].as_str()).unwrap_or(log);
    let words = log.split_whitespace().skip(1).map(|word| {
        let mut kept: String =
            word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        if kept.contains('#') {
            kept.retain(|c| !c.is_ascii_hexdigit());
            kept = kept.replace("#", "");
            kept.push('#');
        }
        kept
    });
    words.take(24).collect::<Vec<_>>().join(" ")
}

fn figures<'a>(service: &'a str, metrics: &BTreeMap<String, Window>) -> Option<Figures<'a>> {
    let of = |kind: Kind| {
        metrics.iter().filter(move |(metric, _)| kind_of(metric) == kind).map(|(_, window)| window)
    };
    if metrics.keys().any(|m| matches!(kind_of(m), Kind::CallerSees | Kind::CalleeSees)) {
        return None;
    }
    // What the edge of the whole system sees is no service's own: no load and no limits of its own.
    let load = of(Kind::Load).next()?;
    let failures = of(Kind::SuccessPercent).next().and_then(|success| {
        success
            .with(load, |percent, requests| requests * (100.0 - percent) / 100.0)
            .deviation(FAILURES_FLOOR)
    });
    let waiting = of(Kind::Latency)
        .filter_map(|latency| latency.deviation(LATENCY_FLOOR_SECS))
        .max_by(|a, b| a.sigmas.total_cmp(&b.sigmas))
        .and_then(|d| Deviation::new(d.sigmas, d.excess * load.highest_now()));
    let share = |kind| {
        of(kind).next().and_then(|percent| percent.map(|p| p / 100.0).deviation(SHARE_FLOOR))
    };
    Some(Figures {
        service,
        failures,
        waiting,
        cpu: share(Kind::CpuPercent),
        memory: share(Kind::MemoryPercent),
        new_errors: 0,
    })
}

/// Pairs of services of which both sides tell their latency: `caller_callee`.
fn delays_of_metrics(
    windows: &BTreeMap<String, BTreeMap<String, Window>>,
) -> BTreeMap<(String, String), Deviation> {
    let delay = |(pair, metrics): (&String, &BTreeMap<String, Window>)| {
        let (from, to) = pair.split_once('_')?;
        let seen = |kind: Kind| {
            let metric = metrics.iter().find(|(metric, _)| kind_of(metric) == kind)?;
            metric.1.deviation(LATENCY_FLOOR_SECS)
        };
        let delay = seen(Kind::CallerSees)?.beyond(seen(Kind::CalleeSees)?);
        Some(((from.to_owned(), to.to_owned()), delay))
    };
    windows.iter().filter_map(delay).collect()
}

/// The fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        let field = fields.last_mut().unwrap();
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
