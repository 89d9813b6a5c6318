//! The conversation with a language model about one incident, as a pure state machine.
//!
//! It takes what happened (a model replied, tools ran, something failed) and returns what to do
//! next (call a model, run tools, or the end). It calls nobody itself, reads no clock, and holds
//! nothing of what a model says for true: tool requests are parsed into a closed set of reads, the
//! answer must fit a schema, name this very incident, and cite observations that exist. What does
//! not fit is repaired once, then thrown away for the local diagnosis.

mod answer;
mod fence;
mod plan;
mod prompt;
mod talk;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use hale_model::EvidenceId;
use hale_model::incident::{Agent, Diagnosis, DiagnosisSource};
use hale_model::text::{printable, shorten};

pub use answer::{Answer, Claim, Proposal, ProposalKind, Review};
pub use fence::fenced;
pub use plan::{Planned, Wish, plan_of, wish_of};
pub use talk::{
    CaseFile, CheckedClaim, Conclusion, Effect, Flaw, Happened, Limits, Message, ModelCall,
    ModelDiagnosis, Observation, Thought, ToolCall, ToolResult, ToolRun,
};
pub use tools::{Order, ToolRequest, ToolSpec, tool_specs};

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Asking,
    RunningTools(Vec<ToolRun>, Vec<Pending>),
    Reviewing(Box<ModelDiagnosis>),
    Over,
}

/// The place of one call among the results that go back.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    /// The next result of the runs.
    Run,
    /// Answered without a run.
    Answered(ToolResult),
}

/// One investigation.
#[derive(Clone, Debug)]
pub struct Investigation {
    case: CaseFile,
    limits: Limits,
    phase: Phase,
    messages: Vec<Message>,
    known: BTreeMap<EvidenceId, String>,
    asked: BTreeSet<String>,
    turns: u32,
    tool_runs: u32,
    tokens: u64,
    repaired: bool,
    thoughts: Vec<Thought>,
}

/// A confidence that no ungrounded answer gets above.
const UNGROUNDED_CONFIDENCE_MAX: f64 = 0.3;
const THOUGHT_BYTES_MAX: usize = 600;

impl Investigation {
    /// Begins one.
    pub fn begin(case: CaseFile, limits: Limits) -> (Investigation, Effect) {
        let known = case.observations.iter().map(|o| (o.id.clone(), o.text.clone())).collect();
        let mut investigation = Investigation {
            messages: vec![Message::User(prompt::case(&case))],
            case,
            limits,
            phase: Phase::Asking,
            known,
            asked: BTreeSet::new(),
            turns: 0,
            tool_runs: 0,
            tokens: 0,
            repaired: false,
            thoughts: Vec::new(),
        };
        let effect = investigation.call();
        (investigation, effect)
    }

    /// The thoughts since the last time, in order.
    pub fn take_thoughts(&mut self) -> Vec<Thought> {
        std::mem::take(&mut self.thoughts)
    }

    /// Everything that was observed so far, by id.
    pub fn observations(&self) -> &BTreeMap<EvidenceId, String> {
        &self.known
    }

    /// One step.
    pub fn step(&mut self, happened: Happened) -> Effect {
        match (std::mem::replace(&mut self.phase, Phase::Over), happened) {
            (Phase::Asking, Happened::Replied { text, calls, tokens, is_cut }) => {
                self.tokens = self.tokens.saturating_add(tokens);
                self.replied(&text, calls, is_cut)
            }
            (Phase::RunningTools(runs, pending), Happened::ToolsRan(results)) => {
                self.tools_ran(&runs, pending, results)
            }
            (Phase::Reviewing(found), Happened::Replied { text, calls, tokens, .. }) => {
                self.tokens = self.tokens.saturating_add(tokens);
                self.reviewed(*found, &text, &calls)
            }
            // A second pass can only take away; where there is none, nothing is taken away.
            (Phase::Reviewing(found), Happened::Failed(why)) => {
                self.think(Agent::Brain, format!("no second pass: {why}"));
                self.diagnosed(*found)
            }
            (Phase::Reviewing(found), Happened::TimeUp) => self.diagnosed(*found),
            (_, Happened::Failed(why)) => self.conclude(Conclusion::Unavailable { why }),
            (_, Happened::TimeUp) => self.discard(Flaw::Limit, "the time for it was over"),
            (Phase::Asking | Phase::Reviewing(_), Happened::ToolsRan(_))
            | (Phase::RunningTools(..), Happened::Replied { .. })
            | (Phase::Over, Happened::Replied { .. } | Happened::ToolsRan(_)) => {
                self.discard(Flaw::Limit, "the conversation was out of order")
            }
        }
    }

