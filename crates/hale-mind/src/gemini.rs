//! Google Gemini (`streamGenerateContent?alt=sse`, v1beta), with an API key or an OAuth token. Gemini
//! up to 2.5 gives no JSON answer while it has tools, so that then a tool takes the answer.

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::error::{Fault, FaultKind};
use crate::provider::{str_of, u64_of};
use crate::types::{ANSWER_TOOL, Message, Part, Request, Role, Stop};

pub(crate) fn path(base_url: &str, model: &str) -> String {
    format!("{}/{}:streamGenerateContent?alt=sse", version(base_url), resource(model))
}

/// The version, unless the address of the user ends with one.
pub(crate) fn version(base_url: &str) -> &'static str {
    if base_url.ends_with("/v1beta") || base_url.ends_with("/v1") { "" } else { "/v1beta" }
}

/// `models/NAME`
pub(crate) fn resource(model: &str) -> String {
    let has_folder = model.starts_with("models/") || model.starts_with("tunedModels/");
    if has_folder { model.to_owned() } else { format!("models/{model}") }
}

pub(crate) fn body(model: &str, request: &Request) -> Value {
    let mut body = json!({
        "contents": request.messages.iter().filter_map(|m| message(model, m)).collect::<Vec<_>>(),
        "generationConfig": {"maxOutputTokens": request.max_tokens},
    });
    if !request.system.is_empty() {
        body["systemInstruction"] = json!({"parts": [{"text": request.system}]});
    }
    // 2.5 Flash thinks at the expense of maxOutputTokens; there, and only there, 0 is allowed.
    if model.contains("2.5-flash") {
        body["generationConfig"]["thinkingConfig"] = json!({"thinkingBudget": 0});
    }
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|t| {
            json!({
                "name": t.name,
                "description": t.description,
                "parametersJsonSchema": t.input_schema,
            })
        })
        .collect();
    match &request.answer_schema {
        Some(schema) if tools.is_empty() => {
            body["generationConfig"]["responseMimeType"] = json!("application/json");
            body["generationConfig"]["responseJsonSchema"] = schema.clone();
        }
        Some(schema) => {
            tools.push(json!({
                "name": ANSWER_TOOL,
                "description": "Give the final answer. Call it once, when nothing more has to be looked up.",
                "parametersJsonSchema": schema,
            }));
            body["toolConfig"] = json!({"functionCallingConfig": {"mode": "ANY"}});
        }
        None => {}
    }
    if !tools.is_empty() {
        body["tools"] = json!([{"functionDeclarations": tools}]);
    }
    body
}

/// Stands in the place of a signature that there is none of, because another provider made the call:
/// Gemini 3 answers 400 to a step whose first call has none.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

fn message(model: &str, message: &Message) -> Option<Value> {
    let mut is_first_call = true;
    let part = |part: &Part| match part {
        Part::Text { text } if text.is_empty() => None,
        Part::Text { text } => Some(json!({"text": text})),
        Part::ToolCall(call) => {
            let mut part = json!({"functionCall": {"name": call.name, "args": call.input}});
            let wants_one = std::mem::take(&mut is_first_call) && model.contains("gemini-3");
            let foreign = wants_one.then_some(FOREIGN_SIGNATURE);
            if let Some(signature) = call.signature.as_deref().or(foreign) {
                part["thoughtSignature"] = json!(signature);
            }
            Some(part)
        }
        Part::ToolResult { name, content, is_error, .. } => {
            let key = if *is_error { "error" } else { "output" };
            Some(json!({"functionResponse": {"name": name, "response": {key: content}}}))
        }
    };
    let parts: Vec<Value> = message.content.iter().filter_map(part).collect();
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "model",
    };
    (!parts.is_empty()).then(|| json!({"role": role, "parts": parts}))
}

pub(crate) fn event(draft: &mut Draft, event: &Value) -> Result<(), Fault> {
    if let Some(error) = event.get("error") {
        return Err(self::error(error));
    }
    if let Some(model) = event["modelVersion"].as_str() {
        draft.model = Some(model.to_owned());
    }
    if let Some(read) = u64_of(event, "/usageMetadata/promptTokenCount") {
        draft.input_tokens = Some(read);
    }
    let written = u64_of(event, "/usageMetadata/candidatesTokenCount");
    let thought = u64_of(event, "/usageMetadata/thoughtsTokenCount");
    if written.is_some() || thought.is_some() {
        draft.output_tokens = Some(written.unwrap_or(0).saturating_add(thought.unwrap_or(0)));
    }
    if let Some(reason) = event.pointer("/promptFeedback/blockReason").and_then(Value::as_str) {
        return Err(Fault::new(FaultKind::Refused, format!("blockReason {reason}")));
    }
    for part in
        event.pointer("/candidates/0/content/parts").and_then(Value::as_array).into_iter().flatten()
    {
        self::part(draft, part)?;
    }
    if let Some(reason) = event.pointer("/candidates/0/finishReason").and_then(Value::as_str) {
        draft.is_complete = true;
        draft.stop = Some(stop(reason)?);
    }
    Ok(())
}

fn part(draft: &mut Draft, part: &Value) -> Result<(), Fault> {
    let text = str_of(part, "/text");
    if part["thought"].as_bool() == Some(true) {
        draft.thought(text);
    } else {
        draft.text(text);
    }
    if let Some(call) = part.get("functionCall") {
        let index = draft.next_call();
        draft.call(index, call["id"].as_str(), call["name"].as_str())?;
        let args = call.get("args").filter(|args| args.is_object());
        draft.input(index, args.cloned().unwrap_or_else(|| json!({})));
        if let Some(signature) = part["thoughtSignature"].as_str() {
            draft.signature(index, signature);
        }
    }
    Ok(())
}

fn stop(reason: &str) -> Result<Stop, Fault> {
    match reason {
        "STOP" | "FINISH_REASON_UNSPECIFIED" => Ok(Stop::End),
        "MAX_TOKENS" => Ok(Stop::MaxTokens),
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE" => {
            Err(Fault::garbage(format!("finishReason {reason}")))
        }
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
            Err(Fault::new(FaultKind::Refused, format!("finishReason {reason}")))
        }
        other => Err(Fault::new(FaultKind::Server, format!("finishReason {other}"))),
    }
}

/// The reply in one piece: an object, or the list of a stream without `alt=sse`.
pub(crate) fn whole(draft: &mut Draft, reply: &Value) -> Result<(), Fault> {
    match reply.as_array() {
        Some(events) => events.iter().try_for_each(|one| event(draft, one)),
        None => event(draft, reply),
    }
}

fn error(error: &Value) -> Fault {
    let kind = match str_of(error, "/status") {
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => FaultKind::Unauthorized,
        "RESOURCE_EXHAUSTED" => FaultKind::RateLimited { retry_after_secs: None },
        "UNAVAILABLE" => FaultKind::Overloaded { retry_after_secs: None },
        "NOT_FOUND" => FaultKind::NotFound,
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => FaultKind::Rejected,
        "DEADLINE_EXCEEDED" => FaultKind::Timeout,
        _ => FaultKind::Server,
    };
    Fault::new(kind, str_of(error, "/message"))
}

/// `RetryInfo` among the details of an error: `"retryDelay": "17s"`.
pub(crate) fn retry_delay_secs(body: &Value) -> Option<u64> {
    let details = body.pointer("/error/details")?.as_array()?;
    let text = details.iter().find_map(|detail| detail["retryDelay"].as_str())?;
    let secs: f64 = text.strip_suffix('s')?.parse().ok()?;
    (secs.is_finite() && secs >= 0.0).then(|| secs.ceil().min(1e9) as u64)
}
