//! Seeds of wallets, written as words (BIP 39).

use super::kinds::{Found, Kind};
use super::words::List;

/// Words after which the words of a seed stand.
pub(super) const NAMES: &[&str] = &[
    "seed phrase",
    "seed_phrase",
    "recovery_phrase",
    "seed_words",
    "recovery_words",
    "seed-phrase",
    "seedphrase",
    "mnemonic",
    "recovery phrase",
    "recovery seed",
    "recovery words",
    "secret phrase",
    "backup phrase",
    "wallet seed",
    "wallet words",
    "seed words",
    "wallet phrase",
    "seed:",
    "seed is",
    "bip39",
    "bip-39",
    "frase semilla",
    "frase de recuper",
    "phrase de récup",
    "wiederherstellungs",
    "сид-фраза",
    "сид фраза",
    "мнемоник",
    "seedfrase",
    "frase seed",
    "fraza seed",
    "frase de recuperação",
    "herstelzin",
    "助记词",
    "助記詞",
    "ニーモニック",
    "니모닉",
    "복구 문구",
    "シードフレーズ",
    "リカバリーフレーズ",
    "unseal words",
];
/// How far behind its name a seed ends, in bytes.
const SEED_BYTES_MAX: usize = 700;
/// The shortest and the longest list of words that is a seed, with some of its words cut off.
const SEED_WORDS_MIN: usize = 11;
const SEED_WORDS_MAX: usize = 25;

/// `Seed phrase (12 words): velvet harbor …`, numbered, quoted, or one a line; the name ends at `end`.
pub(super) fn at(found: &mut Found<'_>, end: usize) {
    let stop = found.text.floor_char_boundary(end + SEED_BYTES_MAX);
    let Some(text) = found.text.get(end..stop) else { return };
    let mut run: Option<(usize, usize)> = None;
    let mut count = 0;
    let mut at = 0;
    for word in text.split(|c: char| {
        c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '[' | ']' | '(' | ')' | '`' | '|' | ':')
    }) {
        let from = at;
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        let word_core =
            word.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '#'));
        let numbering = word_core.is_empty();
        let of_seed = (3..=8).contains(&word_core.len())
            && word_core.bytes().all(|b| b.is_ascii_lowercase())
            && !List::StopWords.has(word_core)
            && !List::ProseWords.has(word_core);
        if numbering {
            continue;
        }
        if of_seed && count < SEED_WORDS_MAX {
            let begin = from + word.len() - word_core.len();
            run = Some((run.map_or(begin, |(start, _)| start), from + word.len()));
            count += 1;
        } else {
            if count >= SEED_WORDS_MIN {
                break;
            }
            (run, count) = (None, 0);
        }
    }
    if let Some((start, stop)) = run.filter(|_| count >= SEED_WORDS_MIN) {
        found.add_everywhere(end + start, end + stop, Kind::Secret);
    }
}
