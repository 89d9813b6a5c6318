//! English: an order begins with its verb in the base form.

use super::{Grammar, before, says};
use crate::route::tokens::Token;

const SUBJECTS: [&str; 20] = [
    "i", "we", "they", "he", "she", "it", "this", "that", "these", "those", "who", "which", "what",
    "someone", "somebody", "anyone", "anybody", "nobody", "everyone", "people",
];
/// In front of a subject they make a question.
const AUXILIARIES: [&str; 21] = [
    "do", "does", "did", "can", "could", "will", "would", "may", "might", "shall", "should",
    "must", "need", "have", "has", "had", "is", "are", "am", "was", "were",
];
const ADVERBS: [&str; 14] = [
    "just",
    "also",
    "really",
    "ever",
    "always",
    "still",
    "already",
    "sometimes",
    "automatically",
    "actually",
    "often",
    "usually",
    "simply",
    "both",
];
/// They make a request of what looks like a question.
const POLITE: [&str; 14] = [
    "please",
    "pls",
    "plz",
    "plse",
    "kindly",
    "can you",
    "could you",
    "would you",
    "will you",
    "can u",
    "could u",
    "would u",
    "you please",
    "thanks",
];
/// After them a gerund is asked for.
const BEFORE_GERUNDS: [&str; 3] = ["try", "mind", "about"];
const DETERMINERS: [&str; 9] = ["the", "my", "our", "your", "last", "this", "that", "every", "any"];
/// Before a noun they ask for it: `do the update`.
const LIGHT_VERBS: [&str; 12] =
    ["bring", "do", "make", "run", "perform", "take", "want", "need", "like", "get", "give", "let"];
/// The past of these is their base form.
const SAME_IN_PAST: [&str; 8] = ["shut", "quit", "put", "cut", "set", "reset", "let", "hit"];

/// Which verbs are no orders. `english`: the sentence is in English.
pub(super) fn told(tokens: &[Token], grammar: &Grammar, asks: bool, english: bool) -> Vec<usize> {
    let verbs = grammar.verbs_in(tokens);
    let Some(first) = verbs.first().copied() else { return Vec::new() };
    let polite = says(tokens, &POLITE);
    if !polite && ((asks && english) || is_inverted(tokens, first)) {
        return verbs;
    }
    verbs.into_iter().filter(|at| is_told(tokens, grammar, *at, first, english)).collect()
}

fn is_told(tokens: &[Token], grammar: &Grammar, at: usize, first: usize, english: bool) -> bool {
    let token = &tokens[at];
    let word = token.folded.as_str();
    let is_first = at == first;
    let noun_use = is_first && is_noun_of(tokens, grammar, at);
    let gerund = word.len() > 5 && word.ends_with("ing") && {
        let lead = before(tokens, at, &[]).map(|b| tokens[b].folded.as_str());
        !lead.is_some_and(|lead| BEFORE_GERUNDS.contains(&lead))
            && grammar.has_subject_before(tokens, at)
    };
    let has_subject = before(tokens, at, &ADVERBS)
        .is_some_and(|subject| SUBJECTS.contains(&tokens[subject].folded.as_str()) && is_first);
    let third = english
        && is_first
        && word.len() > 4
        && word.ends_with('s')
        && !word.ends_with("ss")
        && !grammar.may_be_noun(token);
    let over = SAME_IN_PAST.contains(&word) && is_first && grammar.has_subject_before(tokens, at);
    noun_use
        || gerund
        || has_subject
        || third
        || over
        || (english && is_first && is_named_thing(tokens, grammar, at))
}

/// `the restart of nginx` is a thing, `the copy of` what is asked for.
fn is_noun_of(tokens: &[Token], grammar: &Grammar, at: usize) -> bool {
    let of = tokens.get(at + 1).is_some_and(|next| next.folded == "of");
    let rid = tokens[at].folded == "rid" || tokens[at].folded == "get";
    of && !rid && !grammar.may_be_noun(&tokens[at])
}

/// `the update broke nginx`, `apt upgrade stalls nginx`: a thing that something is said of.
fn is_named_thing(tokens: &[Token], grammar: &Grammar, at: usize) -> bool {
    let lead = at.checked_sub(1).map(|lead| tokens[lead].folded.as_str());
    let has_article = lead.is_some_and(|lead| DETERMINERS.contains(&lead));
    let is_done = tokens[..at].iter().any(|t| LIGHT_VERBS.contains(&t.folded.as_str()));
    let says_more = tokens[at + 1..].iter().any(|token| !grammar.is_light(token));
    let compound = grammar.may_be_noun(&tokens[at]) && grammar.has_subject_before(tokens, at);
    !is_done && (has_article || (compound && says_more))
}

/// `do I need to`, `will it`, `can we`: at the beginning, or behind a greeting.
fn is_inverted(tokens: &[Token], verb: usize) -> bool {
    tokens[..=verb].windows(2).any(|pair| {
        AUXILIARIES.contains(&pair[0].folded.as_str())
            && SUBJECTS.contains(&pair[1].folded.as_str())
            && !pair[0].pause
            && !pair[1].pause
    })
}
