//! What a request says that cannot be, in plain words: which name, what would do, and what was sent.

use std::fmt;

use hale_model::Timestamp;
use hale_model::text::{printable, shorten};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, de};

/// Bytes of what was sent that are shown.
const SHOWN_BYTES_MAX: usize = 80;
/// What axum says before the matter.
const QUERY_PREFIX: &str = "Failed to deserialize query string: ";

/// A whole number after the `?`, from 0 to this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpTo<const MAX: u32>(pub(crate) u32);

/// One of any size.
pub(crate) type Whole = UpTo<{ u32::MAX }>;

impl<'de, const MAX: u32> Deserialize<'de> for UpTo<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = format!("not a whole number from 0 to {MAX}");
        let parse = |text: &str| text.parse().ok().filter(|number| *number <= MAX).map(UpTo);
        deserializer.deserialize_str(Parsed { told, parse })
    }
}

impl<const MAX: u32> UpTo<MAX> {
    /// What was given, or else this.
    pub(crate) fn or(given: Option<Self>, default: u32) -> u32 {
        given.map_or(default, |UpTo(number)| number)
    }
}

/// A time after the `?`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let told = "not a time as 2026-01-27T10:00:00Z".to_owned();
        let parse = |text: &str| text.parse().ok().map(Time);
        deserializer.deserialize_str(Parsed { told, parse })
    }
}

struct Parsed<F> {
    told: String,
    parse: F,
}

impl<T, F: Fn(&str) -> Option<T>> Visitor<'_> for Parsed<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| {
            let shown = shorten(text, SHOWN_BYTES_MAX);
            let plus =
                if text.contains(' ') { " (a `+` in an address is sent as %2B)" } else { "" };
            E::custom(format!("is `{shown}`, {}{plus}", self.told))
        })
    }
}

/// Whether an address, its `%` resolved, is text: what it names is looked up by its name.
pub(crate) fn is_text(path: &str) -> bool {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// Reads a body of JSON.
///
/// # Errors
/// What is wrong with it, with the field.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut deserializer);
    let read = read.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        if !inner.is_data() {
            return format!("it is not valid JSON: {inner}");
        }
        let place = format!(" at line {} column {}", inner.line(), inner.column());
        let message = inner.to_string();
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let path = if path == "." { "" } else { &path };
        named(path, message)
    })?;
    deserializer.end().map_err(|error| format!("it is not valid JSON: {error}"))?;
    Ok(read)
}

/// What is wrong with what stands after the `?`.
pub(crate) fn of_query(rejection: &str) -> String {
    let message = rejection.strip_prefix(QUERY_PREFIX).unwrap_or(rejection);
    // Names of parameters hold no space and no colon.
    match message.split_once(": ").filter(|(path, _)| !path.contains(' ')) {
        Some((path, message)) => named(path, message),
        None => named("", message),
    }
}

fn named(path: &str, message: &str) -> String {
    let plain = plain(message);
    // Where the sentence names it already, it is not named twice.
    if path.is_empty() || plain.starts_with("there is no") || plain.ends_with("stands twice") {
        return printable(&plain);
    }
    printable(&format!("`{}` {plain}", shorten(path, SHOWN_BYTES_MAX)))
}

/// The sentence of the library that read it, as one would say it.
pub(crate) fn plain(message: &str) -> String {
    let text = |mark: &str| message.strip_prefix(mark);
    if let Some(rest) = text("invalid type: ").or_else(|| text("invalid value: "))
        && let Some((got, wanted)) = rest.rsplit_once(", expected ")
    {
        return format!("is {}, not {}", sent(got), wanted_one(wanted));
    }
    if let Some((name, known)) = text("unknown field ").and_then(|r| r.split_once(", ")) {
        return format!("there is no {name} here, {}", listed(known, "only"));
    }
    if let Some((name, known)) = text("unknown variant ").and_then(|r| r.split_once(", ")) {
        return format!("is {name}, {}", listed(known, "none of"));
    }
    if let Some(name) = text("missing field ") {
        return format!("there is no {name}, which is needed");
    }
    if let Some(name) = text("duplicate field ") {
        return format!("{name} stands twice");
    }
    if message == "invalid digit found in string"
        || message == "cannot parse integer from empty string"
        || message.starts_with("number too ")
    {
        return "is not a whole number, or too large a one".to_owned();
    }
    if message == "provided string was not `true` or `false`" {
        return "is neither true nor false".to_owned();
    }
    message.to_owned()
}

