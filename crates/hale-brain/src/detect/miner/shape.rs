//! The grammatical half of the miner: which words of a masked line must agree, and which may differ.
//!
//! A word of the vocabulary, a word in capitals, a name from code: these say what happened, and two
//! lines that differ in one are different messages. Other words may be names of things. What
//! follows `user` or the like is one for sure.

use super::hash::{self, Hash};
use super::mask::{VAR, is_separator};
use super::words;

/// A slot that holds a variable by its characters.
pub(super) const SLOT_VAR: u64 = 1;
/// A slot that has held different words.
pub(super) const SLOT_WILD: u64 = 0;

/// A masked line, as far as likeness is concerned.
#[derive(Default)]
pub(super) struct Shape {
    /// Says which words must agree and where the others are; equal for all lines of a template.
    pub(super) skeleton: u64,
    /// What stands where words may differ: a hash, or one of the two values above.
    pub(super) slots: Vec<u64>,
    /// Where in the text each slot stands.
    pub(super) places: Vec<(u32, u32)>,
    /// Words that must agree, with what each adds to the skeleton.
    pub(super) fixed: Vec<Fixed>,
}

/// A word that must agree.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) place: (u32, u32),
    pub(super) adds: u64,
    pub(super) index: u64,
}

impl Shape {
    /// The skeleton as it would be if this word were free to differ.
    pub(super) fn without(&self, fixed: &Fixed) -> u64 {
        self.skeleton.wrapping_sub(fixed.adds).wrapping_add(part(fixed.index, FREED))
    }

    pub(super) fn read(&mut self, masked: &[u8]) {
        self.slots.clear();
        self.places.clear();
        self.fixed.clear();
        let mut skeleton = 0_u64;
        let mut index = 0_u64;
        let mut at = 0;
        let mut context = Context::default();
        while let Some(&byte) = masked.get(at) {
            if byte == b' ' {
                context.spaced = true;
                at += 1;
                continue;
            }
            index += 1;
            let end = word_end(masked, at);
            let word = masked.get(at..end).unwrap_or_default();
            let place = (at as u32, end as u32);
            let rest = masked.get(end..).unwrap_or_default();
            if is_numbered(word, rest, index == 1) {
                // `name[12]` and `name(12)`: a process, a clock, a source line.
                self.places.push((at as u32, (end + NUMBER_BYTES) as u32));
                self.slots.push(SLOT_VAR);
                skeleton = skeleton.wrapping_add(part(index, SLOT));
                context.passed(&[VAR]);
                at = end + NUMBER_BYTES;
                continue;
            }
            let kind = context.judge(word, rest, index == 1);
            let adds = match kind {
                Kind::Mark => part(index, hash::of(word)),
                Kind::Fixed => {
                    let adds = part(index, hash::of(word));
                    self.fixed.push(Fixed { place, adds, index });
                    adds
                }
                Kind::Variable | Kind::Free => {
                    self.places.push(place);
                    let free = kind == Kind::Free;
                    self.slots.push(if free { hash::of(word) | 2 } else { SLOT_VAR });
                    part(index, SLOT)
                }
            };
            skeleton = skeleton.wrapping_add(adds);
            context.passed(word);
            at = end;
        }
        self.skeleton = skeleton;
    }

    /// Whether a line of this shape is one of a template with these slots: at least half of the
    /// words agree.
    pub(super) fn agrees(&self, slots: &[u64]) -> Option<usize> {
        let mut equal = self.fixed.len();
        let mut total = self.fixed.len();
        for (ours, theirs) in self.slots.iter().zip(slots) {
            if *theirs == SLOT_WILD || (*ours == SLOT_VAR && *theirs == SLOT_VAR) {
                continue;
            }
            total += 1;
            equal += usize::from(ours == theirs);
        }
        (2 * equal >= total).then_some(equal)
    }
}

const SLOT: Hash = 0x51;
const FREED: Hash = 0x52;

/// Bytes of `[VAR]`.
const NUMBER_BYTES: usize = 3;

fn is_numbered(word: &[u8], rest: &[u8], first: bool) -> bool {
    matches!(rest, [b'(', VAR, b')', ..] | [b'[', VAR, b']', ..])
        && word.iter().any(u8::is_ascii_alphabetic)
        && !is_code_name(word)
        && (!is_vocabulary(word) || (!first && !word.iter().any(u8::is_ascii_lowercase)))
}

