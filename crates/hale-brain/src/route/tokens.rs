//! A sentence as tokens: words with their concepts, values with their types. Nothing is thrown
//! away but grammar (articles stay, as words that carry nothing), so that the matcher can ask of
//! every token whether it is accounted for.

use super::fold::{self, is_hangul};
use super::hangul::{self, Kind};
use super::lexicon::{Concept, Lexicon, Meaning};
use super::values::{self, TimeUnit, Value};
use super::{SENTENCE_WORDS_MAX, company, stem};

/// One token.
#[derive(Clone, Debug, Default)]
pub(super) struct Token {
    /// As written, without punctuation around it.
    pub(super) raw: String,
    pub(super) folded: String,
    /// Between quotation marks.
    pub(super) quoted: bool,
    pub(super) values: Vec<Value>,
    pub(super) concepts: Vec<Concept>,
    /// The concepts were found by likeness only.
    pub(super) guessed: bool,
    /// It tells what was done or is done, it asks for nothing.
    pub(super) past: bool,
    /// Korean particles and endings right behind it.
    pub(super) tail: String,
    /// Written in Hangul.
    pub(super) hangul: bool,
    /// The raw text is the name that a word in Hangul stands for.
    pub(super) alias: bool,
    /// A comma, or the end of a sentence, follows.
    pub(super) pause: bool,
}

impl Token {
    /// The first path, size… among the readings that `pick` accepts.
    pub(super) fn value<T>(&self, pick: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.values.iter().find_map(pick)
    }

    pub(super) fn is(&self, concept: Concept) -> bool {
        self.concepts.contains(&concept)
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.value(|value| if let Value::Number(n) = value { Some(*n) } else { None })
    }
}

/// Cuts a sentence into tokens, at most one more than [`SENTENCE_WORDS_MAX`].
pub(super) fn read(sentence: &str, lexicon: &Lexicon) -> Vec<Token> {
    let mut tokens = Vec::new();
    for chunk in chunks(&fold::compose_hangul(&fold::visible(sentence))) {
        if tokens.len() > SENTENCE_WORDS_MAX {
            break;
        }
        if chunk.quoted {
            tokens.push(quoted(&chunk.text));
        } else {
            read_chunk(&chunk.text, lexicon, &mut tokens);
        }
    }
    join_counts(&mut tokens, lexicon);
    join_phrases(&mut tokens, lexicon);
    company::mark(&mut tokens, lexicon);
    tokens
}

struct Chunk {
    text: String,
    quoted: bool,
}

/// Runs between spaces, and runs between quotation marks.
fn chunks(sentence: &str) -> Vec<Chunk> {
    let characters: Vec<char> = sentence.chars().collect();
    let mut found = Vec::new();
    let mut run = String::new();
    let mut at = 0;
    while let Some(c) = characters.get(at).copied() {
        let closing = closing_quote(c).filter(|_| run.is_empty());
        let end = closing.and_then(|close| end_of_quote(&characters, at + 1, close));
        if let Some(end) = end {
            let text: String = characters[at + 1..end].iter().collect();
            let text = text.trim().to_owned();
            if !text.is_empty() {
                found.push(Chunk { text, quoted: true });
            }
            at = end + 1;
            continue;
        }
        if c.is_whitespace() {
            flush(&mut run, &mut found);
        } else {
            run.push(c);
        }
        at += 1;
    }
    flush(&mut run, &mut found);
    found
}

fn flush(run: &mut String, found: &mut Vec<Chunk>) {
    if !run.is_empty() {
        found.push(Chunk { text: std::mem::take(run), quoted: false });
    }
}

fn closing_quote(c: char) -> Option<char> {
    Some(match c {
        '"' => '"',
        '\'' => '\'',
        '`' => '`',
        '“' | '„' => '”',
        '«' => '»',
        '「' => '」',
        '‘' => '’',
        _ => return None,
    })
}

/// Where a quotation ends; an apostrophe inside a word ends none.
fn end_of_quote(characters: &[char], from: usize, close: char) -> Option<usize> {
    (from + 1..characters.len()).find(|at| {
        let ends_word = characters.get(at + 1).is_none_or(|next| !next.is_alphanumeric())
            || characters.get(at + 1).copied().is_some_and(is_hangul);
        characters[*at] == close && ends_word
    })
}

fn quoted(text: &str) -> Token {
    let folded = fold::fold(text);
    let values = values::readings(text, &folded);
    Token { raw: text.to_owned(), folded, quoted: true, values, ..Token::default() }
}

