//! What no compiler checks: files that are listed, sizes, words, generated pages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dependencies::root;

/// Lines of code proper in one file (tests apart) above which it wants splitting.
const FILE_LINES_MAX: usize = 800;

pub(crate) fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let bare: Vec<_> = rust_files()
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().trim_start().starts_with("//!"))
        .map(|path| shown(&path))
        .collect();
    assert!(bare.is_empty(), "no `//!` paragraph at the top of:\n{}", bare.join("\n"));
}

#[test]
fn no_file_grows_beyond_reading() {
    let long: Vec<_> = rust_files()
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let proper = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
            (proper > FILE_LINES_MAX).then(|| format!("{}: {proper} lines", shown(&path)))
        })
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES_MAX} lines of code proper:\n{}", long.join("\n"));
}

#[test]
fn nothing_unfinished_is_left() {
    let marks = ["todo!(", "unimplemented!(", "FIXME", "XXX", "#[ignore"];
    let this_file = Path::new(file!()).file_name();
    let mut found = Vec::new();
    for path in rust_files().into_iter().filter(|p| p.file_name() != this_file) {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_integration_test_file_is_listed() {
    let mut forgotten = Vec::new();
    for path in rust_files() {
        let is_test = path.parent().is_some_and(|p| p.ends_with("tests/it"));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if is_test && name != "main" {
            let main = fs::read_to_string(path.with_file_name("main.rs")).unwrap();
            if !main.contains(&format!("mod {name};")) {
                forgotten.push(shown(&path));
            }
        }
    }
    assert!(forgotten.is_empty(), "not listed in main.rs:\n{}", forgotten.join("\n"));
}
