//! The choice: of the intents that account for every word of a sentence, the one that asks for
//! most of them by name. Two that ask for equally much make the sentence ambiguous.

use hale_model::config::Language;

use super::host::{self as host_facts, HostFacts};
use super::intents::{Intent, PathKind};
use super::knowledge::Knowledge;
use super::lexicon::{Concept, SOFT};
use super::mood;
use super::names::{self, Names, Rank};
use super::nearest::nearest;
use super::orders;
use super::render::{self, Fills};
use super::template::{self, Filled, Part, SlotKind};
use super::tokens::{self, Token};
use super::values::Value;
use super::{
    CONFIDENCE_MIN, LocalPlan, LocalStep, Reason, Routed, SENTENCE_BYTES_MAX, SENTENCE_WORDS_MAX,
    Unknown, language,
};

/// Concepts that may stand in any question, and in any request for a change.
const IN_QUESTIONS: [&str; 12] = [
    "soft", "show", "be", "what", "which", "how", "how_many", "past", "now", "all", "machine",
    "howto",
];
const IN_CHANGES: [&str; 3] = ["soft", "now", "howto"];

/// What turns a request into another one wherever it stands (`each`, `a new container`): an intent
/// takes it where it says so, never as one of the words that may stand in any question.
const STRICT: [&str; 8] =
    ["each", "all_files", "fresh", "between", "free_up", "recursive", "purge", "lone"];

/// What a concept or a value that is asked for weighs when intents are compared.
const NEED_WEIGHT: u32 = 30;
/// What a value weighs that an intent can do without.
const SLOT_WEIGHT: u32 = 20;

/// Added for an intent that changes something: such an intent takes no question words, so when
/// it accounts for a whole sentence (`arrête nginx`) the sentence is a request, not a description.
const CHANGE_WEIGHT: u32 = 5;

/// Most ways of giving names to slots that are tried for one intent.
const TRIES_MAX: usize = 64;

/// Reads one sentence with the given knowledge.
pub(super) fn route_with(known: &Knowledge, sentence: &str, host: &HostFacts) -> Routed {
    if sentence.len() > SENTENCE_BYTES_MAX {
        let language = language::of_tokens(&[], sentence, &known.lexicon);
        return unknown(language, Reason::TooLong, Vec::new());
    }
    let mut tokens = tokens::read(sentence, &known.lexicon);
    // `free`, `top`: a program's name, and nothing else.
    if let [only] = tokens.as_slice()
        && let Some(meant) = known.lexicon.meant_alone(&only.folded).filter(|m| m.contains(' '))
    {
        return route_with(known, meant, host);
    }
    let language = language::of_tokens(&tokens, sentence, &known.lexicon);
    mood::mark(&mut tokens, sentence, &known.lexicon, language);
    if tokens.len() > SENTENCE_WORDS_MAX {
        return unknown(language, Reason::TooLong, Vec::new());
    }
    if tokens.is_empty() {
        return unknown(language, Reason::Empty, Vec::new());
    }
    let matcher = Matcher::new(known, &tokens, host);
    let mut matches: Vec<Match<'_>> =
        known.intents.iter().filter_map(|intent| matcher.try_intent(intent)).collect();
    matches.sort_by_key(|found| std::cmp::Reverse(found.order()));
    match decide(&matches, host) {
        Ok(best) => plan(best, language, host),
        Err(reason) => {
            let reason = reason.unwrap_or_else(|| matcher.unexplained(&matches));
            let near = match reason {
                Reason::Ambiguous => equal_to_best(&matches, language),
                Reason::Empty
                | Reason::TooLong
                | Reason::Words(_)
                | Reason::NoIntent
                | Reason::NoOrder
                | Reason::MissingValue(_)
                | Reason::MissingTool(_) => nearest(known, &tokens, language),
            };
            unknown(language, reason, near)
        }
    }
}

fn unknown(language: Language, reason: Reason, nearest: Vec<super::Nearest>) -> Routed {
    Routed::Unknown(Unknown { language, reason, nearest })
}

/// One intent held against a sentence.
pub(super) struct Match<'a> {
    intent: &'a Intent,
    fills: Fills,
    /// Tokens that nothing accounts for.
    unexplained: Vec<usize>,
    /// A required value that is not there.
    missing: Option<SlotKind>,
    /// How much of the sentence the intent asks for by name.
    specificity: u32,
    confidence: f64,
}

impl Match<'_> {
    fn is_whole(&self) -> bool {
        self.unexplained.is_empty() && self.missing.is_none()
    }

    /// Whole matches first, then by specificity.
    fn order(&self) -> (bool, u32, u32) {
        let hundredths = (self.confidence * 100.0) as u32;
        (self.is_whole(), self.specificity, hundredths)
    }
}

