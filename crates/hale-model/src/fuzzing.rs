//! The parsers of what people write, each as a function of bytes, for the targets in `fuzz/`.
//! Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where a parser does, and where its answer breaks a promise of its own.

use crate::container::{ContainerStat, ProbeTarget};
use crate::knowledge::{Knowledge, Runbook};
use crate::{config, probe, text};

/// `config.toml`. What is accepted is the same once written and read again; what is refused names
/// lines that exist.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match config::parse(text, "config.toml") {
        Ok(loaded) => {
            let again = toml::to_string(&loaded.config).map(|text| config::parse(&text, "again"));
            assert_eq!(again.map(|read| read.map(|l| l.config)), Ok(Ok(loaded.config)));
        }
        Err(errors) => {
            let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
            assert!(!errors.errors.is_empty());
            assert!(errors.errors.iter().all(|e| (1..=lines).contains(&e.line)));
            assert!(!errors.to_string().replace('\n', "").chars().any(char::is_control));
        }
    }
}

/// An entry of knowledge as Markdown. What is accepted is the same once written and read again and
/// holds nothing that a terminal obeys; what is refused names lines that exist.
pub fn knowledge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Knowledge::from_markdown(text, "entry.md") {
        Ok(entry) => {
            assert_eq!(Knowledge::from_markdown(&entry.to_markdown(), "again"), Ok(entry.clone()));
            let shown = [entry.id.as_str(), entry.title.as_str()];
            assert!(!shown.concat().chars().any(char::is_control));
            assert!(!entry.body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
            let runbook = Runbook::new(Vec::new(), vec![entry]);
            assert_eq!(runbook.problems(), Vec::<String>::new());
        }
        Err(errors) => {
            let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
            assert!(!errors.errors.is_empty());
            assert!(errors.errors.iter().all(|e| (1..=lines).contains(&e.line)), "{errors}");
            assert!(!errors.to_string().replace('\n', "").chars().any(char::is_control));
        }
    }
}

/// Durations, and the other helpers that take any text.
pub fn duration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(secs) = text::parse_duration(&text) {
        assert_eq!(text::parse_duration(&format!("{secs}s")), Ok(secs));
        text::duration(secs);
        text::bytes(secs);
    }
    for limit_bytes in [3, 4, 60] {
        assert!(text::shorten(&text, limit_bytes).len() <= limit_bytes);
    }
    assert!(!text::printable(&text).chars().any(char::is_control));
}

/// A probe's target. What is asked is loopback, or an address of a container of this machine.
pub fn probe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let container = ContainerStat {
        name: "web".to_owned(),
        addresses: [("bridge".to_owned(), "172.17.0.2".to_owned())].into(),
        ..ContainerStat::default()
    };
    for target in
        [ProbeTarget::Http { url: text.to_owned() }, ProbeTarget::Tcp { address: text.to_owned() }]
    {
        let Ok(address) = probe::parse(&target) else { continue };
        let containers = std::iter::once(&container);
        if let Ok(Some(at)) = probe::resolve(&address, containers, &[7979]) {
            assert!(at.ip().is_loopback() || at.ip().to_string() == "172.17.0.2", "{target}");
            assert!(at.port() != 7979 || !at.ip().is_loopback(), "{target}");
        }
        let path = address.path.unwrap_or_default();
        assert!(path.bytes().all(|b| b.is_ascii_graphic()), "{target}");
    }
}
