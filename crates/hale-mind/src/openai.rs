//! OpenAI chat completions (`POST /chat/completions`), streamed, as OpenAI, OpenRouter, vLLM,
//! llama.cpp, LiteLLM and many more speak it. They do not all know the same parameters: what a server
//! does not take is left out the next time ([`Dialect`]).

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::provider::{str_of, u64_of};
use crate::types::{Message, Part, Request, Role, Stop};

/// Which parameters a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// `max_completion_tokens` instead of `max_tokens`: OpenAI's newer models take only that.
    pub new_limit_name: bool,
    /// `response_format: json_schema`. Without it the schema is told in words.
    pub schema: bool,
    /// `stream_options: include_usage`.
    pub usage: bool,
    /// `reasoning_effort`: OpenAI's reasoning models, which else think at the expense of the limit.
    pub effort: bool,
}

/// How often a call is repeated because a parameter was not taken.
pub(crate) const DIALECT_CHANGES_MAX: usize = 4;

impl Dialect {
    pub(crate) fn of(base_url: &str, model: &str) -> Self {
        let is_openai = base_url.starts_with("https://api.openai.com/");
        let thinks = ["o1", "o3", "o4", "gpt-5"].iter().any(|name| model.starts_with(name));
        Dialect {
            new_limit_name: is_openai,
            schema: true,
            usage: true,
            effort: is_openai && thinks && !model.contains("chat"),
        }
    }

    /// What to try instead after a refusal that names a parameter. None: it names none of ours.
    pub(crate) fn without(self, refusal: &str) -> Option<Dialect> {
        let names = |name: &str| refusal.contains(name);
        if self.effort && names("reasoning_effort") {
            return Some(Dialect { effort: false, ..self });
        }
        if self.usage && (names("stream_options") || names("include_usage")) {
            return Some(Dialect { usage: false, ..self });
        }
        if self.schema && (names("response_format") || names("json_schema")) {
            return Some(Dialect { schema: false, ..self });
        }
        // The refusal of one often names the other as the right one: it is the sent one that counts.
        if !self.new_limit_name && names("max_tokens") && names("max_completion_tokens") {
            return Some(Dialect { new_limit_name: true, ..self });
        }
        if self.new_limit_name && names("max_completion_tokens") {
            return Some(Dialect { new_limit_name: false, ..self });
        }
        None
    }
}

pub(crate) fn body(model: &str, request: &Request, dialect: Dialect) -> Value {
    let mut system = request.system.clone();
    let mut body = json!({"model": model, "stream": true});
    let limit = if dialect.new_limit_name { "max_completion_tokens" } else { "max_tokens" };
    body[limit] = json!(request.max_tokens);
    if dialect.usage {
        body["stream_options"] = json!({"include_usage": true});
    }
    if dialect.effort {
        body["reasoning_effort"] = json!("low");
    }
    match &request.answer_schema {
        Some(schema) if dialect.schema => {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": is_strict(schema)},
            });
        }
        Some(schema) => system.push_str(&in_words(schema)),
        None => {}
    }
    let tools: Vec<Value> = request.tools.iter().map(tool).collect();
    if !tools.is_empty() {
        body["tools"] = Value::Array(tools);
    }
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(json!({"role": "system", "content": system}));
    }
    messages.extend(request.messages.iter().flat_map(message));
    body["messages"] = Value::Array(messages);
    body
}

pub(crate) fn tool(tool: &crate::types::ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.input_schema,
        },
    })
}

/// For servers that cannot be made to keep to a schema.
pub(crate) fn in_words(schema: &Value) -> String {
    format!(
        "\n\nWhen nothing more has to be looked up, answer with one JSON object and nothing else. \
         It must fit this JSON Schema:\n{schema}"
    )
}

