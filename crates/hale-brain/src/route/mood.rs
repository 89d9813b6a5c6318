//! Whether a sentence asks for a change or talks about one. `redémarre nginx` is an order, `nginx
//! redémarre` tells what nginx does, `can I restart nginx` asks for an opinion, `who restarted nginx`
//! for the past: the words are the same, so their order, forms and company decide. A verb of change
//! that is no order is marked as told, and an intent that changes something does not take it. Where
//! it is not clear, it is told: no plan is better than one that nobody asked for.

mod english;
mod french;
mod korean;

use hale_model::config::Language;

use super::lexicon::{Concept, Lexicon, SOFT};
use super::tokens::Token;

/// Concepts of the verbs that intents with `changes` are asked for with.
const VERBS: [&str; 38] = [
    "kill",
    "stop",
    "start",
    "restart",
    "reload",
    "enable",
    "disable",
    "install",
    "uninstall",
    "update",
    "delete",
    "clean",
    "prune",
    "vacuum",
    "mkdir",
    "create",
    "add",
    "copy",
    "move",
    "set",
    "lower",
    "lock",
    "allow",
    "close",
    "undo",
    "reboot",
    "shutdown",
    "switch",
    "pull",
    "stash",
    "extract",
    "archive",
    "backup",
    "download",
    "discard",
    "push",
    "unlock",
    "pop",
];

/// Concepts whose words are nouns as often as verbs (`two backups`, `the archives`).
const NOUNS: [&str; 8] =
    ["update", "copy", "stash", "archive", "backup", "download", "lock", "set"];

/// Concepts beside which a verb is the first word that says anything.
const LIGHT: [&str; 6] = [SOFT, "now", "all", "and", "then", "if"];

/// Marks the verbs of change that give no order.
pub(super) fn mark(tokens: &mut [Token], sentence: &str, lexicon: &Lexicon, language: Language) {
    let grammar = Grammar::new(lexicon);
    // Whoever asks how to do it is shown how.
    let asks_how = grammar.howto.is_some_and(|howto| tokens.iter().any(|token| token.is(howto)));
    let asks = sentence.trim_end().ends_with(['?', '？']);
    let told: Vec<usize> = match language {
        Language::Ko if asks_how => Vec::new(),
        Language::En | Language::Fr if asks_how => {
            french::over(tokens, &grammar, language == Language::Fr)
        }
        Language::Ko => korean::told(tokens, &grammar, asks),
        Language::En | Language::Fr => {
            let french = french::told(tokens, &grammar, asks, language == Language::Fr);
            let english = english::told(tokens, &grammar, asks, language == Language::En);
            french.into_iter().chain(english).collect()
        }
    };
    // `apply the stash`: the order is another verb, the noun is only what it is for.
    let pops = tokens.iter().any(|token| grammar.pop.is_some_and(|pop| token.is(pop)));
    let noun = |token: &Token| pops && grammar.may_be_noun(token);
    for at in told {
        tokens[at].past = !noun(&tokens[at]);
    }
}

/// What the rules of every language look up.
struct Grammar {
    verbs: Vec<Concept>,
    nouns: Vec<Concept>,
    light: Vec<Concept>,
    howto: Option<Concept>,
    pop: Option<Concept>,
}

impl Grammar {
    fn new(lexicon: &Lexicon) -> Grammar {
        let concepts = |names: &[&str]| names.iter().filter_map(|n| lexicon.concept(n)).collect();
        Grammar {
            verbs: concepts(&VERBS),
            nouns: concepts(&NOUNS),
            light: concepts(&LIGHT),
            howto: lexicon.concept("howto"),
            pop: lexicon.concept("pop"),
        }
    }

    fn is_verb(&self, token: &Token) -> bool {
        !token.quoted && token.concepts.iter().any(|concept| self.verbs.contains(concept))
    }

    /// A verb whose every reading as one is also a noun.
    fn may_be_noun(&self, token: &Token) -> bool {
        let mut verbs = token.concepts.iter().filter(|concept| self.verbs.contains(concept));
        verbs.all(|concept| self.nouns.contains(concept))
    }

    /// Whether a token says nothing that a verb could belong to.
    fn is_light(&self, token: &Token) -> bool {
        !token.quoted && token.concepts.iter().any(|concept| self.light.contains(concept))
    }

    /// Where the verbs of change stand.
    fn verbs_in(&self, tokens: &[Token]) -> Vec<usize> {
        (0..tokens.len()).filter(|at| self.is_verb(&tokens[*at])).collect()
    }

    /// Whether something that could be the subject stands in the same clause before a verb.
    fn has_subject_before(&self, tokens: &[Token], verb: usize) -> bool {
        let clause = tokens[..verb].iter().rev().take_while(|token| !token.pause);
        clause.into_iter().any(|token| !self.is_light(token))
    }
}

/// Whether one of these words, or runs of two, is said.
fn says(tokens: &[Token], words: &[&str]) -> bool {
    words.iter().any(|wanted| match wanted.split_once(' ') {
        Some((first, second)) => {
            tokens.windows(2).any(|pair| pair[0].folded == first && pair[1].folded == second)
        }
        None => tokens.iter().any(|token| !token.quoted && token.folded == *wanted),
    })
}

/// The nearest token before `at` that is none of these, in the same clause.
fn before(tokens: &[Token], at: usize, skip: &[&str]) -> Option<usize> {
    let mut at = at;
    while at > 0 {
        at -= 1;
        if tokens[at].pause {
            return None;
        }
        if !skip.contains(&tokens[at].folded.as_str()) {
            return Some(at);
        }
    }
    None
}