fn listed(known: &str, word: &str) -> String {
    let names = known.strip_prefix("expected one of ").or_else(|| known.strip_prefix("expected "));
    match names {
        Some(names) => format!("{word} {}", names.replace(" or ", ", ")),
        None => known.to_owned(),
    }
}

fn sent(got: &str) -> String {
    match got {
        "map" => "an object".to_owned(),
        "sequence" => "an array".to_owned(),
        "unit value" => "null".to_owned(),
        _ => match got.split_once(' ') {
            Some(("string", text)) => shorten(text, SHOWN_BYTES_MAX),
            Some((_, value)) if got.ends_with('`') => {
                value.rsplit('`').nth(1).unwrap_or(value).to_owned()
            }
            Some(_) | None => got.to_owned(),
        },
    }
}

fn wanted_one(wanted: &str) -> String {
    match wanted {
        "a map" => "an object".to_owned(),
        "a sequence" => "an array".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ if wanted.starts_with("struct ") => "an object".to_owned(),
        _ => wanted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sent {
        why: Option<String>,
        count: u32,
        all: bool,
        inner: Option<Box<Sent>>,
    }

    #[test]
    fn a_body_is_told_what_is_wrong_with_which_field() {
        for (body, expected) in [
            (r#"{"why": 5}"#, "`why` is 5, not a string"),
            (r#"{"why": {"a": 1}}"#, "`why` is an object, not a string"),
            (r#"{"why": [1]}"#, "`why` is an array, not a string"),
            (r#"{"count": "many"}"#, "`count` is \"many\", not a whole number"),
            (r#"{"count": -1}"#, "`count` is -1, not a whole number"),
            (r#"{"count": 1.5}"#, "`count` is 1.5, not a whole number"),
            (r#"{"all": "yes"}"#, "`all` is \"yes\", not a boolean"),
            (r#"{"inner": {"why": true}}"#, "`inner.why` is true, not a string"),
            (r#"{"wy": "x"}"#, "there is no `wy` here, only `why`, `count`, `all`, `inner`"),
            (r#"{"why": "a", "why": "b"}"#, "`why` stands twice"),
            ("[1]", "is 1, not a string"),
            ("\"x\"", "is \"x\", not an object"),
            ("{\"why\":", "it is not valid JSON: EOF while parsing a value at line 1 column 7"),
            ("{} {}", "it is not valid JSON: trailing characters at line 1 column 4"),
        ] {
            let found = read::<Sent>(body.as_bytes()).unwrap_err();
            assert!(found.ends_with(expected), "{body}: {found}");
        }
        assert!(read::<Sent>(br#"{"why": "it is over"}"#).is_ok());
    }

    #[test]
    fn a_query_is_told_so_too() {
        let told = |text: &str| of_query(&format!("{QUERY_PREFIX}{text}"));
        assert_eq!(told("missing field `sql`"), "there is no `sql`, which is needed");
        assert_eq!(
            told("state: unknown variant `nope`, expected one of `open`, `closed`"),
            "`state` is `nope`, none of `open`, `closed`"
        );
        assert_eq!(
            told("staet: unknown field `staet`, expected `state` or `limit`"),
            "there is no `staet` here, only `state`, `limit`"
        );
        assert_eq!(
            told("all: provided string was not `true` or `false`"),
            "`all` is neither true nor false"
        );
        assert_eq!(
            told("after: invalid digit found in string"),
            "`after` is not a whole number, or too large a one"
        );
    }
}
