//! From a sentence to a plan: hale's own intents first, then what was done before, then a model; and
//! where none of them knows, an honest answer with the nearest that is known.

use hale_brain::companion::answer::{self, Answer};
use hale_brain::companion::prompt;
use hale_brain::route::{self, Routed, Unknown};
use hale_mind::{
    Delta, FaultKind, Message, MindError, ProviderError, Purpose, Reply, Request, Stop,
};
use hale_model::api::{ApiError, ErrorKind};
use hale_model::config::Language;
use hale_model::run::{AskPlan, PlanOrigin};
use hale_model::text::printable;

use super::{Companion, Result, Step};

/// Bytes of a sentence.
const SENTENCE_BYTES_MAX: usize = prompt::SENTENCE_BYTES_MAX;
/// Answers that are asked for until one can be read: the first, and one repair.
const ANSWERS_MAX: usize = 2;
/// Turns of one conversation: questions of the model, recoveries.
const MESSAGES_MAX: usize = 24;

/// Who may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// hale's intents, what was done before, then a model.
    All,
    /// Nothing leaves this machine.
    Local,
    /// A model, whatever is known here.
    Model,
}

/// News while a model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A provider is asked now.
    Asking {
        /// `anthropic`
        provider: String,
        /// Its model.
        model: String,
    },
    /// More words of its reasoning, where the provider shows them.
    Thought(String),
    /// It failed; why.
    Failed(String),
}

/// A kind of sentence that hale knows by itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Intent {
    /// `files.big`
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// Sentences that it understands, in the configured language.
    pub examples: Vec<String>,
}

/// Every kind of sentence that hale knows by itself.
pub fn intents(config: &hale_model::config::Config) -> Vec<Intent> {
    let language = config.general.language;
    let known = route::intents().into_iter().map(|info| Intent {
        examples: info.examples.of(language).to_vec(),
        id: info.id,
        subject: info.subject,
    });
    known.collect()
}

/// What would leave for a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Provider: `anthropic`.
    pub provider: String,
    /// Where it would go.
    pub url: String,
    /// The exact bytes of the body.
    pub body: String,
}

/// A readable answer of a model.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) origin: PlanOrigin,
}

