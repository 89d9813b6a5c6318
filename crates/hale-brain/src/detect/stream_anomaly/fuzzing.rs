//! The reader of rows and the detector behind it as a function of bytes, for the target in `fuzz/`.
//! Not for use: names and meaning may change at any time.
//!
//! # Panics
//! Where the code does, and where its answer breaks a promise of its own.

use super::{Header, Row, StreamAnomaly};

/// A table of values: a header, then rows.
pub fn rows(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = Row(lines.next().unwrap_or_default());
    assert_eq!(first.fields().collect::<Vec<_>>().join(&b','), first.0);
    let Ok(header) = Header::read(first) else { return };
    let mut detector = StreamAnomaly::new();
    for line in lines {
        assert_eq!(Row(line).fields().collect::<Vec<_>>().join(&b','), line);
        if let Ok(value) = header.value(Row(line)) {
            let score = detector.score(value);
            assert!((0.0..=1.0).contains(&score), "{value} scores {score}");
        }
    }
}
