//! The words: which concepts each stands for, in three languages. Data, read from
//! `rules/intents/lexicon.toml`; here it is indexed for looking up, by word, stem and likeness.

use std::collections::{BTreeMap, HashMap, HashSet};

use hale_model::config::Language;
use serde::Deserialize;

use super::error::RouteError;
use super::{fold, stem, typo};

/// A concept by its place in [`Lexicon::names`].
pub(super) type Concept = u16;

/// Concept of words that carry nothing here: articles, politeness.
pub(super) const SOFT: &str = "soft";

/// The words of one entry, separated by commas.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    #[serde(default)]
    en: String,
    #[serde(default)]
    fr: String,
    #[serde(default)]
    ko: String,
}

impl Words {
    fn all(&self) -> impl Iterator<Item = (Language, String)> + '_ {
        [(Language::En, &self.en), (Language::Fr, &self.fr), (Language::Ko, &self.ko)]
            .into_iter()
            .flat_map(|(language, list)| {
                list.split(',').map(move |word| (language, fold::fold(word.trim())))
            })
            .filter(|(_, word)| !word.is_empty())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LexiconText {
    exact: BTreeMap<String, Words>,
    concept: BTreeMap<String, Words>,
    time: BTreeMap<String, TimeWords>,
    path: BTreeMap<String, Words>,
    glob: BTreeMap<String, Words>,
    zone: BTreeMap<String, Words>,
    korean: Korean,
    software: BTreeMap<String, String>,
    alias: BTreeMap<String, String>,
    alone: BTreeMap<String, String>,
    ordinary: Words,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeWords {
    minutes: u64,
    words: Words,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Korean {
    particles: String,
    endings: String,
}

/// A moment that a word stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) minutes: u64,
}

/// What several words in a row mean.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Concept(Concept),
    Time(Span),
    Path(String),
    Glob(String),
    Zone(String),
}

/// What looking up a word found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) concepts: Vec<Concept>,
    /// Found by likeness only.
    pub(super) guessed: bool,
}

/// Every word hale's router knows.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    pub(super) names: Vec<String>,
    by_name: HashMap<String, Concept>,
    words: HashMap<String, Vec<Concept>>,
    stems: [HashMap<String, Vec<Concept>>; 2],
    /// Words that may be misspelt, by language-free spelling.
    spellings: Vec<(Vec<char>, Vec<Concept>)>,
    hangul_spellings: Vec<(Vec<char>, Vec<Concept>)>,
    /// Words in a row, by their first word.
    pub(super) phrases: HashMap<String, Vec<(Vec<String>, Meaning)>>,
    pub(super) particles: HashSet<String>,
    pub(super) endings: HashSet<String>,
    pub(super) longest_hangul: usize,
    software: HashMap<String, Vec<String>>,
    aliases: HashMap<String, String>,
    alone: BTreeMap<String, String>,
    ordinary: HashSet<String>,
    languages: HashMap<String, [bool; 3]>,
}

impl Lexicon {
    /// Reads the words.
    pub(super) fn read(origin: &str, text: &str) -> Result<Self, RouteError> {
        let read: LexiconText = toml::from_str(text).map_err(|error| RouteError {
            origin: origin.to_owned(),
            subject: "lexicon".to_owned(),
            what: error.to_string(),
            next_step: "write it as the other entries are written".to_owned(),
        })?;
        let mut lexicon = Lexicon::default();
        lexicon.read_korean(&read.korean);
        for (name, words) in &read.exact {
            lexicon.add(name, words, false);
        }
        for (name, words) in &read.concept {
            lexicon.add(name, words, true);
        }
        for (text, entry) in &read.time {
            let span = Span { text: text.replace('_', " "), minutes: entry.minutes };
            lexicon.add_phrases(&entry.words, &Meaning::Time(span));
        }
        for (path, words) in &read.path {
            lexicon.add_phrases(words, &Meaning::Path(path.clone()));
        }
        for (glob, words) in &read.glob {
            lexicon.add_phrases(words, &Meaning::Glob(glob.clone()));
        }
        for (zone, words) in &read.zone {
            lexicon.add_phrases(words, &Meaning::Zone(zone.clone()));
        }
        for (kind, list) in &read.software {
            for name in list.split(',').map(|name| fold::fold(name.trim())) {
                lexicon.software.entry(name).or_default().push(kind.clone());
            }
        }
        for (name, list) in &read.alias {
            for alias in list.split(',').map(|alias| fold::fold(alias.trim())) {
                lexicon.longest_hangul = lexicon.longest_hangul.max(alias.chars().count());
                lexicon.aliases.insert(alias, name.clone());
            }
        }
        lexicon.alone = read.alone;
        lexicon.ordinary = read.ordinary.all().map(|(_, word)| word).collect();
        Ok(lexicon)
    }

