//! Carries out what an investigation asks for: calls models through redaction, runs its reads, and
//! hands its thoughts on as they come. What it concludes is a diagnosis and proposals; whether any of
//! them is done is decided elsewhere.

mod tools;

pub use hale_brain::diagnose::investigate::{Conclusion, ModelDiagnosis, Thought};

use std::time::Duration;

use hale_brain::diagnose::investigate::{
    CaseFile, Effect, Happened, Investigation, Limits, Message, ModelCall, Observation, ToolCall,
};
use hale_mind::{Delta, Part, Purpose, Reply, Request, Role};
use hale_model::action::Actor;
use hale_model::ids::hex_digest;
use hale_model::incident::Agent;
use hale_model::sent::{self, SentRequest};
use hale_model::view::Explanation;
use hale_model::{EvidenceId, IncidentId, Timestamp};

use hale_store::{Access, State};
use serde_json::{Value, json};

use crate::Settings;
use crate::adviser::Adviser;
use crate::files::Files;
pub(crate) use tools::ToolBox;

/// One investigation, from the first call to its conclusion.
const INVESTIGATION_TIMEOUT: Duration = Duration::from_secs(180);
/// Steps of any kind, far over what the limits of the conversation allow.
const STEPS_MAX: usize = 64;

/// What it used, for the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// Provider and model of each answer.
    pub models: Vec<String>,
    /// US dollars.
    pub cost_usd: f64,
    /// Every request as it left, masked, whoever it was sent to and whether or not it was answered.
    pub sent: Vec<SentRequest>,
}

/// Runs one to its end. Thoughts come as they arise.
pub(crate) async fn investigate(
    adviser: &Adviser,
    tools: &ToolBox,
    case: CaseFile,
    purpose: Purpose,
    mut think: impl FnMut(Thought) + Send,
) -> (Conclusion, Spent) {
    let limits =
        Limits { reply_tokens_max: adviser.mind().config().max_tokens, ..Limits::default() };
    let (mut talk, mut effect) = Investigation::begin(case, limits);
    let mut redactor = adviser.redactor();
    let mut spent = Spent::default();
    let mut purpose = purpose;
    let deadline = tokio::time::Instant::now() + INVESTIGATION_TIMEOUT;
    for _ in 0..STEPS_MAX {
        let happened = match effect {
            Effect::Conclude(conclusion) => return (*conclusion, spent),
            Effect::RunTools(runs) => {
                let mut results = Vec::new();
                for run in &runs {
                    results.push(tools.run(&run.request).await);
                }
                Happened::ToolsRan(results)
            }
            Effect::CallModel(call) => {
                let request = request(&call);
                let sent = &mut spent.sent;
                let mut on = |news| {
                    if let Delta::Asking { provider, model, body } = news {
                        sent.push(SentRequest::new(Timestamp::now(), &provider, &model, &body));
                    }
                };
                let asked = adviser.ask(&mut redactor, &request, purpose, &mut on);
                purpose = continued(purpose);
                match tokio::time::timeout_at(deadline, asked).await {
                    Err(_) => Happened::TimeUp,
                    Ok(Err(error)) => Happened::Failed(error.to_string()),
                    Ok(Ok(reply)) => {
                        for passed in &reply.passed_over {
                            let text = format!("passed over {passed}");
                            think(Thought { agent: Agent::Brain, text });
                        }
                        spent.models.push(format!("{} {}", reply.provider, reply.model));
                        spent.cost_usd += reply.cost_usd;
                        happened(reply)
                    }
                }
            }
        };
        effect = talk.step(happened);
        talk.take_thoughts().into_iter().for_each(&mut think);
    }
    (Conclusion::Discarded { why: format!("it took over {STEPS_MAX} steps") }, spent)
}

fn continued(purpose: Purpose) -> Purpose {
    match purpose {
        Purpose::Person => Purpose::Person,
        Purpose::Automatic | Purpose::Continued => Purpose::Continued,
    }
}

/// The call in the words of the providers.
fn request(call: &ModelCall) -> Request {
    let messages = call.messages.iter().map(|message| match message {
        Message::User(text) => hale_mind::Message::user(text),
        Message::Assistant { text, calls } => {
            let mut content = Vec::new();
            if !text.is_empty() {
                content.push(Part::Text { text: text.clone() });
            }
            content.extend(calls.iter().map(|call| {
                Part::ToolCall(hale_mind::ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    input: call.arguments.clone(),
                    signature: call.opaque.clone(),
                })
            }));
            hale_mind::Message { role: Role::Assistant, content }
        }
        Message::Tools(results) => hale_mind::Message {
            role: Role::User,
            content: results
                .iter()
                .map(|result| Part::ToolResult {
                    id: result.call_id.clone(),
                    name: result.name.clone(),
                    content: result.text.clone(),
                    is_error: result.is_error,
                })
                .collect(),
        },
    });
    let tools = call.tools.iter().map(|tool| hale_mind::ToolSpec {
        name: tool.name.clone(),
        description: tool.description.clone(),
        input_schema: tool.input_schema.clone(),
    });
    Request {
        system: call.system.clone(),
        messages: messages.collect(),
        tools: tools.collect(),
        answer_schema: call.answer_schema.clone(),
        max_tokens: call.reply_tokens_max,
    }
}

