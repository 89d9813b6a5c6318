//! Cutting a run of Hangul into words, particles and endings. Korean writes `프로세스를` and
//! `메모리사용량` without spaces, so the cut with the fewest pieces from the lexicon is sought.

use super::lexicon::{Concept, Lexicon};

/// Longest run that is cut, in syllables; a longer one is one unknown word.
const RUN_SYLLABLES_MAX: usize = 40;

/// A piece of a run.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What a piece is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// In the lexicon, by itself or in a phrase.
    Word,
    /// In the lexicon once a mistake of the keyboard is forgiven.
    Guessed(Vec<Concept>),
    /// A particle or an ending.
    Grammar,
    /// In no list.
    Unknown,
}

/// Cuts a run of Hangul. `continues`: it is written right behind something else (`nginx를`), so
/// that it may begin with a particle.
pub(super) fn cut(run: &str, continues: bool, lexicon: &Lexicon) -> Vec<Piece> {
    let syllables: Vec<char> = run.chars().collect();
    if syllables.len() > RUN_SYLLABLES_MAX {
        return vec![Piece { text: run.to_owned(), kind: Kind::Unknown }];
    }
    let pieces = cheapest(&syllables, continues, lexicon);
    if pieces.iter().any(|piece| matches!(piece.kind, Kind::Unknown)) {
        return guess(&syllables, lexicon).unwrap_or(pieces);
    }
    pieces
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Word,
    Grammar,
    Unknown,
}

fn cheapest(syllables: &[char], continues: bool, lexicon: &Lexicon) -> Vec<Piece> {
    const WORD: u32 = 10;
    const GRAMMAR: u32 = 7;
    const UNKNOWN: u32 = 100;
    let mut best: Vec<Option<(u32, usize, Step)>> = vec![None; syllables.len() + 1];
    best[0] = Some((0, 0, Step::Word));
    for start in 0..syllables.len() {
        let Some((so_far, _, before)) = best[start] else { continue };
        let longest = (syllables.len() - start).min(lexicon.longest_hangul.max(6));
        for length in 1..=longest {
            let text: String = syllables[start..start + length].iter().collect();
            let inside = start > 0 || continues;
            // Behind something unknown only a particle that ends the run is one.
            let plausible = before != Step::Unknown || start + length == syllables.len();
            let grammar = inside
                && plausible
                && (lexicon.particles.contains(&text) || lexicon.endings.contains(&text));
            let (cost, step) = if lexicon.knows_hangul(&text) {
                (WORD, Step::Word)
            } else if grammar {
                (GRAMMAR, Step::Grammar)
            } else if length == 1 {
                (UNKNOWN, Step::Unknown)
            } else {
                continue;
            };
            let cost = so_far + cost;
            let end = start + length;
            if best[end].is_none_or(|(known, ..)| cost < known) {
                best[end] = Some((cost, start, step));
            }
        }
    }
    walk_back(syllables, &best)
}

fn walk_back(syllables: &[char], best: &[Option<(u32, usize, Step)>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut end = syllables.len();
    while end > 0 {
        let Some((_, start, step)) = best[end] else { break };
        let text: String = syllables[start..end].iter().collect();
        match (step, pieces.last_mut()) {
            (Step::Unknown, Some(next)) if matches!(next.kind, Kind::Unknown) => {
                next.text.insert_str(0, &text);
            }
            (Step::Unknown, _) => pieces.push(Piece { text, kind: Kind::Unknown }),
            (Step::Word, _) => pieces.push(Piece { text, kind: Kind::Word }),
            (Step::Grammar, _) => pieces.push(Piece { text, kind: Kind::Grammar }),
        }
        end = start;
    }
    pieces.reverse();
    pieces
}

/// The run, less the particles and endings behind it, as a misspelt word.
fn guess(syllables: &[char], lexicon: &Lexicon) -> Option<Vec<Piece>> {
    for stem_length in (2..=syllables.len()).rev() {
        let tail: String = syllables[stem_length..].iter().collect();
        let ends_well =
            tail.is_empty() || lexicon.particles.contains(&tail) || lexicon.endings.contains(&tail);
        if !ends_well {
            continue;
        }
        let stem: String = syllables[..stem_length].iter().collect();
        let found = lexicon.guess_hangul(&stem);
        if found.guessed {
            let mut pieces = vec![Piece { text: stem, kind: Kind::Guessed(found.concepts) }];
            if !tail.is_empty() {
                pieces.push(Piece { text: tail, kind: Kind::Grammar });
            }
            return Some(pieces);
        }
    }
    None
}
