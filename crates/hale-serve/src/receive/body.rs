//! Strict JSON for what strangers send: a bounded depth and number of values, no name twice in one
//! object, nothing after the end. What is well formed is then asked for field by field, so that
//! whatever is wrong is told with the field's name.

use std::fmt;

use axum::http::StatusCode;
use hale_model::text::{printable, shorten};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Objects and arrays within one another.
const DEPTH_MAX: usize = 16;
/// Values in one body.
const VALUES_MAX: usize = 50_000;
/// Bytes of a field's name in a message.
const SHOWN_BYTES_MAX: usize = 80;

/// Why a body is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// 400: it cannot be read. 422: it can, and says something that cannot be.
    pub status: StatusCode,
    /// Where: `alerts[2].labels`.
    pub field: Option<String>,
    /// What.
    pub message: String,
    /// The next step.
    pub hint: String,
}

impl Wrong {
    /// The body cannot be read.
    pub fn malformed(message: impl Into<String>, hint: &str) -> Wrong {
        Wrong {
            status: StatusCode::BAD_REQUEST,
            field: None,
            message: printable(&message.into()),
            hint: hint.to_owned(),
        }
    }

    /// This field says something that cannot be.
    pub fn field(field: impl Into<String>, message: impl fmt::Display, hint: &str) -> Wrong {
        let field = printable(&shorten(&field.into(), SHOWN_BYTES_MAX));
        Wrong {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: printable(&format!("`{field}` {message}")),
            field: Some(field),
            hint: hint.to_owned(),
        }
    }
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Always finite.
    Number(f64),
    /// Text.
    Text(String),
    /// In order.
    Array(Vec<Json>),
    /// In order; no name twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    fn name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// Reads a body.
///
/// # Errors
/// 400, with the place.
pub fn parse(bytes: &[u8]) -> Result<Json, Wrong> {
    let hint = "send one JSON object, as docs/webhooks.md shows it";
    if std::str::from_utf8(bytes).is_err() {
        return Err(Wrong::malformed("the body is not UTF-8", hint));
    }
    let mut left = VALUES_MAX;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Seed { depth: 0, left: &mut left }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| Wrong::malformed(format!("the body is not valid JSON: {error}"), hint))
}

struct Seed<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| E::custom(format!("more than {VALUES_MAX} values")))?;
        Ok(())
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        self.count()?;
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(mut self) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Null)
    }

    fn visit_bool<E: serde::de::Error>(mut self, value: bool) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(mut self, value: i64) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E: serde::de::Error>(mut self, value: u64) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<Json, E> {
        self.count()?;
        if value.is_finite() {
            Ok(Json::Number(value))
        } else {
            Err(E::custom("a number out of range"))
        }
    }

    fn visit_str<E: serde::de::Error>(mut self, value: &str) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(mut self, value: String) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json, A::Error> {
        let depth = self.deeper()?;
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Seed { depth, left: self.left })? {
            read.push(item);
        }
        Ok(Json::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Json, A::Error> {
        let depth = self.deeper()?;
        let mut read: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                let shown = printable(&shorten(&name, SHOWN_BYTES_MAX));
                return Err(A::Error::custom(format!("`{shown}` stands twice in one object")));
            }
            let value = entries.next_value_seed(Seed { depth, left: self.left })?;
            read.push((name, value));
        }
        Ok(Json::Object(read))
    }
}

/// An object whose fields are asked for one by one.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// Where it stands: empty, or `alerts[2].`.
    at: String,
    entries: &'a [(String, Json)],
}

