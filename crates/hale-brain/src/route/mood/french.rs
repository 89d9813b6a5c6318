//! French: the order has the form of the present, so that only its place tells them apart; without
//! accents it has that of the participle too.

use super::{Grammar, before, says};
use crate::route::tokens::Token;

/// Subjects in any sentence; the second list only where the sentence is French.
const SUBJECTS: [&str; 9] = ["je", "il", "elle", "ils", "elles", "qui", "ca", "cela", "ceci"];
const SUBJECTS_FRENCH: [&str; 4] = ["j", "on", "nous", "tu"];
const AUXILIARIES: [&str; 14] = [
    "ai", "avez", "avons", "ont", "avait", "avais", "aurait", "avaient", "est", "sont", "etait",
    "ete", "suis", "etes",
];
const AUXILIARIES_FRENCH: [&str; 3] = ["a", "as", "es"];
/// Stand between a subject or an auxiliary and its verb.
const BETWEEN: [&str; 32] = [
    "le",
    "la",
    "les",
    "l",
    "me",
    "m",
    "te",
    "t",
    "lui",
    "leur",
    "y",
    "en",
    "vous",
    "deja",
    "encore",
    "bien",
    "juste",
    "tout",
    "recemment",
    "toujours",
    "souvent",
    "aussi",
    "vraiment",
    "je",
    "tu",
    "il",
    "elle",
    "on",
    "nous",
    "ils",
    "elles",
    "j",
];
const REFLEXIVE: [&str; 2] = ["se", "s"];
/// They make a request of what looks like a question or a statement.
const POLITE: [&str; 19] = [
    "stp",
    "svp",
    "plait",
    "veuillez",
    "merci",
    "voudrais",
    "aimerais",
    "veux",
    "souhaite",
    "souhaiterais",
    "peux tu",
    "pourrais tu",
    "pouvez vous",
    "pourriez vous",
    "tu peux",
    "vous pouvez",
    "tu pourrais",
    "vous pourriez",
    "please",
];
/// They ask whether to.
const INVERTED: [&str; 15] = [
    "peut on",
    "puis je",
    "dois je",
    "doit on",
    "faut il",
    "faudrait il",
    "vaut il",
    "pourrait on",
    "devrait on",
    "devrais je",
    "peux je",
    "est il",
    "que fait",
    "fait quoi",
    "que font",
];
/// Infinitives that do not end in -er or -ir.
const INFINITIVES: [&str; 10] = [
    "mettre",
    "remettre",
    "eteindre",
    "detruire",
    "reduire",
    "extraire",
    "defaire",
    "faire",
    "interdire",
    "suspendre",
];
/// Orders of verbs in -éer, which look like participles.
const ORDERS_IN_EE: [&str; 4] = ["crée", "crées", "recrée", "recrées"];

/// Which verbs are no orders. `french`: the sentence is in French.
pub(super) fn told(tokens: &[Token], grammar: &Grammar, asks: bool, french: bool) -> Vec<usize> {
    let verbs = grammar.verbs_in(tokens);
    let Some(first) = verbs.first().copied() else { return Vec::new() };
    let polite = says(tokens, &POLITE);
    if !polite && ((french && asks) || says(tokens, &INVERTED)) {
        return verbs;
    }
    let told = |at: &usize| {
        is_participle(&tokens[*at].raw)
            || (!is_infinitive(&tokens[*at].folded)
                && (is_perfect(tokens, *at, french)
                    || has_subject(tokens, *at, french)
                    || (french
                        && *at == first
                        && !polite
                        && grammar.has_subject_before(tokens, *at))))
    };
    verbs.into_iter().filter(told).collect()
}

/// Verbs that tell of what is over, which not even a question how to do it asks for.
pub(super) fn over(tokens: &[Token], grammar: &Grammar, french: bool) -> Vec<usize> {
    let over = |at: &usize| {
        let verb = &tokens[*at];
        is_participle(&verb.raw)
            || (!is_infinitive(&verb.folded) && is_perfect(tokens, *at, french))
    };
    grammar.verbs_in(tokens).into_iter().filter(over).collect()
}

/// Whether a word as written is a participle: `arrêté`. `crée` is none.
fn is_participle(raw: &str) -> bool {
    let lower = raw.to_lowercase().replace("e\u{301}", "é");
    let ends = ["é", "és", "ée", "ées"].iter().any(|end| lower.ends_with(end));
    ends && !ORDERS_IN_EE.contains(&lower.as_str())
}

fn is_infinitive(folded: &str) -> bool {
    folded.ends_with("er") || folded.ends_with("ir") || INFINITIVES.contains(&folded)
}

/// `a supprimé`, also without its accent; `as-tu supprimé`.
fn is_perfect(tokens: &[Token], at: usize, french: bool) -> bool {
    // `mets à jour`: what follows `à` has the form of no participle.
    let ends = ["e", "es", "i", "is", "it", "u", "us", "ert", "erts", "int", "ait"];
    let fits = ends.iter().any(|end| tokens[at].folded.ends_with(end));
    fits && before(tokens, at, &BETWEEN).is_some_and(|lead| {
        let word = tokens[lead].folded.as_str();
        AUXILIARIES.contains(&word) || (french && AUXILIARIES_FRENCH.contains(&word))
    })
}

/// `il redémarre`, `ça supprime`, `qui arrête`, `s'arrête`.
fn has_subject(tokens: &[Token], at: usize, french: bool) -> bool {
    let is_subject =
        |word: &str| SUBJECTS.contains(&word) || (french && SUBJECTS_FRENCH[..3].contains(&word));
    let clitics = &BETWEEN[..13];
    let direct = before(tokens, at, &[]).map(|lead| tokens[lead].folded.as_str());
    let lead = before(tokens, at, clitics).map(|lead| tokens[lead].folded.as_str());
    direct.is_some_and(|word| french && REFLEXIVE.contains(&word)) || lead.is_some_and(is_subject)
}
