//! The order that opens a sentence: `stop all services` is none that a list of services answers.

use super::lexicon::{Concept, Lexicon};
use super::tokens::Token;

/// What a sentence that opens with one of these, and names what it is for by an article, is to have done;
/// and what makes a question of such a word all the same.
const ORDERS: [&str; 26] = [
    "stop",
    "start",
    "restart",
    "kill",
    "delete",
    "uninstall",
    "install",
    "update",
    "enable",
    "disable",
    "create",
    "add",
    "set",
    "move",
    "free",
    "lock",
    "block",
    "allow",
    "shutdown",
    "reboot",
    "prune",
    "vacuum",
    "commit",
    "discard",
    "push",
    "unlock",
];
const ASKING: [&str; 5] = ["show", "what", "which", "how_many", "search"];
const ARTICLES: [&str; 25] = [
    "the",
    "a",
    "an",
    "my",
    "our",
    "this",
    "that",
    "these",
    "those",
    "all",
    "every",
    "le",
    "la",
    "everything",
    "it",
    "tout",
    "les",
    "l",
    "un",
    "une",
    "mes",
    "mon",
    "ma",
    "tous",
    "toutes",
];

/// The first word of an English or French sentence, where it is an order.
pub(super) fn opening(tokens: &[Token], lexicon: &Lexicon) -> Option<usize> {
    let concepts = |names: &[&str]| -> Vec<Concept> {
        names.iter().filter_map(|n| lexicon.concept(n)).collect()
    };
    let (orders, asking) = (concepts(&ORDERS), concepts(&ASKING));
    let polite =
        |token: &&Token| matches!(&*token.folded, "please" | "pls" | "hale" | "hey" | "stp");
    let at = tokens.iter().position(|token| !polite(&token))?;
    let (first, next) = (tokens.get(at)?, tokens.get(at + 1)?);
    let is = |of: &[Concept]| of.iter().any(|concept| first.is(*concept));
    // Whoever asks for the format of something, or what runs, does not begin with that word.
    if !first.quoted && matches!(&*first.folded, "format" | "run" | "touch" | "suis") {
        return Some(at);
    }
    let about = ARTICLES.contains(&next.folded.as_str());
    (!first.quoted && !first.past && is(&orders) && !is(&asking) && about).then_some(at)
}
