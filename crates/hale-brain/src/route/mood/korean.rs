//! Korean: the ending of the verb decides. `해줘`, `해라`, `하자` and the bare noun ask; the passive
//! (`돼`, `됨`), the adnominal (`하는`, `한`), the progressive (`중`) and plain statements (`한다`,
//! `하네`) tell.

use super::Grammar;
use crate::route::tokens::Token;

/// Endings, or words of their own, that ask somebody to do it.
const ASKS: [&str; 19] = [
    "줘",
    "주세",
    "주십",
    "줄",
    "주실",
    "주라",
    "달라",
    "부탁",
    "해라",
    "하라",
    "하자",
    "해봐",
    "할래",
    "십시오",
    "바람",
    "바랍",
    "시켜",
    "싶",
    "please",
];
/// Endings right behind a verb that tell, or ask whether.
const TELLS: [&str; 27] = [
    "되",
    "돼",
    "된",
    "될",
    "됨",
    "됐",
    "되고",
    "하는",
    "한",
    "한다",
    "하네",
    "하나",
    "하니",
    "하냐",
    "합니까",
    "합니다",
    "하고있",
    "할",
    "중",
    "도",
    "네",
    "는",
    "던",
    "나",
    "니",
    "이",
    "가",
];
/// Particles behind a noun.
const PARTICLES: [&str; 7] = ["이", "가", "은", "는", "도", "을", "를"];
/// Words behind a verb that do the same.
const WORDS: [&str; 23] = [
    "중",
    "중인",
    "중이야",
    "된",
    "되는",
    "돼",
    "되어",
    "되나",
    "되나요",
    "됐",
    "됨",
    "필요",
    "필요해",
    "가능",
    "가능해",
    "하는",
    "한",
    "할",
    "있어",
    "있나",
    "있나요",
    "있는",
    "여부",
];

/// Which verbs are no orders.
pub(super) fn told(tokens: &[Token], grammar: &Grammar, asks: bool) -> Vec<usize> {
    let verbs = grammar.verbs_in(tokens);
    let requests = |token: &Token| {
        let text = format!("{}{}", token.folded, token.tail);
        ASKS.iter().any(|ending| text.contains(ending))
    };
    if asks && !tokens.iter().any(requests) {
        return verbs;
    }
    // The last verb is that of the sentence; those before describe what it is about.
    let last = verbs.into_iter().next_back();
    last.filter(|at| is_told(tokens, *at, requests(&tokens[*at]))).into_iter().collect()
}

fn is_told(tokens: &[Token], at: usize, asked: bool) -> bool {
    if asked {
        return false;
    }
    let word = |at: usize| tokens.get(at).map_or("", |token| token.folded.as_str());
    // A particle that is a word of its own elsewhere (`이`: this) is read as one.
    let apart = PARTICLES.contains(&word(at + 1));
    let tail = if apart { word(at + 1) } else { tokens[at].tail.as_str() };
    let next = at + 1 + usize::from(apart);
    // `한 번 해줘`: once.
    let once = word(next) == "한" && word(next + 1).starts_with('번');
    let next = if once { "" } else { word(next) };
    // `nginx가 재시작`: what it does, not what is to be done to it.
    let lead = at.checked_sub(1).map(|before| &tokens[before]);
    let is_subject = lead.is_some_and(|lead| {
        [lead.tail.as_str(), lead.folded.as_str()].iter().any(|end| matches!(*end, "가" | "이"))
    });
    let is_word = |word: &&str| match word.chars().count() {
        1 => next == *word,
        _ => next.starts_with(*word),
    };
    TELLS.iter().any(|ending| tail.starts_with(ending)) || WORDS.iter().any(is_word) || is_subject
}