/// The one match to act on, or why there is none (`None`: look at the words).
fn decide<'m, 'a>(
    matches: &'m [Match<'a>],
    host: &HostFacts,
) -> Result<&'m Match<'a>, Option<Reason>> {
    let Some(best) = matches.first().filter(|found| found.is_whole()) else {
        let lacking = matches.iter().find(|found| found.unexplained.is_empty());
        let kind = lacking.and_then(|found| found.missing);
        return Err(kind.map(|kind| Reason::MissingValue(kind.name().to_owned())));
    };
    if matches.get(1).is_some_and(|next| next.order() >= best.order()) {
        return Err(Some(Reason::Ambiguous));
    }
    if best.confidence < CONFIDENCE_MIN {
        return Err(None);
    }
    let tools = &best.intent.tools;
    if !tools.is_empty() && !tools.iter().any(|tool| host.has(tool)) {
        return Err(Some(Reason::MissingTool(tools.join(", "))));
    }
    Ok(best)
}

/// The intents among which there is no choice.
fn equal_to_best(matches: &[Match<'_>], language: Language) -> Vec<super::Nearest> {
    let best = matches.first().map(Match::order);
    matches
        .iter()
        .take_while(|found| Some(found.order()) == best)
        .take(super::NEAREST_MAX)
        .map(|found| found.intent.near(language))
        .collect()
}

/// What this machine lacks for a command that takes all that was said, where the one it has instead
/// drops a value: logins `since yesterday` are none of a file that is searched as a whole.
fn loses_a_value(best: &Match<'_>, host: &HostFacts) -> Option<String> {
    let steps = &best.intent.steps;
    let said = best.intent.slots.iter().filter(|slot| {
        let filled = best.fills.iter().find(|(kind, _)| *kind == slot.kind);
        filled.is_some_and(|(_, with)| Some(with) != slot.default.as_ref())
    });
    said.into_iter().find_map(|slot| {
        let takes = |parts: &[Part]| template::mentions(parts, slot.kind);
        let kept = steps.iter().any(|step| {
            let chosen = step.variants.iter().find(|(condition, _)| host.satisfies(condition));
            chosen.is_none_or(|(_, parts)| takes(parts))
        });
        let taking = steps.iter().flat_map(|step| &step.variants).find(|(_, parts)| takes(parts));
        taking.filter(|_| !kept).map(|(condition, _)| host_facts::needed(condition))
    })
}

fn plan(best: &Match<'_>, language: Language, host: &HostFacts) -> Routed {
    let intent = best.intent;
    if let Some(condition) = loses_a_value(best, host) {
        return unknown(language, Reason::MissingTool(condition), vec![intent.near(language)]);
    }
    let mut steps = Vec::new();
    for step in &intent.steps {
        let variant = step.variants.iter().find(|(condition, _)| host.satisfies(condition));
        let Some((_, parts)) = variant else {
            let conditions: Vec<String> =
                step.variants.iter().map(|(condition, _)| host_facts::needed(condition)).collect();
            let reason = Reason::MissingTool(conditions.join(", "));
            return unknown(language, reason, vec![intent.near(language)]);
        };
        steps.push(LocalStep {
            command: render::command(parts, &best.fills, host),
            why: render::prose(intent.why(step, language), &best.fills),
        });
    }
    Routed::Plan(LocalPlan {
        intent: intent.id.clone(),
        language,
        explanation: render::prose(intent.explanation(language), &best.fills),
        steps,
        changes: intent.changes,
        confidence: best.confidence,
    })
}

/// What is the same for every intent.
struct Matcher<'a> {
    known: &'a Knowledge,
    tokens: &'a [Token],
    names: Names<'a>,
    in_questions: Vec<Concept>,
    in_changes: Vec<Concept>,
    strict: Vec<Concept>,
    follow: Option<Concept>,
    how_many: Option<Concept>,
    /// The word that opens the sentence, where it orders a change: `stop all services`.
    orders: Option<usize>,
    to_words: [&'static str; 4],
}

/// Which token each slot takes, and how sure that is.
#[derive(Clone, Default)]
struct Assignment {
    /// Slot by slot: the tokens, and what they fill it with.
    slots: Vec<Option<(Vec<usize>, Filled)>>,
    rank: Rank,
}

impl Assignment {
    fn uses(&self, at: usize) -> bool {
        self.slots.iter().flatten().any(|(tokens, _)| tokens.contains(&at))
    }
}

impl<'a> Matcher<'a> {
    fn new(known: &'a Knowledge, tokens: &'a [Token], host: &'a HostFacts) -> Self {
        let concepts = |names: &[&str]| -> Vec<Concept> {
            names.iter().filter_map(|name| known.lexicon.concept(name)).collect()
        };
        let soft = known.lexicon.concept(SOFT);
        Matcher {
            known,
            tokens,
            names: Names { tokens, lexicon: &known.lexicon, host, soft },
            in_questions: concepts(&IN_QUESTIONS),
            in_changes: concepts(&IN_CHANGES),
            strict: concepts(&STRICT),
            follow: known.lexicon.concept("follow"),
            how_many: known.lexicon.concept("how_many"),
            orders: orders::opening(tokens, &known.lexicon),
            to_words: ["to", "into", "vers", "onto"],
        }
    }

    /// The best way to read the sentence as this intent; none where a need is not met.
    fn try_intent(&self, intent: &'a Intent) -> Option<Match<'a>> {
        // Most intents are out of the question at once; the others are worth the work.
        let is_said = |group: &Vec<Concept>| {
            self.tokens.iter().any(|token| group.iter().any(|concept| token.is(*concept)))
        };
        let needs: Vec<_> = intent.needs.iter().filter(|need| need.iter().all(is_said)).collect();
        let is_another = self.tokens.iter().any(|token| intent.not.iter().any(|no| token.is(*no)));
        if needs.is_empty() || is_another {
            return None;
        }
        let mut best: Option<Match<'a>> = None;
        for assignment in self.assignments(intent) {
            for need in &needs {
                let Some(found) = self.judge(intent, need, &assignment) else { continue };
                let better = |known: &Match<'_>| {
                    let unexplained = |m: &Match<'_>| std::cmp::Reverse(m.unexplained.len());
                    (unexplained(&found), found.order()) > (unexplained(known), known.order())
                };
                if best.as_ref().is_none_or(better) {
                    best = Some(found);
                }
            }
        }
        best
    }

    /// Typed values are given out by their type; names in every way that is possible.
    fn assignments(&self, intent: &Intent) -> Vec<Assignment> {
        let empty = Assignment { slots: vec![None; intent.slots.len()], rank: 0 };
        let mut tries = vec![self.with_typed_values(intent, empty)];
        for (index, slot) in intent.slots.iter().enumerate() {
            let mut next = Vec::new();
            for assignment in tries {
                if assignment.slots[index].is_none() {
                    next.extend(self.with_names(&assignment, index, slot.kind));
                }
                next.push(assignment);
            }
            next.truncate(TRIES_MAX);
            tries = next;
        }
        tries
    }

    fn with_typed_values(&self, intent: &Intent, mut assignment: Assignment) -> Assignment {
        for (at, token) in self.tokens.iter().enumerate() {
            // `files containing "*a"`: what stands in them, whatever it looks like.
            let is_text = token.quoted && self.names.is_contained(at);
            let mut open = intent.slots.iter().enumerate().filter_map(|(index, slot)| {
                let free = assignment.slots[index].is_none();
                let free = free && !(is_text && slot.kind == SlotKind::Glob);
                let free = free && !(slot.kind == SlotKind::Count && self.names.designates(at));
                let value = token.value(|value| accepts(slot.kind, value)).filter(|_| free)?;
                Some((index, value))
            });
            if let Some((index, value)) = open.next() {
                assignment.slots[index] = Some((vec![at], Filled::Value(value)));
            }
        }
        self.turn_round(intent, &mut assignment);
        assignment
    }

    /// `to /backup from /home`: the destination is the one behind the preposition.
    fn turn_round(&self, intent: &Intent, assignment: &mut Assignment) {
        let place = |kind| intent.slots.iter().position(|slot| slot.kind == kind);
        let (Some(path), Some(to)) = (place(SlotKind::Path), place(SlotKind::To)) else { return };
        let leads_to = |slot: &Option<(Vec<usize>, Filled)>| {
            let at = slot.as_ref().and_then(|(tokens, _)| tokens.first().copied());
            let before = at.and_then(|at| at.checked_sub(1)).and_then(|at| self.tokens.get(at));
            before.is_some_and(|word| self.to_words.contains(&word.folded.as_str()))
        };
        if leads_to(&assignment.slots[path]) && !leads_to(&assignment.slots[to]) {
            assignment.slots.swap(path, to);
        }
    }

    fn with_names(&self, known: &Assignment, slot: usize, kind: SlotKind) -> Vec<Assignment> {
        let ranked: Vec<(usize, Rank)> = (0..self.tokens.len())
            .filter(|at| !known.uses(*at))
            .filter_map(|at| self.names.rank(kind, at).map(|rank| (at, rank)))
            .collect();
        let fill = |tokens: Vec<usize>, rank: Rank| {
            let words = tokens.iter().map(|at| self.tokens[*at].raw.clone()).collect();
            let mut assignment = known.clone();
            assignment.slots[slot] = Some((tokens, Filled::Words(words)));
            assignment.rank = assignment.rank.max(rank);
            assignment
        };
        let mut tries: Vec<Assignment> =
            ranked.iter().map(|(at, rank)| fill(vec![*at], *rank)).collect();
        let listed = ranked.windows(2).all(|pair| match pair {
            [(first, _), (second, _)] => self.names.is_a_list(*first, *second),
            _ => true,
        });
        if names::takes_several(kind) && ranked.len() > 1 && listed {
            let rank = ranked.iter().map(|(_, rank)| *rank).max().unwrap_or(0);
            tries.push(fill(ranked.iter().map(|(at, _)| *at).collect(), rank));
        }
        tries
    }

    fn judge(
        &self,
        intent: &'a Intent,
        need: &[Vec<Concept>],
        assignment: &Assignment,
    ) -> Option<Match<'a>> {
        let named =
            |at: usize| {
                assignment.slots.iter().flatten().any(|(tokens, filled)| {
                    tokens.contains(&at) && matches!(filled, Filled::Words(_))
                })
            };
        let satisfying: Vec<Vec<usize>> = need
            .iter()
            .map(|group| {
                let serves = |at: &usize| {
                    !named(*at) && group.iter().any(|concept| self.tokens[*at].is(*concept))
                };
                (0..self.tokens.len()).filter(serves).collect()
            })
            .collect();
        let needed = distinct(&satisfying)?;
        let mut found = Match {
            intent,
            fills: Vec::new(),
            unexplained: Vec::new(),
            missing: None,
            specificity: NEED_WEIGHT * needed.len() as u32
                + intent.priority
                + if intent.changes { CHANGE_WEIGHT } else { 0 },
            confidence: 1.0,
        };
        self.fill(intent, assignment, &mut found);
        // What is deleted by its name has a pattern for one: a plain name is one file, which is elsewhere.
        if intent.path == PathKind::InnerFolder
            && found
                .fills
                .iter()
                .any(|(of, with)| *of == SlotKind::Glob && matches!(with, Filled::Words(_)))
        {
            return None;
        }
        let filled = |of| found.fills.iter().find(|(kind, _)| *kind == of);
        let path = filled(SlotKind::Path).or(filled(SlotKind::To));
        if !path.and_then(|(_, path)| path.text()).is_none_or(|path| intent.path.fits(path)) {
            return None;
        }
        let allowed = self.allowed(intent, need, assignment);
        // What somebody calls a name is one: it is no text that is looked for, nor an everyday word.
        let is_taken = |name: usize| {
            intent.slots.iter().zip(&assignment.slots).any(|(slot, given)| {
                let of = given.as_ref().is_some_and(|(tokens, _)| tokens.contains(&name));
                of && slot.kind != SlotKind::Content
            })
        };
        for (at, token) in self.tokens.iter().enumerate() {
            let used = assignment.uses(at);
            if used && !needed.contains(&at) {
                continue;
            }
            let told = intent.changes && token.past;
            let is_allowed = allowed.iter().any(|concept| token.is(*concept));
            let is_needed = need.iter().flatten().any(|concept| token.is(*concept));
            // `suis les logs`: to follow them is asked for, and changes nothing.
            let follows = is_needed && self.follow.is_some_and(|follow| token.is(follow));
            let ordered = !intent.changes && self.orders == Some(at) && !follows;
            let nameless = !is_needed && self.names.announces(at, is_taken);
            let strict = !used
                && self.strict.iter().any(|concept| {
                    token.is(*concept)
                        && !intent.may.contains(concept)
                        && !need.iter().flatten().any(|needed| needed == concept)
                });
            if strict || (!used && (!is_allowed || told || token.quoted || nameless || ordered)) {
                found.unexplained.push(at);
            }
            if token.guessed {
                found.confidence -= if needed.contains(&at) { 0.08 } else { 0.05 };
            }
        }
        found.specificity = found.specificity.saturating_sub(u32::from(assignment.rank));
        if assignment.rank >= names::UNSURE {
            found.confidence -= 0.1;
        }
        Some(found)
    }

    fn fill(&self, intent: &Intent, assignment: &Assignment, found: &mut Match<'_>) {
        for (slot, given) in intent.slots.iter().zip(&assignment.slots) {
            if let Some((_, filled)) = given {
                found.specificity += if slot.required { NEED_WEIGHT } else { SLOT_WEIGHT };
                found.fills.push((slot.kind, filled.clone()));
            } else if let Some(default) = &slot.default {
                // `the biggest log file on this machine` is looked for everywhere, not here.
                let here = *default == Filled::Value(Value::Path(".".to_owned()));
                let everywhere = here && slot.kind == SlotKind::Path && self.names.says("machine");
                let all = Filled::Value(Value::Path("/".to_owned()));
                found.fills.push((slot.kind, if everywhere { all } else { default.clone() }));
            } else if slot.required {
                found.missing = Some(slot.kind);
            }
        }
    }

    fn allowed(
        &self,
        intent: &Intent,
        need: &[Vec<Concept>],
        assignment: &Assignment,
    ) -> Vec<Concept> {
        let mut allowed =
            if intent.changes { self.in_changes.clone() } else { self.in_questions.clone() };
        // A list that is cut off tells nobody how many there are.
        if intent.slots.iter().any(|slot| slot.kind == SlotKind::Count) {
            allowed.retain(|concept| Some(*concept) != self.how_many);
        }
        allowed.extend(&intent.may);
        allowed.extend(need.iter().flatten());
        for (slot, given) in intent.slots.iter().zip(&assignment.slots) {
            if given.is_some() {
                let cues = names::cues(slot.kind).iter();
                allowed.extend(cues.filter_map(|name| self.known.lexicon.concept(name)));
            }
        }
        allowed
    }

    /// Why no intent fits, in the words that stand in the way.
    fn unexplained(&self, matches: &[Match<'_>]) -> Reason {
        let unheard: Vec<String> = self
            .tokens
            .iter()
            .filter(|t| t.concepts.is_empty() && t.values.is_empty() && !t.quoted)
            .map(|t| t.raw.clone())
            .collect();
        if !unheard.is_empty() {
            return Reason::Words(unheard);
        }
        let told = |found: &Match<'_>| {
            let only = found.unexplained.iter().all(|at| self.tokens[*at].past);
            found.intent.changes && found.missing.is_none() && only
        };
        let closest = matches.iter().min_by_key(|found| found.unexplained.len());
        if closest.is_some_and(told) {
            return Reason::NoOrder;
        }
        match closest.filter(|found| !found.unexplained.is_empty()) {
            Some(found) => {
                let words = found.unexplained.iter().map(|at| self.tokens[*at].raw.clone());
                Reason::Words(words.collect())
            }
            None => Reason::NoIntent,
        }
    }
}

