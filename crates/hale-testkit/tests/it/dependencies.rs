//! The direction of dependencies, their licences, and bans, from `cargo metadata` and deny.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Who may know whom (normal dependencies). Everyone may know hale-model.
const ALLOWED_EDGES: &[(&str, &[&str])] = &[
    ("hale", &["hale-engine", "hale-serve", "hale-demo", "hale-model"]),
    (
        "hale-engine",
        &[
            "hale-observe",
            "hale-store",
            "hale-brain",
            "hale-mind",
            "hale-act",
            "hale-spawn",
            "hale-model",
        ],
    ),
    ("hale-observe", &["hale-spawn", "hale-model"]),
    ("hale-store", &["hale-model"]),
    ("hale-brain", &["hale-model"]),
    ("hale-mind", &["hale-model"]),
    ("hale-act", &["hale-spawn", "hale-model"]),
    ("hale-serve", &["hale-spawn", "hale-model"]),
    // The marketplace is an application like any other: it knows OTLP and a webhook.
    ("hale-demo", &[]),
    ("hale-model", &[]),
    // A system call and no more.
    ("hale-spawn", &[]),
    ("hale-testkit", &["hale-model"]),
];

pub(crate) fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

#[test]
fn nobody_knows_more_than_the_house_allows() {
    let metadata = metadata();
    let allowed: BTreeMap<_, _> = ALLOWED_EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages(&metadata).filter(|p| p["source"].is_null()) {
        let name = package["name"].as_str().unwrap();
        let Some(may_know) = allowed.get(name) else {
            wrong.push(format!("{name} is a new crate: say in ALLOWED_EDGES what it may know"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let is_ours = other == "hale" || other.starts_with("hale-");
            if is_ours && dependency["kind"].is_null() && !may_know.contains(&other) {
                wrong.push(format!("{name} may not know {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_licence_is_allowed_and_nothing_banned_is_carried() {
    let rules: toml::Table =
        std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let allowed: BTreeSet<String> = rules["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l.as_str().unwrap().to_owned())
        .collect();
    let metadata = metadata();
    let names: BTreeMap<&str, &str> = packages(&metadata)
        .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
        .collect();
    let mut wrong = Vec::new();

    for package in packages(&metadata) {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let fits = spdx::Expression::parse(&licence).is_ok_and(|expression| {
            expression.evaluate(|requirement| allowed.contains(&requirement.to_string()))
        });
        if !fits {
            wrong.push(format!("{name}: licence `{licence}` is not allowed by deny.toml"));
        }
    }
    for ban in rules["bans"]["deny"].as_array().unwrap() {
        let banned = ban["crate"].as_str().unwrap();
        let wrappers: Vec<&str> = ban
            .get("wrappers")
            .and_then(|w| w.as_array())
            .map(|w| w.iter().filter_map(|n| n.as_str()).collect())
            .unwrap_or_default();
        for node in metadata["resolve"]["nodes"].as_array().unwrap() {
            let by = names[node["id"].as_str().unwrap()];
            let carries = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .any(|d| names[d["pkg"].as_str().unwrap()] == banned);
            if carries && !wrappers.contains(&by) {
                wrong.push(format!("{by} carries {banned}: {}", ban["reason"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
