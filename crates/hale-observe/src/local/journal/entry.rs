//! One line of `journalctl -o json`.

use hale_model::Timestamp;
use hale_model::sample::JournalEntry;
use serde_json::{Map, Value};

use super::{MESSAGE_LIMIT_BYTES, NAME_LIMIT_BYTES};
use crate::local::read::lossy;

/// The fields that are asked for; all others would only cost.
pub(super) const FIELDS: &str = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,_TRANSPORT,\
    _SYSTEMD_UNIT,_SYSTEMD_USER_UNIT,UNIT,OBJECT_SYSTEMD_UNIT,COREDUMP_UNIT";

/// An entry and the cursor that stands after it.
#[derive(Debug, PartialEq)]
pub(in crate::local) struct Parsed {
    pub(in crate::local) entry: JournalEntry,
    pub(in crate::local) cursor: Option<String>,
}

/// Reads a line; none if it is not an entry with a time.
pub(in crate::local) fn parse_entry(line: &[u8]) -> Option<Parsed> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(line) else { return None };
    let text = |key: &str, limit: usize| fields.get(key).and_then(|v| field_text(v, limit));
    let name = |key: &str| text(key, NAME_LIMIT_BYTES).filter(|t| !t.is_empty());
    let micros: i64 = name("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let kernel = name("_TRANSPORT").as_deref() == Some("kernel");
    let identifier = name("SYSLOG_IDENTIFIER")
        .or_else(|| name("_COMM"))
        .or_else(|| kernel.then(|| "kernel".to_owned()))
        .unwrap_or_default();
    let priority = name("PRIORITY").and_then(|p| p.parse().ok()).filter(|p| *p <= 7);
    Some(Parsed {
        entry: JournalEntry {
            logged_at: Timestamp::from_microsecond(micros).ok()?,
            priority: priority.unwrap_or(6),
            unit: unit(&fields),
            identifier,
            pid: name("_PID").and_then(|pid| pid.parse().ok()),
            kernel,
            message: text("MESSAGE", MESSAGE_LIMIT_BYTES).unwrap_or_default(),
        },
        cursor: name("__CURSOR"),
    })
}

/// The unit that an entry is about: systemd and the core dump handler name another than their own.
fn unit(fields: &Map<String, Value>) -> Option<String> {
    ["UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_USER_UNIT", "_SYSTEMD_UNIT"]
        .iter()
        .find_map(|key| fields.get(*key).and_then(|v| field_text(v, NAME_LIMIT_BYTES)))
        .filter(|unit| !unit.is_empty() && unit != "init.scope")
}

/// A field is text, an array of bytes where it is not UTF-8, an array of those where it was given
/// more than once (the first counts), or null where it was too large.
fn field_text(value: &Value, limit_bytes: usize) -> Option<String> {
    let first = value.as_array().and_then(|parts| parts.first());
    match first {
        Some(first) if !first.is_number() => single_text(first, limit_bytes),
        Some(_) | None => single_text(value, limit_bytes),
    }
}

/// One value of a field; nothing nests deeper than this.
fn single_text(value: &Value, limit_bytes: usize) -> Option<String> {
    if let Value::String(text) = value {
        return Some(lossy(text.as_bytes(), limit_bytes));
    }
    value.as_array().and_then(|parts| bytes_text(parts, limit_bytes))
}

fn bytes_text(parts: &[Value], limit_bytes: usize) -> Option<String> {
    let byte = |part: &Value| part.as_u64().and_then(|n| u8::try_from(n).ok());
    let bytes: Option<Vec<u8>> = parts.iter().map(byte).collect();
    bytes.map(|bytes| lossy(&bytes, limit_bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn parsed(fields: &str) -> JournalEntry {
        let line = format!("{{\"__REALTIME_TIMESTAMP\":\"1700000000000000\",{fields}}}");
        parse_entry(line.as_bytes()).unwrap().entry
    }

    #[test]
    fn a_usual_entry() {
        let line = br#"{"__CURSOR":"s=1;i=2;t=3","__REALTIME_TIMESTAMP":"1700000000123456",
            "PRIORITY":"3","_SYSTEMD_UNIT":"nginx.service","SYSLOG_IDENTIFIER":"nginx","_PID":"77",
            "_TRANSPORT":"stdout","MESSAGE":"upstream timed out"}"#;
        let parsed = parse_entry(line).unwrap();
        assert_eq!(parsed.cursor.as_deref(), Some("s=1;i=2;t=3"));
        insta::assert_debug_snapshot!(parsed.entry, @r#"
        JournalEntry {
            logged_at: 2023-11-14T22:13:20.123456Z,
            priority: 3,
            unit: Some(
                "nginx.service",
            ),
            identifier: "nginx",
            pid: Some(
                77,
            ),
            kernel: false,
            message: "upstream timed out",
        }
        "#);
    }

    #[test]
    fn messages_in_every_shape_that_journalctl_writes() {
        for (field, expected) in [
            (r#""MESSAGE":"text""#, "text"),
            (r#""MESSAGE":[104,105,255]"#, "hi\u{fffd}"),
            (r#""MESSAGE":["first","second"]"#, "first"),
            (r#""MESSAGE":[[104,105],"second"]"#, "hi"),
            (r#""MESSAGE":[[[[1]]]]"#, ""),
            (r#""MESSAGE":null"#, ""),
            (r#""PRIORITY":"9""#, ""),
        ] {
            assert_eq!(parsed(field).message, expected, "{field}");
        }
        let long = "x".repeat(MESSAGE_LIMIT_BYTES + 1);
        assert_eq!(parsed(&format!(r#""MESSAGE":"{long}""#)).message.len(), MESSAGE_LIMIT_BYTES);
    }

    #[test]
    fn the_unit_that_systemd_speaks_of() {
        let fields = r#""_SYSTEMD_UNIT":"init.scope","UNIT":"cron.service","_PID":"1""#;
        assert_eq!(parsed(fields).unit.as_deref(), Some("cron.service"));
        assert_eq!(parsed(r#""_SYSTEMD_UNIT":"init.scope""#).unit, None);
        let kernel = parsed(r#""_TRANSPORT":"kernel","PRIORITY":"5""#);
        assert_eq!((kernel.kernel, kernel.identifier.as_str()), (true, "kernel"));
    }

    #[test]
    fn lines_that_are_no_entries() {
        for line in ["", "{}", "[]", "null", "-- No entries --", r#"{"__REALTIME_TIMESTAMP":"x"}"#]
        {
            assert_eq!(parse_entry(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            parse_entry(&bytes);
        }

        #[test]
        fn any_message(message: String) {
            let line = serde_json::json!({"__REALTIME_TIMESTAMP": "1", "MESSAGE": message});
            let entry = parse_entry(line.to_string().as_bytes()).unwrap().entry;
            prop_assert!(entry.message.len() <= MESSAGE_LIMIT_BYTES);
        }
    }
}
