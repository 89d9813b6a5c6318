//! A reply while it is being written: what every provider's events add to. Pure.

use std::collections::BTreeMap;

use hale_model::reply::{json_object_in, without_thoughts};
use serde_json::Value;

use crate::error::{Fault, FaultKind};
use crate::types::{ANSWER_TOOL, Delta, Stop, ToolCall, Usage};

/// Tool calls in one reply.
const TOOL_CALLS_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub text: String,
    calls: BTreeMap<u64, PartialCall>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub model: Option<String>,
    pub stop: Option<Stop>,
    /// The provider's own mark of the end was seen.
    pub is_complete: bool,
    /// Nothing more comes after it, not even counts.
    pub is_over: bool,
    /// Bytes of text, thoughts and arguments, to estimate from where the provider counts nothing.
    pub written_bytes: u64,
    news: Vec<Delta>,
}

#[derive(Debug, Default)]
struct PartialCall {
    id: String,
    name: String,
    /// Pieces of JSON, as streamed.
    arguments: String,
    /// Arguments that came whole.
    input: Option<Value>,
    signature: Option<String>,
}

impl Draft {
    pub(crate) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            self.written_bytes += text.len() as u64;
            self.news.push(Delta::Text(text.to_owned()));
        }
    }

    pub(crate) fn thought(&mut self, text: &str) {
        if !text.is_empty() {
            self.written_bytes += text.len() as u64;
            self.news.push(Delta::Thought(text.to_owned()));
        }
    }

    /// A call begins, or more of its name and id become known.
    pub(crate) fn call(
        &mut self,
        index: u64,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<(), Fault> {
        if self.calls.len() >= TOOL_CALLS_MAX && !self.calls.contains_key(&index) {
            return Err(Fault::garbage(format!("more than {TOOL_CALLS_MAX} tool calls at once")));
        }
        let call = self.calls.entry(index).or_default();
        if let Some(id) = id
            && call.id.is_empty()
        {
            id.clone_into(&mut call.id);
        }
        if let Some(name) = name
            && call.name.is_empty()
            && !name.is_empty()
        {
            name.clone_into(&mut call.name);
            if name != ANSWER_TOOL {
                self.news.push(Delta::Tool(name.to_owned()));
            }
        }
        Ok(())
    }

    /// A piece of the JSON of a call's arguments.
    pub(crate) fn arguments(&mut self, index: u64, piece: &str) -> Result<(), Fault> {
        let Some(call) = self.calls.get_mut(&index) else {
            return Err(Fault::garbage("arguments of a tool call that never began"));
        };
        call.arguments.push_str(piece);
        self.written_bytes += piece.len() as u64;
        // The answer is what the person waits for, whichever way it comes.
        if call.name == ANSWER_TOOL && !piece.is_empty() {
            self.news.push(Delta::Text(piece.to_owned()));
        }
        Ok(())
    }

    /// The arguments of a call at once.
    pub(crate) fn input(&mut self, index: u64, input: Value) {
        let text = input.to_string();
        self.written_bytes += text.len() as u64;
        if let Some(call) = self.calls.get_mut(&index) {
            if call.name == ANSWER_TOOL {
                self.news.push(Delta::Text(text));
            }
            call.input = Some(input);
        }
    }

    pub(crate) fn signature(&mut self, index: u64, signature: &str) {
        if let Some(call) = self.calls.get_mut(&index) {
            call.signature = Some(signature.to_owned());
        }
    }

    /// Where the next call without a number of its own goes.
    pub(crate) fn next_call(&self) -> u64 {
        self.calls.last_key_value().map_or(0, |(last, _)| last.saturating_add(1))
    }

    pub(crate) fn news(&mut self) -> Vec<Delta> {
        std::mem::take(&mut self.news)
    }

    /// The reply, if it is one. `first_call` numbers calls that have no id of their own, so that ids stay unique within a
    /// conversation.
    pub(crate) fn finish(
        mut self,
        wants_answer: bool,
        first_call: usize,
    ) -> Result<Finished, Fault> {
        if !self.is_complete {
            return Err(Fault::garbage("the answer broke off before its end"));
        }
        let mut tool_calls = Vec::new();
        let mut answer = None;
        for call in std::mem::take(&mut self.calls).into_values() {
            let is_cut = self.stop == Some(Stop::MaxTokens);
            let input = match (call.input, call.arguments.trim()) {
                (Some(input), _) => input,
                (None, "") => Value::Object(serde_json::Map::new()),
                (None, text) => match serde_json::from_str(text) {
                    Ok(input) => input,
                    // The half answer is text, so that the conversation can say what is missing.
                    Err(_) if call.name == ANSWER_TOOL => Value::String(text.to_owned()),
                    Err(_) if is_cut => continue,
                    Err(error) => {
                        let detail =
                            format!("arguments of the tool `{}` are no JSON: {error}", call.name);
                        return Err(Fault::garbage(detail));
                    }
                },
            };
            if call.name.is_empty() {
                return Err(Fault::garbage("a tool call without a name"));
            }
            if call.name == ANSWER_TOOL && wants_answer {
                self.text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
                answer = Some(input).filter(|input| !input.is_string());
                continue;
            }
            let id = if call.id.is_empty() {
                format!("call_{}", first_call + tool_calls.len())
            } else {
                call.id
            };
            tool_calls.push(ToolCall { id, name: call.name, input, signature: call.signature });
        }
        let said = without_thoughts(&self.text);
        if said.len() < self.text.len() {
            self.text = said.to_owned();
        }
        if wants_answer && answer.is_none() && tool_calls.is_empty() {
            answer = json_in(&self.text);
        }
        if self.text.is_empty() && tool_calls.is_empty() {
            return Err(match self.stop {
                Some(Stop::MaxTokens) => Fault::new(FaultKind::CutOff, "before it wrote a word"),
                Some(Stop::End | Stop::ToolCalls) | None => Fault::garbage("an empty answer"),
            });
        }
        let stop = match self.stop {
            Some(Stop::MaxTokens) => Stop::MaxTokens,
            _ if !tool_calls.is_empty() => Stop::ToolCalls,
            Some(Stop::End | Stop::ToolCalls) | None => Stop::End,
        };
        Ok(Finished {
            text: self.text,
            answer,
            tool_calls,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            model: self.model,
            stop,
        })
    }

    /// What was used so far, as far as the provider said.
    pub(crate) fn usage(&self) -> Option<Usage> {
        Some(Usage { input_tokens: self.input_tokens?, output_tokens: self.output_tokens? })
    }
}

