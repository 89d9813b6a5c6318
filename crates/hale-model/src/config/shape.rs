//! What a key may hold, read from the JSON Schema of [`super::Config`], so that the check, the
//! reference page and the types cannot drift apart.

use serde_json::Value as Json;

/// What a key may hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A table with exactly these keys.
    Table(Vec<Key>),
    /// Any text.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
    /// true or false.
    Flag,
    /// A whole number within these bounds, both included.
    Whole {
        /// Least.
        min: i128,
        /// Greatest.
        max: i128,
    },
    /// A number within these bounds, both included.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// A list.
    List(Box<Shape>),
}

/// One key of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// Its name.
    pub name: String,
    /// What it is for: the doc comment of its field.
    pub about: String,
    /// What it may hold.
    pub shape: Shape,
}

/// The shape of the whole configuration.
pub(super) fn of_config() -> Shape {
    let schema = schemars::schema_for!(super::Config);
    of_schema(schema.as_value(), schema.as_value())
}

fn of_schema(schema: &Json, root: &Json) -> Shape {
    if let Some(target) = schema.get("$ref").and_then(Json::as_str) {
        let target = target.trim_start_matches('#');
        return root.pointer(target).map_or(Shape::Text, |schema| of_schema(schema, root));
    }
    if let Some(words) = words_of(schema) {
        return Shape::OneOf(words);
    }
    // An optional value: the one alternative that is not null.
    if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array)
        && let Some(value) =
            alternatives.iter().find(|a| a.get("type").and_then(Json::as_str) != Some("null"))
    {
        return of_schema(value, root);
    }
    match type_of(schema) {
        Some("object") => Shape::Table(keys_of(schema, root)),
        Some("array") => {
            let item = schema.get("items").map_or(Shape::Text, |items| of_schema(items, root));
            Shape::List(Box::new(item))
        }
        Some("boolean") => Shape::Flag,
        Some("integer") => whole_of(schema),
        Some("number") => Shape::Number {
            min: schema.get("minimum").and_then(Json::as_f64).unwrap_or(0.0),
            max: schema.get("maximum").and_then(Json::as_f64).unwrap_or(f64::MAX),
        },
        _ => Shape::Text,
    }
}

fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
    }
}

fn words_of(schema: &Json) -> Option<Vec<String>> {
    let text = |word: &Json| word.as_str().map(str::to_owned);
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return words.iter().map(text).collect();
    }
    let alternatives = schema.get("oneOf").and_then(Json::as_array)?;
    alternatives.iter().map(|a| a.get("const").and_then(text)).collect()
}

fn whole_of(schema: &Json) -> Shape {
    // schemars writes the bounds of small integers, and only the least of unsigned ones.
    let format = schema.get("format").and_then(Json::as_str);
    let (least, greatest) = match format {
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64") => (0, i128::from(i64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let bound = |name: &str| schema.get(name).and_then(Json::as_i64).map(i128::from);
    Shape::Whole {
        min: bound("minimum").unwrap_or(least),
        max: bound("maximum").unwrap_or(greatest),
    }
}

fn keys_of(schema: &Json, root: &Json) -> Vec<Key> {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        return Vec::new();
    };
    let key = |(name, schema): (&String, &Json)| Key {
        name: name.clone(),
        about: schema.get("description").and_then(Json::as_str).unwrap_or_default().to_owned(),
        shape: of_schema(schema, root),
    };
    properties.iter().map(key).collect()
}