fn happened(reply: Reply) -> Happened {
    let text = match &reply.answer {
        Some(answer) => answer.to_string(),
        None => reply.text,
    };
    let calls = reply.tool_calls.into_iter().map(|call| ToolCall {
        id: call.id,
        name: call.name,
        arguments: call.input,
        opaque: call.signature,
    });
    let tokens = reply.usage.input_tokens.saturating_add(reply.usage.output_tokens);
    Happened::Replied { text, calls: calls.collect(), tokens }
}

/// A model's view of what a person asked about, beside the local explanation. None where no model can
/// be asked. Thoughts come as they arise.
pub async fn advise(
    settings: &Settings,
    handle: std::sync::Arc<dyn hale_model::api::Handle>,
    explanation: &Explanation,
    think: impl FnMut(Thought) + Send,
) -> Option<Conclusion> {
    let adviser = Adviser::new(settings)?;
    if !adviser.usable().await {
        return None;
    }
    let tools = ToolBox::look(settings, handle).await;
    let case = case_of(settings, &tools, explanation);
    let (conclusion, spent) = investigate(&adviser, &tools, case, Purpose::Person, think).await;
    let uid = rustix::process::getuid().as_raw();
    record(
        settings,
        &Actor::User { uid },
        &explanation.subject,
        &audit_details(&conclusion, &spent),
    );
    Some(conclusion)
}

/// What a conversation with a model came to, for the audit: the requests that left with it.
pub(crate) fn audit_details(conclusion: &Conclusion, spent: &Spent) -> Value {
    let what = match conclusion {
        Conclusion::Diagnosed(found) => json!({
            "diagnosis": found.diagnosis,
            "objections": found.objections,
            "proposals": found.proposals.len(),
            "tokens": found.tokens,
        }),
        Conclusion::Discarded { why } => json!({ "discarded": why }),
        Conclusion::Unavailable { why } => json!({ "unavailable": why }),
    };
    json!({
        "models": spent.models,
        "cost_usd": spent.cost_usd,
        "conclusion": what,
        "sent": sent::pack(&spent.sent),
    })
}

/// Writes what a person's question to a model was about into the audit. The answer is worth more than
/// the entry: where it cannot be written, that is said and the answer stands.
fn record(settings: &Settings, actor: &Actor, subject: &str, details: &Value) {
    let files = Files::new(&settings.data_dir);
    let written = files.prepare().map_err(|e| e.message).and_then(|()| {
        let state = State::open(&files.state(), Access::Write).map_err(|e| e.to_string())?;
        let appended =
            state.append_audit(Timestamp::now(), &actor.to_string(), "model", subject, details);
        appended.map_err(|e| e.to_string())
    });
    if let Err(why) = written {
        tracing::warn!("what was sent to a model is not in the audit: {why}");
    }
}

/// The exact bytes that the first question of [`advise`] would send, one text a provider.
pub async fn advice_prompt(
    settings: &Settings,
    handle: std::sync::Arc<dyn hale_model::api::Handle>,
    explanation: &Explanation,
) -> Vec<String> {
    let Some(adviser) = Adviser::new(settings) else { return Vec::new() };
    let tools = ToolBox::look(settings, handle).await;
    let case = case_of(settings, &tools, explanation);
    let (_, effect) = Investigation::begin(case, Limits::default());
    let Effect::CallModel(call) = effect else { return Vec::new() };
    let outgoing = adviser.outgoing(&mut adviser.redactor(), &request(&call));
    outgoing.iter().map(|o| String::from_utf8_lossy(o.body.as_bytes()).into_owned()).collect()
}

fn case_of(settings: &Settings, tools: &ToolBox, explanation: &Explanation) -> CaseFile {
    let now = Timestamp::now();
    let machine = &tools.snapshot().machine_id;
    let subject = &explanation.subject;
    let told = std::iter::once(("what".to_owned(), explanation.what.clone()))
        .chain(explanation.why.iter().map(|why| ("why".to_owned(), why.clone())))
        .chain(explanation.facts.iter().cloned());
    let observations = told.enumerate().map(|(index, (name, text))| Observation {
        id: EvidenceId::of(machine, subject, &format!("{name} {index}"), now),
        text: format!("{name}: {text}"),
    });
    CaseFile {
        // No incident, but the answer has to name what it is about all the same.
        incident_id: IncidentId(format!("in-{}", hex_digest(&[subject], 10))),
        title: subject.clone(),
        machine: tools.machine(),
        local: explanation.advice.join(" "),
        observations: observations.collect(),
        question: Some(format!("Explain {subject}: what it is, why it is so, what to do.")),
        language: language(settings),
    }
}

pub(crate) fn language(settings: &Settings) -> &'static str {
    match settings.config.general.language {
        hale_model::config::Language::En => "en",
        hale_model::config::Language::Fr => "fr",
        hale_model::config::Language::Ko => "ko",
    }
}