/// A whole reply, before it is known what it cost.
#[derive(Debug, PartialEq)]
pub(crate) struct Finished {
    pub text: String,
    pub answer: Option<Value>,
    pub tool_calls: Vec<ToolCall>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub model: Option<String>,
    pub stop: Stop,
}

/// The JSON object or list in a text: the whole of it, or the object that stands in it.
fn json_in(text: &str) -> Option<Value> {
    let whole = serde_json::from_str::<Value>(text.trim()).ok();
    whole.filter(|v| v.is_object() || v.is_array()).or_else(|| json_object_in(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_however_it_is_wrapped() {
        for (text, expected) in [
            ("{\"a\":1}", Some(json!({"a":1}))),
            ("Here:\n```json\n{\"a\":1}\n```\nDone.", Some(json!({"a":1}))),
            ("I think {\"a\":{\"b\":2}} is right", Some(json!({"a":{"b":2}}))),
            ("[1,2]", Some(json!([1, 2]))),
            ("5", None),
            ("no json", None),
            ("} backwards {", None),
            ("```", None),
            ("{\"a\":", None),
            ("<think>{x} or [1]</think>[1]", Some(json!([1]))),
        ] {
            assert_eq!(json_in(without_thoughts(text)), expected, "{text}");
        }
    }

    #[test]
    fn thoughts_before_an_answer_are_no_part_of_it() {
        let finish = |text: &str, stop| {
            let mut draft = Draft { is_complete: true, stop: Some(stop), ..Draft::default() };
            draft.text(text);
            draft.finish(true, 0)
        };
        let reply = finish("<think>or {x}?</think>\n{\"a\":1}", Stop::End).unwrap();
        assert_eq!((reply.text.as_str(), reply.answer), ("{\"a\":1}", Some(json!({"a":1}))));
        assert_eq!(
            finish("<think>long and long", Stop::MaxTokens).unwrap_err().kind,
            FaultKind::CutOff
        );
        assert_eq!(finish("<think>only</think>", Stop::End).unwrap_err().kind, FaultKind::Garbage);
    }

    #[test]
    fn a_cut_answer_is_text_and_a_cut_call_is_no_call() {
        let mut draft =
            Draft { is_complete: true, stop: Some(Stop::MaxTokens), ..Draft::default() };
        draft.text("so far");
        draft.call(0, Some("a"), Some("look")).unwrap();
        draft.arguments(0, "{\"x\":").unwrap();
        let reply = draft.finish(false, 0).unwrap();
        assert_eq!((reply.text.as_str(), reply.tool_calls.len()), ("so far", 0));

        let mut draft =
            Draft { is_complete: true, stop: Some(Stop::MaxTokens), ..Draft::default() };
        draft.call(0, Some("a"), Some(ANSWER_TOOL)).unwrap();
        draft.arguments(0, "{\"cause\":\"disk").unwrap();
        let reply = draft.finish(true, 0).unwrap();
        assert_eq!((reply.text.as_str(), reply.answer), ("{\"cause\":\"disk", None));
        assert_eq!(reply.stop, Stop::MaxTokens);
    }
}