impl<'a> Fields<'a> {
    /// The body itself.
    ///
    /// # Errors
    /// 422 if it is no object.
    pub fn of_body(body: &'a Json) -> Result<Fields<'a>, Wrong> {
        match body {
            Json::Object(entries) => Ok(Fields { at: String::new(), entries }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                Err(Wrong::field(
                    "body",
                    format_args!("is {}, not an object", body.name()),
                    "send one JSON object, as docs/webhooks.md shows it",
                ))
            }
        }
    }

    /// A field's whole name.
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.at)
    }

    fn wrong_type(&self, name: &str, value: &Json, wanted: &str) -> Wrong {
        let message = format!("is {}, not {wanted}", value.name());
        Wrong::field(self.path(name), message, "docs/webhooks.md lists the fields and their types")
    }

    fn missing(&self, name: &str) -> Wrong {
        Wrong::field(
            self.path(name),
            "is missing",
            "docs/webhooks.md lists the fields that are needed",
        )
    }

    /// A field that may be missing; `null` is missing.
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        let found = self.entries.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        found.filter(|value| **value != Json::Null)
    }

    /// The fields' names.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// A string that may be missing.
    ///
    /// # Errors
    /// 422 if it is none.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(name, other, "a string")),
        }
    }

    /// A string that is needed and says something.
    ///
    /// # Errors
    /// 422 if it is missing, none, or empty.
    pub fn needed_text(&self, name: &str) -> Result<&'a str, Wrong> {
        let text = self.text(name)?.ok_or_else(|| self.missing(name))?;
        if text.trim().is_empty() {
            return Err(Wrong::field(self.path(name), "is empty", "say which"));
        }
        Ok(text)
    }

    /// A whole number that may be missing.
    ///
    /// # Errors
    /// 422 if it is none, or not within these.
    pub fn integer(&self, name: &str, from: i64, to: i64) -> Result<Option<i64>, Wrong> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Json::Number(number)) => *number,
            Some(other) => return Err(self.wrong_type(name, other, "a whole number")),
        };
        if number.fract() == 0.0 && number >= from as f64 && number <= to as f64 {
            Ok(Some(number as i64))
        } else {
            let message = format!("is {number}, not a whole number from {from} to {to}");
            Err(Wrong::field(self.path(name), message, "correct it, or leave it out"))
        }
    }

    /// An object that may be missing.
    ///
    /// # Errors
    /// 422 if it is none.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Object(entries)) => {
                Ok(Some(Fields { at: format!("{}.", self.path(name)), entries }))
            }
            Some(other) => Err(self.wrong_type(name, other, "an object")),
        }
    }

    /// An object that is needed.
    ///
    /// # Errors
    /// 422 if it is missing or none.
    pub fn needed_object(&self, name: &str) -> Result<Fields<'a>, Wrong> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// An array that may be missing.
    ///
    /// # Errors
    /// 422 if it is none.
    pub fn array(&self, name: &str) -> Result<&'a [Json], Wrong> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Json::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong_type(name, other, "an array")),
        }
    }

    /// An array of objects that is needed, with at most so many.
    ///
    /// # Errors
    /// 422 if it is missing, no array, or holds something else.
    pub fn needed_objects(&self, name: &str, max: usize) -> Result<Vec<Fields<'a>>, Wrong> {
        self.get(name).ok_or_else(|| self.missing(name))?;
        let items = self.array(name)?;
        if items.len() > max {
            let message = format!("has {} entries, more than {max}", items.len());
            return Err(Wrong::field(self.path(name), message, "send them in several requests"));
        }
        let object = |(index, item): (usize, &'a Json)| match item {
            Json::Object(entries) => {
                Ok(Fields { at: format!("{}[{index}].", self.path(name)), entries })
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                Err(self.wrong_type(&format!("{name}[{index}]"), item, "an object"))
            }
        };
        items.iter().enumerate().map(object).collect()
    }

    /// An object of strings (labels, annotations); what is no string in it is an error.
    ///
    /// # Errors
    /// 422 with the entry's name.
    pub fn texts(&self, name: &str) -> Result<Vec<(&'a str, &'a str)>, Wrong> {
        let Some(object) = self.object(name)? else { return Ok(Vec::new()) };
        let entry = |(key, value): &'a (String, Json)| match value {
            Json::Text(text) => Ok((key.as_str(), text.as_str())),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                Err(object.wrong_type(key, value, "a string"))
            }
        };
        object.entries.iter().map(entry).collect()
    }

    /// An object of numbers; what is no number in it is an error, `null` is left out.
    ///
    /// # Errors
    /// 422 with the entry's name.
    pub fn numbers(&self, name: &str) -> Result<Vec<(&'a str, f64)>, Wrong> {
        let Some(object) = self.object(name)? else { return Ok(Vec::new()) };
        let mut numbers = Vec::new();
        for (key, value) in object.entries {
            match value {
                Json::Number(number) => numbers.push((key.as_str(), *number)),
                Json::Null => {}
                Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
                    return Err(object.wrong_type(key, value, "a number"));
                }
            }
        }
        Ok(numbers)
    }
}
