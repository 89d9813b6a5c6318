//! The knowledge that is part of hale: `knowledge/*.md`, in the program itself.

use hale_model::knowledge::{Knowledge, KnowledgeErrors};

macro_rules! shipped {
    ($($name:literal,)*) => {
        /// Every entry: its file and its text.
        const SHIPPED: &[(&str, &str)] = &[$((
            concat!("knowledge/", $name, ".md"),
            include_str!(concat!("../../../../knowledge/", $name, ".md")),
        ),)*];
    };
}

shipped! {
    "cpu-hot-process",
    "disk-deleted-but-open",
    "disk-filling",
    "disk-full",
    "disk-inodes",
    "duplicate-helpers",
    "fd-leak",
    "ghost-processes",
    "journal-flood",
    "kernel-oom",
    "load-without-cpu",
    "memory-high",
    "memory-leak",
    "memory-pressure",
    "metric-anomaly",
    "service-crash-loop",
    "service-failed",
    "source-stale",
    "swap-high",
    "temperature-high",
    "zombies",
}

/// Every entry that is part of hale.
///
/// # Errors
/// What is wrong with the first file that cannot be read; a test reads them all.
pub fn shipped() -> Result<Vec<Knowledge>, KnowledgeErrors> {
    SHIPPED.iter().map(|(name, text)| Knowledge::from_markdown(text, name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use std::collections::BTreeSet;

    use hale_model::alert::AlertKind;

    use super::*;

    #[test]
    fn every_entry_is_valid_and_every_local_alert_kind_has_one() {
        let entries = shipped().unwrap_or_else(|errors| panic!("{errors}"));
        let ids: BTreeSet<&str> = entries.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids.len(), entries.len());
        for (file, entry) in SHIPPED.iter().zip(&entries) {
            assert_eq!(file.0, format!("knowledge/{}.md", entry.id));
            assert!(entry.body.lines().all(|line| line.len() <= 400), "{}", entry.id);
        }
        let told: BTreeSet<&AlertKind> = entries.iter().flat_map(|e| &e.alert_kinds).collect();
        // Containers and HTTP are watched from outside a machine's own collectors.
        let elsewhere = [
            AlertKind::ContainerUnhealthy,
            AlertKind::ContainerRestarting,
            AlertKind::HttpErrors,
            AlertKind::HttpLatency,
        ];
        let untold: Vec<&AlertKind> = AlertKind::BUILT_IN
            .iter()
            .filter(|kind| !told.contains(kind) && !elsewhere.contains(kind))
            .collect();
        assert!(untold.is_empty(), "{untold:?}");
    }

    #[test]
    fn no_file_is_left_out() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../knowledge");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("knowledge/{}", entry.unwrap().file_name().to_string_lossy()))
            .collect();
        files.sort();
        let named: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, named);
    }
}
