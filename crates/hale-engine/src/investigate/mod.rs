//! Carries out what an investigation asks for: calls models through redaction, runs its reads, and
//! hands its thoughts on as they come. What it concludes is a diagnosis and proposals; whether any of
//! them is done is decided elsewhere.

mod judged;
mod tools;

pub use hale_brain::diagnose::investigate::{Conclusion, ModelDiagnosis, Thought};
pub use judged::JudgedProposal;

use std::time::Duration;

use hale_brain::decide::redact::Redactor;
use hale_brain::diagnose::investigate::{
    CaseFile, Effect, Flaw, Happened, Investigation, Limits, Message, ModelCall, Observation,
    ToolCall,
};
use hale_mind::{Delta, MindError, Part, ProviderError, Purpose, Reply, Request, Role, Stop};
use hale_model::action::Actor;
use hale_model::ids::hex_digest;
use hale_model::incident::Agent;
use hale_model::sent::{self, SentRequest};
use hale_model::view::Explanation;
use hale_model::{EvidenceId, IncidentId, Timestamp};

use hale_store::{Access, State};
use serde_json::{Value, json};

use crate::Settings;
use crate::adviser::{Adviser, troubles_of};
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

/// Runs one to its end. Who gives no usable answer, asked once more, is followed by the next of the
/// chain, from the start. Thoughts come as they arise.
pub(crate) async fn investigate(
    adviser: &Adviser,
    tools: &ToolBox,
    case: CaseFile,
    purpose: Purpose,
    think: impl FnMut(Thought) + Send,
) -> (Conclusion, Spent) {
    let mut round = Round {
        adviser,
        tools,
        redactor: adviser.redactor(),
        purpose,
        deadline: tokio::time::Instant::now() + INVESTIGATION_TIMEOUT,
        place: None,
        first_place: 0,
        failed: Vec::new(),
        spent: Spent::default(),
        think,
    };
    let providers = adviser.mind().config().providers.len();
    loop {
        let conclusion = round.talk(case.clone()).await;
        let Conclusion::Discarded { why, flaw: flaw @ (Flaw::Unfit | Flaw::CutOff) } = &conclusion
        else {
            if let (Conclusion::Diagnosed(_), Some(place)) = (&conclusion, round.place) {
                adviser.mind().fit(place);
            }
            return (conclusion, round.spent);
        };
        let place = round.place.take().unwrap_or(round.first_place);
        if let Some(error) = adviser.mind().unfit(place, why, *flaw == Flaw::CutOff) {
            round.passed_over(error);
        }
        round.first_place = place + 1;
        if round.first_place >= providers {
            let (why, flaw) = (round.reasons(), *flaw);
            return (Conclusion::Discarded { why, flaw }, round.spent);
        }
    }
}

/// What lasts from one provider's attempt to the next.
struct Round<'a, F> {
    adviser: &'a Adviser,
    tools: &'a ToolBox,
    redactor: Redactor,
    purpose: Purpose,
    deadline: tokio::time::Instant,
    /// Who began the conversation that is under way.
    place: Option<usize>,
    /// Those before it gave no usable answer.
    first_place: usize,
    /// Why nobody so far answered.
    failed: Vec<ProviderError>,
    spent: Spent,
    think: F,
}

