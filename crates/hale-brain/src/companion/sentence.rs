//! When two sentences are the same: what was done before is then offered again. Only what cannot
//! change the meaning is evened out; a path, a name or a number always counts.

use std::collections::BTreeSet;

/// Bytes of a sentence that is remembered.
pub const SENTENCE_BYTES_MAX: usize = 1000;

/// Words that only make a wish polite.
const POLITE: &[&str] = &[
    "please",
    "pls",
    "plz",
    "kindly",
    "hey",
    "hi",
    "hello",
    "hale",
    "thanks",
    "stp",
    "svp",
    "merci",
    "bonjour",
    "salut",
    "좀",
    "제발",
    "부탁해",
    "안녕",
];

/// The form under which a sentence is remembered; none where there is nothing to remember it by.
pub fn key(sentence: &str) -> Option<String> {
    if sentence.len() > SENTENCE_BYTES_MAX {
        return None;
    }
    let words: Vec<String> = sentence
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', '?', '!', ',', ';', '…', '。', '？', '！']))
        .filter(|word| !word.is_empty())
        .map(folded)
        .filter(|word| !POLITE.contains(&word.as_str()))
        .collect();
    let first = words.first()?;
    // `delete the old logs?` is not yet a wish to have them deleted.
    let doubts = is_question(sentence) && !ASKING.contains(&first.as_str());
    Some(if doubts { format!("{} ?", words.join(" ")) } else { words.join(" ") })
}

/// Words that begin a question, which is the same one without its mark.
const ASKING: &[&str] = &[
    "what", "which", "who", "where", "when", "why", "how", "is", "are", "does", "quel", "quelle",
    "quels", "quelles", "qui", "où", "quand", "pourquoi", "comment", "combien", "est-ce", "y",
];
/// Words that make a request of a question.
const ADDRESSING: &[&str] = &["you", "u", "tu", "vous", "toi"];

/// Whether a sentence asks, and is no request in the form of a question (`could you …?`).
fn is_question(sentence: &str) -> bool {
    let asks = sentence.trim_end().ends_with(['?', '？']);
    let lower = sentence.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    asks && !words
        .any(|word| ADDRESSING.contains(&word) || word.contains('줘') || word.contains('주'))
}

/// Lower case where capitals are mere style: `Show`, not `NGINX`, `Makefile.in` or `/Users/Bob`.
fn folded(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().is_some_and(char::is_uppercase);
    let rest = chars.all(|c| c.is_alphabetic() && !c.is_uppercase() || c == '\'' || c == '’');
    if first && rest { word.to_lowercase() } else { word.to_owned() }
}

/// Share of their words (0..1) that two sentences must have in common to be alike.
const ALIKE_MIN: f64 = 0.6;

/// Words that turn a sentence into its opposite, or bind it to a condition.
const TURNING: &[&str] = &[
    "not",
    "don't",
    "dont",
    "never",
    "no",
    "without",
    "except",
    "stop",
    "disable",
    "undo",
    "unless",
    "if",
    "why",
    "who",
    "when",
    "did",
    "was",
    "should",
    "may",
    "might",
    "must",
    "ne",
    "pas",
    "jamais",
    "sans",
    "sauf",
    "arrête",
    "désactive",
    "si",
    "pourquoi",
    "qui",
    "quand",
    "comment",
    "faut",
    "dois",
    "puis",
    "j'ai",
    "왜",
    "누가",
    "언제",
    "말고",
    "마",
    "않고",
    "없이",
    "제외하고",
    "빼고",
    "중지",
    "면",
];

/// Whether what was done for one sentence may be proposed for the other: most words are the same, and
/// every value, and every word that turns the meaning, is. Only ever a proposal.
pub fn alike(first: &str, second: &str) -> bool {
    let (Some(a), Some(b)) = (key(first), key(second)) else { return false };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let (a, b) = (words(&a), words(&b));
    let decides = |word: &String| is_value(word) || TURNING.contains(&word.as_str());
    let turned = is_question(first) != is_question(second);
    let same = !turned && a.iter().filter(|w| decides(w)).eq(b.iter().filter(|w| decides(w)));
    let (common, all) = (a.intersection(&b).count(), a.union(&b).count());
    same && common as f64 >= ALIKE_MIN * all as f64
}

/// A path, a number, a file, a unit, a quoted word: anything but plain small letters.
fn is_value(word: &str) -> bool {
    !word.chars().all(|c| c.is_alphabetic() && !c.is_uppercase() || c == '\'' || c == '’')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wish_in_another_dress_has_the_same_key() {
        for (a, b) in [
            ("Show the biggest files, please!", "show   the biggest files"),
            ("Hey hale, restart nginx", "restart nginx"),
            ("Montre les fichiers stp.", "montre les fichiers"),
            ("which logs are big?", "which logs are big"),
            ("could you clean the shop cache?", "could you clean the shop cache"),
        ] {
            assert_eq!(key(a), key(b), "{a}");
        }
        for (a, b) in [
            ("delete a.log", "delete b.log"),
            ("list /home/Bob", "list /home/bob"),
            ("stop NGINX", "stop nginx"),
            ("kill 12", "kill 13"),
            ("delete it", "don't delete it"),
            ("delete the old logs", "delete the old logs?"),
            ("오래된 로그 삭제", "오래된 로그 삭제?"),
        ] {
            assert_ne!(key(a), key(b), "{a}");
        }
        for (a, b) in [
            ("show me the biggest logs in /var", "the biggest logs in /var, show them"),
            ("restart the web server", "please restart our web server"),
        ] {
            assert!(alike(a, b), "{a} / {b}");
        }
        for (a, b) in [
            ("show the biggest logs in /var", "show the biggest logs in /srv"),
            ("delete the file a.log", "delete the file b.log"),
            ("delete the old logs", "don't delete the old logs"),
            ("restart the web server", "restart the mail server and the web server NOW"),
            ("stop the web server", "start the web server"),
            ("kill 12", "kill 13"),
            ("restart the web server", "why restart the web server"),
            ("restart the web server", "should I restart the web server"),
            ("restart the web server", "restart the web server?"),
            ("redémarre le serveur web", "qui redémarre le serveur web"),
            ("웹 서버 캐시 비워줘", "왜 웹 서버 캐시 비워줘"),
        ] {
            assert!(!alike(a, b), "{a} / {b}");
        }
        assert_eq!(key(" please ! "), None);
        assert_eq!(key("could U?").as_deref(), Some("could u"));
        assert_eq!(key(&"a".repeat(SENTENCE_BYTES_MAX + 1)), None);
    }
}
