//! Answers as MCP clients read them: JSON whose text can neither write to a terminal nor show
//! something else than what is there, of a bounded size.

use hale_model::api::{ApiError, ErrorKind, Handle, View};
use hale_model::text::{printable, printable_lines};
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

/// Bytes of an answer: what is more helps no language model.
pub(super) const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// `{view, data, staleness, warnings}`
///
/// # Errors
/// It is too long, or is not JSON.
pub(super) fn of_view(view: &View, handle: &dyn Handle) -> Result<Value, ApiError> {
    let mut value = serde_json::to_value(view).map_err(|error| {
        ApiError::new(ErrorKind::Failed, format!("the answer cannot be written as JSON: {error}"))
    })?;
    if let Value::Object(object) = &mut value {
        object.insert("staleness".to_owned(), json!(handle.staleness()));
        object.insert("warnings".to_owned(), json!(handle.warnings()));
    }
    bounded(clean(value))
}

/// The same for data that is no view.
///
/// # Errors
/// It is too long.
pub(super) fn of_data(name: &str, data: Value) -> Result<Value, ApiError> {
    bounded(clean(json!({ "view": name, "data": data })))
}

/// As the result of a call.
pub(super) fn result(answer: Result<Value, ApiError>) -> CallToolResult {
    match answer {
        Ok(value) => CallToolResult::structured(value),
        Err(error) => CallToolResult::structured_error(of_error(&error)),
    }
}

/// `{error: {kind, message, hint}}`
pub(super) fn of_error(error: &ApiError) -> Value {
    clean(json!({ "error": error }))
}

fn bounded(value: Value) -> Result<Value, ApiError> {
    let bytes = value.to_string().len();
    if bytes <= ANSWER_BYTES_MAX {
        return Ok(value);
    }
    Err(ApiError::new(
        ErrorKind::Usage,
        format!("the answer has {bytes} bytes, over {ANSWER_BYTES_MAX}"),
    )
    .hint("ask for less: a smaller limit, a shorter span, one thing by its id, or fewer columns"))
}

/// Replaces what is not printable in every text and every name. Lines and tabs stay: JSON escapes
/// them, and Markdown needs them.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| (printable(&name), clean(value));
            Value::Object(fields.into_iter().map(field).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn clean_text(text: &str) -> String {
    let parts: Vec<String> = text.split('\t').map(printable_lines).collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
    use super::*;

    #[test]
    fn hostile_text_stays_data_and_keeps_its_lines() {
        let hostile = json!({
            "a\u{202e}b": ["\x1b[2Jrm\u{200b}\r", { "body": "# x\n\n\t- y\n" }], "n": 1.5, "z": null
        });
        assert_eq!(
            clean(hostile),
            json!({
                "a\u{fffd}b": ["\u{fffd}[2Jrm\u{fffd}\u{fffd}", { "body": "# x\n\n\t- y\n" }],
                "n": 1.5, "z": null
            })
        );
    }

    #[test]
    fn too_much_is_an_error_that_says_what_to_do() {
        let error = of_data("markdown", json!("x".repeat(ANSWER_BYTES_MAX))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Usage);
        assert!(error.hint.as_deref().unwrap().starts_with("ask for less"), "{error:?}");
        let told = result(Err(error));
        assert_eq!(told.is_error, Some(true));
        let small = of_data("markdown", json!("x")).unwrap();
        assert_eq!(small, json!({ "view": "markdown", "data": "x" }));
    }
}
