//! Anthropic Messages (`POST /v1/messages`, version 2023-06-01), streamed. A schema's answer comes as
//! the arguments of a tool that the model is made to call.

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::provider::{str_of, u64_of};
use crate::types::{ANSWER_TOOL, Message, Part, Request, Role, Stop};

pub(crate) const VERSION: &str = "2023-06-01";

pub(crate) fn path(base_url: &str) -> String {
    if base_url.ends_with("/v1") { "/messages".to_owned() } else { "/v1/messages".to_owned() }
}

pub(crate) fn body(model: &str, request: &Request) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": request.max_tokens,
        "stream": true,
        "messages": request.messages.iter().filter_map(message).collect::<Vec<_>>(),
    });
    if !request.system.is_empty() {
        body["system"] = json!(request.system);
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|t| json!({"name": t.name, "description": t.description, "input_schema": t.input_schema}))
        .collect();
    if let Some(schema) = &request.answer_schema {
        body["tool_choice"] = if tools.is_empty() {
            json!({"type": "tool", "name": ANSWER_TOOL})
        } else {
            json!({"type": "any"})
        };
        tools.push(json!({
            "name": ANSWER_TOOL,
            "description": "Give the final answer. Call it once, when nothing more has to be looked up.",
            "input_schema": schema,
        }));
    }
    if !tools.is_empty() {
        body["tools"] = Value::Array(tools);
    }
    body
}

fn message(message: &Message) -> Option<Value> {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    for part in &message.content {
        match part {
            // An empty text is refused with 400.
            Part::Text { text } if text.trim().is_empty() => {}
            Part::Text { text } => rest.push(json!({"type": "text", "text": text})),
            Part::ToolCall(call) => rest.push(
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}),
            ),
            Part::ToolResult { id, content, is_error, .. } => results.push(json!({
                "type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error,
            })),
        }
    }
    // Results have to stand before the words that go with them.
    results.append(&mut rest);
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    (!results.is_empty()).then(|| json!({"role": role, "content": results}))
}

pub(crate) fn event(draft: &mut Draft, event: &Value) -> Result<(), Fault> {
    match str_of(event, "/type") {
        "message_start" => {
            draft.model = Some(str_of(event, "/message/model").to_owned());
            usage(draft, &event["message"]["usage"]);
        }
        "content_block_start" => {
            let index = u64_of(event, "/index").unwrap_or(0);
            block(draft, index, &event["content_block"])?;
        }
        "content_block_delta" => {
            let index = u64_of(event, "/index").unwrap_or(0);
            match str_of(event, "/delta/type") {
                "text_delta" => draft.text(str_of(event, "/delta/text")),
                "thinking_delta" => draft.thought(str_of(event, "/delta/thinking")),
                "input_json_delta" => {
                    draft.arguments(index, str_of(event, "/delta/partial_json"))?;
                }
                // Signatures of thoughts, citations.
                _ => {}
            }
        }
        "message_delta" => {
            usage(draft, &event["usage"]);
            stop(draft, str_of(event, "/delta/stop_reason"))?;
        }
        "message_stop" => {
            draft.is_complete = true;
            draft.is_over = true;
        }
        "error" => return Err(error(&event["error"])),
        // `ping`, `content_block_stop`, and events of later versions.
        _ => {}
    }
    Ok(())
}

/// The reply in one piece, as a server that does not stream gives it.
pub(crate) fn whole(draft: &mut Draft, reply: &Value) -> Result<(), Fault> {
    if str_of(reply, "/type") == "error" {
        return Err(error(&reply["error"]));
    }
    let Some(blocks) = reply["content"].as_array() else {
        return Err(Fault::garbage("no `content` in the answer"));
    };
    draft.model = reply["model"].as_str().map(str::to_owned);
    usage(draft, &reply["usage"]);
    for (index, content) in blocks.iter().enumerate() {
        block(draft, index as u64, content)?;
    }
    stop(draft, str_of(reply, "/stop_reason"))?;
    draft.is_complete = true;
    Ok(())
}

fn block(draft: &mut Draft, index: u64, block: &Value) -> Result<(), Fault> {
    match str_of(block, "/type") {
        "text" => draft.text(str_of(block, "/text")),
        "thinking" => draft.thought(str_of(block, "/thinking")),
        "tool_use" => {
            draft.call(index, block["id"].as_str(), block["name"].as_str())?;
            // In a stream this is {} and the arguments follow.
            if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                draft.input(index, block["input"].clone());
            }
        }
        _ => {}
    }
    Ok(())
}

fn usage(draft: &mut Draft, usage: &Value) {
    if let Some(fresh) = u64_of(usage, "/input_tokens") {
        let cached = u64_of(usage, "/cache_read_input_tokens").unwrap_or(0);
        let stored = u64_of(usage, "/cache_creation_input_tokens").unwrap_or(0);
        draft.input_tokens = Some(fresh.saturating_add(cached).saturating_add(stored));
    }
    if let Some(written) = u64_of(usage, "/output_tokens") {
        draft.output_tokens = Some(written);
    }
}

fn stop(draft: &mut Draft, reason: &str) -> Result<(), Fault> {
    draft.stop = Some(match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::MaxTokens,
        "tool_use" => Stop::ToolCalls,
        "refusal" => return Err(Fault::new(FaultKind::Refused, "stop_reason refusal")),
        _ => Stop::End,
    });
    Ok(())
}

/// The `error` object, in a body or in the middle of a stream.
pub(crate) fn error(error: &Value) -> Fault {
    let message = str_of(error, "/message");
    let kind = match str_of(error, "/type") {
        "authentication_error" | "permission_error" => FaultKind::Unauthorized,
        "rate_limit_error" => FaultKind::RateLimited { retry_after_secs: None },
        "overloaded_error" => FaultKind::Overloaded { retry_after_secs: None },
        "not_found_error" => FaultKind::NotFound,
        "request_too_large" => FaultKind::TooLarge,
        "invalid_request_error" => FaultKind::Rejected,
        "timeout_error" => FaultKind::Timeout,
        _ => FaultKind::Server,
    };
    Fault::new(kind, message)
}
