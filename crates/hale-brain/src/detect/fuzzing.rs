//! The parsers of rules, patterns and log messages, each as a function of bytes, for the targets in
//! `fuzz/`. Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where a parser does, and where its answer breaks a promise of its own.

use super::expression::on_deep_stack;
use super::log_health;
use super::miner::{Miner, MinerLimits, split_header};
use super::oom;
use super::rules::{Rules, add_user_rules};
use crate::decide::names;

/// User rules, one file after another, separated by NUL.
pub fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files: Vec<(String, String)> = text
        .split('\0')
        .enumerate()
        .map(|(at, text)| (format!("{at}.toml"), text.to_owned()))
        .collect();
    // Without the built-in rules: reading those again and again would take all the time.
    let mut rules = Rules { all: Vec::new() };
    let errors = on_deep_stack(|| add_user_rules(&mut rules, &files));
    let errors = errors.unwrap_or_default();
    assert!(rules.all.len() + errors.len() <= files.len());
    for error in &errors {
        let file = files.iter().find(|(origin, _)| *origin == error.origin);
        let lines = file.map_or(0, |(_, text)| 1 + text.matches('\n').count());
        assert!((1..=lines).contains(&error.line), "{error}");
    }
}

/// A pattern and a name, separated by NUL.
pub fn globs(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, name) = text.split_once('\0').unwrap_or((&text, &text));
    let matched = names::glob(pattern, name);
    // A pattern without a star means itself and nothing else.
    assert!(pattern.contains('*') || matched == (pattern == name), "{pattern:?} {name:?}");
    assert!(names::glob(name, name) && names::glob("*", name));
}

/// Log messages of the OOM killer.
pub fn messages(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        oom::parse(line);
    }
}

/// Log lines, their headers and templates.
pub fn templates(bytes: &[u8]) {
    let limits = MinerLimits {
        templates_max: 16,
        template_bytes_max: 4096,
        line_bytes_max: 512,
        values_max: 3,
    };
    let mut miner = Miner::new(limits);
    for line in bytes.split(|b| *b == b'\n') {
        let header = split_header(line);
        let content = header.content;
        let now = hale_model::Timestamp::UNIX_EPOCH;
        header.time.map(|time| log_health::moment(time, now, &jiff::tz::TimeZone::UTC));
        log_health::level_of(header.level, content);
        assert!(line.ends_with(content.trim_ascii_end()) || line.trim_ascii().ends_with(content));
        let id = miner.learn_bytes(content);
        // The same line again is the same template.
        assert_eq!(miner.learn_bytes(content), id);
        assert!(miner.template(id).is_some_and(|t| t.count >= 2 && t.first <= t.last));
        assert!(miner.pattern(id).is_some());
        assert!(miner.templates().count() <= limits.templates_max);
    }
}

pub use crate::playbook::fuzzing::playbook;