fn part(index: u64, of: Hash) -> u64 {
    hash::mix(index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ of, 0xd6e8_feb8_6659_fd93)
}

fn word_end(masked: &[u8], at: usize) -> usize {
    let Some(&first) = masked.get(at) else { return at };
    if first == VAR || is_separator(first) {
        return at + 1;
    }
    let rest = masked.get(at..).unwrap_or_default();
    let ends = |b: &u8| *b == b' ' || *b == VAR || is_separator(*b);
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Punctuation.
    Mark,
    /// Must agree.
    Fixed,
    /// A variable.
    Variable,
    /// A word that may differ.
    Free,
}

/// What came before a word.
#[derive(Default)]
struct Context {
    spaced: bool,
    /// The last word introduces a name.
    introduced: bool,
    last_mark: u8,
}

impl Context {
    fn passed(&mut self, word: &[u8]) {
        self.introduced = introduces(word);
        self.last_mark = match word {
            [mark] if is_separator(*mark) => *mark,
            _ => 0,
        };
        self.spaced = false;
    }

    fn judge(&self, word: &[u8], rest: &[u8], first: bool) -> Kind {
        match word {
            [VAR] => return Kind::Variable,
            [mark] if is_separator(*mark) => return Kind::Mark,
            _ => {}
        }
        if is_value_word(word) {
            return Kind::Free;
        }
        let known = is_vocabulary(word) && (self.last_mark == b'=' || !is_account(word));
        if self.introduced && self.spaced && !is_preposition(word) {
            return Kind::Variable;
        }
        let quoted = matches!(self.last_mark, b'"' | b'\'' | b'[')
            && matches!(rest.first(), Some(b'"' | b'\'' | b']'))
            && !self.spaced;
        // A name from code amid a sentence is one of several; at its head it says who speaks.
        let amid = self.spaced && self.last_mark == 0 && matches!(rest.first(), None | Some(b' '));
        let named = is_capitals(word) || (is_code_name(word) && !amid);
        // `key=value`: keys are the sender's own words.
        let key = rest.first() == Some(&b'=');
        if known || first || key || (!quoted && named) { Kind::Fixed } else { Kind::Free }
    }
}

/// Words after which a name comes.
fn introduces(word: &[u8]) -> bool {
    matches!(word, b"user" | b"User" | b"username" | b"host" | b"hostname" | b"named")
}

fn is_preposition(word: &[u8]) -> bool {
    words::is_known(word) && word.len() <= 4 && !is_account(word)
}

/// Words that are names of accounts as well.
fn is_account(word: &[u8]) -> bool {
    matches!(
        word,
        b"root"
            | b"admin"
            | b"guest"
            | b"test"
            | b"mail"
            | b"news"
            | b"daemon"
            | b"operator"
            | b"user"
            | b"man"
            | b"sys"
            | b"bin"
            | b"nobody"
    )
}

/// What a variable of a truth value, or an empty one, looks like.
fn is_value_word(word: &[u8]) -> bool {
    matches!(
        word,
        b"true"
            | b"false"
            | b"True"
            | b"False"
            | b"TRUE"
            | b"FALSE"
            | b"null"
            | b"NULL"
            | b"nil"
            | b"None"
    )
}

fn is_vocabulary(word: &[u8]) -> bool {
    let mut parts = word.split(|b| !b.is_ascii_alphabetic()).filter(|p| !p.is_empty()).peekable();
    parts.peek().is_some() && parts.all(words::is_known)
}

/// `AUTO`, `SCREEN_ON`, `action.STOP`.
fn is_capitals(word: &[u8]) -> bool {
    let upper = |b: &u8| b.is_ascii_uppercase();
    let lower = |b: &u8| b.is_ascii_lowercase();
    let letters = word.iter().filter(|b| upper(b) || lower(b)).count();
    if letters == 0 {
        return word.is_ascii();
    }
    let capitals = letters >= 2 && !word.iter().any(lower);
    let tail = word.rsplit(|b| *b == b'.').next().unwrap_or(word);
    let shouts = tail.len() >= 2 && tail.len() < word.len() && !tail.iter().any(lower);
    capitals || shouts
}

/// A name from code: `waitForReply`, `on_start`.
fn is_code_name(word: &[u8]) -> bool {
    let camel = |w: &[u8]| matches!(w, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    word.contains(&b'_') || word.windows(2).any(camel)
}
