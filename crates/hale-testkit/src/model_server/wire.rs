//! The providers' wire formats, as their documentation and their servers show them (2025-11).

use serde_json::{Value, json};

use super::http::Received;
use super::{INPUT_TOKENS, OUTPUT_TOKENS, Wire};

/// What an answer says.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub thought: &'a str,
    pub text: &'a str,
    pub tools: &'a [(String, Value)],
    pub is_cut: bool,
}

pub(super) fn content_type(wire: Wire) -> &'static str {
    match wire {
        Wire::Anthropic => "text/event-stream; charset=utf-8",
        Wire::Gemini | Wire::OpenAi => "text/event-stream",
        Wire::Ollama => "application/x-ndjson",
    }
}

/// The tool that the request makes the model answer with, if it does. Anthropic: the one that
/// `tool_choice` names, or with `any` the last; Gemini: with mode `ANY` the last.
pub(super) fn answer_tool(wire: Wire, request: &Received) -> Option<String> {
    let body = request.json();
    let last = |list: &Value| Some(list.as_array()?.last()?["name"].as_str()?.to_owned());
    match wire {
        Wire::Anthropic => match body["tool_choice"]["type"].as_str()? {
            "tool" => Some(body["tool_choice"]["name"].as_str()?.to_owned()),
            "any" => last(&body["tools"]),
            _ => None,
        },
        Wire::Gemini => {
            let mode = body.pointer("/toolConfig/functionCallingConfig/mode")?;
            if mode == "ANY" { last(body.pointer("/tools/0/functionDeclarations")?) } else { None }
        }
        Wire::OpenAi | Wire::Ollama => None,
    }
}

/// All pieces of a streamed answer.
pub(super) fn stream(wire: Wire, request: &Received, said: &Said<'_>) -> Vec<String> {
    let mut pieces = beginning(wire, request, said);
    pieces.extend(ending(wire, said));
    pieces
}

/// The pieces before the end.
pub(super) fn beginning(wire: Wire, request: &Received, said: &Said<'_>) -> Vec<String> {
    let model = model(wire, request);
    match wire {
        Wire::Anthropic => anthropic(&model, said),
        Wire::Gemini => gemini(&model, said),
        Wire::OpenAi => openai(&model, said),
        Wire::Ollama => ollama(&model, said),
    }
}

fn model(wire: Wire, request: &Received) -> String {
    if wire == Wire::Gemini {
        let name = request.path.split("models/").nth(1).unwrap_or_default();
        return name.split(':').next().unwrap_or_default().to_owned();
    }
    request.json()["model"].as_str().unwrap_or_default().to_owned()
}

/// A text in two pieces, so that whoever puts them together has something to do.
fn halves(text: &str) -> Vec<&str> {
    let middle = (text.len() / 2..=text.len()).find(|at| text.is_char_boundary(*at));
    let (a, b) = text.split_at(middle.unwrap_or(0));
    [a, b].into_iter().filter(|piece| !piece.is_empty()).collect()
}

fn sse(event: &Value) -> String {
    format!("data: {event}\n\n")
}

fn named(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default())
}

fn anthropic(model: &str, said: &Said<'_>) -> Vec<String> {
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": "msg_01", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": INPUT_TOKENS - 20, "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 0, "output_tokens": 1},
        }}),
        json!({"type": "ping"}),
    ];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
        index += 1;
    };
    if !said.thought.is_empty() {
        let mut deltas: Vec<Value> = halves(said.thought)
            .iter()
            .map(|t| json!({"type": "thinking_delta", "thinking": t}))
            .collect();
        deltas.push(json!({"type": "signature_delta", "signature": "EqQBCgIYAhIM"}));
        block(json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    if !said.text.is_empty() {
        let deltas = halves(said.text);
        let deltas = deltas.iter().map(|t| json!({"type": "text_delta", "text": t})).collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for (at, (name, input)) in said.tools.iter().enumerate() {
        let arguments = input.to_string();
        let mut deltas = vec![json!({"type": "input_json_delta", "partial_json": ""})];
        deltas.extend(
            halves(&arguments)
                .iter()
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece})),
        );
        let id = format!("toolu_{at:02}");
        block(json!({"type": "tool_use", "id": id, "name": name, "input": {}}), deltas);
    }
    events.iter().map(named).collect()
}