    fn read_korean(&mut self, korean: &Korean) {
        let set = |list: &str| list.split_whitespace().map(str::to_owned).collect();
        self.particles = set(&korean.particles);
        self.endings = set(&korean.endings);
    }

    fn concept_named(&mut self, name: &str) -> Concept {
        if let Some(concept) = self.by_name.get(name) {
            return *concept;
        }
        let concept = Concept::try_from(self.names.len()).unwrap_or(Concept::MAX);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), concept);
        concept
    }

    /// The concept of that name.
    pub(super) fn concept(&self, name: &str) -> Option<Concept> {
        self.by_name.get(name).copied()
    }

    fn add(&mut self, name: &str, words: &Words, inflected: bool) {
        let concept = self.concept_named(name);
        for (language, word) in words.all() {
            if word.contains(' ') {
                self.add_phrase(language, &word, Meaning::Concept(concept));
            } else {
                self.add_word(language, word, concept, inflected);
            }
        }
    }

    fn add_word(&mut self, language: Language, word: String, concept: Concept, inflected: bool) {
        self.note_language(language, &word);
        push(self.words.entry(word.clone()).or_default(), concept);
        match language {
            Language::Ko => {
                self.longest_hangul = self.longest_hangul.max(word.chars().count());
                let letters = fold::letters_of_hangul(&word);
                if inflected {
                    self.hangul_spellings.push((letters, vec![concept]));
                }
            }
            Language::En | Language::Fr if inflected => {
                push(self.stems[0].entry(stem::english(&word)).or_default(), concept);
                push(self.stems[1].entry(stem::french(&word)).or_default(), concept);
                self.spellings.push((word.chars().collect(), vec![concept]));
            }
            Language::En | Language::Fr => {}
        }
    }

    fn add_phrases(&mut self, words: &Words, meaning: &Meaning) {
        for (language, phrase) in words.all() {
            self.add_phrase(language, &phrase, meaning.clone());
        }
    }

    fn add_phrase(&mut self, language: Language, phrase: &str, meaning: Meaning) {
        // French sentences are cut at elisions and hyphens, so their phrases are too.
        let joint = |c: char| language == Language::Fr && matches!(c, '\'' | '-');
        let parts: Vec<String> = phrase
            .split(|c: char| c.is_whitespace() || joint(c))
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        for part in &parts {
            self.note_language(language, part);
            if language == Language::Ko {
                self.longest_hangul = self.longest_hangul.max(part.chars().count());
            }
        }
        if let Some(first) = parts.first() {
            self.phrases.entry(first.clone()).or_default().push((parts, meaning));
        }
    }

    fn note_language(&mut self, language: Language, word: &str) {
        self.languages.entry(word.to_owned()).or_default()[language_index(language)] = true;
    }

    /// In which languages (English, French, Korean) a folded word is at home.
    pub(super) fn languages_of(&self, folded: &str) -> [bool; 3] {
        self.languages.get(folded).copied().unwrap_or_default()
    }

    /// Whether a folded word is in the lexicon as it stands, or in one of its inflections.
    pub(super) fn knows(&self, folded: &str) -> bool {
        self.languages.contains_key(folded) || !self.inflected(folded).is_empty()
    }

    /// Whether a run of Hangul is a whole word, or part of a phrase.
    pub(super) fn knows_hangul(&self, run: &str) -> bool {
        self.languages.contains_key(run) || self.aliases.contains_key(run)
    }

    /// The name that a word in Hangul stands for: `nginx` of `엔진엑스`.
    pub(super) fn alias(&self, run: &str) -> Option<&str> {
        self.aliases.get(run).map(String::as_str)
    }

    /// What a program's name means as the whole of a sentence: `free` of memory, not of space.
    pub(super) fn meant_alone(&self, folded: &str) -> Option<&str> {
        self.alone.get(folded).map(String::as_str)
    }

    /// The concepts of a word as it stands.
    pub(super) fn exact(&self, folded: &str) -> Vec<Concept> {
        self.words.get(folded).cloned().unwrap_or_default()
    }

    fn inflected(&self, folded: &str) -> Vec<Concept> {
        if folded.chars().count() < 4 {
            return Vec::new();
        }
        let mut concepts = Vec::new();
        for (index, stem) in [stem::english(folded), stem::french(folded)].iter().enumerate() {
            for concept in self.stems[index].get(stem).into_iter().flatten() {
                push(&mut concepts, *concept);
            }
        }
        concepts
    }

    /// The concepts of a Latin word: as it stands, inflected, else misspelt.
    pub(super) fn look_up(&self, folded: &str) -> Found {
        let exact = self.exact(folded);
        if !exact.is_empty() {
            return Found { concepts: exact, guessed: false };
        }
        if self.is_ordinary(folded) {
            return Found::default();
        }
        let inflected = self.inflected(folded);
        if !inflected.is_empty() {
            return Found { concepts: inflected, guessed: false };
        }
        let all_letters = folded.chars().all(char::is_alphabetic);
        if !all_letters || self.languages.contains_key(folded) {
            return Found::default();
        }
        let written: Vec<char> = folded.chars().collect();
        nearest(&self.spellings, |meant| typo::cost(&written, meant))
    }

    /// The concepts of a misspelt run of Hangul.
    pub(super) fn guess_hangul(&self, run: &str) -> Found {
        let letters = fold::letters_of_hangul(run);
        nearest(&self.hangul_spellings, |meant| typo::cost_of_letters(&letters, meant))
    }

    /// Whether a word is everyday language: never a name, never a misspelling.
    pub(super) fn is_ordinary(&self, folded: &str) -> bool {
        self.ordinary.contains(folded)
    }

    /// The kinds (`daemon`, `program`) of a well-known piece of software.
    pub(super) fn software(&self, folded: &str) -> &[String] {
        self.software.get(folded).map_or(&[], Vec::as_slice)
    }
}

/// The concepts of every entry at the least cost.
fn nearest(
    spellings: &[(Vec<char>, Vec<Concept>)],
    cost: impl Fn(&[char]) -> Option<usize>,
) -> Found {
    let mut best = usize::MAX;
    let mut concepts = Vec::new();
    for (meant, of) in spellings {
        let Some(cost) = cost(meant) else { continue };
        if cost < best {
            best = cost;
            concepts.clear();
        }
        if cost == best {
            of.iter().for_each(|concept| push(&mut concepts, *concept));
        }
    }
    let guessed = !concepts.is_empty();
    Found { concepts, guessed }
}

fn push(concepts: &mut Vec<Concept>, concept: Concept) {
    if !concepts.contains(&concept) {
        concepts.push(concept);
    }
}

/// The place of a language in tables of three.
pub(super) fn language_index(language: Language) -> usize {
    match language {
        Language::En => 0,
        Language::Fr => 1,
        Language::Ko => 2,
    }
}
