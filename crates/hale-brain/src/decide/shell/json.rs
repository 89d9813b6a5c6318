//! jq and its like: what simple filters print.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of the kinds of JSON values each place names the few that matter to it"
)]

use serde_json::Value;

use super::machine::Machine;
use super::options::Parsed;
use super::produce;
use super::text;

/// Values that one step of a filter may give.
const VALUES_MAX: usize = 64;

impl Machine {
    /// What a filter prints over what is known; anything else only carries its input on.
    pub(super) fn json_query(&mut self, parsed: &Parsed, arguments: &[String]) -> String {
        let Some((filter, files)) = parsed.operands.split_first() else {
            return self.carried(arguments);
        };
        let input =
            if parsed.has(&["-n", "--null-input"]) { "null".to_owned() } else { self.input(files) };
        let raw = parsed.has(&["-r", "--raw-output", "-j", "--join-output", "-a"]);
        let filter = text::unglobbed(filter);
        let known = text::is_literal(&input) && text::is_literal(&filter);
        let printed = known
            .then(|| serde_json::from_str::<Value>(&input).ok())
            .flatten()
            .and_then(|value| evaluated(&filter, value));
        match printed {
            Some(values) => {
                let line = |value: &Value| match value {
                    Value::String(text) if raw => text.clone(),
                    other => other.to_string(),
                };
                text::bounded(values.iter().map(|value| line(value) + "\n").collect())
            }
            None if filter.contains("@base64d") => produce::undecoded(&input),
            None => {
                let carried = self.carried(arguments);
                text::residue(&format!("{input}{carried}"))
            }
        }
    }
}

/// The values that a filter gives: paths, literals, `@base64d`, `join`, pipes; nothing for the rest.
fn evaluated(filter: &str, input: Value) -> Option<Vec<Value>> {
    let mut values = vec![input];
    for stage in stages(filter) {
        let mut next = Vec::new();
        for value in &values {
            next.extend(stage_of(stage.trim(), value)?);
        }
        if next.len() > VALUES_MAX {
            return None;
        }
        values = next;
    }
    Some(values)
}

/// The parts between pipes that stand outside of strings.
fn stages(filter: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in filter.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '|' if !quoted => {
                out.extend(filter.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    out.extend(filter.get(from..));
    out
}

fn stage_of(stage: &str, value: &Value) -> Option<Vec<Value>> {
    let text_of = |value: &Value| value.as_str().map(str::to_owned);
    if stage.starts_with('"') && !stage.contains("\\(") {
        return serde_json::from_str(stage).ok().map(|text| vec![text]);
    }
    if let Some(separator) = stage.strip_prefix("join(").and_then(|s| s.strip_suffix(')')) {
        let separator: String = serde_json::from_str(separator).ok()?;
        let items: Option<Vec<String>> = value.as_array()?.iter().map(text_of).collect();
        return items.map(|items| vec![Value::String(items.join(&separator))]);
    }
    match stage {
        "." | "tostring" | "@text" | "strings" => Some(vec![value.clone()]),
        "@base64d" => produce::decode_base(&text_of(value)?, false)
            .map(|text| vec![Value::String(text.trim_end_matches('\n').to_owned())]),
        "ascii_downcase" => Some(vec![Value::String(text_of(value)?.to_ascii_lowercase())]),
        "implode" => {
            let points: Option<String> = value
                .as_array()?
                .iter()
                .map(|n| n.as_u64().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32))
                .collect();
            points.map(|text| vec![Value::String(text)])
        }
        "reverse" => match value {
            Value::String(text) => Some(vec![Value::String(text.chars().rev().collect())]),
            Value::Array(items) => Some(vec![Value::Array(items.iter().rev().cloned().collect())]),
            _ => None,
        },
        "add" => {
            let items: Option<Vec<String>> = value.as_array()?.iter().map(text_of).collect();
            items.map(|items| vec![Value::String(items.concat())])
        }
        _ if stage.starts_with('[') => serde_json::from_str(stage).ok().map(|list| vec![list]),
        _ => path(stage, value),
    }
}

/// `.a.b[0].c[]`
fn path(stage: &str, value: &Value) -> Option<Vec<Value>> {
    let mut rest = stage.strip_prefix('.')?;
    let mut values = vec![value.clone()];
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, tail) = inner.split_once(']')?;
            rest = tail.strip_prefix('.').unwrap_or(tail);
            values = match index.trim() {
                "" => values
                    .iter()
                    .flat_map(|value| match value {
                        Value::Array(items) => items.clone(),
                        Value::Object(fields) => fields.values().cloned().collect(),
                        _ => Vec::new(),
                    })
                    .collect(),
                index => {
                    let at: usize = index.parse().ok()?;
                    values.iter().filter_map(|value| value.get(at).cloned()).collect()
                }
            };
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(end)?;
        let name = name.trim_matches('"');
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return None;
        }
        values = values.iter().filter_map(|value| value.get(name).cloned()).collect();
        rest = tail.strip_prefix('.').unwrap_or(tail);
    }
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn simple_filters_are_computed_and_others_are_not() {
        let input = json!({"a": {"b": ["x", "y"]}, "c": "cHdk"});
        let values = |filter: &str| evaluated(filter, input.clone());
        assert_eq!(values(".a.b[1]"), Some(vec![json!("y")]));
        assert_eq!(values(".a.b[]"), Some(vec![json!("x"), json!("y")]));
        assert_eq!(values(".a.b | join(\" \")"), Some(vec![json!("x y")]));
        assert_eq!(values(".c | @base64d"), Some(vec![json!("pwd")]));
        assert_eq!(values("\"a|b\""), Some(vec![json!("a|b")]));
        assert_eq!(values("map(.x)"), None);
    }
}
