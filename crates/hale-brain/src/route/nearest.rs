//! What a person may have meant: the intents that share most with a sentence, for the answer
//! that admits not to have understood. Never used to choose what is run.

use hale_model::config::Language;

use super::knowledge::Knowledge;
use super::lexicon::Concept;
use super::tokens::Token;
use super::{NEAREST_MAX, Nearest};

/// The intents nearest to a sentence, nearest first; none where nothing is shared.
pub(super) fn nearest(known: &Knowledge, tokens: &[Token], language: Language) -> Vec<Nearest> {
    let rarity = rarity(known);
    let mut scored: Vec<(f64, usize)> = known
        .intents
        .iter()
        .enumerate()
        .filter_map(|(index, intent)| {
            // What changes something is near where its verb is said, and the verb comes first.
            let verb = |need: &&Vec<Vec<Concept>>| {
                let said = |concept: &Concept| tokens.iter().any(|token| token.is(*concept));
                !intent.changes || need.first().is_none_or(|group| group.iter().any(said))
            };
            let best = intent
                .needs
                .iter()
                .filter(verb)
                .map(|need| shared(need, tokens, &rarity))
                .fold(0.0_f64, f64::max);
            (best > 0.0).then_some((best, index))
        })
        .collect();
    scored.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
    scored
        .into_iter()
        .take(NEAREST_MAX)
        .filter_map(|(_, index)| known.intents.get(index))
        .map(|intent| intent.near(language))
        .collect()
}

/// The weight of what is there, less a little for what is not.
fn shared(need: &[Vec<Concept>], tokens: &[Token], rarity: &[f64]) -> f64 {
    let weight = |concept: Concept| rarity.get(usize::from(concept)).copied().unwrap_or(1.0);
    let mut score = 0.0;
    for group in need {
        let present = group.iter().filter(|concept| tokens.iter().any(|t| t.is(**concept)));
        let best = present.map(|concept| weight(*concept)).fold(0.0_f64, f64::max);
        score += if best > 0.0 { best } else { -0.3 };
    }
    score
}

/// How telling each concept is: one that few intents ask for tells more.
fn rarity(known: &Knowledge) -> Vec<f64> {
    let mut asked = vec![0_u32; known.lexicon.names.len()];
    for intent in &known.intents {
        let mut of_this: Vec<Concept> = intent.needs.iter().flatten().flatten().copied().collect();
        of_this.sort_unstable();
        of_this.dedup();
        for concept in of_this {
            if let Some(count) = asked.get_mut(usize::from(concept)) {
                *count += 1;
            }
        }
    }
    asked.iter().map(|count| 1.0 / f64::from((*count).max(1)).sqrt()).collect()
}
