//! Light stemming: enough that `processes`, `restarting`, `redémarrez` and `dossiers` meet the
//! word in the lexicon. Both sides are stemmed alike, so a stem need not be a word.

/// Shortest stem, in characters; below it words are compared whole.
const STEM_CHARS_MIN: usize = 3;

/// The English stem of a folded word.
pub(super) fn english(word: &str) -> String {
    let mut stem = word.to_owned();
    if let Some(cut) = stem.strip_suffix("ies").filter(|s| s.len() > 2) {
        stem = format!("{cut}y");
    } else if let Some(cut) = ["sses", "shes", "ches", "xes", "zes"]
        .iter()
        .find(|e| stem.ends_with(**e))
        .and_then(|_| stem.strip_suffix("es"))
    {
        stem = cut.to_owned();
    } else if !stem.ends_with("ss") && !stem.ends_with("us") && !stem.ends_with("is") {
        stem = cut_suffix(&stem, "s", STEM_CHARS_MIN);
    }
    for suffix in ["ing", "ed"] {
        let cut = cut_suffix(&stem, suffix, STEM_CHARS_MIN);
        if cut != stem {
            stem = undouble(cut);
            break;
        }
    }
    cut_suffix(&stem, "e", STEM_CHARS_MIN)
}

/// The French stem of a folded word.
pub(super) fn french(word: &str) -> String {
    let mut stem = word.to_owned();
    for suffix in ["s", "x"] {
        stem = cut_suffix(&stem, suffix, STEM_CHARS_MIN);
    }
    for suffix in ["issez", "ssez", "aient", "ent", "ons", "ait", "ant", "ez", "er", "ee", "e"] {
        let cut = cut_suffix(&stem, suffix, STEM_CHARS_MIN + 1);
        if cut != stem {
            return cut;
        }
    }
    stem
}

/// Whether a word as written tells of something that is over (`killed`, `arrêté`), so that it
/// is no request. Without its accent a French participle cannot be told from an imperative.
pub(super) fn is_past(raw: &str) -> bool {
    let lower = raw.to_lowercase();
    let english = lower.len() > 4 && lower.ends_with("ed");
    let french = ["é", "és", "ée", "ées"].iter().any(|e| lower.ends_with(e));
    english || (french && lower.chars().count() > 4)
}

fn cut_suffix(word: &str, suffix: &str, min_chars: usize) -> String {
    match word.strip_suffix(suffix) {
        Some(cut) if cut.chars().count() >= min_chars => cut.to_owned(),
        Some(_) | None => word.to_owned(),
    }
}

fn undouble(mut word: String) -> String {
    let mut end = word.chars().rev();
    if let (Some(last), Some(before)) = (end.next(), end.next())
        && last == before
        && !matches!(last, 'l' | 's' | 'z' | 'e')
    {
        word.pop();
    }
    word
}