    fn think(&mut self, agent: Agent, text: impl AsRef<str>) {
        let text = shorten(&printable(text.as_ref()), THOUGHT_BYTES_MAX);
        self.thoughts.push(Thought { agent, text });
    }

    fn conclude(&mut self, conclusion: Conclusion) -> Effect {
        self.phase = Phase::Over;
        Effect::Conclude(Box::new(conclusion))
    }

    fn discard(&mut self, flaw: Flaw, why: impl Into<String>) -> Effect {
        let why = why.into();
        let what = match flaw {
            Flaw::Unfit => "it did not fit: ",
            Flaw::CutOff => "it was cut off at ai.max_tokens: ",
            Flaw::Limit => "",
        };
        self.think(Agent::Brain, format!("the model's answer is not used: {what}{why}"));
        self.conclude(Conclusion::Discarded { why, flaw })
    }

    /// The next call: with tools while turns are left, else for the answer.
    fn call(&mut self) -> Effect {
        self.phase = Phase::Asking;
        self.turns += 1;
        let may_look = self.turns < self.limits.turns_max
            && self.tool_runs < self.limits.tool_runs_max
            && !self.repaired;
        let (tools, answer_schema) =
            if may_look { (tools::offered(), None) } else { (Vec::new(), Some(answer::schema())) };
        Effect::CallModel(Box::new(ModelCall {
            system: prompt::system(self.case.language, may_look),
            messages: self.messages.clone(),
            tools,
            answer_schema,
            reply_tokens_max: self.limits.reply_tokens_max,
        }))
    }

    fn replied(&mut self, text: &str, calls: Vec<ToolCall>, is_cut: bool) -> Effect {
        if self.tokens > self.limits.tokens_max {
            let why = format!("over {} tokens were used", self.limits.tokens_max);
            return self.discard(Flaw::Limit, why);
        }
        if text.len() > self.limits.answer_bytes_max {
            let limit = self.limits.answer_bytes_max;
            let why = format!("it answered {} bytes, over {limit}", text.len());
            return self.discard(Flaw::Unfit, why);
        }
        if !calls.is_empty() {
            self.overheard(text);
        }
        if let Some(call) = calls.iter().find(|c| c.name == tools::SUBMIT) {
            let read = answer::read_value(&call.arguments);
            return self.answered(text, read, is_cut);
        }
        if calls.is_empty() || self.repaired || self.turns >= self.limits.turns_max {
            return self.answered(text, answer::read_text(text), is_cut);
        }
        self.look(text, calls)
    }

    /// What a model says while it looks: a line of the stream.
    fn overheard(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        if !words.is_empty() {
            self.think(Agent::Brain, words.join(" "));
        }
    }

    fn look(&mut self, text: &str, calls: Vec<ToolCall>) -> Effect {
        let mut runs = Vec::new();
        let mut pending = Vec::new();
        for call in &calls {
            match self.request(call) {
                Ok(request) => {
                    self.tool_runs += 1;
                    self.think(Agent::Scout, format!("looks: {}", request.in_words()));
                    let (call_id, name) = (call.id.clone(), call.name.clone());
                    runs.push(ToolRun { call_id, name, request });
                    pending.push(Pending::Run);
                }
                Err(why) => pending.push(Pending::Answered(ToolResult {
                    call_id: call.id.clone(),
                    name: call.name.clone(),
                    text: why,
                    is_error: true,
                })),
            }
        }
        self.messages.push(Message::Assistant { text: text.to_owned(), calls });
        if runs.is_empty() {
            return self.tools_ran(&[], pending, Vec::new());
        }
        self.phase = Phase::RunningTools(runs.clone(), pending);
        Effect::RunTools(runs)
    }