fn gemini(model: &str, said: &Said<'_>) -> Vec<String> {
    let event = |part: Value| {
        json!({
            "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": INPUT_TOKENS, "totalTokenCount": INPUT_TOKENS},
            "modelVersion": model,
            "responseId": "r1",
        })
    };
    let mut events = Vec::new();
    events.extend(halves(said.thought).iter().map(|t| event(json!({"text": t, "thought": true}))));
    events.extend(halves(said.text).iter().map(|t| event(json!({"text": t}))));
    for (at, (name, args)) in said.tools.iter().enumerate() {
        let mut part = json!({"functionCall": {"name": name, "args": args}});
        if at == 0 {
            part["thoughtSignature"] = json!("CiIBVKhc7g");
        }
        events.push(event(part));
    }
    // As the real server does, with carriage returns.
    events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect()
}

fn openai(model: &str, said: &Said<'_>) -> Vec<String> {
    let event = |delta: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000,
            "model": model, "system_fingerprint": null,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}],
        })
    };
    let mut events = vec![event(json!({"role": "assistant", "content": ""}))];
    events.extend(halves(said.thought).iter().map(|t| event(json!({"reasoning_content": t}))));
    events.extend(halves(said.text).iter().map(|t| event(json!({"content": t}))));
    for (at, (name, input)) in said.tools.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let call = json!({"index": at, "id": format!("call_x{at}"), "type": "function", "function": function});
        events.push(event(json!({"tool_calls": [call]})));
        for piece in halves(&input.to_string()) {
            let call = json!({"index": at, "function": {"arguments": piece}});
            events.push(event(json!({"tool_calls": [call]})));
        }
    }
    let mut pieces: Vec<String> = events.iter().map(sse).collect();
    pieces.insert(0, ": keep-alive\n\n".to_owned());
    pieces
}

fn ollama(model: &str, said: &Said<'_>) -> Vec<String> {
    let line = |message: Value| {
        let event = json!({"model": model, "created_at": "2025-11-01T00:00:00Z", "message": message, "done": false});
        format!("{event}\n")
    };
    let mut lines = Vec::new();
    let message = |key: &str, text: &str| {
        let mut message = json!({"role": "assistant", "content": ""});
        message[key] = json!(text);
        message
    };
    lines.extend(halves(said.thought).iter().map(|t| line(message("thinking", t))));
    lines.extend(halves(said.text).iter().map(|t| line(message("content", t))));
    for (name, arguments) in said.tools {
        let call = json!({"function": {"name": name, "arguments": arguments}});
        lines.push(line(json!({"role": "assistant", "content": "", "tool_calls": [call]})));
    }
    lines
}

/// What ends an answer.
fn ending(wire: Wire, said: &Said<'_>) -> Vec<String> {
    let has_tools = !said.tools.is_empty();
    match wire {
        Wire::Anthropic => {
            let reason = match (said.is_cut, has_tools) {
                (true, _) => "max_tokens",
                (false, true) => "tool_use",
                (false, false) => "end_turn",
            };
            vec![
                named(&json!({"type": "message_delta",
                    "delta": {"stop_reason": reason, "stop_sequence": null},
                    "usage": {"output_tokens": OUTPUT_TOKENS}})),
                named(&json!({"type": "message_stop"})),
            ]
        }
        Wire::Gemini => {
            let reason = if said.is_cut { "MAX_TOKENS" } else { "STOP" };
            let event = json!({
                "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"},
                    "finishReason": reason, "index": 0}],
                "usageMetadata": {"promptTokenCount": INPUT_TOKENS,
                    "candidatesTokenCount": OUTPUT_TOKENS - 10, "thoughtsTokenCount": 10,
                    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS},
            });
            vec![format!("data: {event}\r\n\r\n")]
        }
        Wire::OpenAi => {
            let reason = match (said.is_cut, has_tools) {
                (true, _) => "length",
                (false, true) => "tool_calls",
                (false, false) => "stop",
            };
            let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
            let usage = json!({"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
                "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS});
            vec![
                sse(
                    &json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}),
                ),
                sse(
                    &json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}),
                ),
                "data: [DONE]\n\n".to_owned(),
            ]
        }
        Wire::Ollama => {
            let reason = if said.is_cut { "length" } else { "stop" };
            let event = json!({"model": "m", "message": {"role": "assistant", "content": ""},
                "done": true, "done_reason": reason, "total_duration": 1_000_000,
                "prompt_eval_count": INPUT_TOKENS, "eval_count": OUTPUT_TOKENS});
            vec![format!("{event}\n")]
        }
    }
}