impl<F: FnMut(Thought) + Send> Round<'_, F> {
    /// One conversation, with whoever answers first.
    async fn talk(&mut self, case: CaseFile) -> Conclusion {
        let reply_tokens_max = self.adviser.mind().config().max_tokens;
        let limits = Limits { reply_tokens_max, ..Limits::default() };
        let (mut talk, mut effect) = Investigation::begin(case, limits);
        for _ in 0..STEPS_MAX {
            let happened = match effect {
                Effect::Conclude(conclusion) => return *conclusion,
                Effect::RunTools(runs) => {
                    let mut results = Vec::new();
                    for run in &runs {
                        results.push(self.tools.run(&run.request).await);
                    }
                    Happened::ToolsRan(results)
                }
                Effect::CallModel(call) => self.ask(&call).await,
            };
            effect = talk.step(happened);
            talk.take_thoughts().into_iter().for_each(&mut self.think);
        }
        let why = format!("it took over {STEPS_MAX} steps");
        Conclusion::Discarded { why, flaw: Flaw::Limit }
    }

    async fn ask(&mut self, call: &ModelCall) -> Happened {
        let request = request(call);
        let sent = &mut self.spent.sent;
        let mut on = |news| {
            if let Delta::Asking { provider, model, body } = news {
                sent.push(SentRequest::new(Timestamp::now(), &provider, &model, &body));
            }
        };
        // A conversation stays with who began it.
        let place = self.place.unwrap_or(self.first_place);
        let redactor = &mut self.redactor;
        let asked = self.adviser.ask_from(place, redactor, &request, self.purpose, &mut on);
        let answered = tokio::time::timeout_at(self.deadline, asked).await;
        self.purpose = continued(self.purpose);
        match answered {
            Err(_) => Happened::TimeUp,
            Ok(Err(MindError::AllFailed(errors))) => {
                errors.into_iter().for_each(|error| keep(&mut self.failed, error));
                Happened::Failed(self.reasons())
            }
            Ok(Err(error)) => Happened::Failed(error.to_string()),
            Ok(Ok(reply)) => {
                self.place.get_or_insert(reply.place);
                reply.passed_over.iter().for_each(|error| self.passed_over(error.clone()));
                self.spent.models.push(format!("{} {}", reply.provider, reply.model));
                self.spent.cost_usd += reply.cost_usd;
                happened(reply)
            }
        }
    }

    fn passed_over(&mut self, error: ProviderError) {
        let text = format!("passed over {error}");
        (self.think)(Thought { agent: Agent::Brain, text });
        keep(&mut self.failed, error);
    }

    fn reasons(&self) -> String {
        self.failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

/// The newest reason of each provider.
fn keep(failed: &mut Vec<ProviderError>, error: ProviderError) {
    failed.retain(|e| (&e.provider, &e.model) != (&error.provider, &error.model));
    failed.push(error);
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
    let is_cut = reply.stop == Stop::MaxTokens;
    Happened::Replied { text, calls: calls.collect(), tokens, is_cut }
}

/// What a model says to a person's question, its proposals judged by hale.
pub struct Advice {
    /// How it ended.
    pub conclusion: Conclusion,
    /// What it would do, in its order, each with what the guard says to it.
    pub proposals: Vec<JudgedProposal>,
}

/// A model's view of what a person asked about, beside the local explanation. None where no model can
/// be asked. Thoughts come as they arise.
pub async fn advise(
    settings: &Settings,
    handle: std::sync::Arc<dyn hale_model::api::Handle>,
    explanation: &Explanation,
    think: impl FnMut(Thought) + Send,
) -> Option<Advice> {
    let adviser = Adviser::new(settings)?;
    let states = adviser.states().await;
    if states.iter().all(|state| state.trouble.is_some()) {
        let conclusion = Conclusion::Unavailable { why: troubles_of(&states)? };
        return Some(Advice { conclusion, proposals: Vec::new() });
    }
    let tools = ToolBox::look(settings, handle).await;
    let case = case_of(settings, &tools, explanation);
    let (conclusion, spent) = investigate(&adviser, &tools, case, Purpose::Person, think).await;
    let uid = rustix::process::getuid().as_raw();
    record(
        settings,
        &Actor::User { uid },
        "model",
        &explanation.subject,
        &audit_details(&conclusion, &spent),
    );
    let proposals = match &conclusion {
        Conclusion::Diagnosed(found) => judged::judge(settings, tools.snapshot(), &found.proposals),
        Conclusion::Discarded { .. } | Conclusion::Unavailable { .. } => Vec::new(),
    };
    for proposal in &proposals {
        let details = json!({ "action": proposal.action, "verdict": proposal.verdict,
            "proposal": proposal.command, "refused": proposal.unnamed });
        record(settings, &Actor::Model, "verdict", &explanation.subject, &details);
    }
    Some(Advice { conclusion, proposals })
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
        Conclusion::Discarded { why, .. } => json!({ "discarded": why }),
        Conclusion::Unavailable { why } => json!({ "unavailable": why }),
    };
    json!({
        "models": spent.models,
        "cost_usd": spent.cost_usd,
        "conclusion": what,
        "sent": sent::pack(&spent.sent),
    })
}

/// Writes what came of a person's question to a model into the audit. The answer is worth more than
/// the entry: where it cannot be written, that is said and the answer stands.
fn record(settings: &Settings, actor: &Actor, kind: &str, subject: &str, details: &Value) {
    let files = Files::new(&settings.data_dir);
    let written = files.prepare().map_err(|e| e.message).and_then(|()| {
        let state = State::open(&files.state(), Access::Write).map_err(|e| e.to_string())?;
        let appended =
            state.append_audit(Timestamp::now(), &actor.to_string(), kind, subject, details);
        appended.map_err(|e| e.to_string())
    });
    if let Err(why) = written {
        tracing::warn!("a `{kind}` entry is not in the audit: {why}");
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

/// What the answer has to name: the id of the incident or alert; for a process, one made for the question.
fn id_of(subject: &str) -> IncidentId {
    let known = subject.split_whitespace().find(|w| w.starts_with("in-") || w.starts_with("al-"));
    let made = || format!("in-{}", hex_digest(&[subject], 10));
    IncidentId(known.map_or_else(made, str::to_owned))
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
        incident_id: id_of(subject),
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