fn read_chunk(chunk: &str, lexicon: &Lexicon, tokens: &mut Vec<Token>) {
    // `> 500M`, `>=1G`: more than.
    if let Some(rest) = chunk.strip_prefix('>').map(|rest| rest.trim_start_matches('='))
        && rest.chars().next().is_none_or(|c| c.is_ascii_digit())
    {
        tokens.push(word("over", lexicon));
        if !rest.is_empty() {
            read_chunk(rest, lexicon, tokens);
        }
        return;
    }
    let start = chunk.trim_start_matches(['(', '[', '{', '<', '¿', '¡', '-', '•', ',']);
    let pauses = [')', ']', '}', '>', '?', '!', ',', ';', '…', '。', '、'];
    let mut text = start.trim_end_matches(pauses);
    let only_dots = text.chars().all(|c| c == '.') || text.ends_with("/.") || text.ends_with("/..");
    if !only_dots {
        text = text.trim_end_matches(['.', ':', '!', '?', ',']);
    }
    if !text.is_empty() {
        read_word(text, lexicon, tokens);
    }
    let paused = start.len() > text.len();
    if let Some(last) = tokens.last_mut().filter(|_| paused) {
        last.pause = true;
    }
}

fn read_word(text: &str, lexicon: &Lexicon, tokens: &mut Vec<Token>) {
    if looks_like_path(text, lexicon) {
        let (path, tail) = without_hangul_tail(text, lexicon);
        tokens.push(latin(path, lexicon));
        read_hangul(tail, true, lexicon, tokens);
        return;
    }
    if text.contains('/')
        && !text.starts_with('/')
        && text.split('/').all(|part| lexicon.knows(&fold::fold(part)))
    {
        text.split('/').for_each(|part| read_word(part, lexicon, tokens));
        return;
    }
    let mut continues = false;
    for (run, hangul) in by_script(text) {
        if hangul {
            read_hangul(&run, continues, lexicon, tokens);
        } else {
            read_latin(&run, lexicon, tokens);
        }
        continues = true;
    }
}

fn looks_like_path(text: &str, lexicon: &Lexicon) -> bool {
    let rooted = ["/", "~/", "./", "../", "http://", "https://"];
    rooted.iter().any(|start| text.starts_with(start))
        || (text.contains('/')
            && !text.split('/').all(|part| lexicon.knows(&fold::fold(part)))
            && text.chars().any(|c| c.is_ascii_alphabetic()))
}

/// A path and the particle written right behind it (`/var/log에서`).
fn without_hangul_tail<'a>(text: &'a str, lexicon: &Lexicon) -> (&'a str, &'a str) {
    let tail_at = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_hangul(*c))
        .last()
        .map_or(text.len(), |(at, _)| at);
    let (path, tail) = text.split_at(tail_at);
    let pieces = hangul::cut(tail, true, lexicon);
    let all_known = pieces.iter().all(|p| matches!(p.kind, Kind::Grammar | Kind::Word));
    let folder = path.ends_with('/') && path.len() > 1;
    if all_known && !folder { (path, tail) } else { (text, "") }
}

fn by_script(text: &str) -> Vec<(String, bool)> {
    let mut runs: Vec<(String, bool)> = Vec::new();
    for c in text.chars() {
        let hangul = is_hangul(c);
        match runs.last_mut().filter(|(_, same)| *same == hangul) {
            Some((run, _)) => run.push(c),
            None => runs.push((c.to_string(), hangul)),
        }
    }
    runs
}

fn read_hangul(run: &str, continues: bool, lexicon: &Lexicon, tokens: &mut Vec<Token>) {
    if run.is_empty() {
        return;
    }
    let rest = after_number(run, lexicon, tokens).unwrap_or(run);
    // `/var 에서`: people set a space between a Latin word and its particle.
    let apart = matches!(run, "에서" | "에" | "을" | "를" | "의" | "로" | "으로")
        && tokens.last().is_some_and(|token| !token.hangul);
    let continues = continues || apart || rest.len() < run.len();
    for piece in hangul::cut(rest, continues, lexicon) {
        let (concepts, guessed) = match piece.kind {
            Kind::Grammar => {
                if let Some(last) = tokens.last_mut() {
                    last.tail.push_str(&piece.text);
                }
                // `폴더별`, `파일마다`: of each one.
                let each = lexicon.concept("each");
                if let Some(each) = each.filter(|_| matches!(&*piece.text, "별" | "별로" | "마다"))
                {
                    tokens.push(Token {
                        raw: piece.text.clone(),
                        folded: piece.text,
                        concepts: vec![each],
                        hangul: true,
                        ..Token::default()
                    });
                }
                continue;
            }
            Kind::Word => (lexicon.exact(&piece.text), false),
            Kind::Guessed(concepts) => (concepts, true),
            Kind::Unknown => (Vec::new(), false),
        };
        let values = values::spelled_number(&piece.text).map(Value::Number);
        tokens.push(Token {
            raw: lexicon.alias(&piece.text).unwrap_or(&piece.text).to_owned(),
            alias: lexicon.alias(&piece.text).is_some(),
            folded: piece.text,
            concepts,
            guessed,
            hangul: true,
            values: values.into_iter().collect(),
            ..Token::default()
        });
    }
}

