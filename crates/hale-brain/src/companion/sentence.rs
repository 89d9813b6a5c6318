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
    (!words.is_empty()).then(|| words.join(" "))
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
    "ne",
    "pas",
    "jamais",
    "sans",
    "sauf",
    "arrête",
    "désactive",
    "si",
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
pub fn alike(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (key(a), key(b)) else { return false };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let (a, b) = (words(&a), words(&b));
    let decides = |word: &String| is_value(word) || TURNING.contains(&word.as_str());
    let same = a.iter().filter(|w| decides(w)).eq(b.iter().filter(|w| decides(w)));
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
        ] {
            assert_eq!(key(a), key(b), "{a}");
        }
        for (a, b) in [
            ("delete a.log", "delete b.log"),
            ("list /home/Bob", "list /home/bob"),
            ("stop NGINX", "stop nginx"),
            ("kill 12", "kill 13"),
            ("delete it", "don't delete it"),
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
        ] {
            assert!(!alike(a, b), "{a} / {b}");
        }
        assert_eq!(key(" please ! "), None);
        assert_eq!(key(&"a".repeat(SENTENCE_BYTES_MAX + 1)), None);
    }
}