    fn request(&mut self, call: &ToolCall) -> Result<ToolRequest, String> {
        if self.tool_runs >= self.limits.tool_runs_max {
            return Err(format!("no more tools: {} were run. Answer now.", self.tool_runs));
        }
        let request = ToolRequest::parse(&call.name, &call.arguments)?;
        if !self.asked.insert(format!("{request:?}")) {
            return Err("you asked for exactly this before: its result stands above".to_owned());
        }
        Ok(request)
    }

    fn tools_ran(
        &mut self,
        runs: &[ToolRun],
        pending: Vec<Pending>,
        results: Vec<Result<Vec<Observation>, String>>,
    ) -> Effect {
        let mut done = runs.iter().zip(results);
        let mut answers = Vec::new();
        for place in pending {
            match place {
                Pending::Answered(result) => answers.push(result),
                Pending::Run => {
                    let Some((run, result)) = done.next() else {
                        return self.discard(Flaw::Limit, "a tool did not come back");
                    };
                    answers.push(self.tool_result(run, result));
                }
            }
        }
        self.messages.push(Message::Tools(answers));
        self.call()
    }

    fn tool_result(
        &mut self,
        run: &ToolRun,
        result: Result<Vec<Observation>, String>,
    ) -> ToolResult {
        let (text, is_error) = match result {
            Ok(observations) if observations.is_empty() => ("nothing was found".to_owned(), false),
            Ok(observations) => {
                let mut text = String::new();
                let mut left_out = 0;
                for observation in observations {
                    let line = format!("[{}] {}\n", observation.id, printable(&observation.text));
                    // What the model did not see it cannot cite.
                    if text.len() + line.len() > self.limits.tool_result_bytes_max {
                        left_out += 1;
                        continue;
                    }
                    text.push_str(&line);
                    self.known.insert(observation.id, observation.text);
                }
                if left_out > 0 {
                    text.push_str(&format!("({left_out} more were left out: ask more narrowly)\n"));
                }
                (fenced(&run.name, &text), false)
            }
            Err(why) => (shorten(&printable(&why), 400), true),
        };
        let (call_id, name) = (run.call_id.clone(), run.name.clone());
        ToolResult { call_id, name, text, is_error }
    }

    fn answered(&mut self, text: &str, read: Result<Answer, String>, is_cut: bool) -> Effect {
        let about = self.case.incident_id.as_str();
        let read = read.and_then(|answer| match answer.incident_id == about {
            true => Ok(answer),
            false => {
                let said = shorten(&printable(&answer.incident_id), 60);
                Err(format!("it is about {said}, not {about}"))
            }
        });
        let answer = match read {
            Ok(answer) => answer,
            Err(why) if self.repaired => {
                return self.discard(if is_cut { Flaw::CutOff } else { Flaw::Unfit }, why);
            }
            Err(why) => return self.repair(text, &why, is_cut),
        };
        let found = self.check(answer);
        for claim in found.claims.iter().filter(|c| !c.grounded()) {
            let text = format!("not grounded in any observation: {}", claim.text);
            self.thoughts.push(Thought { agent: Agent::Brain, text: shorten(&text, 300) });
        }
        self.think(
            Agent::Brain,
            format!(
                "the model thinks: {} ({:.0} % sure)",
                found.diagnosis.cause,
                100.0 * found.diagnosis.confidence
            ),
        );
        self.review(found)
    }

