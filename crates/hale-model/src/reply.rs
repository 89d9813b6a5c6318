//! What a language model says where JSON was asked for: models think aloud first, introduce their answer,
//! or wrap it in a fence. Here the answer is told from what stands around it. Pure, and bounded however
//! hostile the text is.

use serde_json::Value;

/// Places in one text at which an object is looked for.
const STARTS_MAX: usize = 256;
/// Ends of thoughts in one text at which the answer may begin.
const ENDS_MAX: usize = 32;
/// Elements in which models write down what they think, where the server does not take it out.
const THOUGHTS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
];

/// The text without the thoughts that a reasoning model wrote in front of it. Empty: there is nothing
/// else, as where it was cut off while it thought.
pub fn without_thoughts(text: &str) -> &str {
    let text = text.trim();
    if is_json(text) {
        return text;
    }
    let opened = THOUGHTS.iter().find(|(open, _)| text.starts_with(open));
    // Some servers put the opening mark into the question, so that the reply has only the closing one.
    let closing = opened.or_else(|| {
        THOUGHTS.iter().find(|(open, close)| text.contains(close) && !text.contains(open))
    });
    let Some((_, close)) = closing else { return text };
    let mut rest = "";
    for (at, mark) in text.match_indices(close).take(ENDS_MAX) {
        rest = text[at + mark.len()..].trim();
        // Thoughts may speak of the mark itself, and so may the answer.
        if is_json(rest) {
            return rest;
        }
    }
    rest
}

/// The JSON object in a text: all of it, or the longest that stands in it.
pub fn json_object_in(text: &str) -> Option<Value> {
    let text = without_thoughts(text);
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut best: Option<(usize, Value)> = None;
    let mut at = 0;
    for _ in 0..STARTS_MAX {
        let Some(found) = text.get(at..).and_then(|rest| rest.find('{')) else { break };
        at += found;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value @ Value::Object(_))) => {
                let length = values.byte_offset().max(1);
                if best.as_ref().is_none_or(|(longest, _)| length >= *longest) {
                    best = Some((length, value));
                }
                at += length;
            }
            // An object that was cut off: what stands within it is no answer.
            Some(Err(error)) if error.is_eof() => break,
            Some(_) | None => at += 1,
        }
    }
    best.map(|(_, value)| value)
}

/// Why there is no JSON object in a text, in words that help whoever wrote it.
pub fn why_no_json(text: &str) -> String {
    let thoughts_too = text.trim();
    let text = without_thoughts(text);
    if text.is_empty() && !thoughts_too.is_empty() {
        return "there are only thoughts, and no answer".to_owned();
    }
    let Some(start) = text.find('{') else {
        return "there is no JSON object in it".to_owned();
    };
    match serde_json::from_str::<Value>(&text[start..]) {
        Err(error) => format!("it is not JSON: {error}"),
        Ok(_) => "there is no JSON object in it".to_owned(),
    }
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_answer_is_told_from_the_thoughts() {
        for (text, expected) in [
            ("<think>perhaps {x}, or {\"y\":1}</think>\n{\"a\":1}", "{\"a\":1}"),
            ("I weigh {x}…\n</think>\n{\"a\":1}", "{\"a\":1}"),
            ("<thinking>a </thinking> b</thinking> fine", "fine"),
            ("<think>I end with </think> soon</think>{\"a\":\"</think>\"}", "{\"a\":\"</think>\"}"),
            ("{\"a\":\"<think>x</think>\"}", "{\"a\":\"<think>x</think>\"}"),
            ("<think>cut off while", ""),
            ("<think></think>", ""),
            ("no thoughts", "no thoughts"),
            ("it says <think> and </think> in words", "it says <think> and </think> in words"),
        ] {
            assert_eq!(without_thoughts(text), expected, "{text}");
        }
    }

    #[test]
    fn the_object_is_found_however_it_is_wrapped() {
        for (text, expected) in [
            ("{\"a\":1}", Some(json!({"a":1}))),
            ("Here:\n```json\n{\"a\":1}\n```\nDone.", Some(json!({"a":1}))),
            ("I think {\"a\":{\"b\":2}} is right", Some(json!({"a":{"b":2}}))),
            ("with {x} in mind: {\"a\":[1,2]} and {y}", Some(json!({"a":[1,2]}))),
            ("e.g. {\"foo\":1}; so: {\"a\":\"b}\",\"c\":2}", Some(json!({"a":"b}","c":2}))),
            ("<think>{x}</think>{\"a\":1}", Some(json!({"a":1}))),
            ("[1,2]", None),
            ("5", None),
            ("} backwards {", None),
            ("{\"a\":", None),
            ("{\"steps\":[{\"command\":\"ls\"},", None),
        ] {
            assert_eq!(json_object_in(text), expected, "{text}");
        }
        assert_eq!(
            why_no_json("so {\"a\":"),
            "it is not JSON: EOF while parsing a value at line 1 column 5"
        );
        assert_eq!(why_no_json("<think>x</think>"), "there are only thoughts, and no answer");
        assert_eq!(why_no_json("sorry"), "there is no JSON object in it");
    }

    #[test]
    fn hostile_texts_take_no_time() {
        for unit in ["{", "{\"a\":", "{\"", "</think>", "{\"a\":{\"b\":1},"] {
            let _ = json_object_in(&unit.repeat(20_000));
            let _ = json_object_in(&format!("<think>{}", unit.repeat(20_000)));
        }
    }
}