/// A value of that kind, where the reading is one.
pub(super) fn accepts(kind: SlotKind, value: &Value) -> Option<Value> {
    let fits = match (kind, value) {
        (SlotKind::Path | SlotKind::To, Value::Path(path)) => path.len() < 4096,
        (SlotKind::Archive, Value::Path(path)) => names::is_archive(path),
        (SlotKind::Size, Value::Size(_)) | (SlotKind::Since, Value::Since(_)) => true,
        (SlotKind::Port, Value::Number(n)) => (1..=65_535).contains(n),
        // /proc/sys/kernel/pid_max is at most 2^22.
        (SlotKind::Pid, Value::Number(n)) => (1..=4_194_304).contains(n),
        (SlotKind::Count, Value::Number(n)) => (1..=10_000).contains(n),
        (SlotKind::Count, Value::One) => return Some(Value::Number(1)),
        (SlotKind::Device, Value::Device(_)) | (SlotKind::Zone, Value::Zone(_)) => true,
        (SlotKind::Lines, Value::Lines(..)) => true,
        // From 1973 to 2286: nine or ten digits, in seconds.
        (SlotKind::Epoch, Value::Number(n)) => (100_000_000..10_000_000_000).contains(n),
        (SlotKind::Host, Value::Host(_)) | (SlotKind::Glob, Value::Glob(_)) => true,
        (SlotKind::Mode, Value::Mode(_)) | (SlotKind::Url, Value::Url(_)) => true,
        _ => false,
    };
    fits.then(|| value.clone())
}

/// One token for each group, no token for two; `None` where there are not enough.
fn distinct(groups: &[Vec<usize>]) -> Option<Vec<usize>> {
    fn choose(groups: &[Vec<usize>], taken: &mut Vec<usize>) -> bool {
        let Some((first, rest)) = groups.split_first() else { return true };
        for at in first {
            if !taken.contains(at) {
                taken.push(*at);
                if choose(rest, taken) {
                    return true;
                }
                taken.pop();
            }
        }
        false
    }
    let mut taken = Vec::with_capacity(groups.len());
    choose(groups, &mut taken).then_some(taken)
}
