//! When two sentences are the same: what was done before is then offered again. Only what cannot
//! change the meaning is evened out; a path, a name or a number always counts.

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
        assert_eq!(key(" please ! "), None);
        assert_eq!(key(&"a".repeat(SENTENCE_BYTES_MAX + 1)), None);
    }
}
