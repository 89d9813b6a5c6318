//! One spelling for what people write in several: case, accents, typographic apostrophes,
//! decomposed Hangul (as some keyboards and file systems send it).

/// Lower case, without accents, with plain apostrophes; Hangul composed into syllables.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in compose_hangul(text).chars().flat_map(char::to_lowercase) {
        match c {
            'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'ö' | 'õ' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ÿ' | 'ý' => folded.push('y'),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            '’' | '‘' | 'ʼ' | '`' | '´' => folded.push('\''),
            '‐' | '‑' | '–' => folded.push('-'),
            '\u{300}'..='\u{36f}' => {}
            c => folded.push(c),
        }
    }
    folded
}

/// What is in a sentence but is not to be read: control characters, invisible and direction
/// marks become spaces, so that what is read is what a person sees.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => ' ',
            '\u{feff}' | '\u{ad}' | '\u{a0}' | '\u{202f}' | '\u{3000}' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

/// A syllable of Hangul.
pub(super) fn is_hangul(c: char) -> bool {
    ('가'..='힣').contains(&c)
        || ('\u{1100}'..='\u{11ff}').contains(&c)
        || ('\u{3130}'..='\u{318f}').contains(&c)
}

const SYLLABLES: u32 = 0xac00;
const LEADS: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
const TAILS: u32 = 0x11a7;

/// Conjoining jamo to syllables (Unicode 15, section 3.12, arithmetic composition).
pub(super) fn compose_hangul(text: &str) -> String {
    let mut composed: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        let code = c as u32;
        let joined = composed.last().and_then(|last| {
            let before = *last as u32;
            let lead = before.checked_sub(LEADS).filter(|i| *i < 19);
            let open = before.checked_sub(SYLLABLES).filter(|i| *i < 11_172 && i % 28 == 0);
            let vowel = code.checked_sub(VOWELS).filter(|i| *i < 21);
            let tail = code.checked_sub(TAILS).filter(|i| (1..28).contains(i));
            match (lead, open, vowel, tail) {
                (Some(lead), _, Some(vowel), _) => {
                    char::from_u32(SYLLABLES + (lead * 21 + vowel) * 28)
                }
                (_, Some(_), _, Some(tail)) => char::from_u32(before + tail),
                _ => None,
            }
        });
        match joined {
            Some(syllable) => {
                composed.pop();
                composed.push(syllable);
            }
            None => composed.push(c),
        }
    }
    composed.into_iter().collect()
}

/// The letters of a run of Hangul, for counting mistakes of the keyboard; other characters stay.
pub(super) fn letters_of_hangul(text: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(text.len());
    for c in text.chars() {
        match (c as u32).checked_sub(SYLLABLES).filter(|i| *i < 11_172) {
            None => letters.push(c),
            Some(index) => {
                letters.extend(char::from_u32(LEADS + index / 588));
                letters.extend(char::from_u32(VOWELS + index % 588 / 28));
                if index % 28 != 0 {
                    letters.extend(char::from_u32(TAILS + index % 28));
                }
            }
        }
    }
    letters
}