    /// Asks once more, with what was wrong.
    fn repair(&mut self, text: &str, why: &str, is_cut: bool) -> Effect {
        self.repaired = true;
        let why = match is_cut {
            true => {
                let limit = self.limits.reply_tokens_max;
                format!("it was cut off at {limit} tokens (ai.max_tokens): {why}")
            }
            false => why.to_owned(),
        };
        self.think(Agent::Brain, format!("the answer does not fit: {why}; asked once more"));
        // An empty turn is none that a provider takes.
        let said = match text.trim() {
            "" => "(nothing)".to_owned(),
            text => shorten(text, 2000),
        };
        self.messages.push(Message::Assistant { text: said, calls: Vec::new() });
        self.messages.push(Message::User(prompt::repair(&why, is_cut)));
        self.call()
    }

    /// Keeps what is grounded, and lowers the confidence by what is not.
    fn check(&self, answer: Answer) -> ModelDiagnosis {
        let claims: Vec<CheckedClaim> = answer
            .claims
            .into_iter()
            .map(|claim| {
                let (evidence, invented): (Vec<_>, Vec<_>) = claim
                    .evidence
                    .into_iter()
                    .map(EvidenceId)
                    .partition(|id| self.known.contains_key(id));
                CheckedClaim {
                    text: printable(&claim.text),
                    evidence,
                    invented: invented.iter().map(|id| printable(id.as_str())).collect(),
                }
            })
            .collect();
        let grounded = claims.iter().filter(|c| c.grounded()).count();
        let share = if claims.is_empty() { 0.0 } else { grounded as f64 / claims.len() as f64 };
        let mut confidence = answer.confidence.clamp(0.0, 1.0) * share;
        if grounded == 0 {
            confidence = answer.confidence.clamp(0.0, UNGROUNDED_CONFIDENCE_MAX);
        }
        let mut evidence: Vec<EvidenceId> =
            claims.iter().flat_map(|c| c.evidence.iter().cloned()).collect();
        evidence.sort();
        evidence.dedup();
        ModelDiagnosis {
            diagnosis: Diagnosis {
                cause_kind: answer::cause_kind(&answer.cause_kind),
                cause: printable(&answer.diagnostic),
                confidence,
                source: DiagnosisSource::Model,
                evidence,
                prevention: answer.prevention.map(|p| printable(&p)),
            },
            claims,
            proposals: answer.actions,
            objections: Vec::new(),
            tokens: self.tokens,
        }
    }

    /// Another look at the answer alone, which can only lower its confidence.
    fn review(&mut self, found: ModelDiagnosis) -> Effect {
        if self.tokens >= self.limits.tokens_max {
            return self.diagnosed(found);
        }
        let call = ModelCall {
            system: prompt::reviewer(self.case.language),
            messages: vec![Message::User(prompt::review(&found, &self.known))],
            tools: Vec::new(),
            answer_schema: Some(answer::review_schema()),
            reply_tokens_max: self.limits.reply_tokens_max,
        };
        self.phase = Phase::Reviewing(Box::new(found));
        Effect::CallModel(Box::new(call))
    }

    fn reviewed(&mut self, mut found: ModelDiagnosis, text: &str, calls: &[ToolCall]) -> Effect {
        let review = match calls.first() {
            Some(call) => answer::read_review_value(&call.arguments),
            None if text.len() > self.limits.answer_bytes_max => Err("too long".to_owned()),
            None => answer::read_review(text),
        };
        match review {
            Ok(Review { confidence, objections }) => {
                let before = found.diagnosis.confidence;
                found.diagnosis.confidence = before.min(confidence.clamp(0.0, 1.0));
                found.objections = objections.iter().map(|o| printable(o)).collect();
                if found.diagnosis.confidence < before {
                    let objection = found.objections.iter().find(|o| !o.trim().is_empty());
                    let because = objection.map(|o| format!(": {o}")).unwrap_or_default();
                    let now = 100.0 * found.diagnosis.confidence;
                    let text = format!("a second look is less sure, {now:.0} %{because}");
                    self.think(Agent::Brain, text);
                }
            }
            Err(why) => self.think(Agent::Brain, format!("the second look says nothing: {why}")),
        }
        self.diagnosed(found)
    }

    fn diagnosed(&mut self, mut found: ModelDiagnosis) -> Effect {
        found.tokens = self.tokens;
        self.conclude(Conclusion::Diagnosed(Box::new(found)))
    }
}