impl Companion {
    /// Makes a plan for a sentence. Nothing is run.
    ///
    /// # Errors
    /// Nobody knows what to do; with the nearest that is known, and why no model answered.
    pub async fn plan(
        &mut self,
        sentence: &str,
        sources: Sources,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> Result<AskPlan> {
        let sentence = checked(sentence)?;
        self.begin(sentence);
        let routed = route::route(sentence, &self.host);
        if sources != Sources::Model {
            if let Routed::Plan(plan) = routed {
                let steps = plan.steps.into_iter();
                let steps = steps.map(|s| Step { command: s.command, why: s.why }).collect();
                let origin = PlanOrigin::Local { intent: plan.intent };
                return Ok(self.plan_of(
                    Some(sentence.to_owned()),
                    plan.explanation,
                    origin,
                    steps,
                ));
            }
            if let Some(plan) = self.remembered(sentence)? {
                return Ok(plan);
            }
        }
        let unknown = match routed {
            Routed::Unknown(unknown) => Some(unknown),
            Routed::Plan(_) => None,
        };
        if sources == Sources::Local {
            return match self.similar(sentence)? {
                Some(plan) => Ok(plan),
                None => Err(self.not_known(sentence, unknown.as_ref(), None)),
            };
        }
        let first = prompt::first(sentence, &self.context, &self.examples(sentence)?);
        match self.converse(first, on).await {
            Ok(said) => Ok(self.answered(sentence, said)),
            Err(trouble) => match self.similar(sentence)? {
                Some(plan) if sources == Sources::All => Ok(plan),
                Some(_) | None => Err(self.not_known(sentence, unknown.as_ref(), Some(trouble))),
            },
        }
    }

    /// Goes on after the person has answered the model's question.
    ///
    /// # Errors
    /// No model answered.
    pub async fn reply(
        &mut self,
        sentence: &str,
        words: &str,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> Result<AskPlan> {
        let said = self.converse(prompt::answered(words), on).await.map_err(Trouble::into_error)?;
        Ok(self.answered(sentence, said))
    }

    /// The exact bytes that would leave for a sentence, to each provider in its order.
    ///
    /// # Errors
    /// No model is configured.
    pub fn outgoing(&mut self, sentence: &str) -> Result<Vec<Outgoing>> {
        let sentence = checked(sentence)?;
        self.begin(sentence);
        let first = prompt::first(sentence, &self.context, &self.examples(sentence)?);
        let request = self.request(vec![Message::user(first)]);
        let Some(adviser) = &self.adviser else { return Err(no_model()) };
        let outgoing = adviser.outgoing(&mut self.redactor, &request).into_iter();
        Ok(outgoing.map(|o| Outgoing { provider: o.provider, url: o.url, body: o.body }).collect())
    }

    fn begin(&mut self, sentence: &str) {
        self.talk.clear();
        self.language = match route::detect_language(sentence) {
            // English is also what a sentence counts as that tells nothing.
            Language::En => self.settings.config.general.language,
            told @ (Language::Fr | Language::Ko) => told,
        };
    }

    /// Whether a model can be asked, as far as can be told without asking.
    pub(super) async fn has_model(&self) -> bool {
        match &self.adviser {
            Some(adviser) => adviser.usable().await,
            None => false,
        }
    }

    /// A further turn; the conversation begins with the sentence where there was none yet.
    pub(super) async fn talk_on(
        &mut self,
        sentence: &str,
        told: String,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> Result<Answered> {
        let told = match self.talk.is_empty() {
            true => format!("{}\n\n{told}", prompt::first(sentence, &self.context, &[])),
            false => told,
        };
        self.converse(told, on).await.map_err(Trouble::into_error)
    }

    fn answered(&self, sentence: &str, said: Answered) -> AskPlan {
        let question = said.answer.question;
        let sentence = Some(sentence.to_owned());
        let plan = self.plan_of(sentence, said.answer.reasoning, said.origin, said.answer.steps);
        AskPlan { question, ..plan }
    }

    fn request(&self, messages: Vec<Message>) -> Request {
        Request {
            system: prompt::system(self.language),
            messages,
            answer_schema: Some(answer::schema()),
            max_tokens: self.settings.config.ai.max_tokens,
            ..Request::default()
        }
    }

    /// Says something to the models in their order, until one gives a usable answer. On failure nothing of
    /// it stays in the conversation.
    async fn converse(
        &mut self,
        told: String,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> std::result::Result<Answered, Trouble> {
        if self.talk.len() >= MESSAGES_MAX {
            return Err(Trouble::TooLong);
        }
        let before = self.talk.len();
        self.talk.push(Message::user(told));
        let mut failed = Vec::new();
        let mut first_place = 0;
        loop {
            match self.answer_from(first_place, &mut failed, on).await {
                Ok(answered) => return Ok(answered),
                Err(Attempt::Over(trouble)) => {
                    self.talk.truncate(before);
                    return Err(trouble);
                }
                Err(Attempt::Unfit(error, place)) => {
                    on(Said::Failed(error.to_string()));
                    failed.push(error);
                    self.talk.truncate(before + 1);
                    first_place = place + 1;
                }
            }
        }
    }

    /// The answer of the first of the chain that gives any; what cannot be read is asked for once more.
    async fn answer_from(
        &mut self,
        first_place: usize,
        failed: &mut Vec<ProviderError>,
        on: &mut (dyn FnMut(Said) + Send),
    ) -> std::result::Result<Answered, Attempt> {
        let mut place = first_place;
        let mut flaw = None;
        for attempt in 0..ANSWERS_MAX {
            let request = self.request(self.talk.clone());
            let Some(adviser) = &self.adviser else { return Err(Attempt::Over(Trouble::None)) };
            let mut news = |delta| {
                if let Some(said) = said(delta) {
                    on(said);
                }
            };
            let (redactor, whose) = (&mut self.redactor, Purpose::Person);
            let asked = adviser.ask_from(place, redactor, &request, whose, &mut news).await;
            let reply = match asked {
                Ok(reply) => reply,
                Err(MindError::AllFailed(errors)) => {
                    failed.extend(errors);
                    let all = MindError::AllFailed(std::mem::take(failed));
                    return Err(Attempt::Over(Trouble::Mind(all)));
                }
                Err(error) => return Err(Attempt::Over(Trouble::Mind(error))),
            };
            failed.extend(reply.passed_over.iter().cloned());
            if attempt == 0 {
                place = reply.place;
            }
            // What was masked has been put in again already.
            let read = answer::read(&reply.text, reply.answer.as_ref(), str::to_owned);
            self.talk.push(Message::assistant(words_of(&reply)));
            let why = match read {
                Ok(answer) => {
                    adviser.mind().fit(place);
                    let origin = PlanOrigin::Model { provider: reply.provider, model: reply.model };
                    return Ok(Answered { answer, origin });
                }
                Err(why) => why,
            };
            let is_cut = reply.stop == Stop::MaxTokens;
            self.talk.push(Message::user(prompt::repair(&why, is_cut)));
            flaw = Some((why, is_cut));
        }
        let mind = self.adviser.as_ref().map(|adviser| adviser.mind());
        let unfit =
            flaw.zip(mind).and_then(|((why, is_cut), mind)| mind.unfit(place, &why, is_cut));
        // Every place that answers has an error of its own.
        Err(match unfit {
            Some(error) => Attempt::Unfit(error, place),
            None => Attempt::Over(Trouble::None),
        })
    }

    /// The honest answer where nobody knows.
    fn not_known(
        &self,
        sentence: &str,
        unknown: Option<&Unknown>,
        trouble: Option<Trouble>,
    ) -> ApiError {
        let words = Refusal::in_language(unknown.map_or(Language::En, |u| u.language));
        let mut lines = vec![words.not_known.to_owned()];
        if let Some(unknown) = unknown {
            lines.push(unknown.reason.sentence(unknown.language));
        }
        match &trouble {
            Some(trouble) => lines.extend(trouble.lines()),
            None => lines.push(words.not_asked.to_owned()),
        }
        let nearest = unknown.map(|u| u.nearest.as_slice()).unwrap_or_default();
        if !nearest.is_empty() {
            lines.push(words.nearest.to_owned());
            lines.extend(nearest.iter().map(|n| format!("  {}", n.example)));
        }
        let before = self.neighbours(sentence).unwrap_or_default();
        if !before.is_empty() {
            lines.push(words.before.to_owned());
            lines.extend(before.iter().map(|known| format!("  {}", printable(&known.sentence))));
        }
        let hint = trouble.as_ref().map(Trouble::hint).filter(|hint| !hint.is_empty());
        ApiError::new(ErrorKind::Failed, lines.join("\n"))
            .hint(hint.unwrap_or_else(|| words.list.to_owned()))
    }
}

/// The words of an honest no.
struct Refusal {
    not_known: &'static str,
    not_asked: &'static str,
    nearest: &'static str,
    before: &'static str,
    list: &'static str,
}

impl Refusal {
    fn in_language(language: Language) -> Refusal {
        match language {
            Language::En => Refusal {
                not_known: "I can't turn this into commands without a model.",
                not_asked: "A model was not asked.",
                nearest: "The nearest I know:",
                before: "Done before:",
                list: "`hale ask --list` shows everything I know",
            },
            Language::Fr => Refusal {
                not_known: "Sans modèle, je ne sais pas en faire des commandes.",
                not_asked: "Aucun modèle n'a été interrogé.",
                nearest: "Ce que je connais de plus proche :",
                before: "Déjà fait :",
                list: "`hale ask --list` montre tout ce que je connais",
            },
            Language::Ko => Refusal {
                not_known: "모델 없이는 이 문장을 명령으로 바꿀 수 없습니다.",
                not_asked: "모델에 묻지 않았습니다.",
                nearest: "가장 가까운 것:",
                before: "전에 한 것:",
                list: "`hale ask --list` 는 제가 아는 모든 것을 보여 줍니다",
            },
        }
    }
}

/// What the model said, to be repeated in the next turn.
fn words_of(reply: &Reply) -> String {
    match (&reply.answer, reply.text.trim()) {
        (Some(answer), "") => answer.to_string(),
        (_, "") => "(nothing)".to_owned(),
        (_, text) => hale_model::text::shorten(text, answer::ANSWER_BYTES_MAX),
    }
}

fn said(delta: Delta) -> Option<Said> {
    match delta {
        Delta::Asking { provider, model, .. } => Some(Said::Asking { provider, model }),
        Delta::Thought(words) => Some(Said::Thought(words)),
        // Where nobody can be asked, the answer says so once.
        Delta::Failed(error) if error.fault == FaultKind::NoKey => None,
        Delta::Failed(error) => Some(Said::Failed(error.to_string())),
        Delta::Text(_) | Delta::Tool(_) => None,
    }
}

fn checked(sentence: &str) -> Result<&str> {
    let sentence = sentence.trim();
    if sentence.is_empty() {
        return Err(ApiError::new(ErrorKind::Usage, "the sentence is empty")
            .hint("say what you want: hale ask \"show the biggest files in /var\""));
    }
    if sentence.len() > SENTENCE_BYTES_MAX {
        let message =
            format!("the sentence has {} bytes, over {SENTENCE_BYTES_MAX}", sentence.len());
        return Err(ApiError::new(ErrorKind::Usage, message).hint("say it in fewer words"));
    }
    Ok(sentence)
}

fn no_model() -> ApiError {
    ApiError::new(ErrorKind::Failed, "no language model is configured")
        .hint("add [[ai.providers]], or run `hale setup`")
}

/// Why an attempt came to nothing.
enum Attempt {
    /// The provider at this place gave no usable answer; the next may.
    Unfit(ProviderError, usize),
    /// Nobody is left to ask.
    Over(Trouble),
}

/// Why there is no answer of a model.
pub(super) enum Trouble {
    None,
    TooLong,
    Mind(MindError),
}

impl Trouble {
    fn lines(&self) -> Vec<String> {
        match self {
            Trouble::None => vec!["No model is configured, or models are switched off.".to_owned()],
            Trouble::TooLong => vec!["The conversation has become too long.".to_owned()],
            Trouble::Mind(MindError::AllFailed(errors)) => {
                let why = |e: &hale_mind::ProviderError| format!("{e} ({})", e.hint());
                errors.iter().map(why).collect()
            }
            Trouble::Mind(error) => vec![format!("{error}.")],
        }
    }

    fn hint(&self) -> String {
        match self {
            Trouble::None => "add [[ai.providers]], or run `hale setup`".to_owned(),
            Trouble::TooLong => "say it in other words".to_owned(),
            // Each provider's own next step stands beside it.
            Trouble::Mind(MindError::AllFailed(_)) => String::new(),
            Trouble::Mind(error) => error.hint(),
        }
    }

    fn into_error(self) -> ApiError {
        let hint = self.hint();
        let error = ApiError::new(ErrorKind::Failed, self.lines().join("\n"));
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}