/// Whether a schema keeps the rules of strict mode: every object closed, every property required.
fn is_strict(schema: &Value) -> bool {
    let inner = |schema: &Value| match schema {
        Value::Object(map) => map.values().all(is_strict),
        Value::Array(items) => items.iter().all(is_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return inner(schema);
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    schema["additionalProperties"] == json!(false)
        && properties.keys().all(|name| required.contains(&name.as_str()))
        && inner(schema)
}

fn message(message: &Message) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in &message.content {
        match part {
            Part::Text { text: more } => {
                if !text.is_empty() && !more.is_empty() {
                    text.push_str("\n\n");
                }
                text.push_str(more);
            }
            Part::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.input.to_string()},
            })),
            Part::ToolResult { id, content, is_error, .. } => {
                let content = if *is_error { format!("error: {content}") } else { content.clone() };
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
            }
        }
    }
    match message.role {
        Role::User if !text.is_empty() => messages.push(json!({"role": "user", "content": text})),
        Role::User => {}
        Role::Assistant if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Role::Assistant => {
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            messages.push(json!({"role": "assistant", "content": content, "tool_calls": calls}));
        }
    }
    messages
}

pub(crate) fn event(draft: &mut Draft, event: &Value) -> Result<(), Fault> {
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        return Err(self::error(error));
    }
    about(draft, event);
    let Some(choice) = event.pointer("/choices/0") else { return Ok(()) };
    take(draft, &choice["delta"])?;
    if let Some(reason) = choice["finish_reason"].as_str() {
        draft.stop = Some(stop(reason)?);
        // Not all servers send [DONE] after it.
        draft.is_complete = true;
    }
    Ok(())
}

/// The reply in one piece.
pub(crate) fn whole(draft: &mut Draft, reply: &Value) -> Result<(), Fault> {
    if let Some(error) = reply.get("error").filter(|error| !error.is_null()) {
        return Err(self::error(error));
    }
    about(draft, reply);
    let Some(choice) = reply.pointer("/choices/0") else {
        return Err(Fault::garbage("no `choices` in the answer"));
    };
    take(draft, &choice["message"])?;
    draft.stop = Some(stop(str_of(choice, "/finish_reason"))?);
    draft.is_complete = true;
    Ok(())
}

fn about(draft: &mut Draft, event: &Value) {
    if let Some(model) = event["model"].as_str().filter(|model| !model.is_empty()) {
        draft.model = Some(model.to_owned());
    }
    if let Some(read) = u64_of(event, "/usage/prompt_tokens") {
        draft.input_tokens = Some(read);
    }
    if let Some(written) = u64_of(event, "/usage/completion_tokens") {
        draft.output_tokens = Some(written);
    }
}

/// A `delta` of a stream or the whole `message`: the same keys.
fn take(draft: &mut Draft, delta: &Value) -> Result<(), Fault> {
    // DeepSeek and vLLM say `reasoning_content`, OpenRouter `reasoning`.
    draft.thought(str_of(delta, "/reasoning_content"));
    draft.thought(str_of(delta, "/reasoning"));
    draft.text(str_of(delta, "/content"));
    let refusal = str_of(delta, "/refusal");
    if !refusal.is_empty() {
        return Err(Fault::new(FaultKind::Refused, refusal));
    }
    for (at, call) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let index = u64_of(call, "/index").unwrap_or(at as u64);
        let function = &call["function"];
        draft.call(index, call["id"].as_str(), function["name"].as_str())?;
        match &function["arguments"] {
            Value::String(piece) => draft.arguments(index, piece)?,
            // Some servers forget that arguments are a text.
            arguments @ Value::Object(_) => draft.input(index, arguments.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
        }
    }
    Ok(())
}

fn stop(reason: &str) -> Result<Stop, Fault> {
    match reason {
        "length" => Ok(Stop::MaxTokens),
        "tool_calls" | "function_call" => Ok(Stop::ToolCalls),
        "content_filter" => Err(Fault::new(FaultKind::Refused, "finish_reason content_filter")),
        "error" => Err(Fault::new(FaultKind::Server, "finish_reason error")),
        _ => Ok(Stop::End),
    }
}

/// An error in the middle of a stream, or in a body with status 200 (OpenRouter).
fn error(error: &Value) -> Fault {
    let message = error.as_str().unwrap_or_else(|| str_of(error, "/message"));
    let code = u64_of(error, "/code").and_then(|code| u16::try_from(code).ok());
    match code {
        Some(code) if (400..600).contains(&code) => Fault {
            detail: message.to_owned(),
            ..crate::provider::fault_of(hale_model::config::ProviderKind::OpenAi, code, None, "")
        },
        _ => Fault::new(FaultKind::Server, message),
    }
}