/// Gives the number before a run its unit (`1` `시간`); what follows the unit, where there is one.
fn after_number<'a>(run: &'a str, lexicon: &Lexicon, tokens: &mut [Token]) -> Option<&'a str> {
    // `20번째 줄` has its unit, the line is another word.
    let open = |token: &&mut Token| !token.quoted && !token.tail.starts_with('번');
    let last = tokens.last_mut().filter(open)?;
    let count = last.raw.clone();
    let number = last.number();
    let decimal = count.parse::<f64>().is_ok();
    if !decimal && number.is_none() {
        return None;
    }
    let units = values::HANGUL_UNITS.iter().chain(values::HANGUL_COUNTERS);
    let unit = units.filter(|unit| run.starts_with(**unit)).max_by_key(|unit| unit.len())?;
    let rest = run.get(unit.len()..)?;
    let known =
        hangul::cut(rest, true, lexicon).iter().all(|piece| !matches!(piece.kind, Kind::Unknown));
    if !known {
        return None;
    }
    if let Some(bytes) = values::size_unit(unit, unit) {
        last.values = values::scaled(&count, bytes).map(Value::Size).into_iter().collect();
    } else if let Some(unit) = values::time_unit(unit) {
        last.values = vec![unit.ago(number?)];
    }
    last.hangul = true;
    if unit.starts_with('번') {
        last.tail.push_str(unit);
    }
    Some(rest)
}

fn read_latin(run: &str, lexicon: &Lexicon, tokens: &mut Vec<Token>) {
    let folded = fold::fold(run);
    if folded.contains('\'') && !lexicon.knows(&folded) {
        let (before, after) = folded.split_once('\'').unwrap_or((&folded, ""));
        let raw_after = run.split_once(['\'', '’', '‘', 'ʼ', '`', '´']).map_or("", |(_, a)| a);
        if after == "s" || after.is_empty() {
            let raw_before = run.get(..run.len() - raw_after.len()).unwrap_or(run);
            let raw_before = raw_before.trim_end_matches(['\'', '’', '‘', 'ʼ', '`', '´']);
            return read_latin(raw_before, lexicon, tokens);
        }
        tokens.push(word(before, lexicon));
        return read_latin(raw_after, lexicon, tokens);
    }
    let compound = folded.contains('-') && !lexicon.knows(&folded);
    if compound && folded.split('-').all(|p| lexicon.knows(p) || matches!(p, "t" | "")) {
        for part in run.split('-').filter(|part| !part.is_empty()) {
            tokens.push(latin(part, lexicon));
        }
        return;
    }
    if !run.is_empty() {
        tokens.push(latin(run, lexicon));
    }
}

fn latin(raw: &str, lexicon: &Lexicon) -> Token {
    let mut token = word(raw, lexicon);
    token.values = values::readings(raw, &token.folded);
    token.values.extend(values::spelled_number(&token.folded).map(Value::Number));
    token
}

fn word(raw: &str, lexicon: &Lexicon) -> Token {
    let folded = fold::fold(raw);
    let found = lexicon.look_up(&folded);
    Token {
        raw: raw.to_owned(),
        past: stem::is_past(raw) && lexicon.exact(&folded).is_empty(),
        folded,
        concepts: found.concepts,
        guessed: found.guessed,
        ..Token::default()
    }
}

/// `2` `hours` and `500` `Mo` become one token each.
fn join_counts(tokens: &mut Vec<Token>, lexicon: &Lexicon) {
    let last = lexicon.concept("last");
    let mut at = 0;
    while at + 1 < tokens.len() {
        // `les 2 dernières heures`: the unit comes behind the adjective.
        let split = last.is_some_and(|last| tokens[at + 1].is(last))
            && tokens.get(at + 2).is_some_and(|unit| counted(&tokens[at], unit).is_some());
        if split {
            tokens.swap(at, at + 1);
            at += 1;
        }
        // `half an hour` is a phrase of its own.
        let half = at > 0 && tokens[at - 1].folded == "half";
        if let Some(value) = counted(&tokens[at], &tokens[at + 1]).filter(|_| !half) {
            let unit = tokens.remove(at + 1);
            let count = &mut tokens[at];
            count.raw = format!("{} {}", count.raw, unit.raw);
            count.folded = format!("{} {}", count.folded, unit.folded);
            count.values = vec![value];
            count.concepts.clear();
            count.guessed = false;
            count.pause = unit.pause;
            count.tail = unit.tail;
        }
        at += 1;
    }
}