/// An answer in one piece.
pub(super) fn whole(wire: Wire, text: &str) -> String {
    let body = match wire {
        Wire::Anthropic => json!({
            "id": "msg_01", "type": "message", "role": "assistant", "model": "whole",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        }),
        Wire::Gemini => json!({
            "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS},
            "modelVersion": "whole",
        }),
        Wire::OpenAi => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "whole",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "finish_reason": "stop"}],
            "usage": {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS},
        }),
        Wire::Ollama => json!({
            "model": "whole", "message": {"role": "assistant", "content": text}, "done": true,
            "done_reason": "stop", "prompt_eval_count": INPUT_TOKENS, "eval_count": OUTPUT_TOKENS,
        }),
    };
    body.to_string()
}

pub(super) fn vectors(wire: Wire, vectors: &[Vec<f32>]) -> String {
    let body = match wire {
        Wire::Anthropic => json!({}),
        Wire::Gemini => {
            json!({"embeddings": vectors.iter().map(|v| json!({"values": v})).collect::<Vec<_>>()})
        }
        Wire::OpenAi => {
            // The order is told by the index alone.
            let data: Vec<Value> = vectors
                .iter()
                .enumerate()
                .rev()
                .map(|(at, v)| json!({"object": "embedding", "index": at, "embedding": v}))
                .collect();
            json!({"object": "list", "data": data, "usage": {"prompt_tokens": INPUT_TOKENS}})
        }
        Wire::Ollama => json!({"embeddings": vectors, "prompt_eval_count": INPUT_TOKENS}),
    };
    body.to_string()
}

/// The body of an error.
pub(super) fn error(wire: Wire, status: u16, message: &str) -> String {
    let body = match wire {
        Wire::Anthropic => {
            let kind = match status {
                400 => "invalid_request_error",
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                _ => "api_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
        }
        Wire::Gemini => {
            let state = match status {
                400 => "INVALID_ARGUMENT",
                401 => "UNAUTHENTICATED",
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                429 => "RESOURCE_EXHAUSTED",
                503 => "UNAVAILABLE",
                _ => "INTERNAL",
            };
            json!({"error": {"code": status, "message": message, "status": state}})
        }
        Wire::OpenAi => json!({"error": {"message": message, "type": "invalid_request_error",
            "param": null, "code": null}}),
        Wire::Ollama => json!({"error": message}),
    };
    body.to_string()
}

/// An error within a stream.
pub(super) fn error_event(wire: Wire, message: &str) -> String {
    match wire {
        Wire::Anthropic => named(&json!({"type": "error",
            "error": {"type": "overloaded_error", "message": message}})),
        Wire::Gemini => {
            sse(&json!({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}))
        }
        Wire::OpenAi => sse(&json!({"error": {"code": 503, "message": message}})),
        Wire::Ollama => format!("{}\n", json!({"error": message})),
    }
}

/// The provider's way to decline. Ollama has none: its models decline in words.
pub(super) fn refusal(wire: Wire) -> Vec<String> {
    match wire {
        Wire::Anthropic => vec![
            named(
                &json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": 1}}}),
            ),
            named(
                &json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 1}}),
            ),
            named(&json!({"type": "message_stop"})),
        ],
        Wire::Gemini => vec![sse(&json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": INPUT_TOKENS}}))],
        Wire::OpenAi => vec![
            sse(
                &json!({"choices": [{"index": 0, "delta": {"refusal": "I cannot help with that."}}]}),
            ),
            "data: [DONE]\n\n".to_owned(),
        ],
        Wire::Ollama => vec![format!(
            "{}\n",
            json!({"message": {"role": "assistant", "content": "I cannot help with that."}, "done": true, "done_reason": "stop"})
        )],
    }
}
