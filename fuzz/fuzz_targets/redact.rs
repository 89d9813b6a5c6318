//! Texts of one conversation, separated by NUL: each comes back byte for byte, also put together, and
//! a secret that is held never leaves.
#![no_main]

use hale_brain::decide::redact::{KnownSecrets, Redactor};

const HELD: &str = "held-Secret-7f3a";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let known = KnownSecrets { secrets: vec![HELD.to_owned()], ..KnownSecrets::default() };
    let mut redactor = Redactor::new(known);
    let mut sent = String::new();
    for part in text.split('\0') {
        let redacted = redactor.redact(part);
        assert!(!redacted.contains(HELD));
        assert_eq!(redactor.restore(&redacted), part);
        sent.push_str(&redacted);
    }
    assert_eq!(redactor.restore(&sent), text.replace('\0', ""));
});