fn counted(count: &Token, unit: &Token) -> Option<Value> {
    if count.quoted || unit.quoted || unit.hangul {
        return None;
    }
    let decimal = count.raw.replace(',', ".").parse::<f64>().is_ok();
    if decimal && let Some(bytes) = values::size_unit(&unit.raw, &unit.folded) {
        return values::scaled(&count.raw, bytes).map(Value::Size);
    }
    let one = values::is_one(&count.folded, &unit.folded).then_some(1);
    let unit: TimeUnit = values::time_unit(&unit.folded).filter(|_| unit.folded.len() > 1)?;
    count.number().or(one).map(|number| unit.ago(number))
}

/// Words in a row that mean one thing: a moment, a place, a concept.
fn join_phrases(tokens: &mut Vec<Token>, lexicon: &Lexicon) {
    let files = lexicon.concept("file");
    let clock = [lexicon.concept("time"), lexicon.concept("timezone")];
    let of_time = tokens
        .iter()
        .any(|token| token.folded == "시" || clock.iter().flatten().any(|time| token.is(*time)));
    let mut at = 0;
    while at < tokens.len() {
        let names_files = |token: &Token| files.is_some_and(|files| token.is(files));
        let of_files = tokens.iter().any(names_files);
        let mut join: Option<(usize, &Meaning)> = None;
        let mut concepts = Vec::new();
        for (parts, meaning) in phrases_at(tokens, at, lexicon) {
            match meaning {
                Meaning::Concept(concept) => concepts.push((parts, *concept)),
                Meaning::Glob(glob) if of_files => {
                    tokens[at].values.push(Value::Glob(glob.clone()));
                }
                Meaning::Glob(_) => {}
                Meaning::Zone(_) if !of_time => {}
                Meaning::Time(_) | Meaning::Path(_) | Meaning::Zone(_) => {
                    if join.is_none_or(|(longest, _)| parts > longest) {
                        join = Some((parts, meaning));
                    }
                }
            }
        }
        // `date du jour` is no day: the longer phrase wins.
        let longest = concepts.iter().map(|(parts, _)| *parts).max().unwrap_or(0);
        join = join.filter(|(parts, _)| *parts >= longest);
        for (parts, concept) in concepts {
            for token in &mut tokens[at..at + parts] {
                if token.guessed {
                    token.concepts.clear();
                    token.guessed = false;
                }
                if !token.concepts.contains(&concept) {
                    token.concepts.push(concept);
                }
                token.past = false;
            }
        }
        if let Some((parts, meaning)) = join {
            let joined = joined(tokens.drain(at..at + parts).collect(), meaning);
            tokens.insert(at, joined);
        }
        at += 1;
    }
}

fn phrases_at<'a>(tokens: &[Token], at: usize, lexicon: &'a Lexicon) -> Vec<(usize, &'a Meaning)> {
    let Some(first) = tokens.get(at).filter(|token| !token.quoted) else { return Vec::new() };
    let Some(candidates) = lexicon.phrases.get(&first.folded) else { return Vec::new() };
    candidates
        .iter()
        .filter(|(parts, _)| {
            parts.iter().enumerate().all(|(offset, part)| {
                tokens.get(at + offset).is_some_and(|t| !t.quoted && same_word(&t.folded, part))
            })
        })
        .map(|(parts, meaning)| (parts.len(), meaning))
        .collect()
}

fn same_word(written: &str, part: &str) -> bool {
    written == part
        || (part.len() > 3
            && written.len() > 3
            && part.is_ascii()
            && (stem::english(written) == stem::english(part)
                || stem::french(written) == stem::french(part)))
}

fn joined(parts: Vec<Token>, meaning: &Meaning) -> Token {
    let mut whole = Token::default();
    for part in parts {
        if !whole.raw.is_empty() {
            whole.raw.push(' ');
            whole.folded.push(' ');
        }
        whole.raw.push_str(&part.raw);
        whole.folded.push_str(&part.folded);
        whole.hangul |= part.hangul;
        whole.pause = part.pause;
        whole.tail = part.tail;
        whole.concepts.extend(part.concepts);
    }
    match meaning {
        Meaning::Time(span) => {
            whole.values = vec![values::since_of(span)];
            whole.concepts.clear();
        }
        Meaning::Path(path) => whole.values = vec![Value::Path(path.clone())],
        Meaning::Zone(zone) => whole.values = vec![Value::Zone(zone.clone())],
        Meaning::Glob(_) | Meaning::Concept(_) => {}
    }
    whole
}
