//! Ollama (`POST /api/chat`), streamed as lines of JSON. A schema becomes a grammar that leaves no
//! room for tool calls, so that with tools the schema is told in words.

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::mind::tokens_in;
use crate::openai;
use crate::provider::{str_of, u64_of};
use crate::types::{Message, Part, Request, Role, Stop};

pub(crate) fn body(model: &str, request: &Request) -> Value {
    let mut system = request.system.clone();
    let mut body = json!({
        "model": model,
        "stream": true,
    });
    match &request.answer_schema {
        Some(schema) if request.tools.is_empty() => body["format"] = schema.clone(),
        Some(schema) => system.push_str(&openai::in_words(schema)),
        None => {}
    }
    if !request.tools.is_empty() {
        body["tools"] = Value::Array(request.tools.iter().map(openai::tool).collect());
    }
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.extend(request.messages.iter().flat_map(message));
    body["messages"] = Value::Array(messages);
    let read = tokens_in(body.to_string().len() as u64);
    body["options"] = json!({
        "num_predict": request.max_tokens,
        "num_ctx": context_tokens(read.saturating_add(u64::from(request.max_tokens))),
    });
    body
}

/// Least and most tokens of context that are asked for. A model is loaded anew when this changes, and
/// each token of it takes memory.
const CONTEXT_TOKENS: (u64, u64) = (8192, 65_536);

/// What goes beyond its context Ollama drops from the front without a word, and by default that is
/// little: the size is asked for, in steps that seldom change.
fn context_tokens(needed: u64) -> u64 {
    needed.next_power_of_two().clamp(CONTEXT_TOKENS.0, CONTEXT_TOKENS.1)
}

fn message(message: &Message) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    for part in &message.content {
        match part {
            Part::Text { text } => texts.push(text.as_str()),
            Part::ToolCall(call) => {
                calls.push(json!({"function": {"name": call.name, "arguments": call.input}}));
            }
            Part::ToolResult { name, content, is_error, .. } => {
                let content = if *is_error { format!("error: {content}") } else { content.clone() };
                messages.push(json!({"role": "tool", "tool_name": name, "content": content}));
            }
        }
    }
    let text = texts.join("\n\n");
    match message.role {
        Role::User if texts.is_empty() => {}
        Role::User => messages.push(json!({"role": "user", "content": text})),
        Role::Assistant if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Role::Assistant => {
            messages.push(json!({"role": "assistant", "content": text, "tool_calls": calls}))
        }
    }
    messages
}

pub(crate) fn event(draft: &mut Draft, event: &Value) -> Result<(), Fault> {
    if let Some(error) = event["error"].as_str() {
        return Err(Fault::new(FaultKind::Server, error));
    }
    if let Some(model) = event["model"].as_str() {
        draft.model = Some(model.to_owned());
    }
    draft.thought(str_of(event, "/message/thinking"));
    draft.text(str_of(event, "/message/content"));
    for call in event.pointer("/message/tool_calls").and_then(Value::as_array).into_iter().flatten()
    {
        let index = draft.next_call();
        draft.call(
            index,
            call["id"].as_str(),
            call.pointer("/function/name").and_then(Value::as_str),
        )?;
        let arguments = call.pointer("/function/arguments").filter(|a| a.is_object());
        draft.input(index, arguments.cloned().unwrap_or_else(|| json!({})));
    }
    if event["done"].as_bool() == Some(true) {
        draft.is_complete = true;
        draft.is_over = true;
        draft.input_tokens = u64_of(event, "/prompt_eval_count").or(Some(0));
        draft.output_tokens = u64_of(event, "/eval_count").or(Some(0));
        draft.stop = Some(match str_of(event, "/done_reason") {
            "length" => Stop::MaxTokens,
            _ => Stop::End,
        });
    }
    Ok(())
}
