//! The Grafana dashboard and the Prometheus rules ask for metrics that `/metrics` tells, and Prometheus'
//! own tool takes the rules. SKIPPED where promtool (Debian: prometheus) is not installed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Words that are names of metrics of hale or of its process.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !is_word(c));
    let named = words.filter(|w| w.starts_with("hale_") || w.starts_with("process_"));
    let base = |word: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        let cut = ends.iter().find_map(|end| word.strip_suffix(end));
        cut.unwrap_or(word).to_owned()
    };
    named.map(base).collect()
}

/// Every expression of the dashboard.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if ["expr", "definition"].contains(&name.as_str()) => {
                        found.push(text.to_owned());
                    }
                    _ => expressions(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn dashboard_and_rules_ask_for_metrics_that_exist() {
    let source = read("crates/hale-serve/src/metrics.rs");
    let told: BTreeSet<String> = source
        .split('"')
        .filter(|text| text.starts_with("hale_") || text.starts_with("process_"))
        .map(str::to_owned)
        .collect();
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/hale-dashboard.json")).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() >= 18, "{asked:#?}");
    let rules = read("docs/prometheus/hale.rules.yml");
    for line in rules.lines().filter(|line| !line.trim_start().starts_with('#')) {
        asked.push(line.to_owned());
    }
    let unknown: Vec<String> = asked
        .iter()
        .flat_map(|text| metrics_in(text))
        .filter(|name| !told.contains(name))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn panels_have_places_and_names_of_their_own() {
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/hale-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let of = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(of("x") + of("w") <= 24, "{}", panel["title"]);
        for x in of("x")..of("x") + of("w") {
            for y in of("y")..of("y") + of("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
    let ids: BTreeSet<u64> = panels.iter().map(|p| p["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn prometheus_takes_the_rules_and_they_fire_when_they_should() {
    for (what, file) in [("check", "hale.rules.yml"), ("test", "hale.rules.test.yml")] {
        let mut promtool = Command::new("promtool");
        promtool.args([what, "rules", file]).current_dir(root().join("docs/prometheus"));
        let Ok(output) = promtool.output() else {
            println!("SKIPPED promtool {what}: promtool is not installed (prometheus)");
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}
