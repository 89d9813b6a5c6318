//! Grouping accuracy on labelled logs, where a directory of them is given.
//!
//! `HALE_BENCH_DIR/logs/<Set>/<Set>_2k.log` and `…_structured.csv`, the format of loghub.

#![allow(clippy::disallowed_methods, reason = "reads the labelled logs; the miner does not")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use hale_brain::detect::miner::{Miner, MinerLimits};

/// drain3 0.9.11 with its generic masks, on the content column.
const DRAIN3: [(&str, f64); 8] = [
    ("Apache", 1.0),
    ("HDFS", 0.998),
    ("HealthApp", 0.900),
    ("Linux", 0.690),
    ("Mac", 0.787),
    ("Proxifier", 0.527),
    ("Spark", 0.922),
    ("Thunderbird", 0.958),
];

/// Records of a comma-separated text, with quoted fields.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let record = all.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => all.push(vec![String::new()]),
            '\r' if !quoted => {}
            c => record.last_mut().unwrap().push(c),
        }
    }
    all.retain(|record| record.len() > 1);
    all
}

/// Share of lines whose group is exactly that of their event (Zhu et al., 2019).
fn grouping_accuracy(events: &[String], ids: &[u64]) -> f64 {
    let mut by_event: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut by_id: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, (event, id)) in events.iter().zip(ids).enumerate() {
        by_event.entry(event).or_default().push(at);
        by_id.entry(*id).or_default().push(at);
    }
    let right: usize =
        by_event.values().filter(|lines| by_id[&ids[lines[0]]] == **lines).map(Vec::len).sum();
    right as f64 / events.len() as f64
}

#[test]
fn lines_are_grouped_at_least_as_well_as_by_drain3() {
    let name = "lines_are_grouped_at_least_as_well_as_by_drain3";
    let Some(bench) = std::env::var_os("HALE_BENCH_DIR").filter(|dir| !dir.is_empty()) else {
        println!("SKIPPED {name}: HALE_BENCH_DIR is not set");
        return;
    };
    for (set, rival) in DRAIN3 {
        let dir = Path::new(&bench).join("logs").join(set);
        let read = |file: String| {
            let bytes = std::fs::read(dir.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let rows = records(&read(format!("{set}_2k.log_structured.csv")));
        let column = |name: &str| rows[0].iter().position(|c| c == name).unwrap();
        let (event, content) = (column("EventId"), column("Content"));
        let events: Vec<String> = rows[1..].iter().map(|row| row[event].clone()).collect();
        let mut miner = Miner::new(MinerLimits::default());
        let ids: Vec<u64> =
            rows[1..].iter().map(|row| miner.learn_content(&row[content]).0).collect();
        let by_content = grouping_accuracy(&events, &ids);
        let mut miner = Miner::new(MinerLimits::default());
        let raw = read(format!("{set}_2k.log"));
        let ids: Vec<u64> =
            raw.lines().filter(|l| !l.is_empty()).map(|line| miner.learn(line).0).collect();
        assert_eq!(ids.len(), events.len(), "{set}");
        let by_line = grouping_accuracy(&events, &ids);
        println!("{set:<12} content {by_content:.3}  raw {by_line:.3}  drain3 {rival:.3}");
        assert!(by_content >= rival, "{set}: {by_content} < {rival}");
        assert!(by_line >= rival - 0.01, "{set}, whole lines: {by_line} < {rival}");
    }
}
