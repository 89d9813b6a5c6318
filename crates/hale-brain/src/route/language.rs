//! Which language a sentence is in, and hale's own few words about not understanding, in it.

use hale_model::config::Language;

use super::Reason;
use super::fold::is_hangul;
use super::lexicon::Lexicon;
use super::tokens::Token;
use super::{SENTENCE_BYTES_MAX, SENTENCE_WORDS_MAX};

/// The language of a sentence, by its script, then by whose words there are more of.
pub(super) fn of_tokens(tokens: &[Token], sentence: &str, lexicon: &Lexicon) -> Language {
    let quoted = |c: char| tokens.iter().any(|t| t.quoted && t.raw.contains(c));
    if sentence.chars().any(|c| is_hangul(c) && !quoted(c)) {
        return Language::Ko;
    }
    let (mut english, mut french) = (0_u32, 0_u32);
    for word in tokens.iter().filter(|token| !token.quoted) {
        let accented = word.raw.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
        french += u32::from(accented);
        for part in word.folded.split(' ') {
            match lexicon.languages_of(part) {
                [true, false, _] => english += 1,
                [false, true, _] => french += 1,
                _ => {}
            }
        }
    }
    if french > english { Language::Fr } else { Language::En }
}

/// A reason in the words of a language.
pub(super) fn reason_sentence(reason: &Reason, language: Language) -> String {
    let texts: [String; 3] = match reason {
        Reason::Empty => [
            "there is nothing to read".to_owned(),
            "il n'y a rien à lire".to_owned(),
            "읽을 내용이 없습니다".to_owned(),
        ],
        Reason::TooLong => [
            format!("longer than {SENTENCE_WORDS_MAX} words or {SENTENCE_BYTES_MAX} bytes"),
            format!("plus de {SENTENCE_WORDS_MAX} mots ou de {SENTENCE_BYTES_MAX} octets"),
            format!("{SENTENCE_WORDS_MAX}단어 또는 {SENTENCE_BYTES_MAX}바이트를 넘습니다"),
        ],
        Reason::Words(words) => {
            let words = words.join("`, `");
            [
                format!("no request that hale knows uses `{words}` here"),
                format!("aucune demande connue de hale n'emploie `{words}` ici"),
                format!("`{words}`: hale이 아는 요청에 없는 말입니다"),
            ]
        }
        Reason::NoIntent => [
            "the words are known, but they make no request that hale knows".to_owned(),
            "les mots sont connus, mais pas ce qu'ils demandent ensemble".to_owned(),
            "아는 말이지만 어떤 요청인지 알 수 없습니다".to_owned(),
        ],
        Reason::NoOrder => [
            "it talks about a change, it does not ask for one; to have it done, say so: `restart nginx`"
                .to_owned(),
            "la phrase parle d'un changement sans le demander ; pour le faire, dites-le : `redémarre nginx`"
                .to_owned(),
            "변경에 관한 말이지 요청이 아닙니다. 실행하려면 요청으로 말하세요: `nginx 재시작해줘`".to_owned(),
        ],
        Reason::MissingValue(kind) => [
            format!("a {kind} is missing, or what stands there is not one"),
            format!("il manque une valeur (`{kind}`), ou elle n'en est pas une"),
            format!("값(`{kind}`)이 없거나 올바르지 않습니다"),
        ],
        Reason::Ambiguous => [
            "it can mean more than one thing".to_owned(),
            "la phrase peut dire plusieurs choses".to_owned(),
            "여러 가지로 이해될 수 있습니다".to_owned(),
        ],
        Reason::MissingTool(tool) => [
            format!("this machine lacks what it needs: {tool}"),
            format!("il manque à cette machine : {tool}"),
            format!("이 컴퓨터에 필요한 것이 없습니다: {tool}"),
        ],
    };
    let [english, french, korean] = texts;
    match language {
        Language::En => english,
        Language::Fr => french,
        Language::Ko => korean,
    }
}
